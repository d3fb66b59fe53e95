"""Filters of one plane on flat arrays, serial, in the caller's workspace: what phones run.

The sums are those of `box` and `guided`, whose strips of rows one thread computes here from end to end. Images are flat
float32, numbers unsigned; `doubles` and `singles` are workspace of any value, float64 and float32, as large as the
functions ``.._doubles`` and ``.._singles`` say. Nothing is allocated or checked, no libm is called.
"""

import numpy as np
from numba import carray

from . import box
from ._jit import jit
from ._planes import point

ONE = np.float64(1)
U = np.uint64
LINE = 128  # numbers more than a line of box sums needs for width and radius


@jit
def _plane(numbers, start, height, width):
    """Return part of a flat array as (height, width)."""
    return carray(point(numbers, np.intp(start)), (np.intp(height), np.intp(width)))


@jit
def _clipped(radius, height, width):
    """Return the smallest radius with the same windows."""
    return min(np.int64(radius), max(np.int64(height), np.int64(width)) - 1)


@jit
def _set_inverse_counts(weights, radius):
    """Set weights to 1 / (number of pixels) of the windows along a line of pixels."""
    for k in range(weights.size):
        weights[k] = ONE / np.float64(min(k, radius) + min(weights.size - 1 - k, radius) + 1)


@jit
def box_doubles(height, width, radius):
    """Return the size of the workspace of `box_filter`."""
    return U(2) * (height + width) + width + U(3) * min(radius, max(height, width)) + U(box.PIECE + LINE)


@jit
def box_filter(src, out, height, width, radius, doubles):
    """Write the means over windows of 2 radius + 1 pixels, clipped at the border, of a plane."""
    h, w, r = np.int64(height), np.int64(width), _clipped(radius, height, width)
    ones, columns, rows = doubles[: h + w], doubles[h + w : h + 2 * w], doubles[h + 2 * w : 2 * (h + w)]
    rest = doubles[2 * (h + w) :]
    ones[:] = ONE
    _set_inverse_counts(columns, r)
    _set_inverse_counts(rows, r)
    t, sums = rest[: box.PIECE + box.LANES], rest[box.PIECE + box.LANES :]
    source, result = _plane(src, 0, h, w), _plane(out, 0, h, w)
    box._strip(source, result, r, ones[:w], ones[:h], columns, rows, sums, t, 1, 0, 1)
