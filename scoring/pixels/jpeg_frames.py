"""JPEGs of the rarer kinds, which libjpeg reads, but not as Pillow asks it to.

It cannot stop within arithmetic coding and go on with the next block of a file, and decodes what is lossless at no
reduced scale.
"""

from typing import Any

from scoring.errors import ImageError

# ITU-T T.81, table B.1: markers without a length, of frames (less three that are among them), and of a scan.
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_SCAN, _END = 0xDA, b"\xff\xd9"
_LOSSLESS, _FIRST_ARITHMETIC = 0xC3, 0xC9


def is_reducible(image: Any, encoded: bytes) -> bool:
    """Whether a picture may be decoded at a reduced scale; what takes all of the file at once is told so.

    Args:
        image: Of any format, just opened.
        encoded: The file that it is from.
    """
    if image.format not in ("JPEG", "MPO"):
        return False
    frame = frame_of(encoded)
    if frame >= _FIRST_ARITHMETIC:
        image.decodermaxblock = len(encoded)
    return frame != _LOSSLESS


def check_end(encoded: bytes) -> None:
    """Refuse a JPEG without an end, of which a decoder may have made pixels of zeros that follow.

    Raises:
        ImageError: If its end marker is missing.
    """
    _, place = _frame(encoded)
    if encoded.rfind(_END, place) < 0:
        raise ImageError("the JPEG is truncated: it has no end")


def frame_of(encoded: bytes) -> int:
    """The marker of a JPEG's frame, which tells how it is coded; 0 if there is none before its first scan."""
    return _frame(encoded)[0]


def _frame(encoded: bytes) -> tuple[int, int]:
    """The marker of a JPEG's frame, or 0, and where that is, or where to look no further."""
    place = encoded.find(b"\xff", 2)
    while 0 <= place < len(encoded) - 4:
        marker = encoded[place + 1]
        if marker in _FRAMES or marker == _SCAN:
            return (marker if marker != _SCAN else 0), place
        if marker in (0, 0xFF):
            place += 1
        else:
            place += 2 if marker in _ALONE else 2 + int.from_bytes(encoded[place + 2 : place + 4], "big")
        place = encoded.find(b"\xff", place)
    return 0, max(0, place)
