"""What the methods share: eliminate the known pixels, solve for the others, put the matte together."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array

from ..images.validate import FOREGROUND, UNKNOWN, as_alpha, require_same_size
from ..solvers import Callback, Solution, solve


def solve_unknown(
    L: csr_array,
    image: NDArray[np.float64],
    trimap: NDArray[np.uint8],
    *,
    x0: ArrayLike | None,
    rtol: float,
    callback: Callback | None,
) -> tuple[NDArray[np.float64], Solution]:
    """Minimise ``alpha^T L alpha`` over the unknown pixels, the known ones held at 0 and 1.

    Eliminating the known pixels leaves ``L_UU x_U = -L_UK x_K``: smaller and better conditioned than a penalty
    on them, and the known pixels are kept exactly.
    """
    is_unknown = trimap == UNKNOWN
    alpha = (trimap == FOREGROUND).astype(np.float64)
    if not is_unknown.any():
        return alpha, Solution(np.empty(0), True, 0, np.zeros(1), "none")
    unknown = np.flatnonzero(is_unknown)
    rows = L[unknown]
    solution = solve(
        rows[:, unknown],
        -(rows @ alpha.ravel()),  # alpha is zero where it is unknown
        x0=None if x0 is None else warm_start(x0, alpha).ravel()[unknown],
        rtol=rtol,
        callback=callback,
        image=image.reshape(alpha.size, -1)[unknown],
    )
    alpha[is_unknown] = np.clip(solution.x, 0, 1)
    return alpha, solution


def warm_start(x0: ArrayLike, like: NDArray[Any]) -> NDArray[np.float64]:
    """Check a matte to start from: the size of `like`."""
    start = as_alpha(x0, name="x0")
    require_same_size(like, start, names=("image", "x0"))
    return start
