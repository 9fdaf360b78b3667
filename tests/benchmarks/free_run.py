"""`score` as it is, but for Ray and for what a network costs: drawn entries, and rows made of the manifest's columns.

What is left is the driver's own work, and the files: lists, manifests, shards, records, verification.
"""

import json
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
from cluster.outcomes import TaskDone, TaskFailed
from jobs.score.request import ImagesRequest
from scoring.arrays import Float32Array
from scoring.process.memory import peak_memory_bytes
from scoring.run.folder import RunFolder
from scoring.run.manifest import CONTENTS, Manifest, contents_digest
from scoring.run.predictions import FINGERPRINT_KEY, INPUTS_KEY, OK, predictions_schema
from scoring.run.publishing import publish_shard
from scoring.run.shard_inspection import DESCRIBING
from scoring.shards.report import ShardReport
from scoring.shards.settings import ScorerSettings, describe, fingerprint_of
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
        self._settings = settings
        self._folder = RunFolder(settings.output)
        self._manifest: Manifest | None = None
        self.description = describe(load_fake(FAKE_MODEL), settings.model.runtime)

    def __call__(self, shard_id: int) -> ShardReport:
        """Write one shard of the run folder's manifest."""
        started = time.perf_counter()
        self._manifest = self._manifest or Manifest(self._folder.manifest)
        described = self._manifest.describe(shard_id, (*DESCRIBING, *CONTENTS))
        info = self._manifest.info
        fingerprint = fingerprint_of(self._settings, info.digest, self.description)
        metadata = {
            FINGERPRINT_KEY.decode(): fingerprint.to_json(),
            INPUTS_KEY.decode(): contents_digest(described),
            "shardscore.labels": json.dumps(LABELS),
        }
        path = self._folder.shard(shard_id, info.num_shards)
        digest = publish_shard(path, _predictions(described, metadata), self._settings.fence)
        wall_s, rows = time.perf_counter() - started, described.num_rows
        return ShardReport(
            shard_id, rows, 0, 0.0, 0.0, 0.0, 0.0, wall_s, time.time(), rows, time.time(), digest, peak_memory_bytes()
        )


def _predictions(described: pa.Table, metadata: dict[str, str]) -> pa.Table:
    """The predictions of a shard's images."""
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

    def run(self, tasks: Iterable[int]) -> Iterator[TaskDone[int, ShardReport] | TaskFailed[int]]:
        """Score one shard after the other."""
        ledger = TaskLedger(tasks, MAX_ATTEMPTS)
        while assignment := ledger.assign(0, 0):
            report = self._score(assignment.task)
            if ledger.done(assignment.task):
                yield TaskDone(assignment.task, report, 0)


def score_free(images: Path, output: Path, shard_size: int | None = None) -> None:
    """Score a drawn table with a network that costs nothing; what is done already is kept."""
    score_here(images, output, pool=FreePool, shard_size=shard_size)
