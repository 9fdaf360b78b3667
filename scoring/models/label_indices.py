"""Names of classes that have their indices beside them, as in `cat,0`: which column is that of the indices."""

import json
import re
from collections.abc import Sequence

from scoring.errors import ModelError
from scoring.storage.redaction import brief

_MARKS = ",:;=\t"
# Indices in a column of their own, as whole numbers or as pandas' floats.
_COLUMNS = (
    re.compile(rf"(?P<index>[0-9]{{1,18}})(\.0)? *[{_MARKS}](?P<name>.*)", re.DOTALL),
    re.compile(rf"(?P<name>.*)[{_MARKS}] *(?P<index>[0-9]{{1,18}})(\.0)?", re.DOTALL),
)
_HEADER = re.compile(r"[^0-9,;\t]*[,;\t]([^0-9,;\t]*|0)")  # index,name, or pandas' ,0
_BARE = re.compile(r"[0-9]{1,18}(\.0)?")
# Numbers that may belong to the names, or be their indices.
_NUMBERS = (
    re.compile(rf"(?P<index>[0-9]{{1,18}})(?P<name>[\s{_MARKS}._)-].*)", re.DOTALL),
    re.compile(rf"(?P<name>.*[\s{_MARKS}._-])(?P<index>[0-9]{{1,18}})", re.DOTALL),
)
# Numbers beside a name with letters, in a column of their own, and the most that the first may be: Audi,2010 is a name.
_WITH_GAPS = (
    (re.compile(r"(?P<index>[0-9]{1,18})(\.0)? *[,;\t].*[^\W\d_].*", re.DOTALL), 10**18),
    (re.compile(r"(?=[\W\d_]*[^\W\d_]).*[,;\t](?P<index>[0-9]{1,18})(\.0)?", re.DOTALL), 1),
)
# Names that folders have: Keras sorts its classes by them as texts, 10_owl before 2_cat.
_OF_FOLDER = re.compile(r"[0-9]+[._-]\S*|\S*[._-][0-9]+")


def without_indices(entries: Sequence[str], source: str) -> tuple[str, ...]:
    """The names of entries that may have their indices beside them, from 0 or 1 on: `cat` of `cat,0` and of `0: cat`.

    Of two columns of numbers, those from 0 on are the indices: `1,0` is class 0, named 1. Behind anything but a mark a
    number may belong to the name: `0 cat`, `2 dogs` and `1_fog` stay as they are.

    Args:
        entries: Lines of a file, or names in a row.
        source: Where they stand, for messages.

    Raises:
        ModelError: If the entries stand in another order than their indices, two columns may be the indices, or these
            have gaps.
    """
    if columns := _columns(entries):
        if _are_bare(columns):
            columns = [column for column in columns if 0 in column] or columns
        return _of_columns(columns, entries, source)
    _check_gaps(entries, source, _WITH_GAPS)
    for number in _NUMBERS:
        if indices := list(_by_index(entries, number)):
            if list(entries) != sorted(entries) or not all(map(_OF_FOLDER.fullmatch, entries)):
                _check_order(indices, entries, source)
            break
    return tuple(entries)


def below_header(lines: Sequence[str], source: str) -> tuple[str, ...]:
    """The names in a table whose first line says index and name, or the like; none where it does not.

    Raises:
        ModelError: If they stand in another order than their indices, both columns may be the indices, or these have
            gaps.
    """
    header, *rows = lines or ("",)
    is_header = _HEADER.fullmatch(header) and not _columns(lines)  # cat,0 is pandas' ,0 only if the rest tells so
    columns = _columns(rows) if is_header else []
    if is_header and not columns:
        _check_gaps(rows, source, _WITH_GAPS[:1])
    return _of_columns(columns, rows, source) if columns else ()


def _columns(entries: Sequence[str]) -> list[dict[int, str]]:
    """Names by their indices, in the order of the entries, for each column that may be one of indices."""
    return [by_index for column in _COLUMNS if (by_index := _by_index(entries, column))]


def _by_index(entries: Sequence[str], pattern: re.Pattern[str]) -> dict[int, str]:
    """Names by the numbers beside them, in the order of the entries; none where these are no indices from 0 or 1 on."""
    found = [match for match in map(pattern.fullmatch, entries) if match]
    by_index = {int(match["index"]): match["name"].strip(f" {_MARKS}") for match in found}
    first = min(by_index, default=0)
    if first > 1 or sorted(by_index) != list(range(first, first + len(entries))):
        return {}
    return by_index if len(set(by_index.values())) > 1 else {}  # without their numbers, Stage 2 and Stage 1 are one


def _are_bare(columns: Sequence[dict[int, str]]) -> bool:
    """Whether numbers are all there is in an entry: in 1,0, and not in 1,class:0, whose name ends in one."""
    return all(map(_BARE.fullmatch, columns[0].values()))


def _of_columns(columns: Sequence[dict[int, str]], entries: Sequence[str], source: str) -> tuple[str, ...]:
    """The names beside the column of indices; raises ModelError if another tells them otherwise."""
    are_bare = _are_bare(columns)
    read = [sorted(zip(column, column.values() if are_bare else entries, strict=True)) for column in columns]
    if len({tuple(name for _, name in pairs) for pairs in read}) > 1:
        raise ModelError(
            f"Expected `labels` with one column of indices; in {source} both may be, as in {brief(entries[-1])!r}. "
            'Name them in JSON, {"0": "cat", ...} or {"cat": 0, ...}.'
        )
    in_order = next((column for column in columns if list(column) == sorted(column)), columns[0])
    _check_order(list(in_order), entries, source)
    return tuple(in_order.values())


def _check_gaps(entries: Sequence[str], source: str, columns: Sequence[tuple[re.Pattern[str], int]]) -> None:
    """Refuse numbers with gaps beside all names, as ids of categories have them: `0,empty` and `2,puma`."""
    for column, largest_first in columns:
        indices = {int(match["index"]) for match in map(column.fullmatch, entries) if match}
        if not len(indices) == len(entries) > 1 or min(indices) > largest_first:
            continue
        first = int(1 in indices and 0 not in indices)
        missing = next(index for index in range(first, len(indices) + 2) if index not in indices)
        if missing < max(indices):
            raise ModelError(
                f"Expected `labels` with every index from {first} to {first + len(entries) - 1}, as there are "
                f"{len(entries)} names; {source} has no {missing}. Write the names alone, in the order of the model's "
                "outputs; where the numbers are none of indices, name them in JSON: "
                f"[{json.dumps(brief(entries[0]))}, ...]."
            )


def _check_order(indices: Sequence[int], entries: Sequence[str], source: str) -> None:
    for number, (index, expected) in enumerate(zip(indices, sorted(indices), strict=True)):
        if index != expected:
            raise ModelError(
                f"Expected `labels` in class order; {source} numbers them otherwise: where {expected} is due, "
                f"{brief(entries[number])!r} stands. Sort them by their indices, or, where the numbers are none, name "
                f'them in JSON: {{"0": {json.dumps(brief(entries[0]))}, ...}}.'
            )
