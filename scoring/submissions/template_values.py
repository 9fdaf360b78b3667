"""What the values of a template are, probabilities, labels or indices, or refused where they do not tell."""

import re
from collections.abc import Iterable, Iterator, Sequence

from scoring.errors import RequestError
from scoring.run.wording import some
from scoring.storage.redaction import brief
from scoring.submissions.answers import class_index
from scoring.submissions.near import bare, finder_of, is_label, joined
from scoring.submissions.template import NUMBER, WHOLE, without_fraction
from scoring.submissions.wishes import Values, Wishes

_DIGITS = re.compile(r"[0-9]+")
_MOST = 10  # times as high as their count may numbers be that labels are told by: not those of wnids
_BOOLEAN = re.compile("true|false", re.IGNORECASE)
_INTEGER = re.compile(r"[-+]?[0-9]+(?:\.0*)?")


def check_told(values: Sequence[str], wishes: Wishes) -> None:
    """Refuse to take how many labels a template has, which only hold a place, for how many are true of an image."""
    found = [value for value in dict.fromkeys(values) if value]
    are_numbers = all(map(NUMBER.fullmatch, found))
    are_fractions = are_numbers and not all(map(WHOLE.fullmatch, found))
    if are_fractions or (wishes.threshold, wishes.values, wishes.positive) != (None, None, None):
        return
    one = "; if one label's probability is, name the label as `positive`" if are_numbers else ""
    raise RequestError(
        "Expected `threshold`, such as 0.5, for a run of which several labels may be true of an image: all of at least "
        f"that probability are filled in. `template` has {some(found) or 'blank values'}, which may only hold a place. "
        f"If the best alone are wanted, as many as a row has, say so with `values` label or index{one}."
    )


def kind_of_values(
    values: Sequence[str],
    labels: Sequence[str],
    positive: str | None,
    are_lists: bool = False,
    class_numbers: Sequence[int | None] = (),
) -> Values:
    """What values of a template are, by their spelling; what stands in lists is no probability."""
    kinds = "label or index" if are_lists else "probability, label or index"
    found = [value for value in dict.fromkeys(values) if value]
    known = frozenset(labels)
    is_binary = {without_fraction(value) for value in found} <= {"0", "1"}  # of a blank column too
    if is_binary and positive is not None:
        return Values.PROBABILITY
    if found and all(is_label(value, known) for value in found) and not (is_binary and len(labels) == 2):
        return Values.LABEL
    if is_binary:
        told = told_by_number(labels, found)
        raise RequestError(
            f"Expected `template` to tell what it wants; its values are {some(found) or 'blank'}. Say with `values` "
            f"which that is: {kinds}." + (f" {told}" if told else "")
        )
    if all(NUMBER.fullmatch(value) for value in found):
        return _kind_of_numbers(found, labels, kinds, class_numbers)
    raise _no_label(found, labels, kinds)


def _kind_of_numbers(
    found: Sequence[str], labels: Sequence[str], kinds: str, class_numbers: Sequence[int | None]
) -> Values:
    """Whole numbers that are no labels are indices of classes, all others probabilities."""
    if all(map(WHOLE.fullmatch, found)):
        if any(map(WHOLE.fullmatch, labels)):
            raise _no_label(found, labels, kinds)
        check_class_numbers(labels, class_numbers)
        beyond = next((value for value in found if class_index(value, len(labels)) is None), None)
        if beyond is not None:
            raise _no_index(beyond, labels)
        _check_numbered(found, labels)
        return Values.INDEX
    beyond = next((value for value in found if not 0 <= float(value) <= 1), None)
    if beyond is None:
        return Values.PROBABILITY
    spelled, known = dict(_spelled_otherwise(found, labels)), frozenset(labels)
    if all(value in spelled or is_label(value, known) for value in found):
        raise _no_label(found, labels, kinds)
    raise RequestError(f"Expected probabilities from 0 to 1 in `template`; received {beyond}. {_holds_a_place(kinds)}")


def check_numbers(labels: Sequence[str]) -> None:
    """Refuse indices where labels are numbers themselves, and others: 1 and 2 have the indices 0 and 1."""
    if not all(map(_INTEGER.fullmatch, labels)):
        return
    other = next((index for index, label in enumerate(labels) if float(label) != index), None)
    if other is not None:
        raise RequestError(
            f"Expected `values` label, as the labels of the run are numbers; received index, of which {other} is the "
            f"label {labels[other]}."
        )


def check_class_numbers(labels: Sequence[str], numbers: Sequence[int | None]) -> None:
    """Refuse indices where the table that the model was trained by has other numbers for classes, or two for one.

    Args:
        labels: The run's, in class order.
        numbers: See `RunRecord.class_numbers`.
    """
    other = next((index for index, number in enumerate(numbers) if number != index), None)
    if other is not None:
        number = "none of its own" if numbers[other] is None else numbers[other]
        raise RequestError(
            f"Expected `values` label for this run: {other} is the index of {brief(labels[other])!r}, whose number in "
            f"the table that the model was trained by is {number}, as not all classes had photos or parts number them "
            "otherwise. Write the numbers in place of the labels, or train by a table that does not name its classes."
        )


