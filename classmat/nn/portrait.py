"""From a photo of a person to a matte, with nothing else given: a small net, and the classical half for what it misses."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from ..filters.guided import fast_guided_filter
from ..filters.resize import resize
from ..images.validate import as_flag, as_image
from ..matting.closed_form import matting_with_prior
from ..matting.refine import refine_matte
from .data import squeezed
from .inference import FastDeepMatting
from .weights import Weights, shipped_weights

_BINS, _TRUST = 8, 0.5  # of a colour's histogram, a channel; how much colours count against the net
_LAM, _SMOOTH, _RTOL = 0.01, 1e-4, 1e-4  # of the matting that follows: lam, eps, rtol
_LEAST = 1e-3  # the net's confidence where it has none
_RADIUS, _EPS = 1.5, 1e-4  # of the lift: in pixels of the net, and for colours in [0, 1]
_ERODE, _DILATE = 0.02, 0.03  # of the longest side: how far the net's edge is from the true one


def portrait_matte(
    image: ArrayLike, *, weights: Weights | None = None, refine: bool = False
) -> NDArray[np.float32]:
    """Estimate the matte of the person in a photo.

    The photo is squeezed into the square that the net was trained on. The net's matte, averaged with that of the
    mirrored photo, is a guess that the photo itself corrects: by which colours are the subject's in most places, and by
    closed-form matting towards the guess. The result is enlarged, and the fast guided filter lays its edges on those of
    the photo.

    Parameters
    ----------
    image : array_like, (h, w, 3) or (h, w)
        Head and shoulders, upright; float in [0, 1], uint8 or uint16. Any size and proportions.
    weights : Weights, optional
        Of Fast Deep Matting, as `classmat.nn.weights.load_weights` reads them; those that come with the package if
        None.
    refine : bool
        Whether to compute everything near the edge anew by closed-form matting (`refine_matte` with ``"trimap"``):
        seconds instead of milliseconds, for hair.

    Returns
    -------
    ndarray, (h, w)
        float32 in [0, 1].

    Raises
    ------
    TypeError, ValueError
        If the image is not as described.

    Examples
    --------
    >>> import classmat as cm
    >>> scene = cm.gallery.portrait(160, 120, seed=1)
    >>> cm.portrait_matte(scene.image).shape
    (160, 120)
    """
    pixels = as_image(image, dtype=np.float32)
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[..., np.newaxis], 3, axis=2)
    chosen = shipped_weights() if weights is None else weights
    small = squeezed(pixels, chosen.manifest["recipe"]["size"])
    coarse = lifted(pixels, settled(small, net_matte(small, chosen)))
    return _refined(pixels, coarse) if as_flag(refine, name="refine") else coarse


def net_matte(photo: NDArray[Any], weights: Weights) -> NDArray[np.float32]:
    """Return the net's own matte of a photo (h, w, 3) of its size: the mean over the photo and its mirror image."""
    net = FastDeepMatting(
        weights.params["ldn"],
        weights.params["fb"],
        weights.buffers["fb"],
        radius=weights.manifest["recipe"]["radius"],
    )
    mirrored = net(np.ascontiguousarray(photo[:, ::-1]))[:, ::-1]
    return np.clip((net(photo) + mirrored) / 2, 0, 1)


def settled(photo: NDArray[Any], matte: NDArray[Any]) -> NDArray[np.float32]:
    """Let a photo (h, w, 3) correct a net's matte of it (h, w), which errs over whole regions."""
    guess = recoloured(photo, matte)
    confidence = (2 * guess - 1) ** 2 + _LEAST
    alpha = matting_with_prior(photo, guess, confidence, lam=_LAM, eps=_SMOOTH, rtol=_RTOL)
    return np.clip(alpha, 0, 1).astype(np.float32)


def recoloured(photo: NDArray[Any], matte: NDArray[Any]) -> NDArray[np.float64]:
    """Weigh a matte (h, w) against how often each colour of the photo is the subject's: Bayes' rule, colours tempered.

    Examples
    --------
    >>> photo = np.zeros((4, 8, 3))
    >>> photo[:, :3] = 1
    >>> recoloured(photo, np.repeat([[0.9, 0.9, 0.4, 0.2, 0.1, 0.1, 0.1, 0.1]], 4, axis=0))[0].round(1)
    array([0.9, 0.9, 0.5, 0.1, 0.1, 0.1, 0.1, 0.1])
    """
    p = np.clip(np.asarray(matte, np.float64), 1e-3, 1 - 1e-3)
    cell = np.minimum((np.clip(photo, 0, 1) * _BINS).astype(np.intp), _BINS - 1)
    index = np.ravel_multi_index(tuple(np.moveaxis(cell, -1, 0)), (_BINS,) * 3)
    ratio = np.log(_histogram(index, p) / _histogram(index, 1 - p))
    return 1 / (1 + np.exp(np.log(1 / p - 1) - _TRUST * ratio[index]))


def _histogram(index: NDArray[Any], weights: NDArray[Any]) -> NDArray[np.float64]:
    counts = np.bincount(index.ravel(), weights.ravel(), _BINS**3).reshape((_BINS,) * 3)
    smooth = ndimage.gaussian_filter(counts, 0.7, mode="constant").ravel() + 0.5  # no colour is impossible
    return smooth / smooth.sum()


def lifted(image: NDArray[Any], matte: NDArray[Any]) -> NDArray[np.float32]:
    """Enlarge a matte to the size of the photo, its edges on those of the photo."""
    h, w = image.shape[:2]
    scale = max(h, w) / max(matte.shape)
    enlarged = resize(matte, h, w)
    if scale <= 1:
        return np.asarray(enlarged, np.float32)
    radius = max(1, round(_RADIUS * scale))
    alpha = fast_guided_filter(image, enlarged, radius, _EPS, max(1, radius // 4))
    return np.clip(alpha, 0, 1).astype(np.float32)


def _refined(image: NDArray[Any], coarse: NDArray[np.float32]) -> NDArray[np.float32]:
    if not 0 < np.count_nonzero(coarse >= 0.5) < coarse.size:
        return coarse  # nobody, or nothing else: there is no edge to look at
    side = max(coarse.shape)
    mask = coarse >= 0.5  # a trimap of the soft matte would leave open all that the net is unsure of
    erode, dilate = (
        min(share * side, ndimage.distance_transform_edt(region).max() / 2)  # of something small, the middle stays
        for share, region in ((_ERODE, mask), (_DILATE, ~mask))
    )
    alpha = refine_matte(image, mask, method="trimap", erode=erode, dilate=dilate)
    return alpha.astype(np.float32)
