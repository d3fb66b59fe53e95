"""Runs: complete, share work, survive kills, stop at a full disk, keep to their memory."""

import errno
import os
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import numpy as np
import pytest
from project_checks import METHODS, check, draw, fill, no_predecessors

import classmat as cm
from classmat.annotate import candidates, repair, run, workers
from classmat.annotate.intake import take_in
from classmat.annotate.project import Project, ProjectError

ROOT = Path(__file__).parents[2]


class Threads(workers.Pool):
    """An executor in this process: what it is to do is the same, and it starts at once."""

    def __init__(self, size=2):
        self.size = size
        self._executor = ThreadPoolExecutor(size)

    def executor(self):
        return self._executor

    def close(self, *, now):
        self._executor.shutdown(cancel_futures=now)


@pytest.fixture
def quick(monkeypatch):
    """Runs use threads, and methods that only look at the trimap."""

    def matte(weight):
        return lambda image, trimap: np.clip(weight * trimap / 255, 0, 1)

    monkeypatch.setattr(workers, "LocalPool", Threads)
    methods = {"closed-form": matte(1.0), "knn": matte(0.9), "poisson": matte(0.8)}
    monkeypatch.setattr("classmat.matting.methods.METHODS", methods)
    monkeypatch.setattr(run, "METHODS", methods)
    return methods


def test_a_run_computes_what_is_missing(project, quick):
    seen = []
    summary = run.run(project, progress=lambda summary, left, pixels: seen.append((left, pixels)))
    assert (summary.done, summary.failed) == (3, 0)
    assert summary.pixels == 3 * 24 * 32
    assert seen[0] == (3, 3 * 24 * 32)
    assert seen[-1] == (0, 0)
    assert [photo.state for photo in project.photos()] == ["ready"] * 3
    assert list(project.candidates(project.photo(1))) == list(METHODS)
    assert project.versions.current(1, "matte", "knn").author == f"classmat {cm.__version__}"
    check(project)
    assert run.run(project).done == 0
    assert run.run(project, ("poisson",)).done == 3
    assert run.run(project, (*METHODS, "poisson")).done == 0
    no_predecessors(project)


def test_only_mattes_of_former_trimaps_are_computed_again(project, quick):
    run.run(project)
    photo = project.photo(2)
    project.write_trimap(photo, cm.trimap_from_mask(draw(9)[1], erode=1, dilate=3), "Ana")
    assert run.run(project).done == 1
    assert not project.is_stale(photo, "knn")
    check(project)


def test_what_people_are_at_is_left_alone(project, quick):
    run.run(project, ("closed-form",))
    held, decided = project.claim("Ana"), project.photo(3)
    project.decide(decided, "closed-form", "Bob")
    assert run.run(project).done == 1
    assert "knn" not in project.candidates(held)
    assert "knn" not in project.candidates(decided)
    assert project.holder(held) == "Ana"


def test_failures_are_written_down_and_do_not_stop_the_rest(project, quick):
    def fail(image, trimap):
        if image[0, 0, 0] == cm.read_image(project.image_path(project.photo(2)))[0, 0, 0]:
            raise ValueError("this one is too hard.")
        return np.zeros(trimap.shape)

    quick["knn"] = fail
    project.image_path(project.photo(3)).write_bytes(b"changed")
    summary = run.run(project)
    assert (summary.done, summary.failed) == (1, 2)
    assert [photo.state for photo in project.photos()] == ["ready", "ready", "failed"]
    assert project.photo(2).reason == "knn: this one is too hard."
    assert "p02.png has changed since it was taken in" in project.photo(3).reason
    check(project)
    assert run.run(project).failed == 0, "it is not tried again and again"
    quick["knn"] = lambda image, trimap: np.ones(trimap.shape)
    assert run.run(project, retry=True).done == 1
    assert (project.photo(2).state, project.photo(2).reason) == ("ready", "")


def test_a_matte_that_did_not_converge_is_none(project, quick):
    import warnings

    def stall(image, trimap):
        warnings.warn("stopped at 1e-3.", cm.ConvergenceWarning, stacklevel=1)
        return np.zeros(trimap.shape)

    quick["knn"] = stall
    run.run(project)
    assert project.photo(1).reason == "knn: stopped at 1e-3."


