"""Which differences from Keras a converted network may have."""

from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import numpy.typing as npt
import pytest

from scoring.errors import ModelError
from scoring.networks.conversion_check import check_conversion
from scoring.networks.engines import EngineName

pytestmark = pytest.mark.keras

_SHAPE = (4, 4, 3)


def _check(weights: npt.NDArray[np.float64], error: float, activation: str | None, scale: float = 1.0) -> None:
    """Compare a dense layer with the same whose weights have random errors, of this standard deviation.

    Args:
        weights: Those of the layer, shape (48, num_outputs).
        error: Of each weight, in shares of their standard deviation.
        activation: What follows the layer.
        scale: What the pixels are multiplied by.
    """
    import keras

    def build(kernel: Any) -> Any:
        pixels = keras.Input(_SHAPE, dtype="uint8")
        flat = keras.layers.Flatten()(keras.layers.Rescaling(scale / 255)(pixels))
        layer = keras.layers.Dense(kernel.shape[1], activation=activation)
        model = keras.Model(pixels, layer(flat))
        layer.set_weights([kernel, np.zeros(kernel.shape[1])])
        return model

    errors = np.random.default_rng(1).normal(0, error * weights.std(), weights.shape)
    other = build(weights + errors)

    def convert(_: Path) -> Any:
        below = keras.Model(other.inputs, other.layers[-1].output)
        below.layers[-1].activation = None
        return below.predict_on_batch

    check_conversion(EngineName.MNN, build(weights), other.predict_on_batch, convert)


def _weights(num_outputs: int, deviation: float) -> npt.NDArray[np.float64]:
    return np.random.default_rng(0).normal(0, deviation, (48, num_outputs))


@pytest.mark.parametrize(
    ("num_outputs", "deviation", "activation"),
    [
        (1000, 0.005, "softmax"),  # probabilities of 0.00097 to 0.00104
        (1000, 1.0, "softmax"),  # from 1e-8 to 0.6
        (2, 0.01, "softmax"),
        (2, 300.0, "softmax"),  # 0 and 1
        (5, 0.5, "sigmoid"),
        (3, 300.0, "sigmoid"),
        (2, 1.0, None),
        (64, 1e-2, "relu"),
        (64, 100.0, "relu"),
    ],
)
def test_share_of_a_ten_thousandth_is_accepted_and_of_a_tenth_refused(
    num_outputs: int, deviation: float, activation: str | None
) -> None:
    weights = _weights(num_outputs, deviation)
    _check(weights, 1e-4, activation)
    with pytest.raises(
        ModelError, match=r"`engine` mnn cannot run .* differ from Keras' by up to .*, where .* is allowed"
    ):
        _check(weights, 0.1, activation)


@pytest.mark.parametrize(
    ("activation", "bias", "factors", "said"),
    [
        ("softmax", [0.0] * 1000, 1.5, r"by up to 0\.41, as logarithms of probabilities, where 0\.002 is allowed\."),
        (
            None,
            [100.0, 1.0, 1.0],
            [1.001, 1, 1.05],
            r"by up to 0\.05, where 0\.0001 is allowed\.",
        ),  # not the 0.1 of 100
    ],
)
def test_what_was_judged_is_told_with_its_limit(
    activation: str | None, bias: list[float], factors: Any, said: str
) -> None:
    import keras

    pixels = keras.Input(_SHAPE, dtype="uint8")
    layer = keras.layers.Dense(len(bias), activation=activation)
    model = keras.Model(pixels, layer(keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(pixels))))
    layer.set_weights([np.zeros((48, len(bias))), np.array(bias)])
    with pytest.raises(ModelError, match=f"its outputs on noise differ from Keras' {said} Use"):
        check_conversion(EngineName.MNN, model, lambda images: model.predict_on_batch(images) * factors, Mock())


def test_logits_that_differ_are_called_so() -> None:
    """Probabilities of nearly 0 and 1 are Keras', and what leads to them is compared."""
    with pytest.raises(ModelError, match=r"its logits on noise differ from Keras' by up to .*, where .* is allowed\."):
        _check(np.sign(_weights(2, 1.0)) * [3000, -3000], 0.05, "softmax")


def test_small_probabilities_of_sigmoids_are_compared_by_their_share() -> None:
    import keras

    pixels = keras.Input(_SHAPE, dtype="uint8")
    flat = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(pixels))
    layer = keras.layers.Dense(3, activation="sigmoid")
    model = keras.Model(pixels, layer(flat))
    layer.set_weights([np.zeros((48, 3)), np.full(3, -9)])
    with pytest.raises(ModelError, match="cannot run this network: its outputs"):
        check_conversion(EngineName.MNN, model, lambda images: model.predict_on_batch(images) * 1.1, Mock())


@pytest.mark.parametrize("activation", ["softmax", "linear"])
def test_what_is_no_number_in_keras_must_not_become_one(activation: str) -> None:
    """As where a vector is divided by its length, which is 0 of a black picture: MNN took probabilities for 0 / 0."""
    import keras

    pixels = keras.Input(_SHAPE, dtype="uint8")
    flat = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(pixels))
    unit = flat / keras.ops.norm(flat, axis=1, keepdims=True)
    model = keras.Model(pixels, keras.layers.Dense(2, activation=activation)(unit))

    def swallowing(images: Any) -> Any:
        return np.nan_to_num(model.predict_on_batch(images), nan=0.5)

    check_conversion(EngineName.MNN, model, model.predict_on_batch, Mock())
    with pytest.raises(ModelError, match=r"its outputs on plain pictures are numbers where Keras' are NaN\. Use"):
        check_conversion(EngineName.MNN, model, swallowing, Mock())


def test_numbers_must_not_become_none() -> None:
    import keras

    pixels = keras.Input(_SHAPE, dtype="uint8")
    flat = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(pixels))
    model = keras.Model(pixels, keras.layers.Dense(2, activation="softmax")(flat))
    with pytest.raises(ModelError, match=r"its outputs on noise are NaN where Keras' are numbers\. Use"):
        check_conversion(
            EngineName.MNN, model, lambda images: model.predict_on_batch(images) * np.float32(np.nan), Mock()
        )


def test_network_that_gives_no_numbers_for_noise_is_converted_as_it_is() -> None:
    import keras

    pixels = keras.Input(_SHAPE, dtype="uint8")
    flat = keras.layers.Flatten()(keras.layers.Rescaling(1.0)(pixels))
    model = keras.Model(pixels, keras.layers.Dense(2, activation="softmax")(keras.ops.exp(flat)))
    check_conversion(EngineName.MNN, model, model.predict_on_batch, Mock())


@pytest.mark.parametrize("is_wrong", [False, True])
def test_one_large_output_hides_no_others_and_an_output_of_nothing_has_the_rounding_of_others(is_wrong: bool) -> None:
    import keras

    pixels = keras.Input(_SHAPE, dtype="uint8")
    flat = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(pixels))
    scales = np.ones((48, 20))
    scales[:, 0], scales[:, 1] = 1e5, 1e-6
    layer = keras.layers.Dense(20)
    model = keras.Model(pixels, layer(flat))
    layer.set_weights([_weights(20, 1.0) * scales, np.zeros(20)])
    error = np.array([20 if is_wrong else 0, 1e-4, *[0.2 if is_wrong else 1e-4] * 18], np.float32)

    def score(images: Any) -> Any:
        return model.predict_on_batch(images) + error

    if is_wrong:
        with pytest.raises(ModelError, match="cannot run this network: its outputs on"):
            check_conversion(EngineName.MNN, model, score, Mock())
    else:
        check_conversion(EngineName.MNN, model, score, Mock())
