"""Checks for hand-written derivatives: the ops of this package, and yours.

A differentiable op is ``op_vjp(arrays, *, static) -> (value, pullback)``; the pullback takes the cotangent of
the value and returns a tuple with one cotangent per positional argument, of the same shape and dtype.

* `check_pullback` compares it with finite differences, and checks all else that a caller relies on.
* `check_adjoint` checks that two linear functions are each other's transpose, to rounding.

Both raise ``AssertionError`` with what was expected and what was found, and return nothing. They need NumPy
alone and work with any test runner.
"""

import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NoReturn

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["check_adjoint", "check_pullback"]

Array = NDArray[np.float64]

FIRST_STEP = 1e-2  # of the finite differences, in units of the argument's root mean square
RATIO = 4.0  # between one step and the next
RUNGS = 9  # steps: the smallest is 1.5e-7, which gets between most kinks
ENTRIES = 200  # of a wrong cotangent that are looked at to name the worst one


def check_adjoint(
    forward: Callable[[Any], Any],
    adjoint: Callable[[Any], Any],
    x: ArrayLike,
    y: ArrayLike,
    *,
    tolerance: float = 1e-10,
    trials: int = 3,
    seed: int = 0,
) -> None:
    """Check that two functions are linear and that one is the transpose of the other.

    ``<forward(x), y> = <x, adjoint(y)>``, for the given `x` and `y` and for random ones of their shapes.

    Parameters
    ----------
    forward, adjoint : callable
        Functions of one array.
    x, y : array_like
        Something that `forward` accepts, and something that `adjoint` accepts. They are converted to float64.
    tolerance : float
        Accepted difference, relative to the norms of the vectors involved.
    trials : int
        How many random pairs are tried besides the given one.
    seed : int
        Of the random numbers.

    Raises
    ------
    AssertionError
        If the identity fails; if one of the two is not linear, gives another result when called again,
        depends on the memory layout, changes its input, or returns a wrong shape or values that are not finite.

    Examples
    --------
    >>> import numpy as np
    >>> def difference(x):
    ...     return x[1:] - x[:-1]
    >>> def its_adjoint(y):
    ...     return np.concatenate([[0], y]) - np.concatenate([y, [0]])
    >>> check_adjoint(difference, its_adjoint, np.zeros(5), np.zeros(4))
    >>> check_adjoint(difference, lambda y: -its_adjoint(y), np.zeros(5), np.zeros(4))
    Traceback (most recent call last):
    ...
    AssertionError: adjoint of difference: <forward(x), y> = ..., but <x, adjoint(y)> = ... (relative error ...).
    """
    rng = np.random.default_rng(seed)
    x, y = np.array(x, np.float64), np.array(y, np.float64)
    name = _name_of(forward)
    pairs = [(x, y), *((_random(rng, x.shape), _random(rng, y.shape)) for _ in range(trials))]
    for a, b in pairs:
        _compare_products(name, forward, adjoint, a, b, tolerance)
    for role, function, u, v in (
        ("forward", forward, pairs[-1][0], _random(rng, x.shape)),
        ("adjoint", adjoint, pairs[-1][1], _random(rng, y.shape)),
    ):
        title = f"{role} function of {name}"
        _check_linear(title, partial(_called_alone, function), (u, v), tolerance)
        for layout in _layouts(u):
            _require_close(title, "of a non-contiguous array", function(layout), function(u), tolerance)


