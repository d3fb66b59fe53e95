"""Scenes: the compositing equation, exact areas, one scene per seed at any size and number of threads."""

import dataclasses

import naive_gallery as naive
import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from classmat.images import gallery
from classmat.images.gallery.canvas import Frame, flat
from classmat.images.gallery.painting import Painting
from classmat.images.gallery.style import BACKGROUNDS, CLOTHING, HAIR_STYLES, PATTERNS

SCENES = [gallery.two_colours, gallery.disc, gallery.wedge, gallery.checker, gallery.hair, gallery.portrait]
every_scene = pytest.mark.parametrize("scene", SCENES, ids=lambda f: f.__name__)
BLACK, WHITE = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)


def composite(scene):
    a = scene.alpha[..., None].astype(np.float64)
    return a * scene.foreground + (1 - a) * scene.background


def halved(plane):
    h, w = plane.shape
    return plane.reshape(h // 2, 2, w // 2, 2).mean(axis=(1, 3))


def check_contract(scene, height, width):
    """What every scene promises, whatever its size."""
    for part in (scene.image, scene.foreground, scene.background):
        assert part.shape == (height, width, 3)
    for part in (scene.image, scene.foreground, scene.background, scene.alpha):
        assert part.dtype == np.float32
        assert part.min() >= 0
        assert part.max() <= 1
    assert scene.alpha.shape == scene.trimap.shape == (height, width)
    # Half a unit in the last place of a float32 below 1 is 2**-25.
    assert np.abs(scene.image - composite(scene)).max() <= 2.0**-25
    assert scene.trimap.dtype == np.uint8
    assert set(np.unique(scene.trimap)) <= {0, 128, 255}
    assert (scene.alpha[scene.trimap == 255] == 1).all()
    assert (scene.alpha[scene.trimap == 0] == 0).all()


@every_scene
@given(height=st.integers(1, 40), width=st.integers(1, 40), seed=st.integers(0, 2**70))
@settings(max_examples=25)
def test_any_size_and_seed(scene, height, width, seed):
    check_contract(scene(height, width, seed=seed), height, width)


@every_scene
@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 3000), (3000, 1), (150, 201)])
def test_extreme_sizes(scene, height, width):
    check_contract(scene(height, width, seed=1), height, width)


@every_scene
def test_seed_decides(scene):
    one, two, other = scene(60, 50, seed=4), scene(60, 50, seed=4), scene(60, 50, seed=5)
    for a, b in zip(one, two, strict=True):
        assert_array_equal(a, b)
    assert not np.array_equal(one.image, other.image)


@every_scene
def test_default_size_has_all_three_kinds_of_pixels(scene):
    assert set(np.unique(scene().trimap)) == {0, 128, 255}


@pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="one thread only")
def test_result_does_not_depend_on_the_number_of_threads():
    scenes = []
    before = numba.get_num_threads()
    try:
        for n in (1, 2):
            numba.set_num_threads(n)
            scenes.append(gallery.portrait(130, 97, seed=3, noise=0.02))
    finally:
        numba.set_num_threads(before)
    for a, b in zip(*scenes, strict=True):
        assert_array_equal(a, b)


