"""Values that are several labels with marks between them, as `cat,dog`: told, and read or refused."""

from collections.abc import Collection, Sequence

from scoring.errors import RequestError
from scoring.sources.label_use import TRAINING, LabelUse
from scoring.sources.spelling import composed

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

    They are if the parts of one are labels themselves, or if few parts make up many values. `American bulldog` and
    `French bulldog` are not, nor, if they may be names, are such of equally many words, three or more: `ace of clubs`.
    """
    parts = {value: parts_of(value, mark) for value in sorted(values)}
    torn = {value: each for value, each in parts.items() if len(each) > 1}
    made_of_labels = next((value for value, each in torn.items() if all(part in values for part in each)), None)
    if made_of_labels is not None:
        return made_of_labels
    few = {part for each in torn.values() for part in each}
    lengths = {len(each) for each in torn.values()}
    are_names = may_be_names and mark == " " and len(lengths) == 1 and min(lengths) >= _LEAST_WORDS
    return next(iter(torn)) if torn and 2 * len(few) < len(torn) and not are_names else None
