"""What every op does with its arguments and with the cotangents it is given and gives back."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..images.floats import as_floats, require_same_shape

FEW = 16  # channels or classes

Floats = NDArray[Any]
Pullback = Callable[[ArrayLike], tuple[Floats, ...]]
"""From the cotangent of the value to one cotangent per positional argument of the op."""


def as_planes(values: ArrayLike, *, name: str) -> Floats:
    """Return (h, w) or (n, h, w) values as float32 or float64."""
    return as_floats(values, name=name, ndim=(2, 3), accepted="(h, w) or (n, h, w)")


def same_planes(*planes: tuple[ArrayLike, str]) -> list[Floats]:
    """Return several planes, given with their names, that must have one shape."""
    arrays = [as_planes(values, name=name) for values, name in planes]
    for array, (_, name) in zip(arrays[1:], planes[1:], strict=True):
        require_same_shape(arrays[0], array, names=(planes[0][1], name))
    return arrays


def as_colours(values: ArrayLike, like: Floats, *, name: str, plane: str = "alpha") -> Floats:
    """Return an image of the size of a plane as (h, w, c) or (n, h, w, c); a grey one gets c = 1."""
    array = as_floats(values, name=name)
    if array.shape == like.shape:
        return array[..., np.newaxis]
    if array.ndim != like.ndim + 1 or array.shape[:-1] != like.shape:
        raise ValueError(
            f"{name} has shape {array.shape} but {plane} has shape {like.shape}; "
            f"accepted are {_with_channels(like.shape)} and {like.shape}."
        )
    return array


def as_cotangent(bar: ArrayLike, value: Any) -> Floats:
    """Return the cotangent of a value in the value's dtype, or raise if it has another shape."""
    array = as_floats(bar, name="the cotangent")
    if array.shape != np.shape(value):
        raise ValueError(f"the cotangent has shape {array.shape}; the value's is {np.shape(value)}.")
    return np.asarray(array, value.dtype)


def as_scale(bar: ArrayLike, value: Any, count: int = 1) -> float:
    """Return the cotangent of a scalar, divided by how many terms its mean has."""
    return float(as_cotangent(bar, value)) / count


def like(bar: Floats, argument: Any, given: ArrayLike | None = None) -> Floats:
    """Return a cotangent in the dtype of its argument, and in the shape in which that was given."""
    shape = bar.shape if given is None else np.shape(given)
    return np.asarray(bar, argument.dtype).reshape(shape)


def reduced(function: np.ufunc, array: Floats, axis: int = -1) -> Floats:
    """Reduce an array along an axis, which stays with length 1.

    NumPy's own reduction of a last axis with a few channels or classes takes several times as long, because its
    innermost loop is then that short.
    """
    if array.shape[axis] > FEW:
        return function.reduce(array, axis=axis, keepdims=True)
    return np.expand_dims(functools.reduce(function, np.moveaxis(array, axis, 0)), axis)


def sum_channels(array: Floats) -> Floats:
    """Sum an (.., c) array over its channels."""
    return reduced(np.add, array)[..., 0]


def _with_channels(shape: tuple[int, ...]) -> str:
    return "(" + ", ".join([*map(str, shape), "c"]) + ")"
