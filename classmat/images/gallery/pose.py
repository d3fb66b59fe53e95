"""Where a portrait's parts are: head and body coordinates, and their place in the plane of the scene."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .canvas import Colour, shape
from .strands import spline
from .style import PortraitStyle

Array = NDArray[np.float64]

# In head coordinates the crown is at (0, -1), the chin at (0, 1), x to the right; it tilts about the neck.
_PIVOT = np.array([0.0, 1.1])
_FACE = np.array(
    [
        [0, -1],
        [0.42, -0.9],
        [0.69, -0.52],
        [0.745, -0.1],
        [0.715, 0.22],
        [0.63, 0.53],
        [0.45, 0.81],
        [0.2, 0.97],
        [0, 1],
    ]
)


class Pose:
    """The map from head and body coordinates to the plane.

    Parameters
    ----------
    style : PortraitStyle
    """

    def __init__(self, style: PortraitStyle) -> None:
        self.style = style
        cos, sin = np.cos(style.tilt), np.sin(style.tilt)
        self._turn = np.array([[cos, sin], [-sin, cos]])

    def body(self, points: ArrayLike) -> Array:
        """Map what does not tilt: neck, clothes."""
        return np.asarray(points, np.float64) * self.style.size + self.style.shift

    def head(self, points: ArrayLike) -> Array:
        """Map what tilts with the head."""
        return self.body((np.asarray(points, np.float64) - _PIVOT) @ self._turn + _PIVOT)

    def face(self, points: ArrayLike) -> Array:
        """Map what also moves aside when the face turns: the more, the nearer it is to the middle."""
        p = np.array(points, np.float64)
        p[..., 0] += 0.13 * self.style.turn * (1 - (p[..., 0] / 0.8) ** 2).clip(0)
        return self.head(p)

    def mark(
        self, kind: str, centre: ArrayLike, axes: tuple[float, float], colour: Colour, **options: float
    ) -> Array:
        """Return a row for `Canvas.shapes` from face coordinates."""
        size = self.style.size
        u, v = self.face(centre)
        options["angle"] = options.get("angle", 0.0) + self.style.tilt
        options["soft"] = options.get("soft", 0.0) * size
        return shape(kind, (u, v), (axes[0] * size, axes[1] * size), colour, **options)

    def outline(self) -> Array:
        """Return the outline of the head, in head coordinates."""
        half = spline(_FACE * self._widths(), np.linspace(0, 1, 120))
        half[:, 0] = half[:, 0].clip(0)
        return np.concatenate([half, (half * [-1, 1])[-2:0:-1]])

    def _widths(self) -> Array:
        """Return factors (m, 2) for the points of the face: a wider jaw widens the lower half."""
        lower = np.clip(_FACE[:, 1] / 0.6, 0, 1)
        return np.stack([1 + (self.style.jaw - 1) * lower, np.ones(len(_FACE))], 1)
