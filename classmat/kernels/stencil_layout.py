"""Where the unknown pixels of an image live: compact vectors with a halo, and the segments that walk them.

Rows and columns are padded by 4. A *quad* is four pixels in a row at a column that is a multiple of four. A quad
is stored if an unknown pixel lies within two rows and two columns of it, so that every neighbour of an unknown
pixel in a 5x5 stencil has a place, and whatever is not unknown holds zero. The places of a row are contiguous and
those of a run of unknown pixels (a *segment*) too, also two rows above and below it.
"""

import numpy as np

from ._jit import jit, pjit, prange

PAD = 4
LONGEST = 256  # pixels of a segment: its working rows stay in the first-level cache
GAP = 4  # known pixels that a segment may bridge; their coefficients are zero


@jit
def mark_quads(is_unknown, near):
    """Mark in `near` (h + 8, quads) the quads with an unknown pixel within two columns."""
    height, width = is_unknown.shape
    for y in range(height):
        for x in range(width):
            if is_unknown[y, x]:
                near[y + PAD, (x + PAD - 2) // 4] = 1
                near[y + PAD, (x + PAD + 2) // 4] = 1


@jit
def spread_quads(near, quads, counts):
    """Mark in `quads` those with a mark of `near` within two rows; count them by row."""
    rows, columns = near.shape
    for y in range(rows):
        total = 0
        for q in range(columns):
            marked = 0
            for yy in range(max(0, y - 2), min(rows, y + 3)):
                marked |= near[yy, q]
            quads[y, q] = marked
            total += marked
        counts[y] = total


@jit
def number_quads(quads, starts):
    """Replace the marks by running numbers, -1 where there is none."""
    for y in range(quads.shape[0]):
        number = starts[y]
        for q in range(quads.shape[1]):
            if quads[y, q]:
                quads[y, q] = number
                number += 1
            else:
                quads[y, q] = -1


@jit
def _walk_row(mask, segments, first):
    """Write the (column, length) of a row's segments from `first` on, if there is room; return their number."""
    found = first
    start = -1
    last = -1
    width = mask.shape[0]
    for x in range(width + 1):
        unknown = x < width and mask[x]
        if start >= 0 and (x == width or x - start == LONGEST or (unknown and x - last > GAP + 1)):
            if segments.shape[0] > 0:
                segments[found, 0] = start
                segments[found, 1] = last + 1 - start
            found += 1
            start = -1
        if unknown:
            if start < 0:
                start = x
            last = x
    return found - first


@jit
def count_row(is_unknown, segment_counts, unknown_counts):
    """Count the segments and the unknown pixels of every row."""
    for y in range(is_unknown.shape[0]):
        segment_counts[y] = _walk_row(is_unknown[y], np.empty((0, 2), np.int32), 0)
        unknown_counts[y] = is_unknown[y].sum()


@pjit
def fill_segments(is_unknown, quads, row_segments, row_unknowns, segments, places, position):
    """Fill `segments` (column, length), `places` (of its first column in rows y - 2 .. y + 2) and `position`."""
    for y in prange(is_unknown.shape[0]):
        _walk_row(is_unknown[y], segments, row_segments[y])
        index = row_unknowns[y]
        for s in range(row_segments[y], row_segments[y + 1]):
            x = segments[s, 0] + PAD
            for dy in range(5):
                places[s, dy] = 4 * quads[y + PAD - 2 + dy, x // 4] + x % 4
            for i in range(segments[s, 1]):
                if is_unknown[y, segments[s, 0] + i]:
                    position[index] = places[s, 2] + i
                    index += 1
