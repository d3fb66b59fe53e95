"""The C program that times the kernels on a device, or runs one of them on given numbers: generated from the table."""

from collections.abc import Sequence
from importlib import resources

from .table import TABLE, Kernel


def bench_source(kernels: Sequence[Kernel] = TABLE) -> str:
    """Return the text of ``bench.c``.

    >>> "run_box_filter" in bench_source()
    True
    """
    main = (resources.files(__package__) / "bench_main.c").read_text()
    glue = "".join(_glue(kernel) for kernel in kernels)
    rows = ",\n".join(f"    {_row(kernel)}" for kernel in kernels)
    table = f"static const struct kernel KERNELS[] = {{\n{rows}\n}};\n"
    return main.replace("/* KERNELS */\n", glue + table)


def _glue(kernel: Kernel) -> str:
    counts = [a.name for a in kernel.arguments if a.kind == "count"]
    arrays = [a for a in kernel.arguments if a.is_array]
    reals = [a.name for a in kernel.arguments if a.kind == "real"]
    place = {name: f"n[{k}]" for k, name in enumerate(counts)}
    place |= {name: f"r[{k}]" for k, name in enumerate(reals)}
    place |= {a.name: f"a[{k}]" for k, a in enumerate(arrays)}
    passed = [place[a.name] for a in kernel.arguments] + (["space"] if kernel.has_workspace else [])
    named = "".join(f" const size_t {name} = n[{k}]; (void){name};" for k, name in enumerate(counts))
    sizes = "".join(f" s[{k}] = {a.size};" for k, a in enumerate(arrays))
    bytes_ = f"{kernel.size_symbol}({', '.join(place[name] for name in kernel.size_numbers)})"
    return (
        f"static void run_{kernel.name}(const size_t *n, const float *r, float **a, void *space)\n"
        f"{{ (void)r; (void)space; {kernel.symbol}({', '.join(passed)}); }}\n"
        f"static void sizes_{kernel.name}(const size_t *n, size_t *s)\n{{{named}{sizes} }}\n"
        f"static size_t space_{kernel.name}(const size_t *n)\n"
        f"{{ (void)n; return {bytes_ if kernel.has_workspace else '0'}; }}\n\n"
    )


def _row(kernel: Kernel) -> str:
    counts = [str(kernel.example[a.name]) for a in kernel.arguments if a.kind == "count"]
    reals = [repr(float(kernel.example[a.name])) for a in kernel.arguments if a.kind == "real"]
    kinds = "".join(a.kind[0] for a in kernel.arguments if a.is_array)
    functions = f"run_{kernel.name}, sizes_{kernel.name}, space_{kernel.name}"
    numbers = f"{len(counts)}, {{{', '.join(counts)}}}, {len(reals)}, {{{', '.join(reals) or '0'}}}"
    return f'{{"{kernel.name}", "{kinds}", {functions}, {numbers}}}'
