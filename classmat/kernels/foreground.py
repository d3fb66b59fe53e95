"""Multi-level foreground estimation: averages over 2x2 blocks, red-black relaxation, projection.

Everything is stored as *split rows*, the even columns first: (h, channels, 2, (w + 1) // 2), or without
`channels`. The pixels of one colour of the checkerboard, and their neighbours, then lie next to each other,
and all inner loops vectorise. If w is odd, the last column is repeated.

The temporary rows of a piece are parts of one array at offsets known when compiling: LLVM then needs no
aliasing checks between them, of which it allows too few to vectorise.
"""

import numpy as np

from ._jit import jit, pjit, prange

PIECE = 256  # pixels of one colour that are worked on at a time: their temporary rows stay in the first cache
STRIP = 32  # rows that one thread works on at a time
SERIAL = 64 * 64  # levels of at most so many pixels are not worth waking threads for

ROOM = PIECE + 8
LEFT, RIGHT, UP, DOWN, ALPHA, SPREAD = 0, ROOM, 2 * ROOM, 3 * ROOM, 4 * ROOM, 5 * ROOM
FOR_F, FOR_B, COV_F, COV_B = 6 * ROOM, 7 * ROOM, 8 * ROOM, 9 * ROOM
MEAN_F, MEAN_B, COV, SIDES = 10 * ROOM, 11 * ROOM, 12 * ROOM, 13 * ROOM
TEMPORARY = 14 * ROOM

ZERO, ONE, TWO = np.float32(0), np.float32(1), np.float32(2)
QUARTER, HALF, TINY = np.float32(0.25), np.float32(0.5), np.float32(1e-30)


@jit
def _clip(value, low, high):
    value = low if value < low else value
    return high if value > high else value


@jit
def _set_sides(t, line, side, k0, k1):
    """Copy a line so that the k-th pixel's left neighbour is the k-th entry and its right one is the next.

    `side` is 0 for pixels in even columns, 1 for odd ones; `line` has the columns between. Beyond the border
    the last entry repeats; its weight is zero.
    """
    low, high = max(k0 - 1 + side, 0), min(k1 + side, line.size)
    shift = low - (k0 - 1 + side)
    piece, target = line[low:high], t[SIDES + shift :]
    for k in range(piece.size):
        target[k] = piece[k]
    t[SIDES] = line[low]
    t[SIDES + k1 - k0] = line[high - 1]


@jit
def _set_weights(t, alpha, var, y, side, k0, k1, reg, slope):
    """Set the weights of the neighbours and the inverse 2x2 systems, which all channels share."""
    h, _, half_w = alpha.shape
    n = k1 - k0
    here, above, below = (
        alpha[y, side, k0:k1],
        alpha[max(y - 1, 0), side, k0:k1],
        alpha[min(y + 1, h - 1), side, k0:k1],
    )
    has_above, has_below = np.float32(y > 0), np.float32(y < h - 1)
    _set_sides(t, alpha[y, 1 - side], side, k0, k1)
    for k in range(n):
        a = here[k]
        t[ALPHA + k] = a
        t[SPREAD + k] = ZERO
        t[LEFT + k] = reg + slope * abs(a - t[SIDES + k])
        t[RIGHT + k] = reg + slope * abs(a - t[SIDES + k + 1])
        t[UP + k] = has_above * (reg + slope * abs(a - above[k]))
        t[DOWN + k] = has_below * (reg + slope * abs(a - below[k]))
    if side == 0 and k0 == 0:
        t[LEFT] = ZERO
    if side == 1 and k1 == half_w:
        t[RIGHT + n - 1] = ZERO
    if var.size > 0:
        spread = var[y, side, k0:k1]
        for k in range(n):
            t[SPREAD + k] = spread[k]
    for k in range(n):
        a, v = t[ALPHA + k], t[SPREAD + k]
        b = ONE - a
        s = t[LEFT + k] + t[RIGHT + k] + t[UP + k] + t[DOWN + k]
        scale = ONE / (v + s * (a * a + b * b + TWO * v) + s * s)
        share = ONE / s
        t[LEFT + k] *= share
        t[RIGHT + k] *= share
        t[UP + k] *= share
        t[DOWN + k] *= share
        t[FOR_F + k] = (v + a * s) * scale
        t[FOR_B + k] = (v + b * s) * scale
        t[COV_F + k] = (b + s) * scale
        t[COV_B + k] = (a + s) * scale


@jit
def _set_mean(t, out, field, y, c, side, k0, k1):
    """Set the weighted means of the four neighbours in one channel."""
    h = field.shape[0]
    _set_sides(t, field[y, c, 1 - side], side, k0, k1)
    above, below = field[max(y - 1, 0), c, side, k0:k1], field[min(y + 1, h - 1), c, side, k0:k1]
    for k in range(k1 - k0):
        sides = t[LEFT + k] * t[SIDES + k] + t[RIGHT + k] * t[SIDES + k + 1]
        t[out + k] = sides + (t[UP + k] * above[k] + t[DOWN + k] * below[k])


