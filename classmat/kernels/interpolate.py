"""Coefficients of a smaller image, interpolated and applied to the full guide: the fast guided filter's last step.

Samples are `step` pixels apart, the first one at pixel `start`; beyond the outer ones the outer ones count. A row of samples
is widened to the full width once; rows between two of them are blends, formed as they are applied to the guide.
"""

import numpy as np

from ._jit import jit, pjit, prange

U = np.uintp


@jit
def _widen(row, start, step, line):
    """Set a line (w,) to a row of samples, interpolated."""
    one, n = line.dtype.type(1), row.size
    share = one / line.dtype.type(step)
    for x in range(min(start, line.size)):
        line[x] = row[0]
    for k in range(n - 1):
        a, b = line.dtype.type(row[k]), line.dtype.type(row[k + 1])
        at = U(start + k * step)
        for j in range(U(step)):
            s = line.dtype.type(j) * share
            line[at + j] = (one - s) * a + s * b
    for x in range(start + (n - 1) * step, line.size):
        line[x] = row[n - 1]


@jit
def _apply_row(above, below, share, I, q):
    """Apply a blend of lines (2 or 4, w) to a row of the guide: eq. 8 of He et al., the last line is b."""
    rest = above.dtype.type(1) - share
    if above.shape[0] == 2:
        a0, b0, a1, b1 = above[0], above[1], below[0], below[1]
        for x in range(q.size):
            q[x] = (rest * a0[x] + share * a1[x]) * I[x] + (rest * b0[x] + share * b1[x])
    else:
        r0, g0, u0, b0 = above[0], above[1], above[2], above[3]
        r1, g1, u1, b1 = below[0], below[1], below[2], below[3]
        for x in range(U(q.size)):
            k = U(3) * x
            value = (rest * r0[x] + share * r1[x]) * I[k] + (rest * g0[x] + share * g1[x]) * I[k + U(1)]
            q[x] = value + (rest * u0[x] + share * u1[x]) * I[k + U(2)] + (rest * b0[x] + share * b1[x])


@jit
def apply_strip(means, I, q, start_y, start_x, step, lines, first, until):
    """Rows `first` to `until` of one image: means (2 or 4, hs, ws), I (h, w or 3 w), q (h, w); lines (2, 2 or 4, w)."""
    n, held = means.shape[1], np.int64(-2)
    for y in range(first, until):
        k = min(max(y - start_y, 0) // step, n - 1)
        past = y - start_y - k * step if y > start_y and k < n - 1 else 0
        share = lines.dtype.type(past) / lines.dtype.type(step)
        if k != held:
            for i in range(k + 1 if k == held + 1 else k, min(k + 2, n)):
                for a in range(means.shape[0]):
                    _widen(means[a, i], start_x, step, lines[i % 2, a])
            held = k
        below = lines[k % 2] if k == n - 1 else lines[(k + 1) % 2]
        _apply_row(lines[k % 2], below, share, I[y], q[y])


@pjit
def apply_means(means, I, q, start_y, start_x, step, lines):
    """Eq. 8 with coefficients (2 or 4, n, hs, ws) of smaller images, interpolated bilinearly.

    I is (m, h, w or 3 w), q (n, h, w); lines (workers, 2, 2 or 4, w) is workspace.
    """
    n, h, workers = q.shape[0], q.shape[1], lines.shape[0]
    for s in prange(workers):
        row, until = s * n * h // workers, (s + 1) * n * h // workers
        while row < until:
            k, y = row // h, row % h
            end = min(h, y + until - row)
            apply_strip(means[:, k], I[k // (n // I.shape[0])], q[k], start_y, start_x, step, lines[s], y, end)
            row += end - y
