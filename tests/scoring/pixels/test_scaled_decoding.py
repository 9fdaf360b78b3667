"""Large JPEGs are decoded at a reduced scale: how far that may be from decoding every pixel."""

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile

from scoring.arrays import UInt8Array
from scoring.errors import ImageError
from scoring.models.model_request import ModelRequest
from scoring.networks.precision import Precision
from scoring.pixels import decoding
from scoring.pixels.decoding import MAX_IMAGE_PIXELS, Resize, decode
from tests.pictures import side_by_side

if TYPE_CHECKING:
    from collections.abc import Callable

_MEAN_IN_PHOTOS, _LARGEST_IN_PHOTOS, _LARGEST_IN_PATTERNS = 1, 32, 50  # of 255, as scoring/pixels/decoding.py states


def _jpeg(image: Image.Image, kind: str = "jpeg", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **{"quality": 90, **options})
    return buffer.getvalue()


def _decode_fully(encoded: bytes, resize: Resize) -> UInt8Array:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decoding, "_LEAST_SCALE", 1_000_000)
        return decode(encoded, resize)


def _differences(encoded: bytes, resize: Resize) -> np.ndarray:
    return np.abs(decode(encoded, resize).astype(int) - _decode_fully(encoded, resize))


@pytest.fixture
def decoded_sizes(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Size of every image that libjpeg decodes in this test."""
    sizes: list[tuple[int, int]] = []
    load: Callable[..., Any] = ImageFile.ImageFile.load

    def spy(image: Image.Image) -> Any:
        loaded = load(image)
        sizes.append(image.size)
        return loaded

    monkeypatch.setattr(ImageFile.ImageFile, "load", spy)
    return sizes


@pytest.mark.parametrize(
    ("size", "resize", "expected"),
    [
        ((500, 375), Resize.SQUASH, (500, 375)),
        ((1023, 768), Resize.SQUASH, (1023, 768)),
        ((3000, 895), Resize.SQUASH, (3000, 895)),
        ((1201, 896), Resize.SQUASH, (601, 448)),
        ((1201, 1023), Resize.CROP, (1201, 1023)),
        ((1201, 1025), Resize.CROP, (601, 513)),
        ((1799, 1793), Resize.SQUASH, (450, 449)),
        ((4000, 3600), Resize.SQUASH, (500, 450)),
    ],
)
def test_only_what_leaves_twice_the_needed_size_in_both_directions_is_reduced(
    size: tuple[int, int], resize: Resize, expected: tuple[int, int], decoded_sizes: list[tuple[int, int]]
) -> None:
    decode(_jpeg(Image.new("L", size)), resize)
    assert set(decoded_sizes) == {expected}


@pytest.mark.ci
@settings(max_examples=20, deadline=None)
@given(st.integers(900, 1900), st.integers(900, 1900), st.sampled_from(Resize), st.sampled_from([0, 2]), st.booleans())
def test_photos_of_any_size_differ_little_from_decoding_every_pixel(
    data_folder: Path, width: int, height: int, resize: Resize, subsampling: int, progressive: bool
) -> None:
    photos = side_by_side(data_folder / "photos" / "test", (width, height))
    encoded = _jpeg(photos, subsampling=subsampling, progressive=progressive)
    differences = _differences(encoded, resize)
    assert differences.mean() <= _MEAN_IN_PHOTOS
    assert differences.max() <= _LARGEST_IN_PHOTOS


@pytest.mark.parametrize("period", [2, 3, 5, 6, 7])
def test_the_worst_patterns_differ_by_no_more_than_the_filters_weights(period: int) -> None:
    columns = np.arange(1797) % period < period / 2
    stripes = Image.fromarray(np.broadcast_to(columns * np.uint8(255), (1797, 1797)).copy())
    assert _differences(_jpeg(stripes, quality=95), Resize.SQUASH).max() <= _LARGEST_IN_PATTERNS


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_photos_of_other_modes_differ_little_too(data_folder: Path, mode: str) -> None:
    photos = side_by_side(data_folder / "photos" / "test", (1001, 903)).convert(mode)
    differences = _differences(_jpeg(photos), Resize.SQUASH)
    assert differences.mean() <= _MEAN_IN_PHOTOS
    assert differences.max() <= _LARGEST_IN_PHOTOS


def test_a_phones_file_of_several_pictures_is_reduced_to_its_first(decoded_sizes: list[tuple[int, int]]) -> None:
    first, second = (Image.new("RGB", (1001, 903), colour) for colour in ("red", "blue"))
    encoded = _jpeg(first, "mpo", save_all=True, append_images=[second])
    assert decode(encoded, Resize.SQUASH)[112, 112].tolist() == [254, 0, 0]
    assert set(decoded_sizes) == {(501, 452)}


@pytest.mark.parametrize("resize", list(Resize))
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_photo_of_odd_size_has_its_content_where_it_would_be_undivided(
    orientation: int, resize: Resize
) -> None:
    ramps = np.zeros((1801, 2047, 3), np.uint8)
    ramps[..., 0] = np.linspace(0, 255, 2047)
    ramps[..., 1] = np.linspace(0, 255, 1801)[:, None]
    exif = Image.Exif()
    exif[0x0112] = orientation
    encoded = _jpeg(Image.fromarray(ramps), exif=exif, subsampling=0)
    assert _differences(encoded, resize).max() <= 2


def test_a_large_photo_that_is_cut_off_is_an_image_error(data_folder: Path) -> None:
    encoded = _jpeg(side_by_side(data_folder / "photos" / "test", (1800, 1800)))
    with pytest.raises(ImageError, match="truncated"):
        decode(encoded[: len(encoded) // 2], Resize.SQUASH)


def test_the_pixel_limit_counts_pixels_before_reduction() -> None:
    small = _jpeg(Image.new("L", (8, 8)))
    frame = small.index(b"\xff\xc0") + 5  # height and width in the header: ITU-T T.81, B.2.2
    side = int(MAX_IMAGE_PIXELS**0.5) + 1
    encoded = small[:frame] + side.to_bytes(2, "big") * 2 + small[frame + 4 :]
    with pytest.raises(ImageError, match="exceed the limit of 89,478,485"):
        decode(encoded, Resize.SQUASH)


@pytest.mark.keras
@pytest.mark.slow
def test_a_networks_labels_are_those_of_decoding_every_pixel(data_folder: Path) -> None:
    model = ModelRequest(
        str(data_folder / "models" / "cat_dog_squeezenet.keras"), None, "cat,dog", Precision.FLOAT32, "tensorflow"
    )
    score = model.load().score
    for photo in sorted((data_folder / "photos" / "train").glob("*.jpg"))[::20]:
        for size in ((1201, 900), (4032, 3024)):
            encoded = _jpeg(Image.open(photo).resize(size, Image.Resampling.LANCZOS))
            both = np.stack([decode(encoded, Resize.CROP), _decode_fully(encoded, Resize.CROP)])
            scaled, full = score(both)
            assert scaled.argmax() == full.argmax(), (photo.name, size)
