"""The guided filter and its pullback, each in one pass over the rows: nothing of full size besides the results.

Two levels of window sums follow each other down the image. Level 1 sums products of guide and source over the
window of row ``j``; they give the coefficients of row ``j``, which go into a ring of ``2 radius + 1`` rows.
Level 2 sums coefficients over the window of row ``i = j - radius``; they give row ``i`` of the result. A window's
sum is a running sum of columns (rows enter and leave), then a running sum along the row (`_planes.slide`).

All sums are float64, of values less the image's first pixel, and begin anew at the first row of every *block of rows*.
Any run of blocks can therefore be computed by itself to the same bits: the result does not depend on how many
threads share the image, and no rounding errors travel further than a block.

A line of sums has zeros left and right of the image, and a row is filled up to whole blocks of 32 columns with the
first pixel: no window is a special case. Rows are handed to the loops over blocks of columns as pointers (counting
references to arrays would cost as much as a tenth of the filter). What is done to a block of columns is in `guided_grey`
and `guided_rgb`; Numba does not compile what depends on an argument that is None.

===== ========================= ==============================================================================
guide level 1 (pullback adds)   level 2 (``_`` is the cotangent of a mean, divided by the number of pixels)
===== ========================= ==============================================================================
grey  I p II Ip (gI/n g/n)      a b; in the pullback a I_ p_ Ip_ II_
rgb   I3 p II6 Ip3 (gI3/n g/n)  a3 b; in the pullback a3 I_3 p_ Ip_3 II_6
===== ========================= ==============================================================================
"""

import numpy as np

from . import guided_grey as grey
from . import guided_rgb as rgb
from ._jit import jit, pjit, prange
from ._planes import BLOCK, LANES, PLANES, add_to, collect, last, load, move, point, read, repeat, slide, write

PIECE = 16  # blocks of columns that enter before they are used: their sums stay in the first cache
N_SUMS = {(False, False): (4, 2), (False, True): (6, 5), (True, False): (13, 4), (True, True): (17, 16)}
EDGES = 10  # ends of rows, filled up to a block: I p g, entering and leaving, then up to four results
ZERO = np.float64(0)


