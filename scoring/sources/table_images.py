"""Images that a Parquet table names in a column of paths, or holds in a column of bytes; in the table's order."""

import threading
from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from scoring.errors import BucketError, ImageError, ImagesError, RequestError
from scoring.sources.entries import FoundFile, ImageEntry, ImageReader, TableColumns, check_size, read_image
from scoring.storage.locations import Location, file_below, locate, readable

_ROWS_AT_ONCE = 4096
# A worker holds one row group's images; a gigabyte beside a network is still a small machine's share.
_MAX_ROW_GROUP_BYTES = 1024**3


class TableSource:
    """A Parquet file, local or in a bucket."""

    def __init__(self, table: Location, columns: TableColumns) -> None:
        self._table = table
        self._columns = columns

    @property
    def holds_images(self) -> bool:
        """Whether the images themselves are in it: they are read in its order, a row group at a time."""
        return self._columns.content is not None

    def check(self) -> None:
        """See `ImageSource`."""
        if not self._table.is_file():
            raise ImagesError(f"Expected --images to be a Parquet table; {self._table} does not exist.")
        if self._columns.path and self._columns.content:
            raise RequestError("Expected --path-column or --bytes-column; received both.")
        with self._opened() as table:
            for column in (self._columns.images, self._columns.image_id):
                if column and column not in _leaves(table):
                    raise ImagesError(
                        f"Expected a column {column!r} in {self._table}; it has {', '.join(_leaves(table))}. Name it "
                        "with --path-column, --bytes-column or --id-column."
                    )
            if self._columns.content:
                self._check_row_groups(table)

    def _check_row_groups(self, table: pq.ParquetFile) -> None:
        column = _leaves(table).index(self._columns.images)
        groups = range(table.num_row_groups)
        largest = max((table.metadata.row_group(i).column(column).total_uncompressed_size for i in groups), default=0)
        if largest > _MAX_ROW_GROUP_BYTES:
            raise ImagesError(
                f"Expected row groups of at most {_MAX_ROW_GROUP_BYTES // 1024**2} MiB of images, each is read whole; "
                f"{self._table} has one of {largest // 1024**2} MiB. Write it with a smaller row_group_size."
            )

    def files(self) -> Iterator[FoundFile]:
        """One for each row."""
        wanted = [column for column in (self._columns.image_id, self._columns.images) if column]
        if self._columns.content:  # their bytes are not listed
            wanted = [self._columns.image_id] if self._columns.image_id else []
        row = 0
        try:
            with self._opened() as table:
                for batch in table.iter_batches(_ROWS_AT_ONCE, columns=wanted):
                    ids = _texts(batch, self._columns.image_id) if self._columns.image_id else None
                    paths = None if self._columns.content else _texts(batch, self._columns.images)
                    for index in range(batch.num_rows):
                        yield self._found(row, paths[index] if paths else None, ids[index] if ids else None)
                        row += 1
        except BucketError:
            raise
        except (OSError, pa.ArrowException) as error:
            raise ImagesError(
                f"Expected a readable Parquet table; {self._table} is damaged: {_one_line(error)}."
            ) from error

    def _found(self, row: int, path: str | None, image_id: str | None) -> FoundFile:
        if self._columns.content:
            return FoundFile(f"{self._table.name}#{row}", 0, None, row, image_id or str(row))
        if not path:
            raise ImagesError(f"Expected a path in every row of {self._table}; row {row} has none.")
        return FoundFile(path, 0, None, None, image_id)

    def open(self) -> ImageReader:
        """See `ImageSource`."""
        if self._columns.content:
            return _BytesReader(self._table, self._columns.content)
        return _PathReader(self._table.parent)

    def _opened(self) -> pq.ParquetFile:
        try:
            return pq.ParquetFile(readable(self._table))
        except BucketError:
            raise
        except (OSError, pa.ArrowException) as error:
            raise ImagesError(f"Expected a Parquet table; {self._table} is not one: {_one_line(error)}.") from error


class _PathReader:
    def __init__(self, folder: Location) -> None:
        self._folder = folder

    def __call__(self, image: ImageEntry) -> bytes:
        try:
            location = locate(image.path)
        except RequestError as error:
            raise ImageError(str(error)) from error
        return read_image(location if location.is_absolute() else file_below(self._folder, image.path))


class _BytesReader:
    """Keeps the row group that was read last: a shard's rows lie beside each other."""

    def __init__(self, table: Location, column: str) -> None:
        self._table = pq.ParquetFile(readable(table))
        self._column = column
        groups = range(self._table.num_row_groups)
        self._ends = list(accumulate(self._table.metadata.row_group(group).num_rows for group in groups))
        self._turn = threading.Lock()
        self._group, self._images = -1, pa.array([])

    def __call__(self, image: ImageEntry) -> bytes:
        row = image.position or 0
        group = bisect_right(self._ends, row)
        try:
            encoded = self._read_group(group)[row - (self._ends[group - 1] if group else 0)]
        except (OSError, pa.ArrowException, IndexError) as error:
            raise ImageError(f"cannot read from table: {_one_line(error)}") from error
        if not encoded.is_valid:
            raise ImageError("the table's row holds no image")
        content: bytes = encoded.as_py()
        check_size(len(content))
        return content

    def _read_group(self, group: int) -> Any:
        with self._turn:
            if group != self._group:
                table = self._table.read_row_group(group, columns=[self._column])
                self._images, self._group = _column(table, self._column), group
            return self._images


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


def _leaves(table: pq.ParquetFile) -> list[str]:
    """The names of all columns, those inside others with dots."""
    return [table.schema.column(index).path for index in range(len(table.schema))]


def _texts(batch: pa.RecordBatch, column: str) -> list[str | None]:
    texts: list[str | None] = pc.cast(_column(batch, column), pa.string()).to_pylist()
    return texts


def _column(table: pa.Table | pa.RecordBatch, column: str) -> Any:
    outer, *inner = column.split(".")
    values = table[outer]
    return pc.struct_field(values, inner) if inner else values
