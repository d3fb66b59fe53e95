"""Closed-form matting in a window: some pixels of a crop are solved for, all others are held."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..laplacians.closed_form import closed_form_system
from ..solvers import solve
from ..solvers.multigrid import Multigrid
from ..solvers.stencil import Stencil

Matte = NDArray[np.float64]

EPS = 1e-7  # as in closed_form_matting
FADING = 0.01  # how fast a change dies away where a matte is kept: docs/decisions/2026-11-21-review-page.md
REACH = 2  # windows of radius 1 couple pixels so far apart
FEW = 500  # unknown pixels up to which a factorisation is as fast as the multigrid


def solve_held(
    image: NDArray[np.float32],
    is_unknown: NDArray[np.bool_],
    held: Matte,
    *,
    former: Matte | None = None,
    keeps: NDArray[np.bool_] | None = None,
    pull: NDArray[np.float64] | None = None,
) -> Matte:
    """Solve for the unknown pixels of a crop with all others held; arguments are checked.

    Parameters
    ----------
    image : ndarray, (h, w, 3) or (h, w)
    is_unknown : ndarray, (h, w)
        At least `REACH` pixels from the crop's border, unless that is the image's. Some pixel is not.
    held : ndarray, (h, w)
        The values that are held, fractional ones too; of the unknown pixels, where to start.
    former, keeps : ndarray, (h, w), optional
        A matte, and where it is kept: there ``L alpha + c (alpha - former) = L former`` with c = `FADING`, not
        ``L alpha = 0``. So alpha is `former` but for what spreads from other pixels.
    pull : ndarray, (n,), optional
        How much each unknown pixel is drawn to where it starts; without `former`.

    Returns
    -------
    ndarray, (h, w)
        In [0, 1].
    """
    alpha = held.copy()
    if not is_unknown.any():
        return alpha
    start = held[is_unknown]
    if former is not None and keeps is not None and keeps.any():
        kept, before = keeps[is_unknown], former[is_unknown]
        A, right = _system(image, is_unknown, np.where(is_unknown, 0, held), np.where(kept, FADING, 0.0))
        _, right_before = _system(image, is_unknown, np.where(is_unknown, 0, former), None)
        right = right + np.where(kept, _times(A, before) - right_before, 0)
    else:
        A, right = _system(image, is_unknown, np.where(is_unknown, 0, held), pull)
        right = right if pull is None else right + pull * start
    alpha[is_unknown] = np.clip(_solved(A, right, start, image), 0, 1)
    return alpha


def _system(
    image: NDArray[np.float32], is_unknown: NDArray[np.bool_], known: Matte, pull: NDArray[np.float64] | None
) -> tuple[Any, NDArray[np.float64]]:
    """Return matrix and right-hand side, by other limits than for whole images: here a factorisation is late."""
    if np.count_nonzero(is_unknown) > FEW and min(is_unknown.shape) > 2 * REACH:
        stencil = Stencil.from_image(image, is_unknown, eps=EPS, known_values=known, diagonal=pull)
        return stencil, stencil.right
    A, right, _ = closed_form_system(image, is_unknown, known, eps=EPS, radius=1, diagonal=pull)
    return A, right


def _times(A: Any, x: NDArray[np.float64]) -> NDArray[np.float64]:
    product: NDArray[np.float64] = A.matvec(x) if isinstance(A, Stencil) else A @ x
    return product


def _solved(
    A: Any, right: NDArray[np.float64], start: NDArray[np.float64], image: NDArray[np.float32]
) -> NDArray[np.float64]:
    if isinstance(A, Stencil):
        return Multigrid(A, image).solve(right, x0=start).x
    return solve(A, right, x0=start).x
