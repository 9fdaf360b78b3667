"""Lay what is transparent on white, by what each format says of its fourth channel.

Bitmaps and Targas are often written with zeros in a fourth channel that means nothing; viewers show them as opaque. A
Photoshop file's merged picture is on white already, or its fourth channel is a saved selection. What the first frame
of an animation does not cover is transparent.
"""

import io
import struct
from typing import Any

import numpy as np
from PIL import Image

from scoring.pixels.png_chunks import bit_depth

_MAY_BE_EMPTY = frozenset({"BMP", "DIB", "ICO", "CUR", "TGA"})
_ON_WHITE = "PSD"
_ANIMATED = frozenset({"GIF", "WEBP"})
_WEBP_FIRST, _WEBP_FRAME = 12, b"ANMF"  # RFC 9649, section 2.7
_PNG_LOW_BYTES = "RGB;16L"  # Pillow's name, for samples whose first byte is the low one; in a PNG that is the second
# Truevision TGA specification, version 2.0: field 5.6 of the header, and the extension area that the footer points to.
_TGA_DESCRIPTOR, _TGA_ALPHA_BITS = 17, 0x0F
_TGA_FOOTER, _TGA_SIGNATURE = struct.Struct("<II18s"), b"TRUEVISION-XFILE.\0"
_TGA_ATTRIBUTES, _TGA_UNDEFINED = 494, (0, 1, 2)


def on_white(image: Image.Image, encoded: bytes) -> Image.Image:
    """Lay a picture of at most 8 bits a channel on white, where it is transparent.

    Args:
        image: A picture whose pixels are loaded.
        encoded: The file that it is from.

    Returns:
        A picture of mode `RGB`, of the same size.
    """
    if not image.has_transparency_data or _is_stated_opaque(image, encoded):
        return _covered(_rgb(image), _first_frame(image, encoded)) if image.format in _ANIMATED else _rgb(image)
    if image.format == "PNG" and "transparency" in image.info:
        key, depth = image.info["transparency"], bit_depth(encoded)
        if image.mode == "RGB" and depth == 16:
            return _without_wide_key(image, key, encoded)
        image.info["transparency"] = _scaled_key(key, image.mode, depth)
    straight = (image.convert("LA") if image.mode == "La" else image).convert("RGBA")
    if image.format in _MAY_BE_EMPTY and straight.getchannel("A").getextrema() == (0, 0):
        return _rgb(straight)
    return _rgb(Image.alpha_composite(Image.new("RGBA", image.size, "white"), straight))


def _rgb(image: Image.Image) -> Image.Image:
    return image if image.mode == "RGB" else image.convert("RGB")


def _is_stated_opaque(image: Image.Image, encoded: bytes) -> bool:
    if image.format == "TGA":
        return not encoded[_TGA_DESCRIPTOR] & _TGA_ALPHA_BITS or _is_tga_alpha_undefined(encoded)
    return image.format == _ON_WHITE


def _is_tga_alpha_undefined(encoded: bytes) -> bool:
    if not encoded.endswith(_TGA_SIGNATURE):
        return False
    extension, _, _ = _TGA_FOOTER.unpack_from(encoded, len(encoded) - _TGA_FOOTER.size)
    attributes = encoded[extension + _TGA_ATTRIBUTES : extension + _TGA_ATTRIBUTES + 1]
    return extension > 0 and attributes != b"" and attributes[0] in _TGA_UNDEFINED


def _first_frame(image: Any, encoded: bytes) -> tuple[int, int, int, int]:
    """Where the first frame lies: left, upper, right and lower."""
    if image.format == "GIF":
        extent: tuple[int, int, int, int] = image.dispose_extent
        return extent
    place = _WEBP_FIRST
    while encoded[place : place + 4] not in (_WEBP_FRAME, b""):
        place += 8 + -(-int.from_bytes(encoded[place + 4 : place + 8], "little") // 2) * 2
    numbers = [int.from_bytes(encoded[at : at + 3], "little") for at in range(place + 8, place + 20, 3)]
    if encoded[place : place + 4] != _WEBP_FRAME:
        return 0, 0, *image.size
    left, upper = 2 * numbers[0], 2 * numbers[1]
    return left, upper, left + numbers[2] + 1, upper + numbers[3] + 1


def _covered(picture: Image.Image, frame: tuple[int, int, int, int]) -> Image.Image:
    if frame == (0, 0, *picture.size):
        return picture
    white = Image.new("RGB", picture.size, "white")
    white.paste(picture.crop(frame), frame[:2])
    return white


def _without_wide_key(png: Image.Image, key: tuple[int, ...], encoded: bytes) -> Image.Image:
    """Make one colour of 16 bits white, of which Pillow decodes the high byte of each sample."""
    is_key = (np.asarray(png) == [sample >> 8 for sample in key]).all(axis=-1)
    if is_key.any():
        low: Any = Image.open(io.BytesIO(encoded))
        low.tile = [tile.__class__(*tile[:3], _PNG_LOW_BYTES) for tile in low.tile]
        is_key &= (np.asarray(low) == [sample & 255 for sample in key]).all(axis=-1)
        png.paste("white", mask=Image.fromarray(is_key))
    return png


def _scaled_key(key: Any, mode: str, depth: int) -> Any:
    """The level of grey of a PNG that is transparent, scaled from the file's bit depth to the 8 bits of the pixels."""
    if mode == "L" and depth < 8:
        white = 2**depth - 1
        return (key & white) * 255 // white
    return key
