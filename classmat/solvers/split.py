"""Conjugate gradients for a matrix whose diagonal dominates in most rows: a multigrid where it does not."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..kernels import multigrid as kernels
from .factor import Factor
from .solution import Solution, warn_if_stalled

Array = NDArray[np.float64]
Operator = Callable[[Array], Array]

INNER = 0.01  # by so much the residual of the weak rows is reduced between two products with the whole matrix
OUTER = 100  # such products
UNSEEN = 0.03  # of the accepted error: what the search direction leaves out
SAFETY = 4.0  # of what the next correction is expected to be
CHUNKS = 64  # of the vectors
ROUNDING = 1e-14  # of the residual, relative to the terms it is the difference of


@dataclass
class Run:
    """What is left to do for one right-hand side."""

    x: Array
    r: Array
    scale: float  # of the terms that the residual is the difference of
    norms: list[float]
    sizes: list[float]

    def is_accurate(self, limit: float) -> bool:
        """Whether x, once corrected, is wrong by no more than a limit: corrections go on to shrink as they did."""
        shrinks = min(1.0, SAFETY * self.sizes[-1] / self.sizes[-2]) if len(self.sizes) > 1 else 1.0
        return self.sizes[-1] * shrinks <= limit

    def is_exhausted(self) -> bool:
        """Whether the residual is rounding."""
        return self.norms[-1] <= ROUNDING * self.scale


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
        self._multiply, self._weak, self._factor = multiply, weak, factor
        self._inverse = np.where(weak, 0, 1 / diagonal)
        self._rows = np.flatnonzero(weak)

    def solve(self, b: Array, *, rtol: float, x0: Array | None = None) -> Solution:
        """Solve ``A x = b`` until no entry of x is wrong by more than `rtol` times the largest, as estimated.

        The estimate is the correction that the preconditioner would make. Warns if it does not come to that.
        """
        x = self._inverse * b if x0 is None else x0.copy()
        r = b - self._multiply(x)
        scale = float(np.linalg.norm(b) + np.linalg.norm(b - r))
        run = Run(x, r, scale, [float(np.linalg.norm(r))], [])
        converged = self._descend(run, rtol)
        solution = Solution(run.x, converged, len(run.norms) - 1, np.array(run.norms), "multigrid")
        warn_if_stalled(solution)
        return solution

    def _descend(self, run: Run, rtol: float) -> bool:
        """Run flexible conjugate gradients from x; return whether it is accurate."""
        p, q, rho = np.zeros_like(run.x), np.zeros_like(run.x), 1.0
        parts = np.empty(CHUNKS)
        while True:
            z = self._precondition(run.r)
            run.sizes.append(_largest(z))
            limit = rtol * _largest(run.x)
            if run.is_accurate(limit):
                run.x += z
                return True
            if run.is_exhausted():
                return True
            if len(run.norms) > OUTER:
                return False
            kernels.drop_small(UNSEEN * limit, z, CHUNKS)
            kernels.turn(-float(q @ z) / rho, z, p, CHUNKS)
            q = self._multiply(p)
            rho = float(p @ q)
            if not rho > 0:
                return False
            kernels.advance(float(p @ run.r) / rho, p, q, run.x, run.r, parts)
            run.norms.append(float(np.sqrt(parts.sum())))

    def _precondition(self, r: Array) -> Array:
        z = self._inverse * r
        if self._factor is not None:
            z[self._rows] = self._factor.rough(r[self._rows], INNER)
        return z


def _largest(x: Array) -> float:
    return float(max(x.max(), -x.min()))
