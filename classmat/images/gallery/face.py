"""Head, ears and face of a portrait."""

import numpy as np
from numpy.typing import NDArray

from .canvas import Canvas, Field, Frame
from .painting import Painting
from .pose import Pose
from .strands import grow, point_count, spline, taper, tone

Array = NDArray[np.float64]
_SIDES = (-1.0, 1.0)


def paint_head(painting: Painting, pose: Pose, frame: Frame, rng: np.random.Generator) -> None:
    """Paint ears, head, eyes, brows, nose and mouth."""
    skin = face_skin(pose, int(rng.integers(1 << 30)))
    ear = spline([[0.68, -0.05], [0.79, -0.12], [0.835, 0.02], [0.80, 0.24], [0.72, 0.34], [0.66, 0.3]], _unit(40))
    for side in _SIDES:
        painting.polygon(pose.head(ear * [side, 1]), skin)
    painting.polygon(pose.head(pose.outline()), skin)
    for side in _SIDES:
        _paint_eye(painting, pose, side)
        _paint_brow(painting, pose, frame, side, rng)
    _paint_nose(painting, pose)
    _paint_mouth(painting, pose)


def face_skin(pose: Pose, seed: int) -> Field:
    """Return the colour of the face: shading of a round head, and soft marks where a face has relief."""
    style = pose.style
    skin = np.array(style.skin)
    shadow = skin * (0.62, 0.50, 0.45)
    light = 1 - 0.55 * (1 - skin)
    blush = skin * (1.0, 0.72, 0.66)
    lit = np.sign(style.light[0]) or 1.0
    c = style.contrast
    marks = [
        pose.mark("gaussian", (0, -0.5), (0.34, 0.2), light, opacity=0.22),
        pose.mark("gaussian", (lit * 0.4, 0.28), (0.15, 0.12), light, opacity=0.25),
        pose.mark("gaussian", (-lit * 0.62, 0.2), (0.2, 0.5), shadow, opacity=0.35 * c),
        pose.mark("gaussian", (0, 1.02), (0.5, 0.13), shadow, opacity=0.45),
        pose.mark("gaussian", (0, 0.79), (0.16, 0.045), shadow, opacity=0.4),
        pose.mark("gaussian", (0, 0.9), (0.12, 0.06), light, opacity=0.2),
        pose.mark("gaussian", (0, 0.47), (0.035, 0.06), shadow, opacity=0.18),
        pose.mark("gaussian", (-lit * 0.105, 0.12), (0.045, 0.2), shadow, opacity=0.36 * c + 0.08),
        pose.mark("gaussian", (lit * 0.01, 0.12), (0.032, 0.16), light, opacity=0.4),
        pose.mark("gaussian", (0, 0.3), (0.05, 0.045), light, opacity=0.45),
        pose.mark("gaussian", (0, 0.385), (0.11, 0.028), shadow, opacity=0.5),
    ]
    for side in _SIDES:
        marks += [
            pose.mark("gaussian", (side * 0.3, -0.05), (0.15, 0.07), shadow, opacity=0.34),
            pose.mark("gaussian", (side * 0.14, 0.0), (0.06, 0.1), shadow, opacity=0.22),
            pose.mark("gaussian", (side * 0.3, 0.15), (0.13, 0.03), shadow, opacity=0.16),
            pose.mark("gaussian", (side * 0.42, 0.38), (0.16, 0.13), blush, opacity=0.4),
            pose.mark("gaussian", (side * 0.125, 0.345), (0.05, 0.045), shadow, opacity=0.16),
            pose.mark("gaussian", (side * 0.77, 0.1), (0.025, 0.1), shadow, opacity=0.6),
            pose.mark("gaussian", (side * 0.72, -0.1), (0.13, 0.5), shadow, opacity=0.22),
        ]
        if style.stubble:
            beard = 0.35 * skin + 0.4 * np.array(style.hair_colour)
            marks += [
                pose.mark("gaussian", (side * 0.4, 0.72), (0.2, 0.2), beard, opacity=0.6 * style.stubble),
                pose.mark("gaussian", (side * 0.13, 0.5), (0.11, 0.05), beard, opacity=0.5 * style.stubble),
                pose.mark("gaussian", (side * 0.14, 0.92), (0.16, 0.1), beard, opacity=0.5 * style.stubble),
            ]
    table = np.stack(marks)
    body = (*pose.head((0, 0.05)), 0.85 * style.size, 1.15 * style.size, style.tilt)

    def field(canvas: Canvas) -> Canvas:
        canvas.fill(skin).shapes(table)
        canvas.shade(body, style.light, 1 - 0.62 * c, 1.06 + 0.06 * c)
        return canvas.noise((0.014, 0.01, 0.01), 9, seed).noise(0.016, 110, seed + 9, octaves=2)

    return field


