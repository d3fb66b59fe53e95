"""Between gamma-encoded sRGB and linear light: the piecewise curve of IEC 61966-2-1, not a power of 2.2."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .validate import as_alpha


def srgb_to_linear(values: Any) -> NDArray[Any]:
    """Return the light that sRGB values stand for, proportional to the number of photons.

    ``c / 12.92`` up to 0.04045, above it ``((c + 0.055) / 1.055) ** 2.4`` (IEC 61966-2-1, 5.2).

    Parameters
    ----------
    values : array_like
        Of any shape: float in [0, 1], uint8 or uint16. An alpha channel must not be among them.

    Returns
    -------
    float array
        In [0, 1], of the same shape; float32 stays float32, all else becomes float64.

    Raises
    ------
    TypeError, ValueError
        As `as_alpha` does for values out of [0, 1], not finite or not numeric.

    Examples
    --------
    >>> srgb_to_linear([0.0, 0.5, 1.0]).round(4)
    array([0.   , 0.214, 1.   ])
    """
    return decode(_as_values(values))


def linear_to_srgb(values: Any) -> NDArray[Any]:
    """Return the sRGB values that stand for given light: the inverse of `srgb_to_linear`.

    ``12.92 y`` up to 0.0031308, above it ``1.055 y ** (1 / 2.4) - 0.055`` (IEC 61966-2-1, 5.2).

    Examples
    --------
    >>> linear_to_srgb([0.0, 0.5, 1.0]).round(4)
    array([0.    , 0.7354, 1.    ])
    """
    return encode(_as_values(values))


def decode(c: NDArray[Any]) -> NDArray[Any]:
    """Do what `srgb_to_linear` does, for a float array that is known to be in [0, 1].

    Examples
    --------
    >>> decode(np.ones((1, 2), np.float32))
    array([[1., 1.]], dtype=float32)
    """
    light = np.add(c, 0.055, out=np.empty_like(c))  # `out` also keeps what has no dimension as precise as it is
    light /= 1.055
    light **= 2.4
    return np.divide(c, 12.92, out=light, where=c <= 0.04045)


def encode(y: NDArray[Any]) -> NDArray[Any]:
    """Do what `linear_to_srgb` does, for a float array that is known to be in [0, 1].

    Examples
    --------
    >>> encode(np.zeros((1, 2), np.float32))
    array([[0., 0.]], dtype=float32)
    """
    root = np.power(y, 1 / 2.4, out=np.empty_like(y))
    values = np.subtract(root, 1, out=np.empty_like(y))
    values *= 0.055
    values += root  # 1 stays exactly 1
    return np.multiply(y, 12.92, out=values, where=y <= 0.0031308)


def hue_on_a_circle(image: NDArray[Any]) -> NDArray[Any]:
    """Return ``(cos H, sin H, S, V)`` of a float image (h, w, 3) in [0, 1]: hues have no seam where red meets red.

    H, S, V are hue, saturation and value of the HSV hexcone (Smith 1978). Grey pixels have hue 0.

    Examples
    --------
    >>> hue_on_a_circle(np.array([[[0.0, 0.5, 0.5], [0.2, 0.2, 0.2]]])).round(2) + 0.0
    array([[[-1. ,  0. ,  1. ,  0.5],
            [ 1. ,  0. ,  0. ,  0.2]]])
    """
    r, g, b = np.moveaxis(image, -1, 0)
    V = image.max(axis=-1)
    chroma = V - image.min(axis=-1)
    safe = np.where(chroma > 0, chroma, 1)
    sixth = np.select([r == V, g == V], [(g - b) / safe, (b - r) / safe + 2], (r - g) / safe + 4)
    angle = np.where(chroma > 0, np.pi / 3 * sixth, 0)
    S = np.divide(chroma, V, out=np.zeros_like(V), where=V > 0)
    return np.stack([np.cos(angle), np.sin(angle), S, V], axis=-1)


def _as_values(values: Any) -> NDArray[Any]:
    array = np.asarray(values)
    dtype = np.float32 if array.dtype == np.float32 else np.float64
    return as_alpha(array.reshape(1, -1), name="values", dtype=dtype).reshape(array.shape)
