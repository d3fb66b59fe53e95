"""Vectors of the split conjugate gradients: each pass does all that can be done with what it reads.

Sums and maxima go to a row of `parts` per chunk, so that they do not depend on the number of threads.
"""

import numpy as np
from numba import njit

from ._jit import OPTIONS, jit, pjit, prange

# Sums and maxima may be taken in any order, but always in the same one.
sums = njit(fastmath={"contract", "reassoc"}, **OPTIONS)


@jit
def _span(chunk, chunks, size):
    return np.uintp(chunk * size // chunks), np.uintp((chunk + 1) * size // chunks)


@sums
def _advance(step, p, q, inverse, x, r, z, part):
    norm, largest, most = np.float64(0), np.float64(0), np.float64(0)
    for i in range(np.uintp(x.shape[0])):
        entry = x[i] + step * p[i]
        value = r[i] - step * q[i]
        correction = inverse[i] * value
        x[i], r[i], z[i] = entry, value, correction
        norm += value * value
        largest = max(largest, abs(entry))
        most = max(most, abs(correction))
    part[0], part[1], part[2] = norm, largest, most


@pjit
def advance(step, p, q, inverse, x, r, z, parts):
    """``x += step p``, ``r -= step q``, ``z = inverse r``; r . r, the largest x and z."""
    for chunk in prange(parts.shape[0]):
        i, j = _span(chunk, parts.shape[0], x.shape[0])
        _advance(step, p[i:j], q[i:j], inverse[i:j], x[i:j], r[i:j], z[i:j], parts[chunk])


@sums
def _drop_small(limit, q, z):
    total = np.float64(0)
    for i in range(np.uintp(z.shape[0])):
        value = z[i] if abs(z[i]) > limit else 0.0
        z[i] = value
        total += q[i] * value
    return total


@pjit
def drop_small(limit, q, z, parts):
    """Set z to 0 where it is no larger than a limit; q . z."""
    for chunk in prange(parts.shape[0]):
        i, j = _span(chunk, parts.shape[0], z.shape[0])
        parts[chunk, 0] = _drop_small(limit, q[i:j], z[i:j])


@sums
def _turn(beta, z, r, p):
    total = np.float64(0)
    for i in range(np.uintp(p.shape[0])):
        value = z[i] + beta * p[i]
        p[i] = value
        total += value * r[i]
    return total


@pjit
def turn(beta, z, r, p, parts):
    """``p = z + beta p``; p . r."""
    for chunk in prange(parts.shape[0]):
        i, j = _span(chunk, parts.shape[0], p.shape[0])
        parts[chunk, 0] = _turn(beta, z[i:j], r[i:j], p[i:j])


@sums
def _dot(a, b):
    total = np.float64(0)
    for i in range(np.uintp(a.shape[0])):
        total += a[i] * b[i]
    return total


@pjit
def dot(a, b, parts):
    """Sum ``a b``."""
    for chunk in prange(parts.shape[0]):
        i, j = _span(chunk, parts.shape[0], a.shape[0])
        parts[chunk, 0] = _dot(a[i:j], b[i:j])
