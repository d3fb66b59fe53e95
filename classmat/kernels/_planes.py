"""Thirty-two neighbouring numbers as one value, and sums over sliding windows of them.

A running sum is a chain, one addition after the other. To add many at a time, a row's columns are dealt out to four
*planes*, column x to plane ``x % 4``, and a block of 32 columns is 8 lanes of each plane. Along a block the
differences of entering and leaving columns are first added across the planes (four columns a lane, no shuffles), then
along the lanes as a tree (Sklansky's scan, three steps). The chain has one addition for 32 columns, all
together cost 14 vector additions and 4 shuffles for 32 window sums, where a scan of each 8 columns costs 20 and 16.

All is written in LLVM's own vector instructions, which exist for every processor, and always added in the same
order. Products may be fused with the additions that follow, where the machine can: then they are not rounded.

Numbers are float32 or float64: values have the type of the memory they come from, or of that at a pointer `like`.
Values are `Lanes` with ``+ - * /``, pointers carry a type but no count of references. Nothing is checked.
"""

import operator
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload

from ._simd import CONTRACT, Lanes

__all__ = [
    "BLOCK",
    "LANES",
    "PLANES",
    "add_to",
    "as_kind",
    "collect",
    "collect3",
    "deal",
    "deal3",
    "last",
    "like",
    "load",
    "load_part",
    "move",
    "not_below",
    "point",
    "prefetch",
    "read",
    "repeat",
    "repeat_at",
    "replace",
    "slide",
    "store",
    "total",
    "write",
]

LANES, PLANES = 8, 4
BLOCK = LANES * PLANES

