"""Small networks without a framework: a tape over the ops (`tape`)."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submodules=["tape"])
