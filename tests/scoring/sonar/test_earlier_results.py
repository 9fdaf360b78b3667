"""Which earlier results of `score`'s network are taken up, and which are made anew."""

import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scoring.errors import ModelError, RunFolderError
from scoring.sonar.metrics_file import (
    METRICS_NAME,
    Learned,
    SonarMetrics,
    StudyRecord,
    StudySettings,
    load_metrics,
    write_metrics,
)
from scoring.sonar.network import SonarSettings, load_earlier
from scoring.sonar.whole_results import are_whole, trained_model
from scoring.storage.downloads import file_digest
from scoring.storage.locations import Url

_METRICS = SonarMetrics(208, 84, 0.9, None, [[40, 2], [2, 40]], 0.8164, "d" * 64, 0, None, 26.3, {"keras": "3.15.1"})
_STUDY = StudyRecord(StudySettings("d" * 64, (), (), 0, "tensorflow", {}), 1.0, ())


@pytest.fixture
def trained(tmp_path: Path) -> SonarSettings:
    """Settings of a run that has trained, and left all three files."""
    pq.write_table(pa.table({"row": list(range(208))}), tmp_path / "predictions.parquet")
    with zipfile.ZipFile(tmp_path / "model.keras", "w") as archive:
        archive.writestr("config.json", "{}")
        archive.writestr("model.weights.h5", bytes(range(256)) * 16)
    write_metrics(tmp_path / METRICS_NAME, _METRICS)
    return SonarSettings(tmp_path / "sonar.csv", "d" * 64, tmp_path, 0, None, "tensorflow")


@pytest.fixture
def scored(trained: SonarSettings, tmp_path: Path) -> SonarSettings:
    """Settings of a run that has scored with a model, and left two files."""
    model = (tmp_path / "model.keras").rename(tmp_path / "theirs.keras")
    write_metrics(
        tmp_path / METRICS_NAME,
        replace(_METRICS, model=str(model), model_sha256=file_digest(model), learned=Learned.UNKNOWN),
    )
    return replace(trained, model=model)


def _flip_middle_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def test_a_folder_stands_for_the_model_that_was_trained_in_it(tmp_path: Path) -> None:
    (tmp_path / "run" / "sonar").mkdir(parents=True)
    model = tmp_path / "run" / "sonar" / "model.keras"
    for place in (model, model.parent, tmp_path / "run"):
        assert trained_model(place) == place  # of which a later message tells that it is no file
    model.touch()
    assert [trained_model(place) for place in (model, model.parent, tmp_path / "run")] == [model] * 3


def test_a_whole_result_is_taken_up(trained: SonarSettings) -> None:
    assert load_earlier(trained) == _METRICS


