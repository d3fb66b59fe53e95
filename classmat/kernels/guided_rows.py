"""The guided filter, row by row: rows enter level 1, give coefficients to level 2, and leave results.

See `guided` for the levels. A `frame` is what stays the same for a strip of rows: weights (of columns, of rows, of columns
for level 2), scratch memory (level 1, level 2, ring, edges, blank rows, lines, carries of both levels), shape (height,
width, stride of quantities, size of a plane, width in whole blocks, slots of the ring), the windows' ends and the centre.
All memory is given by pointers.
"""

import numpy as np

from . import guided_grey as grey
from . import guided_rgb as rgb
from ._jit import jit
from ._planes import BLOCK, LANES, PLANES, add_to, collect, last, load, move, read, repeat_at, slide, write

PIECE = 16  # blocks of columns that enter before they are used: their sums stay in the first cache
ZERO = np.float64(0)


@jit
def window_ends(radius, size):
    """Return for each plane where the columns x + radius are, and x - radius - 1: plane and place within it."""
    a, b = radius, -radius - 1
    return (
        a % PLANES * size + a // PLANES,
        (a + 1) % PLANES * size + (a + 1) // PLANES,
        (a + 2) % PLANES * size + (a + 2) // PLANES,
        (a + 3) % PLANES * size + (a + 3) // PLANES,
        b % PLANES * size + b // PLANES,
        (b + 1) % PLANES * size + (b + 1) // PLANES,
        (b + 2) % PLANES * size + (b + 2) // PLANES,
        (b + 3) % PLANES * size + (b + 3) // PLANES,
    )


