"""Which class of a model a photo's target means, where the two are not the same word."""

import re
from collections.abc import Callable, Iterable, Sequence

from scoring.sources.spelling import bare_number, composed, singular

_DIGITS = re.compile("[0-9]+")


def label_matcher(labels: Sequence[str]) -> Callable[[str], int | None]:
    """Tells the index of the class that a target means: the same word, or else but for case and plural (`Cats`, `cat`).

    Or else the same number: a column of 2.0 and 3.0 alone is one of whole numbers, and beside 1.5 it is not. It is that
    of a label with noughts before it where all labels that are numbers are filled to one width: 42 of 00042.

    None if no class is meant, or more than one is.
    """
    same, alike, spelled, valued = (_places(map(form, labels)) for form in (str, singular, composed, bare_number))
    filled = _places_of_filled(labels)

    def match(target: str) -> int | None:
        if target in same:
            return same[target]
        word = singular(target)
        is_of_several = word in alike and alike[word] is None
        if is_of_several:
            return spelled.get(composed(target))
        number = bare_number(target)
        return alike[word] if word in alike else valued.get(number, filled.get(number))

    return match


def _places_of_filled(labels: Sequence[str]) -> dict[str, int | None]:
    """The place of each number without noughts before it; none where those of labels have not one width."""
    if len({len(label) for label in labels if _DIGITS.fullmatch(label)}) != 1:
        return {}
    return _places((label.lstrip("0") or "0") if _DIGITS.fullmatch(label) else label for label in labels)


def _places(words: Iterable[str]) -> dict[str, int | None]:
    """The place of each word; None for one that is there more than once."""
    places: dict[str, int | None] = {}
    for place, word in enumerate(words):
        places[word] = None if word in places else place
    return places
