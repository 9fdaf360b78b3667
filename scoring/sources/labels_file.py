"""The labels of photos in a file of their own, as competitions give them: `train.csv`, or a Parquet table."""

import re
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache, cached_property

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from scoring.errors import BucketError, RequestError, one_line
from scoring.pixels.formats import IMAGE_SUFFIXES
from scoring.sources.class_names import NamedParts, as_labels
from scoring.sources.csv_table import read_csv
from scoring.sources.label_use import TRAINING, LabelUse
from scoring.sources.several_labels import advice_on_flags
from scoring.sources.spelling import one_spelling
from scoring.sources.split_words import are_splits
from scoring.sources.suffixes import is_parquet
from scoring.sources.table_columns import LabelsFile, as_texts, is_binary, some_columns
from scoring.sources.table_partitions import partition_values, with_partition
from scoring.sources.table_parts import TableParts
from scoring.storage.git_lfs import pointer_hint
from scoring.storage.locations import Location, file_below, readable

# What such columns are called, in letters and digits alone: image_id, file_name, id_code; class_name, species.
_ID = re.compile(r"(?=.)(image|img|photo|picture|file|f|id)?(ids?|name|path|file|code)?")
_SUFFIX = re.compile(r"\.[a-z]\w{1,4}", re.IGNORECASE)
_LABEL = re.compile(r"(labels?|targets?|class|classes|category|species|breed|diagnosis)(id|name)?")
_NAMELESS = re.compile(r"(Unnamed: [0-9]+|__index_level_[0-9]+__)?")  # as pandas calls what a header leaves out
_WHOLE_AS_FLOAT = re.compile(r"-?[0-9]+(\.0+)?")  # what pandas makes of whole numbers beside an empty cell
FLAGS = {
    **dict.fromkeys(("0", "0.0", "false", "f", "no", "n"), False),
    **dict.fromkeys(("1", "1.0", "true", "t", "yes", "y"), True),
}  # how values say whether something is so, in lower case
_MISSING = frozenset(
    {"nan", "-nan", "<na>", "n/a", "#n/a", "#n/a n/a", "null"}
)  # as pandas, R and spreadsheets write an empty cell


