"""The only judge of what users hand in: every check of an array or a number is here.

Each function returns the argument in the one form the package works with, or raises with one sentence that
names the argument, what was found and what is accepted. ``TypeError`` is for the wrong kind of thing,
``ValueError`` for the right kind with wrong contents.

Arrays come back contiguous, aligned and writable: Numba would compile the kernels again for any other layout.
"""

import math
import numbers
import os
import sys
import warnings
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

BACKGROUND, UNKNOWN, FOREGROUND = 0, 128, 255

# Rounding in a colour conversion or a resampling step may leave [0, 1] by this much; more is a mistake.
SLACK = 1e-3

_ROUNDING = 1e-6  # float32 cannot hold 10 % and 90 % exactly; 16-bit levels are 15 times as far apart
_ACCEPTED_DTYPES = "bool, uint8, uint16 or float (values in [0, 1])"


def as_image(image: Any, *, name: str = "image", dtype: DTypeLike = np.float64) -> NDArray[Any]:
    """Return an image as a contiguous float array in [0, 1], shape (h, w, 3) or (h, w).

    Parameters
    ----------
    image : array_like
        (h, w, 3), (h, w, 4) (alpha is dropped with a warning), (h, w, 1) or (h, w); bool, uint8, uint16, or
        float in [0, 1].
    name : str
        What the argument is called in an error.
    dtype : dtype
        The float type of the result.

    Raises
    ------
    TypeError
        If the dtype is none of those.
    ValueError
        If the shape is none of those, the image is empty, or a value is not finite or outside [0, 1].

    Examples
    --------
    >>> import numpy as np
    >>> as_image(np.full((2, 3), 255, np.uint8))
    array([[1., 1., 1.],
           [1., 1., 1.]])
    """
    array = _as_array(image, name)
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (1, 2, 3, 4)):
        raise ValueError(f"{name} has shape {array.shape}; accepted are (h, w, 3), (h, w) and (h, w, 4).")
    _require_pixels(array, name)
    if array.ndim == 3 and array.shape[2] in (2, 4):
        message = f"{name} has an alpha channel, which is ignored."
        warnings.warn(message, UserWarning, stacklevel=outside_stacklevel())
        array = array[:, :, :-1]
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    return _to_unit_range(array, name, dtype)


def as_alpha(alpha: Any, *, name: str = "alpha", dtype: DTypeLike = np.float64) -> NDArray[Any]:
    """Return a matte as a contiguous float array (h, w) in [0, 1].

    Raises as `as_image` does; three dimensions are not accepted.

    Examples
    --------
    >>> import numpy as np
    >>> as_alpha(np.array([[0, 65535]], np.uint16))
    array([[0., 1.]])
    """
    array = _as_array(alpha, name)
    _require_plane(array, name)
    return _to_unit_range(array, name, dtype)


def as_trimap(trimap: Any, *, name: str = "trimap", both: bool = True) -> NDArray[np.uint8]:
    """Return a trimap as uint8 with the values 0 (background), 128 (unknown), 255 (foreground).

    Background is at most 10 % of the dtype's range, foreground at least 90 %, unknown between.

    Parameters
    ----------
    trimap : array_like, (h, w)
        bool, uint8, uint16, or float in [0, 1].
    name : str
        What the argument is called in an error.
    both : bool
        Whether both foreground and background must occur.

    Raises
    ------
    TypeError, ValueError
        As `as_alpha`; also if `both` and one of them does not occur.

    Examples
    --------
    >>> as_trimap([[0.0, 0.05, 0.5, 0.95]])
    array([[  0,   0, 128, 255]], dtype=uint8)
    """
    values = as_alpha(trimap, name=name)
    result = np.full(values.shape, UNKNOWN, np.uint8)
    result[values <= 0.1 + _ROUNDING] = BACKGROUND
    result[values >= 0.9 - _ROUNDING] = FOREGROUND
    if both:
        for label, word, rule in (
            (FOREGROUND, "foreground", ">= 90 %"),
            (BACKGROUND, "background", "<= 10 %"),
        ):
            if not (result == label).any():
                raise ValueError(
                    f"{name} has no {word} pixels ({rule} of the range); a matte needs some of both kinds."
                )
    return result


