"""Pictures decoded to shapes that are not VGG16's."""

import io
from functools import cache

import numpy as np
import pytest
from PIL import Image

from scoring.arrays import UInt8Array
from scoring.pixels.decoding import Resize, decode
from scoring.pixels.guarded_decode import GuardedDecode
from scoring.pixels.input_shape import InputShape
from scoring.pixels.resampling import resize_bilinear
from tests.pictures import TURNED_BACK

_WIDE = InputShape(96, 128)


def _photo(width: int, height: int) -> Image.Image:
    noise = np.random.default_rng(0).integers(0, 256, (9, 12, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize((width, height))


def _encoded(image: Image.Image, kind: str = "png", orientation: int = 1) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = io.BytesIO()
    image.save(content, kind, exif=exif, **({"quality": 95} if kind == "jpeg" else {"compress_level": 1}))
    return content.getvalue()


@cache
def _upright(resize: Resize) -> tuple[Image.Image, UInt8Array]:
    """A photo, and its pixels."""
    photo = _photo(1200, 900)
    return photo, decode(_encoded(photo), resize, _WIDE)


@pytest.mark.parametrize("resize", Resize)
@pytest.mark.parametrize(("kind", "tolerance"), [("png", 1), ("jpeg", 12)])
@pytest.mark.parametrize("orientation", TURNED_BACK)
def test_a_photo_that_lies_on_its_side_is_what_it_is_upright(
    orientation: int, kind: str, tolerance: int, resize: Resize
) -> None:
    """A JPEG of this size is decoded at a reduced scale."""
    upright, expected = _upright(resize)
    lying = _encoded(upright.transpose(TURNED_BACK[orientation]), kind, orientation)
    pixels = decode(lying, resize, _WIDE)
    assert pixels.shape == (96, 128, 3)
    assert np.abs(pixels.astype(int) - expected).max() <= tolerance


@pytest.mark.parametrize(("width", "height"), [(500, 375), (375, 500), (224, 224), (1, 700), (301, 299)])
def test_crop_to_a_square_takes_the_box_that_it_always_took(width: int, height: int) -> None:
    photo = _photo(width, height)
    side = min(width, height) * 224 / 256
    left, top = (width - side) / 2, (height - side) / 2
    expected = np.asarray(resize_bilinear(photo, (224, 224), (left, top, left + side, top + side)))
    np.testing.assert_array_equal(decode(_encoded(photo), Resize.CROP), expected)


@pytest.mark.parametrize("shape", [InputShape(96, 128), InputShape(128, 96), InputShape(180, 180), InputShape(40, 300)])
@pytest.mark.parametrize(("width", "height"), [(500, 375), (375, 500), (900, 100)])
def test_crop_keeps_proportions_and_cuts_as_much_as_256_to_224(width: int, height: int, shape: InputShape) -> None:
    """Resized until it covers the larger shape, then cut: the same within what two ways of rounding make."""
    photo = _photo(width, height)
    zoom = max(shape.width / width, shape.height / height) * 256 / 224
    across, down = shape.width / zoom, shape.height / zoom
    left, top = (width - across) / 2, (height - down) / 2
    assert min(left, top) >= 0
    box = (left, top, left + across, top + down)
    expected = np.asarray(photo.resize((shape.width, shape.height), Image.Resampling.BILINEAR, box=box)).astype(int)
    pixels = decode(_encoded(photo), Resize.CROP, shape)
    assert np.abs(pixels - expected).max() <= 1


@pytest.mark.parametrize("resize", Resize)
def test_large_jpeg_keeps_what_a_large_shape_needs(resize: Resize) -> None:
    """The reduced scale goes by the shape: at VGG16's, nothing of this size would be left of a fine pattern."""
    pattern = (np.indices((1800, 1800)).sum(axis=0) // 4 % 2 * 255).astype(np.uint8)
    pixels = decode(_encoded(Image.fromarray(pattern), "jpeg"), resize, InputShape(900, 900))
    assert pixels.std() > 60


def test_one_channel_is_the_luminance_of_the_resized_picture() -> None:
    encoded = _encoded(_photo(300, 200))
    colours = decode(encoded, Resize.SQUASH, InputShape(64, 48))
    pixels = decode(encoded, Resize.SQUASH, InputShape(64, 48, 1))
    assert pixels.shape == (64, 48, 1)
    assert pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels[..., 0], np.asarray(Image.fromarray(colours).convert("L")))


def test_picture_without_its_damaged_metadata_has_the_same_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = _encoded(_photo(30, 20))
    monkeypatch.setattr("scoring.pixels.decoding.without_metadata", lambda encoded: plain if encoded != plain else None)
    pixels = decode(b"damaged", Resize.SQUASH, InputShape(9, 5, 1))
    np.testing.assert_array_equal(pixels, decode(plain, Resize.SQUASH, InputShape(9, 5, 1)))


def test_a_process_of_its_own_decodes_to_the_same_shape() -> None:
    encoded = _encoded(_photo(300, 200))
    with GuardedDecode(time_limit_s=15) as guarded:
        pixels = guarded(encoded, Resize.CROP, InputShape(96, 128, 1))
    np.testing.assert_array_equal(pixels, decode(encoded, Resize.CROP, InputShape(96, 128, 1)))
