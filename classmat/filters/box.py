"""The box filter: the mean over a square window, at a cost per pixel that does not depend on its size."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..images.floats import as_floats, require_finite
from ..images.validate import as_count
from ..kernels import box as kernels
from .planes import Planes, block_count, clipped_radius, from_planes, inverse_counts, to_planes, worker_count

SHAPES = "(h, w), (h, w, c) or (n, h, w, c)"


def box_filter(src: ArrayLike, radius: int) -> NDArray[Any]:
    """Mean over the pixels of a ``(2 radius + 1)^2`` window that lie inside the image.

    At the border windows are clipped, and divided by the true number of their pixels. Sums are float64 whatever
    `src` is, and running: the cost per pixel does not depend on the radius.

    Parameters
    ----------
    src : array_like, (h, w), (h, w, c) or (n, h, w, c)
        Finite values of any range. Three dimensions are rows, columns, channels.
    radius : int
        At least 0, which changes nothing; may be larger than the image.

    Returns
    -------
    ndarray, shape of `src`
        float32 for float32, else float64.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind, shape or range, or `src` is empty or not finite.

    Examples
    --------
    >>> box_filter([[0.0, 3.0, 6.0, 0.0]], 1)
    array([[1.5, 3. , 3. , 3. ]])
    """
    array = as_floats(src, name="src", ndim=(2, 3, 4), accepted=SHAPES, finite=False)
    return box(array, as_count(radius, name="radius"), after=True)


def box(src: Planes, radius: int, *, before: bool = False, after: bool = False, name: str = "src") -> Planes:
    """Box sums of (h, w), (h, w, c) or (n, h, w, c) values, divided by the windows' counts before or after.

    After gives the mean B, before its adjoint B^T: ``B = D S`` with the symmetric sum S and D = 1 / count.
    """
    n, c = src.shape[0] if src.ndim == 4 else 1, src.shape[-1] if src.ndim > 2 else 1
    h, w = src.shape[src.ndim == 4 :][:2]
    planes = to_planes(src.reshape(n, h, w, c))
    out, radius = np.empty_like(planes), clipped_radius(radius, h, w)
    weights = inverse_counts(w, radius), inverse_counts(h, radius)
    ones = np.ones(w), np.ones(h)
    blocks = block_count(h, radius)
    workers = worker_count(planes, blocks)
    sums, t = np.empty((workers, kernels.line_size(w, radius))), np.empty((workers, kernels.PIECE + kernels.LANES))
    is_finite = np.empty(workers, np.bool_)
    kernels.run(
        planes,
        out,
        radius,
        *(weights if before else (None, ones[1])),
        *(weights if after else ones),
        sums,
        t,
        blocks,
        is_finite,
    )
    if not is_finite.all():
        require_finite((src, name))
        raise ValueError(f"{name} has values whose sums over windows overflow {src.dtype}.")
    return from_planes(out, src.shape)
