import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock, Mock

import pyarrow.parquet as pq
import pytest
from rich.console import Console

from cluster.outcomes import TaskDone, TaskFailed
from jobs.console.ornaments import OrnamentWarning
from jobs.score import shard_loop
from jobs.score.record_keeper import RecordKeeper
from jobs.score.shard_loop import ShardLoop
from scoring.errors import LeaseLostError
from scoring.run import lease as lease_module
from scoring.run.folder import RunFolder
from scoring.run.holder import Holder
from scoring.run.lease import Lease, hold_lease
from scoring.run.predictions import UNREAD_KEY, write_table
from scoring.run.verification import run_status
from scoring.shards.report import ShardReport
from scoring.shards.retry import Retry
from tests.runs import Scored, cats_and_dogs, record_of, save_record, write_run

_OTHER = Holder("elsewhere", 1, "2026-01-01T00:00:00+00:00", "another")


class _Pool:
    """Yields outcomes, as a pool of workers does, and lets something happen before each."""

    def __init__(self, outcomes: Iterable[Any], happens: Any = lambda: None) -> None:
        self._outcomes, self._happens = outcomes, happens

    def run(self, tasks: Iterable[int]) -> Iterator[Any]:
        for outcome in self._outcomes:
            self._happens()
            yield outcome


def _done(shard: int, digest: str = "d" * 64) -> TaskDone[int, ShardReport]:
    times: dict[str, Any] = dict.fromkeys(("read_s", "decode_s", "wait_s", "score_s", "write_s"), 0.1)
    report = ShardReport(shard, 8, 0, warmed_up_at=1.0, num_warm_images=0, finished_at=2.0, digest=digest, **times)
    return TaskDone(shard, report, 0)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    """A run of three shards of which the last two are missing."""
    monkeypatch.setattr(shard_loop, "ScoringMetrics", Mock())
    return write_run(tmp_path / "run", cats_and_dogs(20), without_shards=(1, 2))


def _run(folder: RunFolder, lease: Lease, pool: _Pool) -> ShardLoop:
    console = Console(quiet=True)
    keeper = RecordKeeper(folder, lease, record_of(folder.path), console)
    done = run_status(folder, verify=True)
    keeper.note(done.digests)
    loop = ShardLoop(folder, lease, keeper, console)
    loop.run(pool, done)  # type: ignore[arg-type]
    return loop


def test_digests_of_all_shards_old_and_new_are_in_the_record_at_the_end(folder: RunFolder) -> None:
    before = record_of(folder.path).digests
    with hold_lease(folder.lease) as lease:
        loop = _run(folder, lease, _Pool([_done(2, "2" * 64), _done(1, "1" * 64)]))
    assert record_of(folder.path).digests == (before[0], "1" * 64, "2" * 64)
    assert loop.totals.num_images == 16


def test_progress_begins_with_the_images_and_the_errors_of_the_shards_that_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shard_loop, "ScoringMetrics", Mock())
    unread = Scored("0.png", None)
    folder = write_run(tmp_path / "run", [unread, *cats_and_dogs(19, targets=False)], without_shards=(1, 2))
    monkeypatch.setattr(shard_loop, "ScoringProgress", shown := MagicMock())
    with hold_lease(folder.lease) as lease:
        _run(folder, lease, _Pool([]))
    assert shown.call_args.args[1:] == (20, 8, 1, False)


def test_digests_of_a_job_that_is_stopped_are_in_the_record(folder: RunFolder) -> None:
    def stop() -> None:
        if stops:
            raise KeyboardInterrupt
        stops.append(1)

    stops: list[int] = []
    with hold_lease(folder.lease) as lease, pytest.raises(KeyboardInterrupt):
        _run(folder, lease, _Pool([_done(1, "1" * 64), _done(2)], stop))
    assert record_of(folder.path).digests[1:] == ("1" * 64, None)


@pytest.mark.parametrize("is_filled", [False, True])
def test_a_shard_that_could_not_be_tried_again_is_told_and_not_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_filled: bool
) -> None:
    """Its worker may have died right before its new file was in place, or right after."""
    monkeypatch.setattr(shard_loop, "ScoringMetrics", Mock())
    folder = write_run(tmp_path / "run", cats_and_dogs(20))
    save_record(folder, replace(record_of(folder.path), digests=()))
    path, table = folder.shard(0, 3), pq.read_table(folder.shard(0, 3))

    def write(num_unread: int) -> str:
        return write_table(path, table.replace_schema_metadata(table.schema.metadata | {UNREAD_KEY: str(num_unread)}))

    before = write(1)
    with hold_lease(folder.lease) as lease:
        happens = (lambda: write(0)) if is_filled else (lambda: None)
        loop = _run(folder, lease, _Pool([TaskFailed(Retry(0, before), 3, "it died")], happens))
    assert (loop.failures, loop.not_retried) == ([], {} if is_filled else {0: "it died"})
    assert record_of(folder.path).digests[0] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert loop.totals.num_images == 0


def test_a_driver_whose_workers_find_the_lease_lost_stops_and_writes_nothing_more(folder: RunFolder) -> None:
    def take_over() -> None:
        folder.lease.write_bytes(_OTHER.to_bytes())
        asked.append(1)

    before, asked = record_of(folder.path), list[int]()
    failed = TaskFailed(1, 1, "Stopped: another driver took over")
    with (
        hold_lease(folder.lease) as lease,
        pytest.raises(LeaseLostError, match=r"another driver took over .*, process 1 on elsewhere"),
    ):
        _run(folder, lease, _Pool([failed, _done(2)], take_over))
    assert record_of(folder.path) == replace(before, largest=before.summary)  # as it was when the folder was claimed
    assert len(asked) == 1  # for no further shard


def test_a_driver_whose_heart_finds_the_lease_lost_stops(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease_module, "BEAT_S", 0.05)

    def take_over() -> None:
        for _ in range(300):  # a beat that had begun before may write over it once
            folder.lease.write_bytes(_OTHER.to_bytes())
            lease._heart.join(timeout=0.1)
            if not lease._heart.is_alive():
                break
        asked.append(1)

    asked: list[int] = []
    with hold_lease(folder.lease) as lease, pytest.raises(LeaseLostError, match="process 1 on elsewhere"):
        _run(folder, lease, _Pool([_done(1), _done(2)], take_over))
    assert len(asked) == 1  # for no further shard


@pytest.mark.parametrize("broken", ["ScoringMetrics", "ScoringProgress"])
@pytest.mark.parametrize("when", ["made", "used"])
def test_figures_and_progress_that_fail_are_one_warning_and_every_shard_counts(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch, broken: str, when: str
) -> None:
    fault = UnicodeEncodeError("ascii", "\xf6", 0, 1, "ordinal not in range(128)")
    thing = Mock(side_effect=fault) if when == "made" else Mock()
    thing.return_value.add.side_effect = fault
    thing.return_value.__enter__ = Mock(return_value=thing.return_value)
    thing.return_value.__exit__ = Mock(side_effect=fault)
    monkeypatch.setattr(shard_loop, broken, thing)
    with hold_lease(folder.lease) as lease, pytest.warns(OrnamentWarning, match="UnicodeEncodeError: ") as warned:
        loop = _run(folder, lease, _Pool([_done(1), _done(2)]))
    assert [one.category for one in warned].count(OrnamentWarning) == 1  # collected garbage may warn too
    assert (loop.totals.num_images, loop.failures) == (16, [])
