"""The kernels that are exported, one row each: what the builds, the header, the tests and the profile read.

Sizes of arrays are written as C writes them, in the names of the numbers that the function takes.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..images.validate import as_choice
from ..kernels import feathering_block, flat_filters, flat_layers, light_dense

PREFIX = "classmat_"


@dataclass(frozen=True)
class Argument:
    """A number, or an array of float32 with its size."""

    name: str
    kind: str  # "in", "out", "count", "real"
    size: str = ""
    text: str = ""

    @property
    def is_array(self) -> bool:
        """Whether it is given by a pointer."""
        return self.kind in ("in", "out")


@dataclass(frozen=True)
class Kernel:
    """An exported function.

    `function` takes the arguments by their names, a flat float64 workspace (named doubles) if there is `doubles`, and a
    float32 one (singles, space) if there is `singles`; these two are functions that return the sizes, of numbers that
    `function` takes.
    """

    name: str
    function: Callable[..., Any]
    arguments: tuple[Argument, ...]
    text: str
    doubles: Callable[..., Any] | None = None
    singles: Callable[..., Any] | None = None
    example: Mapping[str, float] = field(default_factory=dict)  # numbers that the profile and the bench take
    is_vector: bool = True  # whether a build without vector instructions is refused

    @property
    def symbol(self) -> str:
        """The function's name in C."""
        return PREFIX + self.name

    @property
    def size_symbol(self) -> str:
        """The name of the C function that returns the workspace's size in bytes."""
        return f"{self.symbol}_workspace"

    @property
    def has_workspace(self) -> bool:
        """Whether the function needs one."""
        return self.doubles is not None or self.singles is not None

    @property
    def size_numbers(self) -> tuple[str, ...]:
        """The names of the numbers that the workspace's size depends on, in the function's order."""
        needed = {name for size in (self.doubles, self.singles) if size for name in parameters(size)}
        return tuple(a.name for a in self.arguments if a.name in needed)

    def workspace_bytes(self, numbers: Mapping[str, int]) -> int:
        """Return the workspace's size, computed by Python."""
        return sum(
            width * int(size(*(numbers[name] for name in parameters(size))))
            for width, size in ((8, self.doubles), (4, self.singles))
            if size
        )


def parameters(function: Callable[..., Any]) -> list[str]:
    """Return the names of a kernel's parameters.

    >>> parameters(flat_filters.box_doubles)
    ['height', 'width', 'radius']
    """
    return list(inspect.signature(getattr(function, "py_func", function)).parameters)


def evaluate(size: str, numbers: Mapping[str, int]) -> int:
    """Return what a size, written for C, is for some numbers.

    >>> evaluate("(height + 1) / 2 * width", {"height": 5, "width": 4})
    12
    """
    return int(eval(size.replace("/", "//"), {"__builtins__": {}}, dict(numbers)))


def _given(name: str, size: str, text: str = "") -> Argument:
    return Argument(name, "in", size, text)


def _result(name: str, size: str, text: str = "") -> Argument:
    return Argument(name, "out", size, text)


def _counts(*names: str) -> tuple[Argument, ...]:
    return tuple(Argument(name, "count") for name in names)


PLANE = "height * width"
COLOURS = "height * width * 3"
FAST = {"height": 128, "width": 128, "radius": 8, "subsample": 4, "eps": 1e-4}
CONVOLVED = (
    "((height + 2 * padding - dilation * (kernel - 1) - 1) / stride + 1)"
    " * ((width + 2 * padding - dilation * (kernel - 1) - 1) / stride + 1) * filters"
)
POOLED = "((height - size + stride - 1) / stride + 1) * ((width - size + stride - 1) / stride + 1) * channels"
GUIDE, EPS = "the guide, grey", Argument("eps", "real", text="is added to the guide's variance; above 0")
N_NETWORK = int(getattr(light_dense._layer_start, "py_func")(light_dense.LAYERS) + light_dense.LAST)  # noqa: B009
N_BLOCK = int(feathering_block.SECOND + feathering_block.BIAS_2 + np.uint64(9 * 8 * 3))

