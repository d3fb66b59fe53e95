"""The checks are checked: right derivatives pass, and every wrong one is caught and told well."""

import doctest
import functools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from classmat.testing import check_adjoint, check_pullback

RNG = np.random.default_rng(7)
MATRIX = RNG.standard_normal((5, 5))


def matmul_vjp(x):
    return MATRIX.astype(x.dtype) @ x, lambda y_bar: (MATRIX.T.astype(x.dtype) @ y_bar,)


def box_counts(n, radius):
    i = np.arange(n)
    return np.minimum(i + radius, n - 1) - np.maximum(i - radius, 0) + 1


def box_sum(x, radius):
    padded = np.pad(x, radius)
    return np.lib.stride_tricks.sliding_window_view(padded, 2 * radius + 1).sum(-1).astype(x.dtype)


def box_mean_vjp(src, *, radius, adjoint="right"):
    counts = box_counts(src.size, radius).astype(src.dtype)

    def pullback(q_bar):
        q_bar = np.asarray(q_bar, src.dtype)
        if adjoint == "right":
            return (box_sum(q_bar / counts, radius),)
        if adjoint == "forward again":
            return (box_sum(q_bar, radius) / counts,)
        return (box_sum(q_bar, radius) / (2 * radius + 1),)  # the count of an inner window everywhere

    return box_sum(src, radius) / counts, pullback


def quotient_vjp(x, y):
    q = x / (1 + y * y)
    return q, lambda q_bar: (q_bar / (1 + y * y), -2 * q * y / (1 + y * y) * q_bar)


def steep_vjp(x, eps):
    """Eps has to be moved by its own scale, which may be 1e-8."""
    q = x * x / (x * x + eps)
    return q, lambda q_bar: (
        2 * x * eps / (x * x + eps) ** 2 * q_bar,
        np.asarray(-(q * q_bar / (x * x + eps)).sum(), eps.dtype),
    )


def abs_vjp(x):
    return np.abs(x), lambda y_bar: (np.sign(x) * y_bar,)


def mean_vjp(x):
    return x.mean(), lambda m_bar: (np.full(x.shape, m_bar / x.size, x.dtype),)


@pytest.mark.parametrize(
    ("op", "args", "static"),
    [
        (matmul_vjp, [RNG.random(5)], {}),
        (box_mean_vjp, [RNG.random(9)], {"radius": 2}),
        (quotient_vjp, [RNG.random((3, 4)), RNG.random((3, 4))], {}),
        (steep_vjp, [1e-4 * RNG.random(30), 1e-8], {}),
        (abs_vjp, [RNG.standard_normal((24, 24))], {}),
        (mean_vjp, [RNG.random((2, 3, 4))], {}),
        (mean_vjp, [0.5], {}),
        (quotient_vjp, [[0, 0, 0], [1, 2, 3]], {}),
    ],
)
def test_right_derivatives_pass(op, args, static):
    check_pullback(op, args, **static)


@given(scale=st.sampled_from([1e-12, 1e-6, 1.0, 1e6, 1e12]), n=st.integers(1, 40), seed=st.integers(0, 99))
def test_units_do_not_matter(scale, n, seed):
    def op(x):
        return (x / scale) ** 3, lambda y_bar: ((3 * (x / scale) ** 2 / scale * y_bar).astype(x.dtype),)

    check_pullback(op, [scale * np.random.default_rng(seed).uniform(-1, 1, n)])


def off_by_a_thousandth_vjp(x, y):
    value, pullback = quotient_vjp(x, y)
    return value, lambda q_bar: (pullback(q_bar)[0], 1.001 * pullback(q_bar)[1])


def transposed_vjp(x):
    return matmul_vjp(x)[0], lambda y_bar: (MATRIX.astype(x.dtype) @ y_bar,)


def one_entry_wrong_vjp(x):
    def pullback(y_bar):
        bar = 2 * x * y_bar
        bar[1, 2] *= 1.01
        return (bar,)

    return x**2, pullback


