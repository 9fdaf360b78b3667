"""What a template asks for: told by its columns, its values and the run's labels, or refused where they do not tell."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from scoring.errors import RequestError
from scoring.run.reader import some
from scoring.sources.spelling import composed, singular
from scoring.submissions.answers import Above, Answers, Best, Probabilities, Ranked, class_index
from scoring.submissions.column_name import ColumnName, read_column_name
from scoring.submissions.submission import find_dog
from scoring.submissions.template import NUMBER, WHOLE, Template, first_twice, without_fraction

_DIGITS = re.compile(r"[0-9]+")
_INTEGER = re.compile(r"[-+]?[0-9]+(?:\.0*)?")


class Values(StrEnum):
    """What the one column of a template holds, where its values do not tell."""

    PROBABILITY = "probability"
    LABEL = "label"
    INDEX = "index"


@dataclass(frozen=True)
class Wishes:
    """What the user says of the answers.

    Attributes:
        values: What the one column holds; None lets the template tell.
        positive: The label whose probability is wanted; None takes the one that the column is named after, or the dog
            of cats and dogs.
        threshold: All labels of at least this probability, 0 to 1; None for one label, or as many as the template has.
        clip: Probabilities are kept within [clip, 1 - clip], 0 to below 0.5; None leaves them.
    """

    values: Values | None = None
    positive: str | None = None
    threshold: float | None = None
    clip: float | None = None


def choose_answers(template: Template, labels: Sequence[str], wishes: Wishes, is_multi_label: bool = False) -> Answers:
    """Tell what the columns of a template are filled with.

    Args:
        template: Its columns and values.
        labels: The run's, in class order.
        wishes: What the user says.
        is_multi_label: Whether several labels may be true of an image of the run.

    Raises:
        RequestError: If template, labels and wishes do not fit together, or do not tell.
    """
    if wishes.threshold is not None and not 0 <= wishes.threshold <= 1:
        raise RequestError(f"Expected `threshold` from 0 to 1; received {wishes.threshold}.")
    if not labels:
        raise RequestError("Expected a run with labels; this one holds features.")
    if len(template.columns) > 1:
        _refuse(wishes, ("values", "positive", "threshold"), f"{len(template.columns)} columns, one for each class")
        return Probabilities(_classes(template, labels), labels, wishes.clip or 0.0)
    values, spelled = [answer for (answer,) in template.answers], [composed(label) for label in labels]
    if is_multi_label:
        _check_told(values, wishes)
    if wishes.threshold is not None or any(len(value.split()) > 1 and value not in spelled for value in values):
        return _lists(values, template.spelled(labels), wishes)
    kind = wishes.values or _kind_of(values, spelled, wishes.positive)
    if kind is Values.PROBABILITY:
        positive = _positive(template.columns[0], labels, wishes.positive)
        return Probabilities((positive,), labels, wishes.clip or 0.0)
    _refuse(wishes, ("positive", "clip"), f"a column for the {kind} of the best class")
    if kind is Values.INDEX:
        _check_index(template.columns[0], labels)
    return Best(template.spelled(labels), kind is Values.INDEX)


def _check_told(values: Sequence[str], wishes: Wishes) -> None:
    """Refuse to take how many labels a template has, which only hold a place, for how many are true of an image."""
    found = [value for value in dict.fromkeys(values) if value]
    are_fractions = all(map(NUMBER.fullmatch, found)) and not all(map(WHOLE.fullmatch, found))
    if are_fractions or (wishes.threshold, wishes.values, wishes.positive) != (None, None, None):
        return
    raise RequestError(
        "Expected `threshold`, such as 0.5, for a run of which several labels may be true of an image: all of at least "
        f"that probability are filled in. `template` has {some(found) or 'blank values'}, which may only hold a place. "
        "If the best alone are wanted, as many as a row has, say so with `values` label or index; if one label's "
        "probability is, name the label as `positive`."
    )


def _refuse(wishes: Wishes, fields: Sequence[str], what: str) -> None:
    """Refuse what was asked for, but has no meaning here."""
    for field in fields:
        if getattr(wishes, field) is not None:
            raise RequestError(f"Expected no `{field}` with this `template`: it has {what}.")


def _classes(template: Template, labels: Sequence[str]) -> tuple[int, ...]:
    """The class of each of several columns, which are named as labels are but for case and plural."""
    index = _index_of(labels)
    words = [singular(label) for label in labels]
    times = Counter(words)
    index_of_word = {word: place for place, word in enumerate(words) if times[word] == 1}
    columns: dict[int, str] = {}
    extra: list[str] = []
    for column in template.columns:
        place = index.get(composed(column), index_of_word.get(singular(column)))
        if place is None or place in columns:
            extra.append(column)
        else:
            columns[place] = column
    missing = [label for label, place in index.items() if place not in columns]
    if missing or extra:
        lacks = [f"the first label without a column is {missing[0]!r}"] if missing else []
        lacks += [f"the first column that is no label is {extra[0]!r}"] if extra else []
        raise RequestError(
            f"Expected `template` to have one column for each of the run's {len(labels)} labels; it has "
            f"{len(template.columns)}: {', '.join(lacks)}."
        )
    return tuple(columns)


def _index_of(labels: Sequence[str]) -> dict[str, int]:
    """The class of each label, by one spelling of it."""
    labels = [composed(label) for label in labels]
    if (twice := first_twice(labels)) is not None:
        raise RequestError(
            f"Expected the labels of a run for this `template` to differ from one another; two of them are {twice}."
        )
    return {label: index for index, label in enumerate(labels)}


def _lists(values: Sequence[str], labels: Sequence[str], wishes: Wishes) -> Answers:
    """Several classes in one column, with spaces between them."""
    _refuse(wishes, ("positive", "clip"), "lists of labels")
    spelled = list(_index_of(labels))
    kind = wishes.values or _kind_of([item for value in values for item in value.split()], spelled, None)
    if kind is Values.PROBABILITY:
        raise RequestError(
            f"Expected labels or class indices with spaces between them in `template`; received {values[0]!r}."
        )
    as_index = kind is Values.INDEX
    if as_index:
        _check_numbers(labels)
    torn = next((label for label in labels if len(label.split()) != 1), None)
    if torn is not None and not as_index:
        raise RequestError(f"Expected labels without spaces for a list of them; one is {torn!r}. Use `values` index.")
    if wishes.threshold is not None:
        return Above(labels, as_index, wishes.threshold)
    counts = sorted({len(value.split()) for value in values})
    if len(counts) > 1:
        raise RequestError(
            f"Expected as many labels in every row of `template`; received {some(counts)}. Say with `threshold` 0.5 "
            "from which probability on a label is in the list."
        )
    return Ranked(labels, as_index, counts[0])


def _kind_of(values: Sequence[str], labels: Sequence[str], positive: str | None) -> Values:
    """What values of a template are, by their spelling."""
    found = [value for value in dict.fromkeys(values) if value]
    is_binary = {without_fraction(value) for value in found} <= {"0", "1"}  # of a blank column too
    if is_binary and positive is not None:
        return Values.PROBABILITY
    if found and all(_is_label(value, labels) for value in found) and not (is_binary and len(labels) == 2):
        return Values.LABEL
    if is_binary:
        raise RequestError(
            f"Expected `template` to tell what it wants; its values are {some(found) or 'blank'}. Say with `values` "
            "whether that is a probability, a label or an index."
        )
    if all(NUMBER.fullmatch(value) for value in found):
        return _kind_of_numbers(found, labels)
    raise _no_label(next(value for value in found if not _is_label(value, labels)), labels)


def _is_label(value: str, labels: Sequence[str]) -> bool:
    return value in labels or without_fraction(value) in labels


def _kind_of_numbers(found: Sequence[str], labels: Sequence[str]) -> Values:
    """Whole numbers that are no labels are indices of classes, all others probabilities."""
    if all(map(WHOLE.fullmatch, found)):
        if any(map(WHOLE.fullmatch, labels)):
            raise _no_label(next(value for value in found if not _is_label(value, labels)), labels)
        beyond = next((value for value in found if class_index(value, len(labels)) is None), None)
        if beyond is not None:
            raise RequestError(
                f"Expected `template` to have indices from 0 to {len(labels) - 1}, as the run has {len(labels)} "
                f"labels; received {beyond}."
            )
        _check_numbered(found, labels)
        return Values.INDEX
    beyond = next((value for value in found if not 0 <= float(value) <= 1), None)
    if beyond is not None:
        raise RequestError(f"Expected probabilities from 0 to 1 in `template`; received {beyond}.")
    return Values.PROBABILITY


def _check_index(column: str, labels: Sequence[str]) -> None:
    """Refuse indices of two labels where the column's name wants 1 for the first of them; see `_check_numbers`."""
    _check_numbers(labels)
    name = read_column_name(column, labels)
    if len(labels) == 2 and name.only is not None and (name.only == 1) == name.is_denied:
        raise RequestError(
            f"Expected `values` probability for the column {column!r} of `template`; received index, of which 1 is "
            f"{labels[1]}. Or name the column otherwise."
        )


