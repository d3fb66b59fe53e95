import numpy as np
import pytest
from scipy.sparse import csr_array
from skimage import data

from classmat.kernels import multigrid_blocks as blocks
from classmat.kernels import multigrid_setup as setup
from classmat.solvers import factorise, hierarchy
from classmat.solvers.stencil import Stencil

RNG = np.random.default_rng(5)


def system():
    image = data.astronaut()[:260, 60:360] / 255.0
    y, x = np.indices(image.shape[:2])
    distance = np.hypot(y - 130, x - 150)
    trimap = np.where(distance < 15, 1.0, np.where(distance > 125, 0.0, 0.5))
    return image, Stencil.from_image(image, trimap == 0.5, known_values=trimap)


def matrix_of(near, A):
    """The blocks of a level as SciPy knows them."""
    rows, columns, values = [], [], []
    for t, s in np.argwhere(near >= 0):
        for k in range(8):
            for j in range(8):
                rows.append(8 * t + k)
                columns.append(8 * near[t, s] + j)
                values.append(A[t, s, 8 * j + k])
    return csr_array((np.array(values, float), (rows, columns)), shape=(8 * len(near),) * 2)


def test_appended_functions_are_the_largest_principal_components():
    v, q = RNG.normal(size=(8, 30)) * np.geomspace(1, 1e-3, 8)[:, None], np.zeros((6, 30))
    q[0, 3] = q[1, 7] = 1
    v[:, [3, 7]] = 0
    setup._append_largest(q, 2, v.copy(), 0.0)
    largest = np.linalg.svd(v)[2][:4]
    np.testing.assert_allclose(q @ q.T, np.eye(6), atol=1e-12)
    np.testing.assert_allclose(np.abs(q[2:] @ largest.T), np.eye(4), atol=1e-8)


def test_components_below_the_limit_are_left_out():
    v, q = np.diag([3.0, 2, 1e-3, 1e-4, 0, 0, 0, 0]), np.zeros((6, 8))
    setup._append_largest(q, 0, v, 1e-2)
    np.testing.assert_allclose(np.abs(q), np.eye(6, 8) * [[1], [1], [0], [0], [0], [0]], atol=1e-12)


@pytest.mark.parametrize("factor", [1.0, 1.7])
def test_relaxation_leaves_functions_of_little_energy(factor):
    _, stencil = system()
    h = factorise(stencil, image=system()[0]).hierarchy
    n = len(h.near)
    vectors = np.empty((n, 4, 8), np.float32)
    setup.fill_noise(4, h.block_inverse, vectors)
    before = np.abs(vectors).sum()
    setup.relax(12, factor, 4, h.chunks, h.near, h.A.ravel(), h.block_inverse.ravel(), vectors.ravel())
    assert np.isfinite(vectors).all()
    assert 0 < np.abs(vectors).sum() < 0.5 * before


def test_two_steps_on_a_level_are_those_of_conjugate_gradients():
    image, stencil = system()
    h = factorise(stencil, image=image).hierarchy
    n = h.starts[1]
    A = matrix_of(h.deep_near[:n], h.deep_A[:n])
    b = RNG.normal(size=(n, 8)).astype(np.float32) * (h.deep_A[:n, 4, ::9] != 1)
    c, d = b + 0.5 * RNG.normal(size=(2, n, 8)).astype(np.float32)
    h.deep_b[:n], h.deep_x[:n] = b, c
    curvature, step = blocks.begin_krylov(*h._second(), *h.krylov, h.sums)
    h.deep_x[:n] = d
    blocks.end_krylov(*h._second(), *h.krylov, curvature, step, h.sums)
    space = np.stack([c.ravel(), d.ravel()], axis=1).astype(float)
    best = space @ np.linalg.solve(space.T @ (A @ space), space.T @ b.ravel())  # least energy in the plane
    np.testing.assert_allclose(h.deep_x[:n].ravel(), best, atol=1e-4 * np.abs(best).max())


@pytest.mark.parametrize("worth", [0, np.inf])
def test_one_or_two_cycles_give_the_same_matte(monkeypatch, worth):
    image, stencil = system()
    monkeypatch.setattr(hierarchy, "WORTH", worth)
    factor = factorise(stencil, image=image)
    assert factor.hierarchy.is_hard == (worth == 0)
    answer = factor.solve(stencil.right, rtol=1e-10)
    assert answer.converged
    monkeypatch.undo()
    reference = factorise(stencil, image=image).solve(stencil.right, rtol=1e-11).x
    np.testing.assert_allclose(answer.x, reference, atol=1e-6)


def test_a_second_step_along_the_same_vector_changes_nothing():
    image, stencil = system()
    h = factorise(stencil, image=image).hierarchy
    n = h.starts[1]
    h.deep_b[:n] = RNG.normal(size=(n, 8))
    h.deep_x[:n] = c = h.deep_b[:n] + 0.5 * RNG.normal(size=(n, 8)).astype(np.float32)
    curvature, step = blocks.begin_krylov(*h._second(), *h.krylov, h.sums)
    blocks.end_krylov(*h._second(), *h.krylov, curvature, step, h.sums)
    np.testing.assert_allclose(h.deep_x[:n], step * c, rtol=1e-3, atol=1e-6)


def test_nothing_to_solve_on_a_level():
    image, stencil = system()
    h = factorise(stencil, image=image).hierarchy
    h.deep_b[:], h.deep_x[:] = 0, 0
    assert blocks.begin_krylov(*h._second(), *h.krylov, h.sums)[0] == 0
