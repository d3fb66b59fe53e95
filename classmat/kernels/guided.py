"""The guided filter and its pullback, each in one pass over the rows: nothing of full size besides the results.

Two levels of window sums follow each other down the image. Level 1 sums products of guide and source over the
window of row ``j``; they give the coefficients of row ``j``, which go into a ring of ``2 radius + 1`` rows.
Level 2 sums coefficients over the window of row ``i = j - radius``; they give row ``i`` of the result. A window's
sum is a running sum of columns (rows enter and leave), then a running sum along the row (`_planes.slide`).

Sums are float64, but those of level 2 for a grey float32 guide are float32 (`sum_types`). They are of values less the
image's first pixel, and begin anew at the first row of every *block of rows*.
Any run of blocks can therefore be computed by itself to the same bits: the result does not depend on how many
threads share the image, and no rounding errors travel further than a block.

A line of sums has zeros left and right of the image, and a row is filled up to whole blocks of 32 columns with the
first pixel: no window is a special case. Rows are handed to the loops over blocks of columns as pointers: counting
references to arrays would cost as much as a tenth of the filter. What is done to a row is in `guided_rows`, to a block
of columns in `guided_grey` and `guided_rgb`; Numba does not compile what depends on an argument that is None.

===== ========================= ==============================================================================
guide level 1 (pullback adds)   level 2 (``_`` is the cotangent of a mean, divided by the number of pixels)
===== ========================= ==============================================================================
grey  I p II Ip (gI/n g/n)      a b; in the pullback a I_ p_ Ip_ II_
rgb   I3 p II6 Ip3 (gI3/n g/n)  a3 b; in the pullback a3 I_3 p_ Ip_3 II_6
===== ========================= ==============================================================================
"""

import numpy as np
from numba.extending import register_jitable

from ._jit import jit, pjit, prange
from ._planes import BLOCK, LANES, PLANES, point
from .guided_rows import add_row, compute_row, resum, store_row, window_ends

N_SUMS = {(False, False): (4, 2), (False, True): (6, 5), (True, False): (13, 4), (True, True): (17, 16)}
EDGES = 10  # ends of rows, filled up to a block: I p g, entering and leaving, then up to four results
ZERO = np.float64(0)


@register_jitable
def block_columns(w):
    """Return `w` rounded up to whole blocks."""
    return -(-w // BLOCK) * BLOCK


@register_jitable
def margin_of(radius):
    """Return the number of zeros left of a plane: windows are slid in from where they are empty."""
    return LANES * ((radius + BLOCK - 1) // BLOCK + radius // BLOCK + 2)


@register_jitable
def plane_size(w, radius):
    """Return the size of a plane; odd in units of a vector, so that planes do not fall on each other in the caches."""
    return LANES * (margin_of(radius) // LANES + block_columns(w) // BLOCK + radius // BLOCK + 2 | 1)


@jit
def _first_row(block, blocks, h):
    return block * h // blocks


@jit
def _point(images, instead, index):
    """Return a pointer to an element of an array or, where there is none, of another that is not looked at."""
    if images is None:
        return point(instead, 0)
    return point(images, index)


@jit
def _begin_strip(I, p, is_rgb, sums, sums2, ring, blank, edges, wide):
    """Clear all sums, fill blank rows and ends of rows with what counts nothing; returns that, the centre."""
    s = 1 if is_rgb is None else 3
    sums[:] = ZERO
    sums2[:] = ZERO
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
    sums, sums2, ring, edges, blank, t, carry, carry2 = arrays
    h, w = sources.shape[1:]
    m, size, wide = n // (sources.shape[0] // guides.shape[0]), sums.shape[1] // PLANES, ring.shape[2]
    n_sums, left, is_finite = (sums.shape[0], sums2.shape[0]), margin_of(radius), True
    shape, ends = (h, w, sums.shape[1], size, wide, ring.shape[1]), window_ends(radius, size)
    centre = _begin_strip(guides[m], sources[n], is_rgb, sums, sums2, ring, blank, edges, wide)
    scratch = (
        point(sums, left),
        point(sums2, left),
        point(ring, 0),
        point(edges, 0),
        point(blank, 0),
        point(t, 0),
        point(carry, 0),
        point(carry2, 0),
    )
    frame = (point(weights[0], 0), point(weights[1], 0), point(weights[2], 0)), scratch, shape, ends, centre
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
                sums[:] = ZERO
            eps_bar, is_fine = compute_row(
                I, p, cotangents, is_rgb, is_back, eps, j, radius, is_start, frame, n_sums
            )
            is_finite = is_finite and is_fine
            if is_back is not None and y0 <= j < y1:
                eps_rows[n, j] = eps_bar
        elif j - 2 * radius - 1 >= begin:
            add_row(scratch[1], scratch[2], n_sums[1], (j - 2 * radius - 1) % shape[5], -1.0, shape)
        i = j - radius
        if i < y0:
            continue
        if level2 < k1 and i == _first_row(level2, blocks, h):
            level2 += 1
            resum(sums2, scratch, n_sums, i, radius, shape)
        is_fine = store_row(I, p, cotangents, is_rgb, is_back, q, bars, is_means, pitch, i, radius, frame, n_sums)
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

    `weights` are 1 / (number of pixels in the window) of columns, by planes, of rows, and of columns for
    level 2; `workspace` is what `workspace` returns.
    """
    sums, sums2, ring, edges, blank, t, carry, carry2 = workspace
    units, workers = p.shape[0] * blocks, sums.shape[0]
    for s in prange(workers):
        arrays = (sums[s], sums2[s], ring[s], edges[s], blank[s], t[s], carry[s], carry2[s])
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


def sum_types(kind, dtype):
    """Return the types of the sums of both levels for images of a type; kind as for `workspace`.

    Level 1 is differences of large numbers: in float32 it would lose digits that a small eps makes visible. Level 2 is
    means of what float32 rings hold.
    """
    return np.dtype(np.float64), np.dtype(np.float64 if any(kind) else dtype)


def workspace(h, w, radius, workers, kind, dtype):
    """Return arrays that `run` works in; kind is (whether the guide has colours, whether it is the pullback)."""
    n1, n2 = N_SUMS[kind]
    wide = block_columns(w)
    level1, level2 = sum_types(kind, dtype)
    return (
        _aligned((workers, n1, PLANES * plane_size(w, radius)), level1),
        _aligned((workers, n2, PLANES * plane_size(w, radius)), level2),
        _aligned((workers, n2, min(2 * radius + 1, h), wide), np.dtype(dtype)),
        np.empty((workers, EDGES, 3 * BLOCK), dtype),
        np.empty((workers, 5 * wide), dtype),
        _aligned((workers, (n1 if kind[0] else n2) * BLOCK), level2),
        np.empty((workers, n1), level1),
        np.empty((workers, n2), level2),
    )


def _aligned(shape, dtype):
    """Return an empty array that begins at a line of the cache, so that no vector of it lies in two."""
    size = int(np.prod(shape)) * dtype.itemsize
    memory = np.empty(size + 64, np.uint8)
    start = -memory.ctypes.data % 64
    return memory[start : start + size].view(dtype).reshape(shape)


def by_planes(weights, dtype):
    """Return weights of columns in blocks, each by planes, and zeros for what fills the last."""
    filled = np.zeros(block_columns(weights.size), dtype)
    filled[: weights.size] = weights
    return np.ascontiguousarray(filled.reshape(-1, LANES, PLANES).swapaxes(1, 2)).reshape(-1)