TABLE = (
    Kernel(
        "box_filter",
        flat_filters.box_filter,
        (_given("src", PLANE), _result("out", PLANE), *_counts("height", "width", "radius")),
        "Mean over windows of (2 radius + 1)^2 pixels; at the border over the pixels inside the image.",
        doubles=flat_filters.box_doubles,
        example={"height": 128, "width": 128, "radius": 4},
    ),
    Kernel(
        "guided_filter",
        flat_filters.guided_filter,
        (
            *(_given("guide", PLANE, GUIDE), _given("src", PLANE), _result("out", PLANE)),
            *(*_counts("height", "width", "radius"), EPS),
        ),
        "Guided filter with a grey guide (He et al. 2010).",
        doubles=flat_filters.guided_doubles,
        singles=flat_filters.guided_singles,
        example={"height": 128, "width": 128, "radius": 4, "eps": 1e-4},
    ),
    Kernel(
        "guided_filter_rgb",
        flat_filters.guided_filter_rgb,
        (
            *(_given("guide", COLOURS), _given("src", PLANE), _result("out", PLANE)),
            *(*_counts("height", "width", "radius"), EPS),
        ),
        "Guided filter with a guide of three colours.",
        doubles=flat_filters.guided_rgb_doubles,
        singles=flat_filters.guided_rgb_singles,
        example={"height": 128, "width": 128, "radius": 4, "eps": 1e-4},
    ),
    Kernel(
        "fast_guided_filter",
        flat_filters.fast_guided_filter,
        (
            *(_given("guide", PLANE, GUIDE), _given("src", PLANE), _result("out", PLANE)),
            *(*_counts("height", "width", "radius", "subsample"), EPS),
        ),
        "Guided filter whose coefficients are those of every subsample-th pixel, interpolated (He and Sun 2015).",
        doubles=flat_filters.fast_guided_doubles,
        singles=flat_filters.fast_guided_singles,
        example=FAST,
    ),
    Kernel(
        "fast_guided_filter_rgb",
        flat_filters.fast_guided_filter_rgb,
        (
            *(_given("guide", COLOURS), _given("src", PLANE), _result("out", PLANE)),
            *(*_counts("height", "width", "radius", "subsample"), EPS),
        ),
        "Fast guided filter with a guide of three colours.",
        doubles=flat_filters.fast_guided_rgb_doubles,
        singles=flat_filters.fast_guided_rgb_singles,
        example=FAST,
    ),
    Kernel(
        "resize",
        flat_layers.resize,
        (
            _given("src", "height * width * channels"),
            _result("out", "new_height * new_width * channels"),
            *_counts("height", "width", "new_height", "new_width", "channels"),
        ),
        "Bilinear resizing; the image's outer edges coincide, shrinking skips pixels.",
        singles=flat_layers.resize_singles,
        example={"height": 128, "width": 128, "new_height": 256, "new_width": 256, "channels": 3},
    ),
    Kernel(
        "softmax",
        flat_layers.softmax,
        (
            _given("scores", "pixels * channels"),
            _result("out", "pixels * channels"),
            *_counts("pixels", "channels"),
        ),
        "Scores of each pixel to probabilities.",
        singles=flat_layers.softmax_singles,
        example={"pixels": 128 * 128, "channels": 2},
    ),
    Kernel(
        "convolution",
        flat_layers.convolution,
        (
            _given("src", "height * width * channels"),
            _given("weight", "kernel * kernel * channels * filters", "(kernel, kernel, channels, filters)"),
            _given("bias", "filters"),
            _result("out", CONVOLVED),
            *_counts("height", "width", "channels", "filters", "kernel", "stride", "dilation", "padding"),
        ),
        "Convolution with zeros outside, as nets call it: out = bias + sum of src * weight over taps and channels.",
        doubles=flat_layers.convolution_doubles,
        singles=flat_layers.convolution_singles,
        example={
            **{"height": 128, "width": 128, "channels": 16, "filters": 16},
            **{"kernel": 3, "stride": 1, "dilation": 1, "padding": 1},
        },
    ),
    Kernel(
        "max_pool",
        flat_layers.max_pool,
        (
            _given("src", "height * width * channels"),
            _result("out", POOLED),
            *_counts("height", "width", "channels", "size", "stride"),
        ),
        "Largest value of each window of size x size pixels, channel by channel; the last window may reach over the "
        "border. height and width are at least size, stride is at most size.",
        example={"height": 128, "width": 128, "channels": 16, "size": 2, "stride": 2},
    ),
    Kernel(
        "feathering",
        flat_filters.feathering,
        (
            *(_given(name, PLANE) for name in ("a", "b", "c", "S_F", "S_B")),
            _result("alpha", PLANE),
            *_counts("height", "width", "radius"),
        ),
        "alpha = mean(a) S_F + mean(b) S_B + mean(c), means over windows (Zhu et al. 2017, eq. 5); S_F and S_B are the "
        "scores of foreground and background.",
        doubles=flat_filters.feathering_doubles,
        singles=flat_filters.feathering_singles,
        example={"height": 128, "width": 128, "radius": 4},
    ),
    Kernel(
        "composite",
        flat_filters.composite,
        (
            *(_given("foreground", COLOURS), _given("alpha", PLANE), _given("background", COLOURS)),
            *(_result("out", COLOURS), *_counts("height", "width")),
        ),
        "out = alpha foreground + (1 - alpha) background.",
        example={"height": 128, "width": 128},
    ),
    Kernel(
        "fast_deep_matting",
        feathering_block.fast_deep_matting,
        (
            _given("image", COLOURS, "a photo in [0, 1]"),
            _given("network", str(N_NETWORK), "weights of the light dense network, of classmat_weights.h"),
            _given("block", str(N_BLOCK), "weights of the feathering block"),
            _result("mask", PLANE, "the probability of foreground"),
            _result("alpha", PLANE, "the matte, not clipped"),
            *_counts("height", "width", "radius"),
        ),
        "The whole light dense network and feathering block of Fast Deep Matting (Zhu et al. 2017): photo to matte. "
        "Trained at about 128 x 128; radius is that of eq. 5, 0 for none.",
        singles=flat_layers.fast_deep_matting_singles,
        example={"height": 128, "width": 128, "radius": 0},
    ),
)
BY_NAME = {kernel.name: kernel for kernel in TABLE}


def chosen(names: Sequence[str]) -> tuple[Kernel, ...]:
    """Return the rows of some kernels, or all if none is named.

    Raises
    ------
    ValueError
        If there is no such kernel.

    >>> [kernel.symbol for kernel in chosen(["softmax"])]
    ['classmat_softmax']
    """
    for name in names:
        as_choice(name, tuple(BY_NAME), name="kernel")
    return tuple(kernel for kernel in TABLE if not names or kernel.name in names)
