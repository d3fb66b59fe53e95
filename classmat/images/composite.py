"""Foregrounds onto backgrounds: the matting equation, forwards."""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from .colour import decode, encode
from .validate import as_alpha, as_count, as_image, as_number, require_same_size

_LIGHT, _DARK = 0.9, 0.7
_STRIP = 1 << 16  # pixels that are blended at a time: temporary arrays stay small


def composite(foreground: Any, alpha: Any, background: Any, *, linear: bool = False) -> NDArray[Any]:
    """Blend a foreground over a background: ``alpha F + (1 - alpha) B``.

    Parameters
    ----------
    foreground : (h, w, 3) or (h, w)
        F; bool, uint8, uint16, or float in [0, 1].
    alpha : (h, w)
        The matte.
    background : (h, w, 3), (h, w) or three numbers
        B, of the same size, or one RGB colour: three numbers in [0, 1].
    linear : bool
        Blend in linear light, as a lens does, instead of in the encoded values, as most programs do. Take a
        matte that was computed from encoded values with ``linear=False``.

    Returns
    -------
    (h, w, 3), or (h, w) if foreground and background are grey
        In [0, 1]; float32 if foreground and alpha are arrays of float32 or of 8- or 16-bit numbers, else float64.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described, or sizes differ.

    Examples
    --------
    >>> composite(np.ones((1, 2)), [[1.0, 0.25]], (0.0, 0.0, 0.4))
    array([[[1.  , 1.  , 1.  ],
            [0.25, 0.25, 0.55]]])
    """
    dtype = np.float32 if _fits_float32(foreground) and _fits_float32(alpha) else np.float64
    front = as_image(foreground, name="foreground", dtype=dtype)
    weight = as_alpha(alpha, name="alpha", dtype=dtype)
    require_same_size(front, weight, names=("foreground", "alpha"))
    back = _as_background(background, front, dtype)
    if front.ndim != back.ndim:
        front, back = _with_channels(front), _with_channels(back)
    if front.ndim == 3:
        weight = weight[:, :, None]
    blend = _blend_light if linear else _blend
    result = np.empty(front.shape, dtype)
    rows = max(1, _STRIP // front.shape[1])
    for top in range(0, len(result), rows):
        strip = np.s_[top : top + rows]
        result[strip] = blend(front[strip], weight[strip], back[strip])
    return result


def _blend(front: NDArray[Any], weight: NDArray[Any], back: NDArray[Any]) -> NDArray[Any]:
    return weight * front + (1 - weight) * back


def _blend_light(front: NDArray[Any], weight: NDArray[Any], back: NDArray[Any]) -> NDArray[Any]:
    return encode(np.clip(_blend(decode(front), weight, decode(back)), 0, 1))


def to_rgba(foreground: Any, alpha: Any) -> NDArray[np.float32]:
    """Join a foreground and a matte to one picture with transparency.

    Parameters
    ----------
    foreground : (h, w, 3) or (h, w)
        Colours; bool, uint8, uint16, or float in [0, 1].
    alpha : (h, w)
        The matte.

    Returns
    -------
    (h, w, 4) float32
        Straight RGBA: alpha is not multiplied into the colours.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described, or sizes differ.

    Examples
    --------
    >>> to_rgba(np.ones((1, 1, 3)), [[0.5]])
    array([[[1. , 1. , 1. , 0.5]]], dtype=float32)
    """
    colour = as_image(foreground, name="foreground", dtype=np.float32)
    opacity = as_alpha(alpha, name="alpha", dtype=np.float32)
    require_same_size(colour, opacity, names=("foreground", "alpha"))
    return np.dstack([_with_channels(colour), opacity])


def split_rgba(
    image: Any, *, name: str = "image", dtype: DTypeLike = np.float64
) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Return colours and opacity of a picture that may have transparency: the inverse of `to_rgba`.

    Parameters
    ----------
    image : (h, w, 4), (h, w, 3) or (h, w)
        Straight RGBA, RGB or grey; bool, uint8, uint16, or float in [0, 1].
    name : str
        What the argument is called in an error.
    dtype : dtype
        The float type of the results.

    Returns
    -------
    colour : (h, w, 3) or (h, w)
    alpha : (h, w) or None
        None if `image` has no fourth channel.

    Raises
    ------
    TypeError, ValueError
        As `as_image` does.

    Examples
    --------
    >>> colour, alpha = split_rgba(np.full((1, 1, 4), 0.5))
    >>> colour.shape, alpha.shape
    ((1, 1, 3), (1, 1))
    """
    try:
        shape = np.shape(image)
    except ValueError:  # ragged; as_image says so
        shape = ()
    if len(shape) != 3 or shape[2] != 4:
        return as_image(image, name=name, dtype=dtype), None
    array = np.asarray(image)
    return as_image(array[..., :3], name=name, dtype=dtype), as_alpha(array[..., 3], name=name, dtype=dtype)


def checkerboard(height: int, width: int, *, square: int = 16) -> NDArray[np.float32]:
    """Return the light grey chequers that stand for transparency: (height, width, 3) float32 in [0, 1].

    Parameters
    ----------
    height, width : int
        In pixels, at least 1.
    square : int
        Side of a square in pixels; the one at the top left is light.

    Raises
    ------
    TypeError, ValueError
        If an argument is not a whole number of at least 1.

    Examples
    --------
    >>> checkerboard(2, 2, square=1)[:, :, 0]
    array([[0.9, 0.7],
           [0.7, 0.9]], dtype=float32)
    """
    side = as_count(square, name="square", low=1)
    y = np.arange(as_count(height, name="height", low=1)) // side
    x = np.arange(as_count(width, name="width", low=1)) // side
    is_dark = (y[:, None] + x[None, :]) % 2 == 1
    return _with_channels(np.where(is_dark, np.float32(_DARK), np.float32(_LIGHT))).copy()


def _as_background(background: Any, front: NDArray[Any], dtype: type) -> NDArray[Any]:
    if _is_colour(background):
        if len(background) != 3:
            raise ValueError(f"background has {len(background)} numbers; accepted are an image or three numbers.")
        colour = [as_number(value, name="background", low=0, high=1) for value in background]
        return np.broadcast_to(np.array(colour, dtype), (*front.shape[:2], 3))
    back = as_image(background, name="background", dtype=dtype)
    require_same_size(front, back, names=("foreground", "background"))
    return back


def _is_colour(background: Any) -> bool:
    try:
        return np.ndim(background) == 1
    except ValueError:  # ragged; as_image says so
        return False


def _with_channels(values: NDArray[Any]) -> NDArray[Any]:
    """Return a view of a grey picture as one in colour; a colour picture as it is."""
    return np.broadcast_to(values[:, :, None], (*values.shape, 3)) if values.ndim == 2 else values


def _fits_float32(array: Any) -> bool:
    dtype = getattr(array, "dtype", np.float64)
    return dtype in (np.float32, np.float16, np.uint8, np.uint16, np.bool_)
