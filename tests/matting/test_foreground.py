import naive_foreground
import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from classmat.images import gallery
from classmat.kernels import foreground as kernels
from classmat.kernels import foreground_levels
from classmat.matting import _foreground_closed_form
from classmat.matting.foreground import cutout, estimate_foreground


def soft_disc(h=96, w=120):
    y, x = np.mgrid[:h, :w]
    return np.clip((0.3 * h - np.hypot(y - h / 2, x - w / 2)) / 6 + 0.5, 0, 1)


def strands(h=96, w=120):
    """A disc with thin strands, none of them opaque: the case where colours bleed."""
    rng = np.random.default_rng(5)
    line = np.zeros((h, w))
    along = np.linspace(0.25, 0.45, 400)
    for angle in rng.uniform(0, 2 * np.pi, 40):
        bend = angle + rng.normal() * (along - 0.25)
        line[(h / 2 + h * along * np.sin(bend)).astype(int), (w / 2 + h * along * np.cos(bend)).astype(int)] = 1
    return np.clip(np.maximum(soft_disc(h, w), 1.5 * ndimage.gaussian_filter(line, 0.7)), 0, 1)


def scene(alpha, seed=0, noise=0.0):
    """Smooth foreground and background with exactly known colours."""
    rng = np.random.default_rng(seed)
    colours = []
    for mean in ((0.7, 0.45, 0.3), (0.2, 0.4, 0.6)):
        texture = ndimage.gaussian_filter(rng.standard_normal((*alpha.shape, 3)), (8, 8, 0))
        colours.append(np.clip(mean + 0.1 * texture / texture.std(), 0, 1))
    F, B = colours
    image = alpha[..., None] * F + (1 - alpha[..., None]) * B
    return np.clip(image + noise * rng.standard_normal(image.shape), 0, 1), F, B


def composite_error(image, alpha, F, B):
    return np.abs(alpha[..., None] * F + (1 - alpha[..., None]) * B - image)


def weighted_error(F, F_true, alpha):
    """Mean error of F over soft pixels, weighted with alpha (elsewhere F is the image or does not matter)."""
    weight = np.where((alpha > 0) & (alpha < 1), alpha, 0)[..., None]
    return (weight * np.abs(F - F_true)).sum() / (3 * weight.sum())


def random_case(h, w, seed, dtype=np.float64):
    """Image and matte with many exact zeros and ones."""
    rng = np.random.default_rng(seed)
    alpha = np.clip(rng.uniform(-0.7, 1.7, (h, w)), 0, 1)
    return rng.random((h, w, 3)).astype(dtype), alpha.astype(dtype)


shapes = st.tuples(st.integers(1, 40), st.integers(1, 40))


@given(shape=shapes, seed=st.integers(0, 99))
def test_any_shape_satisfies_the_compositing_equation(shape, seed):
    image, alpha = random_case(*shape, seed)
    F, B = estimate_foreground(image, alpha, noise=0)
    for field in (F, B):
        assert field.dtype == np.float32
        assert field.shape == image.shape
        assert field.flags.c_contiguous
        assert field.min() >= 0
        assert field.max() <= 1
    assert composite_error(image, alpha, F, B).max() < 5e-7
    image = image.astype(np.float32)
    np.testing.assert_array_equal(F[alpha == 1], image[alpha == 1])
    np.testing.assert_array_equal(B[alpha == 0], image[alpha == 0])


@given(shape=shapes, seed=st.integers(0, 99))
def test_equals_the_naive_twin(shape, seed):
    # A smooth matte and no tiny weights: the twin solves its 2x2 systems as badly as they are conditioned.
    rng = np.random.default_rng(seed)
    image = rng.random((*shape, 3))
    alpha = ndimage.gaussian_filter(rng.random(shape), 1)
    expected = naive_foreground.estimate(image, alpha, reg=1e-3)
    actual = unprojected(image, alpha, regularization=1e-3)
    for field, reference in zip(actual, expected, strict=True):
        np.testing.assert_allclose(field, reference, atol=2e-5)


