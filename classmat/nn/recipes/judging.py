"""How good masks and mattes are on held-out photos, and the guided filter that the feathering block is compared with."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...filters.guided import guided_filter
from ...images.metrics import gradient_error, mse
from ..augment import NONE
from ..data import Batch
from ..fast_deep_matting import feathering_block, light_dense_network, mask_of
from ..tape import Tree

Array = NDArray[Any]
RADII = (1, 2, 3, 4, 6, 8, 12, 16)
EPS = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1)


class Scores(NamedTuple):
    """Means over photos.

    Attributes
    ----------
    mse : float
        Mean squared error of alpha.
    gradient : float
        Mean length of the difference of the gradients (eq. 9).
    iou : float
        Intersection over union of what is above one half.
    """

    mse: float
    gradient: float
    iou: float


def held_out_batch(pairs: Sequence[tuple[Array, Array]], size: int) -> Batch:
    """Squeeze photos (h, w, 3) uint8 and mattes (h, w) uint8 into squares, unchanged but for that."""
    rng = np.random.default_rng(0)  # NONE draws numbers, and uses none of them
    drawn = [NONE.apply(rng, image / np.float32(255), alpha / np.float32(255), size) for image, alpha in pairs]
    return Batch(np.stack([image for image, _ in drawn]), np.stack([alpha for _, alpha in drawn]))


def predict(params: Tree, buffers: Tree, images: Array, *, radius: int) -> tuple[Array, Array]:
    """Return the masks S_F and the mattes (n, h, w) of photos (n, h, w, 3), in [0, 1]."""
    masks, mattes = [], []
    for image in images:
        mask = mask_of(light_dense_network(params["ldn"], image))
        alpha, _ = feathering_block(params["fb"], buffers["fb"], image, mask, radius=radius)
        masks.append(mask[..., 1])
        mattes.append(np.clip(alpha, 0, 1))
    return np.stack(masks), np.stack(mattes)


def judge(mattes: Iterable[Array], truths: Iterable[Array]) -> Scores:
    """Score mattes (h, w) in [0, 1] against true ones.

    Examples
    --------
    >>> truth = np.pad(np.ones((1, 4, 4)), ((0, 0), (2, 2), (2, 2)))
    >>> judge(truth, truth)
    Scores(mse=0.0, gradient=0.0, iou=1.0)
    """
    rows = [
        (mse(alpha, truth), _gradient(alpha, truth), _iou(alpha > 0.5, truth > 0.5))
        for alpha, truth in zip(mattes, truths, strict=True)
    ]
    return Scores(*(float(value) for value in np.mean(rows, axis=0)))


def filter_masks(images: Array, masks: Array, radius: int, eps: float) -> Array:
    """Return masks (n, h, w) after the guided filter: eqs. 7 and 8 with the photo's colours as guide."""
    return np.stack(
        [np.clip(guided_filter(image, mask, radius, eps), 0, 1) for image, mask in zip(images, masks, strict=True)]
    )


def choose_filter(images: Array, masks: Array, truths: Array) -> tuple[int, float]:
    """Return the radius and the eps whose guided filter has the lowest mean squared error."""

    def error(choice: tuple[int, float]) -> float:
        return float(np.mean((filter_masks(images, masks, *choice) - truths) ** 2))

    return min(((radius, eps) for radius in RADII for eps in EPS), key=error)


def _gradient(alpha: Array, truth: Array) -> float:
    return gradient_error(alpha, truth, kind="vector", reduce="mean")


def _iou(a: Array, b: Array) -> float:
    union = np.count_nonzero(a | b)
    return np.count_nonzero(a & b) / union if union else 1.0
