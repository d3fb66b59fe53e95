"""Estimates of what the kernels take on phones' cores, from counts under QEMU and LLVM's models: nothing is measured.

The cycles of a kernel are the sum over its blocks of how often they run, counted by ``plugin.c`` under QEMU, times their
cycles in the model of the core. A call takes between

* the larger of cycles / clock and the bytes that both caches miss / bandwidth (all latency is hidden), and
* cycles / clock, plus the second cache's latency for every miss of the first, plus that of memory for every miss of both.

Caches are simulated and begin empty, as for an image that a camera has just written.
"""

import re
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from ..images.validate import as_choice
from . import mca, objects
from .build import build
from .link import native_linker, run
from .table import Kernel, chosen, evaluate
from .verify import MissingToolError, emulated, make_program, require_tools

LINE = 64  # bytes of a line of the caches
ENOUGH = 0.998  # of all instructions run is modelled, the rest in proportion
HOT = 0.1  # share of a kernel's cycles from which a block is listed
HEADING = "estimate, not measured on hardware"
PAPER = "Fast Deep Matting (2017): 140 ms on the CPU of a Snapdragon 820 (Kryo), 62 ms on its GPU"
ARM = "aarch64-unknown-linux-gnu"
_VECTOR = re.compile(r"\bv\d+\.\d*[bhsdq]|\bq\d+\b|\b[xyz]mm\d+")
_JUMP = re.compile(r"^(?:b|bl|br|blr|ret|cbz|cbnz|tbz|tbnz|b\.\w+|j\w+|call\w*|ret\w*)\b")


@dataclass(frozen=True)
class Core:
    """A core of a phone, as it is modelled."""

    name: str
    model: str  # LLVM's, the core's own or one that stands in
    note: str
    ghz: float
    gb_per_s: float  # of one core to memory
    l1: tuple[int, int]  # bytes, ways
    l2: tuple[int, int]
    l2_ns: float
    memory_ns: float


KB = 1024
CORES = {
    core.name: core
    for core in (
        Core("cortex-a53", "cortex-a53", "in order", 1.8, 4, (32 * KB, 4), (512 * KB, 16), 8, 150),
        Core("cortex-a55", "cortex-a55", "in order", 1.8, 6, (32 * KB, 4), (128 * KB, 4), 6, 150),
        Core("cortex-a76", "neoverse-n1", "LLVM has none for it: Neoverse N1 stands in", 2.6, 12,
             (64 * KB, 4), (512 * KB, 8), 4, 120),
        Core("cortex-x1", "neoverse-v1", "LLVM has none for it: Neoverse V1 stands in", 2.84, 18,
             (64 * KB, 4), (1024 * KB, 8), 4, 110),
        Core("kryo", "kryo", "", 2.15, 8, (32 * KB, 4), (1024 * KB, 8), 8, 130),
    )
}  # fmt: skip


@dataclass(frozen=True)
class Block:
    """Instructions that run one after the other, how often, and what the model says."""

    address: int
    times: int
    lines: tuple[str, ...]
    cycles: float

    @property
    def vector(self) -> int:
        """How many instructions have vectors."""
        return sum(bool(_VECTOR.search(line)) for line in self.lines)

    @property
    def per_cycle(self) -> float:
        """Instructions a cycle."""
        return len(self.lines) / self.cycles


@dataclass(frozen=True)
class Profile:
    """Counts and estimates of one call of a kernel on a core."""

    kernel: str
    core: Core
    instructions: int
    vector: int
    cycles: float
    loads: int
    stores: int
    bytes: int
    l1_misses: int
    l2_misses: int
    hot: tuple[tuple[float, Block], ...]  # with their shares of the cycles

    @property
    def core_ms(self) -> float:
        """With everything in the first cache."""
        return 1e-6 * self.cycles / self.core.ghz

    @property
    def low_ms(self) -> float:
        """All latency hidden."""
        return max(self.core_ms, 1e-6 * LINE * self.l2_misses / self.core.gb_per_s)

    @property
    def high_ms(self) -> float:
        """None hidden."""
        waits = self.l1_misses * self.core.l2_ns + self.l2_misses * self.core.memory_ns
        return self.core_ms + 1e-6 * waits

    def as_dict(self) -> dict[str, Any]:
        """Return everything as JSON takes it."""
        names = (
            "kernel",
            "instructions",
            "vector",
            "cycles",
            "loads",
            "stores",
            "bytes",
            "l1_misses",
            "l2_misses",
        )
        hot = [
            {
                "share": share,
                "times": block.times,
                "instructions": len(block.lines),
                "vector": block.vector,
                "ipc": block.per_cycle,
            }
            for share, block in self.hot
        ]
        own = {name: getattr(self, name) for name in names}
        return own | {
            "core": self.core.name,
            "model": self.core.model,
            "low_ms": self.low_ms,
            "high_ms": self.high_ms,
            "hot": hot,
        }


def profile(cores: Sequence[str], kernels: Sequence[str] = ()) -> Iterator[Profile]:
    """Estimate kernels, all by default, on cores of `CORES`, with the numbers of the table's examples.

    Yields
    ------
    Profile
        One for each kernel and core.

    Raises
    ------
    MissingToolError
        If QEMU, a compiler or llvm-mca is missing.
    ValueError
        If a core or a kernel is not known.
    """
    for name in cores:
        as_choice(name, tuple(CORES), name="cpu")
    require_tools()
    require_model()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        build(folder, cores, kernels=kernels)
        plugin = make_plugin(folder)
        for core in cores:
            program, code = make_program(folder, core), (folder / f"classmat_{core}.o").read_bytes()
            for kernel in chosen(kernels):
                yield profile_kernel(kernel, CORES[core], program, code, plugin, ARM)


