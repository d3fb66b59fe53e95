import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from classmat.nn.checkpoint import load_checkpoint, save_checkpoint
from classmat.nn.joining import concatenate_vjp
from classmat.nn.optimisers import SGD, Adam, clip_gradients, cosine, stepwise
from classmat.testing import check_pullback


def descend(optimiser, torch_optimiser, rates):
    """Run both on the same gradients; return both parameters."""
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    params = {"w": rng.standard_normal((3, 4)), "b": {"c": rng.standard_normal(5)}}
    tensors = [torch.tensor(params["w"]), torch.tensor(params["b"]["c"])]
    theirs, state = torch_optimiser(torch, tensors), optimiser.start(params)
    for rate in rates:
        grads = {"w": rng.standard_normal((3, 4)), "b": {"c": rng.standard_normal(5)}}
        params, state = optimiser.step(params, grads, state, rate=rate)
        theirs.param_groups[0]["lr"] = rate
        for tensor, grad in zip(tensors, (grads["w"], grads["b"]["c"]), strict=True):
            tensor.grad = torch.tensor(grad)
        theirs.step()
    return [params["w"], params["b"]["c"]], [tensor.numpy() for tensor in tensors]


@pytest.mark.parametrize(
    ("optimiser", "torch_optimiser"),
    [
        (SGD(0.9, 5e-4), lambda torch, p: torch.optim.SGD(p, 1.0, momentum=0.9, weight_decay=5e-4)),
        (Adam(), lambda torch, p: torch.optim.Adam(p)),
        (Adam(weight_decay=0.1), lambda torch, p: torch.optim.AdamW(p, weight_decay=0.1)),
    ],
)
def test_steps_are_torch_s(optimiser, torch_optimiser):
    ours, theirs = descend(optimiser, torch_optimiser, [1e-2] * 5 + [1e-3] * 5)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


def test_a_step_leaves_what_it_was_given():
    params, grads = {"w": np.ones(3, np.float32)}, {"w": np.ones(3, np.float32)}
    for optimiser in (SGD(), Adam()):
        moved, _ = optimiser.step(params, grads, optimiser.start(params), rate=0.1)
        assert moved["w"].dtype == np.float32
        assert (moved["w"] < 1).all()
        assert (params["w"] == 1).all()


@given(largest=st.floats(0.01, 100), seed=st.integers(0, 99))
def test_clipped_gradients_keep_their_direction(largest, seed):
    g = np.random.default_rng(seed).standard_normal(7)
    (clipped,), norm = clip_gradients([g], largest)
    assert norm == pytest.approx(np.linalg.norm(g))
    assert np.linalg.norm(clipped) <= largest * (1 + 1e-12) or np.array_equal(clipped, g)
    np.testing.assert_allclose(clipped / np.linalg.norm(clipped), g / norm, atol=1e-12)


@pytest.mark.parametrize(
    "call",
    [
        lambda: SGD(momentum=1),
        lambda: Adam(beta2=1.5),
        lambda: Adam(eps=0),
        lambda: cosine(0, 5),
        lambda: stepwise(-1, []),
    ],
)
def test_bad_numbers(call):
    with pytest.raises(ValueError):
        call()


@given(sizes=st.lists(st.integers(1, 4), min_size=1, max_size=4), axis=st.sampled_from([-1, 0]))
def test_concatenate(sizes, axis):
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal((2, n) if axis == -1 else (n, 2)) for n in sizes]
    check_pullback(concatenate_vjp, arrays, axis=axis)


def test_arrays_that_do_not_fit():
    with pytest.raises(ValueError, match=r"arrays of shapes \(1, 2\), \(2, 2\)"):
        concatenate_vjp(np.ones((1, 2)), np.ones((2, 2)))


def test_a_checkpoint_is_what_was_saved(tmp_path):
    trees = {
        "params": {"a": {"w": np.ones((2, 3), np.float32)}, "b": np.arange(3)},
        "state": {"steps": np.int64(4)},
    }
    save_checkpoint(tmp_path / "net.npz", trees, {"step": 4, "name": "net"})
    found, manifest = load_checkpoint(tmp_path / "net.npz")
    assert manifest == {"step": 4, "name": "net"}
    assert found["params"]["a"]["w"].dtype == np.float32
    assert found["state"]["steps"] == 4
    np.testing.assert_array_equal(found["params"]["b"], [0, 1, 2])


def test_damaged_checkpoints_are_told(tmp_path):
    path = tmp_path / "net.npz"
    save_checkpoint(path, {"params": {"w": np.ones(1000)}}, {})
    whole = path.read_bytes()
    for content in (b"", b"text", whole[: len(whole) // 2]):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="is no checkpoint of classmat"):
            load_checkpoint(path)
    np.savez(path, w=np.ones(3))
    with pytest.raises(ValueError, match="is no checkpoint of classmat"):
        load_checkpoint(path)
    with pytest.raises(FileNotFoundError):
        load_checkpoint(tmp_path / "nothing.npz")


@pytest.mark.parametrize("tree", [{"a/b": np.ones(1)}, {3: np.ones(1)}, {"a": "text"}, {"": np.ones(1)}])
def test_trees_that_cannot_be_saved(tmp_path, tree):
    with pytest.raises((TypeError, ValueError)):
        save_checkpoint(tmp_path / "net.npz", {"params": tree}, {})
    assert not list(tmp_path.iterdir())