@dataclass(frozen=True)
class LabelsTable:
    """What such a file holds, as text.

    Attributes:
        name: The file's name, for messages.
        spelled: The values of each column by its name, as they stand; an empty cell is the empty text.
        named: The classes of columns that a Parquet table names, of those looked at so far; see `NamedParts`.
    """

    name: str
    spelled: Mapping[str, Sequence[str]]
    named: Mapping[str, NamedParts] = field(default_factory=dict)

    @cached_property
    def columns(self) -> Mapping[str, Sequence[str]]:
        """The same without blanks around them."""
        return _Columns(self.spelled, lambda name: [value.strip() for value in self.spelled[name]])

    def id_columns(self, asked: str | None) -> list[str]:
        """The columns that may say which photo: the one asked for, or those named so.

        Raises:
            RequestError: If the one asked for is none.
        """
        if asked is not None:
            return [self._existing(asked, "id_column")]
        return [name for name in self.columns if _ID.fullmatch(_plain(name))]

    def without_ids(self, candidates: Sequence[str]) -> RequestError:
        """What to raise if no column is called as one of ids; the values of candidates are photos' ids."""
        if candidates:
            return RequestError(
                f"Expected a column of ids in {self.name}, such as id, image or file_name; by its values it may be "
                f"{some_columns(map(repr, candidates))}. Say which by `id_column`."
            )
        return RequestError(
            f"Expected a column of ids in {self.name}, such as id, image or file_name; it has {self._names}. Say "
            "which by `id_column`; if these are the values of a photo, put a line of names before them."
        )

    def names_files(self, column: str) -> bool:
        """Whether most rows of a column look like names of files, with a suffix or a folder, whatever it is called."""
        try:
            values = self.columns[column]
        except RequestError:  # of a Parquet table, one that cannot be text
            return False
        return sum(map(_is_file_name, values)) > len(values) / 2

    def label_column(self, asked: str | None, id_column: str, use: LabelUse = TRAINING) -> str:
        """The column of labels: the one asked for, the one named so, or the only one beside the ids, if not of splits.

        One without a name that is empty or numbers the rows does not count, unless there is no other. Where several may
        be of one label each, what can be done is said for what they are for.

        Raises:
            RequestError: If there is none, or more than one.
        """
        if asked is not None:
            return self._existing(asked, "label_column")
        beside = [name for name in self.columns if name != id_column]
        others = [name for name in beside if not self._numbers_rows(name)] or beside
        found = list(filter(is_called_label, others))
        is_alone = len(others) == 1 and not are_splits(others[0], tidy_labels([*{*self.columns[others[0]]}]))
        if len(found) != 1 and not is_alone:
            if each := self._one_for_each_label(others):
                raise RequestError(
                    f"Expected one column of labels in {self.name}; it has one for each label, "
                    f"{some_columns(each)}, with 1 in that of a row's label. Add a column with their "
                    "names, as idxmax(axis=1) of pandas makes it."
                )
            flags = {} if found else self._flags(others)
            advice = advice_on_flags(flags.values(), use) if len(flags) > 1 else ""
            raise RequestError(
                f"Expected one column of labels in {self.name}, such as label, target or class; it has "
                f"{some_columns(map(repr, found or others))}. Say which by `label_column`.{advice}"
            )
        return (found or others)[0]

    def group_column(self, asked: str | None) -> str | None:
        """The column asked for, of what photos have in common, if one is; RequestError if none has that name."""
        return None if asked is None else self._existing(asked, "group_column")

    def told_of_one(self, column: str, id_column: str) -> str | None:
        """In words, that a column of labels is one of several, of which each stands for a label; None if it is not."""
        if not all(value.casefold() in FLAGS for value in self.columns[column]):
            return None
        each = self._one_for_each_label([name for name in self.columns if name != id_column])
        if column not in each:
            return None
        return (
            f"the labels tell {column!r} from all else; {self.name} has one column for each label, "
            f"{some_columns(each)} (if all are meant, add a column with their names, as idxmax(axis=1) of pandas makes "
            "it)"
        )

    def labels(self, column: str) -> list[str]:
        """The labels in a column; see `tidy_labels`."""
        return tidy_labels(self.columns[column], self.class_numbers(column))

    def with_empty(self, column: str) -> str:
        """The file's name; in brackets, what a column's labels have that is read as empty."""
        return f"{self.name}{read_as_empty(self.columns[column], self.class_numbers(column))}"

    def class_numbers(self, column: str) -> Mapping[str, int | None]:
        """The numbers of the classes that a column of a Parquet table names; none of others."""
        _ = self.columns[column]
        return self.named[column].numbers if column in self.named else {}

    def _numbers_rows(self, column: str) -> bool:
        """Whether a column has no name, and a number of its own in each row, or nothing that is text."""
        if not _NAMELESS.fullmatch(column):
            return False
        try:
            values = self.columns[column]
        except RequestError:  # of a Parquet table, one that cannot be text
            return True
        are_numbers = all(map(_WHOLE_AS_FLOAT.fullmatch, values)) and len(set(values)) == len(values)
        return are_numbers or not any(values)

    def _one_for_each_label(self, names: Sequence[str]) -> list[str]:
        """Those of some columns that hold 0 and 1, if exactly one of them is 1 in each row."""
        flags = self._flags(names)
        is_one_each = len(flags) > 1 and all(sum(row) == 1 for row in zip(*flags.values(), strict=True))
        return list(flags) if is_one_each else []

    def _flags(self, names: Sequence[str]) -> dict[str, list[bool]]:
        """Those of some columns that hold 0 and 1 alone."""
        flags: dict[str, list[bool]] = {}
        for name in names:
            with suppress(RequestError):  # of a Parquet table, one that cannot be text
                flags[name] = [FLAGS[value.casefold()] for value in self.columns[name] if value.casefold() in FLAGS]
        return {name: values for name, values in flags.items() if len(values) == len(self.columns[name])}

    @property
    def _names(self) -> str:
        return some_columns(map(repr, self.columns))

    def _existing(self, name: str, field: str) -> str:
        if name not in self.columns:
            raise RequestError(f"Expected `{field}` to be a column of {self.name}; {name!r} is none of {self._names}.")
        return name


def is_called_label(column: str) -> bool:
    """Whether a column is called as one of labels is."""
    return _LABEL.fullmatch(_plain(column)) is not None


def tidy_labels(values: Sequence[str], names: Container[str] = ()) -> list[str]:
    """The labels in a column without blanks around them, whole numbers as such; the empty text where there is none.

    One that is there in two spellings has one. Names of classes stay: `1.0` and `null` may be some.
    """
    found = [value if value in names or not _is_missing(value) else "" for value in map(str.strip, values)]
    if all(_WHOLE_AS_FLOAT.fullmatch(value) for value in found if value and value not in names):
        return [value if value in names else value.partition(".")[0] for value in found]
    spelled = one_spelling(found)
    return [spelled.get(value, value) for value in found]


def read_as_empty(values: Iterable[str], names: Container[str] = ()) -> str:
    """In words, in brackets, which of some labels count as none, though something is written there; else empty."""
    words = {value: None for value in map(str.strip, values) if value and value not in names and _is_missing(value)}
    return f" (read as empty: {some_columns(map(repr, words))})" if words else ""


def _is_file_name(value: str) -> bool:
    stem, dot, suffix = value.rpartition(".")
    return "/" in value or "\\" in value or bool(stem and _SUFFIX.fullmatch(dot + suffix))


