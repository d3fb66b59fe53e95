"""What is behind people in snapshots: walls, rooms, streets, leaves, lights, in focus or out of it."""

import colorsys

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .canvas import Canvas, Frame, shape
from .textures import KINDS, sample

Array = NDArray[np.float64]
Image = NDArray[np.float32]

PLACES = ("wall", "room", "shelves", "street", "leaves", "lights", "horizon", "things", "cells")
_SHARES = (0.22, 0.22, 0.08, 0.11, 0.13, 0.05, 0.08, 0.08, 0.03)


def surroundings(frame: Frame, rng: np.random.Generator, familiar: Array) -> Image:
    """Paint a background (h, w, 3).

    Parameters
    ----------
    frame : Frame
    rng : numpy.random.Generator
    familiar : (k, 3)
        Colours of the subject, some of which come back behind it.
    """
    place = str(rng.choice(PLACES, p=_SHARES))
    out = np.empty((frame.height, frame.width, 3), np.float32)
    _PAINTERS[place](Canvas(out, frame), rng, _palette(rng, familiar))
    if rng.random() < 0.3:
        _opened(out, frame, rng, familiar)
    if rng.random() < 0.12:
        _seat(out, frame, rng, familiar)
    if rng.random() < 0.15:
        _people(Canvas(out, frame), rng, familiar)
    if rng.random() < 0.75:
        _grain(Canvas(out, frame), rng)
    np.clip(out, 0, 1, out=out)
    sigma = _defocus(place, rng) * frame.unit
    if sigma > 0.25:
        out = ndimage.gaussian_filter(out, (sigma, sigma, 0), mode="nearest", truncate=2.5)
    return _toned(out, place, rng)


def _opened(out: Image, frame: Frame, rng: np.random.Generator, familiar: Array) -> None:
    """Show another place in a part of the picture: beside an edge, above a line, or in an opening."""
    other = np.empty_like(out)
    _PAINTERS[str(rng.choice(PLACES))](Canvas(other, frame), rng, _palette(rng, familiar))
    mask = np.zeros_like(out)
    kind, angle = rng.random(), rng.normal(0, 0.1)
    axes = (2.0, 2.0) if kind < 0.6 else (rng.uniform(0.08, 0.3), rng.uniform(0.08, 0.3))
    turn = rng.choice([0, np.pi / 2, np.pi, np.pi / 2])
    centre = 2.0 * np.array([np.cos(turn), np.sin(turn)]) if kind < 0.6 else np.zeros(2)
    row = shape("box", centre + np.array(_spot(rng)) * 0.7, axes, (1, 1, 1), angle=angle)
    Canvas(mask, frame).shapes(row[None])
    out += mask * (other - out)


def _seat(out: Image, frame: Frame, rng: np.random.Generator, familiar: Array) -> None:
    """Paint the back of a seat, a pillow, a sofa: large, round, of cloth."""
    cloth = np.empty_like(out)
    canvas = Canvas(cloth, frame)
    palette = _palette(rng, familiar)
    axes, angle = rng.uniform(0.15, 0.5, 2), rng.normal(0, 0.4)
    place = np.array([rng.normal(0, 0.25), rng.uniform(-0.25, 0.5)])
    canvas.fill(palette[0]).shade(
        (*place, *(1.1 * axes), angle), (rng.normal(0, 0.5), -0.5, 0.7), rng.uniform(0.3, 0.9), 1.1
    )
    folds = sample(canvas, str(rng.choice(["folds", "drapes", "grain"])), int(rng.integers(1 << 16)), 0.8)
    cloth *= np.exp(rng.uniform(0.03, 0.25) * folds)[..., None]
    mask = np.zeros_like(out)
    kind = str(rng.choice(["ellipse", "box"]))
    Canvas(mask, frame).shapes(shape(kind, place, axes, (1, 1, 1), angle=angle, soft=rng.uniform(0, 0.02))[None])
    out += mask * (cloth - out)


def _defocus(place: str, rng: np.random.Generator) -> float:
    if rng.random() < (0.25 if place == "lights" else 0.6):
        return float(rng.uniform(0, 0.003))
    return float(np.exp(rng.uniform(np.log(0.003), np.log(0.025))))


