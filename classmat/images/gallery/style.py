"""Everything that makes one portrait differ from another, drawn from a seed."""

import colorsys
from dataclasses import dataclass
from typing import Any

import numpy as np

HAIR_STYLES = ("long", "bob", "short", "curly", "tied")
CLOTHING = ("tee", "vneck", "shirt", "jacket")
PATTERNS = ("plain", "stripes", "checks", "knit")
BACKGROUNDS = ("gradient", "blur", "texture", "clutter")

RGB = tuple[float, float, float]

_SKINS = ((0.96, 0.80, 0.69), (0.92, 0.72, 0.58), (0.80, 0.58, 0.43), (0.62, 0.42, 0.29), (0.42, 0.27, 0.18))
_HAIRS = (
    (0.07, 0.055, 0.05),
    (0.16, 0.10, 0.065),
    (0.30, 0.185, 0.105),
    (0.47, 0.31, 0.17),
    (0.74, 0.57, 0.34),
    (0.52, 0.22, 0.10),
    (0.62, 0.60, 0.58),
)
_IRISES = ((0.25, 0.15, 0.08), (0.36, 0.24, 0.11), (0.30, 0.38, 0.24), (0.33, 0.46, 0.58))


@dataclass(frozen=True)
class PortraitStyle:
    """The parameters of a portrait; lengths are in head heights / 2 where not said otherwise.

    `PortraitStyle.draw(seed)` draws them all, ``dataclasses.replace`` changes some.

    Attributes
    ----------
    size : float
        Half the head's height, in units of the frame (about the image's height).
    shift : (float, float)
        Where the face's centre is, right and down from the image's centre, in units of the frame.
    tilt, turn : float
        The head's tilt in radians; how far the face looks aside, -1 to 1.
    jaw : float
        Width of the jaw, 1 is average.
    skin, lips, iris, hair_colour, cloth_colour, cloth_accent : (float, float, float)
        Colours, RGB in [0, 1].
    smile : float
        -1 to 1.
    stubble : float
        Beard shadow, 0 to 1.
    hair_style : str
        One of ``HAIR_STYLES``.
    hair_length, hair_volume, curl : float
        1 is average; curl from 0 (straight) to 1.
    parting : float
        Where the hair is parted, -1 (left) to 1.
    flyaways : int
        Loose strands.
    strands : int
        Strands that lie with the others.
    strand_width : float
        In units of the frame.
    clothing, pattern, background : str
        One of ``CLOTHING``, ``PATTERNS``, ``BACKGROUNDS``.
    background_colours : tuple of 3 colours
    distractors : int
        Shapes in the background that have the colours of hair, skin and clothes.
    light : (float, float, float)
        Unit vector to the light: right, down, towards the viewer.
    contrast : float
        How much the light shades, 0 to 1.
    noise : float
        Standard deviation of the sensor noise that ``portrait(noise=None)`` adds.
    """

    size: float
    shift: tuple[float, float]
    tilt: float
    turn: float
    jaw: float
    skin: RGB
    lips: RGB
    iris: RGB
    smile: float
    stubble: float
    hair_style: str
    hair_colour: RGB
    hair_length: float
    hair_volume: float
    curl: float
    parting: float
    flyaways: int
    strands: int
    strand_width: float
    clothing: str
    cloth_colour: RGB
    cloth_accent: RGB
    pattern: str
    background: str
    background_colours: tuple[RGB, RGB, RGB]
    distractors: int
    light: tuple[float, float, float]
    contrast: float
    noise: float

    @classmethod
    def draw(cls, seed: int) -> "PortraitStyle":
        """Return the style of a seed.

        Examples
        --------
        >>> PortraitStyle.draw(1) == PortraitStyle.draw(1)
        True
        """
        rng = np.random.Generator(np.random.PCG64([seed, 1]))
        style = str(rng.choice(HAIR_STYLES, p=(0.28, 0.17, 0.25, 0.15, 0.15)))
        skin = _between(_SKINS, rng)
        return cls(**_pose(rng), **_face(rng, skin, style), **_hair(rng, style, skin), **_setting(rng))


def _pose(rng: np.random.Generator) -> dict[str, Any]:
    return {
        "size": float(rng.uniform(0.165, 0.225)),
        "shift": (float(rng.normal(0, 0.03)), float(rng.uniform(-0.11, -0.03))),
        "tilt": float(rng.normal(0, 0.06)),
        "turn": float(np.clip(rng.normal(0, 0.4), -0.9, 0.9)),
    }


