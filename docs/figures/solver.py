"""Draw the figures of docs/solver.md: python docs/figures/solver.py. The PNGs land next to this file.

Needs matplotlib. Uses the astronaut of scikit-image and a portrait of the gallery, nothing else; what it prints
are the numbers that the page quotes.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.patches import Rectangle
from numpy.typing import NDArray
from PIL import Image
from scipy.linalg import eigh
from scipy.ndimage import distance_transform_edt
from scipy.sparse import csr_array
from skimage import data

import classmat as cm
from classmat.solvers.algebraic import smoothed_aggregation
from classmat.solvers.cg import ConjugateGradients, jacobi
from classmat.solvers.hierarchy import Hierarchy
from classmat.solvers.multigrid import ACCURACY, Multigrid
from classmat.solvers.stencil import Stencil

Array = NDArray[Any]
HERE = Path(__file__).parent
HAIR = (slice(12, 140), slice(144, 304))  # of the astronaut
SIDE = 16
PATCHES = {"crown": (20, 48), "side": (60, 24), "top": (16, 96), "forehead": (64, 60)}  # (y, x) in the crop
COARSE_TILE = (1, 4)  # of 12x12 pixels, (y, x) in the crop
WIDEN = 30  # pixels by which the portrait's unknown region grows
# Okabe and Ito's colours, told apart by all kinds of eyes.
COLOURS = {"Jacobi": "#999999", "constants": "#E69F00", "colours": "#56B4E9", "multigrid": "#0072B2"}
LABELS = {
    "Jacobi": "CG, diagonal",
    "constants": "aggregation, constants only",
    "colours": "aggregation, 1 R G B",
    "multigrid": "classmat's multigrid",
}
STYLES = {"Jacobi": ":", "constants": "--", "colours": "-.", "multigrid": "-"}
STEPS = (0, 5, 15)
VISIBLE = 1 / 510


# --- What costs nothing ---------------------------------------------------------------------------------------


def energy(L: csr_array, x: Array) -> float:
    """Return ``x . L x / x . D x``, x taken without its mean as constants cost nothing."""
    x = x.ravel() - x.mean()
    return float(x @ (L @ x) / (x @ (L.diagonal() * x)))


def functions_of(patch: Array, rng: np.random.Generator) -> dict[str, Array]:
    """Return functions over a patch: three affine in colour, one nearly so, and two that are not."""
    y, x = np.indices(patch.shape[:2]) / (SIDE - 1)
    mixture = patch @ np.array([0.9, -1.6, 0.8]) + 0.2
    bump = np.sin(np.pi * x) * np.sin(np.pi * y)
    return {
        "red": patch[:, :, 0],
        "blue": patch[:, :, 2],
        "mixture": mixture,
        "bump x mixture": bump * (mixture - mixture.mean()),
        "smooth bump": bump,
        "random": rng.random(patch.shape[:2]),
    }


def near_null_space() -> None:
    """Energies of functions over patches of hair, the patches' spectra, and what a coarse space must hold."""
    crop = data.astronaut()[HAIR] / 255
    rng = np.random.default_rng(0)
    rows, spectra = {}, {}
    for name, (y, x) in PATCHES.items():
        patch = crop[y : y + SIDE, x : x + SIDE]
        L = cm.closed_form_laplacian(patch)
        rows[name] = {kind: energy(L, f) for kind, f in functions_of(patch, rng).items()}
        spectra[name] = eigh(L.toarray(), np.diag(L.diagonal()), eigvals_only=True)
    kinds = list(rows["crown"])
    print("energy x.Lx / x.Dx".ljust(20), *(kind.rjust(15) for kind in kinds))
    for name, row in rows.items():
        print(name.ljust(20), *(f"{row[kind]:15.1e}" for kind in kinds))
    print(
        "eigenvalues 1-8:",
        *(f"\n  {name:10}" + " ".join(f"{v:8.1e}" for v in s[:8]) for name, s in spectra.items()),
    )
    _draw_near_null(crop, rows["crown"], spectra, tile_eigenvalues(crop))


