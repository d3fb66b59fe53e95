"""``classmat annotate review``: the web page on which a person chooses between mattes."""

import contextlib
import getpass
import os
import threading
from pathlib import Path
from typing import Annotated

import typer

from ._console import say
from ._numbers import whole_number

EXAMPLES = """
Examples:

classmat annotate review photos/

classmat annotate review photos/ --reviewer ana --port 9000 --no-browser

classmat annotate review photos/ --host 0.0.0.0
"""


def run(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The project's folder.")],
    host: Annotated[
        str, typer.Option(help="Where to listen. Beyond this machine, the page's address holds a secret token.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(parser=whole_number, metavar="N", help="The port; 0 takes a free one.")
    ] = 8765,
    reviewer: Annotated[
        str | None, typer.Option(metavar="NAME", help="Who decides.", show_default="your login name")
    ] = None,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page in a browser.")] = True,
) -> None:
    """Choose between mattes, paint trimaps and mend mattes, in a browser on this machine. Ctrl-C stops.

    Everything that is decided is saved at once. Several people may review one project, each from an own browser under
    an own name: they get different photos. Works offline.
    """
    # The solver's dense matrices are small, and threads that wait for each other take longer than one.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        from ..annotate.review.server import serve
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in (
            "fastapi",
            "uvicorn",
            "pydantic",
            "starlette",
        ):
            raise
        raise ValueError(
            f"review needs {error.name}, which is not installed; get it by pip install 'classmat[annotate]'."
        ) from None
    from ..annotate.names import safe_person
    from ..images.validate import as_count

    def ready(address: str) -> None:
        say(f"reviewing {folder} at {address}  (Ctrl-C stops)")
        if browser:
            import webbrowser

            # A browser in a terminal would keep the server from starting.
            threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()

    as_count(port, name="--port", high=65535)
    with contextlib.suppress(KeyboardInterrupt):
        serve(
            folder,
            reviewer=_login() if reviewer is None else safe_person(reviewer),
            host=host,
            port=port,
            ready=ready,
        )


def _login() -> str:
    try:
        return getpass.getuser()
    except (ImportError, KeyError, OSError):  # a user without a name, as in some containers
        raise ValueError("this machine does not tell who you are; give your name by --reviewer NAME.") from None
