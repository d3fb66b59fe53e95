"""What people wear in snapshots: clothes, scarves, hats, hoods, glasses; and arms."""

import numpy as np
from numpy.typing import NDArray

from .canvas import Canvas, Field, Frame
from .figures import Figure, Person
from .painting import Painting
from .strands import grow, normals, spline, taper
from .textures import sample

Array = NDArray[np.float64]
_SIDES = (-1.0, 1.0)
COVERS = ("none", "cap", "beanie", "brim", "hood", "band", "scarf")


class Dressed(Person):
    """A person with a wardrobe; see `Person`."""

    def __init__(self, figure: Figure, frame: Frame, rng: np.random.Generator) -> None:
        super().__init__(figure, frame, rng)
        self.cover = str(rng.choice(COVERS, p=[0.85, 0.03, 0.04, 0.01, 0.03, 0.03, 0.01]))
        self.fabric = self._fabric(self.cloth)
        self.second = self._fabric(np.clip(self._colour(), 0, 1))

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

    def _fabric(self, colour: Array) -> Field:
        rng, size = self.rng, self.style.size
        seed, other = int(rng.integers(1 << 16)), self._colour()
        kind = str(rng.choice(["plain", "stripes", "checks", "print", "knit"], p=[0.55, 0.09, 0.1, 0.16, 0.1]))
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
