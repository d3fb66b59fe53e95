"""Every op as a function of tensors: exact, without copies, in threads and in worker processes."""

import inspect
import multiprocessing
import pickle
import subprocess
import sys
import threading

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

from classmat.adapters import torch as cmt
from classmat.adapters._torch_functions import function_of
from classmat.ops.table import OPS, Op


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


every_op = pytest.mark.parametrize("op", OPS.values(), ids=OPS)


def tensor_of(array, kind, batch):
    """Return the array of an op as a tensor, with PyTorch's axes."""
    tensor = torch.tensor(array)
    if kind in ("plane", "positive", "coarse"):
        return tensor.unsqueeze(-3)
    if kind in ("image", "channels"):
        return tensor.permute(0, 3, 1, 2) if batch else tensor.permute(2, 0, 1)
    return tensor


def example(op, height=4, width=5, batch=2, dtype=np.float64, seed=0):
    """Return arguments as the op takes them, and the same as tensors."""
    arrays, options = op.example(np.random.default_rng(seed), height, width, batch)
    arrays = [array.astype(dtype) for array in arrays]
    tensors = [tensor_of(x, kind, batch) for x, kind in zip(arrays, op.differentiable.values(), strict=True)]
    static = {
        name: tensor_of(value, op.kinds[name], batch) if name in op.static_arrays else value
        for name, value in options.items()
    }
    return (arrays, options), (tensors, static)


@every_op
def test_gradcheck(op):
    _, (tensors, static) = example(op)
    function = getattr(cmt, op.name)
    inputs = [tensor.clone().requires_grad_() for tensor in tensors]
    assert torch.autograd.gradcheck(lambda *args: function(*args, **static), inputs)


@every_op
@pytest.mark.parametrize("batch", [None, 2])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_same_as_the_op(op, batch, dtype):
    (arrays, options), (tensors, static) = example(op, 6, 7, batch, dtype)
    value, pullback = op.function(*arrays, **options)
    inputs = [tensor.clone().requires_grad_() for tensor in tensors]
    result = getattr(cmt, op.name)(*inputs, **static)
    expected = tensor_of(np.asarray(value), op.value, batch)
    assert result.dtype == expected.dtype
    assert torch.equal(result, expected)

    y_bar = np.random.default_rng(1).standard_normal(np.shape(value)).astype(dtype)
    result.backward(tensor_of(y_bar, op.value, batch))
    for tensor, bar, kind in zip(inputs, pullback(y_bar), op.differentiable.values(), strict=True):
        assert torch.equal(tensor.grad, tensor_of(bar, kind, batch))


@every_op
def test_only_the_gradients_that_are_needed(op):
    _, (tensors, static) = example(op)
    function = getattr(cmt, op.name)
    assert not function(*tensors, **static).requires_grad
    for wanted in range(len(tensors)):
        inputs = [tensor.clone().requires_grad_(i == wanted) for i, tensor in enumerate(tensors)]
        value = function(*inputs, **static)
        value.backward(torch.ones_like(value))
        assert [tensor.grad is not None for tensor in inputs] == [i == wanted for i in range(len(tensors))]
        with torch.no_grad():
            assert function(*inputs, **static).grad_fn is None


@every_op
def test_named_and_documented_as_if_written_by_hand(op):
    function = getattr(cmt, op.name)
    signature = inspect.signature(function)
    assert list(signature.parameters) == list(inspect.signature(op.function).parameters)
    assert signature.return_annotation is torch.Tensor
    assert function.__name__ == op.name
    assert f"{op.name}_vjp" in function.__doc__
    assert {"Parameters", "Returns", "Raises"} <= set(function.__doc__.splitlines())
    for name in signature.parameters:
        assert name in function.__doc__.split("Parameters")[1]
    assert pickle.loads(pickle.dumps(function)) is function
    assert op.name in cmt.__all__
    assert op.name in dir(cmt)
    _, (tensors, static) = example(op)
    by_name = dict(zip(op.differentiable, tensors, strict=True))
    assert torch.equal(function(**by_name, **static), function(*tensors, **static))


