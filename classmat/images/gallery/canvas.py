"""Colours as functions of the plane: a field is a function that draws on a canvas of any resolution."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...kernels import gallery as kernels

Colour = ArrayLike  # three numbers in [0, 1]


@dataclass(frozen=True)
class Frame:
    """How the plane of a scene lies on its pixels: the origin is the image's centre, v points down.

    Attributes
    ----------
    height, width : int
        Size in pixels.
    unit : float
        Pixels per unit of length.
    """

    height: int
    width: int
    unit: float

    @property
    def half(self) -> NDArray[np.float64]:
        """The lower right corner (u, v)."""
        return np.array([self.width, self.height]) / (2 * self.unit)

    def to_pixels(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return points (..., 2) or edges (..., 4) in pixels; pixel (y, x) is [x, x + 1] x [y, y + 1]."""
        centre = np.tile(np.array([self.width, self.height]) / 2, points.shape[-1] // 2)
        return points * self.unit + centre


class Canvas:
    """A strip of rows to draw colours on, in plane coordinates.

    Every method draws over what is there and returns the canvas.

    Parameters
    ----------
    out : (rows, w, 3) float32, contiguous
        Where to draw.
    frame : Frame
    first_row : int
        The row of the image that is the strip's first.
    """

    def __init__(self, out: NDArray[np.float32], frame: Frame, first_row: int = 0) -> None:
        self.out = out
        step = 1 / frame.unit
        u, v = -frame.half
        self.place = np.array([u, v + first_row * step, step])

    def fill(self, colour: Colour) -> "Canvas":
        """One colour everywhere."""
        self.out[...] = np.asarray(colour, np.float32)
        return self

    def gradient(self, start: Colour, stop: Colour, begin: ArrayLike, end: ArrayLike) -> "Canvas":
        """From `start` at the point `begin` smoothly to `stop` at `end`, constant beyond."""
        p, q = np.asarray(begin, float), np.asarray(end, float)
        d = (q - p) / ((q - p) @ (q - p))
        kernels.gradient(self.out, self.place, _vector(start), _vector(stop), np.array([*d, p @ d]))
        return self

    def noise(
        self,
        amount: ArrayLike,
        frequency: float | tuple[float, float],
        seed: int,
        *,
        octaves: int = 4,
        gain: float = 0.5,
    ) -> "Canvas":
        """Fractal noise times `amount` (one number or one per channel); frequency in cells per unit."""
        tint = np.array(np.broadcast_to(np.asarray(amount, float), 3))
        cells = np.array(np.broadcast_to(np.asarray(frequency, float), 2))
        kernels.fractal_noise(self.out, self.place, cells, octaves, gain, seed, tint)
        return self

    def shapes(self, table: NDArray[np.float64]) -> "Canvas":
        """Soft ellipses, boxes and Gaussians; rows as made by `shape`."""
        kernels.soft_shapes(self.out, self.place, np.ascontiguousarray(table, np.float64))
        return self

    def stripes(
        self,
        colour: Colour,
        period: float,
        angle: float,
        *,
        duty: float = 0.5,
        soft: float = 0.0,
        opacity: float = 1.0,
    ) -> "Canvas":
        """Stripes of a period (in units) that follow each other in direction `angle`."""
        direction = np.array([np.cos(angle), np.sin(angle)]) / period
        kernels.stripes(self.out, self.place, direction, duty, soft, _vector(colour), opacity)
        return self

    def shade(self, body: ArrayLike, light: ArrayLike, dark: float, bright: float) -> "Canvas":
        """Multiply by the shading of an ellipsoid (u, v, a, b, angle), from `dark` to `bright`."""
        kernels.round_shading(self.out, self.place, _vector(body), _vector(light), dark, bright)
        return self


Field = Callable[[Canvas], object]


def flat(colour: Colour) -> Field:
    """Return a field of one colour."""
    return lambda canvas: canvas.fill(colour)


_KINDS = {"ellipse": 0.0, "box": 1.0, "gaussian": 2.0}


def shape(
    kind: str,
    centre: ArrayLike,
    axes: ArrayLike,
    colour: Colour,
    *,
    angle: float = 0.0,
    soft: float = 0.0,
    opacity: float = 1.0,
) -> NDArray[np.float64]:
    """Return one row for `Canvas.shapes`: half-axes (a Gaussian's deviations) and soft edge in units."""
    return np.array([_KINDS[kind], *_vector(centre), *_vector(axes), angle, soft, *_vector(colour), opacity])


def _vector(values: ArrayLike) -> NDArray[np.float64]:
    return np.ascontiguousarray(values, np.float64)
