"""Columns beside labels that say which photos are to train on, and which to validate or to test on."""

from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import cache

from scoring.errors import RequestError
from scoring.sources.labels_file import LabelsTable
from scoring.sources.splits import Split, split_of_value
from scoring.sources.table_columns import TableColumns
from scoring.sources.table_images import TableSource

_Splits = Mapping[Hashable, Split | None]  # what a column says of each row, by its id


def splits_in_file(table: LabelsTable, id_column: str, label_column: str) -> Iterator[tuple[str, _Splits]]:
    """The columns of a file of labels that tell splits, and what each says of every id."""
    for column in table.columns:
        if column not in (id_column, label_column):
            with suppress(RequestError):  # of a Parquet table, one that cannot be text
                if splits := _read(zip(table.columns[id_column], table.columns[column], strict=True)):
                    yield column, splits


def splits_in_table(source: TableSource, columns: TableColumns) -> Iterator[tuple[str, _Splits]]:
    """The columns of a table of images that tell splits, and what each says of every path and id."""
    for column in source.other_texts():
        files = TableSource(source.table, replace(columns, label=column)).files()
        with suppress(RequestError):  # one that cannot be text
            if splits := _read(((file.path, file.image_id), file.target or "") for file in files if not file.left_out):
                yield column, splits


def refuse_test_rows(columns: Iterable[tuple[str, _Splits]], labelled: Collection[Hashable], name: str) -> str | None:
    """Refuse labels to train on of which another column says that they are to test on.

    Args:
        columns: The columns that tell splits.
        labelled: The ids that have a photo and a label.
        name: What to call their file.

    Returns:
        In words, that such a column says which photos are to validate on; None if none does.

    Raises:
        RequestError: If a column says so.
    """
    told = None
    for column, splits in columns:
        tested = [one for one in labelled if splits.get(one) is Split.TEST]
        if tested:
            first = tested[0][0] if isinstance(tested[0], tuple) else tested[0]
            raise RequestError(
                f"Expected photos to train on; the column {column!r} of {name} says that {len(tested):,} of "
                f"{len(labelled):,} are to test on, such as {first!r}. Leave their rows out, or that column if all are "
                "to be trained on, as earlier versions did."
            )
        if any(splits.get(one) is Split.VALIDATION for one in labelled):
            told = (
                f"the column {column!r} of {name} says which photos are to validate on; folders called train and valid "
                "say so here, and columns do not"
            )
    return told


def _read(rows: Iterable[tuple[Hashable, str]]) -> _Splits:
    """The splits of rows, if most values are words of them, and some are to train on."""
    split_of = cache(split_of_value)
    splits = {one: split_of(value) for one, value in rows if value}
    num_told = Counter(splits.values())
    return splits if num_told[Split.TRAIN] and num_told[None] * 2 < len(splits) else {}