def unprojected(image, alpha, **options):
    """What the levels give: the last kernel without its projection."""
    h, w, channels = image.shape
    seen = []

    def keep(F, B, *_):
        seen.extend(x.transpose(0, 3, 2, 1).reshape(h, -1, channels)[:, :w].copy() for x in (F, B))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(foreground_levels, "finish", keep)
        estimate_foreground(image, alpha, noise=0, **options)
    return seen


@pytest.mark.parametrize("width", [300, 1100, 1101])
def test_pieces_and_strips_join_without_a_seam(width):
    """Rows longer than a piece, more rows than a strip: again the twin."""
    assert width == 300 or width / 2 > 2 * kernels.PIECE
    rng = np.random.default_rng(width)
    h = 2 * kernels.STRIP + 5
    image, alpha = rng.random((h, width, 1)), ndimage.gaussian_filter(rng.random((h, width)), 1)
    expected = naive_foreground.estimate(image, alpha, reg=1e-3)
    for field, reference in zip(unprojected(image, alpha, regularization=1e-3), expected, strict=True):
        np.testing.assert_allclose(field, reference, atol=2e-5)


@pytest.mark.parametrize("iterations", [1, 2, 3])
def test_flat_parts_of_a_matte_are_those_of_the_naive_twin(iterations):
    """One colour is held at the image there: off by no more than the regularization, which draws it away."""
    alpha = soft_disc(150, 333)
    assert ((alpha == 0) | (alpha == 1)).mean() > 0.8
    image = scene(alpha)[0][..., :1]
    options = {"regularization": 1e-4, "n_big_iterations": iterations}
    expected = naive_foreground.estimate(image, alpha, reg=1e-4, n_big=iterations)
    for field, reference in zip(unprojected(image, alpha, **options), expected, strict=True):
        np.testing.assert_allclose(field, reference, atol=1e-3)


@pytest.mark.parametrize("alpha", [soft_disc(), strands()], ids=["disc", "strands"])
def test_constant_colours_are_recovered(alpha):
    F, B = (np.broadcast_to(colour, (*alpha.shape, 3)) for colour in ([0.9, 0.1, 0.3], [0.2, 0.8, 0.4]))
    estimated, background = estimate_foreground(alpha[..., None] * F + (1 - alpha[..., None]) * B, alpha)
    assert np.abs(estimated - F)[alpha > 0.02].max() < 2e-3
    assert np.abs(background - B)[alpha < 0.98].max() < 2e-3


def test_nothing_bleeds_into_thin_strands():
    """The image itself, which most people paste, is ten times as wrong as the estimate."""
    alpha = strands()
    image, F_true, _ = scene(alpha)
    F, _ = estimate_foreground(image, alpha)
    assert weighted_error(F, F_true, alpha) < 0.1 * weighted_error(image, F_true, alpha)


@pytest.mark.parametrize("value", [0, 1])
@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (5, 1), (33, 70)])
def test_only_background_or_only_foreground(value, shape):
    image = np.random.default_rng(0).random((*shape, 3)).astype(np.float32)
    fields = estimate_foreground(image, np.full(shape, value, np.float32))
    np.testing.assert_array_equal(fields[1 - value], image)
    # Of the other one nothing is known: it stays the mean colour of the image.
    np.testing.assert_allclose(fields[value], np.broadcast_to(fields[value][0, 0], image.shape), atol=1e-5)
    assert np.isfinite(fields[value]).all()


def test_same_bits_for_any_number_of_threads():
    if numba.config.NUMBA_NUM_THREADS < 2:
        pytest.skip("needs two threads")
    image, alpha = random_case(150, 700, 1, np.float32)
    results = []
    for n in (1, numba.config.NUMBA_NUM_THREADS):
        numba.set_num_threads(n)
        results.append(estimate_foreground(image, alpha))
    np.testing.assert_array_equal(*results)


def test_grey_is_one_channel_of_colour():
    image, alpha = random_case(45, 61, 2)
    together = estimate_foreground(image, alpha, noise=0.05)
    for c in range(3):
        for grey, colour in zip(estimate_foreground(image[..., c], alpha, noise=0.05), together, strict=True):
            assert grey.shape == alpha.shape
            np.testing.assert_array_equal(grey, colour[..., c])


