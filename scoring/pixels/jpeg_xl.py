"""JPEG XL that the plugin reads as other pixels: animations, and grey with alpha of more than 8 bits.

Of an animation it gives the last frame. Grey with alpha it decodes to as many bits as there are and then takes for 8.
"""

from importlib import import_module

import numpy as np
from PIL import Image

from scoring.errors import ImageError

# ISO/IEC 18181-1, annex D: the headers' bits, the lowest of each byte first. A number is one of four widths of bits,
# which two bits choose, or it has one width.
_SIZES = ((5,), (9, 13, 18, 30))  # of sides that are multiples of 8, and of others
_PREVIEW_SIZES = ((0, 0, 5, 9), (6, 8, 10, 12))
_CODESTREAM = b"\xff\x0a"
_WHITE = {2: (np.uint16, 65_535), 4: (np.float32, 1)}  # by bytes of a sample


def check_still(encoded: bytes) -> None:
    """Refuse an animation.

    Raises:
        ImageError: If the JPEG XL is one.
    """
    if _is_animated(_Bits(_codestream(encoded))):
        raise ImageError("an animated JPEG XL, whose first frame is not decoded; save that frame alone")


def in_eight_bits(image: Image.Image, encoded: bytes) -> Image.Image:
    """Scale a JPEG XL's grey and alpha to 8 bits; other pictures are left as they are.

    Args:
        image: A picture of any format, whose pixels are loaded.
        encoded: The file that it is from.

    Returns:
        The picture, of the same mode.
    """
    if image.format != "JXL" or image.mode != "LA":
        return image
    data = import_module("pillow_jxl").Decoder()(encoded)[2]
    width = len(data) // (2 * image.width * image.height)
    if width not in _WHITE:
        return image
    kind, white = _WHITE[width]
    samples = np.nan_to_num(np.frombuffer(data, kind).astype(np.float32) * (255 / white))
    return Image.frombytes("LA", image.size, np.clip(np.rint(samples), 0, 255).astype(np.uint8).tobytes())


class _Bits:
    """What a header says, read bit by bit."""

    def __init__(self, header: bytes) -> None:
        self._left = int.from_bytes(header, "little")

    def take(self, width: int) -> int:
        value = self._left & ((1 << width) - 1)
        self._left >>= width
        return value

    def skip_size(self, sizes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
        widths = sizes[0] if self.take(1) else sizes[1]
        self._skip_number(widths)
        if self.take(3) == 0:  # else a ratio tells the width
            self._skip_number(widths)

    def _skip_number(self, widths: tuple[int, ...]) -> None:
        self.take(widths[self.take(2) if len(widths) > 1 else 0])


def _is_animated(bits: _Bits) -> bool:
    bits.skip_size(_SIZES)
    if bits.take(1) or not bits.take(1):  # all as usual, or no more than the samples' depth and colours
        return False
    bits.take(3)  # orientation
    for sizes in (_SIZES, _PREVIEW_SIZES):
        if bits.take(1):
            bits.skip_size(sizes)
    return bool(bits.take(1))


def _codestream(encoded: bytes) -> bytes:
    """The first bytes of the codestream, without its signature; empty if there is none."""
    place = 0
    while not encoded.startswith(_CODESTREAM, place):
        length, kind, head = int.from_bytes(encoded[place : place + 4], "big"), encoded[place + 4 : place + 8], 8
        if length == 1:
            length, head = int.from_bytes(encoded[place + 8 : place + 16], "big"), 16
        if kind in (b"jxlc", b"jxlp"):
            place += head + (4 if kind == b"jxlp" else 0)
            break
        if length < head:
            return b""
        place += length
    return encoded[place + 2 : place + 66]
