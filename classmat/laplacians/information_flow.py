"""The four flows of information between pixels of Aksoy, Aydin and Pollefeys, as sparse matrices and vectors."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array

from ..images.validate import BACKGROUND, FOREGROUND, UNKNOWN
from ..kernels import information_flow as kernels
from .neighbours import colours_with_positions, nearest

# The conditioning of locally linear embedding, relative to the trace.
REGULARISATION = 1e-3


class Estimate(NamedTuple):
    """What the known regions say of each unknown pixel.

    Attributes
    ----------
    alpha : ndarray, (n,)
        w^F: the share of the foreground in its mixture of known colours; in [0, 1].
    confidence : ndarray, (n,)
        eta: the squared distance of the mixture's foreground and background colours, in [0, 1].
    """

    alpha: NDArray[np.float64]
    confidence: NDArray[np.float64]


def colour_mixture(image: NDArray[Any], labels: NDArray[np.uint8], *, n_neighbors: int = 20) -> csr_array:
    """Return ``I - W_CM`` for the unknown pixels: each less the mixture of its neighbours that resembles it most.

    Neighbours are the nearest pixels of the image, known or not, by ``[r, g, b, x / w, y / h]``; the weights of a
    mixture sum to 1 and come closest to the pixel's own such features.

    Parameters
    ----------
    image : ndarray, (h, w, 3) or (h, w)
        Float in [0, 1].
    labels : ndarray, (h, w)
        A trimap as `as_trimap` returns it.
    n_neighbors : int
        K_CM.

    Returns
    -------
    csr_array, (n, h * w)
        A row for each unknown pixel; rows sum to zero.
    """
    features = colours_with_positions(image, 1.0)
    unknown = np.flatnonzero(labels == UNKNOWN)
    found = nearest(features, features[unknown], n_neighbors + 1)[0][:, 1:]  # itself is the first
    weights = _mixing_weights(features, unknown, found)
    columns = np.column_stack([unknown, found])
    values = np.column_stack([np.ones(len(unknown)), -weights])
    return _rows(columns, values, labels.size)


def known_to_unknown(image: NDArray[Any], labels: NDArray[np.uint8], *, n_neighbors: int = 7) -> Estimate:
    """Return what a mixture of known colours of either kind says of alpha, and how sure it is.

    Neighbours are the nearest `n_neighbors` foreground and as many background pixels by
    ``[r, g, b, 10 x / w, 10 y / h]``, the position weighing more than in `colour_mixture`.

    Parameters and shapes are those of `colour_mixture`.
    """
    features = colours_with_positions(image, 10.0)
    unknown = np.flatnonzero(labels == UNKNOWN)
    pools = [np.flatnonzero(labels == label) for label in (FOREGROUND, BACKGROUND)]
    found = [pool[nearest(features[pool], features[unknown], n_neighbors)[0]] for pool in pools]
    weights = _mixing_weights(features, unknown, np.hstack(found))
    split = found[0].shape[1]
    colours = np.ascontiguousarray(features[:, :-2])
    means = [
        _weighted_mean(colours, places, part)
        for places, part in zip(found, np.split(weights, [split], axis=1), strict=True)
    ]
    channels = 3 if image.ndim == 3 else 1
    confidence = ((means[0] - means[1]) ** 2).sum(1) / channels
    return Estimate(np.clip(weights[:, :split].sum(1), 0, 1), np.clip(confidence, 0, 1))


def intra_unknown(image: NDArray[Any], labels: NDArray[np.uint8], *, n_neighbors: int = 5) -> csr_array:
    """Return the graph Laplacian that lets unknown pixels of similar colours share what they know.

    Neighbours are the nearest unknown pixels by ``[r, g, b, x / (20 w), y / (20 h)]``; an edge weighs 1 less the sum
    of the absolute differences of these, at least 0. Edges chosen by both ends count twice.

    Parameters are those of `colour_mixture`.

    Returns
    -------
    csr_array, (n, n)
        Symmetric, positive semi-definite, rows sum to zero.
    """
    features = colours_with_positions(image, 1 / 20)[labels.ravel() == UNKNOWN]
    n = len(features)
    found = nearest(features, features, n_neighbors + 1)[0][:, 1:]
    weights = np.zeros(found.shape)
    for column in range(found.shape[1]):
        apart = np.abs(features - features[found[:, column]]).sum(1)
        weights[:, column] = np.maximum(1 - apart, 0)
    W = _rows(found, weights, n)
    W = csr_array(W + W.T)
    return csr_array(diags_array(W.sum(1)) - W)


def _mixing_weights(
    features: NDArray[np.float64], places: NDArray[np.intp], found: NDArray[np.signedinteger[Any]]
) -> NDArray[np.float64]:
    weights = np.empty(found.shape)
    kernels.mixing_weights(features, places, np.ascontiguousarray(found), REGULARISATION, weights)
    return weights


def _weighted_mean(
    colours: NDArray[np.float64], found: NDArray[np.signedinteger[Any]], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the mixture's colour of one kind; where that has no positive share, the plain mean of the neighbours."""
    share = weights.sum(1, keepdims=True)
    weights = np.where(share > 1e-3, weights / np.maximum(share, 1e-3), 1 / found.shape[1])
    return np.einsum("nk,nkc->nc", weights, colours[found])


def _rows(columns: NDArray[np.signedinteger[Any]], values: NDArray[np.float64], width: int) -> csr_array:
    """Return a sparse matrix from the columns and the values (n, k) of its rows."""
    n, k = columns.shape
    starts = np.arange(0, n * k + 1, max(k, 1)) if k else np.zeros(n + 1, int)
    return csr_array((values.ravel(), columns.ravel(), starts), shape=(n, width))
