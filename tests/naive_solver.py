"""The obvious, slow twin of the stencil's assembly, with an accurate window inverse."""

import numpy as np
from scipy.sparse import csr_array


def closed_form_laplacian(image, eps):
    """Dense window by window: ``I - 1 1^T / |w| - Q Q^T``, Q from an SVD of the centred colours."""
    pixels = image.reshape(*image.shape[:2], -1)
    h, w = pixels.shape[:2]
    tall, wide = min(3, h), min(3, w)
    number = np.arange(h * w).reshape(h, w)
    L = np.zeros((h * w, h * w))
    for y in range(h - tall + 1):
        for x in range(w - wide + 1):
            colours = pixels[y : y + tall, x : x + wide].reshape(tall * wide, -1)
            u, s, _ = np.linalg.svd(colours - colours.mean(axis=0), full_matrices=False)
            window = np.eye(tall * wide) - 1 / (tall * wide) - (u * (s**2 / (s**2 + eps))) @ u.T
            index = number[y : y + tall, x : x + wide].ravel()
            L[np.ix_(index, index)] += window
    return csr_array(L)


def system(image, trimap, eps=1e-7):
    """``A x = b`` for the pixels of a trimap that are neither 0 nor 1."""
    L = closed_form_laplacian(image, eps)
    unknown = ((trimap > 0) & (trimap < 1)).ravel()
    A = L[unknown][:, unknown]
    return A, -(L[unknown][:, ~unknown] @ trimap.ravel()[~unknown])
