"""Layers with a state: what they learn are logarithms, so that no step makes a number negative."""

import math

import torch
from torch import Tensor, nn

from ..images.validate import as_count, as_number
from ..ops.table import OPS
from ._torch_functions import function_of

_matting_layer = function_of(OPS["matting_layer"], module="classmat.adapters.torch")
_guided_filter = function_of(OPS["guided_filter"], module="classmat.adapters.torch")
_feathering = function_of(OPS["feathering"], module="classmat.adapters.torch")


class MattingLayer(nn.Module):
    """Last layer of a network that says where foreground and background are: the matte that the colours then ask for.

    ``alpha = lam D^-1 F``, ``D = lam (diag F + diag B) + L``, L the closed-form Laplacian of the image: Shen et al. 2016.

    Parameters
    ----------
    lam : float
        Weight of F and B at first, above 0.
    eps : float
        Above 0; ``eps / |w|`` is added to the covariance of a window.
    radius : int
        Windows have ``2 radius + 1`` pixels a side, at least 1.
    rtol : float
        How exact the solves of images above 40 000 pixels are.
    learn_lam : bool
        Whether the parameter `log_lam` asks for a gradient.

    Attributes
    ----------
    log_lam : torch.nn.Parameter, ()
        The natural logarithm of lam: a step of 0.1 is 10 %, whatever lam is, and lam stays above 0.

    Examples
    --------
    >>> layer = MattingLayer()
    >>> F, B, _ = torch.randn(3, 2, 1, 12, 16).softmax(0)
    >>> alpha = layer(torch.rand(2, 3, 12, 16), F, B)
    >>> alpha.mean().backward()
    >>> layer, alpha.shape, layer.log_lam.grad is None
    (MattingLayer(lam=100, eps=1e-07, radius=1, rtol=1e-10, learn_lam=True), torch.Size([2, 1, 12, 16]), False)
    """

    def __init__(
        self, lam: float = 100.0, eps: float = 1e-7, radius: int = 1, rtol: float = 1e-10, learn_lam: bool = True
    ) -> None:
        super().__init__()
        self.log_lam = _logarithm(lam, "lam", learn=learn_lam)
        self.eps = as_number(eps, name="eps", low=0, exclusive=True)
        self.radius = as_count(radius, name="radius", low=1)
        self.rtol = as_number(rtol, name="rtol", low=0, exclusive=True)

    @property
    def lam(self) -> Tensor:
        """The present value."""
        return self.log_lam.exp()

    def forward(self, image: Tensor, F: Tensor, B: Tensor) -> Tensor:
        """Image (N, C, H, W), one channel or three; F, B (N, 1, H, W), at least 0 -> alpha (N, 1, H, W), not clipped."""
        return _matting_layer(image, F, B, self.lam.to(F.dtype), self.eps, radius=self.radius, rtol=self.rtol)

    def extra_repr(self) -> str:
        """Return what stands in the parentheses."""
        return (
            f"lam={self.lam.item():.6g}, eps={self.eps:.6g}, radius={self.radius}, rtol={self.rtol:.6g}, "
            f"learn_lam={self.log_lam.requires_grad}"
        )


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
