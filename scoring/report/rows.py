"""Read predictions for a report: the numbers of many rows, the names of a few."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from scoring.arrays import Float32Array
from scoring.quality.drawn_rows import draw_rows
from scoring.quality.evaluation import true_classes
from scoring.run.predictions import ERROR, NOT_A_NUMBER, OK, TOP_K
from scoring.storage.locations import Location, readable

_NUMBERS = ("status", "target", "class_index", "probability")
LEAST_OF_A_LABEL = 0.5  # probability from which on an image is said to have a label that stands by itself
_MAX_UNREADABLE = 100  # that a report lists; it counts all of them
_SEED = 0


@dataclass(frozen=True)
class ScoredRows:
    """Readable images of one or many predictions files, in numbers.

    Attributes:
        files: The predictions files.
        numbers: One row per image: `file` (index into `files`), `row` (in that file), `predicted` (the most likely
            class), `truth` (the true class; -1 for none, or one that the model does not know), `has_target`,
            `probability` (of the most likely class), `in_top` (whether the true class is among the five most likely).
        probabilities: All classes' probabilities, shape (num_images, num_classes); None where they are not stored.
        by_label: The same where every label stands by itself, so that an image may be said to have several of them, or
            none; None where it is said to have its most likely one.
        num_not_drawn: Further readable images of these files.
    """

    files: Sequence[Location]
    numbers: pd.DataFrame
    probabilities: Float32Array | None
    by_label: Float32Array | None = None
    num_not_drawn: int = 0

    def column(self, name: str) -> npt.NDArray[np.int64]:
        """One of the whole-number columns, shape (num_images,)."""
        return self.numbers[name].to_numpy(np.int64)

    @property
    def probability(self) -> Float32Array:
        """Each image's most likely class' probability, shape (num_images,)."""
        return self.numbers["probability"].to_numpy(np.float32)

    @property
    def is_labelled(self) -> bool:
        """Whether the truth is known of any image."""
        return bool((self.column("truth") >= 0).any())

    @property
    def num_unknown(self) -> int:
        """How many images have a target that the model does not know."""
        return int((self.numbers["has_target"].to_numpy() & (self.column("truth") < 0)).sum())

    @property
    def num_unlabelled(self) -> int:
        """How many images have no target."""
        return int((~self.numbers["has_target"].to_numpy(bool)).sum())

    def with_labels_by_themselves(self) -> "ScoredRows":
        """The same of a model whose labels stand by themselves: one class tells neither the truth nor what is said."""
        return replace(self, numbers=self.numbers.assign(truth=-1, has_target=False), by_label=self.probabilities)

    def has(self, label: int) -> npt.NDArray[np.bool_]:
        """Which images are said to have a label, shape (num_images,)."""
        had: npt.NDArray[np.bool_] = self.column("predicted") == label
        return had if self.by_label is None else self.by_label[:, label] >= LEAST_OF_A_LABEL

    def num_having(self, num_labels: int) -> npt.NDArray[np.int64]:
        """How many images are said to have each label, shape (num_labels,)."""
        having: npt.NDArray[np.int64] = (
            np.bincount(self.column("predicted"), minlength=num_labels)
            if self.by_label is None
            else np.count_nonzero(self.by_label >= LEAST_OF_A_LABEL, axis=0)
        )
        return having

    @property
    def num_without(self) -> int:
        """How many images are said to have no label at all."""
        return 0 if self.by_label is None else int((self.by_label < LEAST_OF_A_LABEL).all(axis=1).sum())

    def probability_of(self, label: int) -> Float32Array:
        """The probability of a label, shape (num_images,); for images that are said to have it."""
        return self.probability if self.by_label is None else self.by_label[:, label]

    @property
    def sureness(self) -> Float32Array:
        """What is the lowest of the images of which the model is least sure, shape (num_images,)."""
        return self.probability if self.by_label is None else np.abs(self.by_label - LEAST_OF_A_LABEL).min(axis=1)

    def known(self) -> "ScoredRows":
        """The images whose truth is known."""
        known = self.column("truth") >= 0
        probabilities = None if self.probabilities is None else self.probabilities[known]
        return ScoredRows(self.files, self.numbers[known], probabilities)


@dataclass(frozen=True)
class Unreadable:
    """Images without scores.

    Attributes:
        reasons: Why, and how many; the most frequent first.
        files: Name and reason of the first of them.
        num_labelled: How many have a target.
    """

    reasons: Mapping[str, int]
    files: Sequence[tuple[str, str]]
    num_labelled: int = 0

    @property
    def num_read(self) -> int:
        """How many of them could be read, and got no numbers from the model."""
        return self.reasons.get(NOT_A_NUMBER, 0)


def read_rows(
    files: Sequence[Location], labels: Sequence[str], has_vectors: bool = True, share: float = 1.0
) -> ScoredRows:
    """Read the numbers of every row, or of some of each file; the texts of one file at a time.

    Args:
        files: Predictions files; at least one.
        labels: One name per class, in class order.
        has_vectors: Whether all probabilities are stored.
        share: Of each file's readable images, at most 1; see `rows_of_file`.

    Raises:
        OSError: If a file cannot be read.
        pyarrow.ArrowException: If it is damaged.
        ValueError: If its columns do not fit the labels.
    """
    parts = [_read_file(index, path, labels, has_vectors, share) for index, path in enumerate(files)]
    vectors = [part.probabilities for part in parts if part.probabilities is not None]
    return ScoredRows(
        files=files,
        numbers=pd.concat([part.numbers for part in parts], ignore_index=True),
        probabilities=np.concatenate(vectors) if vectors else None,
        num_not_drawn=sum(part.num_not_drawn for part in parts),
    )


def rows_of_file(num_rows: int, share: float, file_index: int) -> npt.NDArray[np.int64]:
    """Draw a share of a file's rows, always the same of them; see `draw_rows`.

    Neighbours are often of one class: some rows of every file say more than all rows of some.
    """
    return draw_rows(num_rows, share, np.random.default_rng([_SEED, file_index]))


def _read_file(index: int, path: Location, labels: Sequence[str], has_vectors: bool, share: float) -> ScoredRows:
    has_ranks = len(labels) > TOP_K
    wanted = [*_NUMBERS, *(["probabilities"] if has_vectors else []), *(["top_labels"] if has_ranks else [])]
    table = pq.read_table(readable(path), columns=wanted, page_checksum_verification=True)
    is_ok = pc.equal(table["status"], OK)
    readable_rows = np.flatnonzero(is_ok.to_numpy())
    row = readable_rows[rows_of_file(len(readable_rows), share, index)]
    table = table.take(pa.array(row))
    targets = table["target"].to_pylist()
    truth = true_classes(targets, labels)
    numbers = pd.DataFrame(
        {
            "file": np.full(len(row), index),
            "row": row,
            "predicted": table["class_index"].to_numpy(),
            "truth": truth,
            "has_target": np.array([target is not None for target in targets], dtype=bool),
            "probability": table["probability"].to_numpy(),
            "in_top": _in_top(table["top_labels"], truth, labels) if has_ranks else np.ones(len(row), dtype=bool),
        }
    )
    vectors = _vectors(table["probabilities"], len(labels)) if has_vectors else None
    return ScoredRows([path], numbers, vectors, num_not_drawn=len(readable_rows) - len(row))


def _in_top(top_labels: pa.ChunkedArray, truth: npt.NDArray[np.int64], labels: Sequence[str]) -> npt.NDArray[np.bool_]:
    pairs = zip(top_labels.to_pylist(), truth, strict=True)
    return np.array([index >= 0 and labels[index] in ranked for ranked, index in pairs], dtype=bool)


def _vectors(column: pa.ChunkedArray, num_classes: int) -> Float32Array:
    flat: Float32Array = column.combine_chunks().flatten().to_numpy(zero_copy_only=False).astype(np.float32)
    return flat.reshape(len(column), num_classes)


def read_unreadable(files: Sequence[Location], are_known_by_id: bool = False) -> Unreadable:
    """Count the images without scores, by reason, and name the first; raises as `read_rows` does.

    Args:
        files: Files of predictions, or of features.
        are_known_by_id: Name them by their ids, and not by their paths.
    """
    name = "image_id" if are_known_by_id else "path"
    counts: Counter[str] = Counter()
    first: list[tuple[str, str]] = []
    num_labelled = 0
    for path in files:
        is_error = pc.field("status") == ERROR
        table = pq.read_table(
            readable(path), columns=[name, "error_message", "target"], filters=is_error, page_checksum_verification=True
        )
        reasons = [reason or "no reason given" for reason in table["error_message"].to_pylist()]
        counts.update(reasons)
        num_labelled += len(table) - table["target"].null_count
        room = _MAX_UNREADABLE - len(first)
        first += zip(table[name].slice(0, room).to_pylist(), reasons[:room], strict=True)
    reasons_by_count = dict(sorted(counts.items(), key=lambda reason: (-reason[1], reason[0])))
    return Unreadable(reasons_by_count, first, num_labelled)
