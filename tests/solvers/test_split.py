import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from classmat.solvers import ConvergenceWarning
from classmat.solvers.direct import Direct
from classmat.solvers.split import Split


def split(n, weak, seed=0, strength=30.0):
    """Return a dense graph Laplacian plus a diagonal that dominates in strong rows, and how it is solved."""
    rng = np.random.default_rng(seed)
    W = np.triu(rng.random((n, n)), 1)
    W = (W + W.T) * 2 / n
    A = np.diag(W.sum(axis=1) + np.where(weak, 0.01, strength)) - W
    rows = np.flatnonzero(weak)
    factor = Direct(csr_array(A[np.ix_(rows, rows)])) if len(rows) else None
    return A, Split(lambda x: A @ x, np.diag(A), weak, factor), rng


@given(n=st.integers(1, 40), share=st.sampled_from([0, 0.3, 1]), seed=st.integers(0, 99))
def test_solution_is_that_of_the_dense_matrix(n, share, seed):
    weak = np.random.default_rng(seed).random(n) < share
    A, system, rng = split(n, weak, seed)
    b = rng.standard_normal(n)
    solution = system.solve(b, rtol=1e-10)
    expected = np.linalg.solve(A, b)
    assert solution.converged
    assert np.abs(solution.x - expected).max() <= 1e-10 * np.abs(expected).max()


@pytest.mark.parametrize("rtol", [1e-3, 1e-6, 1e-9])
def test_error_is_what_was_asked_for(rtol):
    A, system, rng = split(200, np.arange(200) < 60, strength=5.0)
    b = rng.standard_normal(200)
    expected = np.linalg.solve(A, b)
    assert np.abs(system.solve(b, rtol=rtol).x - expected).max() <= rtol * np.abs(expected).max()


def test_any_start_leads_to_the_solution_and_is_kept():
    A, system, rng = split(60, np.arange(60) < 20)
    b, start = rng.standard_normal((2, 60))
    kept = start.copy()
    np.testing.assert_allclose(system.solve(b, rtol=1e-10, start=start).x, np.linalg.solve(A, b), atol=1e-9)
    np.testing.assert_array_equal(start, kept)


def test_nothing_is_solved_by_nothing():
    solution = split(5, np.arange(5) < 2)[1].solve(np.zeros(5), rtol=1e-10)
    assert solution.converged
    np.testing.assert_array_equal(solution.x, 0)


def test_more_than_rounding_allows_ends_at_rounding():
    A, system, rng = split(50, np.arange(50) < 20)
    b = rng.standard_normal(50)
    np.testing.assert_allclose(A @ system.solve(b, rtol=1e-300).x, b, atol=1e-12)


def test_indefinite_matrix_warns():
    A = np.diag([100.0, 100.0, -1.0])
    A[2, :2] = A[:2, 2] = 1
    system = Split(lambda x: A @ x, np.array([100.0, 100.0, 100.0]), np.zeros(3, bool), None)
    with pytest.warns(ConvergenceWarning, match="before it reached its tolerance"):
        assert not system.solve(np.array([1.0, 2.0, 3.0]), rtol=1e-10).converged
