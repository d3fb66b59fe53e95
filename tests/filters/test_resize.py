import cv2
import naive_ops
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from classmat.filters.resize import _spelled_out, apply_matrices, resize, resize_matrices
from classmat.kernels import resize as kernels
from classmat.testing import check_adjoint

sizes = st.tuples(st.integers(1, 12), st.integers(1, 12))
corners = st.booleans()


def random_plane(size, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, size)


@given(old=sizes, new=sizes, align_corners=corners)
def test_equals_the_naive_twin(old, new, align_corners):
    plane = random_plane(old)
    expected = naive_ops.resize(plane, *new, align_corners)
    np.testing.assert_allclose(resize(plane, *new, align_corners=align_corners), expected, atol=1e-14)


@pytest.mark.parametrize("new", [(14, 18), (21, 5), (7, 9), (3, 4), (1, 1)])
def test_equals_opencv(new):
    image = random_plane((7, 9, 3)).astype(np.float32)
    expected = cv2.resize(image, new[::-1], interpolation=cv2.INTER_LINEAR)
    np.testing.assert_allclose(resize(image, *new), expected, atol=2e-6)


@given(old=sizes, new=sizes, align_corners=corners)
def test_adjoint(old, new, align_corners):
    rows, columns = resize_matrices(old, new, align_corners)

    def forward(x):
        return apply_matrices(np.ascontiguousarray(x)[None, :, :, None], rows, columns)[0, :, :, 0]

    def adjoint(y):
        return apply_matrices(np.ascontiguousarray(y)[None, :, :, None], rows.T.tocsr(), columns.T.tocsr())[
            0, :, :, 0
        ]

    check_adjoint(forward, adjoint, random_plane(old), random_plane(new))


@given(old=sizes, new=sizes, align_corners=corners, value=st.floats(-1e3, 1e3))
def test_constants_are_kept(old, new, align_corners, value):
    result = resize(np.full(old, value), *new, align_corners=align_corners)
    np.testing.assert_allclose(result, value, rtol=1e-15)


@given(old=sizes, new=sizes, align_corners=corners, dtype=st.sampled_from([np.float32, np.float64]))
def test_a_flipped_image_gives_the_flipped_result_exactly(old, new, align_corners, dtype):
    plane = random_plane(old).astype(dtype)
    result = resize(plane, *new, align_corners=align_corners)
    flipped = resize(plane[::-1, ::-1], *new, align_corners=align_corners)
    np.testing.assert_array_equal(flipped[::-1, ::-1], result)


@given(old=sizes, align_corners=corners)
def test_the_same_size_changes_nothing(old, align_corners):
    plane = random_plane(old)
    np.testing.assert_array_equal(resize(plane, *old, align_corners=align_corners), plane)


def test_a_ramp_stays_one_where_corners_are_aligned():
    ramp = np.linspace(0, 1, 5)[None] * np.ones((3, 1))
    np.testing.assert_allclose(resize(ramp, 4, 17, align_corners=True)[0], np.linspace(0, 1, 17), atol=1e-15)


def test_a_sixteenth_reads_the_middle_two_by_two_pixels():
    """Without low-pass filter: pixels 16 i + 7 and 16 i + 8 of each axis, a quarter each."""
    plane = random_plane((32, 48))
    middle = plane.reshape(2, 16, 3, 16)[:, 7:9, :, 7:9].mean((1, 3))
    np.testing.assert_allclose(resize(plane, 2, 3), middle, atol=1e-15)


@given(old=sizes, new=sizes)
def test_nearest_takes_the_nearest_pixel(old, new):
    plane = random_plane(old)
    result = resize(plane, *new, method="nearest")
    pick = [[(2 * i + 1) * n // (2 * m) for i in range(m)] for n, m in zip(old, new, strict=True)]
    np.testing.assert_array_equal(result, plane[np.ix_(*pick)])


def test_nearest_with_aligned_corners():
    assert resize([[0, 1, 2]], 1, 5, method="nearest", align_corners=True).tolist() == [[0, 1, 1, 2, 2]]


def test_channels_and_batches_are_planes_of_their_own():
    batch = random_plane((2, 5, 6, 3))
    result = resize(batch, 4, 9)
    assert result.shape == (2, 4, 9, 3)
    for k in range(2):
        np.testing.assert_array_equal(resize(batch[k], 4, 9), result[k])
        for c in range(3):
            np.testing.assert_array_equal(resize(batch[k, :, :, c], 4, 9), result[k, :, :, c])


def test_dtypes():
    assert resize(np.zeros((2, 2), np.float32), 3, 3).dtype == np.float32
    assert resize(np.zeros((2, 2), np.uint8), 3, 3).dtype == np.float64
    plane = random_plane((9, 7))
    np.testing.assert_allclose(resize(plane.astype(np.float32), 5, 20), resize(plane, 5, 20), atol=3e-7)


def test_the_result_does_not_depend_on_strips():
    batch = random_plane((3, 8, 5, 2))
    rows, columns = resize_matrices((8, 5), (11, 4), False)
    expected = apply_matrices(batch, rows, columns)
    entries, weights = _spelled_out(columns, 2)
    for strips in (1, 5, 33):
        out, lines = np.full((3, 11, 8), np.nan), np.full((strips, 10), np.nan)
        kernels.map_rows_and_columns(
            batch.reshape(3, 8, 10), rows.indptr, rows.indices, rows.data, entries, weights, lines, out
        )
        np.testing.assert_array_equal(out.reshape(expected.shape), expected)


@pytest.mark.parametrize(
    ("args", "kwargs", "error", "words"),
    [
        ((np.zeros(3), 2, 2), {}, ValueError, r"src has shape \(3,\); accepted is \(h, w\), "),
        ((np.zeros((0, 3)), 2, 2), {}, ValueError, "src is empty"),
        (([[np.nan]], 2, 2), {}, ValueError, "src has 1 values that are NaN"),
        (([[1j]], 2, 2), {}, TypeError, "src has dtype complex128"),
        ((np.zeros((2, 2)), 0, 2), {}, ValueError, "height is 0"),
        ((np.zeros((2, 2)), 2, 1.5), {}, TypeError, "width is 1.5"),
        ((np.zeros((2, 2)), 2, 2), {"method": "cubic"}, ValueError, "method is 'cubic'"),
    ],
)
def test_bad_input(args, kwargs, error, words):
    with pytest.raises(error, match=words):
        resize(*args, **kwargs)
