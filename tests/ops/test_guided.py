import naive_filters
import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classmat.filters.guided import guided_filter
from classmat.ops import guided_filter_vjp
from classmat.testing import check_pullback

sizes = st.integers(1, 24)
guides = st.sampled_from([(), (3,)])
batches = st.sampled_from([(), (1,), (3,)])


def arrays(shape, channels=(), seed=0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    return [rng.random(s).astype(dtype) for s in ((*shape, *channels), shape, shape)]


@settings(max_examples=40)
@given(
    h=sizes,
    w=sizes,
    batch=batches,
    channels=guides,
    radius=st.integers(0, 30),
    log_eps=st.floats(-8, 0),
    seed=st.integers(0, 999),
)
def test_pullback(h, w, batch, channels, radius, log_eps, seed):
    guide, src, _ = arrays((*batch, h, w), channels, seed)
    check_pullback(guided_filter_vjp, [guide, src, 10**log_eps], single=None, seed=seed, radius=radius)


def naive_pullback(guide, src, eps, radius, q_bar, step):
    """Central differences of the naive twin along every coordinate."""
    args = [guide.astype(np.float64), src.astype(np.float64), np.array(eps)]

    def value(args):
        return np.vdot(naive_filters.guided_filter(args[0], args[1], radius, args[2]), q_bar)

    bars = []
    for arg in args:
        bar = np.empty(arg.shape)
        for at in np.ndindex(arg.shape):
            keep, difference = arg[at], 0.0
            for sign in (1, -1):
                arg[at] = keep + sign * step
                difference += sign * value(args)
            arg[at] = keep
            bar[at] = difference / (2 * step)
        bars.append(bar)
    return bars


@pytest.mark.parametrize("channels", [(), (3,)])
def test_pullback_is_that_of_the_naive_twin(channels):
    guide, src, q_bar = arrays((5, 6), channels)
    bars = guided_filter_vjp(guide, src, 0.01, radius=1)[1](q_bar)
    for bar, expected in zip(bars, naive_pullback(guide, src, 0.01, 1, q_bar, 1e-5), strict=True):
        np.testing.assert_allclose(bar, expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("channels", [(), (3,)])
def test_value_is_that_of_the_filter(channels):
    guide, src, _ = arrays((12, 13), channels)
    np.testing.assert_array_equal(
        guided_filter_vjp(guide, src, 0.01, radius=2)[0], guided_filter(guide, src, 2, 0.01)
    )


def test_one_dimension_more_means_colours():
    """A guide (3, 4, 3) is one image in colours for a source (3, 4), three grey ones for sources (3, 4, 3)."""
    guide = np.random.default_rng(0).random((3, 4, 3))
    src = np.random.default_rng(1).random((3, 4, 3))
    colour, pullback = guided_filter_vjp(guide, src[..., 0], 0.1, radius=1)
    np.testing.assert_array_equal(colour, guided_filter(guide, src[..., 0], 1, 0.1))
    assert pullback(colour)[0].shape == (3, 4, 3)
    stack = guided_filter_vjp(guide, src, 0.1, radius=1)[0]
    np.testing.assert_array_equal(stack[1], guided_filter(guide[1], src[1], 1, 0.1))


@pytest.mark.parametrize("channels", [(), (3,)])
@pytest.mark.parametrize("shape", [(600, 21), (3, 1100)])
def test_blocks_and_pieces_join_without_a_seam(shape, channels):
    """<guide_bar, v> + <src_bar, u> is the change of <q_bar, q> along (v, u), at the seams too."""
    (guide, src, q_bar), (v, u, _) = arrays(shape, channels), arrays(shape, channels, seed=1)
    q_bar = q_bar - 0.5
    bars = guided_filter_vjp(guide, src, 0.1, radius=4)[1](q_bar)
    for rows in (slice(None), slice(shape[0] // 2 - 2, shape[0] // 2 + 2)):
        dv, du = np.zeros_like(v), np.zeros_like(u)
        dv[rows], du[rows] = v[rows] - 0.5, u[rows] - 0.5
        step = 1e-5
        ends = [guided_filter(guide + s * dv, src + s * du, 4, 0.1) for s in (step, -step)]
        expected = np.vdot(q_bar, ends[0] - ends[1]) / (2 * step)
        np.testing.assert_allclose(np.vdot(bars[0], dv) + np.vdot(bars[1], du), expected, rtol=1e-6)


@given(
    h=sizes, w=sizes, channels=guides, radius=st.integers(0, 30), log_eps=st.floats(-8, 0), seed=st.integers(0, 99)
)
def test_linear_in_the_source_so_its_cotangent_is_the_adjoint(h, w, channels, radius, log_eps, seed):
    guide, src, q_bar = arrays((h, w), channels, seed)
    q, pullback = guided_filter_vjp(guide, src, 10**log_eps, radius=radius)
    src_bar = pullback(q_bar)[1]
    norm = np.linalg.norm(q_bar) * np.linalg.norm(src) * max(1, np.linalg.norm(src_bar))
    assert abs(np.vdot(q, q_bar) - np.vdot(src, src_bar)) <= 1e-10 * norm


@given(h=sizes, w=sizes, channels=guides, radius=st.integers(0, 30), seed=st.integers(0, 99))
def test_what_does_not_change_the_value_has_no_derivative(h, w, channels, radius, seed):
    """Adding a constant to the guide does nothing, scaling it is scaling eps: two laws for the cotangents."""
    guide, src, q_bar = arrays((h, w), channels, seed)
    eps = 0.05
    guide_bar, src_bar, eps_bar = guided_filter_vjp(guide, src, eps, radius=radius)[1](q_bar)
    assert np.abs(guide_bar.sum((0, 1))).max() < 1e-10
    assert abs(np.vdot(guide, guide_bar) + 2 * eps * eps_bar) < 1e-10
    assert abs(src_bar.sum() - q_bar.sum()) < 1e-10 * q_bar.sum()


@pytest.mark.parametrize("channels", [(), (3,)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("eps", [1e-8, 1e-2])
def test_constant_windows_have_finite_derivatives(channels, dtype, eps):
    """With eps near 0 public code gives NaN. Here var = cov = 0 in a flat guide: src_bar is the adjoint mean, twice."""
    guide, src, q_bar = arrays((20, 24), channels, dtype=dtype)
    half = guide.copy()
    half[:, :12] = 0.7
    flat = np.full_like(guide, 0.7)
    for case in (half, flat):
        for bar in guided_filter_vjp(case, src, eps, radius=2)[1](q_bar):
            assert np.isfinite(bar).all()
    count = naive_filters.box_sum(np.ones(src.shape), 2)
    expected = naive_filters.box_sum(naive_filters.box_sum(q_bar / count, 2) / count, 2)
    guide_bar, src_bar, _ = guided_filter_vjp(flat, src, eps, radius=2)[1](q_bar)
    np.testing.assert_allclose(src_bar, expected, rtol=1e-5)
    assert np.abs(guide_bar).max() < 1e3 / eps


def test_float32_pullback_is_near_that_of_float64():
    for channels in ((), (3,)):
        guide, src, q_bar = arrays((600, 80), channels, dtype=np.float32)
        single = guided_filter_vjp(guide, src, 1e-4, radius=8)[1](q_bar)
        double = guided_filter_vjp(guide.astype(float), src.astype(float), 1e-4, radius=8)[1](q_bar)
        for bar, expected in zip(single[:2], double[:2], strict=True):
            assert bar.dtype == np.float32
            np.testing.assert_allclose(bar, expected, rtol=0, atol=1e-6 * np.abs(expected).max())
        np.testing.assert_allclose(single[2], double[2], rtol=1e-5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("channels", [(), (3,)])
def test_same_bits_for_any_number_of_threads(channels, dtype):
    if numba.config.NUMBA_NUM_THREADS < 2:
        pytest.skip("needs two threads")
    guide, src, q_bar = arrays((1100, 40), channels, dtype=dtype)
    results = []
    for n in (1, numba.config.NUMBA_NUM_THREADS):
        numba.set_num_threads(n)
        results.append(guided_filter_vjp(guide, src, 1e-3, radius=5)[1](q_bar))
    for first, second in zip(*results, strict=True):
        np.testing.assert_array_equal(first, second)


def test_eps_keeps_its_dtype_and_shape():
    guide, src, q_bar = arrays((4, 5))
    for eps, dtype in (
        (0.1, np.float64),
        (np.float32(0.1), np.float32),
        (np.array(0.1), np.float64),
        (1, np.float64),
    ):
        eps_bar = guided_filter_vjp(guide, src, eps, radius=1)[1](q_bar)[2]
        assert eps_bar.shape == ()
        assert eps_bar.dtype == dtype


GUIDE, SRC, _ = arrays((4, 5), (3,))


@pytest.mark.parametrize(
    ("guide", "src", "eps", "radius", "error", "words"),
    [
        (GUIDE, SRC, 0, 1, ValueError, "eps is 0"),
        (GUIDE, SRC, -1e-4, 1, ValueError, "eps is -0.0001"),
        (GUIDE, SRC, np.ones(2), 1, TypeError, "eps is"),
        (GUIDE, SRC, 0.1, -1, ValueError, "radius is -1"),
        (GUIDE[..., :2], SRC, 0.1, 1, ValueError, r"guide has shape \(4, 5, 2\) but src has shape \(4, 5\)"),
        (GUIDE[..., 0], SRC[np.newaxis], 0.1, 1, ValueError, r"guide has shape \(4, 5\) but src has shape"),
        (GUIDE, SRC[0], 0.1, 1, ValueError, r"src has shape \(5,\)"),
        (GUIDE * np.inf, SRC, 0.1, 1, ValueError, "guide has 60 values that are NaN or infinite"),
    ],
)
def test_bad_input(guide, src, eps, radius, error, words):
    with pytest.raises(error, match=words):
        guided_filter_vjp(guide, src, eps, radius=radius)
