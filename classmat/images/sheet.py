"""A contact sheet: pictures in a grid, each with a caption. Drawn with Pillow, which scikit-image brings."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

SIDE, GAP, CAPTION, FONT = 512, 20, 34, 19  # pixels
PAPER, INK = (250, 250, 248), (45, 45, 45)


class Tile(NamedTuple):
    """A picture, (h, w, 3) or (h, w), in [0, 1] or uint8, and what is written below it."""

    caption: str
    picture: NDArray[Any]


def contact_sheet(tiles: list[Tile], *, columns: int, side: int = SIDE) -> NDArray[np.uint8]:
    """Return all tiles on one sheet, row by row, each scaled to fit a square of `side` pixels.

    Examples
    --------
    >>> contact_sheet([Tile("black", np.zeros((4, 8))), Tile("white", np.ones((8, 4)))], columns=2).shape
    (586, 1084, 3)
    """
    rows = -(-len(tiles) // columns)
    size = (columns * (side + GAP) + GAP, rows * (side + GAP + CAPTION) + GAP)
    sheet = Image.new("RGB", size, PAPER)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(FONT)
    for index, tile in enumerate(tiles):
        row, column = divmod(index, columns)
        left, top = GAP + column * (side + GAP), GAP + row * (side + GAP + CAPTION)
        picture = fit(tile.picture, side)
        sheet.paste(picture, (left + (side - picture.width) // 2, top + (side - picture.height) // 2))
        draw.text((left + side // 2, top + side + 6), tile.caption, fill=INK, font=font, anchor="ma")
    return np.asarray(sheet)


def fit(picture: NDArray[Any], side: int) -> Image.Image:
    """Return a picture scaled so that its longer side is `side` pixels."""
    levels = picture if picture.dtype == np.uint8 else np.rint(255 * np.clip(picture, 0, 1)).astype(np.uint8)
    found = Image.fromarray(levels).convert("RGB")
    scale = side / max(found.size)
    return found.resize(
        (max(1, round(scale * found.width)), max(1, round(scale * found.height))), Image.Resampling.BICUBIC
    )
