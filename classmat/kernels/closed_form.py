"""Entries of the closed-form matting Laplacian, gathered row by row.

A window is a block of `height x width` pixels inside the image, named by its upper left pixel. Its matrix is
``I - 1 1^T / |w| - Z Z^T / |w|``, where row i of Z holds the whitened colour of pixel i: ``z = R^-T (I_i - mean)``
with ``R^T R = covariance + eps / |w|``.

Numerical route: R comes from a modified Gram-Schmidt QR of the centred colours stacked on ``sqrt(eps)``, not
from the covariance. Forming the covariance squares the condition number: on two-colour windows at eps 1e-9 an
LDL^T of it still loses half of the digits, a cofactor inverse all of them, and the matrix stops being positive
semi-definite.
"""

import numpy as np

from ._jit import jit, pjit, prange


@jit
def _factorise(image, top, left, height, width, eps, mean, factor, stack):
    """Write a window's mean colour and the upper triangle of R (diagonal inverted) as 6 numbers."""
    size = height * width
    for c in range(3):
        total = np.float64(0)
        for y in range(height):
            for x in range(width):
                total += image[top + y, left + x, c]
        mean[c] = total / size
        for y in range(height):
            for x in range(width):
                stack[y * width + x, c] = image[top + y, left + x, c] - mean[c]
        for k in range(3):
            stack[size + k, c] = np.sqrt(eps) if k == c else np.float64(0)
    scale = np.sqrt(np.float64(size))
    index = 0
    for c in range(3):  # column c of Q replaces column c of the stack; row c of R is written as it appears
        norm = np.float64(0)
        for p in range(size + 3):
            norm += stack[p, c] * stack[p, c]
        norm = np.sqrt(norm)
        factor[index] = scale / norm
        index += 1
        for p in range(size + 3):
            stack[p, c] /= norm
        for later in range(c + 1, 3):
            dot = np.float64(0)
            for p in range(size + 3):
                dot += stack[p, c] * stack[p, later]
            for p in range(size + 3):
                stack[p, later] -= dot * stack[p, c]
            factor[index] = dot / scale
            index += 1


@jit
def _whiten(image, y, x, mean, factor):
    """Solve R^T z = I - mean: the pixel's colour in units of its window's spread."""
    z0 = (image[y, x, 0] - mean[0]) * factor[0]
    z1 = (image[y, x, 1] - mean[1] - factor[1] * z0) * factor[3]
    z2 = (image[y, x, 2] - mean[2] - factor[2] * z0 - factor[4] * z1) * factor[5]
    return z0, z1, z2


@pjit
def factorise_windows(image, active, height, width, eps, means, factors):
    """Factorise every active window of an (h, w, 3) image: `means` (rows, cols, 3), `factors` (rows, cols, 6)."""
    for top in prange(active.shape[0]):
        stack = np.empty((height * width + 3, 3))
        for left in range(active.shape[1]):
            if active[top, left]:
                _factorise(image, top, left, height, width, eps, means[top, left], factors[top, left], stack)


@pjit
def count_entries(active, height, width, counts):
    """Count the pixels that share an active window with each pixel, itself included: `counts` (h, w)."""
    rows, cols = active.shape
    for y in prange(counts.shape[0]):
        shared = np.empty((2 * height - 1, 2 * width - 1), np.bool_)
        for x in range(counts.shape[1]):
            shared[:] = False
            for top in range(max(0, y - height + 1), min(rows, y + 1)):
                for left in range(max(0, x - width + 1), min(cols, x + 1)):
                    if active[top, left]:
                        dy, dx = top - y + height - 1, left - x + width - 1
                        shared[dy : dy + height, dx : dx + width] = True
            counts[y, x] = shared.sum()


@pjit
def fill_entries(image, active, height, width, means, factors, starts, indices, data):
    """Fill the rows of the CSR matrix; pixel p owns `indices` and `data` from `starts[p]` on, columns ascending.

    Every entry sums its windows in raster order, so (i, j) and (j, i) are equal to the last bit, and the
    diagonal is minus the sum of the others, so that rows sum to zero.
    """
    rows, cols = active.shape
    span_y, span_x = 2 * height - 1, 2 * width - 1
    image_width = image.shape[1]
    for y in prange(image.shape[0]):
        values = np.empty((span_y, span_x))
        shared = np.empty((span_y, span_x), np.bool_)
        for x in range(image_width):
            values[:] = 0
            shared[:] = False
            for top in range(max(0, y - height + 1), min(rows, y + 1)):
                for left in range(max(0, x - width + 1), min(cols, x + 1)):
                    if not active[top, left]:
                        continue
                    mean, factor = means[top, left], factors[top, left]
                    a0, a1, a2 = _whiten(image, y, x, mean, factor)
                    for yy in range(top, top + height):
                        for xx in range(left, left + width):
                            b0, b1, b2 = _whiten(image, yy, xx, mean, factor)
                            dy, dx = yy - y + height - 1, xx - x + width - 1
                            values[dy, dx] -= 1 + a0 * b0 + a1 * b1 + a2 * b2
                            shared[dy, dx] = True
            _write_row(
                values, shared, y, x, height, width, image_width, starts[y * image_width + x], indices, data
            )


@jit
def _write_row(values, shared, y, x, height, width, image_width, start, indices, data):
    total = np.float64(0)
    place = start
    centre = start
    for dy in range(values.shape[0]):
        for dx in range(values.shape[1]):
            if shared[dy, dx]:
                indices[place] = (y + dy - height + 1) * image_width + x + dx - width + 1
                if dy == height - 1 and dx == width - 1:
                    centre = place
                else:
                    data[place] = values[dy, dx] / (height * width)
                    total += data[place]
                place += 1
    if place > start:
        data[centre] = -total
