"""What a user's `keras.json` says changes nothing: each in a process of its own, since Keras reads it when imported."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from scoring.errors import ModelError
from scoring.networks.keras_settings import settings_faults

pytestmark = [pytest.mark.ci, pytest.mark.keras]

_ROOT = Path(__file__).parents[3]
_START = """
from scoring.errors import ModelError
from scoring.networks.keras_import import import_keras
try:
    import_keras("tensorflow")
except ModelError as error:
    raise SystemExit(f"refused: {error}")
"""
_LOOK = """
import keras, numpy
keras.utils.set_random_seed(1)
layers = keras.layers
network = keras.Sequential([
    keras.Input((16, 12, 3)), layers.Conv2D(4, 3), layers.BatchNormalization(), layers.Flatten(), layers.Dense(3)
])
pixels = numpy.random.default_rng(0).uniform(0, 255, (2, 16, 12, 3))
inputs = keras.applications.vgg16.preprocess_input(pixels)
normalised = layers.Normalization(mean=[0.0] * 3, variance=[0.0] * 3)(inputs)
scores = numpy.asarray(network(inputs))
dense = keras.Sequential([keras.Input((3,)), layers.Dense(2)])
dense.compile("sgd", "mse")
fitted = dense.fit(pixels[:, 0, 0], numpy.zeros((2, 2)), epochs=3, verbose=0)
print(keras.config.backend(), keras.config.floatx(), keras.config.epsilon(), keras.config.image_data_format())
print(keras.config.dtype_policy().name, network.layers[-1].compute_dtype, scores.dtype, len(fitted.epoch))
print(float(keras.ops.sum(keras.ops.abs(normalised))), scores.tobytes().hex())
"""
_COURSE = {"image_dim_ordering": "th", "image_data_format": "channels_first", "floatx": "float32", "backend": "theano"}


def _run(home: Path, code: str = _START + _LOOK, **settings: str) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("KERAS_")}
    environment |= {"KERAS_HOME": str(home)} | settings
    ended = subprocess.run([sys.executable, "-c", code], cwd=_ROOT, env=environment, capture_output=True, text=True)
    return ended.stdout + "".join(line for line in ended.stderr.splitlines() if line.startswith("refused"))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What Keras is and computes where nobody has set anything."""
    said = _run(tmp_path_factory.mktemp("home"))
    assert said.startswith("tensorflow float32 1e-07 channels_last\nfloat32 float32 float32 3\n")
    return said


_LIMITS = {"KERAS_MAX_EPOCHS": "1", "KERAS_MAX_STEPS_PER_EPOCH": "1"}  # they would end a training without a word


@pytest.mark.parametrize(
    ("settings", "limits"),
    [
        (json.dumps(_COURSE), _LIMITS),
        (
            json.dumps({"floatx": "float16", "epsilon": 0.5, "backend": "jax", "image_data_format": "channels_first"}),
            {},
        ),
        ('{"floatx": "float16"', {}),
    ],
    ids=["of the course, and limits", "other numbers", "cut off"],
)
def test_settings_of_the_user_and_limits_of_the_environment_change_nothing(
    tmp_path: Path, undisturbed: str, settings: str, limits: dict[str, str]
) -> None:
    (tmp_path / "keras.json").write_text(settings)
    assert _run(tmp_path, **limits) == undisturbed


def test_such_settings_do_change_something_where_they_are_not_set_again(tmp_path: Path, undisturbed: str) -> None:
    (tmp_path / "keras.json").write_text(json.dumps({"floatx": "float64", "epsilon": 0.5}))
    left = _run(tmp_path, "import os; os.environ['KERAS_BACKEND'] = 'tensorflow'" + _LOOK)
    assert left.startswith("tensorflow float64 0.5 channels_last\nfloat64 float64 float64 3\n")
    assert left != undisturbed


@pytest.mark.parametrize("settings", ['{"epsilon": 1}', '{"floatx": "bfloat16"}', "[]"])
def test_settings_that_keep_keras_from_starting_are_named(tmp_path: Path, settings: str) -> None:
    (tmp_path / "keras.json").write_text(settings)
    said = _run(tmp_path)
    assert said.startswith("refused: Keras cannot be imported: ")
    assert f"remove {tmp_path / 'keras.json'}; nothing of them is used here." in said


@pytest.mark.parametrize("name", ["KERAS_HOME", "HOME", "a HOME that is not there", "no home"])
def test_the_settings_to_remove_are_those_that_keras_reads(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    homes = {"HOME": tmp_path, "KERAS_HOME": tmp_path, "a HOME that is not there": tmp_path / "none"}
    folders = {"HOME": tmp_path / ".keras", "KERAS_HOME": tmp_path / "kept"}
    for variable in ("KERAS_HOME", "HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 2**31 - 7)  # a user of whom the system knows nothing
    if name in homes:
        monkeypatch.setenv("HOME", str(homes[name]))
    if name == "KERAS_HOME":
        monkeypatch.setenv("KERAS_HOME", str(folders[name]))
    folder = folders.get(name, Path("/tmp/.keras"))  # Keras' own way out
    with pytest.raises(ModelError, match=f"remove {folder}/keras.json; nothing"), settings_faults():
        raise ValueError("Unknown `floatx` type")
