"""Filters of one plane on flat arrays, serial, in the caller's workspace: what phones run.

The sums are those of `box` and `guided`, whose strips of rows one thread computes here from end to end. Images are flat
float32, numbers unsigned; `doubles` and `singles` are workspace of any value, float64 and float32, as large as the
functions ``.._doubles`` and ``.._singles`` say. Nothing is allocated or checked, no libm is called.
"""

import numpy as np
from numba import carray

from . import box, guided, interpolate
from ._jit import jit
from ._planes import BLOCK, LANES, PLANES, point

ONE = np.float64(1)
U, I64 = np.uint64, np.int64
GREY, RGB = (4, 2), (13, 4)  # window sums of both levels of the guided filter
SPARE = 64  # numbers between parts of a workspace, so that none is empty


@jit
def _line(numbers, start, size):
    return carray(point(numbers, np.intp(start)), (np.intp(size),))


@jit
def _plane(numbers, start, height, width):
    """Return part of a flat array as (height, width)."""
    return carray(point(numbers, np.intp(start)), (np.intp(height), np.intp(width)))


@jit
def _stack(numbers, start, count, height, width):
    return carray(point(numbers, np.intp(start)), (np.intp(count), np.intp(height), np.intp(width)))


@jit
def _clipped(radius, height, width):
    """Return the smallest radius with the same windows."""
    return min(I64(radius), max(I64(height), I64(width)) - 1)


@jit
def _set_inverse_counts(weights, radius):
    """Set weights to 1 / (number of pixels) of the windows along a line of pixels."""
    for k in range(weights.size):
        weights[k] = ONE / np.float64(min(k, radius) + min(weights.size - 1 - k, radius) + 1)


# Box means


@jit
def box_doubles(height, width, radius):
    """Return the size of the workspace of `box_filter`."""
    h, w, r = I64(height), I64(width), _clipped(radius, height, width)
    return U(2 * h + w + box.line_size(w, r) + box.PIECE + box.LANES)


@jit
def box_filter(src, out, height, width, radius, doubles):
    """Write the means over windows of 2 radius + 1 pixels, clipped at the border, of a plane."""
    h, w, r = I64(height), I64(width), _clipped(radius, height, width)
    ones, columns, rows, at = _line(doubles, 0, h), _line(doubles, h, w), _line(doubles, h + w, h), 2 * h + w
    t, sums = (
        _line(doubles, at, box.PIECE + box.LANES),
        _line(doubles, at + box.PIECE + box.LANES, box.line_size(w, r)),
    )
    ones[:] = ONE
    _set_inverse_counts(columns, r)
    _set_inverse_counts(rows, r)
    source, result, blocks = _plane(src, 0, h, w), _plane(out, 0, h, w), box.block_count(h, r)
    box._strip(source, result, r, None, ones, columns, rows, sums, t, blocks, 0, blocks)


# Guided filters


@jit
def _level1_size(n_sums, h, w, r):
    """Return the size of the sums of level 1, and the weights, of the guided filter."""
    return n_sums[0] * (PLANES * guided.plane_size(w, r) + 1) + 2 * w + h + BLOCK + 2 * SPARE


@jit
def _level2_size(n_sums, h, w, r):
    """Return the size of the sums of level 2, and of a block of all sums."""
    return (
        n_sums[1] * (PLANES * guided.plane_size(w, r) + 1)
        + n_sums[0] * BLOCK
        + guided.block_columns(w)
        + 2 * SPARE
    )


@jit
def _ring_size(n_sums, h, w, r):
    wide = guided.block_columns(w)
    return (n_sums[1] * min(2 * r + 1, h) + 5) * wide + guided.EDGES * 3 * BLOCK


