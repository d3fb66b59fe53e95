"""Set-up of the multigrid: tiles, their colour-affine bases, and the Galerkin products, all in float64."""

import numpy as np

from ._jit import jit, pjit, prange


@pjit
def number_tiles(occupied, starts, numbers, where):
    """Number the occupied tiles of a grid in `numbers` (bordered by one), list them in `where` as (y, x)."""
    for y in prange(occupied.shape[0]):
        t = starts[y]
        for x in range(occupied.shape[1]):
            if occupied[y, x]:
                numbers[y + 1, x + 1] = t
                where[t, 0] = y
                where[t, 1] = x
                t += 1


@pjit
def occupied_tiles(is_unknown, occupied):
    """Mark the 4x4 tiles with an unknown pixel."""
    height, width = is_unknown.shape
    for ty in prange(occupied.shape[0]):
        for tx in range(occupied.shape[1]):
            found = False
            for y in range(4 * ty, min(4 * ty + 4, height)):
                for x in range(4 * tx, min(4 * tx + 4, width)):
                    found |= is_unknown[y, x]
            occupied[ty, tx] = found


@pjit
def neighbours(where, numbers, near):
    """List each tile's 3x3 surroundings, -1 where there is no tile."""
    for t in prange(where.shape[0]):
        for s in range(9):
            near[t, s] = numbers[where[t, 0] + s // 3, where[t, 1] + s % 3]


@jit
def _orthonormalise(v, q, drop):
    """Pivoted Gram-Schmidt of the rows of v; rows whose rest is below `drop` |v[0]| leave a row of q zero."""
    count, size = v.shape
    limit = np.float64(0)
    for i in range(size):
        limit += v[0, i] * v[0, i]
    limit *= drop * drop
    q[:] = 0
    norms = np.empty(4)
    free = np.empty(4, np.bool_)
    rest = v.copy()
    for k in range(count):
        free[k] = True
    for k in range(count):
        best, pivot = np.float64(-1), 0
        for f in range(count):
            norms[f] = 0
            for i in range(size):
                norms[f] += rest[f, i] * rest[f, i]
            if free[f] and norms[f] > best and (k > 0 or f == 0):
                best, pivot = norms[f], f
        if best <= limit or best == 0:
            return
        free[pivot] = False
        for _again in range(2):  # twice is enough for orthogonality to rounding
            for j in range(k):
                dot = np.float64(0)
                for i in range(size):
                    dot += q[j, i] * rest[pivot, i]
                for i in range(size):
                    rest[pivot, i] -= dot * q[j, i]
        norm = np.float64(0)
        for i in range(size):
            norm += rest[pivot, i] * rest[pivot, i]
        if norm == 0:
            return
        scale = 1 / np.sqrt(norm)
        for i in range(size):
            q[k, i] = rest[pivot, i] * scale
        for f in range(count):
            if free[f]:
                dot = np.float64(0)
                for i in range(size):
                    dot += q[k, i] * rest[f, i]
                for i in range(size):
                    rest[f, i] -= dot * q[k, i]


@jit
def _coordinates(q, v, result):
    """Write the coordinates of the functions v in the basis q: result[k, f] = q_k . v_f."""
    result[:] = 0
    for k in range(4):
        for f in range(v.shape[0]):
            for i in range(v.shape[1]):
                result[k, f] += q[k, i] * v[f, i]


@pjit
def colour_basis(image, is_unknown, quads, spare, where, drop, corners, basis, functions):
    """Fill each tile's `basis` (16, 4), the coordinates of 1, R, G, B in it, and the places of its four rows."""
    parts = 64
    height, width, channels = image.shape
    for part in prange(parts):
        v = np.empty((channels + 1, 16))
        q = np.empty((4, 16))
        size = where.shape[0]
        for t in range(part * size // parts, (part + 1) * size // parts):
            ty, tx = where[t, 0], where[t, 1]
            v[:] = 0
            for p in range(16):
                y, x = 4 * ty + p // 4, 4 * tx + p % 4
                if y < height and x < width and is_unknown[y, x]:
                    v[0, p] = 1
                    for c in range(channels):
                        v[c + 1, p] = image[y, x, c]
            _orthonormalise(v, q, drop)
            for p in range(16):
                for k in range(4):
                    basis[t, p, k] = q[k, p]
            _coordinates(q, v, functions[t])
            for r in range(4):
                quad = quads[4 * ty + 4 + r, tx + 1]
                corners[t, r] = 4 * quad if quad >= 0 else spare


@jit
def _gather_pixel(u, p, corners, basis, value, sums, s):
    for k in range(4):
        sums[s, k] += value * basis[u, p, k]


@pjit
def restrict_stencil(coefs, diagonal, corners, basis, near, A):
    """Write the Galerkin product ``T^T A T`` of the stencil to the tiles' blocks `A` (n, 9, 16)."""
    parts = 64
    for part in prange(parts):
        sums = np.empty((9, 4))
        size = near.shape[0]
        for t in range(part * size // parts, (part + 1) * size // parts):
            A[t] = 0
            for p in range(16):
                if basis[t, p, 0] == 0:  # the first function is the constant: not an unknown pixel
                    continue
                y, x = p // 4, p % 4
                own = corners[t, y] + x
                sums[:] = 0
                for dy in range(-2, 3):
                    for dx in range(-2, 3):
                        yy, xx = y + dy + 4, x + dx + 4
                        s = 3 * (yy // 4) + xx // 4
                        u = near[t, s]
                        if u < 0:
                            continue
                        there = corners[u, yy % 4] + xx % 4
                        if dy > 0 or (dy == 0 and dx > 0):
                            value = np.float64(coefs[dx - 1 if dy == 0 else 5 * dy - 1 + dx, own])
                        elif dy < 0 or dx < 0:
                            value = np.float64(coefs[-dx - 1 if dy == 0 else -5 * dy - 1 - dx, there])
                        else:
                            value = diagonal[own]
                        _gather_pixel(u, 4 * (yy % 4) + xx % 4, corners, basis, value, sums, s)
                for s in range(9):
                    for b in range(4):
                        for a in range(4):
                            A[t, s, 4 * b + a] += basis[t, p, a] * sums[s, b]


@jit
def _invert(block, inverse, work):
    """Invert a symmetric positive definite 4x4 block by Cholesky; columns that are not used get a 1."""
    for k in range(4):
        if block[5 * k] <= 0:
            block[5 * k] = 1
    for i in range(4):
        for j in range(i + 1):
            total = block[4 * j + i]
            for k in range(j):
                total -= work[i, k] * work[j, k]
            if i == j:
                work[i, i] = np.sqrt(max(total, 1e-12 * block[5 * i]))
            else:
                work[i, j] = total / work[j, j]
    for c in range(4):
        for i in range(4):
            total = np.float64(1 if i == c else 0)
            for k in range(i):
                total -= work[i, k] * inverse[4 * c + k]
            inverse[4 * c + i] = total / work[i, i]
        for i in range(3, -1, -1):
            total = inverse[4 * c + i]
            for k in range(i + 1, 4):
                total -= work[k, i] * inverse[4 * c + k]
            inverse[4 * c + i] = total / work[i, i]


@pjit
def invert_blocks(A, inverse):
    """Invert the tiles' own blocks."""
    for t in prange(A.shape[0]):
        _invert(A[t, 4], inverse[t], np.empty((4, 4)))


@pjit
def inherit_basis(where, numbers, functions, drop, T, coarse_where, coarse_functions):
    """Fill the tiles' parts `T` (n, 16) of the coarse tiles' bases, and the coordinates of 1, R, G, B in these."""
    for c in prange(coarse_where.shape[0]):
        count = functions.shape[2]
        members = np.empty(9, np.int64)
        found = 0
        for j in range(9):
            y, x = 3 * coarse_where[c, 0] + j // 3, 3 * coarse_where[c, 1] + j % 3
            if y + 2 < numbers.shape[0] and x + 2 < numbers.shape[1] and numbers[y + 1, x + 1] >= 0:
                members[found] = numbers[y + 1, x + 1]
                found += 1
        v = np.empty((count, 4 * found))
        q = np.empty((4, 4 * found))
        for m in range(found):
            for k in range(4):
                for f in range(count):
                    v[f, 4 * m + k] = functions[members[m], k, f]
        _orthonormalise(v, q, drop)
        _coordinates(q, v, coarse_functions[c])
        for m in range(found):
            for k in range(4):
                for kc in range(4):
                    T[members[m], 4 * kc + k] = q[kc, 4 * m + k]


@jit
def _add_product(left, right, factor, result):
    """``result += factor left right`` for 4x4 blocks by columns."""
    for b in range(4):
        for k in range(4):
            value = factor * right[4 * b + k]
            for a in range(4):
                result[4 * b + a] += left[4 * k + a] * value


@jit
def _add_transposed_product(left, right, result):
    """``result += left^T right``."""
    for b in range(4):
        for a in range(4):
            total = result[4 * b + a]
            for k in range(4):
                total += left[4 * a + k] * right[4 * b + k]
            result[4 * b + a] = total


@pjit
def smooth_prolongation(where, near, A, inverse, T, coarse_numbers, damping, parents, P):
    """Write ``P = (I - damping D^-1 A) T`` as blocks `P` (n, 4, 16) towards the up to 2x2 coarse tiles `parents`."""
    for t in prange(where.shape[0]):
        y, x = where[t, 0], where[t, 1]
        first_y, first_x = (y - 1) // 3, (x - 1) // 3
        sums = np.zeros((4, 16))
        for s in range(9):
            u = near[t, s]
            if u >= 0:
                slot = 2 * ((y - 1 + s // 3) // 3 - first_y) + (x - 1 + s % 3) // 3 - first_x
                _add_product(A[t, s], T[u], 1.0, sums[slot])
        own = 2 * (y // 3 - first_y) + x // 3 - first_x
        for slot in range(4):
            cy, cx = first_y + slot // 2, first_x + slot % 2
            reached = (slot < 2 or y % 3 != 1) and (slot % 2 == 0 or x % 3 != 1)
            inside = cy + 2 < coarse_numbers.shape[0] and cx + 2 < coarse_numbers.shape[1]
            parents[t, slot] = coarse_numbers[cy + 1, cx + 1] if reached and inside else -1
            P[t, slot] = 0
            _add_product(inverse[t], sums[slot], -damping, P[t, slot])
            if slot == own:
                for e in range(16):
                    P[t, slot, e] += T[t, e]


@jit
def _add_tile(t, y, x, near, A, parents, P, work):
    """Write row t of ``A P`` to `work`, 3x3 coarse tiles around the tile's own."""
    work[:] = 0
    for s in range(9):
        u = near[t, s]
        if u < 0:
            continue
        first_y, first_x = (y - 2 + s // 3) // 3 - y // 3 + 1, (x - 2 + s % 3) // 3 - x // 3 + 1
        for slot in range(4):
            if parents[u, slot] >= 0:
                _add_product(A[t, s], P[u, slot], 1.0, work[3 * (first_y + slot // 2) + first_x + slot % 2])


@pjit
def restrict_blocks(where, numbers, near, A, parents, P, coarse_where, coarse_starts, coarse_A):
    """Write the Galerkin product ``P^T A P`` to `coarse_A` (coarse tiles, 9, 16), one row of coarse tiles a task."""
    for cy in prange(coarse_starts.shape[0] - 1):
        work = np.empty((9, 16))
        for c in range(coarse_starts[cy], coarse_starts[cy + 1]):
            coarse_A[c] = 0
        if coarse_starts[cy] == coarse_starts[cy + 1]:
            continue
        for y in range(max(0, 3 * cy - 1), min(numbers.shape[0] - 2, 3 * cy + 4)):
            for x in range(numbers.shape[1] - 2):
                t = numbers[y + 1, x + 1]
                if t < 0:
                    continue
                _add_tile(t, y, x, near, A, parents, P, work)
                for slot in range(4):
                    c = parents[t, slot]
                    if c < 0 or coarse_where[c, 0] != cy:
                        continue
                    shift = 3 * (cy - y // 3) + coarse_where[c, 1] - x // 3
                    for j in range(9):
                        s = j - shift
                        inside = 0 <= j % 3 - (coarse_where[c, 1] - x // 3) < 3 and 0 <= s < 9
                        if inside:
                            _add_transposed_product(P[t, slot], work[j], coarse_A[c, s])


@pjit
def list_children(coarse_where, numbers, children):
    """List the 5x5 tiles that may depend on each coarse tile, -1 where there is none."""
    for c in prange(coarse_where.shape[0]):
        for j in range(25):
            y, x = 3 * coarse_where[c, 0] - 1 + j // 5, 3 * coarse_where[c, 1] - 1 + j % 5
            inside = y + 2 < numbers.shape[0] and x + 2 < numbers.shape[1]
            children[c, j] = numbers[y + 1, x + 1] if inside else -1
