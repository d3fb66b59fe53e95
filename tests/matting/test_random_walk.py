"""Random walk matting: against direct solves, the maximum principle, and whatever users hand in."""

import warnings

import naive_laplacians as naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import classmat as cm
from classmat.matting.random_walk import random_walk_matting


def exact(image, trimap, lost, radius=1):
    """Solve the dense system of the docstring."""
    L, unknown = naive.random_walk_laplacian(image, radius=radius), trimap.ravel() == 128
    alpha = (trimap.ravel() == 255).astype(float)
    pull = lost * (1 + np.diag(L)[unknown])
    b = pull / 2 - L[unknown] @ alpha
    alpha[unknown] = np.linalg.solve(L[np.ix_(unknown, unknown)] + np.diag(pull), b)
    return alpha.reshape(trimap.shape)


@pytest.fixture
def few(monkeypatch):
    """Take every system for a large one."""
    monkeypatch.setattr("classmat.matting.random_walk.FEW", 0)


@pytest.mark.parametrize("lost", [0.0, 1e-4, 1.0])
@pytest.mark.parametrize("radius", [1, 2])
def test_equals_a_dense_solve(lost, radius):
    scene = cm.gallery.hair(24, 30, seed=3)
    alpha, info = random_walk_matting(scene.image, scene.trimap, lost=lost, radius=radius, return_info=True)
    assert info.method == "direct"
    assert np.abs(alpha - exact(scene.image.astype(float), scene.trimap, lost, radius)).max() < 1e-6


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("name", ["hair", "checker", "portrait"])
def test_smoothed_aggregation_equals_the_factorisation(name, monkeypatch):
    scene = getattr(cm.gallery, name)(70, 90, seed=3)
    alpha, info = random_walk_matting(scene.image, scene.trimap, return_info=True)
    assert info.method == "algebraic"
    assert info.converged
    monkeypatch.setattr("classmat.matting.random_walk.FEW", 10**6)
    assert np.abs(alpha - random_walk_matting(scene.image, scene.trimap)).max() < 1e-4


@given(
    seed=st.integers(0, 99),
    lost=st.sampled_from([0.0, 1e-6, 1e-2]),
    sigma=st.sampled_from([1e-3, 0.033, 10.0]),
    grey=st.booleans(),
)
def test_maximum_principle(seed, lost, sigma, grey):
    """Before any clipping alpha is a probability."""
    rng = np.random.default_rng(seed)
    image, trimap = rng.random((8, 9) if grey else (8, 9, 3)), rng.choice([0, 128, 128, 128, 255], (8, 9))
    trimap[0, :2] = 0, 255
    _, info = random_walk_matting(image, trimap.astype(np.uint8), sigma=sigma, lost=lost, return_info=True)
    assert info.x.size == 0 or (info.x.min() > -1e-9 and info.x.max() < 1 + 1e-9)


def test_a_walk_on_a_line_is_the_gamblers_ruin():
    """Steps to both sides are equally likely in an image without contrast: alpha rises linearly."""
    trimap = np.full((1, 11), 128, np.uint8)
    trimap[0, 0], trimap[0, -1] = 0, 255
    alpha = random_walk_matting(np.full((1, 11, 3), 0.5), trimap, lost=0.0)
    assert np.abs(alpha - np.arange(11) / 10).max() < 1e-12


def test_lost_for_sure_is_a_half():
    """lost = 1 leaves a walker half of its steps: one next to the foreground still meets it more often."""
    trimap = np.full((1, 5), 128, np.uint8)
    trimap[0, 0], trimap[0, -1] = 0, 255
    alpha = random_walk_matting(np.full((1, 5), 0.5), trimap, lost=1.0)
    assert abs(alpha[0, 2] - 0.5) < 1e-12
    assert 0 < alpha[0, 1] < 0.5 < alpha[0, 3] < 1


def test_complement():
    """Swapping foreground and background complements the matte."""
    scene = cm.gallery.hair(40, 50)
    swapped = np.where(scene.trimap == 128, 128, 255 - scene.trimap).astype(np.uint8)
    total = random_walk_matting(scene.image, scene.trimap) + random_walk_matting(scene.image, swapped)
    assert np.abs(total - 1).max() < 1e-9


def test_weights_that_underflow():
    """Pixels that differ from all around them by many sigma are decided by the floor, or lost."""
    image = (np.indices((9, 9)).sum(0) % 2).astype(float)
    trimap = np.full((9, 9), 128, np.uint8)
    trimap[0], trimap[-1] = 0, 255
    for lost in (0.0, 1e-4):
        alpha, info = random_walk_matting(image, trimap, sigma=1e-3, lost=lost, return_info=True)
        assert info.converged
        assert np.abs(alpha + alpha[::-1] - 1).max() < 1e-6


def test_gentle_with_known_pixels_and_info():
    scene = cm.gallery.disc(40, 50)
    alpha, info = random_walk_matting(scene.image, scene.trimap, return_info=True)
    assert (alpha[scene.trimap == 255] == 1).all()
    assert (alpha[scene.trimap == 0] == 0).all()
    assert info.x.shape == ((scene.trimap == 128).sum(),)


TRIMAP = np.array([[0, 128, 255]] * 3, np.uint8)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"image": np.zeros((2, 3))}, "image is 2x3 but trimap is 3x3"),
        ({"trimap": np.minimum(TRIMAP, 128)}, "no foreground"),
        ({"image": np.full((3, 3), np.nan)}, "NaN"),
        ({"sigma": 0}, "sigma is 0"),
        ({"sigma": 1e-200}, "sigma is 1e-200; accepted is .* at least 1e-06 and at most 1e\\+06"),
        ({"sigma": 1e7}, "sigma is 1e\\+07"),
        ({"radius": 0}, "radius is 0"),
        ({"lost": 1.5}, "lost is 1.5"),
        ({"rtol": np.nan}, "rtol is nan"),
        ({"x0": np.zeros((2, 2))}, "x0 is 2x2"),
    ],
)
def test_bad_input(change, words):
    with pytest.raises(ValueError, match=words):
        random_walk_matting(**({"image": np.zeros((3, 3)), "trimap": TRIMAP} | change))


@pytest.mark.slow
@pytest.mark.xdist_group("pymatting")
def test_agrees_with_pymatting_where_walks_are_short():
    """Low contrast: nobody is lost, its conjugate gradients converge, and soft constraints bend little."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        estimate = pytest.importorskip("pymatting").estimate_alpha_rw
    rng = np.random.default_rng(0)
    image, trimap = 0.45 + 0.03 * rng.random((30, 40, 3)), np.full((30, 40), 128, np.uint8)
    trimap[:, :15], trimap[:, 25:] = 0, 255
    alpha = random_walk_matting(image, trimap, sigma=1 / 30, lost=0.0)
    assert np.abs(alpha - estimate(image, trimap / 255.0)).max() < 0.02
