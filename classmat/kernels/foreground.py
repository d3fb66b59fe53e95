"""Multi-level foreground estimation: averages over 2x2 blocks, red-black relaxation, projection.

Fields that are relaxed are (h, channels, w), so that inner loops run along contiguous rows; images are
(h, w, channels). A row is worked on in pieces of `PIECE` pixels, of which every second one has the colour whose
turn it is; their temporary values are packed. All packed rows are parts of one array at offsets known when
compiling: LLVM then needs no aliasing checks between them, of which it allows too few to vectorise.
"""

import numpy as np

from ._jit import jit, pjit, prange

PIECE = 512  # even, so that pieces begin on the same colour
STRIP = 16  # rows that share one temporary array
SERIAL = 64 * 64  # levels of at most so many pixels are not worth waking threads for

ROOM = PIECE // 2 + 8
LEFT, RIGHT, UP, DOWN, ALPHA, SPREAD = 0, ROOM, 2 * ROOM, 3 * ROOM, 4 * ROOM, 5 * ROOM
FOR_F, FOR_B, COV_F, COV_B = 6 * ROOM, 7 * ROOM, 8 * ROOM, 9 * ROOM
MEAN_F, MEAN_B, COLOUR, COV = 10 * ROOM, 11 * ROOM, 12 * ROOM, 13 * ROOM
TEMPORARY = 14 * ROOM

ZERO, ONE, TWO = np.float32(0), np.float32(1), np.float32(2)
QUARTER, HALF = np.float32(0.25), np.float32(0.5)


@jit
def _clip(value, low, high):
    value = low if value < low else value
    return high if value > high else value


@jit
def _pad(row, line, x0, x1):
    """Copy pixels x0 to x1 of a line and one more on each side; beyond the border the last one repeats."""
    piece = line[x0:x1]
    inner = row[1:]
    for i in range(piece.size):
        inner[i] = piece[i]
    row[0] = line[max(x0 - 1, 0)]
    row[1 + piece.size] = line[min(x1, line.size - 1)]


