import multiprocessing
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from naive_solver import system
from scipy.sparse import csc_array
from scipy.sparse.linalg import spsolve
from skimage import data

from classmat.solvers import ConvergenceWarning, factorise
from classmat.solvers.stencil import Stencil

RNG = np.random.default_rng(3)


def disc(shape, inner=0.25, outer=0.42):
    """Foreground within, background outside of a ring of unknown pixels."""
    y, x = np.indices(shape)
    distance = np.hypot((y - shape[0] / 2) / shape[0], (x - shape[1] / 2) / shape[1])
    return np.where(distance < inner, 1.0, np.where(distance > outer, 0.0, 0.5))


def photo(size=160):
    return data.astronaut()[40 : 40 + size, 140 : 140 + size] / 255.0


def checker(shape):
    return (np.indices(shape).sum(axis=0) % 2) * 0.7 + 0.1


def exact(stencil, b):
    return spsolve(csc_array(stencil.to_csr()), b).reshape(b.shape)


def stencil_of(image, trimap, **options):
    return Stencil.from_image(image, trimap == 0.5, known_values=trimap, **options)


def salt(shape, colours=None):
    noise = np.where(RNG.random(shape) < 0.2, 0.9, 0.2)
    return noise if colours is None else noise[:, :, np.newaxis].repeat(colours, axis=2)


IMAGES = {
    "photo": photo(),
    "grey photo": photo().mean(axis=2),
    "constant": np.full((80, 90, 3), 0.4),
    "two colours": np.where(np.indices((80, 90))[1][..., np.newaxis] < 45, [0.9, 0.2, 0.1], [0.1, 0.3, 0.8]),
    "grey checker": checker((64, 80)),
    "salt": salt((64, 80)),
    "colour salt": salt((64, 80), 3),
    "black and noise": np.where(np.indices((96, 96))[0][..., np.newaxis] < 50, 0, RNG.random((96, 96, 3))),
}


@pytest.mark.parametrize("name", IMAGES)
@pytest.mark.parametrize("eps", [1e-7, 1e-9])
def test_equals_the_exact_solution(name, eps):
    image = IMAGES[name]
    stencil = stencil_of(image, disc(image.shape[:2]), eps=eps)
    answer = factorise(stencil, image=image).solve(stencil.right, rtol=1e-11)
    assert answer.method == "multigrid"
    assert answer.converged
    assert answer.iterations < (60 if eps == 1e-7 else 120)
    assert answer.residual_norms[-1] <= 1e-11 * np.linalg.norm(stencil.right)
    np.testing.assert_allclose(answer.x, exact(stencil, stencil.right), atol=1e-5)


@pytest.mark.parametrize("name", ["photo", "grey checker", "salt"])
def test_the_rounded_stencil_has_the_solution_of_the_exact_one(name):
    image = IMAGES[name][:40, :44]
    trimap = disc(image.shape[:2])
    A, b = system(image, trimap)
    stencil = stencil_of(image, trimap)
    x = factorise(stencil, image=image).solve(stencil.right, rtol=1e-10).x
    np.testing.assert_allclose(x, spsolve(csc_array(A), b), atol=1e-5)


@pytest.mark.parametrize("name", IMAGES)
@pytest.mark.parametrize("eps", [1e-7, 1e-9])
def test_the_default_rule_leaves_less_than_half_a_level(name, eps):
    image = IMAGES[name]
    stencil = stencil_of(image, disc(image.shape[:2]), eps=eps)
    answer = factorise(stencil, image=image).solve(stencil.right)
    assert answer.converged
    assert np.abs(answer.x - exact(stencil, stencil.right)).max() < 1 / 510


def soft_prior(image, confidence):
    trimap = disc(image.shape[:2])
    weight = 100 * np.where(trimap == 0.5, confidence, 1)
    stencil = Stencil.from_image(image, np.ones(trimap.shape, bool), diagonal=weight)
    return stencil, (weight * trimap).ravel()


@pytest.mark.parametrize("confidence", [1e-2, 1e-6, 0])
def test_soft_prior(confidence):
    stencil, b = soft_prior(photo(), confidence)
    factor = factorise(stencil, image=photo())
    reference = exact(stencil, b)
    tight = factor.solve(b, rtol=1e-10)
    assert tight.converged
    np.testing.assert_allclose(tight.x, reference, atol=1e-5)
    default = factor.solve(b)
    assert default.converged
    assert np.abs(default.x - reference).max() < 1 / 510


def test_several_right_hand_sides():
    stencil, b = soft_prior(photo(64), 1e-3)
    factor = factorise(stencil, image=photo(64))
    both = np.stack([b, RNG.random(len(b))], axis=1)
    answer = factor.solve(both, rtol=1e-9)
    assert answer.x.shape == both.shape
    np.testing.assert_allclose(answer.x, exact(stencil, both), atol=1e-5)
    assert (answer.x[:, 0] == factor.solve(b, rtol=1e-9).x).all()


