"""The learning-based Laplacian against its naive twin, its laws, and PyMatting."""

import warnings

import naive_laplacians as naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from classmat.laplacians.closed_form import closed_form_laplacian
from classmat.laplacians.learning_based import learning_based_laplacian

RNG = np.random.default_rng(1)
IMAGES = {
    "random": RNG.random((9, 11, 3)),
    "random grey": RNG.random((9, 11)),
    "checker grey": (np.indices((9, 11)).sum(0) % 2).astype(float),
    "salt": np.repeat((RNG.random((9, 11, 1)) < 0.15).astype(float), 3, axis=2),
    "two colours": np.where(RNG.random((9, 11, 1)) < 0.5, [0.9, 0.3, 0.2], [0.1, 0.5, 0.7]),
    "constant": np.full((9, 11, 3), 0.4),
    "one row": RNG.random((1, 9, 3)),
    "two columns": RNG.random((8, 2)),
}


@pytest.mark.parametrize("eps", [1e-1, 1e-3, 1e-5, 1e-7, 1e-9])
@pytest.mark.parametrize("radius", [1, 2])
@pytest.mark.parametrize("name", IMAGES)
def test_equals_naive_twin(name, radius, eps):
    L = learning_based_laplacian(IMAGES[name], eps=eps, radius=radius).toarray()
    assert np.abs(L - naive.learning_based_laplacian(IMAGES[name], eps, radius)).max() < 1e-9


@pytest.mark.parametrize("eps", [1e-3, 1e-7])
@pytest.mark.parametrize("name", IMAGES)
def test_symmetric_zero_row_sums_positive_semi_definite(name, eps):
    L = learning_based_laplacian(IMAGES[name], eps=eps).toarray()
    assert (L == L.T).all()
    assert np.abs(L.sum(1)).max() < 1e-13
    assert np.linalg.eigvalsh(L).min() > -1e-13


@given(seed=st.integers(0, 99), radius=st.integers(1, 2), grey=st.booleans())
def test_colour_is_in_its_null_space_more_than_in_that_of_the_closed_form(seed, radius, grey):
    """The residual of a ridge regression on the colours themselves is of the order of eps, its square of eps^2."""
    rng = np.random.default_rng(seed)
    image = rng.random((8, 9) if grey else (8, 9, 3))
    slope = rng.normal(size=() if grey else 3)
    alpha = (np.dot(image, slope) + 0.3).ravel()
    energy = alpha @ (learning_based_laplacian(image, eps=1e-3, radius=radius) @ alpha)
    other = alpha @ (closed_form_laplacian(image, eps=1e-3, radius=radius) @ alpha)
    windows = (8 - 2 * radius) * (9 - 2 * radius)
    assert 0 <= energy <= other <= 1e-3 * windows * np.dot(slope, slope)


def test_mask_keeps_the_rows_that_are_asked_for():
    mask = np.zeros((12, 10), bool)
    mask[2, 3] = mask[9, 8] = True
    image = RNG.random((12, 10, 3))
    full = learning_based_laplacian(image)[mask.ravel()].toarray()
    part = learning_based_laplacian(image, mask=mask)
    assert np.abs(part[mask.ravel()].toarray() - full).max() < 1e-12
    assert part[5 * 10 + 5].nnz == 0


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"eps": 0}, ValueError, "eps is 0"),
        ({"eps": "small"}, TypeError, "eps is 'small'"),
        ({"radius": 0}, ValueError, "radius is 0"),
        ({"mask": np.ones((3, 3), bool)}, ValueError, "image is 4x5 but mask is 3x3"),
    ],
)
def test_bad_options(options, error, words):
    with pytest.raises(error, match=words):
        learning_based_laplacian(np.zeros((4, 5, 3)), **options)


@pytest.mark.slow
@pytest.mark.xdist_group("pymatting")
def test_agrees_with_pymatting_but_for_the_penalty_on_its_offset():
    """It penalises the offset of the regression too, which matters in the order of eps."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        lbdm_laplacian = pytest.importorskip("pymatting").lbdm_laplacian
    theirs = lbdm_laplacian(np.ascontiguousarray(IMAGES["random"])).toarray()
    assert np.abs(learning_based_laplacian(IMAGES["random"]).toarray() - theirs).max() < 1e-4
