from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from scoring.errors import ModelError
from scoring.models.output_meaning import OutputMeaning, OutputReading, read_outputs
from scoring.networks.last_activation import LOG_SOFTMAX, NONE, SIGMOID, SOFTMAX, last_activation, single_output

_LOGITS = np.random.default_rng(1).normal(0, 4, (7, 3)).astype(np.float32)
_PROBABILITIES = OutputReading(OutputMeaning.PROBABILITIES, from_logits=False)
_OF_A_SOFTMAX = OutputReading(OutputMeaning.PROBABILITIES, from_logits=False, may_be_logits=False)
_OF_LOGITS = OutputReading(OutputMeaning.PROBABILITIES, from_logits=True)
_OF_LOGARITHMS = OutputReading(OutputMeaning.PROBABILITIES, from_logits=True, are_logarithms=True)
_SIGMOID = OutputReading(OutputMeaning.SIGMOID, from_logits=False)
_MULTI_LABEL = OutputReading(OutputMeaning.MULTI_LABEL, from_logits=False)
_OF_A_LOGIT = OutputReading(OutputMeaning.SIGMOID, from_logits=True)


def _softmax(logits: Any) -> Any:
    shares = np.exp(logits.astype(np.float64))
    return shares / shares.sum(axis=1, keepdims=True)


def _sigmoid(logits: Any) -> Any:
    return 1 / (1 + np.exp(-logits.astype(np.float64)))


@pytest.mark.parametrize(
    ("activation", "asked", "num_outputs", "reading"),
    [
        (SOFTMAX, None, 3, _OF_A_SOFTMAX),
        (SOFTMAX, "probabilities", 3, _OF_A_SOFTMAX),
        ("sparsemax", "probabilities", 3, _OF_A_SOFTMAX),
        (SIGMOID, None, 1, _SIGMOID),
        (SIGMOID, "sigmoid", 1, _SIGMOID),
        (SIGMOID, "probabilities", 1, _SIGMOID),
        (NONE, None, 3, _OF_LOGITS),
        (NONE, None, 1, _OF_A_LOGIT),
        (NONE, "logits", 1, _OF_A_LOGIT),
        (NONE, "sigmoid", 1, _OF_A_LOGIT),
        (NONE, "probabilities", 3, _PROBABILITIES),
        (NONE, "probabilities", 1, _SIGMOID),
        (LOG_SOFTMAX, None, 3, _OF_LOGARITHMS),
        (LOG_SOFTMAX, "logits", 3, _OF_LOGITS),
        ("tanh", "logits", 3, _OF_LOGITS),
        ("tanh", "probabilities", 3, _PROBABILITIES),
        ("hard_sigmoid", "sigmoid", 1, _SIGMOID),
    ],
)
def test_last_layer_and_request_tell_what_outputs_mean(
    activation: str, asked: str | None, num_outputs: int, reading: OutputReading
) -> None:
    meaning = OutputMeaning(asked) if asked else None
    assert read_outputs(activation, meaning, num_outputs, "m.keras") == reading


