import json
import re
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scoring.errors import ModelError
from scoring.finetuning.features import FeatureRequest
from scoring.models.embedding import EmbeddingRequest, EmbeddingType
from scoring.models.finetuned_network import finetuned_network
from scoring.models.model_folder import ModelFolder
from scoring.models.model_request import ModelRequest
from scoring.models.training_record import TrainedBase, load_training_record, save_training_record
from scoring.networks import engine_choice, keras_import
from scoring.networks.base_networks import base_of
from scoring.networks.base_request import BaseRequest
from scoring.networks.engines import EngineName
from scoring.networks.imagenet import NUM_CLASSES
from scoring.networks.keras_files import keras_digest
from scoring.networks.precision import Precision
from scoring.networks.vgg16 import vgg16_digest
from scoring.storage.downloads import file_digest
from scoring.storage.locations import Url
from tests.runs import cats_and_dogs, write_model

_HDF5 = b"\x89HDF\r\n\x1a\nweights"


def _request(model: object, labels: str | None = "cat,dog", **options: Any) -> ModelRequest:
    return ModelRequest(
        str(model),
        **{"weights": None, "precision": Precision.FLOAT32, "backend": "tensorflow", "labels": labels} | options,
    )


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (
            _request("vgg17"),
            "another classifier of keras.applications (vgg19, vgg16), a .keras file, here or on a hub, or a folder",
        ),
        (_request("nowhere.keras"), "does not exist"),
        (_request("vgg16-cats-dogs", None, weights="nowhere.h5"), "nowhere.h5 is no file"),
        (_request("resnet50", None, weights=__file__), "test_model_request.py. Save them whole"),
        (_request("vgg16-cats-dogs", "mine,rock"), "has the labels cat,dog"),
        (_request("vgg16-imagenet", "cat,dog"), "imagenet_class_index.json; cat,dog is no file"),
    ],
)
def test_request_that_cannot_be_met_is_refused_without_keras(request_: ModelRequest, message: str) -> None:
    with pytest.raises(ModelError) as refused:
        request_.check()
    assert message in str(refused.value)


@pytest.mark.parametrize("engine", EngineName)
def test_network_that_keras_does_not_build_on_a_backend_is_refused_without_keras(engine: EngineName) -> None:
    if engine is not EngineName.KERAS:
        pytest.importorskip(engine.upper() if engine is EngineName.MNN else engine)
    base = BaseRequest("vgg16", "random", further=(BaseRequest("nasnetmobile", "random"),))
    for backend in ("torch", "jax"):
        asked = {"precision": Precision.FLOAT32, "backend": backend, "engine": engine}
        requests: tuple[ModelRequest | FeatureRequest | EmbeddingRequest, ...] = (
            *(_request(name, None, weights="random", **asked) for name in ("nasnetmobile", "nasnetmobile-imagenet")),
            FeatureRequest(base, flip=False, **asked),  # type: ignore[arg-type]
            EmbeddingRequest(base.further[0], EmbeddingType.FLOAT16, **asked),  # type: ignore[arg-type]
        )
        for request in requests:
            if backend == "jax":
                request.check()
                continue
            with pytest.raises(ModelError, match=r"another backend than torch with nasnetmobile.*`KERAS_BACKEND` out"):
                request.check()


@pytest.mark.keras
def test_no_other_network_is_without_a_backend_in_keras() -> None:
    import keras

    folder = Path(keras.__file__).parent / "src" / "applications"
    sources = "".join(path.read_text() for path in folder.glob("*.py"))
    refused = re.findall(r"\w+ is not available with the \w+ backend", sources)
    assert refused == ["NASNetMobile is not available with the torch backend"]


@pytest.mark.parametrize(
    "entry", ["tench", ["tench"], ["n00000000", 1], ["n00000000", "tench", 0.9]], ids=["name", "one", "number", "three"]
)
def test_labels_of_a_published_network_that_are_no_class_index_are_refused_without_keras(
    tmp_path: Path, entry: Any
) -> None:
    """A name alone, as `id2label` has it, made its second letter the label."""
    labels = tmp_path / "labels.json"
    labels.write_text(json.dumps({str(index): entry for index in range(NUM_CLASSES)}))
    with pytest.raises(ModelError, match=r"Expected Keras' imagenet_class_index\.json, .*; .*labels\.json is not"):
        _request("resnet50", labels=str(labels)).check()


