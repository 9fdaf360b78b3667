import fcntl
import os
from pathlib import Path

import pytest

from scoring.errors import LeaseLostError, StorageError
from scoring.run import fence
from scoring.run.fence import Fence, FencedFile, under_fence
from scoring.run.holder import Holder
from scoring.run.lease import hold_lease
from scoring.storage.conditional import write_if
from scoring.storage.durable import write_text
from scoring.storage.locations import Location, Url
from scoring.storage.urls import Version

_OTHER = Holder("elsewhere", 1, "2026-01-01T00:00:00+00:00", "another")


@pytest.fixture(params=["disk", "bucket"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Location:
    """A run folder, on a disk or in a bucket."""
    if request.param == "disk":
        return tmp_path
    bucket: Url = request.getfixturevalue("bucket")
    return bucket / "run"


def test_holder_writes_a_file_again_and_again(place: Location) -> None:
    with hold_lease(place / "lease.json") as lease:
        file = FencedFile(place / "run.json", lease.fence)
        for content in (b"first", b"second", b"second"):
            file.write(content)
            assert (place / "run.json").read_bytes() == content


def test_who_has_lost_the_lease_writes_nothing(place: Location) -> None:
    with hold_lease(place / "lease.json") as lease:
        file = FencedFile(place / "run.json", lease.fence)
        file.write(b"mine")
        (place / "lease.json").write_bytes(_OTHER.to_bytes())
        with pytest.raises(LeaseLostError, match="another driver took over"):
            file.write(b"mine again")
    assert (place / "run.json").read_bytes() == b"mine"


def test_who_was_frozen_between_the_look_and_the_write_comes_too_late(
    place: Location, monkeypatch: pytest.MonkeyPatch
) -> None:
    with hold_lease(place / "lease.json") as lease:
        file = FencedFile(place / "run.json", lease.fence)
        file.write(b"mine")
        check = Fence.check
        looks: list[int] = []

        def freeze_after_the_first_look(fence: Fence) -> None:
            check(fence)
            if not looks:
                (place / "lease.json").write_bytes(_OTHER.to_bytes())
                (place / "run.json").write_bytes(b"the other's")
            looks.append(1)

        monkeypatch.setattr(Fence, "check", freeze_after_the_first_look)
        with pytest.raises(LeaseLostError, match="process 1 on elsewhere"):
            file.write(b"mine again")
        monkeypatch.undo()
    assert (place / "run.json").read_bytes() == b"the other's"


def test_holder_overrules_who_has_written_without_the_lease(place: Location) -> None:
    with hold_lease(place / "lease.json") as lease:
        file = FencedFile(place / "run.json", lease.fence)
        (place / "run.json").write_bytes(b"a stranger's")
        file.write(b"mine")
        assert (place / "run.json").read_bytes() == b"mine"


@pytest.mark.parametrize("lost", [1, 99])
def test_write_that_a_store_answers_well_and_does_not_keep_is_done_again_or_refused(
    place: Location, monkeypatch: pytest.MonkeyPatch, lost: int
) -> None:
    asked = []

    def lose(location: Location, version: Version | None, content: bytes) -> bool:
        asked.append(content)
        return len(asked) <= lost or write_if(location, version, content)

    with hold_lease(place / "lease.json") as lease:
        file = FencedFile(place / "run.json", lease.fence)
        file.write(b"first")
        monkeypatch.setattr(fence, "write_if", lose)
        if lost == 1:
            file.write(b"second")
            assert (place / "run.json").read_bytes() == b"second"
        else:
            with pytest.raises(StorageError, match="or its store keeps nothing"):
                file.write(b"second")
            assert (place / "run.json").read_bytes() == b"first"


def test_file_that_a_frozen_process_locks_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scoring.storage.conditional._LOCK_PATIENCE_S", 0.2)
    with hold_lease(tmp_path / "lease.json") as lease:
        file = FencedFile(tmp_path / "run.json", lease.fence)
        file.write(b"mine")
        with (tmp_path / "run.json").open("r+b") as locked:
            fcntl.flock(locked, fcntl.LOCK_EX)
            with pytest.raises(StorageError, match=r"Cannot write .*run\.json: another process keeps it"):
                file.write(b"mine again")


def test_record_that_is_a_pipe_is_one_clear_line(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "run.json")
    with (
        hold_lease(tmp_path / "lease.json") as lease,
        pytest.raises(StorageError, match=r"run\.json: it is no regular file"),
    ):
        FencedFile(tmp_path / "run.json", lease.fence)


def test_lease_that_cannot_be_read_lets_nobody_write(tmp_path: Path) -> None:
    (tmp_path / "lease.json").mkdir()
    with pytest.raises(StorageError, match=r"Cannot read .*lease\.json: Is a directory"):
        Fence(tmp_path / "lease.json", "ours", 1).check()


def test_under_a_fence_only_the_holder_begins_and_publishes_whole_files(place: Location) -> None:
    with hold_lease(place / "lease.json") as lease:
        with under_fence(lease.fence):
            write_text(place / "head.npz", "mine")
        with pytest.raises(LeaseLostError), under_fence(lease.fence):
            (place / "lease.json").write_bytes(_OTHER.to_bytes())
            write_text(place / "head.npz", "late")
        with pytest.raises(LeaseLostError), under_fence(lease.fence):
            pytest.fail("it began")
    with under_fence(None):
        write_text(place / "other.npz", "anybody's")
    assert (place / "head.npz").read_text() == "mine"
    assert (place / "other.npz").read_text() == "anybody's"
