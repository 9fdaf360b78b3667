"""The names of classes that a column of a Parquet table has numbers for, as Hugging Face's datasets write them."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from scoring.errors import ImagesError
from scoring.sources.table_columns import column_type, is_number
from scoring.storage.locations import Location

_METADATA = b"huggingface"  # under which datasets says what each column is; huggingface.co/docs/datasets, "ClassLabel"
_NONE = "-1"  # there, of rows whose class is not told


def as_labels(texts: Any, schema: pa.Schema, column: str, table: str) -> Any:
    """The texts of a column: of numbers of classes their names, if the schema says these.

    Args:
        texts: The column's values; see `as_texts`.
        schema: The file's own, which lacks a column that folders tell: `label=2/` or `label=cat/`.
        column: The column's name.
        table: What to call the file.

    Raises:
        ImagesError: If a number is that of no class.
    """
    kind = column_type(schema, column)
    names = _class_names(schema, column)
    if not names or not (kind is None or _is_of_classes(kind)):
        return texts
    found = pc.unique(texts)
    name_of = {None: None, _NONE: None} | {str(number): name for number, name in enumerate(names)}
    numbers = found.to_pylist()
    other = next((number for number in numbers if number not in name_of), None)
    if other is not None and kind is not None:
        raise ImagesError(
            f"Expected column {column!r} of {table} to hold numbers from 0 to {len(names) - 1}, of the classes that "
            f"its `huggingface` metadata names, or -1 for none; one is {other}. Mend the column, or the metadata."
        )
    return pa.array([name_of.get(number, number) for number in numbers], pa.string()).take(pc.index_in(texts, found))


class NamedParts:
    """Which of a table's parts name the classes of a column's numbers; one that does not says others by its `0`.

    Args:
        column: The column's name.
        folder: Where the parts lie.

    Attributes:
        numbers: The number of each class that the parts looked at so far name; None if two of them differ.
    """

    def __init__(self, column: str, folder: Location) -> None:
        self._column = column
        self._folder = folder
        self._first: dict[bool, str] = {}  # whether its classes are named: the first such part
        self.numbers: dict[str, int | None] = {}

    def add(self, part: str, schema: pa.Schema) -> None:
        """Look at one part that has rows.

        Raises:
            ImagesError: If it names classes where an earlier one has bare numbers, or the other way round.
        """
        kind = column_type(schema, self._column)
        if not (kind is None or _is_of_classes(kind)):
            return
        names = _class_names(schema, self._column)
        for number, name in enumerate(names):
            self.numbers[name] = number if self.numbers.get(name, number) == number else None
        if kind is None:
            return
        self._first.setdefault(bool(names), part)
        if len(self._first) > 1:
            raise ImagesError(
                f"Expected all parts in {self._folder} to name the classes of column {self._column!r} by "
                f"`huggingface` metadata, or none; {self._first[True]} does and {self._first[False]} does not. Write "
                "the latter with the metadata of the former, or keep them apart."
            )


def _is_of_classes(kind: pa.DataType) -> bool:
    """Whether values of a type may be numbers of classes."""
    return is_number(kind) and not pa.types.is_boolean(kind)


def _class_names(schema: pa.Schema, column: str) -> Sequence[str]:
    """The names of a column's classes in their order, without blanks around them; none if it is of something else."""
    try:
        features = json.loads((schema.metadata or {})[_METADATA])["info"]["features"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ()
    feature = _feature(features, column)
    names = feature.get("names") if feature.get("_type") == "ClassLabel" else None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        return ()
    stripped = [name.strip() for name in names]
    return stripped if len({*stripped}) == len(stripped) else ()


def _feature(features: object, column: str) -> Mapping[str, Any]:
    """What is said of a column, by its exact name or else by one with dots."""
    if not isinstance(features, dict):
        return {}
    if isinstance(features.get(column), dict):
        return dict(features[column])
    outer = [name for name in features if column.startswith(f"{name}.")]
    return next(filter(None, (_feature(features[name], column[len(name) + 1 :]) for name in outer)), {})
