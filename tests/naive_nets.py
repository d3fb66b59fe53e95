"""Slow, obvious twins of the layers."""

import numpy as np


def conv2d(x, weight, bias, stride, dilation, padding, groups):
    n, h, w, _ = x.shape
    k_h, k_w, depth, channels = weight.shape
    padded = np.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    out = [
        (length + 2 * padding - dilation * (k - 1) - 1) // stride + 1
        for length, k in zip((h, w), (k_h, k_w), strict=True)
    ]
    y = np.zeros((n, *out, channels))
    for i, j in np.ndindex(*out):
        top, left = i * stride, j * stride
        for u, v in np.ndindex(k_h, k_w):
            pixel = padded[:, top + u * dilation, left + v * dilation]
            for o in range(channels):
                first = o // (channels // groups) * depth
                y[:, i, j, o] += pixel[:, first : first + depth] @ weight[u, v, :, o]
    return y + bias


def max_pool2d(x, size, stride, padding):
    h, w = x.shape[:2]
    out = [(length + 2 * padding - size) // stride + 1 for length in (h, w)]
    padded = np.pad(x, ((padding, padding), (padding, padding), (0, 0)), constant_values=-np.inf)
    y = np.empty((*out, x.shape[2]))
    for i, j in np.ndindex(*out):
        y[i, j] = padded[i * stride : i * stride + size, j * stride : j * stride + size].max(axis=(0, 1))
    return y
