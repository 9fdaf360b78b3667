"""Whether a file's network scales pixels before its first weights, as far as its architecture tells."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scoring.networks.own_scaling import dividing_layer, unscaled_kernel

pytestmark = pytest.mark.keras


def _behind(*layers: Callable[[Any], Any]) -> Callable[[Any, Any], Any]:
    """A convolution called `first` behind layers."""

    def build(keras: Any, pixels: Any) -> Any:
        for layer in layers:
            pixels = layer(keras)(pixels)
        return keras.layers.Conv2D(4, 3, name="first")(pixels)

    return build


def _conv(keras: Any, pixels: Any) -> Any:
    return keras.layers.Conv2D(4, 3, name="first")(pixels)


def _deep(keras: Any, values: Any) -> Any:
    for _ in range(300):
        values = keras.layers.ReLU()(values)
    return values


def _mobile_net(keras: Any, pixels: Any) -> Any:
    return keras.applications.MobileNet(include_top=False, weights=None, alpha=0.25, input_shape=(32, 32, 3))(pixels)


def _own_convolution(keras: Any) -> Any:
    """Called as one of Keras', it may do anything."""

    @keras.saving.register_keras_serializable("test_own_scaling")
    class Conv2D(keras.layers.Conv2D):  # type: ignore[misc]
        pass

    return Conv2D(4, 3)


_UNSCALED: dict[str, Callable[[Any, Any], Any]] = {
    "alone": _conv,
    "augmented": _behind(lambda keras: keras.layers.RandomFlip(), lambda keras: keras.layers.ZeroPadding2D(1)),
    "turned to BGR": lambda keras, pixels: _conv(keras, pixels[..., ::-1]),
    "halved": _behind(lambda keras: keras.Sequential([keras.layers.AveragePooling2D(2)])),
    "published": _mobile_net,
    "of 300 layers": lambda keras, pixels: _deep(keras, _conv(keras, pixels)),
    "beside scaled ones": lambda keras, pixels: keras.layers.Add()(
        [_conv(keras, pixels), keras.layers.Conv2D(4, 3)(pixels / 255.0)]
    ),
}
_SCALED: dict[str, Callable[[Any, Any], Any]] = {
    "by a layer": _behind(lambda keras: keras.layers.Rescaling(1 / 255)),
    "by a layer within": _behind(lambda keras: keras.Sequential([keras.layers.Rescaling(1 / 255)])),
    "by an operation": lambda keras, pixels: _conv(keras, pixels / 255.0),
    "by statistics": _behind(lambda keras: keras.layers.Normalization(mean=[1.0] * 3, variance=[1.0] * 3)),
    "by statistics of batches": _behind(lambda keras: keras.layers.BatchNormalization()),
    "by a layer of one's own": lambda keras, pixels: _own_convolution(keras)(pixels),
    "as Keras does": lambda keras, pixels: _mobile_net(keras, keras.applications.mobilenet.preprocess_input(pixels)),
}


def _saved(build: Callable[[Any, Any], Any], path: Path) -> Path:
    import keras

    pixels = keras.Input((32, 32, 3))
    vectors = keras.layers.GlobalAveragePooling2D()(build(keras, pixels))
    keras.Model(pixels, keras.layers.Dense(2, activation="softmax")(vectors)).save(path)
    return path


@pytest.mark.parametrize("kind", _UNSCALED)
def test_pixels_that_meet_weights_as_they_are_are_told_with_the_layer(kind: str, tmp_path: Path) -> None:
    first = "conv1" if kind == "published" else "first"
    assert unscaled_kernel(_saved(_UNSCALED[kind], tmp_path / "m.keras")) == first


@pytest.mark.parametrize("kind", _UNSCALED)
def test_no_layer_of_these_divides_pixels(kind: str, tmp_path: Path) -> None:
    assert dividing_layer(_saved(_UNSCALED[kind], tmp_path / "m.keras")) is None


@pytest.mark.parametrize("kind", ["by a layer", "by a layer within"])
def test_a_layer_that_divides_pixels_is_told(kind: str, tmp_path: Path) -> None:
    assert (dividing_layer(_saved(_SCALED[kind], tmp_path / "m.keras")) or "").startswith("rescaling")


def test_a_layer_that_scales_pixels_of_one_or_comes_after_weights_divides_none(tmp_path: Path) -> None:
    for name, scaled in {
        "unit": _behind(lambda keras: keras.layers.Rescaling(2.0, -1.0)),
        "later": lambda keras, pixels: keras.layers.Rescaling(1 / 255)(_conv(keras, pixels)),
    }.items():
        assert dividing_layer(_saved(scaled, tmp_path / f"{name}.keras")) is None


@pytest.mark.parametrize("kind", _SCALED)
def test_pixels_that_are_scaled_before_are_not_told(kind: str, tmp_path: Path) -> None:
    assert unscaled_kernel(_saved(_SCALED[kind], tmp_path / "m.keras")) is None


def test_a_list_of_dense_layers_is_told(tmp_path: Path) -> None:
    import keras

    layers = [keras.layers.Flatten(), keras.layers.Dense(9, name="first"), keras.layers.Dense(2)]
    keras.Sequential([keras.Input((8, 8, 1)), *layers]).save(tmp_path / "m.keras")
    assert unscaled_kernel(tmp_path / "m.keras") == "first"


@pytest.mark.parametrize("names", [None, ("kind", "age")])
def test_of_several_outputs_any_tells(names: tuple[str, str] | None, tmp_path: Path) -> None:
    import keras

    pixels = keras.Input((32, 32, 3))
    vectors = keras.layers.GlobalAveragePooling2D()(_conv(keras, keras.layers.RandomFlip()(pixels)))
    outputs = [keras.layers.Dense(2)(vectors), keras.layers.Dense(1)(vectors)]
    keras.Model(pixels, dict(zip(names, outputs, strict=True)) if names else outputs).save(tmp_path / "m.keras")
    assert unscaled_kernel(tmp_path / "m.keras") == "first"


@pytest.mark.ci
@pytest.mark.parametrize("name", ["EfficientNetB0", "EfficientNetV2B0", "MobileNetV3Small", "ConvNeXtTiny"])
def test_published_networks_that_scale_by_themselves_are_not_told(name: str, tmp_path: Path) -> None:
    import keras

    getattr(keras.applications, name)(weights=None, classes=2).save(tmp_path / "m.keras")
    assert unscaled_kernel(tmp_path / "m.keras") is None


def test_what_is_no_keras_file_or_is_not_there_is_not_told(tmp_path: Path) -> None:
    (tmp_path / "m.keras").write_text("a model")
    assert unscaled_kernel(tmp_path / "m.keras") is None
    assert unscaled_kernel(tmp_path / "none.keras") is None
