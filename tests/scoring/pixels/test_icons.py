"""Icons and cursors of bitmaps, made here, of every depth."""

import io
import struct

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from scoring.errors import ImageError
from scoring.pixels.decoding import Resize, decode
from scoring.pixels.input_shape import InputShape

_SIDE = 8
_COLOUR = (200, 100, 10)
_ICON, _CURSOR = 1, 2


def _bitmap(bits: int, alpha: int = 0, has_mask: bool = True, is_grey: bool = False) -> bytes:
    """One colour, its uppermost row masked."""
    colour = bytes((100,) * 3 if is_grey else _COLOUR[::-1])
    pixel = {32: colour + bytes([alpha]), 24: colour, 16: struct.pack("<H", 25 << 10 | 12 << 5 | 1)}.get(bits, b"")
    row = pixel * _SIDE or {1: b"\xff", 4: b"\x11" * 4, 8: b"\x64" * 8}[bits].ljust(4, b"\0")
    levels = bytes(level for each in range(256) for level in (each, each, each, 0))
    palette = levels if is_grey else (bytes(4) + colour + b"\0").ljust(4 << bits, b"\0") if bits <= 4 else bytes(400)
    if bits == 8 and not is_grey:
        palette = palette + colour + bytes(4 * 256 - 400 - 3)
    header = struct.pack("<IiiHHIIiiII", 40, _SIDE, 2 * _SIDE, 1, bits, 0, 0, 0, 0, 0, 0)
    mask = bytes(4 * (_SIDE - 1)) + b"\xff\0\0\0"  # the lowest row comes first
    return header + (palette if bits <= 8 else b"") + row * _SIDE + (mask if has_mask else b"")


def _file(kind: int, *bitmaps: bytes, number: int = 5) -> bytes:
    """An icon, or a cursor, in which the number of bits is where it points to."""
    place, entries = 6 + 16 * len(bitmaps), b""
    for bitmap in bitmaps:
        bits = bitmap[14] if kind == _ICON else number
        entries += struct.pack("<BBBBHHII", _SIDE, _SIDE, 0, 0, 1, bits, len(bitmap), place)
        place += len(bitmap)
    return struct.pack("<HHH", 0, kind, len(bitmaps)) + entries + b"".join(bitmaps)


def _decode(encoded: bytes) -> npt.NDArray[np.int_]:
    return decode(encoded, Resize.SQUASH, InputShape(_SIDE, _SIDE, 3)).astype(int)


@pytest.mark.parametrize("kind", [_ICON, _CURSOR])
@pytest.mark.parametrize("bits", [1, 4, 8, 16, 24, 32])
@pytest.mark.parametrize("number", [0, 5, 32])
def test_what_is_masked_is_white(kind: int, bits: int, number: int) -> None:
    pixels = _decode(_file(kind, _bitmap(bits), number=number))
    assert (pixels[0] == 255).all()
    assert np.abs(pixels[1:] - _COLOUR).max() <= 8  # of 5 bits each


@pytest.mark.parametrize("kind", [_ICON, _CURSOR])
def test_mask_of_levels_of_grey(kind: int) -> None:
    pixels = _decode(_file(kind, _bitmap(8, is_grey=True)))
    assert (pixels[0] == 255).all()
    assert (pixels[1:] == 100).all()


@pytest.mark.parametrize("kind", [_ICON, _CURSOR])
def test_alpha_counts_before_the_mask(kind: int) -> None:
    pixels = _decode(_file(kind, _bitmap(32, alpha=255)))
    np.testing.assert_array_equal(pixels, np.broadcast_to(_COLOUR, pixels.shape))


@pytest.mark.parametrize("kind", [_ICON, _CURSOR])
@pytest.mark.parametrize("bits", [1, 4, 8, 16, 24, 32])
@pytest.mark.parametrize("mask_bytes", [0, _SIDE])  # with rows that do not end at multiples of 4 bytes
def test_picture_without_whole_mask_is_opaque(kind: int, bits: int, mask_bytes: int) -> None:
    alone = _bitmap(bits, has_mask=False) + bytes(mask_bytes)
    for bitmaps in ((alone,), (alone, _bitmap(1))):
        pixels = _decode(_file(kind, *bitmaps))
        assert np.abs(pixels - _COLOUR).max() <= 8  # of 5 bits each


def test_icon_that_pillow_writes_is_the_picture() -> None:
    content = io.BytesIO()
    Image.new("RGB", (16, 16), _COLOUR).save(content, "ICO", sizes=[(16, 16)], bitmap_format="bmp")
    pixels = _decode(content.getvalue())
    np.testing.assert_array_equal(pixels, np.broadcast_to(_COLOUR, pixels.shape))


@pytest.mark.parametrize("kind", [_ICON, _CURSOR])
def test_of_pictures_of_one_size_the_one_of_most_bits_is_taken(kind: int) -> None:
    poor, rich = _bitmap(8, is_grey=True), _bitmap(32, alpha=255)
    for bitmaps in ((poor, rich), (rich, poor)):
        pixels = _decode(_file(kind, *bitmaps))
        np.testing.assert_array_equal(pixels, np.broadcast_to(_COLOUR, pixels.shape))


def _png(side: int, alpha: int = 255) -> bytes:
    content = io.BytesIO()
    image = Image.new("RGBA", (side, side), (*_COLOUR, alpha))
    image.paste((*_COLOUR, 255), (0, side // 2, side, side))
    image.save(content, "png")
    return content.getvalue()


@pytest.mark.parametrize("kind", [_ICON, _CURSOR])
@pytest.mark.parametrize("number", [0, 5, 65_535])
def test_picture_that_is_a_png_is_read(kind: int, number: int) -> None:
    for pictures in ((_png(_SIDE),), (_bitmap(8), _png(_SIDE)), (_png(_SIDE), _bitmap(24)), (_png(64),)):
        pixels = _decode(_file(kind, *pictures, number=number))
        np.testing.assert_array_equal(pixels, np.broadcast_to(_COLOUR, pixels.shape))
    pixels = _decode(_file(kind, _png(_SIDE, alpha=0), number=number))
    assert (pixels[: _SIDE // 2] == 255).all()
    np.testing.assert_array_equal(pixels[_SIDE // 2 :], np.broadcast_to(_COLOUR, (_SIDE // 2, _SIDE, 3)))


def test_damaged_cursor_is_an_image_error() -> None:
    whole = _file(_CURSOR, _png(_SIDE))
    for length in range(4, len(whole) - 16):
        with pytest.raises(ImageError):
            _decode(whole[:length])
