import naive_solver
import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage import data

from classmat.laplacians.closed_form import closed_form_laplacian
from classmat.ops import laplacian_apply_vjp, matting_layer_vjp, solve_vjp
from classmat.solvers.direct import Direct
from classmat.testing import check_adjoint, check_pullback

sizes = st.integers(1, 24)
eps_powers = st.floats(-8, 0)


def example(h, w, colours=(3,), seed=0, batch=()):
    rng = np.random.default_rng(seed)
    return [rng.uniform(0.1, 0.9, shape) for shape in ((*batch, h, w, *colours), (*batch, h, w), (*batch, h, w))]


def soft_disc(h, w):
    """Return a photo, and F and B of a network that is sure of a disc and its surroundings but not of a ring."""
    y, x = np.indices((h, w))
    distance = np.hypot((y - h / 2) / h, (x - w / 2) / w)
    F, B = (1 / (1 + np.exp(np.clip(120 * (d - 0.27), -700, 700))) for d in (distance, 0.54 - distance - 0.04))
    return data.astronaut()[100 : 100 + h, 140 : 140 + w] / 255, F, B


@settings(max_examples=40)
@given(
    h=sizes,
    w=sizes,
    colours=st.sampled_from([(), (3,)]),
    batch=st.sampled_from([(), (2,)]),
    radius=st.integers(1, 3),
    log_eps=eps_powers,
    log_lam=st.floats(-1, 3),
    seed=st.integers(0, 999),
)
def test_pullback(h, w, colours, batch, radius, log_eps, log_lam, seed):
    args = [*example(h, w, colours, seed, batch), 10**log_lam, 10**log_eps]
    check_pullback(matting_layer_vjp, args, single=None, seed=seed, trials=1, radius=radius)


@settings(max_examples=30)
@given(
    h=st.integers(3, 24),
    w=st.integers(3, 24),
    radius=st.integers(1, 3),
    log_eps=eps_powers,
    seed=st.integers(0, 999),
)
def test_pullback_of_products(h, w, radius, log_eps, seed):
    """Smaller windows fit x up to eps: L x is of that size, rounding is not, and differences tell nothing of it.

    `test_gradients` draws those with a larger eps.
    """
    image, x, _ = example(h, w, seed=seed)
    check_pullback(laplacian_apply_vjp, [image, x, 10**log_eps], single=None, seed=seed, trials=1, radius=radius)


def dense(image, F, B, lam, eps):
    """Return D^-1 and alpha."""
    D = np.diag(lam * (F + B).ravel()) + naive_solver.closed_form_laplacian(image, eps).toarray()
    inverse = np.linalg.inv(D)
    return inverse, lam * inverse @ F.ravel()


@pytest.mark.parametrize("lam", [1.0, 100.0])
@pytest.mark.parametrize("colours", [(), (3,)])
def test_value_and_jacobians_are_those_of_the_paper(lam, colours):
    """Eqs. 5 to 8, dense; the pullback multiplies by the transposed Jacobians."""
    image, F, B = example(9, 11, colours)
    inverse, alpha = dense(image, F, B, lam, 1e-4)
    value, pullback = matting_layer_vjp(image, F, B, lam, 1e-4)
    np.testing.assert_allclose(value.ravel(), alpha, rtol=1e-11)
    J_B = -lam * inverse @ np.diag(alpha)
    J_F = J_B + lam * inverse
    J_lam = (inverse @ F.ravel() - inverse @ ((F + B).ravel() * alpha)).reshape(-1, 1)
    for index, J in ((1, J_F), (2, J_B), (3, J_lam)):
        check_adjoint(
            lambda t, J=J: (J @ t.ravel()).reshape(9, 11),
            lambda g, J=J, index=index: pullback(g)[index].reshape(J.shape[1]),
            np.zeros(J.shape[1]),
            np.zeros((9, 11)),
        )


def test_the_transposed_jacobian_is_needed():
    """Public code solves for ``J_B g``, as if the Jacobian in B were symmetric; both checks tell it from ``J_B^T g``."""

    def mistaken_vjp(image, F, B, lam, eps):
        alpha, pullback = matting_layer_vjp(image, F, B, lam, eps)

        def mistaken(g):
            image_bar, F_bar, _, lam_bar, eps_bar = pullback(g)
            v = pullback(alpha * g)[2] / (-lam * alpha)  # D^-1 (alpha g)
            return image_bar, F_bar, (-lam * v).astype(B.dtype), lam_bar, eps_bar

        return alpha, mistaken

    args = [*example(8, 9), 1.0, 1e-3]
    check_pullback(matting_layer_vjp, args)
    with pytest.raises(AssertionError, match=r"argument 2 \('B'\) is wrong"):
        check_pullback(mistaken_vjp, args, single=None)
    inverse, alpha = dense(*args)
    g = np.random.default_rng(1).standard_normal(alpha.shape)
    np.testing.assert_allclose(mistaken_vjp(*args)[1](g.reshape(8, 9))[2].ravel(), -inverse @ (alpha * g))


