"""The OpenVINO engine beside Keras, and int8 beside float32; skipped without the extra."""

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scoring.arrays import Float32Array, UInt8Array
from scoring.errors import ModelError
from scoring.models.model_request import ModelRequest
from scoring.networks import openvino_engine
from scoring.networks.agreement import QUANTISED, ImageSample
from scoring.networks.conversions import conversion_folder, made_once
from scoring.networks.engines import EngineName, Network
from scoring.networks.openvino_engine import OpenVinoEngine
from scoring.networks.pooled_views import mirrored
from scoring.networks.precision import Precision
from scoring.pixels.input_shape import DEFAULT_SHAPE, InputShape

pytestmark = pytest.mark.keras


def _request(model: Path, precision: Precision, engine: EngineName = EngineName.OPENVINO) -> ModelRequest:
    return ModelRequest(str(model), None, "a,b,c", precision, "tensorflow", engine)


def _pixels(count: int, seed: int = 0) -> Any:
    """Smooth coloured pictures: noise alone leaves int8 nothing to hold on to."""
    generator = np.random.default_rng(seed)
    ramp = np.linspace(0, 1, 224)
    pictures = [
        np.outer(ramp ** generator.uniform(0.2, 3), ramp ** generator.uniform(0.2, 3))[..., None]
        * generator.uniform(60, 255, 3)
        for _ in range(count)
    ]
    return np.stack(pictures).astype(np.uint8)


def _sample(shape: InputShape = DEFAULT_SHAPE) -> ImageSample:
    return ImageSample(_pixels(24, seed=1), _pixels(24, seed=2))


@pytest.mark.ci
@pytest.mark.parametrize(("precision", "tolerance"), [(Precision.FLOAT32, 1e-5), (Precision.BFLOAT16, 0.02)])
def test_probabilities_are_those_of_keras(model: Path, precision: Precision, tolerance: float) -> None:
    pytest.importorskip("openvino")
    keras_scores = _request(model, Precision.FLOAT32, EngineName.KERAS).load().score(_pixels(5))
    classifier = _request(model, precision).load()
    np.testing.assert_allclose(classifier.score(_pixels(5)), keras_scores, atol=tolerance)
    np.testing.assert_allclose(classifier.score(_pixels(2)), keras_scores[:2], atol=tolerance)


@pytest.mark.ci
def test_second_process_takes_the_converted_network_without_building_it(model: Path) -> None:
    pytest.importorskip("openvino")
    first = _request(model, Precision.FLOAT32).load()

    def build() -> Any:
        raise AssertionError("it was converted already")

    again = OpenVinoEngine(Network(first.model_digest, build), Precision.FLOAT32)
    np.testing.assert_array_equal(again.score(_pixels(3)), first.engine.score(_pixels(3)))


