"""The guided filter and its pullback, each in one pass over the rows: nothing of full size besides the results.

Two levels of window sums follow each other down the image. Level 1 sums products of guide and source over the
window of row ``j``; they give the coefficients of row ``j``, which go into a ring of ``2 radius + 1`` rows.
Level 2 sums coefficients over the window of row ``i = j - radius``; they give row ``i`` of the result. A window's
sum is a running sum of columns (rows enter and leave), then a running sum along the row (`_lanes.slide`).

All sums are float64, of values less the image's first pixel, and begin anew at the first row of every *block*. Any
run of blocks can therefore be computed by itself to the same bits: the result does not depend on how many
threads share the image, and no rounding errors travel further than a block.

A line of sums has zeros left and right of the image: no window is a special case. What a piece of a row needs
lies in one array ``t`` at offsets known when compiling, because LLVM compares the addresses of separate arrays
before it vectorises, and only of few. Numba does not compile what depends on an argument that is None.

===== ========================= ==============================================================================
guide level 1 (pullback adds)   level 2 (``_`` is the cotangent of a mean, divided by the number of pixels)
===== ========================= ==============================================================================
grey  I p II Ip (gI/n g/n)      a b; in the pullback a I_ p_ Ip_ II_
rgb   I3 p II6 Ip3 (gI3/n g/n)  a3 b; in the pullback a3 I_3 p_ Ip_3 II_6
===== ========================= ==============================================================================
"""

import numpy as np
from numba import njit

from ._jit import OPTIONS, jit, pjit, prange
from ._lanes import LANES, slide

# What runs once a piece: as calls, counting references to the arrays they pass takes 0.6 us a row.
inlined = njit(forceinline=True, **OPTIONS)

PIECE = 512  # pixels that are worked on at a time: what they need stays in the first cache
N_SUMS = {(False, False): (4, 2), (False, True): (6, 5), (True, False): (13, 4), (True, True): (17, 16)}
N_LINES = 28  # of PIECE values in `t`

U = np.uintp
STEP, THREE = U(LANES), U(3)
ZERO, ONE, TWO = np.float64(0), np.float64(1), np.float64(2)
BEGIN = np.int64(0)  # for a plain 0 Numba compiles a function twice
T0, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12, T13, T14, T15, T16 = (U(k * PIECE) for k in range(17))
I_IN, P_IN, G_IN, I_OUT, P_OUT, G_OUT = (U(k * PIECE) for k in (17, 20, 21, 22, 25, 26))  # three lines for I
SPARE = U(27 * PIECE)
SECOND, THIRD = U(PIECE), U(2 * PIECE)


def line_size(w, radius):
    """Return the size of a line of sums for `w` columns: vectors may be read beyond its end."""
    return _margin(radius) + w + radius + 2 * LANES


@jit
def _margin(radius):
    """Return the number of zeros left of the image."""
    return radius + 1 + (radius + LANES - 1) // LANES * LANES


@jit
def _first_row(block, blocks, h):
    return block * h // blocks


@inlined
def _slide_piece(sums, q, radius, x, n, t, at, carry):
    """Set t[at:] to the window sums of `n` columns from `x` on; `carry[q]` is the sum at `x - 1`."""
    line, left, s = sums[q], _margin(radius), carry[q]
    low, high = U(left + x - radius - 1), U(left + x + radius)
    for k in range(U(0), U(n), STEP):
        s = slide(line, low + k, high + k, t, at + k, s)
    carry[q] = s


@inlined
def _begin_row(sums, first, last, radius, t, carry):
    """Set carries to the window sums left of the image, by sliding in from where they are zero."""
    n = _margin(radius) - radius - 1
    for q in range(first, last):
        carry[q] = ZERO
        for x in range(-n, 0, PIECE):
            _slide_piece(sums, q, radius, x, min(PIECE, -x), t, SPARE, carry)


