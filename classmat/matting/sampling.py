"""Closed form with sampled colours: a prior that counts where it explains the photo, and only there."""

from typing import Any, Literal, NamedTuple, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..filters.box import box_filter
from ..images.validate import FOREGROUND, UNKNOWN, as_image, as_number, as_trimap, require_same_size
from ..laplacians.closed_form import System, closed_form_system, three_channels
from ..solvers import Callback, Solution
from ..solvers.factor import Stopping
from ._known import solve_unknown
from .closed_form import Matte, working_type
from .shared import Samples, shared_samples

SURROUNDINGS = 10  # pixels to either side


class Evidence(NamedTuple):
    """What sampled colours say about each unknown pixel, in raster order.

    Attributes
    ----------
    alpha : ndarray, (n,)
        The sampled matte, in [0, 1].
    confidence : ndarray, (n,)
        In [0, 1]: how well and how distinctly the pixel's pair of colours explains it, where there is a dispute.
    doubt : ndarray, (n,)
        In [0, 1]: how far the surroundings have colours that no pair explains.
    """

    alpha: NDArray[np.float64]
    confidence: NDArray[np.float64]
    doubt: NDArray[np.float64]


@overload
def sampling_matting(
    image: ArrayLike,
    trimap: ArrayLike,
    *,
    strength: float = ...,
    tolerance: float = ...,
    hold: float = ...,
    eps: float = ...,
    rtol: float | None = ...,
    x0: ArrayLike | None = ...,
    callback: Callback | None = ...,
    return_info: Literal[False] = ...,
) -> Matte: ...
@overload
def sampling_matting(
    image: ArrayLike,
    trimap: ArrayLike,
    *,
    strength: float = ...,
    tolerance: float = ...,
    hold: float = ...,
    eps: float = ...,
    rtol: float | None = ...,
    x0: ArrayLike | None = ...,
    callback: Callback | None = ...,
    return_info: Literal[True],
) -> tuple[Matte, Solution]: ...
def sampling_matting(
    image: ArrayLike,
    trimap: ArrayLike,
    *,
    strength: float = 0.18,
    tolerance: float = 0.012,
    hold: float = 2e-3,
    eps: float = 1e-7,
    rtol: float | None = None,
    x0: ArrayLike | None = None,
    callback: Callback | None = None,
    return_info: bool = False,
) -> Matte | tuple[Matte, Solution]:
    """Compute a matte that follows closed form, and sampled colours where they have earned it.

    Closed form fails where a region is cut off from the known pixels of its kind: nothing tells it which kind that
    is. Sampling asks instead which known colours, even far away, mix to a pixel's, but its answer is noisy, and
    wrong where the true colours are not among the known ones. So with L the closed-form Laplacian,

    1. closed form: ``alpha_0`` minimises ``alpha^T L alpha`` with the known pixels held;
    2. sampling: `shared_matting` finds for each pixel colours F and B and ``alpha_s`` with
       ``I = alpha_s F + (1 - alpha_s) B + r``;
    3. what is explained: ``e = exp(-|r|^2 / tolerance^2)``, near 0 where the pair does not mix to the pixel; squares
       of colours are means over the channels;
    4. confidence: ``c = |F - B|^2 e D / (D + tolerance^2)`` with D the mean of ``|F - B|^2 (alpha_s - alpha_0)^2``
       over the surroundings: near 0 where the pair could not tell alpha, or where both mattes stand for the same
       colours up to what sampling can tell, so that closed form's needs no correction;
    5. doubt: ``d = (1 - E)^2`` with E the mean of e over the surroundings: near 1 where colours are found in neither
       known region;
    6. the matte minimises, with the known pixels held, ::

           alpha^T L alpha + strength * sum of c (alpha - alpha_s)^2 + hold * sum of d (alpha - alpha_0)^2

    Surroundings are the unknown pixels at most 10 rows and columns away.

    A small `strength` is enough for the pixels of which L leaves much open and changes little elsewhere: noise of
    the samples is averaged along the image's structures.

    Parameters
    ----------
    image : array_like, (h, w, 3) or (h, w)
        Colour or grey; float in [0, 1], uint8 or uint16.
    trimap : array_like, (h, w)
        Background (<= 10 % of the dtype's range), unknown, foreground (>= 90 %); some of both known kinds.
    strength : float
        Weight of the sampled matte, 0 to 1e12; with 0 closed form's is left.
    tolerance : float
        How far colours may be off what explains them, 1e-6 to 1e6, as a root mean square over the channels.
    hold : float
        Weight of closed form's matte where nothing else is explained, 0 to 1e12.
    eps : float
        The regularisation of L, above 0, as in `closed_form_matting`.
    rtol, x0
        For both solves, as in `closed_form_matting`.
    callback : callable, optional
        Called as ``callback(iteration, relative_residual)`` during the second solve.
    return_info : bool
        Whether to return the second solve's `Solution` too.

    Returns
    -------
    alpha : ndarray, (h, w)
        float64 in [0, 1]; exactly 0 and 1 where the trimap is background and foreground.
    solution : Solution
        Only if `return_info`; its x holds the unknown pixels before clipping, in raster order.

    Warns
    -----
    ConvergenceWarning
        If the solver stopped before it reached `rtol`.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind, shape or range, or the trimap has no foreground or no background.

    References
    ----------
    A. Levin, D. Lischinski, Y. Weiss: A closed-form solution to natural image matting. TPAMI 30(2), 2008.
    E. S. L. Gastal, M. M. Oliveira: Shared sampling for real-time alpha matting. Computer Graphics Forum 29(2),
    2010, whose step from samples to a smooth matte has a confidence linear in ``|r|`` and neither doubt nor hold.

    Examples
    --------
    >>> import classmat as cm
    >>> from classmat.matting.sampling import sampling_matting
    >>> scene = cm.gallery.disc(24, 32)
    >>> alpha = sampling_matting(scene.image, scene.trimap)
    >>> bool(abs(alpha - scene.alpha).max() < 0.1)
    True
    """
    pixels = as_image(image, dtype=working_type(image))
    labels = as_trimap(trimap)
    require_same_size(pixels, labels, names=("image", "trimap"))
    strength = as_number(strength, name="strength", low=0, high=1e12)
    tolerance = as_number(tolerance, name="tolerance", low=1e-6, high=1e6)
    hold = as_number(hold, name="hold", low=0, high=1e12)
    Stopping.checked(rtol, 0.0, 1, callback)
    is_unknown = labels == UNKNOWN

    # 1. closed form
    A, b, colours = closed_form_system(pixels, is_unknown, _is_foreground(labels), eps=eps, radius=1)
    plain, solution = solve_unknown(A, b, labels, image=colours, x0=x0, rtol=rtol, callback=None)
    del A, b
    if not is_unknown.any():
        return (plain, solution) if return_info else plain
    # 2. sampling
    samples = shared_samples(pixels, labels)
    # 3. what is explained, 4. confidence, 5. doubt
    found = evidence(pixels, labels, plain, samples, tolerance)
    # 6. all in one
    A, b, colours = weighted_system(pixels, labels, plain, found, strength=strength, hold=hold, eps=eps)
    start = plain if x0 is None else x0
    alpha, solution = solve_unknown(A, b, labels, image=colours, x0=start, rtol=rtol, callback=callback)
    return (alpha, solution) if return_info else alpha


