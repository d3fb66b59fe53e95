"""What is said on standard error; results go to standard output."""

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


@cache
def console() -> "Console":
    """Return the console of standard error, whichever stream that is when it is written to."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def say(text: str, *, style: str = "") -> None:
    """Write one line, as it is: never wrapped, nothing in it read as markup."""
    console().print(text, style=style, markup=False, soft_wrap=True)
