"""Cross-entropy of two or more classes, from scores."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..images.floats import as_floats
from ._protocol import Floats, Pullback, as_scale
from .softmax import shifted_exponentials


def cross_entropy_vjp(scores: ArrayLike, *, labels: ArrayLike) -> tuple[np.floating, Pullback]:
    """Compute the mean of ``-log p_label``, where p is the softmax of the scores.

    For a mask (two classes: the first stage of FDM) or a trimap (three: the T-Net of SHM). It takes scores, not
    probabilities: ``-log p_label = log(sum over k of exp(s_k)) - s_label`` has no logarithm of a rounded zero.

    Parameters
    ----------
    scores : array_like, (h, w, k) or (n, h, w, k)
        Scores (logits) of k classes, at least 2; differentiable.
    labels : array_like, (h, w) or (n, h, w)
        The true class of each pixel, whole numbers from 0 to k - 1, or bool.

    Returns
    -------
    loss : float
        The mean over all pixels.
    pullback : callable
        ``loss_bar -> (scores_bar,) = (loss_bar (p - onehot(label)) / n,)``. Keeps one array of that size.

    Raises
    ------
    TypeError, ValueError
        If `scores` is not numeric, empty or not finite or has fewer than two classes; if `labels` are not whole
        numbers or not those of a class, or of another size; from the pullback, if the cotangent is not a scalar.

    Examples
    --------
    >>> loss, pullback = cross_entropy_vjp([[[0.0, 0.0]]], labels=[[1]])
    >>> float(np.exp(-loss)), pullback(1.0)
    (0.5, (array([[[ 0.5, -0.5]]]),))
    """
    s = as_floats(scores, name="scores", ndim=(3, 4), accepted="(h, w, classes) or (n, h, w, classes)")
    index = _as_labels(labels, s)
    shifted, exponentials, total = shifted_exponentials(s)
    losses = np.log(total) - np.take_along_axis(shifted, index, axis=-1)
    loss = s.dtype.type(losses.mean(dtype=np.float64))
    slope = exponentials / total
    np.put_along_axis(slope, index, np.take_along_axis(slope, index, axis=-1) - 1, axis=-1)

    def pullback(loss_bar: ArrayLike) -> tuple[Floats, ...]:
        return (slope * as_scale(loss_bar, loss, losses.size),)

    return loss, pullback


def _as_labels(labels: ArrayLike, scores: Floats) -> NDArray[Any]:
    index = np.asarray(labels)
    classes = scores.shape[-1]
    if classes < 2:
        raise ValueError(f"scores have {classes} class; at least 2 are needed.")
    if index.dtype.kind not in "bui":
        raise TypeError(f"labels have dtype {index.dtype}; accepted are whole numbers and bool.")
    if index.shape != scores.shape[:-1]:
        raise ValueError(f"labels have shape {index.shape}; accepted is {scores.shape[:-1]}, that of the scores.")
    if index.min() < 0 or index.max() >= classes:
        raise ValueError(f"labels are in [{index.min()}, {index.max()}]; accepted are 0 to {classes - 1}.")
    return index[..., np.newaxis].astype(np.int64)
