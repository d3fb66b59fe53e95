"""Progress on a terminal: a bar over the files of a folder, and one for a solve that takes over two seconds."""

import contextlib
import math
import threading
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Self

from ._console import console, say

if TYPE_CHECKING:
    from rich.progress import Progress as Bars

DELAY = 2.0  # seconds a computation may take before it shows
SELDOM = 30.0  # seconds between two lines where there is no terminal
TYPICAL_END = 1e-8  # relative residual at about which a solver's own rule ends a solve


class Progress:
    """Bars on standard error while a command runs; nothing if that is not a terminal.

    Parameters
    ----------
    files : int
        How many files will be announced with `begin`; with more than one, a bar counts them.
    """

    def __init__(self, files: int = 1) -> None:
        self._bars = _make_bars()
        self._files = self._bars.add_task("", total=files, visible=files > 1)
        self._solve = self._bars.add_task("", visible=False)
        self._timer: threading.Timer | None = None

    def __enter__(self) -> Self:
        if self._bars.tasks[0].visible:
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop_timer()
        if self._bars.live.is_started:  # older versions of rich end what never began with an empty line
            self._bars.stop()

    def begin(self, name: str) -> None:
        """Announce the next file; if it is still being computed after `DELAY`, that shows."""
        self._stop_timer()
        self._bars.update(self._files, description=name)
        self._bars.remove_task(self._solve)  # a new one pulses until the solver reports how far it is
        self._solve = self._bars.add_task(f"matting {name}", total=None, visible=False)
        self._timer = threading.Timer(DELAY, self._show)
        self._timer.daemon = True
        self._timer.start()

    def end(self) -> None:
        """Count the file as done."""
        self._stop_timer()
        self._bars.update(self._solve, visible=False)
        self._bars.advance(self._files)

    def solver(self) -> Callable[[int, float], None]:
        """Return the callback of a solver."""
        digits = -math.log10(TYPICAL_END)

        def callback(iteration: int, relative_residual: float) -> None:
            # Residuals fall by about the same factor each time, so their logarithm tells how far the solve is.
            done = -math.log10(max(relative_residual, TYPICAL_END)) if relative_residual < 1 else 0.0
            self._bars.update(self._solve, total=digits, completed=done)

        return callback

    def _show(self) -> None:
        self._bars.update(self._solve, visible=True)
        self._bars.start()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer.join()  # it may be in the middle of showing the bar that is about to be stopped


def _make_bars() -> "Bars":
    from rich import progress

    return progress.Progress(
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.TaskProgressColumn(),
        progress.TimeElapsedColumn(),
        console=console(),
        transient=True,
        disable=not console().is_terminal,
    )


@contextlib.contextmanager
def counted() -> Iterator[Callable[[str, int, int], None]]:
    """Yield ``show(text, done, total)``: one bar on a terminal; elsewhere a line now and then.

    >>> with counted() as show:
    ...     show("photos", 1, 3)
    """
    bars = _make_bars()
    task = bars.add_task("", total=None)
    last = time.monotonic()

    def show(text: str, done: int, total: int) -> None:
        nonlocal last
        bars.update(task, description=text, completed=done, total=total)
        if bars.disable and time.monotonic() - last > SELDOM:
            last = time.monotonic()
            say(f"{done} of {total}: {text}")

    if bars.disable:
        yield show
        return
    with bars:
        yield show


def told_seconds(seconds: float) -> str:
    """Return a time to wait in hours, minutes or seconds.

    >>> told_seconds(7384), told_seconds(130), told_seconds(4.2)
    ('2 h 3 min', '2 min 10 s', '4 s')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
