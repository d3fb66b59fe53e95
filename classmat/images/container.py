"""What the bytes of an image file say before any pixel is decoded: format, completeness, orientation.

Codecs forgive too much: they fill the missing half of a truncated JPEG with grey, or print to stderr. So the
containers of the formats that are read are walked here first. They also tell what the codec does not: the
EXIF orientation, and the TIFF layouts that it misreads.

Sources: PNG 3rd edition (W3C 2025) section 5; ITU-T T.81 annex B; TIFF 6.0 section 2; EXIF 2.32 section 4.6;
the WebP container specification (RFC 9649 section 2).
"""

import re
import struct
import zlib
from typing import NamedTuple

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_SAMPLES = {0: 1, 2: 3}  # of the colour types grey and RGB
_PNG_PIXEL_CHUNKS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
# A marker: 0xff and a code that is neither a stuffed zero, a fill byte nor a restart within a scan.
_JPEG_MARKER = re.compile(rb"\xff([\x01-\xcf\xd8-\xfe])")
_BITS, _PHOTOMETRIC, _ORIENTATION, _SAMPLES, _PLANAR = 258, 262, 274, 277, 284
_EXTRA_SAMPLES, _SAMPLE_FORMAT = 338, 339
_UNSIGNED, _FLOAT = 1, 3
_SHORT = 3


class Container(NamedTuple):
    """An image file that is complete, as far as its container shows."""

    format: str
    data: bytes  # what the codec shall decode
    orientation: int  # of EXIF, 1 to 8: how the decoded rows are to be turned
    transparent: tuple[int, ...] = ()  # the grey or RGB levels that stand for transparency, when decoded


class Incomplete(Exception):
    """The container ends early or contradicts itself."""


class Unsupported(Exception):
    """The layout is valid, but the codec would return wrong pixels."""


def inspect(data: bytes) -> Container | None:
    """Return what an image file holds, or None if it is none of PNG, JPEG, TIFF and WebP.

    Raises
    ------
    Incomplete
        If it is truncated or damaged.
    Unsupported
        If the codec does not read its layout right.

    Examples
    --------
    >>> inspect(b"hello") is None
    True
    """
    walk = next((walk for start, walk in _WALKS if re.match(start, data, re.DOTALL)), None)
    try:
        return walk(data) if walk else None
    except struct.error:  # a field lies behind the end
        raise Incomplete from None


def mark_straight_alpha(data: bytes) -> bytes:
    """Return a TIFF with the tag that says its fourth channel is alpha, not multiplied into the colours.

    The codec leaves it out, and then readers guess. The first directory is copied to the end of the file with
    one entry more.
    """
    order = _byte_order(data)
    (start,) = struct.unpack_from(order + "I", data, 4)
    (count,) = struct.unpack_from(order + "H", data, start)
    end = start + 2 + 12 * count
    entries = [data[at : at + 12] for at in range(start + 2, end, 12)]
    entries.append(struct.pack(order + "HHIHH", _EXTRA_SAMPLES, _SHORT, 1, 2, 0))
    entries.sort(key=lambda entry: struct.unpack_from(order + "H", entry))
    padding = b"\0" * (len(data) % 2)  # directories begin on a word
    directory = struct.pack(order + "H", count + 1) + b"".join(entries) + data[end : end + 4]
    header = data[:4] + struct.pack(order + "I", len(data) + len(padding))
    return header + data[8:] + padding + directory


def _walk_png(data: bytes) -> Container:
    """Check every chunk, and keep those that make pixels: the codec prints complaints about others."""
    view = memoryview(data)
    kept: list[bytes | memoryview] = [_PNG_SIGNATURE]
    orientation, at, kind = 1, len(_PNG_SIGNATURE), b""
    transparent: tuple[int, ...] = ()
    bits, colour_type = struct.unpack_from("BB", data, at + 16)
    while kind != b"IEND":
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if end > len(data):
            raise Incomplete
        if kind in _PNG_PIXEL_CHUNKS:
            if zlib.crc32(view[at + 4 : end - 4]) != struct.unpack_from(">I", data, end - 4)[0]:
                raise Incomplete
            if kind == b"tRNS" and colour_type in _PNG_SAMPLES:
                transparent = _png_transparent(data[at + 8 : end - 4], bits, _PNG_SAMPLES[colour_type])
            else:
                kept.append(view[at:end])
        elif kind == b"eXIf":
            orientation = _exif_orientation(data[at + 8 : end - 4])
        at = end
    return Container("PNG", b"".join(kept), orientation, transparent)


