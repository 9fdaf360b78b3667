from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scoring.errors import ImageError, ImagesError, RequestError
from scoring.sources import table_images
from scoring.sources.entries import TableColumns
from scoring.sources.inputs import find_images, open_images
from scoring.storage.locations import Location, Url


def _write(path: Path, columns: dict[str, list[object]], row_group_size: int = 3) -> Path:
    pq.write_table(pa.table(columns), path, row_group_size=row_group_size)
    return path


def test_table_of_paths_names_images_beside_it_elsewhere_and_in_buckets(
    bucket: Url, photos: Path, tmp_path: Path
) -> None:
    (bucket / "3.png").upload(photos / "3.png")
    paths = ["photos/10.png", str(photos / "2.png"), str(bucket / "3.png"), "photos/missing.png", "gs://user@host/x"]
    table = _write(tmp_path / "images.parquet", {"path": paths, "label": list("abcde")})
    images = find_images(table).images
    assert sorted(image.path for image in images) == sorted(paths)
    read = open_images(table)
    by_path = {image.path: image for image in images}
    for number, path in zip((10, 2, 3), paths, strict=False):
        assert read(by_path[path]) == (photos / f"{number}.png").read_bytes()
    for path, reason in zip(paths[3:], ("No such file", "Credentials belong in the environment"), strict=True):
        with pytest.raises(ImageError, match=reason):
            read(by_path[path])


def test_ids_come_from_their_column_and_rows_are_in_natural_order_of_them(tmp_path: Path) -> None:
    table = _write(tmp_path / "t.parquet", {"file": ["b.png", "c.png", "a.png"], "number": [10, 9, 100]})
    images = find_images(table, TableColumns(path="file", image_id="number")).images
    assert [(image.image_id, image.path) for image in images] == [("9", "c.png"), ("10", "b.png"), ("100", "a.png")]


@pytest.mark.parametrize("column", ["photo", "image.bytes"])
def test_table_of_bytes_keeps_its_order_and_reads_each_row_group_once(
    tmp_path: Path, bucket: Url, column: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    contents = [f"image {row}".encode() for row in range(10)]
    columns: dict[str, list[object]] = {"name": [f"n{9 - row}" for row in range(10)]}
    if column == "photo":
        columns["photo"] = list(contents)
    else:
        columns["image"] = [{"bytes": content, "path": None} for content in contents]
    table = _write(tmp_path / "t.parquet", columns)
    (bucket / "t.parquet").upload(table)
    read_row_group, groups = pq.ParquetFile.read_row_group, []

    def spy(file: pq.ParquetFile, group: int, **options: object) -> pa.Table:
        groups.append(group)
        return read_row_group(file, group, **options)

    monkeypatch.setattr(pq.ParquetFile, "read_row_group", spy)
    locations: list[Location] = [table, bucket / "t.parquet"]
    for location in locations:
        chosen = TableColumns(content=column, image_id="name")
        images = find_images(location, chosen).images
        assert [image.image_id for image in images] == columns["name"]
        groups.clear()
        read = open_images(location, chosen)
        assert [read(image) for image in images] == contents
        assert groups == [0, 1, 2, 3]
    numbered = find_images(table, TableColumns(content=column)).images
    assert [(image.image_id, image.path) for image in numbered][:2] == [("0", "t.parquet#0"), ("1", "t.parquet#1")]


def test_row_without_an_image_is_an_image_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = _write(tmp_path / "t.parquet", {"photo": [b"x" * 100, None]})
    columns = TableColumns(content="photo")
    first, second = find_images(table, columns).images
    read = open_images(table, columns)
    with pytest.raises(ImageError, match="the table's row holds no image"):
        read(second)
    monkeypatch.setattr("scoring.sources.entries.MAX_IMAGE_BYTES", 50)
    with pytest.raises(ImageError, match="larger than"):
        read(first)


def test_missing_column_is_refused_with_those_there_are(tmp_path: Path) -> None:
    table = _write(tmp_path / "t.parquet", {"file": ["a.png"]})
    with pytest.raises(ImagesError, match=r"Expected a column 'path' in .*t\.parquet; it has file"):
        find_images(table)
    with pytest.raises(RequestError, match="received both"):
        find_images(table, TableColumns(path="file", content="file"))
    with pytest.raises(ImagesError, match="row 1 has none"):
        find_images(_write(tmp_path / "u.parquet", {"path": ["a.png", None]}))


def test_columns_of_what_is_no_table_are_refused(photos: Path) -> None:
    with pytest.raises(RequestError, match=r"Expected a \.parquet table"):
        find_images(photos, TableColumns(path="file"))


@pytest.mark.parametrize("content", [b"", b"PAR1 but no more", b"PAR1" + bytes(100) + b"PAR1"])
def test_file_that_is_no_table_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "t.parquet").write_bytes(content)
    with pytest.raises(ImagesError, match=r"Expected a Parquet table") as error:
        find_images(tmp_path / "t.parquet")
    assert "\n" not in str(error.value)


def test_row_groups_that_would_fill_the_memory_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_images, "_MAX_ROW_GROUP_BYTES", 1000)
    table = _write(tmp_path / "t.parquet", {"photo": [bytes([row]) * 400 for row in range(12)]}, row_group_size=12)
    with pytest.raises(ImagesError, match="smaller row_group_size"):
        find_images(table, TableColumns(content="photo"))
