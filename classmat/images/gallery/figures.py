"""Who is in a snapshot: pose, place in the frame, colours."""

import colorsys
import dataclasses

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .canvas import Canvas, Field, Frame, shape
from .painting import Painting
from .pose import Pose
from .strands import taper, tone
from .style import RGB, PortraitStyle
from .textures import sample

Array = NDArray[np.float64]


class Figure(Pose):
    """A pose in a frame of any proportions, with the head off the body's axis.

    Parameters
    ----------
    style : PortraitStyle
    stretch : float
        Width of everything, 1 is average.
    lean : float
        How far the head is right of where the shoulders are, in head units.
    """

    def __init__(self, style: PortraitStyle, stretch: float, lean: float) -> None:
        super().__init__(style)
        self.stretch, self.lean = stretch, lean

    def body(self, points: ArrayLike) -> Array:
        """Map what does not tilt."""
        return np.asarray(points, np.float64) * self.style.size * [self.stretch, 1] + self.style.shift

    def torso(self, points: ArrayLike) -> Array:
        """Map what is below the neck: it stays where it is when the head leans."""
        p = np.array(points, np.float64)
        p[..., 0] -= self.lean * np.clip((p[..., 1] - 0.6) / 0.8, 0, 1)
        return self.body(p)


def draw_figure(seed: int, rng: np.random.Generator) -> Figure:
    """Draw a person's style and place in the frame: most fill it, some are small, low or to a side."""
    style = PortraitStyle.draw(seed)
    size = float(np.clip(np.exp(rng.normal(np.log(0.265), 0.21)), 0.13, 0.5))
    if rng.random() < 0.09:
        size *= rng.uniform(0.55, 0.85)
    top = rng.normal(0.055, 0.07) + max(0.0, 0.5 * (0.24 - size)) + (rng.random() < 0.09) * rng.uniform(0.05, 0.25)
    shift = (
        float(rng.normal(0, 0.042) + (rng.random() < 0.11) * rng.normal(0, 0.12)),
        float(-0.5 + top + 1.13 * size),
    )
    bright = rng.choice(
        [rng.uniform(0.03, 0.25), rng.uniform(0.75, 1.0), rng.uniform(0.1, 0.97)], p=[0.46, 0.12, 0.42]
    )
    cloth = colorsys.hsv_to_rgb(rng.uniform(), rng.beta(1.0, 2.4), bright)
    style = dataclasses.replace(
        style,
        size=size,
        shift=shift,
        tilt=float(rng.normal(0, 0.13)),
        turn=float(np.clip(rng.normal(0, 0.9), -2.2, 2.2)),
        jaw=float(rng.uniform(0.82, 1.16)),
        skin=_skin(rng),
        cloth_colour=cloth,
        stubble=float(rng.uniform(0, 1) * (rng.random() < 0.3)),
        smile=float(rng.uniform(-0.6, 1.4)),
        contrast=float(rng.uniform(0.4, 1.3)),
        hair_colour=_hair_colour(style, rng),
    )
    return Figure(style, float(np.exp(rng.normal(0, 0.07))), float(rng.normal(0, 0.22)))


def _skin(rng: np.random.Generator) -> RGB:
    """Draw a skin: brightness varies most, the steps from red to green to blue much less."""
    level = rng.choice([rng.uniform(0.5, 0.82), rng.uniform(0.25, 0.6)], p=[0.78, 0.22])
    red, blue = level * rng.normal(0.37, 0.05), level * rng.normal(0.085, 0.045)
    r, g, b = np.clip([level + 0.65 * red, level - 0.35 * red, level - 0.35 * red - blue], 0.03, 0.98).tolist()
    return r, g, b


def _hair_colour(style: PortraitStyle, rng: np.random.Generator) -> RGB:
    if rng.random() < 0.025:
        return colorsys.hsv_to_rgb(rng.uniform(), rng.uniform(0.3, 0.9), rng.uniform(0.3, 0.9))
    colour = np.array(style.hair_colour) * np.exp(rng.normal(0.1, 0.3))
    colour = colour.mean() + rng.uniform(0.35, 0.9) * (colour - colour.mean())
    r, g, b = np.clip(colour, 0.02, 0.95).tolist()
    return r, g, b


class Person:
    """What all parts of a person share: colours, skin, small shapes; `rng` draws all that the figure leaves open.

    Parameters
    ----------
    figure : Figure
    frame : Frame
    rng : numpy.random.Generator
    """

    def __init__(self, figure: Figure, frame: Frame, rng: np.random.Generator) -> None:
        self.figure, self.style, self.frame, self.rng = figure, figure.style, frame, rng
        self.skin, self.hair_colour = np.array(figure.style.skin), np.array(figure.style.hair_colour)
        self.cloth = np.array(figure.style.cloth_colour)

    @property
    def colours(self) -> Array:
        """The colours (3, 3) of skin, hair and clothes."""
        return np.stack([self.skin, self.hair_colour, self.cloth])

    def _stroke(self, painting: Painting, curves: Array, brightness: float, width: float) -> None:
        colours = tone(brightness * self.hair_colour, curves, self.rng, 0.3).clip(0, 1)
        widths = taper(
            len(curves), curves.shape[1], self.rng, width * self.rng.uniform(0.5, 1.5) * self.style.size
        )
        painting.strokes(self.figure.head(curves), widths, colours)

    def _skin_field(self) -> Field:
        rng, skin, size = self.rng, self.skin, self.style.size
        seed = int(rng.integers(1 << 16))
        rows = [
            shape(
                "gaussian",
                self.figure.head(np.array([0.0, 0.98])),
                (0.8 * size, 0.3 * size),
                skin * (0.45, 0.36, 0.32),
                opacity=rng.uniform(0.3, 0.95),
            )
        ]
        for _ in range(4):
            at = self.figure.torso(np.array([rng.normal(0, 0.5), rng.uniform(1.2, 2.2)]))
            rows.append(
                shape(
                    "gaussian",
                    at,
                    (rng.uniform(0.05, 0.4) * size, 0.06 * size),
                    skin * rng.choice([0.55, 1.25]),
                    angle=rng.normal(0, 0.5),
                    opacity=0.35,
                )
            )
        table = np.clip(np.stack(rows), -9, 9)

        def field(canvas: Canvas) -> None:
            canvas.fill(0.97 * skin).shapes(table)
            canvas.out[...] *= np.exp(0.06 * sample(canvas, "rough", seed, 1.0))[..., None]

        return field

    def _blob(self, rough: float) -> Array:
        """Return a closed outline (60, 2) around the origin, of radius about 1."""
        t = np.linspace(0, 2 * np.pi, 61)[:-1]
        radius = np.ones(60)
        for k in range(2, 6):
            radius += rough * self.rng.normal(0, 1 / k**0.5) * np.cos(k * t + self.rng.uniform(0, 6))
        return radius[:, None] * np.stack([np.cos(t), np.sin(t)], 1)

    def _colour(self) -> Array:
        return np.array(
            colorsys.hsv_to_rgb(self.rng.uniform(), self.rng.beta(1, 2.2), self.rng.uniform(0.05, 0.97))
        )
