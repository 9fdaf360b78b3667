"""Photos whose label is probably wrong, by what a model that has not learned from them says.

Found by confident learning and ranked by self-confidence, both by thresholds of each class, as cleanlab does it
(`find_label_issues` with `filter_by="confident_learning"`, `adjust_pred_probs=True`).

Source: Northcutt, Jiang and Chuang, "Confident Learning", JAIR 70, 2021, arXiv:1911.00068; Kuan and Mueller,
"Model-agnostic label quality scoring", 2022.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

from scoring.arrays import Float32Array

T = TypeVar("T")
_NEVER = 2.0  # more than any probability


@dataclass(frozen=True)
class LabelIssue(Generic[T]):
    """A photo whose label is probably wrong.

    Attributes:
        photo: Which one, as the caller calls it.
        given: The class of its label.
        likely: The most probable class, as cleanlab suggests it (`predicted_label`); not the one that reached its
            threshold, which everything reaches of a class whose own photos the model hardly recognises.
        quality: How much speaks for its label, 0 to 1.
    """

    photo: T
    given: int
    likely: int
    quality: float


def find_label_issues(
    photos: Sequence[T], labels: npt.NDArray[np.int64], probabilities: Float32Array
) -> list[LabelIssue[T]]:
    """Find photos whose label is probably wrong, the worst first.

    Args:
        photos: What to call each photo: ids, paths or row numbers.
        labels: The class of each photo's label, shape (num_photos,).
        probabilities: Probability of each class, by a model that has not learned from that photo (out of fold, or
            of photos kept for validation), shape (num_photos, num_classes).
    """
    return _ranked(photos, labels, probabilities, _are_issues(labels, probabilities))


def find_doubts(photos: Sequence[T], labels: npt.NDArray[np.int64], probabilities: Float32Array) -> list[LabelIssue[T]]:
    """Find further photos of which another label is more likely, the worst first; none is surely right.

    Where labels are noisy a model is less sure of anything, and a fifth of the wrong ones are found only here. For
    arguments see `find_label_issues`.
    """
    doubted = _is_another_likelier(labels, probabilities)
    return _ranked(photos, labels, probabilities, doubted & ~_are_issues(labels, probabilities))


def _is_another_likelier(labels: npt.NDArray[np.int64], probabilities: Float32Array) -> npt.NDArray[np.bool_]:
    """Whether any class has a higher probability than the label's, shape (num_photos,); one as high says nothing."""
    likelier: npt.NDArray[np.bool_] = probabilities[np.arange(len(labels)), labels] < probabilities.max(axis=1)
    return likelier


def _are_issues(labels: npt.NDArray[np.int64], probabilities: Float32Array) -> npt.NDArray[np.bool_]:
    """Whether another class reaches its threshold and one is more likely than the label, shape (num_photos,)."""
    likely = _confident_classes(probabilities, _thresholds(labels, probabilities))
    issues: npt.NDArray[np.bool_] = (likely >= 0) & (likely != labels) & _is_another_likelier(labels, probabilities)
    return issues


def _ranked(
    photos: Sequence[T], labels: npt.NDArray[np.int64], probabilities: Float32Array, chosen: npt.NDArray[np.bool_]
) -> list[LabelIssue[T]]:
    """Some of the photos, by how little speaks for their label."""
    likely = probabilities.argmax(axis=1)
    quality = label_quality(labels, probabilities)
    rows = np.flatnonzero(chosen)
    return [
        LabelIssue(photos[row], int(labels[row]), int(likely[row]), float(quality[row]))
        for row in rows[np.argsort(quality[rows], kind="stable")]
    ]


def label_quality(labels: npt.NDArray[np.int64], probabilities: Float32Array) -> npt.NDArray[np.float64]:
    """How much speaks for each label, 0 to 1, shape (num_photos,).

    It is the label's probability, adjusted by the classes' thresholds: where the model is seldom sure of a class, a low
    probability says less against it.
    """
    thresholds = _thresholds(labels, probabilities)
    adjusted = probabilities - thresholds + thresholds.max()
    own: npt.NDArray[np.float64] = adjusted[np.arange(len(labels)), labels] / adjusted.sum(axis=1)
    return own


def _thresholds(labels: npt.NDArray[np.int64], probabilities: Float32Array) -> npt.NDArray[np.float64]:
    """The mean probability of each class over the photos labelled so; nothing reaches that of a class without any."""
    own = [probabilities[labels == index, index] for index in range(probabilities.shape[1])]
    return np.array([values.mean(dtype=np.float64) if len(values) else _NEVER for values in own])


def _confident_classes(probabilities: Float32Array, thresholds: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """The class that reaches its threshold, shape (num_photos,); -1 where none does, the most likely where several."""
    reached = probabilities >= thresholds - 1e-6
    best = np.where(reached.sum(axis=1) > 1, probabilities.argmax(axis=1), reached.argmax(axis=1))
    return np.where(reached.any(axis=1), best, -1)
