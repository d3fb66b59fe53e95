"""What holds for all commands: help, lightness, warnings, Ctrl-C, pipes, progress, names."""

import io
import os
import shlex
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import pytest
from rich.console import Console
from typer.main import get_command

import classmat as cm
from classmat.cli import _errors, _progress, cutout, demo, evaluate, matte, refine, trimap
from classmat.cli.app import app

MODULES = {
    module.__name__.rpartition(".")[2]: module for module in (matte, refine, cutout, trimap, evaluate, demo)
}
PAGE = Path(__file__).parents[2] / "docs" / "command-line.md"


def python(code, *arguments, **options):
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return in_a_process(command, **options)


def in_a_process(command, **options):
    # Whichever folder it runs in, it finds the package under test.
    environment = {**os.environ, "PYTHONPATH": str(Path(cm.__file__).parents[1])}
    return subprocess.run(command, capture_output=True, text=True, env=environment, **options)


def commands_in(text):
    return [line.strip() for line in text.splitlines() if line.strip().startswith("classmat ")]


@pytest.mark.parametrize("name", MODULES)
def test_help_shows_the_examples(run, name):
    shown = " ".join(run(name, "--help").stdout.split())
    assert commands_in(MODULES[name].EXAMPLES)
    for example in commands_in(MODULES[name].EXAMPLES):
        assert example in shown


EXAMPLES = [line for module in MODULES.values() for line in commands_in(module.EXAMPLES)]


@pytest.mark.parametrize("example", [*EXAMPLES, *commands_in(PAGE.read_text())])
def test_examples_use_what_exists(example):
    _, name, *arguments = shlex.split(example)
    if name.startswith("-"):
        return
    get_command(app).commands[name].make_context(name, arguments)  # raises on an unknown option


@pytest.mark.parametrize("name", MODULES)
def test_page_names_every_option(name):
    options = [option for parameter in get_command(app).commands[name].params for option in parameter.opts]
    section = PAGE.read_text().split(f"## classmat {name}\n")[1].split("\n## ")[0]
    for option in options:
        assert option.startswith("--help") or not option.startswith("--") or f"`{option}" in section


@pytest.mark.parametrize("command", ["matte", "refine"])
def test_help_names_every_method(run, command):
    shown = run(command, "--help").stdout
    for method in cm.METHODS:
        assert method in shown


@pytest.mark.parametrize("arguments", [["--help"], ["matte", "-h"], ["--version"], []])
def test_help_is_light(arguments):
    heavy = {"numpy", "numba", "scipy", "cv2", "skimage", "PIL", "pyamg"}
    code = (
        "import sys\nfrom classmat.cli import main\ntry: main()\n"
        f"except SystemExit as end: print(end.code, sorted({heavy} & set(sys.modules)))"
    )
    result = python(code, *arguments, check=True)
    assert result.stdout.splitlines()[-1] == "0 []"


def test_version(run):
    assert run("--version").stdout == f"classmat {cm.__version__}\n"


def test_as_a_process(files):
    command = [sys.executable, "-m", "classmat.cli", "trimap", "mask.png", "-o", "out.png"]
    result = in_a_process(command, cwd=files)
    assert (result.returncode, result.stdout) == (0, "")
    assert result.stderr.startswith("wrote out.png in ")
    command[-3] = "none.png"
    result = in_a_process(command, cwd=files)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == "error: MASK none.png does not exist.\n"


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_interrupt_leaves_nothing(files):
    code = """if True:
        import os, signal, time, classmat
        signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where a shell runs the tests in the background
        def method(image, trimap, *, callback):
            callback(1, 0.5)
            os.kill(os.getpid(), signal.SIGINT)
            for _ in range(200):  # another thread may get it: Python tells the main one a moment later
                time.sleep(0.05)
        classmat.METHODS["closed-form"] = method
        from classmat.cli import main
        main()
    """
    before = sorted(files.iterdir())
    result = python(code, "matte", "photo.png", "trimap.png", "-o", "new/out.png", cwd=files)
    assert result.returncode == 128 + signal.SIGINT
    assert result.stderr == "interrupted\n"
    assert sorted(files.iterdir()) == before


