"""Write `docs/math/README.md`: the pages of mathematics, and a table of all ops, from `classmat.ops.table`.

python docs/ops_table.py
"""

import inspect
from pathlib import Path

from classmat.ops.table import KINDS, OPS, REQUIRED, Op

MATH = Path(__file__).parent / "math"
README = MATH / "README.md"
HEAD = """\
# The mathematics of the ops

Made by `python docs/ops_table.py` from `classmat/ops/table.py`: change the table, or a page's heading, not this file.

An op is `name_vjp(arrays, *, static) -> (value, pullback)`; the pullback takes the cotangent of the value and returns one
cotangent per positional argument. In PyTorch each op is `classmat.adapters.torch.name`.

## Pages
"""


def page() -> str:
    """Return what the file should be."""
    pages = {path: path.read_text(encoding="utf-8") for path in sorted(MATH.glob("*.md")) if path != README}
    index = [f"* [{_title(text)}]({path.name})" for path, text in pages.items()]
    rows = [_row(op, pages) for op in OPS.values()]
    kinds = [f"| {kind} | {_cell(text)} |" for kind, text in KINDS.items()]
    return "\n".join(
        [
            HEAD,
            *index,
            "\n## Ops\n",
            "Every argument has its kind behind it, a static one its default; those without a default must be given.\n",
            "| op | differentiable | static | value | file |",
            "|---|---|---|---|---|",
            *rows,
            "\n## Kinds\n",
            "| kind | shape without a batch |",
            "|---|---|",
            *kinds,
            "",
        ]
    )


def _row(op: Op, pages: dict[Path, str]) -> str:
    name = op.function.__name__
    file = Path(inspect.getsourcefile(op.function) or "").name
    where = next((path.name for path, text in pages.items() if f"`{name}" in text), None)
    cells = [
        f"[`{name}`]({where})" if where else f"`{name}`",
        ", ".join(f"`{argument}` {kind}" for argument, kind in op.differentiable.items()),
        ", ".join(_static(op, argument, default) for argument, default in op.static.items()) or "-",
        op.value,
        f"[`{file}`](../../classmat/ops/{file})",
    ]
    return "| " + " | ".join(map(_cell, cells)) + " |"


def _static(op: Op, argument: str, default: object) -> str:
    shown = argument if default is REQUIRED else f"{argument}={default!r}"
    return " ".join([f"`{shown}`", *filter(None, [op.static_arrays.get(argument)])])


def _title(text: str) -> str:
    return text.split("\n", 1)[0].removeprefix("# ")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    README.write_text(page(), encoding="utf-8")