@given(h=sizes, w=sizes, log_eps=eps_powers, log_lam=st.floats(-1, 3), seed=st.integers(0, 999))
def test_laws(h, w, log_eps, log_lam, seed):
    """Exchanging F and B gives 1 - alpha; lam scales both; a colour more everywhere does nothing; a scale is one of eps."""
    image, F, B = example(h, w, seed=seed)
    lam, eps = 10**log_lam, 10**log_eps
    alpha, pullback = matting_layer_vjp(image, F, B, lam, eps)
    np.testing.assert_allclose(matting_layer_vjp(image, B, F, lam, eps)[0], 1 - alpha, atol=1e-9)
    g = np.random.default_rng(seed).standard_normal((h, w))
    image_bar, F_bar, B_bar, lam_bar, eps_bar = pullback(g)
    size = np.abs(F * F_bar).sum() + np.abs(B * B_bar).sum()
    assert abs(lam * lam_bar - (F * F_bar + B * B_bar).sum()) <= 1e-9 * size
    size = np.abs(image_bar).sum() + size
    assert np.abs(image_bar.sum(axis=(0, 1))).max() <= 1e-9 * size
    assert abs((image * image_bar).sum() + 2 * eps * eps_bar) <= 1e-9 * size


def test_alpha_is_not_clipped():
    image, F, B = soft_disc(60, 50)
    loose, firm = (matting_layer_vjp(image, F, B, lam, 1e-7)[0] for lam in (0.01, 1e4))
    assert loose.min() < 0 or loose.max() > 1
    sure = np.abs(F - B) > 0.999
    np.testing.assert_allclose(firm[sure], F[sure], atol=0.01)


@given(h=st.integers(3, 24), w=st.integers(3, 24), log_eps=eps_powers, seed=st.integers(0, 999))
def test_products_are_self_adjoint(h, w, log_eps, seed):
    """In full windows; in those of four pixels nothing but eps keeps a fit from being exact, and L from being rounding."""
    image, x, y = example(h, w, seed=seed)
    pullback = laplacian_apply_vjp(image, x, 10**log_eps)[1]
    check_adjoint(lambda x: laplacian_apply_vjp(image, x, 10**log_eps)[0], lambda g: pullback(g)[1], x, y)


def direct(image, F, B, lam, eps, g):
    """Solve forward and backward by a factorisation."""
    L = closed_form_laplacian(image, eps=eps)
    L.setdiag(L.diagonal() + lam * (F + B).ravel())
    factor = Direct(L.tocsr())
    alpha, v = (factor.solve(b.ravel()).x.reshape(F.shape) for b in (lam * F, g))
    return alpha, v


@pytest.mark.parametrize("lam", [1.0, 100.0, 1e4])  # all rows weak, a ring, none
@pytest.mark.parametrize("colours", [3, 1])
def test_large_images_are_solved_as_small_ones(lam, colours):
    image, F, B = soft_disc(211, 205)
    image = image if colours == 3 else image[:, :, 0]
    F, B = F + 1e-4, B + (1e-4 if lam < 1e3 else 0.01)
    g = np.random.default_rng(0).standard_normal(F.shape)
    alpha, v = direct(image, F, B, lam, 1e-6, g)
    value, pullback = matting_layer_vjp(image, F, B, lam, 1e-6)
    np.testing.assert_allclose(value, alpha, atol=1e-9)
    bars = pullback(g)
    expected = lam * (1 - alpha) * v, -lam * alpha * v
    for bar, exact in zip(bars[1:3], expected, strict=True):
        np.testing.assert_allclose(bar, exact, atol=1e-9 * np.abs(exact).max())
    assert bars[3] == pytest.approx((v * (F - (F + B) * alpha)).sum(), rel=1e-6)
    again = matting_layer_vjp(image, F, B, lam, 1e-6, rtol=1e-5)[0]
    assert np.abs(again - alpha).max() <= 1e-5 * np.abs(alpha).max()


