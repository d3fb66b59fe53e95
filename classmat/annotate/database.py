"""The project's SQLite file: opened, checked, migrated, backed up; its errors as sentences."""

import contextlib
import errno
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..images.atomic import atomic_path

APPLICATION = 0x636D6174  # "cmat": tells a project's file from other people's databases
PATIENCE = 30.0  # seconds to wait for another process's transaction
BACKUPS = 5
_BACKUP = "project-2"  # with the year that follows: not those of older schemas

# The statements that lead from one version of the schema to the next. A released step is never edited.
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE photos (
            id INTEGER PRIMARY KEY,
            name TEXT NOT NULL,
            key TEXT NOT NULL UNIQUE,       -- the name, as a file system that ignores case sees it
            file TEXT NOT NULL UNIQUE,      -- relative to the project
            sha256 TEXT NOT NULL UNIQUE,
            width INTEGER NOT NULL,
            height INTEGER NOT NULL,
            state TEXT NOT NULL DEFAULT 'new'
                CHECK (state IN ('new', 'running', 'ready', 'failed', 'chosen', 'rejected')),
            reason TEXT NOT NULL DEFAULT '',
            holder TEXT,                    -- who works on it, until when (seconds of the epoch)
            lease REAL NOT NULL DEFAULT 0,
            added TEXT NOT NULL)""",
        "CREATE INDEX photos_of_a_state ON photos (state)",
        "CREATE INDEX photos_of_a_holder ON photos (holder) WHERE holder IS NOT NULL",
        """CREATE TABLE files (
            id INTEGER PRIMARY KEY,
            photo INTEGER NOT NULL REFERENCES photos,
            kind TEXT NOT NULL CHECK (kind IN ('trimap', 'matte')),
            method TEXT NOT NULL,           -- of a matte; '' for trimaps
            sha256 TEXT NOT NULL,           -- of the whole file
            size INTEGER NOT NULL,
            mtime INTEGER NOT NULL,         -- nanoseconds
            trimap TEXT NOT NULL,           -- sha256 of the trimap that the matte is made from
            parameters TEXT NOT NULL,       -- JSON
            author TEXT NOT NULL,
            made TEXT NOT NULL,
            replaced TEXT)                  -- NULL for the current version""",
        "CREATE UNIQUE INDEX one_current_version ON files (photo, kind, method) WHERE replaced IS NULL",
        """CREATE TABLE decisions (
            id INTEGER PRIMARY KEY,
            photo INTEGER NOT NULL REFERENCES photos,
            choice TEXT NOT NULL,           -- a method, 'reject', or 'undo'
            sha256 TEXT NOT NULL,           -- of the matte that was chosen
            parameters TEXT NOT NULL,       -- JSON
            reviewer TEXT NOT NULL,
            made TEXT NOT NULL,
            undoes INTEGER UNIQUE REFERENCES decisions)""",
        "CREATE INDEX decisions_of_a_photo ON decisions (photo)",
        """CREATE TRIGGER decisions_stay BEFORE UPDATE ON decisions
            BEGIN SELECT RAISE(ABORT, 'decisions are only appended'); END""",
        """CREATE TRIGGER decisions_remain BEFORE DELETE ON decisions
            BEGIN SELECT RAISE(ABORT, 'decisions are only appended'); END""",
    ),
    (
        """CREATE TABLE notes (
            id INTEGER PRIMARY KEY,
            photo INTEGER NOT NULL REFERENCES photos,
            text TEXT NOT NULL,
            reviewer TEXT NOT NULL,
            made TEXT NOT NULL)""",
        "CREATE INDEX notes_of_a_photo ON notes (photo)",
        """CREATE TABLE failures (
            photo INTEGER NOT NULL REFERENCES photos,
            method TEXT NOT NULL,
            trimap TEXT NOT NULL,           -- sha256 of the trimap that it failed with
            reason TEXT NOT NULL,
            made TEXT NOT NULL,
            PRIMARY KEY (photo, method))""",
        """CREATE TABLE passed_over (
            file TEXT PRIMARY KEY,          -- what init did not take, so that it need not look again
            size INTEGER NOT NULL,
            mtime INTEGER NOT NULL,
            reason TEXT NOT NULL)""",
    ),
)
VERSION = len(MIGRATIONS)


class ProjectError(ValueError):
    """What is wrong with a project, or with what is asked of it, in one sentence."""


def restore(path: Path, history: Path) -> Path | None:
    """Put the newest backup in the place of a database, which moves to the history with its log.

    Returns
    -------
    Path or None
        The backup; None if there is none, in which case the next `create` begins anew.
    """
    kept = history / f"damaged-{stamp()}"
    for part in _parts(path):
        kept.mkdir(parents=True, exist_ok=True)
        part.replace(kept / part.name)
    backups = sorted(history.glob(f"{_BACKUP}*.sqlite"))
    if not backups:
        return None
    with atomic_path(path) as temporary:
        shutil.copy2(backups[-1], temporary)
    return backups[-1]


def has_backup(history: Path) -> bool:
    """Return whether there is a backup to go back to."""
    return any(history.glob(f"{_BACKUP}*.sqlite"))


def _parts(path: Path) -> list[Path]:
    """Return a database and its log, which belong together."""
    parts = (path.with_name(path.name + end) for end in ("", "-wal", "-shm"))
    return [part for part in parts if part.exists()]


def now() -> str:
    """Return the time as ISO 8601 in UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def stamp() -> str:
    """Return the time as part of a file's name."""
    return datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")


