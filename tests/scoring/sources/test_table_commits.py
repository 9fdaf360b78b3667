"""Parts of a table that Databricks wrote count if their write came to its end and no later one replaced them."""

import json
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scoring.errors import ImagesError
from scoring.sources.inputs import find_images
from scoring.sources.table_columns import TableColumns
from scoring.storage.locations import Location, Url

_FIRST, _SECOND = "part-00000-tid-111-a-c000.snappy.parquet", "part-00000-tid-222-b-c000.snappy.parquet"


def _committed(*removed: str) -> str:
    return json.dumps({"added": [], "removed": removed})


def _fill(folder: Path, files: dict[str, str]) -> Path:
    for number, name in enumerate((_FIRST, _SECOND)):
        (folder / "year=2026").mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table({"path": [f"{number}.jpg"]}), folder / "year=2026" / name)
    for name, content in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(content)
    return folder


@pytest.mark.parametrize(
    "files",
    [
        {"_committed_111": _committed(), "_started_111": "", "_committed_222": _committed()},
        {"_committed_111": _committed(), "_started_333": "", "_committed_222": _committed("part-gone.parquet")},
        {"_committed_vacuum9": _committed(_FIRST)},
    ],
)
def test_table_of_databricks_is_read_where_all_of_its_parts_count(tmp_path: Path, files: dict[str, str]) -> None:
    table = _fill(tmp_path / "table", {f"year=2026/{name}": content for name, content in files.items()})
    assert len(find_images(table, TableColumns(path="path")).images) == 2


@pytest.mark.parametrize(
    ("files", "mark"),
    [
        ({"_committed_111": _committed(), "_started_222": ""}, "_started_222"),
        ({"_committed_222": _committed(_FIRST), "_committed_111": _committed()}, "_committed_222"),
        ({"_committed_222": '{"added": [', "_started_222": ""}, "_committed_222"),
    ],
)
@pytest.mark.parametrize("in_bucket", [False, True])
def test_table_of_databricks_is_refused_where_a_part_does_not_count(
    tmp_path: Path, bucket: Url, files: dict[str, str], mark: str, in_bucket: bool
) -> None:
    table: Location = _fill(tmp_path / "table", {f"year=2026/{name}": content for name, content in files.items()})
    if in_bucket:
        for path in filter(Path.is_file, tmp_path.rglob("*")):
            (bucket / path.relative_to(tmp_path).as_posix()).upload(path)
        table = bucket / "table"
    said = rf"all of whose parts count; .*/table/year=2026/{re.escape(mark)} tells which do"
    with pytest.raises(ImagesError, match=said):
        find_images(table, TableColumns(path="path"))
