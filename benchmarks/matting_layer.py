"""Measure the matting layer, forward and backward, against PARDISO: factorisation and two solves of the same system.

    python benchmarks/matting_layer.py --data FOLDER --photos 3 --json layer.json

classmat's time holds everything: set-up, both solves, and the cotangents of image, F, B, lam and eps. PARDISO's holds the
factorisation (symmetric positive definite) and two solves alone, not the assembly of its matrix. Both take turns in
one process with the same number of threads; the ratio is the median over the turns. Errors are against PARDISO's solution.
"""

import json
import os
import platform
import statistics
import time
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

Array = NDArray[Any]
KINDS = {
    "trimap": "a blurred trimap, F and B at least 1e-4",
    "soft": "softmax of the distance to the outline, sure 8 pixels away from it",
    "unsure": "the same, sure 45 pixels away, with most confidence in neither",
}
LAM, EPS = 100.0, 1e-7


def scenes(folder: Path | None, count: int) -> list[tuple[str, Array, Array]]:
    """Return names, images (h, w, 3) in float32 and masks; without a folder a generated portrait of 600 x 800."""
    if folder is None:
        from classmat import gallery

        scene = gallery.portrait(800, 600)
        return [("gallery", np.asarray(scene.image, np.float32), scene.alpha > 0.5)]
    import cv2

    found = []
    for path in sorted(folder.glob("*_image.*"))[:count]:
        name = path.name.split("_image")[0]
        image = np.ascontiguousarray(cv2.imread(str(path))[:, :, ::-1], np.float32) / 255
        found.append((name, image, cv2.imread(str(folder / f"{name}_alpha.png"), cv2.IMREAD_GRAYSCALE) > 127))
    return found


def confidences(mask: Array, kind: str) -> tuple[Array, Array]:
    """Return F and B as a network would give them."""
    from scipy import ndimage

    distance = ndimage.distance_transform_edt(mask) - ndimage.distance_transform_edt(~mask)
    if kind == "trimap":
        sure = [(side > 10).astype(float) for side in (distance, -distance)]
        return tuple(np.maximum(ndimage.gaussian_filter(side, 2), 1e-4) for side in sure)
    width, unsure = {"soft": (8.0, 1.5), "unsure": (15.0, 3.0)}[kind]
    scores = np.stack([distance / width, -distance / width, np.full(mask.shape, unsure)])
    powers = np.exp(scores - scores.max(axis=0))
    F, B, _ = powers / powers.sum(axis=0)
    return F, B


def run_classmat(problem: tuple[Array, ...], rtol: float) -> tuple[dict[str, float], Array, tuple[Array, ...]]:
    """Time forward and backward."""
    from classmat.ops import matting_layer_vjp

    image, F, B, alpha_bar = problem
    start = time.perf_counter()
    alpha, pullback = matting_layer_vjp(image, F, B, LAM, EPS, rtol=rtol)
    middle = time.perf_counter()
    bars = pullback(alpha_bar)
    return {"forward": middle - start, "backward": time.perf_counter() - middle}, alpha, bars


def run_pardiso(matrix: Any, problem: tuple[Array, ...]) -> tuple[dict[str, float], Array, Array]:
    """Time a factorisation and two solves."""
    import pypardiso

    _, F, _, alpha_bar = problem
    solver = pypardiso.PyPardisoSolver(mtype=2)
    start = time.perf_counter()
    solver.factorize(matrix)
    factorised = time.perf_counter()
    alpha = solver.solve(matrix, LAM * F.ravel())
    v = solver.solve(matrix, alpha_bar.ravel())
    times = {"factor": factorised - start, "solves": time.perf_counter() - factorised}
    solver.free_memory(everything=True)
    return times, alpha.reshape(F.shape), v.reshape(F.shape)


def measure(label: str, problem: tuple[Array, ...], repeat: int, rtol: float) -> dict[str, Any]:
    """Let both take turns; a first turn, in which kernels are compiled and memory is claimed, does not count."""
    from scipy.sparse import csr_matrix, diags, triu

    from classmat import closed_form_laplacian

    image, F, B, _ = problem
    L = closed_form_laplacian(image, eps=EPS)
    matrix = csr_matrix(triu(L + diags(LAM * (F + B).ravel())))
    turns = []
    for _ in range(repeat + 1):
        peer, exact, v = run_pardiso(matrix, problem)
        own, alpha, bars = run_classmat(problem, rtol)
        turns.append({**own, **peer, "ratio": sum(peer.values()) / sum(own.values())})
    F_bar = LAM * (1 - exact) * v
    error = {
        "alpha error": float(np.abs(alpha - exact).max()),
        "F_bar error": float(np.linalg.norm(bars[1] - F_bar) / np.linalg.norm(F_bar)),
        "weak": float((LAM * (F + B) < 30).mean()),
    }
    return {"problem": label, **{key: statistics.median(t[key] for t in turns[1:]) for key in turns[0]}, **error}


def show(rows: list[dict[str, Any]]) -> None:
    """Print the table."""
    table = Table(title="The matting layer, forward and backward")
    headings = (
        "problem",
        "weak",
        "forward",
        "backward",
        "factor",
        "solves",
        "ratio",
        "alpha error",
        "F_bar error",
    )
    formats = {"weak": "{:.0%}", "ratio": "{:.1f}", "alpha error": "{:.1e}", "F_bar error": "{:.1e}"}
    for heading in headings:
        table.add_column(heading, justify="left" if heading == "problem" else "right")
    for row in rows:
        table.add_row(row["problem"], *(formats.get(key, "{:.3f} s").format(row[key]) for key in headings[1:]))
    Console(width=130).print(table)


def main(
    folder: Annotated[
        Path | None,
        typer.Option(
            "--data",
            exists=True,
            file_okay=False,
            help="NAME_image.jpg and NAME_alpha.png (masks), such as the portraits of Shen et al. 2016; without it, a "
            "generated portrait.",
        ),
    ] = None,
    photos: Annotated[int, typer.Option(min=1, help="How many of the folder.")] = 1,
    kinds: Annotated[str, typer.Option(help=f"Some of {', '.join(KINDS)}.")] = ",".join(KINDS),
    repeat: Annotated[int, typer.Option(min=1)] = 3,
    rtol: Annotated[float, typer.Option(help="Of the layer.")] = 1e-6,
    threads: Annotated[int, typer.Option(min=1)] = 2,
    output: Annotated[Path | None, typer.Option("--json")] = None,
) -> None:
    """Measure, print one table, write JSON."""
    for name in ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(threads)  # before Numba or MKL are loaded
    rows = []
    for name, image, mask in scenes(folder, photos):
        for kind in kinds.split(","):
            F, B = confidences(mask, kind)
            alpha_bar = np.random.default_rng(0).standard_normal(F.shape)
            rows.append(measure(f"{name} {kind}", (image, F, B, alpha_bar), repeat, rtol))
    show(rows)
    if output:
        machine = {"platform": platform.platform(), "threads": threads, "date": date.today().isoformat()}
        output.write_text(json.dumps({"machine": machine, "rtol": rtol, "rows": rows}, indent=1))


if __name__ == "__main__":
    typer.run(main)