def require_model() -> None:
    """Raise MissingToolError unless there are llvm-mca and llvm-mc, and a compiler for the plugin."""
    if not (mca.find_tool("llvm-mca") and mca.find_tool("llvm-mc")):
        raise MissingToolError(f"{mca.HOW_TO_INSTALL}.")
    if native_linker() is None:
        raise MissingToolError("no C compiler for this machine is installed (Debian: apt-get install gcc).")


def make_plugin(folder: Path) -> Path:
    """Compile the plugin for the QEMU that is installed."""
    said = run(["qemu-aarch64", "--version"]).stdout.decode()
    version = tuple(int(n) for n in re.findall(r"version (\d+)\.(\d+)", said)[0])
    api = 1 if version < (9, 0) else 2 if version < (9, 1) else 3
    linker, source, plugin = native_linker(), folder / "plugin.c", folder / "plugin.so"
    assert linker is not None
    source.write_text((resources.files(__package__) / "plugin.c").read_text())
    run([*linker.shared, "-shared", "-fPIC", "-O2", f"-DAPI={api}", str(source), "-o", str(plugin)])
    return plugin


def profile_kernel(kernel: Kernel, core: Core, program: Path, code: bytes, plugin: Path, triple: str) -> Profile:
    """Count one call of a kernel, and model it."""
    counts, memory = _counts(kernel, core, program, code, plugin, triple)
    total = sum(times for _, times, _ in counts)
    blocks = _modelled(_blocks(counts, triple), total, triple, core.model)
    covered = sum(b.times * len(b.lines) for b in blocks)
    cycles = sum(b.times * b.cycles for b in blocks)
    vector = sum(b.times * b.vector for b in blocks)
    ranked = sorted(((b.times * b.cycles / cycles, b) for b in blocks), key=lambda pair: -pair[0])
    hot = tuple((share, block) for share, block in ranked if share >= HOT)
    scale = total / covered
    return Profile(kernel.name, core, total, round(vector * scale), cycles * scale, *memory, hot)


def _counts(
    kernel: Kernel, core: Core, program: Path, code: bytes, plugin: Path, triple: str
) -> tuple[list[tuple[int, int, str]], tuple[int, int, int, int, int]]:
    """Return (address, times, bytes) of every instruction run, and what happened in memory."""
    start = objects.addresses(program.read_bytes())[kernel.symbol] - objects.addresses(code)[kernel.symbol]
    numbers = kernel.example
    counts = {a.name: int(numbers[a.name]) for a in kernel.arguments if a.kind == "count"}
    words = [
        *map(str, counts.values()),
        *(repr(float(numbers[a.name])) for a in kernel.arguments if a.kind == "real"),
    ]
    rng = np.random.default_rng(0)
    sizes = [evaluate(a.size, counts) for a in kernel.arguments if a.kind == "in"]
    given = b"".join(rng.random(size, np.float32).tobytes() for size in sizes)
    out = plugin.with_name("counts.txt")
    options = {
        "low": hex(start),
        "high": hex(start + objects.text_size(code)),
        "out": out,
        "l1": core.l1[0],
        "l1ways": core.l1[1],
        "l2": core.l2[0],
        "l2ways": core.l2[1],
    }
    plug = ["-plugin", ",".join([str(plugin), *(f"{key}={value}" for key, value in options.items())])]
    command = (
        emulated(program, core.name, *plug)
        if triple == ARM
        else ["qemu-x86_64", "-cpu", "max", *plug, str(program)]
    )
    run([*command, "run", kernel.name, *words], input=given)
    lines = [line.split() for line in out.read_text().splitlines()]
    found = [(int(words[1], 16), int(words[2]), words[3]) for words in lines if words[0] == "i"]
    loads, stores, size, l1, l2 = next(tuple(map(int, words[1:])) for words in lines if words[0] == "m")
    return found, (loads, stores, size, l1, l2)


def _blocks(counts: list[tuple[int, int, str]], triple: str) -> list[Block]:
    """Cut what ran into blocks: where the count changes, after jumps, and where there is a gap."""
    assembly = mca.disassemble([code for _, _, code in counts], triple)
    if len(assembly) != len(counts):
        raise ValueError(f"llvm-mc read {len(assembly)} of {len(counts)} instructions.")
    blocks: list[list[tuple[int, int, str]]] = []
    end, before, is_cut = -1, -1, True
    for (address, times, code), line in zip(counts, assembly, strict=True):
        if is_cut or address != end or times != before:
            blocks.append([])
        blocks[-1].append((address, times, line))
        end, before, is_cut = address + len(code) // 2, times, bool(_JUMP.match(line))
    return [Block(b[0][0], b[0][1], tuple(line for _, _, line in b), 0.0) for b in blocks]


def _modelled(blocks: list[Block], total: int, triple: str, model: str) -> list[Block]:
    """Return the blocks that run most, with their cycles."""
    ranked, chosen, covered = sorted(blocks, key=lambda b: -b.times * len(b.lines)), [], 0
    for block in ranked:
        if covered >= ENOUGH * total:
            break
        chosen.append(block)
        covered += block.times * len(block.lines)
    cycles = mca.costs([b.lines for b in chosen], triple, model)
    return [Block(b.address, b.times, b.lines, c) for b, c in zip(chosen, cycles, strict=True)]
