"""Weighted sums of rows and of columns: a separable linear map given by two sparse matrices.

Bilinear and nearest resizing have at most two entries a row; their transposes, which carry derivatives back,
as many as one pixel was read. One kernel serves both directions, so it is the only one to trust.
"""

import numpy as np

from ._jit import jit, pjit, prange


@jit
def _sum_rows(image, start, stop, indices, weights, line):
    """Set `line` to the weighted sum of some rows of an (h, w * c) image."""
    if start == stop:
        line[:] = 0
    for t in range(start, stop):
        row, weight = image[indices[t]], weights[t]
        if t == start:
            for k in range(line.size):
                line[k] = weight * row[k]
        else:
            for k in range(line.size):
                line[k] += weight * row[k]


@jit
def _sum_columns(line, starts, indices, weights, channels, out):
    """Set `out` to weighted sums of the pixels of a line."""
    for x in range(starts.size - 1):
        for c in range(channels):
            total = out[0] * 0  # in the working dtype
            for t in range(starts[x], starts[x + 1]):
                total += weights[t] * line[np.uintp(indices[t] * channels + c)]
            out[x * channels + c] = total


@pjit
def map_rows_and_columns(
    src, row_starts, rows, row_weights, column_starts, columns, column_weights, channels, lines, out
):
    """Apply one CSR matrix to the rows, another to the columns of a batch of images.

    `src` (n, h, w * channels), `out` (n, rows of the first matrix, rows of the second * channels), weights in
    the dtype of both; `lines` (strips, w * channels) is workspace, one line for each strip of output rows.
    """
    height = out.shape[1]
    total = out.shape[0] * height
    strips = lines.shape[0]
    for strip in prange(strips):
        for k in range(strip * total // strips, (strip + 1) * total // strips):
            image, y = k // height, k % height
            _sum_rows(src[image], row_starts[y], row_starts[y + 1], rows, row_weights, lines[strip])
            _sum_columns(lines[strip], column_starts, columns, column_weights, channels, out[image, y])