def as_mask(mask: Any, *, name: str = "mask") -> NDArray[np.bool_]:
    """Return a mask as a boolean array (h, w): True where the value is at least half of the dtype's range.

    Raises as `as_alpha` does.

    Examples
    --------
    >>> as_mask([[0.2, 0.7]])
    array([[False,  True]])
    """
    return as_alpha(mask, name=name) >= 0.5


def as_plane(values: Any, *, name: str, low: float = -math.inf, high: float = math.inf) -> NDArray[np.float64]:
    """Return any finite real-valued map as a contiguous float64 array (h, w), checked against [low, high].

    Unlike `as_alpha` it does not rescale integers.

    Raises
    ------
    TypeError
        If it is not numeric.
    ValueError
        If it is not (h, w), is empty, not finite, or leaves [low, high].

    Examples
    --------
    >>> as_plane([[1, 2]], name="confidence", low=0)
    array([[1., 2.]])
    """
    array = _as_array(values, name)
    if array.dtype.kind not in "buif":
        raise TypeError(f"{name} has dtype {array.dtype}; accepted are real numbers.")
    _require_plane(array, name)
    with np.errstate(over="ignore"):  # a long double beyond float64 is told as infinite
        array = _laid_out(array, np.float64)
    _require_finite(array, name)
    if array.min() < low or array.max() > high:
        raise ValueError(
            f"{name} has values in [{array.min():g}, {array.max():g}]; accepted are {low:g} to {high:g}."
        )
    return array


def as_labels(labels: Any, *, name: str = "labels") -> NDArray[np.intp]:
    """Return a map of labels as integers (h, w): whole numbers of at least 0.

    Raises
    ------
    TypeError
        If it is not numeric.
    ValueError
        If it is not (h, w), is empty, or has values that are negative or not whole.

    Examples
    --------
    >>> as_labels([[0, 2.5]])
    Traceback (most recent call last):
    ...
    ValueError: labels has values that are not whole; accepted are 0, 1, 2, ...
    """
    values = as_plane(labels, name=name, low=0)
    if (values != np.floor(values)).any():
        raise ValueError(f"{name} has values that are not whole; accepted are 0, 1, 2, ...")
    return values.astype(np.intp)


def as_points(points: Any, *, name: str) -> NDArray[np.float64]:
    """Return polygons as a contiguous float64 array of points, (n, 2) or (k, n, 2), n at least 3.

    Raises
    ------
    TypeError
        If they are not numeric.
    ValueError
        If the shape is none of those, or a coordinate is not finite.

    Examples
    --------
    >>> as_points([[0, 0], [1, 0], [0, 1]], name="points").shape
    (3, 2)
    """
    array = _as_array(points, name)
    if array.dtype.kind not in "uif":
        raise TypeError(f"{name} has dtype {array.dtype}; accepted are real numbers.")
    if array.ndim not in (2, 3) or array.shape[-1] != 2 or array.shape[-2] < 3 or array.shape[0] == 0:
        raise ValueError(f"{name} has shape {array.shape}; accepted are (n, 2) and (k, n, 2) with n at least 3.")
    array = _laid_out(array, np.float64)
    _require_finite(array, name)
    return array


def as_path(path: Any) -> str:
    """Return a path as a string that names a file.

    Raises
    ------
    TypeError
        If it is neither a string nor a path object.
    ValueError
        If it has a NUL character, which no file name can have.

    Examples
    --------
    >>> as_path("photo.png")
    'photo.png'
    """
    name = os.fspath(path) if isinstance(path, str | os.PathLike) else None
    if not isinstance(name, str):
        raise TypeError(f"path is a {type(path).__name__}; accepted is a string or a path object.")
    if "\0" in name:
        raise ValueError(f"path is {told_path(name)!r}; accepted is a path without NUL characters.")
    return name


def told_path(path: str | os.PathLike[str]) -> str:
    """Return a path as an error message quotes it: the middle of a very long one is left out.

    Examples
    --------
    >>> told_path("photo.png"), len(told_path(1000 * "a"))
    ('photo.png', 203)
    """
    name = os.fspath(path)
    return name if len(name) <= 300 else f"{name[:100]}...{name[-100:]}"


