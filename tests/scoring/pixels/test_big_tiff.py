"""BigTIFF of both orders of bytes, made here."""

import struct
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from scoring.errors import ImageError
from scoring.pixels.decoding import Resize, decode
from scoring.pixels.input_shape import InputShape

_SIDE = 8
_LETTERS = {3: "H", 4: "I", 16: "Q", 17: "q", 13: "I", 18: "Q"}
Values = tuple[int, tuple[int, ...]]  # their type, and they


def _picture(kind: str) -> npt.NDArray[Any]:
    light = np.arange(_SIDE * _SIDE * 3).reshape(_SIDE, _SIDE, 3)
    return (light * (300 if kind.endswith("2") else 1)).astype(kind)


def _big_tiff(order: str, strips: list[bytes], **other: Values) -> bytes:
    """A BigTIFF of 8 x 8 RGB, its directory before its pixels; `other` tags begin with `t`."""
    entries: dict[int, Values] = {
        256: (3, (_SIDE,)), 257: (4, (_SIDE,)), 258: (3, (8, 8, 8)), 259: (3, (1,)), 262: (3, (2,)),
        273: (16, (0,) * len(strips)), 277: (3, (3,)), 278: (3, (_SIDE // len(strips),)),
        279: (16, tuple(map(len, strips))),
    }  # fmt: skip
    entries |= {int(name[1:]): value for name, value in other.items()}
    behind = 16 + 8 + 20 * len(entries) + 8
    places = (behind + np.cumsum([0, *map(len, strips)])).tolist()
    entries[273] = (16, tuple(places[:-1]))
    packed, beside = b"", b"".join(strips)
    for tag in sorted(entries):
        kind, values = entries[tag]
        content = struct.pack(f"{order}{len(values)}{_LETTERS[kind]}", *values)
        if len(content) > 8:
            content, beside = struct.pack(order + "Q", behind + len(beside)), beside + content
        packed += struct.pack(order + "HHQ", tag, kind, len(values)) + content.ljust(8, b"\0")
    head = (b"II" if order == "<" else b"MM") + struct.pack(order + "HHHQ", 43, 8, 0, 16)
    return head + struct.pack(order + "Q", len(entries)) + packed + bytes(8) + beside


def _decoded(encoded: bytes) -> npt.NDArray[np.uint8]:
    return decode(encoded, Resize.SQUASH, InputShape(_SIDE, _SIDE, 3))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("num_strips", [1, 2, 4])
def test_big_tiff_is_read_in_both_orders(order: str, num_strips: int) -> None:
    rows = np.split(_picture("u1"), num_strips)
    plain = _big_tiff(order, [part.tobytes() for part in rows])
    np.testing.assert_array_equal(_decoded(plain), _picture("u1"))
    packed = _big_tiff(order, [zlib.compress(part.tobytes()) for part in rows], t259=(3, (8,)))
    np.testing.assert_array_equal(_decoded(packed), _picture("u1"))


@pytest.mark.parametrize("order", ["<", ">"])
def test_big_tiff_of_16_bits_is_read_in_both_orders(order: str) -> None:
    wide = _picture("u2")
    encoded = _big_tiff(order, [wide.astype(order + "u2").tobytes()], t258=(3, (16, 16, 16)))
    assert np.abs(_decoded(encoded) - wide / 257).max() <= 1


@pytest.mark.parametrize("order", ["<", ">"])
def test_orientation_and_preview_of_a_big_tiff_count(order: str) -> None:
    pixels = [_picture("u1").tobytes()]
    np.testing.assert_array_equal(_decoded(_big_tiff(order, pixels, t274=(3, (3,)))), _picture("u1")[::-1, ::-1])
    first = _big_tiff(order, pixels, t254=(4, (1,)))
    behind = 16 + 8 + 20 * 10
    directory = first[16:behind] + bytes(8)
    two = first[:behind] + struct.pack(order + "Q", len(first)) + first[behind + 8 :] + directory
    with pytest.raises(ImageError, match="preview"):
        _decoded(two)
    np.testing.assert_array_equal(_decoded(first), _picture("u1"))


def test_damaged_big_tiff_is_an_image_error() -> None:
    whole = _big_tiff(">", [_picture("u1").tobytes()])
    for length in range(8, len(whole)):
        with pytest.raises(ImageError):
            _decoded(whole[:length])
    for count in (b"\xff" * 8, b"\0" * 6 + b"\xff" * 2):
        with pytest.raises(ImageError):
            _decoded(whole[:16] + count + whole[24:])
