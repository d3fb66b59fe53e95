import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from naive_solver import closed_form_laplacian, system
from scipy.sparse import csr_array

from classmat.solvers.stencil import Layout, Stencil

RNG = np.random.default_rng(7)
SIZES = [(17, 23), (4, 4), (3, 3), (2, 9), (1, 12), (12, 1), (1, 1), (9, 300)]


def scene(shape, *, colours=3, unknown=0.5, seed=0):
    """A noisy ramp and a random trimap with at least one known pixel of either kind where there is room."""
    rng = np.random.default_rng(seed)
    ramp = np.linspace(0, 0.6, shape[1])[np.newaxis, :, np.newaxis]
    image = np.clip(ramp + 0.3 * rng.random((*shape, colours)), 0, 1)
    trimap = np.where(rng.random(shape) < unknown, 0.5, (rng.random(shape) < 0.5).astype(float))
    return image, trimap


def stencil_of(image, trimap, **options):
    return Stencil.from_image(image, trimap == 0.5, known_values=trimap, **options)


@pytest.mark.parametrize("shape", SIZES, ids=str)
@pytest.mark.parametrize("unknown", [0.1, 0.6, 1.0])
@pytest.mark.parametrize("colours", [1, 3])
def test_equals_the_naive_system(shape, unknown, colours):
    image, trimap = scene(shape, colours=colours, unknown=unknown)
    stencil = stencil_of(image, trimap)
    A, b = system(image, trimap)
    assert stencil.shape == A.shape
    np.testing.assert_allclose(stencil.to_csr().toarray(), A.toarray(), atol=2e-6)
    np.testing.assert_allclose(stencil.right, b, atol=1e-9)


@given(st.integers(1, 14), st.integers(1, 40), st.floats(0, 1), st.integers(0, 99))
def test_a_product_equals_that_of_the_matrix(h, w, unknown, seed):
    image, trimap = scene((h, w), unknown=unknown, seed=seed)
    stencil = stencil_of(image, trimap)
    x = np.random.default_rng(seed).standard_normal(stencil.shape[0])
    np.testing.assert_allclose(stencil.matvec(x), stencil.to_csr() @ x, atol=1e-12)


def test_grey_image_may_have_two_dimensions():
    image, trimap = scene((11, 13), colours=1)
    flat = stencil_of(image[:, :, 0], trimap)
    assert (flat.coefs == stencil_of(image, trimap).coefs).all()


def test_rows_sum_to_zero_in_spite_of_rounding():
    image, trimap = scene((40, 50), unknown=1.0)
    stencil = stencil_of(image, trimap)
    assert np.abs(stencil.matvec(np.ones(stencil.shape[0]))).max() < 1e-13


def test_rows_and_known_pixels_sum_to_zero():
    image, trimap = scene((40, 50))
    stencil = Stencil.from_image(image, trimap == 0.5, known_values=np.ones((40, 50)))
    assert np.abs(stencil.matvec(np.ones(stencil.shape[0])) - stencil.right).max() < 1e-12


@pytest.mark.parametrize("eps", [1e-3, 1e-7, 1e-9])
@pytest.mark.parametrize("colours", [1, 3])
def test_accurate_where_cofactors_fail(eps, colours):
    checker = (np.indices((12, 14)).sum(axis=0) % 2 * 0.7 + 0.1)[:, :, np.newaxis].repeat(colours, axis=2)
    salt = np.where(RNG.random((12, 14, 1)) < 0.2, 0.9, 0.2).repeat(colours, axis=2)
    for image in (checker, salt):
        stencil = Stencil.from_image(image, np.ones((12, 14), bool), eps=eps)
        exact = closed_form_laplacian(image, eps).toarray()
        np.testing.assert_allclose(stencil.to_csr().toarray(), exact, atol=2e-6)


def test_the_prior_is_added_to_the_diagonal():
    image, trimap = scene((20, 20), unknown=1.0)
    weight = RNG.random((20, 20))
    plain, heavy = stencil_of(image, trimap), stencil_of(image, trimap, diagonal=weight)
    difference = heavy.to_csr() - plain.to_csr()
    np.testing.assert_allclose(difference.toarray(), np.diag(weight.ravel()), atol=1e-12)


def test_from_csr_takes_what_fits():
    image, trimap = scene((23, 31))
    A, _ = system(image, trimap)
    stencil = Stencil.from_csr(A, trimap == 0.5)
    assert np.abs(stencil.to_csr() - A).max() < 1e-6
    x = RNG.random(A.shape[0])
    np.testing.assert_allclose(stencil.matvec(np.ones(len(x))), A @ np.ones(len(x)), atol=1e-12)


def test_from_csr_refuses_what_does_not():
    n = 100
    rows = np.array([0, n - 1])
    far = csr_array((np.ones(2), (rows, rows[::-1])), shape=(n, n)) + csr_array(np.eye(n))
    assert Stencil.from_csr(csr_array(far), np.ones((10, 10), bool)) is None


@given(st.integers(1, 12), st.integers(1, 700), st.floats(0, 1), st.integers(0, 99))
def test_every_neighbour_has_a_place_that_is_its_own(h, w, unknown, seed):
    mask = np.random.default_rng(seed).random((h, w)) < unknown
    layout = Layout.from_mask(mask)
    assert len(set(layout.position)) == mask.sum()
    place = np.full((h + 4, w + 4), -1)
    place[2:-2, 2:-2][mask] = layout.position
    for row in range(h):
        for s in range(layout.row_segments[row], layout.row_segments[row + 1]):
            start, length = layout.segments[s]
            for dy in range(5):
                run = place[row + dy, start : start + length + 4]
                expected = layout.places[s, dy] - 2 + np.arange(length + 4)
                assert ((run == expected) | (run < 0)).all()
    assert not np.isin(layout.position, np.arange(layout.size - 4, layout.size)).any()


def test_chunks_begin_with_a_row_of_tiles():
    layout = Layout.from_mask(RNG.random((500, 90)) < 0.7)
    assert len(layout.chunks) > 5
    assert (layout.chunks[:-1] % 4 == 0).all()
    assert layout.chunks[0] == 0
    assert layout.chunks[-1] == 500


def test_a_stencil_takes_less_than_a_hundred_bytes_a_pixel():
    image, trimap = scene((200, 200), unknown=1.0)
    assert stencil_of(image, trimap).nbytes / 40_000 < 100
