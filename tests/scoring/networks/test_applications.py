"""The table against Keras' own source, and each network against plain Keras on the same pixels."""

import inspect
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scoring.errors import DownloadError, ModelError
from scoring.networks.application_networks import (
    application_digest,
    build_application,
    load_application,
)
from scoring.networks.applications import APPLICATIONS, Application, application_of
from scoring.networks.engines import Network
from scoring.networks.openvino_engine import OpenVinoEngine
from scoring.networks.pixel_scales import PixelScale
from scoring.networks.precision import Precision
from scoring.networks.published_files import PublishedFile
from scoring.networks.vgg16 import vgg16_digest
from scoring.networks.vgg16_convolutions import CONVOLUTIONS_WEIGHTS, build_convolutions

pytestmark = pytest.mark.keras

# One of each kind that the default run has time for; two more are shallow there.
_QUICK = ("mobilenetv2", "mobilenetv3small", "resnet50")
# Of untrained statistics, pixels that differ by a millionth change features by 83%, in Keras alone.
_CHAOTIC = ("efficientnetv2-m", "efficientnetv2-l")
# With settled statistics Keras' own eager and compiled passes still differ by 1.1e-5 there, and by 5e-7 elsewhere.
_TOLERANCES = {"efficientnetv2m": 1e-4, "efficientnetv2l": 1e-4}
_EACH = [pytest.param(name, marks=[] if name in _QUICK else pytest.mark.slow) for name in APPLICATIONS]
_IMAGENET_MEAN, _IMAGENET_DEVIATION = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]  # EfficientNet's published ones


def _module(application: Application) -> Any:
    """The module of `keras.applications` that a classifier is defined in."""
    import keras

    return sys.modules[getattr(keras.applications, application.class_name).__module__]


def test_every_classifier_of_keras_is_in_the_table() -> None:
    import keras

    members = vars(keras.applications).items()
    classifiers = {name for name, member in members if inspect.isfunction(member) and name[0].isupper()}
    assert {application.class_name for application in APPLICATIONS.values()} == classifiers
    assert all(name == application.class_name.lower() for name, application in APPLICATIONS.items())


@pytest.mark.parametrize("name", APPLICATIONS)
def test_published_file_is_the_one_of_keras_source(name: str) -> None:
    """Checksums and addresses; `test_probabilities_equal_plain_keras` asks Keras itself."""
    application = APPLICATIONS[name]
    modules = [_module(application)]
    if name.startswith("resnet"):  # version 2 keeps its constants where version 1 does
        modules.append(_module(APPLICATIONS["resnet50"]))
    source = "".join(inspect.getsource(module) for module in modules)
    constants = [value for module in modules for value in vars(module).values() if isinstance(value, str)]
    assert any(len(value) > 30 and application.weights.url.startswith(value) for value in constants)
    if application.weights.checksum is None:
        assert "file_hash" not in source
        return
    kind, _, digits = application.weights.checksum.partition(":")
    assert f'"{digits}"' in source
    assert len(digits) == {"md5": 32, "sha256": 64}[kind]


def test_published_convolutions_are_those_of_keras_source() -> None:
    module = _module(APPLICATIONS["vgg16"])
    assert CONVOLUTIONS_WEIGHTS.url == module.WEIGHTS_PATH_NO_TOP
    assert f'"{str(CONVOLUTIONS_WEIGHTS.checksum).removeprefix("md5:")}"' in inspect.getsource(module)


def _published_network(application: Application, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, PublishedFile]:
    """What Keras builds for `weights="imagenet"`, with random weights, and the file that it would download."""
    import keras
    from keras.src.utils import file_utils

    asked = []

    def get_file(fname: str, origin: str, file_hash: str | None = None, **_: Any) -> str:
        kind = "sha256" if len(file_hash or "") == 64 else "md5"
        asked.append(PublishedFile(origin, file_hash and f"{kind}:{file_hash}", fname))
        return "imagenet"

    keras.utils.set_random_seed(7)
    build = getattr(keras.applications, application.class_name)
    with monkeypatch.context() as patch:
        patch.setattr(file_utils, "get_file", get_file)
        patch.setattr(keras.Model, "load_weights", lambda *_: None)
        network = build(weights="imagenet", input_shape=(application.size, application.size, 3))
    (file,) = asked
    return network, file


def _settle(network: Any, inputs: Any) -> None:
    """Give batch normalisation the statistics of these inputs, as training does."""
    import keras

    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
    network(inputs, training=True)


def _spread(network: Any, inputs: Any) -> None:
    """Give untrained weights what makes probabilities differ: logits of a standard deviation of 3."""
    import keras

    for layer in network.layers:
        if isinstance(layer, keras.layers.Normalization) and layer.get_weights():
            count = layer.get_weights()[2:]
            layer.set_weights([np.array(_IMAGENET_MEAN), np.array(_IMAGENET_DEVIATION), *count])
            layer.finalize_state()
    if network.name in _CHAOTIC:
        _settle(network, inputs)
    last = [layer for layer in network.layers if layer.weights][-1]
    features = np.asarray(keras.Model(network.input, last.input)(inputs, training=False))
    kernel, bias = last.get_weights()
    last.set_weights([kernel * 3 / (features @ kernel.reshape(kernel.shape[-2:])).std(), bias])


