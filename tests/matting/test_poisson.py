"""Poisson matting: exact cases, the pieces of its equation, and whatever users hand in."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import classmat as cm
from classmat.matting.poisson import _divergence, _laplace, _matte_gradient, poisson_matting


def blend(scene, foreground, background):
    alpha = scene.alpha[:, :, None].astype(float)
    return alpha * foreground + (1 - alpha) * background


@pytest.mark.parametrize("name", ["disc", "wedge", "hair"])
def test_two_colours_are_unmixed_exactly(name):
    """F - B is constant, so that differences of alpha follow from differences of colour."""
    scene = getattr(cm.gallery, name)(30, 40)
    image = blend(scene, np.array([0.9, 0.6, 0.2]), np.array([0.1, 0.3, 0.5]))
    trimap = np.where((scene.alpha > 0) & (scene.alpha < 1), 128, scene.trimap).astype(np.uint8)
    assert np.abs(poisson_matting(image, trimap, max_rounds=1) - scene.alpha).max() < 1e-5
    # Sure pixels are of almost the same colour as known ones: refinement may move F - B, but not far.
    assert np.abs(poisson_matting(image, trimap, max_rounds=10) - scene.alpha).max() < 0.05


def test_smoothed_aggregation_equals_the_factorisation(monkeypatch):
    scene = cm.gallery.hair(40, 50, seed=3)
    direct, info = poisson_matting(scene.image, scene.trimap, max_rounds=1, return_info=True)
    assert info.method == "direct"
    monkeypatch.setattr("classmat.matting.poisson.FEW", 0)
    alpha, info = poisson_matting(scene.image, scene.trimap, max_rounds=1, return_info=True)
    assert info.method == "algebraic"
    assert np.abs(alpha - direct).max() < 1e-5


@given(h=st.integers(1, 7), w=st.integers(1, 7), seed=st.integers(0, 99))
def test_laplace_is_the_normal_matrix_of_differences(h, w, seed):
    """``-laplace = D^T D`` with D the differences, known pixels eliminated; div is ``-D^T``."""
    rng = np.random.default_rng(seed)
    is_unknown = rng.random((h, w)) < 0.7
    alpha = np.where(is_unknown, 0, rng.random((h, w)))
    D = []
    for y, x, yy, xx in (
        *((y, x, y, x + 1) for y in range(h) for x in range(w - 1)),
        *((y, x, y + 1, x) for y in range(h - 1) for x in range(w)),
    ):
        D.append(np.zeros(h * w))
        D[-1][[y * w + x, yy * w + xx]] = -1, 1
    D, unknown = np.reshape(D, (-1, h * w)), is_unknown.ravel()
    A, boundary = _laplace(is_unknown, alpha)
    N = D.T @ D
    assert np.abs(A.toarray() - N[np.ix_(unknown, unknown)]).max(initial=0) < 1e-12
    assert np.abs(boundary + N[unknown] @ alpha.ravel()).max(initial=0) < 1e-12
    v = rng.normal(size=len(D))
    gx, gy = v[: h * (w - 1)].reshape(h, w - 1), v[h * (w - 1) :].reshape(h - 1, w)
    assert np.abs(_divergence(gx, gy).ravel() + D.T @ v).max() < 1e-12


def test_equal_colours_give_a_harmonic_matte():
    """Where F = B the image tells nothing: no gradient, never a division by zero."""
    trimap = np.full((1, 11), 128, np.uint8)
    trimap[0, 0], trimap[0, -1] = 0, 255
    alpha = poisson_matting(np.full((1, 11, 3), 0.5), trimap)
    assert np.abs(alpha - np.arange(11) / 10).max() < 1e-9


def test_gradients_are_at_most_one():
    gx, gy = _matte_gradient(np.random.default_rng(0).random((5, 6, 3)), np.full((5, 6, 3), 1e-3))
    assert np.abs(gx).max() <= 1
    assert np.abs(gy).max() <= 1


def test_sure_pixels_refine_the_colours():
    """A background that drifts in colour: the nearest known colour is far off, found pixels are nearer."""
    scene = cm.gallery.disc(60, 80)
    drift = np.linspace(0.1, 0.5, 80)[None, :, None] * [1.0, 1.0, 1.0]
    image = blend(scene, np.array([0.95, 0.9, 0.1]), drift)
    once = poisson_matting(image, scene.trimap, max_rounds=1)
    often = poisson_matting(image, scene.trimap)
    assert cm.metrics.mse(often, scene.alpha) <= cm.metrics.mse(once, scene.alpha)


def test_known_pixels_info_callback_and_warm_start(monkeypatch):
    monkeypatch.setattr("classmat.matting.poisson.FEW", 0)
    scene = cm.gallery.hair(60, 80)
    seen = []
    alpha, info = poisson_matting(
        scene.image, scene.trimap, max_rounds=1, return_info=True, callback=lambda i, r: seen.append(i)
    )
    assert seen == list(range(1, info.iterations + 1))
    assert (alpha[scene.trimap == 255] == 1).all()
    assert (alpha[scene.trimap == 0] == 0).all()
    assert info.x.shape == ((scene.trimap == 128).sum(),)
    _, warm = poisson_matting(scene.image, scene.trimap, max_rounds=1, return_info=True, x0=alpha)
    assert warm.iterations <= info.iterations


def test_no_unknown_pixels():
    trimap = np.array([[0, 255]], np.uint8)
    alpha, info = poisson_matting(np.zeros((1, 2)), trimap, return_info=True)
    assert alpha.tolist() == [[0, 1]]
    assert info.method == "none"


TRIMAP = np.array([[0, 128, 255]] * 3, np.uint8)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"image": np.zeros((2, 3))}, "image is 2x3 but trimap is 3x3"),
        ({"trimap": np.maximum(TRIMAP, 128)}, "no background"),
        ({"image": np.full((3, 3), np.inf)}, "NaN or infinite"),
        ({"sigma": -1}, "sigma is -1"),
        ({"max_rounds": 0}, "max_rounds is 0"),
        ({"rtol": -1}, "rtol is -1"),
        ({"x0": np.zeros((2, 2))}, "x0 is 2x2"),
    ],
)
def test_bad_input(change, words):
    with pytest.raises(ValueError, match=words):
        poisson_matting(**({"image": np.zeros((3, 3)), "trimap": TRIMAP} | change))
