"""The recipe of Fast Deep Matting: its losses, what each stage moves, breaks, and how results are judged."""

import numpy as np
import pytest

import classmat as cm
from classmat.nn import tape
from classmat.nn.data import Batch, find_pairs
from classmat.nn.fast_deep_matting import feathering_block, light_dense_network, mask_of
from classmat.nn.recipes.fast_deep_matting import Recipe, mask_loss, matting_loss
from classmat.nn.recipes.judging import choose_filter, filter_masks, held_out_batch, judge, predict
from classmat.nn.recipes.running import Run, carry_out, losses_by_stage
from classmat.nn.weights import load_weights

TINY = {"size": 16, "batch_size": 2, "steps": [3, 2, 2], "seed": 5}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("photos")
    for name in ("image", "alpha"):
        (root / name).mkdir()
    for seed in range(5):
        scene = cm.gallery.disc(24, 20 + seed)
        cm.write_image(root / "image" / f"{seed}.png", scene.image * (0.5 + 0.1 * seed))
        cm.write_image(root / "alpha" / f"{seed}.png", scene.alpha)
    return root


@pytest.fixture
def batch(rng):
    return Batch(rng.random((2, 9, 8, 3), np.float32), rng.random((2, 9, 8), np.float32))


@pytest.fixture
def rng():
    return np.random.default_rng(7)


def test_the_mask_s_loss_is_the_mean_negative_logarithm(batch):
    start = Recipe().start()
    loss, buffers = mask_loss(start.params, start.buffers, batch)
    mask = mask_of(light_dense_network(start.params["ldn"], batch.image))
    right = np.where(batch.alpha > 0.5, mask[..., 1], mask[..., 0])
    assert loss == pytest.approx(-np.log(right).mean(), rel=1e-5)
    assert buffers is start.buffers


def test_the_matte_s_loss_is_equation_6(batch):
    start = Recipe().start()
    loss, moved = matting_loss(start.params, start.buffers, batch, radius=1, eps=0.01)
    mask = mask_of(light_dense_network(start.params["ldn"], batch.image))
    alpha, _ = feathering_block(
        start.params["fb"], start.buffers["fb"], batch.image, mask, radius=1, is_training=True
    )
    colours = batch.alpha[..., None] * batch.image - alpha[..., None] * batch.image
    expected = np.sqrt((batch.alpha - alpha) ** 2 + 1e-4) + np.sqrt(colours**2 + 1e-4).sum(axis=-1)
    assert loss == pytest.approx(expected.mean(), rel=1e-5)
    assert not np.array_equal(moved["fb"]["mean"], start.buffers["fb"]["mean"])


def test_gradients_of_the_whole_net_are_the_differences(batch, rng):
    """Along a random direction through all parameters, in float64."""
    start = Recipe(seed=2).start()
    params = tape.map_tree(lambda p: p.astype(np.float64) + 0.01 * rng.standard_normal(p.shape), start.params)
    buffers = tape.map_tree(lambda p: p.astype(np.float64), start.buffers)
    wide = Batch(batch.image.astype(np.float64), batch.alpha.astype(np.float64))
    direction = tape.map_tree(lambda p: rng.standard_normal(p.shape), params)

    def value(step):
        moved = tape.map_tree(lambda p, d: p + step * d, params, direction)
        return float(matting_loss(moved, buffers, wide, radius=1, eps=0.1)[0])

    watched = tape.watch(params)
    slopes = tape.gradients(matting_loss(watched, buffers, wide, radius=1, eps=0.1)[0], watched)
    products = []
    tape.map_tree(lambda g, d: products.append(float(np.vdot(g, d))), slopes, direction)
    step = 1e-6
    assert sum(products) == pytest.approx((value(step) - value(-step)) / (2 * step), rel=1e-5)


def test_stages_move_what_they_should(folder, tmp_path):
    run = Run.of(folder, tmp_path, Recipe.from_mapping(TINY), held_out=0.2)
    first = run.recipe.start()
    seen = []
    last = carry_out(run, judged=lambda stage, scores: seen.append((stage, sorted(scores))))
    after = [load_weights(tmp_path / f"after_{name}.npz", architecture="fast-deep-matting") for name, _ in seen]
    assert seen == [(name, ["LDN", "LDN+FB", "LDN+GF"]) for name in ("mask", "feathering", "joint")]
    assert _same(after[0].params["fb"], first.params["fb"])
    assert not _same(after[0].params["ldn"], first.params["ldn"])
    assert _same(after[1].params["ldn"], after[0].params["ldn"])
    assert not _same(after[1].params["fb"], after[0].params["fb"])
    assert not _same(after[2].params["ldn"], after[1].params["ldn"])
    assert _same(after[2].params, last.params)
    assert last.manifest["data"]["held_out"] == 1