@jit
def _set_weights(t, row, alpha, var, y, x0, x1, first, reg, slope):
    """Set the weights of the neighbours and the inverse 2x2 systems, which all channels share."""
    h, w = alpha.shape
    _pad(row, alpha[y], x0, x1)
    mine = row[first:]
    above, below = alpha[max(y - 1, 0), x0 + first : x1], alpha[min(y + 1, h - 1), x0 + first : x1]
    has_above, has_below = np.float32(y > 0), np.float32(y < h - 1)
    n = (x1 - x0 - first + 1) // 2
    for k in range(n):
        a = mine[2 * k + 1]
        t[ALPHA + k] = a
        t[LEFT + k] = reg + slope * abs(a - mine[2 * k])
        t[RIGHT + k] = reg + slope * abs(a - mine[2 * k + 2])
        t[UP + k] = has_above * (reg + slope * abs(a - above[2 * k]))
        t[DOWN + k] = has_below * (reg + slope * abs(a - below[2 * k]))
        t[SPREAD + k] = ZERO
    if x0 + first == 0:
        t[LEFT] = ZERO
    if x1 == w and (w - 1 - x0 - first) & 1 == 0:
        t[RIGHT + n - 1] = ZERO
    if var.size > 0:
        spread = var[y, x0 + first : x1]
        for k in range(n):
            t[SPREAD + k] = spread[2 * k]
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
def _set_mean(t, out, row, field, y, c, x0, x1, first):
    """Set the weighted means of the four neighbours in one channel."""
    h = field.shape[0]
    _pad(row, field[y, c], x0, x1)
    above, below = field[max(y - 1, 0), c, x0 + first : x1], field[min(y + 1, h - 1), c, x0 + first : x1]
    mine = row[first:]
    for k in range((x1 - x0 - first + 1) // 2):
        sides = t[LEFT + k] * mine[2 * k] + t[RIGHT + k] * mine[2 * k + 2]
        t[out + k] = sides + (t[UP + k] * above[2 * k] + t[DOWN + k] * below[2 * k])


@jit
def _store(piece, row, t, new, first):
    """Write the packed new values between the old ones of the other colour: whole rows, so that it vectorises."""
    n = piece.size // 2
    if first == 1:
        old = row[1:]
        for k in range(n):
            piece[2 * k] = old[2 * k]
            piece[2 * k + 1] = t[new + k]
    else:
        old = row[2:]
        for k in range(n):
            piece[2 * k] = t[new + k]
            piece[2 * k + 1] = old[2 * k]
        if piece.size & 1:
            piece[2 * n] = t[new + n]


@jit
def _relax_piece(t, row_F, row_B, foreground, background, image, cov, y, x0, x1, first):
    """Solve the 2x2 systems of the pixels of one colour, their neighbours held fixed."""
    n = (x1 - x0 - first + 1) // 2
    for c in range(foreground.shape[1]):
        _set_mean(t, MEAN_F, row_F, foreground, y, c, x0, x1, first)
        _set_mean(t, MEAN_B, row_B, background, y, c, x0, x1, first)
        pixels = image[y, x0 + first : x1, c]
        for k in range(n):
            t[COLOUR + k] = pixels[2 * k]
            t[COV + k] = ZERO
        if cov.size > 0:
            products = cov[y, x0 + first : x1, c]
            for k in range(n):
                t[COV + k] = products[2 * k]
        for k in range(n):
            a, f, b = t[ALPHA + k], t[MEAN_F + k], t[MEAN_B + k]
            r = t[COLOUR + k] - a * f - (ONE - a) * b
            q = t[COV + k] - t[SPREAD + k] * (f - b)
            t[MEAN_F + k] = _clip(f + t[FOR_F + k] * r + t[COV_F + k] * q, ZERO, ONE)
            t[MEAN_B + k] = _clip(b + t[FOR_B + k] * r - t[COV_B + k] * q, ZERO, ONE)
        _store(foreground[y, c, x0:x1], row_F, t, MEAN_F, first)
        _store(background[y, c, x0:x1], row_B, t, MEAN_B, first)


@jit
def _relax_strip(foreground, background, image, cov, alpha, var, strip, colour, reg, slope):
    h, w = alpha.shape
    t = np.empty(TEMPORARY, np.float32)
    row_F, row_B = np.empty(PIECE + 8, np.float32), np.empty(PIECE + 8, np.float32)
    for y in range(strip * STRIP, min((strip + 1) * STRIP, h)):
        first = (y + colour) & 1
        for x0 in range(0, w, PIECE):
            x1 = min(x0 + PIECE, w)
            if x0 + first < x1:
                _set_weights(t, row_F, alpha, var, y, x0, x1, first, reg, slope)
                _relax_piece(t, row_F, row_B, foreground, background, image, cov, y, x0, x1, first)


@pjit
def relax(foreground, background, image, cov, alpha, var, iterations, reg, slope):
    """Sweep all pixels of one colour of the checkerboard, then of the other, in place.

    Within a colour the order does not matter: the result does not depend on the number of threads.
    `foreground`, `background` (h, channels, w) are improved. `image` (h, w, channels) and `alpha` (h, w) are the
    means over each pixel's block of the photo, `cov` the covariances of the two and `var` the variances of alpha;
    both are empty where blocks are single pixels.
    """
    h, w = alpha.shape
    strips = (h + STRIP - 1) // STRIP
    for half in range(2 * iterations):
        if h * w <= SERIAL:
            for strip in range(strips):
                _relax_strip(foreground, background, image, cov, alpha, var, strip, half & 1, reg, slope)
        else:
            for strip in prange(strips):
                _relax_strip(foreground, background, image, cov, alpha, var, strip, half & 1, reg, slope)


@pjit
def halve(image, cov, alpha, var, image_out, cov_out, alpha_out, var_out):
    """Means, variance and covariances of blocks of 2x2 pixels; at an odd border the last pixels count twice."""
    h, w, channels = image.shape
    for Y in prange(alpha_out.shape[0]):
        y0, y1 = 2 * Y, min(2 * Y + 1, h - 1)
        for X in range(alpha_out.shape[1]):
            x0, x1 = 2 * X, min(2 * X + 1, w - 1)
            a0, a1, a2, a3 = alpha[y0, x0], alpha[y0, x1], alpha[y1, x0], alpha[y1, x1]
            a = QUARTER * (a0 + a1 + a2 + a3)
            d0, d1, d2, d3 = a0 - a, a1 - a, a2 - a, a3 - a
            inner = ZERO
            if var.size > 0:
                inner = var[y0, x0] + var[y0, x1] + var[y1, x0] + var[y1, x1]
            alpha_out[Y, X] = a
            var_out[Y, X] = QUARTER * (inner + d0 * d0 + d1 * d1 + d2 * d2 + d3 * d3)
            for c in range(channels):
                i0, i1, i2, i3 = image[y0, x0, c], image[y0, x1, c], image[y1, x0, c], image[y1, x1, c]
                inner = ZERO
                if cov.size > 0:
                    inner = cov[y0, x0, c] + cov[y0, x1, c] + cov[y1, x0, c] + cov[y1, x1, c]
                image_out[Y, X, c] = QUARTER * (i0 + i1 + i2 + i3)
                cov_out[Y, X, c] = QUARTER * (inner + d0 * i0 + d1 * i1 + d2 * i2 + d3 * i3)


@pjit
def double(coarse, fine):
    """Give each pixel of `fine` (h, channels, w) its block's value in `coarse`."""
    h, channels, w = fine.shape
    for y in prange(h):
        for c in range(channels):
            source, target = coarse[y // 2, c], fine[y, c]
            for X in range(w // 2):
                target[2 * X] = source[X]
                target[2 * X + 1] = source[X]
            target[w - 1] = source[(w - 1) // 2]


@jit
def _project(F, B, colour, alpha, image, c):
    """Move each pair to the nearest one in the unit square with alpha F + (1 - alpha) B = colour.

    The one with the larger weight is solved for last, which loses no digits. A bound that is 0 / 0 is no bound.
    """
    for x in range(alpha.size):
        colour[x] = image[x, c]
    for x in range(alpha.size):
        a, f, b, value = alpha[x], F[x], B[x], colour[x]
        is_f = a >= HALF
        heavy = a if is_f else ONE - a
        light = ONE - a if is_f else a
        minor = b if is_f else f
        r = value - a * f - (ONE - a) * b
        low, high = (value - heavy) / light, value / light
        low = low if low > ZERO else ZERO
        high = high if high < ONE else ONE
        minor = _clip(minor + light * r / (heavy * heavy + light * light), low, high)
        major = _clip((value - light * minor) / heavy, ZERO, ONE)
        F[x] = major if is_f else minor
        B[x] = minor if is_f else major


@jit
def _interleave(line, spare):
    """Turn one row from (channels, w) to (w, channels), in place."""
    channels, w = line.shape
    spare[:] = line
    target = line.reshape(w, channels)
    for c in range(channels):
        for x in range(w):
            target[x, c] = spare[c, x]


@pjit
def finish(foreground, background, image, alpha):
    """Satisfy the compositing equation, then turn each row from (channels, w) to (w, channels), in place."""
    h, channels, w = foreground.shape
    for strip in prange((h + STRIP - 1) // STRIP):
        spare = np.empty((channels, w), np.float32)
        for y in range(strip * STRIP, min((strip + 1) * STRIP, h)):
            for c in range(channels):
                _project(foreground[y, c], background[y, c], spare[c], alpha[y], image[y], c)
            _interleave(foreground[y], spare)
            _interleave(background[y], spare)
