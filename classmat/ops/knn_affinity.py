"""The affinities of KNN matting between pixels and their neighbours."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..images.floats import as_floats
from ..images.validate import as_number
from ._protocol import Floats, Pullback, as_cotangent, like


def knn_affinity_vjp(features: ArrayLike, scale: ArrayLike, *, neighbours: ArrayLike) -> tuple[Floats, Pullback]:
    """Compute how alike pixels and their neighbours are: ``k(i, j) = 1 - |X_i - X_j| / C``.

    Eq. 5 of Chen, Li, Tang: KNN matting (TPAMI 2013), for a fixed list of neighbours. Which pixels are the nearest is
    piecewise constant in the features, so holding the list fixed loses nothing of the derivative.

    Parameters
    ----------
    features : array_like, (h, w, c) or (n, h, w, c)
        Colours and positions X; finite values of any range; differentiable.
    scale : float or ndarray, ()
        C, above 0; differentiable. Affinities are at least 0 if no pair is farther apart.
    neighbours : array_like, (h, w, k) or (n, h, w, k)
        Whole numbers: for each pixel the raster indices, 0 to h * w - 1, of k pixels of the same image, in any order;
        they may repeat, and a pixel may be its own neighbour.

    Returns
    -------
    k : ndarray, shape of `neighbours`
        The affinities, at most 1; float32 if features and scale are, else float64.
    pullback : callable
        ``k_bar -> (features_bar, scale_bar)``. Where two pixels have the same features, the distance has a kink;
        its derivative is taken to be 0, the middle of its subgradients. Keeps the distances.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind, shape or range (scale <= 0, neighbours outside of the image); from the
        pullback, if the cotangent has another shape.

    Examples
    --------
    Two pixels that are each other's only neighbour: each of them is pulled towards the other by both affinities.

    >>> k, pullback = knn_affinity_vjp([[[0.2], [0.5]]], 1.0, neighbours=[[[1], [0]]])
    >>> k.ravel()
    array([0.7, 0.7])
    >>> features_bar, scale_bar = pullback([[[1.0], [1.0]]])
    >>> features_bar.ravel(), round(float(scale_bar), 2)
    (array([ 2., -2.]), 0.6)
    """
    X = as_floats(features, name="features", ndim=(3, 4), accepted="(h, w, c) or (n, h, w, c)")
    as_number(scale, name="scale", low=0, exclusive=True)
    C = np.asarray(scale)
    C = C if C.dtype in (np.float32, np.float64) else C.astype(np.float64)
    index = _as_neighbours(neighbours, X)
    points = X.reshape(-1, X.shape[-1])
    dtype = np.result_type(X, C.dtype)
    distance = _distances(points, index).astype(dtype, copy=False)
    k = 1 - distance / C

    def pullback(k_bar: ArrayLike) -> tuple[Floats, ...]:
        bar = as_cotangent(k_bar, k)
        scale_bar = np.sum(bar * distance, dtype=np.float64) / np.float64(C) ** 2
        return like(_pull_back(points, index, distance, -bar / C), X, X), like(np.asarray(scale_bar), C)

    return k, pullback


def _as_neighbours(neighbours: ArrayLike, X: Floats) -> NDArray[np.intp]:
    """Return neighbours as rows of all pixels of a batch: (n, h, w, k)."""
    index = np.asarray(neighbours)
    if index.dtype.kind not in "iu":
        raise TypeError(f"neighbours has dtype {index.dtype}; accepted are whole numbers.")
    if index.ndim != X.ndim or index.shape[:-1] != X.shape[:-1] or index.shape[-1] == 0:
        raise ValueError(
            f"neighbours has shape {index.shape} but features has shape {X.shape}; only the last may differ."
        )
    size = X.shape[-3] * X.shape[-2]
    if index.min() < 0 or index.max() >= size:
        raise ValueError(f"neighbours are in [{index.min()}, {index.max()}]; accepted are 0 to {size - 1}.")
    first = np.arange(X.size // (size * X.shape[-1])) * size
    return index.astype(np.intp) + first.reshape((-1,) + (1,) * 3 if X.ndim == 4 else ())


def _distances(points: Floats, index: NDArray[np.intp]) -> Floats:
    """Return how far every pixel is from its neighbours, one neighbour at a time: no array of all differences."""
    links = index.reshape(len(points), -1)
    distance = np.empty(links.shape, points.dtype)
    for rank in range(links.shape[1]):
        difference = points - points[links[:, rank]]
        largest = np.abs(difference).max(axis=1)  # squares of differences near 0 would vanish
        safe = np.where(largest > 0, largest, 1)
        difference /= safe[:, np.newaxis]
        distance[:, rank] = largest * np.sqrt(np.einsum("ic,ic->i", difference, difference))
    return distance.reshape(index.shape)


def _pull_back(points: Floats, index: NDArray[np.intp], distance: Floats, pull: Floats) -> NDArray[np.float64]:
    """Return the sum of ``pull_ij (X_i - X_j) / |X_i - X_j|`` over all pairs, for i and, negated, for j."""
    links, lengths, pulls = (array.reshape(len(points), -1) for array in (index, distance, pull))
    total = np.zeros(points.shape)
    for rank in range(links.shape[1]):
        j, length = links[:, rank], lengths[:, rank, np.newaxis]
        direction = (points - points[j]) / np.where(length > 0, length, 1)  # at most 1: no overflow however near
        force = pulls[:, rank, np.newaxis] * direction
        total += force
        for c in range(points.shape[1]):
            total[:, c] -= np.bincount(j, force[:, c], len(points))
    return total
