"""What `finetune` leaves in a model folder, read: how the head was trained, and how good it became."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from scoring.errors import RunFolderError
from scoring.evaluation import Evaluation, ReliabilityBin
from scoring.images import Resize
from scoring.intervals import Interval

TRAINING_FILE = "training.json"
LABELS_FILE = "labels.json"
VALIDATION_FILE = "validation.parquet"
FEATURES_FOLDER = "features"  # a run folder: its manifest lists all images
# What is measured on the validation photos: the first head alone, all of them averaged, and these calibrated.
FIRST_HEAD, BEFORE_CALIBRATION, AFTER_CALIBRATION = "first_head", "before_calibration", "after_calibration"


@dataclass(frozen=True)
class Epoch:
    """One pass over the training features. Log losses in nats per image."""

    epoch: int
    train_log_loss: float
    train_accuracy: float
    validation_log_loss: float
    validation_accuracy: float


@dataclass(frozen=True)
class Head:
    """One head's training; `best_epoch` is the one whose weights were kept."""

    seed: int
    best_epoch: int
    curve: tuple[Epoch, ...]


@dataclass(frozen=True)
class TrainingRecord:
    """A model folder, as far as a report needs it.

    Attributes:
        created_at: When.
        images: Folder or zip of the photos.
        resize: How they became squares.
        labels: One name per class, in class order.
        base: The frozen network: model, features, digest.
        num_train: Photos trained on.
        num_validation: Photos measured on.
        num_errors: Photos that could not be read.
        split_seed: Decides which photos validate.
        settings: Of the training.
        heads: Each head, in the ensemble's order.
        calibration: Temperature and clip.
        metrics: By FIRST_HEAD, BEFORE_CALIBRATION and AFTER_CALIBRATION.
        times_s: Seconds of each stage.
        versions: Library versions.
    """

    created_at: datetime
    images: Path
    resize: Resize
    labels: tuple[str, ...]
    base: Mapping[str, Any]
    num_train: int
    num_validation: int
    num_errors: int
    split_seed: int
    settings: Mapping[str, Any]
    heads: tuple[Head, ...]
    calibration: Mapping[str, float]
    metrics: Mapping[str, Evaluation]
    times_s: Mapping[str, float]
    versions: Mapping[str, str]


def load_training(folder: Path) -> TrainingRecord:
    """Read a model folder's records.

    Raises:
        RunFolderError: If they are not what `finetune` writes.
    """
    try:
        record = json.loads((folder / TRAINING_FILE).read_text(encoding="utf-8"))
        labels = json.loads((folder / LABELS_FILE).read_text(encoding="utf-8"))
        return TrainingRecord(
            created_at=datetime.fromisoformat(record["created_at"]),
            images=Path(record["images"]),
            resize=Resize(record["settings"].get("resize", Resize.SQUASH)),
            labels=tuple(map(str, labels)),
            base=dict(record["base"]),
            **{name: int(record["data"][name]) for name in ("num_train", "num_validation", "num_errors")},
            split_seed=record["split_seed"],
            settings=dict(record["settings"]),
            heads=tuple(_parse_head(head) for head in record["heads"]),
            calibration=dict(record["calibration"]),
            metrics={
                stage: _parse_evaluation(record["metrics"][stage])
                for stage in (FIRST_HEAD, BEFORE_CALIBRATION, AFTER_CALIBRATION)
            },
            times_s=dict(record["seconds"]),
            versions=dict(record["versions"]),
        )
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"[:200]
        raise RunFolderError(
            f"Expected a model folder written by `finetune`; {folder} is damaged: {reason}."
        ) from error


def _parse_head(head: Mapping[str, Any]) -> Head:
    return Head(head["seed"], head["best_epoch"], tuple(Epoch(**epoch) for epoch in head["curve"]))


def _parse_evaluation(one: Mapping[str, Any]) -> Evaluation:
    parsed = {
        "accuracy_interval": Interval(**one["accuracy_interval"]),
        "reliability": [ReliabilityBin(**group) for group in one["reliability"]],
    }
    return Evaluation(**{**one, **parsed})
