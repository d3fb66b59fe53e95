"""Draw docs/figures/trimaps.jpg: what the widths of a trimap do, on the photo of the demo.

python docs/figures/trimaps.py
"""

import sys
from pathlib import Path

from skimage import data

import classmat as cm
from classmat.images.sheet import Tile, contact_sheet

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1] / "examples"))

import draw_astronaut_trimap as drawing  # noqa: E402

# Fractions of the longest side: erode, dilate.
WIDTHS = ((0.005, 0.005), (0.01, 0.01), (0.02, 0.05))


def main() -> None:
    """Draw the figure."""
    photo, mask = data.astronaut() / 255, drawing.inside(drawing.OUTLINE)
    tiles = [Tile("photo", photo), Tile("mask", mask.astype(float))]
    for erode, dilate in WIDTHS:
        trimap = cm.trimap_from_mask(mask, erode=512 * erode, dilate=512 * dilate)
        seen = photo * 0.35 + 0.65 * (trimap / 255)[..., None]
        name = " (default)" if (erode, dilate) == (0.01, 0.01) else ""
        tiles.append(Tile(f"erode {erode:.1%}, dilate {dilate:.1%}{name}", seen))
    tiles.append(Tile("default trimap", cm.trimap_from_mask(mask)))
    cm.write_image(HERE / "trimaps.jpg", contact_sheet(tiles, columns=3))


if __name__ == "__main__":
    main()
