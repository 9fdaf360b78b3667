"""Which columns of a table of images, or of a file of labels, say what, and how to find them in a table."""

import errno
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from scoring.errors import BucketError, ImagesError, RequestError
from scoring.storage.locations import Location, file_above
from scoring.storage.redaction import brief

# What Amazon S3 Inventory calls its columns; Amazon S3 User Guide, "Cataloging your objects with S3 Inventory".
BUCKET, KEY, SIZE, E_TAG = "bucket", "key", "size", "e_tag"
IS_LATEST, IS_DELETED = "is_latest", "is_delete_marker"
_ADVICE = {
    "path_column": "Name that of the paths by `path_column`, or that of the images themselves by `bytes_column`",
    "bytes_column": "Name that of the images themselves by `bytes_column`",
    "id_column": "Name that of the ids by `id_column`",
    "label_column": "Name that of the labels by `label_column`",
    "group_column": "Name that of the groups by `group_column`",
}
# Apache Arrow, "Canonical extension types"; how pyarrow reads Parquet's UUID and, from version 19 on, its JSON.
_UUID, _JSON = "arrow.uuid", "arrow.json"
_SHOWN = 40  # columns in a message; of attributes as many are common, of pixels and classes there are thousands
_TOO_LARGE = 2.0**63  # for a whole number of 64 bits


@dataclass(frozen=True)
class TableColumns:
    """Which columns of a Parquet table say what; a column inside another is named with a dot, `image.bytes`.

    Attributes:
        path: Paths or URLs of images; relative ones are below the table's folder. None takes the column `path`, or in a
            table of S3 Inventory the columns `bucket` and `key`.
        content: Encoded images, instead of paths.
        image_id: Their ids. None takes ids from the paths, or numbers the rows. With it, a row without an id has
            its place for one, `photos.parquet#7`.
        label: Their true labels.
        group: What some of them have in common, by which they are kept together.
    """

    path: str | None = None
    content: str | None = None
    image_id: str | None = None
    label: str | None = None
    group: str | None = None

    @property
    def fields(self) -> str:
        """What the request calls the columns that it names, for messages."""
        named = {
            "path_column": self.path,
            "bytes_column": self.content,
            "id_column": self.image_id,
            "label_column": self.label,
            "group_column": self.group,
        }
        return " and ".join(f"`{field}`" for field, column in named.items() if column) or "`images`"

    @property
    def images(self) -> str:
        """The column that the images come from."""
        return self.content or self.path or "path"

    @property
    def are_known_by_id(self) -> bool:
        """Whether images have ids of their own, and for paths nothing but the numbers of their rows."""
        return self.content is not None and self.image_id is not None

    @property
    def are_numbered(self) -> bool:
        """Whether images have the numbers of their rows for ids, which may be ids of other photos elsewhere."""
        return self.content is not None and self.image_id is None


NO_COLUMNS = TableColumns()  # for collections that are no table


@dataclass(frozen=True)
class LabelsFile:
    """Where the labels of photos stand.

    Attributes:
        source: A CSV file, one in a zip (`bundle.zip/train.csv`), or a Parquet table, which may be a folder of parts.
        id_column: The column that says which photo; None finds it by its name and values.
        label_column: The column with the label; None finds it by its name.
        group_column: The column with what photos have in common that are kept together; None for none.
    """

    source: Location
    id_column: str | None = None
    label_column: str | None = None
    group_column: str | None = None

    def check(self) -> None:
        """Raise RequestError if there is no such file, or it is a folder of something else."""
        if self.is_folder():
            from scoring.sources.table_folder import is_table_folder  # what only names columns needs no tables

            if not is_table_folder(self.source):
                raise RequestError(
                    "Expected `labels_file` to be a file, or a folder that holds the parts of a Parquet table and "
                    f"nothing else; {self.source} is a folder. Name a file in it."
                )
        elif file_above(self.source) is None:
            raise RequestError(
                f"Expected `labels_file` to be a CSV file or a Parquet table; there is no {self.source}."
            )

    def is_folder(self) -> bool:
        """Whether it is a folder, as a table of several parts is.

        Raises:
            BucketError: If its bucket cannot be reached, or lets neither objects be read there nor be listed.
        """
        try:
            if self.source.is_file():  # which may be all that a user of a bucket may ask
                return False
        except BucketError as error:
            if error.errno != errno.EACCES:
                raise
        return self.source.is_dir()


def is_inventory(schema: pa.Schema, columns: TableColumns) -> bool:
    """Whether a table lists the objects of buckets as S3 Inventory does, and no other column was asked for."""
    is_free = not (columns.path or columns.content or "path" in schema.names)
    return is_free and {BUCKET, KEY} <= set(schema.names)


def column_type(schema: pa.Schema, name: str) -> pa.DataType | None:
    """The type of a column, by its exact name or else by one with dots; None if there is none."""
    if name in schema.names:
        return schema.field(schema.names.index(name)).type
    return next((kind for _, kind in _ways_to(schema, name)), None)


def column_values(table: pa.Table | pa.RecordBatch, name: str) -> Any:
    """The values of a column that is there; see `column_type`."""
    if name in table.schema.names:
        return table.column(table.schema.names.index(name))
    (outer, *inner), _ = next(_ways_to(table.schema, name))
    return pc.struct_field(table.column(outer), inner)


def _ways_to(fields: Iterable[pa.Field], name: str) -> Iterator[tuple[list[int], pa.DataType]]:
    """The places of columns by a name with dots, of each column and those inside it, and their types.

    A dot may stand in a column's own name, as in `s.im.g.bytes` of the column `im.g` inside `s`.
    """
    for place, field in enumerate(fields):
        if field.name == name:
            yield [place], field.type
        elif name.startswith(f"{field.name}.") and pa.types.is_struct(field.type):
            for inner, kind in _ways_to(field.type, name[len(field.name) + 1 :]):
                yield [place, *inner], kind


