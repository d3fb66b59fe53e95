"""``A x = b`` for symmetric positive definite sparse A: which method, and its set-up."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array, issparse

from ..images.validate import as_choice
from .algebraic import smoothed_aggregation
from .cg import PreconditionedCG, jacobi
from .direct import Direct
from .factor import Callback, Factor
from .solution import Solution

METHODS = ("auto", "algebraic", "cg", "direct")

# Up to here a factorisation is faster than the multigrid and its fill stays below about 600 MB.
DIRECT_LIMIT = 200_000


def factorise(A: Any, *, method: str = "auto", image: ArrayLike | None = None) -> Factor:
    """Do the set-up for ``A x = b`` once, to solve for several right-hand sides later.

    Parameters
    ----------
    A : sparse array, (n, n)
        Symmetric positive definite: a Laplacian with known pixels eliminated, or one plus a positive diagonal.
    method : {"auto", "algebraic", "cg", "direct"}
        ``algebraic``: conjugate gradients with smoothed-aggregation multigrid; ``cg``: with the diagonal;
        ``direct``: a sparse LU factorisation; ``auto``: direct for small systems, else algebraic.
    image : array_like, optional
        The colours of the unknowns, (n, c), or the image itself, (h, w, c) or (h, w), when every pixel is
        unknown. Matting Laplacians are solved in far fewer iterations with it.

    Returns
    -------
    Factor
        Its ``solve(b, ...)`` is as often as wanted; its `method` says what ``auto`` chose.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind, shape or range.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.sparse import diags_array
    >>> factor = factorise(diags_array([-1, 2.5, -1], offsets=[-1, 0, 1], shape=(50, 50)))
    >>> factor.method, factor.solve(np.ones(50)).converged
    ('direct', True)
    """
    matrix = _as_matrix(A)
    method = as_choice(method, METHODS, name="method")
    colours = None if image is None else _as_colours(image, matrix.shape[0])
    if method == "auto":
        method = "direct" if matrix.shape[0] <= DIRECT_LIMIT else "algebraic"
    if method == "direct":
        return Direct(matrix)
    precondition = jacobi(matrix) if method == "cg" else smoothed_aggregation(matrix, colours)
    return PreconditionedCG(matrix, precondition, method)


def solve(
    A: Any,
    b: ArrayLike,
    *,
    method: str = "auto",
    x0: ArrayLike | None = None,
    rtol: float | None = 1e-7,
    atol: float = 0.0,
    maxiter: int = 2000,
    callback: Callback | None = None,
    image: ArrayLike | None = None,
) -> Solution:
    """Solve ``A x = b`` for a symmetric positive definite sparse matrix.

    Parameters
    ----------
    A, method, image
        As in `factorise`, which saves the set-up of a second solve with the same matrix.
    b : array_like, (n,) or (n, k)
        One or several right-hand sides.
    x0 : array_like, like b, optional
        Where to start: the matte of the frame before.
    rtol, atol : float
        Stop when ``|b - A x| <= max(rtol |b|, atol)``. A direct solve is as exact as rounding allows.
    maxiter : int
        The largest number of iterations for one right-hand side.
    callback : callable, optional
        Called as ``callback(iteration, relative_residual)`` after each iteration.

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
    factor = factorise(A, method=method, image=image)
    return factor.solve(b, x0=x0, rtol=rtol, atol=atol, maxiter=maxiter, callback=callback)


def _as_matrix(A: Any) -> csr_array:
    if not issparse(A):
        raise TypeError(f"A is a {type(A).__name__}; accepted is a SciPy sparse array.")
    if A.ndim != 2 or A.shape[0] != A.shape[1] or A.shape[0] == 0:
        raise ValueError(f"A has shape {A.shape}; accepted is (n, n) with n at least 1.")
    matrix = csr_array(A).astype(np.float64, copy=False)
    if not np.isfinite(matrix.data).all():
        raise ValueError("A has entries that are NaN or infinite; all must be finite.")
    return matrix


def _as_colours(image: ArrayLike, n: int) -> NDArray[np.float64]:
    array = np.asarray(image)
    channels = array.shape[-1] if array.ndim == 3 else array.size // n
    if array.size == 0 or array.size != n * channels or array.dtype.kind not in "buif":
        raise ValueError(f"image has shape {array.shape}; accepted are the colours of {n} unknowns.")
    return array.reshape(n, -1).astype(np.float64)
