"""Gaussian blur."""

import numpy as np
from numpy.typing import ArrayLike

from ..filters.blur import BORDERS, apply_taps, apply_taps_adjoint, gaussian_taps
from ..images.floats import as_batch
from ..images.validate import as_choice
from ._protocol import Floats, Pullback, as_cotangent


def blur_vjp(
    src: ArrayLike, *, sigma: float, radius: int | None = None, border: str = "reflect"
) -> tuple[Floats, Pullback]:
    """Blur with a Gaussian and reflected borders: ``q = K p K^T``, as `classmat.filters.blur.gaussian_blur` does.

    Parameters
    ----------
    src : array_like, (h, w), (h, w, c) or (n, h, w, c)
        Finite values of any range; differentiable. Three dimensions are rows, columns, channels.
    sigma : float
        Standard deviation in pixels, 0 to 10000.
    radius : int, optional
        Where the kernel ends; ``4 sigma``, rounded, by default.
    border : {"reflect", "mirror"}
        Whether pixels at the border are repeated outside (``c b a | a b c``) or not (``c b | a b c``).

    Returns
    -------
    q : ndarray
        The shape of `src`.
    pullback : callable
        ``q_bar -> (src_bar,) = (K^T q_bar K,)``. With ``reflect``, K is symmetric; with ``mirror`` it is not, but
        ``K^T = D K D^-1`` with D = 1/2 at the border and 1 elsewhere. Keeps nothing but the kernel.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind, shape or range; from the pullback, if the cotangent has another shape.

    Examples
    --------
    >>> q, pullback = blur_vjp([[0.0, 0.0, 1.0]], sigma=0.8, radius=1)
    >>> q.round(3)
    array([[0.   , 0.239, 0.761]])
    >>> pullback([[0.0, 1.0, 0.0]])[0].round(3)
    array([[0.239, 0.522, 0.239]])
    """
    p = as_batch(src)
    as_choice(border, BORDERS, name="border")
    taps = gaussian_taps(sigma, radius)
    q = apply_taps(p, taps, border).reshape(np.shape(src))
    shape = p.shape

    def pullback(q_bar: ArrayLike) -> tuple[Floats, ...]:
        bar = as_cotangent(q_bar, q)
        return (apply_taps_adjoint(bar.reshape(shape), taps, border).reshape(bar.shape),)

    return q, pullback
