"""The coarse levels: blocks on grids of tiles with nine neighbours, block Gauss-Seidel and transfers.

Block (t, s) couples tile t with its neighbour in direction s (row by row, 4 is the tile itself) and is kept by
columns, so that a product is a few multiplications of vectors by numbers. The first level has 4 unknowns a tile
and keeps the blocks towards later tiles alone: ``A[t, s - 5]`` for s > 4, the transpose of the neighbour's block
for s < 4; the levels below have 8 and keep all nine, ``A[t, s]``. A level inherits from 3x3 tiles; through the
smoothed prolongation a tile depends on up to 2x2 coarse ones (`parents`), a coarse one on 5x5 tiles (`children`).
The prolongation's blocks are int16, in multiples of the tile's `units`.
"""

import numpy as np

from ._jit import jit, pjit, prange
from ._simd import add_scaled, load4, load8, load8_short, splat4, splat8, store, totals

# Bounds are unsigned everywhere: each combination of types, or of literal numbers, is compiled anew.


@jit
def _before(near, A, x, t, start, stop):
    """Sum the products with the earlier neighbours start .. stop - 1, whose blocks these keep."""
    one, four, sixteen = np.uintp(1), np.uintp(4), np.uintp(16)
    zero = splat4(np.float32(0))
    y0, y1, y2, y3 = zero, zero, zero, zero
    for s in range(start, stop):
        if near[t, s] >= 0:
            u = np.uintp(near[t, s])
            at, v = sixteen * (four * (u + one) - one - s), load4(x, four * u)
            y0 = add_scaled(y0, v, load4(A, at))
            y1 = add_scaled(y1, v, load4(A, at + four))
            y2 = add_scaled(y2, v, load4(A, at + np.uintp(8)))
            y3 = add_scaled(y3, v, load4(A, at + np.uintp(12)))
    return totals(y0, y1, y2, y3)


@jit
def _after(near, A, x, t, start, stop):
    """Sum the products with the later neighbours start .. stop - 1."""
    four, sixteen = np.uintp(4), np.uintp(16)
    y = splat4(np.float32(0))
    z = y
    for s in range(start, stop):
        if near[t, s] >= 0:
            u, at = np.uintp(near[t, s]), sixteen * (four * t + s - np.uintp(5))
            y = add_scaled(y, x[u, 0], load4(A, at))
            z = add_scaled(z, x[u, 1], load4(A, at + four))
            y = add_scaled(y, x[u, 2], load4(A, at + np.uintp(8)))
            z = add_scaled(z, x[u, 3], load4(A, at + np.uintp(12)))
    return add_scaled(y, np.float32(1), z)


@jit
def _relax(near, A, inverse, b, x, t, start, after, stop, work):
    """Solve for one tile; of the neighbours those in start .. 3 and after .. stop - 1 count."""
    y = add_scaled(load4(b, np.uintp(4) * t), np.float32(-1), _before(near, A, x, t, np.uintp(start), np.uintp(4)))
    store(work, np.uintp(0), add_scaled(y, np.float32(-1), _after(near, A, x, t, np.uintp(after), np.uintp(stop))))
    y = splat4(np.float32(0))
    for k in range(np.uintp(4)):
        y = add_scaled(y, work[k], load4(inverse, np.uintp(16) * t + np.uintp(4) * k))
    store(x, np.uintp(4) * t, y)


@jit
def _residual(near, A, x, t, above, stop, residual):
    """Write minus the products with the neighbours 0 .. above - 1 and 5 .. stop - 1."""
    y = add_scaled(
        _after(near, A, x, t, np.uintp(5), np.uintp(stop)),
        np.float32(1),
        _before(near, A, x, t, np.uintp(0), np.uintp(above)),
    )
    store(residual, np.uintp(4) * t, add_scaled(splat4(np.float32(0)), np.float32(-1), y))


@jit
def _restrict(c, size, children, P, units, residual, coarse):
    """Apply the transposed prolongation: gather from the 5x5 tiles that depend on a coarse one."""
    eight = np.uintp(8)
    y = splat8(np.float32(0))
    z = y
    for j in range(25):
        if children[c, j] >= 0:
            t = np.uintp(children[c, j])
            at = (np.uintp(4) * t + np.uintp(2 * (j < 10) + (j % 5 < 2))) * eight * size
            for k in range(np.uintp(0), size, np.uintp(2)):
                y = add_scaled(y, units[t] * residual[t, k], load8_short(P, at + eight * k))
                k1 = k + np.uintp(1)
                z = add_scaled(z, units[t] * residual[t, k1], load8_short(P, at + eight * k1))
    store(coarse, eight * c, add_scaled(y, np.float32(1), z))


