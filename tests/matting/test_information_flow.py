"""Information flow: every flow and the trimming against naive twins, exact scenes, laws, and bad input."""

import naive_information_flow as naive
import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import classmat as cm
from classmat.laplacians.information_flow import colour_mixture, intra_unknown, known_to_unknown
from classmat.matting.information_flow import information_flow_matting, is_transparent
from classmat.matting.trimming import trim_edges, trim_patches

FOREGROUND, BACKGROUND = np.array([0.9, 0.6, 0.2]), np.array([0.1, 0.3, 0.5])
SEEDS = range(3)


def random_scene(seed, size=(12, 12)):
    """Noise with a trimap of all three kinds."""
    rng = np.random.default_rng(seed)
    labels = rng.choice(np.array([0, 128, 128, 255], np.uint8), size)
    labels.flat[0], labels.flat[-1] = 0, 255
    return rng.random((*size, 3)), labels


def materials(seed):
    """Blocks of three materials, noisy, so that some patches resemble known ones and some do not."""
    rng = np.random.default_rng(seed)
    colours = np.array([FOREGROUND, BACKGROUND, [0.5, 0.9, 0.5]])
    image = colours[np.kron(rng.integers(0, 3, (3, 3)), np.ones((4, 4), int))]
    return (image + 0.02 * rng.normal(size=image.shape)).clip(0, 1), random_scene(seed)[1]


def two_colours(alpha):
    return alpha[..., None] * FOREGROUND + (1 - alpha[..., None]) * BACKGROUND


@pytest.mark.parametrize("seed", SEEDS)
def test_colour_mixture_equals_its_twin(seed):
    image, labels = random_scene(seed)
    rows = colour_mixture(image, labels)
    np.testing.assert_allclose(rows.toarray(), naive.colour_mixture(image, labels), atol=1e-9)


@pytest.mark.parametrize("seed", SEEDS)
def test_known_to_unknown_equals_its_twin(seed):
    image, labels = random_scene(seed)
    told = known_to_unknown(image, labels)
    np.testing.assert_allclose(told, naive.known_to_unknown(image, labels), atol=1e-9)