def check_pullback(
    op_vjp: Callable[..., Any],
    args: Sequence[ArrayLike],
    *,
    tolerance: float = 1e-6,
    single: float | None = 1e-3,
    trials: int = 2,
    seed: int = 0,
    **static: Any,
) -> None:
    """Check an op against central differences, and that its pullback is all that a pullback should be.

    Each argument in turn is moved along random directions and along ascending ones; the change of
    ``<cotangent, value>`` is compared with what the pullback says. The steps start at 1 % of the argument's root
    mean square and shrink by 4; Richardson extrapolation over all of them (Ridders 1982) gives the derivative and
    an estimate of its error, so that smooth, steep and piecewise linear functions can all be judged.

    Parameters
    ----------
    op_vjp : callable
        The op: ``op_vjp(*args, **static) -> (value, pullback)``.
    args : sequence of array_like
        Its positional arguments, arrays or scalars, converted to float64. Choose values inside the op's domain:
        they are moved by up to 1 % of their root mean square. Not at a kink: there is no derivative there.
    tolerance : float
        Accepted error of the cotangents, relative to their norm.
    single : float, optional
        The same for a run in float32, compared with float64. None leaves that run out.
    trials : int
        How many random directions and cotangents are tried.
    seed : int
        Of the random numbers.
    **static
        Keyword arguments of the op. Bind one that has the name of an option above with `functools.partial`.

    Raises
    ------
    AssertionError
        If a derivative is wrong (the report names the argument, both values and the worst entry), or if the
        pullback is not linear, maps zero to something else, gives another result when called again or between
        other calls, depends on the memory layout, changes its inputs, does not keep shapes and dtypes, or
        returns values that are not finite.

    References
    ----------
    C. J. F. Ridders: Accurate computation of F'(x) and F'(x)F''(x). Advances in Engineering Software 4(2), 1982.

    Examples
    --------
    >>> import numpy as np
    >>> def square_vjp(x):
    ...     x = np.asarray(x)
    ...     return x**2, lambda y_bar: (2 * x * y_bar,)
    >>> check_pullback(square_vjp, [np.array([1.0, -2.0, 3.0])])
    >>> def wrong_vjp(x):
    ...     return x**2, lambda y_bar: (2.002 * x * y_bar,)
    >>> check_pullback(wrong_vjp, [np.array([1.0, -2.0, 3.0])])
    Traceback (most recent call last):
    ...
    AssertionError: wrong_vjp: the cotangent of argument 0 ('x') is wrong.
    along a random direction: analytic ..., numeric ... +- ..., relative error 0.000999 (accepted 1e-06)
    worst entry [...]: analytic ..., numeric ...
    """
    arrays = tuple(np.array(arg, np.float64) for arg in args)
    case = _Case(op_vjp, static, _argument_names(op_vjp, len(arrays)), arrays)
    rng = np.random.default_rng(seed)
    y_bars = [_random(rng, case.shape()) for _ in range(max(trials, 2))]
    _check_purity(case, *y_bars[:2])
    _check_linear(case.title, case.pull, (y_bars[0], y_bars[1]), tolerance, case.names)
    _check_layouts(case, y_bars[0], tolerance)
    if single is not None:
        _check_single(case, y_bars[0], single)
    for y_bar in y_bars[:trials]:
        bars = case.pull(y_bar)
        for index in range(len(arrays)):
            _check_derivative(case, index, bars[index], y_bar, rng, tolerance)


