"""A system whose set-up is done: it solves for any number of right-hand sides."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..images.validate import as_count, as_number
from .solution import Solution, warn_if_stalled

Vector = NDArray[np.float64]
Callback = Callable[[int, float], Any]


@dataclass(frozen=True)
class Stopping:
    """When an iteration ends, and whom it tells about each step."""

    rtol: float | None
    atol: float
    maxiter: int
    callback: Callback | None

    @classmethod
    def checked(cls, rtol: Any, atol: Any, maxiter: Any, callback: Any) -> "Stopping":
        """Return the rule that a user asks for, or raise TypeError or ValueError."""
        if callback is not None and not callable(callback):
            raise TypeError(f"callback is a {type(callback).__name__}; accepted is a function of two arguments.")
        return cls(
            None if rtol is None else as_number(rtol, name="rtol", low=0),
            as_number(atol, name="atol", low=0),
            as_count(maxiter, name="maxiter", low=1),
            callback,
        )

    def tolerance(self, b: Vector, default: float) -> float:
        """Return the norm that the residual must not exceed; `default` stands for an rtol of None."""
        rtol = default if self.rtol is None else self.rtol
        return max(rtol * float(np.linalg.norm(b)), self.atol)


class Answer(NamedTuple):
    """The solution for one right-hand side, its residual norms, and whether the stopping rule was met."""

    x: Vector
    norms: list[float]
    converged: bool


class Factor(ABC):
    """A matrix made ready for solving: a factorisation, or a preconditioner with its matrix.

    Attributes
    ----------
    method : str
        How it solves.
    size : int
        The number n of unknowns.
    """

    method: str
    size: int

    def solve(
        self,
        b: ArrayLike,
        *,
        x0: ArrayLike | None = None,
        rtol: float | None = None,
        atol: float = 0.0,
        maxiter: int = 2000,
        callback: Callback | None = None,
    ) -> Solution:
        """Solve ``A x = b``; arguments, warnings and errors are those of `classmat.solve`.

        Examples
        --------
        >>> import numpy as np
        >>> from scipy.sparse import diags_array
        >>> import classmat as cm
        >>> factor = cm.factorise(diags_array([-1.0, 2.5, -1.0], offsets=[-1, 0, 1], shape=(50, 50)))
        >>> forward, backward = factor.solve(np.ones(50)), factor.solve(np.arange(50.0))
        >>> bool(abs(np.arange(50) @ forward.x - backward.x.sum()) < 1e-9)  # A is symmetric
        True
        """
        right, start = self._as_vectors(b, "b"), None if x0 is None else self._as_vectors(x0, "x0")
        if start is not None and start.shape != right.shape:
            raise ValueError(f"x0 has shape {start.shape}; accepted is the shape of b, {right.shape}.")
        stopping = Stopping.checked(rtol, atol, maxiter, callback)
        columns = np.ascontiguousarray(right.reshape(self.size, -1).T)
        starts = [None] * len(columns) if start is None else np.ascontiguousarray(start.reshape(self.size, -1).T)
        answers = [self._solve_one(*pair, stopping) for pair in zip(columns, starts, strict=True)]
        solution = self._summary(answers, right.shape)
        warn_if_stalled(solution)
        return solution

    def rough(self, b: Vector, rtol: float) -> Vector:
        """Return about ``A^-1 b``, with a residual of about `rtol` times b, for an iteration around this one."""
        return self._solve_one(b, None, Stopping(rtol, 0.0, 200, None)).x

    @abstractmethod
    def _solve_one(self, b: Vector, x0: Vector | None, stopping: Stopping) -> Answer:
        """Solve for one right-hand side."""

    def _summary(self, answers: list[Answer], shape: tuple[int, ...]) -> Solution:
        """Put the columns together; of several, the slowest one's residuals are kept."""
        x = np.stack([answer.x for answer in answers], axis=1).reshape(shape)
        slowest = max((answer.norms for answer in answers), key=len)
        converged = all(answer.converged for answer in answers) and bool(np.isfinite(x).all())
        return Solution(x, converged, len(slowest) - 1, np.array(slowest), self.method)

    def _as_vectors(self, values: ArrayLike, name: str) -> Vector:
        array, n = np.asarray(values), self.size
        if array.dtype.kind not in "buif":
            raise TypeError(f"{name} has dtype {array.dtype}; accepted are real numbers.")
        if array.ndim not in (1, 2) or array.shape[0] != n or array.size == 0:
            raise ValueError(f"{name} has shape {array.shape}; accepted is ({n},) or ({n}, k), as A is {n} x {n}.")
        if not np.isfinite(array).all():
            raise ValueError(f"{name} has values that are NaN or infinite; all must be finite.")
        return array.astype(np.float64, copy=False)
