"""Reading and writing pictures: what is written comes back, what is damaged is refused."""

import contextlib
import io
import os
import struct
import subprocess
import sys
import threading
import warnings
import zlib

import cv2
import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from classmat.images import container
from classmat.images.io import read_image, read_matte, read_rgba, read_trimap, write_image

LOSSLESS = [("png", 8), ("png", 16), ("tif", 8), ("tiff", 16), ("webp", 8)]


def picture(height=48, width=64):
    """A smooth colour picture that no rotation or flip leaves as it is."""
    y, x = np.mgrid[:height, :width]
    return np.dstack([3 * x, 4 * y, 120 + x - y]).astype(np.uint8)


def saved(image, path, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        image.save(path, **options)
    return path


def codec_bytes(extension, array, *parameters):
    return cv2.imencode(extension, array, list(parameters))[1].tobytes()


@contextlib.contextmanager
def captured_stderr(tmp_path):
    """What libraries print to file descriptor 2 behind Python's back."""
    path = tmp_path / "stderr.txt"
    lines = []
    keep = os.dup(2)
    with path.open("w") as sink:
        os.dup2(sink.fileno(), 2)
        try:
            yield lines
        finally:
            os.dup2(keep, 2)
            os.close(keep)
    lines.extend(path.read_text().splitlines())


# Round trips

shapes = st.tuples(st.integers(1, 9), st.integers(1, 9)).flatmap(
    lambda size: st.sampled_from([size, (*size, 3), (*size, 4)])
)


@given(st.data(), st.sampled_from(LOSSLESS), shapes)
def test_integers_of_the_files_depth_come_back_exactly(tmp_path_factory, data, kind, shape):
    extension, bits = kind
    dtype = np.uint8 if bits == 8 else np.uint16
    levels = data.draw(hnp.arrays(dtype, shape))
    if len(shape) == 3 and shape[2] == 4 and extension == "webp":
        levels[..., 3] = np.maximum(levels[..., 3], 1)  # it keeps no colour under full transparency
    path = tmp_path_factory.mktemp("round") / f"a.{extension}"
    write_image(path, levels, bits=bits)
    back = read_rgba(path)
    top = 2**bits - 1
    expected = levels if levels.ndim == 3 else np.dstack([levels] * 3)
    assert back.dtype == np.float32
    assert back.shape == (*shape[:2], 4)
    np.testing.assert_array_equal(np.rint(back[:, :, : expected.shape[2]] * top), expected)


@given(
    st.sampled_from(LOSSLESS), hnp.arrays(np.float64, hnp.array_shapes(min_dims=2, max_dims=2, max_side=9),
                                         elements=st.floats(0, 1))
)  # fmt: skip
def test_a_matte_comes_back_to_half_a_level(tmp_path_factory, kind, alpha):
    extension, bits = kind
    path = tmp_path_factory.mktemp("round") / f"a.{extension}"
    write_image(path, alpha, bits=bits)
    back = read_matte(path)
    assert back.shape == alpha.shape
    assert np.abs(back - alpha).max() <= 0.5 / (2**bits - 1) + 1e-7


@given(
    hnp.arrays(
        np.uint8,
        hnp.array_shapes(min_dims=2, max_dims=2, max_side=9),
        elements=st.sampled_from([0, 128, 255]),
    )
)
def test_a_trimap_comes_back_exactly(tmp_path_factory, trimap):
    folder = tmp_path_factory.mktemp("round")
    for extension, bits in [*LOSSLESS, ("jpg", 8)]:
        write_image(folder / f"a.{extension}", trimap, bits=bits)
        if extension != "jpg" or len(np.unique(trimap)) == 1:  # JPEG rings at edges
            np.testing.assert_array_equal(read_trimap(folder / f"a.{extension}"), trimap)


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.uint16, np.float32, np.float64])
@pytest.mark.parametrize("bits", [8, 16])
def test_every_dtype_is_scaled_to_the_depth(tmp_path, dtype, bits):
    top = 1 if np.dtype(dtype).kind in "bf" else np.iinfo(dtype).max
    values = np.array([[0, top]]).astype(dtype)
    write_image(tmp_path / "a.png", values, bits=bits)
    raw = cv2.imread(str(tmp_path / "a.png"), cv2.IMREAD_UNCHANGED)
    assert raw.dtype == (np.uint8 if bits == 8 else np.uint16)
    assert raw.tolist() == [[0, 2**bits - 1]]


