import errno
import os
import shutil
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
    whole_file,
    write_text,
)

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
