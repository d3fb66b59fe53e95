"""Exact area coverage of closed outlines, painted one over the other: how the gallery draws everything.

An outline is a list of directed edges. For a pixel row, the signed area to the right of an edge, summed over
all edges, is the covered area (Green's theorem); kept as differences along the row, an edge costs only the
columns it crosses, and one running sum per outline turns differences into coverage. No sampling is involved:
the answer is exact for polygons up to rounding. Rows are independent of each other: each one is owned by one
iteration of the parallel loop.
"""

import numpy as np

from ._jit import jit, pjit, prange

# Rounding leaves about 1e-13 in untouched pixels; they must be exactly 0, and full ones exactly 1.
_SNAP = 1e-9


@jit
def count_edges(edges, first_row, counts):
    """Count, for each row of a strip, the edges (x0, y0, x1, y1) that pass through it."""
    rows = counts.shape[0]
    for e in range(edges.shape[0]):
        low, high = _rows_of(edges, e, first_row, rows)
        for r in range(low, high):
            counts[r] += 1


@jit
def list_edges(edges, first_row, cursor, entries):
    """List each row's edges; `cursor` holds where each row begins and is moved to its end."""
    rows = cursor.shape[0]
    for e in range(edges.shape[0]):
        low, high = _rows_of(edges, e, first_row, rows)
        for r in range(low, high):
            entries[cursor[r]] = e
            cursor[r] += 1


@jit
def _rows_of(edges, e, first_row, rows):
    top = min(edges[e, 1], edges[e, 3]) - first_row
    bottom = max(edges[e, 1], edges[e, 3]) - first_row
    if bottom <= 0 or top >= rows or bottom - top < 1e-12:
        return 0, 0
    low = int(max(np.floor(top), 0.0))
    return low, min(int(np.ceil(min(bottom, float(rows)))), rows)


@pjit
def paint(
    edges,
    tints,
    owner,
    fill,
    opacity,
    starts,
    entries,
    first_row,
    fills,
    alpha,
    foreground,
    background,
    image,
):
    """Paint outlines in order, back to front, over the background of a strip of rows.

    edges (m, 4), tints (m, 3) and owner (m,), the outline of each edge, ascending; fill (n,) and opacity (n,)
    of each outline: a fill of -1 takes the tints of the edges, k >= 0 the colours fills[k] (rows, w, 3).
    starts (rows + 1,) and entries list the edges of each row. `foreground` holds on entry the colour it has
    where nothing is painted. Written: alpha (rows, w), foreground and image (rows, w, 3).
    """
    rows, width = alpha.shape
    for r in prange(rows):
        area = np.zeros(width + 2)
        tint = np.zeros((width + 2, 4))
        mix = np.zeros((width, 4))  # premultiplied colour, alpha
        low, high, current = width + 1, -1, -1
        for k in range(starts[r], starts[r + 1]):
            e = entries[k]
            if owner[e] != current:
                if current >= 0:
                    _over(area, tint, mix, fill[current], opacity[current], fills, r, low, high)
                low, high, current = width + 1, -1, owner[e]
            low, high = _add_edge(edges, tints, e, first_row + r, area, tint, low, high)
        if current >= 0:
            _over(area, tint, mix, fill[current], opacity[current], fills, r, low, high)
        for x in range(width):
            covered = mix[x, 3]
            alpha[r, x] = covered
            a = np.float64(alpha[r, x])
            for c in range(3):
                if covered > 0:
                    foreground[r, x, c] = min(max(mix[x, c] / covered, 0.0), 1.0)
                # From the rounded parts, so that the compositing equation holds for what the caller gets.
                image[r, x, c] = a * np.float64(foreground[r, x, c]) + (1 - a) * np.float64(background[r, x, c])


@jit
def _add_edge(edges, tints, e, row, area, tint, low, high):
    """Add one edge's share of one row to the differences `area`; widen the touched columns [low, high]."""
    width = area.shape[0] - 2
    x0, y0, x1, y1 = edges[e, 0], edges[e, 1], edges[e, 2], edges[e, 3]
    top = max(min(y0, y1), float(row))
    bottom = min(max(y0, y1), row + 1.0)
    if bottom <= top:
        return low, high
    slope = (x1 - x0) / (y1 - y0)
    a = min(max(x0 + (top - y0) * slope, min(x0, x1)), max(x0, x1))
    b = min(max(x0 + (bottom - y0) * slope, min(x0, x1)), max(x0, x1))
    sign = 1.0 if y1 > y0 else -1.0
    left, right = min(a, b), max(a, b)
    height = bottom - top
    per_column = height / (right - left) if right > left else 0.0
    if left < 0:  # all of the row lies to its right
        outside = height if right <= 0 else -left * per_column
        area[0] += sign * outside
        _tint(tint, 0, 1e-6 * outside, tints, e)  # for what comes in from there without crossing an edge
        low, high = 0, max(high, 0)
        if right <= 0:
            return low, high
        height -= outside
        left = 0.0
    if right >= width:  # the running sum must reach the border
        high = width
        if left >= width:
            return low, high
        height -= (right - width) * per_column
        right = float(width)
    first, last = int(left), min(int(right), width - 1)
    for c in range(first, last + 1):
        part_left, part_right = max(left, float(c)), min(right, c + 1.0)
        part = height if first == last else (part_right - part_left) * per_column
        inside = 0.5 * (part_left + part_right) - c
        area[c] += sign * part * (1 - inside)
        area[c + 1] += sign * part * inside
        _tint(tint, c, part + (part_right - part_left) + 1e-12, tints, e)
    return min(low, first), max(high, last + 1)


@jit
def _tint(tint, c, weight, tints, e):
    tint[c, 0] += weight * tints[e, 0]
    tint[c, 1] += weight * tints[e, 1]
    tint[c, 2] += weight * tints[e, 2]
    tint[c, 3] += weight


@jit
def _over(area, tint, mix, fill, opacity, fills, r, low, high):
    """Put the outline gathered in `area` and `tint` over the row `mix`, and clear both for the next one."""
    width = mix.shape[0]
    total = np.float64(0)
    red, green, blue = 0.0, 0.0, 0.0
    for x in range(low, min(high, width - 1) + 1):
        total += area[x]
        if tint[x, 3] > 0:  # the inside of a wide outline keeps the tint of the edge to its left
            red, green, blue = tint[x, 0] / tint[x, 3], tint[x, 1] / tint[x, 3], tint[x, 2] / tint[x, 3]
        covered = min(abs(total), 1.0)
        if covered < _SNAP:
            continue
        if covered > 1 - _SNAP:
            covered = 1.0
        if fill >= 0:
            red, green, blue = fills[fill, r, x, 0], fills[fill, r, x, 1], fills[fill, r, x, 2]
        covered *= opacity
        rest = 1 - covered
        mix[x, 0] = covered * red + rest * mix[x, 0]
        mix[x, 1] = covered * green + rest * mix[x, 1]
        mix[x, 2] = covered * blue + rest * mix[x, 2]
        mix[x, 3] = covered + rest * mix[x, 3]
    area[low : high + 2] = 0
    tint[low : high + 2] = 0
