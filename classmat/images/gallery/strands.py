"""Hair: curves that grow from roots or flow between guides, with waves and clumps; the `hair` scene."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import CubicSpline

from ..validate import as_count
from .canvas import Canvas, Field, Frame
from .painting import Painting, normals
from .scene import Scene, check_size
from .shapes import colour_pair

Array = NDArray[np.float64]


def spline(control: ArrayLike, t: Array) -> Array:
    """Return points at t in [0, 1] of a smooth curve through control points (m, 2), by chord length."""
    points = np.asarray(control, np.float64)
    knots = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
    curve: Array = CubicSpline(knots / knots[-1], points, bc_type="natural")(t)
    return curve


def flow(inner: ArrayLike, outer: ArrayLike, across: Array, along: Array) -> Array:
    """Return curves (k, n, 2) between two guides: `across` (k,) of the way, at `along` (k, n) of the length.

    What is more than 1 across leaves the outer guide gradually: at its beginning all strands are together.
    """
    a, b = spline(inner, along), spline(outer, along)
    beyond = np.maximum(across - 1, 0)[:, None] * np.minimum(1, 2 * along)
    return a + (np.minimum(across, 1)[:, None] + beyond)[..., None] * (b - a)


def grow(
    roots: Array, angles: Array, lengths: Array, points: int, *, droop: ArrayLike = 0.0, bend: ArrayLike = 0.0
) -> Array:
    """Return curves (k, n, 2) that start at roots (k, 2) in directions `angles` (k,) and bend on their way.

    droop (0 to 1) turns a strand towards the ground until its tip, bend turns it by so many radians.
    """
    t = np.linspace(0, 1, points)
    down = np.arctan2(np.sin(np.pi / 2 - angles), np.cos(np.pi / 2 - angles)) * np.asarray(droop)
    turned = np.broadcast_to(np.asarray(bend, np.float64), angles.shape)
    theta = angles[:, None] + down[:, None] * t**1.5 + turned[:, None] * t
    steps = np.stack([np.cos(theta), np.sin(theta)], -1)
    path = np.zeros_like(steps)
    path[:, 1:] = np.cumsum(0.5 * (steps[:, 1:] + steps[:, :-1]), axis=1) / (points - 1)
    return roots[:, None] + lengths[:, None, None] * path


def wave(
    curves: Array, rng: np.random.Generator, amplitude: ArrayLike, turns: float, *, unison: float = 0.5
) -> Array:
    """Add sideways waves that begin at the root; `unison` (0 to 1) says how far neighbours swing together."""
    k, n = curves.shape[:2]
    t = np.linspace(0, 1, n)
    own: Array = rng.uniform(0, 2 * np.pi, size=(k,))
    phase = np.where(rng.uniform(size=k) < unison, 0.35 * np.sin(own), own)
    rate: Array = turns * np.exp(rng.normal(0, 0.12, size=(k,)))
    size = np.broadcast_to(np.asarray(amplitude, np.float64), (k,)) * np.exp(rng.normal(0, 0.3, k))
    swing = size[:, None] * np.minimum(1, 3 * t) * np.sin(2 * np.pi * rate[:, None] * t + phase[:, None])
    slow = 0.5 * size[:, None] * t * np.sin(np.pi * (0.7 * rate[:, None] * t + own[:, None]))
    return curves + (swing + slow)[..., None] * normals(curves)


def clump(curves: Array, groups: NDArray[np.int64], strength: ArrayLike) -> Array:
    """Draw the tips of each group's strands together: by `strength` (0 to 1) at the tip, by 0 at the root."""
    n = curves.shape[1]
    count = np.bincount(groups)
    sums = np.zeros((len(count), *curves.shape[1:]))
    np.add.at(sums, groups, curves)
    centres = (sums / np.maximum(count, 1)[:, None, None])[groups]
    pull = np.broadcast_to(strength, len(curves))[:, None] * np.linspace(0, 1, n) ** 1.3
    return curves + pull[..., None] * (centres - curves)