def _paint_eye(painting: Painting, pose: Pose, side: float) -> None:
    style = pose.style
    x = np.linspace(-1, 1, 41)
    opened = 0.07 - 0.012 * max(style.smile, 0)
    upper, lower = -opened * (1 - np.abs(x) ** 2.4), 0.6 * opened * (1 - x**2)
    centre, half = np.array([side * 0.3, 0.055]), 0.145

    def place(points: Array) -> Array:
        points = points * [side, 1]  # the inner corner of both eyes is at x = -1
        points[..., 1] -= 0.03 * points[..., 0] * side
        return pose.face(centre + points)

    almond = np.concatenate([np.stack([half * x, upper], 1), np.stack([half * x, lower], 1)[-2:0:-1]])
    white = 0.55 * np.array([0.93, 0.90, 0.88]) + 0.38 * np.array(style.skin)
    painting.polygon(place(almond), white)
    gaze = 0.03 * style.turn * side
    for radius, colour in (
        (0.073, 0.45 * np.array(style.iris)),
        (0.062, np.array(style.iris)),
        (0.028, np.full(3, 0.02)),
    ):
        ring = radius * np.stack([np.cos(2 * np.pi * _unit(49)[:-1]), np.sin(2 * np.pi * _unit(49)[:-1])], 1)
        ring += [gaze, -0.012]
        low = np.interp(ring[:, 0], half * x, upper)
        ring[:, 1] = np.clip(ring[:, 1], low, np.interp(ring[:, 0], half * x, lower))
        painting.polygon(place(ring), colour)
    glint = place(np.array([[gaze, -0.012]])) + 0.022 * style.size * np.sign(style.light[0]) * np.array([1, 0])
    spot = (
        0.013 * style.size * np.stack([np.cos(2 * np.pi * _unit(25)[:-1]), np.sin(2 * np.pi * _unit(25)[:-1])], 1)
    )
    painting.polygon(glint + spot - [0, 0.018 * style.size], (0.96, 0.96, 0.96), opacity=0.85)
    lash = np.array(style.skin) * 0.12
    lid = np.array(style.skin) * (0.5, 0.38, 0.34)
    top = np.stack([half * 1.03 * x, upper - 0.004], 1)
    _line(painting, pose, place(top), 0.019, 1 - 0.8 * (0.5 - 0.5 * x), lash)
    crease = np.stack([half * 1.02 * x, upper - 0.04 - 0.008 * x], 1)
    _line(painting, pose, place(crease), 0.011, 1 - x**2, lid, opacity=0.6)
    _line(
        painting,
        pose,
        place(np.stack([half * x, lower], 1)),
        0.008,
        0.3 + 0.7 * (0.5 + 0.5 * x),
        lid,
        opacity=0.5,
    )


def _paint_brow(painting: Painting, pose: Pose, frame: Frame, side: float, rng: np.random.Generator) -> None:
    k = 110
    t = np.sort(rng.uniform(0, 1, k))
    bold = rng.uniform(0.8, 1.2) * (1.25 if pose.style.stubble else 1)
    spine = spline([[0.13, -0.125], [0.27, -0.175], [0.38, -0.17], [0.48, -0.115]], t)
    spine[:, 1] += 0.034 * bold * rng.uniform(-0.5, 0.5, k) * (1 - 0.75 * t)
    roots = pose.face(spine * [side, 1])
    heading = -0.75 + 1.15 * t + rng.normal(0, 0.15, k)
    angles = np.where(side > 0, heading, np.pi - heading) + pose.style.tilt
    curves = grow(
        roots,
        angles,
        0.085 * pose.style.size * rng.uniform(0.7, 1.1, k),
        point_count(frame, 6),
        bend=0.4 * side,
    )
    skin = np.array(pose.style.skin)
    colour = np.minimum(0.75 * np.array(pose.style.hair_colour) + 0.06 * skin, 0.6 * skin)
    widths = taper(k, curves.shape[1], rng, 0.013 * bold * pose.style.size)
    painting.strokes(curves, widths, tone(colour, curves, rng).clip(0, 1), opacity=0.7)


def _paint_nose(painting: Painting, pose: Pose) -> None:
    dark = np.array(pose.style.skin) * (0.42, 0.3, 0.27)
    for side in _SIDES:
        nostril = spline([[0.03, 0.395], [0.06, 0.375], [0.098, 0.388]], _unit(21)) * [side, 1]
        _line(painting, pose, pose.face(nostril), 0.024, np.sin(np.pi * _unit(21)), dark, opacity=0.75)
        wing = spline([[0.115, 0.30], [0.145, 0.35], [0.115, 0.4]], _unit(21)) * [side, 1]
        _line(painting, pose, pose.face(wing), 0.012, np.sin(np.pi * _unit(21)), dark, opacity=0.4)


def _paint_mouth(painting: Painting, pose: Pose) -> None:
    style = pose.style
    lips = np.array(style.lips)
    x = np.linspace(-1, 1, 61)
    bow = 0.056 * (1 - np.abs(x) ** 1.7) - 0.012 * np.exp(-((x / 0.16) ** 2))
    full = 0.082 * (1 - np.abs(x) ** 2.2)
    line = 0.62 - (0.02 + 0.05 * style.smile) * x**2 + 0.006 * np.cos(3 * np.pi * x) * (1 - x**2)
    half = 0.23 + 0.03 * style.smile

    def strip(upper: Array, lower: Array) -> Array:
        return pose.face(np.concatenate([np.stack([half * x, upper], 1), np.stack([half * x, lower], 1)[-2:0:-1]]))

    painting.polygon(strip(line - bow, line), 0.84 * lips, opacity=0.9)
    painting.polygon(strip(line, line + full), lips, opacity=0.85)
    shine = np.minimum(lips * 1.25 + 0.05, 1)
    gleam = pose.face(np.stack([0.42 * half * x, line + 0.042], 1))
    _line(painting, pose, gleam, 0.026, 1 - x**2, shine, opacity=0.35)
    _line(
        painting,
        pose,
        pose.face(np.stack([1.03 * half * x, line], 1)),
        0.014,
        1 - 0.6 * x**2,
        0.35 * lips,
        opacity=0.85,
    )


def _line(
    painting: Painting,
    pose: Pose,
    points: Array,
    width: float,
    profile: Array,
    colour: Array,
    opacity: float = 1.0,
) -> None:
    half = 0.5 * width * pose.style.size * np.asarray(profile)
    painting.strokes(points[None], half[None], np.broadcast_to(colour, (1, len(points), 3)), opacity=opacity)


def _unit(n: int) -> Array:
    return np.linspace(0, 1, n)
