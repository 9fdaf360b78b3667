"""What a member of a zip holds: its bytes where they lie, read by range and unpacked."""

import struct
import zipfile
import zlib

from scoring.sources import encoded_images
from scoring.sources.zip_names import meant_name
from scoring.storage.reading import Place, read_range

COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
# What stands before each member: PKWARE's APPNOTE.TXT, section 4.3.7.
_HEADER, _SIGNATURE = struct.Struct("<4s22xHH"), b"PK\x03\x04"
_LONGER_EXTRA = 128  # bytes that the extra field there may have more than in the directory, mostly times and owners


def read_content(place: Place, info: zipfile.ZipInfo) -> bytes:
    """All bytes of a member of one of these compressions, or just more than an image may have.

    Raises:
        BadZipFile: If they are damaged; of the compression, zlib.error.
    """
    encoded = _unpacked(_packed(place, info), info.compress_type)
    if zlib.crc32(encoded) != info.CRC and len(encoded) <= encoded_images.MAX_IMAGE_BYTES:
        raise zipfile.BadZipFile(f"Bad CRC-32 for {meant_name(info)!r}")
    return encoded


def content_start(place: Place, info: zipfile.ZipInfo) -> int:
    """Where in a zip a member's bytes begin, behind the header that stands before them."""
    return info.header_offset + _header_bytes(_read(place, info, _HEADER.size))


def _packed(place: Place, info: zipfile.ZipInfo) -> bytes:
    """A member's bytes as they are stored, behind a header that need not be as long as the directory's entry."""
    likely = _HEADER.size + len(info.filename.encode()) + len(info.extra) + _LONGER_EXTRA + info.compress_size
    content = _read(place, info, likely)
    start = _header_bytes(content)
    if len(content) < start + info.compress_size:
        return read_range(place, info.header_offset + start, info.compress_size)
    return content[start : start + info.compress_size]


def _read(place: Place, info: zipfile.ZipInfo, length: int) -> bytes:
    """So many bytes from where a member begins; none of one that began before the zip, whose front is missing."""
    return read_range(place, info.header_offset, length) if info.header_offset >= 0 else b""


def _header_bytes(content: bytes) -> int:
    """How long the header is that stands before a member."""
    if len(content) < _HEADER.size or not content.startswith(_SIGNATURE):
        raise zipfile.BadZipFile("no member begins where the directory says")
    _, name_bytes, extra_bytes = _HEADER.unpack_from(content)
    return int(_HEADER.size + name_bytes + extra_bytes)


def _unpacked(packed: bytes, compression: int) -> bytes:
    if compression == zipfile.ZIP_STORED:
        return packed
    return zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, encoded_images.MAX_IMAGE_BYTES + 1)
