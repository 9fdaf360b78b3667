"""Keras models of other pixels than VGG16's: what they say of an image is what Keras itself says."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scoring.errors import ModelError
from scoring.models.classifier import Classifier
from scoring.models.keras_file import KerasFile
from scoring.models.kinds import VGG16_CATS_DOGS
from scoring.models.model_kind import Untold
from scoring.models.model_request import ModelRequest
from scoring.networks.agreement import ImageSample
from scoring.networks.base_networks import base_of
from scoring.networks.base_request import BaseRequest
from scoring.networks.engines import EngineName
from scoring.networks.keras_files import keras_digest
from scoring.networks.noise import noise
from scoring.networks.pixel_scales import PixelScale
from scoring.networks.precision import Precision
from scoring.pixels.input_shape import InputShape

# The model's input, the size that is asked for, and what the network then takes.
_CASES = {
    "one channel": ((64, 64, 1), None, InputShape(64, 64, 1)),
    "180 x 180": ((180, 180, 3), None, InputShape(180, 180)),
    "299 x 299, said too": ((299, 299, 3), (299, 299), InputShape(299, 299)),
    "96 x 128": ((96, 128, 3), None, InputShape(96, 128)),
    "open": ((None, None, 3), None, InputShape(224, 224)),
    "open, and 224 asked for": ((None, None, 3), (224, 224), InputShape(224, 224)),
    "open, and a size": ((None, None, 3), (80, 120), InputShape(80, 120)),
    "open, one channel, and a size": ((None, None, 1), (48, 40), InputShape(48, 40, 1)),
    "open height": ((None, 128, 3), (70, 128), InputShape(70, 128)),
}

_CONVERTED = ("96 x 128", "open, and a size")  # each takes seconds


def _save(path: Path, shape: tuple[int | None, ...]) -> Any:
    """A network whose outputs depend on where things are, so that a picture of another size has others."""
    import keras

    keras.utils.set_random_seed(3)
    layers = [
        keras.Input(shape),
        keras.layers.Rescaling(1 / 64, offset=-2),
        keras.layers.Conv2D(8, 5, strides=3, activation="relu"),
        keras.layers.Conv2D(8, 3, strides=2, activation="relu"),
        keras.layers.GlobalMaxPooling2D(),
        keras.layers.Dense(3, activation="softmax"),
    ]
    model = keras.Sequential(layers)
    model.save(path)
    return model


def _load(path: Path, size: tuple[int, int] | None, engine: EngineName = EngineName.KERAS) -> Classifier:
    return _request(path, size, engine).load()


def _request(
    path: Path | str, size: tuple[int, int] | None, engine: EngineName, precision: Precision = Precision.FLOAT32
) -> ModelRequest:
    return ModelRequest(str(path), None, "a,b,c", precision, "tensorflow", engine, size=size)


@pytest.mark.keras
@pytest.mark.parametrize(
    ("case", "engine"),
    [
        *((case, EngineName.KERAS) for case in _CASES),
        *((case, EngineName.OPENVINO) for case in _CONVERTED),
        *(pytest.param(case, EngineName.OPENVINO, marks=pytest.mark.ci) for case in _CASES if case not in _CONVERTED),
    ],
)
def test_probabilities_are_those_of_keras_on_the_same_pixels(tmp_path: Path, case: str, engine: EngineName) -> None:
    pytest.importorskip("openvino")
    shape, size, taken = _CASES[case]
    model = _save(tmp_path / "model.keras", shape)
    pixels = noise(5, taken)
    expected = model.predict_on_batch(pixels.astype(np.float32))
    assert expected.std(axis=0).max() > 0.01  # it looks at its pixels
    classifier = _load(tmp_path / "model.keras", size, engine)
    assert classifier.input_shape == taken
    classifier.try_out(5)
    np.testing.assert_allclose(classifier.score(pixels), expected, atol=1e-5)


@pytest.mark.keras
@pytest.mark.parametrize(
    "case", ["open, and a size", *(pytest.param(case, marks=pytest.mark.ci) for case in ("one channel", "96 x 128"))]
)
def test_mnn_takes_the_same_pixels(tmp_path: Path, case: str) -> None:
    pytest.importorskip("MNN")
    shape, size, taken = _CASES[case]
    model = _save(tmp_path / "model.keras", shape)
    pixels = noise(5, taken)
    classifier = _load(tmp_path / "model.keras", size, EngineName.MNN)
    assert classifier.input_shape == taken
    expected = model.predict_on_batch(pixels.astype(np.float32))
    np.testing.assert_allclose(classifier.score(pixels), expected, atol=1e-3)


@pytest.mark.ci
@pytest.mark.keras
def test_two_sizes_of_one_open_model_are_two_networks(tmp_path: Path) -> None:
    """Both are converted, and neither takes the other's place the second time."""
    pytest.importorskip("openvino")
    _save(tmp_path / "model.keras", (None, None, 3))
    for _ in range(2):
        loaded = [_load(tmp_path / "model.keras", size, EngineName.OPENVINO) for size in ((80, 120), (120, 80))]
        assert [each.input_shape.size for each in loaded] == [(80, 120), (120, 80)]
        assert loaded[0].model_digest != loaded[1].model_digest
    unsaid, said = (_load(tmp_path / "model.keras", size) for size in (None, (224, 224)))
    assert unsaid.model_digest == said.model_digest


@pytest.mark.ci
@pytest.mark.keras
def test_int8_is_calibrated_with_images_of_the_networks_shape(tmp_path: Path) -> None:
    pytest.importorskip("nncf")
    _save(tmp_path / "model.keras", (None, None, 3))
    asked = []

    def sample(shape: InputShape) -> ImageSample:
        asked.append(shape)
        return ImageSample(noise(8, shape), noise(8, shape))

    classifier = _request(tmp_path / "model.keras", (80, 120), EngineName.OPENVINO, Precision.INT8).load(sample)
    assert asked == [InputShape(80, 120)]
    assert classifier.input_shape == InputShape(80, 120)
    assert classifier.agreement is not None


