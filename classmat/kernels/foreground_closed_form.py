"""Closed-form foreground estimation: conjugate gradients over the pixels where both colours are open.

Pixels are numbered in raster order, those to solve for first; `neighbours` (n, 4) are numbers too, with weights
(n, 4), zero beyond the image. Vectors have an entry for each number: those beyond n are held.
"""

import numpy as np

from ._jit import jit, pjit, prange

CHUNKS = 64  # of the pixels, whose sums are added up in the end: the result does not depend on the threads
ZERO, ONE, TINY = np.float32(0), np.float32(1), np.float32(1e-30)


@jit
def _bounds(chunk, n):
    return np.uint64(chunk * n // CHUNKS), np.uint64((chunk + 1) * n // CHUNKS)


@pjit
def set_weights(alpha, neighbours, reg, slope, weights):
    """Set the weights ``reg + slope |alpha_i - alpha_j|``; a pixel that is its own neighbour is none."""
    for i in prange(neighbours.shape[0]):
        for k in range(4):
            j = neighbours[i, k]
            weights[i, k] = reg + slope * abs(alpha[i] - alpha[j]) if j != i else ZERO


@jit
def _row(i, alpha, neighbours, weights, F, B):
    """Return what the matrix makes of F and B at a pixel."""
    j0, j1, j2, j3 = neighbours[i, 0], neighbours[i, 1], neighbours[i, 2], neighbours[i, 3]
    w0, w1, w2, w3 = weights[i, 0], weights[i, 1], weights[i, 2], weights[i, 3]
    a, f, b = alpha[i], F[i], B[i]
    data = a * f + (ONE - a) * b
    around_f = (w0 * (f - F[j0]) + w1 * (f - F[j1])) + (w2 * (f - F[j2]) + w3 * (f - F[j3]))
    around_b = (w0 * (b - B[j0]) + w1 * (b - B[j1])) + (w2 * (b - B[j2]) + w3 * (b - B[j3]))
    q_f = a * data + around_f if a < ONE else ZERO
    q_b = (ONE - a) * data + around_b if a > ZERO else ZERO
    return q_f, q_b


@pjit
def set_residual(image, alpha, neighbours, weights, F, B, r_F, r_B, sums):
    """Set the residual, zero where a colour is held, and the sums of its and the right side's squares."""
    n = neighbours.shape[0]
    for chunk in prange(CHUNKS):
        begin, end = _bounds(chunk, n)
        total, right = np.float64(0), np.float64(0)
        for i in range(begin, end):
            a, value = alpha[i], image[i]
            q_f, q_b = _row(i, alpha, neighbours, weights, F, B)
            r_F[i] = a * value - q_f if a < ONE else ZERO
            r_B[i] = (ONE - a) * value - q_b if a > ZERO else ZERO
            total += np.float64(r_F[i]) * r_F[i] + np.float64(r_B[i]) * r_B[i]
            right += np.float64(value) * value * (a * a + (ONE - a) * (ONE - a))
        sums[chunk, 0], sums[chunk, 1] = total, right


@pjit
def multiply(alpha, neighbours, weights, p_F, p_B, q_F, q_B, sums):
    """Set q to the matrix times p, and the sums of p q."""
    n = neighbours.shape[0]
    for chunk in prange(CHUNKS):
        begin, end = _bounds(chunk, n)
        total = np.float64(0)
        for i in range(begin, end):
            f, b = _row(i, alpha, neighbours, weights, p_F, p_B)
            q_F[i], q_B[i] = f, b
            total += np.float64(f) * p_F[i] + np.float64(b) * p_B[i]
        sums[chunk, 0] = total


@pjit
def step(size, alpha, weights, p_F, p_B, q_F, q_B, F, B, r_F, r_B, z_F, z_B, sums):
    """Go `size` along p and precondition the residual with the 2x2 blocks; sums of r z and of r r."""
    n = weights.shape[0]
    for chunk in prange(CHUNKS):
        begin, end = _bounds(chunk, n)
        product, total = np.float64(0), np.float64(0)
        for i in range(begin, end):
            F[i] += size * p_F[i]
            B[i] += size * p_B[i]
            f, b = r_F[i] - size * q_F[i], r_B[i] - size * q_B[i]
            r_F[i], r_B[i] = f, b
            a, c = alpha[i], ONE - alpha[i]
            s = (weights[i, 0] + weights[i, 1]) + (weights[i, 2] + weights[i, 3])
            scale = ONE / (s * (a * a + c * c + s) + TINY)
            z_F[i] = scale * ((c * c + s) * f - a * c * b)
            z_B[i] = scale * ((a * a + s) * b - a * c * f)
            product += np.float64(f) * z_F[i] + np.float64(b) * z_B[i]
            total += np.float64(f) * f + np.float64(b) * b
        sums[chunk, 0], sums[chunk, 1] = product, total


@pjit
def turn(share, z_F, z_B, p_F, p_B, n):
    """Set the next direction ``z + share p``."""
    for chunk in prange(CHUNKS):
        begin, end = _bounds(chunk, n)
        for i in range(begin, end):
            p_F[i] = z_F[i] + share * p_F[i]
            p_B[i] = z_B[i] + share * p_B[i]
