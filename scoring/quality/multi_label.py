"""How good probabilities are where every label stands by itself: several of them, or none, may be true of an image."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scoring.arrays import Float32Array
from scoring.quality.certainty import kept_uncertain
from scoring.quality.label_matching import label_matcher
from scoring.sources.labels_file import FLAGS
from scoring.sources.several_labels import AS_NAMES, NO_LABEL, parts_of

_BETWEEN = ",|; "  # the labels of one image: a folder `cat,dog`, a value `cat dog` in a file of labels
WITHOUT_TARGET = f"without a label; one that is known to have none needs the label {NO_LABEL!r}"


@dataclass(frozen=True)
class LabelEvaluation:
    """One label's probabilities against the truth.

    Attributes:
        num_images: Images that have it.
        log_loss: Mean over all images of -ln of the probability of what is true, kept 1e-7 from 0 and 1.
        roc_auc: Area under its ROC curve; None if all images have it, or none.
    """

    num_images: int
    log_loss: float
    roc_auc: float | None


@dataclass(frozen=True)
class MultiLabelEvaluation:
    """A model's probabilities of labels that stand by themselves against the truth.

    Attributes:
        num_images: Images with both.
        log_loss: The labels' mean log loss.
        roc_auc: The mean over labels that have one; None if none has.
        labels: Each label's, in class order.
    """

    num_images: int
    log_loss: float
    roc_auc: float | None
    labels: tuple[LabelEvaluation, ...]


def told_of_flags(unknown: Sequence[str]) -> str:
    """In words, in brackets, what labels that a model does not know may be if all are 0 or 1; else empty."""
    if not all(label.casefold() in FLAGS for label in unknown):
        return ""
    return f" (if these say whether one label is true, name a column with {AS_NAMES})"


def evaluate_labels(probabilities: Float32Array, truth: npt.NDArray[np.bool_]) -> MultiLabelEvaluation:
    """Measure a model.

    Args:
        probabilities: Shape (num_images, num_labels); at least one row.
        truth: What is true of each image, shape (num_images, num_labels).
    """
    labels = tuple(_evaluate(said, is_true) for said, is_true in zip(probabilities.T, truth.T, strict=True))
    areas = [label.roc_auc for label in labels if label.roc_auc is not None]
    return MultiLabelEvaluation(
        num_images=len(truth),
        log_loss=float(np.mean([label.log_loss for label in labels])),
        roc_auc=float(np.mean(areas)) if areas else None,
        labels=labels,
    )


def _evaluate(said: Float32Array, is_true: npt.NDArray[np.bool_]) -> LabelEvaluation:
    from sklearn.metrics import roc_auc_score

    of_truth = np.where(is_true, said, 1 - said).astype(np.float64)
    log_loss = -np.log(kept_uncertain(of_truth)).mean()
    has_both = is_true.any() and not is_true.all()
    return LabelEvaluation(
        int(is_true.sum()), float(log_loss), float(roc_auc_score(is_true, said)) if has_both else None
    )


def unknown_targets(targets: Sequence[str | None], match: Callable[[str], int | None]) -> list[str]:
    """Those of the targets that are no labels, as often as they occur; see `true_labels` and `label_matcher`."""
    told = _told(targets, match)
    return [target for target in targets if target is not None and told[target] is None]


def true_labels(targets: Iterable[str | None], labels: Sequence[str]) -> dict[str, frozenset[int] | None]:
    """The classes that each target says are true of an image; None of no label, and not several with a mark.

    `none` is the target of an image that has no label, unless it is one.
    """
    return _told(targets, label_matcher(labels))


def _told(targets: Iterable[str | None], match: Callable[[str], int | None]) -> dict[str, frozenset[int] | None]:
    return {target: _truth(target, match) for target in set(targets) if target is not None}


def _truth(target: str, match: Callable[[str], int | None]) -> frozenset[int] | None:
    for words in ([target.strip()], *(parts_of(target, mark) for mark in _BETWEEN)):
        found = [match(word) for word in words]
        known = [index for index in found if index is not None]
        if known and len(known) == len(found):
            return frozenset(known)
    return frozenset() if target.strip().casefold() == NO_LABEL else None
