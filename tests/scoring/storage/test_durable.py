import errno
import os
import shutil
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from scoring.errors import LeaseLostError, StorageError
from scoring.storage.conditional import read_version, write_if
from scoring.storage.durable import (
    publishing_after,
    remove_file,
    remove_temporaries,
    remove_tree,
    storage_faults,
    whole_file,
    write_text,
)
from tests.faults import fail, system_fault

if TYPE_CHECKING:
    from scoring.storage.locations import Location


def test_file_appears_under_its_name_only_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "shard.parquet"
    with whole_file(path) as temporary:
        temporary.write_text("half")
        assert not path.exists()
        assert list(tmp_path.glob("*.parquet")) == []
        assert temporary.suffix == ".parquet"
    assert path.read_text() == "half"
    assert os.listdir(tmp_path) == ["shard.parquet"]


@pytest.mark.parametrize("name", ["x" * 250 + ".html", "ä" * 125 + ".html", "x" + "ä" * 125 + ".csv"])
def test_a_name_as_long_as_a_name_can_be_is_written(tmp_path: Path, name: str) -> None:
    write_text(tmp_path / name, "whole")
    assert write_if(tmp_path / name, read_version(tmp_path / name)[1], b"again")
    assert (tmp_path / name).read_text() == "again"
    assert os.listdir(tmp_path) == [name]
    with whole_file(tmp_path / name) as temporary:
        temporary.write_text("half")
        assert temporary.name == name
        (hidden,) = set(os.listdir(tmp_path)) - {name}
        shutil.copytree(tmp_path / hidden, tmp_path / f".{hidden}")  # as a killed writer leaves it
    remove_temporaries(tmp_path)
    assert os.listdir(tmp_path) == [name]


def test_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    write_text(path, "old")
    with (
        pytest.raises(StorageError, match=r"Cannot write .*run\.json: No space left on device"),
        whole_file(path) as temporary,
    ):
        temporary.write_text("new")
        raise OSError(errno.ENOSPC, "No space left on device")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["run.json"]


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (
            OSError(28, "Error writing bytes to file. Detail: [errno 28] No space left on device"),
            "No space left on device",
        ),
        (OSError("error closing file"), "error closing file, as where a disk or a quota is full"),
    ],
    ids=repr,
)
def test_a_full_disk_is_told_as_such_where_arrow_writes(tmp_path: Path, fault: OSError, said: str) -> None:
    with pytest.raises(StorageError, match=rf"Cannot write {tmp_path}: {said}\.$"), storage_faults(tmp_path):
        raise fault


def test_a_device_or_a_pipe_is_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "submission.csv"
    os.mkfifo(pipe)
    with pytest.raises(StorageError, match=r"Cannot write .*submission\.csv: it is no regular file"):
        write_text(pipe, "rows")
    assert pipe.is_fifo()
    assert os.listdir(tmp_path) == ["submission.csv"]


def test_leftovers_of_killed_writers_are_removed(tmp_path: Path) -> None:
    (tmp_path / ".shard.parquet.12ab.tmp").mkdir()
    (tmp_path / ".shard.parquet.12ab.tmp" / "shard.parquet").write_text("half")
    (tmp_path / "kept.parquet").write_text("whole")
    remove_temporaries(tmp_path)
    assert os.listdir(tmp_path) == ["kept.parquet"]


@pytest.mark.parametrize("place", ["disk", "bucket"])
def test_a_check_that_raises_keeps_a_file_from_its_place_and_another_in_it(
    tmp_path: Path, place: str, request: pytest.FixtureRequest
) -> None:
    folder: Location = tmp_path if place == "disk" else request.getfixturevalue("bucket")
    write_text(folder / "run.json", "old")

    def refuse() -> None:
        raise LeaseLostError("another driver took over")

    with publishing_after(refuse), pytest.raises(LeaseLostError):
        write_text(folder / "run.json", "new")
    with publishing_after(refuse), pytest.raises(LeaseLostError):
        remove_file(folder / "run.json")
    with publishing_after(refuse), pytest.raises(LeaseLostError):
        remove_tree(folder)
    assert (folder / "run.json").read_text() == "old"
    write_text(folder / "run.json", "new")
    assert (folder / "run.json").read_text() == "new"
    remove_file(folder / "run.json")
    assert not (folder / "run.json").exists()


@pytest.mark.parametrize("number", [errno.EXDEV, errno.EBUSY], ids=errno.errorcode.get)
def test_folder_that_cannot_be_moved_is_removed_file_by_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    folder = tmp_path / "predictions"
    (folder / "lower").mkdir(parents=True)
    for name in ("1.parquet", "lower/2.parquet"):
        (folder / name).write_text("1")
    (folder / "link").symlink_to(tmp_path)
    fail(monkeypatch, Path, "rename", folder, system_fault(number))
    fail(monkeypatch, Path, "rename", folder / "lower", system_fault(number))
    asked: list[str] = []
    with publishing_after(lambda: asked.append("check")):
        remove_tree(folder)
    assert os.listdir(tmp_path) == []
    assert len(asked) == 5  # each file and folder


def test_folder_that_is_mounted_is_emptied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "predictions").mkdir()
    (tmp_path / "predictions" / "1.parquet").write_text("1")
    for name in ("rename", "rmdir"):
        fail(monkeypatch, Path, name, tmp_path / "predictions", system_fault(errno.EBUSY))
    remove_tree(tmp_path / "predictions")
    assert list(tmp_path.rglob("*")) == [tmp_path / "predictions"]


@pytest.mark.parametrize("number", [errno.EINVAL, errno.EBADF, errno.ENOSYS, errno.ENOTSUP], ids=errno.errorcode.get)
def test_file_is_written_where_folders_cannot_be_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    fsync = os.fsync

    def refuse(descriptor: int) -> None:
        if refuses_all or stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise system_fault(number)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", refuse)
    refuses_all = False
    write_text(tmp_path / "run.json", "whole")
    assert write_if(tmp_path / "run.json", read_version(tmp_path / "run.json")[1], b"again")
    refuses_all = True
    with pytest.raises(StorageError, match=r"Cannot write .*run\.json"):
        write_text(tmp_path / "run.json", "lost")
    assert (tmp_path / "run.json").read_text() == "again"