def _png_transparent(contents: bytes, bits: int, samples: int) -> tuple[int, ...]:
    """Return the one transparent colour of a grey or RGB picture, which the codec forgets.

    The codec scales fewer than 8 bits to 8.
    """
    top = 2**bits - 1
    levels = (value & top for value in struct.unpack_from(f">{samples}H", contents))
    return tuple(level * 255 // top if bits < 8 else level for level in levels)


def _walk_jpeg(data: bytes) -> Container:
    """Go from marker to marker, through the scans, to the end-of-image marker."""
    orientation, at = 1, 2
    while True:
        marker = _JPEG_MARKER.search(data, at)
        if marker is None:
            raise Incomplete
        code, at = marker[1][0], marker.end()
        if code == 0xD9:
            return Container("JPEG", data, orientation)
        if code in (0x01, 0xD8):  # without a length
            continue
        (length,) = struct.unpack_from(">H", data, at)
        segment = data[at + 2 : at + length]
        if code == 0xE1 and segment.startswith(b"Exif\0\0"):
            orientation = _exif_orientation(segment)
        at += length


def _walk_webp(data: bytes) -> Container:
    (size,) = struct.unpack_from("<I", data, 4)
    if len(data) < 8 + size:
        raise Incomplete
    orientation, at = 1, 12
    while at + 8 <= 8 + size:
        kind, length = struct.unpack_from("<4sI", data, at)
        if kind == b"EXIF":
            orientation = _exif_orientation(data[at + 8 : at + 8 + length])
        at += 8 + length + length % 2
    return Container("WebP", data, orientation)


def _walk_tiff(data: bytes) -> Container:
    """Refuse what the codec misreads, and take orientation and alpha out of its hands.

    It turns some layouts and not others depending on its version, and multiplies 8-bit colours by an alpha
    that is marked as straight; so both tags are set to "nothing to do".
    """
    tags = _first_directory(data)
    samples, bits, sample_format, photometric, planar = (
        tags[tag][0] if tag in tags else 1 for tag in (_SAMPLES, _BITS, _SAMPLE_FORMAT, _PHOTOMETRIC, _PLANAR)
    )
    if sample_format != _FLOAT and (sample_format != _UNSIGNED or bits not in (1, 2, 4, 8, 16)):
        raise Unsupported(f"TIFF with {bits}-bit numbers" + (" with sign" if sample_format == 2 else ""))
    if samples not in (1, 3, 4):
        raise Unsupported(f"TIFF with {samples} channels")
    if bits > 8 and photometric not in (1, 2):
        raise Unsupported(f"TIFF with {bits} bits with colours other than black-is-zero or RGB")
    if bits > 8 and samples > 1 and planar != 1:
        raise Unsupported(f"TIFF with {bits} bits in separate colour planes")
    patched = bytearray(data)
    for tag in (_ORIENTATION, _EXTRA_SAMPLES):
        if tag in tags:
            struct.pack_into(_byte_order(data) + "H", patched, tags[tag][1], 1)
    return Container("TIFF", bytes(patched), _valid_orientation(tags))


_WALKS = (
    (re.escape(_PNG_SIGNATURE), _walk_png),
    (rb"\xff\xd8\xff", _walk_jpeg),
    (rb"RIFF....WEBP", _walk_webp),
    (rb"II[*+]\0|MM\0[*+]", _walk_tiff),
)


def _exif_orientation(exif: bytes) -> int:
    """Return the orientation in an EXIF block, 1 if it has none or cannot be parsed."""
    exif = exif.removeprefix(b"Exif\0\0")
    if exif[:2] not in (b"II", b"MM"):
        return 1
    try:
        return _valid_orientation(_first_directory(exif))
    except struct.error:
        return 1


def _valid_orientation(tags: dict[int, tuple[int, int]]) -> int:
    orientation = tags.get(_ORIENTATION, (1, 0))[0]
    return orientation if 1 <= orientation <= 8 else 1


def _byte_order(data: bytes) -> str:
    return "<" if data[:2] == b"II" else ">"


def _first_directory(data: bytes) -> dict[int, tuple[int, int]]:
    """Return first value and position of every 16-bit tag in the first directory of a TIFF or EXIF block."""
    order = _byte_order(data)
    is_big = struct.unpack_from(order + "H", data, 2)[0] == 43
    word, count_format, inline = ("Q", "Q", 8) if is_big else ("I", "H", 4)
    (start,) = struct.unpack_from(order + word, data, 8 if is_big else 4)
    (count,) = struct.unpack_from(order + count_format, data, start)
    first = start + struct.calcsize(count_format)
    entry_format = order + "HH" + word
    size = struct.calcsize(entry_format)
    tags = {}
    for at in range(first, first + count * (size + inline), size + inline):
        tag, kind, values = struct.unpack_from(entry_format, data, at)
        if kind != _SHORT:
            continue
        place = at + size
        if 2 * values > inline:
            (place,) = struct.unpack_from(order + word, data, place)
        tags[tag] = (struct.unpack_from(order + "H", data, place)[0], place)
    return tags
