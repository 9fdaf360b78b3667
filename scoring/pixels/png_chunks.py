"""The part of a PNG that its pixels need, and whether it is as it was written.

Pillow compares the checksums of what it reads of a PNG, but not of the pixels: zeros, which an interrupted copy leaves
in place of a file's end, may decode to as many pixels as were missing.
"""

import struct
import zlib
from collections.abc import Iterator

from scoring.errors import ImageError

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_AROUND = 12  # bytes of a chunk beside its content: length, kind, checksum; ISO/IEC 15948, section 5.3
_ANCILLARY = 0x20  # this bit of a kind's first letter; section 5.4
# Transparency, orientation, and the frames of an animation.
_NEEDED = frozenset({b"tRNS", b"eXIf", b"acTL", b"fcTL", b"fdAT"})
_PIXELS, _END = b"IDAT", b"IEND"

_DEPTH = 24  # IHDR, always the first chunk; section 11.2.2


def bit_depth(encoded: bytes) -> int:
    """Bits of a PNG's samples, or of its palette's indices."""
    return encoded[_DEPTH]


def check_pixels(encoded: bytes, start: int = 0) -> None:
    """Refuse a PNG whose pixels are not those that were written.

    Args:
        encoded: A file that holds a PNG.
        start: Where in it the PNG begins.

    Raises:
        ImageError: If the checksum of a chunk of pixels differs, or is missing.
    """
    content = memoryview(encoded)
    for kind, begin, end in _chunks(encoded, start + len(SIGNATURE)):
        if kind == _PIXELS and zlib.crc32(content[begin + 4 : end - 4]).to_bytes(4, "big") != content[end - 4 : end]:
            raise ImageError("a damaged PNG: the checksum of its pixels is not the one that stands in the file")
        if kind == _END:
            return


def without_metadata(encoded: bytes) -> bytes | None:
    """A PNG without texts, profiles and other chunks that its pixels do not need; None if it has none, or is no PNG."""
    if not encoded.startswith(SIGNATURE):
        return None
    kept, is_less = [SIGNATURE], False
    for kind, begin, end in _chunks(encoded, len(SIGNATURE)):
        if kind[0] & _ANCILLARY and (kind not in _NEEDED or _is_damaged_exif(kind, encoded[begin:end])):
            is_less = True
        else:
            kept.append(encoded[begin:end])
    return b"".join(kept) if is_less else None


def _chunks(encoded: bytes, place: int) -> Iterator[tuple[bytes, int, int]]:
    """Kind, begin and end of each chunk; the last one may end behind the file."""
    while place + _AROUND <= len(encoded):
        length, kind = struct.unpack_from(">I4s", encoded, place)
        yield kind, place, place + _AROUND + length
        place += _AROUND + length


def _is_damaged_exif(kind: bytes, chunk: bytes) -> bool:
    return kind == b"eXIf" and zlib.crc32(chunk[4:-4]).to_bytes(4, "big") != chunk[-4:]
