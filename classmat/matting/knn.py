"""KNN matting (Chen, Li, Tang 2013), with hard or with soft constraints, for two layers or for several."""

import dataclasses
from collections.abc import Sequence
from typing import Literal, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..images.validate import (
    FOREGROUND,
    UNKNOWN,
    as_alpha,
    as_image,
    as_labels,
    as_number,
    as_plane,
    as_trimap,
    require_same_size,
)
from ..laplacians.knn import Space, knn_system
from ..solvers import Callback, Solution, solve
from ._known import solve_unknown, warm_start

Matte = NDArray[np.float64]

_RTOL = 1e-7  # docs/decisions/2026-11-21-knn.md
_LARGEST = 1e12  # weight of a prior: what is added to it must still count


@overload
def knn_matting(
    image: ArrayLike,
    trimap: ArrayLike,
    *,
    n_neighbors: Sequence[int] = ...,
    distance_weights: Sequence[float] = ...,
    colour_space: str = ...,
    kernel: str = ...,
    rtol: float | None = ...,
    x0: ArrayLike | None = ...,
    callback: Callback | None = ...,
    return_info: Literal[False] = ...,
) -> Matte: ...
@overload
def knn_matting(
    image: ArrayLike,
    trimap: ArrayLike,
    *,
    n_neighbors: Sequence[int] = ...,
    distance_weights: Sequence[float] = ...,
    colour_space: str = ...,
    kernel: str = ...,
    rtol: float | None = ...,
    x0: ArrayLike | None = ...,
    callback: Callback | None = ...,
    return_info: Literal[True],
) -> tuple[Matte, Solution]: ...
def knn_matting(
    image: ArrayLike,
    trimap: ArrayLike,
    *,
    n_neighbors: Sequence[int] = (20, 10),
    distance_weights: Sequence[float] = (2.0, 0.1),
    colour_space: str = "rgb",
    kernel: str = "binary",
    rtol: float | None = None,
    x0: ArrayLike | None = None,
    callback: Callback | None = None,
    return_info: bool = False,
) -> Matte | tuple[Matte, Solution]:
    """Compute a matte from an image and a trimap: pixels that look alike get a like alpha.

    Every unknown pixel chooses those pixels that are nearest in colour and position, wherever they are in the image,
    and alpha minimises the sum of ``k(i, j) (alpha_i - alpha_j)^2`` over all choices, with the known pixels held. So
    every unknown alpha is a weighted mean of those that it is linked to, and lies between 0 and 1.

    Known pixels choose too, but only those that some unknown pixel chose: of the rest few would have chosen an unknown
    pixel, and asking them all is most of the work.

    Parameters
    ----------
    image : array_like, (h, w, 3) or (h, w)
        Colour or grey; float in [0, 1], uint8 or uint16.
    trimap : array_like, (h, w)
        Background (<= 10 % of the dtype's range), unknown, foreground (>= 90 %); some of both known kinds.
    n_neighbors, distance_weights, colour_space, kernel
        Where and how neighbours are searched and weighted, see `classmat.knn_laplacian`.
    rtol : float, optional
        Relative residual at which the solver stops; by default 1e-7. Measured on photos, alpha is then within
        1e-4 of the exact solution everywhere.
    x0 : array_like, (h, w), optional
        A matte to start from, such as that of the video frame before.
    callback : callable, optional
        Called as ``callback(iteration, relative_residual)``.
    return_info : bool
        Whether to return the solver's `Solution` too.

    Returns
    -------
    alpha : ndarray, (h, w)
        float64 in [0, 1]; exactly 0 and 1 where the trimap is background and foreground. Unknown pixels that are
        linked to no known one, not even through others, are first linked to the pixel that looks most like
        them.
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
    Q. Chen, D. Li, C.-K. Tang: KNN matting. TPAMI 35(9), 2013. The known pixels are eliminated: eq. 12 with lambda
    going to infinity. The defaults of `n_neighbors`, `distance_weights`, `colour_space` and `kernel` are PyMatting's; the
    paper has HSV and the kernel 1 - |X| / C, here ``colour_space="hsv", kernel="paper"``.

    Examples
    --------
    >>> import classmat as cm
    >>> from classmat.matting.knn import knn_matting
    >>> scene = cm.gallery.disc(24, 32)
    >>> alpha = knn_matting(scene.image, scene.trimap)
    >>> bool(abs(alpha - scene.alpha).mean() < 0.05)
    True
    """
    pixels, labels = as_image(image), as_trimap(trimap)
    require_same_size(pixels, labels, names=("image", "trimap"))
    space = Space.checked(pixels, n_neighbors, distance_weights, colour_space, kernel)
    A, B = knn_system(space, labels == UNKNOWN)
    b = B @ (labels.ravel() == FOREGROUND).astype(np.float64)
    del B
    alpha, solution = solve_unknown(
        A, b, labels, image=None, x0=x0, rtol=_RTOL if rtol is None else rtol, callback=callback, method="cg"
    )
    return (alpha, solution) if return_info else alpha


