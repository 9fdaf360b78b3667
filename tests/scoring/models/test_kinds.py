"""Which kind of model a name is, and what each kind answers without Keras."""

import json
import zipfile
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from scoring.errors import ModelError
from scoring.models.cats_and_dogs import CatsAndDogs
from scoring.models.finetuned_folder import FinetunedFolder
from scoring.models.keras_file import KerasFile
from scoring.models.kinds import VGG16_CATS_DOGS, VGG16_IMAGENET, kind_of
from scoring.models.model_base import base_of_model
from scoring.models.model_folder import ModelFolder
from scoring.models.model_kind import ModelKind, Untold
from scoring.models.output_meaning import OutputMeaning, OutputReading
from scoring.models.published_network import PublishedNetwork
from scoring.models.training_record import load_training_record, save_training_record
from scoring.networks.base_networks import base_of
from scoring.networks.base_request import BaseRequest
from scoring.networks.keras_files import keras_digest
from scoring.networks.last_activation import SIGMOID
from scoring.networks.pixel_scales import PixelScale
from tests.runs import cats_and_dogs, write_model


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A finished model folder of cats and dogs, with a clip of 0.02; its network is not there."""
    write_model(tmp_path / "model", cats_and_dogs(24))
    return tmp_path / "model"


def test_a_name_is_of_one_kind(model: Path) -> None:
    kinds = {
        VGG16_IMAGENET: PublishedNetwork,
        "vgg16": PublishedNetwork,
        "convnextbase": PublishedNetwork,
        "resnet50-cats-dogs": CatsAndDogs,
        VGG16_CATS_DOGS: CatsAndDogs,
        "nowhere.keras": KerasFile,
        "s3://bucket/nowhere.keras": KerasFile,
        str(model): FinetunedFolder,
    }
    model.with_name("folder.keras").mkdir()
    kinds[str(model.with_name("folder.keras"))] = FinetunedFolder
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("scoring.storage.locations.Url.is_dir", lambda url: False)
        assert {name: type(kind_of(name, None, None)) for name in kinds} == kinds


@pytest.mark.parametrize("name", ["models/cats", "./resnet50"])
def test_a_path_at_which_nothing_is_says_where_that_would_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match=rf"a folder written by finetune, .*; {tmp_path / name} does not exist"):
        kind_of(name, None, None)


def test_a_folder_brings_labels_and_clip_and_others_do_not(model: Path) -> None:
    kind = kind_of(str(model), None, None)
    kind.check()
    assert (kind.class_labels(), kind.clip()) == (("cat", "dog"), 0.02)
    assert [kind_of(name, None, "a,b").clip() for name in (VGG16_IMAGENET, VGG16_CATS_DOGS, "m.keras")] == [None] * 3


@pytest.mark.parametrize(
    ("weights", "labels", "message"),
    [
        (None, "cat,dog", "brings its labels, cat,dog. Leave `labels` out"),
        ("w.h5", None, "holds a whole network with its weights. Leave `weights` out"),
    ],
)
def test_what_a_folder_brings_may_not_be_named(
    model: Path, weights: str | None, labels: str | None, message: str
) -> None:
    with pytest.raises(ModelError, match=message):
        kind_of(str(model), weights, labels).check()


@pytest.mark.parametrize(
    ("content", "is_refused"), [('["cat", "dog"]\n', False), (None, False), ('["dog", "cat"]', True), ('["cat",', True)]
)
def test_labels_of_a_folder_that_somebody_has_changed_are_not_passed_over(
    model: Path, content: str | None, is_refused: bool
) -> None:
    if content:
        (model / "labels.json").write_text(content)
    kind = kind_of(str(model), None, None)
    if not is_refused:
        kind.check()
        return
    with pytest.raises(
        ModelError, match=r"training\.json describes; .*labels\.json has others\. .* or score .*\.keras"
    ):
        kind.check()
    save_training_record(ModelFolder(model), replace(load_training_record(ModelFolder(model)), head_only=True))
    with pytest.raises(ModelError, match=r"labels\.json has others\. Run the same finetune command again\.$"):
        kind_of(str(model), None, None).check()


def test_a_folder_that_finetune_has_not_finished_is_refused_in_one_line_with_what_to_do(model: Path) -> None:
    (model / "training.json").unlink()
    with pytest.raises(ModelError, match=r"`model`: .* `shardscore finetune` has finished; .* Run the same") as refused:
        kind_of(str(model), None, None).check()
    assert "\n" not in str(refused.value)


def test_a_head_alone_takes_weights_and_says_where_its_base_was(model: Path) -> None:
    folder = ModelFolder(model)
    record = load_training_record(folder)
    request = replace(record.base.request, model="gone.keras", layer=None)
    base = replace(record.base, request=request)
    save_training_record(folder, replace(record, head_only=True, base=base))
    zipfile.ZipFile(model / "head.keras", "w").close()
    kind_of(str(model), "w.h5", None).check()
    with pytest.raises(ModelError, match=r"holds only a head, and its base network cannot be loaded: .* gone.keras"):
        kind_of(str(model), None, None).network()


def test_a_digest_that_is_known_without_a_look_at_the_network_is_that_of_the_network(model: Path) -> None:
    folder, file = ModelFolder(model), model / "model.keras"
    assert kind_of(str(model), None, None).known_digest() is None  # of an earlier version
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("config.json", "{}")
    save_training_record(folder, replace(load_training_record(folder), head_only=False, network=keras_digest(file)))
    for kind in (kind_of(str(model), None, None), kind_of(str(file), None, "cat,dog")):
        assert kind.known_digest() == kind.network().digest
    assert kind_of("hf://owner/name/model.keras", None, "cat,dog").known_digest() is None
    assert kind_of(VGG16_IMAGENET, "random", None).known_digest() is None


def test_files_are_named_by_field_and_words_are_no_files(model: Path) -> None:
    assert kind_of(VGG16_IMAGENET, "w.h5", "index.json").files() == {
        "weights": Path("w.h5"),
        "labels": Path("index.json"),
    }
    assert kind_of(VGG16_CATS_DOGS, "random", "cat,dog").files() == {}
    assert kind_of("m.keras", None, "cat,dog").files() == {"model": Path("m.keras")}
    folder = kind_of(str(model), "w.h5", None)
    assert folder.files() == {"model": model / "training.json", "weights": Path("w.h5")}
    assert folder.paths() == {"model": model, "weights": Path("w.h5")}


def test_outputs_become_probabilities_of_the_labels() -> None:
    second = np.array([[0.2], [0.9]], np.float32)
    both = kind_of("m.keras", None, "cat,dog").reading(1, lambda: SIGMOID).to_probabilities(second)
    np.testing.assert_allclose(both, [[0.8, 0.2], [0.1, 0.9]], rtol=1e-6)
    imagenet = np.zeros((1, 1000), np.float32)
    imagenet[0, [151, 281, 0]] = 0.3, 0.1, 0.6
    kind = kind_of(VGG16_CATS_DOGS, None, None)
    np.testing.assert_allclose(_known(kind, 1000).to_probabilities(imagenet), [[0.25, 0.75]], rtol=1e-6)
    np.testing.assert_array_equal(_known(kind, 2).to_probabilities(both), both)
    with pytest.raises(ModelError, match=r"Expected 3 `labels`, one per output of m\.keras; received 2: cat,dog"):
        kind_of("m.keras", None, "cat,dog").reading(3, lambda: SIGMOID)


def _known(kind: ModelKind, num_outputs: int) -> OutputReading:
    """The reading of a network that is not looked at to tell it."""

    def look() -> str:
        raise AssertionError("its outputs are known")

    reading = kind.reading(num_outputs, look)
    assert reading.is_known
    return reading


def test_a_model_folder_by_a_published_name_is_asked_about(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run folder of that name is none."""
    monkeypatch.chdir(tmp_path)
    model.rename("xception")
    Path("resnet50").mkdir()
    with pytest.raises(ModelError, match=r"it is a published network and a folder here. Write \./xception"):
        kind_of("xception", None, None)
    assert isinstance(kind_of("./xception", None, None), FinetunedFolder)
    assert isinstance(kind_of("resnet50", None, None), PublishedNetwork)


