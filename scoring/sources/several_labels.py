"""Values that are several labels with marks between them, as `cat,dog`: told, and read or refused."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence

from scoring.errors import RequestError
from scoring.sources.label_use import TRAINING, LabelUse
from scoring.sources.spelling import composed
from scoring.storage.redaction import brief

_LEAST_WORDS = 3  # of names that are made of few; pairs such as `red dress` are more often two labels
NOT_TRAINED = (
    "and such models are not trained here. Train one with Keras, with a sigmoid for each label, and score it with "
    "`outputs` multi-label; if it is one label, write it without."
)
_NOT_SCORED = (
    "and this model gives one label to each. A model of several, with a sigmoid for each, is scored with `outputs` "
    "multi-label; if it is one label, write it without."
)
MARKS = {"|": "bars", ";": "semicolons", ",": "commas", " ": "spaces"}
_NEVER_IN_NAMES = "|;"
_MANY_WORDS = 4  # of a name seldom, as of the tags `agriculture clear primary water`
_TAG = re.compile(r"\w[\w.-]*")
_WORDS_OF_NAMES = {"a", "and", "in", "no", "non", "not", "of", "on", "or", "the", "with", "without"}
_LIST = re.compile(r"\[.*,.*\]")  # as pandas writes one
_NUMBERS = re.compile(r"\d+( +\d+)+")  # with commas they may be one number: `1,000`, `0,5`


def read_several(values: Sequence[str], use: LabelUse, column: str, name: str) -> list[str]:
    """The labels as they are; if one value is several, as `haze primary`, all with commas between parts, or refused."""
    different = set(map(composed, values))
    for mark, words in MARKS.items():
        value = several_of(different, mark, may_be_names=not use.takes_several)
        if value and use.takes_several:
            return [",".join(parts_of(value, mark)) for value in values]
        if value:
            raise RequestError(
                f"Expected one label for each photo in the column {column!r} of {name}; {value!r} is several, with "
                f"{words} between them, {NOT_TRAINED if use == TRAINING else _NOT_SCORED}"
            )
    return list(values)


def parts_of(value: str, mark: str) -> list[str]:
    """What a mark parts, without what is empty: `a,b,` is `a` and `b`. A space stands for any blanks, `, ` for `,`."""
    return [part.strip() for part in value.split(mark.strip() or None) if part.strip()]


def several_of(values: Collection[str], mark: str, may_be_names: bool = True) -> str | None:
    """The first value that is several labels, if some are.

    They are if bars or semicolons part them, if they are whole numbers with spaces between them or a list in brackets,
    if the parts of one are labels themselves, or if few parts make up many values. `American bulldog` and
    `French bulldog` are not, nor, if they may be names, are such of equally many words, three or more: `ace of clubs`.
    """
    torn = _torn(values, mark)

    def is_several(value: str) -> bool:
        if mark in _NEVER_IN_NAMES or all(part in values for part in torn[value]):
            return True
        return _NUMBERS.fullmatch(value) is not None if mark == " " else may_be_names and bool(_LIST.fullmatch(value))

    if several := next(filter(is_several, torn), None):
        return several
    few = {part for each in torn.values() for part in each}
    lengths = {len(each) for each in torn.values()}
    are_names = may_be_names and mark == " " and len(lengths) == 1 and min(lengths) >= _LEAST_WORDS
    return next(iter(torn)) if torn and 2 * len(few) < len(torn) and not are_names else None


def told_of_several(values: Iterable[str], use: LabelUse, marks: str = ", ") -> str | None:
    """In words, that a value that counts as one label may be several; None if none looks so.

    One does if a part of it is a label, `amecro grcfly` beside `amecro`, as of a name may be, too; if no blank stands
    behind its commas; or if its spaces part words with `_` within, or four of which others are made as well. None does
    with a word of names alone, as `no cactus` beside `cactus`.
    """
    different = set(map(composed, values))
    for mark in () if use.takes_several else marks:
        if value := _may_be_several(different, mark):
            way = (
                "train one with Keras, as none is trained here"
                if use == TRAINING
                else "score it with `outputs` multi-label"
            )
            return (
                f"{brief(value)!r} counts as one label; if it is several, with {MARKS[mark]} between them, they need a "
                f"model of several: {way}"
            )
    return None


def _may_be_several(values: Collection[str], mark: str) -> str | None:
    torn = _torn(values, mark)
    in_values = Counter(part for value in values for part in {*parts_of(value, mark)})

    def is_like_several(value: str, parts: Sequence[str]) -> bool:
        if mark == ",":
            return any(part in values for part in parts) or re.search(r",\S", value) is not None
        if not all(map(_TAG.fullmatch, parts)) or _WORDS_OF_NAMES & ({*parts} - {*values}):
            return False
        are_tags = len(parts) >= _MANY_WORDS and any(in_values[part] > 1 for part in parts)
        return are_tags or any(part in values or "_" in part for part in parts)

    return next((value for value, parts in torn.items() if is_like_several(value, parts)), None)


def _torn(values: Collection[str], mark: str) -> dict[str, list[str]]:
    """The values that a mark parts, with their parts."""
    parts = {value: parts_of(value, mark) for value in sorted(values)}
    return {value: each for value, each in parts.items() if len(each) > 1}