def _save_as_published(network: Any, path: Path) -> None:
    """Write weights in the layout of the files that Keras publishes."""
    import h5py
    from keras.src.legacy.saving import legacy_h5_format

    with h5py.File(path, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, network)


def _photos(application: Application) -> Any:
    """Two pictures, of patches and of single pixels, shape (2, size, size, 3)."""
    generator, size = np.random.default_rng(0), application.size
    patches = generator.integers(0, 256, (-(-size // 16), -(-size // 16), 3), np.uint8)
    patches = patches.repeat(16, 0).repeat(16, 1)[:size, :size]
    return np.stack([patches, generator.integers(0, 256, patches.shape, np.uint8)]).astype(np.float32)


def _score(model: Any, pixels: Any) -> Any:
    return np.asarray(model(pixels, training=False))


def _ours_and_theirs(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Any, Any]:
    """Our network with weights of a file of the published layout, pixels, and what plain Keras makes of them."""
    import keras

    application, path = APPLICATIONS[name], folder / "published.h5"
    plain, published = _published_network(application, monkeypatch)
    assert published == application.weights
    pixels = _photos(application)
    inputs = _module(application).preprocess_input(pixels.copy(), data_format="channels_last")
    _spread(plain, inputs)
    _save_as_published(plain, path)
    expected, of_pixels = np.split(_score(plain, np.concatenate([inputs, pixels])), 2)
    assert expected.max() > 0.01, "probabilities that differ from one another"
    if application.pixels is not PixelScale.UNCHANGED:
        assert np.abs(of_pixels - expected).max() > 1e-3, "preprocessing matters"
    else:
        np.testing.assert_array_equal(inputs, pixels)
    del plain
    keras.backend.clear_session()
    return build_application(application, str(path)), pixels, expected


@pytest.mark.ci
@pytest.mark.parametrize("name", _EACH)
def test_probabilities_equal_plain_keras(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a file of the published layout, as a download and as `weights`, on the same pixels."""
    ours, pixels, expected = _ours_and_theirs(name, tmp_path, monkeypatch)
    np.testing.assert_allclose(_score(ours, pixels), expected, atol=1e-5)


def _make_shallow(module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Keras build one layer of each kind where DenseNet and EfficientNet repeat it; the rest is as it is."""
    if hasattr(module, "dense_block"):
        dense_block = module.dense_block
        monkeypatch.setattr(module, "dense_block", lambda x, blocks, name: dense_block(x, 1, name))
    else:
        once = [arguments | {"repeats": 1} for arguments in module.DEFAULT_BLOCKS_ARGS]
        monkeypatch.setattr(module, "DEFAULT_BLOCKS_ARGS", once)


@pytest.mark.ci
@pytest.mark.parametrize(("name", "num_layers"), [("densenet121", 427), ("efficientnetb0", 238)])
def test_probabilities_of_a_shallow_network_equal_plain_keras(
    name: str, num_layers: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `test_probabilities_equal_plain_keras`, which builds each in its full depth and is slow."""
    _make_shallow(_module(APPLICATIONS[name]), monkeypatch)
    ours, pixels, expected = _ours_and_theirs(name, tmp_path, monkeypatch)
    assert len(ours.layers[-1].layers) < num_layers / 2
    np.testing.assert_allclose(_score(ours, pixels), expected, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", APPLICATIONS)
def test_openvino_says_what_plain_keras_says(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From uint8 pixels, as `score` gives them to it."""
    pytest.importorskip("openvino")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    ours, pixels, expected = _ours_and_theirs(name, tmp_path, monkeypatch)
    engine = OpenVinoEngine(Network(name, lambda: ours), Precision.FLOAT32)
    np.testing.assert_allclose(engine.score(pixels.astype(np.uint8)), expected, atol=_TOLERANCES.get(name, 1e-5))


def _small(name: str, path: Path) -> Application:
    """A classifier whose weights, in a file of the published layout, give probabilities that differ."""
    application = APPLICATIONS[name]
    network = load_application(application, "random")
    _spread(network, _module(application).preprocess_input(_photos(application), data_format="channels_last"))
    _save_as_published(network, path)
    return application


@pytest.mark.ci
@pytest.mark.parametrize(
    "name",
    [
        "mobilenetv3small",
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("convnexttiny", "densenet121", "resnet50")),
    ],
)
def test_network_comes_back_from_its_file_and_runs_in_openvino(name: str, tmp_path: Path) -> None:
    """A `.keras` file is what `finetune` leaves; ConvNeXt's is of layers that Keras alone defines."""
    import keras

    openvino = pytest.importorskip("openvino")
    application = _small(name, tmp_path / "published.h5")
    model = build_application(application, str(tmp_path / "published.h5"))
    pixels = _photos(application)
    expected = _score(model, pixels)
    assert expected.max() > 0.01
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras", compile=False, safe_mode=True)
    np.testing.assert_allclose(_score(again, pixels), expected, atol=1e-6)
    again.export(str(tmp_path / "model.xml"), format="openvino", verbose=False)
    settings = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.Core().compile_model(str(tmp_path / "model.xml"), "CPU", settings)
    np.testing.assert_allclose(compiled(pixels)[0], expected, atol=1e-5)


def _normalisation(network: Any) -> Any:
    import keras

    return next(layer for layer in network.layers if isinstance(layer, keras.layers.Normalization))


@pytest.mark.ci
def test_efficientnet_of_other_statistics_is_what_keras_makes_of_its_file(tmp_path: Path) -> None:
    """Only ImageNet's normalisation was trained behind a second division."""
    import keras

    application, path = APPLICATIONS["efficientnetb0"], tmp_path / "own.weights.h5"
    plain = load_application(application, "random")
    _spread(plain, _photos(application))
    count = _normalisation(plain).get_weights()[2:]
    _normalisation(plain).set_weights([np.array([0.4, 0.5, 0.6]), np.array([0.05, 0.06, 0.07]), *count])
    plain.save_weights(path)
    expected = _score(keras.applications.EfficientNetB0(weights=path), _photos(application))
    ours = build_application(application, str(path))
    np.testing.assert_allclose(_score(ours, _photos(application)), expected, atol=1e-6)


@pytest.mark.ci
def test_download_of_efficientnet_is_scaled_as_it_was_trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import hashlib

    application = APPLICATIONS["efficientnetb0"]
    load_application(application, "random").save_weights(tmp_path / "some.weights.h5")
    (tmp_path / "models").mkdir()
    downloaded = (tmp_path / "some.weights.h5").rename(tmp_path / "models" / "some.weights.h5")
    checksum = f"md5:{hashlib.md5(downloaded.read_bytes()).hexdigest()}"
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    here = replace(application, weights=PublishedFile("http://127.0.0.1:9/gone", checksum, downloaded.name))
    _, variance, *_ = _normalisation(load_application(here, None)).get_weights()
    np.testing.assert_allclose(variance, _IMAGENET_DEVIATION)
    assert application_digest(here, None) == application_digest(application, str(downloaded))


def test_random_weights_are_the_same_every_time_and_told_apart_by_name() -> None:
    application = APPLICATIONS["mobilenetv3small"]
    first, second = (load_application(application, "random") for _ in range(2))
    for ours, theirs in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert application_digest(application, "random") == "mobilenetv3small-random-2017"
    assert application_digest(APPLICATIONS["vgg16"], "random") == vgg16_digest("random"), "as in earlier runs"


def test_layers_have_the_same_names_whatever_this_process_has_made_before() -> None:
    """Keras numbers those that it names itself: `--features add_10` would be another layer of the same width."""
    import keras

    keras.layers.Add()([keras.Input((2,)), keras.Input((2,))])
    names: set[str] = set()

    def cut(network: keras.Model) -> keras.Model:
        names.update(layer.name for layer in network.layers if layer.name.startswith("add"))
        return network

    build_application(APPLICATIONS["xception"], "random", cut)
    assert names == {"add", *(f"add_{number}" for number in range(1, 12))}


@pytest.mark.ci
def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    _small("mobilenetv3small", tmp_path / "small.h5")
    for weights in (tmp_path / "small.h5", _html(tmp_path / "page.h5"), _html(tmp_path / "page.keras")):
        with pytest.raises(ModelError, match=r"Expected weights of ResNet50; .* does not fit:") as refused:
            load_application(APPLICATIONS["resnet50"], str(weights))
        assert "\n" not in str(refused.value)


def _html(path: Path) -> Path:
    path.write_text("<html>404</html>")
    return path


def test_weights_that_cannot_be_downloaded_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    gone = replace(APPLICATIONS["xception"], weights=PublishedFile("http://127.0.0.1:9/x.h5", "md5:0", "x.h5"))
    with pytest.raises(DownloadError, match="name it as `weights`"):
        application_digest(gone, None)


def test_convolutions_alone_are_what_plain_keras_makes_of_their_true_weights(data_folder: Path) -> None:
    import keras

    path = data_folder / "models" / CONVOLUTIONS_WEIGHTS.name
    pixels = _photos(APPLICATIONS["vgg16"])
    inputs = keras.applications.vgg16.preprocess_input(pixels.copy(), data_format="channels_last")
    plain = keras.applications.VGG16(include_top=False, weights=path, input_shape=(224, 224, 3))
    expected = _score(plain, inputs)
    np.testing.assert_allclose(_score(build_convolutions(str(path)), pixels), expected, atol=1e-4 * expected.max())
    with pytest.raises(ModelError, match=r"Expected weights of VGG16 .*; .* does not fit"):
        load_application(APPLICATIONS["vgg16"], str(path))


@pytest.mark.parametrize("name", ["resnet50", "resnet50-imagenet", "resnet50-cats-dogs"])
def test_a_classifier_has_three_names(name: str) -> None:
    assert application_of(name) is APPLICATIONS["resnet50"]
    assert application_of(f"{name}x") is None
