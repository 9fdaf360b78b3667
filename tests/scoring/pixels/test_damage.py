"""Damaged files that decoders show as pictures."""

import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from scoring.errors import ImageError
from scoring.pixels.decoding import Resize, decode
from scoring.pixels.input_shape import InputShape

_SIDE = 128


def _png() -> bytes:
    """A picture mostly black, in one chunk of a code in which a zero bit is a black sample."""
    rows = np.zeros((_SIDE, 1 + 3 * _SIDE), np.uint8)
    some = rows[:, 1::7]
    some[:] = np.random.default_rng(0).integers(0, 256, some.shape, dtype=np.uint8)
    packer = zlib.compressobj(strategy=zlib.Z_HUFFMAN_ONLY)
    pixels = packer.compress(rows.tobytes()) + packer.flush()
    head = struct.pack(">IIBBBBB", _SIDE, _SIDE, 8, 2, 0, 0, 0)
    chunks = b"".join(
        struct.pack(">I4s", len(content), kind) + content + zlib.crc32(kind + content).to_bytes(4, "big")
        for kind, content in ((b"IHDR", head), (b"tEXt", b"a\0b"), (b"IDAT", pixels), (b"IEND", b""))
    )
    return b"\x89PNG\r\n\x1a\n" + chunks


def _icon(png: bytes) -> bytes:
    return struct.pack("<HHHBBBBHHII", 0, 1, 1, _SIDE, _SIDE, 0, 0, 1, 32, len(png), 22) + png


def _apple_icon(png: bytes) -> bytes:
    return b"icns" + struct.pack(">I4sI", 16 + len(png), b"ic07", 8 + len(png)) + png


def _decoded(encoded: bytes) -> npt.NDArray[np.int64]:
    return decode(encoded, Resize.SQUASH, InputShape(_SIDE, _SIDE, 3)).astype(int)


@pytest.mark.parametrize("packed", [bytes, _icon, _apple_icon])
def test_png_whose_end_is_zeros_is_refused(packed: Callable[[bytes], bytes]) -> None:
    whole = _png()
    assert _decoded(packed(whole)).any()
    for written in range(1000, len(whole) - 16, 500):
        with pytest.raises(ImageError, match=r"checksum of its pixels|broken data"):
            _decoded(packed(whole[:written] + bytes(len(whole) - written)))


def test_png_whose_checksum_of_pixels_is_cut_off_is_refused() -> None:
    with pytest.raises(ImageError, match="checksum of its pixels"):
        _decoded(_png()[:-14])


@pytest.mark.parametrize("num_bytes", [1, 4, 12])
def test_png_that_lacks_only_its_end_is_read(num_bytes: int) -> None:
    whole = _png()
    np.testing.assert_array_equal(_decoded(whole[:-num_bytes]), _decoded(whole))
    np.testing.assert_array_equal(_decoded(whole[:-num_bytes] + bytes(num_bytes)), _decoded(whole))


def test_png_whose_text_has_another_checksum_is_read() -> None:
    whole = _png()
    place = whole.index(b"tEXt") + 4 + 3
    other = whole[:place] + b"\0\0\0\0" + whole[place + 4 :]
    np.testing.assert_array_equal(_decoded(other), _decoded(whole))


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("options", [{}, {"no_jp2": True}, {"irreversible": True, "tile_size": (64, 64)}])
def test_jpeg_2000_is_refused_wherever_it_is_cut_off(mode: str, options: dict[str, Any]) -> None:
    content = io.BytesIO()
    Image.open(io.BytesIO(_png())).convert(mode).save(content, "jpeg2000", **options)
    whole = content.getvalue()
    assert _decoded(whole).any()
    headers = whole.index(b"\xff\x90") + 20
    for length in (*range(1, headers), *range(headers, len(whole), 500), len(whole) - 1):
        with pytest.raises(ImageError):
            _decoded(whole[:length])
