"""From a folder of photos to a project: what each file is, which trimap or mask belongs to it, what is refused."""

import os
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from ..images.io import inspected, read_matte, read_trimap
from ..images.naming import EXTENSIONS, SUFFIXES, is_picture, key_of
from ..images.trimap import trimap_from_mask
from ..images.validate import told_path
from .draft import DILATE, ERODE, draft_trimap
from .names import inside, safe_name, same_key, without_root
from .project import IMAGES, NO_TRIMAP, Photo, Project, ProjectError
from .versions import digest

MOST_PIXELS = 150_000_000
_STILL = (
    "PNG",
    "JPEG",
    "MPO",
    "TIFF",
    "WEBP",
)  # MPO: a JPEG with further pictures behind it, as some cameras write
_OTHER_PICTURES = (".gif", ".bmp", ".heic", ".heif", ".avif", ".jp2", ".dng", ".cr2", ".nef", ".arw")


class Found(NamedTuple):
    """What a file was found to be: hash, and size in pixels as the picture is seen upright."""

    sha256: str
    width: int
    height: int


@dataclass
class Intake:
    """What `take_in` did: names of new photos, where trimaps came from, and (file, sentence) of what it did not take."""

    added: list[str] = field(default_factory=list)
    trimaps: Counter[str] = field(default_factory=Counter)
    refused: list[tuple[str, str]] = field(default_factory=list)
    without_trimap: list[tuple[str, str]] = field(default_factory=list)


def take_in(
    project: Project,
    *,
    erode: float | None = None,
    dilate: float | None = None,
    draft: bool = True,
    progress: Callable[[str, int, int], None] = lambda name, done, total: None,
) -> Intake:
    """Add the photos that the project has not seen yet, and give a trimap to every photo that has none.

    Photos are in ``images/`` and in the project's folder itself. ``cat.jpg`` and ``cat_image.jpg`` are called
    ``cat``; its trimap is ``trimaps/cat.png`` (or any other extension, or ``trimaps/cat_trimap.png``, or
    ``cat_trimap.png`` beside the photo), its mask is in ``masks/`` in the same ways. A trimap goes before a mask, a
    mask before a draft.

    Parameters
    ----------
    project : Project
    erode, dilate : float, optional
        Widths of the unknown band of trimaps made from masks, as for `trimap_from_mask`: in pixels, 1 % of the longest
        side without them.
    draft : bool
        Whether to draft a trimap where there is nothing.
    progress : callable
        Called as ``progress(name, done, total)``.

    Returns
    -------
    Intake
    """
    result = Intake()
    files = list(find_photos(project.root))
    total = len(files)
    for done, path in enumerate(files):
        progress(_printable(path.name), done, total)
        _take_photo(project, path, result)
    waiting = [photo for photo in project.photos("failed") if photo.reason.startswith(NO_TRIMAP)]
    sources = _Sources(project.root) if waiting else None
    for done, photo in enumerate(waiting):
        progress(photo.name, done, len(waiting))
        assert sources is not None
        _give_trimap(project, photo, sources, result, erode=erode, dilate=dilate, draft=draft)
    return result


def find_photos(root: Path) -> Iterator[Path]:
    """Yield what may be photos, in the order of their names: not trimaps, masks or mattes beside them."""
    for folder in (root / IMAGES, root):
        if folder.is_dir():
            yield from sorted(path for path in folder.iterdir() if _may_be_photo(path))


def _may_be_photo(path: Path) -> bool:
    if path.name.startswith("."):
        return False
    is_other = path.suffix.lower() in _OTHER_PICTURES or (path.is_symlink() and path.suffix.lower() in EXTENSIONS)
    is_plain = key_of(path) == path.stem or path.stem.endswith(SUFFIXES["image"])
    return is_plain and (is_other or is_picture(path))


def examine(path: Path, name: str) -> Found:
    """Return what a photo's file is, from its header and its container: no pixel is decoded.

    Parameters
    ----------
    path : Path
    name : str
        What sentences call it.

    Raises
    ------
    OSError
        If it cannot be read, or is truncated.
    ValueError
        If it is of a kind or a size that is not accepted.
    """
    width, height = _header(path, name)
    data = path.read_bytes()
    container = inspected(data, name)
    if container.orientation >= 5:  # stored on its side
        width, height = height, width
    return Found(digest(data), width, height)


def _header(path: Path, name: str) -> tuple[int, int]:
    limit = f"accepted are at most {MOST_PIXELS // 10**6} million; reduce it, or cut it into parts"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Pillow, whose limit is lower than ours
            with Image.open(path) as image:
                kind, mode, (width, height) = image.format, image.mode, image.size
                frames = 1 if kind == "MPO" else getattr(image, "n_frames", 1)
    except Image.DecompressionBombError:
        raise ValueError(f"{name} has more than {MOST_PIXELS // 10**6} million pixels; {limit}.") from None
    except UnidentifiedImageError:
        raise OSError(f"{name} is not a picture, or is damaged at its beginning.") from None
    except OSError as error:
        raise OSError(f"{name} cannot be read: {error.strerror or error}.") from None
    except (ValueError, SyntaxError, EOFError) as error:  # Pillow's, of damaged headers
        raise OSError(f"{name} is damaged: {error}.") from None
    if kind not in _STILL:
        raise ValueError(f"{name} is a {kind} file; accepted are PNG, JPEG, TIFF and WebP.")
    if width * height > MOST_PIXELS:
        raise ValueError(f"{name} has {width * height / 1e6:.0f} million pixels; {limit}.")
    if frames > 1:
        raise ValueError(f"{name} has {frames} frames or pages; accepted is a single picture.")
    if mode == "CMYK":
        raise ValueError(f"{name} is in CMYK, for printing; convert it to RGB with its colour profile.")
    return width, height


