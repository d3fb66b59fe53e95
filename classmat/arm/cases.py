"""What the kernels are tried on: numbers, arrays, and the results of the library's own functions on this machine."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..filters.box import box_filter

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Case:
    """A call of a kernel, and what it should write."""

    kernel: str
    name: str
    numbers: Mapping[str, float]
    inputs: Arrays
    expected: Arrays


def cases(images: Mapping[str, NDArray[Any]]) -> Iterator[Case]:
    """Return cases of every kernel; nets and filters also see the images (h, w, 3)."""
    rng = np.random.default_rng(7)
    for h, w, radius in ((48, 64, 4), (1, 1, 0), (1, 37, 3), (33, 5, 60), (130, 70, 8)):
        src = _noise(rng, h, w)
        numbers = {"height": h, "width": w, "radius": radius}
        yield Case("box_filter", f"{h}x{w}", numbers, {"src": src}, {"out": box_filter(src, radius)})


def _noise(rng: np.random.Generator, *shape: int) -> NDArray[np.float32]:
    return rng.random(shape, np.float32)
