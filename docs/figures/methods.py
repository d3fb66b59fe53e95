"""Draw docs/figures/methods-*.jpg: what every method makes of a photo's hair, of painted hair, and of enclosed gaps.

python docs/figures/methods.py
"""

from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage import data

import classmat as cm
from classmat.images.sheet import Tile, contact_sheet

HERE = Path(__file__).parent
HAIR = np.s_[8:146, 128:266]  # of the astronaut
CURLS = np.s_[40:240, 60:260]  # of the portrait


def main() -> None:
    """Draw the figures."""
    with as_file(files("classmat.cli") / "astronaut_trimap.png") as path:
        draw("astronaut", data.astronaut() / 255, cm.read_trimap(path), None, HAIR)
    scene = cm.gallery.portrait(400, 300, seed=11, background="clutter", noise=0.01)
    trimap = cm.trimap_from_alpha(scene.alpha, radius=12)
    draw("portrait", scene.image, trimap, scene.alpha, CURLS)
    draw("basket", *basket(), np.s_[:, :])


def basket(size: int = 200) -> tuple[NDArray[Any], NDArray[np.uint8], NDArray[Any]]:
    """Weave a basket before a blurred wall: the wall shows in gaps that touch no known background."""
    y, x = np.mgrid[:size, :size] + 0.5
    weave = np.minimum(np.abs((x + y) % 24 - 12), np.abs((x - y) % 24 - 12))
    distance = np.hypot(x - size / 2, y - size / 2)
    alpha = np.clip(5.5 - weave, 0, 1) * np.clip(80 - distance, 0, 1)
    alpha = np.maximum(alpha, np.clip(24 - distance, 0, 1))
    rng = np.random.default_rng(0)
    grain = ndimage.gaussian_filter(rng.standard_normal((2, size, size)), (0, 3, 3)) * 0.35
    foreground = np.array([0.62, 0.45, 0.25]) + grain[0][..., None]
    background = np.array([0.35, 0.45, 0.55]) + grain[1][..., None] + 0.1 * (x / size)[..., None]
    image = cm.composite(np.clip(foreground, 0, 1), alpha, np.clip(background, 0, 1))
    image = np.clip(image + 0.01 * rng.standard_normal(image.shape), 0, 1)
    trimap = np.where(distance < 20, 255, np.where(distance > 86, 0, 128)).astype(np.uint8)
    return image, trimap, alpha


def draw(name: str, image: Any, trimap: Any, truth: Any, part: Any) -> None:
    """Draw one figure: the part of the image, of the trimap, of the truth, and of every method's matte."""
    tiles = [Tile("image", image[part]), Tile("trimap", trimap[part])]
    if truth is not None:
        tiles.append(Tile("truth", truth[part]))
    for method, function in cm.METHODS.items():
        alpha = function(image, trimap)
        score = "" if truth is None else f", MSE {cm.metrics.mse(alpha, truth, trimap):.4f}"
        tiles.append(Tile(method + score, alpha[part]))
    sheet = contact_sheet(tiles, columns=4) / 255
    cm.write_image(HERE / f"methods-{name}.jpg", cm.resize(sheet, sheet.shape[0] // 2, sheet.shape[1] // 2))


if __name__ == "__main__":
    main()
