"""Files of tasks as KerasHub saves them, of classes that are laid out as its own are."""

import functools
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scoring.arrays import Float32Array
from scoring.errors import ModelError
from scoring.models.model_request import ModelRequest
from scoring.networks.base_networks import base_of
from scoring.networks.base_request import BaseRequest
from scoring.networks.engines import EngineName
from scoring.networks.keras_files import keras_digest
from scoring.networks.noise import noise
from scoring.networks.pixel_scales import PixelScale
from scoring.networks.pooled_views import ViewPooling, Views
from scoring.networks.precision import Precision
from scoring.pixels.input_shape import InputShape

pytestmark = pytest.mark.keras
_SIZE = (8, 12)
_OF_KERAS_HUB: dict[str, Any] = {"image_size": _SIZE, "scale": 1 / 255.0, "offset": [-0.4, -0.5, -0.3]}
_PICTURES = noise(6, InputShape(*_SIZE))


def _task_class() -> Any:
    import keras

    @keras.saving.register_keras_serializable("somebodys")
    class Task(keras.Model):  # type: ignore[misc]
        def __init__(self, backbone: Any, preprocessor: Any, activation: str | None = "softmax", **more: Any) -> None:
            classes = keras.layers.Dense(3, activation=activation, kernel_initializer="he_normal", name="classes")
            super().__init__(backbone.input, classes(backbone.outputs[0]), **more)
            self.own = {"backbone": backbone, "preprocessor": preprocessor, "activation": activation}

        @property
        def preprocessor(self) -> Any:
            return self.own["preprocessor"]

        def predict(self, images: Any, **options: Any) -> Any:
            return super().predict(self.preprocessor(images) if self.preprocessor else images, **options)

        def get_config(self) -> dict[str, Any]:
            return _written(self.own)

        @classmethod
        def from_config(cls, config: dict[str, Any]) -> Any:
            return cls(**_layers_of(config))

    return Task


@functools.cache
def _classes() -> tuple[Any, Any, Any]:
    """A task, a preprocessor and an image converter, whose options have the places that KerasHub's have."""
    import keras

    class Kept(keras.layers.Layer):  # type: ignore[misc]
        def __init__(self, name: str | None = None, trainable: bool = True, dtype: Any = None, **told: Any) -> None:
            super().__init__(name=name, trainable=trainable, dtype=dtype)
            self.told = _layers_of(told)

        def get_config(self) -> dict[str, Any]:
            return {**super().get_config(), **_written(self.told)}

    @keras.saving.register_keras_serializable("somebodys")
    class Converter(Kept):
        def call(self, images: Any) -> Any:
            if self.told.get("image_size"):
                images = keras.layers.Resizing(*self.told["image_size"])(images)
            images = images * np.array(self.told["scale"] or 1, np.float32)
            images = images + np.array(self.told["offset"] or 0, np.float32)
            return images[..., ::-1] if self.told.get("interpolation") == "reversed" else images

    @keras.saving.register_keras_serializable("somebodys")
    class Preprocessor(Kept):
        def call(self, images: Any) -> Any:
            return self.told["image_converter"](images) if self.told.get("image_converter") else images

    return _task_class(), Preprocessor, Converter


def _written(told: dict[str, Any]) -> dict[str, Any]:
    import keras

    return {
        key: keras.layers.serialize(value) if isinstance(value, keras.layers.Layer) else value
        for key, value in told.items()
    }


def _layers_of(told: dict[str, Any]) -> dict[str, Any]:
    import keras

    return {key: keras.layers.deserialize(value) if _is_layer(value) else value for key, value in told.items()}


def _is_layer(value: Any) -> bool:
    return isinstance(value, dict) and "module" in value


def _save(path: Path, preprocessor: Any, size: Sequence[int | None] = _SIZE, activation: str | None = "softmax") -> Any:
    """Save a task as `path`; return what Keras loads of it."""
    import keras

    keras.utils.set_random_seed(1)
    pixels = keras.Input((*size, 3))
    maps = keras.layers.Conv2D(40, 3, activation="tanh", name="maps")(pixels)
    backbone = keras.Model(pixels, keras.layers.GlobalAveragePooling2D(name="pooler")(maps))
    _classes()[0](backbone, preprocessor, activation).save(path)
    return keras.saving.load_model(path)


def _preprocessor(extra: dict[str, Any] | None = None, **converter: Any) -> Any:
    _, kept, image_converter = _classes()
    return kept(image_converter=image_converter(**_OF_KERAS_HUB | converter), config_file="it.json", **extra or {})


def _request(path: Path, **options: Any) -> ModelRequest:
    usual = {"weights": None, "labels": "x,y,z", "precision": Precision.FLOAT32, "backend": "tensorflow"}
    return ModelRequest(str(path), **usual | options)


def _predicted(task: Any, pictures: Any = _PICTURES) -> Float32Array:
    return np.asarray(task.predict(pictures.astype(np.float32), verbose=0))


@pytest.mark.parametrize(
    "engine", [EngineName.KERAS, EngineName.OPENVINO, pytest.param(EngineName.MNN, marks=pytest.mark.ci)]
)
@pytest.mark.parametrize("size", [_SIZE, pytest.param((None, None), marks=pytest.mark.ci)])
def test_a_task_scores_as_its_predict_does(tmp_path: Path, engine: EngineName, size: tuple[int | None, ...]) -> None:
    task = _save(tmp_path / "task.keras", _preprocessor(), size)
    expected = _predicted(task)
    assert np.abs(expected - np.asarray(task(_PICTURES.astype(np.float32)))).max() > 0.1
    loaded = _request(tmp_path / "task.keras", engine=engine).load()
    assert loaded.input_shape.size == _SIZE
    np.testing.assert_allclose(loaded.score(_PICTURES), expected, atol=1e-6)


