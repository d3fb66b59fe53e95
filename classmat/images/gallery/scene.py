"""What a scene is, and the trimap that belongs to it."""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from ..validate import BACKGROUND, FOREGROUND, UNKNOWN, as_alpha, as_count


class Scene(NamedTuple):
    """An image with the alpha, foreground and background that it was made of.

    Without noise ``image == alpha * foreground + (1 - alpha) * background`` to float32 rounding in every
    pixel. Sensor noise is added to `image` alone: the four other arrays stay what they are without it.

    Attributes
    ----------
    image : (h, w, 3) float32 in [0, 1]
        The composite, with noise where a scene offers it and it was asked for.
    alpha : (h, w) float32 in [0, 1]
        The covered part of each pixel's area. Overlapping parts compose: ``1 - prod(1 - coverage)``.
    trimap : (h, w) uint8
        0 (background), 128 (unknown), 255 (foreground), see `trimap_of`.
    foreground : (h, w, 3) float32 in [0, 1]
        The mean colour of what covers the pixel, weighted by how much of it is seen; continued
        smoothly to where nothing covers it.
    background : (h, w, 3) float32 in [0, 1]
        What is behind, in every pixel.
    """

    image: NDArray[np.float32]
    alpha: NDArray[np.float32]
    trimap: NDArray[np.uint8]
    foreground: NDArray[np.float32]
    background: NDArray[np.float32]


def trimap_of(alpha: ArrayLike, radius: int | None = None) -> NDArray[np.uint8]:
    """Return the trimap of an exact alpha: known pixels are those farther than `radius` from any fraction.

    Foreground has alpha exactly 1 and background exactly 0; the pixels with 0 < alpha < 1, and those
    within `radius` pixels of them along both axes, are unknown. A pair of direct neighbours 0 and 1 (an edge
    that runs along the grid) counts as a fraction. A scene of a few pixels may be left without foreground
    or background, for which matting functions have no answer.

    Parameters
    ----------
    alpha : array_like, (h, w)
        In [0, 1].
    radius : int, optional
        In pixels; by default 0.8 % of ``sqrt(h * w)``, at least 1.

    Returns
    -------
    (h, w) uint8

    Raises
    ------
    TypeError, ValueError
        If the matte or the radius is not as described.

    Examples
    --------
    >>> trimap_of(np.float32([[0, 0, 0, 0.5, 1, 1, 1]]))
    array([[  0,   0, 128, 128, 128, 255, 255]], dtype=uint8)
    """
    values = as_alpha(alpha, dtype=np.float32 if getattr(alpha, "dtype", None) == np.float32 else np.float64)
    if radius is None:
        radius = max(1, round(0.008 * math.sqrt(values.size)))
    radius = as_count(radius, name="radius")
    full, empty = values == 1, values == 0
    unknown = ~(full | empty)
    for a, b in ((np.s_[:, :-1], np.s_[:, 1:]), (np.s_[:-1], np.s_[1:])):
        step = (full[a] & empty[b]) | (empty[a] & full[b])
        unknown[a] |= step
        unknown[b] |= step
    grown = unknown.view(np.uint8)
    for axis in (0, 1):
        size = 2 * min(radius, values.shape[axis]) + 1
        grown = ndimage.maximum_filter1d(grown, size, axis=axis, mode="constant")
    trimap = np.where(full, np.uint8(FOREGROUND), np.uint8(BACKGROUND))
    trimap[grown != 0] = UNKNOWN
    return trimap


def check_size(height: Any, width: Any, seed: Any) -> tuple[int, int, int]:
    """Return height, width and seed as integers, or raise."""
    return (
        as_count(height, name="height", low=1),
        as_count(width, name="width", low=1),
        as_count(seed, name="seed"),
    )
