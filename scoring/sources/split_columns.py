"""Columns beside labels that say which photos are to train on, and which to validate or to test on."""

import re
from collections import Counter
from collections.abc import Collection, Hashable, Mapping
from typing import Any

from scoring.errors import RequestError
from scoring.sources.entries import ImageEntry
from scoring.sources.labels_file import FLAGS
from scoring.sources.other_columns import OtherColumns
from scoring.sources.splits import Split, find_splits, word_of_split

_Splits = Mapping[Hashable, Split | None]  # what a column says of each row, by its id

_DIGIT = re.compile(r"\d")
_VALUE = re.compile(r"[a-z][a-z\d ._+&()-]{1,39}", re.IGNORECASE)
_LEARNED = re.compile(r"(train)(?:ing)?[-_+& ]*val(?:id(?:ation)?)?(?![a-z])", re.IGNORECASE)  # VOC's `trainval`
# Words beside that of a split that tell nothing: of FER2013's `PublicTest` and WILDS' `id_test`, of `stage1_train` and
# `train.csv`; not of `train station`, nor of `train_1.jpg`.
_KINDS = {"public", "private", "id", "ood", "stage", "stg", "split", "img", "imgs", "photo", "photos", "csv", "txt"}
_ASIDE = {"is", "in", "for", "used", "the", "img", "imgs", "photo", "photos", "sample", "flag", "split"}  # of flags
_DIVIDING = {"split", "splits", "datasplit", "partition"}  # what columns of splits are called, of words and of numbers
_NOUNS = {*_DIVIDING, "subset", "set", "dataset", "phase", "usage"}  # of words alone: a `phase` 1 may be anything
_AS_LABEL = re.compile("(?P<is>(is)?)_?(train|test)", re.IGNORECASE)
_FEW = 10  # different values with a number, as `train2019`: `train_012` is an id
_MANY = 1_000  # different values in a column that tells no split
_CODES = ({"0", "1"}, {"0", "1", "2"})  # of splits, which do not say which is which


def refuse_test_rows(
    columns: OtherColumns, labels: Mapping[Any, str], photos: Mapping[Any, ImageEntry], name: str
) -> str | None:
    """Refuse labels to train on of which another column says that they are to test on.

    Args:
        columns: The columns that may tell splits.
        labels: The label of each id that has one.
        photos: The photo of each of these that has one.
        name: What to call their file.

    Returns:
        In words, that such a column says which photos are to validate on, and their folders do not; None if none does.

    Raises:
        RequestError: If a column says so, or has numbers for splits and nothing tells which is which.
    """
    told = {column: splits for column in columns.are_texts if (splits := _read(column, columns, labels))}
    split_of = find_splits(list(photos.values()))
    by_folder = {one: split_of(photo) for one, photo in photos.items()}
    validated = {
        one for splits in (*told.values(), by_folder) for one, split in splits.items() if split is Split.VALIDATION
    }
    for column, splits in told.items():
        others = validated if _flagged(column) is Split.TRAIN else ()  # which are not to train on either
        tested = [one for one in photos if splits.get(one) is Split.TEST and one not in others]
        if tested:
            first = tested[0][0] if isinstance(tested[0], tuple) else tested[0]
            raise RequestError(
                f"Expected photos to train on; the column {column!r} of {name} says that {len(tested):,} of "
                f"{len(photos):,} are to test on, such as {first!r}. Leave their rows out, or that column if all are "
                "to be trained on, as earlier versions did."
            )
    if not told and None in by_folder.values():
        _refuse_codes(columns, photos, name)
    for column, splits in told.items():
        if any(splits.get(one) is Split.VALIDATION is not split for one, split in by_folder.items()):
            return (
                f"the column {column!r} of {name} says which photos are to validate on; folders called train and valid "
                "say so here, and columns do not"
            )
    return None


def _refuse_codes(columns: OtherColumns, photos: Mapping[Any, ImageEntry], name: str) -> None:
    """Refuse a column such as `split` of 0 and 1: either may be to test on."""
    for column in columns.are_texts:
        if not _names_splits(column, _DIVIDING):
            continue
        counts = Counter(value.removesuffix(".0") for one, value in columns.rows(column) if one in photos)
        if set(counts) in _CODES:
            numbers = ", ".join(f"{number} of {count:,}" for number, count in sorted(counts.items()))
            raise RequestError(
                f"Expected the column {column!r} of {name} to say in words, such as train and test, which photos are "
                f"to test on; it has {numbers} photos. Write these words, or leave that column out if all are to be "
                "trained on, as earlier versions did."
            )


