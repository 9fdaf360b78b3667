"""WebP that was cut off and filled with zeros, of which the decoder makes pixels.

Whole pictures may end in zeros too: where the lower part is of one colour, libwebp writes a tenth of a byte for each
block of 16 x 16 pixels, and without loss, of its fastest method, a bit for each pixel.
"""

from scoring.errors import ImageError

# RFC 9649, sections 2.5 to 2.7; a frame has other numbers before its chunks.
_FIRST, _HEAD, _FRAME, _FRAME_HEAD = 12, 8, b"ANMF", 16
_LOSSY, _LOSSLESS = b"VP8 ", b"VP8L"
_BLOCK = 16 * 16  # pixels
_FEW = 64  # bytes


def check_end(size: tuple[int, int], encoded: bytes) -> None:
    """Refuse a WebP whose first picture ends in more zeros than a whole one can.

    Args:
        size: Width and height.
        encoded: The file.

    Raises:
        ImageError: If it does.
    """
    place = _FIRST
    kind = encoded[place : place + 4]
    while kind not in (_LOSSY, _LOSSLESS, b""):
        length = int.from_bytes(encoded[place + 4 : place + _HEAD], "little")
        place += _HEAD + (_FRAME_HEAD if kind == _FRAME else length + length % 2)
        kind = encoded[place : place + 4]
    pixels = size[0] * size[1]
    most = _FEW + (pixels // _BLOCK if kind == _LOSSY else pixels) // 4
    end = place + _HEAD + int.from_bytes(encoded[place + 4 : place + _HEAD], "little")
    if end - place - _HEAD > most and not any(encoded[end - most : end]):
        raise ImageError("a damaged WebP, which ends in zeros")
