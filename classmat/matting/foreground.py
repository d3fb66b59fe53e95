"""Foreground estimation: the colours of subject and background, given a photo and its matte.

Germer, Uelwer, Conrad, Harmeling: Fast Multi-Level Foreground Estimation (2020), arXiv 2006.14970, changed
where that lowers the error, see `estimate_foreground`.
"""

import inspect
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..images.noise import noise_level
from ..images.validate import as_alpha, as_choice, as_count, as_image, as_number, as_output, require_same_size
from ..kernels import foreground as kernels
from ..kernels import foreground_levels as level_kernels
from ._foreground_closed_form import solve_colours

_NOISE_SLOPE, _MOST_NOISE_SLOPE = 20.0, 0.4  # docs/decisions/2026-11-21-foreground-ordering.md

Level = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]


def estimate_foreground(
    image: ArrayLike,
    alpha: ArrayLike,
    *,
    method: str = "multilevel",
    regularization: float = 1e-5,
    gradient_weight: float = 1.0,
    n_small_iterations: int = 10,
    n_big_iterations: int = 2,
    small_size: int = 32,
    noise: float | None = None,
    rtol: float = 1e-5,
    x0: tuple[ArrayLike, ArrayLike] | None = None,
    out: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Estimate the colours of foreground and background from a photo and its matte.

    Minimises, per channel, the cost of Germer et al. (2020)::

        sum over i of           (alpha_i F_i + (1 - alpha_i) B_i - I_i)^2
        + sum over neighbours j (regularization + gradient_weight |alpha_i - alpha_j|)
                                * ((F_i - F_j)^2 + (B_i - B_j)^2)

    from one pixel for the whole image to full size, each level beginning with the result of the one before. So
    ``"multilevel"`` needs a few sweeps only and stops before the minimum is reached; ``"closed-form"`` (Levin,
    Lischinski and Weiss 2008, section 7) goes on from there with conjugate gradients until it is: more exact in
    thin hair, and several times as slow. Pixels that are equally 0 or 1 with all their neighbours keep what they have.

    Other than in the paper of the levels

    * a coarse pixel stands for all pixels of its block, not for a sample of them: its data term is the mean
      of theirs, which needs no more than means, the variance of alpha and its covariances with the colours.
      Where alpha varies in a block, that determines both colours;
    * the weight of differences of alpha is halved with each coarser level;
    * pixels are swept in red-black order: in parallel, with the same result for any number of threads;
    * the result is projected onto the compositing equation, except for what noise explains: where alpha is
      between 0 and 1, a residual r is moved into the colours by the part ``max(0, 1 - 2 noise^2 / r^2)``.
      Without noise the equation holds to rounding. Where alpha is 1 the foreground is the image, and where it
      is 0 the background is;
    * noise makes neighbours count for more: `gradient_weight` grows by the factor ``1 + min(20 noise, 0.4)``.

    Parameters
    ----------
    image : array_like, (h, w, 3) or (h, w)
        The photo: uint8, uint16, or float in [0, 1].
    alpha : array_like, (h, w)
        Its matte: uint8, uint16, or float in [0, 1].
    method : {"multilevel", "closed-form"}
        The algorithm.
    regularization : float
        Smoothness where alpha is constant; 1e-12 to 1e6.
    gradient_weight : float
        Additional smoothness per difference of alpha, at full size; 0 to 1e6.
    n_small_iterations, n_big_iterations : int
        Sweeps on levels that are at most, or more than, `small_size` pixels wide and high.
    small_size : int
        In pixels.
    noise : float, optional
        Standard deviation of the noise in the image, in [0, 1]; by default it is estimated, channel by channel.
        With 0 the composite of the results is the image to rounding, noise and all.
    rtol : float
        Relative residual at which ``"closed-form"`` stops.
    x0 : pair of array_like, optional
        Foreground and background to start from, such as those of the video frame before. ``"multilevel"`` then sweeps
        the finest level only, `n_big_iterations` times.
    out : pair of ndarray, optional
        Where to put foreground and background: float32, contiguous, of the shape of the image. They are returned.

    Returns
    -------
    foreground, background : float32 arrays of the shape of the image, in [0, 1]
        Where alpha is 0 the foreground, where it is 1 the background, continues smoothly what is next to it.

    Warns
    -----
    ConvergenceWarning
        If ``"closed-form"`` stopped before it reached `rtol`.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind, shape or range, or `image` and `alpha` differ in size.

    Examples
    --------
    A red disc before a blue wall; the soft edge of the disc is purple, its estimated colour is red.

    >>> import numpy as np
    >>> y, x = np.mgrid[:32, :32]
    >>> alpha = np.clip(12 - np.hypot(y - 16, x - 16), 0, 5) / 5
    >>> image = alpha[..., None] * [1, 0, 0] + (1 - alpha[..., None]) * [0, 0, 1]
    >>> foreground, background = estimate_foreground(image, alpha)
    >>> image[16, 7].round(2), foreground[16, 7].round(2)
    (array([0.6, 0. , 0.4]), array([1., 0., 0.], dtype=float32))
    """
    as_choice(method, ("multilevel", "closed-form"), name="method")
    reg = as_number(regularization, name="regularization", low=1e-12, high=1e6)
    slope = as_number(gradient_weight, name="gradient_weight", low=0, high=1e6)
    n_small = as_count(n_small_iterations, name="n_small_iterations")
    n_big = as_count(n_big_iterations, name="n_big_iterations")
    small = as_count(small_size, name="small_size")
    tolerance = as_number(rtol, name="rtol", low=0, exclusive=True)
    level, shape, deviation = _finest_level(image, alpha)
    targets = None if out is None else [as_output(field, shape, name=name) for name, field in _pair(out, "out")]
    if targets is not None and np.shares_memory(targets[0], targets[1]):
        raise ValueError("out is twice the same memory; accepted is a pair of arrays that share none.")
    if noise is not None:
        deviation[:] = as_number(noise, name="noise", low=0, high=1)
    slope *= 1 + min(_NOISE_SLOPE * float(deviation.mean()), _MOST_NOISE_SLOPE)
    if x0 is None:
        sweeps = [n_small if max(shape[:2]) <= small << depth else n_big for depth in range(64)]
        F, B = _descend(level, shape[1], sweeps, reg, slope)
    else:
        F, B = (_start(field, level[0], shape, name) for name, field in _pair(x0, "x0"))
        if method == "multilevel":
            nothing = F[:0]
            kernels.relax(nothing, nothing, F, B, *level, n_big, np.float32(reg), np.float32(slope))
    if method == "closed-form" and targets is not None:  # it reads both again, and they may be where results go
        image, alpha = (np.array(x) if _overlap(x, targets) else x for x in (image, alpha))
    result = _plain(F, B, level, deviation, shape, targets)
    del F, B, level
    if method == "closed-form":
        solve_colours(image, alpha, result, deviation, reg=reg, slope=slope, rtol=tolerance)
    return result


_OPTIONS = tuple(inspect.signature(estimate_foreground).parameters)[2:]


def cutout(image: ArrayLike, alpha: ArrayLike, **options: Any) -> NDArray[np.float32]:
    """Cut the subject out of a photo: its own colours, without those of the old background, and the matte.

    Parameters
    ----------
    image : array_like, (h, w, 3) or (h, w)
        The photo: uint8, uint16, or float in [0, 1].
    alpha : array_like, (h, w)
        Its matte.
    **options
        Passed on to `estimate_foreground`.

    Returns
    -------
    float32 array, (h, w, 4)
        RGB and alpha, in [0, 1]; straight, that is, colours are not multiplied by alpha.

    Raises
    ------
    TypeError, ValueError
        As `estimate_foreground` does.

    Examples
    --------
    >>> cutout([[[0.5, 0.25, 0.0]]], [[1.0]])
    array([[[0.5 , 0.25, 0.  , 1.  ]]], dtype=float32)
    """
    unknown = [name for name in options if name not in _OPTIONS]
    if unknown:
        raise TypeError(f"cutout() has no option '{unknown[0]}'; accepted are {', '.join(map(repr, _OPTIONS))}.")
    foreground, _ = estimate_foreground(image, alpha, **options)
    result = np.empty((*foreground.shape[:2], 4), np.float32)
    result[..., :3] = foreground if foreground.ndim == 3 else foreground[..., None]
    result[..., 3] = as_alpha(alpha, dtype=np.float32)
    return result


def _finest_level(image: ArrayLike, alpha: ArrayLike) -> tuple[Level, tuple[int, ...], NDArray[np.float32]]:
    """Return the image and its matte as split rows, no spread within a pixel; the image's shape and its noise."""
    colours, matte = as_image(image, dtype=np.float32), as_alpha(alpha, dtype=np.float32)
    require_same_size(colours, matte, names=("image", "alpha"))
    h, w = matte.shape
    n_channels = colours.size // matte.size
    split_colours, _, split_matte, _ = finest = _empty_level(h, w, n_channels, spread=False)
    level_kernels.split(colours.reshape(h, w, n_channels), split_colours)
    level_kernels.split(matte.reshape(h, w, 1), split_matte.reshape(h, 1, 2, -1))
    return finest, colours.shape, noise_level(colours)


def _empty_level(h: int, w: int, n_channels: int, *, spread: bool = True) -> Level:
    half_w = (w + 1) // 2
    colours, matte = (h, n_channels, 2, half_w), (h, 2, half_w)
    none = (0, *colours[1:]), (0, *matte[1:])
    shapes = (colours, colours if spread else none[0], matte, matte if spread else none[1])
    return tuple(np.empty(shape, np.float32) for shape in shapes)  # type: ignore[return-value]


def _coarsen(finest: Level, w: int) -> list[Level]:
    """Halve until one pixel is left."""
    levels = [finest]
    h, n_channels = finest[0].shape[:2]
    while max(h, w) > 1:
        h, w = (h + 1) // 2, (w + 1) // 2
        coarse = _empty_level(h, w, n_channels)
        level_kernels.halve(*levels[-1], *coarse)
        levels.append(coarse)
    return levels


def _overall_colours(coarsest: Level) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Average the image with weights alpha and 1 - alpha; without weights where they are all zero."""
    mean, cov, alpha, _ = coarsest
    a = float(alpha[0, 0, 0])
    shift = cov if cov.size else np.zeros_like(mean)
    F = mean + shift / np.float32(a) if a > 0 else mean.copy()
    B = mean - shift / np.float32(1 - a) if a < 1 else mean.copy()
    return np.clip(F, 0, 1), np.clip(B, 0, 1)


def _descend(
    finest: Level, w: int, sweeps: list[int], reg: float, slope: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Relax level after level, from one pixel to the finest one, so many sweeps each."""
    levels = _coarsen(finest, w)
    F, B = _overall_colours(levels[-1])
    for depth in reversed(range(len(levels))):
        level = levels.pop()
        coarse, F, B = (F, B), np.empty_like(level[0]), np.empty_like(level[0])
        kernels.relax(*coarse, F, B, *level, sweeps[depth], np.float32(reg), np.float32(slope / 2**depth))
    return F, B


def _pair(fields: Any, name: str) -> list[tuple[str, Any]]:
    """Return a foreground and a background that come as one argument, each with its name."""
    if not isinstance(fields, tuple | list) or len(fields) != 2:
        raise TypeError(f"{name} is a {type(fields).__name__}; accepted is a pair (foreground, background).")
    return [(f"{name}[{i}]", field) for i, field in enumerate(fields)]


def _overlap(values: ArrayLike, targets: list[NDArray[np.float32]]) -> bool:
    return isinstance(values, np.ndarray) and any(np.may_share_memory(values, target) for target in targets)


def _start(
    colours: ArrayLike, like: NDArray[np.float32], shape: tuple[int, ...], name: str
) -> NDArray[np.float32]:
    """Return colours to start from as split rows."""
    values = as_image(colours, name=name, dtype=np.float32)
    if values.shape != shape:
        raise ValueError(f"{name} has shape {values.shape}; accepted is the shape of image, {shape}.")
    rows = np.empty_like(like)
    level_kernels.split(values.reshape(*shape[:2], -1), rows)
    return rows


def _plain(
    F: NDArray[np.float32],
    B: NDArray[np.float32],
    level: Level,
    deviation: NDArray[np.float32],
    shape: tuple[int, ...],
    out: list[NDArray[np.float32]] | None,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Finish the fields and return them as images: in their own memory, if no column made their number even."""
    if out is not None:
        foreground, background = out
    elif F.size == np.prod(shape):
        foreground, background = F.reshape(shape), B.reshape(shape)
    else:
        foreground, background = np.empty(shape, np.float32), np.empty(shape, np.float32)
    rows = foreground.reshape(shape[0], -1), background.reshape(shape[0], -1)
    level_kernels.finish(F, B, level[0], level[2], 2 * deviation**2, *rows)
    return foreground, background
