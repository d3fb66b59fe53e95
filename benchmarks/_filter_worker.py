"""Runs one filter at a time for `filters.py`, in a process of its own: peers may live in other environments.

Reads one request a line from standard input, answers with one line; needs NumPy and the program it is asked for.
"""

import json
import sys
import time

import numpy as np

EPS = 1e-4


def make_images(h, w, colour, dtype=np.float32):
    """Guide, source and cotangent: soft shapes with some noise, the same in every process."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:h, :w] / np.float32(100)
    shapes = (0.5 + 0.3 * np.sin(3 * x + np.sin(2 * y)) * np.cos(2 * y)).astype(np.float32)
    channels = (3,) if colour else ()
    guide = shapes[..., None] * np.float32([1, 0.9, 0.7]) if colour else shapes
    guide = guide + np.float32(0.1) * rng.random((h, w, *channels), dtype=np.float32)
    src = (shapes > 0.5).astype(np.float32)
    return guide.astype(dtype), src.astype(dtype), rng.random((h, w), dtype=np.float32).astype(dtype)


class Classmat:
    def __init__(self, threads):
        import numba

        numba.set_num_threads(threads)

    def value(self, guide, src, g, radius):
        from classmat.filters.guided import guided_filter

        return guided_filter(guide, src, radius, EPS)

    def both(self, guide, src, g, radius):
        from classmat.ops.guided import guided_filter_vjp

        q, pullback = guided_filter_vjp(guide, src, EPS, radius=radius)
        pullback(g)
        return q

    def box_both(self, guide, src, g, radius):
        from classmat.ops.box import box_mean_vjp

        q, pullback = box_mean_vjp(src, radius=radius)
        pullback(g)
        return q

    def feathering_both(self, guide, src, g, radius):
        from classmat.ops.feathering import feathering_vjp

        alpha, pullback = feathering_vjp(guide, src, g, src, guide, radius=radius)
        pullback(g)
        return alpha

    def triad(self, guide, src, g, radius):
        return triad(guide, src, g)


class OpenCV:
    def __init__(self, threads):
        import cv2

        cv2.setNumThreads(threads)
        self.cv2 = cv2

    def value(self, guide, src, g, radius):
        return self.cv2.ximgproc.guidedFilter(guide, src, radius, EPS)

    def box(self, guide, src, g, radius):
        """The published MATLAB program with cv2.boxFilter: borders divided by their true counts."""
        size = (2 * radius + 1, 2 * radius + 1)

        def total(x):
            return self.cv2.boxFilter(x, -1, size, normalize=False, borderType=self.cv2.BORDER_CONSTANT)

        count = total(np.ones_like(src))
        mean_I, mean_p = total(guide) / count, total(src) / count
        a = (total(guide * src) / count - mean_I * mean_p) / (total(guide * guide) / count - mean_I**2 + EPS)
        b = mean_p - a * mean_I
        return total(a) / count * guide + total(b) / count


class Torch:
    """Box sums as differences of cumulative sums, as in the public code of deep guided filtering."""

    def __init__(self, threads):
        import torch

        torch.set_num_threads(threads)
        self.torch = torch

    def both(self, guide, src, g, radius):
        torch = self.torch
        I, p = (torch.from_numpy(x[None, None]).requires_grad_() for x in (guide, src))
        count = self._box(torch.ones_like(p), radius)
        mean_I, mean_p = self._box(I, radius) / count, self._box(p, radius) / count
        cov = self._box(I * p, radius) / count - mean_I * mean_p
        var = self._box(I * I, radius) / count - mean_I * mean_I
        a = cov / (var + EPS)
        b = mean_p - a * mean_I
        q = self._box(a, radius) / count * I + self._box(b, radius) / count
        return self._differentiated(q, g)

    def box_both(self, guide, src, g, radius):
        p = self.torch.from_numpy(src[None, None]).requires_grad_()
        return self._differentiated(self._box(p, radius) / self._box(self.torch.ones_like(p), radius), g)

    def feathering_both(self, guide, src, g, radius):
        a, b, c, F, B = (
            self.torch.from_numpy(x[None, None]).requires_grad_() for x in (guide, src, g, src, guide)
        )
        count = self._box(self.torch.ones_like(a), radius)
        mean_a, mean_b, mean_c = (self._box(x, radius) / count for x in (a, b, c))
        return self._differentiated(mean_a * F + mean_b * B + mean_c, g)

    def _differentiated(self, value, g):
        value.backward(self.torch.from_numpy(g[None, None]))
        return value.detach().numpy()[0, 0]

    def _box(self, x, r):
        for dim in (2, 3):
            s, n = x.cumsum(dim), x.shape[dim]
            first, last = s.narrow(dim, r, r + 1), s.narrow(dim, n - 1, 1) - s.narrow(dim, n - 2 * r - 1, r)
            middle = s.narrow(dim, 2 * r + 1, n - 2 * r - 1) - s.narrow(dim, 0, n - 2 * r - 1)
            x = self.torch.cat([first, middle, last], dim)
        return x


PROGRAMS = {"classmat": Classmat, "opencv": OpenCV, "torch": Torch}


def triad(a, b, c):
    """Set c = a + 0.5 b on all threads: the bandwidth of memory, in 12 bytes a pixel."""
    import numba

    if "triad" not in _compiled:

        def kernel(a, b, c):
            for y in numba.prange(a.shape[0]):
                for x in range(a.shape[1]):
                    c[y, x] = a[y, x] + np.float32(0.5) * b[y, x]

        _compiled["triad"] = numba.njit(parallel=True)(kernel)
    _compiled["triad"](a, b, c)
    return c


_compiled: dict = {}


def status(key):
    with open("/proc/self/status") as file:
        return 1024 * int(file.read().split(key + ":")[1].split()[0])


def answer(request, program, images):
    function = getattr(program, request["task"])
    if request.get("memory"):
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")
        before = status("VmRSS")
    start = time.perf_counter()
    result = function(*images, request["radius"])
    seconds = time.perf_counter() - start
    reply = {"seconds": seconds}
    if request.get("memory"):
        reply["added_bytes"] = status("VmHWM") - before
    if request.get("save"):
        np.save(request["save"], result)
    return reply


def main():
    program, images, made = None, None, None
    for line in sys.stdin:
        request = json.loads(line)
        if program is None:
            try:
                program = PROGRAMS[request["program"]](request["threads"])
            except ImportError as error:
                print(json.dumps({"missing": str(error)}), flush=True)
                return
        key = request["h"], request["w"], request["colour"]
        if made != key:
            images, made = make_images(*key), key
        print(json.dumps(answer(request, program, images)), flush=True)


if __name__ == "__main__":
    main()
