"""The guided filter."""

import numpy as np
from numpy.typing import ArrayLike

from ..filters.guided import filter_planes, make_task, pull_back_planes
from ..images.floats import as_floats
from ..images.validate import as_number
from ._protocol import Floats, Pullback, as_cotangent, like


def guided_filter_vjp(guide: ArrayLike, src: ArrayLike, eps: ArrayLike, *, radius: int) -> tuple[Floats, Pullback]:
    """Smooth `src`, keeping the edges of `guide`, as `classmat.filters.guided.guided_filter` does.

    ``a = cov(I, p) / (var(I) + eps)``, ``b = mean(p) - a mean(I)``, ``q = mean(a) I + mean(b)``: He et al. 2013, eqs. 5, 6,
    8; eqs. 19 to 21 for a colour guide.

    Parameters
    ----------
    guide : array_like, (h, w) or (h, w, 3), in a batch (n, h, w) or (n, h, w, 3)
        Finite values of any range; differentiable. It has colours if it has one dimension more than `src`: three
        dimensions are a colour guide for a source (h, w), and n grey ones for sources (n, h, w).
    src : array_like, (h, w) or (n, h, w)
        Finite values of any range; differentiable.
    eps : float or ndarray, ()
        Above 0, added to the variance; differentiable.
    radius : int
        Windows are ``2 radius + 1`` wide, clipped at the border; at least 0.

    Returns
    -------
    q : ndarray, shape of `src`
        The filtered source; float32 if guide and source are, else float64.
    pullback : callable
        ``q_bar -> (guide_bar, src_bar, eps_bar)``, exact, the part through the coefficients included. Keeps nothing
        but the arguments: it computes their window sums again, in the pass in which it sums the cotangents.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind, shape or range (eps <= 0, a negative radius), an array is empty or not
        finite, or they differ in size; from the pullback, if the cotangent has another shape.

    Examples
    --------
    >>> q, pullback = guided_filter_vjp([[0.0, 0.0, 1.0, 1.0]], [[0.0, 0.1, 0.9, 1.0]], 0.01, radius=1)
    >>> guide_bar, src_bar, eps_bar = pullback([[1.0, 0.0, 0.0, 0.0]])
    >>> src_bar.round(3), round(float(eps_bar), 3)
    (array([[0.496, 0.496, 0.007, 0.   ]]), 0.584)
    """
    I, p = _as_guide_and_src(guide, src)
    number = as_number(eps, name="eps", low=0, exclusive=True)
    eps = as_floats(eps, name="eps")
    is_rgb, (h, w) = I.ndim > p.ndim, p.shape[-2:]
    channels = (3,) if is_rgb else ()
    task = make_task(
        I.reshape(-1, h, w, *channels), p.reshape(-1, h, w), radius, number, is_rgb=is_rgb, shape=p.shape
    )
    q = filter_planes(task).reshape(p.shape)

    def pullback(q_bar: ArrayLike) -> tuple[Floats, ...]:
        bar = as_cotangent(q_bar, q).reshape(task.p.shape)
        guide_bar, src_bar, eps_bar = pull_back_planes(task, bar)
        return like(guide_bar, I, I), like(src_bar, p, p), like(np.asarray(eps_bar), eps)

    return q, pullback


def _as_guide_and_src(guide: ArrayLike, src: ArrayLike) -> tuple[Floats, Floats]:
    p = as_floats(src, name="src", ndim=(2, 3), accepted="(h, w) or (n, h, w)", finite=False)
    I = as_floats(guide, name="guide", finite=False)
    if I.shape not in (p.shape, (*p.shape, 3)):
        raise ValueError(
            f"guide has shape {I.shape} but src has shape {p.shape}; accepted are {p.shape} and {(*p.shape, 3)}."
        )
    return I, p
