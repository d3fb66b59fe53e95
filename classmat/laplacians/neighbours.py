"""Nearest neighbours among points of a few dimensions: colours, colours with positions, statistics of patches."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from ..kernels.box import thread_count

_LEAF = 32  # points; builds faster than with 16 and answers as fast
_CHUNK = 1 << 16  # queries; bounds the memory of the wide indices in which answers come


def nearest(
    points: NDArray[Any], queries: NDArray[Any], k: int, *, eps: float = 0.0
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Find the k points nearest to each query, on all cores.

    Parameters
    ----------
    points : ndarray, (n, d)
        Finite.
    queries : ndarray, (q, d)
        Finite; may be some of the points, which then find themselves first.
    k : int
        At least 1; where there are fewer points, all of them are found.
    eps : float
        0 finds the nearest; else the i-th point found is at most ``1 + eps`` times as far as the i-th nearest.

    Returns
    -------
    indices : ndarray, (q, min(k, n))
        Rows of `points`, nearest first. Which of several equally far points comes first, or is left out, is
        not defined, but the same in every run and for any number of threads.
    distances : ndarray, (q, min(k, n))
        Euclidean.

    Examples
    --------
    >>> indices, distances = nearest(np.array([[0.0, 0.0], [3.0, 4.0], [9.0, 9.0]]), np.array([[0.0, 1.0]]), 2)
    >>> indices, distances.round(2)
    (array([[0, 1]], dtype=int32), array([[1.  , 4.24]]))
    """
    return Tree(points).nearest(queries, k, eps=eps)


class Tree:
    """Points made ready for several searches; see `nearest`."""

    def __init__(self, points: NDArray[Any]) -> None:
        self._tree = cKDTree(points, leafsize=_LEAF, balanced_tree=False)

    def nearest(
        self, queries: NDArray[Any], k: int, *, eps: float = 0.0
    ) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
        """Find the k points nearest to each query; arguments and results are those of `nearest`."""
        ranks = np.arange(1, min(k, self._tree.n) + 1)  # a list of ranks keeps the second axis even for one
        indices = np.empty((len(queries), len(ranks)), np.int32)
        distances = np.empty((len(queries), len(ranks)))
        threads = thread_count()  # one where a process has been told to keep to one core
        for start in range(0, len(queries), _CHUNK):
            part = slice(start, start + _CHUNK)
            distances[part], indices[part] = self._tree.query(queries[part], ranks, eps=eps, workers=threads)
        return indices, distances


def colours_with_positions(image: NDArray[Any], weight: float) -> NDArray[np.float64]:
    """Return the features ``(colour, weight * x / (w - 1), weight * y / (h - 1))`` of all pixels, in raster order.

    Parameters
    ----------
    image : ndarray, (h, w) or (h, w, c)
        Float; colours in any space.
    weight : float
        How far apart opposite sides of the image are.

    Returns
    -------
    ndarray, (h * w, c + 2)

    Examples
    --------
    >>> colours_with_positions(np.full((1, 3), 0.5), 2.0)
    array([[0.5, 0. , 0. ],
           [0.5, 1. , 0. ],
           [0.5, 2. , 0. ]])
    """
    h, w = image.shape[:2]
    features = np.empty((h, w, image[0, 0].size + 2))
    features[:, :, :-2] = image.reshape(h, w, -1)
    features[:, :, -2] = np.linspace(0, weight, w)
    features[:, :, -1] = np.linspace(0, weight, h)[:, np.newaxis]
    return features.reshape(h * w, -1)
