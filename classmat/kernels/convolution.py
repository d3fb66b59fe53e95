"""Convolution, its two gradients, and their depthwise forms: channels last, flat arrays, offsets instead of shapes.

One loop serves the forward pass and the gradient of the input: for each output pixel the sum over taps and input
channels of ``x[pixel + tap, channel] * w[tap, channel, :]``. Where the input is, `taps` and strides say: a stride
or a dilation is only another number. Arrays carry a halo, so that no tap needs a test; output channels come in
vectors of eight (weights and results are padded to them), two vectors at a time where there are as many.
"""

import numpy as np

from ._jit import jit, pjit, prange
from ._tiles import (
    fill_1x1,
    fill_1x2,
    fill_6x2,
    fill_12x1,
    load_4x2,
    load_8x1,
    spill_x1,
    spill_x2,
    step_1x1,
    step_1x2,
    step_4x2,
    step_6x2,
    step_8x1,
    step_12x1,
)

ZERO, ONE = np.uint64(0), np.uint64(1)
FOUR, SIX, EIGHT, TWELVE, SIXTEEN = (np.uint64(n) for n in (4, 6, 8, 12, 16))


@jit
def _row_of_16(x, at, px, taps, depth, w, where, b, bias, y, to, step, width):
    """Write 16 output channels of a row of pixels; the last tile overlaps the one before."""
    i = ZERO
    while i < width:
        if width >= SIX:
            i = min(i, width - SIX)
            tile = fill_6x2(b, bias)
            k = where
            for tap in taps:
                start = at + i * px + tap
                for c in range(depth):
                    tile = step_6x2(tile, x, start + np.uint64(c), px, w, k)
                    k += SIXTEEN
            spill_x2(tile, y, to + i * step, step)
            i += SIX
        else:
            one = fill_1x2(b, bias)
            k = where
            for tap in taps:
                start = at + i * px + tap
                for c in range(depth):
                    one = step_1x2(one, x, start + np.uint64(c), px, w, k)
                    k += SIXTEEN
            spill_x2(one, y, to + i * step, step)
            i += ONE


@jit
def _row_of_8(x, at, px, taps, depth, w, where, b, bias, y, to, step, width):
    """Write 8 output channels of a row of pixels, as `_row_of_16` does."""
    i = ZERO
    while i < width:
        if width >= TWELVE:
            i = min(i, width - TWELVE)
            tile = fill_12x1(b, bias)
            k = where
            for tap in taps:
                start = at + i * px + tap
                for c in range(depth):
                    tile = step_12x1(tile, x, start + np.uint64(c), px, w, k)
                    k += EIGHT
            spill_x1(tile, y, to + i * step, step)
            i += TWELVE
        else:
            one = fill_1x1(b, bias)
            k = where
            for tap in taps:
                start = at + i * px + tap
                for c in range(depth):
                    one = step_1x1(one, x, start + np.uint64(c), px, w, k)
                    k += EIGHT
            spill_x1(one, y, to + i * step, step)
            i += ONE


@jit
def correlate_row(x, at, px, taps, depth, w, b, y, to, step, width, channels):
    """Write `channels` output channels, a multiple of 8, of a row.

    `w` is one block (taps, depth, 16) after another, the last one (taps, depth, 8) if 8 are left; `b` (channels,).
    """
    size = np.uint64(len(taps)) * np.uint64(depth)
    c = ZERO
    while c + SIXTEEN <= channels:
        _row_of_16(x, at, px, taps, depth, w, size * c, b, c, y, to + c, step, width)
        c += SIXTEEN
    if c < channels:
        _row_of_8(x, at, px, taps, depth, w, size * c, b, c, y, to + c, step, width)


