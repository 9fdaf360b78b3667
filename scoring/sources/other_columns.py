"""The columns beside those of photos' ids and labels, in a file of labels or a table of images."""

import re
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from scoring.errors import RequestError
from scoring.sources.labels_file import FLAGS, LabelsTable, tidy_labels
from scoring.sources.table_columns import TableColumns
from scoring.sources.table_images import TableSource

Rows = Sequence[tuple[Hashable, str]]  # the id and the value of each row; an empty cell is the empty text
Flags = Mapping[Hashable, bool]  # whether something is so, by the id of each row that says it

EMPTY = {"na", "none", "-", "?", "-1", "unassigned"}  # as good as empty, where it is no label
_MARK = re.compile(r"[^\d\s]")  # `x`, as in a list that was filled in by hand
_MANY = 1_000  # different values in a column that may be of anything


@dataclass(frozen=True)
class OtherColumns:
    """The columns beside those of photos' ids and labels.

    Attributes:
        are_texts: Whether each is of texts, by its name; of one of numbers or bytes the name has to say what it is.
        read: The rows of one.
    """

    are_texts: Mapping[str, bool]
    read: Callable[[str], Rows]

    def rows(self, column: str) -> Rows:
        """The rows of a column; none of one of a Parquet table that cannot be text."""
        with suppress(RequestError):
            rows = self.read(column)
            values = list({value for _, value in rows})
            if len(values) > _MANY:
                return rows
            tidy = dict(zip(values, tidy_labels(values), strict=True))
            tidy |= {value: "" for value, one in tidy.items() if one.casefold() in EMPTY}
            return [(one, tidy[value]) for one, value in rows]
        return ()

    def flags(self, columns: Iterable[str]) -> dict[str, Flags]:
        """What those of some columns say that hold flags."""
        return {column: flags for column in columns if (flags := read_flags(self.rows(column)))}


def read_flags(rows: Rows) -> Flags:
    """What a column of flags says of each row; nothing if it is of something else.

    An empty cell says nothing beside yes and no; beside one of them alone, or a mark, it is the other.
    """
    values = {value for _, value in rows}
    flags = {value: FLAGS.get(value.casefold()) for value in values if value}
    if "" in values and len(flags) == 1:
        ((value, flag),) = flags.items()
        is_so = flag if flag is not None or not _MARK.fullmatch(value) else True
        flags |= {value: is_so, "": not is_so}
    if None in flags.values():
        return {}
    return {one: bool(flags[value]) for one, value in rows if value in flags}


def columns_of_file(table: LabelsTable, id_column: str, label_column: str, ids: Sequence[str]) -> OtherColumns:
    """The other columns of a file of labels, with the id of each row."""
    others = [column for column in table.columns if column not in (id_column, label_column)]
    return OtherColumns(dict.fromkeys(others, True), lambda column: list(zip(ids, table.columns[column], strict=True)))


def columns_of_table(source: TableSource, columns: TableColumns) -> OtherColumns:
    """The other columns of a table of images, whose ids are paths and ids."""

    def read(column: str) -> Rows:
        files = TableSource(source.table, replace(columns, label=column)).files()
        return [((file.written, file.image_id), file.target or "") for file in files if not file.left_out]

    return OtherColumns(source.other_columns(), read)
