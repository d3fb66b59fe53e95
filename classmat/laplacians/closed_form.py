"""The closed-form matting Laplacian of Levin, Lischinski and Weiss."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array

from ..images.validate import as_count, as_image, as_mask, as_number, require_same_size
from ..kernels import closed_form as kernels
from ..solvers.stencil import Stencil
from .system import FEW, System, eliminate_known

# What a relative of this Laplacian does to the windows' factors: change(active, pixels of a window, factors).
Change = Callable[[NDArray[Any], int, NDArray[Any]], None]


def closed_form_laplacian(
    image: ArrayLike, *, eps: float = 1e-7, radius: int = 1, mask: ArrayLike | None = None
) -> csr_array:
    """Return the matting Laplacian of an image, a sparse symmetric positive semi-definite matrix.

    Eq. 12 of the paper; ``alpha^T L alpha`` is the least squared error with which, in every window, alpha is
    an affine function of colour::

        L_ij = sum over windows k with i, j in w_k of
               delta_ij - (1 + (I_i - mu_k)^T (Sigma_k + eps / |w_k| I)^-1 (I_j - mu_k)) / |w_k|

    Parameters
    ----------
    image : array_like, (h, w, 3) or (h, w)
        Colour or grey image; float in [0, 1], uint8 or uint16.
    eps : float
        Regularisation, above 0. As in the paper ``eps / |w|`` is added to a window's covariance; the guided
        filter, in contrast, adds ``eps`` itself.
    radius : int
        Windows have ``2 * radius + 1`` pixels a side, at least 1, and lie inside the image. Along a side of
        the image that is shorter than this, a window is as long as the image.
    mask : array_like, (h, w), optional
        Pixels whose rows are needed. Windows without any such pixel are left out, so that rows of other
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
    A. Levin, D. Lischinski, Y. Weiss: A closed-form solution to natural image matting. TPAMI 30(2), 2008.

    Examples
    --------
    >>> import numpy as np
    >>> ramp = np.linspace(0, 1, 5)[np.newaxis, :, np.newaxis] * np.ones((4, 1, 3))
    >>> L = closed_form_laplacian(ramp, eps=1e-9)
    >>> L.shape
    (20, 20)
    >>> bool(np.abs(L @ ramp[:, :, 0].ravel()).max() < 1e-8)  # affine in colour: no error
    True
    """
    pixels = three_channels(as_image(image))
    eps = as_number(eps, name="eps", low=0, exclusive=True)
    radius = as_count(radius, name="radius", low=1)
    needed = np.ones(pixels.shape[:2], bool) if mask is None else as_mask(mask)
    require_same_size(pixels, needed, names=("image", "mask"))
    return assemble(pixels, needed, eps, radius)


def closed_form_system(
    image: NDArray[Any],
    is_unknown: NDArray[np.bool_],
    alpha: NDArray[Any],
    *,
    eps: float,
    radius: int,
    diagonal: NDArray[np.float64] | None = None,
) -> System:
    """Return the closed-form system of the unknown pixels; arguments are checked but for eps and radius.

    Many unknown pixels with radius 1 become a `Stencil`, an eighth of the memory of a sparse matrix, which the
    multigrid takes; all else a sparse matrix.

    Parameters
    ----------
    image : ndarray, (h, w, 3) or (h, w)
        Float in [0, 1].
    is_unknown : ndarray, (h, w)
        Pixels to solve for.
    alpha : ndarray, (h, w)
        The matte where it is known, 0 elsewhere.
    eps, radius
        As in `closed_form_laplacian`.
    diagonal : ndarray, (n,), optional
        Added to the diagonal.
    """
    eps = as_number(eps, name="eps", low=0, exclusive=True)
    radius = as_count(radius, name="radius", low=1)
    unknown = np.flatnonzero(is_unknown)
    if radius == 1 and len(unknown) > FEW:
        stencil = Stencil.from_image(image, is_unknown, eps=eps, known_values=alpha, diagonal=diagonal)
        return System(stencil, stencil.right, image)
    L = closed_form_laplacian(image, eps=eps, radius=radius, mask=is_unknown)
    return eliminate_known(L, is_unknown, alpha, image, reach=2 * radius, diagonal=diagonal)


def three_channels(image: NDArray[Any]) -> NDArray[Any]:
    """Give a grey image two more channels that are zero: they have no spread, so nothing depends on them."""
    if image.ndim == 3:
        return image
    pixels = np.zeros((*image.shape, 3), image.dtype)
    pixels[:, :, 0] = image
    return pixels


def assemble(
    image: NDArray[Any], needed: NDArray[np.bool_], eps: float, radius: int, change: Change | None = None
) -> csr_array:
    """Assemble the Laplacian of a checked (h, w, 3) image from its windows, whose factors may be changed first."""
    h, w = needed.shape
    side_y, side_x = min(2 * radius + 1, h), min(2 * radius + 1, w)
    active = windows_with(needed, side_y, side_x)
    means = np.empty((*active.shape, 3))
    factors = np.empty((*active.shape, 6))
    kernels.factorise_windows(image, active, side_y, side_x, eps, means, factors)
    if change is not None:
        change(active, side_y * side_x, factors)
    counts = np.empty((h, w), np.int32)
    kernels.count_entries(active, side_y, side_x, counts)
    matrix = empty_rows(counts)
    kernels.fill_entries(image, active, side_y, side_x, means, factors, matrix.indptr, matrix.indices, matrix.data)
    return matrix


def empty_rows(counts: NDArray[np.int32]) -> csr_array:
    """Return a matrix over all pixels with room for so many entries a row, for a kernel to fill in order."""
    n = counts.size
    starts = np.zeros(n + 1, np.int64)
    np.cumsum(counts.ravel(), out=starts[1:])
    if starts[-1] <= np.iinfo(np.int32).max:  # SciPy and its solvers are faster on narrow indices
        starts = starts.astype(np.int32)
    indices, data = np.zeros(starts[-1], starts.dtype), np.empty(starts[-1])
    matrix = csr_array((data, indices, starts), shape=(n, n))
    matrix.has_sorted_indices = True
    return matrix


def windows_with(needed: NDArray[np.bool_], height: int, width: int) -> NDArray[np.bool_]:
    """Return for each window, named by its upper left pixel, whether it holds a needed pixel."""
    rows = needed.shape[0] - height + 1
    cols = needed.shape[1] - width + 1
    tall = np.logical_or.reduce([needed[dy : dy + rows] for dy in range(height)])
    return np.logical_or.reduce([tall[:, dx : dx + cols] for dx in range(width)])
