"""A trained net for C: its weights as a header."""

import numpy as np
from numpy.typing import NDArray

from ..nn.inference import pack_feathering_block, pack_light_dense_network
from ..nn.weights import Weights

Floats = NDArray[np.float32]
_A_LINE = 8


def packed(weights: Weights) -> tuple[Floats, Floats, int]:
    """Return what `classmat_fast_deep_matting` takes as `network`, `block` and `radius`."""
    network = pack_light_dense_network(weights.params["ldn"])
    block = pack_feathering_block(weights.params["fb"], weights.buffers["fb"])
    return network, block, int(weights.manifest.get("recipe", {}).get("radius", 0))


def weights_header(network: Floats, block: Floats, radius: int) -> str:
    """Return the text of ``classmat_weights.h``.

    Examples
    --------
    >>> print(weights_header(np.zeros(1, np.float32), np.ones(2, np.float32), 1))
    /* classmat_weights.h: the weights of a trained net, for classmat_fast_deep_matting. */
    #ifndef CLASSMAT_WEIGHTS_H
    #define CLASSMAT_WEIGHTS_H
    <BLANKLINE>
    #define CLASSMAT_RADIUS 1
    <BLANKLINE>
    static const float classmat_network[1] = {
        0x0.0p+0f
    };
    <BLANKLINE>
    static const float classmat_block[2] = {
        0x1.0000000000000p+0f, 0x1.0000000000000p+0f
    };
    <BLANKLINE>
    #endif
    <BLANKLINE>
    """
    return (
        "/* classmat_weights.h: the weights of a trained net, for classmat_fast_deep_matting. */\n"
        f"#ifndef CLASSMAT_WEIGHTS_H\n#define CLASSMAT_WEIGHTS_H\n\n#define CLASSMAT_RADIUS {radius}\n\n"
        f"{_array('network', network)}\n{_array('block', block)}\n#endif\n"
    )


def _array(name: str, numbers: Floats) -> str:
    words = [f"{float(number).hex()}f" for number in numbers]  # exact, unlike most decimals
    lines = [", ".join(words[k : k + _A_LINE]) for k in range(0, len(words), _A_LINE)]
    return f"static const float classmat_{name}[{len(words)}] = {{\n    " + ",\n    ".join(lines) + "\n};\n"
