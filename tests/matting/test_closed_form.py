"""Closed-form matting: against direct solves, its laws, and whatever users hand in."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.sparse import csc_array, diags_array
from scipy.sparse.linalg import spsolve

import classmat as cm

SCENES = ("two_colours", "disc", "wedge", "checker", "hair", "portrait")


def direct(image, trimap, radius=1):
    """Solve L_UU x = -L_UK x_K by a sparse factorisation of its own."""
    L = csc_array(cm.closed_form_laplacian(image, radius=radius))
    unknown = trimap.ravel() == 128
    alpha = (trimap.ravel() == 255).astype(float)
    alpha[unknown] = spsolve(L[unknown][:, unknown], -(L[unknown] @ alpha))
    return alpha.reshape(trimap.shape).clip(0, 1)


@pytest.fixture
def few(monkeypatch):
    """Take every system for a large one."""
    monkeypatch.setattr("classmat.laplacians.closed_form.FEW", 0)


@pytest.mark.parametrize("name", SCENES)
def test_equals_a_direct_solve(name):
    scene = getattr(cm.gallery, name)(90, 120, seed=3)
    alpha, info = cm.closed_form_matting(scene.image, scene.trimap, return_info=True)
    assert info.method == "direct"
    assert np.abs(alpha - direct(scene.image, scene.trimap)).max() < 1e-5


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize(("rtol", "error"), [(1e-10, 1e-5), (None, 1e-4)])
@pytest.mark.parametrize("name", SCENES)
def test_multigrid_equals_a_direct_solve(name, rtol, error):
    scene = getattr(cm.gallery, name)(90, 120, seed=3)
    alpha, info = cm.closed_form_matting(scene.image, scene.trimap, rtol=rtol, return_info=True)
    assert info.method == "multigrid"
    assert info.converged
    assert np.abs(alpha - direct(scene.image, scene.trimap)).max() < error


def test_a_large_system_takes_the_multigrid_by_itself():
    """The default, with nothing patched, on more unknown pixels than are ever factorised."""
    scene = cm.gallery.portrait(400, 300, seed=3)
    trimap = np.where(scene.trimap == 128, 128, np.where(np.arange(300) % 20 < 12, 128, scene.trimap)).astype(
        np.uint8
    )
    alpha, info = cm.closed_form_matting(scene.image, trimap, return_info=True)
    assert info.method == "multigrid"
    assert np.abs(alpha - direct(scene.image, trimap)).max() < 1e-4


def test_other_radii_take_the_algebraic_multigrid(monkeypatch):
    monkeypatch.setattr("classmat.solvers.choose.DIRECT_LIMIT", 0)
    scene = cm.gallery.hair(40, 50)
    alpha, info = cm.closed_form_matting(scene.image, scene.trimap, radius=2, rtol=1e-10, return_info=True)
    assert info.method == "algebraic"
    assert np.abs(alpha - direct(scene.image, scene.trimap, radius=2)).max() < 1e-5


@pytest.mark.parametrize("name", ["disc", "wedge"])
def test_finds_the_exact_matte_where_the_model_holds(name):
    """Two constant colours and a noiseless edge: alpha is affine in colour everywhere."""
    scene = getattr(cm.gallery, name)(60, 80)
    foreground, background = np.array([0.9, 0.6, 0.2]), np.array([0.1, 0.3, 0.5])
    alpha = scene.alpha[:, :, None].astype(float)
    matte = cm.closed_form_matting(alpha * foreground + (1 - alpha) * background, scene.trimap, eps=1e-9)
    assert np.abs(matte - scene.alpha).max() < 1e-3


@pytest.mark.parametrize("bad", [{"x0": "abc"}, {"rtol": np.nan}, {"eps": 0}, {"radius": 0}, {"callback": 3}])
def test_bad_options_are_found_even_where_nothing_is_to_be_solved(bad):
    trimap = np.array([[0, 255]], np.uint8)
    with pytest.raises((TypeError, ValueError), match=f"^{next(iter(bad))} is "):
        cm.closed_form_matting(np.zeros((1, 2)), trimap, **bad)


def test_known_pixels_are_kept_and_info_fits():
    scene = cm.gallery.disc(40, 50)
    alpha, info = cm.closed_form_matting(scene.image, scene.trimap, return_info=True)
    assert alpha.dtype == np.float64
    assert (alpha[scene.trimap == 255] == 1).all()
    assert (alpha[scene.trimap == 0] == 0).all()
    assert info.converged
    assert info.x.shape == ((scene.trimap == 128).sum(),)


def test_complement_and_mirror():
    """Swapping foreground and background complements the matte; mirroring the input mirrors it."""
    scene = cm.gallery.hair(40, 50)
    alpha = cm.closed_form_matting(scene.image, scene.trimap)
    swapped = scene.trimap.copy()
    swapped[scene.trimap == 0], swapped[scene.trimap == 255] = 255, 0
    # At eps 1e-7 an entry of the matrix moves by rounding / eps when sums change their order.
    assert np.abs(cm.closed_form_matting(scene.image, swapped) + alpha - 1).max() < 1e-6
    mirrored = cm.closed_form_matting(scene.image[:, ::-1], scene.trimap[:, ::-1])
    assert np.abs(mirrored[:, ::-1] - alpha).max() < 1e-6


@pytest.mark.parametrize("radius", [1, 2, 3])
def test_radius(radius):
    scene = cm.gallery.disc(30, 40)
    alpha = cm.closed_form_matting(scene.image, scene.trimap, radius=radius)
    assert np.abs(alpha - scene.alpha).mean() < 0.02


@pytest.mark.usefixtures("few")
def test_a_soft_prior_by_multigrid_equals_a_direct_solve():
    scene = cm.gallery.hair(60, 80)
    confidence = np.where(scene.trimap == 128, 1e-6, 1.0)
    alpha, info = cm.matting_with_prior(scene.image, scene.alpha > 0.5, confidence, return_info=True)
    assert info.method == "multigrid"
    A = cm.closed_form_laplacian(scene.image) + diags_array(100 * confidence.ravel(), format="csr")
    exact = spsolve(csc_array(A), 100 * confidence.ravel() * (scene.alpha > 0.5).ravel())
    assert np.abs(alpha - exact.reshape(60, 80).clip(0, 1)).max() < 1e-4


def test_no_unknown_pixels():
    trimap = np.zeros((5, 6), np.uint8)
    trimap[:, 3:] = 255
    alpha, info = cm.closed_form_matting(np.zeros((5, 6, 3)), trimap, return_info=True)
    assert (alpha == (trimap == 255)).all()
    assert info.converged
    assert info.iterations == 0


@pytest.mark.usefixtures("few")
def test_warm_start_and_callback():
    scene = cm.gallery.hair(60, 80)
    seen = []
    alpha, cold = cm.closed_form_matting(
        scene.image, scene.trimap, return_info=True, callback=lambda i, r: seen.append(i)
    )
    assert seen == list(range(1, cold.iterations + 1))
    _, warm = cm.closed_form_matting(scene.image, scene.trimap, return_info=True, x0=alpha, rtol=1e-5)
    assert warm.iterations < cold.iterations


def test_prior_with_confidence_one_approaches_the_trimap_matte():
    scene = cm.gallery.disc(40, 50)
    hard = cm.closed_form_matting(scene.image, scene.trimap)
    known = scene.trimap != 128
    soft, info = cm.matting_with_prior(
        scene.image, scene.trimap / 255, known.astype(float), lam=1e6, return_info=True
    )
    assert info.converged
    assert np.abs(hard - soft).max() < 1e-3


def test_prior_minimises_its_energy():
    rng = np.random.default_rng(0)
    image, prior, confidence = rng.random((9, 11, 3)), rng.random((9, 11)), rng.random((9, 11))
    L = cm.closed_form_laplacian(image, eps=1e-5)
    _, info = cm.matting_with_prior(image, prior, confidence, lam=3.0, eps=1e-5, return_info=True)

    def energy(alpha):
        return alpha @ (L @ alpha) + 3.0 * (confidence.ravel() * (alpha - prior.ravel()) ** 2).sum()

    least = energy(info.x)
    for _ in range(20):
        assert energy(info.x + 1e-4 * rng.normal(size=99)) > least


def test_scribbles():
    scene = cm.gallery.two_colours(40, 60)
    confidence = np.zeros((40, 60))
    sure = np.abs(scene.alpha - 0.5) == 0.5
    confidence[::9, ::7] = sure[::9, ::7]
    alpha = cm.matting_with_prior(scene.image, scene.alpha, confidence)
    assert np.abs(alpha - scene.alpha).mean() < 0.05


ANY_IMAGE = st.tuples(st.integers(1, 7), st.integers(1, 7)).flatmap(
    lambda size: st.one_of(
        hnp.arrays(np.uint8, (*size, 3)),
        hnp.arrays(np.uint16, size),
        hnp.arrays(np.float32, (*size, 3), elements=st.floats(0, 1, width=32)),
        hnp.arrays(
            np.float64, (*size, 3), elements=st.floats(0, 1) | st.sampled_from([np.nan, np.inf, -3.0, 255.0])
        ),
    )
)


@given(image=ANY_IMAGE, seed=st.integers(0, 999), step=st.sampled_from([1, -1]), share=st.floats(0, 1))
def test_any_draw_gives_a_finite_matte_or_a_documented_error(image, seed, step, share):
    rng = np.random.default_rng(seed)
    image = image[::step, ::step]
    labels = np.array([0, 128, 255], np.uint8)
    h, w = image.shape[:2]
    size = (h, w) if seed % 10 else (h + 1, w)
    trimap = labels[rng.choice(3, size, p=[(1 - share) / 2, share, (1 - share) / 2])]
    before = image.copy(), trimap.copy()
    try:
        alpha = cm.closed_form_matting(image, trimap)
    except ValueError as error:
        assert any(word in str(error) for word in ("image", "trimap"))  # noqa: PT017
        bad_image = image.dtype.kind == "f" and not ((image >= -1e-3) & (image <= 1 + 1e-3)).all()
        assert bad_image or size != (h, w) or not ((trimap == 0).any() and (trimap == 255).any())
    else:
        assert np.isfinite(alpha).all()
        assert alpha.min() >= 0
        assert alpha.max() <= 1
        assert (alpha[trimap == 0] == 0).all()
        assert (alpha[trimap == 255] == 1).all()
    np.testing.assert_array_equal(image, before[0])
    np.testing.assert_array_equal(trimap, before[1])


@pytest.mark.parametrize("shape", [(1, 9), (9, 1), (2, 9), (2, 2), (1, 3)])
def test_thin_images(shape):
    image = np.linspace(0, 1, shape[0] * shape[1]).reshape(shape)
    trimap = np.full(shape, 128, np.uint8)
    trimap.flat[0], trimap.flat[-1] = 0, 255
    alpha = cm.closed_form_matting(image, trimap, eps=1e-9)
    assert np.abs(alpha - image).max() < 1e-3  # a ramp is affine in itself


TRIMAP = np.array([[0, 128, 255]] * 3, np.uint8)
IMAGE = np.zeros((3, 3, 3))


@pytest.mark.parametrize(
    ("image", "trimap", "error", "words"),
    [
        (IMAGE, TRIMAP[:2], ValueError, "image is 3x3 but trimap is 2x3"),
        (IMAGE, np.minimum(TRIMAP, 128), ValueError, "no foreground"),
        (IMAGE, np.maximum(TRIMAP, 128), ValueError, "no background"),
        (IMAGE, np.full((3, 3), 128, np.uint8), ValueError, "no foreground"),
        (IMAGE * np.nan, TRIMAP, ValueError, "NaN or infinite"),
        (IMAGE + 200.0, TRIMAP, ValueError, r"accepted is \[0, 1\]"),
        (np.zeros((0, 3, 3)), TRIMAP, ValueError, "image is empty"),
        (np.zeros((3, 3, 5)), TRIMAP, ValueError, "image has shape"),
        (np.zeros((3, 3, 3), int), TRIMAP, TypeError, "image has dtype int64"),
        ("photo.png", TRIMAP, TypeError, "image is a str"),
        (IMAGE, None, TypeError, "trimap is a NoneType"),
        (IMAGE, TRIMAP[:, :, None], ValueError, "trimap has shape"),
    ],
)
def test_bad_input(image, trimap, error, words):
    with pytest.raises(error, match=words):
        cm.closed_form_matting(image, trimap)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"confidence": np.zeros((3, 3))}, "confidence is 0 everywhere"),
        ({"confidence": -np.ones((3, 3))}, "confidence has values in"),
        ({"confidence": np.ones((2, 3))}, "image is 3x3 but confidence is 2x3"),
        ({"prior": np.full((3, 3), 2.0)}, "prior is float with values in"),
        ({"lam": 0}, "lam is 0"),
        ({"x0": np.zeros((2, 2))}, "x0 is 2x2"),
        ({"eps": 0}, "eps is 0"),
    ],
)
def test_bad_prior(change, words):
    arguments = {"image": IMAGE, "prior": np.zeros((3, 3)), "confidence": np.ones((3, 3))} | change
    with pytest.raises(ValueError, match=words):
        cm.matting_with_prior(**arguments)


def test_rgba_is_accepted_with_a_warning():
    rgba = np.random.default_rng(0).random((3, 3, 4))
    with pytest.warns(UserWarning, match="alpha channel, which is ignored"):
        alpha = cm.closed_form_matting(rgba, TRIMAP)
    np.testing.assert_array_equal(alpha, cm.closed_form_matting(rgba[:, :, :3], TRIMAP))
