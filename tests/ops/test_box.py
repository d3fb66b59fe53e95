import naive_filters
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from classmat.ops import box_mean_vjp, box_sum_vjp
from classmat.testing import check_adjoint

shapes = st.tuples(st.integers(1, 24), st.integers(1, 24))
ops = pytest.mark.parametrize("op", [box_sum_vjp, box_mean_vjp])


@ops
@given(
    shape=shapes, channels=st.sampled_from([(), (1,), (2,)]), radius=st.integers(0, 30), seed=st.integers(0, 99)
)
def test_pullback_is_the_adjoint(op, shape, channels, radius, seed):
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((2, *shape, *channels))
    pullback = op(x, radius=radius)[1]
    check_adjoint(lambda x: op(x, radius=radius)[0], lambda y: pullback(y)[0], x, y)
    forward, backward = np.vdot(op(x, radius=radius)[0], y), np.vdot(x, pullback(y)[0])
    assert abs(forward - backward) <= 1e-10 * np.linalg.norm(x) * np.linalg.norm(y) * (2 * radius + 1)


def test_values_are_those_of_the_naive_twin():
    src = np.random.default_rng(0).random((7, 9, 2))
    np.testing.assert_allclose(box_sum_vjp(src, radius=2)[0], naive_filters.box_sum(src, 2), rtol=1e-13)
    np.testing.assert_allclose(box_mean_vjp(src, radius=2)[0], naive_filters.box_mean(src, 2), rtol=1e-13)


def test_the_adjoint_of_the_mean_divides_first():
    """Not the mean of the cotangent: near the border the two differ by up to a factor of 9 / 4."""
    q_bar = np.random.default_rng(0).random((6, 7))
    count = naive_filters.box_sum(np.ones((6, 7)), 1)
    src_bar = box_mean_vjp(q_bar, radius=1)[1](q_bar)[0]
    np.testing.assert_allclose(src_bar, naive_filters.box_sum(q_bar / count, 1), rtol=1e-13)
    wrong = naive_filters.box_mean(q_bar, 1)
    assert np.abs(src_bar - wrong)[0].max() > 0.1
    np.testing.assert_allclose(src_bar[2:-2, 2:-2], wrong[2:-2, 2:-2], rtol=1e-13)


def test_what_a_mean_gives_sums_to_one():
    """A constant cotangent gives back as much as it has: every mean is of weights that sum to 1."""
    src_bar = box_mean_vjp(np.zeros((11, 5)), radius=3)[1](np.ones((11, 5)))[0]
    assert np.isclose(src_bar.sum(), 55, rtol=1e-14)


@ops
@pytest.mark.parametrize(
    ("src", "radius", "error", "words"),
    [
        (np.zeros((3, 4)), -1, ValueError, "radius is -1"),
        (np.zeros((3, 4)), None, TypeError, "radius is None"),
        (np.zeros((1, 1, 1, 1, 1)), 1, ValueError, "src has shape"),
        (np.full((3, 4), np.nan), 1, ValueError, "src has 12 values that are NaN"),
    ],
)
def test_bad_input(op, src, radius, error, words):
    with pytest.raises(error, match=words):
        op(src, radius=radius)