@every_scene
@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"height": 0}, ValueError, "height is 0"),
        ({"width": -2}, ValueError, "width is -2"),
        ({"width": 2.5}, TypeError, "width is 2.5"),
        ({"seed": -1}, ValueError, "seed is -1"),
        ({"seed": "a"}, TypeError, "seed is 'a'"),
    ],
)
def test_bad_size_or_seed(scene, options, error, words):
    with pytest.raises(error, match=words):
        scene(**options)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: gallery.two_colours(ramp=-1), ValueError, "ramp is -1"),
        (lambda: gallery.disc(radius=0), ValueError, "radius is 0"),
        (lambda: gallery.wedge(opening=200), ValueError, "opening is 200"),
        (lambda: gallery.checker(cell=0), ValueError, "cell is 0"),
        (lambda: gallery.checker(angle=np.nan), ValueError, "angle is nan"),
        (lambda: gallery.hair(strands=-1), ValueError, "strands is -1"),
        (lambda: gallery.portrait(noise=-0.1), ValueError, "noise is -0.1"),
        (lambda: gallery.portrait(background="sky"), ValueError, "background is 'sky'"),
        (lambda: gallery.trimap_of(np.ones((2, 3)), -1), ValueError, "radius is -1"),
        (lambda: gallery.trimap_of(np.ones((2, 3)), 1.5), TypeError, "radius is 1.5"),
        (lambda: gallery.trimap_of(np.ones((2, 3)), np.ones((2, 2))), TypeError, "radius is"),
        (lambda: gallery.trimap_of(np.full((2, 3), np.nan)), ValueError, "alpha has 6 values that are NaN"),
        (lambda: gallery.trimap_of(np.ones(3)), ValueError, r"alpha has shape \(3,\)"),
        (lambda: gallery.coverage([[0, 0], [1, 0]], 2, 2), ValueError, r"points has shape \(2, 2\)"),
        (lambda: gallery.coverage(np.zeros((0, 3, 2)), 2, 2), ValueError, r"points has shape \(0, 3, 2\)"),
        (lambda: gallery.coverage([[0, 0], [1, np.inf], [1, 1]], 2, 2), ValueError, "points has 1 values"),
        (lambda: gallery.coverage("square", 2, 2), TypeError, "points is a str"),
        (lambda: gallery.coverage([[0, 0], [1, 0], [1j, 1]], 2, 2), TypeError, "points has dtype complex"),
        (lambda: gallery.coverage([[0, 0], [1, 0], [1, 1]], 0, 2), ValueError, "height is 0"),
        (lambda: gallery.coverage([[0, 0], [1, 0], [1, 1]], 2, 1.5), TypeError, "width is 1.5"),
        (lambda: gallery.portrait(style="long"), TypeError, "style is a str"),
    ],
)
def test_bad_option(call, error, words):
    with pytest.raises(error, match=words):
        call()


