"""Multi-level foreground estimation."""
from typing import Any
import numpy as np
from ..images.validate import as_alpha, as_choice, as_image, require_same_size, as_number, as_count
from ..kernels import foreground as kernels

def estimate_foreground(image, alpha, *, method="multilevel", regularization=1e-5, gradient_weight=1.0, n_small_iterations=10, n_big_iterations=2, small_size=32):
    image = as_image(image, dtype=np.float32); alpha = as_alpha(alpha, dtype=np.float32)
    h, w = alpha.shape
    pixels = image.reshape(h, w, -1)
    n = pixels.shape[2]
    levels = [(pixels, np.empty((0, w, n), np.float32), alpha, np.empty((0, w), np.float32))]
    while max(levels[-1][2].shape) > 1:
        H, W = (-(-s // 2) for s in levels[-1][2].shape)
        coarse = (np.empty((H, W, n), np.float32), np.empty((H, W, n), np.float32), np.empty((H, W), np.float32), np.empty((H, W), np.float32))
        kernels.halve(*levels[-1], *coarse)
        levels.append(coarse)
    mean, cov, a, _ = (x[0, 0].astype(np.float64) for x in levels[-1])
    F = (mean + cov / a if a > 0 else mean).astype(np.float32).reshape(1, n, 1)
    B = (mean - cov / (1 - a) if a < 1 else mean).astype(np.float32).reshape(1, n, 1)
    for depth in range(len(levels) - 2, -1, -1):
        level = levels[depth]
        H, W = level[2].shape
        cF, cB = F, B
        F = np.empty((H, n, W), np.float32); B = np.empty((H, n, W), np.float32)
        kernels.double(cF, F); kernels.double(cB, B)
        its = n_small_iterations if max(H, W) <= small_size else n_big_iterations
        kernels.relax(F, B, *level, its, np.float32(regularization), np.float32(gradient_weight / 2**depth))
    kernels.finish(F, B, pixels, alpha)
    return F.reshape(image.shape), B.reshape(image.shape)
