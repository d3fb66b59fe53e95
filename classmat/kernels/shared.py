"""Shared sampling: rays, pairs, refinement and smoothing, each pixel on its own.

Unknown pixels come as two arrays `ys`, `xs` (n,); `number` (h, w) holds the place of each in them, -1 where known.
Colours are (h, w, 3). Neighbours come as a table of offsets (m, 2), the nearest first.
"""

import numpy as np

from ._jit import jit, pjit, prange

BACKGROUND, UNKNOWN, FOREGROUND = 0, 128, 255
ENERGY_STEPS = 32
TINY = 1e-12  # below any squared distance of colours that 16 bits can tell apart


@jit
def _project(c0, c1, c2, f, b):
    """Return alpha, the clipped projection of a colour on the line from b to f, and its squared distance to it."""
    d0, d1, d2 = f[0] - b[0], f[1] - b[1], f[2] - b[2]
    e0, e1, e2 = c0 - b[0], c1 - b[1], c2 - b[2]
    length = d0 * d0 + d1 * d1 + d2 * d2
    alpha = (e0 * d0 + e1 * d1 + e2 * d2) / length if length > TINY else length * 0 + 0.5
    alpha = min(max(alpha, 0), 1)
    r0, r1, r2 = e0 - alpha * d0, e1 - alpha * d1, e2 - alpha * d2
    return alpha, r0 * r0 + r1 * r1 + r2 * r2


@jit
def _distance(image, y, x, c):
    """Return the squared distance of a pixel's colour to another."""
    d0, d1, d2 = image[y, x, 0] - c[0], image[y, x, 1] - c[1], image[y, x, 2] - c[2]
    return d0 * d0 + d1 * d1 + d2 * d2


@pjit
def measure_distances(labels, kinds, distances):
    """Write the chessboard distance of every pixel to the nearest with the label ``kinds[i]`` to ``distances[i]``."""
    h, w = labels.shape
    for kind in prange(len(kinds)):
        far = distances[kind]
        for y in range(h):
            for x in range(w):
                least = np.int32(0 if labels[y, x] == kinds[kind] else h + w)
                if x > 0:
                    least = min(least, far[y, x - 1] + 1)
                if y > 0:
                    for xx in range(max(0, x - 1), min(w, x + 2)):
                        least = min(least, far[y - 1, xx] + 1)
                far[y, x] = least
        for y in range(h - 1, -1, -1):
            for x in range(w - 1, -1, -1):
                least = far[y, x]
                if x < w - 1:
                    least = min(least, far[y, x + 1] + 1)
                if y < h - 1:
                    for xx in range(max(0, x - 1), min(w, x + 2)):
                        least = min(least, far[y + 1, xx] + 1)
                far[y, x] = least


@jit
def _first_hit(distance, y, x, dy, dx):
    """Return after how many unit steps a ray meets a pixel at distance 0, -1 if it leaves the image before.

    So many steps as the distance less one cannot meet any, and are not taken one by one.
    """
    h, w = distance.shape
    steps = 0
    while True:
        yy, xx = np.floor(y + steps * dy + 0.5), np.floor(x + steps * dx + 0.5)
        if not (0 <= yy < h and 0 <= xx < w):
            return -1
        far = distance[np.intp(yy), np.intp(xx)]
        if far == 0:
            return steps
        steps += max(1, far - 1)


@jit
def _energy(image, y, x, dy, dx, steps):
    """Return the integral of the squared change of colour along a ray, in at most ENERGY_STEPS steps."""
    pieces = min(steps, ENERGY_STEPS)
    total = np.float64(0)
    y_last, x_last = y, x
    for piece in range(1, pieces + 1):
        along = piece * steps / pieces
        yy, xx = np.intp(np.floor(y + along * dy + 0.5)), np.intp(np.floor(x + along * dx + 0.5))
        total += _distance(image, yy, xx, image[y_last, x_last])
        y_last, x_last = yy, xx
    return total * pieces / steps


@pjit
def cast_rays(image, distances, ys, xs, directions, places, energies):
    """Find the first pixel of either kind on every ray.

    `distances` (2, h, w) are those to foreground and background; `directions` (9, k, 2) holds the unit steps (y, x)
    for each place in a 3x3 block. To `places` (n, k, 2) goes the raster position of the first foreground and the
    first background pixel, -1 if there is none; to `energies` what the colour changes on the way.
    """
    w = image.shape[1]
    for p in prange(len(ys)):
        y, x = ys[p], xs[p]
        block = 3 * (y % 3) + x % 3
        for k in range(directions.shape[1]):
            dy, dx = directions[block, k, 0], directions[block, k, 1]
            for kind in range(2):
                places[p, k, kind], energies[p, k, kind] = -1, np.inf
                steps = _first_hit(distances[kind], y, x, dy, dx)
                if steps > 0:
                    yy, xx = np.intp(np.floor(y + steps * dy + 0.5)), np.intp(np.floor(x + steps * dx + 0.5))
                    places[p, k, kind] = yy * w + xx
                    energies[p, k, kind] = _energy(image, y, x, dy, dx, steps)


