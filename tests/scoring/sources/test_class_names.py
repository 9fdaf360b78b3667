"""Numbers of classes whose names a Parquet table says as Hugging Face's datasets do."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scoring.errors import ImagesError, RequestError
from scoring.sources.entries import ImageEntry, Listing
from scoring.sources.inputs import find_images
from scoring.sources.label_use import TRAINING, LabelUse
from scoring.sources.labelling import label_by_file, label_by_table
from scoring.sources.table_columns import LabelsFile, TableColumns

_KEPT = LabelUse(keeps_unlabelled=True)


def _said(names: object, **others: object) -> dict[str, str]:
    """The metadata that datasets writes into a file's schema."""
    of_label = {"names": names, "_type": "ClassLabel"}
    return {"huggingface": json.dumps({"info": {"features": {"label": of_label, **others}}})}


def _write(table: Path, labels: object, said: dict[str, str], **others: Sequence[object]) -> Path:
    rows = pa.table({"path": [f"{row}.jpg" for row in range(4)], "label": labels, **others})
    table.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(rows.replace_schema_metadata(said), table)
    return table


def _targets(table: Path, use: LabelUse = _KEPT, label: str = "label") -> list[str | None]:
    """The labels of photos by the table that lists them, which are those by the same table as a file of labels."""
    columns = TableColumns(label=label)
    labelled = label_by_table(find_images(table, columns), table, columns, use).listing
    listing = Listing([ImageEntry(str(row), f"{row}.jpg", 1) for row in range(4)])
    if "." not in label:
        by_file = label_by_file(listing, LabelsFile(table, "path", label), use).listing
        assert [image.target for image in by_file.images] == [image.target for image in labelled.images]
    return [image.target for image in labelled.images]


@pytest.mark.parametrize("kind", [pa.int64(), pa.int8(), pa.float64()])
@pytest.mark.parametrize("names", [["1", "2", "10"], ["cat", "dog", "tench, Tinca tinca"]])
def test_a_number_of_a_class_is_the_name_that_the_table_says(
    tmp_path: Path, kind: pa.DataType, names: list[str]
) -> None:
    table = _write(tmp_path / "train-00000-of-00001.parquet", pa.array([1, 0, 2, 1], kind), _said(names))
    assert _targets(table) == [names[1], names[0], names[2], names[1]]
    assert _targets(table, TRAINING) == [names[1], names[0], names[2], names[1]]


def test_a_photo_of_class_minus_one_has_no_label(tmp_path: Path) -> None:
    table = _write(tmp_path / "test.parquet", pa.array([-1, 0, None, 1], pa.int64()), _said(["cat", "dog"]))
    assert _targets(table) == [None, "cat", None, "dog"]
    assert _targets(table, TRAINING) == ["cat", "dog"]


@pytest.mark.parametrize("number", [2, -2, 0.5])
def test_a_number_of_no_class_is_refused(tmp_path: Path, number: float) -> None:
    table, columns = (
        _write(tmp_path / "t.parquet", [0, 1, number, 0], _said(["cat", "dog"])),
        TableColumns(label="label"),
    )
    told = rf"column 'label' of t.parquet to hold numbers from 0 to 1, of .*; one is {number}\. Mend"
    with pytest.raises(ImagesError, match=told):
        label_by_table(find_images(table), table, columns)
    with pytest.raises(RequestError, match=told):
        label_by_file(Listing([ImageEntry("0", "0.jpg", 1)]), LabelsFile(table, "path", "label"))


def test_each_part_says_what_its_numbers_mean(tmp_path: Path) -> None:
    table = tmp_path / "data"
    _write(table / "a.parquet", [0, 1, 0, 1], _said(["cat", "dog"]))
    rows = pa.table({"path": ["4.jpg", "5.jpg"], "label": [0, 1]})
    pq.write_table(rows.replace_schema_metadata(_said(["dog", "cat"])), table / "b.parquet")
    columns = TableColumns(label="label")
    found = label_by_table(find_images(table, columns), table, columns).listing
    assert [image.target for image in found.images] == ["cat", "dog", "cat", "dog", "dog", "cat"]
    listing = Listing([ImageEntry(str(row), f"{row}.jpg", 1) for row in range(6)])
    assert [image.target for image in label_by_file(listing, LabelsFile(table)).listing.images] == [
        image.target for image in found.images
    ]


