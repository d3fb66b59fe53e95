"""Small pictures on disk, and a way to run a command on them."""

import numpy as np
import pytest
from typer.testing import CliRunner

import classmat as cm
from classmat.cli.app import app

HEIGHT, WIDTH = 20, 28


@pytest.fixture
def run():
    """Run ``classmat ARGUMENTS`` in this process and return the result."""

    def run(*arguments, status=0):
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        assert result.exit_code == status, (result.output, result.exception)
        return result

    return run


def draw_scene(seed=0):
    """A noisy dark square on noisy light ground: image, trimap, and the mask of the square."""
    rng = np.random.default_rng(seed)
    mask = np.zeros((HEIGHT, WIDTH))
    mask[6:14, 8:20] = 1
    image = np.where(mask[..., None] > 0, (0.2, 0.3, 0.6), (0.8, 0.7, 0.5))
    image = np.clip(image + rng.normal(0, 0.02, image.shape), 0, 1)
    return image, cm.trimap_from_mask(mask, erode=2, dilate=3), mask


@pytest.fixture
def files(tmp_path):
    """The scene as files: photo.png, trimap.png, mask.png, alpha.png, in an otherwise empty folder."""
    image, trimap, mask = draw_scene()
    for name, picture in {"photo": image, "trimap": trimap, "mask": mask, "alpha": mask}.items():
        cm.write_image(tmp_path / f"{name}.png", picture)
    return tmp_path


@pytest.fixture
def folders(tmp_path):
    """Three scenes in folders images/, trimaps/, mattes/; the stems match after their suffixes are removed."""
    for folder in ("images", "trimaps", "mattes"):
        (tmp_path / folder).mkdir()
    for seed, name in enumerate(("ant", "bee", "cow")):
        image, trimap, mask = draw_scene(seed)
        cm.write_image(tmp_path / f"images/{name}_image.png", image)
        cm.write_image(tmp_path / f"trimaps/{name}_trimap.png", trimap)
        cm.write_image(tmp_path / f"mattes/{name}.png", mask)
    (tmp_path / "images/README.txt").write_text("not a picture")
    return tmp_path
