"""Copies between pixels of different numbers of channels, which NumPy makes one short run after the other."""

import numpy as np

from ._jit import pjit, prange


@pjit
def put_channels(part, whole, first):
    """Write `part` (pixels, c) to the channels of `whole` (pixels, channels) from `first` on."""
    for i in prange(part.shape[0]):
        for c in range(np.uintp(part.shape[1])):
            whole[i, np.uintp(first) + c] = part[i, c]


@pjit
def take_channels(whole, first, part):
    """Read `part` (pixels, c) from the channels of `whole` (pixels, channels) from `first` on."""
    for i in prange(part.shape[0]):
        for c in range(np.uintp(part.shape[1])):
            part[i, c] = whole[i, np.uintp(first) + c]
