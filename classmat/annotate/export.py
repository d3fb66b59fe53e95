"""The data set: what people chose, as files that say where they come from."""

import contextlib
import hashlib
import importlib.metadata
import json
import os
import shutil
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import as_completed
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import __version__
from ..images.atomic import write_bytes
from ..images.composite import checkerboard, composite
from ..images.io import encode_image, inspected, read_image, read_matte, read_trimap
from ..images.metrics import mse
from ..images.naming import SUFFIXES, is_picture, key_of
from ..images.sheet import fit
from ..images.validate import UNKNOWN, as_count, as_number, require_same_size
from ..matting.foreground import estimate_foreground
from .candidates import one_thread
from .database import stamp
from .names import same_key, without_root
from .project import BLEND, DATASET, EDITED, REJECT, Decision, Photo, Project, ProjectError
from .repair import lives
from .report import spread, write_report
from .versions import HISTORY, digest
from .workers import open_pool

LEVELS = 256
TRAIN, VALIDATION = "train", "validation"
THUMBNAIL = 320  # pixels of the longer side
_HERE_UP_TO = 8  # photos for which no processes are started
_PACKAGES = ("numpy", "scipy", "numba", "opencv-python-headless")


class Order(NamedTuple):
    """What a worker is to write for one photo; paths are absolute."""

    entry: dict[str, Any]
    image: str
    matte: str
    trimap: str
    candidates: dict[str, str]
    truth: str
    bits: int
    is_shown: bool


@dataclass
class Piece:
    """What became of an order: the manifest's entry, figures for the report, or why there is none."""

    entry: dict[str, Any]
    counts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(LEVELS, np.int64))
    figures: dict[str, Any] = field(default_factory=dict)
    thumbnail: NDArray[np.uint8] | None = None
    trouble: str = ""
    note: str = ""  # why it is not compared with a true matte


@dataclass
class Exported:
    """What `export` wrote: where, how many photos, and (name, sentence) of those that are left out."""

    folder: Path
    entries: list[dict[str, Any]]
    left_out: list[tuple[str, str]]


def export(
    project: Project,
    *,
    bits: int = 16,
    validation: float = 0.1,
    seed: int = 0,
    truth: Path | None = None,
    workers: int | None = None,
    progress: Callable[[str, int, int], None] = lambda name, done, total: None,
) -> Exported:
    """Write the photos that people chose a matte for into ``dataset/``; what was there moves to the history.

    ::

        dataset/image/NAME.*          the photo: its own file if that is upright and opaque, else a PNG
                alpha/NAME.png        the matte
                foreground/NAME.png   colours without the old background's
                trimap/NAME.png       the one that the matte was computed from
                manifest.jsonl        one line a photo: hashes, method, parameters, versions, reviewer, time, split
                rejected.jsonl        what was rejected, by whom and why
                dataset.json          seed, counts, versions
                levels.json           p(alpha) and the weights -log p(alpha) of the 256 levels, of the photos to train with
                report.html           contact sheets and statistics

    Everything is written elsewhere first: the folder appears whole.

    Parameters
    ----------
    project : Project
    bits : {8, 16}
        Of the mattes.
    validation : float
        The share that is held out, in [0, 1]. Whether a photo is depends on the seed and its contents alone, so that
        it stays where it is when the set grows.
    seed : int
        Of the split.
    truth : Path, optional
        A folder with true mattes, NAME.png or NAME_alpha.png, to which the report compares.
    workers : int, optional
        Processes; one per core without it.
    progress : callable
        Called as ``progress(name, done, total)``.

    Raises
    ------
    ProjectError
        If nothing is chosen.
    OSError
        If the disk is full, or truth is no folder. ``dataset/`` is as it was.
    """
    as_count(bits, name="bits", choices=(8, 16))
    share = as_number(validation, name="validation", low=0, high=1)
    number = as_count(seed, name="seed")
    chosen = project.photos("chosen")
    if not chosen:
        raise ProjectError(f"nothing is chosen in {project.root} yet; classmat annotate review is for that.")
    true = _true_mattes(truth)
    left_out, orders = [], []
    shown = {photo.id for photo in spread(chosen)}
    for photo in chosen:
        split = _split_of(photo, number, share)
        try:
            orders.append(_order(project, photo, bits, split, true, is_shown=photo.id in shown))
        except (OSError, ValueError) as error:  # among them links out of the project
            left_out.append((photo.name, str(error)))
    with _folder_to_be(project.root) as folder:
        pieces = []
        for done, piece in enumerate(_carried_out(folder, orders, workers), 1):
            pieces.append(piece)
            progress(piece.entry["name"], done, len(orders))
        left_out += [(piece.entry["name"], piece.trouble) for piece in pieces if piece.trouble]
        pieces = sorted((piece for piece in pieces if not piece.trouble), key=lambda piece: piece.entry["id"])
        if not pieces:
            raise ProjectError(f"none of the chosen photos can be exported; {left_out[0][0]}: {left_out[0][1]}")
        _write_tables(project, folder, pieces, number, share, bits)
        write_report(project, folder, pieces, left_out)
    return Exported(project.root / DATASET, [piece.entry for piece in pieces], left_out)


