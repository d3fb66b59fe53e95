"""The radius-1 matting Laplacian over unknown pixels as a symmetric 25-point stencil: assembly and products.

Of every symmetric pair of coefficients the pixel that comes first keeps one: plane k of `coefs` (12, places) holds
the coefficient towards the pixel at `(dy, dx)`, in the order (0, 1), (0, 2), (1, -2 .. 2), (2, -2 .. 2).
Layout of places and segments: `stencil_layout`.
"""

import numpy as np

from numba import njit

from ._jit import OPTIONS, jit, pjit, prange

PAD = 4

# Multiplications and additions may be fused: shorter chains in the recurrences, never a different kind of result.
fused = njit(fastmath={"contract"}, **OPTIONS)


@jit
def _orthonormalise(image, top, left, height, width, eps, q):
    """Write the rows of Q for the window's pixels: its matrix is ``I - 1 1^T / |w| - Q Q^T``.

    Q R are the centred colours stacked on sqrt(eps) I; a QR factorisation never squares their condition number, as
    the covariance does.
    """
    size = height * width
    channels = image.shape[2]
    for c in range(channels):
        total = np.float64(0)
        for y in range(height):
            for x in range(width):
                total += image[top + y, left + x, c]
        mean = total / size
        for y in range(height):
            for x in range(width):
                q[c, y * width + x] = image[top + y, left + x, c] - mean
        for k in range(channels):
            q[c, size + k] = np.sqrt(eps) if k == c else np.float64(0)
    for c in range(channels):
        norm = np.float64(0)
        for p in range(size + channels):
            norm += q[c, p] * q[c, p]
        scale = 1 / np.sqrt(norm)
        for p in range(size + channels):
            q[c, p] *= scale
        for later in range(c + 1, channels):
            dot = np.float64(0)
            for p in range(size + channels):
                dot += q[c, p] * q[later, p]
            for p in range(size + channels):
                q[later, p] -= dot * q[c, p]


@jit
def _plane(dy, dx):
    return dx - 1 if dy == 0 else 5 * dy - 1 + dx


@jit
def _add_window(q, channels, top, left, height, width, is_unknown, alpha, ring):
    """Add a window's coefficients to the pixels' rows in `ring` (3, w, 14): 12 planes, known sum, right-hand side."""
    size = height * width
    for a in range(size):
        ya, xa = top + a // width, left + a % width
        a_unknown = is_unknown[ya, xa]
        for b in range(a + 1, size):
            yb, xb = top + b // width, left + b % width
            b_unknown = is_unknown[yb, xb]
            if not (a_unknown or b_unknown):
                continue
            affinity = np.float64(1) / size
            for c in range(channels):
                affinity += q[c, a] * q[c, b]
            if a_unknown and b_unknown:
                ring[ya % 3, xa, _plane(yb - ya, xb - xa)] -= affinity
            elif a_unknown:
                ring[ya % 3, xa, 12] += affinity
                ring[ya % 3, xa, 13] += affinity * alpha[yb, xb]
            else:
                ring[yb % 3, xb, 12] += affinity
                ring[yb % 3, xb, 13] += affinity * alpha[ya, xa]


@jit
def _flush_row(y, keep, ring, row_segments, segments, places, coefs, diagonal, right):
    """Move a finished row to its places, if it is to be kept, and clear it."""
    for s in range(row_segments[y], row_segments[y + 1]):
        for i in range(segments[s, 1]):
            x = segments[s, 0] + i
            if keep:
                place = places[s, 2] + i
                for k in range(12):
                    coefs[k, place] = ring[x, k]
                diagonal[place] = ring[x, 12]
                right[place] = ring[x, 13]
            ring[x] = 0


@pjit
def assemble(
    image, is_unknown, alpha, eps, chunks, row_segments, segments, places, coefs, diagonal, right
):
    """Fill `coefs`, the right-hand side, and in `diagonal` the sums of the affinities to known pixels."""
    rows, columns = is_unknown.shape
    height, width = min(3, rows), min(3, columns)
    channels = image.shape[2]
    for chunk in prange(chunks.shape[0] - 1):
        ring = np.zeros((3, columns, 14))
        q = np.empty((channels, height * width + channels))
        first, stop = chunks[chunk], chunks[chunk + 1]
        for top in range(max(0, first - height + 1), min(rows - height + 1, stop)):
            for left in range(columns - width + 1):
                touched = False
                for y in range(top, top + height):
                    for x in range(left, left + width):
                        touched |= is_unknown[y, x]
                if touched:
                    _orthonormalise(image, top, left, height, width, eps, q)
                    _add_window(q, channels, top, left, height, width, is_unknown, alpha, ring)
            # No later window reaches the row `top`; after the last window no row at all.
            done = rows if top == rows - height else top + 1
            for y in range(top, done):
                keep = first <= y < stop
                _flush_row(y, keep, ring[y % 3], row_segments, segments, places, coefs, diagonal, right)