@jit
def _begin_row(S, stride, C, n, radius, ends):
    """Set carries to the window sums left of the image, by sliding in from where they are zero."""
    for q in range(n):
        write(C, q, ZERO)
        carry = repeat_at(C, q)
        for b in range(-((radius + BLOCK - 1) // BLOCK), 0):
            _, carry = slide(move(S, q * stride), LANES * b, ends, carry)
        write(C, q, last(carry))


@jit
def _is_finite(C, n):
    """Whether the last window sums of a row are: a NaN never leaves a running sum, an infinity becomes one."""
    total = ZERO
    for q in range(n):
        total += read(C, q) - read(C, q)
    return total == ZERO


@jit
def _end(E, k, row, size, whole):
    """Copy the columns behind the last whole block to edge `k`; returns where the row would begin if it ended there."""
    edge = move(E, 3 * BLOCK * k)
    for x in range(size):
        write(edge, x, read(row, whole + x))
    return move(edge, -whole)


# Level 1: rows enter and leave.


@jit
def _enter_blocks(is_rgb, is_back, S, shape, I_in, I_out, p_in, p_out, g, centre, wx, first, until):
    stride, size = shape[2], shape[3]
    if is_rgb is None:
        grey.enter(S, stride, size, shape[1], I_in, I_out, p_in, p_out, is_back, g, centre, wx, first, until)
    else:
        rgb.enter(S, stride, size, I_in, I_out, p_in, p_out, is_back, g, centre, wx, first, until)


@jit
def _exchange_rows(I, p, g, is_rgb, is_back, y, z, first, until, frame):
    """Let row y enter level 1 and row z leave it, some blocks; rows outside the image count nothing."""
    weights, scratch, shape, _, centre = frame
    S, E, B, (wx, wy), s = scratch[0], scratch[3], scratch[4], weights[:2], 1 if is_rgb is None else 3
    h, w, wide = shape[0], shape[1], shape[4]
    I_in, p_in = (move(I, y * s * w), move(p, y * w)) if y < h else (B, move(B, 3 * wide))
    I_out, p_out = (move(I, z * s * w), move(p, z * w)) if z >= 0 else (B, move(B, 3 * wide))
    zeros = move(B, 4 * wide)
    g_in, w_in = (move(g, y * w), read(wy, y)) if y < h else (zeros, ZERO)
    g_out, w_out = (move(g, z * w), read(wy, z)) if z >= 0 else (zeros, ZERO)
    bars = (g_in, g_out, w_in, w_out)
    whole = w // BLOCK
    _enter_blocks(is_rgb, is_back, S, shape, I_in, I_out, p_in, p_out, bars, centre, wx, first, min(until, whole))
    if until > whole:
        x, n = whole * BLOCK, w - whole * BLOCK
        I_in, I_out = _end(E, 0, I_in, s * n, s * x), _end(E, 1, I_out, s * n, s * x)
        p_in, p_out = _end(E, 2, p_in, n, x), _end(E, 3, p_out, n, x)
        if is_back is not None:
            bars = (_end(E, 4, g_in, n, x), _end(E, 5, g_out, n, x), w_in, w_out)
        _enter_blocks(is_rgb, is_back, S, shape, I_in, I_out, p_in, p_out, bars, centre, wx, whole, until)


@jit
def _enter(I, p, g, is_rgb, is_back, j, radius, is_start, first, until, frame):
    """Move some blocks of level 1 to the window of row j: from that of row j - 1, or from nothing."""
    end = j + radius + 1
    y, z = (max(j - radius, 0), -1) if is_start else (end - 1, j - radius - 1)
    while y < end:
        _exchange_rows(I, p, g, is_rgb, is_back, y, z, first, until, frame)
        y += 1


@jit
def compute_row(I, p, g, is_rgb, is_back, eps, j, radius, is_start, frame, n_sums):
    """Level 1 of row j, and its coefficients to level 2. Returns the cotangent of eps, and if all is finite."""
    weights, scratch, shape, ends, _ = frame
    S, S2, ring, _, _, T, C, _ = scratch
    _, _, stride, size, wide, slots = shape
    wx, w_j, R, pitch = weights[0], read(weights[1], j), move(ring, j % slots * wide), slots * wide
    blocks, entered, ahead, eps_bar = wide // BLOCK, np.int64(0), (radius + BLOCK - 1) // BLOCK, ZERO
    for b in range(0, blocks, PIECE):
        e = min(b + PIECE, blocks)
        while entered < min(e + ahead, blocks):  # what enters is still cached when it is needed
            until = min(entered + PIECE, blocks)
            _enter(I, p, g, is_rgb, is_back, j, radius, is_start, entered, until, frame)
            entered = until
        if b == 0:
            _begin_row(S, stride, C, n_sums[0], radius, ends)
        if is_rgb is not None:
            eps_bar += rgb.solve(S, stride, size, ends, C, S2, R, pitch, wx, w_j, eps, b, e, T, is_back)
        elif is_back is not None:
            eps_bar += grey.solve_pullback(S, stride, size, ends, C, S2, R, pitch, wx, w_j, eps, b, e)
        else:
            grey.solve(S, stride, size, ends, C, S2, R, pitch, wx, w_j, eps, b, e)
    return eps_bar, _is_finite(C, n_sums[0])


# Level 2: coefficients leave the ring, or are summed anew; they enter when they are computed.


@jit
def add_row(S2, ring, n, slot, sign, shape):
    """Add a row of the ring, times a sign, to level 2."""
    _, _, stride, size, wide, slots = shape
    for q in range(n):
        for b in range(wide // BLOCK):
            row = load(ring, (q * slots + slot) * wide + BLOCK * b)
            add_to(move(S2, q * stride), LANES * b, size, row * sign)


@jit
def resum(sums2, scratch, n_sums, i, radius, shape):
    """Sum level 2 anew at the start of a block of rows."""
    sums2[:] = ZERO
    for y in range(max(i - radius, 0), min(i + radius + 1, shape[0])):
        add_row(scratch[1], scratch[2], n_sums[1], y % shape[5], 1.0, shape)


# From level 2 to the result.


@jit
def _store_means(S2, stride, ends, C, means, pitch, n, centre, wx, wy, first, until, T):
    """Store mean(a) and mean(b) themselves, b as it is without a centre."""
    for block in range(first, until):
        x = BLOCK * block
        rgb.slide_all(S2, stride, ends, C, n, LANES * block, T)
        inv = load(wx, x) * wy
        b = load(T, BLOCK * (n - 1)) * inv + centre[3]
        for q in range(n - 1):
            a = load(T, BLOCK * q) * inv
            collect(move(means, q * pitch), x, a)
            b = b - a * centre[q]
        collect(move(means, (n - 1) * pitch), x, b)


@jit
def _store_blocks(I, p, g, is_rgb, is_back, q, I_bar, is_means, pitch, i, first, until, frame):
    """Blocks of a row of q, of the means of the coefficients (in q), or of the cotangents (p_bar in q)."""
    weights, scratch, shape, ends, centre = frame
    S, T, C, stride, size = scratch[1], scratch[5], scratch[7], shape[2], shape[3]
    wx, wy = weights[2], read(weights[1], i)
    if is_means is not None:
        n = 2 if is_rgb is None else 4
        _store_means(S, stride, ends, C, q, pitch, n, centre, wx, wy, first, until, T)
    elif is_rgb is None:
        if is_back is None:
            grey.store(S, stride, size, shape[1], ends, C, I, q, centre, wx, wy, first, until)
        else:
            grey.store_pullback(S, stride, size, ends, C, I, p, g, I_bar, q, centre, wx, wy, first, until)
    else:
        if is_back is None:
            rgb.store_values(S, stride, ends, C, I, q, centre, wx, wy, first, until, T)
        else:
            rgb.store_pullback(S, stride, ends, C, I, p, g, I_bar, q, centre, wx, wy, first, until, T)


@jit
def store_row(I, p, g, is_rgb, is_back, q, I_bar, is_means, pitch, i, radius, frame, n_sums):
    """Level 2 of row i, and the result; pointers are to the beginnings of images."""
    _, scratch, shape, ends, _ = frame
    S2, E, C, s = scratch[1], scratch[3], scratch[7], 1 if is_rgb is None else 3
    w, stride = shape[1], shape[2]
    _begin_row(S2, stride, C, n_sums[1], radius, ends)
    guide, source, value = move(I, i * s * w), move(p, i * w), move(q, i * w)
    bar, guide_bar = move(g, i * w), move(I_bar, i * s * w)
    whole = w // BLOCK
    _store_blocks(guide, source, bar, is_rgb, is_back, value, guide_bar, is_means, pitch, i, 0, whole, frame)
    x, n = whole * BLOCK, w - whole * BLOCK
    if n > 0:
        guide, source, bar_end = _end(E, 0, guide, s * n, s * x), _end(E, 2, source, n, x), bar
        if is_back is not None:
            bar_end = _end(E, 4, bar, n, x)
        values, bars = move(E, 3 * BLOCK * 6 - x), move(E, 3 * BLOCK * 9 - s * x)
        _store_blocks(
            guide, source, bar_end, is_rgb, is_back, values, bars, is_means, 3 * BLOCK, i, whole, whole + 1, frame
        )
        for k in range(1 if is_means is None else n_sums[1]):
            for m in range(x, w):
                write(value, k * pitch + m, read(values, 3 * BLOCK * k + m))
        if is_back is not None:
            for m in range(s * x, s * w):
                write(guide_bar, m, read(bars, m))
    return _is_finite(C, n_sums[1])
