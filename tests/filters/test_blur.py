import naive_ops
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from classmat.filters.blur import (
    BORDERS,
    apply_taps,
    apply_taps_adjoint,
    gaussian_blur,
    gaussian_taps,
    padded_indices,
)
from classmat.kernels import blur as kernels
from classmat.testing import check_adjoint

sizes = st.tuples(st.integers(1, 12), st.integers(1, 12))
borders = st.sampled_from(BORDERS)
sigmas = st.floats(0.1, 5)


def random_plane(size, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, size)


@given(size=sizes, sigma=sigmas, radius=st.integers(0, 30), border=borders)
def test_equals_the_naive_twin(size, sigma, radius, border):
    plane = random_plane(size)
    expected = naive_ops.blur(plane, sigma, radius, border)
    np.testing.assert_allclose(gaussian_blur(plane, sigma, radius=radius, border=border), expected, atol=1e-14)


@given(size=sizes, sigma=sigmas, border=borders)
def test_equals_scipy(size, sigma, border):
    plane = random_plane(size)
    expected = ndimage.gaussian_filter(plane, sigma, mode=border, truncate=4)
    np.testing.assert_allclose(gaussian_blur(plane, sigma, border=border), expected, atol=1e-14)


@given(size=sizes, sigma=sigmas, border=borders, radius=st.none() | st.integers(0, 15))
def test_adjoint(size, sigma, border, radius):
    taps = gaussian_taps(sigma, radius)

    def on_plane(function):
        return lambda x: function(np.ascontiguousarray(x)[None, :, :, None], taps, border)[0, :, :, 0]

    plane = random_plane(size)
    check_adjoint(on_plane(apply_taps), on_plane(apply_taps_adjoint), plane, plane[::-1])


def test_mirrored_borders_are_not_their_own_adjoint():
    """Hence the weights in `apply_taps_adjoint`: without them a derivative is wrong at the border."""
    taps = gaussian_taps(1.0)

    def blur(x):
        return apply_taps(np.ascontiguousarray(x)[None, :, :, None], taps, "mirror")[0, :, :, 0]

    with pytest.raises(AssertionError, match="relative error"):
        check_adjoint(blur, blur, random_plane((5, 6)), random_plane((5, 6), 1))


@given(size=sizes, sigma=st.floats(0, 50), border=borders, value=st.floats(-1e3, 1e3))
def test_constants_are_kept(size, sigma, border, value):
    np.testing.assert_allclose(gaussian_blur(np.full(size, value), sigma, border=border), value, rtol=1e-13)


@given(size=sizes, sigma=sigmas, border=borders, dtype=st.sampled_from([np.float32, np.float64]))
def test_a_flipped_image_gives_the_flipped_result_exactly(size, sigma, border, dtype):
    plane = random_plane(size).astype(dtype)
    result = gaussian_blur(plane, sigma, border=border)
    np.testing.assert_array_equal(gaussian_blur(plane[::-1, ::-1], sigma, border=border)[::-1, ::-1], result)


@given(size=sizes, sigma=sigmas)
def test_repeated_borders_keep_the_sum(size, sigma):
    plane = random_plane(size)
    assert gaussian_blur(plane, sigma).sum() == pytest.approx(plane.sum(), abs=1e-12)


def test_no_blur():
    plane = random_plane((4, 5))
    for kwargs in ({"sigma": 0}, {"sigma": 3, "radius": 0}, {"sigma": 1e-200, "radius": 2}):
        np.testing.assert_array_equal(gaussian_blur(plane, **kwargs), plane)


def test_a_kernel_far_larger_than_the_image_gives_the_mean():
    plane = random_plane((3, 4))
    np.testing.assert_allclose(gaussian_blur(plane, 100, radius=1000), plane.mean(), atol=1e-12)


def test_channels_and_batches_are_planes_of_their_own():
    batch = random_plane((2, 5, 6, 3))
    result = gaussian_blur(batch, 1.5)
    for k in range(2):
        np.testing.assert_array_equal(gaussian_blur(batch[k], 1.5), result[k])
        for c in range(3):
            np.testing.assert_array_equal(gaussian_blur(batch[k, :, :, c], 1.5), result[k, :, :, c])


def test_single_precision():
    plane = random_plane((40, 50))
    result = gaussian_blur(plane.astype(np.float32), 3)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, gaussian_blur(plane, 3), atol=2e-7)


def test_the_result_does_not_depend_on_strips():
    batch = random_plane((3, 8, 5, 2))
    taps = gaussian_taps(1.0)
    expected = apply_taps(batch, taps, "reflect")
    rows, columns = (padded_indices(n, taps.size - 1, "reflect") for n in (8, 5))
    for strips in (1, 5, 24):
        out = np.full((3, 8, 10), np.nan)
        lines = np.full((strips, columns.size * 2), np.nan)
        kernels.blur(batch.reshape(out.shape), taps, rows, columns, 2, lines, out)
        np.testing.assert_array_equal(out.reshape(batch.shape), expected)


@pytest.mark.parametrize(
    ("args", "kwargs", "error", "words"),
    [
        ((np.zeros(3), 1), {}, ValueError, r"src has shape \(3,\)"),
        (([[np.inf]], 1), {}, ValueError, "src has 1 values that are NaN or infinite"),
        ((np.zeros((2, 2)), -1), {}, ValueError, "sigma is -1"),
        ((np.zeros((2, 2)), np.nan), {}, ValueError, "sigma is nan"),
        ((np.zeros((2, 2)), 1), {"radius": -1}, ValueError, "radius is -1"),
        ((np.zeros((2, 2)), 1), {"border": "wrap"}, ValueError, "border is 'wrap'"),
    ],
)
def test_bad_input(args, kwargs, error, words):
    with pytest.raises(error, match=words):
        gaussian_blur(*args, **kwargs)
