"""Linear systems with a symmetric positive definite sparse matrix."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array

from ..images.floats import as_floats, require_same_shape
from ..images.validate import as_number
from ..solvers.choose import factorise
from ._protocol import Floats, Pullback, as_cotangent, like


def solve_vjp(
    data: ArrayLike,
    b: ArrayLike,
    *,
    indices: ArrayLike,
    indptr: ArrayLike,
    method: str = "auto",
    image: ArrayLike | None = None,
    rtol: float = 1e-10,
) -> tuple[Floats, Pullback]:
    """Solve ``A x = b`` for a symmetric positive definite A in CSR form, as a function of its entries and of b.

    ``x = A^-1 b``, read with ``(A + A^T) / 2`` for A, which is A where that is symmetric. The pullback is one more solve
    with the same factor, ``b_bar = A^-1 x_bar``, and ``A_bar = - (b_bar x^T + x b_bar^T) / 2`` on the pattern.

    Parameters
    ----------
    data : array_like, (m,)
        The entries; differentiable.
    b : array_like, (n,) or (k, n)
        One right-hand side, or several as rows; differentiable.
    indices, indptr : array_like, (m,) and (n + 1,)
        Columns of the entries, sorted or not, and where rows begin, as in `scipy.sparse.csr_array`; a symmetric pattern.
    method, image
        As in `classmat.factorise`.
    rtol : float
        Where the method iterates, until ``|b - A x| <= rtol |b|``.

    Returns
    -------
    x : ndarray, shape of b
        float32 if data and b are, else float64.
    pullback : callable
        ``x_bar -> (data_bar, b_bar)``. Keeps the factor and x.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind, shape or range, an array is empty or not finite, the pattern is not symmetric,
        or A is not positive definite as far as its diagonal and the solve tell; from the pullback, if the cotangent has
        another shape.

    Warns
    -----
    ConvergenceWarning
        If a solve did not reach `rtol`.

    Examples
    --------
    >>> from scipy.sparse import diags_array
    >>> A = diags_array([-1.0, 2.5, -1.0], offsets=[-1, 0, 1], shape=(4, 4), format="csr")
    >>> x, pullback = solve_vjp(A.data, np.ones(4), indices=A.indices, indptr=A.indptr)
    >>> x.round(3)
    array([0.909, 1.273, 1.273, 0.909])
    >>> data_bar, b_bar = pullback([1.0, 0.0, 0.0, 0.0])
    >>> b_bar.round(3), data_bar[:2].round(3)  # by A[0, 0] and A[0, 1]
    (array([0.499, 0.246, 0.117, 0.047]), array([-0.453, -0.429]))
    """
    entries = as_floats(data, name="data", ndim=(1,), accepted="(m,)")
    right = as_floats(b, name="b", ndim=(1, 2), accepted="(n,) or (k, n)")
    tolerance = as_number(rtol, name="rtol", low=0, exclusive=True)
    pattern = _as_pattern(indices, indptr, entries)
    n = len(pattern.starts) - 1
    if right.shape[-1] != n:
        raise ValueError(f"b has shape {right.shape}; accepted is ({n},) or (k, {n}), as A is {n} x {n}.")
    values = (entries.astype(np.float64) + entries[pattern.mirrored]) / 2
    A = csr_array((values, pattern.columns, pattern.starts), shape=(n, n))
    if not (A.diagonal() > 0).all():
        raise ValueError(
            f"data has {int((A.diagonal() <= 0).sum())} diagonal entries that are not positive; accepted is a positive "
            "definite matrix."
        )
    factor = factorise(A, method=method, image=image)

    def solve(rows: Floats) -> NDArray[np.float64]:
        return np.asarray(factor.solve(rows.reshape(-1, n).T, rtol=tolerance).x.T, order="C")

    x = solve(right)
    result = x.reshape(right.shape).astype(np.result_type(entries, right))

    def pullback(x_bar: ArrayLike) -> tuple[Floats, ...]:
        v = solve(as_cotangent(x_bar, result))
        outer = -_on_pattern(v, x, pattern)
        return like((outer + outer[pattern.mirrored]) / 2, entries), like(v, right, right)

    return result, pullback


class _Pattern(NamedTuple):
    """Where entries are, and for each where its mirror image is."""

    rows: NDArray[Any]
    columns: NDArray[Any]
    starts: NDArray[Any]
    mirrored: NDArray[Any]


def _on_pattern(v: Floats, x: Floats, pattern: _Pattern) -> NDArray[np.float64]:
    """Return the entries of the sum of ``v x^T`` over the rows of v and x."""
    total = np.zeros(len(pattern.rows))
    for one, other in zip(v, x, strict=True):
        total += one[pattern.rows] * other[pattern.columns]
    return total


def _as_pattern(indices: ArrayLike, indptr: ArrayLike, entries: Floats) -> _Pattern:
    columns, starts = _as_whole(indices, "indices"), _as_whole(indptr, "indptr")
    require_same_shape(entries, columns, names=("data", "indices"))
    n = len(starts) - 1
    if n < 1 or starts[0] != 0 or starts[-1] != len(columns) or (np.diff(starts) < 0).any():
        raise ValueError(
            f"indptr has {n + 1} numbers that do not ascend from 0 to {len(columns)}, the length of indices; "
            "accepted are those of a csr_array."
        )
    if columns.min() < 0 or columns.max() >= n:
        raise ValueError(f"indices has values in [{columns.min()}, {columns.max()}]; accepted are 0 to {n - 1}.")
    rows = np.repeat(np.arange(n), np.diff(starts))
    order, mirror = np.lexsort((columns, rows)), np.lexsort((rows, columns))
    twice = (np.diff(rows[order]) == 0) & (np.diff(columns[order]) == 0)
    if twice.any():
        raise ValueError(f"indices names {int(twice.sum())} entries of A twice; accepted is each one once.")
    if (rows[order] != columns[mirror]).any() or (columns[order] != rows[mirror]).any():
        raise ValueError("indices and indptr are not symmetric; accepted is A[j, i] for every A[i, j].")
    mirrored = np.empty(len(columns), np.int64)
    mirrored[order] = mirror
    return _Pattern(rows, columns, starts, mirrored)


def _as_whole(values: ArrayLike, name: str) -> NDArray[Any]:
    array = np.asarray(values)
    if array.dtype.kind not in "ui":
        raise TypeError(f"{name} has dtype {array.dtype}; accepted are whole numbers.")
    if array.ndim != 1 or array.size == 0:
        raise ValueError(f"{name} has shape {array.shape}; accepted is one dimension, not empty.")
    return array
