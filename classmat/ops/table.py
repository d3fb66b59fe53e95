"""The table of all ops, which the gradient tests, the adapters and the documentation read.

>>> op = OPS["fusion"]
>>> list(op.differentiable), dict(op.static)
(['F', 'U', 'alpha_raw'], {})
>>> args, static = op.example(np.random.default_rng(0), 4, 5, batch=2)
>>> op.function(*args, **static)[0].shape
(2, 4, 5)

To add an op: a file with ``name_vjp``, a row here, its name in ``__init__.py``, its mathematics in ``docs/math``.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array

from . import alpha_losses, cross_entropy, modnet_losses, structure_losses
from .blur import blur_vjp
from .box import box_mean_vjp, box_sum_vjp
from .composite import composite_vjp
from .feathering import feathering_vjp
from .fusion import fusion_vjp
from .guided import guided_filter_vjp
from .knn_affinity import knn_affinity_vjp
from .laplacian import laplacian_apply_vjp
from .matting_layer import matting_layer_vjp
from .resize import resize_vjp
from .softmax import softmax_vjp
from .solve import solve_vjp

KINDS = {
    "plane": "(h, w)",
    "coarse": "(a, b), a plane of another size",
    "image": "(h, w, 3)",
    "channels": "(h, w, c)",
    "labels": "(h, w), whole numbers",
    "positive": "(h, w), above 0 somewhere and nowhere below",
    "vector": "(n,)",
    "links": "(h, w, k), raster indices of pixels",
    "levels": "(256,)",
    "entries": "(m,), of a sparse matrix",
    "pattern": "(m,) or (n + 1,), where its entries are",
    "scalar": "()",
}
"""What an array argument or a value can be; all but the kinds of `UNBATCHED` may have a batch axis in front."""

UNBATCHED = ("levels", "entries", "pattern", "scalar")
DEMANDING = ("positive", "entries", "pattern", "scalar")
"""Kinds of which not every array of the right shape and dtype is accepted."""

REQUIRED = inspect.Parameter.empty

Arguments = tuple[tuple[NDArray[Any], ...], dict[str, Any]]


class MakeExample(Protocol):
    """From a source of random numbers and a size to arguments of an op, away from kinks."""

    def __call__(self, rng: np.random.Generator, height: int, width: int, batch: int | None = None) -> Arguments:
        """Return positional and keyword arguments; arrays have a batch axis if `batch` is a number."""
        ...


@dataclass(frozen=True)
class Op:
    """An op and what one needs to know to call it without knowing it."""

    function: Callable[..., Any]
    """``name_vjp(arrays, *, static) -> (value, pullback)``."""
    kinds: Mapping[str, str]
    """A key of `KINDS` for every positional argument, and for those static ones that are arrays."""
    value: str
    """The kind of the value."""
    example: MakeExample

    @property
    def name(self) -> str:
        """The function's name without ``_vjp``."""
        return self.function.__name__.removesuffix("_vjp")

    @cached_property
    def differentiable(self) -> Mapping[str, str]:
        """Name -> kind of the positional arguments, in order: each gets a cotangent."""
        return {name: self.kinds[name] for name in self._names(keyword_only=False)}

    @cached_property
    def static(self) -> Mapping[str, Any]:
        """Name -> default value (or `REQUIRED`) of the keyword-only arguments."""
        parameters = inspect.signature(self.function).parameters
        return {name: parameters[name].default for name in self._names(keyword_only=True)}

    @property
    def static_arrays(self) -> Mapping[str, str]:
        """Name -> kind of the keyword-only arguments that are arrays: they get no cotangent."""
        return {name: self.kinds[name] for name in self.static if name in self.kinds}

    def _names(self, *, keyword_only: bool) -> list[str]:
        parameters = inspect.signature(self.function).parameters.values()
        return [p.name for p in parameters if (p.kind is p.KEYWORD_ONLY) == keyword_only]


@dataclass(frozen=True)
class RandomExample:
    """Draws an array for every kind; the static arguments are given, or `ARRAY` where one is to be drawn too."""

    kinds: Mapping[str, str]
    static: Mapping[str, Any]

    def __call__(self, rng: np.random.Generator, height: int, width: int, batch: int | None = None) -> Arguments:
        """Return positional and keyword arguments."""
        lead = () if batch is None else (batch,)
        arrays = {
            name: MAKERS[kind](rng, lead, height, width)
            for name, kind in self.kinds.items()
            if name not in self.static
        }
        static = dict(self.static)
        for name, value in self.static.items():
            if value is ARRAY:
                static[name] = MAKERS[self.kinds[name]](rng, lead, height, width)
        return tuple(arrays.values()), static


ARRAY = object()  # stands for a static argument that is an array of its kind


