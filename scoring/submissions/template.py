"""A competition's `sample_submission.csv`: the ids that it wants, in its order, and the shape of the answers."""

import csv
import io
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Literal, TypeAlias

from scoring.errors import RequestError
from scoring.sources.csv_table import read_csv
from scoring.sources.several_labels import MARKS, parts_of
from scoring.sources.spelling import composed
from scoring.storage.locations import Location
from scoring.storage.reading import read_range

NUMBER = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
WHOLE = re.compile(r"([0-9]+)(?:\.0*)?")  # also 1.0, as pandas writes 1 beside an empty cell
_FRACTION = re.compile(r"[0-9]*\.[0-9]+").fullmatch  # 0.5 is no id
_Form: TypeAlias = Literal["NFC", "NFD"]
_OTHER: dict[_Form, _Form] = {"NFC": "NFD", "NFD": "NFC"}


@dataclass(frozen=True)
class Template:
    """What a template holds.

    Attributes:
        source: Where it lies.
        header: Names of all columns; the first is that of the ids.
        ids: One for each row, as they are spelled, none twice.
        answers: What each row has in the other columns, without spaces around it, in one spelling of accents.
        delimiter: What stands between columns.
        spellings: Of answers with accents and the words in them, how they are really spelled, by that one spelling and
            by their own.
    """

    source: Location
    header: tuple[str, ...]
    ids: tuple[str, ...]
    answers: tuple[tuple[str, ...], ...]
    delimiter: str
    spellings: Mapping[str, str] = field(default_factory=dict)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns to fill, without spaces around them."""
        return tuple(name.strip() for name in self.header[1:])

    def spelled(self, labels: Sequence[str]) -> list[str]:
        """Labels as the answers spell them, with accents as one character or two; those that none is, as others are."""
        form = self._form()
        return [self.spellings.get(label) or self.spellings.get(composed(label)) or form(label) for label in labels]

    def _form(self) -> Callable[[str], str]:
        """How to write a label that no answer is: with accents as all answers have them, where these tell."""
        are_composed = any(_is_in("NFC", text) for text in self.spellings.values())
        are_decomposed = any(_is_in("NFD", text) for text in self.spellings.values())
        if are_composed == are_decomposed:
            return lambda label: label
        form: _Form = "NFC" if are_composed else "NFD"
        return lambda label: unicodedata.normalize(form, label) if _is_in(_OTHER[form], label) else label

    def may_lack_header(self, labels: Sequence[str]) -> bool:
        """Whether the first line may be a row: all its columns are numbers, labels, or what other rows have."""
        answers = {*map(composed, labels), *chain.from_iterable(self.answers)}
        return all(
            NUMBER.fullmatch(name) or name in answers or all(word in answers for word in name.split())
            for name in map(composed, self.columns)
        )

    def begins(self, file: Location) -> bool:
        """Whether a file begins as this template does once it is filled; raises OSError if it cannot be read."""
        header = Template(self.source, self.header, (), (), self.delimiter).filled(()).encode()
        return read_range(file, 0, len(header)) == header

    def filled(self, answers: Iterable[Sequence[str]]) -> str:
        """The same table with other answers, one sequence for each row."""
        text = io.StringIO(newline="")
        plain, quoted = (
            csv.writer(text, delimiter=self.delimiter, lineterminator="\n", quoting=how)
            for how in (csv.QUOTE_MINIMAL, csv.QUOTE_ALL)
        )
        plain.writerow(self.header)
        for one, given in zip(self.ids, answers, strict=True):
            writer = quoted if "\r" in one else plain  # which takes it for no end of a line, as readers do
            writer.writerow([one, *given])
        return text.getvalue()


def read_template(source: Location) -> Template:
    """Read a template: a CSV file, or one in a zip, such as `bundle.zip/sample_submission.csv`.

    Raises:
        RequestError: If it is no table with ids and at least one other column, or has an id twice.
    """
    table = read_csv(source, "template", "a competition's sample_submission.csv")
    header, rows = table.header, table.rows
    if not rows or len(header) < 2:
        raise RequestError(
            f"Expected `template` to have ids, at least one other column, and rows; {source} has not. It is the "
            "competition's sample_submission.csv."
        )
    ids, answers = tuple(row[0] for row in rows), tuple(_stripped(row[1:]) for row in rows)
    template = Template(source, header, ids, answers, table.delimiter, _spellings(rows))
    _check_unique(template.columns, "column", source)
    _check_ids(template)
    return template


def first_twice(values: Iterable[str]) -> str | None:
    """The first value that was there before; None if all differ."""
    seen: set[str] = set()
    for value in values:
        if value in seen:
            return value
        seen.add(value)
    return None


def _stripped(row: Sequence[str]) -> tuple[str, ...]:
    return tuple(composed(value.strip()) for value in row)


def _spellings(rows: Sequence[Sequence[str]]) -> dict[str, str]:
    accented = dict.fromkeys(value.strip() for row in rows for value in row[1:] if not value.isascii())
    parts = {value: [part for mark in MARKS for part in parts_of(value, mark)] for value in accented}
    texts = [text for value in accented for text in (value, *parts[value])]
    return {composed(text): text for text in reversed(texts)} | {text: text for text in texts}


def _is_in(form: _Form, text: str) -> bool:
    """Whether a text is in one form alone: without accents it is in both, with letters such as U+212B in neither."""
    return unicodedata.is_normalized(form, text) and not unicodedata.is_normalized(_OTHER[form], text)


def without_fraction(value: str) -> str:
    """1 of 1.0; what is no whole number as it is."""
    return match[1] if (match := WHOLE.fullmatch(value)) else value


def _check_unique(values: Sequence[str], what: str, source: Location) -> None:
    if (twice := first_twice(values)) is not None:
        raise RequestError(f"Expected every {what} of `template` once; {source} has {twice!r} more than once.")


def _check_ids(template: Template) -> None:
    try:
        _check_unique(template.ids, "id", template.source)
    except RequestError as error:
        columns = zip(template.header[1:], zip(*template.answers, strict=True), strict=True)
        other = next(
            (name for name, values in columns if first_twice(values) is None and not any(map(_FRACTION, values))), None
        )
        advice = f" Ids are in its first column; put {other!r} first if it has them." if other else ""
        raise RequestError(f"{error}{advice}") from None