def test_8_bits_to_16_and_back_is_exact(tmp_path):
    levels = np.arange(256, dtype=np.uint8)[None]
    write_image(tmp_path / "a.png", levels, bits=16)
    assert cv2.imread(str(tmp_path / "a.png"), -1).tolist() == (levels.astype(int) * 257).tolist()
    write_image(tmp_path / "b.png", levels.astype(np.uint16) * 257)
    assert cv2.imread(str(tmp_path / "b.png"), -1).tolist() == levels.tolist()


def test_views_of_any_stride_are_written(tmp_path):
    array = picture()
    for view in (array[::-2, ::3], array.transpose(1, 0, 2), np.asfortranarray(array), array[:, :, ::-1]):
        write_image(tmp_path / "a.png", view)
        np.testing.assert_array_equal(np.rint(read_image(tmp_path / "a.png") * 255), view)


def test_the_order_of_channels_is_rgb_for_others_too(tmp_path):
    rgba = np.dstack([picture(), np.full((48, 64), 7, np.uint8)])
    for extension in ("png", "tif", "webp"):
        write_image(tmp_path / f"a.{extension}", rgba)
        with Image.open(tmp_path / f"a.{extension}") as image:
            assert image.mode == "RGBA"
            np.testing.assert_array_equal(np.asarray(image), rgba)


def test_jpeg_is_close_and_three_channels_stay_rgb(tmp_path):
    write_image(tmp_path / "a.JPG", picture())
    difference = read_image(tmp_path / "a.JPG") - picture() / 255.0
    assert np.abs(difference).mean() < 0.02
    with Image.open(tmp_path / "a.JPG") as image:
        assert np.abs(np.asarray(image).astype(int) - picture()).mean() < 5


@pytest.mark.parametrize("bits", [8, 16])
def test_a_tiff_says_that_its_alpha_is_straight(tmp_path, bits):
    rgba = np.dstack([picture(), picture()[:, :, 0]])
    write_image(tmp_path / "a.tif", rgba, bits=bits)
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert file.pages[0].extrasamples == (tifffile.EXTRASAMPLE.UNASSALPHA,)
        expected = rgba if bits == 8 else rgba.astype(np.uint16) * 257
        if bits == 8:
            with Image.open(tmp_path / "a.tif") as image:
                np.testing.assert_array_equal(np.asarray(image), expected)
    np.testing.assert_array_equal(np.rint(read_rgba(tmp_path / "a.tif") * 255), rgba)


def test_16_bit_rgba_png_keeps_its_16_bits(tmp_path):
    levels = np.random.default_rng(0).integers(0, 65536, (5, 7, 4)).astype(np.uint16)
    (tmp_path / "a.png").write_bytes(codec_bytes(".png", levels[:, :, [2, 1, 0, 3]]))
    np.testing.assert_array_equal(np.rint(read_rgba(tmp_path / "a.png") * 65535), levels)


@pytest.mark.slow
def test_a_50_megapixel_picture_fits(tmp_path):
    levels = np.zeros((6144, 8192), np.uint8)
    levels[-1, -1] = 255
    write_image(tmp_path / "a.png", levels)
    back = read_matte(tmp_path / "a.png")
    assert back.shape == levels.shape
    assert back[-1, -1] == 1
    assert back.sum() == 1


@pytest.mark.parametrize("name", ["ein Bild.png", "żółw/髪の毛 ü.png", "a.b.c.png", "#%&.png"])
def test_any_path_works(tmp_path, name):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    write_image(str(path), picture())
    np.testing.assert_array_equal(np.rint(read_image(path) * 255), picture())


def test_the_contents_count_and_not_the_extension(tmp_path):
    (tmp_path / "a.jpg").write_bytes(codec_bytes(".png", picture()[:, :, ::-1]))
    np.testing.assert_array_equal(np.rint(read_image(tmp_path / "a.jpg") * 255), picture())


