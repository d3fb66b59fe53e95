"""Guided filter with a grey guide: what is done to blocks of 32 columns, forward and back.

Level 1 sums I p II Ip (the pullback adds gI/n g/n), level 2 a b (the pullback: a I_ p_ Ip_ II_), see `guided`. Sums of
quantity q begin at ``q stride`` of `S`, its coefficients at ``q pitch`` of `R`, its carry is `C[q]`.
"""

import numpy as np

from ._jit import jit
from ._planes import (
    BLOCK,
    LANES,
    add_to,
    collect,
    deal,
    last,
    like,
    load,
    not_below,
    prefetch,
    repeat,
    repeat_at,
    replace,
    slide,
    total,
)
from ._planes import move as at
from ._planes import write as set_number

ZERO, ONE, TWO, HALF = np.float64(0), np.float64(1), np.float64(2), np.float64(0.5)


@jit
def enter(S, stride, size, w, I_in, I_out, p_in, p_out, is_back, g, centre, wx, first, until):
    """Add rows that enter to the sums of columns and take away those that leave.

    In the pullback also those of g: rows and weights, entering and leaving. With v and u, p and r less the centre,
    v^2 - u^2 and 2 (v p - u r) come from sums and differences: fewer operations, and the sum of I p is kept twice.
    The next row, `w` further, is fetched ahead.
    """
    c, d = centre[0], centre[3]
    sum_p, sum_II, sum_Ip = at(S, stride), at(S, 2 * stride), at(S, 3 * stride)
    for b in range(first, until):
        x, k = BLOCK * b, LANES * b
        v, u = deal(I_in, x, S), deal(I_out, x, S)
        prefetch(I_in, x + w)
        prefetch(p_in, x + w)
        dI, mI = v - u, v + u - (c + c)
        add_to(S, k, size, dI)
        add_to(sum_II, k, size, dI * mI)
        p, r = deal(p_in, x, S), deal(p_out, x, S)
        dp, mp = p - r, p + r - (d + d)
        add_to(sum_p, k, size, dp)
        add_to(sum_Ip, k, size, dI * mp + mI * dp)
        if is_back is not None:
            inv = load(wx, x)
            e, f = deal(g[0], x, S) * (inv * g[2]), deal(g[1], x, S) * (inv * g[3])
            add_to(at(S, 4 * stride), k, size, e * (v - c) - f * (u - c))
            add_to(at(S, 5 * stride), k, size, e - f)


@jit
def solve(S, stride, size, ends, C, S2, R, pitch, wx, wy, eps, first, until):
    """Eqs. 5 and 6 of He et al.: a = cov / (var + eps), b = mean_p - a mean_I, to level 2.

    What is left after differences of large numbers is as exact as the ring, and so has the numbers of level 2; the
    division has those of level 1, since eps may be too small for others.
    """
    c0, c1, c2, c3 = repeat_at(C, 0), repeat_at(C, 1), repeat_at(C, 2), repeat_at(C, 3)
    sum_p, sum_II, sum_Ip = at(S, stride), at(S, 2 * stride), at(S, 3 * stride)
    for b in range(first, until):
        x, k = BLOCK * b, LANES * b
        inv = load(wx, x) * wy
        s, c0 = slide(S, k, ends, c0)
        mean_I = s * inv
        s, c1 = slide(sum_p, k, ends, c1)
        mean_p = s * inv
        s, c2 = slide(sum_II, k, ends, c2)
        var = not_below(s * inv - mean_I * mean_I, ZERO)
        s, c3 = slide(sum_Ip, k, ends, c3)
        a = like((s * (inv * HALF) - mean_I * mean_p) / (var + eps), S2)
        add_to(S2, k, size, replace(R, x, a, S2))
        add_to(at(S2, stride), k, size, replace(at(R, pitch), x, like(mean_p, S2) - a * like(mean_I, S2), S2))
    set_number(C, 0, last(c0))
    set_number(C, 1, last(c1))
    set_number(C, 2, last(c2))
    set_number(C, 3, last(c3))


