import naive_filters
import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from classmat.filters import planes
from classmat.filters.box import box, box_filter

sizes = st.integers(1, 24)


@given(
    h=sizes,
    w=sizes,
    channels=st.sampled_from([(), (1,), (3,)]),
    radius=st.integers(0, 40),
    dtype=st.sampled_from([np.float32, np.float64]),
    seed=st.integers(0, 99),
)
def test_equals_the_naive_twin(h, w, channels, radius, dtype, seed):
    src = np.random.default_rng(seed).standard_normal((h, w, *channels)).astype(dtype)
    mean = box_filter(src, radius)
    assert mean.dtype == dtype
    tolerance = 1e-6 if dtype == np.float32 else 1e-13
    np.testing.assert_allclose(mean, naive_filters.box_mean(src, radius), rtol=0, atol=tolerance)
    np.testing.assert_allclose(
        box(src, radius), naive_filters.box_sum(src, radius), rtol=tolerance, atol=tolerance
    )


@pytest.mark.parametrize("radius", [0, 1, 9, 63, 200, 1000])
@pytest.mark.parametrize("shape", [(600, 37), (3, 1100)])
def test_blocks_and_pieces_join_without_a_seam(shape, radius):
    src = np.random.default_rng(0).random(shape)
    np.testing.assert_allclose(box_filter(src, radius), naive_filters.box_mean(src, radius), rtol=1e-13)


def test_there_is_more_than_one_block():
    assert planes.block_count(600, 9) == 2
    assert planes.block_count(600, 200) == 1


def test_a_batch_is_its_images():
    src = np.random.default_rng(0).random((3, 11, 9, 2))
    np.testing.assert_array_equal(box_filter(src, 2), np.stack([box_filter(image, 2) for image in src]))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_same_bits_for_any_number_of_threads(dtype):
    if numba.config.NUMBA_NUM_THREADS < 2:
        pytest.skip("needs two threads")
    src = np.random.default_rng(0).random((3, 1100, 70)).astype(dtype)
    results = []
    for n in (1, numba.config.NUMBA_NUM_THREADS):
        numba.set_num_threads(n)
        results.append([box_filter(image, 5) for image in src] + [box_filter(src[..., np.newaxis], 5)[..., 0]])
    for first, second in zip(*results, strict=True):
        np.testing.assert_array_equal(first, second)


def test_float32_does_not_drift():
    """Down 2,000 rows beside a bright column the error stays that of rounding the result."""
    src = np.random.default_rng(0).random((2000, 64)).astype(np.float32)
    src[:, 5] += 1000
    error = box_filter(src, 1) - box_filter(src.astype(np.float64), 1)
    assert np.abs(error[:, 10:]).max() < 1e-7


@given(radius=st.integers(0, 30), value=st.floats(-(2.0**90), 2.0**90, width=32))
def test_a_constant_stays_one(radius, value):
    src = np.full((5, 19), value, np.float32)
    np.testing.assert_allclose(box_filter(src, radius), src, rtol=2e-7)


@given(
    h=sizes, w=sizes, radius=st.integers(0, 30), seed=st.integers(0, 999), bad=st.sampled_from([np.nan, np.inf])
)
def test_not_finite_anywhere_is_found(h, w, radius, seed, bad):
    rng = np.random.default_rng(seed)
    src = rng.random((h, w))
    src[rng.integers(h), rng.integers(w)] = bad
    with pytest.raises(ValueError, match="src has 1 values that are NaN or infinite"):
        box_filter(src, radius)


def test_layout_makes_no_difference_and_nothing_is_written():
    src = np.random.default_rng(0).random((20, 30, 2))
    view = np.asfortranarray(src)[::-2, ::3]
    before = view.copy()
    np.testing.assert_array_equal(box_filter(view, 2), box_filter(np.ascontiguousarray(view), 2))
    np.testing.assert_array_equal(view, before)


def test_whole_numbers_are_taken_as_they_are():
    np.testing.assert_array_equal(box_filter(np.array([[0, 255]], np.uint8), 1), [[127.5, 127.5]])


@pytest.mark.parametrize(
    ("src", "radius", "error", "words"),
    [
        (np.zeros((3, 4)), -1, ValueError, "radius is -1"),
        (np.zeros((3, 4)), 1.5, TypeError, "radius is 1.5"),
        (np.zeros(3), 1, ValueError, r"src has shape \(3,\)"),
        (np.zeros((0, 4)), 1, ValueError, "src is empty"),
        ("photo", 1, TypeError, "src is a str"),
        (np.full((9, 9), 1e308), 2, ValueError, "overflow float64"),
    ],
)
def test_bad_input(src, radius, error, words):
    with pytest.raises(error, match=words):
        box_filter(src, radius)