def _read(column: str, columns: OtherColumns, labels: Mapping[Any, str]) -> _Splits:
    """What a column says of each row; nothing if it tells no splits."""
    flagged = _flagged(column)
    if not (columns.are_texts[column] or flagged):
        return {}
    rows = columns.rows(column)
    values = {value for _, value in rows}
    if not 1 < len(values) <= _MANY:
        return {}
    if flagged:
        flags = {value: FLAGS.get(value.casefold()) for value in values}
        if None not in flags.values():
            return _of_flags(column, flagged, {one: bool(flags[value]) for one, value in rows}, columns, labels)
    split_of = {value: _split_of_value(value) for value in values}
    if not any(split_of.values()):
        return {}
    splits = {one: split_of[value] for one, value in rows}
    tells = _tells_by_name if _names_splits(column, _NOUNS) else _tells
    num_numbered = sum(split is not None and _DIGIT.search(value) is not None for value, split in split_of.items())
    return splits if num_numbered <= min(_FEW, len(rows) // 2) and tells(Counter(splits.values())) else {}


def _tells(num_told: Counter[Split | None]) -> bool:
    """Whether most values are words of splits, and some are to train on, or those to validate on all others."""
    if num_told[Split.TRAIN]:
        return num_told[None] * 2 < num_told.total()
    return bool(num_told[Split.VALIDATION]) and not num_told[None]


def _tells_by_name(num_told: Counter[Split | None]) -> bool:
    """Whether a value of a column called `split` is the word of one, and not all are to test on."""
    return 0 < num_told[Split.TEST] < num_told.total() or _tells(num_told)


def _of_flags(
    column: str, flagged: Split, flags: Mapping[Hashable, bool], columns: OtherColumns, labels: Mapping[Any, str]
) -> _Splits:
    """What a column such as `is_test` says; nothing if it may be a label, as `train` of vehicles beside `bus`."""
    yes, no = (flagged, Split.TEST if flagged is Split.TRAIN else Split.TRAIN)
    splits = {one: yes if flag else no for one, flag in flags.items()}
    learned = [one for one, split in splits.items() if split is Split.TRAIN]
    if len({labels[one] for one in learned if one in labels}) < 2:
        return {}
    are_few = len(learned) * 2 <= len(splits)
    return {} if are_few and (flagged is Split.VALIDATION or _has_flags_beside(column, columns)) else splits


def _has_flags_beside(column: str, columns: OtherColumns) -> bool:
    """Whether a column is called as a label may be, and others, called alike, are so too: `is_train` and `is_bus`."""
    if not (called := _AS_LABEL.fullmatch(column)):
        return False
    start = called["is"].casefold()
    alike = (other for other in columns.are_texts if other.casefold().startswith(start) and not _flagged(other))
    return any(rows and all(value.casefold() in FLAGS for _, value in rows) for rows in map(columns.rows, alike))


def _flagged(column: str) -> Split | None:
    """The split of which a column of flags says which rows are of it, by its name; None if the name tells none."""
    told = word_of_split(re.sub("^is(?=[a-z])", "", column, flags=re.IGNORECASE))
    return told[0] if told and set(told[1]) <= _ASIDE and not _DIGIT.search(column) else None


def _names_splits(column: str, nouns: Collection[str]) -> bool:
    """Whether the name of a column says that it tells splits, such as `split`, `data set` or `train_test_split`."""
    words = set(re.findall("[a-z]+", column.casefold()))
    splits = {word for word in words if word_of_split(word)}
    return (len(splits) > 1 or not words.isdisjoint(nouns)) and words <= {*splits, *nouns, "data", "image"}


def _split_of_value(value: str) -> Split | None:
    """What a value of a column says that a photo is for, such as `train` or `PublicTest`."""
    told = word_of_split(_LEARNED.sub(r"\1", value)) if _VALUE.fullmatch(value) else None
    return told[0] if told and set(told[1]) <= _KINDS else None
