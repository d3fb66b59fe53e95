"""Closed form with sampled colours: a prior that counts where it explains the photo, and only there."""

from typing import Any, Literal, NamedTuple, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..filters.box import box_filter
from ..images.validate import FOREGROUND, UNKNOWN, as_image, as_number, as_trimap, require_same_size
from ..laplacians.closed_form import closed_form_system, three_channels
from ..solvers import Callback, Solution
from ..solvers.factor import Stopping
from ._known import solve_unknown, warm_start
from .closed_form import Matte, working_type
from .shared import shared_samples

SURROUNDINGS = 10  # pixels to either side
LIMIT = 2.0  # tolerances: where colours are off by more, in the surroundings, nothing is explained


class Evidence(NamedTuple):
    """What sampled colours say about each unknown pixel, in raster order.

    Attributes
    ----------
    alpha : ndarray, (n,)
        The sampled matte, in [0, 1].
    confidence : ndarray, (n,)
        In [0, 1]: how well and how distinctly the pixel's pair of colours explains it.
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
    tolerance: float = 0.02,
    hold: float = 1e-3,
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
    3. confidence: ``c = |F - B|^2 exp(-|r|^2 / tolerance^2)``, near 0 where the pair does not explain the pixel or
       could not tell its alpha; squares are means over the channels;
    4. doubt: ``d = 1 - max(0, 1 - R / (2 tolerance)^2)^2`` with R the mean of ``|r|^2`` over the unknown pixels at
       most 10 rows and columns away: 1 where the surroundings have colours found in neither known region;
    5. the matte minimises, with the known pixels held, ::

           alpha^T L alpha + strength * sum of c (alpha - alpha_s)^2 + hold * sum of d (alpha - alpha_0)^2

    A small `strength` is enough for the pixels of which L leaves much open and changes little elsewhere: noise of
    the samples is averaged along the image's structures.

    Parameters
    ----------
    image : array_like, (h, w, 3) or (h, w)
        Colour or grey; float in [0, 1], uint8 or uint16.
    trimap : array_like, (h, w)
        Background (<= 10 % of the dtype's range), unknown, foreground (>= 90 %); some of both known kinds.
    strength : float
        Weight of the sampled matte, at least 0; 0 leaves closed form's matte.
    tolerance : float
        How far colours may be off what explains them, above 0, as a root mean square over the channels.
    hold : float
        Weight of closed form's matte where nothing else is explained, at least 0.
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
    strength = as_number(strength, name="strength", low=0)
    tolerance = as_number(tolerance, name="tolerance", low=0, exclusive=True)
    hold = as_number(hold, name="hold", low=0)
    Stopping.checked(rtol, 0.0, 1, callback)
    is_unknown, is_foreground = labels == UNKNOWN, (labels == FOREGROUND).view(np.uint8)
    start = warm_start(x0, is_unknown)

    A, b, colours = closed_form_system(pixels, is_unknown, is_foreground, eps=eps, radius=1)
    plain, first = solve_unknown(A, b, labels, image=colours, x0=x0, rtol=rtol, callback=None)
    del A, b
    if not is_unknown.any():
        return (plain, first) if return_info else plain
    found = evidence(pixels, labels, tolerance)
    pull, anchor = strength * found.confidence, hold * found.doubt
    A, b, colours = closed_form_system(
        pixels, is_unknown, is_foreground, eps=eps, radius=1, diagonal=pull + anchor
    )
    right = b + pull * found.alpha + anchor * plain[is_unknown]
    alpha, solution = solve_unknown(
        A, right, labels, image=colours, x0=plain if start is None else x0, rtol=rtol, callback=callback
    )
    return (alpha, solution) if return_info else alpha


def evidence(image: NDArray[Any], labels: NDArray[np.uint8], tolerance: float) -> Evidence:
    """Return what sampled colours say about the unknown pixels: steps 2 to 4. Arguments are checked.

    Parameters
    ----------
    image : ndarray, (h, w, 3) or (h, w)
        Float in [0, 1].
    labels : ndarray, (h, w)
        A trimap as `as_trimap` returns it, with some of both known kinds.
    tolerance : float
        As in `sampling_matting`.
    """
    is_unknown = labels == UNKNOWN
    channels = 1 if image.ndim == 2 else 3
    samples = shared_samples(image, labels)
    alpha = samples.alpha[:, np.newaxis]
    off = three_channels(image)[is_unknown] - alpha * samples.foreground - (1 - alpha) * samples.background
    off = (off**2).sum(1) / channels
    apart = ((samples.foreground - samples.background) ** 2).sum(1, dtype=np.float64) / channels
    explained = 1 - _mean_nearby(off, is_unknown) / (LIMIT * tolerance) ** 2
    return Evidence(samples.alpha, apart * np.exp(-off / tolerance**2), 1 - np.maximum(0, explained) ** 2)


def _mean_nearby(values: NDArray[np.float64], is_unknown: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return means over the unknown pixels of a window around each, itself included."""
    plane = np.zeros(is_unknown.shape)
    plane[is_unknown] = values
    shares = box_filter(is_unknown.astype(np.float64), SURROUNDINGS)[is_unknown]
    return np.maximum(0, box_filter(plane, SURROUNDINGS)[is_unknown] / shares)
