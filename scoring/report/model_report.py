"""What a report says of a model folder: how the head was trained, and how good it is on the validation photos."""

import hashlib
from dataclasses import asdict, replace
from datetime import datetime

import pyarrow.parquet as pq

from scoring.errors import RunFolderError
from scoring.models.model_folder import ModelFolder
from scoring.models.training_record import TrainingData, TrainingRecord, load_training_record
from scoring.report.facts import agreement_row, label_names, time_blocks, unreadable_blocks
from scoring.report.figures import Curve, draw_curves
from scoring.report.labels_to_check import label_blocks
from scoring.report.looks import Album, look_blocks
from scoring.report.model_quality import model_quality_blocks
from scoring.report.parts import Block, Facts, Figure, KeyFigure, Report, Section, Table
from scoring.report.rows import read_rows, read_unreadable
from scoring.report.text import count, folder_title, measure, moment, percent, percent_range, plural, short_digest
from scoring.run.predictions import INPUTS_KEY, joint_contents, shard_files
from scoring.run.record import RunRecord
from scoring.storage.durable import refuse_special
from scoring.storage.locations import Location, locate, readable


def model_report(folder: ModelFolder, images: Location | None) -> Report:
    """Tell of a fine-tuned model.

    Args:
        folder: Written by `finetune`.
        images: Where its photos lie now; None for where they lay.

    Raises:
        RunFolderError: If the folder is damaged.
    """
    training = load_training_record(folder)
    _check_validation(folder, training)
    has_vectors = "probabilities" in pq.read_schema(readable(folder.validation)).names
    rows = read_rows([folder.validation], training.labels, has_vectors)
    if not rows.is_labelled:
        raise RunFolderError(f"Expected photos with known labels in {folder.validation}; it has none.")
    manifest = folder.features.manifest
    features = folder.features.load_record()
    album = Album(
        images or locate(training.images),
        training.resize_mode,
        manifest if manifest.is_file() else None,
        is_moved=images is not None,
        problem=_find_newer_photos(folder, training) if manifest.is_file() else None,
    )
    if features:
        album = replace(album, columns=features.request.columns, input_shape=features.fingerprint.input_shape)
    shards = shard_files(folder.features.predictions)
    sections = [
        Section("Training", _training_blocks(training, features), layout="columns"),
        Section("Learning curve", _curve_figures(training)),
        Section("Quality", model_quality_blocks(training, rows)),
        Section("Labels to check", label_blocks(rows, training.labels, album)),
        Section("Looks", look_blocks(rows, training.labels, album)),
        Section("Unreadable files", unreadable_blocks(read_unreadable(shards))),
    ]
    return Report(
        title=folder_title(folder.path),
        subtitle=f"Model of {moment(datetime.fromisoformat(training.created_at))}",
        key_figures=_key_figures(training),
        sections=[section for section in sections if section.blocks],
        notices=[training.data.warning] if training.data.warning else [],
    )


def _check_validation(folder: ModelFolder, training: TrainingRecord) -> None:
    """Raise RunFolderError unless the photos' predictions are those that the record tells of."""
    refuse_special(folder.validation)
    if training.validation not in (None, hashlib.sha256(folder.validation.read_bytes()).hexdigest()):
        raise RunFolderError(
            f"Expected the validation.parquet that {folder.training} describes; {folder.validation} is another. Run "
            "the same finetune command again."
        )


def _find_newer_photos(folder: ModelFolder, training: TrainingRecord) -> str | None:
    """Say so if a later fine-tune, which has not ended, has listed other contents of the photos; else None."""
    schemas = (pq.read_schema(readable(path)) for path in shard_files(folder.features.predictions))
    contents = joint_contents([(schema.metadata or {}).get(INPUTS_KEY, b"") for schema in schemas])
    if not contents or training.data.contents in ("", contents):  # without shards it holds no others
        return None
    return (
        f"Expected the features that this model was trained on in {folder.features.path}; it holds others. Run the "
        "same finetune command again."
    )


def _key_figures(training: TrainingRecord) -> list[KeyFigure]:
    final, before = training.metrics.after_calibration, training.metrics.before_calibration
    interval = final.accuracy_interval
    return [
        KeyFigure("Accuracy", percent(final.accuracy), f"95%: {percent_range(interval.low, interval.high)}"),
        KeyFigure("Log loss", measure(final.log_loss), f"{measure(before.log_loss)} before calibration"),
        KeyFigure("ROC AUC", measure(final.roc_auc), "0.5 is chance, 1 is perfect"),
        KeyFigure("Validation photos", count(final.num_images), _learned_from(training)),
    ]


def _learned_from(training: TrainingRecord) -> str:
    data = training.data
    if data.is_cross_validated:
        return f"in {_folds(data)}, each told by the others"
    return f"trained on {count(data.num_train)} others"


def _folds(data: TrainingData) -> str:
    if not data.num_folds:
        return "none"
    return f"{data.num_folds} folds" + (f", drawn {data.num_draws} times" if data.num_draws > 1 else "")


def _chosen_by(training: TrainingRecord) -> str:
    """What decided which photos validate, where the record tells it."""
    if training.data.is_cross_validated or training.data.is_drawn:
        return f", stratified, seed {training.split_seed}"
    return "" if training.data.is_drawn is None else ", those of the validation folder"


def _training_blocks(training: TrainingRecord, features: RunRecord | None) -> list[Block]:
    data, base = training.data, training.base
    facts = [
        ("photos", training.images),
        ("labels", label_names(training.labels)),
        ("trained on", plural(data.num_train, "photo")),
        ("validated on", f"{plural(data.num_validation, 'photo')}{_chosen_by(training)}"),
        ("folds", _folds(data)),
        ("copies of others", f"{plural(data.num_copies, 'photo')}, {count(data.num_seen)} validated on and trained on"),
        ("unreadable", plural(data.num_errors, "photo")),
        ("resize", training.resize_mode.value),
        ("base network", base.request.name),
        ("features of layer", base.request.layer or "the last one below the head"),
        ("base's digest", short_digest(base.digest)),
        *([("engine", training.engine)] if training.engine else []),
        ("precision", training.precision),
        *agreement_row(training.agreement),
        ("views", str(base.request.views or "one")),
        ("mirror images", "yes" if training.flip or (base.request.views and base.request.views.mirror) else "no"),
        ("heads", f"{len(training.heads)}, averaged" if len(training.heads) > 1 else "one"),
        *((name.replace("_", " "), str(value)) for name, value in asdict(training.settings).items()),
        ("versions", ", ".join(f"{name} {version}" for name, version in training.versions.items())),
    ]
    blocks: list[Block] = [Facts("What was trained, and on what", facts)]
    if features is None:
        return blocks
    return [*blocks, *time_blocks(features.work, "Extraction of features: the largest invocation")]


def _curve_figures(training: TrainingRecord) -> list[Block]:
    if not any(head.curve for head in training.heads):  # fitted to the end, without epochs
        return []
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
