"""From a row of the table of ops to a function of tensors."""

import numbers
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.function import once_differentiable

from ..ops.table import REQUIRED, Op
from ._torch_doc import doc_of, signature_of
from ._torch_layout import axes_of_value, from_op, require_one_batch, to_op, to_op_axis

Array = NDArray[Any]

FLOATS = (torch.float32, torch.float64)
NOTE = "Shapes in this message are those of arrays: channels last, planes without a channel axis."


def function_of(op: Op, *, module: str) -> Callable[..., Tensor]:
    """Return an op as a function of tensors, named and documented as if it stood in a module."""
    signature = signature_of(op)
    defaults = {"axis": signature.parameters["axis"].default} if "axis" in op.static else {}
    count, names = len(op.differentiable), op.static.keys()
    required = {name for name, default in op.static.items() if default is REQUIRED}

    def function(*args: Any, **options: Any) -> Tensor:
        given = args
        if len(args) != count or not required <= options.keys() <= names:  # by name, or wrong: rare, and slower
            bound = signature.bind(*args, **options)
            given, options = bound.args, bound.kwargs
        static = defaults | options
        if torch.is_grad_enabled() and any(isinstance(x, Tensor) and x.requires_grad for x in given):
            return _Recorded.apply(op, static, *given)
        return _Call(op, given, static).run()[0]

    function.__name__ = function.__qualname__ = op.name
    function.__module__ = module
    function.__doc__ = doc_of(op)
    function.__signature__ = signature  # type: ignore[attr-defined]
    return function


class _Recorded(torch.autograd.Function):
    """An op in PyTorch's graph. What it keeps is the pullback."""

    @staticmethod
    def forward(ctx: Any, op: Op, static: dict[str, Any], *given: Any) -> Tensor:
        ctx.call = _Call(op, given, static)
        value, ctx.pullback = ctx.call.run()
        # The pullback reads these in place: PyTorch looks that nobody has written to them meanwhile.
        ctx.save_for_backward(*(x for x in (*given, *static.values()) if isinstance(x, Tensor)))
        return value

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, bar: Tensor) -> Any:
        ctx.saved_tensors  # noqa: B018
        return None, None, *ctx.call.pull(ctx.pullback, bar, ctx.needs_input_grad[2:])


class _Call:
    """An op, its arguments as arrays, and the axes of the tensors that these were."""

    def __init__(self, op: Op, given: Sequence[Any], static: dict[str, Any]) -> None:
        self.op = op
        dtype = next((x.dtype for x in given if isinstance(x, Tensor)), torch.float64)
        arrays = {
            name: _as_argument(x, name, dtype)
            for (name, _), x in zip(op.differentiable.items(), given, strict=False)
        }
        options = {
            name: _as_option(x, name)
            for name, x in static.items()
            if isinstance(x, Tensor) or (name in op.static_arrays and x is not None)
        }
        kinds = {name: op.kinds.get(name, "") for name in (*arrays, *options)}
        self.axes = {name: (kinds[name], array.ndim) for name, array in arrays.items()}
        self.arrays = [to_op(array, kinds[name], name) for name, array in arrays.items()]
        self.static = static | {name: to_op(array, kinds[name], name) for name, array in options.items()}
        require_one_batch({name: (kinds[name], array.shape) for name, array in (arrays | options).items()})
        if "axis" in op.static and isinstance(static["axis"], int):
            self.static["axis"] = to_op_axis(static["axis"], next(iter(arrays.values())).ndim)

    def run(self) -> tuple[Tensor, Callable[[Array], tuple[Array, ...]]]:
        """Return the value and the pullback."""
        try:
            value, pullback = self.op.function(*self.arrays, **self.static)
        except ValueError as error:
            if "shape" in str(error):
                error.add_note(NOTE)
            raise
        axes = axes_of_value(self.op.value, self.axes)
        return _as_tensor(from_op(np.asarray(value), self.op.value, axes), self.arrays), pullback

    def pull(
        self, pullback: Callable[[Array], tuple[Array, ...]], bar: Tensor, needed: Sequence[bool]
    ) -> list[Tensor | None]:
        """Return the gradients that are needed."""
        kind = self.op.value
        y_bar = to_op(bar.detach().numpy(), kind, "the cotangent")
        taken, grads = [y_bar, *self.arrays], []
        for x_bar, (kind, axes), is_needed in zip(pullback(y_bar), self.axes.values(), needed, strict=True):
            grads.append(_as_tensor(from_op(x_bar, kind, axes), taken) if is_needed else None)
            taken.append(x_bar)
        return grads


def _as_argument(x: Any, name: str, dtype: torch.dtype) -> Array:
    """Return a tensor as an array that shares its memory, or a number as one of the others' dtype."""
    if isinstance(x, numbers.Real):
        return np.asarray(x, np.float32 if dtype == torch.float32 else np.float64)
    if not isinstance(x, Tensor):
        raise TypeError(f"{name} is of type {type(x).__name__}; accepted is a tensor.")
    if x.dtype not in FLOATS:
        raise TypeError(f"{name} is a tensor of {x.dtype}; accepted are torch.float32 and torch.float64.")
    return _as_array(x, name)


def _as_option(x: Any, name: str) -> Array:
    """Return an option that is an array, given as a tensor of any dtype that NumPy has."""
    if not isinstance(x, Tensor):
        return np.asarray(x)
    if x.dtype in (torch.float16, torch.bfloat16):
        raise TypeError(f"{name} is a tensor of {x.dtype}; accepted are torch.float32 and torch.float64.")
    return _as_array(x, name)


def _as_array(x: Tensor, name: str) -> Array:
    if x.device.type != "cpu" or x.layout != torch.strided:
        raise TypeError(f"{name} is a {x.layout} tensor on {x.device}; accepted is a dense tensor on the CPU.")
    return x.detach().numpy()


def _as_tensor(array: Array, others: Sequence[Array]) -> Tensor:
    """Return an array as a tensor, in place where nothing else lives in that memory."""
    is_free = array.flags.writeable and min(array.strides, default=0) >= 0
    if not is_free or any(np.may_share_memory(array, other) for other in others):
        array = array.copy(order="K")
    return torch.from_numpy(array)
