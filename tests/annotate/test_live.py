"""The live re-solve: laws against dense and whole solves."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse.linalg import spsolve

import classmat as cm
from classmat.annotate import live as module
from classmat.annotate.box import Box
from classmat.annotate.live import LiveMatte
from classmat.annotate.window import FADING

SCENES = {
    "disc": cm.gallery.disc(70, 90, seed=2),
    "hair": cm.gallery.hair(120, 140, seed=1, strands=60),
}


def closed_form(scene, trimap=None):
    return cm.closed_form_matting(scene.image, scene.trimap if trimap is None else trimap)


def stroke_near_edge(scene, size=9):
    """A small square in the unknown band, and the label that is true of it."""
    ys, xs = np.nonzero(scene.trimap == 128)
    middle = len(ys) // 3
    box = Box(int(ys[middle]), int(xs[middle]), int(ys[middle]) + size, int(xs[middle]) + size)
    label = 255 if scene.alpha[box.slices].mean() > 0.5 else 0
    return box, np.full(box.shape, label, np.uint8)


def painted(trimap, box, labels):
    result = trimap.copy()
    result[box.slices] = labels
    return result


def restricted(image, trimap, alpha, window):
    """The whole Laplacian, everything held but the unknown pixels of a window."""
    L = cm.closed_form_laplacian(image).tocsr()
    inside = np.zeros(trimap.shape, bool)
    inside[window.slices] = True
    unknown = np.flatnonzero((trimap == 128) & inside)
    held = alpha.ravel().copy()
    held[unknown] = 0
    held[unknown] = spsolve(L[unknown][:, unknown].tocsc(), -(L[unknown] @ held))
    return held.reshape(trimap.shape).clip(0, 1)


@pytest.mark.parametrize("name", SCENES)
@pytest.mark.parametrize("margin", [4, 16])
def test_a_stroke_equals_the_whole_system_restricted_to_its_window(name, margin, monkeypatch):
    monkeypatch.setattr(module, "MARGIN", margin)
    scene = SCENES[name]
    box, labels = stroke_near_edge(scene)
    start = closed_form(scene)
    live = LiveMatte(scene.image, scene.trimap, start, exact=True)
    patch = live.paint(box, labels)
    trimap = painted(scene.trimap, box, labels)
    held = np.where(live.trimap != scene.trimap, trimap / 255, start)
    expected = restricted(live.image, trimap, held, patch.box)
    assert abs(live.alpha - expected).max() < 1e-4
    assert patch.box == Box.around(live.trimap != scene.trimap).grown(margin, scene.trimap.shape)


@pytest.mark.parametrize("name", SCENES)
def test_a_window_of_the_whole_image_is_closed_form_matting(name, monkeypatch):
    monkeypatch.setattr(module, "MARGIN", 1000)
    scene = SCENES[name]
    box, labels = stroke_near_edge(scene)
    live = LiveMatte(scene.image, scene.trimap, closed_form(scene), exact=True)
    assert live.paint(box, labels).settled
    assert abs(live.alpha - closed_form(scene, live.trimap)).max() < 1e-4


def test_with_the_true_matte_outside_the_window_the_stroke_gives_the_true_matte_inside(monkeypatch):
    """What is outside is that of a whole solve with the new trimap: so is then what comes out, window or not."""
    monkeypatch.setattr(module, "MARGIN", 12)
    scene = cm.gallery.two_colours(60, 90, seed=1)
    box, labels = stroke_near_edge(scene, 5)
    whole = closed_form(scene, painted(scene.trimap, box, labels))
    start = whole.copy()
    start[box.slices] = 0.3
    live = LiveMatte(scene.image, scene.trimap, start, exact=True)
    live.paint(box, labels)
    assert abs(live.alpha - whole).max() < 2e-3  # clipped mattes are held, and what they were clipped from is not


@pytest.mark.parametrize("exact", [True, False])
def test_nothing_moves_outside_of_the_window(exact, monkeypatch):
    monkeypatch.setattr(module, "MARGIN", 6)
    scene = SCENES["hair"]
    box, labels = stroke_near_edge(scene)
    live = LiveMatte(scene.image, scene.trimap, closed_form(scene), exact=exact)
    before = live.alpha.copy()
    patch = live.paint(box, labels)
    outside = np.ones(before.shape, bool)
    outside[patch.box.slices] = False
    assert np.array_equal(live.alpha[outside], before[outside])
    assert np.array_equal(live.alpha[patch.box.slices], patch.alpha)


@pytest.mark.parametrize("name", SCENES)
def test_settling_ends_at_the_whole_solution(name, monkeypatch):
    monkeypatch.setattr(module, "MARGIN", 3)
    scene = SCENES[name]
    box, labels = stroke_near_edge(scene)
    live = LiveMatte(scene.image, scene.trimap, closed_form(scene), exact=True)
    first = live.paint(box, labels)
    sizes = [np.prod(first.box.shape)]
    while (patch := live.settle()) is not None:
        sizes.append(np.prod(patch.box.shape))
    assert abs(live.alpha - closed_form(scene, live.trimap)).max() < 2 * module.SETTLED
    assert len(sizes) > 1
    assert sizes == sorted(sizes)


@given(dy=st.integers(-8, 8), dx=st.integers(-8, 8), label=st.sampled_from([0, 128, 255]), exact=st.booleans())
def test_a_stroke_holds_what_it_marks_and_undo_restores_every_bit(dy, dx, label, exact):
    scene = SCENES["disc"]
    box = Box(30 + dy, 22 + dx, 36 + dy, 30 + dx)
    live = LiveMatte(scene.image, scene.trimap, closed_form(scene), exact=exact)
    trimap, alpha = live.trimap.copy(), live.alpha.copy()
    live.paint(box, np.full(box.shape, label, np.uint8))
    if label != 128:
        assert (live.alpha[box.slices] == (label == 255)).all()
    assert np.isfinite(live.alpha).all()
    assert live.alpha.min() >= 0
    assert live.alpha.max() <= 1
    while live.undo() is not None:
        pass
    assert np.array_equal(live.trimap, trimap)
    assert np.array_equal(live.alpha, alpha)


def test_another_methods_matte_stays_where_the_stroke_has_no_say(monkeypatch):
    monkeypatch.setattr(module, "MARGIN", 1000)
    scene = SCENES["hair"]
    knn = cm.knn_matting(scene.image, scene.trimap)
    box, labels = stroke_near_edge(scene)
    kept, replaced = (LiveMatte(scene.image, scene.trimap, knn, exact=exact) for exact in (False, True))
    for live in (kept, replaced):
        live.paint(box, labels)
    far = np.ones(knn.shape, bool)
    far[box.grown(30, knn.shape).slices] = False
    assert abs(kept.alpha - knn)[far].max() < 0.02
    assert abs(replaced.alpha - knn)[far].max() > 0.1
    assert (kept.alpha[box.slices] == labels / 255).all()


def test_a_stroke_back_and_forth_leaves_another_methods_matte():
    """From unknown to foreground and back: the band there is closed form's, the rest returns to what it was."""
    scene = SCENES["disc"]
    knn = cm.knn_matting(scene.image, scene.trimap)
    live = LiveMatte(scene.image, scene.trimap, knn)
    box, _ = stroke_near_edge(scene, 4)
    former = scene.trimap[box.slices].copy()
    same = live.paint(box, former)
    assert same.settled
    assert np.array_equal(live.alpha, knn)
    assert live.undo() is None