@pytest.mark.parametrize("wnids", [range(999, -1, -1), range(1001), [0, *range(999)]], ids=["order", "1,001", "twice"])
def test_labels_of_other_classes_than_a_published_network_has_are_refused(tmp_path: Path, wnids: Sequence[int]) -> None:
    """ImageNet's development kit has the same classes in another order, other collections have more."""
    labels = tmp_path / "labels.json"
    labels.write_text(json.dumps({str(n): [f"n{wnid:08d}", f"class {wnid}"] for n, wnid in enumerate(wnids)}))
    with pytest.raises(ModelError, match=f"1,000 classes in the order of their wnids.* {len(wnids):,} in another"):
        _request("resnet50", labels=str(labels)).check()


@pytest.mark.parametrize(("name", "message"), [(" ", r"labels\.json is not"), ("\ud800", "to be text")])
def test_labels_of_a_published_network_are_text(tmp_path: Path, name: str, message: str) -> None:
    labels = tmp_path / "labels.json"
    classes = {str(index): [f"n{index:08d}", f"class {index}"] for index in range(NUM_CLASSES)}
    labels.write_text(json.dumps(classes))
    _request("resnet50", labels=str(labels)).check()
    labels.write_text(json.dumps(classes | {"7": ["n00000007", name]}))
    with pytest.raises(ModelError, match=message):
        _request("resnet50", labels=str(labels)).check()


@pytest.mark.parametrize("labels", [None, "cat,cat", "cat,", ""])
def test_labels_must_be_different_names(tmp_path: Path, labels: str | None) -> None:
    zipfile.ZipFile(tmp_path / "model.keras", "w").close()
    with pytest.raises(ModelError, match="Expected `labels`"):
        _request(tmp_path / "model.keras", labels).check()


@pytest.mark.parametrize("head_only", [False, True])
def test_model_folder_in_a_bucket_is_the_network_that_it_is_on_disk(
    bucket: Url, tmp_path: Path, head_only: bool
) -> None:
    """Its files are copied here when it is looked at; Keras is not needed for that."""
    folder = ModelFolder(write_model(tmp_path / "model", cats_and_dogs(24)))
    with zipfile.ZipFile(tmp_path / "model" / ("head.keras" if head_only else "model.keras"), "w") as archive:
        archive.writestr("config.json", "{}")
    base = TrainedBase(BaseRequest(weights="random"), vgg16_digest("random"))
    training = replace(load_training_record(folder), base=base, head_only=head_only)
    save_training_record(folder, training)
    for path in (tmp_path / "model").glob("*.*"):
        (bucket / "model" / path.name).upload(path)
    request = _request(bucket / "model", labels=None)
    request.check()
    assert request.files() == {"model": bucket / "model" / "training.json"}
    there = finetuned_network(ModelFolder(bucket / "model"), training, None)
    assert there.digest == finetuned_network(folder, training, None).digest


def test_file_that_keras_did_not_save_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.keras").write_text("pickle")
    with pytest.raises(ModelError, match="saved by Keras 3"):
        _request(tmp_path / "model.keras").check()


def test_model_and_weights_in_a_bucket_are_checked_there_and_stay_urls(bucket: Url, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "model.keras", "w") as archive:
        archive.writestr("config.json", "{}")
    (bucket / "model.keras").upload(tmp_path / "model.keras")
    (bucket / "vgg16.h5").write_bytes(_HDF5)
    for sound in (
        _request(bucket / "model.keras"),
        _request("vgg16-cats-dogs", weights=str(bucket / "vgg16.h5")),
    ):
        sound.check()
        assert sound.absolute() == sound
    copies = base_of(BaseRequest(str(bucket / "model.keras"))).digest(), vgg16_digest(str(bucket / "vgg16.h5"))
    (tmp_path / "vgg16.h5").write_bytes(_HDF5)
    assert copies == (keras_digest(tmp_path / "model.keras"), file_digest(tmp_path / "vgg16.h5"))
    for model, weights, message in (
        (f"{bucket}/gone.keras", None, "does not exist"),
        (f"{bucket}/vgg16.h5", None, "Expected `model` to be"),
        ("vgg16-cats-dogs", f"{bucket}/gone.h5", "is no file"),
    ):
        with pytest.raises(ModelError, match=message):
            _request(model, weights=weights).check()


