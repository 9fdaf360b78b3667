"""The part of an AVIF that is meant to be seen, its clean aperture, which Pillow passes over.

libheif, which reads HEIC, cuts the same part out.
"""

import struct
from fractions import Fraction

from PIL import Image

from scoring.errors import ImageError
from scoring.pixels.boxes import FULL_BOX, META, boxes

_KIND = b"clap"  # ISO/IEC 14496-12, section 12.1.4: width, height, and how far its centre is from the picture's
_APERTURE = struct.Struct(">IIIIiIiI")
# Sections 8.11.4 and 8.11.14.
_PRIMARY, _PROPERTIES, _ALL, _OF_ITEMS = b"pitm", b"iprp", b"ipco", b"ipma"


def in_aperture(picture: Image.Image, image: Image.Image, encoded: bytes) -> Image.Image:
    """Cut the part out of an AVIF's pixels that is meant to be seen; others are left as they are.

    Args:
        picture: The pixels as they were decoded, not yet turned.
        image: What they are from.
        encoded: The file that it is from.

    Raises:
        ImageError: If the part is none of the picture.
    """
    aperture = _aperture(encoded) if image.format == "AVIF" and _KIND in encoded else None
    if aperture is None:
        return picture
    width, height, right, down = (
        Fraction(above, below) for above, below in zip(aperture[::2], aperture[1::2], strict=True)
    )
    left, upper = (picture.width - width) / 2 + right, (picture.height - height) / 2 + down
    box = round(left), round(upper), round(left + width), round(upper + height)
    if not (0 <= box[0] < box[2] <= picture.width and 0 <= box[1] < box[3] <= picture.height):
        raise ImageError("an AVIF whose part that is to be seen (clap) is none of the picture")
    return picture.crop(box)


def _aperture(encoded: bytes) -> tuple[int, ...] | None:
    """The numbers of the first picture's aperture, above and below each line; None if it has none."""
    meta = dict(boxes(dict(boxes(encoded)).get(META, b"")[FULL_BOX:]))
    primary = meta.get(_PRIMARY, b"")
    number = int.from_bytes(primary[FULL_BOX : FULL_BOX + (4 if primary[:1] == b"\1" else 2)], "big")
    properties = list(boxes(meta.get(_PROPERTIES, b"")))
    held = [box for kind, content in properties if kind == _ALL for box in boxes(content)]
    for kind, content in properties:
        for index in _indices(content, number) if kind == _OF_ITEMS else ():
            if 0 < index <= len(held) and held[index - 1][0] == _KIND:
                return _APERTURE.unpack_from(held[index - 1][1])
    return None


def _indices(associations: bytes, number: int) -> tuple[int, ...]:
    """Which properties an item has, from 1 on."""
    version, flags, count = struct.unpack_from(">B3sI", associations)
    item, width = struct.Struct(">IB" if version else ">HB"), 2 if flags[2] & 1 else 1
    place = 8
    for _ in range(count):
        other, num_indices = item.unpack_from(associations, place)
        place += item.size
        if other == number:
            essential = 1 << (8 * width - 1)
            found = struct.unpack_from(f">{num_indices}{'H' if width == 2 else 'B'}", associations, place)
            return tuple(index & ~essential for index in found)
        place += width * num_indices
    return ()