def _check_numbers(labels: Sequence[str]) -> None:
    """Refuse indices where labels are numbers themselves, and others: 1 and 2 have the indices 0 and 1."""
    if not all(map(_INTEGER.fullmatch, labels)):
        return
    other = next((index for index, label in enumerate(labels) if float(label) != index), None)
    if other is not None:
        raise RequestError(
            f"Expected `values` label, as the labels of the run are numbers; received index, of which {other} is the "
            f"label {labels[other]}."
        )


def _check_numbered(found: Sequence[str], labels: Sequence[str]) -> None:
    """Refuse to guess where numbers may be those within labels, and others than indices: c0, c1 and c10."""
    numbers = [int(inside[0]) for label in labels if len(inside := _DIGITS.findall(label)) == 1]
    are_of_all = len(set(numbers)) == len(labels) and {int(without_fraction(value)) for value in found} <= {*numbers}
    other = next((index for index, number in enumerate(numbers) if number != index), None)
    if are_of_all and other is not None:
        raise RequestError(
            f"Expected `template` to tell what its numbers are: {other} is the index of {labels[other]!r}, and "
            f"{numbers[other]} the number in its name. Say `values` index if indices are wanted; for the others, score "
            f"with labels that are the numbers alone: {some(numbers)}."
        )


def _no_label(value: str, labels: Sequence[str]) -> RequestError:
    return RequestError(
        f"Expected the values of `template` to be labels of the run, which are {some(labels)}; {value!r} is none. "
        "Where it only holds a place, say with `values` what is wanted: probability, label or index."
    )


