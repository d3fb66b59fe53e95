"""A matte that follows the brush: solved anew only around what a stroke changed.

All pixels outside of a window around the stroke are held (Dirichlet), so that a stroke costs what its surroundings
cost, whatever the size of the photo. If the matte still moves at the window's border, the window was too small:
`LiveMatte.settle` solves in one of twice the width, as often as it takes.
"""

from collections import deque
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..filters.guided import guided_filter
from ..images.validate import (
    BACKGROUND,
    FOREGROUND,
    UNKNOWN,
    as_alpha,
    as_choice,
    as_image,
    as_number,
    as_trimap,
    require_same_size,
)
from ..matting.closed_form import closed_form_matting
from .box import Box
from .window import REACH, Matte, solve_held

MARGIN = 64  # pixels around a stroke that are solved for at first
BUDGET = 40_000  # unknown pixels that are: a fifth of a second, docs/decisions/2026-11-21-review-page.md
SETTLED = 1 / 255  # a change that shows in no matte of 8 bits
RING = 4  # width of the strip along a window's border where the matte must be at rest
REMEMBERED = 256 << 20  # bytes of former states, for undoing
LEAST = 1e-3  # how sure of itself a matte is where it is 1/2

REFINERS = ("guided", "prior")


class Patch(NamedTuple):
    """What became of a part of a matte.

    Attributes
    ----------
    box : Box
        Where.
    alpha : ndarray
        The matte there, of the box's shape.
    settled : bool
        Whether `LiveMatte.settle` has nothing to add.
    """

    box: Box
    alpha: Matte
    settled: bool


