import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import ray
from PIL import Image
from rich.console import Console

from cluster.placement import WorkerRequest
from jobs.finetune import job
from jobs.finetune.heads import train_heads
from jobs.finetune.job import run_finetune
from jobs.finetune.photos_job import check_photos
from jobs.finetune.request import FinetuneRequest
from jobs.score.job import run_score
from jobs.score.request import ImagesRequest, ScoreRequest
from scoring.errors import ImagesError, ModelError, RunFolderError
from scoring.finetuning.calibration import calibrate
from scoring.finetuning.features import FeatureRequest
from scoring.models.kinds import kind_of
from scoring.models.model_folder import ModelFolder
from scoring.models.model_request import ModelRequest
from scoring.models.trained_heads import HeadKind, HeadSettings
from scoring.models.training_record import load_training_record
from scoring.networks.base_request import BaseRequest
from scoring.networks.pixel_scales import PixelScale
from scoring.networks.precision import Precision
from scoring.quality.intervals import single_test_interval
from scoring.run.folder import RunFolder
from scoring.run.holding import refuse_foreign_files
from scoring.sources.entries import ImageEntry
from scoring.sources.inputs import find_images
from scoring.sources.table_columns import LabelsFile
from scoring.sources.targets import LabelsFrom
from tests.gate.control import Gate, wait_until
from tests.places import on_disk
from tests.ray_processes import ray_node, without_disk

_SECOND = "the base of this file"
pytestmark = [pytest.mark.ci, pytest.mark.ray, pytest.mark.keras]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small network whose features are the colours of four quarters; its own answers mean nothing."""
    import keras

    return _save_colours(tmp_path_factory.mktemp("base") / "colours.keras", keras.layers.Rescaling(1 / 255))


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same network for pixels that were scaled before."""
    return _save_colours(tmp_path_factory.mktemp("bare") / "colours.keras")


def _save_colours(path: Path, *scaling: Any) -> Path:
    import keras

    keras.utils.set_random_seed(1)
    layers = [
        keras.Input((224, 224, 3)),
        *scaling,
        keras.layers.AveragePooling2D(112, name="quarters"),
        keras.layers.Flatten(),
        keras.layers.Dense(7, activation="softmax"),
    ]
    keras.Sequential(layers).save(path)
    return path


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Cats lit from the left and dogs lit from above, by Kaggle's names, one of them broken."""
    folder = tmp_path_factory.mktemp("photos")
    generator = np.random.default_rng(0)
    ramp = np.linspace(0, 200, 20)
    for number in range(40):
        for label, light in (("cat", np.tile(ramp, (20, 1))), ("dog", np.tile(ramp[:, None], 20))):
            noisy = light[..., None] + generator.uniform(0, 55, (20, 20, 3))
            Image.fromarray(noisy.astype(np.uint8)).save(folder / f"{label}.{number}.png")
    (folder / "cat.99.jpg").write_text("<html>")
    return folder


def _request(photos: Path, base: Path, output: Path, **options: Any) -> FinetuneRequest:
    flip, pixels = options.pop("flip", False), options.pop("pixels", PixelScale.UNCHANGED)
    features = FeatureRequest(BaseRequest(str(base), pixels=pixels), flip, Precision.FLOAT32, "tensorflow")
    workers = WorkerRequest(options.pop("num_actors", 1))
    images = ImagesRequest(photos, features, LabelsFrom.AUTO, batch_size=8, shard_size=16, workers=workers)
    heads = HeadSettings(batch_size=16, max_epochs=12, learning_rate=0.02)
    return FinetuneRequest(output, images, heads, **{"ensemble": 2, "num_validation": 20} | options)


@pytest.fixture(scope="module")
def model(photos: Path, base: Path, tmp_path_factory: pytest.TempPathFactory, two_nodes: None) -> ModelFolder:
    folder = ModelFolder(tmp_path_factory.mktemp("models") / "model")
    assert run_finetune(_request(photos, base, on_disk(folder.path), num_actors=2), Console(quiet=True))
    return folder


