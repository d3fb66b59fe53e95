"""A tape: derivatives of whatever is computed from ops and arithmetic, backwards through what was recorded.

Parameters are a tree of arrays: a dict, list or tuple of trees. `watch` turns them into variables, `apply` calls any
``name_vjp`` on them, operators do the arithmetic, and `gradients` returns a tree of arrays of the same form.

>>> from classmat.nn import tape
>>> from classmat.ops import alpha_loss_vjp, fusion_vjp
>>> def loss_of(params, F, U, truth):
...     raw = (F * params["gain"] + params["bias"]).mean(axis=0)
...     alpha = tape.apply(fusion_vjp, F[0], U, raw)
...     return tape.apply(alpha_loss_vjp, alpha, truth)
>>> params = {"gain": np.ones((2, 1, 1)), "bias": np.zeros(())}
>>> F, U, truth = np.full((2, 3, 4), 0.5), np.full((3, 4), 0.5), np.ones((3, 4))
>>> loss, grads = tape.value_and_gradients(loss_of, params, F, U, truth)
>>> round(float(loss), 6), grads["gain"].shape, round(float(grads["bias"]), 3)
(0.250002, (2, 1, 1), -0.5)

What is not a variable is a constant: it is not recorded and gets no derivative. A function of arrays alone returns an
array, so the same code predicts without a tape: ``loss_of(params, F, U, truth)``.

A descent step is ``params = tape.map_tree(lambda p, g: p - 0.1 * g, params, grads)``.
"""

import heapq
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..images.floats import as_floats

__all__ = ["Variable", "apply", "gradients", "map_tree", "value_and_gradients", "value_of", "watch"]

Array = NDArray[Any]
Tree = Any
"""An array or a variable, or a dict, list or tuple of trees; None is a tree without leaves."""

_order = itertools.count()


class _Node:
    """What the way back needs of a variable: who made it, and how its cotangent becomes theirs."""

    __slots__ = ("dtype", "order", "parents", "pullback", "shape")

    def __init__(
        self,
        value: Array,
        parents: Sequence["_Node"] = (),
        pullback: Callable[[Array], Sequence[Any]] | None = None,
    ) -> None:
        self.shape, self.dtype = value.shape, value.dtype
        self.parents, self.pullback = parents, pullback
        self.order = next(_order)  # parents are older than their children

    def __lt__(self, other: "_Node") -> bool:
        return self.order > other.order  # the youngest is first on a heap

    def release(self) -> None:
        self.parents, self.pullback = (), _spent if self.pullback else None


