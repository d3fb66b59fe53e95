"""Cross-compiling a few kernels, and all of them; running them where QEMU is."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

from classmat.arm import build, objects
from classmat.arm import verify as verification
from classmat.arm.table import TABLE, chosen

FEW = ("composite", "softmax")
CAN_RUN = shutil.which(verification.QEMU) is not None and verification.find_linker("linux") is not None
needs_qemu = pytest.mark.skipif(
    not CAN_RUN,
    reason="needs qemu-aarch64 and aarch64-linux-gnu-gcc (apt-get install qemu-user gcc-aarch64-linux-gnu)",
)


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    folder = tmp_path_factory.mktemp("arm") / "made" / "here"
    return folder, build.build(folder, ["cortex-a55"], kernels=FEW)


def test_all_files_are_there(few):
    folder, built = few
    wanted = {"classmat.h", "bench.c", "build.json", "classmat_cortex-a55.o", "libclassmat_cortex-a55.a"}
    assert wanted <= {path.name for path in folder.iterdir()} == set(built.files)
    assert ("libclassmat_cortex-a55.so" in built.files) != bool(built.missing)
    assert json.loads((folder / "build.json").read_text()) == built.report


def test_the_object_needs_nothing_and_has_vectors(few):
    folder, built = few
    defined, needed = objects.symbols((folder / "classmat_cortex-a55.o").read_bytes())
    assert defined == {"classmat_composite", "classmat_softmax", "classmat_softmax_workspace"}
    assert needed == set()
    counts = built.report["cpus"]["cortex-a55"]["kernels"]
    assert set(counts) == set(FEW)
    assert all(0 < c["vector"] < c["instructions"] for c in counts.values())


def test_what_is_wrong_with_an_object_is_told(few):
    folder, _ = few
    code = (folder / "classmat_cortex-a55.o").read_bytes()
    plain = "classmat_composite:\n\tret\nclassmat_softmax:\n\tret\n"
    with pytest.raises(ValueError, match="classmat_softmax has no vector instruction in the object for x"):
        build.checked("x", code, plain, chosen(["softmax"]))
    with pytest.raises(ValueError, match="lacks classmat_box_filter, classmat_box_filter_workspace"):
        build.checked("x", code, plain, chosen(["box_filter"]))


@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
def test_a_symbol_from_outside_is_told(tmp_path):
    (tmp_path / "a.c").write_text("float expf(float);\nfloat f(float x) { return expf(x); }\n")
    subprocess.run(["cc", "-c", "a.c", "-o", "a.o"], cwd=tmp_path, check=True)
    with pytest.raises(ValueError, match=r"needs .*expf.* from outside"):
        build.checked("x", (tmp_path / "a.o").read_bytes(), "", ())


@pytest.mark.parametrize(
    ("cpus", "target", "words"),
    [(["z80"], "linux", "cpu is 'z80'"), (["kryo"], "plan9", "target is 'plan9'"), ([], "linux", "cpus is empty")],
)
def test_bad_arguments(tmp_path, cpus, target, words):
    with pytest.raises(ValueError, match=words):
        build.build(tmp_path / "x", cpus, target)
    assert not (tmp_path / "x").exists()


def test_without_a_linker_there_are_objects(tmp_path, monkeypatch):
    monkeypatch.setattr(build, "find_linker", lambda target: None)
    built = build.build(tmp_path, ["kryo"], kernels=["composite"])
    assert "libclassmat_kryo.a" in built.files
    assert "libclassmat_kryo.so" not in built.files
    assert "pip install ziglang" in built.missing


def test_without_qemu_the_command_says_how_to_install_it(monkeypatch):
    empty = {"PATH": "", "PYTHONPATH": ":".join(sys.path)}
    command = [sys.executable, "-m", "classmat.cli", "arm", "verify"]
    done = subprocess.run(command, capture_output=True, text=True, env=empty, check=False)
    assert done.returncode == 3
    assert "apt-get install qemu-user" in done.stderr


@needs_qemu
def test_few_kernels_under_qemu():
    outcomes = list(verification.verify(["cortex-a55"], kernels=FEW))
    assert {outcome.kernel for outcome in outcomes} == set(FEW)
    assert all(outcome.is_fine for outcome in outcomes), outcomes


@needs_qemu
def test_a_wrong_result_is_noticed(monkeypatch):
    monkeypatch.setattr(verification, "call", lambda *_: {"out": np.full(2 * 130, 0.5, np.float32)})
    case = next(c for c in verification.cases({}, ["softmax"]) if c.numbers["pixels"] == 130)
    assert not verification.compare("program", "kryo", case).is_fine


@needs_qemu
@pytest.mark.slow
def test_every_kernel_under_qemu():
    from skimage import data

    photo = data.astronaut()[:256:2, 96:352:2].astype(np.float32) / 255
    outcomes = list(verification.verify(["cortex-a76"], {"astronaut": photo}))
    assert {outcome.kernel for outcome in outcomes} == {kernel.name for kernel in TABLE}
    assert [outcome for outcome in outcomes if not outcome.is_fine] == []
