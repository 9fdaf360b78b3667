"""The photos of a model folder as heads are trained on them: their features, divided into two sides."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from scoring.errors import ImagesError
from scoring.finetuning.features import Features, load_features
from scoring.finetuning.fitting import Examples
from scoring.run.fingerprint import Fingerprint
from scoring.run.folder import RunFolder

MAX_VALIDATION = 2_000  # of 25,000, as in the lesson
_VALIDATION_SHARE = 0.2  # of smaller collections


@dataclass(frozen=True)
class Split:
    """Rows of the features: to train on, and to validate on."""

    train: npt.NDArray[np.int64]
    validation: npt.NDArray[np.int64]


def check_split(targets: Sequence[str | None], num_validation: int | None) -> int:
    """Return how many photos are kept out of training.

    Raises:
        ImagesError: If a label would be missing on one side.
    """
    counts = Counter(targets)
    rarest, fewest = min(counts.items(), key=lambda item: item[1])
    if len(counts) < 2:
        raise ImagesError(f"Expected photos of at least two labels; received {rarest!r} alone.")
    if fewest < 2:
        raise ImagesError(f"Expected at least two photos of every label, one to validate on; {rarest!r} has {fewest}.")
    if num_validation is None:
        num_validation = max(len(counts), min(MAX_VALIDATION, int(len(targets) * _VALIDATION_SHARE)))
    if not len(counts) <= num_validation <= len(targets) - len(counts):
        raise ImagesError(
            f"Expected `validation` from {len(counts)} to {len(targets) - len(counts)}, so that each of {len(counts)} "
            f"labels is on both sides; received {num_validation} of {len(targets)} photos."
        )
    return num_validation


def split_photos(targets: Sequence[str], num_validation: int | None, seed: int) -> Split:
    """Divide photos so that both sides have the labels in the same proportions; nothing is moved on disk."""
    from sklearn.model_selection import train_test_split

    count = check_split(targets, num_validation)
    rows = np.arange(len(targets))
    train, validation = train_test_split(rows, test_size=count, stratify=list(targets), random_state=seed)
    return Split(np.sort(train), np.sort(validation))


@dataclass(frozen=True)
class TrainingSet:
    """Labelled photos.

    Attributes:
        features: What the base network sees in each; as float16, 200 MB for 25,000 x 4,096.
        fingerprint: The fingerprint of the features.
        split: Which photos are trained on, and which validate.
    """

    features: Features
    fingerprint: Fingerprint
    split: Split

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """One name per class, in class order."""
        return tuple(sorted(set(self.features.targets)))

    def examples(self, rows: npt.NDArray[np.int64]) -> Examples:
        """Some photos to train or to validate on."""
        return Examples(self.features.values[rows], self.truth(rows))

    def truth(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Their true class indices, shape (num_rows,)."""
        return np.array([self.labels.index(self.features.targets[row]) for row in rows], dtype=np.int64)


def load_training_set(folder: RunFolder, num_validation: int | None, seed: int) -> TrainingSet:
    """Load the features in a run folder of the feature extractor, and split them; for arguments see `split_photos`."""
    record = folder.load_record()
    assert record is not None  # the same job has written it
    features = load_features(folder.predictions)
    return TrainingSet(features, record.fingerprint, split_photos(features.targets, num_validation, seed))
