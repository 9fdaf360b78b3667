"""Parquet tables of few rows."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq


def write_columns(path: Path, columns: Mapping[str, Sequence[object]], row_group_size: int = 3) -> Path:
    """Write a table by its columns; return where."""
    pq.write_table(pa.table(columns), path, row_group_size=row_group_size)
    return path


def write_rows(path: Path, rows: Sequence[Mapping[str, object]], schema: pa.Schema | None = None) -> Path:
    """Write a table by its rows, and the folder for it; return where."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path, row_group_size=3)
    return path
