"""Fine-tune on features that lie in a model folder: split, train heads, calibrate, and put the model together."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from scoring.arrays import Float32Array
from scoring.finetuning.calibration import calibrate, cross_fitted, ensemble_probabilities
from scoring.finetuning.dense_heads import train_dense_head
from scoring.finetuning.ensemble import HeadIdentity, ensemble_logits, join_heads, load_head, save_head
from scoring.finetuning.features import load_features
from scoring.finetuning.fitting import Examples
from scoring.finetuning.heads import Head, train_head
from scoring.finetuning.photo_split import split_photos
from scoring.models.finetuned_network import put_together
from scoring.models.model_folder import ModelFolder
from scoring.models.trained_heads import Calibration, HeadSettings, TrainedHead
from scoring.models.training_record import (
    SubmissionLogLoss,
    TrainedBase,
    TrainingData,
    TrainingMetrics,
    TrainingRecord,
    save_training_record,
)
from scoring.networks.base_networks import BaseRequest, base_of
from scoring.networks.engines import engine_versions
from scoring.networks.keras_import import import_keras
from scoring.networks.vgg16 import load_dense_layers
from scoring.quality.evaluation import evaluate, log_loss
from scoring.run.predictions import ScoredImage, predictions_table, write_table
from scoring.storage.durable import whole_file, write_text
from scoring.storage.locations import Location

LESSON_CLIP = 0.05  # fast.ai, lesson 1, dogs_cats_redux.ipynb: np.clip(..., 0.05, 0.95)


@dataclass(frozen=True)
class FinetuneSettings:
    """All that a worker needs to train on extracted features.

    Attributes:
        output: The model folder.
        images: Where the photos are, for the record.
        base: The network below the heads.
        flip: Whether features of mirror images were extracted, and are scored.
        heads: How each head is trained.
        ensemble: How many heads.
        num_validation: Photos kept out of training; None takes 2,000, or a fifth of fewer than 10,000.
        seed: Decides the split and every head's initial weights, order and dropout.
        head_only: Keep the head without its base network.
        backend: Keras' backend.
    """

    output: Location
    images: Location
    base: BaseRequest
    flip: bool
    heads: HeadSettings
    ensemble: int
    num_validation: int | None
    seed: int
    head_only: bool
    backend: str


@dataclass(frozen=True)
class TrainHead:
    """Train one head of the ensemble, unless it is there.

    Attributes:
        number: Which, from 0.
    """

    number: int

    def __str__(self) -> str:
        """What people call it."""
        return f"head {self.number}"


@dataclass(frozen=True)
class JoinHeads:
    """Put the model together; all heads must be there."""

    def __str__(self) -> str:
        """What people call it."""
        return "the model"


HeadTask: TypeAlias = TrainHead | JoinHeads


class HeadTrainer:
    """Trains the heads of an ensemble, and then puts the model together.

    Each head is written whole when it is done, and a head that is there is not trained again. Call it with one task at
    a time: a second one would take the first one's cores and memory.
    """

    def __init__(self, settings: FinetuneSettings) -> None:
        """Load the features: as float16, 200 MB for 25,000 x 4,096."""
        os.environ["TF_DETERMINISTIC_OPS"] = "1"  # the same seed gives the same weights
        import_keras(settings.backend)
        self._settings = settings
        self._folder = ModelFolder(settings.output)
        self._features = load_features(self._folder.features)
        self._labels = sorted(set(self._features.targets))
        self._split = split_photos(self._features.images, settings.num_validation, settings.seed)
        record = self._folder.features.load_record()
        assert record is not None  # the same job has written it
        self._fingerprint = record.fingerprint

    def __call__(self, task: HeadTask) -> Location:
        """Train a head, or put the model together.

        Returns:
            Where the result is: the head's file, or the model folder.
        """
        if isinstance(task, JoinHeads):
            self._put_together()
            return self._folder.path
        path = self._path(task.number)
        if self._load(task.number) is None:
            save_head(path, self._train(task.number), self._identity(task.number))
        return path

    def _train(self, number: int) -> Head:
        settings, seed = self._settings.heads, self._seed(number)
        train, validation = (self._examples(rows) for rows in (self._split.train, self._split.validation))
        if not settings.unfreeze_dense:
            return train_head(train, validation, len(self._labels), settings, seed)
        dense = load_dense_layers(self._settings.base.weights)
        return train_dense_head(train, validation, len(self._labels), dense, settings, seed)

    def _examples(self, rows: npt.NDArray[np.int64]) -> Examples:
        return Examples(self._features.values[rows], self._truth(rows))

    def _truth(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        return np.array([self._labels.index(self._features.targets[row]) for row in rows], dtype=np.int64)

    def _seed(self, number: int) -> int:
        return 1000 * self._settings.seed + number

    def _path(self, number: int) -> Location:
        return self._folder.heads / f"head-{number:03d}.npz"

    def _identity(self, number: int) -> HeadIdentity:
        return HeadIdentity(
            features=self._fingerprint,
            heads=self._settings.heads,
            seed=self._seed(number),
            num_validation=len(self._split.validation),
            split_seed=self._settings.seed,
            backend=self._settings.backend,
        )

    def _load(self, number: int) -> Head | None:
        return load_head(self._path(number), self._identity(number))

    def _put_together(self) -> None:
        heads = [head for number in range(self._settings.ensemble) if (head := self._load(number))]
        assert len(heads) == self._settings.ensemble  # this task is handed out once all of them are there
        truth = self._truth(self._split.validation)
        logits = ensemble_logits(heads)
        calibration = calibrate(logits, truth)
        for path in self._folder.results:
            path.unlink(missing_ok=True)
        self._save_network(heads, calibration)
        self._write_validation(ensemble_probabilities(logits, calibration.temperature))
        write_text(self._folder.labels, json.dumps(self._labels) + "\n")
        metrics = _measure(heads, logits, truth, self._settings.seed)
        save_training_record(self._folder, self._describe(heads, calibration, metrics))

    def _save_network(self, heads: Sequence[Head], calibration: Calibration) -> None:
        network = join_heads(heads, calibration.temperature)
        path = self._folder.head_network
        if not self._settings.head_only:
            path = self._folder.network
            network = put_together(base_of(self._settings.base).build(), network, self._settings.flip)
        with whole_file(path) as temporary:
            network.save(temporary)

    def _write_validation(self, probabilities: Float32Array) -> None:
        images = [self._features.images[row] for row in self._split.validation]
        rows = [ScoredImage(image, row) for image, row in zip(images, probabilities, strict=True)]
        labels = tuple(self._labels)
        write_table(self._folder.validation, predictions_table(rows, labels, {}))

    def _describe(self, heads: Sequence[Head], calibration: Calibration, metrics: TrainingMetrics) -> TrainingRecord:
        settings, fingerprint = self._settings, self._fingerprint
        return TrainingRecord(
            created_at=datetime.now(UTC),
            images=settings.images,
            labels=tuple(self._labels),
            base=TrainedBase(settings.base, fingerprint.model.split(":")[0]),
            resize=fingerprint.resize,
            precision=fingerprint.precision,
            flip=settings.flip,
            head_only=settings.head_only,
            data=self._count_photos(),
            split_seed=settings.seed,
            settings=settings.heads,
            heads=tuple(
                TrainedHead(self._seed(number), head.best_epoch, tuple(head.curve)) for number, head in enumerate(heads)
            ),
            calibration=calibration,
            versions=engine_versions("keras", settings.backend),
            metrics=metrics,
        )

    def _count_photos(self) -> TrainingData:
        return TrainingData(
            digest=self._fingerprint.images,
            num_images=len(self._features.images) + self._features.num_errors,
            num_train=len(self._split.train),
            num_validation=len(self._split.validation),
            num_errors=self._features.num_errors,
        )


def _measure(heads: Sequence[Head], logits: Float32Array, truth: npt.NDArray[np.int64], seed: int) -> TrainingMetrics:
    """One head alone, all of them, and all of them calibrated: each photo by a calibration that has not seen it."""
    before = ensemble_probabilities(logits, 1.0)
    after, clips = cross_fitted(logits, truth, seed)
    return TrainingMetrics(
        first_head=evaluate(ensemble_probabilities(heads[0].logits, 1.0), truth),
        before_calibration=evaluate(before, truth),
        after_calibration=evaluate(after, truth),
        submission_log_loss=SubmissionLogLoss(
            unclipped=log_loss(before, truth),
            lesson_clip=log_loss(before, truth, LESSON_CLIP),
            calibrated=log_loss(after, truth, clips),
        ),
    )
