"""Training Fast Deep Matting in the paper's three stages: the mask, the feathering block on the frozen mask, both.

Of Zhu et al. 2017 are the stages, their losses and the variations of the photos; Adam takes the place of Caffe's descent
with momentum .99, whose rates (1e-6, 1e-7) belong to losses that are summed over pixels.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import numpy as np

from ...images.validate import as_count, as_number
from ...ops.alpha_losses import alpha_loss_vjp
from ...ops.cross_entropy import cross_entropy_vjp
from ..augment import Augmentation
from ..data import Batch
from ..fast_deep_matting import (
    feathering_block,
    init_feathering_block,
    init_light_dense_network,
    light_dense_network,
    mask_of,
)
from ..inference import FastDeepMatting
from ..optimisers import Adam, cosine
from ..tape import Tree, Variable, apply
from ..training import Progress, Stage

STAGES = ("mask", "feathering", "joint")


@dataclass(frozen=True)
class Recipe:
    """All that a training depends on beside its photos.

    Attributes
    ----------
    size : int
        Pixels a side of the photos that the net sees.
    batch_size : int
        Photos a step.
    steps : (int, int, int)
        Of the three stages; 0 leaves a stage out.
    rates : (float, float, float)
        The largest learning rate of each stage, reached after a twentieth of its steps; from there it falls to 0 along
        a cosine.
    radius : int
        Windows over which the feathering block's coefficients are averaged (eq. 5).
    eps : float
        Of the loss of the mattes (eq. 6).
    weight_decay : float
        In parts of the learning rate.
    largest_gradient : float
        Longer gradients are shortened to this norm.
    seed : int
        Draws the first parameters, the order of the photos and their variations.
    augmentation : Augmentation
        How the photos vary.

    Examples
    --------
    >>> Recipe(steps=(10, 5, 0)).steps
    (10, 5, 0)
    """

    size: int = 128
    batch_size: int = 16
    steps: tuple[int, int, int] = (4000, 1000, 1000)
    rates: tuple[float, float, float] = (2e-3, 2e-3, 1e-3)
    radius: int = 1
    eps: float = 1e-3
    weight_decay: float = 0.0
    largest_gradient: float = 1.0
    seed: int = 0
    augmentation: Augmentation = field(default_factory=Augmentation)

    def __post_init__(self) -> None:
        for name in ("size", "batch_size"):
            as_count(getattr(self, name), name=name, low=1)
        for name in ("radius", "seed"):
            as_count(getattr(self, name), name=name)
        for name in ("steps", "rates"):
            if not isinstance(getattr(self, name), tuple) or len(getattr(self, name)) != len(STAGES):
                raise ValueError(f"{name} is {getattr(self, name)!r}; accepted are three numbers, one a stage.")
        for steps, rate in zip(self.steps, self.rates, strict=True):
            as_count(steps, name="steps")
            as_number(rate, name="rates", low=0, exclusive=True)
        if not any(self.steps):
            raise ValueError(f"steps is {self.steps!r}; accepted is at least one step.")
        if not isinstance(self.augmentation, Augmentation):
            raise TypeError(f"augmentation is {self.augmentation!r}; accepted is a table of its settings.")
        as_number(self.weight_decay, name="weight_decay", low=0)
        for name in ("eps", "largest_gradient"):
            as_number(getattr(self, name), name=name, low=0, exclusive=True)

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> "Recipe":
        """Make a recipe of what a configuration file holds.

        Raises
        ------
        ValueError
            If it names something that a recipe does not have, or a value is not as described.

        Examples
        --------
        >>> Recipe.from_mapping({"radius": 2, "augmentation": {"turn": 10.0}}).augmentation.turn
        10.0
        """
        given = _taken(values, cls, "")
        if isinstance(given.get("augmentation"), Mapping):
            given["augmentation"] = Augmentation(**_taken(given["augmentation"], Augmentation, "augmentation."))
        return cls(**given)

    def as_mapping(self) -> dict[str, Any]:
        """Return the recipe as a checkpoint's manifest keeps it: numbers, strings, lists and dicts."""
        values = asdict(self)
        values["steps"], values["rates"] = list(self.steps), list(self.rates)
        values["augmentation"]["scale"] = list(self.augmentation.scale)
        return values

    def start(self) -> Progress:
        """Draw the parameters with which training begins."""
        ldn, block = np.random.default_rng([self.seed, 0]), np.random.default_rng([self.seed, 1])
        fb, buffers = init_feathering_block(block)
        return Progress({"ldn": init_light_dense_network(ldn), "fb": fb}, {"fb": buffers})

    def stages(self) -> list[Stage]:
        """Return the stages that have steps."""

        def matte_loss(params: Tree, buffers: Tree, batch: Batch) -> tuple[Any, Tree]:
            return matting_loss(params, buffers, batch, radius=self.radius, eps=self.eps)

        losses = (mask_loss, matte_loss, matte_loss)
        trained = (("ldn",), ("fb",), ("ldn", "fb"))
        return [
            Stage(
                name,
                loss,
                branches,
                steps,
                cosine(rate, steps, warm_up=steps // 20),
                Adam(weight_decay=self.weight_decay),
                self.largest_gradient,
            )
            for name, loss, branches, steps, rate in zip(
                STAGES, losses, trained, self.steps, self.rates, strict=True
            )
            if steps > 0
        ]


def mask_loss(params: Tree, buffers: Tree, batch: Batch) -> tuple[Any, Tree]:
    """Return the cross-entropy of the light dense network's scores: the loss of the first stage."""
    scores = light_dense_network(params["ldn"], batch.image)
    return apply(cross_entropy_vjp, scores, labels=batch.alpha > 0.5), buffers


def matting_loss(params: Tree, buffers: Tree, batch: Batch, *, radius: int, eps: float) -> tuple[Any, Tree]:
    """Return eq. 6, the distance of the mattes plus that of the colours ``alpha I`` that they cut out, a pixel's mean."""
    mask = _mask(params["ldn"], batch.image)
    alpha, moved = feathering_block(
        params["fb"], buffers["fb"], batch.image, mask, radius=radius, is_training=True
    )
    loss = apply(alpha_loss_vjp, alpha, batch.alpha, eps=eps)
    for channel in np.moveaxis(batch.image, -1, 0):
        loss = loss + apply(alpha_loss_vjp, alpha * channel, batch.alpha * channel, eps=eps)
    return loss, {**buffers, "fb": moved}


def _mask(params: Tree, images: Any) -> Any:
    bias = params["final"]["bias"]
    if isinstance(bias, Variable) or bias.dtype != np.float32:
        return mask_of(light_dense_network(params, images))
    net = FastDeepMatting(params)  # frozen: nothing is recorded, and the fused kernels take a third of the time
    S_F = np.stack([net.mask(image) for image in images])
    return np.stack([1 - S_F, S_F], axis=-1)


def _taken(values: Mapping[str, Any], kind: type, prefix: str) -> dict[str, Any]:
    """Return what a file has for a dataclass: its lists as tuples, nothing that the class does not have."""
    known = sorted(f.name for f in fields(kind))
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise ValueError(f"a recipe has no '{prefix}{unknown[0]}'; accepted are {', '.join(known)}.")
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
