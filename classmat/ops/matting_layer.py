"""The matting layer: a soft trimap in, the matte that it and the image's colours ask for out."""

import numpy as np
from numpy.typing import ArrayLike

from ..images.floats import as_floats
from ..images.validate import as_count, as_number
from ..laplacians.weighted import prepare
from ._protocol import Floats, Pullback, as_cotangent, like, same_planes
from .laplacian import as_image_of, as_stack, pull_laplacian_back

# Mean of lam (F + B) below which rounding of the Laplacian, rather than F and B, would decide on alpha.
LEAST = 1e-9


def matting_layer_vjp(
    image: ArrayLike,
    F: ArrayLike,
    B: ArrayLike,
    lam: ArrayLike,
    eps: ArrayLike,
    *,
    radius: int = 1,
    rtol: float = 1e-10,
) -> tuple[Floats, Pullback]:
    """Solve for the matte that is near 1 where F is large, near 0 where B is, and locally affine in colour.

    ``alpha = lam D^-1 F``, ``D = lam (diag F + diag B) + L``: the minimum of ``lam sum (B alpha^2 + F (1 - alpha)^2) +
    alpha^T L alpha``, L the closed-form Laplacian; eqs. 4 and 5 of Shen et al., whose eqs. 6 to 8 are Jacobians. The
    pullback is one more solve with the same set-up, ``v = D^-1 alpha_bar``, which gives their transposes.

    Parameters
    ----------
    image : array_like, (h, w, 3) or (h, w), in a batch (n, h, w, 3) or (n, h, w)
        Finite values, [0, 1] as a rule; differentiable. It has colours if it has one dimension more than F.
    F, B : array_like, (h, w) or (n, h, w)
        Confidence in foreground and background, at least 0, not 0 everywhere in an image; differentiable.
    lam : float or ndarray, ()
        Weight of F and B, above 0; differentiable.
    eps : float or ndarray, ()
        Above 0; ``eps / |w|`` is added to a window's covariance, as in `closed_form_laplacian`; differentiable.
    radius : int
        Windows have ``2 radius + 1`` pixels a side, at least 1.
    rtol : float
        How exact the solves are, above 0: see the notes.

    Returns
    -------
    alpha : ndarray, shape of F
        The matte, not clipped: it leaves [0, 1] where lam is small. float32 if all arrays are, else float64.
    pullback : callable
        ``alpha_bar -> (image_bar, F_bar, B_bar, lam_bar, eps_bar)``. Keeps the arguments, alpha and the set-up.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind, shape or range, an array is empty or not finite, or F + B is so small
        everywhere in an image that it does not determine the matte; from the pullback, if the cotangent has another
        shape.

    Warns
    -----
    ConvergenceWarning
        If a solve did not come to `rtol`.

    Notes
    -----
    Images of up to 40 000 pixels are solved by a factorisation, to rounding. Larger ones iterate, for radius 1 until the
    largest error of alpha, and of v, is below `rtol` times its largest value as the preconditioner estimates it.

    References
    ----------
    X. Shen, X. Tao, H. Gao, C. Zhou, J. Jia: Deep automatic portrait matting. ECCV, 2016.

    Examples
    --------
    >>> image, F, B = [[0.1, 0.2, 0.8, 0.9]], [[0.9, 0.0, 0.0, 0.0]], [[0.0, 0.0, 0.0, 0.9]]
    >>> alpha, pullback = matting_layer_vjp(image, F, B, 100.0, 1e-3)
    >>> alpha.round(2)
    array([[1.  , 0.87, 0.13, 0.  ]])
    >>> image_bar, F_bar, B_bar, lam_bar, eps_bar = pullback([[0.0, 1.0, 0.0, 0.0]])
    >>> F_bar.round(2)
    array([[ 0.  , 24.01, 45.89,  0.14]])
    """
    arrays = _as_arrays(image, F, B)
    (lam, lam_given), (eps, eps_given) = _as_scalar(lam, "lam"), _as_scalar(eps, "eps")
    size = as_count(radius, name="radius", low=1)
    tolerance = as_number(rtol, name="rtol", low=0, exclusive=True)
    I, F, B = (as_stack(x, arrays[1]) for x in arrays)
    weight = _as_weight(F, B, lam)
    solves = [prepare(*pair, eps=eps, radius=size, rtol=tolerance) for pair in zip(I, weight, strict=True)]
    alone = np.divide(lam * F, weight, out=np.full(F.shape, 0.5), where=weight > 0)  # without the Laplacian
    alpha = np.stack([solve(lam * f, start) for solve, f, start in zip(solves, F, alone, strict=True)])
    result = alpha.reshape(arrays[1].shape).astype(np.result_type(*arrays))

    def pullback(alpha_bar: ArrayLike) -> tuple[Floats, ...]:
        bars = as_cotangent(alpha_bar, result).reshape(alpha.shape).astype(np.float64)
        v = np.stack([solve(bar) for solve, bar in zip(solves, bars, strict=True)])
        F_bar, B_bar = lam * (1 - alpha) * v, -lam * alpha * v
        lam_bar = (v * (F - (F + B) * alpha)).sum()
        image_bar, eps_bar = pull_laplacian_back(I, alpha, -v, eps, size)
        planes = (like(bar, x, x) for bar, x in zip((image_bar, F_bar, B_bar), arrays, strict=True))
        return (*planes, like(np.asarray(lam_bar), lam_given), like(np.asarray(eps_bar), eps_given))

    return result, pullback


def _as_arrays(image: ArrayLike, F: ArrayLike, B: ArrayLike) -> tuple[Floats, Floats, Floats]:
    f, b = same_planes((F, "F"), (B, "B"))
    for values, name in ((f, "F"), (b, "B")):
        if values.min() < 0:
            raise ValueError(
                f"{name} has values in [{values.min():g}, {values.max():g}]; accepted are at least 0."
            )
    return as_image_of(image, f, plane="F"), f, b


def _as_scalar(value: ArrayLike, name: str) -> tuple[float, Floats]:
    """Return a number above 0, and as the array that its cotangent is to be like."""
    return as_number(value, name=name, low=0, exclusive=True), as_floats(value, name=name)


def _as_weight(F: Floats, B: Floats, lam: float) -> Floats:
    """Return ``lam (F + B)``, or raise if it leaves the matte of an image open."""
    with np.errstate(over="ignore"):
        weight = lam * (F + B)
        means = weight.mean(axis=(1, 2))
    if not np.isfinite(means).all():
        raise ValueError(f"lam (F + B) is infinite for lam = {lam:g}; accepted are finite values.")
    if means.min() < LEAST:
        raise ValueError(
            f"F + B is too small everywhere in an image, {means.min() / lam:.2g} on average; accepted is "
            f"at least {LEAST / lam:.2g} for lam = {lam:g}, so that F and B determine the matte."
        )
    return weight
