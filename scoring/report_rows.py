"""Read predictions for a report: the numbers of many rows, the names of a few."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from scoring.arrays import Float32Array
from scoring.evaluation import true_classes
from scoring.predictions import ERROR, MAX_FULL_VECTOR, OK, TOP_K

_NUMBERS = ("status", "target", "class_index", "probability")
_MAX_UNREADABLE = 100  # that a report lists; it counts all of them


@dataclass(frozen=True)
class ScoredRows:
    """Readable images of one or many predictions files, in numbers.

    Attributes:
        files: The predictions files.
        numbers: One row per image: `file` (index into `files`), `row` (in that file), `predicted` (the most likely
            class), `truth` (the true class; -1 for none, or one that the model does not know), `has_target`,
            `probability` (of the most likely class), `in_top` (whether the true class is among the five most likely).
        probabilities: Of every class, shape (num_images, num_classes); None where they are not stored.
        reasons: Why images were unreadable, and how many; the most frequent first.
        unreadable: Path and reason of the first of them.
    """

    files: Sequence[Path]
    numbers: pd.DataFrame
    probabilities: Float32Array | None
    reasons: Mapping[str, int]
    unreadable: Sequence[tuple[str, str]]

    def column(self, name: str) -> npt.NDArray[np.int64]:
        """One of the whole-number columns, shape (num_images,)."""
        return self.numbers[name].to_numpy(np.int64)

    @property
    def probability(self) -> Float32Array:
        """Of the most likely class, shape (num_images,)."""
        return self.numbers["probability"].to_numpy(np.float32)

    @property
    def is_labelled(self) -> bool:
        """Whether the truth is known of any image."""
        return bool((self.column("truth") >= 0).any())

    @property
    def num_unknown(self) -> int:
        """How many images have a target that the model does not know."""
        return int((self.numbers["has_target"].to_numpy() & (self.column("truth") < 0)).sum())

    def known(self) -> "ScoredRows":
        """The images whose truth is known."""
        known = self.column("truth") >= 0
        probabilities = None if self.probabilities is None else self.probabilities[known]
        return ScoredRows(self.files, self.numbers[known], probabilities, self.reasons, self.unreadable)


class _Part(NamedTuple):
    numbers: pd.DataFrame
    probabilities: Float32Array | None
    reasons: Counter[str]
    unreadable: list[tuple[str, str]]


def read_rows(files: Sequence[Path], labels: Sequence[str]) -> ScoredRows:
    """Read the numbers of every row; the texts of one file at a time.

    Args:
        files: Predictions files; at least one.
        labels: One name per class, in class order.

    Raises:
        OSError: If a file cannot be read.
        pyarrow.ArrowException: If it is damaged.
        ValueError: If its columns do not fit the labels.
    """
    parts = [_read_file(index, path, labels) for index, path in enumerate(files)]
    vectors = [part.probabilities for part in parts if part.probabilities is not None]
    reasons: Counter[str] = sum((part.reasons for part in parts), Counter())
    return ScoredRows(
        files=files,
        numbers=pd.concat([part.numbers for part in parts], ignore_index=True),
        probabilities=np.concatenate(vectors) if vectors else None,
        reasons=dict(sorted(reasons.items(), key=lambda reason: (-reason[1], reason[0]))),
        unreadable=[row for part in parts for row in part.unreadable][:_MAX_UNREADABLE],
    )


def _read_file(index: int, path: Path, labels: Sequence[str]) -> _Part:
    has_vectors, has_ranks = len(labels) <= MAX_FULL_VECTOR, len(labels) > TOP_K
    wanted = [*_NUMBERS, *(["probabilities"] if has_vectors else []), *(["top_labels"] if has_ranks else [])]
    table = pq.read_table(path, columns=wanted)
    is_ok = pc.equal(table["status"], OK)
    row = np.flatnonzero(is_ok.to_numpy())
    table = table.filter(is_ok)
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
    return _Part(numbers, vectors, *_read_errors(path, len(is_ok) - len(row)))


def _in_top(top_labels: pa.ChunkedArray, truth: npt.NDArray[np.int64], labels: Sequence[str]) -> npt.NDArray[np.bool_]:
    pairs = zip(top_labels.to_pylist(), truth, strict=True)
    return np.array([index >= 0 and labels[index] in ranked for ranked, index in pairs], dtype=bool)


def _vectors(column: pa.ChunkedArray, num_classes: int) -> Float32Array:
    flat: Float32Array = column.combine_chunks().flatten().to_numpy(zero_copy_only=False).astype(np.float32)
    return flat.reshape(len(column), num_classes)


def _read_errors(path: Path, num_errors: int) -> tuple[Counter[str], list[tuple[str, str]]]:
    """How often each reason was given in one file, and the first images that have one."""
    if not num_errors:
        return Counter(), []
    table = pq.read_table(path, columns=["path", "error_message"], filters=pc.field("status") == ERROR)
    reasons = [reason or "no reason given" for reason in table["error_message"].to_pylist()]
    paths = table["path"].slice(0, _MAX_UNREADABLE).to_pylist()
    return Counter(reasons), list(zip(paths, reasons, strict=False))
