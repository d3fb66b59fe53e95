"""solve(): every method against a dense solve, its honesty, and bad input."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array, diags_array

import classmat as cm
from classmat.laplacians.closed_form import closed_form_laplacian

METHODS = ("direct", "multigrid", "algebraic", "cg")


def soft_system(h=24, w=30, seed=0, lam=1.0):
    """A Laplacian plus a positive diagonal, with its colours."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:h, :w]
    image = np.stack([np.sin(0.3 * x), np.cos(0.2 * y), np.sin(0.1 * x * y / w)], axis=2) * 0.4 + 0.5
    image += rng.normal(scale=0.02, size=image.shape)
    image = image.clip(0, 1)
    A = closed_form_laplacian(image, eps=1e-4) + diags_array(lam * (rng.random(h * w) < 0.1), format="csr")
    return csr_array(A), rng.random(h * w), image


@pytest.mark.parametrize("method", METHODS)
def test_equals_dense_solve(method):
    A, b, image = soft_system()
    solution = cm.solve(A, b, method=method, image=image, rtol=1e-12, maxiter=5000)
    assert solution.converged
    assert solution.method == method
    exact = np.linalg.solve(A.toarray(), b)
    assert np.abs(solution.x - exact).max() < 1e-8 * np.abs(exact).max()


@pytest.mark.parametrize("method", METHODS)
def test_a_factor_is_kept(method):
    """Several solves with one set-up are those of `solve`, in any order."""
    A, b, image = soft_system()
    factor = cm.factorise(A, method=method, image=image)
    assert (factor.method, factor.size) == (method, len(b))
    for right in (b, b**2, b):
        kept = factor.solve(right, rtol=1e-9, maxiter=5000)
        fresh = cm.solve(A, right, method=method, image=image, rtol=1e-9, maxiter=5000)
        np.testing.assert_array_equal(kept.x, fresh.x)


@pytest.mark.parametrize("method", METHODS)
def test_several_right_hand_sides(method):
    A, b, image = soft_system()
    both = np.stack([b, b**2, np.zeros_like(b)], axis=1)
    solution = cm.solve(A, both, method=method, image=image, rtol=1e-11, maxiter=5000)
    assert solution.x.shape == both.shape
    assert solution.converged
    assert np.linalg.norm(A @ solution.x - both, axis=0) == pytest.approx(0, abs=1e-9)
    assert (solution.x[:, 2] == 0).all()


def test_colours_save_iterations():
    A, b, image = soft_system(60, 60)
    with_colour = cm.solve(A, b, method="algebraic", image=image)
    without = cm.solve(A, b, method="algebraic")
    assert with_colour.iterations < without.iterations


def test_residual_norms_are_true_and_the_callback_sees_them():
    A, b, image = soft_system()
    seen = []
    solution = cm.solve(A, b, method="cg", rtol=1e-8, callback=lambda i, r: seen.append((i, r)))
    assert solution.residual_norms[0] == pytest.approx(np.linalg.norm(b))
    assert solution.residual_norms[-1] == pytest.approx(np.linalg.norm(b - A @ solution.x), rel=1e-12)
    assert solution.residual_norms[-1] <= 1e-8 * np.linalg.norm(b)
    assert [i for i, _ in seen] == list(range(1, solution.iterations + 1))
    assert len(solution.residual_norms) == solution.iterations + 1
    assert image.size == 3 * len(b)


def test_falling_short_is_said():
    A, b, _ = soft_system()
    with pytest.warns(
        cm.ConvergenceWarning,
        match=r"cg stopped after 3 iterations, before it reached its tolerance: the residual fell from",
    ):
        solution = cm.solve(A, b, method="cg", maxiter=3)
    assert not solution.converged
    assert solution.iterations == 3


def test_warm_start_saves_work():
    A, b, image = soft_system()
    cold = cm.solve(A, b, method="algebraic", image=image)
    warm = cm.solve(A, b, method="algebraic", image=image, x0=cold.x + 1e-6)
    assert warm.iterations < cold.iterations
    assert cm.solve(A, b, method="algebraic", image=image, x0=cold.x).iterations == 0


def test_unreachable_tolerance_stops():
    A, b, _ = soft_system(8, 8)
    with pytest.warns(cm.ConvergenceWarning):
        solution = cm.solve(A, b, method="cg", rtol=0, maxiter=100_000)
    assert solution.iterations < 2000
    assert np.linalg.norm(A @ solution.x - b) < 1e-10


def test_zero_right_hand_side():
    A, b, _ = soft_system(8, 8)
    for method in ("direct", "algebraic", "cg"):
        solution = cm.solve(A, 0 * b, method=method)
        assert solution.converged
        assert (solution.x == 0).all()


