import io
import struct
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, TiffImagePlugin

from scoring.errors import ImageError
from scoring.pixels.decoding import Resize, decode

Samples = npt.NDArray[Any]


def _photo() -> Samples:
    """A picture from 0 to 1 with all that is between, 200 pixels a side."""
    across = np.linspace(0, 1, 200, dtype=np.float64)
    return (across[None, :] + across[:, None]) / 2


def _decode(samples: Samples, largest: float | None = None, tag: int = 281) -> Any:
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    if largest is not None:
        tags.tagtype[tag] = 3 if tag == 281 else 11
        tags[tag] = largest if tag != 281 else int(largest)
    content = io.BytesIO()
    Image.fromarray(samples).save(content, "tiff", tiffinfo=tags)
    return decode(content.getvalue(), Resize.SQUASH)[..., 0].astype(int)


_EXPECTED = np.rint(_photo() * 255).astype(np.uint8)


@pytest.mark.parametrize(
    ("white", "kind"),
    [(1, "float32"), (255, "float32"), (65_535, "float32"), (255, "int32"), (65_535, "int32"), (65_535, "uint16")],
)
def test_picture_of_every_range_is_the_same_picture(white: float, kind: str) -> None:
    samples = _photo() * white
    pixels = _decode((samples if kind == "float32" else np.rint(samples)).astype(kind))
    assert np.abs(pixels - _decode(_EXPECTED)).max() <= 1


@pytest.mark.parametrize("white", [1.0, 255.0, 65_535.0])
@pytest.mark.parametrize("odd", [1.2, 3.0, 1e6, -1e6, 1e30, np.nan, np.inf, -np.inf])
def test_one_sample_does_not_change_the_others(white: float, odd: float) -> None:
    samples = (_photo() * white).astype(np.float32)
    samples[7, 9] = odd * white
    pixels = _decode(samples)
    changed = np.abs(pixels - _decode(_EXPECTED)) > 1
    assert changed.sum() <= 16  # those that the filter mixes with it
    assert changed[20:, 20:].sum() == 0


def test_border_of_what_is_no_number_is_black_and_infinity_is_white() -> None:
    samples = _photo().astype(np.float32)
    samples[:40] = np.nan
    samples[160:] = np.inf
    pixels = _decode(samples)
    assert pixels[:40].max() == 0
    assert pixels[190:].min() == 255
    assert np.abs(pixels - _decode(_EXPECTED))[60:160].max() <= 1


def test_rounding_and_highlights_beyond_white_are_white() -> None:
    samples = _photo().astype(np.float32)
    samples[:50] = np.float32(1.000_000_2)
    samples[100, :150] = 2.5  # less than a hundredth of all
    pixels = _decode(samples)
    assert pixels[:50].min() == 255
    assert np.abs(pixels - _decode(_EXPECTED))[150:].max() <= 1


def test_black_and_dark_pictures_are_black_and_dark() -> None:
    assert _decode(np.zeros((30, 30), np.float32)).max() == 0
    assert _decode(np.zeros((30, 30), np.int32)).max() == 0
    assert _decode(np.full((30, 30), 0.02, np.float32)).max() == 5
    assert _decode(np.full((1, 1), 1.0, np.float32)).min() == 255


def _of(values: list[tuple[float, int]], kind: str = "float32") -> Samples:
    """A column of so many samples of each value."""
    return np.concatenate([np.full(count, value) for value, count in values]).astype(kind)[:, None]


@pytest.mark.parametrize(
    "samples",
    [
        _of([(0.3, 9950), (200, 50)]),  # stars: 0 to 255, of which most is background
        _of([(0, 5000), (7, 5000)]),
        _of([(0, 5000), (1000, 5000)]),  # 10 bits, or 12, or ...
        _of([(0, 5000), (100_000, 5000)]),
        _of([(-1, 5000), (1, 5000)]),
        _of([(-1000, 5000), (3000, 5000)], "int32"),  # tomography
        _of([(0, 5000), (9, 5000)], "int32"),  # a map of ten classes
        _of([(0, 5000), (2_000_000_000, 5000)], "int32"),
    ],
)
def test_picture_whose_range_is_not_known_is_an_image_error_that_says_so(samples: Samples) -> None:
    with pytest.raises(ImageError, match="are not known to be 0 to 1, 0 to 255 or 0 to 65,535"):
        _decode(samples)


def test_picture_without_a_number_in_it_is_an_image_error() -> None:
    with pytest.raises(ImageError, match="none of its samples is a number"):
        _decode(np.full((9, 9), np.nan, np.float32))


