"""The one place where Numba's options and its threading layer are chosen.

``jit`` compiles a serial function, ``pjit`` one whose ``prange`` loops run on all cores. Both are lazy (no
signatures, so importing compiles nothing), cached on disk. No ``fastmath``: it makes ``isnan`` return False.
Where no folder for the cache can be written (``NUMBA_CACHE_DIR``, the package's own, the user's), every
process compiles what it needs.

Why the ``workqueue`` layer behind a lock: OpenMP's threads do not survive a fork (the child is killed),
``workqueue`` does, but aborts when two Python threads enter it at once. Kernels already use every core, so
letting callers take turns costs nothing. TBB would serve both, but is not available on every platform.
Whoever chooses a layer (``NUMBA_THREADING_LAYER``, or ``numba.config`` before classmat is used) keeps it.
"""

import functools
import os
import threading
from collections.abc import Callable
from typing import Any

from numba import config, njit, prange

__all__ = ["jit", "pjit", "prange"]

OPTIONS = {"nogil": True, "error_model": "numpy"}

if config.THREADING_LAYER == "default":
    config.THREADING_LAYER = "workqueue"

_turn = threading.Lock()
if hasattr(os, "register_at_fork"):  # a fork waits for the running kernel, so that no child inherits a held lock
    os.register_at_fork(before=_turn.acquire, after_in_parent=_turn.release, after_in_child=_turn.release)


def jit(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a serial kernel, which other kernels of the same file may call."""
    return _compiled(function)


def pjit(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a kernel with parallel loops; Python threads that call it take turns.

    The result is called from Python only. A kernel that is called by other kernels is a ``jit`` one.
    """
    compiled = _compiled(function, parallel=True)

    @functools.wraps(function)
    def in_turn(*args: Any) -> Any:
        with _turn:
            return compiled(*args)

    return in_turn


def _compiled(function: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    try:
        return njit(cache=True, **OPTIONS, **options)(function)
    except RuntimeError:  # Numba found no folder that it may write to
        return njit(**OPTIONS, **options)(function)
