"""Bilinear resizing."""

import numpy as np
from numpy.typing import ArrayLike

from ..filters.resize import apply_matrices, resize_matrices, resized_shape
from ..images.floats import as_batch
from ._protocol import Floats, Pullback, as_cotangent


def resize_vjp(src: ArrayLike, *, height: int, width: int, align_corners: bool = False) -> tuple[Floats, Pullback]:
    """Resize by bilinear interpolation: ``q = R p C^T``, as `classmat.filters.resize.resize` does.

    Parameters
    ----------
    src : array_like, (h, w), (h, w, c) or (n, h, w, c)
        Finite values of any range; differentiable. Three dimensions are rows, columns, channels.
    height, width : int
        Size of the result, at least 1.
    align_corners : bool
        Whether the centres of the corner pixels coincide, rather than the outer edges.

    Returns
    -------
    q : ndarray, (height, width), (height, width, c) or (n, height, width, c)
        The resized values.
    pullback : callable
        ``q_bar -> (src_bar,) = (R^T q_bar C,)``: each pixel collects from all that were read from it. Keeps two
        sparse matrices with two entries per output row and column, and no pixels.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind, shape or range; from the pullback, if the cotangent has another shape.

    Examples
    --------
    >>> q, pullback = resize_vjp([[0.0, 4.0]], height=1, width=4)
    >>> q
    array([[0., 1., 3., 4.]])
    >>> pullback([[1.0, 1.0, 0.0, 0.0]])
    (array([[1.75, 0.25]]),)
    """
    p = as_batch(src)
    R, C = resize_matrices(p.shape[1:3], (height, width), align_corners)
    q = apply_matrices(p, R, C).reshape(resized_shape(np.shape(src), height, width))
    shape, given = (p.shape[0], R.shape[0], C.shape[0], p.shape[3]), np.shape(src)

    def pullback(q_bar: ArrayLike) -> tuple[Floats, ...]:
        batch = as_cotangent(q_bar, q).reshape(shape)
        return (apply_matrices(batch, R.T.tocsr(), C.T.tocsr()).reshape(given),)

    return q, pullback
