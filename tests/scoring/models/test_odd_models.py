"""Models as people have them: nested, with preprocessing inside, of other number types, or none that we can score."""

from collections.abc import Callable
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scoring.errors import ModelError
from scoring.models.model_request import ModelRequest
from scoring.networks.engines import EngineName
from scoring.networks.noise import noise
from scoring.networks.precision import Precision
from scoring.pixels.input_shape import InputShape

pytestmark = pytest.mark.keras

_SHAPE = InputShape(32, 40)


def _head(features: Any, units: int = 2) -> Any:
    import keras

    return keras.layers.Dense(units, activation="softmax", kernel_initializer="he_normal")(features)


def _trunk(pixels: Any) -> Any:
    import keras

    maps = keras.layers.Conv2D(6, 3, strides=2, activation="relu")(pixels)
    return keras.layers.GlobalMaxPooling2D()(maps)


def _nested() -> Any:
    """A Sequential within a Functional within a Sequential."""
    import keras

    layers = keras.layers
    inner = keras.Sequential([layers.Input((32, 40, 3)), layers.Rescaling(1 / 64, -2), layers.Conv2D(4, 3)])
    pixels = keras.Input((32, 40, 3))
    middle = keras.Model(pixels, keras.layers.GlobalAveragePooling2D()(inner(pixels)))
    return keras.Sequential([keras.Input((32, 40, 3)), middle, keras.layers.Dense(2, activation="softmax")])


def _preprocessing() -> Any:
    """Resizing, a Normalization that was adapted, and augmentation, which acts in training alone."""
    import keras

    normalization = keras.layers.Normalization()
    normalization.adapt(noise(8, _SHAPE).astype(np.float32))
    layers = [
        keras.Input((32, 40, 3)),
        keras.layers.RandomFlip("horizontal"),
        keras.layers.RandomRotation(0.4),
        keras.layers.RandomContrast(0.9),
        keras.layers.Resizing(24, 24),
        normalization,
        keras.layers.Conv2D(6, 3, strides=2),
        keras.layers.BatchNormalization(),
        keras.layers.Flatten(),
        keras.layers.Dropout(0.5),
        keras.layers.Dense(2, activation="softmax"),
    ]
    return keras.Sequential(layers)


def _without_input() -> Any:
    """A Sequential that learnt its shape from the first batch."""
    import keras

    layers = [keras.layers.Rescaling(1 / 255), keras.layers.Conv2D(4, 3), keras.layers.GlobalMaxPooling2D()]
    model = keras.Sequential([*layers, keras.layers.Dense(2, activation="softmax")])
    model(np.zeros((1, 32, 40, 3), np.float32))
    return model


def _of_policy(policy: str) -> Callable[[], Any]:
    def build() -> Any:
        import keras

        keras.config.set_dtype_policy(policy)
        try:
            pixels = keras.Input((32, 40, 3))
            return keras.Model(pixels, _head(_trunk(keras.layers.Rescaling(1 / 255)(pixels))))
        finally:
            keras.config.set_dtype_policy("float32")

    return build


def _of_double() -> Any:
    """All of it in float64, its input too."""
    import keras

    keras.config.set_floatx("float64")
    try:
        return _of_policy("float64")()
    finally:
        keras.config.set_floatx("float32")


def _of_dtype(dtype: str) -> Callable[[], Any]:
    def build() -> Any:
        import keras

        pixels = keras.Input((32, 40, 3), dtype=dtype)
        return keras.Model(pixels, _head(_trunk(keras.layers.Rescaling(1 / 255)(pixels))))

    return build


def _quantised(mode: str) -> Callable[[], Any]:
    def build() -> Any:
        import keras

        pixels = keras.Input((32, 40, 3))
        hidden = keras.layers.Dense(16, activation="relu")(_trunk(keras.layers.Rescaling(1 / 64, -2)(pixels)))
        model = keras.Model(pixels, _head(hidden))
        for dense in model.layers[-2:]:
            dense.quantize(mode)  # as `model.quantize` does, which warns of all layers that cannot be
        return model

    return build


def _of_whole_pixels() -> Any:
    """Its first layer rounds."""
    import keras

    pixels = keras.Input((32, 40, 3))
    smaller = keras.layers.Resizing(20, 24, dtype="uint8")(pixels)
    return keras.Model(pixels, _head(_trunk(keras.layers.Rescaling(1 / 64, -2)(smaller))))


