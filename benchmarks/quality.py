"""Measure how close to the truth classmat's mattes are, and PyMatting's, photo by photo and trimap by trimap.

    python benchmarks/quality.py FOLDER --log quality.jsonl --sheets sheets --json quality.json

Every photo is matted by both libraries in the same run, taking turns in who goes first. Each has compiled
before; seconds are those of one call. Metrics are the benchmark's: unknown pixels only, sums in thousands.

With --log, what is measured is appended to a file as it comes; a run that was interrupted goes on where it was when
it is started again with the same file. Figures of other code, of another PyMatting or of other data are passed over.
With --memory, each call is repeated in a process of its own, which tells how much memory it adds at its peak.
With --sheets, a contact sheet of each photo shows every method's matte.
"""

import hashlib
import importlib.metadata
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import typer
from numpy.typing import NDArray
from rich import box
from rich.console import Console
from rich.table import Table

import classmat

Array = NDArray[Any]
Method = Callable[[Array, Array], Array]
Row = dict[str, Any]

# A method's name in classmat.METHODS -> what PyMatting calls its counterpart. A new method is one line.
PEERS = {
    "closed-form": "estimate_alpha_cf",
    "knn": "estimate_alpha_knn",
    "large-kernel": "estimate_alpha_lkm",
    "learning-based": "estimate_alpha_lbdm",
    "random-walk": "estimate_alpha_rw",
    "shared": "estimate_alpha_sm",
}
OURS, THEIRS = "classmat", "PyMatting"
COLUMNS = ("sad", "mse", "gradient", "connectivity")
PACKAGES = ("pymatting", "numpy", "scipy", "numba")
TABLE_WIDTH = 122
SCENES = ("disc", "wedge", "hair", "portrait")
SCENE_SIZE = (240, 320)
# A root mean square error of 1e-4 is a fortieth of an 8-bit level: ratios of smaller ones say nothing.
SMALLEST_MSE = 1e-8


class Photo(NamedTuple):
    """An image with its trimap and its true matte."""

    name: str
    image: Array
    trimap: Array
    truth: Array
    coarseness: int = 1  # 1 or 2: which of its trimaps


def main(
    folder: Annotated[
        Path | None,
        typer.Argument(
            exists=True,
            file_okay=False,
            help="Photos as NAME_image.png, NAME_trimap.png, NAME_trimap2.png and NAME_alpha.png, such as "
            "the training set of alphamatting.com in low resolution, renamed. Without it, scenes of "
            "classmat.gallery.",
        ),
    ] = None,
    methods: Annotated[
        str, typer.Option(help="Names of methods, separated by commas; all that classmat has if not given.")
    ] = "",
    photos: Annotated[
        str, typer.Option(help="Names of photos or scenes, separated by commas; all if not given.")
    ] = "",
    trimaps: Annotated[str, typer.Option(help="1: the tight trimaps, 2: the coarse ones.")] = "1,2",
    with_peer: Annotated[bool, typer.Option("--peer/--no-peer", help="Measure PyMatting too.")] = True,
    memory: Annotated[bool, typer.Option(help="Measure memory too, in processes of their own (Linux).")] = False,
    sheets: Annotated[Path | None, typer.Option(help="Folder for contact sheets and mattes.")] = None,
    log: Annotated[Path | None, typer.Option(help="Append each figure here, and skip what is there.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here too.")] = None,
) -> None:
    """Compare the mattes of classmat and of PyMatting with the truth."""
    console = Console()
    if console.width < TABLE_WIDTH:  # figures that run over the edge are better than figures cut off
        console.width = TABLE_WIDTH
    runners = find_runners(_names(methods) or list(classmat.METHODS), with_peer=with_peer)
    wanted = choose_photos(folder, _names(photos))
    kinds = choose_trimaps(_names(trimaps))
    for target in filter(None, (json_file, log)):
        target.parent.mkdir(parents=True, exist_ok=True)
    stamp = make_stamp(folder)
    measured = {key_of(row): row for row in read_log(log, stamp)}
    with console.status("compiling") as status:
        warm_up(runners)
        for turn, name, kind in ((i + kind, name, kind) for i, name in enumerate(wanted) for kind in kinds):
            photo = next(load_photos(folder, [name], kind))
            done = list(measured.values())
            for row in measure(iter([photo]), runners, turn=turn, done=done, keep=sheets, memory=memory):
                measured[key_of(row)] = row
                append_log(log, row, stamp)
                status.update(f"{row['photo']}: {row['method']} of {row['library']} done")
            if sheets is not None:
                draw_sheet(photo, list(measured.values()), sheets)
    rows = list(measured.values())
    rows = [row for row in rows if row["photo"] in wanted and row["trimap"] in kinds and row["method"] in runners]
    rows = [row for row in rows if with_peer or row["library"] == OURS]
    report = {**circumstances(folder), "rows": rows, "summary": {}}
    for kind in kinds:
        chosen = [row for row in rows if row["trimap"] == kind]
        summary = summarise(chosen)
        report["summary"][str(kind)] = {"methods": summary, "ranking": rank_methods(chosen)}
        console.rule(f"trimap {kind} ({'tight' if kind == 1 else 'coarse'})")
        show(console, chosen, summary)
        show_ranking(console, report["summary"][str(kind)]["ranking"])
    if json_file is not None:
        json_file.write_text(json.dumps(report, indent=1) + "\n")


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def choose_trimaps(wanted: list[str]) -> list[int]:
    """Return 1 for the tight trimaps, 2 for the coarse ones, or both."""
    if not wanted or set(wanted) - {"1", "2"}:
        raise typer.BadParameter(f"trimaps are {', '.join(wanted) or 'none'}; there are 1 and 2.")
    return sorted(map(int, set(wanted)))


