import os
import subprocess
import sys
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scoring.errors import ImageError, ImagesError, RequestError
from scoring.run.manifest import write_manifest
from scoring.sources import table_images
from scoring.sources.inputs import find_images, open_images
from scoring.sources.label_use import LabelUse
from scoring.sources.labelling import label_by_table
from scoring.sources.table_columns import TableColumns
from scoring.storage.locations import Location, Url
from tests.tables import write_columns, write_rows

_OPTIONAL, _REQUIRED = b"\x25\x02\x18\x05photo", b"\x25\x00\x18\x05photo"  # the column, in Thrift's compact form
_LIST = """
import sys
from pathlib import Path
from scoring.errors import ImageError, ImagesError
from scoring.sources import table_images
from scoring.sources.inputs import find_images, open_images
from scoring.sources.table_columns import TableColumns
table_images._MAX_ROW_GROUP_BYTES = int(sys.argv[1])
table, columns = Path(sys.argv[2]), TableColumns(content="photo")
try:
    for image in find_images(table, columns).images:
        open_images(table, columns)(image)
except (ImageError, ImagesError) as error:
    print(error)
"""


def test_table_of_paths_names_images_beside_it_elsewhere_and_in_buckets(
    bucket: Url, photos: Path, tmp_path: Path
) -> None:
    (bucket / "3.png").upload(photos / "3.png")
    paths = ["photos/10.png", str(photos / "2.png"), str(bucket / "3.png"), "photos/missing.png", "gs://user@host/x"]
    table = write_columns(tmp_path / "images.parquet", {"path": paths, "label": list("abcde")})
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
    table = write_columns(tmp_path / "t.parquet", {"file": ["b.png", "c.png", "a.png"], "number": [10, 9, 100]})
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
    table = write_columns(tmp_path / "t.parquet", columns)
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


def test_a_row_without_an_id_beside_others_gets_none_that_may_be_another_photos(tmp_path: Path) -> None:
    for part, ids in enumerate([[3, None, 5], [None, 7, 8]]):
        write_columns(tmp_path / f"{part}.parquet", {"image": [b"x"] * 3, "id": ids})
    images = find_images(tmp_path, TableColumns(content="image", image_id="id")).images
    assert [image.image_id for image in images] == ["3", "0.parquet#1", "5", "1.parquet#0", "7", "8"]
    keys: dict[str, Sequence[object]] = {"bucket": ["b"] * 3, "key": ["p/1.jpg", "p/2.jpg", "p/3.jpg"]}
    for paths in ({"path": ["1.jpg", "2.jpg", "3.jpg"]}, keys):
        table = write_columns(tmp_path / "t.parquet", {**paths, "id": ["103", "", None]})
        images = find_images(table, TableColumns(image_id="id")).images
        assert [image.image_id for image in images] == ["103", "t.parquet#1", "t.parquet#2"]


def test_row_without_an_image_is_an_image_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = write_columns(tmp_path / "t.parquet", {"photo": [b"x" * 100, None]})
    columns = TableColumns(content="photo")
    first, second = find_images(table, columns).images
    read = open_images(table, columns)
    with pytest.raises(ImageError, match="the table's row holds no image"):
        read(second)
    monkeypatch.setattr("scoring.sources.encoded_images.MAX_IMAGE_BYTES", 50)
    with pytest.raises(ImageError, match="larger than"):
        read(first)


def test_missing_column_is_refused_with_those_there_are(tmp_path: Path) -> None:
    table = write_columns(tmp_path / "t.parquet", {"file": ["a.png"]})
    for columns, advice in (
        (TableColumns(), "that of the paths by `path_column`, or that of the images themselves by `bytes_column`"),
        (TableColumns(content="path"), "that of the images themselves by `bytes_column`"),
        (TableColumns(path="file", image_id="path"), "that of the ids by `id_column`"),
        (TableColumns(path="file", label="path"), "that of the labels by `label_column`"),
    ):
        with pytest.raises(
            ImagesError, match=rf"Expected a column 'path' in .*t\.parquet; it has file\. Name {advice}\.$"
        ):
            find_images(table, columns)
    with pytest.raises(RequestError, match="received both"):
        find_images(table, TableColumns(path="file", content="file"))


