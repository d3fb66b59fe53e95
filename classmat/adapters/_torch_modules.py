"""Layers with a state: what they learn are logarithms, so that no step makes a number negative."""

import math

import torch
from torch import Tensor, nn

from ..images.validate import as_count, as_number
from ..ops.table import OPS
from ._torch_functions import function_of

_guided_filter = function_of(OPS["guided_filter"], module="classmat.adapters.torch")
_feathering = function_of(OPS["feathering"], module="classmat.adapters.torch")


class GuidedFilter(nn.Module):
    """Guided filter whose smoothing may be learned: ``q = guided_filter(guide, src, eps, radius=radius)``.

    Parameters
    ----------
    radius : int
        Windows are ``2 radius + 1`` wide.
    eps : float
        Above 0, added to the variance of the guide.
    learn_eps : bool
        Whether the parameter `log_eps` asks for a gradient.

    Attributes
    ----------
    log_eps : torch.nn.Parameter, ()
        The natural logarithm of eps: a step of 0.1 is 10 %.

    Examples
    --------
    >>> layer = GuidedFilter(4, 1e-3, learn_eps=True)
    >>> layer(torch.rand(1, 3, 16, 16), torch.rand(1, 1, 16, 16)).mean().backward()
    >>> layer, layer.log_eps.grad.shape
    (GuidedFilter(radius=4, eps=0.001, learn_eps=True), torch.Size([]))
    """

    def __init__(self, radius: int, eps: float, learn_eps: bool = False) -> None:
        super().__init__()
        self.radius = as_count(radius, name="radius")
        self.log_eps = _logarithm(eps, "eps", learn=learn_eps)

    @property
    def eps(self) -> Tensor:
        """The present value."""
        return self.log_eps.exp()

    def forward(self, guide: Tensor, src: Tensor) -> Tensor:
        """Guide (N, C, H, W) with one or three channels, src (N, 1, H, W) -> q (N, 1, H, W)."""
        return _guided_filter(guide, src, self.eps.to(src.dtype), radius=self.radius)

    def extra_repr(self) -> str:
        """Return what stands in the parentheses."""
        return f"radius={self.radius}, eps={self.eps.item():.6g}, learn_eps={self.log_eps.requires_grad}"


class Feathering(nn.Module):
    """Feathering: ``alpha = mean(a) S_F + mean(b) S_B + mean(c)``, the means over windows. It has no parameters.

    Parameters
    ----------
    radius : int
        Windows are ``2 radius + 1`` wide; 0 leaves the coefficients as they are.

    Examples
    --------
    >>> layer = Feathering(radius=2)
    >>> a, b, c, S_F, S_B = torch.rand(5, 2, 1, 12, 16)
    >>> layer, layer(a, b, c, S_F, S_B).shape
    (Feathering(radius=2), torch.Size([2, 1, 12, 16]))
    """

    def __init__(self, radius: int = 0) -> None:
        super().__init__()
        self.radius = as_count(radius, name="radius")

    def forward(self, a: Tensor, b: Tensor, c: Tensor, S_F: Tensor, S_B: Tensor) -> Tensor:
        """All (N, 1, H, W) -> alpha (N, 1, H, W)."""
        return _feathering(a, b, c, S_F, S_B, radius=self.radius)

    def extra_repr(self) -> str:
        """Return what stands in the parentheses."""
        return f"radius={self.radius}"


def _logarithm(value: float, name: str, *, learn: bool) -> nn.Parameter:
    number = as_number(value, name=name, low=0, exclusive=True)
    return nn.Parameter(torch.tensor(math.log(number)), requires_grad=bool(learn))