def make_stamp(folder: Path | None) -> Row:
    """Return what figures must have in common to stand in one table: code, peer and data."""
    root = Path(classmat.__file__).parent
    code = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        code.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return {
        "classmat": classmat.__version__,
        "sources": code.hexdigest()[:16],
        "pymatting": version("pymatting"),
        "data": data_name(folder),
    }


def read_log(log: Path | None, stamp: Row) -> list[Row]:
    """Return what was measured before under the same stamp, without it.

    A line that a killed run has left half-written is dropped.
    """
    rows = []
    for line in log.read_text().splitlines() if log is not None and log.exists() else ():
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            continue
        if row.pop("stamp", None) == stamp:
            rows.append(row)
    return rows


def append_log(log: Path | None, row: Row, stamp: Row) -> None:
    """Add a line to the log."""
    if log is not None:
        is_broken = log.exists() and not log.read_text().endswith("\n") and log.stat().st_size > 0
        with log.open("a") as file:
            file.write(("\n" if is_broken else "") + json.dumps({**row, "stamp": stamp}) + "\n")


def find_runners(methods: list[str], *, with_peer: bool = True) -> dict[str, dict[str, Method]]:
    """Return {method: {library: function}} with the libraries that have the method."""
    known = {*classmat.METHODS, *PEERS}
    for method in methods:
        if method not in known:
            raise typer.BadParameter(f"{method!r} is no method; there are {', '.join(sorted(known))}.")
    runners: dict[str, dict[str, Method]] = {method: {} for method in methods}
    for method, libraries in runners.items():
        if method in classmat.METHODS:
            libraries[OURS] = classmat.METHODS[method]
        if method in PEERS and with_peer:
            libraries[THEIRS] = peer(PEERS[method])
    return runners


def peer(name: str) -> Method:
    """Return PyMatting's function, given what it expects: float64, and trimaps in [0, 1]."""
    try:
        import pymatting  # type: ignore[import-untyped]  # its first import compiles for minutes
    except ImportError:
        raise SystemExit("This benchmark compares with PyMatting: pip install 'classmat[bench]'") from None
    estimate = getattr(pymatting, name)
    return lambda image, trimap: estimate(image.astype(np.float64), trimap / 255.0)