# Orientation


def turned(array, orientation):
    """Hand-written table of the EXIF standard: where the stored first row and column belong."""
    transposed = array.swapaxes(0, 1)
    return {
        1: array,  # top, left
        2: array[:, ::-1],  # top, right
        3: array[::-1, ::-1],  # bottom, right
        4: array[::-1],  # bottom, left
        5: transposed,  # left, top
        6: transposed[:, ::-1],  # right, top
        7: transposed[::-1, ::-1],  # right, bottom
        8: transposed[::-1],  # left, bottom
    }[orientation]


def exif_block(orientation):
    exif = Image.Exif()
    exif[274] = orientation
    return exif.tobytes()


def with_png_chunk(data, kind, contents):
    """Insert a chunk after the header of a PNG."""
    chunk = kind + contents
    chunk = len(contents).to_bytes(4, "big") + chunk + zlib.crc32(chunk).to_bytes(4, "big")
    return data[:33] + chunk + data[33:]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["jpg", "png", "webp"])
def test_exif_orientation(tmp_path, kind, orientation):
    options = {"lossless": True} if kind == "webp" else {"quality": 98, "subsampling": 0}
    path = saved(Image.fromarray(picture()), tmp_path / f"a.{kind}", exif=exif_block(orientation), **options)
    expected = turned(picture(), orientation) / 255.0
    assert read_image(path).shape == expected.shape
    assert np.abs(read_image(path) - expected).max() < (0.03 if kind == "jpg" else 1e-6)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_exif_orientation_of_a_16_bit_png(tmp_path, channels, orientation):
    levels = np.dstack([picture(), picture()[:, :, :1] // 2]).astype(np.uint16)[:, :, :channels] * 257 + 3
    stored = levels[:, :, [2, 1, 0, 3][:channels]] if channels > 1 else levels
    data = with_png_chunk(codec_bytes(".png", stored), b"eXIf", exif_block(orientation).removeprefix(b"Exif\0\0"))
    (tmp_path / "a.png").write_bytes(data)
    back = np.rint(read_rgba(tmp_path / "a.png")[:, :, :channels] * 65535)
    np.testing.assert_array_equal(back, turned(levels, orientation))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("byte_order", ["<", ">"])
@pytest.mark.parametrize(("bits", "channels"), [(8, 1), (8, 3), (8, 4), (16, 1), (16, 3), (16, 4)])
def test_orientation_of_a_tiff(tmp_path, bits, channels, byte_order, orientation):
    levels = np.dstack([picture(), picture()[:, :, :1] // 2])[:, :, :channels]
    levels = levels.astype(np.uint16) * 257 + 3 if bits == 16 else levels
    tifffile.imwrite(
        tmp_path / "a.tif",
        levels.squeeze(),
        photometric="rgb" if channels > 1 else "minisblack",
        extrasamples=["unassalpha"] if channels == 4 else None,
        extratags=[(274, "H", 1, orientation, True)],
        byteorder=byte_order,
        bigtiff=orientation % 2 == 0,
        metadata=None,
    )
    back = np.rint(read_rgba(tmp_path / "a.tif")[:, :, :channels] * (2**bits - 1))
    np.testing.assert_array_equal(back, turned(levels, orientation))


@pytest.mark.parametrize("junk", [b"", b"II", b"MM\0*\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"\0" * 40])
def test_exif_that_cannot_be_parsed_turns_nothing(tmp_path, junk):
    (tmp_path / "a.png").write_bytes(with_png_chunk(codec_bytes(".png", picture()[:, :, ::-1]), b"eXIf", junk))
    np.testing.assert_array_equal(np.rint(read_image(tmp_path / "a.png") * 255), picture())


@pytest.mark.parametrize("orientation", [0, 9, 700])
def test_an_orientation_that_does_not_exist_turns_nothing(tmp_path, orientation):
    path = saved(Image.fromarray(picture()), tmp_path / "a.png", exif=exif_block(orientation))
    np.testing.assert_array_equal(np.rint(read_image(path) * 255), picture())


# Kinds of file


def test_palette_png(tmp_path):
    image = Image.fromarray(picture()).quantize(16)
    expected = np.asarray(image.convert("RGB"))
    np.testing.assert_array_equal(np.rint(read_image(saved(image, tmp_path / "a.png")) * 255), expected)


def test_palette_png_with_transparent_entries(tmp_path):
    image = Image.fromarray(picture()).quantize(4)
    path = saved(image, tmp_path / "a.png", transparency=bytes([0, 80, 160, 255]))
    expected = np.array([0, 80, 160, 255])[np.asarray(image)]
    np.testing.assert_array_equal(np.rint(read_matte(path) * 255), expected)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_transparent_colour_of_a_grey_or_rgb_png(tmp_path, channels, bits):
    levels = picture()[:, :, :channels].astype(np.uint16) * (257 if bits == 16 else 1)
    levels = levels.astype(np.uint8 if bits == 8 else np.uint16)
    clear = levels[20, 30]
    data = codec_bytes(".png", levels[:, :, ::-1].squeeze())
    data = with_png_chunk(data, b"tRNS", b"".join(int(level).to_bytes(2, "big") for level in clear))
    (tmp_path / "a.png").write_bytes(data)
    rgba = read_rgba(tmp_path / "a.png")
    is_clear = (levels == clear).all(axis=2)
    assert 0 < is_clear.sum() < is_clear.size
    np.testing.assert_array_equal(rgba[:, :, 3], ~is_clear)
    np.testing.assert_array_equal(np.rint(rgba[:, :, :channels] * (2**bits - 1)), levels)
    with pytest.warns(UserWarning, match="transparent pixels, which are ignored"):
        read_image(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:  # another reader sees the same
        if bits == 8:
            np.testing.assert_array_equal(np.asarray(image.convert("RGBA"))[:, :, 3] == 0, is_clear)


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_the_transparent_level_of_a_png_of_few_bits(tmp_path, bits):
    """Two pixels, the levels 0 and 1, in a file written by hand."""

    def chunk(kind, contents):
        checked = kind + contents
        return len(contents).to_bytes(4, "big") + checked + zlib.crc32(checked).to_bytes(4, "big")

    header = struct.pack(">IIBBBBB", 2, 1, bits, 0, 0, 0, 0)
    row = bytes([0, 1 << (8 - 2 * bits)])
    chunks = ((b"IHDR", header), (b"tRNS", b"\0\1"), (b"IDAT", zlib.compress(row)), (b"IEND", b""))
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*each) for each in chunks))
    assert read_rgba(tmp_path / "a.png")[0, :, 3].tolist() == [1, 0]


@pytest.mark.parametrize("extension", ["png", "tif"])
def test_one_bit_pictures(tmp_path, extension):
    is_white = picture()[:, :, 0] > 100
    path = saved(Image.fromarray(is_white), tmp_path / f"a.{extension}")
    np.testing.assert_array_equal(read_matte(path), is_white)
    np.testing.assert_array_equal(read_trimap(path), np.where(is_white, 255, 0))
    np.testing.assert_array_equal(read_image(path)[:, :, 2], is_white)


@pytest.mark.parametrize("extension", ["jpg", "tif"])
def test_cmyk(tmp_path, extension):
    image = Image.fromarray(picture()).convert("CMYK")
    path = saved(image, tmp_path / f"a.{extension}", **({"quality": 98} if extension == "jpg" else {}))
    expected = np.asarray(image.convert("RGB")) / 255.0
    assert np.abs(read_image(path) - expected).mean() < 0.02


def test_grey_with_alpha_png(tmp_path):
    grey, alpha = Image.fromarray(picture()[:, :, 0]), Image.fromarray(picture()[:, :, 1])
    path = saved(Image.merge("LA", [grey, alpha]), tmp_path / "a.png")
    np.testing.assert_array_equal(np.rint(read_matte(path) * 255), picture()[:, :, 1])
    np.testing.assert_array_equal(np.rint(read_rgba(path) * 255), picture()[:, :, [0, 0, 0, 1]])


def test_float_tiff(tmp_path):
    values = np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4)
    tifffile.imwrite(tmp_path / "a.tif", values)
    np.testing.assert_array_equal(read_matte(tmp_path / "a.tif"), values)
    tifffile.imwrite(tmp_path / "b.tif", values * 255)
    with pytest.raises(ValueError, match=r"b\.tif is float with values in \[0, 255\]"):
        read_matte(tmp_path / "b.tif")


@pytest.mark.parametrize(
    ("shape", "dtype", "options", "found"),
    [
        ((4, 5, 2), "uint8", {"photometric": "minisblack", "extrasamples": ["unassalpha"]}, "2 channels"),
        ((4, 5, 5), "uint8", {"photometric": "rgb", "planarconfig": "contig"}, "5 channels"),
        ((4, 5), "uint16", {"photometric": "miniswhite"}, "16 bits with colours"),
        ((4, 5, 4), "uint16", {"photometric": "separated"}, "16 bits with colours"),
        ((3, 4, 5), "uint16", {"photometric": "rgb", "planarconfig": "separate"}, "separate colour planes"),
        ((4, 5), "int16", {}, "16-bit numbers with sign"),
        ((4, 5), "uint32", {}, "32-bit numbers"),
        ((4, 5), "int8", {}, "8-bit numbers with sign"),
    ],
)
def test_a_tiff_that_the_codec_would_misread_is_refused(tmp_path, shape, dtype, options, found):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros(shape, dtype), metadata=None, **options)
    with pytest.raises(ValueError, match=rf"TIFF with .*{found}"):
        read_image(tmp_path / "a.tif")


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_deflate", "jpeg", "packbits"])
def test_compressed_tiff(tmp_path, compression):
    path = saved(Image.fromarray(picture()), tmp_path / "a.tif", compression=compression)
    tolerance = 0.06 if compression == "jpeg" else 1e-6
    assert np.abs(read_image(path) - picture() / 255.0).mean() < tolerance


def test_an_8_bit_planar_tiff(tmp_path):
    planes = np.ascontiguousarray(picture().transpose(2, 0, 1))
    tifffile.imwrite(tmp_path / "a.tif", planes, photometric="rgb", planarconfig="separate", metadata=None)
    np.testing.assert_array_equal(np.rint(read_image(tmp_path / "a.tif") * 255), picture())


# Alpha channels


def rgba(alpha):
    return np.dstack([picture(), np.broadcast_to(np.asarray(alpha, np.uint8), picture().shape[:2])])


def test_transparency_is_ignored_by_read_image_with_a_warning(tmp_path):
    write_image(tmp_path / "a.png", rgba(200))
    with pytest.warns(UserWarning, match=r"a\.png has transparent pixels") as record:
        image = read_image(tmp_path / "a.png")
    assert record[0].filename == __file__
    np.testing.assert_array_equal(np.rint(image * 255), picture())


def test_an_opaque_alpha_channel_is_no_news(tmp_path):
    write_image(tmp_path / "a.png", rgba(255))
    np.testing.assert_array_equal(np.rint(read_image(tmp_path / "a.png") * 255), picture())


def test_the_matte_of_a_cut_out_is_its_alpha(tmp_path):
    alpha = picture()[:, :, 1]
    write_image(tmp_path / "a.png", rgba(alpha))
    np.testing.assert_array_equal(np.rint(read_matte(tmp_path / "a.png") * 255), alpha)


def test_the_matte_of_an_opaque_grey_picture_is_its_grey(tmp_path):
    grey = picture()[:, :, 0]
    write_image(tmp_path / "a.png", np.dstack([grey, grey, grey, np.full_like(grey, 255)]))
    np.testing.assert_array_equal(np.rint(read_matte(tmp_path / "a.png") * 255), grey)


@pytest.mark.parametrize("read", [read_matte, read_trimap])
@pytest.mark.parametrize("array", [picture(), rgba(255)], ids=["rgb", "opaque rgba"])
def test_a_matte_or_trimap_in_colour_is_refused(tmp_path, read, array):
    write_image(tmp_path / "photo.png", array)
    with pytest.raises(
        ValueError, match=r"photo\.png is in colour; accepted for a (matte|trimap) is a grey picture"
    ):
        read(tmp_path / "photo.png")


def test_a_transparent_trimap_is_refused(tmp_path):
    write_image(tmp_path / "a.png", rgba(0))
    with pytest.raises(ValueError, match="transparent pixels; accepted for a trimap"):
        read_trimap(tmp_path / "a.png")


@pytest.mark.parametrize("quality", [50, 80, 95])
@pytest.mark.parametrize("extension", ["webp", "jpg"])
def test_a_grey_matte_that_was_compressed_as_colour_is_read(tmp_path, extension, quality):
    grey = np.dstack([picture()[:, :, 0]] * 3)
    name = cv2.IMWRITE_WEBP_QUALITY if extension == "webp" else cv2.IMWRITE_JPEG_QUALITY
    (tmp_path / "a").write_bytes(codec_bytes(f".{extension}", grey, name, quality))
    assert np.abs(read_matte(tmp_path / "a") * 255 - grey[:, :, 0]).mean() < 4


def test_a_trimap_of_8_or_16_bits_palette_or_rgb(tmp_path):
    trimap = np.array([[0, 25, 26], [128, 229, 230]], np.uint8)
    expected = [[0, 0, 128], [128, 128, 255]]
    files = {"grey": trimap, "rgb": np.dstack([trimap] * 3)}
    for name, array in files.items():
        for bits in (8, 16):
            write_image(tmp_path / f"{name}{bits}.png", array, bits=bits)
    saved(Image.fromarray(files["rgb"]).quantize(16), tmp_path / "palette.png")
    for path in tmp_path.iterdir():
        assert read_trimap(path).dtype == np.uint8
        assert read_trimap(path).tolist() == expected, path


# What is not an image


@pytest.mark.parametrize("read", [read_image, read_matte, read_trimap, read_rgba])
def test_paths_that_are_no_image(tmp_path, read):
    (tmp_path / "notes.txt").write_text("To be or not to be")
    (tmp_path / "empty.png").touch()
    (tmp_path / "old.gif").write_bytes(b"GIF89a" + b"\0" * 40)
    for name, error, words in [
        ("missing.png", FileNotFoundError, r"cannot read .*missing\.png: there is no such file\.$"),
        ("no folder/a.png", FileNotFoundError, "there is no such file"),
        ("notes.txt/a.png", OSError, r"cannot read .*: Not a directory\.$"),
        ("", IsADirectoryError, r"cannot read .*: it is a folder\.$"),
        ("notes.txt", OSError, r"notes\.txt: it is not a PNG, JPEG, TIFF or WebP image\.$"),
        ("empty.png", OSError, "it is not a PNG, JPEG, TIFF or WebP image"),
        ("old.gif", OSError, "it is not a PNG, JPEG, TIFF or WebP image"),
        ("n" * 300, OSError, r"cannot read .*: File name too long\.$"),
    ]:
        with pytest.raises(error, match=words):
            read(tmp_path / name)


def test_an_unreadable_file(tmp_path, monkeypatch):
    def refuse(self):
        raise PermissionError(13, "Permission denied", str(self))

    write_image(tmp_path / "a.png", picture())
    monkeypatch.setattr("pathlib.Path.read_bytes", refuse)
    with pytest.raises(PermissionError, match=r"^cannot read .*a\.png: Permission denied\.$"):
        read_image(tmp_path / "a.png")


@pytest.mark.parametrize("path", [None, 3, b"a.png", ["a.png"]])
def test_a_path_of_the_wrong_type(path):
    for call in (lambda: read_image(path), lambda: write_image(path, np.zeros((2, 2)))):
        with pytest.raises(TypeError, match=r"path is a .*; accepted is a string or a path object"):
            call()


def encoded():
    array = picture()
    files = {
        "png": codec_bytes(".png", array),
        "png 16": codec_bytes(".png", array.astype(np.uint16) * 257),
        "jpeg": codec_bytes(".jpg", array),
        "jpeg progressive": codec_bytes(".jpg", array, cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
        "jpeg restarts": codec_bytes(".jpg", array, cv2.IMWRITE_JPEG_RST_INTERVAL, 2),
        "tiff": codec_bytes(".tif", array),
        "tiff 16": codec_bytes(".tif", array.astype(np.uint16) * 257),
        "webp lossy": codec_bytes(".webp", array, cv2.IMWRITE_WEBP_QUALITY, 80),
        "webp lossless": codec_bytes(".webp", array),
    }
    layouts = {
        "tiff raw": {},
        "tiff strips": {"compression": "zlib", "rowsperstrip": 8},
        "tiff tiles": {"tile": (32, 32)},
    }
    for name, options in layouts.items():
        buffer = io.BytesIO()
        tifffile.imwrite(buffer, array, **options)
        files[name] = buffer.getvalue()
    return files


ENCODED = encoded()


@pytest.mark.parametrize("kind", ENCODED)
def test_a_truncated_file_is_an_error_and_nothing_is_printed(tmp_path, kind):
    data = ENCODED[kind]
    cuts = {*range(0, len(data), max(1, len(data) // 50)), *range(1, 20), *range(len(data) - 13, len(data))}
    if kind in ("tiff raw", "tiff tiles"):  # may be padded at the end
        cuts = {cut for cut in cuts if cut < len(data) - 16}
    with captured_stderr(tmp_path) as printed:
        for cut in sorted(cuts):
            (tmp_path / "cut").write_bytes(data[:cut])
            with pytest.raises(OSError, match=r"^cannot read .*cut: (the|it is not)[^\n]*\.$"):
                read_image(tmp_path / "cut")
        (tmp_path / "whole").write_bytes(data + b"trailing bytes do not matter")
        read_image(tmp_path / "whole")
    assert printed == []


def test_a_changed_byte_in_a_png_is_noticed(tmp_path):
    data = bytearray(ENCODED["png"])
    for at in range(8, len(data), 97):
        damaged = data.copy()
        damaged[at] ^= 0x10
        (tmp_path / "a.png").write_bytes(damaged)
        with pytest.raises(OSError, match=r"truncated|damaged"):
            read_image(tmp_path / "a.png")


@given(st.sampled_from(sorted(ENCODED)), st.data())
def test_damage_is_read_or_refused_with_a_documented_error(tmp_path_factory, kind, data):
    contents = bytearray(ENCODED[kind])
    for _ in range(data.draw(st.integers(1, 4))):
        contents[data.draw(st.integers(0, len(contents) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("damage") / "a"
    path.write_bytes(contents)
    with warnings.catch_warnings(action="ignore"):
        try:
            image = read_image(path)
        except (OSError, ValueError) as error:
            assert "cannot read" in str(error) or str(path) in str(error)  # noqa: PT017
        else:
            assert image.ndim == 3
            assert np.isfinite(image).all()


STARTS = [b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"II*\0", b"MM\0+", b"RIFF\0\0\0\0WEBP"]


@given(st.binary(max_size=200), st.sampled_from(STARTS))
def test_arbitrary_bytes_never_crash_the_walk(contents, start):
    try:
        found = container.inspect(start + contents)
    except (container.Incomplete, container.Unsupported):
        return
    assert found is None or 1 <= found.orientation <= 8


def test_a_strange_colour_profile_prints_nothing(tmp_path):
    path = saved(Image.fromarray(picture()), tmp_path / "a.png", icc_profile=b"garbage" * 30)
    with captured_stderr(tmp_path) as printed:
        read_image(path)
    assert printed == []


def test_the_codecs_log_level_is_restored(tmp_path):
    log = cv2 if hasattr(cv2, "getLogLevel") else cv2.utils.logging  # OpenCV 4, OpenCV 5
    before = log.getLogLevel()
    (tmp_path / "cut.tif").write_bytes(ENCODED["tiff"][:-30])
    write_image(tmp_path / "a.png", picture())

    def read():
        for _ in range(20):
            read_image(tmp_path / "a.png")
            with pytest.raises(OSError):
                read_image(tmp_path / "cut.tif")

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert log.getLogLevel() == before


# What cannot be written


@pytest.mark.parametrize(
    ("name", "array", "bits", "error", "words"),
    [
        ("a", np.zeros((2, 2)), 8, ValueError, "extension ''; accepted are .png, .tif, .tiff, .jpg, .j"),
        ("a.bmp", np.zeros((2, 2)), 8, ValueError, "extension '.bmp'; accepted are .png"),
        (".png", np.zeros((2, 2)), 8, ValueError, "extension ''"),
        ("a.jpg", np.zeros((2, 2)), 16, ValueError, "bits is 16, but .jpg holds 8 bits only"),
        ("a.webp", np.zeros((2, 2)), 16, ValueError, "bits is 16, but .webp holds 8 bits only"),
        ("a.png", np.zeros((2, 2)), 12, ValueError, "bits is 12; accepted are 8 and 16"),
        ("a.png", np.zeros((2, 2)), 8.0, TypeError, "bits is 8.0"),
        ("a.jpeg", np.zeros((2, 2, 4)), 8, ValueError, "alpha channel, which .jpeg cannot hold"),
        ("a.webp", np.zeros((1, 16384)), 8, ValueError, "at most 16383 pixels a side"),
        ("a.jpg", np.zeros((65501, 1)), 8, ValueError, "at most 65500 pixels a side"),
        ("a.png", np.zeros((2, 2, 2)), 8, ValueError, r"array has shape \(2, 2, 2\)"),
        ("a.png", np.zeros((2, 2, 5)), 8, ValueError, r"array has shape \(2, 2, 5\)"),
        ("a.png", np.zeros(4), 8, ValueError, r"array has shape \(4,\)"),
        ("a.png", np.zeros((0, 4)), 8, ValueError, "array is empty"),
        ("a.png", np.zeros((0, 4, 4)), 8, ValueError, "array is empty"),
        ("a.png", np.full((2, 2), 255.0), 8, ValueError, r"array is float with values in \[255, 255\]"),
        ("a.png", np.full((2, 2, 4), 255.0), 8, ValueError, r"array is float with values in \[255, 255\]"),
        ("a.png", np.full((2, 2), np.nan), 8, ValueError, "array has 4 values that are NaN or infinite"),
        ("a.png", np.zeros((2, 2), int), 8, TypeError, "array has dtype int64"),
        ("a.png", "a.png", 8, TypeError, "array is a str"),
        ("a.png", None, 8, TypeError, "array is a NoneType"),
    ],
)  # fmt: skip
def test_what_cannot_be_written_leaves_nothing_behind(tmp_path, name, array, bits, error, words):
    with pytest.raises(error, match=words):
        write_image(tmp_path / name, array, bits=bits)
    assert list(tmp_path.iterdir()) == []


def test_an_existing_file_survives_a_failure(tmp_path):
    write_image(tmp_path / "a.png", picture())
    before = (tmp_path / "a.png").read_bytes()
    with pytest.raises(ValueError):
        write_image(tmp_path / "a.png", np.full((2, 2), np.nan))
    assert (tmp_path / "a.png").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"^cannot write .*a\.png: the folder .*missing does not exist\.$"):
        write_image(tmp_path / "missing" / "a.png", picture())


def test_importing_the_file_does_not_load_the_codec():
    code = "import classmat.images.io, sys; print('cv2' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "False"


def test_a_path_that_no_file_can_have(tmp_path):
    for call in (read_image, read_matte, lambda path: write_image(path, np.zeros((2, 3)))):
        with pytest.raises(
            ValueError, match=r"^path is 'a\\x00b\.png'; accepted is a path without NUL characters\.$"
        ):
            call("a\0b.png")
        with pytest.raises(
            OSError, match=r"^cannot (read|write) nnnn.*\.\.\..*\.png: File name too long\.$"
        ) as error:
            call(5000 * "n" + ".png")
        assert len(str(error.value)) < 400


@pytest.mark.parametrize("bits", ["16", 12, 16.0, True])
def test_bits_are_8_or_16(tmp_path, bits):
    with pytest.raises((TypeError, ValueError), match=r"^bits is .*; accepted are 8 and 16\.$"):
        write_image(tmp_path / "a.png", np.zeros((2, 3)), bits=bits)
