"""Image files to arrays and back: 8- and 16-bit PNG and TIFF, 8-bit JPEG and WebP."""

import contextlib
import os
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import atomic, container
from .composite import split_rgba
from .validate import as_alpha, as_count, as_image, as_path, as_trimap, outside_stacklevel, told_path

PathLike = str | os.PathLike[str]

# Lossy WebP rounds the three channels of a grey pixel apart by one level.
_GREY_TOLERANCE = 1.001 / 255

_DEPTHS = {
    ".png": (8, 16),
    ".tif": (8, 16),
    ".tiff": (8, 16),
    ".jpg": (8,),
    ".jpeg": (8,),
    ".webp": (8,),
}
_LONGEST_SIDE = {".jpg": 65500, ".jpeg": 65500, ".webp": 16383}


def read_image(path: PathLike) -> NDArray[np.float32]:
    """Read a picture: PNG, JPEG, TIFF or WebP, of 8 or 16 bits, grey, palette or colour.

    The rows come out upright whatever orientation the camera noted (EXIF). Of several pages or frames the
    first is read. Colour profiles are not applied.

    Parameters
    ----------
    path : path-like
        The file. What counts is its contents, not its extension.

    Returns
    -------
    (h, w, 3) float32
        RGB in [0, 1], gamma-encoded as in the file. Grey pictures have three equal channels.

    Raises
    ------
    OSError
        If the file cannot be opened, is not such an image, or is truncated.
    ValueError
        If the samples are of a kind that cannot be read right (16-bit CMYK, floats outside [0, 1], ...).

    Warns
    -----
    UserWarning
        If the picture has transparent pixels: transparency is ignored. See `read_rgba`.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> write_image(f"{folder.name}/red.png", np.full((2, 3, 3), (255, 0, 0), np.uint8))
    >>> read_image(f"{folder.name}/red.png")[0, 0]
    array([1., 0., 0.], dtype=float32)
    >>> folder.cleanup()
    """
    colour, alpha = _read_channels(path)
    if alpha is not None:
        message = f"{told_path(path)} has transparent pixels, which are ignored."
        warnings.warn(message, UserWarning, stacklevel=outside_stacklevel())
    return _as_rgb(colour, path)


def read_rgba(path: PathLike) -> NDArray[np.float32]:
    """Read a picture with its transparency, for cut-outs and overlays: (h, w, 4) float32 in [0, 1].

    Alpha is not multiplied into the colours, and 1 where the file has none. Otherwise as `read_image`.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> write_image(f"{folder.name}/grey.png", np.zeros((2, 3)))
    >>> read_rgba(f"{folder.name}/grey.png")[0, 0]
    array([0., 0., 0., 1.], dtype=float32)
    >>> folder.cleanup()
    """
    colour, alpha = _read_channels(path)
    rgb = _as_rgb(colour, path)
    opacity = np.ones(rgb.shape[:2], np.float32)
    if alpha is not None:
        opacity = as_alpha(alpha, name=told_path(path), dtype=np.float32)
    return np.dstack([rgb, opacity])


def read_matte(path: PathLike) -> NDArray[np.float32]:
    """Read a matte: a grey picture, or the alpha channel of a cut-out.

    If any pixel of the file is transparent, its alpha channel is the matte and its colours are ignored.
    Otherwise the picture must be grey: its channels may differ by one of 255 levels at most.

    Parameters
    ----------
    path : path-like
        A PNG, JPEG, TIFF or WebP file of 8 or 16 bits.

    Returns
    -------
    (h, w) float32
        Alpha in [0, 1].

    Raises
    ------
    OSError
        As `read_image` does.
    ValueError
        As `read_image` does; also if the picture is opaque and in colour.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> write_image(f"{folder.name}/alpha.png", np.array([[0, 0.25, 1]]), bits=16)
    >>> read_matte(f"{folder.name}/alpha.png").round(4)
    array([[0.  , 0.25, 1.  ]], dtype=float32)
    >>> folder.cleanup()
    """
    colour, alpha = _read_channels(path)
    if alpha is not None:
        return as_alpha(alpha, name=told_path(path), dtype=np.float32)
    return _as_grey(colour, path, "matte")


def read_trimap(path: PathLike) -> NDArray[np.uint8]:
    """Read a trimap: a grey picture of 8 or 16 bits; palette and RGB files with grey colours are fine.

    Parameters
    ----------
    path : path-like
        A PNG, JPEG, TIFF or WebP file.

    Returns
    -------
    (h, w) uint8
        0 (background: at most 10 % of full scale), 255 (foreground: at least 90 %), 128 (unknown: between).
        It need not have all three.

    Raises
    ------
    OSError
        As `read_image` does.
    ValueError
        As `read_image` does; also if the picture is in colour or has transparent pixels.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> write_image(f"{folder.name}/trimap.png", np.array([[0, 0.5, 1]]))
    >>> read_trimap(f"{folder.name}/trimap.png")
    array([[  0, 128, 255]], dtype=uint8)
    >>> folder.cleanup()
    """
    colour, alpha = _read_channels(path)
    if alpha is not None:
        raise ValueError(
            f"{told_path(path)} has transparent pixels; accepted for a trimap is an opaque grey picture."
        )
    return as_trimap(_as_grey(colour, path, "trimap"), name=told_path(path), both=False)


