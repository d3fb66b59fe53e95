"""The coarse levels: blocks on grids of tiles with nine neighbours, block Gauss-Seidel and transfers.

Block ``A[t, s]`` couples tile t with its neighbour in direction s (row by row, 4 is the tile itself) and is kept
by columns, so that a product is a few multiplications of vectors by numbers. The first level has 4 unknowns a
tile, the levels below 8. A level inherits from 3x3 tiles; through the smoothed prolongation a tile depends on up
to 2x2 coarse ones (`parents`), a coarse one on 5x5 tiles (`children`).
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
        x[t, a] = inverse[t, a] * y0 + inverse[t, 4 + a] * y1 + inverse[t, 8 + a] * y2 + inverse[t, 12 + a] * y3


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
    for a in range(8):
        coarse[c, a] = 0
    for j in range(25):
        if children[c, j] >= 0:
            t = np.uintp(children[c, j])
            slot = np.uintp(2 * (j < 10) + (j % 5 < 2))
            r0, r1, r2, r3 = residual[t, 0], residual[t, 1], residual[t, 2], residual[t, 3]
            for a in range(np.uintp(8)):
                coarse[c, a] += (P[t, slot, a] * r0 + P[t, slot, 8 + a] * r1) + (
                    P[t, slot, 16 + a] * r2 + P[t, slot, 24 + a] * r3
                )


@fused
def _prolong(t, parents, P, coarse, x):
    """Add the correction: the same blocks, by rows here, so that a coarse vector meets a row."""
    for slot in range(np.uintp(4)):
        if parents[t, slot] >= 0:
            c = np.uintp(parents[t, slot])
            for k in range(np.uintp(4)):
                total = np.float32(0)
                for a in range(np.uintp(8)):
                    total += P[t, slot, 8 * k + a] * coarse[c, a]
                x[t, k] += total


# The first coarse level, in parallel. Chunks are those of the pixels, in the same two colours: (begin, end of the
# first row, begin of the last row, end). Beyond a chunk's first and last row lie tiles of the other colour.


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


# The levels below, with 8 unknowns a tile. Indices run through all of these levels.


@fused
def _half_product(A, t, s, half, x, u):
    """Return four rows, from `half` on, of a block times the vector of tile u."""
    x0, x1, x2, x3 = x[u, 0], x[u, 1], x[u, 2], x[u, 3]
    x4, x5, x6, x7 = x[u, 4], x[u, 5], x[u, 6], x[u, 7]
    a, b, c, d = half, half + np.uintp(1), half + np.uintp(2), half + np.uintp(3)
    y0 = (A[t, s, a] * x0 + A[t, s, 8 + a] * x1 + A[t, s, 16 + a] * x2 + A[t, s, 24 + a] * x3) + (
        A[t, s, 32 + a] * x4 + A[t, s, 40 + a] * x5 + A[t, s, 48 + a] * x6 + A[t, s, 56 + a] * x7
    )
    y1 = (A[t, s, b] * x0 + A[t, s, 8 + b] * x1 + A[t, s, 16 + b] * x2 + A[t, s, 24 + b] * x3) + (
        A[t, s, 32 + b] * x4 + A[t, s, 40 + b] * x5 + A[t, s, 48 + b] * x6 + A[t, s, 56 + b] * x7
    )
    y2 = (A[t, s, c] * x0 + A[t, s, 8 + c] * x1 + A[t, s, 16 + c] * x2 + A[t, s, 24 + c] * x3) + (
        A[t, s, 32 + c] * x4 + A[t, s, 40 + c] * x5 + A[t, s, 48 + c] * x6 + A[t, s, 56 + c] * x7
    )
    y3 = (A[t, s, d] * x0 + A[t, s, 8 + d] * x1 + A[t, s, 16 + d] * x2 + A[t, s, 24 + d] * x3) + (
        A[t, s, 32 + d] * x4 + A[t, s, 40 + d] * x5 + A[t, s, 48 + d] * x6 + A[t, s, 56 + d] * x7
    )
    return y0, y1, y2, y3


@fused
def _deep_sum(near, A, x, t, start, stop, total):
    """Sum to `total` the products with the neighbours start .. stop - 1, but not with the tile itself."""
    y0, y1, y2, y3 = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
    z0, z1, z2, z3 = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
    for s in range(np.uintp(start), np.uintp(stop)):
        if near[t, s] >= 0 and s != 4:
            u = np.uintp(near[t, s])
            p0, p1, p2, p3 = _half_product(A, t, s, np.uintp(0), x, u)
            q0, q1, q2, q3 = _half_product(A, t, s, np.uintp(4), x, u)
            y0, y1, y2, y3 = y0 + p0, y1 + p1, y2 + p2, y3 + p3
            z0, z1, z2, z3 = z0 + q0, z1 + q1, z2 + q2, z3 + q3
    total[0, 0] += y0
    total[0, 1] += y1
    total[0, 2] += y2
    total[0, 3] += y3
    total[0, 4] += z0
    total[0, 5] += z1
    total[0, 6] += z2
    total[0, 7] += z3


@fused
def _deep_relax(near, A, inverse, b, x, t, start, stop, below, work):
    """Solve for one tile; neighbours outside start .. stop - 1, and 6 .. below - 1, are taken as zero."""
    work[0] = 0
    _deep_sum(near, A, x, t, start, stop, work)
    _deep_sum(near, A, x, t, 6, below, work)
    for a in range(8):
        work[0, a] = b[t, a] - work[0, a]
    p0, p1, p2, p3 = _half_product(inverse, t, np.uintp(0), np.uintp(0), work, np.uintp(0))
    q0, q1, q2, q3 = _half_product(inverse, t, np.uintp(0), np.uintp(4), work, np.uintp(0))
    x[t, 0], x[t, 1], x[t, 2], x[t, 3] = p0, p1, p2, p3
    x[t, 4], x[t, 5], x[t, 6], x[t, 7] = q0, q1, q2, q3


@fused
def _deep_residual(near, A, x, t, start, stop, above, residual, work):
    """Write minus the products with the neighbours start .. stop - 1 and 0 .. above - 1."""
    work[0] = 0
    _deep_sum(near, A, x, t, start, stop, work)
    _deep_sum(near, A, x, t, 0, above, work)
    for a in range(8):
        residual[t, a] = -work[0, a]


@fused
def _deep_restrict(c, children, P, residual, coarse):
    for a in range(8):
        coarse[c, a] = 0
    for j in range(25):
        if children[c, j] >= 0:
            t = np.uintp(children[c, j])
            slot = np.uintp(2 * (j < 10) + (j % 5 < 2))
            for k in range(np.uintp(8)):
                for a in range(np.uintp(8)):
                    coarse[c, a] += P[t, slot, 8 * k + a] * residual[t, k]


@fused
def _deep_prolong(t, parents, P, coarse, x):
    for slot in range(np.uintp(4)):
        if parents[t, slot] >= 0:
            c = np.uintp(parents[t, slot])
            for k in range(np.uintp(8)):
                total = np.float32(0)
                for a in range(np.uintp(8)):
                    total += P[t, slot, 8 * k + a] * coarse[c, a]
                x[t, k] += total


@pjit
def deep_sweep_from_zero(chunks, near, A, inverse, b, x):
    """`sweep_from_zero` on a large level."""
    for odd in range(2):
        for half in prange((chunks.shape[0] + 1 - odd) // 2):
            work = np.empty((1, 8), np.float32)
            chunk = 2 * half + odd
            for t in range(chunks[chunk, 0], chunks[chunk, 3]):
                below = 9 if odd == 1 and t >= chunks[chunk, 2] else 6
                start = 3 if odd == 0 and t < chunks[chunk, 1] else 0
                _deep_relax(near, A, inverse, b, x, np.uintp(t), start, 4, below, work)


@pjit
def deep_restrict_residual(chunks, near, A, x, residual, children, P, coarse, first, last):
    """`restrict_residual` on a large level; `first` .. `last` - 1 are the coarse tiles."""
    for chunk in prange(chunks.shape[0]):
        work = np.empty((1, 8), np.float32)
        for t in range(chunks[chunk, 0], chunks[chunk, 3]):
            stop = 6 if chunk % 2 == 1 and t >= chunks[chunk, 2] else 9
            above = 3 if chunk % 2 == 0 and t < chunks[chunk, 1] else 0
            _deep_residual(near, A, x, np.uintp(t), 5, stop, above, residual, work)
    parts = 32
    for part in prange(parts):
        size = last - first
        for c in range(first + part * size // parts, first + (part + 1) * size // parts):
            _deep_restrict(np.uintp(c), children, P, residual, coarse)


@pjit
def deep_prolong_and_sweep_back(chunks, near, A, inverse, b, x, parents, P):
    """`prolong_and_sweep_back` on a large level."""
    for chunk in prange(chunks.shape[0]):
        for t in range(chunks[chunk, 0], chunks[chunk, 3]):
            _deep_prolong(np.uintp(t), parents, P, x, x)
    for even in range(2):
        odd = 1 - even
        for half in prange((chunks.shape[0] + 1 - odd) // 2):
            work = np.empty((1, 8), np.float32)
            chunk = 2 * half + odd
            for t in range(chunks[chunk, 3] - 1, chunks[chunk, 0] - 1, -1):
                _deep_relax(near, A, inverse, b, x, np.uintp(t), 0, 9, 0, work)


@fused
def _deep_product(near, A, x, t, work):
    """Write the products with all neighbours and the tile itself."""
    work[0] = 0
    _deep_sum(near, A, x, t, 0, 9, work)
    p0, p1, p2, p3 = _half_product(A, t, np.uintp(4), np.uintp(0), x, t)
    q0, q1, q2, q3 = _half_product(A, t, np.uintp(4), np.uintp(4), x, t)
    work[0, 0] += p0
    work[0, 1] += p1
    work[0, 2] += p2
    work[0, 3] += p3
    work[0, 4] += q0
    work[0, 5] += q1
    work[0, 6] += q2
    work[0, 7] += q3


@jit
def _totals(sums):
    """Add up in the order of the chunks, whoever computed them."""
    first, second, third = np.float64(0), np.float64(0), np.float64(0)
    for chunk in range(sums.shape[0]):
        first += sums[chunk, 0]
        second += sums[chunk, 1]
        third += sums[chunk, 2]
    return first, second, third


@pjit
def begin_krylov(chunks, near, A, b, x, c, v, sums):
    """Take the first step of conjugate gradients on a level, from zero along x, which is about ``A^-1 b``.

    Keeps x as `c` and ``A x`` as `v`, leaves the residual in b. Returns the curvature and the step, which is 1
    if x is exact; with curvature 0 (nothing to do, or rounding) b and x stay as they are.
    """
    for chunk in prange(chunks.shape[0]):
        work = np.empty((1, 8), np.float32)
        curvature, slope = np.float64(0), np.float64(0)
        for t in range(chunks[chunk, 0], chunks[chunk, 3]):
            _deep_product(near, A, x, np.uintp(t), work)
            for a in range(8):
                v[t, a] = work[0, a]
                curvature += np.float64(work[0, a]) * x[t, a]
                slope += np.float64(b[t, a]) * x[t, a]
        sums[chunk, 0], sums[chunk, 1], sums[chunk, 2] = curvature, slope, 0
    curvature, slope, _ = _totals(sums)
    if not (curvature > 0 and slope > 0):
        return 0.0, 1.0
    step = slope / curvature
    narrow = np.float32(step)
    for chunk in prange(chunks.shape[0]):
        for t in range(chunks[chunk, 0], chunks[chunk, 3]):
            for a in range(8):
                c[t, a] = x[t, a]
                b[t, a] -= narrow * v[t, a]
    return curvature, step


@pjit
def end_krylov(chunks, near, A, b, x, c, v, curvature, step, sums):
    """Take the second step, along x without its part along c; x becomes the sum of both."""
    for chunk in prange(chunks.shape[0]):
        work = np.empty((1, 8), np.float32)
        mixed, own, slope = np.float64(0), np.float64(0), np.float64(0)
        for t in range(chunks[chunk, 0], chunks[chunk, 3]):
            _deep_product(near, A, x, np.uintp(t), work)
            for a in range(8):
                mixed += np.float64(v[t, a]) * x[t, a]
                own += np.float64(work[0, a]) * x[t, a]
                slope += np.float64(b[t, a]) * x[t, a]
        sums[chunk, 0], sums[chunk, 1], sums[chunk, 2] = mixed, own, slope
    mixed, own, slope = _totals(sums)
    rest = own - mixed * mixed / curvature
    second = slope / rest if rest > 1e-6 * own else 0.0
    along_x, along_c = np.float32(second), np.float32(step - second * mixed / curvature)
    for chunk in prange(chunks.shape[0]):
        for t in range(chunks[chunk, 0], chunks[chunk, 3]):
            for a in range(8):
                x[t, a] = along_x * x[t, a] + along_c * c[t, a]


@jit
def cycle(top, starts, near, A, inverse, b, x, residual, parents, P, children, bottom):
    """One V-cycle from level `top` down, on one thread in one call: these levels are small.

    Level l has the tiles starts[l] .. starts[l + 1] - 1, the last one the inverse matrix `bottom`.
    """
    levels = starts.shape[0] - 1
    work = np.empty((1, 8), np.float32)
    for level in range(top, levels - 1):
        for t in range(starts[level], starts[level + 1]):
            _deep_relax(near, A, inverse, b, x, np.uintp(t), 0, 4, 0, work)
        for t in range(starts[level], starts[level + 1]):
            _deep_residual(near, A, x, np.uintp(t), 5, 9, 0, residual, work)
        for c in range(starts[level + 1], starts[level + 2]):
            _deep_restrict(np.uintp(c), children, P, residual, b)
    _solve_bottom(starts[levels - 1], bottom, b, x)
    for level in range(levels - 2, top - 1, -1):
        for t in range(starts[level], starts[level + 1]):
            _deep_prolong(np.uintp(t), parents, P, x, x)
        for t in range(starts[level + 1] - 1, starts[level] - 1, -1):
            _deep_relax(near, A, inverse, b, x, np.uintp(t), 0, 9, 0, work)


@jit
def _solve_bottom(first, bottom, b, x):
    width = x.shape[1]
    size = bottom.shape[0]
    total = np.zeros(size, np.float32)
    for j in range(size):
        value = b[first + j // width, j % width]
        if value != 0:
            for i in range(size):
                total[i] += bottom[j, i] * value
    for i in range(size):
        x[first + i // width, i % width] = total[i]
