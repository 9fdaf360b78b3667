"""Predictions of one shard as a table, written whole or not at all."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from scoring.arrays import Float32Array
from scoring.sources.entries import ImageEntry
from scoring.storage.durable import whole_file
from scoring.storage.locations import Location, readable
from scoring.storage.reading import find_files
from scoring.storage.retrying import patiently

OK, ERROR = "ok", "error"
FINGERPRINT_KEY = b"shardscore.fingerprint"
TOP_K = 5
_THREADS = 8  # that read shards
# Beyond this a full vector per image would be most of the file; the top five say what people ask.
MAX_FULL_VECTOR = 32


@dataclass(frozen=True)
class ScoredImage:
    """One image's outcome: the model's outputs, shape (num_outputs,), or the reason why there are none."""

    image: ImageEntry
    outputs: Float32Array | None
    error_message: str | None = None


def predictions_schema(labels: Sequence[str], metadata: dict[str, str]) -> pa.Schema:
    """Columns of the predictions of a model with these labels; `metadata` goes into every file."""
    columns = [
        pa.field("image_id", pa.string(), nullable=False),
        pa.field("path", pa.string(), nullable=False),
        pa.field("status", pa.string(), nullable=False),
        pa.field("error_message", pa.string()),
        pa.field("target", pa.string()),
        pa.field("label", pa.string()),
        pa.field("class_index", pa.int32()),
        pa.field("probability", pa.float32()),
        pa.field("top_labels", pa.list_(pa.string())),
        pa.field("top_probabilities", pa.list_(pa.float32())),
    ]
    if len(labels) <= MAX_FULL_VECTOR:
        # Not a fixed-size list, though every list has this length: Arrow cannot read a null one back from Parquet.
        columns.append(pa.field("probabilities", pa.list_(pa.float32())))
    return pa.schema(columns, metadata=metadata)


def write_predictions(path: Location, rows: Sequence[ScoredImage], labels: Sequence[str], schema: pa.Schema) -> None:
    """Write one row per image, in the order given."""
    write_table(path, pa.Table.from_pylist([_row(scored, labels) for scored in rows], schema=schema))


def write_table(path: Location, table: pa.Table) -> None:
    """Write a Parquet file whole, with page checksums; storage that fails for a moment is tried again."""
    patiently()(_write_whole, path, table)


def _write_whole(path: Location, table: pa.Table) -> None:
    with whole_file(path) as temporary:
        pq.write_table(table, temporary, compression="zstd", write_page_checksum=True)


def _row(scored: ScoredImage, labels: Sequence[str]) -> dict[str, Any]:
    """One row; columns that the schema lacks are dropped by it."""
    image = scored.image
    row: dict[str, Any] = {"image_id": image.image_id, "path": image.path, "target": image.target}
    probabilities = scored.outputs
    if probabilities is None:
        return {**row, "status": ERROR, "error_message": scored.error_message}
    ranked = np.argsort(-probabilities, kind="stable")[:TOP_K]  # equal probabilities: the lower class first
    best = int(ranked[0])
    return {
        **row,
        "status": OK,
        "label": labels[best],
        "class_index": best,
        "probability": probabilities[best],
        "top_labels": [labels[index] for index in ranked],
        "top_probabilities": probabilities[ranked],
        "probabilities": probabilities,
    }


def read_predictions(folder: Location, columns: list[str] | None = None) -> pa.Table:
    """Read every shard in `folder` as one table, in shard order."""
    with ThreadPoolExecutor(_THREADS) as threads:
        shards = threads.map(lambda shard: _read_shard(shard, columns), shard_files(folder))
        return pa.concat_tables(shards)


def _read_shard(shard: Location, columns: list[str] | None) -> pa.Table:
    with pq.ParquetFile(readable(shard)) as file:
        return file.read(columns=columns)


def shard_files(folder: Location) -> Sequence[Location]:
    """Every shard in `folder`, in order."""
    return find_files(folder, "*.parquet")
