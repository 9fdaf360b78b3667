"""TIFFs made here, sample by sample, in both orders of bytes, X pixmaps, and Photoshop files of one bit."""

import io
import struct
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, TiffImagePlugin

from scoring.errors import ImageError
from scoring.pixels.decoding import Resize, decode
from scoring.pixels.input_shape import InputShape

Samples = npt.NDArray[Any]
_SIDE = 8
_DEFLATE = 8


def _tiff(order: str, planes: list[bytes], is_big: bool = False, **tags: int | list[int]) -> bytes:
    """A TIFF of 8 x 8 of one strip a plane; tags by name."""
    numbers = {
        "bits": 258,
        "compression": 259,
        "light": 262,
        "samples": 277,
        "planar": 284,
        "extra": 338,
        "kind": 339,
        "palette": 320,
        "subsampling": 530,
    }
    start, width, letter = (16, 20, "Q") if is_big else (8, 12, "I")
    named: dict[str, int | list[int]] = {"compression": 1, "light": 1, "samples": 1, **tags}
    fields = {numbers[name]: value if isinstance(value, list) else [value] for name, value in named.items()}
    places = np.cumsum([start, *map(len, planes)]).tolist()
    fields |= {256: [_SIDE], 257: [_SIDE], 278: [_SIDE], 273: places[:-1], 279: [len(plane) for plane in planes]}
    directory = places[-1]
    after = directory + (16 if is_big else 6) + width * len(fields)
    entries, beside = b"", b""
    for tag in sorted(fields):
        values = struct.pack(f"{order}{len(fields[tag])}H", *fields[tag])
        if len(values) > width - 12 + 4 * (not is_big):
            place = struct.pack(order + letter, after + len(beside))
            values, beside = place, beside + values
        entries += struct.pack(f"{order}HH{letter}", tag, 3, len(fields[tag])) + values.ljust(8 if is_big else 4, b"\0")
    name = b"II" if order == "<" else b"MM"
    head = name + struct.pack(order + ("HHHQ" if is_big else "HI"), *((43, 8, 0) if is_big else (42,)), directory)
    count = struct.pack(order + ("Q" if is_big else "H"), len(fields))
    return head + b"".join(planes) + count + entries + bytes(8 if is_big else 4) + beside


def _decode(encoded: bytes) -> Samples:
    return decode(encoded, Resize.SQUASH, InputShape(_SIDE, _SIDE, 3))


def _ramp(first: int = 0) -> Samples:
    return (first + np.arange(_SIDE * _SIDE) * 3).reshape(_SIDE, _SIDE) % 256


@pytest.mark.parametrize("order", ["<", ">"])
def test_planes_of_16_bits_are_the_colours(order: str) -> None:
    colours = [_ramp(0), _ramp(90), _ramp(170)]
    planes = [(colour * 257).astype(order + "u2").tobytes() for colour in colours]
    pixels = _decode(_tiff(order, planes, bits=[16] * 3, samples=3, light=2, planar=2))
    np.testing.assert_array_equal(pixels, np.stack(colours, axis=-1))
    opaque = np.full(_SIDE * _SIDE, 65_535, np.uint16).tobytes()
    pixels = _decode(_tiff(order, [*planes, opaque], bits=[16] * 4, samples=4, light=2, planar=2, extra=2))
    np.testing.assert_array_equal(pixels, np.stack(colours, axis=-1))


