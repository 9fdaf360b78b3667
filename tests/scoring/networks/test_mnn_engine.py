"""The MNN engine beside Keras; skipped without the extra."""

import re
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest

from scoring.errors import IncompleteError, ModelError
from scoring.models.classifier import Classifier
from scoring.models.finetuned_network import put_together
from scoring.models.model_request import ModelRequest
from scoring.networks import checked_conversions, mnn_engine, mnn_session
from scoring.networks.conversion_check import check_conversion
from scoring.networks.engines import EngineName, Network
from scoring.networks.mnn_engine import MnnEngine
from scoring.networks.mnn_session import first_outputs
from scoring.networks.pooled_views import ViewPooling, Views, pool_views
from scoring.networks.precision import Precision

pytestmark = pytest.mark.keras


def _request(model: Path, precision: Precision = Precision.AUTO, engine: EngineName = EngineName.MNN) -> ModelRequest:
    return ModelRequest(str(model), None, "a,b,c", precision, "tensorflow", engine)


def _pixels(count: int) -> Any:
    return np.random.default_rng(0).integers(0, 256, (count, 224, 224, 3), np.uint8)


@pytest.fixture(scope="module")
def classifier(model: Path) -> Classifier:
    pytest.importorskip("MNN")
    return _request(model).load()


def test_probabilities_are_those_of_keras_for_any_batch_size(model: Path, classifier: Classifier) -> None:
    expected = _request(model, Precision.FLOAT32, EngineName.KERAS).load().score(_pixels(7))
    for count in (7, 2, 5):
        np.testing.assert_allclose(classifier.score(_pixels(7)[:count]), expected[:count], atol=1e-5)


def test_auto_is_float32_and_says_why(classifier: Classifier) -> None:
    assert classifier.precision.precision is Precision.FLOAT32
    assert re.match("mnn does not use the processor's|the processor has no bfloat16", classifier.precision.reason)
    assert classifier.engine.num_outputs == 3


def test_second_process_takes_the_converted_network_without_building_it(classifier: Classifier) -> None:
    def build() -> Any:
        raise AssertionError("it was converted already")

    again = MnnEngine(Network(classifier.model_digest, build))
    np.testing.assert_array_equal(again.score(_pixels(3)), classifier.score(_pixels(3)))


@pytest.mark.ci
def test_network_that_comes_out_differently_is_refused_and_not_kept(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("MNN")
    import keras

    monkeypatch.setattr(mnn_engine, "first_outputs", lambda path, images: np.full((len(images), 3), 0.5))
    different = Network("a-network-that-differs", lambda: keras.saving.load_model(model))
    with pytest.raises(ModelError, match=r"its outputs on noise differ from Keras' by up to 0\.\d+, .* Use `engine`"):
        MnnEngine(different)

    def build() -> Any:
        raise LookupError("it is converted again")

    with pytest.raises(LookupError, match="it is converted again"):
        MnnEngine(replace(different, build=build))


class _Unconvertible:
    """Stands where a network is exported, and writes what MNN's converter dies of."""

    def export(self, *arguments: Any, **options: Any) -> None:
        Path(arguments[0]).write_bytes(b"no network at all" * 100)


def test_network_that_cannot_be_converted_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("MNN")
    monkeypatch.setattr(checked_conversions, "takes_uint8", lambda model: _Unconvertible())
    with pytest.raises(
        ModelError, match=r"`engine` mnn cannot run this network; use another `engine`\. Its converter said: "
    ):
        MnnEngine(Network("no-network", lambda: None))


@pytest.mark.ci
def test_a_converter_that_fails_leaves_nothing_where_the_job_was_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("MNN")
    import keras

    pixels = keras.Input((32, 32, 3))
    resized = keras.layers.GlobalAveragePooling2D()(keras.layers.Resizing(16, 16, interpolation="bicubic")(pixels))
    model = keras.Model(pixels, keras.layers.Dense(3, activation="softmax")(resized))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match="Its converter said: "):
        MnnEngine(Network("network-of-bicubic-pixels", lambda: model))
    assert not list(tmp_path.iterdir())


