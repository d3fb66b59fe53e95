"""The command line, one module per command; the only room that prints.

Importing this room and asking for help stay light: a command imports what it computes with when it runs.
"""


def main() -> None:
    """Run ``classmat`` with the arguments of this process; the console script's entry point."""
    from .app import app

    app()