@pjit
def correlate(x, source, taps, depth, w, b, y, target, images, rows, width, channels):
    """Run `correlate_row` over images and rows.

    `source` and `target` are (start, image, row, pixel): where the first pixel is, and how far it is from there to
    the next image, row and pixel; all uint64, flat.
    """
    for j in prange(images * rows):
        n, r = np.uint64(j // rows), np.uint64(j % rows)
        at = source[0] + n * source[1] + r * source[2]
        to = target[0] + n * target[1] + r * target[2]
        correlate_row(x, at, source[3], taps, depth, w, b, y, to, target[3], np.uint64(width), np.uint64(channels))


@jit
def _add_products_16(x, at, px, depth, g, to, step, width, w_bar, where):
    """Add ``sum over pixels of x[pixel, c] * g[pixel, 0:16]`` to the 16 numbers of each input channel c."""
    c = ZERO
    while c < depth:
        a, k = at + c, to
        if c + FOUR <= depth:
            tile = load_4x2(w_bar, where + c * SIXTEEN, SIXTEEN)
            for _ in range(width):
                tile = step_4x2(tile, x, a, ONE, g, k)
                a, k = a + px, k + step
            spill_x2(tile, w_bar, where + c * SIXTEEN, SIXTEEN)
            c += FOUR
        else:
            one = fill_1x2(w_bar, where + c * SIXTEEN)
            for _ in range(width):
                one = step_1x2(one, x, a, ONE, g, k)
                a, k = a + px, k + step
            spill_x2(one, w_bar, where + c * SIXTEEN, SIXTEEN)
            c += ONE


@jit
def _add_products_8(x, at, px, depth, g, to, step, width, w_bar, where):
    """Add ``sum over pixels of x[pixel, c] * g[pixel, 0:8]``, as `_add_products_16` does."""
    c = ZERO
    while c < depth:
        a, k = at + c, to
        if c + EIGHT <= depth:
            tile = load_8x1(w_bar, where + c * EIGHT, EIGHT)
            for _ in range(width):
                tile = step_8x1(tile, x, a, ONE, g, k)
                a, k = a + px, k + step
            spill_x1(tile, w_bar, where + c * EIGHT, EIGHT)
            c += EIGHT
        else:
            one = fill_1x1(w_bar, where + c * EIGHT)
            for _ in range(width):
                one = step_1x1(one, x, a, ONE, g, k)
                a, k = a + px, k + step
            spill_x1(one, w_bar, where + c * EIGHT, EIGHT)
            c += ONE


@pjit
def correlate_weights(x, source, taps, depth, g, target, images, rows, width, channels, w_bar):
    """Sum the gradient of the weights over parts of the rows: `w_bar` (parts, taps * depth * channels), zero before.

    Each part owns its sums; how many there are does not depend on the threads, and so neither does the result.
    """
    parts = len(w_bar)
    for part in prange(parts):
        sums = w_bar[part]
        size = np.uint64(len(taps)) * np.uint64(depth)
        for j in range(part * images * rows // parts, (part + 1) * images * rows // parts):
            n, r = np.uint64(j // rows), np.uint64(j % rows)
            at = source[0] + n * source[1] + r * source[2]
            to = target[0] + n * target[1] + r * target[2]
            for t in range(len(taps)):
                c, a, k = ZERO, at + taps[t], np.uint64(t) * np.uint64(depth)
                while c + SIXTEEN <= channels:
                    where = size * c + k * SIXTEEN
                    _add_products_16(x, a, source[3], depth, g, to + c, target[3], width, sums, where)
                    c += SIXTEEN
                if c < channels:
                    where = size * c + k * EIGHT
                    _add_products_8(x, a, source[3], depth, g, to + c, target[3], width, sums, where)


@pjit
def sum_channels(g, sums):
    """Sum each channel of `g` (pixels, channels) over parts of the pixels: `sums` (parts, channels), zero before."""
    parts = len(sums)
    for part in prange(parts):
        own = sums[part]
        for i in range(part * len(g) // parts, (part + 1) * len(g) // parts):
            row = g[i]
            for c in range(np.uint64(g.shape[1])):
                own[c] += row[c]


@pjit
def correlate_depthwise(x, source, taps, w, b, y, target, images, rows, width, channels):
    """``y[pixel, c] = b[c] + sum over taps of x[pixel + tap, c] * w[tap, c]``; arguments as of `correlate`."""
    for j in prange(images * rows):
        n, r = np.uint64(j // rows), np.uint64(j % rows)
        at = source[0] + n * source[1] + r * source[2]
        to = target[0] + n * target[1] + r * target[2]
        for _ in range(width):
            result = y[to : to + np.uint64(channels)]
            result[:] = b
            for t in range(len(taps)):
                pixel = x[at + taps[t] : at + taps[t] + np.uint64(channels)]
                row = w[t]
                for c in range(channels):
                    result[c] += pixel[c] * row[c]
            at += source[3]
            to += target[3]


@pjit
def correlate_depthwise_weights(x, source, taps, g, target, images, rows, width, channels, w_bar):
    """Sum ``x[pixel + tap, c] * g[pixel, c]`` over parts of the rows: `w_bar` (parts, taps, channels), zero before."""
    parts = len(w_bar)
    for part in prange(parts):
        for j in range(part * images * rows // parts, (part + 1) * images * rows // parts):
            n, r = np.uint64(j // rows), np.uint64(j % rows)
            at = source[0] + n * source[1] + r * source[2]
            to = target[0] + n * target[1] + r * target[2]
            for _ in range(width):
                bar = g[to : to + np.uint64(channels)]
                for t in range(len(taps)):
                    pixel = x[at + taps[t] : at + taps[t] + np.uint64(channels)]
                    row = w_bar[part, t]
                    for c in range(channels):
                        row[c] += pixel[c] * bar[c]
                at += source[3]
                to += target[3]
