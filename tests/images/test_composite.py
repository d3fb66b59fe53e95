"""The matting equation forwards, as a table of laws."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from classmat.images.composite import checkerboard, composite, split_rgba, to_rgba

sizes = st.tuples(st.integers(1, 6), st.integers(1, 6))
unit = st.floats(0, 1)


@st.composite
def layers(draw):
    size = draw(sizes)
    shape = draw(st.sampled_from([size, (*size, 3)]))
    front, back = (draw(hnp.arrays(np.float64, shape, elements=unit)) for _ in range(2))
    return front, draw(hnp.arrays(np.float64, size, elements=unit)), back


@given(layers(), st.booleans())
def test_alpha_1_is_the_foreground_and_alpha_0_the_background(drawn, linear):
    front, alpha, back = drawn
    tolerance = 1e-7 if linear else 0  # there and back on the sRGB curve
    ones, zeros = np.ones_like(alpha), np.zeros_like(alpha)
    np.testing.assert_allclose(composite(front, ones, back, linear=linear), front, atol=tolerance, rtol=0)
    np.testing.assert_allclose(composite(front, zeros, back, linear=linear), back, atol=tolerance, rtol=0)


@given(layers())
def test_it_is_the_matting_equation(drawn):
    front, alpha, back = drawn
    weight = alpha if front.ndim == 2 else np.stack([alpha] * 3, axis=2)
    np.testing.assert_allclose(composite(front, alpha, back), weight * front + (1 - weight) * back, atol=1e-15)


@given(layers(), st.booleans())
def test_swapping_the_layers_is_inverting_the_matte(drawn, linear):
    front, alpha, back = drawn
    one = composite(front, alpha, back, linear=linear)
    other = composite(back, 1 - alpha, front, linear=linear)
    np.testing.assert_allclose(one, other, atol=1e-12)


@given(layers(), st.booleans())
def test_a_colour_is_an_image_of_that_colour(drawn, linear):
    front, alpha, _ = drawn
    image = np.full((*alpha.shape, 3), (0.25, 0.5, 1.0))
    one = composite(front, alpha, (0.25, 0.5, 1), linear=linear)
    np.testing.assert_array_equal(one, composite(front, alpha, image, linear=linear))


def test_linear_light_by_hand():
    # half of white light is 0.5 linear, which sRGB encodes as 188 of 255; encoded values blend to 128
    result = composite(np.ones((1, 1)), [[0.5]], np.zeros((1, 1)), linear=True)
    assert result[0, 0] == pytest.approx(1.055 * 0.5 ** (1 / 2.4) - 0.055, abs=1e-12)
    assert round(result[0, 0] * 255) == 188
    # a quarter of 0.5: ((0.5 + 0.055) / 1.055) ** 2.4 / 4 = 0.0535103 linear
    result = composite(np.full((1, 1), 0.5), [[0.25]], np.zeros((1, 1)), linear=True)
    assert result[0, 0] == pytest.approx(1.055 * 0.0535102851 ** (1 / 2.4) - 0.055, abs=1e-9)


def test_grey_and_colour_may_be_mixed():
    grey, colour = np.full((2, 3), 0.5), np.full((2, 3, 3), (0.1, 0.2, 0.3))
    assert composite(grey, np.ones((2, 3)), colour).tolist() == np.full((2, 3, 3), 0.5).tolist()
    assert composite(colour, np.zeros((2, 3)), grey).tolist() == np.full((2, 3, 3), 0.5).tolist()
    assert composite(grey, np.zeros((2, 3)), grey).shape == (2, 3)


def test_dtypes():
    image, alpha = np.full((2, 3, 3), 0.5, np.float32), np.full((2, 3), 0.5, np.float32)
    assert composite(image, alpha, (0, 0, 0)).dtype == np.float32
    assert composite(image, alpha, (0, 0, 0), linear=True).dtype == np.float32
    assert composite(image.astype(float), alpha, (0, 0, 0)).dtype == np.float64
    assert composite(np.full((2, 3, 3), 255, np.uint8), alpha, (0, 0, 0))[0, 0, 0] == 0.5
    for dtype in (np.uint8, np.uint16, bool):
        assert composite(image.astype(dtype), np.zeros((2, 3), dtype), image).dtype == np.float32
    assert composite(image, alpha.tolist(), image).dtype == np.float64


@pytest.mark.parametrize("linear", [False, True])
@pytest.mark.parametrize(("dtype", "limit"), [(np.float32, 16), (np.float64, 32), (np.uint8, 48)])
def test_memory(dtype, limit, linear):
    """Bytes a pixel: the result takes 12 (24 in float64), as each picture of whole numbers does as float32."""
    image, alpha = np.zeros((1200, 1000, 3), dtype), np.zeros((1200, 1000), dtype)
    tracemalloc.start()
    composite(image, alpha, image, linear=linear)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak / alpha.size < limit


@pytest.mark.parametrize("linear", [False, True])
def test_strips_join_without_a_seam(linear):
    rng = np.random.default_rng(0)
    front, alpha, back = rng.random((700, 300, 3)), rng.random((700, 300)), rng.random((700, 300, 3))
    whole = composite(front, alpha, back, linear=linear)
    for y in range(0, 700, 50):
        rows = np.s_[y : y + 50]
        np.testing.assert_array_equal(whole[rows], composite(front[rows], alpha[rows], back[rows], linear=linear))


IMAGE, ALPHA = np.zeros((2, 3, 3)), np.zeros((2, 3))


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ((IMAGE, np.zeros((3, 2)), IMAGE), ValueError, "foreground is 2x3 but alpha is 3x2"),
        ((IMAGE, ALPHA, np.zeros((3, 3, 3))), ValueError, "foreground is 2x3 but background is 3x3"),
        ((IMAGE, IMAGE, IMAGE), ValueError, r"alpha has shape \(2, 3, 3\)"),
        ((IMAGE, ALPHA, (0, 0)), ValueError, "background has 2 numbers"),
        ((IMAGE, ALPHA, (0, 0, 255)), ValueError, "background is 255"),
        ((IMAGE, ALPHA, (0, 0, "a")), TypeError, "background is 'a'"),
        ((IMAGE, ALPHA, [[1, 2], [3]]), ValueError, "background is a ragged sequence"),
        ((IMAGE, ALPHA, "red"), TypeError, "background is a str"),
        ((IMAGE, ALPHA, None), TypeError, "background is a NoneType"),
        ((IMAGE, ALPHA + np.nan, IMAGE), ValueError, "alpha has 6 values that are NaN"),
        ((IMAGE - np.inf, ALPHA, IMAGE), ValueError, "foreground has 18 values that are NaN or infinite"),
        ((IMAGE + 128, ALPHA, IMAGE), ValueError, "foreground is float with values in"),
        (([[[0.0], [0.0]], [[0.0]]], ALPHA, IMAGE), ValueError, "foreground is a ragged sequence"),
    ],
)
def test_bad_input(arguments, error, words):
    with pytest.raises(error, match=words):
        composite(*arguments)


@given(layers())
def test_to_rgba_and_back(drawn):
    front, alpha, _ = drawn
    rgba = to_rgba(front, alpha)
    assert rgba.shape == (*alpha.shape, 4)
    assert rgba.dtype == np.float32
    colour, opacity = split_rgba(rgba, dtype=np.float32)
    np.testing.assert_array_equal(opacity, alpha.astype(np.float32))
    expected = np.dstack([front] * 3) if front.ndim == 2 else front
    np.testing.assert_array_equal(colour, expected.astype(np.float32))


def test_to_rgba_needs_equal_sizes():
    with pytest.raises(ValueError, match="foreground is 2x3 but alpha is 2x2"):
        to_rgba(IMAGE, np.zeros((2, 2)))


def test_split_rgba_without_alpha():
    for image in (IMAGE, ALPHA):
        colour, alpha = split_rgba(image)
        assert colour.shape == image.shape
        assert alpha is None
    with pytest.raises(ValueError, match="overlay is a ragged sequence"):
        split_rgba([[1], [1, 2]], name="overlay")


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 20))
def test_checkerboard(height, width, square):
    board = checkerboard(height, width, square=square)
    assert board.shape == (height, width, 3)
    assert board.dtype == np.float32
    assert (board == board[:, :, :1]).all()
    for y in range(0, height, 7):
        for x in range(0, width, 5):
            same = (y // square + x // square) % 2 == 0
            assert (board[y, x, 0] == board[0, 0, 0]) == same


@pytest.mark.parametrize(
    ("arguments", "square", "error"),
    [((0, 3), 1, ValueError), ((3, 0), 1, ValueError), ((3, 3), 0, ValueError), ((3.0, 3), 1, TypeError)],
)
def test_checkerboard_bad_input(arguments, square, error):
    with pytest.raises(error, match="whole number of at least 1"):
        checkerboard(*arguments, square=square)
