"""Draw the pictures of docs/models/fast-deep-matting.md: what the net was trained on, and what it makes of a photo.

python docs/figures/portraits.py
"""

from pathlib import Path

import numpy as np
import skimage.data

import classmat as cm
from classmat.filters.resize import resize
from classmat.nn.data import squeezed
from classmat.nn.portrait import net_matte
from classmat.nn.weights import shipped_weights

HERE = Path(__file__).parent
GREEN = (0.2, 0.55, 0.3)


def painted(rows: int = 3, columns: int = 9) -> np.ndarray:
    """Return a sheet of painted people and their mattes."""
    scenes = [cm.gallery.snapshot(128, 96, seed=seed) for seed in range(rows * columns)]
    lines = [
        np.vstack(
            [
                np.hstack([scene.image for scene in scenes[i : i + columns]]),
                np.hstack([np.dstack([scene.alpha] * 3) for scene in scenes[i : i + columns]]),
            ]
        )
        for i in range(0, len(scenes), columns)
    ]
    return np.vstack(lines)


def astronaut() -> np.ndarray:
    """Return a photo, the net alone, the matte, the refined one, and the cut-out."""
    image = skimage.data.astronaut() / 255
    net = resize(net_matte(squeezed(image, 128), shipped_weights()), *image.shape[:2])
    soft, refined = cm.portrait_matte(image), cm.portrait_matte(image, refine=True)
    cut_out = cm.composite(cm.estimate_foreground(image, refined)[0], refined, GREEN)
    row = [image, *(np.dstack([np.clip(alpha, 0, 1)] * 3) for alpha in (net, soft, refined)), cut_out]
    return np.hstack([part[::2, ::2] for part in row])


if __name__ == "__main__":
    cm.write_image(HERE / "portraits-painted.jpg", painted())
    cm.write_image(HERE / "portraits-astronaut.jpg", astronaut())
