"""training.json: read whole and written as it was, or told to be missing or damaged."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from scoring.errors import BucketError, RunFolderError
from scoring.models.foreign_model import refuse_foreign_model
from scoring.models.model_folder import ModelFolder
from scoring.models.training_record import load_training_record, save_training_record
from scoring.networks.base_request import BaseRequest
from scoring.networks.pixel_scales import PixelScale
from scoring.networks.pooled_views import ViewPooling, Views
from scoring.pixels.decoding import Resize
from scoring.report.page import write_report
from scoring.run.json_fields import to_json_with_checksum
from scoring.storage.durable import write_text
from scoring.storage.locations import Url
from tests.places import on_disk
from tests.runs import cats_and_dogs, write_model


@pytest.fixture
def folder(tmp_path: Path) -> ModelFolder:
    """A finished model folder, whose training.json is written out in `tests/runs.py`."""
    path = tmp_path / "model"
    write_model(path, cats_and_dogs(24), Path("photos"))
    return ModelFolder(path)


def test_a_record_is_written_byte_for_byte_as_it_was_read(folder: ModelFolder) -> None:
    before = folder.training.read_text()
    save_training_record(folder, load_training_record(folder))
    assert folder.training.read_text() == before


def test_a_record_says_what_finetune_wrote(folder: ModelFolder) -> None:
    record = load_training_record(folder)
    assert record.labels == ("cat", "dog")
    assert record.base.request == BaseRequest("vgg16", None, "fc2")
    assert (record.data.num_train, record.data.num_errors, record.images) == (36, 1, "photos")
    assert record.resize_mode is Resize.SQUASH
    assert [epoch.epoch for epoch in record.heads[1].curve] == [1, 2, 3]
    assert record.metrics.submission_log_loss.calibrated == 0.3
    assert record.metrics.first_head.num_images == 24


def test_what_is_saved_is_loaded(folder: ModelFolder) -> None:
    record = replace(load_training_record(folder), head_only=True, flip=True, labels=("a", "b", "c"))
    second = BaseRequest("own.keras", pixels=PixelScale.SIGNED, views=Views((), True, (ViewPooling.MAX,)))
    both = replace(record.base.request, pixels=PixelScale.CAFFE, further=(second,))
    record = replace(record, base=replace(record.base, request=both))
    save_training_record(folder, record)
    assert load_training_record(folder) == record


def test_an_earlier_record_with_all_pairs_of_many_labels_is_still_read(folder: ModelFolder) -> None:
    stored = json.loads(folder.training.read_text())
    del stored["sha256"]
    pairs = np.eye(150, dtype=int).tolist()
    stored["metrics"]["after_calibration"]["confusion"] = pairs
    write_text(folder.training, to_json_with_checksum(stored))
    record = load_training_record(folder)
    assert record.metrics.after_calibration.confusion == pairs
    save_training_record(folder, record)
    assert load_training_record(folder) == record


@pytest.mark.parametrize("num_labels", [2, 150])
def test_a_record_is_read_with_and_without_the_pairs_of_labels(tmp_path: Path, num_labels: int) -> None:
    rest = (0.0,) * (num_labels - 2)
    images = [replace(image, probabilities=(*(image.probabilities or ()), *rest)) for image in cats_and_dogs(8)]
    labels = ["cat", "dog", *(f"breed{number}" for number in range(num_labels - 2))]
    folder = ModelFolder(write_model(tmp_path / "model", images, labels=labels))
    text, record = folder.training.read_text(), load_training_record(folder)
    assert (record.metrics.after_calibration.confusion is None) is (num_labels > 100)
    save_training_record(folder, record)
    assert folder.training.read_text() == text
    assert ("The most frequent mistakes" in on_disk(write_report(folder.path, None, None).path).read_text()) is (
        num_labels > 12
    )


@pytest.mark.parametrize("field", ["labels", "base", "data", "settings", "heads", "calibration", "metrics"])
def test_a_record_that_lacks_a_field_is_told_in_one_line_with_what_to_do(folder: ModelFolder, field: str) -> None:
    stored = json.loads(folder.training.read_text())
    del stored[field]
    write_text(folder.training, json.dumps(stored))
    with pytest.raises(RunFolderError, match=rf"damaged: {field} is missing. Run the same finetune") as refused:
        load_training_record(folder)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("text", [None, "", '{"labels": ["cat"', "[]", "null"])
def test_a_folder_without_a_whole_record_is_told_in_one_line_with_what_to_do(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "training.json").write_text(text)
    advice = "Name a folder that it wrote" if text is None else "Run the same finetune command again"
    with pytest.raises(RunFolderError, match=rf"is missing or damaged: .* {advice}\.$") as refused:
        load_training_record(ModelFolder(tmp_path))
    assert "\n" not in str(refused.value)


def test_a_pipe_in_the_place_of_a_record_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "training.json")
    with pytest.raises(RunFolderError, match=r"missing or damaged: .*it is no regular file"):
        load_training_record(ModelFolder(tmp_path))


def test_a_bucket_that_cannot_be_reached_is_not_taken_for_damage(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(url: Url, encoding: str) -> str:
        raise BucketError(None, "no connection", str(url))

    monkeypatch.setattr(Url, "read_text", fail)
    with pytest.raises(BucketError, match="no connection"):
        load_training_record(ModelFolder(Url("s3", "bucket", "model")))


def test_a_record_whose_clip_is_not_what_was_written_is_damaged(folder: ModelFolder) -> None:
    changed = folder.training.read_text().replace('"clip": 0.02', '"clip": 0.03')
    write_text(folder.training, changed)
    with pytest.raises(RunFolderError, match="damaged: its checksum is of something else"):
        load_training_record(folder)


@pytest.mark.parametrize("lost", [[], ["training.json"], ["features/run.json", "training.json"], ["features"]])
@pytest.mark.parametrize("has_lease", [False, True])
def test_what_a_fine_tune_left_half_done_or_damaged_is_taken_up(
    folder: ModelFolder, lost: list[str], has_lease: bool
) -> None:
    model = on_disk(folder.path)
    write_text(folder.labels, "[]")
    folder.heads.mkdir(exist_ok=True)
    write_text(folder.head(1000), "a head")
    for name in lost:
        shutil.rmtree(model / name) if (model / name).is_dir() else (model / name).unlink()
    if has_lease:
        (model / "features").mkdir(exist_ok=True)
        write_text(folder.features.lease, "{}")
    refuse_foreign_model(folder)
    write_text(folder.training, '{"created_at"')
    refuse_foreign_model(folder)


def test_a_record_of_before_there_were_checksums_is_believed(folder: ModelFolder) -> None:
    record = load_training_record(folder)
    earlier = json.loads(folder.training.read_text())
    del earlier["sha256"]
    write_text(folder.training, json.dumps(earlier))
    assert load_training_record(folder) == record
