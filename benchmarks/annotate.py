"""Measure how fast photos become candidates, and what a choice between the candidates is worth.

    python benchmarks/annotate.py PORTRAITS --truth TRUE --json annotate.json

PORTRAITS holds photos as NAME_image.jpg (or .png) with masks NAME_alpha.png; TRUE holds NAME_image.png with trimaps
NAME_trimap.png and true soft mattes NAME_alpha.png, such as the training set of alphamatting.com in low resolution,
renamed. Without folders, portraits of classmat.gallery stand for both.

All photos go through ``classmat annotate init`` and ``run`` as commands, from the start of Python to its end; kernels
have been compiled before. PyMatting's closed form and KNN take the same photos and trimaps in a loop that writes the
mattes too, one photo out of --every, and what they take is scaled by pixels. Then a reviewer who knows the true mattes
chooses the better candidate of each photo, and the set is exported: means over photos of the squared error over unknown
pixels.
"""

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

import classmat as cm
from classmat.annotate.candidates import DEFAULT_METHODS
from classmat.annotate.export import export
from classmat.annotate.project import Photo, Project
from classmat.images.metrics import mse

ROOT = Path(__file__).resolve().parent.parent


def main(
    portraits: Annotated[
        Path | None, typer.Argument(exists=True, file_okay=False, help="Photos with masks.")
    ] = None,
    truth: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="Photos with trimaps and true mattes.")
    ] = None,
    every: Annotated[int, typer.Option(help="PyMatting takes one photo of so many.")] = 10,
    most: Annotated[int, typer.Option(help="At most so many portraits.")] = 1000,
    workers: Annotated[int, typer.Option(help="Processes of classmat annotate run.")] = 2,
    keep: Annotated[Path | None, typer.Option(help="Leave the project here.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here too.")] = None,
) -> None:
    """Print both tables."""
    console = Console(width=100)
    with tempfile.TemporaryDirectory() as temporary:
        folder = keep or Path(temporary) / "project"
        if portraits is None and truth is None:
            truth = paint(Path(temporary) / "painted", 6)
        gather(folder, portraits, truth, most)
        warm_up(Path(temporary) / "warm", folder)
        report: dict[str, Any] = {"throughput": throughput(console, folder, every, workers)}
        if truth is not None:
            report["choice"] = choice(console, folder, truth)
    if json_file is not None:
        json_file.write_text(json.dumps(report, indent=1) + "\n")


def paint(folder: Path, count: int) -> Path:
    """Write portraits of the gallery with their trimaps and mattes."""
    folder.mkdir()
    for seed in range(count):
        scene = cm.gallery.portrait(400, 300, seed=seed)
        for kind, picture in (("image", scene.image), ("trimap", scene.trimap), ("alpha", scene.alpha)):
            cm.write_image(folder / f"{seed:02d}_{kind}.png", picture)
    return folder


def gather(folder: Path, portraits: Path | None, truth: Path | None, most: int) -> None:
    """Copy photos, masks and trimaps into what `init` expects."""
    for name in ("images", "masks", "trimaps"):
        (folder / name).mkdir(parents=True)
    for source, kind, target, limit in ((portraits, "alpha", "masks", most), (truth, "trimap", "trimaps", 1000)):
        for path in sorted(source.glob("*_image.*"))[:limit] if source else ():
            name = path.stem.removesuffix("_image")
            shutil.copy(path, folder / "images" / f"{name}{path.suffix}")
            shutil.copy(source / f"{name}_{kind}.png", folder / target / f"{name}.png")


def warm_up(folder: Path, project: Path) -> None:
    """Let both sides compile what they need."""
    (folder / "images").mkdir(parents=True)
    scene = cm.gallery.portrait(160, 120, seed=1)
    cm.write_image(folder / "images/a.jpg", scene.image)
    (folder / "masks").mkdir()
    cm.write_image(folder / "masks/a.png", (scene.alpha > 0.5).astype(float))
    photo = next((project / "images").iterdir())
    shutil.copy(photo, folder / "images" / f"b{photo.suffix}")
    shutil.copy(
        next(path for kind in ("masks", "trimaps") for path in (project / kind).iterdir()), folder / "masks/b.png"
    )
    classmat("init", folder)
    classmat("run", folder)
    peer_mattes(np.asarray(scene.image, float), scene.trimap / 255)


