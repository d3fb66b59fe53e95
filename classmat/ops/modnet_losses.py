"""The losses of MODNet: semantics, detail, matte, and the two that adapt it to unlabelled photos.

All are means over the pixels of the whole batch, bands included: a pixel outside the band counts as one without
error. The weights of eq. 5 (1, 10, 1) are the caller's.

References
----------
Z. Ke, J. Sun, K. Li, Q. Yan, R. W. H. Lau: MODNet: real-time trimap-free portrait matting via objective
decomposition. AAAI, 2022.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..filters.blur import apply_taps, apply_taps_adjoint, gaussian_blur
from ..filters.resize import apply_matrices, resize_matrices
from ..images.floats import require_same_shape
from ._protocol import (
    Floats,
    Pullback,
    as_colours,
    as_cotangent,
    as_planes,
    as_scale,
    like,
    same_planes,
    sum_channels,
)
from .alpha_losses import mean


def semantic_target_vjp(alpha: ArrayLike, *, height: int, width: int) -> tuple[Floats, Pullback]:
    """Shrink a matte to what the semantic branch should see: G of eq. 2, bilinear resizing and a 3x3 Gaussian.

    As in the published training code: no low-pass filter before (at 1/16 each value reads 2x2 pixels), then the
    kernel that a Gaussian of 0.8 pixels leaves of a single 1 in a 3x3 image with reflected borders: 0.2496 in
    the middle, 0.1250 beside it, 0.0626 in the corners. It is applied with mirrored borders.

    Parameters
    ----------
    alpha : array_like, (h, w) or (n, h, w)
        The matte; differentiable.
    height, width : int
        Size of the result; 1/16 of the matte's in the paper.

    Returns
    -------
    target : ndarray, (height, width) or (n, height, width)
        The coarse matte.
    pullback : callable
        ``target_bar -> (alpha_bar,)``: the transposed blur, then the transposed resizing. Keeps no pixels.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind, shape or range; from the pullback, if the cotangent has another shape.

    Examples
    --------
    >>> target, pullback = semantic_target_vjp(np.ones((32, 48)), height=2, width=3)
    >>> target.shape, bool(np.allclose(target, 1))
    ((2, 3), True)
    """
    a = as_planes(alpha, name="alpha")
    R, C = resize_matrices(a.shape[-2:], (height, width), align_corners=False)
    taps = gaussian_blur([[0.0, 1.0, 0.0]], 0.8)[0, [1, 0]]
    target = apply_taps(apply_matrices(_batch(a), R, C), taps, "mirror").reshape(*a.shape[:-2], height, width)

    def pullback(target_bar: ArrayLike) -> tuple[Floats, ...]:
        bar = apply_taps_adjoint(_batch(as_cotangent(target_bar, target)), taps, "mirror")
        return (apply_matrices(bar, R.T.tocsr(), C.T.tocsr()).reshape(a.shape),)

    return target, pullback


def semantic_loss_vjp(semantic: ArrayLike, truth: ArrayLike) -> tuple[np.floating, Pullback]:
    """Compute the semantic loss: ``1/2 mean of (s - G(truth))^2`` (eq. 2).

    The paper prints a norm and calls it the L2 loss; the published code takes the mean square, 20 times this.

    Parameters
    ----------
    semantic : array_like, (a, b) or (n, a, b)
        Coarse prediction s; differentiable. Its size decides that of the target.
    truth : array_like, (h, w) or (n, h, w)
        True matte; differentiable.

    Returns
    -------
    loss : float
        Half of the mean over the coarse pixels.
    pullback : callable
        ``loss_bar -> (s_bar, truth_bar)``: ``s_bar = loss_bar (s - G(truth)) / n``, ``truth_bar = -G^T s_bar``.
        Keeps one coarse plane.

    Raises
    ------
    TypeError, ValueError
        If an array is not numeric, empty or not finite, or the batches differ; from the pullback, if the
        cotangent is not a scalar.

    Examples
    --------
    >>> loss, pullback = semantic_loss_vjp(np.full((2, 3), 0.5), np.ones((32, 48)))
    >>> round(float(loss), 6)
    0.125
    """
    s, t = as_planes(semantic, name="semantic"), as_planes(truth, name="truth")
    loss, residual, target_pullback = _semantic_error(s, t, "truth")

    def pullback(loss_bar: ArrayLike) -> tuple[Floats, ...]:
        s_bar = residual * as_scale(loss_bar, loss, residual.size)
        return like(s_bar, s), like(target_pullback(-s_bar)[0], t)

    return loss, pullback


def detail_loss_vjp(detail: ArrayLike, truth: ArrayLike, *, band: ArrayLike) -> tuple[np.floating, Pullback]:
    """Compute the detail loss: ``mean of m |d - truth|`` (eq. 3), m = 1 in a band along the outline.

    Parameters
    ----------
    detail, truth : array_like, (h, w) or (n, h, w)
        Prediction of the detail branch, true matte; both differentiable.
    band : array_like, same shape
        Weight of each pixel: 1 in the band (dilation minus erosion of the matte), 0 elsewhere. bool or numbers.

    Returns
    -------
    loss : float
        The mean over all pixels, also those outside the band, as in the published code.
    pullback : callable
        ``loss_bar -> (detail_bar, truth_bar)``: ``detail_bar = loss_bar m sign(d - truth) / n``, 0 where both
        agree, ``truth_bar = -detail_bar``. Keeps one plane.

    Raises
    ------
    TypeError, ValueError
        If an array is not numeric, empty or not finite, or the shapes differ; from the pullback, if the cotangent
        is not a scalar.

    Examples
    --------
    >>> loss, pullback = detail_loss_vjp([[0.5, 0.5]], [[1.0, 1.0]], band=[[True, False]])
    >>> float(loss), pullback(1.0)[0]
    (0.25, array([[-0.5, -0. ]]))
    """
    d, t, m = same_planes((detail, "detail"), (truth, "truth"), (band, "band"))
    return _banded_distance(d, t, m)


def detail_keeping_loss_vjp(
    detail: ArrayLike, reference: ArrayLike, *, band: ArrayLike
) -> tuple[np.floating, Pullback]:
    """Compute how far the detail branch has moved from its frozen copy: ``mean of m |d - d'|`` (eq. 8).

    Against forgetting, while the network adapts to unlabelled photos with `consistency_loss_vjp`.

    Parameters
    ----------
    detail, reference : array_like, (h, w) or (n, h, w)
        Predictions of the branch and of its copy; both differentiable.
    band : array_like, same shape
        As in `detail_loss_vjp`, from the copy's matte.

    Returns
    -------
    loss, pullback
        As in `detail_loss_vjp`.

    Raises
    ------
    TypeError, ValueError
        As in `detail_loss_vjp`.

    Examples
    --------
    >>> loss, pullback = detail_keeping_loss_vjp([[0.5, 0.5]], [[0.75, 1.0]], band=[[1, 1]])
    >>> float(loss)
    0.375
    """
    d, r, m = same_planes((detail, "detail"), (reference, "reference"), (band, "band"))
    return _banded_distance(d, r, m)


def matte_loss_vjp(
    alpha: ArrayLike, truth: ArrayLike, image: ArrayLike, foreground: ArrayLike, background: ArrayLike
) -> tuple[np.floating, Pullback]:
    """Compute the matte loss: ``mean of |alpha - truth| + sum over channels of |I - alpha F - (1 - alpha) B|``.

    Eq. 4. (The published code has neither F nor B: its second term is ``|I (alpha - truth)|``,
    `premultiplied_loss_vjp` with eps = 0; and it counts the unknown band of a trimap four times more.)

    Parameters
    ----------
    alpha, truth : array_like, (h, w) or (n, h, w)
        Matte and true matte; both differentiable.
    image, foreground, background : array_like, (h, w, c), (n, h, w, c), or grey in the shape of `alpha`
        The photo and the true colours; all differentiable.

    Returns
    -------
    loss : float
        The mean over all pixels.
    pullback : callable
        ``loss_bar -> (alpha_bar, truth_bar, I_bar, F_bar, B_bar)``. With ``g = loss_bar / n``,
        ``e = sign(alpha - truth)`` and ``r = sign(I - alpha F - (1 - alpha) B)``: ``I_bar = g r``,
        ``F_bar = -g alpha r``, ``B_bar = -g (1 - alpha) r``, ``truth_bar = -g e``,
        ``alpha_bar = g (e - sum over channels of r (F - B))``; sign(0) = 0. Keeps alpha, F, B, e and r.

    Raises
    ------
    TypeError, ValueError
        If an array is not numeric, empty or not finite, or the shapes do not fit; from the pullback, if the
        cotangent is not a scalar.

    Examples
    --------
    >>> loss, pullback = matte_loss_vjp([[0.5]], [[0.75]], [[[0.75] * 3]], [[[1.0] * 3]], [[[0.0] * 3]])
    >>> float(loss), pullback(1.0)[0]
    (1.0, array([[-4.]]))
    """
    a, t = same_planes((alpha, "alpha"), (truth, "truth"))
    given = (image, foreground, background)
    I, F, B = (
        as_colours(c, a, name=name) for c, name in zip(given, ("image", "foreground", "background"), strict=True)
    )
    require_same_shape(I, F, names=("image", "foreground"))
    require_same_shape(I, B, names=("image", "background"))
    weight = a[..., np.newaxis]
    difference, residual = a - t, I - weight * F - (1 - weight) * B
    loss = mean(np.abs(difference) + sum_channels(np.abs(residual)))
    e, r = np.sign(difference), np.sign(residual)

    def pullback(loss_bar: ArrayLike) -> tuple[Floats, ...]:
        g = as_scale(loss_bar, loss, e.size)
        alpha_bar = (e - sum_channels(r * (F - B))) * g
        colour_bars = (
            like(bar * g, c, c_given)
            for bar, c, c_given in zip((r, -weight * r, (weight - 1) * r), (I, F, B), given, strict=True)
        )
        return like(alpha_bar, a), like(-e * g, t), *colour_bars

    return loss, pullback


def consistency_loss_vjp(
    alpha: ArrayLike, semantic: ArrayLike, detail: ArrayLike, *, band: ArrayLike
) -> tuple[np.floating, Pullback]:
    """Compute how much the three branches disagree: ``1/2 mean of (G(alpha) - s)^2 + mean of m |alpha - d|``.

    Eq. 7: on photos without a true matte the branches teach each other.

    Parameters
    ----------
    alpha, detail : array_like, (h, w) or (n, h, w)
        Predictions of the fusion and the detail branch; both differentiable.
    semantic : array_like, (a, b) or (n, a, b)
        Coarse prediction; differentiable. To hold one side fixed, as the published code does, leave its
        cotangent out.
    band : array_like, (h, w) or (n, h, w)
        As in `detail_loss_vjp`, from the prediction.

    Returns
    -------
    loss : float
        The sum of both means.
    pullback : callable
        ``loss_bar -> (alpha_bar, s_bar, detail_bar)``: ``s_bar = loss_bar (s - G(alpha)) / n_s``,
        ``detail_bar = -loss_bar m sign(alpha - d) / n``, ``alpha_bar = -G^T s_bar - detail_bar``. Keeps one plane
        and one coarse plane.

    Raises
    ------
    TypeError, ValueError
        If an array is not numeric, empty or not finite, or the shapes do not fit; from the pullback, if the
        cotangent is not a scalar.

    Examples
    --------
    >>> ones = np.ones((32, 48))
    >>> loss, pullback = consistency_loss_vjp(ones, np.full((2, 3), 0.5), 0.75 * ones, band=ones)
    >>> round(float(loss), 6)
    0.375
    """
    a, d, m = same_planes((alpha, "alpha"), (detail, "detail"), (band, "band"))
    s = as_planes(semantic, name="semantic")
    coarse, residual, target_pullback = _semantic_error(s, a, "alpha")
    fine, fine_pullback = _banded_distance(a, d, m)
    loss = coarse + fine

    def pullback(loss_bar: ArrayLike) -> tuple[Floats, ...]:
        s_bar = residual * as_scale(loss_bar, loss, residual.size)
        alpha_bar, detail_bar = fine_pullback(loss_bar)
        return like(alpha_bar + target_pullback(-s_bar)[0], a), like(s_bar, s), detail_bar

    return loss, pullback


def _semantic_error(semantic: Floats, matte: Floats, name: str) -> tuple[Any, Floats, Pullback]:
    """Return 1/2 mean of (s - G(matte))^2, the residual, and the pullback of G."""
    if semantic.shape[:-2] != matte.shape[:-2]:
        raise ValueError(
            f"semantic has shape {semantic.shape} but {name} has shape {matte.shape}; "
            "both must have the same batch axis, or none."
        )
    height, width = semantic.shape[-2:]
    target, pullback = semantic_target_vjp(matte, height=height, width=width)
    residual = semantic - target
    return mean(residual * residual) / 2, residual, pullback


def _banded_distance(first: Floats, second: Floats, band: Floats) -> tuple[np.floating, Pullback]:
    difference = first - second
    dtype = difference.dtype
    weight = np.asarray(band, dtype)
    loss = mean(weight * np.abs(difference))
    slope = weight * np.sign(difference)

    def pullback(loss_bar: ArrayLike) -> tuple[Floats, ...]:
        bar = slope * as_scale(loss_bar, loss, slope.size)
        return like(bar, first), like(-bar, second)

    return loss, pullback


def _batch(planes: Floats) -> Floats:
    return planes.reshape(-1, *planes.shape[-2:], 1)