def test_a_run_that_was_broken_off_ends_the_same(folder, tmp_path):
    recipe = Recipe.from_mapping(TINY)
    whole = carry_out(Run.of(folder, tmp_path / "whole", recipe, held_out=0.2))

    class Broken(Exception):
        pass

    def stop(progress):
        if len(progress.losses) == 4:
            raise Broken

    run = Run.of(folder, tmp_path / "broken", recipe, held_out=0.2)
    with pytest.raises(Broken):
        carry_out(run, every=1, report=stop)
    assert not (run.folder / "weights.npz").exists()
    again = carry_out(run, every=1)
    assert _same(again.params, whole.params)
    assert again.manifest == whole.manifest
    assert (run.folder / "losses.csv").read_text() == (tmp_path / "whole" / "losses.csv").read_text()
    with pytest.raises(ValueError, match=r"is of a training with recipe\.radius = 1, this one has 2"):
        carry_out(Run.of(folder, run.folder, Recipe.from_mapping({**TINY, "radius": 2}), held_out=0.2))


def test_a_run_that_ended_while_it_was_judged_writes_what_it_owes(folder, tmp_path, monkeypatch):
    from classmat.nn.recipes import running

    class Killed(Exception):
        pass

    def kill(*_, **__):
        raise Killed

    run = Run.of(folder, tmp_path, Recipe.from_mapping({**TINY, "steps": [2, 0, 1]}), held_out=0.2)
    for _ in range(2):  # within each of the two stages' judging
        with monkeypatch.context() as patch:
            patch.setattr(running, "judge_variants", kill)
            with pytest.raises(Killed):
                carry_out(run)
        if not (tmp_path / "after_mask.npz").exists():
            with pytest.raises(Killed):
                carry_out(run, report=kill)
    carry_out(run)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {
        "checkpoint.npz",
        "losses.csv",
        "scores.json",
        "weights.npz",
        "after_mask.npz",
        "after_joint.npz",
    }


def test_a_recipe_survives_its_manifest():
    recipe = Recipe.from_mapping({"rates": [1e-3, 1e-4, 1e-5], "augmentation": {"scale": [0.9, 1.1]}})
    assert Recipe.from_mapping(recipe.as_mapping()) == recipe
    assert Recipe(steps=(3, 0, 2)).stages()[1].name == "joint"
    assert losses_by_stage(Recipe(steps=(2, 0, 1)), [1.0, 2.0, 3.0]) == {"mask": [1.0, 2.0], "joint": [3.0]}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"radios": 1}, "a recipe has no 'radios'; accepted are augmentation, batch_size"),
        ({"augmentation": {"turns": 1}}, "a recipe has no 'augmentation.turns'"),
        ({"steps": [1, 2]}, "accepted are three numbers"),
        ({"steps": [1, 2, -1]}, "steps"),
        ({"rates": [1, 0, 1]}, "rates"),
        ({"size": 0}, "size"),
        ({"eps": -1.0}, "eps"),
        ({"steps": [0, 0, 0]}, "at least one step"),
        ({"augmentation": {"scale": 1.0}}, "accepted are two numbers"),
        ({"augmentation": {"scale": [1.0]}}, "accepted are two numbers"),
    ],
)
def test_recipes_that_are_none(values, message):
    with pytest.raises(ValueError, match=message):
        Recipe.from_mapping(values)


def test_an_augmentation_that_is_none():
    with pytest.raises(TypeError, match="accepted is a table"):
        Recipe.from_mapping({"augmentation": 3})
    with pytest.raises(TypeError, match="mirror"):
        Recipe.from_mapping({"augmentation": {"mirror": "no"}})


def test_scores_are_what_they_say(rng):
    truth = np.zeros((2, 8, 8))
    truth[:, 2:6, 2:6] = 1
    guess = truth.copy()
    guess[0, 2:6, 2:4] = 0
    score = judge(guess, truth)
    assert score.mse == pytest.approx(8 / 64 / 2)
    assert score.iou == pytest.approx((0.5 + 1) / 2)
    assert score.gradient > 0


def test_the_chosen_filter_is_the_best_of_those_tried():
    scene = cm.gallery.disc(40, 40)
    images, truths = scene.image[np.newaxis], scene.alpha[np.newaxis]
    masks = np.clip(truths + 0.3 * np.random.default_rng(0).standard_normal(truths.shape), 0, 1)
    radius, eps = choose_filter(images, masks, truths)
    best = judge(filter_masks(images, masks, radius, eps), truths).mse
    assert best < 0.5 * judge(masks, truths).mse
    assert all(
        best <= judge(filter_masks(images, masks, *o), truths).mse for o in ((1, 1e-6), (16, 0.1), (4, 1e-4))
    )


def test_predictions_are_the_net_s(folder, batch):
    start = Recipe(seed=1).start()
    masks, mattes = predict(start.params, start.buffers, batch.image, radius=1)
    mask = mask_of(light_dense_network(start.params["ldn"], batch.image))
    alpha, _ = feathering_block(start.params["fb"], start.buffers["fb"], batch.image, mask, radius=1)
    np.testing.assert_allclose(masks, mask[..., 1], atol=1e-6)
    np.testing.assert_allclose(mattes, np.clip(alpha, 0, 1), atol=1e-6)
    assert len(find_pairs(folder)) == 5


def test_held_out_photos_are_only_squeezed():
    image = np.random.default_rng(0).integers(0, 255, (16, 16, 3), np.uint8)
    photos = held_out_batch([(image, image[..., 0])], 16)
    np.testing.assert_allclose(photos.image[0], image / 255, atol=1e-6)


def _same(a, b):
    differences = []
    tape.map_tree(lambda x, y: differences.append(not np.array_equal(x, y)), a, b)
    return not any(differences)
