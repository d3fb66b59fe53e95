"""What the kernels are tried on: numbers, arrays, and the results of the library's own functions on this machine."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..filters.box import box_filter
from ..filters.guided import fast_guided_filter, guided_filter
from ..filters.resize import resize
from ..images.composite import composite
from ..nn import fast_deep_matting as nets
from ..nn.convolution import conv2d_vjp
from ..nn.inference import pack_feathering_block, pack_light_dense_network
from ..nn.pooling import max_pool2d_vjp
from ..ops.feathering import feathering_vjp
from ..ops.softmax import softmax_vjp

Arrays = Mapping[str, NDArray[Any]]

SIZES = ((48, 64, 4), (1, 1, 0), (1, 37, 3), (33, 5, 60), (45, 70, 8), (7, 6, 0))
CONVOLUTIONS = (  # height, width, channels, filters, kernel, stride, dilation, padding
    (9, 14, 16, 16, 3, 1, 1, 1),
    (12, 20, 3, 13, 3, 2, 1, 1),
    (17, 15, 32, 8, 3, 1, 6, 6),
    (6, 5, 5, 40, 1, 1, 1, 0),
    (11, 8, 2, 1, 5, 3, 1, 2),
)
SEED = 7


@dataclass(frozen=True)
class Case:
    """A call of a kernel, and what it should write."""

    kernel: str
    name: str
    numbers: Mapping[str, float]
    inputs: Arrays
    work: Callable[[], Arrays] = field(repr=False)

    @property
    def expected(self) -> Arrays:
        """What the library's own functions return, flat or not, by the names of the kernel's results."""
        return self.work()


def cases(images: Mapping[str, NDArray[Any]], kernels: Sequence[str] = ()) -> Iterator[Case]:
    """Return cases of kernels, all by default: on noise, and the filters and nets also on images (h, w, 3)."""
    return (case for case in _all(images) if not kernels or case.kernel in kernels)


def _all(images: Mapping[str, NDArray[Any]]) -> Iterator[Case]:
    rng = np.random.default_rng(SEED)
    noise = {f"{h}x{w}": (_noise(rng, h, w, 3), radius) for h, w, radius in SIZES}
    photos = {name: (np.ascontiguousarray(image, np.float32), 6) for name, image in images.items()}
    for name, (image, radius) in (noise | photos).items():
        yield from _filters(name, image, radius, rng)
        yield from _portraits(name, image, radius % 3)
    yield from _layers(rng)


def packed_weights(seed: int = SEED) -> tuple[NDArray[np.float32], NDArray[np.float32], Any]:
    """Return drawn weights of both nets as the kernel reads them, and as trees."""
    rng = np.random.default_rng(seed)
    network = nets.init_light_dense_network(rng)
    block, buffers = nets.init_feathering_block(rng)
    packed = pack_light_dense_network(network), pack_feathering_block(block, buffers)
    return *packed, (network, block, buffers)


def _filters(name: str, image: NDArray[np.float32], radius: int, rng: np.random.Generator) -> Iterator[Case]:
    h, w = image.shape[:2]
    numbers: dict[str, float] = {"height": h, "width": w, "radius": radius, "eps": 1e-3}
    grey, plane, other = np.ascontiguousarray(image[..., 1]), _noise(rng, h, w), _noise(rng, h, w, 3)
    yield Case("box_filter", name, numbers, {"src": grey}, _to("out", box_filter, grey, radius))
    for kernel, guide in (("guided_filter", grey), ("guided_filter_rgb", image)):
        inputs = {"guide": guide, "src": plane}
        yield Case(kernel, name, numbers, inputs, _to("out", guided_filter, guide, plane, radius, 1e-3))
        for subsample in (1, 3, 4):
            expected = _to("out", fast_guided_filter, guide, plane, radius, 1e-3, subsample)
            case = f"{name}, subsample {subsample}"
            yield Case(f"fast_{kernel}", case, numbers | {"subsample": subsample}, inputs, expected)
    for height, width in ((2 * h, 2 * w), (h // 2 + 1, 3 * w)):
        sizes = {"height": h, "width": w, "new_height": height, "new_width": width, "channels": 3}
        expected = _to("out", resize, image, height, width)
        yield Case("resize", f"{name} to {height}x{width}", sizes, {"src": image}, expected)
    planes = {key: _noise(rng, h, w) for key in ("a", "b", "c", "S_F", "S_B")}
    expected = _to("alpha", _value, feathering_vjp, *planes.values(), radius=radius)
    yield Case("feathering", name, numbers, planes, expected)
    inputs = {"foreground": image, "alpha": plane, "background": other}
    yield Case("composite", name, numbers, inputs, _to("out", composite, image, plane, other))


def _portraits(name: str, image: NDArray[np.float32], radius: int) -> Iterator[Case]:
    network, block, (params, block_params, buffers) = packed_weights()

    def work() -> Arrays:
        mask = nets.mask_of(nets.light_dense_network(params, image))
        alpha, _ = nets.feathering_block(block_params, buffers, image, mask, radius=radius)
        return {"mask": mask[..., 1], "alpha": alpha}

    inputs = {"image": image, "network": network, "block": block}
    numbers = {"height": image.shape[0], "width": image.shape[1], "radius": radius}
    yield Case("fast_deep_matting", name, numbers, inputs, work)


def _layers(rng: np.random.Generator) -> Iterator[Case]:
    for pixels, channels in ((1, 1), (130, 2), (63, 3), (64, 21)):
        scores = 20 * _noise(rng, pixels, channels) - 10
        numbers = {"pixels": pixels, "channels": channels}
        yield Case(
            "softmax", f"{pixels}x{channels}", numbers, {"scores": scores}, _to("out", _value, softmax_vjp, scores)
        )
    for h, w, c, filters, kernel, stride, dilation, padding in CONVOLUTIONS:
        x, weight, bias = _noise(rng, h, w, c), _noise(rng, kernel, kernel, c, filters) - 0.5, _noise(rng, filters)
        static = {"stride": stride, "dilation": dilation, "padding": padding}
        numbers = {"height": h, "width": w, "channels": c, "filters": filters, "kernel": kernel, **static}
        inputs = {"src": x, "weight": weight, "bias": bias}
        expected = _to("out", _value, conv2d_vjp, x, weight, bias, **static)
        yield Case("convolution", f"{h}x{w}x{c} to {filters}", numbers, inputs, expected)
    for h, w, c, size, stride in ((8, 10, 5, 2, 2), (9, 7, 16, 2, 2), (9, 9, 3, 3, 2), (3, 3, 1, 3, 1)):
        x = _noise(rng, h, w, c) - 0.5
        numbers = {"height": h, "width": w, "channels": c, "size": size, "stride": stride}
        expected = _to("out", _value, max_pool2d_vjp, x, size=size, stride=stride, ceil_mode=True)
        yield Case("max_pool", f"{h}x{w}x{c}, {size} by {stride}", numbers, {"src": x}, expected)


def _to(name: str, function: Callable[..., Any], *args: Any, **static: Any) -> Callable[[], Arrays]:
    return lambda: {name: function(*args, **static)}


def _value(function: Callable[..., Any], *args: Any, **static: Any) -> NDArray[Any]:
    return function(*args, **static)[0]


def _noise(rng: np.random.Generator, *shape: int) -> NDArray[np.float32]:
    return rng.random(shape, np.float32)
