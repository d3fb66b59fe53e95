"""Measure sampling matting against closed form: parameters chosen on half of the photos, judged on the other.

    python benchmarks/sampling.py FOLDER --frames FRAMES --json sampling.json

Figures are ratios of mean squared errors over the unknown pixels, sampling matting / closed form. FOLDER holds photos
as NAME_image.png, NAME_trimap.png (tight), NAME_trimap2.png (coarse) and NAME_alpha.png, such as the training set of
alphamatting.com in low resolution, renamed. FRAMES holds NAME_image.jpg and NAME_alpha.png. On these, and on scenes
of classmat.gallery, which are all that is measured without folders, the script chooses nothing.
"""

import itertools
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

import classmat as cm
from classmat.matting._known import solve_unknown
from classmat.matting.sampling import evidence, sampling_matting, weighted_system
from classmat.matting.shared import shared_samples

Array = NDArray[Any]
KINDS = ("tight", "coarse")
STRENGTHS, TOLERANCES, HOLDS = (0.09, 0.18, 0.27), (0.012, 0.015, 0.018), (1e-3, 2e-3)
ALLOWED = 1.2  # the largest ratio of a photo that may be chosen
SMALLEST_MSE = 1e-8
HEADS = ("mean", "geom.", "largest", "better")
PORTRAITS = ((0, 0.0), (3, 0.0), (7, 0.0), (1, 0.015), (4, 0.015))


class Choice(NamedTuple):
    """Parameters of `sampling_matting`."""

    strength: float
    tolerance: float
    hold: float


class Case(NamedTuple):
    """An image with its trimap and its true matte."""

    name: str
    image: Array
    trimap: Array
    truth: Array


def main(
    folder: Annotated[Path | None, typer.Argument(exists=True, file_okay=False, help="Photos.")] = None,
    frames: Annotated[Path | None, typer.Option(exists=True, file_okay=False, help="Unseen frames.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here too.")] = None,
) -> None:
    """Print the cross-validation on photos, then all unseen scenes with the default parameters."""
    console, report = Console(width=110), {}
    if folder is not None:
        errors = {kind: {case.name: grid(case) for case in photos(folder, kind)} for kind in KINDS}
        report["photos"] = cross_validation(console, errors)
    report["unseen"] = unseen(console, itertools.chain(scenes(), video(frames)))
    if json_file is not None:
        json_file.write_text(json.dumps(report, indent=1) + "\n")


def photos(folder: Path, kind: str) -> Iterator[Case]:
    """Read the photos with their tight or coarse trimaps."""
    suffix = "" if kind == "tight" else "2"
    for path in sorted(folder.glob("*_image.png")):
        name = path.name.removesuffix("_image.png")
        trimap = cm.read_trimap(folder / f"{name}_trimap{suffix}.png")
        yield Case(name, cm.read_image(path), trimap, cm.read_matte(folder / f"{name}_alpha.png"))


def scenes() -> Iterator[Case]:
    """Render scenes: with colours that occur in neither known region (hair), with noise, and ideal ones."""
    for seed in range(2):
        yield _scene(f"hair {seed}", cm.gallery.hair(240, 320, seed=seed))
    for seed, noise in PORTRAITS:
        name = f"portrait {seed}" + f", noise {noise}" * (noise > 0)
        yield _scene(name, cm.gallery.portrait(400, 300, seed=seed, noise=noise))
    for name in ("disc", "wedge", "two_colours"):
        scene = getattr(cm.gallery, name)(240, 320)
        yield _scene(name, scene)
        noise = np.random.default_rng(0).normal(0, 0.02, scene.image.shape)
        yield _scene(f"{name}, noise 0.02", scene)._replace(image=(scene.image + noise).clip(0, 1))


def _scene(name: str, scene: Any) -> Case:
    return Case(name, scene.image, scene.trimap, scene.alpha)


def video(folder: Path | None) -> Iterator[Case]:
    """Read frames; their trimaps are made from their mattes."""
    for path in sorted(folder.glob("*_image.jpg")) if folder else ():
        name = path.name.removesuffix("_image.jpg")
        truth = cm.read_matte(folder / f"{name}_alpha.png") if folder else np.empty(0)
        yield Case(name, cm.read_image(path), cm.trimap_from_alpha(truth), truth)


def grid(case: Case) -> dict[Choice | None, float]:
    """Return the error with all parameters, and closed form's by the name None. Samples are found once."""
    image, labels = case.image.astype(np.float64), case.trimap
    plain = cm.closed_form_matting(image, labels)
    errors: dict[Choice | None, float] = {None: cm.metrics.mse(plain, case.truth, labels)}
    samples = shared_samples(image, labels)
    for tolerance in TOLERANCES:
        found = evidence(image, labels, plain, samples, tolerance)
        for strength, hold in itertools.product(STRENGTHS, HOLDS):
            A, b, colours = weighted_system(image, labels, plain, found, strength=strength, hold=hold, eps=1e-7)
            alpha, _ = solve_unknown(A, b, labels, image=colours, x0=plain, rtol=None, callback=None)
            errors[Choice(strength, tolerance, hold)] = cm.metrics.mse(alpha, case.truth, labels)
    return errors


