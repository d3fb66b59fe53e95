"""A matting Laplacian over the unknown pixels of an image, kept as a compact symmetric stencil."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ..kernels import stencil as kernels
from ..kernels import stencil_layout as layout_kernels

PAD = layout_kernels.PAD

# Work is dealt out, and smoothers are coloured, in chunks of whole rows of tiles with about equal numbers of
# unknown pixels. They depend on the problem alone, and so does the result.
CHUNKS = 64
SMALLEST_CHUNK = 1024


@dataclass(frozen=True)
class Layout:
    """Where unknown pixels live in compact vectors with a halo; see `kernels.stencil_layout`."""

    is_unknown: NDArray[np.bool_]
    quads: NDArray[np.int32]
    row_segments: NDArray[np.int32]
    segments: NDArray[np.int32]
    places: NDArray[np.int32]
    position: NDArray[np.int32]
    chunks: NDArray[np.int32]
    size: int

    @classmethod
    def from_mask(cls, is_unknown: NDArray[np.bool_]) -> "Layout":
        """Lay out the True pixels of a mask (h, w)."""
        h = is_unknown.shape[0]
        quads, size = _number_quads(is_unknown)
        segment_counts, unknown_counts = np.empty(h, np.int32), np.empty(h, np.int32)
        layout_kernels.count_row(is_unknown, segment_counts, unknown_counts)
        row_segments, row_unknowns = _starts(segment_counts), _starts(unknown_counts)
        segments = np.empty((row_segments[-1], 2), np.int32)
        places = np.empty((row_segments[-1], 5), np.int32)
        position = np.empty(row_unknowns[-1], np.int32)
        layout_kernels.fill_segments(is_unknown, quads, row_segments, row_unknowns, segments, places, position)
        chunks = _chunk_rows(row_unknowns)
        return cls(is_unknown, quads, row_segments, segments, places, position, chunks, size)

    @property
    def nbytes(self) -> int:
        """Bytes of the index arrays, the mask included."""
        arrays = (self.is_unknown, self.quads, self.row_segments, self.segments, self.places, self.position)
        return sum(array.nbytes for array in arrays)


def _number_quads(is_unknown: NDArray[np.bool_]) -> tuple[NDArray[np.int32], int]:
    h, w = is_unknown.shape
    shape = (h + 2 * PAD, (w + 2 * PAD + 3) // 4)
    near = np.zeros(shape, np.uint8)
    layout_kernels.mark_quads(is_unknown, near)
    quads, counts = np.empty(shape, np.int32), np.empty(shape[0], np.int32)
    layout_kernels.spread_quads(near, quads, counts)
    starts = _starts(counts)
    layout_kernels.number_quads(quads, starts)
    return quads, 4 * (int(starts[-1]) + 1)  # the last quad is always zero


def _starts(counts: NDArray[np.int32]) -> NDArray[np.int32]:
    starts = np.zeros(len(counts) + 1, np.int32)
    np.cumsum(counts, out=starts[1:])
    return starts


def _chunk_rows(row_unknowns: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return the first rows of the chunks, multiples of 4 but for the end."""
    h = len(row_unknowns) - 1
    starts = np.append(row_unknowns[:-1:4], row_unknowns[-1])  # unknown pixels before each row of tiles
    target = max(SMALLEST_CHUNK, int(row_unknowns[-1]) // CHUNKS)
    share = starts[:-1] // target
    first = np.flatnonzero(np.diff(share, prepend=-1)) * 4
    return np.append(first, h).astype(np.int32)


class Stencil:
    """A symmetric matrix on the unknown pixels of an image, coupling those at most two rows and columns apart.

    Half of the off-diagonals are kept, in float32 (48 bytes a pixel); the diagonal is float64 and makes up for
    their rounding, so that the rows, known pixels included, sum to what they should. Vectors outside have the
    unknown pixels in raster order.

    Attributes
    ----------
    shape : (int, int)
        (n, n), n the number of unknown pixels.
    right : ndarray, (n,)
        ``-L_UK x_K``, what the known pixels put on the right-hand side.
    """

    def __init__(self, layout: Layout, coefs: Any, diagonal: Any, right: Any) -> None:
        self.layout = layout
        self.coefs = coefs
        self.diagonal = diagonal
        self.right = right
        n = len(layout.position)
        self.shape = (n, n)

    @classmethod
    def from_image(
        cls,
        image: NDArray[Any],
        is_unknown: NDArray[np.bool_],
        *,
        eps: float = 1e-7,
        known_values: NDArray[Any] | None = None,
        diagonal: NDArray[Any] | None = None,
    ) -> "Stencil":
        """Assemble the closed-form Laplacian of an image for its unknown pixels.

        Parameters
        ----------
        image : ndarray, (h, w, c) or (h, w)
            Checked image, float32 or float64.
        is_unknown : ndarray, (h, w)
            Windows without any unknown pixel are never formed.
        eps : float
            ``eps / |w|`` is added to a window's covariance.
        known_values : ndarray, (h, w), optional
            The matte where it is known; the rest is not read. Zero by default.
        diagonal : ndarray, (n,) or (h, w), optional
            What is added to the diagonal, ``lam * confidence``.
        """
        pixels = np.ascontiguousarray(image[:, :, np.newaxis] if image.ndim == 2 else image)
        layout = Layout.from_mask(np.ascontiguousarray(is_unknown, np.bool_))
        alpha = (
            np.zeros(is_unknown.shape, np.uint8) if known_values is None else np.ascontiguousarray(known_values)
        )
        coefs = np.zeros((12, layout.size), np.float32)
        total, right = np.zeros(layout.size), np.zeros(layout.size)
        kernels.assemble(
            pixels, layout.is_unknown, alpha, float(eps), layout.chunks, layout.row_segments, layout.segments,
            layout.places, coefs, total, right,
        )  # fmt: skip
        if diagonal is not None:
            added = np.asarray(diagonal, np.float64)
            total[layout.position] += added[layout.is_unknown] if added.ndim == 2 else added
        return cls._finish(layout, coefs, total, right[layout.position])

    @classmethod
    def from_csr(cls, A: csr_array, is_unknown: NDArray[np.bool_]) -> "Stencil | None":
        """Convert a symmetric matrix over the unknown pixels; None if it couples pixels further apart."""
        layout = Layout.from_mask(np.ascontiguousarray(is_unknown, np.bool_))
        coefs = np.zeros((12, layout.size), np.float32)
        total = np.zeros(layout.size)
        fits = np.zeros(CHUNKS, np.bool_)
        pixels = np.flatnonzero(layout.is_unknown).astype(np.int32)
        width = is_unknown.shape[1]
        kernels.from_csr(A.indptr, A.indices, A.data, pixels, layout.position, width, coefs, total, fits)
        return cls._finish(layout, coefs, total, np.zeros(len(pixels))) if fits.all() else None

    @classmethod
    def _finish(cls, layout: Layout, coefs: Any, total: Any, right: Any) -> "Stencil":
        kernels.finish_diagonal(layout.chunks, layout.row_segments, layout.segments, layout.places, coefs, total)
        return cls(layout, coefs, total, right)

    def scatter(self, x: NDArray[Any]) -> NDArray[np.float64]:
        """Lay out a vector (n,) with halo."""
        spread = np.zeros(self.layout.size)
        spread[self.layout.position] = x
        return spread

    def multiply(self, x: NDArray[Any], result: NDArray[Any], dots: NDArray[np.float64]) -> float:
        """Write ``A x`` to `result`, both with halo, and return ``x . A x``."""
        layout = self.layout
        kernels.multiply(
            layout.chunks, layout.row_segments, layout.segments, layout.places, self.coefs, self.diagonal, x,
            result, dots,
        )  # fmt: skip
        return float(dots.sum())

    def matvec(self, x: NDArray[Any]) -> NDArray[np.float64]:
        """Return ``A x`` for x of shape (n,)."""
        result = np.zeros(self.layout.size)
        self.multiply(self.scatter(x), result, np.empty(len(self.layout.chunks) - 1))
        return result[self.layout.position]

    def to_csr(self) -> csr_array:
        """Return the matrix as SciPy knows it."""
        layout = self.layout
        n = self.shape[0]
        h, w = layout.is_unknown.shape
        number = np.full((h + 2, w + 4), -1)
        number[:h, 2 : w + 2][layout.is_unknown] = np.arange(n)
        y, x = np.nonzero(layout.is_unknown)
        rows, columns, values = [np.arange(n)], [np.arange(n)], [self.diagonal[layout.position]]
        offsets = [(0, 1), (0, 2), *((dy, dx) for dy in (1, 2) for dx in range(-2, 3))]
        for (dy, dx), plane in zip(offsets, self.coefs, strict=True):
            there = number[y + dy, x + dx + 2]
            here = np.flatnonzero(there >= 0)
            value = plane[layout.position[here]].astype(np.float64)
            rows += [here, there[here]]
            columns += [there[here], here]
            values += [value, value]
        entries = (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns)))
        return csr_array(entries, shape=self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of everything kept."""
        return self.layout.nbytes + self.coefs.nbytes + self.diagonal.nbytes + self.right.nbytes
