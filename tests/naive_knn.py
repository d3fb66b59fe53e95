"""Slow, obvious twins of KNN matting: every pixel is compared with every other one."""

import colorsys

import numpy as np

DEFAULTS = {"n_neighbors": (20, 10), "distance_weights": (2.0, 0.1), "colour_space": "rgb", "kernel": "binary"}


def features(image, weight, colour_space):
    h, w = image.shape[:2]
    rows = []
    for y in range(h):
        for x in range(w):
            colour = list(np.atleast_1d(image[y, x]))
            if colour_space == "hsv" and len(colour) == 3:
                hue, saturation, value = colorsys.rgb_to_hsv(*colour)
                colour = [np.cos(2 * np.pi * hue), np.sin(2 * np.pi * hue), saturation, value]
            rows.append([*colour, weight * x / max(w - 1, 1), weight * y / max(h - 1, 1)])
    return np.array(rows, dtype=float)


def choices(image, mask, n_neighbors, distance_weights, colour_space, kernel):
    """All (i, j, k(i, j)) of which the matrix knows."""
    found = []
    for count, weight in zip(n_neighbors, distance_weights, strict=True):
        X = features(image, weight, colour_space)

        def choose(pixels, X=X, count=count):
            pairs = []
            for i in pixels:
                distances = [np.sqrt(((X[i] - X[j]) ** 2).sum()) for j in range(len(X))]
                pairs += [(i, j, distances[j]) for j in np.argsort(distances, kind="stable")[:count]]
            return pairs

        pairs = choose(np.flatnonzero(mask))
        back = choose({j for _, j, _ in pairs if not mask[j]})
        C = max(d for _, _, d in pairs + back) or 1.0
        pairs += [(i, j, d) for i, j, d in back if mask[j]]
        found += [(i, j, 1 - d / C if kernel == "paper" else 1.0) for i, j, d in pairs if i != j]
    return found


def knn_laplacian(image, mask=None, **options):
    n = image.shape[0] * image.shape[1]
    mask = np.ones(n, bool) if mask is None else mask.ravel()
    L = np.zeros((n, n))
    for i, j, k in choices(image, mask, **DEFAULTS | options):
        L[i, i] += k
        L[j, j] += k
        L[i, j] -= k
        L[j, i] -= k
    return L


def knn_matting(image, trimap, **options):
    """Where every unknown pixel is linked to a known one, if need be through others."""
    unknown, alpha = trimap.ravel() == 128, (trimap.ravel() == 255).astype(float)
    L = knn_laplacian(image, mask=trimap == 128, **options)
    alpha[unknown] = np.linalg.solve(L[np.ix_(unknown, unknown)], -(L[unknown] @ alpha))
    return alpha.reshape(trimap.shape)


def knn_affinity(features, scale, neighbours):
    points = features.reshape(-1, features.shape[-1])
    value = np.empty(neighbours.shape)
    for at in np.ndindex(neighbours.shape):
        i = at[0] * neighbours.shape[1] + at[1]
        value[at] = 1 - np.sqrt(((points[i] - points[neighbours[at]]) ** 2).sum()) / scale
    return value
