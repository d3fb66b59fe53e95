"""Convolution and transposed convolution, each other's adjoints: channels last, ``name_vjp`` as all ops.

A convolution here is what nets call so, a correlation::

    y[i, j, o] = b[o] + sum over u, v, c of x[s i + d u - p, s j + d v - p, c] * w[u, v, c, o]

with stride s, dilation d, padding p, zero outside. The kernels know neither stride nor dilation: they add up taps
at given distances in arrays with a halo. The gradient of the input is the same sum once for each of the s * s
phases of the pixels, with the weights' channels exchanged.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..images.floats import as_floats
from ..images.validate import as_count
from ..kernels import convolution as kernels
from ..ops._protocol import Floats, Pullback, as_cotangent, like

LANES = 8
PARTS = 16  # of the sum over pixels that is the gradient of the weights

Offsets = NDArray[np.uint64]


def conv2d_vjp(
    x: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike,
    *,
    stride: int = 1,
    dilation: int = 1,
    padding: int | None = None,
    groups: int = 1,
) -> tuple[Floats, Pullback]:
    """Convolve images with learnt weights.

    Parameters
    ----------
    x : array_like, (h, w, c_in) or (n, h, w, c_in)
        Differentiable.
    weight : array_like, (k_h, k_w, c_in / groups, c_out)
        Differentiable.
    bias : array_like, (c_out,)
        Differentiable.
    stride, dilation : int
        Distances between output pixels and between taps, in pixels, at least 1.
    padding : int, optional
        Rows and columns of zeros around the image. By default ``dilation * (k - 1) / 2`` of an odd, square kernel:
        with stride 1 the output has the size of the input.
    groups : int
        Output channels of a group see the input channels of that group alone; divides both numbers.
        ``groups = c_in`` is a depthwise convolution.

    Returns
    -------
    y : ndarray, (.., h_out, w_out, c_out)
        ``h_out = (h + 2 padding - dilation (k_h - 1) - 1) // stride + 1``; float32 if all arguments are, else
        float64.
    pullback : callable
        ``y_bar -> (x_bar, weight_bar, bias_bar)``; keeps x with its halo.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind, shape or range, or the kernel is larger than the image.

    Examples
    --------
    >>> x = np.arange(9.0).reshape(3, 3, 1)
    >>> y, pullback = conv2d_vjp(x, np.ones((3, 3, 1, 1)), [0.0])
    >>> y[..., 0]
    array([[ 8., 15., 12.],
           [21., 36., 27.],
           [20., 33., 24.]])
    >>> pullback(np.ones_like(y))[1][..., 0, 0]
    array([[ 8., 15., 12.],
           [21., 36., 27.],
           [20., 33., 24.]])
    """
    given = _as_arguments(x, weight, bias)
    images, W, b = given
    plan = make_plan(images.shape, W.shape, stride, dilation, padding, groups)
    if b.shape != (W.shape[3],):
        raise ValueError(f"bias has shape {b.shape}; accepted is {(W.shape[3],)}, the output channels of weight.")
    padded = with_halo(images, *[(plan.padding, plan.padding)] * 2)
    y = _forward(plan, padded, W, b)
    value = y.reshape(*np.shape(x)[:-3], *y.shape[1:])

    def pullback(y_bar: ArrayLike) -> tuple[Floats, ...]:
        g = as_cotangent(y_bar, value).reshape(y.shape)
        x_bar, W_bar, b_bar = _input_gradient(plan, g, W), _weight_gradient(plan, padded, g), _channel_sums(g)
        return tuple(
            like(bar, a, a_) for bar, a, a_ in zip((x_bar, W_bar, b_bar), given, (x, weight, bias), strict=True)
        )

    return value, pullback


def conv_transpose2d_vjp(
    x: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike,
    *,
    stride: int = 1,
    dilation: int = 1,
    padding: int = 0,
    output_padding: int = 0,
    groups: int = 1,
) -> tuple[Floats, Pullback]:
    """Apply the adjoint of a convolution, which enlarges an image by its stride.

    Parameters
    ----------
    x : array_like, (h, w, c_in) or (n, h, w, c_in)
        Differentiable.
    weight : array_like, (k_h, k_w, c_out / groups, c_in)
        That of the convolution whose adjoint this is, from c_out channels to c_in; differentiable.
    bias : array_like, (c_out,)
        Differentiable.
    stride, dilation, padding, groups
        Of that convolution; see `conv2d_vjp`.
    output_padding : int
        Rows and columns more than the least; less than the stride.

    Returns
    -------
    y : ndarray, (.., h_out, w_out, c_out)
        ``h_out = stride (h - 1) + dilation (k_h - 1) + 1 - 2 padding + output_padding``.
    pullback : callable
        ``y_bar -> (x_bar, weight_bar, bias_bar)``; keeps x.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind, shape or range, or nothing would be left.

    Examples
    --------
    >>> y, _ = conv_transpose2d_vjp([[[1.0], [2.0]]], np.ones((1, 2, 1, 1)), [0.0], stride=2)
    >>> y[..., 0]
    array([[1., 1., 2., 2.]])
    """
    given = _as_arguments(x, weight, bias)
    images, W, b = given
    n, h, w, _ = images.shape
    stride, dilation = as_count(stride, name="stride", low=1), as_count(dilation, name="dilation", low=1)
    padding, groups = as_count(padding, name="padding"), as_count(groups, name="groups", low=1)
    more = as_count(output_padding, name="output_padding")
    if more >= stride:
        raise ValueError(f"output_padding is {more}; accepted is less than the stride, which is {stride}.")
    size = [
        stride * (length - 1) + dilation * (k - 1) + 1 - 2 * padding + more
        for length, k in zip((h, w), W.shape, strict=False)
    ]
    if min(size) < 1:
        raise ValueError(f"padding is {padding}, which leaves an image of {size[0]} x {size[1]} pixels.")
    plan = make_plan((n, *size, W.shape[2] * groups), W.shape, stride, dilation, padding, groups)
    if images.shape[3] != W.shape[3]:
        raise ValueError(f"x has {images.shape[3]} channels but weight is for {W.shape[3]}.")
    if b.shape != (W.shape[2] * groups,):
        raise ValueError(f"bias has shape {b.shape}; accepted is {(W.shape[2] * groups,)}, the output channels.")
    y = _input_gradient(plan, images, W) + b
    value = y.reshape(*np.shape(x)[:-3], *y.shape[1:])

    def pullback(y_bar: ArrayLike) -> tuple[Floats, ...]:
        g = as_cotangent(y_bar, value).reshape(y.shape)
        padded = with_halo(g, *[(padding, padding)] * 2)
        x_bar = _forward(plan, padded, W, np.zeros(W.shape[3], W.dtype))
        W_bar, b_bar = _weight_gradient(plan, padded, images), _channel_sums(g)
        return tuple(
            like(bar, a, a_) for bar, a, a_ in zip((x_bar, W_bar, b_bar), given, (x, weight, bias), strict=True)
        )

    return value, pullback


class Plan(NamedTuple):
    """A convolution without its numbers."""

    shape: tuple[int, int, int, int]  # of the input
    kernel: tuple[int, int]
    out: tuple[int, int]
    channels: int  # of the output
    stride: int
    dilation: int
    padding: int
    groups: int


def make_plan(
    shape: tuple[int, ...],
    weight: tuple[int, ...],
    stride: int,
    dilation: int,
    padding: int | None,
    groups: int,
) -> Plan:
    """Check that input, weights and numbers go together."""
    n, h, w, c = shape
    k_h, k_w, depth, channels = weight
    stride, dilation = as_count(stride, name="stride", low=1), as_count(dilation, name="dilation", low=1)
    groups = as_count(groups, name="groups", low=1)
    if padding is None:
        if k_h != k_w or k_h % 2 == 0:
            raise ValueError(f"padding is None, which accepts odd, square kernels; weight is for {k_h} x {k_w}.")
        padding = dilation * (k_h - 1) // 2
    padding = as_count(padding, name="padding")
    if channels % groups or c != depth * groups:
        raise ValueError(
            f"x has {c} channels but weight {weight} with {groups} groups is for {depth * groups} and must have a "
            "multiple of the groups as outputs."
        )
    out = tuple(
        (length + 2 * padding - dilation * (k - 1) - 1) // stride + 1 for length, k in ((h, k_h), (w, k_w))
    )
    if min(out) < 1:
        raise ValueError(f"the kernel {k_h} x {k_w} with dilation {dilation} is larger than the padded image.")
    return Plan((n, h, w, c), (k_h, k_w), (out[0], out[1]), channels, stride, dilation, padding, groups)


def with_halo(x: Floats, rows: tuple[int, int], columns: tuple[int, int]) -> Floats:
    """Return (n, h, w, c) images with zeros around."""
    if not any((*rows, *columns)):
        return x
    n, h, w, c = x.shape
    padded = np.zeros((n, h + sum(rows), w + sum(columns), c), x.dtype)
    padded[:, rows[0] : rows[0] + h, columns[0] : columns[0] + w] = x
    return padded


def pack(weight: Floats) -> Floats:
    """Return weights (taps, depth, channels) as the kernels read them: blocks of 16 channels, then 8."""
    taps, depth, channels = weight.shape
    whole = np.zeros((taps, depth, _whole(channels)), weight.dtype)
    whole[:, :, :channels] = weight
    return np.concatenate([whole[:, :, c : c + 16].ravel() for c in range(0, whole.shape[2], 16)])


def _unpack(packed: Floats, taps: int, depth: int, channels: int) -> Floats:
    size, whole = taps * depth, _whole(channels)
    blocks = [packed[size * c : size * min(c + 16, whole)].reshape(taps, depth, -1) for c in range(0, whole, 16)]
    return np.concatenate(blocks, axis=2)[:, :, :channels]


def _whole(channels: int) -> int:
    return -(-channels // LANES) * LANES


def _forward(plan: Plan, padded: Floats, W: Floats, b: Floats) -> Floats:
    taps = _taps(plan, padded)
    source = _source(plan, padded)
    if _is_depthwise(plan):
        y = np.empty((plan.shape[0], *plan.out, plan.channels), W.dtype)
        target = _steps(y)
        kernels.correlate_depthwise(
            padded.ravel(), source, taps, W.reshape(len(taps), -1), b, y.ravel(), target, plan.shape[0], *plan.out,
            plan.channels,
        )  # fmt: skip
        return y
    return _correlate(padded, source, taps, plan, W, b)


def _correlate(padded: Floats, source: Offsets, taps: Offsets, plan: Plan, W: Floats, b: Floats) -> Floats:
    """Run the kernel for each group; what a group's vectors write beyond it, the next group overwrites."""
    depth, channels = W.shape[2], plan.channels // plan.groups
    y = np.empty((plan.shape[0], *plan.out, (plan.groups - 1) * channels + _whole(channels)), W.dtype)
    target = _steps(y)
    for group in range(plan.groups):
        own = slice(group * channels, (group + 1) * channels)
        bias = np.zeros(_whole(channels), W.dtype)
        bias[:channels] = b[own]
        kernels.correlate(
            padded.ravel(), source + _shift(group * depth), taps, depth,
            pack(W[..., own].reshape(len(taps), depth, channels)), bias, y.ravel(), target + _shift(own.start),
            plan.shape[0], *plan.out, len(bias),
        )  # fmt: skip
    return np.ascontiguousarray(y[..., : plan.channels])


