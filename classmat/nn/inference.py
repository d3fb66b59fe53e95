"""Fast inference of Fast Deep Matting: weights packed for fused kernels, and a callable that runs them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..kernels import feathering_block as block
from ..kernels import light_dense as kernels
from .fast_deep_matting import DILATIONS
from .normalisation import EPS

Floats = NDArray[np.float32]


def pack_light_dense_network(params):
    blocks = []
    first = np.zeros((3, 3, 3, 16))
    first[..., :13] = params["initial"]["weight"]
    bias = np.zeros(16)
    bias[:13] = params["initial"]["bias"]
    blocks += [bias, first]
    for i in range(len(DILATIONS)):
        layer = params[f"dense{i + 1}"]
        weight = np.asarray(layer["weight"]).reshape(9, i + 1, 16, 16).transpose(1, 0, 2, 3)
        blocks += [layer["bias"], weight]
    last = params["final"]
    difference = np.asarray(last["weight"], np.float64)[..., 1] - np.asarray(last["weight"], np.float64)[..., 0]
    b = np.zeros(8)
    b[0] = float(last["bias"][1]) - float(last["bias"][0])
    blocks += [b, difference.reshape(9, 4, 16).transpose(1, 0, 2)]
    return np.concatenate([np.ravel(block).astype(np.float32) for block in blocks])


def pack_feathering_block(params, buffers):
    scale = params["norm"]["gamma"] / np.sqrt(np.asarray(buffers["variance"], np.float64) + EPS)
    bias = (params["conv1"]["bias"] - np.asarray(buffers["mean"], np.float64)) * scale + params["norm"]["beta"]
    blocks = [
        np.repeat(bias, int(block.TILE_1)),
        params["conv1"]["weight"] * scale,
        np.repeat(params["conv2"]["bias"], int(block.TILE_2)),
        params["conv2"]["weight"],
    ]
    return np.concatenate([np.ravel(numbers).astype(np.float32) for numbers in blocks])
