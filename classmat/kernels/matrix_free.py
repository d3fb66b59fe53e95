"""Products with the closed-form Laplacian and their derivatives, window by window: no matrix is formed.

In window k the ridge regression of x on the colours, ``min over a, b of sum (x_i - a . I_i - b)^2 + eps |a|^2``, has
slopes ``a_k`` and residuals ``r_k``. Then ``(L x)_i = sum over k of r_k,i``, and with ``c_k`` and ``s_k`` those of a second
plane v, ``v^T L x = sum over k and i of v_i r_k,i``, whose derivatives follow as if the slopes were constant:

    d (v^T L x) / d I_i = - sum over k of (s_k,i a_k + r_k,i c_k)        d (v^T L x) / d eps = sum over k of a_k . c_k

Windows side by side are worked on together. A chunk of rows is one thread's; windows across its border are formed
twice. A ring of rows collects what windows give to their pixels.
"""

import numpy as np

from ._jit import jit, pjit, prange
from ._windows import BATCH, centre, fused, load_colours, orthonormalise

ROWS = 16  # of a chunk


@fused
def _fit(q, channels, size, n, x, top, left, width, coordinates, mean):
    """Write to `coordinates` (c, window) the parts of x along the rows of Q, to `mean` its window means."""
    for i in range(n):
        mean[i] = 0
    for c in range(channels):
        for i in range(n):
            coordinates[c, i] = 0
    for p in range(size):
        y, at = np.uintp((top + p // width) % x.shape[0]), np.uintp(left + p % width)
        for i in range(n):
            mean[i] += x[y, at + i]
        for c in range(channels):
            for i in range(n):
                coordinates[c, i] += q[c, p, i] * x[y, at + i]
    for i in range(n):
        mean[i] /= size


@fused
def _slopes(q, channels, size, n, eps, coordinates, slopes):
    """Write the coefficients ``a = R^-1 Q^T x``: the lower rows of Q are ``sqrt(eps) R^-1``."""
    scale = 1 / np.sqrt(eps)
    for k in range(channels):
        for i in range(n):
            slopes[k, i] = 0
        for c in range(channels):
            for i in range(n):
                slopes[k, i] += q[c, size + k, i] * coordinates[c, i] * scale


@fused
def _residuals(q, channels, p, n, x, y, at, coordinates, mean, r):
    """Write the residuals of the p-th pixels."""
    for i in range(n):
        r[i] = x[y, at + i] - mean[i]
    for c in range(channels):
        for i in range(n):
            r[i] -= q[c, p, i] * coordinates[c, i]


@fused
def _add(n, r, ring, y, at):
    for i in range(n):
        ring[y, at + i] += r[i]


@fused
def _add_product(n, r, a, ring, y, at):
    for i in range(n):
        ring[y, at + i] += r[i] * a[i]


@fused
def _dot(n, a, c):
    total = np.float64(0)
    for i in range(n):
        total += a[i] * c[i]
    return total


@jit
def _load_plane(x, y, row):
    for i in range(row.shape[0]):
        row[i] = x[y, i]


@jit
def _store(row, target):
    for i in range(row.shape[0]):
        target[i] = row[i]
        row[i] = 0


@jit
def _store_sum(row, weight, x, target):
    for i in range(row.shape[0]):
        target[i] = row[i] + weight[i] * x[i]
        row[i] = 0


@jit
def _next_batch(left, x, height, top, width):
    """Return the next windows side by side from `left` on over which x is not constant: the first, and how many."""
    columns = x.shape[1]
    start, last = -1, -1
    for at in range(left, columns):
        if start >= 0 and at > start + BATCH + width - 2:
            break
        value, differs = x[top % height, at], False
        for y in range(top + 1, top + height):
            differs |= x[y % height, at] != value
        is_step = width > 1 and at > left and x[top % height, at - 1] != value
        if differs or is_step:
            if start < 0:
                start = max(left, at - width + 1)
            last = at if differs else at - 1
    if start < 0:
        return columns, 0
    return start, min(last - start + 1, BATCH, columns - width + 1 - start)


@jit
def _multiply_chunk(first, stop, image, weight, x, eps, height, width, product):
    rows, columns = x.shape
    channels, size = image.shape[2], height * width
    colours, values = np.empty((channels, height, columns)), np.empty((height, columns))
    ring = np.zeros((height, columns))
    q = np.empty((channels, size + channels, BATCH))
    coordinates, mean, r = np.empty((channels, BATCH)), np.empty(BATCH), np.empty(BATCH)
    begin, end = max(0, first - height + 1), min(rows - height + 1, stop)
    for top in range(begin, end):
        for y in range(top if top == begin else top + height - 1, top + height):
            load_colours(image, y, colours[:, y % height])
            _load_plane(x, y, values[y % height])
        left, count = _next_batch(0, values, height, top, width)
        while count > 0:
            n = np.uintp(count)
            centre(colours, top, left, n, height, width, q)
            orthonormalise(channels, size, eps, n, q, r)
            _fit(q, channels, size, n, values, top, left, width, coordinates, mean)
            for p in range(size):
                row, at = np.uintp((top + p // width) % height), np.uintp(left + p % width)
                _residuals(q, channels, p, n, values, row, at, coordinates, mean, r)
                _add(n, r, ring, row, at)
            left, count = _next_batch(left + count, values, height, top, width)
        for y in range(top, rows if top == rows - height else top + 1):
            if first <= y < stop:
                _store_sum(ring[y % height], weight[y], x[y], product[y])
            else:
                ring[y % height] = 0


@pjit
def multiply(image, weight, x, eps, height, width, product):
    """Write ``L x + weight x`` for an image (h, w, c) and planes (h, w)."""
    rows = x.shape[0]
    for chunk in prange((rows + ROWS - 1) // ROWS):
        first = chunk * ROWS
        _multiply_chunk(first, min(first + ROWS, rows), image, weight, x, eps, height, width, product)


@jit
def _pull_chunk(first, stop, image, x, v, eps, height, width, image_bar, eps_bar):
    rows, columns = x.shape
    channels, size = image.shape[2], height * width
    colours = np.empty((channels, height, columns))
    of_x, of_v = np.empty((height, columns)), np.empty((height, columns))
    ring = np.zeros((channels, height, columns))
    q = np.empty((channels, size + channels, BATCH))
    along_x, along_v = np.empty((channels, BATCH)), np.empty((channels, BATCH))
    a, c = np.empty((channels, BATCH)), np.empty((channels, BATCH))
    mean_x, mean_v = np.empty(BATCH), np.empty(BATCH)
    r, s = np.empty(BATCH), np.empty(BATCH)
    total = np.float64(0)
    begin, end = max(0, first - height + 1), min(rows - height + 1, stop)
    for top in range(begin, end):
        for y in range(top if top == begin else top + height - 1, top + height):
            load_colours(image, y, colours[:, y % height])
            _load_plane(x, y, of_x[y % height])
            _load_plane(v, y, of_v[y % height])
        left, count = _next_batch(0, of_x, height, top, width)
        while count > 0:  # constants are fitted without slope or residual
            n = np.uintp(count)
            centre(colours, top, left, n, height, width, q)
            orthonormalise(channels, size, eps, n, q, r)
            _fit(q, channels, size, n, of_x, top, left, width, along_x, mean_x)
            _fit(q, channels, size, n, of_v, top, left, width, along_v, mean_v)
            _slopes(q, channels, size, n, eps, along_x, a)
            _slopes(q, channels, size, n, eps, along_v, c)
            if top >= first:  # a window counts where it begins
                for k in range(channels):
                    total += _dot(n, a[k], c[k])
            for p in range(size):
                row, at = np.uintp((top + p // width) % height), np.uintp(left + p % width)
                _residuals(q, channels, p, n, of_x, row, at, along_x, mean_x, r)
                _residuals(q, channels, p, n, of_v, row, at, along_v, mean_v, s)
                for k in range(channels):
                    _add_product(n, s, a[k], ring[k], row, at)
                    _add_product(n, r, c[k], ring[k], row, at)
            left, count = _next_batch(left + count, of_x, height, top, width)
        for y in range(top, rows if top == rows - height else top + 1):
            if first <= y < stop:
                for k in range(channels):
                    _store(ring[k, y % height], image_bar[y, :, k])
            else:
                ring[:, y % height] = 0
    eps_bar[0] = total


@pjit
def pull_back(image, x, v, eps, height, width, image_bar, eps_bars):
    """Write minus the derivative of ``v^T L x`` by the image (h, w, c), and each chunk's part of that by eps."""
    rows = x.shape[0]
    for chunk in prange((rows + ROWS - 1) // ROWS):
        first, last = chunk * ROWS, min(chunk * ROWS + ROWS, rows)
        _pull_chunk(first, last, image, x, v, eps, height, width, image_bar, eps_bars[chunk : chunk + 1])
