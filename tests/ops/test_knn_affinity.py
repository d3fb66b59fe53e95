"""The affinity op beyond what the tests of all ops ask."""

import naive_knn
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from classmat.laplacians.knn import knn_laplacian
from classmat.laplacians.neighbours import colours_with_positions, nearest
from classmat.ops import knn_affinity_vjp
from classmat.testing import check_pullback

sizes = st.integers(1, 9)


def draw(rng, h, w, c, k):
    return rng.random((h, w, c)), rng.integers(0, h * w, (h, w, k))


@given(h=sizes, w=sizes, c=st.integers(1, 6), k=st.integers(1, 9), seed=st.integers(0, 999))
def test_pullback_for_any_size(h, w, c, k, seed):
    features, neighbours = draw(np.random.default_rng(seed), h, w, c, k)
    check_pullback(knn_affinity_vjp, [features, 0.8], neighbours=neighbours, seed=seed)


@given(h=sizes, w=sizes, c=st.integers(1, 6), seed=st.integers(0, 999))
def test_equals_naive_twin(h, w, c, seed):
    features, neighbours = draw(np.random.default_rng(seed), h, w, c, 5)
    k, _ = knn_affinity_vjp(features, 1.7, neighbours=neighbours)
    np.testing.assert_allclose(k, naive_knn.knn_affinity(features, 1.7, neighbours), rtol=0, atol=1e-13)


def test_is_what_the_laplacian_holds():
    """With a neighbour list of its own and C the largest distance, ``W + W^T`` is the Laplacian's."""
    image = np.random.default_rng(0).random((7, 8, 3))
    features = colours_with_positions(image, 2.0)
    neighbours, distances = nearest(features, features, 6)
    k, _ = knn_affinity_vjp(
        features.reshape(7, 8, 5), distances.max(), neighbours=neighbours[:, 1:].reshape(7, 8, 5)
    )
    W = np.zeros((56, 56))
    np.put_along_axis(W, neighbours[:, 1:].astype(int), k.reshape(56, 5), axis=1)
    L = knn_laplacian(image, n_neighbors=[6], distance_weights=[2.0], kernel="paper").toarray()
    np.testing.assert_allclose(W + W.T, np.diag(np.diag(L)) - L, atol=1e-12)


@given(seed=st.integers(0, 99))
def test_moving_all_points_changes_nothing_and_scaling_all_is_scaling_the_scale(seed):
    features, neighbours = draw(np.random.default_rng(seed), 5, 6, 4, 3)
    k_bar = np.random.default_rng(seed + 1).standard_normal((5, 6, 3))
    features_bar, scale_bar = knn_affinity_vjp(features, 0.7, neighbours=neighbours)[1](k_bar)
    assert np.abs(features_bar.sum((0, 1))).max() < 1e-10
    assert abs(np.vdot(features, features_bar) + 0.7 * scale_bar) < 1e-10


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_coincident_points_have_a_finite_derivative(dtype):
    """Half of the pixels are equal: links among them give nothing, others what they give alone."""
    features = np.random.default_rng(0).random((4, 6, 3)).astype(dtype)
    features[:, :3] = features[0, 0]
    neighbours = np.random.default_rng(1).integers(0, 24, (4, 6, 5))
    k, pullback = knn_affinity_vjp(features, dtype(1), neighbours=neighbours)
    features_bar, scale_bar = pullback(np.ones_like(k))
    assert np.isfinite(features_bar).all()
    assert np.isfinite(scale_bar)
    same = (features.reshape(24, 3)[neighbours] == features[:, :, np.newaxis]).all(axis=3)
    assert same.any()
    np.testing.assert_array_equal(k[same], 1)
    np.testing.assert_array_equal(pullback(np.where(same, 1, 0))[0], 0)


@pytest.mark.parametrize("tiny", [1e-30, 1e-200, 5e-324])
def test_nearly_coincident_points_do_not_underflow(tiny):
    """The gradient of a distance has length 1, however small the distance."""
    features = np.array([[[0.0, 0.0], [0.6 * tiny, 0.8 * tiny]]])
    _, pullback = knn_affinity_vjp(features, 1.0, neighbours=[[[1], [1]]])
    bar = pullback([[[1.0], [0.0]]])[0]
    assert np.isfinite(bar).all()
    assert abs(np.linalg.norm(bar[0, 0]) - 1) < (1e-12 if tiny > 1e-300 else 0.5)


def test_float32_is_near_float64():
    features, neighbours = draw(np.random.default_rng(0), 9, 8, 5, 7)
    k_bar = np.random.default_rng(1).standard_normal((9, 8, 7))
    single, pullback = knn_affinity_vjp(features.astype(np.float32), np.float32(0.9), neighbours=neighbours)
    assert single.dtype == np.float32
    double, expected = knn_affinity_vjp(features, 0.9, neighbours=neighbours)
    np.testing.assert_allclose(single, double, atol=1e-6)
    for bar, exact in zip(pullback(k_bar), expected(k_bar), strict=True):
        assert bar.dtype == np.float32
        np.testing.assert_allclose(bar, exact, rtol=1e-4, atol=1e-4)


X, LINKS = draw(np.random.default_rng(0), 3, 4, 2, 5)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"scale": 0}, ValueError, "scale is 0"),
        ({"scale": np.ones(3)}, TypeError, "scale is"),
        ({"features": X[0]}, ValueError, r"features has shape \(4, 2\)"),
        ({"neighbours": LINKS[:2]}, ValueError, r"neighbours has shape \(2, 4, 5\) but features"),
        ({"neighbours": LINKS[..., :0]}, ValueError, r"neighbours has shape \(3, 4, 0\)"),
        ({"neighbours": LINKS + 0.5}, TypeError, "neighbours has dtype float64"),
        ({"neighbours": LINKS - 12}, ValueError, r"neighbours are in \[-12, -1\]; accepted are 0 to 11"),
        ({"neighbours": LINKS + 12}, ValueError, "neighbours are in"),
    ],
)
def test_bad_input(change, error, words):
    arguments = {"features": X, "scale": 1.0, "neighbours": LINKS} | change
    with pytest.raises(error, match=words):
        knn_affinity_vjp(**arguments)