@dataclass(frozen=True)
class _Case:
    """An op with its arguments."""

    op: Callable[..., Any]
    static: dict[str, Any]
    names: list[str]
    args: tuple[NDArray[Any], ...]

    @property
    def title(self) -> str:
        return _name_of(self.op)

    def fail(self, text: str) -> NoReturn:
        raise AssertionError(f"{self.title}: {text}")

    def run(self, args: Sequence[NDArray[Any]] | None = None) -> tuple[Array, Callable[[Any], Any]]:
        """Return the value as float64, and the pullback."""
        args = self.args if args is None else args
        before = [arg.copy() for arg in args]
        result = self.op(*args, **self.static)
        if not (isinstance(result, tuple) and len(result) == 2 and callable(result[1])):
            self.fail(f"returned a {type(result).__name__}; expected is (value, pullback).")
        self._require_unchanged(args, before, "the forward pass")
        value = np.asarray(result[0])
        if value.dtype.kind != "f" or not np.isfinite(value).all():
            self.fail(f"the value (dtype {value.dtype}) must be floating and finite.")
        return value.astype(np.float64), result[1]

    def shape(self) -> tuple[int, ...]:
        return self.run()[0].shape

    def pull(self, y_bar: Array, args: Sequence[NDArray[Any]] | None = None) -> list[Array]:
        """Return the cotangents of one forward and one backward pass as float64."""
        args = self.args if args is None else args
        return [np.array(bar, np.float64) for bar in self.pulled(self.run(args)[1], y_bar, args)]

    def pulled(
        self, pullback: Callable[[Any], Any], y_bar: NDArray[Any], args: Sequence[NDArray[Any]]
    ) -> list[NDArray[Any]]:
        """Call a pullback and check the form of what it returns."""
        before, args_before = y_bar.copy(), [arg.copy() for arg in args]
        bars = pullback(y_bar)
        if not isinstance(bars, tuple) or len(bars) != len(args):
            found = f"{len(bars)}" if isinstance(bars, tuple) else f"a {type(bars).__name__}"
            self.fail(f"the pullback returned {found}; expected is a tuple of {len(args)} cotangents.")
        self._require_unchanged([y_bar], [before], "the pullback")
        self._require_unchanged(args, args_before, "the pullback")
        arrays = [np.asarray(bar) for bar in bars]
        for index, (bar, arg) in enumerate(zip(arrays, args, strict=True)):
            if bar.shape != arg.shape or bar.dtype != arg.dtype:
                self.fail(
                    f"the cotangent of {self.label(index)} has shape {bar.shape} and dtype {bar.dtype}; "
                    f"expected are {arg.shape} and {arg.dtype}."
                )
            if not np.isfinite(bar).all():
                self.fail(f"the cotangent of {self.label(index)} has values that are not finite.")
        return arrays

    def label(self, index: int) -> str:
        return f"argument {index} ({self.names[index]!r})"

    def _require_unchanged(self, after: Sequence[NDArray[Any]], before: Sequence[NDArray[Any]], who: str) -> None:
        for a, b in zip(after, before, strict=True):
            if not np.array_equal(a, b):
                self.fail(f"{who} changes its input.")


def _check_purity(case: _Case, y_bar: Array, other: Array) -> None:
    """Check that only the input matters: not what was called in between, nor what was done to the results."""
    value, pullback = case.run()
    returned = case.pulled(pullback, y_bar.copy(), case.args)
    first = [bar.copy() for bar in returned]
    again, second_pullback = case.run()
    if not np.array_equal(value, again):
        case.fail("the value differs when the op is called again.")
    case.run([0.999 * arg for arg in case.args])[1](other.copy())
    others = case.pulled(pullback, other.copy(), case.args)
    if not all(np.array_equal(a, b) for a, b in zip(returned, first, strict=True)):
        case.fail("the pullback overwrites what it returned before.")
    for bar in others:
        if bar.flags.writeable and bar.ndim:
            bar += 1  # what a caller does with the result is not the pullback's business
    for name, function in (("the pullback", pullback), ("the pullback of a second call", second_pullback)):
        bars = case.pulled(function, y_bar.copy(), case.args)
        for index, (bar, expected) in enumerate(zip(bars, first, strict=True)):
            if not np.array_equal(bar, expected):
                case.fail(
                    f"{name} gives another cotangent of {case.label(index)} when called again: it keeps a state."
                )


def _check_linear(
    title: str,
    function: Callable[[Array], list[Array]],
    inputs: tuple[Array, Array],
    tolerance: float,
    names: Sequence[str] = ("",),
) -> None:
    u, v = inputs
    of_u, of_v = function(u), function(v)
    trials = [
        ("f(u + v) = f(u) + f(v)", function(u + v), [a + b for a, b in zip(of_u, of_v, strict=True)]),
        ("f(1e6 u) = 1e6 f(u)", function(1e6 * u), [1e6 * a for a in of_u]),
        ("f(-1e-6 u) = -1e-6 f(u)", function(-1e-6 * u), [-1e-6 * a for a in of_u]),
        ("f(0) = 0", function(np.zeros_like(u)), [np.zeros_like(a) for a in of_u]),
    ]
    for law, found, expected in trials:
        for name, a, b in zip(names, found, expected, strict=True):
            place = f" for argument {name!r}" if name else ""
            _require_close(title, f"is not linear: {law} fails{place}", a, b, tolerance)