@jit
def _read_csr_row(indptr, indices, data, row, index_of, y, x, width, ring):
    """Write the 12 planes and the row sum of one CSR row; return False if it does not fit the stencil."""
    ring[:] = 0
    for e in range(indptr[row], indptr[row + 1]):
        ring[12] += data[e]
        pixel = index_of[indices[e]]
        dy, dx = pixel // width - y, pixel % width - x
        if max(abs(dy), abs(dx)) > 2:
            if data[e] != 0:
                return False
        elif dy > 0 or (dy == 0 and dx > 0):
            ring[_plane(dy, dx)] += data[e]
    return True


@pjit
def from_csr(indptr, indices, data, pixels, position, width, coefs, diagonal, fits):
    """Fill `coefs` from a CSR matrix over `pixels` (raster indices); row sums go to `diagonal`."""
    for chunk in prange(fits.shape[0]):
        ring = np.empty(13)
        n = position.shape[0]
        good = True
        for row in range(chunk * n // fits.shape[0], (chunk + 1) * n // fits.shape[0]):
            y, x = pixels[row] // width, pixels[row] % width
            good = good and _read_csr_row(indptr, indices, data, row, pixels, y, x, width, ring)
            for k in range(12):
                coefs[k, position[row]] = ring[k]
            diagonal[position[row]] = ring[12]
        fits[chunk] = good


@fused
def _add_row(total, n, coefs, k, own, x, at):
    """Add to `total` the products of planes k .. k + 4 of the pixels at `own` with the row of x at `at` - 2."""
    for i in range(n):
        total[i] += (
            coefs[k, own + i] * x[at + i]
            + coefs[k + 1, own + i] * x[at + i + np.uintp(1)]
            + coefs[k + 2, own + i] * x[at + i + np.uintp(2)]
            + coefs[k + 3, own + i] * x[at + i + np.uintp(3)]
            + coefs[k + 4, own + i] * x[at + i + np.uintp(4)]
        )


@fused
def _add_row_above(total, n, coefs, k, x, at):
    """The same for a row above, whose pixels keep the coefficients themselves."""
    for i in range(n):
        total[i] += (
            coefs[k + 4, at + i] * x[at + i]
            + coefs[k + 3, at + i + np.uintp(1)] * x[at + i + np.uintp(1)]
            + coefs[k + 2, at + i + np.uintp(2)] * x[at + i + np.uintp(2)]
            + coefs[k + 1, at + i + np.uintp(3)] * x[at + i + np.uintp(3)]
            + coefs[k, at + i + np.uintp(4)] * x[at + i + np.uintp(4)]
        )


@fused
def _add_same_row(total, n, coefs, diagonal, x, own):
    for i in range(n):
        total[i] = (
            diagonal[own + i] * x[own + i]
            + coefs[0, own + i] * x[own + i + np.uintp(1)]
            + coefs[1, own + i] * x[own + i + np.uintp(2)]
            + coefs[0, own + i - np.uintp(1)] * x[own + i - np.uintp(1)]
            + coefs[1, own + i - np.uintp(2)] * x[own + i - np.uintp(2)]
        )


@jit
def _product(s, n, places, coefs, diagonal, x, total):
    """Write A x on a segment to `total`."""
    two = np.uintp(2)
    own = np.uintp(places[s, 2])
    _add_same_row(total, n, coefs, diagonal, x, own)
    _add_row(total, n, coefs, 2, own, x, np.uintp(places[s, 3]) - two)
    _add_row(total, n, coefs, 7, own, x, np.uintp(places[s, 4]) - two)
    _add_row_above(total, n, coefs, 2, x, np.uintp(places[s, 1]) - two)
    _add_row_above(total, n, coefs, 7, x, np.uintp(places[s, 0]) - two)


@pjit
def finish_diagonal(chunks, row_segments, segments, places, coefs, diagonal):
    """Turn row sums into the diagonal: subtract the rounded coefficients, so that the sums are exact."""
    for chunk in prange(chunks.shape[0] - 1):
        for s in range(row_segments[chunks[chunk]], row_segments[chunks[chunk + 1]]):
            own = places[s, 2]
            for i in range(segments[s, 1]):
                total = diagonal[own + i]
                for k in range(12):
                    total -= np.float64(coefs[k, own + i])
                for k in range(2):
                    total -= np.float64(coefs[k, own + i - k - 1])
                for k in range(5):
                    total -= np.float64(coefs[2 + k, places[s, 1] + i + 2 - k])
                    total -= np.float64(coefs[7 + k, places[s, 0] + i + 2 - k])
                diagonal[own + i] = total


@pjit
def multiply(chunks, row_segments, segments, places, coefs, diagonal, x, result, dots):
    """Write ``A x`` to `result` and each chunk's part of ``x . A x`` to `dots`."""
    for chunk in prange(chunks.shape[0] - 1):
        total = np.empty(256, x.dtype)
        dot = np.float64(0)
        for s in range(row_segments[chunks[chunk]], row_segments[chunks[chunk + 1]]):
            n = np.uintp(segments[s, 1])
            _product(s, n, places, coefs, diagonal, x, total)
            own = np.uintp(places[s, 2])
            for i in range(n):
                result[own + i] = total[i]
                dot += total[i] * x[own + i]
        dots[chunk] = dot
