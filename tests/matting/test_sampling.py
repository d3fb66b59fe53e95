"""Sampling matting: against its naive twin and exact scenes, its laws, and whatever users hand in."""

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from naive_evidence import evidence as naive_evidence

import classmat as cm
from classmat.matting.sampling import evidence, sampling_matting
from classmat.matting.shared import shared_samples

FOREGROUND, BACKGROUND = np.array([0.9, 0.6, 0.2]), np.array([0.1, 0.3, 0.5])


def random_scene(seed, size=(14, 16)):
    """Noise with a trimap of all three kinds."""
    rng = np.random.default_rng(seed)
    labels = rng.choice(np.array([0, 128, 128, 128, 255], np.uint8), size)
    labels.flat[0], labels.flat[-1] = 0, 255
    return rng.random((*size, 3)), labels


def two_colours(alpha):
    return alpha[..., None] * FOREGROUND + (1 - alpha[..., None]) * BACKGROUND


def islands(colour=FOREGROUND, noise=0.01):
    """Foreground on the left; in the unknown right half, before the background, three discs of a colour."""
    y, x = np.mgrid[:60, :90]
    alpha = (x < 20).astype(float)
    discs = np.zeros((60, 90), bool)
    for cy, cx in ((15, 45), (42, 50), (28, 70)):
        discs |= (y - cy) ** 2 + (x - cx) ** 2 < 64
    labels = np.where(x < 15, 255, np.where(x > 82, 0, 128)).astype(np.uint8)
    image = two_colours(alpha)
    image[discs] = colour
    image += np.random.default_rng(0).normal(0, noise, image.shape)
    return image.clip(0, 1), labels, alpha + discs, discs


