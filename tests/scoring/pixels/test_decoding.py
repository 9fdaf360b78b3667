import csv
import io
import struct
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from scoring.bench.drawings import draw_odd_photos, draw_photos
from scoring.errors import ImageError
from scoring.pixels.decoding import MAX_IMAGE_PIXELS, Resize, decode
from scoring.pixels.input_shape import IMAGE_SIZE


def _encoded(image: Image.Image, kind: str = "png", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def _centre(pixels: Any) -> list[int]:
    return [int(value) for value in pixels[IMAGE_SIZE // 2, IMAGE_SIZE // 2]]


@pytest.mark.parametrize("resize", list(Resize))
@pytest.mark.parametrize("size", [(1, 1), (2, 1), (1, 700), (224, 224), (500, 375)])
def test_any_size_becomes_224_by_224_rgb(resize: Resize, size: tuple[int, int]) -> None:
    pixels = decode(_encoded(Image.new("RGB", size, (10, 20, 30))), resize)
    assert pixels.shape == (224, 224, 3)
    assert pixels.dtype == np.uint8
    assert (pixels == [10, 20, 30]).all()


@pytest.mark.parametrize(
    ("mode", "colour", "expected"),
    [
        ("L", 77, [77, 77, 77]),
        ("1", 1, [255, 255, 255]),
        ("P", 0, [0, 0, 0]),
        ("RGBA", (200, 100, 0, 255), [200, 100, 0]),
        ("RGBA", (200, 100, 0, 0), [255, 255, 255]),
        ("RGBA", (0, 0, 0, 127), [128, 128, 128]),
        ("LA", (0, 0), [255, 255, 255]),
        ("I;16", 65_535, [255, 255, 255]),
        ("I;16", 32_896, [128, 128, 128]),
    ],
)
def test_every_png_mode_becomes_rgb_on_white(mode: str, colour: Any, expected: list[int]) -> None:
    assert _centre(decode(_encoded(Image.new(mode, (30, 30), colour)), Resize.SQUASH)) == expected


def test_palette_transparency_is_laid_on_white() -> None:
    image = Image.new("P", (30, 30), 0)
    image.putpalette([255, 0, 0])
    assert _centre(decode(_encoded(image, transparency=0), Resize.SQUASH)) == [255, 255, 255]


def _png_with(kind: bytes, content: bytes, checksum: int | None = None) -> bytes:
    """A red PNG with one more chunk before its pixels."""
    encoded = _encoded(Image.new("RGB", (30, 30), "red"))
    place = encoded.index(b"IDAT") - 4
    crc = zlib.crc32(kind + content) if checksum is None else checksum
    chunk = struct.pack(">I4s", len(content), kind) + content + struct.pack(">I", crc)
    return encoded[:place] + chunk + encoded[place:]


_MUCH = zlib.compress(bytes(3 * 1024**2))


@pytest.mark.parametrize(
    ("kind", "content", "checksum"),
    [
        (b"zTXt", b"words\0\0" + _MUCH, None),
        (b"iTXt", b"words\0\1\0\0\0" + _MUCH, None),
        (b"iCCP", b"profile\0\0" + _MUCH, None),
        (b"tEXt", b"words\0more", 12345),  # a damaged checksum
        (b"zTXt", b"words\0\0damaged", None),
        (b"iCCP", b"", None),
        (b"eXIf", b"MM\0*\0\0\0\x08", 12345),
    ],
)
def test_png_with_much_or_damaged_metadata_is_decoded(kind: bytes, content: bytes, checksum: int | None) -> None:
    assert _centre(decode(_png_with(kind, content, checksum), Resize.SQUASH)) == [255, 0, 0]


def test_png_with_damaged_pixels_says_what_is_wrong_with_it() -> None:
    encoded = bytearray(_png_with(b"zTXt", b"words\0\0" + _MUCH))
    encoded[encoded.index(b"IDAT") + 6] ^= 0xFF
    with pytest.raises(ImageError, match="damaged PNG: the checksum of its pixels"):
        decode(bytes(encoded), Resize.SQUASH)


def test_cmyk_jpeg_becomes_rgb() -> None:
    pixels = decode(_encoded(Image.new("CMYK", (30, 30), (0, 255, 255, 0)), "jpeg"), Resize.SQUASH)
    assert np.abs(np.array(_centre(pixels)) - [255, 0, 0]).max() <= 4


def test_float_tiff_from_0_to_1_becomes_8_bit() -> None:
    assert _centre(decode(_encoded(Image.new("F", (30, 30), 1.0), "tiff"), Resize.SQUASH)) == [255, 255, 255]


def test_first_frame_of_an_animation_is_taken() -> None:
    frames = [Image.new("RGB", (30, 30), colour) for colour in ("red", "blue")]
    encoded = _encoded(frames[0], "gif", save_all=True, append_images=frames[1:])
    assert _centre(decode(encoded, Resize.SQUASH)) == [255, 0, 0]


def test_squash_shows_everything_and_crop_shows_the_centre() -> None:
    wide = Image.new("RGB", (600, 200), "black")
    wide.paste("white", (200, 0, 400, 200))  # the middle third
    assert decode(_encoded(wide), Resize.SQUASH)[112, :60].max() == 0
    assert decode(_encoded(wide), Resize.CROP)[112].min() > 200


def test_crop_equals_resizing_to_256_and_cutting_the_centre() -> None:
    generator = np.random.default_rng(0)
    noise = Image.fromarray(generator.integers(0, 256, (16, 24, 3), dtype=np.uint8)).resize((768, 512))
    resized = noise.resize((384, 256), Image.Resampling.BILINEAR)
    expected = np.asarray(resized.crop((80, 16, 304, 240))).astype(int)
    assert np.abs(decode(_encoded(noise), Resize.CROP).astype(int) - expected).max() <= 1


def test_input_bytes_are_left_unchanged() -> None:
    encoded = _encoded(Image.new("RGB", (30, 30), "red"))
    before = bytes(encoded)
    decode(encoded, Resize.CROP)
    assert encoded == before


@pytest.mark.parametrize(
    ("encoded", "reason"),
    [(b"", "empty"), (b"<html>403</html>", "not an image"), (b"\xff\xd8\xff\xe0junk", "OSError")],
)
def test_what_is_no_image_is_an_image_error(encoded: bytes, reason: str) -> None:
    with pytest.raises(ImageError, match=reason):
        decode(encoded, Resize.SQUASH)


def test_truncated_jpeg_is_an_image_error() -> None:
    encoded = _encoded(Image.effect_noise((200, 200), 80), "jpeg")
    with pytest.raises(ImageError, match="truncated"):
        decode(encoded[: len(encoded) // 2], Resize.SQUASH)


def test_image_beyond_the_pixel_limit_is_refused_from_its_header() -> None:
    encoded = _encoded(Image.new("1", (10_000, MAX_IMAGE_PIXELS // 10_000 + 1)))
    tracemalloc.start()
    with pytest.raises(ImageError, match="exceed the limit of 89,478,485"):
        decode(encoded, Resize.SQUASH)
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()


# Here our way through Pillow differs from the index's, which asked for metadata and for all frames first.
_JUDGED_OTHERWISE = {"broken_data_stream.png": "error", "psd-oob-write-overflow.psd": "loads"}


def test_odd_images_decode_or_say_why_in_one_line(data_folder: Path) -> None:
    folder = data_folder / "odd_images"
    with (folder / "INDEX.tsv").open() as file:
        index = {row["file"]: row["pillow_result"] for row in csv.DictReader(file, delimiter="\t")}
    assert len(index) == 40
    for name, verdict in (index | _JUDGED_OTHERWISE).items():
        encoded = (folder / name).read_bytes()
        if verdict == "loads":
            assert decode(encoded, Resize.CROP).shape == (224, 224, 3), name
        else:
            with pytest.raises(ImageError) as refused:
                decode(encoded, Resize.CROP)
            assert "\n" not in str(refused.value), name


def test_drawn_photos_hold_three_broken_ones(tmp_path: Path) -> None:
    draw_photos(tmp_path, 7, seed=1)
    draw_odd_photos(tmp_path, after=7, seed=1)
    broken = []
    for number, path in enumerate(sorted(tmp_path.glob("*/*"), key=lambda path: int(path.stem)), start=1):
        try:
            decode(path.read_bytes(), Resize.SQUASH)
        except ImageError:
            broken.append(number)
    assert broken == [10, 11, 12]