class TestAreas:
    """Alpha is area: sums are known, pixels agree with counted sample points."""

    @pytest.mark.parametrize("seed", range(3))
    @pytest.mark.parametrize("height", [37, 480])
    def test_disc(self, seed, height):
        alpha = gallery.disc(height, height + 11, seed=seed, radius=0.3).alpha
        area = np.pi * (0.3 * height) ** 2
        assert abs(alpha.sum(dtype=np.float64) - area) < 1e-6 * area

    def test_two_colours(self):
        alpha = gallery.two_colours(3, 64, seed=2, ramp=0).alpha
        assert np.count_nonzero((alpha > 0) & (alpha < 1)) == 3
        ramp = gallery.two_colours(3, 64, seed=2, ramp=0.5).alpha
        np.testing.assert_allclose(ramp.sum(), alpha.sum(), rtol=1e-6)
        inside = (ramp > 0.05) & (ramp < 0.95)
        np.testing.assert_allclose(np.diff(ramp[0][inside[0]]), -1 / 32, atol=1e-6)

    def test_two_colours_are_two(self):
        scene = gallery.two_colours(4, 9)
        for part in (scene.foreground, scene.background):
            assert len(np.unique(part.reshape(-1, 3), axis=0)) == 1

    def test_half_plane(self):
        # The two parts of a cut square cover everything together.
        cut = np.array([[-9.0, 3.3], [40, 17.9]])
        above = gallery.coverage(np.concatenate([cut, [[40, -9], [-9, -9]]]), 20, 30)
        below = gallery.coverage(np.concatenate([cut, [[40, 40], [-9, 40]]]), 20, 30)
        np.testing.assert_allclose(above + below, 1, atol=1e-7)
        slope = 14.6 / 49
        height = 3.3 + slope * (np.arange(31.0) + 9)  # of the cut at the pixels' left borders; it stays inside
        np.testing.assert_allclose(above.sum(axis=0), (height[1:] + height[:-1]) / 2, rtol=1e-6)

    def test_checker_has_half_of_every_period(self):
        # A window of whole periods of an unrotated board is half covered, whatever its offset.
        alpha = gallery.checker(200, 200, seed=7, cell=0.1, angle=0).alpha
        assert alpha[:80, :120].mean(dtype=np.float64) == pytest.approx(0.5, abs=1e-6)

    def test_checker_is_rotated(self):
        straight, turned = (gallery.checker(90, 90, cell=0.2, angle=a).alpha for a in (0, 90))
        assert straight.shape == turned.shape
        assert not np.array_equal(straight, turned)

    @given(seed=st.integers(0, 10_000))
    @settings(max_examples=15)
    def test_polygon_agrees_with_counting(self, seed):
        rng = np.random.default_rng(seed)
        angles = np.sort(rng.uniform(0, 2 * np.pi, 9))
        star = rng.uniform(1, 12, (9, 1)) * np.stack([np.cos(angles), np.sin(angles)], 1) + [9.3, 7.7]
        exact, counted = gallery.coverage(star, 15, 18), naive.polygon_coverage(star, 15, 18)
        assert np.abs(exact - counted).max() < 0.04
        assert np.abs(exact - counted).mean() < 1e-3

    @pytest.mark.parametrize("seed", range(4))
    def test_strand_agrees_with_counting(self, seed):
        rng = np.random.default_rng(seed)
        t = np.linspace(0, 1, 40)
        bow = rng.uniform(4, 9)
        curve = np.stack([3 + 30 * t, 12 + bow * np.sin(rng.uniform(2, 5) * t + rng.uniform(0, 6))], 1)
        half_widths = 0.5 * rng.uniform(0.5, 2.5) * (1 - 0.85 * t**2)
        painting = Painting(flat(BLACK), flat(WHITE))
        painting.strokes((curve - [18, 12])[None], half_widths[None], np.ones((1, 40, 3)))
        alpha = painting.render(Frame(24, 36, 1.0)).alpha
        counted = naive.stroke_coverage(curve, half_widths, 24, 36)
        assert np.abs(alpha - counted).max() < 0.02
        assert np.abs(alpha - counted).mean() < 1e-3
        assert alpha.sum() == pytest.approx(counted.sum(), rel=2e-3)


class TestPainting:
    def test_strands_compose(self):
        """Two crossing strands: 1 - (1 - a)(1 - b), and the colour is the mean of what is seen."""
        line = np.array([[-10.0, 0.3], [10, 0.3]])
        lines, half = np.stack([line, line[:, ::-1]]), np.full((2, 2), 0.2)
        red_then_blue = np.zeros((2, 2, 3))
        red_then_blue[0, :, 0] = red_then_blue[1, :, 2] = 1
        both = Painting(flat(WHITE), flat(BLACK))
        both.strokes(lines, half, red_then_blue)
        scene = both.render(Frame(7, 7, 1.0))
        a, b = (_alone(line, h) for line, h in zip(lines, half, strict=True))
        np.testing.assert_allclose(scene.alpha, 1 - (1 - a) * (1 - b), atol=1e-6)
        seen = scene.foreground * scene.alpha[..., None]
        np.testing.assert_allclose(seen[..., 0], a * (1 - b), atol=1e-6)
        np.testing.assert_allclose(seen[..., 2], b, atol=1e-6)

    def test_foreground_is_continued_where_nothing_is_painted(self):
        scene = Painting(flat(BLACK), flat((0.25, 0.5, 0.75))).render(Frame(2, 3, 1.0))
        assert (scene.alpha == 0).all()
        assert_array_equal(np.unique(scene.foreground), np.float32([0.25, 0.5, 0.75]))

    def test_fields_are_clipped_to_colours(self):
        painting = Painting(flat((2, -1, 0.5)), flat(BLACK))
        assert_array_equal(painting.render(Frame(1, 1, 1.0)).background, [[[1, 0, 0.5]]])

    def test_trimap_radius(self):
        alpha = np.zeros((9, 9), np.float32)
        alpha[4, 4] = 0.5
        assert np.count_nonzero(gallery.trimap_of(alpha, 2)) == 25
        alpha[4, 4] = 1  # no fraction, but an edge that runs along the grid: the pixel, its neighbours, and around
        assert np.count_nonzero(gallery.trimap_of(alpha, 0) == 128) == 5