def test_paths_become_absolute_for_workers_that_started_elsewhere() -> None:
    request = _request("../models/m.keras").absolute()
    assert Path(request.model).is_absolute()
    assert (request.weights, request.labels) == (None, "cat,dog")
    request = _request("vgg16-imagenet", "index.json", weights="w.h5").absolute()
    assert request.model == "vgg16-imagenet"
    assert Path(str(request.weights)).is_absolute()
    assert Path(str(request.labels)).is_absolute()
    assert _request("vgg16-cats-dogs", None, weights="random").absolute().weights == "random"


def _save(path: Path, *layers: Any, input_shape: tuple[int, ...] = (224, 224, 3)) -> Path:
    import keras

    keras.Sequential([keras.Input(input_shape), *layers]).save(path)
    return path


def _brightness(path: Path, outputs: int, activation: str, seed: int = 3) -> Path:
    """A model whose outputs depend on the mean colour of an image."""
    import keras

    keras.utils.set_random_seed(seed)
    return _save(
        path,
        keras.layers.Rescaling(1 / 255),
        keras.layers.Conv2D(4, 8, strides=8),
        keras.layers.GlobalAveragePooling2D(),
        keras.layers.Dense(outputs, activation=activation),
    )


def _grey(*levels: int) -> Any:
    return np.stack([np.full((224, 224, 3), level, np.uint8) for level in levels])


@pytest.mark.keras
def test_softmax_classifier_gives_its_probabilities(tmp_path: Path) -> None:
    import keras

    path = _brightness(tmp_path / "model.keras", 3, "softmax")
    classifier = _request(path, "a,b,c").load()
    expected = keras.saving.load_model(path).predict_on_batch(_grey(0, 99, 255).astype(np.float32))
    np.testing.assert_allclose(classifier.score(_grey(0, 99, 255)), expected, atol=1e-6)


@pytest.mark.ci
@pytest.mark.keras
@pytest.mark.parametrize("engine", EngineName)
def test_a_file_that_is_saved_anew_while_it_is_loaded_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: EngineName
) -> None:
    """Rows of one network under the digest of another; a converted one would be kept under it."""
    pytest.importorskip({EngineName.MNN: "MNN"}.get(engine, str(engine)))
    model, images = _brightness(tmp_path / "model.keras", 3, "softmax"), _grey(0, 99, 255)
    earlier = model.read_bytes()
    request = _request(model, "a,b,c", engine=engine)

    def import_keras(backend: str) -> None:
        keras_import.import_keras(backend)
        _brightness(model, 3, "softmax", seed=4)

    with monkeypatch.context() as patch, pytest.raises(ModelError, match=r"replaced meanwhile\. Run again"):
        patch.setattr(engine_choice, "import_keras", import_keras)
        request.load()
    model.write_bytes(earlier)
    exact = _request(model, "a,b,c").load().score(images)
    np.testing.assert_allclose(request.load().score(images), exact, atol=1e-5)


@pytest.mark.keras
def test_sigmoid_is_the_probability_of_the_second_label(tmp_path: Path) -> None:
    import keras

    path = _brightness(tmp_path / "model.keras", 1, "sigmoid")
    second = keras.saving.load_model(path).predict_on_batch(_grey(0, 255).astype(np.float32))
    scores = _request(path).load().score(_grey(0, 255))
    np.testing.assert_allclose(scores, np.concatenate([1 - second, second], axis=1), atol=1e-6)


@pytest.mark.keras
@pytest.mark.parametrize("precision", [Precision.BFLOAT16, Precision.FLOAT16])
def test_reduced_precision_stays_near_float32_and_sums_to_one_in_float32(tmp_path: Path, precision: Precision) -> None:
    path = _brightness(tmp_path / "model.keras", 3, "softmax")
    exact = _request(path, "a,b,c").load().score(_grey(0, 99, 255))
    scores = _request(path, "a,b,c", precision=precision).load().score(_grey(0, 99, 255))
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(scores, exact, atol=0.02)
    assert not np.array_equal(scores, exact)


@pytest.mark.keras
def test_labels_that_do_not_match_the_outputs_are_refused(tmp_path: Path) -> None:
    path = _brightness(tmp_path / "model.keras", 3, "softmax")
    with pytest.raises(ModelError, match=r"Expected 3 `labels`, one per output of .*; received 2: cat,dog"):
        _request(path).load()


