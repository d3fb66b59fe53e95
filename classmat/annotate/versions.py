"""Trimaps and mattes on disk, each with a row: written whole, the former version kept, nothing lost in a crash.

A new version arrives as a finished file in ``.incoming`` beside its place, under a name that its contents give it and with a
stamp that says what it is. In one transaction it is then moved to its place, its predecessor to ``history/``, and the
rows follow. Whatever moment a process ends at, the file in its place is whole, and what has arrived can still be taken.
"""

import contextlib
import hashlib
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..images.atomic import write_bytes
from .database import Database, now
from .names import beside, inside, safe_method
from .stamped import stamp_of, stamped

FOLDERS = {"trimap": "trimaps", "matte": "mattes"}
INCOMING = ".incoming"
HISTORY = "history"
DISK = "disk"  # the author of what somebody put there, or changed, without us


@dataclass(frozen=True)
class Version:
    """A row of the table of files: one version of a trimap or a matte."""

    photo: int
    kind: str
    method: str
    sha256: str
    size: int
    mtime: int
    trimap: str
    parameters: dict[str, Any]
    author: str
    made: str


def digest(data: bytes) -> str:
    """Return the SHA-256 of bytes, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def place(kind: str, name: str, method: str = "") -> Path:
    """Return where a trimap or a matte of a photo is, relative to the project.

    >>> place("matte", "cat", "knn").as_posix(), place("trimap", "cat").as_posix()
    ('mattes/knn/cat.png', 'trimaps/cat.png')
    """
    return Path(FOLDERS[kind], safe_method(method) if kind == "matte" else "", f"{name}.png")


def arrive(root: Path, data: bytes, facts: dict[str, Any]) -> Path:
    """Write a finished PNG file, stamped with what it is, to where it waits for `Versions.accept`.

    It needs no database: workers on other machines call this.

    Parameters
    ----------
    root : Path
        The project's folder.
    data : bytes
    facts : dict
        ``kind``, ``photo`` (the photo's sha256), ``method``, ``trimap`` (sha256), ``parameters``, ``author``.
    """
    contents = stamped(data, facts)
    folder = inside(root, Path(FOLDERS[facts["kind"]], INCOMING))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{_prefix(facts)}{digest(contents)[:32]}.png"
    write_bytes(path, contents, sync=True)
    return path


def arrived(root: Path, facts: dict[str, Any], name: str) -> bool:
    """Return whether a file of these facts has arrived, or is in its place already: work that need not be done again.

    Parameters
    ----------
    root : Path
        The project's folder.
    facts : dict
        As for `arrive`.
    name : str
        The photo's name.
    """
    folder = inside(root, Path(FOLDERS[facts["kind"]], INCOMING))
    if next(folder.glob(f"{_prefix(facts)}*.png"), None) is not None:
        return True
    with (
        contextlib.suppress(OSError, ValueError),  # nothing, or a link to nowhere or elsewhere
        inside(root, place(facts["kind"], name, facts["method"])).open("rb") as f,
    ):
        return stamp_of(f.read(1 << 20)) == facts
    return False


def _prefix(facts: dict[str, Any]) -> str:
    return f"{facts['photo'][:16]}-{digest(json.dumps(facts, sort_keys=True).encode())[:16]}-"


class Versions:
    """The files of a project and their rows."""

    def __init__(self, root: Path, database: Database) -> None:
        self._root, self._database = root, database

    def current(self, photo: int, kind: str, method: str = "") -> Version | None:
        """Return the current version, or None if there is none."""
        statement = "SELECT * FROM files WHERE photo = ? AND kind = ? AND method = ? AND replaced IS NULL"
        row = self._database.row(statement, photo, kind, method)
        return _version(row) if row else None

    def mattes(self, photo: int) -> list[Version]:
        """Return the current mattes of a photo by the names of their methods, what people made last."""
        statement = (
            "SELECT * FROM files WHERE photo = ? AND kind = 'matte' AND replaced IS NULL "
            "ORDER BY method IN ('blend', 'edited'), method"
        )
        return [_version(row) for row in self._database.rows(statement, photo)]

    def accept(self, path: Path) -> Version | None:
        """Take a file that arrived into its place; return its row, or None if another process was faster."""
        with self._database.transaction():
            try:
                data = path.read_bytes()
            except FileNotFoundError:
                return None
            facts = stamp_of(data)
            photo = self._database.row("SELECT id, name FROM photos WHERE sha256 = ?", facts.get("photo"))
            if photo is None or facts.get("kind") not in FOLDERS:
                self.set_aside(path)
                return None
            target = beside(self._root, place(facts["kind"], photo["name"], facts["method"]))
            target.parent.mkdir(parents=True, exist_ok=True)
            if (
                not target.is_symlink() and target.exists() and target.read_bytes() == data
            ):  # done twice, by a worker whose run was killed
                path.unlink()
            else:
                self.keep(target)
                path.replace(target)
            return self.record(photo["id"], facts, target, data)

    def record(self, photo: int, facts: dict[str, Any], path: Path, data: bytes) -> Version:
        """Make the row of a file that is in its place the current one."""
        kind, method = facts["kind"], facts["method"]
        found = path.stat()
        with self._database.transaction():
            old = self.current(photo, kind, method)
            if old is not None and old.sha256 == digest(data):
                self._database.change(
                    "UPDATE files SET size = ?, mtime = ? "
                    "WHERE photo = ? AND kind = ? AND method = ? AND replaced IS NULL",
                    *(found.st_size, found.st_mtime_ns, photo, kind, method),
                )
            else:
                self.close_row(photo, kind, method)
                self._database.change(
                    "INSERT INTO files (photo, kind, method, sha256, size, mtime, trimap, parameters, author, made) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    *(photo, kind, method, digest(data), found.st_size, found.st_mtime_ns),
                    *(facts["trimap"], json.dumps(facts["parameters"], sort_keys=True), facts["author"], now()),
                )
            version = self.current(photo, kind, method)
        assert version is not None
        return version

    def close_row(self, photo: int, kind: str, method: str) -> None:
        """Let the row of a version that is no longer in its place be a former one."""
        self._database.change(
            "UPDATE files SET replaced = ? WHERE photo = ? AND kind = ? AND method = ? AND replaced IS NULL",
            *(now(), photo, kind, method),
        )

    def keep(self, path: Path) -> None:
        """Keep what is at a path in the history as well, by a second link to it where the disk has such."""
        with contextlib.suppress(FileNotFoundError):
            kept = self.kept_as(path, digest(path.read_bytes()))
            if not kept.exists():
                kept.parent.mkdir(parents=True, exist_ok=True)
                _link_or_copy(path, kept)

    def kept_as(self, path: Path, sha256: str) -> Path:
        """Return where the history has a former version of a file."""
        relative = path.relative_to(self._root.resolve())
        return self._root.resolve() / HISTORY / relative.with_name(f"{path.stem}.{sha256[:32]}{path.suffix}")

    def keep_refused(self, data: bytes, facts: dict[str, Any], name: str) -> Path:
        """Write into the history what may not take its place, as a version that never was the current one."""
        contents = stamped(data, facts)
        kept = self.kept_as(beside(self._root, place(facts["kind"], name, facts["method"])), digest(contents))
        kept.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(kept, contents)
        return kept

    def set_aside(self, path: Path) -> None:
        """Move a file that is no matte or trimap of the project into the history."""
        self.keep(path)
        path.unlink(missing_ok=True)

    def find(self, photo: str, kind: str, method: str, sha256: str) -> Path | None:
        """Return the file of a version of a photo of that name, current or former; None if there is none."""
        path = inside(self._root, place(kind, photo, method))
        for found in (path, self.kept_as(path, sha256)):
            with contextlib.suppress(FileNotFoundError):
                if digest(found.read_bytes()) == sha256:
                    return found
        return None


def _version(row: Any) -> Version:
    columns = {key: row[key] for key in Version.__dataclass_fields__}
    return Version(**{**columns, "parameters": json.loads(row["parameters"])})


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        if source.is_symlink():
            raise OSError  # what it leads to is somebody's, who may change it
        os.link(source, target)
    except FileExistsError:
        pass
    except OSError:  # a file system without links
        temporary = target.with_name(f".{target.name}.tmp")
        shutil.copy2(source, temporary)
        temporary.replace(target)
