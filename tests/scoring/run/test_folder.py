from pathlib import Path

import pytest

from scoring.errors import RunFolderError
from scoring.run.folder import RunFolder
from tests.runs import bare_record


def test_new_folder_is_created(tmp_path: Path) -> None:
    with RunFolder(tmp_path / "runs" / "test").hold(overwrite=False):
        pass
    assert (tmp_path / "runs" / "test" / "predictions").is_dir()


def test_folder_with_foreign_files_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    for overwrite in (False, True):
        with pytest.raises(RunFolderError, match=r"holds thesis\.txt and no run\.json"):
            RunFolder(tmp_path).hold(overwrite).__enter__()
    assert (tmp_path / "thesis.txt").exists()


def test_file_is_refused_as_a_folder(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("")
    with pytest.raises(RunFolderError, match="is a file"):
        RunFolder(tmp_path / "run").hold(overwrite=False).__enter__()


def test_overwrite_removes_what_a_run_wrote_and_nothing_else(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    with folder.hold(overwrite=False):
        folder.save_record(bare_record())
        folder.shard(0, 1).write_text("old")
    (tmp_path / "notes.txt").write_text("mine")
    with folder.hold(overwrite=True):
        pass
    assert not folder.record.exists()
    assert folder.missing_shards(1) == [0]
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_missing_shards_are_those_without_a_file_of_this_count(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    with folder.hold(overwrite=False):
        folder.shard(0, 3).write_text("")
        folder.shard(1, 9).write_text("")  # of an earlier plan
    assert folder.missing_shards(3) == [1, 2]
