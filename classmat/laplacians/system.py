"""What is left to solve when known pixels are eliminated from a Laplacian."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array

from ..solvers.stencil import Stencil

# Up to so many unknown pixels a sparse matrix and its factorisation are as fast as a stencil and its multigrid.
FEW = 40_000


class System(NamedTuple):
    """A system for the unknown pixels.

    Attributes
    ----------
    A : csr_array, Stencil or LinearOperator, (n, n)
        ``L_UU``, plus a diagonal where there is a prior; n is the number of unknown pixels, in raster order.
    b : ndarray, (n,)
        ``-L_UK x_K``.
    image : ndarray
        What `solve` takes as `image`: colours of the unknown pixels, or the image if A is a Stencil.
    """

    A: Any
    b: NDArray[np.float64]
    image: NDArray[Any]


def eliminate_known(
    L: csr_array,
    is_unknown: NDArray[np.bool_],
    alpha: NDArray[Any],
    image: NDArray[Any],
    *,
    reach: int | None = None,
    diagonal: NDArray[np.float64] | None = None,
) -> System:
    """Return the system of the unknown pixels of any Laplacian whose rows for these are complete.

    Parameters
    ----------
    L : csr_array, (h * w, h * w)
        Symmetric.
    is_unknown : ndarray, (h, w)
        Pixels to solve for.
    alpha : ndarray, (h, w)
        The matte where it is known, 0 elsewhere.
    image : ndarray, (h, w, 3) or (h, w)
        Float in [0, 1].
    reach : int, optional
        How many rows and columns apart L couples pixels. Is it at most 2, many unknown pixels become a `Stencil`,
        for the multigrid of locally affine functions of colour.
    diagonal : ndarray, (n,), optional
        Added to the diagonal.
    """
    unknown = np.flatnonzero(is_unknown)
    rows = L[unknown]
    A, b = rows[:, unknown], -(rows @ alpha.ravel())
    if diagonal is not None:
        A = A + diags_array(diagonal, format="csr")
    if reach is not None and reach <= 2 and len(unknown) > FEW:
        return System(Stencil.from_csr(A, is_unknown), b, image)
    return System(A, b, image.reshape(alpha.size, -1)[unknown])
