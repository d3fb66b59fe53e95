"""Checkpoints: trees of arrays and what is to be known about them, in one ``.npz`` file, whole or not at all."""

import io
import json
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..images.atomic import write_bytes
from ..images.validate import told_path
from .tape import Tree

MANIFEST = "manifest"
FORMAT = 1


def save_checkpoint(path: str | os.PathLike[str], trees: Mapping[str, Tree], manifest: Mapping[str, Any]) -> None:
    """Write trees of arrays with a manifest.

    Parameters
    ----------
    path : path-like
        The file, ``.npz`` by custom.
    trees : mapping of str to dict
        Such as ``{"params": ..., "state": ...}``; nested dicts with string keys, whose leaves are arrays.
    manifest : mapping
        What JSON can hold: architecture, version, data, metrics, step.

    Raises
    ------
    TypeError, ValueError
        If a tree has a key that is no string or has a ``/``, or a leaf that is no array of numbers, or the manifest is
        nothing for JSON.
    OSError
        If the file cannot be written; one that was there stays.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_checkpoint(f"{folder}/net.npz", {"params": {"w": np.ones(2)}}, {"step": 3})
    ...     load_checkpoint(f"{folder}/net.npz")
    ({'params': {'w': array([1., 1.])}}, {'step': 3})
    """
    arrays = _flat(trees, "")
    text = json.dumps({"format": FORMAT, **manifest})
    buffer = io.BytesIO()
    np.savez(buffer, **{MANIFEST: np.array(text)}, **arrays)  # type: ignore[arg-type]
    write_bytes(path, buffer.getvalue())


def load_checkpoint(path: str | os.PathLike[str]) -> tuple[dict[str, Tree], dict[str, Any]]:
    """Read what `save_checkpoint` wrote: trees and manifest.

    Raises
    ------
    ValueError
        If the file is no checkpoint, is cut off, or is of a later format.
    OSError
        If it cannot be read.
    """
    data = Path(path).read_bytes()
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            manifest = json.loads(str(arrays[MANIFEST]))
            trees = _nested({name: arrays[name] for name in arrays.files if name != MANIFEST})
    except (ValueError, KeyError, zipfile.BadZipFile, EOFError, OSError):
        raise ValueError(f"{told_path(path)} is no checkpoint of classmat, or it is damaged.") from None
    written = manifest.pop("format", None)
    if written != FORMAT:
        raise ValueError(f"{told_path(path)} has format {written}; accepted is {FORMAT}.")
    return trees, manifest


def _flat(tree: Tree, prefix: str) -> dict[str, Any]:
    arrays: dict[str, Any] = {}
    for key, branch in tree.items():
        if not isinstance(key, str) or "/" in key or not key:
            raise ValueError(f"a tree has the key {key!r}; accepted are words without a slash.")
        if isinstance(branch, Mapping):
            arrays |= _flat(branch, f"{prefix}{key}/")
            continue
        array = np.asarray(branch)
        if array.dtype.kind not in "buif":
            raise TypeError(f"{prefix}{key} is a {type(branch).__name__}; accepted are arrays of numbers.")
        arrays[f"{prefix}{key}"] = array
    return arrays


def _nested(arrays: Mapping[str, Any]) -> dict[str, Tree]:
    trees: dict[str, Tree] = {}
    for name, array in arrays.items():
        *branches, leaf = name.split("/")
        tree = trees
        for branch in branches:
            tree = tree.setdefault(branch, {})
        tree[leaf] = array
    return trees
