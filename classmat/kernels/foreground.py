"""Multi-level foreground estimation: averages over 2x2 blocks, red-black relaxation, projection.

Fields that are relaxed are (h, channels, w), so that inner loops run over contiguous rows; images stay (h, w, channels).
A row is worked on in pieces of `PIECE` pixels. All temporary rows of a piece are parts of one array at offsets
known when compiling: then LLVM needs no aliasing checks between them, of which it allows too few to vectorise.
"""

import numpy as np

from ._jit import jit, pjit, prange

PIECE = 256
ROOM = PIECE + 8  # a row of a piece, one neighbour on each side, rounded up
STRIP = 16  # rows that share one temporary array
SERIAL = 64 * 64  # levels of at most so many pixels are not worth waking threads for

# Offsets of the temporary rows of a piece. LEFT has one entry more than pixels: the right edge's is the next one's left.
LEFT, UP, DOWN, NORM, ALPHA, SPREAD = 0, ROOM, 2 * ROOM, 3 * ROOM, 4 * ROOM, 5 * ROOM
FOR_F, FOR_B, COV_F, COV_B = 6 * ROOM, 7 * ROOM, 8 * ROOM, 9 * ROOM
ROW, MEAN_F, MEAN_B, COLOUR, COV = 10 * ROOM, 11 * ROOM, 12 * ROOM, 13 * ROOM, 14 * ROOM
TEMPORARY = 15 * ROOM

ZERO, ONE, TWO = np.float32(0), np.float32(1), np.float32(2)


@jit
def _clip(value, low, high):
    """A NaN bound (0 / 0) is not met: the caller orders its arguments so that it then has no effect."""
    value = low if value < low else value
    return high if value > high else value


@jit
def _set_weights(t, alpha, var, y, x0, n, reg, slope):
    """Edge weights and the entries of the inverse 2x2 system of n pixels, which all channels share."""
    h, w = alpha.shape
    here, above, below = alpha[y], alpha[max(y - 1, 0)], alpha[min(y + 1, h - 1)]
    has_above, has_below = np.float32(y > 0), np.float32(y < h - 1)
    spread = var[min(y, var.shape[0] - 1)]
    for i in range(n):
        t[ALPHA + i] = here[x0 + i]
        t[SPREAD + i] = spread[x0 + i]
    for i in range(n):
        t[UP + i] = has_above * (reg + slope * abs(t[ALPHA + i] - above[x0 + i]))
        t[DOWN + i] = has_below * (reg + slope * abs(t[ALPHA + i] - below[x0 + i]))
    t[LEFT] = reg + slope * abs(here[x0] - here[x0 - 1]) if x0 > 0 else ZERO
    for i in range(n - 1):
        t[LEFT + 1 + i] = reg + slope * abs(t[ALPHA + 1 + i] - t[ALPHA + i])
    end = x0 + n
    t[LEFT + n] = reg + slope * abs(here[end] - here[end - 1]) if end < w else ZERO
    for i in range(n):
        a, v = t[ALPHA + i], t[SPREAD + i]
        b = ONE - a
        s = t[LEFT + i] + t[LEFT + 1 + i] + t[UP + i] + t[DOWN + i]
        scale = ONE / (v + s * (a * a + b * b + TWO * v) + s * s)
        t[NORM + i] = ONE / s
        t[FOR_F + i] = (v + a * s) * scale
        t[FOR_B + i] = (v + b * s) * scale
        t[COV_F + i] = (b + s) * scale
        t[COV_B + i] = (a + s) * scale


@jit
def _set_mean(t, out, here, above, below, x0, n):
    """Weighted mean of the four neighbours of n pixels of one channel."""
    for i in range(n):
        t[ROW + 1 + i] = here[x0 + i]
    t[ROW] = here[max(x0 - 1, 0)]
    t[ROW + 1 + n] = here[min(x0 + n, here.size - 1)]
    for i in range(n):
        sides = t[LEFT + i] * t[ROW + i] + t[LEFT + 1 + i] * t[ROW + 2 + i]
        t[out + i] = (sides + t[UP + i] * above[x0 + i] + t[DOWN + i] * below[x0 + i]) * t[NORM + i]


@jit
def _relax_piece(t, foreground, background, image, cov, y, x0, n, colour):
    """Solve the 2x2 systems of the pixels of one colour of the checkerboard, neighbours held fixed."""
    h, channels, _ = foreground.shape
    above, below = max(y - 1, 0), min(y + 1, h - 1)
    odd = (x0 + y + colour) & 1
    for c in range(channels):
        F, B = foreground[y, c], background[y, c]
        _set_mean(t, MEAN_F, F, foreground[above, c], foreground[below, c], x0, n)
        _set_mean(t, MEAN_B, B, background[above, c], background[below, c], x0, n)
        for i in range(n):
            t[COLOUR + i] = image[y, x0 + i, c]
        y_cov = min(y, cov.shape[0] - 1)
        for i in range(n):
            t[COV + i] = cov[y_cov, x0 + i, c]
        for i in range(n):
            a, f, b = t[ALPHA + i], t[MEAN_F + i], t[MEAN_B + i]
            r = t[COLOUR + i] - a * f - (ONE - a) * b
            q = t[COV + i] - t[SPREAD + i] * (f - b)
            f = _clip(f + t[FOR_F + i] * r + t[COV_F + i] * q, ZERO, ONE)
            b = _clip(b + t[FOR_B + i] * r - t[COV_B + i] * q, ZERO, ONE)
            mine = (i & 1) == odd
            F[x0 + i] = f if mine else F[x0 + i]
            B[x0 + i] = b if mine else B[x0 + i]