@pytest.mark.parametrize("grey", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_evidence_equals_its_twin(seed, grey):
    image, labels = random_scene(seed)
    image = image[:, :, 1] if grey else image
    plain, samples = cm.closed_form_matting(image, labels), shared_samples(image, labels)
    found = evidence(image, labels, plain, samples, 0.1)
    confidence, doubt = naive_evidence(image, labels, plain, samples, 0.1)
    np.testing.assert_array_equal(found.alpha, samples.alpha)
    np.testing.assert_allclose(found.confidence, confidence, atol=1e-12)
    np.testing.assert_allclose(found.doubt, doubt, atol=1e-12)


# Colours within 5 of 256 levels of a known one count as known to the sampling: alpha is off by so much.
SLACK = 5 / 256 / np.linalg.norm(FOREGROUND - BACKGROUND)


@pytest.mark.parametrize(("name", "error"), [("two_colours", SLACK), ("disc", 2e-3), ("wedge", 2e-3)])
def test_finds_the_exact_matte_of_constant_colours(name, error):
    scene = getattr(cm.gallery, name)(60, 80)
    alpha = sampling_matting(two_colours(scene.alpha.astype(float)), scene.trimap, eps=1e-9)
    assert np.abs(alpha - scene.alpha).max() < error


def test_finds_regions_that_are_cut_off():
    """Discs of the foreground's colour, away from it: closed form cannot know, their colour tells."""
    image, labels, truth, discs = islands()
    plain = cm.closed_form_matting(image, labels)
    alpha = sampling_matting(image, labels)
    assert np.abs(plain - truth)[discs].mean() > 0.2
    assert np.abs(alpha - truth)[discs].mean() < 0.05
    assert cm.metrics.mse(alpha, truth, labels) < 0.1 * cm.metrics.mse(plain, truth, labels)


def test_rejects_colours_that_occur_in_neither_known_region():
    image, labels, _, discs = islands(colour=np.array([0.1, 0.9, 0.9]))
    plain, samples = cm.closed_form_matting(image, labels), shared_samples(image, labels)
    found = evidence(image, labels, plain, samples, 0.012)
    inside = discs[labels == 128]
    assert found.confidence[inside].max() < 1e-9
    assert found.doubt[inside].mean() > 5 * found.doubt[~inside].mean()


def test_without_strength_it_is_closed_form():
    scene = cm.gallery.hair(40, 50)
    plain = cm.closed_form_matting(scene.image, scene.trimap)
    assert np.abs(sampling_matting(scene.image, scene.trimap, strength=0, hold=0) - plain).max() < 1e-6


def test_with_much_hold_it_is_closed_form_where_there_is_doubt():
    scene = cm.gallery.hair(40, 50)
    plain, samples = cm.closed_form_matting(scene.image, scene.trimap), shared_samples(scene.image, scene.trimap)
    doubt = evidence(scene.image, scene.trimap, plain, samples, 0.012).doubt
    alpha = sampling_matting(scene.image, scene.trimap, hold=1e9)
    off = np.abs(alpha - plain)[scene.trimap == 128]
    assert (doubt > 0.1).any()
    assert off[doubt > 0.1].max() < 1e-5


def test_with_much_strength_it_is_the_samples_where_they_are_sure():
    image, labels, _, _ = islands()
    plain, samples = cm.closed_form_matting(image, labels), shared_samples(image, labels)
    confidence = evidence(image, labels, plain, samples, 0.012).confidence
    alpha = sampling_matting(image, labels, strength=1e9, hold=0)[labels == 128]
    assert np.abs(alpha - samples.alpha)[confidence > 0.01].max() < 1e-4


@given(seed=st.integers(0, 999), h=st.integers(1, 9), w=st.integers(2, 9))
@settings(max_examples=40)
def test_any_scene_gives_a_matte_that_keeps_the_known(seed, h, w):
    image, labels = random_scene(seed, (h, w))
    before = image.copy(), labels.copy()
    alpha = sampling_matting(image, labels)
    assert alpha.shape == labels.shape
    assert alpha.dtype == np.float64
    assert alpha.min() >= 0
    assert alpha.max() <= 1
    assert (alpha[labels == 0] == 0).all()
    assert (alpha[labels == 255] == 1).all()
    np.testing.assert_array_equal(image, before[0])
    np.testing.assert_array_equal(labels, before[1])


def test_multigrid_equals_a_factorisation(monkeypatch):
    scene = cm.gallery.portrait(80, 60, seed=3)
    direct, info = sampling_matting(scene.image, scene.trimap, return_info=True)
    assert info.method == "direct"
    monkeypatch.setattr("classmat.laplacians.closed_form.FEW", 0)
    alpha, info = sampling_matting(scene.image, scene.trimap, return_info=True)
    assert info.method == "multigrid"
    assert np.abs(alpha - direct).max() < 1e-3


def test_does_not_depend_on_the_number_of_threads(monkeypatch):
    monkeypatch.setattr("classmat.laplacians.closed_form.FEW", 0)
    scene = cm.gallery.hair(60, 80, seed=1)
    before = numba.get_num_threads()
    try:
        mattes = []
        for threads in (1, before):
            numba.set_num_threads(threads)
            mattes.append(sampling_matting(scene.image, scene.trimap))
    finally:
        numba.set_num_threads(before)
    np.testing.assert_array_equal(*mattes)


def test_info_callback_and_start():
    scene = cm.gallery.disc(30, 40)
    seen = []
    alpha, info = sampling_matting(
        scene.image, scene.trimap, return_info=True, callback=lambda i, r: seen.append(i)
    )
    assert info.converged
    assert info.x.shape == ((scene.trimap == 128).sum(),)
    assert seen == list(range(1, info.iterations + 1))
    again = sampling_matting(scene.image, scene.trimap, x0=alpha)
    assert np.abs(again - alpha).max() < 1e-6


@pytest.mark.parametrize("kind", ["grey", "uint8", "float32"])
def test_kinds_of_images(kind):
    scene = cm.gallery.disc(30, 40)
    image = scene.alpha if kind == "grey" else (two_colours(scene.alpha.astype(float)) * 255).round() / 255
    image = (image * 255).round().astype(np.uint8) if kind == "uint8" else image
    image = image.astype(np.float32) if kind == "float32" else image
    assert np.abs(sampling_matting(image, scene.trimap) - scene.alpha).max() < 0.1


def test_no_unknown_pixels():
    trimap = np.array([[0, 255]] * 3, np.uint8)
    alpha, info = sampling_matting(np.zeros((3, 2, 3)), trimap, return_info=True)
    np.testing.assert_array_equal(alpha, trimap / 255)
    assert info.converged


def test_one_colour_everywhere_is_closed_form():
    """Pairs that cannot tell alpha have no say."""
    image, labels = np.full((9, 9, 3), 0.4), random_scene(1, (9, 9))[1]
    plain = cm.closed_form_matting(image, labels)
    assert np.abs(sampling_matting(image, labels) - plain).max() < 1e-6


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"image": np.zeros((3, 2, 3))}, ValueError, "image is 3x2 but trimap is 3x3"),
        ({"image": np.full((3, 3), np.nan)}, ValueError, "NaN or infinite"),
        ({"trimap": np.zeros((3, 3), np.uint8)}, ValueError, "no foreground"),
        ({"strength": -1}, ValueError, "strength is -1"),
        ({"strength": 1e13}, ValueError, "strength is 1e\\+13; accepted is .* at most 1e\\+12"),
        ({"tolerance": 0}, ValueError, "tolerance is 0"),
        ({"tolerance": 1e-200}, ValueError, "tolerance is 1e-200; accepted is .* at least 1e-06"),
        ({"tolerance": 1e200}, ValueError, "tolerance is 1e\\+200; accepted is .* at most 1e\\+06"),
        ({"hold": 1e300}, ValueError, "hold is 1e\\+300; accepted is .* at most 1e\\+12"),
        ({"hold": "much"}, TypeError, "hold is 'much'"),
        ({"eps": -1}, ValueError, "eps is -1"),
        ({"x0": np.zeros((2, 2))}, ValueError, "x0 is 2x2"),
        ({"rtol": np.nan}, ValueError, "rtol is nan"),
        ({"callback": 3}, TypeError, "callback is a int"),
    ],
)
def test_bad_input(change, error, words):
    arguments = {"image": np.zeros((3, 3, 3)), "trimap": np.array([[0, 128, 255]] * 3, np.uint8)} | change
    with pytest.raises(error, match=words):
        sampling_matting(**arguments)
