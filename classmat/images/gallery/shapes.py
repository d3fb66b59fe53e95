"""Scenes whose alpha is known in closed form: two colours, a disc, a wedge, a checkerboard."""

import colorsys
import math

import numpy as np
from numpy.typing import NDArray

from ..validate import as_number
from .canvas import Canvas, Field, Frame
from .painting import Painting
from .scene import Scene, check_size, trimap_of


def two_colours(height: int = 240, width: int = 320, *, seed: int = 0, ramp: float = 0.25) -> Scene:
    """Paint one colour on the left, another on the right, and a linear ramp of alpha between them.

    Alpha is a linear function of the image's colour in every window, so that methods built on this assumption
    (the colour-line model of closed-form matting) must find it exactly.

    Parameters
    ----------
    height, width : int
        Size in pixels.
    seed : int
        Draws the colours and where the middle of the ramp is.
    ramp : float
        Length of the ramp in image widths; 0 is a sharp edge at a sub-pixel position.

    Returns
    -------
    Scene
        Alpha is the mean of the ramp over each pixel, exactly.

    Raises
    ------
    TypeError, ValueError
        If a size, the seed or the ramp is not as described.

    Examples
    --------
    >>> scene = two_colours(1, 5, ramp=1)
    >>> scene.image.shape, scene.trimap.shape
    ((1, 5, 3), (1, 5))
    """
    height, width, seed = check_size(height, width, seed)
    ramp = as_number(ramp, name="ramp", low=0) * width
    rng = np.random.Generator(np.random.PCG64(seed))
    front, back = (np.float32(c) for c in colour_pair(rng))
    middle = rng.uniform(0.45, 0.55) * width
    at = np.arange(width + 1.0)
    # Rounded, so that what the ramp does not reach is exactly 0 or 1.
    row = np.diff(_ramp_integral(at - (middle - ramp / 2), ramp)).clip(0, 1).round(9)
    alpha = np.tile(1 - row, (height, 1)).astype(np.float32)
    foreground = np.tile(front, (height, width, 1))
    background = np.tile(back, (height, width, 1))
    a = alpha[..., None].astype(np.float64)
    image = (a * foreground + (1 - a) * background).astype(np.float32)
    return Scene(image, alpha, trimap_of(alpha), foreground, background)


def _ramp_integral(x: NDArray[np.float64], length: float) -> NDArray[np.float64]:
    """Return the integral, from minus infinity to x, of a ramp from 0 at 0 to 1 at `length`."""
    if length == 0:
        return np.maximum(x, 0)
    inside = np.clip(x, 0, length)
    return inside**2 / (2 * length) + np.maximum(x - length, 0)


def disc(height: int = 240, width: int = 320, *, seed: int = 0, radius: float = 0.3) -> Scene:
    """Paint a disc of one colour gradient before another.

    Parameters
    ----------
    height, width : int
        Size in pixels.
    seed : int
        Draws the colours and the centre (near the middle, at any sub-pixel position).
    radius : float
        In units of the shorter side.

    Returns
    -------
    Scene
        Alpha is the covered area of each pixel to 1e-4.

    Raises
    ------
    TypeError, ValueError
        If a size, the seed or the radius is not as described.

    Examples
    --------
    >>> scene = disc(48, 64, radius=0.25)
    >>> area = scene.alpha.sum(dtype=float)
    >>> bool(abs(area - np.pi * 12**2) < 1e-3)
    True
    """
    height, width, seed = check_size(height, width, seed)
    radius = as_number(radius, name="radius", low=0, exclusive=True)
    rng, frame, painting, front = _setting(height, width, seed)
    centre = rng.uniform(-0.05, 0.05, 2)
    painting.polygon(centre + circle(radius, frame.unit), front)
    return painting.render(frame)


def circle(radius: float, unit: float) -> NDArray[np.float64]:
    """Return a regular polygon (n, 2) of a circle's area, within 1e-4 pixels (of 1 / unit) of it."""
    n = max(16, math.ceil(math.pi * math.sqrt(radius * unit / 2e-4)))
    angle = 2 * np.pi / n
    points = np.arange(n)[:, None] * angle + [np.pi / 2, 0]
    return radius * math.sqrt(angle / math.sin(angle)) * np.sin(points)


