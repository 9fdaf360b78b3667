"""What a report says of a run folder."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from scoring.errors import RunFolderError
from scoring.pixels.decoding import Resize
from scoring.quality.multi_label import MultiLabelEvaluation
from scoring.report.facts import notices_of, run_facts, time_blocks, unreadable_blocks, warnings_of
from scoring.report.histogram import histogram_figure, labels_table
from scoring.report.label_quality import label_blocks, label_figures, measure_labels
from scoring.report.looks import Album, look_blocks
from scoring.report.parts import Block, KeyFigure, Report, Section
from scoring.report.quality import (
    Quality,
    area_figure,
    left_out_notes,
    measures_facts,
    quality_blocks,
    quality_notes,
    unknown_notes,
)
from scoring.report.rows import ScoredRows, Unreadable, read_rows, read_unreadable
from scoring.report.sample import count_whole, find_left_out, max_shards, measure_sample, notices_of_draw, share_of
from scoring.report.text import (
    NONE_OF_THEM,
    count,
    folder_title,
    measure,
    moment,
    percent,
    percent_range,
    short_labels,
)
from scoring.run.folder import RunFolder
from scoring.run.verification import RunStatus, run_status
from scoring.storage.locations import Location, locate


@dataclass(frozen=True)
class _Run:
    """A run folder as far as a report needs it."""

    folder: RunFolder
    labels: Sequence[str]
    status: RunStatus
    rows: ScoredRows | None
    unreadable: Unreadable
    quality: Quality | None
    label_quality: MultiLabelEvaluation | None
    num_unknown: int  # images with a target that the model does not know
    left_out: Sequence[str]  # other images that are not measured, in words, where labels were told
    subtitle: str
    about: Sequence[Block]
    album: Album
    warnings: Sequence[str]
    sampled: tuple[bool, int | None]  # whether rows are a sample, and how many errors all have


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
        sections.append(_scores_section(run, run.rows))
        sections.append(Section("Looks", look_blocks(run.rows, run.labels, run.album)))
    if run.status.done:
        sections.append(Section("Unreadable files", unreadable_blocks(run.unreadable, *run.sampled)))
    report = Report(
        title=folder_title(folder.path),
        subtitle=run.subtitle,
        key_figures=_key_figures(run),
        sections=sections,
        notices=[*notices_of(run.status), *run.warnings],
    )
    return report, run.status


def _scores_section(run: _Run, rows: ScoredRows) -> Section:
    """What the model said, and how right that is if the truth is known."""
    labels, quality = run.labels, run.quality
    histogram = histogram_figure(rows, labels)
    if run.label_quality is not None:
        blocks = [*label_blocks(run.label_quality, labels), histogram, labels_table(rows, labels)]
        return Section("Quality", [*blocks, *left_out_notes(run.num_unknown, run.left_out)])
    if quality is None:
        unknown = unknown_notes(run.num_unknown, run.left_out)
        return Section("Probabilities", [histogram, labels_table(rows, labels), *unknown])
    blocks = quality_blocks(measures_facts(quality), quality, labels)
    return Section("Quality", [*blocks, histogram, *quality_notes(quality, run.num_unknown, run.left_out)])


def _load(folder: RunFolder, images: Location | None, verify: bool) -> _Run:
    record = folder.load_record()
    status = run_status(folder, verify, max_shards(record) if record else None, compare_contents=verify)
    if record is None:  # `run_status` raises, unless it was written a moment ago
        raise RunFolderError(f"Expected a run folder written by `score`; {folder.path} had no run.json. Run again.")
    labels = record.labels
    if not labels:
        raise RunFolderError(
            f"{folder.path} holds features, of which there is no report. If it lies in a model folder, name that."
        )
    files = [folder.shard(shard_id, status.num_shards) for shard_id in status.done]
    share = share_of(record, status.num_rows)
    rows = read_rows(files, labels, record.stores_vectors, share) if files else None
    whole = count_whole(record, status, rows)
    unreadable = read_unreadable(files, record.request.columns.are_known_by_id)
    left_out = find_left_out(record, status, rows, unreadable, whole) if rows else []
    label_quality, num_unknown = None, rows.num_unknown if rows else 0
    if rows and record.is_multi_label:
        label_quality, num_unknown = measure_labels(files, labels, share)
        rows = rows.with_labels_by_themselves()
    quality = measure_sample(rows, status, whole) if rows and rows.is_labelled else None
    request = record.request
    where, shape = images or locate(request.images), record.fingerprint.input_shape
    resize, is_moved = Resize(request.resize), images is not None
    album = Album(where, resize, folder.manifest, request.columns, shape, status.done, is_moved)
    subtitle = f"Run of {moment(datetime.fromisoformat(record.created_at))}"
    about = [run_facts(record), *time_blocks(record.work)]
    warnings = [*notices_of_draw(rows), *warnings_of(record)]
    sampled = status.is_sample, record.summary.num_errors if status.is_sample and record.summary else None
    return _Run(
        *(folder, short_labels(labels), status, rows, unreadable, quality, label_quality),
        *(whole.num_unknown if whole else num_unknown, left_out, subtitle, about, album, warnings, sampled),
    )


def _key_figures(run: _Run) -> list[KeyFigure]:
    figures = []
    if run.label_quality:
        figures += label_figures(run.label_quality)
    elif run.quality:
        figures += _quality_figures(run.quality)
    elif run.rows is not None and len(run.rows.numbers):
        figures += _said_figures(run.rows, run.labels)
    figures.append(KeyFigure("Images", count(run.status.num_rows), _errors(run)))
    return figures


def _errors(run: _Run) -> str:
    if not run.status.done:
        return "none scored yet"
    without = "without scores" if run.unreadable.num_read else "unreadable"
    errors = f"{count(run.status.num_errors)} {without}" if run.status.num_errors else "all readable"
    return f"a sample, {errors}" if run.status.is_sample else errors


def _quality_figures(quality: Quality) -> list[KeyFigure]:
    interval = quality.accuracy_interval
    reach = f"95%: {percent_range(interval.low, interval.high)}"
    note = reach if quality.num_all is None else f"{reach}, of all images"
    accuracy = KeyFigure("Accuracy", percent(quality.accuracy), note)
    if quality.log_loss is not None:
        log_loss = KeyFigure("Log loss", measure(quality.log_loss), "nats per image")
        return [accuracy, log_loss, area_figure(quality.roc_auc)]
    if quality.top_five is not None:
        return [accuracy, KeyFigure("Top five", percent(quality.top_five), "truth among the five most likely")]
    return [accuracy]


def _said_figures(rows: ScoredRows, labels: Sequence[str]) -> list[KeyFigure]:
    """What stands at the top where the truth is not known."""
    said, num_images = rows.num_having(len(labels)), len(rows.numbers)
    best = int(said.argmax())
    share = f"{percent(int(said[best]) / num_images)} of images"
    if rows.by_label is None:
        median = percent(float(rows.numbers["probability"].median()))
        return [
            KeyFigure("Most frequent label", labels[best], share),
            KeyFigure("Median confidence", median, "probability of the most likely label"),
        ]
    return [
        KeyFigure("Most frequent label", labels[best], f"{share}, at 50% or more")
        if said[best]
        else KeyFigure("Most frequent label", NONE_OF_THEM, "no label reaches 50%"),
        KeyFigure("Without a label", percent(rows.num_without / num_images), "of images: every label below 50%"),
    ]