@pytest.mark.parametrize(
    "converter",
    [
        *({"offset": None}, {"scale": None}, {"scale": [0.01, 0.02, 0.03], "offset": -1}, {"image_size": None}),
        {"scale": [[0.01, 0.02, 0.03]], "offset": [[[[-1, 0, 1]]]]},
    ],
)
def test_what_a_converter_leaves_out_is_left_out(tmp_path: Path, converter: dict[str, Any]) -> None:
    expected = _predicted(_save(tmp_path / "task.keras", _preprocessor(**converter)))
    np.testing.assert_allclose(_request(tmp_path / "task.keras").load().score(_PICTURES), expected, atol=1e-6)


def test_logits_of_a_task_are_still_told(tmp_path: Path) -> None:
    logits = _predicted(_save(tmp_path / "task.keras", _preprocessor(), activation=None))
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(_request(tmp_path / "task.keras").load().score(_PICTURES), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pixels": PixelScale.SIGNED}, r"Expected no `pixels` for .*task\.keras, which keeps a preprocessor"),
        ({"size": (16, 16)}, r"Expected `size` 8x12 \(height x width\), which .*task\.keras takes; received 16x16"),
    ],
)
def test_what_a_preprocessor_tells_is_not_told_again(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    _save(tmp_path / "task.keras", _preprocessor(), (None, None))
    with pytest.raises(ModelError, match=message):
        _request(tmp_path / "task.keras", **options).load()
    _request(tmp_path / "task.keras", size=_SIZE).load()


def _of_text() -> Any:
    return _classes()[1](tokenizer=_classes()[2](scale=None, offset=None))


def _layer() -> Any:
    import keras

    return keras.layers.Rescaling(1 / 255)


@pytest.mark.parametrize(
    ("preprocessor", "why"),
    [
        (_of_text, "whose Preprocessor has tokenizer, which are not computed here"),
        (lambda: _preprocessor(max_patches=4), "whose Converter has max_patches, which are not computed here"),
        (lambda: _preprocessor(interpolation="reversed"), "which gives other pixels than its scale and offset tell"),
        (lambda: _preprocessor(scale=np.array([0.1, 0.2, 0.3])), "whose scale is neither a number nor one for each"),
        (
            lambda: _preprocessor(offset=[[-1, 0, 1], [0, 0, 0]]),
            "whose offset is neither a number nor one for each channel",
        ),
        (lambda: _preprocessor(image_size=[8, None]), "whose image_size is not a height and a width"),
        (lambda: _preprocessor(scale=[0.1, 0.2]), "which fails on a picture of (1, 8, 12, 3): operands could not"),
        (_layer, "whose Rescaling has scale, offset, which are not computed here"),
    ],
)
def test_a_preprocessor_that_does_more_is_refused_with_a_way_out(tmp_path: Path, preprocessor: Any, why: str) -> None:
    path = tmp_path / "task.keras"
    _save(path, preprocessor())
    said = rf"{path} keeps a preprocessor, {re.escape(why)}.*\. Set its `preprocessor` to None, put layers"
    with pytest.raises(ModelError, match=said):
        _request(path).load()
    with pytest.raises(ModelError, match=said):
        base_of(BaseRequest(str(path))).build()


def test_a_preprocessor_has_a_digest_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So results and conversions of earlier versions, which left it out, are not continued."""
    _save(tmp_path / "task.keras", _preprocessor())
    _save(tmp_path / "without.keras", None)
    both = [tmp_path / "task.keras", tmp_path / "without.keras"]
    now = [keras_digest.__wrapped__(path) for path in both]  # type: ignore[attr-defined]
    monkeypatch.setattr("scoring.networks.keras_files.has_preprocessor", lambda _: False)
    formerly = [keras_digest.__wrapped__(path) for path in both]  # type: ignore[attr-defined]
    assert (now[0] != formerly[0], now[1]) == (True, formerly[1])


def test_a_task_without_a_preprocessor_is_called_as_it_is(tmp_path: Path) -> None:
    task = _save(tmp_path / "task.keras", None)
    score = _request(tmp_path / "task.keras", size=_SIZE, pixels=PixelScale.UNIT).load().score
    np.testing.assert_allclose(score(_PICTURES), _predicted(task, _PICTURES / 255), atol=1e-6)


@pytest.mark.parametrize("size", [_SIZE, (None, None)])
@pytest.mark.parametrize("views", [None, Views((), mirror=False, pooling=(ViewPooling.MEAN,))])
def test_features_below_a_task_are_of_converted_pixels(
    tmp_path: Path, views: Views | None, size: tuple[int | None, ...]
) -> None:
    import keras

    task = _save(tmp_path / "task.keras", _preprocessor(), size)
    base = base_of(BaseRequest(str(tmp_path / "task.keras"), layer="pooler", views=views)).build()
    assert base.inputs[0].shape[1:3] == _SIZE
    below = keras.Model(task.inputs, task.get_layer("pooler").output)
    expected = np.asarray(below(task.preprocessor(_PICTURES.astype(np.float32))))
    if views:
        roots = np.sign(expected) * np.sqrt(np.abs(expected))
        expected = roots if roots.shape[1] < 64 else roots / np.linalg.norm(roots, axis=1, keepdims=True)
    np.testing.assert_allclose(base(_PICTURES.astype(np.float32)), expected, atol=1e-5)