def test_planes_without_a_channel_axis_and_grey_images():
    guide, src = torch.rand(1, 6, 7), torch.rand(6, 7, requires_grad=True)
    q = cmt.guided_filter(guide, src, 0.01, radius=2)
    assert q.shape == (6, 7)
    q.sum().backward()
    assert src.grad.shape == (6, 7)
    assert cmt.guided_filter(guide, src[None], 0.01, radius=2).shape == (1, 6, 7)
    batch = cmt.guided_filter(guide[None], src[None, None], 0.01, radius=2)
    assert torch.equal(batch[0, 0], q)
    grey, alpha = torch.rand(2, 1, 4, 5), torch.rand(2, 1, 4, 5)
    assert cmt.composite(grey, alpha, 1 - grey).shape == (2, 1, 4, 5)
    assert cmt.box_sum(torch.ones(4, 5), radius=1)[0, 0] == 4
    assert cmt.box_sum(torch.ones(2, 1, 4, 5), radius=1).shape == (2, 1, 4, 5)


SCORES = torch.linspace(-2, 2, 2 * 3 * 4 * 5, dtype=torch.float64).reshape(2, 3, 4, 5).sin()


@pytest.mark.parametrize("axis", range(-4, 4))
def test_an_axis_is_that_of_the_tensor(axis):
    torch.testing.assert_close(cmt.softmax(SCORES, axis=axis), SCORES.softmax(axis))


def test_peers_in_pytorch():
    torch.testing.assert_close(cmt.softmax(SCORES), SCORES.softmax(1))
    labels = torch.arange(40).reshape(2, 4, 5) % 3
    torch.testing.assert_close(cmt.cross_entropy(SCORES, labels=labels), F.cross_entropy(SCORES, labels))
    torch.testing.assert_close(
        cmt.box_mean(SCORES, radius=1), F.avg_pool2d(SCORES, 3, 1, 1, count_include_pad=False)
    )
    torch.testing.assert_close(
        cmt.resize(SCORES, height=7, width=3), F.interpolate(SCORES, (7, 3), mode="bilinear")
    )


def seen(kinds=("plane", "plane"), value="plane", pulled=lambda bar, x, y: (bar, bar)):
    """Return an op that hands its first argument through, and what it was given."""
    given = {}

    def through_vjp(x, y, *, options=None):
        given.update(x=x, y=y, options=options)
        return x, lambda bar: pulled(bar, x, y)

    return function_of(Op(through_vjp, dict(zip("xy", kinds, strict=True)), value, None), module=__name__), given


def test_arguments_are_read_in_place():
    function, given = seen(("image", "plane"), "image")
    x, y = torch.rand(2, 3, 4, 5).to(memory_format=torch.channels_last), torch.rand(2, 1, 4, 5)
    result = function(x, y)
    assert given["x"].shape == (2, 4, 5, 3)
    assert given["x"].flags.c_contiguous
    assert given["x"].ctypes.data == x.data_ptr()
    assert given["y"].ctypes.data == y.data_ptr()
    assert result.is_contiguous(memory_format=torch.channels_last)


def test_results_share_no_memory_with_anything():
    function, _ = seen()
    x, y = torch.rand(2, 1, 4, 5, requires_grad=True), torch.rand(2, 1, 4, 5, requires_grad=True)
    result = function(x, y)
    assert torch.equal(result, x)
    bar = torch.rand(2, 1, 4, 5)
    result.backward(bar)
    pointers = {tensor.data_ptr() for tensor in (x, y, result, bar, x.grad, y.grad)}
    assert len(pointers) == 6


@pytest.mark.parametrize("array", [np.broadcast_to(np.float64(3), (4, 5)), np.arange(20.0).reshape(4, 5)[::-1]])
def test_results_of_any_layout(array):
    function, _ = seen(pulled=lambda bar, x, y: (array, array))
    x = torch.rand(4, 5, dtype=torch.float64, requires_grad=True)
    function(x, x).sum().backward()
    np.testing.assert_array_equal(x.grad, 2 * array)


def test_other_kinds_stay_as_they_are():
    function, given = seen(("features", "scalar"), "features", lambda bar, x, y: (bar, np.asarray(0.0)))
    x = torch.rand(2, 3, 5, 7, 1, dtype=torch.float64, requires_grad=True)
    y = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
    function(x, y).sum().backward()
    assert given["x"].shape == x.shape == x.grad.shape
    assert y.grad == 0
    function(torch.rand(3, dtype=torch.float32), 0.5, options=torch.ones(2, requires_grad=True))
    assert given["y"].dtype == np.float32
    assert isinstance(given["options"], np.ndarray)


def filtered(seed=0):
    generator = torch.Generator().manual_seed(seed)
    guide, src = (torch.rand(1, n, 24, 20, generator=generator, requires_grad=True) for n in (3, 1))
    cmt.guided_filter(guide, src, 1e-3, radius=2).square().sum().backward()
    return guide.grad, src.grad


