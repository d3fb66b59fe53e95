"""Global Poisson matting (Sun, Jia, Tang, Shum 2004)."""

from typing import Any, Literal, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import distance_transform_edt
from scipy.sparse import csr_array

from ..filters.blur import gaussian_blur
from ..images.validate import (
    BACKGROUND,
    FOREGROUND,
    UNKNOWN,
    as_count,
    as_image,
    as_number,
    as_trimap,
    require_same_size,
)
from ..solvers import Callback, Solution, factorise
from ._known import solve_unknown, warm_start

Matte = NDArray[np.float64]

# A pixel is sure if alpha is within 0.05 of 0 or 1 and its colour within 5 / 255 of the nearest known one.
SURE, SAME = 0.05, 5 / 255
# |F - B|^2 below which colours tell nothing about alpha.
LEAST = 1e-4
# Up to so many unknown pixels a factorisation is faster than smoothed aggregation.
FEW = 20_000
# Part of the unknown pixels that may change between known and unknown without another round.
SETTLED = 1e-3


@overload
def poisson_matting(
    image: ArrayLike,
    trimap: ArrayLike,
    *,
    sigma: float = ...,
    max_rounds: int = ...,
    rtol: float | None = ...,
    x0: ArrayLike | None = ...,
    callback: Callback | None = ...,
    return_info: Literal[False] = ...,
) -> Matte: ...
@overload
def poisson_matting(
    image: ArrayLike,
    trimap: ArrayLike,
    *,
    sigma: float = ...,
    max_rounds: int = ...,
    rtol: float | None = ...,
    x0: ArrayLike | None = ...,
    callback: Callback | None = ...,
    return_info: Literal[True],
) -> tuple[Matte, Solution]: ...
def poisson_matting(
    image: ArrayLike,
    trimap: ArrayLike,
    *,
    sigma: float = 8.0,
    max_rounds: int = 10,
    rtol: float | None = None,
    x0: ArrayLike | None = None,
    callback: Callback | None = None,
    return_info: bool = False,
) -> Matte | tuple[Matte, Solution]:
    """Compute the matte whose gradient is that of the image, divided by the difference of the two colours there.

    Where foreground F and background B are smooth, ``grad alpha = grad I / (F - B)`` (eq. 3 of the paper), and alpha
    solves the Poisson equation ``laplace alpha = div(grad I / (F - B))`` (eq. 5) with the known pixels as its
    boundary. F and B are the colours of the nearest foreground and background pixels, and F - B is blurred. Pixels
    that turn out to be sure, of an alpha of almost 0 or 1 and of the colour of the nearest known pixel, count as
    known for the next round of F and B.

    Where the paper takes one channel, the gradient here is the least-squares fit to all of them,
    ``(grad I . (F - B)) / |F - B|^2``, at most 1 from one pixel to the next.

    Parameters
    ----------
    image : array_like, (h, w, 3) or (h, w)
        Colour or grey; float in [0, 1], uint8 or uint16.
    trimap : array_like, (h, w)
        Background (<= 10 % of the dtype's range), unknown, foreground (>= 90 %); some of both known kinds.
    sigma : float
        Of the Gaussian that blurs F - B, in pixels, at least 0.
    max_rounds : int
        How often F and B are estimated and the equation is solved, at least 1; fewer if sure pixels change no more.
    rtol : float, optional
        Relative residual at which the solver stops; 1e-7 by default.
    x0 : array_like, (h, w), optional
        A matte to start from.
    callback, return_info
        As in `closed_form_matting`; the callback counts each round's iterations from 1.

    Returns
    -------
    alpha : ndarray, (h, w)
        float64 in [0, 1]; exactly 0 and 1 where the trimap is background and foreground.
    solution : Solution
        Only if `return_info`: that of the last round; its x holds the unknown pixels before clipping, in raster
        order.

    Warns
    -----
    ConvergenceWarning
        If the solver stopped before it reached `rtol`.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind, shape or range, or the trimap has no foreground or no background.

    References
    ----------
    J. Sun, J. Jia, C.-K. Tang, H.-Y. Shum: Poisson matting. SIGGRAPH 2004. Section 3, global Poisson matting.

    Examples
    --------
    >>> import classmat as cm
    >>> from classmat.matting.poisson import poisson_matting
    >>> scene = cm.gallery.disc(24, 32)
    >>> alpha = poisson_matting(scene.image, scene.trimap)
    >>> bool(abs(alpha - scene.alpha).max() < 0.1)
    True
    """
    pixels = as_image(image)
    labels = as_trimap(trimap)
    require_same_size(pixels, labels, names=("image", "trimap"))
    sigma = as_number(sigma, name="sigma", low=0, high=1e4)
    max_rounds = as_count(max_rounds, name="max_rounds", low=1)
    is_unknown = labels == UNKNOWN
    x = warm_start(x0, is_unknown)
    if not is_unknown.any():
        nothing = solve_unknown(None, np.empty(0), labels, image=pixels, x0=None, rtol=rtol, callback=callback)
        return nothing if return_info else nothing[0]
    colours = pixels.reshape(*labels.shape, -1)
    alpha = (labels == FOREGROUND).astype(np.float64)
    A, boundary = _laplace(is_unknown, alpha)
    factor = factorise(A, method="auto" if A.shape[0] <= FEW else "algebraic")
    sure = labels
    for _ in range(max_rounds):
        F, B = _nearest(colours, sure == FOREGROUND), _nearest(colours, sure == BACKGROUND)
        b = boundary - _divergence(*_matte_gradient(colours, gaussian_blur(F - B, sigma)))[is_unknown]
        solution = factor.solve(b, x0=x, rtol=rtol, callback=callback)
        x = solution.x
        alpha[is_unknown] = np.clip(x, 0, 1)
        before, sure = sure, _sure(labels, alpha, colours, F, B)
        if np.count_nonzero(sure != before) <= SETTLED * len(x):
            break
    return (alpha, solution) if return_info else alpha


