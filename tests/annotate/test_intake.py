"""What init takes, and why it does not take the rest."""

import os
import struct
import unicodedata
import zlib

import numpy as np
import pytest
from PIL import Image
from project_checks import draw, fill

import classmat as cm
from classmat.annotate import intake
from classmat.annotate.intake import take_in
from classmat.annotate.project import Project


def take(folder, **options):
    with Project.create(folder) as project:
        result = take_in(project, **{"draft": False, **options})
        return result, project.photos()


def huge_png(w, h):
    """The header of a picture whose pixels would fill the memory."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", w, h, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def test_masks_become_trimaps_with_the_default_widths(tmp_path):
    fill(tmp_path, 2, trimaps=False, h=120, w=160)
    result, photos = take(tmp_path)
    assert result.trimaps == {"mask": 2}
    assert [photo.state for photo in photos] == ["new", "new"]
    mask = draw(0, 120, 160)[1]
    np.testing.assert_array_equal(cm.read_trimap(tmp_path / "trimaps/p00.png"), cm.trimap_from_mask(mask))
    with Project.open(tmp_path) as project:
        assert project.trimap_version(photos[0]).parameters == {
            "from": "mask",
            "file": "masks/p00.png",
            "erode": 1.6,
            "dilate": 1.6,
        }


def test_widths(tmp_path):
    fill(tmp_path, 1, trimaps=False)
    take(tmp_path, erode=0, dilate=3)
    trimap = cm.trimap_from_mask(draw(0)[1], erode=0, dilate=3)
    np.testing.assert_array_equal(cm.read_trimap(tmp_path / "trimaps/p00.png"), trimap)


def test_a_trimap_goes_before_a_mask(tmp_path):
    fill(tmp_path, 1, trimaps=False)
    fill(tmp_path, 1)
    assert take(tmp_path)[0].trimaps == {"trimap": 1}


def test_a_flat_folder(tmp_path):
    image, mask = draw(0)
    for name in ("cat_image.png", "dog.jpg"):
        cm.write_image(tmp_path / name, image if name[0] == "c" else image[::-1])
    cm.write_image(tmp_path / "cat_trimap.png", cm.trimap_from_mask(mask, erode=2, dilate=2))
    cm.write_image(tmp_path / "dog_mask.png", mask)
    cm.write_image(tmp_path / "cat_alpha.png", mask)
    result, photos = take(tmp_path)
    assert [(photo.name, photo.file, photo.state) for photo in photos] == [
        ("cat", "cat_image.png", "new"),
        ("dog", "dog.jpg", "new"),
    ]
    assert result.trimaps == {"trimap": 1, "mask": 1}
    assert (tmp_path / "cat_image.png").exists(), "photos stay where they are"


def test_again_takes_only_what_is_new(tmp_path, monkeypatch):
    fill(tmp_path, 2)
    assert len(take(tmp_path)[0].added) == 2
    fill(tmp_path, 3)
    (tmp_path / "images/bad.png").write_bytes(b"bad")
    looked = []
    original = intake.examine
    monkeypatch.setattr(intake, "examine", lambda path, name: looked.append(name) or original(path, name))
    result, photos = take(tmp_path)
    assert (result.added, len(photos), sorted(looked)) == (["p02"], 3, ["bad.png", "p02.png"])
    result, photos = take(tmp_path)
    assert (result.added, len(photos), len(looked)) == ([], 3, 2), "the bad one is not read again"
    assert [file for file, _ in result.refused] == ["images/bad.png"], "but told again"
    cm.write_image(tmp_path / "images/bad.png", draw(7)[0])
    assert take(tmp_path)[0].added == ["bad"], "until it changes"
    with Project.open(tmp_path) as project:
        assert not project.database.rows("SELECT * FROM passed_over")


def test_a_trimap_may_come_later(tmp_path):
    fill(tmp_path, 1)
    (tmp_path / "trimaps/p00_trimap.png").rename(tmp_path / "later.bak")
    result, (photo,) = take(tmp_path)
    assert (photo.state, photo.reason) == (
        "failed",
        "needs a trimap: none in trimaps/ and no mask in masks/ is called p00.",
    )
    assert result.without_trimap == [("p00", photo.reason)]
    (tmp_path / "later.bak").rename(tmp_path / "trimaps/p00.png")
    assert take(tmp_path)[1][0].state == "new"


def test_drafts(tmp_path, monkeypatch):
    fill(tmp_path, 2, trimaps=False)
    (tmp_path / "masks/p00.png").unlink()
    (tmp_path / "masks/p01.png").unlink()
    drafts = iter([cm.trimap_from_mask(draw(0)[1], erode=3, dilate=3)])

    def draft(image):
        assert image.shape == (24, 32, 3)
        try:
            return next(drafts)
        except StopIteration:
            raise ValueError("mask has no foreground pixels.") from None

    monkeypatch.setattr(intake, "draft_trimap", draft)
    result, photos = take(tmp_path, draft=True)
    assert result.trimaps == {"draft": 1}
    assert [photo.state for photo in photos] == ["new", "failed"]
    assert photos[1].reason == "needs a trimap: mask has no foreground pixels."


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("text.png", "is not a picture"),
        ("empty.jpg", "is not a picture"),
        ("truncated.png", "truncated"),
        ("truncated.jpg", "truncated"),
        ("animated.png", "has 2 frames or pages"),
        ("animated.webp", "has 2 frames or pages"),
        ("pages.tif", "has 2 frames or pages"),
        ("moving.gif", "is a GIF file; accepted are PNG, JPEG, TIFF and WebP"),
        ("gif.png", "is a GIF file"),
        ("print.jpg", "is in CMYK"),
        ("large.png", "has 160 million pixels; accepted are at most 150 million"),
        ("huge.png", "has more than 150 million pixels; accepted are at most 150 million"),
        ("enormous.png", "has more than 150 million pixels; accepted are at most 150 million"),
        ("camera.nef", "is not a picture"),
        ("copy.png", r"duplicate of images/p00\.png"),
        ("p00.jpg", r"images/p00\.png is called p00 as well"),
        ("P00.webp", r"images/p00\.png is called P00 as well"),
        ("link.png", "leaves the project"),
        ("dangling.png", "No such file"),
        ("back\\slash.png", "without folders"),
        ("new\nline.png", "without control characters"),
        (f"{'n' * 220}.png", "at most 200 bytes"),
    ],
)
def test_photos_that_are_not_taken(tmp_path, name, message):
    folder = tmp_path / "project"
    fill(folder, 1)
    take(folder)
    path = folder / "images" / name
    image = Image.fromarray(np.rint(255 * draw(5)[0]).astype(np.uint8))
    other = Image.fromarray(np.rint(255 * draw(6)[0]).astype(np.uint8))
    first = (folder / "images/p00.png").read_bytes()
    if name.startswith(("animated", "pages", "moving")):
        image.save(path, save_all=True, append_images=[other])
    elif name.startswith("gif"):
        image.save(path, format="GIF")
    elif name.startswith("print"):
        image.convert("CMYK").save(path)
    elif name.startswith("truncated"):
        image.save(path)
        path.write_bytes(path.read_bytes()[:-40])
    elif name.startswith("link"):
        image.save(tmp_path / "outside.png")
        path.symlink_to(tmp_path / "outside.png")
    elif name.startswith("dangling"):
        path.symlink_to(folder / "nothing.png")
    elif name.startswith(("back", "new", "n", "p00", "P00")):
        image.save(path)
    else:
        contents = {"text": b"I am a text.", "copy": first, "huge": huge_png(20000, 10000)}
        contents["large"] = huge_png(16000, 10000)
        contents["enormous"] = huge_png(100000, 100000)
        path.write_bytes(contents.get(path.stem, b""))
    result, photos = take(folder)
    assert [photo.name for photo in photos] == ["p00"]
    ((file, reason),) = result.refused
    assert file == f"images/{name}"
    with pytest.raises(ValueError, match=message):
        raise ValueError(reason)
    assert "\n" not in reason.replace("\\n", "")


@pytest.mark.parametrize(
    "name", ["my photo", "Zoë", unicodedata.normalize("NFD", "Zoë"), "写真", "😀 a", "a.b c", "-rf"]
)
def test_names_of_photos(tmp_path, name):
    fill(tmp_path, 1)
    (tmp_path / "images/p00.png").rename(tmp_path / f"images/{name}.png")
    (tmp_path / "trimaps/p00_trimap.png").rename(tmp_path / f"trimaps/{name}_trimap.png")
    result, (photo,) = take(tmp_path)
    assert (result.refused, photo.name, photo.state) == ([], name, "new")
    with Project.open(tmp_path) as project:
        project.write_matte(photo, "knn", draw(0)[1], parameters={})
        assert project.matte_path(photo, "knn").is_file()
        assert project.repair() == []


@pytest.mark.parametrize(
    ("picture", "message"),
    [
        (
            cm.trimap_from_mask(draw(0, 23, 32)[1], erode=1, dilate=1),
            "p00 has 32 x 24 pixels, what was to be written has 32 x 23",
        ),
        (np.zeros((24, 32)), "no foreground"),
        (draw(0)[0], "in colour"),
        (b"bad", "cannot read"),
    ],
)
def test_trimaps_that_do_not_fit(tmp_path, picture, message):
    fill(tmp_path, 1)
    path = tmp_path / "trimaps/p00_trimap.png"
    path.write_bytes(picture) if isinstance(picture, bytes) else cm.write_image(path, picture)
    _, (photo,) = take(tmp_path)
    assert photo.state == "failed"
    assert photo.reason.startswith("needs a trimap: ")
    assert message in photo.reason


def test_photos_on_their_side(tmp_path):
    fill(tmp_path, 1)
    image = Image.fromarray(np.rint(255 * draw(0, 32, 24)[0]).astype(np.uint8))
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(tmp_path / "images/p00.png", exif=exif)
    _, (photo,) = take(tmp_path)
    assert (photo.width, photo.height, photo.state) == (32, 24, "new")


def test_names_that_are_not_utf8(tmp_path):
    fill(tmp_path, 1)
    try:
        (tmp_path / "images/p00.png").rename(tmp_path / "images" / os.fsdecode(b"caf\xe9.png"))
    except OSError:
        pytest.skip("this file system has no such names")
    result, photos = take(tmp_path)
    assert (photos, result.refused) == ([], [("images/caf\ufffd.png", "its name is not UTF-8; rename it.")])
