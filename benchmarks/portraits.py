"""How well `classmat portrait` finds people in photos with hard masks, step by step.

    python benchmarks/portraits.py FOLDER [--count 20] [--weights FILE] [--mean-of TRAINING] [--sheet sheet.png]

Photos are pairs `<name>_image.jpg`, `<name>_alpha.png`, such as those of Shen et al. 2016. Prints the mean intersection
over union with the masks of: the mean mask (of the photos in TRAINING, at 0.5: what is known without looking), the net
alone, the net corrected by the photo, that lifted to full size (`portrait_matte`), and refined (`--refine`).
"""

import json
import statistics
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

SHEET_HEIGHT = 200


def iou(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.count_nonzero(a & b) / max(1, np.count_nonzero(a | b)))


def mean_mask(folder: Path, size: int, limit: int = 300) -> np.ndarray:
    """Return the mean of masks, squeezed into a square."""
    import classmat as cm
    from classmat.nn.data import squeezed

    total: Any = 0.0
    paths = sorted(folder.glob("*_alpha.png"))[:limit]
    for path in paths:
        total = total + squeezed(np.dstack([cm.read_matte(path)] * 3), size)[..., 0]
    return total / len(paths)


def look_at(
    path: Path, weights: Any, mean: np.ndarray | None
) -> tuple[dict[str, float], dict[str, float], list[Any]]:
    """Return scores and seconds of every step on a photo, and what a sheet shows of it."""
    import classmat as cm
    from classmat.filters.resize import resize
    from classmat.nn.data import squeezed
    from classmat.nn.portrait import net_matte, settled

    image = cm.read_image(path)
    truth = cm.read_matte(path.with_name(path.name.split("_image")[0] + "_alpha.png")) > 0.5
    small = squeezed(image, weights.manifest["recipe"]["size"])
    own = net_matte(small, weights)
    scores = {} if mean is None else {"mean mask": iou(_enlarged(mean, truth), truth)}
    scores |= {
        "net": iou(_enlarged(own, truth), truth),
        "corrected": iou(_enlarged(settled(small, own), truth), truth),
    }
    mattes, seconds = {}, {}
    for name, refine in (("portrait", False), ("refined", True)):
        start = time.perf_counter()
        mattes[name] = cm.portrait_matte(image, weights=weights, refine=refine)
        seconds[name] = time.perf_counter() - start
        scores[name] = iou(mattes[name] > 0.5, truth)
    net = resize(own, *truth.shape)
    shown = [image, truth, net, mattes["portrait"], mattes["refined"], mattes["refined"][..., None] * image]
    return scores, seconds, shown


def _enlarged(matte: np.ndarray, truth: np.ndarray) -> np.ndarray:
    from classmat.filters.resize import resize

    return resize(matte, *truth.shape) > 0.5


def write_sheet(path: Path, rows: list[tuple[dict[str, float], list[Any]]]) -> None:
    """Write photo, mask, net, portrait, refined, cut-out, and the scores: a row a photo, the worst first."""
    from matplotlib.figure import Figure

    headings = ("photo", "mask", "net", "portrait", "refined", "cut out")
    rows = sorted(rows, key=lambda row: row[0]["portrait"])
    figure = Figure(figsize=(9, 2.05 * len(rows)), layout="constrained")
    for (scores, shown), line in zip(rows, figure.subplots(len(rows), len(headings), squeeze=False), strict=True):
        for heading, picture, axes in zip(headings, shown, line, strict=True):
            step = max(1, picture.shape[0] // SHEET_HEIGHT)
            axes.imshow(picture[::step, ::step], cmap="gray", vmin=0, vmax=1)
            axes.set_axis_off()
            axes.set_title(f"{heading} {scores[heading]:.3f}" if heading in scores else heading, fontsize=8)
    figure.savefig(path, dpi=70)


def main(
    folder: Annotated[Path, typer.Argument(help="Photos with masks.")],
    count: Annotated[int, typer.Option(min=1, help="How many of them, in order of their names.")] = 20,
    weights: Annotated[Path | None, typer.Option(help="Instead of those of the package.")] = None,
    mean_of: Annotated[
        Path | None, typer.Option(help="Photos with masks, whose mean mask is the baseline.")
    ] = None,
    sheet: Annotated[Path | None, typer.Option(help="Write a contact sheet.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures to this file.")] = None,
) -> None:
    """Measure the steps of `classmat portrait` on photos."""
    from classmat.nn.weights import FAST_DEEP_MATTING, load_weights, shipped_weights

    net = shipped_weights() if weights is None else load_weights(weights, architecture=FAST_DEEP_MATTING)
    mean = mean_mask(mean_of, net.manifest["recipe"]["size"]) if mean_of is not None else None
    paths = sorted(folder.glob("*_image.*"))[:count]
    looked = [look_at(path, net, mean) for path in paths]
    table = Table(title=f"{len(looked)} photos: intersection over union with the masks")
    for heading in ("step", "mean", "median", "worst", "s (median)"):
        table.add_column(heading, justify="left" if heading == "step" else "right")
    summary = {}
    for name in looked[0][0]:
        values = [scores[name] for scores, _, _ in looked]
        seconds = [spent[name] for _, spent, _ in looked if name in spent]
        summary[name] = {
            "mean": statistics.fmean(values),
            "median": statistics.median(values),
            "worst": min(values),
        }
        told = [f"{value:.4f}" for value in summary[name].values()]
        table.add_row(name, *told, f"{statistics.median(seconds):.2f}" if seconds else "")
    Console(width=100).print(table)
    if sheet is not None:
        write_sheet(sheet, [(scores, shown) for scores, _, shown in looked])
    if json_file is not None:
        json_file.write_text(json.dumps(summary, indent=1) + "\n")


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    typer.run(main)
