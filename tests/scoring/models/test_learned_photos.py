"""Whether a run is of photos that its model was trained on, in the order and under the names of another listing."""

import errno
import os
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from PIL import Image
from rich.console import Console

from scoring.models.learned_photos import Learned, find_learned
from scoring.models.model_folder import ModelFolder
from scoring.models.training_record import load_training_record, save_training_record
from scoring.report.facts import warnings_of
from scoring.report.page import write_report
from scoring.run.folder import RunFolder
from scoring.run.manifest import CONTENTS, Manifest, contents_digest, write_manifest
from scoring.run.predictions import joint_contents
from scoring.sources.inputs import find_images
from scoring.sources.targets import LabelsFrom
from scoring.storage import retrying
from scoring.storage.durable import remove_tree
from tests.chaos.without_ray import score_here
from tests.faults import fail, system_fault
from tests.places import on_disk
from tests.runs import SUMMARY, Page, Scored, record_of, save_record, summary_of, write_model

_NAMES = [f"{label}.{number}.png" for label in ("cat", "dog") for number in range(4)]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for number, name in enumerate(_NAMES):
        (tmp_path / "data" / "train").mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 6), (number * 30,) * 3).save(tmp_path / "data" / "train" / name)
    return tmp_path / "data" / "train"


def _train(folder: Path, photos: Path, held_out: Sequence[str]) -> ModelFolder:
    """A model folder of these photos, some of which its heads have not seen; of none, they are folds of one another."""
    listed = sorted(find_images(photos).images, key=lambda entry: entry.path)
    images = [
        Scored(entry.path, (0.9, 0.1), entry.path[:3], None, None, entry.size_bytes, entry.position, entry.stamp)
        for entry in listed
    ]
    model = ModelFolder(write_model(folder, [image for image in images if not held_out or image.path in held_out]))
    write_manifest(model.features.manifest, [image.row().image for image in images], 4, 0)
    record = load_training_record(model)
    manifest = Manifest(model.features.manifest)
    contents = joint_contents([contents_digest(manifest.describe(shard, CONTENTS)).encode() for shard in (0, 1)])
    data = replace(record.data, digest=manifest.info.digest, contents=contents, num_images=8, num_errors=0)
    if not held_out:
        data = replace(data, num_folds=5, num_train=8, num_validation=8)
    save_training_record(model, replace(record, data=data))
    return model


def _run(folder: Path, images: Path) -> RunFolder:
    run = RunFolder(folder)
    run.path.mkdir()
    write_manifest(run.manifest, find_images(images).images, 4, 0)
    return run


@pytest.mark.parametrize("held_out", [(), ("cat.1.png", "dog.2.png")])
def test_photos_are_known_whichever_folder_above_them_was_named(
    tmp_path: Path, photos: Path, held_out: Sequence[str]
) -> None:
    model = _train(tmp_path / "model", photos, held_out)
    (photos.parent / "test").mkdir()
    Image.new("RGB", (8, 6)).save(photos.parent / "test" / "cat.0.png")
    run = _run(tmp_path / "run", photos.parent)
    learned = {f"train/{Path(name).stem}" for name in _NAMES if name not in held_out}
    assert find_learned(str(model.path), run) == Learned(frozenset(learned), frozenset({"test/cat.0"}))


def test_names_that_several_photos_have_tell_nothing(tmp_path: Path) -> None:
    photos = tmp_path / "train"
    for number in range(8):
        folder = photos / ("cat" if number < 4 else "dog")
        folder.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 6), (number * 30,) * 3).save(folder / f"{number % 4}.png")
    model = _train(tmp_path / "model", photos, ())
    (tmp_path / "test").mkdir()
    Image.new("RGB", (8, 6), (7,) * 3).save(tmp_path / "test" / "0.png")
    assert find_learned(str(model.path), _run(tmp_path / "run", tmp_path / "test")) == Learned()


def test_nothing_is_known_of_changed_photos_of_other_models_and_without_features(tmp_path: Path, photos: Path) -> None:
    model = _train(tmp_path / "model", photos, ())
    (photos / "cat.0.png").write_bytes(b"another")
    run = _run(tmp_path / "run", photos)
    assert "cat.0" not in find_learned(str(model.path), run).known
    assert len(find_learned(str(model.path), run).known) == 7
    assert find_learned("resnet50", run) == Learned()
    assert find_learned(str(tmp_path / "none"), run) == Learned()
    record = load_training_record(model)
    save_training_record(model, replace(record, data=replace(record.data, digest="4" * 64)))
    assert find_learned(str(model.path), run) == Learned(), "its features are of a later listing"
    on_disk(model.features.manifest).unlink()
    assert find_learned(str(model.path), run) == Learned()


def test_nothing_is_known_once_a_later_fine_tune_has_listed_other_contents(tmp_path: Path, photos: Path) -> None:
    model, run = _train(tmp_path / "model", photos, ()), _run(tmp_path / "run", photos)
    remove_tree(model.features.predictions)
    assert len(find_learned(str(model.path), run).known) == 8, "its listing is of the same photos"
    (photos / "cat.0.png").write_bytes(b"another")
    listed = sorted(find_images(photos).images, key=lambda entry: entry.path)
    write_manifest(model.features.manifest, listed, 4, 0, load_training_record(model).data.digest)  # as it is renewed
    assert find_learned(str(model.path), run) == Learned()
    assert find_learned(str(model.path), _run(tmp_path / "again", photos)) == Learned()


