"""Decode one image, whatever its mode, to the pixels a network takes.

Resampling is pinned to Pillow's antialiased bilinear filter (`scoring/pixels/resampling.py`): PIL, tf.image and Keras
resize differently, so the choice is recorded in the fingerprint (`DECODING`).

A JPEG of at least four times the needed size in both directions is decoded to the means of 2 x 2, 4 x 4 or 8 x 8
pixels, which libjpeg computes for less than the pixels cost; at least twice the needed size is left to the filter.
Photos then differ from decoding all pixels by no more than 1 in the mean and 32 at any pixel, of 255; a pattern drawn
to differ most by 50, half the sum of what the weights of both ways differ by. On real detail
`tests/benchmarks/decode_rate.py` measured, in the mean and at any pixel, 0.61 and 25 over 150 sizes, and 0.25 and 4 at
12 megapixels. If once the needed size were left to the filter, it would be 2.8 and 51; with three times, 0.3 and 11.
"""

import io
import warnings
from enum import StrEnum
from typing import Protocol

import numpy as np
from PIL import Image, UnidentifiedImageError

from scoring.arrays import UInt8Array
from scoring.errors import ImageError, PluginError
from scoring.pixels.big_tiff import as_usual_tiff
from scoring.pixels.bitmap_runs import with_pixels
from scoring.pixels.colours import to_rgb
from scoring.pixels.damage import check_whole
from scoring.pixels.formats import HEAD_BYTES, format_of, is_read, is_refused, load_plugin, why_not
from scoring.pixels.icons import as_icon
from scoring.pixels.input_shape import DEFAULT_SHAPE, IMAGE_SIZE, InputShape
from scoring.pixels.jpeg_frames import is_reducible
from scoring.pixels.orientation import SIDEWAYS, turn_of
from scoring.pixels.png_chunks import without_metadata
from scoring.pixels.resampling import RESAMPLING, resize_bilinear
from scoring.pixels.sample_layout import in_order
from scoring.pixels.stand_ins import check_picture

# Before the centre crop to 224; Simonyan and Zisserman, arXiv:1409.1556, section 3.2, test scale Q = 256.
_SHORTEST_SIDE = 256
# About 268 MB as RGB, Pillow's own threshold for "could be a decompression bomb".
MAX_IMAGE_PIXELS = 89_478_485
DECODING = f"{RESAMPLING}-scaled"  # large JPEGs at a reduced scale
_LEAST_SCALE = 2  # sides after scaled decoding are at least so many times those that the filter makes

# We refuse above MAX_IMAGE_PIXELS ourselves, from the header, and damaged metadata does not matter to the pixels.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
warnings.filterwarnings("ignore", category=UserWarning, module="PIL")


class Resize(StrEnum):
    """How a photo of any shape gets the network's; see `decode`."""

    SQUASH = "squash"
    CROP = "crop"


class Decode(Protocol):
    """What can be called as `decode` is."""

    def __call__(self, encoded: bytes, resize: Resize, shape: InputShape = DEFAULT_SHAPE) -> UInt8Array:
        """Decode an image file and resize it; see the function `decode`."""
        ...


def decode(encoded: bytes, resize: Resize, shape: InputShape = DEFAULT_SHAPE) -> UInt8Array:
    """Decode an image file and resize it.

    The orientation of EXIF is applied, or where that states none, of XMP; transparency is laid on white, wide samples
    are scaled to 8 bits (see `sample_scale`), and of an animation the first frame is taken. Large JPEGs are decoded at
    a reduced scale; see this module's text.

    Args:
        encoded: The bytes of a file in a format that Pillow reads, by itself or by our extra `formats`.
        resize: `SQUASH` to the shape whatever the photo's is (fast.ai), or `CROP` the centre, 224 pixels a side, after
            the shortest side became 256 (VGG's authors); for other shapes the same part, 224 of 256, is kept.
        shape: What the network takes. One channel is luminance (ITU-R 601-2, Pillow's `L`) of the resized RGB pixels.

    Returns:
        RGB pixels or luminance, 0 to 255, shape (height, width, channels).

    Raises:
        ImageError: If the bytes are not an image that can be decoded, it has over 89,478,485 pixels, its samples do
            not tell what is white, it holds a stand-in for its picture, or is damaged in a way that decoders do not
            notice; see `sample_scale`, `stand_ins` and `damage`.
    """
    if not encoded:
        raise ImageError("the file is empty")
    try:
        encoded = as_usual_tiff(encoded)
        with in_order(_open(encoded), encoded) as image:
            check_picture(image, encoded)
            _check_pixels(image)
            check_whole(image, encoded)
            content = _load(image, encoded, resize, shape)
            turn = turn_of(image)
            resized = _resized(to_rgb(image, encoded), content, resize, shape.turned if turn in SIDEWAYS else shape)
            return _pixels(resized if turn is None else resized.transpose(turn), shape)
    except ImageError:
        raise
    except Image.DecompressionBombError as error:  # Pillow's own limit, twice ours, strikes before we see the size
        raise ImageError(f"more pixels than the limit of {MAX_IMAGE_PIXELS:,}") from error
    except Exception as error:  # hostile bytes make Pillow raise nearly anything: TypeError, struct.error, ...
        if plain := without_metadata(encoded):  # more of it than Pillow takes, or damaged; the pixels may be sound
            return decode(plain, resize, shape)
        raise ImageError(_reason(error, encoded)) from error


