"""From tensors, channels first, to the arrays of the ops, channels last, and back: views, both ways.

A plane loses its channel axis on the way in, and so does an image with one channel, which the ops take for a grey one.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

PLANE = "(N, 1, H, W), (1, H, W) or (H, W)"
CHANNELS = "(N, C, H, W), (C, H, W) or (H, W)"
SHAPES: Mapping[str, str] = {
    "plane": PLANE,
    "positive": PLANE,
    "coarse": PLANE,
    "image": CHANNELS,
    "channels": CHANNELS,
    "labels": "(N, H, W) or (H, W)",
    "levels": f"(256,), {PLANE}",
    "vector": "(n,) or (N, n)",
    "scalar": "()",
}
"""What a tensor of each kind of `classmat.ops.table.KINDS` looks like; any other kind stays as it is."""

FLAT = {"plane", "positive", "coarse"}  # have no channels
SPATIAL = {*FLAT, "image", "channels"}  # (.., C, H, W)
LAST = {3: (1, 2, 0), 4: (0, 2, 3, 1)}  # axes with the channels moved to the end, and back
FIRST = {3: (2, 0, 1), 4: (0, 3, 1, 2)}


def to_op(array: Array, kind: str, name: str) -> Array:
    """View an array with a tensor's axes as the op wants it.

    >>> to_op(np.zeros((2, 3, 4, 5)), "image", "guide").shape, to_op(np.zeros((2, 1, 4, 5)), "plane", "src").shape
    ((2, 4, 5, 3), (2, 4, 5))
    """
    if kind == "levels" and array.ndim > 1:
        kind = "plane"
    if kind not in SPATIAL:
        return array
    if array.ndim not in (2, 3, 4) or (kind in FLAT and array.ndim > 2 and array.shape[-3] != 1):
        raise ValueError(f"{name} has shape {array.shape}; accepted is {SHAPES[kind]}.")
    if array.ndim == 2:
        return array
    if array.shape[-3] == 1 and kind != "channels":
        return array[..., 0, :, :]
    return array.transpose(LAST[array.ndim])


def from_op(array: Array, kind: str, axes: int) -> Array:
    """View what an op returned with as many axes as the tensor that it stands for.

    >>> from_op(np.zeros((2, 4, 5, 3)), "image", 4).shape, from_op(np.zeros((2, 4, 5)), "plane", 4).shape
    ((2, 3, 4, 5), (2, 1, 4, 5))
    """
    if kind == "levels" and axes > 1:
        kind = "plane"
    if kind not in SPATIAL or axes == 2:
        return array
    if array.ndim < axes:
        return array[..., np.newaxis, :, :]
    return array if kind in FLAT else array.transpose(FIRST[axes])


def axes_of_value(kind: str, arguments: Mapping[str, tuple[str, int]]) -> int:
    """Return how many axes the value gets: as many as the first argument that is a plane as it is, or else as any.

    >>> axes_of_value("plane", {"image": ("image", 3), "F": ("positive", 2)})
    2
    """
    spatial = [(other, axes) for other, axes in arguments.values() if other in SPATIAL]
    alike = [axes for other, axes in spatial if (other in FLAT) == (kind in FLAT)]
    return [*alike, *(axes for _, axes in spatial), 4][0]


def require_one_batch(shapes: Mapping[str, tuple[str, tuple[int, ...]]]) -> None:
    """Raise unless all spatial arguments, given as name -> (kind, shape), have a batch axis, or none has."""
    known = [(name, shape, len(shape) == 4) for name, (kind, shape) in shapes.items() if kind in SPATIAL]
    known += [(name, shape, len(shape) == 3) for name, (kind, shape) in shapes.items() if kind == "labels"]
    for name, shape, has_batch in known[1:]:
        first, first_shape, expected = known[0]
        if has_batch != expected:
            lacking = "no batch axis" if expected else "a batch axis"
            raise ValueError(
                f"{name} has shape {shape}, with {lacking}, but {first} has shape {first_shape}; "
                "all must have a batch axis, or none."
            )


def to_op_axis(axis: int, axes: int) -> int:
    """Return which axis of the op's array is this axis of a (.., C, H, W) tensor.

    >>> [to_op_axis(axis, 4) for axis in (0, 1, 2, -1, -3)]
    [0, 3, 1, 2, 3]
    """
    if axes not in LAST or axis not in range(-axes, axes):
        return axis
    return LAST[axes].index(axis % axes)
