"""``classmat evaluate``: mattes against true mattes, as a table or as JSON."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ._files import Item, Source, make_plan, refuse_input

if TYPE_CHECKING:
    from ._progress import Progress

Scores = dict[str, float]

EXAMPLES = """
Examples:

classmat evaluate alpha.png truth.png

classmat evaluate mattes/ truths/ --trimap trimaps/

classmat evaluate mattes/ truths/ --json scores.json
"""


def run(
    prediction: Annotated[Path, typer.Argument(metavar="PRED", help="A matte, or a folder of mattes.")],
    truth: Annotated[Path, typer.Argument(metavar="TRUTH", help="The true matte, or a folder of them.")],
    trimap: Annotated[
        Path | None,
        typer.Option(metavar="TRIMAP", help="Count only the unknown pixels of this trimap; or a folder of them."),
    ] = None,
    json_file: Annotated[
        Path | None,
        typer.Option(
            "--json", metavar="FILE", help="Write the numbers as JSON; - is standard output, without a table."
        ),
    ] = None,
) -> None:
    """Measure how far mattes are from true mattes: a row for each, and their mean.

    Folders are matched by stem, also without _alpha, _matte, _trimap: cat.png goes with cat_alpha.png. What fails
    is listed at the end, and the exit status is then 1.
    """
    from ._batch import carry_out

    sources = [Source("PRED", prediction, "alpha"), Source("TRUTH", truth, "alpha")]
    sources += [Source("--trimap", trimap, "trimap")] if trimap is not None else []
    if prediction.exists() and truth.exists() and prediction.samefile(truth):
        raise ValueError(f"PRED and TRUTH are both {prediction}; accepted are two, or each matte would be right.")
    plan = make_plan(sources, {})
    if json_file is not None:
        refuse_input("--json", json_file, plan)
    rows: dict[str, Scores] = {}

    def work(item: Item, progress: "Progress") -> None:
        rows[item.name] = _measure(item)

    carry_out(plan, work, report=lambda: _report(rows, json_file))


def _measure(item: Item) -> Scores:
    import classmat as cm

    read = {"PRED": cm.read_matte, "TRUTH": cm.read_matte, "--trimap": cm.read_trimap}
    return cm.metrics.evaluate(*(read[argument](path) for argument, path in item.inputs.items()))


def _report(rows: dict[str, Scores], json_file: Path | None) -> None:
    if not rows:
        return
    mean = {key: sum(row[key] for row in rows.values()) / len(rows) for key in next(iter(rows.values()))}
    if json_file is not None:
        _write_json({"mattes": rows, "mean": mean}, json_file)
    if json_file is None or str(json_file) != "-":
        _print_table(rows, mean)


def _write_json(scores: dict[str, Any], target: Path) -> None:
    from ..images.atomic import atomic_path
    from ._pictures import make_folder

    text = json.dumps(scores, indent=2) + "\n"
    if str(target) == "-":
        typer.echo(text, nl=False)
        return
    make_folder(target.parent)
    with atomic_path(target) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _print_table(rows: dict[str, Scores], mean: Scores) -> None:
    from rich.console import Console
    from rich.table import Table

    from ..images.metrics import METRICS

    table = Table(box=None, pad_edge=False)
    table.add_column("matte", overflow="fold")
    for key in mean:
        table.add_column(METRICS[key].heading, justify="right")
    for name, row in rows.items():
        table.add_row(name, *_cells(row))
    if len(rows) > 1:
        table.add_section()
        table.add_row("mean", *_cells(mean), style="bold")
    # In a file or a pipe there is no width to keep to: one line a matte, and nothing is cut off.
    Console(highlight=False, width=None if sys.stdout.isatty() else 10_000).print(table)


def _cells(row: Scores) -> list[str]:
    return [f"{value:.5f}" for value in row.values()]