def test_without_an_image_it_still_converges():
    stencil, b = soft_prior(photo(64), 1e-3)
    answer = factorise(stencil).solve(b, rtol=1e-9)
    assert answer.converged
    np.testing.assert_allclose(answer.x, exact(stencil, b), atol=1e-5)


def test_a_localised_right_hand_side():
    """Float32 sweeps make denormal numbers of it."""
    stencil, _ = soft_prior(photo(), 1.0)
    b = np.zeros(stencil.shape[0])
    b[17] = 1e-30
    answer = factorise(stencil, image=photo()).solve(b, rtol=1e-8)
    assert answer.converged
    np.testing.assert_allclose(answer.x, exact(stencil, b), atol=1e-36)


def test_denormal_numbers_are_as_before_after_a_solve():
    stencil, b = soft_prior(photo(64), 1.0)
    factorise(stencil, image=photo(64)).solve(b)
    assert np.float32(1e-38) * np.float32(0.1) != 0


@pytest.mark.parametrize(
    "unknown",
    [
        np.s_[30:31, 5:60],
        np.s_[5:60, 30:31],
        np.s_[10:11, 10:11],
        np.s_[0:1, :],
        np.s_[:, 63:],
        np.s_[0:2, 0:2],
        np.s_[::2, ::2],
        np.s_[::7, :],
    ],
    ids=["row", "column", "pixel", "first row", "last column", "corner", "every other", "rows"],
)
def test_strips_and_specks(unknown):
    image = photo(64)
    trimap = (np.indices((64, 64))[1] > 31).astype(float)
    trimap[unknown] = 0.5
    stencil = stencil_of(image, trimap)
    answer = factorise(stencil, image=image).solve(stencil.right, rtol=1e-10)
    assert answer.converged
    np.testing.assert_allclose(answer.x, exact(stencil, stencil.right), atol=1e-6)


@given(st.integers(1, 30), st.integers(1, 60), st.floats(0.05, 0.95), st.integers(0, 99))
@settings(max_examples=40)
def test_any_shape_and_mask(h, w, share, seed):
    rng = np.random.default_rng(seed)
    image = rng.random((h, w, 3))
    unknown = rng.random((h, w)) < share
    unknown.flat[0] = False
    if not unknown.any():
        return
    stencil = Stencil.from_image(image, unknown, known_values=rng.random((h, w)), diagonal=np.full((h, w), 1e-3))
    answer = factorise(stencil, image=image).solve(stencil.right, rtol=1e-9)
    assert answer.converged
    assert np.isfinite(answer.x).all()
    np.testing.assert_allclose(stencil.matvec(answer.x), stencil.right, atol=1e-7)


def test_no_unknown_pixels():
    image = photo(32)
    factor = factorise(Stencil.from_image(image, np.zeros((32, 32), bool)), image=image)
    assert factor.size == 0
    with pytest.raises(ValueError, match="b has shape"):
        factor.solve(np.empty(0))


def test_a_singular_system_gives_no_nan():
    image = photo(48)
    stencil = Stencil.from_image(image, np.ones((48, 48), bool))
    with pytest.warns(ConvergenceWarning):
        answer = factorise(stencil, image=image).solve(RNG.random(48 * 48), rtol=1e-12, maxiter=30)
    assert not answer.converged
    assert np.isfinite(answer.x).all()


def test_a_good_start_saves_iterations():
    image = photo()
    stencil = stencil_of(image, disc(image.shape[:2]))
    factor = factorise(stencil, image=image)
    cold = factor.solve(stencil.right, rtol=1e-7)
    near = cold.x + 1e-4 * RNG.standard_normal(len(cold.x))
    warm = factor.solve(stencil.right, rtol=1e-7, x0=near)
    assert warm.iterations < cold.iterations
    again = factor.solve(stencil.right, rtol=1e-6, x0=cold.x)
    assert again.iterations == 0
    assert (again.x == cold.x).all()


def test_callback_and_norms():
    image = photo(64)
    stencil = stencil_of(image, disc((64, 64)))
    seen = []
    answer = factorise(stencil, image=image).solve(
        stencil.right, rtol=1e-8, callback=lambda *report: seen.append(report)
    )
    assert [iteration for iteration, _ in seen] == list(range(1, answer.iterations + 1))
    assert len(answer.residual_norms) == answer.iterations + 1
    true = np.linalg.norm(stencil.right - stencil.matvec(answer.x))
    assert answer.residual_norms[-1] == pytest.approx(true, rel=1e-3)


