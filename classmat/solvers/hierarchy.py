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
# A level of at most so many tiles is solved by its inverse.
BOTTOM = 64


@dataclass
class Level:
    """One coarse level during set-up."""

    where: Array
    numbers: Array
    near: Array
    A: Array
    inverse: Array
    functions: Array
    chunks: Array

    def __post_init__(self) -> None:
        self.rounded = self.A.astype(np.float32, copy=False)
        self.rounded_inverse = self.inverse.astype(np.float32)[:, np.newaxis]


@dataclass
class Transfer:
    """A smoothed prolongation to one level from the next."""

    parents: Array
    P: Array
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
        functions = np.empty((n, 4, image.shape[2] + 1))
        setup.colour_basis(
            image, layout.is_unknown, layout.quads, layout.size - 4, where, DROP, self.corners, self.basis,
            functions,
        )  # fmt: skip
        near = np.empty((n, 9), np.int32)
        setup.neighbours(where, numbers, near)
        A = np.empty((n, 9, 16))
        setup.restrict_stencil(self.stencil.coefs, self.stencil.diagonal, self.corners, self.basis, near, A)
        inverse = np.empty((n, 16))
        setup.invert_blocks(4, A, inverse)
        self.chunks = _tile_chunks(layout.chunks, starts)
        self.tile_chunks = np.append(self.chunks[:, 0], n).astype(np.int32)
        return Level(where, numbers, near, A, inverse, functions, self.chunks)

    def _keep(self, levels: list[Level], transfers: list[Transfer]) -> None:
        """Keep the first level by itself, the others one after the other in the same arrays."""
        narrow = np.float32
        self.sizes = [len(level.where) for level in levels]
        bottom = _inverse(levels[-1]).astype(narrow)
        self.bottom = bottom
        first = levels[0]
        self.has_below = len(levels) > 1
        self.near, self.A, self.block_inverse = first.near, first.rounded, first.rounded_inverse[:, 0]
        self.b1, self.x1, self.r1 = (np.zeros((self.sizes[0], 4), narrow) for _ in range(3))
        if self.has_below:
            self.parents, self.P, self.children = transfers[0].parents, transfers[0].P, transfers[0].children
        below = levels[1:] if self.has_below else levels
        sizes = [len(level.where) for level in below]
        starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32)
        total = int(starts[-1])
        deep = transfers[1:]
        self.starts = starts
        self.deep_near = np.concatenate([_shift(v.near, s) for v, s in zip(below, starts, strict=False)])
        self.deep_A = np.concatenate([v.rounded for v in below])
        self.deep_inverse = np.concatenate([v.rounded_inverse for v in below])
        self.deep_parents = np.full((total, 4), -1, np.int32)
        self.deep_P = np.zeros((total if deep else 0, 4, 64), narrow)
        self.deep_children = np.full((total, 25), -1, np.int32)
        for level, transfer in enumerate(deep):
            fine = slice(starts[level], starts[level + 1])
            coarse = slice(starts[level + 1], starts[level + 2])
            self.deep_parents[fine] = _shift(transfer.parents, starts[level + 1])
            self.deep_P[fine] = transfer.P
            self.deep_children[coarse] = _shift(transfer.children, starts[level])
        width = 8 if self.has_below else 4
        self.deep_b, self.deep_x, self.deep_r = (np.zeros((total, width), narrow) for _ in range(3))
        self.krylov = np.zeros((2, sizes[0], width), narrow)
        self.sums = np.zeros((len(below[0].chunks), 3))
        self.deep_chunks = [level.chunks + start for level, start in zip(below, starts, strict=False)]

    def apply(self, r: Array, z: Array, work: Array) -> None:
        """Write ``z = M r``, all float32 with halo; `work` is of the same size."""
        stencil = self.stencil
        layout = stencil.layout
        rows = (layout.chunks, layout.row_segments, layout.segments, layout.places, stencil.coefs)
        z[:] = 0
        pixels.sweep_from_zero(*rows, self.inverse, r, z)
        tiles = (self.tile_chunks, self.corners, self.basis)
        target = self.b1 if self.has_below else self.deep_b
        pixels.restrict_residual(*rows, z, work, *tiles, target)
        if self.has_below:
            blocks.sweep_from_zero(self.chunks, self.near, self.A, self.block_inverse, self.b1, self.x1)
            blocks.restrict_residual(
                self.chunks, self.near, self.A, self.x1, self.r1, self.children, self.P, self.deep_b
            )
        self._solve_second()
        if self.has_below:
            blocks.prolong_and_sweep_back(
                self.chunks, self.near, self.A, self.block_inverse, self.b1, self.x1, self.parents, self.P,
                self.deep_x,
            )  # fmt: skip
        pixels.prolong(*tiles, self.x1 if self.has_below else self.deep_x, z)
        pixels.sweep_back(*rows, self.inverse, r, z)

    def _needs_two(self) -> bool:
        """Whether V-cycles are poor on the level below the first, where a few have left the slowest error."""
        if len(self.starts) == 2:
            return False
        setup.fill_noise(8, self.deep_A[: self.starts[1]], self.deep_b[: self.starts[1], :, np.newaxis])
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
                self.deep_r, self.deep_parents, self.deep_P, self.deep_children, self.bottom,
            )  # fmt: skip
            return
        chunks, matrix = self.deep_chunks[level], (self.deep_near, self.deep_A)
        blocks.deep_sweep_from_zero(chunks, *matrix, self.deep_inverse, self.deep_b, self.deep_x)
        blocks.deep_restrict_residual(
            chunks, *matrix, self.deep_x, self.deep_r, self.deep_children, self.deep_P, self.deep_b,
            self.starts[level + 1], self.starts[level + 2],
        )  # fmt: skip
        self._descend(level + 1)
        blocks.deep_prolong_and_sweep_back(
            chunks, *matrix, self.deep_inverse, self.deep_b, self.deep_x, self.deep_parents, self.deep_P
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
    size, n, n_fine = fine.functions.shape[1], len(where), len(fine.where)
    T, functions = np.empty(n_fine * 8 * size), np.empty((n, 8, fine.functions.shape[2]))
    vectors = np.empty((n_fine, size, 8), np.float32)
    setup.fill_noise(size, fine.A, vectors)
    rounded = (fine.rounded.ravel(), fine.rounded_inverse.ravel())
    setup.relax(SWEEPS, OVER, size, fine.chunks, fine.near, *rounded, vectors.ravel())
    setup.inherit_basis(fine.numbers, fine.functions, vectors, DROP, LEAST, T, where, functions)
    parents, P = np.empty((n_fine, 4), np.int32), np.empty((n_fine, 4, 8 * size), np.float32)
    setup.smooth_prolongation(
        size, fine.where, fine.near, fine.A.ravel(), fine.inverse.ravel(), T, numbers, DAMPING, parents, P
    )
    A = np.empty((n, 9, 64))
    setup.restrict_blocks(size, fine.numbers, fine.near, fine.A.ravel(), parents, P, where, starts, A.ravel())
    children, near = np.empty((n, 25), np.int32), np.empty((n, 9), np.int32)
    setup.list_children(where, fine.numbers, children)
    setup.neighbours(where, numbers, near)
    inverse = np.empty((n, 64))
    setup.invert_blocks(8, A, inverse)
    chunks = _row_chunks(starts)
    return Transfer(parents, P, children), Level(where, numbers, near, A, inverse, functions, chunks)


def _row_chunks(starts: Array) -> Array:
    """Split a level's rows into chunks of about equal numbers of tiles, as `_tile_chunks` describes them."""
    target = max(64, int(starts[-1]) // 32)
    rows = np.append(np.flatnonzero(np.diff(starts[:-1] // target, prepend=-1)), len(starts) - 1)
    return _tile_chunks(4 * rows, starts)


def _inverse(level: Level) -> Array:
    """Return the dense inverse of a level's matrix."""
    n, size = level.functions.shape[:2]
    dense = np.zeros((n, size, n, size))
    for s in range(9):
        t = np.flatnonzero(level.near[:, s] >= 0)
        dense[t, :, level.near[t, s], :] = level.A[t, s].reshape(-1, size, size).transpose(0, 2, 1)
    matrix = dense.reshape(size * n, size * n)
    return np.linalg.inv((matrix + matrix.T) / 2)
