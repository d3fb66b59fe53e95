"""The feathering block of Fast Deep Matting from photo and mask to matte, and the whole net in one call.

As in `light_dense.py`: flat float32 arrays, unsigned numbers, the caller's workspace; no allocation, no libm.

The block works along rows of the photo, one plane of a channel after the other: pixels are the lanes of a vector and
every weight is a scalar. Of what the first convolution sees (11 channels) and of what it writes (8) there are only ever
three rows, which stay in the fastest cache. Row y is in slot ``y mod 3``. With a radius (eq. 5) coefficients are summed
along rows at once, and down the columns when all rows are there.
"""

import numpy as np

from ._jit import jit, pjit, prange
from ._tiles import load_3x4, load_4x2, spill_x2, spill_x4, step_3x4, step_4x2
from .light_dense import (
    BANDS,
    ONE,
    THREE,
    TWO,
    ZERO,
    U,
    band_rows,
    light_dense_network,
    light_dense_network_on_threads,
    mask_workspace_size,
)

SEEN, HIDDEN, COEFFICIENTS = U(11), U(8), U(3)  # channels
FOUR, EIGHT = U(4), U(8)
MARGIN = U(8)  # numbers left and right of a row, at least one
TILE_1, TILE_2 = U(16), U(32)  # pixels of a tile of the two convolutions
BIAS_1, BIAS_2 = HIDDEN * TILE_1, COEFFICIENTS * TILE_2  # biases are repeated for each pixel of a tile
SECOND = BIAS_1 + U(9) * SEEN * HIDDEN  # where the second convolution's numbers begin


@jit
def row_size(width):
    """Return the size of a row of one channel: whole tiles with margins."""
    return (width + TILE_2 - ONE) // TILE_2 * TILE_2 + TWO * MARGIN


@jit
def _rows_size(width, radius):
    """Return the size of the rows that a band keeps."""
    return (THREE * (SEEN + HIDDEN + ONE) + ONE) * row_size(width) + TWO * radius


@jit
def feathering_workspace_size(height, width, radius, bands):
    """Return the size of the workspace of `feathering_block`; `bands` is 1, on threads `BANDS`."""
    sums = COEFFICIENTS * height * width if radius > ZERO else ZERO
    return sums + U(bands) * _rows_size(width, radius)


@jit
def workspace_size(height, width, radius, bands):
    """Return the size of the workspace of `fast_deep_matting`; `bands` is 1, on threads `BANDS`."""
    mask, feathering = (
        mask_workspace_size(height, width, bands),
        feathering_workspace_size(height, width, radius, bands),
    )
    return max(mask, feathering)


@jit
def _see_row(image, mask, width, y, space, at, row):
    """Write photo, mask, squares and products of a row to 11 planes, with a zero on both sides."""
    for c in range(SEEN):
        space[at + c * row + MARGIN - ONE] = np.float32(0)
        space[at + c * row + MARGIN + width] = np.float32(0)
    at, start = at + MARGIN, y * width
    for x in range(width):
        S = mask[start + x]
        space[at + THREE * row + x] = np.float32(1) - S
        space[at + FOUR * row + x] = S
    for c in range(THREE):
        for x in range(width):
            value, S = image[(start + x) * THREE + c], mask[start + x]
            space[at + c * row + x] = value
            space[at + (c + U(5)) * row + x] = value * value
            space[at + (c + EIGHT) * row + x] = value * S


@jit
def _hide_row(space, seen, hidden, row, height, width, weights, y):
    """Write a row of the hidden channels: a 3x3 convolution of what is seen, then ReLU."""
    first, last = ZERO if y >= ONE else ONE, THREE if y + ONE < height else TWO
    to = hidden + y % THREE * HIDDEN * row + MARGIN
    for o in range(ZERO, HIDDEN, FOUR):
        for x in range(ZERO, width, TILE_1):
            tile = load_4x2(weights, o * TILE_1, TILE_1)
            for u in range(first, last):
                start = seen + (y + u + TWO) % THREE * SEEN * row + MARGIN + x - ONE
                k = BIAS_1 + o + u * THREE * SEEN * HIDDEN
                for v in range(THREE):
                    for c in range(SEEN):
                        tile = step_4x2(tile, weights, k, ONE, space, start + v + c * row)
                        k += HIDDEN
            spill_x2(tile, space, to + o * row + x, row)
    for o in range(HIDDEN):
        for x in range(width):
            space[to + o * row + x] = max(space[to + o * row + x], np.float32(0))
        space[to + o * row - ONE] = np.float32(0)
        space[to + o * row + width] = np.float32(0)


@jit
def _coefficient_row(space, hidden, row, height, width, weights, y, to):
    """Write a row of a, b and c: a 3x3 convolution of the hidden channels."""
    first, last = ZERO if y >= ONE else ONE, THREE if y + ONE < height else TWO
    for x in range(ZERO, width, TILE_2):
        tile = load_3x4(weights, SECOND, TILE_2)
        for u in range(first, last):
            start = hidden + (y + u + TWO) % THREE * HIDDEN * row + MARGIN + x - ONE
            k = SECOND + BIAS_2 + u * THREE * HIDDEN * COEFFICIENTS
            for v in range(THREE):
                for c in range(HIDDEN):
                    tile = step_3x4(tile, weights, k, ONE, space, start + v + c * row)
                    k += COEFFICIENTS
        spill_x4(tile, space, to + x, row)


