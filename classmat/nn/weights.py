"""Trained nets as files: parameters, running statistics, and what is known about them."""

import os
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import as_file, files
from typing import Any

from ..images.validate import told_path
from .checkpoint import load_checkpoint, save_checkpoint
from .tape import Tree

FAST_DEEP_MATTING = "fast-deep-matting"


@dataclass(frozen=True)
class Weights:
    """A trained net.

    Attributes
    ----------
    params, buffers : tree
        As its architecture has them.
    manifest : dict
        ``architecture``, and what its training said: ``recipe``, ``data``, ``scores``.
    """

    params: Tree = field(repr=False)
    buffers: Tree = field(repr=False)
    manifest: dict[str, Any] = field(default_factory=dict)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write them, whole or not at all."""
        save_checkpoint(path, {"params": self.params, "buffers": self.buffers}, self.manifest)


def load_weights(path: str | os.PathLike[str], *, architecture: str) -> Weights:
    """Read trained weights, or those in a checkpoint of a training.

    Raises
    ------
    ValueError
        If the file holds none, or those of another architecture.
    OSError
        If it cannot be read.
    """
    trees, manifest = load_checkpoint(path)
    found = manifest.get("architecture")
    if found != architecture or not {"params", "buffers"} <= trees.keys():
        raise ValueError(f"{told_path(path)} holds weights of {found!r}; accepted are those of {architecture!r}.")
    recipe = manifest.get("recipe")
    if not isinstance(recipe, dict) or not {"size", "radius"} <= recipe.keys():
        raise ValueError(f"{told_path(path)} does not say for which size and radius its net was trained.")
    return Weights(trees["params"], trees["buffers"], manifest)


@cache
def shipped_weights() -> Weights:
    """Return the weights of Fast Deep Matting that come with the package; docs/models has what they are good for.

    Examples
    --------
    >>> shipped_weights().manifest["architecture"]
    'fast-deep-matting'
    """
    with as_file(files(__package__) / "fast_deep_matting.npz") as path:
        return load_weights(path, architecture=FAST_DEEP_MATTING)
