"""Heads whose training diverged, and those of an earlier run that are or are not taken up."""

import errno
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest

from scoring.errors import ModelError, StorageError
from scoring.finetuning import model_writer
from scoring.finetuning.dense_heads import train_dense_head
from scoring.finetuning.ensemble import HeadIdentity, load_head, save_head
from scoring.finetuning.finished_model import keep_finished
from scoring.finetuning.head_trainer import HeadTrainer, JoinHeads, TrainHead
from scoring.finetuning.heads import Head
from scoring.finetuning.settings import FinetuneSettings
from scoring.finetuning.training_set import TrainingSet, load_training_set
from scoring.models.finetuned_folder import FinetunedFolder
from scoring.models.finetuned_network import save_network
from scoring.models.model_folder import ModelFolder
from scoring.models.trained_heads import HeadKind, HeadSettings
from scoring.models.training_record import load_training_record, save_training_record
from scoring.networks.base_networks import base_of
from scoring.networks.base_request import BaseRequest
from scoring.networks.pixel_scales import PixelScale
from scoring.run.fingerprint import Fingerprint
from tests.faults import fail, system_fault
from tests.places import on_disk
from tests.runs import Scored, cats_and_dogs, record_of, save_record, write_features

pytestmark = pytest.mark.keras


_FEATURES = Fingerprint("images", "model", "labels", "squash", "keras-tensorflow", "float32", schema_version=2)
_IDENTITY = HeadIdentity(_FEATURES, HeadSettings(), seed=0, division="4 of 20", backend="tensorflow")


def _settings(output: Path) -> FinetuneSettings:
    heads = HeadSettings(max_epochs=2)
    return FinetuneSettings(output, output, BaseRequest("vgg16"), False, heads, 1, None, 0, False, "tensorflow")


def _trainer(output: Path, learning_rate: float) -> HeadTrainer:
    settings = _settings(output)
    return HeadTrainer(replace(settings, heads=replace(settings.heads, learning_rate=learning_rate)))


def _head() -> Head:
    return Head(np.ones((2, 2), np.float32), np.ones(2, np.float32), [], np.ones((4, 1, 2), np.float32), [], 0)


@pytest.mark.ci
@pytest.mark.filterwarnings("ignore:.*encountered:RuntimeWarning")
def test_a_head_that_diverges_names_the_learning_rate_and_is_not_kept(tmp_path: Path) -> None:
    write_features(ModelFolder(tmp_path).features, cats_and_dogs(20))
    heads = tmp_path / "heads"
    heads.mkdir()
    with pytest.raises(
        ModelError, match=r"with `learning_rate` 1e\+39 it diverged\. Use a smaller one, such as 0\.003"
    ):
        _trainer(tmp_path, 1e39)(TrainHead(0))
    assert not list(heads.iterdir())
    assert _trainer(tmp_path, 0.003)(TrainHead(0)).is_file()


@pytest.mark.parametrize("field", ["kernel", "bias", "logits"])
def test_a_head_with_what_is_no_number_is_not_taken_up(tmp_path: Path, field: str) -> None:
    head = _head()
    save_head(tmp_path / "head.npz", head, _IDENTITY)
    assert load_head(tmp_path / "head.npz", _IDENTITY) is not None
    save_head(tmp_path / "head.npz", replace(head, **{field: getattr(head, field) * np.float32("nan")}), _IDENTITY)
    assert load_head(tmp_path / "head.npz", _IDENTITY) is None


@pytest.mark.parametrize(("kind", "num_folds"), [(HeadKind.SOFTMAX, 0), (HeadKind.RBF, 5)])
def test_heads_of_another_split_of_equally_many_photos_are_not_taken_up(
    tmp_path: Path, kind: HeadKind, num_folds: int
) -> None:
    """As many photos are drawn as `valid/` holds."""
    images = [
        Scored(f"{folder}/{each.path}", each.probabilities, each.target)
        for folder in ("train", "valid")
        for each in cats_and_dogs(20)
    ]
    write_features(ModelFolder(tmp_path).features, images)
    (tmp_path / "heads").mkdir()
    settings = replace(_settings(tmp_path), heads=HeadSettings(max_epochs=2, kind=kind), num_folds=num_folds)

    def written(num_validation: int | None) -> int:
        path = HeadTrainer(replace(settings, num_validation=num_validation))(TrainHead(0))
        return (tmp_path / "heads" / path.name).stat().st_ino

    by_folder = written(None)
    assert written(None) == by_folder
    assert written(20) != by_folder


