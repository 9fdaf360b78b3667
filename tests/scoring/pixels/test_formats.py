"""Formats by name and content, and those that take a plugin."""

import importlib.util
import io
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from scoring.errors import ImageError, PluginError
from scoring.pixels import formats
from scoring.pixels.decoding import Resize, decode
from scoring.pixels.formats import HEAD_BYTES, IMAGE_SUFFIXES, format_of
from scoring.pixels.input_shape import InputShape
from scoring.sources.entries import FoundFile
from scoring.sources.image_finder import Account, ImageFinder, judge_name

Samples = npt.NDArray[Any]
_ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("jpeg", "JPEG"),
        ("png", "PNG"),
        ("gif", "GIF"),
        ("webp", "WebP"),
        ("tiff", "TIFF"),
        ("bmp", "BMP"),
        ("avif", "AVIF"),
        ("jpeg2000", "JPEG 2000"),
        ("ppm", "PNM"),
        ("qoi", "QOI"),
        ("dds", "DDS"),
        ("icns", "Apple icon"),
        ("sgi", "SGI"),
    ],
)
def test_format_is_known_by_the_first_bytes(kind: str, name: str) -> None:
    content = io.BytesIO()
    Image.new("RGB", (300, 200), "red").save(content, kind)
    assert format_of(content.getvalue()[:HEAD_BYTES]) == name
    assert formats.is_decoded(name)


@pytest.mark.parametrize(
    "head", [b"", b"BMW is a car", b"P5 is a name", b"GIF", b"II", b"<html>", b"\0" * 64, b"RIFF\0\0\0\0WAVE"]
)
def test_what_only_begins_like_an_image_is_none(head: bytes) -> None:
    assert format_of(head) is None


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"\x59\xa6\x6a\x95\0\0\0\x14", "Sun raster"),
        (b"#define im_width 16\n#define im_height 7\n", "X bitmap"),
        (b"/* made by hand */\n#define im_width 16\n", "X bitmap"),
        (b"Image type: RGB image\r\nImage size", "IFUNC image"),
        (b"DanM\x14\0\x0c\0", "Windows Paint"),
        (b"BLP2\1\0\0\0", "Blizzard texture"),
        (b"\xd7\xcd\xc6\x9a\0\0", "Windows metafile"),
        (b"\1\0\0\0" + bytes(36) + b" EMF", "Windows metafile"),
        (b"PF\n16 7\n-1.0\n", "colour PFM"),
        (b"P7\nWIDTH 16\n", "PAM"),
    ],
)
def test_picture_that_is_not_decoded_is_named_in_a_folder_and_as_bytes(head: bytes, name: str) -> None:
    reason = f"{name}, which is not decoded"
    account = Account()
    finder = ImageFinder(lambda file, length: head[:length], account)
    assert list(finder.images([FoundFile("picture", len(head)), FoundFile("picture.im", len(head))])) == []
    assert [(left.reason, left.count) for left in account.left_out()] == [(reason, 2)]
    with pytest.raises(ImageError, match=reason):
        decode(head + bytes(1000), Resize.SQUASH)


@pytest.mark.parametrize("suffix", [".xbm", ".spi", ".blp", ".wmf"])
def test_picture_that_is_not_decoded_is_named_by_its_suffix(suffix: str) -> None:
    assert str(judge_name("picture" + suffix)).endswith(", which is not decoded")


def test_damaged_picture_is_called_by_its_format() -> None:
    with pytest.raises(ImageError, match=r"^TIFF, damaged or of a kind that is not decoded$"):
        decode(b"II*\0" + bytes(100), Resize.SQUASH)


def _rows() -> Samples:
    """A picture of 8 x 8, brighter below than above, red on the left."""
    picture = np.zeros((8, 8, 3), np.uint8)
    picture[..., 1] = np.arange(8)[:, None] * 30
    picture[:, :3, 0] = 255
    return picture


@pytest.mark.parametrize("num_bytes", [1, 2])
@pytest.mark.parametrize("has_runs", [False, True])
def test_sgi_picture_of_8_and_16_bits_is_the_picture(num_bytes: int, has_runs: bool) -> None:
    """Rows lie from the lowest to the highest, channel after channel."""
    planes = np.moveaxis(_rows(), -1, 0)[:, ::-1].reshape(-1, 8).astype(int) * (257 if num_bytes == 2 else 1)
    header = struct.pack(">HBBHHHHII492x", 474, has_runs, num_bytes, 3, 8, 8, 3, 0, 256**num_bytes - 1)
    kind = ">u2" if num_bytes == 2 else "u1"
    if has_runs:
        rows = [np.array([0x88, *row, 0]).astype(kind).tobytes() for row in planes]
        starts = 512 + 8 * len(rows) + np.arange(len(rows)) * len(rows[0])
        header += starts.astype(">u4").tobytes() + np.full(len(rows), len(rows[0]), ">u4").tobytes()
        encoded = header + b"".join(rows)
    else:
        encoded = header + planes.astype(kind).tobytes()
    assert format_of(encoded[:HEAD_BYTES]) == "SGI"
    np.testing.assert_array_equal(decode(encoded, Resize.SQUASH, InputShape(8, 8, 3)), _rows())


