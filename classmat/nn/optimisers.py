"""Steps downhill on trees of parameters: SGD with momentum, Adam, learning rates over time, clipped gradients.

An optimiser holds numbers; what changes from step to step, its state, is a tree like the parameters and passes through
``step``. So a checkpoint that has both, continues as if nothing had happened.

>>> optimiser = Adam()
>>> params = {"w": np.array([1.0, -2.0])}
>>> state = optimiser.start(params)
>>> for _ in range(200):
...     params, state = optimiser.step(params, {"w": 2 * params["w"]}, state, rate=0.05)
>>> bool(abs(params["w"]).max() < 0.01)
True
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..images.validate import as_count, as_number
from .tape import Tree, map_tree


@dataclass(frozen=True)
class SGD:
    """``v <- momentum v + g + weight_decay p``, ``p <- p - rate v`` (heavy ball, as PyTorch has it).

    Parameters
    ----------
    momentum : float
        In [0, 1).
    weight_decay : float
        At least 0.
    """

    momentum: float = 0.9
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        _below_one(self.momentum, "momentum")
        as_number(self.weight_decay, name="weight_decay", low=0)

    def start(self, params: Tree) -> Tree:
        """Return the state before the first step."""
        return {"velocity": map_tree(np.zeros_like, params)}

    def step(self, params: Tree, grads: Tree, state: Tree, *, rate: float) -> tuple[Tree, Tree]:
        """Return the parameters and the state after a step; what was given stays as it is."""
        velocity = map_tree(
            lambda p, g, v: self.momentum * v + g + self.weight_decay * p, params, grads, state["velocity"]
        )
        return map_tree(lambda p, v: p - p.dtype.type(rate) * v, params, velocity), {"velocity": velocity}


@dataclass(frozen=True)
class Adam:
    """Adam (Kingma, Ba 2015, algorithm 1), with decoupled weight decay (Loshchilov, Hutter 2019).

    Parameters
    ----------
    beta1, beta2 : float
        In [0, 1).
    eps : float
        Above 0.
    weight_decay : float
        At least 0; the parameters shrink by ``rate * weight_decay`` of themselves.
    """

    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        _below_one(self.beta1, "beta1")
        _below_one(self.beta2, "beta2")
        as_number(self.eps, name="eps", low=0, exclusive=True)
        as_number(self.weight_decay, name="weight_decay", low=0)

    def start(self, params: Tree) -> Tree:
        """Return the state before the first step."""
        zeros = map_tree(np.zeros_like, params)
        return {"steps": np.zeros((), np.int64), "mean": zeros, "square": zeros}

    def step(self, params: Tree, grads: Tree, state: Tree, *, rate: float) -> tuple[Tree, Tree]:
        """Return the parameters and the state after a step; what was given stays as it is."""
        steps = state["steps"] + 1
        mean = map_tree(lambda m, g: self.beta1 * m + (1 - self.beta1) * g, state["mean"], grads)
        square = map_tree(lambda s, g: self.beta2 * s + (1 - self.beta2) * g * g, state["square"], grads)
        first, second = 1 - self.beta1 ** int(steps), 1 - self.beta2 ** int(steps)

        def moved(p: Any, m: Any, s: Any) -> Any:
            change = (m / first) / (np.sqrt(s / second) + self.eps) + self.weight_decay * p
            return (p - rate * change).astype(p.dtype)

        return map_tree(moved, params, mean, square), {"steps": steps, "mean": mean, "square": square}


def clip_gradients(grads: Tree, largest: float) -> tuple[Tree, float]:
    """Scale gradients down to a norm of at most `largest`; return them and the norm they had.

    Examples
    --------
    >>> clip_gradients({"a": np.array([3.0]), "b": np.array([4.0])}, 1.0)
    ({'a': array([0.6]), 'b': array([0.8])}, 5.0)
    """
    largest = as_number(largest, name="largest", low=0, exclusive=True)
    squares: list[float] = []
    map_tree(lambda g: squares.append(float(np.vdot(g, g))), grads)
    norm = float(np.sqrt(sum(squares)))
    if norm <= largest:
        return grads, norm
    return map_tree(lambda g: (g * (largest / norm)).astype(g.dtype), grads), norm


Schedule = Callable[[int], float]
"""From the number of steps done to the learning rate of the next."""


def stepwise(rate: float, boundaries: Sequence[int], factor: float = 0.1) -> Schedule:
    """Multiply the rate by `factor` at each boundary.

    >>> [round(stepwise(1.0, [2, 3])(step), 3) for step in range(5)]
    [1.0, 1.0, 0.1, 0.01, 0.01]
    """
    rate = as_number(rate, name="rate", low=0, exclusive=True)
    return lambda step: rate * factor ** sum(step >= boundary for boundary in boundaries)


def cosine(rate: float, steps: int, *, warm_up: int = 0) -> Schedule:
    """Raise the rate linearly over the first steps, then lower it to 0 along half a period of a cosine.

    >>> [round(cosine(1.0, 6, warm_up=2)(step), 3) for step in range(7)]
    [0.5, 1.0, 1.0, 0.854, 0.5, 0.146, 0.0]
    """
    rate = as_number(rate, name="rate", low=0, exclusive=True)
    steps, warm_up = as_count(steps, name="steps", low=1), as_count(warm_up, name="warm_up")

    def at(step: int) -> float:
        if step < warm_up:
            return rate * (step + 1) / warm_up
        share = min((step - warm_up) / max(1, steps - warm_up), 1.0)
        return rate * 0.5 * (1 + float(np.cos(np.pi * share)))

    return at


def _below_one(value: float, name: str) -> None:
    if as_number(value, name=name, low=0, high=1) == 1:
        raise ValueError(f"{name} is 1; accepted is less than 1.")