@jit
def _is_finite(carry, first, last):
    """Whether the last window sums of a row are: a NaN never leaves a running sum, an infinity becomes one."""
    total = ZERO
    for q in range(first, last):
        total += carry[q] - carry[q]
    return total == ZERO


# Level 1: rows enter and leave.


@jit
def _exchange_grey(sum_I, sum_p, sum_II, sum_Ip, I_in, I_out, p_in, p_out, c, d):
    """Add a row to the column sums and take one away, in loops of few arrays."""
    for k in range(sum_I.size):
        v, u = np.float64(I_in[k]) - c, np.float64(I_out[k]) - c
        sum_I[k] += v - u
        sum_II[k] += v * v - u * u
    for k in range(sum_p.size):
        sum_p[k] += np.float64(p_in[k]) - np.float64(p_out[k])
    for k in range(sum_Ip.size):
        v, u = np.float64(I_in[k]) - c, np.float64(I_out[k]) - c
        sum_Ip[k] += v * (np.float64(p_in[k]) - d) - u * (np.float64(p_out[k]) - d)


@jit
def _centre(t, at, row, c):
    line = t[at : at + U(row.size)]
    for k in range(row.size):
        line[k] = np.float64(row[k]) - c


@jit
def _centre_rgb(t, at, row, c):
    for k in range(U(row.size // 3)):
        t[at + k] = np.float64(row[THREE * k]) - c[0]
        t[at + SECOND + k] = np.float64(row[THREE * k + U(1)]) - c[1]
        t[at + THIRD + k] = np.float64(row[THREE * k + U(2)]) - c[2]


@jit
def _weigh(t, at, row, wx, wy):
    line = t[at : at + U(row.size)]
    for k in range(row.size):
        line[k] = np.float64(row[k]) * wx[k] * wy


@jit
def _exchange(line, t, enters, leaves):
    new, old = t[enters : enters + U(line.size)], t[leaves : leaves + U(line.size)]
    for k in range(line.size):
        line[k] += new[k] - old[k]


@jit
def _exchange_product(line, t, enters, with_, leaves, by):
    n = U(line.size)
    a, b, c, d = t[enters : enters + n], t[with_ : with_ + n], t[leaves : leaves + n], t[by : by + n]
    for k in range(line.size):
        line[k] += a[k] * b[k] - c[k] * d[k]


@inlined
def _exchange_rgb(t, sums, x, e, I_in, I_out, p_in, p_out, centre):
    _centre_rgb(t, I_IN, I_in, centre)
    _centre_rgb(t, I_OUT, I_out, centre)
    _centre(t, P_IN, p_in, centre[3])
    _centre(t, P_OUT, p_out, centre[3])
    _exchange(sums[3, x:e], t, P_IN, P_OUT)
    q = 4
    for a in range(3):
        a_in, a_out = I_IN + U(a * PIECE), I_OUT + U(a * PIECE)
        _exchange(sums[a, x:e], t, a_in, a_out)
        _exchange_product(sums[10 + a, x:e], t, a_in, P_IN, a_out, P_OUT)
        for b in range(a, 3):
            _exchange_product(sums[q, x:e], t, a_in, I_IN + U(b * PIECE), a_out, I_OUT + U(b * PIECE))
            q += 1


@inlined
def _exchange_cotangent(t, sums, first, n_colours, x, e):
    """Add and take away g/n and its products with the centred guide, which `t` already has."""
    for a in range(n_colours):
        a_in, a_out = I_IN + U(a * PIECE), I_OUT + U(a * PIECE)
        _exchange_product(sums[first + a, x:e], t, G_IN, a_in, G_OUT, a_out)
    _exchange(sums[first + n_colours, x:e], t, G_IN, G_OUT)


@inlined
def _exchange_rows(I, p, g, n, rgb, y, z, x, e, weights, scratch, left):
    """Let row y enter level 1 and row z leave it, columns x to e; rows outside the image count nothing."""
    sums, _, t, blank, _, centre = scratch
    wx, wy = weights
    h = p.shape[0]
    I_in, p_in = (I[y], p[y]) if y < h else (blank[0], blank[1])
    I_out, p_out = (I[z], p[z]) if z >= 0 else (blank[0], blank[1])
    p_in, p_out = p_in[x:e], p_out[x:e]
    a, b = left + x, left + e
    if rgb is None:
        I_in, I_out = I_in[x:e], I_out[x:e]
        c, d = centre[0], centre[3]
        _exchange_grey(sums[0, a:b], sums[1, a:b], sums[2, a:b], sums[3, a:b], I_in, I_out, p_in, p_out, c, d)
    else:
        I_in, I_out = I_in[3 * x : 3 * e], I_out[3 * x : 3 * e]
        _exchange_rgb(t, sums, a, b, I_in, I_out, p_in, p_out, centre)
    if g is not None:
        g_in, wy_in = (g[n, y], wy[y]) if y < h else (blank[2], ZERO)
        g_out, wy_out = (g[n, z], wy[z]) if z >= 0 else (blank[2], ZERO)
        _weigh(t, G_IN, g_in[x:e], wx[x:e], wy_in)
        _weigh(t, G_OUT, g_out[x:e], wx[x:e], wy_out)
        if rgb is None:
            _centre(t, I_IN, I_in, centre[0])
            _centre(t, I_OUT, I_out, centre[0])
            _exchange_cotangent(t, sums, 4, 1, a, b)
        else:
            _exchange_cotangent(t, sums, 13, 3, a, b)


@inlined
def _enter(I, p, g, n, rgb, j, radius, is_start, x, e, weights, scratch, left):
    """Move columns x to e of level 1 to the window of row j: from that of row j - 1, or from nothing."""
    until = j + radius + 1
    y, z = (max(j - radius, 0), -1) if is_start else (until - 1, j - radius - 1)
    while y < until:
        _exchange_rows(I, p, g, n, rgb, y, z, x, e, weights, scratch, left)
        y += 1


# From window sums to coefficients. Level 1 is in lines T0, T1, ... of `t`, and so are the results.


@jit
def _solve_grey(t, n, eps, wx, wy):
    """Eqs. 5 and 6 of He et al.: a = cov / (var + eps), b = mean_p - a mean_I."""
    for k in range(U(n)):
        inv = wx[k] * wy
        mean_I, mean_p = t[T0 + k] * inv, t[T1 + k] * inv
        var = t[T2 + k] * inv - mean_I * mean_I
        var = var if var > ZERO else ZERO
        a = (t[T3 + k] * inv - mean_I * mean_p) / (var + eps)
        t[T0 + k] = a
        t[T1 + k] = mean_p - a * mean_I


@jit
def _solve_grey_pullback(t, n, eps, wx, wy):
    """Go back through `_solve_grey`; line T5 gets the cotangent of eps."""
    for k in range(U(n)):
        inv = wx[k] * wy
        mean_I, mean_p = t[T0 + k] * inv, t[T1 + k] * inv
        var = t[T2 + k] * inv - mean_I * mean_I
        scale = ONE / ((var if var > ZERO else ZERO) + eps)
        a = (t[T3 + k] * inv - mean_I * mean_p) * scale
        b_bar = t[T5 + k]
        cov_bar = (t[T4 + k] - b_bar * mean_I) * scale
        var_bar = -a * cov_bar
        t[T0 + k] = a
        t[T1 + k] = -(a * b_bar + mean_p * cov_bar + TWO * mean_I * var_bar) * inv
        t[T2 + k] = (b_bar - mean_I * cov_bar) * inv
        t[T3 + k] = cov_bar * inv
        t[T4 + k] = var_bar * inv
        t[T5 + k] = var_bar


@jit
def _factor(t, n, eps, wx, wy):
    """Means to T0..T3, L D L' = var + eps to T4..T9 (1/D, then L by rows), cov to T10..T12.

    In exact arithmetic no pivot is below eps; that none is here either keeps all results finite.
    """
    for k in range(U(n)):
        inv = wx[k] * wy
        m0, m1, m2, mp = t[T0 + k] * inv, t[T1 + k] * inv, t[T2 + k] * inv, t[T3 + k] * inv
        d0 = t[T4 + k] * inv - m0 * m0 + eps
        s01, s02 = t[T5 + k] * inv - m0 * m1, t[T6 + k] * inv - m0 * m2
        s11, s12 = t[T7 + k] * inv - m1 * m1 + eps, t[T8 + k] * inv - m1 * m2
        s22 = t[T9 + k] * inv - m2 * m2 + eps
        i0 = ONE / (d0 if d0 > eps else eps)
        l1, l2 = s01 * i0, s02 * i0
        d1 = s11 - l1 * s01
        i1 = ONE / (d1 if d1 > eps else eps)
        s12 -= l1 * s02
        l3 = s12 * i1
        d2 = s22 - l2 * s02 - l3 * s12
        t[T0 + k], t[T1 + k], t[T2 + k], t[T3 + k] = m0, m1, m2, mp
        t[T4 + k], t[T5 + k], t[T6 + k] = i0, i1, ONE / (d2 if d2 > eps else eps)
        t[T7 + k], t[T8 + k], t[T9 + k] = l1, l2, l3
        t[T10 + k] = t[T10 + k] * inv - m0 * mp
        t[T11 + k] = t[T11 + k] * inv - m1 * mp
        t[T12 + k] = t[T12 + k] * inv - m2 * mp


@jit
def _substitute(t, n, x0, x1, x2):
    """Solve L D L' x = right side, in place."""
    for k in range(U(n)):
        l1, l2, l3 = t[T7 + k], t[T8 + k], t[T9 + k]
        y0 = t[x0 + k]
        y1 = t[x1 + k] - l1 * y0
        y2 = t[x2 + k] - l2 * y0 - l3 * y1
        z2 = y2 * t[T6 + k]
        z1 = y1 * t[T5 + k] - l3 * z2
        t[x2 + k] = z2
        t[x1 + k] = z1
        t[x0 + k] = y0 * t[T4 + k] - l1 * z1 - l2 * z2


@inlined
def _solve_rgb(t, n, eps, wx, wy):
    """Eqs. 19 and 20 of He et al.: a = (var + eps)^-1 cov, b = mean_p - a . mean_I."""
    _factor(t, n, eps, wx, wy)
    _substitute(t, n, T10, T11, T12)
    for k in range(U(n)):
        a0, a1, a2 = t[T10 + k], t[T11 + k], t[T12 + k]
        t[T3 + k] -= a0 * t[T0 + k] + a1 * t[T1 + k] + a2 * t[T2 + k]
        t[T0 + k], t[T1 + k], t[T2 + k] = a0, a1, a2


@jit
def _solve_rgb_pullback(t, n, eps, wx, wy):
    """Go back through `_solve_rgb`: cov_bar = (var + eps)^-1 a_bar; line T16 gets the cotangent of eps.

    The cotangents of products of two different channels count both of their places in the matrix.
    """
    _factor(t, n, eps, wx, wy)
    for k in range(U(n)):
        b_bar = t[T16 + k]
        t[T13 + k] -= b_bar * t[T0 + k]
        t[T14 + k] -= b_bar * t[T1 + k]
        t[T15 + k] -= b_bar * t[T2 + k]
    _substitute(t, n, T10, T11, T12)
    _substitute(t, n, T13, T14, T15)
    for k in range(U(n)):
        inv, b_bar = wx[k] * wy, t[T16 + k]
        m0, m1, m2, mp = t[T0 + k], t[T1 + k], t[T2 + k], t[T3 + k]
        a0, a1, a2 = t[T10 + k], t[T11 + k], t[T12 + k]
        u0, u1, u2 = t[T13 + k], t[T14 + k], t[T15 + k]
        v00, v11, v22 = -u0 * a0, -u1 * a1, -u2 * a2
        v01, v02, v12 = -(u0 * a1 + u1 * a0), -(u0 * a2 + u2 * a0), -(u1 * a2 + u2 * a1)
        t[T0 + k], t[T1 + k], t[T2 + k] = a0, a1, a2
        t[T3 + k] = -(a0 * b_bar + mp * u0 + TWO * v00 * m0 + v01 * m1 + v02 * m2) * inv
        t[T4 + k] = -(a1 * b_bar + mp * u1 + v01 * m0 + TWO * v11 * m1 + v12 * m2) * inv
        t[T5 + k] = -(a2 * b_bar + mp * u2 + v02 * m0 + v12 * m1 + TWO * v22 * m2) * inv
        t[T6 + k] = (b_bar - m0 * u0 - m1 * u1 - m2 * u2) * inv
        t[T7 + k], t[T8 + k], t[T9 + k] = u0 * inv, u1 * inv, u2 * inv
        t[T10 + k], t[T11 + k], t[T12 + k] = v00 * inv, v01 * inv, v02 * inv
        t[T13 + k], t[T14 + k], t[T15 + k] = v11 * inv, v12 * inv, v22 * inv
        t[T16 + k] = v00 + v11 + v22


@inlined
def _solve(g, rgb, t, n, eps, wx, wy):
    if rgb is None:
        if g is None:
            _solve_grey(t, n, eps, wx, wy)
        else:
            _solve_grey_pullback(t, n, eps, wx, wy)
    else:
        if g is None:
            _solve_rgb(t, n, eps, wx, wy)
        else:
            _solve_rgb_pullback(t, n, eps, wx, wy)


@jit
def _total(t, at, n):
    line, total = t[at : at + U(n)], ZERO
    for k in range(n):
        total += line[k]
    return total


# Level 2: coefficients enter the ring and leave it.


@jit
def _replace(line, t, at, row):
    """Put new coefficients, rounded as the ring rounds, in the place of old ones, in the ring and the sums."""
    new = t[at : at + U(row.size)]
    for k in range(row.size):
        old = row[k]
        row[k] = new[k]
        line[k] += np.float64(row[k]) - np.float64(old)


@jit
def _add_row(line, row, sign):
    for k in range(row.size):
        line[k] += sign * np.float64(row[k])


@jit
def _resum(sums, ring, first, i, h, radius, left):
    """Sum level 2 anew at the start of a block."""
    for q in range(ring.shape[0]):
        sums[first + q] = ZERO
        line = sums[first + q, left : left + ring.shape[2]]
        for y in range(max(i - radius, 0), min(i + radius + 1, h)):
            _add_row(line, ring[q, y % ring.shape[1]], ONE)


@inlined
def _compute_row(I, p, g, n, rgb, eps, j, radius, is_start, weights, scratch, n_sums):
    """Level 1 of row j, and its coefficients to level 2. Returns the cotangent of eps, and if all is finite."""
    sums, ring, t, _, carry, _ = scratch
    wx, wy = weights
    w, left, slot, entered, eps_bar = p.shape[1], _margin(radius), j % ring.shape[1], BEGIN, ZERO
    for x in range(0, w, PIECE):
        e = min(x + PIECE, w)
        while entered < min(e + radius, w):  # what enters is still cached when it is needed
            until = min(entered + PIECE, w)
            _enter(I, p, g, n, rgb, j, radius, is_start, entered, until, weights, scratch, left)
            entered = until
        if x == 0:
            _begin_row(sums, BEGIN, n_sums[0], radius, t, carry)
        for q in range(n_sums[0]):
            _slide_piece(sums, q, radius, x, e - x, t, U(q * PIECE), carry)
        _solve(g, rgb, t, e - x, eps, wx[x:e], wy[j])
        if g is not None:
            eps_bar += _total(t, U(n_sums[1] * PIECE), e - x)
        for q in range(n_sums[1]):
            _replace(sums[n_sums[0] + q, left + x : left + e], t, U(q * PIECE), ring[q, slot, x:e])
    return eps_bar, _is_finite(carry, BEGIN, n_sums[0])


# From level 2 to the result.


@jit
def _store_grey(t, q, I, centre, wx, wy):
    """Eq. 8: q = mean(a) I + mean(b)."""
    c, d = centre[0], centre[3]
    for k in range(U(q.size)):
        inv = wx[k] * wy
        q[k] = (t[T0 + k] * inv) * (np.float64(I[k]) - c) + (t[T1 + k] * inv + d)


@jit
def _store_rgb(t, q, I, centre, wx, wy):
    _centre_rgb(t, I_IN, I, centre)
    d = centre[3]
    for k in range(U(q.size)):
        v0, v1, v2 = t[I_IN + k], t[I_IN + SECOND + k], t[I_IN + THIRD + k]
        q[k] = (t[T0 + k] * v0 + t[T1 + k] * v1 + t[T2 + k] * v2 + t[T3 + k]) * wx[k] * wy + d


@jit
def _store_grey_pullback(t, I_bar, p_bar, I, p, g, centre, wx, wy):
    _centre(t, I_IN, I, centre[0])
    _centre(t, P_IN, p, centre[3])
    _centre(t, G_IN, g, ZERO)
    for k in range(U(I.size)):
        v = t[I_IN + k]
        I_bar[k] = t[G_IN + k] * t[T0 + k] * wx[k] * wy + t[T1 + k] + t[T3 + k] * t[P_IN + k] + TWO * t[T4 + k] * v
        p_bar[k] = t[T2 + k] + t[T3 + k] * v


@jit
def _store_rgb_pullback(t, I_bar, p_bar, I, p, g, centre, wx, wy):
    _centre_rgb(t, I_IN, I, centre)
    _centre(t, P_IN, p, centre[3])
    _centre(t, G_IN, g, ZERO)
    for k in range(U(p.size)):
        v0, v1, v2, vp = t[I_IN + k], t[I_IN + SECOND + k], t[I_IN + THIRD + k], t[P_IN + k]
        direct = t[G_IN + k] * wx[k] * wy
        p_bar[k] = t[T6 + k] + t[T7 + k] * v0 + t[T8 + k] * v1 + t[T9 + k] * v2
        v01, v02, v12 = t[T11 + k], t[T12 + k], t[T14 + k]
        I_bar[THREE * k] = (
            direct * t[T0 + k] + t[T3 + k] + t[T7 + k] * vp + TWO * t[T10 + k] * v0 + v01 * v1 + v02 * v2
        )
        I_bar[THREE * k + U(1)] = (
            direct * t[T1 + k] + t[T4 + k] + t[T8 + k] * vp + v01 * v0 + TWO * t[T13 + k] * v1 + v12 * v2
        )
        I_bar[THREE * k + U(2)] = (
            direct * t[T2 + k] + t[T5 + k] + t[T9 + k] * vp + v02 * v0 + v12 * v1 + TWO * t[T15 + k] * v2
        )


@inlined
def _store(t, rgb, q, I, centre, wx, wy):
    if rgb is None:
        _store_grey(t, q, I, centre, wx, wy)
    else:
        _store_rgb(t, q, I, centre, wx, wy)


@inlined
def _store_pullback(t, rgb, I_bar, p_bar, I, p, g, centre, wx, wy):
    if rgb is None:
        _store_grey_pullback(t, I_bar, p_bar, I, p, g, centre, wx, wy)
    else:
        _store_rgb_pullback(t, I_bar, p_bar, I, p, g, centre, wx, wy)


@jit
def _store_means(t, means, n, i, x, size, centre, wx, wy):
    """Store mean(a) and mean(b) themselves, b as it is without a centre."""
    last = means.shape[0] - 1
    line = means[last, n, i, x : x + size]
    for k in range(size):
        line[k] = centre[3] + t[U(last * PIECE) + U(k)] * wx[k] * wy
    for q in range(last):
        for k in range(size):
            a = t[U(q * PIECE) + U(k)] * wx[k] * wy
            means[q, n, i, x + k] = a
            line[k] -= a * centre[q]


@inlined
def _store_row(I, p, g, n, rgb, q, means, I_bar, i, radius, weights, scratch, n_sums):
    """Level 2 of row i, and the result: q, the means of the coefficients, or the cotangents (p_bar in q)."""
    sums, _, t, _, carry, centre = scratch
    wx, wy = weights
    w, first, s = p.shape[1], n_sums[0], 1 if rgb is None else 3
    _begin_row(sums, first, first + n_sums[1], radius, t, carry)
    for x in range(0, w, PIECE):
        e = min(x + PIECE, w)
        guide, source, share = I[i, s * x : s * e], p[i, x:e], wx[x:e]
        for k in range(n_sums[1]):
            _slide_piece(sums, first + k, radius, x, e - x, t, U(k * PIECE), carry)
        if g is not None:
            _store_pullback(
                t, rgb, I_bar[n, i, s * x : s * e], q[i, x:e], guide, source, g[n, i, x:e], centre, share, wy[i]
            )
        else:
            if means is not None:
                _store_means(t, means, n, i, x, e - x, centre, share, wy[i])
            else:
                _store(t, rgb, q[i, x:e], guide, centre, share, wy[i])
    return _is_finite(carry, first, first + n_sums[1])


@jit
def _begin_strip(I, p, rgb, scratch):
    sums, ring, _, blank, _, centre = scratch
    sums[:] = ZERO
    ring[:] = 0
    s = 1 if rgb is None else 3
    for k in range(3):
        centre[k] = I[0, min(k, s - 1)]
    centre[3] = p[0, 0]
    blank[1] = p[0, 0]
    blank[2] = 0
    for x in range(s * p.shape[1]):
        blank[0, x] = I[0, x % s]


@jit
def _strip(
    guides, sources, g, n, rgb, eps, values, means, I_bar, eps_rows, radius, weights, scratch, blocks, k0, k1
):
    """Blocks k0 to k1 of source n; returns whether all sums were finite."""
    sums, ring = scratch[0], scratch[1]
    I, p, q = guides[n // (sources.shape[0] // guides.shape[0])], sources[n], values[n]
    n_sums = sums.shape[0] - ring.shape[0], ring.shape[0]
    h, left, is_finite = p.shape[0], _margin(radius), True
    y0, y1 = _first_row(k0, blocks, h), _first_row(k1, blocks, h)
    begin, level1, level2 = max(y0 - radius, 0), k0, k0 + 1  # next blocks for which sums begin anew
    _begin_strip(I, p, rgb, scratch)
    for j in range(begin, y1 + radius):
        if j < h:
            is_start = level1 < blocks and j == max(_first_row(level1, blocks, h) - radius, 0)
            if is_start:
                level1 += 1
                sums[: n_sums[0]] = ZERO
            eps_bar, is_fine = _compute_row(I, p, g, n, rgb, eps, j, radius, is_start, weights, scratch, n_sums)
            is_finite = is_finite and is_fine
            if g is not None and y0 <= j < y1:
                eps_rows[n, j] = eps_bar
        elif j - 2 * radius - 1 >= begin:
            for k in range(n_sums[1]):
                row = ring[k, (j - 2 * radius - 1) % ring.shape[1]]
                _add_row(sums[n_sums[0] + k, left : left + row.size], row, -ONE)
        i = j - radius
        if i < y0:
            continue
        if level2 < k1 and i == _first_row(level2, blocks, h):
            level2 += 1
            _resum(sums, ring, n_sums[0], i, h, radius, left)
        is_fine = _store_row(I, p, g, n, rgb, q, means, I_bar, i, radius, weights, scratch, n_sums)
        is_finite = is_finite and is_fine
    return is_finite


@pjit
def run(I, p, g, rgb, eps, q, means, I_bar, eps_rows, radius, weights, workspace, blocks, is_finite):
    """Filter images I (m, h, w) or, if `rgb` is not None, (m, h, 3 w), with sources p (n, h, w), n = m times whole.

    If `g` is None, q (n, h, w) gets the values, or `means` (2 or 4, n, h, w) the means of the coefficients. Else q
    gets the cotangents of p for the cotangents g of the values, I_bar (n, h, w or 3 w) those of I, and eps_rows
    (n, h) those of eps by rows. The images' blocks of rows are shared among as many workers as the workspace is
    for; is_finite (workers,) says whether a worker's sums were.

    `weights` are 1 / (number of pixels in the window) of columns and rows; `workspace` is what `workspace` returns.
    """
    sums, ring, t, blank, carry, centre = workspace
    units, workers = p.shape[0] * blocks, sums.shape[0]
    for s in prange(workers):
        scratch = (sums[s], ring[s], t[s], blank[s], carry[s], centre[s])
        unit, until, is_fine = s * units // workers, (s + 1) * units // workers, True
        while unit < until:
            n, k0 = unit // blocks, unit % blocks
            k1 = min(blocks, k0 + until - unit)
            unit += k1 - k0
            strip_is_fine = _strip(
                I, p, g, n, rgb, eps, q, means, I_bar, eps_rows, radius, weights, scratch, blocks, k0, k1
            )
            is_fine = is_fine and strip_is_fine
        is_finite[s] = is_fine


@jit
def _apply_row(lines, I, q, columns):
    """Interpolate blended lines of coefficients at each column, and apply them to the guide."""
    left, right, share = columns
    n = lines.shape[0]
    for x in range(q.size):
        i, j, s = left[x], right[x], share[x]
        value = (ONE - s) * lines[n - 1, i] + s * lines[n - 1, j]
        for k in range(n - 1):
            a = (ONE - s) * lines[k, i] + s * lines[k, j]
            value += a * np.float64(I[(n - 1) * x + k])
        q[x] = value


@pjit
def apply_means(means, I, q, rows, columns, lines):
    """Eq. 8 with coefficients (2 or 4, n, hs, ws) of a smaller image, interpolated bilinearly.

    `rows` and `columns` are, for each, the two next to it in the smaller image and the share of the second;
    lines (workers, 2 or 4, ws) is workspace.
    """
    above, below, share = rows
    n, h, workers = q.shape[0], q.shape[1], lines.shape[0]
    for s in prange(workers):
        for row in range(s * n * h // workers, (s + 1) * n * h // workers):
            k, y = row // h, row % h
            for a in range(means.shape[0]):
                upper, lower, line = means[a, k, above[y]], means[a, k, below[y]], lines[s, a]
                for x in range(line.size):
                    line[x] = (ONE - share[y]) * upper[x] + share[y] * lower[x]
            _apply_row(lines[s], I[k // (n // I.shape[0]), y], q[k, y], columns)


def workspace(w, h, radius, workers, kind, dtype):
    """Return arrays that `run` works in; kind is (whether the guide has colours, whether it is the pullback)."""
    n1, n2 = N_SUMS[kind]
    return (
        np.empty((workers, n1 + n2, line_size(w, radius))),
        np.empty((workers, n2, min(2 * radius + 1, h), w), dtype),
        np.zeros((workers, N_LINES * PIECE)),
        np.empty((workers, 3, 3 * w if kind[0] else w), dtype),
        np.empty((workers, n1 + n2)),
        np.empty((workers, 4)),
    )
