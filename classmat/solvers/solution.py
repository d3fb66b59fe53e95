"""What a solve returns, and how it says that it fell short."""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..images.validate import outside_stacklevel


class ConvergenceWarning(UserWarning):
    """A solve stopped before it reached its tolerance; the message names the residual that is left."""


@dataclass(frozen=True)
class Solution:
    """The answer to ``A x = b`` and how it was reached.

    Attributes
    ----------
    x : ndarray
        The solution, shaped like b.
    converged : bool
        Whether the true residual, recomputed at the end, meets the tolerance.
    iterations : int
        Iterations done, the largest number over several right-hand sides; a direct method counts as one.
    residual_norms : ndarray, (iterations + 1,)
        ``|b - A x|`` before the first iteration and after each; the last one is recomputed from x.
    method : str
        The method that was used, which `method="auto"` chose.
    """

    x: NDArray[Any]
    converged: bool
    iterations: int
    residual_norms: NDArray[np.float64]
    method: str


def warn_if_stalled(solution: Solution) -> None:
    """Issue a ConvergenceWarning unless the solution converged."""
    if not solution.converged:
        first, last = solution.residual_norms[[0, -1]]
        warnings.warn(
            f"{solution.method} stopped after {solution.iterations} iterations, before it reached its tolerance: "
            f"the residual fell from {first:.2e} to {last:.2e}.",
            ConvergenceWarning,
            stacklevel=outside_stacklevel(),
        )
