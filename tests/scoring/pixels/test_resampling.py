import importlib
import platform
import sys
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from scoring.arrays import Float64Array, UInt8Array
from scoring.pixels import resampling
from scoring.pixels.resampling import Box, resize_bilinear

_SIZE = (224, 224)
_SIDES = st.integers(1, 900)
_MARGINS = st.floats(0, 0.4)
_ON_X86 = pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="an instruction set of x86")


def _noise(width: int, height: int) -> Image.Image:
    generator = np.random.default_rng(width)
    return Image.fromarray(generator.integers(0, 256, (height, width, 3), dtype=np.uint8))


def _difference(image: Image.Image, box: Box) -> int:
    expected = np.asarray(image.resize(_SIZE, Image.Resampling.BILINEAR, box=box)).astype(int)
    return int(np.abs(np.asarray(resize_bilinear(image, _SIZE, box)) - expected).max())


def test_simd_resizes_on_this_processor() -> None:
    cykooz = pytest.importorskip("cykooz_resizer", reason="has no wheel for Linux on ARM")
    assert resampling.RESAMPLING == "cykooz-bilinear"
    assert cykooz.Resizer().cpu_extensions is not cykooz.CpuExtensions.none


@settings(deadline=None, max_examples=60)
@given(_SIDES, _SIDES, st.tuples(_MARGINS, _MARGINS, _MARGINS, _MARGINS))
def test_pixels_are_pillows_to_one_level(width: int, height: int, margins: tuple[float, float, float, float]) -> None:
    left, top, right, bottom = margins
    box = (width * left, height * top, width * (1 - right), height * (1 - bottom))
    assert _difference(_noise(width, height), box) <= 1


@pytest.mark.parametrize("size", [(1, 1), (5000, 40), (40, 5000), (4032, 3024)])
def test_whole_pictures_of_any_size_are_pillows_to_one_level(size: tuple[int, int]) -> None:
    """Pillow keeps pictures of over 16 MiB in several blocks of memory."""
    assert _difference(_noise(*size), (0.0, 0.0, float(size[0]), float(size[1]))) <= 1


def _long(kind: str, length: int) -> UInt8Array:
    """The pixels of one column, (length, 3)."""
    if kind == "noise":
        return np.random.default_rng(0).integers(0, 256, (length, 3), dtype=np.uint8)
    values = np.full(length, 255) if kind == "white" else np.linspace(0, 255, length)
    return np.repeat(values.astype(np.uint8)[:, None], 3, axis=1)


def _mean(pixels: UInt8Array) -> Float64Array:
    """The one pixel that the filter makes of a column, computed without rounding."""
    length = len(pixels)
    weights = 1 - np.abs((np.arange(length) + 0.5 - length / 2) / length)
    mean: Float64Array = weights @ pixels.astype(np.float64) / weights.sum()
    return mean


@pytest.mark.ci
@pytest.mark.parametrize("kind", ["white", "noise", "ramp"])
@pytest.mark.parametrize("length", [2**18, 2**18 + 1, 600_001, 2_000_000, 16_000_003])
def test_what_a_long_side_has_becomes_one_pixel_that_is_its_mean(
    length: int, kind: str, request: pytest.FixtureRequest
) -> None:
    pixels = _long(kind, length)
    expected = _mean(pixels)
    for alone in (False, True):
        if alone:
            request.getfixturevalue("pillow_alone")
        for column in (pixels[:, None], pixels[None]):
            image = Image.fromarray(column)
            made = np.asarray(resampling.resize_bilinear(image, (1, 1), (0.0, 0.0, image.width, image.height)))
            assert np.abs(made[0, 0] - expected).max() <= 2


def test_no_picture_of_a_shorter_side_is_averaged_first() -> None:
    image = Image.fromarray(_long("noise", 2**18)[None])
    box = (0.0, 0.0, float(image.width), 1.0)
    assert resampling._averaged(image, (1, 1), box) == (image, box)
    assert resampling._averaged(_noise(4032, 3024), (1, 1), (0.0, 0.0, 4032.0, 3024.0))[1] == (0.0, 0.0, 4032.0, 3024.0)


@pytest.mark.parametrize("instructions", ["none", pytest.param("sse4_1", marks=_ON_X86)])
def test_every_instruction_set_makes_the_same_pixels(monkeypatch: pytest.MonkeyPatch, instructions: str) -> None:
    cykooz = pytest.importorskip("cykooz_resizer", reason="has no wheel for Linux on ARM")
    image, box = _noise(500, 375), (3.5, 0.0, 490.25, 375.0)
    expected = np.asarray(resize_bilinear(image, _SIZE, box))

    class Slower(cykooz.Resizer):  # type: ignore[name-defined,misc]
        def __init__(self) -> None:
            super().__init__()
            self.cpu_extensions = cykooz.CpuExtensions[instructions]

    monkeypatch.setattr(resampling, "Resizer", Slower)
    np.testing.assert_array_equal(resize_bilinear(image, _SIZE, box), expected)


@pytest.fixture
def pillow_alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As on a machine without the library."""
    monkeypatch.setitem(sys.modules, "cykooz_resizer", None)
    importlib.reload(resampling)
    yield
    monkeypatch.undo()
    importlib.reload(resampling)


@pytest.mark.usefixtures("pillow_alone")
def test_pillow_resizes_where_the_library_is_missing() -> None:
    image, box = _noise(500, 375), (3.5, 0.0, 490.25, 375.0)
    assert resampling.RESAMPLING == "pillow-bilinear"
    expected = image.resize(_SIZE, Image.Resampling.BILINEAR, box=box)
    np.testing.assert_array_equal(resampling.resize_bilinear(image, _SIZE, box), expected)
