"""Scoring returns with a model that users name."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.parquet as pq
import pytest

from scoring.errors import ModelError, StorageError
from scoring.networks.keras_import import import_keras
from scoring.sonar.network import SonarSettings, load_network, run_sonar
from scoring.storage.downloads import file_digest

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


def test_metrics_of_what_is_replaced_are_gone_before_it_is(tmp_path: Path) -> None:
    settings = _settings(tmp_path, _model("sigmoid", 0.0))
    (tmp_path / "sonar" / "predictions.parquet").mkdir(parents=True)  # a file cannot take its place
    (tmp_path / "sonar" / "metrics.json").write_text("{}")
    with pytest.raises(StorageError, match="Cannot write"):
        run_sonar(settings)
    assert not (tmp_path / "sonar" / "metrics.json").exists()


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


def test_a_model_that_was_never_built_is_refused(tmp_path: Path) -> None:
    import_keras("tensorflow")
    import keras

    with pytest.warns(UserWarning, match="not yet been built"):
        keras.Sequential([keras.layers.Dense(1, "sigmoid")]).save(tmp_path / "unbuilt.keras")
    with pytest.raises(ModelError, match=r"unbuilt\.keras was saved before it had an input shape"):
        load_network(tmp_path / "unbuilt.keras")