@pytest.mark.parametrize("seed", SEEDS)
def test_intra_unknown_equals_its_twin(seed):
    image, labels = random_scene(seed)
    L = intra_unknown(image, labels)
    np.testing.assert_allclose(L.toarray(), naive.intra_unknown(image, labels), atol=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_matte_equals_its_twin(seed):
    image, labels = random_scene(seed)
    alpha = information_flow_matting(image, labels, trim="none", transparent=False, rtol=1e-12)
    np.testing.assert_allclose(alpha, naive.matte(image, labels), atol=1e-5)


@pytest.mark.parametrize("which", ["sigma_cm", "sigma_ku", "sigma_uu"])
def test_weights_are_those_of_the_energy(which):
    image, labels = random_scene(7, (8, 9))
    for value in (0.0, 0.4):
        options = {which: value, "sigma_l": 0.3}
        alpha = information_flow_matting(image, labels, trim="none", transparent=False, rtol=1e-12, **options)
        np.testing.assert_allclose(alpha, naive.matte(image, labels, **options), atol=1e-5)


def test_with_the_multigrid_it_equals_its_twin(monkeypatch):
    monkeypatch.setattr("classmat.laplacians.closed_form.FEW", 0)
    image, labels = random_scene(1)
    alpha, info = information_flow_matting(
        image, labels, trim="none", transparent=False, rtol=1e-8, eps=1e-4, return_info=True
    )
    assert info.method == "multigrid"
    np.testing.assert_allclose(alpha, naive.matte(image, labels, eps=1e-4), atol=1e-4)


@pytest.mark.parametrize("seed", SEEDS)
def test_patch_trimming_equals_its_twin(seed):
    image, labels = materials(seed)
    trimmed = trim_patches(image, labels)
    np.testing.assert_array_equal(trimmed, naive.trim_patches(image, labels))


@pytest.mark.parametrize("seed", [0, 1])
def test_patches_are_held_or_pull(seed):
    """The least of E + P has no larger P than the least of E: whatever else happens, pulled pixels come closer."""
    image, labels = materials(seed)
    edges = trim_edges(image, labels)
    looks = trim_patches(image, edges)
    hard = information_flow_matting(image, labels, trim="hard")
    np.testing.assert_array_equal(hard[looks != 128], looks[looks != 128] / 255)
    options = {"return_info": True, "sigma_ku": 0, "rtol": 1e-10}
    solutions = [information_flow_matting(image, labels, trim=trim, **options)[1].x for trim in ("edges", "soft")]
    look = looks[edges == 128]
    assert (look != 128).any(), "a scene that tests nothing"
    before, after = (((x - look / 255)[look != 128] ** 2).sum() for x in solutions)
    assert after <= before


@pytest.mark.parametrize("seed", SEEDS)
def test_edge_trimming_is_the_paper_s_rule(seed):
    image, labels = random_scene(seed)
    image = 0.5 + 0.05 * image
    trimmed = trim_edges(image, labels)
    known = np.argwhere(labels != 128)
    for y, x in np.argwhere(labels == 128):
        apart = np.hypot(*(known - (y, x)).T)
        alike = np.sqrt(((image[tuple(known.T)] - image[y, x]) ** 2).sum(1))
        fits = (apart <= 9) & (alike <= 9 / 256 - np.ceil(apart) * (8 / 256) / 9)
        nearest = known[fits & (apart == apart[fits].min(initial=np.inf))]
        assert trimmed[y, x] in (set(labels[tuple(nearest.T)]) or {128})
    np.testing.assert_array_equal(trimmed[labels != 128], labels[labels != 128])


@given(seed=st.integers(0, 999), h=st.integers(1, 7), w=st.integers(3, 9))
@settings(max_examples=30)
def test_laws_of_the_flows(seed, h, w):
    image, labels = random_scene(seed, (h, w))
    rows = colour_mixture(image, labels)
    assert np.abs(rows.sum(1)).max(initial=0) < 1e-9
    if (labels == 128).any():
        L = intra_unknown(image, labels)
        assert np.abs((L - L.T).toarray()).max() < 1e-12
        assert np.abs(L.sum(1)).max() < 1e-12
        assert np.linalg.eigvalsh(L.toarray()).min() > -1e-9
    told = known_to_unknown(image, labels)
    assert all(part.min(initial=0) >= 0 and part.max(initial=0) <= 1 for part in told)


@given(
    seed=st.integers(0, 999),
    h=st.integers(1, 9),
    w=st.integers(2, 9),
    trim=st.sampled_from(["soft", "hard", "edges", "none"]),
)
@settings(max_examples=30)
def test_any_scene_gives_a_matte_that_keeps_the_known(seed, h, w, trim):
    image, labels = random_scene(seed, (h, w))
    alpha = information_flow_matting(image, labels, trim=trim)
    assert alpha.shape == labels.shape
    assert alpha.dtype == np.float64
    assert alpha.min() >= 0
    assert alpha.max() <= 1
    assert (alpha[labels == 0] == 0).all()
    assert (alpha[labels == 255] == 1).all()


@pytest.mark.parametrize("name", ["two_colours", "disc", "wedge"])
def test_finds_the_matte_of_constant_colours(name):
    """The local flow is exact there; the others hardly disturb it."""
    scene = getattr(cm.gallery, name)(40, 50)
    image = two_colours(scene.alpha.astype(float))
    alpha = information_flow_matting(image, scene.trimap, trim="none")
    assert np.abs(alpha - scene.alpha).max() < 0.01


@pytest.mark.parametrize("name", ["disc", "wedge"])
@pytest.mark.parametrize("trim", ["soft", "hard", "edges"])
def test_trimming_costs_no_more_than_its_threshold(name, trim):
    scene = getattr(cm.gallery, name)(40, 50)
    alpha = information_flow_matting(two_colours(scene.alpha.astype(float)), scene.trimap, trim=trim)
    assert np.abs(alpha - scene.alpha).max() < 9 / 256 / np.linalg.norm(FOREGROUND - BACKGROUND)


def test_a_transparent_foreground_is_recognised():
    """The unknown region has a colour of its own, which neither known one explains; or not."""
    trimap = np.full((30, 30), 128, np.uint8)
    trimap[:, :8], trimap[:, 22:] = 0, 255
    image = np.zeros((30, 30, 3))
    image[:, 15:] = 0.95
    assert not is_transparent(image, trimap)
    image[:, 8:22] = 0.45
    assert is_transparent(image, trimap)
    judged = information_flow_matting(image, trimap, trim="none")
    np.testing.assert_array_equal(judged, information_flow_matting(image, trimap, trim="none", sigma_ku=0))
    told = information_flow_matting(image, trimap, trim="none", transparent=False)
    assert np.abs(judged - told).max() > 1e-6


@pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="one thread only")
def test_does_not_depend_on_the_number_of_threads():
    scene = cm.gallery.hair(40, 50, seed=1)
    before = numba.get_num_threads()
    try:
        mattes = []
        for threads in (1, before):
            numba.set_num_threads(threads)
            mattes.append(information_flow_matting(scene.image, scene.trimap))
    finally:
        numba.set_num_threads(before)
    np.testing.assert_array_equal(*mattes)