@pytest.mark.parametrize(
    ("op", "args", "static", "argument"),
    [
        (off_by_a_thousandth_vjp, [RNG.random(6), RNG.random(6)], {}, "argument 1 ('y')"),
        (transposed_vjp, [RNG.random(5)], {}, "argument 0 ('x')"),
        (box_mean_vjp, [RNG.random(9)], {"radius": 2, "adjoint": "forward again"}, "argument 0 ('src')"),
        (box_mean_vjp, [RNG.random(9)], {"radius": 2, "adjoint": "inner count"}, "argument 0 ('src')"),
        (one_entry_wrong_vjp, [1 + RNG.random((3, 4))], {}, "worst entry [1, 2]"),
    ],
    ids=lambda value: (
        getattr(value, "__name__", None) or (value.get("adjoint") if isinstance(value, dict) else None)
    ),
)
def test_wrong_derivatives_are_caught(op, args, static, argument):
    with pytest.raises(AssertionError, match="is wrong") as caught:
        check_pullback(op, args, **static)
    report = str(caught.value)
    assert report.startswith(op.__name__)
    assert argument in report
    for word in ("analytic", "numeric", "relative error", "worst entry"):
        assert word in report


def test_the_report_has_both_values():
    with pytest.raises(AssertionError) as caught:
        check_pullback(lambda x: (3 * x, lambda y_bar: (2 * y_bar,)), [np.array([5.0])])
    worst = str(caught.value).splitlines()[-1].replace(",", "").split()
    assert worst[:4] == ["worst", "entry", "[0]:", "analytic"]
    assert float(worst[6]) == pytest.approx(1.5 * float(worst[4]))


def bad(pullback_of, value_of=lambda x: x**2):
    """Return the op x^2 with another pullback."""

    def square_vjp(x):
        return value_of(x), pullback_of(x)

    return square_vjp


def stateful(x):
    calls = []

    def pullback(y_bar):
        calls.append(y_bar)
        return (2 * x * sum(calls),)

    return pullback


SHARED = {}


def sharing(x):
    SHARED["x"] = x
    return lambda y_bar: (2 * SHARED["x"] * y_bar,)


def returning_its_residual(x):
    double = 2 * x
    return lambda y_bar: (double,)


def reusing_a_buffer(x):
    buffer = np.empty_like(x)

    def pullback(y_bar):
        np.multiply(2 * x, y_bar, out=buffer)
        return (buffer,)

    return pullback


def writing_to_the_cotangent(x):
    def pullback(y_bar):
        y_bar *= 2
        return (x * y_bar,)

    return pullback


def writing_to_the_argument(x):
    def value(x):
        result = x**2
        x += 1e-3
        return result

    return value(x)


def trusting_the_layout(x):
    return lambda y_bar: (2 * x * y_bar.ravel(order="K").reshape(y_bar.shape),)


