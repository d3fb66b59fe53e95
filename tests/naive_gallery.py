"""Slow, obvious twins of the gallery's painter: count sample points instead of computing areas."""

import numpy as np


def sample_points(height, width, per_side):
    """Return points (h, w, per_side**2, 2), evenly spread over each pixel."""
    inside = (np.arange(per_side) + 0.5) / per_side
    sub = np.stack(np.meshgrid(inside, inside), -1).reshape(-1, 2)
    corner = np.stack(np.meshgrid(np.arange(width), np.arange(height)), -1)
    return corner[:, :, None] + sub


def stroke_coverage(centres, half_widths, height, width, per_side=32):
    """Share of points nearer to a polyline than its half-width, which runs linearly between its points."""
    p = sample_points(height, width, per_side)
    covered = np.zeros(p.shape[:3], bool)
    for a, b, ra, rb in zip(centres[:-1], centres[1:], half_widths[:-1], half_widths[1:], strict=True):
        d = b - a
        t = ((p - a) @ d / (d @ d)).clip(0, 1)
        distance = np.hypot(*np.moveaxis(p - (a + t[..., None] * d), -1, 0))
        covered |= distance < ra + t * (rb - ra)
    # Joints are round, but ends are cut straight across.
    for end, inward, radius in (
        (centres[0], centres[1] - centres[0], half_widths[0]),
        (centres[-1], centres[-2] - centres[-1], half_widths[-1]),
    ):
        near = np.hypot(*np.moveaxis(p - end, -1, 0)) < 2 * radius
        covered &= ~(near & ((p - end) @ inward < 0))
    return covered.mean(axis=2)


def polygon_coverage(points, height, width, per_side=32):
    """Share of sample points inside a polygon, by the crossing number."""
    p = sample_points(height, width, per_side)
    inside = np.zeros(p.shape[:3], bool)
    for (x0, y0), (x1, y1) in zip(points, np.roll(points, -1, axis=0), strict=True):
        if y0 == y1:
            continue
        crosses = (p[..., 1] >= min(y0, y1)) & (p[..., 1] < max(y0, y1))
        inside ^= crosses & (p[..., 0] < x0 + (p[..., 1] - y0) * (x1 - x0) / (y1 - y0))
    return inside.mean(axis=2)
