"""JPEG 2000 of other than 8 bits, whose samples Pillow shifts instead of scaling them, or cut off where a tile begins.

Below 8 bits it leaves white too dark: 128 of one bit. Above, it rounds colours up to 256, which it stores as 0: what is
white becomes black, and nothing tells one from the other. Grey of 10 bits and more is scaled to 16, not rounded.
"""

import struct

from PIL import Image

from scoring.errors import ImageError

# Start of the codestream; where in it stand the number of components and their depths; ISO/IEC 15444-1, section A.5.1.
_START, _COUNT_AT, _DEPTHS_AT = b"\xff\x4f\xff\x51", 40, 42
_EACH = 3  # bytes of a component: its depth, and how it is sampled
_DEPTH = 0x7F  # the depth less one; the highest bit says that samples are signed
# What begins a part of a tile, bytes of that, and where in it the part's length stands; section A.4.2.
_TILE, _TILE_BYTES, _LENGTH_AT = b"\xff\x90", 12, 6


def scaled(image: Image.Image, encoded: bytes) -> Image.Image:
    """Make the samples of a JPEG 2000 of fewer than 8 bits as light as those of 8; other pictures are left as they are.

    Args:
        image: A picture of any format, whose pixels are loaded.
        encoded: The file that it is from.

    Returns:
        The picture, of the same mode.

    Raises:
        ImageError: If it has colours of more than 8 bits of which some are 0, black or white.
    """
    if image.format != "JPEG2000" or image.mode.startswith("I") or image.mode in ("P", "PA"):
        return image
    depths = _depths(encoded)
    if max(depths) > 8 and any(0 in band.getextrema() for band in image.split()):
        raise ImageError(
            f"a JPEG 2000 of {max(depths)} bits, of which black and white are not told apart; save it with 8"
        )
    if min(depths) >= 8 or len(depths) != len(image.getbands()):
        return image
    return image.point([value for depth in depths for value in _table(depth)])


def check_tiles(encoded: bytes) -> None:
    """Refuse a file that ends where a tile begins, of which that and all others are shown in one colour.

    Raises:
        ImageError: If it does, or ends before.
    """
    place = encoded.find(_START) + 2
    while not encoded.startswith(_TILE, place) and place + 4 <= len(encoded):
        place += 2 + int.from_bytes(encoded[place + 2 : place + 4], "big")
    length = None
    while length is None or (length and encoded.startswith(_TILE, place)):
        if place + _TILE_BYTES > len(encoded):
            raise ImageError("a JPEG 2000 that is cut off")
        (length,) = struct.unpack_from(">I", encoded, place + _LENGTH_AT)  # 0: as long as the file
        place += length


def _depths(encoded: bytes) -> list[int]:
    start = encoded.index(_START)
    (count,) = struct.unpack_from(">H", encoded, start + _COUNT_AT)
    first = start + _DEPTHS_AT
    places = range(first, first + _EACH * count, _EACH)
    return [(encoded[place] & _DEPTH) + 1 for place in places]


def _table(depth: int) -> list[int]:
    white = 255 if depth >= 8 else 256 - 2 ** (8 - depth)
    return [min(255, round(value * 255 / white)) for value in range(256)]