def _of_outputs(end: Callable[[Any], Any]) -> Callable[[], Any]:
    def build() -> Any:
        import keras

        pixels = keras.Input((32, 40, 3))
        return keras.Model(pixels, end(keras.layers.Rescaling(1 / 255)(pixels)))

    return build


def _two_inputs() -> Any:
    import keras

    pixels, age = keras.Input((32, 40, 3)), keras.Input((1,))
    return keras.Model([pixels, age], _head(keras.layers.Concatenate()([_trunk(pixels), age])))


def _stateful() -> Any:
    import keras

    pixels = keras.Input((32, 40, 3), batch_size=4)
    rows = keras.layers.Reshape((32, 120))(pixels)
    state = keras.layers.Bidirectional(keras.layers.LSTM(4, stateful=True, name="memory"))(rows)
    return keras.Model(pixels, _head(keras.layers.GRU(4, name="forgetful")(keras.layers.Reshape((2, 4))(state))))


def _own_layer() -> Any:
    import keras

    @keras.saving.register_keras_serializable("somebodys")
    class Squared(keras.layers.Layer):  # type: ignore[misc]
        def call(self, inputs: Any) -> Any:
            return inputs * inputs

    pixels = keras.Input((32, 40, 3))
    model = keras.Model(pixels, _head(_trunk(Squared()(pixels))))
    del keras.saving.get_custom_objects()["somebodys>Squared"]  # as in the process of somebody else
    return model


def _own_function() -> Any:
    import keras

    def squared(values: Any) -> Any:
        return values * values

    return _of_outputs(lambda pixels: _head(keras.layers.Activation(squared)(_trunk(pixels))))()


def _in_lambda(module: str, name: str) -> Callable[[], Any]:
    def build() -> Any:
        import keras

        function = getattr(attrgetter(module)(keras), name)
        return _of_outputs(lambda pixels: _head(_trunk(keras.layers.Lambda(function)(pixels))))()

    return build


def _maps(pixels: Any) -> Any:
    import keras

    return keras.layers.Conv2D(2, 1, activation="softmax")(pixels)


def _each_of_two(pixels: Any) -> Any:
    return [_head(_trunk(pixels)), _head(_trunk(pixels))]


_SCORED = {
    "nested": _nested,
    "preprocessing and augmentation inside": _preprocessing,
    "a Sequential without an Input": _without_input,
    "mixed_float16": _of_policy("mixed_float16"),
    "mixed_bfloat16": _of_policy("mixed_bfloat16"),
    "float16": _of_policy("float16"),
    "float64": _of_double,
    "uint8 pixels": _of_dtype("uint8"),
    "int32 pixels": _of_dtype("int32"),
    "float16 pixels": _of_dtype("float16"),
    "1,001 classes": _of_outputs(lambda pixels: _head(_trunk(pixels), 1001)),
}
_ON_OPENVINO = ("nested", "preprocessing and augmentation inside", "mixed_bfloat16", "float16", "uint8 pixels")
_OF_THEIR_OWN_TYPES = {
    "int8 weights": _quantised("int8"),
    "int4 weights": _quantised("int4"),
    "a layer of whole numbers": _of_whole_pixels,
}
_REFUSED = {
    "two inputs": (_two_inputs, "Expected a model of one input"),
    "two outputs": (_of_outputs(_each_of_two), "Expected `output_name` for .*, which has the outputs"),
    "a segmentation": (
        _of_outputs(_maps),
        r"Expected a classifier with outputs of shape \(None, num_classes\); .* \(None, 32, 40, 2\)",
    ),
    "int8 pixels": (_of_dtype("int8"), "Expected a model whose input holds pixels of 0 to 255; .* takes int8, which"),
    "a state": (_stateful, r"by itself; .*m\.keras carries a state .* in forward_memory, backward_memory\."),
    "a layer of its own": (_own_layer, r"safe mode: its class Squared is none of Keras' own\. Use layers"),
    "a function of its own": (_own_function, r"safe mode: its function squared is none of Keras' own\. Use layers"),
    "preprocessing in a Lambda": (
        _in_lambda("applications.resnet", "preprocess_input"),
        r"safe mode: its function preprocess_input was saved by its name alone, .*\. Call preprocess_input\(inputs\) "
        r"directly .* or save it without that and name `pixels` caffe, torch or -1\.\.1, as fits\.$",
    ),
    "an operation in a Lambda": (
        _in_lambda("ops", "normalize"),
        r"its function normalize was saved by its name alone, .*\. Call normalize\(inputs\) directly .* it again\.$",
    ),
}


