"""How far a matte is from the truth: SAD, MSE, MAD, gradient and connectivity error.

Two conventions are in use, and every figure in a paper follows one of them.

* The **benchmark** (Rhemann et al., "A perceptually motivated online benchmark for image matting", CVPR
  2009): only the unknown pixels of the trimap count; SAD, gradient and connectivity error are sums, quoted in
  thousands; MSE is a mean. Pass the trimap; `evaluate` returns all of them in these units.
* **Per pixel**, for systems without a trimap: means over the whole image. Pass no trimap, and
  ``reduce="mean"`` where the default is a sum; the mean of SAD is MAD.

The functions return plain sums; only `evaluate` divides by 1000, as `METRICS` says. Sums over a trimap
without unknown pixels are 0; means over no pixels are undefined and raise ``ValueError``.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import convolve1d, label

from .validate import UNKNOWN, as_alpha, as_choice, as_number, as_trimap, require_same_size

__all__ = ["METRICS", "Metric", "connectivity_error", "evaluate", "gradient_error", "mad", "mse", "sad"]

Plane = NDArray[np.float64]
Mask = NDArray[np.bool_]

SIGMA = 1.4  # of the Gaussian whose derivative is taken, in pixels
TAIL = 1e-2  # the kernel ends where the Gaussian falls below this
STEPS = 10  # connectivity thresholds are 0, 1/10, .., 1
REDUCTIONS = ("sum", "mean")


def sad(alpha: Any, truth: Any, trimap: Any = None) -> float:
    """Return the sum of absolute differences, ``sum |alpha - truth|``, in pixels.

    Parameters
    ----------
    alpha, truth : array_like, (h, w)
        The matte and the true matte: bool, uint8, uint16, or float in [0, 1].
    trimap : array_like, (h, w), optional
        Only its unknown pixels count; without it, all pixels do. It need not have all three kinds of pixels.

    Returns
    -------
    float
        At least 0, and 0 exactly where both agree. The benchmark quotes thousandths of it.

    Raises
    ------
    TypeError
        If an array is not numeric or of another dtype.
    ValueError
        If an array is not (h, w), is empty, has values that are not finite or outside [0, 1], or if the sizes
        differ.

    Examples
    --------
    >>> sad([[0.0, 0.5, 1.0]], [[0.0, 0.25, 0.25]])
    1.0
    >>> sad([[0.0, 0.5, 1.0]], [[0.0, 0.25, 0.25]], trimap=[[0.0, 0.5, 1.0]])
    0.25
    """
    alpha, truth, region = _prepare(alpha, truth, trimap)
    return _reduce(np.abs(alpha - truth), region, "sum")


def mad(alpha: Any, truth: Any, trimap: Any = None) -> float:
    """Return the mean absolute difference, ``mean |alpha - truth|``, in [0, 1].

    Parameters and errors are those of `sad`; a trimap without unknown pixels also raises ``ValueError``.

    Examples
    --------
    >>> mad([[0.0, 1.0]], [[0.5, 1.0]])
    0.25
    """
    alpha, truth, region = _prepare(alpha, truth, trimap)
    return _reduce(np.abs(alpha - truth), region, "mean")


def mse(alpha: Any, truth: Any, trimap: Any = None) -> float:
    """Return the mean squared error, ``mean (alpha - truth)^2``, in [0, 1].

    Parameters and errors are those of `sad`; a trimap without unknown pixels also raises ``ValueError``.

    Examples
    --------
    >>> mse([[0.0, 1.0]], [[0.5, 1.0]])
    0.125
    """
    alpha, truth, region = _prepare(alpha, truth, trimap)
    return _reduce(np.square(alpha - truth), region, "mean")


def gradient_error(
    alpha: Any,
    truth: Any,
    trimap: Any = None,
    *,
    kind: str = "rhemann",
    normalise_kernel: bool = True,
    stretch: bool = False,
    reduce: str = "sum",
) -> float:
    """Return how much the gradients of two mattes differ.

    The gradient is the convolution with first-order Gaussian derivatives, ``h_x = g(y) g'(x)`` and
    ``h_y = g'(y) g(x)``, of standard deviation 1.4, cut to 9x9; pixels beyond the border equal the nearest.
    Over the region of evaluation,

    * ``kind="rhemann"`` adds up ``(|grad alpha| - |grad truth|)^2`` (Rhemann et al. 2009, q = 2);
    * ``kind="vector"`` adds up ``|grad alpha - grad truth|`` (Shen et al., "Deep automatic portrait matting",
      2016, eq. 13, and Zhu et al., "Fast deep matting for portrait animation on mobile phone", 2017, eq. 9;
      both average it: use ``reduce="mean"``).

    Parameters
    ----------
    alpha, truth, trimap : array_like, (h, w)
        As in `sad`. The gradient is taken in the whole image before the region is cut out.
    kind : {"rhemann", "vector"}
        The difference of magnitudes, squared; or the magnitude of the difference.
    normalise_kernel : bool
        Divide each kernel by its L2 norm, as the public evaluation code does. Otherwise gradients are 9.83
        times less, and a ramp's is its slope (less 1.4 %, for the kernel's cut). The two papers of
        ``kind="vector"`` do not say.
    stretch : bool
        First stretch each matte to the full range [0, 1], as the Matlab code of the Adobe data set does and
        its ports to Python do not. A constant matte stays as it is; its gradient is 0 either way.
    reduce : {"sum", "mean"}
        The sum over the region, which the benchmark quotes in thousands; or the mean per pixel.

    Raises
    ------
    TypeError, ValueError
        As `sad`; also if `kind` or `reduce` is none of those, or for the mean over no pixels.

    Notes
    -----
    The kernel has a fixed size in pixels, so values at different image sizes do not compare.

    Examples
    --------
    >>> import numpy as np
    >>> ramp = np.tile(np.linspace(0, 1, 21), (9, 1))
    >>> one_pixel = np.zeros((9, 21))
    >>> one_pixel[4, 10] = 0.5
    >>> slope = gradient_error(ramp, 0 * ramp, one_pixel, kind="vector", normalise_kernel=False)
    >>> bool(0.048 < slope < 0.050)
    True
    """
    alpha, truth, region = _prepare(alpha, truth, trimap)
    as_choice(kind, ("rhemann", "vector"), name="kind")
    if stretch:
        alpha, truth = _stretched(alpha), _stretched(truth)
    if kind == "vector":  # the gradient is linear
        return _reduce(np.hypot(*_gradient(alpha - truth, normalise_kernel)), region, reduce)
    magnitudes = (np.hypot(*_gradient(matte, normalise_kernel)) for matte in (alpha, truth))
    return _reduce(np.square(np.subtract(*magnitudes)), region, reduce)


def connectivity_error(
    alpha: Any, truth: Any, trimap: Any = None, *, theta: float = 0.15, reduce: str = "sum"
) -> float:
    """Return how much opacity is cut off from the main body in one matte and not in the other.

    For ``t_k = k / 10``, ``Omega_k`` is the largest 4-connected component of the pixels where both ``alpha``
    and ``truth`` are at least ``t_k``. A pixel's level ``l`` is ``t_{k-1}`` for the first k = 1..10 with the
    pixel outside ``Omega_k``, and 1 for one that is in all of them. Then ``phi(a) = 1 - d [d >= theta]`` with
    ``d = a - l``, and the error is ``sum |phi(alpha) - phi(truth)|`` (Rhemann et al. 2009, p = 1).

    Parameters
    ----------
    alpha, truth, trimap : array_like, (h, w)
        As in `sad`. Components are found in the whole image before the region is cut out.
    theta : float
        Smaller distances from the level are ignored; in [0, 1].
    reduce : {"sum", "mean"}
        The sum over the region, which the benchmark quotes in thousands; or the mean per pixel.

    Raises
    ------
    TypeError, ValueError
        As `sad`; also if `theta` or `reduce` is none of those, or for the mean over no pixels.

    Notes
    -----
    What the definition leaves open, and what is done here:

    * Values are compared with ``t_k`` in single precision, as in the Matlab code: both sides are rounded to
      it. A value that stands for exactly 6/10 then reaches the threshold 6/10 whether it comes as 153 of 255,
      as float32 or as float64, and 7/10 in float32, which is just below 0.7, reaches 7/10. ``d >= theta`` is
      decided likewise, as ``a >= l + theta``. Levels and distances themselves are in double precision.
    * The background is not a component, however large it is.
    * Where no pixel reaches ``t_k`` in both mattes, ``Omega_k`` is empty: every pixel left gets ``t_{k-1}``.
    * Of several largest components the first in row order counts (in Matlab, the first in column order).

    Examples
    --------
    Too little opacity next to the main body, and beyond a gap, where the level is 0 in both mattes:

    >>> connectivity_error([[1.0, 1.0, 0.45, 0.0]], [[1.0, 1.0, 1.0, 0.0]])
    0.6
    >>> connectivity_error([[1.0, 1.0, 0.0, 0.45]], [[1.0, 1.0, 0.0, 1.0]])
    0.55
    """
    alpha, truth, region = _prepare(alpha, truth, trimap)
    theta = as_number(theta, name="theta", low=0, high=1)
    level = _levels(alpha, truth)
    return _reduce(np.abs(_phi(alpha, level, theta) - _phi(truth, level, theta)), region, reduce)


class Metric(NamedTuple):
    """What `evaluate` measures: a heading with its unit, the function, and what its value is divided by."""

    heading: str
    function: Callable[..., float]
    divisor: float


METRICS: dict[str, Metric] = {
    "sad": Metric("SAD / 1000", sad, 1000.0),
    "mse": Metric("MSE", mse, 1.0),
    "mad": Metric("MAD", mad, 1.0),
    "gradient": Metric("gradient / 1000", gradient_error, 1000.0),
    "connectivity": Metric("connectivity / 1000", connectivity_error, 1000.0),
}
"""Name in the result of `evaluate` -> heading, function, divisor: the benchmark's units, in one place."""


