"""The slow, obvious twin of the evidence of sampled colours."""

import numpy as np


def evidence(image, labels, plain, samples, tolerance):
    """Confidence and doubt of every unknown pixel, one by one."""
    pixels = [tuple(at) for at in np.argwhere(labels == 128)]
    colours = image if image.ndim == 3 else np.stack([image, 0 * image, 0 * image], axis=2)
    channels = 3 if image.ndim == 3 else 1
    apart, explained, dispute = {}, {}, {}
    for i, at in enumerate(pixels):
        alpha, f, b = samples.alpha[i], samples.foreground[i], samples.background[i]
        off = sum((colours[at][k] - alpha * f[k] - (1 - alpha) * b[k]) ** 2 for k in range(3)) / channels
        apart[at] = sum((f[k] - b[k]) ** 2 for k in range(3)) / channels
        explained[at] = np.exp(-off / tolerance**2)
        dispute[at] = apart[at] * (alpha - plain[at]) ** 2
    result = []
    for y, x in pixels:
        near = [(v, u) for v, u in pixels if abs(v - y) <= 10 and abs(u - x) <= 10]
        D, E = np.mean([dispute[at] for at in near]), np.mean([explained[at] for at in near])
        result.append((apart[y, x] * explained[y, x] * D / (D + tolerance**2), (1 - E) ** 2))
    return np.array(result).T