def require_same_size(first: NDArray[Any], second: NDArray[Any], *, names: tuple[str, str]) -> None:
    """Raise ValueError unless both arrays have the same height and width.

    Examples
    --------
    >>> import numpy as np
    >>> require_same_size(np.zeros((2, 3)), np.zeros((2, 4)), names=("image", "trimap"))
    Traceback (most recent call last):
    ...
    ValueError: image is 2x3 but trimap is 2x4 (rows x columns); both must have the same size.
    """
    if first.shape[:2] != second.shape[:2]:
        a, b = ("x".join(map(str, x.shape[:2])) for x in (first, second))
        raise ValueError(
            f"{names[0]} is {a} but {names[1]} is {b} (rows x columns); both must have the same size."
        )


def as_output(array: Any, shape: tuple[int, ...], *, name: str = "out") -> NDArray[np.float32]:
    """Return an array that a result can be written to as it is: float32, contiguous, of the shape of the result.

    Raises
    ------
    TypeError
        If it is no array, or of another dtype.
    ValueError
        If its shape is another one, or it is not contiguous or read-only.

    Examples
    --------
    >>> import numpy as np
    >>> as_output(np.empty((2, 3), np.float32), (2, 3)).shape
    (2, 3)
    """
    if not isinstance(array, np.ndarray) or array.dtype != np.float32:
        found = f"of dtype {array.dtype}" if isinstance(array, np.ndarray) else f"a {type(array).__name__}"
        raise TypeError(f"{name} is {found}; accepted is a NumPy array of dtype float32.")
    if array.shape != shape:
        raise ValueError(f"{name} has shape {array.shape}; accepted is {shape}.")
    if not (array.flags.c_contiguous and array.flags.writeable and array.flags.aligned):
        raise ValueError(f"{name} is read-only or not contiguous; accepted is an array that np.empty returns.")
    return array


def as_number(
    value: Any, *, name: str, low: float = -math.inf, high: float = math.inf, exclusive: bool = False
) -> float:
    """Return a finite real number in [low, high], or above `low` if `exclusive`.

    Raises
    ------
    TypeError
        If it is not a real number.
    ValueError
        If it is not finite or out of range.

    Examples
    --------
    >>> as_number(1e-7, name="eps", low=0, exclusive=True)
    1e-07
    """
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if isinstance(value, bool | np.bool_) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name} is {_told(value)}; accepted is a real number.")
    try:
        number = float(value)
    except OverflowError:  # a whole number of more than 308 digits
        number = math.inf
    if not math.isfinite(number) or number < low or number > high or (exclusive and number == low):
        bounds = [f"above {low:g}" if exclusive else f"at least {low:g}"] if low > -math.inf else []
        bounds += [f"at most {high:g}"] if high < math.inf else []
        accepted = " ".join(["a finite number", " and ".join(bounds)]).rstrip()
        raise ValueError(f"{name} is {number:g}; accepted is {accepted}.")
    return number


def as_count(value: Any, *, name: str, low: int = 0, high: float = math.inf, choices: tuple[int, ...] = ()) -> int:
    """Return a whole number in [low, high] (a radius, a size, an iteration limit), or one of `choices`.

    Raises
    ------
    TypeError
        If it is not an integer.
    ValueError
        If it is out of range, or there are choices and it is none of them.

    Examples
    --------
    >>> as_count(-1, name="radius")
    Traceback (most recent call last):
    ...
    ValueError: radius is -1; accepted is a whole number of at least 0.
    """
    accepted = f"are {' and '.join(map(str, choices))}" if choices else f"is a whole number of at least {low}"
    if high < math.inf:
        accepted += f" and at most {high}"
    if isinstance(value, bool | np.bool_) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{name} is {_told(value)}; accepted {accepted}.")
    if value < low or int(value) > high or (choices and value not in choices):
        raise ValueError(f"{name} is {_told(value)}; accepted {accepted}.")
    return int(value)


