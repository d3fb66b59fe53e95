"""Register tiles: the inner product of a few pixels with a few vectors of output channels, as one value.

A tile is a tuple of ``pixels * vectors`` vectors of eight numbers, pixel by pixel, and stays in registers as long
as it is passed on:

``tile = step(tile, x, at, stride, w, where)`` adds ``x[at + i stride] * w[where : where + 8 vectors]`` to pixel i;
``tile = fill(b, at)`` starts with the same numbers for each pixel, ``tile = load(y, at, stride)`` with what
``spill(tile, y, at, stride)`` wrote.

Indices are flat and unsigned, and nothing is checked. Each accumulator is a chain of its own, so that a processor
with a latency of four cycles is kept busy by four of them; the widest tiles take twelve, and with what they read
fit the sixteen registers of AVX2, or as halves the thirty-two of NEON.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from ._simd import CONTRACT, Lanes

__all__ = [
    "dot_8x1", "fill_1x1", "fill_1x2", "fill_6x2", "fill_12x1", "load_3x4", "load_4x2", "load_6x2", "load_8x1",
    "spill_x1", "spill_x2", "spill_x4", "step_1x1", "step_1x2", "step_3x4", "step_4x2", "step_6x2", "step_8x1",
    "step_12x1", "sum_8x1", "zero_8x1",
]  # fmt: skip

LANES = 8


def _address(context: Any, builder: Any, kind: Any, array: Any, index: Any) -> Any:
    return builder.gep(context.make_array(kind)(context, builder, array).data, [index])


def _load(builder: Any, pointer: Any, kind: Any, lanes: int) -> Any:
    vector = ir.VectorType(kind, lanes)
    value = builder.load(builder.bitcast(pointer, vector.as_pointer()))
    value.align = 4
    return value


def _repeat(builder: Any, number: Any) -> Any:
    vector, i32 = ir.VectorType(number.type, LANES), ir.IntType(32)
    empty = ir.Constant(vector, ir.Undefined)
    single = builder.insert_element(empty, number, ir.Constant(i32, 0))
    return builder.shuffle_vector(single, empty, ir.Constant(ir.VectorType(i32, LANES), [0] * LANES))


def _offset(builder: Any, start: Any, count: int, stride: Any) -> Any:
    return builder.add(start, builder.mul(ir.Constant(start.type, count), stride))


def _fma(builder: Any, a: Any, b: Any, c: Any) -> Any:
    return builder.fadd(builder.fmul(a, b, flags=CONTRACT), c, flags=CONTRACT)


def _tile(dtype: Any, pixels: int, vectors: int) -> Any:
    return types.UniTuple(Lanes(dtype, LANES), pixels * vectors)


def _stepper(pixels: int, vectors: int) -> Any:
    def step(typingctx, tile, x, at, stride, w, where):
        """Add the products of one input channel of each pixel with a row of weights."""

        def codegen(context, builder, signature, args):
            tile, x, at, stride, w, where = args
            number = context.get_value_type(signature.args[1].dtype)
            start = _address(context, builder, signature.args[4], w, where)
            rows = [
                _load(builder, builder.gep(start, [ir.Constant(where.type, LANES * v)]), number, LANES)
                for v in range(vectors)
            ]
            for i in range(pixels):
                pointer = _address(context, builder, signature.args[1], x, _offset(builder, at, i, stride))
                pixel = _repeat(builder, builder.load(pointer))
                for v in range(vectors):
                    k = i * vectors + v
                    total = _fma(builder, pixel, rows[v], builder.extract_value(tile, k))
                    tile = builder.insert_value(tile, total, k)
            return tile

        kind = _tile(x.dtype, pixels, vectors)
        return kind(kind, x, types.uint64, types.uint64, w, types.uint64), codegen

    step.__name__ = step.__qualname__ = f"step_{pixels}x{vectors}"
    return intrinsic(step)


def _filler(pixels: int, vectors: int) -> Any:
    def fill(typingctx, b, at):
        """Return a tile whose pixels all have the numbers at `at`."""

        def codegen(context, builder, signature, args):
            number = context.get_value_type(signature.args[0].dtype)
            start = _address(context, builder, signature.args[0], *args)
            tile = ir.Constant(context.get_value_type(signature.return_type), ir.Undefined)
            for v in range(vectors):
                row = _load(builder, builder.gep(start, [ir.Constant(args[1].type, LANES * v)]), number, LANES)
                for i in range(pixels):
                    tile = builder.insert_value(tile, row, i * vectors + v)
            return tile

        return _tile(b.dtype, pixels, vectors)(b, types.uint64), codegen

    fill.__name__ = fill.__qualname__ = f"fill_{pixels}x{vectors}"
    return intrinsic(fill)


def _loader(pixels: int, vectors: int) -> Any:
    def load(typingctx, y, at, stride):
        """Read a tile that was spilled."""

        def codegen(context, builder, signature, args):
            y, at, stride = args
            number = context.get_value_type(signature.args[0].dtype)
            tile = ir.Constant(context.get_value_type(signature.return_type), ir.Undefined)
            for k in range(pixels * vectors):
                index = _offset(builder, at, k // vectors, stride)
                pointer = _address(context, builder, signature.args[0], y, index)
                pointer = builder.gep(pointer, [ir.Constant(at.type, LANES * (k % vectors))])
                tile = builder.insert_value(tile, _load(builder, pointer, number, LANES), k)
            return tile

        return _tile(y.dtype, pixels, vectors)(y, types.uint64, types.uint64), codegen

    load.__name__ = load.__qualname__ = f"load_{pixels}x{vectors}"
    return intrinsic(load)


def _spiller(vectors: int) -> Any:
    def spill(typingctx, tile, y, at, stride):
        """Write a tile, pixel i from `at + i stride` on."""

        def codegen(context, builder, signature, args):
            tile, y, at, stride = args
            for k in range(signature.args[0].count):
                index = _offset(builder, at, k // vectors, stride)
                pointer = _address(context, builder, signature.args[1], y, index)
                pointer = builder.gep(pointer, [ir.Constant(at.type, LANES * (k % vectors))])
                value = builder.extract_value(tile, k)
                builder.store(value, builder.bitcast(pointer, value.type.as_pointer())).align = 4
            return context.get_dummy_value()

        return types.void(tile, y, types.uint64, types.uint64), codegen

    spill.__name__ = spill.__qualname__ = f"spill_x{vectors}"
    return intrinsic(spill)


@intrinsic
def zero_8x1(typingctx, x):
    """Return a tile of zeros, for `dot_8x1` of numbers like those in an array."""

    def codegen(context, builder, signature, args):
        return ir.Constant(context.get_value_type(signature.return_type), None)

    return _tile(x.dtype, 8, 1)(x), codegen


@intrinsic
def dot_8x1(typingctx, tile, x, at, stride, w, where):
    """Add the products of eight input channels of each pixel with the weights of one output, lane by lane."""

    def codegen(context, builder, signature, args):
        tile, x, at, stride, w, where = args
        number = context.get_value_type(signature.args[1].dtype)
        row = _load(builder, _address(context, builder, signature.args[4], w, where), number, LANES)
        for i in range(8):
            pointer = _address(context, builder, signature.args[1], x, _offset(builder, at, i, stride))
            total = _fma(builder, _load(builder, pointer, number, LANES), row, builder.extract_value(tile, i))
            tile = builder.insert_value(tile, total, i)
        return tile

    kind = _tile(x.dtype, 8, 1)
    return kind(kind, x, types.uint64, types.uint64, w, types.uint64), codegen


@intrinsic
def sum_8x1(typingctx, tile, y, at):
    """Write the sums over the lanes of eight pixels, from `at` on: three rounds that each fold two vectors into one."""

    def codegen(context, builder, signature, args):
        tile, y, at = args
        parts, i32 = [builder.extract_value(tile, k) for k in range(8)], ir.IntType(32)
        for span in (4, 2, 1):
            first = [k for k in range(16) if k % (2 * span) < span]
            second = [k for k in range(16) if k % (2 * span) >= span]
            kind = ir.VectorType(i32, 8)
            parts = [
                builder.fadd(
                    builder.shuffle_vector(a, b, ir.Constant(kind, first)),
                    builder.shuffle_vector(a, b, ir.Constant(kind, second)),
                )
                for a, b in zip(parts[: len(parts) // 2], parts[len(parts) // 2 :], strict=True)
            ]
        order = ir.Constant(ir.VectorType(i32, 8), [0, 4, 2, 6, 1, 5, 3, 7])
        total = builder.shuffle_vector(parts[0], parts[0], order)
        pointer = _address(context, builder, signature.args[1], y, at)
        builder.store(total, builder.bitcast(pointer, total.type.as_pointer())).align = 4
        return context.get_dummy_value()

    return types.void(tile, y, types.uint64), codegen


# Wide tiles for pixels of the forward pass, square ones for the weights' gradient, single ones for what is left.
step_6x2, fill_6x2 = _stepper(6, 2), _filler(6, 2)
step_12x1, fill_12x1 = _stepper(12, 1), _filler(12, 1)
step_4x2, step_8x1 = _stepper(4, 2), _stepper(8, 1)
step_1x2, fill_1x2 = _stepper(1, 2), _filler(1, 2)
step_1x1, fill_1x1 = _stepper(1, 1), _filler(1, 1)
load_4x2, load_8x1 = _loader(4, 2), _loader(8, 1)
load_6x2, load_3x4, step_3x4 = _loader(6, 2), _loader(3, 4), _stepper(3, 4)
spill_x4, spill_x2, spill_x1 = _spiller(4), _spiller(2), _spiller(1)
