"""Shared sampling: against its naive twin and exact scenes, its laws, and whatever users hand in."""

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from naive_sampling import gather, samples

import classmat as cm
from classmat.matting.shared import MOST_SHARED, _gather, _sample, shared_matting, shared_samples
from classmat.matting.trimming import expand_known, nearest_offsets

FOREGROUND, BACKGROUND = np.array([0.9, 0.6, 0.2]), np.array([0.1, 0.3, 0.5])


def random_scene(seed, size=(12, 12)):
    """Noise with a trimap of all three kinds."""
    rng = np.random.default_rng(seed)
    labels = rng.choice(np.array([0, 128, 128, 128, 255], np.uint8), size)
    labels.flat[0], labels.flat[-1] = 0, 255
    return rng.random((*size, 3)), labels


def two_colours(alpha):
    return alpha[..., None] * FOREGROUND + (1 - alpha[..., None]) * BACKGROUND


@pytest.mark.parametrize("n_rays", [1, 4, 7])
@pytest.mark.parametrize("seed", range(3))
def test_gathering_equals_its_twin(seed, n_rays):
    image, labels = random_scene(seed)
    ys, xs = np.nonzero(labels == 128)
    foreground, background, _ = _gather(image, labels, ys, xs, n_rays)
    for i, (y, x) in enumerate(zip(ys, xs, strict=True)):
        at_f, at_b = gather(image, labels, y, x, n_rays)
        np.testing.assert_array_equal(foreground[i], image[at_f])
        np.testing.assert_array_equal(background[i], image[at_b])


@pytest.mark.parametrize("n_shared", [1, 200])
@pytest.mark.parametrize("seed", range(3))
def test_samples_equal_their_twin(seed, n_shared):
    image, labels = random_scene(seed)
    ys, xs = np.nonzero(labels == 128)
    found = _sample(image, labels, ys, xs, 4, n_shared)
    for i, expected in enumerate(samples(image, labels, n_shared=n_shared).values()):
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one[i], other, atol=1e-9)


@pytest.mark.parametrize("radius", [0, 1, 3])
def test_expansion_equals_its_twin(radius):
    image, labels = random_scene(5)
    expanded = expand_known(image, labels, radius=radius, threshold=0.4)
    known = np.argwhere(labels != 128)
    for y, x in np.argwhere(labels == 128):
        apart = np.hypot(*(known - (y, x)).T)
        alike = np.sqrt(((image[tuple(known.T)] - image[y, x]) ** 2).sum(1)) <= 0.4
        near = apart[alike & (apart <= radius)]
        nearest = known[alike & (apart == near.min())] if len(near) else np.empty((0, 2), int)
        allowed = set(labels[tuple(nearest.T)]) or {128}
        assert expanded[y, x] in allowed
    np.testing.assert_array_equal(expanded[labels != 128], labels[labels != 128])


@pytest.mark.parametrize("refine", [False, True])
@pytest.mark.parametrize("name", ["two_colours", "disc", "wedge"])
def test_finds_the_exact_matte_of_constant_colours(name, refine):
    scene = getattr(cm.gallery, name)(60, 80)
    image = two_colours(scene.alpha.astype(float))
    alpha = shared_matting(image, scene.trimap, refine=refine)
    slack = 5 / 256 / np.linalg.norm(FOREGROUND - BACKGROUND)  # so far from a known colour counts as known
    assert np.abs(alpha - scene.alpha).max() < 1.1 * slack


def test_finds_both_colours_and_is_sure():
    scene = cm.gallery.disc(40, 50)
    image = two_colours(scene.alpha.astype(float))
    found = shared_samples(image, scene.trimap)
    np.testing.assert_allclose(found.foreground, np.broadcast_to(FOREGROUND, found.foreground.shape), atol=0.03)
    np.testing.assert_allclose(found.background, np.broadcast_to(BACKGROUND, found.background.shape), atol=0.03)
    assert found.confidence.min() > 0.9


def test_unexplained_colours_lower_the_confidence():
    image, labels = np.zeros((9, 9, 3)), np.full((9, 9), 128, np.uint8)
    labels[:, 0], labels[:, -1] = 0, 255
    image[:, 5:] = (1, 0, 0)
    sure = shared_samples(image, labels).confidence.min()
    image[4, 4] = (0, 1, 1)
    place = (labels == 128)[: 4 + 1].sum() - 4  # of pixel (4, 4) among the unknown ones
    assert shared_samples(image, labels).confidence[place] < 0.01 * sure


@given(seed=st.integers(0, 999), h=st.integers(1, 9), w=st.integers(2, 9), refine=st.booleans())
@settings(max_examples=40)
def test_any_scene_gives_a_matte_that_keeps_the_known(seed, h, w, refine):
    image, labels = random_scene(seed, (h, w))
    alpha = shared_matting(image, labels, refine=refine)
    assert alpha.shape == labels.shape
    assert alpha.dtype == np.float64
    assert alpha.min() >= 0
    assert alpha.max() <= 1
    assert (alpha[labels == 0] == 0).all()
    assert (alpha[labels == 255] == 1).all()
    found = shared_samples(image, labels)
    assert all(np.isfinite(part).all() for part in found)
    assert found.confidence.min(initial=1) >= 0
    assert found.confidence.max(initial=0) <= 1


@pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="one thread only")
def test_does_not_depend_on_the_number_of_threads():
    scene = cm.gallery.hair(60, 80, seed=1)
    before = numba.get_num_threads()
    try:
        mattes = []
        for threads in (1, before):
            numba.set_num_threads(threads)
            mattes.append(shared_matting(scene.image, scene.trimap))
    finally:
        numba.set_num_threads(before)
    np.testing.assert_array_equal(*mattes)


def test_swapping_the_kinds_complements_the_expanded_pixels():
    scene = cm.gallery.disc(40, 50)
    image = two_colours(scene.alpha.astype(float))
    alpha = shared_matting(image, scene.trimap)
    assert np.abs(shared_matting(image, 255 - scene.trimap) + alpha - 1).max() < 0.02


def test_refinement_approaches_the_samples_as_gamma_grows():
    scene = cm.gallery.hair(40, 50)
    sampled = shared_matting(scene.image, scene.trimap)
    near = shared_matting(scene.image, scene.trimap, refine=True, gamma=1e9)
    assert np.abs(near - sampled).mean() < 1e-2
    assert np.abs(shared_matting(scene.image, scene.trimap, refine=True) - sampled).mean() > 1e-3


def test_info_callback_and_start():
    scene = cm.gallery.disc(30, 40)
    seen = []
    alpha, info = shared_matting(scene.image, scene.trimap, return_info=True, callback=lambda i, r: seen.append(i))
    assert (info.method, info.converged, seen) == ("none", True, [])
    np.testing.assert_array_equal(alpha[scene.trimap == 128], info.x)
    alpha, info = shared_matting(
        scene.image, scene.trimap, refine=True, x0=alpha, return_info=True, callback=lambda i, r: seen.append(i)
    )
    assert info.converged
    assert seen


def test_as_many_as_allowed_share():
    scene = cm.gallery.disc(12, 16)
    most = shared_matting(scene.image, scene.trimap, n_shared=MOST_SHARED)
    assert len(nearest_offsets(64)) >= MOST_SHARED
    np.testing.assert_array_equal(most, shared_matting(scene.image, scene.trimap, n_shared=5000))


@pytest.mark.parametrize("kind", ["grey", "uint8", "float32"])
def test_kinds_of_images(kind):
    scene = cm.gallery.disc(30, 40)
    image = scene.alpha if kind == "grey" else (two_colours(scene.alpha.astype(float)) * 255).round() / 255
    image = (image * 255).round().astype(np.uint8) if kind == "uint8" else image
    image = image.astype(np.float32) if kind == "float32" else image
    assert np.abs(shared_matting(image, scene.trimap) - scene.alpha).max() < 0.1


def test_no_unknown_pixels():
    trimap = np.array([[0, 255]] * 3, np.uint8)
    for refine in (False, True):
        alpha, info = shared_matting(np.zeros((3, 2, 3)), trimap, refine=refine, return_info=True)
        np.testing.assert_array_equal(alpha, trimap / 255)
        assert info.converged


def test_rays_that_meet_nothing_fall_back_on_the_nearest():
    image, labels = np.zeros((41, 41, 3)), np.full((41, 41), 128, np.uint8)
    labels[0, 0], labels[40, 40] = 0, 255
    image[40, 40] = 1
    image[20, 20] = 0.25
    alpha = shared_matting(image, labels)
    assert np.isfinite(alpha).all()
    assert 0 < alpha[20, 20] < 0.5


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"image": np.zeros((3, 2, 3))}, ValueError, "image is 3x2 but trimap is 3x3"),
        ({"image": np.full((3, 3), np.nan)}, ValueError, "NaN or infinite"),
        ({"trimap": np.zeros((3, 3), np.uint8)}, ValueError, "no foreground"),
        ({"n_rays": 0}, ValueError, "n_rays is 0"),
        ({"n_shared": 1.5}, TypeError, "n_shared is 1.5"),
        ({"n_shared": 10_001}, ValueError, "n_shared is 10001; accepted is .* at least 1 and at most 10000"),
        ({"refine": "no"}, TypeError, "refine is 'no'; accepted are True and False"),
        ({"gamma": 0}, ValueError, "gamma is 0"),
        ({"eps": -1}, ValueError, "eps is -1"),
        ({"x0": np.zeros((2, 2))}, ValueError, "x0 is 2x2"),
        ({"rtol": np.nan}, ValueError, "rtol is nan"),
        ({"callback": 3}, TypeError, "callback is a int"),
    ],
)
def test_bad_input(change, error, words):
    arguments = {"image": np.zeros((3, 3, 3)), "trimap": np.array([[0, 128, 255]] * 3, np.uint8)} | change
    with pytest.raises(error, match=words):
        shared_matting(**arguments)
