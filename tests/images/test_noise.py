"""Noise that was added is found again, and detail is not taken for noise."""

import numpy as np
import pytest
from scipy import ndimage

from classmat.images import gallery
from classmat.images.noise import noise_level


@pytest.mark.parametrize("sigma", [0.003, 0.02, 0.1])
@pytest.mark.parametrize("size", [(60, 80), (700, 900)])
def test_the_deviation_of_each_channel_is_found(size, sigma):
    rng = np.random.default_rng(0)
    smooth = ndimage.gaussian_filter(rng.random((*size, 3)), (5, 5, 0))
    deviations = sigma * np.array([1, 0.5, 2])
    found = noise_level(smooth + deviations * rng.standard_normal(smooth.shape))
    np.testing.assert_allclose(found, deviations, rtol=0.08, atol=1e-4)


@pytest.mark.parametrize("seed", range(3))
def test_a_portrait_without_noise_has_nearly_none(seed):
    assert noise_level(gallery.portrait(400, 300, seed=seed).image).max() < 0.002


@pytest.mark.parametrize("shape", [(1, 1), (2, 500), (500, 2, 3), (12, 12)])
def test_a_few_pixels_tell_nothing(shape):
    found = noise_level(np.random.default_rng(0).random(shape))
    assert found.tolist() == [0] * (shape[2] if len(shape) == 3 else 1)


def test_straight_edges_are_no_noise():
    image = np.zeros((60, 80))
    image[:, 33:] = 1
    image[20:] *= 0.5
    assert noise_level(image).tolist() == [0]
