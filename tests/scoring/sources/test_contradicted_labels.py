"""Labels of a file or a table beside names and folders that are other labels."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scoring.sources.inputs import find_images
from scoring.sources.labelling import label_by_file, label_by_table
from scoring.sources.table_columns import LabelsFile, TableColumns
from tests.labelled_paths import listing_of


def _told(tmp_path: Path, paths: Sequence[str], labels: Sequence[str]) -> tuple[str, ...]:
    paths = [f"x/{path}" for path in paths]
    file = tmp_path / "train.csv"
    file.write_text("\n".join(["id,label", *map(",".join, zip(paths, labels, strict=True))]) + "\n")
    return label_by_file(listing_of(paths), LabelsFile(file)).told


@pytest.mark.parametrize(
    ("paths", "labels"),
    [
        (("cats/1.jpg", "dogs/2.jpg", "dogs/3.jpg"), ("cat", "dog", "cat")),
        (("Art/cat/1.jpg", "Photo/dog/2.jpg", "Art/dog/3.jpg"), ("cat", "dog", "cat")),
        (("cat.1.jpg", "dog.2.jpg", "dog.3.jpg"), ("cat", "dog", "cat")),
    ],
)
def test_a_photo_in_a_folder_of_another_label_than_the_files_is_told(
    tmp_path: Path, paths: Sequence[str], labels: Sequence[str]
) -> None:
    said = "1 of 3 photos has a name or a folder of another label than train.csv has, which counts: "
    assert _told(tmp_path, paths, labels) == (f"{said}'x/{paths[2]}' is 'cat'",)
    pq.write_table(pa.table({"path": paths, "breed": labels}), tmp_path / "photos.parquet")
    columns = TableColumns(label="breed")
    listing = find_images(tmp_path / "photos.parquet", columns)
    (told,) = label_by_table(listing, tmp_path / "photos.parquet", columns).told
    assert told.endswith(f"than photos.parquet has, which counts: '{paths[2]}' is 'cat'")


@pytest.mark.parametrize(
    ("paths", "labels"),
    [
        (("cats/1.jpg", "dogs/2.jpg"), ("Cat", "dog")),
        (("cats/1.jpg", "dogs/2.jpg"), ("tabby", "hound")),
        (("cat/1.jpg", "cat/2.jpg"), ("cat", "dog")),
        (("Art/Clock/1.jpg", "Photo/Clock/2.jpg"), ("Art", "Photo")),
        (("0/a.jpg", "1/b.jpg", "1/c.jpg"), ("1", "0", "1")),
        (("train/1.jpg", "test/2.jpg"), ("car", "train")),
    ],
)
def test_folders_that_agree_or_are_no_labels_are_not_told(
    tmp_path: Path, paths: Sequence[str], labels: Sequence[str]
) -> None:
    assert _told(tmp_path, paths, labels) == ()
