"""Columns of a file of labels that say which photos are to train on, and which to validate or to test on."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from functools import cache

from scoring.errors import RequestError
from scoring.sources.labels_file import LabelsTable
from scoring.sources.splits import Split, split_of_value


def refuse_test_rows(table: LabelsTable, id_column: str, label_column: str, ids: Collection[str]) -> str | None:
    """Refuse labels to train on of which another column says that they are to test on.

    Args:
        table: The file of labels.
        id_column: Its column of ids.
        label_column: Its column of labels.
        ids: The ids that have a photo and a label.

    Returns:
        In words, that such a column says which photos are to validate on, which are drawn; None if none does.

    Raises:
        RequestError: If a column says so.
    """
    told = None
    for column, splits in _split_columns(table, {id_column, label_column}):
        rows = zip(table.columns[id_column], splits, strict=True)
        split_of = {one: split for one, split in rows if one in ids}
        tested = [one for one, split in split_of.items() if split is Split.TEST]
        if tested:
            raise RequestError(
                f"Expected photos to train on; the column {column!r} of {table.name} says that {len(tested):,} of "
                f"{len(split_of):,} are to test on, such as {tested[0]!r}. Leave their rows out, or that column if all "
                "are to be trained on."
            )
        if Split.VALIDATION in split_of.values():
            told = f"the column {column!r} of {table.name} is not looked at: photos to validate on are drawn from all"
    return told


def _split_columns(table: LabelsTable, used: Collection[str]) -> Iterator[tuple[str, Sequence[Split | None]]]:
    """The columns of which every value is a word of a split, some of them to train on, and what each row's says."""
    for column in table.columns:
        if column in used:
            continue
        with suppress(RequestError):  # of a Parquet table, one that cannot be text
            split_of = cache(split_of_value)
            splits = []
            for value in table.columns[column]:
                splits.append(split_of(value) if value else None)
                if value and splits[-1] is None:
                    break
            else:
                if Split.TRAIN in splits:
                    yield column, splits
