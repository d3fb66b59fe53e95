"""A project: a folder of photos with their trimaps, mattes and what people decided about them.

::

    DIR/images/       the photos (or DIR itself)
        trimaps/      NAME.png
        mattes/       METHOD/NAME.png, 16 bits
        dataset/      what `export` wrote
        history/      former versions of all of these, backups of the database
        project.sqlite

All that several people or processes may do at once goes through the SQLite file, whose transactions are whole.
"""

import contextlib
import json
import os
import time
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from .. import __version__
from ..images.io import encode_image, read_image, read_matte, read_trimap
from ..images.validate import as_alpha, as_choice, as_count, as_number, as_trimap, told_path
from .database import Database, ProjectError, has_backup, now, restore
from .names import inside, safe_method, safe_name, safe_person, same_key
from .records import STATES, Conflict, Decision, Photo, decision_of, photo_of
from .versions import HISTORY, Version, Versions, arrive, place

__all__ = ["STATES", "Conflict", "Decision", "Photo", "Project", "ProjectError"]

DATABASE = "project.sqlite"
IMAGES, DATASET = "images", "dataset"
BLEND, EDITED, REJECT, UNDO = "blend", "edited", "reject", "undo"
AUTHOR = f"classmat {__version__}"  # of what no person made
NO_TRIMAP = "needs a trimap"
LEASE = 300.0  # seconds a reviewer keeps a photo without a sign of life

_PHOTO = """SELECT photos.*, coalesce((SELECT text FROM notes WHERE photo = photos.id ORDER BY notes.id DESC LIMIT 1),
    '') AS notes FROM photos """
_REVIEWER = "review/"