def _score(photos: Path, model: Path, output: Path, **options: Any) -> pd.DataFrame:
    request = ModelRequest(str(model), None, None, Precision.FLOAT32, "tensorflow")
    one = WorkerRequest(1)
    images = ImagesRequest(photos, replace(request, **options), LabelsFrom.NAMES, batch_size=8, workers=one)
    assert run_score(ScoreRequest(output, images, None), Console(quiet=True))
    return pd.read_parquet(on_disk(RunFolder(output).predictions)).set_index("image_id")


def test_model_folder_says_what_it_was_made_of(model: ModelFolder) -> None:
    record = load_training_record(model)
    assert json.loads(model.labels.read_text()) == ["cat", "dog"]
    data = record.data
    assert (data.num_images, data.num_train, data.num_validation, data.num_errors) == (81, 60, 20, 1)
    assert record.metrics.after_calibration.accuracy > 0.9
    assert record.engine == "keras-tensorflow"
    assert [head.seed for head in record.heads] == [0, 1]
    targets = pd.read_parquet(on_disk(model.validation))["target"]
    assert targets.value_counts().to_dict() == {"cat": 10, "dog": 10}
    assert record.validation == hashlib.sha256(on_disk(model.validation).read_bytes()).hexdigest()


def test_scoring_with_the_folder_gives_the_validated_probabilities(
    model: ModelFolder, photos: Path, tmp_path: Path
) -> None:
    rows = _score(photos, on_disk(model.path), tmp_path / "run")
    validated = pd.read_parquet(on_disk(model.validation)).set_index("image_id")
    found = np.stack(rows.loc[validated.index, "probabilities"].to_list())
    np.testing.assert_allclose(found, np.stack(validated["probabilities"].to_list()), atol=2e-3)  # float16 features
    assert rows.loc["cat.99", "status"] == "error"
    assert (rows["target"] == rows["label"]).sum() > 70


def test_head_alone_and_mirror_images_score_alike_and_name_their_base(
    photos: Path, bare: Path, tmp_path: Path, two_nodes: None
) -> None:
    """Also where the base takes its pixels in a scale of its own."""
    folder = ModelFolder(tmp_path / "head")
    options: dict[str, Any] = {"head_only": True, "flip": True, "ensemble": 1, "pixels": PixelScale.UNIT}
    assert run_finetune(_request(photos, bare, on_disk(folder.path), **options), Console(quiet=True))
    assert folder.head_network.exists()
    assert not folder.network.exists()
    rows = _score(photos, on_disk(folder.path), tmp_path / "run")
    validated = pd.read_parquet(on_disk(folder.validation)).set_index("image_id")
    found = np.stack(rows.loc[validated.index, "probabilities"].to_list())
    np.testing.assert_allclose(found, np.stack(validated["probabilities"].to_list()), atol=2e-3)
    kind = kind_of(str(folder.path), None, None)
    assert kind.known_digest() == kind.network().digest
    record = json.loads(folder.training.read_text())
    del record["sha256"]
    record["base"]["digest"] = "0" * 64
    on_disk(folder.training).write_text(json.dumps(record))
    with pytest.raises(ModelError, match=r"Expected the base network that the head in .* was trained on, 000000000000"):
        _score(photos, on_disk(folder.path), tmp_path / "other")


def test_second_run_extracts_and_trains_nothing_again(model: ModelFolder, photos: Path, base: Path) -> None:
    def written() -> dict[str, int]:
        files = [*model.features.predictions.glob("*.parquet"), *model.heads.iterdir()]
        return {path.name: path.stat().st_mtime_ns for path in files}

    before, record = written(), load_training_record(model)
    assert run_finetune(_request(photos, base, on_disk(model.path)), Console(quiet=True))
    assert written() == before
    again = load_training_record(model)
    assert (again.metrics, again.digest) == (record.metrics, record.digest)