def write_image(path: PathLike, array: Any, *, bits: int = 8) -> None:
    """Write an image, a matte or a trimap; the extension decides the format.

    The file appears whole or not at all, and an existing one is replaced only when the new one is complete.
    PNG, TIFF and WebP are lossless (except that WebP keeps no colours under fully transparent pixels); JPEG
    has quality 95.

    Parameters
    ----------
    path : path-like
        Ends in .png, .tif, .tiff, .jpg, .jpeg or .webp.
    array : (h, w), (h, w, 3) or (h, w, 4)
        Grey, RGB or straight RGBA: float in [0, 1], uint8, uint16 or bool. Values are scaled to `bits` and
        rounded to the nearest level.
    bits : {8, 16}
        Bits per channel; 16 for PNG and TIFF only. Take 16 for the mattes of a data set.

    Raises
    ------
    TypeError, ValueError
        If the extension, `array` or `bits` is not accepted, or the format cannot hold it.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> write_image("matte.gif", np.zeros((2, 3)))
    Traceback (most recent call last):
    ...
    ValueError: matte.gif has the extension '.gif'; accepted are .png, .tif, .tiff, .jpg, .jpeg, .webp.
    """
    atomic.write_bytes(path, encode_image(path, array, bits=bits))


def encode_image(path: PathLike, array: Any, *, bits: int = 8) -> bytes:
    """Return the bytes that `write_image` writes, which has the same arguments; only the path's end is looked at.

    Examples
    --------
    >>> encode_image("matte.png", np.zeros((2, 3)))[1:4]
    b'PNG'
    """
    extension = Path(as_path(path)).suffix.lower()
    _require_format(told_path(path), extension, bits)
    levels = _as_levels(array, bits)
    has_alpha = levels.ndim == 3 and levels.shape[2] == 4
    if has_alpha and extension in (".jpg", ".jpeg"):
        raise ValueError(f"array has an alpha channel, which {extension} cannot hold; use .png, .tif or .webp.")
    longest = _LONGEST_SIDE.get(extension, max(levels.shape))
    if max(levels.shape) > longest:
        raise ValueError(f"array has shape {levels.shape}; {extension} holds at most {longest} pixels a side.")
    data = _encode(levels, extension, told_path(path))
    if has_alpha and extension in (".tif", ".tiff"):
        data = container.mark_straight_alpha(data)
    return data


def _require_format(name: str, extension: str, bits: int) -> None:
    if extension not in _DEPTHS:
        raise ValueError(f"{name} has the extension {extension!r}; accepted are {', '.join(_DEPTHS)}.")
    if as_count(bits, name="bits", choices=(8, 16)) not in _DEPTHS[extension]:
        raise ValueError(f"bits is {bits}, but {extension} holds 8 bits only; use .png or .tif.")


def _as_levels(array: Any, bits: int) -> NDArray[Any]:
    """Return the array in whole levels of `bits` bits, RGB(A) order."""
    if isinstance(array, np.ndarray) and array.ndim == 3 and array.shape[2] == 2:  # as_image would drop one
        raise ValueError(f"array has shape {array.shape}; accepted are (h, w), (h, w, 3) and (h, w, 4).")
    # float32 holds 16-bit levels exactly, so only float64 needs its own precision
    dtype = np.float32 if getattr(array, "dtype", np.float64) != np.float64 else np.float64
    colour, alpha = split_rgba(array, name="array", dtype=dtype)
    values = colour if alpha is None else np.dstack([colour, alpha])
    return np.rint(values * dtype(2**bits - 1)).astype(np.uint8 if bits == 8 else np.uint16)


def _as_rgb(colour: NDArray[Any], path: PathLike) -> NDArray[np.float32]:
    values = as_image(colour, name=told_path(path), dtype=np.float32)
    return np.repeat(values[:, :, None], 3, axis=2) if values.ndim == 2 else values


def _as_grey(colour: NDArray[Any], path: PathLike, word: str) -> NDArray[np.float32]:
    values = as_image(colour, name=told_path(path), dtype=np.float32)
    if values.ndim == 2:
        return values
    if np.ptp(values, axis=2).max() > _GREY_TOLERANCE:
        raise ValueError(f"{told_path(path)} is in colour; accepted for a {word} is a grey picture.")
    return np.ascontiguousarray(values[:, :, 1])


