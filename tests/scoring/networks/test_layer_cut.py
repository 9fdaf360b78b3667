"""Where a network is cut for its features, and what is said of a layer that has none."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from scoring.errors import ModelError
from scoring.networks.base_networks import base_of
from scoring.networks.base_request import BaseRequest
from scoring.networks.keras_architecture import is_one_list
from scoring.networks.layer_cut import Pooling, cut_at, cut_spatial
from scoring.networks.pooled_views import ViewPooling, Views, mirrored


def _network_with_branches() -> keras.Model:
    """A network whose layer `branches` gives two tensors, and whose layer `sequence` gives one of five dimensions."""
    inputs = keras.Input((8, 8, 3))
    maps = keras.layers.Conv2D(2, 3, name="maps")(inputs)
    branches = keras.Model(inputs, [maps, keras.layers.ReLU()(maps)], name="branches")
    images = keras.Input((8, 8, 3))
    first, second = branches(images)
    sequence = keras.layers.Reshape((2, 3, 6, 4), name="sequence")(keras.layers.Concatenate()([first, second]))
    return keras.Model(images, keras.layers.Dense(2, name="last")(keras.layers.Flatten()(sequence)))


def test_layer_without_one_vector_for_each_image_is_named_with_what_it_has() -> None:
    network = _network_with_branches()
    assert cut_at(network, None, "a.keras").output.shape == (None, 144)
    with pytest.raises(ModelError, match=r"layer of a\.keras with one vector .*; branches has several tensors"):
        cut_at(network, "branches", "a.keras")
    with pytest.raises(ModelError, match=r"; sequence has shape \(None, 2, 3, 6, 4\)"):
        cut_at(network, "sequence", "a.keras")


def _nested(with_classes: bool) -> keras.Model:
    """A network, or its classes too, that another one takes as a layer: `nested`."""
    inputs = keras.Input((8, 8, 3))
    maps = keras.layers.Conv2D(2, 3, name="maps")(inputs)
    means = keras.layers.GlobalAveragePooling2D()(maps)
    return keras.Model(inputs, keras.layers.Dense(5)(means) if with_classes else maps, name="nested")


def _transferred() -> keras.Model:
    """What transfer learning leaves: classes above a nested network of maps."""
    pixels = keras.Input((8, 8, 3))
    maps = _nested(with_classes=False)(keras.layers.Rescaling(1 / 255)(pixels), training=False)
    return keras.Model(pixels, keras.layers.Dense(2)(keras.layers.GlobalAveragePooling2D()(maps)))


def _wrapped() -> keras.Model:
    """A whole classifier behind its preprocessing."""
    return keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Rescaling(1 / 255), _nested(with_classes=True)])


def _listed() -> keras.Model:
    """A whole classifier, a list of layers, behind channels that are scaled."""
    layers = [keras.layers.Conv2D(2, 3, name="maps"), keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(5)]
    nested = keras.Sequential([keras.Input((8, 8, 3)), *layers], name="nested")
    scale = keras.layers.Normalization(mean=[0.0] * 3, variance=[255.0**2] * 3)
    batch = keras.layers.BatchNormalization(epsilon=0)  # of new weights, it changes nothing
    return keras.Sequential([keras.Input((8, 8, 3)), scale, batch, nested])


def _turned() -> keras.Model:
    """A whole classifier, a list of layers, that sees mirror images."""
    pixels = keras.Input((8, 8, 3))
    return keras.Model(pixels, _fold(True, "nested")(mirrored(pixels)))


def _with_listed_head() -> keras.Model:
    """Classes that are a list of layers, above a nested network of maps."""
    pixels = keras.Input((8, 8, 3))
    maps = _nested(with_classes=False)(keras.layers.Rescaling(1 / 255)(pixels))
    head = keras.Sequential([keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(4), keras.layers.Dense(2)])
    return keras.Model(pixels, head(maps))


@pytest.mark.parametrize("from_file", [False, True])
@pytest.mark.parametrize(
    ("build", "layer"),
    [(_transferred, None), (_transferred, "nested"), (_wrapped, None), (_listed, None), (_with_listed_head, None)],
)
def test_network_is_cut_at_or_within_one_that_is_nested_in_it(
    tmp_path: Path, build: Any, layer: str | None, from_file: bool
) -> None:
    network = build()
    if from_file:
        network.save(tmp_path / "m.keras")
        network = keras.saving.load_model(tmp_path / "m.keras")
    pixels = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3)).astype(np.float32)
    kernel, bias = network.get_layer("nested").get_layer("maps").get_weights()
    maps = np.asarray(keras.ops.conv(pixels / 255, kernel)) + bias
    cut = cut_at(network, layer, "a.keras")
    np.testing.assert_allclose(cut.predict_on_batch(pixels), maps.mean(axis=(1, 2)), atol=1e-5)
    if layer:
        np.testing.assert_allclose(cut_spatial(network, layer, "a.keras").predict_on_batch(pixels), maps, atol=1e-5)


def test_whole_nested_classifier_gives_its_outputs() -> None:
    network = _wrapped()
    pixels = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3)).astype(np.float32)
    cut = cut_at(network, "nested", "a.keras")
    np.testing.assert_allclose(cut.predict_on_batch(pixels), network.predict_on_batch(pixels), atol=1e-5)


@pytest.mark.parametrize("are_listed", [False, True])
def test_layers_side_by_side_at_the_end_are_named_and_one_of_them_is_asked_for(are_listed: bool) -> None:
    """As in a mean of networks, each of a fold."""
    pixels = keras.Input((8, 8, 3))
    folds = [_fold(are_listed, name)(pixels) for name in ("first", "second")]
    network = keras.Model(pixels, keras.layers.Average()(folds))
    with pytest.raises(
        ModelError, match=r"a\.keras to have one last layer .*; first and second stand side by side\. Name"
    ):
        cut_at(network, None, "a.keras")
    assert cut_at(network, "first", "a.keras").output.shape == (None, 5)


def _fold(is_listed: bool, name: str) -> keras.Model:
    layers = [keras.layers.Conv2D(4, 3), keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(5)]
    listed = keras.Sequential([keras.Input((8, 8, 3)), *layers], name=name)
    return listed if is_listed else keras.Model(listed.inputs[0], listed.outputs[0], name=name)


def test_colours_that_are_mixed_before_a_nested_network_are_not_what_is_below_its_classes() -> None:
    pixels = keras.Input((8, 8, 3))
    mixed = keras.layers.Conv2D(3, 1)(pixels)
    cut = cut_at(keras.Model(pixels, _fold(False, "nested")(mixed)), None, "a.keras")
    assert cut.output.shape == (None, 4)
    with pytest.raises(ModelError, match=r"nested takes maps of 8 x 8, as large as the pixels\. Name a layer"):
        cut_at(keras.Model(pixels, _fold(True, "nested")(mixed)), None, "a.keras")


def _scored(pixels: Any) -> Any:
    scores = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(2, 1, name="only")(pixels))
    return keras.layers.Softmax()(scores)


@pytest.mark.parametrize("is_nested", [False, True])
def test_pixels_that_the_only_kernel_takes_are_no_features(is_nested: bool) -> None:
    """Earlier versions gave their mean colours."""
    pixels, images = keras.Input((8, 8, 3)), keras.Input((8, 8, 3))
    scale, inner = keras.layers.Rescaling(1 / 255), keras.Model(images, _scored(images))
    network = keras.Model(pixels, inner(scale(pixels)) if is_nested else _scored(scale(pixels)))
    with pytest.raises(ModelError, match=r"learned features below its classes; only takes maps that no kernel gave\."):
        cut_at(network, None, "a.keras")


def test_a_nested_network_with_one_kernel_takes_what_those_below_it_have_learned() -> None:
    pixels, images = keras.Input((8, 8, 3)), keras.Input((8, 8, 4))
    maps = keras.layers.Conv2D(4, 3, padding="same")(pixels)
    network = keras.Model(pixels, keras.Model(images, _scored(images))(maps))
    assert cut_at(network, None, "a.keras").output.shape == (None, 4)


@pytest.mark.parametrize(
    ("build", "is_one"),
    [(_listed, True), (_turned, True), (_with_listed_head, False), (_transferred, False), (_wrapped, False)],
)
def test_a_file_tells_whether_earlier_versions_cut_it_elsewhere(tmp_path: Path, build: Any, is_one: bool) -> None:
    """Then its digest is another: their features are none of these."""
    build().save(tmp_path / "m.keras")
    assert is_one_list(tmp_path / "m.keras") is is_one
    base = BaseRequest(str(tmp_path / "m.keras"))
    assert base_of(base).digest().endswith("-within") is is_one
    assert not base_of(replace(base, layer="nested")).digest().endswith("-within")


def _channels_first(end: str) -> keras.Model:
    """A network that takes pixels as all do and turns them round, as converters of PyTorch's models have it."""
    pixels = keras.Input((9, 13, 3))
    turned = keras.layers.Permute((3, 1, 2))(keras.layers.Rescaling(1 / 255)(pixels))
    maps = keras.layers.Conv2D(5, 3, data_format="channels_first", name="maps")(turned)
    scaled = keras.layers.BatchNormalization(axis=1)(maps)
    seen = keras.layers.Add(name="seen")([keras.layers.ReLU(name="positive")(scaled), scaled])
    if end == "dense":
        means = keras.layers.GlobalAveragePooling2D(data_format="channels_first")(seen)
        return keras.Model(pixels, keras.layers.Dense(2, name="classes")(means))
    if end == "turned back":
        back = keras.ops.moveaxis(keras.layers.Identity(name="seen_too")(seen), 1, -1)
        return keras.Model(pixels, keras.layers.GlobalMaxPooling2D()(keras.layers.Conv2D(2, 1)(back)))
    classes = keras.layers.Conv2D(2, 1, data_format="channels_first", name="classes")(seen)
    return keras.Model(pixels, keras.layers.GlobalAveragePooling2D(data_format="channels_first")(classes))


