"""`score` as it is, but for Ray and for what a network costs: drawn entries, and rows made of the manifest's columns.

What is left is the driver's own work, and the files: lists, manifests, shards, records, verification.
"""

import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cluster.dispatcher import MAX_ATTEMPTS
from cluster.ledger import TaskLedger
from cluster.outcomes import Outcome, TaskDone
from jobs.score.request import ImagesRequest
from scoring.arrays import Float32Array
from scoring.process.memory import peak_memory_bytes
from scoring.run.manifest import CONTENTS, contents_digest, manifest_rows
from scoring.run.predictions import INPUTS_KEY, OK, UNREAD_KEY, predictions_schema
from scoring.run.shard_inspection import DESCRIBING
from scoring.shards.early_shard import EarlyShard, hold
from scoring.shards.report import ShardReport
from scoring.shards.retry import ShardTask, shard_of
from scoring.shards.settings import ScorerSettings, describe
from scoring.shards.shard_files import ShardFiles
from tests.chaos.without_ray import OwnPool, score_here
from tests.fakes import FAKE_MODEL, load_fake

LABELS = ("cat", "dog")
_STEPS = 97  # probabilities that there are
_ROWS_AT_ONCE = 1_000_000


def draw_table(path: Path, num_images: int, in_order: bool = True) -> Path:
    """Write a table as S3 Inventory writes it, of drawn objects `photos/1.jpg` and so on.

    Args:
        path: Where to.
        num_images: Rows.
        in_order: Rows stand in natural order; else in the order of a bucket, 1, 10, 100, 1000 and so on.
    """
    numbers = np.arange(1, num_images + 1)
    if not in_order:
        numbers = numbers[pc.sort_indices(pa.array(numbers).cast(pa.string())).to_numpy()]
    schema = pa.schema([("bucket", pa.string()), ("key", pa.string()), ("size", pa.int64())])
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for start in range(0, num_images, _ROWS_AT_ONCE):
            part = numbers[start : start + _ROWS_AT_ONCE]
            keys = pc.binary_join_element_wise("photos/", pa.array(part).cast(pa.string()), ".jpg", "")
            buckets = pa.repeat(pa.scalar("drawn"), len(part))
            writer.write_table(pa.table([buckets, keys, pa.array(drawn_sizes(part))], schema=schema))
    return path


def drawn_sizes(numbers: Any) -> Any:
    """The size of each drawn object, by its number."""
    return 1000 + numbers * 7919 % 100_003


def dog_shares(sizes: Any) -> Float32Array:
    """What the free network says of images, by their sizes alone."""
    shares: Float32Array = ((sizes % _STEPS + 0.5) / _STEPS).astype(np.float32)
    return shares


class FreeShards:
    """Stands in for a `ShardScorer`: reads no image, and makes a shard's rows column by column."""

    def __init__(self, settings: ScorerSettings) -> None:
        self.description = describe(load_fake(FAKE_MODEL), settings.model.runtime)
        self._files = ShardFiles(settings, self.description)

    def __call__(self, task: ShardTask) -> ShardReport:
        """Write one shard of the run folder's manifest, or make the rows of one before that is there."""
        started = time.perf_counter()
        if isinstance(task, EarlyShard):
            described = manifest_rows(task.images)
            return self._report(task, started, described.num_rows, rows=hold(_predictions(described, {})))
        shard_id = shard_of(task)
        described = self._files.manifest.describe(shard_id, (*DESCRIBING, *CONTENTS))
        digest = self._files.publish(shard_id, _predictions(described, self._files.metadata))
        return self._report(task, started, described.num_rows, digest=digest)

    def _report(self, task: ShardTask, started: float, num_rows: int, **made: Any) -> ShardReport:
        wall_s, now = time.perf_counter() - started, time.time()
        figures = num_rows, 0, 0.0, 0.0, 0.0, 0.0, wall_s, now, num_rows, now
        return ShardReport(shard_of(task), *figures, peak_memory_bytes=peak_memory_bytes(), **made)


def _predictions(described: pa.Table, metadata: dict[str, str]) -> pa.Table:
    """The predictions of a shard's images, with what its schema tells of them besides."""
    metadata = metadata | {INPUTS_KEY.decode(): contents_digest(described), UNREAD_KEY.decode(): "0"}
    dog = dog_shares(described["size_bytes"].to_numpy())
    shares = np.stack([1 - dog, dog], axis=1)
    ranked = np.argsort(-shares, axis=1, kind="stable")
    best = ranked[:, 0]
    names = np.array(LABELS)
    starts = pa.array(np.arange(0, 2 * len(dog) + 1, 2, dtype=np.int32))
    columns: dict[str, Any] = {name: described[name] for name in DESCRIBING} | {
        "status": pa.array(np.full(len(dog), OK)),
        "error_message": pa.nulls(len(dog), pa.string()),
        "label": pa.array(names[best]),
        "class_index": pa.array(best.astype(np.int32)),
        "probability": pa.array(shares.max(axis=1)),
        "top_labels": pa.ListArray.from_arrays(starts, pa.array(names[ranked].ravel())),
        "top_probabilities": pa.ListArray.from_arrays(starts, np.take_along_axis(shares, ranked, axis=1).ravel()),
        "probabilities": pa.ListArray.from_arrays(starts, shares.ravel()),
    }
    schema = predictions_schema(LABELS, metadata)
    return pa.table([columns[name] for name in schema.names], schema=schema)


class FreePool(OwnPool):
    """A pool with its ledger, and shards that cost nothing but what is written."""

    def __init__(self, request: ImagesRequest, settings: ScorerSettings, *_: object) -> None:
        shards = FreeShards(settings)
        super().__init__(shards, shards.description)

    def run(self, tasks: Iterable[ShardTask]) -> Iterator[Outcome[ShardTask, ShardReport]]:
        """Score one shard after the other."""
        ledger = TaskLedger(tasks, MAX_ATTEMPTS)
        while assignment := ledger.assign(0, 0):
            report = self._score(assignment.task)
            if ledger.done(assignment.task):
                yield TaskDone(assignment.task, report, 0)


def score_free(images: Path, output: Path, shard_size: int | None = None) -> None:
    """Score a drawn table with a network that costs nothing; what is done already is kept."""
    score_here(images, output, pool=FreePool, shard_size=shard_size)
