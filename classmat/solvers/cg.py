"""Preconditioned conjugate gradients."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Operator = Callable[[NDArray[np.float64]], NDArray[np.float64]]
Callback = Callable[[int, float], Any]


def conjugate_gradients(
    apply: Operator,
    b: NDArray[np.float64],
    *,
    precondition: Operator,
    x0: NDArray[np.float64] | None,
    tolerance: float,
    maxiter: int,
    callback: Callback | None,
) -> tuple[NDArray[np.float64], list[float]]:
    """Solve ``A x = b`` for symmetric positive definite A until ``|b - A x| <= tolerance``.

    The flexible (Polak-Ribiere) direction update costs one more dot product and forgives a preconditioner that
    is symmetric only to rounding. Where the recursive residual has drifted from the true one, the iteration
    starts anew from the true residual, so that what is reported is what was reached.

    Returns x and the residual norms, the first before any iteration, the last recomputed from x.
    """
    x = np.zeros_like(b) if x0 is None else x0.copy()
    residual = b - apply(x)
    norms = [float(np.linalg.norm(residual))]
    scale = float(np.linalg.norm(b)) or 1.0
    while norms[-1] > tolerance and len(norms) <= maxiter:
        before = len(norms)
        _descend(apply, precondition, x, residual, norms, tolerance, maxiter, scale, callback)
        residual = b - apply(x)
        reached = float(np.linalg.norm(residual))
        stalled = len(norms) == before or reached > 0.9 * norms[before - 1]
        norms[-1] = reached
        if stalled:
            break
    return x, norms


def _descend(
    apply: Operator,
    precondition: Operator,
    x: NDArray[np.float64],
    residual: NDArray[np.float64],
    norms: list[float],
    tolerance: float,
    maxiter: int,
    scale: float,
    callback: Callback | None,
) -> None:
    """Iterate in place on x and residual until the recursive residual meets the tolerance."""
    z = precondition(residual)
    rho = float(residual @ z)
    direction = z.copy()
    while norms[-1] > tolerance and len(norms) <= maxiter:
        q = apply(direction)
        curvature = float(direction @ q)
        if not (rho > 0 and curvature > 0):  # rounding has the upper hand
            return
        step = rho / curvature
        x += step * direction
        residual -= step * q
        norms.append(float(np.linalg.norm(residual)))
        if callback is not None:
            callback(len(norms) - 1, norms[-1] / scale)
        z = precondition(residual)
        direction *= -step * float(q @ z) / rho  # (r_new - r_old) . z_new / (r_old . z_old)
        direction += z
        rho = float(residual @ z)
