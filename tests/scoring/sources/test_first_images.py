"""What a table's first rows tell of the listing before it is made."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from scoring.errors import ImagesError
from scoring.sources import table_images
from scoring.sources.entries import ImageEntry
from scoring.sources.first_images import FirstImages
from scoring.sources.inputs import find_images
from scoring.sources.table_columns import NO_COLUMNS, TableColumns
from tests.tables import write_columns

_PATHS = [f"photos/{number}.jpg" for number in range(1, 13)]
_NUMBERS = [str(number) for number in range(1, 13)]
_INVENTORY: dict[str, Sequence[object]] = {"bucket": ["pets"] * 12, "key": _PATHS, "size": list(range(101, 113))}


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some rows are many here."""
    monkeypatch.setattr(table_images, "_ROWS_AT_ONCE", 4)


def _without_ids(images: Sequence[ImageEntry]) -> list[tuple[ImageEntry, int | None]]:
    """All but the ids, which go by the last rows too, with the stamps, which are not compared."""
    return [(replace(image, image_id=""), image.stamp) for image in images]


@pytest.mark.parametrize(
    ("columns", "asked"),
    [
        ({"path": _PATHS}, TableColumns(path="path")),
        ({"path": _PATHS[::-1], "id": _NUMBERS}, TableColumns(path="path", image_id="id")),
        ({"path": [None, *_PATHS[1:]], "id": _NUMBERS}, TableColumns(path="path", image_id="id")),
        ({"image": [b"1", b"2", b"3"] * 4}, TableColumns(content="image")),
        ({"image": [b"1", b"2", b"3"] * 4, "id": _NUMBERS[::-1]}, TableColumns(content="image", image_id="id")),
        (_INVENTORY, NO_COLUMNS),
        (_INVENTORY | {"e_tag": ["a", None, "b"] * 4}, NO_COLUMNS),
    ],
)
def test_the_first_images_are_those_of_the_listing(
    tmp_path: Path, columns: Mapping[str, Sequence[object]], asked: TableColumns
) -> None:
    table = write_columns(tmp_path / "t.parquet", columns)
    images = FirstImages(table, asked)
    assert _without_ids(list(images)) == _without_ids(find_images(table, asked).images)
    assert images.num_rows == 12


def test_parts_of_a_table_are_counted_together(tmp_path: Path) -> None:
    for part in range(3):
        write_columns(tmp_path / f"part-{part}.parquet", {"path": _PATHS[4 * part :][:4]})
    images = FirstImages(tmp_path, TableColumns(path="path"))
    assert images.num_rows == 12
    assert [image.path for image in images] == _PATHS


@pytest.mark.parametrize(
    "changed",
    [
        {"key": [*_PATHS[:9], "photos/a.txt", *_PATHS[10:]]},
        {"key": [*_PATHS[:9], "photos/.hidden/1.jpg", *_PATHS[10:]]},
        {"key": [*_PATHS[:9], _PATHS[0], *_PATHS[10:]]},
        {"is_latest": [True] * 9 + [False] * 3},
    ],
)
def test_they_end_with_the_rows_before_one_that_is_no_image_or_out_of_order(
    tmp_path: Path, changed: dict[str, Sequence[object]]
) -> None:
    table = write_columns(tmp_path / "t.parquet", _INVENTORY | changed)
    assert [image.path for image in FirstImages(table, NO_COLUMNS)] == [f"s3://pets/{path}" for path in _PATHS[:8]]


def test_they_end_with_the_rows_before_one_that_lacks_an_id(tmp_path: Path) -> None:
    ids = [*_NUMBERS[:5], None, *_NUMBERS[6:]]
    table = write_columns(tmp_path / "t.parquet", {"path": _PATHS, "id": ids})
    images = FirstImages(table, TableColumns(path="path", image_id="id"))
    assert [image.path for image in images] == _PATHS[: len(list(images))]
    assert len(list(images)) < 12


def test_what_is_no_table_has_none(photos: Path) -> None:
    assert (list(FirstImages(photos, NO_COLUMNS)), FirstImages(photos, NO_COLUMNS).num_rows) == ([], 0)


def test_a_damaged_part_is_refused_as_by_the_listing(tmp_path: Path) -> None:
    write_columns(tmp_path / "part-0.parquet", {"path": _PATHS})
    (tmp_path / "part-1.parquet").write_bytes(b"PAR1")
    images = FirstImages(tmp_path, TableColumns(path="path"))
    with pytest.raises(ImagesError, match=r"part-1\.parquet is not one"):
        assert images.num_rows
    with pytest.raises(ImagesError, match=r"part-1\.parquet is not one"):
        list(images)