@jit
def _prolong(t, size, parents, P, units, coarse, x):
    """Add the correction: the same blocks, by rows here, so that a coarse vector meets a row."""
    eight, zero = np.uintp(8), splat8(np.float32(0))
    for k in range(np.uintp(0), size, np.uintp(4)):
        y0, y1, y2, y3 = zero, zero, zero, zero
        for slot in range(np.uintp(4)):
            if parents[t, slot] >= 0:
                v = load8(coarse, eight * np.uintp(parents[t, slot]))
                at = ((np.uintp(4) * t + slot) * size + k) * eight
                y0 = add_scaled(y0, v, load8_short(P, at))
                y1 = add_scaled(y1, v, load8_short(P, at + eight))
                y2 = add_scaled(y2, v, load8_short(P, at + np.uintp(16)))
                y3 = add_scaled(y3, v, load8_short(P, at + np.uintp(24)))
        at = size * t + k
        store(x, at, add_scaled(load4(x, at), units[t], totals(y0, y1, y2, y3)))


# The first coarse level, in parallel. Chunks are those of the pixels, in the same two colours: (begin, end of the
# first row, begin of the last row, end). Beyond a chunk's first and last row lie tiles of the other colour.


@pjit
def sweep_from_zero(chunks, near, A, inverse, b, x):
    """One forward sweep from zero, whatever x holds."""
    for odd in range(2):
        for half in prange((chunks.shape[0] + 1 - odd) // 2):
            work = np.empty(4, np.float32)
            chunk = 2 * half + odd
            for t in range(chunks[chunk, 0], chunks[chunk, 3]):
                stop = 9 if odd == 1 and t >= chunks[chunk, 2] else 6
                start = 3 if odd == 0 and t < chunks[chunk, 1] else 0
                _relax(near, A, inverse, b, x, np.uintp(t), start, 6, stop, work)


@pjit
def restrict_residual(chunks, near, A, x, residual, children, P, units, coarse):
    """Write the residual after `sweep_from_zero` and its restriction."""
    for chunk in prange(chunks.shape[0]):
        for t in range(chunks[chunk, 0], chunks[chunk, 3]):
            stop = 6 if chunk % 2 == 1 and t >= chunks[chunk, 2] else 9
            above = 3 if chunk % 2 == 0 and t < chunks[chunk, 1] else 0
            _residual(near, A, x, np.uintp(t), above, stop, residual)
    parts = 32
    for part in prange(parts):
        size = children.shape[0]
        for c in range(part * size // parts, (part + 1) * size // parts):
            _restrict(np.uintp(c), np.uintp(4), children, P, units, residual, coarse)


@pjit
def prolong_and_sweep_back(chunks, near, A, inverse, b, x, parents, P, units, coarse):
    """Add the coarse level's correction, then sweep in the reverse of the order of `sweep_from_zero`."""
    for chunk in prange(chunks.shape[0]):
        for t in range(chunks[chunk, 0], chunks[chunk, 3]):
            _prolong(np.uintp(t), np.uintp(4), parents, P, units, coarse, x)
    for even in range(2):
        odd = 1 - even
        for half in prange((chunks.shape[0] + 1 - odd) // 2):
            work = np.empty(4, np.float32)
            chunk = 2 * half + odd
            for t in range(chunks[chunk, 3] - 1, chunks[chunk, 0] - 1, -1):
                _relax(near, A, inverse, b, x, np.uintp(t), 0, 5, 9, work)


# The levels below, with 8 unknowns a tile. Indices run through all of these levels.


@jit
def _deep_sum(near, A, x, t, start, stop):
    """Sum the products with the neighbours start .. stop - 1, but not with the tile itself."""
    one, eight = np.uintp(1), np.uintp(8)
    y = splat8(np.float32(0))
    z = y
    for s in range(start, stop):
        if near[t, s] >= 0 and s != 4:
            u, at = np.uintp(near[t, s]), np.uintp(64) * (np.uintp(9) * t + s)
            for k in range(np.uintp(0), eight, np.uintp(2)):
                y = add_scaled(y, x[u, k], load8(A, at + eight * k))
                z = add_scaled(z, x[u, k + one], load8(A, at + eight * (k + one)))
    return add_scaled(y, np.float32(1), z)


@jit
def _deep_relax(near, A, inverse, b, x, t, start, stop, below, work):
    """Solve for one tile; neighbours outside start .. stop - 1, and 6 .. below - 1, are taken as zero."""
    eight = np.uintp(8)
    y = add_scaled(load8(b, eight * t), np.float32(-1), _deep_sum(near, A, x, t, np.uintp(start), np.uintp(stop)))
    store(work, np.uintp(0), add_scaled(y, np.float32(-1), _deep_sum(near, A, x, t, np.uintp(6), np.uintp(below))))
    y = splat8(np.float32(0))
    for k in range(eight):
        y = add_scaled(y, work[k], load8(inverse, eight * (eight * t + k)))
    store(x, eight * t, y)


@jit
def _deep_residual(near, A, x, t, start, stop, above, residual):
    """Write minus the products with the neighbours start .. stop - 1 and 0 .. above - 1."""
    later = _deep_sum(near, A, x, t, np.uintp(start), np.uintp(stop))
    y = add_scaled(later, np.float32(1), _deep_sum(near, A, x, t, np.uintp(0), np.uintp(above)))
    store(residual, np.uintp(8) * t, add_scaled(splat8(np.float32(0)), np.float32(-1), y))


@pjit
def deep_sweep_from_zero(chunks, near, A, inverse, b, x):
    """`sweep_from_zero` on a large level."""
    for odd in range(2):
        for half in prange((chunks.shape[0] + 1 - odd) // 2):
            work = np.empty(8, np.float32)
            chunk = 2 * half + odd
            for t in range(chunks[chunk, 0], chunks[chunk, 3]):
                below = 9 if odd == 1 and t >= chunks[chunk, 2] else 6
                start = 3 if odd == 0 and t < chunks[chunk, 1] else 0
                _deep_relax(near, A, inverse, b, x, np.uintp(t), start, 4, below, work)


@pjit
def deep_restrict_residual(chunks, near, A, x, residual, children, P, units, coarse, first, last):
    """`restrict_residual` on a large level; `first` .. `last` - 1 are the coarse tiles."""
    for chunk in prange(chunks.shape[0]):
        for t in range(chunks[chunk, 0], chunks[chunk, 3]):
            stop = 6 if chunk % 2 == 1 and t >= chunks[chunk, 2] else 9
            above = 3 if chunk % 2 == 0 and t < chunks[chunk, 1] else 0
            _deep_residual(near, A, x, np.uintp(t), 5, stop, above, residual)
    parts = 32
    for part in prange(parts):
        size = last - first
        for c in range(first + part * size // parts, first + (part + 1) * size // parts):
            _restrict(np.uintp(c), np.uintp(8), children, P, units, residual, coarse)


@pjit
def deep_prolong_and_sweep_back(chunks, near, A, inverse, b, x, parents, P, units):
    """`prolong_and_sweep_back` on a large level."""
    for chunk in prange(chunks.shape[0]):
        for t in range(chunks[chunk, 0], chunks[chunk, 3]):
            _prolong(np.uintp(t), np.uintp(8), parents, P, units, x, x)
    for even in range(2):
        odd = 1 - even
        for half in prange((chunks.shape[0] + 1 - odd) // 2):
            work = np.empty(8, np.float32)
            chunk = 2 * half + odd
            for t in range(chunks[chunk, 3] - 1, chunks[chunk, 0] - 1, -1):
                _deep_relax(near, A, inverse, b, x, np.uintp(t), 0, 9, 0, work)


@jit
def _deep_product(near, A, x, t, work):
    """Write the products with all neighbours and the tile itself."""
    eight = np.uintp(8)
    y = _deep_sum(near, A, x, t, np.uintp(0), np.uintp(9))
    own = np.uintp(64) * (np.uintp(9) * t + np.uintp(4))
    for k in range(eight):
        y = add_scaled(y, x[t, k], load8(A, own + eight * k))
    store(work, np.uintp(0), y)


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
        work = np.empty(8, np.float32)
        curvature, slope = np.float64(0), np.float64(0)
        for t in range(chunks[chunk, 0], chunks[chunk, 3]):
            _deep_product(near, A, x, np.uintp(t), work)
            for a in range(8):
                v[t, a] = work[a]
                curvature += np.float64(work[a]) * x[t, a]
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
        work = np.empty(8, np.float32)
        mixed, own, slope = np.float64(0), np.float64(0), np.float64(0)
        for t in range(chunks[chunk, 0], chunks[chunk, 3]):
            _deep_product(near, A, x, np.uintp(t), work)
            for a in range(8):
                mixed += np.float64(v[t, a]) * x[t, a]
                own += np.float64(work[a]) * x[t, a]
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
def cycle(top, starts, near, A, inverse, b, x, residual, parents, P, units, children, bottom):
    """One V-cycle from level `top` down, on one thread in one call: these levels are small.

    Level l has the tiles starts[l] .. starts[l + 1] - 1, the last one the inverse matrix `bottom`.
    """
    levels = starts.shape[0] - 1
    work = np.empty(8, np.float32)
    for level in range(top, levels - 1):
        for t in range(starts[level], starts[level + 1]):
            _deep_relax(near, A, inverse, b, x, np.uintp(t), 0, 4, 0, work)
        for t in range(starts[level], starts[level + 1]):
            _deep_residual(near, A, x, np.uintp(t), 5, 9, 0, residual)
        for c in range(starts[level + 1], starts[level + 2]):
            _restrict(np.uintp(c), np.uintp(8), children, P, units, residual, b)
    _solve_bottom(starts[levels - 1], bottom, b, x)
    for level in range(levels - 2, top - 1, -1):
        for t in range(starts[level], starts[level + 1]):
            _prolong(np.uintp(t), np.uintp(8), parents, P, units, x, x)
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
