"""The radius-1 matting Laplacian over unknown pixels as a symmetric 25-point stencil: assembly and products.

Of every symmetric pair of coefficients the pixel that comes first keeps one: plane k of `coefs` (12, places) holds
the coefficient towards the pixel at `(dy, dx)`, in the order (0, 1), (0, 2), (1, -2 .. 2), (2, -2 .. 2).
Layout of places and segments: `stencil_layout`.
"""

import numpy as np

from ._jit import jit, pjit, prange
from ._windows import BATCH, centre, fused, load_colours, orthonormalise


@jit
def _plane(dy, dx):
    return dx - 1 if dy == 0 else 5 * dy - 1 + dx


@fused
def _affinities(q, channels, size, a, b, n, affinity):
    if channels == 3:
        for i in range(n):
            affinity[i] = (
                np.float64(1) / size + q[0, a, i] * q[0, b, i] + q[1, a, i] * q[1, b, i] + q[2, a, i] * q[2, b, i]
            )
    else:
        for i in range(n):
            affinity[i] = np.float64(1) / size
        for c in range(channels):
            for i in range(n):
                affinity[i] += q[c, a, i] * q[c, b, i]


@fused
def _add_pair(affinity, n, inner, ya, xa, yb, xb, k, ring):
    """Take the affinities from plane k where both pixels are unknown."""
    for i in range(n):
        ring[ya, k, xa + i] -= affinity[i] * (inner[ya, xa + i] * inner[yb, xb + i])


@fused
def _add_known(affinity, n, inner, alpha, y, x, other_y, other_x, ring):
    """Add the affinities of unknown pixels to known ones, and these times the known values."""
    for i in range(n):
        value = affinity[i] * (inner[y, x + i] * (1 - inner[other_y, other_x + i]))
        ring[y, 12, x + i] += value
        ring[y, 13, x + i] += value * alpha[other_y, other_x + i]


@jit
def _add_windows(q, channels, top, left, n, height, width, inner, alpha, mixed, affinity, ring):
    """Add windows side by side to the rows in `ring` (3, 14, w): 12 planes, known sum, right-hand side."""
    size = height * width
    for a in range(size):
        ya, xa = np.uintp((top + a // width) % 3), np.uintp(left + a % width)
        for b in range(a + 1, size):
            yb, xb = np.uintp((top + b // width) % 3), np.uintp(left + b % width)
            _affinities(q, channels, size, a, b, n, affinity)
            k = np.uintp(_plane(b // width - a // width, b % width - a % width))
            _add_pair(affinity, n, inner, ya, xa, yb, xb, k, ring)
            if mixed:
                _add_known(affinity, n, inner, alpha, ya, xa, yb, xb, ring)
                _add_known(affinity, n, inner, alpha, yb, xb, ya, xa, ring)


@jit
def _load_row(y, is_unknown, alpha, inner, values):
    """Copy a row of the mask and of the known values as numbers."""
    for x in range(inner.shape[0]):
        inner[x] = is_unknown[y, x]
        values[x] = 0 if is_unknown[y, x] else alpha[y, x]


@jit
def _next_batch(left, columns, top, height, width, inner):
    """Return the next windows with an unknown pixel from `left` on, and whether some of their pixels are known."""
    start, stop, unknown = -1, columns, 0
    for x in range(left, columns + width - 1):
        touched = 0
        for y in range(height):
            touched += inner[(top + y) % 3, x] > 0
        if start < 0 and touched > 0:
            start = max(left, x - width + 1)
            stop = min(columns, start + BATCH)
        if start >= 0 and x < stop + width - 1:
            unknown += touched
    if start < 0:
        return columns, 0, False
    return start, stop - start, unknown < height * (stop - start + width - 1)


@jit
def _flush_row(y, keep, ring, row_segments, segments, places, coefs, diagonal, right):
    """Move a finished row to its places, if it is to be kept, and clear it."""
    for s in range(row_segments[y], row_segments[y + 1]):
        x, place, n = segments[s, 0], places[s, 2], segments[s, 1]
        if keep:
            for k in range(12):
                for i in range(n):
                    coefs[k, place + i] = ring[k, x + i]
            for i in range(n):
                diagonal[place + i] = ring[12, x + i]
                right[place + i] = ring[13, x + i]
        ring[:, x : x + n] = 0


@jit
def _assemble_chunk(
    first, stop, image, is_unknown, alpha, eps, row_segments, segments, places, coefs, diagonal, right
):
    """Assemble the rows first .. stop - 1."""
    rows, columns = is_unknown.shape
    height, width = min(3, rows), min(3, columns)
    channels, size = image.shape[2], height * width
    ring = np.zeros((3, 14, columns))
    inner, values = np.empty((3, columns)), np.empty((3, columns))
    colours = np.empty((channels, height, columns))
    q = np.empty((channels, size + channels, BATCH))
    sums = np.empty(BATCH)
    begin, end = max(0, first - height + 1), min(rows - height + 1, stop)
    for top in range(begin, end):
        for y in range(top if top == begin else top + height - 1, top + height):
            _load_row(y, is_unknown, alpha, inner[y % 3], values[y % 3])
            load_colours(image, y, colours[:, y % height])
        left = 0
        while left <= columns - width:
            left, n, mixed = _next_batch(left, columns - width + 1, top, height, width, inner)
            if n > 0:
                m = np.uintp(n)
                centre(colours, top, left, m, height, width, q)
                orthonormalise(channels, size, eps, m, q, sums)
                _add_windows(q, channels, top, left, m, height, width, inner, values, mixed, sums, ring)
                left += n
        # No later window reaches the row `top`; after the last window no row at all.
        done = rows if top == rows - height else top + 1
        for y in range(top, done):
            keep = first <= y < stop
            _flush_row(y, keep, ring[y % 3], row_segments, segments, places, coefs, diagonal, right)


@pjit
def assemble(image, is_unknown, alpha, eps, chunks, row_segments, segments, places, coefs, diagonal, right):
    """Fill `coefs`, the right-hand side, and in `diagonal` the sums of the affinities to known pixels."""
    for chunk in prange(chunks.shape[0] - 1):
        first, stop = chunks[chunk], chunks[chunk + 1]
        _assemble_chunk(
            first, stop, image, is_unknown, alpha, eps, row_segments, segments, places, coefs, diagonal, right
        )


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
    """Do the same for a row above, whose pixels keep the coefficients themselves."""
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