def fill_order(folder: str, order: Order) -> Piece:
    """Write the files of one photo; what is wrong with the photo is in the result, a full disk is raised."""
    one_thread()
    piece = Piece(dict(order.entry))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of transparency
            data = Path(order.image).read_bytes()
            if digest(data) != order.entry["photo_sha256"]:
                raise ValueError("the photo has changed since it was taken in.")
            image, alpha = read_image(order.image), read_matte(order.matte)
            trimap = read_trimap(order.trimap) if order.trimap else None
            require_same_size(image, alpha, names=("photo", "matte"))
            mattes = {method: read_matte(path) for method, path in order.candidates.items()}
    except (OSError, ValueError) as error:
        piece.trouble = without_root(Path(folder).parent, str(error))
        return piece
    truth, piece.note = _true_matte(order.truth, image, trimap)
    foreground, _ = estimate_foreground(image, alpha)
    contents = _photo_file(order, data, image)
    contents |= {
        "alpha": ("png", encode_image("alpha.png", alpha, bits=order.bits)),
        "foreground": ("png", encode_image("foreground.png", foreground)),
    }
    if trimap is not None:
        contents["trimap"] = ("png", encode_image("trimap.png", trimap))
    piece.entry["files"] = {
        kind: _write(Path(folder), kind, piece.entry["name"], *content) for kind, content in contents.items()
    }
    piece.counts = np.bincount(np.rint(255 * alpha).astype(np.intp).ravel(), minlength=LEVELS)
    piece.figures = _figures(alpha, trimap, mattes, truth)
    piece.entry["fractional"] = piece.figures["fractional"]
    if order.is_shown:
        piece.thumbnail = _thumbnail(image, alpha, foreground)
    return piece


def _true_matte(
    file: str, image: NDArray[Any], trimap: NDArray[np.uint8] | None
) -> tuple[NDArray[np.float32] | None, str]:
    """Return the true matte, if there is one and it can be compared with; else perhaps why not."""
    if not file:
        return None, ""
    try:
        truth = read_matte(file)
        require_same_size(image, truth, names=("photo", "true matte"))
    except (OSError, ValueError) as error:
        return None, str(error).replace(file, Path(file).name)
    if trimap is not None and not (trimap == UNKNOWN).any():
        return None, "its trimap has no unknown pixels to compare."
    return truth, ""


