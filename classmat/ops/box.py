"""Box sum and box mean."""

from numpy.typing import ArrayLike

from ..filters.box import SHAPES, box
from ..images.floats import as_floats
from ..images.validate import as_count
from ._protocol import Floats, Pullback, as_cotangent, like


def box_sum_vjp(src: ArrayLike, *, radius: int) -> tuple[Floats, Pullback]:
    """Sum over the pixels of a ``(2 radius + 1)^2`` window that lie inside the image.

    Parameters
    ----------
    src : array_like, (h, w), (h, w, c) or (n, h, w, c)
        Finite values of any range; differentiable. Three dimensions are rows, columns, channels.
    radius : int
        At least 0; may be larger than the image.

    Returns
    -------
    q : ndarray, shape of `src`
        ``q = S p``.
    pullback : callable
        ``q_bar -> (src_bar,) = (S q_bar,)``: pixel i is in the window of j if j is in that of i. Keeps nothing.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind, shape or range, or `src` is empty or not finite; from the pullback, if
        the cotangent has another shape.

    Examples
    --------
    >>> q, pullback = box_sum_vjp([[1.0, 2.0, 3.0]], radius=1)
    >>> q, pullback([[1.0, 0.0, 0.0]])[0]
    (array([[3., 6., 5.]]), array([[1., 1., 0.]]))
    """
    p, size = _as_arguments(src, radius)
    q = box(p, size)

    def pullback(q_bar: ArrayLike) -> tuple[Floats, ...]:
        return (like(box(as_cotangent(q_bar, q), size, name="the cotangent"), p),)

    return q, pullback


def box_mean_vjp(src: ArrayLike, *, radius: int) -> tuple[Floats, Pullback]:
    """Mean over the pixels of a ``(2 radius + 1)^2`` window that lie inside the image: `filters.box.box_filter`.

    Parameters
    ----------
    src : array_like, (h, w), (h, w, c) or (n, h, w, c)
        Finite values of any range; differentiable. Three dimensions are rows, columns, channels.
    radius : int
        At least 0; may be larger than the image.

    Returns
    -------
    q : ndarray, shape of `src`
        ``q = D S p``, where S sums over windows and D divides by their counts.
    pullback : callable
        ``q_bar -> (src_bar,) = (S D q_bar,)``: it divides first. That is not the mean of q_bar: windows at the border
        have fewer pixels, and each of those counts more. Keeps nothing.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind, shape or range, or `src` is empty or not finite; from the pullback, if
        the cotangent has another shape.

    Examples
    --------
    >>> q, pullback = box_mean_vjp([[1.0, 2.0, 3.0]], radius=1)
    >>> q, pullback([[1.0, 0.0, 0.0]])[0]
    (array([[1.5, 2. , 2.5]]), array([[0.5, 0.5, 0. ]]))
    """
    p, size = _as_arguments(src, radius)
    q = box(p, size, after=True)

    def pullback(q_bar: ArrayLike) -> tuple[Floats, ...]:
        return (like(box(as_cotangent(q_bar, q), size, before=True, name="the cotangent"), p),)

    return q, pullback


def _as_arguments(src: ArrayLike, radius: int) -> tuple[Floats, int]:
    array = as_floats(src, name="src", ndim=(2, 3, 4), accepted=SHAPES, finite=False)
    return array, as_count(radius, name="radius")
