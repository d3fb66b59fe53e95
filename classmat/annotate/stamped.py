"""PNG files that say how they were made, in a text chunk: the table of files can be rebuilt from them.

The chunk depends on the inputs alone, not on the time, so that the same work gives the same bytes.
"""

import json
import struct
import zlib
from typing import Any

KEYWORD = b"classmat"
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEADER = len(_SIGNATURE) + 25  # the first chunk is IHDR: 13 bytes and 12 around them


def stamped(data: bytes, facts: dict[str, Any]) -> bytes:
    """Return a PNG file with a chunk ``tEXt`` that holds the facts as JSON, in ASCII, in front of its pixels.

    >>> from classmat.images.io import encode_image
    >>> stamp_of(stamped(encode_image("a.png", [[0.5]]), {"method": "knn"}))
    {'method': 'knn'}
    """
    text = KEYWORD + b"\0" + json.dumps(facts, sort_keys=True).encode("ascii")
    chunk = b"tEXt" + text
    framed = struct.pack(">I", len(text)) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return data[:_HEADER] + framed + data[_HEADER:]


def stamp_of(data: bytes) -> dict[str, Any]:
    """Return the facts of a stamped PNG file; none if it has no stamp."""
    if not data.startswith(_SIGNATURE) or len(data) < _HEADER + 12:
        return {}
    (length,) = struct.unpack_from(">I", data, _HEADER)
    kind, text = data[_HEADER + 4 : _HEADER + 8], data[_HEADER + 8 : _HEADER + 8 + length]
    keyword, _, facts = text.partition(b"\0")
    if kind != b"tEXt" or keyword != KEYWORD:
        return {}
    try:
        found = json.loads(facts)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
