"""Refinement: from the mask of a segmenter, or a coarse matte, to a matte that follows the image."""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from ..filters.guided import guided_filter
from ..images.trimap import band_of_mask, trimap_from_alpha
from ..images.validate import UNKNOWN, as_alpha, as_choice, as_image, as_number, require_same_size
from .closed_form import matting_with_prior, working_type
from .methods import METHODS

_INTO, _OUT = 0.02, 0.04  # of the longest side: docs/decisions/2026-11-21-refinement.md
_SOFT = 0.05  # alpha from here to 1 minus it is fractional, and unknown in the trimap
_LEAST = 1e-4  # the confidence at the very edge: what the image leaves open, the prior decides

Refiner = Callable[..., NDArray[np.float64]]


def refine_matte(
    image: ArrayLike, alpha: ArrayLike, *, method: str = "guided", **options: Any
) -> NDArray[np.float64]:
    """Refine a mask or a coarse matte, such as a network's, so that it follows the edges of the image.

    ``"trimap"``
        Everything near the edge of `alpha` becomes unknown and is computed anew; what is further away is kept as
        0 or 1. The only one that looks further than `alpha` for hair. Needs the edge to be right within the widths,
        and colours that differ: in a wide band nothing else tells subject from background.
        Options: `solver`, a name of `METHODS` (``"closed-form"``); `erode` and `dilate` as in `trimap_from_mask`,
        in pixels, whose defaults scale with the image; all others go to the solver.
    ``"prior"``
        Closed-form matting towards `alpha`, the more the surer it is of itself (its distance from 1/2) and the
        further from its edge. Nothing is fixed: gentler where a soft matte is already good, and able to leave
        it where it is wrong. Takes a solve for all pixels.
        Options: `lam` (1), how much alpha counts; `erode`, `dilate` (as above), the distance from the edge at which
        it counts fully (2 % and 4 % of the longest side); all others go to `matting_with_prior`.
    ``"guided"``
        The guided filter of `alpha` by the image (He et al. 2013): milliseconds, never far from `alpha`, and
        the smallest mean error of the three on photos with true mattes, from good masks and from rounded ones; softly
        wrong where colours of subject and background are alike.
        Options: `radius` in pixels (2 % of the longest side, at least 1) and `eps` (1e-4).

    Parameters
    ----------
    image : array_like, (h, w, 3) or (h, w)
        Colour or grey; float in [0, 1], uint8 or uint16.
    alpha : array_like, (h, w)
        The mask or coarse matte, of the image's size: enlarge what is smaller first, with `resize`.
    method : {"trimap", "prior", "guided"}
        How to refine.
    **options
        Of the method, see above.

    Returns
    -------
    ndarray, (h, w)
        The refined matte, float64 in [0, 1].

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind, shape or range, sizes differ, or, except with ``"guided"``, `alpha` is all
        foreground or all background.

    See Also
    --------
    trimap_from_mask, trimap_from_alpha : the trimap alone.

    Examples
    --------
    >>> import classmat as cm
    >>> scene = cm.gallery.disc(60, 80)
    >>> mask = scene.alpha > 0.5
    >>> alpha = refine_matte(scene.image, mask)
    >>> cm.metrics.mse(alpha, scene.alpha) < 0.2 * cm.metrics.mse(mask, scene.alpha)
    True
    """
    refiners: dict[str, Refiner] = {"trimap": _by_trimap, "prior": _by_prior, "guided": _by_guided_filter}
    as_choice(method, tuple(refiners), name="method")
    pixels = as_image(image, dtype=working_type(image))
    coarse = as_alpha(alpha)
    require_same_size(pixels, coarse, names=("image", "alpha"))
    return refiners[method](pixels, coarse, **options)


