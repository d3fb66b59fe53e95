"""``A x = b`` for symmetric positive definite sparse A: `solve` and its methods."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array, issparse

from ..images.validate import as_choice, as_count, as_number
from .algebraic import smoothed_aggregation
from .cg import Callback, ConjugateGradients, Operator
from .direct import factorise
from .solution import ConvergenceWarning, Solution, warn_if_stalled

__all__ = ["METHODS", "ConvergenceWarning", "Solution", "solve"]

METHODS = ("auto", "algebraic", "cg", "direct")

# Up to here a factorisation is faster than the multigrid and its fill stays below about 600 MB.
DIRECT_LIMIT = 200_000

# What a backward stable direct solve leaves at most, relative to b.
ROUNDING = 1e-10


def solve(
    A: Any,
    b: ArrayLike,
    *,
    method: str = "auto",
    x0: ArrayLike | None = None,
    rtol: float = 1e-7,
    atol: float = 0.0,
    maxiter: int = 2000,
    callback: Callback | None = None,
    image: ArrayLike | None = None,
) -> Solution:
    """Solve ``A x = b`` for a symmetric positive definite sparse matrix.

    Parameters
    ----------
    A : sparse array, (n, n)
        Symmetric positive definite: a Laplacian with known pixels eliminated, or one plus a positive diagonal.
    b : array_like, (n,) or (n, k)
        One or several right-hand sides.
    method : {"auto", "algebraic", "cg", "direct"}
        ``algebraic``: conjugate gradients with smoothed-aggregation multigrid; ``cg``: with the diagonal;
        ``direct``: a sparse LU factorisation; ``auto``: direct for small systems, else algebraic.
    x0 : array_like, like b, optional
        Where to start: the matte of the frame before.
    rtol, atol : float
        Stop when ``|b - A x| <= max(rtol |b|, atol)``. A direct solve is as exact as rounding allows.
    maxiter : int
        The largest number of iterations for one right-hand side.
    callback : callable, optional
        Called as ``callback(iteration, relative_residual)`` after each iteration.
    image : array_like, optional
        The colours of the unknowns, (n, c), or the image itself, (h, w, c) or (h, w), when every pixel is
        unknown. Matting Laplacians are solved in far fewer iterations with it.

    Returns
    -------
    Solution
        Its `method` says what ``auto`` chose.

    Warns
    -----
    ConvergenceWarning
        If the tolerance was not reached; `Solution.converged` is then False.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind, shape or range.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.sparse import diags_array
    >>> A = diags_array([-1, 2.5, -1], offsets=[-1, 0, 1], shape=(50, 50))
    >>> solution = solve(A, np.ones(50))
    >>> solution.method, solution.converged
    ('direct', True)
    """
    matrix = _as_matrix(A)
    n = matrix.shape[0]
    right, start = _as_vectors(b, "b", n), None if x0 is None else _as_vectors(x0, "x0", n)
    if start is not None and start.shape != right.shape:
        raise ValueError(f"x0 has shape {start.shape}; accepted is the shape of b, {right.shape}.")
    rtol = as_number(rtol, name="rtol", low=0)
    atol = as_number(atol, name="atol", low=0)
    maxiter = as_count(maxiter, name="maxiter", low=1)
    method = as_choice(method, METHODS, name="method")
    colours = None if image is None else _as_colours(image, n)
    if method == "auto":
        method = "direct" if n <= DIRECT_LIMIT else "algebraic"

    solve_one = _solver(method, matrix, colours, maxiter, callback)
    columns = right.reshape(n, -1).T
    starts = [None] * len(columns) if start is None else start.reshape(n, -1).T
    answers = [
        solve_one(
            np.ascontiguousarray(column),
            guess,
            max(rtol * float(np.linalg.norm(column)), atol),
        )
        for column, guess in zip(columns, starts, strict=True)
    ]
    solution = _summary(answers, right.shape, method)
    warn_if_stalled(solution)
    return solution


Answer = tuple[NDArray[np.float64], list[float], bool]


def _solver(
    method: str,
    A: csr_array,
    colours: NDArray[np.float64] | None,
    maxiter: int,
    callback: Callback | None,
) -> Callable[..., Answer]:
    """Do the set-up of a method once and return the function that solves for one right-hand side."""
    if method == "direct":
        backsolve = factorise(A)

        def directly(b: NDArray[np.float64], x0: Any, tolerance: float) -> Answer:
            x = backsolve(b)
            norms = [float(np.linalg.norm(b)), float(np.linalg.norm(b - A @ x))]
            return x, norms, norms[1] <= ROUNDING * norms[0]  # whatever was asked for: it gets no better

        return directly
    precondition = _jacobi(A) if method == "cg" else smoothed_aggregation(A, colours)

    def iteratively(b: NDArray[np.float64], x0: Any, tolerance: float) -> Answer:
        run = ConjugateGradients(
            A.__matmul__, precondition, b, x0=x0, tolerance=tolerance, maxiter=maxiter, callback=callback
        )
        run.run()
        return run.x, run.norms, run.converged

    return iteratively


def _jacobi(A: csr_array) -> Operator:
    diagonal = A.diagonal()
    if not (diagonal > 0).all():
        raise ValueError(
            f"A has {int((diagonal <= 0).sum())} diagonal entries that are not positive; "
            "accepted is a symmetric positive definite matrix."
        )
    inverse = 1 / diagonal
    return lambda residual: inverse * residual


def _summary(answers: list[Answer], shape: tuple[int, ...], method: str) -> Solution:
    """Put the columns together; of several, the slowest one's residuals are kept."""
    x = np.stack([x for x, _, _ in answers], axis=1).reshape(shape)
    slowest = max((norms for _, norms, _ in answers), key=len)
    converged = all(met for _, _, met in answers) and bool(np.isfinite(x).all())
    iterations = 0 if method == "direct" else len(slowest) - 1
    return Solution(x, converged, iterations, np.array(slowest), method)


def _as_matrix(A: Any) -> csr_array:
    if not issparse(A):
        raise TypeError(f"A is a {type(A).__name__}; accepted is a SciPy sparse array.")
    if A.ndim != 2 or A.shape[0] != A.shape[1] or A.shape[0] == 0:
        raise ValueError(f"A has shape {A.shape}; accepted is (n, n) with n at least 1.")
    matrix = csr_array(A).astype(np.float64, copy=False)
    if not np.isfinite(matrix.data).all():
        raise ValueError("A has entries that are NaN or infinite; all must be finite.")
    return matrix


def _as_vectors(values: ArrayLike, name: str, n: int) -> NDArray[np.float64]:
    array = np.asarray(values)
    if array.dtype.kind not in "buif":
        raise TypeError(f"{name} has dtype {array.dtype}; accepted are real numbers.")
    if array.ndim not in (1, 2) or array.shape[0] != n or array.size == 0:
        raise ValueError(f"{name} has shape {array.shape}; accepted is ({n},) or ({n}, k), as A is {n} x {n}.")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} has values that are NaN or infinite; all must be finite.")
    return array.astype(np.float64)


def _as_colours(image: ArrayLike, n: int) -> NDArray[np.float64]:
    array = np.asarray(image)
    channels = array.shape[-1] if array.ndim == 3 else array.size // n
    if array.size == 0 or array.size != n * channels or array.dtype.kind not in "buif":
        raise ValueError(f"image has shape {array.shape}; accepted are the colours of {n} unknowns.")
    return array.reshape(n, -1).astype(np.float64)