def _toned(out: Image, place: str, rng: np.random.Generator) -> Image:
    """Return it with brightness, contrast and saturation as photos have them: upper parts brighter, a little warm."""
    h, w = out.shape[:2]
    grey = out @ np.array([0.299, 0.587, 0.114], np.float32)
    goal = rng.uniform(0.03, 0.35) if place == "lights" else rng.choice([rng.uniform(0.05, 1.0), rng.beta(4, 2.2)])
    spread = np.exp(rng.normal(np.log(0.1), 0.65)) if place == "wall" else np.exp(rng.normal(np.log(0.185), 0.5))
    gain = np.clip(min(spread, 0.36) / max(float(grey.std()), 0.02), 0.3, 3)
    tone = (
        (grey - grey.mean()) * gain
        + goal
        - rng.normal(0.06, 0.15) * np.linspace(-1, 1, h, dtype=np.float32)[:, None]
    )
    colour = out - grey[..., None]
    tints = rng.standard_normal((int(rng.integers(2, 6)), int(rng.integers(2, 6)), 3)) * rng.gamma(1.0, 0.018)
    colour = colour + ndimage.zoom(
        tints, (h / tints.shape[0], w / tints.shape[1], 1), order=1, mode="nearest", grid_mode=True
    )
    strength = np.abs(colour).mean() / max(float(grey.mean()), 0.05)
    saturation = rng.gamma(1.5, 0.12) * (rng.random() > 0.06)
    factor = min(saturation / max(float(strength), 0.01) * (0.3 + 0.7 * goal), 6)
    warm = np.array([0.012, 0.0, -0.028]) * rng.uniform(-0.5, 2.5)
    toned: Image = np.clip(tone[..., None] + factor * colour + warm, 0, 1).astype(np.float32)
    return toned


def _palette(rng: np.random.Generator, familiar: Array) -> Array:
    hue, spread = _usual_hue(rng), rng.choice([0.05, 0.2, 0.5])
    colours = [
        colorsys.hsv_to_rgb((hue + rng.normal(0, spread)) % 1, rng.beta(0.8, 2), rng.uniform(0.08, 1))
        for _ in range(6)
    ]
    if rng.random() < 0.5:
        for i in rng.integers(6, size=2):
            colours[i] = tuple(np.clip(familiar[rng.integers(len(familiar))] * np.exp(rng.normal(0, 0.15)), 0, 1))
    return np.array(colours)


def _usual_hue(rng: np.random.Generator) -> float:
    """Draw a hue: mostly of wood and walls, of sky, of leaves."""
    centre, width = ((0.08, 0.04), (0.58, 0.06), (0.27, 0.08), (0.0, 0.5))[rng.choice(4, p=[0.45, 0.2, 0.15, 0.2])]
    return float(rng.normal(centre, width) % 1)


def _ground(canvas: Canvas, rng: np.random.Generator, palette: Array) -> None:
    turn = rng.uniform(0, 2 * np.pi)
    end = rng.uniform(0.2, 0.7) * np.array([np.cos(turn), np.sin(turn)])
    canvas.gradient(palette[0], palette[0] + rng.uniform(0, 0.8) * (palette[1] - palette[0]), -end, end)


def _mix(canvas: Canvas, colour: Array, weight: Image) -> None:
    canvas.out[...] += weight[..., None] * (np.asarray(colour, np.float32) - canvas.out)


def _grain(canvas: Canvas, rng: np.random.Generator) -> None:
    kind = KINDS[rng.integers(len(KINDS))]
    amount = np.exp(rng.uniform(np.log(0.015), np.log(0.13)))
    weave = sample(canvas, kind, int(rng.integers(1 << 16)), np.exp(rng.uniform(-0.7, 1.6)), rng.uniform(0, 3))
    canvas.out[...] += (amount * weave)[..., None] * rng.uniform(0.6, 1, 3).astype(np.float32)


