"""Columns beside labels that say which photos are to train on, and which to validate or to test on."""

import re
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from scoring.errors import RequestError
from scoring.sources.entries import NAMED, ImageEntry
from scoring.sources.other_columns import Flags, OtherColumns, Rows, read_flags
from scoring.sources.split_words import are_unclear, names_splits, split_flagged, split_named, split_told
from scoring.sources.splits import Split, SplitFolders, find_splits

_DIGIT = re.compile(r"\d")
_AS_LABEL = re.compile("(train|test)(s|ing)?|evaluation", re.IGNORECASE)  # flags of a vehicle, or of a patient
_FEW = 10  # different values with a number, as `train2019`: `train_012` is an id
_MANY = 1_000  # different values in a column that tells no split


@dataclass(frozen=True)
class _Told:
    """What a column says.

    Attributes:
        splits: What each row is for, by its id.
        like: Another column, of a label, which this may be too; None if it is of splits.
    """

    splits: Mapping[Hashable, Split | None]
    like: str | None = None


def refuse_test_rows(
    columns: OtherColumns, labels: Mapping[Any, str], photos: Mapping[Any, ImageEntry], name: str
) -> Sequence[str]:
    """Refuse labels to train on of which another column says that they are to test on.

    Args:
        columns: The columns that may tell splits.
        labels: The label of each id that has one.
        photos: The photo of each of these that has one.
        name: What to call their file.

    Returns:
        In words, which columns that may say so are taken for labels, and that one says which photos are to validate on,
        and their folders do not.

    Raises:
        RequestError: If a column says so, or has values for splits and nothing tells which is which.
    """
    told = {column: said for column in columns.are_texts if (said := _read(column, columns, labels))}
    split_of = find_splits(list(photos.values()))
    by_folder = {one: split_of(photo) for one, photo in photos.items()}
    as_label = _refuse_tested(told, by_folder, photos, name)
    if None in by_folder.values():
        as_label |= _refuse_unclear(told, columns, labels, photos, name)
    in_words = [
        f"the column {column!r} of {name} is taken for a label, as {other!r} is; if it says which photos are to test "
        "on, leave their rows out"
        for column, other in as_label.items()
    ]
    for column, said in told.items():
        if any(said.splits.get(one) is Split.VALIDATION is not split for one, split in by_folder.items()):
            in_words.append(
                f"the column {column!r} of {name} says which photos are to validate on; folders called train and valid "
                "say so here, and columns do not"
            )
            break
    return in_words


def _refuse_tested(
    told: Mapping[str, _Told],
    by_folder: Mapping[Any, Split | None],
    photos: Mapping[Any, ImageEntry],
    name: str,
) -> dict[str, str]:
    """Refuse photos that a column says are to test on; of columns that may say so, the labels that they are like."""
    all_told = [by_folder, *(said.splits for said in told.values())]
    validated = {one for splits in all_told for one, split in splits.items() if split is Split.VALIDATION}
    as_label = {}
    for column, said in told.items():
        others = validated if split_flagged(column) is Split.TRAIN else ()  # which are not to train on either
        tested = [one for one in photos if said.splits.get(one) is Split.TEST and one not in others]
        if tested and said.like:
            as_label[column] = said.like
        elif tested:
            first = tested[0][0] if isinstance(tested[0], tuple) else tested[0]
            raise RequestError(
                f"Expected photos to train on; the column {column!r} of {name} says that {len(tested):,} of "
                f"{len(photos):,} are to test on, such as {first!r}. Leave their rows out, or that column if all are "
                "to be trained on, as earlier versions did."
            )
    return as_label


def _refuse_unclear(
    told: Mapping[str, _Told],
    columns: OtherColumns,
    labels: Mapping[Any, str],
    photos: Mapping[Any, ImageEntry],
    name: str,
) -> dict[str, str]:
    """Refuse a column such as `split` of 0 and 1, or of `train` and `query`; see `_refuse_tested`."""
    as_label = {}
    telling = [
        column for column, said in told.items() if not said.like and split_flagged(column) is not Split.VALIDATION
    ]
    for column in columns.are_texts:
        if not names_splits(column) or set(telling) - {column}:
            continue
        rows = [row for row in columns.rows(column) if row[0] in photos and row[1]]
        counts = Counter(value for _, value in rows)
        if not are_unclear(counts, names_splits(column, of_codes=True)):
            continue
        if all(map(read_flags, (rows, [*labels.items()]))) and (beside := _flags_beside(column, columns)):
            as_label[column] = next(iter(beside))
            continue
        has = [f"{value} of {count:,}" for value, count in sorted(counts.items())]
        has = [*has[:NAMED], "..."] if len(has) > NAMED else has
        raise RequestError(
            f"Expected the column {column!r} of {name} to say in words, such as train and test, which photos are to "
            f"test on; it has {', '.join(has)} photos. Write these words, or leave that column out if all are to be "
            "trained on, as earlier versions did."
        )
    return as_label


