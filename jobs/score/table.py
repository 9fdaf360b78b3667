"""What `score` says at its end: a run's figures, and those of the sonar returns beside it."""

from collections.abc import Mapping, Sequence

from rich.console import Console

from jobs.console.terminal import print_table
from scoring.networks.agreement import Agreement
from scoring.quality.below_chance import most_below_chance, what_to_look_at
from scoring.quality.multi_label import WITHOUT_TARGET, told_of_flags
from scoring.quality.one_answer import likely_cause
from scoring.report.text import percent
from scoring.run.folder import RunFolder
from scoring.run.record import RequestRecord, RunRecord
from scoring.run.summary import BOUND_BY, OneAnswer, Summary
from scoring.run.verification import RunStatus
from scoring.run.wording import plural
from scoring.sonar.metrics_file import SonarMetrics
from scoring.sonar.returns import NOT_UCI
from scoring.storage.redaction import brief


def print_summary(console: Console, summary: Summary, record: RunRecord, folder: RunFolder) -> None:
    """Print a run's figures and where its files are."""
    steady = "-" if summary.steady_images_per_s is None else f"{summary.steady_images_per_s:.1f}"
    done = "scored" if record.labels else "embedded"
    rows = [
        ("images", f"{summary.num_images} of {record.num_images} ({summary.num_scored} {done} now)"),
        *_changed(summary),
        ("errors", str(summary.num_errors)),
        *(_unmeasured(summary, record.labels) if record.is_multi_label else _accuracy(summary, record)),
        *_below_chance(summary, record),
        *_one_answer(summary.one_answer, record.request),
        ("left out", record.left_out_in_words),
        ("precision", f"{record.fingerprint.precision}: {record.precision_reason}"),
        *agreement_row(record.agreement),
        *([("GPU not used", summary.unused_gpu)] if summary.unused_gpu else []),
        *([("batch size", ", ".join(map(str, summary.batch_sizes)))] if summary.batch_sizes else []),
        ("images/s cold", f"{summary.images_per_s:.1f} ({summary.wall_s:.1f} s in all)"),
        ("images/s steady", steady),
        *(
            (f"{stage} s", f"{getattr(summary, f'{stage}_s'):.1f}")
            for stage in ("read", "decode", "wait", "score", "write")
        ),
        *_bound_by(summary, record.num_images),
        ("memory", _memory(summary)),
        ("predictions", str(folder.predictions)),
        ("run record", str(folder.record)),
    ]
    print_table(console, "images", rows)
    if console.quiet:  # of the table warnings alone are shown
        disagreement = agreement_row(record.agreement) if record.agreement and record.agreement.warning else []
        doubts = *_below_chance(summary, record), *_one_answer(summary.one_answer, record.request), *disagreement
        for name, words in doubts:
            console.print(f"{name}: {words}", style="yellow")
    if summary.warning_of_learned:
        console.print(summary.warning_of_learned, style="yellow")


def print_all_errors(console: Console, num_errors: int, reason: str | None) -> None:
    """Warn that every row is an error."""
    console.print(f"every row is an error, {num_errors} of {num_errors}; most often: {reason}", style="yellow")


def print_left(console: Console, found: RunStatus) -> None:
    """Say what the same command would do again in a run whose every row is there."""
    if found.to_retry:
        them = "it" if sum(found.to_retry.values()) == 1 else "them"
        again = f"the same command tries {them} again, when nothing else is left to do"
        console.print(f"{unread_images(found.to_retry)}; {again}", style="yellow")


def unread_images(unread: Mapping[int, int]) -> str:
    """In words how many images may be readable at another time; `unread` has their number by shard."""
    return f"{plural(sum(unread.values()), 'image')} could not be read for a reason that may pass"


def _changed(summary: Summary) -> list[tuple[str, str]]:
    """How many photos had changed since they were scored."""
    return [("changed", f"{changed_photos(summary.num_changed)}; scored again")] if summary.num_changed else []


def changed_photos(count: int) -> str:
    """The number of changed photos, in words."""
    if count == 1:
        return "1 photo changed, or was copied, since it was scored"
    return f"{count} photos changed, or were copied, since they were scored"


def _bound_by(summary: Summary, num_images: int) -> list[tuple[str, str]]:
    """What held the job up; of one that scored nothing of what it had to, that is told by what was raised."""
    is_given_up = summary.bound_by == "nothing" and summary.num_images < num_images
    return [] if is_given_up else [("bound by", BOUND_BY[summary.bound_by])]


def _memory(summary: Summary) -> str:
    worker = f"{summary.worker_memory_bytes / 1e6:.0f} MB in the largest actor, " if summary.num_scored else ""
    return f"{worker}{summary.driver_memory_bytes / 1e6:.0f} MB in the driver"