def test_transposing_and_exchanging_the_layers():
    alpha = np.round(strands(128, 128) * 1024) / 1024  # 1 - alpha is exact in float32 too
    image, _, _ = scene(alpha)
    F, B = estimate_foreground(image, alpha)
    F_t, B_t = estimate_foreground(image.transpose(1, 0, 2), alpha.T)
    np.testing.assert_allclose(F_t.transpose(1, 0, 2)[alpha > 0.02], F[alpha > 0.02], atol=1e-4)
    np.testing.assert_allclose(B_t.transpose(1, 0, 2), B, atol=1e-4)
    F_x, B_x = estimate_foreground(image, 1 - alpha)
    np.testing.assert_allclose(B_x[alpha > 0.02], F[alpha > 0.02], atol=1e-4)
    np.testing.assert_allclose(F_x, B, atol=1e-4)


def test_flips_change_little():
    """Red and black change places: an approximate law."""
    alpha = strands(128, 128)
    image, _, _ = scene(alpha)
    F, _ = estimate_foreground(image, alpha)
    flipped, _ = estimate_foreground(image[:, ::-1], alpha[:, ::-1])
    assert weighted_error(flipped[:, ::-1], F, alpha) < 2e-3


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_dtypes_and_strides_make_no_difference(dtype):
    rng = np.random.default_rng(3)
    top = np.iinfo(dtype).max if np.dtype(dtype).kind == "u" else 1
    image = (rng.random((40, 50, 3)) * top).astype(dtype)
    alpha = (rng.random((40, 50)) * top).astype(dtype)
    reference = estimate_foreground(image.astype(np.float64) / top, alpha.astype(np.float64) / top)
    big = np.zeros((80, 100, 6), dtype)
    big[::2, ::-2, ::2] = image
    views = big[::2, ::-2, ::2], np.asfortranarray(alpha)
    before = [view.copy() for view in views]
    for field, expected in zip(estimate_foreground(*views), reference, strict=True):
        np.testing.assert_allclose(field, expected, atol=2e-5)
    for view, copy in zip(views, before, strict=True):
        np.testing.assert_array_equal(view, copy)


def test_more_sweeps_lower_the_error():
    alpha = strands()
    image, F_true, _ = scene(alpha)
    errors = [
        weighted_error(estimate_foreground(image, alpha, n_big_iterations=n)[0], F_true, alpha) for n in (0, 1, 4)
    ]
    assert errors[0] > errors[1] > errors[2]


def test_cutout_has_the_estimated_colours():
    image, alpha = random_case(20, 30, 4)
    result = cutout(image, alpha, n_big_iterations=3)
    F, _ = estimate_foreground(image, alpha, n_big_iterations=3)
    assert result.dtype == np.float32
    np.testing.assert_array_equal(result[..., :3], F)
    np.testing.assert_array_equal(result[..., 3], alpha.astype(np.float32))


def test_cutout_of_a_grey_photo_is_rgba():
    image, alpha = random_case(20, 30, 4)
    result = cutout(image[..., 0], alpha)
    F, _ = estimate_foreground(image[..., 0], alpha)
    for c in range(3):
        np.testing.assert_array_equal(result[..., c], F)


GOOD = np.full((4, 5, 3), 0.5), np.full((4, 5), 0.5)


