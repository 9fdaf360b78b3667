"""Rows on their way into a manifest: in a file without a name, any number of them in bounded memory, read at random."""

import os
import tempfile
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa
import pyarrow.ipc as ipc

from scoring.errors import StorageError

_ROWS_AT_ONCE = 65_536


class RowSpool:
    """Batches of rows that are written one after the other, sealed, and then read by one thread at a time.

    The file is gone when it is closed.

    Attributes:
        schema: The columns.
        num_rows: Rows so far.
    """

    def __init__(self, schema: pa.Schema) -> None:
        self.schema = schema
        self.num_rows = 0
        self._starts: list[int] = []
        with sorting_faults():
            self._file = tempfile.TemporaryFile()  # noqa: SIM115  # it lives as long as this
        codec = "lz4" if pa.Codec.is_available("lz4") else None
        self._writer = ipc.new_file(self._file, schema, options=ipc.IpcWriteOptions(compression=codec))
        self._reader: ipc.RecordBatchFileReader | None = None
        self._last: tuple[int, pa.RecordBatch] | None = None

    def add(self, batch: pa.RecordBatch) -> None:
        """Write a batch.

        Raises:
            StorageError: If there is no room.
        """
        if batch.num_rows:
            self._starts.append(self.num_rows)
            with sorting_faults():
                self._writer.write_batch(batch)
            self.num_rows += batch.num_rows

    def seal(self) -> None:
        """End writing and allow reading; raises as `add` does."""
        with sorting_faults(), self._file as written:
            self._writer.close()
            written.flush()
            # Arrow's threads hold what they read: were it Python's file, one that lets go of it last, when the process
            # is at its end, would abort that.
            self._file = pa.OSFile(f"/proc/self/fd/{written.fileno()}")
            self._reader = ipc.open_file(self._file)

    @property
    def num_batches(self) -> int:
        """Batches so far."""
        return len(self._starts)

    def batch(self, number: int) -> pa.RecordBatch:
        """One batch; the last one that was asked for is kept."""
        if self._last is None or self._last[0] != number:
            assert self._reader is not None, "it is not sealed"
            self._last = number, self._reader.get_batch(number)
        return self._last[1]

    def batches(self) -> Iterator[pa.RecordBatch]:
        """All batches, in order."""
        return map(self.batch, range(self.num_batches))

    def rows(self, start: int, stop: int) -> pa.Table:
        """The rows of the numbers `start` to before `stop`."""
        parts = []
        number = max(0, bisect_right(self._starts, start) - 1)
        while number < self.num_batches and self._starts[number] < stop:
            first = self._starts[number]
            batch = self.batch(number)
            begin = max(0, start - first)
            parts.append(batch.slice(begin, max(0, min(stop - first, batch.num_rows) - begin)))
            number += 1
        return pa.Table.from_batches(parts, schema=self.schema)

    def close(self) -> None:
        """Remove the file."""
        self._file.close()


@contextmanager
def sorting_faults(kind: type[Exception] = OSError) -> Iterator[None]:
    """Turn what a library raises in the block for want of room into a StorageError of one line.

    Args:
        kind: What the library raises then.
    """
    try:
        yield
    except kind as error:
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else error
        raise StorageError(f"Cannot sort the list of images in {tempfile.gettempdir()}: {reason}.") from error


def in_batches(table: pa.Table, spool: RowSpool, rows: int = _ROWS_AT_ONCE) -> None:
    """Write a table into a spool, in batches of at most `rows` rows."""
    for batch in table.combine_chunks().to_batches(max_chunksize=rows):
        spool.add(batch)