@pytest.mark.keras
@pytest.mark.parametrize("engine", [EngineName.KERAS, pytest.param(EngineName.OPENVINO, marks=pytest.mark.ci)])
def test_size_that_contradicts_a_fixed_model_is_refused_with_both(tmp_path: Path, engine: EngineName) -> None:
    pytest.importorskip("openvino")
    _save(tmp_path / "model.keras", (96, 128, 3))
    _load(tmp_path / "model.keras", None, engine)  # a conversion that is there does not make it right
    for size, text in (((224, 224), "224x224"), ((128, 96), "128x96")):
        with pytest.raises(ModelError, match=rf"Expected `size` 96x128 .* which .*model.keras takes; received {text}"):
            _load(tmp_path / "model.keras", size, engine)
        with pytest.raises(ModelError, match=rf"Expected `size` 96x128 .* received {text}"):  # before Ray starts
            _request(tmp_path / "model.keras", size, engine).check()
        with pytest.raises(ModelError, match=rf"Expected `size` 96x128 .* received {text}"):
            base_of(BaseRequest(str(tmp_path / "model.keras"), size=size)).check()
    _request(tmp_path / "model.keras", (96, 128), engine).check()
    base_of(BaseRequest(str(tmp_path / "model.keras"), size=(96, 128))).check()


@pytest.mark.keras
@pytest.mark.parametrize(("shape", "side"), [((None, 50, 3), "width"), ((50, None, 3), "height")])
def test_size_that_contradicts_the_one_side_that_a_model_fixes_is_refused_by_that_side(
    tmp_path: Path, shape: tuple[int | None, ...], side: str
) -> None:
    _save(tmp_path / "model.keras", shape)
    message = rf"`size` of a {side} of 50, which .* takes; received 60x40 \(height x width\)\. Name one of this {side}"
    with pytest.raises(ModelError, match=message):
        _load(tmp_path / "model.keras", (60, 40))


@pytest.mark.keras
def test_size_that_is_too_small_for_the_layers_is_refused_in_one_line(tmp_path: Path) -> None:
    _save(tmp_path / "model.keras", (None, None, 3))
    with pytest.raises(ModelError, match=r"Expected a `size` that .*model.keras can take; received 4x4: ") as refused:
        _load(tmp_path / "model.keras", (4, 4))
    assert "\n" not in str(refused.value)


@pytest.mark.keras
def test_open_model_that_cannot_take_224_is_refused_in_one_line_too(tmp_path: Path) -> None:
    import keras

    open_pixels = keras.Input((None, None, 3))
    crop = keras.layers.Cropping2D(120)(open_pixels)
    outputs = keras.layers.Dense(3, activation="softmax")(keras.layers.GlobalAveragePooling2D()(crop))
    keras.Model(open_pixels, outputs).save(tmp_path / "model.keras")
    with pytest.raises(ModelError, match=r"Expected a `size` that .*model.keras can take; received 224x224: "):
        _load(tmp_path / "model.keras", None)


@pytest.mark.keras
@pytest.mark.parametrize("channels", [1, 3])
def test_channels_first_are_refused_though_all_else_is_open(tmp_path: Path, channels: int) -> None:
    """Its pictures would be 3 pixels high."""
    import keras

    pixels = keras.Input((channels, None, None))
    maps = keras.layers.Conv2D(4, 3, data_format="channels_first")(pixels)
    outputs = keras.layers.GlobalAveragePooling2D(data_format="channels_first")(maps)
    keras.Model(pixels, keras.layers.Dense(3, activation="softmax")(outputs)).save(tmp_path / "model.keras")
    with pytest.raises(ModelError, match=rf"channels, which go last; .* \(None, {channels}, None, None\)"):
        _load(tmp_path / "model.keras", None)


@pytest.mark.keras
def test_size_that_a_model_has_anyway_changes_nothing(tmp_path: Path) -> None:
    """Neither its digest, so that a run begun without is continued with it, nor what is converted."""
    _save(tmp_path / "model.keras", (96, 128, 3))
    said, unsaid = (_load(tmp_path / "model.keras", size) for size in ((96, 128), None))
    assert said.model_digest == unsaid.model_digest


@pytest.mark.keras
def test_size_and_scale_are_called_the_same_in_every_digest(tmp_path: Path) -> None:
    """As earlier versions called them: their runs and conversions are continued with them."""
    path = tmp_path / "model.keras"
    _save(path, (None, None, 3))
    for size, pixels, words in (
        (None, PixelScale.UNCHANGED, []),
        ((224, 224), PixelScale.TORCH, ["pixels-torch"]),
        ((80, 120), PixelScale.UNCHANGED, ["size-80x120"]),
        ((80, 120), PixelScale.UNIT, ["size-80x120", "pixels-unit"]),
    ):
        scored = KerasFile(str(path), None, "a,b,c", Untold(size=size, pixels=pixels)).network().digest
        assert scored == ":".join([keras_digest(path), *words])
        base = BaseRequest(str(path), layer="conv2d", size=size, pixels=pixels)
        assert base_of(base).digest() == "-".join([keras_digest(path), *words])


def test_size_belongs_to_keras_files() -> None:
    with pytest.raises(ModelError, match=r"`size` belongs to \.keras files; the pixels of vgg16-cats-dogs are known"):
        _request(VGG16_CATS_DOGS, (320, 320), EngineName.KERAS).check()
