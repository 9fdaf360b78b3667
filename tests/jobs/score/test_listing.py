"""What a job lists, and how it accounts for the rest: in `run.json`, in the summary, by a warning."""

import os
import shutil
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from jobs.finetune import command
from jobs.score import command as score_command
from jobs.score import listing
from jobs.score.listing import BackgroundListing, Listed, list_images, tell_listed
from jobs.score.record_keeper import new_record
from jobs.score.request import ImagesRequest
from jobs.score.settings import scorer_settings
from jobs.score.table import print_summary
from scoring.errors import RequestError
from scoring.models.model_request import ModelRequest
from scoring.networks.precision import Precision
from scoring.run.folder import RunFolder
from scoring.run.holding import hold_folder
from scoring.run.manifest import Manifest
from scoring.run.record import RunRecord, parse_record
from scoring.shards.settings import ScorerDescription
from scoring.sources.entries import LeftOut
from scoring.sources.splits import leave_out_test
from scoring.sources.table_columns import NO_COLUMNS, LabelsFile, TableColumns
from scoring.sources.targets import LabelsFrom
from tests.faults import fail
from tests.runs import SUMMARY


def _list(images: Path, folder: RunFolder, **options: Any) -> tuple[Listed, RunRecord]:
    """The listing of a job, and the record that begins with it."""
    model = ModelRequest("vgg16-imagenet", "random", None, Precision.FLOAT32, "tensorflow")
    request = ImagesRequest(images, model, **options)
    request.check()
    background = BackgroundListing(request, folder, keep=leave_out_test)
    with hold_folder(folder) as lease:
        background.start(lease.fence)
        listed = background.result()
    scorer = ScorerDescription("m", ("cat", "dog"), "float32", "as asked", {})
    return listed, new_record(request, scorer_settings(request, folder, None), listed, scorer)


@pytest.mark.parametrize("fault", [MemoryError(), type("PanicException", (BaseException,), {})("of a library in Rust")])
def test_whatever_ends_the_listing_ends_who_waits_for_it(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: BaseException
) -> None:
    fail(monkeypatch, listing, "find_images", photos, fault)
    with pytest.raises(type(fault)):
        _list(photos, RunFolder(tmp_path / "run"))
    assert not (tmp_path / "run" / "lease.json").exists()


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    for name in (
        "train/cat.1.jpg",
        "train/dog.1.jpg",
        "test/1.jpg",
        "test/2.jpg",
        "test/3.jpg",
        "notes.txt",
        "secret/4.jpg",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"1")
    return folder


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch) -> None:
    scandir = os.scandir

    def refuse(path: Any) -> Any:
        if str(path).endswith("secret"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)


@pytest.mark.usefixtures("refused")
def test_every_file_is_used_or_left_out_for_a_reason_in_the_record_and_in_the_summary(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = RunFolder(tmp_path / "run")
    listed, record = _list(photos, folder)
    assert listed.left_out == (
        LeftOut("in a test folder beside a training folder", 3, ("test/1.jpg", "test/2.jpg", "test/3.jpg")),
        LeftOut("not an image", 1, ("notes.txt",)),
        LeftOut("unreadable", 1, ("secret/",)),
    )
    assert (listed.manifest.num_images, listed.manifest.num_left_out) == (2, 5)
    assert parse_record(record.to_json(), "run.json") == record
    assert record.left_out == listed.left_out
    print_summary(Console(soft_wrap=True, width=200), replace(SUMMARY, num_images=2), record, folder)
    told = "5 files: 3 in a test folder beside a training folder; 1 not an image; 1 unreadable"
    assert told in capsys.readouterr().out


@pytest.mark.usefixtures("refused")
def test_a_folder_that_cannot_be_read_is_a_warning_with_its_name(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    listed, _ = _list(photos, RunFolder(tmp_path / "run"))
    tell_listed(Console(soft_wrap=True), listed)
    said = "1 file or folder cannot be read, and nothing there is scored: 'secret/'\n"
    assert capsys.readouterr().out == said


def test_a_tar_that_may_be_cut_off_is_a_warning_with_its_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("1.jpg", "2.jpg"):
        (tmp_path / name).write_bytes(b"1")
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        archive.add(tmp_path / "1.jpg", "1.jpg")
        end = archive.offset
        archive.add(tmp_path / "2.jpg", "2.jpg")
    os.truncate(tmp_path / "x.tar", end)
    listed, _ = _list(tmp_path / "x.tar", RunFolder(tmp_path / "run"))
    tell_listed(Console(soft_wrap=True), listed)
    said = "1 tar has no zeros at the end and may be cut off, and only what is there is scored: 'x.tar'\n"
    assert capsys.readouterr().out == said


def test_a_tar_with_zeros_in_its_middle_is_a_warning_with_its_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        for number in range(20):
            archive.addfile(tarfile.TarInfo(f"{number}.jpg"))
    with (tmp_path / "x.tar").open("r+b") as file:
        file.seek(5 * 512)
        file.write(bytes(9 * 512))
    listed, _ = _list(tmp_path / "x.tar", RunFolder(tmp_path / "run"))
    tell_listed(Console(soft_wrap=True), listed)
    said = "1 tar has zeros where photos may have been (copy it again), and only what is there is scored: 'x.tar'\n"
    assert (listed.manifest.num_images, capsys.readouterr().out) == (11, said)


_ARCHIVES = "not looked into, as there are other images (name one, or a folder of tars, to read it)"
_TABLES = "not looked into, as there are other images (name the column of images to read it)"


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["a.tar"], f"1 archive is {_ARCHIVES}: 'a.tar'\n"),
        (["data/1.tar", "b.zip"], f"2 archives are {_ARCHIVES}: 'b.zip', 'data/1.tar'\n"),
        (["data/train.parquet"], f"1 table is {_TABLES}: 'data/train.parquet'\n"),
        (["labels.parquet", "1.jpg"], ""),
        (["labels.csv.gz", "annotations.json.gz", "old.7z"], ""),
        (
            ["a.tar.zst"],
            "1 tar is compressed by what is not unpacked here, and nothing in it is scored (unpack it): 'a.tar.zst'\n",
        ),
        (
            ["b.zip.001"],
            "1 file is a part of an archive, and nothing in it is scored (put the parts together): 'b.zip.001'\n",
        ),
        (["a.tar.gz", "labels.csv.gz"], f"1 archive is {_ARCHIVES}: 'a.tar.gz'\n"),
    ],
)
@pytest.mark.parametrize("in_zip", [False, True])
def test_archives_and_tables_beside_images_are_a_warning_with_their_names(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], names: list[str], told: str, in_zip: bool
) -> None:
    """As in a download from a hub: a banner, and the photos in tars or in tables."""
    images = tmp_path / "photos"
    for name in ("assets/banner.jpg", "README.md", *names):
        (images / name).parent.mkdir(parents=True, exist_ok=True)
        (images / name).write_bytes(b"1")
    if in_zip:
        images = Path(shutil.make_archive(str(images), "zip", images))
    listed, _ = _list(images, RunFolder(tmp_path / "run"))
    tell_listed(Console(soft_wrap=True), listed)
    assert capsys.readouterr().out == told


