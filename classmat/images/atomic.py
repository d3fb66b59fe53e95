"""Writing a file whole or not at all: first beside the target, then renamed onto it."""

import contextlib
import os
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeVar

from .validate import told_path

AnyPath = TypeVar("AnyPath", bound=str | os.PathLike[str])

_READ_WRITE_FOR_ALL = 0o666  # what open() asks for; the umask takes away from it


@contextlib.contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path in the target's folder; rename it onto the target if the block succeeds.

    If the block fails, the temporary file is removed and an existing target is left as it was. A process
    that is killed leaves the target as it was too, and perhaps a hidden ``.classmat-*.tmp`` beside it. As
    with ``open``, a new file has the mode that the umask gives, an existing one keeps its mode, a symbolic
    link is written through, and something that is no regular file (``/dev/stdout``) is written directly.

    Parameters
    ----------
    path : path-like
        The file to write.

    Yields
    ------
    pathlib.Path
        An empty file to write to.

    Raises
    ------
    OSError
        If the folder does not exist, the target is a folder, or either may not be written.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> target = Path(folder.name) / "report.json"
    >>> with atomic_path(target) as temporary:
    ...     _ = temporary.write_text("{}")
    >>> target.read_text()
    '{}'
    >>> folder.cleanup()
    """
    with _named(path):
        target = Path(os.path.realpath(os.fspath(path)))
        is_special = _check_target(target, path)
    if is_special:
        yield target
        return
    temporary = target.with_name(f".classmat-{secrets.token_hex(8)}.tmp")
    with _named(path):
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, _READ_WRITE_FOR_ALL))
    try:
        yield temporary
        with _named(path):
            if target.exists():
                temporary.chmod(target.stat().st_mode & 0o7777)
            temporary.replace(target)
    finally:
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()


def write_bytes(path: str | os.PathLike[str], data: bytes, *, sync: bool = False) -> None:
    """Write a file whole or not at all; with `sync` it is on the disk, whatever the power does, when this returns.

    Raises
    ------
    OSError
        As `atomic_path` does; also if the disk is full.

    Examples
    --------
    >>> write_bytes("no/such/folder/a.bin", b"")
    Traceback (most recent call last):
    ...
    FileNotFoundError: cannot write no/such/folder/a.bin: the folder no/such/folder does not exist.
    """
    write_files({path: data}, sync=sync)


def write_files(contents: Mapping[AnyPath, bytes], *, sync: bool = False) -> None:
    """Write several files, or none of them if one cannot be written.

    All are written beside their targets before the first is renamed. Only a rename that fails after another
    one succeeded, which needs the folder to change in between, leaves a part.

    Parameters
    ----------
    contents : mapping
        What to write, by path.
    sync : bool
        Whether the bytes are on the disk before the files get their names.

    Raises
    ------
    OSError
        As `atomic_path` does; also if the disk is full.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> write_files({Path(folder.name) / "a.bin": b"", Path(folder.name) / "missing" / "b.bin": b""})
    Traceback (most recent call last):
    ...
    FileNotFoundError: cannot write ...b.bin: the folder ...missing does not exist.
    >>> list(Path(folder.name).iterdir())
    []
    >>> folder.cleanup()
    """
    with contextlib.ExitStack() as stack:
        temporaries = {path: stack.enter_context(atomic_path(path)) for path in contents}
        for path, temporary in temporaries.items():
            with _named(path):
                temporary.write_bytes(contents[path])
                if sync:
                    with temporary.open("rb+") as file:
                        os.fsync(file.fileno())


def _check_target(target: Path, path: str | os.PathLike[str]) -> bool:
    """Raise if the target cannot be replaced; return whether it is something other than a file."""
    if target.is_dir():
        raise IsADirectoryError(f"cannot write {told_path(path)}: it is a folder.")
    if not target.parent.is_dir():
        folder = Path(path).parent
        if target.parent.exists():
            raise NotADirectoryError(f"cannot write {told_path(path)}: {told_path(folder)} is not a folder.")
        raise FileNotFoundError(f"cannot write {told_path(path)}: the folder {told_path(folder)} does not exist.")
    exists = target.exists()
    if exists and not os.access(target, os.W_OK):  # a rename would not ask
        raise PermissionError(f"cannot write {told_path(path)}: the file is write-protected.")
    return exists and not target.is_file()


@contextlib.contextmanager
def _named(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turn an operating system's error into one sentence that names the path that the user gave."""
    try:
        yield
    except OSError as error:
        if error.errno is None:  # already a sentence
            raise
        raise type(error)(
            f"cannot write {told_path(path)}: {error.strerror}."
        ) from error  # whose errno tells more
