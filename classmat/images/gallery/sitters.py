"""People for snapshots: any pose, hair, clothes and things on the head, painted roughly and fast."""

import colorsys
import dataclasses

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from .canvas import Canvas, Field, Frame, shape
from .face import paint_head
from .painting import Painting
from .pose import Pose
from .strands import grow, normals, spline, taper, tone
from .style import RGB, PortraitStyle
from .textures import sample

Array = NDArray[np.float64]
_SIDES = (-1.0, 1.0)
LENGTHS = ("bald", "cropped", "short", "chin", "long", "cloud", "up")


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
    size = float(np.clip(np.exp(rng.normal(np.log(0.265), 0.25)), 0.13, 0.5))
    if rng.random() < 0.12:
        size *= rng.uniform(0.55, 0.85)
    top = rng.normal(0.055, 0.07) + max(0.0, 0.5 * (0.24 - size)) + (rng.random() < 0.12) * rng.uniform(0.05, 0.25)
    shift = (
        float(rng.normal(0, 0.045) + (rng.random() < 0.15) * rng.normal(0, 0.12)),
        float(-0.5 + top + 1.13 * size),
    )
    bright = rng.choice(
        [rng.uniform(0.03, 0.25), rng.uniform(0.75, 1.0), rng.uniform(0.1, 0.97)], p=[0.38, 0.14, 0.48]
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
    red, blue = level * rng.normal(0.36, 0.07), level * rng.normal(0.085, 0.06)
    r, g, b = np.clip([level + 0.65 * red, level - 0.35 * red, level - 0.35 * red - blue], 0.03, 0.98).tolist()
    return r, g, b


def _hair_colour(style: PortraitStyle, rng: np.random.Generator) -> RGB:
    if rng.random() < 0.05:
        return colorsys.hsv_to_rgb(rng.uniform(), rng.uniform(0.3, 0.9), rng.uniform(0.3, 0.9))
    colour = np.array(style.hair_colour) * np.exp(rng.normal(0.1, 0.3))
    colour = colour.mean() + rng.uniform(0.35, 0.9) * (colour - colour.mean())
    r, g, b = np.clip(colour, 0.02, 0.95).tolist()
    return r, g, b


class Sitter:
    """Paints one person; `rng` draws all that the figure leaves open.

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
        self.length = str(rng.choice(LENGTHS, p=[0.07, 0.12, 0.26, 0.13, 0.26, 0.07, 0.09]))
        self.cover = str(
            rng.choice(
                ["none", "cap", "beanie", "brim", "hood", "band", "scarf"],
                p=[0.79, 0.05, 0.06, 0.02, 0.04, 0.03, 0.01],
            )
        )
        self.hair = self._hair_field()
        self.fabric = self._fabric(self.cloth)
        self.second = self._fabric(np.clip(self._colour(), 0, 1))

    @property
    def colours(self) -> Array:
        """The colours (3, 3) of skin, hair and clothes."""
        return np.stack([self.skin, self.hair_colour, self.cloth])

    def paint(self, painting: Painting) -> None:
        """Paint the person from back to front."""
        contour = self._contour()
        self._back(painting, contour)
        self._torso(painting)
        paint_head(painting, self.figure, self.frame, self.rng)
        if self.rng.random() < 0.17:
            self._beard(painting)
        self._front(painting, contour)
        if self.rng.random() < 0.3:
            self._glasses(painting)
        self._headgear(painting)
        if self.rng.random() < 0.14:
            self._arm(painting)

    # Hair

    def _contour(self) -> Array:
        """Return the right and left silhouettes of the hair (2, n, 2), from the crown down."""
        rng = self.rng
        if self.length in ("bald", "cropped"):
            lift, wide = rng.uniform(0.0, 0.08), rng.uniform(0.76, 0.82)
        else:
            lift, wide = abs(rng.normal(0.12, 0.12)), rng.uniform(0.8, 1.02)
        if self.length == "cloud":
            lift, wide = rng.uniform(0.15, 0.6), rng.uniform(1.0, 1.6)
        low = {"chin": rng.uniform(0.7, 1.2), "long": rng.uniform(1.2, 3.4), "cloud": rng.uniform(0.3, 1.2)}.get(
            self.length, 0.25
        )
        sides = []
        for side in _SIDES:
            w = wide * np.exp(rng.normal(0, 0.07))
            points = [[0.0, -1 - lift], [0.45 * w, -0.95 - 0.8 * lift], [0.85 * w, -0.6 - 0.3 * lift], [w, -0.15]]
            if self.length in ("chin", "long", "cloud"):
                flare = w * rng.uniform(0.9, 1.35)
                drop = low * np.exp(rng.normal(0, 0.08))
                points += [
                    [0.5 * (w + flare), 0.5 * drop],
                    [flare, 0.8 * drop],
                    [flare * rng.uniform(0.7, 1.05), drop],
                ]
            else:
                points += [[0.78, rng.uniform(0.05, 0.3)]]
            curve = spline(points, np.linspace(0, 1, 100))
            wobble = ndimage.gaussian_filter1d(rng.standard_normal(100), rng.uniform(2, 9), mode="nearest")
            rough = rng.gamma(1.2, 0.02) + (self.length == "cloud") * 0.03
            curve = (
                curve
                + (rough * wobble / max(wobble.std(), 1e-6) * np.linspace(0.3, 1, 100))[:, None]
                * normals(curve[None])[0]
            )
            sides.append(curve * [side, 1])
        return np.stack(sides)

    def _back(self, painting: Painting, contour: Array) -> None:
        place = self.figure.head
        if self.length in ("chin", "long", "cloud"):
            left, right = contour
            painting.polygon(place(np.concatenate([right, left[::-1]])), self.hair)
            self._strands(painting, contour, 130, 0.9)
        if self.length == "up" or self.rng.random() < 0.05:
            angle, r = self.rng.normal(0, 0.6), self.rng.uniform(0.2, 0.5)
            centre = np.array([1.05 * np.sin(angle), -1.1 * np.cos(angle)])
            painting.polygon(place(centre + r * self._blob(0.08) * [1, 0.85]), self.hair)
        if self.length == "up" and self.rng.random() < 0.5:  # a tail
            side = self.rng.choice(_SIDES)
            tail = np.array(
                [[0.5, -0.5], [1.0, -0.2], [1.15, 0.6], [1.0, 1.9], [0.7, 1.8], [0.75, 0.4], [0.5, 0.1]]
            )
            painting.polygon(place(spline(tail, np.linspace(0, 1, 60)) * [side, 1]), self.hair)
        if self.cover in ("hood", "scarf"):
            ring = np.array([1.15, 1.3]) * self._blob(0.04) + [0, -0.05]
            painting.polygon(place(ring * self.rng.uniform(0.9, 1.1)), self.fabric)

    def _front(self, painting: Painting, contour: Array) -> None:
        rng, place = self.rng, self.figure.head
        if self.length == "bald":
            return
        brow = rng.choice([rng.uniform(-0.72, -0.5), rng.uniform(-0.5, -0.12)], p=[0.75, 0.25])
        part = rng.uniform(-0.45, 0.45)
        tilt = rng.normal(0, 0.12)
        x = np.linspace(-1, 1, 61)
        peak = rng.choice([0.0, rng.uniform(0, 0.25)])
        height = (
            brow - peak * np.exp(-(((x - part) / 0.25) ** 2)) + tilt * x + 0.5 * np.abs(x) ** rng.uniform(3, 7)
        )
        jag = ndimage.gaussian_filter1d(rng.standard_normal(61), rng.uniform(0.8, 4))
        height = height + rng.gamma(1.5, 0.015) * jag / jag.std()
        line = np.stack([0.735 * x, np.minimum(height, 0.15)], 1)
        top = contour[:, :54]
        cap = np.concatenate([line, top[1][::-1], top[0]])
        painting.polygon(place(cap), self.hair)
        if self.length in ("chin", "long") or (self.length == "cloud" and rng.random() < 0.5):
            for i, side in enumerate(_SIDES):
                cut = rng.uniform(0.5, 0.74)
                outer = contour[i]
                inner = np.stack(
                    [
                        side
                        * np.interp(
                            outer[:, 1],
                            [-0.6, -0.2, 0.4, 1.0, 3],
                            [0.6, cut, cut, cut - rng.uniform(0, 0.3), 0.55],
                        ),
                        outer[:, 1],
                    ],
                    1,
                )
                lower = outer[:, 1] > -0.6
                end = int(rng.uniform(55, 100)) if rng.random() < 0.3 else 100
                locks = np.concatenate([outer[lower][:end], inner[lower][:end][::-1]])
                if rng.random() < 0.85:
                    painting.polygon(place(locks), self.hair)
        self._strands(painting, contour, 170, 1.05)
        self._inner(painting, line)

    def _inner(self, painting: Painting, line: Array) -> None:
        """Strands over the forehead and through the hair."""
        rng, k = self.rng, 60
        roots = line[rng.integers(len(line), size=k)] - np.stack([np.zeros(k), rng.uniform(0, 0.35, k)], 1)
        curves = grow(
            roots, np.pi / 2 + rng.normal(0, 0.9, k), rng.uniform(0.08, 0.4, k), 8, bend=rng.normal(0, 0.6, k)
        )
        self._stroke(painting, curves, 1.1, 0.02)

    def _strands(self, painting: Painting, contour: Array, k: int, brightness: float) -> None:
        """Strands along the silhouette and out of it."""
        rng = self.rng
        loose = rng.gamma(1.5, 0.5)
        i, j = rng.integers(2, size=k), rng.integers(2, 100, size=k)
        along = np.gradient(contour, axis=1)[i, j]
        angle = np.arctan2(along[:, 1], along[:, 0]) - np.where(i == 1, 1, -1) * rng.uniform(
            -0.2, 0.5 + 0.4 * loose, k
        )
        roots = contour[i, j] * (1 - 0.12 * rng.random(k))[:, None]
        lengths = rng.gamma(2.0, 0.06, k) * min(loose, 1.6)
        curves = grow(roots, angle, lengths, 8, droop=rng.uniform(0, 0.5, k), bend=rng.normal(0, 0.8, k))
        self._stroke(painting, curves, brightness, 0.016)

    def _stroke(self, painting: Painting, curves: Array, brightness: float, width: float) -> None:
        colours = tone(brightness * self.hair_colour, curves, self.rng, 0.3).clip(0, 1)
        widths = taper(
            len(curves), curves.shape[1], self.rng, width * self.rng.uniform(0.5, 1.5) * self.style.size
        )
        painting.strokes(self.figure.head(curves), widths, colours)

    def _hair_field(self) -> Field:
        rng, figure, colour = self.rng, self.figure, self.hair_colour
        seed = int(rng.integers(1 << 16))
        amount, patches, sheen = rng.uniform(0.05, 0.35), rng.uniform(0.1, 0.5), rng.uniform(0, 0.5)
        around, outwards = rng.uniform(0.25, 0.9), rng.uniform(0.15, 0.9)
        kind = "rough" if self.length == "cloud" else "fibre"
        u, v = figure.head(np.array([rng.normal(0, 0.2), -0.6]))
        polar = np.array([u, v])
        shine = shape(
            "gaussian",
            figure.head(np.array([rng.normal(0, 0.3), -0.8])),
            (0.5 * self.style.size, 0.2 * self.style.size),
            np.clip(2 * colour + 0.15, 0, 1),
            opacity=sheen,
        )[None]
        shadow = shape(
            "gaussian",
            figure.head(np.array([0.0, 0.9])),
            (0.9 * self.style.size, 0.5 * self.style.size),
            0.3 * colour,
            opacity=0.5,
        )[None]

        def field(canvas: Canvas) -> None:
            canvas.fill(colour).shapes(shadow).shapes(shine)
            if kind == "fibre":
                streaks = sample(canvas, kind, seed, (outwards, around), polar=polar)
            else:
                streaks = sample(canvas, kind, seed, 1.5 / self.style.size * 0.3)
            light = sample(canvas, "cloud", seed + 1, 0.3 / self.style.size * 0.3)
            canvas.out[...] *= np.exp(amount * streaks + patches * light)[..., None]

        return field

    # Body

    def _torso(self, painting: Painting) -> None:
        rng, figure = self.rng, self.figure
        wide = rng.uniform(1.15, 2.0) if rng.random() < 0.14 else rng.uniform(1.75, 2.75)
        neck, slope = rng.uniform(0.36, 0.6), rng.uniform(0.1, 0.5)
        base = rng.uniform(1.15, 1.4)
        halves = []
        for side in _SIDES:
            w = wide * np.exp(rng.normal(0, 0.12))
            drop = base + slope + rng.normal(0, 0.12)
            outer = [
                [neck, 0.6],
                [neck * 1.02, base - 0.15],
                [neck + 0.25, base + 0.05],
                [0.7 * w, drop],
                [w, drop + 0.35],
                [w * rng.uniform(0.98, 1.12), drop + 1.0],
                [w * rng.uniform(0.85, 1.3), 3.6],
                [w * rng.uniform(0.7, 1.3), 9.0],
            ]
            halves.append(spline(outer, np.linspace(0, 1, 90)) * [side, 1])
        skin = self._skin_field()
        whole = figure.torso(np.concatenate([halves[0][::-1], halves[1]]))
        painting.polygon(whole, skin)
        bare = rng.random() < 0.08
        kind = rng.choice(
            ["crew", "vee", "scoop", "straps", "collar", "jacket", "high"],
            p=[0.24, 0.14, 0.12, 0.08, 0.16, 0.18, 0.08],
        )
        depth = {
            "crew": 0.15,
            "vee": 0.9,
            "scoop": 0.7,
            "straps": 1.0,
            "collar": 0.4,
            "jacket": 0.5,
            "high": -0.25,
        }[kind] + rng.uniform(-0.1, 0.25)
        if not bare:
            self._cloth(painting, halves, base, depth, kind, neck)
        if rng.random() < 0.12:
            self._wrapped(painting, base)

    def _cloth(
        self, painting: Painting, halves: list[Array], base: float, depth: float, kind: str, neck: float
    ) -> None:
        rng, figure = self.rng, self.figure
        open_at = neck + (rng.uniform(0.5, 1.0) if kind in ("straps", "scoop") else rng.uniform(-0.06, 0.2))
        open_at = min(open_at, *(0.8 * np.abs(h[:, 0]).max() for h in halves))
        x = np.linspace(-1, 1, 41)
        dip = 1 - np.abs(x) if kind in ("vee", "collar", "jacket") else np.sqrt(1 - x**2)
        outline = [halves[0][::-1], halves[1]]
        start = [h[np.abs(h[:, 0]) >= open_at - 1e-9] for h in halves]
        start = [s[s[:, 1] > base - 0.4] for s in start]
        line = np.stack([open_at * x, np.interp(x, [-1, 1], [start[0][0, 1], start[1][0, 1]]) + depth * dip], 1)
        puff = 1.03
        outline = [start[0][::-1] * [puff, 1], line, start[1] * [puff, 1]]
        painting.polygon(figure.torso(np.concatenate(outline)), self.fabric)
        dark = 0.5 * self.cloth
        self._folds(painting, base, depth)
        if rng.random() < 0.7:
            seam = figure.torso(line)
            width = rng.uniform(0.015, 0.06) * self.style.size
            painting.strokes(
                seam[None],
                np.full((1, 41), width),
                np.broadcast_to(dark if rng.random() < 0.6 else self._colour(), (1, 41, 3)),
                opacity=0.8,
            )
        if kind in ("collar", "jacket"):
            lapel = self.second if kind == "jacket" else self.fabric
            for side in _SIDES:
                wing = np.array(
                    [
                        [0.03, depth],
                        [neck * 0.9, -0.18],
                        [neck + 0.22, -0.05],
                        [neck + 0.35, rng.uniform(0.4, 1.3)],
                        [0.25, depth + rng.uniform(0.0, 0.9)],
                    ]
                ) + np.array([0, base])
                painting.polygon(figure.torso((wing + 0.03) * [side, 1]), dark, opacity=0.6)
                painting.polygon(figure.torso(wing * [side, 1]), lapel)
        if kind == "jacket":
            for side in _SIDES:
                half = halves[int(side > 0)]
                edge = np.array(
                    [[rng.uniform(0.1, 0.5), 6.0], [rng.uniform(0.1, 0.5), 2.8], [0.75, base + 0.05]]
                ) * [side, 1]
                painting.polygon(
                    figure.torso(np.concatenate([half[half[:, 1] > base + 0.1] * [1.03, 1], edge])), self.second
                )
        if rng.random() < 0.25:  # a print, a badge, a necklace, a tie
            at = np.array([rng.normal(0, 0.3), base + depth + rng.uniform(0.4, 1.4)])
            mark = rng.uniform(0.08, 0.6) * self._blob(0.1) * rng.uniform(0.4, 1.4, 2) + at
            painting.polygon(figure.torso(mark), self._colour(), opacity=rng.uniform(0.5, 1))

    def _folds(self, painting: Painting, base: float, depth: float) -> None:
        """Paint creases and seams, dark and bright."""
        rng, k = self.rng, int(self.rng.integers(0, 22))
        roots = np.stack([rng.normal(0, 1.0, k), base + max(depth, 0.2) + 0.3 + rng.gamma(1.5, 0.6, k)], 1)
        curves = grow(
            roots, np.pi / 2 + rng.normal(0, 0.7, k), rng.uniform(0.2, 1.3, k), 8, bend=rng.normal(0, 0.7, k)
        )
        tints = np.where(rng.random((k, 1, 1)) < 0.6, 0.45 * self.cloth, np.minimum(1.4 * self.cloth + 0.08, 1))
        widths = taper(k, 8, rng, rng.uniform(0.02, 0.1) * self.style.size)
        painting.strokes(
            self.figure.torso(curves), widths, np.broadcast_to(tints, (k, 8, 3)), opacity=rng.uniform(0.2, 0.7)
        )

    def _wrapped(self, painting: Painting, base: float) -> None:
        """Paint a scarf or a thick collar."""
        wide, high = self.rng.uniform(0.7, 1.2), self.rng.uniform(0.3, 0.55)
        ring = self._blob(0.06) * [wide, high] + [0, base - 0.05]
        painting.polygon(self.figure.torso(ring), self.second)

    def _arm(self, painting: Painting) -> None:
        """Paint an arm raised to the camera or the head, with or without a hand."""
        rng = self.rng
        side = rng.choice(_SIDES)
        if rng.random() < 0.5:  # out of the frame
            points = np.array(
                [
                    [1.5, 2.4],
                    [rng.uniform(1.8, 2.6), rng.uniform(1.2, 2.4)],
                    [rng.uniform(2.2, 4), rng.uniform(-0.4, 1.8)],
                ]
            )
        else:
            points = np.array(
                [
                    [rng.uniform(1.2, 2.0), 3.8],
                    [rng.uniform(1.1, 1.9), 2.4],
                    [rng.uniform(0.5, 1.0), rng.uniform(0.4, 1.4)],
                ]
            )
        curve = spline(points, np.linspace(0, 1, 24)) * [side, 1]
        cut = int(rng.integers(0, 24))
        width = np.linspace(rng.uniform(0.3, 0.5), rng.uniform(0.17, 0.3), 24)
        skin = self._skin_field()
        for field, part, thick in ((skin, slice(0, 24), 1.0), (self.fabric, slice(0, cut), 1.15)):
            middle = curve[part]
            if len(middle) > 2:
                offset = normals(middle[None])[0] * (thick * width[part])[:, None]
                painting.polygon(
                    self.figure.torso(np.concatenate([middle + offset, (middle - offset)[::-1]])), field
                )
        hand = rng.uniform(0.25, 0.42) * self._blob(0.1) * [1, rng.uniform(0.8, 1.5)] + curve[-1]
        painting.polygon(self.figure.torso(hand), skin)

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

    # Cloth

    def _fabric(self, colour: Array) -> Field:
        rng, size = self.rng, self.style.size
        seed, other = int(rng.integers(1 << 16)), self._colour()
        kind = str(rng.choice(["plain", "stripes", "checks", "print", "knit"], p=[0.45, 0.11, 0.13, 0.2, 0.11]))
        period, angle = rng.uniform(0.06, 0.5) * size, rng.choice([0, np.pi / 2]) + rng.normal(0, 0.1)
        duty, strong = rng.uniform(0.1, 0.6), rng.uniform(0.3, 0.95)
        folds, weave, hard = rng.gamma(2.5, 0.09), rng.gamma(1.2, 0.035), rng.uniform(1, 7)
        spots = str(rng.choice(["blobs", "leaves", "cells", "smoke", "stones"]))
        bend = rng.uniform(0, 3)
        fold_kind = str(rng.choice(["folds", "cloud", "drapes"]))
        centre = (*self.figure.torso(np.array([rng.normal(0, 0.5), 2.6])), 2.6 * size, 1.9 * size, 0.0)

        def field(canvas: Canvas) -> None:
            canvas.fill(colour)
            if kind in ("stripes", "checks"):
                canvas.stripes(other, period, angle, duty=duty, soft=0.05, opacity=strong)
            if kind == "checks":
                canvas.stripes(other, period, angle + np.pi / 2, duty=duty, soft=0.05, opacity=0.8 * strong)
            if kind == "print":
                t = sample(canvas, spots, seed + 5, 0.35 / size)
                canvas.out[...] += (strong / (1 + np.exp(-hard * t)))[..., None] * (
                    other.astype(np.float32) - canvas.out
                )
            if kind == "knit":
                canvas.stripes(0.5 * colour, 0.3 * period, angle, duty=0.35, soft=0.4, opacity=strong)
                canvas.stripes(0.7 * colour, 0.2 * period, angle + np.pi / 2, duty=0.4, soft=0.5, opacity=0.5)
            relief = folds * sample(canvas, fold_kind, seed, (0.15 / size, 0.3 / size), bend)
            relief = relief + weave * sample(canvas, "grain", seed + 3, 0.8)
            canvas.out[...] *= np.exp(relief)[..., None]
            canvas.out[...] += 0.15 * weave * relief[..., None]
            canvas.shade(centre, self.style.light, 1 - 0.5 * self.style.contrast, 1.15)

        return field

    # Things on the head

    def _headgear(self, painting: Painting) -> None:
        rng, place = self.rng, self.figure.head
        if self.cover in ("none", "scarf"):
            return
        field = self.second
        low = rng.uniform(-0.62, -0.25)
        tilt = np.array([1.0, rng.normal(0, 0.08)])
        t = np.linspace(0, np.pi, 50)
        wide, tall = rng.uniform(0.82, 0.95), rng.uniform(0.65, 1.0)
        if self.cover in ("beanie", "cap", "brim"):
            dome = np.stack([-wide * np.cos(t), low - tall * np.sin(t) ** rng.uniform(0.6, 1)], 1)
            painting.polygon(place(dome + dome[:, :1] * tilt * [0, 1]), field)
        if self.cover == "beanie":
            band = np.array(
                [
                    [-wide - 0.03, low - 0.2],
                    [wide + 0.03, low - 0.2],
                    [wide + 0.02, low + 0.08],
                    [-wide - 0.02, low + 0.08],
                ]
            )
            painting.polygon(place(band), self.second if rng.random() < 0.5 else self.fabric)
            if rng.random() < 0.3:
                painting.polygon(place(0.25 * self._blob(0.15) + [0, low - tall - 0.1]), self._colour())
        if self.cover in ("cap", "brim"):
            reach = wide * (rng.uniform(1.5, 2.2) if self.cover == "brim" else rng.uniform(0.8, 1.05))
            shade = self._blob(0.01) * [reach, rng.uniform(0.08, 0.3)] + [rng.normal(0, 0.15), low + 0.02]
            painting.polygon(place(shade), 0.7 * self._colour())
        if self.cover == "hood":
            outer = np.array([1.15, 1.3]) * self._blob(0.03) + [0, -0.05]
            inner = np.array([rng.uniform(0.72, 0.9), rng.uniform(0.95, 1.1)]) * self._blob(0.02) + [0, 0.05]
            painting.polygon(
                place(np.concatenate([np.roll(outer, 30, 0), np.roll(inner, 30, 0)[::-1]])), self.fabric
            )
        if self.cover == "band":
            x = np.linspace(-1, 1, 30)
            y = low - 0.15 - 0.25 * np.cos(x)
            thick = rng.uniform(0.05, 0.16)
            band = np.concatenate([np.stack([0.84 * x, y - thick], 1), np.stack([0.84 * x, y + thick], 1)[::-1]])
            painting.polygon(place(band), field)

    def _glasses(self, painting: Painting) -> None:
        rng, figure = self.rng, self.figure
        dark = rng.random() < 0.3
        rim = rng.choice([rng.uniform(0.01, 0.15), rng.uniform(0.3, 0.8)]) * rng.uniform(0.6, 1, 3)
        wide, tall, power = rng.uniform(0.2, 0.27), rng.uniform(0.13, 0.22), rng.uniform(0.5, 1)
        t = np.linspace(0, 2 * np.pi, 41)
        for side in _SIDES:
            c, s = np.cos(t), np.sin(t)
            ring = np.stack([wide * np.sign(c) * np.abs(c) ** power, tall * np.sign(s) * np.abs(s) ** power], 1)
            ring = figure.face(ring + np.array([0.31 * side, 0.07]))
            if dark:
                painting.polygon(ring[:-1], 0.3 * rim, opacity=rng.uniform(0.6, 1))
            width = rng.uniform(0.01, 0.03) * self.style.size
            painting.strokes(ring[None], np.full((1, 41), width), np.broadcast_to(rim, (1, 41, 3)))
            bar = figure.face(np.array([[0.52 * side, 0.03], [0.65 * side, 0.0], [0.78 * side, -0.02]]))
            painting.strokes(bar[None], np.full((1, 3), 0.6 * width), np.broadcast_to(rim, (1, 3, 3)))
        bridge = figure.face(np.array([[-0.1, 0.03], [0.0, 0.01], [0.1, 0.03]]))
        painting.strokes(bridge[None], np.full((1, 3), width), np.broadcast_to(rim, (1, 3, 3)))

    def _beard(self, painting: Painting) -> None:
        rng = self.rng
        low, high = rng.uniform(0.98, 1.35), rng.uniform(0.2, 0.5)
        half = np.array([[0.72, 0.0], [0.74, 0.3], [0.66, 0.65], [0.42, low - 0.1], [0, low]])
        inner = np.array([[0, 0.46], [0.18, 0.47], [0.3, 0.6], [0.42, high], [0.62, 0.1]])
        outer = spline(half, np.linspace(0, 1, 30))
        right = np.concatenate([outer, inner])
        rag = 1 + 0.02 * rng.standard_normal((len(right), 1))
        for side in _SIDES:
            painting.polygon(self.figure.head(right * rag * [side, 1]), self.hair)
        mouth = self._blob(0.02) * [0.17, 0.045] + [0, 0.64]
        painting.polygon(self.figure.face(mouth), np.clip(np.array(self.style.lips), 0, 1))
        k = 70
        roots = right[rng.integers(len(right), size=k)] * np.stack([rng.choice(_SIDES, k), np.ones(k)], 1)
        self._stroke(
            painting, grow(roots, np.pi / 2 + rng.normal(0, 0.4, k), rng.uniform(0.05, 0.2, k), 6), 1.0, 0.02
        )

    # Small parts

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
