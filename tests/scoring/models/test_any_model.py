"""What happens to each kind of Keras image model: the probabilities that it means, or one line that says what to do."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scoring.errors import ModelError
from scoring.models.model_request import ModelRequest
from scoring.models.output_meaning import OutputMeaning
from scoring.networks.noise import noise
from scoring.networks.precision import Precision
from scoring.pixels.input_shape import InputShape

_MANUAL = Path(__file__).parents[3] / "scoring" / "README.md"


def _dense(units: int, activation: str | None = None) -> Callable[[Any], Any]:
    import keras

    layer: Callable[[Any], Any] = keras.layers.Dense(units, activation=activation)
    return layer


def _softmax(logits: Any) -> Any:
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shares / shares.sum(axis=1, keepdims=True)


def _sigmoid(logits: Any) -> Any:
    return 1 / (1 + np.exp(-logits))


def _both(second: Any) -> Any:
    """Of one output: what is left for the first label, and the second's."""
    return np.concatenate([1 - second, second], axis=1)


def _same(outputs: Any) -> Any:
    return outputs


@dataclass(frozen=True)
class _Model:
    """A row of the table.

    Attributes:
        end: From features to outputs.
        means: Probabilities that Keras' outputs mean, or how the refusal begins.
        shape: The input.
        taken: The pixels that it is given, where the input does not say.
        options: What the user has to say.
        loss: What it is compiled with.
    """

    end: Callable[[], Callable[[Any], Any]]
    means: Callable[[Any], Any] | str
    shape: tuple[int | None, ...] = (32, 32, 3)
    taken: InputShape | None = None
    options: dict[str, Any] = field(default_factory=dict)
    loss: str | None = None


def _log_softmax() -> Callable[[Any], Any]:
    import keras

    return lambda features: keras.ops.log_softmax(_dense(2)(features))


def _two_softmax() -> Callable[[Any], Any]:
    return _dense(2, "softmax")


def _of_the_whole_batch() -> Callable[[Any], Any]:
    import keras

    return lambda features: _dense(2, "softmax")(features / keras.ops.max(features))


_TABLE = {
    "softmax": _Model(_two_softmax, _same),
    "two logits": _Model(lambda: _dense(2), _softmax),
    "one logit": _Model(lambda: _dense(1), lambda outputs: _both(_sigmoid(outputs))),
    "no activation": _Model(lambda: _dense(1), "Cannot tell what the outputs of", loss="mse"),
    "log-softmax": _Model(_log_softmax, np.exp),
    "sigmoid": _Model(lambda: _dense(1, "sigmoid"), _both),
    "several sigmoids": _Model(lambda: _dense(2, "sigmoid"), "Expected probabilities that sum to 1 for each image"),
    "multi-label": _Model(lambda: _dense(2, "sigmoid"), _same, options={"outputs": OutputMeaning.MULTI_LABEL}),
    "tanh": _Model(lambda: _dense(2, "tanh"), "Cannot tell what the outputs of"),
    "dictionary": _Model(
        lambda: lambda features: {"probs": _two_softmax()(features)}, lambda outputs: outputs["probs"]
    ),
    "one channel": _Model(_two_softmax, _same, (32, 32, 1)),
    "180 x 180": _Model(_two_softmax, _same, (180, 180, 3)),
    "299 x 299": _Model(_two_softmax, _same, (299, 299, 3)),
    "96 x 128": _Model(_two_softmax, _same, (96, 128, 3)),
    "open": _Model(_two_softmax, _same, (None, None, 3), InputShape(224, 224)),
    "open, and a size": _Model(_two_softmax, _same, (None, None, 3), InputShape(48, 64), {"size": (48, 64)}),
    "channels first": _Model(_two_softmax, "Expected a model of one input of shape", (3, 32, 32)),
    "outputs of an image": _Model(_of_the_whole_batch, "Expected a network that sees each image by itself"),
}


def _save(path: Path, model: _Model) -> Any:
    import keras

    keras.utils.set_random_seed(5)
    pixels = keras.Input(model.shape)
    scaled = keras.layers.Rescaling(1 / 64, offset=-2)(pixels)
    maps = keras.layers.Conv2D(6, 3, strides=2, activation="relu", padding="same")(scaled)
    features = keras.layers.GlobalMaxPooling2D()(maps)
    built = keras.Model(pixels, model.end()(features))
    if model.loss:
        built.compile("sgd", model.loss)
    built.save(path)
    return built


def test_manual_says_of_each_of_them_what_happens() -> None:
    """Its rows begin with their names here, in this order, and say so where one is refused."""
    _, after = _MANUAL.read_text(encoding="utf-8").split("| the model | what is stored |\n|---|---|\n")
    rows = [line.strip("| ").split(" | ") for line in after.partition("\n\n")[0].splitlines()]
    for (told, stored), (name, model) in zip(rows, _TABLE.items(), strict=True):
        assert re.match(rf"{re.escape(name)}\b", told)
        assert stored.startswith("refused") == isinstance(model.means, str), told


@pytest.mark.keras
@pytest.mark.parametrize("name", _TABLE)
def test_a_model_is_scored_right_or_refused_in_one_line(name: str, tmp_path: Path) -> None:
    model = _TABLE[name]
    built = _save(tmp_path / "m.keras", model)
    request = ModelRequest(str(tmp_path / "m.keras"), None, "cat,dog", Precision.FLOAT32, "tensorflow", **model.options)
    if isinstance(model.means, str):
        with pytest.raises(ModelError, match=model.means) as refused:
            request.load().try_out(4)
        assert "\n" not in str(refused.value)
        return
    classifier = request.load()
    classifier.try_out(4)
    height, width, channels = (side or 0 for side in model.shape)
    taken = model.taken or InputShape(height, width, channels)
    assert classifier.input_shape == taken
    pixels = noise(6, taken)
    scores = classifier.score(pixels)
    np.testing.assert_allclose(scores, model.means(built.predict_on_batch(pixels.astype(np.float32))), atol=1e-6)
    assert np.ptp(scores[:, 1]) > 1e-3, "it depends on the image"