def _order(
    project: Project, photo: Photo, bits: int, split: str, true: dict[str, Path], *, is_shown: bool
) -> Order:
    decision = project.decision(photo)
    assert decision is not None
    matte = project.versions.find(photo.name, "matte", decision.choice, decision.sha256)
    row = project.database.row(
        "SELECT * FROM files WHERE photo = ? AND kind = 'matte' AND method = ? AND sha256 = ? ORDER BY id DESC",
        *(photo.id, decision.choice, decision.sha256),
    )
    if matte is None or row is None:
        raise ProjectError("the matte that was chosen is gone; choose again.")
    used = row["trimap"]
    trimap = project.versions.find(photo.name, "trimap", "", used) if used else None
    current = project.trimap_version(photo)
    if trimap is None and not used and current is not None:
        trimap = project.trimap_path(photo)
    candidates = {method: str(path) for method, path in project.candidates(photo).items()}
    return Order(
        _entry(photo, decision, row, split),
        str(project.image_path(photo)),
        str(matte),
        str(trimap or ""),
        candidates,
        str(true.get(same_key(photo.name), "")),
        bits,
        is_shown,
    )


def _entry(photo: Photo, decision: Decision, row: Any, split: str) -> dict[str, Any]:
    return {
        "id": photo.id,
        "name": photo.name,
        "photo": photo.file,
        "photo_sha256": photo.sha256,
        "width": photo.width,
        "height": photo.height,
        "split": split,
        "method": decision.choice,
        "parameters": json.loads(row["parameters"]) | decision.parameters,
        "matte_sha256": decision.sha256,
        "made_by": row["author"],
        "made": row["made"],
        "reviewer": decision.reviewer,
        "decided": decision.made,
        "notes": photo.notes,
        "exported_by": f"classmat {__version__}",
    }


def _carried_out(folder: Path, orders: list[Order], workers: int | None) -> Iterator[Piece]:
    """Yield the pieces as they are done; few of them are made here, without other processes."""
    if workers == 1 or (workers is None and len(orders) <= _HERE_UP_TO):
        for order in orders:
            yield fill_order(str(folder), order)
        return
    with open_pool(as_count(workers, name="--workers", low=1) if workers else None, None) as pool:
        executor = pool.executor()
        waiting = {executor.submit(fill_order, str(folder), order) for order in orders}
        for future in as_completed(waiting):
            yield future.result()


def _photo_file(order: Order, data: bytes, image: NDArray[np.float32]) -> dict[str, tuple[str, bytes]]:
    """Return the photo as it is, if everybody will read it as we do; else as a PNG."""
    found = inspected(data, order.image)
    kind = {b"\x89PN": "png", b"\xff\xd8\xff": "jpg"}.get(data[:3], "")
    is_opaque = kind == "jpg" or (kind == "png" and data[25] in (0, 2) and not found.transparent)
    if is_opaque and found.orientation == 1:
        return {"image": (kind, data)}
    bits = 16 if kind == "png" and data[24] == 16 else 8
    return {"image": ("png", encode_image("image.png", image, bits=bits))}


def _write(folder: Path, kind: str, name: str, extension: str, data: bytes) -> dict[str, str]:
    path = folder / kind / f"{name}.{extension}"
    write_bytes(path, data)
    return {"path": path.relative_to(folder).as_posix(), "sha256": digest(data)}


def _figures(
    alpha: NDArray[Any],
    trimap: NDArray[np.uint8] | None,
    mattes: dict[str, NDArray[Any]],
    truth: NDArray[Any] | None,
) -> dict[str, Any]:
    """Return statistics of a matte; differences and errors are over the unknown pixels, if there is a trimap."""
    region = np.ones(alpha.shape, bool) if trimap is None else trimap == UNKNOWN
    found: dict[str, Any] = {
        "fractional": float(((alpha > 0.5 / 255) & (alpha < 254.5 / 255)).mean()),
        "unknown": None if trimap is None else float(region.mean()),
    }
    pair = [matte for method, matte in mattes.items() if method not in (BLEND, EDITED)][:2]
    if len(pair) == 2 and region.any():
        difference = np.abs(pair[0] - pair[1])[region]
        found["difference"] = float(difference.mean())
        found["agreement"] = float((difference <= 0.1).mean())
    if truth is not None:
        found["mse"] = {method: mse(matte, truth, trimap) for method, matte in mattes.items()}
        found["mse_chosen"] = mse(alpha, truth, trimap)
    return found


