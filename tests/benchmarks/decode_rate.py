"""Decode rate of one core, and what scaled decoding of large JPEGs costs in pixels.

    python -m tests.benchmarks.decode_rate --images PHOTOS

Decodes the photos as they are, the same with Pillow's own code for resizing, and photos of 12 megapixels made of them
side by side, so that their detail is real, or enlarged: every pixel of them, and leaving once, twice (as `score` does)
or three times the needed size to the filter.
Prints images per second and core, medians of interleaved rounds, and the largest mean and single difference from
decoding every pixel, of 255, over photos of many sizes and over patterns that are hard to reduce.
"""

import argparse
import io
import statistics
import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from unittest.mock import patch

import numpy as np
from PIL import Image
from rich.console import Console
from rich.table import Table

from scoring.arrays import UInt8Array
from scoring.pixels import decoding, resampling
from scoring.pixels.decoding import Resize, decode
from tests.pictures import side_by_side

_EVERY_PIXEL = 1_000_000
_BY_PILLOW = "as they are, resized by Pillow"
_LEAST_SCALES = (_EVERY_PIXEL, 1, 2, 3)
_LARGE = (4032, 3024)  # 12 megapixels, as phones have them
_SEED = 2017


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, required=True, help="Folder of .jpg files.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sizes", type=int, default=100, help="Photos of different sizes to compare.")
    options = parser.parse_args()
    console = Console(highlight=False, markup=False)
    console.print(_rates(options.images, options.rounds))
    console.print(_differences(options.images, options.sizes))


def _rates(folder: Path, rounds: int) -> Table:
    small = [path.read_bytes() for path in sorted(folder.glob("*.jpg"))[:64]]
    large = [_jpeg(side_by_side(folder, _LARGE, first)) for first in (0, 40)]
    enlarged = [_jpeg(Image.open(io.BytesIO(photo)).resize(_LARGE)) for photo in small[:2]]
    turned = [_jpeg(Image.open(io.BytesIO(photo)), orientation=6) for photo in large]
    progressive = [_jpeg(Image.open(io.BytesIO(photo)), progressive=True) for photo in large]
    kinds = {
        "as they are": small,
        _BY_PILLOW: small,
        "12 megapixels": large,
        "12 megapixels, enlarged": enlarged,
        "12 megapixels, turned": turned,
        "12 megapixels, progressive": progressive,
    }
    table = _table("images/s per core")
    rates: dict[tuple[str, int], list[float]] = {}
    for _ in range(rounds):
        for kind, encoded in kinds.items():
            for scale in _LEAST_SCALES:
                with patch.object(resampling, "Resizer", None) if kind == _BY_PILLOW else nullcontext():
                    rates.setdefault((kind, scale), []).append(_rate(encoded, scale))
    for kind in kinds:
        table.add_row(kind, *(f"{statistics.median(rates[kind, scale]):.1f}" for scale in _LEAST_SCALES))
    return table


def _rate(encoded: list[bytes], least_scale: int) -> float:
    started = time.perf_counter()
    for image in encoded:
        _decode(image, Resize.SQUASH, least_scale)
    return len(encoded) / (time.perf_counter() - started)


def _decode(encoded: bytes, resize: Resize, least_scale: int) -> UInt8Array:
    decoding._LEAST_SCALE = least_scale
    return decode(encoded, resize)


def _differences(folder: Path, num_sizes: int) -> Table:
    table = _table("largest mean / largest difference")
    for kind, pictures in (("photos", _photos(folder, num_sizes)), ("patterns", _patterns(num_sizes))):
        means: dict[int, list[float]] = {scale: [] for scale in _LEAST_SCALES}
        largest: dict[int, list[int]] = {scale: [] for scale in _LEAST_SCALES}
        for number, picture in enumerate(pictures):
            encoded, resize = _jpeg(picture), list(Resize)[number % 2]
            exact = _decode(encoded, resize, _EVERY_PIXEL).astype(int)
            for scale in _LEAST_SCALES:
                difference = np.abs(_decode(encoded, resize, scale) - exact)
                means[scale].append(float(difference.mean()))
                largest[scale].append(int(difference.max()))
        table.add_row(kind, *(f"{max(means[scale]):.2f} / {max(largest[scale])}" for scale in _LEAST_SCALES))
    return table


def _sizes(count: int) -> Iterator[tuple[int, int]]:
    """Sizes from just below those that are reduced up to three thousand pixels a side; half of them near squares."""
    generator = np.random.default_rng(_SEED)
    for number in range(count):
        width, height = np.exp(generator.uniform(np.log(448), np.log(3000), 2)).astype(int)
        yield (int(width), int(height)) if number % 4 > 1 else (int(width), int(width) + number)


def _photos(folder: Path, count: int) -> Iterator[Image.Image]:
    for number, size in enumerate(_sizes(count)):
        yield side_by_side(folder, size, number)


def _patterns(count: int) -> Iterator[Image.Image]:
    generator = np.random.default_rng(_SEED)
    for number, (width, height) in enumerate(_sizes(count)):
        rows, columns = np.mgrid[:height, :width]
        period = 2 + number % 19
        drawn = (
            (columns + rows) % 2,
            columns % period < period / 2,
            rows % period < period / 2,
            generator.integers(0, 256, (height, width)) / 255,
            0.5 + 0.5 * np.cos(np.pi * (columns**2 + rows**2) / width / 2),
        )[number % 5]
        yield Image.fromarray((drawn * 255).astype(np.uint8))


def _jpeg(picture: Image.Image, orientation: int = 1, progressive: bool = False) -> bytes:
    buffer, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = orientation
    picture.save(buffer, "jpeg", quality=90, exif=exif, progressive=progressive)
    return buffer.getvalue()


def _table(title: str) -> Table:
    table = Table("", title=title, box=None, pad_edge=False, title_justify="left")
    for scale in _LEAST_SCALES:
        table.add_column("every pixel" if scale == _EVERY_PIXEL else f"{scale} x left", justify="right")
    return table


if __name__ == "__main__":
    main()
