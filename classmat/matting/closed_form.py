"""Closed-form matting (Levin, Lischinski, Weiss 2008), with hard or with soft constraints."""

from typing import Literal, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..images.validate import (
    FOREGROUND,
    UNKNOWN,
    as_alpha,
    as_image,
    as_number,
    as_plane,
    as_trimap,
    require_same_size,
)
from ..laplacians.closed_form import closed_form_system
from ..solvers import Callback, Solution, solve
from ._known import solve_unknown, warm_start

Matte = NDArray[np.float64]


@overload
def closed_form_matting(
    image: ArrayLike,
    trimap: ArrayLike,
    *,
    eps: float = ...,
    radius: int = ...,
    rtol: float | None = ...,
    x0: ArrayLike | None = ...,
    callback: Callback | None = ...,
    return_info: Literal[False] = ...,
) -> Matte: ...
@overload
def closed_form_matting(
    image: ArrayLike,
    trimap: ArrayLike,
    *,
    eps: float = ...,
    radius: int = ...,
    rtol: float | None = ...,
    x0: ArrayLike | None = ...,
    callback: Callback | None = ...,
    return_info: Literal[True],
) -> tuple[Matte, Solution]: ...
def closed_form_matting(
    image: ArrayLike,
    trimap: ArrayLike,
    *,
    eps: float = 1e-7,
    radius: int = 1,
    rtol: float | None = None,
    x0: ArrayLike | None = None,
    callback: Callback | None = None,
    return_info: bool = False,
) -> Matte | tuple[Matte, Solution]:
    """Compute a matte from an image and a trimap: minimise ``alpha^T L alpha`` with the known pixels held.

    Parameters
    ----------
    image : array_like, (h, w, 3) or (h, w)
        Colour or grey; float in [0, 1], uint8 or uint16.
    trimap : array_like, (h, w)
        Background (<= 10 % of the dtype's range), unknown, foreground (>= 90 %); some of both known kinds.
    eps : float
        Regularisation of the colour windows, above 0; ``eps / |w|`` is added to their covariance. Larger
        values give smoother, less detailed mattes.
    radius : int
        Windows have ``2 * radius + 1`` pixels a side.
    rtol : float, optional
        Relative residual at which the solver stops. By default it stops when its own estimate of the error of
        alpha is below 1e-6; measured on photos, alpha is then within 1e-4 of the exact solution everywhere.
    x0 : array_like, (h, w), optional
        A matte to start from, such as that of the video frame before. Small systems are factorised and have no
        use for it.
    callback : callable, optional
        Called as ``callback(iteration, relative_residual)``; once where a small system is factorised.
    return_info : bool
        Whether to return the solver's `Solution` too.

    Returns
    -------
    alpha : ndarray, (h, w)
        float64 in [0, 1]; exactly 0 and 1 where the trimap is background and foreground.
    solution : Solution
        Only if `return_info`; its x holds the unknown pixels before clipping, in raster order.

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
    A. Levin, D. Lischinski, Y. Weiss: A closed-form solution to natural image matting. TPAMI 30(2), 2008.
    The energy is eq. 11 with L of eq. 12; the known pixels are eliminated instead of penalised as in eq. 13.

    Examples
    --------
    >>> import classmat as cm
    >>> scene = cm.gallery.disc(24, 32)
    >>> alpha = cm.closed_form_matting(scene.image, scene.trimap)
    >>> bool(abs(alpha - scene.alpha).max() < 0.1)
    True
    """
    pixels = as_image(image, dtype=working_type(image))
    labels = as_trimap(trimap)
    require_same_size(pixels, labels, names=("image", "trimap"))
    is_foreground = (labels == FOREGROUND).view(np.uint8)
    A, b, colours = closed_form_system(pixels, labels == UNKNOWN, is_foreground, eps=eps, radius=radius)
    alpha, solution = solve_unknown(A, b, labels, image=colours, x0=x0, rtol=rtol, callback=callback)
    return (alpha, solution) if return_info else alpha


