"""Losses and probabilities by hand: the formulas of the papers on cases small enough for paper."""

import math

import naive_ops
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from classmat.ops import (
    alpha_loss_vjp,
    alpha_weights,
    composite_vjp,
    compositional_loss_vjp,
    consistency_loss_vjp,
    cross_entropy_vjp,
    detail_keeping_loss_vjp,
    detail_loss_vjp,
    fusion_vjp,
    gradient_loss_vjp,
    laplacian_pyramid_loss_vjp,
    matte_loss_vjp,
    premultiplied_loss_vjp,
    semantic_loss_vjp,
    semantic_target_vjp,
    softmax_vjp,
    weighted_alpha_loss_vjp,
)

RNG = np.random.default_rng(3)
seeds = st.integers(0, 2**32 - 1)


def close(a, b, **options):
    np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14, **options)


# SHM ------------------------------------------------------------------------------------------------------------


def test_fusion_is_equation_3_without_the_division():
    F, B, U = softmax_vjp(RNG.standard_normal((4, 5, 3)))[0].transpose(2, 0, 1)
    raw = RNG.random((4, 5))
    close(fusion_vjp(F, U, raw)[0], (1 - U) * F / (F + B) + U * raw)


def test_fusion_at_the_ends():
    alpha, pullback = fusion_vjp([[1.0, 0.0, 0.0]], [[0.0, 0.0, 1.0]], [[0.3, 0.3, 0.3]])
    close(alpha, [[1, 0, 0.3]])
    F_bar, U_bar, raw_bar = pullback([[1.0, 2.0, 3.0]])
    close(F_bar, [[1, 2, 3]])
    close(U_bar, [[0.3, 0.6, 0.9]])
    close(raw_bar, [[0, 0, 3]])


def test_the_chain_to_the_scores():
    """Scores get F (F_bar - s), -B s, U (U_bar - s); s = F F_bar + U U_bar, F_bar = G, U_bar = alpha_raw G."""
    scores, raw, G = RNG.standard_normal((4, 5, 3)), RNG.random((4, 5)), RNG.standard_normal((4, 5))
    p, softmax_pullback = softmax_vjp(scores)
    F, B, U = p.transpose(2, 0, 1)
    F_bar, U_bar, _ = fusion_vjp(F, U, raw)[1](G)
    (scores_bar,) = softmax_pullback(np.stack([F_bar, np.zeros_like(B), U_bar], axis=-1))
    s = F * G + U * raw * G
    close(scores_bar, np.stack([F * (G - s), -B * s, U * (raw * G - s)], axis=-1))


@given(seed=seeds)
def test_the_prediction_loss_of_shm(seed):
    """Eq. 5 with gamma = 1/2: G = sign(e) (gamma + (1 - gamma) ||F - B||_1)."""
    rng = np.random.default_rng(seed)
    alpha, truth = rng.random((2, 3, 4))
    F, B = rng.random((2, 3, 4, 3))
    first, first_pullback = alpha_loss_vjp(alpha, truth, eps=0)
    second, second_pullback = compositional_loss_vjp(alpha, truth, F, B)
    colours = [a[..., None] * F + (1 - a[..., None]) * B for a in (alpha, truth)]
    close(second, np.abs(colours[0] - colours[1]).sum(-1).mean())
    close(first, np.abs(alpha - truth).mean())
    G = 0.5 * first_pullback(1.0)[0] + 0.5 * second_pullback(1.0)[0]
    close(G, np.sign(alpha - truth) * (0.5 + 0.5 * np.abs(F - B).sum(-1)) / 12)


# FDM ------------------------------------------------------------------------------------------------------------


def test_the_two_terms_of_fdm_by_hand():
    """Eq. 6 with d = 0.3 and I = (1, 0.5, 0), eps = 0.4: sqrt(0.09 + 0.16) = 0.5, and so on."""
    alpha, truth, image = [[0.8]], [[0.5]], [[[1.0, 0.5, 0.0]]]
    loss, pullback = alpha_loss_vjp(alpha, truth, eps=0.4)
    close(loss, 0.5)
    close(pullback(1.0)[0], [[0.6]])
    close(pullback(1.0)[1], [[-0.6]])
    loss, pullback = premultiplied_loss_vjp(alpha, truth, image, eps=0.4)
    roots = [0.5, math.sqrt(0.15**2 + 0.16), 0.4]
    close(loss, sum(roots))
    close(pullback(1.0)[0], [[0.3 / 0.5 + 0.25 * 0.3 / roots[1]]])
    close(pullback(1.0)[2], [[[0.09 / 0.5, 0.09 * 0.5 / roots[1], 0]]])


