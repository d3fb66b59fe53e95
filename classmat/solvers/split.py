"""Conjugate gradients for a matrix whose diagonal dominates in most rows: a multigrid where it does not."""

from collections.abc import Callable

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
        self._multiply, self._weak, self._factor = multiply, weak, factor
        self._inverse = np.where(weak, 0, 1 / diagonal)
        self._rows = np.flatnonzero(weak)

    def solve(self, b: Array, *, rtol: float) -> Solution:
        """Solve ``A x = b`` until no entry of x is wrong by more than `rtol` times the largest, as estimated.

        The estimate is the correction that the preconditioner makes last. Warns if it does not come to that.
        """
        x = self._inverse * b
        r = b - self._multiply(x)
        rounding = ROUNDING * float(np.linalg.norm(b) + np.linalg.norm(b - r))
        norms = [float(np.linalg.norm(r))]
        converged = self._descend(x, r, norms, rtol, rounding)
        solution = Solution(x, converged, len(norms) - 1, np.array(norms), "multigrid")
        warn_if_stalled(solution)
        return solution

    def _descend(self, x: Array, r: Array, norms: list[float], rtol: float, rounding: float) -> bool:
        """Run flexible conjugate gradients from x with its residual r; return whether x is accurate."""
        p, q, curvature = np.zeros_like(x), np.zeros_like(x), 1.0
        parts = np.empty(CHUNKS)
        while norms[-1] > rounding:
            z = self._precondition(r)
            limit = rtol * _largest(x)
            if _largest(z) <= limit:
                x += z
                return True
            if len(norms) > OUTER:
                return False
            kernels.drop_small(UNSEEN * limit, z, CHUNKS)
            kernels.turn(-float(q @ z) / curvature, z, p, CHUNKS)
            q = self._multiply(p)
            curvature = float(p @ q)
            if not curvature > 0:
                return False
            kernels.advance(float(p @ r) / curvature, p, q, x, r, parts)
            norms.append(float(np.sqrt(parts.sum())))
        return True

    def _precondition(self, r: Array) -> Array:
        z = self._inverse * r
        if self._factor is not None:
            z[self._rows] = self._factor.rough(r[self._rows], INNER)
        return z


def _largest(x: Array) -> float:
    return float(max(x.max(), -x.min()))
