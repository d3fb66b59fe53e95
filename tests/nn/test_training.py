"""Data and training: the same batch for the same number, and the same result after a break."""

import contextlib
import itertools

import numpy as np
import pytest

import classmat as cm
from classmat.nn import tape
from classmat.nn.augment import NONE, Augmentation
from classmat.nn.data import Batches, find_pairs, load_pairs, paint_portraits, prefetched, split_pairs
from classmat.nn.optimisers import Adam, cosine
from classmat.nn.training import Progress, Stage, resume, train


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("photos")
    for name in ("image", "alpha"):
        (root / name).mkdir()
    for seed in range(6):
        scene = cm.gallery.disc(40, 30 + seed)
        cm.write_image(root / "image" / f"{seed}.png", scene.image * (0.5 + 0.1 * seed))
        cm.write_image(root / "alpha" / f"{seed}.png", scene.alpha)
    return root


@pytest.fixture(scope="module")
def batches(folder):
    return Batches(load_pairs(find_pairs(folder), 24), size=16, batch_size=4, seed=1)


def test_a_batch_depends_on_its_number_alone(batches):
    image, alpha = batches(5)
    assert (image.shape, alpha.shape) == ((4, 16, 16, 3), (4, 16, 16))
    assert image.dtype == alpha.dtype == np.float32
    again = batches(5)
    np.testing.assert_array_equal(again.image, image)
    np.testing.assert_array_equal(again.alpha, alpha)
    assert not np.array_equal(batches(6).image, image)


def test_each_round_shows_every_photo_once(folder):
    pairs = [(np.full((8, 8, 3), k, np.uint8), np.zeros((8, 8), np.uint8)) for k in range(6)]
    plain = Batches(pairs, size=8, batch_size=3, augmentation=NONE)
    seen = np.rint(255 * np.concatenate([plain(k).image[:, 0, 0, 0] for k in range(4)]))
    assert sorted(seen[:6]) == sorted(seen[6:]) == list(range(6))


def test_batches_of_workers_are_the_same(batches):
    with contextlib.closing(prefetched(batches, 3, workers=2)) as coming:
        for number, batch in zip(range(3, 9), coming, strict=False):
            np.testing.assert_array_equal(batch.image, batches(number).image)


def test_photo_and_matte_move_together():
    """A photo that is its own matte stays so under every variation that leaves colours alone."""
    rng = np.random.default_rng(0)
    alpha = cm.gallery.disc(60, 50).alpha
    image = np.repeat(alpha[..., None], 3, axis=2)
    for _ in range(20):
        moved, matte = Augmentation(blur=0.0, shift=0.2).apply(rng, image, alpha, 32)
        np.testing.assert_allclose(moved[..., 0], matte, atol=1e-5)


def test_no_augmentation_keeps_the_picture():
    image = np.random.default_rng(0).random((16, 16, 3))
    same, _ = NONE.apply(np.random.default_rng(0), image, image[..., 0], 16)
    np.testing.assert_allclose(same, image, atol=1e-6)


def test_scale_enlarges_the_subject():
    alpha = cm.gallery.disc(64, 64).alpha
    image = np.repeat(alpha[..., None], 3, axis=2)
    areas = [
        Augmentation(mirror=False, scale=(s, s), turn=0.0, blur=0.0)
        .apply(np.random.default_rng(0), image, alpha, 64)[1]
        .sum()
        for s in (0.75, 1.0, 1.5)
    ]
    np.testing.assert_allclose(np.array(areas) / areas[1], np.square([0.75, 1, 1.5]), rtol=0.05)


def test_painted_portraits_go_on_where_they_stopped(tmp_path):
    done = []
    paint_portraits(tmp_path, 2, size=32)
    first = (tmp_path / "image" / "snapshot0000000.png").stat().st_mtime_ns
    paint_portraits(tmp_path, 3, size=32, progress=done.append)
    assert done == [3]
    assert (tmp_path / "image" / "snapshot0000000.png").stat().st_mtime_ns == first
    assert len(find_pairs(tmp_path)) == 3