def test_a_head_of_an_earlier_version_that_does_not_tell_its_split_is_not_taken_up(tmp_path: Path) -> None:
    save_head(tmp_path / "head.npz", _head(), _IDENTITY)
    with np.load(tmp_path / "head.npz") as stored:
        arrays, about = dict(stored), json.loads(str(stored["about"]))
    del about["identity"]["division"]
    about["identity"] |= {"num_validation": 4, "split_seed": 0}
    np.savez(tmp_path / "head.npz", **arrays | {"about": np.array(json.dumps(about))})
    assert load_head(tmp_path / "head.npz", _IDENTITY) is None


def _save_base(path: Path) -> None:
    """A small network, of other weights each time."""
    import keras

    layers = [keras.layers.Conv2D(2, 8, strides=8), keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(7)]
    keras.Sequential([keras.Input((16, 16, 3)), *layers]).save(path)


@pytest.fixture
def trained(tmp_path: Path) -> HeadTrainer:
    """With one head, which is trained, and a base of its own."""
    base, folder = tmp_path / "base.keras", ModelFolder(tmp_path / "model")
    _save_base(base)
    request = BaseRequest(str(base), pixels=PixelScale.UNIT)
    write_features(folder.features, cats_and_dogs(20), f"{base_of(request).digest()}:the last layer")
    folder.prepare()
    trainer = HeadTrainer(replace(_settings(tmp_path / "model"), base=request))
    trainer(TrainHead(0))
    return trainer


@pytest.mark.ci
def test_a_model_of_classes_in_another_order_gives_way_to_one_in_theirs(trained: HeadTrainer, tmp_path: Path) -> None:
    folder = ModelFolder(tmp_path / "model")
    trained(JoinHeads())
    assert (load_training_record(folder).labels, load_training_record(folder).class_numbers) == (("cat", "dog"), ())
    for numbers, labels, kept in (
        ({"dog": 0, "cat": 1}, ("dog", "cat"), ()),
        ({"dog": 0, "owl": 1, "cat": 2}, ("dog", "cat"), (0, 2)),
    ):
        trainer = HeadTrainer(replace(trained._settings, class_numbers=numbers))
        trainer(TrainHead(0))
        trainer(JoinHeads())
        record, network = load_training_record(folder), on_disk(folder.network).stat().st_ino
        assert (record.labels, json.loads(folder.labels.read_text()), record.class_numbers) == (
            labels,
            list(labels),
            kept,
        )
        kind = FinetunedFolder(folder, None, None)
        assert (kind.class_labels(), kind.class_numbers()) == (labels, kept)
        trainer(JoinHeads())
        assert on_disk(folder.network).stat().st_ino == network, "it is whole"


def test_a_model_that_is_whole_is_left_as_it_is_and_one_that_is_not_is_put_together_again(
    trained: HeadTrainer, tmp_path: Path
) -> None:
    import keras

    folder = ModelFolder(trained(JoinHeads()))

    def stamps() -> dict[str, int]:
        return {str(place): on_disk(place).stat().st_mtime_ns for place in folder.results if place.is_file()}

    before, record = stamps(), load_training_record(folder)
    trained(JoinHeads())
    assert stamps() == before
    for place in (folder.network, folder.labels, folder.validation, folder.training):
        on_disk(place).unlink()
        keras.Model(pixels := keras.Input((4, 4, 1)), keras.layers.Flatten()(pixels))  # other work in this process
        trained(JoinHeads())
        assert replace(load_training_record(folder), created_at="") == replace(record, created_at="")
    assert stamps().keys() == before.keys()


def _stamps(folder: ModelFolder) -> dict[str, int]:
    places = [*folder.results, folder.head(0)]
    return {str(place): on_disk(place).stat().st_mtime_ns for place in places if place.is_file()}


def _as_version_0_1_0_wrote_it(folder: ModelFolder) -> None:
    """It told fewer things of a model, and nothing of the split of a head."""
    record = json.loads(folder.training.read_text())
    for name in ("sha256", "network", "validation", "agreement", "asked", "engine"):
        del record[name]
    counts = ("digest", "num_images", "num_train", "num_validation", "num_errors")
    record["data"] = {name: record["data"][name] for name in counts}
    on_disk(folder.training).write_text(json.dumps(record))
    with np.load(on_disk(folder.head(0))) as stored:
        arrays, about = dict(stored), json.loads(str(stored["about"]))
    del about["identity"]["division"]
    np.savez(on_disk(folder.head(0)), **arrays | {"about": np.array(json.dumps(about))})


