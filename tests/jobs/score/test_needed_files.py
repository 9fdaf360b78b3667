import errno
import os
import shutil
from contextlib import nullcontext
from pathlib import Path
from unittest.mock import Mock

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cluster.nodes import Node
from cluster.shared_files import find_missing
from jobs.score.needed_files import check_seen, see_images, see_model, see_output, see_photos
from scoring.errors import RequestError
from scoring.models.model_request import ModelRequest
from scoring.networks.precision import Precision
from scoring.run.folder import RunFolder
from scoring.run.holding import hold_folder
from scoring.sources.table_columns import TableColumns
from scoring.storage.locations import locate
from tests.faults import fail, system_fault
from tests.places import on_disk


@pytest.mark.parametrize("place", ["photos.zip", "x-0.tar", "table.parquet"])
def test_file_of_images_is_known_by_its_size(tmp_path: Path, place: str) -> None:
    (tmp_path / place).write_bytes(b"12345")
    assert [(sight.path, sight.size_bytes) for sight in see_images(tmp_path / place)] == [(str(tmp_path / place), 5)]


def test_of_a_range_of_tar_files_the_first_and_the_last_are_looked_at(tmp_path: Path) -> None:
    for number in range(8, 12):
        (tmp_path / f"x-{number:02}.tar").write_bytes(b"1" * number)
    seen = see_images(tmp_path / "x-{08..11}.tar")
    assert [(Path(sight.path).name, sight.size_bytes) for sight in seen] == [("x-08.tar", 8), ("x-11.tar", 11)]


def test_folder_is_known_by_something_in_it_and_a_run_by_its_lease(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (sight,) = see_images(photos)
    assert Path(sight.path).parent == photos
    folder = RunFolder(tmp_path / "run")
    with hold_folder(folder):
        (lease,) = see_output(folder)
        assert lease.path == str(folder.lease)
        assert lease.is_here()
        fail(monkeypatch, Path, "read_bytes", on_disk(folder.lease), system_fault(errno.EMFILE), times=1)
        assert see_output(folder) == [lease]


def test_copies_of_a_folder_are_told_apart_by_some_of_their_photos(photos: Path, tmp_path: Path) -> None:
    (photos / "log.txt").write_text("of each machine")
    (photos / ".hidden.png").write_text("of each machine")
    seen = see_photos(photos)
    assert len(seen) == 5
    assert {Path(sight.path).suffix for sight in seen} == {".png"}
    copies = tmp_path / "copies"
    shutil.copytree(photos, copies, copy_function=shutil.copyfile)  # at another time
    photos.rename(tmp_path / "drivers")
    copies.rename(photos)
    assert find_missing(seen, patience_s=0) == []

    other = Path(seen[3].path)
    other.write_bytes(bytes(other.stat().st_size))
    unseen = {Node(1.0, 0.0, host="node-b"): find_missing(seen, patience_s=0)}
    check_seen(unseen, seen)  # the driver finds another photo, too: it was replaced meanwhile
    photos.rename(copies)
    (tmp_path / "drivers").rename(photos)
    with pytest.raises(RequestError, match=f"node-b cannot see {other} as this machine does"):
        check_seen(unseen, seen)


def test_some_of_the_photos_that_a_table_names_are_looked_at(photos: Path, tmp_path: Path) -> None:
    table = tmp_path / "photos.parquet"
    names = [f"photos/{number}.png" for number in range(1, 13)]
    others = ["s3://nowhere/1.png", "https://nowhere.example/1.png", "gone.png", str(photos / "1.png")]
    pq.write_table(pa.table({"path": [*names, *others]}), table)
    seen = see_photos(table)
    assert [Path(sight.path).parent for sight in seen] == [photos] * len(seen)
    assert len(seen) >= 4
    assert find_missing(seen, patience_s=0) == []
    photos.rename(tmp_path / "elsewhere")
    assert find_missing(seen, patience_s=0) == seen
    (tmp_path / "elsewhere").rename(photos)

    (tmp_path / "parts").mkdir()
    pq.write_table(pa.table({"file": [str(photos / "1.png")]}), tmp_path / "parts" / "part-0.parquet")
    (part,) = see_photos(tmp_path / "parts", TableColumns(path="file"))
    assert part.path == str(photos / "1.png")
    pq.write_table(pa.table({"content": [(photos / "1.png").read_bytes()]}), table)
    assert see_photos(table, TableColumns(content="content")) == []
    assert see_photos(table) == [], "whoever lists it says what it lacks"


def test_large_photos_are_compared_by_their_sizes(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.score.needed_files._LARGEST_COMPARED", 1)
    assert {(sight.size_bytes, sight.content) for sight in see_photos(photos)} == {
        (Path(sight.path).stat().st_size, None) for sight in see_photos(photos)
    }


def test_another_model_of_the_same_size_is_told_by_its_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tmp_path / "weights.h5"
    model.write_bytes(b"one model")
    request = ModelRequest("vgg16-imagenet", str(model), None, Precision.FLOAT32, "tensorflow")
    (seen,) = see_model(request)
    assert find_missing([seen], patience_s=0) == []
    model.write_bytes(b"any other")
    assert find_missing([seen], patience_s=0) == [seen]
    monkeypatch.setattr("jobs.score.needed_files._LARGEST_DIGESTED", 8)
    (large,) = see_model(request)
    model.write_bytes(b"one model")
    assert find_missing([large], patience_s=0) == []


def test_folder_of_links_to_nowhere_is_known_by_itself(tmp_path: Path) -> None:
    (tmp_path / "itself").symlink_to("itself")
    (tmp_path / "gone").symlink_to("nothing")
    (seen,) = see_images(tmp_path)
    assert seen.path == str(tmp_path)
    assert seen.is_here()


def test_what_may_not_be_looked_at_does_not_stand_for_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root may look at everything: the system's answers are told."""
    refused = PermissionError(13, "Permission denied")
    closed, there = Mock(path="closed", stat=Mock(side_effect=refused)), Mock(path="there")
    monkeypatch.setattr(os, "scandir", lambda path: nullcontext(iter([closed, there])))
    assert [seen.path for seen in see_images(tmp_path)] == ["there"]
    monkeypatch.setattr(os, "scandir", Mock(side_effect=refused))
    assert [seen.path for seen in see_images(tmp_path)] == [str(tmp_path)]


def test_buckets_are_not_looked_at() -> None:
    """Nor are they asked for anything: there is no such server here."""
    assert see_images(locate("s3://nowhere/photos")) == see_photos(locate("s3://nowhere/photos")) == []
    assert see_output(RunFolder(locate("s3://nowhere/run"))) == []
    request = ModelRequest("vgg16-imagenet", "s3://nowhere/weights.h5", None, Precision.FLOAT32, "tensorflow")
    assert see_model(request) == []
