"""The C header, generated from the table of kernels."""

import textwrap
from collections.abc import Sequence

from .table import TABLE, Argument, Kernel

_TOP = """\
/* classmat.h: kernels of alpha matting for AArch64 Linux and Android, generated from classmat's table of kernels.
 *
 * All arrays are dense float32, rows first, channels last, and must not overlap. A function allocates nothing, starts no
 * thread, calls nothing from outside, keeps no state: any number of threads may call it, each with its own
 * workspace. The workspace is as many bytes as the function of its size returns, aligned to 64 bytes for full speed
 * (8 at least), of any contents. Nothing is checked: sizes are at least 1, values finite.
 */
#ifndef CLASSMAT_H
#define CLASSMAT_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#define CLASSMAT_RESTRICT
#else
#define CLASSMAT_RESTRICT restrict
#endif
"""
_BOTTOM = """
#ifdef __cplusplus
}
#endif

#endif
"""
_WIDTH = 110


def header(kernels: Sequence[Kernel] = TABLE) -> str:
    """Return the text of ``classmat.h``.

    >>> "classmat_box_filter(" in header()
    True
    """
    return _TOP + "".join(_function(kernel) for kernel in kernels) + _BOTTOM


def prototype(kernel: Kernel) -> str:
    """Return a function's declaration, without the semicolon."""
    words = [_declared(argument) for argument in kernel.arguments]
    words += ["void *CLASSMAT_RESTRICT workspace"] if kernel.has_workspace else []
    return _wrapped(f"void {kernel.symbol}(", words)


def size_prototype(kernel: Kernel) -> str:
    """Return the declaration of the function that returns the workspace's size."""
    return _wrapped(
        f"size_t {kernel.size_symbol}(", [f"size_t {name}" for name in kernel.size_numbers] or ["void"]
    )


def _function(kernel: Kernel) -> str:
    lines = textwrap.wrap(kernel.text, _WIDTH)
    for argument in kernel.arguments:
        if argument.is_array:
            told = f"{argument.name}: {argument.size} numbers{', ' if argument.text else ''}{argument.text}"
        elif argument.text:
            told = f"{argument.name}: {argument.text}"
        else:
            continue
        lines += textwrap.wrap(told, _WIDTH, initial_indent="  ", subsequent_indent="    ")
    comment = "\n * ".join(lines)
    sizes = f"{size_prototype(kernel)};\n" if kernel.has_workspace else ""
    return f"\n/* {comment}\n */\n{sizes}{prototype(kernel)};\n"


def _declared(argument: Argument) -> str:
    kinds = {"in": "const float *CLASSMAT_RESTRICT ", "out": "float *CLASSMAT_RESTRICT ", "count": "size_t "}
    return f"{kinds.get(argument.kind, 'float ')}{argument.name}"


def _wrapped(start: str, words: list[str]) -> str:
    return textwrap.fill(start + ", ".join(words) + ")", _WIDTH, subsequent_indent="    ", break_long_words=False)
