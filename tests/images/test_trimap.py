"""Trimaps from mattes, masks and scribbles, against brute force."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from classmat.images.trimap import trimap_from_alpha, trimap_from_mask, trimap_from_scribbles

sizes = st.tuples(st.integers(1, 9), st.integers(1, 9))
masks = hnp.arrays(bool, sizes)
widths = st.one_of(st.integers(0, 6), st.floats(0, 6))


def near(region, width):
    """Pixels within `width` of a region: every pixel of it stamps a disc."""
    height, length = region.shape
    result = np.zeros_like(region)
    for y, x in np.argwhere(region):
        for v in range(height):
            for u in range(length):
                if np.sqrt((v - y) ** 2 + (u - x) ** 2) <= width:
                    result[v, u] = True
    return result


def naive(foreground, background, into, out):
    trimap = np.full(foreground.shape, 128)
    trimap[foreground & ~near(~foreground, into)] = 255
    trimap[background & ~near(~background, out)] = 0
    return trimap


# Masks


@given(masks, widths, widths)
def test_erode_and_dilate_are_brute_force_discs(mask, erode, dilate):
    assume(mask.any() and not mask.all())
    expected = naive(mask, ~mask, erode, dilate)
    if set(np.unique(expected)) >= {0, 255}:
        result = trimap_from_mask(mask, erode=erode, dilate=dilate)
        assert result.dtype == np.uint8
        np.testing.assert_array_equal(result, expected)
    else:
        gone = "erode" if 255 not in expected else "dilate"
        with pytest.raises(ValueError, match=f"^{gone} is .* pixels, which leaves no (fore|back)ground"):
            trimap_from_mask(mask, erode=erode, dilate=dilate)


@given(masks)
def test_widths_of_zero_keep_the_mask(mask):
    assume(mask.any() and not mask.all())
    np.testing.assert_array_equal(trimap_from_mask(mask, erode=0, dilate=0), np.where(mask, 255, 0))


@given(masks, st.integers(0, 4))
def test_inverting_the_mask_swaps_the_labels(mask, width):
    assume(mask.any() and not mask.all())
    try:
        one = trimap_from_mask(mask, erode=width, dilate=width)
    except ValueError:
        with pytest.raises(ValueError, match="which leaves no"):
            trimap_from_mask(~mask, erode=width, dilate=width)
    else:
        other = trimap_from_mask(~mask, erode=width, dilate=width)
        np.testing.assert_array_equal(np.where(other == 128, 128, 255 - other), one)


def half(height, width):
    mask = np.zeros((height, width), np.uint8)
    mask[:, : width // 2] = 255
    return mask


@pytest.mark.parametrize(
    ("size", "erode", "dilate"), [((600, 800), 8, 8), ((1200, 1600), 16, 16), ((20, 40), 1, 1)]
)
def test_default_widths_scale_with_the_longest_side(size, erode, dilate):
    for mask in (half(*size), half(*size[::-1])):
        row = trimap_from_mask(mask)[0]
        edge = mask.shape[1] // 2
        long = max(mask.shape)
        into, out = max(1, int(0.01 * long)), max(1, int(0.01 * long))
        assert (into, out) == (erode, dilate)
        expected = np.where(
            np.arange(len(row)) < edge - into, 255, np.where(np.arange(len(row)) < edge + out, 128, 0)
        )
        np.testing.assert_array_equal(row, expected)


def test_the_border_of_the_image_is_no_edge():
    trimap = trimap_from_mask(half(50, 60), erode=5, dilate=5)
    assert (trimap == trimap[0]).all()
    assert trimap[0, 0] == 255
    assert trimap[0, -1] == 0


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.uint16, np.float32, np.float64])
def test_masks_of_every_dtype(dtype):
    top = 1 if np.dtype(dtype).kind in "bf" else np.iinfo(dtype).max
    mask = np.array([[0, 0, 0, top, top, top]]).astype(dtype)
    assert trimap_from_mask(mask, erode=1, dilate=1).tolist() == [[0, 0, 128, 128, 255, 255]]


@pytest.mark.parametrize(
    ("mask", "options", "error", "words"),
    [
        (np.zeros((4, 4)), {}, ValueError, "mask has no foreground pixels"),
        (np.eye(4, dtype=np.uint8), {}, ValueError, "mask has no foreground pixels"),  # 1 of 255
        (np.ones((4, 4)), {}, ValueError, "mask has no background pixels"),
        (
            np.eye(4),
            {},
            ValueError,
            r"erode is 1 pixels \(the default, the least\), which leaves no foreground; .* is less than 1",
        ),
        (half(40, 40), {"erode": 20}, ValueError, r"erode is 20 pixels, .* less than 20\.$"),
        (half(40, 40), {"dilate": 2000}, ValueError, r"dilate is 2000 pixels, .* less than 20\.$"),
        (half(40, 40), {"erode": -1}, ValueError, "erode is -1"),
        (half(40, 40), {"dilate": np.nan}, ValueError, "dilate is nan"),
        (half(40, 40), {"dilate": "4"}, TypeError, "dilate is '4'"),
        (np.zeros((4, 4, 3)), {}, ValueError, r"mask has shape \(4, 4, 3\)"),
        (np.full((4, 4), 255.0), {}, ValueError, "mask is float with values in"),
        (np.full((4, 4), np.nan), {}, ValueError, "mask has 16 values that are NaN"),
        (np.zeros((0, 4)), {}, ValueError, "mask is empty"),
        (None, {}, TypeError, "mask is a NoneType"),
    ],
)
def test_bad_masks(mask, options, error, words):
    with pytest.raises(error, match=words):
        trimap_from_mask(mask, **options)


# Mattes


@given(hnp.arrays(np.float64, sizes, elements=st.sampled_from([0, 0.005, 0.3, 0.7, 0.995, 1])), widths)
def test_fractional_pixels_are_widened_by_brute_force_discs(alpha, radius):
    foreground, background = alpha >= 0.99, alpha <= 0.01
    expected = naive(foreground, background, radius, radius)
    lost = (foreground.any() and 255 not in expected) or (background.any() and 0 not in expected)
    if lost:
        with pytest.raises(ValueError, match=r"^radius is .* pixels, which leaves no (fore|back)ground"):
            trimap_from_alpha(alpha, radius=radius)
    else:
        np.testing.assert_array_equal(trimap_from_alpha(alpha, radius=radius), expected)


def test_radius_0_marks_the_fractional_pixels_only():
    alpha = [[0.0, 0.01, 0.02, 0.5, 0.98, 0.99, 1.0, 0.0]]
    assert trimap_from_alpha(alpha, radius=0).tolist() == [[0, 0, 128, 128, 128, 255, 255, 0]]
    assert trimap_from_alpha(alpha, radius=0, low=0.5, high=0.6).tolist() == [[0, 0, 0, 0, 255, 255, 255, 0]]


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_constant_mattes(value):
    label = {0.0: 0, 0.5: 128, 1.0: 255}[value]
    assert (trimap_from_alpha(np.full((3, 4), value)) == label).all()


def test_a_hard_edge_gets_a_band():
    assert trimap_from_alpha([[0, 0, 0, 1, 1, 1.0]], radius=1).tolist() == [[0, 0, 128, 128, 255, 255]]


def test_the_default_radius_scales():
    for width, radius in ((40, 1), (400, 4), (900, 9)):
        assert (trimap_from_alpha(half(20, width)) == 128).sum(axis=1).tolist() == [2 * radius] * 20


@pytest.mark.parametrize(
    ("alpha", "options", "error", "words"),
    [
        (
            half(9, 9),
            {"radius": 4},
            ValueError,
            "radius is 4 pixels, which leaves no foreground; .* less than 4",
        ),
        (half(9, 9), {"radius": -1}, ValueError, "radius is -1"),
        (half(9, 9), {"low": 0.6, "high": 0.5}, ValueError, "low is 0.6 and high is 0.5; low must be less"),
        (half(9, 9), {"low": -0.1}, ValueError, "low is -0.1"),
        (half(9, 9), {"high": 1.5}, ValueError, "high is 1.5"),
        (np.zeros((9, 9, 3)), {}, ValueError, r"alpha has shape \(9, 9, 3\)"),
    ],
)
def test_bad_mattes(alpha, options, error, words):
    with pytest.raises(error, match=words):
        trimap_from_alpha(alpha, **options)


# Scribbles

PHOTO = np.random.default_rng(0).uniform(0.2, 0.8, (6, 8, 3))
EXPECTED = np.full((6, 8), 128)
EXPECTED[1, 1:4], EXPECTED[4, 2:7] = 255, 0


def painted(canvas, foreground, background):
    result = np.array(canvas)
    result[EXPECTED == 255], result[EXPECTED == 0] = foreground, background
    return result


WHITE, BLACK, GREEN, RED = (1, 1, 1), (0, 0, 0), (0, 1, 0), (1, 0, 0)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
def test_a_map(dtype):
    top = 1 if np.dtype(dtype).kind == "f" else np.iinfo(dtype).max
    scribbles = (painted(np.full((6, 8), 0.5), 1, 0) * top).astype(dtype)
    np.testing.assert_array_equal(trimap_from_scribbles(None, scribbles), EXPECTED)
    np.testing.assert_array_equal(trimap_from_scribbles(PHOTO, scribbles), EXPECTED)


@pytest.mark.parametrize("foreground", [WHITE, GREEN])
@pytest.mark.parametrize("background", [BLACK, RED])
@pytest.mark.parametrize("ground", [0.5, (0.3, 0.4, 0.9), (0, 0, 1), (1, 1, 0), (1, 0, 1), (0, 1, 1)])
def test_a_drawing(foreground, background, ground):
    drawing = painted(np.full((6, 8, 3), ground, float), foreground, background)
    for photo in (None, PHOTO, PHOTO[:, :, 0]):
        np.testing.assert_array_equal(trimap_from_scribbles(photo, drawing), EXPECTED)
    np.testing.assert_array_equal(trimap_from_scribbles(None, (drawing * 255).astype(np.uint8)), EXPECTED)


def test_strokes_on_a_copy_of_the_photo():
    photo = PHOTO.copy()
    photo[0], photo[5] = 1, 0  # white and black of the photo itself are no strokes
    strokes = painted(photo, WHITE, BLACK)
    np.testing.assert_array_equal(trimap_from_scribbles(photo, strokes), EXPECTED)
    noisy = np.clip(strokes + np.random.default_rng(1).uniform(-0.015, 0.015, photo.shape), 0, 1)
    np.testing.assert_array_equal(trimap_from_scribbles(photo, noisy), EXPECTED)
    grey = photo.mean(axis=2)
    np.testing.assert_array_equal(
        trimap_from_scribbles(grey, painted(np.dstack([grey] * 3), WHITE, BLACK)), EXPECTED
    )


def test_an_overlay():
    overlay = np.zeros((6, 8, 4))
    overlay[EXPECTED == 255] = 1
    overlay[EXPECTED == 0, 3] = 1
    np.testing.assert_array_equal(trimap_from_scribbles(None, overlay), EXPECTED)
    np.testing.assert_array_equal(trimap_from_scribbles(np.ones((6, 8, 3)), overlay), EXPECTED)
    overlay[0, 0] = (1, 1, 1, 0.4)
    np.testing.assert_array_equal(trimap_from_scribbles(None, overlay), EXPECTED)


def test_an_opaque_overlay_is_a_painted_copy():
    photo = PHOTO.copy()
    photo[0] = 1
    rgba = np.dstack([painted(photo, WHITE, BLACK), np.ones((6, 8))])
    np.testing.assert_array_equal(trimap_from_scribbles(photo, rgba), EXPECTED)


@pytest.mark.parametrize(
    ("image", "scribbles", "error", "words"),
    [
        (None, np.full((4, 4), 0.5), ValueError, "scribbles has no foreground pixels"),
        (None, np.ones((4, 4, 3)), ValueError, "scribbles has no background pixels"),
        (PHOTO, PHOTO, ValueError, "scribbles has no foreground pixels"),
        (None, np.zeros((4, 4, 4)), ValueError, "scribbles has no foreground pixels"),
        (PHOTO, np.zeros((4, 4)), ValueError, "image is 6x8 but scribbles is 4x4"),
        (PHOTO, np.zeros((4, 4, 3)), ValueError, "image is 6x8 but scribbles is 4x4"),
        (PHOTO * 255, PHOTO, ValueError, "image is float with values in"),
        (PHOTO, PHOTO * 255, ValueError, "scribbles is float with values in"),
        (PHOTO, np.full((6, 8, 4), 255.0), ValueError, "scribbles is float with values in"),
        (None, np.zeros((4, 4, 5)), ValueError, r"scribbles has shape \(4, 4, 5\)"),
        (None, None, TypeError, "scribbles is a NoneType"),
    ],
)
def test_bad_scribbles(image, scribbles, error, words):
    with pytest.raises(error, match=words):
        trimap_from_scribbles(image, scribbles)


@pytest.mark.parametrize("call", [trimap_from_mask, trimap_from_alpha])
def test_a_default_that_is_too_wide_is_told_as_such(call):
    mask = np.zeros((3, 400))
    mask[1, 7] = 1
    with pytest.raises(
        ValueError, match=r"is 4 pixels \(the default, 1 % of the longest side\), which leaves no fore"
    ):
        call(mask)
    with pytest.raises(ValueError, match=r"is 1 pixels \(the default, the least\), which leaves no foreground"):
        call(mask[:, :9])
    option = "erode" if call is trimap_from_mask else "radius"
    with pytest.raises(ValueError, match=f"{option} is 4 pixels, which leaves no foreground"):
        call(mask, **{option: 4})
