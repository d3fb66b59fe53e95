"""The table of kernels, the header and the bench program that are made of it."""

import re
import shutil
import subprocess

import numpy as np
import pytest

from classmat.arm import bench, header
from classmat.arm.cases import cases
from classmat.arm.table import BY_NAME, TABLE, chosen, evaluate, parameters

KERNELS = pytest.mark.parametrize("kernel", TABLE, ids=lambda k: k.name)


def test_the_kernels_that_phones_need_are_there():
    wanted = {"box_filter", "guided_filter", "guided_filter_rgb", "fast_guided_filter", "fast_guided_filter_rgb"}
    wanted |= {"resize", "softmax", "convolution", "max_pool", "feathering", "composite", "fast_deep_matting"}
    assert {kernel.name for kernel in TABLE} == wanted


@KERNELS
def test_a_row_fits_its_function(kernel):
    space = {"doubles"} if kernel.doubles else set()
    space |= {"singles", "space"} & set(parameters(kernel.function)) if kernel.singles else set()
    assert {a.name for a in kernel.arguments} | space == set(parameters(kernel.function))
    for size in filter(None, (kernel.doubles, kernel.singles)):
        assert set(parameters(size)) <= {a.name for a in kernel.arguments if a.kind == "count"}


@KERNELS
def test_sizes_are_numbers(kernel):
    numbers = {a.name: int(kernel.example[a.name]) for a in kernel.arguments if a.kind == "count"}
    assert set(kernel.example) == {a.name for a in kernel.arguments if not a.is_array}
    assert all(evaluate(a.size, numbers) > 0 for a in kernel.arguments if a.is_array)


def test_weights_have_the_size_that_the_header_tells():
    from classmat.arm.cases import packed_weights

    network, block, _ = packed_weights()
    sizes = {a.name: a.size for a in BY_NAME["fast_deep_matting"].arguments}
    assert (str(network.size), str(block.size)) == (sizes["network"], sizes["block"])


@KERNELS
def test_every_kernel_has_cases_of_the_right_sizes(kernel):
    own = list(cases({"photo": np.zeros((20, 30, 3), np.float32)}, [kernel.name]))
    assert own
    for case in own:
        counts = {a.name: int(case.numbers[a.name]) for a in kernel.arguments if a.kind == "count"}
        for argument in kernel.arguments:
            if argument.kind == "in":
                assert case.inputs[argument.name].size == evaluate(argument.size, counts)


@KERNELS
def test_the_header_declares_every_function(kernel):
    text = header.header()
    assert re.search(rf"^void {kernel.symbol}\(", text, re.MULTILINE)
    assert (f"size_t {kernel.size_symbol}(" in text) == kernel.has_workspace
    for argument in kernel.arguments:
        assert re.search(rf"\b{argument.name}\b", header.prototype(kernel))


@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
@pytest.mark.parametrize(("language", "standard"), [("c", "c99"), ("c++", "c++17")])
def test_the_header_compiles(tmp_path, language, standard):
    (tmp_path / "classmat.h").write_text(header.header())
    source = tmp_path / ("a.c" if language == "c" else "a.cc")
    source.write_text('#include "classmat.h"\nint main(void) { return 0; }\n')
    options = ["-Wall", "-Wextra", "-Werror", "-pedantic", f"-std={standard}", "-fsyntax-only"]
    done = subprocess.run(
        ["cc", *options, "-x", language, str(source)], capture_output=True, text=True, check=False
    )
    if language == "c++" and "cc1plus" in done.stderr:
        pytest.skip("the compiler has no C++")
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
def test_the_bench_compiles_without_a_warning(tmp_path):
    (tmp_path / "classmat.h").write_text(header.header())
    (tmp_path / "bench.c").write_text(bench.bench_source())
    options = ["-Wall", "-Wextra", "-Werror", "-std=gnu99", "-fsyntax-only"]
    done = subprocess.run(["cc", *options, str(tmp_path / "bench.c")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_some_kernels_alone():
    assert [kernel.name for kernel in chosen(["softmax", "resize"])] == ["resize", "softmax"]
    assert "guided" not in header.header(chosen(["softmax"]))
    with pytest.raises(ValueError, match="kernel is 'blur'; accepted are"):
        chosen(["blur"])