def evaluate(alpha: Any, truth: Any, trimap: Any = None) -> dict[str, float]:
    """Return all metrics in the units of the benchmark, ready for a table.

    Parameters
    ----------
    alpha, truth, trimap : array_like, (h, w)
        As in `sad`.

    Returns
    -------
    dict
        The names of `METRICS`, in order: ``sad``, ``gradient`` and ``connectivity`` are sums over the region
        in thousands, ``mse`` and ``mad`` are means.

    Raises
    ------
    TypeError, ValueError
        As `sad`; also if the trimap has no unknown pixels.

    Examples
    --------
    >>> scores = evaluate([[0.0, 0.5, 1.0]], [[0.0, 0.25, 1.0]])
    >>> scores["sad"], scores["mad"] == 0.25 / 3
    (0.00025, True)
    >>> [metric.heading for metric in METRICS.values()][:3]
    ['SAD / 1000', 'MSE', 'MAD']
    """
    alpha, truth, region = _prepare(alpha, truth, trimap)
    unknown = np.where(region, np.uint8(UNKNOWN), np.uint8(0))
    return {name: metric.function(alpha, truth, unknown) / metric.divisor for name, metric in METRICS.items()}


def _prepare(alpha: Any, truth: Any, trimap: Any) -> tuple[Plane, Plane, Mask]:
    """Return both mattes and where they are compared."""
    alpha, truth = as_alpha(alpha), as_alpha(truth, name="truth")
    require_same_size(alpha, truth, names=("alpha", "truth"))
    if trimap is None:
        return alpha, truth, np.ones(alpha.shape, bool)
    trimap = as_trimap(trimap, both=False)
    require_same_size(alpha, trimap, names=("alpha", "trimap"))
    return alpha, truth, trimap == UNKNOWN


