"""Gaussian blur with reflected borders, and its transpose."""

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..images.floats import as_batch
from ..images.validate import as_choice, as_count, as_number
from ..kernels import blur as kernels

BORDERS = ("reflect", "mirror")
TRUNCATE = 4.0  # where the Gaussian ends by default, in standard deviations
STRIPS = 64  # of output rows: units of work for the threads, each with one line of workspace
LARGEST_SIGMA = 1e4


def gaussian_blur(
    src: ArrayLike, sigma: float, *, radius: int | None = None, border: str = "reflect"
) -> NDArray[Any]:
    """Convolve an image with a Gaussian that sums to 1.

    ``q = sum over (y, x) in [-r, r]^2 of g(y) g(x) p(y, x)`` with ``g(k) ~ exp(-k^2 / (2 sigma^2))``.

    Parameters
    ----------
    src : array_like, (h, w), (h, w, c) or (n, h, w, c)
        Finite values of any range. Three dimensions are rows, columns, channels.
    sigma : float
        Standard deviation in pixels, 0 (the kernel is then a single 1) to 10000.
    radius : int, optional
        Where the kernel ends; ``4 sigma``, rounded, by default. It may exceed the image.
    border : {"reflect", "mirror"}
        How the image goes on outside: ``reflect`` repeats the pixels at the border, ``c b a | a b c``,
        ``mirror`` does not, ``c b | a b c`` (PyTorch's reflection padding).

    Returns
    -------
    ndarray
        The shape of `src`; float32 for float32, else float64.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind, shape or range, or `src` is empty or not finite.

    Examples
    --------
    >>> gaussian_blur([[0.0, 0.0, 16.0, 0.0, 0.0]], 0.8, radius=1).round(3)
    array([[0.   , 3.824, 8.352, 3.824, 0.   ]])
    """
    as_choice(border, BORDERS, name="border")
    taps = gaussian_taps(sigma, radius)
    return apply_taps(as_batch(src), taps, border).reshape(np.shape(src))


def gaussian_taps(sigma: float, radius: int | None = None) -> NDArray[np.float64]:
    """Return the weights of the centre, its next neighbours, and so on; the whole kernel sums to 1.

    Examples
    --------
    >>> gaussian_taps(0.8, 1).round(6)
    array([0.522011, 0.238994])
    """
    sigma = as_number(sigma, name="sigma", low=0, high=LARGEST_SIGMA)
    r = math.floor(TRUNCATE * sigma + 0.5) if radius is None else as_count(radius, name="radius")
    if r == 0 or sigma == 0:
        return np.concatenate([[1.0], np.zeros(r)])
    with np.errstate(over="ignore"):  # a tiny sigma: exp(-inf) is the 0 that is wanted
        taps = np.exp(-0.5 * (np.arange(r + 1) / sigma) ** 2)
    return taps / (taps[0] + 2 * taps[1:].sum())


def apply_taps(batch: NDArray[Any], taps: NDArray[np.float64], border: str) -> NDArray[Any]:
    """Filter an (n, h, w, c) array along rows and columns with a symmetric kernel."""
    n, h, w, channels = batch.shape
    src = batch.reshape(n, h, w * channels)
    radius = taps.size - 1
    out = np.empty_like(src)
    lines = np.empty((min(STRIPS, n * h), (w + 2 * radius) * channels), batch.dtype)
    rows, columns = (padded_indices(size, radius, border) for size in (h, w))
    kernels.blur(src, taps.astype(batch.dtype), rows, columns, channels, lines, out)
    return out.reshape(batch.shape)


def apply_taps_adjoint(batch: NDArray[Any], taps: NDArray[np.float64], border: str) -> NDArray[Any]:
    """Apply the transpose of `apply_taps`.

    With ``reflect`` the matrix of a symmetric kernel is symmetric. With ``mirror`` it is so in the scalar product
    of the mirrored image, in which border pixels count half: ``K^T = D K D^-1`` with D = 1/2 at the border, 1
    elsewhere, for each axis (an axis of one pixel is its own mirror image: D = 1).
    """
    if border == "reflect":
        return apply_taps(batch, taps, border)
    count = np.ones(batch.shape[1:3], batch.dtype)
    for line in (count, count.T):
        if line.shape[0] > 1:
            line[[0, -1]] *= 2
    count = count[:, :, np.newaxis]
    return apply_taps(batch * count, taps, border) / count


def padded_indices(size: int, radius: int, border: str) -> NDArray[np.int64]:
    """Return which of `size` pixels stands at each of ``size + 2 radius`` places of the padded line.

    Examples
    --------
    >>> padded_indices(3, 2, "reflect"), padded_indices(3, 2, "mirror")
    (array([1, 0, 0, 1, 2, 2, 1]), array([2, 1, 0, 1, 2, 1, 0]))
    """
    repeats = 0 if border == "mirror" else 1
    period = max(2 * (size - 1 + repeats), 1)
    places = np.arange(-radius, size + radius) % period
    return np.where(places < size, places, period - repeats - places)
