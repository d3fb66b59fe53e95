"""A scene before it has pixels: outlines in paint order, and colour fields."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...kernels import gallery as fields_kernels
from ...kernels import strands as kernels
from ..validate import as_count, as_points
from .canvas import Canvas, Field, Frame, flat
from .scene import Scene, trimap_of

# Few enough rows that a strip's work arrays stay small and fields are drawn only where they show; enough to
# keep the cores busy.
_STRIP_ROWS = 64


@dataclass
class Painting:
    """Closed outlines, painted back to front over a background, all in plane coordinates.

    Attributes
    ----------
    background : Field
    extension : Field
        The foreground's colour where nothing is painted.
    """

    background: Field
    extension: Field
    _edges: list[NDArray[np.float64]] = field(default_factory=list)
    _tints: list[NDArray[np.float32]] = field(default_factory=list)
    _counts: list[NDArray[np.int64]] = field(default_factory=list)
    _fill: list[NDArray[np.int64]] = field(default_factory=list)
    _opacity: list[NDArray[np.float64]] = field(default_factory=list)
    _fields: list[Field] = field(default_factory=list)

    def polygon(self, points: NDArray[np.float64], paint: Any, *, opacity: float = 1.0) -> None:
        """Add a polygon (n, 2), or several (k, n, 2) as one outline; paint is a colour or a field."""
        points = points if points.ndim == 3 else points[None]
        edges = np.concatenate([points, np.roll(points, -1, axis=1)], axis=2).reshape(-1, 4)
        index = self._field_index(paint) if callable(paint) else -1
        colour = np.zeros(3) if callable(paint) else np.asarray(paint)
        tints = np.broadcast_to(colour, (len(edges), 3)).astype(np.float32)
        self._add(edges, tints, np.array([len(edges)]), index, opacity)

    def strokes(
        self,
        centres: NDArray[np.float64],
        half_widths: NDArray[np.float64],
        colours: NDArray[np.float64],
        *,
        opacity: float = 1.0,
    ) -> None:
        """Add k tapering strokes, one over the other.

        Parameters
        ----------
        centres : (k, n, 2)
            Points along each stroke, n >= 2.
        half_widths : (k, n)
            Half the width at each.
        colours : (k, n, 3)
            The colour at each.
        opacity : float
            Of every stroke where it covers a pixel fully.
        """
        k, n = half_widths.shape
        if k == 0:
            return
        offset = normals(centres) * half_widths[:, :, None]
        ring = np.concatenate([centres + offset, (centres - offset)[:, ::-1]], axis=1)
        edges = np.concatenate([ring, np.roll(ring, -1, axis=1)], axis=2).reshape(-1, 4)
        both = np.concatenate([colours, colours[:, ::-1]], axis=1).astype(np.float32)
        tints = (0.5 * (both + np.roll(both, -1, axis=1))).reshape(-1, 3)
        self._add(edges, tints, np.full(k, 2 * n), -1, opacity)

    def render(
        self,
        frame: Frame,
        *,
        noise: float = 0.0,
        noise_seed: int = 0,
        parts: bool = True,
        radius: int | None = None,
    ) -> Scene:
        """Return the scene at a frame's size; without `parts`, foreground and background are empty arrays."""
        h, w = frame.height, frame.width
        image, alpha = np.empty((h, w, 3), np.float32), np.empty((h, w), np.float32)
        kept = (h, w, 3) if parts else (0, 0, 3)
        foreground, background = np.empty(kept, np.float32), np.empty(kept, np.float32)
        outlines = self._outlines(frame)
        for top in range(0, h, _STRIP_ROWS):
            strip = slice(top, min(top + _STRIP_ROWS, h))
            f, b = (x[strip] if parts else np.empty_like(image[strip]) for x in (foreground, background))
            self._paint(frame, top, outlines, alpha[strip], f, b, image[strip])
            if noise > 0:
                fields_kernels.sensor_noise(image[strip], top, noise, noise_seed)
        return Scene(image, alpha, trimap_of(alpha, radius), foreground, background)

    def _paint(
        self,
        frame: Frame,
        top: int,
        outlines: tuple[NDArray[Any], ...],
        alpha: NDArray[np.float32],
        foreground: NDArray[np.float32],
        background: NDArray[np.float32],
        image: NDArray[np.float32],
    ) -> None:
        edges, tints, owner, fill, opacity = outlines
        starts, entries = _edges_by_row(edges, top, len(alpha))
        used = np.zeros(
            len(self._fields) + 1, bool
        )  # the last one is for outlines without a field, whose index is -1
        used[fill[owner[entries]]] = True
        fills = np.empty((len(self._fields), *image.shape), np.float32)
        for k in np.flatnonzero(used[:-1]):
            _draw(self._fields[k], fills[k], frame, top)
        _draw(self.extension, foreground, frame, top)
        _draw(self.background, background, frame, top)
        kernels.paint(
            edges,
            tints,
            owner,
            fill,
            opacity,
            starts,
            entries,
            top,
            fills,
            alpha,
            foreground,
            background,
            image,
        )

    def _outlines(self, frame: Frame) -> tuple[NDArray[Any], ...]:
        if not self._edges:
            self._add(np.zeros((1, 4)), np.zeros((1, 3), np.float32), np.array([1]), -1, 1.0)
        counts = np.concatenate(self._counts)
        edges = frame.to_pixels(np.concatenate(self._edges))
        owner = np.repeat(np.arange(len(counts)), counts)
        return (
            edges,
            np.concatenate(self._tints),
            owner,
            np.concatenate(self._fill),
            np.concatenate(self._opacity),
        )

    def _field_index(self, paint: Field) -> int:
        if paint not in self._fields:
            self._fields.append(paint)
        return self._fields.index(paint)

    def _add(
        self,
        edges: NDArray[np.float64],
        tints: NDArray[np.float32],
        counts: NDArray[np.int64],
        fill: int,
        opacity: float,
    ) -> None:
        self._edges.append(edges)
        self._tints.append(tints)
        self._counts.append(counts)
        self._fill.append(np.full(len(counts), fill))
        self._opacity.append(np.full(len(counts), opacity))