def test_what_a_model_of_ours_gives_may_not_be_named(model: Path) -> None:
    for name in (VGG16_IMAGENET, VGG16_CATS_DOGS, str(model)):
        with pytest.raises(ModelError, match=r"`outputs` belongs to \.keras files; the outputs of .* are known"):
            kind_of(name, None, None, Untold(outputs=OutputMeaning.LOGITS))
        with pytest.raises(ModelError, match=r"`output_name` belongs to \.keras files"):
            kind_of(name, None, None, Untold(output_name="probs"))
        with pytest.raises(ModelError, match=r"`pixels` belongs to \.keras files; the pixels of .* are known"):
            kind_of(name, None, None, Untold(pixels=PixelScale.TORCH))
    assert _known(kind_of(str(model), None, None), 2).from_logits is False


def test_only_published_networks_have_weights_to_download(model: Path) -> None:
    names = (VGG16_IMAGENET, VGG16_CATS_DOGS, "m.keras", str(model))
    assert [kind_of(name, None, None).has_published_weights for name in names] == [True, True, False, False]
    assert [kind_of(name, None, None).flops_per_image is None for name in names] == [False, False, True, True]


def test_vgg16s_operations_are_those_of_its_layers() -> None:
    sides_and_channels = [(224, 3, 64), (224, 64, 64), (112, 64, 128), (112, 128, 128), (56, 128, 256)]
    sides_and_channels += [(56, 256, 256)] * 2 + [(28, 256, 512)] + [(28, 512, 512)] * 2 + [(14, 512, 512)] * 3
    convolutions = sum(side**2 * 9 * inputs * outputs for side, inputs, outputs in sides_and_channels)
    dense = 7 * 7 * 512 * 4096 + 4096 * 4096 + 4096 * 1000
    for name in (VGG16_IMAGENET, VGG16_CATS_DOGS):
        assert kind_of(name, None, None).flops_per_image == pytest.approx(2 * (convolutions + dense), rel=1e-3)