@pytest.mark.parametrize(("has_others", "num_known"), [(False, 8), (True, 0)])
def test_nothing_is_known_of_a_model_that_noted_no_contents_once_a_photo_was_another(
    tmp_path: Path, photos: Path, has_others: bool, num_known: int
) -> None:
    model, run = _train(tmp_path / "model", photos, ()), _run(tmp_path / "run", photos)
    record = load_training_record(model)
    save_training_record(model, replace(record, data=replace(record.data, contents="")))
    save_record(model.features, replace(record_of(model.features.path), has_others=has_others))
    assert len(find_learned(str(model.path), run).known) == num_known


def test_a_run_of_photos_that_its_model_was_trained_on_says_so(
    tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model = _train(tmp_path / "model", photos, ("cat.1.png", "dog.2.png"))
    monkeypatch.setattr("jobs.score.row_counts.find_learned", lambda _, run: find_learned(str(model.path), run))
    (photos / "cat.9.png").write_bytes(b"unreadable")
    console = Console(soft_wrap=True, width=200)
    run = score_here(photos, tmp_path / "run", console, labels_from=LabelsFrom.NAMES)
    assert summary_of(run.path).num_learned == 6
    told = "he model was trained on 6 of the labelled images: what is measured on them is too good"
    assert f"t{told}\n" in capsys.readouterr().out
    assert f"Note: T{told}." in " ".join(Page(on_disk(write_report(run.path, None, None).path)).text.split())
    assert summary_of(score_here(photos, tmp_path / "without", console).path).num_learned == 0


def _sized(photos: Path) -> None:
    """Make each file longer than the one before it, behind the end of its picture."""
    for number, path in enumerate(sorted(photos.iterdir())):
        path.write_bytes(path.read_bytes() + bytes(number))


@pytest.mark.parametrize("copied", ["folder", "flat", "zip", "tar"])
def test_copies_elsewhere_may_be_known_by_their_names_and_sizes(tmp_path: Path, photos: Path, copied: str) -> None:
    _sized(photos)
    model = _train(tmp_path / "model", photos, ("cat.1.png",))
    copy = str(tmp_path / "copy")
    if copied in ("zip", "tar"):
        images = Path(shutil.make_archive(copy, copied, photos.parent))
    else:
        images = Path(shutil.copytree(photos if copied == "flat" else photos.parent, copy))
    found = find_learned(str(model.path), _run(tmp_path / "run", images))
    assert not found.known
    assert {Path(image_id).name for image_id in found.alike} == {Path(name).stem for name in _NAMES} - {"cat.1"}


def test_nothing_is_said_of_photos_of_other_sizes_or_of_the_size_that_all_have(tmp_path: Path, photos: Path) -> None:
    for path in photos.iterdir():
        path.write_bytes(path.read_bytes().ljust(100, b" "))
    model = _train(tmp_path / "same", photos, ())
    copy = Path(shutil.copytree(photos, tmp_path / "copy"))
    assert find_learned(str(model.path), _run(tmp_path / "run", copy)) == Learned()
    _sized(photos)
    model = _train(tmp_path / "model", photos, ())
    for path in copy.iterdir():  # each of a size that only a photo of another name has, or none
        path.write_bytes(path.read_bytes() + bytes(100))
    assert find_learned(str(model.path), _run(tmp_path / "again", copy)) == Learned()


@pytest.mark.parametrize("number", [errno.EIO, errno.EACCES, errno.ENOTCONN])
def test_photos_of_a_model_that_cannot_be_read_now_are_not_called_others(
    tmp_path: Path, photos: Path, number: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(retrying, "_FIRST_WAIT_S", 0.001)
    model = _train(tmp_path / "model", photos, ())
    monkeypatch.setattr("jobs.score.row_counts.find_learned", lambda _, run: find_learned(str(model.path), run))
    fail(monkeypatch, pq, "ParquetFile", on_disk(model.features.manifest), system_fault(number))
    run = score_here(photos, tmp_path / "run", Console(soft_wrap=True, width=500), labels_from=LabelsFrom.NAMES)
    told = f"trained on some of the labelled images is not known: Cannot read {model.features.manifest}: "
    assert told + os.strerror(number) in capsys.readouterr().out
    assert warnings_of(record_of(run.path))[0].endswith("Run again once it can be read.")


@pytest.mark.parametrize(("num_alike", "is_told"), [(1, False), (2, True)])
def test_names_and_sizes_that_so_few_have_by_chance_are_not_told(num_alike: int, is_told: bool) -> None:
    summary = replace(SUMMARY, num_labelled=100, num_learned=0, num_alike=num_alike)
    assert (summary.warning_of_learned is not None) is is_told


def test_a_run_of_copies_of_photos_that_its_model_was_trained_on_says_that_they_may_be(
    tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _sized(photos)
    model = _train(tmp_path / "model", photos, ())
    monkeypatch.setattr("jobs.score.row_counts.find_learned", lambda _, run: find_learned(str(model.path), run))
    (photos / "cat.3.png").write_bytes((photos / "cat.3.png").read_bytes())  # of another time
    console = Console(soft_wrap=True, width=200)
    run = score_here(photos, tmp_path / "run", console, labels_from=LabelsFrom.NAMES)
    assert (summary_of(run.path).num_learned, summary_of(run.path).num_alike) == (7, 1)
    told = "1 more have the names and sizes of photos that the model was trained on: if they are copies, what is"
    assert f"too good; {told}" in capsys.readouterr().out
    copy = Path(shutil.copytree(photos, tmp_path / "copy"))
    run = score_here(copy, tmp_path / "copied", console, labels_from=LabelsFrom.NAMES)
    assert (summary_of(run.path).num_learned, summary_of(run.path).num_alike) == (0, 8)
    assert "\n8 of the labelled images have the names and sizes of photos" in capsys.readouterr().out