def test_nothing_is_left_of_what_a_worker_was_writing_when_it_died(
    model: ModelFolder, photos: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = [on_disk(place) / ".model.keras.61ee8756.tmp" for place in (model.path, model.heads, model.features.path)]

    def die(*arguments: object) -> None:
        for place in left:
            place.mkdir()

    monkeypatch.setattr(job, "train_heads", die)
    assert run_finetune(_request(photos, base, on_disk(model.path)), Console(quiet=True))
    assert not any(place.exists() for place in left)


@pytest.mark.slow
def test_heads_are_trained_beside_a_node_that_came_late_and_does_not_see_the_output(
    photos: Path, base: Path, tmp_path: Path, two_nodes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def begin_beside_it(*arguments: Any) -> None:
        with ray_node(two_nodes.address, "--num-cpus", "4", before=without_disk(tmp_path / "model")):
            train_heads(*arguments)

    monkeypatch.setattr(job, "train_heads", begin_beside_it)
    request = _request(photos, base, tmp_path / "model", ensemble=1)
    request = replace(request, images=replace(request.images, workers=WorkerRequest(2, gpus_per_worker=0)))
    assert run_finetune(request, Console(quiet=True))
    assert ModelFolder(tmp_path / "model").network.is_file()
    wait_until(lambda: sum(node["Alive"] for node in ray.nodes()) == 2, "the node's end")  # type: ignore[no-untyped-call]


def test_another_request_is_refused_before_it_replaces_a_finished_model(
    model: ModelFolder, photos: Path, base: Path
) -> None:
    def files() -> dict[str, bytes]:
        places = [place for place in on_disk(model.path).rglob("*") if place.is_file()]
        return {str(place): place.read_bytes() for place in places}

    before = files()
    for option, told in (
        (
            {"seed": 3},
            "expected `seed` 0; received 3. Name the same, use another `output`, or `overwrite` to start clean",
        ),
        ({"ensemble": 1}, "expected `ensemble` 2; received 1"),
        ({"num_validation": None}, "expected `validation` 20; received none"),
        ({"head_only": True}, "expected `head_only` False; received True"),
    ):
        with pytest.raises(RunFolderError, match=f"holds a finished model of another request: {told}"):
            run_finetune(_request(photos, base, on_disk(model.path), **option), Console(quiet=True))
    request = _request(photos, base, on_disk(model.path))
    with pytest.raises(RunFolderError, match="expected `epochs` 12; received 13"):
        run_finetune(replace(request, heads=replace(request.heads, max_epochs=13)), Console(quiet=True))
    assert files() == before


def test_a_copy_without_features_is_not_replaced_by_a_model_of_other_labels(
    model: ModelFolder, photos: Path, base: Path, tmp_path: Path
) -> None:
    shutil.copytree(on_disk(model.path), tmp_path / "copy", ignore=shutil.ignore_patterns("features"))
    names = sorted(photo.name for photo in photos.iterdir())
    rows = [f"{name},{'dog' if name.startswith('cat') else 'cat'}" for name in names]
    (tmp_path / "train.csv").write_text("\n".join(["file,label", *rows]))
    request = _request(photos, base, tmp_path / "copy")
    swapped = replace(request.images, labels_from=None, labels_file=LabelsFile(tmp_path / "train.csv"))
    before = {path.name: path.read_bytes() for path in (tmp_path / "copy").iterdir() if path.is_file()}
    with pytest.raises(RunFolderError, match="expected the 81 photos that it was trained on, with their labels"):
        run_finetune(replace(request, images=swapped), Console(quiet=True))
    assert {path.name: path.read_bytes() for path in (tmp_path / "copy").iterdir() if path.is_file()} == before


@pytest.mark.slow
def test_copies_among_photos_measured_on_are_calibrated_and_counted_as_one(
    photos: Path, base: Path, tmp_path: Path, two_nodes: None
) -> None:
    (tmp_path / "photos").mkdir()
    for name in [f"{label}.{number}" for label in ("cat", "dog") for number in range(12)]:
        for copy in range(3):
            shutil.copy(photos / f"{name}.png", tmp_path / "photos" / f"{name}{copy}.png")
    folder, console = ModelFolder(tmp_path / "model"), Console(file=io.StringIO(), width=200)
    request = _request(tmp_path / "photos", base, on_disk(folder.path), ensemble=1, num_validation=24)
    assert run_finetune(request, console)
    record, stored = load_training_record(folder), pd.read_parquet(on_disk(folder.validation))
    originals = np.array(pd.factorize(stored["image_id"].str[:-1])[0], np.int64)
    assert (record.data.num_different, len(stored)) == (8, 24)
    after = record.metrics.after_calibration
    for stage in (record.metrics.first_head, record.metrics.before_calibration, after):
        once = single_test_interval([stage.accuracy], 8)
        assert (stage.accuracy_interval.low, stage.accuracy_interval.high) == (once.low, once.high)
    assert "of 24 photos, 8 different, by which training" in console.file.getvalue()  # type: ignore[attr-defined]
    with np.load(on_disk(folder.heads / "head-000.npz")) as head:
        logits = head["logits"]
    truth = np.array(stored["target"] == "dog", np.int64)
    assert calibrate(logits, truth, 0, originals).calibration == record.calibration


@pytest.mark.slow
def test_photos_that_were_replaced_are_extracted_again_and_the_heads_trained_anew(
    photos: Path, base: Path, tmp_path: Path, two_nodes: None
) -> None:
    shutil.copytree(photos, tmp_path / "photos")
    changed, untouched = (ModelFolder(tmp_path / name) for name in ("changed", "untouched"))
    assert run_finetune(_request(tmp_path / "photos", base, on_disk(changed.path)), Console(quiet=True))
    before = {path.name: path.read_bytes() for path in changed.heads.iterdir()}
    (tmp_path / "photos" / "cat.1.png").write_bytes((photos / "dog.1.png").read_bytes())
    for folder in (changed, untouched):
        assert run_finetune(_request(tmp_path / "photos", base, on_disk(folder.path)), Console(quiet=True))
    assert all(path.read_bytes() != before[path.name] for path in changed.heads.iterdir())
    first, second = (load_training_record(folder) for folder in (changed, untouched))
    assert (first.metrics, first.data.contents) == (second.metrics, second.data.contents)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("lost", "option"),
    [
        (["training.json", "validation.parquet", "labels.json", "model.keras", "heads/head-001.npz"], {"seed": 1}),
        (["training.json"], {"head_only": True}),
    ],
    ids=["between heads", "before the record"],
)
def test_killed_between_its_stages_and_run_with_another_option_it_is_a_fresh_model_of_that_option(
    model: ModelFolder, photos: Path, base: Path, tmp_path: Path, lost: list[str], option: dict[str, Any]
) -> None:
    shutil.copytree(on_disk(model.path), tmp_path / "killed")
    for name in lost:
        (tmp_path / "killed" / name).unlink()
    for name in ("killed", "fresh"):
        assert run_finetune(_request(photos, base, tmp_path / name, **option), Console(quiet=True))
    killed, fresh = (load_training_record(ModelFolder(tmp_path / name)) for name in ("killed", "fresh"))
    assert replace(killed, created_at="") == replace(fresh, created_at="")  # with the digests of what lies beside it
    assert [path.name for path in (tmp_path / "killed").glob("*.keras")] == [
        path.name for path in (tmp_path / "fresh").glob("*.keras")
    ]
    with pytest.raises(RunFolderError, match="expected `augment` none; received flip"):
        run_finetune(_request(photos, base, tmp_path / "killed", flip=True, **option), Console(quiet=True))


def test_labels_that_cannot_be_split_are_refused_before_any_work(photos: Path, base: Path, tmp_path: Path) -> None:
    with pytest.raises(ImagesError, match=r"Expected `validation` from 2 to 79.*received 80 of 81 photos"):
        run_finetune(_request(photos, base, tmp_path / "out", num_validation=80), Console(quiet=True))
    refuse_foreign_files(RunFolder(tmp_path / "out"))  # `score` takes the folder


def test_photos_that_cannot_be_divided_into_folds_are_refused_before_any_work(base: Path, tmp_path: Path) -> None:
    for name in ["train/cat/0.png", *(f"{split}/dog/{n}.png" for split in ("train", "valid") for n in range(3))]:
        (tmp_path / "photos" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (20, 20)).save(tmp_path / "photos" / name)
    shutil.copytree(tmp_path / "photos" / "train" / "cat", tmp_path / "photos" / "valid" / "cat")
    request = _request(tmp_path / "photos", base, tmp_path / "out", num_validation=None, ensemble=1, num_folds=5)
    with pytest.raises(ImagesError, match=r"two photos of every label among those to train on in folds, .*'cat' has 1"):
        run_finetune(replace(request, heads=HeadSettings(kind=HeadKind.RBF)), Console(quiet=True))
    features = RunFolder(tmp_path / "out" / "features")
    assert not features.record.exists() and not on_disk(features.predictions).exists()


def _in_folders(folder: Path) -> Path:
    for name in [
        f"{split}/{label}/{n}.png" for split in ("train", "valid") for label in ("cat", "dog") for n in range(3)
    ]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (20, 20)).save(folder / name)
    return folder


