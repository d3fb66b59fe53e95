"""The closed-form Laplacian of large windows, as an operator: its matrix would have ``(4 radius + 1)^2`` entries a row."""

import threading
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse.linalg import LinearOperator

from ..images.validate import as_count, as_image, as_mask, as_number, require_same_size
from ..kernels import large_kernel as kernels
from .closed_form import three_channels, windows_with

# The 6 products of colours, and where the 9 entries of a symmetric 3x3 matrix stand among them.
PAIRS = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))
ENTRIES = np.array([[0, 1, 2], [1, 3, 4], [2, 4, 5]])


def large_kernel_operator(
    image: ArrayLike, *, eps: float = 1e-7, radius: int = 10, mask: ArrayLike | None = None
) -> "LargeKernel":
    """Return the matting Laplacian of large windows as an operator whose cost does not depend on their size.

    It is the matrix of `closed_form_laplacian` with the same arguments, which is never formed: ``L p`` needs in each
    window the line ``a . I + b`` that fits p best, and then::

        (L p)_i = n_i p_i - (sum of a over the n_i windows with i) . I_i - sum of b

    All sums are over boxes and are taken from running ones (eqs. 10 to 12 of the paper, in other letters).

    Parameters
    ----------
    image : array_like, (h, w, 3) or (h, w)
        Colour or grey image; float in [0, 1], uint8 or uint16.
    eps : float
        Regularisation, above 0; ``eps / |w|`` is added to a window's covariance.
    radius : int
        Windows have ``2 * radius + 1`` pixels a side, at least 1, and lie inside the image. Along a side of
        the image that is shorter than this, a window is as long as the image.
    mask : array_like, (h, w), optional
        Pixels that the operator is for: it then is the submatrix of their rows and columns, in raster order. All
        pixels by default.

    Returns
    -------
    LargeKernel, (n, n)
        A SciPy `LinearOperator`, symmetric, that knows its `diagonal`, and which `solve` accepts.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind, shape or range.

    References
    ----------
    K. He, J. Sun, X. Tang: Fast matting using large kernel matting Laplacian matrices. CVPR 2010.

    Examples
    --------
    >>> import numpy as np
    >>> image = np.random.default_rng(0).random((30, 40, 3))
    >>> L = large_kernel_operator(image, radius=5)
    >>> L.shape
    (1200, 1200)
    >>> bool(abs(L @ image[:, :, 1].ravel()).max() < 1e-6)  # affine in colour: no error
    True
    """
    pixels = three_channels(as_image(image))
    eps = as_number(eps, name="eps", low=0, exclusive=True)
    radius = as_count(radius, name="radius", low=1)
    wanted = np.ones(pixels.shape[:2], bool) if mask is None else as_mask(mask)
    require_same_size(pixels, wanted, names=("image", "mask"))
    return LargeKernel(pixels, wanted, eps, radius)


