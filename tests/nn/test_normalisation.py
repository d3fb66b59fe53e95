import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from classmat.nn.activations import dropout_mask, dropout_vjp, relu6_vjp, relu_vjp, sigmoid_vjp
from classmat.nn.normalisation import batch_norm_vjp, channel_statistics, frozen_norm_vjp, instance_norm_vjp
from classmat.testing import check_pullback

own = pytest.mark.parametrize("op", [batch_norm_vjp, instance_norm_vjp])
sizes = st.integers(2, 9)


def draw(seed, h, w, n=2, c=3):
    rng = np.random.default_rng(seed)
    return 3 + rng.standard_normal((n, h, w, c)), rng.standard_normal(c), rng.standard_normal(c)


@own
@given(h=sizes, w=sizes, seed=sizes)
def test_own_statistics(op, h, w, seed):
    x, gamma, beta = draw(seed, h, w)
    axes = (0, 1, 2) if op is batch_norm_vjp else (1, 2)
    y, _ = op(x, gamma, beta)
    expected = gamma * (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + 1e-5) + beta
    np.testing.assert_allclose(y, expected, atol=1e-12)
    check_pullback(op, [x, gamma, beta])


@own
def test_float32_is_torch_s(op):
    torch = pytest.importorskip("torch")
    x, gamma, beta = (a.astype(np.float32) for a in draw(0, 13, 11, n=3, c=8))
    y, pullback = op(x, gamma, beta)
    tensors = [torch.tensor(a, requires_grad=True) for a in (x, gamma, beta)]
    planes = tensors[0].permute(0, 3, 1, 2)
    f = torch.nn.functional
    if op is batch_norm_vjp:
        theirs = f.batch_norm(planes, None, None, *tensors[1:], training=True)
    else:
        theirs = f.instance_norm(planes, None, None, *tensors[1:])
    g = np.random.default_rng(1).standard_normal(y.shape).astype(np.float32)
    theirs.backward(torch.tensor(g).permute(0, 3, 1, 2))
    np.testing.assert_allclose(y, theirs.detach().permute(0, 2, 3, 1).numpy(), atol=1e-5)
    for bar, tensor in zip(pullback(g), tensors, strict=True):
        assert bar.dtype == np.float32
        np.testing.assert_allclose(bar, tensor.grad.numpy(), atol=1e-5 * float(tensor.grad.abs().max()))


def test_frozen_statistics_are_those_of_the_batch():
    x, gamma, beta = draw(0, 5, 6)
    mean, variance = channel_statistics(x)
    y, _ = frozen_norm_vjp(x, gamma, beta, mean=mean, variance=variance)
    np.testing.assert_allclose(y, batch_norm_vjp(x, gamma, beta)[0], atol=1e-12)
    check_pullback(frozen_norm_vjp, [x, gamma, beta], mean=mean, variance=variance)


def test_a_constant_channel_is_finite():
    y, pullback = batch_norm_vjp(np.ones((4, 4, 2)), np.ones(2), np.zeros(2))
    assert not y.any()
    assert all(np.isfinite(bar).all() for bar in pullback(np.ones_like(y)))


@pytest.mark.parametrize("op", [relu_vjp, relu6_vjp, sigmoid_vjp])
@given(seed=st.integers(0, 99))
def test_activations(op, seed):
    x = np.random.default_rng(seed).uniform(-9, 9, (3, 4, 2))
    check_pullback(op, [x])


def test_sigmoid_has_both_tails():
    y, pullback = sigmoid_vjp(np.array([-80.0, -30.0, 30.0, 80.0]))
    np.testing.assert_allclose(y[:2], np.exp([-80.0, -30.0]), rtol=1e-12)
    np.testing.assert_allclose(pullback(np.ones(4))[0], np.exp([-80.0, -30.0, -30.0, -80.0]), rtol=1e-12)


@given(rate=st.floats(0, 0.9), seed=st.integers(0, 99))
def test_dropout_keeps_the_mean(rate, seed):
    mask = dropout_mask(np.random.default_rng(seed), (100, 100), rate, np.float64)
    assert abs(mask.mean() - 1) < 6 * (rate / (1 - rate)) ** 0.5 / 100 + 1e-12
    check_pullback(dropout_vjp, [np.random.default_rng(seed).standard_normal((100, 100))[:3]], mask=mask[:3])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: batch_norm_vjp(np.ones((3, 3)), [1.0], [0.0]), "x has shape"),
        (lambda: batch_norm_vjp(np.ones((3, 3, 2)), [1.0], [0.0, 0.0]), "gamma has shape"),
        (lambda: batch_norm_vjp(np.ones((3, 3, 1)), [1.0], [0.0], eps=0), "eps"),
        (lambda: frozen_norm_vjp(np.ones((3, 3, 1)), [1.0], [0.0], mean=[0.0], variance=[-1.0]), "variance is -1"),
        (lambda: dropout_mask(np.random.default_rng(0), (2,), 1.0), "rate is 1"),
        (lambda: dropout_vjp([1.0], mask=[1.0, 0.0]), "mask has shape"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call()
