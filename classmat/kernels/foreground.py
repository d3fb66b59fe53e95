"""Multi-level foreground estimation: red-black relaxation of one level.

Everything is stored as split rows (see `foreground_levels`): the pixels of one colour of the checkerboard, and
their neighbours, then lie next to each other, and all inner loops vectorise.

The temporary rows of a piece are parts of one array at offsets known when compiling: LLVM then needs no
aliasing checks between them, of which it allows too few to vectorise.

Most pixels of a matte are among others of the same alpha, 0 or 1. There one colour is the image's but for a part of
4 reg, and is held at it; the other one is the mean of its neighbours.
"""

import numpy as np

from ._jit import jit, pjit, prange

PIECE = 256  # pixels of one colour that are worked on at a time: their temporary rows stay in the first cache
CHUNK = 32  # pixels of one colour that are looked at together for whether alpha is 0, or 1, all around them
STRIP = 32  # rows that one thread works on at a time
AT_ONCE = 2  # sweeps that follow each other row by row; a strip has more rows than seams take of it
SERIAL = 64 * 64  # levels of at most so many pixels are not worth waking threads for

ROOM = PIECE + 8
LEFT, RIGHT, UP, DOWN, ALPHA, SPREAD = 0, ROOM, 2 * ROOM, 3 * ROOM, 4 * ROOM, 5 * ROOM
FOR_F, FOR_B, COV_F, COV_B = 6 * ROOM, 7 * ROOM, 8 * ROOM, 9 * ROOM
COV, NEW_F, NEW_B = 10 * ROOM, 11 * ROOM, 12 * ROOM
TEMPORARY = 13 * ROOM

LIGHT = np.float32(1e-4)  # a regularization that hardly draws a known colour from the image
ZERO, ONE, TWO = np.float32(0), np.float32(1), np.float32(2)
QUARTER, THIRD = np.float32(0.25), np.float32(1 / 3)
MIXED, ALL_ZERO, ALL_ONE, ENDED = 0, 1, 2, 3


@jit
def _clip(value, low, high):
    value = low if value < low else value
    return high if value > high else value


@jit
def _sides(row, side, k0, k1):
    """Return views of the left and the right neighbours of the pixels `k0` to `k1` of one side of a split row.

    Beyond the border they show a pixel of the other end, whose weight is zero.
    """
    _, half_w = row.shape
    line = row.reshape(2 * half_w)
    first = half_w - 1 if side == 0 else 0
    return line[first + k0 : first + k1], line[first + k0 + 1 : first + k1 + 1]


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
    left, right = _sides(alpha[y], side, k0, k1)
    has_above, has_below = np.float32(y > 0), np.float32(y < h - 1)
    for k in range(n):
        a = here[k]
        t[ALPHA + k] = a
        t[LEFT + k] = reg + slope * abs(a - left[k])
        t[RIGHT + k] = reg + slope * abs(a - right[k])
        t[UP + k] = has_above * (reg + slope * abs(a - above[k]))
        t[DOWN + k] = has_below * (reg + slope * abs(a - below[k]))
    if side == 0 and k0 == 0:
        t[LEFT] = ZERO
    if side == 1 and k1 == half_w:
        t[RIGHT + n - 1] = ZERO
    if var.size == 0:
        for k in range(n):
            a = t[ALPHA + k]
            b = ONE - a
            s = (t[LEFT + k] + t[RIGHT + k]) + (t[UP + k] + t[DOWN + k])
            scale, share = ONE / (a * a + b * b + s), ONE / s
            t[LEFT + k] *= share
            t[RIGHT + k] *= share
            t[UP + k] *= share
            t[DOWN + k] *= share
            t[FOR_F + k] = a * scale
            t[FOR_B + k] = b * scale
        return
    spread = var[y, side, k0:k1]
    for k in range(n):
        t[SPREAD + k] = spread[k]
    for k in range(n):
        a, v = t[ALPHA + k], t[SPREAD + k]
        b = ONE - a
        s = (t[LEFT + k] + t[RIGHT + k]) + (t[UP + k] + t[DOWN + k])
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
def _relax_pixels(t, foreground, background, image, y, c, side, k0, k1):
    """Solve the 2x2 systems of pixels, their neighbours held fixed; the result is left in `t`."""
    last = foreground.shape[0] - 1
    f_left, f_right = _sides(foreground[y, c], side, k0, k1)
    b_left, b_right = _sides(background[y, c], side, k0, k1)
    f_above, f_below = foreground[max(y - 1, 0), c, side, k0:k1], foreground[min(y + 1, last), c, side, k0:k1]
    b_above, b_below = background[max(y - 1, 0), c, side, k0:k1], background[min(y + 1, last), c, side, k0:k1]
    colour = image[y, c, side, k0:k1]
    for k in range(k1 - k0):
        a, value = t[ALPHA + k], colour[k]
        west, east, north, south = t[LEFT + k], t[RIGHT + k], t[UP + k], t[DOWN + k]
        f = (west * f_left[k] + east * f_right[k]) + (north * f_above[k] + south * f_below[k])
        b = (west * b_left[k] + east * b_right[k]) + (north * b_above[k] + south * b_below[k])
        r = value - a * f - (ONE - a) * b
        t[NEW_F + k] = _clip(f + t[FOR_F + k] * r, ZERO, ONE)
        t[NEW_B + k] = _clip(b + t[FOR_B + k] * r, ZERO, ONE)