def test_too_few_iterations_are_not_called_convergence():
    image = photo()
    stencil = stencil_of(image, disc(image.shape[:2]))
    with pytest.warns(ConvergenceWarning):
        answer = factorise(stencil, image=image).solve(stencil.right, rtol=1e-8, maxiter=3)
    assert not answer.converged
    assert answer.iterations == 3


def test_the_result_does_not_depend_on_the_number_of_threads():
    numba = pytest.importorskip("numba")
    image = photo()
    before, answers = numba.get_num_threads(), []
    try:
        for threads in (1, before):
            numba.set_num_threads(threads)
            stencil = stencil_of(image, disc(image.shape[:2]))
            answers.append(factorise(stencil, image=image).solve(stencil.right).x)
    finally:
        numba.set_num_threads(before)
    assert (answers[0] == answers[1]).all()


def precondition(factor, b, q):
    """Return M b, and the b . M b, q . M b and max |M b| that come with it."""
    stencil, dots = factor.stencil, np.empty((len(factor.stencil.layout.chunks) - 1, 3))
    z = np.zeros(stencil.layout.size, np.float32)
    factor.hierarchy.apply(stencil.scatter(b), 1.0, z, stencil.scatter(q), dots)
    return z[stencil.layout.position].astype(float), [*dots[:, :2].sum(axis=0), dots[:, 2].max()]


@pytest.mark.parametrize("size", [24, 160, 300])
def test_the_cycle_is_symmetric_and_measures_what_it_returns(size):
    image = RNG.random((size, size + 7, 3))
    factor = factorise(stencil_of(image, disc(image.shape[:2]), eps=1e-4), image=image)
    u, v = RNG.standard_normal((2, factor.size))
    (Mu, dots), (Mv, _) = precondition(factor, u, v), precondition(factor, v, u)
    scale = np.linalg.norm(v) * np.linalg.norm(Mu)
    assert abs(v @ Mu - u @ Mv) < 1e-5 * scale
    np.testing.assert_allclose(dots, [u @ Mu, v @ Mu, abs(Mu).max()], rtol=1e-12, atol=1e-12 * scale)
    assert u @ Mu > 0


def test_the_hierarchy_does_not_depend_on_the_strips(monkeypatch):
    image, built = RNG.random((150, 130, 3)), []
    for strips in (1, 7, 1000):
        monkeypatch.setattr("classmat.solvers.hierarchy.STRIPS", strips)
        built.append(vars(factorise(stencil_of(image, disc(image.shape[:2])), image=image).hierarchy))
    for other in built[1:]:
        for name in ("A", "block_inverse", "P", "units", "parents", "deep_A", "deep_P", "bottom"):
            np.testing.assert_array_equal(other[name], built[0][name], err_msg=name)


def test_what_a_factor_keeps_is_bounded():
    image = RNG.random((400, 400, 3)).astype(np.float32)
    factor = factorise(stencil_of(image, disc((400, 400))), image=image)
    assert factor.nbytes < 210 * factor.size


def test_concurrent_solves_of_one_factor():
    stencil, b = soft_prior(photo(64), 1e-3)
    factor = factorise(stencil, image=photo(64))
    expected = factor.solve(b).x
    results = [None] * 8

    def work(k):
        results[k] = factor.solve(b * (k + 1), rtol=1e-9).x

    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for k, x in enumerate(results):
        np.testing.assert_allclose(x / (k + 1), expected, atol=2e-3)


PROCESSES = """
import multiprocessing, sys
import numpy as np
from classmat.solvers import factorise
from classmat.solvers.stencil import Stencil

def solve(seed):
    image = np.random.default_rng(seed).random((48, 48, 3))
    unknown = np.indices((48, 48))[1] % 24 > 2
    stencil = Stencil.from_image(image, unknown, known_values=image[:, :, 0])
    return factorise(stencil, image=image).solve(stencil.right).x.sum()

if __name__ == "__main__":
    here = [solve(seed) for seed in range(3)]
    with multiprocessing.get_context(sys.argv[1]).Pool(2) as pool:
        assert pool.map(solve, range(3)) == here
    print("equal")
"""


@pytest.mark.slow
@pytest.mark.parametrize("start", sorted({"fork", "spawn"} & set(multiprocessing.get_all_start_methods())))
def test_worker_processes_solve_as_the_parent_does(start, tmp_path):
    script = tmp_path / "processes.py"
    script.write_text(PROCESSES)
    command = [sys.executable, "-W", "ignore", str(script), start]
    path = os.pathsep.join(map(str, (Path(__file__).parents[2], os.environ.get("PYTHONPATH", ""))))
    result = subprocess.run(
        command, capture_output=True, text=True, timeout=120, env={**os.environ, "PYTHONPATH": path}, check=False
    )
    assert result.stdout.strip() == "equal", result.stderr
