"""What a template asks for: told by its columns, its values and the run's labels, or refused where they do not tell."""

from collections.abc import Sequence

from scoring.errors import RequestError
from scoring.run.wording import some
from scoring.sources.several_labels import MARKS, parts_of
from scoring.sources.spelling import composed, loose, singular
from scoring.storage.redaction import brief
from scoring.submissions.answers import Above, Answers, Best, OneOfTwo, Probabilities, Ranked
from scoring.submissions.cells import Cells, read_cells
from scoring.submissions.column_name import ColumnName, read_column_name
from scoring.submissions.index_meaning import check_index
from scoring.submissions.near import bare, finder_of
from scoring.submissions.submission import find_dog
from scoring.submissions.template import Template, first_twice
from scoring.submissions.template_values import (
    check_class_numbers,
    check_indices,
    check_numbers,
    check_spelled,
    check_told,
    kind_of_values,
)
from scoring.submissions.wishes import Values, Wishes

_OF_BOXES = {"bbox", "encodedpixels", "predictionstring", "rle", "rlemask"}


def choose_answers(
    template: Template,
    labels: Sequence[str],
    wishes: Wishes,
    is_multi_label: bool = False,
    class_numbers: Sequence[int | None] = (),
) -> Answers:
    """Tell what the columns of a template are filled with.

    Args:
        template: Its columns and values.
        labels: The run's, in class order.
        wishes: What the user says.
        is_multi_label: Whether several labels may be true of an image of the run.
        class_numbers: The classes' numbers, where these are not their indices; see `RunRecord`.

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
    _check_answerable(template.columns[0])
    values, spelled = [answer for (answer,) in template.answers], [composed(label) for label in labels]
    if is_multi_label:
        check_told(values, wishes)
    cells = _read_cells(template, values, spelled, wishes)
    if wishes.threshold is not None or cells.are_lists:
        return _lists(cells, template.spelled(labels), wishes, is_multi_label, class_numbers)
    if wishes.values is not Values.PROBABILITY:
        cells.check_told()
    kind = wishes.values or kind_of_values(values, spelled, wishes.positive, class_numbers=class_numbers)
    if kind is Values.PROBABILITY:
        positive = _positive(template.columns[0], labels, wishes.positive)
        return Probabilities((positive,), labels, wishes.clip or 0.0)
    column, of_best = template.columns[0], f"a column for the {kind} of the best class"
    if kind is Values.INDEX and wishes.positive is not None and len(labels) == 2:
        _refuse(wishes, ("clip",), of_best)
        return _one_of_two(column, labels, wishes.positive, cells)
    _refuse(wishes, ("positive", "clip"), of_best)
    if kind is Values.INDEX:
        check_class_numbers(labels, class_numbers)
        check_index(column, labels)
        check_indices(cells.parts, labels)
    else:
        check_spelled(values, spelled)
    return Best(template.spelled(labels), kind is Values.INDEX)


def _read_cells(template: Template, values: Sequence[str], labels: Sequence[str], wishes: Wishes) -> Cells:
    """What the values of its one column are."""
    has_commas = template.delimiter == ","
    wants_labels = wishes.threshold is not None or (has_commas and wishes.values in (Values.LABEL, Values.INDEX))
    known = False if wishes.values is Values.PROBABILITY else True if wants_labels else None
    return read_cells(values, labels, has_commas, known)


def _refuse(wishes: Wishes, fields: Sequence[str], what: str) -> None:
    """Refuse what was asked for, but has no meaning here."""
    for field in fields:
        if getattr(wishes, field) is not None:
            raise RequestError(f"Expected no `{field}` with this `template`: it has {what}.")


def _check_answerable(column: str) -> None:
    """Refuse columns that competitions give to boxes and masks, whose placeholders may be such as 0 1."""
    if loose(column).replace(" ", "") in _OF_BOXES:
        raise RequestError(
            f"Expected a column of `template` for a probability, a label or an index; {column!r} is for boxes or "
            "masks, which no run finds. If it is for labels, name it otherwise."
        )


def _classes(template: Template, labels: Sequence[str]) -> tuple[int, ...]:
    """The class of each of several columns, named as labels are but for case, plural and what joins words."""
    index = _index_of(labels)
    place_of = finder_of(labels, composed, singular, bare)
    columns: dict[int, str] = {}
    extra: list[str] = []
    for column in template.columns:
        place = place_of(column)
        if place is None or place in columns:
            extra.append(column)
        else:
            columns[place] = column
    missing = [label for label, place in index.items() if place not in columns]
    if missing or extra:
        lacks = [f"the first label without a column is {missing[0]!r}"] if missing else []
        lacks += [f"the first column that is no label is {extra[0]!r}"] if extra else []
        alone = "" if columns else ", or one alone for an answer"
        first = template.header[0]
        advice = f" Ids are read from its first column, {first!r}; leave out what is neither ids nor answers."
        raise RequestError(
            f"Expected `template` to have one column for each of the run's {len(labels)} labels{alone}; it has "
            f"{len(template.columns)}: {', '.join(lacks)}.{advice if extra else ''}"
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


def _lists(
    cells: Cells, labels: Sequence[str], wishes: Wishes, is_multi_label: bool, class_numbers: Sequence[int | None]
) -> Answers:
    """Several classes in one column, with a mark between them."""
    _refuse(wishes, ("positive", "clip"), "lists of labels")
    _index_of(labels)
    if wishes.threshold is None and wishes.values in (None, Values.LABEL):
        cells.check_pairs(wishes.values is Values.LABEL)
    kind = wishes.values or kind_of_values(cells.parts, cells.labels, None, True, class_numbers)
    if kind is Values.PROBABILITY:
        raise RequestError(
            f"Expected labels or class indices with spaces between them in `template`; received {cells.parts[0]!r}. "
            "Where it only holds a place, say with `values` what is wanted: label or index."
        )
    as_index, mark = kind is Values.INDEX, cells.separator()
    if as_index:
        check_class_numbers(labels, class_numbers)
        check_numbers(labels)
        check_indices(cells.parts, labels)
    else:
        _check_whole(labels, mark, cells)
        check_spelled(cells.parts, cells.labels)
    if wishes.threshold is not None:
        if not is_multi_label:
            cells.check_several()
        return Above(labels, as_index, wishes.threshold, mark)
    if len(cells.counts) > 1:
        raise RequestError(
            f"Expected as many labels in every row of `template`; received {some(cells.counts)}. Say with `threshold` "
            "0.5 from which probability on a label is in the list."
        )
    return Ranked(labels, as_index, cells.counts[0], mark)


def _check_whole(labels: Sequence[str], mark: str, cells: Cells) -> None:
    """Refuse labels that would be several in a list: `great dane` where a blank stands between two."""
    torn = next((label for label in labels if len(parts_of(label, mark)) != 1), None)
    if torn is None:
        return
    spelled = next((part for part in cells.parts if part != torn and loose(part) == loose(torn)), None)
    advice = f", such as {spelled}, which the template has" if spelled else ""
    raise RequestError(
        f"Expected labels without {MARKS[mark.strip() or ' ']} for a list of them; one is {torn!r}. Score with labels "
        f"spelled as the competition spells them{advice}, or say `values` index if it wants indices."
    )


def _one_of_two(column: str, labels: Sequence[str], positive: str, cells: Cells) -> Answers:
    """1 for one of two labels and 0 for the other; refused where labels are numbers, and others than these."""
    one = _positive(column, labels, positive)
    check_numbers([labels[1 - one], labels[one]])
    check_indices(cells.parts, labels)
    return OneOfTwo(labels, one)


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
                f"{brief(labels[name.only])}, received {positive}. Name the other of two labels, or the column "
                "otherwise."
            )
    elif name.classes and not name.may_mean_more and index[positive] not in name.classes:
        raise RequestError(
            f"Expected `positive` {' or '.join(brief(labels[one]) for one in sorted(name.classes))}, after which the "
            f"column {column!r} of `template` is named; received {positive}. Say that, or name the column otherwise."
        )
    return index[positive]


def _told_by_name(column: str, name: ColumnName, labels: Sequence[str]) -> int:
    """The class that a column is named after, or the dog of cats and dogs where its name tells of neither."""
    if name.only is not None and not (name.is_denied or name.may_mean_more):
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
