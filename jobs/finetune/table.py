"""What `finetune` says at its end: how good the model is, and where it is."""

from rich.console import Console

from jobs.console.tables import print_table
from scoring.models.model_folder import ModelFolder
from scoring.models.training_record import AFTER_CALIBRATION, BEFORE_CALIBRATION, FIRST_HEAD, TrainingRecord


def print_training(
    console: Console, folder: ModelFolder, record: TrainingRecord, features_s: float, wall_s: float
) -> None:
    """Print how good a fine-tuned model is, and where it is."""
    submission = record.submission_log_loss
    rows = [
        ("labels", ", ".join(record.labels)),
        ("photos", f"{record.num_train} to train on, {record.num_validation} to validate on"),
        ("unreadable", str(record.num_errors)),
        ("accuracy", f"{record.metrics[AFTER_CALIBRATION].accuracy:.2%} of the validation photos"),
        ("log loss", _losses(record)),
        (
            "submission",
            f"log loss {submission['calibrated']:.4f}; with the lesson's clip of 0.05 {submission['lesson_clip']:.4f}",
        ),
        ("temperature", f"{record.calibration.temperature:.3f}, clip {record.calibration.clip:.4f}"),
        ("seconds", f"{wall_s:.1f}, of which features {features_s:.1f}"),
        ("model", str(folder.path)),
    ]
    print_table(console, "fine-tuned", rows)


def _losses(record: TrainingRecord) -> str:
    stages = (FIRST_HEAD, BEFORE_CALIBRATION, AFTER_CALIBRATION)
    first, before, after = (f"{record.metrics[stage].log_loss:.4f}" for stage in stages)
    ensemble = f"one head {first}, mean of {len(record.heads)} {before}" if len(record.heads) > 1 else first
    return f"{ensemble}, calibrated {after}"
