"""Kernels from many threads, after a fork, under spawn, and on any number of threads."""

import multiprocessing
import subprocess
import sys
import threading

import numba
import numpy as np
import pytest

from classmat.laplacians.closed_form import closed_form_laplacian

IMAGE = np.random.default_rng(0).random((40, 50, 3))


def fingerprint(_=0):
    return closed_form_laplacian(IMAGE).data.tobytes()


def test_eight_python_threads_at_once():
    expected, answers = fingerprint(), []
    threads = [threading.Thread(target=lambda: answers.extend(fingerprint() for _ in range(5))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [expected] * 40


@pytest.mark.filterwarnings(
    "ignore:.*fork.*:DeprecationWarning"
)  # 3.12 and later warn of forks in threaded programs
@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="the platform cannot fork")
def test_after_a_fork_while_other_threads_compute():
    expected = fingerprint()
    busy = threading.Thread(target=lambda: [fingerprint() for _ in range(50)])
    busy.start()
    with multiprocessing.get_context("fork").Pool(3) as pool:
        assert pool.map_async(fingerprint, range(6)).get(timeout=60) == [expected] * 6
    busy.join()


@pytest.mark.slow
def test_under_spawn():
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        assert pool.map_async(fingerprint, range(2)).get(timeout=120) == [fingerprint()] * 2


def test_any_number_of_threads_gives_the_same_bits():
    before = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        alone = fingerprint()
    finally:
        numba.set_num_threads(before)
    assert fingerprint() == alone


def test_no_folder_for_the_cache_can_be_written():
    """Permissions do not bind an administrator, so Numba is told of the refusal."""
    code = """if True:
        from numba.core import caching
        def refuse(self):
            raise PermissionError(13, "Permission denied", self.get_cache_path())
        caching._CacheLocator.ensure_cache_path = refuse
        import classmat
        print(classmat.gallery.disc(24, 32).alpha.shape)
    """
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (result.returncode, result.stdout, result.stderr) == (0, "(24, 32)\n", "")