def _upsampling(pixels: Any) -> Any:
    """MNN makes no session for it."""
    import keras

    maps = keras.layers.Conv2D(8, 3, strides=2)(keras.layers.UpSampling2D(2)(pixels))
    return keras.layers.GlobalAveragePooling2D()(maps)


def _attention(pixels: Any) -> Any:
    """MNN makes a session and computes nothing."""
    import keras

    tokens = keras.layers.Reshape((36, 6))(keras.layers.Conv2D(6, 8, strides=8)(pixels))
    return keras.layers.GlobalAveragePooling1D()(keras.layers.MultiHeadAttention(2, 4)(tokens, tokens))


def _reversed_channels(pixels: Any) -> Any:
    """MNN writes beyond its memory, which crashes it only now and then."""
    import keras

    return keras.layers.GlobalAveragePooling2D()(keras.layers.MaxPooling2D(2)(pixels[..., ::-1] / 255))


@pytest.mark.ci
@pytest.mark.parametrize(
    ("layers", "said"),
    [
        (_upsampling, "createSession failed"),
        (_attention, "ended with error"),
        (_reversed_channels, r"it crashes MNN \(.*\)\."),
    ],
)
def test_network_that_is_converted_and_cannot_run_is_refused_in_one_line(layers: Any, said: str) -> None:
    pytest.importorskip("MNN")
    import keras

    pixels = keras.Input((48, 48, 3))
    model = keras.Model(pixels, keras.layers.Dense(2, activation="softmax")(layers(pixels)))
    with pytest.raises(ModelError, match=rf"`engine` mnn cannot run this network: .*{said}.* Use `engine` keras\."):
        MnnEngine(Network(f"network-of{layers.__name__}", lambda: model))


def test_death_of_the_process_that_tries_a_network_is_no_fault_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("MNN")
    import keras

    monkeypatch.syspath_prepend(tmp_path)
    pixels = keras.Input((4, 4, 3), dtype="uint8")
    model = keras.Model(pixels, keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 255)(pixels)))
    for ends, code in (("os.kill(os.getpid(), signal.SIGKILL)", "-9 and said: nothing"), ("os._exit(3)", "3 and said")):
        (tmp_path / "MNN.py").write_text(f"import os, signal; {ends}")  # as where memory is short
        with pytest.raises(IncompleteError, match=f"it ended with code {code}.* If memory is short, use fewer actors"):
            check_conversion(EngineName.MNN, model, partial(first_outputs, tmp_path / "model.mnn"), Mock())


def test_network_that_mnn_goes_round_with_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("MNN")
    import keras

    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(mnn_session, "_LONGEST_S", 0.5)
    (tmp_path / "MNN.py").write_text("while True: pass")
    model = keras.Sequential([keras.Input((4, 4, 3), dtype="uint8"), keras.layers.GlobalAveragePooling2D()])
    with pytest.raises(ModelError, match="`engine` mnn cannot run this network: MNN has not ended after 0 s"):
        check_conversion(EngineName.MNN, model, partial(first_outputs, tmp_path / "model.mnn"), Mock())


@pytest.mark.ci
def test_network_of_many_classes_that_mnn_computes_otherwise_is_refused() -> None:
    """Of a thousand classes, probabilities on noise differ by 3e-5, and labels of photos all the same."""
    pytest.importorskip("MNN")
    import keras

    keras.utils.set_random_seed(3)
    pixels = keras.Input((48, 48, 3))
    scaled = keras.layers.Rescaling(1 / 255)(pixels)
    maps = keras.layers.Conv2DTranspose(8, 3, strides=2, padding="same", activation="relu")(scaled)
    classes = keras.layers.Dense(1000, activation="softmax")(keras.layers.GlobalAveragePooling2D()(maps))
    said = r"its outputs on noise differ from Keras' by up to 0\.\d+, as logarithms of probabilities, where 0\.\d+ is"
    with pytest.raises(ModelError, match=said):
        MnnEngine(Network("transposed", lambda: keras.Model(pixels, classes)))


