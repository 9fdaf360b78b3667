"""Which backend of Keras converts a network for other engines: each in a process of its own, which imports Keras."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from scoring.models.model_request import ModelRequest
from scoring.networks.engines import EngineName
from scoring.networks.precision import Precision

pytestmark = [pytest.mark.ci, pytest.mark.keras]

_ROOT = Path(__file__).parents[3]
_LOAD = """
import sys
import numpy as np
from scoring.errors import ModelError
from scoring.models.model_request import ModelRequest
from scoring.networks.engines import EngineName
from scoring.networks.precision import Precision
from scoring.process.hidden_packages import hidden

model, engine, backend, *absent = sys.argv[1:]
with hidden(*absent):
    try:
        loaded = ModelRequest(model, None, "a,b,c", Precision.FLOAT32, backend, EngineName(engine)).load()
    except ModelError as error:
        raise SystemExit(f"refused: {error}")
np.save(sys.stdout.buffer, loaded.score(np.load(sys.stdin.buffer)))
"""
_PIXELS = np.random.default_rng(0).integers(0, 256, (3, 224, 224, 3), np.uint8)
_ENGINES = [(EngineName.OPENVINO, "openvino"), (EngineName.MNN, "MNN")]


@pytest.fixture
def network(tmp_path: Path) -> Path:
    """One that nobody has converted."""
    import keras

    path = tmp_path / "own.keras"
    layers = [
        keras.Input((None, None, 3)),
        keras.layers.Rescaling(1 / 255),
        keras.layers.Conv2D(4, 3, activation="relu"),
        keras.layers.GlobalAveragePooling2D(),
        keras.layers.Dense(3, activation="softmax"),
    ]
    keras.Sequential(layers).save(path)
    return path


def _load(tmp_path: Path, *words: str | Path) -> subprocess.CompletedProcess[bytes]:
    np.save(tmp_path / "pixels.npy", _PIXELS)
    with (tmp_path / "pixels.npy").open("rb") as pixels:
        return subprocess.run([sys.executable, "-c", _LOAD, *words], cwd=_ROOT, stdin=pixels, capture_output=True)


def test_a_network_is_converted_for_openvino_whatever_keras_backend_is(network: Path, tmp_path: Path) -> None:
    """PyTorch need not be installed: TensorFlow converts."""
    pytest.importorskip("openvino")
    ended = _load(tmp_path, network, "openvino", "torch")
    assert ended.returncode == 0, ended.stderr.decode()
    (tmp_path / "scores.npy").write_bytes(ended.stdout)
    request = ModelRequest(str(network), None, "a,b,c", Precision.FLOAT32, "tensorflow")
    expected = request.load().score(np.load(tmp_path / "pixels.npy"))
    np.testing.assert_allclose(np.load(tmp_path / "scores.npy"), expected, atol=1e-5)


@pytest.mark.parametrize(("engine", "package"), _ENGINES)
def test_a_line_says_that_tensorflow_is_needed_to_convert(
    engine: EngineName, package: str, network: Path, tmp_path: Path
) -> None:
    pytest.importorskip(package)
    ended = _load(tmp_path, network, engine, "torch", "tensorflow")
    assert ended.returncode == 1
    assert ended.stderr.decode().splitlines()[-1] == (
        f"refused: `engine` {engine} needs TensorFlow, which converts networks for it whatever Keras' backend is; it "
        "cannot be imported: tensorflow is hidden for a moment. Use pip install tensorflow, or `engine` keras."
    )