def test_auto_says_what_it_chose(monkeypatch):
    A, b, image = soft_system()
    assert cm.solve(A, b, image=image).method == "direct"
    monkeypatch.setattr("classmat.solvers.choose.DIRECT_LIMIT", 100)
    assert cm.solve(A, b, image=image).method == "multigrid"
    assert cm.solve(A, b, image=image.reshape(-1, 3)).method == "algebraic"
    assert cm.solve(A, b).method == "algebraic"


def test_multigrid_wants_a_laplacian_over_an_image():
    A, b, image = soft_system()
    for other in (None, image.reshape(-1, 3), image[:, :-1]):
        with pytest.raises(ValueError, match=r"A is no radius-1 Laplacian|image has shape"):
            cm.solve(A, b, method="multigrid", image=other)
    wide = closed_form_laplacian(image, radius=2) + diags_array(np.ones(len(b)), format="csr")
    with pytest.raises(ValueError, match="A is no radius-1 Laplacian"):
        cm.solve(wide, b, method="multigrid", image=image)


@given(n=st.integers(1, 30), seed=st.integers(0, 1000), method=st.sampled_from(("direct", "algebraic", "cg")))
def test_random_positive_definite_systems(n, seed, method):
    rng = np.random.default_rng(seed)
    off = csr_array(np.triu(rng.random((n, n)) * (rng.random((n, n)) < 0.3), 1))
    W = off + off.T
    A = csr_array(diags_array(W.sum(axis=1) + 0.1) - W)
    x = rng.normal(size=n)
    solution = cm.solve(A, A @ x, method=method, rtol=1e-13, atol=1e-13)
    assert solution.converged
    assert np.abs(solution.x - x).max() < 1e-9


def test_direct_tells_the_callback_once():
    A, b, _ = soft_system(8, 8)
    seen = []
    solution = cm.solve(A, b, method="direct", callback=lambda *step: seen.append(step))
    assert solution.iterations == 1
    assert seen == [(1, solution.residual_norms[-1] / solution.residual_norms[0])]


def test_direct_is_judged_by_the_tolerance_that_was_asked_for():
    """A weak prior leaves a matrix so nearly singular that rounding shows; it is still within rtol."""
    image = np.random.default_rng(0).random((60, 80, 3))
    weight = np.zeros((60, 80))
    weight[:, [0, -1]] = 1e-5
    A = closed_form_laplacian(image) + diags_array(weight.ravel(), format="csr")
    solution = cm.solve(A, weight.ravel() * np.random.default_rng(1).random(4800), method="direct", rtol=1e-7)
    assert solution.converged
    assert solution.residual_norms[-1] <= 1e-7 * solution.residual_norms[0]


def test_algebraic_repeats_and_leaves_the_random_state_alone():
    A, b, image = soft_system()
    before = np.random.get_state()[1].copy()  # noqa: NPY002 - the legacy state is what is at stake
    first, second = (cm.solve(A, b, method="algebraic", image=image).x for _ in range(2))
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"A": np.eye(4)}, TypeError, "A is a ndarray"),
        ({"A": csr_array((3, 4))}, ValueError, r"A has shape \(3, 4\)"),
        ({"A": csr_array(np.diag([1, 2, np.nan, 1]))}, ValueError, "A has entries that are NaN"),
        ({"A": csr_array(np.eye(4) * 1j)}, TypeError, "A has dtype complex128"),
        ({"A": csr_array(np.kron(np.eye(2), [[1.0, -1], [-1, 1]]))}, ValueError, "A is singular"),
        ({"callback": 3}, TypeError, "callback is a int"),
        ({"b": np.ones(5)}, ValueError, r"b has shape \(5,\)"),
        ({"b": np.array([1, 2, np.inf, 1])}, ValueError, "b has values that are NaN or infinite"),
        ({"b": ["a"] * 4}, TypeError, "b has dtype"),
        ({"x0": np.ones((4, 2))}, ValueError, "x0 has shape"),
        ({"method": "magic"}, ValueError, "method is 'magic'"),
        ({"rtol": -1}, ValueError, "rtol is -1"),
        ({"rtol": np.nan}, ValueError, "rtol is nan"),
        ({"maxiter": 0}, ValueError, "maxiter is 0"),
        ({"image": np.ones((3, 3))}, ValueError, "image has shape"),
        ({"A": csr_array(np.diag([1.0, 0, 1, 1])), "method": "cg"}, ValueError, "1 diagonal entries"),
    ],
)
def test_bad_input(change, error, words):
    arguments = {"A": csr_array(np.eye(4)), "b": np.ones(4)} | change
    with pytest.raises(error, match=words):
        cm.solve(**arguments)


def test_the_warning_points_at_the_caller():
    A, b, _ = soft_system()
    with pytest.warns(cm.ConvergenceWarning) as caught:
        cm.solve(A, b, method="cg", maxiter=3)
    assert caught[0].filename == __file__