def test_labels_of_a_file_reach_the_manifest_and_labels_without_a_photo_are_told(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "train.csv").write_text("file,label\ncat.1.jpg,tabby\ndog.1.jpg,hound\ndog.7.jpg,hound\n")
    folder = RunFolder(tmp_path / "run")
    file = LabelsFile(tmp_path / "train.csv")
    listed, record = _list(photos / "train", folder, labels_file=file, labels_from=LabelsFrom.AUTO)
    assert [image.target for image in Manifest(folder.manifest).shard(0)] == ["tabby", "hound"]
    assert record.request.labels_from == str(file.source)
    tell_listed(Console(soft_wrap=True), listed)
    assert capsys.readouterr().out == "1 labels of train.csv without a photo: 'dog.7.jpg'\n"


def test_a_column_of_one_label_among_several_is_a_warning(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "train.csv").write_text("file,rust,scab\ncat.1.jpg,1,0\ndog.1.jpg,0,1\n")
    file = LabelsFile(tmp_path / "train.csv", label_column="rust")
    listed, _ = _list(photos / "train", RunFolder(tmp_path / "run"), labels_file=file, labels_from=LabelsFrom.AUTO)
    tell_listed(Console(soft_wrap=True), listed)
    assert capsys.readouterr().out.startswith("the labels tell 'rust' from all else; train.csv has one column for each")


def test_score_takes_labels_of_a_file_and_keeps_photos_that_have_none(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "train.csv").write_text("file,label\ncat.1.jpg,tabby\n")
    requests: list[Any] = []
    monkeypatch.setattr(score_command, "run_score", lambda request, console: requests.append(request))
    told: dict[str, Any] = {"images": photos / "train", "output": tmp_path / "run"}
    for outputs in (None, "multi-label"):
        score_command.score(**told, labels_file=tmp_path / "train.csv", outputs=outputs)
    one, several = (request.images for request in requests)
    assert [image.target for image in list_images(one).listing.images] == ["tabby", None]
    assert (one.label_use.takes_several, several.label_use.takes_several) == (False, True)


def test_labels_in_two_places_are_refused(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "train.csv").touch()
    for options in ({"labels_file": LabelsFile(tmp_path / "train.csv")}, {"columns": TableColumns(label="breed")}):
        with pytest.raises(RequestError, match="or `labels_from` names; received both"):
            _list(photos, RunFolder(tmp_path / "run"), labels_from=LabelsFrom.NAMES, **options)


def test_finetune_takes_the_columns_of_a_table_or_those_of_a_file_of_labels(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests: list[Any] = []
    monkeypatch.setattr(command, "run_finetune", lambda request, console: requests.append(request))
    told: dict[str, Any] = {"images": photos, "output": tmp_path, "id_column": "image", "label_column": "breed"}
    command.finetune(**told)
    command.finetune(**told, labels_file="train.csv")
    table, file = (request.images for request in requests)
    assert (table.columns, table.labels_file) == (TableColumns(image_id="image", label="breed"), None)
    assert (file.columns, file.labels_file) == (NO_COLUMNS, LabelsFile(Path("train.csv"), "image", "breed"))
