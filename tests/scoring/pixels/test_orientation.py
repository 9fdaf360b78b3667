"""Which way up a picture is, by the metadata of its file."""

import io
import struct
import tracemalloc
from typing import Any

import pytest
from PIL import Image, PngImagePlugin

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


def _with_exif(orientation: bytes, kind: int, count: int, order: str) -> bytes:
    """A JPEG whose orientation is of another type than a short."""
    name = b"II*\0" if order == "<" else b"MM\0*"
    entry = struct.pack(order + "HHI", 0x0112, kind, count) + orientation.ljust(4, b"\0")
    exif = name + struct.pack(order + "IH", 8, 1) + entry + bytes(4)
    return _encoded(_corner(), "jpeg", exif=b"Exif\0\0" + exif)


@pytest.mark.parametrize("order", ["<", ">"])
def test_orientation_may_be_a_byte_or_several(order: str) -> None:
    assert not _is_upright(_with_exif(b"\3", 1, 1, order))
    assert not _is_upright(_with_exif(struct.pack(order + "HH", 3, 3), 3, 2, order))
    assert _is_upright(_with_exif(b"\1", 1, 1, order))


_XMP_SEGMENT = b"http://ns.adobe.com/xap/1.0/\0"


def _with_xmp(*packets: bytes) -> bytes:
    encoded = _encoded(_corner(), "jpeg")
    segments = (_XMP_SEGMENT + packet for packet in packets)
    return encoded[:2] + b"".join(b"\xff\xe1" + struct.pack(">H", 2 + len(one)) + one for one in segments) + encoded[2:]


def _about(attributes: bytes, within: bytes = b"") -> bytes:
    opened = b'<?xpacket begin=""?>\n<x:xmpmeta xmlns:x="adobe:ns:meta/">\n<rdf:RDF xmlns:rdf="...">\n'
    return opened + b"<rdf:Description rdf:about='' " + attributes + b">" + within + b"</rdf:Description>\n</rdf:RDF>"


@pytest.mark.parametrize(
    ("packet", "is_upright"),
    [
        (_about(b'tiff:Orientation="3"'), False),
        (_about(b"a:b='>' tiff:Orientation='3'"), False),
        (_about(b"", b"<tiff:Orientation>3</tiff:Orientation>"), False),
        (_about(b"", b"<a:b><c:d/>e</a:b>\n<tiff:Orientation>3</tiff:Orientation>"), False),
        (_about(b"") + _about(b'tiff:Orientation="3"'), False),
        (_about(b"", b'<xmpMM:History><rdf:Seq><rdf:li tiff:Orientation="3"/></rdf:Seq></xmpMM:History>'), True),
        (_about(b"", b'<xmpMM:DerivedFrom><rdf:Description tiff:Orientation="3"/></xmpMM:DerivedFrom>'), True),
        (_about(b"", b"<xmpMM:From><tiff:Orientation>3</tiff:Orientation></xmpMM:From>"), True),
        (_about(b'tiff:Orientation="1"', b'<a:b tiff:Orientation="3"/>'), True),
        (b"<" * 60_000, True),
        (b"<" + b"a" * 60_000, True),
        (b"<a '\"" * 10_000, True),
    ],
)
def test_orientation_in_xmp_is_that_of_the_picture_itself(packet: bytes, is_upright: bool) -> None:
    assert _is_upright(_with_xmp(packet)) == is_upright
    if not packet.startswith(b"<<"):  # of which Pillow makes no text
        text = PngImagePlugin.PngInfo()
        text.add_itxt("XML:com.adobe.xmp", packet.decode())
        assert _is_upright(_encoded(_corner(), pnginfo=text)) == is_upright


def test_of_several_packets_of_xmp_the_first_counts() -> None:
    assert not _is_upright(_with_xmp(_about(b'tiff:Orientation="3"'), _about(b'tiff:Orientation="1"')))
    assert _is_upright(_with_xmp(_about(b'tiff:Orientation="1"'), _about(b'tiff:Orientation="3"')))


@pytest.mark.ci
@pytest.mark.parametrize("packet", [b"<" + b"a" * (4 << 20), b"<" + b'a=""' * (1 << 20), b"<a>" * (1 << 20)])
def test_xmp_of_megabytes_takes_no_more_memory_than_some_copies_of_it(packet: bytes) -> None:
    encoded = _encoded(_corner(), "webp", lossless=True, xmp=packet)
    tracemalloc.start()
    try:
        assert _is_upright(encoded)
        assert tracemalloc.get_traced_memory()[1] < 10 * len(encoded)
    finally:
        tracemalloc.stop()
