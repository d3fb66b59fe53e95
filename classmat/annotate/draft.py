"""A first trimap where there is none: the automatic matte of a portrait, with a wide band around its edge."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..images.trimap import trimap_from_mask

ERODE, DILATE = 0.02, 0.03  # of the longest side: the net sees little more than a hundred pixels a side


def draft_trimap(image: NDArray[Any]) -> NDArray[np.uint8]:
    """Return a trimap of a photo of a person, to be looked at.

    Parameters
    ----------
    image : (h, w, 3)
        In [0, 1].

    Raises
    ------
    OSError
        If the net's weights are not there.
    ValueError
        If nobody is found in the photo, or nothing but a person.
    """
    from ..nn.portrait import portrait_matte  # with its kernels and weights, which few photos need

    side = max(image.shape[:2])
    return trimap_from_mask(portrait_matte(image) >= 0.5, erode=ERODE * side, dilate=DILATE * side)
