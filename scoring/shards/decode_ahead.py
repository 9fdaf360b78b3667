"""Read and decode the next batches while the model scores the current one, each image straight into its batch's row."""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from scoring.arrays import UInt8Array
from scoring.shards.decode_part import DecodedPart, DecodePart
from scoring.sources.entries import ImageEntry

NUM_SLOTS = 4  # two batches that are decoded, two that the model has: one at work, one that is handed over meanwhile
# Images of a batch for one task, which share what a task costs by itself: so many, or up to twice as many where there
# is nobody else to decode them meanwhile; and so many parts at least, if there are as many to decode them.
_USUAL_PART = 16
_LEAST_PARTS = 4


@dataclass(frozen=True)
class DecodedBatch:
    """One batch on its way to the model.

    Attributes:
        images: What was to be read; an image that was read otherwise than it was listed, as it was read.
        pixels: RGB or luminance, 0 to 255, shape (batch_size, height, width, channels). Rows of images that could not
            be decoded, and those after the last image, are black. Valid until the batch is given back.
        errors: For each image why there are no pixels; None if there are.
        read_s: Seconds spent reading bytes, added over the images.
        decode_s: Seconds spent decoding and resizing them.
        slot: Where its pixels lie.
    """

    images: Sequence[ImageEntry]
    pixels: UInt8Array
    errors: Sequence[str | None]
    read_s: float
    decode_s: float
    slot: int


class BatchSlots:
    """Memory for the batches of one shard at a time, used again and again.

    Args:
        rows: Black; shape (num_slots * batch_size, height, width, channels).
        batch_size: Images of a batch.
        first: Number of the first row, as `DecodePart` counts.
    """

    def __init__(self, rows: UInt8Array, batch_size: int, first: int = 0) -> None:
        self.batch_size, self.num_slots = batch_size, len(rows) // batch_size
        self._rows, self._first = rows, first
        self._num_used = [0] * self.num_slots  # rows that are not black

    def rows(self, slot: int, num_images: int) -> range:
        """The numbers of a slot's first rows, as `DecodePart` counts, to be written."""
        self._num_used[slot] = max(self._num_used[slot], num_images)
        first = self._first + slot * self.batch_size
        return range(first, first + num_images)

    def pixels(self, slot: int, num_images: int) -> UInt8Array:
        """A slot's rows, black but for the first `num_images`."""
        pixels = self._rows[slot * self.batch_size : (slot + 1) * self.batch_size]
        pixels[num_images : self._num_used[slot]] = 0
        self._num_used[slot] = num_images
        return pixels


class DecodeAhead:
    """Iterates over batches of decoded images in order; decoding starts at construction.

    No more batches than there are slots are decoded, waiting or with the model at any time, whatever the shard's size:
    a batch that was scored has to be given back.

    Args:
        threads: Run `decode`.
        num_threads: How many.
        decode: Reads and decodes some images into rows of the slots.
        images: Of the shard.
        slots: Memory for the batches, which nobody else uses meanwhile.
    """

    def __init__(
        self,
        threads: ThreadPoolExecutor,
        num_threads: int,
        decode: DecodePart,
        images: Sequence[ImageEntry],
        slots: BatchSlots,
    ) -> None:
        self._threads, self._num_threads, self._decode, self._slots = threads, num_threads, decode, slots
        size = slots.batch_size
        self._batches = iter([images[start : start + size] for start in range(0, len(images), size)])
        self._pending: deque[tuple[int, Sequence[ImageEntry], list[Future[DecodedPart]]]] = deque()
        for slot in range(slots.num_slots):
            self._submit(slot)

    def __iter__(self) -> Iterator[DecodedBatch]:
        """Yield batches in order; only the last may have fewer images than `batch_size`.

        Raises:
            BaseException: Whatever `decode` raised; it is no fault of an image.
        """
        while self._pending:
            slot, images, futures = self._pending[0]
            wait(futures)  # where one has failed, the others still write: the slot is theirs until they end
            self._pending.popleft()
            parts = [future.result() for future in futures]
            read, errors = list(images), list[str | None]([None] * len(images))
            for first, part in enumerate(parts):
                errors[first :: len(parts)] = part.errors
                for number, image in part.changed.items():
                    read[first + number * len(parts)] = image
            yield DecodedBatch(
                read,
                self._slots.pixels(slot, len(images)),
                errors,
                sum(part.read_s for part in parts),
                sum(part.decode_s for part in parts),
                slot,
            )

    def give_back(self, batch: DecodedBatch) -> None:
        """Take back a batch whose pixels are not needed any more, and decode the next batch in their place."""
        self._submit(batch.slot)

    def stop(self) -> None:
        """Wait for what is being decoded, and begin no more: the slots are free again."""
        self._batches = iter(())
        for _, _, futures in self._pending:
            for future in futures:
                if not future.cancel():
                    future.exception()
        self._pending.clear()

    def _submit(self, slot: int) -> None:
        images = next(self._batches, None)
        if images is None:
            return
        # Neighbours are in different parts: where some lie on a disk that hangs, they are waited for at the same time.
        num_parts = _num_parts(len(images), self._num_threads)
        rows = self._slots.rows(slot, len(images))
        futures = [
            self._threads.submit(self._decode, rows[first::num_parts], images[first::num_parts])
            for first in range(num_parts)
        ]
        self._pending.append((slot, images, futures))


def _num_parts(num_images: int, num_threads: int) -> int:
    """Into how many tasks a batch is divided."""
    usual = max(-(-num_images // _USUAL_PART), min(_LEAST_PARTS, num_images))
    return max(-(-num_images // (2 * _USUAL_PART)), min(num_threads, usual))
