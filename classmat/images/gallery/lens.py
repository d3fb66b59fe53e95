"""What a camera, and what came after it, does to a picture: light, tone, blur, noise, sharpening, compression."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

Image = NDArray[np.float32]
_GREY = np.array([0.299, 0.587, 0.114], np.float32)


def relit(foreground: Image, rng: np.random.Generator) -> Image:
    """Return a subject under another light: from a side, in a colour, with shadows and highlights."""
    h, w = foreground.shape[:2]
    y, x = np.mgrid[-1 : 1 : h * 1j, -1 : 1 : w * 1j].astype(np.float32)
    turn = rng.uniform(0, 2 * np.pi)
    side = np.cos(turn) * x + 0.7 * np.sin(turn) * y
    ramp = rng.gamma(1.0, 0.14) * side
    if rng.random() < 0.18:  # a hard edge of light
        ramp = ramp + rng.uniform(0.1, 0.6) * np.tanh((side - rng.normal(0, 0.3)) * rng.uniform(2, 12))
    ramp = ramp + rng.gamma(1.5, 0.08) * _patches(foreground.shape, rng)
    tint = np.exp(rng.normal(0, 0.035, 3)).astype(np.float32)
    return np.clip(foreground * np.exp(ramp)[..., None] * tint, 0, 1).astype(np.float32)


def _patches(shape: tuple[int, ...], rng: np.random.Generator) -> Image:
    """Return light and shadow in a few smooth patches."""
    grid = rng.standard_normal((rng.integers(3, 9), rng.integers(3, 7)), np.float32)
    smooth: Image = ndimage.zoom(
        grid, (shape[0] / grid.shape[0], shape[1] / grid.shape[1]), order=3, mode="nearest"
    )
    return smooth


def exposed(picture: Image, level: float, goal: float) -> Image:
    """Return a picture in so much light that what has the brightness `level` gets about that of `goal`.

    Examples
    --------
    >>> round(float(exposed(np.full((1, 1, 3), 0.3, np.float32), 0.3, 0.5)[0, 0, 0]), 2)
    0.5
    """
    gain = goal / max(level, 0.05)
    if gain <= 1:
        return (gain * picture).astype(np.float32)
    # More light makes dark things brighter in proportion, and bright things less: x -> g x / (1 + k x).
    k = 0.3 / max(level, 0.05)
    bent: Image = np.clip(1.3 * gain * picture / (1 + k * picture), 0, 1).astype(np.float32)
    return bent


def crisp(foreground: Image, alpha: Image, rng: np.random.Generator) -> Image:
    """Return a subject with as much contrast, near and far, in brightness and in colour, as skin and cloth have."""
    inside = alpha > 0.5
    mean = foreground[inside].mean(axis=0) if inside.any() else np.float32(0.5)
    sigma = rng.uniform(0.015, 0.06) * min(alpha.shape)
    near, far = (
        ndimage.gaussian_filter(foreground, (s, s, 0), mode="nearest", truncate=2.5) for s in (0.25 * sigma, sigma)
    )
    out = foreground + rng.uniform(0.2, 0.9) * (near - far)
    out = mean + rng.uniform(0.85, 1.3) * (out - mean)
    level = (out @ _GREY)[..., None]
    return np.clip(level + rng.uniform(0.9, 1.5) * (out - level), 0, 1).astype(np.float32)


def photographed(image: Image, rng: np.random.Generator) -> Image:
    """Return what a camera and a few habits of people make of a picture."""
    h, w = image.shape[:2]
    out = image
    side = min(h, w)
    if rng.random() < 0.15:  # glow of what is bright
        bright = ndimage.gaussian_filter(out, (0.03 * side, 0.03 * side, 0))
        k = rng.uniform(0.1, 0.5)
        out = 1 - (1 - out) * (1 - k * bright * bright)
    if rng.random() < 0.3:
        out = _vignette(out, rng)
    out = _graded(out, rng)
    blur = rng.uniform(0, 0.005) * side * (rng.random() < 0.5)
    if blur > 0.3:
        out = ndimage.gaussian_filter(out, (blur, blur, 0))
    noise = rng.gamma(1.0, 0.008)
    out = out + noise * _sensor(out.shape, rng)
    if rng.random() < 0.6:
        k, sigma = rng.uniform(0.1, 0.7), rng.uniform(0.7, 1.8)
        out = out + k * (out - ndimage.gaussian_filter(out, (sigma, sigma, 0)))
    out = np.clip(out, 0, 1)
    if rng.random() < 0.35:
        out = compressed(out, rng.uniform(0.01, 0.07))
    return np.clip(out, 0, 1).astype(np.float32)


def compressed(image: Image, step: float) -> Image:
    """Return an image whose blocks of 8 x 8 have quantised frequencies, coarser the higher they are."""
    h, w = image.shape[:2]
    padded = np.pad(image, ((0, -h % 8), (0, -w % 8), (0, 0)), mode="edge")
    rows, columns = padded.shape[0] // 8, padded.shape[1] // 8
    blocks = padded.reshape(rows, 8, columns, 8, 3)
    spectrum = fft.dctn(blocks, axes=(1, 3), norm="ortho")
    k = np.arange(8)
    steps = (step * (1 + 0.6 * (k[:, None] + k))).astype(np.float32)[None, :, None, :, None]
    blocks = fft.idctn(np.rint(spectrum / steps) * steps, axes=(1, 3), norm="ortho")
    back: Image = blocks.reshape(padded.shape)[:h, :w]
    return back


def _vignette(image: Image, rng: np.random.Generator) -> Image:
    h, w = image.shape[:2]
    y, x = np.mgrid[-1 : 1 : h * 1j, -1 : 1 : w * 1j].astype(np.float32)
    far = np.hypot(x - rng.normal(0, 0.15), y - rng.normal(0, 0.15))
    fall = 1 / (1 + np.exp(-5 * (far - rng.uniform(0.8, 1.3))))
    goal = np.float32(rng.choice([0.0, 0.0, 0.0, 1.0]))
    return image + (rng.uniform(0.2, 0.9) * fall)[..., None] * (goal - image)


def _graded(image: Image, rng: np.random.Generator) -> Image:
    cast = 0.03 if rng.random() < 0.87 else 0.1
    out: NDArray[Any] = image * np.exp(rng.normal(0, cast, 3)).astype(np.float32)
    level = (out @ _GREY)[..., None]
    draw = rng.random()
    factor = 0.0 if draw < 0.1 else rng.uniform(0.6, 1.2)
    out = level + factor * (out - level)
    if draw < 0.03 or 0.1 < draw < 0.15:  # sepia, or the colours of old film
        out = out * rng.uniform(0.75, 1.1, 3).astype(np.float32) + rng.uniform(-0.05, 0.12, 3).astype(np.float32)
    gamma, contrast = np.exp(rng.normal(0, 0.18)), rng.uniform(0.85, 1.35)
    out = (np.clip(out, 0, 1) ** gamma - 0.45) * contrast + 0.45
    return out.astype(np.float32)


def _sensor(shape: tuple[int, ...], rng: np.random.Generator) -> Image:
    grain = rng.standard_normal(shape, np.float32)
    shared = rng.standard_normal(shape[:2], np.float32)
    mixed: Image = 0.4 * grain + 0.9 * shared[..., None]
    if rng.random() < 0.5:
        mixed = 1.8 * ndimage.uniform_filter(mixed, (2, 2, 1))
    return mixed