def test_of_thousands_of_columns_a_message_names_the_first(tmp_path: Path) -> None:
    """Bengali.AI's tables have one for each pixel."""
    names = ["image_id", *map(str, range(3000))]
    table = write_columns(tmp_path / "t.parquet", {name: [1] for name in names})
    for columns in (TableColumns(), TableColumns(path="image_id", label="label")):
        with pytest.raises(
            ImagesError, match=r"; it has image_id, 0, 1, .*, 38, \.\.\. \(3,001 in all\)\. Name "
        ) as told:
            find_images(table, columns)
        assert len(str(told.value)) < 600


def test_columns_of_what_is_no_table_are_refused(photos: Path) -> None:
    (photos.parent / "photos.zip").write_bytes(b"PK\5\6" + bytes(18))
    for columns, fields in (
        (TableColumns(path="file"), "`path_column`"),
        (TableColumns(label="breed"), "`label_column`"),
        (TableColumns(content="image", image_id="id"), "`bytes_column` and `id_column`"),
    ):
        for place in (photos, photos.parent / "photos.zip"):
            with pytest.raises(RequestError, match=rf"^Expected a \.parquet table for {fields}[;,]"):
                find_images(place, columns)


@pytest.mark.parametrize("content", [b"", b"PAR1 but no more", b"PAR1" + bytes(100) + b"PAR1"])
def test_file_that_is_no_table_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "t.parquet").write_bytes(content)
    with pytest.raises(ImagesError, match=r"Expected a Parquet table") as error:
        find_images(tmp_path / "t.parquet")
    assert "\n" not in str(error.value)


def test_row_groups_that_would_fill_the_memory_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_images, "_MAX_ROW_GROUP_BYTES", 1000)
    table = write_columns(
        tmp_path / "t.parquet", {"photo": [bytes([row]) * 400 for row in range(12)]}, row_group_size=12
    )
    with pytest.raises(ImagesError, match="smaller row_group_size"):
        find_images(table, TableColumns(content="photo"))


def test_row_group_that_is_large_by_another_column_is_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_images, "_MAX_ROW_GROUP_BYTES", 1000)
    columns = {"photo": [b"x"], "mask": [os.urandom(2000)]}
    table = write_columns(tmp_path / "t.parquet", columns)
    assert len(find_images(table, TableColumns(content="photo")).images) == 1


@pytest.mark.parametrize("limit", [1, 1024**3])
def test_damaged_description_of_a_column_is_an_error_and_not_the_end_of_the_process(tmp_path: Path, limit: int) -> None:
    """In a process of its own: pyarrow ended it by `std::terminate`."""
    table = write_columns(tmp_path / "t.parquet", {"photo": [bytes([row]) * 400 for row in range(3)]})
    content = table.read_bytes()
    assert _OPTIONAL in content
    table.write_bytes(content.replace(_OPTIONAL, _REQUIRED))
    run = subprocess.run(
        [sys.executable, "-c", _LIST, str(limit), str(table)], capture_output=True, text=True, check=False, timeout=60
    )
    assert run.returncode == 0, run.stderr
    assert len(run.stdout.splitlines()) == 1, run.stdout


