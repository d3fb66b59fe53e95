"""Which files are pictures, and which of them belong together by their names."""

from pathlib import Path

SUFFIXES = {
    "image": ("_image",),
    "trimap": ("_trimap",),
    "scribbles": ("_scribbles",),
    "alpha": ("_alpha", "_matte"),
    "mask": ("_mask",),
}
EXTENSIONS = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp")


def key_of(path: Path) -> str:
    """Return the stem without its suffix of `SUFFIXES`; files that belong together have the same key.

    Examples
    --------
    >>> key_of(Path("photos/cat_image.jpg")), key_of(Path("cat.png")), key_of(Path("_mask.png"))
    ('cat', 'cat', '_mask')
    """
    for suffix in (suffix for kind in SUFFIXES.values() for suffix in kind):
        if path.stem.endswith(suffix) and path.stem != suffix:
            return path.stem.removesuffix(suffix)
    return path.stem


def is_picture(path: Path) -> bool:
    """Return whether a path is a file that is named as a picture."""
    # Names that begin with a dot are not for people: some systems put "._cat.png" beside each "cat.png".
    return path.suffix.lower() in EXTENSIONS and not path.name.startswith(".") and path.is_file()
