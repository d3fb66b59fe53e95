"""The light dense network of Fast Deep Matting from photo to mask, without allocation, libm or BLAS.

Every array is flat float32, every number unsigned; the weights are as `nn/inference.py` packs them, the workspace
holds `workspace_size` numbers of any value. Rows are computed alike whoever computes them: bands of rows on several
threads (`light_dense_network_on_threads`) give the same bits as one thread.

The half-size features lie in planes of 16 channels: photo's features, then those of each dense layer. A layer reads the
planes before its own, so nothing is ever concatenated. Each row ends in `HALO` pixels of zeros, which the next row
sees on its left; taps above and below the image are left out. A row is written in whole register tiles, which end in the
halo, and the halo is cleared after.

The mask needs only the difference of the two scores, which the last layer therefore computes as one: enlarging is
linear, and the softmax of two is the logistic function of their difference.
"""

import numpy as np

from ._jit import jit, pjit, prange
from ._tiles import dot_8x1, fill_6x2, load_6x2, spill_x2, step_6x2, sum_8x1, zero_8x1

U = np.uint64
ZERO, ONE, TWO, THREE, FIVE, SIX, EIGHT, NINE = (U(n) for n in (0, 1, 2, 3, 5, 6, 8, 9))
CHANNELS = U(16)  # of a plane
LAYERS = U(4)  # of dilation 2, 4, 6, 8
HALO = U(8)  # pixels of zeros after each row, at least the largest dilation and one tile
PIXELS = U(6)  # of a tile
TAP = CHANNELS * CHANNELS  # weights of a tap, from one plane
POOLED = U(13)  # the first channel that is a maximum
FIRST = CHANNELS + NINE * THREE * CHANNELS  # weights of the first layer
LAST = U(4 * 9 * 16 + 8)  # weights of the last layer: eight numbers for its bias
ROUND = np.float32(3 << 22)
BANDS = 16  # of rows: units of work for the threads


