"""Runs Fast Deep Matting for `nets.py`, in a process of its own: in classmat, PyTorch or ONNX Runtime.

Reads one request a line from standard input, answers with one line. Weights come from a file, so that all have the same;
photos are drawn from a seed. Photos are laid out as each program likes them before the clock starts.
"""

import json
import statistics
import sys
import time

import numpy as np

DILATIONS = (2, 4, 6, 8)
EPS = 1e-5  # of batch normalisation
LOSS_EPS = 1e-3
RATE = 1e-3


def make_batch(count, size):
    """Photos (n, size, size, 3) with soft shapes and some noise, and mattes."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:size, :size] / np.float32(size / 6)
    shift = rng.random((count, 1, 1, 1), dtype=np.float32) * 6
    waves = 0.5 + 0.4 * np.sin(x[..., None] + shift + np.float32([0, 1, 2])) * np.cos(y[..., None] - shift)
    photos = np.clip(waves + 0.1 * rng.random((count, size, size, 3)), 0, 1).astype(np.float32)
    return photos, np.clip(3 * photos.mean(axis=-1) - 1, 0, 1)


def as_tree(file):
    """Parameters as trees: names of the file are ``net/layer/kind``."""
    tree = {}
    for name, value in np.load(file).items():
        *path, leaf = name.split("/")
        branch = tree
        for key in path:
            branch = branch.setdefault(key, {})
        branch[leaf] = value
    return tree


class Classmat:
    def __init__(self, threads, weights, radius):
        import numba

        from classmat.nn.inference import FastDeepMatting

        numba.set_num_threads(threads)
        self.trees, self.radius = weights, radius
        self.net = FastDeepMatting(
            weights["ldn"], weights["fb"], weights["buffers"], radius=radius, parallel=threads > 1
        )

    def mask(self, photos, mattes):
        return lambda: self.net.mask(photos[0])

    def matte(self, photos, mattes):
        return lambda: self.net(photos[0])

    def train_mask(self, photos, mattes):
        return self._training("mask", photos, mattes)

    def train_joint(self, photos, mattes):
        return self._training("joint", photos, mattes)

    def _training(self, stage, photos, mattes):
        from classmat.nn.data import Batch
        from classmat.nn.optimisers import Adam
        from classmat.nn.recipes.fast_deep_matting import mask_loss, matting_loss
        from classmat.nn.tape import gradients, watch

        names = ("ldn",) if stage == "mask" else ("ldn", "fb")
        params, buffers = {name: self.trees[name] for name in names}, {"fb": self.trees["buffers"]}
        optimiser, batch = Adam(), Batch(photos, mattes)
        self.state = optimiser.start(params)

        def step():
            variables = watch(params)
            if stage == "mask":
                loss, _ = mask_loss(variables, buffers, batch)
            else:
                loss, _ = matting_loss(variables, buffers, batch, radius=self.radius, eps=LOSS_EPS)
            grads = gradients(loss, variables)
            _, self.state = optimiser.step(params, grads, self.state, rate=RATE)
            return np.append(np.ravel(grads["ldn"]["dense4"]["weight"]), loss.value)

        return step


class Torch:
    def __init__(self, threads, weights, radius, layout="contiguous_format"):
        import torch

        torch.set_num_threads(threads)
        self.torch, self.layout, self.radius = torch, getattr(torch, layout), radius
        self.weights = {
            f"{net}/{layer}/{kind}": self._tensor(value).requires_grad_()
            for net in ("ldn", "fb")
            for layer, kinds in weights[net].items()
            for kind, value in kinds.items()
        }
        self.start = {name: value.detach().clone() for name, value in self.weights.items()}
        self.statistics = [torch.from_numpy(weights["buffers"][name].copy()) for name in ("mean", "variance")]

    def mask(self, photos, mattes):
        return self._inference(photos, lambda x: self._mask(x)[:, 1])

    def matte(self, photos, mattes):
        return self._inference(photos, lambda x: self._matte(x, self._mask(x), False))

    def train_mask(self, photos, mattes):
        labels = self.torch.from_numpy((mattes > 0.5).astype(np.int64))
        return self._training(
            photos, lambda x: self.torch.nn.functional.cross_entropy(self._scores(x), labels), ("ldn",)
        )

    def train_joint(self, photos, mattes):
        truth = self.torch.from_numpy(mattes)

        def loss_of(x):
            d = self._matte(x, self._mask(x), True) - truth
            total = (d * d + LOSS_EPS**2).sqrt().mean()
            return total + ((d[:, None] * x) ** 2 + LOSS_EPS**2).sqrt().sum(dim=1).mean()

        return self._training(photos, loss_of, ("ldn", "fb"))

    def _tensor(self, value):
        if value.ndim < 4:
            return self.torch.from_numpy(np.array(value))
        return self.torch.from_numpy(np.ascontiguousarray(value.transpose(3, 2, 0, 1))).to(
            memory_format=self.layout
        )

    def _inference(self, photos, function):
        x = self.torch.from_numpy(np.ascontiguousarray(photos[:1].transpose(0, 3, 1, 2))).to(
            memory_format=self.layout
        )

        def run():
            with self.torch.inference_mode():
                return function(x)[0].numpy()

        return run

    def _training(self, photos, loss_of, nets):
        x = self.torch.from_numpy(np.ascontiguousarray(photos.transpose(0, 3, 1, 2))).to(memory_format=self.layout)
        trained = [value for name, value in self.weights.items() if name.split("/")[0] in nets]
        optimiser = self.torch.optim.Adam(trained, lr=RATE)

        def step():
            with self.torch.no_grad():  # every step from the same weights, so that results can be compared
                for name, value in self.weights.items():
                    value.copy_(self.start[name])
            optimiser.zero_grad()
            loss = loss_of(x)
            loss.backward()
            optimiser.step()
            grad = self.weights["ldn/dense4/weight"].grad.permute(2, 3, 1, 0)
            return np.append(grad.numpy().ravel(), loss.item())

        return step

    def _convolve(self, x, name, **options):
        return self.torch.nn.functional.conv2d(
            x, self.weights[name + "/weight"], self.weights[name + "/bias"], **options
        )

    def _scores(self, x):
        F = self.torch.nn.functional
        seen = self.torch.cat(
            [self._convolve(x, "ldn/initial", stride=2, padding=1), F.max_pool2d(x, 2, ceil_mode=True)], 1
        )
        features = []
        for i, d in enumerate(DILATIONS):
            before = self.torch.cat([seen, *features], 1) if features else seen
            features.append(F.relu(self._convolve(before, f"ldn/dense{i + 1}", padding=d, dilation=d)))
        scores = self._convolve(self.torch.cat(features, 1), "ldn/final", padding=1)
        return F.interpolate(scores, size=x.shape[2:], mode="bilinear", align_corners=False)

    def _mask(self, x):
        return self._scores(x).softmax(dim=1)

    def _matte(self, x, mask, is_training):
        F, w = self.torch.nn.functional, self.weights
        seen = self.torch.cat([x, mask, x * x, x * mask[:, 1:]], 1)
        hidden = F.batch_norm(
            self._convolve(seen, "fb/conv1", padding=1),
            *([None, None] if is_training else self.statistics),
            w["fb/norm/gamma"],
            w["fb/norm/beta"],
            training=is_training,
            eps=EPS,
        )
        abc = self._convolve(F.relu(hidden), "fb/conv2", padding=1)
        if self.radius:
            abc = F.avg_pool2d(abc, 2 * self.radius + 1, 1, self.radius, count_include_pad=False)
        return abc[:, 0] * mask[:, 1] + abc[:, 1] * mask[:, 0] + abc[:, 2]


class TorchChannelsLast(Torch):
    def __init__(self, threads, weights, radius):
        super().__init__(threads, weights, radius, "channels_last")


class Onnx:
    """The graph by hand; batch normalisation is a node, or part of the convolution before it."""

    is_folded = False

    def __init__(self, threads, weights, radius):
        import onnxruntime

        self.threads, self.weights, self.radius, self.runtime = threads, weights, radius, onnxruntime

    def mask(self, photos, mattes):
        return self._session(photos, "mask")

    def matte(self, photos, mattes):
        return self._session(photos, "matte")

    def _session(self, photos, output):
        options = self.runtime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = self.threads, 1
        graph = self._graph(photos.shape[1], output)
        session = self.runtime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        feed = {"photo": np.ascontiguousarray(photos[:1].transpose(0, 3, 1, 2))}
        return lambda: session.run(None, feed)[0][0, 0]

    def _graph(self, size, output):
        from onnx import TensorProto, helper, numpy_helper

        self.helper, self.nodes, self.constants = helper, [], []
        self.constant = lambda name, value: self.constants.append(numpy_helper.from_array(value, name)) or name
        self._add_network(size)
        if output == "matte":
            self._add_block()
        plane = [1, 1, size, size]
        graph = helper.make_graph(
            self.nodes,
            "fast deep matting",
            [helper.make_tensor_value_info("photo", TensorProto.FLOAT, [1, 3, size, size])],
            [helper.make_tensor_value_info("S_F" if output == "mask" else "alpha", TensorProto.FLOAT, plane)],
            self.constants,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        return model.SerializeToString()

    def _node(self, kind, inputs, output, **attributes):
        self.nodes.append(self.helper.make_node(kind, inputs, [output], **attributes))
        return output

    def _convolve(self, x, layer, output, d=1, stride=1, scale=None, shift=None):
        weight, bias = layer["weight"], layer["bias"]
        if scale is not None:
            weight, bias = weight * scale, bias * scale + shift
        weight = np.ascontiguousarray(weight.transpose(3, 2, 0, 1)).astype(np.float32)
        names = [self.constant(output + "_w", weight), self.constant(output + "_b", bias.astype(np.float32))]
        return self._node(
            "Conv", [x, *names], output, pads=[d] * 4, dilations=[d, d], strides=[stride] * 2, kernel_shape=[3, 3]
        )

    def _add_network(self, size):
        ldn = self.weights["ldn"]
        self._convolve("photo", ldn["initial"], "small", stride=2)
        self._node("MaxPool", ["photo"], "pooled", kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1)
        seen = self._node("Concat", ["small", "pooled"], "seen", axis=1)
        features = []
        for i, d in enumerate(DILATIONS):
            if features:
                seen = self._node("Concat", ["seen", *features], f"before{i}", axis=1)
            self._convolve(seen, ldn[f"dense{i + 1}"], f"sum{i}", d)
            features.append(self._node("Relu", [f"sum{i}"], f"f{i}"))
        self._convolve(self._node("Concat", features, "features", axis=1), ldn["final"], "scores")
        shape = self.constant("shape", np.array([1, 2, size, size], np.int64))
        self._node("Resize", ["scores", "", "", shape], "large", mode="linear")
        self._node("Softmax", ["large"], "S", axis=1)
        self.nodes.append(self.helper.make_node("Split", ["S"], ["S_B", "S_F"], axis=1))

    def _add_block(self):
        fb, buffers = self.weights["fb"], self.weights["buffers"]
        self._node("Mul", ["photo", "photo"], "squares")
        self._node("Mul", ["photo", "S_F"], "products")
        self._node("Concat", ["photo", "S", "squares", "products"], "input", axis=1)
        gamma, beta = fb["norm"]["gamma"], fb["norm"]["beta"]
        if self.is_folded:
            scale = gamma / np.sqrt(buffers["variance"] + EPS)
            self._convolve("input", fb["conv1"], "normal", scale=scale, shift=beta - buffers["mean"] * scale)
        else:
            self._convolve("input", fb["conv1"], "hidden")
            numbers = {"gamma": gamma, "beta": beta, "mean": buffers["mean"], "variance": buffers["variance"]}
            names = [self.constant(name, value) for name, value in numbers.items()]
            self._node("BatchNormalization", ["hidden", *names], "normal", epsilon=EPS)
        self._convolve(self._node("Relu", ["normal"], "rectified"), fb["conv2"], "coefficients")
        abc, r = "coefficients", self.radius
        if r:
            abc = self._node(
                "AveragePool", [abc], "means", kernel_shape=[2 * r + 1] * 2, pads=[r] * 4, count_include_pad=0
            )
        self.nodes.append(self.helper.make_node("Split", [abc], ["a", "b", "c"], axis=1))
        self._node("Mul", ["a", "S_F"], "aS")
        self._node("Mul", ["b", "S_B"], "bS")
        self._node("Add", ["aS", "bS"], "ab")
        self._node("Add", ["ab", "c"], "alpha")


class OnnxFolded(Onnx):
    is_folded = True


PROGRAMS = {
    "classmat": Classmat,
    "PyTorch": Torch,
    "PyTorch channels last": TorchChannelsLast,
    "ONNX Runtime": Onnx,
    "ONNX Runtime folded": OnnxFolded,
}


def answer(function, request):
    """Time some calls in a row, of the clock and of the processor."""
    clock, processor, result = [], [], None
    for _ in range(request["calls"]):
        start = time.perf_counter(), time.process_time()
        result = function()
        clock.append(time.perf_counter() - start[0])
        processor.append(time.process_time() - start[1])
    if request.get("save"):
        np.save(request["save"], result)
    return {"seconds": statistics.median(clock), "cpu_seconds": statistics.median(processor)}


def main():
    program, functions = None, {}
    for line in sys.stdin:
        request = json.loads(line)
        if program is None:
            try:
                arguments = request["threads"], as_tree(request["weights"]), request["radius"]
                program = PROGRAMS[request["program"]](*arguments)
            except ImportError as error:
                print(json.dumps({"missing": str(error)}), flush=True)
                return
        key = request["task"], request["batch"], request["size"]
        if key not in functions:
            functions[key] = getattr(program, key[0])(*make_batch(*key[1:]))
        print(json.dumps(answer(functions[key], request)), flush=True)


if __name__ == "__main__":
    main()
