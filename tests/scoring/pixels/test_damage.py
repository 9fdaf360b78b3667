"""Damaged files that decoders show as pictures."""

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from scoring.errors import ImageError
from scoring.pixels.decoding import Resize, decode
from scoring.pixels.input_shape import InputShape

_SIDE = 128


def _png() -> bytes:
    """A picture mostly black, in one chunk of a code in which a zero bit is a black sample."""
    rows = np.zeros((_SIDE, 1 + 3 * _SIDE), np.uint8)
    some = rows[:, 1::7]
    some[:] = np.random.default_rng(0).integers(0, 256, some.shape, dtype=np.uint8)
    packer = zlib.compressobj(strategy=zlib.Z_HUFFMAN_ONLY)
    pixels = packer.compress(rows.tobytes()) + packer.flush()
    head = struct.pack(">IIBBBBB", _SIDE, _SIDE, 8, 2, 0, 0, 0)
    chunks = b"".join(
        struct.pack(">I4s", len(content), kind) + content + zlib.crc32(kind + content).to_bytes(4, "big")
        for kind, content in ((b"IHDR", head), (b"tEXt", b"a\0b"), (b"IDAT", pixels), (b"IEND", b""))
    )
    return b"\x89PNG\r\n\x1a\n" + chunks


def _icon(png: bytes) -> bytes:
    return struct.pack("<HHHBBBBHHII", 0, 1, 1, _SIDE, _SIDE, 0, 0, 1, 32, len(png), 22) + png


def _apple_icon(png: bytes) -> bytes:
    return b"icns" + struct.pack(">I4sI", 16 + len(png), b"ic07", 8 + len(png)) + png


def _decoded(encoded: bytes) -> npt.NDArray[np.int64]:
    return decode(encoded, Resize.SQUASH, InputShape(_SIDE, _SIDE, 3)).astype(int)


@pytest.mark.parametrize("packed", [bytes, _icon, _apple_icon])
def test_png_whose_end_is_zeros_is_refused(packed: Callable[[bytes], bytes]) -> None:
    whole = _png()
    assert _decoded(packed(whole)).any()
    for written in range(1000, len(whole) - 16, 500):
        with pytest.raises(ImageError, match=r"checksum of its pixels|broken data"):
            _decoded(packed(whole[:written] + bytes(len(whole) - written)))


def _block(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">4sI", kind, 8 + len(content)) + content


def test_icon_of_many_signatures_is_read_at_once() -> None:
    """Each of which a chunk holds in what is no picture, or begins a block of its own."""
    signature = _png()[:8]
    junk = signature + (struct.pack(">I4s", 4, b"abcd") + signature) * 50_000
    blocks = _block(b"ic07", _png()) + _block(b"junk", junk) + _block(b"ic07", signature + bytes(8)) * 50_000
    blocks += _block(b"ic07", _png())
    np.testing.assert_array_equal(_decoded(_block(b"icns", blocks)), _decoded(_png()))