@pytest.mark.parametrize(
    ("largest", "tag", "kind"), [(4095, 281, "uint16"), (1023, 341, "float32"), (1, 341, "float32")]
)
def test_range_that_a_tiff_states_is_taken(largest: float, tag: int, kind: str) -> None:
    pixels = _decode((_photo() * largest).astype(kind), largest, tag)
    assert np.abs(pixels - _decode(_EXPECTED)).max() <= 1


@pytest.mark.parametrize("largest", [3000, 255])
def test_stated_range_is_ignored_if_it_is_no_range_or_samples_exceed_it(largest: int) -> None:
    samples = np.rint(_photo() * 65_535).astype(np.uint16)
    np.testing.assert_array_equal(_decode(samples, largest), _decode(samples))


def test_infinite_range_that_a_tiff_states_is_an_image_error_that_says_so() -> None:
    with pytest.raises(ImageError, match="infinite largest sample"):
        _decode(_photo().astype(np.float32), np.inf, 341)


def test_signed_16_bits_are_white_at_the_end_of_their_type() -> None:
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags.tagtype[339], tags[339] = 3, 2  # Pillow writes 32 bits where it is not told
    content = io.BytesIO()
    Image.fromarray(np.rint(_photo() * 32_767).astype(np.uint16)).save(content, "tiff", tiffinfo=tags)
    assert Image.open(content).mode == "I"
    pixels = decode(content.getvalue(), Resize.SQUASH)[..., 0].astype(int)
    assert np.abs(pixels - _decode(_EXPECTED)).max() <= 1


def _signed_8(samples: Samples, compression: str) -> bytes:
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags.tagtype[339], tags[339] = 3, 2
    content = io.BytesIO()
    Image.fromarray(samples.astype(np.int8).view(np.uint8)).save(
        content, "tiff", tiffinfo=tags, compression=compression
    )
    return content.getvalue()


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw"])
def test_signed_8_bits_are_white_at_the_end_of_their_type(compression: str) -> None:
    pixels = decode(_signed_8(np.rint(_photo() * 127), compression), Resize.SQUASH)[..., 0].astype(int)
    assert np.abs(pixels - _decode(_EXPECTED)).max() <= 2
    with pytest.raises(ImageError, match="from -111 to 110, are not known to be 0 to 1 or 0 to 127; save it"):
        decode(_signed_8(np.rint(_photo() * 255) - 128, compression), Resize.SQUASH)


@pytest.mark.parametrize("maxval", [1023, 65_535])
def test_wide_pgm_has_the_range_that_it_states_however_dark(maxval: int) -> None:
    samples = np.rint(_photo() * maxval / 40).astype(">u2")
    content = f"P5\n200 200\n{maxval}\n".encode() + samples.tobytes()
    assert 5 <= decode(content, Resize.SQUASH).max() <= 7


@pytest.mark.parametrize("kind", ["uint16", "float32"])
def test_tiff_that_says_that_zero_is_white_is_no_negative(kind: str) -> None:
    samples = np.linspace(0, 65_535, 64).reshape(8, 8).astype(kind)
    content = io.BytesIO()
    Image.fromarray(65_535 - samples).save(content, "TIFF", tiffinfo={262: 0})
    np.testing.assert_array_equal(decode(content.getvalue(), Resize.SQUASH)[..., 0], _decode(samples))


def test_transparent_level_of_a_wide_png_is_laid_on_white() -> None:
    samples = np.full((8, 8), 30_000, np.uint16)
    samples[:, 4:] = 100
    content = io.BytesIO()
    Image.fromarray(samples).save(content, "PNG", transparency=100)
    decoded = decode(content.getvalue(), Resize.SQUASH)
    assert decoded[0, 0].tolist() == [117, 117, 117]
    assert decoded[0, -1].tolist() == [255, 255, 255]


def _packed(samples: Samples) -> bytes:
    """A TIFF of 12 bits a sample, two in three bytes."""
    first, second = samples.astype(int).reshape(-1, 2).T
    data = np.stack([first >> 4, (first & 15) << 4 | second >> 8, second & 255], axis=1).astype(np.uint8).tobytes()
    height, width = samples.shape
    tags = {256: width, 257: height, 258: 12, 259: 1, 262: 1, 273: 122, 277: 1, 278: height, 279: len(data)}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    return struct.pack("<2sHIH", b"II", 42, 8, len(tags)) + entries + bytes(4) + data


@pytest.mark.parametrize("light", [1, 0.5, 0.01])
def test_packed_samples_of_12_bits_are_white_at_the_largest_of_them(light: float) -> None:
    pixels = decode(_packed(np.rint(_photo() * light * 4095)), Resize.SQUASH)[..., 0].astype(int)
    assert np.abs(pixels - _decode(np.rint(_photo() * light * 255).astype(np.uint8))).max() <= 1
