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
def _sum_columns(line, entries, weights, out):
    """Set every value of `out` to the weighted sum of some values of `line`, the same number for each."""
    for t in range(entries.shape[0]):
        index, weight = entries[t], weights[t]
        if t == 0:
            for k in range(out.size):
                out[k] = weight[k] * line[np.uintp(index[k])]
        else:
            for k in range(out.size):
                out[k] += weight[k] * line[np.uintp(index[k])]


@pjit
def map_rows_and_columns(src, row_starts, rows, row_weights, entries, entry_weights, lines, out):
    """Apply one matrix to the rows, another to the columns of a batch of images.

    `src` (n, h, w * channels), `out` (n, height, width * channels), all weights in the dtype of both. The first
    matrix is CSR, height x h. The second, width x w, is spelled out for each value of an output line:
    `entries` and `entry_weights` (taps, width * channels), with weights of 0 where it has fewer, so that the
    inner loop has no branch. `lines` (strips, w * channels) is workspace, one line for a strip of output rows.
    """
    height = out.shape[1]
    total = out.shape[0] * height
    strips = lines.shape[0]
    for strip in prange(strips):
        for k in range(strip * total // strips, (strip + 1) * total // strips):
            image, y = k // height, k % height
            _sum_rows(src[image], row_starts[y], row_starts[y + 1], rows, row_weights, lines[strip])
            _sum_columns(lines[strip], entries, entry_weights, out[image, y])
