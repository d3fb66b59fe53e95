"""Checks of arrays of plain real numbers: of any range and any number of dimensions, float32 or float64."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .validate import _as_array, _require_finite, _require_pixels

Floats = NDArray[Any]


def as_floats(
    values: ArrayLike, *, name: str, ndim: tuple[int, ...] = (), accepted: str = "", finite: bool = True
) -> Floats:
    """Return finite real values as a contiguous array: float32 stays float32, all else becomes float64.

    Parameters
    ----------
    values : array_like
        Of any range.
    name : str
        What the argument is called in an error.
    ndim : tuple of int
        The numbers of dimensions that are accepted; any if empty.
    accepted : str
        The same in words, for the error.
    finite : bool
        Whether to look for values that are not finite. A caller that finds them in passing does not need to.

    Raises
    ------
    TypeError
        If the values are not real numbers.
    ValueError
        If the array is empty, has another number of dimensions, or values that are not finite.

    Examples
    --------
    >>> as_floats([[1, 2]], name="src")
    array([[1., 2.]])
    >>> as_floats([1.0, 2.0], name="src", ndim=(2, 3), accepted="(h, w) or (h, w, c)")
    Traceback (most recent call last):
    ...
    ValueError: src has shape (2,); accepted is (h, w) or (h, w, c).
    """
    array = _as_array(values, name)
    if array.dtype.kind not in "buif":
        raise TypeError(f"{name} has dtype {array.dtype}; accepted are real numbers.")
    if ndim and array.ndim not in ndim:
        raise ValueError(f"{name} has shape {array.shape}; accepted is {accepted}.")
    _require_pixels(array, name)
    dtype = np.float32 if array.dtype.newbyteorder("=") == np.float32 else np.float64
    with np.errstate(over="ignore"):  # a long double beyond float64 is told as infinite
        array = np.asarray(array, dtype, order="C")
    if finite:
        _require_finite(array, name)
    return array


def require_finite(*arrays: tuple[Floats, str]) -> None:
    """Raise ValueError for the first of some arrays, given with their names, that has a NaN or an infinity.

    Examples
    --------
    >>> require_finite((np.array([0.0, np.inf]), "guide"))
    Traceback (most recent call last):
    ...
    ValueError: guide has 1 values that are NaN or infinite; all must be finite.
    """
    for array, name in arrays:
        _require_finite(array, name)


def require_same_shape(first: Floats, second: Floats, *, names: tuple[str, str]) -> None:
    """Raise ValueError unless both arrays have the same shape.

    Examples
    --------
    >>> require_same_shape(np.zeros((2, 3)), np.zeros((4, 2, 3)), names=("alpha", "truth"))
    Traceback (most recent call last):
    ...
    ValueError: alpha has shape (2, 3) but truth has shape (4, 2, 3); both must have the same shape.
    """
    if first.shape != second.shape:
        raise ValueError(
            f"{names[0]} has shape {first.shape} but {names[1]} has shape {second.shape}; "
            "both must have the same shape."
        )


def as_batch(src: ArrayLike, *, name: str = "src") -> Floats:
    """Return (h, w), (h, w, c) or (n, h, w, c) values as a contiguous (n, h, w, c) array.

    Three dimensions are always rows, columns, channels; a batch of planes is (n, h, w, 1).

    Examples
    --------
    >>> as_batch(np.zeros((4, 5))).shape, as_batch(np.zeros((4, 5, 3))).shape
    ((1, 4, 5, 1), (1, 4, 5, 3))
    """
    array = as_floats(src, name=name, ndim=(2, 3, 4), accepted="(h, w), (h, w, c) or (n, h, w, c)")
    if array.ndim == 4:
        return array
    return array.reshape(1, *array.shape[:2], -1)
