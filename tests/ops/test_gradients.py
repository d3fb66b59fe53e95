"""One test for all ops: whatever is in the table is exact, and keeps the protocol."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import classmat.ops
from classmat.ops import cross_entropy_vjp
from classmat.ops.table import ARRAY, DEMANDING, KINDS, OPS, REQUIRED, UNBATCHED, RandomExample
from classmat.testing import check_pullback


def full_size(op):
    """Return which arguments have the size of the image."""
    kinds = op.differentiable.values()
    return [index for index, kind in enumerate(kinds) if kind in ("plane", "image", "channels", "positive")]


every_op = pytest.mark.parametrize("op", OPS.values(), ids=OPS)


@every_op
@given(
    height=st.integers(1, 24),
    width=st.integers(1, 24),
    batch=st.none() | st.integers(1, 3),
    seed=st.integers(0, 2**32 - 1),
)
def test_pullback(op, height, width, batch, seed):
    args, static = op.example(np.random.default_rng(seed), height, width, batch)
    check_pullback(op.function, args, tolerance=1e-6, seed=seed, **static)


@every_op
def test_a_slightly_wrong_cotangent_is_caught(op):
    """Each argument counts in each example: 1 + 1e-5 times its cotangent does not pass."""
    args, static = op.example(np.random.default_rng(0), 6, 7, 2)
    for wrong in range(len(args)):

        def function(*args, wrong=wrong, **static):
            value, pullback = op.function(*args, **static)
            factors = np.where(np.arange(len(args)) == wrong, 1 + 1e-5, 1)
            return value, lambda bar: tuple(
                (b * f).astype(b.dtype) for b, f in zip(pullback(bar), factors, strict=True)
            )

        with pytest.raises(AssertionError, match=f"argument {wrong} .* is wrong"):
            check_pullback(function, args, **static)


SRC = {"src": "channels"}
GREY_GUIDE = {"guide": "plane", "src": "plane", "eps": "scalar"}
GREY = {"foreground": "plane", "alpha": "plane", "background": "plane"}
MATTES = {"alpha": "plane", "truth": "plane"}
GREY_COLOURS = {"foreground": "plane", "background": "plane"}
VARIANTS = [
    ("resize", SRC, {"height": 1, "width": 1}),
    ("resize", SRC, {"height": 30, "width": 3, "align_corners": True}),
    ("resize", {"src": "plane"}, {"height": 2, "width": 24}),
    ("blur", SRC, {"sigma": 2.0, "border": "mirror"}),
    ("blur", SRC, {"sigma": 0.8, "radius": 1, "border": "mirror"}),
    ("blur", SRC, {"sigma": 0.0}),
    ("box_sum", SRC, {"radius": 0}),
    ("box_mean", {"src": "plane"}, {"radius": 1}),
    ("box_mean", SRC, {"radius": 30}),
    ("guided_filter", GREY_GUIDE, {"radius": 0}),
    ("guided_filter", GREY_GUIDE, {"radius": 1}),
    ("guided_filter", GREY_GUIDE, {"radius": 30}),
    ("guided_filter", {**GREY_GUIDE, "guide": "image"}, {"radius": 4}),
    ("feathering", dict.fromkeys(("a", "b", "c", "S_F", "S_B"), "plane"), {"radius": 0}),
    ("softmax", {"scores": "channels"}, {"axis": 0}),
    ("softmax", {"scores": "plane"}, {"axis": -2}),
    ("composite", GREY, {}),
    ("alpha_loss", MATTES, {"eps": 0}),
    ("alpha_loss", MATTES, {"eps": 1e-3}),
    ("weighted_alpha_loss", {**MATTES, "weights": "plane"}, {"weights": ARRAY}),
    ("compositional_loss", {**MATTES, **GREY_COLOURS}, {}),
    ("premultiplied_loss", {**MATTES, "image": "plane"}, {"eps": 0}),
    ("matte_loss", {**MATTES, "image": "plane", **GREY_COLOURS}, {}),
    ("laplacian_pyramid_loss", MATTES, {"levels": 1}),
    ("laplacian_pyramid_loss", MATTES, {"levels": 6}),
]


@pytest.mark.parametrize(("name", "kinds", "static"), VARIANTS)
@settings(max_examples=25)
@given(height=st.integers(1, 24), width=st.integers(1, 24), seed=st.integers(0, 2**32 - 1))
def test_pullback_of_other_options(name, kinds, static, height, width, seed):
    args, static = RandomExample(kinds, static)(np.random.default_rng(seed), height, width)
    check_pullback(OPS[name].function, args, seed=seed, **static)


@given(height=st.integers(1, 12), width=st.integers(1, 12), classes=st.integers(2, 5), seed=st.integers(0, 999))
def test_cross_entropy_of_any_number_of_classes(height, width, classes, seed):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, (height, width))
    check_pullback(cross_entropy_vjp, [rng.standard_normal((height, width, classes))], labels=labels)


@every_op
def test_the_table_knows_its_functions(op):
    args, static = op.example(np.random.default_rng(0), 5, 6)
    assert len(args) == len(op.differentiable)
    assert set(static) <= set(op.static)
    assert {name for name, default in op.static.items() if default is REQUIRED} <= set(static)
    assert {*op.kinds} == {*op.differentiable, *op.static_arrays}
    assert {*op.kinds.values(), op.value} <= set(KINDS)


@every_op
def test_kinds_are_shapes(op):
    dimensions = {
        **{"plane": 2, "positive": 2, "coarse": 2, "labels": 2, "image": 3, "channels": 3, "scalar": 0},
        **{"links": 3, "vector": 1, "levels": 1, "entries": 1, "pattern": 1},
    }
    for batch in (None, 2):
        args, static = op.example(np.random.default_rng(0), 5, 6, batch)
        values = [*zip(args, op.differentiable.values(), strict=True)]
        values += [(static[name], kind) for name, kind in op.static_arrays.items()]
        values += [(op.function(*args, **static)[0], op.value)]
        for array, kind in values:
            has_batch = batch is not None and kind not in UNBATCHED
            assert np.ndim(array) == dimensions[kind] + has_batch
            if kind == "image":
                assert array.shape[-1] == 3


def test_ops_are_exported_under_their_names():
    exported = {name for name in classmat.ops.__all__ if name.endswith("_vjp")}
    assert exported == {f"{name}_vjp" for name in OPS}
    for name, op in OPS.items():
        assert getattr(classmat.ops, f"{name}_vjp") is op.function


@every_op
def test_a_batch_is_its_images(op):
    """Values of a batch are those of its images; a scalar is the mean of theirs."""
    args, static = op.example(np.random.default_rng(1), 6, 5, 3)

    def image(array, kind, k):
        return array if kind in UNBATCHED else array[k]

    kinds = list(op.differentiable.values())
    values = []
    for k in range(3):
        one = {name: image(static[name], kind, k) for name, kind in op.static_arrays.items()}
        values.append(
            op.function(*(image(a, kind, k) for a, kind in zip(args, kinds, strict=True)), **{**static, **one})[0]
        )
    expected = np.mean(values) if op.value == "scalar" else np.stack(values)
    np.testing.assert_allclose(op.function(*args, **static)[0], expected, rtol=1e-13)


@every_op
@pytest.mark.parametrize("bad", ["nan", "shape", "text", "empty"])
def test_bad_arguments(op, bad):
    for index, name in enumerate(op.differentiable):
        args, static = op.example(np.random.default_rng(0), 5, 6)
        if op.differentiable[name] == "scalar":
            continue
        wrong = {
            "nan": np.full_like(args[index], np.nan),
            "shape": args[index][np.newaxis, np.newaxis, np.newaxis],
            "text": "matte",
            "empty": args[index][:0],
        }[bad]
        if bad == "shape" and op.name == "softmax":
            continue  # takes any shape
        with pytest.raises((TypeError, ValueError)) as caught:
            op.function(*args[:index], wrong, *args[index + 1 :], **static)
        assert name in str(caught.value)


@pytest.mark.parametrize("op", [op for op in OPS.values() if len(full_size(op)) > 1], ids=lambda op: op.name)
def test_sizes_that_differ(op):
    args, static = op.example(np.random.default_rng(0), 8, 6)
    for index in full_size(op):
        wrong = args[index][:-1]
        with pytest.raises(ValueError, match="shape"):
            op.function(*args[:index], wrong, *args[index + 1 :], **static)


@every_op
def test_bad_cotangents(op):
    args, static = op.example(np.random.default_rng(0), 5, 6, 2)
    value, pullback = op.function(*args, **static)
    for wrong in (np.ones((*np.shape(value), 1)), np.ones((7, 7))):
        with pytest.raises(ValueError, match="the cotangent has shape"):
            pullback(wrong)
    with pytest.raises(ValueError, match=r"the cotangent has .* NaN"):
        pullback(np.full(np.shape(value), np.nan))
    with pytest.raises(TypeError, match="the cotangent"):
        pullback(None)


@every_op
def test_arguments_of_two_precisions(op):
    args, static = op.example(np.random.default_rng(0), 5, 6)
    mixed = [arg.astype(np.float32) if k % 2 else arg for k, arg in enumerate(args)]
    value, pullback = op.function(*mixed, **static)
    for bar, arg in zip(pullback(np.ones(np.shape(value))), mixed, strict=True):
        assert bar.dtype == arg.dtype


@every_op
@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_constant_input_gives_finite_derivatives(op, level):
    args, static = op.example(np.random.default_rng(0), 4, 5)
    kinds = op.differentiable.values()
    flat = [arg if kind in DEMANDING else np.full_like(arg, level) for arg, kind in zip(args, kinds, strict=True)]
    value, pullback = op.function(*flat, **static)
    assert np.isfinite(value).all()
    for bar in pullback(np.ones(np.shape(value))):
        assert np.isfinite(bar).all()