def test_a_full_disk_stops_the_run(project, quick, monkeypatch):
    run.run(project, ("closed-form",))
    calls = []
    original = Path.write_bytes

    def write(path, data):
        if path.suffix == ".tmp" and calls.append(path) is None and len(calls) == 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return original(path, data)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", write)
        with pytest.raises(OSError, match=r"the disk is full, the run stops: cannot write .*No space left"):
            run.run(project, workers=1)
    assert project.counts()["running"] == 0
    assert not project.failures(project.photo(2)), "it is not the photo's fault"
    project.repair()
    check(project)
    run.run(project)
    check(project)
    no_predecessors(project)
    assert all(len(project.candidates(photo)) == 2 for photo in project.photos())


def test_a_lost_worker_costs_the_others_nothing(project, quick, monkeypatch):
    class Mortal(Threads):
        """An executor that breaks whenever it has the second photo, and takes what is beside it along."""

        def executor(self):
            return self

        def submit(self, function, root, jobs, parent):
            if any(job.photo == 2 for job in jobs):
                self.broken = Future()
                self.broken.set_exception(BrokenProcessPool())
                return self.broken
            return self._executor.submit(function, root, jobs, parent)

    monkeypatch.setattr(workers, "LocalPool", Mortal)
    summary = run.run(project, shard=3)
    assert (summary.done, summary.failed) == (2, 1)
    assert "the worker was lost" in project.photo(2).reason
    assert [photo.state for photo in project.photos()] == ["ready", "failed", "ready"]


@pytest.mark.parametrize("shard", [1, 3])
def test_memory_is_bounded(tmp_path, quick, monkeypatch, shard):
    for name, height in (("small", 20), ("large", 60)):
        fill(tmp_path / name, 3, h=height)
    (tmp_path / "large/images").rename(tmp_path / "small/more")
    for path in (tmp_path / "small/more").iterdir():
        path.rename(tmp_path / f"small/images/x{path.name}")
    for path in (tmp_path / "large/trimaps").iterdir():
        path.rename(tmp_path / f"small/trimaps/x{path.name}")
    flying, most = [], []

    def watched(root, jobs, parent):
        largest = max(job.pixels for job in jobs)
        flying.append(largest)
        most.append((sum(flying), len(flying)))
        time.sleep(0.01)
        flying.remove(largest)
        return candidates.compute_shard(root, jobs, parent)

    monkeypatch.setattr(run, "compute_shard", watched)
    with Project.create(tmp_path / "small") as project:
        take_in(project, draft=False)
        summary = run.run(project, workers=4, megapixels=0.0015, shard=shard)
    assert summary.done == 6
    assert all(pixels <= 1500 or count == 1 for pixels, count in most)
    assert max(pixels for pixels, _ in most) == 60 * 32, "what is larger than the budget comes alone"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"methods": ["magic"]}, "--method is 'magic'"),
        ({"workers": 0}, "--workers is 0"),
        ({"megapixels": 0}, "--megapixels is 0"),
        ({"shard": 0}, "shard is 0"),
    ],
)
def test_bad_options(project, options, message):
    with pytest.raises(ValueError, match=message):
        run.run(project, **options)


def test_two_runs_share_the_work(tmp_path, quick, monkeypatch):
    """In this process, each with its own connection; as different owners."""
    fill(tmp_path, 20)
    with Project.create(tmp_path) as project:
        take_in(project, draft=False)
    owners = iter(["run/elsewhere/1/1", "run/elsewhere/2/2"])
    monkeypatch.setattr(run, "owner", lambda: next(owners))

    def one(_):
        with Project.open(tmp_path) as mine:
            return run.run(mine, workers=2)

    with ThreadPoolExecutor(2) as executor:
        summaries = list(executor.map(one, range(2)))
    assert sum(summary.done for summary in summaries) == 20
    with Project.open(tmp_path) as project:
        check(project)
        no_predecessors(project)
        assert project.counts()["ready"] == 20


def command(folder, *options):
    code = "from classmat.cli import main; main()"
    return [sys.executable, "-c", code, "annotate", "run", str(folder), *options]


