"""Bitmaps of runs, made here: rows of 8 samples, the lowest first."""

import struct

import numpy as np
import numpy.typing as npt
import pytest

from scoring.errors import ImageError
from scoring.pixels.decoding import Resize, decode
from scoring.pixels.input_shape import InputShape

_SIDE = 8
_ROW_ENDS, _ENDS = b"\0\0", b"\0\1"
_LEVELS = np.arange(16) * 13 + 20  # of grey; the first colour, too, is none that is black


def _bitmap(runs: bytes, bits: int = 8, num_colours: int = 16) -> bytes:
    palette = b"".join(bytes([level, level, level, 0]) for level in _LEVELS[:num_colours])
    head = struct.pack(
        "<IiiHHIIiiII", 40, _SIDE, _SIDE, 1, bits, 1 if bits == 8 else 2, len(runs), 0, 0, num_colours, 0
    )
    start = 14 + len(head) + len(palette)
    return b"BM" + struct.pack("<IHHI", start + len(runs), 0, 0, start) + head + palette + runs


def _seen(runs: bytes, bits: int = 8) -> list[list[int]]:
    """The indices of a bitmap's samples, the lowest row first."""
    light = decode(_bitmap(runs, bits), Resize.SQUASH, InputShape(_SIDE, _SIDE, 1))[::-1, :, 0]
    return np.abs(light[..., None].astype(int) - _LEVELS).argmin(axis=-1).tolist()  # type: ignore[no-any-return]


def _runs(rows: npt.NDArray[np.int64], between: bytes = _ROW_ENDS) -> bytes:
    """One run for each row of samples alike."""
    return b"".join(bytes([_SIDE, row]) + between for row in rows.tolist())


_ROWS = np.arange(1, 9)
_WHOLE = np.repeat(_ROWS[:, None], _SIDE, axis=1).tolist()


@pytest.mark.parametrize(("between", "end"), [(_ROW_ENDS, _ENDS), (_ROW_ENDS, b""), (b"", _ENDS)])
def test_rows_are_read_whether_or_not_they_say_where_they_end(between: bytes, end: bytes) -> None:
    assert _seen(_runs(_ROWS, between) + end) == _WHOLE


def test_empty_row_is_of_the_first_colour() -> None:
    expected = [*_WHOLE[:3], [0] * _SIDE, [0] * _SIDE, *_WHOLE[5:]]
    assert _seen(_runs(_ROWS[:3]) + 2 * _ROW_ENDS + _runs(_ROWS[5:]) + _ENDS) == expected


def test_picture_that_ends_before_its_last_row_is_of_the_first_colour_there() -> None:
    assert _seen(_runs(_ROWS[:5]) + _ENDS) == [*_WHOLE[:5], *3 * [[0] * _SIDE]]


def test_run_that_is_longer_than_its_row_ends_with_it() -> None:
    assert _seen(b"\x0a\1\0\0" + _runs(_ROWS[1:]) + _ENDS) == _WHOLE


def test_samples_as_they_are_and_moves_are_read() -> None:
    runs = b"\0\3\1\2\3\0" + b"\0\2\2\0" + b"\3\5" + _ROW_ENDS + b"\2\7" + b"\0\2\1\2" + b"\5\4" + _ROW_ENDS + _ENDS
    expected = [[1, 2, 3, 0, 0, 5, 5, 5], [7, 7, 0, 0, 0, 0, 0, 0], [0] * 8, [0, 0, 0, 4, 4, 4, 4, 4], *4 * [[0] * 8]]
    assert _seen(runs) == expected


def test_pairs_of_samples_in_a_byte_are_read() -> None:
    runs = (b"\5\x12" + b"\0\3\x34\x50" + _ROW_ENDS) + (b"\x08\x67" + _ROW_ENDS) + _ENDS
    assert _seen(runs, bits=4) == [[1, 2, 1, 2, 1, 3, 4, 5], [6, 7] * 4, *6 * [[0] * 8]]


@pytest.mark.parametrize("fill", [b"", b"\0", b"\xff"])
def test_bitmap_that_is_cut_off_is_refused(fill: bytes) -> None:
    whole = _runs(_ROWS) + _ENDS
    for length in range(0, len(whole) - 7, 2):
        with pytest.raises(ImageError, match=r"ends before its last row|not enough"):
            _seen((whole[:length] + fill * len(whole))[: len(whole)])


def test_large_bitmap_of_few_bytes_is_refused() -> None:
    encoded = bytearray(_bitmap(_ENDS))
    encoded[18:26] = struct.pack("<ii", 60_000, 60_000)
    with pytest.raises(ImageError, match="more pixels than the limit"):
        decode(bytes(encoded), Resize.SQUASH)
