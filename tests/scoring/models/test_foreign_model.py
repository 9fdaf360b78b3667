"""Places of others that `finetune` refuses to write into, and those of `finetune` that `score` refuses."""

import errno
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from scoring.errors import RunFolderError, StorageError
from scoring.models.foreign_model import refuse_foreign_model
from scoring.models.model_folder import ModelFolder
from scoring.models.training_record import load_training_record
from scoring.run.folder import RunFolder
from scoring.run.holding import refuse_foreign_files
from tests.faults import fail, system_fault
from tests.places import on_disk
from tests.runs import cats_and_dogs, write_model, write_run

if TYPE_CHECKING:
    from scoring.storage.locations import Location


@pytest.mark.parametrize("place", ["disk", "bucket"])
@pytest.mark.parametrize(("lost", "named"), [([], "run.json"), (["run.json"], "manifest.parquet")])
def test_a_run_is_no_place_for_a_model(
    tmp_path: Path, place: str, lost: list[str], named: str, request: pytest.FixtureRequest
) -> None:
    path: Location = tmp_path if place == "disk" else request.getfixturevalue("bucket")
    folder = write_run(path / "run", cats_and_dogs(8))
    for name in lost:
        (folder.path / name).unlink()
    with pytest.raises(
        RunFolderError,
        match=rf"^Expected `output` to be a new folder or an earlier model; .*run holds a run, with its {named}",
    ):
        refuse_foreign_model(ModelFolder(folder.path))


@pytest.mark.parametrize("text", ["", '{"created_at": "2026'])
def test_a_run_whose_record_is_damaged_is_still_one(tmp_path: Path, text: str) -> None:
    folder = write_run(tmp_path / "run", cats_and_dogs(8))
    on_disk(folder.record).write_text(text)
    with pytest.raises(RunFolderError, match=r"holds a run, with its run\.json\. Choose another folder\.$"):
        refuse_foreign_model(ModelFolder(folder.path))


def test_files_of_other_programs_beside_a_model_stay(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text('{"experiment": "cats"}')
    refuse_foreign_model(ModelFolder(tmp_path))
    refuse_foreign_model(ModelFolder(write_model(tmp_path / "model", cats_and_dogs(8))))


def test_a_model_is_no_place_for_a_run(tmp_path: Path) -> None:
    folder = ModelFolder(write_model(tmp_path / "model", cats_and_dogs(8)))
    with pytest.raises(RunFolderError, match=r"holds features and no run\.json\. Choose another folder\.$"):
        refuse_foreign_files(RunFolder(folder.path))


def test_a_folder_that_cannot_be_looked_at_now_is_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = ModelFolder(write_model(tmp_path / "model", cats_and_dogs(8)))
    on_disk(folder.training).unlink()
    fail(monkeypatch, Path, "stat", on_disk(folder.features.record), system_fault(errno.EACCES))
    for look in (refuse_foreign_model, load_training_record, lambda folder: folder.has_begun):
        with pytest.raises(
            StorageError, match=r"^Cannot read .*: Permission denied\. Run again once it can be read\.$"
        ):
            look(folder)
    fail(monkeypatch, Path, "stat", on_disk(RunFolder(folder.path).report), system_fault(errno.EIO))
    with pytest.raises(StorageError, match="Cannot read"):
        _ = RunFolder(folder.path).derived
