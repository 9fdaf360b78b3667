"""Whose the files are that lie where sonar results go."""

import errno
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from scoring.errors import RunFolderError, StorageError
from scoring.sonar import whole_results
from scoring.sonar.metrics_file import METRICS_NAME, SonarMetrics, StudyRecord, StudySettings, write_metrics
from scoring.sonar.network import SONAR_SCHEMA
from scoring.sonar.results import PREDICTIONS_SCHEMA
from scoring.sonar.whole_results import MODEL_NAME, PREDICTIONS_NAME, refuse_foreign_files, refuse_foreign_results
from scoring.storage.locations import Url
from tests.faults import fail, system_fault
from tests.sonar_results import write_sonar_results

_TRAINED = SonarMetrics(208, 84, 0.9, None, None, 0.8164, "d" * 64, 0, None, 26.3, {})
_SCORED = replace(_TRAINED, model="theirs.keras")
_STUDY = StudyRecord(StudySettings("d" * 64, (), (), 0, "tensorflow", {}), 1.0, ())
_THEIRS = pa.schema([pa.field("id", pa.int64()), pa.field("label", pa.string())])


def _write_theirs(path: Path) -> None:
    """A model or a table of another program's, whole."""
    write_sonar_results(path.parent / "other", _THEIRS, "dense")
    (path.parent / "other" / path.name).replace(path)


@pytest.mark.parametrize("name", [MODEL_NAME, PREDICTIONS_NAME])
@pytest.mark.parametrize("metrics", [None, _TRAINED, _STUDY])
def test_a_whole_file_of_another_program_is_refused_by_name(
    tmp_path: Path, name: str, metrics: SonarMetrics | StudyRecord | None
) -> None:
    if metrics:
        write_metrics(tmp_path / METRICS_NAME, metrics)
    _write_theirs(tmp_path / name)
    with pytest.raises(RunFolderError, match=rf"neither score nor sonar wrote .*{name}\. Move it away") as refused:
        refuse_foreign_files(tmp_path)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", [MODEL_NAME, PREDICTIONS_NAME])
def test_a_damaged_file_is_ours_only_where_metrics_tell_of_one(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"half of a file")
    with pytest.raises(RunFolderError, match=f"wrote .*{name}"):
        refuse_foreign_files(tmp_path)
    for metrics in (_TRAINED, _STUDY):
        write_metrics(tmp_path / METRICS_NAME, metrics)
        refuse_foreign_files(tmp_path)
    (tmp_path / METRICS_NAME).write_text('{"num_rows": 208, "num_te')
    refuse_foreign_files(tmp_path)


@pytest.mark.parametrize("name", [MODEL_NAME, PREDICTIONS_NAME])
def test_a_file_that_cannot_be_read_now_is_not_told_as_another_program_s(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_sonar_results(tmp_path)
    fail(monkeypatch, whole_results, "readable", tmp_path / name, system_fault(errno.ESTALE), times=1)
    refuse_foreign_files(tmp_path)
    fail(monkeypatch, whole_results, "readable", tmp_path / name, system_fault(errno.EACCES))
    with pytest.raises(StorageError, match=rf"Cannot read .*{name}: Permission denied\."):
        refuse_foreign_files(tmp_path)


def test_metrics_of_a_named_model_tell_of_none_here(tmp_path: Path) -> None:
    """It is left alone where none is trained."""
    write_metrics(tmp_path / METRICS_NAME, _SCORED)
    (tmp_path / MODEL_NAME).write_bytes(b"theirs")
    (tmp_path / PREDICTIONS_NAME).write_bytes(b"half of ours")
    refuse_foreign_files(tmp_path, with_model=False)
    with pytest.raises(RunFolderError, match=f"wrote .*{MODEL_NAME}"):
        refuse_foreign_files(tmp_path)
    with pytest.raises(RunFolderError, match=f"wrote .*{MODEL_NAME}"):
        refuse_foreign_results(tmp_path)


@pytest.mark.parametrize("schema", [SONAR_SCHEMA, PREDICTIONS_SCHEMA])
def test_what_a_killed_command_leaves_is_ours(tmp_path: Path, schema: pa.Schema) -> None:
    refuse_foreign_files(tmp_path / "new")
    write_sonar_results(tmp_path, schema)
    refuse_foreign_files(tmp_path)
    refuse_foreign_results(tmp_path)


def test_files_in_a_bucket_are_known_as_local_ones_are(tmp_path: Path, bucket: Url) -> None:
    refuse_foreign_files(bucket)
    write_sonar_results(tmp_path)
    for name in (MODEL_NAME, PREDICTIONS_NAME):
        (bucket / name).upload(tmp_path / name)
    refuse_foreign_files(bucket)
    _write_theirs(tmp_path / MODEL_NAME)
    (bucket / MODEL_NAME).upload(tmp_path / MODEL_NAME)
    with pytest.raises(RunFolderError, match=f"wrote .*{MODEL_NAME}"):
        refuse_foreign_files(bucket)
