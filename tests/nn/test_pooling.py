import naive_nets
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from classmat.nn.pooling import adaptive_mean_pool2d_vjp, max_pool2d, max_pool2d_vjp, max_unpool2d_vjp
from classmat.testing import check_adjoint, check_pullback

sizes = st.integers(1, 12)


@given(h=sizes, w=sizes, size=st.integers(1, 4), stride=st.integers(1, 3), padding=st.integers(0, 2), seed=sizes)
def test_max_pool(h, w, size, stride, padding, seed):
    assume(2 * padding <= size <= min(h, w) + 2 * padding)
    x = np.random.default_rng(seed).standard_normal((h, w, 3))
    y, places = max_pool2d(x, size=size, stride=stride, padding=padding)
    np.testing.assert_array_equal(y, naive_nets.max_pool2d(x, size, stride, padding))
    channel = np.broadcast_to(np.arange(3), places.shape)
    np.testing.assert_array_equal(x.reshape(h * w, 3)[places, channel], y)
    check_pullback(max_pool2d_vjp, [x], size=size, stride=stride, padding=padding)


@pytest.mark.parametrize(
    "static", [{"ceil_mode": True}, {"size": 3, "stride": 2, "padding": 1, "ceil_mode": True}]
)
def test_ceil_mode_is_torch_s(static):
    torch = pytest.importorskip("torch")
    for h, w in ((4, 5), (7, 9), (3, 3), (1, 8)):
        x = np.random.default_rng(0).standard_normal((2, h, w, 3))
        size, stride, padding = static.get("size", 2), static.get("stride", 2), static.get("padding", 0)
        expected, where = torch.nn.functional.max_pool2d(
            torch.tensor(x).permute(0, 3, 1, 2), size, stride, padding, ceil_mode=True, return_indices=True
        )
        y, places = max_pool2d(x, **static)
        np.testing.assert_array_equal(y, expected.permute(0, 2, 3, 1).numpy())
        np.testing.assert_array_equal(places, where.permute(0, 2, 3, 1).numpy())


@given(h=st.integers(2, 9), w=st.integers(2, 9), seed=sizes)
def test_unpooling_undoes_pooling_at_the_maxima(h, w, seed):
    x = np.random.default_rng(seed).random((2, h, w, 3))
    y, places = max_pool2d(x)
    back, pullback = max_unpool2d_vjp(y, places=places, height=h, width=w)
    assert np.array_equal(np.where(back > 0, x, 0), back)
    assert (back > 0).sum() == y.size
    check_adjoint(
        lambda y: max_unpool2d_vjp(y, places=places, height=h, width=w)[0], lambda g: pullback(g)[0], y, x
    )


@given(h=sizes, w=sizes, height=st.integers(1, 7), width=st.integers(1, 7), seed=sizes)
def test_adaptive_mean_pool(h, w, height, width, seed):
    x = np.random.default_rng(seed).standard_normal((2, h, w, 3))
    y, pullback = adaptive_mean_pool2d_vjp(x, height=height, width=width)
    for i, j in np.ndindex(height, width):
        rows = slice(i * h // height, -(-(i + 1) * h // height))
        columns = slice(j * w // width, -(-(j + 1) * w // width))
        np.testing.assert_allclose(y[:, i, j], x[:, rows, columns].mean(axis=(1, 2)), atol=1e-13)
    check_adjoint(
        lambda x: adaptive_mean_pool2d_vjp(x, height=height, width=width)[0], lambda g: pullback(g)[0], x, y
    )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: max_pool2d(np.ones((3, 3))), "x has shape"),
        (lambda: max_pool2d(np.ones((3, 3, 1)), size=0), "size"),
        (lambda: max_pool2d(np.ones((3, 3, 1)), size=4), "at least a window"),
        (lambda: max_pool2d(np.ones((3, 3, 1)), padding=2), "padding is 2"),
        (lambda: max_unpool2d_vjp(np.ones((1, 1, 1)), places=[[[4]]], height=2, width=2), "places has values"),
        (lambda: max_unpool2d_vjp(np.ones((1, 1, 1)), places=[[[0.5]]], height=2, width=2), "places is float64"),
        (lambda: adaptive_mean_pool2d_vjp(np.ones((3, 3, 1)), height=0), "height"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call()
