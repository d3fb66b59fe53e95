"""Print how much memory one call of one method adds: run by quality.py, in a process of its own (Linux).

python _quality_worker.py LIBRARY METHOD ARRAYS.npz
"""

import sys
from pathlib import Path

import numpy as np

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parent.parent)]

import quality  # noqa: E402


def resident(key: str) -> int:
    return 1024 * int(Path("/proc/self/status").read_text().split(f"{key}:")[1].split()[0])


def main(library: str, method: str, path: str) -> None:
    run = quality.find_runners([method], with_peer=library == quality.THEIRS)[method][library]
    with np.load(path) as arrays:
        image, trimap = arrays["image"], arrays["trimap"]
    quality.warm_up({method: {library: run}})
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    before = resident("VmRSS")
    run(image, trimap)
    print((resident("VmHWM") - before) / 2**20)


if __name__ == "__main__":
    main(*sys.argv[1:])
