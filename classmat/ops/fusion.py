"""Fusion: what the trimap network is sure of, and the matting network where it is not."""

from numpy.typing import ArrayLike

from ._protocol import Floats, Pullback, as_cotangent, like, same_planes


def fusion_vjp(F: ArrayLike, U: ArrayLike, alpha_raw: ArrayLike) -> tuple[Floats, Pullback]:
    """Blend a raw matte with the foreground probability: ``alpha = F + U alpha_raw``.

    Eq. 4 of SHM. Where F + B + U = 1 it equals eq. 3, ``(1 - U) F / (F + B) + U alpha_raw``, without a division.

    Parameters
    ----------
    F, U : array_like, (h, w) or (n, h, w)
        Probabilities of foreground and of unknown; differentiable.
    alpha_raw : array_like, same shape
        Matte that is right in the unknown region; differentiable.

    Returns
    -------
    alpha : ndarray, same shape
        The fused matte.
    pullback : callable
        ``alpha_bar -> (F_bar, U_bar, alpha_raw_bar) = (alpha_bar, alpha_raw alpha_bar, U alpha_bar)``. Keeps U
        and alpha_raw. The background probability B has no part in it: its cotangent is 0.

    Raises
    ------
    TypeError, ValueError
        If an array is not numeric, empty or not finite, or the shapes differ; from the pullback, if the cotangent
        has another shape.

    References
    ----------
    Q. Chen, T. Ge, Y. Xu, Z. Zhang, X. Yang, K. Gai: Semantic human matting. ACM Multimedia, 2018.

    Examples
    --------
    >>> alpha, pullback = fusion_vjp([[0.9, 0.1]], [[0.0, 0.5]], [[0.3, 0.6]])
    >>> alpha
    array([[0.9, 0.4]])
    >>> pullback([[1.0, 1.0]])[1]
    array([[0.3, 0.6]])
    """
    f, u, raw = same_planes((F, "F"), (U, "U"), (alpha_raw, "alpha_raw"))
    alpha = f + u * raw

    def pullback(alpha_bar: ArrayLike) -> tuple[Floats, ...]:
        alpha_bar = as_cotangent(alpha_bar, alpha)
        return like(alpha_bar.copy(), f), like(alpha_bar * raw, u), like(alpha_bar * u, raw)

    return alpha, pullback
