"""Labels that names and folders tell, as they are taken to train and to score."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scoring.errors import ImagesError
from scoring.sources.inputs import find_images, other_columns
from scoring.sources.label_use import LabelUse
from scoring.sources.path_labelling import label_by_path
from scoring.sources.table_columns import TableColumns
from scoring.sources.targets import LabelsFrom
from tests.labelled_paths import listing_of, targets_by_path


def test_folders_of_several_labels_are_refused_to_train_on_and_taken_to_score() -> None:
    paths = [f"x/{label}/1.jpg" for label in ("red", "green", "red,green", "none")]
    with pytest.raises(ImagesError, match=r"'x/red,green/1\.jpg' has 'red,green', which is several.* not trained here"):
        label_by_path(listing_of(paths), LabelsFrom.FOLDERS)
    scored = label_by_path(listing_of(paths), LabelsFrom.FOLDERS, LabelUse(keeps_unlabelled=True)).listing
    assert list(targets_by_path(scored).values()) == ["red", "green", "red,green", "none"]
    with pytest.raises(ImagesError, match=r"'x/red\|green/1\.jpg' has 'red\|green', which is several, with bars"):
        label_by_path(listing_of(["x/red|green/1.jpg", "x/blue/1.jpg"]), LabelsFrom.FOLDERS)
    (told,) = label_by_path(listing_of(["x/red,green/1.jpg", "x/green/1.jpg"]), LabelsFrom.FOLDERS).told
    assert told.startswith("'red,green' counts as one label; if it is several, with commas between them,")


def test_photos_beside_the_folders_of_splits_are_refused_to_train_on_and_taken_to_score() -> None:
    paths = [f"x/{split}/{label}/1.jpg" for split in ("train", "valid") for label in ("cat", "dog")]
    for beside in ("x/docs/fig.jpg", "x/eval/2.jpg"):
        with pytest.raises(ImagesError, match=f"'{beside}'"):
            label_by_path(listing_of([*paths, beside]), LabelsFrom.FOLDERS)
        scored = label_by_path(
            listing_of([*paths, beside]), LabelsFrom.FOLDERS, LabelUse(keeps_unlabelled=True)
        ).listing
        assert list(targets_by_path(scored).values()) == ["cat", "dog", "cat", "dog", beside.split("/")[1]]


@pytest.mark.parametrize("labels", [("New York, NY", "Albany, NY", "none"), ("crane, bird", "crane, machine", "bird")])
def test_folders_with_commas_in_the_names_of_labels_are_trained_on(labels: Sequence[str]) -> None:
    found = label_by_path(listing_of([f"x/{label}/1.jpg" for label in labels]), LabelsFrom.AUTO).listing
    assert list(targets_by_path(found).values()) == list(labels)


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({"label": ["cat", "dog"], "n": [1, 2]}, r"Labels in a column of the table, 'label', are taken by `label_col"),
        ({"what": ["cat", "dog"]}, "Labels in a column of the table, if there are any, are taken by"),
        ({}, r"such as '1\.jpg'\.$"),
    ],
)
def test_a_column_of_a_table_of_images_that_may_hold_labels_is_named_where_paths_tell_none(
    tmp_path: Path, columns: dict[str, list[object]], told: str
) -> None:
    table = tmp_path / "images.parquet"
    pq.write_table(pa.table({"path": ["1.jpg", "2.jpg"], **columns}), table)
    others = partial(other_columns, table, TableColumns())
    with pytest.raises(ImagesError, match=told):
        label_by_path(find_images(table), LabelsFrom.AUTO, columns_of_images=others)
