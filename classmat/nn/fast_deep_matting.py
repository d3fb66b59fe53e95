"""Fast Deep Matting (Zhu, Chen, Wang, Liu, Jin, Zhang 2017): a coarse mask of a portrait, and a learnt filter for it.

The light dense network (LDN) sees the photo at half size through a convolution and a max-pool, side by side; four
dilated convolutions, each of which sees all that came before; and a last one that makes two scores a pixel of their four
outputs, enlarged to the size of the photo. The feathering block (FB) predicts, from the photo and the mask, three
coefficients a pixel, and with those the matte, as a guided filter would::

    alpha = mean(a) S_F + mean(b) S_B + mean(c)                                                       (eqs. 2 and 5)

Numbers of channels, dilations and the kernel of the last convolution, which the paper leaves out, are those that public
implementations agree on; 24,622 parameters in the LDN, 1,035 in the FB.

Everything takes arrays or variables of `classmat.nn.tape`, a batch or a single image, of any size.
"""

from typing import Any

import numpy as np

from ..ops.feathering import feathering_vjp
from ..ops.resize import resize_vjp
from ..ops.softmax import softmax_vjp
from .activations import relu_vjp
from .convolution import conv2d_vjp
from .joining import concatenate_vjp
from .normalisation import batch_norm_vjp, channel_statistics, frozen_norm_vjp
from .pooling import max_pool2d_vjp
from .tape import Tree, apply, value_of

SIZE = 128  # of the photos that the paper trains on
INITIAL, GROWTH, DILATIONS = 13, 16, (2, 4, 6, 8)
HIDDEN = 8  # channels of the feathering block
SEEN = 11  # what it sees: the photo, the mask, the photo squared, and the photo where the mask is

Weights = dict[str, Any]


def init_light_dense_network(rng: np.random.Generator) -> Tree:
    """Draw parameters of the light dense network (He et al. 2015; the last layer at three tenths of that).

    Examples
    --------
    >>> params = init_light_dense_network(np.random.default_rng(0))
    >>> list(params), params["dense4"]["weight"].shape
    (['initial', 'dense1', 'dense2', 'dense3', 'dense4', 'final'], (3, 3, 64, 16))
    """
    first = INITIAL + 3
    params = {"initial": _convolution(rng, 3, INITIAL)}
    for i in range(len(DILATIONS)):
        params[f"dense{i + 1}"] = _convolution(rng, first + i * GROWTH, GROWTH)
    return params | {"final": _convolution(rng, len(DILATIONS) * GROWTH, 2, gain=0.3)}


def light_dense_network(params: Tree, image: Any) -> Any:
    """Return the scores of background and foreground.

    Parameters
    ----------
    params : tree
        As `init_light_dense_network` draws them.
    image : (h, w, 3) or (n, h, w, 3)
        Photos in [0, 1].

    Returns
    -------
    (h, w, 2) or (n, h, w, 2)
        Logits: `softmax` of them is the mask; channel 1 is the foreground.

    Examples
    --------
    >>> params = init_light_dense_network(np.random.default_rng(0))
    >>> light_dense_network(params, np.zeros((33, 20, 3), np.float32)).shape
    (33, 20, 2)
    """
    height, width = np.shape(value_of(image))[-3:-1]
    small = _convolve(params["initial"], image, stride=2)
    pooled = apply(max_pool2d_vjp, image, ceil_mode=True)
    seen = apply(concatenate_vjp, small, pooled)
    features: list[Any] = []
    for i, dilation in enumerate(DILATIONS):
        before = apply(concatenate_vjp, seen, *features) if features else seen
        features.append(apply(relu_vjp, _convolve(params[f"dense{i + 1}"], before, dilation=dilation)))
    scores = _convolve(params["final"], apply(concatenate_vjp, *features))
    return apply(resize_vjp, scores, height=height, width=width)


def mask_of(scores: Any) -> Any:
    """Return the mask (.., h, w, 2) that scores stand for: probabilities of background and foreground."""
    return apply(softmax_vjp, scores)


