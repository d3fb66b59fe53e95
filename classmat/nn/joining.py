"""Putting arrays side by side."""

import numpy as np
from numpy.typing import ArrayLike

from ..images.floats import as_floats
from ..kernels import joining as kernels
from ..ops._protocol import Floats, Pullback, as_cotangent, like


def concatenate_vjp(*arrays: ArrayLike, axis: int = -1) -> tuple[Floats, Pullback]:
    """Join arrays along an axis; each gets its part of the cotangent.

    Examples
    --------
    >>> y, pullback = concatenate_vjp([[1.0], [2.0]], [[3.0, 4.0], [5.0, 6.0]])
    >>> y
    array([[1., 3., 4.],
           [2., 5., 6.]])
    >>> pullback(y)[0]
    array([[1.],
           [2.]])
    """
    if not arrays:
        raise TypeError("concatenate_vjp() got nothing; accepted is at least one array.")
    parts = [as_floats(array, name=f"array {i}") for i, array in enumerate(arrays)]
    lengths, first = {part.shape[:-1] for part in parts}, parts[0]
    if axis in (-1, first.ndim - 1) and first.ndim > 1 and len(lengths) == 1:
        return _beside(parts, arrays)
    try:
        y = np.concatenate(parts, axis=axis)
    except ValueError:  # also numpy's AxisError
        shapes = ", ".join(str(part.shape) for part in parts)
        raise ValueError(f"arrays of shapes {shapes} have no common size beside axis {axis}.") from None
    ends = np.cumsum([part.shape[axis] for part in parts])[:-1]

    def pullback(y_bar: ArrayLike) -> tuple[Floats, ...]:
        bars = np.split(as_cotangent(y_bar, y), ends, axis=axis)
        return tuple(like(bar, part, given) for bar, part, given in zip(bars, parts, arrays, strict=True))

    return y, pullback


def _beside(parts: list[Floats], arrays: tuple[ArrayLike, ...]) -> tuple[Floats, Pullback]:
    """Join along the last axis: what layers with many pixels and few channels do all the time."""
    ends = np.cumsum([part.shape[-1] for part in parts]).tolist()
    y = np.empty((*parts[0].shape[:-1], ends[-1]), np.result_type(*parts))
    for part, end in zip(parts, ends, strict=True):
        kernels.put_channels(_rows(part), _rows(y), end - part.shape[-1])

    def pullback(y_bar: ArrayLike) -> tuple[Floats, ...]:
        whole, bars = _rows(as_cotangent(y_bar, y)), [np.empty_like(part) for part in parts]
        for bar, end in zip(bars, ends, strict=True):
            kernels.take_channels(whole, end - bar.shape[-1], _rows(bar))
        return tuple(like(bar, part, given) for bar, part, given in zip(bars, parts, arrays, strict=True))

    return y, pullback


def _rows(array: Floats) -> Floats:
    return array.reshape(-1, array.shape[-1])
