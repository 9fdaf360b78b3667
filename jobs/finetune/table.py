"""What `finetune` says at its end: how good the model is, and where it is."""

from typing import Any

from rich.console import Console

from jobs.console.tables import print_table
from scoring.models.model_folder import ModelFolder


def print_training(console: Console, folder: ModelFolder, features_s: float, wall_s: float) -> None:
    """Print how good a fine-tuned model is, and where it is."""
    record = folder.load_record()
    data, metrics, submissions = record["data"], record["metrics"], record["metrics"]["submission_log_loss"]
    calibrated = metrics["after_calibration"]
    rows = [
        ("labels", ", ".join(record["labels"])),
        ("photos", f"{data['num_train']} to train on, {data['num_validation']} to validate on"),
        ("unreadable", str(data["num_errors"])),
        ("accuracy", f"{calibrated['accuracy']:.2%} of the validation photos"),
        ("log loss", _losses(metrics, len(record["heads"]))),
        (
            "submission",
            f"log loss {submissions['calibrated']:.4f}; with the lesson's clip of 0.05 "
            f"{submissions['lesson_clip']:.4f}",
        ),
        ("temperature", f"{record['calibration']['temperature']:.3f}, clip {record['calibration']['clip']:.4f}"),
        ("seconds", f"{wall_s:.1f}, of which features {features_s:.1f}"),
        ("model", str(folder.path)),
    ]
    print_table(console, "fine-tuned", rows)


def _losses(metrics: dict[str, Any], num_heads: int) -> str:
    single, before, after = (
        f"{metrics[name]['log_loss']:.4f}" for name in ("first_head", "before_calibration", "after_calibration")
    )
    ensemble = f"one head {single}, mean of {num_heads} {before}" if num_heads > 1 else single
    return f"{ensemble}, calibrated {after}"
