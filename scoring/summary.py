"""Add up what the shards report: how many, how fast, and what held the job up."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scoring.memory import peak_memory_bytes
from scoring.shard_scorer import ShardReport
from scoring.verification import RunStatus

# Below this share of its time spent waiting, a model is not held up by its input.
_NOTICEABLE_WAIT = 0.1
# What `Summary.bound_by` means, and what helps.
BOUND_BY = {
    "score": "the model: more or faster devices",
    "decode": "decoding: more --cpus-per-actor",
    "read": "reading: faster storage",
    "write": "writing: faster storage, or a larger --shard-size",
    "nothing": "nothing was left to score",
}


@dataclass(frozen=True)
class Summary:
    """One invocation in numbers. Rates are images per second, times seconds added over all workers.

    Attributes:
        num_images: Rows in the run folder.
        num_errors: Rows with `status="error"` among them.
        num_scored: Images scored by this invocation; the others were there already.
        num_labelled: Rows whose target the model knows.
        num_right: Those of them whose label is their target.
        images_per_s: Cold: images scored over wall time from command to summary.
        steady_images_per_s: Added over workers, each from the end of its first batch on; None if there was only one.
        wall_s: Wall time from command to summary.
        num_lost_workers: Workers that died or hung.
        num_repeats: How often a shard was scored again, after a loss or as a copy at the end of the run.
        bound_by: The stage that held the job up: score, read, decode, write or nothing.
        worker_memory_bytes: The most that any worker's process held.
        driver_memory_bytes: The most that the driver's process held.
    """

    num_images: int
    num_errors: int
    num_scored: int
    num_labelled: int
    num_right: int
    images_per_s: float
    steady_images_per_s: float | None
    wall_s: float
    read_s: float
    decode_s: float
    wait_s: float
    score_s: float
    write_s: float
    num_lost_workers: int
    num_repeats: int
    bound_by: str
    worker_memory_bytes: int
    driver_memory_bytes: int


def summarise(
    reports: Mapping[int, Sequence[ShardReport]],
    done_before: RunStatus,
    wall_s: float,
    num_lost_workers: int = 0,
    num_repeats: int = 0,
    labelled_and_right: tuple[int, int] = (0, 0),
) -> Summary:
    """Summarise one invocation, in its driver.

    Args:
        reports: The shards scored by each worker.
        done_before: What the run folder held before.
        wall_s: Wall time so far.
        num_lost_workers: Workers that died or hung.
        num_repeats: How often a shard was scored again.
        labelled_and_right: Rows with a known target, and those whose label it is.
    """
    everything = [report for shards in reports.values() for report in shards]
    totals: dict[str, float] = defaultdict(float)
    for report in everything:
        for stage in ("read_s", "decode_s", "wait_s", "score_s", "write_s"):
            totals[stage] += getattr(report, stage)
    num_scored = sum(report.num_images for report in everything)
    return Summary(
        num_images=done_before.num_rows + num_scored,
        num_errors=done_before.num_errors + sum(report.num_errors for report in everything),
        num_scored=num_scored,
        num_labelled=labelled_and_right[0],
        num_right=labelled_and_right[1],
        images_per_s=num_scored / wall_s,
        steady_images_per_s=_steady_rate(reports),
        wall_s=wall_s,
        read_s=totals["read_s"],
        decode_s=totals["decode_s"],
        wait_s=totals["wait_s"],
        score_s=totals["score_s"],
        write_s=totals["write_s"],
        num_lost_workers=num_lost_workers,
        num_repeats=num_repeats,
        bound_by=_bound_by(totals),
        worker_memory_bytes=max((report.peak_memory_bytes for report in everything), default=0),
        driver_memory_bytes=peak_memory_bytes(),
    )


def _steady_rate(reports: Mapping[int, Sequence[ShardReport]]) -> float | None:
    """Each worker's rate after its first batch, which compiles, added over workers."""
    rates = []
    for shards in reports.values():
        if not shards:
            continue
        in_order = sorted(shards, key=lambda report: report.finished_at)
        warm = in_order[0].num_warm_images + sum(report.num_images for report in in_order[1:])
        seconds = in_order[-1].finished_at - in_order[0].warmed_up_at
        if warm and seconds > 0:
            rates.append(warm / seconds)
    return sum(rates) if rates else None


def _bound_by(totals: Mapping[str, float]) -> str:
    busy = totals["wait_s"] + totals["score_s"] + totals["write_s"]
    if not busy:
        return "nothing"
    if totals["wait_s"] > _NOTICEABLE_WAIT * busy and totals["wait_s"] > totals["write_s"]:
        return "read" if totals["read_s"] > totals["decode_s"] else "decode"
    return "score" if totals["score_s"] >= totals["write_s"] else "write"