@pytest.mark.parametrize(
    ("activation", "asked", "num_outputs", "message"),
    [
        (SOFTMAX, None, 1, "ends in a softmax over one output, which is always 1"),
        (SOFTMAX, "logits", 3, "ends in a softmax over 3 outputs: probabilities; received logits"),
        (SOFTMAX, "sigmoid", 1, "ends in a softmax over one output, which is always 1"),
        (LOG_SOFTMAX, None, 1, "ends in a log-softmax over one output, which is always 0"),
        (LOG_SOFTMAX, "logits", 1, "ends in a log-softmax over one output, which is always 0"),
        (LOG_SOFTMAX, "multi-label", 3, "ends in a log-softmax over 3 outputs: logits; received multi-label"),
        (LOG_SOFTMAX, "probabilities", 3, "ends in a log-softmax over 3 outputs: logits; received probabilities"),
        (SIGMOID, "logits", 1, "ends in a sigmoid over 1 output: sigmoid; received logits"),
        (SIGMOID, None, 3, "ends in a sigmoid over 3 outputs, where every label stands by itself"),
        (SIGMOID, "probabilities", 3, "ends in a sigmoid over 3 outputs, where every label stands by itself"),
        ("hard_sigmoid", "sigmoid", 3, "Expected one output for `outputs` sigmoid; m.keras has 3"),
        ("tanh", None, 3, "ends in tanh. Name `outputs`: probabilities, logits, sigmoid, multi-label."),
        ("unknown", None, 1, "which ends in unknown. Name `outputs`"),
    ],
)
def test_what_cannot_be_told_or_contradicts_the_last_layer_is_refused(
    activation: str, asked: str | None, num_outputs: int, message: str
) -> None:
    with pytest.raises(ModelError) as refused:
        read_outputs(activation, OutputMeaning(asked) if asked else None, num_outputs, "m.keras")
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("reading", "outputs", "expected"),
    [
        (_PROBABILITIES, _softmax(_LOGITS), _softmax(_LOGITS)),
        (_OF_LOGITS, _LOGITS, _softmax(_LOGITS)),
        (_OF_LOGARITHMS, np.log(_softmax(_LOGITS)), _softmax(_LOGITS)),
        (_OF_LOGITS, _LOGITS + 3000, _softmax(_LOGITS)),
        (_OF_A_LOGIT, _LOGITS[:, :1], _sigmoid(_LOGITS[:, :1] * [-1, 1])),
        (_SIGMOID, _sigmoid(_LOGITS[:, :1]), _sigmoid(_LOGITS[:, :1] * [-1, 1])),
    ],
)
def test_outputs_become_probabilities_in_float32(reading: OutputReading, outputs: Any, expected: Any) -> None:
    outputs = outputs.astype(np.float32)
    before = outputs.copy()
    reading.check(outputs, "m.keras")
    probabilities = reading.to_probabilities(outputs)
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities, expected, atol=2e-4 if outputs.max() > 1000 else 1e-6)
    np.testing.assert_array_equal(outputs, before)


def test_large_logits_overflow_nowhere_and_keep_their_small_probabilities() -> None:
    logits = np.array([[-88.0], [-200.0], [200.0]], np.float32)
    with np.errstate(all="raise", under="ignore"):
        probabilities = _OF_A_LOGIT.to_probabilities(logits)
        softmax = _OF_LOGITS.to_probabilities(np.array([[1e30, -1e30], [700.0, 620.0]], np.float32))
    np.testing.assert_allclose(probabilities[0], [1, np.exp(-88.0)], rtol=1e-5)
    np.testing.assert_array_equal(probabilities[1:], [[1, 0], [0, 1]])
    np.testing.assert_allclose(softmax, [[1, 0], [1, np.exp(-80.0)]], rtol=1e-4)


def test_rows_that_are_not_all_finite_stay_no_probabilities() -> None:
    outputs = np.array([[0.0, 1.0], [np.nan, 1.0], [np.inf, 0.0]], np.float32)
    for reading in (_OF_LOGITS, _PROBABILITIES):
        assert np.isnan(reading.to_probabilities(outputs)).all(axis=1).tolist() == [False, True, True]
    assert np.isnan(_OF_A_LOGIT.to_probabilities(outputs[:, :1])).all(axis=1).tolist() == [False, True, True]


def test_probabilities_that_rounding_left_beyond_the_range_come_back_into_it() -> None:
    outputs = np.array([[-1e-4, 1.0001]], np.float32)
    _PROBABILITIES.check(outputs, "m.keras")
    np.testing.assert_array_equal(_PROBABILITIES.to_probabilities(outputs), [[0, 1]])


