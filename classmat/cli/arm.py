"""``classmat arm``: the kernels for AArch64 behind a C header, tried under QEMU, modelled for phones' cores."""

from pathlib import Path
from typing import Annotated

import typer

from ._console import say

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
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FOLDER", help="Where the files go.")
    ] = Path("classmat_arm"),
) -> None:
    """Cross-compile the kernels: objects, static and shared libraries, header, benchmark.

    Needs nothing but this package for objects and static libraries; shared ones are linked with the GNU cross compiler or
    with Zig (pip install ziglang).
    """
    from ..arm.build import build as make

    built = make(output, _names(cpu), target)
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

    images = {path.name: cm.read_image(path) for path in photos} if photos else _sample()
    worst: dict[tuple[str, str], tuple[float, str, int]] = {}
    try:
        for outcome in outcomes(_names(cpu), images):
            key = outcome.kernel, outcome.cpu
            error, case, count = worst.get(key, (-1.0, "", 0))
            worst[key] = (*max((error, case), (outcome.error, outcome.case)), count + 1)
    except MissingToolError as error:
        say(f"not verified: {error}", style="yellow")
        raise typer.Exit(NOT_AVAILABLE) from None
    typer.echo(f"{'kernel':<24}{'core':<14}{'cases':>5}  largest relative difference (functionally tested under QEMU)")
    for (kernel, core), (error, case, count) in worst.items():
        verdict = "" if error <= TOLERANCE else f"  MORE THAN {TOLERANCE:g}: {case}"
        typer.echo(f"{kernel:<24}{core:<14}{count:>5}  {error:.1e}{verdict}")
    if any(error > TOLERANCE for error, _, _ in worst.values()):
        raise typer.Exit(1)


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _sample() -> dict[str, object]:
    """Return photos that come with scikit-image."""
    import numpy as np
    from skimage import data

    photos = {"astronaut": data.astronaut()[:256, 96:352], "cat": data.chelsea()}
    return {name: photo[::2, ::2].astype(np.float32) / 255 for name, photo in photos.items()}