@jit
def _relax_piece(t, foreground, background, image, cov, y, side, k0, k1):
    """Solve the 2x2 systems of the pixels of one colour, their neighbours held fixed."""
    n = k1 - k0
    for k in range(n):
        t[COV + k] = ZERO
    for c in range(foreground.shape[1]):
        _set_mean(t, MEAN_F, foreground, y, c, side, k0, k1)
        _set_mean(t, MEAN_B, background, y, c, side, k0, k1)
        if cov.size > 0:
            products = cov[y, c, side, k0:k1]
            for k in range(n):
                t[COV + k] = products[k]
        F, B, colour = foreground[y, c, side, k0:k1], background[y, c, side, k0:k1], image[y, c, side, k0:k1]
        for k in range(n):
            a, f, b = t[ALPHA + k], t[MEAN_F + k], t[MEAN_B + k]
            r = colour[k] - a * f - (ONE - a) * b
            q = t[COV + k] - t[SPREAD + k] * (f - b)
            F[k] = _clip(f + t[FOR_F + k] * r + t[COV_F + k] * q, ZERO, ONE)
            B[k] = _clip(b + t[FOR_B + k] * r - t[COV_B + k] * q, ZERO, ONE)


@jit
def _relax_row(t, foreground, background, image, cov, alpha, var, y, colour, reg, slope):
    side, half_w = (y + colour) & 1, alpha.shape[2]
    for k0 in range(0, half_w, PIECE):
        k1 = min(k0 + PIECE, half_w)
        _set_weights(t, alpha, var, y, side, k0, k1, reg, slope)
        _relax_piece(t, foreground, background, image, cov, y, side, k0, k1)


@jit
def _relax_strip(foreground, background, image, cov, alpha, var, strip, reg, slope):
    """Red pixels of a strip, and black ones as soon as all red ones around are done: rows stay cached."""
    t = np.empty(TEMPORARY, np.float32)
    begin, end = strip * STRIP, min((strip + 1) * STRIP, alpha.shape[0])
    for y in range(begin, end):
        _relax_row(t, foreground, background, image, cov, alpha, var, y, 0, reg, slope)
        if y >= begin + 2:
            _relax_row(t, foreground, background, image, cov, alpha, var, y - 1, 1, reg, slope)


@jit
def _relax_edges(foreground, background, image, cov, alpha, var, strip, reg, slope):
    """Black pixels of the first and the last row of a strip, which have red neighbours in other strips."""
    t = np.empty(TEMPORARY, np.float32)
    begin, last = strip * STRIP, min((strip + 1) * STRIP, alpha.shape[0]) - 1
    _relax_row(t, foreground, background, image, cov, alpha, var, begin, 1, reg, slope)
    if last > begin:
        _relax_row(t, foreground, background, image, cov, alpha, var, last, 1, reg, slope)


@pjit
def relax(foreground, background, image, cov, alpha, var, iterations, reg, slope):
    """Sweep all pixels of one colour of the checkerboard, then of the other, improving both fields in place.

    Within a colour the order does not matter: the result does not depend on the number of threads.
    `image` and `alpha` are the means over each pixel's block of the photo, `cov` the covariances of the two
    and `var` the variances of alpha; both are empty where blocks are single pixels.

    With a = alpha, b = 1 - a, v = var, s the sum of the weights and f, g the neighbours' weighted means of
    F and B, the 2x2 system of a pixel is solved by::

        r = image - a f - b g          q = cov - v (f - g)         det = v + s (a^2 + b^2 + 2 v) + s^2
        F = f + ((v + a s) r + (b + s) q) / det
        B = g + ((v + b s) r - (a + s) q) / det

    in which, other than in the inverse matrix times the right side, nothing cancels as s -> 0.
    """
    h, _, half_w = alpha.shape
    strips = (h + STRIP - 1) // STRIP
    if 2 * h * half_w <= SERIAL:
        for _ in range(iterations):
            for strip in range(strips):
                _relax_strip(foreground, background, image, cov, alpha, var, strip, reg, slope)
            for strip in range(strips):
                _relax_edges(foreground, background, image, cov, alpha, var, strip, reg, slope)
    else:
        for _ in range(iterations):
            for strip in prange(strips):
                _relax_strip(foreground, background, image, cov, alpha, var, strip, reg, slope)
            for strip in prange(strips):
                _relax_edges(foreground, background, image, cov, alpha, var, strip, reg, slope)


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


@pjit
def double(coarse, fine):
    """Give each pixel of `fine` its block's value in `coarse`."""
    h, channels, _, half_w = fine.shape
    for y in prange(h):
        for c in range(channels):
            for side in range(2):
                even, odd, target = coarse[y // 2, c, 0], coarse[y // 2, c, 1], fine[y, c, side]
                for k in range(half_w // 2):
                    target[2 * k] = even[k]
                    target[2 * k + 1] = odd[k]
                if half_w & 1:
                    target[half_w - 1] = even[half_w // 2]


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
def _merge(field, y, spare):
    """Turn one split row (channels, 2, w / 2) into (w, channels), in place."""
    _, channels, _, half_w = field.shape
    spare[:] = field[y]
    target = field[y].reshape(half_w, 2, channels)
    for c in range(channels):
        for k in range(half_w):
            target[k, 0, c] = spare[c, 0, k]
            target[k, 1, c] = spare[c, 1, k]


@pjit
def finish(foreground, background, image, alpha, noise):
    """Satisfy the compositing equation, then turn split rows into plain ones: (h, w, channels), in place.

    `noise` is twice the variance of the noise in each channel.
    """
    h, channels, _, half_w = foreground.shape
    for strip in prange((h + STRIP - 1) // STRIP):
        spare = np.empty((channels, 2, half_w), np.float32)
        for y in range(strip * STRIP, min((strip + 1) * STRIP, h)):
            for c in range(channels):
                for side in range(2):
                    F, B = foreground[y, c, side], background[y, c, side]
                    _project(F, B, image[y, c, side], alpha[y, side], noise[c])
            _merge(foreground, y, spare)
            _merge(background, y, spare)