@pytest.mark.ci
def test_network_that_mnn_gives_probabilities_where_keras_has_none_is_refused() -> None:
    pytest.importorskip("MNN")
    import keras

    keras.utils.set_random_seed(3)
    pixels = keras.Input((16, 16, 3))
    vector = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 255)(pixels))
    unit = vector / keras.ops.norm(vector, axis=1, keepdims=True)  # of black, 0 / 0
    model = keras.Model(pixels, keras.layers.Dense(2, activation="softmax")(unit))
    with pytest.raises(ModelError, match="its outputs on plain pictures are numbers where Keras' are NaN"):
        MnnEngine(Network("unit", lambda: model))


@pytest.mark.parametrize(("sizes", "mirror"), [pytest.param((), False, marks=pytest.mark.ci), ((48, 32), True)])
def test_pooled_views_as_finetune_takes_them_are_run(sizes: tuple[int, ...], mirror: bool) -> None:
    pytest.importorskip("MNN")
    import keras

    keras.utils.set_random_seed(3)
    pixels = keras.Input((None, None, 3) if sizes else (48, 48, 3))
    maps = keras.layers.Conv2D(128, 5, strides=4)(keras.layers.Rescaling(1 / 255)(pixels))
    views = Views(sizes, mirror, pooling=(ViewPooling.MEAN, ViewPooling.MAX, ViewPooling.CENTRE))
    network = pool_views(keras.Model(pixels, maps), views)
    images = np.random.default_rng(0).integers(0, 256, (3, 48, 48, 3)).astype(np.uint8)
    found = MnnEngine(Network(f"pooled-views-{mirror}", lambda: network)).score(images)
    np.testing.assert_allclose(found, network.predict_on_batch(images), atol=1e-4)


@pytest.mark.ci
def test_network_that_scores_mirror_images_too_is_run() -> None:
    """As `finetune` puts it together."""
    pytest.importorskip("MNN")
    import keras

    keras.utils.set_random_seed(3)
    pixels, features = keras.Input((24, 32, 3)), keras.Input((8,))
    maps = keras.layers.Conv2D(8, 5, strides=4)(keras.layers.Rescaling(1 / 255)(pixels))
    base = keras.Model(pixels, keras.layers.GlobalAveragePooling2D()(maps))
    head = keras.Model(features, keras.layers.Dense(2, activation="softmax")(features))
    network = put_together(base, head, flip=True)
    images = np.random.default_rng(0).integers(0, 256, (3, 24, 32, 3)).astype(np.uint8)
    turned = [put_together(base, head, flip=False).predict_on_batch(each) for each in (images, images[:, :, ::-1])]
    found = MnnEngine(Network("mirrored-too", lambda: network)).score(images)
    np.testing.assert_allclose(found, np.mean(turned, axis=0), atol=1e-5)


def test_mnn_without_the_private_converter_is_refused_with_the_engines_to_use_instead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("MNN")
    (tmp_path / "_tools.py").write_text("")  # what an MNN to come may have in its place
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(checked_conversions, "takes_uint8", lambda model: _Unconvertible())
    with pytest.raises(ModelError, match=r"cannot import name 'mnnconvert' .* Use `engine` openvino or keras"):
        MnnEngine(Network("no-converter", lambda: None))


def test_converting_leaves_the_part_of_mnn_that_reports_its_use_alone() -> None:
    pytest.importorskip("MNN")
    script = "import _tools, sys; assert not [name for name in sys.modules if name.startswith('MNN')]"
    assert "MNN" not in mnn_engine._CONVERT
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)


def test_precisions_that_it_cannot_run_are_refused_without_keras(model: Path) -> None:
    with pytest.raises(ModelError, match="Expected `precision` auto, float32 with `engine` mnn; received bfloat16"):
        _request(model, Precision.BFLOAT16).check()


def test_missing_extra_is_named(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ModelError, match=r"needs MNN: pip install 'shardscore\[mnn\]'"):
        _request(model).check()