@pytest.mark.parametrize(
    ("end", "layer"),
    [("maps", None), ("maps", "seen"), ("dense", "seen"), ("turned back", None), ("turned back", "seen_too")],
)
def test_maps_with_channels_first_are_pooled_over_positions(tmp_path: Path, end: str, layer: str | None) -> None:
    """Whatever the pooling; and the file tells that earlier versions averaged their channels."""
    keras.utils.set_random_seed(1)
    path = tmp_path / "m.keras"
    _channels_first(end).save(path)
    network = keras.saving.load_model(path)
    pixels = np.random.default_rng(0).integers(0, 256, (3, 9, 13, 3)).astype(np.float32)
    maps = keras.Model(network.inputs, network.get_layer("seen").output).predict_on_batch(pixels)  # (3, 5, 7, 11)
    cut = cut_at(network, layer, "a.keras", pooling=Pooling.MEAN_MAX)
    expected = np.concatenate([maps.mean(axis=(2, 3)), maps.max(axis=(2, 3))], axis=1)
    np.testing.assert_allclose(cut.predict_on_batch(pixels), expected, atol=1e-5)
    views = BaseRequest(str(path), layer=layer, views=Views((), False, (ViewPooling.MAX,)))
    roots = np.sign(maps.max(axis=(2, 3))) * np.sqrt(np.abs(maps.max(axis=(2, 3))))
    np.testing.assert_allclose(base_of(views).build().predict_on_batch(pixels), roots, atol=1e-5)
    assert base_of(BaseRequest(str(path), layer=layer)).digest().endswith("-channels-last")


