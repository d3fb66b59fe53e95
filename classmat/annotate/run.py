"""Candidates for every photo: who computes what, in which order, within which memory, and what is written down.

The coordinator alone touches the database. It takes photos a few at a time (so that two runs share the work), hands
them out in shards, accepts the files that arrive, and keeps its photos' leases alive meanwhile.
"""

import contextlib
import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from ..images.validate import as_choice, as_count, as_number
from ..matting.methods import METHODS
from .candidates import DEFAULT_METHODS, Job, Outcome, compute_shard
from .database import now
from .project import Photo, Project, ProjectError
from .repair import free_lost_runs, owner, take_arrivals
from .workers import Pool, open_pool

LEASE, HEARTBEAT = 120.0, 30.0  # seconds
BYTES_PER_PIXEL = 1500  # at the peak of a method, a generous figure: see docs/annotate.md
_LOOK = 64  # photos that are looked at at once
_CRASHES = 2  # times that a worker may be lost over a photo
_SHARD = 8  # photos that a cluster's worker gets at once

# Photos with a trimap for which a method has neither a matte nor a failure with this trimap. A matte without a trimap is
# one that a person put there.
_NEEDY = """
    SELECT photos.id, width * height AS pixels, group_concat(wanted.value) AS methods
    FROM photos
    JOIN files AS trimap ON trimap.photo = photos.id AND trimap.kind = 'trimap' AND trimap.replaced IS NULL
    JOIN json_each(?2) AS wanted
    WHERE photos.id > ?1 AND photos.id <= ?6
      AND (state IN ('new', 'ready') OR ?3 AND state = 'failed')
      AND (holder IS NULL OR lease < ?4)
      AND NOT EXISTS (
        SELECT 1 FROM files AS matte
        WHERE matte.photo = photos.id AND matte.kind = 'matte' AND matte.method = wanted.value
          AND matte.replaced IS NULL AND matte.trimap IN (trimap.sha256, ''))
      AND (?3 OR NOT EXISTS (
        SELECT 1 FROM failures
        WHERE failures.photo = photos.id AND failures.method = wanted.value AND failures.trimap = trimap.sha256))
    GROUP BY photos.id ORDER BY photos.id LIMIT ?5"""


@dataclass
class Summary:
    """What a run did.

    Attributes
    ----------
    done, failed : int
        Photos with all their mattes, and photos for which a method failed.
    pixels : int
        Of the photos that are done.
    seconds : float
    failures : list of (name, sentence)
    """

    done: int = 0
    failed: int = 0
    pixels: int = 0
    seconds: float = 0.0
    failures: list[tuple[str, str]] = field(default_factory=list)


def run(
    project: Project,
    methods: Iterable[str] = DEFAULT_METHODS,
    *,
    workers: int | None = None,
    scheduler: str | None = None,
    megapixels: float | None = None,
    shard: int | None = None,
    retry: bool = False,
    progress: Callable[[Summary, int, int], None] = lambda summary, left, pixels_left: None,
) -> Summary:
    """Compute the candidates that are missing, of all photos that nobody decided about.

    A method that failed on a photo is left out until the trimap changes, or with `retry`. A matte from a former trimap is
    computed again.

    Parameters
    ----------
    project : Project
    methods : names
        Keys of `classmat.METHODS`.
    workers : int, optional
        Processes of this machine; one per core without it.
    scheduler : str, optional
        The address of a Dask scheduler, whose workers see the project's folder under the same path.
    megapixels : float, optional
        How many are computed at once over all workers; a larger photo is computed alone. Without it, as many as half of
        the memory that is free holds; with a scheduler no limit but the number of workers.
    shard : int, optional
        Photos that a worker is given at once: 1 on this machine, 8 on a cluster.
    retry : bool
        Whether to try again what failed.
    progress : callable
        Called as ``progress(summary, photos left, pixels left)`` whenever a shard is done.

    Raises
    ------
    OSError
        If the disk is full; what is finished stays.
    ValueError
        If a method is unknown or a number out of range.
    """
    wanted = tuple(dict.fromkeys(as_choice(method, tuple(METHODS), name="--method") for method in methods))
    size = None if workers is None else as_count(workers, name="--workers", low=1)
    if megapixels is not None:
        budget = 1e6 * as_number(megapixels, name="--megapixels", low=0, exclusive=True)
    else:
        budget = float("inf") if scheduler else free_memory() / 2 / BYTES_PER_PIXEL
    each = (
        as_count(_SHARD if scheduler else 1, name="shard")
        if shard is None
        else as_count(shard, name="shard", low=1)
    )
    backlog = Backlog(project, wanted, retry=retry)
    with open_pool(size, scheduler) as pool, backlog:
        return Coordinator(project, backlog, pool, budget, each, progress).work()