@jit
def solve_pullback(S, stride, size, ends, C, S2, R, pitch, wx, wy, eps, first, until):
    """Go back through `solve`; returns the cotangent of eps."""
    c0, c1, c2, c3 = repeat_at(C, 0), repeat_at(C, 1), repeat_at(C, 2), repeat_at(C, 3)
    c4, c5, eps_bar = repeat_at(C, 4), repeat_at(C, 5), repeat(ZERO)
    for b in range(first, until):
        x, k = BLOCK * b, LANES * b
        inv = load(wx, x) * wy
        s, c0 = slide(S, k, ends, c0)
        mean_I = s * inv
        s, c1 = slide(at(S, stride), k, ends, c1)
        mean_p = s * inv
        s, c2 = slide(at(S, 2 * stride), k, ends, c2)
        scale = ONE / (not_below(s * inv - mean_I * mean_I, ZERO) + eps)
        s, c3 = slide(at(S, 3 * stride), k, ends, c3)
        a = (s * (inv * HALF) - mean_I * mean_p) * scale
        a_bar, c4 = slide(at(S, 4 * stride), k, ends, c4)
        b_bar, c5 = slide(at(S, 5 * stride), k, ends, c5)
        cov_bar = (a_bar - b_bar * mean_I) * scale
        var_bar = cov_bar * a * -ONE
        eps_bar = eps_bar + var_bar
        I_bar = (a * b_bar + mean_p * cov_bar + mean_I * var_bar * TWO) * inv * -ONE
        add_to(S2, k, size, replace(R, x, a, S2))
        add_to(at(S2, stride), k, size, replace(at(R, pitch), x, I_bar, S2))
        add_to(at(S2, 2 * stride), k, size, replace(at(R, 2 * pitch), x, (b_bar - mean_I * cov_bar) * inv, S2))
        add_to(at(S2, 3 * stride), k, size, replace(at(R, 3 * pitch), x, cov_bar * inv, S2))
        add_to(at(S2, 4 * stride), k, size, replace(at(R, 4 * pitch), x, var_bar * inv, S2))
    set_number(C, 0, last(c0))
    set_number(C, 1, last(c1))
    set_number(C, 2, last(c2))
    set_number(C, 3, last(c3))
    set_number(C, 4, last(c4))
    set_number(C, 5, last(c5))
    return total(eps_bar)


@jit
def store(S, stride, size, w, ends, C, I, q, centre, wx, wy, first, until):
    """Eq. 8: q = mean(a) I + mean(b)."""
    c, d = centre[0], centre[3]
    c0, c1 = repeat_at(C, 0), repeat_at(C, 1)
    for b in range(first, until):
        x, k = BLOCK * b, LANES * b
        prefetch(q, x + w)
        a, c0 = slide(S, k, ends, c0)
        s, c1 = slide(at(S, stride), k, ends, c1)
        collect(q, x, (a * (deal(I, x, S) - c) + s) * (load(wx, x) * wy) + d)
    set_number(C, 0, last(c0))
    set_number(C, 1, last(c1))


@jit
def store_pullback(S, stride, size, ends, C, I, p, g, I_bar, p_bar, centre, wx, wy, first, until):
    """Go back through the products of guide and source, and add what the guide does in `store`."""
    c, d = centre[0], centre[3]
    c0, c1, c2 = repeat_at(C, 0), repeat_at(C, 1), repeat_at(C, 2)
    c3, c4 = repeat_at(C, 3), repeat_at(C, 4)
    for b in range(first, until):
        x, k = BLOCK * b, LANES * b
        a, c0 = slide(S, k, ends, c0)
        of_I, c1 = slide(at(S, stride), k, ends, c1)
        of_p, c2 = slide(at(S, 2 * stride), k, ends, c2)
        of_Ip, c3 = slide(at(S, 3 * stride), k, ends, c3)
        of_II, c4 = slide(at(S, 4 * stride), k, ends, c4)
        v = deal(I, x, S) - c
        direct = a * deal(g, x, S) * (load(wx, x) * wy)
        collect(I_bar, x, direct + of_I + of_Ip * (deal(p, x, S) - d) + of_II * v * TWO)
        collect(p_bar, x, of_p + of_Ip * v)
    set_number(C, 0, last(c0))
    set_number(C, 1, last(c1))
    set_number(C, 2, last(c2))
    set_number(C, 3, last(c3))
    set_number(C, 4, last(c4))
