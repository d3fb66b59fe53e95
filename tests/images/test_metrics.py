from fractions import Fraction

import naive_metrics as naive
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from classmat.images.metrics import (
    METRICS,
    connectivity_error,
    evaluate,
    gradient_error,
    mad,
    mse,
    sad,
)

ALL = (sad, mse, mad, gradient_error, connectivity_error)


def vector_gradient(*args, **options):
    return gradient_error(*args, kind="vector", **options)


# ---- by hand: differences

ALPHA = [[0.0, 0.5, 1.0], [0.25, 0.75, 1.0]]
TRUTH = [[0.0, 0.75, 0.5], [0.5, 0.75, 0.0]]
# |difference|  0    .25  .5     .25   0    1     sum 2, squares 0 + .0625 + .25 + .0625 + 0 + 1 = 1.375
TRIMAP = np.array([[0, 128, 128], [128, 255, 255]], np.uint8)  # unknown: .25, .5, .25


def test_differences_over_the_image():
    assert sad(ALPHA, TRUTH) == 2.0
    assert mad(ALPHA, TRUTH) == 2.0 / 6
    assert mse(ALPHA, TRUTH) == 1.375 / 6


def test_differences_over_the_unknown_pixels():
    assert sad(ALPHA, TRUTH, TRIMAP) == 1.0
    assert mad(ALPHA, TRUTH, TRIMAP) == 1.0 / 3
    assert mse(ALPHA, TRUTH, TRIMAP) == 0.375 / 3


# ---- by hand: gradient

# With E_u = exp(-u^2 / (2 1.4^2)), E = 1, .7748374, .3604478, .1006689, .0168799 for u = 0..4, the rows of
# the kernel are, each over its L2 norm,
#   g:  E_u, sum 1 + 2 (E1 + E2 + E3 + E4) = 3.5056680, norm sqrt(1 + 2 sum E^2) = 1.5752554: sum 2.2254601
#   g': u E_u, norm sqrt(2 sum u^2 E_u^2) = 1.5593783
# A step between columns 7 and 8: at distance j the response is T_j = sum of u E_u from u = j on:
#   T = 1.8652592, 1.0904218, .3695262, .0675195; columns 4..11 have T4 T3 T2 T1 T1 T2 T3 T4.
#   sum of T^2 over both sides 9.6186406, of T 6.7854537.
STEP = np.tile(np.arange(16) >= 8, (5, 1)).astype(float)


def test_gradient_error_of_a_step():
    # a row: 9.6186406 (2.2254601 / 1.5593783)^2 = 19.590716
    assert gradient_error(STEP, np.zeros((5, 16))) == pytest.approx(5 * 19.590716, rel=1e-6)


def test_vector_gradient_error_of_a_step():
    # a row: 6.7854537 (2.2254601 / 1.5593783) = 9.683831, over 16 columns
    value = vector_gradient(STEP, np.zeros((5, 16)), reduce="mean")
    assert value == pytest.approx(9.683831 / 16, rel=1e-6)


def test_a_step_up_and_a_step_down_differ_in_direction_only():
    assert gradient_error(STEP, 1 - STEP) == pytest.approx(0, abs=1e-20)
    assert vector_gradient(STEP, 1 - STEP) == pytest.approx(2 * 5 * 9.683831, rel=1e-6)


def test_gradient_of_a_ramp():
    # Slope .05 along y, away from the border: .05 (2 sum u^2 E_u = 6.7854537) / 1.5593783 x 2.2254601
    # = .4841915, and with the plain kernel, whose norm is 1 / sqrt(96.55596), .0492751.
    ramp = np.tile(np.linspace(0, 1, 21)[:, None], (1, 3))
    middle = np.zeros((21, 3))
    middle[4:17] = 0.5  # 13 x 3 pixels
    flat = np.full((21, 3), 0.3)
    assert vector_gradient(ramp, flat, middle) == pytest.approx(39 * 0.4841915, rel=1e-6)
    assert gradient_error(ramp, flat, middle) == pytest.approx(39 * 0.4841915**2, rel=1e-6)
    plain = vector_gradient(ramp, flat, middle, normalise_kernel=False, reduce="mean")
    assert plain == pytest.approx(0.0492751, rel=1e-6)


