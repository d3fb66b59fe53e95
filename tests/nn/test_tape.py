"""The tape against HIPS autograd on random graphs, against differences, and what it promises of memory and calls."""

import weakref
from typing import NamedTuple

import autograd
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from classmat import ops
from classmat.nn import tape
from classmat.testing import check_pullback

RNG = np.random.default_rng(0)

UNARY = {
    "neg": lambda x: -x,
    "square": lambda x: x**2,
    "cube": lambda x: x**3.0,
    "one": lambda x: x**0,
    "power": lambda x: (x * x + 0.5) ** 0.7,
    "exponential": lambda x: 2.0**x,
    "tame": lambda x: x / (1 + x * x),
    "inverse": lambda x: 1.5 / (x * x + 1),
    "from a constant": lambda x: 3 - x,
    "array on the left": lambda x: np.arange(2.0).reshape(2, 1) * x,
    "sum": lambda x: x.sum(),
    "sum of rows": lambda x: x.sum(axis=-1, keepdims=True) if x.ndim else x,
    "sum of columns": lambda x: x.sum(axis=0) if x.ndim else x,
    "mean": lambda x: x.mean(),
    "mean of two axes": lambda x: x.mean(axis=(0, -1)) if x.ndim > 1 else x,
    "flat": lambda x: x.reshape(-1),
    "column": lambda x: x.reshape((-1, 1)),
    "transposed": lambda x: x.transpose(),
    "turned": lambda x: x.transpose(tuple(np.roll(range(x.ndim), 1))) if x.ndim else x,
    "first": lambda x: x[0] if x.ndim else x,
    "reversed": lambda x: x[..., ::-1] if x.ndim else x,
    "new axis": lambda x: x[None] if x.ndim < 3 else x,
    "repeated": lambda x: x[np.array([0, -1, 0])] if x.ndim else x,
    "mask": lambda x: x[np.arange(x.shape[0]) % 2 == 0] if x.ndim else x,
}
BINARY = {
    "add": lambda x, y: x + y,
    "subtract": lambda x, y: x - y,
    "multiply": lambda x, y: x * y,
    "divide": lambda x, y: x / (y * y + 1),
    "power": lambda x, y: (x * x + 0.5) ** y,
    "matmul": lambda x, y: x @ y,
}
SHAPES = [(), (3,), (1, 3), (2, 1), (2, 3), (3, 3), (2, 3, 3), (3, 1, 3)]


