"""Names of classes in a Parquet table's schema, beside a column of their numbers: the `ClassLabel` of Hugging Face."""

import json
from collections.abc import Mapping
from functools import reduce
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from scoring.sources.table_columns import as_texts, column_values

_KEY = b"huggingface"  # of the schema's metadata, in JSON, as `datasets` writes its features there
_UNLABELLED = -1  # as `datasets` has it


def label_texts(rows: pa.Table | pa.RecordBatch, column: str) -> Any:
    """The labels in a column as texts: by the names of their numbers, where the schema tells these; see `as_texts`.

    Args:
        rows: With the schema of their file.
        column: One that is there.

    Raises:
        pyarrow.ArrowException: If they cannot be texts, or a number has no name.
    """
    values = column_values(rows, column)
    names = _class_names(rows.schema.metadata, column) if pa.types.is_integer(values.type) else None
    if names is None:
        return as_texts(values)
    numbers = pc.if_else(pc.equal(values, _UNLABELLED), pa.scalar(None, values.type), values)
    bounds = pc.min_max(numbers).as_py()
    for number in filter(None, bounds.values()):
        if not 0 <= number < len(names):
            raise pa.ArrowInvalid(f"its column {column!r} has {number}, and its schema names {len(names)} classes")
    return pc.take(names, numbers)


def _class_names(metadata: Mapping[bytes, bytes] | None, column: str) -> pa.StringArray | None:
    """The names of the classes that a column holds the numbers of; None where nothing, or no such thing, is told."""
    try:
        features = json.loads((metadata or {})[_KEY])["info"]["features"]
        steps = [column] if column in features else column.split(".")
        feature = reduce(lambda inner, step: inner[step], steps, features)
        names = pa.array(feature["names"], pa.string()) if feature["_type"] == "ClassLabel" else None
    except (LookupError, RecursionError, TypeError, ValueError):
        return None
    are_whole = names is not None and not names.null_count and len(names.unique()) == len(names)
    return names if are_whole else None
