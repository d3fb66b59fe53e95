"""``classmat annotate``: from a folder of photos to a data set that a person vouches for."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import review
from ._console import say
from ._methods import method_names
from ._numbers import number, whole_number
from ._progress import counted, told_seconds

if TYPE_CHECKING:
    from ..annotate.run import Summary

EXAMPLES = """
Example: classmat annotate init photos/ && classmat annotate run photos/
"""
SOME_FAILED = 1

app = typer.Typer(
    help="Make a data set of photos and mattes that a person vouches for.",
    epilog=EXAMPLES,
    no_args_is_help=True,
)

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The project's folder.")]


@app.command()
def init(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="DIR",
            help="A folder of photos, or with images/ in it; and trimaps/ or masks/ of the same names, if there are any.",
        ),
    ],
    erode: Annotated[
        float | None,
        typer.Option(
            parser=number,
            metavar="N",
            help="Of masks: pixels inside the edge that become unknown.",
            show_default="1 % of the longest side",
        ),
    ] = None,
    dilate: Annotated[
        float | None,
        typer.Option(
            parser=number,
            metavar="N",
            help="Of masks: pixels outside the edge that become unknown.",
            show_default="1 % of the longest side",
        ),
    ] = None,
    draft: Annotated[
        bool, typer.Option(help="Draft a trimap by the automatic portrait matte where there is nothing.")
    ] = True,
) -> None:
    """Make a project of a folder of photos, or add the photos that are new in it.

    Photos stay where they are. Masks become trimaps. What is not taken is listed with its reason.
    """
    from ..annotate.intake import find_photos, take_in
    from ..annotate.project import DATABASE, Project

    if not folder.is_dir():
        raise FileNotFoundError(f"DIR {folder} is no folder.")
    if not (folder / DATABASE).exists() and next(find_photos(folder), None) is None:
        raise ValueError(
            f"DIR {folder} has no photos; accepted are PNG, JPEG, TIFF and WebP files, here or in images/."
        )
    with Project.create(folder) as project, counted() as show:
        found = take_in(project, erode=erode, dilate=dilate, draft=draft, progress=show)
        project.database.backup()
        total = len(project.photos())
    for file, reason in found.refused:
        say(f"not taken: {file}: {reason}", style="yellow")
    for name, reason in found.without_trimap:
        say(f"{name}: {reason}", style="yellow")
    origins = ", ".join(f"{count} from a {origin}" for origin, count in sorted(found.trimaps.items()))
    say(f"{total} photos, {len(found.added)} of them new; trimaps: {origins or 'no new ones'}")
    raise typer.Exit(SOME_FAILED if found.refused or found.without_trimap else 0)


@app.command()
def run(
    folder: Folder,
    method: Annotated[
        list[str] | None,
        typer.Option(
            help=f"A method; may be given several times: {', '.join(method_names())}.",
            show_default="closed-form and knn",
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(parser=whole_number, metavar="N", help="Processes.", show_default="one per core"),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(
            metavar="tcp://HOST:PORT",
            help="A Dask scheduler, whose workers see DIR under the same path, instead of processes of this machine.",
        ),
    ] = None,
    megapixels: Annotated[
        float | None,
        typer.Option(
            parser=number,
            metavar="N",
            help="How many are computed at once, all workers together.",
            show_default="what half of the free memory holds",
        ),
    ] = None,
    retry: Annotated[bool, typer.Option("--retry", help="Try again what failed.")] = False,
) -> None:
    """Compute the candidates that are missing.

    It may be stopped or killed at any moment, and started again: what is finished is not computed twice. Several may run at
    once on one machine.
    """
    from ..annotate.candidates import DEFAULT_METHODS
    from ..annotate.project import Project
    from ..annotate.run import run as compute

    with Project.open(folder) as project, counted() as show:

        def report(summary: "Summary", left: int, pixels_left: int) -> None:
            done = summary.done + summary.failed
            show(_pace(summary, pixels_left), done, done + left)

        summary = compute(
            project,
            method or DEFAULT_METHODS,
            workers=workers,
            scheduler=scheduler,
            megapixels=megapixels,
            retry=retry,
            progress=report,
        )
        project.database.backup()
    for name, reason in summary.failures:
        say(f"failed: {name}: {reason}", style="red")
    rate = f", {summary.pixels / 1e6 / summary.seconds:.2f} megapixels a second" if summary.pixels else ""
    say(f"{summary.done} done, {summary.failed} failed in {summary.seconds:.1f} s{rate}")
    raise typer.Exit(SOME_FAILED if summary.failed else 0)


app.command("review", epilog=review.EXAMPLES)(review.run)


@app.command()
def export(
    folder: Folder,
    bits: Annotated[int, typer.Option(parser=whole_number, metavar="8|16", help="Bits of the mattes.")] = 16,
    validation: Annotated[
        float, typer.Option(parser=number, metavar="SHARE", help="The share that is held out.")
    ] = 0.1,
    seed: Annotated[int, typer.Option(parser=whole_number, metavar="N", help="Of the split.")] = 0,
    truth: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="True mattes, NAME.png or NAME_alpha.png, to compare with in the report."
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(parser=whole_number, metavar="N", help="Processes.", show_default="one per core"),
    ] = None,
) -> None:
    """Write what was chosen into DIR/dataset, with a manifest and a report.

    The folder trains: classmat train fast-deep-matting DIR/dataset. A former data set moves to DIR/history.
    """
    from ..annotate.export import export as write
    from ..annotate.project import Project

    with Project.open(folder) as project, counted() as show:
        result = write(
            project, bits=bits, validation=validation, seed=seed, truth=truth, workers=workers, progress=show
        )
        project.database.backup()
    for name, reason in result.left_out:
        say(f"left out: {name}: {reason}", style="red")
    say(f"{len(result.entries)} photos in {result.folder}; look at {(result.folder / 'report.html').resolve()}")
    raise typer.Exit(SOME_FAILED if result.left_out else 0)


@app.command()
def status(folder: Folder) -> None:
    """Say how far the project is: photos by state, candidates by method, who decided how much, what was not taken."""
    from collections import Counter

    from ..annotate.project import Project

    with Project.open(folder) as project:
        for state, count in project.counts().items():
            typer.echo(f"{count:8d} {state}")
        rows = "SELECT method, count(*) AS n FROM files WHERE kind = 'matte' AND replaced IS NULL GROUP BY method"
        for row in project.database.rows(rows):
            typer.echo(f"{row['n']:8d} mattes {row['method']}")
        people = Counter(decision.reviewer for decision in project.decisions())
        for name, count in people.most_common():
            typer.echo(f"{count:8d} decisions by {name}")
        for photo in project.photos("failed"):
            say(f"failed: {photo.name}: {photo.reason}", style="red")
        for row in project.database.rows("SELECT file, reason FROM passed_over ORDER BY file"):
            say(f"not taken: {row['file']}: {row['reason']}", style="yellow")


@app.command()
def restore(folder: Folder) -> None:
    """Go back to the newest backup of a damaged project.sqlite, which is kept in history/."""
    from ..annotate.project import Project

    project, backup = Project.restore(folder)
    with project:
        count = len(project.photos())
    say(
        f"restored {backup}; {count} photos" if backup else "there was no backup; run classmat annotate init again"
    )


def _pace(summary: "Summary", pixels_left: int) -> str:
    """Return throughput and time left, once something is done."""
    if not summary.pixels or not summary.seconds:
        return "mattes"
    rate = summary.pixels / summary.seconds
    return f"mattes, {rate / 1e6:.2f} megapixels a second, {told_seconds(pixels_left / rate)} left"
