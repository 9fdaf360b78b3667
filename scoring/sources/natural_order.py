"""Sort any number of rows in natural order (2 before 10) in bounded memory: sorted runs on disk, merged."""

import heapq
import re
import tempfile
from collections.abc import Iterable, Iterator
from itertools import count, islice
from pathlib import Path
from typing import Any, TypeAlias

import pyarrow as pa
from natsort import natsort_keygen

from scoring.storage.durable import storage_faults

# What is sorted: its key, its path, and what belongs to it.
Row: TypeAlias = tuple[Any, ...]

RUN_ROWS = 100_000  # sorted in memory at a time: about 60 MB
_MOST_RUNS = 500  # open at a time: half of what Linux allows a process by default
_BATCH_ROWS = 4096

_DIGITS = re.compile("[0-9]+")
_natural = natsort_keygen()


def natural_key(text: str) -> str:
    """A text whose plain order is the natural order of `text`, as natsort has it.

    Numbers become the count of their digits and then the digits, behind a character that is in no file name and comes
    before all others.
    """
    if text.isascii():
        return _DIGITS.sub(lambda digits: _number(digits[0]), text)
    return "".join(part if isinstance(part, str) else _number(str(part)) for part in _natural(text))


def _number(digits: str) -> str:
    digits = digits.lstrip("0")
    return f"\0{len(digits):05d}{digits}"


def sort_rows(rows: Iterable[Row], schema: pa.Schema, path: Path) -> None:
    """Sort rows by their first two fields, which are texts, into an Arrow file.

    Args:
        rows: Any number; a hundred thousand are in memory at a time.
        schema: Of the rows.
        path: Where the sorted rows go.
    """
    with tempfile.TemporaryDirectory(prefix="shardscore-", dir=path.parent) as scratch:
        runs: list[Path] = []
        names = (Path(scratch) / str(number) for number in count())
        remaining = iter(rows)
        while run := sorted(islice(remaining, RUN_ROWS), key=_first_two):
            if len(runs) == _MOST_RUNS:
                runs = [_merge(runs, schema, next(names))]
            runs.append(write_rows(run, schema, next(names)))
        _merge(runs, schema, path)


def read_rows(path: Path) -> Iterator[Row]:
    """The rows of an Arrow file, a few thousand in memory at a time."""
    with pa.OSFile(str(path)) as file, pa.ipc.open_file(file) as stored:
        for number in range(stored.num_record_batches):
            yield from zip(*(column.to_pylist() for column in stored.get_batch(number).columns), strict=True)


class StoredRows:
    """The rows of an Arrow file by their number; the file may be unlinked while this is held."""

    def __init__(self, path: Path) -> None:
        self._batches = pa.ipc.open_file(pa.OSFile(str(path)))
        self._batch_rows: int = self._batches.get_batch(0).num_rows
        last = self._batches.num_record_batches - 1
        self._num_rows: int = last * self._batch_rows + self._batches.get_batch(last).num_rows

    def __len__(self) -> int:
        return self._num_rows

    def between(self, start: int, stop: int) -> Iterator[Row]:
        """The rows from `start` to before `stop`; only theirs are read."""
        for number in range(start // self._batch_rows, -(-stop // self._batch_rows)):
            first = number * self._batch_rows
            begin = max(start - first, 0)
            rows = self._batches.get_batch(number).slice(begin, stop - first - begin)
            yield from zip(*(column.to_pylist() for column in rows.columns), strict=True)


def _merge(runs: list[Path], schema: pa.Schema, path: Path) -> Path:
    write_rows(heapq.merge(*(read_rows(run) for run in runs), key=_first_two), schema, path)
    for run in runs:
        run.unlink()
    return path


def write_rows(rows: Iterable[Row], schema: pa.Schema, path: Path) -> Path:
    """Write rows into an Arrow file in their order; return its path."""
    remaining = iter(rows)
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, schema) as stored:
        while batch := list(islice(remaining, _BATCH_ROWS)):
            columns = zip(*batch, strict=True)
            arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
            with storage_faults(path):
                stored.write_batch(pa.record_batch(arrays, schema=schema))
    return path


def _first_two(row: Row) -> Row:
    return row[:2]