def test_stretch_takes_each_matte_to_the_full_range():
    assert gradient_error(STEP, 0.25 + 0.5 * STEP) > 1
    assert gradient_error(STEP, 0.25 + 0.5 * STEP, stretch=True) == 0
    # a constant matte has nothing to stretch, and no gradient
    assert gradient_error(STEP, np.full(STEP.shape, 0.4), stretch=True) == gradient_error(STEP, 0 * STEP)


# ---- by hand: connectivity

CHAINS = {
    # min = 1, .75, .25: the third pixel is in Omega_1 and Omega_2, the second up to Omega_7: l = 1, .7, .2.
    # d(alpha) = 0, .05, .3 -> phi 1, 1, .7; d(truth) = 0, .3, .05 -> phi 1, .7, 1
    "graded": ([1, 0.75, 0.5], [1, 1, 0.25], 0.6),
    # The bridge is gone in alpha, so l = 1 1 1 0 0 0: phi(alpha) = 1 1 1 1 0 0, phi(truth) = 1 1 1 0 0 0
    "bridge": ([1, 1, 1, 0, 1, 1], [1, 1, 1, 1, 1, 1], 1.0),
    # nothing reaches .9, so Omega_9 is empty and l = .8: phi(alpha) = 1 (d = .05 < .15), phi(truth) = .8
    "empty from .9": ([0.85] * 4, [1] * 4, 4 * 0.2),
    # Omega_1 is empty, l = 0: phi(alpha) = 1, phi(truth) = 0
    "empty from .1": ([0, 0, 0], [1, 1, 1], 3.0),
    # disjoint: l = 0 everywhere; phi(alpha) = 1 0, phi(truth) = 0 1
    "no overlap": ([0, 1], [1, 0], 2.0),
    # l = .3: phi(alpha) = 1, phi(truth) = .5
    "constants": ([0.3] * 3, [0.8] * 3, 1.5),
    "equal constants": ([0.5] * 3, [0.5] * 3, 0.0),
    # Zeros are the largest set of equal pixels, yet no component: l = 1, .4, 0 .. and phi(truth) = 1 - .6 for
    # the second pixel. (Were the zeros taken, l would be 0 there too and the error .55.)
    "large background": ([1, 0.45] + [0] * 8, [1, 1] + [0] * 8, 0.6),
    # d = .35 - .2 is exactly theta, though not in floating point: phi(alpha) = .85, phi(truth) = 1
    "distance theta": ([0.35], [0.2], 0.15),
    "just below theta": ([0.349], [0.2], 0.0),
}


@pytest.mark.parametrize("name", CHAINS)
def test_connectivity_of_chains(name):
    alpha, truth, expected = CHAINS[name]
    for reshape in (lambda row: np.array([row], float), lambda row: np.array([row], float).T):
        assert connectivity_error(reshape(alpha), reshape(truth)) == pytest.approx(expected, abs=1e-14)


def test_diagonal_neighbours_do_not_connect():
    # l of the last pixel is 0: phi(alpha) = .55, phi(truth) = 0. (Connected, l would be .4 and the error .6.)
    alpha, truth = [[1, 1, 0], [0, 0, 0.45]], [[1.0, 1, 0], [0, 0, 1]]
    assert connectivity_error(alpha, truth) == pytest.approx(0.55, abs=1e-14)


def test_the_first_of_two_largest_components_in_row_order_counts():
    # Up to .4 both components have one pixel. The first: l = .4, phi(alpha) = 1 (d = .07), phi(truth) = .4.
    # Were the other taken, its l would be 0 and its error .53.
    alpha, truth = np.array([[0.47, 0, 0.85]]), np.array([[1.0, 0, 1.0]])
    only_first, only_last = np.array([[0.5, 0, 0]]), np.array([[0, 0, 0.5]])
    assert connectivity_error(alpha, truth, only_first) == pytest.approx(0.6, abs=1e-14)
    # the other has left at .1: l = 0, phi(alpha) = .15, phi(truth) = 0
    assert connectivity_error(alpha, truth, only_last) == pytest.approx(0.15, abs=1e-14)


