"""The finest level of the multigrid: Gauss-Seidel on the stencil, transfers to and from tiles, CG's vectors.

Sweeps run through chunks of rows in two colours: the even chunks first, all in parallel, then the odd ones; in a
chunk by rows. The order depends on the problem alone. Everything is float32 here; denormal numbers, which float32
sweeps produce from localised right-hand sides and which are several times slower, are flushed to zero.
"""

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from ._jit import OPTIONS, jit, pjit, prange

LONGEST = 256
fused = njit(fastmath={"contract"}, **OPTIONS)
# Sums over a segment may be taken in any order, but always in the same one.
sums = njit(fastmath={"contract", "reassoc"}, **OPTIONS)


@fused
def _row(total, n, coefs, k, own, x, at):
    """Add to `total` the products of planes k .. k + 4 of the pixels at `own` with the row of x at `at` - 2."""
    at -= np.uintp(2)
    for i in range(n):
        total[i] += (
            coefs[k, own + i] * x[at + i]
            + coefs[k + 1, own + i] * x[at + i + np.uintp(1)]
            + coefs[k + 2, own + i] * x[at + i + np.uintp(2)]
            + coefs[k + 3, own + i] * x[at + i + np.uintp(3)]
            + coefs[k + 4, own + i] * x[at + i + np.uintp(4)]
        )


@fused
def _row_above(total, n, coefs, k, x, at):
    """Do the same for a row above, whose pixels keep the coefficients themselves."""
    at -= np.uintp(2)
    for i in range(n):
        total[i] += (
            coefs[k + 4, at + i] * x[at + i]
            + coefs[k + 3, at + i + np.uintp(1)] * x[at + i + np.uintp(1)]
            + coefs[k + 2, at + i + np.uintp(2)] * x[at + i + np.uintp(2)]
            + coefs[k + 1, at + i + np.uintp(3)] * x[at + i + np.uintp(3)]
            + coefs[k, at + i + np.uintp(4)] * x[at + i + np.uintp(4)]
        )


@jit
def _rows(s, n, place, coefs, x, above1, above2, below1, below2, total):
    """Write to `total` the products of a segment with the chosen rows above and below."""
    own = np.uintp(place[s, 2])
    for i in range(n):
        total[i] = 0
    if above1:
        _row_above(total, n, coefs, 2, x, np.uintp(place[s, 1]))
    if above2:
        _row_above(total, n, coefs, 7, x, np.uintp(place[s, 0]))
    if below1:
        _row(total, n, coefs, 2, own, x, np.uintp(place[s, 3]))
    if below2:
        _row(total, n, coefs, 7, own, x, np.uintp(place[s, 4]))


@fused
def _sweep_right(n, own, coefs, inverse, b, scale, x, total, near, far):
    """Solve for a segment from left to right, for b times `scale`; pixels to its right are taken as zero."""
    one, two = np.uintp(1), np.uintp(2)
    for i in range(n):
        total[i] = inverse[own + i] * (np.float32(scale * b[own + i]) - total[i])
    for i in range(n):
        near[i] = inverse[own + i] * coefs[0, own + i - one]
        far[i] = inverse[own + i] * coefs[1, own + i - two]
    before, last = x[own - two], x[own - one]
    for i in range(n):
        value = (total[i] - far[i] * before) - near[i] * last
        before, last = last, value
        x[own + i] = value


@fused
def _sweep_left(n, own, coefs, inverse, b, scale, x, total, near, far):
    """Solve for a segment from right to left."""
    one, two = np.uintp(1), np.uintp(2)
    for i in range(n):
        total[i] += coefs[0, own + i - one] * x[own + i - one] + coefs[1, own + i - two] * x[own + i - two]
    for i in range(n):
        total[i] = inverse[own + i] * (np.float32(scale * b[own + i]) - total[i])
    for i in range(n):
        near[i] = inverse[own + i] * coefs[0, own + i]
        far[i] = inverse[own + i] * coefs[1, own + i]
    before, last = x[own + n + one], x[own + n]
    for j in range(n):
        i = n - one - j
        value = (total[i] - far[i] * before) - near[i] * last
        before, last = last, value
        x[own + i] = value


@fused
def _later_in_row(n, own, coefs, x, total, residual, left):
    one, two = np.uintp(1), np.uintp(2)
    for i in range(n):
        residual[left + i] = -(
            total[i] + coefs[0, own + i] * x[own + i + one] + coefs[1, own + i] * x[own + i + two]
        )


