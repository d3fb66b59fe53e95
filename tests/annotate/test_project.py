"""Decisions, leases and versions: one person, several persons, and what is kept."""

import sqlite3
import threading
import time

import numpy as np
import pytest
from project_checks import check, draw

import classmat as cm
from classmat.annotate.project import Conflict, Project, ProjectError


def test_a_decision_is_kept_and_can_be_undone(ready):
    photo = ready.claim("Ana")
    decision = ready.decide(photo, "knn", "Ana", notes="fine hair")
    assert (decision.choice, decision.reviewer) == ("knn", "Ana")
    assert decision.sha256 == ready.versions.current(photo.id, "matte", "knn").sha256
    assert (ready.photo(photo.id).state, ready.photo(photo.id).notes) == ("chosen", "fine hair")
    ready.decide(photo, "reject", "Ana", parameters={"reason": "out of focus"})
    assert (ready.photo(photo.id).state, ready.photo(photo.id).reason) == ("rejected", "out of focus")
    assert ready.undo(photo, "Ana").state == "chosen"
    assert ready.decision(photo).choice == "knn"
    assert ready.undo(photo, "Ana").state == "ready"
    with pytest.raises(ProjectError, match="nothing to undo"):
        ready.undo(photo, "Ana")
    assert [d.choice for d in ready.decisions(photo)] == ["knn", "reject", "undo", "undo"]


def test_decisions_are_only_appended(ready):
    ready.decide(ready.photo(1), "knn", "Ana")
    for statement in ("UPDATE decisions SET choice = 'reject'", "DELETE FROM decisions"):
        with pytest.raises(sqlite3.IntegrityError, match="only appended"):
            ready.database.change(statement)


def test_a_blend_is_what_it_says(ready):
    photo = ready.photo(1)
    first, second = (ready.read_matte(photo, method) for method in ("closed-form", "knn"))
    ready.decide(photo, "blend", "Ana", parameters={"methods": ["closed-form", "knn"], "weight": 0.25})
    blend = ready.read_matte(photo, "blend")
    np.testing.assert_allclose(blend, 0.25 * first + 0.75 * second, atol=1 / 65535)
    assert list(ready.candidates(photo)) == ["closed-form", "knn", "blend"]


@pytest.mark.parametrize(
    ("choice", "parameters", "message"),
    [
        ("shared", None, "has no matte 'shared'; it has closed-form, knn"),
        ("../knn", None, "method is '../knn'"),
        ("undo", None, "has no matte 'undo'"),
        ("reject", None, "needs a reason"),
        ("reject", {"reason": "  "}, "needs a reason"),
        ("blend", None, "'methods', two names"),
        ("blend", {"methods": ["knn", "knn"], "weight": 2}, "weight"),
        ("blend", {"methods": ["knn", "shared"], "weight": 0.5}, "no matte 'shared'"),
        ("edited", None, "no matte 'edited'"),
    ],
)
def test_decisions_that_are_none(ready, choice, parameters, message):
    with pytest.raises(ValueError, match=message):
        ready.decide(ready.photo(1), choice, "Ana", parameters=parameters)
    assert ready.decisions() == []
    assert ready.photo(1).state == "ready"


def test_two_reviewers_get_different_photos(ready):
    first, second = ready.claim("Ana"), ready.claim("Bob")
    assert first.id != second.id
    assert ready.claim("Ana").id == first.id, "she has not decided yet"
    assert (ready.holder(first), ready.holder(second)) == ("Ana", "Bob")
    third = ready.claim("Eve")
    assert ready.claim("Max") is None
    ready.release(third, "Ana")
    assert ready.claim("Max") is None, "only who holds a photo releases it"
    ready.release(third, "Eve")
    assert ready.claim("Max").id == third.id
    with pytest.raises(Conflict, match="held by Bob"):
        ready.decide(second, "knn", "Ana")
    with pytest.raises(Conflict, match="held by Bob"):
        ready.write_trimap(second, ready.read_trimap(second), "Ana")


