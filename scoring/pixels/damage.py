"""Damage that decoders do not notice, and show as a picture that is none."""

from typing import Any

from scoring.pixels.jpeg_2000 import check_tiles
from scoring.pixels.png_chunks import SIGNATURE, check_pixels


def check_whole(image: Any, encoded: bytes) -> None:
    """Refuse a picture that is not as it was written, before it is loaded.

    Args:
        image: Of any format, just opened.
        encoded: The file that it is from.

    Raises:
        ImageError: If it is damaged.
    """
    if image.format == "PNG":
        check_pixels(encoded)
    if image.format == "JPEG2000":
        check_tiles(encoded)
    if image.format == "ICNS":
        place = encoded.find(SIGNATURE)
        while place >= 0:
            check_pixels(encoded, place)
            place = encoded.find(SIGNATURE, place + 1)