@jit
def _by_planes(weights, columns):
    """Write weights of columns in blocks, each by planes, and zeros for what fills the last."""
    columns[:] = 0
    for x in range(weights.size):
        columns[x // BLOCK * BLOCK + x % PLANES * LANES + x % BLOCK // PLANES] = weights[x]


@jit
def _guided(guide, src, out, is_rgb, is_means, h, w, r, eps, doubles, level2, at2, singles):
    """Run the guided filter on one image from end to end; level 2 is in `level2` from `at2` on."""
    s, n_sums = (1, GREY) if is_rgb is None else (3, RGB)
    size, wide, slots = PLANES * guided.plane_size(w, r), guided.block_columns(w), min(2 * r + 1, h)
    n1, n2 = n_sums
    at = n1 * size
    line, rows, columns1 = _line(doubles, at, w), _line(doubles, at + w, h), _line(doubles, at + w + h, wide)
    carry = _line(doubles, at + w + h + wide, n1)
    at = at2 + n2 * size
    columns2, t, carry2 = (
        _line(level2, at, wide),
        _line(level2, at + wide, n1 * BLOCK),
        _line(level2, at + wide + n1 * BLOCK, n2),
    )
    ring, at = _stack(singles, 0, n2, slots, wide), n2 * slots * wide
    blank, edges = _line(singles, at, 5 * wide), _plane(singles, at + 5 * wide, guided.EDGES, 3 * BLOCK)
    _set_inverse_counts(line, r)
    _set_inverse_counts(rows, r)
    _by_planes(line, columns1)
    _by_planes(line, columns2)
    sums, sums2 = _plane(doubles, 0, n1, size), _plane(level2, at2, n2, size)
    arrays, blocks = (sums, sums2, ring, edges, blank, t, carry, carry2), box.block_count(h, r)
    I, p = _stack(guide, 0, 1, h, s * w), _stack(src, 0, 1, h, w)
    weights = (columns1, rows, columns2)
    guided._strip(
        I,
        p,
        None,
        0,
        is_rgb,
        None,
        eps,
        out,
        None,
        is_means,
        None,
        r,
        weights,
        arrays,
        blocks,
        0,
        blocks,
    )


@jit
def _copy(src, out, size):
    for k in range(size):
        out[k] = src[k]


@jit
def guided_doubles(height, width, radius):
    """Return the size of the float64 workspace of `guided_filter`."""
    return U(_level1_size(GREY, I64(height), I64(width), _clipped(radius, height, width)))


@jit
def guided_singles(height, width, radius):
    """Return the size of the float32 workspace of `guided_filter`."""
    h, w, r = I64(height), I64(width), _clipped(radius, height, width)
    return U(_ring_size(GREY, h, w, r) + _level2_size(GREY, h, w, r))


@jit
def guided_filter(guide, src, out, height, width, radius, eps, doubles, singles):
    """Filter a plane with a grey guide."""
    h, w, r = I64(height), I64(width), _clipped(radius, height, width)
    if r == 0:
        _copy(src, out, h * w)
    else:
        at = _ring_size(GREY, h, w, r)
        q = _stack(out, 0, 1, h, w)
        _guided(guide, src, q, None, None, h, w, r, np.float64(eps), doubles, singles, at, singles)


@jit
def guided_rgb_doubles(height, width, radius):
    """Return the size of the float64 workspace of `guided_filter_rgb`."""
    h, w, r = I64(height), I64(width), _clipped(radius, height, width)
    return U(_level1_size(RGB, h, w, r) + _level2_size(RGB, h, w, r))


@jit
def guided_rgb_singles(height, width, radius):
    """Return the size of the float32 workspace of `guided_filter_rgb`."""
    return U(_ring_size(RGB, I64(height), I64(width), _clipped(radius, height, width)))


@jit
def guided_filter_rgb(guide, src, out, height, width, radius, eps, doubles, singles):
    """Filter a plane with a guide of three colours."""
    h, w, r = I64(height), I64(width), _clipped(radius, height, width)
    if r == 0:
        _copy(src, out, h * w)
    else:
        at = _level1_size(RGB, h, w, r)
        q = _stack(out, 0, 1, h, w)
        _guided(guide, src, q, 1, None, h, w, r, np.float64(eps), doubles, doubles, at, singles)


# Fast guided filters: coefficients of every subsample-th pixel


@jit
def _first_sample(size, step):
    return (min(step, size) - 1) // 2


@jit
def _small(size, step):
    """Return how many samples a line of pixels has."""
    return (size - 1 - _first_sample(size, step)) // step + 1


@jit
def _small_shape(height, width, radius, subsample):
    """Return height, width and radius of the filter of the samples."""
    h, w, step = I64(height), I64(width), I64(subsample)
    r = _clipped(radius, h, w)
    half = r // step  # rounded to the nearest, halves to even
    rest = 2 * (r - half * step)
    if rest > step or (rest == step and half % 2 == 1):
        half += 1
    hs, ws = _small(h, step), _small(w, step)
    return hs, ws, min(max(half, min(r, 1)), max(hs, ws) - 1)


@jit
def _sample(src, channels, h, w, step, small):
    """Copy every step-th pixel."""
    y0, x0, k = _first_sample(h, step), _first_sample(w, step), U(0)
    for i in range(_small(h, step)):
        for j in range(_small(w, step)):
            at = U(((y0 + i * step) * w + x0 + j * step) * channels)
            for c in range(U(channels)):
                small[k] = src[at + c]
                k += U(1)


@jit
def fast_guided_doubles(height, width, radius, subsample):
    """Return the size of the float64 workspace of `fast_guided_filter`."""
    hs, ws, r = _small_shape(height, width, radius, subsample)
    return guided_doubles(hs, ws, r)


@jit
def fast_guided_singles(height, width, radius, subsample):
    """Return the size of the float32 workspace of `fast_guided_filter`."""
    hs, ws, r = _small_shape(height, width, radius, subsample)
    return guided_singles(hs, ws, r) + U(4 * hs * ws + 4 * I64(width))


@jit
def fast_guided_rgb_doubles(height, width, radius, subsample):
    """Return the size of the float64 workspace of `fast_guided_filter_rgb`."""
    hs, ws, r = _small_shape(height, width, radius, subsample)
    return guided_rgb_doubles(hs, ws, r)


@jit
def fast_guided_rgb_singles(height, width, radius, subsample):
    """Return the size of the float32 workspace of `fast_guided_filter_rgb`."""
    hs, ws, r = _small_shape(height, width, radius, subsample)
    return guided_rgb_singles(hs, ws, r) + U(8 * hs * ws + 8 * I64(width))


@jit
def _set_means(means, small, src, is_rgb):
    """Coefficients of windows of one pixel: a = 0, b = p."""
    n = small.size if is_rgb is None else 3 * src.size
    for k in range(n):
        means[k] = 0
    for k in range(src.size):
        means[n + k] = src[k]


@jit
def _fast_guided(guide, src, out, is_rgb, h, w, step, shape, eps, doubles, singles, level2, at2, at):
    hs, ws, r = shape
    s, n = (1, 2) if is_rgb is None else (3, 4)
    I, p = _line(singles, at, s * hs * ws), _line(singles, at + s * hs * ws, hs * ws)
    at += (s + 1) * hs * ws
    means = carray(point(singles, at), (n, 1, hs, ws))
    lines = carray(point(singles, at + n * hs * ws), (2, n, w))
    _sample(guide, s, h, w, step, I)
    _sample(src, 1, h, w, step, p)
    if r == 0:
        _set_means(_line(singles, at, n * hs * ws), I, p, is_rgb)
    else:
        _guided(I, p, means, is_rgb, 1, hs, ws, r, eps, doubles, level2, at2, singles)
    full, q = _plane(guide, 0, h, s * w), _plane(out, 0, h, w)
    y, x = _first_sample(h, step), _first_sample(w, step)
    interpolate.apply_strip(_stack(singles, at, n, hs, ws), full, q, y, x, step, lines, 0, h)


@jit
def fast_guided_filter(guide, src, out, height, width, radius, subsample, eps, doubles, singles):
    """Filter a plane with a grey guide, by coefficients of every subsample-th pixel."""
    shape = _small_shape(height, width, radius, subsample)
    hs, ws, r = shape
    at2 = _ring_size(GREY, hs, ws, r)
    _fast_guided(
        guide,
        src,
        out,
        None,
        I64(height),
        I64(width),
        I64(subsample),
        shape,
        np.float64(eps),
        doubles,
        singles,
        singles,
        at2,
        I64(guided_singles(hs, ws, r)),
    )


@jit
def fast_guided_filter_rgb(guide, src, out, height, width, radius, subsample, eps, doubles, singles):
    """Filter a plane with a guide of three colours, by coefficients of every subsample-th pixel."""
    shape = _small_shape(height, width, radius, subsample)
    hs, ws, r = shape
    at2 = _level1_size(RGB, hs, ws, r)
    _fast_guided(
        guide,
        src,
        out,
        1,
        I64(height),
        I64(width),
        I64(subsample),
        shape,
        np.float64(eps),
        doubles,
        singles,
        doubles,
        at2,
        I64(guided_rgb_singles(hs, ws, r)),
    )


# Feathering and compositing


@jit
def feathering_doubles(height, width, radius):
    """Return the size of the float64 workspace of `feathering`."""
    return box_doubles(height, width, radius)


@jit
def feathering_singles(height, width, radius):
    """Return the size of the float32 workspace of `feathering`."""
    return U(3) * height * width if radius > U(0) else U(1)


@jit
def _combine(a, b, c, S_F, S_B, alpha):
    for k in range(alpha.size):
        alpha[k] = a[k] * S_F[k] + b[k] * S_B[k] + c[k]


@jit
def feathering(a, b, c, S_F, S_B, alpha, height, width, radius, doubles, singles):
    """Write alpha = mean(a) S_F + mean(b) S_B + mean(c), eqs. 2 and 5 of Zhu et al."""
    n = I64(height * width)
    result = _line(alpha, 0, n)
    if radius == U(0):
        _combine(a, b, c, S_F, S_B, result)
    else:
        mean_a, mean_b, mean_c = _line(singles, 0, n), _line(singles, n, n), _line(singles, 2 * n, n)
        box_filter(a, mean_a, height, width, radius, doubles)
        box_filter(b, mean_b, height, width, radius, doubles)
        box_filter(c, mean_c, height, width, radius, doubles)
        _combine(mean_a, mean_b, mean_c, S_F, S_B, result)


@jit
def composite(foreground, alpha, background, out, height, width):
    """Write alpha F + (1 - alpha) B, colours of three channels."""
    three = U(3)
    for k in range(height * width):
        a, i = alpha[k], three * k
        b = np.float32(1) - a
        out[i] = a * foreground[i] + b * background[i]
        out[i + U(1)] = a * foreground[i + U(1)] + b * background[i + U(1)]
        out[i + U(2)] = a * foreground[i + U(2)] + b * background[i + U(2)]