@pytest.mark.ci
def test_network_that_comes_out_differently_is_refused_and_not_kept(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("openvino")
    import keras

    monkeypatch.setattr(openvino_engine, "_scores", _differently)
    different = Network("another-network-that-differs", lambda: keras.saving.load_model(model))
    with pytest.raises(ModelError, match=r"its outputs on noise differ from Keras' by up to 0\.\d+, .* Use `engine`"):
        OpenVinoEngine(different, Precision.FLOAT32)

    def build() -> Any:
        raise LookupError("it is converted again")

    with pytest.raises(LookupError, match="it is converted again"):
        OpenVinoEngine(replace(different, build=build), Precision.FLOAT32)


def test_what_an_earlier_version_converted_is_converted_again_and_what_it_quantised_is_taken() -> None:
    pytest.importorskip("openvino")
    folder = conversion_folder("an-earlier-network", openvino_engine._library())
    with made_once(folder) as temporary:
        assert temporary
        (temporary / "model.xml").touch()
    with made_once(folder / "int8-1") as temporary:
        assert temporary
        (temporary / "model.bin").write_bytes(b"weights")

    def build() -> Any:
        raise LookupError("it is converted again")

    with pytest.raises(LookupError, match="it is converted again"):
        OpenVinoEngine(Network("an-earlier-network", build), Precision.FLOAT32)
    begun = f"an-earlier-network{QUANTISED}{openvino_engine._weights_digest(folder / 'int8-1')}"
    converted = folder.with_name("by-this-version")
    assert openvino_engine._find_quantised(converted, "an-earlier-network", begun) == folder / "int8-1"


def _differently(converted: Any, precision: Precision, images: UInt8Array) -> Float32Array:
    return np.full((len(images), 3), 0.5, np.float32)


@pytest.mark.ci
def test_threads_may_use_every_core_so_that_two_workers_do_not_share_one(model: Path) -> None:
    pytest.importorskip("openvino")
    if os.cpu_count() == 1:
        pytest.skip("one core is all that there is")
    allowed, seen = os.sched_getaffinity(0), set()
    pinned_by_others = {task for task in Path("/proc/self/task").iterdir() if _cores(task) != allowed}  # MNN's
    classifier = _request(model, Precision.FLOAT32).load()
    with ThreadPoolExecutor(1) as thread:
        scored = [thread.submit(classifier.score, _pixels(16)) for _ in range(20)]
        while not scored[-1].done():  # OpenVINO lets go of its cores between batches
            for task in set(Path("/proc/self/task").iterdir()) - pinned_by_others:
                with suppress(ProcessLookupError):
                    seen.add(frozenset(_cores(task)))
    assert seen == {frozenset(allowed)}


def _cores(task: Path) -> set[int]:
    """Those that a thread may use."""
    return os.sched_getaffinity(int(task.name))


def test_int8_is_calibrated_on_the_users_images_and_says_how_far_it_is_from_float32(model: Path) -> None:
    pytest.importorskip("nncf")
    exact = _request(model, Precision.FLOAT32).load().score(_sample().to_compare)
    classifier = _request(model, Precision.INT8).load(_sample)
    scores = classifier.score(_sample().to_compare)
    assert classifier.agreement is not None
    assert classifier.agreement.num_images == 24
    assert classifier.agreement.largest_difference == pytest.approx(np.abs(scores - exact).max(), abs=1e-4)
    assert 0 < classifier.agreement.largest_difference < 0.1
    assert classifier.agreement.equal_labels == (scores.argmax(axis=1) == exact.argmax(axis=1)).mean()
    again = _request(model, Precision.INT8).load(_sample)
    assert again.model_digest == classifier.model_digest != _request(model, Precision.FLOAT32).load().model_digest
    np.testing.assert_array_equal(again.score(_pixels(3)), classifier.score(_pixels(3)))


@pytest.mark.ci
def test_int8_stays_as_it_was_when_the_run_began_though_photos_have_changed(model: Path) -> None:
    pytest.importorskip("nncf")
    first = _request(model, Precision.INT8).load(_sample)
    changed = ImageSample(_pixels(24, seed=7), _pixels(24, seed=8), first.model_digest)
    again = _request(model, Precision.INT8).load(lambda _: changed)
    assert again.model_digest == first.model_digest
    assert again.agreement == first.agreement
    np.testing.assert_array_equal(again.score(_pixels(3)), first.score(_pixels(3)))
    anew = _request(model, Precision.INT8).load(lambda _: replace(changed, earlier_model=""))
    assert anew.model_digest != first.model_digest
    elsewhere = replace(changed, earlier_model=f"{first.model_digest[:-3]}000")  # this machine has not calibrated it
    assert _request(model, Precision.INT8).load(lambda _: elsewhere).model_digest == anew.model_digest


@pytest.mark.ci
def test_int8_rounds_no_pixels_where_pictures_are_turned_round() -> None:
    """Its results are those of a network that turns them by an operation that NNCF knows nothing of."""
    pytest.importorskip("nncf")
    import keras

    keras.utils.set_random_seed(3)
    layers = [keras.layers.Rescaling(1 / 127.5, -1), keras.layers.Conv2D(8, 5, strides=4, activation="relu")]
    maps = keras.Sequential([keras.Input((48, 48, 3)), *layers])
    pixels, sample = keras.Input((48, 48, 3)), _sample().to_calibrate[:, ::4, ::4][:, :48, :48]
    found = []
    for turned in (mirrored(pixels), keras.ops.flip(pixels, axis=2)):
        views = keras.layers.Average()([maps(pixels), maps(turned)])
        network = keras.Model(pixels, keras.layers.GlobalAveragePooling2D()(views))
        there = Network(f"turned-by-{turned.name}", lambda network=network: network)  # type: ignore[misc]
        found.append(OpenVinoEngine(there, Precision.INT8, lambda _: ImageSample(sample, sample)).score(sample[:4]))
    np.testing.assert_array_equal(found[0], found[1])


def test_int8_gives_the_same_results_however_layers_are_cut(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("nncf")
    scores = {}
    for partitioner in ("STATIC", "AUTO"):
        settings = openvino_engine._SETTINGS[Precision.INT8] | {"TBB_PARTITIONER": partitioner}
        monkeypatch.setitem(openvino_engine._SETTINGS, Precision.INT8, settings)
        scores[partitioner] = _request(model, Precision.INT8).load(_sample).score(_pixels(16))
    np.testing.assert_array_equal(scores["AUTO"], scores["STATIC"])


def test_precisions_that_an_engine_cannot_run_are_refused_without_keras(model: Path) -> None:
    with pytest.raises(ModelError, match="Expected `engine` openvino with `precision` int8"):
        _request(model, Precision.INT8, EngineName.KERAS).check()
    with pytest.raises(ModelError, match="Expected `precision` auto, float32, bfloat16, int8 with `engine` openvino"):
        _request(model, Precision.FLOAT16).check()


def test_missing_extra_is_named(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ModelError, match=r"needs openvino: pip install 'shardscore\[openvino\]'"):
        _request(model, Precision.AUTO).check()
