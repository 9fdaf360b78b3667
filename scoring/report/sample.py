"""Which rows of a large run a report is of, and what is known of all the others."""

from scoring.quality.multi_label import WITHOUT_TARGET
from scoring.report.quality import Quality, measure_quality
from scoring.report.rows import ScoredRows, Unreadable
from scoring.report.text import count
from scoring.run.record import RunRecord
from scoring.run.summary import Summary
from scoring.run.verification import RunStatus
from scoring.run.wording import plural

MAX_ROWS = 1_000_000  # held at once, about 0.3 GB at 32 labels; of a larger run, shards are drawn at random
_MANY_LABELS = 32  # of more, all of them stored, so many fewer rows
_READ = 8  # times as many rows are read then, and some of each shard are held


def max_shards(record: RunRecord) -> int | None:
    """How many shards are read; None for all. All but the last have as many rows."""
    num_read = min(MAX_ROWS, _READ * _num_held(record))
    return max(1, int(num_read * record.num_shards / record.num_images)) if record.num_images else None


def share_of(record: RunRecord, num_rows: int) -> float:
    """The share of the rows in the shards that are read that is held."""
    return min(1.0, _num_held(record) / max(1, num_rows))


def _num_held(record: RunRecord) -> float:
    wider = max(1, len(record.labels) / _MANY_LABELS) if record.stores_vectors else 1
    return MAX_ROWS / wider


def count_whole(record: RunRecord, status: RunStatus, rows: ScoredRows | None) -> Summary | None:
    """What `score` counted of all rows; None where these are all, or a shard is known to be gone."""
    is_sample = status.is_sample or bool(rows and rows.num_not_drawn)
    return record.summary if is_sample and not status.missing and not status.damaged else None


def measure_sample(rows: ScoredRows, status: RunStatus, whole: Summary | None) -> Quality:
    """Measure labelled rows, with the accuracy of all where it was counted; of shards alone, with what that tells."""
    quality = measure_quality(rows, status.is_sample)
    return quality.with_all(whole) if whole and whole.num_labelled else quality


def find_left_out(
    record: RunRecord, status: RunStatus, rows: ScoredRows, unreadable: Unreadable, whole: Summary | None
) -> list[str]:
    """How many images have no target or no scores, in words, though labels were told."""
    if not record.request.labels_from:
        return []
    num_unlabelled = whole.num_unlabelled if whole else rows.num_unlabelled
    num_failed, of_sample = unreadable.num_labelled, " of the sample" if status.is_sample else ""
    without = WITHOUT_TARGET if record.is_multi_label else "without a label"
    unlabelled = [f"{plural(num_unlabelled, 'image')} {without}"] if num_unlabelled else []
    failed = [f"{plural(num_failed, 'labelled image')}{of_sample} without scores"] if num_failed else []
    return [*unlabelled, *failed]


def notices_of_draw(rows: ScoredRows | None) -> list[str]:
    """That some images of each shard stand for all, where it is so."""
    if rows is None or not rows.num_not_drawn:
        return []
    num_drawn = len(rows.numbers)
    return [
        f"A sample of each shard: measures and pictures are of {count(num_drawn)} of "
        f"{plural(num_drawn + rows.num_not_drawn, 'readable image')}, drawn at random, always the same ones."
    ]
