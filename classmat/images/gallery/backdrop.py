"""What is behind a portrait."""

import numpy as np
from numpy.typing import NDArray

from .canvas import Canvas, Field, Frame, shape
from .style import PortraitStyle

Array = NDArray[np.float64]


def backdrop(style: PortraitStyle, frame: Frame, rng: np.random.Generator) -> Field:
    """Return the background field of a style."""
    seed = int(rng.integers(1 << 30))
    first, second, third = (np.array(c) for c in style.background_colours)
    turn = rng.uniform(0, 2 * np.pi)
    direction = 0.55 * np.array([np.cos(turn), np.sin(turn)])
    tables = {"blur": _bokeh, "clutter": _clutter}
    things = tables[style.background](style, rng) if style.background in tables else _distractors(style, rng, 0.05)
    grain = {"gradient": 0.008, "blur": 0.0, "texture": 0.06, "clutter": 0.03}[style.background]

    def field(canvas: Canvas) -> Canvas:
        canvas.gradient(first, second, -direction, direction)
        canvas.noise(0.09 * (third - first), 2.2, seed, octaves=2)
        if style.background == "texture":
            canvas.noise(0.16 * third, (5, 9), seed + 20, octaves=6, gain=0.62)
        if len(things):
            canvas.shapes(things)
        if grain:
            canvas.noise(grain, 45, seed + 40, octaves=4, gain=0.7)
        return canvas

    return field


def _bokeh(style: PortraitStyle, rng: np.random.Generator) -> Array:
    """Return blurred furniture, window light and discs of light."""
    rows = []
    for _ in range(int(rng.integers(5, 12))):
        colour = _tint(style, rng, 0.35)
        axes = rng.uniform(0.03, 0.2), rng.uniform(0.05, 0.4)
        rows.append(
            shape(
                "box",
                _spot(rng),
                axes,
                colour,
                angle=rng.normal(0, 0.04),
                soft=rng.uniform(0.05, 0.12),
                opacity=0.7,
            )
        )
    for _ in range(int(rng.integers(6, 22))):
        radius = rng.uniform(0.012, 0.05)
        colour = 1 - 0.5 * (1 - _tint(style, rng, 0.2))
        rows.append(
            shape(
                "ellipse",
                _spot(rng),
                (radius, radius),
                colour,
                soft=0.35 * radius,
                opacity=rng.uniform(0.15, 0.5),
            )
        )
    rows += list(_distractors(style, rng, 0.06))
    return np.stack(rows)


def _clutter(style: PortraitStyle, rng: np.random.Generator) -> Array:
    """Return sharp things: boards, leaves, twigs."""
    rows = list(_distractors(style, rng, 0.01))
    for _ in range(int(rng.integers(14, 36))):
        kind = "box" if rng.uniform() < 0.55 else "ellipse"
        upright = rng.uniform() < 0.6
        angle = rng.normal(0, 0.03) if upright else rng.uniform(0, np.pi)
        axes = rng.uniform(0.015, 0.16), rng.uniform(0.015, 0.16)
        rows.append(shape(kind, _spot(rng), axes, _tint(style, rng, 0.5), angle=angle, soft=rng.uniform(0, 0.006)))
    for _ in range(int(rng.integers(0, 25))):
        axes = rng.uniform(0.05, 0.3), rng.uniform(0.0008, 0.004)
        colour = rng.uniform(0.2, 0.6) * _tint(style, rng, 0.4)
        rows.append(shape("ellipse", _spot(rng), axes, colour, angle=rng.uniform(0, np.pi), soft=0.001))
    return np.stack(rows)


def _distractors(style: PortraitStyle, rng: np.random.Generator, soft: float) -> Array:
    """Return shapes in the colours of hair, skin and clothes, near the head and the shoulders."""
    colours = (style.hair_colour, style.cloth_colour, style.skin, style.hair_colour)
    rows = []
    for i in range(style.distractors):
        kind = "box" if rng.uniform() < 0.4 else "ellipse"
        axes = rng.uniform(0.03, 0.14), rng.uniform(0.03, 0.2)
        colour = np.clip(np.array(colours[i % 4]) * rng.uniform(0.8, 1.3), 0, 1)
        rows.append(shape(kind, _spot(rng, 0.4), axes, colour, angle=rng.normal(0, 0.4), soft=soft, opacity=0.85))
    return np.stack(rows) if rows else np.zeros((0, 11))


def _tint(style: PortraitStyle, rng: np.random.Generator, reach: float) -> Array:
    """Return a colour near those of the background, lighter or darker."""
    weights = rng.dirichlet((0.7, 0.7, 0.7))
    colour = weights @ np.array(style.background_colours) * np.exp(rng.normal(0, reach))
    return np.clip(colour + rng.normal(0, 0.06, 3), 0.02, 1)


def _spot(rng: np.random.Generator, reach: float = 0.62) -> tuple[float, float]:
    return float(rng.uniform(-reach, reach)), float(rng.uniform(-reach, reach))
