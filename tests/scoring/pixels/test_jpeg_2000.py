"""JPEG 2000 of other depths than 8 bits."""

import io

import numpy as np
import pytest
from PIL import Image

from scoring.errors import ImageError
from scoring.pixels.decoding import Resize, decode
from scoring.pixels.input_shape import InputShape

_DEPTH_AT = 42  # in the codestream, of its first component
# Written by OpenJPEG: 4 x 4 pixels of one grey, three colours of 16 bits.
_HEAD = bytes.fromhex(
    "ff4fff51002f0000000000040000000400000000000000000000000400000004000000000000000000030f01010f01010f0101"
    "ff52000c00000001010004040001ff5c00044080ff90000a0000000000"
)
_PIXELS = {
    65_535: "180001ff93cffc301014005caf8080ffd9",
    32_896: "180001ff93c01f80201400519f8080ffd9",
    65_300: "290001ff93cffc305414005ca524a00003090604e705359fec473620ff7f8080ffd9",
}


def _grey(levels: list[int], depth: int) -> bytes:
    """A codestream of few bits: one of 8 bits, about its middle, that says that it is of fewer."""
    stored = np.array(levels, np.uint8)[None].repeat(8, axis=0) + np.uint8(128 - 2 ** (depth - 1))
    content = io.BytesIO()
    Image.fromarray(stored).save(content, "jpeg2000", no_jp2=True)
    encoded = bytearray(content.getvalue())
    encoded[_DEPTH_AT] = depth - 1
    return bytes(encoded)


@pytest.mark.parametrize("depth", [1, 2, 3, 4, 5, 6, 7])
def test_white_of_few_bits_is_white(depth: int) -> None:
    levels = np.linspace(0, 2**depth - 1, 8).round().astype(int)
    pixels = decode(_grey(levels.tolist(), depth), Resize.SQUASH, InputShape(8, 8, 1))
    assert np.abs(pixels[0, :, 0] - np.rint(levels * 255 / (2**depth - 1))).max() <= 1
    assert (pixels[0, 0, 0], pixels[0, -1, 0]) == (0, 255)


def test_colours_of_16_bits_that_pillow_turns_black_are_an_image_error() -> None:
    with pytest.raises(ImageError, match="JPEG 2000 of 16 bits, of which black and white are not told apart"):
        decode(_HEAD + bytes.fromhex(_PIXELS[65_535]), Resize.SQUASH)


@pytest.mark.parametrize("level", [32_896, 65_300])
def test_colours_of_16_bits_that_are_not_white_are_the_colours(level: int) -> None:
    pixels = decode(_HEAD + bytes.fromhex(_PIXELS[level]), Resize.SQUASH)
    assert pixels.min() == pixels.max() == (level + 128) // 256  # as Pillow rounds


def test_grey_of_16_bits_has_its_white() -> None:
    content = io.BytesIO()
    Image.fromarray(np.full((8, 8), 65_535, np.uint16)).save(content, "jpeg2000")
    assert decode(content.getvalue(), Resize.SQUASH).min() == 255
