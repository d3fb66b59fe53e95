"""What a killed process left undone is done, and what people changed on the disk is written down.

Nothing is deleted: what has no place moves to the history.
"""

import contextlib
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..images.io import read_matte, read_trimap
from .names import beside, inside, is_method
from .stamped import stamp_of
from .versions import DISK, FOLDERS, INCOMING, place

OLD = 3600.0  # seconds after which nobody is still writing a file

if TYPE_CHECKING:
    from .project import Photo, Project


def repair(project: "Project") -> list[str]:
    """Bring table and disk in line; return what was done, a sentence each.

    A row whose file has the size and the time of the row is taken to be right; other files are read.
    """
    _sweep(project.root)
    done = [*take_arrivals(project), *free_lost_runs(project)]
    photos = {photo.name: photo for photo in project.photos()}
    rows = {
        (row["photo"], row["kind"], row["method"]): (row["size"], row["mtime"])
        for row in project.database.rows("SELECT * FROM files WHERE replaced IS NULL")
    }
    for kind, method, path in _files_on_disk(project.root):
        photo = photos.get(path.stem)
        if photo is None:
            continue  # a file of somebody else, such as the trimap of a photo to come
        if rows.pop((photo.id, kind, method), None) != _signature(path):
            done += _look_again(project, photo, kind, method)
    names = {photo.id: photo for photo in photos.values()}
    for id, kind, method in rows:
        done += _look_again(project, names[id], kind, method)
    return done


def _sweep(root: Path) -> None:
    """Remove what killed processes had begun to write, once nobody can still be writing it."""
    for folder in FOLDERS.values():
        for path in (root / folder / INCOMING).glob(".classmat-*.tmp"):
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_mtime < time.time() - OLD:
                    path.unlink()


def take_arrivals(project: "Project", photo: str = "") -> Iterator[str]:
    """Take the files that have arrived into their places: all, or those of the photo of this sha256."""
    for folder in FOLDERS.values():
        for path in sorted((project.root / folder / INCOMING).glob(f"{photo[:16]}*.png")):
            try:
                version = project.versions.accept(path)
            except ValueError as error:  # a link in its place's folder, or a stamp that is none
                yield f"passed over {path.name}, which had arrived: {error}"
                continue
            if version is not None:
                with project.database.transaction():
                    project.follow(version.photo)
                yield f"took the {version.kind} that had arrived for photo {version.photo}"


def free_lost_runs(project: "Project") -> Iterator[str]:
    """Let others have the photos of runs that have ended without giving them back."""
    for row in project.database.rows("SELECT * FROM photos WHERE state = 'running'"):
        if not is_lost(row["holder"], row["lease"]):
            continue
        with project.database.transaction():
            project.database.change(
                "UPDATE photos SET state = 'new', holder = NULL, lease = 0 "
                "WHERE id = ? AND state = 'running' AND holder IS ?",
                *(row["id"], row["holder"]),
            )
            project.follow(row["id"])
        yield f"freed {row['name']}, whose run has ended"


def _files_on_disk(root: Path) -> Iterator[tuple[str, str, Path]]:
    for path in sorted((root / FOLDERS["trimap"]).glob("*.png")):
        yield "trimap", "", path
    for folder in sorted((root / FOLDERS["matte"]).iterdir()):
        if folder.is_dir() and is_method(folder.name):
            for path in sorted(folder.glob("*.png")):
                yield "matte", folder.name, path


def _signature(path: Path) -> tuple[int, int] | tuple[()]:
    try:
        found = path.stat()
    except OSError:  # a link to nowhere, or in a loop
        return ()
    return found.st_size, found.st_mtime_ns


def _look_again(project: "Project", photo: "Photo", kind: str, method: str) -> Iterator[str]:
    """Bring one row in line with its file, inside of a transaction, since another process may be writing both."""
    told = f"{kind} {method} of {photo.name}".replace("  ", " ")
    with project.database.transaction():
        try:
            data = inside(project.root, place(kind, photo.name, method)).read_bytes()
            path = beside(project.root, place(kind, photo.name, method))
        except (OSError, ValueError) as error:
            is_gone = isinstance(error, FileNotFoundError)
            if is_gone or isinstance(error, ValueError):  # else it may be read another day
                project.versions.close_row(photo.id, kind, method)
                project.follow(photo.id)
            yield f"the {told} is gone" if is_gone else f"passed over the {told}: {error}"
            return
        facts = stamp_of(data)
        if (facts.get("kind"), facts.get("method"), facts.get("photo")) != (kind, method, photo.sha256):
            facts = {"kind": kind, "method": method, "trimap": "", "parameters": {}, "author": DISK}
        if not _is_sound(path, photo, kind):
            project.versions.set_aside(path)
            project.versions.close_row(photo.id, kind, method)
            yield f"the {told} is damaged; it is in the history now"
        else:
            former = project.versions.current(photo.id, kind, method)
            version = project.versions.record(photo.id, facts, path, data)
            if former is None or former.sha256 != version.sha256:
                yield f"the {told} was found on the disk"
        project.follow(photo.id)


def _is_sound(path: Path, photo: "Photo", kind: str) -> bool:
    read: Any = read_trimap if kind == "trimap" else read_matte
    try:
        return read(path).shape == (photo.height, photo.width)
    except (OSError, ValueError):
        return False


def owner() -> str:
    """Return who this process is: a run's name in the table, which tells whether it still lives."""
    pid = os.getpid()
    return f"run/{socket.gethostname()}/{pid}/{_started(pid)}"


def is_lost(holder: str | None, lease: float) -> bool:
    """Return whether a run has ended: its process on this machine, or elsewhere its lease."""
    _, _, rest = (holder or "").partition("run/")
    host, _, process = rest.rpartition("/")[0].rpartition("/")
    if not rest or host != socket.gethostname():
        return lease < time.time()
    return not process.isdigit() or not lives(int(process)) or _started(int(process)) != rest.rpartition("/")[2]


def lives(pid: int) -> bool:
    """Return whether a process of this machine lives."""
    if os.name == "nt":  # os.kill would end it
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _started(pid: int) -> str:
    """Return when a process began, in clock ticks, where the system tells: a number may be given again."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""
