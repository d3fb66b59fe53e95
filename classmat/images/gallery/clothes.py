"""Neck, shoulders and clothing of a portrait."""

import numpy as np
from numpy.typing import NDArray

from .canvas import Canvas, Field, Frame, shape
from .painting import Painting
from .pose import Pose
from .strands import spline

Array = NDArray[np.float64]

# How deep the neckline lies below the pit of the neck, and how wide it is.
_NECKLINES = {"tee": (0.1, 0.52), "vneck": (0.62, 0.50), "shirt": (0.28, 0.36), "jacket": (0.14, 0.46)}


def paint_body(painting: Painting, pose: Pose, frame: Frame, rng: np.random.Generator) -> Field:
    """Paint neck and clothes; return the colour of the cloth."""
    style = pose.style
    seed = int(rng.integers(1 << 30))
    width = 0.40 * style.jaw
    # Far enough down for every frame: what is below the border costs nothing.
    floor = 2 * frame.half[1] / style.size + 4
    neck = [[width, 0.3], [width, 0.85], [width * 1.03, 1.1], [width * 1.22, 1.3], [0.62, 1.42]]
    half = np.concatenate([spline(neck, np.linspace(0, 1, 60)), [[0.66, 1.6], [0.5, 2.3]]])
    painting.polygon(pose.body(_mirrored(half)), _neck_skin(pose, seed))
    cloth = cloth_field(pose, style.cloth_colour, style.pattern, seed)
    depth, spread = _NECKLINES[style.clothing]
    wide = rng.uniform(0.94, 1.08)
    shoulder = spline(
        [[spread, 1.30], [0.8, 1.40], [1.25, 1.56], [1.6, 1.78], [1.8, 2.2], [1.92, 3.0]],
        np.linspace(0, 1, 120),
    ) * [wide, 1]
    side = np.concatenate([shoulder, [[2.1 * wide, floor], [0, floor]]])
    if style.clothing == "jacket":
        under = cloth_field(pose, style.cloth_accent, "plain", seed + 50)
        painting.polygon(
            pose.body(_mirrored(np.concatenate([_neckline(0.1, 0.5), [[1.2, 1.6], [0.9, floor], [0, floor]]]))),
            under,
        )
        _paint_jacket(painting, pose, side, floor, cloth)
        return cloth
    painting.polygon(pose.body(_mirrored(np.concatenate([_neckline(depth, spread), side]))), cloth)
    if style.clothing == "shirt":
        _paint_collar(painting, pose, depth, floor)
    else:
        _paint_band(painting, pose, depth, spread)
    return cloth


def _neckline(depth: float, spread: float) -> Array:
    """Return the right half of the neckline, from its lowest point to the shoulder."""
    t = np.linspace(0, 1, 30)
    round_ = depth < 0.2
    drop = np.sqrt(1 - t**2) if round_ else 1 - t
    return np.stack([spread * t, 1.30 + (depth + 0.1 if round_ else depth) * drop], 1)


def _paint_band(painting: Painting, pose: Pose, depth: float, spread: float) -> None:
    line = _neckline(depth, spread)
    whole = pose.body(np.concatenate([(line * [-1, 1])[:0:-1], line]))
    colour = 0.72 * np.array(pose.style.cloth_colour)
    half = np.full(len(whole), 0.028 * pose.style.size)
    painting.strokes(whole[None], half[None], np.broadcast_to(colour, (1, len(whole), 3)), opacity=0.8)


def _paint_collar(painting: Painting, pose: Pose, depth: float, floor: float) -> None:
    colour = np.minimum(0.93 * np.array(pose.style.cloth_colour) + 0.05, 1)
    dark = 0.5 * colour
    for side in (-1, 1):
        wing = np.array([[0.02, 1.34 + depth], [0.33, 1.16], [0.47, 1.24], [0.56, 1.62], [0.26, 1.9]]) * [
            side,
            1,
        ]
        under = wing + np.array([0.02 * side, 0.03])
        painting.polygon(pose.body(under), dark, opacity=0.6)
        painting.polygon(pose.body(wing), colour)
    seam = pose.body(np.array([[0.06, 1.34 + depth], [0.06, floor]]))
    half = np.full((1, 2), 0.008 * pose.style.size)
    painting.strokes(seam[None], half, np.broadcast_to(dark, (1, 2, 3)), opacity=0.7)
    turn = 2 * np.pi * np.arange(24) / 24
    for y in np.arange(1.95, 4, 0.55):
        button = 0.035 * np.stack([np.cos(turn), np.sin(turn)], 1) + [0, y]
        painting.polygon(pose.body(button), np.minimum(1.2 * colour + 0.1, 1), opacity=0.9)


