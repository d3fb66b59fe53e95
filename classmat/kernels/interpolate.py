"""Coefficients of a smaller image, interpolated and applied to the full guide: the fast guided filter's last step."""

import numpy as np

from ._jit import jit, pjit, prange

ONE = np.float64(1)


@jit
def _apply_row(lines, I, q, columns):
    """Interpolate blended lines of coefficients at each column, and apply them to the guide."""
    left, right, share = columns
    n = lines.shape[0]
    for x in range(q.size):
        i, j, s = left[x], right[x], share[x]
        value = (ONE - s) * lines[n - 1, i] + s * lines[n - 1, j]
        for k in range(n - 1):
            a = (ONE - s) * lines[k, i] + s * lines[k, j]
            value += a * np.float64(I[(n - 1) * x + k])
        q[x] = value


@pjit
def apply_means(means, I, q, rows, columns, lines):
    """Eq. 8 with coefficients (2 or 4, n, hs, ws) of a smaller image, interpolated bilinearly.

    `rows` and `columns` are, for each, the two next to it in the smaller image and the share of the second;
    lines (workers, 2 or 4, ws) is workspace.
    """
    above, below, share = rows
    n, h, workers = q.shape[0], q.shape[1], lines.shape[0]
    for s in prange(workers):
        for row in range(s * n * h // workers, (s + 1) * n * h // workers):
            k, y = row // h, row % h
            for a in range(means.shape[0]):
                upper, lower, line = means[a, k, above[y]], means[a, k, below[y]], lines[s, a]
                for x in range(line.size):
                    line[x] = (ONE - share[y]) * upper[x] + share[y] * lower[x]
            _apply_row(lines[s], I[k // (n // I.shape[0]), y], q[k, y], columns)
