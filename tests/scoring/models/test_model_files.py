"""Files of a model that storage has lost without an error, and those that are all there."""

import json
import zipfile
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from scoring.errors import StorageError
from scoring.models.model_files import finish_model, is_whole
from scoring.models.model_folder import ModelFolder
from scoring.models.training_record import TrainingRecord, load_training_record
from scoring.networks.agreement import Agreement
from scoring.networks.keras_files import read_keras_digest
from scoring.storage.durable import whole_file, write_text
from tests.runs import cats_and_dogs, write_model

if TYPE_CHECKING:
    from pathlib import Path

    from scoring.storage.locations import Location


@pytest.fixture(params=["disk", "bucket"])
def folder(tmp_path: "Path", request: pytest.FixtureRequest) -> ModelFolder:
    """A model whose files are written, but for its record."""
    path: Location = tmp_path if request.param == "disk" else request.getfixturevalue("bucket")
    folder = ModelFolder(write_model(path / "model", cats_and_dogs(24)))
    _write_network(folder, "as it was trained")
    write_text(folder.labels, json.dumps(["cat", "dog"]) + "\n")
    return folder


@pytest.fixture
def record(folder: ModelFolder) -> TrainingRecord:
    record = replace(load_training_record(folder), network=read_keras_digest(folder.network))
    folder.training.unlink()
    return record


def _write_network(folder: ModelFolder, weights: str) -> None:
    with whole_file(folder.network) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        archive.writestr("config.json", "{}")
        archive.writestr("model.weights.h5", weights)


def test_a_model_whose_files_are_there_is_whole(folder: ModelFolder, record: TrainingRecord) -> None:
    finish_model(folder, record)
    assert load_training_record(folder) == record
    assert is_whole(folder, record)
    assert not is_whole(folder, replace(record, network="0" * 64))


def test_a_model_that_is_known_by_no_digest_is_not_taken_for_kept(folder: ModelFolder, record: TrainingRecord) -> None:
    finish_model(folder, record)
    for lacking in (replace(record, network=None), replace(record, validation=None)):
        with pytest.raises(StorageError):
            finish_model(folder, lacking)
    unknown = replace(record, precision="int8")
    finish_model(folder, unknown)
    assert not is_whole(folder, unknown)
    assert is_whole(folder, replace(unknown, agreement=Agreement(4, 1.0, 0.0)))


@pytest.mark.parametrize("name", ["model.keras", "labels.json", "validation.parquet"])
def test_of_an_earlier_versions_model_which_tells_no_digests_all_files_have_to_be_there(
    folder: ModelFolder, record: TrainingRecord, name: str
) -> None:
    earlier, place = replace(record, network=None, validation=None, precision="int8"), folder.path / name
    assert is_whole(folder, earlier)
    write_text(place, "PK")
    assert not is_whole(folder, earlier)
    place.unlink()
    assert not is_whole(folder, earlier)


@pytest.mark.parametrize("is_there", [False, True])
@pytest.mark.parametrize("name", ["model.keras", "labels.json", "validation.parquet"])
def test_a_file_that_storage_has_lost_or_replaced_is_named_and_the_record_is_not_written(
    folder: ModelFolder, record: TrainingRecord, name: str, is_there: bool
) -> None:
    finish_model(folder, record)
    place = folder.path / name
    if not is_there:
        place.unlink()
    elif name == "model.keras":
        _write_network(folder, "another's")
    else:
        write_text(place, "[]")
    assert not is_whole(folder, record)
    folder.training.unlink()
    with pytest.raises(
        StorageError, match=rf"^Expected to read from .*{name} what was written there; its storage has lost"
    ):
        finish_model(folder, record)
    assert not folder.training.is_file()


@pytest.mark.parametrize("has_earlier", [False, True])
def test_a_record_that_storage_has_lost_is_named(
    folder: ModelFolder, record: TrainingRecord, has_earlier: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if has_earlier:
        finish_model(folder, record)
    monkeypatch.setattr("scoring.models.training_record.write_text", lambda *_: None)
    with pytest.raises(StorageError, match=r"^Expected to read from .*training\.json what was written there"):
        finish_model(folder, replace(record, created_at="later"))
