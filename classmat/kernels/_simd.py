"""Vectors of four or eight numbers as values: what a compiler does not find in loops over small blocks.

``load4``, ``load8`` read from an array at a flat index, ``load8_short`` eight int16 as float32, ``store`` writes,
``splat4``, ``splat8`` repeat a number, ``add_scaled(a, s, b)`` is ``a + s b`` for a vector or a number s,
``totals(a, b, c, d)`` are the sums over their lanes as a vector of four, ``widen`` makes float64 of it. LLVM maps
them to whatever width the machine has.
"""

from llvmlite import ir
from numba import types
from numba.extending import intrinsic, models, register_model

CONTRACT = ("contract",)


class Lanes(types.Type):
    """A Numba type: `count` numbers of a type."""

    def __init__(self, number, count):
        self.number, self.count = number, count
        super().__init__(name=f"Lanes({number}, {count})")


@register_model(Lanes)
class LanesModel(models.PrimitiveModel):
    """The LLVM vector behind `Lanes`."""

    def __init__(self, manager, kind):
        number = manager.lookup(kind.number).get_value_type()
        super().__init__(manager, kind, ir.VectorType(number, kind.count))


def _pointer(context, builder, array_type, array, index):
    data = context.make_array(array_type)(context, builder, array).data
    return builder.gep(data, [index])


def _loader(count):
    def load(typingctx, array, index):
        """Read neighbours in memory, from flat `index` on."""

        def codegen(context, builder, signature, args):
            vector = context.get_value_type(signature.return_type)
            pointer = _pointer(context, builder, signature.args[0], args[0], args[1])
            value = builder.load(builder.bitcast(pointer, vector.as_pointer()))
            value.align = array.dtype.bitwidth // 8
            return value

        return Lanes(array.dtype, count)(array, types.uint64), codegen

    load.__name__ = load.__qualname__ = f"load{count}"
    return intrinsic(load)


load4, load8 = _loader(4), _loader(8)


@intrinsic
def load8_short(typingctx, array, index):
    """Read eight int16 as float32."""

    def codegen(context, builder, signature, args):
        pointer = _pointer(context, builder, signature.args[0], args[0], args[1])
        value = builder.load(builder.bitcast(pointer, ir.VectorType(ir.IntType(16), 8).as_pointer()))
        value.align = 2
        return builder.sitofp(value, context.get_value_type(signature.return_type))

    return Lanes(types.float32, 8)(array, types.uint64), codegen


@intrinsic
def store(typingctx, array, index, value):
    """Write neighbours in memory, from flat `index` on."""

    def codegen(context, builder, signature, args):
        vector = context.get_value_type(signature.args[2])
        pointer = _pointer(context, builder, signature.args[0], args[0], args[1])
        builder.store(args[2], builder.bitcast(pointer, vector.as_pointer())).align = array.dtype.bitwidth // 8
        return context.get_dummy_value()

    return types.void(array, types.uint64, value), codegen


def _repeat(builder, number, count):
    vector = ir.VectorType(number.type, count)
    i32 = ir.IntType(32)
    single = builder.insert_element(ir.Constant(vector, ir.Undefined), number, ir.Constant(i32, 0))
    mask = ir.Constant(ir.VectorType(i32, count), [0] * count)
    return builder.shuffle_vector(single, ir.Constant(vector, ir.Undefined), mask)


def _splatter(count):
    def splat(typingctx, number):
        """Repeat a number."""

        def codegen(context, builder, signature, args):
            return _repeat(builder, args[0], count)

        return Lanes(number, count)(number), codegen

    splat.__name__ = splat.__qualname__ = f"splat{count}"
    return intrinsic(splat)


splat4, splat8 = _splatter(4), _splatter(8)


@intrinsic
def add_scaled(typingctx, a, s, b):
    """Return ``a + s b``, rounded once where the machine can."""
    number = s if isinstance(s, Lanes) else b.number

    def codegen(context, builder, signature, args):
        factor = args[1] if isinstance(s, Lanes) else _repeat(builder, args[1], b.count)
        return builder.fadd(args[0], builder.fmul(factor, args[2], flags=CONTRACT), flags=CONTRACT)

    return a(a, number, b), codegen


@intrinsic
def widen(typingctx, a):
    """Convert the lanes to float64."""

    def codegen(context, builder, signature, args):
        if a.number == types.float64:
            return args[0]
        return builder.fpext(args[0], context.get_value_type(signature.return_type))

    return Lanes(types.float64, a.count)(a), codegen


def _pick(builder, a, b, lanes):
    i32 = ir.IntType(32)
    return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(i32, len(lanes)), [i32(lane) for lane in lanes]))


def _fold(builder, a, b, first, second):
    return builder.fadd(_pick(builder, a, b, first), _pick(builder, a, b, second))


@intrinsic
def totals(typingctx, a, b, c, d):
    """Sum each of four vectors."""

    def codegen(context, builder, signature, args):
        if a.count == 8:
            args = [_fold(builder, v, v, [0, 1, 2, 3], [4, 5, 6, 7]) for v in args]
        ab, cd = (_fold(builder, args[k], args[k + 1], [0, 4, 1, 5], [2, 6, 3, 7]) for k in (0, 2))
        return _fold(builder, ab, cd, [0, 1, 4, 5], [2, 3, 6, 7])

    return Lanes(a.number, 4)(a, b, c, d), codegen
