"""``classmat train`` and ``classmat portrait``: what they write, and what they refuse."""

import csv
import json
import shutil

import numpy as np
import pytest

import classmat as cm


@pytest.fixture
def data(folders):
    """The scenes as a data set: image/ and alpha/ with the same names."""
    root = folders / "data"
    for name, source in (("image", "images"), ("alpha", "mattes")):
        (root / name).mkdir(parents=True)
        for path in (folders / source).glob("*.png"):
            shutil.copy(path, root / name / path.name.replace("_image", ""))
    return root


OPTIONS = ["--size", 16, "--batch-size", 2, "--steps", "2,1,1", "--held-out", 0.3, "--workers", 0]


def test_train_writes_what_it_says_and_portrait_reads_it(run, data, files):
    output = files / "run"
    told = run("train", "fast-deep-matting", data, "-o", output, *OPTIONS)
    assert told.stdout.strip() == str(output / "weights.npz")
    assert {p.name for p in output.iterdir()} >= {"checkpoint.npz", "losses.csv", "scores.json", "weights.npz"}
    with (output / "losses.csv").open() as file:
        assert [row["stage"] for row in csv.DictReader(file)] == ["mask", "mask", "feathering", "joint"]
    assert set(json.loads((output / "scores.json").read_text())) == {"LDN", "LDN+GF", "LDN+FB"}
    run("portrait", files / "photo.png", "-o", files / "out.png", "--weights", output / "weights.npz")
    assert cm.read_matte(files / "out.png").shape == cm.read_image(files / "photo.png").shape[:2]


def test_a_second_command_goes_on(run, data, files):
    output = files / "run"
    run("train", "fast-deep-matting", data, "-o", output, *OPTIONS)
    weights = (output / "weights.npz").read_bytes()
    told = run("train", "fast-deep-matting", data, "-o", output, *OPTIONS)
    assert "going on with" in told.stderr
    assert (output / "weights.npz").read_bytes() == weights
    told = run("train", "fast-deep-matting", data, "-o", output, *OPTIONS, "--seed", 1, status=2)
    assert "is of a training with recipe.seed = 0, this one has 1" in told.stderr


def test_a_recipe_file_is_read_and_options_come_first(run, data, files):
    recipe = files / "recipe.toml"
    recipe.write_text("seed = 4\nradius = 2\nsteps = [1, 1, 1]\nsize = 8\n[augmentation]\nturn = 3\n")
    run("train", "fast-deep-matting", data, "-o", files / "run", "--config", recipe, "--size", 12, "--workers", 0)
    from classmat.nn.weights import load_weights

    kept = load_weights(files / "run" / "weights.npz", architecture="fast-deep-matting").manifest["recipe"]
    assert (kept["seed"], kept["radius"], kept["size"], kept["augmentation"]["turn"]) == (4, 2, 12, 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "either DATA, a folder, or --portraits N"),
        (["DATA", "--portraits", 3], "accepted is one of the two"),
        (["missing"], "is no folder"),
        (["DATA", "--steps", "1,2"], "accepted are three numbers"),
        (["DATA", "--held-out", 2], "--held-out is 2"),
        (["DATA", "--config", "missing.toml"], "missing.toml"),
        (["--portraits", 1], "--portraits is 1"),
        (["--portraits", 30, "--every", 0], "--every is 0"),
    ],
)
def test_bad_input(run, data, files, arguments, message):
    given = [data if word == "DATA" else word for word in arguments]
    told = run("train", "fast-deep-matting", *given, "-o", files / "run", status=2)
    assert message in told.stderr
    assert not (files / "run").exists()


def test_weights_that_are_none(run, files):
    np.savez(files / "other.npz", a=np.zeros(2))
    for name, message in (("other.npz", "is no checkpoint"), ("photo.png", "is no checkpoint")):
        arguments = ["portrait", files / "photo.png", "-o", files / "out.png", "--weights", files / name]
        assert message in run(*arguments, status=2).stderr
    assert not (files / "out.png").exists()
