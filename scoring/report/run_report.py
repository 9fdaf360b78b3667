"""What a report says of a run folder."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from scoring.errors import RunFolderError
from scoring.pixels.decoding import Resize
from scoring.quality.one_answer import likely_cause
from scoring.report.facts import run_facts, time_blocks, unreadable_blocks
from scoring.report.histogram import histogram_figure, labels_table
from scoring.report.looks import Album, look_blocks
from scoring.report.parts import Block, KeyFigure, Report, Section
from scoring.report.quality import Quality, measure_quality, measures_facts, quality_blocks, quality_notes
from scoring.report.rows import ScoredRows, Unreadable, read_rows, read_unreadable
from scoring.report.text import confidence, count, folder_title, measure, moment, percent, percent_range, plural
from scoring.run.folder import RunFolder
from scoring.run.reader import some
from scoring.run.record import RunRecord
from scoring.run.verification import RunStatus, run_status
from scoring.storage.locations import Location, locate

MAX_ROWS = 1_000_000  # held at once, about 0.3 GB at 32 labels; of a larger run, shards are drawn at random


@dataclass(frozen=True)
class _Run:
    """A run folder as far as a report needs it."""

    folder: RunFolder
    labels: Sequence[str]
    status: RunStatus
    rows: ScoredRows | None
    unreadable: Unreadable
    quality: Quality | None
    subtitle: str
    about: Sequence[Block]
    album: Album
    warnings: Sequence[str]


def run_report(folder: RunFolder, images: Location | None, verify: bool = True) -> tuple[Report, RunStatus]:
    """Tell of a run.

    Args:
        folder: The run.
        images: Where its images lie now; None for where they lay.
        verify: Read every row with its checksum, and compare ids and digests: what is damaged is not told of.

    Returns:
        The report, and what is missing.

    Raises:
        RunFolderError: If the folder holds no run.
    """
    run = _load(folder, images, verify)
    sections = [Section("Run", run.about, layout="columns")]
    if run.rows is not None and len(run.rows.numbers):
        sections.append(_scores_section(run.rows, run.quality, run.labels))
        sections.append(Section("Looks", look_blocks(run.rows, run.labels, run.album)))
    sections.append(Section("Unreadable files", unreadable_blocks(run.unreadable)))
    report = Report(
        title=folder_title(folder.path),
        subtitle=run.subtitle,
        key_figures=_key_figures(run),
        sections=sections,
        notices=[*_notices(run.status), *run.warnings],
    )
    return report, run.status


def _scores_section(rows: ScoredRows, quality: Quality | None, labels: Sequence[str]) -> Section:
    """What the model said, and how right that is if the truth is known."""
    histogram = histogram_figure(rows, labels)
    if quality is None:
        return Section("Probabilities", [histogram, labels_table(rows, labels)])
    blocks = quality_blocks(measures_facts(quality), quality, labels)
    return Section("Quality", [*blocks, histogram, *quality_notes(quality, rows.num_unknown)])


def _load(folder: RunFolder, images: Location | None, verify: bool) -> _Run:
    record = folder.load_record()
    if record is None:
        raise RunFolderError(f"Expected a run folder written by `score`; {folder.path} has no run.json.")
    status, labels = run_status(folder, verify, max_shards=_max_shards(record)), record.labels
    if not labels:
        raise RunFolderError(f"{folder.path} holds features of photos. Name the model folder that it lies in.")
    files = [folder.shard(shard_id, status.num_shards) for shard_id in status.done]
    rows = read_rows(files, labels) if files else None
    quality = measure_quality(rows) if rows and rows.is_labelled else None
    request = record.request
    where, shape = images or locate(request.images), record.fingerprint.input_shape
    album = Album(where, Resize(request.resize), folder.manifest, request.columns, shape)
    subtitle = f"Run of {moment(datetime.fromisoformat(record.created_at))}"
    about = [run_facts(record), *time_blocks(record.summary)]
    warnings = _warnings(record)
    return _Run(folder, labels, status, rows, read_unreadable(files), quality, subtitle, about, album, warnings)


def _warnings(record: RunRecord) -> list[str]:
    """What speaks against the model."""
    found = record.summary.one_answer if record.summary else None
    if found is None:
        return []
    return [
        f"{percent(found.share)} of the first {plural(found.num_images, 'image')} are {found.label} at "
        f"{confidence(found.probability)}: {likely_cause(record.request)}."
    ]


def _max_shards(record: RunRecord) -> int | None:
    """How many shards have MAX_ROWS rows together; they are of one size but the last."""
    return max(1, int(MAX_ROWS * record.num_shards / record.num_images)) if record.num_images else None


def _notices(status: RunStatus) -> list[str]:
    """What limits the whole report."""
    notices = []
    if status.missing or status.damaged:
        absent = len(status.missing) + len(status.damaged)
        notices.append(
            f"This run is not finished: {count(absent)} of {plural(status.num_shards, 'shard')} are missing"
            + (f", {count(len(status.damaged))} of them damaged" if status.damaged else "")
            + ". All figures are of the others. The same score command again scores what is missing."
        )
    if status.foreign:
        notices.append(f"Not in this report: {some(status.foreign)}, among the shards and none of this run.")
    looked_at = len(status.done) + len(status.damaged)
    if looked_at + len(status.missing) < status.num_shards:
        notices.append(
            f"A sample: {count(status.num_rows)} of {plural(status.num_images, 'row')}, from "
            f"{plural(looked_at, 'shard')} drawn at random, always the same ones."
        )
    return notices


def _key_figures(run: _Run) -> list[KeyFigure]:
    figures = []
    if run.quality:
        figures += _quality_figures(run.quality)
    elif run.rows is not None and len(run.rows.numbers):
        figures.append(_most_frequent(run.rows, run.labels))
        median = float(run.rows.numbers["probability"].median())
        figures.append(KeyFigure("Median confidence", percent(median), "probability of the most likely label"))
    errors = f"{count(run.status.num_errors)} unreadable" if run.status.num_errors else "all readable"
    figures.append(KeyFigure("Images", count(run.status.num_rows), errors))
    return figures


def _quality_figures(quality: Quality) -> list[KeyFigure]:
    interval = quality.accuracy_interval
    accuracy = KeyFigure("Accuracy", percent(quality.accuracy), f"95%: {percent_range(interval.low, interval.high)}")
    if quality.log_loss is not None:
        auc = KeyFigure("ROC AUC", measure(quality.roc_auc), "0.5 is chance, 1 is perfect")
        return [accuracy, KeyFigure("Log loss", measure(quality.log_loss), "nats per image"), auc]
    if quality.top_five is not None:
        return [accuracy, KeyFigure("Top five", percent(quality.top_five), "truth among the five most likely")]
    return [accuracy]


def _most_frequent(rows: ScoredRows, labels: Sequence[str]) -> KeyFigure:
    said = rows.numbers["predicted"].value_counts(sort=True)
    best = int(min(said.index[said == said.max()]))
    return KeyFigure("Most frequent label", labels[best], f"{percent(int(said[best]) / len(rows.numbers))} of images")
