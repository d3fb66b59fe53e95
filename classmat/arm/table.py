"""The kernels that are exported, one row each: what the builds, the header, the tests and the profile read.

Sizes of arrays are written as C writes them, in the names of the numbers that the function takes.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..kernels import flat_filters

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

    `function` takes the arguments, then a flat float64 workspace if there is `doubles`, then a float32 one if there is
    `singles`; these two are functions that return the sizes, of numbers that `function` takes.
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

TABLE = (
    Kernel(
        "box_filter",
        flat_filters.box_filter,
        (_given("src", PLANE), _result("out", PLANE), *_counts("height", "width", "radius")),
        "Mean over windows of (2 radius + 1)^2 pixels; at the border over the pixels inside the image.",
        doubles=flat_filters.box_doubles,
        example={"height": 128, "width": 128, "radius": 4},
    ),
)
BY_NAME = {kernel.name: kernel for kernel in TABLE}
