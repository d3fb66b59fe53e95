"""Names that stay in the project: of photos, of methods, of people."""

import os
import re
import unicodedata
from pathlib import Path

from ..images.validate import told_path

LONGEST = 200  # bytes of a name, so that a suffix and a hash still fit into a file system's 255

_METHOD = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def safe_name(name: str, *, what: str = "name") -> str:
    """Return a name that is one part of a path, with spaces and letters of any script.

    Raises
    ------
    ValueError
        If it is empty or too long, begins with a dot, or has a separator or a control character.

    Examples
    --------
    >>> safe_name("Zoë at the sea")
    'Zoë at the sea'
    >>> safe_name("../secret")
    Traceback (most recent call last):
    ...
    ValueError: name is '../secret'; accepted is the name of a file, without folders.
    """
    if not isinstance(name, str) or not name.strip():
        raise ValueError(f"{what} is {name!r}; accepted is a name of at least one letter.")
    if len(os.fsencode(name)) > LONGEST:
        raise ValueError(f"{what} is {told_path(name)!r}; accepted are names of at most {LONGEST} bytes.")
    if "/" in name or "\\" in name or name in (".", ".."):
        raise ValueError(f"{what} is {name!r}; accepted is the name of a file, without folders.")
    if name.startswith(".") or any(unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") for letter in name):
        raise ValueError(f"{what} is {name!r}; accepted is a name without control characters or a leading dot.")
    return name


def safe_method(method: str) -> str:
    """Return the name of a method, which is that of a folder: small letters, digits and single hyphens.

    >>> safe_method("closed-form")
    'closed-form'
    """
    if not isinstance(method, str) or not is_method(method):
        raise ValueError(f"method is {method!r}; accepted are small letters, digits and hyphens.")
    return method


def is_method(name: str) -> bool:
    """Return whether a name could be a method's."""
    return len(name) <= LONGEST and _METHOD.fullmatch(name) is not None


def safe_person(person: str) -> str:
    """Return a reviewer's name: any text of one line, without the blanks around it.

    >>> safe_person(" Ana María ")
    'Ana María'
    """
    name = person.strip() if isinstance(person, str) else ""
    if not name or len(name) > LONGEST or not name.isprintable():
        raise ValueError(f"reviewer is {person!r}; accepted is a name of 1 to {LONGEST} letters.")
    return name


def same_key(name: str) -> str:
    """Return what two names share that a file system may take for the same: letter case, composed accents.

    >>> same_key("ZOE\u0308") == same_key("zoë")
    True
    """
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def inside(root: Path, path: str | os.PathLike[str]) -> Path:
    """Return a path below a folder, links followed.

    Parameters
    ----------
    root : Path
        The project's folder.
    path : path-like
        Relative to it.

    Raises
    ------
    ValueError
        If the path is absolute, or it or a link in it leaves the folder.

    Examples
    --------
    >>> inside(Path("."), "../other/project.sqlite")
    Traceback (most recent call last):
    ...
    ValueError: ../other/project.sqlite leaves the project.
    """
    told = told_path(path)
    if "\0" in os.fspath(path) or Path(path).is_absolute() or Path(path).drive:
        raise ValueError(f"{told!r} is no path relative to the project.")
    base = root.resolve()
    try:
        found = (base / path).resolve()
    except (OSError, RuntimeError):  # a loop of links
        raise ValueError(f"{told} cannot be followed to a file of the project.") from None
    if not found.is_relative_to(base) or found == base:
        raise ValueError(f"{told} leaves the project.")
    return found


def beside(root: Path, path: str | os.PathLike[str]) -> Path:
    """Return a path below a folder with the links of its folder followed, but not the last one: to replace it.

    Raises
    ------
    ValueError
        If its folder leaves the project.

    Examples
    --------
    >>> beside(Path("."), "trimaps/cat.png").relative_to(Path.cwd()).as_posix()
    'trimaps/cat.png'
    """
    return inside(root, Path(path).parent) / Path(path).name


def without_root(root: Path, text: str) -> str:
    """Return a sentence in which the project's files are called as in the project: reports travel, folders do not.

    >>> without_root(Path("."), f"cannot read {Path.cwd() / 'images' / 'cat.png'}.").replace(os.sep, "/")
    'cannot read images/cat.png.'
    """
    for base in (root.resolve(), root.absolute()):
        text = text.replace(f"{base}{os.sep}", "")
    return text