@intrinsic
def _flush_denormals(typingctx):
    """Make this thread's arithmetic treat denormal numbers as zero; return what to give to `_restore`."""

    def codegen(context, builder, signature, args):
        machine, wide, narrow = _machine(builder), ir.IntType(64), ir.IntType(32)
        if machine == "x86":
            slot = builder.alloca(narrow)
            _call(builder, "llvm.x86.sse.stmxcsr", ir.VoidType(), _pointer(builder, slot))
            state = builder.load(slot)
            builder.store(builder.or_(state, ir.Constant(narrow, 0x8040)), slot)
            _call(builder, "llvm.x86.sse.ldmxcsr", ir.VoidType(), _pointer(builder, slot))
            return builder.zext(state, wide)
        if machine == "arm":
            state = _call(builder, "llvm.aarch64.get.fpcr", wide)
            _call(builder, "llvm.aarch64.set.fpcr", ir.VoidType(), builder.or_(state, ir.Constant(wide, 1 << 24)))
            return state
        return ir.Constant(wide, 0)

    return types.uint64(), codegen


@intrinsic
def _restore(typingctx, state):
    """Undo `_flush_denormals`."""

    def codegen(context, builder, signature, args):
        machine = _machine(builder)
        if machine == "x86":
            slot = builder.alloca(ir.IntType(32))
            builder.store(builder.trunc(args[0], ir.IntType(32)), slot)
            _call(builder, "llvm.x86.sse.ldmxcsr", ir.VoidType(), _pointer(builder, slot))
        elif machine == "arm":
            _call(builder, "llvm.aarch64.set.fpcr", ir.VoidType(), args[0])
        return context.get_dummy_value()

    return types.void(types.uint64), codegen


def _machine(builder):
    name = builder.module.triple.split("-")[0]
    if name in ("x86_64", "amd64"):
        return "x86"
    return "arm" if name in ("aarch64", "arm64") else "other"


def _pointer(builder, slot):
    return builder.bitcast(slot, ir.IntType(8).as_pointer())


def _call(builder, name, result, *arguments):
    kind = ir.FunctionType(result, [argument.type for argument in arguments])
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), arguments)


@jit
def _sweep_row(y, first, stop, even, row_segments, segments, places, coefs, inverse, b, scale, x, work):
    """Sweep a row of a chunk; what was not swept before counts as zero."""
    above1, above2 = not even or y > first, not even or y > first + 1
    below1, below2 = not even and y + 1 >= stop, not even and y + 2 >= stop
    for s in range(row_segments[y], row_segments[y + 1]):
        n, own = np.uintp(segments[s, 1]), np.uintp(places[s, 2])
        _rows(s, n, places, coefs, x, above1, above2, below1, below2, work[0])
        _sweep_right(n, own, coefs, inverse, b, scale, x, work[0], work[1], work[2])


@jit
def _restrict(t, left, basis, residual, coarse):
    """Restrict four rows of the image to a tile whose first column is `left`."""
    s0, s1, s2, s3 = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
    for r in range(4):
        for c in range(np.uintp(4)):
            value = residual[r, left + c]
            p = np.uintp(4 * r) + c
            s0 += basis[t, p, 0] * value
            s1 += basis[t, p, 1] * value
            s2 += basis[t, p, 2] * value
            s3 += basis[t, p, 3] * value
    coarse[t, 0], coarse[t, 1], coarse[t, 2], coarse[t, 3] = s0, s1, s2, s3


@jit
def _restrict_row(
    ty,
    first,
    stop,
    even,
    row_segments,
    segments,
    places,
    coefs,
    x,
    tile_rows,
    columns,
    basis,
    work,
    residual,
    coarse,
):
    """Restrict the residual of a row of tiles: what the pixels swept later add.

    No more of it is kept than the four rows `residual`. Where pixels are known these hold anything, as the basis
    is zero.
    """
    for y in range(4 * ty, min(4 * ty + 4, stop)):
        above1, above2 = even and y == first, even and y <= first + 1
        below1, below2 = even or y + 1 < stop, even or y + 2 < stop
        for s in range(row_segments[y], row_segments[y + 1]):
            n, own, left = np.uintp(segments[s, 1]), np.uintp(places[s, 2]), np.uintp(segments[s, 0])
            _rows(s, n, places, coefs, x, above1, above2, below1, below2, work[0])
            _later_in_row(n, own, coefs, x, work[0], residual[y - 4 * ty], left)
    for t in range(tile_rows[ty], tile_rows[ty + 1]):
        _restrict(np.uintp(t), np.uintp(4 * columns[t]), basis, residual, coarse)