@pytest.mark.parametrize(
    ("op", "words"),
    [
        (bad(stateful), "keeps a state"),
        (bad(sharing), "keeps a state"),
        (bad(returning_its_residual), "keeps a state"),
        (bad(reusing_a_buffer), "overwrites"),
        (bad(lambda x: lambda y_bar: (2 * x * np.clip(y_bar, -50, 50),)), "is not linear"),
        (bad(lambda x: lambda y_bar: (2 * x * y_bar + 1e-3,)), "is not linear"),
        (bad(lambda x: lambda y_bar: (2 * x * np.abs(y_bar),)), "is not linear"),
        (bad(lambda x: lambda y_bar: ((2 * x * y_bar).sum(),)), "has shape"),
        (bad(lambda x: lambda y_bar: ((2 * x * y_bar)[np.newaxis],)), "has shape"),
        (bad(lambda x: lambda y_bar: ((2 * x * y_bar).astype(np.float64),)), "dtype float64"),
        (bad(lambda x: lambda y_bar: 2 * x * y_bar), "expected is a tuple of 1"),
        (bad(lambda x: lambda y_bar: (2 * x * y_bar, y_bar)), "returned 2; expected is a tuple of 1"),
        (bad(lambda x: lambda y_bar: (2 * x * y_bar / 0,)), "not finite"),
        (bad(writing_to_the_cotangent), "the pullback changes its input"),
        (
            bad(lambda x: lambda y_bar: (2 * x * y_bar,), writing_to_the_argument),
            "the forward pass changes its input",
        ),
        (bad(trusting_the_layout), "non-contiguous"),
        (bad(lambda x: lambda y_bar: (2 * x * y_bar,), lambda x: x * np.nan), "finite"),
        (bad(lambda x: None), "expected is (value, pullback)"),
        (lambda x: x, "expected is (value, pullback)"),
        (bad(lambda x: lambda y_bar: (2 * x * y_bar * (1.01 if x.dtype == np.float32 else 1),)), "in float32"),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value")
def test_other_faults_of_a_pullback_are_caught(op, words):
    with pytest.raises(AssertionError) as caught:
        check_pullback(op, [1 + RNG.random((3, 4))])
    assert words in str(caught.value)


def test_options_that_an_op_shares_are_bound_with_partial():
    def op(x, *, tolerance):
        return tolerance * x, lambda y_bar: (tolerance * y_bar,)

    check_pullback(functools.partial(op, tolerance=3), [RNG.random(4)], tolerance=1e-8)


def test_double_precision_only():
    def op(x):
        x = np.asarray(x, np.float64)
        return 2 * x, lambda y_bar: (2.0 * np.asarray(y_bar, np.float64),)

    check_pullback(op, [RNG.random(4)], single=None)
    with pytest.raises(AssertionError, match="float32"):
        check_pullback(op, [RNG.random(4)])


def upsample(x):
    return np.repeat(x, 2, axis=-1)


def upsample_adjoint(y):
    return y.reshape(*y.shape[:-1], -1, 2).sum(-1)


def test_right_adjoints_pass():
    check_adjoint(upsample, upsample_adjoint, np.zeros((2, 3)), np.zeros((2, 6)))
    check_adjoint(lambda x: MATRIX @ x, lambda y: MATRIX.T @ y, RNG.random(5), RNG.random(5))
    check_adjoint(np.sum, lambda y: np.full((3, 4), y), np.zeros((3, 4)), 1.0)


def counting(x, calls=[]):  # noqa: B006
    calls.append(1)
    return len(calls) * x


def doubling_in_place(x):
    x *= 2
    return x


def box_mean(x):
    return box_mean_vjp(x, radius=1)[0]


@pytest.mark.parametrize(
    ("forward", "adjoint", "words"),
    [
        (lambda x: MATRIX @ x, lambda y: 1.001 * MATRIX.T @ y, "<forward"),
        (lambda x: MATRIX @ x, lambda y: MATRIX @ y, "<forward"),
        (box_mean, box_mean, "<forward"),
        (lambda x: x, lambda y: y[:-1], "has shape"),
        (lambda x: x[1:], lambda y: np.append(0, y), "has shape"),
        (counting, lambda y: y, "when called again"),
        (doubling_in_place, lambda y: 2 * y, "changes its input"),
        (lambda x: x + 1e-3, lambda y: y, "<forward"),
        (lambda x: x * np.nan, lambda y: y, "not finite"),
        (lambda x: x, lambda y: y.ravel(order="A")[::1] if y.flags.c_contiguous else -y, "non-contiguous"),
    ],
)
def test_wrong_adjoints_are_caught(forward, adjoint, words):
    with pytest.raises(AssertionError) as caught:
        check_adjoint(forward, adjoint, RNG.random(5), RNG.random(5))
    assert words in str(caught.value)


def test_nonlinear_functions_have_no_adjoint():
    with pytest.raises(AssertionError):
        check_adjoint(np.abs, lambda y: y, RNG.random(5), RNG.random(5))
    with pytest.raises(AssertionError, match="not linear"):
        check_adjoint(lambda x: np.clip(x, -1e3, 1e3), lambda y: y, RNG.random(5), RNG.random(5))


def test_the_examples_of_the_documentation_run():
    page = Path(__file__).parent.parent / "docs" / "math" / "checking.md"
    result = doctest.testfile(str(page), module_relative=False, optionflags=doctest.ELLIPSIS)
    assert result.attempted > 5
    assert result.failed == 0
