from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scoring.errors import ImagesError
from scoring.sources.inputs import find_images
from scoring.sources.label_use import LabelUse
from scoring.sources.labelling import label_by_table
from scoring.sources.table_columns import TableColumns
from tests.tables import write_columns


@pytest.mark.parametrize("content", [None, "image"])
def test_column_that_names_the_folders_of_a_tables_parts_is_one_as_others(tmp_path: Path, content: str | None) -> None:
    """As pandas, Spark and DuckDB leave it out of the parts themselves."""
    labels = ["cat", "a dog/é", None, "cat"]
    columns = {"path": [f"{row}.jpg" for row in range(4)], "id": list("abcd"), "image": [b"1"] * 4, "label": labels}
    pq.write_to_dataset(pa.table(columns), tmp_path / "table", partition_cols=["label"])
    images = find_images(tmp_path / "table", chosen := TableColumns(content=content, image_id="id", label="label"))
    labelled = label_by_table(images, tmp_path / "table", chosen, LabelUse(keeps_unlabelled=True))
    assert {image.image_id: image.target for image in labelled.listing.images} == dict(zip("abcd", labels, strict=True))
    by_label = TableColumns(content=content, image_id="label")
    with pytest.raises(ImagesError, match="'cat' stands in 2 of them"):
        find_images(tmp_path / "table", by_label)


def test_column_of_a_part_counts_more_than_its_folder(tmp_path: Path) -> None:
    part = tmp_path / "table" / "label=cat" / "1.parquet"
    part.parent.mkdir(parents=True)
    write_columns(part, {"path": ["1.jpg"], "label": ["dog"]})
    chosen = TableColumns(label="label")
    labelled = label_by_table(find_images(tmp_path / "table", chosen), tmp_path / "table", chosen)
    assert [image.target for image in labelled.listing.images] == ["dog"]


@pytest.mark.parametrize("label", [None, "bucket"])
def test_folders_of_a_list_of_keys_make_no_inventory_of_it(tmp_path: Path, label: str | None) -> None:
    part = tmp_path / "table" / "bucket=b" / "1.parquet"
    part.parent.mkdir(parents=True)
    write_columns(part, {"key": ["1.jpg", "2.jpg"]})
    with pytest.raises(ImagesError, match=r"^Expected a column 'path' in .*1\.parquet; it has key"):
        find_images(tmp_path / "table", TableColumns(label=label))
    found = find_images(tmp_path / "table", TableColumns(path="key", label=label))
    assert [image.path for image in found.images] == ["1.jpg", "2.jpg"]


@pytest.mark.parametrize("folder", ["size=big", "is_latest=false", "e_tag=1", "path=x", "size=1/is_delete_marker=true"])
@pytest.mark.parametrize("label", [None, "size"])
def test_folders_of_an_inventory_tell_no_column_of_it_that_is_not_asked_for(
    tmp_path: Path, folder: str, label: str | None
) -> None:
    whole, part = tmp_path / "inventory.parquet", tmp_path / "table" / "size=2" / folder / "1.parquet"
    part.parent.mkdir(parents=True)
    for path in (whole, part):
        write_columns(path, {"bucket": ["b", "b"], "key": ["1.jpg", "2.jpg"]})
    found, expected = find_images(part.parents[2], TableColumns(label=label)), find_images(whole)
    unlabelled = [replace(image, target=None) for image in found.images]
    assert (unlabelled, found.left_out) == (list(expected.images), expected.left_out)
