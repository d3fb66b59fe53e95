import numpy as np
import pytest

from classmat.images.floats import as_batch, as_floats, require_same_shape


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [
        (np.float32, np.float32),
        (">f4", np.float32),
        (np.float64, np.float64),
        (">f8", np.float64),
        (np.float16, np.float64),
        (np.longdouble, np.float64),
        (np.int32, np.float64),
        (np.uint8, np.float64),
        (bool, np.float64),
    ],
)
def test_dtypes(dtype, expected):
    result = as_floats(np.ones((2, 3), dtype)[:, ::-1], name="src")
    assert result.dtype == expected
    assert result.dtype.isnative
    assert result.flags.c_contiguous
    assert (result == 1).all()


def test_what_fits_is_not_copied():
    array = np.ones((2, 3), np.float32)
    assert as_floats(array, name="src") is array
    assert np.shares_memory(as_batch(array), array)


@pytest.mark.parametrize(
    ("values", "error", "words"),
    [
        (None, TypeError, "src is a NoneType"),
        ("matte", TypeError, "src is a str"),
        ([[1], [2, 3]], ValueError, "src is a ragged sequence"),
        ([1j], TypeError, "src has dtype complex128"),
        ([], ValueError, r"src is empty \(shape \(0,\)\)"),
        ([1.0, np.nan, np.inf], ValueError, "src has 2 values that are NaN or infinite"),
        (np.array([np.longdouble("1e400")]), ValueError, "src has 1 values"),
    ],
)
def test_bad_values(values, error, words):
    with pytest.raises(error, match=words):
        as_floats(values, name="src")


@pytest.mark.parametrize("shape", [(), (3,), (1, 2, 3, 4, 5)])
def test_bad_shapes_of_a_batch(shape):
    with pytest.raises(
        ValueError, match=r"src has shape \(.*\); accepted is \(h, w\), \(h, w, c\) or \(n, h, w, c\)"
    ):
        as_batch(np.ones(shape))


def test_same_shape():
    a = np.ones((2, 3))
    require_same_shape(a, a, names=("F", "U"))
    with pytest.raises(ValueError, match=r"F has shape \(2, 3\) but U has shape \(3,\)"):
        require_same_shape(a, a[0], names=("F", "U"))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_the_quick_test_of_finite_values_overlooks_nothing(dtype, size):
    """Squares that overflow are no reason to refuse large values; one bad value is, wherever it is."""
    as_floats(np.full(size, np.finfo(dtype).max), name="x")
    for bad in (np.nan, np.inf, -np.inf):
        values = np.zeros(size, dtype)
        values[size // 2] = bad
        with pytest.raises(ValueError, match="1 values that are NaN or infinite"):
            as_floats(values, name="x")