def test_a_number_to_validate_on_says_that_folders_do_not_count(base: Path, tmp_path: Path) -> None:
    images = find_images(_in_folders(tmp_path / "photos")).images
    labelled = [replace(image, target=image.path.split("/")[1]) for image in images]
    request = _request(tmp_path / "photos", base, tmp_path / "out")
    for num_validation, told in ((4, ["4 photos to validate on are drawn from both"]), (None, [])):
        console = Console(file=io.StringIO(), width=200)
        check_photos(replace(request, num_validation=num_validation), console, labelled)
        lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
        assert [line.split(": ")[1] for line in lines] == told


def test_a_number_to_validate_on_says_that_photos_to_test_on_are_drawn_too(base: Path, tmp_path: Path) -> None:
    paths = [f"{top}/{label}_{n}.png" for top in ("photos", "test_set") for label in ("cat", "dog") for n in range(3)]
    labelled = [ImageEntry(path, path, 1, target=path[-9:-6]) for path in paths]
    request = _request(tmp_path / "photos", base, tmp_path / "out", num_validation=4)
    console = Console(file=io.StringIO(), width=200)
    check_photos(request, console, labelled)
    assert "6 of 12 photos are called as to test on and are drawn with" in console.file.getvalue()  # type: ignore[attr-defined]
    with pytest.raises(ImagesError, match=r"'test_set/cat_0\.png' is called as one to test on, one of 6 of 12"):
        check_photos(replace(request, num_validation=None), console, labelled)


