import csv
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scoring.run.manifest import Manifest, as_written, write_manifest
from scoring.run.predictions import ScoredImage, describing_columns
from scoring.sources import collection_listing, table_images
from scoring.sources.collection_files import places_of_images
from scoring.sources.collection_kind import source_at
from scoring.sources.entries import EntriesByColumn, ImageEntry
from scoring.sources.inputs import find_images, open_images
from scoring.sources.labelling import label_by_file, label_by_table
from scoring.sources.row_paths import told_path
from scoring.sources.splits import Split, find_splits
from scoring.sources.table_columns import NO_COLUMNS, LabelsFile, TableColumns
from scoring.sources.targets import LabelsFrom, with_targets

_PHOTOS = [
    f"photos/{split}/{label}/{label}.{number}.jpg"
    for split in ("train", "test")
    for label in ("hot dog", "Köter", "50% #1?")
    for number in range(3)
]


def _quoted(path: str) -> str:
    return f"https://h.example/{quote(path)}"


def _signed(path: str) -> str:
    return f"{_quoted(path)}?X-Amz-Signature=a/b.c%2Fd{len(path)}#e/f.g"


def _of_windows(path: str) -> str:
    return path.replace("/", "\\")


def _table(path: Path, rows: Sequence[str], **columns: Sequence[str]) -> Path:
    pq.write_table(pa.table({"path": list(rows), **columns}), path)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for photo in _PHOTOS:
        (tmp_path / photo).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / photo).write_bytes(photo.encode())
    return tmp_path


_WRITE: dict[str, Callable[[Path, str], str]] = {
    "relative": lambda folder, path: path,
    "Windows": lambda folder, path: _of_windows(path),
    "URI": lambda folder, path: (folder / path).as_uri(),
    "web": lambda folder, path: _quoted(path),
    "signed": lambda folder, path: _signed(path),
}


@pytest.mark.parametrize("kind", _WRITE)
def test_ids_labels_and_splits_are_those_of_the_folder_however_rows_write_paths(folder: Path, kind: str) -> None:
    rows = [_WRITE[kind](folder, photo) for photo in _PHOTOS]
    listed = find_images(_table(folder / "t.parquet", rows)).images
    own = find_images(folder / "photos").images
    assert isinstance(listed, EntriesByColumn)
    assert [image.image_id for image in listed] == [image.image_id for image in own]
    assert sorted(image.written for image in listed) == sorted(rows)
    for labels_from in LabelsFrom:
        told, meant = with_targets(listed, labels_from), with_targets(own, labels_from)
        assert [image.target for image in told] == [image.target for image in meant]
    split_of = find_splits(listed)
    assert [split_of(image) for image in listed] == [Split.TEST] * 9 + [Split.TRAIN] * 9
    if kind in ("relative", "Windows", "URI"):
        read = open_images(folder / "t.parquet")
        assert [read(image).decode().removeprefix("photos/") for image in listed] == [
            f"{image.image_id}.jpg" for image in listed
        ]


@pytest.mark.parametrize("kind", _WRITE)
@pytest.mark.parametrize(
    "spell", [lambda path: path, lambda path: path.split("/")[-1][:-4], lambda path: path.split("/")[-1]]
)
def test_a_file_of_labels_names_photos_however_rows_write_paths(
    folder: Path, kind: str, spell: Callable[[str], str]
) -> None:
    photos = _PHOTOS[:9]
    table = _table(folder / "t.parquet", [_WRITE[kind](folder, photo) for photo in photos])
    for spelled in ([spell(photo) for photo in photos], [_WRITE[kind](folder, photo) for photo in photos]):
        with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([("id", "label"), *((one, f"of {one}") for one in spelled)])
        labelled = label_by_file(find_images(table), LabelsFile(folder / "labels.csv"))
        found = {image.written: image.target for image in labelled.listing.images}
        meant = zip(photos, spelled, strict=True)
        assert found == {_WRITE[kind](folder, photo): f"of {one}" for photo, one in meant}
        assert labelled.unused is None


def test_photos_keep_the_labels_of_their_rows_where_several_tell_one_path(tmp_path: Path) -> None:
    rows = [f"https://h/thumb.jpg?id={number}" for number in range(12)]
    table = _table(tmp_path / "t.parquet", rows, label=[str(number % 3) for number in range(12)])
    columns = TableColumns(path="path", label="label")
    labelled = label_by_table(find_images(table, columns), table, columns).listing.images
    assert {image.written: image.target for image in labelled} == {row: str(n % 3) for n, row in enumerate(rows)}


