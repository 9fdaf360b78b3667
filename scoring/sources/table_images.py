"""Images that a Parquet table names in a column of paths, or holds in a column of bytes; in the table's order."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import cached_property

import pyarrow as pa
import pyarrow.parquet as pq

from scoring.errors import BucketError, ImagesError, RequestError, one_line
from scoring.sources.class_names import NamedParts
from scoring.sources.entries import FoundFile, ImageEntry, ImageReader
from scoring.sources.row_paths import are_of_windows, are_quoted, with_told_paths
from scoring.sources.row_reader import RowReader, is_there, located, refuse_absent_common
from scoring.sources.table_bytes import BytesReader
from scoring.sources.table_columns import (
    TableColumns,
    as_texts,
    check_column,
    column_names,
    column_type,
    column_values,
    is_binary,
    is_inventory,
    is_number,
    is_text,
    unfit,
)
from scoring.sources.table_folder import unnamed_part
from scoring.sources.table_partitions import partition_values
from scoring.sources.table_parts import TableParts
from scoring.sources.table_rows import TablePart, found_files, found_rows, listed_columns, told_by_folders
from scoring.storage.locations import Location, file_below
from scoring.storage.reading import read_range
from scoring.storage.write_times import is_written_since

__all__ = ["TableColumns", "TableSource"]

_ROWS_AT_ONCE = 65_536
_ENDS_AT_ONCE = 16  # of parts, each of which a bucket takes some tens of milliseconds to send
# A worker holds one row group's images beside its network; a small machine has room for a gigabyte.
_MAX_ROW_GROUP_BYTES = 1024**3
_PIECE_BYTES = 64 * 1024  # of a column of which one row is looked at


class TableSource:
    """A Parquet table, local or in a bucket, in one file or several.

    Attributes:
        table: Where it is.
    """

    def __init__(self, table: Location, columns: TableColumns) -> None:
        self.table = table
        self._columns = columns

    @property
    def keeps_order(self) -> bool:
        """Whether the images themselves are in it: they are read in its order, a row group at a time."""
        return self._columns.content is not None

    @cached_property
    def holds_only_images(self) -> bool:
        """Whether it is a list of images, not of all objects in a bucket."""
        with self._parts.open(self._parts.names[0]) as part:
            return not is_inventory(part.schema_arrow, self._columns)

    @property
    def num_rows(self) -> int:
        """How many rows there are, by the ends of the parts."""
        with ThreadPoolExecutor(_ENDS_AT_ONCE) as threads:
            return sum(threads.map(self._parts.num_rows, self._parts.names))

    def has_column(self, name: str) -> bool:
        """Whether there is such a column."""
        if not self._parts.names:
            return False
        with self._parts.open(self._parts.names[0]) as part:
            return column_type(part.schema_arrow, name) is not None or name in partition_values(self._parts.names[0])

    def other_columns(self) -> dict[str, bool]:
        """The columns that were not asked for, by the first part and its folders, and whether each is of texts.

        Those inside others count, as `meta.split`; those of lists and the like are left out. Bytes may be texts.
        """
        first = self._parts.names[0]
        with self._parts.open(first) as part:
            schema = part.schema_arrow
        kinds = {name: kind for name in column_names(schema) if (kind := column_type(schema, name)) is not None}
        of_cells = (is_text, is_number, is_binary)
        found = {name: is_text(kind) for name, kind in kinds.items() if any(test(kind) for test in of_cells)}
        asked = {self._columns.images, self._columns.image_id, self._columns.label, self._columns.group}
        found |= dict.fromkeys(partition_values(first), True)
        return {name: are_texts for name, are_texts in found.items() if name not in asked}

    def check(self) -> None:
        """See `ImageSource`."""
        if self._columns.path and self._columns.content:
            raise RequestError("Expected `path_column` or `bytes_column`; received both.")
        if not self._parts.names:
            unnamed = unnamed_part(self.table)
            raise ImagesError(
                f"Expected a .parquet table for {self._columns.fields}, or a folder of its parts; "
                f"received {self.table}."
                + (f" {unnamed} is one by its content: call such files .parquet." if unnamed else "")
            )
        if self._parts.folder == self.table:
            self._parts.refuse_uncounted()
        with self._parts.open(self._parts.names[0]) as part:
            self._check_part(part, self._parts.names[0])

    @property
    def hidden_parts(self) -> list[str]:
        """What matches the pattern and is not read."""
        return self._parts.hidden

    @property
    def linked_parts(self) -> list[str]:
        """Links to other parts, which are not read."""
        return self._parts.linked

    @property
    def part_names(self) -> list[str]:
        """Paths of the parts from where they lie."""
        return self._parts.names

    def files(self) -> Iterator[FoundFile]:
        """One for each row."""
        for batch in self.batches():
            yield from found_files(batch)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The rows column by column, at most 65,536 at a time; see `FOUND`.

        Raises:
            ImagesError: If a part is damaged, lacks a column, or is changed meanwhile.
        """
        if self.keeps_order:
            yield from self._as_written()
            return
        for rows in self._as_written():
            yield with_told_paths(rows, lambda: self._is_of_windows, lambda: self._is_quoted)

    @cached_property
    def _is_of_windows(self) -> bool:
        return are_of_windows(self._as_written(), lambda path: is_there(self._parts.folder, path))

    @cached_property
    def _is_quoted(self) -> bool:
        return are_quoted(self._as_written(), lambda name: is_there(self._parts.folder, name))

    def _as_written(self) -> Iterator[pa.RecordBatch]:
        before = 0
        for name in self._parts.names:
            # First: a part that is replaced meanwhile is refused when it is read.
            stamp = self._parts.stamp(name) if self.keeps_order else None
            with self._parts.refused_if_rewritten(name), self._parts.open(name) as part:
                self._check_part(part, name)
                if self._columns.label and part.metadata.num_rows:
                    self._named.add(name, part.schema_arrow)
                yield from self._rows(part, TablePart(name, before, stamp))
                before += part.metadata.num_rows

    def places(self, count: int) -> list[Location]:
        """Where some of the images are that the first rows name; none where it holds them itself."""
        if self.keeps_order:
            return []
        rows, places = next(self.batches(), None), list[Location]()
        if rows is None:
            return []
        some = range(0, rows.num_rows, max(1, rows.num_rows // count))[:count]
        for file in found_files(rows.take(pa.array(some))):
            with suppress(RequestError):  # what no client can name
                places.append(located(self._parts.folder, file))
        return places

    def peek(self, file: FoundFile, length: int) -> bytes:
        """See `ImageSource`."""
        try:
            place = located(self._parts.folder, file)
        except RequestError as error:
            raise OSError(str(error)) from error
        return read_range(place, 0, length)

    def open(self) -> ImageReader:
        """See `ImageSource`."""
        if self._columns.content:
            return BytesReader(self._parts, self._columns.content)
        return RowReader(self._parts.folder)

    def changes_since(self, since: float) -> Callable[[ImageEntry], bool]:
        """See `ImageSource`; one part that has been written counts as all."""
        parts = (file_below(self._parts.folder, name) for name in self._parts.names)
        is_written = any(is_written_since(part, since) for part in parts)
        return lambda image: is_written

    def refuse_absent(self, common: str) -> None:
        """Raise UnreachableError if this folder of all the images, by their paths, is gone, closed or empty."""
        refuse_absent_common(self._parts.folder, common, is_listed=False)

    @property
    def class_numbers(self) -> Mapping[str, int | None]:
        """The numbers of the classes that the column of labels names, as far as rows are read; see `NamedParts`."""
        return self._named.numbers

    @cached_property
    def _named(self) -> NamedParts:
        return NamedParts(self._columns.label or "", self._parts.folder)

    @cached_property
    def _parts(self) -> TableParts:
        return TableParts(self.table)

    def _check_part(self, part: pq.ParquetFile, name: str) -> None:
        title = str(file_below(self._parts.folder, name))
        schema = part.schema_arrow
        is_list_of_objects = is_inventory(schema, self._columns)
        for column in told_by_folders(schema, self._columns, name):
            schema = schema.append(pa.field(column, pa.string()))
        of_images = None if is_list_of_objects else self._columns.images
        for field, asked in (
            ("bytes_column" if self.keeps_order else "path_column", of_images),
            ("id_column", self._columns.image_id),
            ("label_column", self._columns.label),
            ("group_column", self._columns.group),
        ):
            if asked:
                check_column(schema, field, asked, title)
                if field != "bytes_column" and is_binary(column_type(schema, asked)):
                    self._check_text(schema, field, asked, name)
        if self._columns.content:
            self._check_row_groups(part, self._columns.content, name)

    def _check_text(self, schema: pa.Schema, field: str, column: str, name: str) -> None:
        """Raise ImagesError if the first of a column of bytes is no text, as in one of images."""
        file = file_below(self._parts.folder, name)
        with self._parts.open(name, buffer_size=_PIECE_BYTES) as by_pieces:
            try:
                first = next(by_pieces.iter_batches(1, columns=[column], use_threads=False), None)
            except BucketError:
                raise
            except (OSError, pa.ArrowException) as error:
                raise _damaged(file, error) from error
        try:
            if first is not None:
                as_texts(column_values(first, column))
        except pa.ArrowException as error:
            raise unfit(schema, field, column, str(file)) from error

    def _check_row_groups(self, part: pq.ParquetFile, column: str, name: str) -> None:
        """Raise ImagesError if a row group is so large that no worker should hold it."""
        large = [group for group in range(part.num_row_groups) if _num_bytes(part, group) > _MAX_ROW_GROUP_BYTES]
        if not large:
            return
        file = file_below(self._parts.folder, name)
        with self._parts.open(name, buffer_size=_PIECE_BYTES) as by_pieces:
            try:
                largest = max(_num_bytes_of(by_pieces, group, column) for group in large)
            except BucketError:
                raise
            except (OSError, pa.ArrowException) as error:
                raise _damaged(file, error) from error
        if largest > _MAX_ROW_GROUP_BYTES:
            raise ImagesError(
                f"Expected row groups of at most {_MAX_ROW_GROUP_BYTES // 1024**2} MiB of images, each is read whole; "
                f"{file} has one of {largest // 1024**2} MiB. Write it with a smaller row_group_size."
            )

    def _rows(self, part: pq.ParquetFile, of: TablePart) -> Iterator[pa.RecordBatch]:
        row = 0
        try:
            own = part.schema_arrow
            listed = [name for name in listed_columns(own, self._columns) if column_type(own, name) is not None]
            for batch in part.iter_batches(_ROWS_AT_ONCE, columns=listed, use_threads=False):
                yield found_rows(batch, self._columns, replace(of, row=row))
                row += batch.num_rows
        except BucketError:
            raise
        except (OSError, pa.ArrowException) as error:
            raise _damaged(file_below(self._parts.folder, of.name), error) from error


def _damaged(part: Location, error: Exception) -> ImagesError:
    return ImagesError(f"Expected a readable Parquet table; {part} is damaged: {one_line(error)}.")


def _num_bytes(part: pq.ParquetFile, group: int) -> int:
    """The bytes of all columns of a row group, uncompressed."""
    return int(part.metadata.row_group(group).total_byte_size)


def _num_bytes_of(part: pq.ParquetFile, group: int, column: str) -> int:
    """The bytes of one column of a row group, uncompressed.

    A row is read first, which raises where the column's description is damaged: `RowGroupMetaData.column`, declared
    in pyarrow as what never raises, ends the process there.
    """
    next(part.iter_batches(1, row_groups=[group], columns=[column], use_threads=False), None)
    leaf = [part.schema.column(index).path for index in range(len(part.schema))].index(column)
    return int(part.metadata.row_group(group).column(leaf).total_uncompressed_size)
