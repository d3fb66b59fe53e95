"""Table 1 of Fast Deep Matting (Zhu et al. 2017) with nets trained here: LDN, LDN+GF, LDN+FB.

    python benchmarks/reproduce_fast_deep_matting.py WORK [--real TRAIN --real-test TEST] [--seeds 0,1,2]
        [--portraits 3000] [--steps 3000,600,1200] [--json result.json] [--pictures FOLDER]

For each seed: a net is trained in the three stages, on painted portraits, and on photos if there are any; each is
judged on photos that it has not seen. "LDN" is the mask after the first stage; "LDN+GF" that mask after the guided
filter, whose radius and eps are the best on the held-out tenth; "LDN+FB" the matte after the third. WORK keeps the
trainings: what was broken off goes on, what is done is only judged.

Photos are pairs `<name>_image.jpg`, `<name>_alpha.png` with hard masks, such as those of Shen et al. 2016. Mattes are made
of the masks as the papers did: a trimap of the mask, and closed-form matting. The test photos' true mattes are made
in the same way; IoU is against the masks.

`--pictures` writes the feathering block's a, b and c (figure 5) and the three mattes of some test photos.
"""

import json
import statistics
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

PAPER = {"LDN": (27.49, 9.14, 27), "LDN+GF": (15.34, 4.66, 236), "LDN+FB": (7.98, 3.85, 38)}
ERODE, DILATE = 0.01, 0.015  # of the longest side: the trimap of a mask
VARIANTS = tuple(PAPER)


