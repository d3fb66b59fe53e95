"""Building the libraries: objects from `compile`, checked, then linked with what is there."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..images.atomic import write_files
from ..images.validate import as_choice
from ..nn.weights import Weights
from . import objects
from .bench import bench_source
from .compile import ENVIRONMENT
from .header import header
from .link import HOW_TO_GET, TRIPLES, find_linker, link_library
from .table import Kernel, chosen
from .weights import packed, weights_header

CPUS = ("cortex-a53", "cortex-a55", "cortex-a57", "cortex-a72", "cortex-a76", "cortex-a78", "cortex-x1", "kryo")
DEFAULT_CPUS = ("cortex-a55", "cortex-a76", "kryo")
ALLOWED: frozenset[str] = frozenset()  # symbols that an object may need from outside


@dataclass(frozen=True)
class Built:
    """What `build` made: the files by name, what it says about them, and what could not be made."""

    files: tuple[str, ...]
    report: dict[str, Any]
    missing: str


def build(
    folder: str | os.PathLike[str],
    cpus: Sequence[str] = DEFAULT_CPUS,
    target: str = "linux",
    weights: Weights | None = None,
    kernels: Sequence[str] = (),
) -> Built:
    """Cross-compile the kernels for some cores into a folder.

    Writes ``classmat_<cpu>.o``, ``libclassmat_<cpu>.a`` and, if a linker is found, ``libclassmat_<cpu>.so``,
    ``classmat.h``, ``bench.c`` and ``build.json``: all of them, or none.

    Parameters
    ----------
    folder : path-like
        Made if it does not exist.
    cpus : sequence of str
        Names that LLVM knows, of `CPUS`.
    target : {"linux", "android"}
        Whose conventions to follow.
    weights : Weights, optional
        A trained net: adds ``classmat_weights.h``.
    kernels : sequence of str
        Names in the table; all by default.

    Returns
    -------
    Built
        ``report`` is what ``build.json`` holds: versions, and for each core the symbols and counts of instructions.

    Raises
    ------
    ValueError
        If a core or the target is unknown, an object needs symbols from outside, or a kernel has no vector instruction.
    OSError
        If the folder cannot be written, or a tool fails.
    """
    as_choice(target, tuple(TRIPLES), name="target")
    for cpu in cpus:
        as_choice(cpu, CPUS, name="cpu")
    if not cpus:
        raise ValueError("cpus is empty; accepted is at least one.")
    rows = chosen(kernels)
    contents: dict[str, bytes] = {
        "classmat.h": header(rows).encode(),
        "bench.c": bench_source(rows).encode(),
    }
    if weights is not None:
        contents["classmat_weights.h"] = weights_header(*packed(weights)).encode()
    linker = find_linker(target)
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        made = run_compiler(work, TRIPLES[target], cpus, kernels)
        cores = {}
        for cpu in cpus:
            code, library = (work / f"{cpu}.o").read_bytes(), f"libclassmat_{cpu}"
            cores[cpu] = checked(cpu, code, (work / f"{cpu}.s").read_text(), rows)
            contents[f"classmat_{cpu}.o"] = code
            contents[f"{library}.a"] = objects.archive(f"classmat_{cpu}.o", code)
            if linker is not None:
                link_library(linker, work / f"{cpu}.o", work / f"{library}.so")
                contents[f"{library}.so"] = (work / f"{library}.so").read_bytes()
    report = {
        "target": TRIPLES[target],
        "versions": made["versions"],
        "linker": linker.name if linker else None,
        "cpus": cores,
    }
    contents["build.json"] = (json.dumps(report, indent=1) + "\n").encode()
    target_folder = Path(folder)
    target_folder.mkdir(parents=True, exist_ok=True)
    write_files({target_folder / name: data for name, data in contents.items()})
    missing = (
        "" if linker else f"No linker for AArch64 was found, so there are objects only; install {HOW_TO_GET}."
    )
    return Built(tuple(contents), report, missing)


def run_compiler(folder: Path, triple: str, cpus: Sequence[str], kernels: Sequence[str] = ()) -> dict[str, Any]:
    """Run `compile` in a process of its own, which writes objects and assembly to the folder."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("NUMBA_")}
    environment |= ENVIRONMENT | {"NUMBA_CACHE_DIR": str(folder / "cache")}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    command = [sys.executable, "-m", f"{__package__}.compile", str(folder), triple, ",".join(cpus)]
    command += [",".join(kernels)] if kernels else []
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise ValueError(f"compiling for {', '.join(cpus)} failed with status {done.returncode}: {last}")
    return json.loads(done.stdout)


def checked(cpu: str, code: bytes, assembly: str, kernels: Sequence[Kernel]) -> dict[str, Any]:
    """Return what an object holds.

    Raises
    ------
    ValueError
        If a function is missing, one is needed from outside, or a kernel that should has no vector instruction.
    """
    defined, needed = objects.symbols(code)
    if needed - ALLOWED:
        raise ValueError(f"the object for {cpu} needs {', '.join(sorted(needed - ALLOWED))} from outside.")
    expected = {
        symbol for k in kernels for symbol in (k.symbol, k.size_symbol) if k.has_workspace or symbol == k.symbol
    }
    if expected - defined:
        raise ValueError(f"the object for {cpu} lacks {', '.join(sorted(expected - defined))}.")
    counts = objects.count_instructions(assembly)
    for kernel in kernels:
        if kernel.is_vector and not counts[kernel.symbol].vector:
            raise ValueError(f"{kernel.symbol} has no vector instruction in the object for {cpu}.")
    told = {kernel.name: vars(counts[kernel.symbol]) for kernel in kernels}
    return {"bytes": len(code), "symbols": sorted(defined), "needs": sorted(needed), "kernels": told}
