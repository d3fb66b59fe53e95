import warnings

import numpy as np
import pytest
from typer.testing import CliRunner

import classmat as cm
from classmat.cli.app import app


def test_writes_the_matte_that_the_function_returns(run, files):
    result = run("matte", files / "photo.png", files / "trimap.png", "-o", files / "out.png", "--bits", 16)
    expected = cm.closed_form_matting(cm.read_image(files / "photo.png"), cm.read_trimap(files / "trimap.png"))
    np.testing.assert_allclose(cm.read_matte(files / "out.png"), expected, atol=0.51 / 65535)
    assert result.stdout == ""
    assert result.stderr.startswith(f"wrote {files / 'out.png'} in ")
    assert result.stderr.count("\n") == 1


def test_output_folder_is_created(run, files):
    run("matte", files / "photo.png", files / "trimap.png", "-o", files / "new/deep/out.png")
    assert cm.read_matte(files / "new/deep/out.png").shape == (20, 28)


def test_cutout_is_transparent(run, files):
    from classmat.images.io import read_rgba

    args = ("matte", files / "photo.png", files / "trimap.png", "-o", files / "a.png")
    run(*args, "--cutout", files / "c.png")
    np.testing.assert_allclose(read_rgba(files / "c.png")[..., 3], cm.read_matte(files / "a.png"), atol=1e-6)


def test_background_colour_shows_where_alpha_is_0(run, files):
    args = ("matte", files / "photo.png", files / "trimap.png", "-o", files / "a.png")
    run(*args, "--cutout", files / "c.png", "--background", "#3366ff")
    composed, trimap = cm.read_image(files / "c.png"), cm.read_trimap(files / "trimap.png")
    np.testing.assert_allclose(
        composed[trimap == 0], np.broadcast_to((0.2, 0.4, 1), (np.sum(trimap == 0), 3)), atol=1e-6
    )
    np.testing.assert_allclose(
        composed[trimap == 255], cm.read_image(files / "photo.png")[trimap == 255], atol=0.03
    )


def test_background_picture_covers_without_distortion(run, files):
    stripes = np.zeros((10, 100, 3))
    stripes[:, 43:57] = 1  # the middle 28 columns once scaled by 2 to the height of the photo
    cm.write_image(files / "wide.png", stripes)
    args = ("matte", files / "photo.png", files / "trimap.png", "-o", files / "a.png")
    run(*args, "--cutout", files / "c.jpg", "--background", files / "wide.png")
    composed, trimap = cm.read_image(files / "c.jpg"), cm.read_trimap(files / "trimap.png")
    assert composed.shape == (20, 28, 3)
    assert composed[:, 2:-2][trimap[:, 2:-2] == 0].min() > 0.8


def paint_on_photo(image):
    strokes = image.copy()
    strokes[9:11, 10:18], strokes[1:3, 2:26] = 1, 0
    return strokes


def paint_on_grey(image):
    return paint_on_photo(np.full(image.shape, 0.5))


def paint_on_nothing(image):
    strokes = np.zeros((*image.shape[:2], 4))
    strokes[9:11, 10:18] = 1
    strokes[1:3, 2:26, 3] = 1
    return strokes


@pytest.mark.parametrize("paint", [paint_on_photo, paint_on_grey, paint_on_nothing])
def test_scribbles(run, files, paint):
    cm.write_image(files / "strokes.png", paint(cm.read_image(files / "photo.png")))
    run("matte", files / "photo.png", files / "strokes.png", "-o", files / "a.png", "--scribbles")
    alpha, truth = cm.read_matte(files / "a.png"), cm.read_matte(files / "mask.png")
    assert (alpha[9:11, 10:18] == 1).all()
    assert (alpha[1:3, 2:26] == 0).all()
    assert np.abs(alpha - truth).mean() < 0.1