def normals(curves: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the unit normals (k, n, 2) of curves (k, n, 2)."""
    along = np.gradient(curves, axis=1)
    along /= np.maximum(np.hypot(along[..., 0], along[..., 1]), 1e-12)[..., None]
    return np.stack([-along[..., 1], along[..., 0]], axis=-1)


def coverage(points: ArrayLike, height: int, width: int) -> NDArray[np.float32]:
    """Return the exact covered area of each pixel, (h, w) float32, of polygons (n, 2) or (k, n, 2).

    Points are (x, y) in pixels: pixel (y, x) covers [x, x + 1] x [y, y + 1]. Several polygons must have
    the same orientation and not overlap.

    Raises
    ------
    TypeError, ValueError
        If the points or the size are not as described.

    Examples
    --------
    >>> coverage(np.array([[0.5, 0], [2, 0], [2, 1], [0.5, 1]]), 1, 3)
    array([[0.5, 1. , 0. ]], dtype=float32)
    """
    corners = as_points(points, name="points")
    height, width = as_count(height, name="height", low=1), as_count(width, name="width", low=1)
    painting = Painting(flat((0, 0, 0)), flat((1, 1, 1)))
    painting.polygon(corners - np.array([width, height]) / 2, (1, 1, 1))
    return painting.render(Frame(height, width, 1.0), parts=False).alpha


def _edges_by_row(edges: NDArray[np.float64], top: int, rows: int) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    counts = np.zeros(rows, np.int64)
    kernels.count_edges(edges, top, counts)
    starts = np.concatenate([[0], np.cumsum(counts)])
    entries = np.empty(starts[-1], np.int32)
    kernels.list_edges(edges, top, starts[:-1].copy(), entries)
    return starts, entries


def _draw(paint: Field, out: NDArray[np.float32], frame: Frame, top: int) -> None:
    paint(Canvas(out, frame, top))
    np.clip(out, 0, 1, out=out)