def test_a_lease_runs_out(ready, monkeypatch):
    photo = ready.claim("Ana", lease=10)
    start = time.time()
    monkeypatch.setattr(time, "time", lambda: start + 9)
    assert ready.claim("Bob").id != photo.id
    ready.renew(photo, "Ana", lease=10)
    monkeypatch.setattr(time, "time", lambda: start + 15)
    assert ready.claim("Eve").id not in (photo.id, ready.claim("Bob").id)
    monkeypatch.setattr(time, "time", lambda: start + 20)
    assert ready.claim("Max").id == photo.id
    with pytest.raises(Conflict, match="held by Max"):
        ready.renew(photo, "Ana")


def test_a_photo_can_be_skipped(ready):
    first = ready.claim("Ana")
    ready.release(first, "Ana")
    second = ready.claim("Ana", after=first.id)
    assert second.id != first.id
    ready.release(second, "Ana")
    assert ready.claim("Ana", after=ready.photos()[-1].id).id == first.id, "the skipped ones come last"


def test_nobody_is_overruled_by_accident(ready):
    photo = ready.photo(1)
    ready.decide(photo, "knn", "Ana")
    with pytest.raises(Conflict, match="decided by Ana"):
        ready.decide(photo, "closed-form", "Bob")
    with pytest.raises(Conflict, match="decided by Ana"):
        ready.undo(photo, "Bob")
    assert ready.decide(photo, "closed-form", "Bob", overrule=True).choice == "closed-form"
    ready.undo(photo, "Bob")
    assert ready.decision(photo).reviewer == "Ana"


