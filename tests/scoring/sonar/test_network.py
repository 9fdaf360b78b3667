"""Scoring returns with a model that users name."""

import errno
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.parquet as pq
import pytest

from scoring.errors import ModelError, SonarError, StorageError
from scoring.networks.keras_import import import_keras
from scoring.sonar import network
from scoring.sonar.learned_rows import learned_rows
from scoring.sonar.metrics_file import METRICS_NAME, Learned, SonarMetrics, StudyRecord, StudySettings, write_metrics
from scoring.sonar.network import SonarSettings, load_earlier, model_digest, run_sonar, try_model
from scoring.sonar.network_model import load_network
from scoring.sonar.protocols import split_rows
from scoring.sonar.returns import BAND_NAMES, NUM_ROWS, UCI_CHECKSUM
from scoring.sonar.uci_file import load_sonar
from scoring.storage.downloads import file_digest
from tests.faults import fail, system_fault
from tests.places import on_disk

if TYPE_CHECKING:
    import keras

pytestmark = pytest.mark.keras


def _model(activation: str, bias: float) -> "keras.Model":
    """From 60 bands to `activation` of the bias alone."""
    import_keras("tensorflow")
    import keras

    model = keras.Sequential([keras.Input((60,)), keras.layers.Dense(1, activation)])
    model.set_weights([np.zeros((60, 1)), np.array([bias])])
    return model


def _settings(folder: Path, model: "keras.Model") -> SonarSettings:
    """Three returns without labels, to be scored with a model."""
    data = folder / "new.csv"
    data.write_text((",".join(["0.5"] * 60) + "\n") * 3)
    model.save(folder / "theirs.keras")
    return SonarSettings(data, file_digest(data), folder / "sonar", 0, folder / "theirs.keras", "tensorflow")


def test_the_models_digest_is_kept_with_the_result(tmp_path: Path) -> None:
    settings = _settings(tmp_path, _model("sigmoid", 0.0))
    assert settings.model
    run_sonar(settings)
    written = json.loads((tmp_path / "sonar" / "metrics.json").read_text())
    assert written["model_sha256"] == file_digest(settings.model)


def test_a_model_that_is_replaced_while_it_is_loaded_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = _settings(tmp_path, _model("sigmoid", 0.0))

    def load(path: Path) -> "keras.Model":
        _model("sigmoid", 1.0).save(path)
        return load_network(path)

    monkeypatch.setattr(network, "load_network", load)
    with pytest.raises(ModelError, match=r"theirs\.keras was replaced meanwhile\. Run again"):
        run_sonar(settings)
    assert list((tmp_path / "sonar").iterdir()) == []


@pytest.mark.parametrize("work", [run_sonar, try_model])
def test_a_model_that_is_another_than_the_command_read_is_refused(
    tmp_path: Path, work: Callable[[SonarSettings], object]
) -> None:
    settings = _settings(tmp_path, _model("sigmoid", 0.0))
    settings = replace(settings, model_sha256=model_digest(settings))
    work(settings)
    assert settings.model
    _model("sigmoid", 1.0).save(settings.model)
    with pytest.raises(ModelError, match=r"Expected the sonar model that the command has read; .*theirs\.keras is a"):
        work(settings)


def test_metrics_of_what_is_replaced_are_gone_before_it_is(tmp_path: Path) -> None:
    settings = _settings(tmp_path, _model("sigmoid", 0.0))
    (tmp_path / "sonar" / "predictions.parquet").mkdir(parents=True)  # a file cannot take its place
    (tmp_path / "sonar" / "metrics.json").write_text("{}")
    with pytest.raises(StorageError, match="Cannot write"):
        run_sonar(settings)
    assert not (tmp_path / "sonar" / "metrics.json").exists()


@pytest.mark.parametrize("name", ["", METRICS_NAME])
def test_what_stands_where_a_result_goes_is_told_in_one_line(tmp_path: Path, name: str) -> None:
    settings = _settings(tmp_path, _model("sigmoid", 0.0))
    if name:
        (settings.output / name).mkdir(parents=True)
    else:
        on_disk(settings.output).write_text("a file")
    with pytest.raises(StorageError, match=r"^Cannot write .*/sonar.*: (Not a directory|Is a directory)\.$"):
        run_sonar(settings)


@pytest.mark.parametrize(("bias", "told"), [(13.85, "13.85"), (-1e-3, "-0.001"), (np.nan, "nan"), (np.inf, "inf")])
def test_outputs_that_are_no_probabilities_are_refused_and_not_stored(tmp_path: Path, bias: float, told: str) -> None:
    settings = _settings(tmp_path, _model("linear", bias))
    with pytest.raises(ModelError, match=rf"from 0 to 1; .*theirs\.keras gives {told} for row 1 of 3\. Use") as refused:
        run_sonar(settings)
    assert "\n" not in str(refused.value)
    assert list((tmp_path / "sonar").iterdir()) == []


