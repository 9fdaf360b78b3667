"""What an index means, of two labels above all: 1 of `cactus` and `no_cactus` is that there is no cactus."""

import re
from collections.abc import Sequence

from scoring.errors import RequestError
from scoring.sources.spelling import composed, singular
from scoring.storage.redaction import brief
from scoring.submissions.answers import Above, Answers, Best, OneOfTwo, Ranked
from scoring.submissions.column_name import PLAIN, WORD, ColumnName, read_column_name
from scoring.submissions.template import Template
from scoring.submissions.template_values import check_numbers, told_by_number

_DENIES = re.compile(
    "no|not|non|none|nothing|never|cannot|without|wo|absent|absence|neg|negat(ed|ive)|false|untrue|lack(s|ing)?|"
    "(is|are|has|have|does)n(t)?"
)
_ANSWERS = {"yes", "true"}
_AFFIRMS = {*_ANSWERS, "positive", "present", "presence"}
# What 1 seldom means of two labels, though none of them denies the other by its words.
_SELDOM = re.compile(
    "healthy|normal|benign|intact|ok(ay)?|good|clean|clear|safe|un(affected|damaged|harmed|infected|injured)|others?|"
    "rest|background|empty"
)
_IS, _IS_NOT = ("is", "has"), ("no", "not", "non", "isno", "isnot", "hasno", "un", "without")  # nocat, uninfected
_OR_NOT = ["or", "not"]
_WITHOUT = re.compile(r"\bw/o\b", re.IGNORECASE)
_NOT_SIGN, _MINUS_SIGN = "!~¬", ("-", "\N{MINUS SIGN}")  # !cat, HER2-
_LONG = 6  # letters of what `in` denies: `inactive` does, `indoor` does not


def check_index(column: str, labels: Sequence[str]) -> None:
    """Refuse indices of two labels where the column's name, or theirs, want 1 for the first; see `check_numbers`."""
    check_numbers(labels)
    if len(labels) != 2:
        return
    name = read_column_name(column, labels)
    wanted = _named(column, labels, name)
    may_want_other = name.only is not None and name.may_mean_more and not name.is_denied
    if wanted == 0 or may_want_other:
        raise RequestError(
            f"Expected `values` probability for the column {column!r} of `template`; received index, of which 1 is "
            f"{brief(labels[1])}. If it wants 0 and 1, name as `positive` the label that is 1; or name the column "
            "otherwise."
        )
    words, has_both = _words(column), len(name.classes) > 1  # if so, it denies neither: `no_tumor/tumor`
    asks = _is_denied([] if has_both else words, labels) or (has_both and _tells_numbers(words, labels))
    if wanted is None and asks:
        raise RequestError(
            f"Expected `positive`, the label that is 1 in the column {column!r} of `template`; by `values` index alone "
            f"it is {brief(labels[1])}, and {brief(labels[0])} is 0."
        )


def told_of_index(answers: Answers, template: Template) -> str | None:
    """What an index means where others may be wanted, by numbers within labels or by words; None of others."""
    values = {value for row in template.answers for value in row}
    if isinstance(answers, OneOfTwo):
        return told_by_number([answers.labels[1 - answers.one], answers.labels[answers.one]], values)
    if not isinstance(answers, (Best, Ranked, Above)) or not answers.as_index:
        return None
    return told_by_number(answers.labels, values) or _told_by_words(template.columns[0], answers.labels)


def _told_by_words(column: str, labels: Sequence[str]) -> str | None:
    """What 1 means where that is seldom wanted, as `healthy` beside `rust`; None if the column's name tells of them."""
    if len(labels) != 2 or _has_seldom(labels[0]) or not _has_seldom(labels[1]):
        return None
    if _named(column, labels, read_column_name(column, labels)) is not None or _has_seldom(column):
        return None
    return (
        f"As an index, 1 means {brief(labels[1])!r}, and 0 {brief(labels[0])!r}. If 1 is to mean {brief(labels[0])!r}, "
        "name it as `positive`."
    )


def _named(column: str, labels: Sequence[str], name: ColumnName) -> int | None:
    """The one of two labels that 1 means by the column's name: as that label's in it, or within a word, `nodog`."""
    if name.classes:
        return None if name.only is None else name.only ^ name.is_denied
    wholes = ["".join(_words(label)) for label in labels]
    told = set()
    for word in _words(column):
        for place, whole in enumerate(wholes):
            told |= {place ^ name.is_denied} if word in _glued(_IS, whole) else set()
            told |= {1 - place ^ name.is_denied} if word in _glued(_IS_NOT, whole) else set()
    return told.pop() if len(told) == 1 else None


def _tells_numbers(words: Sequence[str], labels: Sequence[str]) -> bool:
    """Whether words are numbers beside those of both labels: `Female (1) / Male (0)`."""
    return sum(map(str.isdecimal, {*words}.difference(*map(_words, labels)))) > 1


def _is_denied(words: Sequence[str], labels: Sequence[str]) -> bool:
    """Whether 1 would be a label that denies the other, and the column's words do not; or the other way round."""
    first, second = labels
    if _denies(second, first):
        core = _core(_words(first))
        asks_for_it = _column_denies(words, core) or any(map(_SELDOM.fullmatch, words))
        return not asks_for_it or _ANSWERS.issuperset(_words(first))
    core = _core(_words(second))
    return _denies(first, second) and _column_denies(words, core) and bool(core) and core in "".join(words)


def _column_denies(words: Sequence[str], core: str) -> bool:
    """Whether a column's name denies something: `no_mask`, nomask, and not `masked_or_not` or `yes_no`."""
    told = words[:-2] if list(words[-2:]) == _OR_NOT else words
    return _AFFIRMS.isdisjoint(told) and any(
        _DENIES.fullmatch(word) or (core and word in _glued(_IS_NOT, core)) for word in told
    )


def _denies(label: str, other: str) -> bool:
    """Whether a label says no more than that another is not so: no_cactus, noncovid, unmasked, No, HER2-."""
    words, others = _words(label), _words(other)
    if any(map(_DENIES.fullmatch, others)) or _SELDOM.fullmatch(_core(others)):
        return False  # unhealthy is no denial where 1 means a disease
    kept = [word for word in words if not _DENIES.fullmatch(word)]
    if len(kept) < len(words):
        return _core(kept) in ("", _core(others))
    whole, denied = singular("".join(words)), singular("".join(others))
    is_within = len(denied) >= _LONG and whole == f"in{denied}"
    return is_within or whole in {*_glued(_IS_NOT, denied), f"{denied}free", f"{denied}les"} or _is_signed(label, other)


def _is_signed(label: str, other: str) -> bool:
    """Whether a label is another with the sign of a denial: `!cat`, HER2- beside HER2+."""
    is_minus = label.endswith(_MINUS_SIGN) and label[:-1] == other.removesuffix("+")
    return is_minus or (label != other and label.lstrip(_NOT_SIGN).strip() == other)


def _has_seldom(text: str) -> bool:
    return any(_SELDOM.fullmatch(word) or _DENIES.fullmatch(word) for word in _words(text))


def _core(words: Sequence[str]) -> str:
    """What words are about: `mask` of `with mask` and of `wearing`, if that is of no matter."""
    return singular("".join(word for word in words if not PLAIN.fullmatch(word)))


def _words(text: str) -> list[str]:
    return [word.casefold() for word in WORD.findall(_WITHOUT.sub("without", composed(text)))]


def _glued(before: Sequence[str], word: str) -> set[str]:
    """A word with others before it, also as one of several things."""
    return {beginning + end for beginning in before for end in (singular(word), singular(word) + "s")}
