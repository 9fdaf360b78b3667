"""How the values of a template's one column are read: as one label, several with marks between them, or other words."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property

from scoring.errors import RequestError
from scoring.run.wording import some
from scoring.sources.several_labels import MARKS, parts_of
from scoring.storage.redaction import brief
from scoring.submissions.answers import class_index
from scoring.submissions.near import bare, is_label
from scoring.submissions.side_by_side import SideBySide
from scoring.submissions.template import NUMBER, WHOLE, without_fraction

_DECIMAL = re.compile(r"[0-9]+,[0-9]+")  # 0,5 is a half where semicolons part columns, else more likely two labels
_VISIBLE = [mark for mark in MARKS if mark.strip()]  # marks that are no blanks
_WORD = re.compile(r"\w+")
_NUMBER = re.compile(r"(?<![\w.])[0-9]+(?:\.0*)?(?![\w.])")
_OF_AN_ID = re.compile("[0-9_]")  # w_23a388d, Great_Dane: a word that stands for a whole label


@dataclass(frozen=True)
class Cell:
    """One value of a template.

    Attributes:
        parts: The labels, indices or foreign ids that it is made of; itself if it is one.
        mark: What parts several.
        tells: Whether it has as many labels as a row is to have; other words only hold a place.
        is_mixed: Whether it has labels among other words, so that it may be a list or none.
        is_decimal: Whether it is taken for a number such as 0,5; if mixed, it may be two labels as well.
    """

    parts: Sequence[str]
    mark: str = ""
    tells: bool = True
    is_mixed: bool = False
    is_decimal: bool = False


@dataclass(frozen=True)
class Cells:
    """The different values of a template's column, without blank ones, and the run's labels."""

    cells: Sequence[Cell]
    labels: Sequence[str]

    @property
    def parts(self) -> list[str]:
        """What values are made of, each once."""
        return list(dict.fromkeys(part for cell in self.cells for part in cell.parts))

    @cached_property
    def counts(self) -> list[int]:
        """How many labels there are in values that tell it."""
        return sorted({len(cell.parts) for cell in self.cells if cell.tells})

    @cached_property
    def _known(self) -> frozenset[str]:
        return frozenset(self.labels)

    @property
    def are_lists(self) -> bool:
        """Whether there are several labels in a value."""
        return self.counts[-1:] > [1]

    def check_several(self) -> None:
        """Raise RequestError if every row has one label, or one index; other words only hold a place."""
        told = [cell.parts[0] for cell in self.cells if cell.tells]
        if self.counts == [1] and all(is_label(one, self._known) or _is_index(one, self._known) for one in told):
            raise RequestError(
                "Expected no `threshold` with this `template`: its rows have one label each, and the labels of the run "
                "exclude one another. The best of them is filled in without. If several are wanted, write two labels "
                "into a row of `template`, as the competition parts them."
            )

    def check_pairs(self, is_told: bool) -> None:
        """Raise RequestError if values have a confidence, 0 or 1; or if they may, and none says that two are wanted."""
        if (pair := self._pair()) is None:
            return
        value, (first, second) = pair.mark.join(pair.parts), pair.parts
        are_indices = not is_label(first, self._known) and all(_is_index(part, self.labels) for part in pair.parts)
        if not (are_indices or is_label(second, self._known)):
            raise _measured(value)
        if not is_told:
            raise RequestError(
                f"Expected `template` to tell what its values are; {value!r} may be two labels, or one with its "
                "confidence, which no list holds. Say with `values` label or index that two are wanted."
            )

    def _pair(self) -> Cell | None:
        """The first value if all are two numbers, the second 0 or 1, the first neither or the same: 137790 1, 1 1."""
        pairs = [(cell, [without_fraction(part) for part in cell.parts]) for cell in self.cells if cell.tells]
        seconds = {parts[-1] for _, parts in pairs}
        firsts = {parts[0] for _, parts in pairs if parts[0] != parts[-1]}
        may_be = self.counts == [2] and seconds <= {"0", "1"} and bool(firsts) and firsts.isdisjoint({"0", "1"})
        return pairs[0][0] if may_be and all(map(WHOLE.fullmatch, firsts)) else None

    def separator(self) -> str:
        """What stands between the labels of a list.

        Raises:
            RequestError: If it differs, if a value may have another, or if a label has it in it.
        """
        marks = sorted({cell.mark for cell in self.cells if cell.mark})
        if len({mark.strip() for mark in marks}) > 1:
            raise RequestError(
                "Expected one mark between the labels in all rows of `template`; received "
                f"{', '.join(map(repr, marks))}."
            )
        if marks:
            return marks[0]
        for word in (cell.parts[0] for cell in self.cells if not (cell.tells or cell.is_decimal)):
            if any(mark in word and not self._is_in_label(mark) for mark in _VISIBLE):
                raise self._unclear(word)
        return " "

    def check_told(self) -> None:
        """Raise RequestError if nothing but labels among other words tells how many are wanted, or what parts them."""
        mixed = next((cell for cell in self.cells if cell.is_mixed), None)
        if mixed and mixed.is_decimal:
            raise RequestError(
                f"Expected `template` to tell what its values are; {mixed.parts[0]!r} may be a number, or two labels "
                "with a comma between them. Say with `values` which it is: probability, label or index."
            )
        if mixed and not self.counts:
            raise self._unclear(next(part for part in mixed.parts if part not in self._known))
        self.separator()

    def _is_in_label(self, mark: str) -> bool:
        return any(mark in label for label in self.labels)

    def _unclear(self, word: str) -> RequestError:
        return RequestError(
            f"Expected the values of `template` to be labels of the run, which are {some(self.labels)}; "
            f"{brief(word)!r} is none, and it does not tell whether one or several are wanted. Write labels of the run "
            "there, as many as a row is to have, and as the competition parts them: with spaces, bars, commas or "
            "semicolons."
        )


def read_cells(
    values: Sequence[str], labels: Sequence[str], commas_part_columns: bool = False, are_pairs: bool | None = None
) -> Cells:
    """Read the values of a template's one column.

    A label of the run is one label, also if it has blanks in it, and so is one that `bare` reads as the same. All
    other values that a mark parts into labels, or into indices of classes, are lists; and so are those of foreign ids
    with blanks between them, `w_23a388d w_9b5109b`. Other words, as `your answer here`, hold a place, and so does 0,5,
    if no value is such a number above 1.

    Args:
        values: They, blank ones too.
        labels: The run's, as the template spells accents.
        commas_part_columns: Whether 0,5 must have been quoted in the template, so that it may be two labels.
        are_pairs: Whether it is, if there are such labels or classes; None if that is not known.

    Raises:
        RequestError: If numbers in one are no labels: class and confidence, or boxes.
    """
    found = [value for value in dict.fromkeys(values) if value]
    reader = _Reader(found, labels, commas_part_columns, are_pairs)
    return Cells([reader.read(value) for value in found], labels)


class _Reader:
    def __init__(
        self, values: Sequence[str], labels: Sequence[str], commas_part_columns: bool, are_pairs: bool | None
    ) -> None:
        self._labels, self._near = frozenset(labels), frozenset(map(bare, labels))
        self._has_numbers = any(map(WHOLE.fullmatch, labels))
        self._side_by_side = {mark: SideBySide(labels, mark) for mark in MARKS}
        are_within_one = all(float(value.replace(",", ".")) <= 1 for value in values if _DECIMAL.fullmatch(value))
        self._are_pairs = are_pairs if are_pairs is not None else not are_within_one
        several = [numbers for value in values if len(numbers := _NUMBER.findall(value)) > 1]
        self._have_all_fractions = any(all("." in number for number in numbers) for numbers in several)
        self._commas_part_columns, self._may_be_numbers = commas_part_columns, are_within_one or not commas_part_columns

    def read(self, value: str) -> Cell:
        """What a value is."""
        if self._is_label(value):
            return Cell([value])
        if decimal := self._decimal(value):
            return decimal
        torn = [(mark, parts) for mark in MARKS if len(parts := parts_of(value, mark)) > 1]
        for mark, parts in torn:
            if self._are_classes(parts) and not (_is_one_again(parts) or self._is_measured(parts)):
                return Cell(parts, _written(value, mark))
        if bare(value) in self._near:
            return Cell([value])
        for mark, parts in torn:
            if not self._are_near(parts) and (found := self._side_by_side[mark].read(value)):
                return Cell(*found)
        for _, parts in torn:
            self._check_no_measures(value, parts)
        near = (Cell(parts, _written(value, mark)) for mark, parts in torn if self._are_near(parts))
        return next(near, None) or self._foreign(value)

    def _decimal(self, value: str) -> Cell | None:
        """A value as a number with a comma; None if it is none, or two labels or classes."""
        if not _DECIMAL.fullmatch(value):
            return None
        are_classes = self._are_classes(value.split(","))
        if self._are_pairs if are_classes else not self._may_be_numbers:
            return None
        return Cell([value], tells=False, is_mixed=are_classes and self._commas_part_columns, is_decimal=True)

    def _foreign(self, value: str) -> Cell:
        """What a value is whose words are not all labels."""
        inner = _WORD.findall(value)
        if len(inner) > 1 and all(map(self._is_label, inner)) and not NUMBER.fullmatch(value):  # cat/dog
            return Cell([value], tells=False, is_mixed=True)
        words = value.split()
        known = {word for word in words if self._is_label(word)}
        ids = [word for word in words if word in known or _OF_AN_ID.search(word)]
        if any(mark in value for mark in _VISIBLE) or not ids:
            return Cell([value], tells=False)
        if len(ids) == len(words):
            return Cell(words, " " if len(words) > 1 else "")
        is_prose = not known and all(map(WHOLE.fullmatch, ids))  # Type 1
        return Cell([value] if is_prose else words, tells=False, is_mixed=not is_prose)

    def _check_no_measures(self, value: str, parts: Sequence[str]) -> None:
        """Refuse numbers beside a label, and such as can be no best labels: fractions, or one that is there again."""
        numbers = [part for part in parts if NUMBER.fullmatch(part)]
        foreign = [number for number in numbers if not self._is_label(number)]
        names = [part for part in parts if not NUMBER.fullmatch(part)]
        are_fractions = not all(map(WHOLE.fullmatch, foreign))
        are_behind = not self._has_numbers and bool(foreign) and self._is_named(names, foreign)
        if are_fractions or are_behind or _is_one_again(parts) or self._is_measured(parts):
            raise _measured(value)

    def _is_measured(self, parts: Sequence[str]) -> bool:
        """Whether a number has a fraction of nought beside a label or number that has none: 8815 1.0."""
        of_class = [part for part in parts if WHOLE.fullmatch(part) or self._is_label(part)]
        with_fraction = [part for part in of_class if without_fraction(part) != part and part not in self._labels]
        return not self._have_all_fractions and 0 < len(with_fraction) < len(of_class)

    def _is_named(self, names: Sequence[str], numbers: Sequence[str]) -> bool:
        """Whether what stands before numbers is the label or the class that they are of, and no word such as Type."""
        return any(map(self._is_label, names)) or len(numbers) > len(names) > 0

    def _is_label(self, text: str) -> bool:
        return is_label(text, self._labels)

    def _are_near(self, parts: Sequence[str]) -> bool:
        return self._near.issuperset(map(bare, parts))

    def _are_classes(self, parts: Collection[str]) -> bool:
        return all(_is_index(part, self._labels) for part in parts) or all(map(self._is_label, parts))


def _is_index(text: str, labels: Collection[str]) -> bool:
    return class_index(text, len(labels)) is not None


def _measured(value: str) -> RequestError:
    return RequestError(
        f"Expected one label in a row of `template`, or a list of labels; received {value!r}, whose numbers are more "
        "than these: a confidence or a box. A label with its confidence is in the run's predictions, as `label` and "
        "`probability`; boxes are none of a run's answers."
    )


def _is_one_again(parts: Sequence[str]) -> bool:
    """Whether one of several numbers is there again, and another is not: 14 1 0 0 1 1."""
    numbers = [without_fraction(part) for part in parts if WHOLE.fullmatch(part)]
    return 1 < len(set(numbers)) < len(numbers)


def _written(value: str, mark: str) -> str:
    """The first mark in a value as it is written, with the blanks around it: `, ` of `a, b`."""
    if not mark.strip():
        return " "
    start = value.index(mark)
    before, behind = value[:start], value[start + 1 :]
    return " " * (len(before) - len(before.rstrip())) + mark + " " * (len(behind) - len(behind.lstrip()))
