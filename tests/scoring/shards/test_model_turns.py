import hashlib
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from unittest.mock import Mock

import numpy as np
import pytest

from scoring.arrays import Float32Array, UInt8Array
from scoring.errors import ModelError
from scoring.finetuning.features import copy_digest
from scoring.networks.engines import Pending
from scoring.shards.decode_ahead import NUM_SLOTS, BatchSlots, DecodeAhead
from scoring.shards.decode_part import DecodedPart
from scoring.shards.model_turns import ModelTurns
from scoring.shards.report import Stopwatch
from scoring.sources.entries import ImageEntry
from tests.fakes import FAKE_MODEL, FakeEngine, load_fake

_BATCH_SIZE = 4


class _Late(FakeEngine):
    """Looks at a batch when its outputs are fetched, as a GPU may; counts how many are begun at once."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = self.most_begun = 0
        self.order: list[int] = []

    def begin(self, images: UInt8Array) -> Pending:
        self.begun += 1
        self.most_begun = max(self.most_begun, self.begun)

        def fetch() -> Float32Array:
            self.begun -= 1
            self.order.append(int(images[0, 0, 0, 0]))
            return self.score(images)

        return fetch


def _decode_into(memory: UInt8Array, num_images: int = 61) -> DecodeAhead:
    def decode(rows: range, images: Sequence[ImageEntry]) -> DecodedPart:
        for row, image in zip(rows, images, strict=True):
            memory[row] = int(image.image_id)
        return DecodedPart((None,) * len(images), 0.0, 0.0)

    images = [ImageEntry(str(number), f"{number}.jpg", 1) for number in range(1, num_images + 1)]
    return DecodeAhead(ThreadPoolExecutor(2), 2, decode, images, BatchSlots(memory, _BATCH_SIZE))


def test_two_batches_are_begun_and_each_keeps_its_pixels_until_it_is_fetched() -> None:
    engine, memory = _Late(), np.zeros((NUM_SLOTS * _BATCH_SIZE, 2, 2, 3), np.uint8)
    turns = ModelTurns(replace(load_fake(FAKE_MODEL), engine=engine))
    rows = turns.score(_decode_into(memory), Stopwatch())
    assert [row.image.image_id for row in rows] == [str(number) for number in range(1, 62)]
    dogs = [row.outputs[1] for row in rows if row.outputs is not None]
    np.testing.assert_allclose(dogs, np.arange(1, 62) / 255, atol=1e-6)
    assert engine.order == list(range(1, 62, _BATCH_SIZE))
    assert engine.most_begun == 2


@pytest.mark.parametrize("tells_copies", [False, True])
def test_rows_have_the_digest_of_their_own_pixels_where_a_model_tells_copies(tells_copies: bool) -> None:
    model = Mock(wraps=load_fake(FAKE_MODEL))
    if tells_copies:
        model.copy_digest = partial(copy_digest, sees_mirrored=False)
    rows = ModelTurns(model).score(_decode_into(np.zeros((NUM_SLOTS * _BATCH_SIZE, 2, 2, 3), np.uint8)), Stopwatch())
    expected = [hashlib.sha256(bytes([number] * 12)).digest() if tells_copies else None for number in range(1, 62)]
    assert [row.pixels_sha256 for row in rows] == expected


def test_an_engine_that_computes_where_it_is_called_counts_as_at_work_not_as_waiting() -> None:
    class Slow(FakeEngine):
        def score(self, images: UInt8Array) -> Float32Array:
            time.sleep(0.3)
            return super().score(images)

    turns = ModelTurns(replace(load_fake(FAKE_MODEL), engine=Slow()))
    for _ in range(2):  # the second is warm from its first batch on
        stopwatch = Stopwatch()
        batches = _decode_into(np.zeros((NUM_SLOTS * _BATCH_SIZE, 2, 2, 3), np.uint8), num_images=8)
        rows = turns.score(batches, stopwatch)
    report = stopwatch.report(0, rows, "", 0.0, _BATCH_SIZE)
    assert report.score_s >= 2 * 0.3
    assert report.wait_s < 0.2


def test_the_next_shards_batches_are_handed_over_while_the_last_ones_of_this_are_computed() -> None:
    engine = _Late()
    turns = ModelTurns(replace(load_fake(FAKE_MODEL), engine=engine))
    memories = [np.zeros((NUM_SLOTS * _BATCH_SIZE, 2, 2, 3), np.uint8) for _ in range(2)]
    in_last, go_on = threading.Event(), threading.Event()
    begin = engine.begin

    def begin_slowly(images: UInt8Array) -> Pending:
        pending = begin(images)
        if images[0, 0, 0, 0] != 61 or in_last.is_set():
            return pending

        def fetch() -> Float32Array:
            in_last.set()
            assert go_on.wait(30)
            return pending()

        return fetch

    engine.begin = begin_slowly  # type: ignore[method-assign]
    with ThreadPoolExecutor(2) as actor:
        first = actor.submit(turns.score, _decode_into(memories[0]), Stopwatch())
        assert in_last.wait(30)
        second = actor.submit(turns.score, _decode_into(memories[1]), Stopwatch())
        assert len(second.result(30)) == 61
        go_on.set()
        assert len(first.result(30)) == 61


class _OneRow(FakeEngine):
    def score(self, images: UInt8Array) -> Float32Array:
        return super().score(images)[:1]


def test_outputs_of_another_number_than_the_images_are_no_rows() -> None:
    memory = np.zeros((NUM_SLOTS * _BATCH_SIZE, 2, 2, 3), np.uint8)
    turns = ModelTurns(replace(load_fake(FAKE_MODEL), engine=_OneRow()))
    with pytest.raises(ModelError, match="a row of outputs for each of 4 images of a batch; the model returned 1"):
        turns.score(_decode_into(memory, num_images=1), Stopwatch())


def test_batches_without_an_image_that_was_read_are_rows_in_order_that_the_model_never_sees() -> None:
    def decode(rows: range, images: Sequence[ImageEntry]) -> DecodedPart:
        gone = [None if 9 <= int(image.image_id) <= 10 else "gone" for image in images]
        return DecodedPart(tuple(gone), 0.0, 0.0)

    images = [ImageEntry(str(number), f"{number}.jpg", 1) for number in range(1, 19)]
    slots = BatchSlots(np.zeros((NUM_SLOTS * _BATCH_SIZE, 2, 2, 3), np.uint8), _BATCH_SIZE)
    engine = FakeEngine()
    turns = ModelTurns(replace(load_fake(FAKE_MODEL), engine=engine))
    rows = turns.score(DecodeAhead(ThreadPoolExecutor(2), 2, decode, images, slots), Stopwatch())
    assert [row.image for row in rows] == images
    assert [row.image.image_id for row in rows if row.outputs is not None] == ["9", "10"]
    assert {row.error_message for row in rows if row.outputs is None} == {"gone"}
    assert len(engine.shapes) == 1
