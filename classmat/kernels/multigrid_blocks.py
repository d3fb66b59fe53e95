"""The coarse levels: 4x4 blocks on a grid of tiles with nine neighbours, block Gauss-Seidel and transfers.

Block ``A[t, s]`` couples tile t with its neighbour in direction s (row by row, 4 is the tile itself) and is kept by
columns, so that a product is four multiplications of vectors by numbers. A level inherits from 3x3 tiles; through the
smoothed prolongation a tile depends on up to 2x2 coarse ones (`parents`), a coarse one on 5x5 tiles (`children`).
"""

import numpy as np
from numba import njit

from ._jit import OPTIONS, jit, pjit, prange

fused = njit(fastmath={"contract"}, **OPTIONS)


@fused
def _row_sum(near, A, x, t, start, stop):
    """Sum the products with the neighbours start .. stop - 1, but not with the tile itself."""
    y0, y1, y2, y3 = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
    for s in range(np.uintp(start), np.uintp(stop)):
        neighbour = near[t, s]
        if neighbour >= 0 and s != 4:
            u = np.uintp(neighbour)
            x0, x1, x2, x3 = x[u, 0], x[u, 1], x[u, 2], x[u, 3]
            y0 += A[t, s, 0] * x0 + A[t, s, 4] * x1 + A[t, s, 8] * x2 + A[t, s, 12] * x3
            y1 += A[t, s, 1] * x0 + A[t, s, 5] * x1 + A[t, s, 9] * x2 + A[t, s, 13] * x3
            y2 += A[t, s, 2] * x0 + A[t, s, 6] * x1 + A[t, s, 10] * x2 + A[t, s, 14] * x3
            y3 += A[t, s, 3] * x0 + A[t, s, 7] * x1 + A[t, s, 11] * x2 + A[t, s, 15] * x3
    return y0, y1, y2, y3


@fused
def _solve_tile(inverse, b, x, t, y0, y1, y2, y3):
    y0, y1, y2, y3 = b[t, 0] - y0, b[t, 1] - y1, b[t, 2] - y2, b[t, 3] - y3
    for a in range(np.uintp(4)):
        x[t, a] = (
            inverse[t, a] * y0 + inverse[t, 4 + a] * y1 + inverse[t, 8 + a] * y2 + inverse[t, 12 + a] * y3
        )


@jit
def _relax(near, A, inverse, b, x, t, start, stop):
    """Solve for one tile; neighbours outside start .. stop - 1 are taken as zero."""
    y0, y1, y2, y3 = _row_sum(near, A, x, t, start, stop)
    _solve_tile(inverse, b, x, t, y0, y1, y2, y3)


@jit
def _relax_with_below(near, A, inverse, b, x, t):
    y0, y1, y2, y3 = _row_sum(near, A, x, t, 0, 4)
    z0, z1, z2, z3 = _row_sum(near, A, x, t, 6, 9)
    _solve_tile(inverse, b, x, t, y0 + z0, y1 + z1, y2 + z2, y3 + z3)


@jit
def _negative_sum(near, A, x, t, start, stop, residual):
    y0, y1, y2, y3 = _row_sum(near, A, x, t, start, stop)
    residual[t, 0], residual[t, 1], residual[t, 2], residual[t, 3] = -y0, -y1, -y2, -y3


@jit
def _subtract_sum(near, A, x, t, start, stop, residual):
    y0, y1, y2, y3 = _row_sum(near, A, x, t, start, stop)
    residual[t, 0] -= y0
    residual[t, 1] -= y1
    residual[t, 2] -= y2
    residual[t, 3] -= y3


@fused
def _restrict(c, children, P, residual, coarse):
    """Apply the transposed prolongation: gather from the 5x5 tiles that depend on a coarse one."""
    y0, y1, y2, y3 = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
    for j in range(25):
        if children[c, j] >= 0:
            t = np.uintp(children[c, j])
            slot = np.uintp(2 * (j < 10) + (j % 5 < 2))
            r0, r1, r2, r3 = residual[t, 0], residual[t, 1], residual[t, 2], residual[t, 3]
            y0 += P[t, slot, 0] * r0 + P[t, slot, 1] * r1 + P[t, slot, 2] * r2 + P[t, slot, 3] * r3
            y1 += P[t, slot, 4] * r0 + P[t, slot, 5] * r1 + P[t, slot, 6] * r2 + P[t, slot, 7] * r3
            y2 += P[t, slot, 8] * r0 + P[t, slot, 9] * r1 + P[t, slot, 10] * r2 + P[t, slot, 11] * r3
            y3 += P[t, slot, 12] * r0 + P[t, slot, 13] * r1 + P[t, slot, 14] * r2 + P[t, slot, 15] * r3
    coarse[c, 0], coarse[c, 1], coarse[c, 2], coarse[c, 3] = y0, y1, y2, y3


