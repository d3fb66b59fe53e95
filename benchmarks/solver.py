"""Measure the multigrid against the solvers that people use now: time, iterations, memory, error.

    python benchmarks/solver.py --data FOLDER --scales 1,2,4 --json solver.json --plot solver.png

Every measurement runs in its own process (so that its peak of memory is its own), after a small warm-up that
loads the compiled code, and the solvers take turns within each system. All solve the same system to a relative
residual of 1e-7, with two threads; "default" is classmat's own stopping rule. Errors are against classmat at
1e-11, which the tests compare with direct solutions.
"""

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

Array = NDArray[Any]
SOLVERS = ("classmat", "classmat default", "pymatting", "pypardiso")
SYSTEMS = ("thin", "wide", "scribbles", "prior", "portrait")
# Beyond so many unknowns a peer takes minutes and gigabytes.
LARGEST = {"pymatting": 1_200_000, "pypardiso": 1_000_000}
PRIOR_WEIGHT = 100.0
app = typer.Typer(add_completion=False)


def load(folder: Path | None, name: str, scale: int) -> tuple[Array, Array]:
    """Return a photo and its trimap (0, 0.5, 1), enlarged; without a folder the astronaut in a ring."""
    import cv2

    if folder is None:
        from skimage import data

        image = data.astronaut()
        y, x = np.indices(image.shape[:2])
        distance = np.hypot((y - 330) / 330, (x - 225) / 190)
        trimap = np.where(distance < 0.75, 255, np.where(distance > 1.15, 0, 128)).astype(np.uint8)
    else:
        image = cv2.imread(str(folder / f"{name}_image.png"))[:, :, ::-1]
        trimap = cv2.imread(str(folder / f"{name}_trimap.png"), cv2.IMREAD_GRAYSCALE)
    size = (scale * image.shape[1], scale * image.shape[0])
    image = cv2.resize(np.ascontiguousarray(image), size, interpolation=cv2.INTER_LANCZOS4)
    trimap = cv2.resize(trimap, size, interpolation=cv2.INTER_NEAREST)
    return image / 255, np.where(trimap > 229, 1.0, np.where(trimap < 26, 0.0, 0.5))


