"""The data set: whole, traceable, trainable; what was there before is kept."""

import errno
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from project_checks import draw, fill

import classmat as cm
from classmat.annotate.export import export
from classmat.annotate.intake import take_in
from classmat.annotate.project import Project, ProjectError
from classmat.nn.data import find_pairs, load_pairs


@pytest.fixture
def chosen(ready):
    """The first by KNN, the second blended, the third rejected."""
    ready.decide(ready.photo(1), "knn", "Ana", notes="<b>hair</b>")
    ready.decide(ready.photo(2), "blend", "Bob", parameters={"methods": ["closed-form", "knn"], "weight": 0.5})
    ready.decide(ready.photo(3), "reject", "Ana", parameters={"reason": "motion blur & noise"})
    return ready


def manifest(project):
    return [json.loads(line) for line in (project.root / "dataset/manifest.jsonl").read_text().splitlines()]


def files_below(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_the_manifest_is_what_is_on_the_disk(chosen):
    result = export(chosen)
    entries = manifest(chosen)
    assert (entries, result.left_out) == (result.entries, [])
    told = {file["path"]: file["sha256"] for entry in entries for file in entry["files"].values()}
    folder = chosen.root / "dataset"
    for path, sha256 in told.items():
        assert hashlib.sha256((folder / path).read_bytes()).hexdigest() == sha256
    assert files_below(folder) == set(told) | {
        *("manifest.jsonl", "rejected.jsonl", "dataset.json", "levels.json", "report.html", "report/sheet-001.jpg")
    }
    assert not [path for path in chosen.root.iterdir() if path.name.startswith(".")]


def test_an_entry_says_how_it_came(chosen):
    export(chosen)
    first, second = manifest(chosen)
    assert (first["method"], first["reviewer"], first["notes"]) == ("knn", "Ana", "<b>hair</b>")
    assert first["made_by"] == first["exported_by"] == f"classmat {cm.__version__}"
    assert first["photo_sha256"] == chosen.photo(1).sha256
    assert (second["method"], second["made_by"], second["parameters"]["weight"]) == ("blend", "Bob", 0.5)
    rejected = json.loads((chosen.root / "dataset/rejected.jsonl").read_text())
    assert (rejected["name"], rejected["reason"]) == ("p02", "motion blur & noise")


@pytest.mark.parametrize("bits", [8, 16])
def test_pictures(chosen, bits):
    export(chosen, bits=bits)
    folder = chosen.root / "dataset"
    photo = chosen.photo(1)
    image, alpha = cm.read_image(folder / "image/p00.png"), cm.read_matte(folder / "alpha/p00.png")
    assert (folder / "image/p00.png").read_bytes() == chosen.image_path(photo).read_bytes()
    np.testing.assert_allclose(alpha, chosen.read_matte(photo, "knn"), atol=0.5 / (2**bits - 1))
    np.testing.assert_array_equal(cm.read_trimap(folder / "trimap/p00.png"), chosen.read_trimap(photo))
    foreground, _ = cm.estimate_foreground(image, chosen.read_matte(photo, "knn"))
    np.testing.assert_allclose(cm.read_image(folder / "foreground/p00.png"), foreground, atol=0.51 / 255)


def test_it_trains(chosen):
    export(chosen)
    pairs = find_pairs(chosen.root / "dataset")
    assert [pair.image.name for pair in pairs] == ["p00.png", "p01.png"]
    assert [image.shape for image, _ in load_pairs(pairs, 16)] == [(16, 21, 3)] * 2


def test_levels_are_those_of_the_loss(chosen):
    export(chosen, validation=0)
    levels = json.loads((chosen.root / "dataset/levels.json").read_text())
    mattes = [cm.read_matte(path) for path in sorted((chosen.root / "dataset/alpha").iterdir())]
    np.testing.assert_allclose(levels["weights"], cm.ops.alpha_weights(mattes))
    np.testing.assert_allclose(-np.log(levels["p"]), levels["weights"])
    assert sum(levels["counts"]) == 2 * 24 * 32


def test_the_split_stays_when_the_set_grows(tmp_path):
    fill(tmp_path, 40, h=12, w=12)
    with Project.create(tmp_path) as project:
        take_in(project, draft=False)
        photos = project.photos()
        for photo in photos:
            project.write_matte(photo, "knn", draw(0, 12, 12)[1], parameters={})
        splits = []
        for part in (photos[:20], photos[20:]):
            for photo in part:
                project.decide(photo, "knn", "Ana")
            export(project, validation=0.3, seed=5, workers=1)
            splits.append({entry["name"]: entry["split"] for entry in manifest(project)})
        assert splits[0].items() <= splits[1].items()
        held_out = sum(split == "validation" for split in splits[1].values())
        assert 5 <= held_out <= 20
        export(project, validation=0.3, seed=6, workers=1)
        assert {entry["name"]: entry["split"] for entry in manifest(project)} != splits[1]


def test_the_former_set_is_kept(chosen):
    export(chosen)
    before = (chosen.root / "dataset/manifest.jsonl").read_text()
    chosen.undo(chosen.photo(1), "Ana")
    export(chosen)
    (kept,) = chosen.root.glob("history/dataset-*")
    assert (kept / "manifest.jsonl").read_text() == before
    assert [entry["name"] for entry in manifest(chosen)] == ["p01"]


def test_what_was_vouched_for_is_exported(chosen):
    """Also if the candidate, or the trimap, was made again since."""
    photo = chosen.photo(1)
    vouched, trimap = chosen.read_matte(photo, "knn"), chosen.read_trimap(photo)
    chosen.write_matte(photo, "knn", np.zeros((24, 32)), parameters={})
    chosen.write_trimap(photo, cm.trimap_from_mask(draw(9)[1], erode=1, dilate=3))
    export(chosen)
    np.testing.assert_array_equal(cm.read_matte(chosen.root / "dataset/alpha/p00.png"), vouched)
    np.testing.assert_array_equal(cm.read_trimap(chosen.root / "dataset/trimap/p00.png"), trimap)


def test_what_cannot_be_exported_is_left_out(chosen):
    chosen.image_path(chosen.photo(1)).write_bytes(b"something else")
    result = export(chosen)
    assert result.left_out == [("p00", "the photo has changed since it was taken in.")]
    assert [entry["name"] for entry in manifest(chosen)] == ["p01"]
    assert not (chosen.root / "dataset/alpha/p00.png").exists()
    chosen.matte_path(chosen.photo(2), "blend").unlink()
    with pytest.raises(ProjectError, match="none of the chosen photos can be exported; p01: the matte"):
        export(chosen)
    assert [entry["name"] for entry in manifest(chosen)] == ["p01"], "the former set is as it was"


def test_nothing_is_chosen(ready):
    with pytest.raises(ProjectError, match="nothing is chosen"):
        export(ready)


def test_a_full_disk_leaves_the_former_set(chosen, monkeypatch):
    export(chosen)
    before = {path: (chosen.root / "dataset" / path).read_bytes() for path in files_below(chosen.root / "dataset")}
    original, count = Path.write_bytes, 0

    def write(path, data):
        nonlocal count
        count += 1
        if count == 5:
            raise OSError(errno.ENOSPC, "No space left on device")
        return original(path, data)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", write)
        with pytest.raises(OSError, match="No space left"):
            export(chosen)
    after = {path: (chosen.root / "dataset" / path).read_bytes() for path in files_below(chosen.root / "dataset")}
    assert after == before
    assert not [path for path in chosen.root.iterdir() if path.name.startswith(".")]


def test_remains_of_killed_exports_are_removed(chosen):
    remains = chosen.root / ".dataset-999999999"
    (remains / "image").mkdir(parents=True)
    export(chosen)
    assert not remains.exists()


def test_the_report(chosen, tmp_path):
    for i in (1, 2):
        cm.write_image(tmp_path / f"p{i - 1:02d}_alpha.png", 0.9 * draw(i)[1], bits=16)
    export(chosen, truth=tmp_path)
    page = (chosen.root / "dataset/report.html").read_text()
    for text in (
        "motion blur &amp; noise",
        "&lt;b&gt;hair&lt;/b&gt;",
        "Photos with a true matte: 2.",
        "Ana",
        "Bob",
    ):
        assert text in page
    assert "<b>hair" not in page
    assert "$" not in page.partition("<body>")[2], "every place is filled"
    rows = page.partition("Against true mattes")[2].partition("</table>")[0]
    assert '<td>closed-form</td><td class="number">0.00000</td>' in rows, "it is the truth here"
    sheet = cm.read_image(chosen.root / "dataset/report/sheet-001.jpg")
    assert np.ptp(sheet) > 0.9


def test_photos_that_others_would_read_otherwise_become_png(tmp_path):
    image, mask = draw(0)
    levels = np.rint(255 * image).astype(np.uint8)
    (tmp_path / "images").mkdir()
    turned = Image.fromarray(np.ascontiguousarray(levels[::-1, ::-1]))
    exif = turned.getexif()
    exif[0x0112] = 3  # it is stored upside down
    turned.save(tmp_path / "images/turned.png", exif=exif)
    cm.write_image(tmp_path / "images/clear.png", np.dstack([image, 0.5 + mask / 2]))
    cm.write_image(tmp_path / "images/plain.webp", draw(1)[0])
    with Project.create(tmp_path) as project:
        assert take_in(project, draft=False).added == ["clear", "plain", "turned"]
        for photo in project.photos():
            project.write_trimap(photo, cm.trimap_from_mask(mask, erode=2, dilate=2))
            project.write_matte(photo, "knn", mask, parameters={})
            project.decide(photo, "knn", "Ana")
        export(project)
    for name in ("turned", "clear", "plain"):
        data = (tmp_path / f"dataset/image/{name}.png").read_bytes()
        assert data[:4] == b"\x89PNG"
        with Image.open(tmp_path / f"dataset/image/{name}.png") as found:
            assert found.mode == "RGB"
            if name == "turned":
                np.testing.assert_array_equal(np.asarray(found), levels)


def test_processes_give_what_this_one_does(chosen):
    export(chosen)
    here = manifest(chosen)
    export(chosen, workers=2)
    assert manifest(chosen) == here


def test_a_photo_that_became_a_link_is_left_out_alone(chosen, tmp_path):
    path = chosen.image_path(chosen.photo(1))
    path.rename(tmp_path / "elsewhere.png")
    path.symlink_to(tmp_path / "elsewhere.png")
    ((name, why),) = export(chosen).left_out
    assert name == "p00"
    assert "leaves the project" in why


def test_truths_that_cannot_be_compared_with(chosen, tmp_path):
    """One of the wrong size, and a trimap without unknown pixels: both photos are good."""
    cm.write_image(tmp_path / "p00.png", np.ones((5, 6)))
    cm.write_image(tmp_path / "p01.png", draw(1)[1])
    photo = chosen.photo(2)
    sure = np.where(draw(1)[1] > 0.5, 255, 0).astype(np.uint8)
    chosen.write_trimap(photo, sure)
    chosen.write_matte(photo, "knn", draw(1)[1], parameters={})
    chosen.decide(photo, "knn", "Bob", overrule=True)
    result = export(chosen, truth=tmp_path)
    assert (len(result.entries), result.left_out) == (2, [])
    page = (chosen.root / "dataset/report.html").read_text()
    for text in ("Not compared", "no unknown pixels", "5x6"):
        assert text in page
    assert str(tmp_path) not in page


def test_no_method_that_all_have(chosen, tmp_path):
    for name in ("p00", "p01"):
        cm.write_image(tmp_path / f"{name}.png", draw(1)[1])
    for k, photo in enumerate(chosen.photos("chosen")):
        decision = chosen.decision(photo)
        for method in set(chosen.candidates(photo)) - {decision.choice}:
            chosen.matte_path(photo, method).unlink()
        kept = chosen.matte_path(photo, decision.choice)
        if kept.exists():
            kept.unlink()
        chosen.write_matte(photo, ("knn", "shared")[k], draw(1)[1], parameters={})
        chosen.repair()
        chosen.decide(photo, ("knn", "shared")[k], decision.reviewer)
    export(chosen, truth=tmp_path)
    assert "photo by photo" not in (chosen.root / "dataset/report.html").read_text()


def test_the_two_candidates_are_computed_ones(chosen):
    for photo in chosen.photos("chosen"):
        chosen.matte_path(photo, "closed-form").unlink()
        chosen.write_matte(
            photo, "edited", np.ones((24, 32)), parameters={}, reviewer=chosen.decision(photo).reviewer
        )
    chosen.repair()
    for photo in chosen.photos("chosen"):
        chosen.decide(photo, "knn", "Ana", overrule=True)
    export(chosen)
    assert "difference of the two candidates" not in (chosen.root / "dataset/report.html").read_text()
