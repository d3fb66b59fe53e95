"""A file is written whole or not at all."""

import os
import signal
import stat
import subprocess
import sys

import pytest

from classmat.images.atomic import atomic_path, write_bytes, write_files


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_the_target_appears_when_the_block_ends(tmp_path):
    target = tmp_path / "a.json"
    with atomic_path(target) as temporary:
        assert temporary.parent == tmp_path
        assert temporary.exists()
        temporary.write_text("new")
        assert not target.exists()
    assert target.read_text() == "new"
    assert names(tmp_path) == ["a.json"]


@pytest.mark.parametrize("error", [ValueError, OSError, KeyboardInterrupt, SystemExit])
def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path, error):
    target = tmp_path / "a.json"
    target.write_text("old")

    def fail_while_writing():
        with atomic_path(target) as temporary:
            temporary.write_text("half")
            raise error("the caller's own")

    with pytest.raises(error, match="the caller's own"):
        fail_while_writing()
    assert target.read_text() == "old"
    assert names(tmp_path) == ["a.json"]


def test_a_kill_in_the_middle_of_a_write_leaves_the_old_file(tmp_path):
    target = tmp_path / "a.bin"
    target.write_text("old")
    code = (
        "import os, signal, sys\n"
        "from classmat.images.atomic import atomic_path\n"
        "with atomic_path(sys.argv[1]) as temporary, temporary.open('wb') as file:\n"
        "    file.write(b'half')\n"
        "    file.flush()\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    result = subprocess.run([sys.executable, "-c", code, str(target)])
    assert result.returncode == -signal.SIGKILL
    assert target.read_text() == "old"
    left = [name for name in names(tmp_path) if name != "a.bin"]
    assert len(left) == 1
    assert left[0].startswith(".classmat-")
    assert left[0].endswith(".tmp")
    write_bytes(target, b"new")
    assert target.read_text() == "new"


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_a_new_file_has_the_mode_that_open_gives(tmp_path, umask):
    before = os.umask(umask)
    try:
        (tmp_path / "plain").touch()
        write_bytes(tmp_path / "atomic", b"")
    finally:
        os.umask(before)
    assert (tmp_path / "atomic").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize("mode", [0o600, 0o664, 0o755])
def test_an_existing_file_keeps_its_mode(tmp_path, mode):
    target = tmp_path / "a"
    target.touch()
    target.chmod(mode)
    write_bytes(target, b"new")
    assert stat.S_IMODE(target.stat().st_mode) == mode


def test_a_write_protected_file_is_respected(tmp_path, monkeypatch):
    (tmp_path / "a").write_text("old")
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(PermissionError, match=r"^cannot write .*a: the file is write-protected\.$"):
        write_bytes(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_text() == "old"


def test_a_symbolic_link_is_written_through(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "folder" / "file")
    for contents in (b"one", b"two"):  # a dangling link, then a whole one
        write_bytes(tmp_path / "link", contents)
        assert (tmp_path / "link").is_symlink()
        assert (tmp_path / "folder" / "file").read_bytes() == contents


def test_what_is_no_regular_file_is_written_directly(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_bytes(tmp_path / "pipe", b"through")
        assert os.read(reader, 100) == b"through"
    finally:
        os.close(reader)
    assert names(tmp_path) == ["pipe"]
    write_bytes(os.devnull, b"away")
    assert not os.path.isfile(os.devnull)  # noqa: PTH113


def test_the_target_is_a_folder(tmp_path):
    with pytest.raises(IsADirectoryError, match=r"^cannot write .*: it is a folder\.$"):
        write_bytes(tmp_path, b"")
    assert names(tmp_path) == []


def test_the_folder_is_missing_or_a_file(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(FileNotFoundError, match=r"^cannot write .*a\.png: the folder .*no does not exist\.$"):
        write_bytes(tmp_path / "no" / "a.png", b"")
    with pytest.raises(NotADirectoryError, match=r"^cannot write .*a\.png: .*file is not a folder\.$"):
        write_bytes(tmp_path / "file" / "a.png", b"")
    with pytest.raises(OSError, match=r"^cannot write .*: File name too long\.$"):
        write_bytes(tmp_path / ("n" * 300), b"")
    assert names(tmp_path) == ["file"]


@pytest.mark.parametrize("function", ["os.open", "pathlib.Path.write_bytes", "pathlib.Path.replace"])
def test_the_system_refuses(tmp_path, monkeypatch, function):
    def refuse(*_):
        raise PermissionError(13, "Permission denied", "some temporary name")

    (tmp_path / "a").write_text("old")
    with monkeypatch.context() as patch:
        patch.setattr(function, refuse)
        with pytest.raises(PermissionError, match=rf"^cannot write {tmp_path}/a: Permission denied\.$"):
            write_bytes(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_text() == "old"
    assert names(tmp_path) == ["a"]


def test_the_disk_is_full(tmp_path, monkeypatch):
    def fill(path, data):
        with path.open("wb") as file:
            file.write(data[: len(data) // 2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", fill)
    with pytest.raises(OSError, match=r"a\.bin: No space left on device\.$"):
        write_bytes(tmp_path / "a.bin", b"12345678")
    assert names(tmp_path) == []


def test_several_files_appear_together_or_not_at_all(tmp_path):
    (tmp_path / "old").write_bytes(b"old")
    with pytest.raises(FileNotFoundError, match="missing"):
        write_files({tmp_path / "a": b"1", tmp_path / "old": b"2", tmp_path / "missing" / "b": b"3"})
    assert names(tmp_path) == ["old"]
    assert (tmp_path / "old").read_bytes() == b"old"
    write_files({tmp_path / "a": b"1", tmp_path / "old": b"2"})
    assert [path.read_bytes() for path in (tmp_path / "a", tmp_path / "old")] == [b"1", b"2"]
    assert names(tmp_path) == ["a", "old"]


def test_none_of_several_files_appears_when_the_disk_is_full(tmp_path, monkeypatch):
    write = type(tmp_path).write_bytes

    def fill(path, data):
        if data == b"large":
            raise OSError(28, "No space left on device")
        return write(path, data)

    monkeypatch.setattr("pathlib.Path.write_bytes", fill)
    with pytest.raises(OSError, match=r"b: No space left on device\.$"):
        write_files({tmp_path / "a": b"small", tmp_path / "b": b"large"})
    assert names(tmp_path) == []
