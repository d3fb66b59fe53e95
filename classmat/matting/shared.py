"""Shared sampling (Gastal, Oliveira 2010): colours of foreground and background from samples that pixels share."""

from typing import Any, Literal, NamedTuple, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import distance_transform_edt

from ..images.validate import (
    BACKGROUND,
    FOREGROUND,
    UNKNOWN,
    as_count,
    as_flag,
    as_image,
    as_number,
    as_trimap,
    require_same_size,
)
from ..kernels import shared as kernels
from ..laplacians.closed_form import closed_form_system, three_channels
from ..solvers import Callback, Solution
from ..solvers.factor import Stopping
from ._known import solve_unknown, warm_start
from .closed_form import Matte, working_type
from .trimming import expand_known, nearest_offsets

# The paper's parameters.
EXPANSION_RADIUS, EXPANSION_THRESHOLD = 10, 5 / 256  # k_i in pixels, k_c
EXPONENTS = (3.0, 2.0, 1.0, 4.0)  # e_N, e_A, e_f, e_b
SHARPNESS = 10.0  # lambda: a colour that is 1 / lambda off its pair's line has a confidence of 1 / e
SMOOTHED = 100  # k_s
MOST_SHARED = 10_000  # all within 56 pixels


class Samples(NamedTuple):
    """What sampling finds for each unknown pixel, in raster order.

    Attributes
    ----------
    alpha : ndarray, (n,)
        In [0, 1].
    foreground, background : ndarray, (n, 3)
        The colours that mix to the pixel's; red alone, with zeros, for a grey image.
    confidence : ndarray, (n,)
        In [0, 1]: how well that mixture explains the colour, and how far its two colours are apart.
    """

    alpha: NDArray[np.float64]
    foreground: NDArray[Any]
    background: NDArray[Any]
    confidence: NDArray[np.float64]


