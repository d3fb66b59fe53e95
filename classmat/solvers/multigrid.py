"""Conjugate gradients with the colour-affine multigrid, for matting Laplacians kept as a `Stencil`."""

import threading
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..kernels import multigrid as kernels
from .factor import Answer, Factor, Stopping, Vector
from .hierarchy import Hierarchy
from .stencil import Stencil

Array = NDArray[Any]

# The default rule stops when the preconditioned residual, an estimate of the error in alpha, is below this. On
# eight photographs it left at most 4.7e-5. The visible limit of 1/510 needs no more than 3e-5 and a quarter fewer
# iterations, but then the matte tells, to a program if not to an eye, which solver was chosen.
ACCURACY = 1e-6


class Multigrid(Factor):
    """A stencil with its hierarchy.

    ``solve(b, rtol=None)``, the default, stops when ``max |M (b - A x)|``, the correction that the preconditioner
    M would make, has been below `ACCURACY` twice in a row: then, as measured, no alpha is wrong by 1e-4. With
    `rtol` or `atol` the residual is what counts.

    Parameters
    ----------
    stencil : Stencil
        Positive definite: every unknown region touches a known pixel or has some prior.
    image : ndarray, (h, w, c) or (h, w), optional
        The colours. Without them the coarse functions come from constants and relaxed noise alone.
    """

    method = "multigrid"

    def __init__(self, stencil: Stencil, image: Array | None = None) -> None:
        self.stencil = stencil
        self.size = stencil.shape[0]
        colours = np.zeros((*stencil.layout.is_unknown.shape, 0)) if image is None else np.ascontiguousarray(image)
        self.hierarchy = Hierarchy(stencil, colours[:, :, np.newaxis] if colours.ndim == 2 else colours)
        self._turn = threading.Lock()  # the hierarchy holds the vectors of its levels

    def _solve_one(self, b: Vector, x0: Vector | None, stopping: Stopping) -> Answer:
        with self._turn:
            return _conjugate_gradients(self, b, x0, stopping)

    def rough(self, b: Vector, rtol: float) -> Vector:
        """Return about ``A^-1 b``, by what is left of the residual in the iteration's own account."""
        with self._turn:
            run = Iteration.start(self.stencil, None)
            run.r[self.stencil.layout.position] = b
            norm = float(np.linalg.norm(b))
            run.unit = norm / len(b) ** 0.5 or 1.0
            stopping = Stopping(rtol, 0.0, 200, None)
            _descend(self, run, [norm], Rule(rtol * norm, True, stopping), norm)
            return run.x[self.stencil.layout.position]

    def precondition(self, r: Vector) -> Vector:
        """Return ``M r``, one V-cycle, for a matrix of which the stencil is an approximation."""
        layout = self.stencil.layout
        unit = float(np.linalg.norm(r)) / len(r) ** 0.5 or 1.0  # the cycle works in float32
        spread, z = self.stencil.scatter(r), np.zeros(layout.size, np.float32)
        sums = np.empty((len(layout.chunks) - 1, 3))
        with self._turn:
            self.hierarchy.apply(spread, 1 / unit, z, spread, sums)
        return unit * z[layout.position].astype(np.float64)

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
    z: Array
    dots: Array
    products: Array
    unit: float
    corrections: list[float]

    @classmethod
    def start(cls, stencil: Stencil, x0: Array | None) -> "Iteration":
        """Allocate for a stencil."""
        size, parts = stencil.layout.size, len(stencil.layout.chunks) - 1
        x = np.zeros(size) if x0 is None else stencil.scatter(x0)
        r, p, q = (np.zeros(size) for _ in range(3))
        return cls(x, r, p, q, np.zeros(size, np.float32), np.empty(parts), np.empty((parts, 3)), 1.0, [])

    def precondition(self, hierarchy: Hierarchy) -> tuple[float, float]:
        """Compute ``z = M r`` in multiples of `unit`; return r . z and q . z."""
        hierarchy.apply(self.r, 1 / self.unit, self.z, self.q, self.products)
        self.corrections.append(self.unit * float(self.products[:, 2].max(initial=0)))
        rz, qz = self.products[:, :2].sum(axis=0)
        return float(rz), float(qz)


@dataclass(frozen=True)
class Rule:
    """When to stop: by the residual's norm, or by the corrections that the preconditioner would make."""

    limit: float
    by_residual: bool
    stopping: Stopping

    def met(self, run: Iteration, norms: list[float]) -> bool:
        """Whether the iteration may end."""
        if self.by_residual or norms[-1] == 0:
            return norms[-1] <= self.limit
        return len(run.corrections) > 1 and max(run.corrections[-2:]) <= ACCURACY


def _conjugate_gradients(factor: Multigrid, b: Vector, x0: Vector | None, stopping: Stopping) -> Answer:
    """Iterate until the rule is met; where the recursive residual drifted, begin again from the true one."""
    stencil = factor.stencil
    run = Iteration.start(stencil, x0)
    rule = Rule(stopping.tolerance(b, 0.0), stopping.rtol is not None or stopping.atol > 0, stopping)
    scale = float(np.linalg.norm(b)) or 1.0
    norms = [_true_residual(stencil, b, run)]
    converged = norms[-1] <= rule.limit
    while not converged and len(norms) <= stopping.maxiter:
        begin, before = len(norms), norms[-1]
        _descend(factor, run, norms, rule, scale)
        norms[-1] = _true_residual(stencil, b, run)
        converged = rule.met(run, norms)
        if len(norms) == begin or not norms[-1] < 0.9 * before:
            break
    x = run.x
    del run  # the other vectors make room for the answer
    return Answer(x[stencil.layout.position], norms, converged)


def _true_residual(stencil: Stencil, b: Vector, run: Iteration) -> float:
    stencil.multiply(run.x, run.q, run.dots)
    run.r[stencil.layout.position] = b
    run.r -= run.q
    # The preconditioner sees float32: in multiples of a typical entry, so that none of its numbers is too small.
    norm = float(np.linalg.norm(run.r))
    run.unit = norm / max(1, stencil.shape[0]) ** 0.5 or 1.0
    return norm


def _descend(factor: Multigrid, run: Iteration, norms: list[float], rule: Rule, scale: float) -> None:
    """Run flexible conjugate gradients from the residual in `run` until the rule is met or rounding wins.

    The preconditioner is symmetric only to float32, which the Polak-Ribiere update forgives.
    """
    run.corrections.clear()
    rho, _ = run.precondition(factor.hierarchy)
    run.p[:] = run.z
    while len(norms) <= rule.stopping.maxiter and not rule.met(run, norms):
        curvature = factor.stencil.multiply(run.p, run.q, run.dots)
        if not (rho > 0 and curvature > 0):
            return
        step = rho / curvature
        kernels.advance(step, run.p, run.q, run.x, run.r, run.dots)
        norms.append(float(np.sqrt(run.dots.sum())))
        if rule.stopping.callback is not None:
            rule.stopping.callback(len(norms) - 1, norms[-1] / scale)
        if rule.by_residual and rule.met(run, norms):
            return
        new_rho, qz = run.precondition(factor.hierarchy)
        kernels.turn(-step * qz / rho, run.z, run.p, len(run.dots))
        rho = new_rho
