"""A first trimap where there is none: the automatic matte of a portrait, with a band around its soft edge."""

import importlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..images.trimap import trimap_from_alpha

PORTRAIT = "classmat.nn.portrait"


def draft_trimap(image: NDArray[Any]) -> NDArray[np.uint8] | None:
    """Return a trimap of a portrait, or None where automatic portrait mattes are not to be had.

    Parameters
    ----------
    image : (h, w, 3)
        In [0, 1].

    Raises
    ------
    ValueError
        If nobody is found in the photo, or nothing but a person.
    """
    try:
        portrait_matte = importlib.import_module(PORTRAIT).portrait_matte
    except (ImportError, AttributeError):
        return None
    return trimap_from_alpha(portrait_matte(image))
