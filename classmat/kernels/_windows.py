"""Windows side by side, formed together: what the kernels of the closed-form Laplacian have in common.

A kernel that uses these keeps a ring of rows: row y of the image is row ``y % height`` of the ring.
"""

import numpy as np
from numba import njit

from ._jit import OPTIONS, jit

BATCH = 64  # windows side by side that are formed together

# Multiplications and additions may be fused: shorter chains in the recurrences, never a different kind of result.
fused = njit(fastmath={"contract"}, **OPTIONS)


@jit
def load_colours(image, y, row):
    """Copy row y of an image (h, w, c) to `row` (c, w)."""
    for c in range(image.shape[2]):
        for x in range(image.shape[1]):
            row[c, x] = image[y, x, c]


@fused
def centre(colours, top, left, n, height, width, q):
    """Write to q (channels, pixels, window) the colours less their windows' means, from a ring (c, height, w)."""
    size = height * width
    for c in range(colours.shape[0]):
        for i in range(n):
            q[c, size, i] = 0
        for p in range(size):
            y, x = np.uintp((top + p // width) % height), np.uintp(left + p % width)
            for i in range(n):
                q[c, p, i] = colours[c, y, x + i]
            for i in range(n):
                q[c, size, i] += q[c, p, i]
        for p in range(size):
            for i in range(n):
                q[c, p, i] -= q[c, size, i] / size


@fused
def _dot(q, c, d, length, n, sums):
    for i in range(n):
        sums[i] = q[c, 0, i] * q[d, 0, i]
    for p in range(1, length):
        for i in range(n):
            sums[i] += q[c, p, i] * q[d, p, i]


@jit
def orthonormalise(channels, size, eps, n, q, sums):
    """Turn centred colours into rows of Q: a window's matrix is ``I - 1 1^T / |w| - Q Q^T``.

    Q R are the centred colours stacked on sqrt(eps) I; a QR factorisation never squares their condition number, as
    the covariance does.
    """
    length = size + channels
    for c in range(channels):
        for k in range(channels):
            for i in range(n):
                q[c, size + k, i] = np.sqrt(eps) if k == c else np.float64(0)
    for c in range(channels):
        _dot(q, c, c, length, n, sums)
        for i in range(n):
            sums[i] = 1 / np.sqrt(sums[i])
        for p in range(length):
            for i in range(n):
                q[c, p, i] *= sums[i]
        for later in range(c + 1, channels):
            _dot(q, c, later, length, n, sums)
            for p in range(length):
                for i in range(n):
                    q[later, p, i] -= sums[i] * q[c, p, i]
