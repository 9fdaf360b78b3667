"""What a run was and where its time went, as parts of a report; from `run.json`."""

from collections.abc import Sequence
from datetime import datetime

from scoring.networks.agreement import Agreement
from scoring.quality.below_chance import most_below_chance, what_to_look_at
from scoring.quality.one_answer import likely_cause
from scoring.report.parts import Bar, Bars, Block, Facts, Prose, Table
from scoring.report.rows import Unreadable
from scoring.report.text import confidence, count, moment, percent, seconds, short_digest, short_labels, shorten
from scoring.run.record import DeviceRecord, RunRecord
from scoring.run.summary import BOUND_BY, Summary
from scoring.run.verification import RunStatus
from scoring.run.wording import plural, reasons_of, so_many_shards, some

_MAX_LABELS = 12  # named among the facts
_MAX_REASONS = 20
_PATH_LENGTH, _REASON_LENGTH = 160, 300  # characters shown

# Stage, and where it runs: the first two beside the model, in threads of their own.
_STAGES = {
    "read": "reading files, added over the decode threads, beside the model",
    "decode": "decoding and resizing, likewise",
    "wait": "the model waited for pixels",
    "score": "the model worked",
    "write": "writing predictions, while the model waited",
}


def run_facts(record: RunRecord) -> Facts:
    """All that shaped the run."""
    request, fingerprint = record.request, record.fingerprint
    rows = [
        ("images", request.images),
        ("truth", f"from {request.labels_from}" if request.labels_from else "not told"),
        ("model", request.model_name),
        ("weights", request.weights or "the model's own"),
        ("labels", label_names(record.labels)),
        ("resize", fingerprint.resize),
        ("engine", fingerprint.engine),
        ("precision", f"{fingerprint.precision}: {record.precision_reason}"),
        *agreement_row(record.agreement),
        ("started", moment(datetime.fromisoformat(record.created_at))),
        ("shards", f"{count(record.num_shards)}, with {plural(record.num_images, 'image')} in all"),
        ("left out", record.left_out_in_words),
        *_devices(record.devices),
        ("versions", ", ".join(f"{name} {version}" for name, version in record.versions.items())),
        ("images' digest", short_digest(fingerprint.images)),
        ("model's digest", short_digest(fingerprint.model)),
    ]
    return Facts("What was scored, and with what", rows)


def label_names(labels: Sequence[str]) -> str:
    """The labels by name, of many the first."""
    named = ", ".join(short_labels(labels[:_MAX_LABELS]))
    return named if len(labels) <= _MAX_LABELS else f"{count(len(labels))}: {named}, …"


def agreement_row(found: Agreement | None) -> list[tuple[str, str]]:
    """How far int8 is from float32, as a row; none for other precisions."""
    if found is None:
        return []
    equal, largest = percent(found.equal_labels), percent(found.largest_difference)
    images = plural(found.num_images, "image")
    words = f"{equal} of the labels of {images}; probabilities within {largest}"
    return [("agreement with float32", f"{words}; {found.warning}" if found.warning else words)]


def _devices(devices: Sequence[DeviceRecord]) -> list[tuple[str, str]]:
    """The actors that were ready, of the last invocation."""
    if not devices:
        return []
    num_gpus = sum(bool(device.gpu_ids) for device in devices)
    hosts = len({device.host for device in devices})
    kind = f"{num_gpus} of them with GPUs" if num_gpus else "without GPUs"
    return [("actors", f"{len(devices)} on {plural(hosts, 'machine')}, {kind}")]


def notices_of(status: RunStatus) -> list[str]:
    """What limits the whole report, one sentence each: missing shards, no sonar results, foreign files, a sample."""
    notices = []
    if found := lacks(status):
        others = "All figures are of the others" if status.done else "There is no other"
        notices.append(
            f"This run is not finished: {', and '.join(found)}. {others}. "
            "The same score command again scores what is missing or damaged."
        )
    if status.lacks_sonar:
        notices.append("Sonar results are missing. The same score command again makes them.")
    if status.foreign:
        notices.append(f"Not in this report: {some(status.foreign)}, among the shards and none of this run.")
    looked_at = len(status.done) + len(status.damaged)
    if status.is_sample:
        notices.append(
            f"A sample: {count(status.num_rows)} of {plural(status.num_images, 'row')}, from "
            f"{plural(looked_at, 'shard')} drawn at random, always the same ones."
        )
    return notices