@overload
def matting_with_prior(
    image: ArrayLike,
    prior: ArrayLike,
    confidence: ArrayLike,
    *,
    lam: float = ...,
    eps: float = ...,
    radius: int = ...,
    rtol: float | None = ...,
    x0: ArrayLike | None = ...,
    callback: Callback | None = ...,
    return_info: Literal[False] = ...,
) -> Matte: ...
@overload
def matting_with_prior(
    image: ArrayLike,
    prior: ArrayLike,
    confidence: ArrayLike,
    *,
    lam: float = ...,
    eps: float = ...,
    radius: int = ...,
    rtol: float | None = ...,
    x0: ArrayLike | None = ...,
    callback: Callback | None = ...,
    return_info: Literal[True],
) -> tuple[Matte, Solution]: ...
def matting_with_prior(
    image: ArrayLike,
    prior: ArrayLike,
    confidence: ArrayLike,
    *,
    lam: float = 100.0,
    eps: float = 1e-7,
    radius: int = 1,
    rtol: float | None = None,
    x0: ArrayLike | None = None,
    callback: Callback | None = None,
    return_info: bool = False,
) -> Matte | tuple[Matte, Solution]:
    """Compute the matte that follows the image and, where one is confident, a prior matte.

    Minimises ``alpha^T L alpha + lam * sum of confidence * (alpha - prior)^2``, that is, solves
    ``(L + lam diag(confidence)) alpha = lam confidence * prior`` (eq. 13 of the paper with a confidence a pixel).
    Scribbles are the special case of a confidence of 1 on the strokes and 0 elsewhere.

    Parameters
    ----------
    image : array_like, (h, w, 3) or (h, w)
        Colour or grey; float in [0, 1], uint8 or uint16.
    prior : array_like, (h, w)
        The matte expected, in [0, 1]; where the confidence is 0 its value does not matter.
    confidence : array_like, (h, w)
        How much the prior counts at each pixel, at least 0; above 0 somewhere.
    lam : float
        Weight of the prior, above 0.
    eps, radius, rtol, x0, callback, return_info
        As in `closed_form_matting`.

    Returns
    -------
    alpha : ndarray, (h, w)
        float64 in [0, 1].
    solution : Solution
        Only if `return_info`; its x is the matte before clipping.

    Warns
    -----
    ConvergenceWarning
        If the solver stopped before it reached `rtol`.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind, shape or range, or no pixel has any confidence.

    Examples
    --------
    >>> import numpy as np
    >>> import classmat as cm
    >>> scene = cm.gallery.disc(24, 32)
    >>> alpha = cm.matting_with_prior(scene.image, scene.alpha, np.ones((24, 32)), lam=1e4)
    >>> bool(abs(alpha - scene.alpha).max() < 0.01)
    True
    """
    pixels = as_image(image, dtype=working_type(image))
    expected = as_alpha(prior, name="prior")
    weight = as_plane(confidence, name="confidence", low=0)
    require_same_size(pixels, expected, names=("image", "prior"))
    require_same_size(pixels, weight, names=("image", "confidence"))
    pull = as_number(lam, name="lam", low=0, exclusive=True) * weight.ravel()
    if not pull.any():
        raise ValueError("confidence is 0 everywhere; at least one pixel needs some, or any matte would do.")
    everywhere, nothing = np.ones(weight.shape, bool), np.zeros(weight.shape, np.uint8)
    A, _, colours = closed_form_system(pixels, everywhere, nothing, eps=eps, radius=radius, diagonal=pull)
    start = warm_start(x0, everywhere)
    solution = solve(A, pull * expected.ravel(), x0=start, rtol=rtol, callback=callback, image=colours)
    alpha = np.clip(solution.x, 0, 1).reshape(expected.shape)
    return (alpha, solution) if return_info else alpha


def working_type(image: ArrayLike) -> type:
    """Return the float type that an image is worked on in: its own if it is float32, which saves a copy."""
    return np.float32 if getattr(image, "dtype", None) == np.float32 else np.float64
