"""Transparency that a format states, and fourth channels that mean nothing."""

import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from scoring.pixels.decoding import Resize, decode
from scoring.pixels.input_shape import InputShape
from scoring.pixels.transparency import on_white

_SHAPE = InputShape(8, 8, 3)
_COLOUR = [200, 100, 10]
_WHITE = [255, 255, 255]


def _corner(encoded: bytes) -> list[int]:
    return [int(value) for value in decode(encoded, Resize.SQUASH, _SHAPE)[0, 0]]


def _blue_first(alpha: int, other: int) -> bytes:
    """Pixels of 8 x 8, blue, green, red, alpha; `other` is the alpha of the last one."""
    return bytes([*_COLOUR[::-1], alpha]) * 63 + bytes([*_COLOUR[::-1], other])


def _bitmap(alpha: int, other: int) -> bytes:
    """A BMP with a V4 header that states where alpha is."""
    pixels = _blue_first(alpha, other)
    header = struct.pack("<IiiHHIIiiII", 108, 8, -8, 1, 32, 3, len(pixels), 0, 0, 0, 0)
    header += struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    return b"BM" + struct.pack("<IHHI", 122 + len(pixels), 0, 0, 122) + header.ljust(108, b"\0") + pixels


def _targa(alpha: int, other: int, alpha_bits: int = 8, attributes: int | None = None) -> bytes:
    header = struct.pack("<BBBHHBHHHHBB", 0, 0, 2, 0, 0, 0, 0, 0, 8, 8, 32, 0x20 | alpha_bits)
    pixels = header + _blue_first(alpha, other)
    if attributes is None:
        return pixels
    extension = struct.pack("<H", 495).ljust(494, b"\0") + bytes([attributes])
    return pixels + extension + struct.pack("<II", len(pixels), 0) + b"TRUEVISION-XFILE.\0"


@pytest.mark.parametrize("encode", [_bitmap, _targa])
def test_alpha_is_one_only_if_a_pixel_has_some(encode: Callable[[int, int], bytes]) -> None:
    assert _corner(encode(0, 0)) == _COLOUR
    assert _corner(encode(0, 255)) == _WHITE
    assert _corner(encode(255, 0)) == _COLOUR


def test_targa_is_opaque_if_it_states_no_alpha() -> None:
    assert _corner(_targa(0, 255, alpha_bits=0)) == _COLOUR
    for undefined in (0, 1, 2):
        assert _corner(_targa(0, 255, attributes=undefined)) == _COLOUR
    assert _corner(_targa(0, 255, attributes=3)) == _WHITE