def evidence(
    image: NDArray[Any],
    labels: NDArray[np.uint8],
    plain: NDArray[np.float64],
    samples: Samples,
    tolerance: float,
) -> Evidence:
    """Return what sampled colours say about the unknown pixels: steps 3 to 5. Arguments are checked.

    Parameters
    ----------
    image : ndarray, (h, w, 3) or (h, w)
        Float in [0, 1].
    labels : ndarray, (h, w)
        A trimap as `as_trimap` returns it.
    plain : ndarray, (h, w)
        Closed form's matte.
    samples : Samples
        Those of the unknown pixels.
    tolerance : float
        As in `sampling_matting`.
    """
    is_unknown, channels = labels == UNKNOWN, 1 if image.ndim == 2 else 3
    alpha = samples.alpha[:, np.newaxis]
    mixed = alpha * samples.foreground + (1 - alpha) * samples.background
    off = ((three_channels(image)[is_unknown] - mixed) ** 2).sum(1) / channels
    apart = ((samples.foreground - samples.background) ** 2).sum(1, dtype=np.float64) / channels
    explained = np.exp(-off / tolerance**2)
    dispute = _mean_nearby(apart * (samples.alpha - plain[is_unknown]) ** 2, is_unknown)
    confidence = apart * explained * dispute / (dispute + tolerance**2)
    return Evidence(samples.alpha, confidence, (1 - _mean_nearby(explained, is_unknown)) ** 2)


def weighted_system(
    image: NDArray[Any],
    labels: NDArray[np.uint8],
    plain: NDArray[np.float64],
    found: Evidence,
    *,
    strength: float,
    hold: float,
    eps: float,
) -> System:
    """Return the system of step 6; `plain` (h, w) is closed form's matte, all else as in `sampling_matting`."""
    is_unknown = labels == UNKNOWN
    pull, held = strength * found.confidence, hold * found.doubt
    A, b, colours = closed_form_system(
        image, is_unknown, _is_foreground(labels), eps=eps, radius=1, diagonal=pull + held
    )
    return System(A, b + pull * found.alpha + held * plain[is_unknown], colours)


def _is_foreground(labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return (labels == FOREGROUND).view(np.uint8)


def _mean_nearby(values: NDArray[np.float64], is_unknown: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return means over the unknown pixels of a window around each, itself included."""
    plane = np.zeros(is_unknown.shape)
    plane[is_unknown] = values
    shares = box_filter(is_unknown.astype(np.float64), SURROUNDINGS)[is_unknown]
    return np.maximum(0, box_filter(plane, SURROUNDINGS)[is_unknown] / shares)
