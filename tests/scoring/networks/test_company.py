"""A network that lets images of a batch shape each other's outputs is refused, unless it is published."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import keras
import numpy as np
import pytest

from scoring.arrays import UInt8Array
from scoring.errors import ModelError
from scoring.finetuning.features import FeatureRequest
from scoring.models.embedding import EmbeddingRequest, EmbeddingType
from scoring.models.model_request import ModelRequest
from scoring.models.output_meaning import OutputMeaning
from scoring.networks.base_request import BaseRequest
from scoring.networks.company import Company, note_change_below, noted_change_below
from scoring.networks.engines import EngineName
from scoring.networks.keras_engine import KerasEngine
from scoring.networks.precision import Precision
from tests.fakes import FakeEngine

pytestmark = pytest.mark.keras

ops, layers = keras.ops, keras.layers
_EACH_BY_ITSELF: dict[str, Callable[[Any], Any]] = {
    "layers": lambda x: layers.BatchNormalization()(layers.Normalization(mean=0, variance=9)(x)),
    "as caffe has it": lambda x: x[..., ::-1] - 100.0,
    "a part of each": lambda x: x[:, 2:6],
    "its own maximum": lambda x: x / ops.maximum(ops.max(x, axis=(1, 2, 3), keepdims=True), 1.0),
    "attention along its rows": lambda x: layers.MultiHeadAttention(1, 2, attention_axes=(1,))(x, x),
    "its mirror image": lambda x: layers.Concatenate()([x, ops.flip(x, axis=2)]),
    "each reshaped": lambda x: ops.reshape(x, (-1, 8, 24)),
    "axes of each": lambda x: ops.transpose(x, (0, 2, 1, 3)),
    "gates of its own": lambda x: layers.Multiply()([x, layers.GlobalAveragePooling2D(keepdims=True)(x)]),
}
_TOGETHER: dict[str, Callable[[Any], Any]] = {
    "the maximum of all": lambda x: x / ops.maximum(ops.max(x), 1.0),
    "the mean of a batch": lambda x: x - ops.mean(x, axis=0, keepdims=True),
    "a layer along the batch": lambda x: layers.UnitNormalization(axis=0)(x),
    "attention along the batch": lambda x: layers.MultiHeadAttention(1, 2, attention_axes=(0,))(x, x),
    "the loudest of all": lambda x: layers.MelSpectrogram(64, num_mel_bins=8, top_db=9.0)(layers.Flatten()(x)) / 99.0,
    "the first image": lambda x: x - ops.expand_dims(x[0], 0),
    "the batch turned round": lambda x: ops.flip(x, axis=0),
    "the largest of means": lambda x: x / ops.max(ops.mean(x, axis=(1, 2, 3)), axis=-1),
    "numbers of others in its columns": lambda x: x[:, :4] * layers.GlobalAveragePooling2D()(x)[:, None] / 999.0,
    "as much of them as certainty hides": lambda x: x[:, :4] * layers.GlobalAveragePooling2D()(x)[:, None],
    "the place of each": lambda x: x / 99.0 + 0.3 * ops.cumsum(ops.ones_like(x), axis=0),
    "how many there are": lambda x: x / 99.0 + 0.3 * ops.sum(ops.ones_like(x), axis=0, keepdims=True),
    "whether it is alone": lambda x: x / 99.0 * (1 + ops.cast(ops.sum(ops.ones_like(x[:, 0, 0, 0])) < 2, "float32")),
    "attention to all": lambda x: layers.Attention()([layers.Flatten()(x) / 9.0] * 2),
}


def _save(path: Path, change: Callable[[Any], Any]) -> str:
    keras.utils.set_random_seed(1)
    pixels = keras.Input((8, 8, 3))
    hidden = layers.Dense(4, activation="relu", name="hidden")(layers.Flatten()(change(pixels)))
    keras.Model(pixels, layers.Dense(2, activation="softmax", name="classes")(hidden)).save(path)
    return str(path)


def _requests(path: str, engine: EngineName = EngineName.KERAS) -> list[Any]:
    precision, backend = Precision.FLOAT32, "tensorflow"
    base = BaseRequest(path)
    return [
        ModelRequest(path, None, "cat,dog", precision, backend, engine),
        EmbeddingRequest(base, EmbeddingType.FLOAT32, precision, backend, engine),
        FeatureRequest(base, flip=False, precision=precision, backend=backend, engine=engine),
    ]


@pytest.mark.parametrize("name", _EACH_BY_ITSELF)
def test_network_that_sees_each_image_by_itself_is_taken(tmp_path: Path, name: str) -> None:
    for request in _requests(_save(tmp_path / "m.keras", _EACH_BY_ITSELF[name])):
        model = request.load(Mock())
        for batch_size in (1, 2, 16):
            model.try_out(batch_size)


@pytest.mark.parametrize("name", _TOGETHER)
def test_images_that_shape_each_others_outputs_are_refused_by_every_command(tmp_path: Path, name: str) -> None:
    path = _save(tmp_path / "m.keras", _TOGETHER[name])
    for request in _requests(path):
        model = request.load(Mock())
        with pytest.raises(ModelError, match=r"Expected a network that sees each image by itself; .* change by up to"):
            model.try_out(4)


@pytest.mark.parametrize("offset", [0, 3000])
def test_large_outputs_do_not_hide_what_others_shape(tmp_path: Path, offset: int) -> None:
    """Neither a bias of all logits does, nor one feature among many that is larger than all others."""
    keras.utils.set_random_seed(1)
    pixels = keras.Input((8, 8, 3))
    features = layers.Dense(20, activation="relu")(layers.Flatten()(pixels / 255.0))
    mixed = features / ops.max(features)
    total = ops.sum(pixels, axis=(1, 2, 3))[:, None] * (offset > 0)
    named = layers.Activation("linear", name="hidden")(ops.concatenate([mixed, total], axis=-1))
    bias = keras.initializers.Constant(offset)
    logits = layers.Dense(3, bias_initializer=bias, kernel_initializer="ones", name="classes")
    keras.Model(pixels, logits(5 * named[:, :-1])).save(tmp_path / "m.keras")
    for request in _requests(str(tmp_path / "m.keras")):
        labelled = replace(request, labels="a,b,c") if isinstance(request, ModelRequest) else request
        with pytest.raises(ModelError, match="sees each image by itself"):
            labelled.load(Mock()).try_out(4)


@pytest.mark.parametrize("batch_size", [2, 3, 5])
def test_network_that_turns_its_batch_round_is_refused_in_batches_of_every_size(
    tmp_path: Path, batch_size: int
) -> None:
    scorer = _requests(_save(tmp_path / "m.keras", ops.flip))[0].load(Mock())
    with pytest.raises(ModelError, match="sees each image by itself"):
        scorer.try_out(batch_size)


_CERTAIN: dict[str, Callable[[Any], Any]] = {
    "two views": lambda x: layers.Average()([ops.sigmoid(x), ops.sigmoid(2 * x)]),
    "no and yes": lambda x: (lambda yes: layers.Concatenate()([1 - yes, yes]))(ops.sigmoid(x[:, :1])),
    "clipped": lambda x: ops.clip(ops.hard_sigmoid(x), 0.001, 0.999),
    "below a head": lambda x: layers.Dense(2)(layers.Activation("tanh")(x)),
}


@pytest.mark.parametrize("name", _CERTAIN)
def test_certainty_hides_no_others_wherever_it_stands(tmp_path: Path, name: str) -> None:
    """Of such a network, a grey image is of one class beside others like it, and of another one beside a white one."""
    pixels = keras.Input((8, 8, 3))
    level = layers.GlobalAveragePooling2D()(pixels)[:, :2]
    keras.Model(pixels, _CERTAIN[name](1e3 * (level - ops.max(level) / 2))).save(tmp_path / "m.keras")
    request = replace(_requests(str(tmp_path / "m.keras"))[0], outputs=OutputMeaning.MULTI_LABEL)
    model = request.load(Mock())
    with pytest.raises(
        ModelError, match=r"outputs of .*m.keras, before any softmax, .* change by up to .*`batch_size` 1\."
    ):
        model.try_out(4)
    model.try_out(1)


def test_what_another_library_or_another_trial_answered_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scoring.networks.conversions.cache_folder", lambda: tmp_path)
    engine = FakeEngine()
    company = Company(engine, 4, Precision.FLOAT32, "m")
    for library, trial, is_asked in (("a", "x", True), ("a", "x", False), ("b", "x", True), ("b", "y", True)):
        engine.library = library
        monkeypatch.setattr("scoring.networks.company.TRIED", trial)
        engine.shapes.clear()
        company.check("digest")
        assert bool(engine.shapes) is is_asked


def test_network_that_takes_one_size_of_batch_alone_is_taken_whatever_a_library_says_of_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = KerasEngine.begin

    def begun(engine: KerasEngine, images: UInt8Array) -> Any:
        if len(images) != 4:
            raise RuntimeError("shape '[4, 192]' is invalid")  # torch's word
        return begin(engine, images)

    monkeypatch.setattr(KerasEngine, "begin", begun)
    _requests(_save(tmp_path / "m.keras", _EACH_BY_ITSELF["layers"]))[0].load(Mock()).try_out(4)


def test_a_conversion_tells_what_keras_saw_of_it_and_a_batch_of_one_image_is_taken(tmp_path: Path) -> None:
    _save(tmp_path / "m.keras", _TOGETHER["as much of them as certainty hides"])
    note_change_below(keras.saving.load_model(tmp_path / "m.keras"), tmp_path)
    engine = FakeEngine()
    engine.change_below = noted_change_below(tmp_path)
    company = Company(engine, 2, Precision.FLOAT32, "m")
    with pytest.raises(ModelError, match=r"of m, before any softmax, .*, or use `batch_size` 1\."):
        company.check("digest")
    replace(company, batch_size=1).check("digest")
    with pytest.raises(ModelError, match=r"of m, before any softmax, .* over all axes\."):
        replace(company, batch_size=1, in_any_batch=True).check("digest")


def test_batch_of_one_image_has_no_others_but_a_head_outlives_it(tmp_path: Path) -> None:
    path = _save(tmp_path / "m.keras", _TOGETHER["the maximum of all"])
    embedder, extractor = (request.load(Mock()) for request in _requests(path)[1:])
    with pytest.raises(ModelError, match=r"over all axes, or use `batch_size` 1\."):
        embedder.try_out(2)
    with pytest.raises(ModelError, match=r"over all axes\."):
        extractor.try_out(1)
    embedder.try_out(1)
    images = np.stack([np.full((8, 8, 3), level, np.uint8) for level in (40, 200)])
    assert np.allclose(*(embedder.score(image[None]) for image in images)), "each is as bright as its own maximum"
    assert not np.allclose(*embedder.score(images))


def _one_row(x: Any) -> Any:
    """Takes a whole batch for one image, as a reshape of an input of one image does."""
    return ops.reshape(x, (1, -1, 3))


def _two_rows(x: Any) -> Any:
    """Patches of an image, which are what the network takes for images."""
    return ops.reshape(x, (-1, 32, 3))


def _save_pooled(path: Path, change: Callable[[Any], Any]) -> str:
    pixels = keras.Input((8, 8, 3), 1 if change is _one_row else None)
    hidden = layers.Dense(4, name="hidden")(layers.GlobalAveragePooling1D()(change(pixels)))
    keras.Model(pixels, layers.Dense(2, activation="softmax")(hidden)).save(path)
    return str(path)


@pytest.mark.parametrize(("change", "num_rows"), [(_one_row, 1), (_two_rows, 32)])
def test_network_of_another_number_of_rows_than_images_is_refused(
    tmp_path: Path, change: Callable[[Any], Any], num_rows: int
) -> None:
    scorer, embedder, extractor = (
        request.load(Mock()) for request in _requests(_save_pooled(tmp_path / "m.keras", change))
    )
    advice = r"Use `batch_size` 1, or save" if num_rows == 1 else "Save"
    for model in (scorer, embedder):
        with pytest.raises(
            ModelError, match=rf"a row of outputs for each image; .* returns {num_rows} for a batch of 16\. {advice} it"
        ):
            model.try_out(16)
    with pytest.raises(ModelError, match=r"for a batch of 2\. Save it"):
        extractor.try_out(1)


def test_rows_of_the_parts_of_one_image_are_refused_and_one_row_of_one_image_is_taken(tmp_path: Path) -> None:
    for request in _requests(_save_pooled(tmp_path / "two.keras", _two_rows))[:2]:
        with pytest.raises(ModelError, match=r"returns 2 for a batch of 1\. Save it"):
            request.load().try_out(1)
    for request in _requests(_save_pooled(tmp_path / "one.keras", _one_row))[:2]:
        request.load().try_out(1)


@pytest.mark.ci
@pytest.mark.parametrize("name", ["the maximum of all", "as much of them as certainty hides", "how many there are"])
def test_a_converted_network_is_refused_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    pytest.importorskip("openvino")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    path = _save(tmp_path / "m.keras", _TOGETHER[name])
    for _ in range(2):  # the second time it is there
        model = _requests(path, EngineName.OPENVINO)[0].load(Mock())
        with pytest.raises(ModelError, match="sees each image by itself"):
            model.try_out(4)
        model.try_out(1)


@pytest.mark.parametrize(("batch_size", "is_refused"), [(4, False), (8, True)])
def test_outputs_that_are_others_in_large_batches_than_in_those_compared_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch_size: int, is_refused: bool
) -> None:
    """MNN keeps what is not a number in batches of 24 and more, and drops it in smaller ones."""

    class Dropping(FakeEngine):
        def score(self, images: UInt8Array) -> Any:
            outputs = super().score(images)
            return np.where((images.max(axis=(1, 2, 3)) == 0)[:, None] & (len(images) > 4), np.nan, outputs)

    monkeypatch.setattr("scoring.networks.conversions.cache_folder", lambda: tmp_path)
    engine = Dropping()
    engine.compared_in = 4
    company = Company(engine, batch_size, Precision.FLOAT32, "m")
    if is_refused:
        with pytest.raises(
            ModelError, match=r"computes others in batches of 8\. Use `batch_size` 4, or `engine` keras\."
        ):
            company.check("digest")
    else:
        company.check("digest")