def block_columns(w):
    """Return `w` rounded up to whole blocks."""
    return -(-w // BLOCK) * BLOCK


@jit
def _margin(radius):
    """Return the number of zeros left of a plane: windows are slid in from where they are empty."""
    return LANES * ((radius + BLOCK - 1) // BLOCK + radius // BLOCK + 2)


def plane_size(w, radius):
    """Return the size of a plane; odd in units of a vector, so that planes do not fall on each other in the caches."""
    return LANES * (_margin.py_func(radius) // LANES + block_columns(w) // BLOCK + radius // BLOCK + 2 | 1)


@jit
def _first_row(block, blocks, h):
    return block * h // blocks


@jit
def _window_ends(radius, size):
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
def _point(images, instead, index):
    """Return a pointer to an element of an array or, where there is none, of another that is not looked at."""
    if images is None:
        return point(instead, 0)
    return point(images, index)


@jit
def _begin_row(S, stride, C, n, radius, ends):
    """Set carries to the window sums left of the image, by sliding in from where they are zero."""
    for q in range(n):
        carry = repeat(ZERO)
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
        grey.enter(S, stride, size, I_in, I_out, p_in, p_out, is_back, g, centre, wx, first, until)
    else:
        rgb.enter(S, stride, size, I_in, I_out, p_in, p_out, is_back, g, centre, wx, first, until)


@jit
def _exchange_rows(I, p, g, is_rgb, is_back, y, z, first, until, weights, scratch, shape, centre):
    """Let row y enter level 1 and row z leave it, some blocks; rows outside the image count nothing."""
    S, E, B, (wx, wy), s = scratch[0], scratch[3], scratch[4], weights, 1 if is_rgb is None else 3
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
def _enter(I, p, g, is_rgb, is_back, j, radius, is_start, first, until, weights, scratch, shape, centre):
    """Move some blocks of level 1 to the window of row j: from that of row j - 1, or from nothing."""
    end = j + radius + 1
    y, z = (max(j - radius, 0), -1) if is_start else (end - 1, j - radius - 1)
    while y < end:
        _exchange_rows(I, p, g, is_rgb, is_back, y, z, first, until, weights, scratch, shape, centre)
        y += 1


@jit
def _compute_row(
    I, p, g, is_rgb, is_back, eps, j, radius, is_start, weights, scratch, shape, ends, centre, n_sums
):
    """Level 1 of row j, and its coefficients to level 2. Returns the cotangent of eps, and if all is finite."""
    S, S2, ring, _, _, T, C = scratch
    _, _, stride, size, wide, slots = shape
    wx, w_j, R, pitch = weights[0], read(weights[1], j), move(ring, j % slots * wide), slots * wide
    blocks, entered, ahead, eps_bar = wide // BLOCK, np.int64(0), (radius + BLOCK - 1) // BLOCK, ZERO
    for b in range(0, blocks, PIECE):
        e = min(b + PIECE, blocks)
        while entered < min(e + ahead, blocks):  # what enters is still cached when it is needed
            until = min(entered + PIECE, blocks)
            _enter(I, p, g, is_rgb, is_back, j, radius, is_start, entered, until, weights, scratch, shape, centre)
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
def _add_row(S2, ring, n, slot, sign, shape):
    _, _, stride, size, wide, slots = shape
    for q in range(n):
        for b in range(wide // BLOCK):
            row = load(ring, (q * slots + slot) * wide + BLOCK * b)
            add_to(move(S2, q * stride), LANES * b, size, row * sign)


@jit
def _resum(sums, scratch, n_sums, i, radius, shape):
    """Sum level 2 anew at the start of a block of rows."""
    sums[n_sums[0] :] = ZERO
    for y in range(max(i - radius, 0), min(i + radius + 1, shape[0])):
        _add_row(scratch[1], scratch[2], n_sums[1], y % shape[5], 1.0, shape)


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
def _store_blocks(
    I, p, g, is_rgb, is_back, q, I_bar, is_means, pitch, i, first, until, weights, scratch, shape, ends, centre
):
    """Blocks of a row of q, of the means of the coefficients (in q), or of the cotangents (p_bar in q)."""
    S, _, _, _, _, T, C = scratch
    S, stride, size, wx, wy = scratch[1], shape[2], shape[3], weights[0], read(weights[1], i)
    if is_means is not None:
        n = 2 if is_rgb is None else 4
        _store_means(S, stride, ends, C, q, pitch, n, centre, wx, wy, first, until, T)
    elif is_rgb is None:
        if is_back is None:
            grey.store(S, stride, size, ends, C, I, q, centre, wx, wy, first, until)
        else:
            grey.store_pullback(S, stride, size, ends, C, I, p, g, I_bar, q, centre, wx, wy, first, until)
    else:
        if is_back is None:
            rgb.store_values(S, stride, ends, C, I, q, centre, wx, wy, first, until, T)
        else:
            rgb.store_pullback(S, stride, ends, C, I, p, g, I_bar, q, centre, wx, wy, first, until, T)


@jit
def _store_row(
    I, p, g, is_rgb, is_back, q, I_bar, is_means, pitch, i, radius, weights, scratch, shape, ends, centre, n_sums
):
    """Level 2 of row i, and the result; pointers are to the beginnings of images."""
    S2, E, C, s = scratch[1], scratch[3], scratch[6], 1 if is_rgb is None else 3
    w, stride = shape[1], shape[2]
    _begin_row(S2, stride, C, n_sums[1], radius, ends)
    guide, source, value = move(I, i * s * w), move(p, i * w), move(q, i * w)
    bar, guide_bar = move(g, i * w), move(I_bar, i * s * w)
    whole = w // BLOCK
    _store_blocks(
        guide,
        source,
        bar,
        is_rgb,
        is_back,
        value,
        guide_bar,
        is_means,
        pitch,
        i,
        0,
        whole,
        weights,
        scratch,
        shape,
        ends,
        centre,
    )
    x, n = whole * BLOCK, w - whole * BLOCK
    if n > 0:
        guide, source, bar_end = _end(E, 0, guide, s * n, s * x), _end(E, 2, source, n, x), bar
        if is_back is not None:
            bar_end = _end(E, 4, bar, n, x)
        values, bars = move(E, 3 * BLOCK * 6 - x), move(E, 3 * BLOCK * 9 - s * x)
        _store_blocks(
            guide,
            source,
            bar_end,
            is_rgb,
            is_back,
            values,
            bars,
            is_means,
            3 * BLOCK,
            i,
            whole,
            whole + 1,
            weights,
            scratch,
            shape,
            ends,
            centre,
        )
        for k in range(1 if is_means is None else n_sums[1]):
            for m in range(x, w):
                write(value, k * pitch + m, read(values, 3 * BLOCK * k + m))
        if is_back is not None:
            for m in range(s * x, s * w):
                write(guide_bar, m, read(bars, m))
    return _is_finite(C, n_sums[1])


@jit
def _begin_strip(I, p, is_rgb, sums, ring, blank, edges, wide):
    """Clear all sums, fill blank rows and ends of rows with what counts nothing; returns that, the centre."""
    s = 1 if is_rgb is None else 3
    sums[:] = ZERO
    ring[:] = 0
    edges[:] = 0
    for x in range(3 * wide):
        blank[x] = I[0, x % s]
    blank[3 * wide : 4 * wide] = p[0, 0]
    blank[4 * wide :] = 0
    for k in range(2):
        for x in range(3 * BLOCK):
            edges[k, x] = I[0, x % s]
            edges[2 + k, x] = p[0, 0]
    blue, green = I[0, s - 1], I[0, min(1, s - 1)]
    return np.float64(I[0, 0]), np.float64(green), np.float64(blue), np.float64(p[0, 0])


@jit
def _strip(
    guides,
    sources,
    g,
    n,
    is_rgb,
    is_back,
    eps,
    values,
    I_bar,
    is_means,
    eps_rows,
    radius,
    weights,
    arrays,
    blocks,
    k0,
    k1,
):
    """Blocks of rows k0 to k1 of source n; returns whether all sums were finite."""
    sums, ring, edges, blank, t, carry = arrays
    h, w = sources.shape[1:]
    m, size, wide = n // (sources.shape[0] // guides.shape[0]), sums.shape[1] // PLANES, ring.shape[2]
    n_sums, left, is_finite = (sums.shape[0] - ring.shape[0], ring.shape[0]), _margin(radius), True
    shape, ends = (h, w, sums.shape[1], size, wide, ring.shape[1]), _window_ends(radius, size)
    centre = _begin_strip(guides[m], sources[n], is_rgb, sums, ring, blank, edges, wide)
    scratch = (
        point(sums, left),
        point(sums, n_sums[0] * sums.shape[1] + left),
        point(ring, 0),
        point(edges, 0),
        point(blank, 0),
        point(t, 0),
        point(carry, 0),
    )
    weights = point(weights[0], 0), point(weights[1], 0)
    I, p, q = point(guides, m * h * guides.shape[2]), point(sources, n * h * w), point(values, n * h * w)
    cotangents, bars, pitch = (
        _point(g, sources, n * h * w),
        _point(I_bar, sources, n * h * guides.shape[2]),
        sources.size,
    )
    y0, y1 = _first_row(k0, blocks, h), _first_row(k1, blocks, h)
    begin, level1, level2 = max(y0 - radius, 0), k0, k0 + 1  # next blocks for which sums begin anew
    for j in range(begin, y1 + radius):
        if j < h:
            is_start = level1 < blocks and j == max(_first_row(level1, blocks, h) - radius, 0)
            if is_start:
                level1 += 1
                sums[: n_sums[0]] = ZERO
            eps_bar, is_fine = _compute_row(
                I,
                p,
                cotangents,
                is_rgb,
                is_back,
                eps,
                j,
                radius,
                is_start,
                weights,
                scratch,
                shape,
                ends,
                centre,
                n_sums,
            )
            is_finite = is_finite and is_fine
            if is_back is not None and y0 <= j < y1:
                eps_rows[n, j] = eps_bar
        elif j - 2 * radius - 1 >= begin:
            _add_row(scratch[1], scratch[2], n_sums[1], (j - 2 * radius - 1) % shape[5], -1.0, shape)
        i = j - radius
        if i < y0:
            continue
        if level2 < k1 and i == _first_row(level2, blocks, h):
            level2 += 1
            _resum(sums, scratch, n_sums, i, radius, shape)
        is_fine = _store_row(
            I,
            p,
            cotangents,
            is_rgb,
            is_back,
            q,
            bars,
            is_means,
            pitch,
            i,
            radius,
            weights,
            scratch,
            shape,
            ends,
            centre,
            n_sums,
        )
        is_finite = is_finite and is_fine
    return is_finite


@pjit
def run(
    I, p, g, is_rgb, is_back, eps, q, I_bar, is_means, eps_rows, radius, weights, workspace, blocks, is_finite
):
    """Filter images I (m, h, w) or, if `is_rgb` is not None, (m, h, 3 w), with sources p (n, h, w), n = m times whole.

    If `g` is None, q (n, h, w) gets the values or, if `is_means` is not None, q (2 or 4, n, h, w) the means of the
    coefficients. Else q gets the cotangents of p for the cotangents g of the values, I_bar (n, h, w or 3 w) those of I,
    and eps_rows (n, h) those of eps by rows. The images' blocks of rows are shared among as many workers as the
    workspace is for; is_finite (workers,) says whether a worker's sums were.

    `weights` are 1 / (number of pixels in the window) of columns, by planes, and of rows; `workspace` is what
    `workspace` returns.
    """
    sums, ring, edges, blank, t, carry = workspace
    units, workers = p.shape[0] * blocks, sums.shape[0]
    for s in prange(workers):
        arrays = (sums[s], ring[s], edges[s], blank[s], t[s], carry[s])
        unit, until, is_fine = s * units // workers, (s + 1) * units // workers, True
        while unit < until:
            n, k0 = unit // blocks, unit % blocks
            k1 = min(blocks, k0 + until - unit)
            unit += k1 - k0
            strip_is_fine = _strip(
                I,
                p,
                g,
                n,
                is_rgb,
                is_back,
                eps,
                q,
                I_bar,
                is_means,
                eps_rows,
                radius,
                weights,
                arrays,
                blocks,
                k0,
                k1,
            )
            is_fine = is_fine and strip_is_fine
        is_finite[s] = is_fine


def workspace(h, w, radius, workers, kind, dtype):
    """Return arrays that `run` works in; kind is (whether the guide has colours, whether it is the pullback)."""
    n1, n2 = N_SUMS[kind]
    wide = block_columns(w)
    return (
        _aligned((workers, n1 + n2, PLANES * plane_size(w, radius)), np.dtype(np.float64)),
        _aligned((workers, n2, min(2 * radius + 1, h), wide), np.dtype(dtype)),
        np.empty((workers, EDGES, 3 * BLOCK), dtype),
        np.empty((workers, 5 * wide), dtype),
        _aligned((workers, (n1 if kind[0] else n2) * BLOCK), np.dtype(np.float64)),
        np.empty((workers, n1 + n2)),
    )


def _aligned(shape, dtype):
    """Return an empty array that begins at a line of the cache, so that no vector of it lies in two."""
    size = int(np.prod(shape)) * dtype.itemsize
    memory = np.empty(size + 64, np.uint8)
    start = -memory.ctypes.data % 64
    return memory[start : start + size].view(dtype).reshape(shape)


def by_planes(weights):
    """Return weights of columns in blocks, each by planes, and zeros for what fills the last."""
    filled = np.zeros(block_columns(weights.size))
    filled[: weights.size] = weights
    return np.ascontiguousarray(filled.reshape(-1, LANES, PLANES).swapaxes(1, 2)).reshape(-1)
