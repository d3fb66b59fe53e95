"""Preconditioned conjugate gradients."""

import math
from collections.abc import Callable

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.linalg import LinearOperator

from .factor import Answer, Callback, Factor, Stopping, Vector

Operator = Callable[[Vector], Vector]

DEFAULT_RTOL = 1e-7


class PreconditionedCG(Factor):
    """A matrix and a preconditioner, both as functions of a vector."""

    def __init__(self, A: csr_array | LinearOperator, precondition: Operator, method: str):
        self.size, self.method = A.shape[0], method
        self._A, self._precondition = A, precondition

    def _solve_one(self, b: Vector, x0: Vector | None, stopping: Stopping) -> Answer:
        run = ConjugateGradients(
            self._A.__matmul__,
            self._precondition,
            b,
            x0=x0,
            tolerance=stopping.tolerance(b, DEFAULT_RTOL),
            maxiter=stopping.maxiter,
            callback=stopping.callback,
        )
        run.run()
        return Answer(run.x, run.norms, run.converged)


def jacobi(A: csr_array | LinearOperator) -> Operator:
    """Return the division by the diagonal, the simplest preconditioner.

    Raises
    ------
    ValueError
        If a diagonal entry is not positive.
    """
    diagonal = A.diagonal()
    if not (diagonal > 0).all():
        raise ValueError(
            f"A has {int((diagonal <= 0).sum())} diagonal entries that are not positive; "
            "accepted is a symmetric positive definite matrix."
        )
    inverse = 1 / diagonal
    return lambda residual: inverse * residual


class ConjugateGradients:
    """The iteration for one right-hand side of ``A x = b``, A symmetric positive definite.

    It stops when ``|b - A x| <= tolerance``.

    The flexible (Polak-Ribiere) direction update costs one more dot product and forgives a preconditioner that
    is symmetric only to rounding. Where the recursive residual has drifted from the true one, the iteration
    starts anew from the true residual, so that what is reported is what was reached.

    Attributes
    ----------
    x : ndarray
        The iterate.
    norms : list of float
        Norms of the residual, before the first iteration and after each; the last is recomputed from x.
    """

    def __init__(
        self,
        apply: Operator,
        precondition: Operator,
        b: Vector,
        *,
        x0: Vector | None,
        tolerance: float,
        maxiter: int,
        callback: Callback | None,
    ):
        self._apply, self._precondition, self._b = apply, precondition, b
        self._tolerance, self._maxiter, self._callback = tolerance, maxiter, callback
        self._scale = float(np.linalg.norm(b)) or 1.0
        self.x = np.zeros_like(b) if x0 is None else x0.copy()
        self._r = b - apply(self.x)
        self.norms = [self._norm()]

    @property
    def converged(self) -> bool:
        """Whether the last residual is within the tolerance; after `run` that is the true one."""
        return self.norms[-1] <= self._tolerance

    def run(self) -> None:
        """Iterate until the tolerance is met, `maxiter` is reached, or rounding allows no more progress."""
        while not self.converged and self._may_go_on():
            count, norm = len(self.norms), self.norms[-1]
            self._descend()
            self._r = self._b - self._apply(self.x)
            self.norms[-1] = self._norm()
            if len(self.norms) == count or self.norms[-1] > 0.9 * norm:  # no more to gain
                return

    def _descend(self) -> None:
        r = self._r
        z = self._precondition(r)
        direction, rho = z.copy(), _dot(r, z)
        while not self.converged and self._may_go_on():
            q = self._apply(direction)
            curvature = _dot(direction, q)
            if not (rho > 0 and curvature > 0):  # rounding has the upper hand
                return
            step = rho / curvature
            self.x += step * direction
            r -= step * q
            self.norms.append(self._norm())
            if self._callback is not None:
                self._callback(len(self.norms) - 1, self.norms[-1] / self._scale)
            z = self._precondition(r)
            direction *= -step * _dot(q, z) / rho  # (r_new - r_old) . z_new / (r_old . z_old)
            direction += z
            rho = _dot(r, z)

    def _norm(self) -> float:
        return math.sqrt(_dot(self._r, self._r))

    def _may_go_on(self) -> bool:
        return len(self.norms) <= self._maxiter


def _dot(x: Vector, y: Vector) -> float:
    """Return the dot product without BLAS, which wakes a thread on each core and waits long for one that is not free."""
    return float(np.einsum("i,i->", x, y))
