import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from scoring.run.predictions import ScoredImage
from scoring.run.verification import RunStatus
from scoring.shards.report import ShardReport, Stopwatch
from scoring.shards.totals import ShardTotals, summarise
from scoring.sources.entries import ImageEntry

_NOTHING = RunStatus(8, 1, [], [0], {}, num_rows=0, num_errors=0, verified=True)


def _report(num_images: int, warmed_up_at: float, num_warm: int, finished_at: float, **times: float) -> ShardReport:
    stages: dict[str, Any] = {"read_s": 0.1, "decode_s": 0.2, "wait_s": 0.0, "score_s": 1.0, "write_s": 0.01} | times
    return ShardReport(
        0, num_images, 0, warmed_up_at=warmed_up_at, num_warm_images=num_warm, finished_at=finished_at, **stages
    )


def _totals(*shards: tuple[int, ShardReport]) -> ShardTotals:
    totals = ShardTotals()
    for worker_id, report in shards:
        totals.add(worker_id, report)
    return totals


def test_steady_rate_leaves_out_each_workers_first_batch_and_adds_up_workers() -> None:
    first = [_report(32, 103.0, 16, 106.0), _report(32, 100.0, 16, 102.0)]  # 16 + 32 images in 6 s
    second = _report(32, 101.0, 16, 103.0)  # 16 images in 2 s
    summary = summarise(_totals((0, first[0]), (1, second), (0, first[1])), _NOTHING, wall_s=48.0)
    assert summary.steady_images_per_s == pytest.approx(8 + 8)
    assert summary.images_per_s == 2.0
    assert summary.score_s == 3.0


def test_time_between_early_shards_and_others_counts_for_no_rate() -> None:
    totals = _totals((0, _report(32, 200.0, 16, 202.0)))  # 16 images in 2 s, after it waited for the listing
    totals.add(0, _report(32, 100.0, 16, 104.0), is_early=True)  # 16 in 4 s
    assert totals.steady_images_per_s() == pytest.approx(32 / 6)
    assert totals.longest_busy_s == pytest.approx(2 * 1.01)
    assert (totals.num_images, totals.first_batch_at, totals.last_shard_at) == (64, 100.0, 202.0)


def test_images_that_were_not_read_count_for_no_rate() -> None:
    first = replace(_report(32, 100.0, 8, 101.0), num_errors=16)
    second = replace(_report(32, 101.0, 0, 103.0), num_errors=32)
    summary = summarise(_totals((0, first), (0, second)), _NOTHING, wall_s=8.0)
    assert summary.steady_images_per_s == pytest.approx(8 / 3)
    assert summary.images_per_s == 2.0
    unread = summarise(_totals((0, second)), _NOTHING, wall_s=8.0)
    assert (unread.steady_images_per_s, unread.images_per_s) == (None, 0.0)


@pytest.mark.parametrize("jump_s", [18_000.0, -18_000.0], ids=["ahead", "back"])
def test_a_clock_that_is_set_in_the_middle_of_a_shard_leaves_the_rate_as_it_is(
    jump_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopwatch, clock = Stopwatch(), time.time
    rows = [ScoredImage(ImageEntry("1", "1.jpg", 1), np.ones(2, np.float32))] * 16
    stopwatch.start()
    stopwatch.scored(8)
    monkeypatch.setattr(time, "time", lambda: clock() + jump_s)
    stopwatch.scored(8)
    report = stopwatch.report(0, rows, "", write_s=0.0, batch_size=8)
    assert 0 < report.finished_at - report.warmed_up_at < 60
    assert (_totals((0, report)).steady_images_per_s() or 0) > 8 / 60


def test_one_batch_has_no_steady_rate() -> None:
    assert summarise(_totals((0, _report(8, 5.0, 0, 5.1))), _NOTHING, 10.0).steady_images_per_s is None


def test_nothing_scored_is_bound_by_nothing() -> None:
    summary = summarise(ShardTotals(), _NOTHING, 10.0)
    assert (summary.num_scored, summary.images_per_s, summary.bound_by) == (0, 0.0, "nothing")


@pytest.mark.parametrize(
    ("times", "stage"),
    [
        ({"score_s": 9.0}, "score"),
        ({"wait_s": 3.0, "decode_s": 5.0}, "decode"),
        ({"wait_s": 3.0, "read_s": 5.0}, "read"),
        ({"write_s": 3.0}, "write"),
        ({"wait_s": 0.3, "read_s": 0.5}, "read"),
    ],
)
def test_summary_names_the_stage_that_held_the_job_up(times: dict[str, float], stage: str) -> None:
    assert summarise(_totals((0, _report(16, 5.0, 8, 9.0, **times))), _NOTHING, 2.0).bound_by == stage


@pytest.mark.parametrize(("times", "stage"), [({"wait_s": 0.3}, "score"), ({"wait_s": 3.0, "decode_s": 2.0}, "decode")])
def test_one_batch_waits_for_its_pixels_without_being_bound_by_them(times: dict[str, float], stage: str) -> None:
    assert summarise(_totals((0, _report(8, 5.0, 0, 5.1, **times))), _NOTHING, 2.0).bound_by == stage


@pytest.mark.parametrize(("wall_s", "stage"), [(20.0, "decode"), (21.0, "start")])
def test_job_whose_busiest_worker_had_images_for_little_of_it_is_bound_by_its_start(wall_s: float, stage: str) -> None:
    late = _report(16, 5.0, 8, 9.0)
    busy = [_report(16, 5.0, 8, 9.0, wait_s=1.0, decode_s=5.0), _report(16, 9.0, 0, 13.0, wait_s=1.0, decode_s=5.0)]
    assert summarise(_totals((0, busy[0]), (1, late), (0, busy[1])), _NOTHING, wall_s).bound_by == stage
