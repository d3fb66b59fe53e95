"""From a photo alone to a matte: laws of the lift, of sizes, of mirror images; weights as files."""

import numpy as np
import pytest

import classmat as cm
from classmat.filters.blur import gaussian_blur
from classmat.filters.resize import resize
from classmat.nn.portrait import _refined, lifted, net_matte, portrait_matte, recoloured, settled
from classmat.nn.recipes.fast_deep_matting import Recipe
from classmat.nn.weights import FAST_DEEP_MATTING, Weights, load_weights, shipped_weights


@pytest.fixture(scope="module")
def weights():
    """A net that was not trained: what is tested here does not depend on it."""
    recipe = Recipe(size=32, seed=1)
    start = recipe.start()
    return Weights(start.params, start.buffers, {"architecture": FAST_DEEP_MATTING, "recipe": recipe.as_mapping()})


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (31, 17), (64, 48), (90, 200)])
@pytest.mark.parametrize("refine", [False, True])
def test_any_size(weights, shape, refine):
    image = np.random.default_rng(0).random((*shape, 3))
    alpha = portrait_matte(image, weights=weights, refine=refine)
    assert alpha.shape == shape
    assert alpha.dtype == np.float32
    assert 0 <= alpha.min() <= alpha.max() <= 1


def test_grey_is_a_colour_photo_without_colour(weights):
    grey = np.random.default_rng(0).integers(0, 255, (40, 30), np.uint8)
    np.testing.assert_array_equal(
        portrait_matte(grey, weights=weights), portrait_matte(np.dstack([grey] * 3), weights=weights)
    )


def test_a_mirrored_photo_has_the_mirrored_matte(weights):
    image = np.random.default_rng(3).random((32, 32, 3))
    there, back = net_matte(image, weights), net_matte(image[:, ::-1], weights)[:, ::-1]
    np.testing.assert_allclose(back, there, atol=1e-5)


def test_colours_overrule_an_unsure_net():
    """Where the net is wrong about a part of a region of one colour, the rest of the region corrects it."""
    rng = np.random.default_rng(0)
    truth = np.zeros((32, 32))
    truth[8:, 6:26] = 1
    photo = np.where(truth[..., None] > 0, (0.8, 0.3, 0.2), (0.2, 0.4, 0.7)) + 0.02 * rng.standard_normal(
        (32, 32, 3)
    )
    guess = 0.15 + 0.7 * truth
    guess[20:, 20:26] = 0.35
    for better in (recoloured(photo, guess), settled(np.clip(photo, 0, 1), guess)):
        assert np.array_equal(better > 0.5, truth > 0.5)
    assert not np.array_equal(guess > 0.5, truth > 0.5)


def test_colours_say_nothing_where_all_are_the_same():
    guess = np.random.default_rng(0).uniform(0.01, 0.99, (9, 9))
    guess = (guess + 1 - guess[::-1, ::-1]) / 2  # as much subject as background
    np.testing.assert_allclose(recoloured(np.full((9, 9, 3), 0.5), guess), guess, atol=1e-9)


@pytest.mark.parametrize("value", [0.0, 0.25, 1.0])
def test_a_constant_matte_stays_when_it_is_lifted(value):
    image = np.random.default_rng(0).random((70, 50, 3)).astype(np.float32)
    np.testing.assert_allclose(lifted(image, np.full((16, 16), value, np.float32)), value, atol=1e-5)


def test_the_lift_finds_the_edge_of_the_photo():
    """A blurred matte of a 16th of the area, lifted, is nearer to the true one than when only enlarged."""
    scene = cm.gallery.disc(128, 128)
    small = resize(gaussian_blur(scene.alpha, 4.0), 32, 32)
    found = cm.metrics.mse(lifted(scene.image.astype(np.float32), small), scene.alpha)
    assert found < 0.7 * cm.metrics.mse(np.clip(resize(small, 128, 128), 0, 1), scene.alpha)


def test_the_shipped_net_knows_a_person_it_has_not_seen():
    assert shipped_weights().manifest["architecture"] == FAST_DEEP_MATTING
    scores = []
    for seed in (1_000_003, 1_000_004, 1_000_005):
        scene = cm.gallery.portrait(160, 120, seed=seed)
        found, true = cm.portrait_matte(scene.image) > 0.5, scene.alpha > 0.5
        scores.append(np.count_nonzero(found & true) / np.count_nonzero(found | true))
    assert np.mean(scores) > 0.75


def test_weights_survive_a_file_and_others_are_refused(weights, tmp_path):
    weights.save(tmp_path / "net.npz")
    again = load_weights(tmp_path / "net.npz", architecture=FAST_DEEP_MATTING)
    image = np.random.default_rng(1).random((20, 20, 3))
    np.testing.assert_array_equal(net_matte(image, again), net_matte(image, weights))
    with pytest.raises(ValueError, match="holds weights of 'fast-deep-matting'; accepted are those of 'other'"):
        load_weights(tmp_path / "net.npz", architecture="other")
    Weights(weights.params, weights.buffers, {"architecture": FAST_DEEP_MATTING}).save(tmp_path / "bare.npz")
    with pytest.raises(ValueError, match="does not say for which size and radius"):
        load_weights(tmp_path / "bare.npz", architecture=FAST_DEEP_MATTING)
    with pytest.raises(OSError, match=r"none\.npz"):
        load_weights(tmp_path / "none.npz", architecture=FAST_DEEP_MATTING)


@pytest.mark.parametrize("inside", [True, False])
def test_refining_something_small_keeps_its_middle(inside):
    """Six pixels a side in 200: the usual widths would leave nothing of it."""
    coarse = np.full((200, 200), 0.0 if inside else 1.0, np.float32)
    coarse[50:56, 80:86] = 1 - coarse[0, 0]
    image = np.repeat(0.2 + 0.6 * coarse[..., None], 3, axis=2)
    refined = _refined(image, coarse)
    assert np.array_equal(refined >= 0.5, coarse >= 0.5)


def test_what_is_no_photo_is_refused(weights):
    with pytest.raises(ValueError, match="image"):
        portrait_matte(np.full((4, 4, 3), 200.0), weights=weights)
    with pytest.raises(TypeError, match="refine"):
        portrait_matte(np.zeros((4, 4, 3)), weights=weights, refine="yes")