@overload
def knn_matting_with_prior(
    image: ArrayLike,
    prior: ArrayLike,
    confidence: ArrayLike,
    *,
    lam: float = ...,
    n_neighbors: Sequence[int] = ...,
    distance_weights: Sequence[float] = ...,
    colour_space: str = ...,
    kernel: str = ...,
    rtol: float | None = ...,
    x0: ArrayLike | None = ...,
    callback: Callback | None = ...,
    return_info: Literal[False] = ...,
) -> Matte: ...
@overload
def knn_matting_with_prior(
    image: ArrayLike,
    prior: ArrayLike,
    confidence: ArrayLike,
    *,
    lam: float = ...,
    n_neighbors: Sequence[int] = ...,
    distance_weights: Sequence[float] = ...,
    colour_space: str = ...,
    kernel: str = ...,
    rtol: float | None = ...,
    x0: ArrayLike | None = ...,
    callback: Callback | None = ...,
    return_info: Literal[True],
) -> tuple[Matte, Solution]: ...
def knn_matting_with_prior(
    image: ArrayLike,
    prior: ArrayLike,
    confidence: ArrayLike,
    *,
    lam: float = 100.0,
    n_neighbors: Sequence[int] = (20, 10),
    distance_weights: Sequence[float] = (2.0, 0.1),
    colour_space: str = "rgb",
    kernel: str = "binary",
    rtol: float | None = None,
    x0: ArrayLike | None = None,
    callback: Callback | None = None,
    return_info: bool = False,
) -> Matte | tuple[Matte, Solution]:
    """Compute the matte that follows likeness and, where one is confident, a prior matte.

    Solves ``(L + lam diag(confidence)) alpha = lam confidence * prior`` (eq. 12 of the paper with a confidence a
    pixel; its marks m and D are a confidence of 1 on the strokes and 0 elsewhere). All pixels choose neighbours.

    Parameters
    ----------
    image : array_like, (h, w, 3) or (h, w)
        Colour or grey; float in [0, 1], uint8 or uint16.
    prior : array_like, (h, w)
        The matte expected, in [0, 1]; where the confidence is 0 its value does not matter.
    confidence : array_like, (h, w)
        How much the prior counts at each pixel, at least 0; above 0 somewhere.
    lam : float
        Weight of the prior, above 0 and at most 1e12; a link between two pixels has a weight of about 1.
    n_neighbors, distance_weights, colour_space, kernel
        As in `classmat.knn_laplacian`.
    rtol, x0, callback, return_info
        As in `knn_matting`.

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
    >>> alpha = knn_matting_with_prior(scene.image, scene.alpha, np.ones((24, 32)), lam=1e4)
    >>> bool(abs(alpha - scene.alpha).max() < 0.01)
    True
    """
    pixels = as_image(image)
    expected = as_alpha(prior, name="prior")
    weight = as_plane(confidence, name="confidence", low=0)
    require_same_size(pixels, expected, names=("image", "prior"))
    require_same_size(pixels, weight, names=("image", "confidence"))
    pull = as_number(lam, name="lam", low=0, high=_LARGEST, exclusive=True) * weight.ravel()
    if not pull.any():
        raise ValueError("confidence is 0 everywhere; at least one pixel needs some, or any matte would do.")
    space = Space.checked(pixels, n_neighbors, distance_weights, colour_space, kernel)
    everywhere = np.ones(weight.shape, bool)
    start = warm_start(x0, everywhere)
    A, _ = knn_system(space, everywhere, pull)
    # What is solved for is the difference to the prior: b has none of the weights, which would hide all else in its norm.
    held = np.where(pull > 0, expected.ravel(), 0)
    found = solve(
        A,
        pull * held - A @ held,
        method="cg",
        x0=None if start is None else start - held,
        rtol=_RTOL if rtol is None else rtol,
        callback=callback,
    )
    solution = dataclasses.replace(found, x=found.x + held)
    alpha = np.clip(solution.x, 0, 1).reshape(expected.shape)
    return (alpha, solution) if return_info else alpha


