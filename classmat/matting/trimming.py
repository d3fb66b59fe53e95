"""Trimming: unknown pixels that are surely known by what they look like become known."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..images.validate import BACKGROUND, FOREGROUND, UNKNOWN
from ..kernels import trimming as kernels
from ..laplacians.neighbours import nearest

PATCHES = 10  # of either known kind that a patch is compared with
FLOOR = 1e-5  # added to the variances of a patch: flat ones have none


def expand_known(
    image: NDArray[Any], labels: NDArray[np.uint8], *, radius: int, threshold: float
) -> NDArray[np.uint8]:
    """Give unknown pixels the label of the nearest known pixel within `radius` whose colour is within `threshold`.

    The expansion of known regions of Gastal and Oliveira (2010). `image` (h, w, 3), float; `labels` (h, w), a
    trimap as `as_trimap` returns it. Returns new labels.
    """
    offsets = nearest_offsets(radius)
    return _take_labels(image, labels, offsets, np.full(len(offsets), threshold))


def trim_edges(
    image: NDArray[Any], labels: NDArray[np.uint8], *, radius: int = 9, threshold: float = 9 / 256
) -> NDArray[np.uint8]:
    """Give unknown pixels the label of a near known pixel of nearly the same colour, the nearer the less alike.

    The edge-based trimming of Shahrian et al. (CVPR 2013): a pixel i (rounded up) from a known one takes its label
    where their colours are within ``threshold - i * (threshold - 1 / 256) / radius``. Arguments and result as those
    of `expand_known`.
    """
    offsets = nearest_offsets(radius)
    rounds = np.ceil(np.hypot(*offsets.T))
    return _take_labels(image, labels, offsets, threshold - rounds * (threshold - 1 / 256) / radius)


def trim_patches(
    image: NDArray[Any], labels: NDArray[np.uint8], *, near: float = 0.25, far: float = 0.9
) -> NDArray[np.uint8]:
    """Give unknown pixels the label of the kind that their 3x3 patch resembles if it does not resemble the other.

    The patch-based trimming of Aksoy et al. (2017): of the ten patches of either kind with the nearest mean colour,
    one is within `near` by the Bhattacharyya distance of the colours' normal distributions, and none of the other
    kind within `far`. Arguments and result as those of `expand_known`.
    """
    means, covariances = np.empty((labels.size, 3)), np.empty((labels.size, 6))
    kernels.describe_patches(image, FLOOR, means.reshape(*labels.shape, 3), covariances.reshape(*labels.shape, 6))
    unknown = np.flatnonzero(labels == UNKNOWN)
    distances = np.full((2, len(unknown)), np.inf)
    for label, least in zip((FOREGROUND, BACKGROUND), distances, strict=True):
        known = np.flatnonzero(labels == label)
        found, _ = nearest(means[known], means[unknown], PATCHES)
        kernels.least_distances(means, covariances, unknown, known[found], least)
    to_foreground, to_background = distances
    trimmed = labels.copy()
    trimmed.flat[unknown[(to_foreground < near) & (to_background > far)]] = FOREGROUND
    trimmed.flat[unknown[(to_background < near) & (to_foreground > far)]] = BACKGROUND
    return trimmed


def nearest_offsets(radius: int) -> NDArray[np.intp]:
    """Return the (y, x) offsets of all pixels within a radius, the nearest first, the pixel itself included.

    Examples
    --------
    >>> nearest_offsets(1).tolist()
    [[0, 0], [-1, 0], [0, -1], [0, 1], [1, 0]]
    """
    offsets = np.mgrid[-radius : radius + 1, -radius : radius + 1].reshape(2, -1).T
    squared = (offsets**2).sum(1)
    order = np.argsort(squared, kind="stable")
    return np.ascontiguousarray(offsets[order[squared[order] <= radius**2]])


def _take_labels(
    image: NDArray[Any], labels: NDArray[np.uint8], offsets: NDArray[np.intp], thresholds: NDArray[np.float64]
) -> NDArray[np.uint8]:
    ys, xs = np.nonzero(labels == UNKNOWN)
    taken = np.empty(len(ys), np.uint8)
    kernels.take_labels(image, labels, ys, xs, offsets, thresholds, taken)
    result = labels.copy()
    result[ys, xs] = taken
    return result