def test_many_reviewers_at_once_share_the_photos(ready):
    """Each in a thread with a connection of its own, as processes have."""
    chosen, lock = [], threading.Lock()

    def review(name):
        with Project.open(ready.root) as mine:
            while (photo := mine.claim(name)) is not None:
                mine.decide(photo, "knn", name)
                with lock:
                    chosen.append(photo.id)

    threads = [threading.Thread(target=review, args=(f"r{i}",)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(chosen) == [1, 2, 3]
    assert len(ready.decisions()) == 3


def test_the_predecessor_is_kept(ready):
    photo = ready.photo(1)
    for kind, method, path in (
        ("matte", "knn", ready.matte_path(photo, "knn")),
        ("trimap", "", ready.trimap_path(photo)),
    ):
        former, row = path.read_bytes(), ready.versions.current(photo.id, kind, method)
        if kind == "matte":
            ready.write_matte(photo, "knn", np.zeros((24, 32)), parameters={"n": 1}, reviewer="Ana")
        else:
            ready.write_trimap(photo, cm.trimap_from_mask(draw(9)[1], erode=1, dilate=3), "Ana")
        assert path.read_bytes() != former
        assert ready.versions.find(photo.name, kind, method, row.sha256).read_bytes() == former
        assert ready.versions.current(photo.id, kind, method).author == "Ana"
    check(ready)


def test_the_same_again_is_no_new_version(ready):
    photo = ready.photo(1)
    before = ready.versions.current(photo.id, "matte", "knn")
    ready.write_matte(photo, "knn", ready.read_matte(photo, "knn"), parameters={})
    assert ready.versions.current(photo.id, "matte", "knn").made == before.made
    assert not list(ready.root.glob("history/mattes/**/*.png"))


def test_a_new_trimap_makes_mattes_stale(ready):
    photo = ready.photo(1)
    assert not ready.is_stale(photo, "knn")
    ready.write_trimap(photo, cm.trimap_from_mask(draw(9)[1], erode=1, dilate=3), "Ana")
    assert ready.is_stale(photo, "knn")
    assert ready.photo(1).state == "ready"


@pytest.mark.parametrize(
    "array", [np.zeros((24, 31)), np.zeros((24, 32, 3)), np.full((24, 32), np.nan), "text", None]
)
def test_arrays_that_do_not_fit(ready, array):
    for write in (
        lambda: ready.write_matte(ready.photo(1), "edited", array, parameters={}, reviewer="Ana"),
        lambda: ready.write_trimap(ready.photo(1), array, "Ana"),
    ):
        with pytest.raises((TypeError, ValueError)):
            write()
    assert "edited" not in ready.candidates(ready.photo(1))
    check(ready)


@pytest.mark.parametrize("name", ["", "   ", "a\nb", "x" * 300, None, 3])
def test_names_of_reviewers(ready, name):
    for act in (lambda: ready.claim(name), lambda: ready.decide(ready.photo(1), "knn", name)):
        with pytest.raises(ValueError, match="reviewer is"):
            act()


@pytest.mark.parametrize("id", [0, 99, "1", None, 1.0])
def test_photos_that_do_not_exist(ready, id):
    with pytest.raises(ProjectError, match="has no photo"):
        ready.photo(id)


def test_notes(ready):
    photo = ready.photo(2)
    ready.note(photo, "first", "Ana")
    ready.note(photo, "second 🦊", "Bob")
    assert ready.photo(2).notes == "second 🦊"
    assert [(n["text"], n["reviewer"]) for n in ready.notes(photo)] == [("first", "Ana"), ("second 🦊", "Bob")]
    with pytest.raises(ProjectError, match="at most"):
        ready.note(photo, "x" * 10_001, "Ana")


def test_what_is_refused_is_kept_but_never_taken_in(ready):
    photo = ready.hold(ready.photo(1), "Bob")
    ready.write_matte(photo, "edited", np.ones((24, 32)), parameters={}, reviewer="Bob")
    with pytest.raises(Conflict, match="held by Bob"):
        ready.write_matte(photo, "edited", np.zeros((24, 32)), parameters={}, reviewer="Ana")
    assert not list(ready.root.glob("*/.incoming/*.png"))
    (kept,) = ready.root.glob("history/mattes/edited/*.png")
    assert cm.read_matte(kept).max() == 0
    with Project.open(ready.root) as again:
        assert again.read_matte(photo, "edited").min() == 1
        assert again.versions.current(photo.id, "matte", "edited").author == "Bob"


def test_a_blend_that_is_refused_leaves_the_former_one(ready):
    photo, given = ready.photo(1), {"methods": ["closed-form", "knn"], "weight": 1.0}
    decision = ready.decide(photo, "blend", "Ana", parameters=given)
    with pytest.raises(Conflict, match="decided by Ana"):
        ready.decide(photo, "blend", "Bob", parameters=given | {"weight": 0.0})
    assert ready.versions.current(photo.id, "matte", "blend").sha256 == decision.sha256


def test_only_the_matte_that_was_seen_is_chosen(ready):
    photo = ready.photo(1)
    seen = ready.versions.current(photo.id, "matte", "knn").sha256
    ready.write_matte(photo, "knn", np.zeros((24, 32)), parameters={})
    with pytest.raises(Conflict, match="knn of p00 changed meanwhile"):
        ready.decide(photo, "knn", "Ana", version=seen)
    assert ready.decision(photo) is None
    now = ready.versions.current(photo.id, "matte", "knn").sha256
    assert ready.decide(photo, "knn", "Ana", version=now).sha256 == now


def test_links_that_lead_out_stop_nothing_else(ready, tmp_path):
    photo, other = ready.photo(1), ready.photo(2)
    (tmp_path / "outside.png").write_bytes(ready.matte_path(photo, "knn").read_bytes())
    links = {"knn": tmp_path / "outside.png", "closed-form": tmp_path / "nothing"}
    for method, target in links.items():
        path = ready.root / f"mattes/{method}/p00.png"
        path.unlink()
        path.symlink_to(target)
    away = ready.root / "trimaps/p01.png"
    away.unlink()
    away.symlink_to(ready.root / "trimaps/nothing.png")
    done = ready.repair()
    assert any("passed over the matte knn of p00" in text for text in done)
    assert "the trimap of p01 is gone" in done
    assert ready.candidates(photo) == {}
    assert len(ready.candidates(other)) == 2
    before = (tmp_path / "outside.png").read_bytes()
    ready.write_matte(photo, "knn", np.zeros((24, 32)), parameters={})
    assert not (ready.root / "mattes/knn/p00.png").is_symlink()
    assert (tmp_path / "outside.png").read_bytes() == before, "the link was replaced, not what it led to"
    assert ready.read_matte(photo, "knn").max() == 0
