"""Spellings of one text: `é` as one character, or as `e` and an accent, as Macs write it; `Cats`, `cat`; `2.0`, `2`."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable

_NUMBER = re.compile(r"(-?(?:0|[1-9][0-9]*))(\.[0-9]+)?")  # 01 is a code, and another than 1
_JOINTS = re.compile(r"[\s_-]+")  # between words of a name


def composed(text: str) -> str:
    """A text with one character for `é`, as two texts that read the same are compared."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def singular(word: str) -> str:
    """What a word is but for case, plural and spelling: `cat` of `Cats`."""
    folded = composed(word).casefold()
    return folded.removesuffix("s") or folded  # a letter alone has no plural


def bare_number(word: str) -> str:
    """What a number is but for zeros at its end: `2` of `2.0`, `1.5` of `1.50`; any other word is itself."""
    found = _NUMBER.fullmatch(word)
    return word if found is None else found[1] + (found[2] or "").rstrip("0").rstrip(".")


def loose(text: str) -> str:
    """What a name is but for case and what joins its words: `sugar beet` of `Sugar_beet`."""
    return _JOINTS.sub(" ", composed(text).casefold()).strip()


def one_spelling(labels: Iterable[str]) -> dict[str, str]:
    """What to write for each label that is there in two spellings; all others stay, and runs of them are continued."""
    of_label = {label: composed(label) for label in set(labels)}
    times = Counter(of_label.values())
    return {label: one for label, one in of_label.items() if times[one] > 1}