def _request(
    path: Path, labels: str, engine: EngineName = EngineName.KERAS, precision: Precision = Precision.FLOAT32
) -> ModelRequest:
    return ModelRequest(str(path), None, labels, precision, "tensorflow", engine)


@pytest.mark.ci
@pytest.mark.parametrize(
    ("name", "engine"),
    [
        *((name, EngineName.KERAS) for name in _SCORED),
        *((name, EngineName.OPENVINO) for name in _ON_OPENVINO),
        *(
            pytest.param(name, EngineName.OPENVINO, marks=pytest.mark.slow)
            for name in _SCORED
            if name not in _ON_OPENVINO
        ),
    ],
)
def test_odd_model_says_what_keras_says_in_float32(
    name: str, engine: EngineName, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked for in float32, it is computed in float32, whatever policy it was trained with."""
    import keras

    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    keras.utils.set_random_seed(3)
    built = _SCORED[name]()
    built.save(tmp_path / "m.keras")
    labels = ",".join(f"label{number}" for number in range(built.output_shape[-1]))
    classifier = _request(tmp_path / "m.keras", labels, engine).load()
    assert classifier.input_shape == _SHAPE
    classifier.try_out(4)
    pixels = noise(6, _SHAPE)
    expected = np.asarray(built(pixels.astype(built.inputs[0].dtype), training=False), np.float32)
    is_low = "float16" in name and name != "float16 pixels"
    np.testing.assert_allclose(classifier.score(pixels), expected, atol=1e-2 if is_low else 1e-5)
    assert np.ptp(expected, axis=0).max() > 1e-3, "it depends on the image"


@pytest.mark.ci
@pytest.mark.parametrize("precision", [Precision.FLOAT32, Precision.BFLOAT16])
@pytest.mark.parametrize("name", _OF_THEIR_OWN_TYPES)
def test_layers_whose_types_say_what_their_weights_mean_keep_them(
    name: str, precision: Precision, tmp_path: Path
) -> None:
    """Read as float32, quantised weights would be 127 times too large."""
    import keras

    keras.utils.set_random_seed(3)
    built = _OF_THEIR_OWN_TYPES[name]()
    built.save(tmp_path / "m.keras")
    pixels = noise(6, _SHAPE)
    expected = built.predict_on_batch(pixels.astype(np.float32))
    scores = _request(tmp_path / "m.keras", "cat,dog", precision=precision).load().score(pixels)
    np.testing.assert_allclose(scores, expected, atol=1e-5 if precision is Precision.FLOAT32 else 2e-2)
    assert np.ptp(expected, axis=0).max() > 1e-3, "it depends on the image"


@pytest.mark.parametrize("name", _REFUSED)
def test_odd_model_is_refused_in_one_line(name: str, tmp_path: Path) -> None:
    build, message = _REFUSED[name]
    build().save(tmp_path / "m.keras")
    with pytest.raises(ModelError, match=message) as refused:
        _request(tmp_path / "m.keras", "cat,dog").load()
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("engine", EngineName)
def test_network_that_keras_itself_cannot_run_is_refused_in_one_line(
    engine: EngineName, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keras builds a convolution of whole numbers in mixed precision, saves it, and fails at the first image."""
    import keras

    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    pixels = keras.Input((32, 40, 3), dtype="int32")
    maps = keras.layers.Conv2D(4, 3, dtype="mixed_bfloat16")(pixels)
    keras.Model(pixels, _head(keras.layers.GlobalAveragePooling2D()(maps))).save(tmp_path / "m.keras")
    with pytest.raises(ModelError, match=r"run.*[:.] Exception .* when calling Conv2D\.call\(\)\. ") as refused:
        _request(tmp_path / "m.keras", "cat,dog", engine).load().try_out(4)
    assert str(refused.value).isprintable()
    assert "Arguments" not in str(refused.value)


def test_labels_are_counted_against_1001_classes(tmp_path: Path) -> None:
    _SCORED["1,001 classes"]().save(tmp_path / "m.keras")
    with pytest.raises(ModelError, match=r"1001|1,001"):
        _request(tmp_path / "m.keras", "cat,dog").load()
