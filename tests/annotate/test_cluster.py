"""The same run on a Dask cluster of two worker processes on loopback, one of which is killed."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from project_checks import METHODS, check, fill, no_predecessors

from classmat.annotate.intake import take_in
from classmat.annotate.project import Project, ProjectError
from classmat.annotate.run import run

pytest.importorskip("distributed")
ROOT = Path(__file__).parents[2]


@pytest.fixture
def cluster(tmp_path):
    """A scheduler and two workers as processes: its address, and the workers."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "NUMBA_NUM_THREADS": "1"}
    dask = [sys.executable, "-m", "distributed.cli.dask_scheduler"]
    log = (tmp_path / "cluster.log").open("wb")
    address_file = tmp_path / "scheduler.json"

    def start(*command):
        return subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=tmp_path)

    scheduler = start(
        *dask, "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(address_file)
    )
    workers = []
    try:
        deadline = time.monotonic() + 60
        while not address_file.exists() or not address_file.read_text().strip().endswith("}"):
            assert time.monotonic() < deadline
            assert scheduler.poll() is None, (tmp_path / "cluster.log").read_text()
            time.sleep(0.05)
        import json

        address = json.loads(address_file.read_text())["address"]
        worker = [sys.executable, "-m", "distributed.cli.dask_worker", address, "--nthreads", "1", "--no-nanny"]
        workers += [start(*worker, "--no-dashboard", "--host", "127.0.0.1") for _ in range(2)]
        yield address, workers
    finally:
        for process in (*workers, scheduler):
            process.kill()
            process.wait()
        log.close()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of the cluster's libraries, when a worker is lost
def test_a_worker_is_killed(tmp_path, cluster):
    address, workers = cluster
    folder = tmp_path / "project"
    fill(folder, 40)

    def kill_one():
        deadline = time.monotonic() + 120
        while len(list(folder.glob("mattes/**/*.png"))) < 8 and time.monotonic() < deadline:
            time.sleep(0.01)
        workers[0].kill()

    with Project.create(folder) as project:
        take_in(project, draft=False)
        killer = threading.Thread(target=kill_one)
        killer.start()
        summary = run(project, scheduler=address, shard=4)
        killer.join()
        assert (summary.done, summary.failed) == (40, 0)
        assert workers[0].poll() is not None
        project.repair()
        check(project)
        no_predecessors(project)
        assert all(set(project.candidates(photo)) == set(METHODS) for photo in project.photos())


def test_a_scheduler_that_does_not_answer(project, monkeypatch):
    monkeypatch.setattr("classmat.annotate.workers._CONNECT", 0.2)
    with pytest.raises(ProjectError, match="does not answer"):
        run(project, scheduler="tcp://127.0.0.1:9")
    assert project.counts()["running"] == 0
