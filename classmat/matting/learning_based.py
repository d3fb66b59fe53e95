"""Learning-based digital matting (Zheng, Kambhamettu 2009)."""

from typing import Literal, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..images.validate import FOREGROUND, UNKNOWN, as_image, as_trimap, require_same_size
from ..laplacians.learning_based import learning_based_laplacian
from ..laplacians.system import eliminate_known
from ..solvers import Callback, Solution
from ._known import solve_unknown

Matte = NDArray[np.float64]


@overload
def learning_based_matting(
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
def learning_based_matting(
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
def learning_based_matting(
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
    """Compute a matte that in every window can be learned from the colours there.

    Minimises the sum over windows of ``|alpha - F alpha|^2``, where F predicts alpha from colour by a ridge
    regression on the window itself: the paper's local learning with the linear kernel. With
    ``L = sum of (I - F)^T (I - F)``, see `learning_based_laplacian`, that is ``L_UU x_U = -L_UK x_K``; the known
    pixels are held, where the paper penalises their deviation with a weight of 800.

    Parameters
    ----------
    image : array_like, (h, w, 3) or (h, w)
        Colour or grey; float in [0, 1], uint8 or uint16.
    trimap : array_like, (h, w)
        Background (<= 10 % of the dtype's range), unknown, foreground (>= 90 %); some of both known kinds.
    eps : float
        Regularisation of the regression, above 0: the paper's lambda.
    radius : int
        Windows have ``2 * radius + 1`` pixels a side.
    rtol, x0, callback, return_info
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
    Y. Zheng, C. Kambhamettu: Learning based digital matting. ICCV 2009.
    The defaults, eps 1e-7 and radius 1, are PyMatting's.

    Examples
    --------
    >>> import classmat as cm
    >>> from classmat.matting.learning_based import learning_based_matting
    >>> scene = cm.gallery.disc(24, 32)
    >>> alpha = learning_based_matting(scene.image, scene.trimap)
    >>> bool(abs(alpha - scene.alpha).max() < 0.1)
    True
    """
    pixels = as_image(image)
    labels = as_trimap(trimap)
    require_same_size(pixels, labels, names=("image", "trimap"))
    is_unknown, is_foreground = labels == UNKNOWN, (labels == FOREGROUND).view(np.uint8)
    L = learning_based_laplacian(pixels, eps=eps, radius=radius, mask=is_unknown)
    A, b, colours = eliminate_known(L, is_unknown, is_foreground, pixels, reach=2 * radius)
    alpha, solution = solve_unknown(A, b, labels, image=colours, x0=x0, rtol=rtol, callback=callback)
    return (alpha, solution) if return_info else alpha
