"""Which labels the name of a template's column tells, `is_cat` or `P(golden retriever)`, and denies, `not_cat`."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from scoring.sources.spelling import composed, singular
from scoring.submissions.near import bare

WORD = re.compile(r"[A-Z]*[^\WA-Z_]+|[A-Z]+")  # also of isCat
_Meant: TypeAlias = Callable[[str, Sequence[str]], set[int]]
_SHORT = 2  # letters of words that are no plurals: `is`
_NO = re.compile(
    "no|not|non|none|nor|neither|never|cannot|without|anti|absent|absence|missing|minus|lack(s|ing)?|negat(ed|ive)|"
    "(is|are|has|does)n(t)?|except|exclud(e|ed|ing)|other|than|but|opposite|inverse|inverted|complement"
)
_OR_NOT = ["or", "not"]  # at the end, it denies nothing: cat_or_not
_NO_SIGN = re.compile(r"[!~¬]\W*\w|(?:^|[(=])\s*1\s*-")  # !cat, 1 - p(cat)
# Words in which no cat and no dog is meant: category, classification, indicator.
_OTHER_WORDS = re.compile(r"categor|(?<=[a-z])cat(?:es?|ed|ions?|ors?)(?![a-z])|dogma")
# All that may stand beside a label and leave it what is wanted; any other word or sign may turn it round: `cat_free`.
PLAIN = re.compile(
    "a|an|the|this|that|it|there|x|of|in|for|as|to|be|and|or|is|are|was|were|has|have|having|with|true|yes|positive|"
    "contain(s|ing)?|show(s|ing)?|present|presence|exists?|detect(s|ed|ion)?|found|p|pr|prob(a|s|ability|abilities)?|"
    "likelihood|chance|certainty|conf(idence)?|scores?|risk|status|diagnos(is|ed)|softmax|y|val(ue)?s?|output|result|"
    "answer|flag|binary|indicator|pred(s|ict|icted|ictions?)?|expected|estimated?|mean|average|final|model|ensemble|"
    "classif(ied|ication)|class(es)?|category|type|species|labels?|targets?|images?|img|photos?|pictures?|ground|truth"
)
_PLAIN_SIGN = re.compile(r"(?<=\w)\s*-\s*(?=\w)|[_()\[\]{}.:,;?|=\"]")  # not HER2-


@dataclass(frozen=True)
class ColumnName:
    """What a column's name tells.

    Attributes:
        classes: Those whose labels it has in whole words, but for case and plural.
        is_denied: Whether it says the opposite, `no_dog`.
        may_mean_more: Whether it has a label within a longer word, `notcat`, or beside it what may turn it round.
    """

    classes: frozenset[int]
    is_denied: bool
    may_mean_more: bool

    @property
    def only(self) -> int | None:
        """The one class that it is named after, or denies; None of none or several."""
        return next(iter(self.classes)) if len(self.classes) == 1 else None


def read_column_name(name: str, labels: Sequence[str]) -> ColumnName:
    """Find labels in a column's name, the longest that begins with a word first."""
    name, labels = composed(name), [composed(label) for label in labels]
    if found := _meant(name, labels):
        return ColumnName(frozenset(found), False, False)
    words, spaced = WORD.findall(name), [" ".join(WORD.findall(label)) or label for label in labels]
    asks = [word.casefold() for word in words[-2:]] == _OR_NOT
    found, others = _read(words, spaced, _meant)
    if not found:
        found, others = _read(words, spaced, _meant_nearly)
    if found and asks and others[-2:] == _OR_NOT:
        del others[-2:]
    unknown = [word for word in others if not PLAIN.fullmatch(word)]
    rest = _OTHER_WORDS.sub("", " ".join(unknown))
    may_turn = bool(unknown or _signs(_PLAIN_SIGN.sub("", name)).difference(*(labels[index] for index in found)))
    return ColumnName(
        frozenset(found),
        bool(_NO_SIGN.search(name)) or any(map(_NO.fullmatch, others)),
        (bool(found) and may_turn) or any(singular(label) in rest for label in labels),
    )


def _read(words: Sequence[str], labels: Sequence[str], meant: _Meant) -> tuple[set[int], list[str]]:
    """The classes whose labels words are, the longest that begins with a word first, and all other words."""
    found: set[int] = set()
    others: list[str] = []
    while words:
        runs = ((end, meant(" ".join(words[:end]), labels)) for end in range(len(words), 0, -1))
        end, classes = next((run for run in runs if run[1]), (1, set()))
        found |= classes
        others += [] if classes else [words[0].casefold()]
        words = words[end:]
    return found, others


def _signs(text: str) -> set[str]:
    """What of a text is in no word."""
    return {sign for sign in text if not (sign.isalnum() or sign.isspace())}


def _meant(words: str, labels: Sequence[str]) -> set[int]:
    """The classes of that label, or else of those that differ by case and plural alone."""
    alike = singular if len(words) > _SHORT else str.casefold
    wanted = alike(words)
    same = {index for index, label in enumerate(labels) if label == words}
    return same or {index for index, label in enumerate(labels) if alike(label) == wanted}


def _meant_nearly(words: str, labels: Sequence[str]) -> set[int]:
    """The classes of the labels that `bare` reads the same, or without blanks: `hotdog` and `hot dog`.

    What says nothing of a label is no part of one: `is land` is no island.
    """
    parts = words.casefold().split()
    if len(words) <= _SHORT:
        return set()
    if found := {index for index, label in enumerate(labels) if bare(label) == bare(words)}:
        return found
    if any(PLAIN.fullmatch(part) or _NO.fullmatch(part) for part in parts):
        return set()
    return {index for index, label in enumerate(labels) if _in_one_word(label) == _in_one_word(words)}


def _in_one_word(words: str) -> str:
    return singular("".join(words.split()))