def test_large_images_have_exact_derivatives_too():
    """The products are exact, whatever the preconditioner rounds: the value is as smooth as the equations are."""
    image, F, B = soft_disc(210, 205)
    args = [0.8 * image + 0.1, F + 1e-3, B + 1e-3, 100.0, 1e-3]
    rng = np.random.default_rng(0)
    g = rng.standard_normal(F.shape)
    bars = matting_layer_vjp(*args)[1](g)
    for index in (0, 4):
        direction = rng.standard_normal(np.shape(args[index])) * (bars[index] != 0)
        steps = 2e-5 * np.sqrt(np.mean(np.square(args[index])))
        values = []
        for k in (2, 1, -1, -2):
            moved = [*args]
            moved[index] = args[index] + k * steps * direction
            values.append(np.vdot(g, matting_layer_vjp(*moved)[0]))
        numeric = (8 * (values[1] - values[2]) - (values[0] - values[3])) / (12 * steps)
        assert numeric == pytest.approx(np.vdot(bars[index], direction), rel=1e-6)


def test_same_bits_for_any_number_of_threads():
    if numba.config.NUMBA_NUM_THREADS < 2:
        pytest.skip("needs two threads")
    image, F, B = soft_disc(210, 205)
    results = []
    for n in (1, numba.config.NUMBA_NUM_THREADS):
        numba.set_num_threads(n)
        alpha, pullback = matting_layer_vjp(image, F + 1e-4, B + 1e-4, 100.0, 1e-6, rtol=1e-5)
        results.append((alpha, *pullback(F)))
    for one, other in zip(*results, strict=True):
        np.testing.assert_array_equal(one, other)


def test_single_precision_keeps_its_type():
    image, F, B = (x.astype(np.float32) for x in example(6, 7))
    alpha, pullback = matting_layer_vjp(image, F, B, np.float32(100), np.float32(1e-3))
    assert alpha.dtype == np.float32
    assert {bar.dtype for bar in pullback(alpha)} == {np.dtype(np.float32)}
    expected = matting_layer_vjp(*(x.astype(float) for x in (image, F, B)), 100.0, float(np.float32(1e-3)))[0]
    np.testing.assert_allclose(alpha, expected, rtol=1e-6)


IMAGE, F_, B_ = example(4, 5)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ((IMAGE, F_, B_, 0, 1e-7), ValueError, "lam is 0; accepted is a finite number above 0"),
        ((IMAGE, F_, B_, -1, 1e-7), ValueError, "lam is -1"),
        ((IMAGE, F_, B_, np.inf, 1e-7), ValueError, "lam is inf"),
        ((IMAGE, F_, B_, np.ones(2), 1e-7), TypeError, "lam is"),
        ((IMAGE, F_, B_, 100, 0), ValueError, "eps is 0"),
        ((IMAGE, F_, B_, 100, "small"), TypeError, "eps is"),
        ((IMAGE, F_ - 1, B_, 100, 1e-7), ValueError, r"F has values in \[-0.8.*accepted are at least 0"),
        ((IMAGE, F_, -B_, 100, 1e-7), ValueError, "B has values in"),
        (
            (IMAGE, 0 * F_, 0 * B_, 100, 1e-7),
            ValueError,
            r"F \+ B is too small everywhere in an image, 0 on average",
        ),
        ((IMAGE, 1e-30 * F_, 1e-30 * B_, 100, 1e-7), ValueError, "too small everywhere"),
        ((IMAGE, F_ * 1e300, B_, 1e300, 1e-7), ValueError, r"lam \(F \+ B\) is infinite"),
        ((IMAGE[..., :2], F_, B_, 100, 1e-7), ValueError, r"image has shape \(4, 5, 2\) but F has shape \(4, 5\)"),
        ((IMAGE[:3], F_, B_, 100, 1e-7), ValueError, "image has shape"),
        ((IMAGE, F_, B_[:3], 100, 1e-7), ValueError, "F has shape"),
        ((IMAGE * np.nan, F_, B_, 100, 1e-7), ValueError, "image has 60 values that are NaN or infinite"),
    ],
)
def test_bad_input(arguments, error, words):
    with pytest.raises(error, match=words):
        matting_layer_vjp(*arguments)


@pytest.mark.parametrize(("option", "words"), [({"radius": 0}, "radius is 0"), ({"rtol": 0}, "rtol is 0")])
def test_bad_options(option, words):
    with pytest.raises(ValueError, match=words):
        matting_layer_vjp(IMAGE, F_, B_, 100, 1e-7, **option)


def test_one_of_a_batch_without_confidence():
    with pytest.raises(ValueError, match="too small everywhere in an image"):
        matting_layer_vjp(np.stack([IMAGE, IMAGE]), np.stack([F_, 0 * F_]), np.stack([B_, 0 * B_]), 100, 1e-7)


def laplacian_system(h=6, w=7):
    image, F, B = example(h, w)
    A = closed_form_laplacian(image, eps=1e-3)
    A.setdiag(A.diagonal() + (F + B).ravel())
    return A.tocsr(), F.ravel()