@pytest.mark.parametrize("layer", [None, "joined", "twice"])
def test_nested_networks_leave_channels_where_they_are(tmp_path: Path, layer: str | None) -> None:
    """None of their own layers tells, but what they take; the file tells that earlier versions took them for last."""
    keras.utils.set_random_seed(1)
    pixels = keras.Input((9, 13, 3))
    turned = keras.layers.Permute((3, 1, 2))(pixels)
    first = keras.layers.Conv2D(5, 3, data_format="channels_first")(turned)
    active = keras.Sequential([keras.layers.BatchNormalization(axis=1), keras.layers.ReLU()], name="active")
    one, other = keras.Input((5, 7, 11)), keras.Input((5, 7, 11))
    joined = keras.Model([one, other], keras.layers.Add()([one, keras.layers.ReLU()(other)]), name="joined")
    seen = joined([active(first), first])
    back = keras.layers.Permute((2, 3, 1))(seen)
    same = keras.Sequential([keras.Input((None, None, None)), keras.layers.Identity()], name="same")
    twice = keras.layers.Identity(name="twice")(same(same(back)))
    last = keras.layers.Conv2D(2, 1, data_format="channels_first", name="classes")(seen)
    classes = keras.layers.GlobalAveragePooling2D(data_format="channels_first")(last)
    aside = keras.layers.GlobalAveragePooling2D()(twice)
    path = tmp_path / "m.keras"
    keras.Model(pixels, classes if layer is None else [classes, aside]).save(path)
    network = keras.saving.load_model(path)
    photos = np.random.default_rng(0).integers(0, 256, (3, 9, 13, 3)).astype(np.float32)
    joined_maps = keras.Operation.output.fget(network.get_layer("joined"))
    maps = keras.Model(network.inputs, joined_maps).predict_on_batch(photos)  # (3, 5, 7, 11)
    found = cut_at(network, layer, "a.keras").predict_on_batch(photos)
    np.testing.assert_allclose(found, maps.mean(axis=(2, 3)), rtol=1e-4)
    assert base_of(BaseRequest(str(path), layer=layer)).digest().endswith("-channels-last-nested")