@jit
def _relax_blocks(t, foreground, background, image, cov, y, c, side, k0, k1):
    """Do the same where pixels stand for blocks, over which alpha varies."""
    last = foreground.shape[0] - 1
    products, colour = cov[y, c, side, k0:k1], image[y, c, side, k0:k1]
    f_left, f_right = _sides(foreground[y, c], side, k0, k1)
    b_left, b_right = _sides(background[y, c], side, k0, k1)
    f_above, f_below = foreground[max(y - 1, 0), c, side, k0:k1], foreground[min(y + 1, last), c, side, k0:k1]
    b_above, b_below = background[max(y - 1, 0), c, side, k0:k1], background[min(y + 1, last), c, side, k0:k1]
    for k in range(k1 - k0):
        t[COV + k] = products[k]
    for k in range(k1 - k0):
        a, value = t[ALPHA + k], colour[k]
        west, east, north, south = t[LEFT + k], t[RIGHT + k], t[UP + k], t[DOWN + k]
        f = (west * f_left[k] + east * f_right[k]) + (north * f_above[k] + south * f_below[k])
        b = (west * b_left[k] + east * b_right[k]) + (north * b_above[k] + south * b_below[k])
        r = value - a * f - (ONE - a) * b
        q = t[COV + k] - t[SPREAD + k] * (f - b)
        t[NEW_F + k] = _clip(f + t[FOR_F + k] * r + t[COV_F + k] * q, ZERO, ONE)
        t[NEW_B + k] = _clip(b + t[FOR_B + k] * r - t[COV_B + k] * q, ZERO, ONE)


@jit
def _relax_piece(t, foreground, background, image, cov, y, side, k0, k1):
    for c in range(foreground.shape[1]):
        if cov.size > 0:
            _relax_blocks(t, foreground, background, image, cov, y, c, side, k0, k1)
        else:
            _relax_pixels(t, foreground, background, image, y, c, side, k0, k1)
        F, B = foreground[y, c, side, k0:k1], background[y, c, side, k0:k1]
        for k in range(k1 - k0):
            F[k] = t[NEW_F + k]
            B[k] = t[NEW_B + k]


@jit
def _differ(line, value):
    """Count the entries that are not `value`."""
    count = np.uint32(0)
    for k in range(line.size):
        count += np.uint32(line[k] != value)
    return count


@jit
def _kind(alpha, y, side, k0, k1, reg):
    """Return whether alpha is 0, or 1, at pixels of one colour and at all their neighbours."""
    h, _, half_w = alpha.shape
    value = alpha[y, side, k0]
    if (value != ZERO and value != ONE) or y == 0 or y == h - 1 or reg > LIGHT:
        return MIXED
    low, high = max(k0 - 1 + side, 0), min(k1 + side, half_w)
    count = _differ(alpha[y, side, k0:k1], value) + _differ(alpha[y, 1 - side, low:high], value)
    if count > 0 or _differ(alpha[y - 1, side, k0:k1], value) + _differ(alpha[y + 1, side, k0:k1], value) > 0:
        return MIXED
    return ALL_ONE if value == ONE else ALL_ZERO


@jit
def _relax_even(free, held, image, y, side, k0, k1, is_first):
    """Give pixels of which one colour is the image's the mean of their neighbours as the other colour."""
    channels, half_w = free.shape[1], free.shape[3]
    begin = k0 + 1 if side == 0 and k0 == 0 else k0
    end = k1 - 1 if side == 1 and k1 == half_w else k1
    for c in range(channels):
        line, above, below, out = (
            free[y, c, 1 - side],
            free[y - 1, c, side],
            free[y + 1, c, side],
            free[y, c, side],
        )
        if begin > k0:
            out[k0] = THIRD * (line[k0] + (above[k0] + below[k0]))
        if end < k1:
            out[end] = THIRD * (line[end] + (above[end] + below[end]))
        left, right = line[begin - 1 + side : end - 1 + side], line[begin + side : end + side]
        above, below, out = above[begin:end], below[begin:end], out[begin:end]
        for k in range(out.size):
            out[k] = QUARTER * ((left[k] + right[k]) + (above[k] + below[k]))
        if is_first:
            source, target = image[y, c, side, k0:k1], held[y, c, side, k0:k1]
            for k in range(k1 - k0):
                target[k] = source[k]


