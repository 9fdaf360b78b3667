from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scoring.errors import ModelError
from scoring.networks.pixel_scales import PixelScale, take_pixels

pytestmark = pytest.mark.keras

_PIXELS = np.random.default_rng(0).integers(0, 256, (4, 6, 5, 3), dtype=np.uint8).astype(np.float32)


def _unchanged(channels: int = 3, dtype: str = "float32", name: str = "unchanged") -> Any:
    """A model that gives back what it is given, so that its outputs are its inputs."""
    import keras

    inputs = keras.Input((6, 5, channels), dtype=dtype)
    return keras.Model(inputs, keras.layers.Flatten()(inputs), name=name)


def _expected(scale: PixelScale) -> Any:
    """What Keras' own preprocessing makes of an array, which it overwrites."""
    import keras

    applications = keras.applications
    by_hand: dict[PixelScale, Any] = {PixelScale.UNCHANGED: _PIXELS, PixelScale.UNIT: _PIXELS / 255}
    if scale in by_hand:
        return by_hand[scale].reshape(4, -1)
    module = {
        PixelScale.SIGNED: applications.mobilenet_v2,
        PixelScale.CAFFE: applications.resnet50,
        PixelScale.TORCH: applications.densenet,
    }[scale]
    return module.preprocess_input(_PIXELS.copy(), data_format="channels_last").reshape(4, -1)


@pytest.mark.parametrize("scale", PixelScale)
def test_pixels_come_into_the_scale_that_keras_preprocesses_to(scale: PixelScale, tmp_path: Path) -> None:
    import keras

    model = take_pixels(_unchanged(), scale, Path("m.keras"))
    np.testing.assert_allclose(model.predict_on_batch(_PIXELS), _expected(scale), rtol=1e-6, atol=1e-6)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again.predict_on_batch(_PIXELS), model.predict_on_batch(_PIXELS))


@pytest.mark.ci
def test_every_scale_is_kept_in_openvino(tmp_path: Path) -> None:
    """All in one model, whose conversion takes seconds."""
    import keras

    openvino = pytest.importorskip("openvino")
    pixels = keras.Input((6, 5, 3))
    scaled = [
        take_pixels(_unchanged(name=f"kept{each}"), scale, Path("m"))(pixels) for each, scale in enumerate(PixelScale)
    ]
    keras.Model(pixels, keras.ops.stack(scaled)).export(str(tmp_path / "m.xml"), format="openvino", verbose=False)
    settings = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.Core().compile_model(str(tmp_path / "m.xml"), "CPU", settings)
    for found, scale in zip(compiled(_PIXELS)[0], PixelScale, strict=True):
        np.testing.assert_allclose(found, _expected(scale), rtol=1e-5, atol=1e-5, err_msg=scale)


def test_scaling_stays_exact_in_front_of_layers_of_less_precision() -> None:
    """In bfloat16 a mean of 123.68 would be 123.5."""
    import keras

    inputs = keras.Input((6, 5, 3))
    model = take_pixels(keras.Model(inputs, keras.layers.Flatten()(inputs)), PixelScale.CAFFE, Path("m.keras"))
    for layer in model.layers:
        layer.dtype_policy = keras.dtype_policies.DTypePolicy("mixed_bfloat16")
    np.testing.assert_allclose(model.predict_on_batch(_PIXELS), _expected(PixelScale.CAFFE), rtol=1e-6)


def test_one_channel_has_a_plain_scale_only() -> None:
    grey = _PIXELS[..., :1]
    scaled = take_pixels(_unchanged(channels=1), PixelScale.UNIT, Path("m.keras")).predict_on_batch(grey)
    np.testing.assert_allclose(scaled, grey.reshape(4, -1) / 255, rtol=1e-6)
    for scale in (PixelScale.CAFFE, PixelScale.TORCH):
        with pytest.raises(ModelError, match=f"Expected a model of 3 channels for `pixels` {scale}; m.keras has 1"):
            take_pixels(_unchanged(channels=1), scale, Path("m.keras"))


def test_model_of_integers_takes_them_as_they_are() -> None:
    model = _unchanged(dtype="uint8")
    assert take_pixels(model, PixelScale.UNCHANGED, Path("m.keras")) is model
    with pytest.raises(ModelError, match=r"Expected `pixels` 0\.\.255 for m\.keras, whose input is uint8"):
        take_pixels(model, PixelScale.UNIT, Path("m.keras"))
