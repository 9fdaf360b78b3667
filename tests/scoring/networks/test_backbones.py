"""Networks that were saved without classes: their own outputs are the features, and those of classifiers are not."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from scoring.errors import ModelError
from scoring.networks.backbones import is_backbone
from scoring.networks.base_networks import base_of
from scoring.networks.base_request import BaseRequest
from scoring.networks.layer_cut import cut_at
from scoring.networks.pooled_views import ViewPooling, Views

_SIDE = 12


def _layer(kind: str, *arguments: Any, **options: Any) -> Any:
    return getattr(keras.layers, kind)(*arguments, **options)


@keras.saving.register_keras_serializable("keras_hub")
class _PlainBackbone(keras.Model):  # type: ignore[misc]
    """Like those of KerasHub, which do not write their layers."""

    def __init__(self, side: int, width: int, **options: Any) -> None:
        self.told = {"side": side, "width": width}
        pixels = keras.Input((side, side, 3))
        maps = keras.layers.Conv2D(4, 3, activation="relu")(pixels)
        super().__init__(pixels, keras.layers.Conv2D(width, 3, activation="relu")(maps), **options)

    def get_config(self) -> dict[str, Any]:
        return self.told  # not even its name, as VGG's


@keras.saving.register_keras_serializable("somebodys")
class _Holding(keras.layers.Layer):  # type: ignore[misc]
    """A layer that has a number of what others have a list of."""

    def call(self, inputs: Any) -> Any:
        return inputs

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "layers": 2}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        return cls(name=config["name"])


def _a_backbone() -> keras.Model:
    return _PlainBackbone(_SIDE, 6)


def _maps(pixels: Any, name: str = "maps") -> Any:
    return _layer("Conv2D", 5, 3, strides=2, activation="relu", name=name)(pixels)


def _means(maps: Any) -> Any:
    return _layer("GlobalAveragePooling2D")(maps)


def _residual(pixels: Any) -> Any:
    maps = _maps(pixels)
    scaled = _layer("BatchNormalization")(_layer("Conv2D", 5, 3, padding="same")(maps))
    return _means(_layer("Activation", "relu")(_layer("Add")([maps, scaled])))


def _gated(pixels: Any) -> Any:
    maps = _maps(pixels)
    gates = _layer("Dense", 5, activation="sigmoid")(_means(maps))
    return _means(_layer("Multiply")([maps, _layer("Reshape", (1, 1, 5))(gates)]))


def _tokens(pixels: Any) -> Any:
    tokens = _layer("Reshape", (25, 5))(_maps(pixels))
    mixed = _layer("Add")([tokens, _layer("Dense", 5)(_layer("MultiHeadAttention", 2, 4)(tokens, tokens))])
    return _layer("LayerNormalization")(mixed)[:, 0]


def _nested(pixels: Any, end: Any = None) -> Any:
    images = keras.Input((_SIDE, _SIDE, 3))
    inner = keras.Model(images, _means(_maps(images)), name="inner")
    listed = keras.Sequential([_layer("Dropout", 0.5), *([end] if end else [])])
    return listed(inner(_layer("Rescaling", 1 / 255)(pixels)))


def _inner(end: Any = None) -> Any:
    """A network of maps, or of what a last layer makes of their means."""
    images = keras.Input((_SIDE, _SIDE, 3))
    return keras.Model(images, end(_means(_maps(images))) if end else _maps(images), name="inner")


def _around(network: Any) -> Any:
    images = keras.Input((_SIDE, _SIDE, 3))
    return keras.Model(images, network(images), name="outer")


def _inner_of_two(pixels: Any) -> list[Any]:
    """What a nested network has learned, and its logits."""
    images = keras.Input((_SIDE, _SIDE, 3))
    means = _means(_maps(images))
    features, logits = keras.Model(images, [means, _layer("Dense", 2)(means)], name="inner")(pixels)
    return [features, logits]


def _inner_of_names(pixels: Any) -> Any:
    """The same by names, which Keras sorts; files hold them as they were written."""
    images = keras.Input((_SIDE, _SIDE, 3))
    means = _means(_maps(images))
    return keras.Model(images, {"logits": _layer("Dense", 2)(means), "features": means}, name="inner")(pixels)


def _called_twice(pixels: Any) -> Any:
    """The second call of a nested network; what the first gives enters it."""
    inner = _inner()
    return inner(pixels * keras.ops.mean(inner(pixels), axis=(1, 2, 3), keepdims=True))


_BACKBONES: dict[str, Callable[[Any], Any]] = {
    "maps": _maps,
    "means of maps": lambda pixels: _means(_maps(pixels)),
    "maxima and means": lambda pixels: keras.ops.concatenate(
        [_layer("GlobalMaxPooling2D")(maps := _maps(pixels)), _means(maps)], axis=1
    ),
    "all places": lambda pixels: _layer("Flatten")(_maps(pixels)),
    "no activation": lambda pixels: _means(_layer("Conv2D", 6, 3)(_maps(pixels))),
    "residual": _residual,
    "normalised": lambda pixels: _means(_layer("BatchNormalization")(_layer("Conv2D", 6, 1)(_maps(pixels)))),
    "gated": _gated,
    "tokens": _tokens,
    "nested": _nested,
    "nested, last": lambda pixels: _inner()(_layer("Rescaling", 1 / 255)(pixels)),
    "nested, last, called twice": _called_twice,
    "nested, last, behind a pipeline": lambda pixels: _inner()(_layer("Pipeline", [_layer("Rescaling", 0.1)])(pixels)),
    "nested, behind a pipeline": lambda pixels: _means(_inner()(_layer("Pipeline", [_layer("RandomFlip")])(pixels))),
    "above a pipeline": lambda pixels: _layer("Pipeline", [_layer("ReLU"), _layer("Dropout", 0.5)])(
        _layer("Conv2D", 6, 3)(pixels)
    ),
    "of one beside a layer that holds others": lambda pixels: _layer("Add")(
        [_maps(pixels), _Holding()(_maps(pixels, "others"))]
    ),
    "of a class that writes no layers": lambda pixels: _means(_a_backbone()(_layer("Rescaling", 1 / 255)(pixels))),
    "nested within nested, last": lambda pixels: _around(_inner())(pixels),
    "first of two of a nested network": lambda pixels: _inner_of_two(pixels)[0],
    "by its name of a nested network": lambda pixels: _inner_of_names(pixels)["features"],
    "of both of a nested network": lambda pixels: _layer("Concatenate")(_inner_of_two(pixels)[::-1]),
    "of two networks": lambda pixels: _layer("Average")([_means(_maps(pixels)), _means(_maps(pixels, "others"))]),
    "dense and positive": lambda pixels: _layer("Dense", 6, activation="gelu")(_means(_maps(pixels))),
    "dense and of length one": lambda pixels: _layer("UnitNormalization")(_layer("Dense", 6)(_means(_maps(pixels)))),
    "dense and normalised": lambda pixels: _layer("BatchNormalization")(_layer("Dense", 6)(_means(_maps(pixels)))),
}
_CLASSIFIERS: dict[str, Callable[[Any], Any]] = {
    "logits": lambda pixels: _layer("Dense", 2)(_means(_maps(pixels))),
    "logits of a nested network": lambda pixels: _nested(pixels, _layer("Dense", 2)),
    "logits by their name of a nested network": lambda pixels: _inner_of_names(pixels)["logits"],
    "logits of a nested network, last": lambda pixels: _inner(_layer("Dense", 2))(pixels),
    "softmax": lambda pixels: _layer("Dense", 2, activation="softmax")(_means(_maps(pixels))),
    "cooled": lambda pixels: _layer("Rescaling", 0.5)(_layer("Dense", 2)(_means(_maps(pixels)))),
    "tanh": lambda pixels: _layer("Dense", 1, activation="tanh")(_means(_maps(pixels))),
    "logits of places": lambda pixels: _means(_layer("Conv2D", 2, 1)(_maps(pixels))),
    "logits of all places": lambda pixels: _layer("Flatten")(_layer("Conv2D", 2, 5)(_maps(pixels))),
    "hand-made softmax": lambda pixels: (
        (exponentials := keras.ops.exp(_layer("Dense", 2)(_means(_maps(pixels)))))
        / keras.ops.sum(exponentials, axis=1, keepdims=True)
    ),
}


# Of what is narrower than what it is computed of, nobody can tell whether it is features, but by the loss.
_NARROW: dict[str, Callable[[Any], Any]] = {
    "one that is positive": lambda pixels: _layer("Dense", 1, activation="relu", name="end")(_means(_maps(pixels))),
    "normalised": lambda pixels: _layer("BatchNormalization", name="end")(_layer("Dense", 4)(_means(_maps(pixels)))),
    "cosines": lambda pixels: _layer("Rescaling", 10.0, name="end")(
        _layer("UnitNormalization")(_layer("Dense", 4)(_means(_maps(pixels))))
    ),
    "leaky": lambda pixels: _layer("LeakyReLU", name="end")(_layer("Dense", 4)(_means(_maps(pixels)))),
    "leaky by numbers": lambda pixels: _layer("PReLU", name="end")(_layer("Dense", 4)(_means(_maps(pixels)))),
    "convolution": lambda pixels: _layer("GlobalAveragePooling2D", name="end")(_layer("Conv2D", 4, 3)(_maps(pixels))),
    "separable": lambda pixels: _layer("GlobalMaxPooling2D", name="end")(
        _layer("SeparableConv2D", 4, 3)(_maps(pixels))
    ),
    "positive places": lambda pixels: _layer("GlobalAveragePooling2D", name="end")(
        _layer("Conv2D", 4, 1, activation="relu")(_maps(pixels))
    ),
    "nested": lambda pixels: _layer("Identity", name="end")(
        _inner(_layer("Dense", 4, activation="gelu"))(_layer("Rescaling", 1 / 255)(pixels))
    ),
    "listed": lambda pixels: _layer("Identity", name="end")(
        keras.Sequential([keras.Input((5,)), _layer("Dense", 3), _layer("ReLU")])(_means(_maps(pixels)))
    ),
}
_LOSSES: dict[str, Any] = {
    "classes": keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    "classes by name": "categorical_crossentropy",
}


def _own_loss(true: Any, seen: Any) -> Any:
    return keras.ops.mean(true * seen)


def _saved(path: Path, build: Callable[[Any], Any], loss: Any = None) -> keras.Model:
    pixels = keras.Input((_SIDE, _SIDE, 3))
    network = keras.Model(pixels, build(pixels))
    if loss is not None:
        network.compile("sgd", loss)
    network.save(path)
    return network


@pytest.mark.parametrize("kind", _NARROW)
def test_few_values_that_may_be_classes_as_well_as_features_ask_for_a_layer(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "m.keras"
    width = _saved(path, _NARROW[kind]).output_shape[-1]
    with pytest.raises(
        ModelError,
        match=rf"Cannot tell whether the outputs of .*m\.keras, {width} computed of \d+, are features, or classes or "
        r"amounts\. Name a layer with `features`; end gives these\.",
    ):
        base_of(BaseRequest(str(path))).build()
    assert base_of(BaseRequest(str(path), layer="end")).build().output_shape == (None, width)


@pytest.mark.parametrize("loss", _LOSSES)
@pytest.mark.parametrize("kind", ["one that is positive", "leaky", "convolution", "dense and positive"])
def test_outputs_that_were_compiled_with_a_loss_of_classes_are_no_features(
    tmp_path: Path, kind: str, loss: str
) -> None:
    path = tmp_path / "m.keras"
    _saved(path, (_NARROW | _BACKBONES)[kind], _LOSSES[loss])
    base = base_of(BaseRequest(str(path)))
    assert base.build().output_shape == (None, 5)
    assert "-" not in base.digest()


@pytest.mark.parametrize("is_nested", [False, True])
def test_classes_by_their_loss_that_a_last_layer_scales_are_no_features(tmp_path: Path, is_nested: bool) -> None:
    path = tmp_path / "m.keras"
    network = _saved(path, _NARROW["normalised"], "binary_crossentropy")
    if is_nested:
        _saved(path, network)
    with pytest.raises(ModelError, match="; end only scales those of another"):
        base_of(BaseRequest(str(path))).build()


@pytest.mark.parametrize("loss", ["cosine_similarity", "circle", "mse", _own_loss, None])
def test_outputs_that_were_compiled_with_a_loss_of_features_or_an_unknown_one_are_what_they_seem(
    tmp_path: Path, loss: Any
) -> None:
    path = tmp_path / "m.keras"
    _saved(path, _BACKBONES["dense and of length one"], loss)
    base = base_of(BaseRequest(str(path)))
    assert base.build().output_shape == (None, 6)
    assert base.digest().endswith("-whole")


def test_the_loss_of_a_nested_networks_output_is_that_of_what_it_is_nested_in(tmp_path: Path) -> None:
    images = keras.Input((_SIDE, _SIDE, 3))
    means = _means(_maps(images))
    logits, positive = _layer("Dense", 2)(means), _layer("Dense", 6, activation="relu")(means)
    inner = keras.Model(images, [positive, logits], name="inner")
    for losses, is_whole in (([None, "bce"], True), (["bce", None], False)):
        inner.compile("sgd", losses)
        path = tmp_path / "m.keras"
        _saved(path, lambda pixels: inner(pixels)[0])
        assert base_of(BaseRequest(str(path))).digest().endswith("-whole") == is_whole


@pytest.mark.parametrize("from_file", [False, True])
@pytest.mark.parametrize("kind", _BACKBONES)
def test_a_network_without_classes_gives_what_it_computes_last(tmp_path: Path, kind: str, from_file: bool) -> None:
    """Earlier versions took what its last layer with weights takes, as of a classifier."""
    keras.utils.set_random_seed(3)
    pixels = keras.Input((_SIDE, _SIDE, 3))
    network = keras.Model(pixels, _BACKBONES[kind](pixels))
    network.save(tmp_path / "m.keras")
    base = base_of(BaseRequest(str(tmp_path / "m.keras")))
    assert base.digest().endswith("-whole")
    cut = base.build() if from_file else cut_at(network, None, "a.keras")
    photos = np.random.default_rng(0).integers(0, 256, (3, _SIDE, _SIDE, 3)).astype(np.float32)
    expected = network.predict_on_batch(photos)
    expected = expected.mean(axis=(1, 2)) if expected.ndim == 4 else expected
    np.testing.assert_allclose(cut.predict_on_batch(photos), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", _CLASSIFIERS)
def test_a_classifier_is_cut_below_its_classes(tmp_path: Path, kind: str) -> None:
    pixels = keras.Input((_SIDE, _SIDE, 3))
    network = keras.Model(pixels, _CLASSIFIERS[kind](pixels))
    network.save(tmp_path / "m.keras")
    assert cut_at(network, None, "a.keras").output.shape == (None, 5)
    base = BaseRequest(str(tmp_path / "m.keras"))
    assert "-" not in base_of(base).digest()


@pytest.mark.parametrize("is_listed", [False, True])
def test_a_backbone_that_does_not_write_its_layers_gives_what_it_computes_last(tmp_path: Path, is_listed: bool) -> None:
    network = _a_backbone()
    network = keras.Sequential([keras.Input((_SIDE, _SIDE, 3)), network]) if is_listed else network
    network.save(tmp_path / "m.keras")
    base = base_of(BaseRequest(str(tmp_path / "m.keras")))
    assert base.digest().endswith("-whole")
    assert base.build().output_shape == (None, 6)


def test_a_head_on_a_backbone_that_does_not_write_its_layers_is_left_out(tmp_path: Path) -> None:
    network = keras.Sequential([keras.Input((_SIDE, _SIDE, 3)), _a_backbone(), _layer("GlobalMaxPooling2D")])
    keras.Sequential([network, _layer("Dense", 2)]).save(tmp_path / "m.keras")
    base = base_of(BaseRequest(str(tmp_path / "m.keras")))
    assert "-" not in base.digest()
    assert base.build().output_shape == (None, 6)


def test_a_list_of_layers_without_classes_gives_what_it_computes_last(tmp_path: Path) -> None:
    layers = [_layer("Conv2D", 8, 3, activation="relu"), _layer("Conv2D", 16, 3), _layer("GlobalAveragePooling2D")]
    keras.Sequential([keras.Input((_SIDE, _SIDE, 3)), *layers]).save(tmp_path / "m.keras")
    base = BaseRequest(str(tmp_path / "m.keras"))
    assert base_of(base).build().outputs[0].shape == (None, 16)
    seen = BaseRequest(base.model, views=Views((), False, (ViewPooling.MEAN, ViewPooling.MAX)))
    assert base_of(seen).build().outputs[0].shape == (None, 16), "there are no positions to pool"
    assert not base_of(BaseRequest(base.model, layer="conv2d")).digest().endswith("-whole")


@pytest.mark.parametrize("name", ["MobileNetV3Small", "MobileNetV2"])
def test_published_networks_saved_without_their_top_are_backbones_and_others_are_not(name: str) -> None:
    build = getattr(keras.applications, name)
    options = {"weights": None, "input_shape": (32, 32, 3)}
    for choice in ({"pooling": "avg"}, {"pooling": None}):
        assert is_backbone(json.loads(build(include_top=False, **options, **choice).to_json()))
    assert not is_backbone(json.loads(build(classifier_activation=None, **options).to_json()))


def test_an_architecture_that_does_not_tell_is_none_of_a_backbone() -> None:
    unbuilt = {"class_name": "Sequential", "config": {"layers": []}}
    looped: dict[str, Any] = {"class_name": "Flatten", "config": {"name": "a"}, "inbound_nodes": [{"args": []}]}
    looped["inbound_nodes"][0]["args"] = [{"class_name": "__keras_tensor__", "config": {"keras_history": ["a", 0, 0]}}]
    graph = {"class_name": "Functional", "config": {"layers": [looped], "output_layers": [["a", 0, 0]]}}
    for model in ({}, {"class_name": "Functional", "config": {}}, unbuilt, graph):
        assert not is_backbone(model)
