"""``A x = b`` for symmetric positive definite sparse A: which method, and its set-up."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array, issparse
from scipy.sparse.linalg import LinearOperator

from ..images.validate import as_choice
from .algebraic import smoothed_aggregation
from .cg import PreconditionedCG, jacobi
from .direct import Direct
from .factor import Callback, Factor
from .multigrid import Multigrid
from .solution import Solution
from .stencil import Stencil

METHODS = ("auto", "multigrid", "algebraic", "cg", "direct")

# Entries of A up to which it is factorised: about 40 k unknowns of a radius-1 Laplacian, where a factorisation and
# the multigrid take the same 0.2 s. Fill grows faster than entries: a full grid of 2.2 million takes 550 MB.
DIRECT_LIMIT = 1_000_000


def factorise(A: Any, *, method: str = "auto", image: ArrayLike | None = None) -> Factor:
    """Do the set-up for ``A x = b`` once, to solve for several right-hand sides later.

    Parameters
    ----------
    A : sparse array, (n, n), Stencil, or LinearOperator with a method `diagonal`
        Symmetric positive definite: a Laplacian with known pixels eliminated, or one plus a positive diagonal. An
        operator is solved by ``cg``.
    method : {"auto", "multigrid", "algebraic", "cg", "direct"}
        ``multigrid``: conjugate gradients with classmat's colour-affine multigrid, for Laplacians of radius 1;
        ``algebraic``: with smoothed aggregation, for any; ``cg``: with the diagonal; ``direct``: a sparse LU
        factorisation; ``auto``: direct for small systems, else multigrid where it can, else algebraic.
    image : array_like, optional
        The image, (h, w, c) or (h, w), when every pixel is unknown, which ``multigrid`` needs; or the colours of
        the unknowns, (n, c). Matting Laplacians are solved in far fewer iterations with it. With a Stencil:
        always the image.

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
    method = as_choice(method, METHODS, name="method")
    if isinstance(A, Stencil):
        return _factorise_stencil(A, method, image)
    if isinstance(A, LinearOperator) and hasattr(A, "diagonal"):
        if method not in ("auto", "cg"):
            raise ValueError(
                f"method is {method!r}, which needs the entries of A; for an operator accepted is cg."
            )
        return PreconditionedCG(A, jacobi(A), "cg")
    matrix = _as_matrix(A)
    colours = None if image is None else _as_colours(image, matrix.shape[0])
    if method == "direct" or (method == "auto" and matrix.nnz <= DIRECT_LIMIT):
        return Direct(matrix)
    if method in ("auto", "multigrid"):
        stencil = _as_stencil(matrix, image)
        if stencil is not None:  # it holds float32, so it only preconditions the matrix that was given
            precondition = Multigrid(stencil, np.asarray(image, np.float64)).precondition
            return PreconditionedCG(matrix, precondition, "multigrid")
        if method == "multigrid":
            raise ValueError(
                "A is no radius-1 Laplacian over all pixels of image; accepted for multigrid is such a one."
            )
        method = "algebraic"
    if method == "cg":
        return PreconditionedCG(matrix, jacobi(matrix), method)
    return PreconditionedCG(matrix, smoothed_aggregation(matrix, colours), method)


def _factorise_stencil(stencil: Stencil, method: str, image: ArrayLike | None) -> Factor:
    if method in ("auto", "multigrid"):
        return Multigrid(stencil, None if image is None else np.asarray(image))
    colours = None if image is None else np.asarray(image)[stencil.layout.is_unknown]
    return factorise(stencil.to_csr(), method=method, image=colours)


def _as_stencil(A: csr_array, image: ArrayLike | None) -> Stencil | None:
    """Return A as a stencil over all pixels of an image, None if it is not one."""
    shape = np.shape(image)[:2] if image is not None else (0, 0)
    if len(shape) != 2 or shape[0] * shape[1] != A.shape[0]:
        return None
    return Stencil.from_csr(A, np.ones(shape, bool))


def solve(
    A: Any,
    b: ArrayLike,
    *,
    method: str = "auto",
    x0: ArrayLike | None = None,
    rtol: float | None = None,
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
    rtol, atol : float, optional
        Stop when ``|b - A x| <= max(rtol |b|, atol)``. Without either, an rtol of 1e-7, except for a
        Stencil: there it stops when the correction that the preconditioner would make is below 1e-6
        everywhere, an estimate of the error of a matte. A direct solve is as exact as rounding allows.
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
    if A.dtype.kind not in "buif":
        raise TypeError(f"A has dtype {A.dtype}; accepted are real numbers.")
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
