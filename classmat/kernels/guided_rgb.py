"""Guided filter with a colour guide: what is done to blocks of 32 columns, forward and back.

Level 1 sums I3 p II6 Ip3 (the pullback adds gI/n of 3 and g/n), level 2 a3 b (the pullback: a3 I_3 p_ Ip_3 II_6), see
`guided`. Window sums of a block are in lines of 32 numbers at `T`, and so are the coefficients made of them.
"""

import numpy as np

from ._jit import jit
from ._planes import (
    BLOCK,
    LANES,
    add_to,
    collect,
    collect3,
    deal,
    deal3,
    last,
    load,
    load_part,
    not_below,
    repeat_at,
    replace,
    slide,
    store,
    total,
    write,
)
from ._planes import move as at

ZERO, ONE, TWO = np.float64(0), np.float64(1), np.float64(2)


@jit
def slide_all(S, stride, ends, C, n, k, T):
    """Set `n` lines of T to the window sums of a block."""
    for q in range(n):
        sums, carry = slide(at(S, q * stride), k, ends, repeat_at(C, q))
        store(T, BLOCK * q, sums)
        write(C, q, last(carry))


@jit
def enter(S, stride, size, I_in, I_out, p_in, p_out, is_back, g, centre, wx, first, until):
    """Add rows that enter to the sums of columns and take away those that leave.

    In the pullback also those of g: rows and weights, entering and leaving.
    """
    for b in range(first, until):
        x, k = BLOCK * b, LANES * b
        v0, v1, v2 = deal3(I_in, 3 * x, S)
        v0, v1, v2 = v0 - centre[0], v1 - centre[1], v2 - centre[2]
        u0, u1, u2 = deal3(I_out, 3 * x, S)
        u0, u1, u2 = u0 - centre[0], u1 - centre[1], u2 - centre[2]
        p, r = deal(p_in, x, S) - centre[3], deal(p_out, x, S) - centre[3]
        add_to(S, k, size, v0 - u0)
        add_to(at(S, stride), k, size, v1 - u1)
        add_to(at(S, 2 * stride), k, size, v2 - u2)
        add_to(at(S, 3 * stride), k, size, p - r)
        add_to(at(S, 4 * stride), k, size, v0 * v0 - u0 * u0)
        add_to(at(S, 5 * stride), k, size, v0 * v1 - u0 * u1)
        add_to(at(S, 6 * stride), k, size, v0 * v2 - u0 * u2)
        add_to(at(S, 7 * stride), k, size, v1 * v1 - u1 * u1)
        add_to(at(S, 8 * stride), k, size, v1 * v2 - u1 * u2)
        add_to(at(S, 9 * stride), k, size, v2 * v2 - u2 * u2)
        add_to(at(S, 10 * stride), k, size, v0 * p - u0 * r)
        add_to(at(S, 11 * stride), k, size, v1 * p - u1 * r)
        add_to(at(S, 12 * stride), k, size, v2 * p - u2 * r)
        if is_back is not None:
            inv = load(wx, x)
            e, f = deal(g[0], x, S) * (inv * g[2]), deal(g[1], x, S) * (inv * g[3])
            add_to(at(S, 13 * stride), k, size, e * v0 - f * u0)
            add_to(at(S, 14 * stride), k, size, e * v1 - f * u1)
            add_to(at(S, 15 * stride), k, size, e * v2 - f * u2)
            add_to(at(S, 16 * stride), k, size, e - f)


@jit
def _line(T, q, k):
    return load_part(T, BLOCK * q + k)


@jit
def _set(T, q, k, value):
    store(T, BLOCK * q + k, value)


@jit
def _set3(T, q, k, values):
    _set(T, q, k, values[0])
    _set(T, q + 1, k, values[1])
    _set(T, q + 2, k, values[2])


@jit
def _means(T, k, inv):
    return _line(T, 0, k) * inv, _line(T, 1, k) * inv, _line(T, 2, k) * inv, _line(T, 3, k) * inv


@jit
def _factor(T, k, inv, eps, m0, m1, m2):
    """L D L' = var + eps: 1/D, then L by rows. In exact arithmetic no pivot is below eps; here neither: all is finite."""
    i0 = ONE / not_below(_line(T, 4, k) * inv - m0 * m0 + eps, eps)
    s01, s02 = _line(T, 5, k) * inv - m0 * m1, _line(T, 6, k) * inv - m0 * m2
    l1, l2 = s01 * i0, s02 * i0
    i1 = ONE / not_below(_line(T, 7, k) * inv - m1 * m1 + eps - l1 * s01, eps)
    s12 = _line(T, 8, k) * inv - m1 * m2 - l1 * s02
    l3 = s12 * i1
    i2 = ONE / not_below(_line(T, 9, k) * inv - m2 * m2 + eps - l2 * s02 - l3 * s12, eps)
    return i0, i1, i2, l1, l2, l3


@jit
def _substitute(factor, y0, y1, y2):
    """Solve L D L' x = y."""
    i0, i1, i2, l1, l2, l3 = factor
    y1 = y1 - l1 * y0
    z2 = (y2 - l2 * y0 - l3 * y1) * i2
    z1 = y1 * i1 - l3 * z2
    return y0 * i0 - l1 * z1 - l2 * z2, z1, z2


@jit
def _coefficients(T, k, inv, factor, m0, m1, m2, mp):
    """Eq. 19 of He et al.: a = (var + eps)^-1 cov."""
    cov0, cov1 = _line(T, 10, k) * inv - m0 * mp, _line(T, 11, k) * inv - m1 * mp
    return _substitute(factor, cov0, cov1, _line(T, 12, k) * inv - m2 * mp)


