"""What the methods share: the matte from the solution for its unknown pixels."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..images.validate import FOREGROUND, UNKNOWN, as_alpha, require_same_size
from ..solvers import Callback, Solution, solve
from ..solvers.factor import Stopping


def solve_unknown(
    A: Any,
    b: NDArray[np.float64],
    trimap: NDArray[np.uint8],
    *,
    image: NDArray[Any] | None,
    x0: ArrayLike | None,
    rtol: float | None,
    callback: Callback | None,
    method: str = "auto",
) -> tuple[NDArray[np.float64], Solution]:
    """Solve ``L_UU x_U = -L_UK x_K`` and put the matte together.

    Eliminating the known pixels, instead of penalising them, makes the system smaller and better conditioned, and
    keeps them exactly.
    """
    is_unknown = trimap == UNKNOWN
    alpha = (trimap == FOREGROUND).astype(np.float64)
    start = warm_start(x0, is_unknown)
    if not is_unknown.any():
        Stopping.checked(rtol, 0.0, 1, callback)
        return alpha, Solution(np.empty(0), True, 0, np.zeros(1), "none")
    solution = solve(A, b, method=method, x0=start, rtol=rtol, callback=callback, image=image)
    alpha[is_unknown] = np.clip(solution.x, 0, 1)
    return alpha, solution


def warm_start(x0: ArrayLike | None, is_unknown: NDArray[np.bool_]) -> NDArray[np.float64] | None:
    """Check a matte to start from and return it at the unknown pixels."""
    if x0 is None:
        return None
    start = as_alpha(x0, name="x0")
    require_same_size(is_unknown, start, names=("image", "x0"))
    return start[is_unknown]
