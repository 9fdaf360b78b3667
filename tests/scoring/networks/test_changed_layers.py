"""Layers that the Keras which saved a file computed in another way than the one that loads it."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from scoring.errors import ModelError
from scoring.networks.keras_files import keras_digest, load_keras_file

pytestmark = pytest.mark.keras

_CROPS = r"has RandomCrop \(crop\), which crops in scoring, too, there, .* Resizing that does the same in its place"
_BUILD = "Build it in Keras 3 by code with Rescaling(0.2, 0.5) and ReLU(max_value=1) in its place, load_weights"


def _save(path: Path, layers: list[Any], saved_by: str, written: tuple[str, str] = ("", "")) -> Path:
    """A small network with such layers within, as if another Keras had saved it, and written part of it otherwise."""
    import keras

    saved = path / "saved.keras"
    nested = keras.Sequential([keras.Input((16, 16, 3)), keras.layers.Conv2D(4, 3, padding="same"), *layers])
    head = [keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(2, activation="softmax")]
    keras.Sequential([keras.Input((16, 16, 3)), nested, *head]).save(saved)
    with zipfile.ZipFile(saved) as source, zipfile.ZipFile(path / "model.keras", "w") as archive:
        archive.writestr("config.json", source.read("config.json").decode().replace(*written))
        archive.writestr("metadata.json", json.dumps({"keras_version": saved_by}))
        archive.writestr("model.weights.h5", source.read("model.weights.h5"))
    return path / "model.keras"


@pytest.mark.parametrize("saved_by", ["2.15.0", "3.0.5", "3.7.0"])
def test_a_random_crop_that_cropped_in_scoring_too_is_refused(tmp_path: Path, saved_by: str) -> None:
    from keras.layers import RandomCrop

    path = _save(tmp_path, [RandomCrop(7, 10, name="crop")], saved_by)
    with pytest.raises(ModelError, match=rf"Keras 3\.\d+\.\d computes as Keras {saved_by} does.* {_CROPS}") as refused:
        load_keras_file(path)
    assert "\n" not in str(refused.value)


def test_a_random_crop_of_unknown_inputs_is_refused(tmp_path: Path) -> None:
    from keras.layers import RandomCrop

    path = _save(tmp_path, [RandomCrop(16, 16, name="crop")], "3.6.0", ("build_config", "unknown"))
    with pytest.raises(ModelError, match=_CROPS):
        load_keras_file(path)


@pytest.mark.parametrize(
    ("saved_by", "size"), [("3.8.0", (7, 10)), ("3.15.0", (7, 10)), ("3.7.0", (16, 16)), ("", (7, 10))]
)
def test_a_random_crop_that_did_nothing_in_scoring_is_taken(
    tmp_path: Path, saved_by: str, size: tuple[int, int]
) -> None:
    from keras.layers import RandomCrop

    assert load_keras_file(_save(tmp_path, [RandomCrop(*size)], saved_by)).output_shape == (None, 2)


@pytest.mark.parametrize(
    "function",
    ['"hard_sigmoid"', '{"module": "builtins", "class_name": "function", "config": "hard_sigmoid"}'],
)
def test_hard_sigmoid_of_keras_2_is_refused_with_what_does_the_same(tmp_path: Path, function: str) -> None:
    from keras.layers import Activation, Conv2D

    layers = [Activation("hard_sigmoid", name="gate"), Conv2D(4, 3, activation="hard_sigmoid", name="maps")]
    path = _save(tmp_path, layers, "2.15.0", ('"hard_sigmoid"', function))
    with pytest.raises(
        ModelError, match=r"hard_sigmoid \(gate, maps\), which is 0\.2x \+ 0\.5 between 0 and 1 there"
    ) as refused:
        load_keras_file(path)
    assert _BUILD in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_recurrent_hard_sigmoid_of_keras_2_is_refused_before_what_keras_3_lacks(tmp_path: Path) -> None:
    """As of `ConvLSTM2D`, whose default it was, in a network that Keras 3 would not load for other reasons."""
    config = {"name": "memory", "filters": 4, "recurrent_activation": "hard_sigmoid", "time_major": False}
    layer = {"module": "keras.layers", "class_name": "ConvLSTM2D", "config": config}
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps({"class_name": "Functional", "config": {"layers": [layer]}}))
        archive.writestr("metadata.json", '{"keras_version": "2.12.0"}')
    with pytest.raises(ModelError, match=r"hard_sigmoid \(memory\)"):
        load_keras_file(path)


@pytest.mark.parametrize("saved_by", ["3.5.0", "3.6.0", "3.7.0"])
def test_attention_that_only_one_version_squared_is_refused(tmp_path: Path, saved_by: str) -> None:
    operation = {"module": "keras.src.ops.nn", "class_name": "DotProductAttention", "config": {"is_causal": False}}
    layers = [{**operation, "name": "attention"}]
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps({"class_name": "Functional", "config": {"layers": layers}}))
        archive.writestr("metadata.json", json.dumps({"keras_version": saved_by}))
    with pytest.raises(
        ModelError, match=r"has dot_product_attention \(attention\), which squares|Cannot load"
    ) as refused:
        load_keras_file(path)
    assert ("which squares" in str(refused.value)) == (saved_by == "3.6.0")


@pytest.mark.parametrize("saved_by", ["3.0.5", "3.15.0"])
def test_hard_sigmoid_of_keras_3_is_taken(tmp_path: Path, saved_by: str) -> None:
    from keras.layers import Activation

    assert load_keras_file(_save(tmp_path, [Activation("hard_sigmoid")], saved_by)).output_shape == (None, 2)


def test_a_layer_of_that_name_is_taken_whoever_saved_it(tmp_path: Path) -> None:
    from keras.layers import ReLU

    assert load_keras_file(_save(tmp_path, [ReLU(name="hard_sigmoid")], "2.15.0")).output_shape == (None, 2)


def test_conversions_that_earlier_versions_made_of_such_a_file_are_not_taken_for_it(tmp_path: Path) -> None:
    from keras.layers import RandomCrop

    path = _save(tmp_path, [RandomCrop(7, 10)], "3.15.0")
    digests = [keras_digest(_saved_by(path, version)) for version in ("3.6.0", "3.7.0", "3.8.0", "3.15.0")]
    assert digests[0] == digests[1] != digests[2] == digests[3] == keras_digest(path)


def _saved_by(path: Path, version: str) -> Path:
    """The same file, as if another Keras had saved it."""
    other = path.with_stem(version)
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(other, "w") as archive:
        for name in source.namelist():
            about = json.dumps({"keras_version": version}).encode()
            archive.writestr(name, about if name == "metadata.json" else source.read(name))
    return other