@pjit
def sweep_and_restrict(
    chunks, row_segments, segments, places, coefs, inverse, b, scale, x, tile_rows, columns, width, basis, coarse
):
    """One forward sweep on ``A x = scale b`` from zero, and the restriction of the residual that it leaves.

    x holds zero beside the unknown pixels. A row of tiles is restricted as soon as the next row is swept, while
    its coefficients are in the cache; only the first and the last of an even chunk wait for the odd chunks.
    """
    for phase in range(3):
        odd = phase % 2
        for half in prange((chunks.shape[0] - odd) // 2):
            state = _flush_denormals()
            work, residual = np.empty((3, LONGEST), np.float32), np.zeros((4, width), np.float32)
            first, stop = chunks[2 * half + odd], chunks[2 * half + odd + 1]
            top, last = first // 4, (stop - 1) // 4
            for ty in range(top, last + 2):
                if phase < 2:
                    for y in range(4 * ty, min(4 * ty + 4, stop)):
                        _sweep_row(
                            y,
                            first,
                            stop,
                            odd == 0,
                            row_segments,
                            segments,
                            places,
                            coefs,
                            inverse,
                            b,
                            scale,
                            x,
                            work,
                        )
                edge = ty == top + 1 or ty == last + 1
                if ty > top and (odd == 1 or edge == (phase == 2)):
                    _restrict_row(
                        ty - 1,
                        first,
                        stop,
                        odd == 0,
                        row_segments,
                        segments,
                        places,
                        coefs,
                        x,
                        tile_rows,
                        columns,
                        basis,
                        work,
                        residual,
                        coarse,
                    )
            _restore(state)


@jit
def _prolong_row(ty, tile_rows, corners, basis, coarse, fine):
    """Add the corrections of a row of tiles to its pixels."""
    for t in range(np.uintp(tile_rows[ty]), np.uintp(tile_rows[ty + 1])):
        e0, e1, e2, e3 = coarse[t, 0], coarse[t, 1], coarse[t, 2], coarse[t, 3]
        for r in range(4):
            at = np.uintp(corners[t, r])
            for c in range(np.uintp(4)):
                p = np.uintp(4 * r) + c
                fine[at + c] += (basis[t, p, 0] * e0 + basis[t, p, 1] * e1) + (
                    basis[t, p, 2] * e2 + basis[t, p, 3] * e3
                )


@sums
def _measure(n, own, r, q, z, dots):
    """Add a segment's ``r . z``, ``q . z`` and ``max |z|`` to `dots`."""
    rz, qz, largest = np.float64(0), np.float64(0), np.float32(0)
    for i in range(n):
        rz += r[own + i] * z[own + i]
        qz += q[own + i] * z[own + i]
    for i in range(n):
        largest = max(largest, abs(z[own + i]))
    dots[0] += rz
    dots[1] += qz
    dots[2] = max(dots[2], largest)


@pjit
def prolong_and_sweep_back(
    chunks, row_segments, segments, places, coefs, inverse, b, scale, x, tile_rows, corners, basis, coarse, q, dots
):
    """Add the tiles' corrections, then sweep in the exact reverse of the order of `sweep_and_restrict`.

    A row of tiles is corrected just before it is needed, the first and the last of even chunks before all others.
    Each chunk's ``b . x``, ``q . x`` and ``max |x|`` are written to `dots` (chunks, 3).
    """
    for phase in range(3):
        odd = phase % 2
        for half in prange((chunks.shape[0] - odd) // 2):
            state = _flush_denormals()
            work = np.empty((3, LONGEST), np.float32)
            chunk = 2 * half + odd
            first, stop = chunks[chunk], chunks[chunk + 1]
            top, last = first // 4, (stop - 1) // 4
            dots[chunk] = 0
            for ty in range(last, top - 2, -1):
                # corrected in this phase: here the row above the one that is swept
                edge = ty == top or ty == last
                if ty >= top and (odd == 1 or edge == (phase == 0)):
                    _prolong_row(ty, tile_rows, corners, basis, coarse, x)
                if phase == 0 or ty == last:
                    continue
                for y in range(min(4 * ty + 8, stop) - 1, 4 * ty + 3, -1):
                    for s in range(row_segments[y + 1] - 1, row_segments[y] - 1, -1):
                        n, own = np.uintp(segments[s, 1]), np.uintp(places[s, 2])
                        _rows(s, n, places, coefs, x, True, True, True, True, work[0])
                        _sweep_left(n, own, coefs, inverse, b, scale, x, work[0], work[1], work[2])
                        _measure(n, own, b, q, x, dots[chunk])
            _restore(state)


@jit
def _span(chunk, chunks, size):
    """Return where a vector's part of one of `chunks` begins and ends."""
    return chunk * size // chunks, (chunk + 1) * size // chunks


@pjit
def advance(step, p, q, x, r, norms):
    """``x += step p``, ``r -= step q``; parts of r . r to `norms`."""
    for chunk in prange(norms.shape[0]):
        start, stop = _span(chunk, norms.shape[0], x.shape[0])
        norm = np.float64(0)
        for i in range(start, stop):
            x[i] += step * p[i]
            value = r[i] - step * q[i]
            r[i] = value
            norm += value * value
        norms[chunk] = norm


@pjit
def turn(beta, z, p, parts):
    """``p = z + beta p``."""
    for chunk in prange(parts):
        start, stop = _span(chunk, parts, p.shape[0])
        for i in range(start, stop):
            p[i] = z[i] + beta * p[i]
