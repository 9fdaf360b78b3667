"""Bitmaps of runs, as every viewer reads them.

Pillow passes over the end of a row that is empty, drops a row that does not say where it ends, and takes the end of the
picture before its last row for damage. What no run covers is of the first colour.
"""

import io
from typing import Any

from scoring.errors import ImageError

_ROW_ENDS, _PICTURE_ENDS, _MOVES = 0, 1, 2  # after a count of 0; more are samples as they are
_ENDED = "a bitmap that ends before its last row"


def with_pixels(bitmap: Any, encoded: bytes) -> None:
    """Unpack a bitmap's runs, for Pillow to load; other pictures are left as they are.

    Args:
        bitmap: Of any format, opened and not loaded.
        encoded: The file that it is from.

    Raises:
        ImageError: If the file ends before the picture.
    """
    if bitmap.format not in ("BMP", "DIB") or bitmap.tile[0].codec_name != "bmp_rle" or bitmap.mode not in ("L", "P"):
        return
    tile = bitmap.tile[0]
    _, has_pairs, direction = tile.args
    pixels = _Rows(*bitmap.size).unpacked(encoded[tile.offset :], has_pairs)
    bitmap.fp = io.BytesIO(pixels)
    bitmap.tile = [tile.__class__("raw", tile.extents, 0, (bitmap.mode, 0, direction))]


class _Rows:
    """The samples of a picture, from its lowest row on, and where the next one goes."""

    def __init__(self, width: int, height: int) -> None:
        self._samples = bytearray(width * height)
        self._width, self._height = width, height
        self._column = self._row = 0
        self._needs_end = False

    def unpacked(self, packed: bytes, has_pairs: bool) -> bytes:
        """Follow the runs of samples, or of pairs of them in a byte, until the picture ends."""
        place = 0
        while place + 2 <= len(packed):
            count, value = packed[place : place + 2]
            place += 2
            if count:
                is_over = self._repeat((value >> 4, value & 15) if has_pairs else (value,), count)
            elif value == _ROW_ENDS:
                is_over = self._end_row()
            elif value == _PICTURE_ENDS:
                is_over = True
            elif value == _MOVES:
                self._move(*packed[place : place + 2].ljust(2, b"\0"))
                place, is_over = place + 2, False
            else:
                num_bytes = (value + 1) // 2 if has_pairs else value
                samples = packed[place : place + num_bytes]
                if has_pairs:
                    samples = bytes(half for pair in samples for half in (pair >> 4, pair & 15))
                place += num_bytes + num_bytes % 2
                is_over = self._write(samples[:value])
            if is_over:
                return bytes(self._samples)
        raise ImageError(_ENDED)

    def _repeat(self, samples: tuple[int, ...], count: int) -> bool:
        """Write a run, as far as its row goes. Where rows do not say where they end, the picture must."""
        if self._column >= self._width:
            self._row, self._column, self._needs_end = self._row + 1, 0, True
        count = min(count, self._width - self._column)
        return self._write((bytes(samples) * count)[:count])

    def _write(self, samples: bytes) -> bool:
        """Write samples; return whether the picture ends with them."""
        start = self._row * self._width + self._column
        room = max(0, len(self._samples) - start)
        self._samples[start : start + len(samples)] = samples[:room]
        self._move(len(samples), 0)
        return len(samples) >= room and not self._needs_end

    def _end_row(self) -> bool:
        """Go to the next row; return whether this was the last one, and not an empty one, as zeros make of it."""
        is_over = self._row == self._height - 1 and self._column > 0
        self._row, self._column = self._row + 1, 0
        return is_over

    def _move(self, right: int, up: int) -> None:
        self._column, self._row = self._column + right, self._row + up
        while self._column > self._width:
            self._column, self._row = self._column - self._width, self._row + 1