class Project:
    """A folder of photos on their way to a data set. Use `create` or `open`; close it, or use it in a ``with``.

    Threads may share one; processes of one machine may open the same folder.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> with Project.create(folder.name) as project:
    ...     project.photos()
    []
    >>> folder.cleanup()
    """

    def __init__(self, root: Path, database: Database) -> None:
        self.root, self.database = root, database
        self.versions = Versions(root, database)

    @classmethod
    def create(cls, folder: str | os.PathLike[str]) -> "Project":
        """Make a project of a folder, or open the one that it is.

        Raises
        ------
        OSError
            If the folders cannot be made.
        ProjectError
            As `open` does.
        """
        root = Path(folder)
        for name in ("", IMAGES, "trimaps", "mattes", DATASET, HISTORY):
            try:
                (root / name).mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise type(error)(f"cannot create the folder {root / name}: {error.strerror}.") from None
        return cls._opened(root, create=True)

    @classmethod
    def open(cls, folder: str | os.PathLike[str]) -> "Project":
        """Open a project; whatever a killed process left undone is mended.

        An older SQLite file is brought up to date after a copy was kept.

        Raises
        ------
        ProjectError
            If the folder is no project, or its SQLite file is damaged (a copy is kept) or from a newer classmat.
        """
        return cls._opened(Path(folder), create=False)

    @classmethod
    def restore(cls, folder: str | os.PathLike[str]) -> tuple["Project", Path | None]:
        """Go back to the newest backup of a SQLite file that is damaged, and moves to the history, or gone.

        Trimaps and mattes that came later are taken from the disk, for they say what they are. Later decisions are lost.

        Returns
        -------
        Project
            Open.
        Path or None
            The backup; None if there was none, and the table begins anew.

        Raises
        ------
        ProjectError
            If the file is sound, or the folder is no project.
        """
        root = Path(folder)
        is_lost = not (root / DATABASE).exists() and has_backup(root / HISTORY)
        try:
            if not is_lost:
                Database(root / DATABASE, root / HISTORY).close()
        except ProjectError as error:
            if "is damaged" not in str(error):
                raise
        else:
            if not is_lost:
                raise ProjectError(f"{root / DATABASE} is sound; there is nothing to restore.")
        backup = restore(root / DATABASE, root / HISTORY)
        return cls.create(root), backup

    @classmethod
    def _opened(cls, root: Path, *, create: bool) -> "Project":
        project = cls(root, Database(root / DATABASE, root / HISTORY, create=create))
        try:
            project.repair()
        except BaseException:
            project.close()
            raise
        return project

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the SQLite file."""
        self.database.close()

    def repair(self) -> list[str]:
        """Bring table and disk in line; return what was done, a sentence each."""
        from .repair import repair  # which knows this module

        return repair(self)

    # Photos

    def photos(self, state: str | None = None) -> list[Photo]:
        """Return all photos, or those in a state, in the order in which they came."""
        if state is None:
            return [photo_of(row) for row in self.database.rows(f"{_PHOTO} ORDER BY id")]
        as_choice(state, STATES, name="state")
        return [photo_of(row) for row in self.database.rows(f"{_PHOTO} WHERE state = ? ORDER BY id", state)]

    def photo(self, id: int) -> Photo:
        """Return a photo.

        Raises
        ------
        ProjectError
            If the project has no photo of that number.
        """
        row = self.database.row(f"{_PHOTO} WHERE id = ?", id) if isinstance(id, int) else None
        if row is None:
            raise ProjectError(f"the project has no photo {id!r}.")
        return photo_of(row)

    def counts(self) -> dict[str, int]:
        """Return how many photos are in each state."""
        rows = self.database.rows("SELECT state, count(*) AS n FROM photos GROUP BY state")
        return dict.fromkeys(STATES, 0) | {row["state"]: row["n"] for row in rows}

    def add_photo(self, name: str, file: str, *, sha256: str, width: int, height: int) -> Photo:
        """Add a photo whose file is in the project's folder already; its state is ``"failed"`` until it has a trimap."""
        inside(self.root, file)
        key = same_key(safe_name(name))
        with self.database.transaction():
            if self.database.row("SELECT id FROM photos WHERE key = ? OR sha256 = ?", key, sha256):
                raise ProjectError(f"the project has a photo called {name}, or one of the same contents.")
            id = self.database.change(
                "INSERT INTO photos (name, key, file, sha256, width, height, state, reason, added) "
                "VALUES (?, ?, ?, ?, ?, ?, 'failed', ?, ?)",
                *(name, key, file, sha256, width, height, NO_TRIMAP, now()),
            )
            return self.photo(id)

    def image_path(self, photo: Photo) -> Path:
        """Return the photo's file."""
        return inside(self.root, photo.file)

    def trimap_path(self, photo: Photo) -> Path:
        """Return where the trimap is, or would be."""
        return inside(self.root, place("trimap", photo.name))

    def matte_path(self, photo: Photo, method: str) -> Path:
        """Return where the matte of a method is, or would be."""
        return inside(self.root, place("matte", photo.name, method))

    def candidates(self, photo: Photo) -> dict[str, Path]:
        """Return the mattes that there are, by method; ``"blend"`` and ``"edited"`` among them if a person made such."""
        return {
            version.method: self.matte_path(photo, version.method) for version in self.versions.mattes(photo.id)
        }

    def is_stale(self, photo: Photo, method: str) -> bool:
        """Return whether a matte was computed from a former trimap."""
        matte, trimap = self.versions.current(photo.id, "matte", method), self.trimap_version(photo)
        return matte is not None and trimap is not None and matte.trimap not in ("", trimap.sha256)

    def trimap_version(self, photo: Photo) -> Version | None:
        """Return the row of the trimap, or None if there is no trimap."""
        return self.versions.current(photo.id, "trimap")

    # Who works on what

    def claim(self, reviewer: str, *, lease: float = LEASE, after: int | None = None) -> Photo | None:
        """Return the next photo for a reviewer, and hold it for him; None if there is none.

        He gets the photo again that he holds, until he decides about it or releases it.

        Parameters
        ----------
        reviewer : str
        lease : float
            Seconds after which others may have it, unless it is renewed.
        after : int, optional
            Begin behind the photo of this number, and come to those before it last: to skip one.
        """
        holder = _holder(reviewer)
        seconds = as_number(lease, name="lease", low=0, exclusive=True)
        behind = 0 if after is None else as_count(after, name="after")
        own = "SELECT id FROM photos WHERE holder = ? AND state = 'ready'"
        free = "SELECT id FROM photos WHERE state = 'ready' AND (holder IS NULL OR lease < ?) AND id > ? ORDER BY id LIMIT 1"
        with self.database.transaction():
            row = self.database.row(own, holder)
            for start in (behind, 0):
                row = row or self.database.row(free, time.time(), start)
            if row is None:
                return None
            self._hold(row["id"], holder, seconds)
            return self.photo(row["id"])

    def hold(self, photo: Photo, reviewer: str, *, lease: float = LEASE) -> Photo:
        """Hold a certain photo in whatever state, such as one to decide about anew, and let go of others.

        Raises
        ------
        Conflict
            If somebody else holds it, or a run computes it.
        """
        holder = _holder(reviewer)
        seconds = as_number(lease, name="lease", low=0, exclusive=True)
        with self.database.transaction():
            self._require_free(photo.id, holder)
            self._hold(photo.id, holder, seconds)
            return self.photo(photo.id)

    def renew(self, photo: Photo, reviewer: str, *, lease: float = LEASE) -> None:
        """Hold a photo for longer.

        Raises
        ------
        Conflict
            If the lease has run out and somebody else took the photo.
        """
        self.hold(photo, reviewer, lease=lease)

    def release(self, photo: Photo, reviewer: str) -> None:
        """Let others have the photo; nothing if the reviewer does not hold it."""
        statement = "UPDATE photos SET holder = NULL, lease = 0 WHERE id = ? AND holder = ?"
        self.database.change(statement, photo.id, _holder(reviewer))

    def holder(self, photo: Photo) -> str | None:
        """Return the reviewer who holds the photo now, or None."""
        row = self.database.row("SELECT holder, lease FROM photos WHERE id = ?", photo.id)
        is_held = row is not None and row["lease"] >= time.time() and (row["holder"] or "").startswith(_REVIEWER)
        return row["holder"].removeprefix(_REVIEWER) if row is not None and is_held else None

    def _hold(self, id: int, holder: str, seconds: float) -> None:
        self.database.change("UPDATE photos SET holder = NULL, lease = 0 WHERE holder = ? AND id != ?", holder, id)
        self.database.change(
            "UPDATE photos SET holder = ?, lease = ? WHERE id = ?", holder, time.time() + seconds, id
        )

    def _require_free(self, id: int, holder: str) -> None:
        row = self.database.row("SELECT name, holder, lease FROM photos WHERE id = ?", id)
        if row is None:
            raise ProjectError(f"the project has no photo {id!r}.")
        if row["holder"] not in (None, holder) and row["lease"] >= time.time():
            who = row["holder"].removeprefix(_REVIEWER) if row["holder"].startswith(_REVIEWER) else "a run"
            raise Conflict(f"{row['name']} is held by {who}; take another photo, or wait.")

    # Decisions

    def decide(
        self,
        photo: Photo,
        choice: str,
        reviewer: str,
        *,
        parameters: dict[str, Any] | None = None,
        notes: str | None = None,
        overrule: bool = False,
        version: str | None = None,
    ) -> Decision:
        """Write down what a reviewer decided; the photo is released.

        Parameters
        ----------
        photo : Photo
        choice : str
            A method that has a matte, ``"edited"``, ``"blend"`` or ``"reject"``.
        reviewer : str
        parameters : dict, optional
            What JSON can hold. For ``"blend"`` it has ``"methods"`` (two that have mattes) and ``"weight"`` (of the
            first, in [0, 1]), and the blended matte is made here. For ``"reject"`` it has ``"reason"``, a text.
        notes : str, optional
            Kept as `note` does.
        overrule : bool
            Whether the decision may take the place of another person's.
        version : str, optional
            The sha256 of the matte that the reviewer saw. Of no meaning for ``"blend"`` and ``"reject"``.

        Raises
        ------
        Conflict
            If somebody else holds the photo, or decided about it and is not to be overruled, or if the matte is not
            the one that the reviewer saw.
        ProjectError, ValueError
            If there is no such matte, or the parameters are not as described.
        """
        given, person = dict(parameters or {}), safe_person(reviewer)
        if choice == BLEND:
            self._require_may_decide(
                photo, person, overrule=overrule
            )  # before the blend takes another one's place
            self._blend(photo, given, person)
        if choice == REJECT:
            given["reason"] = _line(given.get("reason") or notes, "reason")
        with self.database.transaction():
            self._require_may_decide(photo, person, overrule=overrule)
            matte = None if choice == REJECT else self.versions.current(photo.id, "matte", safe_method(choice))
            if matte is None and choice != REJECT:
                raise ProjectError(f"{photo.name} has no matte {choice!r}; it has {self._told_methods(photo)}.")
            sha256 = matte.sha256 if matte is not None else ""
            if version is not None and choice not in (BLEND, REJECT) and version != sha256:
                raise Conflict(f"the matte {choice} of {photo.name} changed meanwhile; look at it again.")
            id = self._append(photo.id, choice, sha256, given, person)
            self.follow(photo.id)
            self.release(photo, person)
            if notes:
                self.note(photo, notes, person)
            return self._decision(id)

    def _require_may_decide(self, photo: Photo, person: str, *, overrule: bool) -> None:
        self._require_free(photo.id, _holder(person))
        former = self.decision(photo)
        if former is not None and former.reviewer != person and not overrule:
            raise Conflict(f"{photo.name} was decided by {former.reviewer}; overrule that if it is meant.")

    def undo(self, photo: Photo, reviewer: str) -> Photo:
        """Take back the reviewer's own last decision about a photo; what was decided before stands again.

        The reviewer holds the photo afterwards if nobody else does.

        Raises
        ------
        Conflict
            If the decision that stands is another person's.
        ProjectError
            If there is none.
        """
        person = safe_person(reviewer)
        with self.database.transaction():
            standing = self.decision(photo)
            if standing is None:
                raise ProjectError(f"nothing is decided about {photo.name}; there is nothing to undo.")
            if standing.reviewer != person:
                raise Conflict(f"{photo.name} was decided by {standing.reviewer}, who alone can undo it.")
            self._append(photo.id, UNDO, "", {}, person, undoes=standing.id)
            self.follow(photo.id)
            with contextlib.suppress(Conflict):
                self.hold(photo, person)
            return self.photo(photo.id)

    def decision(self, photo: Photo) -> Decision | None:
        """Return the decision that stands: the last one that was not undone."""
        row = self.database.row(
            "SELECT * FROM decisions AS d WHERE photo = ? AND choice != 'undo' "
            "AND NOT EXISTS (SELECT 1 FROM decisions WHERE undoes = d.id) ORDER BY id DESC LIMIT 1",
            photo.id,
        )
        return decision_of(row) if row else None

    def decisions(self, photo: Photo | None = None) -> list[Decision]:
        """Return all that was ever decided, about one photo or about all, in the order of time."""
        where, values = ("", []) if photo is None else ("WHERE photo = ?", [photo.id])
        return [
            decision_of(row) for row in self.database.rows(f"SELECT * FROM decisions {where} ORDER BY id", *values)
        ]

    def note(self, photo: Photo, text: str, reviewer: str) -> None:
        """Add a note; `Photo.notes` is the last one, `notes` are all."""
        if not isinstance(text, str) or len(text) > 10_000 or "\0" in text:
            raise ProjectError("a note is a text of at most 10000 letters.")
        with self.database.transaction():
            self.photo(photo.id)
            statement = "INSERT INTO notes (photo, text, reviewer, made) VALUES (?, ?, ?, ?)"
            self.database.change(statement, photo.id, text, safe_person(reviewer), now())

    def notes(self, photo: Photo) -> list[dict[str, str]]:
        """Return all notes about a photo: ``text``, ``reviewer``, ``made``."""
        rows = self.database.rows("SELECT text, reviewer, made FROM notes WHERE photo = ? ORDER BY id", photo.id)
        return [dict(row) for row in rows]

    # Trimaps and mattes

    def write_trimap(
        self, photo: Photo, trimap: Any, reviewer: str | None = None, *, parameters: dict[str, Any] | None = None
    ) -> Version:
        """Write a trimap; the former one is kept in the history. Mattes of the former one are stale then.

        Parameters
        ----------
        photo : Photo
        trimap : (h, w)
        reviewer : str, optional
            Who made it, if a person did.
        parameters : dict, optional
            What JSON can hold: how it was made.

        Raises
        ------
        TypeError, ValueError
            If it is no trimap of the photo's size with foreground and background.
        Conflict
            If somebody else holds the photo.
        """
        levels = as_trimap(trimap)
        self._require_size(photo, levels)
        person = None if reviewer is None else safe_person(reviewer)
        facts = {"kind": "trimap", "method": "", "trimap": "", "parameters": dict(parameters or {})}
        return self._write(photo, encode_image("trimap.png", levels), facts, person)

    def write_matte(
        self, photo: Photo, method: str, alpha: Any, *, parameters: dict[str, Any], reviewer: str | None = None
    ) -> Version:
        """Write a matte of 16 bits; the former one of this method is kept in the history.

        Parameters
        ----------
        photo : Photo
        method : str
            ``"edited"`` for what a person did, else the method's name.
        alpha : (h, w)
        parameters : dict
            What JSON can hold: how it was made.
        reviewer : str, optional
            Who made it, if a person did.

        Raises
        ------
        TypeError, ValueError
            If alpha is no matte of the photo's size.
        Conflict
            If somebody else holds the photo.
        """
        values = as_alpha(alpha, dtype=np.float32)
        self._require_size(photo, values)
        trimap = self.trimap_version(photo)
        facts = matte_facts(method, parameters, trimap.sha256 if trimap else "")
        person = None if reviewer is None else safe_person(reviewer)
        return self._write(photo, encode_image("matte.png", values, bits=16), facts, person)

    def read_image(self, photo: Photo) -> NDArray[np.float32]:
        """Return the photo, (h, w, 3) in [0, 1]."""
        return read_image(self.image_path(photo))

    def read_trimap(self, photo: Photo) -> NDArray[np.uint8]:
        """Return the trimap, (h, w): 0, 128 or 255."""
        return read_trimap(self.trimap_path(photo))

    def read_matte(self, photo: Photo, method: str) -> NDArray[np.float32]:
        """Return the matte of a method, (h, w) in [0, 1]."""
        return read_matte(self.matte_path(photo, method))

    def _write(self, photo: Photo, data: bytes, facts: dict[str, Any], person: str | None) -> Version:
        facts = {**facts, "photo": photo.sha256, "author": person or AUTHOR}
        path = arrive(self.root, data, facts) if person is None else None
        with self.database.transaction():
            if person is not None:
                try:
                    self._require_free(photo.id, _holder(person))
                except Conflict:  # nobody's work is lost, but what has arrived would be taken in some day
                    self.versions.keep_refused(data, facts, photo.name)
                    raise
            version = self.versions.accept(path or arrive(self.root, data, facts))
            version = version or self.versions.current(photo.id, facts["kind"], facts["method"])
            self.follow(photo.id)
        assert version is not None
        return version

    def _blend(self, photo: Photo, given: dict[str, Any], person: str) -> None:
        methods = given.get("methods")
        if not isinstance(methods, list | tuple) or len(methods) != 2:
            raise ProjectError("parameters of a blend have 'methods', two names, and 'weight', a number.")
        weight = as_number(given.get("weight"), name="weight", low=0, high=1)
        for method in methods:
            if self.versions.current(photo.id, "matte", safe_method(method)) is None:
                raise ProjectError(f"{photo.name} has no matte {method!r}; it has {self._told_methods(photo)}.")
        first, second = (self.read_matte(photo, method) for method in methods)
        alpha = weight * first + (1 - weight) * second
        self.write_matte(photo, BLEND, np.clip(alpha, 0, 1), parameters=given, reviewer=person)

    def _append(
        self, photo: int, choice: str, sha256: str, given: dict[str, Any], person: str, undoes: int | None = None
    ) -> int:
        return self.database.change(
            "INSERT INTO decisions (photo, choice, sha256, parameters, reviewer, made, undoes) VALUES (?, ?, ?, ?, ?, ?, ?)",
            *(photo, choice, sha256, json.dumps(given, sort_keys=True), person, now(), undoes),
        )

    def _decision(self, id: int) -> Decision:
        row = self.database.row("SELECT * FROM decisions WHERE id = ?", id)
        assert row is not None
        return decision_of(row)

    def follow(self, id: int) -> None:
        """Let the state of a photo say what its decisions, files and failures say; a run's own state stays."""
        photo = self.photo(id)
        standing, trimap = self.decision(photo), self.trimap_version(photo)
        if standing is not None:
            state = "rejected" if standing.choice == REJECT else "chosen"
            reason = standing.parameters.get("reason", "")
        elif photo.state == "running":
            return
        elif trimap is None:
            state, reason = "failed", photo.reason if photo.reason.startswith(NO_TRIMAP) else NO_TRIMAP
        else:
            failures = self.failures(photo)
            has_mattes = bool(self.versions.mattes(id))
            state = "ready" if has_mattes else "failed" if failures else "new"
            reason = "; ".join(f"{method}: {text}" for method, text in failures.items())
        self.database.change("UPDATE photos SET state = ?, reason = ? WHERE id = ?", state, reason, id)

    def failures(self, photo: Photo) -> dict[str, str]:
        """Return why methods failed on this photo with its present trimap, by method."""
        trimap = self.trimap_version(photo)
        rows = self.database.rows("SELECT * FROM failures WHERE photo = ? ORDER BY method", photo.id)
        return {
            row["method"]: row["reason"] for row in rows if trimap is not None and row["trimap"] == trimap.sha256
        }

    def _require_size(self, photo: Photo, array: NDArray[Any]) -> None:
        h, w = array.shape
        if (h, w) != (photo.height, photo.width):
            raise ProjectError(
                f"{photo.name} has {photo.width} x {photo.height} pixels, what was to be written has {w} x {h}."
            )

    def _told_methods(self, photo: Photo) -> str:
        return ", ".join(self.candidates(photo)) or "none"


def matte_facts(method: str, parameters: dict[str, Any], trimap: str) -> dict[str, Any]:
    """Return what the stamp of a matte says besides whose it is; `trimap` is its sha256."""
    return {"kind": "matte", "method": safe_method(method), "trimap": trimap, "parameters": dict(parameters)}


def _holder(reviewer: str) -> str:
    return _REVIEWER + safe_person(reviewer)


def _line(text: Any, what: str) -> str:
    if not isinstance(text, str) or not text.strip() or len(text) > 10_000:
        raise ProjectError(f"a {REJECT} needs a {what}: parameters={{'{what}': '...'}}.")
    return told_path(" ".join(text.split()))
