"""Every kind of bad input as a command: exit status 2, one line on standard error, nothing written."""

import numpy as np
import pytest
from tifffile import imwrite

import classmat as cm


def tree(folder):
    """All files below a folder and their contents, to show that nothing was written."""
    return {path: path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def write_float(path, values):
    imwrite(path, np.asarray(values, np.float32), photometric="rgb")


@pytest.fixture
def bad(files):
    """The scene's folder with one file of each bad kind."""
    image, trimap = cm.read_image(files / "photo.png"), cm.read_trimap(files / "trimap.png")
    (files / "empty.png").write_bytes(b"")
    (files / "text.png").write_text("I am not a picture.")
    (files / "truncated.png").write_bytes((files / "photo.png").read_bytes()[:300])
    cm.write_image(files / "small.png", trimap[:-1])
    cm.write_image(files / "no_foreground.png", np.minimum(trimap, 128))
    cm.write_image(files / "no_background.png", np.maximum(trimap, 128))
    with_nan, with_inf = image.copy(), image.copy()
    with_nan[3, 4, 1], with_inf[5, 6, 0] = np.nan, np.inf
    write_float(files / "nan.tif", with_nan)
    write_float(files / "inf.tif", with_inf)
    write_float(files / "up_to_255.tif", image * 255)
    (files / "folder").mkdir()
    return files


CASES = {
    # name: (arguments, with paths relative to the folder; a part of the message)
    "not an image": ("matte text.png trimap.png -o out.png", "text.png"),
    "empty file": ("matte empty.png trimap.png -o out.png", "empty.png"),
    "truncated": ("matte truncated.png trimap.png -o out.png", "truncated"),
    "missing": ("matte none.png trimap.png -o out.png", "IMAGE none.png does not exist"),
    "nan": ("matte nan.tif trimap.png -o out.png", "NaN"),
    "inf": ("matte inf.tif trimap.png -o out.png", "infinite"),
    "float 0..255": ("matte up_to_255.tif trimap.png -o out.png", "accepted is [0, 1]"),
    "sizes": ("matte photo.png small.png -o out.png", "image is 20x28 but trimap is 19x28"),
    "colour trimap": ("matte photo.png photo.png -o out.png", "in colour"),
    "no foreground": ("matte photo.png no_foreground.png -o out.png", "no foreground pixels"),
    "no background": ("matte photo.png no_background.png -o out.png", "no background pixels"),
    "no strokes": ("matte photo.png photo.png -o out.png --scribbles", "no foreground pixels"),
    "unwritable": ("matte photo.png trimap.png -o mask.png/out.png", "cannot create the folder mask.png"),
    "second output unwritable": (
        "matte photo.png trimap.png -o out.png --cutout " + 300 * "n" + ".png",
        "File name too long",
    ),
    "output is a folder": ("matte photo.png trimap.png -o folder", "--output folder is a folder"),
    "output format": ("matte photo.png trimap.png -o out.gif", "ends in '.gif'"),
    "over the image": ("matte photo.png trimap.png -o ./folder/../photo.png", "would overwrite an input"),
    "over the trimap": ("matte photo.png trimap.png -o a.png --cutout trimap.png", "would overwrite an input"),
    "over the background": (
        "matte photo.png trimap.png -o a.png --cutout mask.png --background mask.png",
        "would overwrite an input",
    ),
    "same output twice": ("matte photo.png trimap.png -o a.png --cutout a.png", "must differ"),
    "method": ("matte photo.png trimap.png -o out.png --method magic", "--method is 'magic'"),
    "bits": ("matte photo.png trimap.png -o out.png --bits 12", "--bits is 12"),
    "bits of jpeg": ("matte photo.png trimap.png -o out.jpg --bits 16", ".jpg holds 8 bits"),
    "bits no number": (
        "matte photo.png trimap.png -o out.png --bits many",
        "error: Invalid value for '--bits': 'many' is not a whole number. Try 'classmat matte --help'.\n",
    ),
    "erode no number": ("trimap mask.png -o out.png --erode wide", "'--erode': 'wide' is not a number. Try"),
    "same mattes": ("evaluate alpha.png ./folder/../alpha.png", "PRED and TRUTH are both alpha.png"),
    "same folder": ("evaluate . folder/..", "PRED and TRUTH are both ."),
    "long path": (f"trimap {5000 * 'n'} -o out.png", "File name too long"),
    "background alone": ("matte photo.png trimap.png -o out.png --background #ffffff", "needs --cutout"),
    "colour": ("matte photo.png trimap.png -o a.png --cutout c.png --background #fff", "'#fff'"),
    "no background file": ("matte photo.png trimap.png -o a.png --cutout c.png --background x.jpg", "x.jpg"),
    "bad background": ("matte photo.png trimap.png -o a.png --cutout c.png --background text.png", "text.png"),
    "cutout as jpeg": ("matte photo.png trimap.png -o a.png --cutout c.jpg", "holds no transparency"),
    "file and folder": ("matte photo.png folder -o out.png", "IMAGE is a file, TRIMAP is a folder"),
    "folder without pictures": ("matte folder folder -o out", "no image files"),
    "output is a file": ("trimap . -o mask.png", "accepted is a folder"),
    "folder over its inputs": ("trimap . -o .", "would overwrite an input"),
    "cutout sizes": ("cutout photo.png small.png -o out.png", "image is 20x28 but alpha is 19x28"),
    "cutout of colour matte": ("cutout photo.png photo.png -o out.png", "in colour"),
    "cutout in jpeg": ("cutout photo.png alpha.png -o out.jpg", "holds no transparency"),
    "refine method": ("refine photo.png mask.png -o out.png --method magic", "--method is 'magic'"),
    "refine solver": ("refine photo.png mask.png -o out.png --solver magic", "--solver is 'magic'"),
    "refine option": (
        "refine photo.png mask.png -o out.png --method guided --erode 3",
        "--erode is of no use to --method guided; accepted is --method trimap or prior with it.",
    ),
    "refine solver of prior": (
        "refine photo.png mask.png -o out.png --method prior --solver knn",
        "--solver is of no use to --method prior; accepted is --method trimap with it.",
    ),
    "refine sizes": ("refine photo.png small.png -o out.png", "image is 20x28 but alpha is 19x28"),
    "mask without foreground": ("trimap no_foreground.png -o out.png --erode -1", "erode is -1"),
    "too wide": ("trimap mask.png -o out.png --erode 99", "leaves no foreground"),
    "evaluate sizes": ("evaluate alpha.png small.png --json out.json", "alpha is 20x28 but truth is 19x28"),
    "evaluate missing": ("evaluate alpha.png none.png", "TRUTH none.png does not exist"),
    "json over an input": ("evaluate alpha.png mask.png --json mask.png", "would overwrite an input"),
    "json nowhere": ("evaluate alpha.png mask.png --json text.png/x.json", "cannot create the folder"),
    "demo nowhere": ("demo --output text.png", "cannot create the folder"),
    "no such command": ("mat photo.png", "Did you mean 'matte'? Try 'classmat --help'.\n"),
    "no such option": ("matte photo.png trimap.png -o out.png --colour", "--colour"),
    "argument missing": ("matte photo.png", "Missing"),
    "output missing": ("matte photo.png trimap.png", "--output"),
}


@pytest.mark.parametrize(("command", "message"), CASES.values(), ids=CASES)
def test_bad_input(run, bad, monkeypatch, command, message):
    monkeypatch.chdir(bad)
    before = tree(bad)
    result = run(*command.split(), status=2)
    assert result.stdout == ""
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    assert message in result.stderr
    assert tree(bad) == before
    assert len(result.stderr) < 500
    assert not any(pair in result.stderr for pair in ("?.", "..\n", ". ."))


def test_a_truth_without_unknown_pixels_is_an_error_not_a_nan(run, files):
    args = ("evaluate", files / "alpha.png", files / "mask.png", "--trimap", files / "mask.png")
    assert "no unknown pixels" in run(*args, status=2).stderr


GOOD = {
    "grey": lambda image: image[..., 0],
    "16 bits": lambda image: (image * 65535).astype(np.uint16),
    "one colour": lambda image: np.full_like(image, 0.5),
}


@pytest.mark.parametrize("change", GOOD.values(), ids=GOOD)
def test_accepted_without_fuss(run, files, change):
    picture = change(cm.read_image(files / "photo.png"))
    cm.write_image(files / "photo.png", picture, bits=16 if picture.dtype == np.uint16 else 8)
    result = run("matte", files / "photo.png", files / "trimap.png", "-o", files / "out.png")
    assert result.stderr.startswith("wrote ")


def test_one_row_and_nothing_unknown(run, tmp_path):
    cm.write_image(tmp_path / "i.png", np.linspace(0, 1, 7)[None])
    cm.write_image(tmp_path / "t.png", np.array([[0, 0, 0, 255, 255, 255, 255]], np.uint8))
    run("matte", tmp_path / "i.png", tmp_path / "t.png", "-o", tmp_path / "a.png")
    np.testing.assert_array_equal(cm.read_matte(tmp_path / "a.png"), cm.read_matte(tmp_path / "t.png"))


def test_transparency_is_ignored_with_one_line(run, files):
    rgba = np.dstack([cm.read_image(files / "photo.png"), np.full((20, 28), 0.5)])
    cm.write_image(files / "photo.png", rgba)
    result = run("matte", files / "photo.png", files / "trimap.png", "-o", files / "out.png")
    warning, wrote = result.stderr.splitlines()
    assert warning.startswith("warning: ")
    assert "ignored" in warning
    assert wrote.startswith("wrote ")