@pytest.mark.parametrize(
    ("reading", "outputs", "message"),
    [
        (_PROBABILITIES, [[-16.1, 17.1]], "0 to 1; received values from -16.1 to 17.1. If they are logits, name"),
        (_MULTI_LABEL, [[-16.1, 17.1]], "from -16.1 to 17.1. If they are logits, end the model in a sigmoid layer."),
        (_SIGMOID, [[0.2], [-16.1], [17.1]], "received values from -16.1 to 17.1"),
        (_SIGMOID, [[0.2], [1.2]], "received values from 0.2 to 1.2"),
        (_PROBABILITIES, [[0.5, 0.5], [0.9, 0.8]], "sums from 1 to 1.7. If they are logits, name"),
        (_PROBABILITIES, [[0.0, 0.0]], "sums from 0 to 0"),
        (_OF_A_SOFTMAX, [[0.0, 0.0]], "sums from 0 to 0. End the model in one softmax over all labels."),
        (_OF_LOGARITHMS, np.log([[0.5, 0.5, 0.9, 0.1]]), "received sums from 2 to 2. End the model in one softmax"),
        (_OF_LOGARITHMS, np.log([[0.5, 0.5], [0.3, 0.3]]), "received sums from 0.6 to 1. End the model in one softmax"),
        (_OF_LOGARITHMS, [[999.0, 0.5]], "received sums from inf to inf"),
        (_PROBABILITIES, [[np.nan, 0.5], [np.inf, 0]], "received none that is finite for 2 images"),
        (_OF_LOGITS, [[np.nan, 0.5]], "received none that is finite for 1 images"),
        (_OF_LOGITS, [[0.25, 0.75], [1.0, 0.0]], "received values from 0 to 1 that sum to 1 for each image"),
    ],
)
def test_outputs_that_contradict_what_they_are_said_to_be_are_refused_with_their_values(
    reading: OutputReading, outputs: Any, message: str
) -> None:
    with pytest.raises(ModelError) as refused:
        reading.check(np.array(outputs, np.float32), "m.keras")
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("reading", "outputs"),
    [
        (_PROBABILITIES, [[0.4961, 0.5078]]),  # a softmax in bfloat16
        (_PROBABILITIES, [[0.5, 0.5], [np.nan, np.nan]]),  # one black picture
        (_OF_LOGITS, [[0.0, 0.0], [0.5, 0.5]]),
        (_OF_A_LOGIT, [[0.1], [0.9]]),
    ],
)
def test_outputs_that_may_be_what_they_are_said_to_be_pass(reading: OutputReading, outputs: Any) -> None:
    reading.check(np.array(outputs, np.float32), "m.keras")


def _of_parts(keras: Any, features: Any, activation: str) -> Any:
    """Three heads of two classes each, side by side."""
    pairs = keras.layers.Reshape((3, 2))(keras.layers.Dense(6)(features))
    return keras.layers.Reshape((6,))(keras.layers.Activation(activation)(pairs))


def _log_softmax_of_parts(logits: Any) -> Any:
    return np.log(_softmax(logits.reshape(-1, 2))).reshape(logits.shape)


_Build = Callable[[Any, Any], Any]
_END: dict[str, _Build] = {
    "softmax": lambda k, x: k.layers.Dense(3, activation="softmax")(x),
    "one logit": lambda k, x: k.layers.Dense(1)(x),
    "two logits": lambda k, x: k.layers.Dense(2)(x),
    "sigmoid": lambda k, x: k.layers.Dense(1, activation="sigmoid")(x),
    "log-softmax": lambda k, x: k.layers.Dense(3, activation="log_softmax")(x),
    "log-softmax of parts": lambda k, x: _of_parts(k, x, "log_softmax"),
    "softmax of parts": lambda k, x: _of_parts(k, x, "softmax"),
    "two log-softmax averaged": lambda k, x: k.layers.Average()(
        [k.layers.Dense(3, activation="log_softmax")(x), k.layers.Dense(3, activation="log_softmax")(x)]
    ),
    "sparsemax": lambda k, x: k.layers.Dense(3, activation="sparsemax")(x),
    "tanh": lambda k, x: k.layers.Dense(3, activation="tanh")(x),
    "three sigmoids": lambda k, x: k.layers.Dense(3, activation="sigmoid")(x),
    "dictionary": lambda k, x: {"probs": k.layers.Dense(3, activation="softmax")(x)},
}
_SHAPES: dict[str, tuple[int | None, int | None, int]] = {
    "one channel": (64, 64, 1),
    "180": (180, 180, 3),
    "299": (299, 299, 3),
    "96 x 128": (96, 128, 3),
    "any size": (None, None, 3),
}


