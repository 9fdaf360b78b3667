"""What a report says of a model folder: how the head was trained, and how good it is on the validation photos."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scoring.errors import RunFolderError
from scoring.report_facts import unreadable_blocks
from scoring.report_figures import Curve, draw_curves
from scoring.report_histogram import histogram_figure
from scoring.report_looks import Album, look_blocks
from scoring.report_parts import Bar, Bars, Block, Facts, Figure, KeyFigure, Prose, Report, Section, Table
from scoring.report_quality import (
    evaluations_table,
    measure_quality,
    quality_blocks,
    quality_notes,
)
from scoring.report_rows import ScoredRows, read_rows
from scoring.report_text import count, measure, moment, percent, percent_range, plural, seconds, short_digest
from scoring.training_record import (
    AFTER_CALIBRATION,
    BEFORE_CALIBRATION,
    FEATURES_FOLDER,
    FIRST_HEAD,
    VALIDATION_FILE,
    TrainingRecord,
    load_training,
)

_STAGES = {FIRST_HEAD: "one head", BEFORE_CALIBRATION: "before calibration", AFTER_CALIBRATION: "after calibration"}

_DIGEST_LENGTH = 64  # hexadecimal digits of SHA-256


def model_report(folder: Path, images: Path | None) -> Report:
    """Tell of a fine-tuned model.

    Args:
        folder: Written by `finetune`.
        images: Where its photos lie now; None for where they lay.

    Raises:
        RunFolderError: If the folder is damaged.
    """
    training = load_training(folder)
    rows = read_rows([folder / VALIDATION_FILE], training.labels)
    if not rows.is_labelled:
        raise RunFolderError(f"Expected photos with known labels in {folder / VALIDATION_FILE}; it has none.")
    manifest = folder / FEATURES_FOLDER / "manifest.parquet"
    album = Album(images or training.images, training.resize, manifest if manifest.is_file() else None)
    return Report(
        title=folder.resolve().name,
        subtitle=f"Model of {moment(training.created_at)}",
        key_figures=_key_figures(training),
        sections=[
            Section("Training", _training_blocks(training)),
            Section("Learning curve", _curve_figures(training)),
            Section("Quality", _quality_blocks(training, rows)),
            Section("Looks", look_blocks(rows, training.labels, album)),
            Section("Unreadable files", unreadable_blocks(rows)),
        ],
    )


def _key_figures(training: TrainingRecord) -> list[KeyFigure]:
    final, before = training.metrics[AFTER_CALIBRATION], training.metrics[BEFORE_CALIBRATION]
    interval = final.accuracy_interval
    return [
        KeyFigure("Accuracy", percent(final.accuracy), f"95%: {percent_range(interval.low, interval.high)}"),
        KeyFigure("Log loss", measure(final.log_loss), f"{measure(before.log_loss)} before calibration"),
        KeyFigure("ROC AUC", measure(final.roc_auc), "0.5 is chance, 1 is perfect"),
        KeyFigure("Validation photos", count(final.num_images), f"trained on {count(training.num_train)} others"),
    ]


def _training_blocks(training: TrainingRecord) -> list[Block]:
    facts = [
        ("photos", str(training.images)),
        ("labels", ", ".join(training.labels[:12]) + (", …" if len(training.labels) > 12 else "")),
        ("training", plural(training.num_train, "photo")),
        ("validation", f"{plural(training.num_validation, 'photo')}, stratified, seed {training.split_seed}"),
        ("unreadable", plural(training.num_errors, "photo")),
        *((f"base {name}", _short(value)) for name, value in training.base.items()),
        ("heads", f"{len(training.heads)}, averaged" if len(training.heads) > 1 else "one"),
        *((name.replace("_", " "), _short(value)) for name, value in training.settings.items()),
        ("versions", ", ".join(f"{name} {version}" for name, version in training.versions.items())),
    ]
    return [Facts("What was trained, and on what", facts), _time_split(training.times_s)]


def _short(value: Any) -> str:
    """A setting as text; of a digest, its beginning."""
    text = str(value)
    return short_digest(text) if len(text) == _DIGEST_LENGTH else text


def _time_split(times_s: Mapping[str, float]) -> Bars:
    longest = max(times_s.values(), default=0.0) or 1.0
    bars = [Bar(stage, seconds(time_s), time_s / longest, "") for stage, time_s in times_s.items()]
    return Bars("Where the time went", ("stage", "time", "in proportion"), bars)


def _curve_figures(training: TrainingRecord) -> list[Block]:
    kept = ", ".join(str(head.best_epoch) for head in training.heads)
    table = Table(
        "Every epoch",
        ("head's seed", "epoch", "log loss, training", "validation", "accuracy, training", "validation"),
        [
            (
                str(head.seed),
                str(epoch.epoch),
                measure(epoch.train_log_loss),
                measure(epoch.validation_log_loss),
                percent(epoch.train_accuracy),
                percent(epoch.validation_accuracy),
            )
            for head in training.heads
            for epoch in head.curve
        ],
    )
    description = f"{plural(len(training.heads), 'head')}; kept was epoch {kept}, marked by a dot."
    return [
        Figure("Log loss by epoch", _draw(training, "log_loss", "nats per image", 1), description, table),
        Figure("Accuracy by epoch", _draw(training, "accuracy", "accuracy, %", 100), description, table=None),
    ]


def _draw(training: TrainingRecord, quantity: str, y_label: str, scale: float) -> str:
    groups = [
        [
            Curve(name, [scale * getattr(epoch, f"{part}_{quantity}") for epoch in head.curve], head.best_epoch)
            for head in training.heads
        ]
        for part, name in (("train", "training"), ("validation", "validation"))
    ]
    return draw_curves(f"curve-{quantity.replace('_', '-')}", groups, y_label)


def _quality_blocks(training: TrainingRecord, rows: ScoredRows) -> list[Block]:
    named = {words: training.metrics[stage] for stage, words in _STAGES.items()}
    compared = (BEFORE_CALIBRATION, AFTER_CALIBRATION)
    reliability = {_STAGES[stage]: training.metrics[stage].reliability for stage in compared}
    calibration = ", ".join(f"{name} {measure(value)}" for name, value in training.calibration.items())
    quality = measure_quality(rows)
    measures = evaluations_table("On the validation photos", named)
    return [
        *quality_blocks(measures, quality, training.labels, reliability),
        histogram_figure(rows, training.labels),
        *quality_notes(quality, rows.num_unknown),
        Prose(f"Calibration was fitted on the same validation photos: {calibration}."),
    ]