def test_equal_mattes_cost_eps():
    a = RNG.random((3, 4))
    assert alpha_loss_vjp(a, a)[0] == pytest.approx(1e-3)
    assert alpha_loss_vjp(a, a, eps=0)[0] == 0
    for bar in alpha_loss_vjp(a, a, eps=0)[1](1.0):
        assert not bar.any()


def test_eps_below_what_single_precision_holds():
    a = np.ones((2, 2), np.float32)
    loss, pullback = alpha_loss_vjp(a, a, eps=1e-60)
    assert loss == 0
    assert not np.any(pullback(1.0))


# DAPM -----------------------------------------------------------------------------------------------------------


def test_weights_are_minus_log_of_the_smoothed_histogram():
    """6 pixels of level 0, 3 of 255, 1 of 128; 256 more for the smoothing."""
    w = alpha_weights([np.array([[0.0] * 6]), np.array([[255, 255, 255, 128]], np.uint8)])
    assert w.shape == (256,)
    close(w[[0, 255, 128, 7]], [-math.log(n / 266) for n in (7, 4, 2, 1)])


def test_weights_of_a_typical_set_of_mattes():
    """45 % background, 50 % foreground, 5 % spread evenly: about 0.8, 0.7 and 8.5."""
    n = 1_000_000
    soft = np.tile(np.arange(1, 255, dtype=np.uint8), n // 20 // 254 + 1)[: n // 20]
    matte = np.concatenate([np.zeros(45 * n // 100, np.uint8), soft, np.full(n // 2, 255, np.uint8)])
    w = alpha_weights([matte.reshape(1000, -1)])
    close(w[[0, 255]].round(1), [0.8, 0.7])
    assert 8.4 < w[1:255].mean() < 8.6


def test_the_weighted_loss_by_hand():
    table = np.arange(256.0)
    alpha, truth = np.array([[0.5, 0.25, 0.5]]), np.array([[1.0, 0.0, 51 / 255]])
    loss, pullback = weighted_alpha_loss_vjp(alpha, truth, weights=table)
    close(loss, (255 * 0.5 + 0 + 51 * 0.3) / 3)
    close(pullback(3.0)[0], [[-255, 0, 51]])
    close(pullback(3.0)[1], [[255, 0, -51]])
    by_pixel = weighted_alpha_loss_vjp(alpha, truth, weights=[[255, 0, 51]])[0]
    close(by_pixel, loss)


# Cross-entropy --------------------------------------------------------------------------------------------------


def test_cross_entropy_by_hand():
    scores = np.log([[[1.0, 3.0], [4.0, 1.0]]])
    loss, pullback = cross_entropy_vjp(scores, labels=[[1, 1]])
    close(loss, -(math.log(3 / 4) + math.log(1 / 5)) / 2)
    close(pullback(2.0)[0], [[[0.25, -0.25], [0.8, -0.8]]])


def test_cross_entropy_of_two_classes_takes_masks():
    scores = RNG.standard_normal((4, 5, 2))
    mask = RNG.random((4, 5)) > 0.5
    close(cross_entropy_vjp(scores, labels=mask)[0], cross_entropy_vjp(scores, labels=mask.astype(int))[0])


def test_no_score_is_too_large():
    """-log p of a hopeless class is the difference of scores, where log(softmax) would be infinite."""
    loss, pullback = cross_entropy_vjp([[[0.0, 5000.0, -5000.0]]], labels=[[0]])
    close(loss, 5000)
    close(pullback(1.0)[0], [[[-1, 1, 0]]])
    p, _ = softmax_vjp([1e308, -1e308])
    close(p, [1, 0])


@pytest.mark.parametrize(
    ("labels", "error", "words"),
    [
        ([[0, 3]], ValueError, r"labels are in \[0, 3\]; accepted are 0 to 2"),
        ([[0, -1]], ValueError, r"labels are in \[-1, 0\]"),
        ([[0.0, 1.0]], TypeError, "labels have dtype float64"),
        ([0, 1], ValueError, r"labels have shape \(2,\); accepted is \(1, 2\)"),
    ],
)
def test_bad_labels(labels, error, words):
    with pytest.raises(error, match=words):
        cross_entropy_vjp(np.zeros((1, 2, 3)), labels=labels)


# MODNet ---------------------------------------------------------------------------------------------------------


def test_the_semantic_target_is_the_kernel_of_the_published_code():
    """A 3x3 coarse matte with a single 1 shows the kernel."""
    alpha = np.kron([[0, 0, 0], [0, 1, 0], [0, 0, 0]], np.ones((16, 16)))
    kernel = np.array([[0.062611, 0.125, 0.062611], [0.125, 0.249558, 0.125], [0.062611, 0.125, 0.062611]])
    target = semantic_target_vjp(np.pad(alpha, 16), height=5, width=5)[0]
    np.testing.assert_allclose(target[1:4, 1:4], kernel, atol=1e-6)
    assert not target[0].any()


def test_the_semantic_target_reads_the_middle_pixels():
    alpha = RNG.random((32, 48))
    coarse = alpha.reshape(2, 16, 3, 16)[:, 7:9, :, 7:9].mean((1, 3))
    taps = np.array([naive_ops.blur_line(line, 0.8, 3, "reflect") for line in np.eye(3)])[1]
    expected = np.zeros((2, 3))
    for y in range(2):
        for x in range(3):
            for j, b in zip((-1, 0, 1), taps, strict=True):
                for i, a in zip((-1, 0, 1), taps, strict=True):
                    row = [naive_ops.read(line, x + i, "mirror") for line in coarse]
                    expected[y, x] += a * b * naive_ops.read(row, y + j, "mirror")
    close(semantic_target_vjp(alpha, height=2, width=3)[0], expected)


def test_the_semantic_loss_by_hand():
    """Against a constant matte: s - G = -0.5 and 0.1; half of the mean square is 0.065."""
    loss, pullback = semantic_loss_vjp([[0.5, 1.1]], np.ones((16, 32)))
    close(loss, 0.5 * (0.25 + 0.01) / 2)
    s_bar, truth_bar = pullback(2.0)
    close(s_bar, [[-0.5, 0.1]])
    close(truth_bar.sum(), 0.4)  # G keeps constants, so G^T keeps sums
    assert np.count_nonzero(truth_bar) == 8  # 2x2 pixels each


def test_the_detail_losses_by_hand():
    detail, truth, band = [[0.5, 0.5, 0.9]], [[1.0, 0.0, 0.0]], [[1, 1, 0]]
    for function in (detail_loss_vjp, detail_keeping_loss_vjp):
        loss, pullback = function(detail, truth, band=band)
        close(loss, 1 / 3)
        close(pullback(3.0)[0], [[-1, 1, 0]])
        close(pullback(3.0)[1], [[1, -1, 0]])


def test_the_matte_loss_of_a_composite_is_two_known_terms():
    """With I = truth F + (1 - truth) B, eq. 4 is |e| (1 + ||F - B||_1), with that gradient times sign e."""
    alpha, truth = RNG.random((2, 3, 4))
    F, B = RNG.random((2, 3, 4, 3))
    image = composite_vjp(F, truth, B)[0]
    loss, pullback = matte_loss_vjp(alpha, truth, image, F, B)
    weight = 1 + np.abs(F - B).sum(-1)
    close(loss, (np.abs(alpha - truth) * weight).mean())
    close(pullback(12.0)[0], np.sign(alpha - truth) * weight)


def test_the_consistency_loss_is_the_sum_of_its_terms():
    alpha, detail = RNG.random((2, 32, 48))
    s = RNG.random((2, 3))
    band = RNG.random((32, 48)) > 0.5
    loss, pullback = consistency_loss_vjp(alpha, s, detail, band=band)
    semantic, semantic_pullback = semantic_loss_vjp(s, alpha)
    fine, fine_pullback = detail_loss_vjp(alpha, detail, band=band)
    close(loss, semantic + fine)
    close(pullback(1.0)[0], semantic_pullback(1.0)[1] + fine_pullback(1.0)[0])
    close(pullback(1.0)[1], semantic_pullback(1.0)[0])
    close(pullback(1.0)[2], fine_pullback(1.0)[1])


def test_batches_that_differ():
    with pytest.raises(ValueError, match="same batch axis"):
        semantic_loss_vjp(np.zeros((2, 1, 1)), np.zeros((3, 16, 16)))


# Structure ------------------------------------------------------------------------------------------------------


def test_the_gradient_loss_by_hand():
    """Slopes (along, down) of the four pixels: (0.3, 0.4), (0, 0.1), (0, 0), (0, 0)."""
    alpha = np.array([[0.0, 0.3], [0.4, 0.4]])
    loss, _ = gradient_loss_vjp(alpha, np.zeros((2, 2)), eps=0)
    close(loss, (0.5 + 0.1 + 0 + 0) / 4)


def test_the_gradient_loss_of_a_ramp_and_an_edge():
    edge = np.repeat([[0.0, 0.0, 1.0, 1.0]], 5, axis=0)
    close(gradient_loss_vjp(edge, np.zeros_like(edge), eps=0)[0], 5 / 20)
    close(gradient_loss_vjp(edge, edge + 0.25, eps=0)[0], 0)
    close(gradient_loss_vjp(edge, edge, eps=0.01)[0], 0.01)


def test_the_gradient_loss_is_a_divergence():
    """A cotangent of a function of slopes has no mean."""
    alpha, truth = RNG.random((2, 6, 7))
    assert abs(gradient_loss_vjp(alpha, truth)[1](1.0)[0].sum()) < 1e-14


def naive_pyramid(plane, levels):
    bands = []
    for _ in range(levels - 1):
        h, w = plane.shape
        smaller = naive_ops.resize(naive_ops.blur(plane, 1.0, 2), -(-h // 2), -(-w // 2))
        bands.append(plane - naive_ops.resize(smaller, h, w))
        plane = smaller
    return [*bands, plane]


@given(size=st.tuples(st.integers(1, 10), st.integers(1, 10)), levels=st.integers(1, 5), seed=seeds)
def test_the_pyramid_loss_equals_the_naive_twin(size, levels, seed):
    alpha, truth = np.random.default_rng(seed).random((2, *size))
    expected = sum(2**s * np.abs(band).mean() for s, band in enumerate(naive_pyramid(alpha - truth, levels)))
    close(laplacian_pyramid_loss_vjp(alpha, truth, levels=levels)[0], expected)


def test_one_level_is_the_mean_absolute_difference():
    alpha, truth = RNG.random((2, 6, 7))
    close(laplacian_pyramid_loss_vjp(alpha, truth, levels=1)[0], np.abs(alpha - truth).mean())


# All ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda a: alpha_loss_vjp(a, a, eps=-1), ValueError, "eps is -1"),
        (lambda a: alpha_loss_vjp(a, a, eps="x"), TypeError, "eps is 'x'"),
        (lambda a: alpha_loss_vjp(a, a[:1]), ValueError, r"alpha has shape \(2, 3\) but truth has shape \(1, 3\)"),
        (lambda a: laplacian_pyramid_loss_vjp(a, a, levels=0), ValueError, "levels is 0"),
        (
            lambda a: weighted_alpha_loss_vjp(a, a, weights=np.ones(255)),
            ValueError,
            r"weights have shape \(255,\)",
        ),
        (lambda a: weighted_alpha_loss_vjp(a, a, weights=np.full(256, np.nan)), ValueError, "weights has 256"),
        (lambda a: alpha_weights([]), ValueError, "mattes is empty"),
        (lambda a: alpha_weights(a), ValueError, "matte has shape"),
        (lambda a: alpha_weights([255 * a + 2]), ValueError, "matte is float"),
        (lambda a: composite_vjp(np.ones((3, 3, 3)), a, a), ValueError, r"accepted are \(2, 3, c\) and \(2, 3\)"),
        (lambda a: composite_vjp(np.ones((2, 3, 3)), a, a), ValueError, "both must have the same shape"),
        (lambda a: softmax_vjp(a, axis=2), ValueError, "axis is 2; scores have 2 axes"),
        (lambda a: detail_loss_vjp(a, a, band=a[:, :1]), ValueError, "band has shape"),
        (lambda a: semantic_target_vjp(a, height=0, width=1), ValueError, "height is 0"),
    ],
)
def test_bad_input(call, error, words):
    with pytest.raises(error, match=words):
        call(np.zeros((2, 3)))


def test_scalars_may_be_arrays():
    a, t = RNG.random((2, 3, 4))
    loss, pullback = alpha_loss_vjp(a, t)
    assert np.shape(loss) == ()
    close(pullback(np.array(2.0))[0], 2 * pullback(1)[0])


def test_single_precision_losses_are_added_in_double():
    """A hundred thousand equal float32 terms: their mean is exact to rounding."""
    a = np.full((300, 400), np.float32(0.1))
    loss, _ = alpha_loss_vjp(a, np.zeros_like(a), eps=0)
    assert loss == np.float32(0.1)
    assert loss.dtype == np.float32


def test_the_value_of_a_softmax_may_be_written_to():
    scores = np.random.default_rng(0).standard_normal((4, 3))
    value, pullback = softmax_vjp(scores)
    expected = pullback(np.ones((4, 3)) * [1.0, 2.0, 3.0])[0]
    value[:] = 7
    np.testing.assert_array_equal(pullback(np.ones((4, 3)) * [1.0, 2.0, 3.0])[0], expected)