@jit
def _combine_row(space, abc, row, mask, alpha, width, y):
    """Write a row of the matte: a S_F + b S_B + c."""
    for x in range(width):
        S = mask[y * width + x]
        a, b, c = space[abc + x], space[abc + row + x], space[abc + TWO * row + x]
        alpha[y * width + x] = a * S + b * (np.float32(1) - S) + c


@jit
def _sum_along_row(space, abc, row, height, width, radius, line, y):
    """Write sums of a, b and c over 2 radius + 1 pixels of a row to three planes at the workspace's beginning."""
    for k in range(COEFFICIENTS):
        for x in range(radius):
            space[line + x] = np.float32(0)
            space[line + radius + width + x] = np.float32(0)
        to = (k * height + y) * width
        for x in range(width):
            space[line + radius + x] = space[abc + k * row + x]
            space[to + x] = space[abc + k * row + x]
        for shift in range(TWO * radius + ONE):
            if shift != radius:
                for x in range(width):
                    space[to + x] += space[line + shift + x]


@jit
def _average_row(space, height, width, radius, sums, mask, alpha, y):
    """Write a row of the matte from means over windows; `sums` is where three rows have place."""
    top, bottom = y - min(y, radius), min(y + radius + ONE, height)
    for k in range(COEFFICIENTS):
        to = sums + k * width
        for x in range(width):
            space[to + x] = np.float32(0)
        for r in range(top, bottom):
            at = (k * height + r) * width
            for x in range(width):
                space[to + x] += space[at + x]
    for x in range(width):
        S = mask[y * width + x]
        total = space[sums + x] * S + space[sums + width + x] * (np.float32(1) - S) + space[sums + TWO * width + x]
        columns = min(x, radius) + min(width - ONE - x, radius) + ONE
        alpha[y * width + x] = total / (np.float32(columns) * np.float32(bottom - top))


@jit
def _feather_rows(image, mask, weights, space, at, alpha, height, width, radius, y0, y1):
    """Write rows of the matte, or of the sums along rows if there is a radius; `at` is the band's own workspace."""
    row = row_size(width)
    hidden = at + THREE * SEEN * row
    abc = hidden + THREE * HIDDEN * row
    begin, end = y0 - min(y0, TWO), min(y1 + TWO, height)
    for y in range(begin, y1 + TWO):  # the newest row; its neighbours above are complete now
        if y < end:
            _see_row(image, mask, width, y, space, at + y % THREE * SEEN * row, row)
        if y >= ONE and y - ONE < height and y >= y0 and y - ONE <= y1:
            _hide_row(space, at, hidden, row, height, width, weights, y - ONE)
        if y >= y0 + TWO:
            _coefficient_row(space, hidden, row, height, width, weights, y - TWO, abc)
            if radius == ZERO:
                _combine_row(space, abc, row, mask, alpha, width, y - TWO)
            else:
                _sum_along_row(space, abc, row, height, width, radius, abc + THREE * row, y - TWO)


@jit
def _average_rows(mask, space, at, alpha, height, width, radius, y0, y1):
    for y in range(y0, y1):
        _average_row(space, height, width, radius, at, mask, alpha, y)


@jit
def feathering_block(image, mask, weights, space, alpha, height, width, radius):
    """Write the matte of a photo and its mask.

    `image` (height * width * 3), `mask`, `alpha` (height * width), `weights` (packed), `space`
    (feathering_workspace_size(height, width, radius, 1)): float32. `height`, `width` and `radius` are uint64.
    """
    own = COEFFICIENTS * height * width if radius > ZERO else ZERO
    _feather_rows(image, mask, weights, space, own, alpha, height, width, radius, ZERO, height)
    if radius > ZERO:
        _average_rows(mask, space, own, alpha, height, width, radius, ZERO, height)


@pjit
def feathering_block_on_threads(image, mask, weights, space, alpha, height, width, radius):
    """Do as `feathering_block`, in `BANDS` bands of rows; the workspace is for as many."""
    sums = COEFFICIENTS * height * width if radius > ZERO else ZERO
    for band in prange(BANDS):
        y0, y1 = band_rows(band, height)
        if y1 > y0:
            own = sums + U(band) * _rows_size(width, radius)
            _feather_rows(image, mask, weights, space, own, alpha, height, width, radius, y0, y1)
    if radius > ZERO:
        for band in prange(BANDS):
            y0, y1 = band_rows(band, height)
            own = sums + U(band) * _rows_size(width, radius)
            _average_rows(mask, space, own, alpha, height, width, radius, y0, y1)


@jit
def fast_deep_matting(image, network, block, space, mask, alpha, height, width, radius):
    """Write the mask of a photo, and its matte.

    `image` (height * width * 3), `network` and `block` (packed weights), `space` (workspace_size(height, width,
    radius, 1)), `mask`, `alpha` (height * width): float32. `height`, `width` and `radius` are uint64.
    """
    light_dense_network(image, network, space, mask, height, width)
    feathering_block(image, mask, block, space, alpha, height, width, radius)


def fast_deep_matting_on_threads(image, network, block, space, mask, alpha, height, width, radius):
    """Do as `fast_deep_matting`, on all threads; the workspace is for `BANDS` bands."""
    light_dense_network_on_threads(image, network, space, mask, height, width)
    feathering_block_on_threads(image, mask, block, space, alpha, height, width, radius)