def _targa_of_16_bits(first: bool, others: bool, alpha_bits: int = 1, has_palette: bool = False) -> bytes:
    """A Targa whose highest bit, of each pixel or colour of the palette, is that of alpha."""
    red, green, blue = (value >> 3 for value in _COLOUR)
    numbers = [is_set << 15 | red << 10 | green << 5 | blue for is_set in (first, others)]
    kind, palette, pixels = (
        (1, struct.pack("<2H", *numbers), bytes([0] + 63 * [1]))
        if has_palette
        else (2, b"", struct.pack("<64H", *numbers[:1], *63 * numbers[1:]))
    )
    bits = (len(palette) // 2, 16 if palette else 0, 0, 0, 8, 8, 8 if palette else 16)
    return struct.pack("<BBBHHBHHHHBB", 0, has_palette, kind, 0, *bits, 0x20 | alpha_bits) + palette + pixels


@pytest.mark.parametrize("has_palette", [False, True])
def test_set_bit_of_a_targa_of_16_bits_is_opaque(has_palette: bool) -> None:
    rounded = [value >> 3 << 3 for value in _COLOUR]
    for first, others, alpha_bits, is_seen in (
        (True, False, 1, True),
        (False, True, 1, False),
        (True, True, 1, True),
        (False, False, 1, True),
        (False, True, 0, True),
        (True, False, 0, True),
    ):
        seen = _corner(_targa_of_16_bits(first, others, alpha_bits, has_palette))
        assert np.abs(np.subtract(seen, rounded if is_seen else _WHITE)).max() <= 7, (first, others, alpha_bits)


@pytest.mark.parametrize("kind", ["ico", "tga", "png", "webp", "tiff"])
def test_alpha_that_pillow_writes_is_laid_on_white(kind: str) -> None:
    image = Image.new("RGBA", (16, 16), (*_COLOUR, 0))
    image.paste((*_COLOUR, 255), (0, 8, 16, 16))
    content = io.BytesIO()
    image.save(content, kind, **({"bitmap_format": "bmp"} if kind == "ico" else {}))
    pixels = decode(content.getvalue(), Resize.SQUASH, _SHAPE).astype(int)
    assert pixels[0, 0].tolist() == _WHITE
    assert np.abs(pixels[-1, -1] - _COLOUR).max() <= 12


@pytest.mark.parametrize("kind", ["png", "webp", "tiff"])
def test_picture_that_is_all_transparent_is_white_where_its_format_means_it(kind: str) -> None:
    content = io.BytesIO()
    Image.new("RGBA", (8, 8), (*_COLOUR, 0)).save(content, kind)
    assert _corner(content.getvalue()) == _WHITE


def test_fourth_channel_of_a_photoshop_file_is_not_laid_on_white_again() -> None:
    header = struct.pack(">4sH6xHIIHH", b"8BPS", 1, 4, 8, 8, 8, 3)
    planes = b"".join(bytes([value]) * 64 for value in (*_COLOUR, 0))
    assert _corner(header + bytes(12) + bytes(2) + planes) == _COLOUR


def test_grey_with_premultiplied_alpha_is_laid_on_white() -> None:
    image = Image.new("LA", (8, 8), (60, 127)).convert("La")
    assert on_white(image, b"").getpixel((0, 0)) == (158, 158, 158)


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _png(depth: int, colour_type: int, row: bytes, key: tuple[int, ...]) -> bytes:
    header = struct.pack(">IIBBBBB", 8, 8, depth, colour_type, 0, 0, 0)
    transparent = struct.pack(f">{len(key)}H", *key)
    chunks = ((b"IHDR", header), (b"tRNS", transparent), (b"IDAT", zlib.compress((b"\0" + row) * 8)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, content) for kind, content in chunks)


@pytest.mark.parametrize(
    ("depth", "colour_type", "row", "key", "level"),
    [
        (16, 2, bytes(48), (0x8000, 0x8000, 0x8000), 0),
        (16, 2, bytes(48), (0x100, 0x100, 0x100), 0),
        (16, 2, b"\0\xc8" * 24, (0, 0, 0), 0),
        (16, 2, b"\0\xc8" * 24, (0xC8, 0xC8, 0xC8), 255),
        (16, 2, b"\x80\0" * 24, (0x8000, 0x8000, 0x8000), 255),
        (8, 2, b"\x80" * 24, (0x80, 0x80, 0x80), 255),
        (8, 0, b"\x80" * 8, (0x80,), 255),
        (4, 0, b"\x77" * 4, (7,), 255),
        (4, 0, b"\x77" * 4, (6,), 0x77),
        (2, 0, b"\x55" * 2, (1,), 255),
        (2, 0, b"\x55" * 2, (0x55,), 255),
        (1, 0, b"\0", (0,), 255),
        (1, 0, b"\0", (1,), 0),
    ],
)
def test_transparent_colour_of_a_png_is_of_the_depth_of_its_samples(
    depth: int, colour_type: int, row: bytes, key: tuple[int, ...], level: int
) -> None:
    assert _corner(_png(depth, colour_type, row, key)) == [level] * 3


_PASSES = [(1, 1), (1, 1), (2, 1), (2, 2), (4, 2), (4, 4), (8, 4)]  # of 8 x 8, ISO/IEC 15948, section 8.2


def test_wide_transparent_colour_is_found_in_an_interlaced_png() -> None:
    rows = zlib.compress(b"".join((b"\0" + b"\x80\1" * 3 * width) * height for width, height in _PASSES))
    for key, level in ((0x8001, 255), (0x8000, 0x80)):
        header = struct.pack(">IIBBBBB", 8, 8, 16, 2, 0, 0, 1)
        chunks = ((b"IHDR", header), (b"tRNS", struct.pack(">3H", *[key] * 3)), (b"IDAT", rows), (b"IEND", b""))
        encoded = b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, content) for kind, content in chunks)
        assert _corner(encoded) == [level] * 3


_FRAME = (2, 2, 6, 6)


def _gif(transparent: int | None = None) -> bytes:
    """A frame within a larger screen, all of the second of two colours, the first of which is red."""
    palette = Image.new("P", (4, 4), 1)
    palette.putpalette([255, 0, 0, *_COLOUR])
    content = io.BytesIO()
    palette.save(content, "GIF", optimize=False, **({} if transparent is None else {"transparency": transparent}))
    encoded = bytearray(content.getvalue())
    encoded[6:10] = struct.pack("<HH", 8, 8)
    place = encoded.index(b",\0\0\0\0\4\0\4\0") + 1
    encoded[place : place + 4] = struct.pack("<HH", *_FRAME[:2])
    return bytes(encoded)


def _webp(has_alpha: bool) -> bytes:
    """An animation of one frame within a larger canvas."""
    content = io.BytesIO()
    Image.new("RGB", (4, 4), tuple(_COLOUR)).save(content, "WEBP", lossless=True)

    def chunk(kind: bytes, inside: bytes) -> bytes:
        return kind + struct.pack("<I", len(inside)) + inside + b"\0" * (len(inside) % 2)

    def three(*numbers: int) -> bytes:
        return b"".join(number.to_bytes(3, "little") for number in numbers)

    frame = three(_FRAME[0] // 2, _FRAME[1] // 2, 3, 3, 100) + b"\0" + content.getvalue()[12:]
    head = chunk(b"VP8X", bytes([0x12 if has_alpha else 0x02, 0, 0, 0]) + three(7, 7))
    inside = b"WEBP" + head + chunk(b"ANIM", bytes([0, 0, 255, 255, 0, 0])) + chunk(b"ANMF", frame)
    return b"RIFF" + struct.pack("<I", len(inside)) + inside


@pytest.mark.parametrize(
    "encoded", [_gif(), _gif(0), _webp(False), _webp(True)], ids=["gif", "gif89a", "webp", "webp-alpha"]
)
def test_what_the_first_frame_does_not_cover_is_white(encoded: bytes) -> None:
    expected = np.full((8, 8, 3), 255)
    expected[2:6, 2:6] = _COLOUR
    np.testing.assert_array_equal(decode(encoded, Resize.SQUASH, _SHAPE), expected)
