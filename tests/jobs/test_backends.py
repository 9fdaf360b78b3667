"""Each backend of Keras runs every command, and says what TensorFlow says."""

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pandas as pd
import pytest

from scoring.models.model_folder import ModelFolder
from scoring.models.training_record import load_training_record
from scoring.sonar.metrics_file import StudyRecord, load_metrics
from scoring.storage.locations import Location
from tests.places import on_disk
from tests.runs import record_of

pytestmark = pytest.mark.slow

_BACKENDS = ("tensorflow", "jax", "torch")
_SONAR = ("--protocol", "article", "--model", "article", "--seed", "0")
_Run: TypeAlias = Callable[[str], Path]


def _command(backend: str, *words: str | Path, code: int = 0) -> str:
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"the {backend} backend needs {backend}")
    environment = {**os.environ, "KERAS_BACKEND": backend}
    ended = subprocess.run(
        [sys.executable, "-m", "jobs", *words], env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == code, ended.stderr
    return ended.stderr


@pytest.fixture(scope="module")
def photos(data_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirty of each label."""
    folder = tmp_path_factory.mktemp("photos")
    for photo in sorted((data_folder / "photos" / "train").glob("*.jpg"))[::10]:
        (folder / photo.name).symlink_to(photo)
    return folder


@pytest.fixture(scope="module")
def network(data_folder: Path) -> Path:
    return data_folder / "models" / "cat_dog_squeezenet.keras"


@pytest.fixture(scope="module")
def scored(photos: Path, network: Path, tmp_path_factory: pytest.TempPathFactory) -> _Run:
    """Scores with a backend."""

    def run(backend: str) -> Path:
        output = tmp_path_factory.mktemp("runs") / backend
        options = ("--model", network, "--labels", "cat,dog", "--labels-from", "names", "--precision", "float32")
        _command(backend, "score", "--images", photos, *options, "--output", output)
        return output

    return run


def _rows(folder: Location) -> pd.DataFrame:
    return pd.read_parquet(on_disk(folder)).set_index("image_id").sort_index()


@pytest.mark.parametrize("backend", _BACKENDS[1:])
def test_scores_are_those_of_tensorflow(backend: str, scored: _Run) -> None:
    other = scored(backend)
    first, rows = (_rows(output / "predictions") for output in (scored("tensorflow"), other))
    assert record_of(other).fingerprint.engine == f"keras-{backend}"
    assert len(rows) == 60
    assert (rows["label"] == rows["target"]).sum() >= 56
    np.testing.assert_allclose(rows["probability"], first["probability"], atol=1e-4)
    assert list(rows["label"]) == list(first["label"])


@pytest.mark.parametrize("backend", _BACKENDS[1:])
def test_a_model_is_fine_tuned_to_the_same_probabilities(
    backend: str, photos: Path, network: Path, tmp_path: Path
) -> None:
    """Features and the head that is fitted on them; they are stored in float16."""
    for name in (backend, "tensorflow"):
        options = ("--base", network, "--precision", "float32", "--folds", "3", "--output", tmp_path / name)
        _command(name, "finetune", "--images", photos, *options)
    first, other = (ModelFolder(tmp_path / name) for name in ("tensorflow", backend))
    known, features = (np.stack(_rows(of.features.predictions)["features"].to_list()) for of in (first, other))
    np.testing.assert_allclose(features.astype(np.float32), known.astype(np.float32), atol=1e-3)
    known, found = (np.stack(_rows(of.validation)["probabilities"].to_list()) for of in (first, other))
    np.testing.assert_allclose(found, known, atol=1e-3)
    assert load_training_record(other).metrics.after_calibration.accuracy > 0.9
    assert backend in load_training_record(other).versions
    scoring = ("--model", tmp_path / backend, "--labels-from", "names", "--output", tmp_path / "run")
    _command(backend, "score", "--images", photos, *scoring)
    rows = _rows(tmp_path / "run" / "predictions")
    assert (rows["label"] == rows["target"]).mean() > 0.9


@pytest.mark.parametrize("backend", ["tensorflow", "torch"])  # JAX makes no numbers of what a table lacks
def test_a_network_that_cannot_take_all_pixels_is_refused_in_one_line(
    backend: str, photos: Path, tmp_path: Path
) -> None:
    import keras

    pixels = keras.Input((16, 16, 3))
    brightness = keras.layers.Embedding(128, 4)(keras.layers.GlobalMaxPooling2D()(pixels))
    outputs = keras.layers.Dense(2, "softmax")(keras.layers.Flatten()(brightness))
    keras.Model(pixels, outputs).save(tmp_path / "model.keras")
    options = ("--model", tmp_path / "model.keras", "--labels", "cat,dog", "--output", tmp_path / "run")
    said = _command(backend, "score", "--images", photos, *options, "--precision", "float32", code=2)
    assert "Expected a network that Keras can run on a batch of " in said
    assert "\x1b" not in said
    assert "u001b" not in said


@pytest.mark.parametrize("backend", _BACKENDS)
def test_sonar_returns_are_learnt_by_every_backend(backend: str, data_folder: Path, tmp_path: Path) -> None:
    """Each draws weights of its own, so figures are near one another, and not the same."""
    data = data_folder / "sonar" / "sonar.all-data"
    _command(backend, "sonar", "--data", data, *_SONAR, "--output", tmp_path / "study")
    study = load_metrics(tmp_path / "study" / "sonar" / "metrics.json")
    assert isinstance(study, StudyRecord)
    assert study.settings.backend == backend
    assert [row.accuracy > 0.7 for row in study.results] == [True]
