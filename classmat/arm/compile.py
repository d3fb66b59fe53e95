"""From the table's kernels to object code for another machine, in a process of its own.

Numba reads its options when it is imported, and must not vectorise for the machine that it runs on: `classmat.arm.build`
runs this module with Numba's optimiser off (``ENVIRONMENT``). Each kernel is compiled as a C callback; its LLVM
module then gets the other machine's triple and data layout, and LLVM optimises it for that machine's vectors.

``python -m classmat.arm.compile FOLDER TRIPLE CPU,CPU.. [KERNEL,KERNEL..]`` writes ``FOLDER/CPU.o`` and
``FOLDER/CPU.s`` for each.
"""

import json
import re
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import llvmlite
import llvmlite.binding as llvm
import numba
import numpy as np
from numba import carray, cfunc, types

from .table import Kernel, chosen, parameters

ENVIRONMENT = {
    "NUMBA_OPT": "0",
    "NUMBA_LOOP_VECTORIZE": "0",
    "NUMBA_SLP_VECTORIZE": "0",
    "NUMBA_CPU_NAME": "generic",
    "NUMBA_CPU_FEATURES": "",
    "NUMBA_DISABLE_INTEL_SVML": "1",
}
HOST = "host"  # in place of a cpu and a triple: the machine that this runs on

_COUNTS = re.compile(r"^.*call void @NRT_(incref|decref)\(.*\n", re.MULTILINE)  # of arrays that nobody owns
_DEFINITION = re.compile(r"^(define .*?)((?: comdat)?(?: personality .*)? \{)$", re.MULTILINE)
_PRODUCT = re.compile(r"= (fadd|fsub|fmul) (double|float|<)")
_FAILED = re.compile(r"br i1 \S+, label %entry\.if, label (%entry\.endif)[^\n]*")  # to where Python would be told
_RAISED = "picklebuf"  # names the exceptions that a module can raise
_TYPES = {"in": "pointer", "out": "pointer", "count": types.uint64, "real": types.float32}


def wrapper(kernel: Kernel) -> Callable[..., None]:
    """Return a function of pointers and numbers that calls a kernel: what C sees of it."""
    names = [a.name for a in kernel.arguments] + (["workspace"] if kernel.has_workspace else [])
    lines = [
        f"    {a.name} = carray({a.name}, {a.size.replace('/', '//')})" for a in kernel.arguments if a.is_array
    ]
    if kernel.doubles:
        lines.append(f"    doubles = carray(workspace, {_call('n_doubles', kernel.doubles)}, float64)")
    if kernel.singles:
        size, before = _call("n_singles", kernel.singles), "2 * doubles.size" if kernel.doubles else "0"
        lines.append(f"    singles = space = carray(workspace, {before} + {size}, float32)[{before}:]")
    lines.append(f"    the_kernel({', '.join(parameters(kernel.function))})")
    return _function(kernel, f"def run({', '.join(names)}):\n" + "\n".join(lines), "run")


def size_wrapper(kernel: Kernel) -> Callable[..., int]:
    """Return a function of numbers that returns the size of a kernel's workspace in bytes."""
    sizes = ((8, "n_doubles", kernel.doubles), (4, "n_singles", kernel.singles))
    terms = " + ".join(f"{width} * {_call(name, size)}" for width, name, size in sizes if size)
    return _function(kernel, f"def size({', '.join(kernel.size_numbers)}):\n    return {terms}", "size")


def _call(name: str, size: Callable[..., Any]) -> str:
    return f"{name}({', '.join(parameters(size))})"


def _function(kernel: Kernel, source: str, name: str) -> Callable[..., Any]:
    scope = {
        "the_kernel": kernel.function,
        "n_doubles": kernel.doubles,
        "n_singles": kernel.singles,
        "carray": carray,
        "float64": np.float64,
        "float32": np.float32,
    }
    exec(source, scope)  # the source is made of the table's words
    return scope[name]  # type: ignore[return-value]


def signatures(kernel: Kernel) -> tuple[Any, Any]:
    """Return the Numba signatures of a kernel, and of the function of its workspace's size."""
    kinds = [types.CPointer(types.float32) if a.is_array else _TYPES[a.kind] for a in kernel.arguments]
    space = [types.voidptr] if kernel.has_workspace else []
    return types.void(*kinds, *space), types.uint64(*(types.uint64 for _ in kernel.size_numbers))


