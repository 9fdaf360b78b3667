"""Files of Keras 2, written in its words around weights of Keras 3: they give what the network gives."""

import json
import shlex
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import pytest

from scoring.errors import ModelError
from scoring.models.kinds import kind_of
from scoring.networks.keras_architecture import stated_size
from scoring.networks.keras_files import load_keras_file

if TYPE_CHECKING:
    import keras

pytestmark = pytest.mark.keras

_SIDE = 16
_ROOT = Path(__file__).parents[3]


def _network(is_listed: bool) -> "keras.Model":
    """A nested network with layers that Keras 2 wrote otherwise, below its classes: in a list, or in a graph."""
    import keras
    from keras import layers

    inputs = keras.Input((_SIDE, _SIDE, 3))
    maps = layers.SeparableConv2D(4, 3, padding="same", name="conv1_conv")(inputs)
    below = layers.BatchNormalization()(maps)
    maps = layers.Add()([layers.DepthwiseConv2D(3, padding="same")(below), below])
    base = keras.Model(inputs, layers.Conv2DTranspose(4, 3)(layers.SpatialDropout2D(0.2)(maps)), name="base")
    flip, pool, dense = layers.RandomFlip(), layers.GlobalAveragePooling2D(), layers.Dense(2)
    if is_listed:
        network = keras.Sequential([keras.Input((_SIDE, _SIDE, 3)), flip, base, pool, dense])
    else:
        entry = keras.Input((_SIDE, _SIDE, 3))
        network = keras.Model(entry, keras.Sequential([keras.Input((4,)), dense])(pool(base(flip(entry)))))
    rng = np.random.default_rng(0)
    network.set_weights([np.asarray(rng.random(each.shape), each.dtype) for each in network.get_weights()])
    return network


_OPTIONS: dict[str, dict[str, Any]] = {
    "DepthwiseConv2D": {"groups": 1},
    "Conv2DTranspose": {"groups": 1},
    "SeparableConv2D": {"groups": 1, "kernel_initializer": None, "kernel_regularizer": None, "kernel_constraint": None},
    "BatchNormalization": {"axis": [3]},
    "RandomFlip": {"rng_type": "stateful"},
    "SpatialDropout2D": {"trainable": True, "noise_shape": None},
}


def _in_keras_2(part: Any) -> Any:
    """An architecture in the words of Keras 2."""
    if isinstance(part, list):
        return [_in_keras_2(each) for each in part]
    if not isinstance(part, dict):
        return "conv1/conv" if part == "conv1_conv" else part
    part = {key: _in_keras_2(value) for key, value in part.items()}
    kind, own = part.get("class_name"), part.get("config")
    if kind == "DTypePolicy":
        return own["name"]
    if kind == "InputLayer":
        own["batch_input_shape"] = own.pop("batch_shape")
    if kind == "Functional":
        part["module"] = "keras.src.engine.functional"
        nested = {each["name"] for each in own["layers"] if "layers" in each["config"]}
        for layer in own["layers"]:
            layer["inbound_nodes"] = [_call(node, nested) for node in layer["inbound_nodes"]]
        for key in ("input_layers", "output_layers"):
            [name, call, output] = own[key] if isinstance(own[key][0], str) else own[key][0]
            own[key] = [[name, call + (name in nested), output]]
    return {**part, "config": {**own, **_OPTIONS[kind]}} if kind in _OPTIONS else part


def _call(node: Any, nested: set[str]) -> list[Any]:
    [taken] = node["args"]
    places = [each["config"]["keras_history"] for each in (taken if isinstance(taken, list) else [taken])]
    return [[name, call + (name in nested), output, {}] for name, call, output in places]


def _check_same(path: Path, network: "keras.Model") -> None:
    pixels = np.random.default_rng(1).random((3, _SIDE, _SIDE, 3)).astype(np.float32)
    loaded = load_keras_file(path)
    np.testing.assert_allclose(loaded(pixels, training=False), network(pixels, training=False), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("is_listed", [True, False])
def test_a_keras_file_of_keras_2_gives_what_its_network_gives(tmp_path: Path, is_listed: bool) -> None:
    network = _network(is_listed)
    network.save(tmp_path / "saved.keras")
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(tmp_path / "saved.keras") as source, zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps(_in_keras_2(json.loads(source.read("config.json")))))
        archive.writestr("metadata.json", '{"keras_version": "2.15.0"}')
        archive.writestr("model.weights.h5", source.read("model.weights.h5"))
    _check_same(path, network)
    assert stated_size(path) in ((_SIDE, _SIDE), None)


@pytest.mark.ci
@pytest.mark.parametrize("is_listed", [True, False])
def test_the_advice_on_an_hdf5_file_of_keras_2_makes_a_keras_file_of_it(tmp_path: Path, is_listed: bool) -> None:
    network = _network(is_listed)
    path = tmp_path / "keras_model.h5"
    network.save(path)
    with h5py.File(path, "r+") as file:
        file.attrs["model_config"] = json.dumps(_in_keras_2(json.loads(file.attrs["model_config"])))
        file.attrs["keras_version"] = "2.15.0"
    before = path.read_bytes()
    with pytest.raises(ModelError, match=r"python -c") as refused:
        kind_of(str(path), None, "cat,dog")
    _, *command = shlex.split(str(refused.value).partition("run: ")[2].removesuffix("."))
    code = f"import sys; sys.path.insert(0, {str(_ROOT)!r}); {command[1]}"
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True)
    assert path.read_bytes() == before
    _check_same(tmp_path / "keras_model.keras", network)
