"""What is in an object file and its assembly: symbols, and how many instructions are vectors'."""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

_VECTOR = re.compile(r"\bv\d+\.\d*[bhsdq]|\bq\d+\b")  # a register as a vector, or all of its 128 bits
_LABEL = re.compile(r'^"?([A-Za-z_][^\s":]*)"?:')
_CALL = re.compile(r"^\s+(?:bl|b)\s+\"?([A-Za-z_][^\s\"]*)")


@dataclass
class Counts:
    """Instructions of a function and of what it calls."""

    instructions: int
    vector: int


def symbols(code: bytes) -> tuple[set[str], set[str]]:
    """Return the global symbols that a 64-bit ELF object defines, and those that it needs.

    Raises
    ------
    ValueError
        If it is no such object.
    """
    named = [(name, place) for name, binding, place, _ in _symbols(code) if binding]
    return {name for name, place in named if place}, {name for name, place in named if not place}


def addresses(code: bytes) -> dict[str, int]:
    """Return where a 64-bit ELF file's global symbols are: in an object, within their sections."""
    return {name: address for name, binding, place, address in _symbols(code) if binding and place}


def text_size(code: bytes) -> int:
    """Return the size of an object's code."""
    return sum(section[5] for section in _sections(code) if section[1] == 1 and section[2] & 4)  # executable


def _sections(code: bytes) -> list[tuple[int, ...]]:
    if code[:5] != b"\x7fELF\x02":
        raise ValueError("the object is no 64-bit ELF file.")
    (start,) = struct.unpack_from("<Q", code, 0x28)
    size, count = struct.unpack_from("<HH", code, 0x3A)
    return [struct.unpack_from("<IIQQQQIIQQ", code, start + k * size) for k in range(count)]


def _symbols(code: bytes) -> Iterator[tuple[str, int, int, int]]:
    """Yield name, binding (0 is local), section (0 is none) and value of each symbol."""
    sections = _sections(code)
    for section in sections:
        if section[1] != 2:  # SHT_SYMTAB
            continue
        names = sections[section[6]][4]
        for at in range(section[4], section[4] + section[5], 24):
            name, info, _, place, value = struct.unpack_from("<IBBHQ", code, at)
            if name:
                yield code[names + name : code.index(b"\0", names + name)].decode(), info >> 4, place, value


def count_instructions(assembly: str) -> dict[str, Counts]:
    r"""Return for each function in AArch64 assembly what it and the functions that it calls consist of.

    Examples
    --------
    >>> count_instructions("f:\n\tfadd\tv0.4s, v0.4s, v1.4s\n\tbl\tg\n\tret\ng:\n\tret\n")["f"]
    Counts(instructions=4, vector=1)
    """
    own, calls = _functions(assembly)
    return {name: _total(name, own, calls) for name in own}


def _functions(assembly: str) -> tuple[dict[str, Counts], dict[str, set[str]]]:
    own: dict[str, Counts] = {}
    calls: dict[str, set[str]] = {}
    name = ""
    for line in assembly.splitlines():
        if label := _LABEL.match(line):
            name = label.group(1)
            own.setdefault(name, Counts(0, 0))
            calls.setdefault(name, set())
        elif name and line.startswith("\t") and line[1:2].isalpha():
            own[name].instructions += 1
            own[name].vector += bool(_VECTOR.search(line))
            if call := _CALL.match(line):
                calls[name].add(call.group(1))
    return own, calls


def _total(name: str, own: dict[str, Counts], calls: dict[str, set[str]]) -> Counts:
    seen: set[str] = set()
    ahead = [name]
    while ahead:
        here = ahead.pop()
        if here in own and here not in seen:
            seen.add(here)
            ahead += calls[here]
    return Counts(sum(own[f].instructions for f in seen), sum(own[f].vector for f in seen))


def archive(name: str, code: bytes) -> bytes:
    """Return a static library of one object, with the index that linkers want."""
    defined = sorted(symbols(code)[0])
    names = b"".join(symbol.encode() + b"\0" for symbol in defined)
    size = 4 + 4 * len(defined) + len(names)
    long_name = f"{name}/\n".encode()
    at = 8 + 60 + size + size % 2 + 60 + len(long_name) + len(long_name) % 2
    index = struct.pack(f">I{len(defined)}I", len(defined), *[at] * len(defined)) + names
    return b"!<arch>\n" + _member("/", index) + _member("//", long_name) + _member("/0", code)


def _member(name: str, data: bytes) -> bytes:
    head = f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644' if name == '/0' else '0':<8}{len(data):<10}`\n"
    return head.encode() + data + b"\n" * (len(data) % 2)