class TestPortrait:
    @pytest.mark.parametrize("kind", HAIR_STYLES)
    @pytest.mark.parametrize("extra", range(4))
    def test_every_style_keeps_the_contract(self, kind, extra):
        style = dataclasses.replace(
            gallery.PortraitStyle.draw(extra),
            hair_style=kind,
            clothing=CLOTHING[extra],
            pattern=PATTERNS[extra],
        )
        check_contract(gallery.portrait(90, 70, seed=9, style=style, background=BACKGROUNDS[extra]), 90, 70)

    def test_twice_the_size_is_the_same_scene(self):
        for seed in range(4):
            small, large = (gallery.portrait(h, h * 3 // 4, seed=seed) for h in (240, 480))
            error = np.abs(halved(large.alpha) - small.alpha)
            # Not zero: strands compose within a pixel, and four pixels know more of who covers whom.
            assert error.mean() < 2e-3
            colours = np.stack([halved(large.image[..., c]) for c in range(3)], -1)
            assert np.abs(colours - small.image).mean() < 0.02

    def test_has_fine_hair_and_solid_parts(self):
        for seed in range(6):
            alpha = gallery.portrait(400, 300, seed=seed).alpha
            fractional = (alpha > 0.02) & (alpha < 0.98)
            assert 0.004 < fractional.mean() < 0.2
            assert 0.25 < (alpha == 1).mean() < 0.85
            assert (alpha == 0).mean() > 0.1

    def test_noise_is_in_the_image_only(self):
        clean, noisy = (gallery.portrait(120, 90, seed=2, noise=n) for n in (0, 0.01))
        for a, b in zip(clean[1:], noisy[1:], strict=True):
            assert_array_equal(a, b)
        inner = (clean.image > 0.1) & (clean.image < 0.9)
        difference = (noisy.image - clean.image)[inner]
        assert abs(difference.mean()) < 4 * 0.01 / np.sqrt(difference.size)
        assert difference.std() == pytest.approx(0.01, rel=0.05)

    def test_noise_of_the_style(self):
        assert not np.array_equal(gallery.portrait(20, 20, noise=None).image, gallery.portrait(20, 20).image)

    def test_parts_can_be_left_out(self):
        whole, slim = gallery.portrait(50, 40, seed=8), gallery.portrait(50, 40, seed=8, parts=False)
        for a, b in zip(whole[:3], slim[:3], strict=True):
            assert_array_equal(a, b)
        assert slim.foreground.size == slim.background.size == 0

    def test_style_is_drawn_from_the_seed_and_can_be_changed(self):
        assert gallery.PortraitStyle.draw(5) == gallery.PortraitStyle.draw(5) != gallery.PortraitStyle.draw(6)
        assert_array_equal(
            gallery.portrait(30, 30, seed=5).image,
            gallery.portrait(30, 30, seed=5, style=gallery.PortraitStyle.draw(5)).image,
        )
        assert "hair_style=" in repr(gallery.PortraitStyle.draw(5))

    def test_styles_differ(self):
        drawn = [gallery.PortraitStyle.draw(seed) for seed in range(80)]
        for name, all_of_them in (
            ("hair_style", HAIR_STYLES),
            ("clothing", CLOTHING),
            ("pattern", PATTERNS),
            ("background", BACKGROUNDS),
        ):
            assert {getattr(style, name) for style in drawn} == set(all_of_them)


def _alone(line, half_widths):
    painting = Painting(flat(WHITE), flat(BLACK))
    painting.strokes(line[None], half_widths[None], np.ones((1, 2, 3)))
    return painting.render(Frame(7, 7, 1.0)).alpha
