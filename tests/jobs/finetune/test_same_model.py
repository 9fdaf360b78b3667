"""Which finished models `finetune` refuses to replace, without training anything."""

import errno
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jobs.finetune.request import FinetuneRequest
from jobs.finetune.same_model import refuse_other_model, refuse_other_photos
from jobs.score.request import ImagesRequest
from scoring.errors import RunFolderError, StorageError
from scoring.finetuning.features import FeatureRequest
from scoring.models.model_folder import ModelFolder
from scoring.models.trained_heads import HeadKind, HeadSettings
from scoring.models.training_record import AskedHeads, load_training_record, save_training_record
from scoring.networks.base_request import BaseRequest
from scoring.networks.engines import EngineName
from scoring.networks.pixel_scales import PixelScale
from scoring.networks.pooled_views import ViewPooling, Views
from scoring.networks.precision import Precision
from scoring.pixels.decoding import Resize
from scoring.run.manifest import default_shard_size, manifest_digest
from scoring.sources.entries import ImageEntry
from scoring.sources.table_columns import LabelsFile, TableColumns
from tests.faults import fail, system_fault
from tests.places import on_disk
from tests.runs import cats_and_dogs, write_model

_FOLDS = AskedHeads(ensemble=2, num_validation=None, num_folds=5, num_draws=3)


@pytest.fixture
def folder(tmp_path: Path) -> ModelFolder:
    return ModelFolder(write_model(tmp_path / "model", cats_and_dogs(24), tmp_path / "photos"))


def _request(folder: ModelFolder, base: str | BaseRequest = "vgg16", **options: Any) -> FinetuneRequest:
    flip, precision = options.pop("flip", False), options.pop("precision", Precision.AUTO)
    engine = options.pop("engine", EngineName.KERAS)
    network = BaseRequest(base, None, "fc2") if isinstance(base, str) else base
    features = FeatureRequest(network, flip, precision, "tensorflow", engine)
    images = options.pop("images", Path(f"{folder.path}/../photos"))
    photos = ImagesRequest(images, features, resize=options.pop("resize", None))
    asked: dict[str, Any] = {"heads": HeadSettings(), "ensemble": 2}
    return FinetuneRequest(folder.path, photos, **asked | options)


def test_a_model_of_other_groups_is_told_by_their_column(folder: ModelFolder) -> None:
    """A change of the column's values is told by the groups that are kept, when photos are divided."""
    request, file = _request(folder), LabelsFile(Path("train.csv"), group_column="patient_id")
    by_file = replace(request, images=replace(request.images, labels_file=file))
    by_table = replace(request, images=replace(request.images, columns=TableColumns(label="dx", group="lesion_id")))
    with pytest.raises(RunFolderError, match="expected `group_column` none told; received patient_id"):
        refuse_other_model(by_file)
    record = load_training_record(folder)
    data = replace(record.data, group_column="patient_id", groups="1" * 64)
    save_training_record(folder, replace(record, data=data))
    refuse_other_model(by_file)
    for other, told in ((request, "none told"), (by_table, "lesion_id")):
        with pytest.raises(RunFolderError, match=f"expected `group_column` patient_id; received {told}"):
            refuse_other_model(other)


def test_a_model_of_an_earlier_version_is_known_by_what_it_tells(folder: ModelFolder) -> None:
    refuse_other_model(_request(folder, num_validation=24))
    with pytest.raises(RunFolderError, match="expected `validation` 24; received 12"):
        refuse_other_model(_request(folder, num_validation=12))
    with pytest.raises(RunFolderError, match="expected `ensemble` 2; received 1"):
        refuse_other_model(_request(folder, ensemble=1))
    with pytest.raises(RunFolderError, match="expected `folds` 0; received 5"):
        refuse_other_model(_request(folder, num_folds=5))
    with pytest.raises(RunFolderError, match=r"expected `head` softmax; received rbf\. Name the same"):
        refuse_other_model(_request(folder, heads=HeadSettings(kind=HeadKind.RBF), num_folds=5))
    with pytest.raises(RunFolderError, match="expected `unfreeze` none; received dense"):
        refuse_other_model(_request(folder, heads=HeadSettings(unfreeze_dense=True)))


def test_fewer_folds_than_were_asked_for_are_those_of_the_same_request(folder: ModelFolder) -> None:
    """The record counts two, as the rarest label had two photos."""
    record = load_training_record(folder)
    data = replace(record.data, num_folds=2, num_draws=3)
    save_training_record(folder, replace(record, data=data, asked=_FOLDS))
    refuse_other_model(_request(folder, num_folds=5, num_draws=3))
    with pytest.raises(RunFolderError, match="expected `folds` 5; received 2"):
        refuse_other_model(_request(folder, num_folds=2, num_draws=3))
    with pytest.raises(RunFolderError, match="expected `preset` with 3 draws of folds; received with 1"):
        refuse_other_model(_request(folder, num_folds=5))


