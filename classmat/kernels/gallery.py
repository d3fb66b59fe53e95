"""Colour fields that the gallery paints with: gradients, noise, soft shapes, stripes, shading, grain.

Fields live in the plane, not on the grid: pixel (r, x) is at ((x + 1/2) step + u0, (r + 1/2) step + v0) with
place = (u0, v0, step), so that a scene at twice the size is the same scene in more detail. All random
numbers are hashes of a counter: no state, hence no dependence on the order of rows.
"""

import numpy as np

from ._jit import jit, pjit, prange


@jit
def _hash(a, b, seed):
    """Return a uniform number in [0, 1) from two integers and a seed (the finaliser of SplitMix64)."""
    z = np.uint64(a) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(b) * np.uint64(0xC2B2AE3D27D4EB4F)
    z ^= np.uint64(seed) * np.uint64(0xD6E8FEB86659FD93)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return np.float64(z >> np.uint64(11)) * 2.0**-53


@jit
def _fade(t):
    return t * t * t * (t * (t * 6 - 15) + 10)


@pjit
def gradient(out, place, start, stop, direction):
    """Write a linear gradient to out (rows, w, 3): start at p . direction <= 0, stop at >= 1."""
    rows, width = out.shape[:2]
    for r in prange(rows):
        v = (r + 0.5) * place[2] + place[1]
        for x in range(width):
            u = (x + 0.5) * place[2] + place[0]
            t = min(max(u * direction[0] + v * direction[1] - direction[2], 0.0), 1.0)
            t = t * t * (3 - 2 * t)
            for c in range(3):
                out[r, x, c] = start[c] + t * (stop[c] - start[c])


@pjit
def fractal_noise(out, place, frequency, octaves, gain, seed, tint):
    """Add tint (3,) times fractal gradient noise (Perlin's) in about [-1, 1] to out (rows, w, 3).

    frequency (2,) is in cells per unit, of the first octave; each further one doubles it and multiplies the
    amplitude by `gain`. An octave fades out as its cells shrink below four pixels and is gone below two:
    it would alias.
    """
    rows, width = out.shape[:2]
    for r in prange(rows):
        v = (r + 0.5) * place[2] + place[1]
        amplitude, fu, fv = 1.0, frequency[0], frequency[1]
        for octave in range(octaves):
            cell = 1 / (place[2] * max(fu, fv))
            strength = amplitude * min(max(cell / 2 - 1, 0.0), 1.0)
            if strength == 0:
                break
            row = int(np.floor(v * fv))
            t = v * fv - row
            column = -(1 << 60)
            slope_left = slope_right = left = right = 0.0
            for x in range(width):
                s = ((x + 0.5) * place[2] + place[0]) * fu
                here = int(np.floor(s))
                if here != column:
                    column = here
                    slope_left, left = _lattice(column, row, t, seed + octave)
                    slope_right, right = _lattice(column + 1, row, t, seed + octave)
                d = s - column
                a, b = left + d * slope_left, right + (d - 1) * slope_right
                n = strength * (a + _fade(d) * (b - a))
                for c in range(3):
                    out[r, x, c] += n * tint[c]
            amplitude, fu, fv = amplitude * gain, fu * 2, fv * 2


@jit
def _lattice(column, row, t, seed):
    """Return what a lattice column gives a row: its slope along the row, and its value at the column."""
    one, two = 2 * np.pi * _hash(column, row, seed), 2 * np.pi * _hash(column, row + 1, seed)
    f = _fade(t)
    above, below = np.sin(one) * t, np.sin(two) * (t - 1)
    # 1.5 brings the usual range of gradient noise, about 0.7, to 1.
    return 1.5 * (np.cos(one) + f * (np.cos(two) - np.cos(one))), 1.5 * (above + f * (below - above))


