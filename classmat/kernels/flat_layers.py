"""Layers of nets on flat arrays, serial, in the caller's workspace: what phones run.

Arrays and workspace are as in `flat_filters`. The inner loops are those of `convolution` and `pooling`, which threads
share elsewhere; the whole of Fast Deep Matting is in `feathering_block`.
"""

import numpy as np
from numba import carray

from . import convolution as correlation
from . import feathering_block, pooling
from ._jit import jit
from ._planes import as_kind, point
from .flat_filters import _line, _plane, _stack
from .light_dense import exponential

U, I64 = np.uint64, np.int64
ZERO, ONE, TWO, EIGHT, SIXTEEN = (U(n) for n in (0, 1, 2, 8, 16))
BLOCK = U(64)  # pixels whose scores become probabilities at a time


# Softmax


@jit
def softmax_singles(channels):
    """Return the size of the workspace of `softmax`."""
    return (channels + TWO) * BLOCK


@jit
def softmax(scores, out, pixels, channels, singles):
    """Write exp(s) / sum of exp(s) over the channels of each pixel."""
    largest, total = channels * BLOCK, (channels + ONE) * BLOCK
    for start in range(ZERO, pixels, BLOCK):
        n = min(BLOCK, pixels - start)
        for k in range(BLOCK):
            singles[largest + k] = np.float32(-3.4e38)
            singles[total + k] = np.float32(0)
        for c in range(channels):  # by planes: pixels are the lanes of a vector
            at = start * channels + c
            for k in range(n):
                singles[c * BLOCK + k] = scores[at + k * channels]
            for k in range(BLOCK):
                s = singles[c * BLOCK + k]
                singles[largest + k] = s if s > singles[largest + k] else singles[largest + k]
        for c in range(channels):
            for k in range(BLOCK):
                e = exponential(singles[c * BLOCK + k] - singles[largest + k])
                singles[c * BLOCK + k] = e
                singles[total + k] += e
        for k in range(BLOCK):
            singles[total + k] = np.float32(1) / singles[total + k]
        for c in range(channels):
            at = start * channels + c
            for k in range(n):
                out[at + k * channels] = singles[c * BLOCK + k] * singles[total + k]


# Resizing


@jit
def resize_singles(width, new_width, channels):
    """Return the size of the workspace of `resize`."""
    return U(2) * new_width * channels + U(3) * new_width


@jit
def _place(i, old, new):
    """Return between which pixels of a line output pixel i lies, and the share of the second."""
    at, whole = (2 * i + 1) * old - new, 2 * new
    below = at // whole
    share = np.float32(at - below * whole) / np.float32(whole)
    return max(below, 0), min(below + 1, old - 1), share


@jit
def _widen(row, line, channels, low, high, share):
    """Set a line of new_width pixels to blends of pixels of a row."""
    for i in range(U(low.size)):
        a, b, s = U(low[i]), U(high[i]), share[i]
        for c in range(U(channels)):
            line[i * U(channels) + c] = (np.float32(1) - s) * row[a + c] + s * row[b + c]


@jit
def _blend(above, below, share, out):
    rest = np.float32(1) - share
    for k in range(out.size):
        out[k] = rest * above[k] + share * below[k]


@jit
def resize(src, out, height, width, new_height, new_width, channels, singles):
    """Resize (height, width, channels) bilinearly; outer edges coincide, shrinking skips pixels.

    `resize.map_rows_and_columns` serves any weights; here each row is widened once, and two of them blended.
    """
    h, w, c, m = I64(height), I64(width), I64(channels), I64(new_width)
    lines, share = _plane(singles, 0, 2, m * c), _line(singles, 2 * m * c, m)
    places = carray(as_kind(point(singles, 2 * m * c + m), np.int32), (2, m))
    for i in range(m):
        low, high, s = _place(i, w, m)
        places[0, i], places[1, i], share[i] = low * c, high * c, s
    source, result = _plane(src, 0, h, w * c), _plane(out, 0, new_height, m * c)
    newest = -1
    for y in range(I64(new_height)):
        low, high, s = _place(y, h, I64(new_height))
        for row in range(max(low, newest + 1), high + 1):  # row k is in line k mod 2
            _widen(source[row], lines[row % 2], c, places[0], places[1], share)
            newest = row
        _blend(lines[low % 2], lines[high % 2], s, result[y])


