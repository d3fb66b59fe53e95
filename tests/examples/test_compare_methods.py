"""The example that compares all methods: its sheet, and one line for whatever is wrong with the files."""

import runpy
from pathlib import Path

import numpy as np
import pytest

import classmat as cm

EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "compare_methods.py"


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    scene = cm.gallery.disc(24, 32)
    cm.write_image("photo.png", scene.image)
    cm.write_image("trimap.png", scene.trimap)
    cm.write_image("truth.png", scene.alpha)
    cm.write_image("small.png", scene.trimap[1:])
    return tmp_path


def stand_in(image, trimap):
    return np.full(trimap.shape, 0.5)


@pytest.mark.parametrize("truth", [(), ("truth.png",)])
def test_the_sheet_is_written_where_it_is_asked(files, monkeypatch, capsys, truth):
    monkeypatch.setattr(cm, "METHODS", {"grey": stand_in})
    runpy.run_path(str(EXAMPLE))["main"](["photo.png", "trimap.png", *truth, "--output", "sheet.png"])
    assert (files / "sheet.png").exists()
    assert ("MSE" in capsys.readouterr().out) == bool(truth)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["none.png", "trimap.png"], "none.png"),
        (["photo.png", "small.png"], "photo is 24x32 but trimap is 23x32"),
        (["photo.png", "trimap.png", "small.png"], "photo is 24x32 but truth is 23x32"),
    ],
)
def test_bad_files(files, monkeypatch, capsys, arguments, words):
    monkeypatch.setattr(cm, "METHODS", {"grey": stand_in})
    with pytest.raises(SystemExit) as stopped:
        runpy.run_path(str(EXAMPLE))["main"](arguments)
    told = capsys.readouterr().err
    assert stopped.value.code == 2
    assert told.startswith("error: ")
    assert told.count("\n") == 1
    assert words in told
    assert not (files / "methods.png").exists()
