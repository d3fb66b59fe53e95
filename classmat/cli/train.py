"""``classmat train``: one command a front end."""

import contextlib
import ctypes
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ._console import console, say
from ._numbers import number, whole_number
from ._progress import counted

if TYPE_CHECKING:
    from ..nn.recipes.judging import Scores
    from ..nn.training import Progress

app = typer.Typer(
    help="Train a small net that finds people in photos by itself.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

EXAMPLES = """
Examples:

classmat train fast-deep-matting data/ -o run/            data/image/, data/alpha/

classmat train fast-deep-matting --portraits 3000 -o run/

classmat train fast-deep-matting data/ -o run/ --config recipe.toml --seed 3

classmat portrait photo.jpg -o alpha.png --weights run/weights.npz
"""


@app.command("fast-deep-matting", epilog=EXAMPLES)
def fast_deep_matting(
    data: Annotated[
        Path | None,
        typer.Argument(
            metavar="[DATA]", help="A folder with photos in image/ and mattes of the same names in alpha/."
        ),
    ] = None,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="FOLDER", help="Gets checkpoints, losses, scores and weights."),
    ] = Path("fast_deep_matting"),
    portraits: Annotated[
        int | None,
        typer.Option(parser=whole_number, metavar="N", help="Paint N portraits to train with, instead of DATA."),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A recipe in TOML; options given here come before it.")
    ] = None,
    steps: Annotated[
        str | None,
        typer.Option(
            metavar="N,N,N",
            help="Steps of the mask, of the feathering block, of both.",
            show_default="4000,1000,1000",
        ),
    ] = None,
    size: Annotated[
        int | None,
        typer.Option(
            parser=whole_number, metavar="N", help="Pixels a side that the net sees.", show_default="128"
        ),
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(parser=whole_number, metavar="N", help="Photos a step.", show_default="16")
    ] = None,
    radius: Annotated[
        int | None,
        typer.Option(
            parser=whole_number, metavar="N", help="Of the feathering block's windows.", show_default="1"
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(parser=whole_number, metavar="N", help="Of all that is drawn.", show_default="0")
    ] = None,
    held_out: Annotated[
        float, typer.Option(parser=number, metavar="SHARE", help="Of the photos, to judge by.")
    ] = 0.1,
    every: Annotated[int, typer.Option(parser=whole_number, metavar="N", help="Steps between checkpoints.")] = 100,
    workers: Annotated[
        int, typer.Option(parser=whole_number, metavar="N", help="Processes that prepare photos.")
    ] = 1,
) -> None:
    """Train Fast Deep Matting: the mask, then the feathering block, then both.

    A training that was broken off goes on from its last checkpoint, to the same result, when the command is given again.
    """
    from ..images.validate import as_count, as_number
    from ..nn.recipes.fast_deep_matting import Recipe
    from ..nn.recipes.running import Run, carry_out

    given = {"size": size, "batch_size": batch_size, "radius": radius, "seed": seed, "steps": _three(steps)}
    recipe = Recipe.from_mapping({**_read(config), **{k: v for k, v in given.items() if v is not None}})
    if (data is None) == (portraits is None):
        raise ValueError(
            "what to train with is either DATA, a folder, or --portraits N; accepted is one of the two."
        )
    as_number(held_out, name="--held-out", low=0, high=1)
    as_count(every, name="--every", low=1)
    as_count(workers, name="--workers")
    if data is None:
        data = _painted(output, as_count(portraits, name="--portraits", low=2), recipe.seed, recipe.size, workers)
    _keep_freed_memory()
    run = Run.of(data, output, recipe, held_out=held_out)
    if run.checkpoint.exists():
        say(f"going on with {run.checkpoint}")
    with counted() as show:

        def report(progress: "Progress") -> None:
            recent = progress.losses[-50:]
            show(f"loss {sum(recent) / len(recent):.4f}", len(progress.losses), sum(recipe.steps))

        carry_out(run, every=every, workers=workers, report=report, judged=_show_scores)
    _draw_losses(run.folder / "losses.csv", run.folder / "losses.png")
    typer.echo(f"{run.folder / 'weights.npz'}")


def _keep_freed_memory() -> None:
    """Tell glibc not to return large arrays to the system, which each step takes anew: a fifth of it were new pages."""
    mmap_threshold, trim_threshold = -3, -1  # of <malloc.h>
    with contextlib.suppress(OSError, AttributeError):  # another C library
        libc = ctypes.CDLL("libc.so.6")
        for parameter in (mmap_threshold, trim_threshold):
            libc.mallopt(parameter, 2_000_000_000)


def _three(text: str | None) -> list[int] | None:
    return None if text is None else [whole_number(part) for part in text.split(",")]


def _read(config: Path | None) -> Mapping[str, Any]:
    if config is None:
        return {}
    try:
        return tomllib.loads(config.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{config} is no TOML file: {error}") from None


def _painted(output: Path, count: int, seed: int, size: int, workers: int) -> Path:
    from ..nn.data import MARGIN, paint_portraits

    folder = output / f"portraits-{count}-{seed}-{size}"  # others are another training's
    with counted() as show:
        paint_portraits(
            folder,
            count,
            seed=seed * 10_000_000,
            size=round(MARGIN * size),
            workers=max(1, workers),
            progress=lambda done: show("painting portraits", done, count),
        )
    return folder


def _show_scores(stage: str, scores: Mapping[str, "Scores"]) -> None:
    from rich.table import Table

    table = Table(
        box=None, pad_edge=False, title=f"held-out photos after the stage '{stage}'", title_justify="left"
    )
    table.add_column("")
    for heading in ("MSE", "gradient", "IoU"):
        table.add_column(heading, justify="right")
    for name, score in scores.items():
        table.add_row(name, f"{score.mse:.5f}", f"{score.gradient:.5f}", f"{score.iou:.4f}")
    console().print(table)


def _draw_losses(source: Path, target: Path) -> None:
    try:
        import matplotlib
    except ImportError:
        say(
            f"{target.name} is not drawn: matplotlib is missing (pip install 'classmat[train]'); the numbers are in {source}"
        )
        return
    matplotlib.use("Agg")
    _plot(source, target)


def _plot(source: Path, target: Path) -> None:
    import csv

    import numpy as np
    from matplotlib.figure import Figure

    from ..images.atomic import atomic_path

    with source.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    stages = list(dict.fromkeys(row["stage"] for row in rows))
    figure = Figure(figsize=(4 * len(stages), 3), layout="constrained")
    for axes, stage in zip(figure.subplots(1, len(stages), squeeze=False)[0], stages, strict=True):
        losses = np.array([float(row["loss"]) for row in rows if row["stage"] == stage])
        width = max(1, len(losses) // 40)
        axes.plot(np.arange(1, len(losses) + 1), losses, color="0.8", linewidth=0.6)
        axes.plot(
            np.arange(width, len(losses) + 1),
            np.convolve(losses, np.full(width, 1 / width), "valid"),
            color="tab:blue",
        )
        axes.set(title=stage, xlabel="step", ylabel="loss", yscale="log")
    with atomic_path(target) as temporary:
        figure.savefig(temporary, dpi=120, format="png")
