"""What the folders of a table's parts say of their rows: `label=cat/1.parquet` that their label is `cat`."""

from collections.abc import Mapping
from typing import TypeVar
from urllib.parse import unquote

import pyarrow as pa

from scoring.sources.entries import readable_name

_NULL = "__HIVE_DEFAULT_PARTITION__"  # a partition's value that is none
_Rows = TypeVar("_Rows", pa.Table, pa.RecordBatch)


def partition_values(name: str) -> dict[str, str | None]:
    """What a part's folders say of all its rows: `label=cat/1.parquet` that their label is `cat`.

    Source: Apache Hive's names, as Spark, pandas and DuckDB write them: with escapes of URLs, and one name for null.
    """
    steps = (step.partition("=") for step in readable_name(name)[0].split("/")[:-1])
    return {unquote(column): None if value == _NULL else unquote(value) for column, mark, value in steps if mark}


def with_partition(rows: _Rows, values: Mapping[str, str | None]) -> _Rows:
    """Rows of a part with columns that its folders tell, each one value, but for those that it has itself."""
    for column, value in values.items():
        if column not in rows.schema.names:
            rows = rows.append_column(column, pa.repeat(pa.scalar(value, pa.string()), rows.num_rows))
    return rows
