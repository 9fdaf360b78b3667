"""The boxes that AVIF and HEIC are made of, and whether the coded pictures in them end as such do; ISO/IEC 14496-12."""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from scoring.errors import ImageError

FULL_BOX = 4  # bytes of a version and flags
META = b"meta"
_CODED = frozenset({b"av01", b"hvc1", b"hev1"})
# Section 8.11.3 and 8.11.6.
_PLACES, _ITEMS, _IN_FILE = b"iloc", b"iinf", 0
_MOST_ZEROS = 64  # bytes at the end of a coded picture: none is usual


def check_ends(encoded: bytes) -> None:
    """Refuse an AVIF or HEIC that holds zeros where a coded picture ends.

    Raises:
        ImageError: If it does.
    """
    meta = dict(boxes(dict(boxes(encoded)).get(META, b"")[FULL_BOX:]))
    kinds = dict(_kinds(meta.get(_ITEMS, b"")))
    for number, place, length in _places(meta.get(_PLACES, b"")):
        end = encoded[max(place, place + length - _MOST_ZEROS) : place + length]
        if kinds.get(number) in _CODED and len(end) == _MOST_ZEROS and not any(end):
            raise ImageError("a damaged picture, which ends in zeros")


def boxes(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and content of each box."""
    place = 0
    while place + 8 <= len(content):
        length, kind = struct.unpack_from(">I4s", content, place)
        start = place + 8
        if length == 1:
            (length,) = struct.unpack_from(">Q", content, start)
            start += 8
        end = place + length if length else len(content)
        if end < start:
            return
        yield kind, content[start:end]
        place = end


def _kinds(items: bytes) -> Iterator[tuple[int, bytes]]:
    """Number and kind of each item."""
    for _, item in boxes(items[FULL_BOX + (4 if items[:1] != b"\0" else 2) :]):
        width = 4 if item[:1] == b"\3" else 2
        kind = FULL_BOX + width + 2
        yield int.from_bytes(item[FULL_BOX : FULL_BOX + width], "big"), item[kind : kind + 4]


class _Widths(NamedTuple):
    """Bytes of the numbers that say where an item is."""

    number: int
    offset: int
    length: int
    base: int
    before: int


def _places(items: bytes) -> Iterator[tuple[int, int, int]]:
    """Number, place and length of the last part of each item that is in the file itself."""
    if not items:
        return
    version, first, second = items[0], items[FULL_BOX], items[FULL_BOX + 1]
    widths = _Widths(4 if version == 2 else 2, first >> 4, first & 15, second >> 4, second & 15 if version else 0)
    numbers = _Numbers(items, FULL_BOX + 2)
    for _ in range(numbers.take(widths.number)):
        number = numbers.take(widths.number)
        method = numbers.take(2) & 15 if version else _IN_FILE
        numbers.take(2)  # another file
        base = numbers.take(widths.base)
        numbers.skip((numbers.take(2) - 1) * (widths.before + widths.offset + widths.length) + widths.before)
        place, length = base + numbers.take(widths.offset), numbers.take(widths.length)
        if method == _IN_FILE:
            yield number, place, length


class _Numbers:
    """Numbers of a box, one after another."""

    def __init__(self, content: bytes, place: int) -> None:
        self._content, self._place = content, place

    def skip(self, num_bytes: int) -> None:
        self._place += num_bytes

    def take(self, width: int) -> int:
        self._place += width
        if self._place > len(self._content):
            raise ImageError("a damaged picture, whose list of parts is cut off")
        return int.from_bytes(self._content[self._place - width : self._place], "big")