def _wall(canvas: Canvas, rng: np.random.Generator, palette: Array) -> None:
    """Paint a plain wall, planks, bricks, tiles, a curtain, plaster."""
    _ground(canvas, rng, palette)
    kind = rng.choice(
        ["plain", "planks", "tiles", "curtain", "plaster", "glow"], p=[0.3, 0.14, 0.12, 0.1, 0.2, 0.14]
    )
    if kind == "planks":
        angle = rng.choice([0, np.pi / 2]) + rng.normal(0, 0.03)
        period = rng.uniform(0.03, 0.2)
        canvas.stripes(
            palette[2] * 0.5, period, angle, duty=rng.uniform(0.05, 0.2), soft=0.03, opacity=rng.uniform(0.3, 0.9)
        )
        wood = sample(
            canvas,
            "fibre",
            int(rng.integers(1 << 16)),
            (1.5, 1.5),
            angle - np.pi / 2 if rng.random() < 0.8 else angle,
        )
        canvas.out[...] *= np.exp(rng.uniform(0.03, 0.25) * wood)[..., None]
    elif kind == "tiles":
        joint = palette[2]
        high, wide = rng.uniform(0.03, 0.13), rng.uniform(0.04, 0.2)
        canvas.stripes(joint, high, np.pi / 2, duty=0.1, soft=0.05, opacity=0.8)
        canvas.stripes(joint, wide, 0.0, duty=0.07, soft=0.05, opacity=0.8)
        canvas.out[...] *= np.exp(0.15 * sample(canvas, "cells", int(rng.integers(1 << 16)), 1.0))[..., None]
    elif kind == "curtain":
        folds = sample(
            canvas,
            "fibre",
            int(rng.integers(1 << 16)),
            (rng.uniform(0.15, 0.5), rng.uniform(0.4, 1.5)),
            rng.normal(np.pi / 2, 0.06),
        )
        canvas.out[...] *= np.exp(rng.uniform(0.1, 0.4) * folds)[..., None]
    elif kind == "plaster":
        rough = sample(canvas, str(rng.choice(KINDS)), int(rng.integers(1 << 16)), np.exp(rng.uniform(-1, 1)))
        _mix(canvas, palette[3], (rng.uniform(0.05, 0.5) / (1 + np.exp(-2 * rough))).astype(np.float32))
    elif kind == "glow":
        reach = rng.uniform(0.2, 0.5)
        canvas.shapes(
            shape(
                "gaussian",
                rng.normal(0, 0.15, 2),
                (reach, reach),
                np.clip(1.7 * palette[1] + 0.1, 0, 1),
                opacity=0.8,
            )[None]
        )
    if rng.random() < 0.3:
        canvas.shapes(_boxes(rng, palette, int(rng.integers(1, 4)), 0.03, 0.25, 0.004))


def _room(canvas: Canvas, rng: np.random.Generator, palette: Array) -> None:
    """Walls that meet, doors, bright windows with bars, pictures, lamps, furniture."""
    _ground(canvas, rng, palette)
    rows: list[Array] = []
    if rng.random() < 0.6:
        edge = rng.uniform(-0.4, 0.4)
        rows.append(
            shape(
                "box",
                (edge + np.sign(edge) * 1.0, 0),
                (1.0, 2),
                palette[4] * rng.uniform(0.6, 1.1),
                angle=rng.normal(0, 0.03),
            )
        )
    if rng.random() < 0.4:
        rows.append(
            shape(
                "box",
                (0, rng.uniform(-0.75, -0.45)),
                (2, rng.uniform(0.1, 0.4)),
                np.clip(palette[5] * 1.3, 0, 1),
                angle=rng.normal(0, 0.1),
            )
        )
    rows += list(_boxes(rng, palette, int(rng.integers(2, 9)), 0.02, 0.3, 0.004))
    for _ in range(int(rng.integers(0, 3))):
        rows += _window(rng, palette)
    for _ in range(int(rng.integers(0, 4))):
        r = rng.uniform(0.01, 0.06)
        rows.append(shape("gaussian", _spot(rng), (r, r), (1, 0.95, 0.85), opacity=rng.uniform(0.4, 1)))
    rows += list(_boxes(rng, palette, int(rng.integers(0, 14)), 0.004, 0.09, 0.003))
    canvas.shapes(np.stack(rows))


