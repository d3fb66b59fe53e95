"""The closed-form Laplacian of large windows as an operator: sums over boxes, and a 3x3 product in every window.

Planes lie row by row, ``[y, plane, x]``. Windows are named by their upper left pixel.
"""

import numpy as np

from ._jit import jit, pjit, prange

BLOCK = 64  # rows at least from which sums of columns begin anew


@jit
def _slide(line, wanted, before, after, out):
    """Write at every wanted x the sum of ``line[x - before : x + after + 1]``, as far as it exists."""
    n, x = line.size, 0
    while x < wanted.size:
        if not wanted[x]:
            x += 1
            continue
        total = np.float64(0)
        for i in range(max(x - before, 0), min(x + after + 1, n)):
            total += line[i]
        out[x] = total
        x += 1
        while x < wanted.size and wanted[x]:
            enters = line[x + after] if x + after < n else np.float64(0)
            leaves = line[x - before - 1] if x - before > 0 else np.float64(0)
            total += enters - leaves
            out[x] = total
            x += 1


@pjit
def box_sums(planes, wanted, before_y, after_y, before_x, after_x, out):
    """Sum planes (h, k, w) over boxes around the wanted places (rows, cols) of out (rows, k, cols).

    Place (y, x) sums rows ``y - before_y`` to ``y + after_y`` and columns alike, as far as they exist. Other places
    of `out` are left as they are.
    """
    h, count, w = planes.shape
    rows = out.shape[0]
    step = max(BLOCK, before_y + after_y + 1)
    for block in prange((rows + step - 1) // step):
        lines = np.zeros((count, w))
        first = block * step
        for i in range(max(first - before_y, 0), min(first + after_y + 1, h)):
            lines += planes[i]
        for y in range(first, min(first + step, rows)):
            if y > first and y + after_y < h:
                lines += planes[y + after_y]
            if y > first and y - before_y > 0:
                lines -= planes[y - before_y - 1]
            for k in range(count):
                _slide(lines[k], wanted[y], before_x, after_x, out[y, k])


@pjit
def invert_windows(sums, active, size, eps, windows):
    """From window sums of colours and their 6 products to `windows`: 3 planes of means and 6 of an inverse.

    The inverse is ``(covariance + eps / size)^-1 / size``, its upper triangle.
    """
    for y in prange(active.shape[0]):
        for x in range(active.shape[1]):
            if not active[y, x]:
                continue
            m0, m1, m2 = sums[y, 0, x] / size, sums[y, 1, x] / size, sums[y, 2, x] / size
            c00 = max(sums[y, 3, x] / size - m0 * m0, 0) + eps / size
            c01 = sums[y, 4, x] / size - m0 * m1
            c02 = sums[y, 5, x] / size - m0 * m2
            c11 = max(sums[y, 6, x] / size - m1 * m1, 0) + eps / size
            c12 = sums[y, 7, x] / size - m1 * m2
            c22 = max(sums[y, 8, x] / size - m2 * m2, 0) + eps / size
            # L D L^T; what is left of a variance after the other channels is at least eps / size.
            l10, l20 = c01 / c00, c02 / c00
            d1 = max(c11 - l10 * c01, eps / size)
            l21 = (c12 - l20 * c01) / d1
            d2 = max(c22 - l20 * c02 - l21 * l21 * d1, eps / size)
            # The inverse is K^T D^-1 K with K = L^-1.
            k20 = l10 * l21 - l20
            i0, i1, i2 = 1 / (c00 * size), 1 / (d1 * size), 1 / (d2 * size)
            windows[y, 0, x], windows[y, 1, x], windows[y, 2, x] = m0, m1, m2
            windows[y, 3, x] = i0 + l10 * l10 * i1 + k20 * k20 * i2
            windows[y, 4, x] = -l10 * i1 - k20 * l21 * i2
            windows[y, 5, x] = k20 * i2
            windows[y, 6, x] = i1 + l21 * l21 * i2
            windows[y, 7, x] = -l21 * i2
            windows[y, 8, x] = i2


@pjit
def products(colours, p, planes):
    """Write p and p times each colour: 4 planes."""
    for y in prange(p.shape[0]):
        row = p[y]
        planes[y, 0] = row
        for c in range(3):
            planes[y, c + 1] = row * colours[y, c]


@jit
def _predict_row(windows, active, size, sums):
    m0, m1, m2, s00, s01, s02, s11, s12, s22 = windows
    for x in range(active.size):
        p = sums[0, x]
        d0, d1, d2 = sums[1, x] - m0[x] * p, sums[2, x] - m1[x] * p, sums[3, x] - m2[x] * p
        a0 = s00[x] * d0 + s01[x] * d1 + s02[x] * d2
        a1 = s01[x] * d0 + s11[x] * d1 + s12[x] * d2
        a2 = s02[x] * d0 + s12[x] * d1 + s22[x] * d2
        b = p / size - a0 * m0[x] - a1 * m1[x] - a2 * m2[x]
        sums[0, x], sums[1, x], sums[2, x], sums[3, x] = b, a0, a1, a2


@pjit
def predict(windows, active, size, sums):
    """Replace window sums of p and p I by the line ``a . I + b`` that fits p best in the window: b, then a."""
    for y in prange(active.shape[0]):
        w = windows[y]
        _predict_row((w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7], w[8]), active[y], size, sums[y])


@pjit
def residual(colours, p, wanted, counts_y, counts_x, sums, out):
    """Write ``count p - (sum of a) . I - sum of b``, 0 where it is not wanted."""
    for y in prange(p.shape[0]):
        row, s, c = out[y], sums[y], colours[y]
        for x in range(row.size):
            fit = s[0, x] + s[1, x] * c[0, x] + s[2, x] * c[1, x] + s[3, x] * c[2, x]
            row[x] = counts_y[y] * counts_x[x] * p[y, x] - fit if wanted[y, x] else np.float64(0)
