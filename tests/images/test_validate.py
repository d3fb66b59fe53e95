"""The judge of what users hand in: each line of "bad input", and what is taken without fuss."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import classmat as cm
from classmat.images import validate
from classmat.images.validate import (
    as_alpha,
    as_choice,
    as_count,
    as_flag,
    as_image,
    as_mask,
    as_number,
    as_plane,
    as_trimap,
    require_same_size,
)

DTYPES = (bool, np.uint8, np.uint16, np.float16, np.float32, np.float64)
sizes = st.tuples(st.integers(1, 6), st.integers(1, 6))


def full_scale(dtype):
    return 1 if np.dtype(dtype).kind in "bf" else np.iinfo(dtype).max


@st.composite
def in_range(draw, channels=(None, 1, 3)):
    """An array of an accepted dtype, shape and contents, as a view of arbitrary strides."""
    dtype = np.dtype(draw(st.sampled_from(DTYPES)))
    last = draw(st.sampled_from(channels))
    shape = draw(sizes) + (() if last is None else (last,))
    width = {2: 16, 4: 32, 8: 64}.get(dtype.itemsize)
    elements = st.floats(0, 1, width=width) if dtype.kind == "f" else None
    array = draw(hnp.arrays(dtype, shape, elements=elements))
    layout = draw(st.sampled_from(["C", "F", "flipped", "stepped", "read-only"]))
    if layout == "F":
        return np.asfortranarray(array)
    if layout == "flipped":
        return array[::-1, ::-1].copy()[::-1, ::-1]
    if layout == "stepped":
        return np.repeat(np.repeat(array, 2, axis=0), 3, axis=1)[::2, ::3]
    array.flags.writeable = layout != "read-only"
    return array


# What is taken without fuss


@given(in_range(), st.sampled_from([np.float32, np.float64]))
def test_images_of_every_kind_become_contiguous_floats(array, dtype):
    before = array.copy()
    result = as_image(array, dtype=dtype)
    assert result.dtype == dtype
    assert result.flags.c_contiguous
    assert result.shape == (array.shape[:2] if array.shape[2:] == (1,) else array.shape)
    expected = array.astype(np.float64).reshape(result.shape) / full_scale(array.dtype)
    np.testing.assert_allclose(result, expected, rtol=1e-6 if dtype == np.float32 else 1e-15, atol=1e-30)
    np.testing.assert_array_equal(array, before)


@given(in_range(channels=(None,)))
def test_mattes_masks_and_trimaps_agree_with_their_definitions(array):
    fraction = array.astype(np.float64) / full_scale(array.dtype)
    np.testing.assert_array_equal(as_alpha(array), fraction)
    np.testing.assert_array_equal(as_mask(array), fraction >= 0.5)
    trimap = as_trimap(array, both=False)
    assert trimap.dtype == np.uint8
    np.testing.assert_array_equal(trimap, np.where(fraction <= 0.1, 0, np.where(fraction >= 0.9, 255, 128)))
    np.testing.assert_array_equal(as_trimap(trimap, both=False), trimap)


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (1, 1, 3), (1, 7, 3)])
def test_one_pixel_and_one_row_are_images(shape):
    assert as_image(np.zeros(shape)).shape == shape


def test_lists_are_arrays():
    assert as_image([[0.0, 1.0]]).tolist() == [[0, 1]]
    assert as_mask([[True, False]]).tolist() == [[True, False]]


@given(in_range(channels=(2, 4)))
def test_an_alpha_channel_is_ignored_with_a_warning(array):
    with pytest.warns(UserWarning, match=r"^photo has an alpha channel, which is ignored\.$"):
        result = as_image(array, name="photo")
    np.testing.assert_array_equal(result, as_image(array[:, :, :-1]))


@pytest.mark.parametrize(
    "call",
    [
        lambda image, scene: cm.cutout(image, scene.alpha),
        lambda image, scene: cm.closed_form_matting(image, scene.trimap),
        lambda image, scene: cm.closed_form_laplacian(image),
        lambda image, scene: as_image(image),
    ],
)
def test_the_warning_points_to_the_line_outside_of_the_package(call):
    scene = cm.gallery.disc(12, 16)
    with pytest.warns(UserWarning, match="alpha channel") as record:
        call(np.dstack([scene.image, scene.alpha]), scene)
    assert [warning.filename for warning in record] == [__file__]


@pytest.mark.parametrize("flag", ["WRITEABLE", "ALIGNED", "C_CONTIGUOUS"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_layout_is_the_one_that_kernels_are_compiled_for(flag, dtype):
    array = np.full((4, 6), 0.5, dtype)
    if flag == "WRITEABLE":
        array.setflags(write=False)
    elif flag == "ALIGNED":
        array = np.frombuffer(b"\0" + array.tobytes(), dtype, offset=1).reshape(4, 6)
    else:
        array = array.T
    assert not array.flags[flag]
    results = as_image(array, dtype=dtype), as_alpha(array, dtype=dtype), as_plane(array, name="plane")
    for result in results:
        np.testing.assert_array_equal(result, array)
        for wanted in ("WRITEABLE", "ALIGNED", "C_CONTIGUOUS"):
            assert result.flags[wanted]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rounding_beyond_the_range_is_clipped(dtype):
    values = np.array([[-0.0009, 0.5, 1.0009]], dtype)
    for function in (as_image, as_alpha):
        result = function(values)
        assert result.min() == 0
        assert result.max() == 1
        assert result[0, 1] == 0.5


def test_integer_ends_are_exact():
    for dtype in (np.uint8, np.uint16):
        for target in (np.float32, np.float64):
            assert as_image(np.array([[0, full_scale(dtype)]], dtype), dtype=target).tolist() == [[0, 1]]


# Bad input, for every function that takes an array

JUDGES = {
    "image": as_image,
    "alpha": as_alpha,
    "trimap": as_trimap,
    "mask": as_mask,
    "plane": lambda values: as_plane(values, name="plane"),
}


@pytest.fixture(params=JUDGES)
def judge(request):
    return request.param, JUDGES[request.param]


@pytest.mark.parametrize("shape", [(), (3,), (2, 3, 5), (2, 3, 6), (1, 2, 3, 3)])
def test_wrong_shape(judge, shape):
    name, function = judge
    with pytest.raises(ValueError, match=rf"^{name} has shape .*; accepted (is|are) \(h, w"):
        function(np.zeros(shape))


@pytest.mark.parametrize("shape", [(2, 3, 1), (2, 3, 3), (2, 3, 4)])
@pytest.mark.parametrize("name", ["alpha", "trimap", "mask", "plane"])
def test_channels_where_a_plane_is_due(name, shape):
    with pytest.raises(ValueError, match=rf"^{name} has shape .*; accepted is \(h, w\)\.$"):
        JUDGES[name](np.zeros(shape))


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (3, 0)])
def test_empty(judge, shape):
    name, function = judge
    with pytest.raises(ValueError, match=rf"^{name} is empty \(shape .*\); at least one pixel is needed\.$"):
        function(np.zeros(shape))


@given(
    st.sampled_from(sorted(JUDGES)),
    sizes,
    st.sampled_from([np.float16, np.float32, np.float64]),
    st.sampled_from([np.nan, np.inf, -np.inf]),
    st.data(),
)
def test_not_finite(name, size, dtype, value, data):
    array = np.full(size, 0.5, dtype)
    positions = st.tuples(st.integers(0, size[0] - 1), st.integers(0, size[1] - 1))
    places = data.draw(st.sets(positions, min_size=1, max_size=4))
    for place in places:
        array[place] = value
    with pytest.raises(ValueError, match=rf"^{name} has {len(places)} values that are NaN or infinite; all must"):
        JUDGES[name](array)


@pytest.mark.parametrize("name", ["image", "alpha", "trimap", "mask"])
@pytest.mark.parametrize("values", [[[0.0, 255.0]], [[-0.002, 0.5]], [[0.5, 1.002]], [[-1.0, -1.0]]])
def test_a_float_out_of_range(name, values):
    with pytest.raises(ValueError, match=rf"^{name} is float with values in \[.*\]; accepted is \[0, 1\]"):
        JUDGES[name](np.array(values))


def test_a_float_image_in_0_to_255_hears_what_to_do():
    with pytest.raises(ValueError, match="divide 8-bit values by 255, or pass them as uint8"):
        as_image(np.full((2, 2, 3), 128.0))


@pytest.mark.parametrize("name", ["image", "alpha", "trimap", "mask"])
@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int32, np.int64, np.uint32, np.uint64, complex, "M8[s]"])
def test_a_dtype_without_a_range(name, dtype):
    with pytest.raises(TypeError, match=rf"^{name} has dtype .*; accepted are bool, uint8, uint16 or float"):
        JUDGES[name](np.zeros((2, 2), dtype))


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (None, "NoneType"),
        ("photo.png", "str"),
        (b"photo", "bytes"),
        ({"a": 1}, "dict"),
        (object(), "object"),
        ([["a", "b"]], "list"),
        ([[None, 0.5]], "list"),
        (np.array([[1, 2]], object), "ndarray"),
    ],
)
def test_what_is_no_array(judge, values, kind):
    name, function = judge
    with pytest.raises(TypeError, match=rf"^{name} is a {kind} of dtype .*; accepted is a numeric array\.$"):
        function(values)


def test_ragged(judge):
    name, function = judge
    with pytest.raises(ValueError, match=rf"^{name} is a ragged sequence; accepted is a rectangular array\.$"):
        function([[0.5, 0.5], [0.5]])


@given(
    hnp.arrays(
        st.sampled_from([*DTYPES, np.int32, np.complex64]),
        hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5),
    )
)
@pytest.mark.filterwarnings("ignore:.*alpha channel:UserWarning")
@pytest.mark.parametrize("function", [as_image, as_alpha, as_mask, as_trimap])
def test_any_array_is_taken_or_refused_in_one_sentence(function, array):
    array = np.nan_to_num(array, posinf=2, neginf=-2) if array.dtype.kind in "fc" else array
    try:
        result = function(array)
    except (TypeError, ValueError) as error:
        message = str(error)
        assert "\n" not in message
        assert message.endswith(".")
    else:
        assert result.shape[:2] == array.shape[:2]
        assert np.isfinite(result).all()
        assert result.min() >= 0
        assert result.max() <= 255 if function is as_trimap else result.max() <= 1


def test_infinities_of_both_signs_and_overflowing_sums(judge):
    name, function = judge
    for values, count in (([[np.inf, -np.inf]], 2), ([[1e308, 1e308, np.nan]], 1)):
        with pytest.raises(ValueError, match=f"^{name} has {count} values that are NaN or infinite"):
            function(np.array(values))
    huge = np.array([[1e308, 1e308]])
    if name == "plane":
        assert function(huge).tolist() == huge.tolist()
    else:
        with pytest.raises(ValueError, match=f"^{name} is float with values in"):
            function(huge)


def test_a_long_double_beyond_float64():
    values = np.array([[np.longdouble("1e400")]])
    with pytest.raises(ValueError, match="plane "):
        as_plane(values, name="plane")
    with pytest.raises(ValueError, match="image "):
        as_image(values)


@pytest.mark.parametrize("dtype", [">u2", "<u2", ">f4", "<f4", ">f8"])
def test_both_byte_orders(dtype):
    values = np.array([[0, full_scale(dtype)]]).astype(dtype)
    assert as_image(values).tolist() == [[0, 1]]
    assert as_trimap(values).tolist() == [[0, 255]]


# Trimaps


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float64])
@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([[0, 0.5]], "trimap has no foreground pixels (>= 90 %"),
        ([[1, 0.5]], "trimap has no background pixels (<= 10 %"),
        ([[0.5, 0.5]], "trimap has no foreground pixels"),
    ],
)
def test_a_trimap_without_a_kind(values, words, dtype):
    trimap = (np.array(values) * full_scale(dtype)).astype(dtype)
    with pytest.raises(ValueError) as caught:
        as_trimap(trimap)
    assert str(caught.value).startswith(words)
    assert str(caught.value).endswith("a matte needs some of both kinds.")
    assert as_trimap(trimap, both=False).shape == trimap.shape


def test_a_trimap_without_unknown_pixels_is_fine():
    assert as_trimap([[True, False]]).tolist() == [[255, 0]]


@pytest.mark.parametrize(
    ("dtype", "background", "foreground"),
    [(np.uint8, 25, 230), (np.uint16, 6553, 58982), (np.float64, 0.1, 0.9)],
)
def test_the_thresholds(dtype, background, foreground):
    step = 1 if np.dtype(dtype).kind == "u" else 1e-3
    values = np.array([[background, background + step, foreground - step, foreground]]).astype(dtype)
    assert as_trimap(values).tolist() == [[0, 128, 128, 255]]


# Planes, sizes


@given(hnp.arrays(st.sampled_from([bool, np.int32, np.uint8, np.uint16, np.int64]), sizes))
def test_a_plane_keeps_its_values(array):
    result = as_plane(array, name="prior")
    assert result.dtype == np.float64
    np.testing.assert_array_equal(result, array.astype(float))


def test_a_plane_is_checked_against_its_range():
    assert as_plane([[0.0, 2.0]], name="prior", low=0, high=2).tolist() == [[0, 2]]
    for values in ([[-0.1, 1.0]], [[0.0, 2.1]]):
        with pytest.raises(ValueError, match=r"^prior has values in \[.*\]; accepted are 0 to 2\.$"):
            as_plane(values, name="prior", low=0, high=2)
    with pytest.raises(TypeError, match=r"^prior has dtype complex128; accepted are real numbers\.$"):
        as_plane([[1j]], name="prior")


@given(sizes, sizes, st.sampled_from([(), (3,)]))
def test_sizes(first, second, channels):
    arrays = np.zeros(first + channels), np.zeros(second)
    if first == second:
        require_same_size(*arrays, names=("image", "trimap"))
    else:
        with pytest.raises(
            ValueError, match=f"^image is {first[0]}x{first[1]} but trimap is {second[0]}x{second[1]} "
        ):
            require_same_size(*arrays, names=("image", "trimap"))


# Numbers, counts, choices


@pytest.mark.parametrize("value", [1, 1.0, np.float32(1), np.int64(1), np.uint8(1), Fraction(1), np.array(1.0)])
def test_numbers(value):
    assert as_number(value, name="eps") == 1.0
    assert type(as_number(value, name="eps")) is float


@pytest.mark.parametrize("value", [True, np.True_, "1", None, 1j, [1], np.ones(1), b"1"])
def test_what_is_no_number(value):
    with pytest.raises(TypeError, match=r"^eps is .*; accepted is a real number\.$"):
        as_number(value, name="eps")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, np.float32(np.nan), -1, 2.5])
def test_numbers_out_of_range(value):
    with pytest.raises(ValueError, match=r"^eps is .*; accepted is a finite number at least 0 and at most 2\.$"):
        as_number(value, name="eps", low=0, high=2)


def test_the_accepted_range_is_told_as_it_is():
    for options, accepted in [
        ({}, "a finite number"),
        ({"high": 1}, "a finite number at most 1"),
        ({"low": 0}, "a finite number at least 0"),
        ({"low": 0, "high": 1, "exclusive": True}, "a finite number above 0 and at most 1"),
    ]:
        for value in (math.nan, 10**400):
            with pytest.raises(ValueError, match=rf"^eps is .*; accepted is {accepted}\.$"):
                as_number(value, name="eps", **options)


@pytest.mark.parametrize("value", [np.zeros((30, 30)), list(range(1000)), "a\nb" * 50])
def test_a_long_value_is_not_quoted(value):
    with pytest.raises(TypeError, match=rf"^eps is a {type(value).__name__}; accepted"):
        as_number(value, name="eps")
    with pytest.raises(TypeError, match=rf"^radius is a {type(value).__name__}; accepted"):
        as_count(value, name="radius")
    with pytest.raises(ValueError, match=rf"^reduce is a {type(value).__name__}; accepted"):
        as_choice(value, ("mean", "sum"), name="reduce")


def test_an_exclusive_bound():
    assert as_number(1e-300, name="eps", low=0, exclusive=True) == 1e-300
    with pytest.raises(ValueError, match=r"^eps is 0; accepted is a finite number above 0\.$"):
        as_number(0, name="eps", low=0, exclusive=True)
    assert as_number(0, name="eps", low=0) == 0


@pytest.mark.parametrize("value", [3, np.int8(3), np.uint64(3)])
def test_counts(value):
    assert as_count(value, name="radius", low=3) == 3
    assert type(as_count(value, name="radius")) is int


@pytest.mark.parametrize("value", [True, np.False_, 3.0, "3", None, [3], np.float32(3)])
def test_what_is_no_count(value):
    with pytest.raises(TypeError, match=r"^radius is .*; accepted is a whole number of at least 1\.$"):
        as_count(value, name="radius", low=1)


@given(st.integers(max_value=0))
def test_counts_below(value):
    with pytest.raises(ValueError, match=rf"^radius is {value}; accepted is a whole number of at least 1\.$"):
        as_count(value, name="radius", low=1)


def test_choices():
    assert as_choice("sum", ("mean", "sum"), name="reduce") == "sum"
    for value in ("SUM", "", None, 3, ["sum"]):
        with pytest.raises(ValueError, match=r"^reduce is .*; accepted are 'mean', 'sum'\.$"):
            as_choice(value, ("mean", "sum"), name="reduce")


def test_the_labels_of_a_trimap_are_ordered():
    assert 0 == validate.BACKGROUND < validate.UNKNOWN < validate.FOREGROUND == 255


@pytest.mark.parametrize("value", [True, False, np.True_, np.False_])
def test_flags(value):
    assert as_flag(value, name="refine") is bool(value)


@pytest.mark.parametrize("value", [0, 1, 1.0, "no", None, [], np.array([True, False]), np.ones(3)])
def test_bad_flags(value):
    with pytest.raises(TypeError, match=r"^refine is .*; accepted are True and False.$"):
        as_flag(value, name="refine")


def test_counts_with_an_upper_limit():
    assert as_count(7, name="n", low=1, high=7) == 7
    with pytest.raises(ValueError, match="n is 8; accepted is a whole number of at least 1 and at most 7"):
        as_count(8, name="n", low=1, high=7)
