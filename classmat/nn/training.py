"""Training in stages, with checkpoints: killed at any moment, it goes on from the last one to the same result."""

import contextlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..images.validate import as_count, told_path
from .checkpoint import load_checkpoint, save_checkpoint
from .data import Batch, prefetched
from .optimisers import SGD, Adam, Schedule, clip_gradients
from .tape import Tree, gradients, value_of, watch

Loss = Callable[[Tree, Tree, Batch], tuple[Any, Tree]]
"""From parameters, buffers (running statistics) and a batch to a loss () and the buffers after it."""
Report = Callable[["Progress"], None]


@dataclass(frozen=True)
class Stage:
    """A part of the training: what is minimised, by moving what, for how long.

    Attributes
    ----------
    name : str
    loss : callable
        ``loss(params, buffers, batch) -> (loss, buffers)``.
    trained : tuple of str
        The branches of `params` that move; the others are constants.
    steps : int
        At least 1.
    rate : callable
        From the number of steps done in this stage to the learning rate.
    optimiser : SGD or Adam
    largest_gradient : float, optional
        Gradients with a larger norm are scaled down to it.
    """

    name: str
    loss: Loss
    trained: tuple[str, ...]
    steps: int
    rate: Schedule
    optimiser: SGD | Adam = field(default_factory=Adam)
    largest_gradient: float | None = None

    def __post_init__(self) -> None:
        as_count(self.steps, name="steps", low=1)


@dataclass
class Progress:
    """Where training is, and all that it needs to go on.

    Attributes
    ----------
    params, buffers, state : tree
        Parameters, running statistics, and the optimiser's state in the current stage.
    stage : int
        The number of the current stage; that of stages when training is done.
    step : int
        Steps done in it.
    losses : list of float
        Of every step of all stages.
    """

    params: Tree
    buffers: Tree
    stage: int = 0
    step: int = 0
    state: Tree = field(default_factory=dict)
    losses: list[float] = field(default_factory=list)

    def save(self, path: str | os.PathLike[str], manifest: Mapping[str, Any]) -> None:
        """Write a checkpoint, whole or not at all."""
        trees = {
            "params": self.params,
            "buffers": self.buffers,
            "state": self.state,
            "history": {"losses": np.asarray(self.losses, np.float64)},
        }
        save_checkpoint(path, trees, {**manifest, "stage": self.stage, "step": self.step})

    @classmethod
    def load(cls, path: str | os.PathLike[str], manifest: Mapping[str, Any]) -> "Progress":
        """Read a checkpoint of a training with the same manifest.

        Raises
        ------
        ValueError
            If it is none, or that of another training.
        """
        trees, found = load_checkpoint(path)
        for name, value in manifest.items():
            if (difference := _first_difference(name, found.get(name), value)) is not None:
                what, there, here = difference
                raise ValueError(
                    f"{told_path(path)} is of a training with {what} = {there!r}, this one has {here!r}."
                )
        losses = trees["history"]["losses"].tolist()
        params, buffers, state = (trees.get(name, {}) for name in ("params", "buffers", "state"))
        return cls(params, buffers, found["stage"], found["step"], state, losses)


def train(
    progress: Progress,
    stages: Sequence[Stage],
    batches: Callable[[int], Batch],
    *,
    checkpoint: str | os.PathLike[str] | None = None,
    manifest: Mapping[str, Any] | None = None,
    every: int = 100,
    workers: int = 0,
    report: Report | None = None,
) -> Progress:
    """Run the stages that are not done yet.

    Parameters
    ----------
    progress : Progress
        Where to begin: new parameters, or what a checkpoint holds (see `resume`). Changed on the way, and returned.
    stages : sequence of Stage
    batches : callable
        From the number of a step, counted through all stages, to its batch; see `data.Batches`.
    checkpoint : path-like, optional
        Written after every `every` steps and after every stage.
    manifest : mapping, optional
        What a checkpoint says of the training, for JSON; the same each time it goes on.
    every : int
        At least 1.
    workers : int
        Processes that make batches ahead; none if 0.
    report : callable, optional
        Called with `progress` after each step.

    Raises
    ------
    FloatingPointError
        If a loss is not finite: the last checkpoint is left as it was.
    """
    every, manifest = as_count(every, name="every", low=1), manifest or {}
    with contextlib.closing(prefetched(batches, len(progress.losses), workers=workers)) as coming:
        while progress.stage < len(stages):
            stage = stages[progress.stage]
            if not progress.state:
                progress.state = stage.optimiser.start(_chosen(progress.params, stage))
            while progress.step < stage.steps:
                _take_step(progress, stage, next(coming))
                if report is not None:
                    report(progress)
                if checkpoint is not None and progress.step % every == 0 and progress.step < stage.steps:
                    progress.save(checkpoint, manifest)
            progress.stage, progress.step, progress.state = progress.stage + 1, 0, {}
            if checkpoint is not None:
                progress.save(checkpoint, manifest)
    return progress


def resume(
    checkpoint: str | os.PathLike[str], start: Callable[[], Progress], manifest: Mapping[str, Any]
) -> Progress:
    """Return what a checkpoint holds, or, where there is none, what `start` returns."""
    return Progress.load(checkpoint, manifest) if Path(checkpoint).exists() else start()


def _first_difference(name: str, a: Any, b: Any) -> tuple[str, Any, Any] | None:
    """Return where two entries of manifests differ, by its dotted name, and what they have there."""
    if not (isinstance(a, Mapping) and isinstance(b, Mapping)):
        return None if a == b else (name, a, b)
    inner = (_first_difference(f"{name}.{key}", a.get(key), b.get(key)) for key in {**a, **b})
    return next((difference for difference in inner if difference is not None), None)


def _take_step(progress: Progress, stage: Stage, batch: Batch) -> None:
    moving = watch(_chosen(progress.params, stage))
    loss, buffers = stage.loss({**progress.params, **moving}, progress.buffers, batch)
    value = float(value_of(loss))
    if not np.isfinite(value):
        raise FloatingPointError(f"the loss is {value} after {progress.step} steps of the stage {stage.name!r}.")
    grads = gradients(loss, moving)
    if stage.largest_gradient is not None:
        grads, _ = clip_gradients(grads, stage.largest_gradient)
    chosen, progress.state = stage.optimiser.step(
        _chosen(progress.params, stage), grads, progress.state, rate=stage.rate(progress.step)
    )
    progress.params, progress.buffers = {**progress.params, **chosen}, buffers
    progress.step += 1
    progress.losses.append(value)


def _chosen(params: Tree, stage: Stage) -> Tree:
    return {name: params[name] for name in stage.trained}