def test_addresses_that_differ_behind_the_path_have_ids_that_do_not_show_it(tmp_path: Path) -> None:
    rows = ["https://h/a/1.jpg?sig=secret", "https://h/a/1.jpg?sig=other", "https://h/a/1.jpg", "https://h/b/?x=secret"]
    images = find_images(_table(tmp_path / "t.parquet", rows)).images
    assert len({image.image_id for image in images}) == len(rows)
    assert {image.written for image in images} == set(rows)
    assert not [image for image in images if "secret" in image.path or b"secret".hex() in image.path]
    assert "a/1" in {image.image_id for image in images}
    ids = find_images(_table(tmp_path / "t.parquet", rows, id=list("wxyz")), TableColumns(image_id="id")).images
    assert [image.image_id for image in ids] == list("wxyz")
    assert not [image for image in ids if "secret" in image.path or b"secret".hex() in image.path]


def test_addresses_that_first_differ_in_a_later_batch_are_listed_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table_images, "_ROWS_AT_ONCE", 2)
    rows = [f"https://h/{number}.jpg" for number in range(5)]
    table = _table(tmp_path / "t.parquet", [*rows, "https://h/a%20b.jpg"])
    images = find_images(table).images
    assert [image.image_id for image in images] == ["0", "1", "2", "3", "4", "a b"]
    assert list(images) == list(collection_listing._list_by_row(source_at(table, NO_COLUMNS))[0])


@pytest.mark.parametrize(
    "rows",
    [
        ["a%20b/1.jpg", "a?b/2.jpg", "c#d/3.jpg", "e\\f/4.jpg"],
        ["/data/a%20b/1.jpg", "/data/we\\ird/2.jpg"],
        ["1.jpg", "2.jpg", "we\\ird.jpg"],
        ["s3://b/a%20b/1.jpg", "s3://b/a?b/2.jpg", "s3://b/e\\f/4.jpg"],
    ],
)
def test_marks_in_a_path_that_is_no_uri_are_part_of_its_names(tmp_path: Path, rows: Sequence[str]) -> None:
    images = find_images(_table(tmp_path / "t.parquet", rows)).images
    assert sorted(image.path for image in images) == sorted(rows)
    assert {image.raw_path for image in images} == {None}


def test_backslashes_are_part_of_names_where_such_a_file_is_there(tmp_path: Path) -> None:
    rows = ["cat\\1.jpg", "dog\\2.jpg"]
    table = _table(tmp_path / "t.parquet", rows)
    assert [image.image_id for image in find_images(table).images] == ["cat/1", "dog/2"]
    for row in rows:
        (tmp_path / row).write_bytes(b"photo")
    assert [image.image_id for image in find_images(table).images] == ["cat\\1", "dog\\2"]


def _labels_of_names(table: Path, names: Sequence[str]) -> dict[bytes, str | None]:
    with (table.parent / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("id", "label"), *((name, f"of {name}") for name in names)])
    labelled = label_by_file(find_images(table), LabelsFile(table.parent / "labels.csv"))
    assert labelled.unused is None
    read = open_images(table)
    return {read(image): image.target for image in labelled.listing.images}


_SPELLED: dict[str, Callable[[Path], str]] = {"Spark": lambda file: f"file:{file}", "URI": lambda file: file.as_uri()}


@pytest.mark.parametrize("spell", _SPELLED)
@pytest.mark.parametrize(
    "names",
    [
        ["a b.jpg", "a%20b.jpg"],
        ["a%20b.jpg", "a%2520b.jpg", "c.jpg"],
        ["100%.jpg", "a%20b.jpg"],
        ["é.jpg", "%C3%A9.jpg"],
        ["%C3%A9.jpg", "a%20b.jpg"],
        ["c.jpg", "d b.jpg"],
    ],
)
def test_rows_of_files_are_quoted_or_none_is_and_ids_and_labels_are_of_what_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spell: str, names: Sequence[str]
) -> None:
    monkeypatch.setattr(table_images, "_ROWS_AT_ONCE", 1)
    for name in names:
        (tmp_path / name).write_bytes(name.encode())
    rows = [_SPELLED[spell](tmp_path / name) for name in names]
    table = _table(tmp_path / "t.parquet", [*reversed(rows)])
    images, read = find_images(table).images, open_images(table)
    assert [read(image).decode() for image in images] == [f"{image.image_id}.jpg" for image in images]
    assert sorted(read(image).decode() for image in images) == sorted(names)
    assert list(images) == list(collection_listing._list_by_row(source_at(table, NO_COLUMNS))[0])
    assert _labels_of_names(table, names) == {name.encode(): f"of {name}" for name in names}


