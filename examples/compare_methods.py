"""All methods on a photo of your own, side by side: one sheet with every matte, and its error if the truth is known.

python examples/compare_methods.py photo.jpg trimap.png [truth.png] [--output methods.png]
"""

import argparse
import sys
import time

import classmat as cm
from classmat.images.sheet import Tile, contact_sheet
from classmat.images.validate import require_same_size


def compare(photo: str, trimap_file: str, truth_file: str | None, target: str) -> None:
    image, trimap = cm.read_image(photo), cm.read_trimap(trimap_file)
    truth = cm.read_matte(truth_file) if truth_file else None
    for name, plane in (("trimap", trimap), ("truth", truth)):
        if plane is not None:
            require_same_size(image, plane, names=("photo", name))
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


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="All methods on one photo, side by side.")
    parser.add_argument("photo")
    parser.add_argument("trimap")
    parser.add_argument("truth", nargs="?", help="the true matte, if it is known")
    parser.add_argument("--output", default="methods.png", help="the sheet to write")
    given = parser.parse_args(arguments)
    try:
        compare(given.photo, given.trimap, given.truth, given.output)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