def test_backward_from_several_threads():
    expected, answers = filtered(), []
    threads = [threading.Thread(target=lambda: answers.extend(filtered() for _ in range(4))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 16
    assert all(torch.equal(a, b) for answer in answers for a, b in zip(answer, expected, strict=True))


class Filtered(Dataset):
    def __len__(self):
        return 4

    def __getitem__(self, index):
        return filtered(index)[0][0]


@pytest.mark.parametrize(
    "method",
    [
        pytest.param("fork", marks=pytest.mark.filterwarnings("ignore:.*fork.*")),
        pytest.param("spawn", marks=pytest.mark.slow),
    ],
)
def test_in_workers_of_a_data_loader(method):
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"the platform has no {method}")
    expected = torch.stack([filtered(index)[0][0] for index in range(4)])
    loader = DataLoader(Filtered(), batch_size=2, num_workers=1, multiprocessing_context=method, timeout=120)
    assert torch.equal(torch.cat(list(loader)), expected)


def test_a_second_derivative_is_refused():
    x = torch.rand(1, 1, 4, 5, requires_grad=True)
    (grad,) = torch.autograd.grad(cmt.fusion(x, x, x).square().sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        grad.sum().backward()


def test_backward_twice():
    x = torch.rand(1, 1, 4, 5, requires_grad=True)
    value = cmt.fusion(x, x, x).sum()
    value.backward(retain_graph=True)
    once = x.grad.clone()
    value.backward()
    assert torch.equal(x.grad, 2 * once)
    with pytest.raises(RuntimeError, match="second time"):
        value.backward()


@pytest.mark.parametrize("which", ["alpha", "band"])
def test_writing_into_an_argument_meanwhile_is_told(which):
    alpha, band = torch.rand(1, 1, 4, 5, requires_grad=True), torch.ones(1, 1, 4, 5)
    loss = cmt.detail_loss(alpha, 1 - alpha.detach(), band=band)
    with torch.no_grad():
        {"alpha": alpha, "band": band}[which].mul_(2)
    with pytest.raises(RuntimeError, match="inplace"):
        loss.backward()


PLANES = torch.rand(2, 1, 4, 5)


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (lambda: cmt.fusion(PLANES.half(), PLANES, PLANES), TypeError, "F is a tensor of torch.float16; accepted"),
        (lambda: cmt.fusion(PLANES, PLANES.int(), PLANES), TypeError, "U is a tensor of torch.int32; accepted"),
        (lambda: cmt.fusion(PLANES, PLANES, PLANES.to("meta")), TypeError, "alpha_raw is .* on meta; accepted"),
        (lambda: cmt.fusion(PLANES.to_sparse(), PLANES, PLANES), TypeError, "F is a torch.sparse_coo tensor"),
        (
            lambda: cmt.fusion(PLANES.numpy(), PLANES, PLANES),
            TypeError,
            "F is of type ndarray; accepted is a tensor",
        ),
        (lambda: cmt.fusion(PLANES, PLANES), TypeError, "missing a required argument: 'alpha_raw'"),
        (
            lambda: cmt.fusion(PLANES, PLANES[0], PLANES),
            ValueError,
            r"U has shape \(1, 4, 5\), with no batch axis",
        ),
        (lambda: cmt.fusion(PLANES[0], PLANES, PLANES), ValueError, r"U has shape .*, with a batch axis"),
        (
            lambda: cmt.fusion(PLANES[:, 0], PLANES, PLANES),
            ValueError,
            r"F has shape \(2, 4, 5\); accepted is \(N, 1",
        ),
        (lambda: cmt.fusion(PLANES, PLANES[..., 1:], PLANES), ValueError, "U has shape"),
        (lambda: cmt.fusion(PLANES * torch.nan, PLANES, PLANES), ValueError, "F has 40 values that are NaN"),
        (lambda: cmt.softmax(PLANES, axis=4), ValueError, "axis is 4"),
        (lambda: cmt.softmax(PLANES[None]), ValueError, r"scores has shape \(1, 2, 1, 4, 5\)"),
        (
            lambda: cmt.detail_loss(PLANES, PLANES, band=PLANES.bfloat16()),
            TypeError,
            "band is a tensor of torch.bfloat16",
        ),
        (
            lambda: cmt.cross_entropy(SCORES, labels=torch.zeros(4, 5, dtype=torch.int64)),
            ValueError,
            "labels has shape .*, with no batch axis",
        ),
    ],
)
def test_bad_input(call, kind, words):
    with pytest.raises(kind, match=words):
        call()