@pytest.mark.parametrize(("bias", "stored"), [(1 + 5e-7, 1.0), (-5e-7, 0.0)])
def test_rounding_past_a_certainty_is_stored_as_certainty(tmp_path: Path, bias: float, stored: float) -> None:
    run_sonar(_settings(tmp_path, _model("linear", bias)))
    table = pq.read_table(tmp_path / "sonar" / "predictions.parquet")
    assert table["mine_probability"].to_pylist() == [stored] * 3


def _labelled(folder: Path, model: "keras.Model", name: str = "model.keras") -> SonarSettings:
    """As many returns as UCI has, with labels, to be scored with a model in a folder of its own."""
    draw = np.random.default_rng(0)
    rows = [",".join([*(f"{band:.3f}" for band in draw.random(60)), "MR"[row % 2]]) for row in range(NUM_ROWS)]
    data = folder / "labelled.csv"
    data.write_text("\n".join(rows) + "\n")
    (folder / "theirs").mkdir()
    model.save(folder / "theirs" / name)
    return SonarSettings(data, file_digest(data), folder / "sonar", 0, folder / "theirs" / name, "tensorflow")


def test_test_returns_that_are_copies_of_others_trained_on_are_counted(tmp_path: Path) -> None:
    settings = _labelled(tmp_path, _model("sigmoid", 0.0))
    model = settings.model
    assert model
    rows = settings.data.read_text().split()
    settings.data.write_text("\n".join(rows[:104] * 2) + "\n")
    settings = replace(settings, data_sha256=file_digest(settings.data))
    write_metrics(model.parent / METRICS_NAME, _trained_on(settings.data_sha256, model))
    metrics = run_sonar(settings)
    split = pq.read_table(settings.output / "predictions.parquet")["split"].to_pylist()
    trained = {rows[row % 104] for row in range(208) if split[row] == "train"}
    assert metrics.num_copies == sum(rows[row % 104] in trained for row in range(208) if split[row] == "test") > 0


def _trained_on(digest: str, trained: Path | None) -> SonarMetrics:
    """Metrics of a training on the file of this digest that left the model `trained`; None tells of none."""
    metrics = SonarMetrics(208, 84, 0.9, 1.0, [[40, 2], [2, 40]], 0.8164, digest, 7, None, 26.3, {})
    return replace(metrics, trained_sha256=file_digest(trained) if trained else None)


def _splits(settings: SonarSettings) -> list[str]:
    splits: list[str] = pq.read_table(settings.output / "predictions.parquet")["split"].to_pylist()
    return splits


def test_returns_that_the_model_was_trained_on_are_not_tested(tmp_path: Path) -> None:
    """The seed is that of the training, not the one that is given now."""
    settings = _labelled(tmp_path, _model("sigmoid", 1.0))
    write_metrics(tmp_path / "theirs" / METRICS_NAME, _trained_on(settings.data_sha256, settings.model))
    metrics = run_sonar(settings)
    in_training = split_rows(load_sonar(settings.data), seed=7)
    assert _splits(settings) == ["train" if trained else "test" for trained in in_training]
    assert (metrics.num_test, metrics.test_accuracy, metrics.train_accuracy) == (84, 0.5, 0.5)
    assert metrics.measured_on == "84 returns kept out of training"
    assert load_earlier(settings) == metrics


def test_a_model_that_a_study_trained_on_all_returns_is_tested_on_none_of_them(tmp_path: Path) -> None:
    settings = _labelled(tmp_path, _model("sigmoid", 1.0), "kept.keras")
    assert settings.model
    study = StudySettings(settings.data_sha256, (), (), 0, "tensorflow", {})
    write_metrics(tmp_path / "theirs" / METRICS_NAME, StudyRecord(study, 1.0, (), file_digest(settings.model)))
    metrics = run_sonar(settings)
    assert set(_splits(settings)) == {"train"}
    assert (metrics.num_test, metrics.test_accuracy, metrics.confusion_matrix) == (0, None, None)
    assert (metrics.train_accuracy, metrics.best_accuracy) == (0.5, 0.5)
    assert metrics.measured_on == "208 returns, all of which the model was trained on"


def test_returns_of_another_file_are_told_as_such(tmp_path: Path) -> None:
    settings = _labelled(tmp_path, _model("sigmoid", 1.0))
    write_metrics(tmp_path / "theirs" / METRICS_NAME, _trained_on("d" * 64, settings.model))
    metrics = run_sonar(settings)
    assert set(_splits(settings)) == {"other file"}
    assert (metrics.num_test, metrics.test_accuracy, metrics.accuracy) == (0, None, 0.5)
    assert metrics.measured_on == "208 returns of another file, which may hold some that the model was trained on"
    assert metrics.article_accuracy is None


def _read_anew(settings: SonarSettings) -> SonarSettings:
    return replace(settings, data_sha256=load_sonar(settings.data).digest)


