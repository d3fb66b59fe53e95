"""Slow, obvious twins of the kernels: a few lines of NumPy each, written for reading."""

import numpy as np


def closed_form_laplacian(image, eps=1e-7, radius=1):
    """Return the dense Laplacian; a window's inverse is taken through its singular values, hence accurate.

    With U S V^T the centred colours, X (X^T X + eps)^-1 X^T = U (S^2 / (S^2 + eps)) U^T.
    """
    h, w = image.shape[:2]
    colours = image.reshape(h, w, -1)
    pixel = np.arange(h * w).reshape(h, w)
    side_y, side_x = min(2 * radius + 1, h), min(2 * radius + 1, w)
    L = np.zeros((h * w, h * w))
    for y in range(h - side_y + 1):
        for x in range(w - side_x + 1):
            window = np.s_[y : y + side_y, x : x + side_x]
            X = colours[window].reshape(side_y * side_x, -1)
            U, S, _ = np.linalg.svd(X - X.mean(0), full_matrices=False)
            block = np.eye(len(X)) - 1 / len(X) - U * (S**2 / (S**2 + eps)) @ U.T
            L[np.ix_(pixel[window].ravel(), pixel[window].ravel())] += block
    return L
