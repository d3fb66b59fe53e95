"""Refinement: closer to the truth than what it is given, known pixels kept, limits of the options, bad input."""

import numpy as np
import pytest
from scipy import ndimage

from classmat.images import gallery, metrics
from classmat.images.trimap import trimap_from_mask
from classmat.matting.closed_form import closed_form_matting, matting_with_prior
from classmat.matting.methods import METHODS
from classmat.matting.refine import coarse_trimap, edge_confidence, refine_matte

ALL = ("trimap", "prior", "guided")
SCENE = gallery.disc(60, 80)
MASK = SCENE.alpha > 0.5


@pytest.mark.parametrize("method", ALL)
@pytest.mark.parametrize("dtype", [bool, np.uint8, np.float32])
def test_a_mask_comes_closer_to_the_truth(method, dtype):
    mask = (MASK * (255 if dtype is np.uint8 else 1)).astype(dtype)
    alpha = refine_matte(SCENE.image, mask, method=method)
    assert alpha.shape == MASK.shape
    assert alpha.dtype == np.float64
    assert alpha.min() >= 0
    assert alpha.max() <= 1
    assert metrics.mse(alpha, SCENE.alpha) < metrics.mse(MASK, SCENE.alpha)


@pytest.mark.parametrize("method", ALL)
def test_a_blurred_matte_comes_closer_to_the_truth(method):
    blurred = np.clip(ndimage.gaussian_filter(SCENE.alpha, 1.5), 0, 1)
    alpha = refine_matte(SCENE.image, blurred, method=method)
    assert metrics.mse(alpha, SCENE.alpha) < metrics.mse(blurred, SCENE.alpha)


def test_trimap_of_a_mask_is_trimap_from_mask_and_a_solve():
    trimap = trimap_from_mask(MASK, erode=3, dilate=4)
    np.testing.assert_array_equal(coarse_trimap(MASK.astype(float), 3, 4), trimap)
    expected = closed_form_matting(SCENE.image, trimap)
    np.testing.assert_array_equal(refine_matte(SCENE.image, MASK, method="trimap", erode=3, dilate=4), expected)


def test_the_solver_and_its_options_are_used(monkeypatch):
    seen = {}

    def method(image, trimap, **options):
        seen.update(options, trimap=trimap)
        return np.zeros(trimap.shape)

    monkeypatch.setitem(METHODS, "closed-form", method)
    assert not refine_matte(SCENE.image, MASK, method="trimap", solver="closed-form", rtol=0.5).any()
    assert seen.pop("rtol") == 0.5
    np.testing.assert_array_equal(seen.pop("trimap"), trimap_from_mask(MASK))
    assert not seen


def test_a_fractional_matte_widens_the_band_but_never_to_everything():
    alpha = np.linspace(0, 1, 101)[None] * np.ones((3, 1))
    trimap = coarse_trimap(alpha, 1, 1)
    np.testing.assert_array_equal(trimap == 128, (alpha > 0.05) & (alpha < 0.95))
    grey = np.clip(alpha, 0.2, 0.8)
    np.testing.assert_array_equal(coarse_trimap(grey, 2, 2), trimap_from_mask(grey, erode=2, dilate=2))


def test_a_great_weight_of_the_prior_gives_it_back():
    rng = np.random.default_rng(0)
    alpha = np.where(SCENE.alpha > 0.5, 1.0, 0.0) * 0.9 + 0.05 * rng.random(SCENE.alpha.shape)
    result = refine_matte(SCENE.image, alpha, method="prior", lam=1e12)
    np.testing.assert_allclose(result, alpha, atol=1e-3)


def test_prior_is_matting_with_the_confidence():
    alpha = SCENE.alpha.astype(np.float64)
    expected = matting_with_prior(SCENE.image, alpha, edge_confidence(alpha, 3, 5), lam=7)
    np.testing.assert_array_equal(
        refine_matte(SCENE.image, alpha, method="prior", erode=3, dilate=5, lam=7), expected
    )


def test_confidence_grows_with_distance_and_certainty():
    mask = np.zeros((1, 40))
    mask[:, :20] = 1
    confidence = edge_confidence(mask, 4, 8)[0]
    assert (np.diff(confidence[:20]) <= 0).all()
    assert (np.diff(confidence[20:]) >= 0).all()
    assert (confidence[:17] == 1).all()
    assert confidence[17] < 1
    assert (confidence[27:] == 1).all()
    assert confidence[26] < 1
    assert edge_confidence(np.where(mask > 0, 0.75, 0.0), 4, 8)[0, 0] == pytest.approx(0.25)
    assert confidence.min() > 0


def test_guided_by_a_flat_image_is_a_mean_of_means():
    """Without any contrast a = 0: the filter is two box means, and keeps what is constant."""
    result = refine_matte(np.full((20, 30), 0.5), MASK[:20, :30], method="guided", radius=2)
    assert set(np.unique(result[:, :5])) == {0.0}


@pytest.mark.parametrize(
    ("image", "alpha", "options", "error", "words"),
    [
        (SCENE.image, MASK[:30, :40], {}, ValueError, "image is 60x80 but alpha is 30x40"),
        (SCENE.image, MASK, {"method": "magic"}, ValueError, "method is 'magic'; accepted are 'trimap', 'prior'"),
        (SCENE.image, MASK, {"method": "trimap", "solver": "magic"}, ValueError, "solver is 'magic'"),
        (SCENE.image, MASK, {"method": "trimap", "erode": -1}, ValueError, "erode is -1"),
        (SCENE.image, MASK, {"method": "prior", "dilate": np.nan}, ValueError, "dilate is nan"),
        (SCENE.image, MASK, {"method": "prior", "lam": 0}, ValueError, "lam is 0"),
        (SCENE.image, MASK, {"method": "guided", "radius": -1}, ValueError, "radius is -1"),
        (SCENE.image, MASK, {"method": "guided", "eps": 0}, ValueError, "eps is 0"),
        (SCENE.image, MASK, {"method": "guided", "lam": 1}, TypeError, "the guided filter has no option 'lam'"),
        (SCENE.image, np.zeros((60, 80)), {"method": "trimap"}, ValueError, "alpha has no foreground"),
        (SCENE.image, np.ones((60, 80)), {"method": "trimap"}, ValueError, "alpha has no background"),
        (SCENE.image, np.ones((60, 80)), {"method": "prior"}, ValueError, "alpha has no background"),
        (
            SCENE.image,
            MASK,
            {"method": "trimap", "lam": 1},
            TypeError,
            "the solver 'closed-form' has no option 'lam'",
        ),
        (
            SCENE.image,
            MASK,
            {"method": "trimap", "magic": 1},
            TypeError,
            "no option 'magic'; accepted are 'solver'",
        ),
        (
            SCENE.image,
            MASK,
            {"method": "trimap", "solver": "knn", "eps": 1},
            TypeError,
            "'knn' has no option 'eps'",
        ),
        (
            SCENE.image,
            MASK,
            {"method": "prior", "solver": "knn"},
            TypeError,
            "a prior has no option 'solver'; accepted are 'lam', 'erode', 'dilate', 'eps'.* and 'return_info'",
        ),
        (SCENE.image, MASK * 255.0, {}, ValueError, "alpha is float with values"),
        (SCENE.image * np.nan, MASK, {}, ValueError, "image has .* NaN"),
        (SCENE.image, SCENE.image, {}, ValueError, "alpha has shape"),
        (None, MASK, {}, TypeError, "image is a NoneType"),
    ],
)
def test_bad_input(image, alpha, options, error, words):
    with pytest.raises(error, match=words):
        refine_matte(image, alpha, **options)
