"""Maxima over windows, where they are, and the way back; channels last."""

import numpy as np

from ._jit import jit, pjit, prange


@jit
def max_row(x, r, size, stride, padding, y, where):
    """Write the largest values of a row of windows (w, c) of an image, and where they are unless `where` is None."""
    height, width, channels = x.shape
    top, bottom = max(0, r * stride - padding), min(height, r * stride - padding + size)
    for i in range(y.shape[0]):
        left, right = max(0, i * stride - padding), min(width, i * stride - padding + size)
        best = y[i]
        for c in range(channels):
            best[c] = x[top, left, c]
        if where is not None:
            place = where[i]
            place[:] = top * width + left
        for v in range(top, bottom):
            for u in range(left, right):
                pixel = x[v, u]
                if where is None:
                    for c in range(channels):
                        best[c] = pixel[c] if pixel[c] > best[c] else best[c]
                else:
                    for c in range(channels):
                        if pixel[c] > best[c]:
                            best[c], place[c] = pixel[c], v * width + u


@pjit
def find_maxima(x, size, stride, padding, y, where):
    """Write the largest value of each window (n, h, w, c), and its place in the flat image, row * width + column.

    The first of equals counts. Windows are clipped at the border.
    """
    for j in prange(y.shape[0] * y.shape[1]):
        n, r = j // y.shape[1], j % y.shape[1]
        max_row(x[n], r, size, stride, padding, y[n, r], where[n, r])


@pjit
def spread(y, where, size, stride, padding, x):
    """Write to each pixel of x the sum of y over the windows whose maximum it is: the adjoint of `collect`."""
    height, width, channels = x.shape[1:]
    for j in prange(x.shape[0] * height):
        n, v = j // height, j % height
        x[n, v] = 0
        first = max(0, -(-(v + padding - size + 1) // stride))
        last = min(y.shape[1] - 1, (v + padding) // stride)
        for r in range(first, last + 1):
            for i in range(y.shape[2]):
                value, place = y[n, r, i], where[n, r, i]
                for c in range(channels):
                    u = place[c] - v * width
                    if 0 <= u < width:
                        x[n, v, np.uint64(u), c] += value[c]


@pjit
def collect(x, where, y):
    """Read the pixels (n, h, w, c) that `where` names."""
    width, channels = x.shape[2:]
    for j in prange(y.shape[0] * y.shape[1]):
        n, r = j // y.shape[1], j % y.shape[1]
        for i in range(y.shape[2]):
            for c in range(channels):
                place = where[n, r, i, c]
                y[n, r, i, c] = x[n, place // width, place % width, c]
