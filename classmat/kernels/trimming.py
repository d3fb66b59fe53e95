"""Which unknown pixels are surely known: those that look like a known pixel nearby, or like known patches only."""

import numpy as np

from ._jit import jit, pjit, prange

UNKNOWN = 128


@pjit
def take_labels(image, labels, ys, xs, offsets, thresholds, taken):
    """Write the label of the nearest known pixel whose colour is no further than its threshold, else UNKNOWN.

    Neighbours come as `offsets` (m, 2), the nearest first, with `thresholds` (m,); `taken` (n,) is of the pixels at
    `ys`, `xs`.
    """
    h, w = labels.shape
    for p in prange(len(ys)):
        taken[p] = UNKNOWN
        c0, c1, c2 = image[ys[p], xs[p], 0], image[ys[p], xs[p], 1], image[ys[p], xs[p], 2]
        for k in range(len(offsets)):
            y, x = ys[p] + offsets[k, 0], xs[p] + offsets[k, 1]
            if 0 <= y < h and 0 <= x < w and labels[y, x] != UNKNOWN:
                d0, d1, d2 = image[y, x, 0] - c0, image[y, x, 1] - c1, image[y, x, 2] - c2
                if d0 * d0 + d1 * d1 + d2 * d2 <= thresholds[k] * thresholds[k]:
                    taken[p] = labels[y, x]
                    break


@pjit
def describe_patches(image, floor, means, covariances):
    """Write mean (h, w, 3) and covariance (h, w, 6; upper triangle, `floor` on its diagonal) of 3x3 patches."""
    h, w = image.shape[:2]
    for y in prange(h):
        for x in range(w):
            top, bottom, left, right = max(0, y - 1), min(h, y + 2), max(0, x - 1), min(w, x + 2)
            count = (bottom - top) * (right - left)
            for c in range(3):
                total = np.float64(0)
                for yy in range(top, bottom):
                    for xx in range(left, right):
                        total += image[yy, xx, c]
                means[y, x, c] = total / count
            index = 0
            for c in range(3):
                for d in range(c, 3):
                    total = np.float64(0)
                    for yy in range(top, bottom):
                        for xx in range(left, right):
                            total += (image[yy, xx, c] - means[y, x, c]) * (image[yy, xx, d] - means[y, x, d])
                    covariances[y, x, index] = total / count + (floor if c == d else np.float64(0))
                    index += 1


@jit
def _bhattacharyya(m, n, S, T):
    """Return the distance of two normal distributions with means m, n and covariances S, T."""
    a, b, c = (S[0] + T[0]) / 2, (S[1] + T[1]) / 2, (S[2] + T[2]) / 2
    d, e, f = (S[3] + T[3]) / 2, (S[4] + T[4]) / 2, (S[5] + T[5]) / 2
    # LDL^T of the mean covariance [[a, b, c], [b, d, e], [c, e, f]]
    l10, l20 = b / a, c / a
    d1 = d - l10 * b
    l21 = (e - l20 * b) / d1
    d2 = f - l20 * c - l21 * l21 * d1
    z0 = m[0] - n[0]
    z1 = m[1] - n[1] - l10 * z0
    z2 = m[2] - n[2] - l20 * z0 - l21 * z1
    far = z0 * z0 / a + z1 * z1 / d1 + z2 * z2 / d2
    return far / 8 + np.log(a * d1 * d2 / np.sqrt(_determinant(S) * _determinant(T))) / 2


@jit
def _determinant(S):
    """Return the determinant of a positive definite matrix from its pivots."""
    l10, l20 = S[1] / S[0], S[2] / S[0]
    d1 = S[3] - l10 * S[1]
    l21 = (S[4] - l20 * S[1]) / d1
    return S[0] * d1 * (S[5] - l20 * S[2] - l21 * l21 * d1)


@pjit
def least_distances(means, covariances, queries, neighbours, distances):
    """Write the least Bhattacharyya distance of each patch to its `neighbours` (n, k) to `distances` (n,).

    Patches are numbered in raster order: `means` (h * w, 3), `covariances` (h * w, 6).
    """
    for p in prange(len(queries)):
        i = queries[p]
        least = np.inf
        for k in range(neighbours.shape[1]):
            j = neighbours[p, k]
            least = min(least, _bhattacharyya(means[i], means[j], covariances[i], covariances[j]))
        distances[p] = least