def _take_photo(project: Project, path: Path, result: Intake) -> None:
    file = path.relative_to(project.root).as_posix()
    if _printable(file) != file:  # which the table does not hold
        result.refused.append((told_path(_printable(file)), "its name is not UTF-8; rename it."))
        return
    if project.database.row("SELECT id FROM photos WHERE file = ?", file):
        return
    seen = path.lstat()
    known = project.database.row("SELECT * FROM passed_over WHERE file = ?", file)
    if known and (known["size"], known["mtime"]) == (seen.st_size, seen.st_mtime_ns):
        result.refused.append((file, known["reason"]))
        return
    try:
        name = safe_name(key_of(path))
        found = examine(inside(project.root, file), path.name)
        _require_new(project, name, found)
        project.add_photo(name, file, **found._asdict())
    except (OSError, ValueError) as error:
        reason = without_root(project.root, _told(error))
        project.database.change(
            "INSERT OR REPLACE INTO passed_over (file, size, mtime, reason) VALUES (?, ?, ?, ?)",
            *(file, seen.st_size, seen.st_mtime_ns, reason),
        )
        result.refused.append((file, reason))
    else:
        project.database.change("DELETE FROM passed_over WHERE file = ?", file)
        result.added.append(name)


def _printable(file: str) -> str:
    """Return the name of a file with marks instead of bytes that are no UTF-8."""
    return os.fsencode(file).decode(errors="replace")


def _require_new(project: Project, name: str, found: Found) -> None:
    row = project.database.row("SELECT file FROM photos WHERE sha256 = ?", found.sha256)
    if row:
        raise ProjectError(f"it is a duplicate of {row['file']}.")
    row = project.database.row("SELECT file FROM photos WHERE key = ?", same_key(name))
    if row:
        raise ProjectError(f"{row['file']} is called {name} as well; rename one of them.")


class _Sources:
    """The trimaps and masks that somebody put into the folder, by the photos' keys; each folder is listed once."""

    def __init__(self, root: Path) -> None:
        self.trimaps = self._listed(root, "trimaps", "trimap")
        self.masks = self._listed(root, "masks", "mask")

    @staticmethod
    def _listed(root: Path, folder: str, kind: str) -> dict[str, list[Path]]:
        found: dict[str, list[Path]] = {}
        for place, needs_suffix in ((root / folder, False), (root / IMAGES, True), (root, True)):
            for path in sorted(place.iterdir()) if place.is_dir() else ():
                if is_picture(path) and (path.stem.endswith(SUFFIXES[kind]) or not needs_suffix):
                    found.setdefault(same_key(key_of(path)), []).append(path)
        return found


def _give_trimap(
    project: Project,
    photo: Photo,
    sources: _Sources,
    result: Intake,
    *,
    erode: float | None,
    dilate: float | None,
    draft: bool,
) -> None:
    key = same_key(photo.name)
    trimaps, masks = sources.trimaps.get(key, []), sources.masks.get(key, [])
    try:
        if trimaps:
            origin, path = "trimap", _only(trimaps, photo.name)
            trimap = read_trimap(inside(project.root, path.relative_to(project.root)))
            given: dict[str, Any] = {"from": "trimap", "file": path.relative_to(project.root).as_posix()}
        elif masks:
            origin, path = "mask", _only(masks, photo.name)
            mask = read_matte(inside(project.root, path.relative_to(project.root)))
            trimap = trimap_from_mask(mask, erode=erode, dilate=dilate)
            width = max(1.0, 0.01 * max(trimap.shape))
            given = {"from": "mask", "file": path.relative_to(project.root).as_posix()}
            given |= {"erode": width if erode is None else erode, "dilate": width if dilate is None else dilate}
        else:
            origin = "draft"
            if not draft:
                raise ProjectError(f"none in trimaps/ and no mask in masks/ is called {photo.name}.")
            trimap, given = (
                draft_trimap(_read(project, photo)),
                {"from": "draft", "erode": ERODE, "dilate": DILATE},
            )
        project.write_trimap(photo, trimap, parameters=given)
        result.trimaps[origin] += 1
    except (OSError, ValueError) as error:
        trouble = f"{NO_TRIMAP}: {without_root(project.root, _told(error))}"
        project.database.change("UPDATE photos SET reason = ? WHERE id = ?", trouble, photo.id)
        result.without_trimap.append((photo.name, trouble))


def _read(project: Project, photo: Photo) -> NDArray[np.float32]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of transparency
        return project.read_image(photo)


def _told(error: Exception) -> str:
    is_plain = isinstance(error, OSError) and error.filename is not None
    return f"{error.filename}: {error.strerror}" if is_plain else str(error)  # type: ignore[attr-defined]


def _only(paths: list[Path], name: str) -> Path:
    """Return the one file that is meant: of several, the one that is called as the photo is, which we write ourselves."""
    own = [path for path in paths if path.name == f"{name}.png"]
    if len(own or paths) > 1:
        raise ProjectError(f"several files match: {', '.join(path.name for path in paths)}")
    return (own or paths)[0]