def _paint_jacket(painting: Painting, pose: Pose, side: Array, floor: float, cloth: Field) -> None:
    colour = np.array(pose.style.cloth_colour)
    front = np.concatenate([side[:-1], [[0.12, floor], [0.12, 3.2], [0.3, 2.5]]])
    lapel = np.array([[0.36, 1.2], [0.6, 1.28], [0.84, 1.75], [0.66, 1.86], [0.72, 1.96], [0.3, 2.75], [0.2, 2.9]])
    for s in (-1, 1):
        painting.polygon(pose.body(front * [s, 1]), cloth)
        painting.polygon(pose.body((lapel + 0.03) * [s, 1]), 0.35 * colour, opacity=0.5)
        painting.polygon(pose.body(lapel * [s, 1]), np.minimum(1.08 * colour + 0.02, 1))


def cloth_field(pose: Pose, colour: tuple[float, float, float], pattern: str, seed: int) -> Field:
    """Return a cloth: its pattern, folds, weave and shading."""
    style = pose.style
    size = style.size
    base = np.array(colour)
    other = np.array(style.cloth_accent)
    u, v = pose.body((0, 2.6))
    dark = 0.25 * base
    folds = np.stack(
        [
            shape("gaussian", pose.body((x, y)), (0.07 * size, 0.7 * size), dark, angle=a, opacity=0.2)
            for x, y, a in (
                (-1.3, 2.3, 0.25),
                (1.3, 2.3, -0.25),
                (-0.8, 2.0, -0.7),
                (0.85, 2.1, 0.7),
                (-0.2, 3.0, 0.3),
            )
        ]
        + [shape("gaussian", pose.body((0, 1.5)), (0.6 * size, 0.16 * size), dark, opacity=0.3)]
    )

    def field(canvas: Canvas) -> Canvas:
        canvas.fill(base)
        if pattern in ("stripes", "checks"):
            canvas.stripes(other, 0.3 * size, np.pi / 2, duty=0.35, soft=0.05, opacity=0.6)
        if pattern == "checks":
            canvas.stripes(other, 0.3 * size, 0, duty=0.35, soft=0.05, opacity=0.5)
        if pattern == "knit":
            canvas.stripes(0.55 * base, 0.06 * size, 0, duty=0.3, soft=0.5, opacity=0.7)
            canvas.stripes(0.75 * base, 0.035 * size, np.pi / 2, duty=0.4, soft=0.6, opacity=0.5)
        canvas.shapes(folds).shade((u, v, 2.4 * size, 1.8 * size, 0), style.light, 1 - 0.6 * style.contrast, 1.12)
        canvas.noise(0.07 * base, (5, 2.5), seed).noise(0.10 * base + 0.01, 90, seed + 7, octaves=3, gain=0.7)
        return canvas

    return field


def _neck_skin(pose: Pose, seed: int) -> Field:
    style = pose.style
    skin = np.array(style.skin)
    shadow = skin * (0.48, 0.38, 0.34)
    size = style.size
    under_chin = np.stack(
        [
            shape("gaussian", pose.head((0, 0.95)), (0.75 * size, 0.28 * size), shadow, opacity=0.85),
            shape(
                "gaussian",
                pose.body((0.13, 1.45)),
                (0.2 * size, 0.03 * size),
                shadow,
                angle=-0.25,
                opacity=0.3,
            ),
            shape(
                "gaussian",
                pose.body((-0.13, 1.45)),
                (0.2 * size, 0.03 * size),
                shadow,
                angle=0.25,
                opacity=0.3,
            ),
        ]
    )
    body = (*pose.body((0, 1.2)), 0.6 * size, 2 * size, 0.0)

    def field(canvas: Canvas) -> Canvas:
        canvas.fill(0.96 * skin).shapes(under_chin).shade(body, style.light, 1 - 0.6 * style.contrast, 1.08)
        return canvas.noise(0.015, 110, seed + 3, octaves=2)

    return field


def _mirrored(half: Array) -> Array:
    return np.concatenate([half, (half * [-1, 1])[::-1]])
