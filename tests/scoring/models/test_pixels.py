"""`.keras` files without preprocessing: they say of an image what Keras says of pixels of the scale they know."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scoring.errors import ModelError
from scoring.models.classifier import Classifier
from scoring.models.model_request import ModelRequest
from scoring.networks.engines import EngineName
from scoring.networks.keras_files import keras_digest
from scoring.networks.noise import noise
from scoring.networks.pixel_scales import PixelScale
from scoring.networks.precision import Precision
from scoring.pixels.input_shape import InputShape

pytestmark = pytest.mark.keras


def _save(path: Path, shape: tuple[int | None, ...] = (40, 30, 3), dtype: str = "float32") -> Any:
    import keras

    keras.utils.set_random_seed(2)
    layers = [
        keras.Input(shape, dtype=dtype),
        keras.layers.Conv2D(8, 5, strides=3, activation="relu"),
        keras.layers.GlobalAveragePooling2D(),
        keras.layers.Dense(3, activation="softmax"),
    ]
    model = keras.Sequential(layers)
    model.save(path)
    return model


def _load(path: Path, scale: PixelScale, engine: EngineName = EngineName.KERAS, **options: Any) -> Classifier:
    request = ModelRequest(str(path), None, "a,b,c", Precision.FLOAT32, "tensorflow", engine, pixels=scale, **options)
    return request.load()


def _scaled(pixels: Any, scale: PixelScale) -> Any:
    """By Keras' own preprocessing, which overwrites what it is given."""
    import keras

    modes = {PixelScale.SIGNED: "tf", PixelScale.CAFFE: "caffe", PixelScale.TORCH: "torch"}
    if scale in modes:
        return keras.applications.imagenet_utils.preprocess_input(pixels.astype(np.float32), mode=modes[scale])
    return pixels.astype(np.float32) / (255 if scale is PixelScale.UNIT else 1)


@pytest.mark.ci
@pytest.mark.parametrize("engine", [EngineName.KERAS, EngineName.OPENVINO])
def test_probabilities_are_those_of_keras_on_pixels_of_that_scale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: EngineName
) -> None:
    """Each scale is a network of its own: a conversion of one never runs in place of another's."""
    pytest.importorskip("openvino")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    model, pixels = _save(tmp_path / "m.keras"), noise(4, InputShape(40, 30))
    digests = set()
    scales = (PixelScale.UNCHANGED, PixelScale.TORCH) if engine is EngineName.OPENVINO else tuple(PixelScale)
    for scale in scales:  # two conversions show that they are told apart, and each takes seconds
        classifier = _load(tmp_path / "m.keras", scale, engine)
        digests.add(classifier.model_digest)
        expected = model.predict_on_batch(_scaled(pixels, scale))
        np.testing.assert_allclose(classifier.score(pixels), expected, atol=1e-5)
    assert len(digests) == len(scales)
    assert keras_digest(tmp_path / "m.keras") in digests, "pixels of 0 to 255 are what earlier versions took"


@pytest.mark.ci
def test_mnn_takes_pixels_of_that_scale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("MNN")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    model, pixels = _save(tmp_path / "m.keras"), noise(4, InputShape(40, 30))
    scores = _load(tmp_path / "m.keras", PixelScale.CAFFE, EngineName.MNN).score(pixels)
    np.testing.assert_allclose(scores, model.predict_on_batch(_scaled(pixels, PixelScale.CAFFE)), atol=1e-3)


def test_scale_and_size_go_together(tmp_path: Path) -> None:
    model, pixels = _save(tmp_path / "m.keras", (None, None, 1)), noise(4, InputShape(50, 60, 1))
    classifier = _load(tmp_path / "m.keras", PixelScale.SIGNED, size=(50, 60))
    np.testing.assert_allclose(classifier.score(pixels), model.predict_on_batch(pixels / 127.5 - 1), atol=1e-6)


def test_scale_that_a_model_cannot_take_is_refused_in_one_line(tmp_path: Path) -> None:
    _save(tmp_path / "grey.keras", (40, 30, 1))
    with pytest.raises(ModelError, match=r"Expected a model of 3 channels for `pixels` torch; .*grey\.keras has 1"):
        _load(tmp_path / "grey.keras", PixelScale.TORCH)
