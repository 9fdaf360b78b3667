"""Icons and cursors, whose transparency is a mask of one bit beside the pixels, where these have no alpha.

Of several pictures of one size Pillow takes the one of the fewest bits, where every viewer takes that of the most. It
reads no mask of a cursor in colours, none of an icon of 32 bits, and no cursor that is a PNG. Where an icon has no
mask, or the shorter rows of one that ffmpeg and Pillow write, it takes pixels for it.
"""

import io
import struct
from typing import NamedTuple

from PIL import Image

from scoring.pixels.png_chunks import check_pixels

_ICON, _CURSOR = 1, b"\0\0\2\0"
_HEAD, _ENTRY = struct.Struct("<HHH"), struct.Struct("<BBBBHHII")
_PNG, _PNG_BITS = b"\x89PNG", 32
# BITMAPINFOHEADER: its size, width, height of pixels and mask together, planes, bits, four others, colours.
_BITMAP, _BITMAP_SIZE = struct.Struct("<IiiHH16xI"), 40


class _Picture(NamedTuple):
    """One of a file's pictures, as its directory has it; of a cursor, `bits` is another number there."""

    width: int
    height: int
    colours: int
    reserved: int
    planes: int
    bits: int
    size_bytes: int
    place: int


def as_icon(encoded: bytes) -> bytes:
    """A cursor whose largest picture is a PNG as an icon of that; other files are left as they are."""
    best = _best(encoded) if encoded.startswith(_CURSOR) else None
    if best is None or not encoded.startswith(_PNG, best.place):
        return encoded
    return _icon_of(best, _PNG_BITS, best.size_bytes, encoded)


def with_mask(icon: Image.Image, encoded: bytes) -> Image.Image:
    """Take the largest of the pictures, of these the one of most bits, with its mask.

    Args:
        icon: An icon or cursor, just opened.
        encoded: The file that it is from.

    Returns:
        The same picture where there is no mask, else one of an icon.

    Raises:
        ImageError: If it is a PNG that is damaged.
    """
    best = _best(encoded)
    if best is None:
        return icon
    if encoded.startswith(_PNG, best.place):
        check_pixels(encoded, best.place)
    bits, missing = _bits_of_icon(best, encoded)
    if not bits:
        return icon
    size_bytes = len(encoded) - best.place + missing if missing else best.size_bytes
    return Image.open(io.BytesIO(_icon_of(best, bits, size_bytes, encoded) + bytes(missing)))


def _best(encoded: bytes) -> _Picture | None:
    """The largest of the pictures, of these the one of most bits; None if there is none."""
    _, _, count = _HEAD.unpack_from(encoded)
    entries = encoded[_HEAD.size :][: count * _ENTRY.size]
    pictures = [_Picture(*entry) for entry in _ENTRY.iter_unpack(entries[: len(entries) // _ENTRY.size * _ENTRY.size])]
    return max(pictures, key=lambda one: ((one.width or 256) * (one.height or 256), _bits(one, encoded)), default=None)


def _icon_of(picture: _Picture, bits: int, size_bytes: int, encoded: bytes) -> bytes:
    """The same file as an icon of one picture."""
    alone = _HEAD.pack(0, _ICON, 1) + _ENTRY.pack(*picture[:4], 1, bits, size_bytes, picture.place)
    return alone + encoded[len(alone) :]


def _bits(picture: _Picture, encoded: bytes) -> int:
    if encoded.startswith(_PNG, picture.place):
        return _PNG_BITS
    return int.from_bytes(encoded[picture.place + 14 : picture.place + 16], "little")


def _bits_of_icon(picture: _Picture, encoded: bytes) -> tuple[int, int]:
    """How many bits Pillow is to be told, that it takes alpha of 32 and else the mask, and bytes of an empty mask.

    These are for the end of the file, where Pillow then looks for the mask; 0 if the picture has alpha or a whole mask.
    Without the pixels the bits are 0.
    """
    content = encoded[picture.place : picture.place + picture.size_bytes]
    if content.startswith(_PNG):
        return _PNG_BITS, 0
    if len(content) < _BITMAP_SIZE:
        return 0, 0
    header, width, height, _, bits, colours = _BITMAP.unpack_from(content)
    if bits == 32 and any(content[header + 3 : header + 2 * width * height : 4]):
        return 32, 0
    palette = 4 * (colours or 1 << bits) if bits <= 8 else 0
    mask = _row_bytes(width, 1) * (height // 2)
    past_pixels = len(content) - header - palette - _row_bytes(width, bits) * (height // 2)
    if header < _BITMAP_SIZE or past_pixels < 0:
        return 0, 0
    return min(bits, 24), mask if past_pixels < mask else 0


def _row_bytes(width: int, bits: int) -> int:
    return -(-width * bits // 32) * 4