def test_models_of_earlier_formats_are_told_how_they_become_keras_files(tmp_path: Path) -> None:
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "saved_model.pb").write_bytes(b"")
    for name, message in (
        ("model.h5", r"model.h5 is not one. It has Keras' earlier format. Load it with Keras and save it as .keras\.$"),
        ("model.hdf5", "It has Keras' earlier format"),
        ("saved", "saved is TensorFlow's SavedModel. Save the model that it was made of as .keras"),
        ("saved/saved_model.pb", "saved is TensorFlow's SavedModel. Save the model that it was made of as .keras"),
        ("model.tflite", "TensorFlow Lite's format. Save the Keras model that it was made of as .keras"),
        ("model.onnx", "ONNX's format. Save the Keras model that it was made of as .keras, if it was made of one"),
        (
            "model.pth",
            "PyTorch's format. Build its network in Keras by code, give its layers these weights and save it",
        ),
        ("model.safetensors", "a format of weights alone. Build its network in Keras by code"),
    ):
        if name != "saved":
            (tmp_path / name).write_bytes(b"")
        with pytest.raises(ModelError, match=message) as refused:
            kind_of(str(tmp_path / name), None, "cat,dog")
        with pytest.raises(ModelError, match=message):
            base_of(BaseRequest(str(tmp_path / name))).check()
        assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", ["none.h5", "none.keras", "none.onnx"])
def test_a_model_that_is_not_there_is_told_so_whatever_its_format(tmp_path: Path, name: str) -> None:
    with pytest.raises(ModelError, match=rf"Expected `model` to be a \.keras file; .*{name} does not exist\.$"):
        kind_of(str(tmp_path / name), None, "cat,dog").check()


def test_weights_alone_are_told_what_they_belong_to(tmp_path: Path) -> None:
    for name in ("model.weights.h5", "model.h5"):
        with h5py.File(tmp_path / name, "w") as file:
            file.create_group("layers")
        with pytest.raises(ModelError, match=r"holds weights alone: of a classifier of keras\.applications, name that"):
            kind_of(str(tmp_path / name), None, "cat,dog")


@pytest.mark.parametrize(
    ("saved_by", "message"),
    [
        (
            "2.15.0",
            r"Keras 2\.15\.0, which saved it, .*it has hard_sigmoid \(gate\), .*, and is trained again\.$",
        ),
        ("3.0.5", r"earlier format\. Load it with Keras and save it as \.keras\.$"),
    ],
)
def test_an_hdf5_model_that_keras_3_computes_in_another_way_is_told_so(
    tmp_path: Path, saved_by: str, message: str
) -> None:
    layer = {"class_name": "Activation", "config": {"name": "gate", "activation": "hard_sigmoid"}}
    with h5py.File(tmp_path / "model.h5", "w") as file:
        file.attrs["keras_version"] = saved_by
        file.attrs["model_config"] = json.dumps({"class_name": "Sequential", "config": {"layers": [layer]}})
    with pytest.raises(ModelError, match=message) as refused:
        kind_of(str(tmp_path / "model.h5"), None, "cat,dog")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (("config.json", "metadata.json", "model.weights.h5"), "is a model that Keras saved unpacked. Load it with"),
        (("best.keras", "labels.txt"), r"is a folder with best\.keras\. Name .*best\.keras\."),
        (("a.keras", "b.keras", "c.keras", "d.keras"), r"with a\.keras, b\.keras, c\.keras, \.{4} Name .*a\.keras"),
    ],
)
def test_a_folder_that_holds_a_model_of_keras_is_told_what_to_name(
    tmp_path: Path, files: tuple[str, ...], message: str
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in files:
        (folder / name).write_bytes(b"")
    for told in (Untold(), Untold(size=(32, 32))):
        with pytest.raises(ModelError, match=rf"Expected `model` to be a \.keras file; .*folder {message}"):
            kind_of(str(folder), None, "cat,dog", told)
    with pytest.raises(ModelError, match=message):
        base_of_model(BaseRequest(str(folder)))
    with pytest.raises(ModelError, match=f"Expected `base`, unless .*folder {message}"):
        base_of(BaseRequest(str(folder))).check()


def test_a_preset_of_keras_hub_is_no_model_that_keras_saved(tmp_path: Path) -> None:
    """Its files have the same names."""
    for name in ("config.json", "model.weights.h5", "task.json"):
        (tmp_path / name).write_bytes(b"{}")
    (tmp_path / "metadata.json").write_text('{"keras_version": "3.15.1", "keras_hub_version": "0.32.0"}')
    with pytest.raises(ModelError, match=r"is a preset of KerasHub\. Load it with KerasHub's from_preset and save"):
        kind_of(str(tmp_path), None, "cat,dog")


def test_a_folder_that_finetune_has_begun_is_no_folder_with_a_keras_file(model: Path) -> None:
    (model / "model.keras").write_bytes(b"")
    (model / "training.json").unlink()
    (model / "features").mkdir(exist_ok=True)
    (model / "features" / "run.json").write_bytes(b"{}")
    with pytest.raises(ModelError, match="Run the same finetune command again"):
        kind_of(str(model), None, None).check()