def test_a_row_that_may_be_quoted_is_as_it_stands_where_both_files_are_there(tmp_path: Path) -> None:
    for name in ("a b.jpg", "a%20b.jpg"):
        (tmp_path / name).write_bytes(name.encode())
    table = _table(tmp_path / "t.parquet", [f"file://{tmp_path}/a%20b.jpg"])
    assert _labels_of_names(table, ["a%20b.jpg"]) == {b"a%20b.jpg": "of a%20b.jpg"}


@pytest.mark.parametrize("are_there", [True, False])
def test_letters_that_java_leaves_as_they_are_make_no_row_one_of_spark(tmp_path: Path, are_there: bool) -> None:
    names = ["hot dog/1.jpg", "Köter/2.jpg"]
    rows = [f"file:{tmp_path}/{name}".replace(" ", "%20") for name in names]  # as java.io.File.toURI
    for name in names if are_there else []:
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    found = find_images(_table(tmp_path / "t.parquet", rows)).images
    assert [image.image_id for image in found] == ["Köter/2", "hot dog/1"]


def test_rows_with_ids_are_in_the_order_of_these_whichever_part_comes_first(tmp_path: Path) -> None:
    parts = [(["https://h/b.jpg"], ["12"]), (["https://h/z.jpg?id=1", "https://h/z.jpg?id=2"], ["10", "11"])]
    for number, several in enumerate((parts, parts[::-1])):
        folder = tmp_path / str(number)
        folder.mkdir()
        for name, (rows, ids) in enumerate(several):
            _table(folder / f"{name}.parquet", rows, id=ids)
        images = find_images(folder, TableColumns(image_id="id")).images
        assert [image.image_id for image in images] == ["10", "11", "12"]


def test_a_row_with_a_nul_is_none_of_the_files_that_are_looked_at_first(tmp_path: Path) -> None:
    table = _table(tmp_path / "t.parquet", ["1.jpg", "n\0.jpg", "2.jpg"])
    assert places_of_images(table, NO_COLUMNS, 9) == [tmp_path / "1.jpg", tmp_path / "2.jpg"]


def test_rows_without_a_path_leave_others_what_they_tell(tmp_path: Path) -> None:
    table = tmp_path / "t.parquet"
    pq.write_table(pa.table({"path": ["cat\\1.jpg", None, "dog\\2.jpg", "file:///a%20b/3.jpg"]}), table)
    assert sorted(image.path for image in find_images(table).images) == [
        "cat/1.jpg", "dog/2.jpg", "file:///a b/3.jpg", "t.parquet#1",
    ]  # fmt: skip


def test_predictions_have_paths_as_rows_write_them(tmp_path: Path) -> None:
    rows = [_signed(photo) for photo in _PHOTOS]
    images = find_images(_table(tmp_path / "t.parquet", rows)).images
    write_manifest(tmp_path / "manifest", images, 5, 0)
    manifest = Manifest(tmp_path / "manifest")
    kept = [image for shard in range(4) for image in manifest.shard(shard)]
    assert kept == list(images)
    columns = describing_columns([ScoredImage(image, None, "broken") for image in kept])
    described = as_written(manifest.describe_several(0, 4, ["image_id", "path", "raw_path"]))
    assert columns["path"].to_pylist() == described["path"].to_pylist() == [image.written for image in images]
    assert sorted(described["path"].to_pylist()) == sorted(rows)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("FILE://localhost/a%20b/%C3%A9.jpg", "FILE://localhost/a b/é.jpg"),
        ("file:/a%FFb.jpg", "file:/a\\xffb.jpg"),
        ("file:///100%.jpg", "file:///100%.jpg"),
        ("file:///a?b#c.jpg", "file:///a?b#c.jpg"),
        ("file:///a%00b.jpg", "file:///a%00b.jpg"),
        ("HTTPS://h/cat%2F1.jpg?alt=media", "HTTPS://h/cat/1.jpg"),
        ("s3://b/a%20b.jpg?x", "s3://b/a%20b.jpg?x"),
        ("a%20b.jpg?x", "a%20b.jpg?x"),
    ],
)
def test_a_path_is_told_by_what_its_kind_of_url_means(text: str, told: str) -> None:
    assert told_path(text) == told


def test_a_folder_above_an_image_is_known_as_its_row_writes_it() -> None:
    image = ImageEntry("1", "file:///a b/c/1.jpg", 0, b"file:///a%20b/c/1.jpg")
    assert image.written_folder("file:///a b") == "file:///a%20b"
    assert ImageEntry("1", "a/b/1.jpg", 0, b"a\\b\\1.jpg").written_folder("a/b") == "a/b"
    assert not image.has_odd_name
    assert ImageEntry("1", "\\xff.jpg", 0, b"\xff.jpg").has_odd_name
