"""What `finetune` says at its end: how good the model is, and where it is."""

import re
from contextlib import suppress

from rich.console import Console

from jobs.console.terminal import print_table
from jobs.score.table import agreement_row
from scoring import __version__
from scoring.errors import ScoringError, StorageError
from scoring.models.model_folder import ModelFolder
from scoring.models.trained_heads import HeadKind
from scoring.models.training_record import TrainingData, TrainingRecord
from scoring.report.text import of_model, percent
from scoring.submissions.submission import find_dog

_MODEL_OF = re.compile(rb"Model of [\d-]{10} \d\d:\d\d(:\d\d)?")  # 0.1.0 told no seconds


def print_training(
    console: Console, folder: ModelFolder, record: TrainingRecord, features_s: float, wall_s: float
) -> None:
    """Print how good a fine-tuned model is, and where it is."""
    data, accuracy = record.data, record.metrics.after_calibration.accuracy
    rows = [
        ("labels", ", ".join(record.labels)),
        ("photos", _photos(record)),
        *_copies(data),
        ("unreadable", str(data.num_errors)),
        (
            "accuracy",
            f"{percent(accuracy, 2)} of {data.num_validation} photos{_different(data)}{_unseen(record)}",
        ),
        ("log loss", _losses(record)),
        *_submission(record),
        *agreement_row(record.agreement),
        ("temperature", _calibration(record)),
        *_rate(folder),
        ("seconds", f"{wall_s:.1f}, of which features {features_s:.1f}"),
        ("model", str(folder.path)),
    ]
    print_table(console, "fine-tuned", rows)
    for warning in record.warnings:
        console.print(warning, style="yellow")
    asked = record.asked.num_folds if record.asked else 0
    if 0 < data.num_folds < asked:
        rarest = f"is of no more {data.group_column}" if data.group_column else "has no more different photos"
        said = f"{data.num_folds} folds instead of {asked}: the rarest label {rarest} to train on"
        console.print(said, style="yellow")


def print_stale_report(console: Console, folder: ModelFolder, record: TrainingRecord) -> None:
    """Say that a report is of an earlier model by its words, if it can be read: the model is finished at any rate."""
    with suppress(OSError, StorageError):
        told = _MODEL_OF.search(folder.report.read_bytes()) if folder.has_report else None
        if told and not of_model(record.created_at).encode().startswith(told[0]):
            said = f"{folder.path} still holds {folder.report.name} of the earlier model; run what made it again"
            console.print(said, style="yellow")


def print_kept(console: Console, record: TrainingRecord, earlier: TrainingRecord | None) -> None:
    """Say that a finished model of another version was left as it is: this one might calibrate it otherwise."""
    version = record.versions.get("shardscore", "0.1.0")  # which did not tell
    if earlier is not None and earlier.created_at == record.created_at and version != __version__:
        said = f"the finished model of version {version} stays as it is; `overwrite` trains and calibrates one anew"
        console.print(said, style="yellow")


def print_replaced(
    console: Console, folder: ModelFolder, record: TrainingRecord, earlier: TrainingRecord | None
) -> None:
    """Say that a finished model has given way to another, which runs that go by it cannot be continued with."""
    if earlier is not None and (earlier.digest, earlier.network) != (record.digest, record.network):
        said = f"the finished model in {folder.path} was replaced, as photos, groups, features or files of it changed;"
        console.print(f"{said} runs by the earlier one are refused with this one", style="yellow")


def _submission(record: TrainingRecord) -> list[tuple[str, str]]:
    if find_dog(record.labels) is None:
        return []
    losses = record.metrics.submission_log_loss
    lesson = f"uncalibrated, with the lesson's clip of 0.05, {losses.lesson_clip:.4f}"
    return [("submission", f"log loss {losses.calibrated:.4f}; {lesson}")]


def _calibration(record: TrainingRecord) -> str:
    temperature = f"{record.calibration.temperature:.3f}"
    return temperature if find_dog(record.labels) is None else f"{temperature}, clip {record.calibration.clip:.4f}"


def _rate(folder: ModelFolder) -> list[tuple[str, str]]:
    """How fast the base network took photos, as this folder's last extraction tells; none where it does not."""
    features = None
    with suppress(ScoringError):
        features = folder.features.load_record()
    rate = features.summary.steady_images_per_s if features and features.summary else None
    if rate is None:
        return []
    return [("images/s", f"{rate:.1f} through the base network, which scoring takes them through as well")]


def _photos(record: TrainingRecord) -> str:
    data = record.data
    if data.is_cross_validated:
        if data.num_draws > 1:
            return (
                f"{data.num_train}, in {data.num_folds} folds, drawn {data.num_draws} times: each is validated by the "
                f"{data.num_draws} heads that were not trained on it"
            )
        return (
            f"{data.num_train}, in {data.num_folds} folds: each is validated by the head that was trained on the others"
        )
    return f"{data.num_train} to train on, {data.num_validation} to validate on"


def _different(data: TrainingData) -> str:
    return f", {data.num_different} {data.of_different}" if data.has_measured_copies else ""


def _unseen(record: TrainingRecord) -> str:
    """That no head was trained on what it is measured on, unless copies are, of which the warning tells."""
    if record.settings.kind is HeadKind.SOFTMAX:
        return ", by which training ended: a little too good"
    of_group = f" or others of their {record.data.group_column}" if record.data.group_column else ""
    return "" if record.data.num_seen else f", by heads that had not seen them{of_group}"


def _copies(data: TrainingData) -> list[tuple[str, str]]:
    if not data.num_copies:
        return []
    mirrored = ", mirrored ones counted" if data.counts_mirrored else ""
    where = "" if data.num_seen else ", each on the side of the photo that it is a copy of"
    return [("copies", f"{data.num_copies:,}, told by equal pixels{mirrored}{where}")]


def _losses(record: TrainingRecord) -> str:
    stages = (record.metrics.first_head, record.metrics.before_calibration, record.metrics.after_calibration)
    first, before, after = (f"{stage.log_loss:.4f}" for stage in stages)
    if record.data.num_folds:
        return f"{before}, calibrated {after}"
    ensemble = f"one head {first}, mean of {len(record.heads)} {before}" if len(record.heads) > 1 else first
    return f"{ensemble}, calibrated {after}"
