"""The learning-based matting Laplacian of Zheng and Kambhamettu."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array

from ..images.validate import as_count, as_image, as_mask, as_number, require_same_size
from ..kernels import learning_based as kernels
from .closed_form import assemble, three_channels


def learning_based_laplacian(
    image: ArrayLike, *, eps: float = 1e-7, radius: int = 1, mask: ArrayLike | None = None
) -> csr_array:
    """Return the learning-based Laplacian of an image, a sparse symmetric positive semi-definite matrix.

    In every window alpha is predicted from colour by ridge regression, ``alpha = F alpha`` with X the centred
    colours, and ``alpha^T L alpha`` is the squared error of these predictions::

        L = sum over windows of (I - F)^T (I - F),    F = 1 1^T / |w| + X (X^T X + eps I)^-1 X^T

    The offset of the regression is not penalised. Along a direction in which the colours of a window have the scatter
    ``s^2`` the closed-form Laplacian has the eigenvalue ``eps / (s^2 + eps)``, and this one its square: both are
    near zero for what is affine in colour, this one nearer.

    Parameters
    ----------
    image : array_like, (h, w, 3) or (h, w)
        Colour or grey image; float in [0, 1], uint8 or uint16.
    eps : float
        Regularisation of the regression, above 0: the paper's lambda.
    radius, mask
        As in `closed_form_laplacian`.

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
    Y. Zheng, C. Kambhamettu: Learning based digital matting. ICCV 2009. The local learning model with the linear
    kernel. The defaults, eps 1e-7 and radius 1, are PyMatting's.

    Examples
    --------
    >>> import numpy as np
    >>> ramp = np.linspace(0, 1, 5)[np.newaxis, :, np.newaxis] * np.ones((4, 1, 3))
    >>> L = learning_based_laplacian(ramp)
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

    def square(active: NDArray[Any], size: int, factors: NDArray[Any]) -> None:
        kernels.square_windows(active, eps / size, factors)

    return assemble(pixels, needed, eps, radius, square)