def choose_photos(folder: Path | None, wanted: list[str]) -> list[str]:
    """Return the names of the photos in the folder, or of the scenes, that were asked for."""
    found = (
        sorted(path.name.removesuffix("_image.png") for path in folder.glob("*_image.png")) if folder else SCENES
    )
    if missing := set(wanted) - set(found):
        raise typer.BadParameter(f"no photo {', '.join(sorted(missing))}; there are {', '.join(found)}.")
    if not found:
        raise typer.BadParameter(f"{folder} has no files NAME_image.png.")
    return wanted or list(found)


def load_photos(folder: Path | None, names: list[str], trimap: int) -> Iterator[Photo]:
    """Read photos, or render scenes, one at a time."""
    for name in names:
        if folder is None:
            scene = getattr(classmat.gallery, name)(*SCENE_SIZE, seed=0)
            mask = scene.trimap if trimap == 1 else widen(scene.trimap)
            yield Photo(name, scene.image, mask, scene.alpha, trimap)
        else:
            yield Photo(
                name,
                classmat.read_image(folder / f"{name}_image.png"),
                classmat.read_trimap(folder / f"{name}_trimap{'' if trimap == 1 else trimap}.png"),
                classmat.read_matte(folder / f"{name}_alpha.png"),
                trimap,
            )


def widen(trimap: Array) -> Array:
    """Return a scene's coarse trimap: the unknown band is wider by 2 % of the longest side."""
    return classmat.trimap_from_alpha(trimap, radius=0.02 * max(trimap.shape))


def warm_up(runners: dict[str, dict[str, Method]]) -> None:
    """Run everything once on a small image, so that no measured call compiles."""
    image = np.random.default_rng(0).random((48, 48, 3))
    trimap = np.full((48, 48), 128, np.uint8)
    trimap[:, :16], trimap[:, 32:] = 0, 255
    for libraries in runners.values():
        for run in libraries.values():
            run(image, trimap)


def measure(
    photos: Iterator[Photo],
    runners: dict[str, dict[str, Method]],
    *,
    turn: int = 0,
    done: list[Row] = (),  # type: ignore[assignment]
    keep: Path | None = None,
    memory: bool = False,
) -> Iterator[Row]:
    """Yield a row of figures for each photo, method and library that is not done.

    The libraries take turns: which is first changes from photo to photo and from method to method. `turn` is that of
    the first photo. A row without memory is not done if memory is asked for.
    """
    known = {key_of(row) for row in done if not memory or "added_megabytes" in row}
    for i, photo in enumerate(photos, turn):
        for j, (method, libraries) in enumerate(runners.items()):
            order = list(libraries) if (i + j) % 2 == 0 else list(reversed(libraries))
            for library in order:
                if (photo.name, photo.coarseness, method, library) in known:
                    continue
                row = measure_one(photo, method, library, libraries[library], keep)
                if memory:
                    row["added_megabytes"] = added_megabytes(photo, method, library)
                yield row


def key_of(row: Row) -> tuple[Any, ...]:
    """Return what tells a row from all others."""
    return row["photo"], row["trimap"], row["method"], row["library"]


def added_megabytes(photo: Photo, method: str, library: str) -> float:
    """Return the growth of the peak resident size during one call, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "photo.npz"
        np.savez(path, image=photo.image, trimap=photo.trimap)
        worker = Path(__file__).with_name("_quality_worker.py")
        command = [sys.executable, str(worker), library, method, str(path)]
        return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[-1])


def measure_one(photo: Photo, method: str, library: str, run: Method, keep: Path | None = None) -> Row:
    """Matte a photo once; warnings, such as of a solver that did not converge, are kept with the figures."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        start = time.perf_counter()
        alpha = run(photo.image, photo.trimap)
        seconds = time.perf_counter() - start
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        classmat.write_image(matte_path(keep, photo, method, library), np.clip(alpha, 0, 1))
    return {
        "photo": photo.name,
        "trimap": photo.coarseness,
        "method": method,
        "library": library,
        **classmat.metrics.evaluate(alpha, photo.truth, photo.trimap),
        "seconds": seconds,
        "warnings": sorted({str(warning.message) for warning in caught}),
    }


