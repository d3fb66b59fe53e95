"""The names of the matting methods, for help texts."""

import ast
from importlib.resources import files


def method_names() -> list[str]:
    """Return the keys of `classmat.METHODS`, read from its source: importing it would take NumPy and seconds.

    Examples
    --------
    >>> method_names()[0]
    'closed-form'
    """
    source = (files("classmat.matting") / "methods.py").read_text(encoding="utf-8")
    tables = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Dict)]
    keys = (key for table in tables for key in table.keys)
    return [str(key.value) for key in keys if isinstance(key, ast.Constant)]