@pytest.mark.parametrize(
    ("image", "alpha", "options", "error", "words"),
    [
        (GOOD[0], np.zeros((5, 4)), {}, ValueError, "image is 4x5 but alpha is 5x4"),
        (GOOD[0] * np.nan, GOOD[1], {}, ValueError, "image has 60 values that are NaN"),
        (GOOD[0], GOOD[1] * np.inf, {}, ValueError, "alpha has 20 values that are NaN or infinite"),
        (GOOD[0] * 255, GOOD[1], {}, ValueError, "image is float with values"),
        (GOOD[0], GOOD[0], {}, ValueError, r"alpha has shape \(4, 5, 3\)"),
        (GOOD[0][0, 0], GOOD[1], {}, ValueError, "image has shape"),
        (GOOD[0][:0], GOOD[1][:0], {}, ValueError, "image is empty"),
        ("photo.png", GOOD[1], {}, TypeError, "image is a str"),
        (*GOOD, {"method": "magic"}, ValueError, "method is 'magic'; accepted are 'multilevel', 'closed-form'"),
        (*GOOD, {"regularization": 0}, ValueError, "regularization is 0"),
        (*GOOD, {"gradient_weight": -1.0}, ValueError, "gradient_weight is -1"),
        (*GOOD, {"n_big_iterations": 1.5}, TypeError, "n_big_iterations is 1.5"),
        (*GOOD, {"n_small_iterations": -1}, ValueError, "n_small_iterations is -1"),
        (*GOOD, {"small_size": "32"}, TypeError, "small_size is '32'"),
        (*GOOD, {"rtol": 0}, ValueError, "rtol is 0"),
        (*GOOD, {"x0": GOOD[0]}, TypeError, r"x0 is a ndarray; accepted is a pair \(foreground, background\)"),
        (*GOOD, {"x0": (GOOD[0], GOOD[0][1:])}, ValueError, r"x0\[1\] has shape \(3, 5, 3\)"),
        (*GOOD, {"x0": (GOOD[0] + 2, GOOD[0])}, ValueError, r"x0\[0\] is float with values"),
        (*GOOD, {"out": GOOD}, TypeError, r"out\[0\] is of dtype float64; accepted is .* float32"),
        (*GOOD, {"out": 2 * [np.empty((4, 5), np.float32)]}, ValueError, r"out\[0\] has shape \(4, 5\)"),
        (*GOOD, {"out": 2 * [np.empty((4, 3, 5), np.float32).transpose(0, 2, 1)]}, ValueError, "not contiguous"),
    ],
)
@pytest.mark.parametrize("function", [estimate_foreground, cutout])
def test_bad_input(function, image, alpha, options, error, words):
    with pytest.raises(error, match=words):
        function(image, alpha, **options)


def test_cutout_names_its_options():
    with pytest.raises(TypeError, match=r"^cutout\(\) has no option 'foo'; accepted are 'method', 'regulariz"):
        cutout(*GOOD, foo=3)


@pytest.mark.parametrize("options", [{"regularization": 1e-12}, {"regularization": 1e6}, {"gradient_weight": 1e6}])
def test_extreme_weights_stay_finite(options):
    image, alpha = random_case(40, 41, 6)
    F, B = estimate_foreground(image, alpha, **options, noise=0)
    assert composite_error(image, alpha, F, B).max() < 5e-7


def test_the_residual_that_noise_explains_stays_out_of_the_colours():
    """What is left of each residual r is the smaller of r and 2 noise^2 / r; known pixels keep the image."""
    alpha = strands()
    image, _, _ = scene(alpha, noise=0.03)
    options = {"gradient_weight": 1.0}
    before = unprojected(image, alpha, gradient_weight=1.4)
    r = np.abs(composite_error(image, alpha, *before))
    left = composite_error(image, alpha, *estimate_foreground(image, alpha, noise=0.02, **options))
    expected = np.minimum(r, 2 * 0.02**2 / np.maximum(r, 1e-9))
    expected[(alpha == 0) | (alpha == 1)] = 0
    np.testing.assert_allclose(left, expected, atol=1e-5)


@pytest.mark.parametrize("noise", [-0.1, 1.5, np.nan])
def test_bad_noise(noise):
    with pytest.raises(ValueError, match=f"noise is {noise:g}"):
        estimate_foreground(*GOOD, noise=noise)


METHODS = ("multilevel", "closed-form")


def fractional_case(h, w, seed):
    """One channel and a smooth matte without flat parts but for a few known pixels."""
    rng = np.random.default_rng(seed)
    alpha = np.clip(ndimage.gaussian_filter(rng.uniform(-0.5, 1.5, (h, w)), 1) * 2 - 0.5, 0, 1).astype(np.float32)
    return rng.random((h, w)).astype(np.float32), alpha


