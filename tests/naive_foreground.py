"""The slow, obvious twin of multi-level foreground estimation: float64, whole arrays, no projection."""

import numpy as np


def even_width(x):
    return np.concatenate([x, x[:, -1:]], axis=1) if x.shape[1] % 2 else x


def blocks(x):
    """The four pixels of each 2x2 block."""
    x = even_width(x)
    x = np.concatenate([x, x[-1:]]) if x.shape[0] % 2 else x
    return np.stack([x[0::2, 0::2], x[0::2, 1::2], x[1::2, 0::2], x[1::2, 1::2]])


def coarser(image, cov, alpha, var):
    a, i = blocks(alpha), blocks(image)
    d = a - a.mean(axis=0)
    return (
        i.mean(axis=0),
        blocks(cov).mean(axis=0) + (d[..., None] * i).mean(axis=0),
        a.mean(axis=0),
        blocks(var).mean(axis=0) + (d * d).mean(axis=0),
    )


def neighbours(x):
    """Left, right, upper, lower; NaN beyond the border."""
    p = np.pad(x, [(1, 1), (1, 1)] + [(0, 0)] * (x.ndim - 2), constant_values=np.nan)
    return np.stack([p[1:-1, :-2], p[1:-1, 2:], p[:-2, 1:-1], p[2:, 1:-1]])


def sweep(F, B, image, cov, alpha, var, colour, reg, slope):
    """Solve (M + s) (F, B) = data + s means for one colour; M is the mean over a block of (a, b)^T (a, b)."""
    weight = np.nan_to_num(reg + slope * np.abs(alpha - neighbours(alpha)))
    s = weight.sum(axis=0)
    a, b = alpha, 1 - alpha
    M = np.array([[a * a + var + s, a * b - var], [a * b - var, b * b + var + s]]).transpose(2, 3, 0, 1)
    smooth = [(weight[..., None] * np.nan_to_num(neighbours(x))).sum(axis=0) for x in (F, B)]
    a, b = a[..., None], b[..., None]
    right = np.stack([a * image + cov + smooth[0], b * image - cov + smooth[1]], axis=2)
    new = np.clip(np.linalg.solve(M, right), 0, 1)
    mine = np.add.outer(np.arange(alpha.shape[0]), np.arange(alpha.shape[1])) % 2 == colour
    F[mine], B[mine] = new[:, :, 0][mine], new[:, :, 1][mine]


def estimate(image, alpha, reg=1e-5, slope=1.0, n_small=10, n_big=2, small=32):
    """Image (h, w, channels) and alpha (h, w), float64 -> F, B before the projection."""
    h, w = alpha.shape
    levels = [(image, np.zeros_like(image), alpha, np.zeros_like(alpha))]
    while max(levels[-1][2].shape) > 1:
        levels.append(coarser(*levels[-1]))
    mean, cov, a, _ = levels[-1]
    a = a[..., None]
    F = np.clip(mean + cov / a if a > 0 else mean, 0, 1)
    B = np.clip(mean - cov / (1 - a) if a < 1 else mean, 0, 1)
    for depth in reversed(range(len(levels))):
        level = [even_width(x) for x in levels[depth]]
        H, W = level[2].shape
        F, B = (x.repeat(2, axis=0).repeat(2, axis=1)[:H, :W].copy() for x in (F, B))
        for _ in range(n_small if max(levels[depth][2].shape) <= small else n_big):
            for colour in (0, 1):
                sweep(F, B, *level, colour, reg, slope / 2**depth)
    return F[:h, :w], B[:h, :w]


def closed_form(image, alpha, reg=1e-5, slope=1.0):
    """The minimiser for one channel by a dense matrix: F is held where alpha is 1, B where it is 0."""
    h, w = alpha.shape
    n = h * w
    a = alpha.ravel()
    number = np.arange(n).reshape(h, w)
    pairs = [*zip(number[:, :-1].ravel(), number[:, 1:].ravel(), strict=True)]
    pairs += zip(number[:-1].ravel(), number[1:].ravel(), strict=True)
    A = np.zeros((2 * n, 2 * n))
    i = np.arange(n)
    A[i, i], A[i, n + i], A[n + i, i], A[n + i, n + i] = a * a, a * (1 - a), a * (1 - a), (1 - a) ** 2
    for j, k in pairs:
        weight = reg + slope * abs(a[j] - a[k])
        for shift in (0, n):
            A[shift + j, shift + j] += weight
            A[shift + k, shift + k] += weight
            A[shift + j, shift + k] -= weight
            A[shift + k, shift + j] -= weight
    right = np.concatenate([a, 1 - a]) * np.tile(image.ravel(), 2)
    is_held = np.concatenate([a == 1, a == 0])
    x = np.where(is_held, np.tile(image.ravel(), 2), 0)
    free = ~is_held
    x[free] = np.linalg.solve(A[np.ix_(free, free)], right[free] - A[np.ix_(free, is_held)] @ x[is_held])
    return x[:n].reshape(h, w), x[n:].reshape(h, w)