def matte_path(folder: Path, photo: Photo, method: str, library: str) -> Path:
    """Return where a matte is kept for the contact sheets."""
    return folder / f"{photo.name}_{photo.coarseness}_{method}_{library}.png"


def draw_sheet(photo: Photo, rows: list[Row], folder: Path) -> None:
    """Show image, trimap, truth and all mattes of a photo, each with its MSE."""
    from classmat.images.sheet import Tile, contact_sheet

    tiles = [Tile(photo.name, photo.image), Tile("trimap", photo.trimap), Tile("truth", photo.truth)]
    for row in rows:
        path = matte_path(folder, photo, row["method"], row["library"])
        if (row["photo"], row["trimap"]) == (photo.name, photo.coarseness) and path.exists():
            caption = f"{row['method']}, {row['library']}: MSE {row['mse']:.4f}"
            tiles.append(Tile(caption, classmat.read_matte(path)))
    sheet = contact_sheet(tiles, columns=min(4, len(tiles)))
    classmat.write_image(folder / f"sheet_{photo.name}_{photo.coarseness}.png", sheet)


def rank_methods(rows: list[Row]) -> dict[str, Row]:
    """Return how classmat's methods compare, best mean rank first; ratios and wins are against closed form, in MSE."""
    mse: dict[str, dict[str, float]] = {}
    for row in rows:
        if row["library"] == OURS:
            mse.setdefault(row["method"], {})[row["photo"]] = max(row["mse"], SMALLEST_MSE)
    photos = set.intersection(*(set(values) for values in mse.values())) if mse else set()
    if not photos:
        return {}
    table = {}
    for method, values in mse.items():
        ranks = [1 + sum(other[photo] < values[photo] for other in mse.values()) for photo in photos]
        result: Row = {"mean_rank": statistics.fmean(ranks)}
        if "closed-form" in mse and method != "closed-form":
            first = mse["closed-form"]
            result["mse_ratio_of_means"] = sum(values[p] for p in photos) / sum(first[p] for p in photos)
            result["mse_ratio_geometric_mean"] = statistics.geometric_mean(values[p] / first[p] for p in photos)
            result["wins"] = sum(values[p] < first[p] for p in photos)
        table[method] = {**result, "photos": len(photos)}
    return dict(sorted(table.items(), key=lambda item: item[1]["mean_rank"]))


def show_ranking(console: Console, ranking: dict[str, Row]) -> None:
    """Print the methods of classmat, best mean rank first."""
    if len(ranking) < 2:
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("method", "mean rank", "MSE / closed form", "geometric mean", "wins"):
        table.add_column(heading, justify="left" if heading == "method" else "right", no_wrap=True)
    for method, row in ranking.items():
        ratios = [
            f"{row[key]:.3f}" if key in row else "" for key in ("mse_ratio_of_means", "mse_ratio_geometric_mean")
        ]
        wins = f"{row['wins']} of {row['photos']}" if "wins" in row else ""
        table.add_row(method, f"{row['mean_rank']:.2f}", *ratios, wins)
    console.print(table)


def summarise(rows: list[Row]) -> dict[str, Row]:
    """Return, for each method, both libraries' means and the ratios classmat / PyMatting of the photos."""
    return {method: summarise_method(rows, method) for method in dict.fromkeys(row["method"] for row in rows)}


def summarise_method(rows: list[Row], method: str) -> Row:
    """Return means per library and, where both have the method, ratios per photo with their extremes."""
    by_library = {
        library: {row["photo"]: row for row in rows if (row["method"], row["library"]) == (method, library)}
        for library in (OURS, THEIRS)
    }
    figures = (*classmat.metrics.METRICS, "seconds")
    result: Row = {
        "mean": {
            library: {name: statistics.fmean(row[name] for row in its_rows.values()) for name in figures}
            for library, its_rows in by_library.items()
            if its_rows
        }
    }
    for library, its_rows in by_library.items():
        if its_rows and all("added_megabytes" in row for row in its_rows.values()):
            result["mean"][library]["added_megabytes"] = statistics.fmean(
                row["added_megabytes"] for row in its_rows.values()
            )
    ours, theirs = by_library.values()
    if ours and ours.keys() == theirs.keys():
        ratios = {photo: mse_ratio(ours[photo], theirs[photo]) for photo in ours}
        result["mse_ratio"] = ratios
        result["mse_ratio_max"] = max(ratios.values())
        result["mse_ratio_geometric_mean"] = statistics.geometric_mean(ratios.values())
        result["seconds_ratio_median"] = statistics.median(
            ours[photo]["seconds"] / theirs[photo]["seconds"] for photo in ours
        )
    return result


