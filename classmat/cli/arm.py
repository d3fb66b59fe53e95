"""``classmat arm``: the kernels for AArch64 behind a C header, tried under QEMU, modelled for phones' cores."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ._console import say

if TYPE_CHECKING:
    from ..arm.calibrate import Calibrated
    from ..arm.profile import Profile

Times = dict[tuple[str, str], float]  # milliseconds by core and kernel
NOT_AVAILABLE = 3  # exit status of what needs a tool that is not installed
CPU_HELP = "Cores, separated by commas, by LLVM's names."

app = typer.Typer(
    name="arm",
    help="Cross-compile the kernels for AArch64 phones; try and model them without one.",
    rich_markup_mode="rich",
)


@app.command(epilog="Example: classmat arm build --cpu cortex-a55,cortex-a76 --target android -o phone/")
def build(
    cpu: Annotated[str, typer.Option(metavar="NAMES", help=CPU_HELP)] = "cortex-a55,cortex-a76,kryo",
    target: Annotated[str, typer.Option(metavar="SYSTEM", help="linux or android.")] = "linux",
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FOLDER", help="Where the files go.")] = Path(
        "classmat_arm"
    ),
    weights: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="The net that is written as a header.", show_default="that of the package"
        ),
    ] = None,
) -> None:
    """Cross-compile the kernels: objects, static and shared libraries, header, benchmark.

    Needs nothing but this package for objects and static libraries; shared ones are linked with the GNU cross compiler or
    with Zig (pip install ziglang).
    """
    from ..arm.build import build as make
    from ..nn.weights import FAST_DEEP_MATTING, load_weights, shipped_weights

    net = shipped_weights() if weights is None else load_weights(weights, architecture=FAST_DEEP_MATTING)
    built = make(output, _names(cpu), target, net)
    for name in built.files:
        typer.echo(str(output / name))
    for core, made in built.report["cpus"].items():
        vector = sum(counts["vector"] for counts in made["kernels"].values())
        say(f"{core}: {made['bytes']} bytes, {len(made['kernels'])} kernels, {vector} vector instructions")
    if built.missing:
        say(f"warning: {built.missing}", style="yellow")


@app.command(epilog="Example: classmat arm verify --cpu kryo photo.jpg")
def verify(
    photos: Annotated[list[Path] | None, typer.Argument(metavar="[PHOTO]...", help="Photos to try.")] = None,
    cpu: Annotated[str, typer.Option(metavar="NAMES", help=CPU_HELP)] = "cortex-a55,cortex-a76,kryo",
) -> None:
    """Run every kernel under QEMU and compare it with this machine's result.

    The exit status is 0 if all are within 1e-5, 1 if not, and 3 where QEMU or a cross compiler is missing.
    """
    import classmat as cm

    from ..arm.verify import TOLERANCE, MissingToolError
    from ..arm.verify import verify as outcomes

    images: dict[str, Any] = {str(path): _small(cm.read_image(path)) for path in photos} if photos else _sample()
    worst: dict[tuple[str, str], tuple[float, str, int]] = {}
    try:
        for outcome in outcomes(_names(cpu), images):
            key = outcome.kernel, outcome.cpu
            error, case, count = worst.get(key, (-1.0, "", 0))
            worst[key] = (*max((error, case), (outcome.error, outcome.case)), count + 1)
    except MissingToolError as error:
        say(f"not verified: {error}", style="yellow")
        raise typer.Exit(NOT_AVAILABLE) from None
    typer.echo(
        f"{'kernel':<24}{'core':<14}{'cases':>5}  largest relative difference (functionally tested under QEMU)"
    )
    for (kernel, core), (largest, case, count) in worst.items():
        verdict = "" if largest <= TOLERANCE else f"  MORE THAN {TOLERANCE:g}: {case}"
        typer.echo(f"{kernel:<24}{core:<14}{count:>5}  {largest:.1e}{verdict}")
    if any(largest > TOLERANCE for largest, _, _ in worst.values()):
        raise typer.Exit(1)


@app.command(epilog="Example: classmat arm profile --cpu kryo --kernel fast_deep_matting --json profile.json")
def profile(
    cpu: Annotated[
        str, typer.Option(metavar="NAMES", help=CPU_HELP)
    ] = "cortex-a53,cortex-a55,cortex-a76,cortex-x1,kryo",
    kernel: Annotated[
        str, typer.Option(metavar="NAMES", help="Kernels, separated by commas; all by default.")
    ] = "",
    measured: Annotated[
        Path | None, typer.Option(metavar="FILE", help="What bench printed on a device: its times stand beside.")
    ] = None,
    json_file: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write all figures.")] = None,
    calibrate: Annotated[
        bool, typer.Option("--calibrate", help="Estimate this x86 core instead, and compare with real times.")
    ] = False,
) -> None:
    """Estimate what the kernels take on phones' cores, from counts under QEMU and LLVM's models of the cores.

    The figures are estimates, not measured on hardware. The exit status is 3 where a tool is missing.
    """
    from ..arm.calibrate import calibrate as compare
    from ..arm.profile import profile as estimates
    from ..arm.verify import MissingToolError
    from ..images.atomic import write_bytes

    times = _measured(measured) if measured else {}
    try:
        if calibrate:
            _print_calibration(compare(_names(kernel)))
            return
        found: list[Profile] = []
        for estimate in estimates(_names(cpu), _names(kernel)):
            if not found:
                _print_heading(times)
            found.append(estimate)
            _print_estimate(estimate, times)
    except MissingToolError as error:
        say(f"not estimated: {error}", style="yellow")
        raise typer.Exit(NOT_AVAILABLE) from None
    _print_end(found)
    if json_file is not None:
        write_bytes(json_file, (json.dumps([p.as_dict() for p in found], indent=1) + "\n").encode())


def _measured(path: Path) -> Times:
    """Return median milliseconds by core and kernel, of what bench printed."""
    try:
        told = json.loads(path.read_text())
        core = str(told["built_for"])
        return {(core, name): float(row["median_ms"]) for name, row in told["kernels"].items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ValueError(f"{path} is not what bench prints: JSON with times of kernels.") from None


def _print_heading(times: Times) -> None:
    from ..arm.mca import tool_version
    from ..arm.profile import HEADING

    typer.echo(f"{HEADING} (llvm-mca {tool_version()}, counts under QEMU)")
    line = f"{'kernel':<24}{'core':<12}{'modelled as':<14}{'GHz':>5}{'M instr':>9}{'vector':>8}{'M cycles':>10}{'IPC':>6}"
    typer.echo(f"{line}{'MB':>8}{'L1 miss':>9}{'L2 miss':>9}{'ms':>16}{'  measured' if times else ''}")


def _print_estimate(p: "Profile", times: Times) -> None:
    share, ipc = p.vector / p.instructions, p.instructions / p.cycles
    line = f"{p.kernel:<24}{p.core.name:<12}{p.core.model:<14}{p.core.ghz:>5}{p.instructions / 1e6:>9.3f}{share:>8.0%}"
    line += f"{p.cycles / 1e6:>10.3f}{ipc:>6.2f}{p.bytes / 1e6:>8.2f}{p.l1_misses:>9}{p.l2_misses:>9}"
    key = (p.core.name, p.kernel)
    beside = f"{times[key]:>10.2f}" if key in times else ""
    typer.echo(f"{line}{f'{p.low_ms:.2f} to {p.high_ms:.2f}':>16}{beside}")
    for part, block in p.hot:
        line = f"  hot: {part:>4.0%} of the cycles, {len(block.lines)} instructions, {block.vector / len(block.lines):.0%}"
        typer.echo(f"{line} vector, IPC {block.per_cycle:.2f}, run {block.times} times")


def _print_end(found: "list[Profile]") -> None:
    from ..arm.profile import PAPER

    for core in {p.core.name: p.core for p in found}.values():
        if core.note:
            typer.echo(f"{core.name}: {core.note}")
    if any(p.kernel == "fast_deep_matting" for p in found):
        typer.echo(f"to compare with: {PAPER}")


def _print_calibration(rows: "list[Calibrated]") -> None:
    typer.echo(
        f"this machine, modelled as {rows[0].profile.core.model} at {rows[0].profile.core.ghz:.2f} GHz (measured)"
    )
    typer.echo(f"{'kernel':<24}{'estimated ms':>14}{'measured ms':>14}{'ratio':>8}")
    for row in rows:
        name, low = row.profile.kernel, row.profile.core_ms
        typer.echo(f"{name:<24}{low:>14.3f}{row.measured_ms:>14.3f}{row.ratio:>8.2f}")
    ratios = sorted(row.ratio for row in rows)
    typer.echo(f"ratio: {ratios[0]:.2f} to {ratios[-1]:.2f}, median {ratios[len(ratios) // 2]:.2f}")


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _small(photo: Any) -> Any:
    """Return at most 256 pixels a side: emulation is slow."""
    step = -(-max(photo.shape[:2]) // 256)
    return photo[::step, ::step]


def _sample() -> dict[str, Any]:
    """Return photos that come with scikit-image."""
    import numpy as np
    from skimage import data

    photos = {"astronaut": data.astronaut()[:256, 96:352], "cat": data.chelsea()}
    return {name: photo[::2, ::2].astype(np.float32) / 255 for name, photo in photos.items()}
