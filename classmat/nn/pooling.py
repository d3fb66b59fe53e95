"""Pooling: maxima with their places, the way back to them, and means over a grid of bins."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..images.floats import as_floats
from ..images.validate import as_count
from ..kernels import pooling as kernels
from ..ops._protocol import Floats, Pullback, as_cotangent, like

Places = NDArray[np.int32]


def max_pool2d_vjp(
    x: ArrayLike, *, size: int = 2, stride: int | None = None, padding: int = 0, ceil_mode: bool = False
) -> tuple[Floats, Pullback]:
    """Return the largest value of every window, channel by channel.

    Parameters
    ----------
    x : array_like, (h, w, c) or (n, h, w, c)
        Differentiable; of equal values the first in the window gets the whole cotangent.
    size : int
        Windows have so many pixels a side, at least 1.
    stride : int, optional
        From one window to the next; `size` by default.
    padding : int
        How far windows reach over the border, where there is nothing; at most half of `size`.
    ceil_mode : bool
        Whether a last window that does not fit into the image, but begins in it, counts.

    Returns
    -------
    y : ndarray, (.., h_out, w_out, c)
        ``h_out = (h + 2 padding - size) // stride + 1``, rounded up instead of down with `ceil_mode`.
    pullback : callable
        ``y_bar -> (x_bar,)``; keeps the places of the maxima.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind, shape or range, or the image is smaller than a window.

    Examples
    --------
    >>> y, pullback = max_pool2d_vjp([[[1.0], [3.0], [2.0], [0.0]], [[0.0], [1.0], [5.0], [4.0]]])
    >>> y[..., 0]
    array([[3., 5.]])
    >>> pullback(np.ones_like(y))[0][..., 0]
    array([[0., 1., 0., 0.],
           [0., 0., 1., 0.]])
    """
    y, places = max_pool2d(x, size=size, stride=stride, padding=padding, ceil_mode=ceil_mode)
    given = as_floats(x, name="x")
    step = size if stride is None else stride

    def pullback(y_bar: ArrayLike) -> tuple[Floats, ...]:
        g = as_cotangent(y_bar, y)
        return (like(_spread(g, places, (size, step, padding), given.shape), given, x),)

    return y, pullback


def max_pool2d(
    x: ArrayLike, *, size: int = 2, stride: int | None = None, padding: int = 0, ceil_mode: bool = False
) -> tuple[Floats, Places]:
    """Return the largest values, and where they are: ``row * w + column`` in the image of their channel.

    Parameters, errors as of `max_pool2d_vjp`.

    Examples
    --------
    >>> max_pool2d([[[1.0], [3.0]], [[0.0], [2.0]]])[1][..., 0]
    array([[1]], dtype=int32)
    """
    values = as_floats(x, name="x", ndim=(3, 4), accepted="(h, w, c) or (n, h, w, c)")
    size, padding = as_count(size, name="size", low=1), as_count(padding, name="padding")
    stride = size if stride is None else as_count(stride, name="stride", low=1)
    if 2 * padding > size:
        raise ValueError(f"padding is {padding}; accepted is at most half of the size, which is {size}.")
    images = values.reshape(-1, *values.shape[-3:])
    out = [_length(length, size, stride, padding, ceil_mode=ceil_mode) for length in images.shape[1:3]]
    if min(out) < 1:
        raise ValueError(f"x has {images.shape[1]} x {images.shape[2]} pixels; accepted is at least a window.")
    y = np.empty((len(images), *out, images.shape[3]), images.dtype)
    places = np.empty(y.shape, np.int32)
    kernels.find_maxima(images, size, stride, padding, y, places)
    shape = (*values.shape[:-3], *y.shape[1:])
    return y.reshape(shape), places.reshape(shape)


def max_unpool2d_vjp(x: ArrayLike, *, places: ArrayLike, height: int, width: int) -> tuple[Floats, Pullback]:
    """Put values back to where `max_pool2d` found them, with zeros elsewhere.

    Parameters
    ----------
    x : array_like, (h, w, c) or (n, h, w, c)
        Differentiable.
    places : array_like of int, shape of `x`
        Second result of `max_pool2d`, of windows that do not overlap.
    height, width : int
        Of the image to make.

    Returns
    -------
    y : ndarray, (.., height, width, c)
    pullback : callable
        ``y_bar -> (x_bar,)``.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind, shape or range.

    Examples
    --------
    >>> max_unpool2d_vjp([[[7.0]]], places=[[[1]]], height=1, width=2)[0][..., 0]
    array([[0., 7.]])
    """
    values = as_floats(x, name="x", ndim=(3, 4), accepted="(h, w, c) or (n, h, w, c)")
    height, width = as_count(height, name="height", low=1), as_count(width, name="width", low=1)
    indices = _as_places(places, values.shape, height * width)
    images, where = (a.reshape(-1, *a.shape[-3:]) for a in (values, indices))
    n, _, _, c = images.shape
    y = np.zeros((n, height * width, c), images.dtype)
    np.put_along_axis(y, where.reshape(n, -1, c), images.reshape(n, -1, c), axis=1)
    value = y.reshape(*values.shape[:-3], height, width, c)

    def pullback(y_bar: ArrayLike) -> tuple[Floats, ...]:
        g = as_cotangent(y_bar, value).reshape(n, height, width, c)
        x_bar = np.empty_like(images)
        kernels.collect(g, where, x_bar)
        return (like(x_bar, values, x),)

    return value, pullback


def adaptive_mean_pool2d_vjp(x: ArrayLike, *, height: int = 1, width: int = 1) -> tuple[Floats, Pullback]:
    """Return the means of a grid of bins; of the whole image by default (global pooling).

    Bin i of k covers the rows ``floor(i h / k)`` up to, but not including, ``ceil((i + 1) h / k)``.

    Parameters
    ----------
    x : array_like, (h, w, c) or (n, h, w, c)
        Differentiable.
    height, width : int
        Numbers of bins, at least 1.

    Returns
    -------
    y : ndarray, (.., height, width, c)
    pullback : callable
        ``y_bar -> (x_bar,)``; keeps nothing of x.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind, shape or range.

    Examples
    --------
    >>> adaptive_mean_pool2d_vjp(np.arange(6.0).reshape(1, 6, 1), width=2)[0].ravel()
    array([1., 4.])
    """
    values = as_floats(x, name="x", ndim=(3, 4), accepted="(h, w, c) or (n, h, w, c)")
    h, w, c = values.shape[-3:]
    down = _bins(h, as_count(height, name="height", low=1), values.dtype)
    across = _bins(w, as_count(width, name="width", low=1), values.dtype)
    y = _grid(values.reshape(-1, h, w, c), down, across).reshape(*values.shape[:-3], len(down), len(across), c)

    def pullback(y_bar: ArrayLike) -> tuple[Floats, ...]:
        g = as_cotangent(y_bar, y).reshape(-1, *y.shape[-3:])
        return (like(_grid(g, down.T, across.T), values, x),)

    return y, pullback


def _grid(images: Floats, down: Floats, across: Floats) -> Floats:
    """Multiply rows and columns of (n, h, w, c) images with a matrix each."""
    n, h, w, c = images.shape
    rows = (np.ascontiguousarray(down) @ images.reshape(n, h, w * c)).reshape(n, len(down), w, c)
    return np.ascontiguousarray(across) @ rows


def _bins(length: int, bins: int, dtype: Any) -> Floats:
    """Return the matrix (bins, length) of the means."""
    matrix = np.zeros((bins, length), dtype)
    for i in range(bins):
        first, stop = i * length // bins, -(-(i + 1) * length // bins)
        matrix[i, first:stop] = 1 / (stop - first)
    return matrix


def _spread(g: Floats, places: Places, window: tuple[int, int, int], shape: tuple[int, ...]) -> Floats:
    bars, where = (a.reshape(-1, *a.shape[-3:]) for a in (g, places))
    x_bar = np.empty((len(bars), *shape[-3:]), g.dtype)
    kernels.spread(bars, where, *window, x_bar)
    return x_bar


def _length(length: int, size: int, stride: int, padding: int, *, ceil_mode: bool) -> int:
    span = length + 2 * padding - size
    if not ceil_mode:
        return span // stride + 1
    count = -(-span // stride) + 1
    return count - 1 if (count - 1) * stride >= length + padding else count  # the last one begins in the image


def _as_places(places: ArrayLike, shape: tuple[int, ...], size: int) -> Places:
    array = np.asarray(places)
    if array.dtype.kind not in "iu" or array.shape != shape:
        raise ValueError(f"places is {array.dtype} {array.shape}; accepted are whole numbers of shape {shape}.")
    if array.min() < 0 or array.max() >= size:
        raise ValueError(f"places has values in {array.min()} to {array.max()}; accepted are 0 to {size - 1}.")
    return array.astype(np.int32)
