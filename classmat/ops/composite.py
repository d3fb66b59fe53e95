"""The compositing equation."""

import numpy as np
from numpy.typing import ArrayLike

from ..images.floats import require_same_shape
from ._protocol import Floats, Pullback, as_colours, as_cotangent, as_planes, like, sum_channels


def composite_vjp(foreground: ArrayLike, alpha: ArrayLike, background: ArrayLike) -> tuple[Floats, Pullback]:
    """Lay a foreground over a background: ``I = alpha F + (1 - alpha) B`` in every channel.

    Parameters
    ----------
    foreground, background : array_like, (h, w, c), (n, h, w, c), or grey in the shape of `alpha`
        Colours; differentiable.
    alpha : array_like, (h, w) or (n, h, w)
        The matte, not clipped; differentiable.

    Returns
    -------
    image : ndarray
        The shape of `foreground`.
    pullback : callable
        ``I_bar -> (F_bar, alpha_bar, B_bar)`` with ``F_bar = alpha I_bar``, ``B_bar = (1 - alpha) I_bar`` and
        ``alpha_bar = sum over channels of (F - B) I_bar``. Keeps alpha, F and B.

    Raises
    ------
    TypeError, ValueError
        If an array is not numeric, empty or not finite, or the shapes do not fit; from the pullback, if the
        cotangent has another shape.

    Examples
    --------
    >>> image, pullback = composite_vjp([[1.0, 1.0]], [[0.25, 1.0]], [[0.0, 0.2]])
    >>> image
    array([[0.25, 1.  ]])
    >>> pullback([[1.0, 1.0]])[1]
    array([[1. , 0.8]])
    """
    a = as_planes(alpha, name="alpha")
    F, B = as_colours(foreground, a, name="foreground"), as_colours(background, a, name="background")
    require_same_shape(F, B, names=("foreground", "background"))
    weight = a[..., np.newaxis]
    image = (weight * F + (1 - weight) * B).reshape(np.shape(foreground))

    def pullback(image_bar: ArrayLike) -> tuple[Floats, ...]:
        I_bar = as_cotangent(image_bar, image).reshape(F.shape)
        return (
            like(weight * I_bar, F, foreground),
            like(sum_channels((F - B) * I_bar), a),
            like((1 - weight) * I_bar, B, background),
        )

    return image, pullback
