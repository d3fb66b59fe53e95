"""SQLite files that are older, newer, damaged, somebody else's, busy, or on a full disk."""

import errno
import os
import sqlite3

import numpy as np
import pytest
from project_checks import check

from classmat.annotate import database
from classmat.annotate.database import Database
from classmat.annotate.intake import take_in
from classmat.annotate.project import Project, ProjectError


def test_no_project(tmp_path):
    with pytest.raises(ProjectError, match=r"is no project: it has no project\.sqlite"):
        Project.open(tmp_path)
    assert not list(tmp_path.iterdir())


def test_an_older_file_is_migrated_and_a_copy_kept(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(database, "MIGRATIONS", database.MIGRATIONS[:1])
        patch.setattr(database, "VERSION", 1)
        Database(tmp_path / "project.sqlite", tmp_path / "history", create=True).close()
    old = sqlite3.connect(tmp_path / "project.sqlite")
    old.execute(
        "INSERT INTO photos (name, key, file, sha256, width, height, added) VALUES ('a', 'a', 'a.png', '0', 1, 1, '')"
    )
    old.commit()
    old.close()
    with Project.create(tmp_path) as project:
        assert [photo.name for photo in project.photos()] == ["a"]
        assert project.photo(1).notes == ""
        assert project.database.rows("PRAGMA user_version")[0][0] == database.VERSION
    (kept,) = tmp_path.glob("history/project-schema1-*.sqlite")
    copy = sqlite3.connect(kept)
    assert copy.execute("PRAGMA user_version").fetchone() == (1,)
    assert copy.execute("SELECT name FROM photos").fetchall() == [("a",)]
    copy.close()


def test_a_newer_file_is_left_alone(ready):
    ready.database.change(f"PRAGMA user_version = {database.VERSION + 1}")
    ready.close()
    before = (ready.root / "project.sqlite").read_bytes()
    with pytest.raises(ProjectError, match=r"newer classmat \(schema 3, this one knows up to 2\)"):
        Project.open(ready.root)
    assert (ready.root / "project.sqlite").read_bytes() == before


@pytest.mark.parametrize("damage", ["text", "empty", "page", "header"])
def test_a_damaged_file_is_kept_and_the_backup_named(ready, damage):
    backup = ready.database.backup()
    ready.close()
    path = ready.root / "project.sqlite"
    data = bytearray(path.read_bytes())
    if damage == "page":
        data[4096 * 2 : 4096 * 9] = b"\xa5" * (4096 * 7)
    elif damage == "header":
        data[:20] = b"\0" * 20
    path.write_bytes({"text": b"I am no database. " * 300, "empty": b""}.get(damage, bytes(data)))
    broken = path.read_bytes()
    with pytest.raises(ProjectError, match=r"is damaged \(.*\); a copy is in .*annotate restore"):
        Project.open(ready.root)
    (kept,) = ready.root.glob("history/damaged-*/project.sqlite")
    assert kept.read_bytes() == broken
    project, used = Project.restore(ready.root)
    with project:
        assert used == backup
        check(project)
        assert [photo.state for photo in project.photos()] == ["ready"] * 3
    with pytest.raises(ProjectError, match="is sound"):
        Project.restore(ready.root)


def test_without_a_backup_it_begins_anew(ready):
    ready.close()
    (ready.root / "project.sqlite").write_bytes(b"")
    project, backup = Project.restore(ready.root)
    with project:
        assert (backup, project.photos()) == (None, [])
        take_in(project, draft=False)
        project.repair()
        assert [photo.state for photo in project.photos()] == ["ready"] * 3, "mattes say whose they are"
        check(project)


def test_another_programs_database(tmp_path):
    other = sqlite3.connect(tmp_path / "project.sqlite")
    other.execute("CREATE TABLE photos (id)")
    other.close()
    with pytest.raises(ProjectError, match="not of a classmat project"):
        Project.open(tmp_path)


def test_backups_are_few_and_sound(ready):
    for _ in range(8):
        newest = ready.database.backup()
    copies = sorted(ready.root.glob("history/project-2*.sqlite"))
    assert len(copies) == database.BACKUPS
    assert copies[-1] == newest
    copy = sqlite3.connect(newest)
    assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    copy.close()


def test_a_transaction_is_whole(ready):
    def act():
        with ready.database.transaction():
            ready.decide(ready.photo(1), "knn", "Ana")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        act()
    assert ready.photo(1).state == "ready"
    assert ready.decisions() == []


def test_a_busy_file_is_told(ready, monkeypatch):
    monkeypatch.setattr(database, "PATIENCE", 0.05)
    other = sqlite3.connect(ready.root / "project.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        with Project.open(ready.root) as project, pytest.raises(ProjectError, match="in use by another process"):
            project.claim("Ana")
    finally:
        other.close()


def test_a_full_disk_is_an_os_error(ready):
    pages = ready.database.rows("PRAGMA page_count")[0][0]
    ready.database.rows(f"PRAGMA max_page_count = {pages}")

    def fill():
        for i in range(100):
            ready.note(ready.photo(1), "x" * 9000, f"reviewer {i}")

    with pytest.raises(OSError, match="No space left") as caught:
        fill()
    assert caught.value.errno == errno.ENOSPC
    ready.database.rows("PRAGMA max_page_count = 100000")
    ready.decide(ready.photo(1), "knn", "Ana")
    check(ready)


def test_what_arrives_is_on_the_disk_before_it_has_its_name(ready, monkeypatch):
    synced, original = [], os.fsync
    monkeypatch.setattr(os, "fsync", lambda number: synced.append(number) or original(number))
    ready.write_matte(ready.photo(1), "shared", np.zeros((24, 32)), parameters={})
    assert synced
    assert ready.database.row("PRAGMA synchronous")[0] == 2


def test_a_database_that_is_gone_comes_back_from_its_backup(ready):
    backup = ready.database.backup()
    ready.close()
    (ready.root / "project.sqlite").unlink()
    project, used = Project.restore(ready.root)
    with project:
        assert used == backup
        assert len(project.photos("ready")) == 3
    assert not list(ready.root.glob("history/damaged-*"))
