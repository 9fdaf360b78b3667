"""Shards take turns at a worker's model; while it works on one batch, the next is handed to it."""

import threading
from collections import deque
from collections.abc import Callable, Iterator

import numpy as np

from scoring.arrays import Float32Array, UInt8Array
from scoring.errors import ModelError
from scoring.models.shard_model import ShardModel
from scoring.networks.engines import Pending
from scoring.run.predictions import NOT_A_NUMBER, ScoredImage
from scoring.shards.decode_ahead import DecodeAhead, DecodedBatch
from scoring.shards.report import Stopwatch
from scoring.shards.row_faults import check_reach

_BATCHES_BEGUN = 2  # one that the model works on, and one that is handed to it meanwhile


class ModelTurns:
    """A model that several shards use in turn; each has it for all of its batches."""

    def __init__(self, model: ShardModel) -> None:
        self._model = model
        self._turn = threading.Lock()
        self._is_warm = False

    def score(self, batches: DecodeAhead, stopwatch: Stopwatch) -> list[ScoredImage]:
        """Score a shard's batches; the next shard's turn comes as soon as the last one is handed over.

        The model is spared a batch without one image that was read.

        Returns:
            A row for each image, in order.

        Raises:
            BaseException: Whatever the model raises, or decoding for no fault of an image.
            UnreachableError: If buckets are out of reach, and that is no fault of the images in them.
        """
        rows: list[ScoredImage] = []
        begun = deque[tuple[DecodedBatch, Pending | None]]()

        def fetch() -> None:
            batch, pending = begun.popleft()
            rows.extend(_scored(batch, pending(), self._model.copy_digest) if pending else _unread(batch))
            batches.give_back(batch)
            stopwatch.scored(sum(error is None for error in batch.errors))

        with self._turn:
            stopwatch.start()
            for batch in batches:
                stopwatch.waited(batch.read_s, batch.decode_s)
                pending = None if all(batch.errors) else self._model.begin(batch.pixels)
                begun.append((batch, pending))
                stopwatch.begun()
                if len(begun) == _BATCHES_BEGUN or not self._is_warm:  # the very first is waited for: it compiles
                    fetch()
                    self._is_warm |= pending is not None
        while begun:
            fetch()
        check_reach(rows)
        return rows


def _unread(batch: DecodedBatch) -> list[ScoredImage]:
    return [ScoredImage(image, None, error) for image, error in zip(batch.images, batch.errors, strict=True)]


def _scored(
    batch: DecodedBatch, outputs: Float32Array, copy_digest: Callable[[UInt8Array], bytes | None]
) -> Iterator[ScoredImage]:
    """A batch's images with their outputs; what follows the last image is left out."""
    if len(outputs) != len(batch.pixels):
        raise ModelError(
            f"Expected a row of outputs for each of {len(batch.pixels)} images of a batch; the model returned "
            f"{len(outputs)}. Use another `batch_size`, or another model."
        )
    is_number = np.asarray(np.isfinite(outputs).all(axis=1))
    for image, error, row, is_sound, pixels in zip(
        batch.images, batch.errors, outputs, is_number, batch.pixels, strict=False
    ):
        reason = error if error or is_sound else NOT_A_NUMBER
        if reason:
            yield ScoredImage(image, None, reason)
        else:
            yield ScoredImage(image, row, None, copy_digest(pixels))
