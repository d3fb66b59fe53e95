"""Slow, obvious twins of the filters and losses: loops over pixels."""

import math

import numpy as np


def read(line, place, border):
    """Return the value at a place of a line that goes on beyond its ends, one step at a time."""
    n = len(line)
    while not 0 <= place < n:
        if border == "mirror":
            if n == 1:
                return line[0]
            place = -place if place < 0 else 2 * (n - 1) - place
        else:
            place = -1 - place if place < 0 else 2 * n - 1 - place
    return line[place]


def blur_line(line, sigma, radius, border):
    weights = [math.exp(-k * k / (2 * sigma**2)) for k in range(-radius, radius + 1)]
    return [
        sum(w * read(line, i + k, border) for k, w in zip(range(-radius, radius + 1), weights, strict=True))
        / sum(weights)
        for i in range(len(line))
    ]


def blur(plane, sigma, radius, border="reflect"):
    rows = np.array([blur_line(line, sigma, radius, border) for line in plane])
    return np.array([blur_line(line, sigma, radius, border) for line in rows.T]).T


def coordinate(i, n, m, align_corners):
    if align_corners:
        return i * (n - 1) / (m - 1) if m > 1 else 0.0
    return (i + 0.5) * n / m - 0.5


def resize(plane, height, width, align_corners=False):
    h, w = plane.shape
    out = np.zeros((height, width))
    for y in range(height):
        for x in range(width):
            v = min(max(coordinate(y, h, height, align_corners), 0), h - 1)
            u = min(max(coordinate(x, w, width, align_corners), 0), w - 1)
            for j in range(h):
                for i in range(w):
                    out[y, x] += max(0, 1 - abs(v - j)) * max(0, 1 - abs(u - i)) * plane[j, i]
    return out
