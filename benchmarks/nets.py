"""Fast Deep Matting, inference and a training step: classmat against PyTorch and ONNX Runtime, time and results.

    python benchmarks/nets.py [--torch PYTHON] [--onnx PYTHON] [--radius 0] [--json result.json]

Each program runs in a process of its own, in turns with the others, with the same weights, drawn from a seed, on the same
photos. Times are medians over the turns of medians of some calls in a row; a ratio above 1 says that classmat is faster.
PyTorch runs eagerly, with planes of channels or channels last, ONNX Runtime on a graph with batch normalisation or with
that folded into the convolution: the faster one counts. A training step is the forward pass, the backward pass and Adam on
16 photos of 128 x 128: of the network under cross-entropy (stage 1), of the whole net under eq. 6 (stage 3).
Needs `torch`, `onnxruntime` and `onnx`, here or in the environments of the interpreters that are named.
"""

import json
import statistics
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from filters import Worker
from rich.console import Console
from rich.table import Table

from classmat.nn.fast_deep_matting import init_feathering_block, init_light_dense_network

TASKS = {  # name: (task, photos, size, calls in a row)
    "LDN 128": ("mask", 1, 128, 15),
    "LDN+FB 128": ("matte", 1, 128, 15),
    "LDN 256": ("mask", 1, 256, 5),
    "LDN+FB 256": ("matte", 1, 256, 5),
    "training, stage 1": ("train_mask", 16, 128, 1),
    "training, stage 3": ("train_joint", 16, 128, 1),
}
PEERS = {
    "PyTorch": ("PyTorch", "PyTorch channels last"),
    "ONNX Runtime": ("ONNX Runtime", "ONNX Runtime folded"),
}
GOALS = {"PyTorch": 1.0, "ONNX Runtime": 1.0}  # LDN+FB at 128 on one thread, and training steps
LARGEST_DIFFERENCE = 1e-4
BLOCK_GOAL = 1.6  # time(LDN+FB) / time(LDN)


def save_weights(path: Path) -> None:
    """Write a net with biases and statistics that are not the initial ones."""
    rng = np.random.default_rng(0)
    ldn = init_light_dense_network(rng)
    fb, buffers = init_feathering_block(rng)
    flat = {
        f"{net}/{layer}/{kind}": value
        for net, layers in {"ldn": ldn, "fb": fb}.items()
        for layer, kinds in layers.items()
        for kind, value in kinds.items()
    }
    flat |= {f"buffers/{name}": value for name, value in buffers.items()}
    moved = {name: (v + 0.02 * rng.standard_normal(v.shape)).astype(np.float32) for name, v in flat.items()}
    np.savez(path, **moved)


def measure(pythons: dict[str, str], tasks: list[str], threads: int, repeat: int, radius: int) -> list[dict]:
    """Let all programs take turns at each task."""
    rows = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        save_weights(folder / "weights.npz")
        names = {name: python for name, python in pythons.items() if python}
        workers = {
            name: stack.enter_context(Worker(python, name, threads, "_net_worker.py"))
            for name, python in names.items()
        }
        fixed = {"weights": str(folder / "weights.npz"), "radius": radius}
        for task in tasks:
            kind, batch, size, calls = TASKS[task]
            programs = [name for name in workers if kind in ("mask", "matte") or "ONNX" not in name]
            replies: dict[str, list[dict[str, float]]] = {name: [] for name in programs}
            request = {"task": kind, "batch": batch, "size": size, "calls": calls, **fixed}
            results = {}
            for name in programs:  # the first call compiles
                file = str(folder / f"{name}.npy")
                workers[name].ask(save=file, **request)
                results[name] = np.load(file)
            for _ in range(repeat):
                for name in programs:
                    replies[name].append(workers[name].ask(**request))
            rows += [
                {
                    "task": task,
                    "program": name,
                    "threads": threads,
                    "radius": radius,
                    **{
                        key: statistics.median(reply[key] for reply in replies[name])
                        for key in ("seconds", "cpu_seconds")
                    },
                    "max_difference": float(np.abs(results[name] - results["classmat"]).max()),
                }
                for name in programs
            ]
    return rows


def best(rows: list[dict], task: str, threads: int, key: str = "seconds") -> dict[str, dict[str, Any]]:
    """The row of classmat, and of the faster variant of each peer."""
    here = {row["program"]: row for row in rows if row["task"] == task and row["threads"] == threads}
    found = {"classmat": here["classmat"]}
    for peer, variants in PEERS.items():
        known = [here[name] for name in variants if name in here]
        if known:
            found[peer] = min(known, key=lambda row: row[key])
    return found