def test_folders_that_are_none(tmp_path, folder):
    with pytest.raises(NotADirectoryError, match="accepted is one with photos in image/"):
        find_pairs(tmp_path)
    for name in ("image", "alpha"):
        (tmp_path / name).mkdir()
    with pytest.raises(ValueError, match="has no pictures"):
        find_pairs(tmp_path)
    cm.write_image(tmp_path / "image" / "lonely.png", np.zeros((4, 4)))
    with pytest.raises(ValueError, match=r"has no matte for lonely\.png"):
        find_pairs(tmp_path)
    cm.write_image(tmp_path / "alpha" / "lonely.png", np.zeros((4, 5)))
    with pytest.raises(ValueError, match="5 x 4 pixels but the photo has 4 x 4"):
        load_pairs(find_pairs(tmp_path), 4)
    with pytest.raises(ValueError, match="scale"):
        Augmentation(scale=(2.0, 1.0))


def test_split_is_one_of_all():
    pairs = [(i, i) for i in range(20)]
    train_set, held_out = split_pairs(pairs, 0.1, seed=3)
    assert sorted(train_set + held_out) == pairs
    assert len(held_out) == 2


def stages():
    def loss(params, buffers, batch):
        guess = params["colour"]["w"] * batch.image.mean(axis=3) + params["shift"]["b"]
        difference = guess - batch.alpha
        return (difference * difference).mean(), {"count": buffers["count"] + 1}

    return [
        Stage("one", loss, ("colour",), 7, cosine(0.1, 7)),
        Stage("both", loss, ("colour", "shift"), 6, cosine(0.1, 6, warm_up=2), Adam(weight_decay=0.01), 1.0),
    ]


def fresh():
    params = {"colour": {"w": np.zeros(())}, "shift": {"b": np.full((), 0.5)}}
    return Progress(params, {"count": np.zeros(())})


class Killed(Exception):
    pass


@pytest.mark.parametrize("when", [1, 4, 7, 9, 12])
def test_a_break_changes_nothing(tmp_path, batches, when):
    whole = train(fresh(), stages(), batches)
    assert whole.losses[-1] < whole.losses[0]
    path, steps = tmp_path / "net.npz", itertools.count(1)

    def stop(progress):
        if next(steps) == when:
            raise Killed

    with pytest.raises(Killed):
        train(fresh(), stages(), batches, checkpoint=path, every=2, manifest={"seed": 1}, report=stop)
    begun = resume(path, fresh, {"seed": 1})
    assert len(begun.losses) >= when - 2
    resumed = train(begun, stages(), batches, checkpoint=path, every=2, manifest={"seed": 1})
    assert resumed.losses == whole.losses
    tape.map_tree(np.testing.assert_array_equal, resumed.params, whole.params)
    tape.map_tree(np.testing.assert_array_equal, resumed.buffers, whole.buffers)
    tape.map_tree(np.testing.assert_array_equal, resume(path, fresh, {"seed": 1}).params, whole.params)


def test_a_stage_moves_what_it_names(batches):
    progress = train(fresh(), stages()[:1], batches)
    assert progress.params["shift"]["b"] == 0.5
    assert progress.params["colour"]["w"] != 0


def test_another_training_s_checkpoint_is_refused(tmp_path, batches):
    path = tmp_path / "net.npz"
    train(fresh(), stages(), batches, checkpoint=path, manifest={"seed": 1})
    with pytest.raises(ValueError, match="is of a training with seed = 1, this one has 2"):
        resume(path, fresh, {"seed": 2})


def test_a_loss_that_is_not_finite_stops(batches):
    def loss(params, buffers, batch):
        return (params["colour"]["w"] * np.inf).sum(), buffers

    stage = Stage("bad", loss, ("colour",), 3, cosine(1.0, 3))
    with (
        np.errstate(invalid="ignore"),
        pytest.raises(FloatingPointError, match="after 0 steps of the stage 'bad'"),
    ):
        train(fresh(), [stage], batches)
