"""What users hand in and take away: files, checks, trimaps, composites, metrics, scenes with exact mattes."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, ["gallery", "metrics"])
