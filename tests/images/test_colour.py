"""The sRGB curve, against values worked out by hand from the standard."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from classmat.images.colour import linear_to_srgb, srgb_to_linear

unit = hnp.arrays(np.float64, hnp.array_shapes(min_dims=0, max_dims=3, max_side=5), elements=st.floats(0, 1))


@pytest.mark.parametrize(
    ("encoded", "light"),
    [
        (0.0, 0.0),
        (0.02, 0.0015479876160990713),  # 0.02 / 12.92: the straight part
        (0.04045, 0.0031308049535603713),  # its end
        (0.5, 0.21404114048223255),  # (0.555 / 1.055) ** 2.4, not 0.5 ** 2.2 = 0.2176
        (0.73535698305, 0.5),
        (1.0, 1.0),
    ],
)
def test_hand_values(encoded, light):
    assert srgb_to_linear(encoded) == pytest.approx(light, abs=1e-11)
    assert linear_to_srgb(light) == pytest.approx(encoded, abs=1e-7)  # the standard's own gap at the join


@given(unit)
def test_each_undoes_the_other(values):
    # at the join, the rounded constants of the standard leave a gap of 3e-8
    np.testing.assert_allclose(linear_to_srgb(srgb_to_linear(values)), values, atol=1e-7, rtol=0)
    np.testing.assert_allclose(srgb_to_linear(linear_to_srgb(values)), values, atol=1e-7, rtol=0)


def test_the_ends_are_exact():
    assert linear_to_srgb([0, 1.0]).tolist() == [0, 1]
    assert srgb_to_linear([0, 1.0]).tolist() == [0, 1]


def test_both_rise_everywhere():
    ramp = np.linspace(0, 1, 100_001)
    assert (np.diff(srgb_to_linear(ramp)) > 0).all()
    assert (np.diff(linear_to_srgb(ramp)) > 0).all()


@pytest.mark.parametrize("function", [srgb_to_linear, linear_to_srgb])
def test_shape_and_precision_are_kept(function):
    for shape in [(), (3,), (2, 3), (2, 3, 4)]:
        for dtype in (np.float32, np.float64):
            result = function(np.full(shape, 0.3, dtype))
            assert result.shape == shape
            assert result.dtype == dtype
    assert function(np.array([0, 255], np.uint8)).tolist() == [0, 1]


@pytest.mark.parametrize("function", [srgb_to_linear, linear_to_srgb])
@pytest.mark.parametrize(
    ("values", "error"),
    [
        ([0.5, 128.0], ValueError),
        ([np.nan], ValueError),
        ([-1.0], ValueError),
        (["a"], TypeError),
        ([], ValueError),
    ],
)
def test_bad_input(function, values, error):
    with pytest.raises(error, match=r"^values "):
        function(values)