@pytest.mark.parametrize("is_earlier", [False, True], ids=["of now", "of 0.1.0"])
def test_a_finished_model_stays_as_it_is_whatever_calibration_would_make_of_it_now(
    trained: HeadTrainer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_earlier: bool
) -> None:
    """Runs that go by it could not be continued with another."""
    folder = ModelFolder(trained(JoinHeads()))
    if is_earlier:
        _as_version_0_1_0_wrote_it(folder)
    before, moved = _stamps(folder), tmp_path / "moved.keras"
    monkeypatch.setattr(model_writer, "calibrate", Mock(side_effect=AssertionError("it was calibrated anew")))
    for task in (TrainHead(0), JoinHeads()):
        trained(task)
    assert _stamps(folder) == before
    (tmp_path / "base.keras").rename(moved)
    settings = replace(_settings(tmp_path / "model"), base=BaseRequest(str(moved)))
    HeadTrainer(settings)(JoinHeads())
    assert load_training_record(folder).base.request.name == str(moved)
    assert {name for name, stamp in _stamps(folder).items() if stamp != before[name]} == {str(folder.training)}


@pytest.mark.parametrize("change", [{"seed": 1}, {"ensemble": 2}, {"num_validation": 6}, {"num_folds": 2}])
@pytest.mark.parametrize("is_earlier", [False, True], ids=["of now", "of 0.1.0"])
def test_a_finished_model_of_another_request_is_not_taken_for_the_one_that_is_asked_for(
    trained: HeadTrainer, tmp_path: Path, is_earlier: bool, change: dict[str, Any]
) -> None:
    folder = ModelFolder(trained(JoinHeads()))
    if is_earlier:
        _as_version_0_1_0_wrote_it(folder)
    settings = replace(_settings(tmp_path / "model"), base=trained._settings.base)
    assert keep_finished(settings, load_training_set(settings))
    changed = replace(settings, **change)
    assert not keep_finished(changed, load_training_set(changed))


def test_a_finished_model_of_photos_with_other_contents_is_not_taken_for_one_of_these(
    trained: HeadTrainer, tmp_path: Path
) -> None:
    folder = ModelFolder(trained(JoinHeads()))
    settings = replace(_settings(tmp_path / "model"), base=trained._settings.base)
    photos, record = load_training_set(settings), load_training_record(folder)
    seen = [b"%032d" % row for row in range(len(photos.features.images))]
    photos = replace(photos, features=replace(photos.features, contents="then", pixels=seen))
    data = replace(record.data, contents="then", pixels=photos.features.pixels_digest)
    save_training_record(folder, replace(record, data=data))
    assert keep_finished(settings, photos)
    changes: list[dict[str, Any]] = [{"contents": "others"}, {"num_errors": 1}, {"pixels": seen[::-1]}]
    for others in changes:
        assert not keep_finished(settings, replace(photos, features=replace(photos.features, **others)))


