"""The C example: cross-compiled with CMake's lists left aside, run under QEMU on a small picture."""

import subprocess
from pathlib import Path

import numpy as np
import pytest

from classmat.arm import build
from classmat.arm.cases import packed_weights
from classmat.arm.verify import QEMU, MissingToolError, find_linker, require_tools
from classmat.arm.weights import weights_header

EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "arm" / "cutout.c"
KERNELS = ("resize", "fast_deep_matting", "fast_guided_filter_rgb", "composite")


def test_the_example_is_short():
    assert len(EXAMPLE.read_text().splitlines()) < 100


@pytest.mark.slow
def test_the_example_cuts_out(tmp_path):
    try:
        require_tools()
    except MissingToolError as error:
        pytest.skip(str(error))
    build.build(tmp_path, ["kryo"], kernels=KERNELS)
    network, block, _ = packed_weights()
    (tmp_path / "classmat_weights.h").write_text(weights_header(network, block, 0))
    program = tmp_path / "cutout"
    options = ["-std=gnu99", "-Wall", "-Wextra", "-Werror", f"-I{tmp_path}"]
    sources = [str(EXAMPLE), str(tmp_path / "classmat_kryo.o")]
    subprocess.run([*find_linker("linux").program, *options, *sources, "-o", str(program)], check=True)
    photo = np.random.default_rng(0).integers(0, 256, (30, 50, 3), np.uint8)
    (tmp_path / "photo.ppm").write_bytes(b"P6\n50 30\n255\n" + photo.tobytes())
    subprocess.run([QEMU, str(program), "photo.ppm", "out.ppm"], cwd=tmp_path, check=True)
    head, pixels = (tmp_path / "out.ppm").read_bytes()[:13], (tmp_path / "out.ppm").read_bytes()[13:]
    assert head == b"P6\n50 30\n255\n"
    result = np.frombuffer(pixels, np.uint8).reshape(30, 50, 3)
    colour = np.array([0.2, 0.7, 0.4]) * 255  # each pixel lies between the photo's and the colour
    low, high = np.minimum(photo, colour), np.maximum(photo, colour)
    assert ((result >= low - 1) & (result <= high + 1)).all()
    (tmp_path / "photo.ppm").write_bytes(b"P6\n50 30\n255\n")
    done = subprocess.run(
        [QEMU, str(program), "photo.ppm", "b.ppm"], cwd=tmp_path, capture_output=True, check=False
    )
    assert done.returncode == 2
    assert b"photo.ppm is cut short" in done.stderr