@pytest.mark.keras
@pytest.mark.parametrize(
    ("name", "asked", "reading", "reference"),
    [
        ("softmax", None, _OF_A_SOFTMAX, lambda z: _softmax(z)),
        ("one logit", None, _OF_A_LOGIT, lambda z: _sigmoid(z * [-1, 1])),
        ("two logits", None, _OF_LOGITS, lambda z: _softmax(z)),
        ("sigmoid", None, _SIGMOID, lambda z: _sigmoid(z * [-1, 1])),
        ("log-softmax", None, _OF_LOGARITHMS, lambda z: _softmax(z)),
        (
            "log-softmax of parts",
            None,
            None,
            "received sums from 3 to 3. End the model in one softmax over all labels.",
        ),
        ("log-softmax of parts", OutputMeaning.LOGITS, _OF_LOGITS, lambda z: _softmax(_log_softmax_of_parts(z))),
        ("softmax of parts", None, None, "received sums from 3 to 3. End the model in one softmax over all labels."),
        (
            "two log-softmax averaged",
            None,
            None,
            "Expected logarithms from two log-softmax averaged of probabilities that",
        ),
        ("sparsemax", OutputMeaning.PROBABILITIES, None, "End the model in one softmax over all labels."),
        ("tanh", None, None, "which ends in tanh. Name `outputs`"),
        ("tanh", OutputMeaning.PROBABILITIES, _PROBABILITIES, "Expected probabilities from tanh"),
        ("tanh", OutputMeaning.LOGITS, _OF_LOGITS, lambda z: _softmax(np.tanh(z))),
        ("three sigmoids", None, None, "ends in a sigmoid over 3 outputs, where every label stands by itself"),
        ("two logits", OutputMeaning.PROBABILITIES, _PROBABILITIES, "Expected probabilities from two logits"),
        ("dictionary", None, _OF_A_SOFTMAX, lambda z: _softmax(z)),
        ("one channel", None, _OF_A_SOFTMAX, lambda z: _softmax(z)),
        ("180", None, _OF_A_SOFTMAX, lambda z: _softmax(z)),
        ("299", None, _OF_A_SOFTMAX, lambda z: _softmax(z)),
        ("96 x 128", None, _OF_A_SOFTMAX, lambda z: _softmax(z)),
        ("any size", None, _OF_A_SOFTMAX, lambda z: _softmax(z)),
    ],
)
def test_any_model_gives_probabilities_or_one_line(
    name: str, asked: OutputMeaning | None, reading: OutputReading | None, reference: Any
) -> None:
    """`reference` are the probabilities of what the last layer is given, or the line."""
    import keras

    keras.utils.set_random_seed(5)
    shape = _SHAPES.get(name, (32, 32, 3))
    pixels = keras.Input(shape)
    features = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 64)(pixels))
    built = keras.Model(pixels, _END.get(name, _END["softmax"])(keras, features))
    model = single_output(built, None, name)
    if isinstance(reference, str):
        with pytest.raises(ModelError) as refused:
            _score(model, asked, name)
        assert reference in str(refused.value)
        return
    assert read_outputs(last_activation(model), asked, model.outputs[0].shape[1], name) == reading
    kernel, bias = built.get_weights()
    logits = keras.Model(pixels, features).predict_on_batch(_pixels(model)) @ kernel + bias
    np.testing.assert_allclose(_score(model, asked, name), reference(logits), atol=1e-6)


def _pixels(model: Any) -> Any:
    _, *shape = model.inputs[0].shape
    levels = np.linspace(0, 255, 5)[:, None, None, None]
    return np.broadcast_to(levels, (5, *(side or 40 for side in shape))).astype(np.float32)


def _score(model: Any, asked: OutputMeaning | None, name: str) -> Any:
    reading = read_outputs(last_activation(model), asked, model.outputs[0].shape[1], name)
    outputs = model.predict_on_batch(_pixels(model))
    reading.check(outputs, name)
    return reading.to_probabilities(outputs)
