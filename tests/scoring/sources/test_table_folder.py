from pathlib import Path
from typing import Any

import pytest

from scoring.errors import ImagesError
from scoring.sources.inputs import find_images, open_images
from scoring.sources.table_columns import TableColumns
from scoring.storage.locations import Location, Url
from tests.tables import write_columns, write_rows


@pytest.mark.parametrize("content", [True, False])
@pytest.mark.parametrize("where", ["folder", "named", "glob", "prefix", "glob in a bucket"])
def test_parts_in_a_folder_by_a_pattern_or_below_a_prefix_are_one_table(
    tmp_path: Path, bucket: Url, where: str, content: bool
) -> None:
    folder = tmp_path / ("parts.parquet" if where == "named" else "parts")
    for part in (9, 10):
        rows: list[dict[str, Any]] = [
            {"path": f"{part}-{row}.png", "image": f"{part}-{row}".encode()} for row in range(4)
        ]
        write_rows(folder / f"part-{part}.parquet", list(rows))
        for row in rows:
            (folder / str(row["path"])).write_bytes(bytes(row["image"])) if not content else None
    (folder / "_SUCCESS").touch()
    (folder / ".part-9.parquet.crc").touch()
    location: Location = folder / "part-*.parquet" if where == "glob" else folder
    if "bucket" in where or where == "prefix":
        for path in folder.iterdir():
            (bucket / "parts" / path.name).upload(path)
        location = bucket / "parts" / "part-*.parquet" if "glob" in where else bucket / "parts"
    columns = TableColumns(content="image") if content else TableColumns(path="path")
    images, read = find_images(location, columns).images, open_images(location, columns)
    expected = [f"{part}-{row}" for part in (9, 10) for row in range(4)]
    assert [read(image).decode() for image in images] == expected
    assert [image.image_id for image in images] == ([str(row) for row in range(8)] if content else expected)
    if content:
        assert images[5].path == "part-10.parquet#1"


@pytest.mark.parametrize("where", ["file", "folder", "bucket"])
def test_name_of_a_table_is_no_pattern_where_the_table_is_there(tmp_path: Path, bucket: Url, where: str) -> None:
    write_columns(tmp_path / "pets1.parquet", {"path": ["cat.jpg"]})
    named = tmp_path / "pets[1].parquet"
    if where == "folder":
        named.mkdir()
    write_columns(named / "part-0.parquet" if where == "folder" else named, {"path": ["dog.jpg"]})
    if where == "bucket":
        for path in tmp_path.iterdir():
            (bucket / path.name).upload(path)
    table: Location = bucket / named.name if where == "bucket" else named
    assert [image.path for image in find_images(table).images] == ["dog.jpg"]


def test_folder_of_parts_is_a_table_without_being_told_and_one_of_photos_is_not(tmp_path: Path) -> None:
    write_columns(tmp_path / "parts.parquet", {"path": ["../1.png"]}).rename(tmp_path / "keep")
    (tmp_path / "parts").mkdir()
    (tmp_path / "keep").rename(tmp_path / "parts" / "part-0.parquet")
    assert [image.path for image in find_images(tmp_path / "parts").images] == ["../1.png"]
    (tmp_path / "parts" / "1.png").touch()
    assert [image.path for image in find_images(tmp_path / "parts").images] == ["1.png"]


@pytest.mark.parametrize(
    ("parts", "advised"),
    [
        (("0.parquet", "1.parquet"), ", or, .* such as .*/table/*.parquet"),
        (("year=2025/0.pq", "year=2025/1.pq"), ", or, .* such as .*/table/year=2025/*.pq"),
        (("year=2025/0.parquet", "year=2026/0.parquet"), ""),
        (("0.parquet", "year=2026/0.parquet"), ""),
        ((), ""),
    ],
)
def test_pattern_is_advised_where_it_finds_every_part_of_such_a_table(
    tmp_path: Path, parts: tuple[str, ...], advised: str
) -> None:
    for name in parts:
        write_rows(tmp_path / "table" / name, [{"path": "1.png"}])
    (tmp_path / "table" / "_delta_log").mkdir(parents=True)
    (tmp_path / "table" / "_delta_log" / "0.json").touch()
    said = rf"Write the table's rows as plain Parquet{advised.replace('*.p', '[*][.]p')}\.$"
    with pytest.raises(ImagesError, match=said):
        find_images(tmp_path / "table", TableColumns(path="path"))
