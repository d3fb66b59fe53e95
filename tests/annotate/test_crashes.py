"""A project survives an end at any step, damaged files, and people who change files behind its back."""

import os
import shutil

import numpy as np
import pytest
from project_checks import check, draw, no_predecessors

import classmat as cm
from classmat.annotate import repair
from classmat.annotate.database import Database
from classmat.annotate.project import Project
from classmat.images import atomic


class Killed(BaseException):
    """Ends the process, as far as Python lets a test do that."""


def die_at(monkeypatch, step):
    """End everything at the step-th change of the disk or the table."""
    count = 0

    def mortal(function):
        def act(*arguments, **options):
            nonlocal count
            count += 1
            if count == step:
                raise Killed
            return function(*arguments, **options)

        return act

    monkeypatch.setattr(Database, "change", mortal(Database.change))
    for module, name in ((os, "link"), (os, "replace"), (os, "rename"), (os, "open")):
        monkeypatch.setattr(module, name, mortal(getattr(module, name)))
    monkeypatch.setattr(atomic.Path, "replace", mortal(atomic.Path.replace))


@pytest.mark.parametrize("step", range(1, 9))
@pytest.mark.parametrize("kind", ["new", "again", "trimap", "decision"])
def test_a_kill_at_any_step_leaves_the_old_or_the_new(ready, monkeypatch, kind, step):
    photo = ready.photo(1)
    _, mask = draw(5)
    former = ready.matte_path(photo, "knn").read_bytes()
    act = {
        "new": lambda: ready.write_matte(photo, "edited", mask, parameters={"n": 1}, reviewer="Ana"),
        "again": lambda: ready.write_matte(photo, "knn", mask, parameters={"n": 1}, reviewer="Ana"),
        "trimap": lambda: ready.write_trimap(photo, cm.trimap_from_mask(mask, erode=1, dilate=3), "Ana"),
        "decision": lambda: ready.decide(photo, "knn", "Ana", notes="good"),
    }[kind]
    with monkeypatch.context() as patch:
        die_at(patch, step)
        try:
            act()
        except Killed:
            was_killed = True
        else:
            was_killed = False
    with Project.open(ready.root) as project:
        check(project)
        statement = "SELECT count(*) AS n FROM files WHERE photo = 1 AND method = ?"
        assert project.database.row(statement, "edited")["n"] <= 1, "nothing is there twice"
        if kind == "decision":
            decided = project.decision(photo) is not None
            assert (project.photo(1).state, project.photo(1).notes) == (
                ("chosen", "good") if decided else ("ready", "")
            )
            assert decided or was_killed
        elif kind == "again":
            kept = [path.read_bytes() for path in ready.root.glob("history/mattes/knn/*.png")]
            assert former in (project.matte_path(photo, "knn").read_bytes(), *kept)
        elif not was_killed:
            assert kind == "trimap" or "edited" in project.candidates(photo)


def test_the_table_is_rebuilt_from_the_files(ready):
    """Mattes say what they are: after a return to a backup from before they were made, none is lost."""
    backup = ready.database.backup()
    photo = ready.photo(2)
    ready.write_matte(photo, "shared", draw(2)[1], parameters={"n": 7})
    ready.close()
    for path in ready.root.glob("project.sqlite*"):
        path.unlink()
    shutil.copy(backup, ready.root / "project.sqlite")
    with Project.open(ready.root) as project:
        check(project)
        assert project.versions.current(2, "matte", "shared").parameters == {"n": 7}


def test_arrived_files_are_taken(project):
    from classmat.annotate.candidates import Job, compute, facts_of
    from classmat.annotate.versions import arrived

    photo = project.photo(3)
    trimap = project.trimap_version(photo).sha256
    job = Job(
        3,
        photo.name,
        photo.sha256,
        str(project.image_path(photo)),
        str(project.trimap_path(photo)),
        trimap,
        768,
        ("closed-form",),
    )
    assert not compute(project.root, job).failures
    assert arrived(project.root, facts_of(job, "closed-form"), photo.name)
    first = project.repair()
    assert first == ["took the matte that had arrived for photo 3"]
    assert project.repair() == []
    check(project)
    assert arrived(project.root, facts_of(job, "closed-form"), photo.name), (
        "it is in its place: no need to compute it again"
    )
    assert not compute(project.root, job).failures
    assert not list(project.root.glob("mattes/.incoming/*"))
    no_predecessors(project)


def test_a_matte_that_somebody_changed_or_removed(ready):
    photo = ready.photo(1)
    cm.write_image(ready.matte_path(photo, "knn"), np.full((24, 32), 0.5))
    ready.matte_path(photo, "closed-form").unlink()
    ready.matte_path(ready.photo(2), "knn").write_bytes(b"half a file")
    ready.matte_path(ready.photo(3), "knn").unlink()
    ready.matte_path(ready.photo(3), "closed-form").unlink()
    done = ready.repair()
    assert sorted(done) == [
        "the matte closed-form of p00 is gone",
        "the matte closed-form of p02 is gone",
        "the matte knn of p00 was found on the disk",
        "the matte knn of p01 is damaged; it is in the history now",
        "the matte knn of p02 is gone",
    ]
    check(ready)
    assert ready.versions.current(1, "matte", "knn").author == "disk"
    assert [ready.photo(i).state for i in (1, 2, 3)] == ["ready", "ready", "new"]
    assert next(ready.root.glob("history/mattes/knn/p01*")).read_bytes() == b"half a file"


def test_a_trimap_painted_with_another_program(ready):
    photo = ready.photo(1)
    cm.write_image(ready.trimap_path(photo), cm.trimap_from_mask(draw(4)[1], erode=1, dilate=3))
    assert ready.repair() == ["the trimap of p00 was found on the disk"]
    assert ready.is_stale(photo, "knn")


def test_a_lost_run_is_found_out():
    mine = repair.owner()
    assert not repair.is_lost(mine, 0.0), "this process lives, whatever its lease"
    run, host, pid, started = mine.split("/")
    assert repair.is_lost(f"{run}/{host}/{pid}/{int(started) + 1}", 1e12), "another process had this number"
    assert repair.is_lost(f"{run}/{host}/999999999/1", 1e12)
    assert repair.is_lost(f"{run}/elsewhere/{pid}/{started}", 0.0)
    assert not repair.is_lost(f"{run}/elsewhere/{pid}/{started}", 1e12)
    assert repair.is_lost(None, 0.0)


def test_remains_of_writing_are_swept(ready):
    folder = ready.root / "mattes/.incoming"
    old, young = folder / ".classmat-0.tmp", folder / ".classmat-1.tmp"
    for path in (old, young):
        path.write_bytes(b"half")
    os.utime(old, (0, 0))
    ready.repair()
    assert (old.exists(), young.exists()) == (False, True)