def lacks(status: RunStatus) -> list[str]:
    """How many shards are missing, and how many are damaged and why, in words; nothing where all are sound."""
    found = []
    if status.missing:
        found.append(f"{so_many_shards(len(status.missing), status.num_shards)} missing")
    if status.damaged:
        reasons = some(reasons_of(status.damaged))
        found.append(f"{so_many_shards(len(status.damaged), status.num_shards)} damaged: {reasons}")
    return found


def warnings_of(record: RunRecord) -> list[str]:
    """What speaks against the run, a GPU not used; against its measures; against the model."""
    work = record.work
    if work is None:
        return []
    warnings = [work.unused_gpu] if work.unused_gpu else []
    if record.summary and (learned := record.summary.warning_of_learned):
        warnings.append(f"{learned[0].upper()}{learned[1:]}.")
    if (found := work.one_answer) is not None:
        warnings.append(
            f"{percent(found.share)} of {plural(found.num_images, 'image')} that were looked at have {found.label} as "
            f"their likeliest label, at {confidence(found.probability)}: {likely_cause(record.request)}."
        )
    if record.summary and (most := most_below_chance(record.summary, len(record.labels))) is not None:
        warnings.append(
            f"At most {percent(most)} are right, by a 95% interval, where chance is {percent(1 / len(record.labels))}: "
            f"{what_to_look_at(record.request)}"
        )
    return warnings


def time_blocks(summary: Summary | None, caption: str = "The largest invocation") -> list[Block]:
    """Where the time of the invocation went that scored the most images.

    Args:
        summary: What `run.json` says of it; None for a run that is not complete.
        caption: What the table is called.
    """
    if summary is None:
        return [Prose("No time split: the run has not come to its end yet.")]
    steady = summary.steady_images_per_s
    rows = [
        ("images scored", f"{count(summary.num_scored)} of {count(summary.num_images)}"),
        ("wall time", seconds(summary.wall_s)),
        ("images per second", f"{summary.images_per_s:.1f} from command to end"),
        ("steady", f"{steady:.1f} images per second after each actor's first batch" if steady else "one batch only"),
        ("bound by", BOUND_BY.get(summary.bound_by, summary.bound_by).replace("`", "")),
        ("lost", f"{plural(summary.num_lost_workers, 'actor')}; {plural(summary.num_repeats, 'repeated shard')}"),
    ]
    return [Facts(caption, rows), _time_split(summary)]


def _time_split(summary: Summary) -> Bars:
    took = {stage: getattr(summary, f"{stage}_s") for stage in _STAGES}
    longest = max(took.values()) or 1.0
    return Bars(
        "Where the time went, added over all actors",
        ("stage", "time", "what"),
        [Bar(stage, seconds(took[stage]), took[stage] / longest, what) for stage, what in _STAGES.items()],
    )


def unreadable_blocks(unreadable: Unreadable, is_sample: bool = False, num_all: int | None = None) -> list[Block]:
    """The images without scores, and why.

    Args:
        unreadable: Those that were looked at.
        is_sample: Whether there are others.
        num_all: How many of the whole run have no scores, where it is a sample; None where that is not known.
    """
    num_errors = sum(unreadable.reasons.values())
    whole = "" if num_all is None else f" Of the whole run {plural(num_all, 'image')} could not be scored."
    if not num_errors:
        return [Prose(f"None of the sample.{whole}" if is_sample else "None: every image was read.")]
    reasons = list(unreadable.reasons.items())
    blocks: list[Block] = [
        *([Prose(f"Of the sample.{whole}")] if is_sample else []),
        *([Prose(f"{plural(unreadable.num_read, 'image')} of these could be read.")] if unreadable.num_read else []),
        Table(
            f"Reasons, {_first(len(reasons), _MAX_REASONS)}",
            ("reason", "images"),
            [(shorten(reason, _REASON_LENGTH), count(number)) for reason, number in reasons[:_MAX_REASONS]],
        ),
        Table(
            f"Files, {_first(num_errors, len(unreadable.files))}",
            ("file", "reason"),
            [(shorten(path, _PATH_LENGTH), shorten(reason, _REASON_LENGTH)) for path, reason in unreadable.files],
            num_text_columns=2,
        ),
    ]
    return blocks


def _first(number: int, limit: int) -> str:
    return f"all {count(number)}" if number <= limit else f"the first {count(limit)} of {count(number)}"
