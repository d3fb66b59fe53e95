"""Random walk matting (Grady, Schiwietz, Aharon, Westermann 2005)."""

from typing import Literal, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..images.validate import FOREGROUND, UNKNOWN, as_image, as_number, as_trimap, require_same_size
from ..laplacians.random_walk import random_walk_laplacian
from ..laplacians.system import eliminate_known
from ..solvers import Callback, Solution
from ._known import solve_unknown

Matte = NDArray[np.float64]

# Leaves errors of alpha below 1e-4 on photos.
RTOL = 1e-8
# Up to so many unknown pixels a factorisation is at least as fast as smoothed aggregation.
FEW = 10_000


@overload
def random_walk_matting(
    image: ArrayLike,
    trimap: ArrayLike,
    *,
    sigma: float = ...,
    radius: int = ...,
    lost: float = ...,
    rtol: float | None = ...,
    x0: ArrayLike | None = ...,
    callback: Callback | None = ...,
    return_info: Literal[False] = ...,
) -> Matte: ...
@overload
def random_walk_matting(
    image: ArrayLike,
    trimap: ArrayLike,
    *,
    sigma: float = ...,
    radius: int = ...,
    lost: float = ...,
    rtol: float | None = ...,
    x0: ArrayLike | None = ...,
    callback: Callback | None = ...,
    return_info: Literal[True],
) -> tuple[Matte, Solution]: ...
def random_walk_matting(
    image: ArrayLike,
    trimap: ArrayLike,
    *,
    sigma: float = 0.033,
    radius: int = 1,
    lost: float = 1e-4,
    rtol: float | None = None,
    x0: ArrayLike | None = None,
    callback: Callback | None = None,
    return_info: bool = False,
) -> Matte | tuple[Matte, Solution]:
    """Compute the probability that a random walk from a pixel meets the foreground before the background.

    The walk prefers steps between similar colours. Its probabilities are the solution of ``L_UU x_U = -L_UK x_K``
    (Grady et al.), L of `random_walk_laplacian`. Where colours change on all sides the walk takes millions of
    steps before it leaves, and where it ends says little. Here a walker may therefore stay where it is, with
    weight 1, and is lost with a small probability at each step; lost, it counts as a half::

        (L_UU + lost D_U) x_U = -L_UK x_K + lost D_U / 2,    D = 1 + diag L

    Parameters
    ----------
    image : array_like, (h, w, 3) or (h, w)
        Colour or grey; float in [0, 1], uint8 or uint16.
    trimap : array_like, (h, w)
        Background (<= 10 % of the dtype's range), unknown, foreground (>= 90 %); some of both known kinds.
    sigma : float
        The difference in colour at which a step is e times less likely, 1e-6 to 1e6.
    radius : int
        A step leads to any other pixel of the ``(2 * radius + 1)^2`` around one.
    lost : float
        Probability at each step, in [0, 1]; 0 for the method as published.
    rtol : float, optional
        Relative residual at which the solver stops; 1e-8 by default.
    x0, callback, return_info
        As in `closed_form_matting`.

    Returns
    -------
    alpha : ndarray, (h, w)
        float64 in [0, 1]; exactly 0 and 1 where the trimap is background and foreground.
    solution : Solution
        Only if `return_info`; its x holds the unknown pixels, in raster order. They are probabilities: what leaves
        [0, 1] is an error of the solver.

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
    L. Grady, T. Schiwietz, S. Aharon, R. Westermann: Random walks for interactive alpha-matting. VIIP 2005.
    The defaults of `sigma` and `radius` are PyMatting's. `lost` is not in the paper, and its default was chosen here;
    nor are the colours projected, see `random_walk_laplacian`.

    Examples
    --------
    >>> import classmat as cm
    >>> from classmat.matting.random_walk import random_walk_matting
    >>> scene = cm.gallery.disc(24, 32)
    >>> alpha = random_walk_matting(scene.image, scene.trimap)
    >>> bool(abs(alpha - scene.alpha).mean() < 0.05)
    True
    """
    pixels = as_image(image)
    labels = as_trimap(trimap)
    require_same_size(pixels, labels, names=("image", "trimap"))
    lost = as_number(lost, name="lost", low=0, high=1)
    is_unknown, is_foreground = labels == UNKNOWN, (labels == FOREGROUND).view(np.uint8)
    L = random_walk_laplacian(pixels, sigma=sigma, radius=radius, mask=is_unknown)
    pull = lost * (1 + L.diagonal()[is_unknown.ravel()])
    A, b, colours = eliminate_known(L, is_unknown, is_foreground, pixels, diagonal=pull)
    alpha, solution = solve_unknown(
        A,
        b + pull / 2,
        labels,
        image=colours,
        x0=x0,
        rtol=RTOL if rtol is None else rtol,
        callback=callback,
        method="auto" if len(b) <= FEW else "algebraic",
    )
    return (alpha, solution) if return_info else alpha
