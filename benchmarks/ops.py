"""Differentiable ops, forward and backward: classmat against the same formulas in PyTorch, time and memory.

    python benchmarks/ops.py --torch PYTHON [--megapixels 1] [--radius 8] [--json result.json]

Both run in processes of their own, in turns, on the same float32 images; times are medians. Memory is the peak of a new
process beyond the arguments, after a first call on a small image. PyTorch's box sums are differences of cumulative sums.
"""

import json
import statistics
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer
from filters import SIZES, Worker
from rich.console import Console
from rich.table import Table

OPS = {"guided filter": "both", "box filter": "box_both", "feathering": "feathering_both"}


def measure(pythons: dict[str, str], megapixels: float, radius: int, threads: int, repeat: int) -> list[dict]:
    """Let both take turns at each op; memory in processes that do nothing else."""
    h, w = SIZES[megapixels]
    rows = []
    for op, task in OPS.items():
        request = {"task": task, "radius": radius, "colour": False}
        seconds: dict[str, list[float]] = {program: [] for program in pythons}
        added = {}
        with ExitStack() as stack:
            workers = {p: stack.enter_context(Worker(python, p, threads)) for p, python in pythons.items()}
            for turn in range(repeat + 1):  # the first turn compiles
                for program, process in workers.items():
                    reply = process.ask(h=h, w=w, **request)
                    if turn:
                        seconds[program].append(reply["seconds"])
        for program, python in pythons.items():
            with Worker(python, program, threads) as process:
                process.ask(h=300, w=320, **request)
                added[program] = process.ask(h=h, w=w, memory=True, **request)["added_bytes"] / (h * w)
        for program in pythons:
            nanoseconds = 1e9 * statistics.median(seconds[program]) / (h * w)
            rows.append({"op": op, "program": program, "threads": threads, "ns_per_pixel": nanoseconds})
            rows[-1]["added_bytes_per_pixel"] = added[program]
    return rows


def show(rows: list[dict]) -> None:
    table = Table(title="Forward + backward, float32")
    for heading in ("op", "threads", "classmat ns/px", "PyTorch ns/px", "ratio", "classmat B/px", "PyTorch B/px"):
        table.add_column(heading, justify="left" if heading == "op" else "right")
    for ours, theirs in zip(rows[::2], rows[1::2], strict=True):
        times, memory = ([r[key] for r in (ours, theirs)] for key in ("ns_per_pixel", "added_bytes_per_pixel"))
        figures = [
            f"{times[0]:.1f}",
            f"{times[1]:.1f}",
            f"{times[1] / times[0]:.1f}",
            *(f"{m:.0f}" for m in memory),
        ]
        table.add_row(ours["op"], str(ours["threads"]), *figures)
    Console(width=120).print(table)


def main(
    torch: Annotated[str, typer.Option(help="Interpreter that has PyTorch.")],
    megapixels: Annotated[float, typer.Option(help="1 or 12.")] = 1.0,
    radius: Annotated[int, typer.Option(min=1)] = 8,
    repeat: Annotated[int, typer.Option(min=1, help="Turns of each program after the first.")] = 7,
    json_file: Annotated[Path, typer.Option("--json", help="Write the figures to this file.")] = Path(
        "benchmarks/results/ops.json"
    ),
) -> None:
    """Compare forward and backward passes with PyTorch's, in turns."""
    pythons = {"classmat": sys.executable, "torch": torch}
    rows = [row for threads in (1, 2) for row in measure(pythons, megapixels, radius, threads, repeat)]
    show(rows)
    json_file.parent.mkdir(parents=True, exist_ok=True)
    json_file.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    typer.run(main)
