"""KNN matting: against direct solves, its laws, and whatever users hand in."""

import naive_knn
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.sparse import csc_array, diags_array
from scipy.sparse.linalg import spsolve

import classmat as cm
from classmat.laplacians.knn import knn_laplacian
from classmat.matting.knn import knn_layers, knn_matting, knn_matting_with_prior

RANDOM = np.random.default_rng(0).random((16, 16, 3))
STRIPES = np.repeat(np.array([0, 128, 128, 255], np.uint8), 4) * np.ones((16, 1), np.uint8)
OPTIONS = [{}, {"kernel": "paper", "colour_space": "hsv"}, {"n_neighbors": (6,), "distance_weights": (0.5,)}]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_equals_naive_twin(options):
    alpha = knn_matting(RANDOM, STRIPES, rtol=1e-12, **options)
    assert np.abs(alpha - naive_knn.knn_matting(RANDOM, STRIPES, **options)).max() < 1e-9


@pytest.mark.parametrize(("rtol", "error"), [(1e-12, 1e-8), (None, 1e-4)])
@pytest.mark.parametrize("name", ["hair", "disc"])
def test_equals_a_direct_solve(name, rtol, error):
    scene = getattr(cm.gallery, name)(50, 60, seed=3)
    alpha, info = knn_matting(scene.image, scene.trimap, rtol=rtol, return_info=True)
    is_unknown = scene.trimap.ravel() == 128
    L = csc_array(knn_laplacian(scene.image, mask=scene.trimap == 128))[is_unknown]
    exact = spsolve(L[:, is_unknown], -(L @ (scene.trimap.ravel() == 255).astype(float)))
    assert info.converged
    assert np.abs(alpha.ravel()[is_unknown] - exact).max() < error


def test_known_pixels_are_kept_and_info_fits():
    scene = cm.gallery.disc(40, 50)
    alpha, info = knn_matting(scene.image, scene.trimap, return_info=True)
    assert (alpha[scene.trimap == 255] == 1).all()
    assert (alpha[scene.trimap == 0] == 0).all()
    assert info.x.shape == ((scene.trimap == 128).sum(),)
    assert info.x.min() > -1e-5
    assert info.x.max() < 1 + 1e-5