@jit
def _solve_part(T, k, inv, eps):
    """Eqs. 19 and 20: a, and b = mean_p - a . mean_I."""
    m0, m1, m2, mp = _means(T, k, inv)
    a = _coefficients(T, k, inv, _factor(T, k, inv, eps, m0, m1, m2), m0, m1, m2, mp)
    _set3(T, 0, k, a)
    _set(T, 3, k, mp - a[0] * m0 - a[1] * m1 - a[2] * m2)


@jit
def _solve_pullback_part(T, k, inv, eps):
    """Go back through `_solve_part`: cov_bar = (var + eps)^-1 a_bar; returns the cotangent of eps.

    The cotangents of products of two different channels count both of their places in the matrix.
    """
    m0, m1, m2, mp = _means(T, k, inv)
    factor, b_bar = _factor(T, k, inv, eps, m0, m1, m2), _line(T, 16, k)
    a0, a1, a2 = _coefficients(T, k, inv, factor, m0, m1, m2, mp)
    a_bar0, a_bar1 = _line(T, 13, k) - b_bar * m0, _line(T, 14, k) - b_bar * m1
    u0, u1, u2 = _substitute(factor, a_bar0, a_bar1, _line(T, 15, k) - b_bar * m2)
    v00, v11, v22 = u0 * a0, u1 * a1, u2 * a2
    v01, v02, v12 = u0 * a1 + u1 * a0, u0 * a2 + u2 * a0, u1 * a2 + u2 * a1
    minus = inv * -ONE
    _set3(T, 0, k, (a0, a1, a2))
    _set(T, 3, k, (a0 * b_bar + mp * u0 - m0 * v00 * TWO - m1 * v01 - m2 * v02) * minus)
    _set(T, 4, k, (a1 * b_bar + mp * u1 - m0 * v01 - m1 * v11 * TWO - m2 * v12) * minus)
    _set(T, 5, k, (a2 * b_bar + mp * u2 - m0 * v02 - m1 * v12 - m2 * v22 * TWO) * minus)
    _set(T, 6, k, (b_bar - m0 * u0 - m1 * u1 - m2 * u2) * inv)
    _set3(T, 7, k, (u0 * inv, u1 * inv, u2 * inv))
    _set3(T, 10, k, (v00 * minus, v01 * minus, v02 * minus))
    _set3(T, 13, k, (v11 * minus, v12 * minus, v22 * minus))
    return -total(v00 + v11 + v22)


@jit
def solve(S, stride, size, ends, C, S2, R, pitch, wx, wy, eps, first, until, T, is_back):
    """From level 1 to level 2, or back if `is_back` is not None; returns the cotangent of eps."""
    n1, n2, eps_bar = (13, 4, ZERO) if is_back is None else (17, 16, ZERO)
    for b in range(first, until):
        slide_all(S, stride, ends, C, n1, LANES * b, T)
        for k in range(0, BLOCK, LANES):
            inv = load_part(wx, BLOCK * b + k) * wy
            if is_back is None:
                _solve_part(T, k, inv, eps)
            else:
                eps_bar += _solve_pullback_part(T, k, inv, eps)
        for q in range(n2):
            add_to(
                at(S2, q * stride), LANES * b, size, replace(at(R, q * pitch), BLOCK * b, load(T, BLOCK * q), S2)
            )
    return eps_bar


@jit
def store_values(S, stride, ends, C, I, q, centre, wx, wy, first, until, T):
    """Eq. 21: q = mean(a) . I + mean(b)."""
    for b in range(first, until):
        x = BLOCK * b
        slide_all(S, stride, ends, C, 4, LANES * b, T)
        v0, v1, v2 = deal3(I, 3 * x, S)
        value = load(T, 0) * (v0 - centre[0]) + load(T, BLOCK) * (v1 - centre[1])
        value = value + load(T, 2 * BLOCK) * (v2 - centre[2]) + load(T, 3 * BLOCK)
        collect(q, x, value * (load(wx, x) * wy) + centre[3])


@jit
def store_pullback(S, stride, ends, C, I, p, g, I_bar, p_bar, centre, wx, wy, first, until, T):
    """Go back through the products of guide and source, and add what the guide does in `store_values`."""
    for b in range(first, until):
        x = BLOCK * b
        slide_all(S, stride, ends, C, 16, LANES * b, T)
        v0, v1, v2 = deal3(I, 3 * x, S)
        v0, v1, v2 = v0 - centre[0], v1 - centre[1], v2 - centre[2]
        source, direct = deal(p, x, S) - centre[3], deal(g, x, S) * (load(wx, x) * wy)
        u0, u1, u2 = load(T, 7 * BLOCK), load(T, 8 * BLOCK), load(T, 9 * BLOCK)
        collect(p_bar, x, load(T, 6 * BLOCK) + u0 * v0 + u1 * v1 + u2 * v2)
        v01, v02, v12 = load(T, 11 * BLOCK), load(T, 12 * BLOCK), load(T, 14 * BLOCK)
        bar0 = direct * load(T, 0) + load(T, 3 * BLOCK) + u0 * source
        bar1 = direct * load(T, BLOCK) + load(T, 4 * BLOCK) + u1 * source
        bar2 = direct * load(T, 2 * BLOCK) + load(T, 5 * BLOCK) + u2 * source
        bar0 = bar0 + load(T, 10 * BLOCK) * v0 * TWO + v01 * v1 + v02 * v2
        bar1 = bar1 + v01 * v0 + load(T, 13 * BLOCK) * v1 * TWO + v12 * v2
        bar2 = bar2 + v02 * v0 + v12 * v1 + load(T, 15 * BLOCK) * v2 * TWO
        collect3(I_bar, 3 * x, bar0, bar1, bar2)
