"""What the columns of a template are filled with: probabilities, the best class, or a list of classes."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from scoring.arrays import Float32Array
from scoring.errors import RequestError
from scoring.run.predictions import MAX_FULL_VECTOR, TOP_K
from scoring.run.record import RunRecord
from scoring.run.wording import some
from scoring.sources.several_labels import parts_of
from scoring.sources.spelling import composed
from scoring.storage.redaction import brief
from scoring.submissions.template import WHOLE, without_fraction

_MAX_DIGITS = 18  # of an index, so that Python reads it
_NUMBER = "%.9g"  # as many digits as tell every float32 from its neighbours


def spelled(probability: float, clip: float) -> str:
    """A probability as it is written: kept within [clip, 1 - clip], which rounding does not undo."""
    within = min(max(probability, clip), 1 - clip)
    short = _NUMBER % within
    return short if clip <= float(short) <= 1 - clip else repr(within)


class Answers(Protocol):
    """Fills the columns of a template.

    Attributes:
        needs: The columns of predictions that it reads.
        holds: What it fills in, in words.
    """

    @property
    def needs(self) -> Sequence[str]: ...  # noqa: D102

    @property
    def holds(self) -> str: ...  # noqa: D102

    def fill(self, table: pa.Table) -> list[tuple[str, ...]]:
        """The answers of each row; every image of the table has been scored."""
        ...

    def unread(self, given: Sequence[str], fallback: float) -> tuple[str, ...] | None:
        """The answers of an unreadable image, of which the template has some; None if these only hold a place."""
        ...


@dataclass(frozen=True)
class Probabilities:
    """The probability of one class in each column.

    Attributes:
        classes: Index of each column's class.
        labels: The run's.
        clip: They are kept within [clip, 1 - clip].
    """

    classes: tuple[int, ...]
    labels: Sequence[str]
    clip: float = 0.0
    needs: Sequence[str] = ("probabilities",)

    @property
    def holds(self) -> str:
        """What a row holds, in words."""
        [first, *others] = [self.labels[index] for index in self.classes]
        return f"the probabilities of {1 + len(others)} classes" if others else f"the probability of {first}"

    def fill(self, table: pa.Table) -> list[tuple[str, ...]]:
        """See `Answers`."""
        chosen = _vectors(table, len(self.labels))[:, list(self.classes)].astype(np.float64)
        return [self.spelled(row) for row in chosen]

    def unread(self, given: Sequence[str], fallback: float) -> tuple[str, ...] | None:
        """See `Answers`."""
        return self.spelled([fallback] * len(given))

    def spelled(self, probabilities: Sequence[float]) -> tuple[str, ...]:
        """Probabilities as they are written, within the clip."""
        return tuple(spelled(float(value), self.clip) for value in probabilities)


@dataclass(frozen=True)
class _Classes:
    """Classes by their labels, or indices."""

    labels: Sequence[str]
    as_index: bool

    @cached_property
    def _index(self) -> dict[str, int]:
        return {composed(label): number for number, label in enumerate(self.labels)}

    def _named_by(self, values: Sequence[str]) -> list[int] | None:
        """The classes that values of a template name; None if one of them names none."""
        classes = [
            class_index(value, len(self.labels))
            if self.as_index
            else self._index.get(value, self._index.get(without_fraction(value)))
            for value in values
        ]
        named = [number for number in classes if number is not None]
        return named if len(named) == len(classes) else None


@dataclass(frozen=True)
class Best(_Classes):
    """The most likely class: its label, or its index."""

    needs: Sequence[str] = ("class_index",)

    @property
    def holds(self) -> str:
        """What a row holds, in words."""
        return f"the index of the best class: {_mapping(self.labels)}" if self.as_index else "the best label"

    def fill(self, table: pa.Table) -> list[tuple[str, ...]]:
        """See `Answers`."""
        return [_joined([index], self.labels, self.as_index) for index in table["class_index"].to_pylist()]

    def unread(self, given: Sequence[str], fallback: float) -> tuple[str, ...] | None:  # noqa: ARG002
        """See `Answers`."""
        classes = self._named_by(given)
        return None if classes is None else _joined(classes, self.labels, self.as_index)


@dataclass(frozen=True)
class OneOfTwo:
    """1 where the most likely of two classes is that one, and 0 where it is the other."""

    labels: Sequence[str]
    one: int
    needs: Sequence[str] = ("class_index",)

    @property
    def holds(self) -> str:
        """What a row holds, in words."""
        return f"1 for {brief(self.labels[self.one])} and 0 for {brief(self.labels[1 - self.one])}"

    def fill(self, table: pa.Table) -> list[tuple[str, ...]]:
        """See `Answers`."""
        return [(str(int(index == self.one)),) for index in table["class_index"].to_pylist()]

    def unread(self, given: Sequence[str], fallback: float) -> tuple[str, ...] | None:  # noqa: ARG002
        """See `Answers`."""
        number = class_index(given[0], len(self.labels))
        return None if number is None else (str(number),)


@dataclass(frozen=True)
class Ranked(_Classes):
    """The labels, or indices, of the most likely classes, the best first, with a mark between them."""

    count: int
    mark: str = " "

    def __post_init__(self) -> None:
        """Raise RequestError if there are not so many."""
        if self.count > len(self.labels):
            raise RequestError(
                f"Expected at most {len(self.labels)} labels in a row of `template`, as the run has; it has "
                f"{self.count}."
            )

    @property
    def needs(self) -> Sequence[str]:
        """See `Answers`."""
        return ("top_labels",) if self.count <= TOP_K else ("probabilities",)

    @property
    def holds(self) -> str:
        """What a row holds, in words."""
        return f"the best {self.count} {_named(self.labels, self.as_index, self.mark)}"

    def fill(self, table: pa.Table) -> list[tuple[str, ...]]:
        """See `Answers`."""
        if self.count > TOP_K:
            ranked = np.argsort(-_vectors(table, len(self.labels)), axis=1, kind="stable")[:, : self.count]
            return [_joined(row, self.labels, self.as_index, self.mark) for row in ranked]
        best = [row[: self.count] for row in table["top_labels"].to_pylist()]
        found = [[self._index[composed(label)] for label in row] for row in best]
        return [_joined(row, self.labels, self.as_index, self.mark) for row in found]

    def unread(self, given: Sequence[str], fallback: float) -> tuple[str, ...] | None:  # noqa: ARG002
        """See `Answers`."""
        classes = self._named_by(parts_of(given[0], self.mark))
        return _joined(classes, self.labels, self.as_index, self.mark) if classes else None


@dataclass(frozen=True)
class Above(_Classes):
    """The labels, or indices, of all classes of at least a probability, the best first; nothing if there is none."""

    threshold: float
    mark: str = " "
    needs: Sequence[str] = ("probabilities",)

    @property
    def holds(self) -> str:
        """What a row holds, in words."""
        return f"all {_named(self.labels, self.as_index, self.mark)} of a probability of at least {self.threshold:g}"

    def fill(self, table: pa.Table) -> list[tuple[str, ...]]:
        """See `Answers`."""
        vectors = _vectors(table, len(self.labels))
        ranked = np.argsort(-vectors, axis=1, kind="stable")
        at_least = np.float32(self.threshold)  # 0.9 is stored as the float32 just below it
        return [
            _joined(order[row[order] >= at_least], self.labels, self.as_index, self.mark)
            for order, row in zip(ranked, vectors, strict=True)
        ]

    def unread(self, given: Sequence[str], fallback: float) -> tuple[str, ...] | None:  # noqa: ARG002
        """See `Answers`."""
        classes = self._named_by(parts_of(given[0], self.mark))
        return None if classes is None else _joined(classes, self.labels, self.as_index, self.mark)


def class_index(text: str, num_classes: int) -> int | None:
    """The index of a class that a value of a template is, `2` or `2.0`; None if it is none."""
    match = WHOLE.fullmatch(text)
    if match is None or len(match[1]) > _MAX_DIGITS:
        return None
    index = int(match[1])
    return index if index < num_classes else None


def check_stored(answers: Answers, record: RunRecord) -> None:
    """Raise RequestError if answers need all labels' probabilities of a run that stores its best five alone."""
    if "probabilities" in answers.needs and not record.stores_vectors:
        raise RequestError(
            f"Expected a run with the probabilities of all labels for {answers.holds}; they are stored for at most "
            f"{MAX_FULL_VECTOR} labels; this run has {len(record.labels)} and keeps the best {TOP_K}. Score with "
            "`store_probabilities` all into another `output`, or with `overwrite`."
        )


def _vectors(table: pa.Table, num_labels: int) -> Float32Array:
    """All probabilities, shape (num_rows, num_labels)."""
    flat: Float32Array = pc.list_flatten(table["probabilities"]).to_numpy().astype(np.float32)
    return flat.reshape(-1, num_labels)


def _joined(classes: Sequence[int], labels: Sequence[str], as_index: bool, mark: str = " ") -> tuple[str, ...]:
    return (mark.join(str(index) if as_index else labels[index] for index in classes),)


def _named(labels: Sequence[str], as_index: bool, mark: str) -> str:
    parted = f" with {mark.strip()!r} between them" if mark.strip() else ""
    return f"class indices{parted} ({_mapping(labels)})" if as_index else f"labels{parted}"


def _mapping(labels: Sequence[str]) -> str:
    pairs = [f"{index} = {brief(label)}" for index, label in enumerate(labels)]
    return ", ".join(pairs) if len(pairs) <= MAX_FULL_VECTOR else some(pairs)
