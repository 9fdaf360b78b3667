import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scoring.errors import ChangedError, ImageError, ImagesError
from scoring.sources import table_images
from scoring.sources.entries import LeftOut
from scoring.sources.inputs import find_images, open_images
from scoring.sources.table_columns import TableColumns
from scoring.sources.table_rows import found_rows
from scoring.storage import stamps
from scoring.storage.locations import Location, Url
from tests.tables import write_columns


@pytest.mark.parametrize("in_bucket", [False, True])
def test_pattern_means_hidden_parts_only_if_it_begins_with_a_dot_and_counts_them(
    tmp_path: Path, bucket: Url, in_bucket: bool
) -> None:
    write_columns(tmp_path / "part-0.parquet", {"path": ["1.png"]})
    write_columns(tmp_path / ".part-0.parquet", {"path": ["old.png"]})
    (tmp_path / "._part-0.parquet").write_bytes(b"\0\5\x16\7")  # as Macs leave it on other systems' disks
    if in_bucket:
        for path in tmp_path.iterdir():
            (bucket / path.name).upload(path)
    folder: Location = bucket if in_bucket else tmp_path
    listing = find_images(folder / "*.parquet", TableColumns(path="path"))
    assert [image.path for image in listing.images] == ["1.png"]
    assert listing.left_out == (LeftOut("hidden", 2, ("._part-0.parquet", ".part-0.parquet")),)
    hidden = find_images(folder / ".part-*.parquet", TableColumns(path="path"))
    assert ([image.path for image in hidden.images], hidden.left_out) == (["old.png"], ())


def test_table_that_is_written_anew_while_it_is_listed_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = write_columns(tmp_path / "t.parquet", {"path": [f"{row}.jpg" for row in range(10)]})

    def write_anew(batch: pa.RecordBatch, *arguments: Any) -> pa.RecordBatch:
        write_columns(table, {"path": [f"{row}.png" for row in range(10)]})
        return found_rows(batch, *arguments)

    monkeypatch.setattr(table_images, "found_rows", write_anew)
    with pytest.raises(ImagesError, match=r"t\.parquet was changed while it was listed\. Run again"):
        find_images(table)
    monkeypatch.setattr(table_images, "found_rows", found_rows)
    assert [image.path for image in find_images(table).images] == [f"{row}.png" for row in range(10)]


@pytest.mark.parametrize("lies_here", [True, False])
def test_table_that_was_listed_where_it_lies_is_read_over_a_network_and_the_other_way_round(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lies_here: bool
) -> None:
    table = write_columns(tmp_path / "t.parquet", {"image": [b"first", b"second"]})
    columns = TableColumns(content="image")
    monkeypatch.setattr(stamps, "_keeps_inodes", lambda device: lies_here)
    images = find_images(table, columns).images
    monkeypatch.setattr(stamps, "_keeps_inodes", lambda device: not lies_here)
    read = open_images(table, columns)
    assert [read(image) for image in images] == [b"first", b"second"]


@pytest.mark.parametrize("when", ["before it is opened", "between two row groups"])
@pytest.mark.parametrize("written", ["whole", "half", "not yet", "over it, half"])
def test_table_that_is_replaced_while_it_is_read_makes_errors_and_no_other_rows(
    tmp_path: Path, when: str, written: str
) -> None:
    table = write_columns(tmp_path / "t.parquet", {"image": [f"image {row}".encode() for row in range(10)]})
    columns = TableColumns(content="image")
    images, read = find_images(table, columns).images, open_images(table, columns)
    if when != "before it is opened":
        assert read(images[0]) == b"image 0"
    if written == "whole":
        write_columns(table, {"image": [f"image {9 - row}".encode() for row in range(10)]})
    elif written == "over it, half":
        with table.open("r+b") as file:
            file.write(b"PAR1" + b"\xff" * (table.stat().st_size // 2))
    else:
        os.truncate(table, table.stat().st_size // 2 if written == "half" else 0)
    for _ in range(2):
        with pytest.raises(ImageError, match=r"cannot read from table: .* is not the file that was listed") as raised:
            read(images[5])
        assert isinstance(raised.value.__cause__, ChangedError)


def test_a_table_that_was_damaged_when_it_was_listed_has_not_changed(tmp_path: Path) -> None:
    table = write_columns(tmp_path / "t.parquet", {"image": [f"image {row}".encode() for row in range(10)]})
    with table.open("r+b") as file:
        file.write(b"PAR1" + b"\xff" * 40)
    columns = TableColumns(content="image")
    images, read = find_images(table, columns).images, open_images(table, columns)
    with pytest.raises(ImageError, match="cannot read from table: ") as raised:
        read(images[0])
    assert not isinstance(raised.value.__cause__, ChangedError)


def test_a_part_whose_own_name_is_no_utf8_is_refused(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"caf\xe9.parquet")).write_bytes(b"PAR1")
    with pytest.raises(ImagesError, match=r"caf.*\.parquet is not one: 'utf-8' codec can't encode"):
        find_images(tmp_path, TableColumns(content="image"))


def test_a_table_whose_columns_name_is_no_utf8_is_refused(tmp_path: Path) -> None:
    table = tmp_path / "x.parquet"
    pq.write_table(pa.table({"image": [b"x"]}), table, store_schema=False)
    table.write_bytes(table.read_bytes().replace(b"image", b"im\xe4ge"))
    with pytest.raises(ImagesError, match=r"Expected a Parquet table; .* is not one: .utf-8. codec"):
        find_images(table, TableColumns(content="image"))