def _read_channels(path: PathLike) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Return the upright colour channels (RGB or grey), and alpha if any pixel is transparent."""
    array = _decode(_read_bytes(path), told_path(path))
    if array.ndim == 2 or array.shape[2] == 3:
        return array, None
    colour, alpha = array[:, :, :3], array[:, :, 3]
    full = 1 if array.dtype.kind == "f" else np.iinfo(array.dtype).max
    return colour, None if (alpha == full).all() else alpha


def _read_bytes(path: PathLike) -> bytes:
    name = told_path(as_path(path))
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        raise FileNotFoundError(f"cannot read {name}: there is no such file.") from None
    except IsADirectoryError:
        raise IsADirectoryError(f"cannot read {name}: it is a folder.") from None
    except OSError as error:
        raise type(error)(f"cannot read {name}: {error.strerror}.") from None


def inspected(data: bytes, name: str) -> container.Container:
    """Return what the bytes of an image file are, without decoding a pixel.

    Raises
    ------
    OSError
        If it is not an image file of the formats that are read, or is truncated.
    ValueError
        If the codec would not read its layout right.
    """
    try:
        found = container.inspect(data)
    except container.Incomplete:
        raise OSError(f"cannot read {name}: the image is truncated or damaged.") from None
    except container.Unsupported as layout:
        raise ValueError(f"cannot read {name}: {layout}; convert it to PNG.") from None
    if found is None:
        raise OSError(f"cannot read {name}: it is not a PNG, JPEG, TIFF or WebP image.")
    return found


def _decode(data: bytes, name: str) -> NDArray[Any]:
    """Return the upright pixels of an image file in RGB(A) order, all bits kept."""
    import cv2  # a third of a second that only reading and writing should cost

    found = inspected(data, name)
    array = None
    with _quiet(cv2), contextlib.suppress(cv2.error):
        array = cv2.imdecode(np.frombuffer(found.data, np.uint8), cv2.IMREAD_UNCHANGED)
    if array is None:
        raise OSError(f"cannot read {name}: the {found.format} image is truncated, damaged or too large.")
    array = _swap_red_and_blue(array)
    if found.transparent:
        array = _with_transparency(array, found.transparent)
    return _turn_upright(array, found.orientation)


def _encode(levels: NDArray[Any], extension: str, name: str) -> bytes:
    import cv2

    is_done, data = False, None
    with _quiet(cv2), contextlib.suppress(cv2.error):
        is_done, data = cv2.imencode(extension, np.ascontiguousarray(_swap_red_and_blue(levels)))
    if not is_done or data is None:
        raise ValueError(f"cannot write {name}: the codec refused an array of shape {levels.shape}.")
    return data.tobytes()


def _with_transparency(array: NDArray[Any], levels: tuple[int, ...]) -> NDArray[Any]:
    """Add the alpha channel that is zero where a picture has the levels that stand for transparency."""
    colour = array if array.ndim == 3 else array[:, :, None]
    is_clear = (colour == np.array(levels, array.dtype)).all(axis=2)
    alpha = np.where(is_clear, 0, np.iinfo(array.dtype).max).astype(array.dtype)
    return np.dstack([np.broadcast_to(colour, (*alpha.shape, 3)), alpha])


def _swap_red_and_blue(array: NDArray[Any]) -> NDArray[Any]:
    """Convert from the codec's order, BGR(A), to RGB(A), or back."""
    return array if array.ndim == 2 else array[:, :, [2, 1, 0, 3][: array.shape[2]]]


def _turn_upright(array: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Undo an EXIF orientation: 5 to 8 are stored transposed, and most are flipped."""
    if orientation >= 5:
        array = array.swapaxes(0, 1)
    flips_rows = orientation in (3, 4, 7, 8)
    flips_columns = orientation in (2, 3, 6, 7)
    return array[:: -1 if flips_rows else 1, :: -1 if flips_columns else 1]


_quiet_lock = threading.Lock()
_quiet_users = 0
_loud_level = 0


@contextlib.contextmanager
def _quiet(cv2: Any) -> Iterator[None]:
    """Silence the codec's log, whose level is global: the first in saves it, the last out restores it."""
    global _quiet_users, _loud_level
    log = cv2 if hasattr(cv2, "setLogLevel") else cv2.utils.logging  # OpenCV 4, OpenCV 5
    with _quiet_lock:
        if _quiet_users == 0:
            _loud_level = log.getLogLevel()
            log.setLogLevel(0)
        _quiet_users += 1
    try:
        yield
    finally:
        with _quiet_lock:
            _quiet_users -= 1
            if _quiet_users == 0:
                log.setLogLevel(_loud_level)
