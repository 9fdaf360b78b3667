"""JPEGs of the rarer kinds of frames, which Pillow does not write."""

import base64
import io
import struct

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from scoring.errors import ImageError
from scoring.pixels.decoding import Resize, decode
from scoring.pixels.input_shape import InputShape
from scoring.pixels.jpeg_frames import frame_of

# `cjpeg -quality 90 -grayscale` of the picture below, and `jpegtran -arithmetic -copy none` of that (libjpeg-turbo).
_ARITHMETIC = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAMCAgMCAgMDAwMEAwMEBQgFBQQEBQoHBwYIDAoMDAsKCwsNDhIQDQ4RDgsLEBYQERMUFRUVDA8XGBYU"
    "GBIUFRT/yQALCAAQABABAREA/8wABgAQEAX/2gAIAQEAAD8A/wDn4Y6TMazPf2VrVD2zxgguficvptbX7P8Aj6/Pc869cDX3cJkiuuxtkxQ3i47L"
    "8U9qF9IEgPqgousrJcCNP/P0sbgChn8SXZ8xtLna7dJNEFqnosk2T8YLHJsqNwEKkdR6VRI6RJGCClvNOMfL7c46NP7bYO2j7xpkvvEp4e6W1ID/"
    "2Q=="
)
_BLOCK = 65_536  # bytes that Pillow gives to libjpeg at once


def _picture() -> npt.NDArray[np.int64]:
    x, y = np.meshgrid(np.arange(16), np.arange(16))
    return (x * 15 + np.where(x > 8, y * 7, 0)) % 256


def _grey(encoded: bytes, side: int) -> npt.NDArray[np.int64]:
    return decode(encoded, Resize.SQUASH, InputShape(side, side, 1))[..., 0].astype(int)


def _lengthened(encoded: bytes, num_bytes: int) -> bytes:
    """The same JPEG with comments before its first segment, so many bytes longer."""
    sizes = [60_000] * (num_bytes // 60_000) + [num_bytes % 60_000]
    return (
        encoded[:2]
        + b"".join(b"\xff\xfe" + struct.pack(">H", size - 2) + bytes(size - 4) for size in sizes)
        + encoded[2:]
    )


@pytest.mark.parametrize("num_bytes", [0, _BLOCK - 200, _BLOCK - 150, 3 * _BLOCK - 180])
def test_arithmetic_coding_is_read_across_blocks(num_bytes: int) -> None:
    longer = _lengthened(_ARITHMETIC, num_bytes) if num_bytes else _ARITHMETIC
    assert np.abs(_grey(longer, 16) - _picture()).max() <= 12
    with pytest.raises(ImageError, match="truncated"):
        _grey(longer[:-60], 16)


def _lossless(picture: npt.NDArray[np.int64]) -> bytes:
    """A lossless JPEG of one component, each sample predicted from the one left of it; ITU-T T.81, annex H."""
    predicted = np.roll(picture, 1, axis=1)
    predicted[1:, 0], predicted[0, 0] = picture[:-1, 0], 128
    bits = ""
    for difference in (picture - predicted).ravel().tolist():
        width = abs(difference).bit_length()
        value = difference if difference >= 0 else difference + (1 << width) - 1
        bits += f"{width:05b}" + (f"{value:0{width}b}" if width else "")
    bits += "1" * (-len(bits) % 8)
    pixels = int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\0")
    height, width = picture.shape
    segments = (
        (0xC3, struct.pack(">BHHB3B", 8, height, width, 1, 1, 0x11, 0)),
        (0xC4, bytes([0, 0, 0, 0, 0, 17, *[0] * 11, *range(17)])),  # widths, each a code of 5 bits
        (0xDA, bytes([1, 1, 0, 1, 0, 0])),
    )
    head = b"".join(struct.pack(">BBH", 0xFF, kind, 2 + len(content)) + content for kind, content in segments)
    return b"\xff\xd8" + head + pixels + b"\xff\xd9"


@pytest.mark.parametrize("side", [4, 16, 64])
def test_lossless_jpeg_of_many_times_the_needed_size_is_read(side: int) -> None:
    picture = np.kron(_picture(), np.ones((8, 8), int))
    whole = Image.fromarray(picture.astype(np.uint8)).resize((side, side), Image.Resampling.BILINEAR)
    assert np.abs(_grey(_lossless(picture), side) - np.asarray(whole)).max() <= 1


def test_frame_is_found_behind_what_may_stand_before_it() -> None:
    content = io.BytesIO()
    Image.new("L", (8, 8)).save(content, "jpeg", progressive=True)
    encoded = content.getvalue()
    assert frame_of(encoded) == 0xC2
    assert frame_of(b"\xff\xd8\xff\xff\xff\xd0" + encoded[2:]) == 0xC2
    assert frame_of(_lengthened(encoded, 70_000)) == 0xC2
    assert frame_of(encoded[: encoded.index(b"\xff\xc2")]) == 0
    assert frame_of(b"\xff\xd8\xff") == 0
