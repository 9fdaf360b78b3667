"""What `finetune` says in a model folder's `training.json`: how heads were trained, and how good they became."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from scoring.errors import RunFolderError
from scoring.finetuning.calibration import Calibration
from scoring.finetuning.fitting import Epoch
from scoring.models.model_folder import ModelFolder
from scoring.pixels.decoding import Resize
from scoring.quality.evaluation import Evaluation, ReliabilityBin
from scoring.quality.intervals import Interval
from scoring.storage.locations import Location, locate

# What is measured on the validation photos: the first head alone, all of them averaged, and these calibrated.
FIRST_HEAD, BEFORE_CALIBRATION, AFTER_CALIBRATION = "first_head", "before_calibration", "after_calibration"


@dataclass(frozen=True)
class TrainedHead:
    """One head's training; `best_epoch` is the one whose weights were kept."""

    seed: int
    best_epoch: int
    curve: tuple[Epoch, ...]


@dataclass(frozen=True)
class TrainingRecord:
    """A model folder's record, as far as a report needs it.

    Attributes:
        created_at: When.
        images: Where the photos lay.
        labels: One name per class, in class order.
        resize: How photos became squares.
        base: The frozen network: model, features, digest.
        precision: Its number format.
        flip: Whether mirror images were trained on and are scored.
        num_train: Photos trained on.
        num_validation: Photos measured on.
        num_errors: Photos that could not be read.
        split_seed: Decides which photos validate.
        settings: Of the training.
        heads: Each head, in the ensemble's order.
        calibration: Of the model as it is stored.
        metrics: By FIRST_HEAD, BEFORE_CALIBRATION and AFTER_CALIBRATION, the last cross-fitted.
        submission_log_loss: What a submission would be judged by: unclipped, with the lesson's clip, calibrated.
        versions: Library versions.
    """

    created_at: datetime
    images: Location
    labels: tuple[str, ...]
    resize: Resize
    base: Mapping[str, str | None]
    precision: str
    flip: bool
    num_train: int
    num_validation: int
    num_errors: int
    split_seed: int
    settings: Mapping[str, Any]
    heads: tuple[TrainedHead, ...]
    calibration: Calibration
    metrics: Mapping[str, Evaluation]
    submission_log_loss: Mapping[str, float]
    versions: Mapping[str, str]


def load_training(folder: ModelFolder) -> TrainingRecord:
    """Read a model folder's record.

    Raises:
        RunFolderError: If it is not what `finetune` writes.
    """
    try:
        return _parse(json.loads(folder.training.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"[:200]
        raise RunFolderError(
            f"Expected a model folder written by `finetune`; {folder.path} is damaged: {reason}."
        ) from error


def _parse(record: Mapping[str, Any]) -> TrainingRecord:
    stages = (FIRST_HEAD, BEFORE_CALIBRATION, AFTER_CALIBRATION)
    return TrainingRecord(
        created_at=datetime.fromisoformat(record["created_at"]),
        images=locate(record["images"]),
        labels=tuple(map(str, record["labels"])),
        resize=Resize(record["resize"].split("-")[0]),
        base={name: record["base"][name] for name in ("model", "features", "digest")},
        precision=record["precision"],
        flip=bool(record["flip"]),
        **{name: int(record["data"][name]) for name in ("num_train", "num_validation", "num_errors")},
        split_seed=record["split_seed"],
        settings=dict(record["settings"]),
        heads=tuple(_parse_head(head) for head in record["heads"]),
        calibration=Calibration(**record["calibration"]),
        metrics={stage: _parse_evaluation(record["metrics"][stage]) for stage in stages},
        submission_log_loss=dict(record["metrics"]["submission_log_loss"]),
        versions=dict(record["versions"]),
    )


def _parse_head(head: Mapping[str, Any]) -> TrainedHead:
    return TrainedHead(head["seed"], head["best_epoch"], tuple(Epoch(**epoch) for epoch in head["curve"]))


def _parse_evaluation(one: Mapping[str, Any]) -> Evaluation:
    parsed = {
        "accuracy_interval": Interval(**one["accuracy_interval"]),
        "reliability": [ReliabilityBin(**group) for group in one["reliability"]],
    }
    return Evaluation(**{**one, **parsed})
