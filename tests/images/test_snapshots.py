"""Snapshots: one picture a seed, the compositing equation, and statistics near to those of photos of people."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from classmat.images.gallery import snapshot
from classmat.images.gallery.canvas import Canvas, Frame
from classmat.images.gallery.lens import compressed, exposed, photographed
from classmat.images.gallery.textures import KINDS, field, sample

GREY = np.array([0.299, 0.587, 0.114])


@given(height=st.integers(1, 50), width=st.integers(1, 50), seed=st.integers(0, 2**70), camera=st.booleans())
@settings(max_examples=30, deadline=None)
def test_any_size_and_seed(height, width, seed, camera):
    scene = snapshot(height, width, seed=seed, camera=camera)
    for part in (scene.image, scene.foreground, scene.background):
        assert part.shape == (height, width, 3)
    for part in (scene.image, scene.foreground, scene.background, scene.alpha):
        assert part.dtype == np.float32
        assert part.min() >= 0
        assert part.max() <= 1
    assert scene.alpha.shape == scene.trimap.shape == (height, width)
    if not camera:
        a = scene.alpha[..., None].astype(float)
        assert np.abs(scene.image - (a * scene.foreground + (1 - a) * scene.background)).max() <= 2.0**-23


def test_seed_decides():
    one, two, other = snapshot(60, 45, seed=4), snapshot(60, 45, seed=4), snapshot(60, 45, seed=5)
    for a, b in zip(one, two, strict=True):
        assert_array_equal(a, b)
    assert not np.array_equal(one.image, other.image)


def test_camera_changes_the_image_alone():
    with_camera, without = snapshot(60, 45, seed=2), snapshot(60, 45, seed=2, camera=False)
    for a, b in zip(with_camera[1:], without[1:], strict=True):
        assert_array_equal(a, b)
    assert not np.array_equal(with_camera.image, without.image)


def test_parts_may_be_left_out():
    whole, slim = snapshot(50, 40, seed=8), snapshot(50, 40, seed=8, parts=False)
    assert slim.foreground.shape == slim.background.shape == (0, 0, 3)
    for a, b in zip(whole[:3], slim[:3], strict=True):
        assert_array_equal(a, b)


def test_same_person_at_another_size():
    for seed in range(4):
        small, large = (snapshot(h, h * 3 // 4, seed=seed).alpha for h in (96, 192))
        halved = large.reshape(96, 2, 72, 2).mean(axis=(1, 3))
        assert np.abs(small - halved).mean() < 0.01


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [({"height": 0}, ValueError, "height is 0"), ({"width": 2.5}, TypeError, "width is 2.5")],
)
def test_bad_size(options, error, words):
    with pytest.raises(error, match=words):
        snapshot(**options)


def test_statistics_are_near_to_those_of_photos():
    """Ranges around what 1,232 photos of people have: cover .62, its deviation .12, brightness .43 and .53."""
    scenes = [snapshot(96, 72, seed=seed) for seed in range(150)]
    cover = np.array([s.alpha.mean() for s in scenes])
    assert 0.55 < cover.mean() < 0.68
    assert 0.08 < cover.std() < 0.17
    mean = np.mean([s.alpha for s in scenes], axis=0)
    assert mean[0, [0, -1]].max() < 0.15  # the upper corners are background, below the middle is the body
    assert mean[72:, 30:42].min() > 0.9
    inside = [(s.image @ GREY)[s.alpha == 1].mean() for s in scenes]
    outside = [(s.image @ GREY)[s.alpha == 0].mean() for s in scenes]
    assert 0.36 < np.mean(inside) < 0.48
    assert 0.42 < np.mean(outside) < 0.6
    assert np.std(outside) > 0.17


@pytest.mark.parametrize("kind", KINDS)
def test_textures_are_standardised_and_periodic(kind):
    values = field(kind)
    assert abs(values.mean()) < 1e-5
    assert abs(values.std() - 1) < 1e-3
    step = np.abs(np.diff(values, axis=0)).mean()
    assert np.abs(values[0] - values[-1]).mean() < 3 * step + 1e-6


def test_texture_stays_in_the_plane():
    """A strip of a picture shows what the whole picture shows there."""
    frame = Frame(40, 30, 40.0)
    whole, strip = (
        Canvas(np.zeros((40, 30, 3), np.float32), frame),
        Canvas(np.zeros((10, 30, 3), np.float32), frame, 20),
    )
    for polar in (None, np.array([0.1, -0.2])):
        a, b = (sample(c, "smoke", 5, (1.3, 0.7), 0.4, polar) for c in (whole, strip))
        np.testing.assert_allclose(a[20:30], b, atol=2e-3)


def test_compression_of_a_constant_and_its_error():
    flat = np.full((19, 13, 3), 0.5, np.float32)
    np.testing.assert_allclose(compressed(flat, 0.01), flat, atol=0.001)
    noisy = np.random.default_rng(0).uniform(0, 1, (32, 40, 3)).astype(np.float32)
    errors = [np.abs(compressed(noisy, step) - noisy).mean() for step in (0.001, 0.02, 0.1)]
    assert errors[0] < errors[1] < errors[2]


def test_exposure_reaches_its_goal():
    for level, goal in ((0.2, 0.6), (0.6, 0.3), (0.5, 0.9)):
        out = exposed(np.full((2, 2, 3), level, np.float32), level, goal)
        np.testing.assert_allclose(out, goal, atol=1e-5)


def test_camera_depends_on_its_generator_alone():
    image = np.random.default_rng(0).uniform(0, 1, (20, 30, 3)).astype(np.float32)
    one, two = (photographed(image, np.random.default_rng(3)) for _ in range(2))
    assert_array_equal(one, two)
