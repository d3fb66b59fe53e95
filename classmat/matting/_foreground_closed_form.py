"""Closed-form foreground estimation (Levin, Lischinski, Weiss 2008, section 7): the solver.

Only pixels that are fractional, or next to a different alpha, take part: elsewhere one of the two colours is the
image's, and the other one appears in no composite.
"""

import warnings
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..images.validate import as_alpha, as_image, outside_stacklevel
from ..kernels import foreground_closed_form as kernels
from ..kernels import foreground_levels as level_kernels
from ..solvers import ConvergenceWarning

_MOST_ITERATIONS = 2000

Field = NDArray[np.float32]


class Band(NamedTuple):
    """The pixels to solve for, then those next to them: flat positions, alpha, neighbours and their weights."""

    places: NDArray[np.int64]
    alpha: Field
    neighbours: NDArray[np.int32]
    weights: Field


def solve_colours(
    image: ArrayLike,
    alpha: ArrayLike,
    colours: tuple[Field, Field],
    deviation: Field,
    *,
    reg: float,
    slope: float,
    rtol: float,
) -> None:
    """Improve foreground and background in place until the residual of the normal equations is below `rtol`."""
    pixels, matte = as_image(image, dtype=np.float32), as_alpha(alpha, dtype=np.float32)
    band = make_band(matte, reg, slope)
    n = len(band.neighbours)
    if n == 0:
        return
    channels = pixels.reshape(matte.size, -1)
    fields = [field.reshape(matte.size, -1) for field in colours]
    worst = 0.0
    for c in range(channels.shape[1]):
        value = np.ascontiguousarray(channels[band.places, c])
        F, B = (np.ascontiguousarray(field[band.places, c]) for field in fields)
        worst = max(worst, solve_channel(value, band, F, B, rtol) / rtol)
        level_kernels.project(F[:n], B[:n], value[:n], band.alpha[:n], 2 * float(deviation[c]) ** 2)
        for field, solved in zip(fields, (F, B), strict=True):
            field[band.places[:n], c] = solved[:n]
    if worst > 1:
        message = f"foreground estimation stopped after {_MOST_ITERATIONS} iterations at {worst:.1e} times rtol."
        warnings.warn(message, ConvergenceWarning, stacklevel=outside_stacklevel())


def make_band(alpha: Field, reg: float, slope: float) -> Band:
    """Choose the pixels that take part and number them."""
    is_open = (alpha > 0) & (alpha < 1)
    across, down = alpha[:, 1:] != alpha[:, :-1], alpha[1:] != alpha[:-1]
    is_open[:, 1:] |= across
    is_open[:, :-1] |= across
    is_open[1:] |= down
    is_open[:-1] |= down
    is_near = is_open.copy()
    is_near[:, 1:] |= is_open[:, :-1]
    is_near[:, :-1] |= is_open[:, 1:]
    is_near[1:] |= is_open[:-1]
    is_near[:-1] |= is_open[1:]
    open_places, near_places = np.flatnonzero(is_open), np.flatnonzero(is_near & ~is_open)
    places = np.concatenate([open_places, near_places])
    number = np.empty(alpha.size, np.int32)
    number[places] = np.arange(len(places), dtype=np.int32)
    neighbours = _neighbours(open_places, number, alpha.shape)
    values = alpha.ravel()[places]
    weights = np.empty(neighbours.shape, np.float32)
    kernels.set_weights(values, neighbours, np.float32(reg), np.float32(slope), weights)
    return Band(places, values, neighbours, weights)


def _neighbours(places: NDArray[Any], number: NDArray[np.int32], shape: tuple[int, ...]) -> NDArray[np.int32]:
    """Return the numbers of the pixels to the left, to the right, above and below; beyond the image, the pixel's own."""
    h, w = shape
    column = places % w
    inside = (column > 0, column < w - 1, places >= w, places < (h - 1) * w)
    found = [
        number[np.where(is_in, places + offset, places)]
        for is_in, offset in zip(inside, (-1, 1, -w, w), strict=True)
    ]
    return np.stack(found, axis=1)


def solve_channel(value: Field, band: Band, F: Field, B: Field, rtol: float) -> float:
    """Run conjugate gradients with 2x2 blocks as preconditioner; returns the relative residual reached."""
    n, system = len(band.neighbours), (band.alpha, band.neighbours, band.weights)
    r, z, q = (np.zeros((2, n), np.float32) for _ in range(3))
    p = np.zeros((2, len(F)), np.float32)  # zero where colours are held
    sums = np.empty((kernels.CHUNKS, 2))
    kernels.set_residual(value, *system, F, B, *r, sums)
    total, right = sums.sum(axis=0)
    goal = rtol**2 * max(right, np.finfo(np.float32).tiny)
    size, rho = 0.0, 0.0
    for _ in range(_MOST_ITERATIONS):
        if total <= goal:
            break
        kernels.step(np.float32(size), band.alpha, band.weights, *p, *q, F, B, *r, *z, sums)
        (product, total), before = sums.sum(axis=0), rho
        rho = product
        kernels.turn(np.float32(rho / before if before else 0.0), *z, *p, n)
        kernels.multiply(*system, *p, *q, sums)
        curvature = sums[:, 0].sum()
        if not curvature > 0:
            break
        size = rho / curvature
    return float(np.sqrt(total / max(right, np.finfo(np.float32).tiny)))