def test_of_a_copy_without_features_what_they_were_extracted_by_is_compared(folder: ModelFolder) -> None:
    refuse_other_model(_request(folder, images=Path("/elsewhere")))  # the features tell
    shutil.rmtree(str(folder.features.path))
    refuse_other_model(_request(folder))
    with pytest.raises(RunFolderError, match="expected `base` vgg16; received resnet50"):
        refuse_other_model(_request(folder, "resnet50"))
    with pytest.raises(RunFolderError, match=r"expected `images` .*/photos; received /elsewhere"):
        refuse_other_model(_request(folder, images=Path("/elsewhere")))
    refuse_other_model(_request(folder, resize=Resize.SQUASH, precision=Precision.BFLOAT16))
    with pytest.raises(RunFolderError, match="expected `resize` squash; received crop"):
        refuse_other_model(_request(folder, resize=Resize.CROP))
    with pytest.raises(RunFolderError, match="expected `augment` none; received flip"):
        refuse_other_model(_request(folder, flip=True))
    with pytest.raises(RunFolderError, match="expected `precision` bfloat16; received float32"):
        refuse_other_model(_request(folder, precision=Precision.FLOAT32))
    refuse_other_model(_request(folder, engine=EngineName.OPENVINO))  # an earlier version did not tell
    save_training_record(folder, replace(load_training_record(folder), engine="keras-tensorflow"))
    refuse_other_model(_request(folder))
    with pytest.raises(RunFolderError, match="expected `engine` keras-tensorflow; received openvino"):
        refuse_other_model(_request(folder, engine=EngineName.OPENVINO))


_CONVOLUTIONS = BaseRequest(
    "vgg16-convolutions", None, "block5_conv3", views=Views((), mirror=False, pooling=(ViewPooling.MEAN,))
)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (BaseRequest("resnet50", None, "block5_conv3"), "`base` vgg16-convolutions; received resnet50"),
        (BaseRequest("theirs.keras"), r"`base` vgg16-convolutions; received .*theirs\.keras"),
        (replace(_CONVOLUTIONS, weights="random"), r"`weights` none told; received random\. Ask for the same, "),
        (replace(_CONVOLUTIONS, layer="block4_conv3"), "`features` block5_conv3; received block4_conv3"),
        (replace(_CONVOLUTIONS, views=None), r"`pooling` mean; received none told\. Name the same, "),
        (
            replace(_CONVOLUTIONS, views=Views((320,), True, (ViewPooling.MEAN,))),
            r"`size` of the base itself; rec.* 320\. Ask for the same, ",
        ),
        (replace(_CONVOLUTIONS, views=Views((), True, (ViewPooling.MEAN,))), "`augment` none; received flip"),
    ],
    ids=["base", "file", "weights", "layer", "pooling", "size", "mirror"],
)
def test_what_makes_other_features_is_named_as_the_option_that_it_is(
    folder: ModelFolder, other: BaseRequest, message: str
) -> None:
    """Also beside features, whose run would tell digests, and that on Ray."""
    record = load_training_record(folder)
    save_training_record(folder, replace(record, base=replace(record.base, request=_CONVOLUTIONS)))
    refuse_other_model(_request(folder, _CONVOLUTIONS))
    with pytest.raises(RunFolderError, match=f"another request: expected {message}"):
        refuse_other_model(_request(folder, other))
    shutil.rmtree(str(folder.features.path))
    with pytest.raises(RunFolderError, match=f"another request: expected {message}"):
        refuse_other_model(_request(folder, other))


def test_weights_and_networks_of_the_users_own_may_be_the_same_elsewhere(folder: ModelFolder) -> None:
    for was, now in (
        (replace(_CONVOLUTIONS, weights="/a/w.h5"), replace(_CONVOLUTIONS, weights="/b/w.h5")),
        (BaseRequest("/a/theirs.keras"), BaseRequest("/b/theirs.keras")),
    ):
        record = load_training_record(folder)
        save_training_record(folder, replace(record, base=replace(record.base, request=was)))
        refuse_other_model(_request(folder, now))


