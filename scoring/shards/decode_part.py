"""Read and decode some images into their rows of a batch: what one decode thread or process does at a time."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from scoring.arrays import UInt8Array
from scoring.pixels.decoding import Decode, Resize
from scoring.pixels.guarded_decode import DecoderKilledError
from scoring.pixels.input_shape import InputShape
from scoring.shards.row_faults import row_fault
from scoring.sources.changed_images import ChangedBytes
from scoring.sources.entries import ImageEntry
from scoring.storage.doubtful_bytes import DoubtfulBytes


@dataclass(frozen=True)
class DecodedPart:
    """What became of some images of a batch.

    Attributes:
        errors: For each image why it could not be read or decoded; None if its pixels are there.
        read_s: Seconds spent reading bytes, added over the images.
        decode_s: Seconds spent decoding and resizing them.
        changed: Of images that were read otherwise than they were listed, and have pixels: their entries as they were
            read, by their numbers.
    """

    errors: tuple[str | None, ...]
    read_s: float
    decode_s: float
    changed: Mapping[int, ImageEntry] = field(default_factory=dict)


@dataclass(frozen=True)
class PixelsOf:
    """What pixels to make of encoded images; travels to decode processes.

    Attributes:
        resize: How photos get the network's shape.
        shape: The network's.
        decode: Decodes one image; importable by name.
    """

    resize: Resize
    shape: InputShape
    decode: Decode


# `decode(rows, images)` decodes images into the rows of these numbers.
DecodePart: TypeAlias = Callable[[range, Sequence[ImageEntry]], DecodedPart]


def of_range(pixels: UInt8Array, rows: range) -> UInt8Array:
    """The rows of these numbers, to be written."""
    return pixels[rows.start : rows.stop : rows.step]


def decode_part(
    rows: UInt8Array, images: Sequence[ImageEntry], reads: Iterable[Callable[[], bytes]], pixels: PixelsOf
) -> DecodedPart:
    """Read and decode images, each into its row; the row of an image that cannot be read or decoded is black.

    Args:
        rows: Written, shape (num_images, height, width, channels).
        images: As many as there are rows.
        reads: Return the bytes of each.
        pixels: What to make of them.

    Raises:
        BaseException: Whatever is no fault of an image; see `row_fault`.
    """
    errors: list[str | None] = []
    changed: dict[int, ImageEntry] = {}
    read_s = decode_s = 0.0
    for row, image, read in zip(rows, images, reads, strict=True):
        started, read_at, encoded = time.perf_counter(), 0.0, b""
        try:
            encoded = read()
            read_at = time.perf_counter()
            row[:] = pixels.decode(encoded, pixels.resize, pixels.shape)
            if isinstance(encoded, ChangedBytes):
                changed[len(errors)] = encoded.image
            errors.append(None)
        except DecoderKilledError as error:
            raise DecoderKilledError(f"{error} It was decoding {image.path!r}.") from error
        except BaseException as error:  # raised again if it is no fault of this image  # noqa: BLE001
            row[:] = 0
            doubt = encoded.doubt if isinstance(encoded, DoubtfulBytes) else None
            errors.append(row_fault(error, in_reading=not read_at, doubt=doubt, path=image.path))
        ended = time.perf_counter()
        read_at = read_at or ended
        read_s += read_at - started
        decode_s += ended - read_at
    return DecodedPart(tuple(errors), read_s, decode_s, changed)
