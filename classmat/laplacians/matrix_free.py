"""Products with the closed-form Laplacian and their derivatives, without a matrix: checked arrays in, arrays out."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..kernels import matrix_free as kernels

Array = NDArray[np.float64]


def multiply(image: NDArray[Any], x: Array, eps: float, radius: int, *, weight: Array | None = None) -> Array:
    """Return ``L x`` of an image (h, w, c) for a plane x (h, w) in float64, exact to rounding; or ``L x + weight x``.

    Where x is constant it takes next to no time.

    Examples
    --------
    >>> image = np.linspace(0, 1, 12).reshape(3, 4, 1)
    >>> bool(abs(multiply(image, 5 * image[:, :, 0], 1e-9, 1)).max() < 1e-6)  # affine in colour
    True
    """
    product = np.empty(x.shape)
    added = np.zeros(x.shape) if weight is None else weight
    kernels.multiply(image, added, x, eps, *_window(x, radius), product)
    return product


def pull_back(image: NDArray[Any], x: Array, v: Array, eps: float, radius: int) -> tuple[Array, float]:
    """Return the derivatives of ``v^T L x`` by the image (h, w, c) and by eps.

    Examples
    --------
    >>> image, x = np.array([[[0.0], [1.0]]]), np.array([[0.0, 1.0]])
    >>> bar, eps_bar = pull_back(image, x, x, 0.5, 1)  # v^T L x = eps / (d^2 + 2 eps), d = 1 the difference
    >>> bar.ravel() / 2, eps_bar
    (array([ 0.125, -0.125]), 0.25)
    """
    bar = np.empty(image.shape)
    parts = np.zeros(-(-x.shape[0] // kernels.ROWS))
    kernels.pull_back(image, x, v, eps, *_window(x, radius), bar, parts)
    return np.negative(bar, out=bar), float(parts.sum())


def _window(x: Array, radius: int) -> tuple[int, int]:
    """Return height and width of the windows, which are no longer than the image."""
    side = 2 * radius + 1
    return min(side, x.shape[0]), min(side, x.shape[1])