@fused
def _prolong(t, parents, P, coarse, x):
    for slot in range(np.uintp(4)):
        if parents[t, slot] >= 0:
            c = np.uintp(parents[t, slot])
            e0, e1, e2, e3 = coarse[c, 0], coarse[c, 1], coarse[c, 2], coarse[c, 3]
            for a in range(np.uintp(4)):
                x[t, a] += (P[t, slot, a] * e0 + P[t, slot, 4 + a] * e1) + (
                    P[t, slot, 8 + a] * e2 + P[t, slot, 12 + a] * e3
                )


# The first coarse level, in parallel. Chunks are those of the pixels, in the same two colours: (begin, end of the first
# row, begin of the last row, end). Beyond a chunk's first and last row lie tiles of the other colour.


@pjit
def sweep_from_zero(chunks, near, A, inverse, b, x):
    """One forward sweep from zero, whatever x holds."""
    for odd in range(2):
        for half in prange((chunks.shape[0] + 1 - odd) // 2):
            chunk = 2 * half + odd
            for t in range(chunks[chunk, 0], chunks[chunk, 3]):
                if odd == 1 and t >= chunks[chunk, 2]:
                    _relax_with_below(near, A, inverse, b, x, np.uintp(t))
                else:
                    start = 3 if odd == 0 and t < chunks[chunk, 1] else 0
                    _relax(near, A, inverse, b, x, np.uintp(t), start, 4)


@pjit
def restrict_residual(chunks, near, A, x, residual, children, P, coarse):
    """Write the residual after `sweep_from_zero` and its restriction."""
    for chunk in prange(chunks.shape[0]):
        for t in range(chunks[chunk, 0], chunks[chunk, 3]):
            first, last = t < chunks[chunk, 1], t >= chunks[chunk, 2]
            stop = 6 if chunk % 2 == 1 and last else 9
            _negative_sum(near, A, x, np.uintp(t), 5, stop, residual)
            if chunk % 2 == 0 and first:
                _subtract_sum(near, A, x, np.uintp(t), 0, 3, residual)
    parts = 32
    for part in prange(parts):
        size = children.shape[0]
        for c in range(part * size // parts, (part + 1) * size // parts):
            _restrict(np.uintp(c), children, P, residual, coarse)


@pjit
def prolong_and_sweep_back(chunks, near, A, inverse, b, x, parents, P, coarse):
    """Add the coarse level's correction, then sweep in the reverse of the order of `sweep_from_zero`."""
    for chunk in prange(chunks.shape[0]):
        for t in range(chunks[chunk, 0], chunks[chunk, 3]):
            _prolong(np.uintp(t), parents, P, coarse, x)
    for even in range(2):
        odd = 1 - even
        for half in prange((chunks.shape[0] + 1 - odd) // 2):
            chunk = 2 * half + odd
            for t in range(chunks[chunk, 3] - 1, chunks[chunk, 0] - 1, -1):
                _relax(near, A, inverse, b, x, np.uintp(t), 0, 9)


# The levels below are small: all of them in one call, in one array, on one thread. Indices run through all levels.


@jit
def cycle(starts, near, A, inverse, b, x, residual, parents, P, children, bottom):
    """One V-cycle on b; level l has the tiles starts[l] .. starts[l + 1] - 1, the last one the inverse `bottom`."""
    levels = starts.shape[0] - 1
    for level in range(levels - 1):
        for t in range(starts[level], starts[level + 1]):
            _relax(near, A, inverse, b, x, np.uintp(t), 0, 4)
        for t in range(starts[level], starts[level + 1]):
            _negative_sum(near, A, x, np.uintp(t), 5, 9, residual)
        for c in range(starts[level + 1], starts[level + 2]):
            _restrict(np.uintp(c), children, P, residual, b)
    _solve_bottom(starts[levels - 1], bottom, b, x)
    for level in range(levels - 2, -1, -1):
        for t in range(starts[level], starts[level + 1]):
            _prolong(np.uintp(t), parents, P, x, x)
        for t in range(starts[level + 1] - 1, starts[level] - 1, -1):
            _relax(near, A, inverse, b, x, np.uintp(t), 0, 9)


@jit
def _solve_bottom(first, bottom, b, x):
    size = bottom.shape[0]
    for i in range(size):
        x[first + i // 4, i % 4] = 0
    for j in range(size):
        value = b[first + j // 4, j % 4]
        if value != 0:
            for i in range(size // 4):
                for a in range(4):
                    x[first + i, a] += bottom[j, 4 * i + a] * value