def coarse_trimap(
    alpha: NDArray[np.float64], erode: float | None = None, dilate: float | None = None
) -> NDArray[np.uint8]:
    """Return the trimap of a mask or a coarse matte: unknown is what is fractional in it or near its edge.

    Parameters
    ----------
    alpha : (h, w)
        A mask, or a matte whose edges may be blurred.
    erode, dilate : float, optional
        As in `trimap_from_mask`.

    Returns
    -------
    (h, w) uint8
        0 background, 128 unknown, 255 foreground.

    Examples
    --------
    >>> coarse_trimap(np.array([[0, 0, 0, 0.2, 0.6, 1, 1, 1.0]]), 1, 2)
    array([[  0,   0, 128, 128, 128, 255, 255, 255]], dtype=uint8)
    """
    trimap = band_of_mask(alpha >= 0.5, name="alpha", erode=erode, dilate=dilate)
    fractional = trimap_from_alpha(alpha, radius=0, low=_SOFT, high=1 - _SOFT) == UNKNOWN
    widened = np.where(fractional, np.uint8(UNKNOWN), trimap)
    return widened if all((widened == label).any() for label in (0, 255)) else trimap


def _by_trimap(
    image: NDArray[Any],
    alpha: NDArray[np.float64],
    *,
    solver: str = "closed-form",
    erode: float | None = None,
    dilate: float | None = None,
    **options: Any,
) -> NDArray[np.float64]:
    as_choice(solver, tuple(METHODS), name="solver")
    own = ("solver", "erode", "dilate")
    _require_options(options, own + _options_of(METHODS[solver], options), f"the solver '{solver}'")
    result: NDArray[np.float64] = METHODS[solver](image, coarse_trimap(alpha, erode, dilate), **options)
    return result


def _by_prior(
    image: NDArray[Any],
    alpha: NDArray[np.float64],
    *,
    lam: float = 1.0,
    erode: float | None = None,
    dilate: float | None = None,
    **options: Any,
) -> NDArray[np.float64]:
    accepted = ("lam", "erode", "dilate", *_options_of(matting_with_prior, options))
    _require_options(options, accepted, "matting with a prior")
    return matting_with_prior(image, alpha, edge_confidence(alpha, erode, dilate), lam=lam, **options)


def edge_confidence(
    alpha: NDArray[np.float64], erode: float | None = None, dilate: float | None = None
) -> NDArray[np.float64]:
    """Return how far a coarse matte is to be trusted: ``(2 alpha - 1)^2 min(1, d / width)^2``, at least 1e-4.

    d is the distance to its edge, where it crosses 1/2; the width is `erode` inside and `dilate` outside.

    Examples
    --------
    >>> edge_confidence(np.array([[0, 0, 0, 1, 1.0]]), erode=2, dilate=4)
    array([[0.5625, 0.25  , 0.0625, 0.25  , 1.    ]])
    """
    band_of_mask(alpha >= 0.5, name="alpha", erode=0, dilate=0)  # raises unless there is some of both kinds
    longest = max(alpha.shape)
    widths = [
        max(1.0, fraction * longest) if width is None else as_number(width, name=name, low=0)
        for width, name, fraction in ((erode, "erode", _INTO), (dilate, "dilate", _OUT))
    ]
    inside = alpha >= 0.5
    confidence = (2 * alpha - 1) ** 2
    for region, width in zip((inside, ~inside), widths, strict=True):
        distance = ndimage.distance_transform_edt(region)[region]
        confidence[region] *= np.minimum(distance / max(width, 1.0), 1) ** 2
    return np.maximum(confidence, _LEAST)


def _by_guided_filter(
    image: NDArray[Any],
    alpha: NDArray[np.float64],
    *,
    radius: int | None = None,
    eps: float = 1e-4,
    **options: Any,
) -> NDArray[np.float64]:
    _require_options(options, ("radius", "eps"), "the guided filter")
    width = max(1, round(0.02 * max(alpha.shape))) if radius is None else radius
    return np.clip(guided_filter(image.astype(np.float64, copy=False), alpha, width, eps), 0, 1)


def _options_of(method: Callable[..., Any], options: dict[str, Any]) -> tuple[str, ...]:
    """Return the names of a method's options; all that are given for a method that takes any."""
    parameters = inspect.signature(method).parameters.values()
    takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)
    names = [parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY]
    return (*names, *options) if takes_any else tuple(names)


def _require_options(options: dict[str, Any], accepted: tuple[str, ...], what: str) -> None:
    if unknown := sorted(set(options) - set(accepted)):
        *most, last = map(repr, dict.fromkeys(accepted))
        raise TypeError(f"{what} has no option '{unknown[0]}'; accepted are {', '.join(most)} and {last}.")
