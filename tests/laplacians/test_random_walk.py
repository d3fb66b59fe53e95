"""The random walk Laplacian against its naive twin, its laws, and PyMatting."""

import warnings

import naive_laplacians as naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse.linalg import spsolve

from classmat.laplacians.random_walk import random_walk_laplacian


@given(
    h=st.integers(1, 9),
    w=st.integers(1, 9),
    radius=st.integers(1, 12),
    sigma=st.sampled_from([1e-3, 0.033, 0.5]),
    seed=st.integers(0, 99),
    grey=st.booleans(),
)
def test_equals_naive_twin(h, w, radius, sigma, seed, grey):
    image = np.random.default_rng(seed).random((h, w) if grey else (h, w, 3))
    L = random_walk_laplacian(image, sigma=sigma, radius=radius)
    L.check_format()
    assert L.has_canonical_format
    assert np.abs(L.toarray() - naive.random_walk_laplacian(image, sigma, radius)).max() < 1e-12


@given(seed=st.integers(0, 99), radius=st.integers(1, 3))
def test_symmetric_zero_row_sums_no_positive_coupling(seed, radius):
    L = random_walk_laplacian(np.random.default_rng(seed).random((7, 8, 3)), radius=radius).toarray()
    assert (L == L.T).all()
    assert np.abs(L.sum(1)).max() < 1e-13
    assert (L - np.diag(np.diag(L)) <= 0).all()


@given(seed=st.integers(0, 99), radius=st.integers(1, 2))
def test_mask_keeps_the_rows_that_are_asked_for(seed, radius):
    rng = np.random.default_rng(seed)
    image, mask = rng.random((9, 8, 3)), rng.random((9, 8)) < 0.05
    full = random_walk_laplacian(image, radius=radius)
    part = random_walk_laplacian(image, radius=radius, mask=mask)
    part.check_format()
    assert np.abs((part - full)[mask.ravel()].toarray()).max(initial=0) < 1e-14
    assert np.abs(part.sum(1)).max() < 1e-14
    untouched = abs(full[mask.ravel()]).sum(axis=0) == 0
    assert part[untouched].nnz == 0


def test_no_pixel_is_cut_off_however_small_the_weights():
    """exp(-|difference|^2 / sigma^2) underflows here; the floor keeps the system regular."""
    image = (np.indices((6, 7)).sum(0) % 2).astype(float)
    L = random_walk_laplacian(image, sigma=1e-3).tocsc()
    x = spsolve(L[1:, 1:], -L[1:, [0]].toarray().ravel())  # the first pixel is known to be 1
    assert np.abs(x - 1).max() < 1e-6


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"sigma": 0}, ValueError, "sigma is 0"),
        ({"sigma": 1e-200}, ValueError, "sigma is 1e-200; accepted is .* at least 1e-06 and at most 1e\\+06"),
        ({"sigma": 1e7}, ValueError, "sigma is 1e\\+07"),
        ({"sigma": None}, TypeError, "sigma is None"),
        ({"radius": 0}, ValueError, "radius is 0"),
        ({"mask": np.ones((3, 3), bool)}, ValueError, "image is 4x5 but mask is 3x3"),
    ],
)
def test_bad_options(options, error, words):
    with pytest.raises(error, match=words):
        random_walk_laplacian(np.zeros((4, 5, 3)), **options)


@pytest.mark.slow
@pytest.mark.xdist_group("pymatting")
def test_agrees_with_pymatting_up_to_its_normalisation():
    """It divides rows by their sums, weight 1 of staying included, and takes 1 / 30 for sigma whatever it is given."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        rw_laplacian = pytest.importorskip("pymatting").rw_laplacian
    image = 0.3 * np.random.default_rng(0).random((8, 9, 3))
    theirs = rw_laplacian(image, sigma=0.5, regularization=0.0).toarray()
    ours = random_walk_laplacian(image, sigma=1 / 30).toarray()
    inside = np.zeros((8, 9), bool)
    inside[1:-1, 1:-1] = True  # at the border it counts neighbours several times
    rows = inside.ravel()
    assert np.abs(ours[rows] - (theirs * (1 + np.diag(ours))[:, None])[rows]).max() < 1e-6
