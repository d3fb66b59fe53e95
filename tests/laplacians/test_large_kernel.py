"""The large-kernel operator against the assembled matrix, and its laws."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse.linalg import LinearOperator

import classmat as cm
from classmat.laplacians.large_kernel import large_kernel_operator


@given(
    h=st.integers(1, 14),
    w=st.integers(1, 14),
    radius=st.integers(1, 6),
    eps=st.sampled_from([1e-3, 1e-7]),
    seed=st.integers(0, 99),
    grey=st.booleans(),
)
def test_equals_the_assembled_matrix(h, w, radius, eps, seed, grey):
    rng = np.random.default_rng(seed)
    image, p = rng.random((h, w) if grey else (h, w, 3)), rng.normal(size=h * w)
    L = cm.closed_form_laplacian(image, eps=eps, radius=radius)
    operator = large_kernel_operator(image, eps=eps, radius=radius)
    tolerance = 1e-8 * (2 * radius + 1) ** 2
    assert np.abs(operator @ p - L @ p).max() < tolerance
    assert np.abs(operator.diagonal() - L.diagonal()).max() < tolerance


@given(seed=st.integers(0, 99), radius=st.integers(1, 5), density=st.sampled_from([0.0, 0.01, 0.1, 0.6]))
def test_mask_gives_the_submatrix(seed, radius, density):
    rng = np.random.default_rng(seed)
    image, mask = rng.random((17, 23, 3)), rng.random((17, 23)) < density
    L = cm.closed_form_laplacian(image, radius=radius)[mask.ravel()]
    operator = large_kernel_operator(image, radius=radius, mask=mask)
    assert operator.shape == (mask.sum(), mask.sum())
    p = rng.normal(size=(17, 23))
    assert np.abs(operator.apply(p) - L @ p.ravel()).max(initial=0) < 1e-6
    assert np.abs(operator @ p[mask] - L[:, mask.ravel()] @ p[mask]).max(initial=0) < 1e-6
    assert np.abs(operator.diagonal() - L[:, mask.ravel()].diagonal()).max(initial=0) < 1e-6


def test_sums_that_begin_anew_down_a_tall_image():
    image = np.random.default_rng(0).random((300, 9, 3))
    p = np.random.default_rng(1).random(2700)
    operator = large_kernel_operator(image, radius=3)
    assert np.abs(operator @ p - cm.closed_form_laplacian(image, radius=3) @ p).max() < 1e-6


@given(seed=st.integers(0, 99))
def test_symmetric_positive_and_colours_cost_nothing(seed):
    rng = np.random.default_rng(seed)
    image, p, q = rng.random((20, 30, 3)), rng.normal(size=600), rng.normal(size=600)
    operator = large_kernel_operator(image, radius=4)
    assert isinstance(operator, LinearOperator)
    assert abs(p @ (operator @ q) - q @ (operator @ p)) < 1e-6
    assert p @ (operator @ p) > 0
    assert np.abs(operator @ np.ones(600)).max() < 1e-8
    assert np.abs(operator @ (image @ rng.normal(size=3)).ravel()).max() < 1e-5


@pytest.mark.parametrize("value", [0.0, 0.4, 1.0])
def test_a_constant_image_is_smoothed_by_box_means(value):
    """Without colour the fit in a window is its mean."""
    image, p = np.full((12, 15, 3), value), np.random.default_rng(0).random(180)
    operator = large_kernel_operator(image, radius=2)
    assert np.abs(operator @ p - cm.closed_form_laplacian(image, radius=2) @ p).max() < 1e-8


def test_solve_takes_it():
    image = np.random.default_rng(0).random((20, 30, 3))
    mask = np.zeros((20, 30), bool)
    mask[5:15, 8:20] = True
    operator = large_kernel_operator(image, radius=3, mask=mask)
    b = np.random.default_rng(1).random(120)
    solution = cm.solve(operator, b, rtol=1e-10)
    assert solution.method == "cg"
    assert np.linalg.norm(operator @ solution.x - b) <= 1e-10 * np.linalg.norm(b)
    with pytest.raises(ValueError, match="needs the entries of A"):
        cm.solve(operator, b, method="direct")


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"eps": 0}, ValueError, "eps is 0"),
        ({"radius": 0}, ValueError, "radius is 0"),
        ({"radius": 1.5}, TypeError, "radius is 1.5"),
        ({"mask": np.ones((3, 3), bool)}, ValueError, "image is 4x5 but mask is 3x3"),
    ],
)
def test_bad_options(options, error, words):
    with pytest.raises(error, match=words):
        large_kernel_operator(np.zeros((4, 5, 3)), **options)