def check_indices(values: Iterable[str], labels: Sequence[str]) -> None:
    """Refuse indices where values are others: 1 to 5 of five labels, -1 and 1, or True and False of two.

    Numbers that are all the same only hold a place, and so do words and probabilities.
    """
    found = [value for value in dict.fromkeys(values) if value]
    numbers = {value: float(value) for value in found if NUMBER.fullmatch(value)}
    others = [one for one in numbers if class_index(one, len(labels)) is None and not 0 <= numbers[one] <= 1]
    if others and len({*numbers.values()}) > 1:
        raise _no_index(others[0], labels)
    if len(labels) == 2 and found and all(map(_BOOLEAN.fullmatch, found)):
        raise _no_index(found[0], labels)


def _no_index(value: str, labels: Sequence[str]) -> RequestError:
    return RequestError(
        f"Expected `template` to have indices from 0 to {len(labels) - 1}, as the run has {len(labels)} labels; "
        f"received {brief(value)}. If such are wanted, score with labels that are these; if they only hold a place, "
        "write 0 there."
    )


def check_spelled(values: Sequence[str], labels: Sequence[str]) -> None:
    """Refuse to write labels as the run spells them where the template spells one otherwise: `Clear` for `clear`."""
    found = dict.fromkeys(values)
    for value, label in _spelled_otherwise(found, labels):
        if label not in found:
            raise RequestError(
                f"Expected labels as `template` spells them; it has {brief(value)!r}, where the run has "
                f"{brief(label)!r}: {_rescore(value, labels)}; if it takes the run's, write them into `template`."
            )


def _rescore(value: str, labels: Sequence[str]) -> str:
    """What to do where the competition spells labels otherwise; 2 is the index of 02 as well, if they begin at 00."""
    are_indices = all(WHOLE.fullmatch(label) and float(label) == index for index, label in enumerate(labels))
    advice = "score with labels spelled as the competition spells them"
    is_index = are_indices and str(class_index(value, len(labels))) == without_fraction(value)
    return f"{advice}, or say `values` index for numbers such as {value}" if is_index else advice


def _spelled_otherwise(values: Iterable[str], labels: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The values that are no labels but near one, and which that is."""
    place_of, known = finder_of(labels, str.casefold, joined, bare), frozenset(labels)
    for value in values:
        if not is_label(value, known) and (place := place_of(value)) is not None:
            yield value, labels[place]


def _check_numbered(found: Sequence[str], labels: Sequence[str]) -> None:
    """Refuse to guess where numbers may be those within labels, and others than indices: c0, c1 and c10."""
    numbers = _numbers_within(labels)
    other = next((index for index, number in enumerate(numbers) if number != index), None)
    if other is not None and {int(without_fraction(value)) for value in found} <= {*numbers}:
        raise RequestError(
            f"Expected `template` to tell what its numbers are: {other} is the index of {labels[other]!r}, and "
            f"{numbers[other]} the number in its name. Say `values` index if indices are wanted; for the others, score "
            f"with labels that are the numbers alone: {some(numbers)}."
        )


def told_by_number(labels: Sequence[str], values: Iterable[str]) -> str | None:
    """What an index means of labels that are numbered otherwise, as 0 is class_1; None of others, and of wnids.

    None as well where values have other numbers than labels; noughts only hold a place.
    """
    are_numbered = len({_DIGITS.sub("", label) for label in labels}) == 1 or all(map(_DIGITS.match, labels))
    numbers = _numbers_within(labels) if are_numbered and not all(map(_INTEGER.fullmatch, labels)) else []
    other = next((index for index, number in enumerate(numbers) if number != index), None)
    told = {digits.lstrip("0") for value in values for digits in _DIGITS.findall(value)}
    if other is None or max(numbers) > _MOST * len(numbers) or not told <= {"", *map(str, numbers)}:
        return None
    return (
        f"As an index, {other} means {brief(labels[other])!r}, whose name has the number {numbers[other]}. If such "
        f"numbers are wanted, score with labels that are these alone: {some(numbers)}."
    )


def _numbers_within(labels: Sequence[str]) -> list[int]:
    """The one number in each label; none if they are not different."""
    numbers = [int(inside[0]) for label in labels if len(inside := _DIGITS.findall(label)) == 1]
    return numbers if len(set(numbers)) == len(labels) else []


def _no_label(found: Sequence[str], labels: Sequence[str], kinds: str) -> RequestError:
    """Names the first value that a label may be meant by, or else the first that is none."""
    known = frozenset(labels)
    foreign = next(value for value in found if not is_label(value, known))
    value, near = next(_spelled_otherwise(found, labels), (foreign, None))
    advice = _holds_a_place(kinds)
    if near is not None:
        advice = f"The run spells it {near!r}: {_rescore(value, labels)}."
    return RequestError(
        f"Expected the values of `template` to be labels of the run, which are {some(labels)}; {brief(value)!r} is "
        f"none. {advice}"
    )


def _holds_a_place(kinds: str) -> str:
    return f"Where it only holds a place, say with `values` what is wanted: {kinds}."
