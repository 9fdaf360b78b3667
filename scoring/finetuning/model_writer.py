"""Put a model together from trained heads: calibrate, join, measure, and write the folder; the record comes last."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from scoring.arrays import Float32Array
from scoring.finetuning.calibration import Calibrated, calibrate, ensemble_probabilities
from scoring.finetuning.heads import Head
from scoring.finetuning.int8_agreement import int8_agreement
from scoring.finetuning.settings import FinetuneSettings
from scoring.finetuning.training_set import TrainingSet
from scoring.models.finetuned_network import put_together, save_network
from scoring.models.model_folder import ModelFolder
from scoring.models.trained_heads import Calibration, TrainedHead
from scoring.models.training_record import (
    AskedHeads,
    SubmissionLogLoss,
    TrainedBase,
    TrainingMetrics,
    TrainingRecord,
    save_training_record,
)
from scoring.networks.base_networks import build_base
from scoring.networks.engines import engine_versions
from scoring.quality.evaluation import Evaluation, evaluate, log_loss
from scoring.run.predictions import ScoredImage, StoreProbabilities, predictions_table, write_table
from scoring.storage.durable import remove_file, write_text

if TYPE_CHECKING:
    import keras

LESSON_CLIP = 0.05  # fast.ai, lesson 1, dogs_cats_redux.ipynb: np.clip(..., 0.05, 0.95)


def write_model(
    settings: FinetuneSettings,
    photos: TrainingSet,
    heads: Sequence[Head],
    seeds: Sequence[int],
    join: Callable[[float], "keras.Model"],
) -> None:
    """Write all results of a model folder.

    Args:
        settings: What was asked for.
        photos: What the heads were trained on.
        heads: All of the ensemble, in order.
        seeds: The seed of each head.
        join: Makes one network of them, its logits divided by a temperature.
    """
    folder = ModelFolder(settings.output)
    truth, logits = photos.truth[photos.measured], photos.measured_logits(heads)
    calibrated = calibrate(logits, truth, settings.seed)
    calibration = calibrated.calibration
    for path in folder.results:
        remove_file(path)
    head = join(calibration.temperature)
    digest = _save_network(settings, photos, folder, head)
    validation = _write_validation(folder, photos, ensemble_probabilities(logits, calibration.temperature))
    write_text(folder.labels, json.dumps(photos.labels) + "\n")
    trained = tuple(
        TrainedHead(seed, head.best_epoch, tuple(head.curve), head.strength)
        for seed, head in zip(seeds, heads, strict=True)
    )
    first = photos.truth[photos.measured_by(0)]
    metrics = _measure(evaluate(ensemble_probabilities(heads[0].logits, 1.0), first), logits, truth, calibrated)
    record = _describe(settings, photos, trained, calibration, metrics)
    agreement = int8_agreement(settings, photos, head)
    save_training_record(folder, replace(record, network=digest, validation=validation, agreement=agreement))


def _save_network(settings: FinetuneSettings, photos: TrainingSet, folder: ModelFolder, network: "keras.Model") -> str:
    """Write the network; return its digest."""
    path = folder.head_network
    if not settings.head_only:
        path = folder.network
        network = put_together(build_base(settings.base, photos.base_digest), network, settings.flip)
    return save_network(network, path)


def _write_validation(folder: ModelFolder, photos: TrainingSet, probabilities: Float32Array) -> str:
    """Write what the photos were judged by, all of it however many labels there are; return its digest."""
    images = [photos.features.images[row] for row in photos.measured]
    rows = [ScoredImage(image, row) for image, row in zip(images, probabilities, strict=True)]
    return write_table(folder.validation, predictions_table(rows, photos.labels, {}, StoreProbabilities.ALL))


def _describe(
    settings: FinetuneSettings,
    photos: TrainingSet,
    heads: tuple[TrainedHead, ...],
    calibration: Calibration,
    metrics: TrainingMetrics,
) -> TrainingRecord:
    fingerprint = photos.fingerprint
    return TrainingRecord(
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        images=str(settings.images),
        labels=photos.labels,
        base=TrainedBase(settings.base, photos.base_digest),
        resize=fingerprint.resize,
        precision=fingerprint.precision,
        flip=settings.flip,
        head_only=settings.head_only,
        data=photos.count(),
        split_seed=settings.seed,
        settings=settings.heads,
        heads=heads,
        calibration=calibration,
        versions=engine_versions("keras", settings.backend),
        metrics=metrics,
        asked=AskedHeads(settings.ensemble, settings.num_validation, settings.num_folds, settings.num_draws),
        engine=fingerprint.engine,
    )


def _measure(
    first: Evaluation, logits: Float32Array, truth: npt.NDArray[np.int64], calibrated: Calibrated
) -> TrainingMetrics:
    """One head alone, all of them, and all of them calibrated: each photo by a calibration that has not seen it."""
    before, after = ensemble_probabilities(logits, 1.0), calibrated.probabilities
    return TrainingMetrics(
        first_head=first,
        before_calibration=evaluate(before, truth),
        after_calibration=evaluate(after, truth),
        submission_log_loss=SubmissionLogLoss(
            unclipped=log_loss(before, truth),
            lesson_clip=log_loss(before, truth, LESSON_CLIP),
            calibrated=log_loss(after, truth, calibrated.clips),
        ),
    )
