"""What workers do: the mattes of some photos by some methods, each a file that arrives whole. No database is touched here.

A worker is a process of this machine or of a cluster that sees the project's folder under the same path.
"""

import errno
import os
import sys
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from .names import without_root
from .project import AUTHOR, matte_facts
from .versions import arrive, arrived, digest

DEFAULT_METHODS = ("closed-form", "knn")
THREADS = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_FULL = (errno.ENOSPC, errno.EDQUOT)


class Job(NamedTuple):
    """A photo and the methods whose mattes it needs; paths are absolute, as the worker sees them."""

    photo: int
    name: str
    sha256: str
    image: str
    trimap: str
    trimap_sha256: str
    pixels: int
    methods: tuple[str, ...]
    trouble: str = ""  # why it cannot be computed at all


@dataclass
class Outcome:
    """What became of a job: why methods failed, and whether the disk is full, in which case it is not the photo's fault."""

    photo: int
    failures: dict[str, str] = field(default_factory=dict)
    disk_full: str = ""


def compute_shard(root: str, jobs: list[Job], parent: int | None = None) -> list[Outcome]:
    """Compute the mattes of several photos, one after the other.

    Parameters
    ----------
    root : str
        The project's folder.
    jobs : list of Job
    parent : int, optional
        The process that must still live for the work to be of use, on this machine.
    """
    one_thread()
    outcomes = []
    for job in jobs:
        outcomes.append(compute(Path(root), job, parent))
        if outcomes[-1].disk_full:
            break
    return outcomes


def one_thread() -> None:
    """Let kernels and linear algebra of this process run on one core; of no effect once they have begun."""
    if "numba" not in sys.modules:
        os.environ.update(dict.fromkeys(THREADS, "1"))


def compute(root: Path, job: Job, parent: int | None = None) -> Outcome:
    """Compute the mattes of a photo, but for those that have arrived before; what fails is noted."""
    outcome = Outcome(job.photo)
    if job.trouble:
        outcome.failures = dict.fromkeys(job.methods, job.trouble)
        return outcome
    todo = [method for method in job.methods if not arrived(root, facts_of(job, method), job.name)]
    if not todo:
        return outcome
    try:
        image, trimap = _read(job)
    except (OSError, ValueError, MemoryError) as error:
        outcome.failures = dict.fromkeys(todo, without_root(root, _told(error)))
        return outcome
    for method in todo:
        if parent is not None and os.getppid() != parent:  # the run was killed; another one may have begun
            os._exit(1)
        try:
            arrive(root, _matte(method, image, trimap), facts_of(job, method))
        except Exception as error:  # whatever it is, it is this photo's and shall not stop the others
            if _is_disk_full(error):
                outcome.disk_full = _told(error)
                break
            outcome.failures[method] = without_root(root, _told(error))
    return outcome


def facts_of(job: Job, method: str) -> dict[str, Any]:
    """Return what the stamp of a candidate says."""
    return {**matte_facts(method, {}, job.trimap_sha256), "photo": job.sha256, "author": AUTHOR}


def _read(job: Job) -> tuple[Any, Any]:
    from ..images.io import read_image, read_trimap
    from ..images.validate import require_same_size

    for path, sha256, what in ((job.image, job.sha256, "photo"), (job.trimap, job.trimap_sha256, "trimap")):
        if digest(Path(path).read_bytes()) != sha256:
            raise ValueError(f"the {what} {Path(path).name} has changed since it was taken in.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of transparency, which candidates ignore
        image, trimap = read_image(job.image), read_trimap(job.trimap)
    require_same_size(image, trimap, names=("photo", "trimap"))
    return image, trimap


def _matte(method: str, image: Any, trimap: Any) -> bytes:
    """Return a matte as a PNG file; one that did not converge is none."""
    from ..images.io import encode_image
    from ..matting.methods import METHODS
    from ..solvers import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", ConvergenceWarning)
        try:
            alpha = METHODS[method](image, trimap)
        except ConvergenceWarning as warning:
            raise ValueError(str(warning)) from None
    return encode_image("matte.png", alpha, bits=16)


def _is_disk_full(error: BaseException) -> bool:
    cause = error.__cause__ if isinstance(error.__cause__, OSError) else error
    return isinstance(cause, OSError) and cause.errno in _FULL


def _told(error: BaseException) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, MemoryError):
        return f"not enough memory: {text}"
    return text if isinstance(error, OSError | ValueError) else f"{type(error).__name__}: {text}"
