"""What is left out where values stay within bounds, and that all is as before afterwards."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from scoring.networks.bounded_steps import all_bounded, last_bounded, left_out

pytestmark = pytest.mark.keras


def _nested(keras: Any, inputs: Any) -> Any:
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="softmax")])(inputs)


_ENDINGS: dict[str, Callable[[Any, Any], Any]] = {
    "in a layer": lambda keras, x: keras.layers.Dense(3, activation="softmax")(x),
    "a layer": lambda keras, x: keras.layers.Softmax()(keras.layers.Dense(3)(x)),
    "an activation": lambda keras, x: keras.layers.Activation("softmax", dtype="float32")(keras.layers.Dense(3)(x)),
    "an operation": lambda keras, x: keras.ops.softmax(keras.layers.Dense(3)(x)),
    "a sigmoid": lambda keras, x: keras.layers.Dense(1, activation="sigmoid")(x),
    "nested": _nested,
    "reshaped": lambda keras, x: keras.layers.Reshape((3,))(_nested(keras, x)),
}


@pytest.mark.parametrize("name", _ENDINGS)
def test_what_gives_probabilities_is_left_out_while_asked_for(name: str) -> None:
    import keras

    inputs = keras.Input((4,))
    model = keras.Model(inputs, _ENDINGS[name](keras, inputs))
    values = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    before = np.asarray(model(values))
    with left_out(last_bounded(model)):
        logits = np.asarray(model(values))
    activation = keras.ops.sigmoid if name == "a sigmoid" else keras.ops.softmax
    np.testing.assert_allclose(activation(logits), before, atol=1e-6)
    assert np.abs(logits - before).max() > 0.1
    np.testing.assert_array_equal(model(values), before)


@pytest.mark.parametrize(
    "last",
    [
        lambda keras: keras.layers.Dense(3),
        lambda keras: keras.layers.Dense(3, activation="relu"),
        lambda keras: keras.layers.Dense(3, activation="log_softmax"),
        lambda keras: keras.layers.LSTM(3, activation="softmax"),
        lambda keras: keras.layers.SimpleRNN(1, activation="sigmoid"),
    ],
)
def test_what_has_no_bounds_or_has_them_within_a_layer_stays(last: Callable[[Any], Any]) -> None:
    import keras

    layer = last(keras)
    model = keras.Sequential([keras.Input((2, 4) if "cell" in vars(layer) else (4,)), layer])
    assert last_bounded(model) == all_bounded(model) == []


def _views(keras: Any, x: Any, dense: Any) -> Any:
    network = keras.Sequential([keras.Input((4,)), dense])
    return keras.layers.Average()([network(x), network(2 * x)])


def _row(keras: Any, x: Any) -> Any:
    return keras.layers.Reshape((1, 4))(x)


# Each ends in Dense(3, activation="sigmoid"), which is given, and in what joins it or follows it.
_FURTHER: dict[str, Callable[[Any, Any, Any], Any]] = {
    "views": _views,
    "no and yes": lambda keras, x, dense: (lambda yes: keras.layers.Concatenate()([1 - yes, yes]))(dense(x)),
    "clipped": lambda keras, x, dense: keras.ops.clip(dense(x), 0.001, 0.999),
    "scaled": lambda keras, x, dense: keras.layers.Rescaling(0.98, 0.01)(dense(x)),
    "a product": lambda keras, x, dense: keras.layers.Multiply()([dense(x), dense(-x)]),
    "normalised": lambda keras, x, dense: keras.layers.BatchNormalization()(dense(x)),
    "over places": lambda keras, x, dense: keras.layers.GlobalAveragePooling1D()(
        keras.layers.TimeDistributed(dense)(_row(keras, x))
    ),
    "of a network over places": lambda keras, x, dense: keras.layers.Flatten()(
        keras.layers.TimeDistributed(keras.Sequential([keras.Input((4,)), dense]))(_row(keras, x))
    ),
    "wrapped": lambda keras, x, dense: keras.layers.SpectralNormalization(dense)(x),
}


@pytest.mark.parametrize("name", _FURTHER)
def test_bounds_are_found_behind_joins_and_whatever_has_no_kernel(name: str) -> None:
    import keras

    keras.utils.set_random_seed(0)
    inputs, dense = keras.Input((4,)), keras.layers.Dense(3, activation="sigmoid")
    model = keras.Model(inputs, _FURTHER[name](keras, inputs, dense))
    assert dense in last_bounded(model)
    values = np.full((2, 4), 1e4, np.float32) * [[1], [1.1]]
    before = np.asarray(model(values))
    np.testing.assert_allclose(before[0], before[1], atol=1e-6)
    with left_out(last_bounded(model)):
        assert np.abs(np.subtract(*np.asarray(model(values)))).max() > 10
    np.testing.assert_array_equal(model(values), before)


def test_bounds_below_kernels_are_found_but_for_gates() -> None:
    import keras

    inputs = keras.Input((4,))
    below, gate = keras.layers.Dense(4, activation="tanh"), keras.layers.Dense(4, activation="sigmoid")
    hidden = below(keras.layers.Multiply()([inputs, gate(inputs)]))
    last = keras.layers.Dense(2, activation="softmax")
    model = keras.Model(inputs, last(keras.layers.Dense(3)(hidden)))
    assert last_bounded(model) == [last]
    assert all_bounded(model) == [last, below]
