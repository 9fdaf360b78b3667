"""How good a fine-tuned model is, as parts of its report."""

from scoring.models.training_record import TrainingRecord
from scoring.report.histogram import histogram_figure
from scoring.report.parts import Block, Facts, KeyFigure
from scoring.report.quality import area_figure, evaluations_table, measure_quality, quality_blocks
from scoring.report.rows import ScoredRows
from scoring.report.standings import standings
from scoring.report.text import count, measure, percent, percent_range
from scoring.report.training_facts import folds_in_words
from scoring.submissions.submission import find_dog


def model_quality_blocks(training: TrainingRecord, rows: ScoredRows) -> list[Block]:
    """How right it is on its validation photos, how sure, and what calibration made of it."""
    metrics = training.metrics
    compared = {"before calibration": metrics.before_calibration, "after calibration": metrics.after_calibration}
    reliability = {stage: measured.reliability for stage, measured in compared.items()}
    losses = metrics.submission_log_loss
    quality = measure_quality(rows)
    # Of folds, a head is measured on its own photos alone, and all heads together on all of them.
    one_head = {} if training.data.num_folds else {"one head": metrics.first_head}
    measures = evaluations_table("On the validation photos", {**one_head, **compared})
    return [
        *quality_blocks(measures, quality, training.labels, reliability, not training.data.has_measured_copies),
        histogram_figure(rows, training.labels),
        _calibration_facts(training),
        *standings(training.labels, losses.calibrated),
    ]


def _calibration_facts(training: TrainingRecord) -> Facts:
    rows = [("temperature", measure(training.calibration.temperature))]
    if find_dog(training.labels) is not None:
        losses, after = training.metrics.submission_log_loss, training.metrics.after_calibration
        rows += [
            ("clip of submissions", measure(training.calibration.clip)),
            ("submission's log loss: calibrated and clipped", measure(losses.calibrated)),
            ("calibrated, without clip", measure(after.log_loss)),
            ("uncalibrated, with the lesson's clip", measure(losses.lesson_clip)),
            ("uncalibrated, without clip", measure(losses.unclipped)),
        ]
    return Facts("Calibration, measured on photos that it was not fitted on", rows)


def key_figures(training: TrainingRecord) -> list[KeyFigure]:
    """What stands at the top."""
    final, before = training.metrics.after_calibration, training.metrics.before_calibration
    interval = final.accuracy_interval
    return [
        KeyFigure("Accuracy", percent(final.accuracy), f"95%: {percent_range(interval.low, interval.high)}"),
        KeyFigure("Log loss", measure(final.log_loss), f"{measure(before.log_loss)} before calibration"),
        area_figure(final.roc_auc),
        KeyFigure("Validation photos", count(final.num_images), _learned_from(training)),
    ]


def _learned_from(training: TrainingRecord) -> str:
    data = training.data
    different = f"{count(data.num_different)} {data.of_different}, " if data.has_measured_copies else ""
    if data.is_cross_validated:
        return f"{different}in {folds_in_words(data)}, each told by the others"
    return f"{different}trained on {count(data.num_train)} others"
