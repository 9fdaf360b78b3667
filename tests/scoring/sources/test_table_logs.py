import re
from pathlib import Path

import pytest

from scoring.errors import BucketError, ImagesError
from scoring.sources import table_logs
from scoring.sources.inputs import find_images, open_images
from scoring.sources.table_columns import TableColumns
from scoring.storage.locations import Location, Url
from tests.tables import write_columns, write_rows


@pytest.mark.parametrize(
    ("log", "named"),
    [
        ("_delta_log/00000000000000000000.json", "_delta_log"),
        ("2026/_delta_log/00000000000000000000.json", "2026/_delta_log"),
        (".hoodie/hoodie.properties", ".hoodie"),
        ("metadata/v2.metadata.json", "metadata/v2.metadata.json"),
        ("_spark_metadata/0", "_spark_metadata"),
        ("snapshot/snapshot-1", "snapshot/snapshot-1"),
    ],
)
@pytest.mark.parametrize("in_bucket", [False, True])
def test_a_table_that_has_parts_which_do_not_count_is_refused_unless_they_are_named(
    tmp_path: Path, bucket: Url, log: str, named: str, in_bucket: bool
) -> None:
    folder = tmp_path / "table"
    write_rows(folder / "part-0.parquet", [{"path": "1.png"}])
    (folder / log).parent.mkdir(parents=True)
    (folder / log).write_text("{}")
    if in_bucket:
        for name in ("part-0.parquet", log):
            (bucket / "table" / name).upload(folder / name)
    table: Location = bucket / "table" if in_bucket else folder
    with pytest.raises(ImagesError, match=rf"all of whose parts count; .*/table/{re.escape(named)} tells which do"):
        find_images(table, TableColumns(path="path"))
    assert [image.path for image in find_images(table / "*.parquet", TableColumns(path="path")).images] == ["1.png"]


@pytest.mark.parametrize(
    "log",
    [
        *("_delta_log/0.json", ".hoodie/x", "metadata/v2.metadata.json", "metadata/version-hint.text"),
        *("_spark_metadata/0", "snapshot/snapshot-1"),
    ],
)
@pytest.mark.parametrize("in_bucket", [False, True])
def test_folder_within_such_a_table_is_refused_as_well(
    tmp_path: Path, bucket: Url, monkeypatch: pytest.MonkeyPatch, log: str, in_bucket: bool
) -> None:
    part, columns = "data/date=1/part-0.parquet", TableColumns(path="path")
    write_rows(tmp_path / "table" / part, [{"path": "1.png"}])
    (tmp_path / "table" / log).parent.mkdir()
    (tmp_path / "table" / log).write_text("{}")
    if in_bucket:
        for name in (part, log):
            (bucket / "table" / name).upload(tmp_path / "table" / name)
    table: Location = bucket / "table" if in_bucket else tmp_path / "table"
    (tmp_path / "linked").symlink_to(tmp_path / "table" / "data")
    monkeypatch.chdir(tmp_path / "table" / "data")
    for within in (table / "data", table / "data" / "date=1", tmp_path / "linked", Path("date=1")):
        with pytest.raises(ImagesError, match=rf"/table/{re.escape(log[:7])}.* tells which do.* by a pattern such as"):
            find_images(within, columns)
    for named in (table / "data" / "date=1" / "*.parquet", table / part):
        assert [image.path for image in find_images(named, columns).images] == ["1.png"]


def test_folder_of_a_bucket_is_a_table_where_the_folders_above_may_not_be_seen(
    bucket: Url, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (bucket / "table" / "date=1" / "part-0.parquet").upload(write_columns(tmp_path / "0.parquet", {"path": ["1.png"]}))

    def refuse(folder: Location) -> None:
        raise BucketError(f"access to {folder} is denied")

    monkeypatch.setattr(table_logs, "_log_in", refuse)
    assert [image.path for image in find_images(bucket / "table" / "date=1").images] == ["1.png"]


@pytest.mark.parametrize("table", ["tables/a", "tables/a/date=1", "data"])
@pytest.mark.parametrize("in_bucket", [False, True])
def test_metadata_of_other_kinds_beside_or_above_a_table_do_not_matter(
    tmp_path: Path, bucket: Url, table: str, in_bucket: bool
) -> None:
    write_rows(tmp_path / table / "0.parquet", [{"path": "1.png"}])
    others = ["metadata/photos.metadata.json", "snapshot/2026-11-30"]
    others += ["metadata/v2.metadata.json", "snapshot/snapshot-1"] * (table != "data")
    for name in others:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    for name in (f"{table}/0.parquet", *others):
        (bucket / name).upload(tmp_path / name)
    images = find_images((bucket if in_bucket else tmp_path) / table, TableColumns(path="path")).images
    assert [image.path for image in images] == ["1.png"]


@pytest.mark.parametrize("in_bucket", [False, True])
def test_parts_in_folders_called_as_files_of_a_log_are_read(tmp_path: Path, bucket: Url, in_bucket: bool) -> None:
    """Paimon's `snapshot-1` is a file; a folder is that of one night."""
    for name in ("snapshot/snapshot-0/0.parquet", "snapshot/snapshot-1/0.parquet"):
        write_rows(tmp_path / "table" / name, [{"path": f"{name[18]}.png"}])
        (bucket / "table" / name).upload(tmp_path / "table" / name)
    table: Location = bucket / "table" if in_bucket else tmp_path / "table"
    for folder, found in ((table, ["0.png", "1.png"]), (table / "snapshot" / "snapshot-1", ["1.png"])):
        assert [image.path for image in find_images(folder, TableColumns(path="path")).images] == found


def test_reader_of_a_table_looks_at_nothing_above(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_rows(tmp_path / "date=1" / "0.parquet", [{"image": b"photo"}])
    columns = TableColumns(content="image")
    listed = find_images(tmp_path / "date=1", columns).images
    monkeypatch.setattr(table_logs, "_log_in", lambda folder: pytest.fail(f"{folder} was looked at"))
    assert open_images(tmp_path / "date=1", columns)(listed[0]) == b"photo"