def test_heads_and_record_are_of_the_pixels_that_they_were_trained_on(
    trained: HeadTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained(JoinHeads())
    assert trained._load(0)
    features = trained._photos.features
    others = replace(features, pixels=[b"%032d" % row for row in range(len(features.images))])
    monkeypatch.setattr(trained, "_photos", replace(trained._photos, features=others))
    assert trained._load(0) is None
    assert trained._photos.count().pixels == others.pixels_digest != features.pixels_digest


def test_a_finished_model_of_other_groups_is_not_taken_for_one_of_these(trained: HeadTrainer, tmp_path: Path) -> None:
    folder = ModelFolder(trained(JoinHeads()))
    settings = replace(_settings(tmp_path / "model"), base=trained._settings.base)
    alone = load_training_set(settings)
    ids = [image.image_id for image in alone.features.images]
    of_none, of_pairs = ({image_id: str(row // size) for row, image_id in enumerate(ids)} for size in (1, 2))
    asked = replace(settings, group_column="patient_id", groups=of_none)
    photos, record = load_training_set(asked), load_training_record(folder)
    assert keep_finished(settings, alone)
    assert not keep_finished(asked, photos)
    by_groups = replace(record, data=replace(record.data, group_column="patient_id", groups=photos.groups))
    save_training_record(folder, by_groups)
    assert by_groups.digest != record.digest
    assert keep_finished(asked, photos)
    changed = replace(asked, groups=of_pairs)
    assert not keep_finished(changed, load_training_set(changed))
    assert not keep_finished(settings, alone)


def _with_contents(photos: TrainingSet, shift: float = 0.0) -> TrainingSet:
    """As where one shard of the features was written anew: features of another photo to validate on may be in it."""
    values = photos.features.values.copy()
    values[photos.measured[:1]] += np.float16(shift)
    return replace(photos, features=replace(photos.features, contents="now", values=values))


@pytest.mark.parametrize("is_dense", [False, pytest.param(True, marks=pytest.mark.ci)])
def test_a_model_of_0_1_0_is_kept_where_its_heads_say_the_same_of_features_that_were_written_anew(
    trained: HeadTrainer, tmp_path: Path, is_dense: bool
) -> None:
    folder = ModelFolder(trained(JoinHeads()))
    settings = replace(_settings(tmp_path / "model"), base=trained._settings.base)
    photos = load_training_set(settings)
    if is_dense:
        values = np.random.default_rng(1).normal(size=photos.features.values.shape).astype(np.float16)
        photos = replace(photos, features=replace(photos.features, values=values))
        _save_dense_head(folder, photos)
    _as_version_0_1_0_wrote_it(folder)
    before = _stamps(folder)
    assert keep_finished(settings, _with_contents(photos))
    assert load_training_record(folder).data.contents == "", "runs go by the record's digest"
    assert _stamps(folder) == before
    assert not keep_finished(settings, _with_contents(photos, shift=1.0))
    curve = load_training_record(folder).heads[0].curve
    save_head(on_disk(folder.head(0)), replace(_head(), curve=list(curve[:1]), best_epoch=1), _IDENTITY)
    assert not keep_finished(settings, _with_contents(photos)), "a head of another training tells nothing"
    on_disk(folder.head(0)).unlink()
    assert not keep_finished(settings, _with_contents(photos))


def test_a_model_of_0_1_0_is_not_kept_where_a_photo_is_known_to_be_another(
    trained: HeadTrainer, tmp_path: Path
) -> None:
    """Though heads say the same of those to validate on."""
    folder = ModelFolder(trained(JoinHeads()))
    _as_version_0_1_0_wrote_it(folder)
    settings = replace(_settings(tmp_path / "model"), base=trained._settings.base)
    assert keep_finished(settings, _with_contents(load_training_set(settings)))
    save_record(folder.features, replace(record_of(folder.features.path), has_others=True))
    assert not keep_finished(settings, _with_contents(load_training_set(settings)))


def _save_dense_head(folder: ModelFolder, photos: TrainingSet) -> None:
    """In place of the one of the model, whose curve it has."""
    random = np.random.default_rng(0)
    width, told = photos.features.values.shape[2], load_training_record(folder).heads[0]
    train, validation = (photos.examples(rows) for rows in (photos.split(0).train, photos.split(0).validation))
    layers = [random.normal(size=size).astype(np.float32) for size in ((width, 6), 6, (6, 5), 5)]
    head = train_dense_head(train, validation, len(photos.labels), layers, HeadSettings(max_epochs=2), seed=0)
    head = replace(head, curve=list(told.curve), best_epoch=told.best_epoch)
    save_head(on_disk(folder.head(0)), head, _IDENTITY)


def test_a_base_network_that_gives_other_features_is_not_put_together_with_heads(
    trained: HeadTrainer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_writer, "check_base", Mock(side_effect=ModelError("it gives others now")))
    with pytest.raises(ModelError, match="it gives others now"):
        trained(JoinHeads())
    assert not (tmp_path / "model" / "model.keras").exists()


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(b"PK")])
def test_a_head_that_is_lost_before_the_model_is_put_together_is_named(
    trained: HeadTrainer, tmp_path: Path, damage: Callable[[Path], object]
) -> None:
    damage(tmp_path / "model" / "heads" / "head-000.npz")
    with pytest.raises(
        StorageError,
        match=r"^Expected the trained head 0 in .*head-000\.npz; it is gone, .* Run the same finetune command",
    ):
        trained(JoinHeads())


def test_a_head_that_cannot_be_read_for_a_moment_is_not_trained_again(
    trained: HeadTrainer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = tmp_path / "model" / "heads" / "head-000.npz"
    before = head.stat().st_ino
    fail(monkeypatch, np, "load", head, system_fault(errno.EIO), times=1)
    trained(TrainHead(0))
    assert head.stat().st_ino == before


def test_a_network_that_storage_has_lost_leaves_no_finished_model(
    trained: HeadTrainer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose(network: Any, path: Path) -> str:
        digest = save_network(network, path)
        path.unlink()
        return digest

    monkeypatch.setattr("scoring.finetuning.model_writer.save_network", lose)
    with pytest.raises(StorageError, match=r"^Expected to read from .*model\.keras what was written there"):
        trained(JoinHeads())
    assert not (tmp_path / "model" / "training.json").exists()


@pytest.mark.ci
def test_heads_are_joined_with_the_base_that_their_features_are_of_alone(trained: HeadTrainer, tmp_path: Path) -> None:
    """A training may save its model anew while heads are trained on the features of the last one."""
    folder = ModelFolder(tmp_path / "model")
    assert trained(JoinHeads()) == folder.path
    on_disk(folder.training).unlink()
    _save_base(tmp_path / "base.keras")
    with pytest.raises(ModelError, match=r"that the features are of, .*base\.keras; a file of it was replaced since"):
        trained(JoinHeads())
    assert not folder.training.exists()