@jit
def plane_size(height, width):
    """Return how many numbers a plane of 16 channels has for photos of `height` x `width`."""
    return ((height + ONE) // TWO * ((width + ONE) // TWO + HALO) + TWO * HALO) * CHANNELS


@jit
def line_size(width):
    """Return the size of three lines of the photo with zeros around, and of one line of scores."""
    return THREE * THREE * (width + U(24)) + width // TWO + U(16)


@jit
def mask_workspace_size(height, width, bands):
    """Return the size of the workspace of `light_dense_network`; `bands` is 1, on threads `BANDS`."""
    wide = (height + ONE) // TWO * width
    return (LAYERS + ONE) * plane_size(height, width) + wide + U(bands) * line_size(width)


@jit
def _clear_halo(space, at):
    for k in range(HALO * CHANNELS):
        space[at + k] = np.float32(0)


@jit
def _copy_line(image, y, width, lines, at):
    """Copy a row of the photo, with a pixel of zeros on both sides."""
    start = y * width * THREE
    for k in range(THREE):
        lines[at + k] = np.float32(0)
        lines[at + (width + ONE) * THREE + k] = np.float32(0)
    for k in range(width * THREE):
        lines[at + THREE + k] = image[start + k]


@jit
def _initial_row(image, height, width, weights, space, lines, y):
    """Write a row of the first plane: 13 channels of a convolution with stride 2, and three of maxima of 2x2."""
    half, pitch = (width + ONE) // TWO, THREE * (width + U(24))
    to = (HALO + y * (half + HALO)) * CHANNELS
    first, last = ONE if y == ZERO else ZERO, TWO if TWO * y + ONE == height else THREE
    for u in range(first, last):
        _copy_line(image, TWO * y + u - ONE, width, space, lines + u * pitch)
    for i in range(ZERO, half, PIXELS):
        tile = fill_6x2(weights, ZERO)
        for u in range(first, last):
            start, k = lines + u * pitch + i * SIX, CHANNELS + u * NINE * CHANNELS
            for c in range(NINE):
                tile = step_6x2(tile, space, start + c, SIX, weights, k)
                k += CHANNELS
        spill_x2(tile, space, to + i * CHANNELS, CHANNELS)
    top = lines + pitch + THREE
    bottom = top if last == TWO else top + pitch
    for j in range(half):
        right = ZERO if TWO * j + ONE == width else THREE
        for c in range(THREE):
            k = j * SIX + c
            a = max(space[top + k], space[top + k + right])
            b = max(space[bottom + k], space[bottom + k + right])
            space[to + j * CHANNELS + POOLED + c] = max(a, b)
    _clear_halo(space, to + half * CHANNELS)


@jit
def _dense_row(space, height, width, plane, layer, weights, where, y):
    """Write a row of plane ``layer + 1`` from the planes before: 3x3 taps at distance ``2 (layer + 1)``, then ReLU."""
    reach = TWO * layer + TWO
    across, pitch = reach * CHANNELS, (width + HALO) * CHANNELS
    at = HALO * CHANNELS + y * pitch
    to = at + (layer + ONE) * plane
    first, last = ZERO if y >= reach else ONE, THREE if y + reach < height else TWO
    for block in range(layer + ONE):
        source = block * plane + at - reach * pitch - across
        row_weights = where + CHANNELS + block * NINE * TAP
        for i in range(ZERO, width, PIXELS):
            pixel = i * CHANNELS
            tile = fill_6x2(weights, where) if block == ZERO else load_6x2(space, to + pixel, CHANNELS)
            for u in range(first, last):
                start, k = source + pixel + u * reach * pitch, row_weights + u * THREE * TAP
                for _ in range(THREE):
                    for c in range(CHANNELS):
                        tile = step_6x2(tile, space, start + c, CHANNELS, weights, k)
                        k += CHANNELS
                    start += across
            spill_x2(tile, space, to + pixel, CHANNELS)
    for k in range(width * CHANNELS):
        space[to + k] = max(space[to + k], np.float32(0))
    _clear_halo(space, to + width * CHANNELS)


@jit
def _score_row(space, height, width, plane, weights, where, y, line):
    """Write a line of score differences: a 3x3 convolution of the planes of the dense layers."""
    pitch = (width + HALO) * CHANNELS
    at = plane + HALO * CHANNELS + y * pitch - pitch - CHANNELS
    first, last = ZERO if y >= ONE else ONE, THREE if y + ONE < height else TWO
    bias = weights[where]
    for i in range(ZERO, width, EIGHT):
        tile = zero_8x1(space)
        for block in range(LAYERS):
            for u in range(first, last):
                start = at + block * plane + i * CHANNELS + u * pitch
                k = where + EIGHT + (block * THREE + u) * THREE * CHANNELS
                for _ in range(U(6)):  # three taps of twice eight channels, side by side
                    tile = dot_8x1(tile, space, start, CHANNELS, weights, k)
                    start, k = start + EIGHT, k + EIGHT
        sum_8x1(tile, space, line + i)
        for j in range(EIGHT):
            space[line + i + j] += bias


@jit
def _widen(space, line, half, width, wide):
    """Enlarge a line of scores to the width of the photo, as `classmat.filters.resize` does."""
    after, rest, whole = ZERO, half + width, TWO * width
    scale = np.float32(1) / np.float32(whole)
    for x in range(width):
        while rest >= whole:
            rest, after = rest - whole, after + ONE
        a = space[line + (after - ONE if after > ZERO else ZERO)]
        b = space[line + min(after, half - ONE)]
        space[wide + x] = a + (b - a) * (np.float32(rest) * scale)
        rest += TWO * half


@jit
def exponential(d):
    """Return exp(d), d clipped to [-80, 80]; 2^n by its bits, 2^f for f in [-1/2, 1/2] by Taylor's polynomial.

    Adding `ROUND` rounds to whole numbers, which are then the sum's last bits: no conversion, which would be by way of
    64 bits.
    """
    z = min(max(d, np.float32(-80)), np.float32(80)) * np.float32(1.4426950408889634)
    rounded = z + ROUND
    f = (z - (rounded - ROUND)) * np.float32(0.6931471805599453)
    p = np.float32(1 / 720)
    p = p * f + np.float32(1 / 120)
    p = p * f + np.float32(1 / 24)
    p = p * f + np.float32(1 / 6)
    p = p * f + np.float32(0.5)
    p = p * f + np.float32(1)
    p = p * f + np.float32(1)
    n = np.float32(rounded).view(np.int32)
    return p * np.int32((n + np.int32(127)) << np.int32(23)).view(np.float32)


@jit
def _logistic(d):
    return np.float32(1) / (np.float32(1) + exponential(-d))


@jit
def _mask_row(space, wide, height, width, y, mask):
    """Write a row of the mask: the scores enlarged to the height of the photo, as probabilities."""
    half = (height + ONE) // TWO
    place = (TWO * y + ONE) * half + height
    after, rest = place // (TWO * height), place % (TWO * height)
    t = np.float32(rest) / np.float32(TWO * height)
    above = wide + (after - ONE if after > ZERO else ZERO) * width
    below = wide + min(after, half - ONE) * width
    for x in range(width):
        a, b = space[above + x], space[below + x]
        mask[y * width + x] = _logistic(a + (b - a) * t)


@jit
def _initial_rows(image, height, width, weights, space, lines, y0, y1):
    for y in range(y0, y1):
        _initial_row(image, height, width, weights, space, lines, y)


@jit
def _layer_start(layer):
    """Return where the weights of a dense layer begin, or those of the last layer."""
    return FIRST + layer * CHANNELS + layer * (layer + ONE) // TWO * NINE * TAP


@jit
def _dense_rows(height, width, weights, space, layer, y0, y1):
    half, plane = (width + ONE) // TWO, plane_size(height, width)
    for y in range(y0, y1):
        _dense_row(space, (height + ONE) // TWO, half, plane, layer, weights, _layer_start(layer), y)


@jit
def _score_rows(height, width, weights, space, lines, wide, y0, y1):
    half, plane = (width + ONE) // TWO, plane_size(height, width)
    for y in range(y0, y1):
        _score_row(space, (height + ONE) // TWO, half, plane, weights, _layer_start(LAYERS), y, lines)
        _widen(space, lines, half, width, wide + y * width)


@jit
def _mask_rows(space, wide, height, width, mask, y0, y1):
    for y in range(y0, y1):
        _mask_row(space, wide, height, width, y, mask)


@jit
def band_rows(band, rows):
    """Return the first row of a band, and the one after its last."""
    return U(band) * rows // U(BANDS), (U(band) + ONE) * rows // U(BANDS)


@jit
def light_dense_network(image, weights, space, mask, height, width):
    """Write the foreground's probability for each pixel.

    `image` (height * width * 3), `weights` (packed), `space` (mask_workspace_size(height, width, 1)),
    `mask` (height * width): float32. `height` and `width` are uint64.
    """
    half, plane = (height + ONE) // TWO, plane_size(height, width)
    wide = (LAYERS + ONE) * plane
    lines = wide + half * width
    for k in range(LAYERS + ONE):
        _clear_halo(space, k * plane)
    _initial_rows(image, height, width, weights, space, lines, ZERO, half)
    for layer in range(LAYERS):
        _dense_rows(height, width, weights, space, layer, ZERO, half)
    _score_rows(height, width, weights, space, lines, wide, ZERO, half)
    _mask_rows(space, wide, height, width, mask, ZERO, height)


@pjit
def light_dense_network_on_threads(image, weights, space, mask, height, width):
    """Do as `light_dense_network`, in `BANDS` bands of rows; the workspace is for as many."""
    half, plane = (height + ONE) // TWO, plane_size(height, width)
    wide = (LAYERS + ONE) * plane
    lines = wide + half * width
    for k in range(LAYERS + ONE):
        _clear_halo(space, k * plane)
    for band in prange(BANDS):
        y0, y1 = band_rows(band, half)
        _initial_rows(image, height, width, weights, space, lines + U(band) * line_size(width), y0, y1)
    for layer in range(LAYERS):
        for band in prange(BANDS):
            y0, y1 = band_rows(band, half)
            _dense_rows(height, width, weights, space, layer, y0, y1)
    for band in prange(BANDS):
        y0, y1 = band_rows(band, half)
        _score_rows(height, width, weights, space, lines + U(band) * line_size(width), wide, y0, y1)
    for band in prange(BANDS):
        y0, y1 = band_rows(band, height)
        _mask_rows(space, wide, height, width, mask, y0, y1)
