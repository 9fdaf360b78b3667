"""Score one numbered shard of a run folder: read, decode, score, write. Built once per worker, called per shard."""

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from scoring.errors import RequestError
from scoring.models.shard_model import ShardModel
from scoring.pixels.decoding import DECODING, Decode, decode
from scoring.process.pyarrow_without_pandas import keep_pandas_from_pyarrow
from scoring.run.predictions import ScoredImage
from scoring.shards.batch_decoders import BatchDecoders, Decoding
from scoring.shards.batch_size import cpu_batch_size, fastest_batch_size
from scoring.shards.early_shard import EarlyShard, hold
from scoring.shards.image_sample import image_sample
from scoring.shards.model_turns import ModelTurns
from scoring.shards.report import ShardReport, Stopwatch
from scoring.shards.retry import Retry, ShardTask, UnreadRows, count_unread, find_shortfall, shard_of
from scoring.shards.settings import ScorerSettings, describe
from scoring.shards.shard_files import ShardFiles, images_metadata


class ShardScorer:
    """Scores shards with a model that is loaded once.

    Calls may overlap: a second shard is read and decoded while the first is scored, and waits for its turn at the
    model, so the model does not stand still between shards.
    """

    def __init__(
        self,
        settings: ScorerSettings,
        load: Callable[[Any], ShardModel] | None = None,
        decode: Decode = decode,
    ) -> None:
        """Load the model; `load` and `decode` are for tests without Keras, or with a decoder that crashes.

        Raises:
            RequestError: If this machine makes pixels in another way than the driver's.
        """
        if settings.decoding != DECODING:
            raise RequestError(
                f"Expected actors that decode as the command does, {settings.decoding}; this machine's do {DECODING}. "
                "Install cykooz-resizer on all machines, or on none."
            )
        keep_pandas_from_pyarrow()
        self._settings = settings
        # Where a shard takes tens of milliseconds, a third one is decoded while the first is written.
        self.tasks_at_once = 3 if settings.decode_processes else 2
        self._decoders = BatchDecoders(settings, decode)
        self._model = load(settings.model) if load else settings.model.load(partial(image_sample, settings))
        self._batch_size = settings.batch_size or cpu_batch_size(self._model.input_shape, settings.model.runtime)
        if settings.batch_sizes:
            self._batch_size = fastest_batch_size(self._model, settings.batch_sizes)
        self._model.try_out(self._batch_size)
        self._decoders.open(self._model.input_shape, self._batch_size, self.tasks_at_once)
        self._turns = ModelTurns(self._model)
        self.description = describe(self._model, settings.model.runtime)
        self._files = ShardFiles(settings, self.description)

    def __call__(self, task: ShardTask, refusals: Collection[str] | None = None) -> ShardReport:
        """Score one shard of the run folder's manifest and write its predictions, or try its unread images again.

        One that is scored before the manifest is there is not written; its rows are in the report.

        Args:
            task: Which.
            refusals: What was raised of it on other machines, where they may have its images; None if they cannot.

        Returns:
            What it took.

        Raises:
            UnreachableError: If it cannot; nothing was written.
            LeaseLostError: If another driver took over; nothing was written.
            StorageError: If it cannot be written.
        """
        return self._score_shard(task, self._decoders.ahead, refusals)

    def again(self, task: ShardTask, refusals: Collection[str] | None = None) -> ShardReport:
        """The same for a shard that was lost with a worker: pictures are decoded in a process of their own."""
        return self._score_shard(task, self._decoders.guarded, refusals)

    def close(self) -> None:
        """End the threads or processes that decode, where this process goes on to other work."""
        self._decoders.close()

    def _score_shard(self, task: ShardTask, decoding: Decoding, refusals: Collection[str] | None) -> ShardReport:
        if isinstance(task, EarlyShard):
            return self._score_early(task, decoding)
        shard_id = shard_of(task)
        listed, stopwatch = self._files.manifest.shard(shard_id), Stopwatch()
        unread = UnreadRows(self._files.path(shard_id), task.digest) if isinstance(task, Retry) else None
        numbers = unread.numbers if unread else range(len(listed))
        with decoding([listed[number] for number in numbers]) as batches:
            rows = self._turns.score(batches, stopwatch)
        self._check_place(rows)
        shortfall = find_shortfall(rows, refusals, again=unread is not None)
        started_writing = time.perf_counter()
        read = list(listed)
        for number, row in zip(numbers, rows, strict=True):
            read[number] = row.image
        digest = self._write(shard_id, rows, unread, images_metadata(listed, read, rows))
        write_s = time.perf_counter() - started_writing
        if unread:  # the others' rows stay as they were
            rows = unread.filled_in(rows)
        report = stopwatch.report(shard_id, rows, digest, write_s, self._batch_size)
        return replace(report, shortfall=shortfall)

    def _score_early(self, task: EarlyShard, decoding: Decoding) -> ShardReport:
        stopwatch = Stopwatch()
        with decoding(task.images) as batches:
            rows = self._turns.score(batches, stopwatch)
        table = self._model.to_table(rows, images_metadata(task.images, [row.image for row in rows], rows))
        report = stopwatch.report(task.shard_id, rows, "", 0.0, self._batch_size)
        return replace(report, rows=hold(table))

    def _check_place(self, rows: Sequence[ScoredImage]) -> None:
        """Raise UnreachableError if images are not to be had, and nor is the folder that all of the run lie in."""
        files = [row for row in rows if row.image.position is None and not row.image.has_odd_name]
        if count_unread(row.error_message for row in files) and (common := self._files.manifest.common_folder):
            self._decoders.collection.refuse_absent(files[0].image.written_folder(common))

    def _write(
        self, shard_id: int, rows: Sequence[ScoredImage], unread: UnreadRows | None, told: dict[str, str]
    ) -> str:
        """Write a shard whole, or with the rows of images that had been unread; return the digest of its file."""
        table = self._model.to_table(rows, self._files.metadata | told)
        return unread.fill_in(table, self._settings.fence) if unread else self._files.publish(shard_id, table)