def module_of(kernel: Kernel) -> tuple[str, set[str]]:
    """Return the LLVM assembly of a kernel's C functions, not optimised, and their names."""
    run, size = signatures(kernel)
    texts = [_assembly(wrapper(kernel), run, kernel.symbol)]
    if kernel.has_workspace:
        texts.append(_assembly(size_wrapper(kernel), size, kernel.size_symbol))
    module = llvm.parse_assembly(texts[0])
    for text in texts[1:]:
        module.link_in(llvm.parse_assembly(text))
    return str(module), {kernel.symbol, *([kernel.size_symbol] if kernel.has_workspace else [])}


def _assembly(function: Callable[..., Any], signature: Any, symbol: str) -> str:
    compiled = cfunc(signature, nopython=True, error_model="numpy")(function)
    text = compiled._library.get_llvm_str().replace(compiled._wrapper_name, symbol)
    text = _COUNTS.sub("", text)
    text = _DEFINITION.sub(r'\1 "no-builtins"\2', text)  # a loop stays a loop, and never calls memset
    text = _PRODUCT.sub(r"= \1 contract \2", text)  # as in the kernels' own vectors: products are not rounded
    text = re.sub(rf"^define \S+ @{symbol}\(.*$", _pointers_do_not_overlap, text, flags=re.MULTILINE)
    before, start, after = text.partition(f" @{symbol}(")
    return before + start + _FAILED.sub(r"br label \1", after, count=1)  # no kernel raises: `compile_for` looks


def _pointers_do_not_overlap(match: re.Match[str]) -> str:
    return match.group().replace("ptr %", "ptr noalias %")


def target_machine(triple: str, cpu: str) -> Any:
    """Return LLVM's description of a machine.

    Raises
    ------
    ValueError
        If LLVM does not know the triple.
    """
    if cpu == HOST:
        features = llvm.get_host_cpu_features().flatten()
        target = llvm.Target.from_triple(llvm.get_process_triple())
        return target.create_target_machine(
            llvm.get_host_cpu_name(), features, opt=3, reloc="pic", codemodel="small"
        )
    try:
        target = llvm.Target.from_triple(triple)
    except RuntimeError as error:
        raise ValueError(f"LLVM has no target {triple}: {error}.") from None
    return target.create_target_machine(cpu, "", opt=3, reloc="pic", codemodel="small")


def compile_for(text: str, symbols: set[str], machine: Any) -> tuple[bytes, str]:
    """Return object code and assembly of a module for a machine; only `symbols` can be seen from outside."""
    module = llvm.parse_assembly(text)
    module.triple, module.data_layout = machine.triple, str(machine.target_data)
    for value in (*module.functions, *module.global_variables):
        if not value.is_declaration and value.name not in symbols:
            value.linkage = "internal"
    options = llvm.create_pipeline_tuning_options(speed_level=3)
    options.loop_vectorization = options.slp_vectorization = True
    builder = llvm.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)
    module.verify()
    if _RAISED in str(module):
        raise ValueError(f"a kernel can raise an exception: {re.findall(rf'.*{_RAISED}.*', str(module))[:3]}.")
    copy = llvm.parse_bitcode(module.as_bitcode())  # emitting changes a module
    return machine.emit_object(module), machine.emit_assembly(copy)


def main(arguments: list[str]) -> None:
    """Write the objects; prints versions and symbols as JSON."""
    folder, triple, cpus = Path(arguments[0]), arguments[1], arguments[2].split(",")
    names = arguments[3].split(",") if len(arguments) > 3 else []
    warnings.simplefilter("ignore")  # about what cannot be cached
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    whole: Any = None
    symbols: set[str] = set()
    for kernel in chosen(names):
        text, defined = module_of(kernel)
        symbols |= defined
        module = llvm.parse_assembly(text)
        if whole is None:
            whole = module
        else:
            whole.link_in(module)
    for cpu in cpus:
        code, assembly = compile_for(str(whole), symbols, target_machine(triple, cpu))
        (folder / f"{cpu}.o").write_bytes(code)
        (folder / f"{cpu}.s").write_text(assembly)
    versions = {
        "numba": numba.__version__,
        "llvmlite": llvmlite.__version__,
        "llvm": ".".join(map(str, llvm.llvm_version_info)),
    }
    print(json.dumps({"versions": versions, "symbols": sorted(symbols)}))


if __name__ == "__main__":
    main(sys.argv[1:])