def test_folders(run, folders):
    result = run(
        "matte", folders / "images", folders / "trimaps", "-o", folders / "out", "--cutout", folders / "cut"
    )
    for folder in ("out", "cut"):
        assert sorted(path.name for path in (folders / folder).iterdir()) == ["ant.png", "bee.png", "cow.png"]
    assert result.stderr.startswith("3 done, 0 skipped, 0 failed in ")


def test_hidden_files_are_not_pictures(run, folders):
    (folders / "images/._ant_image.png").write_bytes(b"what some systems leave")
    result = run("matte", folders / "images", folders / "trimaps", "-o", folders / "out")
    assert result.stderr.startswith("3 done, 0 skipped, 0 failed in ")


def test_warnings_in_a_folder_name_the_file(run, folders, monkeypatch):
    def warn(image, trimap, *, callback):
        warnings.warn("stopped early.", cm.ConvergenceWarning, stacklevel=2)
        return cm.closed_form_matting(image, trimap)

    monkeypatch.setitem(cm.METHODS, "closed-form", warn)
    result = run("matte", folders / "images", folders / "trimaps", "-o", folders / "out")
    expected = [f"warning: {name}: stopped early." for name in ("ant", "bee", "cow")]
    assert result.stderr.splitlines()[:-1] == expected


def test_one_folder_with_both_kinds(run, folders):
    for name in ("ant", "bee"):
        (folders / f"trimaps/{name}_trimap.png").rename(folders / f"images/{name}_trimap.png")
    (folders / "images/cow_image.png").unlink()
    run("matte", folders / "images", folders / "images", "-o", folders / "out")
    assert sorted(path.name for path in (folders / "out").iterdir()) == ["ant.png", "bee.png"]


def test_skip_existing(run, folders):
    args = ("matte", folders / "images", folders / "trimaps", "-o", folders / "out", "--skip-existing")
    run(*args)
    (folders / "out/bee.png").unlink()
    (folders / "out/ant.png").write_bytes(b"kept")
    result = run(*args)
    assert (folders / "out/ant.png").read_bytes() == b"kept"
    assert (folders / "out/bee.png").exists()
    assert result.stderr.startswith("1 done, 2 skipped, 0 failed in ")


def test_skip_existing_file_needs_all_results(run, files):
    args = ("matte", files / "photo.png", files / "trimap.png", "-o", files / "a.png", "--skip-existing")
    run(*args)
    assert run(*args).stderr == "skipped photo.png: the result exists\n"
    run(*args, "--cutout", files / "c.png")
    assert (files / "c.png").exists()


def test_failures_are_listed_and_do_not_stop(run, folders):
    (folders / "images/ant_image.png").write_bytes(b"no picture")
    (folders / "trimaps/bee_trimap.png").unlink()
    result = run("matte", folders / "images", folders / "trimaps", "-o", folders / "out", status=1)
    lines = result.stderr.splitlines()
    assert [path.name for path in (folders / "out").iterdir()] == ["cow.png"]
    assert lines[0] == f"failed: bee: no trimap of that name in {folders / 'trimaps'}."
    assert lines[1].startswith("failed: ant: cannot read ")
    assert lines[2].startswith("1 done, 0 skipped, 2 failed in ")
    assert len(lines) == 3


def test_ambiguous_names_fail(run, folders):
    (folders / "trimaps/cow.png").write_bytes((folders / "trimaps/bee_trimap.png").read_bytes())
    (folders / "trimaps/cow_trimap.png").rename(folders / "trimaps/cow.tif")
    result = run("matte", folders / "images", folders / "trimaps", "-o", folders / "out", status=1)
    assert "failed: cow: several files match" in result.stderr
    assert "cow.png, cow.tif" in result.stderr


def test_existing_output_survives_a_failure(files):
    (files / "a.png").write_bytes(b"precious")
    cm.write_image(files / "small.png", np.zeros((3, 3)))
    args = ["matte", files / "photo.png", files / "small.png", "-o", files / "a.png"]
    assert CliRunner().invoke(app, [str(a) for a in args]).exit_code == 2
    assert (files / "a.png").read_bytes() == b"precious"
