"""A bank of textures: periodic fields of many spectra and structures, made once, sampled anywhere."""

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from .canvas import Canvas

Array = NDArray[np.float32]

SIDE = 256  # samples of a field a side, a power of two
_POWERS = {"cloud": 3.2, "smoke": 2.4, "rough": 1.6, "grain": 0.8, "fine": 0.2}
KINDS = (*_POWERS, "fibre", "ridges", "blobs", "cells", "stones", "leaves", "folds", "drapes")
_VARIANTS = 2


@functools.cache
def field(kind: str, variant: int = 0) -> Array:
    """Return a periodic field (SIDE, SIDE) of mean 0 and deviation 1.

    Examples
    --------
    >>> field("cloud").shape, round(float(field("cloud").std()), 3)
    ((256, 256), 1.0)
    """
    rng = np.random.Generator(np.random.PCG64([20, KINDS.index(kind), variant]))
    values = _made(kind, rng)
    return ((values - values.mean()) / values.std()).astype(np.float32)


def sample(
    canvas: Canvas,
    kind: str,
    seed: int,
    cells: float | tuple[float, float],
    angle: float = 0.0,
    polar: NDArray[np.float64] | None = None,
) -> Array:
    """Return a texture (rows, w) where a canvas lies.

    Parameters
    ----------
    canvas : Canvas
    kind : str
        One of ``KINDS``.
    seed : int
        Draws the variant and the place in it.
    cells : float or (float, float)
        Sides of the periodic field that a unit of length crosses, along and across.
    angle : float
        Of the direction "along" in radians.
    polar : (3,) float array, optional
        A point (u, v) from which the direction "across" leads outwards, and an angle: "along" is then the
        angle around that point, in turns.
    """
    rows, width = canvas.out.shape[:2]
    u0, v0, step = canvas.place
    u = (u0 + (np.arange(width) + 0.5) * step).astype(np.float32)[None]
    v = (v0 + (np.arange(rows) + 0.5) * step).astype(np.float32)[:, None]
    along, across = np.broadcast_to(np.asarray(cells, float), 2)
    if polar is None:
        p = (np.cos(angle) * u + np.sin(angle) * v) * along
        q = (np.cos(angle) * v - np.sin(angle) * u) * across
    else:
        x, y = u - np.float32(polar[0]), v - np.float32(polar[1])
        p = np.arctan2(x, y) * np.float32(along)  # the seam leads upwards
        q = np.hypot(x, y) * np.float32(across)
    shift = (seed * 40503 % 251, seed * 30011 % 241)
    return _bilinear(field(kind, seed % _VARIANTS), p * SIDE + shift[0], q * SIDE + shift[1])


def _bilinear(plane: Array, x: NDArray[Any], y: NDArray[Any]) -> Array:
    left, top = np.floor(x), np.floor(y)
    s, t = (x - left).astype(np.float32), (y - top).astype(np.float32)
    i, j = top.astype(np.int32) & (SIDE - 1), left.astype(np.int32) & (SIDE - 1)
    below, right = (i + 1) & (SIDE - 1), (j + 1) & (SIDE - 1)
    flat = plane.ravel()
    upper = flat[i * SIDE + j] * (1 - s) + flat[i * SIDE + right] * s
    lower = flat[below * SIDE + j] * (1 - s) + flat[below * SIDE + right] * s
    mixed: Array = upper * (1 - t) + lower * t
    return mixed


def _made(kind: str, rng: np.random.Generator) -> NDArray[np.float64]:
    if kind in _POWERS:
        return _spectral(rng, _POWERS[kind])
    if kind == "fibre":
        return _spectral(rng, 1.6, stretch=9.0)
    if kind in ("folds", "drapes"):
        stretch = 3.0 if kind == "drapes" else 1.5
        return _spectral(rng, 4.2, stretch) - 0.8 * np.abs(_spectral(rng, 3.4, stretch))
    if kind == "ridges":
        return -np.abs(_spectral(rng, 2.6))
    if kind == "blobs":
        return np.tanh(6 * _spectral(rng, 3.4)) + 0.5 * np.tanh(6 * _spectral(rng, 2.8))
    if kind == "leaves":
        return _leaves(rng)
    return _voronoi(rng, by_distance=kind == "stones")


def _spectral(rng: np.random.Generator, power: float, stretch: float = 1.0) -> NDArray[np.float64]:
    """Return noise whose power falls with the frequency to the `power`."""
    k = np.fft.fftfreq(SIDE) * SIDE
    radius = np.hypot(k[:, None] * stretch, k[None]) + (k[:, None] == 0) * (k[None] == 0)
    spectrum = np.fft.fft2(rng.standard_normal((SIDE, SIDE))) * np.maximum(radius, 2.0) ** (-power / 2)
    spectrum[0, 0] = 0
    values = np.fft.ifft2(spectrum).real
    return values / values.std()


def _voronoi(rng: np.random.Generator, by_distance: bool) -> NDArray[np.float64]:
    points = rng.uniform(0, SIDE, (140, 2))
    tree = cKDTree(points, boxsize=SIDE)
    y, x = np.mgrid[:SIDE, :SIDE].astype(float)
    distance, owner = tree.query(np.stack([x, y], -1), k=2)
    if by_distance:
        return np.minimum(distance[..., 1] - distance[..., 0], 5.0)
    values: NDArray[np.float64] = rng.standard_normal(len(points))[owner[..., 0]]
    return values


def _leaves(rng: np.random.Generator) -> NDArray[np.float64]:
    """Return discs over discs, radii spread as in photos (many small, few large)."""
    y, x = np.mgrid[:SIDE, :SIDE].astype(float)
    out = np.zeros((SIDE, SIDE))
    half = SIDE / 2
    for _ in range(900):
        cx, cy, turn = rng.uniform(0, SIDE), rng.uniform(0, SIDE), rng.uniform(0, np.pi)
        a = 2.5 / rng.uniform(0.06, 1.0)
        b = a * rng.uniform(0.3, 1)
        reach = int(a) + 2
        rows = np.arange(int(cy) - reach, int(cy) + reach + 1) % SIDE
        columns = np.arange(int(cx) - reach, int(cx) + reach + 1) % SIDE
        box = np.ix_(rows, columns)
        p = (x[box] - cx + half) % SIDE - half
        q = (y[box] - cy + half) % SIDE - half
        inside = ((p * np.cos(turn) + q * np.sin(turn)) / a) ** 2 + (
            (q * np.cos(turn) - p * np.sin(turn)) / b
        ) ** 2
        out[box] = np.where(inside < 1, rng.standard_normal(), out[box])
    return out
