"""What names and values of columns say of splits: which photos are to train on, and which to validate or to test on."""

import re
from collections.abc import Collection

from scoring.sources.splits import TRAINVAL, WORD, Split, word_of_split

_DIGIT = re.compile(r"\d")
_VALUE = re.compile(r"[a-z][a-z\d ._+&()-]{1,39}", re.IGNORECASE)
_LEARNED_END = re.compile(r"(train|val|fold[-_ ]?\d+|^\d+)$", re.IGNORECASE)  # COCO's `minival`, and folds
_HELD_OUT = re.compile("h[eo]ld[-_ ]?out", re.IGNORECASE)
_TEST_DEV = re.compile("test[-_ ]?dev(?![a-z])", re.IGNORECASE)  # COCO's, to test on
# Words beside that of a split that tell nothing in any column: of FER2013's `PublicTest` and WILDS' `id_test`, of
# `stage1_train` and `train.csv`, and letters; not of `train station`, nor of `train_1.jpg`.
_KINDS = re.compile("public|private|id|ood|std|stage|stg|split|imgs?|photos?|csv|txt|zip|[a-z]")
_ASIDE = {"is", "in", "for", "use", "used", "the", "only", "img", "imgs", "photo", "photos", "sample", "flag", "split"}
_DIVIDING = {"split", "splits", "datasplit", "partition", "subset"}  # what columns of splits are called, also of codes
_FOLDS = {"fold", "folds", "kfold", "cv"}
_NOUNS = {*_DIVIDING, *_FOLDS, "set", "dataset", "phase", "usage"}  # of words: `set` 1 is any
_BESIDE_NOUNS = {"data", "image", "id", "name", "type", "k"}
_CODE = re.compile(r"\d|true|false|(?!(?:yes|no|y|n)$)[a-z]{1,3}", re.IGNORECASE)  # `1`, `tr`; not of whether it split
_TEST_CODE = re.compile(r"\d|true|false|[ab]|t[ers]?[nst]?|ev?|ho?|out", re.IGNORECASE)  # one is; not of `us`, `fr`
_NUM_CODES = (2, 3)  # more are folds


def _inner(column: str) -> str:
    """The name of a column in others, `meta.split`, without theirs."""
    return column.rpartition(".")[2]


def split_flagged(column: str) -> Split | None:
    """The split of which a column of flags says which rows are of it, by its name; None if the name tells none."""
    name = _inner(column)
    told = word_of_split(_HELD_OUT.sub("holdout", re.sub("^is(?=[a-z])", "", name, flags=re.IGNORECASE)))
    return told[0] if told and set(told[1]) <= _ASIDE and not _DIGIT.search(name) else None


def names_splits(column: str, of_codes: bool = False) -> bool:
    """Whether the name of a column says that it tells splits, such as `split`, `data set` or `train_test_split`.

    Args:
        column: Its name.
        of_codes: Whether of codes too: `set` 1 is any.
    """
    return _is_called(column, _DIVIDING if of_codes else _NOUNS)


def _is_called(column: str, nouns: Collection[str]) -> bool:
    words = set(re.findall("[a-z]+", _inner(column).casefold()))
    splits = {word for word in words if word_of_split(word)}
    return (len(splits) > 1 or not words.isdisjoint(nouns)) and words <= {*splits, *nouns, *_BESIDE_NOUNS}


def split_named(value: str) -> Split | None:
    """What a value of a column that is called `split` says that a photo is for, such as `train` or `test-dev`."""
    words = WORD.findall(TRAINVAL.sub(r"\1", _HELD_OUT.sub("holdout", value)))
    splits = {told[0] for word in words if (told := word_of_split(word))}
    splits -= {Split.VALIDATION} if len(splits) > 1 else set()
    return splits.pop() if len(splits) == 1 else None


def split_told(value: str) -> Split | None:
    """What a value of any column says that a photo is for, such as `train` or `PublicTest`."""
    told = word_of_split(_HELD_OUT.sub("holdout", _TEST_DEV.sub("test", value))) if _VALUE.fullmatch(value) else None
    return told[0] if told and all(map(_KINDS.fullmatch, told[1])) else None


def are_splits(column: str, values: Collection[str]) -> bool:
    """Whether a column of these values tells splits or folds alone, and no label such as `train` beside `bus`."""
    given = {*values} - {""}
    if not names_splits(column):
        splits = set(map(split_told, given))
        return len(splits) > 1 and None not in splits
    may_be_numbers = _is_called(column, {*_DIVIDING, *_FOLDS})
    are_codes = are_unclear(given, names_splits(column, of_codes=True))
    return are_codes or all(split_named(value) or (may_be_numbers and _LEARNED_END.search(value)) for value in given)


def are_unclear(values: Collection[str], may_be_codes: bool) -> bool:
    """Whether some values of a column of splits are none beside others that are, or all may be codes of splits."""
    if any(map(split_told, values)):
        return not all(split_named(value) or _LEARNED_END.search(value) for value in values)
    are_codes = all(map(_CODE.fullmatch, values)) and any(map(_TEST_CODE.fullmatch, values))
    return may_be_codes and len(values) in _NUM_CODES and are_codes
