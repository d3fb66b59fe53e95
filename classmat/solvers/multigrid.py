"""Conjugate gradients with a multigrid whose coarse functions are locally affine in colour."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..kernels import multigrid as pixels
from ..kernels import multigrid_blocks as blocks
from ..kernels import multigrid_setup as setup
from .stencil import Stencil

Array = NDArray[Any]
Callback = Callable[[int, float], Any]

# The default rule stops when the preconditioned residual, an estimate of the error in alpha, is below this.
ACCURACY = 3e-5

# A tile's colour counts as an unknown of the coarse level if its spread, beside that of the others, is above this.
DROP = 3e-4
# A relaxed random vector does if more than this of it is new.
LEAST = 0.01
SWEEPS = 12
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
        self.rounded = self.A.astype(np.float32)
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
        setup.restrict_stencil(
            self.stencil.coefs, self.stencil.diagonal, self.corners, self.basis, near, A
        )
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
        shift = lambda a, s: np.where(a >= 0, a + np.int32(s), np.int32(-1))  # noqa: E731
        self.starts = starts
        self.deep_near = np.concatenate([shift(v.near, s) for v, s in zip(below, starts, strict=False)])
        self.deep_A = np.concatenate([v.rounded for v in below])
        self.deep_inverse = np.concatenate([v.rounded_inverse for v in below])
        self.deep_parents = np.full((total, 4), -1, np.int32)
        self.deep_P = np.zeros((total if deep else 0, 4, 64), narrow)
        self.deep_children = np.full((total, 25), -1, np.int32)
        for level, transfer in enumerate(deep):
            fine = slice(starts[level], starts[level + 1])
            coarse = slice(starts[level + 1], starts[level + 2])
            self.deep_parents[fine] = shift(transfer.parents, starts[level + 1])
            self.deep_P[fine] = transfer.P
            self.deep_children[coarse] = shift(transfer.children, starts[level])
        width = 8 if self.has_below else 4
        self.deep_b, self.deep_x, self.deep_r = (np.zeros((total, width), narrow) for _ in range(3))
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
        self._descend(0)
        if self.has_below:
            blocks.prolong_and_sweep_back(
                self.chunks, self.near, self.A, self.block_inverse, self.b1, self.x1, self.parents, self.P,
                self.deep_x,
            )  # fmt: skip
        pixels.prolong(*tiles, self.x1 if self.has_below else self.deep_x, z)
        pixels.sweep_back(*rows, self.inverse, r, z)

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


def _number(occupied: Array) -> tuple[Array, Array, Array]:
    """Number occupied tiles row by row: (where, numbers with a border, first number of each row)."""
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
    setup.relax(SWEEPS, size, fine.chunks, fine.near, *rounded, vectors.ravel())
    setup.inherit_basis(
        fine.where, fine.numbers, fine.functions, vectors, DROP, LEAST, T, where, functions
    )
    parents, P = np.empty((n_fine, 4), np.int32), np.empty((n_fine, 4, 8 * size), np.float32)
    setup.smooth_prolongation(
        size, fine.where, fine.near, fine.A.ravel(), fine.inverse.ravel(), T, numbers, DAMPING, parents, P
    )
    A = np.empty((n, 9, 64))
    setup.restrict_blocks(
        size, fine.where, fine.numbers, fine.near, fine.A.ravel(), parents, P, where, starts, A.ravel()
    )
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


@dataclass(frozen=True)
class Answer:
    """What `Factor.solve` returns; unpacks to (x, converged, iterations, residual_norms)."""

    x: Array
    converged: bool
    iterations: int
    residual_norms: NDArray[np.float64]

    def __iter__(self) -> Iterator[Any]:
        return iter((self.x, self.converged, self.iterations, self.residual_norms))


class Factor:
    """A stencil with its multigrid hierarchy: made once, it solves for any number of right-hand sides."""

    def __init__(self, stencil: Stencil, image: Array) -> None:
        self.stencil = stencil
        self.hierarchy = Hierarchy(stencil, image)
        self._turn = threading.Lock()  # the hierarchy holds the vectors of its levels

    def solve(
        self,
        b: Array,
        *,
        x0: Array | None = None,
        rtol: float | None = None,
        atol: float = 0.0,
        maxiter: int = 500,
        callback: Callback | None = None,
    ) -> Answer:
        """Solve ``A x = b``.

        Parameters
        ----------
        b : ndarray, (n,) or (n, k)
            One or several right-hand sides, unknown pixels in raster order.
        x0 : ndarray, like b, optional
            Where to start. A good start saves iterations.
        rtol, atol : float
            Stop when ``|b - A x| <= max(rtol |b|, atol)``. Without `rtol` (and `atol`) stop when the correction that
            the preconditioner would make, ``max |M (b - A x)|``, has been below `ACCURACY` twice in a row.
        maxiter : int
            The largest number of iterations for one right-hand side.
        callback : callable, optional
            Called as ``callback(iteration, relative_residual)``.

        Returns
        -------
        Answer
            x; whether the stopping rule was met (a residual is recomputed from x); iterations and residual norms, of
            the slowest right-hand side.
        """
        right = np.asarray(b, np.float64)
        columns = right.reshape(len(right), -1 if right.size else 1)
        starts = np.zeros_like(columns) if x0 is None else np.asarray(x0, np.float64).reshape(columns.shape)
        with self._turn:
            answers = [
                _conjugate_gradients(self, columns[:, k], starts[:, k], (rtol, atol), maxiter, callback)
                for k in range(columns.shape[1])
            ]
        slowest = max(answers, key=lambda answer: answer.iterations)
        x = np.stack([answer.x for answer in answers], axis=1).reshape(right.shape)
        converged = all(answer.converged for answer in answers)
        return Answer(x, converged, slowest.iterations, slowest.residual_norms)

    @property
    def nbytes(self) -> int:
        """Bytes of everything kept."""
        return self.stencil.nbytes + self.hierarchy.nbytes


@dataclass
class Iteration:
    """The vectors of conjugate gradients, with halo, and what is summed over them."""

    x: Array
    r: Array
    p: Array
    q: Array
    rounded: Array
    z: Array
    work: Array
    dots: Array
    products: Array
    unit: float
    corrections: list[float]

    @classmethod
    def start(cls, stencil: Stencil, x0: Array) -> "Iteration":
        size, parts = stencil.layout.size, len(stencil.layout.chunks) - 1
        x, (r, p, q) = stencil.scatter(x0), (np.zeros(size) for _ in range(3))
        rounded, z, work = (np.zeros(size, np.float32) for _ in range(3))
        return cls(x, r, p, q, rounded, z, work, np.empty(parts), np.empty((parts, 3)), 1.0, [])

    def precondition(self, hierarchy: Hierarchy) -> tuple[float, float]:
        """Compute ``z = M r``; return r . z and q . z."""
        hierarchy.apply(self.rounded, self.z, self.work)
        pixels.measure(self.z, self.r, self.q, self.products)
        self.corrections.append(self.unit * float(self.products[:, 2].max(initial=0)))
        rz, qz = self.products[:, :2].sum(axis=0)
        return float(rz), float(qz)

    def small_corrections(self) -> bool:
        """Whether the last two corrections were below `ACCURACY`."""
        return max(self.corrections[-2:], default=np.inf) <= ACCURACY


def _conjugate_gradients(
    factor: Factor,
    b: Array,
    x0: Array,
    tolerances: tuple[float | None, float],
    maxiter: int,
    callback: Callback | None,
) -> Answer:
    """Iterate until the rule is met; where rounding made the recursive residual drift, begin again from the true one."""
    stencil = factor.stencil
    run = Iteration.start(stencil, x0)
    right = stencil.scatter(b)
    scale = float(np.linalg.norm(b)) or 1.0
    rtol, atol = tolerances
    by_residual = rtol is not None or atol > 0
    limit = max((rtol or 0.0) * scale, atol) if by_residual else 0.0
    norms = [_true_residual(stencil, right, run)]
    converged = norms[-1] <= limit
    while not converged and len(norms) <= maxiter:
        begin, before = len(norms), norms[-1]
        _descend(factor, run, norms, limit, by_residual, scale, maxiter, callback)
        norms[-1] = _true_residual(stencil, right, run)
        converged = norms[-1] <= limit if by_residual else run.small_corrections()
        if len(norms) == begin or not norms[-1] < 0.9 * before:
            break
    x = run.x[stencil.layout.position]
    return Answer(x, converged and bool(np.isfinite(x).all()), len(norms) - 1, np.array(norms))


def _true_residual(stencil: Stencil, right: Array, run: Iteration) -> float:
    stencil.multiply(run.x, run.q, run.dots)
    np.subtract(right, run.q, out=run.r)
    # The preconditioner sees float32: in multiples of a typical entry, so that none of its numbers is too small.
    norm = float(np.linalg.norm(run.r))
    run.unit = norm / max(1, stencil.shape[0]) ** 0.5 or 1.0
    np.divide(run.r, run.unit, out=run.rounded, casting="unsafe")
    return norm


def _descend(
    factor: Factor,
    run: Iteration,
    norms: list[float],
    limit: float,
    by_residual: bool,
    scale: float,
    maxiter: int,
    callback: Callback | None,
) -> None:
    """Run flexible conjugate gradients from the residual in `run` until the rule is met or rounding wins.

    The preconditioner is symmetric only to float32, which the Polak-Ribiere update forgives.
    """
    run.corrections.clear()
    rho, _ = run.precondition(factor.hierarchy)
    run.p[:] = run.z
    while len(norms) <= maxiter and (norms[-1] > limit if by_residual else not run.small_corrections()):
        curvature = factor.stencil.multiply(run.p, run.q, run.dots)
        if not (rho > 0 and curvature > 0):
            return
        step = rho / curvature
        pixels.advance(step, run.p, run.q, run.x, run.r, run.unit, run.rounded, run.dots)
        norms.append(float(np.sqrt(run.dots.sum())))
        if callback is not None:
            callback(len(norms) - 1, norms[-1] / scale)
        if by_residual and norms[-1] <= limit:
            return
        new_rho, qz = run.precondition(factor.hierarchy)
        pixels.turn(-step * qz / rho, run.z, run.p, len(run.dots))
        rho = new_rho


def factorise(stencil: Stencil, *, image: Array | None = None) -> Factor:
    """Build the multigrid hierarchy of a stencil.

    Parameters
    ----------
    stencil : Stencil
        Positive definite: every unknown region touches a known pixel or has some prior.
    image : ndarray, (h, w, c) or (h, w), optional
        The colours. Without them coarse functions are found from constants and relaxed noise alone.
    """
    h, w = stencil.layout.is_unknown.shape
    if image is None:
        image = np.zeros((h, w, 0))
    return Factor(stencil, image[:, :, np.newaxis] if image.ndim == 2 else image)
