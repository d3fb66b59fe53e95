"""A training in a folder: photos split in two, checkpoints as it goes, scores after every stage, weights at the end."""

import csv
import hashlib
import io
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...images.atomic import write_bytes
from ...images.validate import as_number, told_path
from ..data import MARGIN, Batches, Pair, find_pairs, load_pairs, split_pairs
from ..training import Progress, Report, resume, train
from ..weights import FAST_DEEP_MATTING, Weights
from .fast_deep_matting import Recipe
from .judging import Scores, choose_filter, filter_masks, held_out_batch, judge, predict

JUDGED = 200  # held-out photos that are looked at, at most


@dataclass(frozen=True)
class Run:
    """Where a training writes, and what it reads.

    Attributes
    ----------
    folder : Path
        Gets ``checkpoint.npz``, ``losses.csv``, the weights after each stage (``after_mask.npz`` and so on), ``scores.json``
        and, when all is done, ``weights.npz``.
    recipe : Recipe
    trained, held_out : list of Pair
        Photos and mattes.
    """

    folder: Path
    recipe: Recipe
    trained: list[Pair]
    held_out: list[Pair]

    @classmethod
    def of(
        cls, data: str | os.PathLike[str], folder: str | os.PathLike[str], recipe: Recipe, *, held_out: float = 0.1
    ) -> "Run":
        """Split a folder of photos (``image/``, ``alpha/``) by the recipe's seed.

        Raises
        ------
        OSError, ValueError
            If there are no photos, or fewer than two, or the share is not between 0 and 1.
        """
        pairs = find_pairs(data)
        if len(pairs) < 2:
            raise ValueError(f"{told_path(data)} has one photo; at least two are needed, one of them held out.")
        share = as_number(held_out, name="held_out", low=0, high=1)
        return cls(Path(folder), recipe, *split_pairs(pairs, share, recipe.seed))

    @property
    def checkpoint(self) -> Path:
        """The file with which a training that was broken off goes on."""
        return self.folder / "checkpoint.npz"

    def manifest(self) -> dict[str, Any]:
        """Return what must be the same for a training to go on."""
        names = "\n".join(pair.image.name for pair in (*self.trained, *self.held_out))
        return {
            "architecture": FAST_DEEP_MATTING,
            "recipe": self.recipe.as_mapping(),
            "data": {
                "trained": len(self.trained),
                "held_out": len(self.held_out),
                "names": hashlib.sha256(names.encode()).hexdigest()[:16],
            },
        }


def carry_out(
    run: Run,
    *,
    every: int = 100,
    workers: int = 0,
    report: Report | None = None,
    judged: Callable[[str, Mapping[str, Scores]], None] | None = None,
) -> Weights:
    """Train, or go on with a training that was broken off, and write what comes of it.

    Parameters
    ----------
    run : Run
    every : int
        Steps between checkpoints: what is lost at most.
    workers : int
        Processes that make batches; the result is the same for any number.
    report : callable, optional
        Called with the `Progress` after each step.
    judged : callable, optional
        Called as ``judged(name of the stage, scores)`` after each stage.

    Returns
    -------
    Weights

    Raises
    ------
    ValueError
        If the folder holds a training with another recipe or other photos.
    """
    run.folder.mkdir(parents=True, exist_ok=True)
    manifest = run.manifest()
    progress = resume(run.checkpoint, run.recipe.start, manifest)
    recipe = run.recipe
    kept = round(MARGIN * recipe.size)
    batches = Batches(
        load_pairs(run.trained, kept), recipe.size, recipe.batch_size, recipe.seed, recipe.augmentation
    )
    photos = held_out_batch(load_pairs(run.held_out[:JUDGED], kept), recipe.size)
    stages, scores = recipe.stages(), {}
    for stage in range(_first_unfinished(run, progress), len(stages)):
        progress = train(
            progress,
            stages[: stage + 1],
            batches,
            checkpoint=run.checkpoint,
            manifest=manifest,
            every=every,
            workers=workers,
            report=report,
        )
        scores = judge_variants(progress, photos.image, photos.alpha, radius=recipe.radius)
        _write_losses(run, progress)
        _weights(run, progress, scores).save(_after(run, stages[stage].name))
        if judged is not None:
            judged(stages[stage].name, scores)
    if not scores:
        scores = judge_variants(progress, photos.image, photos.alpha, radius=recipe.radius)
    return _write_results(run, progress, scores)


def _first_unfinished(run: Run, progress: Progress) -> int:
    """Return the stage to go on with: a run that ended while a stage was judged still owes that stage's files."""
    stages, stage = run.recipe.stages(), progress.stage
    if stage > 0 and progress.step == 0 and not _after(run, stages[stage - 1].name).exists():
        return stage - 1
    return stage


def _after(run: Run, stage: str) -> Path:
    return run.folder / f"after_{stage}.npz"


def judge_variants(progress: Progress, images: Any, truths: Any, *, radius: int) -> dict[str, Scores]:
    """Score the mask alone, the mask after the guided filter (best radius and eps), and the feathering block's matte."""
    masks, mattes = predict(progress.params, progress.buffers, images, radius=radius)
    chosen = choose_filter(images, masks, truths)
    return {
        "LDN": judge(masks, truths),
        "LDN+GF": judge(filter_masks(images, masks, *chosen), truths),
        "LDN+FB": judge(mattes, truths),
    }


def losses_by_stage(recipe: Recipe, losses: list[float]) -> dict[str, list[float]]:
    """Split the losses of all steps at the ends of the stages."""
    parts, first = {}, 0
    for stage in recipe.stages():
        parts[stage.name] = losses[first : first + stage.steps]
        first += stage.steps
    return parts


def _write_losses(run: Run, progress: Progress) -> None:
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["stage", "step", "loss"])
    for name, losses in losses_by_stage(run.recipe, progress.losses).items():
        rows.writerows([name, step, f"{loss:.6g}"] for step, loss in enumerate(losses, 1))
    write_bytes(run.folder / "losses.csv", text.getvalue().encode())


def _write_results(run: Run, progress: Progress, scores: Mapping[str, Scores]) -> Weights:
    weights = _weights(run, progress, scores)
    write_bytes(run.folder / "scores.json", (json.dumps(weights.manifest["scores"], indent=2) + "\n").encode())
    weights.save(run.folder / "weights.npz")
    return weights


def _weights(run: Run, progress: Progress, scores: Mapping[str, Scores]) -> Weights:
    told = {name: score._asdict() for name, score in scores.items()}
    return Weights(progress.params, progress.buffers, {**run.manifest(), "scores": told})
