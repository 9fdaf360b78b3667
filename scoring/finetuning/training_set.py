"""The extracted features of a model folder, with their labels, divided into those to train and to validate on."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scoring.finetuning.features import Features, load_features
from scoring.finetuning.fitting import Examples
from scoring.finetuning.photo_split import PhotoSplit, split_photos
from scoring.finetuning.settings import FinetuneSettings
from scoring.models.model_folder import ModelFolder
from scoring.models.training_record import TrainingData
from scoring.run.fingerprint import Fingerprint


@dataclass(frozen=True)
class TrainingSet:
    """Photos to learn from.

    Attributes:
        features: What the base network saw in each.
        labels: Their labels, sorted: the classes in class order.
        split: Which train and which validate.
        fingerprint: All that shaped the features.
    """

    features: Features
    labels: tuple[str, ...]
    split: PhotoSplit
    fingerprint: Fingerprint

    @property
    def train(self) -> Examples:
        """The photos to train on."""
        return self._examples(self.split.train)

    @property
    def validation(self) -> Examples:
        """The photos to validate on."""
        return self._examples(self.split.validation)

    def _examples(self, rows: npt.NDArray[np.int64]) -> Examples:
        truth = [self.labels.index(self.features.targets[row]) for row in rows]
        return Examples(self.features.values[rows], np.array(truth, dtype=np.int64))

    def count(self) -> TrainingData:
        """How many photos there are, for the record."""
        return TrainingData(
            digest=self.fingerprint.images,
            num_images=len(self.features.images) + self.features.num_errors,
            num_train=len(self.split.train),
            num_validation=len(self.split.validation),
            num_errors=self.features.num_errors,
            contents=self.features.contents,
        )


def load_training_set(settings: FinetuneSettings) -> TrainingSet:
    """Load the features of a model folder: as float16, 200 MB for 25,000 x 4,096."""
    folder = ModelFolder(settings.output).features
    features = load_features(folder)
    record = folder.load_record()
    assert record is not None  # the same job has written it
    split = split_photos(features.images, settings.num_validation, settings.seed)
    return TrainingSet(features, tuple(sorted(set(features.targets))), split, record.fingerprint)
