"""What commands do with pictures: read scribbles and backgrounds, lay a cut-out over it, write all or nothing."""

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

OPAQUE = (".jpg", ".jpeg")  # formats that hold no transparency


def check_cutout_options(cutout: Path | None, background: str | None) -> None:
    """Raise ValueError before any work if a cut-out could not be written.

    Raises
    ------
    ValueError
        If there is a background but nothing to lay over it, or the format cannot hold transparency.
    """
    if background is not None and cutout is None:
        raise ValueError("--background needs --cutout FILE, where the picture on the new background is written.")
    if cutout is not None and background is None and cutout.suffix.lower() in OPAQUE:
        raise ValueError(
            f"{cutout.suffix} holds no transparency; accepted is .png, .tif or .webp, or give a --background."
        )
    if background is not None and not background.startswith("#") and not Path(background).is_file():
        raise FileNotFoundError(f"--background {background} is neither a file nor a colour such as #3a6ea5.")
    if background is not None and background.startswith("#"):
        parse_color(background)


def cut_out(image: NDArray[Any], alpha: NDArray[Any], background: str | None) -> NDArray[Any]:
    """Return the foreground as straight RGBA, or laid over a background as RGB.

    Parameters
    ----------
    image : (h, w, 3)
    alpha : (h, w)
    background : str or None
        The path of a picture, scaled and cropped to cover, or a colour ``#rrggbb``.
    """
    import classmat as cm

    if background is None:
        return cm.cutout(image, alpha)
    is_color = background.startswith("#")
    behind = parse_color(background) if is_color else cover(cm.read_image(background), *alpha.shape)
    foreground, _ = cm.estimate_foreground(image, alpha)
    return cm.composite(foreground, alpha, behind)


def parse_color(text: str) -> NDArray[np.float64]:
    """Return the (3,) RGB values in [0, 1] of ``#rrggbb``.

    Raises
    ------
    ValueError
        If it is written otherwise.

    Examples
    --------
    >>> parse_color("#ff0033")
    array([1. , 0. , 0.2])
    """
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", text):
        raise ValueError(f"--background is '{text}'; accepted is a picture or a colour such as #3a6ea5.")
    return np.array([int(text[i : i + 2], 16) for i in (1, 3, 5)]) / 255


def cover(picture: NDArray[Any], height: int, width: int) -> NDArray[Any]:
    """Scale a picture and crop its middle so that it covers height x width without being distorted.

    Examples
    --------
    >>> cover(np.zeros((40, 100, 3)), 20, 30).shape
    (20, 30, 3)
    """
    from skimage.transform import resize

    scale = max(height / picture.shape[0], width / picture.shape[1])
    size = [max(n, round(scale * m)) for n, m in zip((height, width), picture.shape, strict=False)]
    scaled = np.clip(resize(picture, size, anti_aliasing=scale < 1), 0, 1)
    top, left = (size[0] - height) // 2, (size[1] - width) // 2
    return scaled[top : top + height, left : left + width]


def read_scribbles(path: Path, image: NDArray[Any]) -> NDArray[np.uint8]:
    """Return the trimap that strokes stand for: painted on the photo, on transparency, or on plain grey.

    Parameters
    ----------
    path : Path
    image : (h, w, 3)
        The photo; where strokes on an opaque colour picture equal it, there is no stroke.
    """
    from ..images.io import read_rgba
    from ..images.trimap import trimap_from_scribbles

    strokes = read_rgba(path)
    is_grey = np.ptp(strokes[:, :, :3], axis=2).max() == 0 and (strokes[:, :, 3] == 1).all()
    if is_grey and np.ptp(image, axis=2).max() > 0:
        strokes = strokes[:, :, 0]  # not painted on this photo, which has colours
    return trimap_from_scribbles(image, strokes)


def write_all(pictures: dict[Path, tuple[NDArray[Any], int]]) -> None:
    """Write pictures with so many bits each, or none of them if one cannot be encoded or written."""
    from ..images.atomic import write_files
    from ..images.io import encode_image

    contents = {path: encode_image(path, picture, bits=bits) for path, (picture, bits) in pictures.items()}
    for path in contents:
        make_folder(path.parent)
    write_files(contents)


def make_folder(folder: Path) -> None:
    """Create a folder and those above it.

    Raises
    ------
    OSError
        If it cannot be created, with one sentence that says why.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise type(error)(f"cannot create the folder {folder}: {error.strerror}.") from None
