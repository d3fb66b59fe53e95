"""Functions of single numbers, and dropout."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..images.floats import as_floats, require_same_shape
from ..images.validate import as_number
from ..ops._protocol import Floats, Pullback, as_cotangent, like


def relu_vjp(x: ArrayLike) -> tuple[Floats, Pullback]:
    """Return ``max(x, 0)``; where x is 0, its cotangent is 0.

    Examples
    --------
    >>> y, pullback = relu_vjp([-1.0, 2.0])
    >>> y, pullback([1.0, 1.0])[0]
    (array([0., 2.]), array([0., 1.]))
    """
    return _clamped(x, np.inf)


def relu6_vjp(x: ArrayLike) -> tuple[Floats, Pullback]:
    """Return ``min(max(x, 0), 6)``; outside, and where x is 0 or 6, its cotangent is 0.

    Examples
    --------
    >>> relu6_vjp([-1.0, 2.0, 7.0])[0]
    array([0., 2., 6.])
    """
    return _clamped(x, 6.0)


def sigmoid_vjp(x: ArrayLike) -> tuple[Floats, Pullback]:
    """Return ``1 / (1 + exp(-x))``, without overflow.

    Examples
    --------
    >>> sigmoid_vjp([-1000.0, 0.0, 1000.0])[0]
    array([0. , 0.5, 1. ])
    """
    values = as_floats(x, name="x")
    small = np.exp(-np.abs(values))
    y = np.where(values < 0, small, 1) / (1 + small)

    def pullback(y_bar: ArrayLike) -> tuple[Floats, ...]:
        slope = small / np.square(1 + small)  # exact in both tails, where 1 - y is not
        return (like(as_cotangent(y_bar, y) * slope, values, x),)

    return y, pullback


def dropout_vjp(x: ArrayLike, *, mask: ArrayLike) -> tuple[Floats, Pullback]:
    """Multiply with a mask, such as `dropout_mask` draws: the same one forward and backward.

    Examples
    --------
    >>> dropout_vjp([1.0, 2.0], mask=[0.0, 2.0])[0]
    array([0., 4.])
    """
    values = as_floats(x, name="x")
    factors = as_floats(mask, name="mask").astype(values.dtype, copy=False)
    require_same_shape(values, factors, names=("x", "mask"))
    y = values * factors
    return y, lambda y_bar: (like(as_cotangent(y_bar, y) * factors, values, x),)


def dropout_mask(
    rng: np.random.Generator, shape: tuple[int, ...], rate: float, dtype: Any = np.float32
) -> NDArray[Any]:
    """Draw a mask that is 0 with probability `rate`, in [0, 1), and ``1 / (1 - rate)`` elsewhere.

    Examples
    --------
    >>> dropout_mask(np.random.default_rng(0), (4,), 0.5)
    array([2., 0., 0., 0.], dtype=float32)
    """
    rate = as_number(rate, name="rate", low=0, high=1)
    if rate == 1:
        raise ValueError("rate is 1, which leaves nothing; accepted is less than 1.")
    return np.where(rng.random(shape) < rate, 0, 1 / (1 - rate)).astype(dtype)


def _clamped(x: ArrayLike, high: float) -> tuple[Floats, Pullback]:
    values = as_floats(x, name="x")
    y = np.clip(values, 0, high, dtype=values.dtype)

    def pullback(y_bar: ArrayLike) -> tuple[Floats, ...]:
        return (like(as_cotangent(y_bar, y) * ((y > 0) & (y < high)), values, x),)

    return y, pullback
