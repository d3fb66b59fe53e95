"""Numbers as options: what cannot be parsed is quoted, in the words of the other errors."""

import typer


def whole_number(text: str) -> int:
    """Parse a whole number, or say what was found instead.

    Examples
    --------
    >>> whole_number("16")
    16
    """
    try:
        return int(text)
    except ValueError:
        raise typer.BadParameter(f"'{text}' is not a whole number.") from None


def number(text: str) -> float:
    """Parse a number, or say what was found instead.

    Examples
    --------
    >>> number("2.5")
    2.5
    """
    try:
        return float(text)
    except ValueError:
        raise typer.BadParameter(f"'{text}' is not a number.") from None
