"""``classmat annotate`` from a folder of photos to a data set, and what it says when something is wrong."""

import shutil

import pytest
from project_checks import METHODS, check, fill
from typer.testing import CliRunner

from classmat.annotate.project import Project
from classmat.cli.app import app


@pytest.fixture
def run():
    """Run ``classmat annotate ARGUMENTS`` in this process and return the result."""

    def run(*arguments, status=0):
        result = CliRunner().invoke(app, ["annotate", *map(str, arguments)])
        assert result.exit_code == status, (result.output, result.exception)
        return result

    return run


def test_from_photos_to_a_data_set(tmp_path, run):
    fill(tmp_path, 3)
    assert "3 photos, 3 of them new; trimaps: 3 from a trimap" in run("init", tmp_path).stderr
    assert "3 done, 0 failed" in run("run", tmp_path, "--workers", "1").stderr
    assert "0 done, 0 failed" in run("run", tmp_path, "--workers", "1").stderr
    with Project.open(tmp_path) as project:
        while (photo := project.claim("Ana")) is not None:
            project.decide(photo, METHODS[photo.id % 2], "Ana")
        check(project)
    assert "3 photos in" in run("export", tmp_path, "--validation", "0.5", "--seed", "3").stderr
    lines = run("status", tmp_path).stdout.splitlines()
    for line in ("3 chosen", "0 ready", "3 mattes closed-form", "3 mattes knn", "3 decisions by Ana"):
        assert any(found.strip() == line for found in lines)
    assert len(list((tmp_path / "dataset/alpha").iterdir())) == 3


def test_what_is_not_taken_is_listed(tmp_path, run):
    fill(tmp_path, 2)
    (tmp_path / "images/bad.png").write_text("bad")
    (tmp_path / "trimaps/p01_trimap.png").unlink()
    result = run("init", tmp_path, "--no-draft", status=1)
    assert "not taken: images/bad.png: bad.png is not a picture" in result.stderr
    assert "p01: needs a trimap: none in trimaps/" in result.stderr
    said = run("status", tmp_path).stderr
    assert "failed: p01: needs a trimap" in said
    assert "not taken: images/bad.png" in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("init nowhere", "DIR nowhere is no folder"),
        ("init .", "DIR . has no photos"),
        ("run .", "is no project"),
        ("export .", "is no project"),
        ("status .", "is no project"),
        ("restore .", "is no project"),
        ("run project --method magic", "--method is 'magic'"),
        ("run project --workers 0", "--workers is 0"),
        ("run project --workers many", "'many' is not a whole number"),
        ("export project", "nothing is chosen"),
        ("export project --bits 12", "bits is 12"),
        ("export project --validation 2", "validation is 2"),
        ("restore project", "is sound"),
    ],
)
def test_bad_input_is_one_line(tmp_path, monkeypatch, run, arguments, message):
    monkeypatch.chdir(tmp_path)
    if "project" in arguments:
        fill(tmp_path / "project", 1)
        run("init", "project")
    result = run(*arguments.split(), status=2)
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert "project" in arguments or not list(tmp_path.iterdir())


def test_restore(tmp_path, run):
    fill(tmp_path, 2)
    run("init", tmp_path)
    for rest in tmp_path.glob("project.sqlite-*"):
        rest.unlink()
    shutil.copy(tmp_path / "images/p00.png", tmp_path / "project.sqlite")
    assert "is damaged" in run("status", tmp_path, status=2).stderr
    assert "restored" in run("restore", tmp_path).stderr
    assert "2 new" in run("status", tmp_path).stdout
