"""The closed-form Laplacian against its naive twin, its laws, and PyMatting."""

import warnings

import naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import distance_transform_cdt

from classmat.laplacians.closed_form import closed_form_laplacian


def checker(h, w):
    return (np.indices((h, w)).sum(0) % 2).astype(float)


def salt(h, w):
    return (np.random.default_rng(3).random((h, w)) < 0.15).astype(float)


def photographic(h, w):
    from skimage.data import astronaut

    return astronaut()[60 : 60 + h, 180 : 180 + w] / 255


def two_colours(h, w):
    side = np.random.default_rng(5).random((h, w, 1)) < 0.5
    return np.where(side, [0.9, 0.3, 0.2], [0.1, 0.5, 0.7])


IMAGES = {
    "random": np.random.default_rng(1).random((11, 13, 3)),
    "random grey": np.random.default_rng(2).random((11, 13)),
    "photo": photographic(11, 13),
    "photo grey": photographic(11, 13).mean(2),
    "checker grey": checker(11, 13),
    "checker colour": np.repeat(checker(11, 13)[:, :, None], 3, axis=2),
    "salt grey": salt(11, 13),
    "salt colour": np.repeat(salt(11, 13)[:, :, None], 3, axis=2),
    "two colours": two_colours(11, 13),
    "constant": np.full((11, 13, 3), 0.4),
    "one row": np.random.default_rng(4).random((1, 9, 3)),
    "two columns": np.random.default_rng(6).random((8, 2)),
}


@pytest.mark.parametrize("eps", [1e-3, 1e-5, 1e-7, 1e-9])
@pytest.mark.parametrize("radius", [1, 2])
@pytest.mark.parametrize("name", IMAGES)
def test_equals_naive_twin(name, radius, eps):
    L = closed_form_laplacian(IMAGES[name], eps=eps, radius=radius).toarray()
    twin = naive.closed_form_laplacian(IMAGES[name], eps, radius)
    assert np.abs(L - twin).max() < 1e-9


@pytest.mark.parametrize("eps", [1e-3, 1e-5, 1e-7, 1e-9])
@pytest.mark.parametrize("name", IMAGES)
def test_symmetric_zero_row_sums_positive_semi_definite(name, eps):
    L = closed_form_laplacian(IMAGES[name], eps=eps).toarray()
    assert (L == L.T).all()
    assert np.abs(L.sum(1)).max() < 1e-13
    assert np.linalg.eigvalsh(L).min() > -1e-13


@given(
    h=st.integers(1, 9), w=st.integers(1, 9), radius=st.integers(1, 3), seed=st.integers(0, 99), grey=st.booleans()
)
def test_any_size_equals_naive_twin(h, w, radius, seed, grey):
    image = np.random.default_rng(seed).random((h, w) if grey else (h, w, 3))
    L = closed_form_laplacian(image, radius=radius)
    assert L.shape == (h * w, h * w)
    assert np.abs(L.toarray() - naive.closed_form_laplacian(image, radius=radius)).max() < 1e-9


@given(seed=st.integers(0, 99), radius=st.integers(1, 2))
def test_colour_is_in_its_near_null_space(seed, radius):
    """An affine function of colour costs no more than eps."""
    rng = np.random.default_rng(seed)
    image, slope = rng.random((8, 9, 3)), rng.normal(size=3)
    alpha = (image @ slope + 0.3).ravel()
    eps = 1e-6
    windows = (8 - 2 * radius) * (9 - 2 * radius)
    assert alpha @ (closed_form_laplacian(image, eps=eps, radius=radius) @ alpha) <= eps * windows * slope @ slope


def far_from(mask, distance):
    """Pixels with no masked pixel within a square of this radius."""
    return distance_transform_cdt(~mask, metric="chessboard") > distance


