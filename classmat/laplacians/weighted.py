"""Solves with the closed-form Laplacian plus a diagonal, ``(L + diag(w)) x = b``: what soft constraints lead to."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter
from scipy.sparse import diags_array

from ..solvers.choose import factorise
from ..solvers.multigrid import Multigrid
from ..solvers.split import Split
from ..solvers.stencil import Stencil
from . import matrix_free
from .closed_form import FEW, assemble, three_channels

Array = NDArray[np.float64]
Solve = Callable[..., Array]

# Rows with a weight above this are strong: the Laplacian's eigenvalues, at most the pixels of a window, are few beside it.
STRONG = 30.0
# So far weak pixels reach into strong ones, where the multigrid solves for both.
RING = 4

# An error of more than this in a solve whose answer is known is told.
DOUBT = 1e-5


def prepare(image: NDArray[Any], weight: Array, *, eps: float, radius: int, rtol: float) -> Solve:
    """Do the set-up for ``(L + diag(w)) x = b`` and return ``solve(b, start=None)``.

    Small systems are factorised; large ones of radius 1 iterate with products that are exact to rounding, until no
    entry of x is wrong by more than `rtol` times the largest, as estimated. Large ones of other radii take algebraic
    multigrid until the residual is below `rtol` times b. `start`, near x, is of use to the second alone.

    Parameters
    ----------
    image : ndarray, (h, w, 3) or (h, w)
        Checked; of any range.
    weight : ndarray, (h, w)
        At least 0, and not so small everywhere that rounding of L outweighs it.
    eps, radius
        As in `closed_form_laplacian`.
    rtol : float
        See above.

    Examples
    --------
    >>> image = np.linspace(0, 1, 12).reshape(3, 4)
    >>> solve = prepare(image, np.ones((3, 4)), eps=1e-3, radius=1, rtol=1e-10)
    >>> bool(abs(solve(np.ones((3, 4))) - 1).max() < 1e-12)  # L has no effect on constants
    True
    """
    if radius == 1 and weight.size > FEW:
        return _prepare_split(image, weight, eps, rtol)
    L = assemble(three_channels(image), np.ones(weight.shape, np.bool_), eps, radius)
    A = L + diags_array(weight.ravel(), format="csr")
    factor = factorise(A, image=image.reshape(weight.size, -1))

    def solve(b: Array, start: Array | None = None) -> Array:
        return factor.solve(b.ravel(), rtol=rtol).x.reshape(b.shape)

    # Constants cost nothing in L, so that (L + diag w) 1 = w: whether a solve finds the 1 tells what rounding does to it.
    doubt = float(np.abs(solve(weight) - 1).max())
    if not doubt <= DOUBT:
        raise ValueError(
            f"F + B is 0 in a region of one colour that nothing but eps = {eps:g} connects with the rest: rounding, by "
            f"{doubt:.1g}, decides on the matte there; accepted is a larger eps, or some F or B in every such region."
        )
    return solve


def _prepare_split(image: NDArray[Any], weight: Array, eps: float, rtol: float) -> Solve:
    planes = image[:, :, np.newaxis] if image.ndim == 2 else image
    weak = maximum_filter((weight < STRONG).view(np.uint8), 2 * RING + 1) > 0
    factor = None
    if weak.any():
        factor = Multigrid(Stencil.from_image(planes, weak, eps=eps, diagonal=weight), planes)

    def multiply(x: Array) -> Array:
        return matrix_free.multiply(planes, x.reshape(weight.shape), eps, 1, weight=weight).ravel()

    # of the Laplacian's eigenvalues the middle, not its diagonal
    middle = 9 / 2
    system = Split(multiply, weight.ravel() + middle, weak.ravel(), factor)

    def solve(b: Array, start: Array | None = None) -> Array:
        begin = None if start is None else start.ravel()
        return system.solve(b.ravel(), rtol=rtol, start=begin).x.reshape(b.shape)

    return solve