def as_texts(values: Any) -> Any:
    """A column's values as texts: whole numbers as such, however they are written, UUIDs as usual, NaN as a null.

    Of JSON, texts without their quotes, and its null as one; others as they are spelled.

    Raises:
        pyarrow.ArrowException: If they cannot be texts.
    """
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    extension = getattr(values.type, "extension_name", "")
    if extension == _JSON:
        return pa.array(map(_of_json, values.cast(pa.string()).to_pylist()), pa.string())
    if extension == _UUID:  # 16 bytes, which pyarrow would take for a text
        return pa.array([value and str(value) for value in values.to_pylist()], pa.string())
    if pa.types.is_decimal(values.type):
        return pc.replace_substring_regex(values.cast(pa.string()), r"^(-?\d+)\.0+$|^(0)E-\d+$", r"\1\2")
    if not pa.types.is_floating(values.type):
        return pc.cast(values, pa.string())
    numbers = values.cast(pa.float64())
    is_whole = pc.and_(pc.equal(numbers, pc.floor(numbers)), pc.less(pc.abs(numbers), _TOO_LARGE))
    whole = pc.if_else(is_whole, numbers, 0.0).cast(pa.int64()).cast(pa.string())
    texts = pc.if_else(is_whole, whole, values.cast(pa.string()))
    return pc.if_else(pc.is_nan(numbers), pa.scalar(None, pa.string()), texts)


def _of_json(spelled: str | None) -> str | None:
    try:
        value = json.loads(spelled or "null")
        str(value).encode()
    except (ValueError, RecursionError):  # among others of half a character, which only JSON can hold
        return spelled
    return value if value is None or isinstance(value, str) else spelled


def column_names(schema: pa.Schema) -> list[str]:
    """All columns that can be named, those inside others with dots; a list says that it is one."""
    return [name for field in schema for name in _names(field.name, field.type)]


def _names(name: str, kind: pa.DataType) -> list[str]:
    if pa.types.is_struct(kind):
        return [inner for field in kind for inner in _names(f"{name}.{field.name}", field.type)]
    return [f"{name} (a list)"] if _is_list(kind) else [name]


def some_columns(names: Iterable[str]) -> str:
    """Names of columns for a message, of very many the first."""
    shown = [brief(name) for name in names]
    more = f", ... ({len(shown):,} in all)" if len(shown) > _SHOWN else ""
    return ", ".join(shown[:_SHOWN]) + more


def check_column(schema: pa.Schema, field: str, name: str, table: str) -> None:
    """Raise ImagesError unless a table has one column of a name, which can be what a field of the request names.

    Args:
        schema: What columns the table has.
        field: What the request calls it: `path_column`, `bytes_column`, `id_column`, `label_column` or `group_column`.
        name: The column.
        table: What to call the table.
    """
    num_exact = schema.names.count(name)
    if num_exact > 1 or (not num_exact and len(list(_ways_to(schema, name))) > 1):
        raise ImagesError(
            f"Expected every column of {table} once; it has {name!r} more than once. Write it anew with other names."
        )
    kind = column_type(schema, name)
    if kind is None:
        raise ImagesError(
            f"Expected a column {name!r} in {table}; it has {some_columns(column_names(schema))}. {_ADVICE[field]}."
        )
    if _is_list(kind):
        raise ImagesError(
            f"Expected `{field}` to hold one value in each row; {name} of {table} is of lists, {kind}. Write a table "
            "with a row for each image."
        )
    if not _fits(kind, field):
        raise unfit(schema, field, name, table)


def unfit(schema: pa.Schema, field: str, name: str, table: str) -> ImagesError:
    """What to raise where a column is not of what a field of the request names; see `check_column`."""
    wants_bytes = field == "bytes_column"
    inside = [
        inner
        for inner in column_names(schema)
        if inner.startswith(f"{name}.")
        and (of_inner := column_type(schema, inner))
        and _fits(of_inner, field)
        and is_binary(of_inner) == wants_bytes
    ]
    advice = f" Name one of {some_columns(inside)}." if inside else ""
    wanted = "encoded images, binary" if wants_bytes else "texts or numbers"
    kind = column_type(schema, name)
    return ImagesError(f"Expected `{field}` to be a column of {wanted}; {name} of {table} is {kind}.{advice}")


def _fits(kind: pa.DataType, field: str) -> bool:
    """Whether a column may be what is asked for, as one without any value may; whether bytes are texts, they tell."""
    if field == "bytes_column":
        return is_binary(kind) or pa.types.is_null(kind)
    return not (pa.types.is_nested(kind) or pa.types.is_fixed_size_binary(kind))


def _is_list(kind: pa.DataType) -> bool:
    types = pa.types
    tests = (types.is_list, types.is_large_list, types.is_fixed_size_list, types.is_map)
    return any(test(kind) for test in tests)


def is_binary(kind: pa.DataType) -> bool:
    """Whether values of a type are bytes."""
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    types = pa.types
    tests = (types.is_binary, types.is_large_binary, types.is_fixed_size_binary, types.is_binary_view)
    return any(test(kind) for test in tests)


def is_text(kind: pa.DataType) -> bool:
    """Whether values of a type are texts."""
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    types = pa.types
    return any(test(kind) for test in (types.is_string, types.is_large_string, types.is_string_view))


def is_number(kind: pa.DataType) -> bool:
    """Whether values of a type are numbers, or true and false."""
    types = pa.types
    return any(test(kind) for test in (types.is_boolean, types.is_integer, types.is_floating, types.is_decimal))
