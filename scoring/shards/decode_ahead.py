"""Read and decode the next batches on threads while the model scores the current one."""

import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from scoring.arrays import UInt8Array
from scoring.pixels.decoding import Decode, Resize, decode
from scoring.pixels.input_shape import DEFAULT_SHAPE, InputShape
from scoring.shards.row_faults import row_fault
from scoring.sources.inputs import ImageEntry, ImageReader

_BATCHES_AHEAD = 2


@dataclass(frozen=True)
class DecodedImage:
    """One image on its way to the model.

    Attributes:
        image: What was to be read.
        pixels: What `decode` makes of it; None if it could not be decoded.
        error_message: Why not.
        read_s: Seconds spent reading the bytes.
        decode_s: Seconds spent decoding and resizing them.
    """

    image: ImageEntry
    pixels: UInt8Array | None
    error_message: str | None
    read_s: float
    decode_s: float


class DecodeAhead:
    """Iterates over batches of decoded images in order; decoding starts at construction.

    At most two batches of images are decoded or waiting at any time, whatever the shard's size.
    """

    def __init__(
        self,
        threads: ThreadPoolExecutor,
        read: ImageReader,
        images: Sequence[ImageEntry],
        resize: Resize,
        batch_size: int,
        decode: Decode = decode,
    ) -> None:
        self._threads = threads
        self._decode_pixels = decode
        self._read = read
        self._resize = resize
        self._batch_size = batch_size
        self._images = iter(images)
        self._pending: deque[Future[DecodedImage]] = deque()
        self._submit(_BATCHES_AHEAD * batch_size)

    def __iter__(self) -> Iterator[list[DecodedImage]]:
        """Yield lists of at most `batch_size` images; only the last may be shorter."""
        while self._pending:
            count = min(self._batch_size, len(self._pending))
            batch = [self._pending.popleft().result() for _ in range(count)]
            self._submit(count)
            yield batch

    def _submit(self, count: int) -> None:
        for _, image in zip(range(count), self._images, strict=False):
            self._pending.append(self._threads.submit(self._decode, image))

    def _decode(self, image: ImageEntry) -> DecodedImage:
        started = time.perf_counter()
        read_s = 0.0
        try:
            encoded = self._read(image)
            read_s = time.perf_counter() - started
            pixels, error_message = self._decode_pixels(encoded, self._resize), None
        except BaseException as error:  # raised again if it is no fault of this image  # noqa: BLE001
            pixels, error_message = None, row_fault(error)
            read_s = read_s or time.perf_counter() - started
        return DecodedImage(image, pixels, error_message, read_s, time.perf_counter() - started - read_s)


def stack_pixels(batch: Sequence[DecodedImage], batch_size: int, shape: InputShape = DEFAULT_SHAPE) -> UInt8Array:
    """Lay a batch's pixels into the one compiled shape; missing images and the padding are black.

    Returns:
        Pixels, 0 to 255, shape (batch_size, height, width, channels).
    """
    images = np.zeros(shape.as_array(batch_size), np.uint8)
    for slot, decoded in zip(images, batch, strict=False):
        if decoded.pixels is not None:
            slot[:] = decoded.pixels
    return images