def _read(column: str, columns: OtherColumns, labels: Mapping[Any, str]) -> _Told | None:
    """What a column says; None if it tells no splits."""
    flagged = split_flagged(column)
    if not (columns.are_texts[column] or flagged or names_splits(column)):
        return None
    rows = columns.rows(column)
    if flagged and (flags := read_flags(rows)):
        return _of_flags(column, flagged, flags, columns, labels)
    splits = _of_words(column, rows)
    return _Told(splits) if splits else None


def _of_words(column: str, rows: Rows) -> Mapping[Hashable, Split | None]:
    """What the words in a column say, or where all are paths, their folders; nothing if they tell no splits."""
    given = [row for row in rows if row[1]]
    values = {value for _, value in given}
    is_named = names_splits(column)
    split_of: Mapping[str, Split | None]
    if all("/" in value or "\\" in value for value in values):
        paths = {value: _as_path(value) for value in values}
        folders = SplitFolders(paths.values())
        split_of = {value: folders.split_of(path) for value, path in paths.items()}
    elif len(values) > _MANY:
        return {}
    else:
        split_of = {value: split_named(value) if is_named else split_told(value) for value in values}
        num_numbered = sum(split is not None and _DIGIT.search(value) is not None for value, split in split_of.items())
        if num_numbered > min(_FEW, len(given) // 2) and not is_named:
            return {}
    splits = {one: split_of[value] for one, value in given}
    num_told = Counter(splits.values())
    is_some_test = is_named and 0 < num_told[Split.TEST] < len(rows)
    return splits if is_some_test or _tells(num_told) else {}


def _as_path(value: str) -> str:
    """A path as those of photos are, where a folder ends with a slash: what has a suffix is a file."""
    path = value.replace("\\", "/")
    return path if "." in path.rpartition("/")[2] else f"{path.rstrip('/')}/"


def _tells(num_told: Counter[Split | None]) -> bool:
    """Whether most values are words of splits, and some are to train on, or those to validate on all others."""
    if num_told[Split.TRAIN]:
        return num_told[None] * 2 < num_told.total()
    return bool(num_told[Split.VALIDATION]) and not num_told[None]


def _of_flags(
    column: str, flagged: Split, flags: Flags, columns: OtherColumns, labels: Mapping[Any, str]
) -> _Told | None:
    """What a column such as `is_test` says; None if it is a label, as `train` of vehicles beside `bus`."""
    if len({*flags.values()}) < 2:
        return None
    yes, no = (flagged, Split.TEST if flagged is Split.TRAIN else Split.TRAIN)
    told = _Told({one: yes if flag else no for one, flag in flags.items()})
    of_learned, of_others = (
        {labels[one] for one, split in told.splits.items() if (split is Split.TRAIN) is learned and one in labels}
        for learned in (True, False)
    )
    may_be_label = _AS_LABEL.fullmatch(column) is not None
    if len(of_learned) == 1 and of_learned.isdisjoint(of_others) and (may_be_label or flagged is Split.VALIDATION):
        return None
    if flagged is Split.VALIDATION:
        return told if sum(flags.values()) * 2 < len(flags) else None
    beside = _flags_beside(column, columns)
    of_splits = [others for other, others in beside.items() if split_flagged(other) not in {None, flagged}]
    is_split = any(not any(flag and flags.get(one) for one, flag in others.items()) for others in of_splits)
    alike = [
        other for other in beside if not split_flagged(other) and other.casefold().startswith("is") is not may_be_label
    ]
    if is_split or not alike:  # no row is of two splits
        return told
    of_labels = [beside[other] for other in alike]
    if _is_one_each([flags, *of_labels]) or _is_one_each([flags, *of_labels, read_flags([*labels.items()])]):
        return None
    return replace(told, like=alike[0]) if may_be_label and not _is_one_each(of_labels) else told


def _flags_beside(column: str, columns: OtherColumns) -> dict[str, Flags]:
    """The other columns of flags."""
    return columns.flags(other for other in columns.are_texts if other != column)


def _is_one_each(columns: Sequence[Flags]) -> bool:
    """Whether of several columns of flags one is so in each row."""
    num_so = Counter(one for flags in columns for one, flag in flags.items() if flag)
    return len(columns) > 1 and all(num_so[one] == 1 for flags in columns for one in flags)