@jit
def _relax_row(t, foreground, background, image, cov, alpha, var, y, colour, reg, slope, is_first):
    side, half_w = (y + colour) & 1, alpha.shape[2]
    start, kind = 0, _kind(alpha, y, side, 0, min(CHUNK, half_w), reg)
    for k in range(CHUNK, half_w + CHUNK, CHUNK):
        following = _kind(alpha, y, side, k, min(k + CHUNK, half_w), reg) if k < half_w else ENDED
        if following == kind and k - start < PIECE:
            continue
        end = min(k, half_w)
        if kind == MIXED:
            _set_weights(t, alpha, var, y, side, start, end, reg, slope)
            _relax_piece(t, foreground, background, image, cov, y, side, start, end)
        elif kind == ALL_ONE:
            _relax_even(background, foreground, image, y, side, start, end, is_first)
        else:
            _relax_even(foreground, background, image, y, side, start, end, is_first)
        start, kind = k, following


@jit
def _double_row(coarse, fine, y):
    """Give each pixel of a row its block's value in `coarse`."""
    for c in range(fine.shape[1]):
        for side in range(2):
            even, odd, target = coarse[y // 2, c, 0], coarse[y // 2, c, 1], fine[y, c, side]
            for k in range(target.size // 2):
                target[2 * k] = even[k]
                target[2 * k + 1] = odd[k]
            if target.size & 1:
                target[-1] = even[target.size // 2]


@jit
def _relax_rows(
    foreground,
    background,
    image,
    cov,
    alpha,
    var,
    strip,
    is_seam,
    halves,
    reg,
    slope,
    is_first,
    coarse_F,
    coarse_B,
):
    """Do half sweeps of a strip, each one row behind the one before: rows stay cached from the first to the last.

    Next to other strips, each half sweep stops a row earlier than the one before. What that leaves is the seam of a
    strip and the next one, a later call: its rows, of which no other seam needs any, in the same order.
    Rows between the first and the last one of a strip begin with their values in the coarser level.
    """
    t = np.empty(TEMPORARY, np.float32)
    h = alpha.shape[0]
    begin, end = strip * STRIP, min((strip + 1) * STRIP, h)
    first, last = (end, min(end + halves, h) + halves) if is_seam else (begin, end + halves - 1)
    for front in range(first, last):
        if coarse_F.size > 0 and not is_seam and front < end - 2:
            _double_row(coarse_F, foreground, front + 1)
            _double_row(coarse_B, background, front + 1)
        for half in range(halves):
            if is_seam:
                low, high = end - half, min(end + half, h)
            else:
                low, high = begin + half if begin > 0 else 0, end - half if end < h else h
            if low <= front - half < high:
                _relax_row(
                    t, foreground, background, image, cov, alpha, var, front - half, half & 1, reg, slope,
                    is_first and half < 2,
                )  # fmt: skip


@jit
def _double_ends(coarse_F, coarse_B, foreground, background, strip):
    """Begin with the coarser level in the rows of a strip that its neighbours read."""
    for y in (strip * STRIP, min((strip + 1) * STRIP, foreground.shape[0]) - 1):
        _double_row(coarse_F, foreground, y)
        _double_row(coarse_B, background, y)


@pjit
def relax(coarse_F, coarse_B, foreground, background, image, cov, alpha, var, iterations, reg, slope):
    """Sweep all pixels of one colour of the checkerboard, then of the other, improving both fields in place.

    The fields begin as those of the coarser level, or as they are if its arrays are empty.

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
    # One loop for small and large, strips and seams: each copy of it would compile for seconds.
    tasks = 1 if 2 * h * half_w <= SERIAL else strips
    if coarse_F.size > 0:
        for strip in range(strips):
            _double_ends(coarse_F, coarse_B, foreground, background, strip)
    for done in range(0, max(iterations, 1), AT_ONCE):
        halves = 2 * min(iterations - done, AT_ONCE)
        above_F, above_B = (coarse_F, coarse_B) if done == 0 else (coarse_F[:0], coarse_B[:0])
        for seam in range(2):
            for task in prange(tasks):
                for strip in range(
                    task * strips // tasks, (task + 1) * strips // tasks - (seam if task == tasks - 1 else 0)
                ):
                    _relax_rows(
                        foreground, background, image, cov, alpha, var, strip, seam == 1, halves, reg, slope, done == 0,
                        above_F, above_B,
                    )  # fmt: skip
