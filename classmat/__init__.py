"""classmat: classical alpha matting and its differentiable building blocks.

``I = alpha * F + (1 - alpha) * B``: from a photo and a trimap, find ``alpha``.

>>> import classmat as cm
>>> scene = cm.gallery.disc(24, 32)
>>> alpha = cm.closed_form_matting(scene.image, scene.trimap)
>>> alpha.shape
(24, 32)

The public names are listed in ``__init__.pyi``, where type checkers read them, and are loaded when they
are first used: ``import classmat`` imports neither NumPy nor Numba and compiles nothing.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

__version__ = "0.1.0"