class Variable:
    """An array whose derivatives are asked for, or a result that depends on one.

    Parameters
    ----------
    value : array_like
        Real numbers of any shape; float32 stays float32, all else becomes float64. It is kept, not copied: do not
        write into it before the gradients are taken.

    Notes
    -----
    ``+ - * / ** @``, with broadcasting as in NumPy, negation, indexing, `sum`, `mean`, `reshape` and `transpose` give
    variables again; all else goes through `apply`. NumPy's functions refuse variables: take `value`, which is a constant.

    Examples
    --------
    >>> x = Variable([[1.0, 2.0], [3.0, 4.0]])
    >>> y = (x[0] * x[1]).sum() / 2
    >>> y, gradients(y, x)
    (Variable(5.5), array([[1.5, 2. ],
           [0.5, 1. ]]))
    """

    __slots__ = ("_node", "value")
    __array_ufunc__ = None  # so that an array leaves ``array * variable`` to the variable

    def __init__(self, value: ArrayLike) -> None:
        self.value: Array = as_floats(value, name="value", finite=False)
        self._node = _Node(self.value)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the value."""
        return self.value.shape

    @property
    def ndim(self) -> int:
        """Of the value."""
        return self.value.ndim

    @property
    def size(self) -> int:
        """Of the value."""
        return self.value.size

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the value."""
        return self.value.dtype

    def __repr__(self) -> str:
        return f"Variable({np.array2string(self.value, separator=', ')})"

    def __add__(self, other: Any) -> Any:
        return _combine(self.value + value_of(other), (self, lambda bar: bar), (other, lambda bar: bar))

    def __sub__(self, other: Any) -> Any:
        return _combine(self.value - value_of(other), (self, lambda bar: bar), (other, np.negative))

    def __rsub__(self, other: Any) -> Any:
        return _combine(other - self.value, (self, np.negative))

    def __mul__(self, other: Any) -> Any:
        x, y = self.value, value_of(other)
        return _combine(x * y, (self, lambda bar: bar * y), (other, lambda bar: bar * x))

    def __truediv__(self, other: Any) -> Any:
        x, y = self.value, value_of(other)
        return _combine(x / y, (self, lambda bar: bar / y), (other, lambda bar: -bar * x / y**2))

    def __rtruediv__(self, other: Any) -> Any:
        x = self.value
        return _combine(other / x, (self, lambda bar: -bar * other / x**2))

    def __pow__(self, other: Any) -> Any:
        return _power(self, other)

    def __rpow__(self, other: Any) -> Any:
        return _power(other, self)

    def __matmul__(self, other: Any) -> Any:
        return _matmul(self, other)

    def __rmatmul__(self, other: Any) -> Any:
        return _matmul(other, self)

    __radd__, __rmul__ = __add__, __mul__

    def __neg__(self) -> Any:
        return _combine(-self.value, (self, np.negative))

    def __getitem__(self, index: Any) -> Any:
        return _combine(self.value[index], (self, _scatter(index, self.shape)))

    def sum(self, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Any:
        """Sum over all axes, or over some."""
        shape, folded = self.shape, axis is not None and not keepdims

        def pull(bar: Array) -> Array:
            return np.broadcast_to(np.expand_dims(bar, axis) if folded else bar, shape)  # type: ignore[arg-type]

        return _combine(self.value.sum(axis, keepdims=keepdims), (self, pull))

    def mean(self, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Any:
        """Take the mean over all axes, or over some."""
        total = self.sum(axis, keepdims)
        return total / (self.size // total.size)

    def reshape(self, *shape: Any) -> Any:
        """Give the same values another shape, as NumPy does."""
        before = self.shape
        return _combine(self.value.reshape(*shape), (self, lambda bar: bar.reshape(before)))

    def transpose(self, *axes: Any) -> Any:
        """Reverse the axes, or put them in the order that is given."""
        value = self.value.transpose(*axes)
        order = np.arange(self.ndim)[::-1] if not axes else np.ravel(axes) % self.ndim
        return _combine(value, (self, lambda bar: bar.transpose(np.argsort(order))))


def apply(op_vjp: Callable[..., Any], *args: Any, **static: Any) -> Any:
    """Call an op on variables and constants.

    Parameters
    ----------
    op_vjp : callable
        ``op_vjp(*arrays, **static) -> (value, pullback)``, such as those of `classmat.ops`, or yours: see
        `classmat.testing.check_pullback`.
    *args : Variable or array_like
        Its positional arguments.
    **static
        Its keyword arguments. No variables: an op has no derivatives for those.

    Returns
    -------
    Variable or the value
        The value as it is, and nothing recorded, if no argument is a variable.

    Raises
    ------
    TypeError
        If a keyword argument is a variable; and what the op raises.

    Examples
    --------
    >>> from classmat.ops import box_mean_vjp
    >>> x = Variable([[1.0, 2.0, 3.0]])
    >>> apply(box_mean_vjp, x, radius=1)
    Variable([[1.5, 2. , 2.5]])
    >>> apply(box_mean_vjp, x.value, radius=1)
    array([[1.5, 2. , 2.5]])
    """
    for name, option in static.items():
        if isinstance(option, Variable):
            raise TypeError(f"{name} is a Variable; accepted for keyword arguments are constants: take its value.")
    value, pullback = op_vjp(*map(value_of, args), **static)
    places = [place for place, arg in enumerate(args) if isinstance(arg, Variable)]
    if not places:
        return value

    def pull(bar: Array) -> list[Array]:
        bars = pullback(bar)
        return [np.asarray(bars[place], args[place].dtype) for place in places]  # a scalar's may be a float

    return _record(value, [args[place]._node for place in places], pull)


def watch(tree: Tree) -> Tree:
    """Return a tree of variables for a tree of arrays.

    >>> watch({"w": np.array([1.0, 2.0]), "layers": [0.5, None]})
    {'w': Variable([1., 2.]), 'layers': [Variable(0.5), None]}
    """
    return map_tree(Variable, tree)


def value_of(x: Any) -> Any:
    """Return the value of a variable, which is a constant, and anything else as it is."""
    return x.value if isinstance(x, Variable) else x


def gradients(value: Any, variables: Tree, *, cotangent: ArrayLike | None = None, keep: bool = False) -> Tree:
    """Return the derivatives of a value by variables.

    Parameters
    ----------
    value : Variable
        A loss, of shape (); of any shape with a cotangent.
    variables : tree of Variable
        Parameters or results on the way to the value.
    cotangent : array_like, shape of `value`
        What the value's derivative is taken of: ``<cotangent, value>``. 1 by default.
    keep : bool
        Whether to keep what was recorded, to go back once more. By default it is freed on the way.

    Returns
    -------
    tree of ndarray
        The form of `variables`; each has its variable's shape and dtype, and shares its memory with nothing. 0 where the
        value does not depend on the variable.

    Raises
    ------
    TypeError
        If `value` or a leaf of `variables` is no variable.
    ValueError
        If the cotangent has another shape than the value.
    RuntimeError
        If what was recorded has been freed.

    Examples
    --------
    >>> x = Variable([1.0, 2.0, 3.0])
    >>> gradients(x * x, x, cotangent=[1.0, 0.0, 2.0])
    array([ 2.,  0., 12.])
    """
    for leaf in (value, *_leaves(variables)):
        if not isinstance(leaf, Variable):
            raise TypeError(f"a {type(leaf).__name__} has no gradient; accepted are Variables (see watch).")
    wanted = {leaf._node for leaf in _leaves(variables)}
    bars = _go_back(value._node, _seed(value, cotangent), wanted, keep)
    taken: set[int] = set()

    def own(variable: Variable) -> Array:
        bar = bars.get(variable._node)
        if bar is None:
            return np.zeros_like(variable.value)
        if isinstance(bar, np.ndarray) and bar.flags.owndata and id(bar) not in taken:
            taken.add(id(bar))
            return bar
        return np.array(bar)  # arithmetic makes plain numbers of arrays without axes

    return map_tree(own, variables)


def value_and_gradients(
    function: Callable[..., Any], params: Tree, *args: Any, **options: Any
) -> tuple[Array, Tree]:
    """Return ``function(params, *args, **options)``, a number, and its derivatives by the arrays in `params`.

    >>> value_and_gradients(lambda w, x: ((w["a"] * x) ** 2).sum(), {"a": 3.0}, np.array([1.0, 2.0]))
    (array(45.), {'a': array(30.)})
    """
    variables = watch(params)
    loss = function(variables, *args, **options)
    return value_of(loss), gradients(loss, variables)


def map_tree(function: Callable[..., Any], tree: Tree, *others: Tree) -> Tree:
    """Call a function on every leaf of a tree, together with the same leaves of others of its form.

    >>> map_tree(lambda p, g: p - 0.5 * g, {"w": [1.0], "b": (2.0, None)}, {"w": [2.0], "b": (2.0, None)})
    {'w': [0.0], 'b': (1.0, None)}
    """
    if tree is None:
        return None
    if isinstance(tree, dict):
        if any(tree.keys() != other.keys() for other in others):
            raise ValueError(f"trees differ: one has the keys {list(tree)}, another has others.")
        return {key: map_tree(function, tree[key], *(other[key] for other in others)) for key in tree}
    if isinstance(tree, list | tuple):
        branches = [map_tree(function, *branch) for branch in zip(tree, *others, strict=True)]
        return type(tree)(*branches) if hasattr(tree, "_fields") else type(tree)(branches)
    return function(tree, *others)


def _leaves(tree: Tree) -> list[Any]:
    found: list[Any] = []
    map_tree(found.append, tree)
    return found


def _record(value: Any, parents: Sequence[_Node], pullback: Callable[[Array], Sequence[Any]]) -> Variable:
    variable = Variable.__new__(Variable)
    variable.value = np.asarray(value)
    variable._node = _Node(variable.value, parents, pullback)
    return variable


def _combine(value: Any, *inputs: tuple[Any, Callable[[Array], Array]]) -> Variable:
    """Record a value made of variables and constants, each with the way back to it, before broadcasting."""
    kept = [(x._node, pull) for x, pull in inputs if isinstance(x, Variable)]

    def pullback(bar: Array) -> list[Array]:
        return [_unbroadcast(pull(bar), node) for node, pull in kept]

    return _record(value, [node for node, _ in kept], pullback)


def _unbroadcast(bar: Array, node: _Node) -> Array:
    """Sum a cotangent over the axes along which the variable was repeated."""
    added = bar.ndim - len(node.shape)
    repeated = [added + axis for axis, n in enumerate(node.shape) if n == 1 and bar.shape[added + axis] != 1]
    if added or repeated:
        bar = bar.sum(axis=(*range(added), *repeated), dtype=np.float64, keepdims=True)
    return np.asarray(bar.reshape(node.shape), node.dtype)


def _scatter(index: Any, shape: tuple[int, ...]) -> Callable[[Array], Array]:
    """Return the transpose of indexing: entries that were taken twice add up."""
    parts = index if isinstance(index, tuple) else (index,)
    is_basic = all(part is None or part is ... or isinstance(part, int | slice) for part in parts)

    def pull(bar: Array) -> Array:
        x_bar = np.zeros(shape, bar.dtype)
        if is_basic:  # takes nothing twice
            x_bar[index] = bar
        else:
            np.add.at(x_bar, index, bar)
        return x_bar

    return pull


def _power(base: Any, exponent: Any) -> Variable:
    """``d x^y = y x^(y - 1) dx + x^y log x dy``; where y or x is 0 that is 0."""
    x, y = np.asarray(value_of(base)), np.asarray(value_of(exponent))
    value = value_of(base) ** value_of(exponent)
    return _combine(
        value,
        (base, lambda bar: bar * y * x ** np.where(y == 0, 1, y - 1)),
        (exponent, lambda bar: bar * value * np.log(np.where(x == 0, 1, x))),
    )


def _matmul(left: Any, right: Any) -> Variable:
    """``C = A B``: ``A_bar = C_bar B^T``, ``B_bar = A^T C_bar``; a vector is a row or a column."""
    a, b = np.asarray(value_of(left)), np.asarray(value_of(right))
    A, B = a[np.newaxis] if a.ndim == 1 else a, b[:, np.newaxis] if b.ndim == 1 else b

    def as_matrix(bar: Array) -> Array:
        bar = bar[..., np.newaxis] if b.ndim == 1 else bar
        return bar[..., np.newaxis, :] if a.ndim == 1 else bar

    def pull_left(bar: Array) -> Array:
        A_bar = as_matrix(bar) @ B.swapaxes(-1, -2)
        return A_bar[..., 0, :] if a.ndim == 1 else A_bar

    def pull_right(bar: Array) -> Array:
        B_bar = A.swapaxes(-1, -2) @ as_matrix(bar)
        return B_bar[..., 0] if b.ndim == 1 else B_bar

    return _combine(a @ b, (left, pull_left), (right, pull_right))


def _seed(value: Variable, cotangent: ArrayLike | None) -> Array:
    seed = np.ones((), value.dtype) if cotangent is None else as_floats(cotangent, name="the cotangent")
    if seed.shape != value.shape:
        given = "without one, accepted is ()" if cotangent is None else f"the cotangent's is {seed.shape}"
        raise ValueError(f"the value has shape {value.shape}; {given}.")
    return np.array(seed, value.dtype)


def _go_back(start: _Node, seed: Array, wanted: set[_Node], keep: bool) -> dict[_Node, Array]:
    """Return the cotangents of the wanted nodes: from the youngest to the oldest, each when it is complete."""
    bars, heap = {start: seed}, [start]
    while heap:
        node = heapq.heappop(heap)
        bar = bars[node] if node in wanted else bars.pop(node)
        if node.pullback is None:
            continue
        for parent, parent_bar in zip(node.parents, node.pullback(bar), strict=True):
            if parent in bars:
                bars[parent] = bars[parent] + parent_bar
            else:
                bars[parent] = parent_bar
                heapq.heappush(heap, parent)
        if not keep:
            node.release()
    return bars


def _spent(bar: Array) -> Any:
    raise RuntimeError(
        "what was recorded for this value has been freed: pass keep=True to go back more than once."
    )
