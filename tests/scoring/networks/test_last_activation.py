from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scoring.errors import ModelError
from scoring.networks.last_activation import (
    LOG_SOFTMAX,
    NONE,
    SIGMOID,
    SOFTMAX,
    last_activation,
    single_output,
)

pytestmark = pytest.mark.keras


def _model(end: Callable[[Any, Any], Any], tmp_path: Path) -> Any:
    """A model that ends as `end` says, given `keras` and an image's features, as it comes back from its file."""
    import keras

    pixels = keras.Input((8, 8, 3))
    features = keras.layers.GlobalAveragePooling2D()(pixels)
    keras.Model(pixels, end(keras, features)).save(tmp_path / "model.keras")
    return keras.saving.load_model(tmp_path / "model.keras")


def _inner(keras: Any, activation: str | None) -> Any:
    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, activation=activation)])


def _passing(keras: Any) -> Any:
    return keras.Sequential([keras.Input((4,)), keras.layers.Identity(), keras.layers.Activation("linear")])


def _convolution(keras: Any, features: Any, activation: str | None) -> Any:
    maps = keras.layers.Reshape((1, 1, 3))(features)
    return keras.layers.Flatten()(keras.layers.Conv2D(4, 1, activation=activation)(maps))


_ENDS: dict[str, tuple[str, Callable[[Any, Any], Any]]] = {
    "dense softmax": (SOFTMAX, lambda k, x: k.layers.Dense(4, activation="softmax")(x)),
    "dense sigmoid": (SIGMOID, lambda k, x: k.layers.Dense(4, activation="sigmoid")(x)),
    "dense without": (NONE, lambda k, x: k.layers.Dense(4)(x)),
    "dense log-softmax": (LOG_SOFTMAX, lambda k, x: k.layers.Dense(4, activation="log_softmax")(x)),
    "dense tanh": ("tanh", lambda k, x: k.layers.Dense(4, activation="tanh")(x)),
    "dense with a layer": (SOFTMAX, lambda k, x: k.layers.Dense(4, activation=k.layers.Softmax())(x)),
    "dense with another layer": ("LeakyReLU", lambda k, x: k.layers.Dense(4, activation=k.layers.LeakyReLU())(x)),
    "softmax layer": (SOFTMAX, lambda k, x: k.layers.Softmax()(k.layers.Dense(4)(x))),
    "softmax over images": ("Softmax", lambda k, x: k.layers.Softmax(axis=0)(k.layers.Dense(4)(x))),
    "activation layer": (SIGMOID, lambda k, x: k.layers.Activation("sigmoid")(k.layers.Dense(4)(x))),
    "activation layer of a layer": (
        SOFTMAX,
        lambda k, x: k.layers.Activation(k.layers.Softmax())(k.layers.Dense(4)(x)),
    ),
    "linear activation": (
        SOFTMAX,
        lambda k, x: k.layers.Activation("linear")(k.layers.Dense(4, activation="softmax")(x)),
    ),
    "softmax operation": (SOFTMAX, lambda k, x: k.ops.softmax(k.layers.Dense(4)(x))),
    "sigmoid operation": (SIGMOID, lambda k, x: k.ops.sigmoid(k.layers.Dense(4)(x))),
    "log-softmax operation": (LOG_SOFTMAX, lambda k, x: k.ops.log_softmax(k.layers.Dense(4)(x))),
    "dropout": (NONE, lambda k, x: k.layers.Dropout(0.5)(k.layers.Dense(4)(x))),
    "reshaped": (SOFTMAX, lambda k, x: k.layers.Reshape((4,))(k.ops.softmax(k.layers.Dense(4)(x)))),
    "cast": (SOFTMAX, lambda k, x: k.ops.cast(k.ops.softmax(k.layers.Dense(4)(x)), "float64")),
    "convolution": (NONE, lambda k, x: _convolution(k, x, None)),
    "softmax of a convolution": (SOFTMAX, lambda k, x: _convolution(k, x, "softmax")),
    "relu of a convolution": ("relu", lambda k, x: _convolution(k, x, "relu")),
    "model in a model": (SIGMOID, lambda k, x: _inner(k, "sigmoid")(x)),
    "logits of a model in a model": (SOFTMAX, lambda k, x: k.ops.softmax(_inner(k, None)(x))),
    "dropout in a model": (
        SOFTMAX,
        lambda k, x: k.Sequential([k.Input((4,)), k.layers.Dropout(0.5), _passing(k)])(_inner(k, "softmax")(x)),
    ),
    "average of heads": (SOFTMAX, lambda k, x: k.layers.Average()([_inner(k, "softmax")(x) for _ in range(2)])),
    "average of unlike heads": (
        "softmax and none",
        lambda k, x: k.layers.Average()([_inner(k, "softmax")(x), _inner(k, None)(x)]),
    ),
    "scaled": ("Rescaling", lambda k, x: k.layers.Rescaling(2.0)(k.layers.Dense(4)(x))),
}


