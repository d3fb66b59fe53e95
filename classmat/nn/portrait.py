"""From a photo of a person to a matte, with nothing else given: a small net, and the classical half for what it misses."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..filters.guided import fast_guided_filter
from ..filters.resize import resize
from ..images.validate import as_flag, as_image
from ..matting.refine import refine_matte
from .data import squeezed
from .inference import FastDeepMatting
from .weights import Weights, shipped_weights

_RADIUS, _EPS = 1.5, 1e-4  # of the lift: in pixels of the net, and for colours in [0, 1]
_ERODE, _DILATE = 0.02, 0.03  # of the longest side: how far the net's edge is from the true one


def portrait_matte(
    image: ArrayLike, *, weights: Weights | None = None, refine: bool = False
) -> NDArray[np.float32]:
    """Estimate the matte of the person in a photo.

    The photo is squeezed into the square that the net was trained on. The net's matte, averaged with that of the
    mirrored photo, is enlarged, and the fast guided filter lays its edges on those of the photo.

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
    coarse = lifted(pixels, net_matte(pixels, shipped_weights() if weights is None else weights))
    return _refined(pixels, coarse) if as_flag(refine, name="refine") else coarse


def net_matte(image: NDArray[Any], weights: Weights) -> NDArray[np.float32]:
    """Return the net's own matte (size, size) of a photo (h, w, 3), the mean over the photo and its mirror image."""
    recipe = weights.manifest["recipe"]
    net = FastDeepMatting(
        weights.params["ldn"], weights.params["fb"], weights.buffers["fb"], radius=recipe["radius"]
    )
    small = squeezed(image, recipe["size"])
    mirrored = np.ascontiguousarray(small[:, ::-1])
    return np.clip((net(small) + net(mirrored)[:, ::-1]) / 2, 0, 1)


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
    alpha = refine_matte(image, coarse, method="trimap", erode=_ERODE * side, dilate=_DILATE * side)
    return alpha.astype(np.float32)
