"""Fused inference against the net that it stands for, layer by layer on the tape's ops."""

import pickle
import threading

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from classmat.nn import fast_deep_matting as fdm
from classmat.nn import inference, tape
from classmat.nn.inference import FastDeepMatting

SIDES = st.integers(1, 70)


@pytest.fixture(scope="module")
def net():
    """A net with biases and statistics that are not the initial ones, and scores of a trained net's size."""
    rng = np.random.default_rng(0)
    ldn = fdm.init_light_dense_network(rng)
    trees = {"ldn": ldn, **dict(zip(("fb", "buffers"), fdm.init_feathering_block(rng), strict=True))}
    trees = tape.map_tree(lambda p: (p + 0.02 * rng.standard_normal(p.shape)).astype(np.float32), trees)
    trees["ldn"]["final"]["weight"] *= 3
    return trees


def draw_image(height, width, seed=0):
    return np.random.default_rng(seed).random((height, width, 3), dtype=np.float32)


def expected(net, image, radius=0):
    mask = fdm.mask_of(fdm.light_dense_network(net["ldn"], image))
    return mask[..., 1], fdm.feathering_block(net["fb"], net["buffers"], image, mask, radius=radius)[0]


@given(SIDES, SIDES, st.integers(0, 2), st.integers(0, 2**32 - 1))
@example(1, 1, 2, 0)
@example(128, 128, 0, 0)
@example(17, 16, 1, 0)
@example(16, 33, 2, 0)
def test_equal_to_the_layers(net, height, width, radius, seed):
    image = draw_image(height, width, seed)
    run = FastDeepMatting(**_trees(net), radius=radius)
    mask, alpha = expected(net, image, radius)
    np.testing.assert_allclose(run.mask(image), mask, atol=1e-5)
    np.testing.assert_allclose(run(image), alpha, atol=1e-5)


def test_the_mask_is_not_a_constant(net):
    mask = FastDeepMatting(net["ldn"]).mask(draw_image(64, 64))
    assert mask.min() < 0.4
    assert mask.max() > 0.6


def test_without_a_block_the_matte_is_the_mask(net):
    image, run = draw_image(20, 31), FastDeepMatting(net["ldn"])
    np.testing.assert_array_equal(run(image), run.mask(image))


@pytest.mark.parametrize("scale", [1, 1e3, 1e6])
def test_certain_scores_give_certain_masks(net, scale):
    """The exponential neither overflows nor leaves [0, 1]."""
    ldn = tape.map_tree(np.array, net["ldn"])
    ldn["final"]["weight"] *= np.float32(scale)
    image = draw_image(40, 40)
    mask = FastDeepMatting(ldn).mask(image)
    assert mask.min() >= 0
    assert mask.max() <= 1
    np.testing.assert_allclose(mask, expected(net | {"ldn": ldn}, image)[0], atol=1e-5 * max(1, scale / 100))


@pytest.mark.parametrize("radius", [0, 1, 40])
@pytest.mark.parametrize("shape", [(64, 65), (97, 80), (3, 2000)])
def test_threads_change_no_bit(net, shape, radius):
    image = draw_image(*shape)
    together, alone = (
        FastDeepMatting(**_trees(net), radius=radius, parallel=parallel) for parallel in (True, False)
    )
    np.testing.assert_array_equal(together(image), alone(image))
    np.testing.assert_array_equal(together.mask(image), alone.mask(image))


@pytest.mark.parametrize("parallel", [True, False])
def test_eight_python_threads_at_once(net, parallel):
    """Each with sizes of its own, so that workspaces grow and are reused while others compute."""
    run = FastDeepMatting(**_trees(net), radius=1, parallel=parallel)
    images = [draw_image(50 + 9 * k, 90 - 7 * k, k) for k in range(8)]
    right, wrong = [run(image) for image in images], []

    def work(first):
        for k in range(24):
            at = (first + k * (first % 3 + 1)) % 8
            if not np.array_equal(run(images[at]), right[at]):
                wrong.append(at)

    threads = [threading.Thread(target=work, args=(first,)) for first in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_writes_to_out(net):
    run, image = FastDeepMatting(**_trees(net)), draw_image(9, 12)
    out = np.full((9, 12), np.nan, np.float32)
    assert run(image, out=out) is out
    np.testing.assert_array_equal(out, run(image))
    with pytest.raises(ValueError, match="out"):
        run(image, out=np.empty((9, 13), np.float32))


def test_any_image(net):
    run, photo = FastDeepMatting(net["ldn"]), (255 * draw_image(12, 10)).astype(np.uint8)
    np.testing.assert_allclose(run(photo), run(photo / np.float32(255)), atol=1e-6)
    np.testing.assert_array_equal(run(photo[..., 0]), run(np.repeat(photo[..., :1], 3, axis=2)))
    with pytest.raises(ValueError, match="image"):
        run(np.full((4, 4, 3), np.nan))


def test_survives_pickling(net):
    run, image = FastDeepMatting(**_trees(net)), draw_image(12, 10)
    run(image)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(run))(image), run(image))


def test_weights_are_copied(net):
    ldn, image = tape.map_tree(np.array, net["ldn"]), draw_image(12, 10)
    run = FastDeepMatting(ldn)
    before = run(image)
    ldn["final"]["bias"] += 1
    np.testing.assert_array_equal(run(image), before)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fb_buffers": None}, "fb_params or fb_buffers is missing; accepted are both or neither"),
        ({"ldn_params": {}}, "initial has no weight"),
        ({"ldn_params": None}, "initial has no weight"),
        (
            {"fb_params": {"conv1": {"weight": np.zeros((3, 3, 14, 8)), "bias": np.zeros(8)}}},
            r"accepted is \(3, 3, 11, 8\)",
        ),
        ({"radius": -1}, "radius"),
    ],
)
def test_bad_arguments(net, change, message):
    with pytest.raises(ValueError, match=message):
        FastDeepMatting(**(_trees(net) | change))


def test_workspace_size():
    assert inference.workspace_size(128, 128) * 4 < 2e6
    with pytest.raises(ValueError, match="height"):
        inference.workspace_size(0, 3)


def _trees(net):
    return {"ldn_params": net["ldn"], "fb_params": net["fb"], "fb_buffers": net["buffers"]}
