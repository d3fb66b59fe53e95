"""Losses that compare what neighbouring pixels of two mattes make up: slopes, and bands of a pyramid."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import csr_array

from ..filters.blur import apply_taps, gaussian_taps
from ..filters.resize import apply_matrices, resize_matrices
from ..images.validate import as_count, as_number
from ._protocol import Floats, Pullback, as_scale, like, same_planes
from .alpha_losses import mean

Matrices = tuple[csr_array, csr_array]


def gradient_loss_vjp(alpha: ArrayLike, truth: ArrayLike, *, eps: float = 1e-3) -> tuple[np.floating, Pullback]:
    """Compute how far apart the slopes of two mattes are: ``mean of sqrt(|grad d|^2 + eps^2)``.

    d is their difference. With eps = 0 it is the distance that DAPM and FDM measure by (eq. 13 there), with
    forward differences, which are 0 in the last row and column.

    Parameters
    ----------
    alpha, truth : array_like, (h, w) or (n, h, w)
        Matte and true matte; both differentiable.
    eps : float
        At least 0; see `alpha_loss_vjp`.

    Returns
    -------
    loss : float
        The mean over all pixels.
    pullback : callable
        ``loss_bar -> (alpha_bar, truth_bar)``: ``alpha_bar = -div(u)`` with
        ``u = loss_bar grad d / (n sqrt(|grad d|^2 + eps^2))``, ``truth_bar = -alpha_bar``. Keeps two planes.

    Raises
    ------
    TypeError, ValueError
        If an array is not numeric, empty or not finite, the shapes differ, or `eps` is negative; from the
        pullback, if the cotangent is not a scalar.

    Examples
    --------
    >>> loss, pullback = gradient_loss_vjp([[0.0, 0.5, 1.0]], [[0.0, 0.0, 0.0]], eps=0)
    >>> round(float(loss), 6), pullback(3.0)[0]
    (0.333333, array([[-1.,  0.,  1.]]))
    """
    a, t = same_planes((alpha, "alpha"), (truth, "truth"))
    eps = as_number(eps, name="eps", low=0)
    d = a - t
    along = np.diff(d, axis=-1, append=d[..., -1:])
    down = np.diff(d, axis=-2, append=d[..., -1:, :])
    length = np.hypot(np.hypot(along, down), d.dtype.type(eps))
    loss = mean(length)
    for slope in (along, down):
        np.divide(slope, length, out=slope, where=length > 0)

    def pullback(loss_bar: ArrayLike) -> tuple[Floats, ...]:
        d_bar = -along - down
        d_bar[..., 1:] += along[..., :-1]
        d_bar[..., 1:, :] += down[..., :-1, :]
        d_bar *= as_scale(loss_bar, loss, d_bar.size)
        return like(d_bar, a), like(-d_bar, t)

    return loss, pullback


def laplacian_pyramid_loss_vjp(
    alpha: ArrayLike, truth: ArrayLike, *, levels: int = 5
) -> tuple[np.floating, Pullback]:
    """Compare two mattes band by band: ``sum over levels s of 2^s mean of |L_s(alpha) - L_s(truth)|``.

    ``G_0 = alpha``, ``G_s+1 = down(blur(G_s))``, ``L_s = G_s - up(G_s+1)``, and the last level is ``G_s`` itself,
    so that only equal mattes have no loss. blur is a Gaussian of 1 pixel cut off at 2, down and up are bilinear
    between sizes h and ceil(h / 2). After Burt and Adelson; the weights are those of Hou and Liu.

    Parameters
    ----------
    alpha, truth : array_like, (h, w) or (n, h, w)
        Matte and true matte; both differentiable.
    levels : int
        At least 1. A size that has become 1 stays 1.

    Returns
    -------
    loss : float
        The weighted sum of the levels' means.
    pullback : callable
        ``loss_bar -> (alpha_bar, truth_bar)``, from the coarsest level to the finest: with
        ``L_bar = loss_bar 2^s sign(L_s(d)) / n_s``, ``G_bar_s = L_bar + blur^T down^T (G_bar_s+1 - up^T L_bar)``;
        ``alpha_bar = G_bar_0``, ``truth_bar = -alpha_bar``. Keeps the signs of all levels: 4/3 of a plane.

    Raises
    ------
    TypeError, ValueError
        If an array is not numeric, empty or not finite, the shapes differ, or `levels` is not a whole number of
        at least 1; from the pullback, if the cotangent is not a scalar.

    References
    ----------
    P. J. Burt, E. H. Adelson: The Laplacian pyramid as a compact image code. IEEE Trans. Comm. 31(4), 1983.
    Q. Hou, F. Liu: Context-aware image matting for simultaneous foreground and alpha estimation. ICCV, 2019.

    Examples
    --------
    >>> loss, pullback = laplacian_pyramid_loss_vjp(np.full((8, 8), 0.75), np.zeros((8, 8)), levels=3)
    >>> round(float(loss), 6)  # a constant is in the last level only, which weighs 4
    3.0
    """
    a, t = same_planes((alpha, "alpha"), (truth, "truth"))
    levels = as_count(levels, name="levels", low=1)
    bands, maps = _pyramid((a - t).reshape(-1, *a.shape[-2:], 1), levels)
    loss = bands[0].dtype.type(sum(2.0**s * float(mean(np.abs(band))) for s, band in enumerate(bands)))
    slopes = [np.sign(band) for band in bands]

    def pullback(loss_bar: ArrayLike) -> tuple[Floats, ...]:
        scale = as_scale(loss_bar, loss)
        bars = [slope * (scale * 2.0**s / slope.size) for s, slope in enumerate(slopes)]
        d_bar = _pyramid_adjoint(bars, maps).reshape(a.shape)
        return like(d_bar, a), like(-d_bar, t)

    return loss, pullback


TAPS = gaussian_taps(1.0, 2)


def _pyramid(plane: Floats, levels: int) -> tuple[list[Floats], list[tuple[Matrices, Matrices]]]:
    """Return the bands of an (n, h, w, 1) array, finest first, and the maps down and up between them."""
    bands, maps = [], []
    for _ in range(levels - 1):
        size = plane.shape[1:3]
        half = ((size[0] + 1) // 2, (size[1] + 1) // 2)
        down, up = resize_matrices(size, half, False), resize_matrices(half, size, False)
        smaller = apply_matrices(apply_taps(plane, TAPS, "reflect"), *down)
        bands.append(plane - apply_matrices(smaller, *up))
        maps.append((down, up))
        plane = smaller
    return [*bands, plane], maps


def _pyramid_adjoint(bars: list[Floats], maps: list[tuple[Matrices, Matrices]]) -> Floats:
    """Return the transpose of `_pyramid`; the blur with this border is its own transpose."""
    plane_bar = bars[-1]
    for band_bar, (down, up) in zip(bars[-2::-1], maps[::-1], strict=True):
        smaller_bar = plane_bar - apply_matrices(band_bar, *(m.T.tocsr() for m in up))
        blurred_bar = apply_matrices(smaller_bar, *(m.T.tocsr() for m in down))
        plane_bar = band_bar + apply_taps(blurred_bar, TAPS, "reflect")
    return plane_bar
