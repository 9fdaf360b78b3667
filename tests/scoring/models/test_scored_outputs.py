"""Models of every kind of output, from their file to probabilities, or to one line."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scoring.errors import ModelError
from scoring.models.classifier import Classifier
from scoring.models.model_request import ModelRequest
from scoring.models.output_meaning import OutputMeaning
from scoring.networks import conversions
from scoring.networks.agreement import ImageSample
from scoring.networks.engines import EngineName
from scoring.networks.noise import noise
from scoring.networks.precision import Precision

pytestmark = pytest.mark.keras

_PICTURES = noise(6)
_Build = Callable[[Any, Any], Any]
_ENDS: dict[str, _Build] = {
    "softmax": lambda k, x: k.layers.Dense(2, activation="softmax")(x),
    "one logit": lambda k, x: k.layers.Dense(1)(x),
    "two logits": lambda k, x: k.layers.Dense(2)(x),
    "sigmoid": lambda k, x: k.layers.Dense(1, activation="sigmoid")(x),
    "log-softmax": lambda k, x: k.ops.log_softmax(k.layers.Dense(2)(x)),
    "tanh": lambda k, x: k.layers.Dense(2, activation="tanh")(x),
    "two sigmoids": lambda k, x: k.layers.Dense(2, activation="sigmoid")(x),
    "dictionary": lambda k, x: {"probs": k.layers.Dense(2, activation="softmax")(x)},
    "list": lambda k, x: [k.layers.Dense(2, activation="softmax")(x)],
    "two outputs": lambda k, x: {"logits": k.layers.Dense(2)(x), "age": k.layers.Dense(1)(x)},
}


def _save(folder: Path, name: str) -> Any:
    """Save a model that ends as the name says; return it."""
    import keras

    keras.utils.set_random_seed(5)
    pixels = keras.Input((224, 224, 3))
    maps = keras.layers.Conv2D(4, 32, strides=32, activation="relu")(keras.layers.Rescaling(1 / 64)(pixels))
    model = keras.Model(pixels, _ENDS[name](keras, keras.layers.GlobalAveragePooling2D()(maps)))
    model.save(folder / "model.keras")
    return model


def _load(folder: Path, labels: str = "cat,dog", sample: Any = None, **options: Any) -> Classifier:
    request = ModelRequest(
        str(folder / "model.keras"), None, labels, **{"precision": Precision.FLOAT32, "backend": "tensorflow"} | options
    )
    request.check()
    classifier = request.load(sample)
    classifier.try_out(2)
    return classifier


def _softmax(logits: Any) -> Any:
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shares / shares.sum(axis=1, keepdims=True)


def _both(second: Any) -> Any:
    return np.concatenate([1 - second, second], axis=1)


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("softmax", {}, lambda outputs: outputs),
        ("one logit", {}, lambda outputs: _both(1 / (1 + np.exp(-outputs)))),
        ("two logits", {}, _softmax),
        ("sigmoid", {}, _both),
        ("log-softmax", {}, np.exp),
        ("tanh", {"outputs": OutputMeaning.LOGITS}, _softmax),
        ("dictionary", {}, lambda outputs: outputs["probs"]),
        ("list", {}, lambda outputs: outputs),
        ("two sigmoids", {"outputs": OutputMeaning.MULTI_LABEL}, lambda outputs: outputs),
        ("two logits", {"outputs": OutputMeaning.MULTI_LABEL}, lambda outputs: 1 / (1 + np.exp(-outputs))),
        ("two outputs", {"output_name": "logits"}, lambda outputs: _softmax(outputs["logits"])),
    ],
)
def test_outputs_become_the_probabilities_that_they_mean(
    tmp_path: Path, name: str, options: dict[str, Any], expected: Any
) -> None:
    outputs = _save(tmp_path, name).predict_on_batch(_PICTURES.astype(np.float32))
    scores = _load(tmp_path, **options).score(_PICTURES)
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, expected(outputs), atol=1e-6)
    assert len(set(np.round(scores[:, 1], 4))) > 1  # it does depend on the picture


@pytest.mark.parametrize(
    ("name", "labels", "options", "message"),
    [
        ("tanh", "cat,dog", {}, "ends in tanh. Name `outputs`: probabilities, logits, sigmoid, multi-label."),
        (
            "tanh",
            "cat,dog",
            {"outputs": OutputMeaning.PROBABILITIES},
            "sum to 1 for each image; received sums from 0 to 1",
        ),
        ("two logits", "cat,dog", {"outputs": OutputMeaning.PROBABILITIES}, "If they are logits, name `outputs` log"),
        ("softmax", "cat,dog", {"outputs": OutputMeaning.LOGITS}, "probabilities; received logits. Leave `outputs`"),
        ("two sigmoids", "cat,dog", {}, "If several may be true of one image, name `outputs` multi-label; else"),
        ("softmax", "cat,dog", {"outputs": OutputMeaning.MULTI_LABEL}, "received multi-label. Leave `outputs`"),
        ("sigmoid", "cat,dog", {"outputs": OutputMeaning.MULTI_LABEL}, "Expected several outputs for `outputs` mul"),
        ("sigmoid", "dog", {}, "Expected two `labels`, such as no-dog,dog, for the one output of"),
        ("two logits", "a,b,c", {}, "Expected 2 `labels`, one per output of"),
        ("two outputs", "cat,dog", {}, "which has the outputs age, logits; received none"),
        ("two outputs", "cat,dog", {"output_name": "breed"}, "to be one of age, logits of"),
    ],
)
def test_what_is_no_probability_is_refused_in_one_line(
    tmp_path: Path, name: str, labels: str, options: dict[str, Any], message: str
) -> None:
    _save(tmp_path, name)
    with pytest.raises(ModelError) as refused:
        _load(tmp_path, labels, **options)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_batch_that_contradicts_what_pictures_showed_is_refused(tmp_path: Path) -> None:
    """Such a shard is missing, and named, rather than written."""
    _save(tmp_path, "tanh")
    request = ModelRequest(
        str(tmp_path / "model.keras"),
        None,
        "cat,dog",
        Precision.FLOAT32,
        "tensorflow",
        outputs=OutputMeaning.PROBABILITIES,
    )
    with pytest.raises(ModelError, match="sum to 1 for each image; received sums from 1"):
        request.load().score(_PICTURES)


@pytest.mark.ci
@pytest.mark.parametrize("engine", [EngineName.OPENVINO, EngineName.MNN])
def test_converted_networks_tell_their_outputs_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: EngineName
) -> None:
    """Also when they are loaded again, and when an earlier version converted them."""
    pytest.importorskip("openvino" if engine is EngineName.OPENVINO else "MNN")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    outputs = _save(tmp_path, "two logits").predict_on_batch(_PICTURES.astype(np.float32))
    for again in range(3):
        if again == 2:
            [note] = (tmp_path / "home").rglob(conversions._LAST_ACTIVATION)
            note.unlink()
        scores = _load(tmp_path, engine=engine).score(_PICTURES)
        np.testing.assert_allclose(scores, _softmax(outputs), atol=1e-4)


@pytest.mark.ci
def test_int8_is_compared_with_float32_by_labels_and_probabilities(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of one logit there is nothing to choose between, and it has no upper end."""
    pytest.importorskip("nncf")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    _save(tmp_path, "one logit")
    exact = _load(tmp_path, engine=EngineName.OPENVINO).score(noise(12))
    quantised = _load(
        tmp_path,
        sample=lambda shape: ImageSample(noise(12, shape), noise(12, shape)),
        engine=EngineName.OPENVINO,
        precision=Precision.INT8,
    )
    scores = quantised.score(noise(12))
    assert quantised.agreement is not None
    assert quantised.agreement.equal_labels == (scores.argmax(axis=1) == exact.argmax(axis=1)).mean()
    assert quantised.agreement.largest_difference == pytest.approx(np.abs(scores - exact).max(), abs=1e-4)


