"""Small neural nets in NumPy and Numba: a tape, layers with exact pullbacks, optimisers, front ends for matting."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        *["activations", "augment", "checkpoint", "convolution", "data", "fast_deep_matting", "inference"],
        *[
            "joining",
            "normalisation",
            "optimisers",
            "pooling",
            "portrait",
            "recipes",
            "tape",
            "training",
            "weights",
        ],
    ],
)
