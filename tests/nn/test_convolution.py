import naive_nets
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from classmat.nn.convolution import conv2d_vjp, conv_transpose2d_vjp
from classmat.testing import check_adjoint, check_pullback

CHANNELS = [
    (3, 13, 1),
    (16, 16, 1),
    (24, 2, 1),
    (11, 8, 1),
    (6, 9, 3),
    (5, 5, 5),
    (4, 40, 1),
    (8, 16, 2),
    (1, 1, 1),
]


@st.composite
def convolutions(draw):
    """Draw arrays and numbers of a convolution whose kernel fits into the image."""
    c_in, c_out, groups = draw(st.sampled_from(CHANNELS))
    k_h, k_w, stride, dilation = (draw(st.integers(1, high)) for high in (4, 4, 3, 3))
    padding = draw(st.integers(0, 4))
    h, w, n = draw(st.integers(1, 14)), draw(st.integers(1, 30)), draw(st.integers(1, 2))
    assume(min(h + 2 * padding - dilation * (k_h - 1), w + 2 * padding - dilation * (k_w - 1)) >= 1)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    x, weight = rng.standard_normal((n, h, w, c_in)), rng.standard_normal((k_h, k_w, c_in // groups, c_out))
    static = {"stride": stride, "dilation": dilation, "padding": padding, "groups": groups}
    return (x, weight, rng.standard_normal(c_out)), static, rng


@given(convolutions())
def test_value_is_the_naive_twin_s(case):
    args, static, _ = case
    np.testing.assert_allclose(conv2d_vjp(*args, **static)[0], naive_nets.conv2d(*args, **static), atol=1e-11)


@given(convolutions())
def test_pullback_is_the_adjoint_in_every_argument(case):
    """A convolution is linear in each of its arguments, so their cotangents are known to rounding."""
    (x, weight, bias), static, rng = case
    y, pullback = conv2d_vjp(x, weight, np.zeros_like(bias), **static)
    g = rng.standard_normal(y.shape)
    for forward, arg, bar in zip(
        (
            lambda x: conv2d_vjp(x, weight, np.zeros_like(bias), **static)[0],
            lambda weight: conv2d_vjp(x, weight, np.zeros_like(bias), **static)[0],
            lambda bias: np.broadcast_to(bias, y.shape),
        ),
        (x, weight, bias),
        pullback(g),
        strict=True,
    ):
        assert abs(np.vdot(forward(arg), g) - np.vdot(arg, bar)) <= 1e-10 * (
            1 + np.linalg.norm(g) * np.linalg.norm(y)
        )


@given(convolutions(), st.integers(0, 2))
def test_transposed_convolution_is_the_adjoint_of_the_convolution(case, more):
    (x, weight, bias), static, rng = case
    assume(more < static["stride"])
    h, w = (
        static["stride"] * (length - 1) + static["dilation"] * (k - 1) + 1 - 2 * static["padding"] + more
        for length, k in zip(x.shape[1:3], weight.shape, strict=False)
    )
    assume(min(h, w) >= 1)
    y = rng.standard_normal((*x.shape[:3], len(bias)))
    zeros = np.zeros(x.shape[3])
    image = rng.standard_normal((len(x), h, w, x.shape[3]))
    check_adjoint(
        lambda image: conv2d_vjp(image, weight, np.zeros_like(bias), **static)[0],
        lambda y: conv_transpose2d_vjp(y, weight, zeros, output_padding=more, **static)[0],
        image,
        y,
    )


@pytest.mark.parametrize("case", CHANNELS)
@pytest.mark.parametrize("op", [conv2d_vjp, conv_transpose2d_vjp])
def test_pullback_by_finite_differences(op, case):
    c_in, c_out, groups = case
    rng = np.random.default_rng(0)
    channels = (c_in, c_out) if op is conv2d_vjp else (c_out, c_in)
    args = [rng.standard_normal((7, 9, channels[0])), rng.standard_normal((3, 2, c_in // groups, c_out))]
    check_pullback(op, [*args, rng.standard_normal(channels[1])], stride=2, dilation=2, padding=1, groups=groups)


@given(convolutions())
def test_float32_and_torch_agree(case):
    torch = pytest.importorskip("torch")
    (x, weight, bias), static, rng = case
    arrays = [a.astype(np.float32) for a in (x, weight, bias)]
    y, pullback = conv2d_vjp(*arrays, **static)
    assert y.dtype == np.float32
    tensors = [torch.tensor(a, requires_grad=True) for a in arrays]
    planes = torch.nn.functional.conv2d(
        tensors[0].permute(0, 3, 1, 2), tensors[1].permute(3, 2, 0, 1), tensors[2], **static
    )
    g = rng.standard_normal(y.shape).astype(np.float32)
    planes.backward(torch.tensor(g).permute(0, 3, 1, 2))
    expected = [planes.detach().permute(0, 2, 3, 1), *(tensor.grad for tensor in tensors)]
    for ours, theirs in zip((y, *pullback(g)), expected, strict=True):
        scale = max(1.0, float(theirs.abs().max()))
        np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-5 * scale)


def test_same_padding_keeps_the_size():
    for k, dilation in ((3, 1), (3, 8), (5, 2), (1, 3)):
        x = np.ones((5, 7, 2))
        assert conv2d_vjp(x, np.ones((k, k, 2, 4)), np.zeros(4), dilation=dilation)[0].shape == (5, 7, 4)


def test_the_result_does_not_depend_on_the_threads():
    numba = pytest.importorskip("numba")
    rng = np.random.default_rng(0)
    args = [rng.standard_normal((2, 33, 21, 5)), rng.standard_normal((3, 3, 5, 16)), rng.standard_normal(16)]
    results = []
    before = numba.get_num_threads()
    for threads in (1, before):
        numba.set_num_threads(threads)
        y, pullback = conv2d_vjp(*args, stride=2)
        results.append((y, *pullback(np.ones_like(y))))
    numba.set_num_threads(before)
    for one, two in zip(*results, strict=True):
        assert np.array_equal(one, two)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": np.ones((4, 4))}, "x has shape"),
        ({"x": np.full((4, 4, 2), np.nan)}, "x has"),
        ({"weight": np.ones((3, 3, 3, 2))}, "x has 2 channels but weight"),
        ({"weight": np.ones((4, 4, 2, 2))}, "padding is None"),
        ({"bias": np.ones(3)}, "bias has shape"),
        ({"stride": 0}, "stride"),
        ({"dilation": 0}, "dilation"),
        ({"padding": -1}, "padding"),
        ({"groups": 3}, "groups"),
        ({"padding": 0, "dilation": 4}, "larger than the padded image"),
    ],
)
def test_bad_input(change, message):
    arguments = {"x": np.ones((4, 4, 2)), "weight": np.ones((3, 3, 2, 2)), "bias": np.ones(2)} | change
    with pytest.raises((TypeError, ValueError), match=message):
        conv2d_vjp(**arguments)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"output_padding": 2}, "output_padding is 2"),
        ({"padding": 9}, "padding is 9"),
        ({"x": np.ones((4, 4, 5))}, "x has 5 channels"),
        ({"bias": np.ones(5)}, "bias has shape"),
    ],
)
def test_bad_input_of_the_transposed_one(change, message):
    arguments = {
        "x": np.ones((4, 4, 2)),
        "weight": np.ones((3, 3, 3, 2)),
        "bias": np.ones(3),
        "stride": 2,
    } | change
    with pytest.raises((TypeError, ValueError), match=message):
        conv_transpose2d_vjp(**arguments)
