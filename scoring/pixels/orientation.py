"""How to turn a picture whose camera was held otherwise, as its metadata says.

Turning comes last: whole picture and centre are the same either way, and few pixels are turned in no time.
"""

from typing import Any

from PIL import ExifTags, Image

# By EXIF orientation; CIPA DC-008, section 4.6.5, tag 274. 1 is upright.
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

SIDEWAYS = (
    Image.Transpose.TRANSPOSE,
    Image.Transpose.ROTATE_270,
    Image.Transpose.TRANSVERSE,
    Image.Transpose.ROTATE_90,
)


def turn_of(image: Any) -> Image.Transpose | None:
    """How to turn a picture, as the EXIF orientation of its file says; damaged EXIF is ignored.

    A JPEG XL is upright whatever its EXIF says (ISO/IEC 18181-2), but of one that packs a JPEG, as `cjxl` makes it of
    such, the plugin gives that JPEG's pixels. Of an AVIF only what its own properties say counts (ISO/IEC 23000-22),
    which Pillow has put in place of EXIF's orientation.

    Args:
        image: Of any format, whose pixels are loaded.
    """
    if image.format == "JXL" and not getattr(image, "jpeg", False):
        return None
    if image.format == "AVIF":
        image.info.pop("xmp", None)
    try:
        return _TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # the pixels are fine, only the metadata is not  # noqa: BLE001
        return None