def test_column_whose_name_has_dots_is_found_before_one_inside_another(tmp_path: Path) -> None:
    """As `Dataset.flatten()` and `pandas.json_normalize` write them."""
    flat = write_columns(tmp_path / "flat.parquet", {"image.bytes": [b"1", b"2"], "image.path": ["b.jpg", "a.jpg"]})
    both = write_rows(
        tmp_path / "both.parquet",
        [{"image.bytes": b"flat", "image": {"bytes": b"inside", "path": "a.jpg"}, "image.path": "b.jpg"}],
    )
    columns = TableColumns(content="image.bytes", image_id="image.path")
    for table, expected in ((flat, {"b.jpg": b"1", "a.jpg": b"2"}), (both, {"b.jpg": b"flat"})):
        read = open_images(table, columns)
        assert {image.image_id: read(image) for image in find_images(table, columns).images} == expected
    assert [image.path for image in find_images(flat, TableColumns(path="image.path")).images] == ["a.jpg", "b.jpg"]


def test_a_column_inside_another_is_found_where_names_have_dots_themselves(tmp_path: Path) -> None:
    """As of a feature `image.raw` of Hugging Face."""
    photo = {"bytes": b"1", "path": "a.jpg"}
    table = write_rows(
        tmp_path / "t.parquet", [{"image.raw": photo, "s": {"im.g": photo, "im": {"id": "x"}, "a.b.c": "y"}}]
    )
    for content in ("image.raw.bytes", "s.im.g.bytes"):
        for image_id, expected in (("s.im.id", "x"), ("s.a.b.c", "y"), ("image.raw.path", "a.jpg")):
            columns = TableColumns(content=content, image_id=image_id)
            read = open_images(table, columns)
            assert {image.image_id: read(image) for image in find_images(table, columns).images} == {expected: b"1"}


def test_a_name_with_dots_that_two_columns_inside_others_have_is_refused(tmp_path: Path) -> None:
    table = write_rows(tmp_path / "t.parquet", [{"image": {"raw.bytes": b"1"}, "image.raw": {"bytes": b"2"}}])
    with pytest.raises(ImagesError, match=r"it has 'image\.raw\.bytes' more than once\. Write it anew"):
        find_images(table, TableColumns(content="image.raw.bytes"))


def test_lists_of_images_and_columns_of_another_type_are_refused_by_what_they_are(tmp_path: Path) -> None:
    image = {"bytes": b"\x89PNG", "path": "1.jpg"}
    table = write_rows(
        tmp_path / "t.parquet", [{"images": [image], "pixels": [1, 2], "image": image, "name": "x", "size": 1}]
    )
    for columns, reason in (
        (TableColumns(content="images"), "images of .* is of lists.* a row for each image"),
        (TableColumns(content="pixels"), r"pixels of .* is of lists, list<.*int64>"),
        (
            TableColumns(content="images.list.element.bytes"),
            r"it has images \(a list\), pixels \(a list\), image.bytes,",
        ),
        (TableColumns(content="image"), r"encoded images, binary; image of .* Name one of image\.bytes\."),
        (TableColumns(content="name"), r"Expected `bytes_column` .*; name of .* is string\."),
        (
            TableColumns(path="image.bytes"),
            r"Expected `path_column` .* texts or numbers; image\.bytes of .* is binary\.",
        ),
        (TableColumns(path="image"), r"image of .* is struct.* Name one of image\.path\."),
        (TableColumns(content="image.bytes", image_id="image"), "Expected `id_column` .* is struct"),
    ):
        with pytest.raises(ImagesError, match=reason):
            find_images(table, columns)


