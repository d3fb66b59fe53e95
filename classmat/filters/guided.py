"""The guided filter: smooth a source so that its edges are those of a guide.

He, Sun, Tang: Guided image filtering. IEEE TPAMI 35(6), 2013. He, Sun: Fast guided filter, arXiv 1505.00996, 2015.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..images.floats import as_floats, require_finite
from ..images.validate import as_count, as_number, require_same_size
from ..kernels import guided as kernels
from ..kernels import interpolate
from .planes import (
    Planes,
    block_count,
    clipped_radius,
    from_planes,
    inverse_counts,
    to_planes,
    worker_count,
)


def guided_filter(guide: ArrayLike, src: ArrayLike, radius: int, eps: float) -> NDArray[Any]:
    """Smooth `src`, keeping the edges of `guide`.

    In each window w of ``(2 radius + 1)^2`` pixels the source p is fitted by an affine function of the guide I, and
    each pixel gets the mean of the functions of all windows it is in (He et al. 2013, eqs. 5, 6, 8)::

        a = cov_w(I, p) / (var_w(I) + eps)      b = mean_w(p) - a mean_w(I)      q = mean(a) I + mean(b)

    For a colour guide ``a`` has three components and ``var`` is a 3x3 matrix, to whose diagonal eps is added (eqs. 19
    to 21). Windows are clipped at the border, where means are over the pixels they have.

    Sums are running (the cost per pixel does not depend on the radius), of values less those of the first pixel. They
    are float64 whatever the arguments are, but those of the coefficients of a grey float32 guide, which are float32:
    where coefficients are large (a small eps), some of the last digits are lost. The result does not depend on the
    number of threads. Besides the result nothing of the size of the image is stored.

    Parameters
    ----------
    guide : array_like, (h, w) or (h, w, 3)
        Finite values of any range.
    src : array_like, (h, w) or (h, w, c)
        Finite values of any range. Each channel is filtered by itself, from a copy if there are several.
    radius : int
        At least 0; may be larger than the image.
    eps : float
        Above 0, in squares of the guide's unit: edges whose variance is far below it are smoothed away. It is
        *added to* the variance, as in the paper and in OpenCV; the matting Laplacian of this package divides its
        own eps by the number of pixels first.

    Returns
    -------
    ndarray, shape of `src`
        float32 if guide and source are, else float64.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind, shape or range, an array is empty or not finite, or they differ in
        size.

    See Also
    --------
    fast_guided_filter : the same with coefficients of a smaller image.

    Examples
    --------
    A step is kept where the guide has one, and the noise on both sides is not.

    >>> guide = np.repeat([[0.0, 1.0]], 4, axis=1)
    >>> src = guide + [[0.1, -0.1, 0.1, -0.1, 0.1, -0.1, 0.1, -0.1]]
    >>> guided_filter(guide, src, 3, 1e-4).round(2)
    array([[ 0.  , -0.01, -0.01, -0.02,  1.02,  1.01,  1.01,  1.  ]])
    """
    task = as_task(guide, src, radius, eps)
    return from_planes(filter_planes(task), task.shape)


def fast_guided_filter(guide: ArrayLike, src: ArrayLike, radius: int, eps: float, subsample: int) -> NDArray[Any]:
    """Guided filter whose coefficients are those of an image `subsample` times smaller (He and Sun 2015).

    Guide and source are sampled at the middle of every block of ``subsample^2`` pixels and filtered with a radius
    as much smaller (at least 1 if it is not 0); mean(a) and mean(b) are interpolated bilinearly between the
    samples and applied to the full guide. With ``subsample=1`` it is `guided_filter`, to rounding.

    Parameters
    ----------
    guide, src, radius, eps
        As in `guided_filter`.
    subsample : int
        At least 1; up to ``radius / 4`` the result hardly differs, as the coefficients are that smooth.

    Returns
    -------
    ndarray, shape of `src`
        float32 if guide and source are, else float64.

    Raises
    ------
    TypeError, ValueError
        As in `guided_filter`.

    Examples
    --------
    >>> guide = np.linspace(0, 1, 40).reshape(1, 40)
    >>> difference = fast_guided_filter(guide, guide**2, 8, 1e-4, 2) - guided_filter(guide, guide**2, 8, 1e-4)
    >>> bool(abs(difference).max() < 0.01)
    True
    """
    task = as_task(guide, src, radius, eps)
    step = as_count(subsample, name="subsample", low=1)
    h, w = task.p.shape[1:]
    rows, columns = _samples(h, step), _samples(w, step)
    small = task._replace(
        I=_sampled(task.I, rows, columns, task.is_rgb),
        p=np.ascontiguousarray(task.p[:, rows, columns]),
        radius=max(round(task.radius / step), min(task.radius, 1)),
    )
    require_finite((task.I, "guide"), (task.p, "src"))
    means, q = mean_coefficients(small), np.empty_like(task.p)
    lines = np.empty((worker_count(q, h), 2, means.shape[0], w))
    interpolate.apply_means(means, task.I, q, rows.start, columns.start, step, lines)
    return from_planes(q, task.shape)


class Task(NamedTuple):
    """Checked arguments as the kernels take them."""

    I: Planes  # (m, h, w) or, with colours, (m, h, 3 w)
    p: Planes  # (n, h, w), n a multiple of m: source k has guide k // (n / m)
    radius: int
    eps: float
    is_rgb: bool
    shape: tuple[int, ...]  # of the source as it was given


def as_task(guide: ArrayLike, src: ArrayLike, radius: int, eps: float) -> Task:
    """Check the arguments of a filter; whether values are finite the kernels find out."""
    I = as_floats(guide, name="guide", ndim=(2, 3), accepted="(h, w) or (h, w, 3)", finite=False)
    p = as_floats(src, name="src", ndim=(2, 3), accepted="(h, w) or (h, w, c)", finite=False)
    if I.ndim == 3 and I.shape[2] != 3:
        raise ValueError(f"guide has shape {I.shape}; accepted is (h, w) or (h, w, 3).")
    require_same_size(I, p, names=("guide", "src"))
    planes = to_planes(p.reshape(1, *p.shape[:2], -1))
    return make_task(I[np.newaxis], planes, radius, eps, is_rgb=I.ndim == 3, shape=p.shape)


def make_task(I: Planes, p: Planes, radius: int, eps: float, *, is_rgb: bool, shape: tuple[int, ...]) -> Task:
    """Check the numbers and put stacks of guides (m, h, w[, 3]) and sources (n, h, w) into a task."""
    h, w = p.shape[1:]
    dtype = np.result_type(I, p)
    return Task(
        np.asarray(I, dtype).reshape(len(I), h, -1),
        np.asarray(p, dtype),
        clipped_radius(as_count(radius, name="radius"), h, w),
        as_number(eps, name="eps", low=0, exclusive=True),
        is_rgb,
        shape,
    )


def filter_planes(task: Task) -> Planes:
    """Return the filtered sources (n, h, w)."""
    if task.radius == 0:  # one pixel has no variance: a = 0, b = p
        require_finite((task.I, "guide"), (task.p, "src"))
        return task.p.copy()
    q = np.empty_like(task.p)
    _run(task, q=q)
    return q


def mean_coefficients(task: Task) -> Planes:
    """Return mean(a) and mean(b) of each source: (2, n, h, w), or (4, n, h, w) with colours."""
    means = np.empty((4 if task.is_rgb else 2, *task.p.shape), task.p.dtype)
    _run(task, q=means, is_means=1)
    return means


def pull_back_planes(task: Task, g: Planes) -> tuple[Planes, Planes, float]:
    """Return cotangents of guides (for each source its own), of sources and of eps, for those of the values."""
    n, h, _ = task.p.shape
    if task.radius == 0:
        return np.zeros((n, *task.I.shape[1:]), g.dtype), g.copy(), 0.0
    I_bar, p_bar = np.empty((n, *task.I.shape[1:]), g.dtype), np.empty_like(task.p)
    eps_rows = np.empty((n, h))
    _run(task, g=g, q=p_bar, I_bar=I_bar, eps_rows=eps_rows)
    return I_bar, p_bar, float(eps_rows.sum())


def _run(task: Task, *, g: Planes | None = None, **results: Any) -> None:
    """Run the kernel on `results`, or tell why it cannot."""
    _, h, w = task.p.shape
    kind, radius = (task.is_rgb, g is not None), task.radius
    blocks = block_count(h, radius)
    workers = worker_count(task.p, blocks)
    is_finite = np.empty(workers, np.bool_)
    columns, (level1, level2) = inverse_counts(w, radius), kernels.sum_types(kind, task.p.dtype)
    kernels.run(
        task.I,
        task.p,
        g,
        1 if task.is_rgb else None,
        None if g is None else 1,
        task.eps,
        *(results.get(name) for name in ("q", "I_bar", "is_means", "eps_rows")),
        radius,
        (kernels.by_planes(columns, level1), inverse_counts(h, radius), kernels.by_planes(columns, level2)),
        kernels.workspace(h, w, radius, workers, kind, task.p.dtype),
        blocks,
        is_finite,
    )
    if is_finite.all():
        return
    require_finite((task.I, "guide"), (task.p, "src"))
    raise ValueError(
        f"guide or src has values whose products overflow {task.p.dtype}, or eps is too small for them."
    )


def _samples(size: int, step: int) -> slice:
    """Return which of a line of pixels are sampled: the middle one of each block."""
    return slice((min(step, size) - 1) // 2, size, step)


def _sampled(I: Planes, rows: slice, columns: slice, is_rgb: bool) -> Planes:
    channels = I.reshape(*I.shape[:2], -1, 3 if is_rgb else 1)[:, rows, columns]
    return np.ascontiguousarray(channels).reshape(*channels.shape[:2], -1)