def init_feathering_block(rng: np.random.Generator) -> tuple[Tree, Tree]:
    """Draw parameters of the feathering block, and its running statistics: it begins as ``alpha = S_F``.

    Examples
    --------
    >>> params, buffers = init_feathering_block(np.random.default_rng(0))
    >>> list(params), list(buffers)
    (['conv1', 'norm', 'conv2'], ['mean', 'variance'])
    """
    last = _convolution(rng, HIDDEN, 3, gain=0.1)
    last["bias"][0] = 1
    params = {
        "conv1": _convolution(rng, SEEN, HIDDEN),
        "norm": {"gamma": np.ones(HIDDEN, np.float32), "beta": np.zeros(HIDDEN, np.float32)},
        "conv2": last,
    }
    return params, {"mean": np.zeros(HIDDEN, np.float32), "variance": np.ones(HIDDEN, np.float32)}


def feathering_block(
    params: Tree, buffers: Tree, image: Any, mask: Any, *, radius: int = 0, is_training: bool = False
) -> tuple[Any, Tree]:
    """Return the matte that the feathering block makes of a mask, and its running statistics.

    Parameters
    ----------
    params, buffers : tree
        As `init_feathering_block` draws them.
    image : (h, w, 3) or (n, h, w, 3)
        Photos in [0, 1].
    mask : (h, w, 2) or (n, h, w, 2)
        Probabilities of background and foreground.
    radius : int
        The coefficients are averaged over windows of ``2 radius + 1`` pixels (eq. 5).
    is_training : bool
        Whether to normalise by the statistics of the batch, and to move the running ones towards them.

    Returns
    -------
    alpha : (h, w) or (n, h, w)
        The matte; may leave [0, 1] by a little.
    buffers : tree
        The running statistics, moved by a tenth of the way in training.

    Examples
    --------
    >>> params, buffers = init_feathering_block(np.random.default_rng(0))
    >>> mask = np.zeros((5, 4, 2), np.float32)
    >>> feathering_block(params, buffers, np.zeros((5, 4, 3), np.float32), mask)[0].shape
    (5, 4)
    """
    (a, b, c), buffers = feathering_coefficients(params, buffers, image, mask, is_training=is_training)
    return apply(feathering_vjp, a, b, c, mask[..., 1], mask[..., 0], radius=radius), buffers


def feathering_coefficients(
    params: Tree, buffers: Tree, image: Any, mask: Any, *, is_training: bool = False
) -> tuple[tuple[Any, Any, Any], Tree]:
    """Return a, b, c (.., h, w) of eq. 2, before the means of eq. 5, and the running statistics.

    Arguments are those of `feathering_block`.
    """
    product = image * mask[..., 1:]
    hidden = _convolve(params["conv1"], apply(concatenate_vjp, image, mask, image * image, product))
    scale = params["norm"]["gamma"], params["norm"]["beta"]
    if is_training:
        mean, variance = channel_statistics(value_of(hidden))
        hidden = apply(batch_norm_vjp, hidden, *scale)
        buffers = {"mean": _moved(buffers["mean"], mean), "variance": _moved(buffers["variance"], variance)}
    else:
        hidden = apply(frozen_norm_vjp, hidden, *scale, **buffers)
    abc = _convolve(params["conv2"], apply(relu_vjp, hidden))
    return (abc[..., 0], abc[..., 1], abc[..., 2]), buffers


def count_parameters(params: Tree) -> int:
    """Return how many numbers a tree has.

    >>> count_parameters(init_light_dense_network(np.random.default_rng(0)))
    24622
    >>> count_parameters(init_feathering_block(np.random.default_rng(0))[0])
    1035
    """
    if isinstance(params, dict):
        return sum(count_parameters(branch) for branch in params.values())
    return int(np.size(params))


def _convolution(rng: np.random.Generator, c_in: int, c_out: int, gain: float = 1.0) -> Weights:
    weight = gain * np.sqrt(2 / (9 * c_in)) * rng.standard_normal((3, 3, c_in, c_out))
    return {"weight": weight.astype(np.float32), "bias": np.zeros(c_out, np.float32)}


def _convolve(layer: Tree, x: Any, **static: int) -> Any:
    return apply(
        conv2d_vjp, x, layer["weight"], layer["bias"], **({"padding": 1} if "stride" in static else {}), **static
    )


def _moved(running: Any, current: Any) -> Any:
    return 0.9 * running + 0.1 * current.astype(running.dtype)