def tile_eigenvalues(crop: Array) -> Array:
    """Return the eigenvalues, (tiles, 16), of the energy inside each 4x4 tile relative to the full diagonal."""
    h, w = crop.shape[:2]
    root = np.sqrt(cm.closed_form_laplacian(crop).diagonal().reshape(h, w))
    found, left = [], []
    for y in range(4, h - 4, 4):
        for x in range(4, w - 4, 4):
            tile = (slice(y, y + 4), slice(x, x + 4))
            scale = root[tile].ravel()
            inside = cm.closed_form_laplacian(crop[tile]).toarray() / np.outer(scale, scale)
            candidates = np.column_stack([np.ones(16), crop[tile].reshape(16, 3)])
            found.append(np.linalg.eigvalsh(inside))
            left.append(least_beside(inside, scale[:, np.newaxis] * candidates))
    values, beside = np.array(found), np.array(left)
    print(f"{len(values)} tiles of 4x4: eigenvalue, 1st percentile, median")
    for k in range(6):
        print(f"  {k + 1}  {np.percentile(values[:, k], 1):9.1e} {np.median(values[:, k]):9.1e}")
    print(f"  1/K {np.percentile(beside, 1):7.1e} {np.median(beside):9.1e}  (beside 1, R, G, B)")
    return values


def least_beside(matrix: Array, span: Array) -> float:
    """Return the least energy of a unit vector orthogonal to a span, whatever of the span is added to it."""
    U, spread, _ = np.linalg.svd(span)
    rank = int((spread > 1e-12 * spread[0]).sum())
    inner, outer = U[:, :rank], U[:, rank:]
    coupling = inner.T @ matrix @ outer
    correction = coupling.T @ np.linalg.pinv(inner.T @ matrix @ inner, rcond=1e-12) @ coupling
    return float(np.linalg.eigvalsh(outer.T @ matrix @ outer - correction)[0])


def _draw_near_null(crop: Array, energies: dict[str, float], spectra: dict[str, Array], tiles: Array) -> None:
    figure = plt.figure(figsize=(10, 5.6), layout="constrained")
    upper, lower = figure.subfigures(2, 1, height_ratios=[1, 1.35])
    y, x = PATCHES["crown"]
    patch = crop[y : y + SIDE, x : x + SIDE]
    axes = upper.subplots(1, 6)
    picture(axes[0], patch, "the colours of one patch")
    kinds = ("red", "mixture", "bump x mixture", "smooth bump", "random")
    shown = functions_of(patch, np.random.default_rng(0))
    for ax, kind in zip(axes[1:], kinds, strict=True):
        picture(ax, shown[kind], f"{kind}\nenergy {energies[kind]:.0e}", cmap="gray")
    photo, spectrum, histogram = lower.subplots(1, 3, width_ratios=[1.15, 1, 1])
    picture(photo, crop, "hair, and four patches of 16x16")
    colours = ["#0072B2", "#E69F00", "#009E73", "#CC79A7"]
    for (name, (top, left)), colour, marker in zip(PATCHES.items(), colours, "osD^", strict=True):
        photo.add_patch(Rectangle((left - 0.5, top - 0.5), SIDE, SIDE, fill=False, color=colour, lw=2))
        numbers, values = np.arange(2, 25), spectra[name][1:24]
        spectrum.semilogy(numbers, values, marker + "-", color=colour, ms=4, lw=0.8, label=name)
    spectrum.axvspan(0.5, 4.5, color="0.9", lw=0)
    spectrum.text(4.8, 1.3e-7, "(the 1st is 0)", fontsize=8)
    spectrum.set(xlim=(0.5, 24.5), ylim=(1e-7, 0.5), xlabel="number", xticks=[1, 4, 8, 12, 16, 20, 24])
    spectrum.set_title("smallest eigenvalues of the patches")
    spectrum.legend(fontsize=8, frameon=False, loc="lower right")
    bins = np.logspace(-8, 0.2, 42)
    for k, colour, label in (
        (1, "#E69F00", "2nd: constants are kept"),
        (4, "#0072B2", "5th: 1, R, G, B are kept"),
    ):
        histogram.hist(np.clip(tiles[:, k], 1e-8, None), bins, color=colour, alpha=0.85, label=label)
    histogram.set(
        title=f"one eigenvalue of {len(tiles)} tiles of 4x4", xscale="log", ylabel="tiles", xlabel="eigenvalue"
    )
    histogram.legend(fontsize=8, frameon=False, loc="upper left")
    save(figure, "near-null")


# --- The coarse basis -----------------------------------------------------------------------------------------