_INDEX, _BYTES = ir.IntType(32), 8
_DEALT = [PLANES * lane + plane for plane in range(PLANES) for lane in range(LANES)]
_COLLECTED = [x % PLANES * LANES + x // PLANES for x in range(BLOCK)]


def _pick(builder: Any, a: Any, b: Any, lanes: list[int]) -> Any:
    mask = ir.Constant(ir.VectorType(_INDEX, len(lanes)), [_INDEX(lane) for lane in lanes])
    return builder.shuffle_vector(a, ir.Constant(a.type, ir.Undefined) if b is None else b, mask)


def _joined(builder: Any, parts: list[Any]) -> Any:
    while len(parts) > 1:
        both = list(range(2 * parts[0].type.count))
        parts = [_pick(builder, parts[i], parts[i + 1], both) for i in range(0, len(parts), 2)]
    return parts[0]


def _plane(builder: Any, value: Any, plane: int) -> Any:
    return _pick(builder, value, None, list(range(plane * LANES, (plane + 1) * LANES)))


def _repeated(builder: Any, number: Any, count: int) -> Any:
    empty = ir.Constant(ir.VectorType(number.type, count), ir.Undefined)
    return _pick(builder, builder.insert_element(empty, number, _INDEX(0)), None, [0] * count)


def _vector(context: Any, kind: Any, count: int) -> Any:
    return ir.VectorType(context.get_value_type(kind.dtype), count)


def _load(builder: Any, pointer: Any, index: Any, vector: Any) -> Any:
    place = builder.bitcast(builder.gep(pointer, [index]), vector.as_pointer())
    return builder.load(place, align=4 if isinstance(vector.element, ir.FloatType) else _BYTES)


def _store(builder: Any, pointer: Any, index: Any, value: Any) -> None:
    place = builder.bitcast(builder.gep(pointer, [index]), value.type.as_pointer())
    builder.store(value, place, align=4 if isinstance(value.type.element, ir.FloatType) else _BYTES)


def _as(builder: Any, value: Any, element: Any) -> Any:
    """Return a vector as one of float32 or float64."""
    if value.type.element == element:
        return value
    change = builder.fptrunc if isinstance(element, ir.FloatType) else builder.fpext
    return change(value, ir.VectorType(element, value.type.count))


def _block(kind: Any) -> Lanes:
    return Lanes(kind.dtype, BLOCK)


# Arithmetic


def _operation(symbol: Any, instruction: str) -> None:
    @intrinsic
    def operate(typingctx, a, b):
        kind = a if isinstance(a, Lanes) else b

        def codegen(context, builder, signature, args):
            values = [
                v
                if isinstance(t, Lanes)
                else _repeated(builder, context.cast(builder, v, t, kind.number), kind.count)
                for t, v in zip(signature.args, args, strict=True)
            ]
            return getattr(builder, instruction)(*values, flags=CONTRACT)

        return kind(a, b), codegen

    @overload(symbol)
    def choose(a, b):
        if isinstance(a, Lanes) or isinstance(b, Lanes):
            return lambda a, b: operate(a, b)
        return None


for _symbol, _instruction in (
    (operator.add, "fadd"),
    (operator.sub, "fsub"),
    (operator.mul, "fmul"),
    (operator.truediv, "fdiv"),
):
    _operation(_symbol, _instruction)


@intrinsic
def not_below(typingctx, a, bound):
    """Return where a > bound a, else (and for NaN) the number `bound`."""

    def codegen(context, builder, signature, args):
        bounds = _repeated(builder, context.cast(builder, args[1], types.float64, a.number), a.count)
        return builder.select(builder.fcmp_ordered(">", args[0], bounds), args[0], bounds)

    return a(a, types.float64), codegen


@intrinsic
def repeat(typingctx, number):
    """Return a block of one number."""

    def codegen(context, builder, signature, args):
        return _repeated(builder, args[0], BLOCK)

    return Lanes(number, BLOCK)(number), codegen


@intrinsic
def like(typingctx, value, pointer):
    """Return a block in numbers of the type at the pointer."""

    def codegen(context, builder, signature, args):
        return _as(builder, args[0], context.get_value_type(pointer.dtype))

    return Lanes(pointer.dtype, value.count)(value, pointer), codegen


@intrinsic
def repeat_at(typingctx, pointer, index):
    """Return a block of one number in memory."""

    def codegen(context, builder, signature, args):
        return _repeated(builder, builder.load(builder.gep(args[0], [args[1]])), BLOCK)

    return _block(pointer)(pointer, types.intp), codegen


@intrinsic
def last(typingctx, value):
    """Return the number in the last column."""

    def codegen(context, builder, signature, args):
        number = builder.extract_element(args[0], _INDEX(value.count - 1))
        return context.cast(builder, number, value.number, types.float64)

    return types.float64(value), codegen


@intrinsic
def total(typingctx, value):
    """Return the sum of all lanes, added as a tree."""

    def codegen(context, builder, signature, args):
        v = args[0]
        while v.type.count > 1:
            n = v.type.count // 2
            low, high = (_pick(builder, v, None, list(range(s, s + n))) for s in (0, n))
            v = builder.fadd(low, high)
        return builder.extract_element(v, _INDEX(0))

    return value.number(value), codegen


# Memory


@intrinsic
def point(typingctx, array, index):
    """Return a pointer to element `index` of a contiguous array, counted flat."""
    if not isinstance(array, types.Array) or array.layout != "C":
        return None

    def codegen(context, builder, signature, args):
        return builder.gep(context.make_array(array)(context, builder, args[0]).data, [args[1]])

    return types.CPointer(array.dtype)(array, types.intp), codegen


@intrinsic
def move(typingctx, pointer, count):
    """Return the pointer `count` elements further."""

    def codegen(context, builder, signature, args):
        return builder.gep(args[0], [args[1]])

    return pointer(pointer, types.intp), codegen


@intrinsic
def as_kind(typingctx, pointer, kind):
    """Return the pointer as one to numbers of another kind, such as np.int32."""
    other = types.CPointer(kind.instance_type)

    def codegen(context, builder, signature, args):
        return builder.bitcast(args[0], context.get_value_type(other))

    return other(pointer, kind), codegen


@intrinsic
def read(typingctx, pointer, index):
    """Return one element as float64."""

    def codegen(context, builder, signature, args):
        value = builder.load(builder.gep(args[0], [args[1]]))
        return context.cast(builder, value, pointer.dtype, types.float64)

    return types.float64(pointer, types.intp), codegen


@intrinsic
def write(typingctx, pointer, index, number):
    """Set one element, rounded to its type."""

    def codegen(context, builder, signature, args):
        value = context.cast(builder, args[2], types.float64, pointer.dtype)
        builder.store(value, builder.gep(args[0], [args[1]]))
        return context.get_dummy_value()

    return types.void(pointer, types.intp, types.float64), codegen


@intrinsic
def prefetch(typingctx, pointer, index):
    """Ask for a block, which may lie outside of any array, to be brought to the second cache."""

    def codegen(context, builder, signature, args):
        signature = ir.FunctionType(ir.VoidType(), [args[0].type, _INDEX, _INDEX, _INDEX])
        fetch = builder.module.declare_intrinsic("llvm.prefetch", [args[0].type], signature)
        lines = BLOCK * pointer.dtype.bitwidth // 8 // 64
        for k in range(lines):
            place = builder.add(args[1], args[1].type(k * BLOCK // lines))
            builder.call(fetch, [builder.gep(args[0], [place]), _INDEX(0), _INDEX(2), _INDEX(1)])
        return context.get_dummy_value()

    return types.void(pointer, types.intp), codegen


def _loader(count: int) -> Any:
    @intrinsic
    def load(typingctx, pointer, index):
        """Read neighbours in memory as they are."""

        def codegen(context, builder, signature, args):
            return _load(builder, args[0], args[1], _vector(context, pointer, count))

        return Lanes(pointer.dtype, count)(pointer, types.intp), codegen

    return load


load, load_part = _loader(BLOCK), _loader(LANES)


@intrinsic
def store(typingctx, pointer, index, value):
    """Write neighbours in memory as they are."""

    def codegen(context, builder, signature, args):
        _store(builder, args[0], args[1], _as(builder, args[2], context.get_value_type(pointer.dtype)))
        return context.get_dummy_value()

    return types.void(pointer, types.intp, value), codegen


@intrinsic
def replace(typingctx, pointer, index, value, like):
    """Write a block, rounded to the memory's type; return new less old memory, in numbers of the type at `like`."""

    def codegen(context, builder, signature, args):
        vector = _vector(context, pointer, BLOCK)
        old, new = _load(builder, args[0], args[1], vector), _as(builder, args[2], vector.element)
        _store(builder, args[0], args[1], new)
        element = context.get_value_type(like.dtype)
        return builder.fsub(_as(builder, new, element), _as(builder, old, element))

    return _block(like)(pointer, types.intp, value, like), codegen


@intrinsic
def deal(typingctx, row, index, like):
    """Read 32 columns of a row, by planes, as numbers of the type at the pointer `like`."""

    def codegen(context, builder, signature, args):
        block = _load(builder, args[0], args[1], _vector(context, row, BLOCK))
        return _as(builder, _pick(builder, block, None, _DEALT), context.get_value_type(like.dtype))

    return _block(like)(row, types.intp, like), codegen


@intrinsic
def collect(typingctx, row, index, value):
    """Write 32 columns of a row from planes."""

    def codegen(context, builder, signature, args):
        value = _as(builder, args[2], context.get_value_type(row.dtype))
        _store(builder, args[0], args[1], _pick(builder, value, None, _COLLECTED))
        return context.get_dummy_value()

    return types.void(row, types.intp, value), codegen


@intrinsic
def deal3(typingctx, row, index, like):
    """Read 32 columns of three channels, which lie side by side, as `deal` does; index is that of the first number."""

    def codegen(context, builder, signature, args):
        vector, element = _vector(context, row, BLOCK), context.get_value_type(like.dtype)
        loads = [_load(builder, args[0], builder.add(args[1], args[1].type(BLOCK * k)), vector) for k in range(3)]
        low = _joined(builder, loads[:2])
        high = _joined(builder, [loads[2], ir.Constant(vector, ir.Undefined)])
        channels = [_pick(builder, low, high, [3 * x + a for x in _DEALT]) for a in range(3)]
        return context.make_tuple(builder, signature.return_type, [_as(builder, v, element) for v in channels])

    return types.UniTuple(_block(like), 3)(row, types.intp, like), codegen


@intrinsic
def collect3(typingctx, row, index, first, second, third):
    """Write 32 columns of three channels."""

    def codegen(context, builder, signature, args):
        vector = _vector(context, row, BLOCK)
        values = [_as(builder, v, vector.element) for v in args[2:]]
        low = _joined(builder, values[:2])
        high = _joined(builder, [values[2], ir.Constant(vector, ir.Undefined)])
        for k in range(3):
            numbers = range(BLOCK * k, BLOCK * (k + 1))
            part = _pick(builder, low, high, [BLOCK * (i % 3) + _COLLECTED[i // 3] for i in numbers])
            _store(builder, args[0], builder.add(args[1], args[1].type(BLOCK * k)), part)
        return context.get_dummy_value()

    return types.void(row, types.intp, first, second, third), codegen


# Lines of sums: four planes of `size` numbers each.


@intrinsic
def add_to(typingctx, line, index, size, value):
    """Add a block to the sums of columns that begin at `index` of plane 0."""

    def codegen(context, builder, signature, args):
        pointer, index, size, value = args
        vector = _vector(context, line, LANES)
        value = _as(builder, value, vector.element)
        for plane in range(PLANES):
            at = builder.add(index, builder.mul(size, size.type(plane)))
            sums = builder.fadd(_load(builder, pointer, at, vector), _plane(builder, value, plane), flags=CONTRACT)
            _store(builder, pointer, at, sums)
        return context.get_dummy_value()

    return types.void(line, types.intp, types.intp, value), codegen


def _scan(builder: Any, x: Any) -> Any:
    """Return the prefix sums of lanes: in step `s`, odd groups of `s` lanes add the last lane before them."""
    zero = ir.Constant(x.type, [0.0] * LANES)
    s = 1
    while s < LANES:
        source = [(i // s) * s - 1 if (i // s) % 2 else LANES + i for i in range(LANES)]
        x = builder.fadd(x, _pick(builder, x, zero, source))
        s *= 2
    return x


@intrinsic
def slide(typingctx, line, index, ends, carry):
    """Return the window sums of a block whose columns begin at `index`, and the last one as next carry.

    `ends` are, for each plane, where the columns that enter are from `index` on, then those that leave.
    """

    def codegen(context, builder, signature, args):
        pointer, index, ends, carry = args
        at = [builder.add(index, builder.extract_value(ends, k)) for k in range(2 * PLANES)]
        columns = [_load(builder, pointer, place, _vector(context, line, LANES)) for place in at]
        steps = [builder.fsub(columns[k], columns[PLANES + k]) for k in range(PLANES)]
        four = steps[0]
        for step in steps[1:]:
            four = builder.fadd(four, step)
        sums = [builder.fadd(_scan(builder, four), _plane(builder, carry, 0))]
        for step in reversed(steps[1:]):
            sums.insert(0, builder.fsub(sums[0], step))
        block, carry = _joined(builder, sums), _pick(builder, sums[-1], None, [LANES - 1] * BLOCK)
        return context.make_tuple(builder, signature.return_type, [block, carry])

    return types.UniTuple(carry, 2)(line, types.intp, ends, carry), codegen
