"""Multi-level foreground estimation: classmat against PyMatting, time, error and memory.

    python benchmarks/foreground.py [--large] [--json result.json] [--photos FOLDER]

Scenes have exactly known colours. Both programs get the same float32 arrays, in turns; times are medians.
PyMatting's function runs on one thread, classmat's on NUMBA_NUM_THREADS (all cores unless set).

Photos are pairs `<name>_image.png`, `<name>_alpha.png`, such as the training set of alphamatting.com.
"""

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table
from scipy import ndimage

SIZES = {0.3: (480, 640), 1.0: (866, 1155), 4.0: (1732, 2309), 12.0: (3000, 4000)}
PROGRAMS = ("classmat", "pymatting")


def make_scene(h: int, w: int, seed: int = 0) -> tuple[np.ndarray, ...]:
    """Image, alpha, foreground, background: smooth colours, a disc with a soft edge and 300 thin strands."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:h, :w].astype(np.float32)
    alpha = np.clip((0.3 * h - np.hypot(y - h / 2, x - w / 2)) / (0.02 * h) + 0.5, 0, 1)
    line = np.zeros((h, w), np.float32)
    along = np.linspace(0.27, 0.46, 4 * h)
    for angle in rng.uniform(0, 2 * np.pi, 300):
        bend = angle + 2 * rng.normal() * (along - 0.27)
        line[(h / 2 + h * along * np.sin(bend)).astype(int), (w / 2 + h * along * np.cos(bend)).astype(int)] = 1
    alpha = np.clip(np.maximum(alpha, 1.5 * ndimage.gaussian_filter(line, 0.8)), 0, 1).astype(np.float32)
    F, B = (_smooth_colours(rng, h, w, mean) for mean in ((0.7, 0.45, 0.3), (0.2, 0.4, 0.6)))
    return alpha[..., None] * F + (1 - alpha[..., None]) * B, alpha, F, B


def _smooth_colours(rng: np.random.Generator, h: int, w: int, mean: tuple[float, ...]) -> np.ndarray:
    coarse = np.clip(mean + 0.12 * rng.standard_normal((12, 16, 3)), 0, 1)
    fine = ndimage.zoom(coarse, (h / 12, w / 16, 1), order=1, grid_mode=True, mode="nearest")
    return np.ascontiguousarray(fine, np.float32)


def load(program: str) -> Any:
    if program == "classmat":
        from classmat.matting.foreground import estimate_foreground

        return estimate_foreground
    from pymatting import estimate_foreground_ml

    return lambda image, alpha: estimate_foreground_ml(image, alpha, return_background=True)


def take_turns(functions: dict[str, Any], image: np.ndarray, alpha: np.ndarray, repeat: int) -> dict[str, dict]:
    seconds: dict[str, list[float]] = {program: [] for program in functions}
    results = {}
    for turn in range(repeat + 1):  # the first turn compiles
        for program, function in functions.items():
            start = time.perf_counter()
            results[program] = function(image, alpha)
            if turn:
                seconds[program].append(time.perf_counter() - start)
    return {p: {"seconds": statistics.median(seconds[p]), "fields": results[p]} for p in functions}


def errors(image: np.ndarray, alpha: np.ndarray, fields: Any, truth: Any = None) -> dict[str, float]:
    """Composite error; error of F weighted with alpha and of B with 1 - alpha, over the soft pixels."""
    a = alpha[..., None]
    composite = np.abs(a * fields[0] + (1 - a) * fields[1] - image)
    found = {"composite_mean": float(composite.mean()), "composite_max": float(composite.max())}
    soft = np.where((a > 0) & (a < 1), 1, 0)
    for name, field, true, weight in zip("FB", fields, truth or (), (a * soft, (1 - a) * soft), strict=False):
        found[f"{name}_error"] = float((weight * np.abs(field - true)).sum() / weight.sum() / 3)
    return found


def added_bytes(program: str, h: int, w: int) -> float:
    """Growth of the peak resident size per pixel beyond what the inputs take, in a process of its own."""
    code = (
        "import sys; import numpy as np; sys.path[:0] = [{here!r}, {root!r}]\n"
        "import foreground as bench; f = bench.load({program!r})\n"
        "f(np.zeros((64, 64, 3), np.float32), np.zeros((64, 64), np.float32))\n"
        "a = np.full(({h}, {w}), 0.5, np.float32); i = np.full(({h}, {w}, 3), 0.5, np.float32)\n"
        "status = lambda key: 1024 * int(open('/proc/self/status').read().split(key + ':')[1].split()[0])\n"
        "open('/proc/self/clear_refs', 'w').write('5'); before = status('VmRSS'); f(i, a)\n"
        "print((status('VmHWM') - before) / a.size)\n"
    )
    here = Path(__file__).resolve().parent
    code = code.format(here=str(here), root=str(here.parent), program=program, h=h, w=w)
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(result.stdout)


def measure_scene(megapixels: float, repeat: int, functions: dict[str, Any], memory: bool) -> list[dict]:
    h, w = SIZES[megapixels]
    image, alpha, F, B = make_scene(h, w)
    rows = []
    for program, result in take_turns(functions, image, alpha, repeat).items():
        row = {"case": f"{megapixels:g} Mpx", "program": program, "seconds": result["seconds"]}
        row |= errors(image, alpha, result["fields"], (F, B))
        if memory:
            row["added_bytes_per_pixel"] = added_bytes(program, h, w)
        rows.append(row)
    return rows


def measure_photo(path: Path, repeat: int, functions: dict[str, Any]) -> list[dict]:
    from classmat.images.io import read_image, read_matte

    image, alpha = read_image(path), read_matte(path.with_name(path.name.replace("_image", "_alpha")))
    return [
        {"case": path.name.removesuffix("_image.png"), "program": program, "seconds": result["seconds"]}
        | errors(image, alpha, result["fields"])
        for program, result in take_turns(functions, image, alpha, repeat).items()
    ]


def show(rows: list[dict]) -> None:
    table = Table(title="Multi-level foreground estimation (errors in 1e-3 of the range; F, B over soft pixels)")
    for heading in ("case", "program", "s", "ratio", "composite mean", "max", "F", "B", "bytes/px added"):
        table.add_column(heading, justify="left" if heading in ("case", "program") else "right")
    seconds = {row["case"]: row["seconds"] for row in rows if row["program"] == "classmat"}
    for row in rows:
        cells = [f"{row['seconds']:.4f}", f"{row['seconds'] / seconds[row['case']]:.2f}"]
        for key in ("composite_mean", "composite_max", "F_error", "B_error"):
            cells.append(f"{1e3 * row[key]:.2g}" if key in row else "")
        cells.append(f"{row['added_bytes_per_pixel']:.0f}" if "added_bytes_per_pixel" in row else "")
        table.add_row(row["case"], row["program"], *cells, end_section=row["program"] == PROGRAMS[-1])
    Console(width=120).print(table)


def main(
    repeat: Annotated[int, typer.Option(min=1, help="Turns of each program after the first.")] = 5,
    large: Annotated[bool, typer.Option(help="Also 12 megapixels.")] = False,
    memory: Annotated[bool, typer.Option(help="Also measure memory (Linux), in processes of their own.")] = True,
    photos: Annotated[Path | None, typer.Option(help="Folder of *_image.png and *_alpha.png.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures to this file.")] = None,
) -> None:
    """Compare classmat with PyMatting on scenes with exactly known colours."""
    functions = {program: load(program) for program in PROGRAMS}
    rows = []
    for megapixels in SIZES:
        if megapixels < 12 or large:
            rows += measure_scene(megapixels, repeat, functions, memory)
    for path in sorted(photos.glob("*_image.png")) if photos else []:
        rows += measure_photo(path, repeat, functions)
    show(rows)
    if json_file:
        json_file.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    typer.run(main)