def free_memory() -> int:
    """Return the bytes that are free for new work; 4 GB where the system does not tell."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return 1024 * int(next(line for line in lines if line.startswith("MemAvailable")).split()[1])
    except (OSError, StopIteration, ValueError):
        return 4 << 30


class Backlog:
    """The photos that need work; those that this run has taken are its own until it finishes or ends."""

    def __init__(self, project: Project, methods: tuple[str, ...], *, retry: bool) -> None:
        self._project, self._methods, self._retry = project, methods, retry
        self._owner = owner()
        self._stop = threading.Event()
        self._pulse = threading.Thread(target=self._beat, daemon=True)
        self._found: deque[Any] = deque()
        self._cursor = 0
        self._tried: set[int] = set()

    def __enter__(self) -> Self:
        self._pulse.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._pulse.join()
        self.give_back()

    def left(self) -> tuple[int, int]:
        """Return how many photos need work, and their pixels: an estimate, for other runs may be at them too."""
        rows = self._needy(0, -1)
        return len(rows), sum(row["pixels"] for row in rows)

    def take(self) -> Job | None:
        """Take the next photo that needs work, or None if there is none."""
        while self._found or self._find():
            id = self._found.popleft()["id"]
            if id in self._tried:
                continue
            with self._project.database.transaction():
                rows = self._needy(id - 1, 1, up_to=id)  # another run may have been faster
                if rows:
                    self._hold(id)
                    self._tried.add(id)
                    return self._job(self._project.photo(id), rows[0]["methods"].split(","))
        return None

    def _find(self) -> bool:
        """Look for the next photos that need work; by the time they are taken, some may not need it any more."""
        self._found.extend(self._needy(self._cursor, _LOOK))
        if self._found:
            self._cursor = self._found[-1]["id"]
        return bool(self._found)

    def finish(self, job: Job, outcome: Outcome) -> None:
        """Accept what has arrived for a photo and write down what failed; the photo is free again."""
        database = self._project.database
        with database.transaction():
            list(take_arrivals(self._project, job.sha256))
            for method in job.methods:
                database.change("DELETE FROM failures WHERE photo = ? AND method = ?", job.photo, method)
            for method, reason in outcome.failures.items():
                database.change(
                    "INSERT INTO failures (photo, method, trimap, reason, made) VALUES (?, ?, ?, ?, ?)",
                    *(job.photo, method, job.trimap_sha256, reason, now()),
                )
            self._free(job.photo)

    def give_back(self) -> None:
        """Let others have all photos that this run has taken and not finished."""
        with self._project.database.transaction():
            for row in self._project.database.rows("SELECT id FROM photos WHERE holder = ?", self._owner):
                self._free(row["id"])

    def _free(self, id: int) -> None:
        self._project.database.change(
            "UPDATE photos SET state = 'new', holder = NULL, lease = 0 WHERE id = ? AND holder = ? AND state = 'running'",
            *(id, self._owner),
        )
        self._project.follow(id)

    def _needy(self, after: int, at_most: int, *, up_to: int = 1 << 62) -> list[Any]:
        """Return rows of photos behind a number that lack mattes: ``id``, ``pixels``, ``methods`` with commas."""
        return self._project.database.rows(
            _NEEDY, after, json.dumps(self._methods), self._retry, time.time(), at_most, up_to
        )

    def _hold(self, id: int) -> None:
        self._project.database.change(
            "UPDATE photos SET state = 'running', holder = ?, lease = ? WHERE id = ?",
            *(self._owner, time.time() + LEASE, id),
        )

    def _job(self, photo: Photo, missing: list[str]) -> Job:
        trimap = self._project.trimap_version(photo)
        assert trimap is not None
        image, given, trouble = "", "", ""
        try:
            image, given = str(self._project.image_path(photo)), str(self._project.trimap_path(photo))
        except ValueError as error:  # a link out of the project
            trouble = str(error)
        return Job(
            photo.id,
            photo.name,
            photo.sha256,
            image,
            given,
            trimap.sha256,
            photo.width * photo.height,
            tuple(method for method in self._methods if method in missing),
            trouble,
        )

    def again(self) -> bool:
        """Begin anew at the first photo: some were freed or added meanwhile. Return whether there is work."""
        self._cursor = 0
        list(free_lost_runs(self._project))
        return any(row["id"] not in self._tried for row in self._needy(0, -1))

    def _beat(self) -> None:
        while not self._stop.wait(HEARTBEAT):
            with contextlib.suppress(OSError, ProjectError):  # a full disk: the coordinator will find out
                self._project.database.change(
                    "UPDATE photos SET lease = ? WHERE holder = ? AND state = 'running'",
                    *(time.time() + LEASE, self._owner),
                )


def is_worker_lost(error: Exception) -> bool:
    """Return whether a worker was killed over what it computed; else nothing can be computed, whichever photo it is.

    >>> is_worker_lost(BrokenExecutor()), is_worker_lost(ModuleNotFoundError("No module named 'classmat'"))
    (True, False)
    """
    if isinstance(error, BrokenExecutor):
        return "un-serialize" not in str(error)  # joblib's word for what a worker cannot import
    return isinstance(error, MemoryError) or type(error).__name__ == "KilledWorker"  # Dask's


class Coordinator:
    """Hands out shards and takes in what comes back."""

    def __init__(
        self,
        project: Project,
        backlog: Backlog,
        pool: Pool,
        budget: float,
        shard: int,
        progress: Callable[[Summary, int, int], None],
    ) -> None:
        self._project, self._backlog, self._pool = project, backlog, pool
        self._budget, self._shard, self._progress = budget, shard, progress
        self._flying: dict[Future[list[Outcome]], list[Job]] = {}
        self._waiting: Job | None = None  # taken, but there was no room for it
        self._suspects: deque[Job] = deque()  # a worker was lost over one of them: computed alone
        self._crashes: dict[int, int] = {}
        self._summary = Summary()
        self._names: dict[int, str] = {}

    def work(self) -> Summary:
        """Do all there is to do."""
        start = time.perf_counter()
        self._left, self._pixels_left = self._backlog.left()
        self._progress(self._summary, self._left, self._pixels_left)
        while True:
            self._hand_out()
            if not self._flying:
                if self._waiting is None and not self._suspects and not self._backlog.again():
                    break
                continue
            done, _ = wait(self._flying, return_when=FIRST_COMPLETED)
            for future in done:
                self._take_in(future, self._flying.pop(future))
            self._summary.seconds = time.perf_counter() - start
            self._progress(self._summary, self._left, self._pixels_left)
        self._summary.seconds = time.perf_counter() - start
        return self._summary

    def _hand_out(self) -> None:
        while len(self._flying) < self._pool.size + (1 if self._pool.parent is None else 0):
            if self._suspects:
                if self._flying:
                    return
                self._submit([self._suspects.popleft()])
                return
            shard = self._next_shard()
            if not shard:
                return
            self._submit(shard)

    def _next_shard(self) -> list[Job]:
        """Return jobs for one worker for which there is room; any job has room when nothing else is being computed."""
        shard: list[Job] = []
        while len(shard) < self._shard:
            job = self._waiting or self._backlog.take()
            self._waiting = None
            if job is None:
                break
            largest = max([job.pixels, *(other.pixels for other in shard)])
            if self._flying_pixels() + largest > self._budget and (self._flying or shard):
                self._waiting = job
                break
            shard.append(job)
        return shard

    def _flying_pixels(self) -> int:
        # A worker computes its shard one by one, so it holds the largest of them at most.
        return sum(max(job.pixels for job in jobs) for jobs in self._flying.values())

    def _submit(self, shard: list[Job]) -> None:
        root = str(self._project.root.resolve())
        try:
            future = self._pool.executor().submit(compute_shard, root, shard, self._pool.parent)
        except BrokenExecutor:  # a worker was lost just now; this is a new executor
            future = self._pool.executor().submit(compute_shard, root, shard, self._pool.parent)
        self._flying[future] = shard

    def _take_in(self, future: Future[list[Outcome]], jobs: list[Job]) -> None:
        try:
            outcomes = {outcome.photo: outcome for outcome in future.result()}
        except Exception as error:  # not the photo's own failure: its worker is gone, or cannot work
            if not is_worker_lost(error):
                told = " ".join(str(error).split()).rstrip(".")
                raise ProjectError(
                    f"the workers cannot work, the run stops: {type(error).__name__}: {told}."
                ) from error
            self._crashed(jobs, error)
            return
        for outcome in outcomes.values():
            if outcome.disk_full:
                raise OSError(f"the disk is full, the run stops: {outcome.disk_full}")
        for job in jobs:
            self._finish(job, outcomes[job.photo])

    def _crashed(self, jobs: list[Job], error: Exception) -> None:
        for job in jobs:
            # Alone, there is no doubt whose fault it was; in company, there is.
            self._crashes[job.photo] = self._crashes.get(job.photo, 0) + 1
            if self._crashes[job.photo] < _CRASHES:
                self._suspects.append(job)
            else:
                reason = f"the worker was lost, perhaps for lack of memory ({type(error).__name__})"
                self._finish(job, Outcome(job.photo, dict.fromkeys(job.methods, reason)))

    def _finish(self, job: Job, outcome: Outcome) -> None:
        self._backlog.finish(job, outcome)
        self._left, self._pixels_left = max(0, self._left - 1), max(0, self._pixels_left - job.pixels)
        if outcome.failures:
            self._summary.failed += 1
            self._summary.failures += [(job.name, f"{m}: {text}") for m, text in outcome.failures.items()]
        else:
            self._summary.done += 1
            self._summary.pixels += job.pixels
