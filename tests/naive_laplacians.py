"""Slow, obvious twins of the Laplacians: a few lines of NumPy each, written for reading."""

import numpy as np


def learning_based_laplacian(image, eps=1e-7, radius=1):
    """Return the dense Laplacian; in each window F is the ridge regression's hat matrix, by singular values.

    With U S V^T the centred colours, F = 1 1^T / |w| + U (S^2 / (S^2 + eps)) U^T.
    """
    h, w = image.shape[:2]
    colours, pixel = image.reshape(h, w, -1), np.arange(h * w).reshape(h, w)
    side_y, side_x = min(2 * radius + 1, h), min(2 * radius + 1, w)
    L = np.zeros((h * w, h * w))
    for y in range(h - side_y + 1):
        for x in range(w - side_x + 1):
            window = np.s_[y : y + side_y, x : x + side_x]
            X = colours[window].reshape(side_y * side_x, -1)
            U, S, _ = np.linalg.svd(X - X.mean(0), full_matrices=False)
            F = 1 / len(X) + U * (S**2 / (S**2 + eps)) @ U.T
            error = np.eye(len(X)) - F
            L[np.ix_(pixel[window].ravel(), pixel[window].ravel())] += error.T @ error
    return L


def random_walk_laplacian(image, sigma=0.033, radius=1, floor=1e-8):
    """Return the dense D - W."""
    h, w = image.shape[:2]
    colours = image.reshape(h * w, -1)
    y, x = np.divmod(np.arange(h * w), w)
    W = np.maximum(np.exp(-((colours[:, None] - colours) ** 2).sum(2) / sigma**2), floor)
    far = (abs(y[:, None] - y) > radius) | (abs(x[:, None] - x) > radius)
    W[far | np.eye(h * w, dtype=bool)] = 0
    return np.diag(W.sum(1)) - W