@pytest.mark.parametrize("name", _ENDS)
def test_last_layers_tell_what_they_compute(name: str, tmp_path: Path) -> None:
    told, end = _ENDS[name]
    assert last_activation(_model(end, tmp_path)) == told


def test_sequential_model_tells_it_too(tmp_path: Path) -> None:
    import keras

    layers = [keras.Input((8, 8, 3)), keras.layers.Flatten(), _inner_of(192), keras.layers.Dropout(0.1)]
    keras.Sequential(layers).save(tmp_path / "model.keras")
    model = keras.saving.load_model(tmp_path / "model.keras")
    assert last_activation(single_output(model, None, "model.keras")) == SIGMOID


def test_output_of_a_sequential_model_is_called_by_its_last_layer(tmp_path: Path) -> None:
    import keras

    layers = [keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(4, name="breed")]
    model = keras.Sequential(layers)
    assert single_output(model, "breed", "model.keras") is model
    with pytest.raises(ModelError, match=r"Expected `output_name` to be one of breed of .*; received 0"):
        single_output(model, "0", "model.keras")


def _inner_of(num_inputs: int) -> Any:
    import keras

    return keras.Sequential([keras.Input((num_inputs,)), keras.layers.Dense(4, activation="sigmoid")])


def _two(keras: Any, features: Any) -> dict[str, Any]:
    dense = keras.layers.Dense(4)(features)
    return {"probs": keras.ops.softmax(dense), "logits": dense}


def test_only_output_of_a_dictionary_is_taken(tmp_path: Path) -> None:
    model = _model(lambda k, x: {"probs": k.layers.Dense(4, activation="softmax")(x)}, tmp_path)
    taken = single_output(model, None, "model.keras")
    pixels = np.random.default_rng(0).uniform(0, 1, (2, 8, 8, 3)).astype(np.float32)
    np.testing.assert_array_equal(taken.predict_on_batch(pixels), model.predict_on_batch(pixels)["probs"])
    assert last_activation(taken) == SOFTMAX


@pytest.mark.parametrize(("output_name", "told"), [("probs", SOFTMAX), ("logits", NONE)])
def test_one_of_several_outputs_is_taken_by_its_name(tmp_path: Path, output_name: str, told: str) -> None:
    model = _model(_two, tmp_path)
    taken = single_output(model, output_name, "model.keras")
    pixels = np.random.default_rng(0).uniform(0, 1, (2, 8, 8, 3)).astype(np.float32)
    np.testing.assert_array_equal(taken.predict_on_batch(pixels), model.predict_on_batch(pixels)[output_name])
    assert last_activation(taken) == told


def test_outputs_of_a_list_are_named_by_their_layers(tmp_path: Path) -> None:
    model = _model(lambda k, x: [k.layers.Dense(4, name="breed")(x), k.layers.Dense(2, name="age")(x)], tmp_path)
    assert single_output(model, "breed", "model.keras").outputs[0].shape == (None, 4)
    with pytest.raises(ModelError, match=r"Expected `output_name` for .*, which has the outputs breed, age"):
        single_output(model, None, "model.keras")


def test_outputs_that_cannot_be_taken_are_refused(tmp_path: Path) -> None:
    model = _model(_two, tmp_path)
    with pytest.raises(ModelError, match="which has the outputs logits, probs; received none"):
        single_output(model, None, "model.keras")
    with pytest.raises(ModelError, match=r"to be one of logits, probs of .*; received prob"):
        single_output(model, "prob", "model.keras")
    maps = _model(lambda k, x: k.layers.Reshape((1, 1, 3))(x), tmp_path)
    with pytest.raises(
        ModelError,
        match=r"outputs of shape \(None, num_classes\); model.keras has \(None, 1, 1, 3\)\. .*\.Flatten\(\) behind",
    ):
        single_output(maps, None, "model.keras")


def test_model_of_one_output_stays_itself(tmp_path: Path) -> None:
    model = _model(lambda k, x: k.layers.Dense(4)(x), tmp_path)
    assert single_output(model, None, "model.keras") is model
