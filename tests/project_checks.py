"""Small photos for projects, and what must hold of any project whatever happened to it."""

import hashlib
import json

import numpy as np

import classmat as cm
from classmat.annotate.stamped import stamp_of

METHODS = ("closed-form", "knn")


def draw(seed, h=24, w=32):
    """A noisy disc before noise: image, mask."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:h, :w]
    mask = np.hypot(y - h / 2, x - w / 2) < min(h, w) / 3
    image = np.where(mask[..., None], (0.2, 0.3, 0.6), (0.8, 0.7, 0.5)) + rng.normal(0, 0.03, (h, w, 3))
    return np.clip(image, 0, 1), mask.astype(float)


def fill(folder, count, *, h=24, w=32, trimaps=True):
    """Put photos p00, p01, ... into images/, with trimaps or masks."""
    for name in ("images", "trimaps", "masks"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for i in range(count):
        image, mask = draw(i, h, w)
        cm.write_image(folder / f"images/p{i:02d}.png", image)
        if trimaps:
            cm.write_image(folder / f"trimaps/p{i:02d}_trimap.png", cm.trimap_from_mask(mask, erode=2, dilate=2))
        else:
            cm.write_image(folder / f"masks/p{i:02d}.png", mask)


def check(project):
    """Every row has its whole file, every file its row, and nothing is there twice or half."""
    rows = project.database.rows("SELECT * FROM files WHERE replaced IS NULL")
    photos = {photo.id: photo for photo in project.photos()}
    expected = set()
    for row in rows:
        photo = photos[row["photo"]]
        is_matte = row["kind"] == "matte"
        path = project.matte_path(photo, row["method"]) if is_matte else project.trimap_path(photo)
        data = path.read_bytes()
        assert hashlib.sha256(data).hexdigest() == row["sha256"]
        read = cm.read_matte if is_matte else cm.read_trimap
        assert read(path).shape == (photo.height, photo.width)
        if is_matte and row["author"].startswith("classmat"):
            facts = stamp_of(data)
            assert (facts["photo"], facts["method"]) == (photo.sha256, row["method"])
            assert facts["parameters"] == json.loads(row["parameters"])
        expected.add(path)
    root = project.root.resolve()
    found = {p for p in root.glob("mattes/**/*") if p.is_file() and ".incoming" not in p.parts}
    assert found == {path for path in expected if path.is_relative_to(root / "mattes")}
    for path in root.glob("mattes/.incoming/*.png"):  # the worker of a killed run may have ended its work just now
        cm.read_matte(path)
    for photo in photos.values():
        mattes = [row["method"] for row in rows if row["photo"] == photo.id and row["kind"] == "matte"]
        assert photo.state != "ready" or mattes
        assert photo.state != "new" or not mattes


def no_predecessors(project):
    """No matte was computed twice: each has one row, and the history has none."""
    statement = "SELECT photo, method FROM files WHERE kind = 'matte' GROUP BY photo, method HAVING count(*) > 1"
    assert not project.database.rows(statement)
    assert not list(project.root.glob("history/mattes/**/*.png"))
