"""JPEGs of the rarer kinds, which libjpeg reads, but not as Pillow asks it to.

It cannot stop within arithmetic coding and go on with the next block of a file, and decodes what is lossless at no
reduced scale.
"""

from typing import Any

# ITU-T T.81, table B.1: markers without a length, of frames (less three that are among them), and of a scan.
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_SCAN = 0xDA
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


def frame_of(encoded: bytes) -> int:
    """The marker of a JPEG's frame, which tells how it is coded; 0 if there is none before its first scan."""
    place = encoded.find(b"\xff", 2)
    while 0 <= place < len(encoded) - 4:
        marker = encoded[place + 1]
        if marker in _FRAMES or marker == _SCAN:
            return marker if marker != _SCAN else 0
        if marker in (0, 0xFF):
            place += 1
        else:
            place += 2 if marker in _ALONE else 2 + int.from_bytes(encoded[place + 2 : place + 4], "big")
        place = encoded.find(b"\xff", place)
    return 0