def test_complement_and_mirror():
    alpha = knn_matting(RANDOM, STRIPES, rtol=1e-12)
    swapped = np.array([255, 128, 0], np.uint8)[STRIPES // 127]
    assert np.abs(knn_matting(RANDOM, swapped, rtol=1e-12) + alpha - 1).max() < 1e-9
    mirrored = knn_matting(RANDOM[:, ::-1], STRIPES[:, ::-1], rtol=1e-12)
    assert np.abs(mirrored[:, ::-1] - alpha).max() < 1e-9


@pytest.mark.parametrize("colour_space", ["rgb", "hsv"])
def test_finds_what_has_the_colour_of_the_foreground_however_far_away(colour_space):
    """Noise of two colours: where it is unknown, alpha follows the colour, not the place."""
    is_red = np.random.default_rng(1).random((40, 40)) < 0.5
    image = np.where(is_red[:, :, np.newaxis], [0.9, 0.2, 0.1], [0.1, 0.3, 0.8])
    trimap = np.where(is_red, 255, 0).astype(np.uint8)
    trimap[:, 10:] = 128
    alpha = knn_matting(image, trimap, colour_space=colour_space)
    assert np.abs(alpha - is_red).max() < 1e-3


def test_what_is_like_nothing_known_gets_a_matte_too():
    """A red and a green block of unknown pixels, each linked to itself alone, between black and white."""
    image, trimap = np.zeros((30, 30, 3)), np.full((30, 30), 0, np.uint8)
    image[:, 15:], trimap[:, 15:] = 1, 255
    image[5:15, 2:12], image[15:25, 18:28] = (1, 0.0, 0), (0, 1, 0)
    trimap[5:15, 2:12] = trimap[15:25, 18:28] = 128
    alpha, info = knn_matting(image, trimap, distance_weights=(0.1, 0.1), return_info=True)
    assert info.converged
    assert np.isfinite(alpha).all()
    assert (np.ptp(alpha[5:15, 2:12]) < 1e-4) | ((alpha >= 0) & (alpha <= 1)).all()
    prior = knn_matting_with_prior(image, trimap / 255, trimap != 128, distance_weights=(0.1, 0.1))
    assert np.isfinite(prior).all()


def test_prior_equals_a_direct_solve():
    scene = cm.gallery.hair(40, 50)
    confidence = np.where(scene.trimap == 128, 1e-6, 1.0)
    alpha, info = knn_matting_with_prior(scene.image, scene.alpha > 0.5, confidence, lam=10.0, return_info=True)
    A = knn_laplacian(scene.image) + diags_array(10 * confidence.ravel(), format="csr")
    exact = spsolve(csc_array(A), 10 * confidence.ravel() * (scene.alpha > 0.5).ravel())
    assert info.converged
    assert np.abs(alpha.ravel() - exact.clip(0, 1)).max() < 1e-4


@pytest.mark.parametrize("lam", [1e4, 1e8, 1e12])
def test_a_strong_prior_is_a_trimap(lam):
    scene = cm.gallery.hair(40, 50)
    certain = scene.trimap != 128
    hard, _ = knn_matting(scene.image, scene.trimap, return_info=True, rtol=1e-10)
    soft, info = knn_matting_with_prior(scene.image, scene.trimap / 255, certain, lam=lam, return_info=True)
    assert info.converged
    assert abs(soft[certain] - scene.trimap[certain] / 255).max() < 100 / lam
    if lam > 1e6:  # known pixels choose too, other than with a trimap: the mattes are alike, no more
        assert abs(soft - hard).mean() < 0.05
    A_rows = cm.knn_laplacian(scene.image)
    residual = (A_rows @ info.x)[~certain.ravel()]
    assert np.abs(residual).max() < 1e-4


def test_layers_of_a_solve_that_stopped_early_are_numbers():
    scene = cm.gallery.disc(24, 32)
    labels = np.where(scene.trimap == 255, 1, np.where(scene.trimap == 0, 2, 0))
    mattes = knn_layers(scene.image, labels, rtol=0.5)
    np.testing.assert_allclose(mattes.sum(axis=2), 1)


def test_prior_minimises_its_energy():
    rng = np.random.default_rng(0)
    prior, confidence = rng.random((16, 16)), rng.random((16, 16))
    L = knn_laplacian(RANDOM, kernel="paper")
    _, info = knn_matting_with_prior(
        RANDOM, prior, confidence, lam=3.0, kernel="paper", rtol=1e-12, return_info=True
    )

    def energy(alpha):
        return alpha @ (L @ alpha) + 3.0 * (confidence.ravel() * (alpha - prior.ravel()) ** 2).sum()

    least = energy(info.x)
    for _ in range(20):
        assert energy(info.x + 1e-3 * rng.normal(size=256)) > least


def test_two_layers_are_a_matte_and_its_complement():
    mattes = knn_layers(RANDOM, np.array([1, 0, 2])[STRIPES // 127], rtol=1e-12)
    alpha = knn_matting(RANDOM, STRIPES, rtol=1e-12)
    assert np.abs(mattes - np.stack([1 - alpha, alpha], axis=2)).max() < 1e-9


@settings(max_examples=20)
@given(seed=st.integers(0, 99), count=st.integers(1, 5))
def test_layers_sum_to_one(seed, count):
    rng = np.random.default_rng(seed)
    labels = np.where(rng.random((12, 13)) < 0.3, rng.integers(1, count + 1, (12, 13)), 0)
    labels.flat[:count] = np.arange(1, count + 1)
    mattes = knn_layers(rng.random((12, 13)), labels)
    assert mattes.shape == (12, 13, count)
    assert mattes.min() >= 0
    np.testing.assert_allclose(mattes.sum(axis=2), 1, atol=1e-12)
    for i in range(count):
        assert (mattes[labels == i + 1, i] == 1).all()


def test_layers_without_unknown_pixels():
    labels = np.array([[1, 2], [3, 1]])
    mattes = knn_layers(np.zeros((2, 2)), labels)
    np.testing.assert_array_equal(mattes.argmax(axis=2) + 1, labels)


def test_no_unknown_pixels():
    trimap = np.array([[0, 255, 0]], np.uint8)
    alpha, info = knn_matting(np.zeros((1, 3)), trimap, return_info=True)
    assert (alpha == (trimap == 255)).all()
    assert info.converged


def test_warm_start_and_callback():
    scene, seen = cm.gallery.hair(60, 80), []
    alpha, cold = knn_matting(scene.image, scene.trimap, return_info=True, callback=lambda i, r: seen.append(i))
    assert seen == list(range(1, cold.iterations + 1))
    _, warm = knn_matting(scene.image, scene.trimap, return_info=True, x0=alpha, rtol=1e-5)
    assert warm.iterations < cold.iterations


def test_is_a_method():
    assert cm.METHODS["knn"] is knn_matting


ANY_IMAGE = st.tuples(st.integers(1, 7), st.integers(1, 7)).flatmap(
    lambda size: st.one_of(
        hnp.arrays(np.uint8, (*size, 3)),
        hnp.arrays(np.uint16, size),
        hnp.arrays(np.float32, (*size, 3), elements=st.floats(0, 1, width=32)),
        hnp.arrays(np.float64, (*size, 3), elements=st.floats(0, 1) | st.sampled_from([np.nan, -3.0, 255.0])),
    )
)


@given(image=ANY_IMAGE, seed=st.integers(0, 999), share=st.floats(0, 1), options=st.sampled_from(OPTIONS))
def test_any_draw_gives_a_finite_matte_or_a_documented_error(image, seed, share, options):
    rng = np.random.default_rng(seed)
    size = image.shape[:2]
    trimap = np.array([0, 128, 255], np.uint8)[rng.choice(3, size, p=[(1 - share) / 2, share, (1 - share) / 2])]
    try:
        alpha = knn_matting(image, trimap, **options)
    except ValueError as error:
        assert any(word in str(error) for word in ("image", "trimap"))  # noqa: PT017
        bad_image = image.dtype.kind == "f" and not ((image >= -1e-3) & (image <= 1 + 1e-3)).all()
        assert bad_image or not ((trimap == 0).any() and (trimap == 255).any())
    else:
        assert np.isfinite(alpha).all()
        assert alpha.min() >= 0
        assert alpha.max() <= 1
        assert (alpha[trimap == 0] == 0).all()
        assert (alpha[trimap == 255] == 1).all()


TRIMAP = np.array([[0, 128, 255]] * 3, np.uint8)
IMAGE = np.zeros((3, 3, 3))


@pytest.mark.parametrize(
    "bad", [{"x0": "abc"}, {"rtol": np.nan}, {"kernel": 3}, {"n_neighbors": 3}, {"callback": 3}]
)
def test_bad_options_are_found_even_where_nothing_is_to_be_solved(bad):
    with pytest.raises((TypeError, ValueError), match=f"^{next(iter(bad))} is "):
        knn_matting(np.zeros((1, 2)), np.array([[0, 255]], np.uint8), **bad)


@pytest.mark.parametrize(
    ("image", "trimap", "error", "words"),
    [
        (IMAGE, TRIMAP[:2], ValueError, "image is 3x3 but trimap is 2x3"),
        (IMAGE, np.minimum(TRIMAP, 128), ValueError, "no foreground"),
        (IMAGE * np.nan, TRIMAP, ValueError, "NaN or infinite"),
        ("photo.png", TRIMAP, TypeError, "image is a str"),
    ],
)
def test_bad_input(image, trimap, error, words):
    with pytest.raises(error, match=words):
        knn_matting(image, trimap)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"confidence": np.zeros((3, 3))}, "confidence is 0 everywhere"),
        ({"confidence": -np.ones((3, 3))}, "confidence has values in"),
        ({"prior": np.full((3, 3), 2.0)}, "prior is float with values in"),
        ({"lam": 0}, "lam is 0"),
        ({"x0": np.zeros((2, 2))}, "x0 is 2x2"),
    ],
)
def test_bad_prior(change, words):
    arguments = {"image": IMAGE, "prior": np.zeros((3, 3)), "confidence": np.ones((3, 3))} | change
    with pytest.raises(ValueError, match=words):
        knn_matting_with_prior(**arguments)


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (np.zeros((3, 3)), "labels has no pixel of any layer"),
        (np.full((3, 3), 2), "labels has no pixel of layer 1"),
        (np.full((3, 3), 0.5), "labels has values that are not whole"),
        (np.full((3, 3), -1), "labels has values in"),
        (np.ones((2, 3)), "image is 3x3 but labels is 2x3"),
    ],
)
def test_bad_labels(labels, words):
    with pytest.raises(ValueError, match=words):
        knn_layers(IMAGE, labels)
