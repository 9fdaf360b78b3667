"""Which way up a picture is, by the metadata of its file."""

import io
from typing import Any

import pytest
from PIL import Image

from scoring.pixels.decoding import Resize, decode
from tests.pictures import TURNED_BACK

_XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="3"/></x:xmpmeta>'


def _encoded(image: Image.Image, kind: str = "png", **options: Any) -> bytes:
    content = io.BytesIO()
    image.save(content, kind, **options)
    return content.getvalue()


def _corner() -> Image.Image:
    """White in the upper left corner."""
    image = Image.new("RGB", (40, 40), "black")
    image.paste("white", (0, 0, 20, 20))
    return image


def _is_upright(encoded: bytes) -> bool:
    """Whether white is in the upper left corner, and not in the lower right one."""
    pixels = decode(encoded, Resize.SQUASH)
    is_upright = bool(pixels[:80, :80].min() > 200)
    assert bool(pixels[144:, 144:].min() > 200) != is_upright
    return is_upright


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation: int) -> None:
    upright = _corner()
    stored = upright.transpose(TURNED_BACK[orientation]) if orientation > 1 else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    pixels = decode(_encoded(stored, exif=exif), Resize.SQUASH)
    assert pixels[:100, :100].min() > 200
    assert pixels[130:, :].max() < 50


@pytest.mark.parametrize(("stated", "is_upright"), [(None, False), (1, True)])
def test_orientation_of_xmp_is_applied_where_exif_states_none(stated: int | None, is_upright: bool) -> None:
    exif = Image.Exif()
    if stated:
        exif[0x0112] = stated
    assert _is_upright(_encoded(_corner(), "jpeg", xmp=_XMP, exif=exif)) == is_upright


@pytest.mark.parametrize("stated", [None, 3])
def test_orientation_of_an_avif_is_not_taken_from_xmp(stated: int | None) -> None:
    """Its own properties, for which Pillow writes that of EXIF, say how to turn it; XMP tells what the camera meant."""
    exif = Image.Exif()
    if stated:
        exif[0x0112] = stated
    assert _is_upright(_encoded(_corner(), "avif", xmp=_XMP, exif=exif)) == (stated is None)