def test_a_kept_matte_solves_its_own_equation(monkeypatch):
    """``L (x - former) + c (x - former) = 0`` where it is kept, ``L x = 0`` at new unknowns: SciPy, whole Laplacian."""
    monkeypatch.setattr(module, "MARGIN", 1000)
    scene = SCENES["hair"]
    knn = cm.knn_matting(scene.image, scene.trimap)
    box = Box(40, 50, 60, 75)
    labels = np.full(box.shape, 128, np.uint8)
    labels[:6, :6] = 255
    live = LiveMatte(scene.image, scene.trimap, knn)
    live.paint(box, labels)
    L = cm.closed_form_laplacian(live.image).tocsr()
    unknown = np.flatnonzero(live.trimap == 128)
    kept = (scene.trimap == 128).ravel()[unknown]
    assert kept.any()
    assert (~kept).any()
    held = np.where((live.trimap == 255) & (scene.trimap != 255), 1.0, knn).ravel()
    held[unknown] = 0
    A = L[unknown][:, unknown].tocsc()
    A.setdiag(A.diagonal() + FADING * kept)
    right = -L[unknown] @ held + kept * (L[unknown] @ knn.ravel() + FADING * knn.ravel()[unknown])
    expected = spsolve(A, right).clip(0, 1)
    assert abs(live.alpha.ravel()[unknown] - expected).max() < 1e-3


@pytest.mark.parametrize("method", ["guided", "prior"])
def test_a_brush_refines_where_it_went_and_nowhere_else(method):
    scene = SCENES["disc"]
    blurred = cm.gaussian_blur(scene.alpha, 2.5).clip(0, 1)
    live = LiveMatte(scene.image, scene.trimap, blurred)
    box = Box(5, 10, 65, 45)
    brush = np.zeros(box.shape)
    brush[10:50, 5:30] = 1
    live.refine(box, brush, method=method, detail=0.8)
    touched = np.zeros(blurred.shape, bool)
    touched[15:55, 15:40] = True
    assert np.array_equal(live.alpha[~touched], blurred[~touched])
    error, before = (abs(alpha - scene.alpha)[touched].mean() for alpha in (live.alpha, blurred))
    assert error < 0.95 * before
    live.undo()
    assert np.array_equal(live.alpha, blurred)


