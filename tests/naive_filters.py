"""Slow and obvious twins of the filters that slide windows: every window is cut out."""

import numpy as np


def windows(h, w, radius):
    """Yield (y, x) and the slices of its window."""
    for y in range(h):
        for x in range(w):
            yield (y, x), (slice(max(y - radius, 0), y + radius + 1), slice(max(x - radius, 0), x + radius + 1))


def box_mean(src, radius):
    out = np.empty(src.shape, np.float64)
    for at, window in windows(*src.shape[:2], radius):
        out[at] = src[window].astype(np.float64).mean((0, 1))
    return out


def box_sum(src, radius):
    out = np.empty(src.shape, np.float64)
    for at, window in windows(*src.shape[:2], radius):
        out[at] = src[window].astype(np.float64).sum((0, 1))
    return out


def guided_filter(guide, src, radius, eps):
    """He et al. 2013, eqs. 5, 6, 8 or, in three channels, 19 to 21, of a source (h, w)."""
    h, w = src.shape
    guide, src = guide.astype(np.float64).reshape(h, w, -1), src.astype(np.float64)
    a, b = np.empty(guide.shape), np.empty(src.shape)
    for at, window in windows(h, w, radius):
        I, p = guide[window].reshape(-1, guide.shape[2]), src[window].ravel()
        deviation = I - I.mean(0)
        var, cov = deviation.T @ deviation / len(p), deviation.T @ (p - p.mean()) / len(p)
        a[at] = np.linalg.solve(var + eps * np.eye(len(var)), cov)
        b[at] = p.mean() - a[at] @ I.mean(0)
    return (box_mean(a, radius) * guide).sum(2) + box_mean(b, radius)
