"""Sums over boxes, in one pass over the rows: sums of columns, to which rows enter and leave, then along the row.

As in the guided filter all sums are float64 and begin anew at the first row of every block, so that the result does
not depend on how many threads share the image.
"""

import numpy as np
from numba import get_num_threads
from numba.extending import register_jitable

from ._jit import jit, pjit, prange
from ._lanes import LANES, slide

PIECE = 512  # columns that are worked on at a time
ROWS = 256  # at least from which sums begin anew, and so of what one thread can be given

U = np.uintp
STEP = U(LANES)
ZERO = np.float64(0)


def thread_count():
    """Return how many threads the parallel kernels use now."""
    return get_num_threads()


@register_jitable
def block_count(h, radius):
    """Return into how many blocks of rows an image is divided, by its size alone.

    A block is at least twice as high as a window: beginning its sums anew costs one row more for every two.
    """
    count = 1
    while h // (2 * count) >= max(ROWS, 4 * radius + 2):
        count *= 2
    return count


@register_jitable
def _margin(radius):
    """Return the number of zeros left of the image."""
    return radius + 1 + (radius + LANES - 1) // LANES * LANES


@jit
def _enter(line, row, wx, wy):
    if wx is None:
        for k in range(row.size):
            line[k] += np.float64(row[k])
    else:
        for k in range(row.size):
            line[k] += np.float64(row[k]) * wx[k] * wy


@jit
def _leave(line, row, wx, wy):
    if wx is None:
        for k in range(row.size):
            line[k] -= np.float64(row[k])
    else:
        for k in range(row.size):
            line[k] -= np.float64(row[k]) * wx[k] * wy


@jit
def _exchange(line, enters, leaves, wx, wy_in, wy_out):
    if wx is None:
        for k in range(line.size):
            line[k] += np.float64(enters[k]) - np.float64(leaves[k])
    else:
        for k in range(line.size):
            line[k] += (np.float64(enters[k]) * wy_in - np.float64(leaves[k]) * wy_out) * wx[k]


@jit
def _store(out, t, wx, wy):
    for k in range(out.size):
        out[k] = t[k] * wx[k] * wy


@jit
def _store_row(sums, out, radius, wx, wy, t):
    """Slide along a line of sums; returns the last window sum, which is finite if all values are."""
    n, s = _margin(radius), ZERO
    for x in range(radius + 1 - n, out.size, PIECE):  # from where the windows are still empty
        e = min(x + PIECE, out.size)
        low, high = U(n + x - radius - 1), U(n + x + radius)
        for k in range(U(0), U(e - x), STEP):
            s = slide(sums, low + k, high + k, t, k, s)
        if e > 0:
            b = max(x, 0)
            _store(out[b:e], t[b - x :], wx[b:e], wy)
    return s


@jit
def _strip(src, out, radius, before_x, before_y, after_x, after_y, sums, t, blocks, k0, k1):
    """Blocks k0 to k1 of one image; returns whether all sums were finite."""
    h, w = src.shape
    left, total = _margin(radius), ZERO
    sums[:] = ZERO
    line = sums[left : left + w]
    for k in range(k0, k1):
        first, until = k * h // blocks, (k + 1) * h // blocks
        line[:] = ZERO
        for y in range(max(first - radius, 0), min(first + radius + 1, h)):
            _enter(line, src[y], before_x, before_y[y])
        for i in range(first, until):
            y, z = i + radius, i - radius - 1
            if i > first and y < h and z >= 0:
                _exchange(line, src[y], src[z], before_x, before_y[y], before_y[z])
            elif i > first and y < h:
                _enter(line, src[y], before_x, before_y[y])
            elif i > first and z >= 0:
                _leave(line, src[z], before_x, before_y[z])
            last = _store_row(sums, out[i], radius, after_x, after_y[i], t)
            total += last - last
    return total == ZERO


@pjit
def run(src, out, radius, before_x, before_y, after_x, after_y, sums, t, blocks, is_finite):
    """Set out (n, h, w) to box sums of src (n, h, w): its values times weights before, the sums times weights after.

    Weights of columns (w,) and rows (h,) multiply; without weights before, `before_x` is None. `sums` (workers, line_size)
    and `t` (workers, PIECE) are workspace; is_finite (workers,) says whether a worker's sums were.
    """
    units, workers = src.shape[0] * blocks, sums.shape[0]
    for s in prange(workers):
        unit, until, fine = s * units // workers, (s + 1) * units // workers, True
        while unit < until:
            k, k0 = unit // blocks, unit % blocks
            k1 = min(blocks, k0 + until - unit)
            unit += k1 - k0
            is_fine = _strip(
                src[k], out[k], radius, before_x, before_y, after_x, after_y, sums[s], t[s], blocks, k0, k1
            )
            fine = fine and is_fine
        is_finite[s] = fine


@register_jitable
def line_size(w, radius):
    """Return the size of a line of sums for `w` columns: vectors may be read beyond its end."""
    return _margin(radius) + w + radius + 2 * LANES
