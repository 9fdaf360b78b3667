"""TIFFs with directories beside the first one, and Photoshop files of layers."""

import io
import struct
from typing import Any

import pytest
from PIL import Image

from scoring.errors import ImageError
from scoring.pixels.decoding import Resize, decode
from scoring.pixels.formats import format_of

_KIND, _PHOTOMETRIC, _BELOW, _DNG_VERSION = 254, 262, 330, 50_706
_RGB, _OF_SENSORS = 2, 32_803


def _tiff(tags: dict[int, Any], below: dict[int, int] | None = None, then: dict[int, int] | None = None) -> bytes:
    """A red picture, and a directory below it or after it."""
    other = below or then
    directory = struct.pack("<H", len(other or ()))
    directory += b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in (other or {}).items()) + bytes(4)

    def save(place: int) -> bytearray:
        content = io.BytesIO()
        info = {**tags, _BELOW: place} if below else tags
        Image.new("RGB", (16, 12), "red").save(content, "tiff", tiffinfo=info)
        return bytearray(content.getvalue())

    saved = save(len(save(1)))
    if then:
        (first,) = struct.unpack_from("<I", saved, 4)
        (entries,) = struct.unpack_from("<H", saved, first)
        struct.pack_into("<I", saved, first + 2 + 12 * entries, len(saved))
    return bytes(saved) + directory


@pytest.mark.parametrize(
    "encoded",
    [
        _tiff({_KIND: 1}, below={_KIND: 0, _PHOTOMETRIC: _OF_SENSORS}),
        _tiff({}, below={_PHOTOMETRIC: 34_892}),
        _tiff({_DNG_VERSION: b"\1\4\0\0"}),
        _tiff({_KIND: 1, _DNG_VERSION: b"\1\4\0\0"}, below={_PHOTOMETRIC: _RGB}),
    ],
)
def test_camera_raw_is_no_picture_of_its_preview_whatever_it_is_called(encoded: bytes) -> None:
    with pytest.raises(ImageError, match=r"^camera raw, which is not decoded$"):
        decode(encoded, Resize.SQUASH)


@pytest.mark.parametrize("head", [b"II*\0\x20\0\0\0IIIITwaR", b"MM\0*\0\0\0\x20MMMMRawT"])
def test_camera_raw_by_phase_one_is_known_by_its_first_bytes(head: bytes) -> None:
    assert format_of(head + bytes(48)) == "camera raw"


@pytest.mark.parametrize("place", ["below", "then"])
@pytest.mark.parametrize("tags", [{_KIND: 1}, {255: 2}])
def test_preview_of_another_picture_is_refused(place: str, tags: dict[int, int]) -> None:
    encoded = _tiff(tags, **{place: {_KIND: 0, _PHOTOMETRIC: _RGB}})
    with pytest.raises(ImageError, match="a TIFF that begins with a preview of another picture"):
        decode(encoded, Resize.SQUASH)


@pytest.mark.parametrize(
    "encoded",
    [
        _tiff({}),
        _tiff({_KIND: 1}),  # a preview that was taken out of its file, an overview beside it
        _tiff({_KIND: 2}, then={_KIND: 2, _PHOTOMETRIC: _RGB}),
        _tiff({_KIND: 0}, then={_KIND: 1, _PHOTOMETRIC: _RGB}),
        _tiff({}, below={_KIND: 1, _PHOTOMETRIC: _RGB}),
    ],
)
def test_single_tiff_pages_and_pyramids_are_their_first_picture(encoded: bytes) -> None:
    assert (decode(encoded, Resize.SQUASH) == [255, 0, 0]).all()


def _photoshop(version: bytes, layers: bytes) -> bytes:
    """A merged picture of 8 x 8, white."""
    header = struct.pack(">4sH6xHIIHH", b"8BPS", 1, 3, 8, 8, 8, 3)
    resource = struct.pack(">4sHHI", b"8BIM", 1057, 0, len(version)) + version + bytes(len(version) % 2)
    sections = [b"", resource if version else b"", layers]
    return header + b"".join(struct.pack(">I", len(each)) + each for each in sections) + bytes(2) + b"\xff" * 3 * 64


_LAYERS = struct.pack(">IhI", 6, 0, 0)


def test_photoshop_file_whose_layers_are_not_merged_is_refused() -> None:
    with pytest.raises(ImageError, match="without its layers merged; save it with Maximize Compatibility"):
        decode(_photoshop(struct.pack(">IB8x", 1, 0), _LAYERS), Resize.SQUASH)


@pytest.mark.parametrize(
    ("version", "layers"),
    [(struct.pack(">IB8x", 1, 1), _LAYERS), (struct.pack(">IB8x", 1, 0), b""), (b"", _LAYERS)],
)
def test_photoshop_file_that_is_merged_flat_or_of_an_early_version_is_read(version: bytes, layers: bytes) -> None:
    assert (decode(_photoshop(version, layers), Resize.SQUASH) == 255).all()


@pytest.mark.parametrize("num_inks", [1, 3])
def test_photoshop_file_of_several_inks_is_no_picture_of_the_first(num_inks: int) -> None:
    header = struct.pack(">4sH6xHIIHH", b"8BPS", 1, num_inks, 8, 8, 8, 7)
    encoded = header + bytes(12) + bytes(2) + b"\x80" * 64 * num_inks
    if num_inks == 1:
        assert (decode(encoded, Resize.SQUASH) == 128).all()
    else:
        with pytest.raises(ImageError, match=r"of several inks .*, which is not decoded"):
            decode(encoded, Resize.SQUASH)
