"""Rows of a Parquet table as found files, column by column."""

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from scoring.errors import ImagesError, one_line
from scoring.sources.class_names import as_labels
from scoring.sources.entries import FoundFile, readable_name
from scoring.sources.image_finder import Reason
from scoring.sources.table_columns import (
    BUCKET,
    E_TAG,
    IS_DELETED,
    IS_LATEST,
    KEY,
    SIZE,
    TableColumns,
    as_texts,
    column_type,
    column_values,
    is_inventory,
)
from scoring.sources.table_partitions import partition_values, with_partition
from scoring.storage.stamps import stamp_of

# The fields of `FoundFile`.
FOUND = {
    "image_id": pa.string(),
    "path": pa.string(),
    "size_bytes": pa.int64(),
    "raw_path": pa.binary(),
    "position": pa.int64(),
    "stamp": pa.int64(),
    "left_out": pa.string(),
    "target": pa.string(),
}


@dataclass(frozen=True)
class TablePart:
    """One file of a table.

    Attributes:
        name: Its path from the table's folder.
        before: How many rows the files before it have.
        stamp: What tells its content, where its images are read by their rows.
        row: Number of the first row of the batch, within this file.
    """

    name: str
    before: int
    stamp: int | None
    row: int = 0


def listed_columns(schema: pa.Schema, columns: TableColumns) -> list[str]:
    """The columns of a table that `found_rows` makes its rows of."""
    named = [name for name in (columns.image_id, columns.label) if name]
    if is_inventory(schema, columns):
        return [*named, BUCKET, KEY, *({SIZE, E_TAG, IS_LATEST, IS_DELETED} & set(schema.names))]
    return named if columns.content else [*named, columns.images]


def told_by_folders(schema: pa.Schema, columns: TableColumns, name: str) -> dict[str, str | None]:
    """The columns asked for that a part lacks and its folders tell, each with its value for all rows.

    What a table is, its own columns tell: a list of keys in `bucket=pets/` is no inventory.
    """
    values = partition_values(name)
    asked = (columns.path, columns.image_id, columns.label, columns.group)
    return {column: values[column] for column in asked if column in values and column_type(schema, column) is None}


def found_rows(batch: pa.RecordBatch, columns: TableColumns, part: TablePart) -> pa.RecordBatch:
    """A batch of a table's rows as `FOUND` has them; an inventory's marks of folders are no rows.

    Raises:
        pyarrow.ArrowException: If a text is not UTF-8, or a value is none of its column's.
        ImagesError: If a size in an inventory is none, or neither true nor false stands where one should.
    """
    own, is_list_of_objects = batch, is_inventory(batch.schema, columns)
    batch = with_partition(batch, told_by_folders(batch.schema, columns, part.name))
    ids = _ids(batch, columns.image_id, part) if columns.image_id else pa.nulls(batch.num_rows, pa.string())
    if columns.content:
        found = _contents(ids, part)
    elif is_list_of_objects:
        found = _objects(own, ids, part)
    else:
        found = _named(_texts(batch, columns.images), ids, part)
    if columns.label:
        found["target"] = as_labels(_texts(batch, columns.label), own.schema, columns.label, part.name)
    filled = {name: found.get(name, pa.nulls(batch.num_rows, kind)) for name, kind in FOUND.items()}
    rows = pa.RecordBatch.from_pydict(filled)
    return _without_marks(rows) if is_list_of_objects else rows


def found_files(batch: pa.RecordBatch) -> Iterator[FoundFile]:
    """A batch's rows one by one."""
    return (FoundFile(**row) for row in batch.to_pylist())


def _ids(batch: pa.RecordBatch, column: str, part: TablePart) -> pa.Array:
    """The ids in a column; of rows without one their places, as a number or a name may be the id of another photo."""
    ids = _texts(batch, column)
    has_id = pc.fill_null(pc.greater(pc.binary_length(ids), 0), False)
    if pc.all(has_id).as_py():
        return ids
    return pc.if_else(has_id, ids, _places(_numbers(ids, part), part.name)["path"])


def _contents(ids: pa.Array, part: TablePart) -> dict[str, pa.Array]:
    """Rows that hold their images, which are numbered through all parts where no column of ids is named."""
    rows = _numbers(ids, part)
    numbers = pc.add(rows, part.before).cast(pa.string())
    stamps = pa.nulls(len(ids), pa.int64()) if part.stamp is None else pa.repeat(pa.scalar(part.stamp), len(ids))
    return {"image_id": pc.coalesce(ids, numbers), **_places(rows, part.name), "position": rows, "stamp": stamps}


