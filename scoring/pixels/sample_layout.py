"""Samples that lie, or mean, otherwise than Pillow takes them to, which it shows as other pixels without an error.

It reads a TIFF's planes that are not compressed as of 8 bits, by the first letter of what their samples are, also where
there is but one plane. What libtiff decompresses has this machine's order of bytes, where Pillow expects the file's. It
takes CIELAB's signed planes for unsigned, and YCbCr that is not compressed for one of full range and of as many samples
of colour as of luma. In a Photoshop file of one bit a pixel, 1 is black. In a Targa of 16 bits a pixel or colour of its
palette, the highest bit set is opaque, which Pillow takes for transparent.
"""

import io
import re
import struct
from typing import Any

from PIL import Image, ImagePalette

from scoring.errors import ImageError
from scoring.pixels.icons import with_mask
from scoring.pixels.jpeg_xl import check_still

# TIFF 6.0, section 8; BigTIFF has wider counts and entries.
_BITS, _COMPRESSION, _PHOTOMETRIC, _NUM_SAMPLES, _PLANAR, _PALETTE = 258, 259, 262, 277, 284, 320
_DEFLATE, _YCBCR, _IN_PLANES = 8, 6, 2
# Sections 15, 20 and 21.
_STRIP_BYTES, _TILE_SIDES, _TILE_BYTES = 279, (322, 323), 325
_SUBSAMPLING, _USUAL_SUBSAMPLING, _RANGES, _FULL_RANGES = 530, (2, 2), 532, (0, 255, 128, 255, 128, 255)
_UNSIGNED_LAB = [*range(256), *2 * [value ^ 0x80 for value in range(256)]]
_ONE_IS_BLACK = "1;I"  # Pillow's name
_INVERTED, _AS_WRITTEN = "BGRA;15Z", "BGRA;15"  # Pillow's names, by which alpha is 1 - the bit, and the bit
_NATIVE = {"I;16BS": "I;16NS", "I;32BS": "I;32NS", "F;32BF": "F;32NF"}

_PIXMAP_COLOUR = re.compile(rb"(?<=\sc)(\s+#)([0-9A-Fa-f]{12}|[0-9A-Fa-f]{9}|[0-9A-Fa-f]{3})(?![0-9A-Fa-f])")


def in_order(image: Image.Image, encoded: bytes) -> Image.Image:
    """Say how the samples of a TIFF, icon, X pixmap, Targa or Photoshop file lie, before they are loaded.

    Args:
        image: A picture of any format, just opened.
        encoded: The file that it is from.

    Returns:
        The same picture, or the same file opened again.

    Raises:
        ImageError: If it is grey with alpha, compressed in planes of their own, or an animated JPEG XL.
    """
    if image.format == "JXL":
        check_still(encoded)
    if image.format in ("ICO", "CUR"):
        return with_mask(image, encoded)
    if image.format == "PSD" and image.mode == "1":
        bitmap: Any = image
        bitmap.tile = [tile.__class__(*tile[:3], _ONE_IS_BLACK) for tile in bitmap.tile]
    if image.format == "TGA":
        _take_set_for_opaque(image)
    if image.format == "XPM":
        return _pixmap_in_order(image, encoded)
    return _tiff_in_order(image, encoded) if image.format == "TIFF" else image


def _take_set_for_opaque(targa: Any) -> None:
    targa.tile = [
        tile.__class__(*tile[:3], tuple(_AS_WRITTEN if each == _INVERTED else each for each in tile.args))
        for tile in targa.tile
    ]
    if targa.palette and targa.palette.rawmode == _INVERTED:
        targa.palette.rawmode = _AS_WRITTEN


def unsigned(image: Image.Image) -> Image.Image:
    """Put zero of a TIFF's CIELAB planes in their middle, as Pillow means it; other pictures are left as they are."""
    tiff: Any = image
    is_signed = image.format == "TIFF" and image.mode == "LAB" and tiff.tag_v2.get(_PLANAR) == _IN_PLANES
    return image.point(_UNSIGNED_LAB) if is_signed else image


def _pixmap_in_order(pixmap: Any, encoded: bytes) -> Image.Image:
    rows = pixmap.tile[0].offset
    changed = _PIXMAP_COLOUR.sub(_six_digits, encoded[:rows])
    opened: Image.Image = pixmap
    return opened if changed == encoded[:rows] else Image.open(io.BytesIO(changed + encoded[rows:]))