@given(seed=st.integers(0, 99), radius=st.integers(1, 2))
def test_mask_keeps_the_rows_that_are_asked_for(seed, radius):
    rng = np.random.default_rng(seed)
    image, mask = rng.random((12, 10, 3)), rng.random((12, 10)) < 0.03
    full = closed_form_laplacian(image, radius=radius)[mask.ravel()].toarray()
    part = closed_form_laplacian(image, radius=radius, mask=mask)
    assert np.abs(part[mask.ravel()].toarray() - full).max(initial=0) < 1e-12
    far = far_from(mask, 2 * radius)
    assert part[far.ravel()].nnz == 0


def test_grey_is_not_three_equal_channels_but_close():
    """Three equal channels count the spread three times, so that eps weighs a third."""
    grey = IMAGES["photo grey"]
    one = closed_form_laplacian(grey, eps=1e-4).toarray()
    three = closed_form_laplacian(np.repeat(grey[:, :, None], 3, axis=2), eps=3e-4).toarray()
    assert np.abs(one - three).max() < 1e-12


def test_canonical_csr():
    L = closed_form_laplacian(IMAGES["random"])
    assert L.has_canonical_format
    assert L.indices.dtype == np.int32
    L.check_format()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_dtypes(dtype):
    image = np.random.default_rng(0).integers(0, 256, (6, 7, 3))
    scaled = (
        (image / 255).astype(np.float32)
        if dtype == np.float32
        else (image * (np.iinfo(dtype).max // 255)).astype(dtype)
    )
    difference = closed_form_laplacian(scaled, eps=1e-3) - closed_form_laplacian(image / 255, eps=1e-3)
    assert np.abs(difference.toarray()).max() < 1e-4


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"eps": 0}, ValueError, "eps is 0"),
        ({"eps": -1.0}, ValueError, "eps is -1"),
        ({"eps": float("nan")}, ValueError, "eps is nan"),
        ({"eps": "small"}, TypeError, "eps is 'small'"),
        ({"radius": 0}, ValueError, "radius is 0"),
        ({"radius": 1.5}, TypeError, "radius is 1.5"),
        ({"mask": np.ones((3, 3), bool)}, ValueError, "image is 4x5 but mask is 3x3"),
    ],
)
def test_bad_options(options, error, words):
    with pytest.raises(error, match=words):
        closed_form_laplacian(np.zeros((4, 5, 3)), **options)


@pytest.mark.slow
@pytest.mark.xdist_group("pymatting")
def test_pymatting_agrees_where_it_is_accurate_and_not_where_it_is_not():
    """Its adjugate inverse cancels on grey windows of high contrast; the twin decides who is right."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cf_laplacian = pytest.importorskip("pymatting").cf_laplacian

    def error(compute, name):
        """Largest error of an entry, and of a matte whose left and right edges are known."""
        image = IMAGES[name] if IMAGES[name].ndim == 3 else np.repeat(IMAGES[name][:, :, None], 3, axis=2)
        twin, matrix = naive.closed_form_laplacian(image), compute(image)
        return np.abs(matrix - twin).max(), np.abs(matte_of(matrix) - matte_of(twin)).max()

    def matte_of(L, h=11, w=13):
        column = np.tile(np.arange(w), h)
        known = (column < 2) | (column >= w - 2)
        alpha = (column >= w - 2).astype(float)
        alpha[~known] = np.linalg.solve(L[np.ix_(~known, ~known)], -L[np.ix_(~known, known)] @ alpha[known])
        return alpha

    def ours(image):
        return closed_form_laplacian(image).toarray()

    def peers(image):
        return cf_laplacian(np.ascontiguousarray(image), 1e-7, 1).toarray()

    assert max(error(peers, "photo")) < 1e-9
    assert max(error(ours, "photo")) < 1e-9
    for name, wrong_entry, wrong_alpha in (
        ("checker grey", 2e-2, 2e-4),
        ("salt grey", 4e-2, 4e-2),
        ("random grey", 9e-3, 6e-3),
    ):
        entry, alpha = error(peers, name)
        assert entry > wrong_entry
        assert alpha > wrong_alpha
        assert max(error(ours, name)) < 1e-8