def _is_missing(label: str) -> bool:
    """Whether a label is an empty cell, as it is spelled; `None` and `NA` may be labels."""
    return not label or label.casefold() in _MISSING


def read_labels(file: LabelsFile) -> LabelsTable:
    """Read a file of labels.

    Raises:
        RequestError: If it is neither CSV nor Parquet, has no rows or fewer than two columns, or has a column twice.
        BucketError: If its bucket cannot be reached.
    """
    source = file.source
    file.check()
    is_folder = file.is_folder()
    is_table = is_folder or is_parquet(source.name)
    named: dict[str, NamedParts] = {}
    names, num_rows, columns = _parquet_columns(source, is_folder, named) if is_table else _csv_columns(source)
    if len(names) < 2 or not num_rows:
        raise RequestError(
            "Expected `labels_file` to have a column of ids, one of labels, and at least one row; "
            f"{source} has {num_rows} rows and, by commas, semicolons or tabs, {len(names)} columns."
        )
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise RequestError(f"Expected every column of `labels_file` once; {source} has {twice!r} more than once.")
    return LabelsTable(source.name, columns, named)


def _is_photo(name: str) -> bool:
    return name.strip().lower().endswith(tuple(IMAGE_SUFFIXES))


def _csv_columns(source: Location) -> tuple[list[str], int, Mapping[str, Sequence[str]]]:
    table = read_csv(source, "labels_file", "a CSV file or a Parquet table")
    names = [name.strip() for name in table.header]
    values = list(zip(*table.rows, strict=True)) if table.rows else [() for _ in names]
    for name, column in zip(names, values, strict=True):
        if _is_photo(name) and all(map(_is_photo, column)):
            raise RequestError(
                f"Expected `labels_file` to begin with a line of names, such as id,label; that of {source} has the "
                f"photo {name}. Put such a line before it."
            )
    return names, len(table.rows), dict(zip(names, values, strict=True))


def _parquet_columns(
    source: Location, is_folder: bool, named: dict[str, NamedParts]
) -> tuple[list[str], int, Mapping[str, Sequence[str]]]:
    """The names, the number of rows, and the columns that may be texts; lists, images and the like are left out.

    Which classes a column names is noted in `named` when it is looked at.
    """
    with _refused_if_unreadable(source):
        folder, parts = _parts(source) if is_folder else (source.parent, [source.name])
        read = [_plain_columns(folder, part) for part in parts]
    schemas, tables = [schema for schema, _ in read], [table for _, table in read]
    left_out = {field.name for schema in schemas for field in schema if not _is_plain(field.type)}
    names = [name for name in tables[0].column_names if name not in left_out]
    for part, table in zip(parts, tables, strict=True):
        if differing := ({*tables[0].column_names} ^ {*table.column_names}) - left_out:
            raise RequestError(
                f"Expected every part of `labels_file` to have the same columns; of {parts[0]} and {part} in {source} "
                f"one lacks {min(differing)!r}. Write the table anew, or name one file in it."
            )

    def texts(name: str) -> Sequence[str]:
        of_column = named[name] = NamedParts(name, folder)
        for part, schema, table in zip(parts, schemas, tables, strict=True):
            if table.num_rows:
                of_column.add(part, schema)
        with _refused_if_unreadable(source):
            told = (
                as_labels(as_texts(table[name]), schema, name, part)
                for part, schema, table in zip(parts, schemas, tables, strict=True)
            )
            return [text for texts in told for text in pc.fill_null(texts, "").to_pylist()]

    return names, sum(table.num_rows for table in tables), _Columns(names, texts)


def _parts(source: Location) -> tuple[Location, Sequence[str]]:
    parts = TableParts(source)
    return parts.folder, parts.names


def _plain_columns(folder: Location, part: str) -> tuple[pa.Schema, pa.Table]:
    """A part's own columns, and those that may be texts, also those that its folders tell."""
    with pq.ParquetFile(readable(file_below(folder, part))) as file:
        schema = file.schema_arrow
        table = file.read([field.name for field in schema if _is_plain(field.type)])
    return schema, with_partition(table, partition_values(part))


class _Columns(Mapping[str, Sequence[str]]):
    """Columns by their names, each made once, when it is looked at: some of those that are not could not be."""

    def __init__(self, names: Collection[str], make: Callable[[str], Sequence[str]]) -> None:
        self._names, self._make = names, cache(make)

    def __getitem__(self, name: str) -> Sequence[str]:
        return self._make(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


@contextmanager
def _refused_if_unreadable(source: Location) -> Iterator[None]:
    try:
        yield
    except BucketError:
        raise
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        hint = pointer_hint(source)
        raise RequestError(f"Expected a readable `labels_file`; {source} is not: {one_line(error)}.{hint}") from error


def _is_plain(kind: pa.DataType) -> bool:
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return not (pa.types.is_nested(kind) or is_binary(kind))


def _plain(name: str) -> str:
    return "".join(character for character in name.casefold() if character.isalnum())
