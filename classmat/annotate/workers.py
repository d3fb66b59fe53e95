"""Where shards are computed: processes of this machine (joblib's), or a Dask cluster. Both look like an executor."""

import contextlib
import importlib.util
import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Executor
from typing import Any

from .candidates import THREADS
from .project import ProjectError

_CONNECT = 30  # seconds


def core_count() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def die_with(parent: int) -> None:
    """End this process soon after its parent has ended: a killed run may leave locks that its workers wait for."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    if os.name == "posix":
        threading.Thread(target=watch, daemon=True).start()


class Pool:
    """An executor that can be had anew when one of its processes was killed.

    Attributes
    ----------
    size : int
        How many shards it computes at once.
    parent : int or None
        The process that its workers depend on, where that is this one.
    """

    size: int
    parent: int | None = None

    def executor(self) -> Executor:
        """Return an executor that works."""
        raise NotImplementedError

    def close(self, *, now: bool) -> None:
        """End it; with `now`, what is being computed as well."""


class LocalPool(Pool):
    """Processes of joblib's loky: fresh ones that import what they need, not forked; one thread each."""

    def __init__(self, size: int) -> None:
        if importlib.util.find_spec("joblib") is None:
            raise ProjectError("a run needs joblib: pip install 'classmat[annotate]'.")
        self.size, self.parent = size, os.getpid()
        self._executor: Any = None

    def executor(self) -> Executor:
        """Return joblib's executor: the same one while it is whole, a new one after a worker was killed."""
        from joblib.externals.loky import get_reusable_executor  # type: ignore[import-untyped]

        self._executor = get_reusable_executor(
            max_workers=self.size,
            timeout=30,
            env=dict.fromkeys(THREADS, "1"),
            initializer=die_with,
            initargs=(os.getpid(),),
        )
        return self._executor

    def close(self, *, now: bool) -> None:
        """End the processes."""
        if self._executor is not None:
            self._executor.shutdown(wait=True, kill_workers=now)


class ClusterPool(Pool):
    """The workers of a Dask scheduler, which begins a shard again elsewhere when a worker is lost."""

    def __init__(self, address: str) -> None:
        try:
            from distributed import Client  # type: ignore[import-untyped]
        except ImportError:
            raise ProjectError("--scheduler needs distributed: pip install 'classmat[cluster]'.") from None
        try:
            self._client: Any = Client(address, timeout=_CONNECT, set_as_default=False)
        except (OSError, ValueError) as error:
            raise ProjectError(f"--scheduler {address} does not answer: {error}.") from None
        self._executor: Executor = self._client.get_executor(pure=False)
        self.size = max(1, sum(self._client.nthreads().values()))

    def executor(self) -> Executor:
        """Return the client's executor."""
        return self._executor

    def close(self, *, now: bool) -> None:
        """Leave the cluster, which goes on living."""
        self._executor.shutdown(wait=not now)
        self._client.close()


@contextlib.contextmanager
def open_pool(workers: int | None, scheduler: str | None) -> Iterator[Pool]:
    """Yield a pool; when the block fails, what it still computes is given up."""
    pool = ClusterPool(scheduler) if scheduler else LocalPool(workers or core_count())
    try:
        yield pool
    except BaseException:
        pool.close(now=True)
        raise
    pool.close(now=False)
