import io
import json
import types

import numpy as np
import pytest
import typer
from rich.console import Console

import classmat as cm
from benchmarks import quality
from classmat.images import metrics


@pytest.fixture
def scenes(monkeypatch):
    """Two scenes of which the truth is a ramp, a method that is off by .1, and a peer that is off by .2."""
    ramp = np.tile(np.linspace(0, 0.5, 11), (4, 1))
    trimap = np.full(ramp.shape, 128, np.uint8)
    trimap[:, 0], trimap[:, -1] = 0, 255

    def scene(h, w, *, seed):
        return types.SimpleNamespace(image=ramp, alpha=ramp, trimap=trimap)

    def off_by(error):
        return lambda image, trimap: np.full(trimap.shape, error) + (image if image.ndim == 2 else 0)

    monkeypatch.setattr(quality, "SCENES", ("one", "two"))
    stand_in = types.SimpleNamespace(
        __version__="0",
        __file__=cm.__file__,
        METHODS={"closed-form": off_by(0.1), "alone": off_by(0.0)},
        gallery=types.SimpleNamespace(one=scene, two=scene),
        metrics=metrics,
    )
    monkeypatch.setattr(quality, "classmat", stand_in)
    monkeypatch.setattr(quality, "peer", lambda name: off_by(0.2))


def figures(methods, photos=()):
    runners = quality.find_runners(methods)
    names = quality.choose_photos(None, list(photos))
    return list(quality.measure(quality.load_photos(None, names, 1), runners))


def test_figures_and_ratios(scenes):
    rows = figures(["closed-form", "alone"])
    assert len(rows) == 2 * (2 + 1)
    summary = quality.summarise(rows)
    assert summary["closed-form"]["mean"]["classmat"]["mse"] == pytest.approx(0.01)
    assert summary["closed-form"]["mean"]["PyMatting"]["mad"] == pytest.approx(0.2)
    assert summary["closed-form"]["mse_ratio"] == pytest.approx({"one": 0.25, "two": 0.25})
    assert summary["closed-form"]["mse_ratio_max"] == pytest.approx(0.25)
    assert "mse_ratio" not in summary["alone"]
    assert summary["alone"]["mean"]["classmat"]["sad"] == 0


def test_the_libraries_take_turns(scenes):
    first = [row["library"] for row in figures(["closed-form"])][::2]
    assert first == ["classmat", "PyMatting"]


def test_a_ratio_of_two_exact_mattes_is_one():
    assert quality.mse_ratio({"mse": 1e-20}, {"mse": 0.0}) == 1.0
    assert quality.mse_ratio({"mse": 2e-8}, {"mse": 0.0}) == pytest.approx(2.0)


def test_table_shows_every_figure(scenes):
    rows = figures(["closed-form"], ["two"])
    rows[0]["warnings"] = ["did not converge"]
    page = Console(file=io.StringIO(), width=quality.TABLE_WIDTH)
    quality.show(page, rows, quality.summarise(rows))
    text = page.file.getvalue()
    assert "one" not in text
    assert "…" not in text
    for piece in ("0.01000", "0.04000", "max 0.2500", "largest 0.2500 (two)", "did not converge"):
        assert piece in text


def test_json_file_holds_the_figures(scenes, tmp_path):
    target = tmp_path / "new" / "quality.json"
    quality.main(methods="closed-form", photos="one", trimaps="1", json_file=target)
    report = json.loads(target.read_text())
    assert [row["photo"] for row in report["rows"]] == ["one", "one"]
    assert report["summary"]["1"]["methods"]["closed-form"]["mse_ratio_max"] == pytest.approx(0.25)
    assert report["units"]["sad"] == "SAD / 1000"


def test_a_killed_run_goes_on(scenes, tmp_path):
    log, target = tmp_path / "log.jsonl", tmp_path / "quality.json"
    options = {"methods": "closed-form", "trimaps": "1", "log": log, "json_file": target}
    quality.main(photos="one", **options)
    first = log.read_text()
    assert first.count("\n") == 2
    log.write_text(first + '{"photo": "two", "tri')  # killed while it wrote
    quality.main(**options)
    assert log.read_text().startswith(first)
    measured = [(row["photo"], row["library"]) for row in quality.read_log(log, quality.make_stamp(None))]
    assert sorted(measured) == [
        (name, library) for name in ("one", "two") for library in ("PyMatting", "classmat")
    ]
    assert len(json.loads(target.read_text())["rows"]) == 4
    before = log.read_text()
    quality.main(**options)
    assert log.read_text() == before


def logged(log):
    return [json.loads(line) for line in log.read_text().splitlines()]


@pytest.mark.parametrize("trimaps", ["1", "2", "1,2"])
def test_the_libraries_take_turns_in_a_whole_run(scenes, monkeypatch, tmp_path, trimaps):
    monkeypatch.setattr(quality, "widen", lambda trimap: trimap)
    monkeypatch.setitem(quality.PEERS, "alone", "another")
    quality.main(methods="closed-form,alone", trimaps=trimaps, log=tmp_path / "log.jsonl")
    first = {}
    for row in logged(tmp_path / "log.jsonl"):
        first.setdefault((row["trimap"], row["method"], row["photo"]), row["library"])
    for trimap, method, _ in first:
        assert first[trimap, method, "one"] != first[trimap, method, "two"]
    for trimap, _, photo in first:
        assert first[trimap, "closed-form", photo] != first[trimap, "alone", photo]