@jit
def _relax_strip(foreground, background, image, cov, alpha, var, strip, colour, reg, slope):
    h, w = alpha.shape
    t = np.empty(TEMPORARY, np.float32)
    for y in range(strip * STRIP, min((strip + 1) * STRIP, h)):
        for x0 in range(0, w, PIECE):
            n = min(PIECE, w - x0)
            _set_weights(t, alpha, var, y, x0, n, reg, slope)
            _relax_piece(t, foreground, background, image, cov, y, x0, n, colour)


@pjit
def relax(foreground, background, image, cov, alpha, var, iterations, reg, slope):
    """Sweep red, then black pixels, in place: the order within a colour does not matter.

    `foreground`, `background` (h, channels, w); `image`, `cov` (h, w, channels) and `alpha`, `var` (h, w) are the means and
    the covariances with alpha within each pixel's block. One row of `cov` or `var` stands for all rows.
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
    """Means, and the covariances with alpha, of blocks of 2x2 pixels (of 1x2, 2x1, 1x1 at an odd border)."""
    h, w, channels = image.shape
    for Y in prange(alpha_out.shape[0]):
        y0, y1 = 2 * Y, min(2 * Y + 1, h - 1)
        v0, v1 = min(y0, var.shape[0] - 1), min(y1, var.shape[0] - 1)
        for X in range(alpha_out.shape[1]):
            x0, x1 = 2 * X, min(2 * X + 1, w - 1)
            quarter = np.float32(0.25)
            a = quarter * (alpha[y0, x0] + alpha[y0, x1] + alpha[y1, x0] + alpha[y1, x1])
            d0, d1, d2, d3 = alpha[y0, x0] - a, alpha[y0, x1] - a, alpha[y1, x0] - a, alpha[y1, x1] - a
            inner = var[v0, x0] + var[v0, x1] + var[v1, x0] + var[v1, x1]
            alpha_out[Y, X] = a
            var_out[Y, X] = quarter * (inner + d0 * d0 + d1 * d1 + d2 * d2 + d3 * d3)
            for c in range(channels):
                i0, i1, i2, i3 = image[y0, x0, c], image[y0, x1, c], image[y1, x0, c], image[y1, x1, c]
                inner = cov[v0, x0, c] + cov[v0, x1, c] + cov[v1, x0, c] + cov[v1, x1, c]
                image_out[Y, X, c] = quarter * (i0 + i1 + i2 + i3)
                cov_out[Y, X, c] = quarter * (inner + d0 * i0 + d1 * i1 + d2 * i2 + d3 * i3)


@pjit
def double(coarse, fine):
    """Give each pixel of `fine` (h, channels, w) its block's value in `coarse`."""
    h, channels, w = fine.shape
    for y in prange(h):
        for c in range(channels):
            source, target = coarse[y // 2, c], fine[y, c]
            for x in range(w):
                target[x] = source[x // 2]


@jit
def _project(f, b, a, colour):
    """Nearest point to (f, b) in the unit square with a f + (1 - a) b = colour; the heavier one is solved for last."""
    is_f = a >= np.float32(0.5)
    heavy = a if is_f else ONE - a
    light = ONE - a if is_f else a
    major = f if is_f else b
    minor = b if is_f else f
    r = colour - heavy * major - light * minor
    minor += light * r / (heavy * heavy + light * light)
    low, high = (colour - heavy) / light, colour / light
    minor = _clip(minor, low if low > ZERO else ZERO, high if high < ONE else ONE)
    major = _clip((colour - light * minor) / heavy, ZERO, ONE)
    return (major, minor) if is_f else (minor, major)


@pjit
def finish(foreground, background, image, alpha):
    """Project onto the compositing equation and turn each row from (channels, w) to (w, channels), in place."""
    h, channels, w = foreground.shape
    for strip in prange((h + STRIP - 1) // STRIP):
        F = np.empty((channels, w), np.float32)
        B = np.empty((channels, w), np.float32)
        for y in range(strip * STRIP, min((strip + 1) * STRIP, h)):
            for c in range(channels):
                for x in range(w):
                    F[c, x], B[c, x] = _project(foreground[y, c, x], background[y, c, x], alpha[y, x], image[y, x, c])
            f, b = foreground[y].reshape(-1), background[y].reshape(-1)
            for x in range(w):
                for c in range(channels):
                    f[x * channels + c] = F[c, x]
                    b[x * channels + c] = B[c, x]