@pytest.mark.keras
def test_model_of_other_pixels_is_refused(tmp_path: Path) -> None:
    import keras

    layers = (keras.layers.Flatten(), keras.layers.Dense(2))
    path = _save(tmp_path / "model.keras", *layers, input_shape=(3, 32, 32))
    with pytest.raises(ModelError, match=r"with 1 or 3 channels, which go last; .* inputs of shape \(None, 3, 32, 32"):
        _request(path).load()


@pytest.mark.keras
def test_lambda_layer_is_refused(tmp_path: Path) -> None:
    import keras

    layers = (keras.layers.Lambda(lambda x: x, name="scale"), keras.layers.GlobalAveragePooling2D())
    path = _save(tmp_path / "model.keras", *layers)
    said = r"in Keras' safe mode: it has Python code in Lambda layers \(scale\), which is not run\. Use layers of"
    with pytest.raises(ModelError, match=said) as refused:
        _request(path, "a,b,c").load()
    assert "\n" not in str(refused.value)


@pytest.mark.keras
@pytest.mark.filterwarnings("ignore:The object being serialized includes a `lambda`:UserWarning")
def test_what_keras_would_run_if_it_were_trusted_is_refused_without_its_advice(tmp_path: Path) -> None:
    """Nobody can pass `safe_mode` here."""
    import keras

    keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(2)]).export(
        tmp_path / "saved", verbose=False
    )
    other = keras.layers.TFSMLayer(str(tmp_path / "saved"), call_endpoint="serve", name="other")
    path = _save(tmp_path / "tfsm.keras", other, input_shape=(8, 8, 3))
    with pytest.raises(
        ModelError, match=r"its TFSMLayer \(other\) is a SavedModel .* outside of it, which is not run\. Save"
    ):
        _request(path).load()
    layers = (keras.layers.Flatten(), keras.layers.Dense(2, activation=lambda x: x))
    path = _save(tmp_path / "lambda.keras", *layers, input_shape=(8, 8, 3))
    with pytest.raises(ModelError, match=r"it has a Python lambda, as in .*, which is not run\. Use layers of Keras'"):
        _request(path).load()


@pytest.mark.keras
def test_a_class_of_keras_hub_is_told_with_what_brings_it(tmp_path: Path) -> None:
    import keras

    path, written = tmp_path / "model.keras", tmp_path / "written.keras"
    _save(written, keras.layers.Flatten(), keras.layers.Dense(2), input_shape=(8, 8, 3))
    with zipfile.ZipFile(written) as archive, zipfile.ZipFile(path, "w") as copy:
        for name in archive.namelist():
            content = archive.read(name)
            if name == "config.json":
                of_flatten = b'"module": "keras.layers", "class_name": "Flatten"'
                content = content.replace(of_flatten, of_flatten.replace(b"keras.layers", b"keras_hub.src.none"))
            copy.writestr(name, content)
    said = r"its class Flatten is of keras-hub, which cannot be imported here: pip install -U keras-hub\.$"
    with pytest.raises(ModelError, match=said):
        _request(path).load()


@pytest.mark.parametrize("head_only", [False, True])
def test_network_that_another_model_folder_was_written_with_is_refused(tmp_path: Path, head_only: bool) -> None:
    folder = ModelFolder(write_model(tmp_path / "model", cats_and_dogs(24)))
    zipfile.ZipFile(tmp_path / "base.keras", "w").close()
    with zipfile.ZipFile(tmp_path / "model" / ("head.keras" if head_only else "model.keras"), "w") as archive:
        archive.writestr("config.json", "{}")
    base = TrainedBase(BaseRequest(str(tmp_path / "base.keras")), keras_digest(tmp_path / "base.keras"))
    training = replace(load_training_record(folder), base=base, head_only=head_only, network="another")
    with pytest.raises(ModelError, match=r"training\.json describes; .*\.keras is another\. Run the same"):
        finetuned_network(folder, training, None)


def test_damaged_keras_file_is_one_line_that_names_it(tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", "{}" * 100)
    path.write_bytes(path.read_bytes().replace(b"{}{}", b"{}{|", 1))
    with pytest.raises(ModelError, match=r"model\.keras is damaged: Bad CRC-32"):
        keras_digest(path)
