"""Large-kernel matting: against the assembled matrix, exact cases, and whatever users hand in."""

import warnings

import numpy as np
import pytest

import classmat as cm
from classmat.matting.large_kernel import large_kernel_matting


@pytest.mark.parametrize(("name", "radius"), [("hair", 3), ("portrait", 5), ("two_colours", 8), ("disc", 60)])
def test_equals_closed_form_matting_of_the_same_radius(name, radius):
    scene = getattr(cm.gallery, name)(34, 46, seed=3)
    alpha, info = large_kernel_matting(scene.image, scene.trimap, radius=radius, return_info=True)
    assert info.method == "cg"
    assert info.converged
    assert np.abs(alpha - cm.closed_form_matting(scene.image, scene.trimap, radius=radius)).max() < 1e-4


def test_finds_the_exact_matte_where_the_model_holds():
    scene = cm.gallery.disc(60, 80)
    alpha = scene.alpha[:, :, None].astype(float)
    image = alpha * [0.9, 0.6, 0.2] + (1 - alpha) * [0.1, 0.3, 0.5]
    assert np.abs(large_kernel_matting(image, scene.trimap) - scene.alpha).max() < 1e-4


@pytest.mark.parametrize("shape", [(1, 9), (9, 1), (2, 30), (1, 3)])
def test_thin_images(shape):
    image = np.linspace(0, 1, shape[0] * shape[1]).reshape(shape)
    trimap = np.full(shape, 128, np.uint8)
    trimap.flat[0], trimap.flat[-1] = 0, 255
    assert np.abs(large_kernel_matting(image, trimap) - image).max() < 1e-3  # a ramp is affine in itself


def test_warm_start_callback_and_known_pixels():
    scene = cm.gallery.hair(60, 80)
    seen = []
    alpha, cold = large_kernel_matting(
        scene.image, scene.trimap, return_info=True, callback=lambda i, r: seen.append(i)
    )
    assert seen == list(range(1, cold.iterations + 1))
    assert (alpha[scene.trimap == 255] == 1).all()
    assert (alpha[scene.trimap == 0] == 0).all()
    _, warm = large_kernel_matting(scene.image, scene.trimap, return_info=True, x0=alpha, rtol=1e-5)
    assert warm.iterations < cold.iterations


def test_no_unknown_pixels():
    trimap = np.array([[0, 255]], np.uint8)
    alpha, info = large_kernel_matting(np.zeros((1, 2)), trimap, return_info=True)
    assert alpha.tolist() == [[0, 1]]
    assert info.method == "none"


TRIMAP = np.array([[0, 128, 255]] * 3, np.uint8)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"image": np.zeros((2, 3))}, "image is 2x3 but trimap is 3x3"),
        ({"trimap": np.maximum(TRIMAP, 128)}, "no background"),
        ({"image": np.full((3, 3), -1.0)}, r"accepted is \[0, 1\]"),
        ({"eps": 0}, "eps is 0"),
        ({"radius": 0}, "radius is 0"),
        ({"x0": np.zeros((2, 2))}, "x0 is 2x2"),
    ],
)
def test_bad_input(change, words):
    with pytest.raises(ValueError, match=words):
        large_kernel_matting(**({"image": np.zeros((3, 3)), "trimap": TRIMAP} | change))


@pytest.mark.slow
@pytest.mark.xdist_group("pymatting")
def test_agrees_with_pymatting_where_soft_constraints_do_not_bend():
    """Its known pixels are held by a weight of 100, next to which the windows of radius 2 weigh 25."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        estimate = pytest.importorskip("pymatting").estimate_alpha_lkm
    scene = cm.gallery.two_colours(40, 50, seed=1)
    image = scene.image.astype(float)
    theirs = estimate(image, scene.trimap / 255.0, laplacian_kwargs={"radius": 2})
    assert np.abs(large_kernel_matting(image, scene.trimap, radius=2) - theirs).mean() < 0.01