def agreement_row(found: Agreement | None) -> list[tuple[str, str]]:
    """How far int8 is from float32, where it was measured."""
    if found is None:
        return []
    equal = f"{percent(found.equal_labels)} of {found.num_images} labels equal"
    words = f"{equal}, probabilities within {found.largest_difference:.3f}"
    return [("int8, float32", f"{words}; {found.warning}" if found.warning else words)]


def _accuracy(summary: Summary, record: RunRecord) -> list[tuple[str, str]]:
    """How many labelled photos got their label; how many have one that the model does not give, and how many none."""
    num_unknown, unknown = summary.num_unknown, _unknown(summary, record.labels)
    unlabelled = f"{summary.num_unlabelled:,} without a label" if summary.num_unlabelled else ""
    if not summary.num_labelled:
        images = plural(num_unknown, "labelled image")
        known = f"the model knows no label of {images}, such as {unknown}{_numbers_hint(record)}" if num_unknown else ""
        return [("accuracy", f"none: {'; '.join(filter(None, (known, unlabelled)))}")] if known or unlabelled else []
    share = summary.num_right / summary.num_labelled
    words = [f"{percent(share, 2)}: {summary.num_right} of {summary.num_labelled} labelled images"]
    if num_unknown:
        words.append(f"{num_unknown:,} left out, whose label the model does not know, such as {unknown}")
    if unlabelled:
        words.append(f"{unlabelled} left out")
    return [("accuracy", "; ".join(words))]


def _numbers_hint(record: RunRecord) -> str:
    """What to do where the model says numbers, and a table may tell the names of its own."""
    request = record.request
    is_by_table = request.columns.label or (request.labels_from or "").lower().endswith(".parquet")
    if not is_by_table or list(record.labels) != list(map(str, range(len(record.labels)))):
        return ""
    last = len(record.labels) - 1
    return (
        f" (its own are 0 to {last}; where a table's numbers are named by its `huggingface` metadata, name the model's "
        "classes by `labels` in that order, those of a fine-tuned folder with its model.keras)"
    )


def _unmeasured(summary: Summary, labels: Sequence[str]) -> list[tuple[str, str]]:
    """How many images have labels that the model does not give, or no target, where several may be true of one."""
    words = []
    if summary.num_unknown:
        images = plural(summary.num_unknown, "labelled image")
        such = f"{_unknown(summary, labels)}{told_of_flags(summary.unknown_labels)}"
        words.append(f"{images}, whose labels the model does not know, such as {such}")
    if summary.num_unlabelled:
        words.append(f"{plural(summary.num_unlabelled, 'image')} {WITHOUT_TARGET}")
    return [("not measured", "; ".join(words))] if words else []


def _unknown(summary: Summary, labels: Sequence[str]) -> str:
    """The first labels that tell no class."""
    several = " (the name of several classes)"
    return ", ".join(f"{brief(one)!r}{several if labels.count(one) > 1 else ''}" for one in summary.unknown_labels)


def _below_chance(summary: Summary, record: RunRecord) -> list[tuple[str, str]]:
    """A warning if chance would be right more often."""
    most = most_below_chance(summary, len(record.labels))
    if most is None:
        return []
    words = f"at most {percent(most)} right, by a 95% interval, where chance is {percent(1 / len(record.labels))}"
    return [("below chance", f"{words}; {what_to_look_at(record.request)}")]


def _one_answer(found: OneAnswer | None, request: RequestRecord) -> list[tuple[str, str]]:
    """A warning if nearly all images got the same label."""
    if found is None:
        return []
    alike = f"{found.share:.1%} of {plural(found.num_images, 'image')} that were looked at"
    words = f"{alike} have {found.label} as their likeliest label, at {found.probability:.4f}"
    return [("one answer", f"{words}; {likely_cause(request)}")]


def print_sonar(console: Console, metrics: SonarMetrics, folder: RunFolder) -> None:
    """Print the sonar task's result, of UCI's returns beside the article's."""
    rows = [("returns", str(metrics.num_rows))]
    if metrics.best_accuracy is not None:
        rows += [("accuracy", f"{metrics.best_accuracy:.2%} on {metrics.measured_on}")]
    if metrics.is_tested:
        article = metrics.article_accuracy if metrics.are_uci else None
        rows += [("published figures", NOT_UCI) if article is None else ("the article's", f"{article:.2%}")]
    rows += [("seconds", f"{metrics.wall_s:.1f}"), ("files", str(folder.sonar))]
    print_table(console, "sonar", rows)
    if metrics.warning_of_copies:
        console.print(metrics.warning_of_copies, style="yellow")
