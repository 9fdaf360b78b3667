"""What a job lists, and how it accounts for the rest: in `run.json`, in the summary, by a warning."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from jobs.score.listing import BackgroundListing, Listed, warn_of_unreadable
from jobs.score.record_keeper import new_record
from jobs.score.request import ImagesRequest
from jobs.score.settings import scorer_settings
from jobs.score.table import print_summary
from scoring.models.model_request import ModelRequest
from scoring.networks.precision import Precision
from scoring.run.folder import RunFolder
from scoring.run.holding import hold_folder
from scoring.run.record import RunRecord, parse_record
from scoring.shards.settings import ScorerDescription
from scoring.sources.entries import LeftOut
from scoring.sources.targets import leave_out_test
from tests.runs import SUMMARY


def _list(images: Path, folder: RunFolder) -> tuple[Listed, RunRecord]:
    """The listing of a job, and the record that begins with it."""
    request = ImagesRequest(images, ModelRequest("vgg16-imagenet", "random", None, Precision.FLOAT32, "tensorflow"))
    listing = BackgroundListing(request, folder, keep=leave_out_test)
    with hold_folder(folder, overwrite=False) as lease:
        listing.start(lease.fence)
        listed = listing.result()
    scorer = ScorerDescription("m", ("cat", "dog"), "float32", "as asked", {})
    return listed, new_record(request, scorer_settings(request, folder, None), listed, scorer)


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
    told = "5 files: 3 in a test folder beside a training folder; 1 not an image; 1 unreadable\n"
    assert told in capsys.readouterr().out


@pytest.mark.usefixtures("refused")
def test_a_folder_that_cannot_be_read_is_a_warning_with_its_name(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    listed, _ = _list(photos, RunFolder(tmp_path / "run"))
    warn_of_unreadable(Console(soft_wrap=True), listed.left_out)
    said = "1 file or folder cannot be read, and nothing there is scored: 'secret/'\n"
    assert capsys.readouterr().out == said
