"""Predictions of one shard as a table, written whole or not at all."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from scoring.arrays import Float32Array
from scoring.sources.entries import ImageEntry
from scoring.storage.durable import whole_file
from scoring.storage.locations import Location, find_files

OK, ERROR = "ok", "error"
FINGERPRINT_KEY, LABELS_KEY = b"shardscore.fingerprint", b"shardscore.labels"
INPUTS_KEY = b"shardscore.inputs"  # `contents_digest` of what was listed
TOP_K = 5
FEATURES_HAVE = ("image_id", "path", "status", "error_message", "target")  # of the columns of predictions
_FEATURES = (pa.list_(pa.float16()), pa.list_(pa.float32()))
# Beyond this a full vector per image would be most of the file; the top five say what people ask.
MAX_FULL_VECTOR = 32


class StoreProbabilities(StrEnum):
    """Whose probabilities are stored in full: those of at most 32 classes, or of however many there are."""

    FEW = "few"
    ALL = "all"


@dataclass(frozen=True)
class ScoredImage:
    """One image's outcome: the model's outputs, shape (num_outputs,), or the reason why there are none."""

    image: ImageEntry
    outputs: Float32Array | None
    error_message: str | None = None


def stores_vectors(num_labels: int, asked: str) -> bool:
    """Whether the probabilities of so many labels are stored in full; `asked` is a `StoreProbabilities`."""
    return num_labels <= MAX_FULL_VECTOR or asked == StoreProbabilities.ALL


def predictions_schema(
    labels: Sequence[str], metadata: dict[str, str], store: str = StoreProbabilities.FEW
) -> pa.Schema:
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
    if stores_vectors(len(labels), store):
        # Not a fixed-size list, though every list has this length: Arrow before 26 reads no null one back from Parquet.
        columns.append(pa.field("probabilities", pa.list_(pa.float32())))
    return pa.schema(columns, metadata=metadata)


def find_schema_problem(schema: pa.Schema, labels: Sequence[str], store: str) -> str | None:
    """What columns a shard of this run lacks, has beside, or has of another type; None if nothing is wrong.

    Args:
        schema: The shard's.
        labels: The run's; without any its shards hold features, which are lists of float16 or float32, whatever
            they are called.
        store: Whose probabilities the run stores in full, a `StoreProbabilities`.
    """
    expected = predictions_schema(labels or ("features",), {}, store)
    names = list(expected.names) if labels else list(FEATURES_HAVE)
    lacking = [name for name in names if name not in schema.names]
    if lacking:
        return f"lacks the column {lacking[0]}"
    others = [field for field in schema if field.name not in names]
    if labels and others:
        return f"has a column {others[0].name} that no shard of this run has"
    fields = [(schema.field(name), expected.field(name).type) for name in names]
    odd = [field for field, kind in fields if field.type != kind]
    odd += [field for field in others if field.type not in _FEATURES]
    return f"has {odd[0].type} in its column {odd[0].name}" if odd else None


def predictions_table(
    rows: Sequence[ScoredImage],
    labels: Sequence[str],
    metadata: dict[str, str],
    store: str = StoreProbabilities.FEW,
) -> pa.Table:
    """One row per image, in the order given."""
    schema = predictions_schema(labels, metadata, store)
    return pa.Table.from_pylist([_row(scored, labels) for scored in rows], schema=schema)


def write_table(path: Location, table: pa.Table) -> None:
    """Write a Parquet file whole; storage that fails for a moment is tried again."""
    from scoring.storage.retrying import patiently  # readers need none

    patiently()(_write_whole, path, to_parquet(table))


def _write_whole(path: Location, content: bytes) -> None:
    with whole_file(path) as temporary:
        temporary.write_bytes(content)


def to_parquet(table: pa.Table) -> bytes:
    """A Parquet file's content, with a checksum for each page."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", write_page_checksum=True)
    return bytes(sink.getvalue())


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


def shard_files(folder: Location) -> Sequence[Location]:
    """Every shard in `folder`, in order."""
    return find_files(folder, "*.parquet")
