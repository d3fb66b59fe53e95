"""The methods by their names on the command line."""

from collections.abc import Callable
from typing import Any

from .closed_form import closed_form_matting
from .information_flow import information_flow_matting
from .sampling import sampling_matting
from .shared import shared_matting

METHODS: dict[str, Callable[..., Any]] = {
    "closed-form": closed_form_matting,
    "information-flow": information_flow_matting,
    "sampling": sampling_matting,
    "shared": shared_matting,
}
"""Name -> function(image, trimap, **options) -> alpha."""
