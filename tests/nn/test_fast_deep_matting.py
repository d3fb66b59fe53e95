"""The architecture of Fast Deep Matting: its layer table, its equations, and its derivatives as a whole."""

import naive_nets
import numpy as np
import pytest
from naive_filters import box_mean

from classmat.nn import fast_deep_matting as fdm
from classmat.nn import tape
from classmat.ops import alpha_loss_vjp, cross_entropy_vjp

TABLE = {  # parameters of each layer
    "initial": 364,
    "dense1": 2320,
    "dense2": 4624,
    "dense3": 6928,
    "dense4": 9232,
    "final": 1154,
}


@pytest.fixture(scope="module")
def net():
    rng = np.random.default_rng(0)
    return fdm.init_light_dense_network(rng), *fdm.init_feathering_block(rng)


def test_parameters_are_those_of_the_layer_table(net):
    ldn, fb, _ = net
    assert {name: fdm.count_parameters(layer) for name, layer in ldn.items()} == TABLE
    assert {name: fdm.count_parameters(layer) for name, layer in fb.items()} == {
        "conv1": 800,
        "norm": 16,
        "conv2": 219,
    }
    assert fdm.count_parameters(ldn) + fdm.count_parameters(fb) == 25657


@pytest.mark.parametrize("shape", [(128, 128), (33, 20), (1, 1), (2, 7)])
def test_any_size(net, shape):
    ldn, fb, buffers = net
    image = np.random.default_rng(1).random((2, *shape, 3)).astype(np.float32)
    scores = fdm.light_dense_network(ldn, image)
    assert scores.shape == (2, *shape, 2)
    assert scores.dtype == np.float32
    alpha, _ = fdm.feathering_block(fb, buffers, image, fdm.mask_of(scores), radius=1)
    assert alpha.shape == (2, *shape)
    np.testing.assert_allclose(fdm.light_dense_network(ldn, image[0]), scores[0], atol=1e-6)


def test_a_new_feathering_block_nearly_returns_the_mask(net):
    _, fb, buffers = net
    rng = np.random.default_rng(2)
    image, scores = rng.random((16, 12, 3)), rng.standard_normal((16, 12, 2))
    mask = fdm.mask_of(scores)
    alpha, _ = fdm.feathering_block(fb, buffers, image, mask)
    assert np.corrcoef(alpha.ravel(), mask[..., 1].ravel())[0, 1] > 0.9


def test_feathering_block_by_the_equations(net):
    """Layers from the naive twin, then eqs. 2 and 5."""
    _, fb, buffers = net
    rng = np.random.default_rng(3)
    image, mask = rng.random((9, 8, 3)), fdm.mask_of(rng.standard_normal((9, 8, 2)))
    seen = np.concatenate([image, mask, image**2, image * mask[..., 1:]], axis=2)[None]
    hidden = naive_nets.conv2d(seen, fb["conv1"]["weight"], fb["conv1"]["bias"], 1, 1, 1, 1)
    hidden = (hidden - buffers["mean"]) / np.sqrt(buffers["variance"] + 1e-5) * fb["norm"]["gamma"] + fb["norm"][
        "beta"
    ]
    abc = naive_nets.conv2d(np.maximum(hidden, 0), fb["conv2"]["weight"], fb["conv2"]["bias"], 1, 1, 1, 1)[0]
    a, b, c = (box_mean(abc[..., k], 2) for k in range(3))
    alpha, _ = fdm.feathering_block(fb, buffers, image, mask, radius=2)
    np.testing.assert_allclose(alpha, a * mask[..., 1] + b * mask[..., 0] + c, atol=1e-6)


def total(tree):
    return sum(map(total, tree.values())) if isinstance(tree, dict) else float(tree)


def test_gradients_of_the_whole_net(net):
    """Central differences along random directions, in float64, through all layers at once."""
    rng = np.random.default_rng(4)
    params = tape.map_tree(lambda p: p + 0.05 * rng.standard_normal(p.shape), {"ldn": net[0], "fb": net[1]})
    image, truth = rng.random((2, 17, 14, 3)), rng.random((2, 17, 14))
    labels = (truth > 0.5).astype(int)

    def loss_of(params):
        scores = fdm.light_dense_network(params["ldn"], image)
        alpha, _ = fdm.feathering_block(
            params["fb"], net[2], image, fdm.mask_of(scores), radius=1, is_training=True
        )
        coarse = tape.apply(cross_entropy_vjp, scores, labels=labels)
        return tape.apply(alpha_loss_vjp, alpha, truth) + coarse

    _, grads = tape.value_and_gradients(loss_of, params)
    for seed in range(3):
        rng = np.random.default_rng(seed)
        direction = tape.map_tree(lambda p, rng=rng: rng.standard_normal(p.shape), params)
        slopes = tape.map_tree(np.vdot, grads, direction)
        step = 1e-6
        ends = [
            float(loss_of(tape.map_tree(lambda p, d, s=s: p + s * d, params, direction))) for s in (step, -step)
        ]
        assert (ends[0] - ends[1]) / (2 * step) == pytest.approx(total(slopes), rel=1e-4)


def test_running_statistics_move_in_training_alone(net):
    _, fb, buffers = net
    rng = np.random.default_rng(5)
    image, mask = rng.random((4, 8, 8, 3)), fdm.mask_of(rng.standard_normal((4, 8, 8, 2)))
    _, same = fdm.feathering_block(fb, buffers, image, mask)
    _, moved = fdm.feathering_block(fb, buffers, image, mask, is_training=True)
    assert same is buffers
    assert not np.array_equal(moved["mean"], buffers["mean"])