@pjit
def soft_shapes(out, place, shapes):
    """Blend shapes over out (rows, w, 3), in order.

    A row of shapes (n, 11) is kind (0 ellipse, 1 box, 2 Gaussian), centre u, v, half-axes (deviations) a, b,
    angle, width of the soft edge, colour (3), opacity. An edge is never narrower than a pixel.
    """
    rows, width = out.shape[:2]
    step = place[2]
    for r in prange(rows):
        v = (r + 0.5) * step + place[1]
        for k in range(shapes.shape[0]):
            kind, cu, cv, a, b = int(shapes[k, 0]), shapes[k, 1], shapes[k, 2], shapes[k, 3], shapes[k, 4]
            cos, sin = np.cos(shapes[k, 5]), np.sin(shapes[k, 5])
            soft = max(shapes[k, 6], step)
            reach = 3.2 if kind == 2 else 1.0
            margin = 0.0 if kind == 2 else soft * (max(a, b) / min(a, b) if kind == 0 else 1.0)
            if abs(v - cv) > reach * (abs(a * sin) + abs(b * cos)) + margin:
                continue
            wide = reach * (abs(a * cos) + abs(b * sin)) + margin
            first = int(min(max((cu - wide - place[0]) / step, 0.0), float(width)))
            last = int(min(max((cu + wide - place[0]) / step + 1, 0.0), float(width)))
            for x in range(first, last):
                u = (x + 0.5) * step + place[0]
                p, q = (u - cu) * cos + (v - cv) * sin, (v - cv) * cos - (u - cu) * sin
                m = shapes[k, 10] * _membership(kind, p, q, a, b, soft)
                for c in range(3):
                    out[r, x, c] += m * (shapes[k, 7 + c] - out[r, x, c])


@jit
def _membership(kind, p, q, a, b, soft):
    if kind == 2:
        d = (p / a) ** 2 + (q / b) ** 2
        # Minus its value at the reach of 3.2, so that it ends without a step.
        return max(np.exp(-0.5 * d) - 0.006, 0.0) / 0.994
    if kind == 1:
        return _edge(abs(p) - a, soft) * _edge(abs(q) - b, soft)
    return _edge((np.sqrt((p / a) ** 2 + (q / b) ** 2) - 1) * min(a, b), soft)


@jit
def _edge(distance, soft):
    t = min(max(0.5 - distance / soft, 0.0), 1.0)
    return t * t * (3 - 2 * t)


@pjit
def stripes(out, place, direction, duty, soft, colour, opacity):
    """Blend stripes over out (rows, w, 3): p . direction modulo 1 < duty, with edges `soft` periods wide."""
    rows, width = out.shape[:2]
    pixel = place[2] * np.hypot(direction[0], direction[1])  # periods per pixel
    edge = max(soft, pixel)
    for r in prange(rows):
        v = (r + 0.5) * place[2] + place[1]
        for x in range(width):
            u = (x + 0.5) * place[2] + place[0]
            t = u * direction[0] + v * direction[1]
            t -= np.floor(t)
            d = min(abs(t - 0.5 * duty), 1 - abs(t - 0.5 * duty)) - 0.5 * duty
            m = opacity * min(max(0.5 - d / edge, 0.0), 1.0)
            if pixel > 0.5:  # too fine for this grid: the mean of the pattern
                m = opacity * duty
            for c in range(3):
                out[r, x, c] += m * (colour[c] - out[r, x, c])


@pjit
def round_shading(out, place, body, light, dark, bright):
    """Multiply out (rows, w, 3) by the shading of an ellipsoid under a directional light.

    body is (centre u, v, half-axes a, b, angle), light a unit vector (u, v, towards the viewer); the factor
    goes from dark (turned away) to bright (turned to the light). Outside of the ellipsoid its rim continues.
    """
    rows, width = out.shape[:2]
    cos, sin = np.cos(body[4]), np.sin(body[4])
    lu, lv = light[0] * cos + light[1] * sin, light[1] * cos - light[0] * sin
    for r in prange(rows):
        v = (r + 0.5) * place[2] + place[1] - body[1]
        for x in range(width):
            u = (x + 0.5) * place[2] + place[0] - body[0]
            p, q = (u * cos + v * sin) / body[2], (v * cos - u * sin) / body[3]
            d = p * p + q * q
            if d > 1:
                p, q = p / np.sqrt(d), q / np.sqrt(d)
            n = p * lu + q * lv + np.sqrt(max(1 - d, 0.0)) * light[2]
            factor = dark + (bright - dark) * (0.5 + 0.5 * n)
            for c in range(3):
                out[r, x, c] *= factor


@pjit
def sensor_noise(image, first_row, sigma, seed):
    """Add Gaussian noise (Box-Muller on hashed counters) to image (rows, w, 3) and clip it to [0, 1]."""
    rows, width = image.shape[:2]
    for r in prange(rows):
        for x in range(width):
            for c in range(3):
                one, two = _hash(3 * x + c, first_row + r, seed), _hash(3 * x + c, first_row + r, seed + 1)
                n = np.sqrt(-2 * np.log(1 - one)) * np.cos(2 * np.pi * two)
                image[r, x, c] = min(max(image[r, x, c] + sigma * n, 0.0), 1.0)
