"""Softmax: scores -> probabilities."""

import numpy as np
from numpy.typing import ArrayLike

from ..images.floats import as_floats
from ..images.validate import as_number
from ._protocol import Floats, Pullback, as_cotangent, reduced


def softmax_vjp(scores: ArrayLike, *, axis: int = -1) -> tuple[Floats, Pullback]:
    """Turn scores into probabilities: ``p_k = exp(s_k) / sum over m of exp(s_m)``.

    Eq. 3 of DAPM and eq. 2 of SHM, where the classes are foreground, background and unknown.

    Parameters
    ----------
    scores : array_like
        Of any shape and range; differentiable.
    axis : int
        Along which the classes lie.

    Returns
    -------
    p : ndarray
        The shape of `scores`; in [0, 1], sums to 1 along `axis`.
    pullback : callable
        ``p_bar -> (scores_bar,)`` with ``s_bar_k = p_k (p_bar_k - sum over m of p_bar_m p_m)``. Keeps p.

    Raises
    ------
    TypeError, ValueError
        If `scores` is not numeric, empty or not finite, or has no such axis; from the pullback, if the
        cotangent has another shape.

    Examples
    --------
    >>> p, pullback = softmax_vjp([0.0, np.log(3.0)])
    >>> p
    array([0.25, 0.75])
    >>> pullback([1.0, 0.0])
    (array([ 0.1875, -0.1875]),)
    """
    s = as_floats(scores, name="scores")
    if as_number(axis, name="axis") not in range(-s.ndim, s.ndim):
        raise ValueError(f"axis is {axis}; scores have {s.ndim} axes.")
    _, exponentials, total = shifted_exponentials(s, int(axis))
    p = exponentials / total

    def pullback(p_bar: ArrayLike) -> tuple[Floats, ...]:
        p_bar = as_cotangent(p_bar, p)
        mean = reduced(np.add, p_bar * p, int(axis))
        return (p * (p_bar - mean),)

    return p.copy(), pullback  # a caller may write into the value


def shifted_exponentials(scores: Floats, axis: int = -1) -> tuple[Floats, Floats, Floats]:
    """Return the scores minus the largest, so that nothing overflows, their exponentials, and the sum of these."""
    with np.errstate(over="ignore"):  # scores at both ends of the range: exp(-inf) = 0 is right
        shifted = scores - reduced(np.maximum, scores, axis)
    exponentials = np.exp(shifted)
    return shifted, exponentials, reduced(np.add, exponentials, axis)
