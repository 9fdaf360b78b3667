"""AVIF of which a part is meant to be seen; Pillow writes them whole, the property is put in here."""

import io
import struct

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from scoring.errors import ImageError
from scoring.pixels.decoding import Resize, decode
from scoring.pixels.input_shape import InputShape

_WIDTH, _HEIGHT = 64, 32


def _picture() -> Image.Image:
    rows = np.zeros((_HEIGHT, _WIDTH, 3), np.uint8)
    rows[..., 0] = np.arange(_WIDTH) // 8 * 30
    rows[..., 1] = np.arange(_HEIGHT)[:, None] // 8 * 60
    return Image.fromarray(rows)


def _encoded(aperture: tuple[int, ...] | None, orientation: int = 1) -> bytes:
    content, exif = io.BytesIO(), Image.Exif()
    if orientation > 1:
        exif[0x0112] = orientation
    _picture().save(content, "avif", quality=100, subsampling="4:4:4", exif=exif)
    encoded = bytearray(content.getvalue())
    if aperture is None:
        return bytes(encoded)
    clap = struct.pack(">I4s8i", 40, b"clap", *aperture)
    held, items = encoded.index(b"ipco") - 4, encoded.index(b"ipma") - 4
    num_held, place = 0, held + 8
    while place < items:
        num_held, place = num_held + 1, place + _number(encoded, place)
    assert place == items
    for box, longer in ((b"meta", 41), (b"iprp", 41), (b"ipco", 40), (b"ipma", 1)):
        at = encoded.index(box) - 4
        struct.pack_into(">I", encoded, at, _number(encoded, at) + longer)
    extent = encoded.index(b"iloc") + 4 + 4 + 2 + 2 + 6  # of the first item: version, widths, count, and its numbers
    struct.pack_into(">I", encoded, extent, _number(encoded, extent) + 41)
    encoded[items + 18] += 1  # properties of the first item
    last = items + _number(encoded, items) - 1
    return (
        bytes(encoded[:items])
        + clap
        + bytes(encoded[items:last])
        + bytes([0x80 | num_held + 1])
        + bytes(encoded[last:])
    )


def _number(encoded: bytearray, place: int) -> int:
    return int.from_bytes(encoded[place : place + 4], "big")


def _seen(encoded: bytes, width: int, height: int) -> npt.NDArray[np.int64]:
    return decode(encoded, Resize.SQUASH, InputShape(height, width, 3)).astype(int)


@pytest.mark.parametrize(
    ("aperture", "box"),
    [
        ((64, 1, 32, 1, 0, 1, 0, 1), (0, 0, 64, 32)),
        ((32, 1, 16, 1, 0, 1, 0, 1), (16, 8, 48, 24)),
        ((32, 1, 16, 1, -16, 1, 8, 1), (0, 16, 32, 32)),
        ((16, 2, 24, 3, 56, 2, -24, 2), (56, 0, 64, 8)),
    ],
)
def test_part_that_is_meant_to_be_seen_is_cut_out(aperture: tuple[int, ...], box: tuple[int, int, int, int]) -> None:
    expected = np.asarray(_picture().crop(box)).astype(int)
    height, width = expected.shape[:2]
    assert np.abs(_seen(_encoded(aperture), width, height) - expected).max() <= 4


def test_part_is_cut_out_before_it_is_turned() -> None:
    expected = np.asarray(_picture().crop((0, 16, 32, 32)).transpose(Image.Transpose.ROTATE_270)).astype(int)
    assert np.abs(_seen(_encoded((32, 1, 16, 1, -16, 1, 8, 1), orientation=6), 16, 32) - expected).max() <= 4


@pytest.mark.parametrize(
    "aperture", [(80, 1, 32, 1, 0, 1, 0, 1), (32, 1, 16, 1, 17, 1, 0, 1), (0, 1, 8, 1, 0, 1, 0, 1)]
)
def test_part_that_is_none_of_the_picture_is_an_image_error(aperture: tuple[int, ...]) -> None:
    with pytest.raises(ImageError, match="clap"):
        _seen(_encoded(aperture), 8, 8)


def test_part_of_no_size_is_an_image_error() -> None:
    with pytest.raises(ImageError):
        _seen(_encoded((32, 0, 16, 1, 0, 1, 0, 1)), 8, 8)


def test_avif_without_a_part_is_whole() -> None:
    assert np.abs(_seen(_encoded(None), _WIDTH, _HEIGHT) - np.asarray(_picture()).astype(int)).max() <= 4
