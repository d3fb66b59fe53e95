"""The KNN Laplacian and its neighbour search against naive twins, their laws, and PyMatting."""

import naive_knn
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from classmat.images.colour import hue_on_a_circle
from classmat.laplacians.knn import Space, knn_laplacian, knn_system
from classmat.laplacians.neighbours import nearest

RANDOM = np.random.default_rng(0).random((16, 16, 3))
OPTIONS = [
    {},
    {"kernel": "paper"},
    {"colour_space": "hsv", "kernel": "paper"},
    {"n_neighbors": (5,), "distance_weights": (0.0,)},
    {"n_neighbors": (3, 9, 2), "distance_weights": (1.0, 0.5, 0.01), "kernel": "paper"},
    {"n_neighbors": (1, 300), "distance_weights": (1.0, 2.0), "kernel": "paper"},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("masked", [False, True])
def test_equals_naive_twin(options, masked):
    mask = np.random.default_rng(1).random((16, 16)) < 0.3 if masked else None
    L = knn_laplacian(RANDOM, mask=mask, **options)
    assert L.has_sorted_indices
    assert np.abs(L.toarray() - naive_knn.knn_laplacian(RANDOM, mask, **options)).max() < 1e-9


@settings(max_examples=20)
@given(h=st.integers(1, 7), w=st.integers(1, 7), grey=st.booleans(), seed=st.integers(0, 99))
def test_any_size_equals_naive_twin(h, w, grey, seed):
    image = np.random.default_rng(seed).random((h, w) if grey else (h, w, 3))
    options = {"n_neighbors": (6, 3), "distance_weights": (2.0, 0.1), "kernel": "paper", "colour_space": "hsv"}
    L = knn_laplacian(image, **options).toarray()
    assert np.abs(L - naive_knn.knn_laplacian(image, **options)).max() < 1e-9


@given(
    seed=st.integers(0, 99),
    levels=st.sampled_from([1, 2, 255]),
    kernel=st.sampled_from(["binary", "paper"]),
    share=st.floats(0, 1),
)
def test_symmetric_zero_row_sums_positive_semi_definite(seed, levels, kernel, share):
    """Also where many pixels are equally far, and the choice among them is open."""
    rng = np.random.default_rng(seed)
    image = np.rint(rng.random((9, 10, 3)) * levels) / levels
    L = knn_laplacian(image, kernel=kernel, mask=rng.random((9, 10)) < share).toarray()
    assert (L == L.T).all()
    assert (L[~np.eye(90, dtype=bool)] <= 0).all()
    assert np.abs(L.sum(1)).max() < 1e-12
    assert np.linalg.eigvalsh(L).min() > -1e-12


def test_all_are_chosen_where_there_are_few():
    L = knn_laplacian(RANDOM[:2, :3], n_neighbors=[20], distance_weights=[1.0]).toarray()
    np.testing.assert_array_equal(L, 12 * np.eye(6) - 2)


def test_a_permutation_of_pixels_permutes_the_matrix():
    """Without positions it does not matter where a pixel is."""
    order = np.random.default_rng(2).permutation(256)
    options = {"n_neighbors": [7], "distance_weights": [0], "kernel": "paper"}
    L = knn_laplacian(RANDOM, **options).toarray()
    mixed = RANDOM.reshape(256, 3)[order].reshape(16, 16, 3)
    np.testing.assert_allclose(knn_laplacian(mixed, **options).toarray(), L[np.ix_(order, order)], atol=1e-12)


@pytest.mark.xdist_group("pymatting")
def test_pymatting_has_the_same_off_diagonal():
    """Its matrix is this one, but every row is divided by its sum with the pixel itself: 2 for each search."""
    pymatting = pytest.importorskip("pymatting")
    theirs = pymatting.knn_laplacian(RANDOM).toarray()
    L = knn_laplacian(RANDOM).toarray()
    np.testing.assert_allclose(theirs, L / (np.diag(L) + 4)[:, np.newaxis], atol=1e-9)


@pytest.mark.parametrize("step", [1, -1])
def test_system_is_that_of_the_masked_laplacian(step):
    image = RANDOM[::step]
    is_unknown = np.random.default_rng(1).random((16, 16)) < 0.5
    space = Space.checked(np.ascontiguousarray(image), (20, 10), (2.0, 0.1), "rgb", "paper")
    A, B = knn_system(space, is_unknown, np.arange(is_unknown.sum(), dtype=float))
    L = knn_laplacian(image, kernel="paper", mask=is_unknown).toarray()[is_unknown.ravel()]
    expected = L[:, is_unknown.ravel()] + np.diag(np.arange(is_unknown.sum()))
    np.testing.assert_allclose(A.toarray(), expected, atol=1e-12)
    L[:, is_unknown.ravel()] = 0
    np.testing.assert_allclose(B.toarray(), -L, atol=1e-12)


def test_what_is_linked_to_nothing_known_is_linked_to_what_is_most_like_it():
    """Two unknown blobs of their own colours in a black image choose themselves alone."""
    image, is_unknown = np.zeros((12, 12, 3)), np.zeros((12, 12), bool)
    image[2:5, 2:5], image[7:10, 7:10] = (1, 0.0, 0), (0.9, 0.6, 0)
    is_unknown[2:5, 2:5] = is_unknown[7:10, 7:10] = True
    space = Space.checked(image, (6,), (0.1,), "rgb", "binary")
    A, B = knn_system(space, is_unknown)
    assert (B.sum(axis=1) > 0).all()  # each pixel to a known one: the other blob floats too
    assert np.linalg.eigvalsh(A.toarray()).min() > 0
    A, B = knn_system(space, is_unknown, np.repeat([0.0, 1.0], 9))
    assert B.nnz == 0  # now the first blob is linked to the second, which is held
    assert connected_components(csr_array(A))[0] == 1
    assert np.linalg.eigvalsh(A.toarray()).min() > 0


@settings(max_examples=30)
@given(
    n=st.integers(1, 200), q=st.integers(1, 20), d=st.integers(1, 6), k=st.integers(1, 30), seed=st.integers(0, 99)
)
def test_nearest_equals_sorting_all_distances(n, q, d, k, seed):
    rng = np.random.default_rng(seed)
    points, queries = rng.integers(0, 5, (n, d)) / 4, rng.integers(0, 5, (q, d)) / 4
    indices, distances = nearest(points, queries, k)
    all_distances = np.sqrt(((queries[:, np.newaxis] - points) ** 2).sum(2))
    assert indices.shape == distances.shape == (q, min(k, n))
    np.testing.assert_allclose(distances, np.sort(all_distances, axis=1)[:, :k], rtol=1e-6)
    np.testing.assert_allclose(distances, np.take_along_axis(all_distances, indices, axis=1), rtol=1e-6)
    assert all(len(set(row)) == len(row) for row in indices)


def test_many_queries_are_answered_in_parts(monkeypatch):
    points = np.random.default_rng(0).random((500, 3))
    whole = nearest(points, points, 4)
    monkeypatch.setattr("classmat.laplacians.neighbours._CHUNK", 64)
    for part, expected in zip(nearest(points, points, 4), whole, strict=True):
        np.testing.assert_array_equal(part, expected)


def test_hue_equals_the_standard_library():
    import colorsys

    rng = np.random.default_rng(0)
    image = np.concatenate([rng.random((3, 9, 3)), rng.integers(0, 3, (5, 9, 3)) / 2])
    for values, colour in zip(hue_on_a_circle(image).reshape(-1, 4), image.reshape(-1, 3), strict=True):
        hue, saturation, value = colorsys.rgb_to_hsv(*colour)
        expected = [np.cos(2 * np.pi * hue), np.sin(2 * np.pi * hue), saturation, value]
        np.testing.assert_allclose(values, expected, atol=1e-12)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"n_neighbors": (20,)}, ValueError, "n_neighbors has 1 entries but distance_weights has 2"),
        ({"n_neighbors": (), "distance_weights": ()}, ValueError, "n_neighbors has 0 entries"),
        ({"n_neighbors": (20, 0)}, ValueError, "n_neighbors is 0"),
        ({"n_neighbors": (20, 2.5)}, TypeError, "n_neighbors is 2.5"),
        ({"n_neighbors": 20}, TypeError, "n_neighbors is 20; accepted is a sequence"),
        ({"n_neighbors": "20"}, TypeError, "n_neighbors is '20'; accepted is a sequence"),
        ({"distance_weights": (2.0, -0.1)}, ValueError, "distance_weights is -0.1"),
        ({"distance_weights": (2.0, 1e200)}, ValueError, "distance_weights is 1e\\+200; .* at most 1e\\+06"),
        ({"distance_weights": (2.0, np.nan)}, ValueError, "distance_weights is nan"),
        ({"colour_space": "lab"}, ValueError, "colour_space is 'lab'; accepted are 'rgb', 'hsv'"),
        ({"kernel": "soft"}, ValueError, "kernel is 'soft'; accepted are 'binary', 'paper'"),
        ({"mask": np.ones((2, 2), bool)}, ValueError, "image is 16x16 but mask is 2x2"),
    ],
)
def test_bad_options(options, error, words):
    with pytest.raises(error, match=words):
        knn_laplacian(RANDOM, **options)