def test_grey_pfm_is_read_from_below() -> None:
    light = _rows()[..., 1]
    encoded = b"Pf\n8 8\n-1.0\n" + (light[::-1] / np.float32(255)).astype("<f4").tobytes()
    assert format_of(encoded) == "PFM"
    np.testing.assert_array_equal(decode(encoded, Resize.SQUASH, InputShape(8, 8, 1))[..., 0], light)


def test_x_pixmap_is_read() -> None:
    lines = ["8 8 3 1", "a c #ff0000", "b c #00ff80", "c c #fafafa", *["aaabbbcc"] * 8]
    encoded = ("/* XPM */\nstatic char *x[] = {\n" + ",\n".join(f'"{line}"' for line in lines) + "\n};\n").encode()
    assert format_of(encoded[:HEAD_BYTES]) == "X pixmap"
    colours = decode(encoded, Resize.SQUASH, InputShape(8, 8, 3))[0, [0, 4, 7]].tolist()
    assert colours == [[255, 0, 0], [0, 255, 128], [250, 250, 250]]


def test_postscript_is_not_run_whatever_the_machine_has(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pillow has Ghostscript run it: on one node of a cluster a picture, on another an error."""
    monkeypatch.setattr(Image, "open", lambda file: pytest.fail("Pillow was asked"))
    with pytest.raises(ImageError, match="PostScript, which is not decoded"):
        decode(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\nshowpage\n", Resize.SQUASH)


def test_no_suffix_is_of_two_kinds() -> None:
    assert all(formats.format_of_suffix(suffix) is None for suffix in IMAGE_SUFFIXES)


@pytest.fixture
def without_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "find_spec", lambda name: None)


@pytest.mark.parametrize(
    ("head", "name"), [(b"\0\0\0\x1cftypheic\0\0\0\0mif1heic", "HEIC"), (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL")]
)
def test_picture_that_takes_a_plugin_says_which_where_there_is_none(
    without_plugins: None, monkeypatch: pytest.MonkeyPatch, head: bytes, name: str
) -> None:
    known = [each for each in Image.ID if each not in ("HEIF", "JXL")]  # what another test had Pillow learn
    monkeypatch.setattr(Image, "ID", known)
    with pytest.raises(PluginError, match=rf"^{name}, which needs pip install 'shardscore\[formats\]'$"):
        decode(head + bytes(100), Resize.SQUASH)


def test_a_plugin_that_was_installed_since_is_loaded(without_plugins: None, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pillow_heif")
    assert not formats.load_plugin("HEIC")
    monkeypatch.setattr(formats, "find_spec", importlib.util.find_spec)
    assert formats.load_plugin("HEIC")


def _corner() -> Image.Image:
    """White in the upper left quarter."""
    image = Image.new("RGB", (64, 64), "black")
    image.paste("white", (0, 0, 32, 32))
    return image


def _encoded(kind: str, **options: bytes) -> bytes:
    plugin = pytest.importorskip("pillow_heif" if kind == "HEIF" else "pillow_jxl")
    if kind == "HEIF":
        plugin.register_heif_opener()
    content = io.BytesIO()
    _corner().save(content, kind, **options)
    return content.getvalue()


@pytest.mark.parametrize("kind", ["HEIF", "JXL"])
def test_plugin_is_loaded_by_the_first_picture_that_takes_it(kind: str, tmp_path: Path) -> None:
    (tmp_path / "picture").write_bytes(_encoded(kind))
    code = (
        "import sys, pathlib; from scoring.pixels.decoding import Resize, decode; "
        "before = {'pillow_heif', 'pillow_jxl'} & set(sys.modules); "
        f"pixels = decode(pathlib.Path({str(tmp_path / 'picture')!r}).read_bytes(), Resize.SQUASH); "
        "print(before, pixels[:100, :100].min() > 230, pixels[130:].max() < 25)"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=_ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout == "set() True True\n"


def test_orientation_of_a_jpeg_xl_is_applied_once() -> None:
    exif = Image.Exif()
    exif[0x0112] = 3
    turned, plain = _encoded("JXL", exif=exif.tobytes()), _encoded("JXL")
    np.testing.assert_array_equal(decode(turned, Resize.SQUASH), decode(plain, Resize.SQUASH))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("resize", Resize)
def test_jpeg_in_a_jpeg_xl_is_turned_as_it_is_alone(tmp_path: Path, orientation: int, resize: Resize) -> None:
    """`cjxl` packs a JPEG without loss, its pixels as they lie."""
    pytest.importorskip("pillow_jxl")
    exif = Image.Exif()
    exif[0x0112] = orientation
    _corner().resize((96, 64)).save(tmp_path / "photo.jpg", exif=exif)
    with Image.open(tmp_path / "photo.jpg") as photo:
        photo.save(tmp_path / "photo.jxl", lossless_jpeg=True)
    alone, packed = (decode((tmp_path / f"photo.{suffix}").read_bytes(), resize) for suffix in ("jpg", "jxl"))
    np.testing.assert_allclose(packed, alone, atol=2)


@pytest.mark.parametrize("between", [" ", "\n", "#\n", " #\n", "# #\n "])
def test_a_long_head_of_a_pnm_is_read_in_one_pass(between: str) -> None:
    """A pattern that can divide blanks in several ways takes for ever over some dozens that no digit follows."""
    blanks = (between * 200).encode()
    assert format_of(b"P1" + blanks + b"x") is None
    assert format_of(b"P1" + blanks + b"7 7 ") == "PNM"