def _check_layouts(case: _Case, y_bar: Array, tolerance: float) -> None:
    """Check that the same values in another memory layout give the same result."""
    value, expected = case.run()[0], case.pull(y_bar)
    for args in zip(*(_layouts(arg) for arg in case.args), strict=True):
        for y in _layouts(y_bar):
            _require_close(case.title, "of non-contiguous arguments", case.run(args)[0], value, tolerance)
            for index, (bar, plain) in enumerate(zip(case.pull(y, args), expected, strict=True)):
                _require_close(
                    case.title, f"non-contiguous input, cotangent of {case.label(index)}", bar, plain, tolerance
                )


def _check_single(case: _Case, y_bar: Array, tolerance: float) -> None:
    value, expected = case.run()[0], case.pull(y_bar)
    args = [arg.astype(np.float32) for arg in case.args]
    pullback = case.run(args)[1]
    bars = case.pulled(pullback, y_bar.astype(np.float32), args)
    for index, (bar, plain) in enumerate(zip(bars, expected, strict=True)):
        # Where cancellation leaves a cotangent near zero, float32 is judged by what would not have cancelled.
        natural = _norm(y_bar) * _norm(value) / max(_norm(case.args[index]), 1e-300)
        error = _norm(bar - plain) / max(_norm(plain), 1e-2 * natural, 1e-300)
        if error > tolerance:
            case.fail(
                f"in float32 the cotangent of {case.label(index)} differs from float64 by {error:.2g} "
                f"(accepted {tolerance:g})."
            )


def _check_derivative(
    case: _Case, index: int, bar: Array, y_bar: Array, rng: np.random.Generator, tolerance: float
) -> None:
    """Compare along a random direction, and along one in which nothing cancels, so that a wrong factor shows."""
    random = rng.uniform(-1, 1, bar.shape)
    uphill = np.where(bar < 0, -np.abs(random), np.abs(random))
    for name, direction in (("a random direction", random), ("a direction of ascent", uphill)):
        analytic = float((bar * direction).sum())
        scale = _norm(bar * direction)
        numeric, doubt, rounding = _difference(case, index, direction, y_bar, 1e-2 * tolerance * scale)
        scale = max(scale, abs(analytic), abs(numeric))
        error = abs(analytic - numeric)
        if error > tolerance * scale + rounding:
            case.fail(
                f"the cotangent of {case.label(index)} is wrong.\n"
                f"along {name}: analytic {analytic:.9g}, numeric {numeric:.9g} +- {doubt:.1g}, "
                f"relative error {error / scale:.3g} (accepted {tolerance:g})\n"
                + _worst_entry(case, index, bar, y_bar, rng)
            )


def _worst_entry(case: _Case, index: int, bar: Array, y_bar: Array, rng: np.random.Generator) -> str:
    """Say which entry of a wrong cotangent is furthest from its difference quotient."""
    entries = np.arange(bar.size)
    if bar.size > ENTRIES:
        entries = rng.choice(bar.size, ENTRIES, replace=False)
    worst = (-1.0, 0, 0.0)
    for entry in entries:
        direction = np.zeros(bar.size)
        direction[entry] = 1
        numeric = _difference(case, index, direction.reshape(bar.shape), y_bar, 1e-6 * _norm(bar))[0]
        worst = max(worst, (abs(bar.flat[entry] - numeric), int(entry), numeric))
    place = ", ".join(str(int(i)) for i in np.unravel_index(worst[1], bar.shape))
    return f"worst entry [{place}]: analytic {bar.flat[worst[1]]:.9g}, numeric {worst[2]:.9g}"