def test_branches_that_meet_again_are_followed_once() -> None:
    """Each of forty blocks doubles the ways to where the maps come from."""
    pixels = keras.Input((8, 8, 3))
    maps = keras.layers.Reshape((4, 4, 12))(pixels)
    for _ in range(40):
        maps = keras.layers.Add()([maps, keras.layers.Dense(12)(maps)])
    network = keras.Model(pixels, keras.layers.Activation("linear", name="seen")(maps))
    assert cut_at(network, "seen", "a.keras").outputs[0].shape == (None, 12)


def test_vectors_above_maps_with_channels_first_are_what_they_were(tmp_path: Path) -> None:
    _channels_first("dense").save(tmp_path / "m.keras")
    for layer in (None, "classes"):
        base = base_of(BaseRequest(str(tmp_path / "m.keras"), layer=layer))
        assert base.build().outputs[0].shape == (None, 2 if layer else 5)
        assert not base.digest().endswith("-channels-last")
    _transferred().save(tmp_path / "last.keras")
    assert not base_of(BaseRequest(str(tmp_path / "last.keras"), layer="nested")).digest().endswith("-channels-last")


@pytest.mark.parametrize("is_nested", [False, True])
def test_classes_that_are_computed_of_two_views_ask_for_a_layer(tmp_path: Path, is_nested: bool) -> None:
    pixels = keras.Input((16, 16, 3))
    network, classes = _nested(with_classes=is_nested), keras.layers.Dense(2, name="classes")
    pooled = keras.layers.GlobalAveragePooling2D()
    views = [keras.layers.Resizing(8, 8)(pixels), keras.layers.CenterCrop(8, 8)(pixels)]
    outputs = [network(view) if is_nested else classes(pooled(network(view))) for view in views]
    keras.Model(pixels, keras.layers.Average()(outputs)).save(tmp_path / "m.keras")
    whole = keras.saving.load_model(tmp_path / "m.keras")
    with pytest.raises(ModelError, match=r"; (classes|nested) is called 2 times, as on several views"):
        cut_at(whole, None, "a.keras")
    assert cut_at(whole, "nested", "a.keras").output.shape == (None, 5 if is_nested else 2)


@pytest.mark.parametrize("is_nested", [False, True])
@pytest.mark.parametrize("kind", ["BatchNormalization", "LayerNormalization", "PReLU"])
def test_classes_that_a_last_layer_scales_are_no_features(kind: str, is_nested: bool) -> None:
    images, pixels = keras.Input((8, 8, 3)), keras.Input((8, 8, 3))
    hidden = keras.layers.Dense(4, name="hidden")(keras.layers.Flatten()(images))
    scored = getattr(keras.layers, kind)(name="scale")(keras.layers.Dense(2)(hidden))
    inner = keras.Model(images, scored, name="inner")
    network = keras.Model(images, keras.layers.Softmax()(scored))
    if is_nested:
        network = keras.Model(pixels, keras.layers.Softmax()(inner(pixels)))
    with pytest.raises(ModelError, match=r"classes of a\.keras to come .*; scale only scales those of another\. Name"):
        cut_at(network, None, "a.keras")
    assert is_nested or cut_at(network, "hidden", "a.keras").output.shape == (None, 4)
    with pytest.raises(ModelError, match=r"outputs of a\.keras, 2 computed of 4, are features, or classes"):
        cut_at(inner, None, "a.keras")
    assert cut_at(inner, "scale", "a.keras").output.shape == (None, 2)
