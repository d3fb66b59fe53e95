"""Entries of the random walk Laplacian: every pixel and its neighbours within a square."""

import numpy as np

from ._jit import jit, pjit, prange


@jit
def _weight(image, y, x, yy, xx, scale, floor):
    """Return the weight of the edge between two pixels, the same to the last bit from both ends."""
    distance = np.float64(0)
    for c in range(image.shape[2]):
        difference = image[y, x, c] - image[yy, xx, c]
        distance += difference * difference
    return max(np.exp(-distance * scale), floor)


@pjit
def count_entries(needed, radius, counts):
    """Count the edges of each pixel that have an end in `needed` (h, w), and one for the diagonal if there are any."""
    h, w = needed.shape
    for y in prange(h):
        for x in range(w):
            count = 0
            for yy in range(max(0, y - radius), min(h, y + radius + 1)):
                for xx in range(max(0, x - radius), min(w, x + radius + 1)):
                    count += needed[y, x] or needed[yy, xx]
            counts[y, x] = count + 1 if count > 0 and not needed[y, x] else count


@pjit
def fill_entries(image, needed, radius, scale, floor, starts, indices, data):
    """Fill the rows of the CSR matrix; pixel p owns `indices` and `data` from `starts[p]` on, columns ascending.

    The weight of an edge is ``max(exp(-scale |I_i - I_j|^2), floor)``.
    """
    h, w = needed.shape
    for y in prange(h):
        for x in range(w):
            place = starts[y * w + x]
            if place == starts[y * w + x + 1]:
                continue
            centre, total = place, np.float64(0)
            for yy in range(max(0, y - radius), min(h, y + radius + 1)):
                for xx in range(max(0, x - radius), min(w, x + radius + 1)):
                    if yy == y and xx == x:
                        centre = place
                    elif needed[y, x] or needed[yy, xx]:
                        data[place] = -_weight(image, y, x, yy, xx, scale, floor)
                        total -= data[place]
                    else:
                        continue
                    indices[place] = yy * w + xx
                    place += 1
            data[centre] = total