@pytest.mark.skipif(os.name == "nt", reason="pipes")
def test_a_reader_that_leaves_gets_no_traceback(files):
    code = """if True:
        import os, sys
        reading, writing = os.pipe()
        os.close(reading)
        os.dup2(writing, 1)
        from classmat.cli import main
        main()
    """
    result = python(code, "evaluate", "alpha.png", "mask.png", "--json", "-", cwd=files)
    assert (result.returncode, result.stderr) == (1, "")


def test_a_defect_shows_its_traceback(run, files, monkeypatch):
    def broken(image, trimap, *, callback):
        raise KeyError("a defect")

    monkeypatch.setitem(cm.METHODS, "closed-form", broken)
    result = run("matte", files / "photo.png", files / "trimap.png", "-o", files / "out.png", status=1)
    assert isinstance(result.exception, KeyError)


def test_no_memory_is_one_line(run, files, monkeypatch):
    def greedy(image, trimap, *, callback):
        raise MemoryError("Unable to allocate 9 TiB")

    monkeypatch.setitem(cm.METHODS, "closed-form", greedy)
    result = run("matte", files / "photo.png", files / "trimap.png", "-o", files / "out.png", status=2)
    assert result.stderr == "error: not enough memory: Unable to allocate 9 TiB\n"


def test_traceback_on_request(run, files, monkeypatch):
    monkeypatch.setenv(_errors.TRACEBACK, "1")
    result = run("trimap", files / "none.png", "-o", files / "out.png", status=1)
    assert isinstance(result.exception, FileNotFoundError)


def test_warnings_are_one_line_each(run, files, monkeypatch):
    def warn(image, trimap, *, callback):
        warnings.warn("stopped at a residual\nof 1e-3.", cm.ConvergenceWarning, stacklevel=2)
        warnings.warn("for developers", DeprecationWarning, stacklevel=2)
        return cm.closed_form_matting(image, trimap)

    monkeypatch.setitem(cm.METHODS, "closed-form", warn)
    result = run("matte", files / "photo.png", files / "trimap.png", "-o", files / "out.png")
    assert result.stderr.splitlines()[0] == "warning: stopped at a residual of 1e-3."
    assert result.stderr.count("\n") == 2


def test_warning_filters_are_put_back(run):
    before = list(warnings.filters), warnings.showwarning
    run("--version")
    run("trimap", status=2)
    assert (list(warnings.filters), warnings.showwarning) == before


@pytest.fixture
def terminal(monkeypatch):
    """Stand in for standard error being a terminal; returns what is written to it."""
    screen = io.StringIO()
    monkeypatch.setattr(_progress, "console", lambda: Console(file=screen, force_terminal=True, width=100))
    return screen


def test_progress_shows_after_the_delay(terminal, monkeypatch):
    monkeypatch.setattr(_progress, "DELAY", 0.01)
    with _progress.Progress() as progress:
        progress.begin("cat.png")
        callback = progress.solver()
        callback(1, 1e-2)
        deadline = time.monotonic() + 10
        while "25%" not in terminal.getvalue() and time.monotonic() < deadline:
            time.sleep(0.01)
        progress.end()
    assert "matting cat.png" in terminal.getvalue()
    assert "25%" in terminal.getvalue()


def test_progress_of_a_quick_file_shows_nothing(terminal):
    with _progress.Progress() as progress:
        progress.begin("cat.png")
        progress.solver()(1, 1e-9)
        progress.end()
    assert terminal.getvalue() == ""


def test_progress_counts_files(terminal):
    with _progress.Progress(4) as progress:
        for name in ("ant", "bee"):
            progress.begin(name)
            progress.end()
    assert "50%" in terminal.getvalue()


@pytest.mark.parametrize("residual", [2.0, 1.0, 0.0, 1e-30])
def test_progress_takes_any_residual(terminal, residual):
    with _progress.Progress() as progress:
        progress.begin("cat.png")
        progress.solver()(1, residual)
        assert 0 <= progress._bars.tasks[1].completed <= 8
