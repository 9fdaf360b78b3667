from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from jobs.score import record_keeper
from jobs.score.record_keeper import RecordKeeper
from scoring.errors import LeaseLostError, RunFolderError
from scoring.run.folder import RunFolder
from scoring.run.holder import Holder
from scoring.run.lease import hold_lease
from tests.runs import SUMMARY, bare_record, cats_and_dogs, record_of, save_record, write_run


@contextmanager
def _claim(folder: RunFolder, model: str | None = None) -> Iterator[RecordKeeper]:
    """Hold a finished run's folder, and claim it for the same run or that of another model."""
    record = record_of(folder.path) if folder.record.read_bytes().startswith(b"{") else bare_record()
    record = replace(record, created_at="now", digests=(), summary=None, devices=())
    if model:
        record = replace(record, fingerprint=replace(record.fingerprint, model=model))
    with hold_lease(folder.lease) as lease:
        yield RecordKeeper(folder, lease, record, Console(quiet=True))


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return write_run(tmp_path / "run", cats_and_dogs(20))


def test_claiming_keeps_when_the_run_began_and_its_digests_and_drops_how_it_went(folder: RunFolder) -> None:
    before = record_of(folder.path)
    assert before.summary == SUMMARY
    with _claim(folder):
        after = record_of(folder.path)
    assert (after.created_at, after.digests) == (before.created_at, before.digests)
    assert (after.summary, after.devices) == (None, ())


def test_the_summary_of_the_work_stays_when_a_later_invocation_scores_less_or_is_killed(folder: RunFolder) -> None:
    work, few, more = (replace(SUMMARY, num_scored=number) for number in (20, 2, 21))
    save_record(folder, replace(record_of(folder.path), summary=work))  # as an earlier version left it
    with _claim(folder):
        assert record_of(folder.path).work == work
    with _claim(folder) as keeper:
        keeper.save(keeper.record.with_summary(few))
    record = record_of(folder.path)
    assert (record.summary, record.work) == (few, work)
    with _claim(folder) as keeper:
        keeper.save(keeper.record.with_summary(more))
    assert record_of(folder.path).work == more


def test_another_run_is_refused_and_its_record_left_alone(folder: RunFolder) -> None:
    before = folder.record.read_bytes()
    with pytest.raises(RunFolderError, match="whose model differs"), _claim(folder, model="another"):
        pass
    assert folder.record.read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"null", b"[]", b"{half", b'{"labels": 7}'])
def test_damaged_record_is_written_anew(folder: RunFolder, content: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    record = replace(record_of(folder.path), digests=(), summary=None)
    folder.record.write_bytes(content)
    with hold_lease(folder.lease) as lease:
        RecordKeeper(folder, lease, record, Console(soft_wrap=True))
    assert record_of(folder.path) == record
    assert "run.json was damaged: it is written anew, and intact shards are kept" in capsys.readouterr().out
    assert folder.missing_shards(3) == []


def test_digests_are_written_from_time_to_time_and_those_of_removed_shards_go(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    with _claim(folder) as keeper:
        keeper.note({0: "a" * 64})
        assert record_of(folder.path).digests[1] is not None
        monkeypatch.setattr(record_keeper, "_SAVE_S", 0.0)
        keeper.note({2: "c" * 64})
        assert record_of(folder.path).digests == ("a" * 64, None, "c" * 64)


def test_driver_that_lost_its_lease_leaves_the_record_to_the_other(folder: RunFolder) -> None:
    with _claim(folder) as keeper:
        folder.lease.write_bytes(Holder("elsewhere", 1, "2026-01-01T00:00:00+00:00", "another").to_bytes())
        save_record(folder, bare_record())
        with pytest.raises(LeaseLostError, match="another driver took over"):
            keeper.save(replace(keeper.record, summary=SUMMARY))
    assert record_of(folder.path) == bare_record()