def _window(rng: np.random.Generator, palette: Array) -> list[Array]:
    u, v = _spot(rng)
    a, b = rng.uniform(0.04, 0.2), rng.uniform(0.06, 0.3)
    frame = palette[rng.integers(6)] * rng.uniform(0.3, 1.2)
    light = np.clip(rng.uniform(0.75, 1.1) + rng.normal(0, 0.06, 3), 0, 1)
    rows = [
        shape("box", (u, v), (a + 0.015, b + 0.015), np.clip(frame, 0, 1)),
        shape("box", (u, v), (a, b), light, soft=0.004),
    ]
    thin = rng.uniform(0.002, 0.01)
    rows += [
        shape("box", (u + a * x, v), (thin, b), np.clip(frame, 0, 1))
        for x in rng.uniform(-0.7, 0.7, int(rng.integers(0, 4)))
    ]
    bars = np.linspace(-1, 1, int(rng.integers(2, 14)))[1:-1]
    return rows + [shape("box", (u, v + b * y), (a, thin), np.clip(frame, 0, 1)) for y in bars]


def _shelves(canvas: Canvas, rng: np.random.Generator, palette: Array) -> None:
    """Rows of books or goods."""
    canvas.fill(palette[0] * rng.uniform(0.2, 0.8))
    rows, v = [], -0.55 + rng.uniform(0, 0.1)
    high = rng.uniform(0.07, 0.22)
    while v < 0.55:
        u = -0.5
        while u < 0.5:
            wide = rng.uniform(0.008, 0.05) * (1 if rng.random() < 0.85 else 2.5)
            tall = high * rng.uniform(0.5, 0.92)
            colour = np.clip(palette[rng.integers(6)] * np.exp(rng.normal(0, 0.35)) + rng.normal(0, 0.07, 3), 0, 1)
            rows.append(
                shape(
                    "box",
                    (u + wide / 2, v + high - tall / 2),
                    (wide / 2, tall / 2),
                    colour,
                    angle=rng.normal(0, 0.03),
                )
            )
            u += wide * rng.uniform(1, 1.15)
        rows.append(shape("box", (0, v + high + 0.008), (1, 0.008), np.clip(palette[1] * 1.1, 0, 1)))
        v += high + 0.016
    canvas.shapes(np.stack(rows))


def _street(canvas: Canvas, rng: np.random.Generator, palette: Array) -> None:
    """Sky, buildings with windows, cars or stalls below, signs."""
    canvas.gradient(np.clip(palette[0] + 0.3, 0, 1), np.clip(palette[1] + 0.4, 0, 1), (0, -0.5), (0, 0.3))
    rows: list[Array] = []
    for _ in range(int(rng.integers(1, 6))):
        u, wide, top = rng.uniform(-0.5, 0.5), rng.uniform(0.06, 0.3), rng.uniform(-0.7, 0.1)
        wall = np.clip(palette[rng.integers(6)] * rng.uniform(0.4, 1.1), 0, 1)
        rows.append(shape("box", (u, top + 0.8), (wide, 0.8), wall, angle=rng.normal(0, 0.03)))
        n, m = int(rng.integers(2, 8)), int(rng.integers(3, 11))
        pane = np.clip(wall * rng.choice([0.35, 1.7]) + rng.normal(0, 0.04, 3), 0, 1)
        for i in range(n):
            for j in range(m):
                if rng.random() < 0.85:
                    place = (u + wide * (2 * (i + 0.5) / n - 1), top + 0.04 + 0.9 * (j + 0.5) / m)
                    rows.append(
                        shape("box", place, (0.6 * wide / n, 0.27 / m), np.clip(pane + rng.normal(0, 0.05), 0, 1))
                    )
    rows += list(_boxes(rng, palette, int(rng.integers(0, 12)), 0.01, 0.12, 0.004, low=-0.05))
    for _ in range(int(rng.integers(0, 4))):
        rows.append(
            shape(
                "box",
                (rng.uniform(-0.5, 0.5), 0),
                (rng.uniform(0.002, 0.012), 1),
                palette[rng.integers(6)] * 0.4,
                angle=rng.normal(0, 0.08),
            )
        )
    canvas.shapes(np.stack(rows))


