"""How many cycles blocks of instructions take, by LLVM's models of cores (``llvm-mca``)."""

import json
import re
import shutil
from collections.abc import Sequence
from functools import cache

from .link import run

VERSIONS = range(24, 15, -1)
HOW_TO_INSTALL = "llvm-mca is not installed (Debian: apt-get install llvm-19)"
ITERATIONS = 100

_WRITE_BACK = re.compile(r"^(.*\[(?P<base>\w+)\]), #(?P<step>-?(?:0x)?\w+)$")  # [x8], #16
_WRITE_AHEAD = re.compile(r"^(.*\[(?P<base>\w+), #(?P<step>-?(?:0x)?\w+)\])!$")  # [x8, #16]!


def find_tool(name: str) -> str | None:
    """Return the newest installed version of one of LLVM's tools, or None."""
    return next(filter(None, (shutil.which(f"{name}-{version}") for version in VERSIONS)), shutil.which(name))


@cache
def tool_version() -> str:
    """Return what ``llvm-mca`` says about its version."""
    tool = find_tool("llvm-mca")
    text = run([tool, "--version"]).stdout.decode() if tool else ""
    found = re.search(r"LLVM version (\S+)", text)
    return found.group(1) if found else "none"


def disassemble(instructions: Sequence[str], triple: str) -> list[str]:
    """Return the assembly of instructions given by their bytes in hexadecimal."""
    tool = find_tool("llvm-mc")
    assert tool is not None
    lines = [" ".join(f"0x{code[k : k + 2]}" for k in range(0, len(code), 2)) for code in instructions]
    options = ["--disassemble", f"-triple={triple}", *(["-mattr=+all"] if triple.startswith("aarch64") else [])]
    text = run([tool, *options], input="\n".join(lines).encode()).stdout.decode()
    return [
        line.strip().replace("\t", " ") for line in text.splitlines() if line.startswith("\t") and line[1] != "."
    ]


def without_write_back(line: str) -> list[str]:
    """Return an access to memory that moves its own pointer as two instructions.

    The model would make the next access wait for the memory, not for the pointer.

    Examples
    --------
    >>> without_write_back("str q0, [x8], #16")
    ['str q0, [x8]', 'add x8, x8, #16']
    >>> without_write_back("ldr q0, [x8, #16]!")
    ['add x8, x8, #16', 'ldr q0, [x8]']
    """
    if match := _WRITE_BACK.match(line):
        return [match.group(1), _moved(match)]
    if match := _WRITE_AHEAD.match(line):
        return [_moved(match), f"{line[: line.index('[')]}[{match['base']}]"]
    return [line]


def _moved(match: "re.Match[str]") -> str:
    step = int(match["step"], 0)
    return f"{'sub' if step < 0 else 'add'} {match['base']}, {match['base']}, #{abs(step)}"


def costs(blocks: Sequence[Sequence[str]], triple: str, model: str) -> list[float]:
    """Return the cycles of one run of each block, when it is run again and again."""
    tool = find_tool("llvm-mca")
    assert tool is not None
    text = []
    for k, block in enumerate(blocks):
        text += [f"# LLVM-MCA-BEGIN {k}", *(part for line in block for part in without_write_back(line))]
        text += [f"# LLVM-MCA-END {k}"]
    command = [tool, f"-mtriple={triple}", f"-mcpu={model}", f"-iterations={ITERATIONS}", "-json"]
    command += ["-mattr=+all"] if triple.startswith("aarch64") else []
    regions = json.loads(run(command, input="\n".join(text).encode() + b"\n").stdout)["CodeRegions"]
    found = {int(region["Name"]): region["SummaryView"]["TotalCycles"] / ITERATIONS for region in regions}
    return [found[k] for k in range(len(blocks))]


def host_model() -> str:
    """Return the name of ``llvm-mca``'s model of this machine's core, or an empty text."""
    tool = find_tool("llvm-mca")
    text = run([tool, "--version"]).stdout.decode() if tool else ""
    found = re.search(r"Host CPU: (\S+)", text)
    return found.group(1) if found and found.group(1) != "generic" else ""
