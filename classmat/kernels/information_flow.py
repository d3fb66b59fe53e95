"""Weights with which neighbours mix to a point: locally linear embedding."""

import numpy as np

from ._jit import jit, pjit, prange

CHUNK = 256


@pjit
def mixing_weights(points, queries, neighbours, regularisation, weights):
    """Write the weights (n, k), summing to 1, with which ``points[neighbours]`` come closest to ``points[queries]``.

    They solve ``(D D^T + r I) w = 1`` up to a factor, D (k, d) the differences to the target and r the
    `regularisation` times the trace of ``D D^T``, by the d x d system of the matrix inversion lemma:
    ``w ~ 1 - D (D^T D + r I)^-1 D^T 1``.
    """
    n, k = neighbours.shape
    d = points.shape[1]
    for chunk in prange((n + CHUNK - 1) // CHUNK):
        D, small, right = np.empty((k, d)), np.empty((d, d)), np.empty(d)
        for p in range(chunk * CHUNK, min(n, (chunk + 1) * CHUNK)):
            for j in range(k):
                for c in range(d):
                    D[j, c] = points[neighbours[p, j], c] - points[queries[p], c]
            trace = np.float64(0)
            for a in range(d):
                right[a] = D[:, a].sum()
                for b in range(d):
                    total = np.float64(0)
                    for j in range(k):
                        total += D[j, a] * D[j, b]
                    small[a, b] = total
                trace += small[a, a]
            for a in range(d):
                small[a, a] += regularisation * trace
            if trace > 0:
                _solve(small, right)
            total = np.float64(0)
            for j in range(k):
                weight = np.float64(1)
                for c in range(d):
                    weight -= D[j, c] * right[c]
                weights[p, j] = weight
                total += weight
            for j in range(k):
                weights[p, j] /= total


@jit
def _solve(A, b):
    """Solve A x = b in place, A symmetric positive definite and small, by LDL^T without square roots."""
    d = len(b)
    for i in range(d):
        for j in range(i + 1, d):
            factor = A[j, i] / A[i, i]
            for c in range(i + 1, d):
                A[j, c] -= factor * A[i, c]
            b[j] -= factor * b[i]
    for i in range(d - 1, -1, -1):
        for c in range(i + 1, d):
            b[i] -= A[i, c] * b[c]
        b[i] /= A[i, i]