def test_solve_is_the_dense_solution():
    A, b = laplacian_system()
    x, pullback = solve_vjp(A.data, b, indices=A.indices, indptr=A.indptr)
    np.testing.assert_allclose(x, np.linalg.solve(A.toarray(), b), rtol=1e-11)
    x_bar = np.random.default_rng(0).standard_normal(x.shape)
    data_bar, b_bar = pullback(x_bar)
    v = np.linalg.solve(A.toarray(), x_bar)
    np.testing.assert_allclose(b_bar, v, rtol=1e-9)
    outer = -(np.outer(v, x) + np.outer(x, v)) / 2
    rows = np.repeat(np.arange(len(b)), np.diff(A.indptr))
    np.testing.assert_allclose(data_bar, outer[rows, A.indices], rtol=1e-9)


@pytest.mark.parametrize("method", ["direct", "cg", "algebraic"])
def test_solve_by_any_method(method):
    A, b = laplacian_system()
    pattern = {"indices": A.indices, "indptr": A.indptr}
    x = solve_vjp(A.data, np.stack([b, b**2]), method=method, rtol=1e-12, **pattern)[0]
    np.testing.assert_allclose(x.T, np.linalg.solve(A.toarray(), np.stack([b, b**2]).T), rtol=1e-8)
    check_adjoint(
        lambda b: solve_vjp(A.data, b, method=method, rtol=1e-13, **pattern)[0],
        lambda g: solve_vjp(A.data, b, method=method, rtol=1e-13, **pattern)[1](g)[1],
        b,
        b,
    )


def test_order_of_a_rows_entries_does_not_matter():
    A, b = laplacian_system()
    order = np.concatenate([np.arange(i, j)[::-1] for i, j in zip(A.indptr[:-1], A.indptr[1:], strict=True)])
    plain, pullback = solve_vjp(A.data, b, indices=A.indices, indptr=A.indptr)
    turned, turned_pullback = solve_vjp(A.data[order], b, indices=A.indices[order], indptr=A.indptr)
    np.testing.assert_allclose(turned, plain, rtol=1e-12)
    np.testing.assert_allclose(turned_pullback(b)[0], pullback(b)[0][order], rtol=1e-9)


DATA, INDICES, INDPTR = [2.0, -1.0, -1.0, 2.0], [0, 1, 0, 1], [0, 2, 4]


@pytest.mark.parametrize(
    ("data", "b", "indices", "indptr", "error", "words"),
    [
        (DATA, [1.0], INDICES, INDPTR, ValueError, r"b has shape \(1,\); accepted is \(2,\)"),
        (DATA[:3], [1.0, 2], INDICES, INDPTR, ValueError, r"data has shape \(3,\) but indices"),
        (DATA, [1.0, 2], [0, 1, 0, 2], INDPTR, ValueError, r"indices has values in \[0, 2\]"),
        (DATA, [1.0, 2], [0, 1, 0, 0], INDPTR, ValueError, "indices names 1 entries of A twice"),
        (DATA[:3], [1.0, 2], [0, 1, 1], [0, 2, 3], ValueError, "not symmetric"),
        (DATA, [1.0, 2], INDICES, [0, 5, 4], ValueError, "indptr has 3 numbers that do not ascend"),
        (DATA, [1.0, 2], [0.0, 1, 0, 1], INDPTR, TypeError, "indices has dtype float64"),
        ([2.0, -1, -1, 0], [1.0, 2], INDICES, INDPTR, ValueError, "1 diagonal entries that are not positive"),
        ([1.0, -1, -1, 1], [1.0, 2], INDICES, INDPTR, ValueError, "A is singular"),
        ([np.nan, -1, -1, 1], [1.0, 2], INDICES, INDPTR, ValueError, "data has 1 values that are NaN"),
    ],
)
def test_bad_systems(data, b, indices, indptr, error, words):
    with pytest.raises(error, match=words):
        solve_vjp(data, b, indices=indices, indptr=indptr)


@pytest.mark.parametrize("eps", [1e-12, 1e-14, 1e-16])
def test_a_flat_region_that_nothing_reaches_is_told(eps):
    """Two flat colours are connected by eps alone: without F or B in one of them, rounding would decide there."""
    image = np.zeros((10, 12, 3))
    image[:, 6:] = (0.3, 0.6, 0.9)
    F, B = np.zeros((10, 12)), np.zeros((10, 12))
    F[:3, :6], B[7:, :6] = 1, 1
    with pytest.raises(ValueError, match="F \\+ B is 0 in a region of one colour"):
        matting_layer_vjp(image, F, B, 100.0, eps)
    alpha, _ = matting_layer_vjp(image, F, B, 100.0, 1e-6)  # in the limit of small eps: the mean of both halves
    np.testing.assert_allclose(alpha[4:6, 6:], 0.5, atol=1e-6)