@pytest.mark.parametrize(
    ("labels", "path", "told"),
    [
        (
            ("cat", "dog", "test_set"),
            "{}/{}.png",
            "'test_set' counts as a label, though photos that are kept out of tr",
        ),
        (("cat", "dog", "validation_images"), "x/{}/{}.png", "'validation_images' counts as a label, though photos"),
        (("cat", "dog", "test"), "{}_{}.png", "'test' counts as a label, though photos that are kept out of training"),
        (("cat", "dog", "test_photos"), "{}/{}.png", "'test_photos' counts as a label, though photos that are kept"),
        (("cat", "dog", "testing"), "{}_{}.png", "'testing' counts as a label, though photos that are kept out of tr"),
        (("cat", "dog", "test_set"), "{}-{}x.png", ""),
        *((("cat", "dog", one), "{}/{}.png", "") for one in ("test_tube", "Val_Kilmer", "crash_test", "valid_ticket")),
        (("test_kitchen", "train_station", "tower"), "{}/{}.png", ""),
        (("contest", "protest"), "{}/{}.png", ""),
        (("valid", "invalid"), "{}/{}.png", ""),
        (("1.0", "2.5", "-3"), "{}/{}.png", "labels are numbers such as '2.5': each is learned as a class by itself"),
        (("1e-3", "nan", "2"), "{}/{}.png", "labels are numbers such as '1e-3': each is learned as a class by itself"),
        *((one, "{}/{}.png", "") for one in (("1.0", "2.0"), ("0", "10"), ("1.5", "v2.5"), ("2.5mm", "3"))),
    ],
)
def test_labels_that_may_be_none_are_told(
    base: Path, tmp_path: Path, labels: tuple[str, ...], path: str, told: str
) -> None:
    photos = [(path.format(label, number), label) for label in labels for number in range(4)]
    console = Console(file=io.StringIO(), width=300)
    request = _request(tmp_path / "photos", base, tmp_path / "out", num_validation=None)
    check_photos(request, console, [ImageEntry(path, path, 1, target=label) for path, label in photos])
    printed = console.file.getvalue()  # type: ignore[attr-defined]
    assert printed.startswith(told) and printed.count("\n") == bool(told), printed