@pytest.mark.parametrize("first", [False, True])
def test_parts_that_name_classes_and_parts_of_bare_numbers_are_refused_together(tmp_path: Path, first: bool) -> None:
    """pandas and DuckDB write a part without the metadata of Hugging Face."""
    table, columns, listing = tmp_path / "t", TableColumns(label="label"), Listing([ImageEntry("0", "0.jpg", 1)])
    said = _said(["cat", "dog"])
    table.mkdir()
    for part, is_named in (("0", first), ("1", not first)):
        rows = pa.table({"path": [f"{part}.jpg"], "label": [0]})
        pq.write_table(rows.replace_schema_metadata(said if is_named else {}), table / f"{part}.parquet")
    names = ("0", "1") if first else ("1", "0")
    told = r"in .*/t to name the classes of column 'label' .*; {}.parquet does and {}.parquet does not".format(*names)
    with pytest.raises(ImagesError, match=told):
        find_images(table, columns)
    with pytest.raises(RequestError, match=told):
        label_by_file(listing, LabelsFile(table, "path", "label"))


@pytest.mark.parametrize("others", [pa.array([], pa.int64()), pa.array(["dog", "cat"]), pa.array([True, False])])
def test_parts_without_rows_or_of_other_values_need_no_names(tmp_path: Path, others: pa.Array) -> None:
    table, columns = tmp_path / "t", TableColumns(label="label")
    _write(table / "0.parquet", [0, 1, 1, 0], _said(["cat", "dog"]))
    rows = pa.table({"path": [f"{row + 4}.jpg" for row in range(len(others))], "label": others})
    pq.write_table(rows, table / "1.parquet")
    found = label_by_table(find_images(table, columns), table, columns).listing
    targets = [image.target for image in found.images]
    assert targets == ["cat", "dog", "dog", "cat", *(str(one).lower() for one in others.to_pylist())]


@pytest.mark.parametrize(("steps", "targets"), [("01", ["1", "2"]), (("cat", "dog"), ["cat", "dog"])])
def test_folders_of_a_tables_parts_may_tell_the_number(
    tmp_path: Path, steps: Sequence[str], targets: Sequence[str]
) -> None:
    for row, step in enumerate(steps):
        part = tmp_path / "t" / f"label={step}" / f"{row}.parquet"
        part.parent.mkdir(parents=True)
        pq.write_table(pa.table({"path": [f"{row}.jpg"], "n": [1]}).replace_schema_metadata(_said(["1", "2"])), part)
    columns = TableColumns(label="label")
    found = label_by_table(find_images(tmp_path / "t", columns), tmp_path / "t", columns).listing
    assert [image.target for image in found.images] == targets
    listing = Listing([ImageEntry(str(row), f"{row}.jpg", 1) for row in range(2)])
    by_file = label_by_file(listing, LabelsFile(tmp_path / "t", "path", "label")).listing
    assert [image.target for image in by_file.images] == targets


def test_a_column_inside_another_is_named_as_well(tmp_path: Path) -> None:
    inside = pa.array([{"breed": number, "n": number} for number in (1, 0, 0, 1)])
    said = _said(["x"], meta={"breed": {"names": ["cat", "dog"], "_type": "ClassLabel"}, "n": {"_type": "Value"}})
    table = _write(tmp_path / "t.parquet", [0] * 4, said, meta=inside)
    assert _targets(table, label="meta.breed") == ["dog", "cat", "cat", "dog"]
    assert _targets(table, label="meta.n") == ["1", "0", "0", "1"]


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"huggingface": "{"},
        {"huggingface": "[" * 100_000},
        {"huggingface": "[]"},
        {"huggingface": json.dumps({"info": {"features": [1]}})},
        {"huggingface": json.dumps({"info": {"features": {"label": {"dtype": "int64", "_type": "Value"}}}})},
        _said(None),
        _said([]),
        _said([1, 2]),
        _said("ab"),
        _said(["cat", "cat"]),  # of which neither is told from the other
    ],
)
def test_numbers_stay_where_no_names_are_said(tmp_path: Path, said: dict[str, str]) -> None:
    assert _targets(_write(tmp_path / "t.parquet", [0, 1, 0, 1], said)) == ["0", "1", "0", "1"]


def test_true_and_false_are_names_already(tmp_path: Path) -> None:
    table = _write(tmp_path / "t.parquet", [True, False, False, True], _said(["no", "yes"]))
    assert _targets(table) == ["true", "false", "false", "true"]


def test_texts_are_names_already(tmp_path: Path) -> None:
    assert _targets(_write(tmp_path / "t.parquet", ["1", "2", "1", "1"], _said(["2", "1"]))) == ["1", "2", "1", "1"]


def test_a_column_of_splits_that_are_classes_is_read_by_their_names(tmp_path: Path) -> None:
    splits = {"names": ["train", "test"], "_type": "ClassLabel"}
    table = _write(tmp_path / "t.parquet", [0, 1, 0, 1], _said(["cat", "dog"], split=splits), split=[0, 0, 1, 0])
    columns = TableColumns(label="label")
    with pytest.raises(RequestError, match=r"the column 'split' of t.parquet says that 1 of 4 are to test on"):
        label_by_table(find_images(table, columns), table, columns)


