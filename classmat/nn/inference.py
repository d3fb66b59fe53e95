"""Fast inference of Fast Deep Matting: weights packed for fused kernels, and a callable that runs them.

`nn/fast_deep_matting.py` defines the net; this gives the same numbers, but for rounding, several times as fast.
"""

import threading
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..images.floats import as_floats
from ..images.validate import as_count, as_flag, as_image, as_output
from ..kernels import feathering_block as kernels
from ..kernels.box import thread_count
from ..kernels.light_dense import BANDS, light_dense_network, light_dense_network_on_threads
from .fast_deep_matting import DILATIONS, GROWTH, HIDDEN, INITIAL, SEEN
from .normalisation import EPS
from .tape import Tree

Floats = NDArray[np.float32]


def pack_light_dense_network(params: Tree) -> Floats:
    """Return the weights of a light dense network as its kernel reads them.

    Layer by layer the bias, then the weights, (plane, 3, 3, 16, 16) where the input is planes of 16 channels. Of the last
    layer there is only foreground minus background.

    Parameters
    ----------
    params : tree
        As `init_light_dense_network` draws them.

    Returns
    -------
    ndarray, float32, one dimension

    Raises
    ------
    TypeError, ValueError
        If a layer is missing, or of another kind or shape.

    Examples
    --------
    >>> from classmat.nn.fast_deep_matting import init_light_dense_network
    >>> pack_light_dense_network(init_light_dense_network(np.random.default_rng(0))).size
    24136
    """
    width = INITIAL + 3
    weight, bias = _layer(params, "initial", 3, INITIAL)
    blocks = [np.pad(bias, (0, 3)), np.pad(weight, [(0, 0)] * 3 + [(0, 3)])]
    for i in range(len(DILATIONS)):
        weight, bias = _layer(params, f"dense{i + 1}", width + i * GROWTH, GROWTH)
        blocks += [bias, _by_planes(weight)]
    weight, bias = _layer(params, "final", len(DILATIONS) * GROWTH, 2)
    return _joined(*blocks, np.pad(bias[1:] - bias[:1], (0, 7)), _by_planes(weight[..., 1:] - weight[..., :1]))


def pack_feathering_block(params: Tree, buffers: Tree) -> Floats:
    """Return the weights of a feathering block as its kernel reads them: normalisation is part of the first layer.

    Parameters
    ----------
    params, buffers : tree
        As `init_feathering_block` draws them.

    Returns
    -------
    ndarray, float32, one dimension

    Raises
    ------
    TypeError, ValueError
        If a layer is missing, or of another kind or shape.

    Examples
    --------
    >>> from classmat.nn.fast_deep_matting import init_feathering_block
    >>> pack_feathering_block(*init_feathering_block(np.random.default_rng(0))).size
    1232
    """
    weight, bias = _layer(params, "conv1", SEEN, HIDDEN)
    gamma, beta = (_numbers(params, "norm", name, (HIDDEN,)) for name in ("gamma", "beta"))
    mean, variance = (_numbers({"buffers": buffers}, "buffers", name, (HIDDEN,)) for name in ("mean", "variance"))
    scale = gamma / np.sqrt(variance + EPS)
    last, last_bias = _layer(params, "conv2", HIDDEN, 3)
    return _joined(
        np.repeat((bias - mean) * scale + beta, int(kernels.TILE_1)),
        weight * scale,
        np.repeat(last_bias, int(kernels.TILE_2)),
        last,
    )


def workspace_size(height: int, width: int, *, radius: int = 0, bands: int = 1) -> int:
    """Return how many float32 numbers the kernels work with on photos of a size.

    Parameters
    ----------
    height, width : int
        At least 1.
    radius : int
        Of the windows of eq. 5.
    bands : int
        Of rows: 1, or `classmat.kernels.light_dense.BANDS` for the kernels that run on threads.

    Examples
    --------
    >>> workspace_size(128, 128)
    379560
    """
    sizes = (as_count(n, name=name, low=1) for n, name in ((height, "height"), (width, "width")))
    numbers = (*sizes, as_count(radius, name="radius"), as_count(bands, name="bands", low=1))
    return int(kernels.workspace_size(*map(np.uint64, numbers)))