def _laplace(is_unknown: NDArray[np.bool_], alpha: Matte) -> tuple[csr_array, NDArray[np.float64]]:
    """Return the 5-point ``-laplace`` of the unknown pixels, and what the known ones add to the right-hand side."""
    number = np.full(is_unknown.shape, -1)
    n = int(is_unknown.sum())
    number[is_unknown] = np.arange(n)
    degree, boundary = np.zeros(n), np.zeros(n)
    rows, columns = [np.arange(n)], [np.arange(n)]
    for here, there in (np.s_[:, :-1], np.s_[:, 1:]), (np.s_[:-1], np.s_[1:]):
        for i, j, value in (
            (number[here], number[there], alpha[there]),
            (number[there], number[here], alpha[here]),
        ):
            is_edge = i >= 0
            i, j, value = i[is_edge], j[is_edge], value[is_edge]
            degree[i] += 1  # each pixel has one neighbour in a direction
            boundary[i] += np.where(j < 0, value, 0)
            rows.append(i[j >= 0])
            columns.append(j[j >= 0])
    values = np.concatenate([degree, -np.ones(sum(map(len, rows)) - n)])
    return csr_array((values, (np.concatenate(rows), np.concatenate(columns))), shape=(n, n)), boundary


def _nearest(colours: NDArray[Any], known: NDArray[np.bool_]) -> NDArray[Any]:
    """Return everywhere the colour of the nearest known pixel."""
    y, x = distance_transform_edt(~known, return_distances=False, return_indices=True)
    return colours[y, x]


def _matte_gradient(colours: NDArray[Any], difference: NDArray[Any]) -> tuple[Matte, Matte]:
    """Return the differences of alpha to the pixel at the right (h, w - 1), and to the one below (h - 1, w)."""
    gradients = []
    for here, there in (np.s_[:, :-1], np.s_[:, 1:]), (np.s_[:-1], np.s_[1:]):
        d = (difference[here] + difference[there]) / 2
        along = ((colours[there] - colours[here]) * d).sum(axis=2)
        gradients.append(np.clip(along / np.maximum((d * d).sum(axis=2), LEAST), -1, 1))
    return gradients[0], gradients[1]


def _divergence(gx: Matte, gy: Matte) -> Matte:
    """Return what flows out of each pixel less what flows in: minus the adjoint of taking differences."""
    result = np.zeros((gx.shape[0], gy.shape[1]))
    result[:, :-1] += gx
    result[:, 1:] -= gx
    result[:-1] += gy
    result[1:] -= gy
    return result


def _sure(
    labels: NDArray[np.uint8], alpha: Matte, colours: NDArray[Any], F: NDArray[Any], B: NDArray[Any]
) -> NDArray[np.uint8]:
    """Return the trimap with sure pixels added to the known ones."""
    result = labels.copy()
    for label, is_so, known in (
        (FOREGROUND, alpha > 1 - SURE, F),
        (BACKGROUND, alpha < SURE, B),
    ):
        is_same = np.abs(colours - known).max(axis=2) <= SAME
        result[(labels == UNKNOWN) & is_so & is_same] = label
    return result