def test_the_guided_brush_is_the_guided_filter():
    scene = SCENES["hair"]
    live = LiveMatte(scene.image, scene.trimap, scene.alpha)
    box = Box(20, 30, 60, 80)
    live.refine(box, np.ones(box.shape), method="guided", detail=0.5)
    whole = cm.guided_filter(live.image.astype(float), np.asarray(scene.alpha, float), 5, 10**-4.5).clip(0, 1)
    assert abs(live.alpha - whole)[box.slices].max() < 1e-5


def test_the_prior_brush_solves_its_own_equation():
    """``L x + c (x - prior) = 0`` under the brush, the rest held: with SciPy on the whole Laplacian."""
    scene = SCENES["hair"]
    prior = cm.gaussian_blur(np.asarray(scene.alpha, float), 2.0).clip(0, 1)
    live = LiveMatte(scene.image, scene.trimap, prior)
    box = Box(30, 30, 75, 75)
    live.refine(box, np.ones(box.shape), method="prior", detail=0.5)
    L = cm.closed_form_laplacian(live.image).tocsr()
    under = np.zeros(prior.shape, bool)
    under[box.slices] = True
    unknown, held = np.flatnonzero(under), np.where(under, 0, prior).ravel()
    pull = 10**-0.5 * np.maximum((2 * prior.ravel()[unknown] - 1) ** 2, module.LEAST)
    A = L[unknown][:, unknown].tocsc()
    A.setdiag(A.diagonal() + pull)
    x = spsolve(A, pull * prior.ravel()[unknown] - L[unknown] @ held)
    assert abs(live.alpha[under] - x.clip(0, 1)).max() < 1e-4


def test_after_a_refinement_a_stroke_keeps_it():
    scene = SCENES["disc"]
    live = LiveMatte(scene.image, scene.trimap, closed_form(scene), exact=True)
    live.refine((30, 20, 40, 30), np.ones((10, 10)), method="guided", detail=0)
    refined = live.alpha[30:40, 20:30].copy()
    live.paint((10, 60, 14, 64), np.full((4, 4), 255 * (scene.alpha[12, 62] > 0.5), np.uint8))
    assert abs(live.alpha[30:40, 20:30] - refined).max() < 0.02
    live.solve()
    assert abs(live.alpha - closed_form(scene, live.trimap)).max() < 1e-4


def test_thin_images():
    image = np.linspace(0, 1, 40).reshape(1, 40)
    trimap = np.where(image < 0.2, 0, np.where(image > 0.8, 255, 128)).astype(np.uint8)
    live = LiveMatte(image, trimap, cm.closed_form_matting(image, trimap), exact=True)
    live.paint((0, 16, 1, 18), [[0.0, 0.0]])
    assert abs(live.alpha - cm.closed_form_matting(image, live.trimap)).max() < 1e-4


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda live: live.paint((0, 0, 4, 400), np.zeros((4, 400))), "box is"),
        (lambda live: live.paint((0, 0, 4, 4), np.zeros((4, 5))), "trimap is 4x5 but its box is 4x4"),
        (lambda live: live.paint((0, 0, 4), np.zeros((4, 4))), "box is"),
        (lambda live: live.paint((0.5, 0, 4, 4), np.zeros((4, 4))), "box is"),
        (lambda live: live.paint((0, 0, 70, 90), np.zeros((70, 90))), "leaves no foreground"),
        (lambda live: live.paint((0, 0, 70, 90), np.ones((70, 90))), "leaves no background"),
        (lambda live: live.paint((0, 0, 2, 2), [[0, np.nan], [0, 0]]), "trimap"),
        (lambda live: live.refine((0, 0, 4, 4), np.ones((4, 5))), "brush is 4x5"),
        (lambda live: live.refine((0, 0, 4, 4), np.ones((4, 4)), method="magic"), "method is 'magic'"),
        (lambda live: live.refine((0, 0, 4, 4), np.ones((4, 4)), detail=2), "detail is 2"),
    ],
)
def test_bad_input_is_told_and_changes_nothing(call, message):
    scene = SCENES["disc"]
    live = LiveMatte(scene.image, scene.trimap, scene.alpha)
    with pytest.raises(ValueError, match=message):
        call(live)
    assert np.array_equal(live.trimap, scene.trimap)
    assert np.array_equal(live.alpha, scene.alpha)
    assert live.undo() is None


def test_sizes_must_agree():
    scene = SCENES["disc"]
    with pytest.raises(ValueError, match="image is 70x90 but alpha is 69x90"):
        LiveMatte(scene.image, scene.trimap, scene.alpha[1:])
