import naive_solver
import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from classmat.laplacians.closed_form import closed_form_laplacian
from classmat.laplacians.matrix_free import multiply, pull_back

sizes = st.integers(1, 24)
channels = st.sampled_from([1, 3])


@given(h=sizes, w=sizes, c=channels, log_eps=st.floats(-8, 0), seed=st.integers(0, 999))
def test_product_is_that_of_the_naive_matrix(h, w, c, log_eps, seed):
    rng = np.random.default_rng(seed)
    image, x = rng.random((h, w, c)), rng.standard_normal((h, w))
    expected = naive_solver.closed_form_laplacian(image, 10**log_eps) @ x.ravel()
    np.testing.assert_allclose(multiply(image, x, 10**log_eps, 1).ravel(), expected, atol=1e-11)


@pytest.mark.parametrize("radius", [1, 2, 5])
def test_product_of_other_radii_and_wide_images(radius):
    rng = np.random.default_rng(0)
    image, x = rng.random((37, 150, 3)), rng.standard_normal((37, 150))
    expected = closed_form_laplacian(image, eps=1e-3, radius=radius) @ x.ravel()
    np.testing.assert_allclose(multiply(image, x, 1e-3, radius).ravel(), expected, atol=1e-11)


@given(h=sizes, w=st.integers(1, 150), radius=st.integers(1, 2), spots=st.integers(0, 6), seed=st.integers(0, 999))
def test_constant_parts_are_left_out_rightly(h, w, radius, spots, seed):
    """Where x is constant no window is formed; the product must not tell."""
    rng = np.random.default_rng(seed)
    image, x = rng.random((h, w, 3)), np.full((h, w), 0.7)
    x[rng.integers(0, h, spots), rng.integers(0, w, spots)] = rng.random(spots)
    expected = closed_form_laplacian(image, eps=1e-3, radius=radius) @ x.ravel()
    np.testing.assert_allclose(multiply(image, x, 1e-3, radius).ravel(), expected, atol=1e-11)


def test_weight_is_added():
    rng = np.random.default_rng(0)
    image, x, weight = rng.random((20, 9, 3)), rng.random((20, 9)), rng.random((20, 9))
    expected = multiply(image, x, 1e-3, 1) + weight * x
    np.testing.assert_allclose(multiply(image, x, 1e-3, 1, weight=weight), expected, atol=1e-14)


@given(h=sizes, w=sizes, c=channels, log_eps=st.floats(-8, 0), seed=st.integers(0, 999))
def test_what_does_not_change_the_matrix_has_no_derivative(h, w, c, log_eps, seed):
    """Adding a constant to the image does nothing, scaling it is scaling eps."""
    rng = np.random.default_rng(seed)
    eps = 10**log_eps
    image, x, v = rng.random((h, w, c)), rng.random((h, w)), rng.random((h, w))
    bar, eps_bar = pull_back(image, x, v, eps, 1)
    scale = max(np.abs(bar).sum(), 1e-3)
    assert np.abs(bar.sum(axis=(0, 1))).max() <= 1e-9 * scale
    assert abs((image * bar).sum() + 2 * eps * eps_bar) <= 1e-9 * scale


def test_derivatives_are_symmetric_in_both_planes():
    rng = np.random.default_rng(0)
    image, x, v = rng.random((40, 70, 3)), rng.random((40, 70)), rng.random((40, 70))
    for one, other in zip(pull_back(image, x, v, 1e-3, 2), pull_back(image, v, x, 1e-3, 2), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)


def test_same_bits_for_any_number_of_threads():
    if numba.config.NUMBA_NUM_THREADS < 2:
        pytest.skip("needs two threads")
    rng = np.random.default_rng(0)
    image, x, v = rng.random((100, 70, 3)), rng.random((100, 70)), rng.random((100, 70))
    results = []
    for n in (1, numba.config.NUMBA_NUM_THREADS):
        numba.set_num_threads(n)
        results.append((multiply(image, x, 1e-7, 1), *pull_back(image, x, v, 1e-7, 1)))
    for one, other in zip(*results, strict=True):
        np.testing.assert_array_equal(one, other)