@pytest.mark.parametrize("model", ["trained", "scored"])
def test_a_result_of_another_backend_is_refused(model: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    settings = request.getfixturevalue(model)
    metrics = load_metrics(tmp_path / METRICS_NAME)
    assert isinstance(metrics, SonarMetrics)
    write_metrics(tmp_path / METRICS_NAME, replace(metrics, versions={"python": "3.11.7", "tensorflow": "2.19.0"}))
    assert load_earlier(settings) is not None
    with pytest.raises(RunFolderError, match="backend differs: expected tensorflow, received jax"):
        load_earlier(replace(settings, backend="jax"))


def test_the_seed_counts_where_a_model_is_trained(trained: SonarSettings) -> None:
    with pytest.raises(RunFolderError, match="seed differs: expected 0, received 1"):
        load_earlier(replace(trained, seed=1))


def test_the_seed_does_not_count_where_none_is(scored: SonarSettings) -> None:
    assert load_earlier(replace(scored, seed=1)) is not None


def test_a_result_of_the_same_model_is_taken_up_without_a_model_of_its_own(scored: SonarSettings) -> None:
    assert load_earlier(scored) is not None


def test_the_same_model_is_the_same_however_its_path_is_spelled(scored: SonarSettings, tmp_path: Path) -> None:
    (tmp_path / "linked").symlink_to(tmp_path)
    assert load_earlier(replace(scored, model=tmp_path / "linked" / "theirs.keras")) is not None
    assert load_earlier(replace(scored, model=tmp_path / "linked" / ".." / tmp_path.name / "theirs.keras")) is not None
    (tmp_path / "copies").mkdir()
    (tmp_path / "copies" / "theirs.keras").symlink_to(tmp_path / "theirs.keras")
    with pytest.raises(RunFolderError, match="model differs: "):  # beside it lies what tells of its training
        load_earlier(replace(scored, model=tmp_path / "copies" / "theirs.keras"))


@pytest.mark.parametrize("name", ["predictions.parquet", "model.keras"])
@pytest.mark.parametrize("damage", [Path.unlink, _cut])
def test_a_result_without_its_files_is_none(
    trained: SonarSettings, tmp_path: Path, name: str, damage: Callable[[Path], None]
) -> None:
    damage(tmp_path / name)
    assert load_earlier(trained) is None


@pytest.mark.parametrize("name", ["predictions.parquet", "model.keras"])
def test_a_result_beside_another_drivers_files_is_none(trained: SonarSettings, tmp_path: Path, name: str) -> None:
    digests = [file_digest(tmp_path / written) for written in ("model.keras", "predictions.parquet")]
    metrics = replace(_METRICS, trained_sha256=digests[0], predictions_sha256=digests[1])
    write_metrics(tmp_path / METRICS_NAME, metrics)
    assert load_earlier(trained) == metrics
    pq.write_table(pa.table({"row": [208]}), tmp_path / "predictions.parquet.new")
    with zipfile.ZipFile(tmp_path / "model.keras.new", "w") as archive:
        archive.writestr("config.json", "{}")
    (tmp_path / f"{name}.new").rename(tmp_path / name)
    assert load_earlier(trained) is None


def test_a_model_that_is_damaged_inside_is_none(trained: SonarSettings, tmp_path: Path) -> None:
    _flip_middle_byte(tmp_path / "model.keras")
    assert load_earlier(trained) is None


def test_files_in_a_bucket_are_looked_at_as_local_ones(trained: SonarSettings, tmp_path: Path, bucket: Url) -> None:
    for name in ("predictions.parquet", "model.keras"):
        assert not are_whole(bucket, _METRICS, with_model=True)
        (bucket / name).upload(tmp_path / name)
    assert are_whole(bucket, _METRICS, with_model=True)
    _cut(tmp_path / "model.keras")
    (bucket / "model.keras").upload(tmp_path / "model.keras")
    assert not are_whole(bucket, _METRICS, with_model=True)
    assert are_whole(bucket, _METRICS, with_model=False)


def test_a_model_that_was_replaced_under_its_path_is_another(scored: SonarSettings) -> None:
    assert scored.model
    _flip_middle_byte(scored.model)
    with pytest.raises(RunFolderError, match=r"model_sha256 differs: expected .*, received .*Use another `output`"):
        load_earlier(scored)


def test_a_result_that_does_not_tell_the_models_digest_is_none(scored: SonarSettings) -> None:
    write_metrics(scored.output / METRICS_NAME, replace(_METRICS, model=str(scored.model)))
    assert load_earlier(scored) is None


def test_a_result_that_does_not_tell_what_the_model_was_trained_on_is_none(scored: SonarSettings) -> None:
    assert scored.model
    of_model = replace(_METRICS, model=str(scored.model), model_sha256=file_digest(scored.model))
    write_metrics(scored.output / METRICS_NAME, of_model)
    assert load_earlier(scored) is None


def _trained_elsewhere(scored: SonarSettings, folder: Path, metrics: SonarMetrics | StudyRecord) -> SonarSettings:
    """The same result, of a model that has now in its own folder what tells of its training."""
    assert scored.model
    folder.mkdir()
    model = scored.model.rename(folder / "theirs.keras")
    earlier = load_metrics(scored.output / METRICS_NAME)
    assert isinstance(earlier, SonarMetrics)
    write_metrics(scored.output / METRICS_NAME, replace(earlier, model=str(model)))
    write_metrics(folder / METRICS_NAME, replace(metrics, trained_sha256=file_digest(model)))
    return replace(scored, model=model)


@pytest.mark.parametrize(
    ("trained_on", "held"),
    [
        (_METRICS, {"learned": Learned.SPLIT}),
        (replace(_METRICS, data_sha256="e" * 64), {"learned": Learned.OTHER_FILE, "num_test": 0}),
        (replace(_METRICS, data_sha256="e" * 64, content_sha256="c" * 64), {"learned": Learned.SPLIT}),
        (_STUDY, {"learned": Learned.SPLIT, "num_test": 0}),
    ],
)
@pytest.mark.parametrize("earlier", [Learned.UNKNOWN, Learned.OTHER_FILE, Learned.SPLIT])
def test_a_result_is_taken_up_only_if_it_tells_what_is_known_now_of_the_models_training(
    scored: SonarSettings,
    tmp_path: Path,
    trained_on: SonarMetrics | StudyRecord,
    held: dict[str, Any],
    earlier: Learned,
) -> None:
    settings = replace(_trained_elsewhere(scored, tmp_path / "theirs", trained_on), content_sha256="c" * 64)
    before = load_metrics(tmp_path / METRICS_NAME)
    assert isinstance(before, SonarMetrics)
    told = replace(before, learned=earlier, num_test=held.get("num_test", 84))
    write_metrics(tmp_path / METRICS_NAME, told)
    assert load_earlier(settings) == (told if earlier is held["learned"] else None)
    write_metrics(tmp_path / METRICS_NAME, replace(told, **held))
    assert load_earlier(settings) == replace(told, **held)
    (tmp_path / "theirs" / METRICS_NAME).unlink()
    assert load_earlier(settings) == replace(told, **held)  # what was known stays true of the very same model


def test_a_model_that_is_gone_is_told_in_one_line(scored: SonarSettings) -> None:
    assert scored.model
    scored.model.unlink()
    with pytest.raises(ModelError, match=r"Expected `sonar_model` to be a readable file; .* is not: No such file"):
        load_earlier(scored)