def _inside(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
    return rng.uniform(0.1, 0.9, shape)


MAKERS: Mapping[str, Callable[..., NDArray[Any]]] = {
    "plane": lambda rng, lead, h, w: _inside(rng, (*lead, h, w)),
    "coarse": lambda rng, lead, h, w: _inside(rng, (*lead, -(-h // 4), -(-w // 4))),
    "image": lambda rng, lead, h, w: _inside(rng, (*lead, h, w, 3)),
    "channels": lambda rng, lead, h, w: rng.standard_normal((*lead, h, w, 3)),
    "labels": lambda rng, lead, h, w: rng.integers(0, 3, (*lead, h, w)),
    "positive": lambda rng, lead, h, w: _inside(rng, (*lead, h, w)),
    "vector": lambda rng, lead, h, w: rng.standard_normal((*lead, h * w)),
    "links": lambda rng, lead, h, w: rng.integers(0, h * w, (*lead, h, w, 4)),
    "levels": lambda rng, lead, h, w: rng.uniform(0.5, 9, 256),
    "scalar": lambda rng, lead, h, w: np.asarray(rng.uniform(0.5, 2)),
}


def _row(function: Callable[..., Any], value: str, kinds: Mapping[str, str], **static: Any) -> Op:
    return Op(function, kinds, value, RandomExample(kinds, static))


MATTES = {"alpha": "plane", "truth": "plane"}
COLOURS = {"foreground": "image", "background": "image"}
BAND = {"band": "plane"}


def _weighted_example(rng: np.random.Generator, height: int, width: int, batch: int | None = None) -> Arguments:
    """Return mattes whose true levels are those of 8 bits: the weight jumps halfway between two of them."""
    (alpha, truth), static = RandomExample({**MATTES, "weights": "levels"}, {"weights": ARRAY})(
        rng, height, width, batch
    )
    return (alpha, np.rint(255 * truth) / 255), static


def _small_eps(kinds: Mapping[str, str]) -> MakeExample:
    """Draw eps, the last argument, so large that a step of a difference quotient is small beside it."""

    def example(rng: np.random.Generator, height: int, width: int, batch: int | None = None) -> Arguments:
        args, static = RandomExample(kinds, {"radius": 1})(rng, height, width, batch)
        return (*args[:-1], 0.05 * args[-1]), static

    return example


def _grid_example(rng: np.random.Generator, height: int, width: int, batch: int | None = None) -> Arguments:
    """Return a grid's system: each pixel is coupled with the one to the right and the one below."""
    n = height * width
    number = np.arange(n).reshape(height, width)
    towards = ((number[:, :-1], number[:, 1:]), (number[:-1], number[1:]))
    pairs = np.concatenate([(here.ravel(), there.ravel()) for here, there in towards], axis=1)
    weights = rng.uniform(0.1, 1, pairs.shape[1])
    upper = csr_array((-weights, tuple(pairs)), shape=(n, n))
    A = (upper + upper.T).tocsr()
    A = csr_array(A + diags_array(rng.uniform(0.5, 1, n) - A.sum(axis=1)))
    b = MAKERS["vector"](rng, () if batch is None else (batch,), height, width)
    return (A.data, b), {"indices": A.indices, "indptr": A.indptr}


APPLIED = {"image": "image", "x": "plane", "eps": "scalar"}
LAYER = {"image": "image", "F": "positive", "B": "positive", "lam": "scalar", "eps": "scalar"}
SYSTEM = {"data": "entries", "b": "vector", "indices": "pattern", "indptr": "pattern"}

_ROWS = (
    _row(softmax_vjp, "channels", {"scores": "channels"}),
    _row(fusion_vjp, "plane", {"F": "plane", "U": "plane", "alpha_raw": "plane"}),
    _row(composite_vjp, "image", {"foreground": "image", "alpha": "plane", "background": "image"}),
    _row(resize_vjp, "channels", {"src": "channels"}, height=7, width=10),
    _row(blur_vjp, "channels", {"src": "channels"}, sigma=1.2),
    _row(box_sum_vjp, "channels", {"src": "channels"}, radius=2),
    _row(box_mean_vjp, "channels", {"src": "channels"}, radius=2),
    _row(guided_filter_vjp, "plane", {"guide": "image", "src": "plane", "eps": "scalar"}, radius=2),
    _row(feathering_vjp, "plane", dict.fromkeys(("a", "b", "c", "S_F", "S_B"), "plane"), radius=1),
    Op(laplacian_apply_vjp, APPLIED, "plane", _small_eps(APPLIED)),
    Op(matting_layer_vjp, LAYER, "plane", _small_eps(LAYER)),
    Op(solve_vjp, SYSTEM, "vector", _grid_example),
    _row(
        knn_affinity_vjp,
        "channels",
        {"features": "channels", "scale": "scalar", "neighbours": "links"},
        neighbours=ARRAY,
    ),
    _row(alpha_losses.alpha_loss_vjp, "scalar", MATTES, eps=0.05),
    Op(alpha_losses.weighted_alpha_loss_vjp, {**MATTES, "weights": "levels"}, "scalar", _weighted_example),
    _row(alpha_losses.compositional_loss_vjp, "scalar", {**MATTES, **COLOURS}),
    _row(alpha_losses.premultiplied_loss_vjp, "scalar", {**MATTES, "image": "image"}, eps=0.05),
    _row(cross_entropy.cross_entropy_vjp, "scalar", {"scores": "channels", "labels": "labels"}, labels=ARRAY),
    _row(modnet_losses.semantic_target_vjp, "coarse", {"alpha": "plane"}, height=2, width=3),
    _row(modnet_losses.semantic_loss_vjp, "scalar", {"semantic": "coarse", "truth": "plane"}),
    _row(modnet_losses.detail_loss_vjp, "scalar", {"detail": "plane", "truth": "plane", **BAND}, band=ARRAY),
    _row(modnet_losses.matte_loss_vjp, "scalar", {**MATTES, "image": "image", **COLOURS}),
    _row(
        modnet_losses.consistency_loss_vjp,
        "scalar",
        {"alpha": "plane", "semantic": "coarse", "detail": "plane", **BAND},
        band=ARRAY,
    ),
    _row(
        modnet_losses.detail_keeping_loss_vjp,
        "scalar",
        {"detail": "plane", "reference": "plane", **BAND},
        band=ARRAY,
    ),
    _row(structure_losses.gradient_loss_vjp, "scalar", MATTES, eps=0.05),
    _row(structure_losses.laplacian_pyramid_loss_vjp, "scalar", MATTES, levels=3),
)

OPS: Mapping[str, Op] = {op.name: op for op in _ROWS}
"""Name -> op, in the order of the documentation."""
