"""Every op of `classmat.ops` as a differentiable function of PyTorch tensors, and the layers made of them.

>>> import torch
>>> from classmat.adapters import torch as cmt
>>> guide = torch.rand(2, 3, 24, 32)
>>> src = torch.rand(2, 1, 24, 32, requires_grad=True)
>>> q = cmt.guided_filter(guide, src, 1e-3, radius=4)
>>> q.mean().backward()
>>> q.shape, src.grad.shape
(torch.Size([2, 1, 24, 32]), torch.Size([2, 1, 24, 32]))

Shapes are PyTorch's, channels first:

==============================  ===========================================================
an image, or several channels   (N, C, H, W); (C, H, W) without a batch; one channel is grey
a plane, such as a matte        (N, 1, H, W); (1, H, W) or (H, W) without a batch
labels                          (N, H, W), as `torch.nn.functional.cross_entropy` takes them
a number                        (), or a Python number
a table of 256 levels           (256,)
==============================  ===========================================================

Any other argument keeps the shape that the op documents. All spatial arguments of a call have a batch axis, or none
has. Options of an op are keyword-only; where an option is an array (labels, a band, weights) it is a tensor here, and
gets no gradient. An `axis` is one of the tensor's.

Tensors are float32 or float64, on the CPU. They are read in place: a tensor in `torch.channels_last` is not copied at
all, another image once. Results come in channels-last strides for the same reason. Of the gradients, those are returned
that are asked for; under `torch.no_grad` nothing is kept. As in PyTorch, writing into an argument between forward and
backward pass is an error that is told, and so is a second derivative.

Made from `classmat.ops.table`: an op in the table is a function here.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

try:
    from torch import Tensor
except ModuleNotFoundError as error:
    if error.name != "torch":
        raise
    raise ImportError(
        'classmat.adapters.torch needs PyTorch, which is not installed: pip install "classmat[torch]".'
    ) from None

from ..ops.table import OPS
from ._torch_functions import function_of
from ._torch_modules import Feathering, GuidedFilter, MattingLayer

_FUNCTIONS = {name: function_of(op, module=__name__) for name, op in OPS.items()}
globals().update(_FUNCTIONS)

__all__ = ["Feathering", "GuidedFilter", "MattingLayer"]
__all__ += sorted(_FUNCTIONS)

if TYPE_CHECKING:

    def __getattr__(name: str) -> Callable[..., Tensor]: ...


def __dir__() -> list[str]:
    return __all__
