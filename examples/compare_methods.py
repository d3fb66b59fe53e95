"""All methods on a photo of your own, side by side: one sheet with every matte, and its error if the truth is known.

python examples/compare_methods.py photo.jpg trimap.png [truth.png]
"""

import sys
import time

import classmat as cm
from classmat.cli._sheet import Tile, contact_sheet


def main(photo: str, trimap_file: str, truth_file: str | None = None, target: str = "methods.png") -> None:
    image, trimap = cm.read_image(photo), cm.read_trimap(trimap_file)
    truth = cm.read_matte(truth_file) if truth_file else None
    tiles = [Tile("image", image), Tile("trimap", trimap)]
    if truth is not None:
        tiles.append(Tile("truth", truth))
    for name, method in cm.METHODS.items():
        start = time.perf_counter()
        alpha = method(image, trimap)
        caption = f"{name}, {time.perf_counter() - start:.1f} s"  # the first call of a method compiles
        if truth is not None:
            caption += f", MSE {cm.metrics.mse(alpha, truth, trimap):.4f}"
        tiles.append(Tile(caption, alpha))
        print(caption)
    cm.write_image(target, contact_sheet(tiles, columns=min(4, len(tiles))))
    print(f"wrote {target}")


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    main(*sys.argv[1:])
