import os
import uuid
from collections.abc import Sequence
from dataclasses import astuple
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from scoring.errors import ImagesError, StorageError
from scoring.run.manifest import Manifest, manifest_digest, write_manifest
from scoring.sources import (
    collection_listing,
    entries,
    row_arrival,
    row_sorting,
    row_spool,
    table_images,
    table_listing,
)
from scoring.sources.collection_kind import source_at
from scoring.sources.entries import EntriesByColumn, ImageEntry, LeftOut, Listing
from scoring.sources.inputs import find_images
from scoring.sources.natural_order import natural_key
from scoring.sources.row_arrival import NotByColumn
from scoring.sources.table_columns import NO_COLUMNS, TableColumns
from scoring.sources.text_columns import bare_names, below, common_folder, is_rising, natural_keys, shared_folder
from scoring.storage.walking import is_hidden

_NAMES = st.text(st.sampled_from("aB/._- 0019é²五'\\\n"), min_size=1, max_size=12)
_FILES = st.builds(
    "{}{}{}".format,
    st.sampled_from(["", "a/", "a/b/", "/a//", "é/", ".hid/", "@eaDir/"]),
    st.text(st.sampled_from("a1.0é'"), max_size=4),
    st.sampled_from([".jpg", ".JPG", ".png", ".txt", "", ".tar", ".j2K", ".jpg.json"]),
)


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some rows are many here."""
    monkeypatch.setattr(table_images, "_ROWS_AT_ONCE", 5)
    monkeypatch.setattr(table_listing, "_JUDGED_AT_ONCE", 3)
    monkeypatch.setattr(entries, "_READ_AT_ONCE", 3)
    monkeypatch.setattr(row_sorting, "_RUN_ROWS", 8)
    monkeypatch.setattr(row_sorting, "_LOOKED_UP", 2)


def _both(table: Path, columns: TableColumns = NO_COLUMNS) -> Listing:
    """List a table column by column and row by row, and see that both are the same."""
    source = source_at(table, columns)
    rows, account = collection_listing._list_by_row(source)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(collection_listing, "_list_by_row", _refused)
        listing = find_images(table, columns)
    assert isinstance(listing.images, EntriesByColumn)
    assert [astuple(image) for image in listing.images] == [astuple(image) for image in rows]
    assert listing.left_out == account.left_out()
    return listing


def _refused(*_: object) -> Any:
    raise AssertionError("it was listed row by row")


def _write(path: Path, columns: dict[str, Sequence[object]]) -> Path:
    pq.write_table(pa.table(columns), path, row_group_size=7)
    return path


@settings(deadline=None)
@given(st.lists(_NAMES, min_size=1, max_size=8))
@example(["0B", "0²"])
@example(["a/b/1", "a/c/2", "a/b/3"])
@example(["", "00", "a.jpg", "..jpg", "x/.jpg", "x/..a.jpg", "a.b/c"])
def test_columns_of_names_are_taken_apart_as_single_names_are(names: list[str]) -> None:
    column = pa.array(["12junk", *names, "9"])[1:-1]
    assert natural_keys(column).to_pylist() == [natural_key(name).encode() for name in names]
    assert bare_names(column).to_pylist() == [os.path.splitext(name)[0] for name in names]
    folder = common_folder(min(names), max(names))
    assert shared_folder(column) == folder
    steps = [name.split("/")[:-1] for name in names]
    depth = next((level for level in range(20) if len({tuple(step[: level + 1]) for step in steps}) > 1), 20)
    assert folder.count("/") == min(depth, *map(len, steps))
    assert below(column, folder).to_pylist() == [name.split("/", folder.count("/"))[-1] for name in names]
    assert bare_names(column, folder).to_pylist() == [os.path.splitext(name[len(folder) :])[0] for name in names]


@settings(deadline=None)
@given(st.lists(st.text(st.sampled_from("01a/"), min_size=3, max_size=3) | _NAMES, max_size=8), st.integers(0, 2))
@example(["a1", "a2", "a9", "a10", "a11"], 0)
@example(["a01", "a1b"], 0)
@example(["1", "2", "\u0663"], 0)
@example(["0¹", "0²", "0³"], 0)
@example(["10", "11", "12", "3"], 0)
@example(["3", "2"], 0)
@example(["5", "5"], 0)
def test_names_rise_where_their_natural_keys_do(names: list[str], sorting: int) -> None:
    by_key = sorted(names, key=natural_key)
    some = [names, by_key, list(dict.fromkeys(by_key))][sorting]
    keys = [natural_key(name).encode() for name in some]
    column = pa.array(["12junk", *some, "9"])[1:-1]
    assert is_rising(column) is all(one < next_one for one, next_one in pairwise(keys))


@pytest.mark.parametrize("names", [["0" + "9" * 99_999, "1" + "0" * 99_999], ["9" * 99_999 + "x", "1" * 100_000]])
def test_numbers_of_more_digits_than_a_head_can_count_rise_where_their_keys_do(names: list[str]) -> None:
    first, last = map(natural_key, names)
    assert is_rising(pa.array(names)) is (first < last)


def test_number_of_more_digits_than_its_head_can_count_has_the_key_of_a_single_name() -> None:
    names = ["1" * 100_000, "2", "a3"]
    assert natural_keys(pa.array(names)).to_pylist() == [natural_key(name).encode() for name in names]


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(_NAMES, min_size=1, max_size=60, unique=True), st.booleans())
def test_table_of_paths_is_listed_by_column_as_it_is_by_row(tmp_path: Path, names: list[str], with_ids: bool) -> None:
    columns: dict[str, Sequence[object]] = {"path": names, "id": [f"{name}0{row}" for row, name in enumerate(names)]}
    _both(_write(tmp_path / "t.parquet", columns), TableColumns(image_id="id" if with_ids else None, path="path"))


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(_FILES, st.booleans(), st.integers(0, 9)), max_size=60))
def test_inventory_is_listed_by_column_as_it_is_by_row(tmp_path: Path, rows: list[tuple[str, bool, int]]) -> None:
    rows = [*rows, ("z/last.jpg", True, 1)]
    names, latest, sizes = zip(*rows, strict=True)
    columns = {"bucket": ["b"] * len(rows), "key": names, "size": [size or None for size in sizes]}
    more = {"is_latest": latest, "e_tag": [f"tag{size}" if size % 3 else None for size in sizes]}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            table_images.TableSource,
            "peek",
            lambda source, file, length: b"\xff\xd8\xff" if file.size_bytes % 2 else b"x",
        )
        _both(_write(tmp_path / "t.parquet", {**columns, **more}))


@pytest.mark.parametrize(
    "name", [".hid/1", "a/.hid", "@eaDir/1", "a/@eaDir/1", "a/__MACOSX/1", "lost+found/1", "a/_1", "a/.", "a/./1"]
)
@pytest.mark.parametrize("above", ["", "a/", "#recycled/"])
def test_hidden_image_among_others_of_its_suffix_is_left_out(tmp_path: Path, above: str, name: str) -> None:
    keys = [f"{above}{name}.jpg" for name in ["0", name, "b/9"]]
    listing = _both(_write(tmp_path / "t.parquet", {"bucket": ["b"] * 3, "key": keys}))
    shown = [path for path in (f"s3://b/{key}" for key in keys) if not is_hidden(path)]
    assert sorted(image.path for image in listing.images) == sorted(shown)


@pytest.mark.parametrize("sizes", [[0, 0, 5, 9, 9], None])
def test_marks_of_folders_in_an_inventory_are_no_files(tmp_path: Path, sizes: Sequence[int] | None) -> None:
    """As in a listing of the bucket; what has content is one, though it cannot be named here."""
    keys = ["p/", "p/a/", "p/odd/", "p/a/1.jpg", "p/a/2.jpg"]
    columns: dict[str, Sequence[object]] = {"bucket": ["b"] * len(keys), "key": keys}
    listing = _both(_write(tmp_path / "t.parquet", columns | ({"size": sizes} if sizes else {})))
    assert [image.path for image in listing.images] == ["s3://b/p/a/1.jpg", "s3://b/p/a/2.jpg"]
    assert listing.left_out == ((LeftOut("unreadable", 1, ("s3://b/p/odd/",)),) if sizes else ())


def test_inventory_of_names_that_end_with_a_line_break_is_looked_into(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        table_images.TableSource, "peek", lambda source, file, length: b"\xff\xd8\xff" * ("1" in file.path)
    )
    listing = _both(_write(tmp_path / "t.parquet", {"bucket": ["b"] * 3, "key": [f"{row}.jpg\n" for row in range(3)]}))
    assert ([image.path for image in listing.images], listing.num_left_out) == (["s3://b/1.jpg\n"], 2)


def test_images_in_a_hidden_folder_are_left_out(tmp_path: Path) -> None:
    table = _write(tmp_path / "t.parquet", {"bucket": ["b"] * 3, "key": [f"a/.hid/{row}.jpg" for row in range(3)]})
    with pytest.raises(ImagesError, match="found none among 3 files"):
        find_images(table)


def _numbered(path: Path, numbers: Sequence[float | None], kind: str) -> Path:
    column = pa.array(numbers, pa.float64())
    rows = range(len(numbers))
    columns: dict[str, Sequence[object]] = {"path": [f"{row}.jpg" for row in rows], "photo": [b"1" for _ in rows]}
    return _write(path, {**columns, "number": column.dictionary_encode() if kind == "dictionary" else column})


@pytest.mark.parametrize(
    ("numbers", "ids"),
    [
        ([123456789012.0, 3.0], ["3", "123456789012"]),
        ([0.5, 2.0, 1e300], ["0.5", "1e+300", "2"]),
        ([-0.0, float("inf"), -7.0], ["-7", "0", "inf"]),
    ],
)
@pytest.mark.parametrize("kind", ["float64", "dictionary"])
def test_whole_numbers_that_pandas_wrote_as_floats_are_ids_as_such(
    tmp_path: Path, numbers: Sequence[float], ids: Sequence[str], kind: str
) -> None:
    table = _numbered(tmp_path / "t.parquet", numbers, kind)
    for content in (None, "photo"):
        listing = _both(table, TableColumns(content=content, image_id="number"))
        assert sorted(image.image_id for image in listing.images) == sorted(ids)


@pytest.mark.parametrize("content", [None, "photo"])
def test_nan_is_no_id(tmp_path: Path, content: str | None) -> None:
    table = _numbered(tmp_path / "t.parquet", [123456789012.0, None, float("nan")], "float64")
    images = find_images(table, TableColumns(content=content, image_id="number")).images
    assert sorted(image.image_id for image in images) == ["123456789012", "t.parquet#1", "t.parquet#2"]


@pytest.mark.parametrize("content", [None, "photo"])
def test_uuids_are_ids_as_they_are_usually_written(tmp_path: Path, content: str | None) -> None:
    ids = [uuid.UUID(int=2**100), None, uuid.UUID(int=7)]
    storage = pa.array([one and one.bytes for one in ids], pa.binary(16))
    columns = {"number": pa.ExtensionArray.from_storage(pa.uuid(), storage), "photo": [b""] * 3}
    table = _write(tmp_path / "t.parquet", {"path": ["a.jpg", "b.jpg", "c.jpg"], **columns})
    images = find_images(table, TableColumns(content=content, image_id="number")).images
    assert {str(ids[0]), str(ids[2])} < {image.image_id for image in images}


@pytest.mark.parametrize("content", [None, "photo"])
def test_texts_of_json_are_ids_without_their_quotes_and_its_null_is_none(tmp_path: Path, content: str | None) -> None:
    spelled = ['"leaf \\u00e9"', "null", None, "7", '{"a": 1}', "[1, ", "[" * 100_000, '"7b"', '"\\ud83d"']
    is_known = hasattr(pa, "json_")  # before version 19 it is text
    columns = {"number": pa.array(spelled, pa.json_() if is_known else pa.string()), "photo": [b""] * 9}
    table = _write(tmp_path / "t.parquet", {"path": [f"{place}.jpg" for place in range(9)], **columns})
    images = find_images(table, TableColumns(content=content, image_id="number")).images
    found = ["leaf \u00e9", "t.parquet#1", "t.parquet#2", "7", '{"a": 1}', "[1, ", "[" * 100_000, "7b", spelled[-1]]
    texts = [one or "t.parquet#2" for one in spelled]
    assert {image.image_id for image in images} == {*(found if is_known else texts)}


def test_rows_in_natural_order_are_not_sorted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_listing, "sorted_pieces", _refused)
    listing = _both(_write(tmp_path / "t.parquet", {"path": [f"p/{number}.jpg" for number in range(40)]}))
    assert [image.image_id for image in listing.images] == [str(number) for number in range(40)]
    content: dict[str, Sequence[object]] = {"image": [b"x"] * 20, "id": [f"n{number}" for number in range(20)]}
    for name in (None, "id"):
        _both(_write(tmp_path / "t.parquet", content), TableColumns(content="image", image_id=name))
    with pytest.raises(AssertionError, match="row by row"):
        _both(_write(tmp_path / "t.parquet", {"path": ["2.jpg", "1.jpg"]}))


def test_pictures_and_masks_of_one_name_keep_their_suffixes(tmp_path: Path) -> None:
    paths = [f"p/{number % 20}.{'jpg' if number < 20 else 'png'}" for number in range(40)]
    listing = _both(_write(tmp_path / "t.parquet", {"path": paths}))
    assert [image.image_id for image in listing.images[:3]] == ["0.jpg", "0.png", "1.jpg"]


@pytest.mark.parametrize("num_before", [0, 1, 9])
def test_many_names_that_differ_only_behind_the_last_dot_are_listed(tmp_path: Path, num_before: int) -> None:
    names = [f"a{number}.jpg" for number in range(num_before)] + [f"getimage.php?id={number}" for number in range(60)]
    listing = _both(_write(tmp_path / "t.parquet", {"path": names[::-1]}))
    assert sorted(image.path for image in listing.images) == sorted(names)


@pytest.mark.parametrize(
    "chosen",
    [TableColumns(path="split"), TableColumns(image_id="split"), TableColumns(content="image", image_id="split")],
)
def test_many_rows_of_one_path_or_id_are_refused(tmp_path: Path, chosen: TableColumns) -> None:
    columns: dict[str, Sequence[object]] = {"split": ["train"] * 60, "image": [b"1"] * 60}
    columns["path"] = [f"{row}.jpg" for row in range(60)]
    with pytest.raises(ImagesError, match="'train' stands in 60 of them"):
        find_images(_write(tmp_path / "t.parquet", columns), chosen)


def test_many_rows_of_one_key_in_an_inventory_are_one_image(tmp_path: Path) -> None:
    listing = _both(_write(tmp_path / "t.parquet", {"bucket": ["b"] * 60, "key": ["a/1.jpg"] * 60}))
    assert ([image.path for image in listing.images], listing.num_left_out) == (["s3://b/a/1.jpg"], 59)


@pytest.mark.parametrize(
    ("columns", "chosen"),
    [
        ({"path": ["a.jpg", None]}, NO_COLUMNS),
        ({"path": ["a.jpg", "b.jpg", "a.jpg"]}, NO_COLUMNS),
        ({"path": list("abc"), "id": ["01", "1", "01"]}, TableColumns(image_id="id")),
        ({"image": [b"1"] * 3, "id": ["b", "a", "b"]}, TableColumns(content="image", image_id="id")),
        ({"bucket": ["b"], "key": ["a.jpg"], "id": ["1"]}, TableColumns(image_id="id")),
    ],
)
def test_what_single_rows_tell_is_left_to_the_listing_of_single_rows(
    tmp_path: Path, columns: dict[str, Sequence[object]], chosen: TableColumns
) -> None:
    table = _write(tmp_path / "t.parquet", columns)
    with pytest.raises(NotByColumn):
        collection_listing._list_by_column(source_at(table, chosen))
    try:
        assert len(find_images(table, chosen).images) == len(next(iter(columns.values())))
    except ImagesError as error:
        assert "stands in 2 of them" in str(error)


def test_listing_of_a_table_is_read_as_a_sequence_and_written_as_one(tmp_path: Path) -> None:
    paths = [f"it's/é{number}\\ {number % 7}.jpg" for number in range(50)]
    images = find_images(_write(tmp_path / "t.parquet", {"path": paths})).images
    entries = list(images)
    assert (len(images), images[3], images[-1], images[4:9]) == (50, entries[3], entries[-1], entries[4:9])
    assert images[10:4] == []
    assert images[1:40:7] == entries[1:40:7]
    with pytest.raises(IndexError):
        images[50]
    assert manifest_digest(images, 7) == manifest_digest(entries, 7)
    for name, some in (("columns", images), ("rows", entries)):
        write_manifest(tmp_path / name, some, 7, 2)
    assert (tmp_path / "columns").read_bytes() == (tmp_path / "rows").read_bytes()
    assert Manifest(tmp_path / "columns").shard(7) == entries[49:]


def test_disk_without_room_for_a_table_is_told_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    table = _write(tmp_path / "t.parquet", {"path": ["a.jpg"]})
    monkeypatch.setattr(pa.ipc.RecordBatchFileWriter, "write_batch", full, raising=False)
    with pytest.raises(StorageError, match=r"Cannot sort the list of images in .*: No space left on device\."):
        find_images(table)
    assert row_spool.RowSpool(row_arrival.ROWS).num_rows == 0


def test_entries_of_two_parts_go_on_from_one_to_the_other(tmp_path: Path) -> None:
    for part in range(3):
        _write(tmp_path / f"part-{part}.parquet", {"path": [f"{part}-{row}.jpg" for row in range(6)]})
    listing = _both(tmp_path)
    assert listing.images[6:8] == [ImageEntry("1-0", "1-0.jpg", 0), ImageEntry("1-1", "1-1.jpg", 0)]