@jit
def _unexplained(image, y, x, f, b):
    """Return N_p: how far the colours of a pixel and its neighbours are from the line of a pair, squared."""
    h, w = image.shape[:2]
    total = np.float64(0)
    for yy in range(max(0, y - 1), min(h, y + 2)):
        for xx in range(max(0, x - 1), min(w, x + 2)):
            total += _project(image[yy, xx, 0], image[yy, xx, 1], image[yy, xx, 2], f, b)[1]
    return total


@jit
def _spread(image, labels, place):
    """Return the mean squared distance to a sample of the known colours of its kind in the 5x5 window around it."""
    h, w = image.shape[:2]
    y, x = place // w, place % w
    total = np.float64(0)
    count = 0
    for yy in range(max(0, y - 2), min(h, y + 3)):
        for xx in range(max(0, x - 2), min(w, x + 3)):
            if labels[yy, xx] == labels[y, x]:
                total += _distance(image, yy, xx, image[y, x])
                count += 1
    return total / count


@jit
def _foreground_chance(energies):
    """Return PF_p: the share of the background's least energy in both; 1/2 where nothing tells."""
    to_foreground, to_background = energies[0, 0], energies[0, 1]
    for k in range(1, len(energies)):
        to_foreground = min(to_foreground, energies[k, 0])
        to_background = min(to_background, energies[k, 1])
    total = to_foreground + to_background
    if to_foreground == to_background or not total > TINY:
        return np.float64(0.5)
    return np.float64(1) if to_background == np.inf else to_background / total


