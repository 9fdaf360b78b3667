"""Damage that decoders do not notice, and show as a picture that is none.

A copy that was interrupted may leave zeros in place of a file's end, of which some decoders make pixels, where a format
has no checksum, or theirs is not compared. In formats that are not compressed, zeros are as good as other pixels.
"""

import struct
from typing import Any

from scoring.errors import ImageError
from scoring.pixels import boxes, jpeg_frames, webp_ends
from scoring.pixels.jpeg_2000 import check_tiles
from scoring.pixels.png_chunks import SIGNATURE, check_pixels

_MOST_ZEROS_OF_QOI = 16  # its end mark has 7
_BLOCK = struct.Struct(">4sI")  # kind and length, itself included; of the first the length is that of the file
_KINDS_OF_PNG = frozenset({b"icp4", b"icp5", b"icp6", *(b"ic%02d" % number for number in range(7, 15))})


def check_whole(image: Any, encoded: bytes) -> None:
    """Refuse a picture that is not as it was written, before it is loaded.

    Args:
        image: Of any format, just opened.
        encoded: The file that it is from.

    Raises:
        ImageError: If it is damaged.
    """
    match image.format:
        case "PNG":
            check_pixels(encoded)
        case "ICNS":
            for place in _blocks_of_icns(encoded).values():
                if encoded.startswith(SIGNATURE, place):
                    check_pixels(encoded, place)
        case "JPEG" | "MPO":
            jpeg_frames.check_end(encoded)
        case "JPEG2000":
            check_tiles(encoded)
        case "WEBP":
            webp_ends.check_end(image.size, encoded)
        case "AVIF" | "HEIF":
            boxes.check_ends(encoded)
        case "QOI":
            if not any(encoded[-_MOST_ZEROS_OF_QOI:]):
                raise ImageError("a damaged QOI, which ends in zeros")


def _blocks_of_icns(encoded: bytes) -> dict[bytes, int]:
    """Where the content of each block begins that may be a PNG; of several of a kind Pillow reads the last."""
    found = {}
    _, end = _BLOCK.unpack_from(encoded)
    place = _BLOCK.size
    while place + _BLOCK.size <= min(end, len(encoded)):
        kind, length = _BLOCK.unpack_from(encoded, place)
        if kind in _KINDS_OF_PNG:
            found[kind] = place + _BLOCK.size
        place += max(length, _BLOCK.size)
    return found
