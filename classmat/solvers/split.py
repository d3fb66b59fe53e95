"""Conjugate gradients for a matrix whose diagonal dominates in most rows: a multigrid where it does not."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ..kernels import split as kernels
from .factor import Factor
from .solution import Solution, warn_if_stalled

Array = NDArray[np.float64]
Operator = Callable[[Array], Array]

INNER = 0.01  # by so much the residual of the weak rows is reduced between two products with the whole matrix
OUTER = 100  # such products
UNSEEN = 0.03  # of the accepted error: what the search direction leaves out
CHUNKS = 64  # of the vectors
ROUNDING = 1e-14  # of the residual, relative to the terms it is the difference of


class Split:
    """A symmetric positive definite matrix, known by its products, whose rows are weak or strong.

    Strong rows are those where the diagonal dominates: dividing by it is nearly a solution. Weak rows are solved by
    their own factor, roughly, between two products with the whole matrix. Flexible conjugate gradients join both.

    Parameters
    ----------
    multiply : callable
        ``x -> A x``; it may be cheaper where x is 0.
    diagonal : ndarray, (n,)
        About that of A; read in strong rows.
    weak : ndarray, (n,)
        True in weak rows.
    factor : Factor or None
        Of A's part of the weak rows, which it may approximate; None if there are none.
    """

    def __init__(
        self, multiply: Operator, diagonal: Array, weak: NDArray[np.bool_], factor: Factor | None
    ) -> None:
        self._multiply, self._factor = multiply, factor
        self._inverse = np.where(weak, 0, 1 / diagonal)
        self._rows = np.flatnonzero(weak)

    def solve(self, b: Array, *, rtol: float, start: Array | None = None) -> Solution:
        """Solve ``A x = b`` until no entry of x is wrong by more than `rtol` times the largest, as estimated.

        The estimate is the correction that the preconditioner makes last. Warns if it does not come to that.
        `start` is a guess of x, by default b divided by the diagonal in strong rows.
        """
        run = _Run(self._inverse * b if start is None else start.copy(), b.copy())
        q = self._multiply(run.x)
        rounding = ROUNDING * (run.norm(b) + run.norm(q))
        norms: list[float] = []
        converged = self._descend(run, q, norms, rtol, rounding)
        solution = Solution(run.x, converged, len(norms) - 1, np.array(norms), "multigrid")
        warn_if_stalled(solution)
        return solution

    def _descend(self, run: "_Run", q: Array, norms: list[float], rtol: float, rounding: float) -> bool:
        """Run flexible conjugate gradients from x with ``q = A x``; return whether x is accurate."""
        step, curvature = 1.0, 1.0  # p is 0 at first
        while True:
            norm, largest, most = self._advance(run, step, q)
            norms.append(norm)
            if norm <= rounding:
                return True
            if max(most, self._correct_weak(run)) <= rtol * largest:
                run.x += run.z
                return True
            if len(norms) > OUTER:
                return False
            previous = q if len(norms) > 1 else run.p
            beta = -run.drop_small(UNSEEN * rtol * largest, previous) / curvature
            slope = run.turn(beta)
            q = self._multiply(run.p)
            curvature = run.dot(run.p, q)
            if not curvature > 0:
                return False
            step = slope / curvature

    def _advance(self, run: "_Run", step: float, q: Array) -> tuple[float, float, float]:
        """Take a step and correct strong rows; return the residual's norm, the largest x and z."""
        kernels.advance(step, run.p, q, self._inverse, run.x, run.r, run.z, run.parts)
        largest, most = run.parts[:, 1:].max(axis=0)
        return float(np.sqrt(run.parts[:, 0].sum())), float(largest), float(most)

    def _correct_weak(self, run: "_Run") -> float:
        """Solve for the correction of the weak rows, roughly; return its largest entry."""
        if self._factor is None:
            return 0.0
        correction = self._factor.rough(run.r[self._rows], INNER)
        run.z[self._rows] = correction
        return float(np.abs(correction).max())


class _Run:
    """The vectors: solution, residual, search direction and correction."""

    def __init__(self, x: Array, r: Array) -> None:
        self.x, self.r, self.p, self.z = x, r, np.zeros_like(x), np.empty_like(x)
        self.parts = np.empty((CHUNKS, 3))

    def dot(self, a: Array, b: Array) -> float:
        kernels.dot(a, b, self.parts)
        return float(self.parts[:, 0].sum())

    def norm(self, a: Array) -> float:
        return self.dot(a, a) ** 0.5

    def drop_small(self, limit: float, q: Array) -> float:
        kernels.drop_small(limit, q, self.z, self.parts)
        return float(self.parts[:, 0].sum())

    def turn(self, beta: float) -> float:
        kernels.turn(beta, self.z, self.r, self.p, self.parts)
        return float(self.parts[:, 0].sum())
