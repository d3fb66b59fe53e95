"""Matting with large kernels (He, Sun, Tang 2010)."""

from typing import Literal, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..images.validate import FOREGROUND, UNKNOWN, as_image, as_trimap, require_same_size
from ..laplacians.large_kernel import large_kernel_operator
from ..solvers import Callback, Solution
from ._known import solve_unknown

Matte = NDArray[np.float64]


@overload
def large_kernel_matting(
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
def large_kernel_matting(
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
def large_kernel_matting(
    image: ArrayLike,
    trimap: ArrayLike,
    *,
    eps: float = 1e-7,
    radius: int = 10,
    rtol: float | None = None,
    x0: ArrayLike | None = None,
    callback: Callback | None = None,
    return_info: bool = False,
) -> Matte | tuple[Matte, Solution]:
    """Compute a closed-form matte with large windows: what is known reaches further in one of them.

    The same ``alpha^T L alpha`` as in `closed_form_matting`, but L is not formed: conjugate gradients need ``L p``,
    which costs the same for windows of any size, see `large_kernel_operator`.

    Parameters
    ----------
    image : array_like, (h, w, 3) or (h, w)
        Colour or grey; float in [0, 1], uint8 or uint16.
    trimap : array_like, (h, w)
        Background (<= 10 % of the dtype's range), unknown, foreground (>= 90 %); some of both known kinds.
    eps : float
        Regularisation of the colour windows, above 0; ``eps / |w|`` is added to their covariance.
    radius : int
        Windows have ``2 * radius + 1`` pixels a side. Larger ones need fewer iterations, and assume that over more
        of the image the colours of foreground and background lie on one line each.
    rtol : float, optional
        Relative residual at which the solver stops; 1e-7 by default.
    x0, callback, return_info
        As in `closed_form_matting`.

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
    K. He, J. Sun, X. Tang: Fast matting using large kernel matting Laplacian matrices. CVPR 2010. Section 3; one
    radius for the whole image, in place of one for each part of a segmented trimap (section 4).

    Examples
    --------
    >>> import classmat as cm
    >>> from classmat.matting.large_kernel import large_kernel_matting
    >>> scene = cm.gallery.disc(48, 64)
    >>> alpha = large_kernel_matting(scene.image, scene.trimap)
    >>> bool(abs(alpha - scene.alpha).mean() < 0.05)
    True
    """
    pixels = as_image(image)
    labels = as_trimap(trimap)
    require_same_size(pixels, labels, names=("image", "trimap"))
    is_unknown = labels == UNKNOWN
    L = large_kernel_operator(pixels, eps=eps, radius=radius, mask=is_unknown)
    b = -L.apply(labels == FOREGROUND)
    alpha, solution = solve_unknown(L, b, labels, image=pixels, x0=x0, rtol=rtol, callback=callback)
    return (alpha, solution) if return_info else alpha