@pytest.mark.parametrize("seed", range(4))
def test_closed_form_is_the_dense_solution(seed):
    image, alpha = fractional_case(12, 12, seed)
    band = _foreground_closed_form.make_band(alpha, 1e-3, 1.0)
    F, B = naive_foreground.closed_form(image.astype(np.float64), alpha.astype(np.float64), reg=1e-3)
    # What lies among its like does not take part: it is held, here at the dense solution.
    open_places, others = np.split(band.places, [len(band.neighbours)])
    start = [np.full(band.places.shape, 0.5, np.float32) for _ in range(2)]
    for x, exact, known in zip(start, (F, B), (1, 0), strict=True):
        is_known = alpha.ravel()[open_places] == known
        x[: len(open_places)][is_known] = image.ravel()[open_places][is_known]
        x[len(open_places) :] = exact.ravel()[others]
    values = image.ravel()[band.places]
    reached = _foreground_closed_form.solve_channel(values, band, *start, 1e-6)
    assert reached <= 1e-6
    for x, exact in zip(start, (F, B), strict=True):
        np.testing.assert_allclose(x, exact.ravel()[band.places], atol=2e-4)


def test_closed_form_lowers_the_cost():
    alpha = strands()
    image, _, _ = scene(alpha)

    def cost(F, B):
        weights = [1e-5 + np.abs(np.diff(alpha, axis=axis)) for axis in (0, 1)]
        smooth = sum(
            (w[..., None] * np.diff(x, axis=axis) ** 2).sum() for axis, w in enumerate(weights) for x in (F, B)
        )
        return (composite_error(image, alpha, F, B) ** 2).sum() + smooth

    options = {"noise": 0, "gradient_weight": 1.0}
    costs = [cost(*estimate_foreground(image, alpha, method=method, **options)) for method in METHODS]
    assert costs[1] < costs[0]


@pytest.mark.parametrize("method", METHODS)
def test_known_colours_are_the_image_and_the_composite_reproduces_it(method):
    image, alpha = random_case(31, 40, 8, np.float32)
    F, B = estimate_foreground(image, alpha, method=method, noise=0)
    np.testing.assert_array_equal(F[alpha == 1], image[alpha == 1])
    np.testing.assert_array_equal(B[alpha == 0], image[alpha == 0])
    assert composite_error(image, alpha, F, B).max() < 5e-7


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (7, 1), (5, 6)])
def test_closed_form_of_a_constant_matte(value, shape):
    image = np.random.default_rng(0).random((*shape, 3)).astype(np.float32)
    F, B = estimate_foreground(image, np.full(shape, value, np.float32), method="closed-form", noise=0)
    assert np.isfinite(F).all()
    assert np.isfinite(B).all()
    assert composite_error(image, np.full(shape, value), F, B).max() < 5e-7


def test_a_warm_start_leads_to_the_same_solution():
    alpha = strands().astype(np.float32)
    image = scene(alpha)[0].astype(np.float32)
    options = {"method": "closed-form", "rtol": 1e-6}
    cold = estimate_foreground(image, alpha, **options)
    rng = np.random.default_rng(0)
    start = [np.clip(field + rng.normal(0, 0.02, field.shape), 0, 1) for field in cold]
    F, B = estimate_foreground(image, alpha, x0=start, **options)
    assert weighted_error(F, cold[0], alpha) < 2e-4
    assert weighted_error(B, cold[1], 1 - alpha) < 2e-4


def test_a_multilevel_warm_start_stays_where_it_is():
    alpha = strands().astype(np.float32)
    image, F_true, _ = scene(alpha)
    cold = estimate_foreground(image, alpha, n_big_iterations=20)
    warm = estimate_foreground(image, alpha, x0=cold)
    assert weighted_error(warm[0], cold[0], alpha) < 1e-3
    assert weighted_error(warm[0], F_true, alpha) <= 1.05 * weighted_error(cold[0], F_true, alpha)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shape", [(33, 40, 3), (33, 41, 3), (33, 41)])