def make_mattes(source: Path, folder: Path, side: int = 400) -> Path:
    """Make ``folder/image`` and ``folder/alpha`` of photos with masks; what is there already stays."""
    import classmat as cm
    from classmat.filters.resize import resize
    from classmat.matting.refine import refine_matte

    for name in ("image", "alpha", "mask"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for path in sorted(source.glob("*_image.*")):
        name = path.stem.removesuffix("_image") + ".png"
        if (folder / "alpha" / name).exists():
            continue
        image, mask = cm.read_image(path), cm.read_matte(source / f"{name[:-4]}_alpha.png")
        while max(mask.shape) >= 2 * side:  # halves, by means of four pixels
            h, w = (n // 2 for n in mask.shape)
            image, mask = (resize(x[: 2 * h, : 2 * w], h, w) for x in (image, mask))
        longest = max(mask.shape)
        try:
            alpha = refine_matte(image, mask, method="trimap", erode=ERODE * longest, dilate=DILATE * longest)
        except ValueError:  # a mask with no background, or next to none
            alpha = mask
        cm.write_image(folder / "image" / name, image)
        cm.write_image(folder / "mask" / name, mask)
        cm.write_image(folder / "alpha" / name, alpha)
    return folder


def train_one(data: Path, folder: Path, recipe: Any, workers: int) -> Any:
    """Train, or read what was trained before; return the run and the weights after the first and the last stage."""
    from classmat.nn.recipes.running import Run, carry_out
    from classmat.nn.weights import FAST_DEEP_MATTING, load_weights

    run = Run.of(data, folder, recipe)
    if not (folder / "weights.npz").exists():
        carry_out(run, workers=workers, report=_told(sum(recipe.steps)))
    read = (
        load_weights(folder / f"{name}.npz", architecture=FAST_DEEP_MATTING) for name in ("after_mask", "weights")
    )
    return run, *read


def _told(total: int) -> Any:
    start = time.perf_counter()

    def report(progress: Any) -> None:
        done = len(progress.losses)
        if done % 200 == 0:
            loss = statistics.fmean(progress.losses[-100:])
            print(f"  {done} of {total}: loss {loss:.4f}, {time.perf_counter() - start:.0f} s", flush=True)

    return report


def judge_all(run: Any, first: Any, last: Any, test: Any, masks: Any = None) -> dict[str, Any]:
    """Score the three variants on the test photos; the filter's numbers come from the held-out ones."""
    from classmat.nn.data import MARGIN, load_pairs
    from classmat.nn.recipes.judging import choose_filter, filter_masks, held_out_batch, judge, predict

    size, radius = run.recipe.size, run.recipe.radius
    own = held_out_batch(load_pairs(run.held_out[:60], round(MARGIN * size)), size)
    chosen = choose_filter(own.image, predict(first.params, first.buffers, own.image, radius=radius)[0], own.alpha)
    mask, _ = predict(first.params, first.buffers, test.image, radius=radius)
    joint_mask, matte = predict(last.params, last.buffers, test.image, radius=radius)
    mattes = {
        "LDN": mask,
        "LDN+GF": filter_masks(test.image, mask, *chosen),
        "LDN+FB": matte,
        "joint LDN": joint_mask,
        "LDN cut at 1/2": (mask > 0.5).astype(np.float32),
    }
    rows = {name: judge(alpha, test.alpha)._asdict() for name, alpha in mattes.items()}
    if masks is not None:
        rows = {name: row | {"iou": judge(mattes[name], masks).iou} for name, row in rows.items()}
    return {"scores": rows, "filter": {"radius": chosen[0], "eps": chosen[1]}, "mattes": mattes}


def time_variants(weights: Any, filter_: dict[str, Any], image: np.ndarray, repeat: int = 15) -> dict[str, float]:
    """Return medians in milliseconds of the three variants, in turns, one photo."""
    from classmat.filters.guided import guided_filter
    from classmat.nn.inference import FastDeepMatting

    params, buffers = weights.params, weights.buffers
    radius = weights.manifest["recipe"]["radius"]
    ldn, both = (
        FastDeepMatting(params["ldn"]),
        FastDeepMatting(params["ldn"], params["fb"], buffers["fb"], radius=radius),
    )
    runs = {
        "LDN": lambda: ldn(image),
        "LDN+GF": lambda: guided_filter(image, ldn(image), filter_["radius"], filter_["eps"]),
        "LDN+FB": lambda: both(image),
    }
    spent: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(repeat + 2):
        for name, function in runs.items():
            start = time.perf_counter()
            function()
            if turn > 1:
                spent[name].append(1e3 * (time.perf_counter() - start))
    return {name: statistics.median(values) for name, values in spent.items()}


def show(title: str, results: list[dict[str, Any]]) -> None:
    """Print the paper's row and ours, mean and spread over the seeds, and the ratios that the paper claims."""
    table = Table(
        title=f"{title}: {len(results)} seeds (MSE and gradient in 1e-3; in brackets smallest to largest)"
    )
    for heading in ("variant", "paper MSE", "gradient", "ms", "MSE", "gradient", "IoU", "ms"):
        table.add_column(heading, justify="left" if heading == "variant" else "right")
    for name in (*VARIANTS, "joint LDN", "LDN cut at 1/2"):
        rows = [result["scores"][name] for result in results]
        paper = [f"{x:g}" for x in PAPER[name]] if name in PAPER else [""] * 3
        cells = [
            _spread([scale * row[key] for row in rows])
            for key, scale in (("mse", 1e3), ("gradient", 1e3), ("iou", 1))
        ]
        ms = statistics.median(r["ms"][name] for r in results) if name in PAPER else None
        table.add_row(name, *paper, *cells, f"{ms:.2f}" if ms else "")
    Console(width=130).print(table)
    for key in ("mse", "gradient"):
        for other in ("LDN", "LDN+GF"):
            ratios = [r["scores"]["LDN+FB"][key] / r["scores"][other][key] for r in results]
            print(f"{key}(LDN+FB) / {key}({other}): {_spread(ratios)}")
    print(f"time(LDN+FB) / time(LDN): {_spread([r['ms']['LDN+FB'] / r['ms']['LDN'] for r in results])}\n")


def _spread(values: list[float]) -> str:
    return f"{statistics.fmean(values):.3f} ({min(values):.3f}-{max(values):.3f})"


def draw(
    path: Path, images: np.ndarray, truths: np.ndarray, mattes: dict[str, np.ndarray], weights: Any, count: int
) -> None:
    """Write a sheet: photo, true matte, LDN, LDN+GF, LDN+FB, and a, b, c of the feathering block, a row a photo."""
    from matplotlib.figure import Figure

    headings = ("photo", "true matte", *VARIANTS, "a", "b", "c")
    figure = Figure(figsize=(1.6 * len(headings), 1.62 * count + 0.4), layout="constrained")
    for i, row in enumerate(figure.subplots(count, len(headings), squeeze=False)):
        planes = [images[i], truths[i], *(mattes[name][i] for name in VARIANTS), *coefficients(weights, images[i])]
        for axes, heading, plane in zip(row, headings, planes, strict=True):
            signed = heading in "abc"
            axes.imshow(plane, cmap="coolwarm" if signed else "gray", vmin=-1 if signed else 0, vmax=1)
            axes.set_axis_off()
            if i == 0:
                axes.set_title(heading, fontsize=9)
    figure.savefig(path, dpi=100)


def coefficients(weights: Any, image: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return a, b, c of eq. 2."""
    from classmat.nn.fast_deep_matting import feathering_coefficients, light_dense_network, mask_of

    mask = mask_of(light_dense_network(weights.params["ldn"], image))
    return feathering_coefficients(weights.params["fb"], weights.buffers["fb"], image, mask)[0]


def main(
    work: Annotated[Path, typer.Argument(help="Keeps painted portraits, mattes and trainings.")],
    real: Annotated[Path | None, typer.Option(help="Photos with masks to train with.")] = None,
    real_test: Annotated[Path | None, typer.Option(help="Photos with masks to test on.")] = None,
    seeds: Annotated[str, typer.Option(help="Seeds, with commas.")] = "0,1,2",
    portraits: Annotated[int, typer.Option(min=20, help="Painted portraits to train with.")] = 3000,
    steps: Annotated[str, typer.Option(help="Steps of the three stages.")] = "3000,600,1200",
    workers: Annotated[int, typer.Option(min=0, help="Processes that prepare photos.")] = 1,
    pictures: Annotated[Path | None, typer.Option(help="Folder for sheets of test photos.")] = None,
    only: Annotated[str | None, typer.Option(help="painted or real, instead of both.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures to this file.")] = None,
) -> None:
    """Train all variants and print the paper's Table 1 next to ours."""
    from classmat.nn.data import find_pairs, load_pairs, paint_portraits
    from classmat.nn.recipes.fast_deep_matting import Recipe
    from classmat.nn.recipes.judging import held_out_batch

    recipe = Recipe(steps=tuple(int(part) for part in steps.split(",")))
    sets: dict[str, tuple[Path, Path]] = {}
    if only != "real":
        paint_portraits(work / "painted", portraits, seed=0, size=160, workers=max(1, workers))
        paint_portraits(work / "painted_test", 100, seed=900_000_000, size=160, workers=max(1, workers))
        sets["painted"] = work / "painted", work / "painted_test"
    if real is not None and real_test is not None and only != "painted":
        sets["real"] = make_mattes(real, work / "real"), make_mattes(real_test, work / "real_test")
    figures = {}
    for name, (data, test) in sets.items():
        photos = held_out_batch(load_pairs(find_pairs(test), 160), recipe.size)
        masks = _masks(test, recipe.size)
        results = []
        for seed in (int(part) for part in seeds.split(",")):
            print(f"{name}, seed {seed}", flush=True)
            run, first, last = train_one(data, work / f"run_{name}_{seed}", replace(recipe, seed=seed), workers)
            result = judge_all(run, first, last, photos, masks)
            result["ms"] = time_variants(last, result["filter"], photos.image[0])
            if pictures is not None:
                pictures.mkdir(parents=True, exist_ok=True)
                draw(pictures / f"{name}_{seed}.png", photos.image, photos.alpha, result["mattes"], last, 8)
            results.append({key: value for key, value in result.items() if key != "mattes"})
        figures[name] = results
        show(name, results)
    if json_file:
        json_file.write_text(json.dumps(figures, indent=1) + "\n")


def _masks(folder: Path, size: int) -> np.ndarray | None:
    from classmat.nn.data import Pair, find_pairs, load_pairs
    from classmat.nn.recipes.judging import held_out_batch

    if not (folder / "mask").is_dir():
        return None
    pairs = [Pair(pair.image, folder / "mask" / pair.alpha.name) for pair in find_pairs(folder)]
    return held_out_batch(load_pairs(pairs, 160), size).alpha


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    typer.run(main)
