"""How to turn a picture whose camera was held otherwise, as its metadata says.

Turning comes last: whole picture and centre are the same either way, and few pixels are turned in no time.
"""

import re
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


# Adobe's XMP Specification, part 1, section 7, and part 3, section 1.1.3: what begins the segment of a JPEG, and the
# element of what is said of the picture itself; those within it are of others, as of what it was made from.
_XMP_SEGMENT, _ABOUT = b"http://ns.adobe.com/xap/1.0/\0", "rdf:Description"
_XMP_NAMES = ("XML:com.adobe.xmp", "xmp")  # by Pillow
_LOOKED_AT = 16 << 20  # of XMP, which may fill a file; cameras write some KB, and Photoshop's history has megabytes
# Possessive: `re` keeps more than a hundred bytes for each repeat that it might give back.
_TAG = re.compile(r"""<((?:[^<>"']++|"[^"<]*+"|'[^'<]*+')*+)>([^<]?)""")
_NAME = re.compile(r"[\w:.-]+")
_ATTRIBUTE = re.compile(r"""\stiff:Orientation\s*=\s*["'](\d)["']""")


def turn_of(image: Any) -> Image.Transpose | None:
    """How to turn a picture, as the EXIF orientation of its file says, or where that states none, XMP.

    Damaged EXIF is ignored. A JPEG XL is upright whatever its EXIF says (ISO/IEC 18181-2), but of one that packs a
    JPEG, as `cjxl` makes it of such, the plugin gives that JPEG's pixels. Of an AVIF only what its own properties say
    counts (ISO/IEC 23000-22), which Pillow has put in place of EXIF's orientation.

    Args:
        image: Of any format, whose pixels are loaded.
    """
    if image.format == "JXL" and not getattr(image, "jpeg", False):
        return None
    xmp = _xmp(image)
    try:
        stated = image.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # the pixels are fine, only the metadata is not  # noqa: BLE001
        return None
    if stated is None and image.format != "AVIF":
        return _TURNS.get(_stated_in_xmp(xmp))
    return _TURNS.get(stated[0] if isinstance(stated, bytes | tuple) and stated else stated)


def _xmp(image: Any) -> str:
    """Take a picture's XMP from where Pillow would look for any orientation in it; of several, the first counts."""
    found = [image.info.pop(name, None) for name in _XMP_NAMES]
    if image.format in ("JPEG", "MPO"):
        segments = [content for kind, content in image.applist if kind == "APP1" and content.startswith(_XMP_SEGMENT)]
        found = [content[len(_XMP_SEGMENT) :] for content in segments[:1]]
    xmp = next((each for each in found if each), "")
    return xmp[:_LOOKED_AT].decode(errors="replace") if isinstance(xmp, bytes) else str(xmp)[:_LOOKED_AT]


def _stated_in_xmp(xmp: str) -> int:
    """The orientation that XMP states for the picture itself, as an attribute or an element; 1 if it states none."""
    inside = 0  # of how many elements, from the one about the picture on
    for tag, text in (found.groups() for found in _TAG.finditer(xmp)):
        if tag.startswith("/"):
            inside = max(0, inside - 1)
        elif named := _NAME.match(tag):
            name = named[0]
            if inside == 0 and name == _ABOUT and (found := _ATTRIBUTE.search(tag)):
                return int(found[1])
            if inside == 1 and name == "tiff:Orientation" and text.isdecimal():
                return int(text)
            if not tag.endswith("/") and (inside or name == _ABOUT):
                inside += 1
    return 1