@pytest.mark.parametrize(
    ("tops", "drawn"),
    [
        (("train", "prediction"), "6 of 12 photos lie beside these and are drawn with the others, such as 'pred"),
        (("train", "valid", "more"), "6 of 18 photos lie beside these and are drawn with the others, such as 'more/"),
        (("train", "test_set"), "6 of 12 photos are called as to test on and are drawn with the others"),
        (("first", "second"), ""),
        (("train",), ""),
    ],
)
def test_a_number_to_validate_on_says_that_photos_beside_the_folders_of_splits_are_drawn_too(
    base: Path, tmp_path: Path, tops: tuple[str, ...], drawn: str
) -> None:
    paths = [f"{top}/{label}/{n}.png" for top in tops for label in ("cat", "dog") for n in range(3)]
    labelled = [ImageEntry(path, path, 1, target=path.split("/")[1]) for path in paths]
    request = _request(tmp_path / "photos", base, tmp_path / "out", num_validation=4)
    console = Console(file=io.StringIO(), width=300)
    check_photos(request, console, labelled)
    told = console.file.getvalue()  # type: ignore[attr-defined]
    assert drawn in told and told.count("\n") == bool(drawn), told


def test_folds_of_softmax_heads_are_refused_where_folders_keep_photos_out(base: Path, tmp_path: Path) -> None:
    photos = _in_folders(tmp_path / "photos")
    request = _request(photos, base, tmp_path / "out", num_validation=None, ensemble=1, num_folds=3)
    with pytest.raises(
        ImagesError, match="received folders to train and to validate on, and softmax heads stop on the"
    ):
        run_finetune(replace(request, are_folds_told=True), Console(quiet=True))


@pytest.mark.slow
def test_a_label_of_which_no_photo_can_be_read_ends_the_job(
    photos: Path, base: Path, tmp_path: Path, two_nodes: None
) -> None:
    shutil.copytree(photos, tmp_path / "photos")
    for number in range(2):
        (tmp_path / "photos" / f"owl.{number}.jpg").write_text("<html>")
    with pytest.raises(ImagesError, match="received owl with none, as all 2 are unreadable"):
        run_finetune(_request(tmp_path / "photos", base, tmp_path / "out"), Console(quiet=True))