@pytest.mark.parametrize(
    "kind",
    [pa.binary(), pa.large_binary(), pa.dictionary(pa.int32(), pa.binary()), pa.large_string()],
    ids=str,
)
def test_texts_that_older_writers_leave_as_bytes_are_paths_ids_and_labels(tmp_path: Path, kind: pa.DataType) -> None:
    """Impala, Hive and old Spark do not say that they are texts."""
    texts: dict[str, list[str | None]] = {"path": ["2.png", "käse.png", None], "id": ["b", "a", "c"]}
    texts["label"] = ["cat", None, "dog"]
    arrays: dict[str, Any] = {}
    for name, written in texts.items():
        encoded = pa.array([text and text.encode() for text in written], pa.binary())
        arrays[name] = encoded.dictionary_encode() if pa.types.is_dictionary(kind) else encoded.cast(kind)
    table, columns = write_columns(tmp_path / "t.parquet", arrays, 2), TableColumns(image_id="id", label="label")
    labelled = label_by_table(find_images(table, columns), table, columns, LabelUse(keeps_unlabelled=True))
    assert [(image.image_id, image.path, image.target) for image in labelled.listing.images] == [
        ("a", "käse.png", None),
        ("b", "2.png", "cat"),
        ("c", "t.parquet#2", "dog"),
    ]
    assert [image.path for image in find_images(table).images] == ["2.png", "käse.png", "t.parquet#2"]


@pytest.mark.parametrize(
    "numbers",
    [
        pa.array([0, 10, 100]),
        pa.array([0.0, 10.0, 100.0]),
        pa.array([Decimal("0.00"), Decimal("10.00"), Decimal(100)]),
        pa.array([0, 10, 100], pa.decimal128(38, 10)),  # as Oracle's NUMBER, of which Arrow writes `0E-10`
    ],
    ids=["whole", "floats", "decimals", "long decimals"],
)
def test_whole_numbers_are_the_same_ids_however_a_table_has_them(tmp_path: Path, numbers: pa.Array) -> None:
    table = write_columns(tmp_path / "t.parquet", {"path": ["a.png", "b.png", "c.png"], "id": numbers})
    assert [image.image_id for image in find_images(table, TableColumns(image_id="id")).images] == ["0", "10", "100"]


def test_images_as_a_dictionary_are_read_as_others(tmp_path: Path) -> None:
    values = pa.array([b"one", b"two", None, b"one"]).dictionary_encode()
    table, columns = write_columns(tmp_path / "t.parquet", {"image": values}), TableColumns(content="image")
    (first, second, none, last), read = find_images(table, columns).images, open_images(table, columns)
    assert [read(image) for image in (first, second, last)] == [b"one", b"two", b"one"]
    with pytest.raises(ImageError, match="the table's row holds no image"):
        read(none)


def test_row_of_hugging_face_that_names_its_image_instead_says_where(tmp_path: Path) -> None:
    images: list[dict[str, Any]] = [{"bytes": b"1", "path": "1.jpg"}, {"bytes": None, "path": "2.jpg"}]
    table = write_rows(tmp_path / "t.parquet", [{"image": image} for image in images])
    flat = write_columns(tmp_path / "f.parquet", {f"image.{name}": [one[name] for one in images] for name in images[0]})
    for source in (table, flat):
        held, named = find_images(source, columns := TableColumns(content="image.bytes")).images
        read = open_images(source, columns)
        assert read(held) == b"1"
        with pytest.raises(ImageError, match=r"holds no image; image\.path may name one: .* by `path_column`"):
            read(named)


def test_part_of_a_table_without_any_value_has_rows_without_an_image(tmp_path: Path) -> None:
    """pandas writes a column of nulls without a type."""
    for number, values in enumerate([pa.nulls(2), pa.array([b"image"])]):
        write_columns(tmp_path / f"t-{number}.parquet", {"image": values})
    columns = TableColumns(content="image")
    *none, image = find_images(tmp_path / "t-*.parquet", columns).images
    read = open_images(tmp_path / "t-*.parquet", columns)
    assert (len(none), read(image)) == (2, b"image")
    for row in none:
        with pytest.raises(ImageError, match="the table's row holds no image"):
            read(row)