class FastDeepMatting:
    """A trained net as a function from photo to matte.

    Parameters
    ----------
    ldn_params : tree
        Of the light dense network.
    fb_params, fb_buffers : tree, optional
        Of the feathering block; without them the matte is the mask.
    radius : int
        The block's coefficients are averaged over windows of ``2 radius + 1`` pixels (eq. 5).
    parallel : bool
        Whether Numba's threads share a photo: for large photos on idle cores. The result is the same to the last bit;
        calls from several Python threads then take turns. By default they run side by side, one core each.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind, shape or range.

    Notes
    -----
    Weights are copied. Calls from several Python threads do not disturb each other; each thread keeps a workspace of the
    size of its largest photo so far (`workspace_size`).

    Examples
    --------
    >>> from classmat.nn.fast_deep_matting import init_feathering_block, init_light_dense_network
    >>> rng = np.random.default_rng(0)
    >>> net = FastDeepMatting(init_light_dense_network(rng), *init_feathering_block(rng))
    >>> net(np.zeros((33, 20, 3), np.float32)).shape
    (33, 20)
    """

    def __init__(
        self,
        ldn_params: Tree,
        fb_params: Tree = None,
        fb_buffers: Tree = None,
        *,
        radius: int = 0,
        parallel: bool = False,
    ) -> None:
        if (fb_params is None) != (fb_buffers is None):
            raise ValueError("fb_params or fb_buffers is missing; accepted are both or neither.")
        self._network = pack_light_dense_network(ldn_params)
        self._block = None if fb_params is None else pack_feathering_block(fb_params, fb_buffers)
        self._radius = np.uint64(as_count(radius, name="radius"))
        self._parallel = as_flag(parallel, name="parallel")
        self._local = threading.local()

    def __call__(self, image: ArrayLike, *, out: NDArray[Any] | None = None) -> Floats:
        """Return the matte of a photo.

        Parameters
        ----------
        image : array_like
            (h, w, 3) in [0, 1] or integers, of any size; grey is accepted. The net was trained at one size and sees
            87 pixels of surroundings: enlarge or shrink the photo to about that size first.
        out : ndarray, (h, w), float32, optional
            Where to write it.

        Returns
        -------
        ndarray, (h, w), float32
            Not clipped: a feathering block may leave [0, 1] by a little. The mask if there is no such block.

        Raises
        ------
        TypeError, ValueError
            If an argument is of the wrong kind, shape or range.
        """
        photo = _as_photo(image)
        alpha = _as_result(out, photo.shape[:2])
        if self._block is None:
            self._run(photo, alpha, None)
        else:
            self._run(photo, np.empty(alpha.shape, np.float32), alpha)
        return alpha

    def mask(self, image: ArrayLike, *, out: NDArray[Any] | None = None) -> Floats:
        """Return the coarse mask: the probability of foreground (h, w), in [0, 1]. Arguments as of a call."""
        photo = _as_photo(image)
        mask = _as_result(out, photo.shape[:2])
        self._run(photo, mask, None)
        return mask

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_local"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _local=threading.local())

    def _run(self, photo: Floats, mask: Floats, alpha: Floats | None) -> None:
        height, width = photo.shape[:2]
        parallel = self._parallel and thread_count() > 1
        space = self._workspace(
            workspace_size(height, width, radius=int(self._radius), bands=BANDS if parallel else 1)
        )
        size = np.uint64(height), np.uint64(width)
        network = light_dense_network_on_threads if parallel else light_dense_network
        network(photo.ravel(), self._network, space, mask.ravel(), *size)
        if alpha is not None:
            block = kernels.feathering_block_on_threads if parallel else kernels.feathering_block
            block(photo.ravel(), mask.ravel(), self._block, space, alpha.ravel(), *size, self._radius)

    def _workspace(self, size: int) -> Floats:
        space = getattr(self._local, "space", None)
        if space is None or space.size < size:
            self._local.space = space = np.empty(size, np.float32)
        return space


def _as_photo(image: ArrayLike) -> Floats:
    photo = as_image(image, dtype=np.float32)
    return photo if photo.ndim == 3 else np.repeat(photo[..., np.newaxis], 3, axis=2)


def _as_result(out: NDArray[Any] | None, shape: tuple[int, ...]) -> Floats:
    return np.empty(shape, np.float32) if out is None else as_output(out, shape)


def _layer(params: Tree, name: str, c_in: int, c_out: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return weight and bias of a convolution of 3x3 pixels."""
    return _numbers(params, name, "weight", (3, 3, c_in, c_out)), _numbers(params, name, "bias", (c_out,))


def _numbers(tree: Tree, layer: str, name: str, shape: tuple[int, ...]) -> NDArray[np.float64]:
    if not isinstance(tree, dict) or name not in tree.get(layer, {}):
        raise ValueError(f"{layer} has no {name}; accepted are the parameters of the net that is to be packed.")
    array = as_floats(tree[layer][name], name=f"{layer}.{name}").astype(np.float64)
    if array.shape != shape:
        raise ValueError(f"{layer}.{name} has shape {array.shape}; accepted is {shape}.")
    return array


def _by_planes(weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return weights (3, 3, planes * 16, c) plane by plane."""
    return weight.reshape(9, -1, GROWTH, weight.shape[3]).swapaxes(0, 1)


def _joined(*blocks: NDArray[np.float64]) -> Floats:
    return np.concatenate([block.ravel() for block in blocks]).astype(np.float32)
