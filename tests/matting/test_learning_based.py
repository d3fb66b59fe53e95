"""Learning-based matting: against direct solves, exact cases, and whatever users hand in."""

import naive_laplacians as naive
import numpy as np
import pytest

import classmat as cm
from classmat.matting.learning_based import learning_based_matting


def exact(image, trimap, radius=1):
    """Solve the dense system."""
    L, unknown = naive.learning_based_laplacian(image, radius=radius), trimap.ravel() == 128
    alpha = (trimap.ravel() == 255).astype(float)
    alpha[unknown] = np.linalg.solve(L[np.ix_(unknown, unknown)], -L[unknown] @ alpha)
    return alpha.reshape(trimap.shape).clip(0, 1)


@pytest.mark.parametrize("radius", [1, 2])
@pytest.mark.parametrize("few", [0, 10**6])
@pytest.mark.parametrize("name", ["hair", "portrait", "two_colours"])
def test_equals_a_dense_solve(name, few, radius, monkeypatch):
    monkeypatch.setattr("classmat.laplacians.system.FEW", few)
    scene = getattr(cm.gallery, name)(30, 40, seed=3)
    alpha, info = learning_based_matting(scene.image, scene.trimap, radius=radius, return_info=True)
    assert info.method == ("direct" if few or radius == 2 else "multigrid")
    assert info.converged
    assert np.abs(alpha - exact(scene.image.astype(float), scene.trimap, radius)).max() < 1e-4


@pytest.mark.parametrize("name", ["disc", "wedge"])
def test_finds_the_exact_matte_where_the_model_holds(name):
    """Two constant colours: alpha is affine in colour everywhere."""
    scene = getattr(cm.gallery, name)(60, 80)
    alpha = scene.alpha[:, :, None].astype(float)
    image = alpha * [0.9, 0.6, 0.2] + (1 - alpha) * [0.1, 0.3, 0.5]
    assert np.abs(learning_based_matting(image, scene.trimap) - scene.alpha).max() < 1e-3


@pytest.mark.parametrize("shape", [(1, 9), (9, 1), (2, 9), (1, 3)])
def test_thin_images(shape):
    image = np.linspace(0, 1, shape[0] * shape[1]).reshape(shape)
    trimap = np.full(shape, 128, np.uint8)
    trimap.flat[0], trimap.flat[-1] = 0, 255
    assert np.abs(learning_based_matting(image, trimap) - image).max() < 1e-3  # a ramp is affine in itself


def test_a_constant_image_gives_a_smooth_matte():
    trimap = np.full((9, 12), 128, np.uint8)
    trimap[:, :2], trimap[:, -2:] = 0, 255
    alpha, info = learning_based_matting(np.full((9, 12, 3), 0.3), trimap, return_info=True)
    assert info.converged
    assert (np.diff(alpha, axis=1) > -1e-9).all()


def test_no_unknown_pixels():
    trimap = np.array([[0, 255]], np.uint8)
    alpha, info = learning_based_matting(np.zeros((1, 2)), trimap, return_info=True)
    assert alpha.tolist() == [[0, 1]]
    assert info.method == "none"


TRIMAP = np.array([[0, 128, 255]] * 3, np.uint8)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"image": np.zeros((2, 3))}, "image is 2x3 but trimap is 3x3"),
        ({"trimap": np.maximum(TRIMAP, 128)}, "no background"),
        ({"image": np.full((3, 3), 7.0)}, r"accepted is \[0, 1\]"),
        ({"eps": 0}, "eps is 0"),
        ({"radius": 0}, "radius is 0"),
        ({"rtol": -1}, "rtol is -1"),
    ],
)
def test_bad_input(change, words):
    with pytest.raises(ValueError, match=words):
        learning_based_matting(**({"image": np.zeros((3, 3)), "trimap": TRIMAP} | change))