def test_row_without_a_path_is_an_image_error_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"a")
    table = write_columns(
        tmp_path / "t.parquet", {"path": ["a.png", None, "", "a\0b.png"], "name": ["1", "2", None, "4"]}
    )
    for columns, ids in (
        (TableColumns(), ["a", "a\0b", "t.parquet#1", "t.parquet#2"]),
        (TableColumns(image_id="name"), ["1", "2", "4", "t.parquet#2"]),
    ):
        images, read = find_images(table, columns).images, open_images(table, columns)
        assert sorted(image.image_id for image in images) == ids
        for image in images:
            if image.path == "a.png":
                assert read(image) == b"a"
            else:
                reason = "with a NUL" if "\0" in image.path else "the table's row names no image"
                with pytest.raises(ImageError, match=reason):
                    read(image)


def test_part_without_the_column_is_named(tmp_path: Path) -> None:
    write_rows(tmp_path / "t" / "0.parquet", [{"path": "1.png"}])
    write_rows(tmp_path / "t" / "1.parquet", [{"file": "2.png"}])
    with pytest.raises(ImagesError, match=r"Expected a column 'path' in .*1\.parquet; it has file"):
        find_images(tmp_path / "t")


def test_tables_of_s3_inventory_are_listed_as_the_bucket_is(tmp_path: Path, bucket: Url) -> None:
    for key in ("photos/10.jpg", "photos/9.jpg", "photos/old.jpg", "photos/plain"):
        (bucket / key).write_bytes(b"\xff\xd8\xff" + key.encode())
    keys = ["photos/10.jpg", "photos/9.jpg", "photos/notes.txt", "photos/old.jpg", "photos/gone.jpg", "photos/plain"]
    keys += ["photos//odd"]  # a key that cannot be named here
    rows = [
        {
            "bucket": bucket.bucket,
            "key": key,
            "size": 20,
            "is_latest": "old" not in key,
            "is_delete_marker": "gone" in key,
        }
        for key in keys
    ]
    table = write_rows(tmp_path / "data" / "inventory.parquet", list(rows)).parent
    listing, read = find_images(table), open_images(table)
    assert [image.image_id for image in listing.images] == ["9", "10", "plain"]
    assert [image.size_bytes for image in listing.images] == [20, 20, 20]
    assert read(listing.images[0]) == b"\xff\xd8\xffphotos/9.jpg"
    assert {left.reason: left.count for left in listing.left_out} == {
        "old version of an object, or deleted": 2,
        "not an image": 1,
        "unreadable": 1,
    }


@pytest.mark.parametrize(
    ("sizes", "found"),
    [
        (pa.array(["10", ""]), [10, 0]),
        (pa.array(["10", None]), [10, 0]),
        (pa.array([10.0, float("nan")]), [10, 0]),
        (pa.array(["10", "20"]).dictionary_encode(), [10, 20]),
        (pa.array([10, 2**40], pa.uint64()), [10, 2**40]),
    ],
)
def test_sizes_of_an_inventory_may_be_written_as_text_or_floats(
    tmp_path: Path, sizes: pa.Array, found: Sequence[int]
) -> None:
    pq.write_table(pa.table({"bucket": ["b"] * 2, "key": ["1.jpg", "2.jpg"], "size": sizes}), tmp_path / "t.parquet")
    images = find_images(tmp_path / "t.parquet").images
    assert [image.size_bytes for image in images] == found
    assert write_manifest(tmp_path / "manifest.parquet", images, 32, 0).num_images == 2


