"""``classmat annotate review`` before it serves: what it says of bad input, and the addresses that it tells."""

import socket
import subprocess
import sys
import threading

import pytest

from classmat.annotate.project import Project

pytest.importorskip("fastapi", reason="the review's server needs fastapi")

from classmat.annotate.review import server
from classmat.annotate.review.access import is_loopback, new_token
from classmat.cli import review as command


def review(*arguments, code="from classmat.cli import main; main()"):
    command = [sys.executable, "-c", code, "annotate", "review", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def assert_one_line(result, *words):
    assert result.returncode == 2, result.stderr
    assert len(result.stderr.strip().splitlines()) == 1, result.stderr
    assert result.stdout == ""
    for word in words:
        assert word in result.stderr


def test_a_folder_that_is_no_project(tmp_path):
    assert_one_line(review(tmp_path, "--no-browser"), "error", tmp_path.name)
    assert list(tmp_path.iterdir()) == []


def test_a_port_that_is_taken_or_none(tmp_path):
    Project.create(tmp_path).close()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert_one_line(review(tmp_path, "--no-browser", "--port", port), f"port {port}")
    assert_one_line(review(tmp_path, "--no-browser", "--port", 70000), "--port", "65535")


def test_without_the_extra_it_says_what_to_install(tmp_path):
    code = "import sys; sys.modules['fastapi'] = None; from classmat.cli import main; main()"
    assert_one_line(review(tmp_path, code=code), "fastapi", "pip install 'classmat[annotate]'")


@pytest.mark.parametrize(("host", "has_token"), [("127.0.0.1", False), ("0.0.0.0", True)])
def test_beyond_this_machine_the_address_has_a_token(tmp_path, monkeypatch, host, has_token):
    Project.create(tmp_path).close()
    monkeypatch.setattr(server.uvicorn.Server, "run", lambda self, sockets: None)
    monkeypatch.setattr(server, "warm_up", lambda: None)
    told = []
    server.serve(tmp_path, reviewer="ana", host=host, port=0, ready=told.append)
    assert ("?token=" in told[0]) == has_token
    assert told[0].startswith("http://")


def test_what_loopback_is_and_that_tokens_differ():
    names = (
        "127.0.0.1",
        "127.8.9.1",
        "::1",
        "localhost",
        "0.0.0.0",
        "::",
        "192.168.1.2",
        "localhost.evil.example",
    )
    assert [is_loopback(name) for name in names] == [True] * 4 + [False] * 4
    assert new_token() != new_token()
    assert len(new_token()) == 32


def test_warming_up_does_what_strokes_do():
    before = threading.active_count()
    server.warm_up()
    assert threading.active_count() == before


def test_the_database_is_copied_when_the_server_ends(tmp_path, monkeypatch):
    Project.create(tmp_path).close()
    monkeypatch.setattr(server, "warm_up", lambda: None)

    def interrupted(self, sockets):
        raise KeyboardInterrupt

    monkeypatch.setattr(server.uvicorn.Server, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        server.serve(tmp_path, reviewer="ana", port=0)
    assert len(list(tmp_path.glob("history/project-2*.sqlite"))) == 1


def test_who_reviews_is_known(tmp_path, monkeypatch):
    def nobody():
        raise KeyError("getpwuid(): uid not found: 12345")

    monkeypatch.setattr(command.getpass, "getuser", nobody)
    Project.create(tmp_path).close()
    with pytest.raises(ValueError, match="--reviewer NAME"):
        command.run(tmp_path, browser=False, port=0)
    with pytest.raises(ValueError, match="reviewer is '  '"):
        command.run(tmp_path, browser=False, port=0, reviewer="  ")
