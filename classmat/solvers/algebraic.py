"""Smoothed-aggregation multigrid by pyamg, with colours in its coarse space where they belong there."""

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, csr_matrix

from .cg import Operator

# Edges of a graph count as weak below this part of the geometric mean of the diagonal entries of their ends. On random
# walks, whose weights span eight decades, a solve takes 11 iterations; 20 with 0.02, 96 with 0.
WEAK = 0.1


def smoothed_aggregation(A: csr_array, colours: NDArray[Any] | None) -> Operator:
    """Return one V-cycle of smoothed aggregation as a preconditioner.

    The near-null space of a matting Laplacian is locally every affine function of colour, so the candidates
    that aggregates must represent are ``[1, R, G, B]``. With the constant alone a solve takes about four times
    the iterations. Not so where no coupling is positive, in the Laplacian of a graph: there the constant is all, and
    what matters is that aggregates follow the strong edges.

    Parameters
    ----------
    A : csr_array, (n, n)
        Symmetric positive definite.
    colours : ndarray, (n, c), optional
        The colour of each unknown; without it the constant is the only candidate.
    """
    import pyamg  # a second of import that other methods need not pay

    n, is_graph = A.shape[0], has_negative_couplings(A)
    candidates = np.ones((n, 1)) if colours is None or is_graph else np.column_stack([np.ones(n), colours])
    with warnings.catch_warnings():  # pyamg reports on its own sparse conversions
        warnings.simplefilter("ignore")
        hierarchy = pyamg.smoothed_aggregation_solver(
            csr_matrix(A),
            B=candidates,
            strength=("symmetric", {"theta": WEAK if is_graph else 0.0}),
            # Weights from row sums: no random start as for a spectral radius, so that results repeat.
            smooth=("jacobi", {"omega": 2.0, "weighting": "local"}),
            improve_candidates=None,
            max_coarse=400,
            coarse_solver="pinv",
            keep=False,
        )
    return hierarchy.aspreconditioner(cycle="V").matvec


def has_negative_couplings(A: csr_array) -> bool:
    """Return whether all entries off the diagonal are at most 0, as in the Laplacian of a graph."""
    rows = np.repeat(np.arange(A.shape[0]), np.diff(A.indptr))
    return bool(((A.data <= 0) | (A.indices == rows)).all())
