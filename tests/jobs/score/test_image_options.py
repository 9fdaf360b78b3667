"""Ids and labels that stand in a file beside a table of images."""

import csv
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs.score.image_options import columns_and_labels
from jobs.score.listing import list_images
from jobs.score.request import ImagesRequest
from scoring.errors import RequestError
from tests.collections_of_pictures import SHADES, picture
from tests.fakes import FAKE_MODEL

# The photo of row n is called the n-th of these: numbers that are those of other rows.
_IDS = [str(len(SHADES) - row) for row in range(len(SHADES))]


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    """The label of each photo says what it is called."""
    with (tmp_path / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("name", "label"), *((one, f"label of {one}") for one in _IDS)])
    return tmp_path / "labels.csv"


def _request(table: Path, labels: Path, **columns: str) -> ImagesRequest:
    path, content, image_id = (columns.get(name) for name in ("path_column", "bytes_column", "id_column"))
    of_table, of_file = columns_and_labels(table, path, content, image_id, labels, "label")
    return ImagesRequest(table, FAKE_MODEL, columns=of_table, labels_file=of_file)


def test_a_column_of_ids_is_that_of_the_table_and_of_the_file(tmp_path: Path, labels: Path) -> None:
    paths = [f"photo {row}.bmp" for row in range(1, len(SHADES) + 1)]
    columns = {"image": [picture(shade) for shade in SHADES], "path": paths, "name": _IDS}
    pq.write_table(pa.table(columns), tmp_path / "photos.parquet")
    for images in ({"bytes_column": "image"}, {"path_column": "path"}):
        found = list_images(_request(tmp_path / "photos.parquet", labels, **images, id_column="name")).listing.images
        assert [image.target for image in found] == [f"label of {image.image_id}" for image in found]
        assert sorted(image.image_id for image in found) == sorted(_IDS)


@pytest.mark.parametrize("names", [_IDS[::-1], [str(number) for number in range(len(SHADES))]], ids=["other", "by one"])
def test_ids_that_mean_other_photos_than_their_paths_are_refused(
    tmp_path: Path, labels: Path, names: Sequence[str]
) -> None:
    pq.write_table(pa.table({"path": [f"train/{one}.bmp" for one in _IDS], "name": names}), tmp_path / "photos.parquet")
    with pytest.raises(RequestError, match=r"'train/\d+.bmp' is '\d+' by that column, and not by its path"):
        list_images(_request(tmp_path / "photos.parquet", labels, id_column="name"))
    by_path = list_images(_request(tmp_path / "photos.parquet", labels)).listing.images
    assert [image.target for image in by_path] == [f"label of {Path(image.path).stem}" for image in by_path]


def test_ids_are_taken_where_the_paths_can_be_none(tmp_path: Path, labels: Path) -> None:
    paths = [f"{folder}/{number:04d}.bmp" for number in range(1, 11) for folder in ("cat", "dog")]
    ids = [str(number) for number in range(20, 0, -1)]
    pq.write_table(pa.table({"path": paths, "name": ids}), tmp_path / "photos.parquet")
    labels.write_text("name,label\n" + "".join(f"{one},label of {one}\n" for one in ids))
    found = list_images(_request(tmp_path / "photos.parquet", labels, id_column="name")).listing.images
    assert [image.target for image in found] == [f"label of {image.image_id}" for image in found]
    assert len(found) == len(ids)


def test_ids_that_mean_the_same_photos_as_their_paths_are_taken(tmp_path: Path, labels: Path) -> None:
    paths = [f"train/{one}.bmp" for one in _IDS[:-1]]
    pq.write_table(pa.table({"path": [*paths, "train/new.bmp"], "name": _IDS}), tmp_path / "photos.parquet")
    found = list_images(_request(tmp_path / "photos.parquet", labels, id_column="name")).listing.images
    assert [image.target for image in found] == [f"label of {image.image_id}" for image in found]


def test_a_table_whose_rows_have_numbers_alone_is_refused(tmp_path: Path, labels: Path) -> None:
    pq.write_table(pa.table({"image": [picture(shade) for shade in SHADES]}), tmp_path / "photos.parquet")
    for asked in ({}, {"id_column": "name"}):
        request = _request(tmp_path / "photos.parquet", labels, bytes_column="image", **asked)
        with pytest.raises(
            RequestError, match="Expected `id_column` to name the ids in the table and in `labels_file`"
        ):
            request.check()


def test_a_photo_without_an_id_gets_the_label_of_no_other(tmp_path: Path, labels: Path) -> None:
    ids = [None if row == 1 else one for row, one in enumerate(_IDS)]
    columns = {"image": [picture(shade) for shade in SHADES], "name": ids}
    pq.write_table(pa.table(columns), tmp_path / "photos.parquet")
    request = _request(tmp_path / "photos.parquet", labels, bytes_column="image", id_column="name")
    found = list_images(request).listing.images
    assert [image.target for image in found] == [f"label of {one}" for one in ids if one]


def test_a_folder_takes_the_column_for_the_files_alone(tmp_path: Path, labels: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for one in _IDS:
        (photos / f"{one}.bmp").write_bytes(picture(1))
    found = list_images(_request(photos, labels, id_column="name")).listing.images
    assert [image.target for image in found] == [f"label of {image.image_id}" for image in found]
