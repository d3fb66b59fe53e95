"""Guided filter: classmat against OpenCV and against PyTorch, time, error and memory.

    python benchmarks/filters.py [--large] [--opencv PYTHON] [--torch PYTHON] [--json result.json]

Each program runs in a process of its own, in turns with the others, on the same float32 images; times are medians.
OpenCV's guided filter is in `opencv-contrib-python-headless`, which cannot be installed beside the plain package. Make an
environment for it, and one for PyTorch, and name their interpreters:

    python -m venv contrib && contrib/bin/pip install opencv-contrib-python-headless
    python -m venv torch && torch/bin/pip install torch numpy

The limit is what the bandwidth of memory allows, if every image is moved once: 12 bytes a pixel for a grey guide, 20 for
a colour one, over that of c = a + 0.5 b in the same run.
"""

import json
import statistics
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import _filter_worker as worker
import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from classmat.filters.guided import guided_filter

SIZES = {1.0: (866, 1155), 12.0: (3000, 4000)}
RADII = (8, 20, 60)
TASKS = {  # name: (program, task, colour guide)
    "classmat grey": ("classmat", "value", False),
    "cv2.ximgproc grey": ("opencv", "value", False),
    "cv2.boxFilter grey": ("opencv", "box", False),
    "classmat colour": ("classmat", "value", True),
    "cv2.ximgproc colour": ("opencv", "value", True),
    "classmat forward + backward": ("classmat", "both", False),
    "PyTorch forward + backward": ("torch", "both", False),
}
PEERS = {
    "cv2.ximgproc grey": "classmat grey",
    "cv2.boxFilter grey": "classmat grey",
    "cv2.ximgproc colour": "classmat colour",
    "PyTorch forward + backward": "classmat forward + backward",
}


class Worker:
    """A process that runs one program on a number of threads."""

    def __init__(self, python: str, program: str, threads: int, script: str = "_filter_worker.py") -> None:
        command = [python, str(Path(__file__).with_name(script))]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.fixed = {"program": program, "threads": threads}

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.stdin.close()
        self.process.wait()

    def ask(self, **request: Any) -> dict[str, Any]:
        self.process.stdin.write(json.dumps(self.fixed | request) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.fixed['program']}: the process ended, see above.")
        reply = json.loads(line)
        if "missing" in reply:
            raise SystemExit(f"{self.fixed['program']}: {reply['missing']}. How to install it: --help.")
        return reply


def measure(pythons: dict[str, str], megapixels: float, radius: int, threads: int, repeat: int) -> list[dict]:
    """Let all programs take turns at one size and radius."""
    h, w = SIZES[megapixels]
    tasks = {name: task for name, task in TASKS.items() if task[0] in pythons}
    seconds: dict[str, list[float]] = {name: [] for name in (*tasks, "triad")}
    with ExitStack() as stack:
        workers = {p: stack.enter_context(Worker(python, p, threads)) for p, python in pythons.items()}
        for turn in range(repeat + 1):  # the first turn compiles
            for name, (program, task, colour) in {**tasks, "triad": ("classmat", "triad", False)}.items():
                reply = workers[program].ask(task=task, h=h, w=w, colour=colour, radius=radius)
                if turn:
                    seconds[name].append(reply["seconds"])
    nanoseconds = {name: 1e9 * statistics.median(times) / (h * w) for name, times in seconds.items()}
    return [
        {
            "task": name,
            "megapixels": megapixels,
            "radius": radius,
            "threads": threads,
            "ns_per_pixel": nanoseconds[name],
            "ratio": nanoseconds[name] / nanoseconds[PEERS.get(name, name)],
            "of_bandwidth_limit": nanoseconds["triad"] * (20 if colour else 12) / 12 / nanoseconds[name],
        }
        for name, (_, _, colour) in tasks.items()
    ]


def errors_and_memory(pythons: dict[str, str], radius: int = 8) -> dict[str, dict[str, float]]:
    """Errors against float64, and bytes per pixel beyond the arguments, each in a new process."""
    h, w = SIZES[1.0]
    found = {}
    exact = {
        c: guided_filter(*worker.make_images(h, w, c, np.float64)[:2], radius, worker.EPS) for c in (False, True)
    }
    for name, (program, task, colour) in TASKS.items():
        if program not in pythons:
            continue
        with tempfile.TemporaryDirectory() as folder, Worker(pythons[program], program, 1) as process:
            request = {"task": task, "radius": radius, "colour": colour}
            process.ask(h=100, w=120, **request)  # imports and compiles
            file = str(Path(folder) / "result.npy")
            process.ask(h=h, w=w, save=file, **request)
            inside = np.s_[2 * radius : -2 * radius, 2 * radius : -2 * radius]  # borders are a convention
            error = np.abs(np.load(file).astype(np.float64) - exact[colour])[inside].max()
        with Worker(pythons[program], program, 1) as process:
            process.ask(h=100, w=120, **request)
            memory = process.ask(h=h, w=w, memory=True, **request)["added_bytes"] / (h * w)
        found[name] = {"max_error": float(error), "added_bytes_per_pixel": memory}
    return found


