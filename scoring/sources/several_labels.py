"""Values that are several labels with marks between them, as `cat,dog`: told, and read or refused."""

import re
from collections.abc import Collection, Container, Iterable, Sequence

from scoring.errors import RequestError
from scoring.sources.label_use import TRAINING, LabelUse
from scoring.sources.spelling import composed
from scoring.storage.redaction import brief

_LEAST_WORDS = 3  # of names that are made of few; pairs such as `red dress` are more often two labels
_TRAINED_ELSEWHERE = (
    "and such models are not trained here. Train one with Keras, with a sigmoid for each label, and score it with "
    "`outputs` multi-label"
)
_ELSE = "; if it is one label, write it without."
NOT_TRAINED = f"{_TRAINED_ELSEWHERE}{_ELSE}"
NO_LABEL = "none"
AS_NAMES = f"the names of those that are true of a photo, with bars between them, and {NO_LABEL!r} where none is"
_SCORED_ELSEWHERE = (
    "and this model gives one label to each. A model of several, with a sigmoid for each, is scored with `outputs` "
    "multi-label"
)
MARKS = {"|": "bars", ";": "semicolons", ",": "commas", " ": "spaces"}
# What is several labels to train on, whatever the others are; numbers may have groups of thousands: `10 000`.
_CERTAIN = {
    "|": re.compile(r"\|"),
    ";": re.compile(r";\s*\S"),
    ",": re.compile(r"^\[.*,.*\]$"),  # as pandas writes a list; numbers with commas may be one: `1,000`, `0,5`
    " ": re.compile(r"^(?!\d{1,3}( \d{3})+$)\d+( +\d+)+$"),
}
_ENTITY = re.compile(r"&#?\w+;")  # `&amp;`, as in names of web pages
_TAG = re.compile(r"(?!(?:a|and|in|no|non|not|of|on|or|the|with|without)$)\w[\w.-]*", re.IGNORECASE)


def read_several(values: Sequence[str], use: LabelUse, column: str, name: str, names: Container[str] = ()) -> list[str]:
    """The labels as they are; if one value is several, as `haze primary`, all with commas between parts, or refused.

    Names of classes, which a table says, are one each.
    """
    different = {composed(value) for value in values if value not in names}
    for mark, words in MARKS.items():
        value = several_of(different, mark, use)
        if value and use.takes_several:
            return [value if value in names else ",".join(parts_of(value, mark)) for value in values]
        if value:
            raise RequestError(
                f"Expected one label for each photo in the column {column!r} of {name}; {value!r} is several, with "
                f"{words} between them, {_elsewhere(use)}{_ELSE}"
            )
    return list(values)


def parts_of(value: str, mark: str) -> list[str]:
    """What a mark parts, without what is empty: `a,b,` is `a` and `b`. A space stands for any blanks, `, ` for `,`."""
    return [part.strip() for part in value.split(mark.strip() or None) if part.strip()]


def several_of(values: Collection[str], mark: str, use: LabelUse = TRAINING) -> str | None:
    """The first value that is several labels, if some are.

    They are if the parts of one are labels themselves, or if few parts make up many values. `American bulldog` and
    `French bulldog` are not, nor, if each is one label, are such of equally many words, three or more: `ace of clubs`.
    To train on, they are as well if bars or semicolons part them, or if they are whole numbers with spaces between them
    or a list in brackets; a model that is scored may call its classes so.
    """
    torn = _torn(values, mark)

    def is_several(value: str) -> bool:
        is_certain = use == TRAINING and _CERTAIN[mark].search(_ENTITY.sub("", value)) is not None
        return is_certain or all(part in values for part in torn[value])

    if several := next(filter(is_several, torn), None):
        return several
    few = {part for each in torn.values() for part in each}
    lengths = {len(each) for each in torn.values()}
    are_names = not use.takes_several and mark == " " and len(lengths) == 1 and min(lengths) >= _LEAST_WORDS
    return next(iter(torn)) if torn and 2 * len(few) < len(torn) and not are_names else None


def advice_on_flags(columns: Collection[Sequence[bool]], use: LabelUse) -> str:
    """In words, after a sentence, what can be done with columns of 0 and 1 that may be of one label each."""
    begin = f" If its {len(columns)} columns of 0 and 1 are one label each,"
    if use.takes_several:
        return f"{begin} add a column with {AS_NAMES}."
    counts = list(map(sum, zip(*columns, strict=True)))
    num_one = counts.count(1)
    rest = "; for the other rows alone, add a column with their names, as idxmax(axis=1) of pandas makes it"
    return (
        f"{begin} {len(counts) - num_one} of {len(counts)} rows have several or none, {_elsewhere(use)}"
        f"{rest if num_one else ''}."
    )


def _elsewhere(use: LabelUse) -> str:
    return _TRAINED_ELSEWHERE if use == TRAINING else _SCORED_ELSEWHERE


def told_of_several(values: Iterable[str], marks: str = ", ", names: Container[str] = ()) -> str | None:
    """In words, that a value that counts as one label to train on may be several; None if none looks so.

    One does if a part of it is a label, `amecro grcfly` beside `amecro`, as of a name may be, too. With blanks between
    parts, none does with a word of names alone or other signs, as `no cactus` beside `cactus`. Names of classes, which
    a table says, are one each.
    """
    different = {composed(value) for value in values if value not in names}
    for mark in marks:
        for value, parts in _torn(different, mark).items():
            are_tags = mark != " " or all(part in different or _TAG.fullmatch(part) for part in parts)
            if are_tags and not different.isdisjoint(parts):
                return (
                    f"{brief(value)!r} counts as one label; if it is several, with {MARKS[mark]} between them, they "
                    "need a model of several: train one with Keras, as none is trained here"
                )
    return None


def _torn(values: Collection[str], mark: str) -> dict[str, list[str]]:
    """The values that a mark parts, with their parts."""
    parts = {value: parts_of(value, mark) for value in sorted(values)}
    return {value: each for value, each in parts.items() if len(each) > 1}