def _reduce(values: Plane, region: Mask, reduce: str) -> float:
    as_choice(reduce, REDUCTIONS, name="reduce")
    values = values[region]
    if reduce == "sum":
        return float(values.sum())
    if values.size == 0:
        raise ValueError("trimap has no unknown pixels; the mean needs at least one.")
    return float(values.mean())


def _gradient(matte: Plane, normalise: bool) -> tuple[Plane, Plane]:
    """Return the derivatives along x and y; the 9x9 kernels and their norms are products of 1-D ones."""
    radius = math.ceil(SIGMA * math.sqrt(-2 * math.log(math.sqrt(2 * math.pi) * SIGMA * TAIL)))
    u = np.arange(-radius, radius + 1)
    g = np.exp(-(u**2) / (2 * SIGMA**2)) / (SIGMA * math.sqrt(2 * math.pi))
    dg = -u * g / SIGMA**2
    if normalise:
        g, dg = g / np.linalg.norm(g), dg / np.linalg.norm(dg)

    def convolve(along_x: Plane, along_y: Plane) -> Plane:
        return convolve1d(convolve1d(matte, along_x, axis=1, mode="nearest"), along_y, axis=0, mode="nearest")

    return convolve(dg, g), convolve(g, dg)


def _stretched(matte: Plane) -> Plane:
    low, high = matte.min(), matte.max()
    return (matte - low) / (high - low) if high > low else matte


def _levels(alpha: Plane, truth: Plane) -> Plane:
    """Return for each pixel the threshold up to which it belongs to the main body of both mattes."""
    both = np.minimum(alpha, truth).astype(np.float32)
    level = np.ones(both.shape)
    inside = np.ones(both.shape, bool)
    for k in range(1, STEPS + 1):
        omega = _largest_component(both >= np.float32(k / STEPS))
        level[inside & ~omega] = (k - 1) / STEPS
        inside &= omega
    return level


def _largest_component(mask: Mask) -> Mask:
    labels, count = label(mask)  # SciPy's default structure is the 4-neighbourhood
    if count == 0:
        return mask
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0  # the background is not a component
    return labels == sizes.argmax()


def _phi(matte: Plane, level: Plane, theta: float) -> Plane:
    cut_off = matte.astype(np.float32) >= (level + theta).astype(np.float32)
    return 1 - np.where(cut_off, matte - level, 0.0)
