"""Which tools are there to link for AArch64: the GNU cross compiler, else Zig's from PyPI, else none."""

import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

TRIPLES = {"linux": "aarch64-unknown-linux-gnu", "android": "aarch64-unknown-linux-android21"}
GNU = "aarch64-linux-gnu-gcc"
HOW_TO_GET = (
    f"{GNU} (Debian: apt-get install gcc-aarch64-linux-gnu libc6-dev-arm64-cross) or Zig (pip install ziglang)"
)
PAGE = "-Wl,-z,max-page-size=16384"  # newer Android has pages of 16 KB


@dataclass(frozen=True)
class Linker:
    """A C compiler for a target: what calls it for libraries and for programs that run by themselves."""

    name: str
    shared: tuple[str, ...]
    program: tuple[str, ...]


def find_linker(target: str) -> Linker | None:
    """Return a linker for a key of `TRIPLES`, or None."""
    if shutil.which(GNU):
        return Linker(GNU, (GNU,), (GNU, "-static"))
    if importlib.util.find_spec("ziglang"):
        zig = (sys.executable, "-m", "ziglang", "cc")
        system = "gnu" if target == "linux" else "android"
        return Linker(
            "zig cc",
            (*zig, "-target", f"aarch64-linux-{system}"),
            (*zig, "-target", "aarch64-linux-musl", "-static"),
        )
    return None


def native_linker() -> Linker | None:
    """Return a C compiler for this machine, or None."""
    name = next(filter(shutil.which, ("cc", "gcc", "clang")), None)
    if name:
        return Linker(name, (name,), (name, "-static"))
    if importlib.util.find_spec("ziglang"):
        zig = (sys.executable, "-m", "ziglang", "cc")
        return Linker("zig cc", zig, zig)
    return None


def link_library(linker: Linker, code: Path, library: Path) -> None:
    """Make a shared library of an object that needs nothing from outside."""
    options = (
        "-shared",
        "-nostdlib",
        "-Wl,--no-undefined",
        "-Wl,-z,noexecstack",
        PAGE,
        f"-Wl,-soname,{library.name}",
    )
    run([*linker.shared, *options, str(code), "-o", str(library)])


def link_program(linker: Linker, sources: Sequence[Path], program: Path, *options: str) -> None:
    """Compile a C program that runs on any AArch64 Linux or Android."""
    run([*linker.program, "-O2", *options, *(str(source) for source in sources), "-o", str(program)])


def run(command: Sequence[str], **options: object) -> "subprocess.CompletedProcess[bytes]":
    """Run a tool.

    Raises
    ------
    OSError
        If it fails: with what it said.
    """
    done = subprocess.run(command, capture_output=True, check=False, **options)  # type: ignore[call-overload]
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise OSError(f"{Path(command[0]).name} failed with status {done.returncode}: {' '.join(said[-3:])}")
    return done