@pytest.mark.parametrize(
    ("size", "told"),
    [
        ("ten", "'ten'"),
        (-1, "one is -1"),
        ("-1", "one is -1"),
        (1.5, r"1\.5"),
        (float("inf"), "inf"),
        (2.0**70, r"(1\.18059e\+21|11805916)"),  # as earlier and later pyarrow say it
        ([1], "list"),
    ],
)
def test_size_of_an_inventory_that_is_none_is_refused_in_one_line(tmp_path: Path, size: object, told: str) -> None:
    pq.write_table(pa.table({"bucket": ["b"], "key": ["1.jpg"], "size": [size]}), tmp_path / "t.parquet")
    with pytest.raises(ImagesError, match=f"column 'size' of t.parquet to hold sizes.*; .*{told}") as refused:
        find_images(tmp_path / "t.parquet")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("latest", "deleted"),
    [
        ([True, False, True, None], [False, False, True, None]),
        (["true", "false", "TRUE", ""], ["false", "False", "true", None]),
        ([1, 0, 1, None], [0.0, 0.0, 1.0, float("nan")]),
        (pa.array(["true", "false", "true", None]).dictionary_encode(), pa.nulls(4)),
    ],
)
def test_old_versions_in_an_inventory_are_left_out_however_true_and_false_are_written(
    tmp_path: Path, latest: Sequence[object], deleted: Sequence[object]
) -> None:
    columns: dict[str, Sequence[object]] = {"bucket": ["b"] * 4, "key": ["1.jpg", "1.jpg", "2.jpg", "3.jpg"]}
    more = {"size": [10, 2, 3, 4], "is_latest": latest, "is_delete_marker": deleted}
    table = write_columns(tmp_path / "t.parquet", {**columns, **more})
    kept = [("1", 10), ("2", 3), ("3", 4)] if isinstance(deleted, pa.Array) else [("1", 10), ("3", 4)]
    assert [(image.image_id, image.size_bytes) for image in find_images(table).images] == kept


@pytest.mark.parametrize("said", ["yes", "t", 2, [True]])
def test_what_is_neither_true_nor_false_in_an_inventory_is_refused(tmp_path: Path, said: object) -> None:
    table = write_columns(tmp_path / "t.parquet", {"bucket": ["b"], "key": ["1.jpg"], "is_latest": [said]})
    with pytest.raises(ImagesError, match=r"column 'is_latest' of t\.parquet to hold true or false; .*leave it out"):
        find_images(table)


def test_ids_of_an_inventory_are_refused_where_two_objects_that_count_share_one(tmp_path: Path) -> None:
    keys = ["1.jpg", "2.jpg", "3.jpg", "1.jpg", "notes.txt"]
    table = write_columns(tmp_path / "t.parquet", {"bucket": ["b"] * 5, "key": keys, "sku": ["A", "B", "C", "A", "B"]})
    listing = find_images(table, TableColumns(image_id="sku"))
    assert [image.image_id for image in listing.images] == ["A", "B", "C"]
    table = write_columns(tmp_path / "t.parquet", {"bucket": ["b"] * 5, "key": keys, "sku": ["A", "A", "B", "D", "E"]})
    with pytest.raises(ImagesError, match="'A' stands in 2 of them"):
        find_images(table, TableColumns(image_id="sku"))


def test_id_or_path_that_comes_twice_is_refused_by_name(tmp_path: Path) -> None:
    table = write_columns(
        tmp_path / "t.parquet", {"path": ["a.png", "b.png", "a.png"], "id": [1, 2, 3], "twice": [7, 8, 8]}
    )
    with pytest.raises(ImagesError, match=r"'a\.png' stands in 2 of them.*`id_column`"):
        find_images(table)
    assert len(find_images(table, TableColumns(image_id="id")).images) == 3
    with pytest.raises(ImagesError, match="'8' stands in 2 of them"):
        find_images(table, TableColumns(image_id="twice"))


def test_pipe_device_and_folder_that_a_table_names_are_image_errors_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "folder.jpg").mkdir()
    table = write_columns(tmp_path / "t.parquet", {"path": ["pipe.jpg", "/dev/zero", "folder.jpg"]})
    read = open_images(table)
    for image in find_images(table).images:
        with pytest.raises(ImageError, match=r"not a regular file|Is a directory"):
            read(image)


def test_id_that_another_row_makes_of_its_path_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"path": [None, "t.parquet#0.jpg"]}), tmp_path / "t.parquet")
    with pytest.raises(ImagesError, match=r"'t\.parquet#0' is the id of one, and is made of the path"):
        find_images(tmp_path / "t.parquet")
