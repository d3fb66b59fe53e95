"""The Laplacian of the random walk on pixels, Grady's weights."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import csr_array

from ..images.validate import as_count, as_image, as_mask, as_number, require_same_size
from ..kernels import random_walk as kernels
from .closed_form import empty_rows

# The least weight of an edge. Without it a pixel that differs from all around it is cut off: weights underflow at a
# difference of 27 sigma, and long before that the matrix is singular in the working precision.
FLOOR = 1e-8


def random_walk_laplacian(
    image: ArrayLike, *, sigma: float = 0.033, radius: int = 1, mask: ArrayLike | None = None
) -> csr_array:
    """Return the Laplacian ``D - W`` of a random walk, a sparse symmetric positive semi-definite matrix.

    A walker at pixel i steps to a neighbour j with a probability in proportion to::

        W_ij = max(exp(-|I_i - I_j|^2 / sigma^2), 1e-8)

    and D has the sums of the rows of W. The floor keeps a walker from being locked in where colours differ
    by more than about 4.3 sigma on all sides; the matrix would be singular there.

    Parameters
    ----------
    image : array_like, (h, w, 3) or (h, w)
        Colour or grey image; float in [0, 1], uint8 or uint16. Squared differences add up over channels.
    sigma : float
        The difference in colour at which a step is e times less likely, 1e-6 to 1e6.
    radius : int
        Neighbours are all other pixels of the ``(2 * radius + 1)^2`` around one that lie inside the image; at
        least 1, which is 8 neighbours.
    mask : array_like, (h, w), optional
        Pixels whose rows are needed. Edges without an end at any such pixel are left out, so that rows of other
        pixels are incomplete or empty. All pixels by default.

    Returns
    -------
    csr_array, (h * w, h * w)
        float64, pixels in raster order, sorted column indices, rows sum to zero.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind, shape or range.

    References
    ----------
    L. Grady, T. Schiwietz, S. Aharon, R. Westermann: Random walks for interactive alpha-matting. VIIP 2005.
    Eq. 4 for the weights, with plain differences of colour in place of the projected ones. The defaults of `sigma` and
    `radius` are PyMatting's.

    Examples
    --------
    >>> random_walk_laplacian([[0.5, 0.5, 0.5]]).toarray()
    array([[ 1., -1.,  0.],
           [-1.,  2., -1.],
           [ 0., -1.,  1.]])
    """
    pixels = as_image(image)
    sigma = as_number(sigma, name="sigma", low=1e-6, high=1e6)
    radius = as_count(radius, name="radius", low=1)
    needed = np.ones(pixels.shape[:2], bool) if mask is None else as_mask(mask)
    require_same_size(pixels, needed, names=("image", "mask"))
    radius = min(radius, max(needed.shape))
    counts = np.empty(needed.shape, np.int32)
    kernels.count_entries(needed, radius, counts)
    L = empty_rows(counts)
    colours = pixels.reshape(*needed.shape, -1)
    kernels.fill_entries(colours, needed, radius, sigma**-2, FLOOR, L.indptr, L.indices, L.data)
    return L
