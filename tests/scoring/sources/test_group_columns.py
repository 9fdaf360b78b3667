"""Which photos belong together, as those of one patient do, by a column beside their labels."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
import pytest

from scoring.errors import ImagesError, RequestError
from scoring.sources.entries import ImageEntry, Listing
from scoring.sources.inputs import check_images, find_images
from scoring.sources.label_use import LabelUse
from scoring.sources.labelling import Labelled, label_by_file, label_by_table
from scoring.sources.table_columns import LabelsFile, TableColumns

_NUM = 40


def _by_file(tmp_path: Path, suffix: str, columns: dict[str, Sequence[object]], group: str | None) -> Labelled:
    table = pd.DataFrame({"image_id": [f"p{row}" for row in range(_NUM)], **columns})
    path = tmp_path / f"train.{suffix}"
    if suffix == "csv":
        table.to_csv(path, index=False)
    else:
        table.to_parquet(path)
    listing = Listing([ImageEntry(f"p{row}", f"photos/p{row}.jpg", 1) for row in range(_NUM)])
    return label_by_file(listing, LabelsFile(path, label_column="label", group_column=group))


def _by_table(tmp_path: Path, _: str, columns: dict[str, Sequence[object]], group: str | None) -> Labelled:
    path = tmp_path / "train.parquet"
    pd.DataFrame({"path": [f"photos/p{row}.jpg" for row in range(_NUM)], **columns}).to_parquet(path)
    asked = TableColumns(label="label", group=group)
    check_images(path, asked)
    return label_by_table(find_images(path, asked), path, asked)


_BY = pytest.mark.parametrize(
    ("label", "suffix"),
    [(_by_file, "csv"), (_by_file, "parquet"), (_by_table, "parquet")],
    ids=["csv", "parquet", "table of images"],
)
_Label = Callable[[Path, str, dict[str, Sequence[object]], str | None], Labelled]
_LABELS = ["cat", "dog"] * (_NUM // 2)
_PATIENTS = [f"IP_{row // 4}" for row in range(_NUM)]


@_BY
def test_groups_are_read_as_numbers_and_texts_and_empty_cells_are_of_none(
    tmp_path: Path, label: _Label, suffix: str
) -> None:
    numbers = [7, 7, None, *[8] * (_NUM - 3)]
    found = label(tmp_path, suffix, {"label": _LABELS, "patient_id": numbers}, "patient_id").listing.images
    assert [image.group for image in found[:4]] == ["7", "7", None, "8"]
    words = ["a", " a", "NA", "unassigned", "-1", *"b" * (_NUM - 5)]
    found = label(tmp_path, suffix, {"label": _LABELS, "who": words}, "who").listing.images
    assert [image.group for image in found[:6]] == ["a", "a", None, None, None, "b"]
    assert [image.target for image in found] == _LABELS
    found = label(tmp_path, suffix, {"label": _LABELS, "who": words}, None).listing.images
    assert {image.group for image in found} == {None}


@_BY
def test_a_column_of_groups_that_is_not_there_is_refused(tmp_path: Path, label: _Label, suffix: str) -> None:
    with pytest.raises((RequestError, ImagesError), match=r"'who'.*'?label'?") as refused:
        label(tmp_path, suffix, {"label": _LABELS, "patient_id": _PATIENTS}, "who")
    assert "`group_column`" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_photo_of_two_groups_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "train.csv"
    path.write_text("image_id,label,who\np0,cat,1\np0,cat,2\np1,dog,1\n")
    listing = Listing([ImageEntry("p0", "p0.jpg", 1), ImageEntry("p1", "p1.jpg", 1)])
    with pytest.raises(RequestError, match=r"one value of 'who' for each photo in train\.csv; 'p0' has '1' and '2'"):
        label_by_file(listing, LabelsFile(path, group_column="who"))


@_BY
@pytest.mark.parametrize("values", [[f"IP_{row}" for row in range(_NUM)], [""] * _NUM], ids=["unique", "empty"])
def test_a_column_of_groups_that_no_two_photos_share_is_refused(
    tmp_path: Path, label: _Label, suffix: str, values: Sequence[str]
) -> None:
    with pytest.raises(RequestError, match=rf"share a value of 'who' in train\.{suffix}; no two do"):
        label(tmp_path, suffix, {"label": _LABELS, "who": values}, "who")


@_BY
@pytest.mark.parametrize(
    "column", ["patient_id", "PatientID", "lesion_id", "Subject", "Study Instance UID", "case", "Driver"]
)
@pytest.mark.parametrize("are_numbers", [False, True])
def test_a_column_that_seems_to_be_of_groups_is_told_where_none_is_named(
    tmp_path: Path, label: _Label, suffix: str, column: str, are_numbers: bool
) -> None:
    values: Sequence[object] = [row // 4 for row in range(_NUM)] if are_numbers else _PATIENTS
    columns = {"sex": ["f", "m", "m", "f"] * 10, column: values, "label": _LABELS}
    (told,) = label(tmp_path, suffix, columns, None).told
    assert told == (
        f"photos of one {column!r} of train.{suffix} may be trained on and validated on, which makes the figures too "
        f"good; `group_column` {column!r} keeps them on one side"
    )
    assert label(tmp_path, suffix, columns, column).told == ()


@_BY
@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("patient_id", [f"IP_{row}" for row in range(_NUM)]),
        ("patient_id", ["IP_1"] * _NUM),
        ("patient_id", [f"IP_{max(0, row - 5)}" for row in range(_NUM)]),
        ("patient_id", [""] * (_NUM - 10) + [f"IP_{row // 2}" for row in range(10)]),
        ("group", ["treated", "treated", "control", "control"] * 10),
        ("case", _LABELS),
        *(
            (name, _PATIENTS)
            for name in ("breed", "site", "hospital", "species_name", "age_group", "study", "sequence")
        ),
        ("age", [20 + row // 4 for row in range(_NUM)]),
        ("sex", ["f", "m", "m", "f"] * 10),
        ("weight", [1.5 * (row // 4) for row in range(_NUM)]),
        ("superclass", ["pet"] * _NUM),
    ],
)
def test_other_columns_and_those_whose_values_do_not_repeat_are_not_told(
    tmp_path: Path, label: _Label, suffix: str, column: str, values: Sequence[object]
) -> None:
    assert label(tmp_path, suffix, {column: values, "label": _LABELS}, None).told == ()


_TEN = [f"c{row % 10}" for row in range(_NUM)]


@pytest.mark.parametrize("num_groups", [5, 8, 10])
def test_groups_are_told_also_where_there_are_no_more_of_them_than_labels(tmp_path: Path, num_groups: int) -> None:
    subjects = [f"p{row // 4 % num_groups}" for row in range(_NUM)]
    (told,) = _by_file(tmp_path, "csv", {"label": _TEN, "subject": subjects}, None).told
    assert told.startswith("photos of one 'subject' of train.csv may be trained on and validated on")


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("superclass", [f"group {row % 10 // 2}" for row in range(_NUM)]),
        ("group", [f"group {row % 10 // 2}" for row in range(_NUM)]),
        ("group", [f"group {(row % 10 + (row >= 36)) % 10 // 2}" for row in range(_NUM)]),  # noisy
        ("animal", [f"animal {row % 10 % 7}" for row in range(_NUM)]),
        ("case", [label.upper() for label in _TEN]),
        ("group", [("a", "b", "c", "d")[row // 10] for row in range(_NUM)]),  # arms, or parts to train and validate on
        ("split", [f"part {row // 8}" for row in range(_NUM)]),
        ("fold", [row // 8 for row in range(_NUM)]),
        ("width", [(320, 400, 480, 512, 640)[row // 8] for row in range(_NUM)]),
        ("file_type", [("jpg", "png", "webp", "bmp", "tif")[row // 8] for row in range(_NUM)]),
    ],
)
def test_coarser_classes_splits_and_properties_of_photos_are_not_told_of_many_labels(
    tmp_path: Path, column: str, values: Sequence[object]
) -> None:
    assert _by_file(tmp_path, "csv", {"label": _TEN, column: values}, None).told == ()


def test_a_coarser_class_is_not_taken_for_groups(tmp_path: Path) -> None:
    fine = [f"class {row % 20}" for row in range(_NUM)]
    coarse = [f"group {row % 20 // 2}" for row in range(_NUM)]
    assert _by_file(tmp_path, "csv", {"label": fine, "group": coarse}, None).told == ()


@pytest.mark.parametrize("crosses", [False, True])
def test_groups_that_folders_do_not_part_are_not_told(tmp_path: Path, crosses: bool) -> None:
    path = tmp_path / "train.csv"
    pd.DataFrame({"image_id": [f"p{row}" for row in range(_NUM)], "label": _LABELS, "patient": _PATIENTS}).to_csv(path)
    validates = [row >= 32 or (crosses and row % 4 == 1) for row in range(_NUM)]
    paths = [f"{'valid' if validates[row] else 'train'}/p{row}.jpg" for row in range(_NUM)]
    listing = Listing([ImageEntry(f"p{row}", path, 1) for row, path in enumerate(paths)])
    assert bool(label_by_file(listing, LabelsFile(path)).told) is crosses


def test_nothing_is_told_where_labels_are_not_to_train_on(tmp_path: Path) -> None:
    _by_file(tmp_path, "csv", {"label": _LABELS, "patient_id": _PATIENTS}, None)
    listing = Listing([ImageEntry(f"p{row}", f"photos/p{row}.jpg", 1) for row in range(_NUM)])
    assert label_by_file(listing, LabelsFile(tmp_path / "train.csv"), LabelUse(keeps_unlabelled=True)).told == ()
