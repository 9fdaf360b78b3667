"""Read the images that a Parquet table holds in a column of bytes: by their rows, a row group at a time."""

import os
import threading
from bisect import bisect_right
from itertools import accumulate
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from scoring.errors import ChangedError, ImageError, ImagesError, one_line
from scoring.sources.encoded_images import check_size
from scoring.sources.entries import ImageEntry
from scoring.sources.table_columns import column_type, column_values, is_text
from scoring.sources.table_parts import TableParts
from scoring.storage.locations import file_below
from scoring.storage.reach import refuse_absent
from scoring.storage.read_deadline import ReadTimeoutError, read_limit_s, within
from scoring.storage.stamps import has_changed

_BYTES_PER_S = 1024**2  # of a slow network


class BytesReader:
    """Reads images by their rows, and keeps the row group read last: a shard's rows lie beside each other."""

    def __init__(self, parts: TableParts, column: str) -> None:
        self._parts = parts
        self._column = column
        self._turn = threading.Lock()
        self._opened: _OpenedPart | None = None

    def __call__(self, image: ImageEntry) -> bytes:
        """Read one image.

        Raises:
            ImageError: If it cannot be read, or its table has changed since it was listed.
            UnreachableError: If its table is gone.
        """
        names = self._parts.names
        several = os.fsdecode((image.raw_path or image.path.encode()).rpartition(b"#")[0])
        name = names[0] if len(names) == 1 else several
        try:
            encoded = self._value(name, image)
        except (OSError, pa.ArrowException, IndexError, ImagesError) as error:
            refuse_absent(file_below(self._parts.folder, name), error)
            raise ImageError(f"cannot read from table: {one_line(error)}") from error
        content: bytes = encoded.as_py()
        check_size(len(content))
        return content

    def _value(self, name: str, image: ImageEntry) -> Any:
        with self._turn:
            if self._opened is None or self._opened.name != name:
                self._opened = _open_part(self._parts, name, self._column)
            if image.stamp is not None and image.stamp not in self._opened.stamps:
                raise self._opened.has_changed()
            return self._opened.value(image.position or 0)


class _OpenedPart:
    """One file of a table, and its row group that was read last.

    Attributes:
        name: The file's, from the table's folder.
        stamps: All stamps that its content may have; see `TableParts.stamps`.
    """

    def __init__(self, parts: TableParts, name: str, column: str) -> None:
        self.name = name
        self._parts = parts
        self._from_outside, self.stamps = parts.stamp_from_outside(name), parts.stamps(name)
        self._part: pq.ParquetFile = parts.open(name)
        self._column = column
        groups = range(self._part.num_row_groups)
        self._ends = list(accumulate(self._part.metadata.row_group(group).num_rows for group in groups))
        self._images: Any = None
        self._group = -1
        self._is_another = False
        self._given_up: dict[int, ReadTimeoutError] = {}

    def value(self, row: int) -> Any:
        """The value in a row, of the content that the stamps tell.

        Raises:
            OSError: If it cannot be read in time, or the file has changed.
            IndexError: If there is no such row group.
            ImageError: If the row holds no image.
        """
        group = bisect_right(self._ends, row)
        if group != self._group:
            self._read(group)
        encoded = self._images[row - (self._ends[group - 1] if group else 0)]
        if not encoded.is_valid:
            paths = _paths_beside(self._part.schema_arrow, self._column)
            advice = f"; {paths} may name one: score those rows by `path_column`" if paths else ""
            raise ImageError(f"the table's row holds no image{advice}")
        return encoded

    def has_changed(self) -> ChangedError:
        """What to raise where the file is no longer the one that was listed."""
        return has_changed(file_below(self._parts.folder, self.name))

    def _refuse_another(self) -> None:
        self._is_another |= self._parts.stamp_from_outside(self.name) != self._from_outside
        if self._is_another:
            raise self.has_changed()

    def _read(self, group: int) -> None:
        if self._is_another:
            raise self.has_changed()
        if group in self._given_up:  # at once: its other rows need not wait as long
            raise ReadTimeoutError(str(self._given_up[group]))
        try:
            images = within(self._limit_s(group), self._load, group)
        except ReadTimeoutError as error:
            self._given_up[group] = error
            raise
        except (OSError, pa.ArrowException):  # of a file that is written anew in its place
            self._refuse_another()
            raise
        self._refuse_another()
        self._images, self._group = images, group

    def _limit_s(self, group: int) -> float | None:
        """Seconds that a row group may take: what one image may, and one for each MiB; None for any time."""
        limit_s = read_limit_s()
        return limit_s and limit_s + self._part.metadata.row_group(group).total_byte_size // _BYTES_PER_S

    def _load(self, group: int) -> Any:
        rows = self._part.read_row_group(group, columns=[self._column], use_threads=False)  # it is one column
        return column_values(rows, self._column)


def _open_part(parts: TableParts, name: str, column: str) -> _OpenedPart:
    """Open a part that was a Parquet file when it was listed: it has changed if it is none now."""
    try:
        return _OpenedPart(parts, name, column)
    except ImagesError as error:
        if getattr(error.__cause__, "errno", None) is None:  # neither the system's nor the network's fault
            raise has_changed(file_below(parts.folder, name)) from error
        raise


def _paths_beside(schema: pa.Schema, column: str) -> str | None:
    """The column of paths that Hugging Face has beside one of bytes, `image.path`, for photos that lie elsewhere."""
    outer, dot, _ = column.rpartition(".")
    name = f"{outer}.path"
    kind = column_type(schema, name) if dot else None
    return name if kind is not None and is_text(kind) else None