def taper(k: int, points: int, rng: np.random.Generator, width: float) -> Array:
    """Return half-widths (k, n): a little thinner at the root, thinning to a fine tip; strands differ."""
    t = np.linspace(0, 1, points)
    profile = np.minimum(1, 0.6 + 4 * t) * (1 - 0.85 * t**2.2)
    return 0.5 * width * np.exp(rng.normal(0, 0.3, k))[:, None] * profile


def tone(colour: ArrayLike, curves: Array, rng: np.random.Generator, spread: float = 0.16) -> Array:
    """Return colours (k, n, 3) around a hair colour: strands differ, and each varies slowly along itself."""
    k, n = curves.shape[:2]
    t = np.linspace(0, 1, n)
    own = np.exp(rng.normal(0, spread, (k, 1)))
    slow = 1 + 0.12 * np.sin(2 * np.pi * (rng.uniform(0.5, 1.6, (k, 1)) * t + rng.uniform(size=(k, 1))))
    warm = 1 + rng.normal(0, 0.04, (k, 1, 1)) * [1, 0, -1]
    return np.asarray(colour) * (own * slow * (0.85 + 0.3 * t))[..., None] * warm


def point_count(frame: Frame, base: int) -> int:
    """Return how many points a curve needs to look smooth at a frame's size: chords err by length squared."""
    return min(8 * base, math.ceil(base * max(1.0, math.sqrt(frame.unit / 400))))


def hair(height: int = 240, width: int = 320, *, seed: int = 0, strands: int = 400) -> Scene:
    """Paint strands of hair that grow from a mound: tapering, curved, crossing, most narrower than a pixel.

    Parameters
    ----------
    height, width : int
        Size in pixels.
    seed : int
        Draws colours, background and strands.
    strands : int
        How many strands.

    Returns
    -------
    Scene
        A strand's coverage is the exact area of its outline in each pixel.

    Raises
    ------
    TypeError, ValueError
        If a size, the seed or the number of strands is not as described.

    Examples
    --------
    >>> scene = hair(60, 80, strands=20)
    >>> bool(((scene.alpha > 0) & (scene.alpha < 1)).any())
    True
    """
    height, width, seed = check_size(height, width, seed)
    strands = as_count(strands, name="strands")
    rng = np.random.Generator(np.random.PCG64(seed))
    frame = Frame(height, width, float(min(height, width)))
    front, back = colour_pair(rng)
    root_colour = 0.7 * front
    painting = Painting(_wall(back, rng), lambda canvas: canvas.fill(front))
    angle = np.pi / 2 + np.linspace(-np.pi, np.pi, 400)
    centre, axes = np.array([rng.uniform(-0.1, 0.1), frame.half[1] + 0.12]), np.array([0.42, 0.38])
    painting.polygon(centre + axes * np.stack([np.cos(angle), np.sin(angle)], 1)[:-1], root_colour)
    around = rng.uniform(-np.pi, 0, strands)
    outward = np.stack([np.cos(around), np.sin(around)], 1)
    curves = grow(
        centre + 0.97 * axes * outward,
        around + rng.normal(0, 0.25, strands),
        rng.uniform(0.2, 0.62, strands),
        point_count(frame, 32),
        droop=rng.uniform(0, 0.45, strands),
        bend=rng.normal(0, 0.5, strands),
    )
    groups = np.floor((around + np.pi) * 8 + rng.normal(0, 0.6, strands)).astype(np.int64)
    curves = wave(clump(curves, groups - groups.min(initial=0), 0.4), rng, 0.012, 2.5)
    shade = np.minimum(tone(front, curves, rng), 1)
    painting.strokes(curves, taper(strands, curves.shape[1], rng, 0.0045), shade)
    return painting.render(frame)


def _wall(colour: Array, rng: np.random.Generator) -> Field:
    seed = int(rng.integers(1 << 30))
    turn = rng.uniform(0, 2 * np.pi)
    direction = 0.7 * np.array([math.cos(turn), math.sin(turn)])

    def field(canvas: Canvas) -> Canvas:
        canvas.gradient(0.75 * colour, np.minimum(1.25 * colour, 1), -direction, direction)
        return canvas.noise(0.05, 5.0, seed, octaves=5)

    return field