@pytest.mark.slow
def test_layer_that_the_base_has_not_is_refused_with_those_it_has(
    photos: Path, base: Path, tmp_path: Path, two_nodes: None
) -> None:
    with pytest.raises(ModelError, match=r"Expected `features` to be a layer of .*quarters"):
        request = _request(photos, base, tmp_path / "out")
        features = replace(request.images.model, base=BaseRequest(str(base), None, "fc9"))  # type: ignore[type-var]
        run_finetune(replace(request, images=replace(request.images, model=features)), Console(quiet=True))


@pytest.mark.slow
def test_int8_features_are_told_with_their_agreement(data_folder: Path, tmp_path: Path) -> None:
    base = data_folder / "models" / "cat_dog_squeezenet.keras"
    options = ("--engine", "openvino", "--precision", "int8", "--validation", "100")
    words: list[str | Path] = [sys.executable, "-m", "jobs", "finetune", "--images", data_folder / "photos" / "train"]
    printed = subprocess.run(
        [*words, "--base", base, *options, "--output", tmp_path / "model"], capture_output=True, text=True, check=True
    )
    record = load_training_record(ModelFolder(tmp_path / "model"))
    assert (record.precision, record.data.num_images) == ("int8", 600)
    assert record.agreement is not None
    assert record.agreement.num_images == 100
    assert record.agreement.equal_labels >= 0.97
    assert 0 < record.agreement.largest_difference < 0.5
    assert f"{record.agreement.equal_labels:.1%} of 100 labels equal" in " ".join(printed.stdout.split())
    assert record.metrics.after_calibration.accuracy > 0.95


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        ("--validation", "100", "--ensemble", "3", "--epochs", "15"),
        ("--preset", "fast", "--folds", "3"),
        ("--preset", "fast", "--folds", "3", "--base", _SECOND),
    ],
    ids=["lesson", "fast", "two bases"],
)
def test_killed_at_any_stage_and_run_again_by_more_it_ends_with_the_same_model(
    data_folder: Path, tmp_path: Path, base: Path, options: tuple[str, ...]
) -> None:
    options = tuple(str(base) if word == _SECOND else word for word in options)
    base = data_folder / "models" / "cat_dog_squeezenet.keras"
    gate = Gate(tmp_path / "gate")

    def start(name: str) -> subprocess.Popen[bytes]:
        actors = {"undisturbed": "1", "killed": "2"}[name]
        command = ["finetune", "--images", str(data_folder / "photos" / "train"), "--base", str(base), *options]
        small = ["--shard-size", "50", "--actors", actors]
        words = [sys.executable, "-m", "jobs", *command, *small, "--output", str(tmp_path / name)]
        return subprocess.Popen(words, start_new_session=True, env={**os.environ, **gate.environment})

    def kill_before(pattern: str, limit: int) -> None:
        gate.close(pattern, limit)
        driver = start("killed")
        gate.wait_until_held(driver)
        os.killpg(driver.pid, signal.SIGKILL)
        driver.wait()
        gate.wait_until_the_held_are_dead()
        gate.open()

    assert start("undisturbed").wait() == 0
    kill_before("shard-*.parquet", 4)  # of twelve shards of features
    kill_before("head-*.npz", 2)  # of three heads
    kill_before("model.keras", 0)  # after calibration
    kill_before("training.json", 0)  # beside the model, and written after it
    assert (tmp_path / "killed" / "model.keras").exists()
    assert start("killed").wait() == 0
    undisturbed, killed = (
        json.loads((tmp_path / name / "training.json").read_text()) for name in ("undisturbed", "killed")
    )
    for record in (undisturbed, killed):
        del record["created_at"], record["sha256"]
    assert json.dumps(killed) == json.dumps(undisturbed)
    first, second = ((tmp_path / name / "validation.parquet").read_bytes() for name in ("undisturbed", "killed"))
    assert first == second
    assert _weights(tmp_path / "killed" / "model.keras") == _weights(tmp_path / "undisturbed" / "model.keras")


def _weights(network: Path) -> bytes:
    with zipfile.ZipFile(network) as archive:
        return archive.read("model.weights.h5")