def _thumbnail(image: NDArray[Any], alpha: NDArray[Any], foreground: NDArray[Any]) -> NDArray[np.uint8]:
    square = max(4, max(alpha.shape) // 24)
    seen = composite(foreground, alpha, checkerboard(*alpha.shape, square=square))
    both = [np.asarray(fit(picture, THUMBNAIL)) for picture in (image, seen)]
    return np.concatenate(both, axis=1 if alpha.shape[0] >= alpha.shape[1] else 0)


def _write_tables(project: Project, folder: Path, pieces: list[Piece], seed: int, share: float, bits: int) -> None:
    entries = [piece.entry for piece in pieces]
    _write_lines(folder / "manifest.jsonl", entries)
    rejected = [(photo, project.decision(photo)) for photo in project.photos("rejected")]
    _write_lines(
        folder / "rejected.jsonl",
        [
            {
                "name": photo.name,
                "photo": photo.file,
                "photo_sha256": photo.sha256,
                "reason": decision.parameters["reason"],
            }
            | {"reviewer": decision.reviewer, "decided": decision.made}
            for photo, decision in rejected
            if decision is not None and decision.choice == REJECT
        ],
    )
    counts = sum((piece.counts for piece in pieces if piece.entry["split"] == TRAIN), np.zeros(LEVELS, np.int64))
    p = (counts + 1) / (counts.sum() + LEVELS)  # one is added, so that levels that never occur get a finite weight
    levels = {"counts": counts.tolist(), "p": p.tolist(), "weights": (-np.log(p)).tolist()}
    write_bytes(folder / "levels.json", json.dumps(levels).encode())
    about = {
        "photos": len(entries),
        "split": {kind: sum(entry["split"] == kind for entry in entries) for kind in (TRAIN, VALIDATION)},
        "seed": seed,
        "validation": share,
        "bits": bits,
        "versions": {"classmat": __version__} | {name: _version_of(name) for name in _PACKAGES},
    }
    write_bytes(folder / "dataset.json", json.dumps(about, indent=2).encode() + b"\n")


def _write_lines(path: Path, entries: list[dict[str, Any]]) -> None:
    write_bytes(path, "".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in entries).encode())


def _version_of(package: str) -> str:
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        return importlib.metadata.version(package)
    return "unknown"


def _split_of(photo: Photo, seed: int, share: float) -> str:
    drawn = int.from_bytes(hashlib.sha256(f"{seed} {photo.sha256}".encode()).digest()[:8]) / 2**64
    return VALIDATION if drawn < share else TRAIN


def _true_mattes(folder: Path | None) -> dict[str, Path]:
    if folder is None:
        return {}
    if not folder.is_dir():
        raise NotADirectoryError(f"--truth {folder} is no folder.")
    files = [path for path in sorted(folder.iterdir()) if is_picture(path)]
    plain = {same_key(path.stem): path for path in files if key_of(path) == path.stem}
    return plain | {same_key(key_of(path)): path for path in files if path.stem.endswith(SUFFIXES["alpha"])}


@contextlib.contextmanager
def _folder_to_be(root: Path) -> Iterator[Path]:
    """Yield a folder that takes the place of ``dataset/`` if the block succeeds; else it is removed."""
    for remains in root.glob(f".{DATASET}-*"):  # of exports that were killed
        process = remains.name.rpartition("-")[2]
        if process.isdigit() and not lives(int(process)):
            shutil.rmtree(remains, ignore_errors=True)
    folder = root / f".{DATASET}-{os.getpid()}"
    shutil.rmtree(folder, ignore_errors=True)
    for name in ("image", "alpha", "foreground", "trimap", "report"):
        (folder / name).mkdir(parents=True)
    try:
        yield folder
        target = root / DATASET
        if target.exists() and any(target.iterdir()):
            target.rename(root / HISTORY / f"{DATASET}-{stamp()}")
        elif target.exists():
            target.rmdir()
        folder.rename(target)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