def _foliage(canvas: Canvas, rng: np.random.Generator, palette: Array) -> None:
    """Leaves, grass, rocks, sand: several structures over each other, light between."""
    base = palette[0]
    if rng.random() < 0.6:
        base = np.array(
            colorsys.hsv_to_rgb(rng.uniform(0.12, 0.42), rng.uniform(0.1, 0.7), rng.uniform(0.15, 0.7))
        )
    canvas.fill(base)
    size = np.exp(rng.uniform(np.log(0.4), np.log(2.5)))
    for kind in rng.choice(["leaves", "cells", "stones", "rough", "blobs", "ridges"], 3, replace=False):
        relief = sample(
            canvas, str(kind), int(rng.integers(1 << 16)), size * np.exp(rng.normal(0, 0.4)), rng.uniform(0, 6)
        )
        canvas.out[...] *= np.exp(rng.uniform(0.08, 0.5) * relief)[..., None]
    gaps = sample(canvas, "smoke", int(rng.integers(1 << 16)), size)
    _mix(
        canvas,
        np.clip(palette[1] + 0.4, 0, 1),
        (np.clip(gaps - rng.uniform(0.2, 2.0), 0, 1) * 0.9).astype(np.float32),
    )
    if rng.random() < 0.5:
        trunks = [
            shape(
                "ellipse",
                (rng.uniform(-0.5, 0.5), rng.uniform(-0.4, 0.4)),
                (rng.uniform(0.004, 0.05), 1.0),
                0.3 * palette[2],
                angle=rng.normal(0, 0.3),
            )
            for _ in range(int(rng.integers(1, 7)))
        ]
        canvas.shapes(np.stack(trunks))


def _lights(canvas: Canvas, rng: np.random.Generator, palette: Array) -> None:
    """Paint a dark place with lights in it."""
    canvas.gradient(0.12 * palette[0], 0.3 * palette[1], (0, -0.4), (0, 0.5))
    rows = list(_boxes(rng, 0.4 * palette, int(rng.integers(0, 7)), 0.03, 0.25, 0.01))
    r = np.exp(rng.uniform(np.log(0.004), np.log(0.05)))
    for _ in range(int(rng.integers(8, 60))):
        colour = np.clip(0.5 + palette[rng.integers(6)], 0, 1)
        radius = r * rng.uniform(0.6, 1.3)
        rows.append(
            shape("ellipse", _spot(rng), (radius, radius), colour, soft=0.3 * radius, opacity=rng.uniform(0.2, 1))
        )
    canvas.shapes(np.stack(rows))


def _horizon(canvas: Canvas, rng: np.random.Generator, palette: Array) -> None:
    """Sky over water, sand, fields or hills."""
    sky = np.array(colorsys.hsv_to_rgb(rng.normal(0.58, 0.06) % 1, rng.uniform(0, 0.55), rng.uniform(0.55, 1)))
    canvas.gradient(sky, 0.4 * sky + 0.6, (0, -0.6), (0, 0.1))
    clouds = sample(canvas, "smoke", int(rng.integers(1 << 16)), (0.6, 1.4))
    _mix(canvas, np.ones(3), (rng.uniform(0, 0.7) * np.clip(clouds, 0, 1)).astype(np.float32))
    line, tilt = rng.uniform(-0.35, 0.3), rng.normal(0, 0.04)
    rows = [shape("box", (0, line + 2), (3, 2), palette[2], angle=tilt)]
    for _ in range(int(rng.integers(0, 6))):
        rows.append(
            shape(
                "ellipse",
                (rng.uniform(-0.6, 0.6), line + 0.02),
                (rng.uniform(0.05, 0.4), rng.uniform(0.01, 0.15)),
                np.clip(palette[rng.integers(6)] * 0.7, 0, 1),
            )
        )
    rows.append(shape("box", (0, line + 2 + rng.uniform(0.03, 0.3)), (3, 2), palette[3] * 0.8, angle=tilt))
    canvas.shapes(np.stack(rows))
    ground = sample(
        canvas, str(rng.choice(["rough", "fibre", "leaves", "grain"])), int(rng.integers(1 << 16)), (0.8, 2.0)
    )
    below = 1 / (1 + np.exp(-40 * (canvas.place[1] + (np.arange(len(canvas.out)) + 0.5) * canvas.place[2] - line)))
    canvas.out[...] *= np.exp(rng.uniform(0.05, 0.3) * ground * below[:, None])[..., None]


