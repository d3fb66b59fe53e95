"""Feathering: a soft matte from a hard segmentation, by coefficients that a small network gives."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..filters.box import box
from ..images.validate import as_count
from ._protocol import Floats, Pullback, as_cotangent, like, same_planes


def feathering_vjp(
    a: ArrayLike, b: ArrayLike, c: ArrayLike, S_F: ArrayLike, S_B: ArrayLike, *, radius: int = 0
) -> tuple[Floats, Pullback]:
    """Combine two scores affinely: ``alpha = mean(a) S_F + mean(b) S_B + mean(c)``.

    Eqs. 2 and 5 of Zhu et al.: the guided filter's last step, with coefficients that were learned. Means are over the
    windows' pixels inside the image.

    Parameters
    ----------
    a, b, c : array_like, (h, w) or (n, h, w)
        Coefficients; differentiable.
    S_F, S_B : array_like, same shape
        Scores of foreground and background; differentiable.
    radius : int
        Windows are ``2 radius + 1`` wide; 0 leaves the coefficients as they are.

    Returns
    -------
    alpha : ndarray, same shape
        The matte, not clipped.
    pullback : callable
        ``alpha_bar -> (a_bar, b_bar, c_bar, S_F_bar, S_B_bar)``. Keeps the scores, mean(a) and mean(b).

    Raises
    ------
    TypeError, ValueError
        If an array is not numeric, empty or not finite, shapes differ, or the radius is negative; from the
        pullback, if the cotangent has another shape.

    References
    ----------
    B. Zhu, Y. Chen, J. Wang, S. Liu, B. Zhang, M. Tang: Fast deep matting for portrait animation on mobile phone. ACM
    Multimedia, 2017.

    Examples
    --------
    >>> alpha, pullback = feathering_vjp([[0.5]], [[0.1]], [[0.2]], [[0.75]], [[0.25]])
    >>> alpha
    array([[0.6]])
    >>> [bar.item() for bar in pullback([[1.0]])]
    [0.75, 0.25, 1.0, 0.5, 0.1]
    """
    arrays = same_planes((a, "a"), (b, "b"), (c, "c"), (S_F, "S_F"), (S_B, "S_B"))
    a, b, c, S_F, S_B = arrays
    size = as_count(radius, name="radius")
    mean_a, mean_b, mean_c = (_box(x, size, after=True) for x in (a, b, c))
    alpha = mean_a * S_F + mean_b * S_B + mean_c

    def pullback(alpha_bar: ArrayLike) -> tuple[Floats, ...]:
        bar = as_cotangent(alpha_bar, alpha)
        a_bar, b_bar, c_bar = (_box(x, size, before=True) for x in (bar * S_F, bar * S_B, bar))
        bars = a_bar, b_bar, c_bar, bar * mean_a, bar * mean_b
        return tuple(like(x, argument) for x, argument in zip(bars, arrays, strict=True))

    return alpha, pullback


def _box(planes: Floats, radius: int, **normalised: Any) -> Floats:
    """Return box means, or their adjoint, of (h, w) or (n, h, w) planes."""
    if radius == 0:
        return np.array(planes)
    return (
        box(planes[..., np.newaxis], radius, **normalised)[..., 0]
        if planes.ndim == 3
        else box(planes, radius, **normalised)
    )
