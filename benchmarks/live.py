"""How long a stroke of the review's brush takes on a photo of a megapixel, and how far its first answer is from the last.

    OPENBLAS_NUM_THREADS=1 NUMBA_NUM_THREADS=1 python benchmarks/live.py [--side 1000] [--strokes 12] [--json live.json]

Strokes begin in the unknown band of a gallery portrait and mark it as what it truly is, or give known pixels back. The
peer is the whole solve with the new trimap, warm-started, by `closed_form_matting`, after each stroke in the same run.
Times are CPU milliseconds of the process after one stroke to warm up: median and worst of the strokes.
"""

import argparse
import json
import time

import numpy as np

import classmat as cm
from classmat.annotate.live import LiveMatte

BRUSHES = {"small": (8, 60), "medium": (20, 150), "large": (60, 300)}  # radius, length in pixels


def make_stroke(rng, scene, radius, length):
    """Mask of a straight stroke that begins somewhere in the unknown band, and its box."""
    ys, xs = np.nonzero(scene.trimap == 128)
    start, angle = rng.integers(len(ys)), rng.uniform(0, 2 * np.pi)
    h, w = scene.trimap.shape
    py, px = np.mgrid[:h, :w].astype(np.float32)
    py, px = py - ys[start], px - xs[start]
    along = np.clip(py * np.sin(angle) + px * np.cos(angle), 0, length)
    mask = np.hypot(py - along * np.sin(angle), px - along * np.cos(angle)) <= radius
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return mask, (int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1)


def timed(act):
    begin = time.process_time()
    result = act()
    return 1e3 * (time.process_time() - begin), result


def measure(scene, start, brush, exact, n):
    rng = np.random.default_rng(1)
    rows = []
    for k in range(n + 1):
        mask, box = make_stroke(rng, scene, *BRUSHES[brush])
        live = LiveMatte(scene.image, scene.trimap, start, exact=exact)
        part = np.s_[box[0] : box[2], box[1] : box[3]]
        labels = live.trimap[part].copy()
        truth = np.where(scene.alpha[part] > 0.95, 255, np.where(scene.alpha[part] < 0.05, 0, 128))
        labels[mask[part]] = truth[mask[part]] if k % 2 else 128
        first, patch = timed(lambda live=live, box=box, labels=labels: live.paint(box, labels))
        early, settles, later = live.alpha.copy(), 0, 0.0
        while True:
            cost, more = timed(live.settle)
            if more is None:
                break
            settles, later = settles + 1, later + cost
        whole, _ = timed(lambda live=live: cm.closed_form_matting(live.image, live.trimap, x0=live.alpha))
        unknown = int((live.trimap[patch.box.slices] == 128).sum())
        rows.append((first, unknown, settles, later, abs(early - live.alpha).max(), whole))
    return np.array(rows[1:])  # the first one warms up


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=1000, help="of the photo, in pixels")
    parser.add_argument("--strokes", type=int, default=12)
    parser.add_argument("--json")
    options = parser.parse_args()
    scene = cm.gallery.portrait(options.side, options.side, seed=3)
    starts = {"closed form": cm.closed_form_matting(scene.image, scene.trimap)}
    starts["knn"] = cm.knn_matting(scene.image, scene.trimap)
    print(f"{options.side} x {options.side}, {np.mean(scene.trimap == 128):.1%} unknown; CPU ms")
    print(
        "| edited | brush | first answer: median | worst | unknown pixels | steps to settle | all steps "
        "| moved later, worst | whole solve |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    results = []
    for name, start in starts.items():
        for brush in BRUSHES:
            rows = measure(scene, start, brush, name == "closed form", options.strokes)
            first, unknown, settles, later, _, whole = np.median(rows, axis=0)
            worst, late = rows[:, 0].max(), rows[:, 4].max()
            print(
                f"| {name} | {brush} | {first:.0f} | {worst:.0f} | {unknown:.0f} | {settles:.0f} | {later:.0f} "
                f"| {late:.3f} | {whole:.0f} |",
                flush=True,
            )
            results.append({"edited": name, "brush": brush, "rows": rows.tolist()})
    if options.json:
        with open(options.json, "w") as file:
            json.dump(results, file)


if __name__ == "__main__":
    main()