def _objects(batch: pa.RecordBatch, ids: pa.Array, part: TablePart) -> dict[str, pa.Array]:
    """The objects of a batch of S3 Inventory; old versions and deletions are left out."""
    buckets, keys = (pc.fill_null(_texts(batch, name), "None") for name in (BUCKET, KEY))
    paths = pc.binary_join_element_wise("s3://", buckets, "/", keys, "")
    found = {"image_id": ids, "path": paths, "size_bytes": _sizes(batch, part)}
    names = batch.schema.names
    if E_TAG in names:
        tags = column_values(batch, E_TAG).to_pylist()
        found["stamp"] = pa.array([stamp_of(tag) if tag else None for tag in tags], pa.int64())
    gone = pa.repeat(pa.scalar(False), batch.num_rows)
    for name, is_gone in ((IS_LATEST, False), (IS_DELETED, True)):
        if name in names:
            gone = pc.or_(gone, pc.fill_null(pc.equal(_flags(batch, name, part), is_gone), False))
    found["left_out"] = pc.if_else(gone, str(Reason.OLD_VERSION), pa.scalar(None, pa.string()))
    return found


def _without_marks(objects: pa.RecordBatch) -> pa.RecordBatch:
    """Without the empty objects `photos/` that consoles write for folders, which a listing of the bucket lacks too."""
    is_mark = pc.and_(pc.ends_with(objects["path"], "/"), pc.equal(objects["size_bytes"], 0))
    return objects.filter(pc.invert(is_mark)) if pc.any(is_mark).as_py() else objects


def _named(paths: pa.Array, ids: pa.Array, part: TablePart) -> dict[str, pa.Array]:
    """Rows that name their images; one that does not is an image that cannot be read."""
    is_named = pc.fill_null(pc.greater(pc.binary_length(paths), 0), False)
    found = {"image_id": ids, "path": paths, "size_bytes": pa.repeat(pa.scalar(0, pa.int64()), len(ids))}
    if pc.all(is_named).as_py():
        return found
    rows = _numbers(ids, part)
    places = _places(rows, part.name)
    nameless = {"image_id": pc.coalesce(ids, places["path"]), **places, "position": rows}
    for name, values in nameless.items():
        found[name] = pc.if_else(is_named, found.get(name, pa.nulls(len(ids), values.type)), values)
    return found


def _numbers(ids: pa.Array, part: TablePart) -> pa.Array:
    """The numbers of a batch's rows within its part."""
    return pa.array(range(part.row, part.row + len(ids)), pa.int64())


def _places(rows: pa.Array, name: str) -> dict[str, pa.Array]:
    """Where rows of a part stand."""
    readable, raw = readable_name(name)
    numbers = rows.cast(pa.string())
    places = {
        "path": pc.binary_join_element_wise(readable, numbers, "#"),
        "size_bytes": pa.repeat(pa.scalar(0, pa.int64()), len(rows)),
    }
    if raw:
        places["raw_path"] = pc.binary_join_element_wise(raw, numbers.cast(pa.binary()), b"#")
    return places


def _sizes(batch: pa.RecordBatch, part: TablePart) -> pa.Array:
    """The sizes in the inventory, in bytes, 0 where it has none: a null, NaN as pandas writes it, or an empty text."""
    if SIZE not in batch.schema.names:
        return pa.repeat(pa.scalar(0, pa.int64()), batch.num_rows)
    try:
        sizes = pc.fill_null(_or_null(column_values(batch, SIZE)).cast(pa.int64()), 0)
        least = pc.min(sizes).as_py()
        problem = f"one is {least}" if least is not None and least < 0 else None
    except pa.ArrowException as error:
        problem = one_line(error)
    if problem:
        raise ImagesError(
            f"Expected column {SIZE!r} of {part.name} to hold sizes in bytes, whole numbers from 0; {problem}. Mend "
            "the column, or leave it out."
        )
    return sizes


def _or_null(sizes: pa.Array) -> pa.Array:
    """Sizes, null where there is none."""
    sizes = sizes.dictionary_decode() if pa.types.is_dictionary(sizes.type) else sizes
    if pa.types.is_floating(sizes.type):
        return pc.if_else(pc.is_nan(sizes), None, sizes)
    is_text = pa.types.is_string(sizes.type) or pa.types.is_large_string(sizes.type)
    return pc.if_else(pc.equal(sizes, ""), None, sizes) if is_text else sizes


def _flags(batch: pa.RecordBatch, name: str, part: TablePart) -> pa.Array:
    """What a column of the inventory says is true or false, however it is written; null where it says neither."""
    values = column_values(batch, name)
    if pa.types.is_boolean(values.type):
        return values
    try:
        return _or_null(as_texts(values)).cast(pa.bool_())
    except pa.ArrowException as error:
        raise ImagesError(
            f"Expected column {name!r} of {part.name} to hold true or false; {one_line(error)}. Mend "
            "the column, or leave it out."
        ) from error


def _texts(batch: pa.RecordBatch, column: str) -> pa.Array:
    texts = as_texts(column_values(batch, column))
    texts.validate(full=True)
    return texts
