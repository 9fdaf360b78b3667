"""What a command says at its end: tables on a terminal, the same words in a log."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from cluster.ledger import TaskFailed
from cluster.work import T
from scoring.models.model_folder import ModelFolder
from scoring.networks.openvino_engine import MAX_CHANGED_LABELS, Agreement
from scoring.run.folder import RunFolder
from scoring.run.manifest import ManifestInfo
from scoring.shards.scorer import ScorerDescription
from scoring.shards.summary import BOUND_BY, Summary
from scoring.sonar.network import SonarMetrics
from scoring.sonar.protocols import TITLES
from scoring.sonar.results import StudyRow


def print_summary(
    console: Console, summary: Summary, manifest: ManifestInfo, folder: RunFolder, scorer: ScorerDescription
) -> None:
    """Print a run's figures and where its files are."""
    steady = "-" if summary.steady_images_per_s is None else f"{summary.steady_images_per_s:.1f}"
    rows = [
        ("images", f"{summary.num_images} of {manifest.num_images} ({summary.num_scored} scored now)"),
        ("errors", str(summary.num_errors)),
        *_accuracy(summary),
        ("left out", f"{manifest.num_left_out} files that are not images"),
        ("precision", f"{scorer.precision}: {scorer.precision_reason}"),
        *_agreement(scorer.agreement),
        ("images/s cold", f"{summary.images_per_s:.1f} ({summary.wall_s:.1f} s in all)"),
        ("images/s steady", steady),
        *(
            (f"{stage} s", f"{getattr(summary, f'{stage}_s'):.1f}")
            for stage in ("read", "decode", "wait", "score", "write")
        ),
        ("bound by", BOUND_BY[summary.bound_by]),
        ("memory", _memory(summary)),
        ("predictions", str(folder.predictions)),
        ("run record", str(folder.record)),
    ]
    print_table(console, "images", rows)


def _memory(summary: Summary) -> str:
    worker = f"{summary.worker_memory_bytes / 1e6:.0f} MB in the largest worker, " if summary.num_scored else ""
    return f"{worker}{summary.driver_memory_bytes / 1e6:.0f} MB in the driver"


def _agreement(found: Agreement | None) -> list[tuple[str, str]]:
    """For int8, how far it is from float32."""
    if found is None:
        return []
    equal = f"{found.equal_labels:.1%} of {found.num_images} labels equal"
    words = f"{equal}, probabilities within {found.largest_difference:.3f}"
    if 1 - found.equal_labels > MAX_CHANGED_LABELS:
        words += f"; more than {MAX_CHANGED_LABELS:.0%} changed: think of --precision bfloat16"
    return [("int8, float32", words)]


def _accuracy(summary: Summary) -> list[tuple[str, str]]:
    """For labelled photos, how many are right."""
    if not summary.num_labelled:
        return []
    share = summary.num_right / summary.num_labelled
    return [("accuracy", f"{share:.2%}: {summary.num_right} of {summary.num_labelled} labelled images")]


def print_sonar(console: Console, metrics: SonarMetrics, folder: RunFolder) -> None:
    """Print the sonar task's result beside the article's."""
    rows = [("returns", str(metrics.num_rows))]
    if metrics.test_accuracy is not None:
        rows += [
            ("accuracy", f"{metrics.test_accuracy:.2%} on {metrics.num_test} returns kept out of training"),
            ("the article's", f"{metrics.article_accuracy:.2%}"),
        ]
    rows += [("seconds", f"{metrics.wall_s:.1f}"), ("files", str(folder.sonar))]
    print_table(console, "sonar", rows)


def print_study(console: Console, rows: Sequence[StudyRow], folder: Path, wall_s: float) -> None:
    """Print a sonar study, protocol by protocol: every model beside the published figure. In percent."""
    for protocol in dict.fromkeys(row.protocol for row in rows):
        table = Table(title=TITLES[protocol], title_justify="left", box=None, pad_edge=False)
        for name in ("model", "accuracy %", "95% interval", "sd", "log loss", "published"):
            table.add_column(name, justify="left" if name in ("model", "published") else "right", no_wrap=True)
        for row in rows:
            if row.protocol is protocol:
                table.add_row(row.model, *_study_figures(row))
        console.print(table)
    for method in dict.fromkeys(row.interval.method for row in rows):
        console.print(f"interval: {method}")
    console.print(f"{wall_s:.1f} s; all folds, out-of-fold probabilities and the model: {folder!s}")


def _study_figures(row: StudyRow) -> tuple[str, ...]:
    interval = f"{100 * row.interval.low:.1f} to {100 * row.interval.high:.1f}"
    theirs = f"{100 * row.published.accuracy:.1f} {row.published.what}" if row.published else "-"
    return f"{100 * row.accuracy:.1f}", interval, f"{100 * row.deviation:.1f}", f"{row.log_loss:.3f}", theirs


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


def print_failures(
    console: Console, failures: Sequence[TaskFailed[T]], start_failures: Sequence[str], name: Callable[[T], str] = str
) -> None:
    """Name every task that was given up, and every cause once."""
    for reason in dict.fromkeys(start_failures):
        console.print(f"a replacement actor could not start: {reason}", style="yellow")
    for failure in failures:
        console.print(
            f"{name(failure.task)} is missing after {failure.attempts} attempts: {failure.reason}", style="red"
        )
    if failures:
        console.print(f"{len(failures)} missing. Run the same command again for just that.")


def print_table(console: Console, title: str, rows: Sequence[tuple[str, str]]) -> None:
    """Print names and values in two columns."""
    table = Table(title=title, title_justify="left", show_header=False, box=None, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")  # a path is shown whole
    for name, value in rows:
        table.add_row(name, value)
    console.print(table)