@pytest.mark.parametrize(
    "names",
    [
        ["hot dog", "dog", "hot"],
        ["Accord; sedan", "Civic", "hot"],
        ["a|b", "c", "hot"],
        ["maillot", "maillot, tank suit", "tank suit"],
        ["[a, b]", "1 2", "1"],
    ],
)
def test_a_name_of_a_class_is_one_label_whatever_marks_it_has(tmp_path: Path, names: list[str]) -> None:
    table, columns = _write(tmp_path / "t.parquet", [0, 1, 2, 0], _said(names)), TableColumns(label="label")
    listing = Listing([ImageEntry(str(row), f"{row}.jpg", 1) for row in range(4)])
    for use in (TRAINING, LabelUse(takes_several=True)):
        assert _targets(table, use) == [*names, names[0]]
    assert label_by_table(find_images(table, columns), table, columns).told == ()
    assert label_by_file(listing, LabelsFile(table, "path", "label")).told == ()


@pytest.mark.parametrize(
    "names", [["null", "n/a", "nan"], ["1", "1.0", "2"], ["1.0", "2.0", "3.0"], ["NULL", "<NA>", "cat"]]
)
def test_a_name_of_a_class_is_no_empty_cell_and_no_number(tmp_path: Path, names: list[str]) -> None:
    assert _targets(_write(tmp_path / "t.parquet", [0, 1, 2, 0], _said(names)), TRAINING) == [*names, names[0]]


def test_a_name_of_a_class_has_no_blanks_around_it_unless_another_is_told_by_these(tmp_path: Path) -> None:
    read_by_lines = _said(["cat\n", " dog"])
    assert _targets(_write(tmp_path / "t.parquet", [0, 1, 0, 1], read_by_lines)) == ["cat", "dog", "cat", "dog"]
    assert _targets(_write(tmp_path / "t.parquet", [0, 1, 0, 1], _said(["cat", "cat "]))) == ["0", "1", "0", "1"]


def test_texts_beside_names_of_classes_may_be_several(tmp_path: Path) -> None:
    table, columns = tmp_path / "t", TableColumns(label="label")
    _write(table / "0.parquet", [0, 1, 1, 0], _said(["cat", "hot dog"]))
    pq.write_table(pa.table({"path": ["4.jpg", "5.jpg"], "label": ["a|b", "null"]}), table / "1.parquet")
    with pytest.raises(RequestError, match=r"'a\|b' is several"):
        label_by_table(find_images(table, columns), table, columns)
    pq.write_table(pa.table({"path": ["4.jpg", "5.jpg"], "label": ["2.0", "null"]}), table / "1.parquet")
    found = label_by_table(find_images(table, columns), table, columns, _KEPT).listing
    assert [image.target for image in found.images] == ["cat", "hot dog", "hot dog", "cat", "2", None]


def _numbers(table: Path) -> Mapping[str, int | None]:
    """The classes' numbers by the table that lists photos, which are those by the same table as a file of labels."""
    columns, listing = TableColumns(label="label"), Listing([ImageEntry("0", "0.jpg", 1)])
    found = label_by_table(find_images(table, columns), table, columns, _KEPT).class_numbers
    assert label_by_file(listing, LabelsFile(table, "path", "label"), _KEPT).class_numbers == found
    return found


def test_the_numbers_of_named_classes_are_known(tmp_path: Path) -> None:
    assert _numbers(_write(tmp_path / "t.parquet", [0, 2, 0, 2], _said(["zebra", "cat", "ant"]))) == {
        "zebra": 0,
        "cat": 1,
        "ant": 2,
    }
    assert _numbers(_write(tmp_path / "u.parquet", [0, 2, 0, 2], {})) == {}
    assert _numbers(_write(tmp_path / "v.parquet", ["1", "2", "1", "1"], _said(["2", "1"]))) == {}


def test_a_class_has_no_number_where_parts_give_it_two(tmp_path: Path) -> None:
    for row, names in enumerate((["cat", "dog"], ["dog", "cat"], ["cat", "owl", "dog"])):
        rows = pa.table({"path": [f"{row}.jpg"], "label": [1]}).replace_schema_metadata(_said(names))
        (tmp_path / "t").mkdir(exist_ok=True)
        pq.write_table(rows, tmp_path / "t" / f"{row}.parquet")
    assert _numbers(tmp_path / "t") == {"cat": None, "dog": None, "owl": 1}


def test_folders_of_named_classes_have_their_numbers(tmp_path: Path) -> None:
    part = tmp_path / "t" / "label=ant" / "0.parquet"
    part.parent.mkdir(parents=True)
    rows = pa.table({"path": ["0.jpg"], "n": [1]}).replace_schema_metadata(_said(["zebra", "ant"]))
    pq.write_table(rows, part)
    assert _numbers(tmp_path / "t") == {"zebra": 0, "ant": 1}
