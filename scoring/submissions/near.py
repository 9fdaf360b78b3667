"""Which label of a run is meant by a text of a template that spells it otherwise: `Type 1` for `type_01`."""

from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache

from scoring.sources.spelling import loose, singular
from scoring.submissions.template import WHOLE, without_fraction


def finder_of(labels: Sequence[str], *readings: Callable[[str], str]) -> Callable[[str], int | None]:
    """Tells the place of the label that a text is, by the first reading that makes it the same as one label alone."""

    @cache
    def places(reading: Callable[[str], str]) -> dict[str, int]:
        read = list(map(reading, labels))
        times = Counter(read)
        return {word: place for place, word in enumerate(read) if times[word] == 1}

    def place_of(text: str) -> int | None:
        found = (places(reading).get(reading(text)) for reading in readings)
        return next((place for place in found if place is not None), None)

    return place_of


def is_label(text: str, labels: frozenset[str]) -> bool:
    """Whether a value is a label itself, or 1.0 for 1."""
    return text in labels or without_fraction(text) in labels


def joined(text: str) -> str:
    """A text but for case and what joins its words; a sign at an end is not a joint: `HER2-`, -1."""
    return text.casefold() if "-" in (text[:1], text[-1:]) else loose(text)


def bare(text: str) -> str:
    """A text but for case, plural, zeros before numbers and what joins its words: `type 1` of `Type_01`."""
    words = singular(joined(text)).split(" ")
    return " ".join(without_fraction(word).lstrip("0") or "0" if WHOLE.fullmatch(word) else word for word in words)
