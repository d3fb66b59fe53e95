"""Products with the closed-form Laplacian."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..images.floats import as_floats
from ..images.validate import as_count, as_number
from ..laplacians import matrix_free
from ._protocol import Floats, Pullback, as_cotangent, as_planes, like


def laplacian_apply_vjp(
    image: ArrayLike, x: ArrayLike, eps: ArrayLike, *, radius: int = 1
) -> tuple[Floats, Pullback]:
    """Multiply the closed-form matting Laplacian of an image by a plane, ``y = L(image) x``.

    ``x . y / 2`` is an energy: half the squared error with which, window by window, x is an affine function of colour
    (Levin, Lischinski and Weiss, eqs. 10 to 12). No matrix is formed: y sums the residuals of the windows' fits.

    Parameters
    ----------
    image : array_like, (h, w, 3) or (h, w), in a batch (n, h, w, 3) or (n, h, w)
        Finite values, [0, 1] as a rule; differentiable. It has colours if it has one dimension more than `x`.
    x : array_like, (h, w) or (n, h, w)
        Finite values of any range; differentiable.
    eps : float or ndarray, ()
        Above 0; ``eps / |w|`` is added to a window's covariance, as in `closed_form_laplacian`; differentiable.
    radius : int
        Windows have ``2 radius + 1`` pixels a side, at least 1, and lie inside the image; along a side of the image that
        is shorter than this, a window is as long as the image.

    Returns
    -------
    y : ndarray, shape of x
        float32 if image and x are, else float64; computed in float64.
    pullback : callable
        ``y_bar -> (image_bar, x_bar, eps_bar)``; ``x_bar = L y_bar``. Keeps the arguments alone.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind, shape or range, an array is empty or not finite, or sizes differ; from the
        pullback, if the cotangent has another shape.

    Examples
    --------
    >>> y, pullback = laplacian_apply_vjp([[0.0, 0.2, 1.0]], [[0.0, 1.0, 0.0]], 1e-3, radius=1)
    >>> y.round(3)
    array([[-0.476,  0.595, -0.119]])
    >>> image_bar, x_bar, eps_bar = pullback(y)
    """
    planes = as_planes(x, name="x")
    picture = as_image_of(image, planes, plane="x")
    number = as_number(eps, name="eps", low=0, exclusive=True)
    eps = as_floats(eps, name="eps")
    size = as_count(radius, name="radius", low=1)
    I, values = as_stack(picture, planes), as_stack(planes, planes)
    y = multiply_laplacian(I, values, number, size).reshape(planes.shape)
    y = y.astype(np.result_type(picture, planes))

    def pullback(y_bar: ArrayLike) -> tuple[Floats, ...]:
        v = as_stack(as_cotangent(y_bar, y), planes)
        image_bar, eps_bar = pull_laplacian_back(I, values, v, number, size)
        x_bar = multiply_laplacian(I, v, number, size)
        return like(image_bar, picture, picture), like(x_bar, planes, planes), like(np.asarray(eps_bar), eps)

    return y, pullback


def as_image_of(image: ArrayLike, like: Floats, *, plane: str) -> Floats:
    """Return an image in grey or colours of the size of some planes, (h, w) or (n, h, w)."""
    array = as_floats(image, name="image")
    if array.shape not in (like.shape, (*like.shape, 3)):
        raise ValueError(
            f"image has shape {array.shape} but {plane} has shape {like.shape}; "
            f"accepted are {like.shape} and {(*like.shape, 3)}."
        )
    return array


def as_stack(values: Floats, like: Floats) -> NDArray[np.float64]:
    """Return images (n, h, w, c) or planes (n, h, w) in float64, with n = 1 where there is no batch; no copy if it can."""
    return values.reshape(-1, *like.shape[-2:], *values.shape[like.ndim :]).astype(np.float64, copy=False)


def multiply_laplacian(image: Floats, x: Floats, eps: float, radius: int) -> NDArray[np.float64]:
    """Return ``L x`` for every image and plane of a batch."""
    colours = image.reshape(*x.shape, -1)
    return np.stack([matrix_free.multiply(*each, eps, radius) for each in zip(colours, x, strict=True)])


def pull_laplacian_back(
    image: Floats, x: Floats, v: Floats, eps: float, radius: int
) -> tuple[NDArray[np.float64], float]:
    """Return the derivatives of ``v^T L x``, summed over a batch, by the images and by eps."""
    colours = image.reshape(*x.shape, -1)
    pairs = [matrix_free.pull_back(*each, eps, radius) for each in zip(colours, x, v, strict=True)]
    return np.stack([bar for bar, _ in pairs]), sum(eps_bar for _, eps_bar in pairs)