def as_flag(value: Any, *, name: str) -> bool:
    """Return True or False, of Python or of NumPy.

    Raises
    ------
    TypeError
        If it is anything else: a number, or a word such as "no", would count as yes.

    Examples
    --------
    >>> as_flag("no", name="refine")
    Traceback (most recent call last):
    ...
    TypeError: refine is 'no'; accepted are True and False.
    """
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} is {_told(value)}; accepted are True and False.")
    return bool(value)


def as_choice(value: Any, choices: tuple[str, ...], *, name: str) -> str:
    """Return `value` if it is one of `choices`.

    Raises
    ------
    ValueError
        If it is not.

    Examples
    --------
    >>> as_choice("median", ("mean", "sum"), name="reduce")
    Traceback (most recent call last):
    ...
    ValueError: reduce is 'median'; accepted are 'mean', 'sum'.
    """
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{name} is {_told(value)}; accepted are {', '.join(map(repr, choices))}.")
    return value


def outside_stacklevel() -> int:
    """Return the `stacklevel` with which a warning of the caller points to the first line outside of classmat.

    However deep in the package it is found out, what a warning is about is what the user's line handed in.
    """
    package = __name__.partition(".")[0]
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == package:
        level, frame = level + 1, frame.f_back
    return level


def _told(value: Any) -> str:
    """Return a value as an error message quotes it: on one line, and not a whole array."""
    text = repr(value)
    return text if len(text) <= 80 and "\n" not in text else f"a {type(value).__name__}"


def _as_array(values: Any, name: str) -> NDArray[Any]:
    try:
        array = np.asarray(values)
    except ValueError:
        raise ValueError(f"{name} is a ragged sequence; accepted is a rectangular array.") from None
    if array.dtype.kind in "OSUV" or values is None:
        raise TypeError(
            f"{name} is a {type(values).__name__} of dtype {array.dtype}; accepted is a numeric array."
        )
    return array


def _require_plane(array: NDArray[Any], name: str) -> None:
    if array.ndim != 2:
        raise ValueError(f"{name} has shape {array.shape}; accepted is (h, w).")
    _require_pixels(array, name)


def _require_pixels(array: NDArray[Any], name: str) -> None:
    if array.size == 0:
        raise ValueError(f"{name} is empty (shape {array.shape}); at least one pixel is needed.")


def _require_finite(array: NDArray[Any], name: str) -> None:
    with np.errstate(over="ignore", invalid="ignore"):  # the sum of squares, or the sum, is only a quick test
        is_plain = array.dtype.char in "fd" and array.flags.c_contiguous and array.dtype.isnative
        total = np.vdot(array, array) if is_plain else array.sum(dtype=np.float64)
    if not np.isfinite(total) and not np.isfinite(array).all():
        bad = int(array.size - np.isfinite(array).sum())
        raise ValueError(f"{name} has {bad} values that are NaN or infinite; all must be finite.")


def _laid_out(array: NDArray[Any], dtype: DTypeLike) -> NDArray[Any]:
    return np.require(array, dtype, ["C_CONTIGUOUS", "ALIGNED", "WRITEABLE"])


def _to_unit_range(array: NDArray[Any], name: str, dtype: DTypeLike) -> NDArray[Any]:
    kind = array.dtype.newbyteorder("=")  # big-endian files give big-endian arrays
    if kind == np.bool_:
        return _laid_out(array, dtype)
    if kind in (np.uint8, np.uint16):
        return np.divide(array, np.iinfo(kind).max, dtype=dtype, order="C")
    if kind.kind != "f":
        raise TypeError(f"{name} has dtype {kind}; accepted are {_ACCEPTED_DTYPES}.")
    low, high = float(array.min()), float(array.max())
    if not math.isfinite(low + high):  # NaN spreads to both
        _require_finite(array, name)
    if low < -SLACK or high > 1 + SLACK:
        raise ValueError(
            f"{name} is float with values in [{low:g}, {high:g}]; accepted is [0, 1] "
            "(divide 8-bit values by 255, or pass them as uint8)."
        )
    result = _laid_out(array, dtype)
    return np.clip(result, 0, 1) if low < 0 or high > 1 else result
