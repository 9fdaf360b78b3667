"""What decodes the batches of one worker: its threads or processes, and the memory that they decode into."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from queue import SimpleQueue
from typing import TypeAlias

import numpy as np

from scoring.pixels.decoding import Decode
from scoring.pixels.guarded_decode import GuardedDecode
from scoring.pixels.input_shape import InputShape
from scoring.process.own_place import own_mounts
from scoring.shards.decode_ahead import NUM_SLOTS, BatchSlots, DecodeAhead
from scoring.shards.decode_part import DecodedPart, DecodePart, PixelsOf, decode_part, of_range
from scoring.shards.decode_process import Collection, DecodeProcesses
from scoring.shards.settings import ScorerSettings
from scoring.sources.entries import ImageEntry

# Begins to decode a shard's images; the `DecodeAhead` that it gives is valid within the block.
Decoding: TypeAlias = Callable[[Sequence[ImageEntry]], AbstractContextManager[DecodeAhead]]


class BatchDecoders:
    """Decodes shards by threads, or by processes where the settings ask for them.

    Args:
        settings: Of the worker.
        decode: Decodes one image.

    Attributes:
        collection: Where images are read.
        read: Reads one.
    """

    def __init__(self, settings: ScorerSettings, decode: Decode) -> None:
        self._settings, self._decode = settings, decode
        as_on_driver = settings.mounts == own_mounts()
        self.collection = Collection(settings.images, settings.columns, settings.read_timeout_s, as_on_driver)
        self.read = self.collection.open()
        count = settings.decode_processes
        self._processes = DecodeProcesses(count, self.collection, self.read) if count else None
        self._num_threads = count or settings.decode_threads
        self._threads = ThreadPoolExecutor(self._num_threads, thread_name_prefix="decode")

    def open(self, shape: InputShape, batch_size: int, num_shards: int, num_slots: int = NUM_SLOTS) -> None:
        """Say what the network takes, before the first shard.

        Args:
            shape: Pixels of one image.
            batch_size: Images per forward pass.
            num_shards: How many shards are decoded at once, at most; a further one waits.
            num_slots: Batches of each shard that are decoded, waiting or with the model.
        """
        self._pixels = PixelsOf(self._settings.resize, shape, self._decode)
        num_rows = num_shards * num_slots * batch_size
        if self._processes:
            self._rows = self._processes.open(num_rows, self._pixels)
        else:
            self._rows = np.zeros(shape.as_array(num_rows), np.uint8)
        self._free: SimpleQueue[BatchSlots] = SimpleQueue()
        for first in range(0, num_rows, num_slots * batch_size):
            self._free.put(BatchSlots(self._rows[first : first + num_slots * batch_size], batch_size, first))

    @contextmanager
    def ahead(self, images: Sequence[ImageEntry]) -> Iterator[DecodeAhead]:
        """Decode a shard."""
        decode = self._processes or self._part_decoder(self._pixels)
        with self._ahead(self._threads, self._num_threads, decode, images) as batches:
            yield batches

    @contextmanager
    def guarded(self, images: Sequence[ImageEntry]) -> Iterator[DecodeAhead]:
        """The same where a picture may crash the decoder: one after the other, each in a process of its own."""
        with GuardedDecode(self._decode) as guarded, ThreadPoolExecutor(1) as one_thread:
            decode = self._part_decoder(replace(self._pixels, decode=guarded))
            with self._ahead(one_thread, 1, decode, images) as batches:
                yield batches

    def close(self) -> None:
        """End threads and processes; what they have begun is waited for."""
        self._threads.shutdown()
        if self._processes:
            self._processes.close()

    @contextmanager
    def _ahead(
        self, threads: ThreadPoolExecutor, num_threads: int, decode: DecodePart, images: Sequence[ImageEntry]
    ) -> Iterator[DecodeAhead]:
        slots = self._free.get()
        batches = DecodeAhead(threads, num_threads, decode, images, slots)
        try:
            yield batches
        finally:
            batches.stop()
            self._free.put(slots)

    def _part_decoder(self, pixels: PixelsOf) -> DecodePart:
        """What decodes a part in this process, into `_rows`."""

        def decode(rows: range, images: Sequence[ImageEntry]) -> DecodedPart:
            return decode_part(of_range(self._rows, rows), images, self.read.ahead(images), pixels)

        return decode