def test_swapping_the_kinds_complements_the_matte():
    scene = cm.gallery.hair(40, 50)
    alpha = information_flow_matting(scene.image, scene.trimap, rtol=1e-10)
    swapped = information_flow_matting(scene.image, 255 - scene.trimap, rtol=1e-10)
    assert np.abs(alpha + swapped - 1).max() < 1e-5


def test_info_callback_and_start():
    scene = cm.gallery.hair(40, 50)
    seen = []
    alpha, cold = information_flow_matting(
        scene.image, scene.trimap, return_info=True, callback=lambda i, r: seen.append(i)
    )
    assert cold.converged
    assert seen == list(range(1, cold.iterations + 1))
    _, warm = information_flow_matting(scene.image, scene.trimap, return_info=True, x0=alpha, rtol=1e-5)
    assert warm.iterations < cold.iterations


def test_grey_images_and_bytes():
    scene = cm.gallery.disc(30, 40)
    assert np.abs(information_flow_matting(scene.alpha, scene.trimap) - scene.alpha).max() < 0.06
    image = (two_colours(scene.alpha.astype(float)) * 255).round().astype(np.uint8)
    assert np.abs(information_flow_matting(image, scene.trimap) - scene.alpha).max() < 0.06


def test_nothing_unknown_or_nothing_left_unknown():
    trimap = np.array([[0, 255]] * 3, np.uint8)
    alpha, info = information_flow_matting(np.zeros((3, 2, 3)), trimap, return_info=True)
    np.testing.assert_array_equal(alpha, trimap / 255)
    assert info.converged
    image = np.zeros((3, 3, 3))
    image[:, 2] = 1
    alpha, info = information_flow_matting(image, [[0, 0.5, 1.0]] * 3, return_info=True)
    np.testing.assert_array_equal(alpha, [[0, 0, 1]] * 3)  # the middle looks like the background
    assert (len(info.x), info.method) == (0, "none")


IMAGE, TRIMAP = np.zeros((3, 3, 3)), np.array([[0, 128, 255]] * 3, np.uint8)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"image": np.zeros((3, 2, 3))}, ValueError, "image is 3x2 but trimap is 3x3"),
        ({"image": IMAGE * np.nan}, ValueError, "NaN or infinite"),
        ({"trimap": np.zeros((3, 3), np.uint8)}, ValueError, "no foreground"),
        ({"n_neighbors": 5}, ValueError, "n_neighbors is 5"),
        ({"n_neighbors": (20, 7)}, ValueError, "n_neighbors is "),
        ({"n_neighbors": (20, 0, 5)}, ValueError, "n_neighbors is 0"),
        ({"sigma_cm": -1}, ValueError, "sigma_cm is -1"),
        ({"sigma_ku": "a"}, TypeError, "sigma_ku is 'a'"),
        ({"sigma_uu": np.inf}, ValueError, "sigma_uu is inf"),
        ({"sigma_l": 0}, ValueError, "sigma_l is 0"),
        ({"eps": 0}, ValueError, "eps is 0"),
        ({"transparent": 1}, TypeError, "transparent is 1; accepted are True and False"),
        ({"transparent": "no"}, TypeError, "transparent is 'no'"),
        ({"trim": True}, ValueError, "trim is True"),
        ({"x0": np.zeros((2, 2))}, ValueError, "x0 is 2x2"),
        ({"rtol": np.nan}, ValueError, "rtol is nan"),
        ({"callback": 3}, TypeError, "callback is a int"),
    ],
)
def test_bad_input(change, error, words):
    with pytest.raises(error, match=words):
        information_flow_matting(**({"image": IMAGE, "trimap": TRIMAP} | change))
