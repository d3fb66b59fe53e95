"""cutout, trimap, evaluate and demo do what their functions do, on files and on folders."""

import json

import numpy as np
import pytest

import classmat as cm
from classmat.images.io import read_rgba
from classmat.matting.refine import refine_matte


def test_cutout(run, files):
    run("cutout", files / "photo.png", files / "alpha.png", "-o", files / "out.png")
    rgba, alpha = read_rgba(files / "out.png"), cm.read_matte(files / "alpha.png")
    np.testing.assert_allclose(rgba[..., 3], alpha, atol=1e-6)
    np.testing.assert_allclose(rgba[alpha == 1, :3], cm.read_image(files / "photo.png")[alpha == 1], atol=0.01)


def test_cutout_folders_on_a_colour(run, folders):
    run("cutout", folders / "images", folders / "mattes", "-o", folders / "out", "--background", "#000000")
    for name in ("ant", "bee", "cow"):
        composed = cm.read_image(folders / f"out/{name}.png")
        assert composed[cm.read_matte(folders / f"mattes/{name}.png") == 0].max() == 0


@pytest.mark.parametrize("method", ["trimap", "prior", "guided"])
def test_refine(run, files, method):
    run(
        "refine",
        files / "photo.png",
        files / "mask.png",
        "-o",
        files / "out.png",
        "--method",
        method,
        "--bits",
        16,
    )
    expected = refine_matte(cm.read_image(files / "photo.png"), cm.read_matte(files / "mask.png"), method=method)
    np.testing.assert_allclose(cm.read_matte(files / "out.png"), expected, atol=1e-4)


def test_trimap(run, files):
    run("trimap", files / "mask.png", "-o", files / "out.png", "--erode", 2, "--dilate", 3)
    np.testing.assert_array_equal(cm.read_trimap(files / "out.png"), cm.read_trimap(files / "trimap.png"))


def test_trimap_default_widths(run, files):
    run("trimap", files / "mask.png", "-o", files / "out.png")
    expected = cm.trimap_from_mask(cm.read_matte(files / "mask.png"))
    np.testing.assert_array_equal(cm.read_trimap(files / "out.png"), expected)


def test_trimap_folder_skips_what_exists(run, folders):
    args = ("trimap", folders / "mattes", "-o", folders / "out", "--skip-existing")
    run(*args)
    assert run(*args).stderr.startswith("0 done, 3 skipped, 0 failed in ")


def test_evaluate_table(run, files):
    half = cm.read_matte(files / "alpha.png") / 2
    cm.write_image(files / "half.png", half, bits=16)
    result = run("evaluate", files / "half.png", files / "alpha.png")
    heading, row = result.stdout.splitlines()
    scores = cm.metrics.evaluate(cm.read_matte(files / "half.png"), cm.read_matte(files / "alpha.png"))
    assert heading.split()[0] == "matte"
    assert row.split() == ["half.png", *(f"{value:.5f}" for value in scores.values())]
    assert result.stderr == ""


def test_evaluate_folders_has_a_mean_and_json(run, folders):
    cm.write_image(folders / "mattes/bee.png", np.zeros((20, 28)))
    (folders / "truths").mkdir()
    for name in ("ant", "bee", "cow"):
        cm.write_image(folders / f"truths/{name}_alpha.png", cm.read_matte(folders / "mattes/ant.png"))
    args = ("evaluate", folders / "mattes", folders / "truths", "--trimap", folders / "trimaps")
    result = run(*args, "--json", folders / "new/scores.json")
    scores = json.loads((folders / "new/scores.json").read_text())
    assert list(scores["mattes"]) == ["ant", "bee", "cow"]
    assert scores["mattes"]["ant"]["sad"] == 0
    assert scores["mean"]["mse"] == pytest.approx(scores["mattes"]["bee"]["mse"] / 3)
    assert scores["mean"]["mse"] > 0
    assert result.stdout.splitlines()[-1].split()[0] == "mean"


def test_evaluate_json_to_standard_output_is_only_json(run, files):
    result = run("evaluate", files / "alpha.png", files / "mask.png", "--json", "-")
    assert json.loads(result.stdout)["mean"]["sad"] == 0


def test_evaluate_reports_the_others_when_one_fails(run, folders):
    (folders / "truths").mkdir()
    for name in ("ant", "cow"):
        (folders / f"truths/{name}.png").write_bytes((folders / f"mattes/{name}.png").read_bytes())
    result = run("evaluate", folders / "mattes", folders / "truths", status=1)
    assert [line.split()[0] for line in result.stdout.splitlines()] == ["matte", "ant", "cow", "mean"]
    assert result.stderr.splitlines()[0].startswith("failed: bee: no alpha of that name in ")


def test_table_is_not_cut_to_a_terminal_width_in_a_pipe(run, tmp_path):
    name = "a_long_name_" * 20
    for folder in ("mattes", "truths"):
        (tmp_path / folder).mkdir()
        cm.write_image(tmp_path / folder / f"{name}.png", np.eye(4))
    result = run("evaluate", tmp_path / "mattes", tmp_path / "truths")
    assert len(result.stdout.splitlines()) == 2
    assert name in result.stdout


def test_demo(run, tmp_path):
    result = run("demo", "--output", tmp_path / "pictures")
    *paths, last = result.stdout.splitlines()
    assert sorted(paths) == sorted(str(path) for path in (tmp_path / "pictures").iterdir())
    assert last.startswith("6 pictures in ")
    alpha = cm.read_matte(tmp_path / "pictures/astronaut_matte.png")
    trimap = cm.read_trimap(tmp_path / "pictures/astronaut_trimap.png")
    assert (alpha[trimap == 0] == 0).all()
    assert (alpha[trimap == 255] == 1).all()
    # Hair: many pixels of the unknown band are partly transparent, and beyond the traced outline too.
    band = (trimap == 128)[:128]
    assert 0.1 < ((alpha[:128] > 0.05) & (alpha[:128] < 0.95))[band].mean() < 0.9
    sheet = cm.read_image(tmp_path / "pictures/contact_sheet.png")
    assert sheet.shape == (1152, 1616, 3)


def test_demo_trimap_is_what_its_script_draws(tmp_path):
    import runpy
    from pathlib import Path

    import classmat.cli

    script = Path(__file__).parents[2] / "examples" / "draw_astronaut_trimap.py"
    drawn = runpy.run_path(str(script))["draw_trimap"]()
    shipped = cm.read_trimap(Path(classmat.cli.__file__).parent / "astronaut_trimap.png")
    np.testing.assert_array_equal(drawn, shipped)
