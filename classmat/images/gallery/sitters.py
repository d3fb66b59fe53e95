"""People for snapshots: any hair and beard, painted roughly and fast."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .canvas import Canvas, Field, Frame, shape
from .face import paint_head
from .figures import Figure
from .painting import Painting
from .strands import grow, normals, spline
from .textures import sample
from .wardrobe import Dressed

Array = NDArray[np.float64]
_SIDES = (-1.0, 1.0)
LENGTHS = ("bald", "cropped", "short", "chin", "long", "cloud", "up")


class Sitter(Dressed):
    """Paints one person; see `Person`."""

    def __init__(self, figure: Figure, frame: Frame, rng: np.random.Generator) -> None:
        super().__init__(figure, frame, rng)
        self.length = str(rng.choice(LENGTHS, p=[0.05, 0.13, 0.28, 0.13, 0.28, 0.04, 0.09]))
        self.hair = self._hair_field()

    def paint(self, painting: Painting) -> None:
        """Paint the person from back to front."""
        contour = self._contour()
        self._back(painting, contour)
        self._torso(painting)
        paint_head(painting, self.figure, self.frame, self.rng)
        if self.rng.random() < 0.12:
            self._beard(painting)
        self._front(painting, contour)
        if self.rng.random() < 0.25:
            self._glasses(painting)
        self._headgear(painting)
        if self.rng.random() < 0.14:
            self._arm(painting)

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
                flare = w * rng.uniform(0.9, 1.25)
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