def environment():
    return os.environ | {"PYTHONPATH": str(ROOT), "CLASSMAT_TRACEBACK": "1"}


def kill_at_random_moments(folder, kills, seed):
    """Start runs and kill each; return how many were killed before they were done."""
    rng = random.Random(seed)
    killed = 0
    for _ in range(kills):
        with subprocess.Popen(
            command(folder, "--workers", "2"), env=environment(), stderr=subprocess.PIPE, start_new_session=True
        ) as process:
            until = len(list(folder.glob("mattes/*/*.png"))) + rng.randint(0, 4)
            deadline = time.monotonic() + 60
            while process.poll() is None and len(list(folder.glob("mattes/*/*.png"))) < until:
                time.sleep(0.005)
                assert time.monotonic() < deadline
            time.sleep(rng.uniform(0, 0.15))
            killed += process.poll() is None
            os.kill(process.pid, signal.SIGKILL)
        with Project.open(folder) as project:
            check(project)
            no_predecessors(project)
            assert project.counts()["running"] == 0
    return killed


def finish(folder, count):
    subprocess.run(command(folder), env=environment(), check=True, capture_output=True, timeout=300)
    with Project.open(folder) as project:
        check(project)
        no_predecessors(project)
        assert not list(folder.glob("mattes/.incoming/*"))
        assert project.counts()["ready"] == count
        assert all(set(project.candidates(photo)) == set(METHODS) for photo in project.photos())


@pytest.mark.parametrize(("count", "kills"), [(8, 2), pytest.param(60, 20, marks=pytest.mark.slow)])
def test_kill_at_random_moments(tmp_path, count, kills):
    fill(tmp_path, count)
    with Project.create(tmp_path) as project:
        take_in(project, draft=False)
    assert kill_at_random_moments(tmp_path, kills, seed=count) >= kills // 2
    finish(tmp_path, count)


@pytest.mark.skipif(os.name != "posix", reason="others tell a process nothing of its parent's end")
def test_workers_do_not_outlive_their_run():
    code = (
        "import os, subprocess, sys, time; from classmat.annotate.workers import die_with;"
        "die_with(os.getppid()); print(os.getpid(), flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", f"import subprocess, sys; subprocess.run([sys.executable, '-c', {code!r}])"],
        env=environment(),
        stdout=subprocess.PIPE,
    )
    with parent:
        worker = int(parent.stdout.readline())
        parent.kill()
    deadline = time.monotonic() + 30
    while repair.lives(worker):
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.slow
def test_two_processes_at_once(tmp_path):
    fill(tmp_path, 24)
    with Project.create(tmp_path) as project:
        take_in(project, draft=False)
    runs = [subprocess.Popen(command(tmp_path, "--workers", "1"), env=environment()) for _ in range(2)]
    assert [process.wait(300) for process in runs] == [0, 0]
    with Project.open(tmp_path) as project:
        check(project)
        no_predecessors(project)
        assert project.counts()["ready"] == 24


def test_a_photo_that_became_a_link_fails_alone(project, quick, tmp_path):
    path = project.image_path(project.photo(2))
    path.rename(tmp_path / "elsewhere.png")
    path.symlink_to(tmp_path / "elsewhere.png")
    summary = run.run(project)
    assert (summary.done, summary.failed) == (2, 1)
    assert "leaves the project" in project.photo(2).reason


def test_workers_that_cannot_work_stop_the_run(project, quick, monkeypatch):
    class Foreign(Threads):
        def executor(self):
            return self

        def submit(self, *_):
            future = Future()
            future.set_exception(ModuleNotFoundError("No module named 'classmat'"))
            return future

    monkeypatch.setattr(workers, "LocalPool", Foreign)
    with pytest.raises(
        ProjectError, match=r"the workers cannot work, the run stops: .*No module named 'classmat'"
    ):
        run.run(project)
    assert [photo.state for photo in project.photos()] == ["new"] * 3


def test_reasons_do_not_name_folders_of_this_machine(project, quick):
    project.image_path(project.photo(1)).write_bytes(b"")
    project.trimap_path(project.photo(2)).unlink()
    assert run.run(project).failed == 2
    for row in project.database.rows("SELECT reason FROM failures"):
        assert str(project.root.resolve()) not in row["reason"]
