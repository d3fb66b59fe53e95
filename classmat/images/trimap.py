"""Trimaps from what people have: a matte, the mask of a segmenter, or a few scribbles.

A width of r pixels means a disc: a pixel is within r of a set if the Euclidean distance between the centres
of the pixel and of the nearest pixel of the set is at most r. Distances are exact (a distance transform), so
any width takes the same time. What lies outside the image counts as nothing: no border is eroded.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .composite import split_rgba
from .validate import (
    BACKGROUND,
    FOREGROUND,
    UNKNOWN,
    as_alpha,
    as_image,
    as_mask,
    as_number,
    as_trimap,
    require_same_size,
)

# Fractions of the longest side, measured: docs/decisions/2026-11-21-refinement.md.
_RADIUS, _ERODE, _DILATE = 0.01, 0.01, 0.01
_CHANGED = 0.02  # five of 255 levels: more than saving a picture again alters, less than any stroke


def trimap_from_alpha(
    alpha: Any, *, radius: float | None = None, low: float = 0.01, high: float = 0.99
) -> NDArray[np.uint8]:
    """Return the trimap that a matte implies: its fractional pixels, widened by `radius`, are unknown.

    Exactly: foreground is what lies further than `radius` from every pixel with ``alpha < high``, background
    what lies further than `radius` from every pixel with ``alpha > low``. So hard edges without a fractional
    pixel get an unknown band too, unless `radius` is 0.

    Parameters
    ----------
    alpha : (h, w)
        The matte.
    radius : float, optional
        In pixels, at least 0. By default 1 % of the longest side, at least 1.
    low, high : float
        Pixels with ``low < alpha < high`` are fractional.

    Returns
    -------
    (h, w) uint8
        0 background, 128 unknown, 255 foreground.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described, or `radius` is so large that all foreground or all background of
        the matte would become unknown.

    Examples
    --------
    >>> trimap_from_alpha([[0.0, 0.0, 0.0, 0.5, 1.0, 1.0, 1.0]], radius=1)
    array([[  0,   0, 128, 128, 128, 255, 255]], dtype=uint8)
    """
    values = as_alpha(alpha)
    low = as_number(low, name="low", low=0, high=1)
    high = as_number(high, name="high", low=0, high=1)
    if low >= high:
        raise ValueError(f"low is {low:g} and high is {high:g}; low must be less than high.")
    width = _as_width(radius, "radius", _RADIUS, values.shape)
    foreground = _shrink(values >= high, width, "radius", "foreground", is_default=radius is None)
    return _join(foreground, _shrink(values <= low, width, "radius", "background", is_default=radius is None))


def trimap_from_mask(mask: Any, *, erode: float | None = None, dilate: float | None = None) -> NDArray[np.uint8]:
    """Return a trimap whose unknown band follows the edge of a mask, as a segmenter gives one.

    The band reaches `erode` pixels into the mask and `dilate` pixels out of it. It must cover every pixel
    where the mask might be wrong and every pixel that is partly transparent: `erode` is how far the mask may
    have run over the true edge, plus the blur of that edge; `dilate` is how far hair or fur sticks out of it.
    Too wide costs time and some accuracy, too narrow cuts hair off for good.

    Both are in pixels of this image, so they scale with it: the picture at twice the size needs twice the
    width. The defaults do that by themselves: both are 1 % of the longest side, at least one pixel: 8 pixels
    on a portrait of 600 x 800. For flying hair take a `dilate` of 5 % or more; for
    a mask that was computed at low resolution and enlarged, take at least one of its pixels for both.

    Parameters
    ----------
    mask : (h, w)
        bool, uint8, uint16 or float in [0, 1]; foreground where at least half of the range.
    erode, dilate : float, optional
        In pixels, at least 0. Pixels within `erode` of the outside and within `dilate` of the inside are
        unknown (Euclidean distances between centres; the image's border is no edge).

    Returns
    -------
    (h, w) uint8
        0 background, 128 unknown, 255 foreground.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described, the mask has no foreground or no background, or a width is so
        large that none would be left.

    Examples
    --------
    >>> trimap_from_mask([[0, 0, 0, 1, 1, 1.0]], erode=1, dilate=2)
    array([[  0, 128, 128, 128, 255, 255]], dtype=uint8)
    """
    return band_of_mask(as_mask(mask), name="mask", erode=erode, dilate=dilate)


def band_of_mask(
    inside: NDArray[np.bool_], *, name: str, erode: float | None, dilate: float | None
) -> NDArray[np.uint8]:
    """Return what `trimap_from_mask` does; errors call the mask, checked but for its contents, by `name`."""
    for kind, word, rule in ((inside, "foreground", "at least"), (~inside, "background", "below")):
        if not kind.any():
            raise ValueError(
                f"{name} has no {word} pixels ({rule} half of the range); accepted is a mask with both."
            )
    into = _as_width(erode, "erode", _ERODE, inside.shape)
    out = _as_width(dilate, "dilate", _DILATE, inside.shape)
    foreground = _shrink(inside, into, "erode", "foreground", is_default=erode is None)
    return _join(foreground, _shrink(~inside, out, "dilate", "background", is_default=dilate is None))


def trimap_from_scribbles(image: Any, scribbles: Any) -> NDArray[np.uint8]:
    """Return the trimap that a few brush strokes stand for; what is not painted is unknown.

    Scribbles come in three forms:

    - (h, w), a grey map: white is foreground, black background, everything between nothing, exactly as in a
      trimap;
    - (h, w, 3), strokes in colour: white or green (0, 1, 0) is foreground, black or red (1, 0, 0) is
      background, each channel within 10 % of the range; all other colours are nothing. If `image` is given,
      pixels that equal it are nothing either, so that strokes may be painted on a copy of the photo (Levin,
      Lischinski and Weiss 2008);
    - (h, w, 4), an overlay: as before where it is at least half opaque, nothing elsewhere. If any pixel is
      transparent, `image` is not compared.

    Parameters
    ----------
    image : (h, w, 3), (h, w) or None
        The photo that the strokes are for. None if the scribbles stand alone.
    scribbles : (h, w), (h, w, 3) or (h, w, 4)
        The strokes; bool, uint8, uint16, or float in [0, 1].

    Returns
    -------
    (h, w) uint8
        0 background, 128 unknown, 255 foreground.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described, sizes differ, or there is no stroke of one of the two kinds.

    Examples
    --------
    >>> photo = np.full((1, 3, 3), 0.4)
    >>> painted = photo.copy()
    >>> painted[0, 0], painted[0, 2] = 0, 1
    >>> trimap_from_scribbles(photo, painted)
    array([[  0, 128, 255]], dtype=uint8)
    """
    strokes, opacity = split_rgba(scribbles, name="scribbles")
    if image is not None:
        photo = as_image(image)
        require_same_size(photo, strokes, names=("image", "scribbles"))
    if strokes.ndim == 2 and opacity is None:
        return as_trimap(strokes, name="scribbles")
    labels = _labels_of_colours(strokes)
    if opacity is not None and (opacity < 1).any():
        labels[opacity < 0.5] = UNKNOWN
    elif image is not None:
        photo = photo[:, :, None] if photo.ndim == 2 else photo
        labels[np.abs(strokes - photo).max(axis=2) <= _CHANGED] = UNKNOWN
    return as_trimap(labels, name="scribbles")


def _labels_of_colours(strokes: NDArray[Any]) -> NDArray[np.uint8]:
    red, green, blue = np.moveaxis(strokes, 2, 0)
    is_pure = ((strokes <= 0.1) | (strokes >= 0.9)).all(axis=2)
    has_red, has_green, has_blue = (channel >= 0.9 for channel in (red, green, blue))
    labels = np.full(strokes.shape[:2], UNKNOWN, np.uint8)
    labels[is_pure & has_green & (has_red == has_blue)] = FOREGROUND  # white, green
    labels[is_pure & ~has_green & ~has_blue] = BACKGROUND  # black, red
    return labels


def _as_width(width: float | None, name: str, fraction: float, shape: tuple[int, ...]) -> float:
    if width is None:
        return max(1.0, fraction * max(shape))
    return as_number(width, name=name, low=0)


def _shrink(
    region: NDArray[np.bool_], width: float, name: str, word: str, *, is_default: bool
) -> NDArray[np.bool_]:
    """Return the pixels of a region that are further than `width` from everything outside it."""
    if region.all() or not region.any():  # a distance to nothing is not defined
        return region
    distance = ndimage.distance_transform_edt(region)
    result = distance > width
    if not result.any():
        reason = "1 % of the longest side" if width > 1 else "the least"
        origin = f" (the default, {reason})" if is_default else ""
        raise ValueError(
            f"{name} is {width:g} pixels{origin}, which leaves no {word}; "
            f"accepted for this one is less than {distance.max():g}."
        )
    return result


def _join(foreground: NDArray[np.bool_], background: NDArray[np.bool_]) -> NDArray[np.uint8]:
    trimap = np.full(foreground.shape, UNKNOWN, np.uint8)
    trimap[foreground] = FOREGROUND
    trimap[background] = BACKGROUND
    return trimap