@pytest.mark.parametrize(("order", "is_big"), [("<", False), (">", False), ("<", True), (">", True)])
@pytest.mark.parametrize("light", [0, 1])
def test_one_plane_is_a_picture_like_others(order: str, light: int, is_big: bool) -> None:
    bits = np.packbits(_ramp() > 100).tobytes()
    fours = (_ramp() // 17).reshape(-1, 2) @ [16, 1]
    kinds = {1: bits, 4: fours.astype(np.uint8).tobytes(), 8: _ramp().astype(np.uint8).tobytes()}
    for depth, plane in kinds.items():
        expected = _decode(_tiff(order, [plane], bits=depth, light=light, is_big=is_big))
        pixels = _decode(_tiff(order, [plane], bits=depth, light=light, is_big=is_big, planar=2))
        np.testing.assert_array_equal(pixels, expected)
    np.testing.assert_array_equal(expected[..., 0], _ramp() if light else 255 - _ramp())


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("planar", [1, 2])
@pytest.mark.parametrize(("bits", "kind", "white"), [(32, 3, 1.0), (32, 2, 255), (16, 2, 32_767)])
def test_compressed_wide_samples_have_the_order_of_this_machine(
    order: str, bits: int, kind: int, white: float, planar: int
) -> None:
    light = np.linspace(0, white, _SIDE * _SIDE).astype(order + ("f4" if kind == 3 else f"i{bits // 8}"))
    plane = zlib.compress(light.tobytes())
    pixels = _decode(_tiff(order, [plane], bits=bits, kind=kind, compression=_DEFLATE, planar=planar))
    expected = np.rint(light.astype(float) * 255 / white).reshape(_SIDE, _SIDE)
    assert np.abs(pixels[..., 0] - expected).max() <= 1


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("planar", [1, 2])
@pytest.mark.parametrize("bits", [4, 8])
def test_a_palette_of_8_bits_a_colour_has_the_colours_of_one_of_16(order: str, planar: int, bits: int) -> None:
    red, green, blue = colours = np.stack([_ramp(0), _ramp(90), _ramp(170)]).reshape(3, -1)[:, : 2**bits]
    palette = np.zeros((3, 2**bits), int)
    palette[:, : colours.shape[1]] = colours
    places = np.arange(_SIDE * _SIDE) % colours.shape[1]
    plane = (places if bits == 8 else places.reshape(-1, 2) @ [16, 1]).astype(np.uint8).tobytes()
    for scale in (1, 256, 257):
        tags: dict[str, Any] = {"bits": bits, "light": 3, "palette": (palette * scale).ravel().tolist()}
        pixels = _decode(_tiff(order, [plane], planar=planar, **tags))
        np.testing.assert_array_equal(pixels.reshape(-1, 3), np.stack([red, green, blue], axis=1)[places])


def test_compressed_planes_of_grey_and_alpha_are_an_image_error() -> None:
    planes = [zlib.compress(_ramp().astype(np.uint8).tobytes()), zlib.compress(bytes([255]) * 64)]
    tags: dict[str, Any] = {"bits": [8, 8], "samples": 2, "planar": 2, "extra": 2, "compression": _DEFLATE}
    with pytest.raises(ImageError, match="planes of their own, which is not decoded"):
        _decode(_tiff("<", planes, **tags))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("compression", [1, _DEFLATE])
def test_planes_of_cielab_are_the_colours_that_lie_together(order: str, compression: int) -> None:
    def strip(samples: Samples) -> bytes:
        content = samples.astype(np.uint8).tobytes()
        return content if compression == 1 else zlib.compress(content)

    colours = np.stack([_ramp(60), _ramp(220) // 4, -_ramp(90) // 5], axis=-1)  # a* and b* have signs
    tags: dict[str, Any] = {"bits": [8] * 3, "samples": 3, "light": 8, "compression": compression}
    expected = _decode(_tiff(order, [strip(colours)], **tags))
    pixels = _decode(_tiff(order, [strip(colours[..., band]) for band in range(3)], planar=2, **tags))
    np.testing.assert_array_equal(pixels, expected)
    neutral = np.full((_SIDE, _SIDE, 3), [128, 0, 0])
    assert np.ptp(_decode(_tiff(order, [strip(neutral[..., band]) for band in range(3)], planar=2, **tags))) <= 2


def _luma_and_chroma() -> Samples:
    """Y, Cb and Cr of 8 x 8 pixels; of the colours, each 4 x 4 have one."""
    blocks = np.array([[60, 200], [110, 180]]).repeat(4, 0).repeat(4, 1)
    return np.stack([_ramp(), blocks, 255 - blocks], axis=-1).astype(np.uint8)


def _picture(samples: Samples) -> Image.Image:
    return Image.frombytes("YCbCr", (_SIDE, _SIDE), samples.tobytes())


def _in_units(samples: Samples, across: int, down: int) -> bytes:
    """As TIFF 6.0, section 21, has them: the luma of a block, then its colours."""
    blocks = samples[..., 0].reshape(_SIDE // down, down, _SIDE // across, across).swapaxes(1, 2)
    luma = blocks.reshape(_SIDE // down, _SIDE // across, -1)
    return np.concatenate([luma, samples[::down, ::across, 1:]], axis=-1).tobytes()


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("sampling", "is_stated"),
    [
        *((sampling, True) for sampling in [(1, 1), (2, 1), (1, 2), (2, 2), (4, 1), (4, 2), (4, 4)]),
        ((2, 2), False),
        # Its samples are too many for 2 x 2. Older Pillow does not read it.
        *[((1, 1), False)] * (TiffImagePlugin.OPEN_INFO[TiffImagePlugin.II, 6, (1,), 1, (8,) * 3, ()][0] == "YCbCr"),
    ],
)
def test_ycbcr_that_is_not_compressed_is_the_picture(order: str, sampling: tuple[int, int], is_stated: bool) -> None:
    samples = _luma_and_chroma()
    tags: dict[str, Any] = {"bits": [8] * 3, "samples": 3, "light": 6}
    if is_stated:
        tags["subsampling"] = list(sampling)
    pixels = _decode(_tiff(order, [_in_units(samples, *sampling)], **tags)).astype(int)
    expected = np.asarray(_picture(samples).convert("RGB"))
    assert np.abs(pixels - expected).max() <= 2


def test_planes_of_ycbcr_are_the_picture() -> None:
    samples = _luma_and_chroma()
    planes = [samples[..., band].tobytes() for band in range(3)]
    pixels = _decode(_tiff("<", planes, bits=[8] * 3, samples=3, light=6, planar=2, subsampling=[1, 1])).astype(int)
    assert np.abs(pixels - np.asarray(_picture(samples).convert("RGB"))).max() <= 2


def test_ycbcr_that_is_not_compressed_has_the_range_that_it_states() -> None:
    content = io.BytesIO()
    picture = Image.new("YCbCr", (_SIDE, _SIDE), (16, 128, 128))
    picture.paste((235, 128, 128), (0, 4, _SIDE, _SIDE))
    picture.save(content, "TIFF", tiffinfo={532: (16, 235, 128, 240, 128, 240)})
    pixels = _decode(content.getvalue())
    assert pixels[:4].max() == 0
    assert pixels[4:].min() == 255


@pytest.mark.parametrize("colour", ["#ff8800", "#f80", "#ff0880000", "#FFFF88880000"])
def test_a_colour_of_an_x_pixmap_may_have_3_to_12_digits(colour: str) -> None:
    lines = ["8 8 2 1", f"c c {colour}", "# m #000 c\t#00ff80", *["cccc####"] * _SIDE]
    encoded = ("/* XPM */\nstatic char *x[] = {\n" + ",\n".join(f'"{line}"' for line in lines) + "\n};\n").encode()
    pixels = _decode(encoded)
    assert (pixels[:, :4] == [255, 136, 0]).all()
    assert (pixels[:, 4:] == [0, 255, 128]).all()


@pytest.mark.parametrize("has_runs", [False, True])
def test_one_is_black_in_a_photoshop_bitmap(has_runs: bool) -> None:
    header = struct.pack(">4sH6xHIIHH", b"8BPS", 1, 1, _SIDE, _SIDE, 1, 0) + bytes(12)
    rows = b"\0\2" * _SIDE + b"\0\x0f" * _SIDE if has_runs else b"\x0f" * _SIDE
    pixels = _decode(header + bytes([0, has_runs]) + rows)
    assert (pixels[:, :4] == 255).all()
    assert (pixels[:, 4:] == 0).all()