@pjit
def choose_pairs(image, labels, ys, xs, places, energies, exponents, foreground, background, spreads):
    """Choose the pair of least cost g_p among the samples of each pixel.

    Writes the colours (n, 3) and `spreads` (n, 2). Every pixel must have a sample of either kind.
    """
    w = image.shape[1]
    for p in prange(len(ys)):
        y, x = ys[p], xs[p]
        chance = _foreground_chance(energies[p])
        least = np.inf
        best_f = best_b = -1
        for i in range(places.shape[1]):
            at_f = places[p, i, 0]
            if at_f < 0:
                continue
            f = image[at_f // w, at_f % w]
            distance_f = np.hypot(at_f // w - y, at_f % w - x)
            for j in range(places.shape[1]):
                at_b = places[p, j, 1]
                if at_b < 0:
                    continue
                b = image[at_b // w, at_b % w]
                distance_b = np.hypot(at_b // w - y, at_b % w - x)
                alpha = _project(image[y, x, 0], image[y, x, 1], image[y, x, 2], f, b)[0]
                cost = (_unexplained(image, y, x, f, b) + TINY) ** exponents[0]
                cost *= (chance + (1 - 2 * chance) * alpha + TINY) ** exponents[1]
                cost *= distance_f ** exponents[2] * distance_b ** exponents[3]
                if cost < least or best_f < 0:
                    least, best_f, best_b = cost, at_f, at_b
        for c in range(3):
            foreground[p, c] = image[best_f // w, best_f % w, c]
            background[p, c] = image[best_b // w, best_b % w, c]
        spreads[p, 0] = _spread(image, labels, best_f)
        spreads[p, 1] = _spread(image, labels, best_b)


@jit
def _three_best(image, y, x, number, offsets, foreground, background):
    """Return the places of the three pairs nearby that explain a pixel best, -1 for those that there are not."""
    h, w = number.shape
    first = second = third = np.inf
    i = j = k = -1
    c0, c1, c2 = image[y, x, 0], image[y, x, 1], image[y, x, 2]
    for o in range(len(offsets)):
        yy, xx = y + offsets[o, 0], x + offsets[o, 1]
        if not (0 <= yy < h and 0 <= xx < w) or number[yy, xx] < 0:
            continue
        q = number[yy, xx]
        cost = _project(c0, c1, c2, foreground[q], background[q])[1]
        if cost < first:
            first, second, third = cost, first, second
            i, j, k = q, i, j
        elif cost < second:
            second, third = cost, second
            j, k = q, j
        elif cost < third:
            third, k = cost, q
    return i, j, k


@pjit
def refine(
    image, ys, xs, number, offsets, sharpness, foreground, background, spreads,
    new_foreground, new_background, alpha, confidence,
):  # fmt: skip
    """Share pairs among neighbours (the paper's sample refinement).

    The three best pairs are averaged; a colour within the spread of the mean sample replaces it. `confidence` says
    how well the mean pair explains the colour.
    """
    for p in prange(len(ys)):
        y, x = ys[p], xs[p]
        best = _three_best(image, y, x, number, offsets, foreground, background)
        f, b = new_foreground[p], new_background[p]
        f[:] = 0
        b[:] = 0
        count = 0
        spread_f = spread_b = np.float64(0)
        for q in best:
            if q >= 0:
                count += 1
                spread_f += spreads[q, 0]
                spread_b += spreads[q, 1]
                for c in range(3):
                    f[c] += foreground[q, c]
                    b[c] += background[q, c]
        for c in range(3):
            f[c] /= count
            b[c] /= count
        far = _project(image[y, x, 0], image[y, x, 1], image[y, x, 2], f, b)[1]
        near_f = _distance(image, y, x, f) * count <= spread_f
        near_b = _distance(image, y, x, b) * count <= spread_b
        for c in range(3):
            if near_f:
                f[c] = image[y, x, c]
            if near_b:
                b[c] = image[y, x, c]
        alpha[p] = _project(image[y, x, 0], image[y, x, 1], image[y, x, 2], f, b)[0]
        confidence[p] = TINY if near_f and near_b else np.exp(-sharpness * np.sqrt(far))


@pjit
def smooth(
    image, labels, ys, xs, number, offsets, gaussian, sharpness, foreground, background, alpha, confidence,
    new_foreground, new_background, new_alpha, new_confidence,
):  # fmt: skip
    """Smooth colours and alphas over the neighbours (the paper's local smoothing).

    Known pixels take part with their colour, alpha 0 or 1 and confidence 1.
    """
    h, w = labels.shape
    for p in prange(len(ys)):
        f0 = f1 = f2 = b0 = b1 = b2 = np.float64(0)
        sum_f = sum_b = span = sum_span = level = sum_level = np.float64(0)
        for o in range(len(offsets)):
            y, x = ys[p] + offsets[o, 0], xs[p] + offsets[o, 1]
            if not (0 <= y < h and 0 <= x < w):
                continue
            q = number[y, x]
            if q < 0:
                f, b = image[y, x], image[y, x]
                a = np.float64(labels[y, x] == FOREGROUND)
                weight = sure = gaussian[o]
            else:
                f, b = foreground[q], background[q]
                a = np.float64(alpha[q])
                weight = sure = gaussian[o] * confidence[q]
                ambiguity = confidence[q] * a * (1 - a)
                d0, d1, d2 = f[0] - b[0], f[1] - b[1], f[2] - b[2]
                span += ambiguity * np.sqrt(d0 * d0 + d1 * d1 + d2 * d2)
                sum_span += ambiguity
            level += sure * a
            sum_level += sure
            if q != p:
                weight *= abs(a - alpha[p])
            weight_f, weight_b = weight * a, weight * (1 - a)
            f0, f1, f2 = f0 + weight_f * f[0], f1 + weight_f * f[1], f2 + weight_f * f[2]
            b0, b1, b2 = b0 + weight_b * b[0], b1 + weight_b * b[1], b2 + weight_b * b[2]
            sum_f += weight_f
            sum_b += weight_b
        f, b = new_foreground[p], new_background[p]
        if sum_f > TINY:
            f[0], f[1], f[2] = f0 / sum_f, f1 / sum_f, f2 / sum_f
        else:
            f[:] = foreground[p]
        if sum_b > TINY:
            b[0], b[1], b[2] = b0 / sum_b, b1 / sum_b, b2 / sum_b
        else:
            b[:] = background[p]
        c0, c1, c2 = image[ys[p], xs[p], 0], image[ys[p], xs[p], 1], image[ys[p], xs[p], 2]
        a, far = _project(c0, c1, c2, f, b)
        d0, d1, d2 = f[0] - b[0], f[1] - b[1], f[2] - b[2]
        apart = np.sqrt(d0 * d0 + d1 * d1 + d2 * d2) * sum_span
        telling = min(apart / span, np.float64(1)) if span > TINY else np.float64(1)
        trust = telling * np.exp(-sharpness * np.sqrt(far))
        new_confidence[p] = trust
        new_alpha[p] = trust * a + (1 - trust) * (level / sum_level if sum_level > 0 else a)