def _face(rng: np.random.Generator, skin: RGB, hair_style: str) -> dict[str, Any]:
    masculine = rng.uniform() < {"short": 0.75, "curly": 0.45}.get(hair_style, 0.08)
    dark = sum(skin) < 1.5 and rng.uniform() < 0.9
    red = rng.uniform(0.25, 0.8) * (0.5 if masculine else 1)
    lips = np.array(skin) * (1 - red * np.array([0.12, 0.45, 0.38]))
    return {
        "jaw": float(rng.uniform(1.0, 1.12) if masculine else rng.uniform(0.88, 1.0)),
        "skin": skin,
        "lips": _rgb(lips),
        "iris": _between(_IRISES[:2] if dark else _IRISES, rng),
        "smile": float(rng.uniform(-0.2, 1)),
        "stubble": float(rng.uniform(0, 0.7) if masculine else 0),
    }


def _hair(rng: np.random.Generator, style: str, skin: RGB) -> dict[str, Any]:
    curl = rng.uniform(0.6, 1) if style == "curly" else rng.beta(1.2, 2)
    # Dark skin goes mostly with dark hair, as it does in photos; not always, so that a net cannot rely on it.
    hairs = _HAIRS[:3] if sum(skin) < 1.6 and rng.uniform() < 0.85 else _HAIRS
    return {
        "hair_style": style,
        "hair_colour": _between(hairs, rng, 0.3),
        "hair_length": float(rng.uniform(0.75, 1.3)),
        "hair_volume": float(rng.uniform(0.85, 1.25)),
        "curl": float(curl),
        "parting": float(np.clip(rng.normal(0, 0.5), -1, 1)),
        "flyaways": int(rng.integers(60, 260)),
        "strands": int(rng.integers(2800, 4200)),
        "strand_width": float(rng.uniform(0.0006, 0.0012)),
    }


def _setting(rng: np.random.Generator) -> dict[str, Any]:
    turn = rng.uniform(-1.1, 1.1)
    light = np.array([np.sin(turn), -rng.uniform(0.3, 0.8), rng.uniform(0.6, 1.1)])
    hue = rng.uniform()
    colours = tuple(_hsv(rng, hue + rng.normal(0, 0.12), (0.03, 0.5), (0.2, 0.95)) for _ in range(3))
    return {
        "clothing": str(rng.choice(CLOTHING)),
        "cloth_colour": _hsv(rng, rng.uniform(), (0.05, 0.65), (0.15, 0.85)),
        "cloth_accent": _hsv(rng, rng.uniform(), (0.0, 0.35), (0.55, 0.95)),
        "pattern": str(rng.choice(PATTERNS, p=(0.4, 0.2, 0.2, 0.2))),
        "background": str(rng.choice(BACKGROUNDS, p=(0.2, 0.4, 0.15, 0.25))),
        "background_colours": colours,
        "distractors": int(rng.integers(0, 7)),
        "light": _rgb(light / np.linalg.norm(light), clip=False),
        "contrast": float(rng.uniform(0.3, 0.9)),
        "noise": float(rng.uniform(0.002, 0.025)),
    }


def _between(colours: tuple[RGB, ...], rng: np.random.Generator, reach: float = 1.0) -> RGB:
    """Return a colour on the way from one of a list to its neighbour, slightly varied."""
    i = int(rng.integers(len(colours)))
    t = reach * rng.uniform(-0.5, 0.5)
    other = colours[min(max(i + (1 if t > 0 else -1), 0), len(colours) - 1)]
    mixed = np.array(colours[i]) + abs(t) * (np.array(other) - colours[i])
    return _rgb(mixed * np.exp(rng.normal(0, 0.04)))


def _hsv(rng: np.random.Generator, hue: float, saturation: tuple[float, float], value: tuple[float, float]) -> RGB:
    return colorsys.hsv_to_rgb(hue % 1, rng.uniform(*saturation), rng.uniform(*value))


def _rgb(values: np.ndarray, clip: bool = True) -> RGB:
    r, g, b = np.clip(values, 0.02, 0.98) if clip else values
    return float(r), float(g), float(b)