def knn_layers(
    image: ArrayLike,
    labels: ArrayLike,
    *,
    n_neighbors: Sequence[int] = (20, 10),
    distance_weights: Sequence[float] = (2.0, 0.1),
    colour_space: str = "rgb",
    kernel: str = "binary",
    rtol: float | None = None,
    callback: Callback | None = None,
) -> Matte:
    """Compute a matte for each of several layers; at every pixel they sum to 1.

    One system with a right-hand side for each layer: section 3.4 of the paper, whose Laplacian has rows that sum to zero,
    so that the solutions sum to 1 without being told.

    Parameters
    ----------
    image : array_like, (h, w, 3) or (h, w)
        Colour or grey; float in [0, 1], uint8 or uint16.
    labels : array_like, (h, w)
        Whole numbers: 0 where the layer is unknown, i where it is layer i; each layer up to the last occurs.
    n_neighbors, distance_weights, colour_space, kernel
        As in `classmat.knn_laplacian`.
    rtol, callback
        As in `knn_matting`; the callback is called for one layer after the other.

    Returns
    -------
    ndarray, (h, w, k)
        float64 in [0, 1]; the mattes of layers 1 to k.

    Warns
    -----
    ConvergenceWarning
        If the solver stopped before it reached `rtol` for some layer.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind, shape or range, or a layer between 1 and the last does not occur.

    References
    ----------
    Q. Chen, D. Li, C.-K. Tang: KNN matting. TPAMI 35(9), 2013.

    Examples
    --------
    >>> image = [[0.0, 0.05, 0.5, 0.55, 0.95, 1.0]]
    >>> mattes = knn_layers(image, [[1, 0, 2, 0, 0, 3]], n_neighbors=[2], distance_weights=[0.1])
    >>> mattes.argmax(axis=2) + 1
    array([[1, 1, 2, 2, 3, 3]])
    """
    pixels, layer = as_image(image), as_labels(labels)
    require_same_size(pixels, layer, names=("image", "labels"))
    count = int(layer.max())
    missing = np.setdiff1d(np.arange(1, count + 1), layer)
    if count == 0 or len(missing):
        what = f"no pixel of layer {missing[0]}" if len(missing) else "no pixel of any layer"
        raise ValueError(f"labels has {what}; accepted are 0 (unknown) and 1 to k, each of them somewhere.")
    space = Space.checked(pixels, n_neighbors, distance_weights, colour_space, kernel)
    mattes = (layer[:, :, np.newaxis] == np.arange(1, count + 1)).astype(np.float64)
    is_unknown = layer == 0
    if is_unknown.any():
        A, B = knn_system(space, is_unknown)
        right = B @ mattes.reshape(layer.size, count)
        x = solve(A, right, method="cg", rtol=_RTOL if rtol is None else rtol, callback=callback).x.clip(0, 1)
        total = x.sum(axis=1, keepdims=True)  # 0 where a solve was stopped before anything reached the pixel
        mattes[is_unknown] = np.where(total > 0, x / np.where(total > 0, total, 1), 1 / count)
    return mattes
