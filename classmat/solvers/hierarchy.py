"""The multigrid hierarchy of a stencil: coarse functions that are locally affine in colour, and V-cycles.

Level 0 are the pixels, level 1 tiles of 4x4 pixels with up to 4 unknowns (an orthonormal basis of 1, R, G, B in
the tile), every level below 3x3 tiles of the one above with up to 8: what 1, R, G, B span there, and of eight
random vectors, relaxed on the level above, what is new. Prolongation below level 1 is smoothed. Level 2 is
solved by two V-cycles, joined by conjugate gradients, where one is poor.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..kernels import multigrid as pixels
from ..kernels import multigrid_blocks as blocks
from ..kernels import multigrid_setup as setup
from .stencil import Stencil

Array = NDArray[Any]

# A tile's colour counts as an unknown of the coarse level if its spread, beside that of the others, is above this.
DROP = 1e-5
# A relaxed random vector does if more than this of it is new.
LEAST = 0.01
# Twelve over-relaxed sweeps leave as little beside the slow functions as forty plain ones.
SWEEPS = 12
OVER = 1.7
# The second level gets two V-cycles if after some the correction should be this much longer.
WORTH = 1.9
PROBES = 8
# Levels of more tiles than this are swept in parallel.
LARGE = 2000
# Of the smoothed prolongation below the first level; the blocks' Jacobi iteration has a radius near 2.
DAMPING = 0.65
# In so many parts the float64 blocks of the first level are formed.
STRIPS = 10
# A level of at most so many tiles is solved by its inverse.
BOTTOM = 64


@dataclass
class Level:
    """One coarse level during set-up: its matrix in float64, and as relaxation takes it."""

    where: Array
    numbers: Array
    starts: Array
    near: Array
    functions: Array
    chunks: Array
    A: Array
    rounded: Array
    rounded_inverse: Array

    def strips(self) -> list[tuple[int, int]]:
        """Split the rows of the next level's tiles into the parts that are set up at a time."""
        return [(0, (len(self.starts) + 1) // 3)]

    def blocks(self, first: int, stop: int) -> tuple[Array, Array]:
        """Return the float64 blocks (stop - first, 9, size^2) of some tiles and the inverses of their own ones."""
        A = self.A[first:stop]
        return A, _inverses(A)


@dataclass
class FirstLevel(Level):
    """Level 1, which is too large for float64: its blocks are formed again from the stencil for a strip at a time.

    Relaxation, and later the cycle, take those towards later tiles in float32.
    """

    stencil: Stencil
    corners: Array
    basis: Array

    def __post_init__(self) -> None:
        n = len(self.where)
        step = max(1, -(-n // STRIPS))
        for first in range(0, n, step):
            A, inverse = self.blocks(first, min(first + step, n))
            self.rounded[first : first + step] = A[:, 5:]
            self.rounded_inverse[first : first + step] = inverse

    def strips(self) -> list[tuple[int, int]]:
        """Split the rows into `STRIPS` parts."""
        rows = (len(self.starts) + 1) // 3
        step = -(-rows // STRIPS)
        return [(first, min(first + step, rows)) for first in range(0, rows, step)]

    def blocks(self, first: int, stop: int) -> tuple[Array, Array]:
        """Form the blocks of some tiles from the stencil."""
        A = np.empty((stop - first, 9, 16))
        coefs, diagonal = self.stencil.coefs, self.stencil.diagonal
        setup.restrict_stencil(coefs, diagonal, self.corners, self.basis, self.near[first:stop], A)
        return A, _inverses(A)


@dataclass
class Transfer:
    """A smoothed prolongation to one level from the next."""

    parents: Array
    P: Array
    units: Array
    children: Array


class Hierarchy:
    """The preconditioner: float32 V-cycles with one Gauss-Seidel sweep down and one up on every level."""

    def __init__(self, stencil: Stencil, image: Array) -> None:
        self.stencil = stencil
        layout = stencil.layout
        diagonal = stencil.diagonal
        self.inverse = np.zeros(layout.size, np.float32)
        np.divide(1, diagonal, out=self.inverse, where=diagonal > 0, casting="unsafe")
        first = self._first_level(image)
        levels, transfers = [first], []
        while len(levels[-1].where) > BOTTOM:
            transfer, level = _coarsen(levels[-1])
            if len(level.where) >= len(levels[-1].where):
                break
            transfers.append(transfer)
            levels.append(level)
            levels[-2].A = levels[-2].functions = np.empty(0)  # no longer needed
        self._keep(levels, transfers)
        self.is_hard = self._needs_two()

    def _first_level(self, image: Array) -> Level:
        layout = self.stencil.layout
        h, w = layout.is_unknown.shape
        occupied = np.empty(((h + 3) // 4, (w + 3) // 4), np.bool_)
        setup.occupied_tiles(layout.is_unknown, occupied)
        where, numbers, starts = _number(occupied)
        n = len(where)
        self.corners = np.empty((n, 4), np.int32)
        self.basis = np.empty((n, 16, 4), np.float32)
        functions = np.empty((n, 4, image.shape[2] + 1), np.float32)
        setup.colour_basis(
            image, layout.is_unknown, layout.quads, layout.size - 4, where, DROP, self.corners, self.basis,
            functions,
        )  # fmt: skip
        near = np.empty((n, 9), np.int32)
        setup.neighbours(where, numbers, near)
        self.chunks = _tile_chunks(layout.chunks, starts)
        self.tile_rows, self.columns = starts, np.ascontiguousarray(where[:, 1])
        rounded, inverse = np.empty((n, 4, 16), np.float32), np.empty((n, 16), np.float32)
        return FirstLevel(
            where, numbers, starts, near, functions, self.chunks, np.empty(0), rounded, inverse, self.stencil,
            self.corners, self.basis,
        )  # fmt: skip

    def _keep(self, levels: list[Level], transfers: list[Transfer]) -> None:
        """Keep the first level by itself, the others one after the other in the same arrays."""
        narrow = np.float32
        self.sizes = [len(level.where) for level in levels]
        bottom = _inverse(levels[-1]).astype(narrow)
        self.bottom = bottom
        first = levels[0]
        self.has_below = len(levels) > 1
        self.near, self.A, self.block_inverse = first.near, first.rounded, first.rounded_inverse
        self.b1, self.x1, self.r1 = (np.zeros((self.sizes[0], 4), narrow) for _ in range(3))
        if self.has_below:
            top = transfers[0]
            self.parents, self.P, self.units, self.children = top.parents, top.P, top.units, top.children
        below = levels[1:] if self.has_below else levels
        sizes = [len(level.where) for level in below]
        starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32)
        total = int(starts[-1])
        deep = transfers[1:]
        self.starts = starts
        self.deep_near = np.concatenate([_shift(v.near, s) for v, s in zip(below, starts, strict=False)])
        self.deep_A = np.concatenate([v.rounded for v in below])
        self.deep_inverse = np.concatenate([v.rounded_inverse for v in below])
        for v in below:
            v.rounded = v.rounded_inverse = np.empty(0)
        self.deep_parents = np.full((total, 4), -1, np.int32)
        self.deep_P = np.zeros((total if deep else 0, 4, 64), np.int16)
        self.deep_units = np.zeros(len(self.deep_P), narrow)
        self.deep_children = np.full((total, 25), -1, np.int32)
        for level, transfer in enumerate(deep):
            fine = slice(starts[level], starts[level + 1])
            coarse = slice(starts[level + 1], starts[level + 2])
            self.deep_parents[fine] = _shift(transfer.parents, starts[level + 1])
            self.deep_P[fine], self.deep_units[fine] = transfer.P, transfer.units
            self.deep_children[coarse] = _shift(transfer.children, starts[level])
        width = 8 if self.has_below else 4
        self.deep_b, self.deep_x, self.deep_r = (np.zeros((total, width), narrow) for _ in range(3))
        self.krylov = np.zeros((2, sizes[0], width), narrow)
        self.sums = np.zeros((len(below[0].chunks), 3))
        self.deep_chunks = [level.chunks + start for level, start in zip(below, starts, strict=False)]

    def apply(self, r: Array, scale: float, z: Array, q: Array, dots: Array) -> None:
        """Write ``z = M (scale r)``, float32 with halo, and each chunk's ``r . z``, ``q . z`` and ``max |z|``."""
        stencil = self.stencil
        layout = stencil.layout
        rows = (layout.chunks, layout.row_segments, layout.segments, layout.places, stencil.coefs, self.inverse)
        target = self.b1 if self.has_below else self.deep_b
        pixels.sweep_and_restrict(
            *rows, r, scale, z, self.tile_rows, self.columns, 4 * layout.quads.shape[1], self.basis, target
        )
        if self.has_below:
            blocks.sweep_from_zero(self.chunks, self.near, self.A, self.block_inverse, self.b1, self.x1)
            blocks.restrict_residual(
                self.chunks, self.near, self.A, self.x1, self.r1, self.children, self.P, self.units, self.deep_b
            )
        self._solve_second()
        if self.has_below:
            blocks.prolong_and_sweep_back(
                self.chunks, self.near, self.A, self.block_inverse, self.b1, self.x1, self.parents, self.P,
                self.units, self.deep_x,
            )  # fmt: skip
        correction = self.x1 if self.has_below else self.deep_x
        pixels.prolong_and_sweep_back(
            *rows, r, scale, z, self.tile_rows, self.corners, self.basis, correction, q, dots
        )

    def _needs_two(self) -> bool:
        """Whether V-cycles are poor on the level below the first, where a few have left the slowest error."""
        if len(self.starts) == 2:
            return False
        setup.fill_noise(8, self.deep_inverse[: self.starts[1]], self.deep_b[: self.starts[1], :, np.newaxis])
        step = 1.0
        for _ in range(PROBES):
            self._descend(0)
            step = blocks.begin_krylov(*self._second(), *self.krylov, self.sums)[1]
        return step > WORTH

    def _second(self) -> tuple[Array, ...]:
        return self.deep_chunks[0], self.deep_near, self.deep_A, self.deep_b, self.deep_x

    def _solve_second(self) -> None:
        """Solve on the level below the first: a V-cycle, and where these are poor a second, conjugate to it."""
        self._descend(0)
        if self.is_hard:
            curvature, step = blocks.begin_krylov(*self._second(), *self.krylov, self.sums)
            if curvature > 0:
                self._descend(0)
                blocks.end_krylov(*self._second(), *self.krylov, curvature, step, self.sums)

    def _descend(self, level: int) -> None:
        """One V-cycle on the levels below the first: large ones in parallel, the rest in one call."""
        if level == len(self.starts) - 2 or self.starts[level + 1] - self.starts[level] < LARGE:
            blocks.cycle(
                level, self.starts, self.deep_near, self.deep_A, self.deep_inverse, self.deep_b, self.deep_x,
                self.deep_r, self.deep_parents, self.deep_P, self.deep_units, self.deep_children, self.bottom,
            )  # fmt: skip
            return
        chunks, matrix = self.deep_chunks[level], (self.deep_near, self.deep_A)
        blocks.deep_sweep_from_zero(chunks, *matrix, self.deep_inverse, self.deep_b, self.deep_x)
        blocks.deep_restrict_residual(
            chunks, *matrix, self.deep_x, self.deep_r, self.deep_children, self.deep_P, self.deep_units,
            self.deep_b, self.starts[level + 1], self.starts[level + 2],
        )  # fmt: skip
        self._descend(level + 1)
        blocks.deep_prolong_and_sweep_back(
            chunks,
            *matrix,
            self.deep_inverse,
            self.deep_b,
            self.deep_x,
            self.deep_parents,
            self.deep_P,
            self.deep_units,
        )

    @property
    def nbytes(self) -> int:
        """Bytes of everything kept, the stencil apart."""
        return sum(v.nbytes for v in vars(self).values() if isinstance(v, np.ndarray))


def _shift(indices: Array, by: int) -> Array:
    """Add to indices, but keep -1."""
    return np.where(indices >= 0, indices + np.int32(by), np.int32(-1))


def _number(occupied: Any) -> tuple[Array, Array, Array]:
    """Return where the occupied tiles are, their numbers with a border, and the first number of each row."""
    starts = np.zeros(occupied.shape[0] + 1, np.int32)
    np.cumsum(occupied.sum(axis=1), out=starts[1:])
    numbers = np.full((occupied.shape[0] + 2, occupied.shape[1] + 2), -1, np.int32)
    where = np.empty((starts[-1], 2), np.int32)
    setup.number_tiles(occupied, starts, numbers, where)
    return where, numbers, starts


def _tile_chunks(chunks: Array, starts: Array) -> Array:
    """Return for each chunk its first tile, the end of its first row, the start of its last row, its end."""
    first, stop = chunks[:-1] // 4, (chunks[1:] + 3) // 4
    return np.stack([starts[first], starts[first + 1], starts[stop - 1], starts[stop]], axis=1).astype(np.int32)


def _coarsen(fine: Level) -> tuple[Transfer, Level]:
    rows, columns = (size - 2 for size in fine.numbers.shape)
    padded = np.zeros(((rows + 2) // 3 * 3, (columns + 2) // 3 * 3), np.bool_)
    padded[:rows, :columns] = fine.numbers[1:-1, 1:-1] >= 0
    where, numbers, starts = _number(padded.reshape(len(padded) // 3, 3, -1, 3).any(axis=(1, 3)))
    T, functions = _inherit(fine, where)
    transfer, A = _galerkin(fine, T, where, numbers, starts)
    near = np.empty((len(where), 9), np.int32)
    setup.neighbours(where, numbers, near)
    rounded, inverse = A.astype(np.float32), _inverses(A).astype(np.float32)
    return transfer, Level(where, numbers, starts, near, functions, _row_chunks(starts), A, rounded, inverse)


def _inherit(fine: Level, where: Array) -> tuple[Array, Array]:
    """Choose the functions of the tiles at `where`; return their parts, and 1, R, G, B in these."""
    n_fine, size, colours = fine.functions.shape
    vectors = np.empty((n_fine, size, 8), np.float32)
    setup.fill_noise(size, fine.rounded_inverse, vectors)
    rounded = (fine.rounded.ravel(), fine.rounded_inverse.ravel())
    setup.relax(SWEEPS, OVER, size, fine.chunks, fine.near, *rounded, vectors.ravel())
    T, functions = np.empty(n_fine * 8 * size, np.float32), np.empty((len(where), 8, colours), np.float32)
    setup.inherit_basis(fine.numbers, fine.functions, vectors, DROP, LEAST, T, where, functions)
    return T, functions


def _galerkin(fine: Level, T: Array, where: Array, numbers: Array, starts: Array) -> tuple[Transfer, Array]:
    """Smooth the prolongation T and form the next level's matrix, strip by strip.

    A strip's coarse rows depend on one row of tiles above them and one below, and the prolongation from the latter
    on the row below that.
    """
    n_fine, size = fine.functions.shape[:2]
    parents, P = np.empty((n_fine, 4), np.int32), np.empty((n_fine, 4, 8 * size), np.int16)
    units = np.empty(n_fine, np.float32)
    coarse_A = np.empty(len(where) * 9 * 64)
    smoothed = 0
    for top, bottom in fine.strips():
        rows = max(0, 3 * top - 1), min(3 * bottom + 2, len(fine.starts) - 1)
        first, stop = (int(fine.starts[row]) for row in rows)
        A, inverse = fine.blocks(first, stop)
        new, skip = slice(smoothed, stop), smoothed - first
        setup.smooth_prolongation(
            size, fine.where[new], fine.near[new], A[skip:].ravel(), inverse[skip:].ravel(), T, numbers, DAMPING,
            parents[new], P[new], units[new],
        )  # fmt: skip
        smoothed = stop
        setup.restrict_blocks(
            size,
            fine.numbers,
            fine.near,
            A.ravel(),
            first,
            parents,
            P,
            units,
            where,
            starts,
            top,
            bottom,
            coarse_A,
        )
    children = np.empty((len(where), 25), np.int32)
    setup.list_children(where, fine.numbers, children)
    return Transfer(parents, P, units, children), coarse_A.reshape(-1, 9, 64)


def _inverses(A: Array) -> Array:
    """Return the inverses of the tiles' own blocks."""
    inverse = np.empty((len(A), A.shape[2]))
    setup.invert_blocks(round(A.shape[2] ** 0.5), A, inverse)
    return inverse


def _row_chunks(starts: Array) -> Array:
    """Split a level's rows into chunks of about equal numbers of tiles, as `_tile_chunks` describes them."""
    target = max(64, int(starts[-1]) // 32)
    rows = np.append(np.flatnonzero(np.diff(starts[:-1] // target, prepend=-1)), len(starts) - 1)
    return _tile_chunks(4 * rows, starts)


def _inverse(level: Level) -> Array:
    """Return the dense inverse of a level's matrix."""
    n, size = level.functions.shape[:2]
    A, _ = level.blocks(0, n)
    dense = np.zeros((n, size, n, size))
    for s in range(9):
        t = np.flatnonzero(level.near[:, s] >= 0)
        dense[t, :, level.near[t, s], :] = A[t, s].reshape(-1, size, size).transpose(0, 2, 1)
    matrix = dense.reshape(size * n, size * n)
    return np.linalg.inv((matrix + matrix.T) / 2)
