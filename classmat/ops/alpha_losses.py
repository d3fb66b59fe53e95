"""Losses between a matte and the true matte, pixel by pixel, in alpha and in the colours it makes.

All are means over the pixels of the whole batch; several channels are summed. Multiply by the number of pixels
for the sums that some papers print.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..images.floats import as_floats, require_same_shape
from ..images.validate import as_alpha, as_number
from ._protocol import Floats, Pullback, as_colours, as_scale, like, same_planes, sum_channels

LEVELS = 256


def smooth_abs(difference: Floats, eps: float = 0.0) -> tuple[Floats, Floats]:
    """Return ``sqrt(d^2 + eps^2)`` and its derivative; for eps = 0, |d| and sign(d), which is 0 at 0."""
    eps = difference.dtype.type(eps)
    if eps == 0:
        return np.abs(difference), np.sign(difference)
    root = np.hypot(difference, eps)
    return root, difference / root


def mean(values: Floats) -> np.floating:
    """Return the mean, added up in float64, in the dtype of the values."""
    return values.dtype.type(values.mean(dtype=np.float64))


def alpha_loss_vjp(alpha: ArrayLike, truth: ArrayLike, *, eps: float = 1e-3) -> tuple[np.floating, Pullback]:
    """Compute the smoothed L1 distance of two mattes: ``mean of sqrt((alpha - truth)^2 + eps^2)``.

    The first term of eq. 6 of FDM.

    Parameters
    ----------
    alpha, truth : array_like, (h, w) or (n, h, w)
        Matte and true matte; both differentiable.
    eps : float
        At least 0; the loss is round within about this distance of 0, and never below it. 0 gives the mean
        absolute difference, whose derivative where both agree is taken as 0.

    Returns
    -------
    loss : float
        The mean over all pixels.
    pullback : callable
        ``loss_bar -> (alpha_bar, truth_bar)``: ``alpha_bar = loss_bar d / (n sqrt(d^2 + eps^2))``,
        ``truth_bar = -alpha_bar``. Keeps one plane.

    Raises
    ------
    TypeError, ValueError
        If an array is not numeric, empty or not finite, the shapes differ, or `eps` is negative; from the
        pullback, if the cotangent is not a scalar.

    References
    ----------
    B. Zhu, Y. Chen, J. Wang, S. Liu, B. Zhang, M. Tang: Fast deep matting for portrait animation on mobile phone.
    ACM Multimedia, 2017.

    Examples
    --------
    >>> loss, pullback = alpha_loss_vjp([[0.5, 0.25]], [[0.0, 1.0]], eps=0)
    >>> float(loss)
    0.625
    >>> pullback(1.0)[0]
    array([[ 0.5, -0.5]])
    """
    a, t = same_planes((alpha, "alpha"), (truth, "truth"))
    eps = as_number(eps, name="eps", low=0)
    values, slope = smooth_abs(a - t, eps)
    loss = mean(values)

    def pullback(loss_bar: ArrayLike) -> tuple[Floats, ...]:
        d_bar = slope * as_scale(loss_bar, loss, slope.size)
        return like(d_bar, a), like(-d_bar, t)

    return loss, pullback


def weighted_alpha_loss_vjp(
    alpha: ArrayLike, truth: ArrayLike, *, weights: ArrayLike
) -> tuple[np.floating, Pullback]:
    """Compute the weighted L1 distance of two mattes: ``mean of w |alpha - truth|``.

    Eq. 10 of DAPM (there a sum), with the weights of its eq. 11 from `alpha_weights`.

    Parameters
    ----------
    alpha, truth : array_like, (h, w) or (n, h, w)
        Matte and true matte; both differentiable.
    weights : array_like, (256,) or the shape of `alpha`
        A weight for every level of an 8-bit true matte (level ``round(255 truth)``), or for every pixel. The mean
        is over pixels, not over weights.

    Returns
    -------
    loss : float
        The mean over all pixels.
    pullback : callable
        ``loss_bar -> (alpha_bar, truth_bar)``: ``alpha_bar = loss_bar w sign(alpha - truth) / n``, 0 where both
        agree, ``truth_bar = -alpha_bar`` (the choice of a level has no derivative). Keeps one plane.

    Raises
    ------
    TypeError, ValueError
        If an array is not numeric, empty or not finite, or the shapes do not fit; from the pullback, if the
        cotangent is not a scalar.

    References
    ----------
    X. Shen, X. Tao, H. Gao, C. Zhou, J. Jia: Deep automatic portrait matting. ECCV, 2016.

    Examples
    --------
    >>> table = alpha_weights([[[0.0, 0.0, 0.5, 1.0]]])
    >>> loss, pullback = weighted_alpha_loss_vjp([[0.5, 0.25]], [[0.0, 1.0]], weights=table)
    >>> pullback(2.0)[0] / [table[0], -table[255]]
    array([[1., 1.]])
    """
    a, t = same_planes((alpha, "alpha"), (truth, "truth"))
    w = _pixel_weights(weights, t)
    d = a - t
    loss = mean(w * np.abs(d))

    def pullback(loss_bar: ArrayLike) -> tuple[Floats, ...]:
        d_bar = w * np.sign(d) * as_scale(loss_bar, loss, d.size)
        return like(d_bar, a), like(-d_bar, t)

    return loss, pullback


def alpha_weights(mattes: Iterable[ArrayLike]) -> NDArray[np.float64]:
    """Return the weights ``w = -log p(level)`` of the 256 levels of alpha, from the mattes of a training set.

    Eq. 11 of DAPM: rare levels, which are those of hair, weigh more. p is the histogram of ``round(255 alpha)``
    with one added to every count, so that levels that never occur get a finite weight.

    Parameters
    ----------
    mattes : iterable of array_like, (h, w)
        bool, uint8, uint16 or float in [0, 1]. Sizes may differ.

    Returns
    -------
    ndarray, (256,)
        float64, above 0.

    Raises
    ------
    TypeError, ValueError
        As `classmat.images.validate.as_alpha`; also if there is no matte.

    Examples
    --------
    >>> w = alpha_weights([np.zeros((100, 100)), np.ones((50, 100))])
    >>> w[[0, 128, 255]].round(2)
    array([0.42, 9.63, 1.12])
    """
    counts = np.ones(LEVELS, np.int64)
    seen = 0
    for matte in mattes:
        counts += np.bincount(_levels(as_alpha(matte, name="matte")).ravel(), minlength=LEVELS)
        seen += 1
    if seen == 0:
        raise ValueError("mattes is empty; at least one matte is needed.")
    return -np.log(counts / counts.sum())


def compositional_loss_vjp(
    alpha: ArrayLike, truth: ArrayLike, foreground: ArrayLike, background: ArrayLike
) -> tuple[np.floating, Pullback]:
    """Compute how far apart the colours are that two mattes make: ``mean of sum over channels of |c - c_true|``.

    With ``c = alpha F + (1 - alpha) B`` this is ``mean of |alpha - truth| sum |F - B|``: the second term of eq. 5
    of SHM; errors count where foreground and background differ.

    Parameters
    ----------
    alpha, truth : array_like, (h, w) or (n, h, w)
        Matte and true matte; both differentiable.
    foreground, background : array_like, (h, w, c), (n, h, w, c), or grey in the shape of `alpha`
        The true colours; both differentiable.

    Returns
    -------
    loss : float
        The mean over all pixels of the sum over channels.
    pullback : callable
        ``loss_bar -> (alpha_bar, truth_bar, F_bar, B_bar)``. With ``d = alpha - truth``, ``D = F - B`` and
        ``g = loss_bar / n``: ``alpha_bar = g sign(d) sum |D|``, ``truth_bar = -alpha_bar``,
        ``F_bar = g |d| sign(D)``, ``B_bar = -F_bar``; sign(0) = 0. Keeps d and D.

    Raises
    ------
    TypeError, ValueError
        If an array is not numeric, empty or not finite, or the shapes do not fit; from the pullback, if the
        cotangent is not a scalar.

    Examples
    --------
    >>> white, black = np.ones((1, 1, 3)), np.zeros((1, 1, 3))
    >>> loss, pullback = compositional_loss_vjp([[0.5]], [[0.75]], white, black)
    >>> float(loss), pullback(1.0)[0]
    (0.75, array([[-3.]]))
    """
    a, t = same_planes((alpha, "alpha"), (truth, "truth"))
    F, B = as_colours(foreground, a, name="foreground"), as_colours(background, a, name="background")
    require_same_shape(F, B, names=("foreground", "background"))
    d, D = a - t, F - B
    contrast = sum_channels(np.abs(D))
    loss = mean(np.abs(d) * contrast)

    def pullback(loss_bar: ArrayLike) -> tuple[Floats, ...]:
        scale = as_scale(loss_bar, loss, d.size)
        d_bar = np.sign(d) * contrast * scale
        D_bar = np.abs(d)[..., np.newaxis] * np.sign(D) * scale
        return like(d_bar, a), like(-d_bar, t), like(D_bar, F, foreground), like(-D_bar, B, background)

    return loss, pullback


def premultiplied_loss_vjp(
    alpha: ArrayLike, truth: ArrayLike, image: ArrayLike, *, eps: float = 1e-3
) -> tuple[np.floating, Pullback]:
    """Compute how far apart two cut-outs are: ``mean of sum of sqrt((alpha I - truth I)^2 + eps^2)``.

    The second term of eq. 6 of FDM, the compositional loss for when foreground and background are not known.

    Parameters
    ----------
    alpha, truth : array_like, (h, w) or (n, h, w)
        Matte and true matte; both differentiable.
    image : array_like, (h, w, c), (n, h, w, c), or grey in the shape of `alpha`
        What both are multiplied with; differentiable.
    eps : float
        At least 0; see `alpha_loss_vjp`.

    Returns
    -------
    loss : float
        The mean over all pixels of the sum over channels.
    pullback : callable
        ``loss_bar -> (alpha_bar, truth_bar, I_bar)``. With ``d = alpha - truth``, ``e = d I`` and
        ``e_bar = loss_bar e / (n sqrt(e^2 + eps^2))``: ``alpha_bar = sum over channels of I e_bar``,
        ``truth_bar = -alpha_bar``, ``I_bar = d e_bar``. Keeps d, the image and one more array of its size.

    Raises
    ------
    TypeError, ValueError
        If an array is not numeric, empty or not finite, the shapes do not fit, or `eps` is negative; from the
        pullback, if the cotangent is not a scalar.

    Examples
    --------
    >>> loss, pullback = premultiplied_loss_vjp([[0.5]], [[0.75]], [[[1.0, 0.5, 0.0]]], eps=0)
    >>> float(loss), pullback(1.0)[0]
    (0.375, array([[-1.5]]))
    """
    a, t = same_planes((alpha, "alpha"), (truth, "truth"))
    colours = as_colours(image, a, name="image")
    eps = as_number(eps, name="eps", low=0)
    d = (a - t)[..., np.newaxis]
    values, slope = smooth_abs(d * colours, eps)
    loss = mean(sum_channels(values))

    def pullback(loss_bar: ArrayLike) -> tuple[Floats, ...]:
        e_bar = slope * as_scale(loss_bar, loss, d.size)
        d_bar = sum_channels(colours * e_bar)
        return like(d_bar, a), like(-d_bar, t), like(d * e_bar, colours, image)

    return loss, pullback


def _levels(alpha: Floats) -> NDArray[np.int64]:
    return np.rint(np.clip(alpha, 0, 1) * (LEVELS - 1)).astype(np.int64)


def _pixel_weights(weights: ArrayLike, truth: Floats) -> Floats:
    w = as_floats(weights, name="weights")
    if w.shape == (LEVELS,):
        w = w[_levels(truth)]
    if w.shape != truth.shape:
        raise ValueError(
            f"weights have shape {w.shape}; accepted are ({LEVELS},), one for each level of truth, "
            f"and {truth.shape}, one for each pixel."
        )
    return np.asarray(w, truth.dtype)
