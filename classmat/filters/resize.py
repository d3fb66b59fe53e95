"""Resizing by interpolation between pixels, and its transpose."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array

from ..images.floats import as_batch
from ..images.validate import as_choice, as_count
from ..kernels import resize as kernels

METHODS = ("bilinear", "nearest")
STRIPS = 64  # of output rows: units of work for the threads, each with one line of workspace


def resize(
    src: ArrayLike, height: int, width: int, *, align_corners: bool = False, method: str = "bilinear"
) -> NDArray[Any]:
    """Resize an image by interpolation, without low-pass filtering: shrinking skips pixels.

    Output pixel i of m reads the source of n pixels at the coordinate ::

        (i + 1/2) n / m - 1/2      (the image's outer edges coincide)
        i (n - 1) / (m - 1)        (align_corners: the centres of its corner pixels do; 0 for m = 1)

    between the two pixels next to it, or beyond the border from the pixel at the border. These are the two
    conventions of PyTorch's ``interpolate`` with ``antialias=False``; its method for ``nearest`` is
    ``nearest-exact``.

    Parameters
    ----------
    src : array_like, (h, w), (h, w, c) or (n, h, w, c)
        Finite values of any range. Three dimensions are rows, columns, channels.
    height, width : int
        Size of the result, at least 1.
    align_corners : bool
        Which of the two conventions.
    method : {"bilinear", "nearest"}
        ``nearest`` takes the pixel nearest to the coordinate; halfway, the later one.

    Returns
    -------
    ndarray, (height, width), (height, width, c) or (n, height, width, c)
        float32 for float32, else float64.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind, shape or range, or `src` is empty or not finite.

    Examples
    --------
    >>> resize([[0.0, 4.0]], 1, 4)
    array([[0., 1., 3., 4.]])
    >>> resize([[0.0, 3.0]], 1, 4, align_corners=True)
    array([[0., 1., 2., 3.]])
    """
    batch = as_batch(src)
    matrices = resize_matrices(batch.shape[1:3], (height, width), align_corners, method)
    return apply_matrices(batch, *matrices).reshape(resized_shape(np.shape(src), height, width))


def resized_shape(shape: tuple[int, ...], height: int, width: int) -> tuple[int, ...]:
    """Return an array's shape with another size of its planes: (h, w), (h, w, c) or (n, h, w, c)."""
    if len(shape) == 4:
        return shape[0], height, width, shape[3]
    return height, width, *shape[2:]


def resize_matrices(
    old: tuple[int, ...], new: tuple[int, int], align_corners: bool, method: str = "bilinear"
) -> tuple[csr_array, csr_array]:
    """Return the matrices that resizing applies to rows and to columns."""
    as_choice(method, METHODS, name="method")
    sizes = as_count(new[0], name="height", low=1), as_count(new[1], name="width", low=1)
    rows, columns = (_axis_matrix(n, m, bool(align_corners), method) for n, m in zip(old, sizes, strict=True))
    return rows, columns


def apply_matrices(batch: NDArray[Any], rows: csr_array, columns: csr_array) -> NDArray[Any]:
    """Apply one matrix to the rows, another to the columns of an (n, h, w, c) array."""
    n, h, w, channels = batch.shape
    out = np.empty((n, rows.shape[0], columns.shape[0] * channels), batch.dtype)
    lines = np.empty((min(STRIPS, n * rows.shape[0]), w * channels), batch.dtype)
    row_weights = rows.data.astype(batch.dtype, copy=False)
    entries, entry_weights = _spelled_out(columns, channels)
    kernels.map_rows_and_columns(
        batch.reshape(n, h, w * channels),
        rows.indptr,
        rows.indices,
        row_weights,
        entries,
        entry_weights.astype(batch.dtype, copy=False),
        lines,
        out,
    )
    return out.reshape(n, rows.shape[0], columns.shape[0], channels)


def _spelled_out(matrix: csr_array, channels: int) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Return position and weight of every value that a line's values are summed from: (taps, m * channels)."""
    counts = np.diff(matrix.indptr)
    place = np.arange(matrix.nnz) - np.repeat(matrix.indptr[:-1], counts)
    pixel = np.repeat(np.arange(counts.size), counts)
    entries = np.zeros((max(int(counts.max()), 1), counts.size, channels), np.int32)
    weights = np.zeros(entries.shape)
    entries[place, pixel] = matrix.indices[:, np.newaxis] * channels + np.arange(channels)
    weights[place, pixel] = matrix.data[:, np.newaxis]
    return entries.reshape(len(entries), -1), weights.reshape(len(entries), -1)


def _axis_matrix(n: int, m: int, align_corners: bool, method: str) -> csr_array:
    """Return the (m, n) matrix of one axis.

    Coordinates are fractions of whole numbers, so that a mirrored image has exactly mirrored weights.
    """
    i = np.arange(m, dtype=np.int64)
    if align_corners:
        numerator, denominator = i * (n - 1), max(m - 1, 1)
    else:
        numerator, denominator = (2 * i + 1) * n - m, 2 * m
    if method == "nearest":
        nearest = (2 * numerator + denominator) // (2 * denominator)
        return _sparse(np.clip(nearest, 0, n - 1)[:, np.newaxis], np.ones((m, 1)), n)
    below = numerator // denominator
    rest = numerator - below * denominator
    indices = np.clip(np.stack([below, below + 1], axis=1), 0, n - 1)
    return _sparse(indices, np.stack([denominator - rest, rest], axis=1) / denominator, n)


def _sparse(indices: NDArray[Any], weights: NDArray[Any], n: int) -> csr_array:
    m, count = indices.shape
    starts = np.arange(0, m * count + 1, count, dtype=np.int32)
    return csr_array((weights.ravel(), indices.ravel().astype(np.int32), starts), shape=(m, n))
