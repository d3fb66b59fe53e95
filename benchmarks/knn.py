"""Measure KNN matting against PyMatting: seconds, CPU seconds, additional memory, error.

    python benchmarks/knn.py FOLDER --photos GT01,GT11 --megapixels 0.3,1 --json knn.json

Every run is a process of its own, which first mattes a small image, so that nothing compiles, and then takes its turn
with the other library on the same photo, resized. Additional memory is the peak of the process less what it held
before the call. The error is that of the matte of the photo in its own size, over unknown pixels.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

import classmat
from classmat.filters.resize import resize

Array = NDArray[Any]
LIBRARIES = ("classmat", "PyMatting")
SCENES = ("hair", "portrait")
SCENE_SIZE = (480, 640)
WORKER = "--worker"


def load(folder: Path | None, name: str, megapixels: float) -> tuple[Array, Array, Array | None]:
    """Return a photo, its trimap, and its true matte if it is not resized (megapixels 0)."""
    if folder is None:
        scene = getattr(classmat.gallery, name)(*SCENE_SIZE, seed=0)
        image, trimap, truth = scene.image, scene.trimap, scene.alpha
    else:
        image = classmat.read_image(folder / f"{name}_image.png")
        trimap = classmat.read_trimap(folder / f"{name}_trimap.png")
        truth = classmat.read_matte(folder / f"{name}_alpha.png")
    if megapixels == 0:
        return image, trimap, truth
    h, w = (round(side * (1e6 * megapixels / trimap.size) ** 0.5) for side in trimap.shape)
    rows, cols = np.arange(h) * trimap.shape[0] // h, np.arange(w) * trimap.shape[1] // w
    return np.clip(resize(image, h, w), 0, 1), trimap[np.ix_(rows, cols)], None


def status(key: str) -> int:
    """Return a figure of this process in bytes."""
    return 1024 * int(Path("/proc/self/status").read_text().split(key + ":")[1].split()[0])


def work(library: str, path: str) -> None:
    """Matte what is in a file, in this process, and write the matte and the figures next to it."""
    if library == "classmat":
        from classmat.matting.knn import knn_matting as run
    else:
        import pymatting  # type: ignore[import-untyped]

        def run(image: Array, trimap: Array) -> Array:
            return pymatting.estimate_alpha_knn(image, trimap / 255)

    stored = np.load(path)
    image, trimap = stored["image"].astype(np.float64), stored["trimap"]
    small = np.full((32, 32), 128, np.uint8)
    small[:, :8], small[:, 24:] = 0, 255
    run(np.random.default_rng(0).random((32, 32, 3)), small)
    Path("/proc/self/clear_refs").write_text("5")
    before = status("VmRSS")
    start, cpu_start = time.perf_counter(), time.process_time()
    alpha = run(image, trimap)
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu_start
    memory = status("VmHWM") - before
    np.save(path + ".npy", alpha)
    print(json.dumps({"seconds": seconds, "cpu": cpu, "memory": memory}))


def measure(folder: Path | None, name: str, megapixels: float, libraries: list[str], repeat: int) -> list[dict]:
    """Let the libraries take turns on one photo."""
    image, trimap, truth = load(folder, name, megapixels)
    runs: dict[str, list[dict]] = {library: [] for library in libraries}
    errors: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as place:
        path = str(Path(place) / "photo.npz")
        np.savez(path, image=image, trimap=trimap)
        for turn in range(repeat):
            for library in libraries if turn % 2 == 0 else reversed(libraries):
                command = [sys.executable, __file__, WORKER, library, path]
                environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
                answer = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
                runs[library].append(json.loads(answer.stdout.splitlines()[-1]))
                if truth is not None:
                    errors[library] = classmat.metrics.mse(np.load(path + ".npy"), truth, trimap)
    return [
        {
            "photo": name,
            "megapixels": trimap.size / 1e6,
            "unknown": int((trimap == 128).sum()),
            "library": library,
            "mse": errors.get(library),
            **{key: statistics.median(run[key] for run in its_runs) for key in ("seconds", "cpu", "memory")},
        }
        for library, its_runs in runs.items()
    ]


def show(rows: list[dict]) -> None:
    """Print one table; ratios are PyMatting over classmat for seconds, classmat over PyMatting for the rest."""
    table = Table(title="KNN matting")
    headings = "photo,Mpx,unknown,library,seconds,x time,CPU s,x CPU,MB,of its memory,MSE,of its MSE"
    for heading in headings.split(","):
        table.add_column(heading, justify="left" if heading in ("photo", "library") else "right")
    for row in rows:
        pair = [r for r in rows if r["photo"] == row["photo"] and r["megapixels"] == row["megapixels"]]
        peer = (
            next((r for r in pair if r["library"] == "PyMatting"), None) if row["library"] == "classmat" else None
        )
        table.add_row(
            row["photo"], f"{row['megapixels']:.2f}", f"{row['unknown']:,}", row["library"],
            f"{row['seconds']:.2f}", f"{peer['seconds'] / row['seconds']:.1f}" if peer else "",
            f"{row['cpu']:.2f}", f"{peer['cpu'] / row['cpu']:.1f}" if peer else "",
            f"{row['memory'] / 1e6:.0f}", f"{row['memory'] / peer['memory']:.2f}" if peer else "",
            f"{row['mse']:.5f}" if row["mse"] is not None else "",
            f"{row['mse'] / peer['mse']:.3f}" if peer and row["mse"] is not None else "",
        )  # fmt: skip
    Console(width=120).print(table)


def main(
    folder: Annotated[
        Path | None,
        typer.Argument(
            exists=True,
            file_okay=False,
            help="NAME_image.png, NAME_trimap.png, NAME_alpha.png, such as the low-resolution training set of "
            "alphamatting.com, renamed; without it, scenes of classmat.gallery.",
        ),
    ] = None,
    photos: Annotated[str, typer.Option(help="Names, separated by commas; all if not given.")] = "",
    megapixels: Annotated[
        str, typer.Option(help="Sizes; 0 is the photo's own, which also gives an error.")
    ] = "0,1",
    libraries: Annotated[str, typer.Option(help="Both, or one of them.")] = ",".join(LIBRARIES),
    repeat: Annotated[int, typer.Option(min=1)] = 3,
    json_file: Annotated[Path | None, typer.Option("--json")] = None,
) -> None:
    """Compare KNN matting with PyMatting's, in turns."""
    found = (
        sorted(path.name.removesuffix("_image.png") for path in folder.glob("*_image.png")) if folder else SCENES
    )
    rows = []
    for size in map(float, megapixels.split(",")):
        for name in photos.split(",") if photos else found:
            rows += measure(folder, name, size, libraries.split(","), repeat)
            Console(stderr=True).print(rows[-1])
    show(rows)
    if json_file:
        json_file.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    if sys.argv[1:2] == [WORKER]:
        work(*sys.argv[2:])
    else:
        typer.run(main)