def test_returns_that_the_model_was_trained_on_are_told_in_a_file_saved_anew(tmp_path: Path) -> None:
    settings = _labelled(tmp_path, _model("sigmoid", 1.0))
    trained = replace(
        _trained_on(settings.data_sha256, settings.model), content_sha256=load_sonar(settings.data).content_digest
    )
    write_metrics(tmp_path / "theirs" / METRICS_NAME, trained)
    names = ";".join([*BAND_NAMES, "class"])
    spelled = settings.data.read_text().replace(",", ";").replace(";M", ";mine").replace("\n", "\r\n")
    settings.data.write_text(f"{names}\r\n{spelled}", newline="")
    metrics = run_sonar(_read_anew(settings))
    assert metrics.num_test == 84
    assert set(_splits(settings)) == {"train", "test"}


def test_returns_that_are_others_than_the_command_read_are_refused(tmp_path: Path) -> None:
    """As where a node holds a copy of its own."""
    settings = _labelled(tmp_path, _model("sigmoid", 1.0))
    settings.data.write_text(settings.data.read_text().replace(",M", ",R"))
    for use in (run_sonar, try_model):
        with pytest.raises(SonarError, match=r"Expected the returns that the command has read; .* holds others where"):
            use(settings)
    assert not settings.output.exists()


def test_what_a_model_was_trained_on_is_not_unknown_because_it_cannot_be_read_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = _labelled(tmp_path, _model("sigmoid", 1.0))
    told = tmp_path / "theirs" / METRICS_NAME
    write_metrics(told, _trained_on(settings.data_sha256, settings.model))
    fail(monkeypatch, Path, "read_text", told, system_fault(errno.EIO), times=1)
    returns = load_sonar(settings.data)
    assert learned_rows(settings.model, returns, seed=0)[0] is Learned.SPLIT
    fail(monkeypatch, Path, "read_text", told, system_fault(errno.ENOTCONN))
    with pytest.raises(StorageError, match=r"^Cannot read .*metrics\.json: .*\. Run again once it can be read\.$"):
        learned_rows(settings.model, returns, seed=0)
    fail(monkeypatch, Path, "read_text", told, system_fault(errno.EACCES))
    assert learned_rows(settings.model, returns, seed=0)[0] is Learned.UNKNOWN


@pytest.mark.parametrize("of_study", [False, True])
def test_a_copy_of_ucis_file_is_told_for_a_model_of_an_earlier_version(
    tmp_path: Path, data_folder: Path, of_study: bool
) -> None:
    """That kept the digest of the file alone."""
    settings = _labelled(tmp_path, _model("sigmoid", 1.0))
    assert settings.model
    settings.data.write_bytes((data_folder / "sonar" / "sonar.all-data").read_bytes().replace(b"\n", b"\r\n"))
    trained: SonarMetrics | StudyRecord = _trained_on(UCI_CHECKSUM.removeprefix("sha256:"), settings.model)
    if of_study:
        study = StudySettings(UCI_CHECKSUM.removeprefix("sha256:"), (), (), 0, "tensorflow", {})
        trained = StudyRecord(study, 1.0, (), file_digest(settings.model))
    write_metrics(tmp_path / "theirs" / METRICS_NAME, trained)
    metrics = run_sonar(_read_anew(settings))
    assert (metrics.num_test, metrics.learned, metrics.are_uci) == (0 if of_study else 84, Learned.SPLIT, True)
    assert metrics.article_accuracy == 0.8164


@pytest.mark.parametrize("beside", ["nothing", "theirs", "earlier version", "another model"])
def test_where_nothing_tells_what_a_model_was_trained_on_no_return_is_called_new(tmp_path: Path, beside: str) -> None:
    settings = _labelled(tmp_path, _model("sigmoid", 1.0))
    path = tmp_path / "theirs" / METRICS_NAME
    if beside == "theirs":
        path.write_text('{"val_loss": 0.1}')
    elif beside != "nothing":
        write_metrics(path, _trained_on(settings.data_sha256, settings.data if beside == "another model" else None))
    metrics = run_sonar(settings)
    assert set(_splits(settings)) == {"unknown"}
    assert (metrics.num_test, metrics.test_accuracy, metrics.accuracy) == (0, None, 0.5)
    assert metrics.measured_on == "208 returns, and nothing tells whether the model was trained on them"


def test_a_model_that_was_never_built_is_refused(tmp_path: Path) -> None:
    import_keras("tensorflow")
    import keras

    with pytest.warns(UserWarning, match="not yet been built"):
        keras.Sequential([keras.layers.Dense(1, "sigmoid")]).save(tmp_path / "unbuilt.keras")
    with pytest.raises(ModelError, match=r"unbuilt\.keras was saved before it had an input shape"):
        load_network(tmp_path / "unbuilt.keras")
