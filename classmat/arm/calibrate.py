"""How far the estimates are off on this machine, where the same kernels can also be timed."""

import json
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from . import mca
from .bench import bench_source
from .build import run_compiler
from .header import header
from .link import native_linker, run
from .profile import Core, Profile, make_plugin, profile_kernel, require_model
from .table import chosen
from .verify import QEMU, MissingToolError

X86 = "x86_64-unknown-linux-gnu"
CPU = "x86-64-v3"  # with AVX2, which QEMU knows; not AVX-512
KB = 1024


@dataclass(frozen=True)
class Calibrated:
    """An estimate, and the time that the kernel takes here."""

    profile: Profile
    measured_ms: float

    @property
    def ratio(self) -> float:
        """The model's cycles over those measured: the bench runs a kernel again and again, from warm caches."""
        return self.profile.core_ms / self.measured_ms


def calibrate(kernels: Sequence[str] = ()) -> list[Calibrated]:
    """Estimate kernels on this x86-64 core, and time them.

    The clock is measured too; the least time of the bench counts, when nothing else disturbed it.

    Raises
    ------
    MissingToolError
        If QEMU for x86-64, a compiler or llvm-mca is missing, or LLVM has no model of this core.
    """
    require_model()
    for tool in (QEMU, "qemu-x86_64"):
        if shutil.which(tool) is None:
            raise MissingToolError(f"{tool} is not installed (Debian: apt-get install qemu-user).")
    rows = chosen(kernels)
    model = mca.host_model()
    linker = native_linker()
    if not model or linker is None:
        raise MissingToolError("there is no model of this machine's core to compare with.")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run_compiler(folder, X86, [CPU], kernels)
        (folder / "classmat.h").write_text(header(rows))
        (folder / "bench.c").write_text(bench_source(rows))
        program = folder / "bench"
        sources = [str(folder / "bench.c"), str(folder / f"{CPU}.o")]
        run([*linker.program, "-O2", f"-I{folder}", *sources, "-o", str(program)])
        measured = json.loads(run([str(program)]).stdout)
        core = Core(CPU, model, "this machine", measured["clock_ghz"], 20, (32 * KB, 8), (1024 * KB, 8), 4, 90)
        plugin, code = make_plugin(folder), (folder / f"{CPU}.o").read_bytes()
        return [
            Calibrated(
                profile_kernel(kernel, core, program, code, plugin, X86),
                measured["kernels"][kernel.name]["min_ms"],
            )
            for kernel in rows
        ]