def test_a_message_about_arrays_says_so():
    with pytest.raises(ValueError) as caught:
        cmt.guided_filter(torch.rand(2, 5, 4, 5), PLANES, 0.1, radius=1)
    assert "channels last" in caught.value.__notes__[0]


def test_arrays_among_the_options_may_be_tensors_of_any_dtype_or_arrays():
    band = PLANES > 0.5
    expected = cmt.detail_loss(PLANES, 1 - PLANES, band=band.float())
    for other in (band, band.int(), band.numpy()):
        assert torch.equal(cmt.detail_loss(PLANES, 1 - PLANES, band=other), expected)


def test_guided_filter_layer():
    layer = cmt.GuidedFilter(2, 0.01, learn_eps=True)
    assert repr(layer) == "GuidedFilter(radius=2, eps=0.01, learn_eps=True)"
    guide, src = torch.rand(2, 3, 8, 9), torch.rand(2, 1, 8, 9)
    torch.testing.assert_close(layer(guide, src), cmt.guided_filter(guide, src, 0.01, radius=2))
    before = layer.eps.item()
    optimizer = torch.optim.SGD(layer.parameters(), lr=10.0)
    (layer(guide, src) - src).square().mean().backward()
    optimizer.step()
    assert 0 < layer.eps.item() < before
    other = cmt.GuidedFilter(2, 1.0)
    other.load_state_dict(layer.state_dict())
    assert torch.equal(other(guide, src), layer(guide, src))
    assert not other.log_eps.requires_grad
    assert layer.double()(guide.double(), src.double()).dtype == torch.float64


def test_matting_layer():
    layer = cmt.MattingLayer(lam=10, eps=1e-3)
    assert repr(layer) == "MattingLayer(lam=10, eps=0.001, radius=1, rtol=1e-10, learn_lam=True)"
    image = torch.rand(2, 3, 8, 9)
    F, B, _ = torch.randn(3, 2, 1, 8, 9).softmax(0)
    alpha = layer(image, F, B)
    torch.testing.assert_close(alpha, cmt.matting_layer(image, F, B, 10.0, 1e-3), rtol=1e-4, atol=1e-5)
    assert layer(image[0], F[0, 0], B[0, 0]).shape == (8, 9)
    (alpha - 1).square().mean().backward()
    downhill = -layer.log_lam.grad.sign().item()
    torch.optim.Adam(layer.parameters(), lr=5.0).step()
    assert layer.lam.item() == pytest.approx(10 * np.exp(5 * downhill), rel=1e-3)
    other = cmt.MattingLayer(learn_lam=False)
    other.load_state_dict(layer.state_dict())
    assert torch.equal(other.lam, layer.lam)
    assert not other.log_lam.requires_grad


def test_the_logarithm_of_lam_has_the_right_derivative():
    layer = cmt.MattingLayer(lam=2.0, eps=0.01).double()
    image = torch.rand(1, 3, 4, 5, dtype=torch.float64)
    F, B, _ = torch.randn(3, 1, 1, 4, 5, dtype=torch.float64).softmax(0)

    def alpha(log_lam):
        return torch.func.functional_call(layer, {"log_lam": log_lam}, (image, F, B))

    assert torch.autograd.gradcheck(alpha, layer.log_lam.detach().clone().requires_grad_())


def test_feathering_layer():
    planes = torch.rand(5, 2, 1, 6, 7)
    layer = cmt.Feathering(1)
    assert torch.equal(layer(*planes), cmt.feathering(*planes, radius=1))
    assert (repr(layer), dict(layer.state_dict())) == ("Feathering(radius=1)", {})


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: cmt.GuidedFilter(-1, 0.1), "radius is -1"),
        (lambda: cmt.GuidedFilter(1, 0.0), "eps is 0"),
        (lambda: cmt.Feathering(-1), "radius is -1"),
        (lambda: cmt.MattingLayer(lam=-1.0), "lam is -1"),
        (lambda: cmt.MattingLayer(eps=0.0), "eps is 0"),
        (lambda: cmt.MattingLayer(radius=0), "radius is 0"),
    ],
)
def test_bad_options_of_layers(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_without_pytorch_one_sentence_names_the_extra():
    code = """if True:
        import sys
        sys.modules["torch"] = None
        import classmat.adapters
        try:
            classmat.adapters.torch
        except ImportError as error:
            print(error)
    """
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.count("\n") == 1
    assert "needs PyTorch" in result.stdout
    assert "classmat[torch]" in result.stdout


def test_nothing_else_imports_pytorch():
    code = "import classmat, classmat.ops.table, classmat.adapters, sys; print('torch' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "False"