def _difference(
    case: _Case, index: int, direction: Array, y_bar: Array, enough: float
) -> tuple[float, float, float]:
    """Return the derivative of <y_bar, value> along a direction, an estimate of its error, and its rounding.

    Ridders' table: row i holds the central difference at step i and its extrapolations towards step 0. The
    entry that differs least from its two ancestors is the answer; we stop when it differs by at most `enough`.
    """
    arg = case.args[index]
    unit = _norm(arg) / max(arg.size, 1) ** 0.5 or 1.0
    size = float((np.abs(y_bar) * np.abs(case.run()[0])).sum())
    best, doubt, rounding = 0.0, np.inf, 0.0
    above: list[float] = []
    for rung in range(RUNGS):
        step = FIRST_STEP * unit / RATIO**rung
        ends = [case.run(_moved(case.args, index, s * direction))[0] for s in (step, -step)]
        row = [float((y_bar * (ends[0] - ends[1])).sum()) / (2 * step)]
        for order, older in enumerate(above, start=1):
            weight = RATIO ** (2 * order)
            row.append((weight * row[-1] - older) / (weight - 1))
            change = max(abs(row[-1] - row[-2]), abs(row[-1] - older))
            if change < doubt:
                best, doubt, rounding = row[-1], change, 4 * np.finfo(np.float64).eps * size / step
        if doubt <= enough:
            break
        above = row
    return best, float(doubt), float(rounding)


def _moved(args: tuple[NDArray[Any], ...], index: int, shift: Array) -> tuple[NDArray[Any], ...]:
    return (*args[:index], args[index] + shift, *args[index + 1 :])


def _compare_products(
    name: str, forward: Callable[[Any], Any], adjoint: Callable[[Any], Any], x: Array, y: Array, tolerance: float
) -> None:
    Ax, Aty = _called(forward, x), _called(adjoint, y)
    for what, found, expected in (
        ("forward(x)", Ax.shape, y.shape),
        ("adjoint(y)", Aty.shape, x.shape),
    ):
        if found != expected:
            raise AssertionError(f"adjoint of {name}: {what} has shape {found}; expected is {expected}.")
    left, right = float((Ax * y).sum()), float((x * Aty).sum())
    error = abs(left - right) / max(_norm(Ax) * _norm(y), _norm(x) * _norm(Aty), 1e-300)
    if error > tolerance:
        raise AssertionError(
            f"adjoint of {name}: <forward(x), y> = {left:.12g}, but <x, adjoint(y)> = {right:.12g} "
            f"(relative error {error:.2g})."
        )


def _called(function: Callable[[Any], Any], x: Array) -> Array:
    """Call a linear function twice, and check that nothing but the result comes of it."""
    name, given = _name_of(function), x.copy()
    first = np.array(function(given), np.float64)
    second = np.asarray(function(given))
    if not np.array_equal(given, x):
        raise AssertionError(f"{name} changes its input.")
    if not np.isfinite(first).all():
        raise AssertionError(f"{name} returned values that are not finite.")
    if not np.array_equal(first, second):
        raise AssertionError(f"{name} gives another result when called again.")
    return first


def _called_alone(function: Callable[[Any], Any], x: Array) -> list[Array]:
    return [_called(function, x)]


def _require_close(title: str, what: str, found: Any, expected: Any, tolerance: float) -> None:
    scale = max(_norm(found), _norm(expected), 1e-300)
    error = _norm(np.asarray(found) - np.asarray(expected)) / scale
    if error > tolerance:
        raise AssertionError(f"{title}: {what} (relative error {error:.2g}, accepted {tolerance:g}).")


def _layouts(array: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Yield equal arrays that are spread out and reversed in memory, and in Fortran order."""
    spread = np.full(tuple(2 * n for n in array.shape), np.nan, array.dtype)
    every_second: Any = (..., *(slice(None, None, -2) for _ in array.shape))
    view = spread[every_second]
    view[...] = array
    yield view
    yield array.copy(order="F")


def _random(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    return np.asarray(rng.standard_normal(shape), np.float64)


def _norm(array: Any) -> float:
    return float(np.linalg.norm(np.asarray(array, np.float64).ravel()))


def _name_of(function: Any) -> str:
    while hasattr(function, "func"):  # functools.partial
        function = function.func
    return getattr(function, "__name__", type(function).__name__)


def _argument_names(op_vjp: Callable[..., Any], count: int) -> list[str]:
    try:
        names = list(inspect.signature(op_vjp).parameters)[:count]
    except (TypeError, ValueError):  # a builtin
        names = []
    return names + [f"args[{i}]" for i in range(len(names), count)]
