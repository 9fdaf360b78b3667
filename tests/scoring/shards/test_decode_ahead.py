import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from scoring.shards.decode_ahead import NUM_SLOTS, BatchSlots, DecodeAhead, DecodedBatch
from scoring.shards.decode_part import DecodedPart
from scoring.sources.entries import ImageEntry


class _Decoder:
    """Writes an image's number into its row; every seventh cannot be decoded."""

    def __init__(self, batch_size: int) -> None:
        self.memory = np.zeros((NUM_SLOTS * batch_size, 1, 1, 1), np.uint8)
        self.slots = BatchSlots(self.memory, batch_size, first=0)
        self.largest_part = self.num_decoded = 0
        self._turn = threading.Lock()

    def __call__(self, rows: range, images: Sequence[ImageEntry]) -> DecodedPart:
        numbers = [int(image.image_id) for image in images]
        for row, number in zip(rows, numbers, strict=True):
            self.memory[row] = number if number % 7 else 0
        with self._turn:
            self.num_decoded += len(images)
            self.largest_part = max(self.largest_part, len(images))
        errors = tuple(None if number % 7 else f"no {number}" for number in numbers)
        return DecodedPart(errors, read_s=1.0 * len(images), decode_s=2.0 * len(images))


def _images(count: int) -> list[ImageEntry]:
    return [ImageEntry(str(number), f"{number}.jpg", 1) for number in range(1, count + 1)]


@pytest.mark.parametrize(("batch_size", "count"), [(1, 9), (3, 9), (16, 100), (64, 250), (64, 10), (200, 250), (8, 0)])
def test_batches_come_in_order_with_pixels_errors_and_times_of_their_own_images(batch_size: int, count: int) -> None:
    decoder, found = _Decoder(batch_size), list[int]()
    decoder.memory[:] = 0
    begun: list[DecodedBatch] = []
    with ThreadPoolExecutor(3) as threads:
        batches = DecodeAhead(threads, 3, decoder, _images(count), decoder.slots)
        for batch in batches:
            numbers = [int(image.image_id) for image in batch.images]
            found += numbers
            expected = [number if number % 7 else 0 for number in numbers] + [0] * (batch_size - len(numbers))
            assert batch.pixels.ravel().tolist() == expected
            assert list(batch.errors) == [None if number % 7 else f"no {number}" for number in numbers]
            assert (batch.read_s, batch.decode_s) == (len(numbers), 2 * len(numbers))
            begun.append(batch)
            if len(begun) == 2:  # as the model has them
                batches.give_back(begun.pop(0))
    assert found == list(range(1, count + 1))
    assert decoder.largest_part <= 32


@pytest.mark.parametrize(
    ("num_threads", "batch_size", "num_parts"),
    [(1, 8, 1), (1, 64, 2), (2, 64, 2), (2, 200, 7), (4, 8, 4), (8, 2, 2), (16, 64, 4), (16, 200, 13), (64, 200, 13)],
)
def test_a_batch_is_divided_among_all_threads_into_no_more_tasks_than_they_need(
    num_threads: int, batch_size: int, num_parts: int
) -> None:
    decoder = _Decoder(batch_size)
    with ThreadPoolExecutor(1) as threads:
        batches = DecodeAhead(threads, num_threads, decoder, _images(batch_size), decoder.slots)
        assert [len(futures) for _, _, futures in batches._pending] == [num_parts]
        assert len(next(iter(batches)).errors) == batch_size


def test_no_more_is_decoded_than_there_are_slots_until_a_batch_is_given_back() -> None:
    decoder = _Decoder(4)
    with ThreadPoolExecutor(2) as threads:
        batches = DecodeAhead(threads, 2, decoder, _images(40), decoder.slots)
        first = next(iter(batches))
        kept = first.pixels.copy()
        threads.submit(int).result()
        for _, _, futures in batches._pending:
            for future in futures:
                future.result()
        assert decoder.num_decoded == 4 * NUM_SLOTS
        np.testing.assert_array_equal(first.pixels, kept)
        batches.give_back(first)
        batches.stop()
    assert decoder.num_decoded <= 4 * (NUM_SLOTS + 1)


def test_neighbours_are_waited_for_at_the_same_time() -> None:
    barrier = threading.Barrier(4)

    def decode(rows: range, images: Sequence[ImageEntry]) -> DecodedPart:
        if int(images[0].image_id) <= 4:
            barrier.wait(timeout=30)  # broken, which would be raised, unless four images wait at once
        return DecodedPart((None,) * len(rows), 0, 0)

    slots = BatchSlots(np.zeros((NUM_SLOTS * 16, 1, 1, 1), np.uint8), 16)
    with ThreadPoolExecutor(4) as threads:
        assert len(next(iter(DecodeAhead(threads, 4, decode, _images(16), slots))).images) == 16


def test_what_a_decoder_raises_is_raised_where_the_batch_is_waited_for_and_the_slots_are_free_again() -> None:
    decoder = _Decoder(4)

    def decode(rows: range, images: Sequence[ImageEntry]) -> DecodedPart:
        if any(image.image_id == "6" for image in images):
            raise MemoryError
        return decoder(rows, images)

    with ThreadPoolExecutor(2) as threads:
        batches = DecodeAhead(threads, 2, decode, _images(40), decoder.slots)
        with pytest.raises(MemoryError):
            list(batches)
        batches.stop()
        again = DecodeAhead(threads, 2, decoder, _images(6), decoder.slots)
        assert [batch.pixels.ravel().tolist() for batch in again] == [[1, 2, 3, 4], [5, 6, 0, 0]]


def test_a_part_that_fails_leaves_no_other_that_still_writes() -> None:
    """A task that was given up would write into the rows of the next shard."""
    may_fail, has_written = threading.Event(), threading.Event()
    decoder = _Decoder(8)

    def decode(rows: range, images: Sequence[ImageEntry]) -> DecodedPart:
        if images[0].image_id == "1":
            may_fail.wait(60)
            raise MemoryError
        if images[0].image_id == "2":
            may_fail.set()
            has_written.wait(0.2)  # nobody sets it before
            has_written.set()
        return decoder(rows, images)

    with ThreadPoolExecutor(4) as threads:
        batches = DecodeAhead(threads, 4, decode, _images(8), decoder.slots)
        with pytest.raises(MemoryError):
            list(batches)
        batches.stop()
        assert has_written.is_set()
