"""The columns beside those of photos' ids and labels, in a file of labels or a table of images."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from scoring.errors import RequestError
from scoring.sources.labels_file import LabelsTable
from scoring.sources.table_columns import TableColumns
from scoring.sources.table_images import TableSource

Rows = Sequence[tuple[Hashable, str]]  # the id and the value of each row that has one


@dataclass(frozen=True)
class OtherColumns:
    """The columns beside those of photos' ids and labels.

    Attributes:
        are_texts: Whether each is of texts, by its name; of one of numbers the name has to say what it is.
        read: The rows of one.
    """

    are_texts: Mapping[str, bool]
    read: Callable[[str], Rows]

    def rows(self, column: str) -> Rows:
        """The rows of a column; none of one of a Parquet table that cannot be text."""
        with suppress(RequestError):
            return self.read(column)
        return ()


def columns_of_file(table: LabelsTable, id_column: str, label_column: str) -> OtherColumns:
    """The other columns of a file of labels."""
    others = [column for column in table.columns if column not in (id_column, label_column)]
    ids = table.columns[id_column]
    return OtherColumns(
        dict.fromkeys(others, True),
        lambda column: [row for row in zip(ids, table.columns[column], strict=True) if row[1]],
    )


def columns_of_table(source: TableSource, columns: TableColumns) -> OtherColumns:
    """The other columns of a table of images, whose ids are paths and ids."""

    def read(column: str) -> Rows:
        files = TableSource(source.table, replace(columns, label=column)).files()
        return [((file.path, file.image_id), file.target) for file in files if file.target and not file.left_out]

    return OtherColumns(source.other_columns(), read)