def mse_ratio(ours: Row, theirs: Row) -> float:
    """Return classmat's MSE over PyMatting's."""
    return max(ours["mse"], SMALLEST_MSE) / max(theirs["mse"], SMALLEST_MSE)


def show(console: Console, rows: list[Row], summary: dict[str, Row]) -> None:
    """Print one table: the photos, then the means, then what to remember of each method."""
    headings = [classmat.metrics.METRICS[name].heading for name in COLUMNS]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("photo", "method", "library"):
        table.add_column(heading, no_wrap=True)
    for heading in (*headings, "seconds", "MB added", "MSE ratio"):
        table.add_column(heading.replace(" / ", "\n/ "), justify="right", no_wrap=True)
    for row in sorted(rows, key=lambda row: (row["method"], row["photo"], row["library"] != OURS)):
        ratio = summary[row["method"]].get("mse_ratio", {}).get(row["photo"], math.nan)
        table.add_row(*cells(row["photo"], row["method"], row["library"], row, ratio))
    table.add_section()
    for method, result in summary.items():
        for library, mean in result["mean"].items():
            ratio = result.get("mse_ratio_max", math.nan)
            table.add_row(*cells("mean", method, library, mean, ratio, "max "), style="bold")
    console.print(table)
    for method, result in summary.items():
        if "mse_ratio" in result:
            console.print(conclusion(method, result), soft_wrap=True)
    for row in rows:
        for warning in row["warnings"]:
            console.print(
                f"{row['photo']}, {row['method']} of {row['library']}: {warning}",
                style="yellow",
                soft_wrap=True,
            )


def cells(photo: str, method: str, library: str, figures: Row, ratio: float, word: str = "") -> list[str]:
    """Return a row of the table; the ratio stands in classmat's rows."""
    values = [f"{figures[name]:.5f}" if name == "mse" else f"{figures[name]:.3f}" for name in COLUMNS]
    last = f"{word}{ratio:.4f}" if library == OURS and not math.isnan(ratio) else ""
    added = f"{figures['added_megabytes']:.0f}" if "added_megabytes" in figures else ""
    return [photo, method, library, *values, f"{figures['seconds']:.2f}", added, last]


def conclusion(method: str, result: Row) -> str:
    """Return one sentence about a method."""
    ratios = result["mse_ratio"]
    worst = max(ratios, key=ratios.__getitem__)
    mean_ratio, time_ratio = result["mse_ratio_geometric_mean"], result["seconds_ratio_median"]
    return (
        f"{method}: MSE {OURS} / {THEIRS}: largest {ratios[worst]:.4f} ({worst}), "
        f"geometric mean {mean_ratio:.4f}; seconds: median ratio {time_ratio:.2f}"
    )


def circumstances(folder: Path | None) -> Row:
    """Return what a reader must know to repeat the run."""
    return {
        "date": date.today().isoformat(),
        "data": data_name(folder),
        "versions": {"classmat": classmat.__version__, **{name: version(name) for name in PACKAGES}},
        "python": platform.python_version(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "units": {name: metric.heading for name, metric in classmat.metrics.METRICS.items()},
    }


def data_name(folder: Path | None) -> str:
    """Return the name of the folder of photos, or what stands for the scenes."""
    return folder.resolve().name if folder else f"gallery {SCENE_SIZE[0]}x{SCENE_SIZE[1]}"


def version(package: str) -> str:
    """Return the version of an installed package."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


if __name__ == "__main__":
    typer.run(main)