@pytest.mark.parametrize("kind", [b"icp4", b"ic07", b"ic10", b"ic14"])
def test_damaged_png_is_found_in_any_block_of_an_icon(kind: bytes) -> None:
    whole = _png()
    damaged = whole[: len(whole) // 2] + bytes(len(whole) - len(whole) // 2)
    blocks = _block(b"TOC ", bytes(8)) + _block(b"ic08" if kind == b"ic07" else b"ic07", whole)
    assert _decoded(_block(b"icns", blocks)).any()
    with pytest.raises(ImageError, match="checksum of its pixels"):
        _decoded(_block(b"icns", blocks + _block(kind, damaged)))


def test_png_whose_checksum_of_pixels_is_cut_off_is_refused() -> None:
    with pytest.raises(ImageError, match="checksum of its pixels"):
        _decoded(_png()[:-14])


@pytest.mark.parametrize("num_bytes", [1, 4, 12])
def test_png_that_lacks_only_its_end_is_read(num_bytes: int) -> None:
    whole = _png()
    np.testing.assert_array_equal(_decoded(whole[:-num_bytes]), _decoded(whole))
    np.testing.assert_array_equal(_decoded(whole[:-num_bytes] + bytes(num_bytes)), _decoded(whole))


def test_png_whose_text_has_another_checksum_is_read() -> None:
    whole = _png()
    place = whole.index(b"tEXt") + 4 + 3
    other = whole[:place] + b"\0\0\0\0" + whole[place + 4 :]
    np.testing.assert_array_equal(_decoded(other), _decoded(whole))


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("options", [{}, {"no_jp2": True}, {"irreversible": True, "tile_size": (64, 64)}])
def test_jpeg_2000_is_refused_wherever_it_is_cut_off(mode: str, options: dict[str, Any]) -> None:
    content = io.BytesIO()
    Image.open(io.BytesIO(_png())).convert(mode).save(content, "jpeg2000", **options)
    whole = content.getvalue()
    assert _decoded(whole).any()
    headers = whole.index(b"\xff\x90") + 20
    for length in (*range(1, headers), *range(headers, len(whole), 500), len(whole) - 1):
        with pytest.raises(ImageError):
            _decoded(whole[:length])


def _photo(data_folder: Path) -> Image.Image:
    path = sorted((data_folder / "photos" / "train").glob("*.jpg"))[0]
    return Image.open(path).convert("RGB").resize((256, 192))


@pytest.mark.parametrize(
    ("kind", "plugin", "options", "last"),
    [
        ("jpeg", None, {}, 19),
        ("jpeg", None, {"restart_marker_blocks": 4}, 19),
        ("jpeg", None, {"progressive": True}, 19),
        ("webp", None, {}, 19),
        ("webp", None, {"exif": bytes(300)}, 19),
        ("webp", None, {"lossless": True}, 14),  # nearly a quarter of zeros may be meant
        ("avif", None, {"speed": 9}, 19),
        ("avif", None, {"speed": 9, "exif": b"Exif\0\0II*\0" + bytes(300)}, 19),
        ("heif", "pillow_heif", {}, 19),
        ("jpeg2000", None, {}, 19),
        ("qoi", None, {}, 19),
        ("gif", None, {}, 19),
        ("tiff", None, {"compression": "tiff_lzw"}, 19),
        ("tiff", None, {"compression": "tiff_adobe_deflate"}, 19),
    ],
)
def test_photo_whose_end_is_zeros_is_refused(
    data_folder: Path, kind: str, plugin: str | None, options: dict[str, Any], last: int
) -> None:
    if plugin:
        pytest.importorskip(plugin).register_heif_opener()
    content = io.BytesIO()
    _photo(data_folder).save(content, kind, **options)
    whole = content.getvalue()
    assert _decoded(whole).any()
    for written in range(len(whole) // 20, len(whole) * last // 20, len(whole) // 20):
        with pytest.raises(ImageError):
            _decoded(whole[:written] + bytes(len(whole) - written))


@pytest.mark.parametrize("kind", ["jpeg", "webp", "avif", "heif", "qoi"])
@pytest.mark.parametrize("size", [(8, 8), (500, 400), (1000, 1000)])
@pytest.mark.parametrize("upper", [0, 8])  # rows of noise above one colour
def test_picture_of_one_colour_is_not_taken_for_zeros(kind: str, size: tuple[int, int], upper: int) -> None:
    if kind == "heif":
        pytest.importorskip("pillow_heif").register_heif_opener()
    kinds = {"webp": ({}, {"lossless": True, "method": 0}, {"quality": 0}), "avif": ({"speed": 9},)}
    for options in kinds.get(kind, ({},)):
        for colour in ("black", "white"):
            picture = Image.new("RGB", size, colour)
            if upper:
                picture.paste(Image.effect_noise((size[0], upper), 80).convert("RGB"), (0, 0))
            content = io.BytesIO()
            picture.save(content, kind, **options)
            is_dark = colour == "black" and not upper
            assert (_decoded(content.getvalue()).max() < 8) == is_dark


def test_zeros_behind_a_whole_picture_do_not_matter(data_folder: Path) -> None:
    for kind in ("jpeg", "png", "webp", "avif", "gif"):
        content = io.BytesIO()
        _photo(data_folder).save(content, kind)
        np.testing.assert_array_equal(_decoded(content.getvalue() + bytes(5000)), _decoded(content.getvalue()))
