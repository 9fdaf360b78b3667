"""What `training.json` says of trained heads: what they were trained on, how, and how good they are together."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

from scoring.arrays import Float32Array
from scoring.finetuning.calibration import Calibrated, ensemble_probabilities
from scoring.finetuning.finished_model import asked_fields
from scoring.finetuning.heads import Head
from scoring.finetuning.settings import FinetuneSettings
from scoring.finetuning.training_set import TrainingSet
from scoring.models.trained_heads import TrainedHead
from scoring.models.training_record import (
    SubmissionLogLoss,
    TrainingMetrics,
    TrainingRecord,
)
from scoring.networks.engines import engine_versions
from scoring.quality.evaluation import Evaluation, evaluate, log_loss

LESSON_CLIP = 0.05  # fast.ai, lesson 1, dogs_cats_redux.ipynb: np.clip(..., 0.05, 0.95)


def describe_model(
    settings: FinetuneSettings,
    photos: TrainingSet,
    heads: Sequence[Head],
    seeds: Sequence[int],
    logits: Float32Array,
    calibrated: Calibrated,
) -> TrainingRecord:
    """All that is known before the network is put together.

    Args:
        settings: What was asked for.
        photos: What the heads were trained on.
        heads: All of the ensemble, in order.
        seeds: The seed of each head.
        logits: Those of the photos that the model is measured on; see `TrainingSet.measured_logits`.
        calibrated: Fitted on these.
    """
    trained = tuple(
        TrainedHead(seed, head.best_epoch, tuple(head.curve), head.strength)
        for seed, head in zip(seeds, heads, strict=True)
    )
    rows = photos.measured_by(0)
    alone = ensemble_probabilities(heads[0].logits, 1.0)
    first = evaluate(alone, photos.truth[rows], originals=photos.related_of(rows))
    measured = photos.measured
    return TrainingRecord(
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        data=replace(photos.count(), counts_mirrored=settings.sees_mirrored),
        heads=trained,
        calibration=calibrated.calibration,
        versions=engine_versions("shardscore", "keras", settings.backend),
        metrics=measure_model(first, logits, photos.truth[measured], calibrated, photos.related_of(measured)),
        **asked_fields(settings, photos),
    )


def measure_model(
    first: Evaluation,
    logits: Float32Array,
    truth: npt.NDArray[np.int64],
    calibrated: Calibrated,
    originals: npt.NDArray[np.int64] | None = None,
) -> TrainingMetrics:
    """Measure one head alone, all of them, and all of them calibrated.

    What several temperatures made of photos is on several scales, which no order of photos can be told by: labels and
    ranks are those of the one temperature that the model has, as in `validation.parquet`.

    Args:
        first: The first head alone.
        logits: See `TrainingSet.measured_logits`.
        truth: Class indices of the same photos, shape (num_images,).
        calibrated: Fitted on these.
        originals: A number for each of them that it shares with its copies alone; None where there are no copies.
    """
    before, after = ensemble_probabilities(logits, 1.0), calibrated.probabilities
    scored = ensemble_probabilities(logits, calibrated.calibration.temperature)
    final = evaluate(scored, truth, originals=originals)
    unseen = evaluate(after, truth)
    return TrainingMetrics(
        first_head=first,
        before_calibration=evaluate(before, truth, originals=originals),
        after_calibration=replace(final, log_loss=unseen.log_loss, reliability=unseen.reliability),
        submission_log_loss=SubmissionLogLoss(
            unclipped=log_loss(before, truth),
            lesson_clip=log_loss(before, truth, LESSON_CLIP),
            calibrated=log_loss(after, truth, calibrated.clips),
        ),
    )