def tile_columns(hierarchy: Hierarchy) -> Array:
    """Return the four columns of every tile as images, (h, w, 4), NaN where no pixel is unknown."""
    return level_one_to_pixels(hierarchy, np.broadcast_to(np.eye(4), (len(hierarchy.basis), 4, 4)))


def level_one_to_pixels(hierarchy: Hierarchy, x: Array) -> Array:
    """Return the functions (h, w, k) with coefficients x (tiles, 4, k) in the tiles' bases."""
    mask = hierarchy.stencil.layout.is_unknown
    h, w = (-(-size // 4) for size in mask.shape)
    padded = np.zeros((4 * h, 4 * w), bool)
    padded[: mask.shape[0], : mask.shape[1]] = mask
    ty, tx = np.nonzero(padded.reshape(h, 4, w, 4).any(axis=(1, 3)))  # tiles are numbered in raster order
    blocks = np.zeros((h, w, 16, x.shape[2]))
    blocks[ty, tx] = hierarchy.basis.astype(float) @ x
    image = blocks.reshape(h, w, 4, 4, -1).transpose(0, 2, 1, 3, 4).reshape(4 * h, 4 * w, -1)
    image[~padded] = np.nan
    return image[: mask.shape[0], : mask.shape[1]]


def second_level_columns(hierarchy: Hierarchy, tile: int) -> Array:
    """Return the eight columns (h, w, 8) of a tile of level 2, prolongated to the pixels."""
    P = hierarchy.P.reshape(len(hierarchy.P), 4, 4, 8).astype(float)
    return level_one_to_pixels(
        hierarchy, (P * (hierarchy.parents == tile)[:, :, np.newaxis, np.newaxis]).sum(axis=1)
    )


def coarse_basis() -> None:
    """Draw the columns of level 1 in two neighbourhoods, and those of one tile of level 2."""
    image = data.astronaut()[HAIR] / 255
    y, x = np.indices(image.shape[:2])
    mask = np.hypot(y - 64, x - 88) > 30  # known: a disc of face
    hierarchy = Multigrid(Stencil.from_image(image, mask), image).hierarchy
    columns = tile_columns(hierarchy)
    figure, axes = plt.subplots(2, 5, figsize=(10, 4.4), layout="constrained")
    for row, (top, left) in zip(axes, ((20, 48), (24, 92)), strict=True):
        window = (slice(top, top + SIDE), slice(left, left + SIDE))
        draw_columns(row, image[window], columns[window], ["colours", *(f"column {k + 1}" for k in range(4))])
        for ax in row:
            for line in range(4, SIDE, 4):
                ax.axhline(line - 0.5, color="k", lw=0.7)
                ax.axvline(line - 0.5, color="k", lw=0.7)
    save(figure, "level-1")
    cy, cx = COARSE_TILE
    padded = np.pad(mask, [(0, -size % 12) for size in mask.shape])
    h, w = (size // 12 for size in padded.shape)
    occupied = padded.reshape(h, 12, w, 12).any(axis=(1, 3)).ravel()
    deep = second_level_columns(hierarchy, int(occupied[: cy * w + cx].sum()))
    window = (slice(12 * cy - 8, 12 * cy + 20), slice(12 * cx - 8, 12 * cx + 20))
    figure, axes = plt.subplots(1, 9, figsize=(12, 1.6), layout="constrained")
    draw_columns(axes, image[window], deep[window], ["colours", *(f"column {k + 1}" for k in range(8))])
    for ax in axes:
        ax.add_patch(Rectangle((7.5, 7.5), 12, 12, fill=False, color="k", lw=1))
    save(figure, "level-2")
    print("tiles of the levels:", *hierarchy.sizes)


def draw_columns(axes: Array, image: Array, columns: Array, titles: list[str]) -> None:
    """Draw the colours, then each column with white for zero and grey where nothing is unknown."""
    colours = mpl.colormaps["PuOr"].with_extremes(bad="0.75")
    picture(axes[0], image, titles[0])
    for ax, column, title in zip(axes[1:], np.moveaxis(columns, 2, 0), titles[1:], strict=True):
        limit = np.nanpercentile(np.abs(column), 98)
        picture(ax, column, title, cmap=colours, vmin=-limit, vmax=limit)


# --- Convergence ----------------------------------------------------------------------------------------------


@dataclass
class History:
    """What happened at each iteration of conjugate gradients."""

    residual: list[float] = field(default_factory=list)
    correction: list[float] = field(default_factory=list)
    error: list[float] = field(default_factory=list)
    pictures: dict[int, Array] = field(default_factory=dict)


@dataclass
class Problem:
    """A system, what can be known about it, and where its unknown pixels are."""

    A: csr_array
    b: Array
    exact: Array
    is_unknown: Array


def trace(problem: Problem, precondition: Callable[[Array], Array], steps: int) -> History:
    """Run conjugate gradients from zero and record the truth, at the cost of a product and a cycle each time."""
    history, scale = History(), float(np.linalg.norm(problem.b))

    def record(iteration: int, _: float) -> None:
        residual, error = problem.b - problem.A @ run.x, run.x - problem.exact
        history.residual.append(float(np.linalg.norm(residual)) / scale)
        history.correction.append(float(np.abs(precondition(residual)).max()))
        history.error.append(float(np.abs(error).max()))
        if iteration in STEPS:
            history.pictures[iteration] = error.copy()

    run = ConjugateGradients(
        problem.A.__matmul__,
        precondition,
        problem.b,
        x0=None,
        tolerance=1e-11 * scale,
        maxiter=steps,
        callback=record,
    )
    record(0, 1.0)
    run.run()
    return history


def portrait() -> tuple[Array, Array, Array]:
    """Return the gallery's portrait, its trimap as 0, 0.5 and 1, and the widened region of unknown pixels."""
    scene = cm.gallery.portrait(400, 300, noise=None)
    trimap = np.round(scene.trimap / 255 * 2) / 2
    return scene.image.astype(float), trimap, distance_transform_edt(trimap != 0.5) <= WIDEN


def hard_problem(image: Array, trimap: Array, is_unknown: Array) -> tuple[Problem, Stencil]:
    """Hold the known pixels."""
    stencil = Stencil.from_image(image, is_unknown, known_values=trimap)
    A = stencil.to_csr()
    return Problem(A, stencil.right, cm.solve(A, stencil.right, method="direct").x, is_unknown), stencil


def soft_problem(image: Array, trimap: Array, is_unknown: Array) -> tuple[Problem, Stencil]:
    """Pull known pixels strongly, and unknown ones a hundred thousand times less."""
    everywhere, pull = np.ones(trimap.shape, bool), 100 * np.where(is_unknown, 1e-5, 1.0)
    stencil = Stencil.from_image(image, everywhere, diagonal=pull)
    A, b = stencil.to_csr(), (pull * trimap).ravel()
    return Problem(A, b, cm.solve(A, b, method="direct").x, everywhere), stencil


def convergence() -> None:
    """Four preconditioners on one system, then how well the stopping rule judges on two."""
    image, trimap, is_unknown = portrait()
    problem, stencil = hard_problem(image, trimap, is_unknown)
    colours = image[is_unknown]
    print(f"portrait 400x300: {len(problem.b)} unknown pixels, {len(problem.b) / trimap.size:.0%}")
    preconditioners = {
        "Jacobi": jacobi(problem.A),
        "constants": smoothed_aggregation(problem.A, None),
        "colours": smoothed_aggregation(problem.A, colours),
        "multigrid": Multigrid(stencil, image).precondition,
    }
    histories = {name: trace(problem, M, 200) for name, M in preconditioners.items()}
    print("iterations until".ljust(28), "residual 1e-7   error 1/510   error after 0, 5, 15, 50, 200")
    for name, history in histories.items():
        errors = [f"{history.error[k]:.1e}" if k < len(history.error) else "-" for k in (0, 5, 15, 50, 200)]
        counts = [f"{first_below(history.residual, 1e-7)!s:>12}", f"{first_below(history.error, VISIBLE)!s:>12}"]
        print(LABELS[name].ljust(28), *counts, "  ", *errors)
    _draw_convergence(histories)
    _draw_errors(histories, problem)
    soft, soft_stencil = soft_problem(image, trimap, is_unknown)
    _draw_judges(histories["multigrid"], trace(soft, Multigrid(soft_stencil, image).precondition, 80))


def first_below(values: list[float], limit: float) -> int | None:
    """Return the first iteration from which on values stay at or below a limit."""
    above = np.flatnonzero(np.array(values) > limit)
    first = int(above[-1]) + 1 if len(above) else 0
    return first if first < len(values) else None


def _draw_convergence(histories: dict[str, History]) -> None:
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
    for name, history in histories.items():
        style = {"color": COLOURS[name], "ls": STYLES[name], "lw": 2}
        left.semilogy(history.residual, label=LABELS[name], **style)
        right.semilogy(history.error, **style)
    left.set(title="relative residual", ylim=(1e-10, 10), xlim=(0, 200), xlabel="iteration")
    right.set(title="largest error of alpha", ylim=(1e-7, 10), xlim=(0, 200), xlabel="iteration")
    right.axhline(VISIBLE, color="k", lw=0.8)
    right.text(198, VISIBLE * 1.2, "1/510", ha="right", fontsize=8)
    left.legend(fontsize=8, frameon=False)
    save(figure, "convergence")


def _draw_judges(hard: History, soft: History) -> None:
    figure, axes = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained", sharey=True)
    for ax, history, title in zip(axes, (hard, soft), ("known pixels held", "soft prior"), strict=True):
        ax.semilogy(history.error, color="k", lw=2, label="largest error of alpha (the truth)")
        ax.semilogy(history.correction, color="#0072B2", ls="--", lw=2, label="max |M r|")
        ax.semilogy(history.residual, color="#D55E00", ls=":", lw=2, label="|r| / |b|")
        ax.set(title=title, xlabel="iteration", ylim=(1e-10, 10), xlim=(0, None))
        correction = np.array(history.correction)
        met = np.flatnonzero(np.maximum(correction[1:], correction[:-1]) <= ACCURACY)
        stop, plain = (int(met[0]) + 1 if len(met) else None), first_below(history.residual, 1e-7)
        for at, colour, size in ((stop, "#0072B2", 12), (plain, "#D55E00", 7)):
            if at is not None:
                ax.plot(at, history.error[at], "o", color=colour, ms=size, mec="k", zorder=3)
        found = [f"{at}: error {history.error[at]:.1e}" if at is not None else "never" for at in (stop, plain)]
        print(f"{title}: the default rule stops at {found[0]}; |r|/|b| <= 1e-7 at {found[1]}")
        ratios = np.array(history.error[3:stop]) / correction[3:stop]
        print(f"  error / max|Mr| from iteration 3 on: {ratios.min():.1f} to {ratios.max():.1f}")
    axes[0].legend(fontsize=8, frameon=False)
    save(figure, "stopping")


def _draw_errors(histories: dict[str, History], problem: Problem) -> None:
    """Each picture has its own scale, named above it: what matters is the shape."""
    shown = ("Jacobi", "constants", "multigrid")
    figure, axes = plt.subplots(3, 3, figsize=(6.4, 8.4), layout="constrained")
    colours = mpl.colormaps["PuOr"].with_extremes(bad="0.75")
    for row, name in zip(axes, shown, strict=True):
        for ax, step in zip(row, STEPS, strict=True):
            error = np.full(problem.is_unknown.shape, np.nan)
            error[problem.is_unknown] = histories[name].pictures[step]
            limit = float(np.nanpercentile(np.abs(error), 99.5))
            title = f"{LABELS[name]}\n{step} iterations, scale {limit:.0e}"
            picture(ax, error, title, cmap=colours, vmin=-limit, vmax=limit)
    save(figure, "errors", Image.Quantize.MAXCOVERAGE)  # a median cut greys its few strong colours


# --- Drawing --------------------------------------------------------------------------------------------------


def picture(ax: Any, image: Array, title: str, **options: Any) -> None:
    """Show an image without axes and without interpolation."""
    ax.imshow(image, interpolation="nearest", **options)
    ax.set_title(title)
    ax.axis("off")


def save(figure: Any, name: str, palette: Image.Quantize = Image.Quantize.MEDIANCUT) -> None:
    """Write a figure with few colours, which halves the file."""
    target = HERE / f"solver-{name}.png"
    figure.savefig(target, dpi=100)
    plt.close(figure)
    with Image.open(target) as full:
        full.convert("RGB").quantize(220, method=palette, dither=Image.Dither.NONE).save(target, optimize=True)
    print(f"wrote {target.name}, {target.stat().st_size // 1024} KB")


if __name__ == "__main__":
    mpl.use("Agg")
    plt.rcParams.update(
        {"axes.titlesize": 9, "font.size": 9, "axes.spines.top": False, "axes.spines.right": False}
    )
    near_null_space()
    coarse_basis()
    convergence()
