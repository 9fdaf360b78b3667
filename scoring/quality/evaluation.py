"""How good probabilities are, against the truth: what `score`, `finetune` and `report` tell of a model."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from scoring.arrays import Float32Array
from scoring.quality.certainty import kept_uncertain
from scoring.quality.intervals import Interval, copies_interval
from scoring.quality.label_matching import label_matcher
from scoring.quality.multi_label import unknown_targets

_NUM_BINS = 10
_MAX_CONFUSION = 100  # labels: of 3,000 all pairs were 99 MB of JSON, three times in training.json
_NAMED = 5  # unknown labels that are kept


@dataclass(frozen=True)
class ReliabilityBin:
    """Images to which a model gave similar probabilities.

    Attributes:
        mean_probability: What the model said, on average.
        share_right: How often it came true.
        num_images: How many they are.
    """

    mean_probability: float
    share_right: float
    num_images: int


@dataclass(frozen=True)
class Evaluation:
    """A model's probabilities against the truth.

    Attributes:
        num_images: Images with both.
        accuracy: Share of images whose most likely label is the true one.
        accuracy_interval: 95% confidence interval of the accuracy.
        log_loss: Mean of -ln of the true label's probability, which is kept 1e-7 from 0 and 1.
        roc_auc: Area under the ROC curve. With two labels it is the second one's; with more, the mean over each label
            against the rest. None if a label has no image.
        confusion: Images by true label (rows) and most likely label (columns); None for over 100 labels.
        reliability: Ten bins of equal width, the empty left out. With two labels they divide the second one's
            probability; with more, the most likely label's.
    """

    num_images: int
    accuracy: float
    accuracy_interval: Interval
    log_loss: float
    roc_auc: float | None
    confusion: list[list[int]] | None
    reliability: list[ReliabilityBin]


def evaluate(
    probabilities: Float32Array,
    truth: npt.NDArray[np.int64],
    predicted: npt.NDArray[np.int64] | None = None,
    originals: npt.NDArray[np.int64] | None = None,
) -> Evaluation:
    """Measure a model.

    Args:
        probabilities: Shape (num_images, num_classes), each row summing to 1; at least one row.
        truth: True class indices, shape (num_images,).
        predicted: Class indices that were told of equal probabilities too, shape (num_images,); None takes the lowest.
        originals: A number for each image that it shares with its copies, or its group, alone, which the interval goes
            by; None where none are known.
    """
    if predicted is None:
        predicted = probabilities.argmax(axis=1)
    accuracy = float((predicted == truth).mean())
    photos = np.arange(len(truth)) if originals is None else originals
    return Evaluation(
        num_images=len(truth),
        accuracy=accuracy,
        accuracy_interval=copies_interval(accuracy, photos),
        log_loss=log_loss(probabilities, truth),
        roc_auc=_roc_auc(probabilities, truth),
        confusion=_confusion(truth, predicted, probabilities.shape[1]),
        reliability=_reliability(probabilities, truth),
    )


def log_loss(
    probabilities: Float32Array,
    truth: npt.NDArray[np.int64],
    clip: float | npt.NDArray[np.float64] | None = None,
    weights: npt.NDArray[np.float64] | None = None,
) -> float:
    """Mean of -ln of the true label's probability.

    With a clip, it is what Kaggle would find for a submission of these probabilities, each kept within
    [clip, 1 - clip]: of more than two labels a row is divided by its sum there.

    Args:
        probabilities: Shape (num_images, num_classes).
        truth: True class indices, shape (num_images,).
        clip: One for all, or one for each image; None keeps certainties finite and nothing else.
        weights: What each image counts for; None counts all alike.
    """
    images = np.arange(len(truth))
    if clip is None:
        of_truth = probabilities[images, truth].astype(np.float64)
        return float(-np.average(np.log(kept_uncertain(of_truth)), weights=weights))
    least = np.broadcast_to(clip, len(truth))[:, np.newaxis]
    kept = np.clip(probabilities.astype(np.float64), least, 1 - least)
    if kept.shape[1] > 2:
        kept /= kept.sum(axis=1, keepdims=True)
    return float(-np.average(np.log(kept[images, truth]), weights=weights))


def _confusion(
    truth: npt.NDArray[np.int64], predicted: npt.NDArray[np.int64], num_classes: int
) -> list[list[int]] | None:
    from sklearn.metrics import confusion_matrix

    if num_classes > _MAX_CONFUSION:
        return None
    counts: list[list[int]] = confusion_matrix(truth, predicted, labels=list(range(num_classes))).tolist()
    return counts


def _roc_auc(probabilities: Float32Array, truth: npt.NDArray[np.int64]) -> float | None:
    from sklearn.metrics import roc_auc_score

    if len(np.unique(truth)) < probabilities.shape[1]:
        return None
    if probabilities.shape[1] == 2:
        return float(roc_auc_score(truth == 1, probabilities[:, 1]))
    return float(np.mean([roc_auc_score(truth == index, column) for index, column in enumerate(probabilities.T)]))


def _reliability(probabilities: Float32Array, truth: npt.NDArray[np.int64]) -> list[ReliabilityBin]:
    if probabilities.shape[1] == 2:
        said, came_true = probabilities[:, 1], truth == 1
    else:
        said, came_true = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    return reliability_bins(said, came_true)


def reliability_bins(said: Float32Array, came_true: npt.NDArray[np.bool_]) -> list[ReliabilityBin]:
    """Compare what was said with what came true, in ten bins of equal width; the empty are left out.

    Args:
        said: Probabilities of something, shape (num_images,).
        came_true: Whether it was so, shape (num_images,).
    """
    number = np.minimum((said * _NUM_BINS).astype(int), _NUM_BINS - 1)
    return [
        ReliabilityBin(float(said[inside].mean()), float(came_true[inside].mean()), int(inside.sum()))
        for inside in (number == index for index in range(_NUM_BINS))
        if inside.any()
    ]


class RightCount:
    """Counts a run's readable rows by whether the model knows their target, and gave it; one shard at a time.

    Args:
        labels: One name per class, in class order.
        is_multi_label: Whether several may be true of an image: one label is neither right nor wrong then, and only the
            unknown are counted.

    Attributes:
        num_known: Readable rows with a known target.
        num_right: Those of them that have it as their label.
        num_unknown: Readable rows with another target.
        num_unlabelled: Readable rows without one.
        unknown: The first of these targets, each once, at most 5.
    """

    def __init__(self, labels: Sequence[str], is_multi_label: bool = False) -> None:
        self._match, self._is_multi_label = label_matcher(labels), is_multi_label
        self.num_known = self.num_right = self.num_unknown = self.num_unlabelled = 0
        self.unknown: list[str] = []

    def add(self, table: pa.Table) -> None:
        """Count the rows of a shard."""
        readable = table.filter(table["class_index"].is_valid())
        targets = readable["target"].to_pylist()
        self.num_unlabelled += targets.count(None)
        if self._is_multi_label:
            unknown = unknown_targets(targets, self._match)
        else:
            truth = _classes(targets, self._match)
            self.num_known += int((truth >= 0).sum())
            self.num_right += int((truth == readable["class_index"].to_numpy()).sum())
            unknown = [target for target, index in zip(targets, truth, strict=True) if target is not None and index < 0]
        self.num_unknown += len(unknown)
        self.unknown = list(dict.fromkeys([*self.unknown, *unknown]))[:_NAMED]


def true_classes(targets: Sequence[str | None], labels: Sequence[str]) -> npt.NDArray[np.int64]:
    """The class index of each target, -1 where there is none or the model does not know it."""
    return _classes(targets, label_matcher(labels))


def _classes(targets: Sequence[str | None], match: Callable[[str], int | None]) -> npt.NDArray[np.int64]:
    known = {target: match(target) for target in set(targets) if target is not None}
    found = [known.get(target) if target is not None else None for target in targets]
    return np.array([-1 if index is None else index for index in found], dtype=np.int64)