def _six_digits(colour: re.Match[bytes]) -> bytes:
    width = len(colour[2]) // 3
    return colour[1] + b"".join((2 * colour[2][place : place + width])[:2] for place in range(0, 3 * width, width))


def _tiff_in_order(tiff: Any, encoded: bytes) -> Image.Image:
    tags = tiff.tag_v2
    is_in_planes = tags.get(_PLANAR) == _IN_PLANES
    if is_in_planes and tags.get(_NUM_SAMPLES, 1) == 1:
        return _tiff_in_order(Image.open(io.BytesIO(_stating(encoded, tags.offset, _PLANAR, 1))), encoded)
    if tags.get(_PHOTOMETRIC) == _YCBCR and _is_for_libtiff(tiff):
        return _by_libtiff(encoded, tags.offset)
    if is_in_planes and tiff.mode in ("LA", "La", "PA") and tiff.tile[0].codec_name == "libtiff":
        raise ImageError("a TIFF of grey and alpha that are compressed in planes of their own, which is not decoded")
    wide = (";16L" if encoded.startswith(b"II") else ";16B") if is_in_planes and tags.get(_BITS, (1,))[0] == 16 else ""
    tiff.tile = [tile.__class__(*tile[:3], (_raw_mode(tile, wide), *tile.args[1:])) for tile in tiff.tile]
    if tiff.palette and max(tags[_PALETTE]) < 256:  # as libtiff decides
        tiff.palette = ImagePalette.raw("RGB;L", bytes(tags[_PALETTE]))
    opened: Image.Image = tiff
    return opened


def _raw_mode(tile: Any, wide: str) -> str:
    mode: str = tile.args[0]
    if tile.codec_name == "libtiff":
        return _NATIVE.get(mode, mode)
    return mode + wide if len(mode) == 1 else mode


def _is_for_libtiff(tiff: Any) -> bool:
    """Whether YCbCr is not compressed, and in planes, or not of full range, or of fewer samples of colour than of luma.

    Older Pillow takes all of it for RGB.
    """
    tags, size = tiff.tag_v2, tiff.size
    if tiff.tile[0].codec_name == "libtiff" or tiff.mode == "L":
        return False
    in_tiles = _TILE_BYTES in tags
    num_bytes = tags.get(_TILE_BYTES if in_tiles else _STRIP_BYTES, ())
    width, height = (tags[side] for side in _TILE_SIDES) if in_tiles else size
    is_whole = sum(num_bytes) >= 3 * width * height * (len(num_bytes) if in_tiles else 1)
    is_subsampled = tags.get(_SUBSAMPLING, _USUAL_SUBSAMPLING) != (1, 1) and not is_whole
    is_of_full_range = tags.get(_RANGES, _FULL_RANGES) == _FULL_RANGES
    is_usual = is_of_full_range and not is_subsampled and tags.get(_PLANAR) != _IN_PLANES
    return not is_usual or tiff.mode != "YCbCr"


def _by_libtiff(encoded: bytes, directory: int) -> Image.Image:
    """Have libtiff read what is not compressed, as Pillow has it do with what is."""
    tiff: Any = Image.open(io.BytesIO(_stating(encoded, directory, _COMPRESSION, _DEFLATE)))
    tiff.fp = io.BytesIO(encoded)
    opened: Image.Image = tiff
    return opened


def _stating(encoded: bytes, directory: int, stated: int, number: int) -> bytes:
    """A TIFF whose directory has another number for a tag that is in it."""
    order = "<" if encoded.startswith(b"II") else ">"
    count, entry, value = ("Q", 20, 12) if 43 in encoded[2:4] else ("H", 12, 8)
    first = directory + struct.calcsize(count)
    (num_entries,) = struct.unpack_from(order + count, encoded, directory)
    changed = bytearray(encoded)
    for place in range(first, first + entry * num_entries, entry):
        tag, kind = struct.unpack_from(order + "HH", encoded, place)
        if tag == stated:
            struct.pack_into(order + ("H" if kind == 3 else "I"), changed, place + value, number)
    return bytes(changed)