def test_a_model_of_other_pixels_is_told_by_them(folder: ModelFolder) -> None:
    record = load_training_record(folder)
    first, other = BaseRequest("/a/own.keras"), BaseRequest("/b/own.keras", pixels=PixelScale.SIGNED)
    for was, now, told in (
        (first, other, "0..255; received -1..1"),
        (other, replace(other, pixels=PixelScale.CAFFE), "-1..1; received caffe"),
        (replace(first, further=(other,)), replace(first, further=(first,)), "-1..1; received 0..255"),
    ):
        save_training_record(folder, replace(record, base=replace(record.base, request=was)))
        refuse_other_model(_request(folder, was))
        with pytest.raises(RunFolderError, match=f"another request: expected `pixels` {told}"):
            refuse_other_model(_request(folder, now))


def test_of_a_copy_without_features_photos_and_labels_are_compared(folder: ModelFolder) -> None:
    photos = [ImageEntry(f"{n}", f"{n}.jpg", 1, target="cat" if n % 2 else "dog") for n in range(60)]
    record = load_training_record(folder)
    data = replace(record.data, digest=manifest_digest(photos, default_shard_size(len(photos))))
    save_training_record(folder, replace(record, data=data))
    swapped = [replace(photo, target="dog" if photo.target == "cat" else "cat") for photo in photos]
    refuse_other_photos(_request(folder), swapped)  # the features tell
    shutil.rmtree(str(folder.features.path))
    refuse_other_photos(_request(folder), photos)
    for others in (swapped, photos[1:]):
        with pytest.raises(RunFolderError, match="expected the 60 photos that it was trained on, with their labels"):
            refuse_other_photos(_request(folder), others)
    changed = [replace(photos[0], size_bytes=2), *photos[1:]]
    listed = manifest_digest(changed, default_shard_size(len(changed)))
    save_training_record(folder, replace(record, data=replace(data, listed=listed)))
    refuse_other_photos(_request(folder), changed)
    Path(str(folder.training)).unlink()
    refuse_other_photos(_request(folder), swapped)


@pytest.mark.parametrize("text", [None, '{"created_at": "2026'])
def test_what_is_not_finished_is_gone_on_with(folder: ModelFolder, text: str | None) -> None:
    training = Path(str(folder.training))
    if text is None:
        training.unlink()
    else:
        training.write_text(text)
    refuse_other_model(_request(folder, seed=3))


def test_a_finished_model_whose_record_cannot_be_read_now_is_not_taken_for_unfinished(
    folder: ModelFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail(monkeypatch, Path, "read_text", on_disk(folder.training), system_fault(errno.EIO), times=1)
    with pytest.raises(RunFolderError, match="finished model of another request"):
        refuse_other_model(_request(folder, seed=3))
    fail(monkeypatch, Path, "read_text", on_disk(folder.training), system_fault(errno.EACCES), times=9)
    with pytest.raises(StorageError, match=r"^Cannot read .*training\.json: .*\. Run again once it can be read\.$"):
        refuse_other_model(_request(folder, seed=3))


@pytest.mark.parametrize("text", ["", '{"created_at": "2026', "{}"])
def test_features_whose_record_is_damaged_do_not_tell_of_what_a_finished_model_is(
    folder: ModelFolder, text: str
) -> None:
    photos = [ImageEntry(f"{n}", f"{n}.jpg", 1, target="cat" if n % 2 else "dog") for n in range(60)]
    record = load_training_record(folder)
    data = replace(record.data, digest=manifest_digest(photos, default_shard_size(len(photos))))
    save_training_record(folder, replace(record, data=data))
    on_disk(folder.features.record).write_text(text)
    shutil.rmtree(on_disk(folder.features.predictions))
    refuse_other_model(_request(folder))
    refuse_other_photos(_request(folder), photos)
    with pytest.raises(RunFolderError, match="expected `base` vgg16; received resnet50"):
        refuse_other_model(_request(folder, "resnet50"))
    with pytest.raises(RunFolderError, match="expected the 60 photos that it was trained on, with their labels"):
        refuse_other_photos(_request(folder), photos[1:])


def test_features_whose_record_cannot_be_looked_at_now_are_not_taken_for_none(
    folder: ModelFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = on_disk(folder.features.record)
    fail(monkeypatch, Path, "stat", record, system_fault(errno.EIO), times=1)
    refuse_other_model(_request(folder, images=Path("/elsewhere")))  # the features tell
    fail(monkeypatch, Path, "stat", record, system_fault(errno.EACCES))
    for refuse in (refuse_other_model, lambda request: refuse_other_photos(request, [])):
        with pytest.raises(StorageError, match=r"^Cannot read .*run\.json: .*\. Run again once it can be read\.$"):
            refuse(_request(folder))
