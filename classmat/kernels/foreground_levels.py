"""Multi-level foreground estimation: from pixels to split rows, averages over 2x2 blocks, projection, and back.

A *split row* has the even columns of a row first, then the odd ones: (channels, 2, (w + 1) // 2), or without
`channels`. If w is odd, the last column is repeated.
"""

import numpy as np

from ._jit import jit, pjit, prange

PIECE = 256  # pixels that are looked at together for whether alpha is 0, or 1, in all of them
STRIP = 32  # rows that one thread works on at a time

ZERO, ONE, QUARTER, HALF = np.float32(0), np.float32(1), np.float32(0.25), np.float32(0.5)
TINY = np.float32(1e-30)


@jit
def _deal(line, out):
    """Store a line as a split row; the last entry repeats if one is missing."""
    even, odd = out[0], out[1]
    for k in range(line.size // 2):
        even[k] = line[2 * k]
        odd[k] = line[2 * k + 1]
    if line.size & 1:
        even[-1] = line[-1]
        odd[-1] = line[-1]


@pjit
def split(image, out):
    """Store an image (h, w, channels) as split rows."""
    for y in prange(image.shape[0]):
        for c in range(image.shape[2]):
            _deal(image[y, :, c], out[y, c])


@jit
def _block_means(upper, lower, out):
    """Means of blocks of 2x2 pixels in two split rows."""
    p0, p1, p2, p3 = upper[0], upper[1], lower[0], lower[1]
    for k in range(out.size):
        out[k] = QUARTER * ((p0[k] + p1[k]) + (p2[k] + p3[k]))


@jit
def _add_products(deviation, upper, lower, out):
    """Add the means over blocks of the products with what alpha deviates from its mean."""
    d0, d1, d2, d3 = deviation[0], deviation[1], deviation[2], deviation[3]
    p0, p1, p2, p3 = upper[0], upper[1], lower[0], lower[1]
    for k in range(out.size):
        out[k] += QUARTER * ((d0[k] * p0[k] + d1[k] * p1[k]) + (d2[k] * p2[k] + d3[k] * p3[k]))


@jit
def _set_deviations(upper, lower, mean, out):
    for side in range(2):
        first, second = out[side], out[2 + side]
        p, q = upper[side], lower[side]
        for k in range(mean.size):
            first[k] = p[k] - mean[k]
            second[k] = q[k] - mean[k]


@jit
def _halve_row(image, cov, alpha, var, image_out, cov_out, alpha_out, var_out, Y):
    h, channels, _, half_w = image.shape
    y0, y1 = 2 * Y, min(2 * Y + 1, h - 1)
    mean, spread, deviation = (
        np.empty(half_w, np.float32),
        np.zeros(half_w, np.float32),
        np.empty((4, half_w), np.float32),
    )
    _block_means(alpha[y0], alpha[y1], mean)
    _deal(mean, alpha_out[Y])
    _set_deviations(alpha[y0], alpha[y1], mean, deviation)
    if var.size > 0:
        _block_means(var[y0], var[y1], spread)
    _add_products(deviation, deviation[:2], deviation[2:], spread)
    _deal(spread, var_out[Y])
    for c in range(channels):
        _block_means(image[y0, c], image[y1, c], mean)
        _deal(mean, image_out[Y, c])
        spread[:] = ZERO
        if cov.size > 0:
            _block_means(cov[y0, c], cov[y1, c], spread)
        _add_products(deviation, image[y0, c], image[y1, c], spread)
        _deal(spread, cov_out[Y, c])


@pjit
def halve(image, cov, alpha, var, image_out, cov_out, alpha_out, var_out):
    """Means, variances, covariances of blocks of 2x2 pixels; at an odd border the last pixels count twice."""
    for Y in prange(alpha_out.shape[0]):
        _halve_row(image, cov, alpha, var, image_out, cov_out, alpha_out, var_out, Y)


@jit
def _clip(value, low, high):
    value = low if value < low else value
    return high if value > high else value


@jit
def _project(F, B, colour, alpha, noise):
    """Move each pair to the nearest one in the unit square with alpha F + (1 - alpha) B = colour.

    Where alpha is between 0 and 1, the residual r is shrunk to r (1 - noise / r^2), or to nothing: what noise of
    half that variance would leave stays out of both colours.

    The one with the larger weight is solved for last, which loses no digits. A bound of 0 / 0 is no bound.
    """
    for x in range(alpha.size):
        a, f, b, value = alpha[x], F[x], B[x], colour[x]
        is_f = a >= HALF
        heavy = a if is_f else ONE - a
        light = ONE - a if is_f else a
        minor = b if is_f else f
        r = value - a * f - (ONE - a) * b
        square = r * r
        bound = square if square > noise else noise
        excess = noise * r / (bound if bound > TINY else TINY)
        excess = excess if a > ZERO and a < ONE else ZERO
        r -= excess
        value -= excess
        low, high = (value - heavy) / light, value / light
        low = low if low > ZERO else ZERO
        high = high if high < ONE else ONE
        minor = _clip(minor + light * r / (heavy * heavy + light * light), low, high)
        major = _clip((value - light * minor) / heavy, ZERO, ONE)
        F[x] = major if is_f else minor
        B[x] = minor if is_f else major


@jit
def _finish_line(F, B, colour, alpha, noise):
    """Project one line; pieces of which one colour is the image's get just that."""
    for k in range(0, alpha.size, PIECE):
        piece = alpha[k : k + PIECE]
        value, count = piece[0], 0
        for i in range(piece.size):
            count += piece[i] != value
        if count == 0 and (value == ZERO or value == ONE):
            held, source = F[k : k + PIECE] if value == ONE else B[k : k + PIECE], colour[k : k + PIECE]
            for i in range(source.size):
                held[i] = source[i]
        else:
            _project(F[k : k + PIECE], B[k : k + PIECE], colour[k : k + PIECE], piece, noise)


@jit
def _merge(row, spare, out):
    """Turn one split row (channels, 2, (w + 1) // 2) into one of pixels, (w, channels), which may be its memory."""
    channels, _, half_w = row.shape
    w = out.size // channels
    spare[:] = row
    for c in range(channels):
        even, odd = spare[c, 0], spare[c, 1]
        for k in range(w // 2):
            out[2 * k * channels + c] = even[k]
            out[(2 * k + 1) * channels + c] = odd[k]
        if w & 1:
            out[(w - 1) * channels + c] = even[half_w - 1]


@pjit
def finish(foreground, background, image, alpha, noise, foreground_out, background_out):
    """Satisfy the compositing equation, then turn split rows into rows of pixels (h, w * channels).

    The results may share their memory with the fields. `noise` is twice the variance of the noise in each channel.
    """
    h, channels, _, half_w = foreground.shape
    for strip in prange((h + STRIP - 1) // STRIP):
        spare = np.empty((channels, 2, half_w), np.float32)
        for y in range(strip * STRIP, min((strip + 1) * STRIP, h)):
            for c in range(channels):
                for side in range(2):
                    F, B = foreground[y, c, side], background[y, c, side]
                    _finish_line(F, B, image[y, c, side], alpha[y, side], noise[c])
            _merge(foreground[y], spare, foreground_out[y])
            _merge(background[y], spare, background_out[y])


@jit
def project(foreground, background, colour, alpha, noise):
    """Satisfy the compositing equation in one line of pixels."""
    _project(foreground, background, colour, alpha, np.float32(noise))
