"""Add up what the shards of one invocation report: how many, how fast, and what held the job up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scoring.process.memory import peak_memory_bytes
from scoring.quality.evaluation import RightCount
from scoring.run.summary import OneAnswer, Summary
from scoring.run.verification import RunStatus
from scoring.shards.report import ShardReport

_STAGES = ("read_s", "decode_s", "wait_s", "score_s", "write_s")
# A model that waits for a smaller share of its time is not bound by its input.
_NOTICEABLE_WAIT = 0.1
_LEAST_BUSY = 0.2  # of a job's time, of the busiest worker: with less, its start was nearly all of it


class ShardTotals:
    """What the shards of one invocation come to. Its size grows with the workers, not with the shards.

    Attributes:
        num_images: Rows written.
        num_errors: Rows with `status="error"` among them.
        stages: Seconds by name of the stage, as in `ShardReport`, added over all workers.
        worker_memory_bytes: The most that any worker's process held.
        batch_sizes: Images per forward pass, as the workers chose or were told.
        num_changed: Images whose contents had changed since they were scored; see `Summary`.
        unused_gpu: What is to be told of a GPU that Keras did not find; see `Summary`.
    """

    def __init__(self) -> None:
        self.num_images = self.num_errors = self.worker_memory_bytes = self.num_changed = 0
        self.unused_gpu: str | None = None
        self.batch_sizes: set[int] = set()
        self.stages = dict.fromkeys(_STAGES, 0.0)
        self._spans: dict[tuple[int, bool], _Span] = {}

    def add(self, worker_id: int, report: ShardReport, is_early: bool = False) -> None:
        """Count a shard that a worker has finished; those of one worker may come in any order.

        Args:
            worker_id: The worker's.
            report: What it took.
            is_early: It was scored before the manifest was there: between these and others nobody may have worked.
        """
        self.num_images += report.num_images
        self.num_errors += report.num_errors
        self.worker_memory_bytes = max(self.worker_memory_bytes, report.peak_memory_bytes)
        self.batch_sizes.add(report.batch_size)
        for stage in _STAGES:
            self.stages[stage] += getattr(report, stage)
        span = self._spans.setdefault((worker_id, is_early), _Span(report, report.finished_at))
        span.num_images += report.num_read
        span.busy_s += _busy_s(vars(report))
        span.finished_at = max(span.finished_at, report.finished_at)
        if report.finished_at < span.first.finished_at:
            span.first = report

    def add_unreported(self, found: RunStatus) -> None:
        """Count shards whose worker died between writing them and telling so: what they took is unknown."""
        self.num_images += found.num_rows
        self.num_errors += found.num_errors

    @property
    def first_batch_at(self) -> float | None:
        """When the first batch had passed a model, in seconds since the epoch; None before."""
        return min((span.first.warmed_up_at for span in self._spans.values()), default=None)

    @property
    def imported_at(self) -> float | None:
        """When the first worker had imported the libraries that run its network; None before."""
        times = (span.first.imported_at for span in self._spans.values())
        return min((at for at in times if at), default=None)

    @property
    def last_shard_at(self) -> float | None:
        """When the last shard's file was in place, in seconds since the epoch; None before."""
        return max((span.finished_at for span in self._spans.values()), default=None)

    @property
    def longest_busy_s(self) -> float:
        """Seconds that the busiest worker waited for pixels, scored and wrote."""
        return max((sum(span.busy_s for span in spans) for spans in self._by_worker()), default=0.0)

    def steady_images_per_s(self) -> float | None:
        """Each worker's rate after its first batch, which compiles, added over workers."""
        rates = [rate for spans in self._by_worker() if (rate := _images_per_s(spans))]
        return sum(rates) if rates else None

    def _by_worker(self) -> list[list["_Span"]]:
        workers = {worker_id for worker_id, _ in self._spans}
        return [[span for (of, _), span in self._spans.items() if of == worker_id] for worker_id in workers]


@dataclass
class _Span:
    """A worker's time at work, from its first batch on, how long it was busy in all, and how many images it read."""

    first: ShardReport
    finished_at: float
    busy_s: float = 0.0
    num_images: int = 0

    @property
    def num_warm(self) -> int:
        """Images after the first batch."""
        return self.num_images - self.first.num_read + self.first.num_warm_images

    @property
    def seconds(self) -> float:
        """How long these took."""
        return max(0.0, self.finished_at - self.first.warmed_up_at)


def _images_per_s(spans: Sequence[_Span]) -> float:
    """The rate of one worker."""
    seconds = sum(span.seconds for span in spans)
    return sum(span.num_warm for span in spans) / seconds if seconds > 0 else 0.0


def summarise(
    totals: ShardTotals,
    found: RunStatus,
    wall_s: float,
    num_lost_workers: int = 0,
    num_repeats: int = 0,
    counted: RightCount | None = None,
    one_answer: OneAnswer | None = None,
    num_learned: int = 0,
    num_alike: int = 0,
    learned_fault: str = "",
) -> Summary:
    """Summarise one invocation, in its driver.

    Args:
        totals: What the shards that it scored come to.
        found: What the run folder holds at the end.
        wall_s: Wall time so far, in seconds, above 0.
        num_lost_workers: Workers that died or hung.
        num_repeats: How often a shard was scored again.
        counted: The labelled rows; None where none were counted.
        one_answer: What nearly all images got.
        num_learned: Labelled rows of images that the model was trained on.
        num_alike: Labelled rows of others of the names and sizes of such.
        learned_fault: What kept these from being known.
    """
    counted = counted or RightCount(())
    steady = totals.steady_images_per_s()
    return Summary(
        num_images=found.num_rows,
        num_errors=found.num_errors,
        num_scored=totals.num_images,
        num_labelled=counted.num_known,
        num_right=counted.num_right,
        images_per_s=(totals.num_images - totals.num_errors) / wall_s,
        steady_images_per_s=steady,
        wall_s=wall_s,
        **totals.stages,
        num_lost_workers=num_lost_workers,
        num_repeats=num_repeats,
        bound_by=_bound_by(totals, wall_s, one_by_one=steady is None),
        worker_memory_bytes=totals.worker_memory_bytes,
        driver_memory_bytes=peak_memory_bytes(),
        num_changed=totals.num_changed,
        one_answer=one_answer,
        batch_sizes=tuple(sorted(totals.batch_sizes)),
        num_unknown=counted.num_unknown,
        unknown_labels=tuple(counted.unknown),
        unused_gpu=totals.unused_gpu,
        num_unlabelled=counted.num_unlabelled,
        num_learned=num_learned,
        num_alike=num_alike,
        learned_fault=learned_fault,
    )


def _bound_by(totals: ShardTotals, wall_s: float, one_by_one: bool) -> str:
    """The stage that held the job up; in a first batch stages come one after the other, and that is the longest."""
    stages, busy_s = totals.stages, _busy_s(totals.stages)
    if not busy_s:
        return "nothing"
    if totals.longest_busy_s < _LEAST_BUSY * wall_s:
        return "start"
    noticeable = stages["score_s"] if one_by_one else _NOTICEABLE_WAIT * busy_s
    if stages["wait_s"] > max(noticeable, stages["write_s"]):
        return "read" if stages["read_s"] > stages["decode_s"] else "decode"
    return "score" if stages["score_s"] >= stages["write_s"] else "write"


def _busy_s(stages: Mapping[str, float]) -> float:
    """Of a model, which waits for pixels, scores, and sees its rows written, one after the other."""
    return stages["wait_s"] + stages["score_s"] + stages["write_s"]