def show(rows: list[dict], other: dict[str, dict[str, float]]) -> None:
    table = Table(title="Guided filter, float32, eps 1e-4, ns per pixel (times that of classmat)")
    columns = sorted({(row["megapixels"], row["threads"], row["radius"]) for row in rows})
    for heading in ("task", *(f"{m:g} Mpx\n{t} thr.\nr {r}" for m, t, r in columns), "error", "B/px"):
        table.add_column(heading, justify="left" if heading == "task" else "right")
    cells = {(row["task"], row["megapixels"], row["threads"], row["radius"]): row for row in rows}
    for name in dict.fromkeys(row["task"] for row in rows):
        line = []
        for column in columns:
            row = cells[(name, *column)]
            line.append(f"{row['ns_per_pixel']:.1f}" + (f"\n({row['ratio']:.1f}x)" if name in PEERS else ""))
        extra = other.get(name)
        line += [f"{extra['max_error']:.1e}", f"{extra['added_bytes_per_pixel']:.0f}"] if extra else ["", ""]
        table.add_row(name, *line)
    Console(width=180).print(table)


def show_scaling(rows: list[dict]) -> None:
    """What the second thread and the radius do to classmat, and how near memory's limit it is."""
    cells = {(r["task"], r["megapixels"], r["threads"], r["radius"]): r for r in rows if "classmat" in r["task"]}
    table = Table(title="classmat: fraction of the bandwidth limit, gain by the second thread")
    for heading in ("task", "Mpx", "radius", "1 thread", "2 threads", "gain", "against radius 8"):
        table.add_column(heading, justify="left" if heading == "task" else "right")
    for (name, megapixels, threads, radius), row in cells.items():
        two, first = cells.get((name, megapixels, 2, radius)), cells.get((name, megapixels, 1, RADII[0]))
        if threads != 1 or two is None or first is None:
            continue
        values = [f"{r['of_bandwidth_limit']:.2f}" for r in (row, two)]
        values += [f"{row['ns_per_pixel'] / r['ns_per_pixel']:.2f}" for r in (two, first)]
        table.add_row(name, f"{megapixels:g}", str(radius), *values)
    Console(width=120).print(table)


GOALS = {  # how many times as fast as each peer
    "cv2.ximgproc grey": 4.0,
    "cv2.ximgproc colour": 2.0,
    "PyTorch forward + backward": 10.0,
}


def show_goals(rows: list[dict], other: dict[str, dict[str, float]]) -> None:
    """The smallest ratio to each peer over all sizes, radii and threads, and where it is."""
    table = Table(title="Least ratio to each peer")
    for heading in ("peer", "least", "goal", "Mpx", "threads", "radius", "memory ratio"):
        table.add_column(heading, justify="left" if heading == "peer" else "right")
    for peer, goal in GOALS.items():
        found = [row for row in rows if row["task"] == peer]
        if not found:
            continue
        least = min(found, key=lambda row: row["ratio"])
        own = max(other[PEERS[peer]]["added_bytes_per_pixel"], 4.0)  # the result at least
        memory = other[peer]["added_bytes_per_pixel"] / own
        place = (f"{least['megapixels']:g}", str(least["threads"]), str(least["radius"]))
        table.add_row(peer, f"{least['ratio']:.2f}", f"{goal:g}", *place, f"{memory:.0f}")
    Console(width=120).print(table)


def main(
    repeat: Annotated[int, typer.Option(min=1, help="Turns of each program after the first.")] = 7,
    large: Annotated[bool, typer.Option(help="Also 12 megapixels.")] = False,
    opencv: Annotated[str | None, typer.Option(help="Interpreter that has cv2.ximgproc.")] = None,
    torch: Annotated[str | None, typer.Option(help="Interpreter that has PyTorch.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures to this file.")] = Path(
        "benchmarks/results/filters.json"
    ),
) -> None:
    """Compare the guided filter with OpenCV's and PyTorch's, in turns."""
    pythons = {"classmat": sys.executable} | {
        name: python for name, python in (("opencv", opencv), ("torch", torch)) if python
    }
    if len(pythons) < 3:
        print("Without a peer, or two: see --help for --opencv and --torch.", file=sys.stderr)
    rows = []
    for megapixels in SIZES if large else [1.0]:
        for threads in (1, 2):
            for radius in RADII:
                rows += measure(pythons, megapixels, radius, threads, repeat)
    other = errors_and_memory(pythons)
    show(rows, other)
    show_scaling(rows)
    show_goals(rows, other)
    if json_file:
        json_file.parent.mkdir(parents=True, exist_ok=True)
        json_file.write_text(json.dumps({"times": rows, "errors_and_memory": other}, indent=1))


if __name__ == "__main__":
    typer.run(main)