class LargeKernel(LinearOperator):
    """The operator of `large_kernel_operator`.

    It holds workspace, so that threads which use it take turns.
    """

    def __init__(self, image: NDArray[Any], wanted: NDArray[np.bool_], eps: float, radius: int) -> None:
        n = int(wanted.sum())
        super().__init__(np.dtype(np.float64), (n, n))
        h, w = wanted.shape
        self._side = side_y, side_x = min(2 * radius + 1, h), min(2 * radius + 1, w)
        rows, columns = np.flatnonzero(wanted.any(axis=1)), np.flatnonzero(wanted.any(axis=0))
        self._crop = _around(rows, side_y), _around(columns, side_x)
        self._wanted = np.ascontiguousarray(wanted[self._crop])
        self._active = windows_with(self._wanted, side_y, side_x)
        # Colours near zero: what is left when sums are subtracted has all its digits.
        self._colours = np.ascontiguousarray(np.moveaxis(image[self._crop] - image.mean(axis=(0, 1)), 2, 1))
        self._windows = self._factorise(eps)
        h, w = self._wanted.shape
        self._counts = _window_counts(h, side_y), _window_counts(w, side_x)
        self._planes = np.empty((h, 4, w))
        self._sums = np.zeros((self._active.shape[0], 4, self._active.shape[1]))
        self._turn = threading.Lock()

    def apply(self, p: NDArray[Any]) -> NDArray[np.float64]:
        """Return ``L p`` at the pixels of the mask for p over the whole image (h, w): (n,)."""
        return self._apply_cropped(np.ascontiguousarray(p[self._crop], np.float64))

    def _apply_cropped(self, plane: NDArray[np.float64]) -> NDArray[np.float64]:
        out = np.empty_like(plane)
        with self._turn:
            kernels.products(self._colours, plane, self._planes)
            self._sum_windows(self._planes, self._sums)
            kernels.predict(self._windows, self._active, self._side[0] * self._side[1], self._sums)
            self._sum_pixels(self._sums, self._planes)
            kernels.residual(self._colours, plane, self._wanted, *self._counts, self._planes, out)
        return out[self._wanted]

    def diagonal(self) -> NDArray[np.float64]:
        """Return the diagonal, (n,)."""
        w, colours = self._windows, self._colours
        mean, inverse = w[:, :3], w[:, 3:]
        towards_mean = np.stack([(inverse[:, ENTRIES[c]] * mean).sum(axis=1) for c in range(3)], axis=1)
        constant = (towards_mean * mean).sum(axis=1, keepdims=True)
        planes = np.concatenate([inverse, towards_mean, constant], axis=1)
        sums = np.zeros((len(colours), 10, colours.shape[2]))  # written where wanted
        self._sum_pixels(planes, sums)
        spread = sums[:, 9] - 2 * (sums[:, 6:9] * colours).sum(axis=1)
        for k, (c, d) in enumerate(PAIRS):
            spread += (1 if c == d else 2) * sums[:, k] * colours[:, c] * colours[:, d]
        count = np.outer(*self._counts)
        size = self._side[0] * self._side[1]
        return (count * (1 - 1 / size) - spread)[self._wanted]

    def _matvec(self, x: NDArray[Any]) -> NDArray[np.float64]:
        plane = np.zeros(self._wanted.shape)
        plane[self._wanted] = x.ravel()
        return self._apply_cropped(plane)

    def _factorise(self, eps: float) -> NDArray[np.float64]:
        """Return each window's mean and inverse covariance."""
        c = self._colours
        planes = np.concatenate([c, np.stack([c[:, i] * c[:, j] for i, j in PAIRS], axis=1)], axis=1)
        windows = np.zeros((self._active.shape[0], 9, self._active.shape[1]))
        self._sum_windows(planes, windows)
        kernels.invert_windows(windows, self._active, self._side[0] * self._side[1], eps, windows)
        return windows

    def _sum_windows(self, planes: NDArray[Any], out: NDArray[Any]) -> None:
        side_y, side_x = self._side
        kernels.box_sums(planes, self._active, 0, side_y - 1, 0, side_x - 1, out)

    def _sum_pixels(self, planes: NDArray[Any], out: NDArray[Any]) -> None:
        side_y, side_x = self._side
        kernels.box_sums(planes, self._wanted, side_y - 1, 0, side_x - 1, 0, out)


def _around(wanted: NDArray[np.intp], side: int) -> slice:
    """Return the range of a line of pixels that holds all windows with a wanted one."""
    if not len(wanted):
        return slice(0, side)
    return slice(max(0, wanted[0] - side + 1), wanted[-1] + side)


def _window_counts(length: int, side: int) -> NDArray[np.float64]:
    """Return how many windows inside a line of pixels hold each pixel."""
    index = np.arange(length)
    return (np.minimum(index, length - side) - np.maximum(index - side + 1, 0) + 1).astype(np.float64)
