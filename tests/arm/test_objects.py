"""Reading objects and assembly, archives, and what is fed to the model."""

import shutil
import subprocess

import pytest

from classmat.arm import mca, objects

ASSEMBLY = """
kernel:
\tldr\tq0, [x0]
\tfmla\tv0.4s, v1.4s, v2.4s
\tbl\thelper
\tret
helper:
.LBB1_1:
\tadd\tx0, x0, #1
\tb\thelper
other:
\tfadd\td0, d0, d1
\tret
"""


def test_instructions_of_called_functions_count_once():
    counts = objects.count_instructions(ASSEMBLY)
    assert counts["kernel"] == objects.Counts(instructions=6, vector=2)
    assert counts["other"] == objects.Counts(instructions=2, vector=0)


def test_what_is_no_object_is_refused():
    with pytest.raises(ValueError, match="no 64-bit ELF"):
        objects.symbols(b"MZ" + bytes(100))


@pytest.fixture
def native(tmp_path):
    if not (shutil.which("cc") and shutil.which("ar")):
        pytest.skip("needs a C compiler and ar")
    source = (
        "int puts(const char *);\nstatic int own(void) { return 1; }\nint f(void) { return own() + puts(0); }\n"
    )
    (tmp_path / "a.c").write_text(source + "int second(void) { return 2; }\n")
    done = subprocess.run(["cc", "-c", "a.c", "-o", "a.o"], cwd=tmp_path, check=True, capture_output=True)
    assert not done.stderr
    code = (tmp_path / "a.o").read_bytes()
    if code[:5] != b"\x7fELF\x02":
        pytest.skip("this system's objects are not ELF")
    return tmp_path, code


def test_symbols_of_an_object(native):
    _, code = native
    defined, needed = objects.symbols(code)
    assert defined == {"f", "second"}
    assert "puts" in needed
    assert set(objects.addresses(code)) == defined
    assert 0 < objects.text_size(code) < 400


def test_an_archive_that_other_tools_read(native):
    folder, code = native
    (folder / "liba.a").write_bytes(objects.archive("a_long_name_of_an_object.o", code))
    listed = subprocess.run(["ar", "t", "liba.a"], cwd=folder, check=True, capture_output=True, text=True)
    assert listed.stdout.split() == ["a_long_name_of_an_object.o"]
    (folder / "main.c").write_text(
        "int f(void), second(void);\nint main(void) { return second() == 2 ? 0 : f(); }\n"
    )
    subprocess.run(["cc", "main.c", "-L.", "-la", "-o", "main"], cwd=folder, check=True)
    assert subprocess.run([str(folder / "main")], check=False).returncode == 0


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        ("ldp q0, q1, [x8], #32", ["ldp q0, q1, [x8]", "add x8, x8, #32"]),
        ("str s0, [x9, #-4]!", ["sub x9, x9, #4", "str s0, [x9]"]),
        ("ldr q0, [x8, #16]", ["ldr q0, [x8, #16]"]),
        ("add x8, x8, #16", ["add x8, x8, #16"]),
    ],
)
def test_pointers_that_move_are_taken_apart(line, parts):
    assert mca.without_write_back(line) == parts


@pytest.mark.skipif(
    not (mca.find_tool("llvm-mca") and mca.find_tool("llvm-mc")), reason="needs llvm-mca and llvm-mc"
)
def test_the_model_knows_a_chain():
    triple = "aarch64-unknown-linux-gnu"
    lines = mca.disassemble(["0004204e", "00d4214e", "c0035fd6"], triple)
    assert len(lines) == 3
    assert lines[2] == "ret"
    chain, apart = (
        ["fadd s0, s0, s1"] * 4,
        ["fadd s0, s8, s9", "fadd s1, s8, s9", "fadd s2, s8, s9", "fadd s3, s8, s9"],
    )
    slow, fast = mca.costs([chain, apart], triple, "cortex-a55")
    assert slow == pytest.approx(16, abs=1)  # four additions of latency 4
    assert fast < slow / 2