@st.composite
def programs(draw):
    """Arrays, and steps that each make a value from earlier ones."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    arrays = [
        rng.uniform(-1, 1, shape) for shape in draw(st.lists(st.sampled_from(SHAPES), min_size=1, max_size=3))
    ]
    values, steps = list(arrays), []
    for _ in range(draw(st.integers(1, 8))):
        places = st.integers(0, len(values) - 1)
        name = draw(st.sampled_from([*UNARY.values(), *BINARY.values()]))
        inputs = [draw(places) for _ in range(1 + (name in BINARY.values()))]
        try:
            value = name(*(values[place] for place in inputs))
        except ValueError:  # shapes do not fit
            continue
        if np.size(value) <= 200 and np.all(np.abs(value) < 1e3):
            values.append(value)
            steps.append((name, inputs))
    return arrays, steps


def run(steps, arrays):
    values = list(arrays)
    for function, inputs in steps:
        values.append(function(*(values[place] for place in inputs)))
    return sum((value * value).sum() for value in values)  # all are used, most of them more than once


@given(programs())
def test_random_graphs_agree_with_autograd(program):
    arrays, steps = program
    variables = tape.watch(arrays)
    loss = run(steps, variables)
    expected = autograd.grad(lambda arrays: run(steps, arrays))(arrays)
    assert loss.value == pytest.approx(run(steps, arrays))
    for array, bar, other in zip(arrays, tape.gradients(loss, variables), expected, strict=True):
        assert (bar.shape, bar.dtype) == (array.shape, array.dtype)
        np.testing.assert_allclose(bar, other, rtol=1e-9, atol=1e-9 * (1 + np.abs(other).max()))


MATRICES = [
    ((3,), (3,)),
    ((2, 3), (3,)),
    ((3,), (3, 2)),
    ((4, 2, 3), (3, 5)),
    ((3,), (4, 3, 2)),
    ((4, 1, 2, 3), (2, 3, 2)),
]


def as_op(function):
    """Return a function of variables as an op, for the public check of ops."""

    def recorded_vjp(*args):
        variables = [tape.Variable(arg) for arg in args]
        value = function(*variables)

        def pullback(bar):
            return tuple(tape.gradients(value, variables, cotangent=bar, keep=True))

        return value.value, pullback

    return recorded_vjp


@pytest.mark.parametrize("shapes", MATRICES)
def test_matmul_is_exact(shapes):
    check_pullback(as_op(lambda a, b: a @ b), [RNG.standard_normal(shape) for shape in shapes])


@pytest.mark.parametrize(
    "function",
    [
        lambda x, y: x**y,
        lambda x, y: (x / y - y * 2).mean(axis=1, keepdims=True),
        lambda x, y: tape.apply(ops.feathering_vjp, x * x, y + x.sum(), x, y, x * y.mean(), radius=1),
        lambda x, y: x.transpose(-1, 0) @ y,
        lambda x, y: tape.apply(ops.alpha_loss_vjp, x[:, ::2], y.transpose().reshape(4, 5)[:, ::2]),
    ],
)
def test_compositions_are_exact(function):
    check_pullback(as_op(function), [RNG.uniform(0.5, 1, (4, 5)), RNG.uniform(0.5, 1, (4, 5))])


def test_constants_at_the_edge_of_a_power():
    x = tape.Variable([0.0, 2.0])
    np.testing.assert_array_equal(tape.gradients(x**0, x, cotangent=[1, 1]), [0, 0])
    np.testing.assert_array_equal(tape.gradients(x**1, x, cotangent=[1, 1]), [1, 1])
    np.testing.assert_allclose(tape.gradients(0.0 ** (x + 1), x, cotangent=[1, 1]), [0, 0])


def test_a_chain_of_ten_thousand():
    x = y = tape.Variable(1.0)
    for _ in range(10_000):
        y = y * 0.999 + x
    expected = np.polynomial.Polynomial([1.0] * 10_000)(0.999) + 0.999**10_000
    np.testing.assert_allclose(tape.gradients(y, x), expected)


def test_a_chain_that_is_thrown_away():
    y = tape.Variable(1.0)
    for _ in range(30_000):
        y = y + 1
    del y


def counted(calls, name):
    def double_vjp(*arrays):
        def pullback(bar):
            calls.append(name)
            return tuple(2 * bar for _ in arrays)

        return 2 * sum(arrays), pullback

    return double_vjp


def test_each_pullback_is_called_once_and_when_its_cotangent_is_complete():
    calls = []
    x = y = tape.Variable(1.0)
    for level in range(20):  # 2^20 paths
        left, right = [tape.apply(counted(calls, (level, side)), y) for side in "lr"]
        y = tape.apply(counted(calls, (level, "join")), left, right)
    assert tape.gradients(y, x) == 8.0**20
    assert len(calls) == len(set(calls)) == 60
    assert [level for level, _ in calls] == sorted((level for level, _ in calls), reverse=True)


def test_constants_are_not_recorded():
    calls = []
    x, constant = tape.Variable([1.0, 2.0]), np.array([3.0, 4.0])
    assert isinstance(tape.apply(counted(calls, ""), constant), np.ndarray)
    y = tape.apply(counted(calls, "op"), x, constant) * constant + tape.value_of(x * x)
    np.testing.assert_array_equal(tape.gradients(y, x, cotangent=[1, 1]), 2 * constant)
    assert calls == ["op"]

    class Watched(np.ndarray):
        pass

    array = np.ones(3).view(Watched)
    alive = weakref.ref(array)
    total = (tape.Variable(np.ones(3)) + array).sum()
    del array
    assert alive() is None, "a sum keeps what it does not need"
    assert total.value == 6


def test_what_is_behind_is_freed_on_the_way():
    class Watched(np.ndarray):
        pass

    alive = []
    x = tape.Variable(1.0)
    y = x
    for number in range(5):

        def op_vjp(value, number=number):
            residual = np.ones(3).view(Watched)
            alive.append(weakref.ref(residual))

            def pullback(bar, residual=residual):
                assert [one() is not None for one in alive] == [i <= number for i in range(5)]
                return (bar * residual[0],)

            return np.asarray(value), pullback

        y = tape.apply(op_vjp, y)
    tape.gradients(y, x)
    assert all(one() is None for one in alive)


def test_going_back_again():
    x = tape.Variable(3.0)
    y = x * x
    assert tape.gradients(y, x, keep=True) == 6
    assert tape.gradients(y * 2, x) == 12
    with pytest.raises(RuntimeError, match="keep=True"):
        tape.gradients(y, x)


def test_results_on_the_way_and_variables_without_influence():
    x, other = tape.Variable([1.0, 2.0]), tape.Variable(np.ones((2, 2), np.float32))
    y = x * 3
    loss = (y * y).sum()
    bars = tape.gradients(loss, {"x": x, "y": [y, loss], "other": (other, None)})
    np.testing.assert_array_equal(bars["x"], 18 * x.value)
    np.testing.assert_array_equal(bars["y"][0], 6 * x.value)
    assert bars["y"][1] == 1
    assert bars["other"][0].dtype == np.float32
    assert not bars["other"][0].any()
    assert bars["other"][1] is None


def test_gradients_share_no_memory():
    a, b, c = (tape.Variable(np.ones((2, 3))) for _ in range(3))
    seed = np.ones((2, 3))
    total = a + b + c.reshape(3, 2).reshape(2, 3)
    bars = tape.gradients(total, [a, b, c, a], cotangent=seed)
    for bar in bars:
        bar += 1
    assert all((bar == 2).all() for bar in bars)
    assert (seed == 1).all()


def test_single_precision_stays():
    x, y = tape.Variable(np.ones(3, np.float32)), tape.Variable(np.ones(3))
    single = (2 * x + 1) ** 2 / 3 - x.mean()
    assert single.dtype == np.float32
    mixed = (single * y).sum()
    assert mixed.dtype == np.float64
    assert [bar.dtype for bar in tape.gradients(mixed, [x, y])] == [np.float32, np.float64]
    assert tape.Variable([1, 2]).dtype == np.float64


def test_a_sum_over_many_pixels_in_single_precision():
    """The cotangent of a bias that is added to every pixel."""
    bias = tape.Variable(np.zeros((), np.float32))
    weights = np.full((1000, 1000), 0.1, np.float32)
    bar = tape.gradients(bias + np.zeros((1000, 1000), np.float32), bias, cotangent=weights)
    assert bar == pytest.approx(1e6 * float(np.float32(0.1)), rel=1e-7)


class Layer(NamedTuple):
    w: object
    b: object


def test_trees_of_parameters():
    params = {
        "layers": [Layer(np.ones((2, 3)), np.zeros(2)), Layer(np.ones((1, 2)), None)],
        "scale": np.array(2.0),
    }

    def net(params, x):
        for layer in params["layers"]:
            x = x @ layer.w.transpose()
            x = x if layer.b is None else x + layer.b
        return (x * params["scale"]).mean()

    x = RNG.random((5, 3))
    loss, bars = tape.value_and_gradients(net, params, x)
    assert loss == net(params, x)  # the same code, without a tape
    assert isinstance(bars["layers"][1], Layer)
    assert bars["layers"][1].b is None
    np.testing.assert_allclose(bars["layers"][0].b, [2, 2])
    np.testing.assert_allclose(bars["scale"], loss / 2)
    stepped = tape.map_tree(lambda p, g: p - 0.1 * g, params, bars)
    assert net(stepped, x) < loss


def test_fitting_a_line():
    x = RNG.random((50, 1))
    params = {"w": np.zeros((1, 1)), "b": np.zeros(())}
    for _ in range(500):
        _, bars = tape.value_and_gradients(lambda p: ((x @ p["w"] + p["b"] - (3 * x - 1)) ** 2).mean(), params)
        params = tape.map_tree(lambda p, g: p - 0.5 * g, params, bars)
    np.testing.assert_allclose([params["w"].item(), params["b"]], [3, -1], atol=1e-3)


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (lambda x: tape.Variable("text"), TypeError, "value is a str"),
        (lambda x: tape.Variable([1j]), TypeError, "value has dtype complex128"),
        (lambda x: tape.Variable(x), TypeError, "value is a Variable"),
        (
            lambda x: tape.gradients(x * 2, x),
            ValueError,
            r"the value has shape \(2,\); without one, accepted is \(\)",
        ),
        (lambda x: tape.gradients(x, x, cotangent=1.0), ValueError, r"the cotangent's is \(\)"),
        (lambda x: tape.gradients(x.sum(), x.value), TypeError, "a ndarray has no gradient"),
        (lambda x: tape.gradients(np.ones(()), x), TypeError, "a ndarray has no gradient"),
        (lambda x: tape.apply(ops.box_sum_vjp, np.ones((2, 2)), radius=x), TypeError, "radius is a Variable"),
        (lambda x: np.exp(x), TypeError, "Variable"),
        (lambda x: tape.map_tree(max, {"a": 1}, {"b": 1}), ValueError, "trees differ"),
        (lambda x: tape.map_tree(max, [1], [1, 2]), ValueError, "argument 2 is longer"),
    ],
)
def test_bad_input(call, kind, words):
    with pytest.raises(kind, match=words):
        call(tape.Variable([1.0, 2.0]))


def test_cotangents_of_scalars_may_be_floats():
    def scale_vjp(x, s):
        return x * s, lambda bar: (bar * s, float((bar * x).sum()))

    x, s = np.arange(3.0, dtype=np.float32), tape.Variable(np.float32(2))
    found = tape.gradients(tape.apply(scale_vjp, x, s * s).sum(), s)
    assert isinstance(found, np.ndarray)
    assert (found, found.dtype) == (12, np.float32)
