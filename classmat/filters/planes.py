"""Images as stacks of planes, and how their rows are shared among threads: for the filters that slide windows."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..kernels.box import block_count, thread_count

__all__ = [
    "Planes", "block_count", "clipped_radius", "from_planes", "inverse_counts", "to_planes", "worker_count",
]  # fmt: skip

FEW_PIXELS = 1 << 14  # for which one thread is as fast as several

Planes = NDArray[Any]


def to_planes(batch: Planes) -> Planes:
    """Return (n, h, w, c) values as a contiguous (n c, h, w) stack; one channel is not copied."""
    n, h, w, c = batch.shape
    return np.ascontiguousarray(np.moveaxis(batch, 3, 1)).reshape(n * c, h, w)


def from_planes(planes: Planes, shape: tuple[int, ...]) -> Planes:
    """Return a stack of planes as an array of the shape from which it was made, in C order."""
    c = shape[-1] if len(shape) > 2 else 1
    h, w = planes.shape[1:]
    return np.ascontiguousarray(np.moveaxis(planes.reshape(-1, c, h, w), 1, 3)).reshape(shape)


def inverse_counts(size: int, radius: int) -> NDArray[np.float64]:
    """Return 1 / (number of pixels) of the windows along a line of pixels.

    >>> inverse_counts(4, 1).round(3)
    array([0.5  , 0.333, 0.333, 0.5  ])
    """
    index = np.arange(size)
    return 1 / (np.minimum(index + radius, size - 1) - np.maximum(index - radius, 0) + 1)


def clipped_radius(radius: int, h: int, w: int) -> int:
    """Return the smallest radius with the same windows."""
    return min(radius, max(h, w) - 1)


def worker_count(planes: Planes, blocks: int) -> int:
    """Return among how many threads a stack of planes is shared."""
    return 1 if planes.size <= FEW_PIXELS else min(thread_count(), planes.shape[0] * blocks)
