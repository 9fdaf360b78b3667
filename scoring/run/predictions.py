"""Predictions of one shard as a table, written whole or not at all."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from scoring.arrays import Float32Array
from scoring.sources.entries import ImageEntry
from scoring.storage.durable import whole_file
from scoring.storage.locations import Location, find_files

OK, ERROR = "ok", "error"
NOT_A_NUMBER = "the model returned a value that is not a number"  # the reason of a row whose image was read
FINGERPRINT_KEY, LABELS_KEY = b"shardscore.fingerprint", b"shardscore.labels"
INPUTS_KEY = b"shardscore.inputs"  # `contents_digest` of what was read
LISTED_KEY = b"shardscore.listed"  # the same of what was listed, where that differs
PLACE_KEY = b"shardscore.place"  # where the images lay, as `run.json` says it
VERSIONS_KEY = b"shardscore.versions"  # of libraries, by name
UNREAD_KEY = b"shardscore.unread"  # how many rows have an image that may be readable at another time
TOP_K = 5
FEATURES_HAVE = ("image_id", "path", "status", "error_message", "target")  # of the columns of predictions
PIXELS_SHA256 = "pixels_sha256"  # a column beside features: copies of a photo have it in common
_FEATURES = (pa.list_(pa.float16()), pa.list_(pa.float32()))
# Classes. Above this a full vector per image would be most of the file, and most people want the top five.
MAX_FULL_VECTOR = 32


class StoreProbabilities(StrEnum):
    """Whose probabilities are stored in full: those of at most 32 classes, or of however many there are."""

    FEW = "few"
    ALL = "all"


@dataclass(frozen=True)
class ScoredImage:
    """One image's outcome: the model's outputs, shape (num_outputs,), or the reason why there are none.

    `pixels_sha256` is the digest that its copies have in common; None where the model tells none.
    """

    image: ImageEntry
    outputs: Float32Array | None
    error_message: str | None = None
    pixels_sha256: bytes | None = None


def stores_vectors(num_labels: int, asked: str) -> bool:
    """Whether the probabilities of so many labels are stored in full; `asked` is a `StoreProbabilities`."""
    return num_labels <= MAX_FULL_VECTOR or asked == StoreProbabilities.ALL


def storing(num_labels: int, asks_all: bool) -> StoreProbabilities:
    """Whose probabilities are stored in full, as fingerprints have it: of few labels it makes no difference."""
    return StoreProbabilities.ALL if asks_all and num_labels > MAX_FULL_VECTOR else StoreProbabilities.FEW


def predictions_schema(
    labels: Sequence[str], metadata: dict[str, str], store: str = StoreProbabilities.FEW
) -> pa.Schema:
    """Columns of the predictions of a model.

    Args:
        labels: The model's, in class order.
        metadata: Goes into every file.
        store: Whose probabilities are stored in full, a `StoreProbabilities`.
    """
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
    others = [field for field in schema if field.name not in (names if labels else [*names, PIXELS_SHA256])]
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
    """One row per image, in the order given, of outputs that are probabilities; see `predictions_schema`."""
    schema = predictions_schema(labels, metadata, store)
    missing = np.array([scored.outputs is None for scored in rows], bool)
    there = [scored.outputs for scored in rows if scored.outputs is not None]
    probabilities = np.stack(there) if there else np.zeros((0, len(labels)), np.float32)
    ranked = top_classes(probabilities, TOP_K)
    values = np.take_along_axis(probabilities, ranked, axis=1)
    best = _spread(ranked[:, 0].astype(np.int32), missing)
    names = pa.array(labels, pa.string())
    columns = describing_columns(rows) | {
        "label": names.take(best),
        "class_index": best,
        "probability": _spread(values[:, 0], missing),
        "top_labels": _lists(names.take(pa.array(ranked.ravel())), missing),
        "top_probabilities": _lists(pa.array(values.ravel()), missing),
        "probabilities": _lists(pa.array(probabilities.ravel()), missing),
    }
    return pa.Table.from_arrays([columns[name] for name in schema.names], schema=schema)


def describing_columns(rows: Sequence[ScoredImage]) -> dict[str, pa.Array]:
    """The columns that predictions and features have in common, those of `FEATURES_HAVE`."""
    return {
        "image_id": pa.array([scored.image.image_id for scored in rows], pa.string()),
        "path": pa.array([scored.image.written for scored in rows], pa.string()),
        "status": pa.array([ERROR if scored.outputs is None else OK for scored in rows], pa.string()),
        "error_message": pa.array([scored.error_message for scored in rows], pa.string()),
        "target": pa.array([scored.image.target for scored in rows], pa.string()),
    }


def top_classes(probabilities: Float32Array, count: int) -> npt.NDArray[np.intp]:
    """The classes of highest probability, the highest first; of equal ones the lower class first, NaN last.

    Args:
        probabilities: Shape (num_images, num_classes).
        count: How many for each image, if there are so many classes.

    Returns:
        Shape (num_images, min(count, num_classes)).
    """
    images, left = np.arange(len(probabilities)), probabilities.copy()
    ranked = np.empty((len(images), min(count, probabilities.shape[1])), np.intp)
    for place in range(ranked.shape[1]):  # five searches for the largest take a fifth of the time of one argpartition
        ranked[:, place] = best = left.argmax(axis=1)
        left[images, best] = -np.inf
    for image in np.flatnonzero(~np.isfinite(probabilities).all(axis=1)):
        ranked[image] = np.argsort(-probabilities[image], kind="stable")[:count]
    return ranked


def _spread(values: npt.NDArray[Any], missing: npt.NDArray[np.bool_]) -> pa.Array:
    """A column of the values in order, null where the row is missing."""
    column = np.zeros(len(missing), values.dtype)
    column[~missing] = values
    return pa.array(column, mask=missing)


def _lists(values: pa.Array, missing: npt.NDArray[np.bool_]) -> pa.Array:
    """A column of lists of equal length, which hold the values in order; null where the row is missing."""
    num_lists = int((~missing).sum())
    lengths = np.where(missing, 0, len(values) // num_lists if num_lists else 0)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), values, mask=pa.array(missing))


def write_table(path: Location, table: pa.Table) -> str:
    """Write a Parquet file whole, and return its SHA-256; storage that fails for a moment is tried again.

    Raises:
        StorageError: If it cannot be written.
    """
    from scoring.storage.retrying import patiently  # readers need none

    content = to_parquet(table)
    patiently()(_write_whole, path, content)
    return hashlib.sha256(content).hexdigest()


def _write_whole(path: Location, content: bytes) -> None:
    with whole_file(path) as temporary:
        temporary.write_bytes(content)


def to_parquet(table: pa.Table) -> bytes:
    """A Parquet file's content, with a checksum for each page."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", write_page_checksum=True)
    return bytes(sink.getvalue())


def joint_contents(inputs: Sequence[bytes]) -> str:
    """What tells the contents of all images from those of others, by what each shard has under `INPUTS_KEY`.

    Empty where no shard says.
    """
    return hashlib.sha256(b"\n".join(inputs)).hexdigest() if any(inputs) else ""


def shard_files(folder: Location) -> Sequence[Location]:
    """Every shard in `folder`, in order."""
    return find_files(folder, "*.parquet")
