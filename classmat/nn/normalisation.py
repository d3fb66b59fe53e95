"""Normalisation of channels, by statistics of the batch, of each image, or by those of training.

``y = gamma (x - mean) / sqrt(variance + eps) + beta``, channel by channel. Where mean and variance are those of x
itself, the cotangent of x loses what they take away: its mean, and its part along the normalised x.
"""

import numpy as np
from numpy.typing import ArrayLike

from ..images.floats import as_floats
from ..images.validate import as_number
from ..ops._protocol import Floats, Pullback, as_cotangent, like

EPS = 1e-5


def batch_norm_vjp(
    x: ArrayLike, gamma: ArrayLike, beta: ArrayLike, *, eps: float = EPS
) -> tuple[Floats, Pullback]:
    """Normalise by mean and variance of each channel over the batch: a layer in training (Ioffe, Szegedy 2015).

    Parameters
    ----------
    x : array_like, (n, h, w, c) or (h, w, c)
        Differentiable.
    gamma, beta : array_like, (c,)
        Scale and shift; differentiable.
    eps : float
        Added to the variance, above 0.

    Returns
    -------
    y : ndarray, shape of `x`
    pullback : callable
        ``y_bar -> (x_bar, gamma_bar, beta_bar)``; keeps the normalised x.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind, shape or range.

    See Also
    --------
    channel_statistics : the mean and the variance, of which training keeps running means.

    Examples
    --------
    >>> y, _ = batch_norm_vjp([[[1.0], [3.0]]], [2.0], [5.0])
    >>> y.ravel().round(3)
    array([3., 7.])
    """
    return _normalise(x, gamma, beta, eps, per_image=False)


def instance_norm_vjp(
    x: ArrayLike, gamma: ArrayLike, beta: ArrayLike, *, eps: float = EPS
) -> tuple[Floats, Pullback]:
    """Normalise each image of a batch by its own statistics; else as `batch_norm_vjp`.

    Examples
    --------
    >>> y, _ = instance_norm_vjp([[[[1.0], [3.0]]], [[[10.0], [30.0]]]], [1.0], [0.0])
    >>> y.ravel().round(3)
    array([-1.,  1., -1.,  1.])
    """
    return _normalise(x, gamma, beta, eps, per_image=True)


def frozen_norm_vjp(
    x: ArrayLike, gamma: ArrayLike, beta: ArrayLike, *, mean: ArrayLike, variance: ArrayLike, eps: float = EPS
) -> tuple[Floats, Pullback]:
    """Normalise by given statistics: at inference, or where a part of a net is held fixed.

    Parameters
    ----------
    x, gamma, beta, eps
        As in `batch_norm_vjp`.
    mean, variance : array_like, (c,)
        Such as the running means of training; the variance is at least 0.

    Returns
    -------
    y : ndarray, shape of `x`
    pullback : callable
        ``y_bar -> (x_bar, gamma_bar, beta_bar)``.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind, shape or range.

    Examples
    --------
    >>> frozen_norm_vjp([[[3.0]]], [2.0], [1.0], mean=[1.0], variance=[4.0], eps=1e-12)[0]
    array([[[3.]]])
    """
    values, scale, shift, number = _as_arguments(x, gamma, beta, eps)
    centre = _as_channels(mean, values, "mean")
    spread = _as_channels(variance, values, "variance")
    if (spread < 0).any():
        raise ValueError(f"variance is {spread.min():g} in a channel; accepted is at least 0.")
    inverse = (1 / np.sqrt(spread + number)).astype(values.dtype)
    y = (values - centre.astype(values.dtype)) * (inverse * scale) + shift

    def pullback(y_bar: ArrayLike) -> tuple[Floats, ...]:
        g = as_cotangent(y_bar, y)
        gamma_bar = _sums(g * (values - centre) * inverse)
        return like(g * (inverse * scale), values, x), like(gamma_bar, scale, gamma), like(_sums(g), shift, beta)

    return y, pullback


def channel_statistics(x: ArrayLike) -> tuple[Floats, Floats]:
    """Return mean and variance (c,) of each channel, as `batch_norm_vjp` uses them.

    Examples
    --------
    >>> channel_statistics([[[1.0], [3.0]]])
    (array([2.]), array([1.]))
    """
    values = as_floats(x, name="x", ndim=(3, 4), accepted="(h, w, c) or (n, h, w, c)")
    mean, variance, _ = _moments(values.reshape(1, -1, values.shape[-1]))
    return mean.ravel().astype(values.dtype), variance.ravel().astype(values.dtype)


def _normalise(
    x: ArrayLike, gamma: ArrayLike, beta: ArrayLike, eps: float, *, per_image: bool
) -> tuple[Floats, Pullback]:
    values, scale, shift, number = _as_arguments(x, gamma, beta, eps)
    c = values.shape[-1]
    n = len(values) if per_image and values.ndim == 4 else 1
    _, variance, centred = _moments(values.reshape(n, -1, c))
    inverse = (1 / np.sqrt(variance + number)).astype(values.dtype)
    normal = centred * inverse
    y = (normal * scale + shift).reshape(values.shape)

    def pullback(y_bar: ArrayLike) -> tuple[Floats, ...]:
        g = as_cotangent(y_bar, y).reshape(normal.shape)
        count = g.shape[1]
        sums = g.sum(axis=1, keepdims=True, dtype=np.float64)
        along = (g * normal).sum(axis=1, keepdims=True, dtype=np.float64)
        part = (sums / count).astype(g.dtype) + normal * (along / count).astype(g.dtype)
        x_bar = (g - part) * (inverse * scale)
        return (
            like(x_bar, values, x),
            like(along.sum(axis=(0, 1)), scale, gamma),
            like(sums.sum(axis=(0, 1)), shift, beta),
        )

    return y, pullback


def _moments(values: Floats) -> tuple[Floats, Floats, Floats]:
    """Return means and variances (n, 1, c) in float64, and what is left without the means."""
    mean = values.mean(axis=1, keepdims=True, dtype=np.float64)
    centred = values - mean.astype(values.dtype)
    return mean, np.square(centred).mean(axis=1, keepdims=True, dtype=np.float64), centred


def _sums(g: Floats) -> Floats:
    return g.reshape(-1, g.shape[-1]).sum(axis=0, dtype=np.float64)


def _as_arguments(
    x: ArrayLike, gamma: ArrayLike, beta: ArrayLike, eps: float
) -> tuple[Floats, Floats, Floats, float]:
    values = as_floats(x, name="x", ndim=(3, 4), accepted="(h, w, c) or (n, h, w, c)")
    scale, shift = _as_channels(gamma, values, "gamma"), _as_channels(beta, values, "beta")
    return values, scale, shift, as_number(eps, name="eps", low=0, exclusive=True)


def _as_channels(numbers: ArrayLike, values: Floats, name: str) -> Floats:
    array = as_floats(numbers, name=name)
    if array.shape != values.shape[-1:]:
        raise ValueError(f"{name} has shape {array.shape}; accepted is {values.shape[-1:]}, the channels of x.")
    return array