class Database:
    """One connection that threads share, each transaction whole; other processes have their own.

    Safe for many processes of one machine on its local disk. Network file systems do not keep SQLite's locks:
    only processes of the machine that owns the disk may open it.

    Parameters
    ----------
    path : Path
        The SQLite file.
    history : Path
        The folder for copies.
    create : bool
        Whether to make a new one if there is none.
    """

    def __init__(self, path: Path, history: Path, *, create: bool = False) -> None:
        self.path, self._history = path, history
        self._lock = threading.RLock()
        self._depth = 0
        if not create and not path.is_file():
            raise ProjectError(
                f"{path.parent} is no project: it has no {path.name}; classmat annotate init makes one."
            )
        with self._told():
            self._connection = sqlite3.connect(path, PATIENCE, isolation_level=None, check_same_thread=False)
        try:
            self._begin(create)
        except BaseException:
            self._connection.close()
            raise

    def close(self) -> None:
        """End the connection."""
        with self._lock:
            self._connection.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Do all that is in the block or nothing; only one process at a time is in such a block."""
        with self._lock, self._told():
            self._depth += 1
            try:
                if self._depth > 1:  # part of a larger one
                    yield
                    return
                self._connection.execute("BEGIN IMMEDIATE")
                try:
                    yield
                except BaseException:
                    if self._connection.in_transaction:  # a full disk may have ended it
                        self._connection.execute("ROLLBACK")
                    raise
                self._connection.execute("COMMIT")
            finally:
                self._depth -= 1

    def rows(self, statement: str, *values: Any) -> list[sqlite3.Row]:
        """Return all rows of a query."""
        with self._lock, self._told():
            return self._connection.execute(statement, values).fetchall()

    def row(self, statement: str, *values: Any) -> sqlite3.Row | None:
        """Return the first row of a query, or None."""
        found = self.rows(statement, *values)
        return found[0] if found else None

    def change(self, statement: str, *values: Any) -> int:
        """Insert or change rows; return the id of the last that was inserted."""
        with self._lock, self._told():
            return self._connection.execute(statement, values).lastrowid or 0

    def backup(self) -> Path:
        """Copy the database into the history, whole whatever other processes do, and forget the oldest copies."""
        target = self._copy(f"project-{stamp()}.sqlite")
        for old in sorted(self._history.glob(f"{_BACKUP}*.sqlite"))[:-BACKUPS]:
            old.unlink(missing_ok=True)
        return target

    def _copy(self, name: str) -> Path:
        self._history.mkdir(exist_ok=True)
        with atomic_path(self._history / name) as temporary, self._lock, self._told():
            copy = sqlite3.connect(temporary)
            try:
                self._connection.backup(copy)
                copy.execute("PRAGMA journal_mode = DELETE")  # one file, without a log beside it
            finally:
                copy.close()
        return self._history / name

    def _begin(self, create: bool) -> None:
        connection = self._connection
        connection.row_factory = sqlite3.Row
        try:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            application = connection.execute("PRAGMA application_id").fetchone()[0]
            is_empty = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
            trouble = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        except sqlite3.OperationalError:  # busy, or may not be read: nothing is wrong with the file
            with self._told():
                raise
        except sqlite3.DatabaseError as error:
            self._refuse_damaged(str(error))
        if trouble != "ok":
            self._refuse_damaged(trouble)
        if is_empty and not create:
            self._refuse_damaged("it is empty")
        if not is_empty and application != APPLICATION:
            raise ProjectError(f"{self.path} is a database, but not of a classmat project.")
        if version > VERSION:
            raise ProjectError(
                f"{self.path} was written by a newer classmat (schema {version}, this one knows up to {VERSION}); "
                "update classmat; the file is as it was."
            )
        with self._told():
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")  # a decision that was answered outlives a power cut
            connection.execute("PRAGMA foreign_keys = ON")
        if version < VERSION:
            self._migrate(None if is_empty else version)

    def _migrate(self, version: int | None) -> None:
        """Bring the schema up to date in one transaction, after a copy was kept."""
        if version is not None:
            self._copy(f"project-schema{version}-{stamp()}.sqlite")
        with self.transaction():
            done = self.rows("PRAGMA user_version")[0][0]  # another process may have been faster
            for step in MIGRATIONS[done:]:
                for statement in step:
                    self.change(statement)
            self.change(f"PRAGMA user_version = {VERSION}")
            self.change(f"PRAGMA application_id = {APPLICATION}")

    def _refuse_damaged(self, trouble: str) -> None:
        self._connection.close()
        kept = self._history / f"damaged-{stamp()}"
        kept.mkdir(parents=True)
        for part in _parts(self.path):
            shutil.copy2(part, kept / part.name)
        raise ProjectError(
            f"{self.path} is damaged ({' '.join(trouble.split())}); a copy is in {kept}; "
            f"classmat annotate restore {self.path.parent} goes back to the newest backup."
        )

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """Turn SQLite's errors into ours."""
        try:
            yield
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if code == sqlite3.SQLITE_FULL:
                raise OSError(errno.ENOSPC, "No space left on device", str(self.path)) from None
            if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise ProjectError(f"{self.path} is in use by another process; try again.") from None
            if code in (
                sqlite3.SQLITE_READONLY,
                sqlite3.SQLITE_CANTOPEN,
                sqlite3.SQLITE_PERM,
                sqlite3.SQLITE_IOERR,
            ):
                raise OSError(f"cannot use {self.path}: {error}.") from None
            if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
                raise ProjectError(f"{self.path} is damaged ({error}).") from None
            raise
