"""Rectangles of pixels."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Box(NamedTuple):
    """A rectangle of pixels, `bottom` and `right` excluded."""

    top: int
    left: int
    bottom: int
    right: int

    @classmethod
    def checked(cls, values: Any, shape: tuple[int, ...], *, name: str = "box") -> "Box":
        """Return four whole numbers as a box that is not empty and lies in the image.

        Raises
        ------
        ValueError
            If they are not such a box.

        Examples
        --------
        >>> Box.checked((0, 0, 4, 9), (4, 8))
        Traceback (most recent call last):
        ...
        ValueError: box is (0, 0, 4, 9); accepted is (top, left, bottom, right) within 4x8 (rows x columns).
        """
        numbers = tuple(values)
        h, w = shape[:2]
        if len(numbers) == 4 and all(isinstance(number, int | np.integer) for number in numbers):
            box = cls(*map(int, numbers))
            if 0 <= box.top < box.bottom <= h and 0 <= box.left < box.right <= w:
                return box
        raise ValueError(
            f"{name} is {numbers}; accepted is (top, left, bottom, right) within {h}x{w} (rows x columns)."
        )

    @classmethod
    def around(cls, marked: NDArray[np.bool_], corner: tuple[int, int] = (0, 0)) -> "Box | None":
        """Return the smallest box with all True pixels of a mask whose corner is there; None if there are none.

        Examples
        --------
        >>> Box.around(np.array([[False, False], [False, True]]), corner=(10, 20))
        Box(top=11, left=21, bottom=12, right=22)
        """
        rows, columns = (np.flatnonzero(marked.any(axis)) for axis in (1, 0))
        if not len(rows):
            return None
        top, left = corner
        return cls(
            int(top + rows[0]), int(left + columns[0]), int(top + rows[-1]) + 1, int(left + columns[-1]) + 1
        )

    @property
    def slices(self) -> tuple[slice, slice]:
        """The box as an index."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.bottom - self.top, self.right - self.left

    def grown(self, margin: int, shape: tuple[int, ...]) -> "Box":
        """Return the box with a margin, cut off where the image ends.

        Examples
        --------
        >>> Box(2, 3, 4, 5).grown(2, (10, 6))
        Box(top=0, left=1, bottom=6, right=6)
        """
        h, w = shape[:2]
        top, left = max(0, self.top - margin), max(0, self.left - margin)
        return Box(top, left, min(h, self.bottom + margin), min(w, self.right + margin))

    def inside(self, outer: "Box") -> tuple[slice, slice]:
        """Return the index of this box in an array that covers `outer`.

        Examples
        --------
        >>> Box(2, 3, 4, 5).inside(Box(2, 2, 9, 9))
        (slice(0, 2, None), slice(1, 3, None))
        """
        top, left = self.top - outer.top, self.left - outer.left
        return slice(top, top + self.shape[0]), slice(left, left + self.shape[1])