@overload
def shared_matting(
    image: ArrayLike,
    trimap: ArrayLike,
    *,
    n_rays: int = ...,
    n_shared: int = ...,
    refine: bool = ...,
    gamma: float = ...,
    eps: float = ...,
    rtol: float | None = ...,
    x0: ArrayLike | None = ...,
    callback: Callback | None = ...,
    return_info: Literal[False] = ...,
) -> Matte: ...
@overload
def shared_matting(
    image: ArrayLike,
    trimap: ArrayLike,
    *,
    n_rays: int = ...,
    n_shared: int = ...,
    refine: bool = ...,
    gamma: float = ...,
    eps: float = ...,
    rtol: float | None = ...,
    x0: ArrayLike | None = ...,
    callback: Callback | None = ...,
    return_info: Literal[True],
) -> tuple[Matte, Solution]: ...
def shared_matting(
    image: ArrayLike,
    trimap: ArrayLike,
    *,
    n_rays: int = 4,
    n_shared: int = 200,
    refine: bool = False,
    gamma: float = 0.1,
    eps: float = 1e-7,
    rtol: float | None = None,
    x0: ArrayLike | None = None,
    callback: Callback | None = None,
    return_info: bool = False,
) -> Matte | tuple[Matte, Solution]:
    """Compute a matte from pairs of foreground and background colours that neighbouring pixels share.

    Each unknown pixel meets known ones along a few rays and keeps the pair that explains its surroundings best,
    looks through the pairs of its neighbours for better ones, and smooths colours and alpha by confidence.

    Parameters
    ----------
    image : array_like, (h, w, 3) or (h, w)
        Colour or grey; float in [0, 1], uint8 or uint16.
    trimap : array_like, (h, w)
        Background (<= 10 % of the dtype's range), unknown, foreground (>= 90 %); some of both known kinds.
    n_rays : int
        Rays from each pixel, at least 1; so many samples of either kind at most.
    n_shared : int
        How many of the nearest pixels share their pairs, 1 to 10,000.
    refine : bool
        Whether to minimise ``alpha^T L alpha + gamma * sum of confidence * (alpha - alpha_hat)^2`` in the end, L the
        closed-form Laplacian and alpha_hat the sampled matte: smoother, at the cost of a solve.
    gamma : float
        The weight of the sampled matte in it, above 0.
    eps : float
        The regularisation of L, above 0, as in `closed_form_matting`.
    rtol, x0, callback
        For the solve, as in `closed_form_matting`; without `refine` they are of no use.
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
    E. S. L. Gastal, M. M. Oliveira: Shared sampling for real-time alpha matting. Computer Graphics Forum 29(2),
    2010. Where no ray meets one of the kinds, which the paper leaves open, the nearest pixel of that kind serves. The
    spread around a sample is that of known pixels, and known pixels weigh by distance alone in the smoothing:
    both were measured to be better than the paper's wording. The weight of a pixel d away in the smoothing is
    ``exp(-d^2 / s^2)`` with ``s^2 = 100 / (9 pi)``, a third of the radius of the disc of 100 pixels squared: narrower by
    the square root of 2 than the Gaussian whose standard deviation is s.

    Examples
    --------
    >>> import classmat as cm
    >>> from classmat.matting.shared import shared_matting
    >>> scene = cm.gallery.disc(24, 32)
    >>> alpha = shared_matting(scene.image, scene.trimap)
    >>> bool(abs(alpha - scene.alpha).max() < 0.1)
    True
    """
    pixels = as_image(image, dtype=working_type(image))
    labels = as_trimap(trimap)
    require_same_size(pixels, labels, names=("image", "trimap"))
    n_rays = as_count(n_rays, name="n_rays", low=1)
    n_shared = as_count(n_shared, name="n_shared", low=1, high=MOST_SHARED)
    refine = as_flag(refine, name="refine")
    gamma = as_number(gamma, name="gamma", low=0, exclusive=True)
    eps = as_number(eps, name="eps", low=0, exclusive=True)
    samples = shared_samples(pixels, labels, n_rays=n_rays, n_shared=n_shared)
    if refine:
        is_foreground = (labels == FOREGROUND).view(np.uint8)
        pull = gamma * samples.confidence
        A, b, colours = closed_form_system(
            pixels, labels == UNKNOWN, is_foreground, eps=eps, radius=1, diagonal=pull
        )
        right = b + pull * samples.alpha
        alpha, solution = solve_unknown(A, right, labels, image=colours, x0=x0, rtol=rtol, callback=callback)
    else:
        Stopping.checked(rtol, 0.0, 1, callback)
        warm_start(x0, labels == UNKNOWN)
        alpha = (labels == FOREGROUND).astype(np.float64)
        alpha[labels == UNKNOWN] = samples.alpha
        solution = Solution(samples.alpha, True, 0, np.zeros(1), "none")
    return (alpha, solution) if return_info else alpha


def shared_samples(
    image: NDArray[Any], labels: NDArray[np.uint8], *, n_rays: int = 4, n_shared: int = 200
) -> Samples:
    """Return the sampled alpha, colours and confidence of the unknown pixels; arguments are checked.

    Parameters
    ----------
    image : ndarray, (h, w, 3) or (h, w)
        Float in [0, 1].
    labels : ndarray, (h, w)
        A trimap as `as_trimap` returns it, with some of both known kinds.
    n_rays, n_shared
        As in `shared_matting`.

    Notes
    -----
    An unknown pixel within 10 pixels of a known one of nearly its colour (5 of 256 levels) is taken for known:
    alpha 0 or 1, confidence 1, its own colour, and as the other one the mean of that kind.
    """
    image = three_channels(image)
    ys, xs = np.nonzero(labels == UNKNOWN)
    grown = expand_known(image, labels, radius=EXPANSION_RADIUS, threshold=EXPANSION_THRESHOLD)
    expanded = grown[ys, xs]
    open_ = expanded == UNKNOWN
    sampled = _sample(image, grown, ys[open_], xs[open_], n_rays, n_shared)
    samples = Samples(
        (expanded == FOREGROUND).astype(np.float64),
        np.where((expanded == FOREGROUND)[:, np.newaxis], image[ys, xs], image[labels == FOREGROUND].mean(0)),
        np.where((expanded == FOREGROUND)[:, np.newaxis], image[labels == BACKGROUND].mean(0), image[ys, xs]),
        np.ones(len(ys)),
    )
    for every, found in zip(samples, sampled, strict=True):
        every[open_] = found
    return samples


