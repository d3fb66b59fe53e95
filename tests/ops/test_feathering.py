import naive_filters
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from classmat.ops import feathering_vjp
from classmat.testing import check_pullback

sizes = st.integers(1, 24)


def planes(*shape, seed=0):
    return list(np.random.default_rng(seed).standard_normal((5, *shape)))


@given(h=sizes, w=sizes, batch=st.sampled_from([(), (2,)]), radius=st.integers(0, 30), seed=st.integers(0, 99))
def test_pullback(h, w, batch, radius, seed):
    check_pullback(feathering_vjp, planes(*batch, h, w, seed=seed), seed=seed, radius=radius)


def test_equations_2_and_5():
    a, b, c, S_F, S_B = planes(6, 7)
    alpha = feathering_vjp(a, b, c, S_F, S_B, radius=1)[0]
    mean_a, mean_b, mean_c = (naive_filters.box_mean(x, 1) for x in (a, b, c))
    np.testing.assert_allclose(alpha, mean_a * S_F + mean_b * S_B + mean_c, rtol=0, atol=1e-14)
    np.testing.assert_array_equal(feathering_vjp(a, b, c, S_F, S_B)[0], a * S_F + b * S_B + c)


def test_where_scores_sum_to_one_a_constant_may_move_from_c_to_a_and_b():
    a, b, c, S_F, _ = planes(6, 7)
    alpha = feathering_vjp(a, b, c, S_F, 1 - S_F, radius=1)[0]
    moved = feathering_vjp(a + 0.3, b + 0.3, c - 0.3, S_F, 1 - S_F, radius=1)[0]
    np.testing.assert_allclose(moved, alpha, rtol=0, atol=1e-14)


def test_the_cotangent_of_c_divides_by_the_counts_first():
    bars = feathering_vjp(*planes(6, 7), radius=1)[1](np.ones((6, 7)))
    count = naive_filters.box_sum(np.ones((6, 7)), 1)
    np.testing.assert_allclose(bars[2], naive_filters.box_sum(1 / count, 1), rtol=1e-13)


def test_a_value_is_not_one_of_the_arguments():
    a, b, c, S_F, S_B = planes(3, 4)
    kept = c.copy()
    alpha = feathering_vjp(a, b, c, 0 * S_F, 0 * S_B)[0]
    alpha += 1
    np.testing.assert_array_equal(c, kept)


@pytest.mark.parametrize(
    ("change", "radius", "error", "words"),
    [
        ({}, -1, ValueError, "radius is -1"),
        ({}, 0.5, TypeError, "radius is 0.5"),
        ({2: np.zeros((3, 5))}, 0, ValueError, "a has shape .* but c has shape"),
        ({3: np.full((3, 4), np.nan)}, 0, ValueError, "S_F has 12 values that are NaN"),
        ({4: "scores"}, 0, TypeError, "S_B is a str"),
    ],
)
def test_bad_input(change, radius, error, words):
    args = [change.get(k, x) for k, x in enumerate(planes(3, 4))]
    with pytest.raises(error, match=words):
        feathering_vjp(*args, radius=radius)