def build(system: str, folder: Path | None, name: str, scale: int) -> tuple[Array, Array, Array | None]:
    """Return an image, a trimap, and for the soft prior its weights (the trimap is then what it pulls to)."""
    if system == "portrait":
        from classmat import gallery

        height = round(580 * 2 ** (scale - 1))  # 0.25, 1, 4, 16 megapixels
        scene = gallery.portrait(height, height * 3 // 4)
        return scene.image, np.round(scene.trimap / 255 * 2) / 2, None
    image, trimap = load(folder, name, scale)
    if system == "thin":
        return image, trimap, None
    if system == "prior":
        return image, trimap, PRIOR_WEIGHT * np.where(trimap == 0.5, 1e-5, 1.0)
    share = 0.4 if system == "wide" else 0.98
    return image, _widen(trimap, max(share, float((trimap == 0.5).mean()))), None


def _widen(trimap: Array, share: float) -> Array:
    """Take the known pixels next to unknown ones as unknown too, until these are a share of the image."""
    from scipy.ndimage import distance_transform_edt

    depth = distance_transform_edt(trimap != 0.5)
    keep = [depth > np.quantile(depth[trimap == side], share) for side in (0, 1)] if share > 0.9 else []
    known = np.where(trimap == 0, keep[0], keep[1]) if keep else depth > np.quantile(depth, share)
    return np.where(known, trimap, 0.5)


def measure(solver: str, image: Array, trimap: Array, weight: Array | None, rtol: float) -> dict[str, Any]:
    """Solve once; return seconds by phase, iterations and the matte."""
    run: Callable[..., dict[str, Any]] = {
        "classmat": _classmat, "classmat default": _classmat, "pymatting": _pymatting, "pypardiso": _pypardiso
    }[solver]  # fmt: skip
    return run(image, trimap, weight, None if solver == "classmat default" else rtol)


def _classmat(image: Array, trimap: Array, weight: Array | None, rtol: float | None) -> dict[str, Any]:
    from classmat import factorise
    from classmat.solvers.stencil import Stencil

    start = time.perf_counter()
    unknown = trimap == 0.5 if weight is None else np.ones(trimap.shape, bool)
    stencil = Stencil.from_image(image, unknown, known_values=trimap, diagonal=weight)
    right = stencil.right if weight is None else (weight * trimap).ravel()
    assembled = time.perf_counter()
    factor = factorise(stencil, image=image)
    ready = time.perf_counter()
    answer = factor.solve(right, rtol=rtol)
    solved = time.perf_counter()
    second = None
    if weight is not None:  # the backward pass of a layer
        factor.solve(2 * (answer.x - trimap.ravel()), rtol=rtol)
        second = time.perf_counter() - solved
    alpha = trimap.copy()
    alpha[unknown] = answer.x
    return {
        "assembly": assembled - start, "setup": ready - assembled, "solve": solved - ready, "second": second,
        "iterations": answer.iterations, "alpha": alpha, "kept": factor.nbytes,
    }  # fmt: skip


def _pymatting(image: Array, trimap: Array, weight: Array | None, rtol: float | None) -> dict[str, Any]:
    from pymatting import cf_laplacian, cg, ichol
    from scipy.sparse import diags

    start = time.perf_counter()
    A, b, unknown = _pymatting_system(image, trimap, weight, cf_laplacian, diags)
    assembled = time.perf_counter()
    precondition = ichol(A, discard_threshold=1e-4, shifts=[0, 1e-4, 1e-3, 1e-2, 0.1, 0.5, 1.0])
    ready = time.perf_counter()
    count: list[int] = []
    x = cg(A, b, M=precondition, rtol=rtol, callback=lambda *_: count.append(1))
    solved = time.perf_counter()
    second = None
    if weight is not None:
        cg(A, 2 * (x - trimap.ravel()), M=precondition, rtol=rtol)
        second = time.perf_counter() - solved
    alpha = trimap.copy()
    alpha[unknown] = x
    return {
        "assembly": assembled - start, "setup": ready - assembled, "solve": solved - ready, "second": second,
        "iterations": len(count), "alpha": alpha,
    }  # fmt: skip


def _pymatting_system(image: Array, trimap: Array, weight: Array | None, laplacian: Any, diags: Any) -> Any:
    """Assemble as `estimate_alpha_cf` does: known pixels eliminated."""
    if weight is not None:
        L = laplacian(image) + diags(weight.ravel())
        return L.tocsr(), (weight * trimap).ravel(), np.ones(trimap.shape, bool)
    unknown = trimap == 0.5
    flat = unknown.ravel()
    L = laplacian(image, is_known=~flat)
    rows = L[flat]
    return rows[:, flat], -rows[:, ~flat] @ trimap.ravel()[~flat], unknown


def _pypardiso(image: Array, trimap: Array, weight: Array | None, rtol: float | None) -> dict[str, Any]:
    import pypardiso
    from pymatting import cf_laplacian
    from scipy.sparse import csr_matrix, diags, triu

    start = time.perf_counter()
    A, b, unknown = _pymatting_system(image, trimap, weight, cf_laplacian, diags)
    A = csr_matrix(triu(A))
    assembled = time.perf_counter()
    solver = pypardiso.PyPardisoSolver(mtype=2)
    solver.factorize(A)
    ready = time.perf_counter()
    x = solver.solve(A, b)
    solved = time.perf_counter()
    second = None
    if weight is not None:
        solver.solve(A, 2 * (x - trimap.ravel()))
        second = time.perf_counter() - solved
    alpha = trimap.copy()
    alpha[unknown] = x
    return {
        "assembly": assembled - start, "setup": ready - assembled, "solve": solved - ready, "second": second,
        "iterations": 0, "alpha": alpha,
    }  # fmt: skip


def _memory(key: str) -> int:
    """Return this process's VmRSS or VmHWM in bytes; 0 where the system does not tell."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(key)), 0)


def _reset_peak() -> None:
    reset = Path("/proc/self/clear_refs")
    if reset.exists():
        reset.write_text("5")


@app.command(hidden=True)
def worker(solver: str, problem: Path, result: Path, rtol: float) -> None:
    """Measure one solver on one system, in a process of its own."""
    warnings.simplefilter("ignore")
    with np.load(problem) as file:
        image, trimap = file["image"], file["trimap"]
        weight = file.get("weight")
    rows, columns = (slice(size // 2 - 60, size // 2 + 60) for size in trimap.shape)
    small = np.where(np.indices((120, 120))[1] < 40, 0.0, np.where(np.indices((120, 120))[1] > 80, 1.0, 0.5))
    measure(solver, image[rows, columns], small, None if weight is None else weight[rows, columns] + 1, rtol)
    _reset_peak()
    before = _memory("VmRSS")
    outcome = measure(solver, image, trimap, weight, rtol)
    outcome["memory"] = _memory("VmHWM") - before
    np.save(result.with_suffix(".npy"), outcome.pop("alpha"))
    result.write_text(json.dumps(outcome))


def _run(solver: str, problem: Path, rtol: float, threads: int) -> tuple[dict[str, Any], Array] | None:
    """Start a worker and read what it found; None if it failed."""
    result = problem.with_name("result.json")
    names = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
    environment = {**os.environ, **dict.fromkeys(names, str(threads))}
    command = [sys.executable, __file__, "worker", solver, str(problem), str(result), str(rtol)]
    process = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if process.returncode:
        Console(stderr=True).print(f"{solver}: {process.stderr.strip().splitlines()[-1:]}")
        return None
    return json.loads(result.read_text()), np.load(result.with_suffix(".npy"))


def _median(runs: list[dict[str, Any]]) -> dict[str, Any]:
    keys = [key for key in runs[0] if runs[0][key] is not None]
    row = {key: statistics.median(run[key] for run in runs) for key in keys}
    row["total"] = row["assembly"] + row["setup"] + row["solve"] + row.get("second", 0)
    return row


def compare(
    label: str, problem: tuple[Array, Array, Array | None], solvers: list[str], repeat: int, threads: int
) -> list[dict[str, Any]]:
    """Measure all solvers on one system, taking turns."""
    image, trimap, weight = problem
    unknown = int((trimap == 0.5).sum()) if weight is None else trimap.size
    runs: dict[str, list[dict[str, Any]]] = {solver: [] for solver in solvers}
    mattes: dict[str, Array] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "problem.npz"
        np.savez(path, image=image, trimap=trimap, **({} if weight is None else {"weight": weight}))
        _run("classmat", path, 1e-7, threads)  # not timed: kernels that only large systems need are compiled once
        for _ in range(repeat):
            for solver in solvers:
                if unknown <= LARGEST.get(solver, unknown) and (outcome := _run(solver, path, 1e-7, threads)):
                    runs[solver].append(outcome[0])
                    mattes[solver] = outcome[1]
        tight = _run("classmat", path, 1e-11, threads)
    rows = []
    for solver in (s for s in solvers if runs[s]):
        row = _median(runs[solver])
        error = float(np.abs(mattes[solver] - tight[1]).max()) if tight else float("nan")
        rows.append(
            {"system": label, "pixels": trimap.size, "unknown": unknown, "solver": solver, "error": error, **row}
        )
    return rows


def show(rows: list[dict[str, Any]]) -> None:
    """Print the table; ratios are against classmat at the same tolerance."""
    table = Table(title="Solving for a matte")
    phases = ("assembly", "setup", "solve", "second", "total")
    headings = "system,Mpx,unknown,solver,assembly s,set-up s,solve s,second s,total s,iterations,MB,B/unknown,"
    headings += "max error,x time,x memory"
    for heading in headings.split(","):
        table.add_column(heading, justify="left" if heading in ("system", "solver") else "right")
    ours = {row["system"]: row for row in rows if row["solver"] == "classmat"}
    for row in rows:
        base = ours.get(row["system"], row)
        table.add_row(
            row["system"], f"{row['pixels'] / 1e6:.2f}", f"{row['unknown']:,}", row["solver"],
            *(f"{row[key]:.3f}" if key in row else "" for key in phases),
            f"{row['iterations']:.0f}", f"{row['memory'] / 1e6:.0f}", f"{row['memory'] / row['unknown']:.0f}",
            f"{row['error']:.1e}", f"{row['total'] / base['total']:.1f}",
            f"{row['memory'] / max(base['memory'], 1):.1f}",
        )  # fmt: skip
    Console(width=190).print(table)


def exponents(rows: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Fit time and memory of each solver on the thin systems as powers of the number of unknowns."""
    found = {}
    for solver in {row["solver"] for row in rows}:
        own = [row for row in rows if row["solver"] == solver and row["system"].split()[0] in ("thin", "portrait")]
        n = np.log([row["unknown"] for row in own])
        if len(own) > 1 and np.ptp(n) > 1:
            found[solver] = {
                key: float(np.polyfit(n, np.log([max(row[key], 1e-9) for row in own]), 1)[0])
                for key in ("total", "memory")
            }
    return found


def plot(rows: list[dict[str, Any]], path: Path) -> None:
    """Draw time and memory against unknowns, both axes logarithmic."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(11, 4.5), layout="constrained")
    fitted = exponents(rows)
    for axis, key, unit in zip(axes, ("total", "memory"), ("seconds", "bytes"), strict=True):
        for solver in dict.fromkeys(row["solver"] for row in rows):
            own = sorted((row for row in rows if row["solver"] == solver), key=lambda row: row["unknown"])
            power = f" (n to the {fitted[solver][key]:.2f})" if solver in fitted else ""
            n, values = [row["unknown"] for row in own], [row[key] for row in own]
            (points,) = axis.loglog(n, values, "o", label=solver + power, alpha=0.7)
            if power:
                line = np.exp(np.polyval(np.polyfit(np.log(n), np.log(values), 1), np.log(n)))
                axis.loglog(n, line, "-", color=points.get_color(), alpha=0.4)
        axis.set(xlabel="unknown pixels", ylabel=unit)
        axis.grid(True, which="both", alpha=0.3)
        axis.legend()
    figure.savefig(path, dpi=120)


@app.callback(invoke_without_command=True)
def main(
    context: typer.Context,
    folder: Annotated[
        Path | None,
        typer.Option(
            "--data",
            exists=True,
            file_okay=False,
            help="NAME_image.png and NAME_trimap.png, such as the low-resolution training set of "
            "alphamatting.com; without it, a portrait of scikit-image.",
        ),
    ] = None,
    photos: Annotated[str, typer.Option(help="Names of photos.")] = "GT04",
    systems: Annotated[str, typer.Option(help=f"Some of {', '.join(SYSTEMS)}.")] = "thin,wide,scribbles,prior",
    scales: Annotated[
        str,
        typer.Option(help="How often the photos are enlarged; portraits: 1 is 0.25 Mpx, each step 4 times more."),
    ] = "1,2",
    solvers: Annotated[str, typer.Option(help=f"Some of {', '.join(SOLVERS)}.")] = ",".join(SOLVERS),
    repeat: Annotated[int, typer.Option(min=1)] = 3,
    threads: Annotated[int, typer.Option(min=1)] = 2,
    output: Annotated[Path | None, typer.Option("--json")] = None,
    picture: Annotated[Path | None, typer.Option("--plot")] = None,
) -> None:
    """Measure, print one table, write JSON and a plot."""
    if context.invoked_subcommand:
        return
    rows: list[dict[str, Any]] = []
    for system in systems.split(","):
        for name in photos.split(",") if folder and system != "portrait" else ["astronaut"]:
            for scale in map(int, scales.split(",")):
                label = f"{system} {'' if system == 'portrait' else name + ' '}x{scale}"
                rows += compare(label, build(system, folder, name, scale), solvers.split(","), repeat, threads)
                Console(stderr=True).print(
                    label, [f"{row['solver']} {row['total']:.2f} s" for row in rows if row["system"] == label]
                )
    show(rows)
    fitted = exponents(rows)
    Console().print("exponents of unknowns:", fitted)
    if output:
        machine = {"platform": platform.platform(), "threads": threads, "date": date.today().isoformat()}
        output.write_text(json.dumps({"machine": machine, "rows": rows, "exponents": fitted}, indent=1))
    if picture:
        plot(rows, picture)


if __name__ == "__main__":
    app()
