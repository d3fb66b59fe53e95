"""Signatures and docstrings of the functions of tensors, from those of the ops."""

import inspect
import re

from torch import Tensor

from ..ops.table import KINDS, Op
from ._torch_layout import SHAPES

AXIS = -3  # of the channels in a tensor
HEADING = re.compile(r"^(\w[\w ]*)\n-{3,}\n", re.MULTILINE)
ENTRY = re.compile(r"^(\w+(?:, \w+)*) : (.*)\n", re.MULTILINE)
OF_ARRAYS = re.compile(r"\([nh], |dimension")  # a sentence with this speaks of the shapes of arrays
RAISES = """\
Raises
------
TypeError, ValueError
    As the op does; also if an argument is not a float32 or float64 tensor on the CPU, has other axes than said, or if
    some arguments have a batch axis and others have none."""


def signature_of(op: Op) -> inspect.Signature:
    """Return the op's signature, with tensors, and with the tensor's axis of the channels as default axis."""
    parameters = []
    for parameter in inspect.signature(op.function).parameters.values():
        if parameter.name in op.kinds:
            parameter = parameter.replace(annotation=Tensor)
        elif parameter.name == "axis":
            parameter = parameter.replace(default=AXIS)
        parameters.append(parameter)
    return inspect.Signature(parameters, return_annotation=Tensor)


def doc_of(op: Op) -> str:
    """Return the op's docstring with the shapes of tensors; for the pullback and for examples it names the op."""
    head, sections = _sections(inspect.getdoc(op.function) or "")
    parts = [head, f"See `classmat.ops.{op.function.__name__}` for the derivatives."]
    if "Parameters" in sections:
        parts.append(_titled("Parameters", _parameters(op, sections["Parameters"])))
    parts += [_titled("Returns", f"Tensor, {_shape_of(op.value)}\n    {_of_value(sections)}"), RAISES]
    if "References" in sections:
        parts.append(_titled("References", sections["References"]))
    return "\n\n".join(parts) + "\n"


def _sections(text: str) -> tuple[str, dict[str, str]]:
    head, *rest = HEADING.split(text)
    return head.strip(), {title: body.strip("\n") for title, body in zip(rest[::2], rest[1::2], strict=True)}


def _titled(title: str, body: str) -> str:
    return f"{title}\n{'-' * len(title)}\n{body}"


def _parameters(op: Op, text: str) -> str:
    _, *rest = ENTRY.split(text)
    entries = []
    for names, kind, said in zip(rest[::3], rest[1::3], rest[2::3], strict=True):
        tensor = op.kinds.get(names.split(",")[0])
        if tensor is not None:
            number = " or float" if tensor == "scalar" else ""
            kind, said = f"Tensor{number}, {_shape_of(tensor)}", _without_shapes(said)
        entries.append(f"{names} : {kind}\n    {said.strip()}")
    return "\n".join(entries)


def _shape_of(kind: str) -> str:
    return SHAPES.get(kind) or KINDS.get(kind, "of any shape")


def _without_shapes(text: str) -> str:
    sentences = re.split(r"(?<=\.)\s+", text.strip())
    return " ".join(sentence for sentence in sentences if not OF_ARRAYS.search(sentence))


def _of_value(sections: dict[str, str]) -> str:
    """Return what is said of the first thing that the op returns."""
    returned = re.split(r"^\S.*\n?", sections.get("Returns", ""), flags=re.MULTILINE)
    said = [text.strip() for text in returned if text.strip()]
    return said[0] if said else "The value."