def _open(encoded: bytes) -> Image.Image:
    """Open an image; the first one of a format that takes a plugin loads the plugin.

    What a folder's listing leaves out is not decoded elsewhere either. PostScript is a program: Pillow has Ghostscript
    run it, on machines that have that. Pillow shows X bitmaps as negatives, and Sun rasters of some kinds sheared.
    """
    name = format_of(encoded[:HEAD_BYTES])
    if name is not None and is_refused(name):
        raise ImageError(why_not(name))
    try:
        return Image.open(io.BytesIO(as_icon(encoded)))
    except UnidentifiedImageError:
        if name is None or is_read(name):
            raise
        if not load_plugin(name):
            raise PluginError(why_not(name)) from None
        return Image.open(io.BytesIO(encoded))


def _check_pixels(image: Image.Image) -> None:
    if image.width * image.height > MAX_IMAGE_PIXELS:
        raise ImageError(f"{image.width} x {image.height} pixels exceed the limit of {MAX_IMAGE_PIXELS:,}")


def _load(image: Image.Image, encoded: bytes, resize: Resize, shape: InputShape) -> tuple[float, float] | None:
    """Decode the pixels, at a reduced scale where enough of them are left.

    Returns:
        Width and height of the picture in decoded pixels: where its sides are no multiples of the scale, they have
        fractions, for the last column and row hold less than a whole pixel of it. None: they are those of the image.
    """
    side = max(shape.size)  # the larger one: whether the photo lies on its side is not known yet
    side = _LEAST_SCALE * (side if resize is Resize.SQUASH else -(-side * _SHORTEST_SIDE // IMAGE_SIZE))
    scaled = image.draft(None, (side, side)) if is_reducible(image, encoded) else None
    with_pixels(image, encoded)
    image.load()
    return scaled[1][2:] if scaled else None


def _resized(image: Image.Image, content: tuple[float, float] | None, resize: Resize, shape: InputShape) -> Image.Image:
    width, height = content or image.size
    if resize is Resize.SQUASH:
        box = (0.0, 0.0, width, height)
    else:
        # The crop in source coordinates: what resizing to 256 and cutting gives, without resizing what is cut off.
        across = min(width, height * shape.width / shape.height) * IMAGE_SIZE / _SHORTEST_SIDE
        down = min(height, width * shape.height / shape.width) * IMAGE_SIZE / _SHORTEST_SIDE
        left, top = (width - across) / 2, (height - down) / 2
        box = (left, top, left + across, top + down)
    return resize_bilinear(image, (shape.width, shape.height), box)


def _pixels(image: Image.Image, shape: InputShape) -> UInt8Array:
    return np.asarray(image if shape.channels == 3 else image.convert("L")).reshape(shape.as_array())


def _reason(error: Exception, encoded: bytes) -> str:
    """One line that says what is wrong, without the memory address Pillow puts into it."""
    if isinstance(error, UnidentifiedImageError):
        name = format_of(encoded[:HEAD_BYTES])
        return f"{name}, damaged or of a kind that is not decoded" if name else "not an image in any known format"
    text = " ".join(str(error).split()) or "no reason given"
    return f"{type(error).__name__}: {text}"[:300]