@pytest.mark.parametrize("change", ["version", "sources", "peer", "data", "no stamp"])
def test_figures_of_other_code_or_data_are_passed_over(scenes, monkeypatch, tmp_path, change):
    log, target = tmp_path / "log.jsonl", tmp_path / "quality.json"
    options = {"methods": "closed-form", "photos": "one", "trimaps": "1", "log": log, "json_file": target}
    quality.main(**options)
    if change == "version":
        monkeypatch.setattr(quality.classmat, "__version__", "1")
    elif change == "sources":
        (tmp_path / "package").mkdir()
        (tmp_path / "package" / "other.py").write_text("pass\n")
        monkeypatch.setattr(quality.classmat, "__file__", str(tmp_path / "package" / "__init__.py"))
    elif change == "peer":
        monkeypatch.setattr(quality, "version", lambda package: "2")
    elif change == "data":
        monkeypatch.setattr(quality, "SCENE_SIZE", (3, 4))
    else:
        rows = [{key: value for key, value in row.items() if key != "stamp"} for row in logged(log)]
        log.write_text("".join(json.dumps(row) + "\n" for row in rows))
    quality.main(**options)
    assert len(logged(log)) == 4
    assert len(json.loads(target.read_text())["rows"]) == 2


def test_the_stamp_changes_with_the_sources(scenes, monkeypatch, tmp_path):
    monkeypatch.setattr(quality.classmat, "__file__", str(tmp_path / "__init__.py"))
    stamps = []
    for text in ("a = 1", "a = 2"):
        (tmp_path / "inner").mkdir(exist_ok=True)
        (tmp_path / "inner" / "module.py").write_text(text)
        stamps.append(quality.make_stamp(None)["sources"])
    assert stamps[0] != stamps[1]


def test_rows_without_memory_are_measured_again_if_it_is_asked(scenes, monkeypatch, tmp_path):
    monkeypatch.setattr(quality, "added_megabytes", lambda photo, method, library: 3.0)
    log, target = tmp_path / "log.jsonl", tmp_path / "quality.json"
    options = {"methods": "closed-form", "photos": "one", "trimaps": "1", "log": log, "json_file": target}
    quality.main(**options)
    quality.main(**options, memory=True)
    rows = json.loads(target.read_text())["rows"]
    assert [row["added_megabytes"] for row in rows] == [3.0, 3.0]
    before = log.read_text()
    assert before.count("\n") == 4
    quality.main(**options)
    quality.main(**options, memory=True)
    assert log.read_text() == before


def test_without_the_peer(scenes, tmp_path):
    target = tmp_path / "quality.json"
    quality.main(methods="closed-form,alone", trimaps="1", with_peer=False, json_file=target)
    report = json.loads(target.read_text())
    assert {row["library"] for row in report["rows"]} == {"classmat"}
    ranking = report["summary"]["1"]["ranking"]
    assert list(ranking) == ["alone", "closed-form"]
    assert ranking["alone"]["wins"] == ranking["alone"]["photos"] == 2
    assert ranking["alone"]["mse_ratio_of_means"] == pytest.approx(1e-6)
    assert ranking["closed-form"]["mean_rank"] == 2


def test_sheets_show_every_matte(scenes, monkeypatch, tmp_path):
    monkeypatch.setattr(quality.classmat, "write_image", cm.write_image, raising=False)
    monkeypatch.setattr(quality.classmat, "read_matte", cm.read_matte, raising=False)
    quality.main(methods="closed-form,alone", photos="one", trimaps="1", sheets=tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {
        "sheet_one_1.png",
        "one_1_closed-form_classmat.png",
        "one_1_closed-form_PyMatting.png",
        "one_1_alone_classmat.png",
    }
    height, width, _ = cm.read_image(tmp_path / "sheet_one_1.png").shape
    assert width > height  # four columns, two rows


def test_scenes_have_a_coarse_trimap():
    tight, coarse = (next(quality.load_photos(None, ["disc"], kind)) for kind in (1, 2))
    is_unknown = [photo.trimap == 128 for photo in (tight, coarse)]
    assert is_unknown[1][is_unknown[0]].all()
    assert is_unknown[1].sum() > is_unknown[0].sum()
    assert {0, 255} <= set(np.unique(coarse.trimap))


def test_unknown_names(scenes, tmp_path):
    with pytest.raises(typer.BadParameter, match="'median' is no method; there are"):
        quality.find_runners(["median"])
    with pytest.raises(typer.BadParameter, match="no photo three; there are one, two"):
        quality.choose_photos(None, ["three"])
    with pytest.raises(typer.BadParameter, match="trimaps are 3; there are 1 and 2"):
        quality.choose_trimaps(["3"])
    with pytest.raises(typer.BadParameter, match="has no files NAME_image"):
        quality.choose_photos(tmp_path, [])
