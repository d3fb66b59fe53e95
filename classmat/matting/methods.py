"""The methods by their names on the command line."""

from collections.abc import Callable
from typing import Any

from .closed_form import closed_form_matting
from .information_flow import information_flow_matting
from .knn import knn_matting
from .large_kernel import large_kernel_matting
from .learning_based import learning_based_matting
from .poisson import poisson_matting
from .random_walk import random_walk_matting
from .sampling import sampling_matting
from .shared import shared_matting

METHODS: dict[str, Callable[..., Any]] = {
    "closed-form": closed_form_matting,
    "information-flow": information_flow_matting,
    "knn": knn_matting,
    "large-kernel": large_kernel_matting,
    "learning-based": learning_based_matting,
    "poisson": poisson_matting,
    "random-walk": random_walk_matting,
    "sampling": sampling_matting,
    "shared": shared_matting,
}
"""Name -> function(image, trimap, **options) -> alpha."""
