"""Slow, obvious twins of the flows and of trimming: brute force, dense matrices, NumPy's solvers."""

import numpy as np
from naive import closed_form_laplacian


def features(image, weight):
    """Return (pixel, colour and position): position 0 to `weight` over the image."""
    h, w = image.shape[:2]
    y, x = np.mgrid[:h, :w] / (np.maximum([h, w], 2) - 1).reshape(2, 1, 1)
    return np.column_stack([image.reshape(h * w, -1), weight * x.ravel(), weight * y.ravel()])


def neighbours(points, candidates, p, k):
    """Return the k candidates nearest to point p, itself excluded."""
    others = [q for q in candidates if q != p]
    return sorted(others, key=lambda q: ((points[q] - points[p]) ** 2).sum())[:k]


def mixing_weights(points, p, places):
    """Solve the conditioned k x k system of locally linear embedding."""
    D = points[places] - points[p]
    G = D @ D.T
    w = np.linalg.solve(G + 1e-3 * np.trace(G) * np.eye(len(G)), np.ones(len(G)))
    return w / w.sum()


def colour_mixture(image, labels, k=20):
    """Return I - W_CM, the rows of unknown pixels."""
    points, everyone = features(image, 1.0), range(labels.size)
    rows = []
    for p in np.flatnonzero(labels == 128):
        places = neighbours(points, everyone, p, k)
        row = np.zeros(labels.size)
        row[places] = -mixing_weights(points, p, places)
        row[p] = 1
        rows.append(row)
    return np.array(rows)


def known_to_unknown(image, labels, k=7):
    """Return w^F and eta of the unknown pixels, w^F clipped."""
    points = features(image, 10.0)
    colours = points[:, :-2]
    told = []
    for p in np.flatnonzero(labels == 128):
        places = [neighbours(points, np.flatnonzero(labels == kind), p, k) for kind in (255, 0)]
        w = mixing_weights(points, p, places[0] + places[1])
        parts = w[: len(places[0])], w[len(places[0]) :]
        means = [
            part @ colours[at] / part.sum() if part.sum() > 1e-3 else colours[at].mean(0)
            for part, at in zip(parts, places, strict=True)
        ]
        apart = ((means[0] - means[1]) ** 2).sum() / colours.shape[1]
        told.append((np.clip(parts[0].sum(), 0, 1), min(1, apart)))
    return np.array(told).T


def intra_unknown(image, labels, k=5):
    """Return the graph Laplacian as the Hessian (over 2) of its energy, edge by edge."""
    points = features(image, 1 / 20)[labels.ravel() == 128]
    L = np.zeros((len(points), len(points)))
    for p in range(len(points)):
        for q in neighbours(points, range(len(points)), p, k):
            weight = max(1 - np.abs(points[p] - points[q]).sum(), 0)
            L[p, p] += weight
            L[q, q] += weight
            L[p, q] -= weight
            L[q, p] -= weight
    return L


def matte(image, labels, *, sigma_cm=1.0, sigma_ku=0.05, sigma_uu=0.01, sigma_l=1.0, eps=1e-7):
    """Minimise the energy over the unknown pixels by a dense solve, no trimming."""
    unknown, x = labels.ravel() == 128, (labels.ravel() == 255).astype(float)
    R, L = colour_mixture(image, labels), closed_form_laplacian(image, eps)
    alpha, eta = known_to_unknown(image, labels)
    whole = sigma_cm * R.T @ R + sigma_l * L
    A = whole[np.ix_(unknown, unknown)] + sigma_ku * np.diag(eta) + sigma_uu * intra_unknown(image, labels)
    b = sigma_ku * eta * alpha - whole[unknown] @ x
    x[unknown] = np.linalg.solve(A, b).clip(0, 1)
    return x.reshape(labels.shape)


def bhattacharyya(one, other, floor):
    """Return the distance of the normal distributions of two sets of colours."""
    means = one.mean(0), other.mean(0)
    S, T = (np.cov(c.T, bias=True) + floor * np.eye(c.shape[1]) for c in (one, other))
    both, apart = (S + T) / 2, means[0] - means[1]
    spread = np.linalg.det(both) / np.sqrt(np.linalg.det(S) * np.linalg.det(T))
    return apart @ np.linalg.solve(both, apart) / 8 + np.log(spread) / 2


def trim_patches(image, labels, near=0.25, far=0.9, floor=1e-5, k=10):
    """Return the labels with what looks like patches of one kind only added to it."""
    patch = {
        (y, x): image[max(0, y - 1) : y + 2, max(0, x - 1) : x + 2].reshape(-1, 3)
        for y, x in np.ndindex(labels.shape)
    }
    trimmed = labels.copy()
    for p in map(tuple, np.argwhere(labels == 128)):
        least = {}
        for kind in (255, 0):
            known = map(tuple, np.argwhere(labels == kind))
            alike = sorted(known, key=lambda q: ((patch[q].mean(0) - patch[p].mean(0)) ** 2).sum())[:k]
            least[kind] = min(bhattacharyya(patch[p], patch[q], floor) for q in alike)
        for kind in (255, 0):
            if least[kind] < near and least[255 - kind] > far:
                trimmed[p] = kind
    return trimmed
