"""The command line, one module per command; the only room that prints.

Importing this room and asking for help stay light: a command imports what it computes with when it runs.
"""

import sys


def main() -> None:
    """Run ``classmat`` with the arguments of this process; the console script's entry point."""
    try:
        from .app import app

        app()
    except KeyboardInterrupt:  # before or after the command, which ends the same way when interrupted
        sys.exit(130)
