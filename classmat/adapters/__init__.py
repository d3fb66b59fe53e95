"""The ops as functions of other libraries. Each needs its library: ``pip install "classmat[torch]"``.

`classmat.adapters.torch` is loaded when it is named; nothing else in the package imports PyTorch.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submodules=["torch"])