def _things(canvas: Canvas, rng: np.random.Generator, palette: Array) -> None:
    """Shapes over shapes of all sizes, as occlusions make them in any photo."""
    _ground(canvas, rng, palette)
    rows = []
    n = int(rng.integers(20, 110))
    sizes = np.sort(0.012 / rng.uniform(0.04, 1.0, n))[::-1]
    for size in sizes:
        kind = "box" if rng.random() < 0.5 else "ellipse"
        colour = np.clip(palette[rng.integers(6)] * np.exp(rng.normal(0, 0.3)) + rng.normal(0, 0.06, 3), 0, 1)
        rows.append(
            shape(
                kind,
                _spot(rng),
                (size, size * np.exp(rng.normal(0, 0.7))),
                colour,
                angle=rng.choice([rng.normal(0, 0.05), rng.uniform(0, 3)]),
            )
        )
    canvas.shapes(np.stack(rows))
    canvas.out[...] *= np.exp(
        rng.uniform(0, 0.3) * sample(canvas, str(rng.choice(KINDS)), int(rng.integers(1 << 16)), 1.0)
    )[..., None]


def _cells(canvas: Canvas, rng: np.random.Generator, palette: Array) -> None:
    """Patches of colour: any three textures, each between two colours."""
    _ground(canvas, rng, palette)
    for i in range(3):
        kind = KINDS[rng.integers(len(KINDS))]
        size = np.exp(rng.uniform(np.log(0.2), np.log(2.0)))
        t = sample(
            canvas, kind, int(rng.integers(1 << 16)), (size, size * np.exp(rng.normal(0, 0.5))), rng.uniform(0, 3)
        )
        _mix(
            canvas, palette[i + 2], (rng.uniform(0.3, 1) / (1 + np.exp(-rng.uniform(1, 8) * t))).astype(np.float32)
        )


def _people(canvas: Canvas, rng: np.random.Generator, familiar: Array) -> None:
    """Others in the background, without a face."""
    rows = []
    for _ in range(int(rng.integers(1, 4))):
        s = rng.uniform(0.03, 0.14)
        u, v = rng.uniform(-0.45, 0.45), rng.uniform(-0.2, 0.45)
        skin, hair, cloth = (
            np.clip(c * np.exp(rng.normal(0, 0.25)), 0, 1)
            for c in (familiar[0], familiar[1], rng.uniform(0.05, 0.9, 3))
        )
        rows += [
            shape("ellipse", (u, v + 2.9 * s), (1.7 * s, 1.9 * s), cloth),
            shape("ellipse", (u, v - 0.15 * s), (0.85 * s, 1.05 * s), hair),
            shape("ellipse", (u, v + 0.2 * s), (0.62 * s, 0.8 * s), skin),
        ]
    canvas.shapes(np.stack(rows))


def _boxes(
    rng: np.random.Generator,
    palette: Array,
    n: int,
    low_size: float,
    high_size: float,
    soft: float,
    low: float = -0.6,
) -> Array:
    rows = []
    for _ in range(n):
        a, b = np.exp(rng.uniform(np.log(low_size), np.log(high_size), 2))
        colour = np.clip(palette[rng.integers(6)] * np.exp(rng.normal(0, 0.35)), 0, 1)
        u, v = rng.uniform(-0.5, 0.5), rng.uniform(low, 0.6)
        kind = "box" if rng.random() < 0.8 else "ellipse"
        rows.append(shape(kind, (u, v), (a, b), colour, angle=rng.normal(0, 0.06), soft=soft * rng.random()))
    return np.stack(rows) if rows else np.zeros((0, 11))


def _spot(rng: np.random.Generator) -> tuple[float, float]:
    return float(rng.uniform(-0.5, 0.5)), float(rng.uniform(-0.6, 0.6))


_PAINTERS = {
    "wall": _wall,
    "room": _room,
    "shelves": _shelves,
    "street": _street,
    "leaves": _foliage,
    "lights": _lights,
    "horizon": _horizon,
    "things": _things,
    "cells": _cells,
}
