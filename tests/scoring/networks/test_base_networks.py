"""The networks below a head: which kind it is, where it is cut, and that it sees what Keras' own VGG16 sees."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scoring.errors import ModelError
from scoring.networks.base_networks import CONVOLUTIONS, LAST_DENSE, base_of
from scoring.networks.base_request import VGG16_CONVOLUTIONS, BaseRequest
from scoring.networks.layer_cut import Pooling
from scoring.networks.pooled_views import ViewPooling, Views
from scoring.networks.vgg16 import load_dense_layers, load_vgg16


def test_vgg16_is_cut_at_its_second_dense_layer_and_below_both_if_they_are_trained() -> None:
    assert base_of(BaseRequest()).choose_layer(unfreeze_dense=False).layer == LAST_DENSE
    assert base_of(BaseRequest(layer="block5_pool")).choose_layer(unfreeze_dense=False).layer == "block5_pool"
    for layer in (None, CONVOLUTIONS):
        assert base_of(BaseRequest(layer=layer)).choose_layer(unfreeze_dense=True).layer == CONVOLUTIONS


def test_a_file_is_cut_where_the_user_says_or_below_its_last_layer() -> None:
    for layer in (None, "features"):
        assert base_of(BaseRequest("m.keras", layer=layer)).choose_layer(unfreeze_dense=False).layer == layer


def test_no_name_of_a_layer_reads_as_another_cut() -> None:
    views = Views((), True, (ViewPooling.MEAN,))
    assert [str(BaseRequest()), str(BaseRequest(layer="fc1"))] == ["penultimate", "fc1"]  # as earlier versions wrote
    names = ("penultimate", "%penultimate", f"fc1+{views}", "fc1+flip", "fc1%2Bflip")
    texts = {str(BaseRequest(layer=name)) for name in names}
    assert len(texts) == len(names)
    others = {str(BaseRequest()), str(BaseRequest(layer="fc1", views=views)), f"{BaseRequest(layer='fc1')}+flip"}
    assert not texts & others


@pytest.mark.parametrize("request_", [BaseRequest("m.keras"), BaseRequest(layer="fc1")])
def test_dense_layers_that_a_network_has_not_are_refused(request_: BaseRequest) -> None:
    with pytest.raises(ModelError, match=r"`unfreeze` dense trains vgg16's own dense layers. Leave out `base`"):
        base_of(request_).choose_layer(unfreeze_dense=True)


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (
            BaseRequest("nowhere.keras"),
            "such as vgg16, to be a .keras file; nowhere.keras does not exist",
        ),
        (
            BaseRequest("resnet51"),
            r"such as resnet50, resnet\w+, resnet\w+, to be a .keras file; resnet51 does not exist",
        ),
        (BaseRequest(weights="nowhere.h5"), "Expected `weights` to be a weights file or random; nowhere.h5 is no file"),
        (BaseRequest(weights=""), "Expected `weights` to be a weights file"),
    ],
)
def test_base_that_is_not_there_is_refused_without_keras(request_: BaseRequest, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        base_of(request_).check()


def test_files_are_named_by_their_fields_and_become_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    weighted, own = base_of(BaseRequest(weights="w.h5", layer="fc1")), base_of(BaseRequest("m.keras"))
    assert (weighted.files(), own.files()) == ({"weights": Path("w.h5")}, {"base": Path("m.keras")})
    assert weighted.absolute() == BaseRequest(weights=str(tmp_path / "w.h5"), layer="fc1")
    assert own.absolute() == BaseRequest(str(tmp_path / "m.keras"))
    for weights in (None, "random"):
        assert base_of(BaseRequest(weights=weights)).files() == {}
        assert base_of(BaseRequest(weights=weights)).absolute() == BaseRequest(weights=weights)


@pytest.mark.ci
@pytest.mark.keras
@pytest.mark.parametrize("layer", [None, "block1_conv1"])
def test_features_of_vgg16_are_those_of_keras_and_of_its_own_preprocessing(tmp_path: Path, layer: str | None) -> None:
    """Also from a file: a fine-tuned model holds this network."""
    import keras

    pixels: Any = np.random.default_rng(0).integers(0, 256, (2, 224, 224, 3)).astype(np.float32)
    plain = load_vgg16("random")
    outputs = plain.get_layer(layer or LAST_DENSE).output
    inputs = keras.applications.vgg16.preprocess_input(pixels.copy(), data_format="channels_last")
    expected = keras.Model(plain.inputs, outputs).predict_on_batch(inputs)
    if expected.ndim == 4:
        expected = expected.mean(axis=(1, 2))
    base = base_of(BaseRequest(weights="random", layer=layer)).build()
    np.testing.assert_allclose(base.predict_on_batch(pixels), expected, rtol=1e-4, atol=1e-4 * expected.max())
    if layer == "block1_conv1":
        base.save(tmp_path / "base.keras")
        again = keras.saving.load_model(tmp_path / "base.keras", safe_mode=True)
        np.testing.assert_array_equal(again.predict_on_batch(pixels), base.predict_on_batch(pixels))


@pytest.mark.keras
@pytest.mark.parametrize("model", ["vgg16-convolutions", "resnet50"])
@pytest.mark.parametrize("views", [None, Views((), False, (ViewPooling.MEAN,))])
def test_what_stands_below_the_first_kernel_has_its_channels_in_the_order_of_keras(
    model: str, views: Views | None
) -> None:
    """Blue, green, red."""
    import keras

    keras.utils.clear_session(free_memory=False)
    pixels: Any = np.random.default_rng(0).integers(0, 256, (2, 224, 224, 3)).astype(np.float32)
    inputs = keras.applications.resnet50.preprocess_input(pixels.copy(), data_format="channels_last")
    request = BaseRequest(model, "random", "conv1_pad" if model == "resnet50" else "input_layer", views=views)
    maps = np.pad(inputs, [(0, 0), (3, 3), (3, 3), (0, 0)]) if model == "resnet50" else inputs
    expected = maps.mean(axis=(1, 2))
    if views:
        expected = np.sign(expected) * np.sqrt(np.abs(expected))
    base = base_of(request)
    np.testing.assert_allclose(base.build().predict_on_batch(pixels), expected, rtol=1e-4)
    above = base_of(BaseRequest(model, "random"))
    assert base.digest() == f"{above.digest()}-bgr", "earlier versions gave red first"


@pytest.mark.keras
def test_a_map_of_one_position_is_pooled_once_and_told_from_what_it_was(tmp_path: Path) -> None:
    import keras

    path = tmp_path / "one.keras"
    layers = [
        keras.Input((16, 16, 3)),
        keras.layers.Conv2D(64, 3, activation="relu"),
        keras.layers.GlobalAveragePooling2D(keepdims=True),
        keras.layers.Conv2D(2, 1),
        keras.layers.Flatten(),
        keras.layers.Softmax(),
    ]
    keras.Sequential(layers).save(path)
    every = Views((), True, tuple(ViewPooling))
    for model in (str(path), "mobilenetv3small"):
        request = BaseRequest(model, None if model == str(path) else "random", views=every)
        base = base_of(request)
        alone = base_of(replace(request, views=replace(every, pooling=(ViewPooling.MEAN,))))
        network = base.build()
        assert network.output_shape == alone.build().output_shape
        assert base.digest() == f"{alone.digest()}-once"
    with pytest.raises(ModelError, match=r"for `pooling` mean\+max; .* has one vector of each image below"):
        base_of(BaseRequest(str(path), pooling=Pooling.MEAN_MAX)).build()


@pytest.mark.keras
@pytest.mark.parametrize(
    ("below", "is_first"),
    [("AveragePooling2D", False), ("AveragePooling2D", True), ("Conv2D", False), ("Conv2D", True), ("Reshape", False)],
)
def test_a_map_of_one_position_is_told_by_its_shape_whatever_made_it(
    tmp_path: Path, below: str, is_first: bool
) -> None:
    import keras

    order = {"data_format": "channels_first"} if is_first else {}
    turn = [keras.layers.Permute((3, 1, 2))] if is_first else []
    layers = {
        "AveragePooling2D": [*turn, keras.layers.AveragePooling2D(14, **order)],
        "Reshape": [keras.layers.GlobalAveragePooling2D(), keras.layers.Reshape((1, 1, 8))],
        "Conv2D": [keras.layers.Conv2D(8, 14), *turn],
    }
    for name, made in (("one", layers[below]), ("many", [keras.layers.AveragePooling2D(7), *turn])):
        first = [keras.Input((16, 16, 3)), keras.layers.Conv2D(8, 3, activation="relu")]
        last = [keras.layers.Conv2D(2, 1, **order), keras.layers.Flatten(), keras.layers.Softmax()]
        keras.Sequential([*first, *made, *last]).save(tmp_path / f"{name}.keras")
        every = Views((), False, tuple(ViewPooling))
        base = base_of(BaseRequest(str(tmp_path / f"{name}.keras"), views=every))
        assert base.build().output_shape == (None, 8 if name == "one" else 24)
        assert base.digest().endswith("-once") == (name == "one")


@pytest.mark.keras
def test_kept_axes_elsewhere_in_a_network_do_not_change_the_digest_of_its_maps(tmp_path: Path) -> None:
    """Features that an earlier version extracted are taken."""
    import keras

    pixels = keras.Input((16, 16, 3))
    maps = keras.layers.Conv2D(8, 3)(pixels)
    gated = keras.layers.Multiply()([maps, keras.layers.GlobalAveragePooling2D(keepdims=True)(maps)])
    keras.Model(pixels, keras.layers.Flatten()(keras.layers.Conv2D(2, 1)(gated))).save(tmp_path / "m.keras")
    base = base_of(BaseRequest(str(tmp_path / "m.keras"), views=Views((), False, tuple(ViewPooling))))
    assert "-" not in base.digest()


def test_convolutions_are_cut_at_their_end_and_have_no_dense_layers_to_train() -> None:
    convolutions = base_of(BaseRequest(VGG16_CONVOLUTIONS, weights="w.h5"))
    assert convolutions.choose_layer(unfreeze_dense=False).layer == "block5_pool"
    assert convolutions.files() == {"weights": Path("w.h5")}
    with pytest.raises(ModelError, match="`unfreeze` dense trains"):
        convolutions.choose_layer(unfreeze_dense=True)


@pytest.mark.ci
@pytest.mark.keras
def test_convolutions_alone_give_what_keras_gives_from_a_file_of_their_own(tmp_path: Path) -> None:
    import keras

    plain = keras.applications.VGG16(include_top=False, weights=None, input_shape=(224, 224, 3))
    plain.save_weights(tmp_path / "convolutions.weights.h5")
    pixels: Any = np.random.default_rng(0).integers(0, 256, (2, 224, 224, 3)).astype(np.float32)
    inputs = keras.applications.vgg16.preprocess_input(pixels.copy(), data_format="channels_last")
    expected = plain.predict_on_batch(inputs).mean(axis=(1, 2))
    request = BaseRequest(VGG16_CONVOLUTIONS, str(tmp_path / "convolutions.weights.h5"), "block5_pool")
    features = base_of(request).build().predict_on_batch(pixels)
    np.testing.assert_allclose(features, expected, rtol=1e-4, atol=1e-4 * expected.max())
    other = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3)])
    other.save_weights(tmp_path / "other.weights.h5")
    with pytest.raises(ModelError, match=r"Expected weights of VGG16's convolutional layers alone, .*other.weights.h5"):
        base_of(replace(request, weights=str(tmp_path / "other.weights.h5"))).build()


@pytest.mark.ci
@pytest.mark.keras
def test_dense_layers_are_the_two_below_the_last() -> None:
    assert [weight.shape for weight in load_dense_layers("random")] == [(25088, 4096), (4096,), (4096, 4096), (4096,)]


@pytest.mark.keras
def test_layer_of_a_network_of_several_outputs_is_taken_and_asked_for(tmp_path: Path) -> None:
    import keras

    pixels = keras.Input((8, 8, 3))
    maps = keras.layers.Conv2D(4, 3, name="maps")(pixels)
    means = keras.layers.GlobalAveragePooling2D()(maps)
    model = keras.Model(pixels, {name: keras.layers.Dense(2, name=name)(means) for name in ("kind", "age")})
    model.save(tmp_path / "model.keras")
    request = BaseRequest(str(tmp_path / "model.keras"), layer="maps")
    images = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3)).astype(np.float32)
    expected = keras.Model(pixels, means).predict_on_batch(images)
    np.testing.assert_allclose(base_of(request).build().predict_on_batch(images), expected, rtol=1e-5)
    with pytest.raises(ModelError, match=r"one output; .*model\.keras has 2\. Name a layer with `features`"):
        base_of(replace(request, layer=None)).build()


@pytest.mark.keras
def test_file_whose_channels_do_not_go_last_is_refused_for_views_too(tmp_path: Path) -> None:
    import keras

    path = tmp_path / "first.keras"
    keras.Sequential([keras.Input((3, 32, 32)), keras.layers.Conv2D(2, 2, name="conv2d"), keras.layers.Flatten()]).save(
        path
    )
    for views in (None, Views((), False, (ViewPooling.MEAN,))):
        with pytest.raises(ModelError, match=r"with 1 or 3 channels, which go last; .* shape \(None, 3, 32, 32\)"):
            base_of(BaseRequest(str(path), layer="conv2d", views=views)).build()


@pytest.mark.keras
def test_layer_that_a_network_has_not_is_refused_with_those_it_has(model: Path) -> None:
    with pytest.raises(ModelError, match=r"Expected `features` to be a layer of .*; received fc9. Its last ones are"):
        base_of(BaseRequest(str(model), layer="fc9")).build()