def _sample(
    image: NDArray[Any], labels: NDArray[np.uint8], ys: NDArray[Any], xs: NDArray[Any], n_rays: int, n_shared: int
) -> Samples:
    """Gather pairs, refine them among neighbours, smooth the result."""
    n, number = len(ys), np.full(labels.shape, -1, np.int32)
    number[ys, xs] = np.arange(n)
    foreground, background, spreads = _gather(image, labels, ys, xs, n_rays)
    refined = _empty(n, image.dtype)
    offsets = nearest_offsets(64)[:n_shared]
    kernels.refine(
        image, ys, xs, number, offsets, SHARPNESS, foreground, background, spreads,
        refined.foreground, refined.background, refined.alpha, refined.confidence,
    )  # fmt: skip
    smoothed = _empty(n, image.dtype)
    offsets = nearest_offsets(64)[:SMOOTHED]
    # exp(-d^2 / s^2), s a third of the disc's radius: without the 2 of a Gaussian of that sigma, so narrower
    gaussian = np.exp(-(offsets**2).sum(1) * 9 * np.pi / SMOOTHED)
    kernels.smooth(
        image, labels, ys, xs, number, offsets, gaussian, SHARPNESS,
        refined.foreground, refined.background, refined.alpha, refined.confidence,
        smoothed.foreground, smoothed.background, smoothed.alpha, smoothed.confidence,
    )  # fmt: skip
    return smoothed


def _gather(
    image: NDArray[Any], labels: NDArray[np.uint8], ys: NDArray[Any], xs: NDArray[Any], n_rays: int
) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.float64]]:
    """Return for each pixel the best pair that its rays meet, and the spread around both samples."""
    n = len(ys)
    places = np.empty((n, n_rays, 2), np.int32)
    energies = np.empty((n, n_rays, 2))
    kinds = np.array([FOREGROUND, BACKGROUND], np.uint8)
    distances = np.empty((2, *labels.shape), np.int32)
    kernels.measure_distances(labels, kinds, distances)
    kernels.cast_rays(image, distances, ys, xs, _directions(n_rays), places, energies)
    for kind, label in enumerate(kinds):
        lost = (places[:, :, kind] < 0).all(1)
        if lost.any():
            nearest = distance_transform_edt(labels != label, return_distances=False, return_indices=True)
            places[lost, 0, kind] = np.ravel_multi_index(nearest[:, ys[lost], xs[lost]], labels.shape)
    colours = np.empty((2, n, 3), image.dtype)
    spreads = np.empty((n, 2))
    kernels.choose_pairs(image, labels, ys, xs, places, energies, EXPONENTS, colours[0], colours[1], spreads)
    return colours[0], colours[1], spreads


def _directions(n_rays: int) -> NDArray[np.float64]:
    """Return unit steps (9, n_rays, 2): the rays of the pixels in a 3x3 block share out the circle evenly."""
    turn = 2 * np.pi / n_rays * (np.arange(9)[:, np.newaxis] / 9 + np.arange(n_rays))
    return np.stack([np.sin(turn), np.cos(turn)], axis=-1)


def _empty(n: int, dtype: Any) -> Samples:
    return Samples(np.empty(n), np.empty((n, 3), dtype), np.empty((n, 3), dtype), np.empty(n))
