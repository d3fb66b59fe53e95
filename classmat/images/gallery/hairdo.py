"""The hair of a portrait: what is behind the head, and what is before it.

A hairdo is opaque masses with strands over them. Strands either flow between two guides (long hair, from the
parting down) or grow from the cap (short and curly hair). The masses end inside of the strands, so that it is
strands that the background shows through.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .canvas import Canvas, Field, Frame
from .painting import Painting
from .pose import Pose
from .strands import clump, flow, grow, normals, point_count, spline, taper, tone, wave

Array = NDArray[np.float64]

# From the right temple over the forehead to its middle, and the hair's silhouette beside it.
_HAIRLINE = np.array([[0.74, 0.12], [0.715, -0.12], [0.66, -0.36], [0.52, -0.6], [0.27, -0.71], [0, -0.73]])
_CONTOUR = np.array([[0.79, 0.16], [0.84, -0.15], [0.84, -0.5], [0.68, -0.87], [0.37, -1.07], [0, -1.13]])


class Hairdo:
    """Paints the hair of a pose, behind (`paint_back`) and before (`paint_front`) the head.

    Parameters
    ----------
    pose : Pose
    frame : Frame
    rng : numpy.random.Generator
        Draws every strand; each method must be called once, back first.
    """

    def __init__(self, pose: Pose, frame: Frame, rng: np.random.Generator) -> None:
        self.pose, self.style, self.frame, self.rng = pose, pose.style, frame, rng
        self.colour = np.array(self.style.hair_colour)
        self.volume = self.style.hair_volume
        base = 24 + int(30 * self.style.curl)
        self.points = point_count(frame, base)
        self._seed = int(rng.integers(1 << 30))

    def mass(self, brightness: float) -> Field:
        """Return the colour of a mass of hair: between strands one sees darker ones."""
        colour, style = brightness * self.colour, self.style
        body = (*self.pose.head((0, -0.1)), 1.05 * style.size, 1.2 * style.size, style.tilt)
        seed = self._seed

        def field(canvas: Canvas) -> Canvas:
            canvas.fill(colour).shade(body, style.light, 1 - 0.6 * style.contrast, 1.1)
            return canvas.noise(0.12 * colour, (60, 9), seed, octaves=4, gain=0.7)

        return field

    def paint_back(self, painting: Painting) -> None:
        """Paint what hangs or stands behind head and neck."""
        kind = self.style.hair_style
        if kind in ("long", "bob"):
            bottom = self._tips() - (0.1 if kind == "bob" else 0.25)
            wide = self._wide()
            inner = np.array([[0, -0.9], [0.05, 0], [0.08, 0.6 * bottom], [0.1, bottom]])
            outer = np.array([[0.3, -1.0], [0.85, -0.4], [0.95 * wide, 0.4 * bottom], [0.98 * wide, bottom]])
            for side in (-1, 1):
                self._sheet(
                    painting,
                    inner * [side, 1],
                    outer * [side, 1],
                    0.28,
                    0.42,
                    end=0.8 if kind == "bob" else 0.92,
                )
        elif kind == "curly":
            self._cloud(painting)

    def paint_front(self, painting: Painting) -> None:
        """Paint what lies over the head, then loose strands."""
        kind = self.style.hair_style
        if kind in ("long", "bob"):
            self._parted(painting)
        elif kind == "tied":
            self._tied(painting)
        else:
            self._cropped(painting)
        self._flyaways(painting)

    def _tips(self) -> float:
        """Return how far down the hair hangs."""
        if self.style.hair_style == "bob":
            return 0.55 + 0.5 * self.style.hair_length
        return 1.0 + 1.15 * self.style.hair_length

    def _wide(self) -> float:
        """Return the half-width of hanging hair."""
        return 0.92 + 0.22 * (self.volume - 1) * 2 + 0.14 * self.style.curl

    def _parted(self, painting: Painting) -> None:
        self._cap_mass(painting, 0.95, 0.95 + 0.1 * self.volume, 0.6)
        part, tips, wide = 0.32 * self.style.parting, self._tips(), self._wide()
        hang = 0.86 if self.style.hair_style == "bob" else 1.0
        for side in (-1, 1):
            p = part * side  # seen from this side, the parting lies this far in
            inner = [
                [p, -0.8],
                [0.5 * (p + 0.5), -0.71],
                [0.56, -0.45],
                [0.665, -0.05],
                [0.70, 0.45],
                [0.66, 0.5 + 0.3 * tips],
            ]
            inner += [[0.56 * hang, tips]] if tips > 1.2 else [[0.6 * hang, tips]]
            top = -1.12 - 0.07 * self.volume
            outer = [
                [p - 0.1, top + 0.02],
                [0.5 * (p + 0.72), top + 0.05],
                [0.78, -0.76],
                [0.90 * wide, -0.25],
                [0.98 * wide, 0.4],
            ]
            outer += [[1.02 * wide, 0.4 + 0.3 * tips], [hang * 1.04 * wide, tips - 0.05]]
            self._sheet(painting, np.array(inner) * [side, 1], np.array(outer) * [side, 1], 0.5, 0.72)

    def _sheet(
        self,
        painting: Painting,
        inner: Array,
        outer: Array,
        share: float,
        brightness: float,
        end: float = 0.84,
    ) -> None:
        """Paint a mass between two guides and a share of the strands flowing over it."""
        rng, k = self.rng, int(share * self.style.strands)
        n = self.points
        t = np.linspace(0, 1, 90)
        a, b = flow(inner, outer, np.array([0.05, 0.86]), np.stack([t * end, t * end]))
        painting.polygon(self.pose.head(np.concatenate([a, b[::-1]])), self.mass(brightness))
        across = rng.uniform(0, 1, k) ** 0.9
        edge = k // 6  # thins out beyond the guide
        across[:edge] = 0.86 + 0.07 * rng.gamma(1.6, 1.0, edge)
        rng.shuffle(across)
        begin = rng.uniform(0, 0.06, k) + 0.55 * rng.beta(0.5, 3, k)
        stop = 1.04 - 0.26 * rng.beta(1.1, 1.8, k)
        along = begin[:, None] + np.linspace(0, 1, n) * (stop - begin)[:, None]
        curves = flow(inner, outer, across, along)
        groups = np.floor(across * 34 + rng.normal(0, 0.3, k)).astype(np.int64)
        curves = clump(curves, groups - groups.min(initial=0), rng.uniform(0.1, 0.65, k))
        curl = self.style.curl
        length = np.hypot(*np.diff(outer, axis=0).T).sum()
        curves = wave(curves, rng, 0.012 + 0.05 * curl**1.3, (0.6 + 1.6 * curl) * length, unison=0.75)
        # Deep inside it is dark; what stands out of it catches the light.
        deep = 0.75 * (brightness < 0.5) * (1 - across.clip(0, 1) ** 4)
        self._stroke(painting, curves, 0.95, deep=deep)

    def _cap(self, around: Array, depth: Array, lift: float = 1.0) -> Array:
        """Return points between hairline (depth 0) and silhouette (1); around is -1 (left ear) to 1."""
        t = 1 - np.abs(around)
        low, high = spline(_HAIRLINE, t), spline(_CONTOUR, t)
        high = low + (high - low) * (1 + 0.5 * (lift - 1) * (1 + t[:, None]))
        return (low + depth[:, None] * (high - low)) * np.stack([np.where(around < 0, -1, 1), np.ones_like(t)], 1)

    def _cap_mass(self, painting: Painting, depth: float, lift: float, brightness: float) -> None:
        around = np.linspace(-1, 1, 161)
        ragged = 0.03 * np.sin(40 * around) + 0.02 * np.sin(71 * around + 1)
        low = self._cap(around, 0.05 + ragged, lift)
        high = self._cap(around, np.full(161, depth), lift)
        painting.polygon(self.pose.head(np.concatenate([low, high[::-1]])), self.mass(brightness))

    def _cropped(self, painting: Painting) -> None:
        """Short or curly hair: strands that grow from the cap, combed to the side of the parting."""
        rng, style = self.rng, self.style
        curly = style.hair_style == "curly"
        lift = 1.25 * self.volume if curly else 0.75 + 0.45 * self.volume
        self._cap_mass(painting, 0.9, lift, 0.62)
        k = int(1.15 * style.strands)
        around, depth = rng.uniform(-1, 1, k), rng.uniform(0, 0.97, k)
        order = np.argsort(-depth + rng.normal(0, 0.15, k))  # those at the hairline lie over those behind
        around, depth = around[order], depth[order]
        roots = self._cap(around, depth, lift)
        outward = np.arctan2(roots[:, 1] + 0.05, roots[:, 0])
        sweep = (0.9 if not curly else 0.3) * (np.sign(style.parting) or 1.0) * (1 - np.abs(around)) ** 0.7
        spread = 0.22 if not curly else 0.6
        lengths = (0.2 if not curly else 0.3) * style.hair_length * rng.uniform(0.5, 1.25, k)
        lengths *= 0.45 + 0.55 * (1 - np.abs(around)) ** 0.5
        # Over the forehead hair is lifted, not laid on the skin.
        curves = grow(
            roots,
            outward + sweep + rng.normal(0, spread, k),
            lengths,
            self.points,
            droop=0.2 if curly else 0.0,
            bend=rng.normal(0, 0.3, k) + 0.5 * sweep,
        )
        fringe = depth < 0.1
        curves[fringe] = self._fringe(roots[fringe], lengths[fringe], sweep[fringe])
        curves = self._styled(
            curves, around, 40, 0.006 + (0.03 if curly else 0.008) * style.curl, 1.5 + 2 * style.curl
        )
        self._stroke(painting, curves, 1.0)
        if not curly:
            self._sideburns(painting)

    def _fringe(self, roots: Array, lengths: Array, sweep: Array) -> Array:
        """Return strands at the hairline, which fall to the side that the hair is combed to."""
        rng, k = self.rng, len(roots)
        aside = np.where(sweep > 0, 0.25, np.pi - 0.25) + rng.normal(0, 0.45, k)
        return grow(roots, aside, 0.75 * lengths, self.points, droop=0.25, bend=rng.normal(0, 0.3, k))

    def _sideburns(self, painting: Painting) -> None:
        rng, k = self.rng, 90
        side = np.where(rng.uniform(size=k) < 0.5, -1.0, 1.0)
        roots = np.stack([side * rng.uniform(0.69, 0.765, k), rng.uniform(-0.25, 0.14, k)], 1)
        curves = grow(roots, np.pi / 2 + side * rng.normal(0.1, 0.12, k), rng.uniform(0.06, 0.13, k), self.points)
        self._stroke(painting, curves, 0.9)

    def _cloud(self, painting: Painting) -> None:
        """Curly hair behind the head: locks that stand out all around."""
        rng, style = self.rng, self.style
        k = int(0.9 * style.strands)
        angle = np.linspace(0, 2 * np.pi, 200)[:-1]
        low = 0.45 + 0.45 * style.hair_length
        reach = np.stack(
            [0.88 * self.volume * np.cos(angle), np.where(np.sin(angle) > 0, low, 1.08) * np.sin(angle)], 1
        )
        bumps = 1 + 0.025 * np.sin(9 * angle + 1) + 0.02 * np.sin(17 * angle)
        painting.polygon(self.pose.head(reach * bumps[:, None] - [0, 0.08]), self.mass(0.5))
        around = rng.uniform(0, 2 * np.pi, k)
        radius = rng.uniform(0.7, 1.0, k)
        edge = np.stack(
            [0.88 * self.volume * np.cos(around), np.where(np.sin(around) > 0, low, 1.08) * np.sin(around)], 1
        )
        lengths = 0.34 * style.hair_length * rng.uniform(0.4, 1.2, k)
        curves = grow(
            radius[:, None] * edge - [0, 0.08],
            around + rng.normal(0, 0.7, k),
            lengths,
            self.points,
            droop=0.3,
            bend=rng.normal(0, 0.8, k),
        )
        curves = self._styled(curves, around / np.pi - 1, 60, 0.012 + 0.03 * style.curl, 2 + 2 * style.curl)
        self._stroke(painting, curves, 0.8, deep=0.35)

    def _tied(self, painting: Painting) -> None:
        """Hair drawn back from the hairline to a bun above or behind the crown."""
        rng, style = self.rng, self.style
        bun = np.array([0.25 * style.parting, -1.16])
        size = 0.22 + 0.1 * self.volume
        self._bun(painting, bun - [0, 0.1], size)
        self._cap_mass(painting, 0.96, 0.95, 0.66)
        k = int(1.1 * style.strands)
        around = rng.uniform(-1, 1, k)
        begin, stop = rng.beta(0.7, 2.5, k), rng.uniform(0.85, 1.0, k)
        t = np.linspace(0, 1, self.points)
        depth = begin[:, None] + t * (np.maximum(stop, begin + 0.05) - begin)[:, None]
        # On its way back a strand moves up towards the bun.
        drift = around[:, None] * (1 - 0.5 * depth**1.5) + 0.12 * style.parting * depth**2
        curves = self._cap(drift.ravel(), depth.ravel(), 0.98).reshape(k, -1, 2)
        curves = self._styled(curves, around, 70, 0.004 + 0.012 * style.curl, 1 + 2 * style.curl)
        self._stroke(painting, curves, 1.0)

    def _bun(self, painting: Painting, centre: Array, size: float) -> None:
        rng, k = self.rng, self.style.strands // 4
        turn = np.linspace(0, 2 * np.pi, 80)[:-1]
        ring = size * np.stack([1.1 * np.cos(turn), 0.85 * np.sin(turn)], 1)
        painting.polygon(self.pose.head(centre + 0.93 * ring), self.mass(0.6))
        radius = size * np.sqrt(rng.uniform(0.02, 1.02, k))
        start, sweep = rng.uniform(0, 2 * np.pi, k), rng.uniform(0.7, 2.4, k)
        angle = start[:, None] + sweep[:, None] * np.linspace(0, 1, self.points)
        wobble = 1 + 0.12 * rng.normal(size=(k, 1)) * np.sin(angle)
        curves = centre + (radius[:, None] * wobble)[..., None] * np.stack(
            [1.1 * np.cos(angle), 0.85 * np.sin(angle)], -1
        )
        self._stroke(painting, curves, 0.95)

    def _flyaways(self, painting: Painting) -> None:
        """Loose strands around the silhouette, and some that have left the sheets."""
        rng, style = self.rng, self.style
        k = style.flyaways
        around = np.clip(rng.normal(0, 0.5, k), -1, 1)
        curly = style.hair_style == "curly"
        roots = self._cap(around, rng.uniform(0.75, 1.0, k), 1.2 if curly else 1.0)
        outward = np.arctan2(roots[:, 1] + 0.2, roots[:, 0])
        aside = np.sign(roots[:, 0]) * rng.uniform(0.3, 1.3, k)
        loose = 0.13 if style.hair_style in ("short", "tied") else 0.2
        curves = grow(
            roots,
            outward + aside + rng.normal(0, 0.3, k),
            loose * rng.gamma(2.5, 0.5, k),
            self.points,
            droop=rng.uniform(0.1, 0.8, k),
            bend=rng.normal(0, 0.9, k),
        )
        curves = wave(curves, rng, 0.01 + 0.03 * style.curl, 1 + 2 * style.curl, unison=0.1)
        self._stroke(painting, curves, 1.05, thin=0.62)
        if style.hair_style in ("long", "bob"):
            self._stray(painting)

    def _stray(self, painting: Painting) -> None:
        """Strands that hang beside the others, or fall into the face."""
        rng, k = self.rng, self.style.flyaways
        side = np.where(rng.uniform(size=k) < 0.5, -1.0, 1.0)
        wide = self._wide()
        top = np.stack([rng.uniform(0.75, 0.98, k) * wide, rng.uniform(-0.7, 0.9, k)], 1)
        top[: k // 8, 0] = rng.uniform(0.55, 0.7, k // 8)
        lengths = np.minimum(rng.uniform(0.4, 1.2, k), np.maximum(self._tips() + 0.15 - top[:, 1], 0.15))
        angle = np.pi / 2 - rng.normal(0.22, 0.22, k)
        curves = grow(top, angle, lengths, self.points, droop=0.7, bend=rng.normal(0, 0.5, k))
        curves = wave(curves, rng, 0.015 + 0.04 * self.style.curl, 1.2 + 2 * self.style.curl, unison=0.1)
        self._stroke(painting, curves * np.stack([side, np.ones(k)], 1)[:, None], 1.0, thin=0.62)

    def _styled(self, curves: Array, around: Array, groups: int, amplitude: float, turns: float) -> Array:
        """Return curves in clumps, by where they grow, and waved."""
        index = np.floor((around + 1) * groups + self.rng.normal(0, 0.7, len(around))).astype(np.int64)
        strength = self.rng.uniform(0.0, 0.55, len(around))
        # Strands of one group begin at different depths: only their shapes are drawn together.
        roots = curves[:, :1]
        curves = roots + clump(curves - roots, index - index.min(initial=0), strength)
        return wave(curves, self.rng, amplitude, turns, unison=0.6)

    def _stroke(
        self,
        painting: Painting,
        curves: Array,
        brightness: float,
        *,
        deep: ArrayLike = 0.0,
        thin: float = 1.0,
    ) -> None:
        """Shade strands given in head coordinates and paint them."""
        k, n = curves.shape[:2]
        colours = self._lit(curves, tone(brightness * self.colour, curves, self.rng))
        colours *= 1 - 0.5 * np.broadcast_to(deep, k)[:, None, None]
        widths = taper(k, n, self.rng, thin * self.style.strand_width)
        painting.strokes(self.pose.head(curves), widths, colours.clip(0, 1))

    def _lit(self, curves: Array, colours: Array) -> Array:
        """Return colours under the portrait's light: of a round head, with a sheen where strands face it."""
        light, c = np.array(self.style.light), self.style.contrast
        x, y = curves[..., 0] / 1.05, (np.minimum(curves[..., 1], 0.1) + 0.1) / 1.15
        d = np.maximum(np.hypot(x, y), 1e-9)
        reach = np.minimum(d, 1)
        lambert = 0.5 + 0.5 * ((x * light[0] + y * light[1]) * reach / d + np.sqrt(1 - reach**2) * light[2])
        across = normals(curves)
        facing = np.abs(across[..., 0] * light[0] + across[..., 1] * light[1]) + 0.35
        jitter = self.rng.normal(0, 0.07, (len(curves), 1))
        ring = (
            np.exp(-(((d + jitter - 0.78) / 0.13) ** 2))
            * (curves[..., 1] < 0.3)
            * np.minimum(facing, 1)
            * lambert**2
        )
        shaded = colours * (1.12 - 0.75 * c + 0.75 * c * lambert)[..., None]
        strong = self.rng.uniform(0.15, 1, (len(curves), 1))
        return shaded * (1 + 0.5 * ring * strong)[..., None] + 0.09 * (ring * strong)[..., None]