def _positive(column: str, labels: Sequence[str], positive: str | None) -> int:
    """The class whose probability is wanted in the one column."""
    name = read_column_name(column, labels)
    if positive is None:
        return _told_by_name(column, name, labels)
    index, positive = _index_of(labels), composed(positive)
    if positive not in index:
        raise RequestError(f"Expected `positive` to be one of the run's labels, {some(labels)}; received {positive}.")
    if name.is_denied and name.only is not None:
        if name.only == index[positive] or len(labels) > 2:
            raise RequestError(
                f"Expected `positive` to be what the column {column!r} of `template` wants; its name denies "
                f"{labels[name.only]}, received {positive}. Name the other of two labels, or the column otherwise."
            )
    elif name.classes and index[positive] not in name.classes:
        raise RequestError(
            f"Expected `positive` {' or '.join(labels[one] for one in sorted(name.classes))}, after which the column "
            f"{column!r} of `template` is named; received {positive}. Say that, or name the column otherwise."
        )
    return index[positive]


def _told_by_name(column: str, name: ColumnName, labels: Sequence[str]) -> int:
    """The class that a column is named after, or the dog of cats and dogs where its name tells of neither."""
    if name.only is not None and not name.is_denied:
        return name.only
    if name.classes:
        _index_of(labels)  # refuses two that are the same
    dog = find_dog(labels)
    if dog is None or name.classes or name.is_denied or name.may_mean_more:
        raise RequestError(
            f"Expected `positive`: which label's probability the column {column!r} of `template` wants. The run's are "
            f"{some(labels)}."
        )
    return dog
