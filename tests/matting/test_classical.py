"""What random walk, learning-based, large-kernel and Poisson matting have in common."""

import warnings

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import classmat as cm
from classmat.matting.methods import METHODS

NAMES = ("large-kernel", "learning-based", "poisson", "random-walk")


@pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="one thread only")
@pytest.mark.parametrize("name", NAMES)
def test_the_result_does_not_depend_on_the_number_of_threads(name, monkeypatch):
    for few in ("classmat.laplacians.system.FEW", f"classmat.matting.{name.replace('-', '_')}.FEW"):
        monkeypatch.setattr(few, 0, raising=False)
    scene = cm.gallery.hair(150, 90, seed=2)
    before, mattes = numba.get_num_threads(), []
    try:
        for threads in (1, before):
            numba.set_num_threads(threads)
            mattes.append(METHODS[name](scene.image, scene.trimap))
    finally:
        numba.set_num_threads(before)
    assert np.array_equal(*mattes)


@settings(max_examples=15)
@pytest.mark.parametrize("name", NAMES)
@given(
    image=st.tuples(st.integers(1, 7), st.integers(2, 7)).flatmap(
        lambda size: st.one_of(
            hnp.arrays(np.uint8, (*size, 3)),
            hnp.arrays(np.uint16, size),
            hnp.arrays(np.float32, (*size, 3), elements=st.floats(0, 1, width=32)),
            st.just(np.full(size, 0.5)),
        )
    ),
    seed=st.integers(0, 99),
)
def test_any_image_and_trimap_give_a_matte(name, image, seed):
    trimap = np.random.default_rng(seed).choice(np.array([0, 128, 128, 255], np.uint8), image.shape[:2])
    trimap.flat[:2] = 0, 255
    kept = image.copy(), trimap.copy()
    with warnings.catch_warnings():
        # The couplings of a few pixels may be below rounding; then the solver rightly says that it fell short.
        warnings.simplefilter("ignore", cm.ConvergenceWarning)
        alpha = METHODS[name](image, trimap)
    assert alpha.shape == trimap.shape
    assert alpha.dtype == np.float64
    assert ((alpha >= 0) & (alpha <= 1)).all()
    assert (alpha[trimap == 255] == 1).all()
    assert (alpha[trimap == 0] == 0).all()
    np.testing.assert_array_equal(image, kept[0])
    np.testing.assert_array_equal(trimap, kept[1])


@pytest.mark.parametrize("name", NAMES)
def test_complement(name):
    """Swapping foreground and background complements the matte."""
    scene = cm.gallery.hair(30, 40, seed=1)
    swapped = np.where(scene.trimap == 128, 128, 255 - scene.trimap).astype(np.uint8)
    total = METHODS[name](scene.image, scene.trimap) + METHODS[name](scene.image, swapped)
    assert np.abs(total - 1).max() < 1e-4
