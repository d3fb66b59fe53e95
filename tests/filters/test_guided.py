import naive_filters
import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classmat.filters.guided import fast_guided_filter, guided_filter

sizes = st.integers(1, 24)
radii = st.integers(0, 30)
log_eps = st.floats(-8, 0)
guides = st.sampled_from([(), (3,)])


def arrays(h, w, channels=(), seed=0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    return rng.random((h, w, *channels)).astype(dtype), rng.random((h, w)).astype(dtype)


@settings(max_examples=80)
@given(h=sizes, w=sizes, channels=guides, radius=radii, log_eps=log_eps, seed=st.integers(0, 99))
def test_equals_the_naive_twin(h, w, channels, radius, log_eps, seed):
    guide, src = arrays(h, w, channels, seed)
    expected = naive_filters.guided_filter(guide, src, radius, 10**log_eps)
    np.testing.assert_allclose(guided_filter(guide, src, radius, 10**log_eps), expected, rtol=0, atol=1e-9)
    single = guided_filter(guide.astype(np.float32), src.astype(np.float32), radius, 10**log_eps)
    assert single.dtype == np.float32


@pytest.mark.parametrize("radius", [0, 1, 9, 63, 300])
@pytest.mark.parametrize("channels", [(), (3,)])
@pytest.mark.parametrize("shape", [(601, 23), (3, 1100)])
def test_blocks_and_pieces_join_without_a_seam(shape, channels, radius):
    guide, src = arrays(*shape, channels)
    expected = naive_filters.guided_filter(guide, src, radius, 1e-3)
    np.testing.assert_allclose(guided_filter(guide, src, radius, 1e-3), expected, rtol=0, atol=1e-12)


def smooth_and_noisy(h, w, channels, seed=0):
    """A bright scene with flat parts, ramps, a step and a little noise: where running sums lose digits."""
    y, x = np.mgrid[:h, :w].astype(np.float64)
    rng = np.random.default_rng(seed)
    guide = 0.8 + 0.1 * (x > w / 2) + 0.05 * y / h + np.where(x < w / 4, 0, 2e-3 * rng.standard_normal((h, w)))
    guide = guide[..., np.newaxis] * [1, 0.9, 0.8] if channels else guide
    return guide.astype(np.float32), (x + y > (h + w) / 2).astype(np.float32)


@pytest.mark.parametrize("channels", [(), (3,)])
@pytest.mark.parametrize("radius", [1, 8, 60])
def test_float32_is_as_exact_as_it_can_hold(channels, radius):
    guide, src = smooth_and_noisy(700, 900, channels)
    exact = guided_filter(guide.astype(np.float64), src.astype(np.float64), radius, 1e-4)
    assert np.abs(guided_filter(guide, src, radius, 1e-4) - exact).max() < 1e-6


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("channels", [(), (3,)])
def test_same_bits_for_any_number_of_threads(channels, dtype):
    if numba.config.NUMBA_NUM_THREADS < 2:
        pytest.skip("needs two threads")
    guide, src = arrays(1100, 70, channels, dtype=dtype)
    results = []
    for n in (1, numba.config.NUMBA_NUM_THREADS):
        numba.set_num_threads(n)
        results.append(guided_filter(guide, src, 5, 1e-4))
    np.testing.assert_array_equal(*results)


@given(h=sizes, w=sizes, channels=guides, radius=radii, log_eps=log_eps)
def test_linear_in_the_source(h, w, channels, radius, log_eps):
    guide, p = arrays(h, w, channels)
    r, eps = arrays(h, w, seed=1)[1], 10**log_eps
    q = guided_filter(guide, 2 * p - 3 * r + 1, radius, eps)
    expected = 2 * guided_filter(guide, p, radius, eps) - 3 * guided_filter(guide, r, radius, eps) + 1
    np.testing.assert_allclose(q, expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("channels", [(), (3,)])
def test_only_differences_of_the_guide_count_and_eps_has_its_square_as_unit(channels):
    guide, src = arrays(20, 31, channels)
    q = guided_filter(guide, src, 3, 1e-2)
    np.testing.assert_allclose(guided_filter(guide + 1000, src, 3, 1e-2), q, rtol=0, atol=1e-11)
    np.testing.assert_allclose(guided_filter(255 * guide, src, 3, 255**2 * 1e-2), q, rtol=0, atol=1e-12)


@pytest.mark.parametrize("channels", [(), (3,)])
def test_flips_and_transposes(channels):
    guide, src = arrays(20, 31, channels)
    q = guided_filter(guide, src, 3, 1e-2)
    np.testing.assert_allclose(
        guided_filter(guide[::-1, ::-1], src[::-1, ::-1], 3, 1e-2)[::-1, ::-1], q, atol=1e-13
    )
    transposed = guided_filter(guide.swapaxes(0, 1), src.T, 3, 1e-2).T
    np.testing.assert_allclose(transposed, q, rtol=0, atol=1e-13)


def test_three_equal_channels_are_one_with_a_third_of_eps():
    """(v 11' + eps)^-1 c 1 = c / (3 v + eps) 1."""
    guide, src = arrays(20, 31)
    colour = guided_filter(np.repeat(guide[..., np.newaxis], 3, 2), src, 3, 3e-2)
    np.testing.assert_allclose(colour, guided_filter(guide, src, 3, 1e-2), rtol=0, atol=1e-13)


def test_a_window_as_large_as_the_image_is_a_regression():
    guide, src = arrays(9, 14, (3,))
    design = np.column_stack([guide.reshape(-1, 3), np.ones(src.size)])
    fit = design @ np.linalg.lstsq(design, src.ravel(), rcond=None)[0]
    for radius in (13, 10**6):
        np.testing.assert_allclose(guided_filter(guide, src, radius, 1e-12), fit.reshape(src.shape), atol=1e-8)


@pytest.mark.parametrize("channels", [(), (3,)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("eps", [1e-8, 1e-20])
def test_constant_guide_and_constant_source(channels, dtype, eps):
    flat = np.full((30, 41, *channels), 0.7, dtype)
    src = arrays(30, 41, dtype=dtype)[1]
    twice = naive_filters.box_mean(naive_filters.box_mean(src, 2), 2)
    np.testing.assert_allclose(guided_filter(flat, src, 2, eps), twice, atol=1e-6)
    guide, one = arrays(30, 41, channels, dtype=dtype)[0], np.full((30, 41), 0.3, dtype)
    np.testing.assert_array_equal(guided_filter(guide, one, 2, eps), one)


def test_channels_of_the_source_are_filtered_one_by_one():
    rng = np.random.default_rng(0)
    for channels in ((), (3,)):
        guide, src = rng.random((12, 17, *channels)), rng.random((12, 17, 2))
        together = guided_filter(guide, src, 2, 1e-2)
        assert together.flags.c_contiguous
        for c in range(2):
            np.testing.assert_array_equal(together[..., c], guided_filter(guide, src[..., c], 2, 1e-2))


def test_layout_makes_no_difference_and_nothing_is_written():
    guide, src = arrays(40, 60, (3,))
    views = np.asfortranarray(guide)[::-2, ::3], src.T.copy().T[::-2, ::3]
    before = [view.copy() for view in views]
    np.testing.assert_array_equal(guided_filter(*views, 2, 1e-2), guided_filter(*before, 2, 1e-2))
    for view, copy in zip(views, before, strict=True):
        np.testing.assert_array_equal(view, copy)


@pytest.mark.parametrize("channels", [(), (3,)])
def test_fast_with_no_subsampling_is_the_filter(channels):
    guide, src = arrays(23, 31, channels)
    exact = guided_filter(guide, src, 3, 1e-2)
    np.testing.assert_allclose(fast_guided_filter(guide, src, 3, 1e-2, 1), exact, rtol=0, atol=1e-13)


@given(h=sizes, w=sizes, channels=guides, radius=radii, subsample=st.integers(1, 30))
def test_fast_reproduces_affine_functions_of_the_guide(h, w, channels, radius, subsample):
    """There a and b are the same everywhere, as far as eps allows."""
    guide = arrays(h, w, channels)[0]
    src = guide.reshape(h, w, -1).sum(2) + 2
    q = fast_guided_filter(guide, src, radius, 1e-13, subsample)
    exact = guided_filter(guide, src, radius, 1e-13)
    if radius > 2 * subsample and min(h, w) > 3 * subsample:
        np.testing.assert_allclose(q, exact, rtol=0, atol=1e-5)
    assert np.isfinite(q).all()


def test_fast_is_close_where_the_window_is_large():
    guide, src = smooth_and_noisy(200, 240, ())
    exact = guided_filter(guide, src, 16, 1e-4)
    close = np.abs(fast_guided_filter(guide, src, 16, 1e-4, 4) - exact)
    smoothed = np.abs(src - exact)
    assert close.mean() < 0.1 * smoothed.mean()


GUIDE, SRC = arrays(4, 5, (3,))


@pytest.mark.parametrize(
    ("guide", "src", "radius", "eps", "error", "words"),
    [
        (GUIDE, SRC, 1, 0, ValueError, "eps is 0"),
        (GUIDE, SRC, 1, -1.0, ValueError, "eps is -1"),
        (GUIDE, SRC, 1, np.nan, ValueError, "eps is nan"),
        (GUIDE, SRC, 1, "small", TypeError, "eps is 'small'"),
        (GUIDE, SRC, -1, 1e-4, ValueError, "radius is -1"),
        (GUIDE, SRC, 2.0, 1e-4, TypeError, "radius is 2.0"),
        (GUIDE[:3], SRC, 1, 1e-4, ValueError, "guide is 3x5 but src is 4x5"),
        (GUIDE[..., :2], SRC, 1, 1e-4, ValueError, r"guide has shape \(4, 5, 2\)"),
        (GUIDE[np.newaxis], SRC, 1, 1e-4, ValueError, r"guide has shape \(1, 4, 5, 3\)"),
        (GUIDE, SRC[0], 1, 1e-4, ValueError, r"src has shape \(5,\)"),
        (GUIDE[:0], SRC[:0], 1, 1e-4, ValueError, "guide is empty"),
        ("photo", SRC, 1, 1e-4, TypeError, "guide is a str"),
        (GUIDE * np.nan, SRC, 1, 1e-4, ValueError, "guide has 60 values that are NaN"),
        (GUIDE, SRC + np.inf, 1, 1e-4, ValueError, "src has 20 values that are NaN or infinite"),
        (GUIDE * 1e200, SRC, 1, 1e-4, ValueError, "overflow float64"),
    ],
)
def test_bad_input(guide, src, radius, eps, error, words):
    with pytest.raises(error, match=words):
        guided_filter(guide, src, radius, eps)


@pytest.mark.parametrize("subsample", [0, 1.5])
def test_bad_subsample(subsample):
    with pytest.raises((TypeError, ValueError), match="subsample is"):
        fast_guided_filter(GUIDE, SRC, 1, 1e-4, subsample)


@given(
    h=sizes,
    w=sizes,
    channels=guides,
    radius=radii,
    seed=st.integers(0, 999),
    where=st.sampled_from(["guide", "src"]),
)
def test_not_finite_anywhere_is_found(h, w, channels, radius, seed, where):
    rng = np.random.default_rng(seed)
    guide, src = arrays(h, w, channels, seed)
    bad = {"guide": guide, "src": src}[where]
    bad.flat[rng.integers(bad.size)] = np.nan
    with pytest.raises(ValueError, match=f"{where} has 1 values that are NaN"):
        guided_filter(guide, src, radius, 1e-3)
