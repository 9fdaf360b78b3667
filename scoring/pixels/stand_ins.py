"""Files that show something else in place of their picture: an error, since what they show is not what is meant.

Camera raw is a TIFF that begins with a small preview, often between black bars. A Photoshop file of layers that was
saved without "Maximize Compatibility" holds white where others have them merged; of one of several inks, Pillow shows
the first.
"""

import io
from typing import Any

from scoring.errors import ImageError
from scoring.pixels.formats import why_not

# TIFF 6.0, section 8; ISO 12234-2 (TIFF/EP); Adobe's DNG specification.
_KIND, _IS_REDUCED = 254, 1
_OLD_KIND, _OLD_REDUCED = 255, 2
_PHOTOMETRIC, _OF_SENSORS = 262, (32_803, 34_892)  # behind a filter of colours, and linear
_BELOW, _DNG_VERSION = 330, 50_706
_MOST_BELOW = 16  # of a camera's directories
# Adobe Photoshop File Formats Specification: a file's header, and the resource "Version Info".
_PSD_CHANNELS, _PSD_MODE, _PSD_INKS = slice(12, 14), slice(24, 26), b"\0\7"
_PSD_HEADER, _PSD_VERSION, _PSD_IS_MERGED = 26, 1057, slice(4, 5)


def check_picture(image: Any, encoded: bytes) -> None:
    """Refuse what only stands for a picture, before it is loaded.

    Args:
        image: Of any format, just opened.
        encoded: The file that it is from.

    Raises:
        ImageError: If another picture is meant.
    """
    if image.format == "TIFF":
        if _DNG_VERSION in image.tag_v2 or _holds_sensors(image.tag_v2, encoded):
            raise ImageError(why_not("camera raw"))
        if _is_preview(image):
            raise ImageError("a TIFF that begins with a preview of another picture in it, which is not decoded")
    if image.format == "PSD" and encoded[_PSD_MODE] == _PSD_INKS and encoded[_PSD_CHANNELS] != b"\0\1":
        raise ImageError("a Photoshop file of several inks (multichannel), which is not decoded")
    if image.format == "PSD" and _is_not_merged(image, encoded):
        raise ImageError("a Photoshop file without its layers merged; save it with Maximize Compatibility")


def _holds_sensors(tags: Any, encoded: bytes) -> bool:
    """Whether a directory below the first one holds what a camera's sensor saw."""
    places = tags.get(_BELOW, ())
    for place in places[:_MOST_BELOW] if isinstance(places, tuple) else ():
        if isinstance(place, int) and place < len(encoded):
            file, below = io.BytesIO(encoded), tags.__class__(encoded[: 16 if 43 in encoded[2:4] else 8])
            file.seek(place)
            below.load(file)
            if below.get(_PHOTOMETRIC) in _OF_SENSORS:
                return True
    return False


def _is_preview(tiff: Any) -> bool:
    """Whether the first of several pictures calls itself a smaller version of another one."""
    kind, old = tiff.tag_v2.get(_KIND), tiff.tag_v2.get(_OLD_KIND)
    is_reduced = (isinstance(kind, int) and bool(kind & _IS_REDUCED)) or old == _OLD_REDUCED
    return is_reduced and (tiff.is_animated or _BELOW in tiff.tag_v2)


def _is_not_merged(photoshop: Any, encoded: bytes) -> bool:
    """Whether there are layers, and what was to be all of them is none."""
    section = _PSD_HEADER
    for _ in ("colours", "resources"):
        section += 4 + int.from_bytes(encoded[section : section + 4], "big")
    has_layers = any(encoded[section : section + 4])
    return has_layers and any(
        number == _PSD_VERSION and data[_PSD_IS_MERGED] == b"\0" for number, _, data in photoshop.resources
    )