def wedge(height: int = 240, width: int = 320, *, seed: int = 0, opening: float | None = None) -> Scene:
    """Paint a wedge from near the middle to the border and beyond: an edge at any angle, and a corner.

    Parameters
    ----------
    height, width : int
        Size in pixels.
    seed : int
        Draws the colours, the tip, the direction, and the opening unless it is given.
    opening : float, optional
        Angle at the tip in degrees, above 0 and at most 180 (a half-plane).

    Returns
    -------
    Scene
        Alpha is the covered area of each pixel, exactly.

    Raises
    ------
    TypeError, ValueError
        If a size, the seed or the opening is not as described.

    Examples
    --------
    >>> wedge(30, 40, opening=180).alpha.shape
    (30, 40)
    """
    height, width, seed = check_size(height, width, seed)
    rng, frame, painting, front = _setting(height, width, seed)
    tip, direction, drawn = rng.uniform(-0.1, 0.1, 2), rng.uniform(0, 2 * np.pi), rng.uniform(25, 110)
    if opening is None:
        opening = drawn
    opening = math.radians(as_number(opening, name="opening", low=0, high=180, exclusive=True))
    # A fan of points far outside of the image; three would do below 180 degrees.
    angles = direction + opening * np.linspace(-0.5, 0.5, 5)
    far = 4 * np.abs(frame.half).sum() * np.stack([np.cos(angles), np.sin(angles)], 1)
    painting.polygon(np.concatenate([tip[None], tip + far]), front)
    return painting.render(frame)


def checker(
    height: int = 240, width: int = 320, *, seed: int = 0, cell: float = 0.16, angle: float | None = None
) -> Scene:
    """Paint a checkerboard at any offset and rotation.

    Parameters
    ----------
    height, width : int
        Size in pixels.
    seed : int
        Draws the colours, the offset, and the angle unless it is given.
    cell : float
        Side of a square, in units of ``sqrt(height * width)``, at least 0.01.
    angle : float, optional
        Rotation in degrees.

    Returns
    -------
    Scene
        Alpha is the covered area of each pixel, exactly.

    Raises
    ------
    TypeError, ValueError
        If a size, the seed, the cell or the angle is not as described.

    Examples
    --------
    >>> alpha = checker(90, 90, cell=0.2, angle=0).alpha
    >>> bool(0.4 < alpha.mean() < 0.6)
    True
    """
    height, width, seed = check_size(height, width, seed)
    cell = as_number(cell, name="cell", low=0.01)
    rng, frame, painting, front = _setting(height, width, seed, math.sqrt(height * width))
    offset, drawn = rng.uniform(0, 1, 2), rng.uniform(0, 90)
    turn = math.radians(drawn if angle is None else as_number(angle, name="angle"))
    reach = math.ceil(math.hypot(*frame.half) / cell) + 2
    i, j = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    corner = np.stack([i, j], -1)[(i + j) % 2 == 0] + offset
    squares = cell * (corner[:, None] + [[0, 0], [1, 0], [1, 1], [0, 1]])
    cos, sin = math.cos(turn), math.sin(turn)
    squares = squares @ np.array([[cos, sin], [-sin, cos]])
    near = (np.abs(squares.mean(axis=1)) < frame.half + cell).all(axis=1)
    if near.any():
        painting.polygon(squares[near], front)
    return painting.render(frame)


def _setting(
    height: int, width: int, seed: int, unit: float = 0.0
) -> tuple[np.random.Generator, Frame, Painting, Field]:
    """Return what the shapes share: generator, frame (unit: the shorter side), painting, foreground field."""
    rng = np.random.Generator(np.random.PCG64(seed))
    frame = Frame(height, width, unit or float(min(height, width)))
    front, back = colour_pair(rng)
    front_field, back_field = (_slope(c, rng.uniform(0, 2 * np.pi)) for c in (front, back))
    return rng, frame, Painting(back_field, front_field), front_field


def _slope(colour: NDArray[np.float64], angle: float) -> Field:
    direction = 0.6 * np.array([math.cos(angle), math.sin(angle)])

    def field(canvas: Canvas) -> Canvas:
        return canvas.gradient(colour * 0.8, colour * 0.8 + 0.2 * colour**2, -direction, direction)

    return field


def colour_pair(rng: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return two colours that differ clearly, in hue and in lightness."""
    hue = rng.uniform()
    light = np.array(colorsys.hsv_to_rgb(hue, rng.uniform(0.35, 0.7), rng.uniform(0.8, 0.95)))
    dark = np.array(
        colorsys.hsv_to_rgb((hue + rng.uniform(0.3, 0.7)) % 1, rng.uniform(0.4, 0.8), rng.uniform(0.2, 0.4))
    )
    return (light, dark) if rng.uniform() < 0.5 else (dark, light)
