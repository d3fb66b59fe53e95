"""``python -m classmat.cli`` is ``classmat``."""

from . import main

if __name__ == "__main__":
    main()