@pytest.mark.ci
def test_int8_of_labels_that_stand_by_themselves_is_compared_label_by_label(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("nncf")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    _save(tmp_path, "two sigmoids")
    options = {"engine": EngineName.OPENVINO, "outputs": OutputMeaning.MULTI_LABEL}
    exact = _load(tmp_path, **options).score(noise(12))
    sample = ImageSample(noise(12), noise(12))
    quantised = _load(tmp_path, sample=lambda shape: sample, precision=Precision.INT8, **options)
    scores = quantised.score(noise(12))
    assert quantised.agreement is not None
    assert quantised.agreement.equal_labels == ((scores >= 0.5) == (exact >= 0.5)).mean()


def test_probabilities_that_were_logits_have_a_digest_of_their_own(tmp_path: Path) -> None:
    """An earlier version wrote the logits themselves: a folder must not hold both."""
    _save(tmp_path, "tanh")
    told = {
        meaning: ModelRequest(
            str(tmp_path / "model.keras"), None, "cat,dog", Precision.FLOAT32, "tensorflow", outputs=meaning
        )
        for meaning in (OutputMeaning.LOGITS, OutputMeaning.PROBABILITIES, OutputMeaning.MULTI_LABEL)
    }
    digests = {meaning: request.load().model_digest for meaning, request in told.items()}
    assert digests[OutputMeaning.LOGITS] == f"{digests[OutputMeaning.PROBABILITIES]}:from-logits"
    assert digests[OutputMeaning.MULTI_LABEL] == f"{digests[OutputMeaning.PROBABILITIES]}:multi-label"
    _save(tmp_path, "two outputs")
    plain = _load(tmp_path, output_name="logits").model_digest
    assert plain != _load(tmp_path, "no,yes", output_name="age").model_digest


@pytest.mark.parametrize("end", ["softmax", "list", "dictionary"])
def test_the_name_of_the_only_output_changes_nothing(tmp_path: Path, end: str) -> None:
    """A run begun without it is continued with it."""
    model = _save(tmp_path, end)
    name = "probs" if end == "dictionary" else model.output_names[0]
    assert _load(tmp_path, output_name=name).model_digest == _load(tmp_path).model_digest
    with pytest.raises(ModelError, match="to be one of"):
        _load(tmp_path, output_name="other")


def test_the_name_of_a_sequential_models_output_or_of_a_nested_one_changes_nothing(tmp_path: Path) -> None:
    import keras

    pixels, path = keras.Input((224, 224, 3)), tmp_path / "model.keras"
    layers = [keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(2, activation="softmax", name="probs")]
    for model, name in (
        (keras.Sequential([pixels, *layers]), "probs"),
        (keras.Model(pixels, [[layers[1](layers[0](pixels))]]), "probs"),
    ):
        model.save(path)
        assert _load(tmp_path, output_name=name).model_digest == _load(tmp_path).model_digest


def test_labels_may_be_a_file_that_every_node_must_see(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _save(tmp_path, "softmax")
    (tmp_path / "class_indices.json").write_text(json.dumps({"dog": 1, "cat": 0}))
    assert _load(tmp_path, str(tmp_path / "class_indices.json")).labels == ("cat", "dog")
    monkeypatch.chdir(tmp_path)
    request = ModelRequest("model.keras", None, "class_indices.json", Precision.FLOAT32, "tensorflow").absolute()
    assert set(request.files()) == {"model", "labels"}
    assert request.labels == str(tmp_path / "class_indices.json")
    assert request.load().labels == ("cat", "dog")