def show(rows: list[dict]) -> None:
    table = Table(title=f"Fast Deep Matting, float32, radius {rows[0]['radius']}: ms by the clock (processor)")
    for heading in ("task", "threads", "classmat", "PyTorch", "ratio", "ONNX Runtime", "ratio", "difference"):
        table.add_column(heading, justify="left" if heading == "task" else "right")
    for task, threads in dict.fromkeys((row["task"], row["threads"]) for row in rows):
        found = best(rows, task, threads)
        own = found["classmat"]
        line = [task, str(threads), _told(own)]
        for peer in PEERS:
            row = found.get(peer)
            line += [_told(row), f"{row['seconds'] / own['seconds']:.2f}"] if row else ["", ""]
        largest = max(row["max_difference"] for row in rows if row["task"] == task and row["threads"] == threads)
        table.add_row(*line, f"{largest:.1e}")
    Console(width=130).print(table)


def _told(row: dict) -> str:
    return f"{1e3 * row['seconds']:.2f} ({1e3 * row['cpu_seconds']:.2f})"


def judge(rows: list[dict]) -> dict[str, dict[str, Any]]:
    """The goals, by the processor's time on one thread."""
    done = {row["task"] for row in rows if row["threads"] == 1}
    found: dict[str, dict[str, Any]] = {}
    for task in ("LDN+FB 128", "training, stage 1", "training, stage 3"):
        for peer, row in best(rows, task, 1, "cpu_seconds").items() if task in done else ():
            if peer != "classmat":
                own = best(rows, task, 1)["classmat"]["cpu_seconds"]
                found[f"{task}: {peer} / classmat"] = {
                    "value": row["cpu_seconds"] / own,
                    "goal": f">= {GOALS[peer]:g}",
                    "met": row["cpu_seconds"] >= GOALS[peer] * own,
                }
    for size in (128, 256):
        if {f"LDN {size}", f"LDN+FB {size}"} <= done:
            whole, coarse = (
                best(rows, f"{net} {size}", 1)["classmat"]["cpu_seconds"] for net in ("LDN+FB", "LDN")
            )
            found[f"time(LDN+FB) / time(LDN) at {size}"] = {
                "value": whole / coarse,
                "goal": f"<= {BLOCK_GOAL:g}",
                "met": whole <= BLOCK_GOAL * coarse,
            }
    largest = max(row["max_difference"] for row in rows)
    found["largest difference"] = {
        "value": largest,
        "goal": f"<= {LARGEST_DIFFERENCE:g}",
        "met": largest <= LARGEST_DIFFERENCE,
    }
    return found


def show_goals(goals: dict[str, dict[str, Any]]) -> None:
    table = Table(title="Goals, one thread, processor's time")
    for heading in ("", "value", "goal", "met"):
        table.add_column(heading, justify="left" if not heading else "right")
    for name, goal in goals.items():
        table.add_row(name, f"{goal['value']:.3g}", goal["goal"], "yes" if goal["met"] else "no")
    Console(width=100).print(table)


def main(
    repeat: Annotated[int, typer.Option(min=1, help="Turns of each program after the first.")] = 11,
    task: Annotated[list[str] | None, typer.Option(help=f"One of: {'; '.join(TASKS)}.")] = None,
    radius: Annotated[int, typer.Option(min=0, help="Of the windows of eq. 5.")] = 0,
    threads: Annotated[list[int] | None, typer.Option(help="Numbers of threads; by default 1 and 2.")] = None,
    torch: Annotated[str, typer.Option(help="Interpreter that has PyTorch.")] = sys.executable,
    onnx: Annotated[str, typer.Option(help="Interpreter that has ONNX Runtime.")] = sys.executable,
    json_file: Annotated[Path, typer.Option("--json", help="Write the figures to this file.")] = Path(
        "benchmarks/results/nets.json"
    ),
) -> None:
    """Compare Fast Deep Matting with PyTorch's and ONNX Runtime's, in turns."""
    pythons = {"classmat": sys.executable}
    pythons |= dict.fromkeys(PEERS["PyTorch"], torch) | dict.fromkeys(PEERS["ONNX Runtime"], onnx)
    rows = []
    for count in threads or (1, 2):
        rows += measure(pythons, task or list(TASKS), count, repeat, radius)
    goals = judge(rows)
    show(rows)
    show_goals(goals)
    json_file.parent.mkdir(parents=True, exist_ok=True)
    json_file.write_text(json.dumps({"times": rows, "goals": goals}, indent=1))


if __name__ == "__main__":
    typer.run(main)