def _input_gradient(plan: Plan, g: Floats, W: Floats) -> Floats:
    """Return the gradient of the input: for each phase of its pixels a correlation of g."""
    n, h, w, c = plan.shape
    s, d, p = plan.stride, plan.dilation, plan.padding
    vertical, horizontal = (
        [_phase(f, s, d, p, k) for f in range(min(s, length))]
        for k, length in zip(plan.kernel, (h, w), strict=True)
    )
    above, below = _reach(vertical, h, s, plan.out[0])
    left, right = _reach(horizontal, w, s, plan.out[1])
    padded = with_halo(g, (above, below), (left, right))
    row, pixel = padded.shape[2] * padded.shape[3], padded.shape[3]
    depth, channels = W.shape[2], plan.channels // plan.groups
    x_bar = np.zeros((n, h, w, (plan.groups - 1) * depth + _whole(depth)), W.dtype)
    steps = _steps(x_bar)
    for fy, down in enumerate(vertical):
        for fx, across in enumerate(horizontal):
            if not (down and across):
                continue
            taps = np.array(
                [(above + y) * row + (left + x) * pixel for _, y in down for _, x in across], np.uint64
            )
            source = np.array([0, padded[0].size, row, pixel], np.uint64)
            target = np.array([0, steps[1], s * steps[2], s * steps[3]], np.uint64)
            target += _shift(int(fy * steps[2] + fx * steps[3]))
            rows, width = -(-(h - fy) // s), -(-(w - fx) // s)
            part = W[np.ix_([u for u, _ in down], [v for v, _ in across])]
            for group in range(plan.groups):
                own = part[..., group * channels : (group + 1) * channels].reshape(len(taps), depth, channels)
                kernels.correlate(
                    padded.ravel(), source + _shift(group * channels), taps, channels,
                    pack(own.transpose(0, 2, 1)), np.zeros(_whole(depth), W.dtype), x_bar.ravel(),
                    target + _shift(group * depth), n, rows, width, _whole(depth),
                )  # fmt: skip
    return np.ascontiguousarray(x_bar[..., :c])


def _phase(f: int, s: int, d: int, p: int, k: int) -> list[tuple[int, int]]:
    """Return for the pixels f, f + s, ...: which taps reach them, and from how many output pixels away."""
    return [(u, (f + p - d * u) // s) for u in range(k) if (f + p - d * u) % s == 0]


def _reach(phases: list[list[tuple[int, int]]], length: int, s: int, out: int) -> tuple[int, int]:
    """Return how many zeros before and after the output the phases read."""
    before = max((-offset for phase in phases for _, offset in phase), default=0)
    after = max(
        (-(-(length - f) // s) - 1 + offset - (out - 1) for f, phase in enumerate(phases) for _, offset in phase),
        default=0,
    )
    return max(before, 0), max(after, 0)


def _weight_gradient(plan: Plan, padded: Floats, g: Floats) -> Floats:
    taps, source = _taps(plan, padded), _source(plan, padded)
    depth, channels = plan.shape[3] // plan.groups, plan.channels // plan.groups
    parts = min(PARTS, plan.shape[0] * plan.out[0])
    if _is_depthwise(plan):
        sums = np.zeros((parts, len(taps), plan.channels), g.dtype)
        kernels.correlate_depthwise_weights(
            padded.ravel(), source, taps, g.ravel(), _steps(g), plan.shape[0], *plan.out, plan.channels, sums
        )
        return sums.sum(axis=0).reshape(*plan.kernel, 1, plan.channels)
    size = (plan.groups - 1) * channels + _whole(channels)
    if size > plan.channels:
        whole = np.zeros((*g.shape[:3], size), g.dtype)
        whole[..., : plan.channels] = g
        g = whole
    result = np.empty((*plan.kernel, depth, plan.channels), g.dtype)
    for group in range(plan.groups):
        sums = np.zeros((parts, len(taps) * depth * _whole(channels)), g.dtype)
        kernels.correlate_weights(
            padded.ravel(), source + _shift(group * depth), taps, depth, g.ravel(),
            _steps(g) + _shift(group * channels), plan.shape[0], *plan.out, _whole(channels), sums,
        )  # fmt: skip
        bar = _unpack(sums.sum(axis=0), len(taps), depth, channels)
        result[..., group * channels : (group + 1) * channels] = bar.reshape(*plan.kernel, depth, channels)
    return result


def _channel_sums(g: Floats) -> Floats:
    pixels = np.ascontiguousarray(g).reshape(-1, g.shape[-1])
    sums = np.zeros((min(PARTS, len(pixels)), g.shape[-1]))
    kernels.sum_channels(pixels, sums)
    return sums.sum(axis=0).astype(g.dtype)


def _is_depthwise(plan: Plan) -> bool:
    return plan.groups == plan.channels == plan.shape[3]


def _taps(plan: Plan, padded: Floats) -> Offsets:
    row, pixel = padded.shape[2] * padded.shape[3], padded.shape[3]
    (k_h, k_w), d = plan.kernel, plan.dilation
    return np.array([d * (u * row + v * pixel) for u in range(k_h) for v in range(k_w)], np.uint64)


def _source(plan: Plan, padded: Floats) -> Offsets:
    return _steps(padded) * np.array([1, 1, plan.stride, plan.stride], np.uint64)


def _steps(images: Floats) -> Offsets:
    """Return where an (n, h, w, c) array begins, and how far it is to the next image, row and pixel."""
    return np.array([0, images[0].size, images[0, 0].size, images.shape[3]], np.uint64)


def _shift(distance: int) -> Offsets:
    return np.array([distance, 0, 0, 0], np.uint64)


def _as_arguments(x: ArrayLike, weight: ArrayLike, bias: ArrayLike) -> tuple[Floats, Floats, Floats]:
    images = as_floats(x, name="x", ndim=(3, 4), accepted="(h, w, c) or (n, h, w, c)")
    W = as_floats(weight, name="weight", ndim=(4,), accepted="(k_h, k_w, c_in / groups, c_out)")
    b = as_floats(bias, name="bias", ndim=(1,), accepted="(c_out,)")
    dtype: Any = np.result_type(images, W, b)
    images = images.reshape(-1, *images.shape[-3:])
    return images.astype(dtype, copy=False), W.astype(dtype, copy=False), b.astype(dtype, copy=False)