def classmat(*arguments: Any) -> tuple[float, float]:
    """Run a command; return seconds by the clock and of all processors."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    code = "from classmat.cli import main; main()"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    result = subprocess.run([sys.executable, "-c", code, "annotate", *map(str, arguments)], env=environment)
    if result.returncode not in (0, 1):
        raise SystemExit(result.returncode)
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def peer_mattes(image: Any, trimap: Any) -> list[Any]:
    import pymatting

    return [pymatting.estimate_alpha_cf(image, trimap), pymatting.estimate_alpha_knn(image, trimap)]


def throughput(console: Console, folder: Path, every: int, workers: int) -> dict[str, Any]:
    import pymatting

    ours = np.add(classmat("init", folder), classmat("run", folder, "--workers", workers))
    with Project.open(folder) as project:
        photos = [photo for photo in project.photos() if len(project.candidates(photo)) >= len(DEFAULT_METHODS)]
        failed = len(project.photos()) - len(photos)
        pixels = sum(photo.width * photo.height for photo in photos)
        theirs, seen = np.zeros(2), 0
        for photo in photos[every // 2 :: every] or photos:
            start = np.array([time.perf_counter(), time.process_time()])
            image = pymatting.load_image(project.image_path(photo), "RGB")
            trimap = pymatting.load_image(project.trimap_path(photo), "GRAY")
            for matte in peer_mattes(image, trimap):
                pymatting.save_image(folder.parent / "peer.png", matte)
            theirs += np.array([time.perf_counter(), time.process_time()]) - start
            seen += photo.width * photo.height
    theirs *= pixels / seen
    table = Table(
        "",
        "clock, s",
        "processors, s",
        "megapixels/s",
        title=f"{len(photos)} photos, {pixels / 1e6:.1f} megapixels",
    )
    for name, (wall, cpu) in (("classmat annotate init, run", ours), ("PyMatting, a loop", theirs)):
        table.add_row(name, f"{wall:.1f}", f"{cpu:.1f}", f"{pixels / 1e6 / wall:.3f}")
    table.add_row("ratio", f"{theirs[0] / ours[0]:.1f}", f"{theirs[1] / ours[1]:.1f}", "")
    console.print(table)
    return {
        "photos": len(photos),
        "failed": failed,
        "pixels": pixels,
        "classmat": ours.tolist(),
        "pymatting": theirs.tolist(),
        "pymatting_version": pymatting.__version__,
        "measured_pixels_of_pymatting": seen,
    }


def choice(console: Console, folder: Path, truth: Path) -> dict[str, Any]:
    with Project.open(folder) as project:
        for photo in project.photos("ready"):
            project.decide(photo, better(project, photo, truth), "oracle")
        result = export(project, truth=truth)
        lines = [(method, errors(project, truth, method)) for method in DEFAULT_METHODS]
        exported = [
            mse(
                cm.read_matte(result.folder / entry["files"]["alpha"]["path"]),
                true,
                project.read_trimap(project.photo(entry["id"])),
            )
            for entry in result.entries
            if (true := true_matte(truth, entry["name"])) is not None
        ]
        lines.append(("exported: the better one, photo by photo", exported))
    table = Table("mattes", "mean MSE", "photos")
    for name, values in lines:
        table.add_row(name, f"{np.mean(values):.5f}", str(len(values)))
    console.print(table)
    return {name: float(np.mean(values)) for name, values in lines}


def true_matte(truth: Path, name: str) -> Any:
    path = truth / f"{name}_alpha.png"
    return cm.read_matte(path) if path.exists() else None


def errors(project: Project, truth: Path, method: str) -> list[float]:
    return [
        mse(project.read_matte(photo, method), true, project.read_trimap(photo))
        for photo in project.photos("chosen")
        if (true := true_matte(truth, photo.name)) is not None
    ]


def better(project: Project, photo: Photo, truth: Path) -> str:
    """Return the candidate that is closer to the true matte; closed form where there is none."""
    true = true_matte(truth, photo.name)
    if true is None:
        return DEFAULT_METHODS[0]
    trimap = project.read_trimap(photo)
    return min(DEFAULT_METHODS, key=lambda method: mse(project.read_matte(photo, method), true, trimap))


if __name__ == "__main__":
    typer.run(main)
