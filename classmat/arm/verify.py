"""Running the cross-compiled kernels under QEMU, and comparing them with what the library computes on this machine."""

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .build import build
from .cases import Case, cases
from .link import HOW_TO_GET, find_linker, link_program, run
from .table import BY_NAME, Kernel, evaluate

QEMU = "qemu-aarch64"
HOW_TO_INSTALL = f"{QEMU} is not installed (Debian: apt-get install qemu-user; Fedora: dnf install qemu-user)"
TOLERANCE = 1e-5  # of the largest number of a result
SAME_CORES = {"cortex-a53": "cortex-a53", "cortex-a57": "cortex-a57", "cortex-a72": "cortex-a72"}
SAME_CORES |= {"cortex-a76": "cortex-a76", "kryo": "cortex-a57"}  # emulated with what the core has, and no more

Arrays = Mapping[str, NDArray[np.float32]]


class MissingToolError(OSError):
    """What is needed to run AArch64 programs is not there; says how to install it."""


@dataclass(frozen=True)
class Outcome:
    """How far a kernel's result is from the library's: the largest difference over the largest number."""

    cpu: str
    kernel: str
    case: str
    error: float

    @property
    def is_fine(self) -> bool:
        """Whether it is within the tolerance."""
        return self.error <= TOLERANCE


def verify(
    cpus: Sequence[str], images: Mapping[str, NDArray[Any]] | None = None, kernels: Sequence[str] = ()
) -> Iterator[Outcome]:
    """Build for each core, and run every kernel on every case.

    Parameters
    ----------
    cpus : sequence of str
        As `build` takes them.
    images : mapping, optional
        Photos (h, w, 3) by name, for the nets and the filters; noise is always among the cases.
    kernels : sequence of str
        Names in the table; all by default.

    Yields
    ------
    Outcome
        One for each case.

    Raises
    ------
    MissingToolError
        If there is no QEMU, or no linker.
    """
    require_tools()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        build(folder, cpus, kernels=kernels)
        trials = list(cases(images or {}, kernels))
        for cpu in cpus:
            program = make_program(folder, cpu)
            for case in trials:
                yield compare(program, cpu, case)


def require_tools() -> None:
    """Raise MissingToolError unless programs for AArch64 can be made and run."""
    if shutil.which(QEMU) is None:
        raise MissingToolError(f"{HOW_TO_INSTALL}.")
    if find_linker("linux") is None:
        raise MissingToolError(f"no C compiler for AArch64 is installed: {HOW_TO_GET}.")


def make_program(folder: Path, cpu: str) -> Path:
    """Link ``bench.c`` with the object for a core; returns the program."""
    linker = find_linker("linux")
    assert linker is not None
    program = folder / f"bench_{cpu}"
    sources = [folder / "bench.c", folder / f"classmat_{cpu}.o"]
    link_program(linker, sources, program, f"-I{folder}", f'-DCLASSMAT_CPU="{cpu}"')
    return program


def emulated(program: Path, cpu: str, *options: str) -> list[str]:
    """Return the command that runs a program as on a core."""
    return [QEMU, "-cpu", SAME_CORES.get(cpu, "max"), *options, str(program)]


def compare(program: Path, cpu: str, case: Case) -> Outcome:
    """Run a case, and compare."""
    kernel = BY_NAME[case.kernel]
    results = call(emulated(program, cpu), kernel, case.numbers, case.inputs)
    error = max(_difference(results[name], expected) for name, expected in case.expected.items())
    return Outcome(cpu, case.kernel, case.name, error)


def call(command: Sequence[str], kernel: Kernel, numbers: Mapping[str, float], inputs: Arrays) -> Arrays:
    """Run one kernel in the C program; returns what it writes, flat."""
    counts = {a.name: int(numbers[a.name]) for a in kernel.arguments if a.kind == "count"}
    words = [
        *map(str, counts.values()),
        *(repr(float(numbers[a.name])) for a in kernel.arguments if a.kind == "real"),
    ]
    arrays = [np.ascontiguousarray(inputs[a.name], np.float32) for a in kernel.arguments if a.kind == "in"]
    done = run(
        [*command, "run", kernel.name, *words], input=b"".join(a.tobytes() for a in arrays), env=_environment()
    )
    values, at, results = np.frombuffer(done.stdout, np.float32), 0, {}
    for argument in kernel.arguments:
        if argument.kind == "out":
            size = evaluate(argument.size, counts)
            results[argument.name] = values[at : at + size]
            at += size
    return results


def _environment() -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if not k.startswith("QEMU_")}


def _difference(result: NDArray[np.float32], expected: NDArray[Any]) -> float:
    flat = np.ravel(expected).astype(np.float64)
    if result.size != flat.size or not np.isfinite(result).all():
        return np.inf
    return float(np.abs(result - flat).max() / max(np.abs(flat).max(), 1e-30))