# Maxima


@jit
def max_pool(src, out, height, width, channels, size, stride):
    """Write the largest value of each window of size x size pixels that begins inside the image."""
    x = _stack(src, 0, I64(height), I64(width), I64(channels))
    new_height, new_width = _pooled(height, size, stride), _pooled(width, size, stride)
    y = _stack(out, 0, new_height, new_width, I64(channels))
    for r in range(new_height):
        pooling.max_row(x, r, I64(size), I64(stride), 0, y[r], None)


@jit
def _pooled(length, size, stride):
    """Return the number of windows: the last one may reach over the border."""
    return I64((max(length, size) - size + stride - ONE) // stride + ONE)


# Convolution


@jit
def _rounded(channels):
    """Return a number of channels rounded up to whole vectors."""
    return (channels + EIGHT - ONE) // EIGHT * EIGHT


@jit
def _out_size(length, kernel, stride, dilation, padding):
    return (length + TWO * padding - dilation * (kernel - ONE) - ONE) // stride + ONE


@jit
def convolution_singles(height, width, channels, filters, kernel, stride, dilation, padding):
    """Return the size of the workspace of `convolution`."""
    image = (height + TWO * padding) * (width + TWO * padding) * channels
    whole, taps = _rounded(filters), kernel * kernel
    return image + taps * channels * whole + whole + _out_size(width, kernel, stride, dilation, padding) * whole


@jit
def convolution_doubles(kernel):
    """Return the size of the workspace for the places of the taps."""
    return kernel * kernel


@jit
def _pad(src, height, width, channels, padding, image):
    """Copy an image into the middle of zeros."""
    row = (width + TWO * padding) * channels
    for k in range((height + TWO * padding) * row):
        image[k] = np.float32(0)
    for y in range(height):
        to = (y + padding) * row + padding * channels
        for k in range(width * channels):
            image[to + k] = src[y * width * channels + k]


@jit
def _pack(weight, size, filters, packed):
    """Copy weights (size, filters) into blocks of 16 filters, the last of 8 if no more are left; zeros fill them."""
    whole = _rounded(filters)
    for first in range(ZERO, whole, SIXTEEN):
        lanes = min(SIXTEEN, whole - first)
        for k in range(size):
            for c in range(lanes):
                value = weight[k * filters + first + c] if first + c < filters else np.float32(0)
                packed[size * first + k * lanes + c] = value


@jit
def convolution(
    src, weight, bias, out, height, width, channels, filters, kernel, stride, dilation, padding, doubles, singles
):
    """Convolve (height, width, channels) with weights (kernel, kernel, channels, filters), zeros outside."""
    pixel, row = channels, (width + TWO * padding) * channels
    whole, size = _rounded(filters), kernel * kernel * channels
    new_height = _out_size(height, kernel, stride, dilation, padding)
    new_width = _out_size(width, kernel, stride, dilation, padding)
    taps = carray(as_kind(point(doubles, 0), np.uint64), (I64(kernel * kernel),))
    image, at = _line(singles, 0, (height + TWO * padding) * row), (height + TWO * padding) * row
    packed, biases = _line(singles, at, size * whole), _line(singles, at + size * whole, whole)
    line = _line(singles, at + size * whole + whole, new_width * whole)
    _pad(src, height, width, channels, padding, image)
    _pack(weight, size, filters, packed)
    for c in range(whole):
        biases[c] = bias[c] if c < filters else np.float32(0)
    for u in range(kernel):
        for v in range(kernel):
            taps[u * kernel + v] = u * dilation * row + v * dilation * pixel
    for y in range(new_height):
        start = y * stride * row
        correlation.correlate_row(
            image, start, stride * pixel, taps, channels, packed, biases, line, ZERO, whole, new_width, whole
        )
        to = y * new_width * filters
        for x in range(new_width):
            for c in range(filters):
                out[to + x * filters + c] = line[x * whole + c]


# Fast Deep Matting


@jit
def fast_deep_matting_singles(height, width, radius):
    """Return the size of the workspace of `feathering_block.fast_deep_matting` on one thread."""
    return feathering_block.workspace_size(height, width, radius, ONE)
