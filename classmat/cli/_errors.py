"""How a command ends: bad input is one line on stderr and exit status 2, Ctrl-C is 130, warnings are one line."""

import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

from ._console import say

# What the library raises on bad input; anything else is a defect, whose traceback is worth reading.
INPUT_ERRORS = (ValueError, TypeError, OSError, MemoryError, FloatingPointError)
BAD_INPUT, INTERRUPTED = 2, 130

# Set this variable to see where an error came from.
TRACEBACK = "CLASSMAT_TRACEBACK"


class OneLineErrors(TyperGroup):
    """The group of commands, with every error shown as one line."""

    def main(self, args: Sequence[str] | None = None, *rest: Any, **options: Any) -> NoReturn:
        """Run the command that `args` name, then exit with its status."""
        args = list(sys.argv[1:] if args is None else args) or ["--help"]
        options.setdefault("prog_name", "classmat")
        options["standalone_mode"] = False  # errors come here, and are not shown in a box of several lines
        try:
            with one_line_warnings():
                status = super().main(args, *rest, **options)
        except (KeyboardInterrupt, typer.Abort):
            status = INTERRUPTED
        except BrokenPipeError:
            _forget_stdout()
            status = 1
        except Exception as error:
            if TRACEBACK in os.environ or not (_is_usage_error(error) or isinstance(error, INPUT_ERRORS)):
                raise
            say(f"error: {one_line(error)}", style="red")
            status = BAD_INPUT
        if status == INTERRUPTED:
            say("interrupted")
        sys.exit(status if isinstance(status, int) else 0)


def one_line(error: BaseException) -> str:
    """Return what went wrong as one line.

    Examples
    --------
    >>> one_line(FileNotFoundError(2, "No such file or directory", "a.png"))
    'a.png: No such file or directory'
    """
    if _is_usage_error(error):
        text = error.format_message()  # type: ignore[attr-defined]
        context = getattr(error, "ctx", None)
        end = "" if text.endswith(("?", ".")) else "."
        text = f"{text}{end} Try '{context.command_path} --help'." if context else text
    elif isinstance(error, OSError) and error.filename is not None:
        text = f"{error.filename}: {error.strerror}"
    elif isinstance(error, MemoryError):
        text = f"not enough memory: {error}"
    else:
        text = str(error) or type(error).__name__
    return " ".join(_shortened(word) for word in text.split())


def _shortened(word: str) -> str:
    return word if len(word) <= 300 else f"{word[:100]}...{word[-100:]}"  # a path, too long for any file


@contextmanager
def one_line_warnings(prefix: str = "") -> Iterator[None]:
    """Show warnings for users as one line each on stderr, and none meant for developers."""

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        say(f"warning: {prefix}{' '.join(str(message).split())}", style="yellow")

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        for category in (DeprecationWarning, PendingDeprecationWarning, FutureWarning, ResourceWarning):
            warnings.simplefilter("ignore", category)
        warnings.showwarning = show
        yield


def _is_usage_error(error: BaseException) -> bool:
    # By its shape: Typer's versions take the class from different packages.
    return hasattr(error, "format_message") and hasattr(error, "exit_code")


def _forget_stdout() -> None:
    # The reader of a pipe has gone (`classmat evaluate ... | head`); Python must not flush into it at exit.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