@pytest.mark.parametrize(
    "alpha",
    [
        np.array([[255, 153]], np.uint8),
        np.array([[65535, 39321]], np.uint16),
        np.array([[1, 153 / 255]]),
        np.array([[1, 0.6]]),
        np.array([[1, 153 / 255]], np.float32),
        np.array([[1, 0.6]], np.float32),
        np.array([[255, 153]], np.float32) / np.float32(255),
        np.array([[1, 0.6]]) - 1e-12,
    ],
    ids=lambda a: f"{a.dtype}-{a[0, 1]!r}",
)
def test_six_tenths_reaches_the_threshold_six_tenths(alpha):
    # l = .6, phi(alpha) = 1, phi(truth) = 1 - .4. Below the threshold l were .5 and the error .5.
    assert connectivity_error(alpha, np.ones((1, 2))) == pytest.approx(0.4, abs=1e-6)


def test_just_below_the_threshold():
    assert connectivity_error(np.array([[255, 152]], np.uint8), np.ones((1, 2))) == pytest.approx(0.5)
    assert connectivity_error(np.array([[1, 0.599999]]), np.ones((1, 2))) == pytest.approx(0.5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("k", range(11))
def test_every_tenth_reaches_its_threshold(k, dtype):
    # l = k / 10 = alpha, so phi(alpha) = 1 and phi(truth) = k / 10, or 1 where truth is within theta of alpha
    value = np.array([[1, k / 10]], dtype)
    expected = 1 - k / 10 if k < 9 else 0
    assert connectivity_error(value, np.ones((1, 2), dtype)) == pytest.approx(expected, abs=1e-7)


def test_theta():
    # l = .3: d(truth) = .5 counts up to theta = .5
    alpha, truth = np.full((1, 1), 0.3), np.full((1, 1), 0.8)
    assert connectivity_error(alpha, truth, theta=0.5) == pytest.approx(0.5)
    assert connectivity_error(alpha, truth, theta=0.51) == 0
    assert connectivity_error(alpha, truth, theta=0) == pytest.approx(0.5)


# ---- against the naive twin, and laws

SIDES = st.integers(1, 7)
STEPS = st.sampled_from([4, 20, 255])  # 20: thresholds and theta are hit exactly


@st.composite
def pairs(draw):
    """Two mattes as whole numbers, out of `steps`, and a trimap with at least one unknown pixel."""
    shape, steps = (draw(SIDES), draw(SIDES)), draw(STEPS)
    alpha, truth = (draw(hnp.arrays(np.int64, shape, elements=st.integers(0, steps))) for _ in range(2))
    trimap = draw(hnp.arrays(np.uint8, shape, elements=st.sampled_from([0, 128, 255])))
    trimap[draw(st.integers(0, shape[0] - 1)), draw(st.integers(0, shape[1] - 1))] = 128
    return alpha, truth, steps, trimap


def exact(matte, steps):
    return [[Fraction(int(value), steps) for value in row] for row in matte]


@given(pairs(), st.sampled_from([np.float32, np.float64]))
def test_all_equal_the_naive_twin(pair, dtype):
    alpha, truth, steps, trimap = pair
    region = [tuple(index) for index in np.argwhere(trimap == 128).tolist()]
    given = (alpha / steps).astype(dtype), (truth / steps).astype(dtype), trimap
    twin = exact(alpha, steps), exact(truth, steps), region
    tolerance = {"rel": 1e-12, "abs": 1e-12} if dtype is np.float64 else {"rel": 1e-5, "abs": 1e-5}
    for function in (sad, mad, mse, gradient_error, connectivity_error):
        expected = float(getattr(naive, function.__name__)(*twin))
        assert function(*given) == pytest.approx(expected, **tolerance), function.__name__
    for kind, normalise in (("vector", True), ("vector", False), ("rhemann", False)):
        value = gradient_error(*given, kind=kind, normalise_kernel=normalise)
        assert value == pytest.approx(naive.gradient_error(*twin, kind, normalise), **tolerance)


@given(pairs())
def test_integers_equal_fractions(pair):
    alpha, truth, steps, trimap = pair
    assume(steps == 255)
    as_bytes = evaluate(alpha.astype(np.uint8), truth.astype(np.uint8), trimap)
    as_words = evaluate((alpha * 257).astype(np.uint16), (truth * 257).astype(np.uint16), trimap)
    assert as_bytes == evaluate(alpha / 255, truth / 255, trimap)
    assert as_words == pytest.approx(as_bytes, rel=1e-12, abs=1e-15)


@given(pairs())
def test_zero_for_equal_mattes_and_only_then(pair):
    alpha, truth, steps, _ = pair
    for function in (*ALL, vector_gradient):
        assert function(alpha / steps, alpha / steps) == 0
        assert function(alpha / steps, truth / steps) >= 0
    for function in (sad, mad, mse):
        assert (function(alpha / steps, truth / steps) == 0) == np.array_equal(alpha, truth)


@given(pairs())
def test_symmetric_in_the_two_mattes(pair):
    alpha, truth, steps, trimap = pair
    for function in (*ALL, vector_gradient):
        forth, back = (
            function(alpha / steps, truth / steps, trimap),
            function(truth / steps, alpha / steps, trimap),
        )
        assert forth == pytest.approx(back, rel=1e-12)


@given(pairs(), st.sampled_from([np.fliplr, np.flipud, np.transpose]))
def test_unchanged_by_flips_and_transposition(pair, turn):
    alpha, truth, steps, trimap = pair
    turned = turn(alpha) / steps, turn(truth) / steps, turn(trimap)
    for function in (sad, mad, mse, gradient_error, vector_gradient):
        value = function(alpha / steps, truth / steps, trimap)
        assert function(*turned) == pytest.approx(value, rel=1e-10, abs=1e-12)
    # which of two largest components counts depends on the order of pixels, as the docstring says
    if all(len(ties) < 2 for ties in naive.largest_components(exact(alpha, steps), exact(truth, steps))):
        value = connectivity_error(alpha / steps, truth / steps, trimap)
        assert connectivity_error(*turned) == pytest.approx(value, rel=1e-12, abs=1e-14)


@given(pairs())
def test_sums_add_up_over_disjoint_regions(pair):
    alpha, truth, steps, trimap = pair
    rest = np.where(trimap == 128, 0, 128).astype(np.uint8)
    for function in (sad, gradient_error, vector_gradient, connectivity_error):
        parts = [function(alpha / steps, truth / steps, region) for region in (trimap, rest)]
        assert sum(parts) == pytest.approx(function(alpha / steps, truth / steps), rel=1e-12, abs=1e-14)


@given(pairs())
def test_a_mean_is_the_sum_over_the_count(pair):
    alpha, truth, steps, trimap = pair
    count = np.count_nonzero(trimap == 128)
    for function in (gradient_error, vector_gradient, connectivity_error):
        total = function(alpha / steps, truth / steps, trimap)
        assert function(alpha / steps, truth / steps, trimap, reduce="mean") * count == pytest.approx(total)


@given(pairs(), st.integers(0, 2**32 - 1))
def test_known_pixels_do_not_count(pair, seed):
    alpha, truth, steps, trimap = pair
    noise = np.random.default_rng(seed).integers(0, steps + 1, alpha.shape)
    changed = np.where(trimap == 128, alpha, noise)
    for function in (sad, mad, mse):
        before = function(alpha / steps, truth / steps, trimap)
        assert function(changed / steps, truth / steps, trimap) == before


def test_the_gradient_reaches_four_pixels_into_the_known():
    rng = np.random.default_rng(3)
    alpha, truth = rng.random((2, 15, 15))
    trimap = np.zeros((15, 15), np.uint8)
    trimap[7, 7] = 128
    whole = gradient_error(alpha, truth, trimap)
    cropped = (array[3:12, 3:12] for array in (alpha, truth, trimap))
    assert gradient_error(*cropped) == pytest.approx(whole, rel=1e-12)
    smaller = (array[4:11, 4:11] for array in (alpha, truth, trimap))
    assert gradient_error(*smaller) != pytest.approx(whole, rel=1e-6)


# ---- all together


def test_evaluate_returns_the_units_of_the_benchmark():
    rng = np.random.default_rng(0)
    alpha, truth, trimap = rng.random((3, 12, 14))
    scores = evaluate(alpha, truth, trimap)
    assert list(scores) == list(METRICS) == ["sad", "mse", "mad", "gradient", "connectivity"]
    assert scores["sad"] * 1000 == pytest.approx(sad(alpha, truth, trimap))
    assert scores["gradient"] * 1000 == pytest.approx(gradient_error(alpha, truth, trimap))
    assert scores["connectivity"] * 1000 == pytest.approx(connectivity_error(alpha, truth, trimap))
    assert scores["mse"] == mse(alpha, truth, trimap)
    assert scores["mad"] == mad(alpha, truth, trimap)
    for name, metric in METRICS.items():
        assert ("/ 1000" in metric.heading) == (metric.divisor == 1000), name


def test_evaluate_without_a_trimap_takes_the_whole_image():
    assert evaluate(ALPHA, TRUTH)["sad"] == 0.002


def test_one_pixel():
    assert evaluate([[0.0]], [[1.0]]) == {
        "sad": 0.001,
        "mse": 1.0,
        "mad": 1.0,
        "gradient": 0.0,
        "connectivity": 0.001,
    }


# ---- no unknown pixels, and bad input


def test_nothing_to_compare():
    known = np.array([[0, 255]], np.uint8)
    for function in (sad, gradient_error, vector_gradient, connectivity_error):
        assert function([[0.0, 0.0]], [[1.0, 0.0]], known) == 0
    means = (mad, mse, evaluate, lambda *args: gradient_error(*args, reduce="mean"))
    for function in means:
        with pytest.raises(ValueError, match="trimap has no unknown pixels"):
            function([[0.0, 0.0]], [[1.0, 0.0]], known)


GOOD = np.full((2, 3), 0.5)
NAN = np.array([[0.5, np.nan, 0.5], [0.5, 0.5, 0.5]])
BAD = [
    ((NAN, GOOD), ValueError, "^alpha has 1 values that are NaN"),
    ((GOOD, NAN), ValueError, "^truth has 1 values that are NaN"),
    ((GOOD, GOOD, NAN), ValueError, "^trimap has 1 values that are NaN"),
    ((GOOD * 255, GOOD), ValueError, "^alpha is float with values in"),
    ((GOOD, GOOD * 255), ValueError, "^truth is float with values in"),
    ((GOOD[:1], GOOD), ValueError, "^alpha is 1x3 but truth is 2x3"),
    ((GOOD, GOOD, GOOD[:, :2]), ValueError, "^alpha is 2x3 but trimap is 2x2"),
    ((GOOD[0], GOOD[0]), ValueError, r"^alpha has shape \(3,\)"),
    ((GOOD, np.zeros((2, 3, 3))), ValueError, r"^truth has shape \(2, 3, 3\)"),
    ((GOOD[:0], GOOD[:0]), ValueError, "^alpha is empty"),
    (("alpha.png", GOOD), TypeError, "^alpha is a str"),
    ((GOOD, None), TypeError, "^truth is a NoneType"),
    ((GOOD, GOOD.astype(np.int32)), TypeError, "^truth has dtype int32"),
]


@pytest.mark.parametrize("function", [*ALL, evaluate], ids=lambda f: f.__name__)
@pytest.mark.parametrize(("args", "error", "message"), BAD, ids=[message for *_, message in BAD])
def test_bad_input(function, args, error, message):
    with pytest.raises(error, match=message):
        function(*args)


@pytest.mark.parametrize(
    ("function", "options", "error", "message"),
    [
        (gradient_error, {"kind": "l2"}, ValueError, "^kind is 'l2'; accepted are 'rhemann', 'vector'"),
        (gradient_error, {"reduce": "median"}, ValueError, "^reduce is 'median'; accepted are 'sum', 'mean'"),
        (connectivity_error, {"reduce": None}, ValueError, "^reduce is None"),
        (connectivity_error, {"theta": 1.5}, ValueError, "^theta is 1.5"),
        (connectivity_error, {"theta": float("nan")}, ValueError, "^theta is nan"),
        (connectivity_error, {"theta": "0.15"}, TypeError, "^theta is '0.15'"),
    ],
)
def test_bad_options(function, options, error, message):
    with pytest.raises(error, match=message):
        function(GOOD, GOOD, **options)


@pytest.mark.parametrize("function", [*ALL, evaluate], ids=lambda f: f.__name__)
def test_arguments_are_not_changed_and_views_are_accepted(function):
    rng = np.random.default_rng(1)
    alpha, truth, trimap = rng.random((3, 8, 20))[:, :, ::2]
    copies = alpha.copy(), truth.copy(), trimap.copy()
    for array in copies:
        array.setflags(write=False)
    assert function(alpha, truth, trimap) == function(*copies)