def test_results_are_put_where_asked(method, shape):
    image, alpha = random_case(*shape[:2], 3, np.float32)
    image = image if len(shape) == 3 else image[..., 0]
    out = np.full(shape, np.nan, np.float32), np.full(shape, np.nan, np.float32)
    results = estimate_foreground(image, alpha, method=method, out=out)
    for target, result, expected in zip(
        out, results, estimate_foreground(image, alpha, method=method), strict=True
    ):
        assert result is target
        np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("reused", ["image", "alpha"])
def test_results_may_replace_what_they_are_made_of(method, reused):
    image, alpha = random_case(33, 40, 3, np.float32)
    image = image[..., 0].copy()
    expected = estimate_foreground(image, alpha, method=method)
    out = (image if reused == "image" else alpha), np.empty_like(alpha)
    results = estimate_foreground(image, alpha, method=method, out=out)
    for result, right in zip(results, expected, strict=True):
        np.testing.assert_array_equal(result, right)


def test_both_results_in_one_array_are_refused():
    image, alpha = random_case(8, 9, 3, np.float32)
    out = np.empty_like(image)
    with pytest.raises(ValueError, match="out is twice the same memory"):
        estimate_foreground(image, alpha, out=(out, out))


GALLERY = {
    "portrait 0": lambda: gallery.portrait(400, 300, seed=0),
    "portrait 3": lambda: gallery.portrait(400, 300, seed=3),
    "portrait 7": lambda: gallery.portrait(400, 300, seed=7),
    "hair 1": lambda: gallery.hair(300, 400, seed=1),
    "hair 2": lambda: gallery.hair(300, 400, seed=2),
    "disc": lambda: gallery.disc(300, 400),
    "wedge": lambda: gallery.wedge(300, 400),
    "checker": lambda: gallery.checker(300, 400),
}


@pytest.mark.slow
@pytest.mark.xdist_group("pymatting")
@pytest.mark.filterwarnings("ignore")  # of the peer's dependencies
@pytest.mark.parametrize("noise", [0.0, 0.02])
@pytest.mark.parametrize("name", GALLERY)
def test_no_worse_than_pymatting_on_gallery_scenes(name, noise):
    peer = pytest.importorskip("pymatting.foreground.estimate_foreground_ml").estimate_foreground_ml
    exact = GALLERY[name]()
    alpha = exact.alpha.astype(np.float64)
    image = np.clip(exact.image + noise * np.random.default_rng(0).standard_normal(exact.image.shape), 0, 1)
    ours = estimate_foreground(image, alpha)
    theirs = peer(image, alpha, return_background=True)
    for statistic in (np.mean, np.max):
        assert statistic(composite_error(image, alpha, *ours)) <= statistic(composite_error(image, alpha, *theirs))
    errors = [weighted_error(F, exact.foreground, alpha) for F in (ours[0], theirs[0])]
    assert errors[0] <= errors[1]
    if (name, noise) != ("hair 2", 0):  # without noise, what the equation leaves open there goes into B
        errors = [weighted_error(B, exact.background, 1 - alpha) for B in (ours[1], theirs[1])]
        assert errors[0] <= errors[1]


@pytest.mark.slow
@pytest.mark.xdist_group("pymatting")
@pytest.mark.filterwarnings("ignore")  # of the peer's dependencies
@pytest.mark.parametrize("noise", [0.0, 0.01])
@pytest.mark.parametrize("matte", [soft_disc, strands])
def test_no_worse_than_pymatting(matte, noise):
    peer = pytest.importorskip("pymatting.foreground.estimate_foreground_ml").estimate_foreground_ml
    alpha = matte(192, 240)
    image, F_true, B_true = scene(alpha, noise=noise)
    ours = estimate_foreground(image, alpha)
    theirs = peer(image, alpha, return_background=True)
    for statistic in (np.mean, np.max):
        assert statistic(composite_error(image, alpha, *ours)) <= statistic(composite_error(image, alpha, *theirs))
    assert weighted_error(ours[0], F_true, alpha) <= weighted_error(theirs[0], F_true, alpha)
    assert weighted_error(ours[1], B_true, 1 - alpha) <= weighted_error(theirs[1], B_true, 1 - alpha)
