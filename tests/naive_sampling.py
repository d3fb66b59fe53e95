"""Slow, obvious twins of shared sampling: one pixel at a time, as the paper words it."""

import numpy as np
from scipy.ndimage import distance_transform_edt


def project(colour, f, b):
    """Return alpha, the clipped projection of a colour on the line from b to f, and the squared distance to it."""
    length = ((f - b) ** 2).sum()
    alpha = np.clip((colour - b) @ (f - b) / length, 0, 1) if length > 1e-12 else 0.5
    return alpha, ((colour - alpha * f - (1 - alpha) * b) ** 2).sum()


def rays(labels, y, x, n_rays):
    """Return for both kinds the first pixel on every ray, as (ray, steps, y, x), walked step by step."""
    turn = 2 * np.pi / n_rays * ((3 * (y % 3) + x % 3) / 9 + np.arange(n_rays))
    hits = {255: [], 0: []}
    for kind, found in hits.items():
        for angle in turn:
            for steps in range(1, sum(labels.shape)):
                yy, xx = (int(np.floor(c + steps * d + 0.5)) for c, d in ((y, np.sin(angle)), (x, np.cos(angle))))
                if not (0 <= yy < labels.shape[0] and 0 <= xx < labels.shape[1]):
                    break
                if labels[yy, xx] == kind:
                    found.append((angle, steps, yy, xx))
                    break
        if not found:
            nearest = distance_transform_edt(labels != kind, return_distances=False, return_indices=True)
            found.append((None, 0, *nearest[:, y, x]))
    return hits


def energy(image, y, x, angle, steps):
    """Return the squared change of colour along a ray, per step."""
    if angle is None:
        return np.inf
    pieces = min(steps, 32)
    along = np.arange(pieces + 1) * steps / pieces
    path = np.floor(np.stack([y + along * np.sin(angle), x + along * np.cos(angle)]) + 0.5).astype(int)
    return (np.diff(image[path[0], path[1]], axis=0) ** 2).sum() * pieces / steps


def gather(image, labels, y, x, n_rays):
    """Return the pair of samples of least cost, as two positions."""
    hits = rays(labels, y, x, n_rays)
    to_f, to_b = (min(energy(image, y, x, *hit[:2]) for hit in hits[kind]) for kind in (255, 0))
    chance = 0.5 if to_f == to_b else 1.0 if np.isinf(to_b) else to_b / (to_f + to_b)
    window = image[max(0, y - 1) : y + 2, max(0, x - 1) : x + 2].reshape(-1, 3)
    costs = {}
    for _, _, fy, fx in hits[255]:
        for _, _, by, bx in hits[0]:
            f, b = image[fy, fx], image[by, bx]
            unexplained = sum(project(colour, f, b)[1] for colour in window)
            alike = chance + (1 - 2 * chance) * project(image[y, x], f, b)[0]
            apart = np.hypot(fy - y, fx - x) * np.hypot(by - y, bx - x) ** 4
            costs[fy, fx, by, bx] = (unexplained + 1e-12) ** 3 * (alike + 1e-12) ** 2 * apart
    best = min(costs, key=costs.get)
    return best[:2], best[2:]


def nearby(labels, y, x, count):
    """Return the positions in the image among the `count` nearest offsets."""
    offsets = np.mgrid[-64:65, -64:65].reshape(2, -1).T
    offsets = offsets[np.argsort((offsets**2).sum(1), kind="stable")[:count]]
    places = offsets + np.array([y, x])
    inside = ((places >= 0) & (places < labels.shape)).all(1)
    return [tuple(place) for place in places[inside]]


def samples(image, labels, *, n_rays=4, n_shared=200, n_smoothed=100, sharpness=10.0):
    """Return {pixel: (alpha, f, b, confidence)} of the unknown pixels, without expansion of the known ones."""
    unknown = [tuple(p) for p in np.argwhere(labels == 128)]
    pairs = {p: gather(image, labels, *p, n_rays) for p in unknown}
    refined = {p: refine(image, labels, p, pairs, n_shared, sharpness) for p in unknown}
    return {p: smooth(image, labels, p, refined, n_smoothed, sharpness) for p in unknown}


def spread(image, labels, place):
    """Return the mean squared distance to a sample of the colours of its kind around it."""
    around = np.s_[max(0, place[0] - 2) : place[0] + 3, max(0, place[1] - 2) : place[1] + 3]
    return ((image[around][labels[around] == labels[place]] - image[place]) ** 2).sum(1).mean()


def refine(image, labels, p, pairs, count, sharpness):
    """Share pairs: return alpha, colours and confidence of one pixel."""
    colour = image[p]
    shared = [pairs[q] for q in nearby(labels, *p, count) if q in pairs]
    best = sorted(shared, key=lambda pair: project(colour, image[pair[0]], image[pair[1]])[1])[:3]
    f, b = (np.mean([image[pair[side]] for pair in best], 0) for side in (0, 1))
    far = project(colour, f, b)[1]
    near_f, near_b = (
        ((colour - mean) ** 2).sum() <= np.mean([spread(image, labels, pair[side]) for pair in best])
        for side, mean in ((0, f), (1, b))
    )
    f, b = colour if near_f else f, colour if near_b else b
    confidence = 1e-12 if near_f and near_b else np.exp(-sharpness * np.sqrt(far))
    return project(colour, f, b)[0], f, b, confidence


def smooth(image, labels, p, refined, count, sharpness):
    """Smooth over the neighbours: return alpha, colours and confidence of one pixel."""
    colour, here = image[p], refined[p]
    fs, bs, level, spans = [], [], [], []
    for q in nearby(labels, *p, count):
        near = np.exp(-((q[0] - p[0]) ** 2 + (q[1] - p[1]) ** 2) * 9 * np.pi / count)
        known = (float(labels[q] == 255), image[q], image[q], 1.0)
        alpha, f, b, confidence = refined.get(q, known)
        weight = near * confidence * (abs(alpha - here[0]) if q != p else 1)
        fs.append((weight * alpha, f))
        bs.append((weight * (1 - alpha), b))
        level.append((near * confidence, alpha))
        spans.append((confidence * alpha * (1 - alpha), np.linalg.norm(f - b)))
    f, b, span = mean(fs, here[1]), mean(bs, here[2]), mean(spans, None)
    alpha, far = project(colour, f, b)
    telling = 1 if not span else min(1, np.linalg.norm(f - b) / span)
    confidence = telling * np.exp(-sharpness * np.sqrt(far))
    return confidence * alpha + (1 - confidence) * mean(level, alpha), f, b, confidence


def mean(pairs, otherwise):
    """Return the weighted mean of (weight, value), or something else where there is no weight."""
    total = sum(weight for weight, _ in pairs)
    return sum(weight * value for weight, value in pairs) / total if total > 1e-12 else otherwise