@dataclass(frozen=True)
class Before:
    """A part of a trimap and of its matte before a stroke, and whether the whole matte was closed form's."""

    box: Box
    trimap: NDArray[np.uint8]
    alpha: Matte
    exact: bool

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays."""
        return self.trimap.nbytes + self.alpha.nbytes


class LiveMatte:
    """A photo, its trimap, and a matte that follows every change of the trimap.

    Parameters
    ----------
    image : array_like, (h, w, 3) or (h, w)
        Colour or grey; float in [0, 1], uint8 or uint16.
    trimap : array_like, (h, w)
        Background (<= 10 % of the dtype's range), unknown, foreground (>= 90 %); some of both known kinds.
    alpha : array_like, (h, w)
        The matte to begin with.
    exact : bool
        Whether that is closed form's. Then a stroke solves for the matte itself. If not, or once a brush has refined
        it, a stroke solves for the *change* of the matte: what another method or the brush found stays where the stroke
        has no say.

    Attributes
    ----------
    trimap, alpha : ndarray, (h, w)
        As they are now.
    changes : int
        How often they changed, undoing included.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind, shape or range, or sizes differ.

    Examples
    --------
    >>> import classmat as cm
    >>> scene = cm.gallery.disc(48, 64)
    >>> alpha = cm.closed_form_matting(scene.image, scene.trimap)
    >>> live = LiveMatte(scene.image, scene.trimap, alpha, exact=True)
    >>> patch = live.paint((20, 40, 24, 44), np.full((4, 4), 255, np.uint8))
    >>> bool((live.alpha[20:24, 40:44] == 1).all())
    True
    """

    def __init__(self, image: ArrayLike, trimap: ArrayLike, alpha: ArrayLike, *, exact: bool = False) -> None:
        self.image = as_image(image, dtype=np.float32)
        self.trimap = as_trimap(trimap)
        self.alpha: Matte = as_alpha(alpha).copy()  # the caller's stays as it is
        require_same_size(self.image, self.trimap, names=("image", "trimap"))
        require_same_size(self.image, self.alpha, names=("image", "alpha"))
        self.exact = exact
        self.changes = 0
        self._history: deque[Before] = deque()
        self._stroke: Box | None = None  # what is not settled

    def paint(self, box: Any, labels: ArrayLike) -> Patch:
        """Put a part of a trimap in its place and solve around what it changes.

        Parameters
        ----------
        box : (top, left, bottom, right)
            Where.
        labels : array_like
            The trimap there, of the box's shape.

        Raises
        ------
        TypeError, ValueError
            If the box is not in the image, or the labels are no trimap of its shape or would leave no foreground or no
            background.
        """
        place = Box.checked(box, self.trimap.shape)
        values = as_trimap(labels, both=False)
        _require_shape(values, place, "trimap")
        former = self.trimap[place.slices].copy()
        stroke = Box.around(values != former, place[:2])
        if stroke is None:
            return Patch(place, self.alpha[place.slices].copy(), True)
        self.trimap[place.slices] = values
        for label, word in ((FOREGROUND, "foreground"), (BACKGROUND, "background")):
            if not (self.trimap == label).any():
                self.trimap[place.slices] = former
                raise ValueError(f"the stroke leaves no {word}; a matte needs some of both kinds.")
        before = self._state(self._first_window(stroke))
        before.trimap[stroke.inside(before.box)] = former[stroke.inside(place)]
        self._remember(before)
        return self._follow(stroke, before)

    def settle(self) -> Patch | None:
        """Solve for the last stroke in a window twice as wide; None if that has nothing to add."""
        stroke = self._stroke
        if stroke is None:
            return None
        small = self._history.pop()
        margin = 2 * max(MARGIN, *(abs(a - b) for a, b in zip(stroke, small.box, strict=True)))
        before = self._state(stroke.grown(margin, self.trimap.shape))
        before.trimap[small.box.inside(before.box)] = small.trimap
        before.alpha[small.box.inside(before.box)] = small.alpha
        self._remember(before)
        return self._follow(stroke, before)

    def solve(self) -> Patch:
        """Forget the matte and solve for all unknown pixels, by closed form."""
        everything = Box(0, 0, *self.trimap.shape)
        alpha = closed_form_matting(self.image, self.trimap, x0=self.alpha)
        self._remember(self._state(everything))
        self.alpha[:], self.exact, self._stroke = alpha, True, None
        return Patch(everything, alpha, True)

    def refine(self, box: Any, brush: ArrayLike, *, method: str = "guided", detail: float = 0.5) -> Patch:
        """Let the matte follow the photo where a brush went.

        ``"guided"`` filters the matte by the photo. ``"prior"`` is closed form under the brush, drawn towards the
        matte the more the surer that is of itself; what the brush did not touch is held.

        Parameters
        ----------
        box : (top, left, bottom, right)
            Where.
        brush : array_like
            How much each pixel of the box takes of the refined matte, in [0, 1].
        method : {"guided", "prior"}
        detail : float
            0: stay near the matte that there is, 1: follow the photo.

        Raises
        ------
        TypeError, ValueError
            If an argument is of the wrong kind, shape or range.
        """
        as_choice(method, REFINERS, name="method")
        freedom = as_number(detail, name="detail", low=0, high=1)
        place = Box.checked(box, self.trimap.shape)
        weight = as_alpha(brush, name="brush")
        _require_shape(weight, place, "brush")
        refined = (self._filtered if method == "guided" else self._drawn)(place, weight > 0, freedom)
        self._remember(self._state(place))
        part = self.alpha[place.slices]
        part += weight * (refined - part)
        self._stroke, self.exact = None, False
        return Patch(place, part.copy(), True)

    def undo(self) -> Patch | None:
        """Take back the last stroke; None if there is none."""
        if not self._history:
            return None
        before = self._history.pop()
        self.trimap[before.box.slices] = before.trimap
        self.alpha[before.box.slices] = before.alpha
        self._stroke, self.exact = None, before.exact
        self.changes += 1
        return Patch(before.box, before.alpha.copy(), True)

    def _state(self, box: Box) -> Before:
        return Before(box, self.trimap[box.slices].copy(), self.alpha[box.slices].copy(), self.exact)

    def _remember(self, before: Before) -> None:
        self.changes += 1
        self._history.append(before)
        while len(self._history) > 1 and sum(state.nbytes for state in self._history) > REMEMBERED:
            self._history.popleft()

    def _first_window(self, stroke: Box) -> Box:
        """Return the stroke with the widest margin that keeps within the budget."""
        window, margin = stroke.grown(MARGIN, self.trimap.shape), MARGIN
        while margin > 2 * REACH and np.count_nonzero(self.trimap[window.slices] == UNKNOWN) > BUDGET:
            margin //= 2
            window = stroke.grown(margin, self.trimap.shape)
        return window

    def _follow(self, stroke: Box, before: Before) -> Patch:
        """Solve in the window of `before` for the matte of the trimap as it is now."""
        window = before.box
        crop = window.grown(REACH, self.trimap.shape)
        inner = window.inside(crop)
        labels, former = self.trimap[window.slices], self.alpha[crop.slices].copy()
        former[inner] = before.alpha
        held = former.copy()
        is_marked = (labels != before.trimap) & (labels != UNKNOWN)
        held[inner][is_marked] = labels[is_marked] == FOREGROUND
        is_unknown, keeps = np.zeros(crop.shape, bool), np.zeros(crop.shape, bool)
        is_unknown[inner] = labels == UNKNOWN
        keeps[inner] = (before.trimap == UNKNOWN) & (not self.exact)
        image = np.ascontiguousarray(self.image[crop.slices])
        alpha = solve_held(image, is_unknown, held, former=former, keeps=keeps)[inner]
        self.alpha[window.slices] = alpha
        settled = self._at_rest(window, np.abs(alpha - before.alpha))
        self._stroke = None if settled else stroke
        return Patch(window, alpha.copy(), settled)

    def _at_rest(self, window: Box, change: Matte) -> bool:
        """Whether the matte hardly changed along the border of a window, but for the border of the image."""
        (top, left, bottom, right), (h, w) = window, self.trimap.shape
        strips = (
            (top > 0, change[:RING]),
            (bottom < h, change[-RING:]),
            (left > 0, change[:, :RING]),
            (right < w, change[:, -RING:]),
        )
        return all(strip.max() < SETTLED for is_open, strip in strips if is_open)

    def _filtered(self, place: Box, is_touched: NDArray[np.bool_], detail: float) -> Matte:
        radius, eps = 2 + round(6 * detail), 10.0 ** (-3 - 3 * detail)
        crop = place.grown(2 * radius, self.trimap.shape)
        guide, alpha = self.image[crop.slices].astype(np.float64), self.alpha[crop.slices].copy()
        return np.clip(guided_filter(guide, alpha, radius, eps), 0, 1)[place.inside(crop)]

    def _drawn(self, place: Box, is_touched: NDArray[np.bool_], detail: float) -> Matte:
        crop = place.grown(REACH, self.trimap.shape)
        is_unknown, held = np.zeros(crop.shape, bool), self.alpha[crop.slices].copy()
        is_unknown[place.inside(crop)] = is_touched
        sureness = (2 * held[is_unknown] - 1) ** 2
        pull = 10.0 ** (1 - 3 * detail) * np.maximum(sureness, LEAST)
        image = np.ascontiguousarray(self.image[crop.slices])
        return solve_held(image, is_unknown, held, pull=pull)[place.inside(crop)]


def _require_shape(array: NDArray[Any], box: Box, name: str) -> None:
    if array.shape != box.shape:
        found, wanted = ("x".join(map(str, shape)) for shape in (array.shape, box.shape))
        raise ValueError(
            f"{name} is {found} but its box is {wanted} (rows x columns); both must have the same size."
        )