class Score(NamedTuple):
    """Ratios to closed form over some photos."""

    mean: float
    geometric_mean: float
    largest: float
    better: int


def score(errors: dict[str, dict[Choice | None, float]], names: list[str], choice: Choice) -> Score:
    """Return the ratio of mean errors, the geometric mean and the largest of the ratios, and how many are below 1."""
    ours, theirs = (np.array([errors[name][which] for name in names]) for which in (choice, None))
    ratios = ours / theirs
    return Score(
        float(ours.sum() / theirs.sum()),
        float(np.exp(np.log(ratios).mean())),
        float(ratios.max()),
        int((ratios < 1).sum()),
    )


def best(errors: dict[str, dict[str, dict[Choice | None, float]]], names: list[str]) -> Choice:
    """Choose the parameters: the least product of means and geometric means, no photo above what is allowed."""

    def cost(choice: Choice) -> tuple[float, float]:
        scores = [score(errors[kind], names, choice) for kind in KINDS]
        excess = max(0.0, max(s.largest for s in scores) - ALLOWED)
        return excess, float(np.prod([s.mean * s.geometric_mean for s in scores]))

    return min(map(Choice._make, itertools.product(STRENGTHS, TOLERANCES, HOLDS)), key=cost)


def cross_validation(console: Console, errors: dict[str, Any]) -> dict[str, Any]:
    """Print and return every photo's ratio with the parameters that the other half chose, and all parameters' scores."""
    names = sorted(errors["tight"])
    halves = [names[::2], names[1::2]]
    report: dict[str, Any] = {}
    table = Table("chosen on", "strength, tolerance, hold", "judged on", "mean", "geometric", "largest", "better")
    console.print(f"half A: {' '.join(halves[0])}; half B: {' '.join(halves[1])}", soft_wrap=True)
    crossed: dict[str, dict[str, dict[Choice | None, float]]] = {kind: {} for kind in KINDS}
    every = Choice(0, 0, 0)  # stands for: chosen by the other half
    for chosen, judged, half, other in (
        ("A", "B", *halves),
        ("B", "A", *halves[::-1]),
        ("all", "all", names, names),
    ):
        choice = best(errors, half)
        for kind in KINDS:
            result = score(errors[kind], other, choice)
            table.add_row(chosen, _told(choice), f"{judged}, {kind}", *_cells(result, len(other)))
            if half is not names:
                for name in other:
                    crossed[kind][name] = {None: errors[kind][name][None], every: errors[kind][name][choice]}
    for kind in KINDS:
        result = score(crossed[kind], names, every)
        table.add_row("other half", "", f"all, {kind}", *_cells(result, len(names)), style="bold")
        report[kind] = {name: crossed[kind][name][every] / crossed[kind][name][None] for name in names}
        report[kind] |= {"all": result._asdict()}
    console.print(table)
    for kind in KINDS:
        console.print(kind, ", ".join(f"{name} {report[kind][name]:.2f}" for name in names))
    report["grid"] = all_scores(console, errors, names)
    return report


def all_scores(console: Console, errors: dict[str, Any], names: list[str]) -> list[Any]:
    """Print and return the scores of all parameters on all photos."""
    table = Table("strength, tolerance, hold", *(f"{kind[0]}. {head}" for kind in KINDS for head in HEADS))
    rows = []
    for choice in map(Choice._make, itertools.product(STRENGTHS, TOLERANCES, HOLDS)):
        scores = [score(errors[kind], names, choice) for kind in KINDS]
        table.add_row(_told(choice), *(cell for s in scores for cell in _cells(s, len(names))))
        rows.append([*choice, *scores[0], *scores[1]])
    console.print(table)
    return rows


def _told(choice: Choice) -> str:
    return ", ".join(f"{value:g}" for value in choice)


def _cells(result: Score, count: int) -> list[str]:
    return [*(f"{value:.3f}" for value in result[:2]), f"{result.largest:.2f}", f"{result.better}/{count}"]


def unseen(console: Console, cases: Iterator[Case]) -> dict[str, Any]:
    """Print and return errors and times with the default parameters; the first calls compile and are not timed."""
    table = Table("scene", "closed form", "sampling", "ratio", "seconds, ratio")
    report: dict[str, Any] = {}
    warm = cm.gallery.disc(24, 32)
    for run in (cm.closed_form_matting, sampling_matting):
        run(warm.image, warm.trimap)
    for case in cases:
        results, seconds = [], []
        for run in (cm.closed_form_matting, sampling_matting):
            start = time.perf_counter()
            alpha = run(case.image, case.trimap)
            seconds.append(time.perf_counter() - start)
            results.append(cm.metrics.mse(alpha, case.truth, case.trimap))
        ratio = max(results[1], SMALLEST_MSE) / max(results[0], SMALLEST_MSE)
        report[case.name] = {"closed form": results[0], "sampling": results[1], "ratio": ratio, "seconds": seconds}
        table.add_row(case.name, *(f"{e:.2g}" for e in results), f"{ratio:.2f}", f"{seconds[1] / seconds[0]:.1f}")
    console.print(table)
    return report


if __name__ == "__main__":
    typer.run(main)
