"""Formats by name and content, and those that take a plugin."""

import io
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scoring.errors import ImageError
from scoring.pixels import formats
from scoring.pixels.decoding import Resize, decode
from scoring.pixels.formats import HEAD_BYTES, IMAGE_SUFFIXES, format_of

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


def test_postscript_is_not_run_whatever_the_machine_has(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pillow has Ghostscript run it: on one node of a cluster a picture, on another an error."""
    monkeypatch.setattr(Image, "open", lambda file: pytest.fail("Pillow was asked"))
    with pytest.raises(ImageError, match="PostScript, which is not decoded"):
        decode(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\nshowpage\n", Resize.SQUASH)


def test_no_suffix_is_of_two_kinds() -> None:
    assert all(formats.format_of_suffix(suffix) is None for suffix in IMAGE_SUFFIXES)


@pytest.fixture
def without_plugins(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(formats, "find_spec", lambda name: None)
    formats.load_plugin.cache_clear()
    yield
    formats.load_plugin.cache_clear()


@pytest.mark.parametrize(
    ("head", "name"), [(b"\0\0\0\x1cftypheic\0\0\0\0mif1heic", "HEIC"), (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL")]
)
def test_picture_that_takes_a_plugin_says_which_where_there_is_none(
    without_plugins: None, monkeypatch: pytest.MonkeyPatch, head: bytes, name: str
) -> None:
    for other in ("HEIF", "JXL"):  # what another test had Pillow learn
        monkeypatch.delitem(Image.OPEN, other, raising=False)
    with pytest.raises(ImageError, match=rf"^{name}, which needs pip install 'shardscore\[formats\]'$"):
        decode(head + bytes(100), Resize.SQUASH)


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


@pytest.mark.parametrize("between", [" ", "\n", "#\n", " #\n", "# #\n "])
def test_a_long_head_of_a_pnm_is_read_in_one_pass(between: str) -> None:
    """A pattern that can divide blanks in several ways takes for ever over some dozens that no digit follows."""
    blanks = (between * 200).encode()
    assert format_of(b"P1" + blanks + b"x") is None
    assert format_of(b"P1" + blanks + b"7 7 ") == "PNM"
