"""Set-up of the multigrid: tiles, their bases, and the Galerkin products, all in float64."""

import numpy as np

from ._jit import jit, pjit, prange
from ._simd import add_scaled, load4, load8, splat4, splat8, store, widen


@jit
def number_tiles(occupied, starts, numbers, where):
    """Fill `numbers` (bordered by one) with running numbers of occupied tiles, `where` with their (y, x)."""
    for y in range(occupied.shape[0]):
        t = starts[y]
        for x in range(occupied.shape[1]):
            if occupied[y, x]:
                numbers[y + 1, x + 1] = t
                where[t, 0] = y
                where[t, 1] = x
                t += 1


@jit
def occupied_tiles(is_unknown, occupied):
    """Mark the 4x4 tiles with an unknown pixel."""
    height, width = is_unknown.shape
    for ty in range(occupied.shape[0]):
        for tx in range(occupied.shape[1]):
            found = False
            for y in range(4 * ty, min(4 * ty + 4, height)):
                for x in range(4 * tx, min(4 * tx + 4, width)):
                    found |= is_unknown[y, x]
            occupied[ty, tx] = found


@jit
def neighbours(where, numbers, near):
    """List each tile's 3x3 surroundings, -1 where there is no tile."""
    for t in range(where.shape[0]):
        for s in range(9):
            near[t, s] = numbers[where[t, 0] + s // 3, where[t, 1] + s % 3]


@jit
def _squared_norm(v):
    total = np.float64(0)
    for i in range(v.shape[0]):
        total += v[i] * v[i]
    return total


@jit
def _project_out(basis, v):
    """Take from v its part along `basis`, a unit vector."""
    dot = np.float64(0)
    for i in range(v.shape[0]):
        dot += basis[i] * v[i]
    for i in range(v.shape[0]):
        v[i] -= dot * basis[i]


@jit
def _append(q, rank, v):
    """Orthonormalise v against the first `rank` rows of q and append it."""
    for _again in range(2):  # twice is enough for orthogonality to rounding
        for j in range(rank):
            _project_out(q[j], v)
    norm = np.sqrt(_squared_norm(v))
    for i in range(v.shape[0]):
        q[rank, i] = v[i] / norm


@jit
def _orthonormalise(v, colours, q, drop, least):
    """Span the rows of v, which is destroyed, by the orthonormal first rows of q; the other rows are zero.

    The first `colours` rows are taken by pivoting as long as their rest is above `drop` times the length of row 0,
    the others as long as their rest is above `least` times the longest of them.
    """
    q[:] = 0
    rank = 0
    limit = drop * drop * _squared_norm(v[0])
    if limit == 0:
        return
    taken = np.zeros(colours, np.bool_)
    pivot = 0
    for _ in range(colours):
        taken[pivot] = True
        _append(q, rank, v[pivot])
        best = limit
        for f in range(colours):
            if not taken[f]:
                _project_out(q[rank], v[f])
        rank += 1
        pivot = -1
        for f in range(colours):
            if not taken[f] and _squared_norm(v[f]) > best:
                best, pivot = _squared_norm(v[f]), f
        if pivot < 0 or rank == q.shape[0]:
            break
    longest = np.float64(0)
    for f in range(colours, v.shape[0]):
        longest = max(longest, _squared_norm(v[f]))
        for j in range(rank):
            _project_out(q[j], v[f])
    if v.shape[0] > colours:
        _append_largest(q, rank, v[colours:], least * least * longest)


@jit
def _append_largest(q, rank, v, limit):
    """Append the principal components of the rows of v of squared lengths above a limit, while q has room."""
    count = v.shape[0]
    gram, turn = np.empty((count, count)), np.empty((count, count))
    for i in range(count):
        for j in range(i + 1):
            dot = np.float64(0)
            for k in range(v.shape[1]):
                dot += v[i, k] * v[j, k]
            gram[i, j] = dot
            gram[j, i] = dot
    _diagonalise(gram, turn)
    component = np.empty(v.shape[1])
    while rank < q.shape[0]:
        best, pivot = limit, -1
        for f in range(count):
            if gram[f, f] > best:
                best, pivot = gram[f, f], f
        if pivot < 0:
            return
        gram[pivot, pivot] = 0
        component[:] = 0
        for f in range(count):
            for k in range(v.shape[1]):
                component[k] += turn[f, pivot] * v[f, k]
        _append(q, rank, component)
        rank += 1


@jit
def _diagonalise(a, turn):
    """Diagonalise a symmetric matrix by Jacobi's rotations; the columns of `turn` are its eigenvectors."""
    n = a.shape[0]
    turn[:] = 0
    for i in range(n):
        turn[i, i] = 1
    for _ in range(5):
        for i in range(n - 1):
            for j in range(i + 1, n):
                if a[i, j] * a[i, j] <= 1e-24 * a[i, i] * a[j, j]:
                    continue
                slope = (a[j, j] - a[i, i]) / (2 * a[i, j])
                t = 1 / (abs(slope) + np.sqrt(slope * slope + 1))
                t = t if slope >= 0 else -t
                c = 1 / np.sqrt(t * t + 1)
                s = t * c
                for k in range(n):
                    a[k, i], a[k, j] = c * a[k, i] - s * a[k, j], s * a[k, i] + c * a[k, j]
                for k in range(n):
                    a[i, k], a[j, k] = c * a[i, k] - s * a[j, k], s * a[i, k] + c * a[j, k]
                for k in range(n):
                    turn[k, i], turn[k, j] = c * turn[k, i] - s * turn[k, j], s * turn[k, i] + c * turn[k, j]


@jit
def _coordinates(q, v, result):
    """Write the coordinates of the functions v in the basis q: result[k, f] = q_k . v_f."""
    for k in range(q.shape[0]):
        for f in range(v.shape[0]):
            total = np.float64(0)
            for i in range(v.shape[1]):
                total += q[k, i] * v[f, i]
            result[k, f] = total


@jit
def _colour_tile(t, image, is_unknown, quads, spare, where, drop, corners, basis, functions, v, q):
    ty, tx = where[t, 0], where[t, 1]
    height, width, channels = image.shape
    v[:] = 0
    for p in range(16):
        y, x = 4 * ty + p // 4, 4 * tx + p % 4
        if y < height and x < width and is_unknown[y, x]:
            v[0, p] = 1
            for c in range(channels):
                v[c + 1, p] = image[y, x, c]
    _orthonormalise(v.copy(), channels + 1, q, drop, 1.0)
    for p in range(16):
        for k in range(4):
            basis[t, p, k] = q[k, p]
    _coordinates(q, v, functions[t])
    for r in range(4):
        quad = quads[4 * ty + 4 + r, tx + 1]
        corners[t, r] = 4 * quad if quad >= 0 else spare


@pjit
def colour_basis(image, is_unknown, quads, spare, where, drop, corners, basis, functions):
    """Fill each tile's `basis` (16, 4), the coordinates of 1, R, G, B in it, and the places of its four rows."""
    parts = 64
    for part in prange(parts):
        v = np.empty((image.shape[2] + 1, 16))
        q = np.empty((4, 16))
        size = where.shape[0]
        for t in range(part * size // parts, (part + 1) * size // parts):
            _colour_tile(t, image, is_unknown, quads, spare, where, drop, corners, basis, functions, v, q)


@jit
def _coefficient(coefs, diagonal, own, there, dy, dx):
    if dy > 0 or (dy == 0 and dx > 0):
        return np.float64(coefs[dx - 1 if dy == 0 else 5 * dy - 1 + dx, own])
    if dy < 0 or dx < 0:
        return np.float64(coefs[-dx - 1 if dy == 0 else -5 * dy - 1 - dx, there])
    return diagonal[own]


@jit
def _gather_pixel(u, top, left, y, x, own, coefs, diagonal, corners, basis):
    """Return the products of a pixel's row with the functions of tile u; places count from `top`, `left` of it."""
    total = splat4(np.float64(0))
    for yy in range(max(0, y - 2 - top), min(4, y + 3 - top)):
        for xx in range(max(0, x - 2 - left), min(4, x + 3 - left)):
            value = _coefficient(coefs, diagonal, own, corners[u, yy] + xx, top + yy - y, left + xx - x)
            total = add_scaled(total, value, widen(load4(basis, np.uintp(64 * u + 16 * yy + 4 * xx))))
    return total


@jit
def _restrict_tile(t, coefs, diagonal, corners, basis, near, A, sums):
    A[t] = 0
    tile = near[t, 4]
    for p in range(16):
        if basis[tile, p, 0] == 0:  # the first function is the constant: not an unknown pixel
            continue
        y, x = p // 4, p % 4
        own = corners[tile, y] + x
        functions = widen(load4(basis, np.uintp(64 * tile + 4 * p)))
        # the stencil reaches two pixels: into up to 2x2 tiles
        for sy in range((y + 2) // 4, (y + 6) // 4 + 1):
            for sx in range((x + 2) // 4, (x + 6) // 4 + 1):
                u = near[t, 3 * sy + sx]
                if u >= 0:
                    row = _gather_pixel(u, 4 * sy - 4, 4 * sx - 4, y, x, own, coefs, diagonal, corners, basis)
                    store(sums, np.uintp(0), row)
                    for b in range(4):
                        at = np.uintp(16 * (9 * t + 3 * sy + sx) + 4 * b)
                        store(A, at, add_scaled(load4(A, at), sums[b], functions))
    for k in range(4):  # functions that are not used
        if A[t, 4, 5 * k] <= 0:
            A[t, 4, 5 * k] = 1


@pjit
def restrict_stencil(coefs, diagonal, corners, basis, near, A):
    """Write the Galerkin product ``T^T A T`` of the stencil to the blocks `A` (n, 9, 16) of `near`'s tiles."""
    parts = 64
    for part in prange(parts):
        sums = np.empty(4)
        size = near.shape[0]
        for t in range(part * size // parts, (part + 1) * size // parts):
            _restrict_tile(t, coefs, diagonal, corners, basis, near, A, sums)


@jit
def _invert(block, size, inverse, work):
    """Invert a symmetric positive definite block by Cholesky; functions that are not used get a 1."""
    for k in range(size):
        if block[(size + 1) * k] <= 0:
            block[(size + 1) * k] = 1
    for i in range(size):
        for j in range(i + 1):
            total = block[size * j + i]
            for k in range(j):
                total -= work[i, k] * work[j, k]
            if i == j:
                work[i, i] = np.sqrt(max(total, 1e-12 * block[(size + 1) * i]))
            else:
                work[i, j] = total / work[j, j]
    for c in range(size):
        for i in range(size):
            total = np.float64(1 if i == c else 0)
            for k in range(i):
                total -= work[i, k] * inverse[size * c + k]
            inverse[size * c + i] = total / work[i, i]
        for i in range(size - 1, -1, -1):
            total = inverse[size * c + i]
            for k in range(i + 1, size):
                total -= work[k, i] * inverse[size * c + k]
            inverse[size * c + i] = total / work[i, i]


@pjit
def invert_blocks(size, A, inverse):
    """Invert the tiles' own blocks."""
    parts = 64
    for part in prange(parts):
        work = np.empty((size, size))
        for t in range(part * A.shape[0] // parts, (part + 1) * A.shape[0] // parts):
            _invert(A[t, 4], size, inverse[t], work)


@jit
def _noise(t, i):
    """Return a number in [-1, 1) that depends on the two indices alone."""
    h = np.uint64(t) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(i) * np.uint64(0xD1B54A32D192ED03)
    h = (h ^ (h >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    h = (h ^ (h >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.float64((h >> np.uint64(40)) & np.uint64(0xFFFFFF)) / np.float64(1 << 23) - 1


@jit
def fill_noise(size, inverse, vectors):
    """Fill `vectors` (n, size, up to 8) with noise where the functions are used."""
    for t in range(vectors.shape[0]):
        for k in range(size):
            used = inverse[t, (size + 1) * k] != 1
            for v in range(vectors.shape[2]):
                vectors[t, k, v] = _noise(t, 8 * k + v) if used else np.float64(0)


@jit
def _relax_eight(t, size, near, A, inverse, factor, vectors, work):
    """Go `factor` times the way to one tile's solution of eight homogeneous systems.

    All but `near` are flat, A is as in `multigrid_blocks`.
    """
    one, two, three, four = np.uintp(1), np.uintp(2), np.uintp(3), np.uintp(4)
    eight, zero = np.uintp(8), splat8(np.float32(0))
    for p in range(np.uintp(0), size, four):
        y0, y1, y2, y3 = zero, zero, zero, zero
        for s in range(np.uintp(9)):
            if near[t, s] >= 0 and s != 4:
                u = np.uintp(near[t, s])
                row, column, block = one, size, size * size * (np.uintp(9) * t + s)
                if size == four:
                    block = np.uintp(16) * (four * t + s - np.uintp(5))
                    if s < four:
                        row, column, block = size, one, np.uintp(16) * (four * (u + one) - one - s)
                for q in range(size):
                    x, at = load8(vectors, eight * (u * size + q)), block + row * p + column * q
                    y0 = add_scaled(y0, A[at], x)
                    y1 = add_scaled(y1, A[at + row], x)
                    y2 = add_scaled(y2, A[at + two * row], x)
                    y3 = add_scaled(y3, A[at + three * row], x)
        store(work, eight * p, y0)
        store(work, eight * (p + one), y1)
        store(work, eight * (p + two), y2)
        store(work, eight * (p + three), y3)
    rest = np.float32(1) - factor
    for p in range(size):
        y = add_scaled(zero, rest, load8(vectors, eight * (t * size + p)))
        for q in range(size):
            y = add_scaled(y, -factor * inverse[(t * size + q) * size + p], load8(work, eight * q))
        store(vectors, eight * (t * size + p), y)


@pjit
def relax(sweeps, factor, size, chunks, near, A, inverse, vectors):
    """Leave of eight flat vectors what Gauss-Seidel leaves: the slow functions that colour does not explain.

    All but the last two sweeps are over-relaxed by `factor`; these two take away the roughness that this leaves.
    """
    for step in range(2 * sweeps):
        odd = step % 2
        now = np.float32(factor if step < 2 * sweeps - 4 else 1)
        for half in prange((chunks.shape[0] + 1 - odd) // 2):
            work = np.empty(64, np.float32)
            for t in range(chunks[2 * half + odd, 0], chunks[2 * half + odd, 3]):
                _relax_eight(np.uintp(t), np.uintp(size), near, A, inverse, now, vectors, work)


@jit
def _inherit_tile(c, numbers, functions, vectors, drop, least, T, coarse_where, coarse_functions):
    size, colours = functions.shape[1], functions.shape[2]
    members = np.empty(9, np.int64)
    found = 0
    for j in range(9):
        y, x = 3 * coarse_where[c, 0] + j // 3, 3 * coarse_where[c, 1] + j % 3
        if y + 2 < numbers.shape[0] and x + 2 < numbers.shape[1] and numbers[y + 1, x + 1] >= 0:
            members[found] = numbers[y + 1, x + 1]
            found += 1
    v = np.empty((colours + 8, size * found))
    q = np.empty((8, size * found))
    for m in range(found):
        for k in range(size):
            for f in range(colours):
                v[f, size * m + k] = functions[members[m], k, f]
            for f in range(8):
                v[colours + f, size * m + k] = vectors[members[m], k, f]
    _orthonormalise(v.copy(), colours, q, drop, least)
    _coordinates(q, v[:colours], coarse_functions[c])
    for m in range(found):
        for k in range(size):
            for kc in range(8):
                T[size * (8 * members[m] + kc) + k] = q[kc, size * m + k]


@pjit
def inherit_basis(numbers, functions, vectors, drop, least, T, coarse_where, coarse_functions):
    """Fill the tiles' parts `T` of the coarse tiles' 8 functions, and the coordinates of 1, R, G, B in these.

    The functions span 1, R, G, B and then the relaxed `vectors` as far as they are new.
    """
    for c in prange(coarse_where.shape[0]):
        _inherit_tile(np.int64(c), numbers, functions, vectors, drop, least, T, coarse_where, coarse_functions)


@jit
def _add_product(rows, inner, left, left_at, right, right_at, factor, result, result_at):
    """Add ``factor left right`` to result; left is rows x inner, right inner x 8, by columns in flat arrays."""
    rows, inner = np.uintp(rows), np.uintp(inner)
    left_at, right_at, result_at = np.uintp(left_at), np.uintp(right_at), np.uintp(result_at)
    for b in range(np.uintp(8)):
        at, row = result_at + rows * b, right_at + inner * b
        if rows == 8:
            total = load8(result, at)
            for k in range(inner):
                total = add_scaled(total, factor * right[row + k], widen(load8(left, left_at + rows * k)))
            store(result, at, total)
        else:
            half = load4(result, at)
            for k in range(inner):
                half = add_scaled(half, factor * right[row + k], widen(load4(left, left_at + rows * k)))
            store(result, at, half)


@jit
def _round_tile(t, size, values, P, units):
    """Round a tile's blocks of the prolongation to multiples of a 32767th of the largest number."""
    largest = np.float64(0)
    for e in range(values.shape[0]):
        largest = max(largest, abs(values[e]))
    units[t] = largest / 32767
    many = 1 / np.float64(units[t]) if units[t] > 0 else np.float64(0)
    for slot in range(4):
        for k in range(size):
            for a in range(8):
                P[t, slot, 8 * k + a] = np.int16(np.rint(many * values[size * (8 * slot + a) + k]))


@jit
def _smooth_tile(t, size, where, near, A, inverse, T, coarse_numbers, damping, parents, P, units, sums, values):
    y, x = where[t, 0], where[t, 1]
    first_y, first_x = (y - 1) // 3, (x - 1) // 3
    sums[:], values[:] = 0, 0
    for s in range(9):
        u = near[t, s]
        if u >= 0:
            slot = 2 * ((y - 1 + s // 3) // 3 - first_y) + (x - 1 + s % 3) // 3 - first_x
            block_at = (9 * t + s) * size * size
            _add_product(size, size, A, block_at, T, 8 * size * u, 1.0, sums, 8 * size * slot)
    own = 2 * (y // 3 - first_y) + x // 3 - first_x
    for slot in range(4):
        cy, cx = first_y + slot // 2, first_x + slot % 2
        reached = (slot < 2 or y % 3 != 1) and (slot % 2 == 0 or x % 3 != 1)
        inside = cy + 2 < coarse_numbers.shape[0] and cx + 2 < coarse_numbers.shape[1]
        parents[t, slot] = coarse_numbers[cy + 1, cx + 1] if reached and inside else -1
        _add_product(
            size, size, inverse, t * size * size, sums, 8 * size * slot, -damping, values, 8 * size * slot
        )
    for e in range(8 * size):
        values[8 * size * own + e] += T[8 * size * near[t, 4] + e]
    _round_tile(t, size, values, P, units)


@pjit
def smooth_prolongation(size, where, near, A, inverse, T, coarse_numbers, damping, parents, P, units):
    """Write ``P = (I - damping D^-1 A) T`` to `P` (n, 4, 8 size) towards the up to 2x2 coarse tiles `parents`.

    The blocks of P are kept by rows: a product with the transpose is what set-up and restriction need. They are
    int16, in multiples of each tile's `units`, which costs no iterations as the products are formed from the
    rounded ones. All arrays but T are of some tiles only, `near` and T speak of all.
    """
    parts = 64
    for part in prange(parts):
        n = where.shape[0]
        sums, values = np.empty(32 * size), np.empty(32 * size)
        for t in range(part * n // parts, (part + 1) * n // parts):
            _smooth_tile(
                t, size, where, near, A, inverse, T, coarse_numbers, damping, parents, P, units, sums, values
            )


@jit
def _add_tile(size, t, y, x, near, A, first, parents, P, units, block, work):
    """Write row t of ``A P`` to `work`, 3x3 coarse tiles around the tile's own."""
    work[:] = 0
    for s in range(9):
        u = near[t, s]
        if u < 0:
            continue
        first_y, first_x = (y - 2 + s // 3) // 3 - y // 3 + 1, (x - 2 + s % 3) // 3 - x // 3 + 1
        for slot in range(4):
            if parents[u, slot] >= 0:
                for k in range(size):
                    for a in range(8):
                        block[size * a + k] = P[u, slot, 8 * k + a] * np.float64(units[u])
                j = 3 * (first_y + slot // 2) + first_x + slot % 2
                _add_product(size, size, A, (9 * (t - first) + s) * size * size, block, 0, 1.0, work, 8 * size * j)


@jit
def _restrict_row(cy, size, numbers, near, A, first, parents, P, units, coarse_where, coarse_starts, coarse_A):
    work, block = np.empty(72 * size), np.empty(8 * size)
    coarse_A[576 * coarse_starts[cy] : 576 * coarse_starts[cy + 1]] = 0
    if coarse_starts[cy] == coarse_starts[cy + 1]:
        return
    for y in range(max(0, 3 * cy - 1), min(numbers.shape[0] - 2, 3 * cy + 4)):
        for x in range(numbers.shape[1] - 2):
            t = numbers[y + 1, x + 1]
            if t < 0:
                continue
            _add_tile(size, t, y, x, near, A, first, parents, P, units, block, work)
            for slot in range(4):
                c = parents[t, slot]
                if c < 0 or coarse_where[c, 0] != cy:
                    continue
                for e in range(8 * size):  # the transpose by columns is the block by rows
                    block[e] = P[t, slot, e] * np.float64(units[t])
                shift_y, shift_x = cy - y // 3, coarse_where[c, 1] - x // 3
                for j in range(9):
                    sy, sx = j // 3 - shift_y, j % 3 - shift_x
                    if 0 <= sy < 3 and 0 <= sx < 3:
                        at = 64 * (9 * c + 3 * sy + sx)
                        _add_product(8, size, block, 0, work, 8 * size * j, 1.0, coarse_A, at)


@pjit
def restrict_blocks(
    size, numbers, near, A, first, parents, P, units, coarse_where, coarse_starts, top, bottom, coarse_A
):
    """Write ``P^T A P`` to `coarse_A`, flat (coarse tiles, 9, 64), for the coarse rows top .. bottom - 1.

    The blocks in A are those of the tiles from `first` on. A task is one row of coarse tiles; rows go to tasks in
    two interlaced passes, so that parts of the image with much unknown are shared.
    """
    rows = bottom - top
    for task in prange(rows):
        cy = top + (2 * task if 2 * task < rows else 2 * (task - (rows + 1) // 2) + 1)
        _restrict_row(cy, size, numbers, near, A, first, parents, P, units, coarse_where, coarse_starts, coarse_A)


@jit
def list_children(coarse_where, numbers, children):
    """List the 5x5 tiles that may depend on each coarse tile, -1 where there is none."""
    for c in range(coarse_where.shape[0]):
        for j in range(25):
            y, x = 3 * coarse_where[c, 0] - 1 + j // 5, 3 * coarse_where[c, 1] - 1 + j % 5
            inside = y + 2 < numbers.shape[0] and x + 2 < numbers.shape[1]
            children[c, j] = numbers[y + 1, x + 1] if inside else -1
