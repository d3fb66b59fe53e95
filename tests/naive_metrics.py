"""The metrics as their definitions read: loops over pixels, in exact fractions where there are no roots.

A matte is a list of rows; `region` is a list of (y, x).
"""

import math
from fractions import Fraction


def pixels(matte):
    return [(y, x) for y in range(len(matte)) for x in range(len(matte[0]))]


def sad(alpha, truth, region):
    return sum(abs(alpha[y][x] - truth[y][x]) for y, x in region)


def mad(alpha, truth, region):
    return sad(alpha, truth, region) / len(region)


def mse(alpha, truth, region):
    return sum((alpha[y][x] - truth[y][x]) ** 2 for y, x in region) / len(region)


def derivative_kernel(normalise):
    """h[v][u] = g(v) g'(u), v and u from -4 to 4, optionally over the root of its sum of squares."""
    sigma = 1.4

    def g(t):
        return math.exp(-t * t / (2 * sigma**2)) / (math.sqrt(2 * math.pi) * sigma)

    h = [[g(v) * -u * g(u) / sigma**2 for u in range(-4, 5)] for v in range(-4, 5)]
    norm = math.sqrt(sum(value**2 for row in h for value in row)) if normalise else 1.0
    return [[value / norm for value in row] for row in h]


def gradient(matte, y, x, normalise):
    """Convolve at one pixel; a neighbour beyond the border is the nearest pixel within."""
    height, width = len(matte), len(matte[0])
    h = derivative_kernel(normalise)
    along_x = along_y = 0.0
    for v in range(-4, 5):
        for u in range(-4, 5):
            value = float(matte[min(max(y - v, 0), height - 1)][min(max(x - u, 0), width - 1)])
            along_x += h[v + 4][u + 4] * value
            along_y += h[u + 4][v + 4] * value
    return along_x, along_y


def gradient_error(alpha, truth, region, kind="rhemann", normalise=True):
    total = 0.0
    for y, x in region:
        a, t = gradient(alpha, y, x, normalise), gradient(truth, y, x, normalise)
        total += (math.hypot(*a) - math.hypot(*t)) ** 2 if kind == "rhemann" else math.dist(a, t)
    return total


def components(inside):
    """The 4-connected components of a set of pixels, in row order of their first pixels."""
    left, found = sorted(inside), []
    while left:
        queue, component = [left[0]], {left[0]}
        for y, x in queue:
            for neighbour in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
                if neighbour in inside and neighbour not in component:
                    component.add(neighbour)
                    queue.append(neighbour)
        found.append(component)
        left = [pixel for pixel in left if pixel not in component]
    return found


def largest_components(alpha, truth):
    """For thresholds 1/10 to 10/10, all components of the largest size; none where nothing reaches it."""
    result = []
    for k in range(1, 11):
        inside = {(y, x) for y, x in pixels(alpha) if min(alpha[y][x], truth[y][x]) >= Fraction(k, 10)}
        found = components(inside)
        size = max(map(len, found), default=0)
        result.append([component for component in found if len(component) == size])
    return result


def connectivity_error(alpha, truth, region, theta=Fraction(15, 100)):
    omegas = [ties[0] if ties else set() for ties in largest_components(alpha, truth)]

    def phi(matte, y, x):
        left = [k for k in range(1, 11) if (y, x) not in omegas[k - 1]]
        level = Fraction(left[0] - 1, 10) if left else 1
        distance = matte[y][x] - level
        return 1 - distance if distance >= theta else 1

    return sum(abs(phi(alpha, y, x) - phi(truth, y, x)) for y, x in region)
